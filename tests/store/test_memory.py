"""The view of quads in memory answers as a checkpoint of them would."""

from __future__ import annotations

import pytest

from kymgraph.errors import QuerySyntaxError
from kymgraph.rdf import DEFAULT_GRAPH, FORMATS, Literal, NamedNode, Quad, parse
from kymgraph.store.memory import MemoryView

E = "https://example.org/"
QUADS = parse(
    b"@prefix e: <https://example.org/> . e:g1 { e:s e:p 1 , 007 } e:g2 { e:s e:p 1 } "
    b"e:out { e:s e:p 9 } e:s e:p 8 .",
    FORMATS["trig"],
)


@pytest.fixture
def view() -> MemoryView:
    return MemoryView(QUADS, in_union=lambda graph: graph != E + "out")


def test_a_triple_of_two_graphs_counts_once_in_the_union(view):
    values = sorted(row["o"].value for row in view.select("SELECT ?o { ?s ?p ?o }"))

    assert values == ["1", "7", "8"]
    assert [row["n"].value for row in view.select("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }")] == [
        "4"
    ]


def test_quads_by_pattern_of_one_graph_of_all_and_of_the_union(view):
    assert len(list(view.quads(graph=NamedNode(E + "out")))) == 1
    assert len(list(view.quads())) == 4, "the named graphs, without the union"
    assert {q.object.value for q in view.quads(graph=DEFAULT_GRAPH)} == {"1", "7", "8"}
    assert list(view.quads(NamedNode(E + "nobody"))) == []
    assert [g.value for g in view.graphs()] == [E + "g1", E + "g2", E + "out"]


def test_bindings_are_terms_and_unbound_variables_are_missing(view):
    rows = view.select("SELECT ?g ?no { GRAPH ?g { ?s ?p ?value } }", {"value": Literal(9)})

    assert rows == [{"g": NamedNode(E + "out")}]


@pytest.mark.parametrize("text", ["SELECT ?x { ?x", "ASK {}"])
def test_only_a_well_formed_select_is_answered(view, text):
    with pytest.raises(QuerySyntaxError):
        view.select(text)


def test_the_quads_given_stay_as_they_were():
    given = [Quad(NamedNode(E + "s"), NamedNode(E + "p"), Literal("x"), NamedNode(E + "g"))]

    MemoryView(iter(given))

    assert len(given) == 1
