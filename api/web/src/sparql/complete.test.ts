import { expect, test } from "vitest";
import { declared, type OntologyTerm, spotOf, suggest, variables } from "./complete";

const KYM = "https://b.example/ontology#";
const PREFIXES = { kym: KYM, skos: "http://www.w3.org/2004/02/skos/core#" };
const term = (name: string, kind: "class" | "property", label: string): OntologyTerm => ({ name, iri: name.replace("kym:", KYM), kind, label });
const TERMS = [
  term("kym:Programme", "class", "ohjelma"),
  term("kym:programme", "property", "ohjelma"),
  term("kym:Network", "class", "verkosto"),
  term("kym:hasPriority", "property", "painopiste"),
];
const names = (before: string, query = before): string[] => {
  const spot = spotOf(before, true);
  return spot ? suggest(spot, TERMS, PREFIXES, query).map(({ name }) => name) : [];
};

test("classes come first after a, properties elsewhere", () => {
  expect(names("SELECT * { ?x a kym:prog")).toEqual(["kym:Programme", "kym:programme"]);
  expect(names("SELECT * { ?x kym:prog")).toEqual(["kym:programme", "kym:Programme"]);
  expect(names("SELECT * { ?x a kym:Network , kym:prog")[0]).toBe("kym:Programme");
});

test("labels in the reader's language find terms too", () => {
  expect(names("SELECT * { ?x a verk")).toEqual(["kym:Network"]);
  expect(names("SELECT * { ?x paino")).toEqual(["kym:hasPriority"]);
});

test("nothing is suggested within comments, strings and IRIs", () => {
  for (const before of ["# kym:Pro", 'SELECT * { ?x ?y "kym:Pro', "SELECT * { ?x ?y '''a\nkym:Pro", "SELECT * { <http://kym:Pro"]) {
    expect(spotOf(before, true)).toBeUndefined();
  }
  expect(spotOf('SELECT * { ?x ?y "done" . ?x kym:P', false)?.word).toBe("kym:P");
  expect(spotOf("SELECT * { ?x <http://a#b> kym:P", false)?.word).toBe("kym:P");
});

test("variables of the query are suggested after a question mark", () => {
  expect(variables("SELECT ?one $two ?one")).toEqual(["?one", "?two"]);
  expect(names("SELECT ?name { ?na")).toEqual(["?name"]);
});

test("a prefix that the query lacks is declared with the term", () => {
  const spot = spotOf("SELECT * { ?x a kym:Netw", true);
  expect(spot && suggest(spot, TERMS, PREFIXES, "")[0]?.prefix).toEqual(["kym", KYM]);
  const own = `PREFIX k: <${KYM}>\n`;
  expect(spot && suggest(spot, TERMS, PREFIXES, own)[0]).toEqual({ text: "k:Network", name: "kym:Network", label: "verkosto" });
  const taken = "PREFIX kym: <http://elsewhere/>\n";
  expect(spot && suggest(spot, TERMS, PREFIXES, taken)[0]?.text).toBe(`<${KYM}Network>`);
});

test("declared prefixes are read from the query", () => {
  expect([...declared("prefix a: <http://a/>\nPREFIX : <http://b/>\nSELECT")]).toEqual([["a", "http://a/"], ["", "http://b/"]]);
});
