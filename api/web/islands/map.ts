/** The map: the year is live, and each place counts its things anew from the rows of the table. */

import { live } from "../lib/years";

const rows = [...document.querySelectorAll<HTMLElement>("tr[data-of]")];

/** A thing counts once for a place, however many rows tell of it; the best-known time counts. */
function count(): void {
  const places = new Map<string, Map<string, boolean>>();
  for (const row of rows) {
    const { of = "", thing = "", state } = row.dataset;
    if (state === "out") continue;
    const things = places.get(of) ?? new Map<string, boolean>();
    things.set(thing, state !== "unknown" || things.get(thing) === true);
    places.set(of, things);
  }
  for (const cell of document.querySelectorAll<HTMLElement | SVGElement>("[data-place]")) {
    const dated = [...(places.get(cell.dataset["place"] ?? "")?.values() ?? [])];
    for (const number of cell.querySelectorAll<HTMLElement | SVGElement>("[data-count]")) {
      const wanted = number.dataset["count"] === "dated";
      number.textContent = String(dated.filter((told) => told === wanted).length);
    }
  }
}

live((year) => {
  for (const part of document.querySelectorAll<HTMLElement>("[data-year]")) part.dataset["year"] = String(year ?? "");
  count();
  for (const group of document.querySelectorAll(".groups details")) {
    const number = group.querySelector("[data-listed]");
    if (number) number.textContent = String(group.querySelectorAll('li:not([data-state="out"])').length);
  }
});
