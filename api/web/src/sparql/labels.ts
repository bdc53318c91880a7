/** Labels of the IRIs in a result: one query for what is shown, in the reader's language first. Pure. */

import type { Result } from "./result";

/** IRIs that one query asks about. */
export const AT_ONCE = 300;

/** Exactly what may stand between < and > in SPARQL; anything else would end the query early. */
const IRIREF = /^[^\x00-\x20<>"{}|\\^`]{1,2000}$/;

/** The query for the labels of `iris`; "" where none of them can be asked about. */
export function labelQuery(iris: Iterable<string>): string {
  const asked = [...new Set(iris)].filter((iri) => IRIREF.test(iri)).slice(0, AT_ONCE);
  if (asked.length === 0) return "";
  return [
    "PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>",
    "PREFIX skos: <http://www.w3.org/2004/02/skos/core#>",
    "SELECT ?thing ?label WHERE {",
    `  VALUES ?thing { ${asked.map((iri) => `<${iri}>`).join(" ")} }`,
    "  ?thing skos:prefLabel|rdfs:label ?label",
    "}",
  ].join("\n");
}

/** The best label of each thing: the reader's language, then the others of the house, then any. */
export function choose(answer: Result, languages: readonly string[]): Map<string, string> {
  const best = new Map<string, { rank: number; text: string }>();
  for (const [thing, label] of answer.rows) {
    if (thing?.type !== "uri" || label?.type !== "literal") continue;
    const place = languages.indexOf((label.lang ?? "").split("-")[0] ?? "");
    const rank = place < 0 ? languages.length : place;
    const known = best.get(thing.value);
    if (!known || rank < known.rank) best.set(thing.value, { rank, text: label.value });
  }
  return new Map([...best].map(([iri, { text }]) => [iri, text]));
}
