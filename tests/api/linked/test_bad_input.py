"""Strange paths, parameters and headers: refused in words or taken as names; never a fault of ours."""

from __future__ import annotations

import socket
from urllib.parse import quote, urlsplit

import httpx
import pytest

from .conftest import ID, World

HOSTILE = [
    "plan/one> ?p ?o } } DROP ALL #",
    "plan/one' OR '1'='1",
    'plan/one"><script>alert(1)</script>',
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "plan/one\x00",
    "plan/one\r\nSet-Cookie: a=b",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "%",
    "%zz",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "ä" * 500,
    "/" * 50,
    "a/" * 500,
    "",
    ".ttl",
    "plan/.ttl",
    "?",
    "#",
    "plan one",
    "<b>",
]
ROUTES = ["/id/", "/page/", "/data/", "/.well-known/genid/", "/ontology/", "/sitemaps/"]


def state(world: World) -> tuple[int, int]:
    return world.store.generation, len(list(world.store.view().quads()))


@pytest.mark.parametrize("route", ROUTES)
def test_hostile_paths_are_unknown_names(world: World, http: httpx.Client, route: str) -> None:
    before = state(world)
    for text in HOSTILE:
        for accept in ("text/html", "text/turtle"):
            response = http.get(world.url + route + quote(text, safe="/"), headers={"Accept": accept})
            assert response.status_code in (303, 400, 404), (text, response.text)
            assert "set-cookie" not in response.headers
            if response.headers.get("content-type", "").startswith("text/html"):
                assert "<script>alert" not in response.text
            elif response.status_code != 303:
                assert response.headers["content-type"] == "application/problem+json"
    assert state(world) == before


@pytest.mark.parametrize("name", ["at", "after", "format", "iri", "lang"])
def test_hostile_parameters_are_refused_by_name(world: World, http: httpx.Client, name: str) -> None:
    numbers = [
        "-1",
        "1e9",
        "9" * 5000,
        "²",
        "٣",
        "12.5",
        "0x10",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00+14:00",
    ]
    path = "/data" if name == "iri" else "/data/plan/one"
    for value in [*HOSTILE, *numbers, "urn:x", "https://a.example/ y"]:
        response = http.get(world.url + path, params={name: value})
        if name == "lang":  # an unknown language falls back
            assert response.status_code == 200, value
            continue
        assert response.status_code in (200, 400, 404, 422), (value, response.text)
        if response.status_code == 400:
            problem = response.json()
            assert problem["code"] == "bad-parameter"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("/data/plan/one?formt=ttl", ("formt", "format")),
        ("/data/plan/one?format=docx", ("format", "ttl")),
        ("/page/plan/one?after=ten", ("after", "after=100")),
        ("/id/plan/one?at=yesterday", ("yesterday", "2026-11-22")),
        ("/page", ("iri", "iri=https://")),
        ("/ontology?format=x", ("format", "ttl")),
        ("/page/plan/one?iri=https://a.example/", ("iri", "after")),
    ],
)
def test_a_bad_parameter_is_400_with_an_example(
    world: World, http: httpx.Client, asked: str, words: tuple[str, str]
) -> None:
    response = http.get(world.url + asked)

    assert response.status_code == 400
    text = response.json()["detail"] + response.json().get("hint", "")
    assert all(word in text for word in words), text


@pytest.mark.parametrize("at", ["6", "99", "999999999"])
def test_a_generation_that_is_not_there_is_422(world: World, http: httpx.Client, at: str) -> None:
    response = http.get(f"{world.url}/data/plan/one?at={at}")

    assert (response.status_code, response.json()["code"]) == (422, "generation-not-kept")


def test_a_place_behind_the_last_link_is_an_empty_page(world: World, http: httpx.Client) -> None:
    response = http.get(world.url + "/page/hub?after=100000&lang=en", headers={"Accept": "text/html"})

    assert response.status_code == 200
    assert "no more references" in response.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/html" * 1000},
        {"Accept": ";;;,,,q=="},
        {"Accept": "text/turtle;q=nan"},
        {"Accept-Language": "<script>"},
        {"Host": "evil.example/<script>"},
        {"Host": ""},
        {"If-None-Match": '"' * 500},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"},
        {"Accept-Encoding": "gzip;q=abc, *;q=0"},
    ],
)
def test_strange_headers_change_nothing(world: World, headers: dict[str, str]) -> None:
    for path in ("/id/plan/one", "/page/plan/one", "/data/plan/one", "/ontology"):
        response = httpx.get(world.url + path, headers=headers)
        assert response.status_code in (200, 303, 400, 406), response.text
        assert "evil" not in response.text
        assert "<script>" not in response.text
        assert "evil" not in str(response.headers)


def test_bytes_that_are_no_text_are_an_unknown_name(world: World) -> None:
    address = urlsplit(world.url)
    for raw in (b"/id/\xff\xfe", b"/id/%ff%fe", b"/page/%c0%af", b"/data/%ed%a0%80", b"/id/%00"):
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
            connection.sendall(b"GET " + raw + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            status = int(connection.recv(100).split(b" ")[1])
        assert status in (400, 404), raw


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/id/plan/one", "/page/plan/one", "/data/plan/one", "/ontology"])
def test_things_are_not_written_here(world: World, http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, world.url + path)

    assert (response.status_code, response.json()["code"]) == (405, "method-not-allowed")


def test_hostile_literals_are_data_in_every_format(world: World, http: httpx.Client) -> None:
    for name in ("ttl", "jsonld", "rdf", "trig"):
        response = http.get(f"{world.url}/data/hostile.{name}")
        assert response.status_code == 200
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "javascript:alert(1)" in response.text  # it is what the graph says
    assert f"<{ID}hostile>" in http.get(world.url + "/data/hostile.nt").text
