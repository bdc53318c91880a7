"""W3C SPARQL 1.1 Graph Store HTTP Protocol: the requests of each test, in their order, to a real server.

The tests say /gsp for the service; here /graphs names a graph by a parameter, and /graph/… by the path. They
build on an empty store, so each begins with one. What is skipped stands in skip_graph_store.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kymgraph import rdf

from .test_updates import MF, RDF, SUITES, _folder
from .writable import Writable, triples

HT = "http://www.w3.org/2011/http#"
CNT = "http://www.w3.org/2011/content#"
STATUS = "http://www.w3.org/2011/http-statusCodes#"
CODES = {"OK": 200, "Created": 201, "NoContent": 204, "NotFound": 404, "BadRequest": 400}
MANIFESTS = ("manifest-direct.ttl", "manifest-indirect.ttl")


@dataclass(frozen=True)
class Exchange:
    """One request, and what may come back."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str | None
    statuses: tuple[str, ...]  #: "200", or "2xx"
    answer_type: str | None
    answer: str | None
    location: str | None  #: the name under which later requests speak of the Location


@dataclass(frozen=True)
class Case:
    name: str
    exchanges: tuple[Exchange, ...]


class Manifest:
    """The statements of a manifest by subject and property."""

    def __init__(self, path: Path, base: str) -> None:
        self._values: dict[tuple[str, str], list[Any]] = {}
        for quad in rdf.parse(path, base=base):
            self._values.setdefault((str(quad.subject), quad.predicate.value), []).append(quad.object)

    def all(self, node: Any, name: str) -> list[Any]:
        return self._values.get((str(node), name), [])

    def one(self, node: Any, name: str) -> Any:
        found = self.all(node, name)
        return found[0] if found else None

    def text(self, node: Any, name: str) -> str | None:
        found = self.one(node, name)
        return None if found is None else found.value

    def list(self, node: Any) -> Iterator[Any]:
        while node is not None and node.value != RDF + "nil":
            yield self.one(node, RDF + "first")
            node = self.one(node, RDF + "rest")


def cases() -> Iterator[Case]:
    folder, base = _folder() / "graph-store-protocol", SUITES + "graph-store-protocol/"
    for name in MANIFESTS if folder.is_dir() else ():
        manifest = Manifest(folder / name, base + name)
        entries = manifest.one(rdf.NamedNode(base + name), MF + "entries")
        for test in manifest.list(entries):
            requests = manifest.one(manifest.one(test, MF + "action"), HT + "requests")
            yield Case(
                test.value.partition("#")[2],
                tuple(_exchange(manifest, request) for request in manifest.list(requests)),
            )


def _exchange(manifest: Manifest, request: Any) -> Exchange:
    answer = manifest.one(request, HT + "resp")
    body = manifest.one(request, HT + "body")
    expected = manifest.one(answer, HT + "body")
    statuses = [status.value.removeprefix(STATUS) for status in manifest.all(answer, MF + "expectedStatus")]
    return Exchange(
        method=manifest.text(request, HT + "methodName") or "",
        path=manifest.text(request, HT + "absolutePath") or "",
        headers=tuple(_headers(manifest, request)),
        body=None if body is None else manifest.text(body, CNT + "chars"),
        statuses=tuple(
            status.removeprefix("StatusCode") if status.startswith("StatusCode") else str(CODES[status])
            for status in statuses
        ),
        answer_type=dict(_headers(manifest, answer)).get("content-type"),
        answer=None if expected is None else manifest.text(expected, CNT + "chars"),
        location=manifest.text(answer, MF + "expectedLocation"),
    )


def _headers(manifest: Manifest, message: Any) -> Iterator[tuple[str, str]]:
    for header in manifest.list(manifest.one(message, HT + "headers")):
        name, value = manifest.text(header, HT + "fieldName"), manifest.text(header, HT + "fieldValue")
        yield (name or "").lower(), value or ""


SKIPPED: dict[str, str] = tomllib.loads((Path(__file__).parent / "skip_graph_store.toml").read_text("utf-8"))[
    "skip"
]
ALL = list(cases())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serve_writable: Any) -> Writable:
    return Writable.start(tmp_path_factory.mktemp("graph-store"), serve_writable)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_graph_store(case: Case, server: Writable) -> None:
    if case.name in SKIPPED:
        pytest.skip(SKIPPED[case.name])
    server.set([], [])
    places: dict[str, str] = {}

    def filled(text: str) -> str:
        for name, place in places.items():
            text = text.replace(name, place)
        return text

    for number, exchange in enumerate(case.exchanges, 1):
        # The Location is where the graph is found, which is not its IRI: it is asked itself.
        path = filled(exchange.path.removeprefix("/gsp?graph=") if places else exchange.path)
        path = path.removeprefix(server.url)
        if path.startswith("/gsp"):
            path = ("/graph" if path.startswith("/gsp/") else "/graphs") + path.removeprefix("/gsp")
        content = None if exchange.body is None else filled(exchange.body).encode()
        answer = server.ask(exchange.method, path, content=content, headers=list(exchange.headers))
        said = f"{number}. {exchange.method} {path}: {answer.status_code} {answer.text[:500]}"
        status = str(answer.status_code)
        assert any(status == wanted or wanted == f"{status[0]}xx" for wanted in exchange.statuses), said
        if exchange.location is not None:
            assert answer.headers.get("location"), said
            places[exchange.location] = answer.headers["location"]
        if exchange.answer_type is not None:
            kind, _, charset = exchange.answer_type.replace(" ", "").partition(";")
            assert answer.headers["content-type"].replace(" ", "").lower().startswith(kind), said
            assert charset in (
                "",
                answer.headers["content-type"].replace(" ", "").lower().partition(";")[2],
            ), said
        if exchange.answer is not None and exchange.method != "HEAD":
            expected = triples(
                filled(exchange.answer), exchange.answer_type or "text/turtle", server.url + path
            )
            found = triples(answer.content, answer.headers["content-type"], server.url + path)
            assert rdf.isomorphic(found, expected), said


def test_every_skipped_test_exists() -> None:
    if not ALL:
        pytest.skip(f"the SPARQL 1.1 suites are not at {_folder()}")
    assert set(SKIPPED) <= {case.name for case in ALL}
