/**
 * The year of a page, live: the slider and the list of its form turn elements in and out without a new page.
 *
 * The rule is the server's (api/portal/times.py): an element whose time is not told stays in every year.
 */

export type State = "in" | "open" | "unknown" | "out";

/** How a span of years stands to a year; without one, whether any time is told. */
export function stateOf(first: number | null, last: number | null, year: number | null): State {
  if (first === null && last === null) return "unknown";
  if (year === null) return "in";
  if ((first !== null && year < first) || (last !== null && year > last)) return "out";
  return first === null || last === null ? "open" : "in";
}

function number(text: string | undefined): number | null {
  return text ? Number(text) : null;
}

/** All elements that have a time. Those without one keep the state that the server gave them. */
function turn(year: number | null): void {
  for (const element of document.querySelectorAll<HTMLElement | SVGElement>("[data-from]")) {
    const first = number(element.dataset["from"]);
    const last = number(element.dataset["until"]);
    if (first !== null || last !== null) element.dataset["state"] = stateOf(first, last, year);
  }
}

function tally(): void {
  for (const cell of document.querySelectorAll<HTMLElement>("[data-tally]")) {
    const rows = document.querySelectorAll(`[data-counted][data-state="${cell.dataset["tally"] ?? ""}"]`);
    cell.textContent = String(rows.length);
  }
}

/** Make the form of years live; `also` is told of each change, after the elements have turned. */
export function live(also: (year: number | null) => void): void {
  const form = document.querySelector<HTMLFormElement>("form[data-years]");
  const list = form?.querySelector("select");
  const slider = form?.querySelector<HTMLInputElement>("input[type=range]");
  const button = form?.querySelector("button");
  if (!form || !list || !slider || !button) return;
  const show = (year: number | null): void => {
    turn(year);
    tally();
    also(year);
    const address = new URL(location.href);
    if (year === null) address.searchParams.delete("year");
    else address.searchParams.set("year", String(year));
    history.replaceState(null, "", address);
    // Links of this page to itself keep the year.
    for (const link of document.querySelectorAll<HTMLAnchorElement | SVGAElement>("a[data-keeps-year], .languages a")) {
      const target = new URL(link.getAttribute("href") ?? "", location.href);
      if (year === null) target.searchParams.delete("year");
      else target.searchParams.set("year", String(year));
      link.setAttribute("href", target.pathname + target.search + target.hash);
    }
  };
  list.addEventListener("change", () => {
    if (list.value) slider.value = list.value;
    show(number(list.value));
  });
  slider.addEventListener("input", () => {
    list.value = slider.value;
    show(Number(slider.value));
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); });
  button.hidden = true;
  slider.hidden = false;
}
