import { expect, test } from "vitest";
import { readSolutions, readTriples } from "./result";

const HEAD = '{"head":{"vars":["a","b"]},"results":{"bindings":[';

test("solutions have a cell per column, and nothing where nothing is bound", () => {
  const found = readSolutions(`${HEAD}{"b":{"type":"literal","value":"x","xml:lang":"fi"}}]}}`, true);
  expect(found.columns).toEqual(["a", "b"]);
  expect(found.rows).toEqual([[undefined, { type: "literal", value: "x", lang: "fi" }]]);
  expect(found.cut).toBe(false);
});

test("a variable called like something that every object has is unbound where it is unbound", () => {
  const found = readSolutions('{"head":{"vars":["constructor","toString"]},"results":{"bindings":[{}]}}', true);
  expect(found.rows).toEqual([[undefined, undefined]]);
});

test("an answer that was cut off gives its whole rows, whatever their literals hold", () => {
  const row = '{"a":{"type":"literal","value":"}],{\\"\\\\"}}';
  const found = readSolutions(`${HEAD}${row},${row},{"a":{"type":"lit`, false);
  expect(found.rows.map(([term]) => term?.value)).toEqual(['}],{"\\', '}],{"\\']);
  expect(found.cut).toBe(true);
});

test("more rows than the page holds are cut and said to be", () => {
  const rows = Array.from({ length: 5 }, (_, n) => `{"a":{"type":"literal","value":"${String(n)}"}}`).join(",");
  const found = readSolutions(`${HEAD}${rows}]}}`, true, 3);
  expect([found.rows.length, found.cut]).toEqual([3, true]);
});

test("ASK is yes or no", () => {
  expect(readSolutions('{"head":{},"boolean":false}', true).boolean).toBe(false);
});

test("triples are read with their escapes, languages and datatypes", () => {
  const text = [
    '<http://a/s> <http://a/p> "l\\u00E4nsi\\n\\"x\\""@fi .',
    '_:b <http://a/p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .',
    "<http://a/s> <http://a/p> _:b .",
  ].join("\n");
  const found = readTriples(text, true);
  expect(found.rows.map((row) => row[2])).toEqual([
    { type: "literal", value: 'länsi\n"x"', lang: "fi" },
    { type: "literal", value: "1", datatype: "http://www.w3.org/2001/XMLSchema#integer" },
    { type: "bnode", value: "b" },
  ]);
  expect(found.rows[1]?.[0]).toEqual({ type: "bnode", value: "b" });
  expect(found.cut).toBe(false);
});

test("a line of triples that was cut off is left out", () => {
  const found = readTriples('<http://a/s> <http://a/p> <http://a/o> .\n<http://a/s> <http://a/p> "half .', false);
  expect([found.rows.length, found.cut]).toEqual([1, true]);
});
