/** Rows with coordinates on a plain grid of degrees: no tiles, so nobody else learns what is looked at. */

import { empty, named, shown, type View } from "./context";
import { ticks } from "./chart-model";
import { el, roving, svg } from "./dom";
import { projection, spotsOf } from "./map-model";

const NAMED = 40;

export async function map(view: View, room: number): Promise<HTMLElement> {
  const { t, result } = view;
  const found = spotsOf(result);
  if (found.spots.length === 0) return empty(t("map.empty"), t("map.empty.why"));
  await view.learn(found.spots.flatMap(({ row }) => { const term = row[found.name]; return term?.type === "uri" ? [term.value] : []; }));
  const width = Math.max(300, room);
  const height = Math.round(Math.min(640, Math.max(320, width * 0.7)));
  const place = projection(found.spots, width, height, 50);
  const name = (index: number, most?: number): string => named(view, found.spots[index]?.row[found.name], most);
  const degree = new Intl.NumberFormat(view.place.lang, { maximumFractionDigits: 3 });

  const [longitudes, latitudes] = [found.spots.map((s) => s.longitude), found.spots.map((s) => s.latitude)];
  const empty_row = found.spots[0]?.row ?? [];
  const grid = svg("g", { "aria-hidden": "true" });
  for (const value of within(latitudes)) {
    const [, y] = place({ latitude: value, longitude: longitudes[0] ?? 0, row: empty_row });
    grid.append(svg("line", { class: "grid", x1: 0, x2: width, y1: y, y2: y }), svg("text", { class: "degree", x: 4, y: y - 4 }, `${degree.format(value)}°`));
  }
  for (const value of within(longitudes)) {
    const [x] = place({ latitude: latitudes[0] ?? 0, longitude: value, row: empty_row });
    grid.append(svg("line", { class: "grid", x1: x, x2: x, y1: 0, y2: height }), svg("text", { class: "degree", x: x + 4, y: height - 6 }, `${degree.format(value)}°`));
  }
  const marks = found.spots.map((spot, index) => {
    const [x, y] = place(spot);
    const mark = svg("g", { class: "mark node", role: "img", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
    mark.setAttribute("aria-label", `${name(index, 80)}: ${degree.format(spot.latitude)}° N, ${degree.format(spot.longitude)}° E`);
    mark.append(svg("circle", { class: "touch", r: 14 }), svg("circle", { r: 6 }));
    if (found.spots.length <= NAMED) mark.append(svg("text", { y: 19 }, name(index, 24)));
    return mark;
  });
  const about = el("div", { class: "about-node" }, el("p", { class: "tag" }, t("map.choose")));
  roving(marks, (index) => {
    const list = el("dl", {});
    result.columns.forEach((column, at) => {
      list.append(el("dt", {}, el("bdi", {}, column)), el("dd", {}, shown(view, found.spots[index]?.row[at])));
    });
    about.replaceChildren(list);
  });
  return el(
    "div",
    {},
    el("p", {}, t("map.about", { n: view.number.format(found.spots.length) }), found.cut ? el("strong", {}, ` ${t("map.cut")}`) : undefined),
    svg("svg", { class: "picture", viewBox: `0 0 ${String(width)} ${String(height)}`, role: "group", "aria-label": t("map.about", { n: found.spots.length }) }, grid, ...marks),
    el("p", { class: "tag" }, t("picture.keys")),
    about,
  );
}

/** Round degrees within the values; none where they are all one. */
function within(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (high - low < 0.002) return [];
  const base = Math.floor(low);
  return ticks(0, high - base, 8).map((step) => step + base).filter((value) => value >= low && value <= high);
}
