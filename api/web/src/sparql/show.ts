/** How terms look: names with prefixes, links that are safe, texts cut to length. Pure. */

import type { Term } from "./result";

/** Characters of a value that a cell shows; the rest is in the raw view and the downloads. */
export const LONGEST = 300;

export interface Place {
  /** The IRI that all of the project begin with. */
  readonly base: string;
  /** What stands before the paths of this server. */
  readonly root: string;
  readonly lang: string;
  readonly prefixes: Readonly<Record<string, string>>;
}

/** `iri` as prefix:name where a prefix fits; the longest fitting namespace wins. */
export function shorten(iri: string, prefixes: Readonly<Record<string, string>>): string {
  let best = "";
  let found = iri;
  for (const [prefix, space] of Object.entries(prefixes)) {
    if (space.length > best.length && iri.startsWith(space) && iri !== space) {
      best = space;
      found = `${prefix}:${iri.slice(space.length)}`;
    }
  }
  return found;
}

/** Where an IRI leads: to its page here if it is one of ours, else to itself if that is http(s); "" else. */
export function hrefOf(iri: string, place: Place): string {
  const { base, root, lang } = place;
  const ids = `${base}id/`;
  if (iri.startsWith(ids) && iri !== ids && !/[#?]/.test(iri)) {
    const path = iri.slice(ids.length).split("/").map(encodeURIComponent).join("/");
    return `${root}/page/${path}?lang=${lang}`;
  }
  if (iri.startsWith(`${base}graph/`) || iri.startsWith(`${base}ontology`)) {
    return `${root}/page?iri=${encodeURIComponent(iri)}&lang=${lang}`;
  }
  return /^https?:\/\/[^\s<>"]+$/.test(iri) ? iri : "";
}

/** A text that is not longer than `most` characters, and whether some is missing. */
export function cut(text: string, most = LONGEST): { text: string; missing: number } {
  if (text.length <= most) return { text, missing: 0 };
  // Not between the two halves of a character.
  const end = /[\ud800-\udbff]/.test(text[most - 1] ?? "") ? most - 1 : most;
  return { text: `${text.slice(0, end)}…`, missing: text.length - end };
}

/** What a term is called on the page, without markup. */
export function nameOf(term: Term | undefined, place: Place, labels: ReadonlyMap<string, string>, most = LONGEST): string {
  if (!term) return "";
  if (term.type === "uri") return cut(labels.get(term.value) ?? shorten(term.value, place.prefixes), most).text;
  return cut(term.type === "bnode" ? `_:${term.value}` : term.value, most).text;
}

const NUMERIC = /(?:#|:)(?:integer|decimal|double|float|long|int|short|byte|nonNegativeInteger|positiveInteger|nonPositiveInteger|negativeInteger|unsigned(?:Long|Int|Short|Byte)|gYear)$/;

/** The number that a literal holds; undefined for what is no number by its datatype. */
export function numberOf(term: Term | undefined): number | undefined {
  if (term?.type !== "literal" || !term.datatype || !NUMERIC.test(term.datatype)) return undefined;
  if (term.datatype.endsWith("gYear") && !/^-?\d{4,}$/.test(term.value)) return undefined;
  const number = Number(term.value);
  return Number.isFinite(number) ? number : undefined;
}

/** The order of two cells: nothing last, numbers by size, everything else as the language sorts it. */
export function compare(one: Term | undefined, other: Term | undefined, collator: Intl.Collator, name: (term: Term) => string): number {
  if (!one || !other) return Number(!one) - Number(!other);
  const [first, second] = [numberOf(one), numberOf(other)];
  if (first !== undefined && second !== undefined) return first - second;
  if ((first === undefined) !== (second === undefined)) return first === undefined ? 1 : -1;
  return collator.compare(name(one), name(other));
}
