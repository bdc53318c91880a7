/** What may be completed at the cursor, and with what. Pure: no editor is known here. */

export interface OntologyTerm {
  readonly name: string;
  readonly iri: string;
  readonly kind: "class" | "property";
  readonly label: string;
}

export interface Spot {
  /** Where the word begins in its line. */
  readonly from: number;
  readonly word: string;
  /** What the place in the triple suggests. */
  readonly kind: "class" | "property" | "variable";
}

export interface Suggestion {
  readonly text: string;
  readonly name: string;
  readonly label: string;
  /** A prefix that the query has to declare first, with its namespace. */
  readonly prefix?: readonly [string, string];
}

const WORD = /[\p{L}\p{N}_:.-]*$/u;
const VARIABLE = /[?$][\p{L}\p{N}_]*$/u;
/** Suggestions shown at once. */
export const SHOWN = 40;

/**
 * The word before the cursor: `before` is all text up to it. Undefined within comments, strings and <…>,
 * and where nothing worth completing has been typed.
 */
export function spotOf(before: string, asked: boolean): Spot | undefined {
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const plain = tokens(before);
  if (plain.open) return undefined;
  const variable = VARIABLE.exec(line);
  if (variable) {
    const word = variable[0];
    return word.length > 1 || asked ? { from: line.length - word.length, word, kind: "variable" } : undefined;
  }
  const word = WORD.exec(line)?.[0] ?? "";
  if (!asked && (/^[\d.-]/.test(word) || word.length < 2)) return undefined;
  const before_word = plain.list.slice(0, word === "" ? undefined : -1);
  return { from: line.length - word.length, word, kind: placeOf(before_word) };
}

/** Whether the next term is an object of `a` (a class) or anything else (a property). */
function placeOf(list: readonly string[]): "class" | "property" {
  const last = list.at(-1) ?? "";
  if (last === "a" || /(?:^|:)(?:type|subClassOf|domain|range)>?$/.test(last)) return "class";
  // ?x a kym:One, … : still the same predicate.
  if (last === "," && list.lastIndexOf("a") > Math.max(list.lastIndexOf(";"), list.lastIndexOf("."))) return "class";
  return "property";
}

/** The tokens of a query, roughly; `open` says that the text ends within a comment, a string or an IRI. */
function tokens(text: string): { list: string[]; open: boolean } {
  const list: string[] = [];
  const scanner =
    /#[^\n]*|"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:[^"\\\n]|\\.)*(?:"|$)|'(?:[^'\\\n]|\\.)*(?:'|$)|<[^\s<>]*(?:>|$)|[?$]?[\p{L}\p{N}_:-][\p{L}\p{N}_:.-]*|\S/gu;
  let open = false;
  for (const match of text.matchAll(scanner)) {
    const token = match[0];
    const ends = match.index + token.length === text.length;
    if (token.startsWith("#")) {
      open = ends;
      continue;
    }
    const quote = /^(?:"""|'''|"|')/.exec(token)?.[0];
    if (quote) open = ends && (token.length < 2 * quote.length || !token.endsWith(quote));
    else if (token.startsWith("<")) open = ends && token.length > 1 && !token.endsWith(">");
    else open = false;
    list.push(token);
  }
  return { list, open };
}

/** Prefixes that a query declares. */
export function declared(query: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const match of query.matchAll(/^\s*PREFIX\s+([\p{L}\p{N}_.-]*):\s*<([^<>\s]*)>/gimu)) {
    found.set(match[1] ?? "", match[2] ?? "");
  }
  return found;
}

/** Variables of a query, each once, in the order in which they come. */
export function variables(query: string): string[] {
  return [...new Set([...query.matchAll(/[?$]([\p{L}\p{N}_]+)/gu)].map((match) => `?${match[1] ?? ""}`))];
}

/** What fits a spot: the kind that the place suggests first, then names that begin so, then labels. */
export function suggest(
  spot: Spot,
  terms: readonly OntologyTerm[],
  prefixes: Readonly<Record<string, string>>,
  query: string,
): Suggestion[] {
  if (spot.kind === "variable") {
    return variables(query)
      .filter((name) => name !== spot.word && name.startsWith(`?${spot.word.slice(1)}`))
      .slice(0, SHOWN)
      .map((name) => ({ text: name, name, label: "" }));
  }
  const wanted = fold(spot.word);
  const ranked: { rank: number; term: OntologyTerm }[] = [];
  for (const term of terms) {
    const fit = fitOf(term, wanted);
    if (fit !== undefined) ranked.push({ rank: fit + (term.kind === spot.kind ? 0 : 10), term });
  }
  ranked.sort((one, other) => one.rank - other.rank || one.term.name.localeCompare(other.term.name));
  const own = declared(query);
  return ranked.slice(0, SHOWN).map(({ term }) => insertion(term, own, prefixes));
}

function fitOf(term: OntologyTerm, wanted: string): number | undefined {
  const name = fold(term.name);
  if (wanted === "" || name.startsWith(wanted)) return 0;
  const local = name.slice(name.indexOf(":") + 1);
  if (local.startsWith(wanted)) return 1;
  // A colon is only in names: labels have none.
  if (wanted.includes(":")) {
    const [prefix, rest] = [wanted.slice(0, wanted.indexOf(":") + 1), wanted.slice(wanted.indexOf(":") + 1)];
    if (name.startsWith(prefix) && (local.includes(rest) || fold(term.label).includes(rest))) return 4;
    return undefined;
  }
  const label = fold(term.label);
  if (label.startsWith(wanted)) return 2;
  if (label.split(/[\s-]+/).some((part) => part.startsWith(wanted))) return 3;
  return wanted.length > 2 && local.includes(wanted) ? 5 : undefined;
}

function fold(text: string): string {
  return text.toLocaleLowerCase("fi");
}

function insertion(term: OntologyTerm, own: ReadonlyMap<string, string>, prefixes: Readonly<Record<string, string>>): Suggestion {
  for (const [prefix, space] of own) {
    const rest = term.iri.slice(space.length);
    if (term.iri.startsWith(space) && LOCAL.test(rest)) {
      return { text: `${prefix}:${rest}`, name: term.name, label: term.label };
    }
  }
  const colon = term.name.indexOf(":");
  const prefix = term.name.slice(0, colon);
  const space = prefixes[prefix];
  if (space !== undefined && !own.has(prefix) && LOCAL.test(term.name.slice(colon + 1))) {
    return { text: term.name, name: term.name, label: term.label, prefix: [prefix, space] };
  }
  return { text: `<${term.iri}>`, name: term.name, label: term.label };
}

/** Local names that need no escapes. */
const LOCAL = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*)$/u;
