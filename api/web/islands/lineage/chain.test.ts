import { describe, expect, it } from "vitest";
import { chain, type Link } from "./chain";

const links: Link[] = [
  { key: "ab", earlier: "a", later: "b" },
  { key: "bc", earlier: "b", later: "c" },
  { key: "bd", earlier: "b", later: "d" },
  { key: "xc", earlier: "x", later: "c" },
];

describe("chain", () => {
  it("holds all that leads to a point and all that it leads to", () => {
    const found = chain(links, { point: "b" });
    expect([...found.links].sort()).toEqual(["ab", "bc", "bd"]);
    expect([...found.points].sort()).toEqual(["a", "b", "c", "d"]);
  });

  it("leaves out what others lead to", () => {
    expect([...chain(links, { point: "a" }).points]).not.toContain("x");
  });

  it("of a link goes back from its earlier end and on from its later one", () => {
    expect([...chain(links, { link: "bc" }).links].sort()).toEqual(["ab", "bc"]);
  });

  it("ends in a cycle", () => {
    const round = [...links, { key: "ca", earlier: "c", later: "a" }];
    expect([...chain(round, { point: "a" }).links].sort()).toEqual(["ab", "bc", "bd", "ca", "xc"]);
  });

  it("is empty for a link that is not there", () => {
    expect(chain(links, { link: "no" })).toEqual({ points: new Set(), links: new Set() });
  });
});
