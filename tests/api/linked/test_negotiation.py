"""Who asks how gets what: Accept headers, suffixes, `format=`, conditional requests, headers of answers."""

from __future__ import annotations

import re
from urllib.parse import quote

import httpx
import pytest

from kymgraph.rdf import NamedNode

from .conftest import BASE, ID, World

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGE, NONE = "text/html", "406"
#: What each header asks for by RFC 9110, section 12.5.1. Where a client has no wish, data in Turtle; where it
#: names HTML and something else alike, the page.
ACCEPT = [
    (None, "text/turtle"),
    ("*/*", "text/turtle"),
    ("text/html", PAGE),
    ("TEXT/HTML; charset=utf-8", PAGE),
    ("application/xhtml+xml", PAGE),
    (FIREFOX, PAGE),
    ("text/turtle", "text/turtle"),
    ("application/x-turtle", "application/x-turtle"),
    ("application/ld+json", "application/ld+json"),
    ('application/ld+json;profile="http://www.w3.org/ns/json-ld#compacted"', "application/ld+json"),
    ("application/json", "application/json"),
    ("application/n-triples", "application/n-triples"),
    ("text/plain", "text/plain"),
    ("application/rdf+xml", "application/rdf+xml"),
    ("application/xml", "application/xml"),
    ("application/trig", "application/trig"),
    ("application/n-quads", "application/n-quads"),
    ("text/turtle;q=0.5, application/ld+json;q=0.9", "application/ld+json"),
    ("text/html;q=0.4, text/turtle;q=0.6", "text/turtle"),
    ("text/turtle;q=0.9, text/html", PAGE),
    ("text/html, text/turtle", PAGE),
    ("text/turtle, */*;q=0.1", "text/turtle"),
    ("application/rdf+xml, text/turtle;q=0.8, */*;q=0.1", "application/rdf+xml"),
    ("text/*", "text/turtle"),
    ("application/*", "application/n-triples"),
    ("text/*, text/turtle;q=0", PAGE),
    ("text/html;q=0, */*", "text/turtle"),
    ("*/*;q=0.3, text/html;q=0.2", "text/turtle"),
    ("image/png, application/trig;q=0.01", "application/trig"),
    (", ,text/turtle,", "text/turtle"),
    ("*", "text/turtle"),
    ("image/png", NONE),
    ("text/html;q=0", NONE),
    ("application/sparql-results+json", NONE),
]
KINDS = {
    "thing": "/id/plan/one",
    "passage": "/id/passage/first/3-4",
    "only named": "/id/question/Q1",
    "commit": "/id/commit/2",
    "agent": "/id/agent/toimitus",
}


def asked(http: httpx.Client, url: str, accept: str | None) -> httpx.Response:
    return http.get(url, headers={} if accept is None else {"Accept": accept})


def kind_of(response: httpx.Response) -> str:
    return response.headers["content-type"].partition(";")[0]


@pytest.mark.parametrize(("accept", "wanted"), ACCEPT)
def test_what_is_asked_for_is_what_is_sent(
    world: World, http: httpx.Client, accept: str | None, wanted: str
) -> None:
    for kind, path in KINDS.items():
        sent_on = asked(http, world.url + path, accept)
        if wanted == NONE:
            assert sent_on.status_code == 406, kind
            assert sent_on.json()["code"] == "format-not-available"
            continue
        form = "/page/" if wanted == PAGE else "/data/"
        assert (sent_on.status_code, sent_on.headers["location"]) == (303, path.replace("/id/", form)), kind
        assert "Accept" in sent_on.headers["vary"]
        there = asked(http, world.url + sent_on.headers["location"], accept)
        assert (there.status_code, kind_of(there)) == (200, wanted), kind
        assert "Accept" in there.headers["vary"]


@pytest.mark.parametrize("name", ["ontology", "shapes"])
@pytest.mark.parametrize(("accept", "wanted"), ACCEPT)
def test_a_vocabulary_is_sent_as_asked_for(
    world: World, http: httpx.Client, accept: str | None, wanted: str, name: str
) -> None:
    response = asked(http, f"{world.url}/{name}", accept)

    assert (response.status_code if wanted == NONE else kind_of(response)) == (
        406 if wanted == NONE else wanted
    )


def test_a_blank_node_with_a_name_dereferences(world: World, http: httpx.Client) -> None:
    stem = BASE + ".well-known/genid/"
    [iri] = {q.subject.value for q in world.dataset() if q.subject.value.startswith(stem)}
    path = "/.well-known/genid/" + iri.removeprefix(stem)

    for accept, form in (("text/html", "/page"), ("text/turtle", "/data")):
        sent_on = asked(http, world.url + path, accept)
        assert (sent_on.status_code, sent_on.headers["location"]) == (
            303,
            f"{form}?iri={quote(iri, safe='')}",
        )
        there = asked(http, world.url + sent_on.headers["location"], accept)
        assert kind_of(there) == accept
        assert "ei nimeä" in there.text


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [
        (".ttl", "text/turtle"),
        (".jsonld", "application/ld+json"),
        (".rdf", "application/rdf+xml"),
        (".nt", "application/n-triples"),
        (".trig", "application/trig"),
        (".nq", "application/n-quads"),
    ],
)
def test_a_suffix_or_format_goes_before_accept(
    world: World, http: httpx.Client, suffix: str, media_type: str
) -> None:
    for asking in (
        f"plan/one{suffix}",
        f"plan/one?format={suffix[1:]}",
        f"plan/one?format={quote(media_type)}",
    ):
        sent_on = asked(http, f"{world.url}/id/{asking}", "text/html")
        assert (sent_on.status_code, sent_on.headers["location"]) == (303, f"/data/plan/one{suffix}")
    there = asked(http, f"{world.url}/data/plan/one{suffix}", "text/html")
    assert kind_of(there) == media_type


def test_the_page_is_asked_for_by_suffix_or_format_too(world: World, http: httpx.Client) -> None:
    for asking in (
        "/id/plan/one.html",
        "/id/plan/one?format=html",
        "/data/plan/one.html",
        "/data/plan/one?format=html",
    ):
        sent_on = http.get(world.url + asking)
        assert (sent_on.status_code, sent_on.headers["location"]) == (303, "/page/plan/one")


def test_a_name_that_ends_like_a_suffix_is_that_name(world: World, http: httpx.Client) -> None:
    named = http.get(world.url + "/id/file/readme.ttl", headers={"Accept": "text/html"})
    data = http.get(world.url + "/data/file/readme.ttl.nt")

    assert named.headers["location"] == "/page/file/readme.ttl"
    assert f"<{ID}file/readme.ttl> " in data.text


@pytest.mark.parametrize(
    "iri", [ID + "yhdistys/ääkköset", ID + "yhdistys/%C3%A4", ID + "a/b/c.d/e,f;g=h", ID + "solo"]
)
def test_names_with_marks_and_other_letters_dereference(world: World, http: httpx.Client, iri: str) -> None:
    place = "/id/" + quote(iri.removeprefix(ID), safe="/%,;=")

    data = httpx.get(world.url + place, headers={"Accept": "application/n-triples"}, follow_redirects=True)
    page = httpx.get(world.url + place, headers={"Accept": "text/html"}, follow_redirects=True)

    [label] = [q.object.value for q in world.dataset() if q.subject == NamedNode(iri)]
    assert data.status_code == 200
    assert f"<{iri}> " in data.text
    assert f"<h1>{label}</h1>" in page.text or label in page.text


def test_versions_of_the_ontology(world: World, http: httpx.Client) -> None:
    whole = http.get(world.url + "/ontology.nt")
    versioned = http.get(world.url + "/ontology/0.9", headers={"Accept": "application/n-triples"})
    other = http.get(world.url + "/ontology/1.0")

    assert versioned.content == whole.content
    assert (other.status_code, "0.9" in other.json()["hint"]) == (404, True)


def test_every_term_has_an_anchor_and_a_page(world: World, http: httpx.Client) -> None:
    text = http.get(world.url + "/ontology", headers={"Accept": "text/html"}).text
    shapes = http.get(world.url + "/shapes.html").text

    assert set(re.findall(r'<section class="term" id="([^"]+)"', text)) == {"Plan", "elementOf", "budget"}
    assert "aiottu kulku" in text
    assert 'id="plan-name"' in shapes
    assert http.get(world.url + f"/page?iri={quote(BASE, safe='')}ontology%23Plan").status_code == 200


def test_browsers_get_to_the_page_of_a_graph(world: World, http: httpx.Client) -> None:
    sent_on = http.get(world.url + "/graph/first", headers={"Accept": FIREFOX})
    page = http.get(world.url + sent_on.headers["location"])

    assert sent_on.status_code == 303
    assert "<h1>Graafi first</h1>" in page.text
    assert kind_of(http.get(world.url + "/graph/first", headers={"Accept": "text/turtle"})) == "text/turtle"


# --- headers ----------------------------------------------------------------------------------------------


def links(response: httpx.Response) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for target, rel in re.findall(r'<([^>]*)>; rel="([^"]+)"', response.headers["link"]):
        found.setdefault(rel, []).append(target)
    return found


def test_links_tell_programs_where_to_go_on(world: World, http: httpx.Client) -> None:
    licence = "https://creativecommons.org/licenses/by/4.0/"
    page = http.get(world.url + "/page/plan/one")
    data = http.get(world.url + "/data/plan/one.ttl")
    thing = http.get(world.url + "/id/plan/one")

    assert links(page) == {
        "describedby": ["/data/plan/one"],
        "alternate": ["/data/plan/one.ttl", "/data/plan/one.jsonld"],
        "cite-as": [ID + "plan/one"],
        "license": [licence],
    }
    assert links(data) == {
        "alternate": ["/page/plan/one"],
        "cite-as": [ID + "plan/one"],
        "license": [licence],
    }
    assert links(thing) == {"describedby": ["/data/plan/one"]}
    assert max(len(response.headers["link"]) for response in (page, data, thing)) < 500


@pytest.mark.parametrize("path", ["/page/plan/one", "/data/plan/one.ttl", "/ontology.ttl", "/sitemap.xml"])
def test_who_has_it_already_is_told_so(world: World, http: httpx.Client, path: str) -> None:
    first = http.get(world.url + path)
    again = http.get(world.url + path, headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize(
    "path",
    ["/id/plan/one", "/id/plan/uno", "/page/plan/one", "/data/plan/one.nt", "/ontology", "/robots.txt",
     "/id/no", "/id/project/old"],
)  # fmt: skip
def test_head_says_what_get_says_without_the_body(world: World, http: httpx.Client, path: str) -> None:
    got, head = http.get(world.url + path), http.head(world.url + path)

    drop = {"date", "server"}
    assert head.status_code == got.status_code
    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k not in drop} == {
        k: v for k, v in got.headers.items() if k not in drop
    }


def test_a_document_is_kept_and_told_apart_by_language(world: World, http: httpx.Client) -> None:
    one = http.get(world.url + "/page/plan/one", headers={"Accept-Language": "en"})
    two = http.get(world.url + "/page/plan/one", headers={"Accept-Language": "sv, en;q=0.1"})

    assert (one.headers["content-language"], two.headers["content-language"]) == ("en", "sv")
    assert one.headers["etag"] != two.headers["etag"]
    assert "Accept-Language" in one.headers["vary"]
