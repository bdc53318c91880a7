import { expect, test } from "vitest";
import { chartOf, ticks } from "./chart-model";
import { curlLine, link, quoted } from "./curl";
import { MOST_NODES, networkOf } from "./graph-model";
import { choose, labelQuery } from "./labels";
import { pointOf, projection, spotsOf } from "./map-model";
import type { Result, Row, Term } from "./result";
import { layout } from "./view-graph";

const XSD = "http://www.w3.org/2001/XMLSchema#";
const iri = (value: string): Term => ({ type: "uri", value: `http://a/${value}` });
const text = (value: string): Term => ({ type: "literal", value });
const number = (value: number): Term => ({ type: "literal", value: String(value), datatype: `${XSD}integer` });
const year = (value: number): Term => ({ type: "literal", value: String(value), datatype: `${XSD}gYear` });
const result = (columns: readonly string[], rows: readonly Row[]): Result => ({ columns, rows, cut: false, triples: false });

test("triples become nodes and edges; literals are said of a node", () => {
  const found = networkOf(result(["s", "p", "o"], [[iri("1"), iri("p"), iri("2")], [iri("1"), iri("p"), iri("2")], [iri("1"), iri("q"), text("x")]]));
  expect(found?.nodes.map(({ term, degree }) => [term.value, degree])).toEqual([["http://a/1", 1], ["http://a/2", 1]]);
  expect(found?.edges.length).toBe(1);
  expect(found?.said.get("uri http://a/1")).toEqual([[iri("q"), text("x")]]);
});

test("two columns of things are a network, others are none", () => {
  expect(networkOf(result(["who", "where"], [[iri("1"), iri("2")]]))?.edges[0]?.label).toBe("where");
  expect(networkOf(result(["who", "name"], [[iri("1"), text("x")]]))).toBeUndefined();
});

test("too many nodes are cut and said to be", () => {
  const rows = Array.from({ length: MOST_NODES * 2 }, (_, n): Row => [iri(`s${String(n)}`), iri("p"), iri("hub")]);
  const found = networkOf(result(["s", "p", "o"], rows));
  expect(found?.nodes.length).toBe(MOST_NODES);
  expect(found?.cut).toBe(true);
});

test("the layout is the same each time and stays in its box", () => {
  const found = networkOf(result(["s", "p", "o"], Array.from({ length: 20 }, (_, n): Row => [iri(String(n)), iri("p"), iri(String((n * 7) % 20))])));
  if (!found) throw new Error("no network");
  const places = layout(found, 600, 400);
  expect([...layout(found, 600, 400)]).toEqual([...places]);
  for (const [x, y] of places.values()) {
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x).toBeLessThanOrEqual(600);
    expect(y).toBeGreaterThanOrEqual(0);
    expect(y).toBeLessThanOrEqual(400);
  }
});

test("a column of names and columns of numbers make bars, growing years a line", () => {
  const bars = chartOf(result(["name", "n"], [[text("b"), number(2)], [text("a"), undefined]]));
  expect(bars?.kind).toBe("bar");
  expect(bars?.points.map(({ values }) => values)).toEqual([[2], [undefined]]);
  expect(chartOf(result(["y", "n"], [[year(2020), number(1)], [year(2021), number(3)]]))?.kind).toBe("line");
  expect(chartOf(result(["name"], [[text("b")]]))).toBeUndefined();
});

test("an axis has round numbers from zero on", () => {
  expect(ticks(3, 12, 5)).toEqual([0, 5, 10, 15]);
  expect(ticks(-4, 4, 4)).toEqual([-4, -2, 0, 2, 4]);
});

test("points are read from WKT and from two columns, and only those on the globe", () => {
  expect(pointOf(text("POINT(26.9 60.5)"))).toEqual([26.9, 60.5]);
  expect(pointOf(text("<http://www.opengis.net/def/crs/EPSG/0/4326> Point (60.5 26.9)"))).toEqual([26.9, 60.5]);
  for (const not of ["POINT(200 10)", "POLYGON((0 0))", "26.9 60.5", "POINT EMPTY"]) expect(pointOf(text(not))).toBeUndefined();
  const found = spotsOf(result(["name", "lat", "long"], [[text("x"), text("60.5"), text("26.9")], [text("y"), undefined, text("1")]]));
  expect(found.spots.map(({ latitude, longitude }) => [latitude, longitude])).toEqual([[60.5, 26.9]]);
  expect(found.name).toBe(0);
});

test("north is up and east is right, also for one point alone", () => {
  const spot = (longitude: number, latitude: number): { longitude: number; latitude: number; row: Row } => ({ longitude, latitude, row: [] });
  const spots = [spot(26, 60), spot(27, 61)];
  const place = projection(spots, 600, 400);
  const [[x1, y1], [x2, y2]] = [place(spot(26, 60)), place(spot(27, 61))];
  expect(x2).toBeGreaterThan(x1);
  expect(y2).toBeLessThan(y1);
  expect(projection([spot(26, 60)], 600, 400)(spot(26, 60))).toEqual([300, 200]);
});

test("a line for the shell holds any query as one word", () => {
  expect(quoted("it's")).toBe(`'it'"'"'s'`);
  expect(curlLine("http://a/sparql", "text/csv", [["query", "ASK {}"]])).toBe(`curl -sS http://a/sparql -H 'Accept: text/csv' --data-urlencode 'query=ASK {}'`);
});

test("an address that would be too long is none", () => {
  expect(link("/sparql", [["query", "ASK {}"]])).toBe("/sparql?query=ASK+%7B%7D");
  expect(link("/sparql", [["query", "x".repeat(20_000)]])).toBeUndefined();
});

test("no IRI can end the query for labels early", () => {
  expect(labelQuery(["http://a/> } INSERT", "x y", "http://a/1"])).toContain("VALUES ?thing { <http://a/1> }");
  expect(labelQuery(["http://a/>"])).toBe("");
});

test("the reader's language is chosen over others", () => {
  const label = (value: string, lang: string): Row => [iri("1"), { type: "literal", value, lang }];
  const answer = result(["thing", "label"], [label("hund", "sv"), label("koira", "fi"), label("perro", "es")]);
  expect(choose(answer, ["fi", "sv"]).get("http://a/1")).toBe("koira");
});
