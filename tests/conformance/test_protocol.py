"""W3C SPARQL 1.1 Protocol, the query half: each request of the manifest, sent as it describes it.

The manifest gives requests in RDF (path, headers, body with its character encoding). They are read from
there, so that the test is what the W3C wrote. The update half needs a token; without one every update is
refused.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from kymgraph import rdf

MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
HT = "http://www.w3.org/2011/http#"
CNT = "http://www.w3.org/2011/content#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
BASE = "http://www.w3.org/2009/sparql/docs/tests/data-sparql11/protocol/manifest"
MEDIA_TYPES = {
    "boolean": {"application/sparql-results+json", "application/sparql-results+xml"},
    "tabular": {
        "application/sparql-results+json",
        "application/sparql-results+xml",
        "text/csv",
        "text/tab-separated-values",
    },
    "RDF": {"text/turtle", "application/rdf+xml", "application/n-triples"},
}


@dataclass(frozen=True)
class Exchange:
    """A request and what must come back."""

    test: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    statuses: tuple[str, ...]
    boolean: bool | None
    format: str | None


def exchanges() -> Iterator[Exchange]:
    here = Path(__file__).resolve().parents[2]
    shared = Path(os.environ.get("KYMGRAPH_SHARED", here.parent / "shared"))
    manifest = shared / "conformance" / "sparql11" / "protocol" / "manifest.ttl"
    if not manifest.is_file():
        return
    values: dict[tuple[str, str], list[Any]] = {}
    for quad in rdf.parse(manifest, base=BASE):
        subject: Any = quad.subject
        values.setdefault((subject.value, quad.predicate.value), []).append(quad.object)

    def one(node: Any, predicate: str) -> Any:
        found = values.get((node.value, predicate))
        return found[0] if found else None

    def members(node: Any) -> Iterator[Any]:
        while node is not None and node.value != RDF + "nil":
            yield one(node, RDF + "first")
            node = one(node, RDF + "rest")

    for test in members(values[BASE, MF + "entries"][0]):
        for request in members(one(one(test, MF + "action"), HT + "requests")):
            body, response = one(request, HT + "body"), one(request, HT + "resp")
            boolean, form = one(response, MF + "expectedBoolean"), one(response, MF + "expectedFormat")
            encoding = "utf-8" if body is None else one(body, CNT + "characterEncoding").value
            yield Exchange(
                test=test.value.partition("#")[2],
                method=one(request, HT + "methodName").value,
                path=one(request, HT + "absolutePath").value,
                headers={
                    one(header, HT + "fieldName").value: one(header, HT + "fieldValue").value
                    for header in members(one(request, HT + "headers"))
                },
                body=None if body is None else one(body, CNT + "chars").value.encode(encoding),
                statuses=tuple(s.value[-3] for s in values[response.value, MF + "expectedStatus"]),
                boolean=None if boolean is None else boolean.value == "true",
                format=None if form is None else form.value,
            )


ALL = list(exchanges())
#: A test that writes: its requests are refused as long as the sender has no token.
WRITING = {exchange.test for exchange in ALL if exchange.test.startswith("update_")}


def send(endpoint: str, exchange: Exchange) -> tuple[int, str, bytes]:
    url = urlsplit(endpoint)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
    connection.putrequest(exchange.method, exchange.path, skip_accept_encoding=True)
    for name, value in exchange.headers.items():
        connection.putheader(name, value)
    if exchange.body is not None:
        connection.putheader("content-length", str(len(exchange.body)))
    connection.endheaders(exchange.body)
    response = connection.getresponse()
    return response.status, (response.getheader("content-type") or "").partition(";")[0], response.read()


@pytest.mark.parametrize("exchange", [e for e in ALL if e.test not in WRITING], ids=lambda e: e.test)
def test_query(exchange: Exchange, endpoint: str) -> None:
    status, media_type, body = send(endpoint, exchange)

    assert str(status)[0] in exchange.statuses, body
    if exchange.format:
        assert media_type in MEDIA_TYPES[exchange.format]
    if exchange.boolean is not None:
        assert json.loads(body)["boolean"] is exchange.boolean
    if status >= 400:
        assert media_type == "application/problem+json"
        assert json.loads(body)["status"] == status


def is_update(exchange: Exchange) -> bool:
    return "sparql-update" in str(exchange.headers) or (exchange.body or b"").startswith(b"update=")


@pytest.mark.parametrize(
    "exchange", [e for e in ALL if e.test in WRITING and is_update(e)], ids=lambda e: e.test
)
def test_update_without_a_token_is_refused(exchange: Exchange, endpoint: str) -> None:
    status, media_type, _ = send(endpoint, exchange)

    assert (status, media_type) == (401, "application/problem+json")
