import { expect, test } from "vitest";
import { compare, cut, hrefOf, nameOf, numberOf, shorten } from "./show";

const PLACE = { base: "https://b.example/", root: "/kg", lang: "sv", prefixes: { a: "http://a/", b: "http://a/b/" } };

test("the longest fitting namespace gives the prefix", () => {
  expect(shorten("http://a/b/c", PLACE.prefixes)).toBe("b:c");
  expect(shorten("http://a/", PLACE.prefixes)).toBe("http://a/");
});

test("things of ours lead to their page here, other http(s) IRIs to themselves, the rest nowhere", () => {
  expect(hrefOf("https://b.example/id/place/hä", PLACE)).toBe("/kg/page/place/h%C3%A4?lang=sv");
  expect(hrefOf("https://b.example/ontology#Plan", PLACE)).toBe("/kg/page?iri=https%3A%2F%2Fb.example%2Fontology%23Plan&lang=sv");
  expect(hrefOf("https://other.example/x", PLACE)).toBe("https://other.example/x");
  for (const hostile of ["javascript:alert(1)", "data:text/html,x", "JavaScript://https://a/", "http://a b", "urn:x"]) {
    expect(hrefOf(hostile, PLACE)).toBe("");
  }
});

test("a text is cut between characters, and what is missing is counted", () => {
  expect(cut("abc", 3)).toEqual({ text: "abc", missing: 0 });
  expect(cut("x".repeat(1_000_000), 300).missing).toBe(999_700);
  expect(cut("a😀b", 2)).toEqual({ text: "a…", missing: 3 });
});

test("a thing is called by its label, else by its name with a prefix", () => {
  const labels = new Map([["http://a/x", "äks"]]);
  expect(nameOf({ type: "uri", value: "http://a/x" }, PLACE, labels)).toBe("äks");
  expect(nameOf({ type: "uri", value: "http://a/y" }, PLACE, labels)).toBe("a:y");
  expect(nameOf({ type: "bnode", value: "n" }, PLACE, labels)).toBe("_:n");
});

test("numbers are what their datatype says, not what looks like one", () => {
  const integer = "http://www.w3.org/2001/XMLSchema#integer";
  expect(numberOf({ type: "literal", value: "12", datatype: integer })).toBe(12);
  expect(numberOf({ type: "literal", value: "12" })).toBeUndefined();
  expect(numberOf({ type: "literal", value: "x", datatype: integer })).toBeUndefined();
});

test("numbers are sorted by size, words by the language, nothing last", () => {
  const datatype = "http://www.w3.org/2001/XMLSchema#decimal";
  const terms = [undefined, { type: "literal", value: "ä" }, { type: "literal", value: "z" }, { type: "literal", value: "10", datatype }, { type: "literal", value: "9", datatype }] as const;
  const collator = new Intl.Collator("fi");
  const sorted = [...terms].sort((one, other) => compare(one, other, collator, (term) => term.value));
  expect(sorted.map((term) => term?.value)).toEqual(["9", "10", "z", "ä", undefined]);
});
