"""The reading half of the Graph Store Protocol."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import rdflib
from rdflib import Graph, URIRef

FIRST = "https://example.org/kym/graph/first"


def test_a_graph_by_path_and_by_parameter_is_the_same_graph(site: Any, http: httpx.Client) -> None:
    direct = http.get(site.url + "/graph/first", headers={"Accept": "application/n-triples"})
    indirect = http.get(
        site.url + "/graphs", params={"graph": FIRST}, headers={"Accept": "application/n-triples"}
    )

    assert direct.status_code == indirect.status_code == 200
    graph = Graph().parse(data=direct.text, format="nt")
    assert len(graph) == 9
    assert direct.content == indirect.content
    assert direct.headers["etag"] == indirect.headers["etag"]


def test_the_default_graph_is_the_union(site: Any, http: httpx.Client) -> None:
    response = http.get(site.url + "/graphs?default", headers={"Accept": "application/n-triples"})

    graph = Graph().parse(data=response.text, format="nt")
    assert (URIRef("https://example.org/kym/id/other"), rdflib.RDF.type, None) in graph
    assert (
        URIRef("https://example.org/kym/id/Plan"),
        rdflib.RDF.type,
        None,
    ) in graph  # the ontology is part of it
    assert (URIRef("https://w3id.org/kymgraph/shapes#Plan"), None, None) not in graph


@pytest.mark.parametrize(("accept", "format_"), [("text/turtle", "turtle"), ("application/rdf+xml", "xml"),
                                                ("application/ld+json", "json-ld")])  # fmt: skip
def test_a_graph_comes_in_the_format_asked_for(
    site: Any, http: httpx.Client, accept: str, format_: str
) -> None:
    response = http.get(site.url + "/graph/second", headers={"Accept": accept})

    assert response.headers["content-type"].partition(";")[0] == accept
    assert len(Graph().parse(data=response.content, format=format_)) == 3


def test_head_and_if_none_match(site: Any, http: httpx.Client) -> None:
    url = site.url + "/graph/first"
    get, head = http.get(url), http.head(url)

    assert (head.status_code, head.content) == (200, b"")
    assert {n: head.headers[n] for n in ("content-type", "content-length", "etag")} == {
        n: get.headers[n] for n in ("content-type", "content-length", "etag")
    }
    assert http.get(url, headers={"If-None-Match": get.headers["etag"]}).status_code == 304


def test_an_unknown_graph_is_a_404_that_names_near_ones(site: Any, http: httpx.Client) -> None:
    response = http.get(site.url + "/graph/frist")

    assert response.status_code == 404
    assert response.json()["code"] == "graph-not-found"
    assert "first" in response.json()["hint"]


def test_a_format_that_is_not_rdf_is_a_406(site: Any, http: httpx.Client) -> None:
    response = http.get(site.url + "/graph/first", headers={"Accept": "text/csv"})

    assert (response.status_code, response.json()["code"]) == (406, "format-not-available")


@pytest.mark.parametrize(
    "path", ["/graph/first", "/graph/new", "/graphs", "/graphs?default", f"/graphs?graph={FIRST}"]
)
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_writing_needs_a_token(site: Any, http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, site.url + path, content="", headers={"Content-Type": "text/turtle"})

    assert (response.status_code, response.json()["code"]) == (401, "token-required")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_two_graphs_at_once_are_refused(site: Any, http: httpx.Client) -> None:
    assert http.get(site.url + "/graphs", params={"graph": FIRST, "default": ""}).status_code == 400


def test_the_list_of_graphs_for_machines_and_for_people(site: Any, http: httpx.Client) -> None:
    listed = http.get(site.url + "/graphs").json()
    counts = {entry["graph"].rpartition("/")[2]: entry["triples"] for entry in listed["graphs"]}
    page = http.get(site.url + "/graphs", headers={"Accept": "text/html", "Accept-Language": "sv"})
    described = http.get(site.url + "/graphs", headers={"Accept": "text/turtle"})

    assert counts == {"first": 9, "second": 3, "many": 6000, "ontology": 3, "shapes": 16}
    assert "Namngivna grafer" in page.text
    assert page.headers["content-language"] == "sv"
    assert "sd:NamedGraph" in described.text
