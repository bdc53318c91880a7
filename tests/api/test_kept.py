"""Answers kept ahead of the framework: what is kept, for whom, and until when."""

from __future__ import annotations

from typing import Any

import httpx

from api.kept import key_of

HEADERS = [(b"host", b"a.example"), (b"accept", b"text/turtle")]


def scope(headers: list[tuple[bytes, bytes]] = HEADERS, **other: Any) -> dict[str, Any]:
    asked = {"method": "GET", "path": "/graphs", "query_string": b"", "scheme": "http", "headers": headers}
    return {**asked, **other}


def hits(url: str, http: httpx.Client) -> float:
    text = http.get(url + "/metrics").text
    [line] = [
        row for row in text.splitlines() if row.startswith('kymgraph_cache_lookups_total{outcome="hit"')
    ]
    return float(line.rpartition(" ")[2])


def test_what_decides_an_answer_is_in_its_key() -> None:
    keys = {
        key_of(asked, generation)
        for asked, generation in [
            (scope(), 1),
            (scope(), 2),
            (scope(path="/graph/a"), 1),
            (scope(query_string=b"lang=sv"), 1),
            (scope(scheme="https"), 1),
            (scope([*HEADERS, (b"accept-language", b"sv")]), 1),
            (scope([(b"host", b"b.example"), HEADERS[1]]), 1),
            (scope([HEADERS[0], (b"accept", b"text/csv")]), 1),
        ]
    }

    assert len(keys) == 8
    assert key_of(scope([*HEADERS, (b"user-agent", b"x")]), 1) in keys
    assert key_of(scope(method="HEAD"), 1) in keys


def test_what_is_for_one_reader_or_has_to_wait_has_no_key() -> None:
    for name in (b"authorization", b"cookie", b"kymgraph-min-generation"):
        assert key_of(scope([*HEADERS, (name, b"1")]), 1) is None
    assert key_of(scope(method="POST"), 1) is None
    assert key_of(scope(query_string=b"x" * 5000), 1) is None


def test_who_asks_again_is_answered_from_what_is_kept_the_same(site: Any, http: httpx.Client) -> None:
    url = site.url + "/graph/second?lang=sv"
    headers = {"Accept": "text/turtle", "Accept-Encoding": "gzip"}
    first = http.get(url, headers=headers)
    before = hits(site.url, http)

    again = http.get(url, headers=headers)
    head = http.head(url, headers=headers)
    known = http.get(url, headers=headers | {"If-None-Match": first.headers["etag"]})

    assert hits(site.url, http) == before + 3
    unlike = {"date"}
    assert {k: v for k, v in again.headers.items() if k not in unlike} == {
        k: v for k, v in first.headers.items() if k not in unlike
    }
    assert again.content == first.content
    assert (head.status_code, head.content, known.status_code) == (200, b"", 304)
    assert 'route="/graph/{name:path}",status="304"' in http.get(site.url + "/metrics").text


def test_a_refusal_is_not_kept(site: Any, http: httpx.Client) -> None:
    url = site.url + "/graph/none-of-that-name"
    assert http.get(url).status_code == 404
    before = hits(site.url, http)

    assert http.get(url).status_code == 404
    assert hits(site.url, http) == before
