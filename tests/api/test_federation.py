"""SERVICE over HTTP, and the questions of docs/federation.md on the shipped graph.

Two kymgraph servers of our own stand in for YSO and for a data portal. Their labels are those that our links
were reviewed by; what is wider than what, and the datasets, are made for these tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymgraph import files
from kymgraph.dataset import Dataset
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.localserver import Server, says

ROOT = Path(__file__).resolve().parents[2]
PREFIXES = """@prefix yso: <http://www.yso.fi/onto/yso/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix set: <https://portal.example/dataset/> .
"""
YSO = """
yso:p9140 a skos:Concept ; skos:prefLabel "logistiikka"@fi , "logistik"@sv ; skos:broader yso:p1 .
yso:p3917 a skos:Concept ; skos:prefLabel "matkailu"@fi , "turism"@sv ; skos:altLabel "turismi"@fi ;
  skos:broader yso:p2 .
yso:p28601 a skos:Concept ; skos:prefLabel "kiertotalous"@fi , "cirkulär ekonomi"@sv ; skos:broader yso:p2 .
yso:p25274 a skos:Concept ; skos:prefLabel "biotalous"@fi , "bioekonomi"@sv ; skos:broader yso:p2 .
yso:p372 a skos:Concept ; skos:prefLabel "kulttuuri"@fi ; skos:broader yso:p2 ; dcterms:isReplacedBy yso:p3 .
yso:p1 a skos:Concept ; skos:prefLabel "toiminta"@fi .
yso:p2 a skos:Concept ; skos:prefLabel "talous"@fi , "ekonomi"@sv .
yso:p94225 a skos:Concept ; skos:prefLabel "Kouvola"@fi , "Kouvola"@en .
yso:p94224 a skos:Concept ; skos:prefLabel "Kotka"@fi , "Kotka"@en .
"""
PORTAL = """
set:1 a dcat:Dataset ; dcterms:title "Kouvolan kaupungin hankinnat" ; dcat:keyword "kouvola" , "hankinnat" .
set:2 a dcat:Dataset ; dcterms:title "Satamien liikenne" ; dcat:keyword "kotka" , "hamina" , "satamat" .
set:3 a dcat:Dataset ; dcterms:title "Yöpymiset" ; dcat:keyword "matkailu" , "turismi" , "turism" .
set:4 a dcat:Dataset ; dcterms:title "Lappeenrannan puistot" ; dcat:keyword "lappeenranta" .
"""


def build(folder: Path, text: str) -> None:
    (folder / "data").mkdir()
    (folder / "kymgraph.toml").write_text('base_iri = "https://portal.example/"\n', "utf-8")
    (folder / "data" / "all.ttl").write_text(PREFIXES + text, "utf-8")
    project = Project.load(folder)
    read = files.read(project)
    EmbeddedStore(folder / "store").build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests
    )


@pytest.fixture(scope="module")
def hostile() -> Iterator[Server]:
    with contextlib.closing(Server()) as running:
        yield running


@pytest.fixture(scope="module")
def yso(serve: Any, hostile: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Stands in for YSO. It may ask itself, with one worker for all, and an endpoint that answers badly."""
    folder = tmp_path_factory.mktemp("yso")
    build(folder, YSO)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listed = f"127.0.0.1:{port},{hostile.listed}"
    url: str = serve(
        folder,
        folder / "store",
        port=port,
        allow_hosts=listed,
        fast_workers=1,
        slow_workers=1,
        query_timeout=4,
    )
    return url + "/sparql"


@pytest.fixture(scope="module")
def portal(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("portal")
    build(folder, PORTAL)
    url: str = serve(folder, folder / "store")
    return url + "/sparql"


# --- the questions of the documentation -----------------------------------------------------------------

K, Y, D = "https://w3id.org/kymgraph/id/", "http://www.yso.fi/onto/yso/", "https://portal.example/dataset/"
QUESTIONS = re.findall(
    r"### (.*?)\n.*?```sparql\n(.*?)```", (ROOT / "docs" / "federation.md").read_text("utf-8"), re.DOTALL
)


@pytest.fixture(scope="module")
def federated(shipped: Dataset, yso: str, portal: str) -> Iterator[Dataset]:
    hosts = [url.split("/")[2] for url in (yso, portal)]
    with Dataset.open(
        shipped.project, shipped.store.folder, allow_hosts=hosts, fast=1, slow=1, spare=0
    ) as dataset:
        yield dataset


def question(number: int, yso: str, portal: str) -> str:
    text: str = QUESTIONS[number - 1][1]
    return text.replace("https://api.finto.fi/sparql", yso).replace("https://portal.example/sparql", portal)


def test_there_are_at_least_five_questions_and_each_calls() -> None:
    assert len(QUESTIONS) == 6
    assert all("SERVICE" in text for _, text in QUESTIONS)


def test_themes_of_priorities_get_their_swedish_names(federated: Dataset, yso: str, portal: str) -> None:
    found = {(row.theme, row.term) for row in federated.query(question(1, yso, portal))}

    # Priorities of the business strategy of Kouvola (logistics, tourism): kouvolan-seudun-koko, lines 76-81.
    assert {(K + "theme/logistiikka", "logistik"), (K + "theme/matkailu", "turism")} <= found
    assert {term for _, term in found} <= {"logistik", "turism", "cirkulär ekonomi", "bioekonomi"}


def test_objectives_are_counted_under_wider_concepts(federated: Dataset, yso: str, portal: str) -> None:
    found = {row.label: row.objectives for row in federated.query(question(2, yso, portal))}

    def objectives(*themes: str) -> int:
        named = " ".join(f"<{K}theme/{theme}>" for theme in themes)
        text = (
            "PREFIX kym: <https://w3id.org/kymgraph/ontology#> SELECT (COUNT(DISTINCT ?o) AS ?n) "
            f"{{ VALUES ?t {{ {named} }} ?o a kym:Objective ; kym:theme ?t }}"
        )
        return int(federated.query(text)[0].n)  # type: ignore[arg-type]

    # One objective of each of two themes would be counted twice without DISTINCT.
    economy = objectives("kiertotalous", "biotalous", "matkailu", "kulttuuri")
    assert found == {"talous": economy, "toiminta": objectives("logistiikka")}
    assert all(found.values())


def test_datasets_are_found_by_the_names_of_municipalities(federated: Dataset, yso: str, portal: str) -> None:
    found = [(row.place, row.dataset, row.title) for row in federated.query(question(3, yso, portal))]

    assert found == [
        (K + "place/hamina", D + "2", "Satamien liikenne"),
        (K + "place/kotka", D + "2", "Satamien liikenne"),
        (K + "place/kouvola", D + "1", "Kouvolan kaupungin hankinnat"),
    ]


def test_two_endpoints_are_asked_one_after_the_other(federated: Dataset, yso: str, portal: str) -> None:
    found = [(row.theme, row.keyword, row.dataset) for row in federated.query(question(4, yso, portal))]

    assert found == [(K + "theme/matkailu", name, D + "3") for name in ("matkailu", "turism", "turismi")]


def test_replaced_and_missing_concepts_are_told(federated: Dataset, yso: str, portal: str) -> None:
    found = [(row.thing, row.concept, row.newer) for row in federated.query(question(5, yso, portal))]

    assert found == [
        (K + "theme/kulttuuri", Y + "p372", Y + "p3"),  # replaced
        (K + "theme/palvelut", Y + "p838", None),  # not in our stand-in
    ]


def test_places_come_with_or_without_an_english_name(federated: Dataset, yso: str, portal: str) -> None:
    text = question(6, yso, portal)
    found = {row.place: row.english for row in federated.query(text)}
    without = {row.place: row.english for row in federated.query(text.replace("/sparql>", "/nothing>"))}

    assert {place for place, name in found.items() if name} == {K + "place/kouvola", K + "place/kotka"}
    assert K + "place/virolahti" in found
    assert without == dict.fromkeys(found)


# --- over HTTP ------------------------------------------------------------------------------------------

LABELS = "PREFIX skos: <http://www.w3.org/2004/02/skos/core#> "


def call(endpoint: str, *, silent: bool = False) -> str:
    word = "SERVICE SILENT" if silent else "SERVICE"
    return LABELS + f"SELECT ?c ?l {{ ?c skos:broader ?w {word} <{endpoint}> {{ ?c skos:prefLabel ?l }} }}"


def test_an_answer_with_service_is_asked_anew_each_time(
    yso: str, hostile: Server, http: httpx.Client
) -> None:
    row = {"c": {"type": "uri", "value": Y + "p9140"}, "l": {"type": "literal", "value": "x"}}
    body = json.dumps({"head": {"vars": ["c", "l"]}, "results": {"bindings": [row]}}).encode()
    hostile.answers["/ok"] = says(body, headers={"Content-Type": "application/sparql-results+json"})
    hostile.asked.clear()
    text = call(hostile.at("/ok"))

    answers = [http.get(yso, params={"query": text, "format": "csv"}) for _ in range(2)]
    answers.append(
        http.post(
            yso, content=text, headers={"Content-Type": "application/sparql-query", "Accept": "text/csv"}
        )
    )

    assert [answer.status_code for answer in answers] == [200] * 3
    assert {answer.text for answer in answers} == {f"c,l\r\n{Y}p9140,x\r\n"}
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert not any("etag" in answer.headers for answer in answers)
    assert len(hostile.asked) == 3


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        (call("http://127.0.0.1:9/sparql"), 403, "service-not-allowed"),
        (call("http://127.0.0.1:9/sparql", silent=True), 403, "service-not-allowed"),
        ("SELECT * { ?s ?p ?e SERVICE ?e { ?s ?p ?o } }", 422, "service-unsupported"),
        ("ASK { SERVICE <HOSTILE/bad> { SERVICE <HOSTILE/b> { ?s ?p 1 } } }", 422, "service-unsupported"),
        (call("HOSTILE/bad"), 502, "service-failed"),
        (call("HOSTILE/waits"), 504, "service-timeout"),
        ("SELECT * { SERVICE <HOSTILE/bad> { ?s ?p ?o } ?s }", 400, "query-syntax"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_was_refused(
    yso: str, hostile: Server, http: httpx.Client, text: str, status: int, code: str
) -> None:
    hostile.answers["/bad"] = says(b"<html>", headers={"Content-Type": "text/html"})
    hostile.answers["/waits"] = lambda handler: hostile.over.wait(10) and None
    text = text.replace("HOSTILE", hostile.at(""))

    answer = http.get(yso, params={"query": text, "timeout": "1"}, headers={"Accept-Language": "fi"})
    problem = answer.json()

    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"].startswith("nothing was") or code == "query-syntax"
    assert "endpoint" not in problem["title"].lower()  # the title is in the reader's language


def test_the_form_shows_a_refusal_and_keeps_the_query(yso: str, hostile: Server, http: httpx.Client) -> None:
    hostile.answers["/<b>"] = says(b"no", status=500)
    text = call(hostile.at("/%3Cb%3E"))

    page = http.get(yso, params={"query": text}, headers={"Accept": "text/html"})

    assert page.status_code == 502
    assert "service-failed" in page.text
    assert "<b>" not in page.text


def test_a_server_that_asks_itself_does_not_wait_for_its_own_worker(yso: str) -> None:
    text = LABELS + f"SELECT ?c ?l {{ SERVICE <{yso}> {{ ?c skos:broader ?w . ?w skos:prefLabel ?l }} }}"

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=60) as client:
            return await asyncio.gather(
                *(client.get(yso, params={"query": f"{text} # {n}", "format": "json"}) for n in range(8))
            )

    answers = asyncio.run(ask())

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 2
    for answer in answers:
        if answer.status_code == 200:
            assert len(answer.json()["results"]["bindings"]) == 9
        else:
            assert int(answer.headers["retry-after"]) > 0


def test_the_service_description_tells_that_others_are_asked(
    yso: str, portal: str, http: httpx.Client
) -> None:
    told = [http.get(url, headers={"Accept": "text/turtle"}).text for url in (yso, portal)]

    assert ["BasicFederatedQuery" in text for text in told] == [True, False]
