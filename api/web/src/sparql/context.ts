/** What every view of a result gets: the result, words, links, and labels as they come. */

import type { Child, Texts } from "./dom";
import { el } from "./dom";
import type { Result, Term } from "./result";
import { cut, hrefOf, nameOf, type Place, shorten } from "./show";

export interface View {
  readonly result: Result;
  readonly t: Texts;
  readonly place: Place;
  readonly number: Intl.NumberFormat;
  readonly collator: Intl.Collator;
  readonly labels: ReadonlyMap<string, string>;
  /** Ask for labels that are not known yet; true if some came. */
  readonly learn: (iris: Iterable<string>) => Promise<boolean>;
}

export function named(view: View, term: Term | undefined, most?: number): string {
  return nameOf(term, view.place, view.labels, most);
}

/** A term with its link, language and datatype; `plain` shows IRIs as they are. */
export function shown(view: View, term: Term | undefined, plain = false): Child {
  const { t, place } = view;
  if (!term) return el("span", { title: t("unbound") }, "–");
  if (term.type === "uri") {
    const text = plain ? cut(shorten(term.value, place.prefixes)).text : named(view, term);
    const href = hrefOf(term.value, place);
    const inside = el("bdi", {}, text);
    return href ? el("a", { href, rel: "noreferrer", title: cut(term.value).text }, inside) : inside;
  }
  if (term.type !== "literal") return el("bdi", {}, named(view, term));
  const { text, missing } = cut(term.value);
  const tag = term.lang ? `@${term.lang}` : term.datatype && !term.datatype.endsWith("#string") ? shorten(term.datatype, place.prefixes) : "";
  const whole = el("span", {}, el("bdi", term.lang ? { lang: term.lang } : {}, text));
  if (missing > 0) whole.append(" ", el("span", { class: "tag" }, t("more-characters", { n: view.number.format(missing) })));
  if (tag) whole.append(" ", el("span", { class: "tag" }, cut(tag, 80).text));
  return whole;
}

/** What stands where a view has nothing to show. */
export function empty(title: string, why: string): HTMLElement {
  return el("div", { class: "empty" }, el("p", { class: "empty-title" }, title), el("p", {}, why));
}
