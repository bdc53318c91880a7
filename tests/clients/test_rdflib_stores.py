"""rdflib's SPARQLStore and SPARQLUpdateStore against a real server: a remote graph used like a local one."""

from __future__ import annotations

import json
import urllib.error
from decimal import Decimal

import pytest
from rdflib import RDF, RDFS, Graph, Literal, URIRef
from rdflib.plugins.stores.sparqlstore import SPARQLStore, SPARQLUpdateStore

from tests.clients.conftest import GRAPH, Site, X

PREFIX = f"PREFIX x: <{X}> "


def term(name: str) -> URIRef:
    return URIRef(X + name)


@pytest.fixture
def writable(programmes: Site) -> SPARQLUpdateStore:
    headers = {"Authorization": f"Bearer {programmes.token}"}
    return SPARQLUpdateStore(programmes.sparql, programmes.sparql, headers=headers)


@pytest.mark.parametrize("method", ["GET", "POST", "POST_FORM"])
def test_rows_are_python_terms_whatever_the_method(programmes: Site, method: str) -> None:
    graph = Graph(SPARQLStore(programmes.sparql, method=method))

    rows = graph.query(PREFIX + "SELECT ?m ?e { ?m a x:Measure ; x:euros ?e } ORDER BY ?e")

    assert [(row.m, row.e.toPython()) for row in rows] == [
        (term("rail"), Decimal("800.25")),
        (term("quay"), Decimal("1200.50")),
    ]


def test_ask_and_construct(programmes: Site) -> None:
    graph = Graph(SPARQLStore(programmes.sparql))

    assert graph.query(PREFIX + "ASK { x:ports a x:Programme }").askAnswer is True
    assert graph.query(PREFIX + "ASK { x:ports a x:Measure }").askAnswer is False
    made = graph.query(PREFIX + "CONSTRUCT { ?p x:has ?m } WHERE { ?m x:of ?p }").graph
    assert set(made) == {(term("ports"), term("has"), term(m)) for m in ("quay", "rail")}


def test_triples_values_and_membership_work_as_on_a_local_graph(programmes: Site) -> None:
    graph = Graph(SPARQLStore(programmes.sparql))

    assert set(graph.triples((term("rail"), None, None))) == {
        (term("rail"), RDF.type, term("Measure")),
        (term("rail"), term("of"), term("ports")),
        (term("rail"), term("euros"), Literal(Decimal("800.25"))),
    }
    assert set(graph.objects(term("ports"), RDFS.label)) == {Literal("Satamat", "fi"), Literal("Ports", "en")}
    assert (term("quay"), term("of"), term("ports")) in graph
    assert (term("quay"), term("of"), term("forests")) not in graph


def test_the_length_is_that_of_the_union(regions: Site) -> None:
    assert len(Graph(SPARQLStore(regions.sparql))) == 4


def test_a_graph_with_a_name_is_that_named_graph(programmes: Site) -> None:
    north = Graph(SPARQLStore(programmes.sparql), identifier=URIRef(GRAPH + "north"))

    assert len(north) == 3
    assert set(north.subjects()) == {term("forests")}
    rows = north.query(PREFIX + "SELECT ?p { ?p a x:Programme }")
    assert [row.p for row in rows] == [term("forests")]


def test_the_store_lists_the_named_graphs(programmes: Site) -> None:
    known = {str(context) for context in SPARQLStore(programmes.sparql).contexts()}

    assert {GRAPH + "north", GRAPH + "south", GRAPH + "ontology"} <= known


def test_triples_are_added_and_removed_through_the_gate(
    programmes: Site, writable: SPARQLUpdateStore
) -> None:
    before = programmes.store.generation
    graph = Graph(writable, identifier=URIRef(GRAPH + "rdflib"))
    note = (term("note"), term("says"), Literal('Ääni "x"\n<b>', "fi"))

    graph.add(note)
    assert set(graph) == {note}
    assert programmes.store.generation == before + 1  # a commit each

    graph.addN((term(f"n{n}"), term("number"), Literal(n), graph) for n in range(3))
    assert len(graph) == 4

    graph.set((term("n0"), term("number"), Literal(7)))
    assert graph.value(term("n0"), term("number")) == Literal(7)

    graph.remove(note)
    assert note not in graph
    graph.remove((None, None, None))
    assert len(graph) == 0


def test_a_refused_triple_raises_and_nothing_is_written(
    programmes: Site, writable: SPARQLUpdateStore
) -> None:
    before = programmes.store.generation
    graph = Graph(writable, identifier=URIRef(GRAPH + "south"))
    free = (term("free"), RDF.type, term("Measure"))

    with pytest.raises(urllib.error.HTTPError) as refused:
        graph.add(free)

    report = json.loads(refused.value.read())["report"]
    assert [found["message"]["sv"] for found in report["results"]] == ["ge summan"]
    assert programmes.store.generation == before
    assert free not in graph
    # rdflib would send the refused triple again with the next one until it is told not to.
    writable.rollback()
    graph.addN([(*free, graph), (term("free"), term("euros"), Literal(Decimal("0.5")), graph)])
    assert free in graph
    graph.remove((term("free"), None, None))


def test_without_a_token_nothing_is_written(programmes: Site) -> None:
    before = programmes.store.generation
    graph = Graph(
        SPARQLUpdateStore(programmes.sparql, programmes.sparql), identifier=URIRef(GRAPH + "rdflib")
    )

    with pytest.raises(urllib.error.HTTPError, match="401"):
        graph.add((term("note"), term("says"), Literal("x")))

    assert programmes.store.generation == before
