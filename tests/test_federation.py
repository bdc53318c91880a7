# ruff: noqa: E501 (a query stands on one line, so that it can be compared with the next)
"""Queries that call other endpoints: real servers on this machine, and Oxigraph's own SERVICE to compare with."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.server
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kymgraph
from kymgraph import federation, files, results
from kymgraph.changeset import Changeset
from kymgraph.commit import Request
from kymgraph.dataset import Dataset
from kymgraph.errors import (
    QuerySyntaxError,
    ServiceFailed,
    ServiceNotAllowed,
    ServiceTimeout,
    ServiceUnsupported,
)
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.localserver import Server, leads_to, says
from tests.needs import size

E = "http://e.example/"
PREFIX = f"PREFIX : <{E}> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
HEAD = f"@prefix : <{E}> .\n@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
OURS = {
    "data/one.ttl": """
:a :link :A ; :part :b ; :n 1 . :b :link :B ; :n 2 ; :word "x" . :c :link :C ; :n 3 . :d :n 4 .
:a :same :a .
""",
    "data/two.ttl": """
:a :link :A . :e :link :A ; :n 5 . :f :link "A" ; :word "y"@fi .
""",
}
THEIRS = """
:A rdfs:label "Aa"@fi , "A"@en ; :wider :Top ; :n 01 . :B rdfs:label "Bee"@en ; :wider :Top , :A .
:D rdfs:label "Dee"@en ; :word "x" . :Top rdfs:label "Top"@en .
:a :link :A , :X ; :note [ :word "x" ] . :A :old true ; :word "} SERVICE <http://x/> {" .
"""
TOML = 'base_iri = "https://example.org/kym/"\n'


def project(folder: Path, parts: dict[str, str]) -> Project:
    for name, text in {"kymgraph.toml": TOML, **parts}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((HEAD if name.endswith(".ttl") else "") + text, "utf-8")
    made = Project.load(folder)
    read = files.read(made)
    EmbeddedStore(folder / "store").build(read.quads(), project=made, graphs=read.graphs, files=read.digests)
    return made


@pytest.fixture(scope="module")
def there(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A second kymgraph server, as the endpoint that is called."""
    folder = tmp_path_factory.mktemp("there")
    project(folder, {"data/labels.ttl": THEIRS})
    url: str = serve(folder, folder / "store")
    return url + "/sparql"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """An endpoint that answers what it is told."""
    with contextlib.closing(Server()) as running:
        yield running


@pytest.fixture(scope="module")
def here(there: str, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    folder = tmp_path_factory.mktemp("here")
    made = project(folder, OURS)
    allowed = [there.split("/")[2], server.listed, "127.0.0.1:1", "nowhere.invalid:80"]
    with Dataset.open(made, folder / "store", allow_hosts=allowed, fast=1, slow=1, spare=0) as dataset:
        yield dataset


@pytest.fixture(scope="module")
def oracle(here: Dataset) -> ox.Store:
    """The same quads in an engine that asks SERVICE itself, while it runs the query."""
    store = ox.Store()
    for quad in here.view().quads():
        store.add(quad)
        store.add(ox.Quad(quad.subject, quad.predicate, quad.object))
    return store


def bag(found: results.Rows) -> Counter[str]:
    """Rows without their order; a blank node, and the name made for one, is just that."""

    def shown(term: object) -> str:
        text = str(term)
        return "_" if isinstance(term, ox.BlankNode) or text.startswith("<urn:x-kymgraph-blank:") else text

    return Counter(
        str(sorted((name, shown(term)) for name, term in row.items() if term is not None)) for row in found
    )


def native(store: ox.Store, text: str) -> Counter[str]:
    body = store.query(text).serialize(format=ox.QueryResultsFormat.JSON)  # type: ignore[union-attr]
    return bag(results.rows(body))


#: T stands for the endpoint.
SAME = {
    "join": "SELECT * { ?s :link ?o . SERVICE T { ?o rdfs:label ?l } }",
    "before": "SELECT * { SERVICE T { ?o rdfs:label ?l } ?s :link ?o }",
    "no-dot": "SELECT * { ?s :link ?o SERVICE T { ?o rdfs:label ?l }. ?s :n ?n }",
    "tight": "SELECT*{?s :link ?o.SERVICE T{?o rdfs:label ?l}}",
    "optional": "SELECT * { ?s :link ?o OPTIONAL { SERVICE T { ?o rdfs:label ?l FILTER(lang(?l) = 'en') } } }",
    "optional-filter": "SELECT * { ?s :n ?n ; :link ?o OPTIONAL { SERVICE T { ?o :n ?m } FILTER(?n = ?m) } }",
    "optional-in-block": "SELECT * { ?s :link ?o SERVICE T { ?o rdfs:label ?l OPTIONAL { ?o :wider ?w } } }",
    "shared-in-optional": "SELECT * { ?s :link ?w SERVICE T { ?o rdfs:label ?l OPTIONAL { ?o :wider ?w } } }",
    "shared-bound-late": "SELECT * { ?s :n 1 ; :link ?w { SERVICE T { ?o rdfs:label ?l OPTIONAL { ?o :wider ?w } } FILTER(!bound(?w)) } }",
    "union": "SELECT * { { ?s :link ?o } UNION { SERVICE T { ?s :wider ?o } } UNION { ?s :n ?n } }",
    "after-union": "SELECT * { { ?s :link ?o } UNION { ?s :part ?o } SERVICE T { ?o rdfs:label ?l } }",
    "joined-union": "SELECT * { ?s :n ?n { SERVICE T { ?s :link ?x } } UNION { SERVICE T { ?s :note ?y } } }",
    "union-in-block": "SELECT * { ?s :link ?o SERVICE T { { ?o :wider ?w } UNION { ?o :n ?w } } }",
    "minus": "SELECT * { ?s :link ?o MINUS { SERVICE T { ?o :wider ?w } } }",
    "minus-joined": "SELECT * { ?s :link ?o MINUS { ?s :n ?n SERVICE T { ?o :old ?w } } }",
    "minus-apart": "SELECT * { ?s :link ?o MINUS { SERVICE T { ?x :wider ?w } } }",
    "minus-in-block": "SELECT * { ?s :link ?o SERVICE T { ?o rdfs:label ?l MINUS { ?o :old true } } }",
    "values": "SELECT * { VALUES ?o { :A :A :D } SERVICE T { ?o rdfs:label ?l } }",
    "values-undef": "SELECT * { VALUES (?o ?l) { (:A UNDEF) (UNDEF 'Dee'@en) } SERVICE T { ?o rdfs:label ?l } }",
    "values-after": "SELECT * { ?s :link ?o OPTIONAL { SERVICE T { ?o rdfs:label ?l } } } VALUES ?l { 'A'@en }",
    "values-in-block": "SELECT * { ?s :link ?o SERVICE T { VALUES ?l { 'Bee'@en 'A'@en } ?o rdfs:label ?l } }",
    "bind": "SELECT * { BIND(:A AS ?o) SERVICE T { ?o rdfs:label ?l } BIND(str(?l) AS ?t) }",
    "bind-in-block": "SELECT * { ?s :link ?o SERVICE T { ?o rdfs:label ?l BIND(strlen(?l) AS ?n) } }",
    "filter-before": "SELECT * { ?s :link ?o FILTER(?n > 1) ?s :n ?n SERVICE T { ?o rdfs:label ?l } }",
    "filter-on-what-comes": "SELECT * { ?s :link ?o FILTER(strlen(?l) = 1) SERVICE T { ?o rdfs:label ?l } }",
    "optional-first-in-block": "SELECT * { ?s :link ?o SERVICE T { OPTIONAL { ?o :n ?m } ?o rdfs:label ?l } }",
    "filter-unbound-in-block": "SELECT * { ?s :n ?n ; :link ?o SERVICE T { ?o rdfs:label ?l FILTER(?n = 1) } }",
    "sub-select": "SELECT * { ?s :n ?n { SELECT ?s (COUNT(?l) AS ?c) { ?s :link ?o SERVICE T { ?o rdfs:label ?l } } GROUP BY ?s } }",
    "sub-select-limit": "SELECT * { ?s :link :A { SELECT (COUNT(*) AS ?c) { SERVICE T { ?o rdfs:label ?l } } } }",
    "select-in-block": "SELECT * { ?s :link ?o SERVICE T { SELECT ?o (MAX(?l) AS ?m) { ?o rdfs:label ?l } GROUP BY ?o } }",
    "hidden-in-block": "SELECT * { ?l :n ?n SERVICE T { SELECT ?o { ?o rdfs:label ?l } } }",
    "aggregate": "SELECT ?w (COUNT(*) AS ?c) { ?s :link ?o SERVICE T { ?o :wider ?w } } GROUP BY ?w HAVING(COUNT(*) > 1)",
    "two": "SELECT * { ?s :link ?o SERVICE T { ?o :wider ?w } SERVICE T { ?w rdfs:label ?l } }",
    "two-nested": "SELECT * { SERVICE T { ?o :wider ?w } OPTIONAL { ?s :link ?o { SERVICE T { ?w rdfs:label ?l } } } }",
    "exists": "SELECT * { ?s :link ?o FILTER EXISTS { SERVICE T { ?o :wider ?w } } }",
    "not-exists": "SELECT * { ?s :link ?o FILTER NOT EXISTS { SERVICE T { ?o :wider ?w ; rdfs:label 'Aa'@fi } } }",
    "exists-joined": "SELECT * { ?s :link ?o FILTER(EXISTS { ?s :n ?n SERVICE T { ?o :wider ?w } } || ?o = :C) }",
    "exists-bound": "SELECT ?s (EXISTS { SERVICE T { ?o :wider ?w } } AS ?e) { ?s :link ?o }",
    "distinct": "SELECT DISTINCT ?o { ?s :link ?o SERVICE T { ?o rdfs:label ?l } }",
    "many-times": "SELECT ?o { ?s :link ?o SERVICE T { ?o rdfs:label ?l } }",
    "path": "SELECT * { ?s :link ?o SERVICE T { ?o :wider+ ?w } }",
    "path-of-length-zero": "SELECT * { ?s :same|:link ?o SERVICE T { ?o :wider* ?w } }",
    "number": "SELECT * { ?s :n ?n SERVICE T { ?o :n ?n } }",
    "string": "SELECT * { ?s :word ?v SERVICE T { ?o :word ?v } }",
    "nothing-shared": "SELECT * { ?s :part ?o SERVICE T { ?x :old ?y } }",
    "nothing-let-out": "SELECT * { ?s :part ?o SERVICE T { :A :wider :Top } }",
    "nothing-let-out-nor-there": "SELECT * { ?s :part ?o SERVICE T { :A :wider :B } }",
    "nothing-here": "SELECT * { ?s :none ?o SERVICE T { ?o :wider ?w } }",
    "blank": "SELECT * { ?s :n ?n SERVICE T { ?s :note ?b . ?b :word ?w } }",
    "blank-brackets": "SELECT * { ?s :n ?n SERVICE T { ?s :note [ :word ?w ] } }",
    "collection": "SELECT * { ?s :n ?n SERVICE T { ?s :note (?w) } }",
    "string-with-braces": "SELECT * { SERVICE T { ?o :word '''} SERVICE <http://x/> {''' } ?s :link ?o }",
    "comments": "SELECT * { ?s :link ?o # } SERVICE <http://x/> {\n SERVICE # }\n T # {\n { ?o # }\r rdfs:label ?l # {\n}\n}",
    "lower-case": "select * { ?s :link ?o service T { ?o rdfs:label ?l } }",
    "prefix-of-that-name": f"PREFIX service: <{E}> SELECT * {{ ?s service:link ?o SERVICE T {{ ?o rdfs:label ?l ; service:wider ?w }} }}",
    "base": f"BASE <{E}> SELECT * {{ ?s <link> ?o SERVICE T {{ ?o <wider> <Top> }} }}",
    "base-twice": f"BASE <http://other.example/> BASE <{E}> PREFIX p: <wi> SELECT * {{ ?s <link> ?o SERVICE T {{ ?o p:der <Top> }} }}",
    "silent": "SELECT * { ?s :link ?o SERVICE SILENT T { ?o rdfs:label ?l } }",
    "silent-and-dead": "SELECT * { ?s :link ?o SERVICE SILENT <http://127.0.0.1:1/> { ?o rdfs:label ?l } }",
    "silent-and-nowhere": "SELECT * { ?s :link ?o OPTIONAL { SERVICE SILENT <http://nowhere.invalid/> { ?o :wider ?l } } }",
    "graph-in-block": "SELECT * { ?s :link ?o SERVICE T { GRAPH ?g { ?o rdfs:label ?l } } }",
    "exists-in-block": "SELECT * { ?s :link ?o SERVICE T { ?o rdfs:label ?l FILTER NOT EXISTS { ?o :old true } } }",
}  # fmt: skip


def with_endpoint(text: str, there: str) -> str:
    return PREFIX + text.replace(" T ", f" <{there}> ").replace(" T{", f" <{there}>{{")


@pytest.mark.parametrize("text", SAME.values(), ids=SAME.keys())
def test_the_rows_are_those_of_an_engine_that_asks_while_it_runs(
    here: Dataset, oracle: ox.Store, there: str, text: str
) -> None:
    text = with_endpoint(text, there)

    assert bag(here.query(text)) == native(oracle, text)


# --- calls in random places ---------------------------------------------------------------------------

VARIABLES = st.sampled_from(["?a", "?b", "?c", "?d"])
NODES = st.one_of(VARIABLES, st.sampled_from([":a", ":A", ":B", ":Top", '"x"']))
SUBJECTS = st.one_of(VARIABLES, st.sampled_from([":a", ":A", ":B"]))
PREDICATES = st.sampled_from([":link", ":n", ":word", ":wider", "rdfs:label", ":old", ":same"])
TRIPLES = st.builds(lambda s, p, o: f"{s} {p} {o} .", SUBJECTS, PREDICATES, NODES)
FILTERS = st.sampled_from(
    ["FILTER(bound(?a))", "FILTER(?b != :A)", "FILTER(!bound(?c))", "FILTER(?a = ?d || isIRI(?b))"]
)
VALUES = st.sampled_from(
    ["VALUES ?a { :a :A :b :A }", "VALUES (?b ?c) { (:A UNDEF) (UNDEF :Top) (:B :Top) }"]
)


def joined(parts: Any) -> Any:
    return st.lists(parts, min_size=1, max_size=3).map(" ".join)


def around(inner: Any) -> Any:
    """What a group may hold, given what its own groups hold."""
    group = joined(inner)
    return st.one_of(
        TRIPLES,
        FILTERS,
        VALUES,
        group.map(lambda text: f"OPTIONAL {{ {text} }}"),
        group.map(lambda text: f"MINUS {{ {text} }}"),
        group.map(lambda text: f"{{ {text} }}"),
        st.tuples(group, group).map(lambda two: f"{{ {two[0]} }} UNION {{ {two[1]} }}"),
        group.map(lambda text: f"{{ SELECT ?a ?b {{ {text} }} }}"),
    )


BLOCKS = joined(st.one_of(TRIPLES, TRIPLES, TRIPLES, around(TRIPLES)))
CALLS = BLOCKS.map(lambda text: f"SERVICE T {{ {text} }}")
GROUPS = st.recursive(st.one_of(TRIPLES, CALLS), around, max_leaves=6)
QUERIES = joined(st.one_of(TRIPLES, CALLS, GROUPS)).filter(lambda text: 0 < text.count("SERVICE") < 4)


@settings(
    max_examples=size(quick=25, ci=150, night=20_000),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(text=QUERIES)
def test_random_calls_give_the_rows_that_an_engine_gets_which_asks_while_it_runs(
    here: Any, oracle: Any, there: str, text: str
) -> None:
    text = with_endpoint(f"SELECT * {{ {text} }}", there)

    assert bag(here.query(text)) == native(oracle, text)


# --- in a named graph, where Oxigraph itself would send GRAPH along to the endpoint ---------------------

ONE, TWO = "<https://example.org/kym/graph/one>", "<https://example.org/kym/graph/two>"
A, B, F = f"<{E}A>", f"<{E}B>", f"<{E}f>"
IN_GRAPHS = {
    "joined": (
        f"SELECT ?o ?w {{ GRAPH {TWO} {{ ?s :link ?o SERVICE T {{ ?o :wider ?w }} }} }}",
        [(A, f"<{E}Top>")] * 2,
    ),
    "variable": (
        "SELECT ?g ?o { GRAPH ?g { ?s :link ?o SERVICE T { ?o :old true } } }",
        [(ONE, A), (TWO, A), (TWO, A)],
    ),
    "optional": (
        "SELECT ?g ?s ?w { GRAPH ?g { ?s :word ?v OPTIONAL { SERVICE T { ?d :word ?v ; rdfs:label ?w } } } }",
        [(ONE, f"<{E}b>", '"Dee"@en'), (TWO, F, None)],
    ),
    "alone": ("SELECT ?g ?o { GRAPH ?g { SERVICE T { ?o :old true } } }", "every graph"),
    "in-no-graph": ("SELECT ?o { GRAPH :none { SERVICE T { ?o :old true } } }", []),
    "in-a-graph": (f"SELECT ?o {{ GRAPH {ONE} {{ SERVICE T {{ ?o :old true }} }} }}", [(A,)]),
    "union": (
        f"SELECT ?g ?o {{ GRAPH ?g {{ {{ ?s :n 5 }} UNION {{ SERVICE T {{ ?o :old true }} }} }} FILTER(?g = {TWO}) }}",
        [(TWO, None), (TWO, A)],
    ),
    "minus": (
        f"SELECT ?s {{ GRAPH {TWO} {{ ?s :link ?o MINUS {{ SERVICE T {{ ?o :old true }} }} }} }}",
        [(F,)],
    ),
    "minus-that-shares-nothing": (
        "SELECT ?g ?s { GRAPH ?g { ?s :word ?v MINUS { SERVICE T { ?x :old true } } } }",
        [(ONE, f"<{E}b>"), (TWO, F)],
    ),
    "variable-of-the-graph": (
        "SELECT * { GRAPH ?g { ?s :n 5 SERVICE T { ?g :old true } } }",
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), IN_GRAPHS.values(), ids=IN_GRAPHS.keys())
def test_a_call_in_a_named_graph_is_asked_as_it_stands(
    here: Dataset, there: str, text: str, expected: Any
) -> None:
    found = here.query(with_endpoint(text, there))

    if expected == "every graph":
        expected = [(str(graph), A) for graph in here.view().graphs()]
        assert len(expected) > 1
    rows = [tuple(None if term is None else str(term) for term in row.values()) for row in found]
    assert Counter(rows) == Counter(expected)


# --- what is refused ------------------------------------------------------------------------------------

REFUSED = {
    "variable": ("SELECT * { ?s :link ?e SERVICE ?e { ?o rdfs:label ?l } }", ServiceUnsupported),
    "variable-silent": ("SELECT * { SERVICE SILENT ?e { ?o rdfs:label ?l } }", ServiceUnsupported),
    "nested": ("SELECT * { SERVICE T { ?o :wider ?w SERVICE T { ?w :wider ?t } } }", ServiceUnsupported),
    "nested-deep": ("SELECT * { SERVICE T { OPTIONAL { SERVICE T { ?w :wider ?t } } } }", ServiceUnsupported),
    "nested-exists": (
        "SELECT * { SERVICE T { ?o :n ?n FILTER EXISTS { SERVICE T { ?w :p ?t } } } }",
        ServiceUnsupported,
    ),
    "nested-silent": ("SELECT * { SERVICE T { SERVICE SILENT T { ?w :wider ?t } } }", ServiceUnsupported),
    "exists-with-filter": (
        "SELECT * { ?s :n ?n FILTER EXISTS { SERVICE T { ?o :n ?m FILTER(?m = ?n) } } }",
        ServiceUnsupported,
    ),
    "exists-with-path": ("SELECT * { ?s :n ?n FILTER EXISTS { SERVICE T { ?s :p* ?m } } }", ServiceUnsupported),
    "exists-with-optional": (
        "SELECT * { ?s :n ?n FILTER NOT EXISTS { SERVICE T { ?s :p ?m OPTIONAL { ?m :p ?n } } } }",
        ServiceUnsupported,
    ),
    "exists-in-having": (
        "SELECT ?s { ?s :n ?n } GROUP BY ?s HAVING (EXISTS { SERVICE T { ?s :p ?m FILTER(?m > 1) } })",
        ServiceUnsupported,
    ),
    "sub-select-in-graph": (
        "SELECT * { GRAPH ?g { ?s :n ?n { SELECT ?s { SERVICE T { ?s :p ?m } } } } }",
        ServiceUnsupported,
    ),
    "six": ("SELECT * { " + "SERVICE T { ?s :p ?o } " * 6 + "}", ServiceUnsupported),
    "no-block": ("SELECT * { ?s :n ?n SERVICE T }", QuerySyntaxError),
    "no-address": ("SELECT * { SERVICE { ?s :n ?n } }", QuerySyntaxError),
    "text-for-address": ("SELECT * { SERVICE 'T' { ?s :n ?n } }", QuerySyntaxError),
    "in-a-list": ("SELECT (SERVICE T { ?s :n ?n } AS ?x) { }", QuerySyntaxError),
    "in-a-template": ("CONSTRUCT { SERVICE T { ?s :n ?n } } { ?s :n ?n }", QuerySyntaxError),
    "short-construct": ("CONSTRUCT WHERE { SERVICE T { ?s :n ?n } }", QuerySyntaxError),
    "then-union": ("SELECT * { SERVICE T { ?s :n ?n } UNION { ?s :n ?n } }", QuerySyntaxError),
    "then-bind": ("SELECT * { SERVICE T { ?s :n ?n } BIND(1 AS ?n) }", QuerySyntaxError),
    "glued": ("SELECT * { ?s ?p trueSERVICE T { ?s :n ?n } }", QuerySyntaxError),
    "glued-optional": ("SELECT * { ?s ?p trueOPTIONAL { SERVICE T { ?s :n ?n } } }", QuerySyntaxError),
    "glued-name": ("PREFIX SERVICE: <http://x/> SELECT * { ?s ?p ?o SERVICE:a { ?s :n ?n } }", QuerySyntaxError),
    "elsewhere-wrong": ("SELECT * { SERVICE T { ?s :n ?n } ?s ?p }", QuerySyntaxError),
    "not-listed": ("SELECT * { SERVICE <http://127.0.0.1:2/> { ?s :n ?n } }", ServiceNotAllowed),
    "not-listed-silent": ("SELECT * { SERVICE SILENT <http://e.example/> { ?s :n ?n } }", ServiceNotAllowed),
    "no-web": ("SELECT * { SERVICE <urn:x:y> { ?s :n ?n } }", ServiceNotAllowed),
    "file": ("SELECT * { SERVICE <file:///etc/passwd> { ?s :n ?n } }", ServiceNotAllowed),
    "one-of-two": ("SELECT * { SERVICE T { ?s :n ?n } SERVICE <https://e.example/> { ?s :n ?n } }", ServiceNotAllowed),
}  # fmt: skip


@pytest.mark.parametrize(("text", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_a_call_that_cannot_be_made_is_refused_before_anything_is_sent(
    here: Dataset, server: Server, text: str, error: Any
) -> None:
    server.asked.clear()
    with pytest.raises(error) as refused:
        here.query(with_endpoint(text, server.at("/"))) if "CONSTRUCT" not in text else _construct(
            here, text, server
        )

    assert server.asked == []
    assert refused.value.hint or isinstance(refused.value, QuerySyntaxError)


def _construct(here: Dataset, text: str, server: Server) -> None:
    here.loop.run(here.answer(with_endpoint(text, server.at("/"))))


def test_an_error_tells_the_place_in_the_text_as_it_was_sent(here: Dataset, there: str) -> None:
    text = PREFIX + f"SELECT * {{\n ?s :n ?n\n SERVICE <{there}> {{\n ?s\n :p ?o }} ?x ?y\n}}"

    with pytest.raises(QuerySyntaxError) as wrong:
        here.query(text)

    assert (wrong.value.line, wrong.value.column) == (5, 10)


def test_construct_ask_and_describe_call_too(here: Dataset, there: str) -> None:
    def asked(text: str, format: str) -> bytes:
        return here.loop.run(here.answer(with_endpoint(text, there), format=format)).read()

    made = asked("CONSTRUCT { ?s :label ?l } { ?s :n 2 ; :link ?o SERVICE T { ?o rdfs:label ?l } }", "nt")
    assert made.decode() == f'<{E}b> <{E}label> "Bee"@en .\n'
    assert json.loads(asked("ASK { ?s :link ?o SERVICE T { ?o :old true } }", "json"))["boolean"] is True
    assert json.loads(asked("ASK { ?s :link ?o SERVICE T { ?o :old false } }", "json"))["boolean"] is False
    assert b"link" in asked("DESCRIBE ?s { ?s :n 2 ; :link ?o SERVICE T { ?o rdfs:label ?l } }", "nt")


def test_parameters_go_into_the_block_too(here: Dataset, there: str) -> None:
    text = with_endpoint("SELECT ?s ?l { ?s :link ?what SERVICE T { ?what rdfs:label ?l } }", there)

    found = here.query(text, what=f"<{E}B>")

    assert [(row.s, row.l) for row in found] == [(f"{E}b", "Bee")]


def test_from_holds_here_and_not_there(here: Dataset, there: str) -> None:
    text = with_endpoint(f"SELECT ?s ?w FROM {TWO} {{ ?s :link ?o SERVICE T {{ ?o :wider ?w }} }}", there)

    assert {row.s for row in here.query(text)} == {E + "a", E + "e"}


# --- what is sent ---------------------------------------------------------------------------------------

JSON = {"Content-Type": "application/sparql-results+json"}


def answer_of(*rows: dict[str, Any], names: tuple[str, ...] = ("o", "l")) -> bytes:
    return json.dumps({"head": {"vars": names}, "results": {"bindings": rows}}).encode()


def iri(value: str) -> dict[str, str]:
    return {"type": "uri", "value": value}


def sent(server: Server) -> str:
    """The query that the server was asked last."""
    method, path, headers, body = server.asked[-1]
    if method == "POST":
        assert headers["content-type"] == "application/sparql-query; charset=utf-8"
        return body.decode()
    return parse_qs(urlsplit(path).query)["query"][0]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("?s :link ?o . SERVICE T { ?o rdfs:label ?l }", {A, B, f"<{E}C>", '"A"'}),
        ("?s :link ?o FILTER(?o != :B) SERVICE T { ?o rdfs:label ?l }", {A, B, f"<{E}C>", '"A"'}),
        ("VALUES ?o { :A :B :A } SERVICE T { ?o rdfs:label ?l }", {A, B}),
        ("?s :n 2 OPTIONAL { ?s :link ?o SERVICE T { ?o rdfs:label ?l } }", {B}),
        ("?s :n 2 ; :link ?o OPTIONAL { SERVICE T { ?o rdfs:label ?l } }", {B}),
        (f"GRAPH {TWO} {{ ?s :link ?o SERVICE T {{ ?o rdfs:label ?l }} }}", {A, '"A"'}),
        ("?s :n 2 ; :link ?o { { SERVICE T { ?o rdfs:label ?l } } UNION { ?o :none ?l } }", {B}),
    ],
)
def test_what_is_known_before_a_call_goes_along(
    here: Dataset, server: Server, text: str, values: set[str]
) -> None:
    server.answers["/"] = says(answer_of(), headers=JSON)

    here.query(with_endpoint(f"SELECT * {{ {text} }}", server.at("/")))

    given = re.search(r"VALUES \(\?o\) \{ (.*) \}", sent(server))
    assert given is not None
    assert Counter(given[1].split(" ")) == Counter(f"({value})" for value in values)


@pytest.mark.parametrize(
    "text",
    [
        "SERVICE T { ?o rdfs:label ?l } ?s :link ?o",
        "?s :n ?o SERVICE T { ?o rdfs:label ?l }",  # numbers are written in several ways
        "?s :link ?o SERVICE T { ?x :p ?y OPTIONAL { ?x :q ?o } }",  # may be unbound there
        "?s :link ?o SERVICE T { { ?o :p ?x } UNION { ?x :p ?y } }",
        "?s :link ?o SERVICE T { ?o :wider* ?w }",
        "?s :link ?o { SELECT ?o { SERVICE T { ?o rdfs:label ?l } } LIMIT 1 }",
        "?s :link ?o MINUS { SERVICE T { ?o rdfs:label ?l } }",
        "?s :link ?o FILTER EXISTS { SERVICE T { ?o rdfs:label ?l } }",
        "?s :n ?n OPTIONAL { ?s :link ?o } SERVICE T { ?o rdfs:label ?l }",  # unbound in a row of ours
    ],
)
def test_nothing_goes_along_where_it_could_change_the_rows(here: Dataset, server: Server, text: str) -> None:
    server.answers["/"] = says(answer_of(), headers=JSON)

    here.query(with_endpoint(f"SELECT * {{ {text} }}", server.at("/")))

    assert "VALUES" not in sent(server)


def test_an_endpoint_is_not_asked_what_cannot_matter(here: Dataset, server: Server) -> None:
    server.asked.clear()

    found = here.query(with_endpoint("SELECT * { ?s :none ?o SERVICE T { ?o :p ?l } }", server.at("/")))

    assert (len(found), server.asked) == (0, [])


def test_the_block_takes_along_what_it_needs_and_no_more(here: Dataset, server: Server) -> None:
    server.answers["/"] = says(answer_of(), headers=JSON)
    text = (
        "PREFIX other: <http://other.example/> # secret }\n"
        "SELECT * { SERVICE T { # secret {\n ?o # secret }\r rdfs:label ?l # secret\n } ?s other:p ?o }"
    )

    here.query(with_endpoint(text, server.at("/")))

    assert " ".join(sent(server).split()) == (
        "PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> SELECT ?o ?l { ?o rdfs:label ?l } LIMIT 10001"
    )


def test_a_short_call_is_a_get_and_a_long_one_a_post(here: Dataset, server: Server) -> None:
    server.answers["/q"] = says(answer_of(), headers=JSON)
    at = server.at("/q?graph=a#part")
    long = "SELECT * { SERVICE T { ?o rdfs:label '" + "ä" * 4_000 + "' , ?l } }"

    here.query(with_endpoint("SELECT * { SERVICE T { ?o rdfs:label ?l } }", at))
    here.query(with_endpoint(long, at))

    (get, path, *_), (post, target, _, body) = server.asked[-2:]
    assert (get, post, target) == ("GET", "POST", "/q?graph=a")
    assert path.startswith("/q?graph=a&query=")
    assert "ä" * 4_000 in body.decode()


# --- what comes back ------------------------------------------------------------------------------------

CALL = "SELECT ?o ?l { SERVICE T { ?o rdfs:label ?l } }"


def test_terms_come_back_as_they_were_sent(here: Dataset, server: Server) -> None:
    nasty = 'a "b" \\ \n } SERVICE <http://x/> { \r\t ? ä \u2028 \x01'
    server.answers["/"] = says(
        answer_of(
            {
                "o": iri("http://e.example/ä?x=1&y#z"),
                "l": {"type": "literal", "value": nasty, "xml:lang": "fi"},
            },
            {"l": {"type": "typed-literal", "value": "0.50", "datatype": "http://e.example/money"}},
            {"o": {"type": "bnode", "value": "b0"}, "l": {"type": "bnode", "value": "b1"}},
            {"o": {"type": "bnode", "value": "b0"}, "l": {"type": "literal", "value": ""}},
            {},
        ),
        headers=JSON,
    )

    first, second, third, fourth, fifth = here.query(with_endpoint(CALL, server.at("/")))

    assert str(first["o"]) == "<http://e.example/ä?x=1&y#z>"
    assert first["l"] == ox.Literal(nasty, language="fi")
    assert second["o"] is None
    assert second["l"] == ox.Literal("0.50", datatype=ox.NamedNode("http://e.example/money"))
    assert third["o"] == fourth["o"] != third["l"]
    assert str(third["o"]).startswith("<urn:x-kymgraph-blank:")
    assert third["o"] != here.query(with_endpoint(CALL, server.at("/")))[2]["o"]
    assert fourth["l"] == ox.Literal("")
    assert list(fifth.values()) == [None, None]


def slowly(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", JSON["Content-Type"])
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def endlessly(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", JSON["Content-Type"])
    handler.end_headers()
    for _ in range(1_000):
        handler.wfile.write(b" " * 1_000_000)


def deep(count: int) -> bytes:
    term = '{"type":"uri","value":"u:a"}'
    wrapped = '{"type":"triple","value":{"subject":' * count
    closed = f',"predicate":{term},"object":{term}}}}}' * count
    whole = f'{{"head":{{"vars":["o"]}},"results":{{"bindings":[{{"o":{wrapped}{term}{closed}}}]}}}}'
    return whole.encode()


def bomb() -> bytes:
    return gzip.compress(b" " * 50_000_000)


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE sparql [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>
<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head><variable name="o"/></head><results>
<result><binding name="o"><literal>&b;</literal></binding></result></results></sparql>"""
BAD = {
    "html": (says(b"<html>SERVICE</html>", headers={"Content-Type": "text/html"}), "text/html"),
    "xml": (says(ENTITIES, headers={"Content-Type": "application/sparql-results+xml"}), "results.xml"),
    "xml-as-json": (says(ENTITIES, headers=JSON), "cannot be read"),
    "no-type": (says(answer_of()), "something"),
    "half": (says(answer_of({"o": iri("http://e.example/")})[:60], headers=JSON), "cannot be read"),
    "broken-off": (says(answer_of(), headers=JSON, whole=False), "failed"),
    "boolean": (says(b'{"head":{},"boolean":true}', headers=JSON), "true or false"),
    "bad-iri": (says(answer_of({"o": iri("http://e.example/> } SERVICE <http://x/>")}), headers=JSON), "read"),
    "bad-language": (
        says(answer_of({"l": {"type": "literal", "value": "a", "xml:lang": "fi } x"}}), headers=JSON),
        "read",
    ),
    "bad-name": (says(answer_of(names=("o } x",)), headers=JSON), "read"),
    "rdf-1.2": (says(deep(1), headers=JSON), "none of SPARQL 1.1"),
    "deep": (says(deep(20_000), headers=JSON), "nested"),
    "deep-list": (says(b"[" * 4_000_000, headers=JSON), "nested"),
    "too-many": (says(answer_of(*[{}] * 10_001), headers=JSON), "more than 10,000 rows"),
    "many-more": (says(answer_of(*[{}] * 1_000_000), headers=JSON), "more than 10,000 rows"),
    "too-long": (endlessly, "more than 5,000,000 bytes"),
    "bomb": (says(bomb(), headers=JSON | {"Content-Encoding": "gzip"}), "more than 5,000,000 bytes"),
    "refused": (
        says(b'{"detail": "no such\\u001b[31m graph"}', 400, {"Content-Type": "application/problem+json"}),
        "status 400 and said: no such",
    ),
    "fault": (says(b"<h1>Oops</h1>", 500, {"Content-Type": "text/html"}), "status 500$"),
    "redirect-inside": (leads_to("http://127.0.0.1:9/"), "127.0.0.1:9 is not on the list"),
    "redirect-metadata": (leads_to("http://169.254.169.254/latest/"), "169.254.169.254:80 is not on the list"),
    "redirect-round": (leads_to("/"), "redirects"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "said"), BAD.values(), ids=BAD.keys())
def test_what_is_no_answer_is_told_or_kept_silent(here: Dataset, server: Server, bad: Any, said: str) -> None:
    server.answers["/"] = bad
    at = server.at("/")

    with pytest.raises(ServiceFailed, match=said) as failed:
        here.query(with_endpoint(CALL, at))
    silent = here.query(with_endpoint("SELECT * { ?s :n 1 SERVICE SILENT T { ?o rdfs:label ?l } }", at))

    assert failed.value.message.startswith("nothing was given back")
    assert at in failed.value.message
    assert "\x1b" not in failed.value.message
    assert [(row.s, row.o, row.l) for row in silent] == [(f"{E}a", None, None)]


def test_an_endpoint_that_drips_is_given_up_in_time(
    here: Dataset, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(federation, "SECONDS", 0.3)
    server.answers["/"] = slowly

    with pytest.raises(ServiceTimeout, match=r"0\.3 s"):
        here.query(with_endpoint(CALL, server.at("/")))


def test_the_time_of_a_call_counts_as_time_of_the_query(here: Dataset, server: Server) -> None:
    server.answers["/"] = slowly

    with pytest.raises(ServiceTimeout):
        here.loop.run(here.answer(with_endpoint(CALL, server.at("/")), deadline=0.5))


def test_what_is_known_is_read_from_the_state_that_answers(
    there: str, server: Server, tmp_path: Path
) -> None:
    """A commit between the two makes the query begin again."""
    made = project(tmp_path, {"data/one.ttl": ":a :link :A ."})
    store = tmp_path / "store"
    with Dataset.open(made, store, allow_hosts=[server.listed], fast=1, slow=1, spare=0) as dataset:

        def commits(handler: http.server.BaseHTTPRequestHandler) -> None:
            if dataset.generation == 1:
                quad = ox.Quad(ox.NamedNode(E + "b"), ox.NamedNode(E + "link"), ox.NamedNode(E + "B"),
                               ox.NamedNode("https://example.org/kym/graph/one"))  # fmt: skip
                change = Changeset(1, added=frozenset([quad]), reason="another link", agent="x:me")
                dataset.commit(Request(change))
            known = re.findall(r"\(<(\S+)>\)", parse_qs(urlsplit(handler.path).query)["query"][0])
            rows = [{"o": iri(one), "l": {"type": "literal", "value": one[-1]}} for one in known]
            says(answer_of(*rows), headers=JSON)(handler)

        server.answers["/commits"] = commits
        found = dataset.query(
            with_endpoint("SELECT * { ?s :link ?o SERVICE T { ?o rdfs:label ?l } }", server.at("/commits"))
        )

        assert dataset.generation == 2
        assert {(row.s, row.l) for row in found} == {(E + "a", "A"), (E + "b", "B")}


def test_calls_of_one_client_and_of_all_are_limited(here: Dataset, server: Server) -> None:
    gate = threading.Event()

    def waits(handler: http.server.BaseHTTPRequestHandler) -> None:
        gate.wait(20)
        says(answer_of({}), headers=JSON)(handler)

    server.answers["/waits"] = waits
    text = with_endpoint(CALL, server.at("/waits"))

    async def scene() -> list[Any]:
        asked = [asyncio.ensure_future(here.answer(text, client="one")) for _ in range(3)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        more = [asyncio.ensure_future(here.answer(text, client=f"c{n}")) for n in range(7)]
        await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED)
        asked += more
        gate.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    outcomes = Counter(type(one).__name__ for one in here.loop.run(scene()))

    assert outcomes == {"Answer": 8, "TooManyRequests": 1, "Busy": 1}
    assert here.query(text)  # and room again afterwards


def test_a_graph_without_a_list_asks_nobody(server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    made = project(tmp_path, {"data/one.ttl": ":a :link :A ."})
    server.answers["/"] = says(answer_of({"o": iri(E + "A")}), headers=JSON)
    text = with_endpoint(CALL, server.at("/"))

    with Dataset.open(made, tmp_path / "store", fast=1, slow=1, spare=0) as dataset:
        with pytest.raises(ServiceNotAllowed, match="not on the list") as refused:
            dataset.query(text)
        assert f"KYMGRAPH_ALLOW_HOSTS={server.listed}" in (refused.value.hint or "")
    monkeypatch.setenv("KYMGRAPH_ALLOW_HOSTS", f" {server.listed} ,")
    with kymgraph.open(tmp_path, store=tmp_path / "store") as graph:
        assert [row.o for row in graph.query(text)] == [E + "A"]


def test_the_command_line_follows_the_same_list(server: Server, here: Dataset, kymgraph: Any) -> None:
    server.answers["/"] = says(answer_of({"o": iri(E + "A")}), headers=JSON)
    folder = here.project.folder
    ask = ("--store", folder / "store", "query", with_endpoint(CALL, server.at("/")), "--format", "csv")

    refused = kymgraph(*ask, cwd=folder)
    allowed = kymgraph(*ask, cwd=folder, env={"KYMGRAPH_ALLOW_HOSTS": server.listed})

    assert (refused.returncode, refused.stdout) == (6, "")
    assert "KYMGRAPH_ALLOW_HOSTS" in refused.stderr
    assert (allowed.returncode, allowed.stdout.split()) == (0, ["o,l", f"{E}A,"])
