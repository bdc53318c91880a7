/** A result as a table: sorted by a column, fifty rows at a time. */

import { empty, named, shown, type View } from "./context";
import { el } from "./dom";
import { compare } from "./show";
import { numberOf } from "./show";

export const PAGE = 50;

/** Rows `page` * PAGE and on, in the order of a column (-1: as they came). */
export function order(view: View, column: number, down: boolean): readonly number[] {
  const rows = view.result.rows;
  const indices = rows.map((_, index) => index);
  if (column < 0) return indices;
  const sign = down ? -1 : 1;
  return indices.sort((one, other) => {
    const [first, second] = [rows[one]?.[column], rows[other]?.[column]];
    const found = compare(first, second, view.collator, (term) => named(view, term));
    // What is missing stays last, whichever way.
    return (first && second ? sign * found : found) || one - other;
  });
}

export function table(view: View): HTMLElement {
  const { result, t } = view;
  if (result.rows.length === 0) return empty(t("empty"), t("empty.why"));
  let [column, down, page, plain] = [-1, false, 0, false];
  let rows = order(view, column, down);
  const pages = Math.ceil(result.rows.length / PAGE);

  const body = el("tbody");
  const heads = result.columns.map((name, index) => {
    const button = el("button", { type: "button", class: "sort" }, el("bdi", {}, name), el("span", { class: "arrow", "aria-hidden": "true" }));
    button.addEventListener("click", () => {
      down = column === index && !down;
      column = index;
      page = 0;
      rows = order(view, column, down);
      heads.forEach((head, at) => {
        if (at === index) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      fill();
    });
    return el("th", { scope: "col" }, button);
  });
  const where = el("span", { class: "where" });
  const [back, on] = [el("button", { type: "button", class: "quiet" }, t("page.back")), el("button", { type: "button", class: "quiet" }, t("page.on"))];
  back.addEventListener("click", () => { turn(-1); });
  on.addEventListener("click", () => { turn(1); });
  const turn = (by: number): void => {
    page = Math.min(pages - 1, Math.max(0, page + by));
    fill();
  };
  const names = el("input", { type: "checkbox", id: "names" });
  names.checked = true;
  names.addEventListener("change", () => {
    plain = !names.checked;
    draw();
  });

  const draw = (): void => {
    const from = page * PAGE;
    const visible = rows.slice(from, from + PAGE);
    body.replaceChildren(
      ...visible.map((index) =>
        el(
          "tr",
          {},
          ...result.columns.map((_, at) => {
            const term = result.rows[index]?.[at];
            const kind = term ? (numberOf(term) === undefined ? term.type : "number") : "unbound";
            return el("td", { class: kind }, shown(view, term, plain));
          }),
        ),
      ),
    );
    where.textContent = t("page.where", {
      from: view.number.format(from + 1),
      to: view.number.format(from + visible.length),
      all: view.number.format(rows.length) + (result.cut ? "+" : ""),
    });
    // aria-disabled: a button that goes away under the finger would take the focus with it.
    back.setAttribute("aria-disabled", String(page === 0));
    on.setAttribute("aria-disabled", String(page >= pages - 1));
  };
  const fill = (): void => {
    draw();
    const iris = rows
      .slice(page * PAGE, (page + 1) * PAGE)
      .flatMap((index) => result.rows[index] ?? [])
      .flatMap((term) => (term?.type === "uri" ? [term.value] : []));
    void view.learn(iris).then((came) => {
      if (came) draw();
    });
  };
  fill();

  const grid = el("table", {}, el("caption", { class: "unseen" }, t("table.caption")), el("thead", {}, el("tr", {}, ...heads)), body);
  return el(
    "div",
    {},
    el("p", { class: "choice" }, names, el("label", { for: "names" }, t("table.names"))),
    el("div", { class: "table", tabindex: "0", role: "region", "aria-label": t("table.caption") }, grid),
    pages > 1 ? el("nav", { class: "pager", "aria-label": t("page.label") }, back, where, on) : undefined,
  );
}
