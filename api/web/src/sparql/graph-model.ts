/** A result as nodes and edges. Pure; how they look is elsewhere. */

import type { Result, Term } from "./result";

export interface Node {
  readonly id: string;
  readonly term: Term;
  readonly degree: number;
}

export interface Edge {
  readonly source: string;
  readonly target: string;
  /** The predicate, or the name of the column that the target stands in. */
  readonly label: Term | string;
}

export interface Network {
  readonly nodes: readonly Node[];
  readonly edges: readonly Edge[];
  /** Whether the result has more than these. */
  readonly cut: boolean;
  /** The literals said of each node. */
  readonly said: ReadonlyMap<string, readonly (readonly [Term | string, Term])[]>;
}

export const MOST_NODES = 150;
export const MOST_EDGES = 400;
const NAMES: readonly (readonly string[])[] = [
  ["subject", "predicate", "object"],
  ["s", "p", "o"],
  ["sub", "pred", "obj"],
];

/** Which columns are source, edge and target; undefined for a result that is no network. */
export function columnsOf(result: Result): { source: number; edge: number; target: number } | undefined {
  for (const names of NAMES) {
    const [source, edge, target] = names.map((name) => result.columns.indexOf(name));
    if (source !== undefined && edge !== undefined && target !== undefined && Math.min(source, edge, target) >= 0) {
      return { source, edge, target };
    }
  }
  const things = result.columns.map((_, column) => column).filter((column) => isThings(result, column));
  const [source, target] = things;
  return source === undefined || target === undefined ? undefined : { source, edge: -1, target };
}

function isThings(result: Result, column: number): boolean {
  const some = result.rows.slice(0, 200).map((row) => row[column]).filter((term) => term !== undefined);
  return some.length > 0 && some.every((term) => term.type === "uri" || term.type === "bnode");
}

export function networkOf(result: Result): Network | undefined {
  const columns = columnsOf(result);
  if (!columns) return undefined;
  const terms = new Map<string, Term>();
  const degrees = new Map<string, number>();
  const edges = new Map<string, Edge>();
  const said = new Map<string, (readonly [Term | string, Term])[]>();
  let cut = result.cut;
  const add = (term: Term): string | undefined => {
    const id = `${term.type} ${term.value}`;
    if (!terms.has(id)) {
      if (terms.size >= MOST_NODES) {
        cut = true;
        return undefined;
      }
      terms.set(id, term);
    }
    return id;
  };
  for (const row of result.rows) {
    const [source, target] = [row[columns.source], row[columns.target]];
    if (!source || !target || source.type === "literal") continue;
    const label = (columns.edge < 0 ? undefined : row[columns.edge]) ?? result.columns[columns.target] ?? "";
    const from = add(source);
    if (from === undefined) continue;
    if (target.type === "literal") {
      const list = said.get(from) ?? [];
      if (list.length < 50) list.push([label, target]);
      said.set(from, list);
      continue;
    }
    const to = add(target);
    if (to === undefined) continue;
    const key = JSON.stringify([from, to, typeof label === "string" ? label : label.value]);
    if (edges.has(key)) continue;
    if (edges.size >= MOST_EDGES) {
      cut = true;
      continue;
    }
    edges.set(key, { source: from, target: to, label });
    degrees.set(from, (degrees.get(from) ?? 0) + 1);
    degrees.set(to, (degrees.get(to) ?? 0) + 1);
  }
  if (terms.size === 0) return undefined;
  const nodes = [...terms].map(([id, term]) => ({ id, term, degree: degrees.get(id) ?? 0 }));
  return { nodes, edges: [...edges.values()], cut, said };
}
