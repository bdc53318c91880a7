/** A result as bars, or as lines over time: SVG with one tab stop and arrow keys between the marks. */

import { type Chart, chartOf, ticks } from "./chart-model";
import { empty, named, type View } from "./context";
import { el, roving, svg } from "./dom";

const BAR = 18;

export async function chart(view: View, room: number): Promise<HTMLElement> {
  const { t, result } = view;
  const first = chartOf(result);
  if (!first) return empty(t("chart.empty"), t("chart.empty.why"));
  const picture = el("div");
  const draw = async (chosen: Chart): Promise<void> => {
    await view.learn(chosen.points.flatMap(({ name }) => (name?.type === "uri" ? [name.value] : [])));
    picture.replaceChildren(legend(view, chosen), chosen.kind === "line" ? lines(view, chosen, room) : bars(view, chosen, room));
  };
  await draw(first);

  const select = el("select", { id: "chart-names" });
  result.columns.forEach((name, column) => {
    if (first.series.includes(column)) return;
    const option = el("option", { value: String(column) }, name);
    option.selected = column === first.label;
    select.append(option);
  });
  select.addEventListener("change", () => {
    const chosen = chartOf(result, Number(select.value));
    if (chosen) void draw(chosen);
  });
  return el(
    "div",
    {},
    el("p", { class: "choice" }, el("label", { for: "chart-names" }, t("chart.names")), select),
    first.cut ? el("p", { class: "cut" }, t("chart.cut", { n: view.number.format(first.points.length) })) : undefined,
    picture,
    el("p", { class: "tag" }, t("picture.keys")),
  );
}

function legend(view: View, chosen: Chart): HTMLElement {
  return el(
    "ul",
    { class: "legend" },
    ...chosen.series.map((column, index) =>
      el("li", {}, svg("svg", { class: "key", viewBox: "0 0 12 12", "aria-hidden": "true" }, svg("rect", { class: `series-${String(index + 1)}`, width: 12, height: 12 })), el("bdi", {}, view.result.columns[column] ?? "")),
    ),
  );
}

function title(view: View, chosen: Chart): string {
  const columns = chosen.series.map((column) => view.result.columns[column] ?? "").join(", ");
  return view.t("chart.label", { columns, name: view.result.columns[chosen.label] ?? "", n: chosen.points.length });
}

function bounds(chosen: Chart, wanted: number): readonly number[] {
  const values = chosen.points.flatMap((point) => point.values.filter((value) => value !== undefined));
  return ticks(Math.min(...values), Math.max(...values), wanted);
}

function said(view: View, chosen: Chart, point: number, series: number): string {
  const found = chosen.points[point];
  const value = found?.values[series];
  return `${named(view, found?.name, 80)}, ${view.result.columns[chosen.series[series] ?? -1] ?? ""}: ${value === undefined ? view.t("unbound") : view.number.format(value)}`;
}

function bars(view: View, chosen: Chart, room: number): SVGElement {
  const width = Math.max(300, room);
  const marks = bounds(chosen, width < 600 ? 3 : 5);
  const [low, high] = [marks[0] ?? 0, marks.at(-1) ?? 1];
  const gutter = Math.min(280, width * 0.38);
  const each = chosen.series.length * BAR + 10;
  const height = chosen.points.length * each + 30;
  const x = (value: number): number => gutter + ((value - low) / (high - low)) * (width - gutter - 70);
  const letters = Math.floor(gutter / 8.6);
  const all: SVGElement[] = [];
  const rows = chosen.points.map((point, row) => {
    const top = row * each + 4;
    const group = svg("g", {}, svg("text", { class: "name", x: gutter - 8, y: top + (chosen.series.length * BAR) / 2 + 4 }, named(view, point.name, letters)));
    point.values.forEach((value, index) => {
      if (value === undefined) return;
      const [from, to] = [Math.min(x(0), x(value)), Math.max(x(0), x(value))];
      const mark = svg("g", { class: "mark", role: "img" });
      mark.setAttribute("aria-label", said(view, chosen, row, index));
      mark.append(
        svg("rect", { class: `series-${String(index + 1)}`, x: from, y: top + index * BAR, width: Math.max(1, to - from), height: BAR - 3 }),
        svg("text", { class: "value", x: to + 5, y: top + index * BAR + 12 }, view.number.format(value)),
      );
      all.push(mark);
      group.append(mark);
    });
    return group;
  });
  roving(all, () => undefined);
  return svg(
    "svg",
    { class: "picture chart", viewBox: `0 0 ${String(width)} ${String(height)}`, role: "group", "aria-label": title(view, chosen) },
    svg("g", { "aria-hidden": "true" }, ...marks.flatMap((value) => [svg("line", { class: "grid", x1: x(value), x2: x(value), y1: 0, y2: height - 22 }), svg("text", { class: "tick", x: x(value), y: height - 6 }, compact(view, value))])),
    ...rows,
  );
}

function lines(view: View, chosen: Chart, room: number): SVGElement {
  const marks = bounds(chosen, 5);
  const [low, high] = [marks[0] ?? 0, marks.at(-1) ?? 1];
  const width = Math.max(300, room);
  const height = Math.round(Math.min(460, width * 0.6));
  const [left, bottom] = [64, 34];
  const x = (index: number): number => left + (index * (width - left - 30)) / Math.max(1, chosen.points.length - 1);
  const y = (value: number): number => height - bottom - ((value - low) / (high - low)) * (height - bottom - 16);
  const every = Math.ceil(chosen.points.length / Math.max(2, Math.floor(width / 90)));
  const all: SVGElement[] = [];
  const drawn = chosen.series.map((_, index) => {
    const group = svg("g");
    let path = "";
    chosen.points.forEach((point, at) => {
      const value = point.values[index];
      if (value === undefined) return;
      // A point without a value breaks the line: what is not known is not drawn.
      path += `${at > 0 && chosen.points[at - 1]?.values[index] !== undefined ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      const mark = svg("g", { class: "mark", role: "img" });
      mark.setAttribute("aria-label", said(view, chosen, at, index));
      mark.append(svg("circle", { class: `series-${String(index + 1)}`, cx: x(at), cy: y(value), r: 4 + (index % 2) }));
      all.push(mark);
      group.append(mark);
    });
    group.prepend(svg("path", { class: `line series-${String(index + 1)}`, d: path, "aria-hidden": "true" }));
    return group;
  });
  roving(all, () => undefined);
  return svg(
    "svg",
    { class: "picture chart", viewBox: `0 0 ${String(width)} ${String(height)}`, role: "group", "aria-label": title(view, chosen) },
    svg(
      "g",
      { "aria-hidden": "true" },
      ...marks.flatMap((value) => [svg("line", { class: "grid", x1: left, x2: width - 10, y1: y(value), y2: y(value) }), svg("text", { class: "name", x: left - 8, y: y(value) + 4 }, compact(view, value))]),
      ...chosen.points.flatMap((point, at) => (at % every === 0 ? [svg("text", { class: "tick", x: x(at), y: height - 10 }, named(view, point.name, 10))] : [])),
    ),
    ...drawn,
  );
}

function compact(view: View, value: number): string {
  return new Intl.NumberFormat(view.place.lang, { notation: "compact", maximumFractionDigits: 1 }).format(value);
}
