"""`/search` and `/suggest` over HTTP: JSON, the page, paging, refusals, and following the commits."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.project import Project
from kymgraph.search.index import LONGEST
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, Serve

HTML = {"Accept": "text/html"}
ID = "https://example.org/kym/id/"


def find(http: httpx.Client, site: Any, **parameters: str | int) -> dict[str, Any]:
    response = http.get(site.url + "/search", params={name: str(value) for name, value in parameters.items()})
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def test_a_search_answers_with_hits_counts_and_its_generation(site: Any, http: httpx.Client) -> None:
    response = http.get(site.url + "/search", params={"q": "suunnitelman"})
    found = response.json()

    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-language"] == "fi"
    assert response.headers["kymgraph-generation"] == str(found["generation"]) == "1"
    assert found["total"] == 1
    [hit] = found["hits"]
    assert (hit["iri"], hit["label"], hit["page"]) == (ID + "plan", "suunnitelma", "/page/plan")
    assert [hit["highlight"][start:end] for start, end in hit["marks"]] == ["suunnitelma"]
    assert hit["labels"] == {"fi": "suunnitelma", "en": "plan"}
    assert found["facets"]["type"] == [{"value": ID + "Plan", "label": "id:Plan", "count": 1}]


def test_labels_are_in_the_language_of_the_reader(site: Any, http: httpx.Client) -> None:
    assert find(http, site, q="plan", lang="en")["hits"][0]["label"] == "plan"
    assert find(http, site, q="plan", lang="sv")["hits"][0]["label"] == "suunnitelma"
    assert find(http, site, q="plan", lang="de")["hits"][0]["label"] == "suunnitelma"
    english = http.get(site.url + "/search", params={"q": "plan"}, headers={"Accept-Language": "en"})
    assert english.headers["content-language"] == "en"
    assert {"accept", "accept-language"} <= {
        name.strip().lower() for name in english.headers["vary"].split(",")
    }


def test_an_answer_asked_for_again_is_not_sent_again(site: Any, http: httpx.Client) -> None:
    url = site.url + "/search?q=suunnitelma"
    first = http.get(url)

    again = http.get(url, headers={"If-None-Match": first.headers["etag"]})
    head = http.head(url)

    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])


def test_pages_are_linked_and_hold_every_hit_once(site: Any, http: httpx.Client) -> None:
    url: str | None = f"{site.url}/search?q=number&source=many&limit=100"
    seen: list[str] = []
    for _ in range(3):
        assert url is not None
        response = http.get(url)
        seen += [hit["iri"] for hit in response.json()["hits"]]
        links = dict(re.findall(r'<([^>]*)>; rel="(\w+)"', response.headers["link"]))
        relations = {relation: link for link, relation in links.items()}
        url = site.url + relations["next"]

    assert len(seen) == len(set(seen)) == 300
    assert set(relations) == {"first", "prev", "next"}
    assert "offset" not in relations["first"]
    assert "next" not in http.get(f"{site.url}/search?q=suunnitelma").headers.get("link", "")


def test_what_is_too_much_to_count_is_counted_up_to_a_ceiling(site: Any, http: httpx.Client) -> None:
    many = find(http, site, q="number")
    everything = find(http, site)

    assert (many["total"], many["more"]) == (2000, True)
    assert (everything["total"], everything["more"]) == (3002, False)


def test_facets_narrow_and_short_forms_stand_for_iris(site: Any, http: httpx.Client) -> None:
    wide = find(http, site, type=ID + "Plan")
    short = find(http, site, type="id:Plan")
    narrower = find(http, site, type="id:Goal")
    source = find(http, site, source="second")

    assert wide["total"] == short["total"] == 1
    assert [hit["iri"] for hit in narrower["hits"]] == [ID + "goal"]
    assert [hit["iri"] for hit in source["hits"]] == [ID + "plan"]
    assert find(http, site, type="id:Plan", q="tavoite")["total"] == 0


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("colour=red", "colour"),
        ("limit=many", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=%D9%A3", "limit"),  # a digit, but not of ours
        ("offset=10001", "offset"),
        ("q=a&q=b", "q"),
        ("type=Plan", "type"),
        ("type=nosuchprefix:Plan", "type"),
        ("source=../../etc/passwd", "source"),
        ("period=last-year", "period"),
        ("theme=" + "x" * 600, "theme"),
        ("&".join(f"type=id:T{n}" for n in range(21)), "type"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_name_and_an_example(
    site: Any, http: httpx.Client, query: str, name: str
) -> None:
    for path in ("/search", "/suggest") if name in ("colour", "limit", "q", "type") else ("/search",):
        refused = http.get(f"{site.url}{path}?{query}")

        assert refused.status_code == 400
        assert refused.headers["content-type"] == "application/problem+json"
        problem = refused.json()
        assert name in problem["detail"]
        assert re.search(r"For example \w+=", problem["hint"])


def test_a_text_of_some_64_kb_is_refused_and_one_of_the_longest_is_not(site: Any, http: httpx.Client) -> None:
    assert http.get(site.url + "/search?" + urlencode({"q": "k" * 65_000})).status_code in (400, 414)
    assert http.get(site.url + "/search?" + urlencode({"q": "k" * (LONGEST + 1)})).status_code == 400
    assert http.get(site.url + "/search?" + urlencode({"q": "kissa " * (LONGEST // 6)})).status_code == 200


HOSTILE = [
    "NEAR(", "\"'", "plan OR *", "a AND", "{name}:plan", "<script>", "%00", "%ff%fe", "%ED%A0%80", "';--",
    "%0d%0aX:1", "\\", "plan%00", "<http://a.example/> . } ; DROP ALL",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text_in_every_parameter(site: Any, http: httpx.Client, text: str) -> None:
    raw = text if "%" in text else urlencode({"": text})[1:]
    for path in ("/search", "/suggest"):
        for headers in ({}, HTML):
            answer = http.get(f"{site.url}{path}?q={raw}", headers=headers)
            assert answer.status_code == 200
            assert "<script>" not in answer.text or "json" in answer.headers["content-type"]
            assert "x" not in answer.headers
    for facet in ("type", "programme", "period", "theme", "place", "source", "status", "limit", "offset"):
        assert http.get(f"{site.url}/search?{facet}={raw}").status_code in (200, 400)
    assert find(http, site)["total"] == 3002


def test_suggestions_complete_what_is_typed(site: Any, http: httpx.Client) -> None:
    found = http.get(site.url + "/suggest", params={"q": "suunn", "type": "id:Plan", "limit": 3}).json()

    assert [hit["iri"] for hit in found["hits"]] == [ID + "plan"]
    assert http.get(site.url + "/suggest", params={"q": "suunn", "type": "id:Goal"}).json()["hits"] == []
    assert http.get(site.url + "/suggest").json()["hits"] == []


@pytest.mark.parametrize(("lang", "title"), [("fi", "Haku"), ("sv", "Sök"), ("en", "Search")])
def test_the_page_works_without_script_in_three_languages(
    site: Any, http: httpx.Client, lang: str, title: str
) -> None:
    answer = http.get(site.url + "/search", params={"q": "suunnitelma", "lang": lang}, headers=HTML)
    text = answer.text

    assert answer.headers["content-language"] == lang
    assert f"<h1>{title}</h1>" in text
    assert set(re.findall(r'rel="alternate" hreflang="(\w\w)"', text)) == {"fi", "sv", "en"}
    assert '<input class="words" type="search" id="q" name="q" value="suunnitelma"' in text
    assert "<mark>suunnitelma</mark>" in text
    assert not re.search(r"<script(?! src=)", text)
    assert not re.search(r" (style|on\w+)=", text)


def test_facets_are_links_that_narrow_and_can_be_taken_away(site: Any, http: httpx.Client) -> None:
    first = http.get(site.url + "/search", params={"q": "", "lang": "en"}, headers=HTML).text
    link = re.search(r'<a href="(/search\?[^"]*type=id%3APlan[^"]*)">', first)
    assert link is not None

    narrowed = http.get(site.url + link[1].replace("&amp;", "&"), headers=HTML).text
    away = re.search(r'<a href="([^"]*)" aria-label="Take away the filter id:Plan">', narrowed)

    assert '<input type="hidden" name="type" value="id:Plan">' in narrowed
    assert away is not None
    assert "type" not in away[1]


def test_types_of_other_vocabularies_have_names_for_people(shipped_url: str, http: httpx.Client) -> None:
    until = time.monotonic() + 120
    while (answer := http.get(f"{shipped_url}/search?q=osaaminen&lang=fi", headers=HTML)).status_code == 503:
        assert time.monotonic() < until
        time.sleep(0.5)

    assert ">yksittäinen väite</a>" in answer.text
    assert not re.search(r">(rdf|owl|skos):\w+<", answer.text)


def test_markup_in_the_data_is_text_on_the_page(site: Any, http: httpx.Client) -> None:
    text = http.get(site.url + "/search", params={"q": "alert"}, headers=HTML).text

    assert "&lt;script&gt;<mark>alert</mark>(" in text
    assert "<script>alert" not in text


@pytest.fixture(scope="module")
def writable(
    serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, EmbeddedStore, str]:
    """A server that takes changes: its URL, its store, and a token that may write."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "data").mkdir()
    (folder / "kymgraph.toml").write_text("", "utf-8")
    (folder / "data" / "a.ttl").write_text(PREFIXES + 'x:a rdfs:label "maakuntaohjelma"@fi .', "utf-8")
    project = Project.load(folder)
    store = EmbeddedStore(folder / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    url = serve_writable(folder, store.folder, front_workers=2)
    with Access(store.folder / FILE) as access:
        token = access.create_token("writer", "publisher", graphs=(), expires=None)[0]
    return url, store, token


def _put(url: str, token: str, turtle: str) -> int:
    answer = httpx.put(
        url + "/graph/b",
        content=(PREFIXES + turtle).encode(),
        headers={"Content-Type": "text/turtle", "Authorization": f"Bearer {token}"},
        timeout=60,
    )
    assert answer.status_code in (200, 201), answer.text
    return int(answer.headers["kymgraph-generation"])


def test_a_search_right_after_a_commit_finds_what_it_brought(
    writable: tuple[str, EmbeddedStore, str],
) -> None:
    url, _, token = writable
    assert httpx.get(url + "/search?q=verkosto", timeout=60).json()["total"] == 0

    for name in ("verkosto", "toinen verkosto", "kolmas"):
        generation = _put(url, token, f'x:b rdfs:label "{name}"@fi .')
        # Connections of their own, so that either front process may answer.
        for _ in range(4):
            found = httpx.get(url + "/search?q=verkostot", timeout=60).json()
            assert found["generation"] == generation
            assert [hit["label"] for hit in found["hits"]] == ([name] if "verkosto" in name else [])


def test_an_index_that_was_taken_away_is_made_again(writable: tuple[str, EmbeddedStore, str]) -> None:
    url, store, _ = writable
    before = httpx.get(url + "/search?q=maakunta&limit=7", timeout=60).json()

    shutil.rmtree(store.folder / "search")

    assert httpx.get(url + "/search?q=maakunta&limit=8", timeout=60).json()["hits"] == before["hits"]


def test_where_the_index_cannot_be_written_search_says_so_and_the_rest_goes_on(
    writable: tuple[str, EmbeddedStore, str],
) -> None:
    url, store, _ = writable
    folder: Path = store.folder / "search"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("a file where the folder has to be")
    try:
        refused = httpx.get(url + "/search?q=maakuntaohjelma&limit=9", timeout=60)

        assert (refused.status_code, refused.json()["code"]) == (503, "cannot-write")
        assert "unharmed" in refused.json()["detail"]
        assert httpx.get(url + "/sparql?query=ASK%20%7B%7D", timeout=60).status_code == 200
    finally:
        folder.unlink()
