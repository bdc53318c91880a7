"""SPARQLWrapper against a real server: all query forms, and an update with a token."""

from __future__ import annotations

import json
import urllib.error
from decimal import Decimal
from typing import Any

import pytest
from rdflib import Graph, URIRef
from SPARQLWrapper import CSV, JSON, POST, RDFXML, TURTLE, XML, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import QueryBadFormed, Unauthorized

from tests.clients.conftest import GRAPH, Site, X

PREFIX = f"PREFIX x: <{X}> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
SUMS = PREFIX + "SELECT ?measure ?euros { ?measure a x:Measure ; x:euros ?euros } ORDER BY ?euros"
EXPECTED = [(X + "rail", Decimal("800.25")), (X + "quay", Decimal("1200.50"))]


def wrapper(site: Site, text: str, format: str | None = None, **more: Any) -> SPARQLWrapper:
    made = SPARQLWrapper(site.sparql, **more)
    made.setQuery(text)
    if format is not None:
        made.setReturnFormat(format)
    return made


def update(site: Site, text: str, token: str | None) -> dict[str, Any]:
    made = wrapper(site, text)
    made.setMethod(POST)
    if token is not None:
        made.addCustomHttpHeader("Authorization", f"Bearer {token}")
    outcome: dict[str, Any] = json.loads(made.query().response.read())
    return outcome


def test_select_gives_typed_bindings_by_get_and_by_post(programmes: Site) -> None:
    for method in ("GET", "POST"):
        asked = wrapper(programmes, SUMS, JSON)
        asked.setMethod(method)

        rows = asked.queryAndConvert()["results"]["bindings"]

        assert [(row["measure"]["value"], Decimal(row["euros"]["value"])) for row in rows] == EXPECTED
        assert {row["euros"]["datatype"] for row in rows} == {"http://www.w3.org/2001/XMLSchema#decimal"}


def test_select_comes_as_xml_and_csv(programmes: Site) -> None:
    xml = wrapper(programmes, SUMS, XML).queryAndConvert()
    assert [node.firstChild.data for node in xml.getElementsByTagName("uri")] == [X + "rail", X + "quay"]

    lines = wrapper(programmes, SUMS, CSV).queryAndConvert().decode().splitlines()
    assert lines[0] == "measure,euros"
    assert [line.partition(",")[0] for line in lines[1:]] == [X + "rail", X + "quay"]


def test_ask_is_a_boolean(programmes: Site) -> None:
    for thing, expected in (("ports", True), ("quay", False)):
        answer = wrapper(programmes, f"{PREFIX} ASK {{ x:{thing} a x:Programme }}", JSON).queryAndConvert()
        assert answer["boolean"] is expected


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # SPARQLWrapper's own use of rdflib
def test_construct_and_describe_give_graphs(programmes: Site) -> None:
    text = PREFIX + "CONSTRUCT { ?p x:has ?m } WHERE { ?m x:of ?p }"
    expected = {(URIRef(X + "ports"), URIRef(X + "has"), URIRef(X + m)) for m in ("quay", "rail")}

    assert set(wrapper(programmes, text, RDFXML).queryAndConvert()) == expected
    assert set(Graph().parse(data=wrapper(programmes, text, TURTLE).queryAndConvert())) == expected
    assert len(wrapper(programmes, f"DESCRIBE <{X}forests>").queryAndConvert()) == 3


def test_a_default_graph_may_be_named(programmes: Site) -> None:
    asked = wrapper(programmes, PREFIX + "SELECT ?p { ?p a x:Programme }", JSON, defaultGraph=GRAPH + "north")

    rows = asked.queryAndConvert()["results"]["bindings"]

    assert [row["p"]["value"] for row in rows] == [X + "forests"]


def test_an_error_says_where_it_is(programmes: Site) -> None:
    with pytest.raises(QueryBadFormed, match="line 1, column 11"):
        wrapper(programmes, "SELECT ?x {", JSON).query()


def test_an_update_with_a_token_is_committed_and_one_without_is_not(programmes: Site) -> None:
    before = programmes.store.generation
    text = f'{PREFIX} INSERT DATA {{ GRAPH <{GRAPH}wrapper> {{ x:note rdfs:label "Ääni"@fi }} }}'

    with pytest.raises(Unauthorized):
        update(programmes, text, None)
    assert programmes.store.generation == before

    outcome = update(programmes, text, programmes.token)

    assert (outcome["status"], outcome["generation"], outcome["added"]) == ("committed", before + 1, 1)
    label = wrapper(programmes, f"{PREFIX} SELECT ?l {{ x:note rdfs:label ?l }}", JSON).queryAndConvert()
    assert [row["l"]["value"] for row in label["results"]["bindings"]] == ["Ääni"]


def test_a_refused_update_raises_with_the_report_and_writes_nothing(programmes: Site) -> None:
    before = programmes.store.generation

    with pytest.raises(urllib.error.HTTPError) as refused:
        update(
            programmes,
            f"{PREFIX} INSERT DATA {{ GRAPH <{GRAPH}wrapper> {{ x:free a x:Measure }} }}",
            programmes.token,
        )

    problem = json.loads(refused.value.read())
    assert (refused.value.code, problem["code"]) == (422, "gate-rejected")
    assert [found["message"]["en"] for found in problem["report"]["results"]] == ["give the sum"]
    assert programmes.store.generation == before
