"""`/sparql/terms`, which the editor completes from, and the links of the query page, which are pinned."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

EX = "https://example.org/kym/id/"


def test_classes_and_properties_are_listed_with_their_kinds(site: Any, http: httpx.Client) -> None:
    response = http.get(site.url + "/sparql/terms")
    document = response.json()
    kinds = {(term["name"], term["kind"]) for term in document["terms"]}

    assert response.headers["kymgraph-generation"] == str(document["generation"])
    assert document["prefixes"]["id"] == EX
    # Declared, used as a class, used as a property.
    assert {("id:Goal", "class"), ("id:Plan", "class"), ("id:part", "property")} <= kinds
    assert ("id:plan", "class") not in kinds


def test_labels_are_in_the_readers_language(shipped_url: str) -> None:
    def label(lang: str) -> str:
        listed = httpx.get(shipped_url + "/sparql/terms", params={"lang": lang}, timeout=60).json()["terms"]
        [found] = [term["label"] for term in listed if term["name"] == "kym:Programme"]
        return str(found)

    assert [label(lang) for lang in ("fi", "sv", "en")] == ["ohjelma", "program", "programme"]


def links(text: str) -> list[dict[str, list[str]]]:
    found = re.findall(r'href="(/sparql\?query=[^"]+)"', text)
    return [parse_qs(urlsplit(html.unescape(link)).query) for link in found]


def test_links_of_a_result_are_pinned_to_its_generation(site: Any, http: httpx.Client) -> None:
    asked = {"query": "SELECT * { ?s ?p ?o } LIMIT 1", "view": "chart"}
    text = http.get(site.sparql, params=asked, headers={"Accept": "text/html"}).text
    shared = [link for link in links(text) if "format" in link]

    assert {link["format"][0] for link in shared} == {"html", "json", "xml", "csv", "tsv"}
    assert {link["at"][0] for link in shared} == {"1"}
    assert "pinned" not in text


def test_a_pinned_query_says_so_and_leads_to_the_newest(site: Any, http: httpx.Client) -> None:
    asked = {"query": "ASK {}", "at": "1", "lang": "en"}
    text = http.get(site.sparql, params=asked, headers={"Accept": "text/html"}).text

    assert "pinned to generation 1" in text
    assert [link for link in links(text) if "at" not in link and link["format"] == ["html"]]


def test_the_line_for_curl_asks_the_same_of_the_same_graphs(site: Any, http: httpx.Client) -> None:
    graph = "https://example.org/kym/graph/first"
    asked = {"query": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "default-graph-uri": graph}
    text = http.get(site.sparql, params=asked, headers={"Accept": "text/html"}).text
    [line] = re.findall(r"<pre[^>]*>(curl .*?)</pre>", text, re.S)
    words = shlex.split(html.unescape(line))
    words[2] = site.url + urlsplit(words[2]).path  # the page tells the public address
    answer = subprocess.run(words, capture_output=True, timeout=30, check=True).stdout.decode()

    assert answer.splitlines()[0] == "n"
    assert answer == http.get(site.sparql, params=asked, headers={"Accept": "text/csv"}).text
