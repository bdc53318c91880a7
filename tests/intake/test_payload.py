"""RDF as a changeset: added to a graph, put in its place, taken out; read here, or in a worker."""

from __future__ import annotations

import contextlib
import gzip
import time
from pathlib import Path

import pytest

from kymgraph import rdf
from kymgraph.changeset import Changeset
from kymgraph.errors import (
    GraphNotWritable,
    InputError,
    KymgraphError,
    NameAGraph,
    QueryMemory,
    QueryRefused,
    QueryTimeout,
    QueryTooLarge,
    RdfSyntaxError,
    UnsafePayload,
)
from kymgraph.intake.payload import from_body, from_payload
from kymgraph.rdf import FORMATS, NamedNode
from kymgraph.store import payload as _payload

from .conftest import MakeSite, Site

X = "@prefix x: <http://x.example/> .\n"
STRICT = 'default_graph = "strict"\n'
KEEP = STRICT + 'blank_nodes = "keep"\n'


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site(
        {
            "data/a.ttl": "x:a x:p 1, 2 ; x:q [ x:r 1 ] .",
            "data/b.ttl": "x:b x:p 1 .",
            "ontology/o.ttl": "x:o x:p 1 .",
        }
    )


def graph(site: Site, name: str) -> NamedNode:
    return NamedNode(site.project.base.graph(name))


def read(site: Site, text: str | bytes, fmt: str = "ttl", **options: object) -> Changeset:
    data = text.encode() if isinstance(text, str) else text
    if fmt in ("ttl", "trig"):
        data = X.encode() + data
    change = from_payload(data, FORMATS[fmt], view=site.view(), project=site.project, **options)  # type: ignore[arg-type]
    site.after(change)
    return change


def send(site: Site, text: str | bytes, fmt: str = "text/turtle", **options: object) -> Changeset:
    data = text.encode() if isinstance(text, str) else text
    if fmt in ("text/turtle", "application/trig") and not options.get("packed"):
        data = X.encode() + data
    change = site.do(lambda: from_body(site, data, fmt, **options))  # type: ignore[arg-type]
    site.after(change)
    return change


# --- what changes ---------------------------------------------------------------------------------------


def test_adding_holds_what_is_not_there_yet(site: Site) -> None:
    change = read(site, "x:a x:p 1, 007, 3 . x:a x:q [ x:r 1 ] .", graph=graph(site, "a"))
    assert sorted(str(q.object)[1] for q in change.added) == ["3", "7"]
    assert not change.removed
    assert (change.base, change.guard, change.created) == (1, "none", frozenset())


def test_replacing_leaves_what_was_sent(site: Site) -> None:
    change = read(site, "x:a x:p 2, 3, 3 ; x:q [ x:r 1 ] .", graph=graph(site, "a"), mode="replace")
    assert [str(q.object)[1] for q in change.removed] == ["1"]
    assert [str(q.object)[1] for q in change.added] == ["3"]
    assert change.guard == "generation"
    assert {q for q in site.after(change) if q.graph_name != graph(site, "a")} == {
        q for q in site.view().quads() if q.graph_name != graph(site, "a")
    }


def test_replacing_with_the_same_is_no_change(site: Site) -> None:
    assert read(site, "x:a x:q [ x:r 1 ] ; x:p 2, 1 .", graph=graph(site, "a"), mode="replace").empty


def test_replacing_with_nothing_empties_the_graph_and_keeps_it(site: Site) -> None:
    change = read(site, "", graph=graph(site, "b"), mode="replace")
    assert len(change.removed) == 1
    assert not change.added
    assert not change.dropped


def test_removing_takes_out_what_is_there(site: Site) -> None:
    change = read(site, "x:a x:p 1, 9 ; x:q [ x:r 1 ] .", graph=graph(site, "a"), mode="remove")
    assert len(change.removed) == 3
    assert not change.added
    assert not read(site, "x:a x:p 1 .", graph=graph(site, "none"), mode="remove").created


def test_a_new_graph_comes_to_be_even_if_it_is_empty(site: Site) -> None:
    new = graph(site, "new")
    for mode in ("add", "replace"):
        for text in ("x:a x:p 1 .", ""):
            assert read(site, text, graph=new, mode=mode).created == {new.value}


def test_a_dataset_names_its_graphs(site: Site) -> None:
    base = site.project.base
    text = f"<{base.graph('a')}> {{ x:a x:p 2, 5 }} <{base.graph('c')}> {{ x:c x:p 1 }}"
    change = read(site, text, "trig")
    assert len(change.added) == 2
    assert change.created == {base.graph("c")}
    change = read(site, text, "trig", mode="replace")
    assert len(change.removed) == 3, "graph a: 1 and the blank node; graph b is not spoken of"
    assert len(change.added) == 2
    nquads = (
        b'<http://x.example/a> <http://x.example/p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> <%s> .\n'
        % base.graph("a").encode()
    )
    assert len(read(site, nquads, "nq", mode="remove").removed) == 1


def test_a_dataset_sent_for_one_graph_names_no_other(site: Site) -> None:
    base = site.project.base
    text = f"<{base.graph('a')}> {{ x:a x:p 5 }} "
    assert len(read(site, text, "trig", graph=graph(site, "a")).added) == 1
    with pytest.raises(InputError, match="nothing was changed"):
        read(site, text, "trig", graph=graph(site, "b"))


@pytest.mark.parametrize("fmt", ["ttl", "nt", "nq", "trig", "rdf", "jsonld"])
def test_every_format_says_the_same(site: Site, fmt: str) -> None:
    quads = rdf.parse((X + "x:a x:p 5, 'ä'@fi ; x:q [ x:r 2 ] .").encode(), FORMATS["ttl"])
    data = rdf.serialise(quads, FORMATS[fmt])
    expected = read(site, "x:a x:p 5, 'ä'@fi ; x:q [ x:r 2 ] .", graph=graph(site, "a"))
    assert read(site, data, fmt, graph=graph(site, "a")).added == expected.added


def test_strict_projects_have_a_default_graph(make_site: MakeSite) -> None:
    site = make_site({"data/_default.ttl": "x:a x:p 1 .", "data/a.ttl": "x:a x:p 1 ."}, STRICT)
    assert len(read(site, "x:a x:p 1, 2 .").added) == 1
    change = read(site, "x:a x:p 2 .", mode="replace")
    assert len(change.removed) == 1
    assert len(site.after(change)) == 2


def test_kept_blank_nodes_never_meet_those_of_the_state(make_site: MakeSite) -> None:
    site = make_site({"data/a.ttl": "x:a x:q [ x:r 1 ] ."}, KEEP)
    label = next(q.subject for q in site.view().quads() if isinstance(q.subject, rdf.BlankNode)).value
    change = read(site, f"_:{label} x:r 2 .", graph=graph(site, "a"))
    assert len({q.subject for q in site.after(change) if isinstance(q.subject, rdf.BlankNode)}) == 2
    assert read(site, "x:a x:q _:other . _:other x:r 1 .", graph=graph(site, "a"), mode="replace").empty
    assert len(read(site, "x:a x:q [ x:r 3 ] .", graph=graph(site, "a"), mode="replace").removed) == 2
    with pytest.raises(InputError):
        read(site, "x:a x:q [ x:r 1 ] .", graph=graph(site, "a"), mode="remove")


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [read, send])
def test_graphs_that_are_not_written_to(site: Site, way: object) -> None:
    trig = "application/trig" if way is send else "trig"
    with pytest.raises(NameAGraph) as caught:
        way(site, "x:a x:p 1 .")  # type: ignore[operator]
    assert caught.value.hint
    with pytest.raises(NameAGraph):
        way(site, f"<{graph(site, 'a').value}> {{ x:a x:p 1 }} x:a x:p 1 .", trig)  # type: ignore[operator]
    for name in ("ontology", "shapes", "ledger"):
        with pytest.raises(GraphNotWritable):
            way(site, "x:a x:p 1 .", graph=graph(site, name))  # type: ignore[operator]
        with pytest.raises(GraphNotWritable):
            way(site, f"<{graph(site, name).value}> {{ x:a x:p 1 }}", trig)  # type: ignore[operator]
    for name in ("_:g", f"<{site.project.base.graphs}>", f"<{site.project.base.graphs}a//b>"):
        with pytest.raises(InputError):
            way(site, f"{name} {{ x:a x:p 1 }}", trig)  # type: ignore[operator]


#: A subject and a predicate, as N-Triples.
AP = b"<http://x.example/a> <http://x.example/p> "
NT, TTL, JSON = "application/n-triples", "text/turtle", "application/ld+json"
BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x.example/">
<rdf:Description rdf:about="http://x.example/a"><x:p>&b;</x:p></rdf:Description></rdf:RDF>"""


@pytest.mark.parametrize(
    ("data", "fmt", "error"),
    [
        (AP + b"\n", NT, RdfSyntaxError),
        (b"<a> <b> <c", TTL, RdfSyntaxError),
        (AP + b'"\\uD800" .\n', NT, RdfSyntaxError),
        (AP + b'"\xed\xa0\x80" .\n', NT, RdfSyntaxError),
        (b'{"@id": "http://x.example/a", "http://x.example/p": "\\ud800"}', JSON, RdfSyntaxError),
        (b'{"@context": "http://127.0.0.1:9/context.jsonld", "p": 1}', JSON, RdfSyntaxError),
        (AP + b"<relative> .\n", NT, RdfSyntaxError),
        (AP + b"<http://x.example/a b> .\n", NT, RdfSyntaxError),
        (BOMB, "application/rdf+xml", UnsafePayload),
        (BOMB.decode().encode("utf-16"), "application/rdf+xml", UnsafePayload),
        (b"<< " + AP + b" 1 >> <http://x.example/p> 1 .", TTL, InputError),
        (b"x", "application/pdf", InputError),
    ],
)  # fmt: skip
def test_what_cannot_be_read_or_held(site: Site, data: bytes, fmt: str, error: type[KymgraphError]) -> None:
    with pytest.raises(error):
        site.do(lambda: from_body(site, data, fmt, graph=graph(site, "a")))


def test_a_syntax_error_says_where(site: Site) -> None:
    with pytest.raises(RdfSyntaxError) as caught:
        send(site, "x:a x:p 1 .\nx:a x:p y:b .", graph=graph(site, "a"), name="the body")
    assert (caught.value.name, caught.value.line) == ("the body", 3)
    assert caught.value.hint


def test_limits_of_bytes_and_quads(site: Site) -> None:
    text = "\n".join(f"x:a x:p {i} ." for i in range(1000))
    with pytest.raises(QueryTooLarge):
        send(site, text, graph=graph(site, "a"), max_bytes=1000)
    with pytest.raises(QueryTooLarge):
        send(site, text, graph=graph(site, "a"), max_quads=900)
    with pytest.raises(QueryTooLarge):
        send(site, "x:a x:p 1 .", graph=graph(site, "a"), mode="replace", max_quads=2)
    assert send(site, text, graph=graph(site, "a"), max_quads=1000).added


def test_packed_bodies_and_bombs(site: Site) -> None:
    a = graph(site, "a")
    packed = gzip.compress((X + "x:a x:p 5 .").encode())
    assert len(send(site, packed, graph=a, packed=True).added) == 1
    assert (
        len(send(site, gzip.compress(X.encode()) + gzip.compress(b"x:a x:p 5 ."), graph=a, packed=True).added)
        == 1
    )
    bomb = gzip.compress(b" " * 200_000_000, 9)
    assert len(bomb) < 300_000
    with pytest.raises(UnsafePayload):
        send(site, bomb, graph=a, packed=True)
    with pytest.raises(InputError):
        send(site, packed[:-9], graph=a, packed=True)
    with pytest.raises(InputError):
        send(site, b"not packed", graph=a, packed=True)


@pytest.mark.parametrize(
    ("data", "fmt"),
    [
        (AP + b"(" * 200_000 + b")" * 200_000 + b" .", TTL),
        (AP + b"[ <http://x.example/p> " * 100_000 + b"1" + b"]" * 100_000 + b" .", TTL),
        (b'{"http://x.example/p":' * 100_000 + b"1" + b"}" * 100_000, JSON),
        (AP + (b"<<( " + AP) * 50_000 + b"1" + b" )>>" * 50_000 + b" .\n", NT),
    ],
    ids=["lists", "blank-nodes", "json", "triple-terms"],
)  # fmt: skip
def test_deep_nesting_costs_a_worker_at_most(site: Site, data: bytes, fmt: str) -> None:
    a = graph(site, "a")

    async def both() -> Changeset:
        with contextlib.suppress(InputError, QueryRefused, QueryMemory, QueryTimeout, QueryTooLarge):
            await from_body(site, data, fmt, graph=a, deadline=10)
        return await from_body(site, X.encode() + b"x:a x:p 5 .", "text/turtle", graph=a)

    assert len(site.do(both).added) == 1


def test_hostile_blank_nodes_cost_a_worker_at_most(site: Site) -> None:
    edges = " ".join(f"_:b{i} x:p _:b{j} ." for i in range(14) for j in range(14) if i != j)
    started = time.monotonic()
    with pytest.raises((QueryTimeout, QueryMemory)):
        send(site, edges, graph=graph(site, "a"), deadline=2.0)
    assert time.monotonic() - started < 8


def test_rdf_patch_from_outside(site: Site) -> None:
    a = graph(site, "a")
    integer, ap = "<http://www.w3.org/2001/XMLSchema#integer>", AP.decode()
    patch = f'TX .\nA {ap} "05"^^{integer} {a} .\nD {ap} "1"^^{integer} {a} .\nTC .\n'
    change = send(site, patch, "application/rdf-patch")
    assert [str(q.object)[1] for q in change.added] == ["5"]
    assert len(change.removed) == 1
    with pytest.raises(RdfSyntaxError) as caught:
        send(site, patch.replace("TX .", "TX .\nA <a> ."), "application/rdf-patch", name="the patch")
    assert caught.value.line == 2
    with pytest.raises(NameAGraph):
        send(site, patch.replace(str(a), ""), "application/rdf-patch")


def form(*parts: tuple[str, bytes]) -> bytes:
    lines = [
        b"--b\r\nContent-Disposition: form-data; name=x" + h.encode() + b"\r\n\r\n" + d + b"\r\n"
        for h, d in parts
    ]
    return b"".join([b"preamble\r\n", *lines, b"--b--\r\n"])


def test_the_files_of_a_form_are_one_change(site: Site) -> None:
    a, kind = graph(site, "a"), 'multipart/form-data; boundary="b"'
    turtle = X.encode() + b"x:a x:p 5 ; x:q _:b . _:b x:r 5 .\n"
    data = form(
        ("\r\nContent-Type: text/turtle; charset=utf-8", turtle),
        (
            "; filename=f.nt",
            b"<http://x.example/a> <http://x.example/q> _:b .\n_:b <http://x.example/s> _:b .",
        ),
        ("; filename=g.ttl\r\nContent-Type: application/octet-stream", b""),
    )
    change = send(site, data, kind, graph=a)
    assert len(change.added) == 5, "the labels of two files are different nodes"
    change = send(site, data, kind, graph=a, mode="replace")
    assert (len(change.added), len(change.removed)) == (5, 4)
    assert len(send(site, gzip.compress(data), kind, graph=a, packed=True).added) == 5
    turtle = X.encode() + b'x:a x:p """\r\n--bc\r\n--b x""" .'
    change = send(site, form(("; filename=f.ttl", turtle)) + b"epilogue\r\n--b\r\n", kind, graph=a)
    assert [q.object.value for q in change.added] == ["\r\n--bc\r\n--b x"]  # type: ignore[union-attr]
    with pytest.raises(RdfSyntaxError) as caught:
        send(site, form(("; filename=f.nt", b""), ("; filename=g.ttl", b"\n\nx")), kind, graph=a)
    assert caught.value.line == 3
    assert "g.ttl" in caught.value.name


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (form(("", b"x")), "multipart/form-data; boundary=b"),
        (form(("; filename=x.pdf", b"x")), "multipart/form-data; boundary=b"),
        (form(("; filename=x.ttl", b"")), "multipart/form-data"),
        (form(("; filename=x.ttl", b""))[:-6], "multipart/form-data; boundary=b"),
        (form(), "multipart/form-data; boundary=b"),
        (b"", "multipart/form-data; boundary=b"),
        (form(*[("; filename=x.ttl", b"")] * 101), "multipart/form-data; boundary=b"),
    ],
    ids=["no-type", "odd-type", "no-boundary", "cut-off", "no-file", "nothing", "too-many"],
)
def test_a_form_that_cannot_be_read(site: Site, data: bytes, kind: str) -> None:
    with pytest.raises(InputError):
        send(site, data, kind, graph=graph(site, "a"))


# --- long files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_file_is_read_as_a_stream_with_the_same_result(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    text = X + "\n".join(f"x:s{i} x:p {i}, 007 ; x:q [ x:r {i} ] ." for i in range(3000)) + "x:a x:p 1, 1 ."
    path = tmp_path / ("long.ttl" + ".gz" * packed)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    a = graph(site, "a")
    for mode in ("add", "replace", "remove"):
        whole = from_payload(path, view=site.view(), project=site.project, graph=a, mode=mode)
        with monkeypatch.context() as patched:
            patched.setattr(_payload, "_STREAMED", 10)
            patched.setattr(_payload, "_BATCH", 100)
            streamed = from_payload(path, view=site.view(), project=site.project, graph=a, mode=mode)
        site.after(streamed)
        assert (streamed.added, streamed.removed) == (whole.added, whole.removed)


def test_a_faulty_long_file_says_where(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_payload, "_STREAMED", 10)
    a = graph(site, "a")

    def take(data: bytes, name: str, **options: object) -> None:
        path = tmp_path / name
        path.write_bytes(data)
        from_payload(path, view=site.view(), project=site.project, graph=a, **options)  # type: ignore[arg-type]

    with pytest.raises(RdfSyntaxError) as caught:
        take((X + "x:a x:p 1 .\nx:a x:p .").encode(), "x.ttl")
    assert caught.value.line == 3
    with pytest.raises(RdfSyntaxError):
        take(b'<http://x.example/a> <http://x.example/p> "\xff" .\n', "x.nt")
    with pytest.raises(InputError, match=r"RDF 1\.2"):
        take(b'<http://x.example/a> <http://x.example/p> "x"@en--ltr .\n', "x.nt")
    with pytest.raises(InputError, match="unpacked"):
        take(gzip.compress(b"<a:a> <b:b> <c:c> .\n" * 1000)[:-9], "x.nt.gz")
    with pytest.raises(UnsafePayload):
        take(gzip.compress(b"<a:a> <b:b> <c:c> .\n" * 1000), "x.nt.gz", max_bytes=5000)
    with pytest.raises(InputError):
        from_payload(tmp_path / "none.ttl", view=site.view(), project=site.project, graph=a)
