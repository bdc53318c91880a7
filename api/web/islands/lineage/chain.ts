/** A link of the picture: from the earlier point to the later one. */
export interface Link {
  readonly key: string;
  readonly earlier: string;
  readonly later: string;
}

/** Points and links that hang together in time. */
export interface Chain {
  readonly points: ReadonlySet<string>;
  readonly links: ReadonlySet<string>;
}

/**
 * The whole ancestry and descent of a point or a link: what leads to it, and what it leads to.
 * Links of brothers and cousins are no part of it. Cycles end where they began.
 */
export function chain(links: readonly Link[], of: { readonly point: string } | { readonly link: string }): Chain {
  const points = new Set<string>();
  const found = new Set<string>();
  if ("point" in of) {
    points.add(of.point);
    walk(links, of.point, "later", points, found);
    walk(links, of.point, "earlier", points, found);
  } else {
    const link = links.find((each) => each.key === of.link);
    if (link) {
      found.add(link.key);
      points.add(link.earlier).add(link.later);
      walk(links, link.earlier, "later", points, found);
      walk(links, link.later, "earlier", points, found);
    }
  }
  return { points, links: found };
}

/** Follow all links whose `end` is the point: back in time from the later end, onward from the earlier one. */
function walk(
  links: readonly Link[],
  from: string,
  end: "earlier" | "later",
  points: Set<string>,
  found: Set<string>,
): void {
  const other = end === "later" ? "earlier" : "later";
  const seen = new Set<string>([from]);
  const waiting = [from];
  for (let point = waiting.pop(); point !== undefined; point = waiting.pop()) {
    for (const link of links) {
      if (link[end] !== point) continue;
      found.add(link.key);
      points.add(link[other]);
      if (!seen.has(link[other])) {
        seen.add(link[other]);
        waiting.push(link[other]);
      }
    }
  }
}
