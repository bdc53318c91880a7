"""W3C SPARQL 1.1 Service Description: the three tests of its manifest, in every RDF syntax there is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import rdflib
from rdflib import RDF, Namespace, URIRef

SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
SYNTAXES = {
    "text/turtle": "turtle",
    "application/rdf+xml": "xml",
    "application/n-triples": "nt",
    "application/ld+json": "json-ld",
    "application/trig": "trig",
    "application/n-quads": "nquads",
}


def described(endpoint: str, media_type: str) -> rdflib.Graph:
    response = httpx.get(endpoint, headers={"Accept": media_type})
    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == media_type
    return rdflib.Graph().parse(data=response.content, format=SYNTAXES[media_type])


@pytest.mark.parametrize("media_type", SYNTAXES)
def test_returns_rdf(endpoint: str, media_type: str) -> None:
    assert len(described(endpoint, media_type)) > 0


def test_has_endpoint_triple(endpoint: str) -> None:
    graph = described(endpoint, "text/turtle")

    [service] = graph.subjects(RDF.type, SD.Service)
    assert list(graph.objects(service, SD.endpoint)) == [URIRef(endpoint)]


def test_conforms_to_schema(endpoint: str) -> None:
    """Every property of the vocabulary stands between the classes that the recommendation gives it."""
    graph = described(endpoint, "text/turtle")
    ranges = {
        SD.defaultDataset: SD.Dataset,
        SD.defaultGraph: SD.Graph,
        SD.namedGraph: SD.NamedGraph,
        SD.graph: SD.Graph,
    }
    of_service = (SD.endpoint, SD.supportedLanguage, SD.resultFormat, SD.feature, SD.defaultDataset)
    domains = dict.fromkeys(of_service, SD.Service)
    domains |= {SD.defaultGraph: SD.Dataset, SD.namedGraph: SD.Dataset}
    domains |= {SD.name: SD.NamedGraph, SD.graph: SD.NamedGraph}
    known_languages = {SD.SPARQL10Query, SD.SPARQL11Query, SD.SPARQL11Update}

    assert (None, SD.supportedLanguage, SD.SPARQL11Query) in graph
    assert set(graph.objects(None, SD.supportedLanguage)) <= known_languages
    assert (None, SD.feature, SD.UnionDefaultGraph) not in graph  # the suites' project is a strict one
    subject: Any
    predicate: Any
    for subject, predicate, value in graph:
        if predicate in domains:
            assert (subject, RDF.type, domains[predicate]) in graph, f"{predicate} on {subject}"
        elif str(predicate).startswith(str(SD)):
            assert predicate == SD.defaultEntailmentRegime, predicate
        if predicate in ranges:
            assert (value, RDF.type, ranges[predicate]) in graph, f"{predicate} to {value}"
    for named in graph.subjects(RDF.type, SD.NamedGraph):
        assert len(list(graph.objects(named, SD.name))) == 1
