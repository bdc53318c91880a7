/** Answers of the endpoint as values: solutions, yes or no, triples. Pure: text in, values out. */

export interface Term {
  readonly type: "uri" | "bnode" | "literal" | "triple";
  readonly value: string;
  readonly lang?: string;
  readonly datatype?: string;
}

export type Row = readonly (Term | undefined)[];

export interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** Whether there are more rows than these. */
  readonly cut: boolean;
  /** The answer of ASK. */
  readonly boolean?: boolean;
  /** Whether the rows are triples of CONSTRUCT or DESCRIBE. */
  readonly triples: boolean;
}

/** Rows that the page holds at most; the rest is a download away. */
export const MOST_ROWS = 10_000;

/**
 * SPARQL 1.1 results in JSON. `complete` is false for a text that was cut off somewhere after its head:
 * its whole rows are read.
 */
export function readSolutions(text: string, complete: boolean, most = MOST_ROWS): Result {
  if (complete) {
    const document = JSON.parse(text) as JsonResults;
    if (typeof document.boolean === "boolean") {
      return { columns: [], rows: [], cut: false, boolean: document.boolean, triples: false };
    }
    const columns = document.head.vars ?? [];
    const bindings = document.results?.bindings ?? [];
    return {
      columns,
      rows: bindings.slice(0, most).map((binding) => rowOf(binding, columns)),
      cut: bindings.length > most,
      triples: false,
    };
  }
  const start = /"bindings"\s*:\s*\[/.exec(text);
  const head = /"vars"\s*:\s*(\[[^\]]*\])/.exec(text);
  if (!start || !head?.[1]) return { columns: [], rows: [], cut: true, triples: false };
  const columns = JSON.parse(head[1]) as string[];
  const rows: Row[] = [];
  for (const binding of wholeObjects(text, start.index + start[0].length, most)) {
    rows.push(rowOf(JSON.parse(binding) as Binding, columns));
  }
  return { columns, rows, cut: true, triples: false };
}

interface JsonTerm {
  readonly type: string;
  readonly value: unknown;
  readonly "xml:lang"?: string;
  readonly datatype?: string;
}
type Binding = Readonly<Record<string, JsonTerm>>;
interface JsonResults {
  readonly head: { readonly vars?: readonly string[] };
  readonly boolean?: boolean;
  readonly results?: { readonly bindings: readonly Binding[] };
}

function rowOf(binding: Binding, columns: readonly string[]): Row {
  // Object.hasOwn: a variable may be called like something that every object has.
  return columns.map((name) => (Object.hasOwn(binding, name) ? termOf(binding[name]) : undefined));
}

function termOf(json: JsonTerm | undefined): Term | undefined {
  if (!json) return undefined;
  switch (json.type) {
    case "uri":
    case "bnode":
      return { type: json.type, value: String(json.value) };
    case "triple":
      return { type: "triple", value: tripleText(json.value) };
    default: {
      const term: { type: "literal"; value: string; lang?: string; datatype?: string } = {
        type: "literal",
        value: String(json.value),
      };
      if (json["xml:lang"]) term.lang = json["xml:lang"];
      if (json.datatype) term.datatype = json.datatype;
      return term;
    }
  }
}

function tripleText(value: unknown): string {
  const part = (name: string): string => {
    const json = (value as Record<string, JsonTerm> | null)?.[name];
    const term = termOf(json);
    if (!term) return "";
    return term.type === "uri" ? `<${term.value}>` : term.type === "literal" ? JSON.stringify(term.value) : term.value;
  };
  return `<<( ${part("subject")} ${part("predicate")} ${part("object")} )>>`;
}

/** Each whole {…} of a JSON array from `start` on, `most` of them at most. */
function* wholeObjects(text: string, start: number, most: number): Generator<string> {
  let depth = 0;
  let begin = start;
  let inString = false;
  let found = 0;
  for (let at = start; at < text.length && found < most; at += 1) {
    const sign = text[at];
    if (inString) {
      if (sign === "\\") at += 1;
      else if (sign === '"') inString = false;
    } else if (sign === '"') inString = true;
    else if (sign === "{") {
      if (depth === 0) begin = at;
      depth += 1;
    } else if (sign === "}") {
      depth -= 1;
      if (depth === 0) {
        found += 1;
        yield text.slice(begin, at + 1);
      }
    } else if (sign === "]" && depth === 0) return;
  }
}

const TRIPLE =
  /^\s*(<[^>]*>|_:\S+)\s+(<[^>]*>)\s+(<[^>]*>|_:\S+|"(?:[^"\\]|\\.)*"(?:@[A-Za-z0-9-]+|\^\^<[^>]*>)?)\s*\.\s*$/s;

/** Triples in N-Triples. A line that is cut off, or that holds a triple term, is left out. */
export function readTriples(text: string, complete: boolean, most = MOST_ROWS): Result {
  const rows: Row[] = [];
  let start = 0;
  while (start < text.length && rows.length < most) {
    const end = text.indexOf("\n", start);
    if (end < 0 && !complete) break;
    const line = text.slice(start, end < 0 ? text.length : end);
    start = end < 0 ? text.length : end + 1;
    const parts = TRIPLE.exec(line);
    if (parts?.[1] && parts[2] && parts[3]) rows.push([parts[1], parts[2], parts[3]].map(termOfLine));
  }
  const rest = text.slice(start).trim() !== "";
  return { columns: ["subject", "predicate", "object"], rows, cut: !complete || rest, triples: true };
}

function termOfLine(text: string): Term {
  if (text.startsWith("<")) return { type: "uri", value: unescaped(text.slice(1, -1)) };
  if (text.startsWith("_:")) return { type: "bnode", value: text.slice(2) };
  const end = text.lastIndexOf('"');
  const value = unescaped(text.slice(1, end));
  const rest = text.slice(end + 1);
  if (rest.startsWith("@")) return { type: "literal", value, lang: rest.slice(1) };
  if (rest.startsWith("^^")) return { type: "literal", value, datatype: rest.slice(3, -1) };
  return { type: "literal", value };
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", b: "\b", n: "\n", r: "\r", f: "\f" };

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/g, (_, short?: string, long?: string, sign?: string) => {
    const code = short ?? long;
    if (code === undefined) return ESCAPES[sign ?? ""] ?? sign ?? "";
    const point = Number.parseInt(code, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd";
  });
}
