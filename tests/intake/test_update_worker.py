"""Updates from outside: through a real worker process, over a checkpoint on disk, with hostile texts too."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kymgraph.changeset import Changeset, to_patch
from kymgraph.errors import (
    BadParameter,
    ChangeConflict,
    GraphNotFound,
    GraphNotWritable,
    InputError,
    KymgraphError,
    NameAGraph,
    QueryMemory,
    QueryRefused,
    QuerySyntaxError,
    QueryTimeout,
    QueryTooLarge,
    RdfSyntaxError,
    ServiceNotAllowed,
)
from kymgraph.intake.update import from_update
from kymgraph.rdf import NamedNode
from kymgraph.store import update

from .conftest import MakeSite, Site

PREFIXES = "PREFIX x: <http://x.example/> PREFIX g: <graph/>\n"
INSERT = "INSERT { GRAPH g:a { x:a x:p ?v } } WHERE "


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site(
        {
            "data/a.ttl": "x:a x:p 1, 2 ; x:q [ x:r 1 ] .",
            "data/b.ttl": "x:a x:p 1 .",
            "ontology/o.ttl": "x:o x:p 1 .",
        }
    )


def ask(site: Site, text: str, **options: object) -> Changeset:
    return site.do(lambda: from_update(site, PREFIXES + text, **options))  # type: ignore[arg-type]


def test_a_changeset_comes_back_whole(site: Site) -> None:
    change = ask(
        site,
        "WITH g:a DELETE { ?s x:p ?o } INSERT { ?s x:n ?o . _:b x:of ?s } WHERE { ?s x:p ?o } ;"
        "INSERT { GRAPH g:new { ?s ?p ?o } } WHERE { ?s ?p ?o FILTER(isNumeric(?o)) }",
        agent="http://x.example/me",
        reason="Because it is so",
        source="urn:x:request",
    )
    assert (change.base, change.guard) == (1, "generation")
    assert (change.agent, change.reason, change.source) == (
        "http://x.example/me",
        "Because it is so",
        "urn:x:request",
    )
    assert change.created == {site.project.base.graph("new")}
    by_graph: dict[str, int] = {}
    for quad in site.after(change):
        assert isinstance(quad.graph_name, NamedNode)
        name = quad.graph_name.value.rpartition("/")[2]
        by_graph[name] = by_graph.get(name, 0) + 1
    # a: 2 x:n, 2 x:of, x:q, x:r; b: x:p 1; new: the numbers in the union, each triple once
    assert by_graph == {"a": 6, "b": 1, "ontology": 1, "new": 5}


def test_nothing_is_written(site: Site) -> None:
    def folder() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in sorted(site.store.folder.rglob("*")) if p.is_file()}

    before = folder()
    ask(site, "DROP GRAPH g:a ; INSERT { GRAPH g:b { ?s ?p ?o } } WHERE { ?s ?p ?o }")
    assert folder() == before


def test_a_large_state_is_copied_by_hard_links_and_the_copy_is_removed(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site({"data/a.ttl": "x:a x:p 1, 2 .", "data/b.ttl": "x:a x:p 1 ."})
    monkeypatch.setattr(update, "IN_MEMORY", 0)  # in this process: the worker's code, on the same checkpoint
    import pyoxigraph as ox

    from kymgraph.store.rules import Rules

    path = site.store.checkpoint_path()
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    base = site.project.base
    change = update.evaluate(
        update.Request(
            f"PREFIX g: <{base.graphs}> PREFIX x: <http://x.example/>"
            "DELETE DATA { GRAPH g:a { x:a x:p 1, 2 } } ;"
            "INSERT DATA { GRAPH g:c { x:c x:p 3 } } ; CREATE GRAPH g:e ;"
            "INSERT { GRAPH g:n { ?s x:seen ?o } } WHERE { ?s x:p ?o } ; DROP GRAPH g:c ;"
            "INSERT { GRAPH g:n { ?s x:again ?o } } WHERE { ?s x:p ?o } ;"
            "INSERT { GRAPH g:n { ?g a x:G } } WHERE { GRAPH ?g {} }"
        ),
        ox.Store.read_only(str(path)),
        Rules.of(site.project),
        generation=1,
        folder=path,
    ).change
    seen = {(q.predicate.value[17:], str(q.object)[1]) for q in change.added}
    assert seen >= {("seen", "1"), ("seen", "3"), ("again", "1")}
    assert ("again", "3") not in seen
    graphs = {q.subject.value for q in change.added if q.predicate.value.endswith("#type")}  # type: ignore[union-attr]
    assert graphs == {base.graph(name) for name in "aben"}
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before
    assert [p.name for p in path.parent.iterdir()] == ["1"]


def test_copies_of_killed_workers_are_removed(site: Site) -> None:
    folder = site.store.checkpoint_path().parent
    left = folder / ".update-999999999-abc"
    left.mkdir()
    (left / "x").write_bytes(b"x")
    kept = folder / ".update-1-abc"
    kept.mkdir()
    with update._linked(folder / "1"):
        pass
    assert not left.exists()
    assert kept.exists(), "process 1 lives"
    assert site.store.generations() == [1]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("INSERT DATA { x:a x:p 1 }", NameAGraph),
        ("INSERT DATA { GRAPH g:ontology { x:a x:p 1 } }", GraphNotWritable),
        ("INSERT DATA { GRAPH g:a { x:a x:p } }", QuerySyntaxError),
        (INSERT + "{ SERVICE <http://127.0.0.1:9/> { ?s ?p ?v } }", ServiceNotAllowed),
        ("LOAD <http://127.0.0.1:9/x.ttl> INTO GRAPH g:a", ServiceNotAllowed),
        ("CLEAR GRAPH g:none", GraphNotFound),
        ("CREATE GRAPH g:a", ChangeConflict),
        ("INSERT DATA { GRAPH g:a { x:a x:p << x:a x:b x:c >> } }", InputError),
        (INSERT + "{" * 3000 + "}" * 3000, QueryTooLarge),
        (INSERT + "{ ?v " + "/".join(["x:p"] * 4000) + " ?w }", QueryTooLarge),
        (INSERT + "{ " + " . ".join(f"?a x:p{i} ?b{i}" for i in range(1000)) + " }", QueryTooLarge),
        ("INSERT { GRAPH g:a { x:a x:p 1 } } WHERE { FILTER(<http://x.example/no>(1)) }", QuerySyntaxError),
    ],
)  # fmt: skip
def test_refusals_come_back_as_the_errors_they_are(site: Site, text: str, error: type[KymgraphError]) -> None:
    with pytest.raises(error) as caught:
        ask(site, text)
    assert type(caught.value) is error


def test_a_refusal_names_its_place_and_what_to_do(site: Site) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        ask(site, "DELETE DATA {\n  GRAPH g:a { x:a x:p _:b } }")
    assert (caught.value.line, caught.value.column) == (3, 23)
    assert caught.value.hint


def test_the_dataset_of_the_protocol(site: Site) -> None:
    graph = site.project.base.graph
    text = "INSERT { GRAPH g:n { ?s x:n ?o } } WHERE { ?s x:p ?o }"
    assert len(ask(site, text, using=[graph("b")]).added) == 1
    with pytest.raises(BadParameter):
        ask(site, text, using=["no iri"])
    with pytest.raises(BadParameter):
        ask(site, "WITH g:a " + text, using=[graph("b")])


def test_what_load_reads_is_parsed_in_the_worker(site: Site) -> None:
    loads = {"http://127.0.0.1:9/x.ttl": b"<a> <p> 1 ."}
    change = ask(site, "LOAD <http://127.0.0.1:9/x.ttl> INTO GRAPH g:a", loads=loads)
    assert [str(q.subject) for q in change.added] == ["<http://127.0.0.1:9/a>"]
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    with pytest.raises(KymgraphError) as caught:
        ask(site, "LOAD <http://e/x> INTO GRAPH g:a", loads={"http://e/x": (bomb, "application/rdf+xml")})
    assert caught.value.code == "unsafe-payload"
    with pytest.raises(RdfSyntaxError) as syntax:
        ask(site, "LOAD <http://e/x.nt> INTO GRAPH g:a", loads={"http://e/x.nt": b"<a:a> <b:b>\n"})
    assert syntax.value.name == "http://e/x.nt"


def test_a_text_that_never_ends_is_ended_at_its_deadline(make_site: MakeSite) -> None:
    data = " ".join(f"x:s{i} x:p {i} ." for i in range(2000))
    site = make_site({"data/a.ttl": data}, promote_after=0.2)
    started = time.monotonic()
    with pytest.raises(QueryTimeout):
        ask(
            site,
            INSERT + "{ SELECT (COUNT(*) AS ?v) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } }",
            deadline=1.0,
        )
    assert time.monotonic() - started < 5


def test_a_text_that_takes_all_memory_costs_its_worker(make_site: MakeSite) -> None:
    data = " ".join(f"x:s{i} x:p {i} ." for i in range(2000))
    site = make_site({"data/a.ttl": data}, memory_mb=900)

    async def both() -> Changeset:
        rows = "?a ?b ?c . ?d ?e ?f . ?g ?h ?i BIND(CONCAT(STR(?a), STR(?d), STR(?g)) AS ?v)"
        text = INSERT + "{ SELECT ?a ?v { " + rows + " } ORDER BY ?v }"
        # A busy machine may need long to fill the memory; it never gets through eight thousand million rows.
        with pytest.raises(QueryMemory):
            await from_update(site, PREFIXES + text, deadline=240)
        with pytest.raises(QueryRefused):
            await from_update(site, PREFIXES + text, deadline=20)
        return await from_update(site, PREFIXES + "INSERT DATA { GRAPH g:a { x:a x:p 1 } }")

    assert len(site.do(both).added) == 1


def test_blank_nodes_made_to_be_hard_to_tell_apart_cost_a_worker_at_most(make_site: MakeSite) -> None:
    """A complete graph of blank nodes: canonicalising it takes time that grows faster than any power."""
    edges = " ".join(f"_:b{i} x:p _:b{j} ." for i in range(14) for j in range(14) if i != j)
    site = make_site({"data/a.ttl": "x:a x:p 1 ."}, promote_after=0.2)
    started = time.monotonic()
    with pytest.raises((QueryTimeout, QueryMemory)):
        ask(site, "INSERT DATA { GRAPH g:a { " + edges + " } }", deadline=2.0)
    assert time.monotonic() - started < 8


def test_long_texts_and_many_rows_through_the_worker(make_site: MakeSite) -> None:
    site = make_site({"data/a.ttl": " ".join(f"x:s{i} x:p {i} ." for i in range(400))})
    data = "\n".join(f"x:s{i} x:q 'value {i}' ." for i in range(50_000))
    assert len(ask(site, "INSERT DATA { GRAPH g:a {" + data + "} }").added) == 50_000
    change = ask(
        site,
        "INSERT { GRAPH g:a { ?s ?x ?o } } WHERE {"
        " ?s x:p ?n . ?t x:p ?o BIND(IRI(CONCAT('http://e/', STR(?n))) AS ?x) }",
    )
    assert len(change.added) == 160_000
    assert len(to_patch(change)) > 1_000_000


def test_a_worker_that_cannot_write_beside_the_checkpoint_copies_elsewhere(
    site: Site, tmp_path: Path
) -> None:
    folder = site.store.checkpoint_path()
    elsewhere = update._scratch_folder(tmp_path / "none" / "1")
    assert elsewhere.is_dir()
    elsewhere.rmdir()
    with update._linked(folder) as copy:
        assert sorted(p.name for p in copy.iterdir()) == sorted(p.name for p in folder.iterdir())
