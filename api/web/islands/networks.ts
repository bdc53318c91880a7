/** The network picture: the year is live, and a node in hand shows its own lines. */

import { live } from "../lib/years";

const lines = [...document.querySelectorAll<SVGGElement>(".bond")];
const nodes = [...document.querySelectorAll<SVGAElement>("[data-node]")];

function ends(line: SVGGElement): string[] {
  return (line.dataset["ends"] ?? "").split(" ");
}

/** Nodes without a line in this year are out, but keep their place. */
function settle(): void {
  const seen = new Set(lines.filter((line) => line.dataset["state"] !== "out").flatMap(ends));
  for (const node of nodes) node.dataset["state"] = seen.has(node.dataset["node"] ?? "") ? "in" : "out";
}

function hold(node: string | null): void {
  for (const line of lines) line.classList.toggle("quiet", node !== null && !ends(line).includes(node));
}

live(settle);
for (const node of nodes) {
  const name = node.dataset["node"] ?? null;
  for (const kind of ["pointerenter", "focus"]) node.addEventListener(kind, () => { hold(name); });
  for (const kind of ["pointerleave", "blur"]) node.addEventListener(kind, () => { hold(null); });
}
