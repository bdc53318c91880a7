"""One file of any kind as a changeset: its suffix, its graph, and RDF Patch."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from kymgraph import intake
from kymgraph.changeset import Changeset, to_patch
from kymgraph.errors import (
    BadParameter,
    GraphNotWritable,
    InputError,
    NameAGraph,
    ProjectError,
    QuerySyntaxError,
    RdfSyntaxError,
)
from kymgraph.rdf import FORMATS, NamedNode, parse, serialise

from .conftest import MakeSite, Site

X = "@prefix x: <http://x.example/> .\n"
INTEGER = "<http://www.w3.org/2001/XMLSchema#integer>"


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site(
        {
            "data/a.ttl": "x:a x:p 1, 2 .",
            "data/harvest/k.trig": "<http://x.example/k> <http://x.example/p> 1 .",
            "ontology/o.ttl": "x:o x:p 1 .",
            "shapes/s.ttl": "",
        }
    )


def take(site: Site, path: Path, data: bytes | str | None = None, **options: object) -> Changeset:
    if data is not None:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    change = intake.from_file(path, dataset=site, **options)  # type: ignore[arg-type]
    site.after(change)
    return change


def content(suffix: str, site: Site) -> bytes:
    """The triple a p 5 in graph a, as a file of this suffix says it."""
    graph = site.project.base.graph("a")
    quads = parse(X.encode() + b"x:a x:p 5 .", FORMATS["ttl"], graph=NamedNode(graph))
    if suffix == "ru":
        triple = "<http://x.example/a> <http://x.example/p> 5"
        return f"\ufeffINSERT DATA {{ GRAPH <graph/a> {{ {triple} }} }}".encode()
    if suffix == "rdfp":
        return to_patch(Changeset(1, added=frozenset(quads)))
    return serialise(quads, FORMATS[suffix])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", [t for t in intake.TYPES if t not in ("csv", "xlsx")])
def test_the_suffix_says_how_a_file_is_read(site: Site, tmp_path: Path, suffix: str, packed: bool) -> None:
    data = content(suffix, site)
    # Names that mislead, so that --as is what counts.
    for name, as_ in (
        (f"x.{suffix}", None),
        ("x.txt", suffix),
        ("x", suffix.upper()),
        ("x.csv", f".{suffix}"),
    ):
        path = tmp_path / (name + ".gz" * packed)
        named = suffix in ("ru", "rdfp", "nq", "trig", "jsonld")
        change = take(
            site, path, gzip.compress(data) if packed else data, as_=as_, graph=None if named else "a"
        )
        assert [str(q) for q in change.added] == [
            f'<http://x.example/a> <http://x.example/p> "5"^^{INTEGER} <{site.project.base.graph("a")}>'
        ]
        assert not change.removed


def test_a_file_that_does_not_say_what_it_is(site: Site, tmp_path: Path) -> None:
    for name, as_ in (("x.pdf", None), ("x", None), ("-", None), ("x.ttl", "word")):
        with pytest.raises(InputError) as caught:
            intake.from_file(Path(name), dataset=site, as_=as_)
        assert "--as" in (caught.value.hint or "")
    with pytest.raises(InputError):
        take(site, tmp_path / "not-there.ttl", graph="a")
    with pytest.raises(InputError):
        take(site, tmp_path / "not-there.ru")


def test_standard_input(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def give(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    give(X.encode() + b"x:a x:p 5 .")
    assert len(take(site, Path("-"), as_="ttl", graph="a").added) == 1
    give(gzip.compress(X.encode() + b"x:a x:p 5 ."))
    assert len(take(site, Path("-"), as_="ttl.gz", graph="a").added) == 1
    give(b"INSERT DATA { GRAPH <graph/a> { <a> <p> 5 } }")
    assert len(take(site, Path("-"), as_="ru").added) == 1
    give(b"x:a x:p .")
    with pytest.raises(RdfSyntaxError, match="standard input:1"):
        take(site, Path("-"), as_="ttl", graph="a")


def test_a_file_needs_a_graph_and_a_project_file_has_one(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NameAGraph) as caught:
        take(site, tmp_path / "x.ttl", X + "x:a x:p 5 .")
    assert caught.value.hint is not None
    assert "--graph NAME" in caught.value.hint
    with pytest.raises(NameAGraph) as caught:
        take(site, tmp_path / "x.trig", X + "x:a x:p 5 .")
    assert "--graph NAME" in (caught.value.hint or "")
    base = site.project.base
    own = site.project.folder / "data" / "a.ttl"
    change = take(site, own, X + "x:a x:p 2, 3 .", mode="replace")
    assert {q.graph_name for q in (*change.added, *change.removed)} == {NamedNode(base.graph("a"))}
    assert (len(change.added), len(change.removed)) == (1, 1)
    (site.project.folder / "data" / "new").mkdir()
    change = take(site, site.project.folder / "data" / "new" / "n.nt", "<a:a> <a:p> <a:b> .\n")
    assert change.created == {base.graph("new/n")}
    change = take(site, site.project.folder / "data" / "harvest" / "k.trig", "<a:a> <a:p> <a:b> .\n")
    assert [q.graph_name for q in change.added] == [NamedNode(base.graph("harvest/k"))]
    assert len(take(site, own, graph="b").added) == 2, "a graph that is named wins"
    for name in ("ontology/o.ttl", "shapes/s.ttl"):
        with pytest.raises(GraphNotWritable):
            take(site, site.project.folder / name)
    with pytest.raises(ProjectError):
        take(site, site.project.folder / "data" / "ledger x.ttl", "")


def test_a_graph_by_name_or_by_iri(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "x.ttl"
    assert take(site, path, X + "x:a x:p 5 .", graph="new/one").graphs == {site.project.base.graph("new/one")}
    assert take(site, path, graph="urn:x:g").graphs == {"urn:x:g"}
    for wrong in ("", "a b", "../a", "/a", "http://x y/", "ä", site.project.base.graphs):
        with pytest.raises((BadParameter, InputError)):
            take(site, path, graph=wrong)
    for closed in ("ontology", "shapes", "ledger", site.project.base.graph("ledger")):
        with pytest.raises(GraphNotWritable):
            take(site, path, graph=closed)


def test_who_and_why(site: Site, tmp_path: Path) -> None:
    who = {"agent": "http://x.example/me", "reason": "so", "source": "urn:x:file"}
    for name, data in (
        ("x.ttl", X + "x:a x:p 5 ."),
        ("x.ru", content("ru", site)),
        ("x.rdfp", content("rdfp", site)),
    ):
        change = take(site, tmp_path / name, data, graph="a" if name == "x.ttl" else None, **who)
        assert (change.agent, change.reason, change.source) == tuple(who.values())


def test_updates_and_patches_say_themselves_where_things_go(site: Site, tmp_path: Path) -> None:
    for name in ("x.ru", "x.rdfp"):
        path = tmp_path / name
        path.write_bytes(content(name[2:], site))
        for options in ({"graph": "a"}, {"mode": "replace"}):
            with pytest.raises(InputError):
                intake.from_file(path, dataset=site, **options)  # type: ignore[arg-type]


def test_an_update_file_is_run_in_a_worker(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "x.ru"
    change = take(site, path, "WITH <graph/a> DELETE { ?s ?p 1 } INSERT { ?s ?p 9 } WHERE { ?s ?p 1 }")
    assert (len(change.removed), len(change.added), change.guard) == (1, 1, "generation")
    with pytest.raises(QuerySyntaxError) as caught:
        take(site, path, "INSERT DATA {\n GRAPH <graph/a> { ?s <p> 1 } }")
    assert caught.value.line == 2
    with pytest.raises(InputError, match="UTF-8"):
        take(site, path, b"INSERT DATA { <a> <b> '\xff' }")


# --- RDF Patch ------------------------------------------------------------------------------------------


def patch(site: Site, text: str) -> Changeset:
    text = text.replace("G .", f"<{site.project.base.graph('a')}> .").replace("<x:", "<http://x.example/")
    return intake.from_patch(text.encode(), view=site.view(), project=site.project)


def test_a_patch_is_brought_to_the_form_of_the_store(site: Site) -> None:
    change = patch(
        site,
        f'H reason "kaksi" .\nTX .\nA <x:a> <x:p> "02"^^{INTEGER} G .\nA <x:a> <x:p> "03"^^{INTEGER} G .\n'
        f'D <x:a> <x:p> "001"^^{INTEGER} G .\nD <x:a> <x:p> "99"^^{INTEGER} G .\nTC .\n',
    )
    assert [str(q.object)[1] for q in change.added] == ["3"]
    assert [str(q.object)[1] for q in change.removed] == ["1"]
    assert (change.base, change.guard, change.reason) == (1, "none", "kaksi")


def test_a_patch_with_a_guard_stays_as_it_is(site: Site) -> None:
    rows = f'TX .\nA <x:a> <x:p> "02"^^{INTEGER} G .\nD <x:a> <x:p> "99"^^{INTEGER} G .\nTC .\n'
    change = patch(site, f'H guard "quads" .\n{rows}')
    assert (len(change.added), len(change.removed), change.guard) == (1, 1, "quads")
    change = patch(site, f'H base "7" .\nH guard "generation" .\n{rows}')
    assert (len(change.added), change.base, change.guard) == (1, 7, "generation")


def test_a_patch_and_back(site: Site) -> None:
    change = patch(
        site,
        f'H id <urn:x:1> .\nTX .\nA <x:n> <x:p> "3"^^{INTEGER} <x:g> .\n'
        f'D <x:a> <x:p> "1"^^{INTEGER} G .\nTC .\n',
    )
    site.after(change)
    assert change.id == "urn:x:1"
    assert change.created == {"http://x.example/g"}
    again = intake.from_patch(to_patch(change), view=site.view(), project=site.project)
    assert (again.digest, again.id) == (change.digest, change.id)


def test_blank_nodes_in_a_patch_are_named_or_refused(site: Site) -> None:
    change = patch(site, "TX .\nA _:b <x:p> _:c G .\nA _:c <x:p> <x:a> G .\nTC .\n")
    assert len(change.added) == 2
    assert all(isinstance(q.subject, NamedNode) for q in change.added)
    with pytest.raises(InputError, match="blank"):
        patch(site, "TX .\nD _:b <x:p> <x:a> G .\nTC .\n")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("A <x:a> <x:p> <x:b> .", NameAGraph),
        ("D <x:a> <x:p> <x:b> .", NameAGraph),
        ("A <x:a> <x:p> <x:b> <https://w3id.org/kymgraph/graph/ledger> .", GraphNotWritable),
        ("A <x:a> <x:p> <x:b> <https://w3id.org/kymgraph/graph/a/../ledger> .", InputError),
        ("A <x:a> <x:p> <x:b> _:g .", InputError),
        ("A <x:a> <x:p> G .", RdfSyntaxError),
        ("A <x:a> <x:p> <x:b> G", RdfSyntaxError),
        ("A <a> <x:p> <x:b> G .", RdfSyntaxError),
    ],
)
def test_rows_that_are_refused(site: Site, row: str, error: type[Exception]) -> None:
    row = (
        row.replace("<x:p> G .", "<x:p> .") if error is RdfSyntaxError and row.endswith("<x:p> G .") else row
    )
    with pytest.raises(error):
        patch(site, f"TX .\n{row}\nTC .\n")


@pytest.mark.parametrize("header", ["created", "dropped"])
def test_a_patch_makes_and_drops_only_what_is_writable(site: Site, header: str) -> None:
    with pytest.raises(GraphNotWritable):
        patch(site, f"H {header} <{site.project.base.graph('ontology')}> .\nTX .\nTC .\n")
    change = patch(site, f"H {header} <{site.project.base.graph('a')}> .\nTX .\nTC .\n")
    assert (len(change.created), len(change.dropped)) == ((0, 0) if header == "created" else (0, 1))
