/** A result as a network: SVG, laid out by d3-force, with one tab stop and arrow keys between the nodes. */

import { forceCenter, forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
import { empty, named, shown, type View } from "./context";
import { el, roving, svg } from "./dom";
import { type Edge, type Network, networkOf } from "./graph-model";
import { shorten } from "./show";

const TURNS = 300;
/** Edges have their names in the picture up to this many of them; else only where a node is chosen. */
const NAMED_EDGES = 25;

interface Body {
  id: string;
  x?: number;
  y?: number;
}

/** Places of the nodes within a box; the same network gets the same places each time. */
export function layout(network: Network, width: number, height: number): Map<string, readonly [number, number]> {
  const bodies: Body[] = network.nodes.map(({ id }) => ({ id }));
  const links = network.edges.map(({ source, target }) => ({ source, target }));
  const room = Math.sqrt((width * height) / Math.max(bodies.length, 1));
  forceSimulation(bodies)
    .force("link", forceLink<Body, { source: string; target: string }>(links).id((body) => body.id).distance(room * 0.7))
    .force("apart", forceManyBody().strength(-room * 2.2))
    .force("room", forceCollide(Math.min(26, room * 0.4)))
    .force("middle", forceCenter(width / 2, height / 2))
    .force("x", forceX(width / 2).strength(0.06))
    .force("y", forceY(height / 2).strength(0.1))
    .stop()
    .tick(TURNS);
  return fitted(bodies, width, height);
}

function fitted(bodies: readonly Body[], width: number, height: number): Map<string, readonly [number, number]> {
  const [xs, ys] = [bodies.map((body) => body.x ?? 0), bodies.map((body) => body.y ?? 0)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [wide, high] = [Math.max(...xs) - left || 1, Math.max(...ys) - top || 1];
  const [side, above] = [Math.min(80, width / 6), 34];
  // Never drawn larger than it was laid out, or two nodes would stand in opposite corners.
  const [across, down] = [Math.min(1.6, (width - 2 * side) / wide), Math.min(1.6, (height - 2 * above) / high)];
  return new Map(
    bodies.map((body, index) => [
      body.id,
      [width / 2 + ((xs[index] ?? 0) - left - wide / 2) * across, height / 2 + ((ys[index] ?? 0) - top - high / 2) * down],
    ]),
  );
}

export async function graph(view: View, room: number): Promise<HTMLElement> {
  const { t, result } = view;
  const network = networkOf(result);
  if (!network) return empty(t("graph.empty"), t("graph.empty.why"));
  const predicates = network.edges.flatMap(({ label }) => (typeof label === "string" ? [] : [label.value]));
  await view.learn([...network.nodes.flatMap(({ term }) => (term.type === "uri" ? [term.value] : [])), ...new Set(predicates)]);

  const width = Math.max(300, room);
  const height = Math.round(Math.min(720, Math.max(340, width * 0.62)));
  const places = layout(network, width, height);
  const at = (id: string): readonly [number, number] => places.get(id) ?? [0, 0];
  const edgeName = ({ label }: Edge): string => (typeof label === "string" ? label : named(view, label, 40));

  const lines = network.edges.map((edge) => {
    const [[x1, y1], [x2, y2]] = [at(edge.source), at(edge.target)];
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const back = Math.min(11, length / 2) / length;
    return svg("line", { class: "edge", x1, y1, x2: x2 - (x2 - x1) * back, y2: y2 - (y2 - y1) * back, "marker-end": "url(#arrow)" });
  });
  const edgeTexts =
    network.edges.length > NAMED_EDGES
      ? []
      : network.edges.map((edge) => {
          const [[x1, y1], [x2, y2]] = [at(edge.source), at(edge.target)];
          return svg("text", { class: "edge-name", x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 3 }, edgeName(edge));
        });
  const crowded = network.nodes.length > 60;
  const marks = network.nodes.map((node) => {
    const [x, y] = at(node.id);
    const radius = 6 + Math.min(6, Math.sqrt(node.degree) * 1.5);
    const name = named(view, node.term);
    const mark = svg("g", { class: `node${node.degree < 3 && crowded ? " quiet" : ""}`, role: "img", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
    mark.setAttribute("aria-label", t("graph.node", { name, n: node.degree }));
    mark.append(svg("circle", { class: "touch", r: 14 }), svg("circle", { r: radius }), svg("text", { y: radius + 13 }, named(view, node.term, 28)));
    return mark;
  });
  const picture = svg(
    "svg",
    { class: "picture", viewBox: `0 0 ${String(width)} ${String(height)}`, role: "group", "aria-label": t("graph.label", { nodes: network.nodes.length, edges: network.edges.length }) },
    svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, svg("path", { d: "M0 0 8 4 0 8z" }))),
    svg("g", { "aria-hidden": "true" }, ...lines, ...edgeTexts),
    ...marks,
  );

  const about = el("div", { class: "about-node" }, el("p", { class: "tag" }, t("graph.choose")));
  roving(marks, (index) => {
    const node = network.nodes[index];
    if (!node) return;
    marks.forEach((mark, other) => { mark.classList.toggle("chosen", other === index); });
    network.edges.forEach((edge, line) => {
      lines[line]?.classList.toggle("chosen", edge.source === node.id || edge.target === node.id);
    });
    about.replaceChildren(described(view, network, index));
  });
  return el(
    "div",
    {},
    el("p", {}, t("graph.about", { nodes: view.number.format(network.nodes.length), edges: view.number.format(network.edges.length) }), network.cut ? el("strong", {}, ` ${t("graph.cut")}`) : undefined),
    picture,
    el("p", { class: "tag" }, t("picture.keys")),
    about,
  );
}

function described(view: View, network: Network, index: number): HTMLElement {
  const node = network.nodes[index];
  const terms = new Map(network.nodes.map(({ id, term }) => [id, term]));
  const list = el("dl", {});
  const add = (label: Edge["label"], arrow: string, id: string): void => {
    const name = typeof label === "string" ? label : (view.labels.get(label.value) ?? shorten(label.value, view.place.prefixes));
    list.append(el("dt", {}, `${arrow} `, el("bdi", {}, name)), el("dd", {}, shown(view, terms.get(id))));
  };
  for (const edge of network.edges) {
    if (edge.source === node?.id) add(edge.label, "→", edge.target);
    else if (edge.target === node?.id) add(edge.label, "←", edge.source);
  }
  for (const [label, value] of network.said.get(node?.id ?? "") ?? []) {
    const name = typeof label === "string" ? label : (view.labels.get(label.value) ?? shorten(label.value, view.place.prefixes));
    list.append(el("dt", {}, el("bdi", {}, name)), el("dd", {}, shown(view, value)));
  }
  return el("div", {}, el("h3", {}, shown(view, node?.term)), list);
}
