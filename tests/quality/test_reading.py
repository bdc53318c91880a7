"""Catalogues as others serve them, in pages, packed, with wrong types, half broken; how reading them ends."""

from __future__ import annotations

import gzip
import http.server
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kymgraph.errors import FetchFailed, HostNotAllowed, InputError, RdfSyntaxError, UnsafePayload
from kymgraph.net import Client
from kymgraph.quality.found import Found
from kymgraph.quality.reading import Reading, read_file, read_url
from kymgraph.rdf import FORMATS, parse, serialise
from tests.localserver import Answer, Server, leads_to, says

from .conftest import LIMITS

PREFIXES = """@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix hydra: <http://www.w3.org/ns/hydra/core#> .\n"""
TURTLE = {"Content-Type": "text/turtle; charset=utf-8"}


def page(number: int, more: str = "") -> Answer:
    return says((PREFIXES + f"<http://x.example/{number}> a dcat:Dataset . {more}").encode(), headers=TURTLE)


def read(server: Server, path: str = "/1", **limits: float) -> Reading:
    return read_url(server.at(path), Client([server.listed]), replace(LIMITS, **limits))  # type: ignore[arg-type]


def datasets(reading: Reading) -> list[str]:
    return [str(dataset) for dataset in Found(reading.quads).datasets]


# --- pages --------------------------------------------------------------------------------------------------


def test_pages_are_followed_by_all_the_names_that_a_next_page_has(server: Server) -> None:
    view = "<> a hydra:PartialCollectionView ; hydra:next </2> ."
    literal = f'[] a hydra:PagedCollection ; hydra:nextPage "{server.at("/3?page=3")}" .'
    both = '<#view> hydra:next "4" ; hydra:nextPage "/4" ; hydra:lastPage "/4" .'
    server.answers |= {"/1": page(1, view), "/2": page(2, literal), "/3": page(3, both), "/4": page(4)}

    reading = read(server)

    assert datasets(reading) == [f"<http://x.example/{number}>" for number in (1, 2, 3, 4)]
    assert [path for _, path, _, _ in server.asked] == ["/1", "/2", "/3?page=3", "/4"]
    assert (reading.pages, reading.notes) == (4, [])


def test_a_catalogue_that_leads_in_a_circle_is_read_once(server: Server) -> None:
    server.answers |= {
        "/1": page(1, "<> hydra:next </2> ."),
        "/2": page(2, "<> hydra:next </1> ."),
    }

    assert read(server).pages == 2


def test_a_page_that_repeats_the_one_before_ends_the_reading(server: Server) -> None:
    def same(handler: http.server.BaseHTTPRequestHandler) -> None:
        following = int(handler.path.partition("page=")[2] or 1) + 1
        page(1, f"<> hydra:next </1?page={following}> .")(handler)

    server.answers["/1"] = same

    reading = read(server)

    assert reading.pages == 2
    assert [key for key, _ in reading.notes] == ["note.loop"]


def test_an_empty_page_at_the_end_is_nothing_to_speak_of(server: Server) -> None:
    server.answers |= {
        "/1": page(1, "<> hydra:next </2> ."),
        "/2": says(b"<http://x.example/c> <urn:p> 1 .", headers=TURTLE),
    }

    assert read(server).notes == []


@pytest.mark.parametrize(("limit", "pages"), [({"pages": 3}, 3), ({"datasets": 2}, 2), ({"bytes": 1}, 1)])
def test_reading_ends_at_a_limit_and_says_so(server: Server, limit: dict[str, float], pages: int) -> None:
    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        number = int(handler.path.partition("page=")[2] or 1)
        page(number, f"<> hydra:next </1?page={number + 1}> .")(handler)

    server.answers["/1"] = endless

    reading = read(server, **limit)

    assert reading.pages == pages
    assert [key for key, _ in reading.notes] == ["note.cut"]


def test_blank_nodes_of_two_pages_stay_apart(server: Server) -> None:
    def distribution(number: int, more: str = "") -> str:
        return f'<http://x.example/{number}> dcat:distribution _:d . _:d dct:title "of {number}" . {more}'

    server.answers |= {
        "/1": page(1, distribution(1, "<> hydra:next </2> .")),
        "/2": page(2, distribution(2)),
    }

    found = Found(read(server).quads)

    titles = [[found.title(one, "en") for one in found.distributions(dataset)] for dataset in found.datasets]
    assert titles == [["of 1"], ["of 2"]]


def test_a_page_in_a_file_is_said_to_be_one_of_several(tmp_path: Path) -> None:
    file = tmp_path / "page.ttl"
    file.write_text(PREFIXES + "<> hydra:next <http://127.0.0.1:1/2> . <http://x.example/1> a dcat:Dataset .")

    reading = read_file(file, LIMITS)

    assert [key for key, _ in reading.notes] == ["note.paged-file"]
    assert datasets(reading) == ["<http://x.example/1>"]


# --- formats ------------------------------------------------------------------------------------------------

ONE = parse(b"<http://x.example/1> a <http://www.w3.org/ns/dcat#Dataset> .", FORMATS["ttl"])


@pytest.mark.parametrize(
    ("path", "media_type", "format"),
    [
        ("/catalog", "application/rdf+xml", "rdf"),
        ("/catalog", "application/xml; charset=UTF-8", "rdf"),
        ("/catalog", "application/json", "jsonld"),
        ("/catalog.rdf", "text/plain", "rdf"),
        ("/catalog.nt", "application/octet-stream", "nt"),
        ("/catalog", "text/plain", "jsonld"),
        ("/catalog", "", "rdf"),
    ],
)
def test_the_format_is_told_by_type_name_or_first_bytes(
    server: Server, path: str, media_type: str, format: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    server.answers[path] = says(serialise(ONE, FORMATS[format]), headers=headers)

    assert datasets(read(server, path)) == ["<http://x.example/1>"]


def test_a_packed_catalogue_is_unpacked(server: Server, tmp_path: Path) -> None:
    packed = gzip.compress(serialise(ONE, FORMATS["ttl"]))
    server.answers["/catalog.ttl.gz"] = says(packed, headers={"Content-Type": "application/gzip"})
    (tmp_path / "catalog.ttl.gz").write_bytes(packed)

    assert datasets(read(server, "/catalog.ttl.gz")) == ["<http://x.example/1>"]
    assert datasets(read_file(tmp_path / "catalog.ttl.gz", LIMITS)) == ["<http://x.example/1>"]


def test_iris_with_spaces_are_mended_as_browsers_do_and_that_is_said(server: Server) -> None:
    text = "<http://x.example/1> a dcat:Dataset ; dcat:landingPage <http://x.example/a b{1}.csv> ."
    server.answers["/1"] = says((PREFIXES + text).encode(), headers=TURTLE)

    reading = read(server)

    assert "http://x.example/a%20b%7B1%7D.csv" in {str(getattr(q.object, "value", "")) for q in reading.quads}
    assert [key for key, _ in reading.notes] == ["note.lenient"]


def test_a_page_that_is_not_ready_is_waited_for_as_long_as_it_asks_and_no_longer(server: Server) -> None:
    def later(handler: http.server.BaseHTTPRequestHandler) -> None:
        first = sum(path == "/1" for _, path, *_ in server.asked) == 1
        (says(b"", 503, {"Retry-After": "1"}) if first else page(1))(handler)

    server.answers |= {"/1": later, "/never": says(b"", 503, {"Retry-After": "3600"})}
    server.answers["/again"] = says(b"", 429, {"Retry-After": "0"})

    assert datasets(read(server)) == ["<http://x.example/1>"]
    with pytest.raises(FetchFailed, match="status 503"):
        read(server, "/never")
    with pytest.raises(FetchFailed, match="status 429"):
        read(server, "/again", wait_seconds=1.5)
    assert sum(path == "/again" for _, path, *_ in server.asked) == 2


# --- what goes wrong ----------------------------------------------------------------------------------------


def hangs(server: Server) -> Answer:
    return lambda handler: server.over.wait(30) and None


def drips(server: Server) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/turtle")
        handler.end_headers()
        while not server.over.wait(0.05):
            handler.wfile.write(b"# more\n")
            handler.wfile.flush()

    return answer


FAULTS: dict[str, tuple[Callable[[Server], Answer], type[Exception], str]] = {
    "500": (lambda server: says(b"", 500), FetchFailed, "status 500"),
    "404": (lambda server: says(b"", 404), FetchFailed, "status 404"),
    "never an answer": (hangs, FetchFailed, "took more than"),
    "never an end": (drips, FetchFailed, "took more than"),
    "an HTML page": (
        lambda server: says(b"<!doctype html><p>Portal", headers={"Content-Type": "text/html"}),
        InputError,
        "text/html, which is no RDF",
    ),
    "an HTML page as plain text": (
        lambda server: says(b"<html><p>Portal", headers={"Content-Type": "text/plain"}),
        InputError,
        "no RDF",
    ),
    "HTML that says it is Turtle": (lambda server: says(b"<html><p>x", headers=TURTLE), RdfSyntaxError, "1:"),
    "cut off": (lambda server: says(b"<http://x", headers=TURTLE, whole=False), FetchFailed, "could not be"),
    "too long": (lambda server: says(b"#" * 200_000, headers=TURTLE), FetchFailed, "more than 100,000 bytes"),
    "a bomb": (
        lambda server: says(gzip.compress(b"#" * 10_000_000), headers=TURTLE),
        InputError,
        "unpacks to",
    ),
    "packed and cut off": (
        lambda server: says(gzip.compress(bytes(range(256)) * 9)[:-9], headers=TURTLE),
        InputError,
        "cut off",
    ),
    "entities": (
        lambda server: says(
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "a">]><rdf:RDF/>',
            headers={"Content-Type": "application/rdf+xml"},
        ),
        UnsafePayload,
        "DTD",
    ),
    "a context of somebody else": (
        lambda server: says(
            b'{"@context": "http://10.0.0.1/context", "@type": "Dataset"}',
            headers={"Content-Type": "application/ld+json"},
        ),
        RdfSyntaxError,
        "LoadDocumentCallback",
    ),
    "a redirect to a private address": (
        lambda server: leads_to("http://10.0.0.1/catalog"),
        HostNotAllowed,
        "10.0.0.1:80 is not on the list",
    ),
    "a redirect to another port": (
        lambda server: leads_to("http://127.0.0.1:1/"),
        HostNotAllowed,
        "127.0.0.1:1 is not on the list",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
@pytest.mark.parametrize("where", ["first page", "second page"])
def test_a_page_that_cannot_be_read_ends_the_check_and_says_why(
    case: str, where: str, server: Server
) -> None:
    make, error, message = FAULTS[case]
    if where == "second page":
        server.answers |= {"/1": page(1, "<> hydra:next </bad> ."), "/bad": make(server)}
    else:
        server.answers["/1"] = make(server)

    with pytest.raises(error, match=message):
        read(server, page_seconds=0.5, page_bytes=100_000)


def test_a_next_page_on_a_host_that_is_not_listed_is_refused(server: Server) -> None:
    server.answers["/1"] = page(1, "<> hydra:next <http://169.254.169.254/latest> .")

    with pytest.raises(HostNotAllowed, match=r"169\.254\.169\.254:80"):
        read(server)


def test_a_file_that_is_no_rdf_or_too_long_is_refused(tmp_path: Path) -> None:
    html, long = tmp_path / "page.html", tmp_path / "long.ttl"
    html.write_text("<html>")
    long.write_text("#" * 2_000)

    with pytest.raises(InputError, match="is no RDF"):
        read_file(html, LIMITS)
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        read_file(long, replace(LIMITS, page_bytes=1_000))
    with pytest.raises(InputError, match="No such file"):
        read_file(tmp_path / "nothing.ttl", LIMITS)
