"""A stranger's and a clumsy steward's day at the write side, against `kymgraph serve` and its writer.

Whatever is refused is refused in bounded time, as problem+json with its stable code, in words that say what
was refused, and leaves everything as it was: generation, graphs, ledger and journal.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import random
import signal
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import openpyxl
import pytest

from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, ROOT, Kymgraph, Serve
from tests.needs import size

CI = bool(size(quick=0, ci=1, night=1))
slow = pytest.mark.skipif(not CI, reason="takes long: ci, night")
linux = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads processes from /proc")

GRAPH = "https://w3id.org/kymgraph/graph/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
x:Named a sh:NodeShape ; sh:targetClass x:Thing ; sh:property x:hasName .
x:hasName a sh:PropertyShape ; sh:path rdfs:label ; sh:minCount 1 ; sh:message "give it a name"@en .
x:Slow a sh:NodeShape ; sh:targetSubjectsOf x:code ; sh:property x:slowCode .
x:slowCode a sh:PropertyShape ; sh:path x:code ; sh:pattern "^([a-z]+)+@x$" .
"""
TURTLE = {"Content-Type": "text/turtle"}
UPDATE = {"Content-Type": "application/sparql-update"}
PATCH = {"Content-Type": "application/rdf-patch"}
CSV = {"Content-Type": "text/csv"}
XLSX = {"Content-Type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
ROLES = (
    ("reader", "reader", ()),
    ("editor", "editor", ()),
    ("publisher", "publisher", ()),
    ("admin", "admin", ()),
    ("scoped", "publisher", ("own",)),
)
#: No refusal may take longer, in seconds; the machine may be busy.
BOUND = 45


class State(NamedTuple):
    """All that a refused write must leave as it was."""

    generation: int
    graphs: tuple[str, ...]
    quads: str
    ledger: str
    journal: str


def state_of(store: EmbeddedStore) -> State:
    """What the store holds now."""
    view = store.view()
    ledger, other, journal = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for line in sorted(map(str, view.quads())):
        (ledger if f"<{GRAPH}ledger>" in line else other).update(line.encode())
    for file in sorted((store.folder / "journal").iterdir()):
        journal.update(file.read_bytes())
    graphs = tuple(sorted(map(str, view.graphs())))
    return State(store.generation, graphs, other.hexdigest(), ledger.hexdigest(), journal.hexdigest())


class Site:
    """A server of one's own."""

    def __init__(self, serve: Serve, folder: Path, store: EmbeddedStore, **settings: object) -> None:
        self.folder, self.store = folder, store
        with Access(store.folder / FILE) as access:
            self.tokens = {
                name: access.create_token(name, role, graphs=graphs, expires=None)[0]
                for name, role, graphs in ROLES
            }
        self.url = serve(folder, store.folder, **settings)

    def ask(self, method: str, path: str, role: str | None = "publisher", **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.tokens[role]}"
        if isinstance(more.get("content"), str):
            more["content"] = more["content"].encode("utf-8", "surrogatepass")
        return httpx.request(method, self.url + path, headers=headers, timeout=90, trust_env=False, **more)

    def put(
        self, turtle: str, graph: str = "a", role: str | None = "publisher", **more: Any
    ) -> httpx.Response:
        headers = TURTLE | more.pop("headers", {})
        return self.ask("PUT", f"/graph/{graph}", role, content=PREFIXES + turtle, headers=headers, **more)

    def state(self) -> State:
        return state_of(self.store)

    @contextlib.contextmanager
    def untouched(self) -> Iterator[None]:
        """What happens in here leaves everything as it was, and does not take for ever."""
        before, began = self.state(), time.monotonic()
        yield
        assert self.state() == before
        assert time.monotonic() - began < BOUND

    def refused(
        self, status: int, code: str, *words: str, method: str = "POST", path: str, **more: Any
    ) -> Any:
        """Send what has to be refused; the problem that came."""
        with self.untouched():
            answer = self.ask(method, path, **more)
        return problem(answer, status, code, *words)

    def processes(self, what: str) -> list[int]:
        """Processes of this server that run `what`, from /proc."""
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if str(self.store.folder) in words and any(what in word for word in words):
                    found.append(int(folder.name))
        return found

    def raw(self, request: bytes, *, wait: bool = True) -> bytes:
        """Send bytes as they are; the head of the answer, or nothing if the client goes away at once."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=BOUND) as connection:
            connection.sendall(request)
            if not wait:
                return b""
            answer = b""
            while b"\r\n\r\n" not in answer and (part := connection.recv(65536)):
                answer += part
            return answer

    def head(self, line: str, headers: dict[str, str]) -> bytes:
        given = {"Host": "x", "Authorization": f"Bearer {self.tokens['publisher']}", **headers}
        return (f"{line} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in given.items()) + "\r\n").encode()


def problem(answer: httpx.Response, status: int, code: str, *words: str) -> Any:
    """See that an answer is that refusal, and that its text says so; the document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:500]
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), document
    assert document["status"] == status
    for word in words:
        assert word in document["detail"] + " " + str(document.get("hint")), document
    assert "Traceback" not in answer.text
    assert str(ROOT) not in answer.text
    return document


def make(folder: Path, *, store: str = "store") -> EmbeddedStore:
    """A small project and its store."""
    texts = {"kymgraph.toml": "", "data/a.ttl": PREFIXES, "shapes/s.ttl": PREFIXES + SHAPES}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return built(Project.load(folder), folder / store)


def built(project: Project, folder: Path) -> EmbeddedStore:
    store, read = EmbeddedStore(folder), files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return store


@pytest.fixture(scope="module")
def site(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("bad")
    made = Site(serve_writable, folder, make(folder), gate_timeout=2)
    assert made.put("x:own x:p 1 .", "own").status_code == 201
    assert made.put("x:secret x:p 1 .", "sec").status_code == 201
    return made


@pytest.fixture(scope="module")
def kym(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The project of this repository."""
    store = built(Project.load(ROOT), tmp_path_factory.mktemp("kym") / "store")
    return Site(serve_writable, ROOT, store)


# --- what cannot be read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media_type", "body", "line", "column"),
    [
        ("text/turtle", "@prefix x: <http://x.example/> .\nx:a x:p .", 2, 9),
        ("application/trig", "<x:g> {\n <a:b> <a:c> }", 2, 14),
        ("application/n-triples", "<a:b> <a:c> <a:d> .\n<a:b> oho <a:c> .\n", 2, 7),
        ("application/n-quads", "<a:b> <a:c> <a:d> <a:e> .\n oho", 2, 2),
        ("application/ld+json", '{"@id": "x:a",\n "x:p": }', 2, 9),
        ("application/rdf+xml", f'<r:RDF xmlns:r="{RDF}">\n<r:a>\n</r:RDF>', 3, 3),
        ("text/n3", "<a:b> <a:c> .", 1, 13),
        ("application/rdf-patch", "TX .\nA <a:b> <a:c> .\nTC .", 2, None),
        ("application/rdf-patch", "TX .\nA nope:b <a:c> 1 <a:g> .\nTC .", 2, None),
    ],
)  # fmt: skip
def test_rdf_that_breaks_off_is_named_by_its_place(
    site: Site, media_type: str, body: str, line: int, column: int | None
) -> None:
    answer = site.refused(
        400, "rdf-syntax", path="/changes?graph=a", content=body, headers={"Content-Type": media_type}
    )
    assert (answer["line"], answer.get("column")) == (line, column)


def test_an_update_that_cannot_be_read_is_named_by_its_place_at_both_doors(site: Site) -> None:
    text = "INSERT DATA {\n GRAPH <x:g> { <a> <b> } }"
    for path in ("/changes", "/sparql"):
        answer = site.refused(400, "query-syntax", path=path, content=text, headers=UPDATE)
        assert (answer["line"], answer["column"]) == (2, 24)


def test_a_patch_that_is_cut_off_or_names_nothing_is_refused(site: Site) -> None:
    for body, words in (
        ("TX .\nA <a:b> <a:c> <a:d> <a:e> .\n", "cut off"),
        ('H base "abc" .\nTX .\nTC .', "generation number"),
        ('H guard "no" .\nTX .\nTC .', "guard"),
        ("PA x <rel> .\nTX .\nA x:a x:p x:b <x:g> .\nTC .", ""),
        ("TX .\nA x:a x:p x:b <x:g> .\nTC .", ""),
    ):
        site.refused(400, "rdf-syntax", words, path="/changes", content=body, headers=PATCH)


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_spreadsheet_is_refused_by_row_and_column(kym: Site) -> None:
    rows = (("id [Organisation]", "ordinal", "oho"), ("uusi", "kolme", "x"))
    as_csv = "\n".join(",".join(row) for row in rows)
    for content, headers in ((as_csv, CSV), (workbook(*rows), XLSX)):
        answer = kym.refused(
            422, "sheet-refused", path="/changes?graph=background&lang=en", content=content, headers=headers
        )
        assert {(fault["row"], fault["column"]) for fault in answer["faults"]} >= {(1, "C")}, answer["faults"]
        assert "nothing was written" in answer["detail"]
        assert "C" in answer["detail"]


def test_a_sheet_that_is_none_is_refused(site: Site) -> None:
    for content, headers in (("", CSV), (b"\x00\x01", CSV), (b"no workbook", XLSX), ("id [Oho]\n1", CSV)):
        path = "/changes?graph=a" if content else "/validate?graph=a"
        site.refused(422, "sheet-refused", path=path, content=content, headers=headers)


@pytest.mark.parametrize(
    ("media_type", "status", "code", "words"),
    [
        ("", 415, "unsupported-media-type", "(none given)"),
        ("text/html", 415, "unsupported-media-type", "application/rdf-patch"),
        ("oho", 415, "unsupported-media-type", "oho"),
        ("application/json", 415, "unsupported-media-type", "application/json"),
        ("text/turtle; charset=iso-8859-1", 415, "unsupported-media-type", "iso-8859-1"),
        ('application/rdf-patch; charset="utf-16"', 415, "unsupported-media-type", "utf-16"),
        ("text/csv; charset=windows-1252", 415, "unsupported-media-type", "windows-1252"),
        ("multipart/form-data", 400, "bad-input", "boundary"),
        ("multipart/form-data; boundary=a", 400, "bad-input", "cut off"),
    ],
)
def test_a_body_of_another_kind_is_refused_with_what_is_read(
    site: Site, media_type: str, status: int, code: str, words: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    site.refused(
        status, code, words, path="/changes?graph=a", content=PREFIXES + "x:a x:p 9 .", headers=headers
    )


def test_an_update_in_another_character_set_is_refused_at_both_doors(site: Site) -> None:
    headers = {"Content-Type": "application/sparql-update; charset=utf-16"}
    for path in ("/changes", "/sparql"):
        site.refused(
            415, "unsupported-media-type", "UTF-8",
            path=path, content="INSERT DATA { GRAPH <a:g> { <a:b> <a:b> 8 } }", headers=headers,
        )  # fmt: skip


def test_an_empty_body_is_no_change(site: Site) -> None:
    for headers in (TURTLE, UPDATE, PATCH, CSV):
        site.refused(400, "bad-input", "empty", path="/changes?graph=a", content=" \n", headers=headers)


@pytest.mark.parametrize("body", ['x:a rdfs:label "\ud800" .', 'x:a rdfs:label "\\uD800" .'])
def test_half_a_character_is_refused(site: Site, body: str) -> None:
    site.refused(400, "rdf-syntax", path="/changes?graph=a", content=PREFIXES + body, headers=TURTLE)


@pytest.mark.parametrize("character", ["\\u0000", "\\u0001", "\\u001F", "\\uFFFE"])
def test_a_control_character_that_no_xml_can_hold_is_refused_in_every_form(
    site: Site, character: str
) -> None:
    forms = (
        ("/changes?graph=a", TURTLE, f'<x:a> <x:p> "a{character}b" .'),
        ("/changes", PATCH, f'TX .\nA <x:a> <x:p> "a{character}b" <x:g> .\nTC .\n'),
        ("/sparql", UPDATE, f'INSERT DATA {{ GRAPH <x:g> {{ <x:a> <x:p> "a{character}b" }} }}'),
    )
    for path, headers, body in forms:
        with site.untouched():
            answer = site.ask("POST", path, content=body, headers=headers)
        assert answer.status_code == 400, answer.text
        assert answer.json()["code"] in ("bad-input", "query-syntax")


def test_latin_1_is_refused_with_the_cure(site: Site) -> None:
    body = (PREFIXES + 'x:a rdfs:label "pää"@fi .').encode("latin-1")
    site.refused(400, "rdf-syntax", "UTF-8", path="/changes?graph=a", content=body, headers=TURTLE)


# --- parameters and headers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("PUT", "/graph/a?dryrun=true", "did you mean dry-run"),
        ("PUT", "/graph/a?dry-run=maybe", "true or false"),
        ("PUT", "/graph/a?dry-run=true&dry-run=false", "twice"),
        ("PUT", "/graph/a?reson=x", "did you mean reason"),
        ("PUT", "/graph/a?graph=x:y", "graph"),
        ("POST", "/changes?graph=a&dry_run=true", "did you mean dry-run"),
        ("POST", "/changes/2/revert?dryrun=1", "dry-run"),
        ("POST", "/proposals/x/accept?dry-run=true", "dry-run"),
        ("POST", "/sparql?dryrun=true", "did you mean dry-run"),
    ],
)
def test_a_misspelt_parameter_does_not_become_a_write(site: Site, method: str, path: str, words: str) -> None:
    content, headers = PREFIXES + "x:a x:p 9 .", TURTLE
    if path.startswith("/sparql"):
        content, headers = "INSERT DATA { GRAPH <x:g> { <x:a> <x:p> 9 } }", UPDATE
    site.refused(400, "bad-parameter", words, method=method, path=path, content=content, headers=headers)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"If-Match": "oho"}, 400, "bad-request"),
        ({"If-Match": ""}, 400, "bad-request"),
        ({"If-Match": '"g1", "g2"'}, 400, "bad-request"),
        ({"If-Match": '"g' + "9" * 5000 + '"'}, 412, "base-moved"),
        ({"If-Match": '"g999999"'}, 412, "base-moved"),
        ({"Idempotency-Key": "x" * 201}, 400, "bad-parameter"),
        ({"Idempotency-Key": ""}, 400, "bad-parameter"),
        ({"Kymgraph-Reason": "x" * 1001}, 400, "bad-parameter"),
        ({"Kymgraph-Reason": "%ff%fe"}, 400, "bad-parameter"),
        ({"Kymgraph-Reason": "a%00b"}, 400, "bad-parameter"),
        ({"Content-Encoding": "br"}, 415, "unsupported-media-type"),
        ({"Content-Encoding": "gzip, gzip"}, 415, "unsupported-media-type"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(
    site: Site, headers: dict[str, str], status: int, code: str
) -> None:
    with site.untouched():
        answer = site.put("x:a x:p 9 .", headers=headers)
    problem(answer, status, code, "nothing was written")


def test_every_title_is_there_in_finnish(site: Site) -> None:
    answer = site.put("x:a x:p 9 .", headers={"If-Match": "oho"}, params={"lang": "fi"})
    assert (answer.json()["title"], answer.headers["content-language"]) == ("Virheellinen pyyntö", "fi")
    answer = site.put("x:a x:p 9 .", role=None, params={"lang": "sv"})
    assert answer.json()["title"] == "Åtkomsttoken saknas"


@pytest.mark.parametrize("path", ["/changes?mode=upsert&graph=a", "/changes/abc/revert"])
def test_a_parameter_of_another_kind_is_refused_and_gives_no_file_name_away(site: Site, path: str) -> None:
    site.refused(400, "bad-request", path=path, content="x", headers=TURTLE)


# --- names of graphs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/graph/",
        "/graph/a/../b",
        "/graph/../graph/a",
        "/graph/%2e%2e/x",
        "/graph/a%2f..%2fledger",
        "/graph/a/./b",
        "/graph/a//b",
        "/graph/a%20b",
        "/graph/a%00b",
        "/graph/a%3Cb",
        "/graph/%C3%A4",
        "/graph/ledger%00",
        "/graphs?graph=rel",
        "/graphs?graph=",
        "/graphs?graph=../ledger",
        "/graphs?graph=_:b",
        "/graphs?graph=http://other.example/g%20h",
        f"/graphs?graph={GRAPH}../graph/ledger",
        f"/graphs?graph={GRAPH}",
        "/graphs",
        "/graphs?graph=a:b&graph=a:c",
        "/graphs?graph=a:b&default",
    ],
)
def test_what_is_no_name_of_a_graph_is_400_as_the_bytes_were_sent(site: Site, target: str) -> None:
    body = (PREFIXES + "x:a x:p 9 .").encode()
    headers = TURTLE | {"Content-Length": str(len(body)), "Connection": "close"}
    with site.untouched():
        answer = site.raw(site.head(f"PUT {target}", headers) + body)
    assert answer.split(b"\r\n")[0] == b"HTTP/1.1 400 Bad Request", answer


def test_relative_names_in_the_body_never_become_graphs_elsewhere(site: Site) -> None:
    for text in (
        "INSERT DATA { GRAPH <graph/x/../ledger> { <x:a> <x:p> 9 } }",
        "CLEAR GRAPH <./graph/ledger>",
    ):
        with site.untouched():
            answer = site.ask("POST", "/sparql", content=text, headers=UPDATE)
        assert answer.status_code in (400, 403, 404), answer.text


def test_deleting_a_graph_that_is_not_there_is_404(site: Site) -> None:
    site.refused(404, "graph-not-found", "nothing was written", method="DELETE", path="/graph/nowhere")


# --- blank nodes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media_type", "body", "code"),
    [
        ("application/trig", "_:g { <x:a> <x:p> 1 }", "bad-input"),
        ("application/n-quads", "<x:a> <x:p> <x:b> _:g .", "bad-input"),
        ("application/rdf-patch", "TX .\nA <x:a> <x:p> <x:b> _:g .\nTC .", "bad-input"),
        ("application/rdf-patch", "TX .\nD _:x <x:p> <x:b> <x:g> .\nTC .", "bad-input"),
        ("application/sparql-update", "DELETE DATA { GRAPH <x:g> { _:b <x:p> 1 } }", "query-syntax"),
        ("application/sparql-update", "DELETE { GRAPH <x:g> { _:b <x:p> 1 } } WHERE {}", "query-syntax"),
        ("application/sparql-update", "INSERT DATA { GRAPH _:g { <x:b> <x:p> 1 } }", "query-syntax"),
    ],
)
def test_blank_nodes_where_none_can_stand(site: Site, media_type: str, body: str, code: str) -> None:
    site.refused(400, code, path="/changes", content=body, headers={"Content-Type": media_type})


def test_one_label_in_two_graphs_of_one_file_is_one_thing(site: Site) -> None:
    body = "<x:g1> { _:b <x:p> 1 } <x:g2> { _:b <x:p> 2 }"
    answer = site.ask(
        "POST", "/changes?dry-run=true", content=body, headers={"Content-Type": "application/trig"}
    )
    subjects = {one["resource"]["value"] for one in answer.json()["diff"]}
    assert all("/.well-known/genid/" in subject for subject in subjects)
    assert len(subjects) == 1


@slow
def test_a_graph_that_is_hard_to_canonicalise_ends_in_time(site: Site) -> None:
    count = 5000
    body = "\n".join(
        f"_:b{n} <x:p> _:b{(n * 7 + step) % count} ." for n in range(count) for step in (1, 3, 11)
    )
    with site.untouched():
        answer = site.ask(
            "POST", "/changes?graph=hard", content=body, headers={"Content-Type": "application/n-triples"}
        )
    assert answer.status_code in (503, 504), answer.text
    assert site.put("x:a x:p 41 .", "after").status_code in (200, 201)


# --- bombs and sizes ------------------------------------------------------------------------------------


def entities() -> str:
    steps = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    return (
        f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">{steps}]>'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="x:a"><rdf:value>&m;</rdf:value></rdf:Description></rdf:RDF>'
    )


def test_an_entity_bomb_is_refused_unread(site: Site) -> None:
    for body in (entities().encode(), entities().encode("utf-16")):
        site.refused(
            400, "unsafe-payload", "DTD",
            path="/changes?graph=a", content=body, headers={"Content-Type": "application/rdf+xml"},
        )  # fmt: skip


def test_a_zip_bomb_is_refused_unread(site: Site) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        with book.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(size(quick=200, ci=1000, night=1000)):
                sheet.write(b" " * 1_000_000)
    site.refused(400, "unsafe-payload", path="/changes?graph=a", content=out.getvalue(), headers=XLSX)


@pytest.mark.parametrize("media_type", ["text/turtle", "application/rdf-patch", "text/csv"])
def test_a_gzip_bomb_is_refused_at_the_limit(site: Site, media_type: str) -> None:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as packed:
        for _ in range(size(quick=110, ci=1000, night=1000)):
            packed.write(b"#" * 1_000_000)
    headers = {"Content-Type": media_type, "Content-Encoding": "gzip"}
    site.refused(
        400, "unsafe-payload", "100,000,000",
        path="/changes?graph=a", content=out.getvalue(), headers=headers,
    )  # fmt: skip


def test_what_says_it_is_packed_and_is_not_or_is_cut_off(site: Site) -> None:
    headers = TURTLE | {"Content-Encoding": "gzip"}
    for body in (b"oho", gzip.compress(PREFIXES.encode() * 50)[:-20]):
        site.refused(400, "bad-input", "gzip", path="/changes?graph=a", content=body, headers=headers)
    packed = gzip.compress(b"INSERT DATA { GRAPH <x:g> { <x:a> <x:p> 9 } }")
    site.refused(
        415, "unsupported-media-type", "not packed",
        path="/changes", content=packed, headers=UPDATE | {"Content-Encoding": "gzip"},
    )  # fmt: skip


def chunks(megabytes: int) -> Iterator[bytes]:
    for _ in range(megabytes * 10):
        yield b"#" * 100_000


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_of_strangers_is_413(site: Site, chunked: bool) -> None:
    megabytes = size(quick=11, ci=50, night=50)

    def body() -> Any:
        return chunks(megabytes) if chunked else b"#" * (megabytes * 1_000_000)

    for path, headers in (("/validate", TURTLE), ("/validate?graph=a", TURTLE), ("/sparql", UPDATE)):
        site.refused(
            413, "body-too-large", "10,000,000", path=path, role=None, content=body(), headers=headers
        )


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_without_the_right_to_write_is_not_read(site: Site, chunked: bool) -> None:
    for role, status, code in ((None, 401, "token-required"), ("reader", 403, "not-allowed")):
        body: Any = chunks(50) if chunked else b"#" * 50_000_000
        with site.untouched():
            try:
                answer = site.ask("POST", "/changes?graph=a", role, content=body, headers=TURTLE)
            except httpx.WriteError:
                continue  # the server hung up on the rest of the body, which is as clear
        problem(answer, status, code)


@slow
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("path", "headers"), [("/changes?graph=a", TURTLE), ("/sparql", UPDATE)])
def test_a_body_over_the_limit_of_those_who_may_write_is_413(
    site: Site, path: str, headers: dict[str, str], chunked: bool
) -> None:
    body: Any = chunks(101) if chunked else b"#" * 101_000_000
    site.refused(413, "body-too-large", "100,000,000", path=path, content=body, headers=headers)


def test_a_table_of_a_million_rows_is_refused(site: Site) -> None:
    rows = size(quick=120_000, ci=1_000_000, night=1_000_000)
    body = "id [Thing],name\n" + "".join(f"a{n},n{n}\n" for n in range(rows))
    answer = site.refused(
        422, "sheet-refused", "100 000", path="/changes?graph=a&lang=en", content=body, headers=CSV
    )
    assert answer["faults"][0]["code"] == "file-too-large"


# --- the gate -------------------------------------------------------------------------------------------

KYM = """@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix id: <https://w3id.org/kymgraph/id/> .
@prefix passage: <https://w3id.org/kymgraph/id/passage/kouvolan-seudun-koko/> .
"""
THING = "<https://w3id.org/kymgraph/id/organisation/uusi>"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f"{THING} a kym:Nonsense ; kym:restsOn passage:3-3 .", "no Finnish label"),
        (f"{THING} a kym:Organisation ; kym:restsOn passage:3-3 .", "no Finnish label"),
        (f'{THING} a kym:Organisation ; skos:prefLabel "Uusi"@fi .', "rests on no passage"),
        (
            f'{THING} a kym:Organisation ; skos:prefLabel "Uusi"@fi ; '
            "kym:restsOn <https://w3id.org/kymgraph/id/passage/kouvolan-seudun-koko/9998-9999> .",
            "The passage is not in the graph",
        ),
        (f'{THING} skos:prefLabel "Kysy: planner@example.org"@fi .', "holds an e-mail address"),
        (f'{THING} kym:date "2022-01-01"^^xsd:date .', "The day is the first or last of a month"),
    ],
)
def test_what_breaks_the_shapes_of_kymenlaakso_is_422_and_said_in_three_languages(
    kym: Site, body: str, message: str
) -> None:
    answer = kym.refused(
        422, "gate-rejected",
        path="/changes?graph=kouvolan-seudun-koko", content=KYM + body, headers=TURTLE,
    )  # fmt: skip
    found = [r["message"] for r in answer["report"]["results"] if message in r["message"]["en"]]
    assert found, answer["report"]
    assert all(found[0][lang] for lang in ("fi", "sv"))


def test_an_address_in_a_reason_is_refused_before_it_is_public(kym: Site) -> None:
    body = KYM + "<https://w3id.org/kymgraph/id/programme/koko> skos:note 'x'@fi ."
    for path, headers in (
        ("/changes?graph=kouvolan-seudun-koko&reason=kysy+planner%40example.org", TURTLE),
        ("/changes?graph=kouvolan-seudun-koko", TURTLE | {"Kymgraph-Reason": "planner@example.org"}),
    ):
        answer = kym.refused(422, "gate-rejected", path=path, content=body, headers=headers)
        assert any("e-mail" in r["message"]["en"] for r in answer["report"]["results"])


def test_a_document_that_others_lean_on_is_not_taken_away(kym: Site) -> None:
    kym.refused(422, "gate-rejected", method="DELETE", path="/graph/maakuntaohjelma-2022-2025")


def test_a_text_that_stalls_a_pattern_is_503_and_the_next_change_is_served(site: Site) -> None:
    body = 'x:a x:code "' + "a" * 60 + '" .'
    for path, role in (
        ("/graph/slow", "publisher"),
        ("/graph/slow?dry-run=true", "publisher"),
        ("/graph/slow", "editor"),
    ):
        answer = site.refused(
            503, "gate-timeout", "2 s",
            method="PUT", path=path, role=role, content=PREFIXES + body, headers=TURTLE,
        )  # fmt: skip
        assert answer["title"]
    assert site.put(f"x:a x:p {random.randrange(10**9)} .", "after").status_code in (200, 201)


@linux
def test_a_judge_that_is_killed_costs_the_change_it_was_judging(site: Site) -> None:
    site.put("x:a x:p 51 .", "after")
    [writer] = site.processes("kymgraph.writer")
    answers: list[httpx.Response] = []
    body = 'x:a x:code "' + "b" * 60 + '" .'
    with site.untouched():
        thread = threading.Thread(target=lambda: answers.append(site.put(body, "slow")))
        thread.start()
        time.sleep(0.8)
        for judge in site.processes("kymgraph.gate.bench"):
            if parent(judge) == writer:
                os.kill(judge, signal.SIGKILL)
        thread.join(BOUND)
    problem(answers[0], 503, "gate-timeout")
    assert "retry-after" in answers[0].headers
    assert site.put("x:a x:p 52 .", "after").status_code == 200


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


# --- undoing --------------------------------------------------------------------------------------------


def test_a_revert_of_what_others_built_on_is_409(site: Site) -> None:
    site.put("x:a x:p 1 .", "rev")
    number = site.store.generation
    site.put("x:a x:p 2 .", "rev")
    site.refused(409, "change-conflict", "not there any more", path=f"/changes/{number}/revert")


@pytest.mark.parametrize("number", ["1", "0", "-1", "99999", "9" * 40])
def test_a_revert_of_no_commit_is_404(site: Site, number: str) -> None:
    site.refused(404, "commit-not-found", "there is no commit", path=f"/changes/{number}/revert")


# --- who may --------------------------------------------------------------------------------------------

SECRET = f"<{GRAPH}sec>"


@pytest.mark.parametrize(
    "text",
    [
        f"INSERT DATA {{ GRAPH {SECRET} {{ <x:h> <x:p> 1 }} }}",
        f"DELETE DATA {{ GRAPH {SECRET} {{ <http://x.example/secret> <http://x.example/p> 1 }} }}",
        f"INSERT {{ GRAPH {SECRET} {{ <x:h> <x:p> 1 }} }} WHERE {{}}",
        f"WITH {SECRET} DELETE {{ ?s ?p ?o }} WHERE {{ ?s ?p ?o }}",
        f"INSERT {{ GRAPH ?g {{ <x:h> <x:p> 1 }} }} WHERE {{ GRAPH ?g {{ ?s ?p ?o }} FILTER (?g={SECRET}) }}",
        "DELETE { GRAPH ?g { ?s ?p ?o } } "
        f"WHERE {{ VALUES ?g {{ {SECRET} <{GRAPH}own> }} GRAPH ?g {{ ?s ?p ?o }} }}",
        f"DELETE WHERE {{ GRAPH {SECRET} {{ ?s ?p ?o }} }}",
        f"INSERT {{ GRAPH ?g {{ <x:h> <x:p> 1 }} }} WHERE {{ BIND (IRI(CONCAT('{GRAPH}', 'sec')) AS ?g) }}",
        f"COPY <{GRAPH}own> TO {SECRET}",
        f"ADD <{GRAPH}own> TO {SECRET}",
        f"MOVE {SECRET} TO <{GRAPH}own>",
        f"MOVE <{GRAPH}own> TO {SECRET}",
        f"CLEAR GRAPH {SECRET}",
        f"DROP SILENT GRAPH {SECRET}",
        f"CREATE GRAPH <{GRAPH}fresh>",
        "CLEAR NAMED",
        "CLEAR ALL",
        "DROP NAMED",
        "DROP ALL",
        f"INSERT DATA {{ GRAPH <{GRAPH}own> {{ <x:a> <x:p> 5 }} }} ; "
        f"INSERT DATA {{ GRAPH {SECRET} {{ <x:a> <x:p> 5 }} }}",
        "INSERT DATA { GRAPH <http://elsewhere.example/g> { <x:a> <x:p> 5 } }",
        f"INSERT DATA {{ GRAPH <{GRAPH}own/../sec> {{ <x:a> <x:p> 5 }} }}",
    ],
)  # fmt: skip
def test_a_token_for_one_graph_reaches_no_other_by_any_update(site: Site, text: str) -> None:
    with site.untouched():
        answer = site.ask("POST", "/sparql", "scoped", content=text, headers=UPDATE)
    assert answer.status_code in (400, 403), answer.text
    if answer.status_code == 403:
        problem(answer, 403, "not-allowed", "the token is for own")


@pytest.mark.parametrize(
    "what", ["DELETE { GRAPH ?g { ?s ?p ?o } }", "INSERT { GRAPH ?g { <x:a> <x:p> 1 } }"]
)
def test_an_update_over_all_graphs_meets_those_that_are_made_by_other_means(site: Site, what: str) -> None:
    text = what + " WHERE { GRAPH ?g { ?s ?p ?o } }"
    for role in ("scoped", "admin"):
        site.refused(403, "graph-not-writable", path="/sparql", role=role, content=text, headers=UPDATE)


def test_a_token_for_one_graph_reaches_no_other_by_any_route(site: Site) -> None:
    row = f"<x:a> <x:p> <x:q> {SECRET} ."
    for method, path, body, headers in (
        ("PUT", "/graph/sec", PREFIXES + "x:a x:p 9 .", TURTLE),
        ("POST", "/graph/sec", PREFIXES + "x:a x:p 9 .", TURTLE),
        ("DELETE", "/graph/sec", "", {}),
        ("PATCH", "/graph/sec", f"TX .\nA {row}\nTC .", PATCH),
        ("POST", "/graphs", PREFIXES + "x:a x:p 9 .", TURTLE),
        ("POST", "/changes?graph=sec", PREFIXES + "x:a x:p 9 .", TURTLE),
        ("POST", "/changes", row, {"Content-Type": "application/n-quads"}),
        ("POST", "/changes", f"H created <{GRAPH}fresh> .\nTX .\nTC .", PATCH),
        ("POST", "/changes", f"H dropped {SECRET} .\nTX .\nTC .", PATCH),
    ):
        site.refused(
            403, "not-allowed", "the token is for own",
            method=method, path=path, role="scoped", content=body, headers=headers,
        )  # fmt: skip
    site.put("x:secret x:p 2 .", "sec")
    site.refused(403, "not-allowed", path=f"/changes/{site.store.generation}/revert", role="scoped")


def test_an_editor_gets_a_proposal_by_every_route_and_no_commit(site: Site) -> None:
    site.put("x:e x:p 1 .", "edit")
    number = site.store.generation
    row = f"<x:e> <x:p> <x:q> <{GRAPH}edit> ."
    for method, path, body, headers in (
        ("PUT", "/graph/edit", PREFIXES + "x:e x:p 9 .", TURTLE),
        ("POST", "/graph/edit", PREFIXES + "x:e x:p 9 .", TURTLE),
        ("DELETE", "/graph/edit", "", {}),
        ("PATCH", "/graph/edit", f"TX .\nA {row}\nTC .", PATCH),
        ("POST", "/graphs", PREFIXES + "x:e x:p 9 .", TURTLE),
        ("POST", "/changes?graph=edit", PREFIXES + "x:e x:p 9 .", TURTLE),
        ("POST", "/sparql", f"INSERT DATA {{ GRAPH <{GRAPH}edit> {{ <x:e> <x:p> 9 }} }}", UPDATE),
        ("POST", f"/changes/{number}/revert", "", {}),
    ):
        with site.untouched():
            answer = site.ask(method, path, "editor", content=body, headers=headers)
        assert answer.status_code == 202, (method, path, answer.text)
        place = answer.headers["location"]
        for decision in ("accept", "decline"):
            site.refused(403, "not-allowed", "publisher", path=f"{place}/{decision}", role="editor")


def test_a_proposal_beyond_ones_graphs_is_not_seen_and_not_decided(site: Site) -> None:
    place = site.put("x:secret x:p 8 .", "sec", role="editor").headers["location"]
    for method, path in (
        ("GET", place),
        ("POST", place + "/accept"),
        ("POST", place + "/decline"),
        ("POST", place + "/withdraw"),
    ):
        site.refused(404, "proposal-not-found", method=method, path=path, role="scoped")
    assert place not in site.ask("GET", "/proposals", "scoped").text
    site.refused(404, "proposal-not-found", path="/proposals/oho/accept")


def test_a_token_that_is_revoked_writes_no_more(site: Site) -> None:
    with Access(site.store.folder / FILE) as access:
        token, _ = access.create_token("leaver", "publisher", expires=None)
    headers = {"Authorization": f"Bearer {token}"}

    first = site.put("x:a x:p 61 .", "leaver", role=None, headers=headers)
    with Access(site.store.folder / FILE) as access:
        access.revoke("leaver")
    with site.untouched():
        second = site.put("x:a x:p 62 .", "leaver", role=None, headers=headers)

    assert first.status_code == 201
    problem(second, 401, "token-invalid")


# --- many at once, and those who go away ----------------------------------------------------------------


def insist(job: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask as a good client does: a busy server is asked again when it says so."""
    for _ in range(20):
        answer = job()
        if answer.status_code != 503:
            break
        assert problem(answer, 503, "busy")
        time.sleep(float(answer.headers["retry-after"]))
    return answer


def at_once(*jobs: Callable[[], httpx.Response]) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda job=job: answers.append(insist(job))) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answers) == len(jobs)
    return answers


def read(site: Site, graph: str) -> set[str]:
    answer = site.ask("GET", f"/graph/{graph}", None, headers={"Accept": "application/n-triples"})
    return set(answer.text.splitlines()) if answer.status_code == 200 else set()


def test_of_several_who_replace_one_graph_one_stands_whole(site: Site) -> None:
    site.put("x:a x:p 0 .", "race")
    began = site.store.generation

    answers = at_once(*(lambda n=n: site.put(f"x:a x:p {n}1 , {n}2 .", "race") for n in range(1, 9)))

    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    values = sorted(line.split('"')[1] for line in read(site, "race"))
    assert len(values) == 2
    assert values[0][:-1] == values[1][:-1]
    assert site.store.generation == began + 8


def test_of_several_with_one_if_match_one_wins(site: Site) -> None:
    site.put("x:a x:p 0 .", "once")
    headers = {"If-Match": f'"g{site.store.generation}"'}

    answers = at_once(*(lambda n=n: site.put(f"x:a x:p {n} .", "once", headers=headers) for n in range(1, 7)))

    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 5]


def test_thirty_writers_are_all_answered_and_each_is_written_once(site: Site) -> None:
    began = site.store.generation

    answers = at_once(
        *(
            lambda n=n: site.ask(
                "POST",
                "/graph/many",
                content=PREFIXES + f"x:a x:p {n} .",
                headers=TURTLE | {"Idempotency-Key": f"many {n}"},
            )
            for n in range(30)
        )
    )

    assert {answer.status_code for answer in answers} <= {200, 201}, [answer.text for answer in answers]
    assert len({answer.json()["commit"] for answer in answers}) == 30
    assert (len(read(site, "many")), site.store.generation) == (30, began + 30)


@pytest.mark.parametrize("door", ["graph", "sparql"])
@pytest.mark.parametrize("chunked", [True, False])
def test_half_a_body_is_never_written(site: Site, door: str, chunked: bool) -> None:
    if door == "graph":
        line, kind, body = "PUT /graph/gone", TURTLE, (PREFIXES + f"x:a x:p {71 + chunked} .").encode()
    else:
        line, kind, body = (
            "POST /sparql",
            UPDATE,
            b"INSERT DATA { GRAPH <x:g> { <x:a> <x:p> %d } }" % (71 + chunked),
        )
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body) * 2)}
    sent = b"%x\r\n%s\r\n" % (len(body), body) if chunked else body
    with site.untouched():
        site.raw(site.head(line, kind | length) + sent, wait=False)
        time.sleep(1.5)


def test_a_client_that_goes_before_the_answer_is_written_once_at_most(site: Site) -> None:
    body = (PREFIXES + "x:a x:p 72 .").encode()
    headers = TURTLE | {"Content-Length": str(len(body)), "Idempotency-Key": "gone"}
    began = site.store.generation
    for _ in range(3):
        site.raw(site.head("PUT /graph/gone2", headers) + body, wait=False)
        time.sleep(0.5)

    again = site.put("x:a x:p 72 .", "gone2", headers={"Idempotency-Key": "gone"})

    assert again.json()["status"] in ("committed", "repeated"), again.text
    assert site.store.generation == began + 1


# --- a server whose parts are missing -------------------------------------------------------------------


@pytest.fixture
def own(serve_writable: Serve, tmp_path: Path) -> Site:
    """A server for this test alone, whose parts may be broken."""
    return Site(serve_writable, tmp_path, make(tmp_path), gate_timeout=2)


@linux
def test_a_writer_that_is_killed_on_the_way_is_followed_by_another_and_writes_once(own: Site) -> None:
    own.put("x:a x:p 0 .", "k")
    began = own.store.generation
    rounds = size(quick=2, ci=8, night=40)
    for n in range(1, rounds + 1):
        answers: list[httpx.Response] = []
        thread = threading.Thread(target=lambda n=n, to=answers: to.append(own.put(f"x:a x:p {n} .", "k")))
        thread.start()
        time.sleep(random.random() * 0.2)
        for writer in own.processes("kymgraph.writer"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(writer, signal.SIGKILL)
        thread.join(BOUND)
        assert [answer.status_code for answer in answers] == [200], [answer.text for answer in answers]
    assert own.store.generation == began + rounds
    assert read(own, "k") == {
        f'<http://x.example/a> <http://x.example/p> "{rounds}"^^<http://www.w3.org/2001/XMLSchema#integer> .'
    }


@linux
def test_a_change_that_stalls_is_refused_also_by_the_writer_that_follows(own: Site) -> None:
    own.put("x:a x:p 0 .", "k")
    answers: list[httpx.Response] = []
    with own.untouched():
        body = 'x:a x:code "' + "c" * 60 + '" .'
        thread = threading.Thread(target=lambda: answers.append(own.put(body, "slow")))
        thread.start()
        time.sleep(0.8)
        [writer] = own.processes("kymgraph.writer")
        os.kill(writer, signal.SIGKILL)
        thread.join(BOUND)
    problem(answers[0], 503, "gate-timeout")


@slow
def test_without_a_writer_a_change_is_503_in_bounded_time(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, tmp_path, make(tmp_path))
    with site.untouched():
        answer = site.put("x:a x:p 1 .")
    problem(answer, 503, "busy", "nothing was written", "not running")
    assert "retry-after" in answer.headers
    assert str(tmp_path) not in answer.text


def test_shapes_that_cannot_be_read_are_not_imported_and_stop_no_change(
    own: Site, kymgraph: Kymgraph
) -> None:
    """Changes are judged by the shapes that the store has taken in, whatever lies in the folder meanwhile."""
    own.put("x:a x:p 0 .", "k")
    (own.folder / "shapes/s.ttl").write_text("oho", "utf-8")

    with own.untouched():
        imported = kymgraph("--project", own.folder, "--store", own.store.folder, "import", cwd=ROOT)
        refused = own.put("x:nameless a x:Thing .", "k")
    after = own.put("x:a x:p 1 .", "k")

    assert (imported.returncode, imported.stdout) == (2, "")
    assert "shapes/s.ttl" in imported.stderr
    problem(refused, 422, "gate-rejected")
    assert after.status_code == 200


def test_an_import_of_a_shape_that_breaks_the_data_changes_nothing(own: Site, kymgraph: Kymgraph) -> None:
    own.put("x:t a x:Thing ; rdfs:label 'x' .", "k")
    (own.folder / "shapes/s.ttl").write_text(
        PREFIXES + SHAPES.replace("sh:minCount 1", "sh:minCount 2"), "utf-8"
    )
    with own.untouched():
        done = kymgraph("--project", own.folder, "--store", own.store.folder, "import", cwd=ROOT)
    assert done.returncode == 1
    assert "nothing was written" in done.stderr


# --- order of rows --------------------------------------------------------------------------------------


def test_a_prefix_that_is_declared_anew_holds_from_there_on(site: Site) -> None:
    body = (
        f"TX .\nPA x <http://one.example/> .\nA x:a x:p x:b <{GRAPH}pre> .\n"
        f"PA x <http://two.example/> .\nA x:a x:p x:b <{GRAPH}pre> .\nTC .\n"
    )
    answer = site.ask("POST", "/changes", content=body, headers=PATCH)
    assert answer.status_code == 200, answer.text
    assert read(site, "pre") == {
        f"<http://{n}.example/a> <http://{n}.example/p> <http://{n}.example/b> ." for n in ("one", "two")
    }


def test_headers_of_a_patch_that_are_no_iris_are_named(site: Site) -> None:
    for header in ('H agent "x"', 'H id "urn"', 'H source "a b"', "H dropped _:b"):
        site.refused(
            400, "rdf-syntax", header.split()[1],
            path="/changes", content=f"{header} .\nTX .\nA <x:1> <x:1> <x:1> <x:g> .\nTC .", headers=PATCH,
        )  # fmt: skip
