"""W3C SPARQL 1.1: query evaluation, syntax and result formats, each test asked of a real server over HTTP.

Results are compared as the suites ask: a multiset of solutions, equal up to the names of blank nodes.
Literals are equal if they have the same datatype and the same value, since the store keeps values in one form
("2.50" is kept as "2.5"). What is skipped stands in skip.toml, each with its reason.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
import rdflib
from rdflib.compare import isomorphic

from kymgraph import rdf

SUITES = "http://www.w3.org/2009/sparql/docs/tests/data-sparql11/"
EVALUATION = (
    "aggregates", "bind", "bindings", "cast", "construct", "exists", "functions", "grouping", "negation",
    "project-expression", "property-path", "subquery", "csv-tsv-res", "json-res",
)  # fmt: skip
MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
QT = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RS = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
XSD = "http://www.w3.org/2001/XMLSchema#"

#: A term as ("uri", IRI), ("bnode", label) or ("literal", value, datatype, language); a row as name -> term.
Term = tuple[Any, ...]
Row = dict[str, Term]
Solutions = list[Row] | bool

MEDIA_TYPES = {
    ".srx": "application/sparql-results+xml",
    ".srj": "application/sparql-results+json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
}


@dataclass(frozen=True)
class Case:
    """One test of a manifest."""

    name: str
    kind: str
    query: Path
    base: str
    data: tuple[str, ...] = ()
    graph_data: tuple[str, ...] = ()
    result: Path | None = None


def _folder() -> Path:
    here = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("KYMGRAPH_SHARED", here.parent / "shared")) / "conformance" / "sparql11"


def cases(*suites: str) -> Iterator[Case]:
    """The tests of these suites, in the order of their manifests."""
    for suite in suites:
        folder, base = _folder() / suite, SUITES + suite + "/"
        if not folder.is_dir():
            return
        values: dict[tuple[str, str], list[Any]] = {}
        for quad in rdf.parse(folder / "manifest.ttl", base=base + "manifest.ttl"):
            subject: Any = quad.subject
            values.setdefault((subject.value, quad.predicate.value), []).append(quad.object)
        entry = values[base + "manifest.ttl", MF + "entries"][0]
        while entry.value != RDF + "nil":
            test = values[entry.value, RDF + "first"][0].value
            [entry] = values[entry.value, RDF + "rest"]
            kinds = [kind.value.partition("#")[2] for kind in values.get((test, RDF + "type"), [])]
            action = values[test, MF + "action"][0]
            query = values.get((action.value, QT + "query"), [action])[0].value
            result = values.get((test, MF + "result"))
            yield Case(
                name=f"{suite}/{test.partition('#')[2]}",
                kind=kinds[0],
                query=folder / query.removeprefix(base),
                base=query,
                data=tuple(data.value for data in values.get((action.value, QT + "data"), [])),
                graph_data=tuple(data.value for data in values.get((action.value, QT + "graphData"), [])),
                result=folder / result[0].value.removeprefix(base) if result else None,
            )


SKIPPED: dict[str, str] = tomllib.loads((Path(__file__).parent / "skip.toml").read_text("utf-8"))["skip"]
ALL = [*cases(*EVALUATION), *cases("syntax-query")]
EVALUATED = [case for case in ALL if case.result is not None]
SYNTAX = [case for case in ALL if "Syntax" in case.kind]


def skip_if_listed(name: str) -> None:
    if name in SKIPPED:
        pytest.skip(SKIPPED[name])


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as client:
        yield client


def ask(client: httpx.Client, endpoint: str, case: Case, accept: str) -> httpx.Response:
    text = case.query.read_text("utf-8")
    if "Syntax" not in case.kind:
        text = f"BASE <{case.base}>\n{text}"
    parameters: list[tuple[str, Any]] = [("default-graph-uri", iri) for iri in case.data]
    parameters += [("named-graph-uri", iri) for iri in case.graph_data]
    if "FROM" in text:
        parameters = []  # the query names its dataset itself, and parameters would take its place
    elif not parameters:
        parameters = [("default-graph-uri", "urn:x-empty")]
    headers = {"Accept": accept, "Content-Type": "application/sparql-query"}
    return client.post(endpoint, params=parameters, content=text.encode(), headers=headers)


@pytest.mark.parametrize("case", EVALUATED, ids=lambda case: case.name)
def test_evaluation(case: Case, client: httpx.Client, endpoint: str) -> None:
    skip_if_listed(case.name)
    assert case.result is not None
    expected_text = case.result.read_bytes()
    suffix = case.result.suffix
    if suffix in (".ttl", ".rdf", ".nt") and RS.encode() not in expected_text:
        expected_graph = rdflib.Graph().parse(case.result, publicID=case.base)
        response = ask(client, endpoint, case, "application/n-triples")
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/n-triples"
        assert isomorphic(expected_graph, rdflib.Graph().parse(data=response.text, format="nt"))
        return
    accept = MEDIA_TYPES.get(suffix, "application/sparql-results+json")
    response = ask(client, endpoint, case, accept)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].partition(";")[0] == accept
    found = parsed(response.content, accept)
    if suffix in MEDIA_TYPES:
        expected = parsed(expected_text, accept)
    else:
        expected = from_result_graph(case.result, case.base)
    if accept == "text/csv":
        assert csv_rows(found) == csv_rows(expected)
    else:
        assert same(found, expected), f"expected {expected}\nfound {found}"


@pytest.mark.parametrize("case", SYNTAX, ids=lambda case: case.name)
def test_syntax(case: Case, client: httpx.Client, endpoint: str) -> None:
    skip_if_listed(case.name)
    response = ask(client, endpoint, case, "*/*")
    if "Positive" in case.kind:
        assert response.status_code == 200, response.text
    else:
        assert response.status_code == 400, response.text
        assert response.json()["code"] in ("query-syntax", "update-on-query")


def test_every_skipped_test_exists() -> None:
    if not ALL:
        pytest.skip(f"the SPARQL 1.1 suites are not at {_folder()}")
    assert set(SKIPPED) <= {case.name for case in ALL}


# --- reading results --------------------------------------------------------------------------------------


def parsed(body: bytes, media_type: str) -> Solutions:
    if media_type.endswith("json"):
        return from_json(body)
    if media_type.endswith("xml"):
        return from_xml(body)
    if media_type.endswith("csv"):
        rows = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        return [{name: ("text", value) for name, value in row.items()} for row in rows]
    return from_tsv(body.decode())


def from_json(body: bytes) -> Solutions:
    document = json.loads(body)
    if "boolean" in document:
        return bool(document["boolean"])
    return [{name: json_term(term) for name, term in row.items()} for row in document["results"]["bindings"]]


def json_term(term: dict[str, str]) -> Term:
    if term["type"] in ("uri", "bnode"):
        return term["type"], term["value"]
    return literal(term["value"], term.get("datatype"), term.get("xml:lang"))


def from_xml(body: bytes) -> Solutions:
    space = "{http://www.w3.org/2005/sparql-results#}"
    root = ElementTree.fromstring(body)
    boolean = root.find(space + "boolean")
    if boolean is not None:
        return (boolean.text or "").strip() == "true"
    rows: list[Row] = []
    for result in root.iter(space + "result"):
        row: Row = {}
        for binding in result:
            [term] = binding
            kind, value = term.tag.removeprefix(space), term.text or ""
            if kind == "literal":
                language = term.get("{http://www.w3.org/XML/1998/namespace}lang")
                row[binding.attrib["name"]] = literal(value, term.get("datatype"), language)
            else:
                row[binding.attrib["name"]] = (kind, value)
        rows.append(row)
    return rows


def from_tsv(text: str) -> Solutions:
    head, *lines = text.rstrip("\n").replace("\r", "").split("\n")
    names = [name.removeprefix("?") for name in head.split("\t")]
    rows: list[Row] = []
    for line in lines:
        row: Row = {}
        for name, value in zip(names, line.split("\t"), strict=True):
            if value:
                [quad] = rdf.parse(f"<urn:x:s> <urn:x:p> {value} .".encode(), rdf.FORMATS["ttl"])
                row[name] = ox_term(quad.object)
        rows.append(row)
    return rows


def from_result_graph(path: Path, base: str) -> Solutions:
    graph = rdflib.Graph().parse(path, publicID=base)
    space = rdflib.Namespace(RS)
    [result_set] = graph.subjects(rdflib.RDF.type, space.ResultSet)
    boolean = graph.value(result_set, space.boolean)
    if boolean is not None:
        return bool(boolean.toPython())  # type: ignore[attr-defined]
    rows: list[Row] = []
    for solution in graph.objects(result_set, space.solution):
        row: Row = {}
        for binding in graph.objects(solution, space.binding):
            row[str(graph.value(binding, space.variable))] = rdflib_term(graph.value(binding, space.value))
        rows.append(row)
    return rows


def ox_term(term: Any) -> Term:
    if isinstance(term, rdf.NamedNode):
        return "uri", term.value
    if isinstance(term, rdf.BlankNode):
        return "bnode", term.value
    return literal(term.value, term.datatype.value, term.language)


def rdflib_term(term: Any) -> Term:
    if isinstance(term, rdflib.URIRef):
        return "uri", str(term)
    if isinstance(term, rdflib.BNode):
        return "bnode", str(term)
    return literal(str(term), str(term.datatype) if term.datatype else None, term.language)


def literal(text: str, datatype: str | None, language: str | None) -> Term:
    """A literal by its value where the datatype has values that are written in several ways."""
    if language:
        return "literal", text, RDF + "langString", language.lower()
    datatype = datatype or XSD + "string"
    value: object = text
    try:
        if datatype in (XSD + "decimal", XSD + "integer"):
            value = Decimal(text)
        elif datatype in (XSD + "double", XSD + "float"):
            value = repr(float(text))
        elif datatype == XSD + "boolean":
            value = {"1": "true", "0": "false"}.get(text, text)
    except ArithmeticError:
        pass
    return "literal", value, datatype, None


# --- comparing --------------------------------------------------------------------------------------------


def csv_rows(rows: Solutions) -> Counter[tuple[str, ...]]:
    """CSV keeps neither datatypes nor the names of blank nodes; numbers are compared by value."""
    assert isinstance(rows, list)
    return Counter(tuple(csv_value(row[name][1]) for name in sorted(row)) for row in rows)


def csv_value(text: str) -> str:
    if text.startswith("_:"):
        return "_:"
    try:
        return repr(float(text))
    except ValueError:
        return text


def same(found: Solutions, expected: Solutions) -> bool:
    """Whether two results are equal up to the names of blank nodes."""
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if len(found) != len(expected):
        return False
    return _match(found, list(expected), {}, {})


def _match(found: list[Row], expected: list[Row], to: dict[str, str], back: dict[str, str]) -> bool:
    if not found:
        return True
    row, *rest = found
    for number, candidate in enumerate(expected):
        new = _unify(row, candidate, to, back)
        if new is not None:
            forth, home = {**to, **new}, {**back, **{value: key for key, value in new.items()}}
            if _match(rest, expected[:number] + expected[number + 1 :], forth, home):
                return True
            if not any(term[0] == "bnode" for term in row.values()):
                return False  # equal rows are interchangeable: another one would not help
    return False


def _unify(row: Row, other: Row, to: dict[str, str], back: dict[str, str]) -> dict[str, str] | None:
    if row.keys() != other.keys():
        return None
    new: dict[str, str] = {}
    for name, term in row.items():
        partner = other[name]
        if term[0] != "bnode" or partner[0] != "bnode":
            if term != partner:
                return None
            continue
        known = to.get(term[1], new.get(term[1]))
        if known is None and partner[1] not in back and partner[1] not in new.values():
            new[term[1]] = partner[1]
        elif known != partner[1]:
            return None
    return new
