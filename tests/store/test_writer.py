"""Commits on the disk: exact, atomic, in the union, published by checkpoints, replayed where missing."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kymgraph.changeset import Changeset
from kymgraph.errors import (
    CannotWrite,
    ChangeConflict,
    KymgraphError,
    ProjectError,
    StoreBroken,
    StoreHasCommits,
    StoreLocked,
    StoreMissing,
)
from kymgraph.namespaces import KYM
from kymgraph.project import Project
from kymgraph.rdf import BlankNode, DefaultGraph, Literal, NamedNode, Quad, canonical
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.journal import Journal
from kymgraph.store.writer import StoreWriter
from kymgraph.view import UNION
from tests.conftest import MakeProject, clean_environment
from tests.store.commits import (
    build,
    change,
    commit,
    content,
    faults,
    opened,
    quad,
    random_changes,
    union_is_right,
    write,
)

A = {"data/a.ttl": 'x:1 x:p "x" . x:2 x:p "x" .', "data/b.ttl": 'x:2 x:p "x" . x:3 x:p "x" .'}


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project(A)


@pytest.fixture
def store(project: Project) -> EmbeddedStore:
    return build(project)


# --- writing --------------------------------------------------------------------------------------------


def test_a_commit_is_in_the_view_when_written_and_read_by_all_when_published(
    store: EmbeddedStore, project: Project
) -> None:
    new = quad(project, 9)
    with opened(store, project) as writer:
        write(writer, change(1, added=[new], removed=[quad(project, 1)]))

        assert (writer.head, writer.view.generation, store.generation) == (2, 2, 1)
        assert new in set(writer.view.quads())
        assert new not in set(store.view().quads())
        assert writer.publish() == 2
        assert new in set(store.view().quads())
        assert content(store.view(), project, ledger=True) == content(writer.view, project, ledger=True)
    assert store.generation == 2
    assert faults(store) == []


def test_several_commits_share_a_transaction_and_a_checkpoint(store: EmbeddedStore, project: Project) -> None:
    one, two, three = (quad(project, n) for n in (11, 12, 13))
    with opened(store, project) as writer:
        write(
            writer,
            change(1, added=[one, two]),
            change(2, removed=[one], added=[three]),
            change(3, added=[one], removed=[two]),
        )
        assert writer.publish() == 4
        assert writer.publish() == 4

    assert {one, three} <= set(store.view().quads())
    assert two not in set(store.view().quads())
    assert store.generations() == [1, 4]
    assert [entry.number for entry in store.journal.entries()] == [2, 3, 4]
    assert faults(store) == []


def test_publishing_nothing_new_makes_no_checkpoint(store: EmbeddedStore, project: Project) -> None:
    with opened(store, project) as writer:
        before = (store.folder / "current").stat()
        assert writer.publish() == 1
    assert (store.folder / "current").stat().st_ino == before.st_ino
    assert store.generations() == [1]


def test_the_union_is_kept_as_a_set(store: EmbeddedStore, project: Project) -> None:
    """Triple 2 stands in a and b, triple 1 only in a, a harvest is not part of the union."""

    def union(view: object) -> set[str]:
        return {q.subject.value.rpartition("/")[2] for q in view.quads(graph=UNION)}  # type: ignore[attr-defined]

    steps: list[tuple[list[Quad], list[Quad], set[str]]] = [
        ([quad(project, 2, "a")], [], {"1", "2", "3"}),
        ([quad(project, 2, "b")], [], {"1", "3"}),
        ([], [quad(project, 7, "harvest/x"), quad(project, 8, "catalog")], {"1", "3"}),
        ([quad(project, 1, "a")], [quad(project, 1, "b")], {"1", "3"}),
        ([], [quad(project, 7, "a"), quad(project, 7, "b")], {"1", "3", "7"}),
        ([quad(project, 7, "a"), quad(project, 7, "b")], [], {"1", "3"}),
    ]
    with opened(store, project) as writer:
        for removed, added, expected in steps:
            write(writer, change(writer.head, removed=removed, added=added))
            assert union(writer.view) == expected
        write(writer, change(writer.head, removed=[quad(project, 3, "b")], added=[quad(project, 5)]),
              change(writer.head + 1, removed=[quad(project, 5)], added=[quad(project, 3, "a")]))  # fmt: skip
        assert union(writer.view) == {"1", "3"}
        writer.publish()
    assert union(store.view()) == {"1", "3"}
    assert faults(store) == []


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("integer", ["255", "256", "300", "511", "512", "740", "65535", "65536", "-1", "0", "-257"]),
        ("decimal", [f"0.{n:018}" for n in (255, 256, 300, 511, 740)]),
        ("double", ["1.0000000000000566", "1.0000000000000604"]),
        ("date", ["2026-11-22", "2026-11-23"]),
    ],
)
def test_neighbours_of_a_number_are_not_taken_for_it(
    store: EmbeddedStore, project: Project, kind: str, texts: list[str]
) -> None:
    """The engine's own look-ups on disk do that where a stored number ends in the byte FF."""
    node, graph = NamedNode("http://x.example/n"), NamedNode(project.base.graph("a"))
    datatype = NamedNode("http://www.w3.org/2001/XMLSchema#" + kind)
    quads = [Quad(node, node, Literal(text, datatype=datatype), graph) for text in texts]
    quads = canonical(quads).quads

    with opened(store, project) as writer:
        write(writer, change(1, added=quads))
        for quad in quads:
            assert list(writer.view.quads(node, node, quad.object, graph)) == [quad]
            assert [q.object for q in writer.view.quads(object=quad.object)] == [quad.object]
        gone = quads[::2]
        for number, quad in enumerate(gone, 2):
            write(writer, change(number, removed=[quad]))
        writer.publish()

    view = store.view()
    assert union_is_right(view, project)
    assert {q for q in view.quads(node, node) if q.graph_name == graph} == set(quads) - set(gone)
    assert [list(view.quads(node, node, quad.object, graph)) for quad in gone] == [[]] * len(gone)


def test_a_ledger_inside_the_union_is_part_of_it(make_project: MakeProject) -> None:
    project = make_project(A, toml="[union]\nexclude = []")
    store = build(project)
    with opened(store, project) as writer:
        for number in range(3):
            write(writer, change(writer.head, added=[quad(project, 50 + number)]))
        writer.publish()
        assert union_is_right(store.view(), project)
    assert faults(store) == []


def test_graphs_come_and_go(store: EmbeddedStore, project: Project) -> None:
    names = {name: project.base.graph(name) for name in "abcde"}

    def there(view: object) -> str:
        iris = {graph.value for graph in view.graphs()}  # type: ignore[attr-defined]
        return "".join(sorted(name for name, iri in names.items() if iri in iris))

    with opened(store, project) as writer:
        assert there(writer.view) == "ab"
        write(writer, Changeset(1, created=frozenset([names["c"]])))
        assert there(writer.view) == "abc"
        write(writer, change(2, removed=[quad(project, 1), quad(project, 2)]))
        assert there(writer.view) == "abc"  # emptied, not dropped
        write(writer, Changeset(3, dropped=frozenset([names["a"], names["c"]])))
        assert there(writer.view) == "b"
        write(
            writer,
            Changeset(4, created=frozenset([names["d"]])),
            change(5, added=[quad(project, 1, "e")]),
            Changeset(6, dropped=frozenset([names["d"]])),
            Changeset(7, removed=frozenset([quad(project, 1, "e")]), dropped=frozenset([names["e"]])),
            change(8, added=[quad(project, 1, "e")]),
        )
        assert there(writer.view) == "be"
        writer.publish()
    assert there(store.view()) == "be"
    assert store.journal.entry(6).came == (names["e"],)
    assert store.journal.entry(9).came == (names["e"],)
    assert faults(store) == []


@pytest.mark.parametrize(
    ("removed", "added", "said"),
    [([1, 77], [], "to remove"), ([], [2], "there already"), ([77], [77], "to remove")],
)
@pytest.mark.parametrize("earlier", [False, True])
def test_a_change_that_is_not_exact_is_refused_with_all_of_its_batch(
    store: EmbeddedStore, project: Project, removed: list[int], added: list[int], said: str, earlier: bool
) -> None:
    bad = change(1, removed=[quad(project, n) for n in removed], added=[quad(project, n) for n in added])
    before = content(store.view(), project)
    with opened(store, project) as writer:
        with pytest.raises(ChangeConflict, match=said):
            write(writer, *([change(1, added=[quad(project, 50)])] if earlier else []), bad)

        assert (writer.head, content(writer.view, project), writer.journal.last) == (1, before, 1)
        assert writer.publish() == 1


def test_exact_means_after_the_changes_before_it(store: EmbeddedStore, project: Project) -> None:
    new = quad(project, 50)
    with opened(store, project) as writer:
        with pytest.raises(ChangeConflict):
            write(writer, change(1, added=[new]), change(2, added=[new]))
        with pytest.raises(ChangeConflict):
            write(writer, change(1, removed=[quad(project, 1)]), change(2, removed=[quad(project, 1)]))
        write(writer, change(1, added=[new]), change(2, removed=[new]), change(3, added=[new]))
        assert writer.head == 4


def test_a_graph_with_quads_left_is_not_dropped(store: EmbeddedStore, project: Project) -> None:
    graph = project.base.graph("a")
    with opened(store, project) as writer:
        with pytest.raises(ChangeConflict, match="quads are left"):
            write(writer, Changeset(1, removed=frozenset([quad(project, 1)]), dropped=frozenset([graph])))
        assert writer.journal.last == 1


def test_numbers_follow_each_other(store: EmbeddedStore, project: Project) -> None:
    with opened(store, project) as writer, pytest.raises(KymgraphError, match="cannot be 2"):
        writer.write([commit(project, 3, change(1, added=[quad(project, 9)]))])
    assert Journal(store.folder / "journal").last == 1


def test_terms_of_every_kind_arrive_as_they_are(store: EmbeddedStore, project: Project) -> None:
    graph, subject, predicate = (NamedNode(f"http://x.example/{name}") for name in ("ä%C3", "s", "p"))
    texts = [
        "a\\u0041b", "\\\\u0041", "\0\x01\x7f\n\r\t\"\\", "😀\u2028\ufffe", "'''", "\\", "} ; DROP ALL",
        "</x>", "?x", "#", "\"\"\"", "_:b", "",
    ]  # fmt: skip
    quads = [Quad(subject, predicate, Literal(text), graph) for text in texts]
    quads += [Quad(subject, predicate, Literal(text, language="sv-fi"), graph) for text in texts]
    quads.append(Quad(subject, predicate, NamedNode("http://x.example/%7D'(){*"[:-2]), graph))
    with opened(store, project) as writer:
        write(writer, change(1, added=quads))
        assert set(writer.view.quads(graph=graph)) == set(quads)
        write(writer, change(2, removed=quads))
        assert set(writer.view.quads(graph=graph)) == set()
        write(writer, change(3, added=quads))
        writer.publish()
    shutil.rmtree(store.folder / "live")
    shutil.rmtree(store.folder / "checkpoints" / "4")
    shutil.copytree(store.folder / "checkpoints" / "1", store.folder / "checkpoints" / "4")
    with opened(store, project) as writer:  # through the journal this time; checkpoint 4 only claims to be
        assert set(writer.view.quads(graph=graph)) == set(quads)


def test_blank_nodes_keep_their_labels_where_the_project_keeps_them(make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p [ x:q 1 ] ."}, toml='blank_nodes = "keep"')
    store = build(project)
    graph = NamedNode(project.base.graph("a"))
    [old] = [q for q in store.view().quads(graph=graph) if isinstance(q.subject, BlankNode)]
    p = NamedNode("http://x.example/p")
    named = NamedNode("http://x.example/n")
    new = [
        Quad(BlankNode("one"), p, BlankNode("two"), graph),
        Quad(BlankNode("one"), p, Literal('"', language="fi"), graph),
        Quad(named, p, BlankNode("0123456789abcdef"), graph),
        Quad(old.subject, p, named, graph),
    ]
    with opened(store, project) as writer:
        write(writer, change(1, removed=[old], added=new))
        assert set(new) <= set(writer.view.quads())
        assert old not in set(writer.view.quads())
        assert union_is_right(writer.view, project)
        before = content(writer.view, project)
        write(writer, change(2, removed=new, added=[old]))
        write(writer, change(3, removed=[old], added=new))
        assert content(writer.view, project) == before
        writer.publish()
    assert content(store.view(), project) == before
    _lose_live_and_all_but_the_first_checkpoint(store)
    with opened(store, project) as writer:
        assert content(writer.view, project) == before


def test_a_blank_node_is_refused_where_the_project_names_them(store: EmbeddedStore, project: Project) -> None:
    graph = NamedNode(project.base.graph("a"))
    blank = Quad(BlankNode("b"), NamedNode("http://x.example/p"), Literal("1"), graph)
    with opened(store, project) as writer, pytest.raises(KymgraphError, match="blank nodes"):
        write(writer, change(1, added=[blank]))


def test_a_strict_project_writes_to_its_default_graph(make_project: MakeProject) -> None:
    project = make_project({"data/_default.ttl": "x:d x:p 1 ."}, toml='default_graph = "strict"')
    store = build(project)
    [old] = store.view().quads(graph=UNION)
    new = [
        Quad(NamedNode("http://x.example/n"), old.predicate, Literal("2"), DefaultGraph()),
        quad(project, 1),
    ]
    with opened(store, project) as writer:
        write(writer, change(1, removed=[old], added=new))
        writer.publish()
    assert list(store.view().quads(graph=UNION)) == new[:1]
    assert faults(store) == []


def test_the_ledger_and_how_far_it_goes_stand_in_its_graph(store: EmbeddedStore, project: Project) -> None:
    graph = NamedNode(project.base.graph("ledger"))
    with opened(store, project) as writer:
        write(writer, change(1, added=[quad(project, 8)]), change(2, added=[quad(project, 9)]))
        writer.publish()

    quads = list(store.view().quads(graph=graph))
    heads = [q.object.value for q in quads if q.subject == graph]  # type: ignore[union-attr]

    assert heads == ["3"]
    commits = {q.subject.value.rpartition("/")[2] for q in quads if q.subject != graph}  # type: ignore[union-attr]
    assert (commits, len(quads)) == ({"2", "3"}, 5)


def test_a_build_does_not_take_over_how_far_another_store_had_come(make_project: MakeProject) -> None:
    graph = Project(Path()).base.graph("ledger")
    project = make_project(
        A | {"data/ledger.ttl": f"<{graph}> <{KYM}generation> 7 . x:c <{KYM}generation> 7 ."}
    )
    store = build(project)

    with opened(store, project) as writer:
        write(writer, change(1, added=[quad(project, 9)]))
        writer.publish()

    assert [q.subject.value for q in store.view().quads(object=None, graph=NamedNode(graph))].count(
        graph
    ) == 1  # type: ignore[union-attr]
    assert store.generation == 2
    assert faults(store) == []


# --- who may write --------------------------------------------------------------------------------------


def test_only_one_writer_is_let_in_also_from_another_process(store: EmbeddedStore, project: Project) -> None:
    code = (
        "import sys\nfrom kymgraph.project import Project\n"
        "from kymgraph.store.embedded import EmbeddedStore\nfrom kymgraph.store.writer import StoreWriter\n"
        "StoreWriter(EmbeddedStore(sys.argv[2]), Project.find(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(project.folder), str(store.folder)]
    with opened(store, project):
        with pytest.raises(StoreLocked, match=f"process {os.getpid()}; nothing was changed"):
            StoreWriter(store, project)
        other = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
        assert "StoreLocked" in other.stderr
        with pytest.raises(StoreLocked):
            build(project)
        with pytest.raises(StoreLocked), store.in_use():
            pass
    assert subprocess.run(command, env=clean_environment(), check=False).returncode == 0
    with opened(store, project):
        pass


def test_a_store_that_servers_hold_in_place_has_no_writer(store: EmbeddedStore, project: Project) -> None:
    with store.in_use(), pytest.raises(StoreLocked):
        opened(store, project)
    opened(store, project).close()


def test_a_writer_needs_a_store_and_the_settings_it_was_built_with(make_project: MakeProject) -> None:
    project = make_project(A)
    with pytest.raises(StoreMissing, match="nothing was written"):
        StoreWriter(EmbeddedStore(project.store_folder), project)
    store = build(project)

    for toml in ('base_iri = "http://other.example/"', 'default_graph = "strict"', "[union]\nexclude = []"):
        with pytest.raises(ProjectError, match="was built with"):
            StoreWriter(store, make_project(toml=toml))

    StoreWriter(store, make_project(toml="")).close()


def test_a_closed_writer_does_nothing_more(store: EmbeddedStore, project: Project) -> None:
    writer = opened(store, project)
    view = writer.view
    writer.close()
    writer.close()

    with pytest.raises(KymgraphError, match="closed"):
        write(writer, change(1, added=[quad(project, 9)]))
    with pytest.raises(KymgraphError, match="closed"):
        list(view.quads())


def test_a_build_refuses_to_drop_what_was_committed(store: EmbeddedStore, project: Project) -> None:
    with opened(store, project) as writer:
        write(writer, change(1, added=[quad(project, 9)]))
        writer.publish()

    with pytest.raises(StoreHasCommits, match="generation 2"):
        build(project)
    assert store.has_commits


# --- opening --------------------------------------------------------------------------------------------


def _lose_live_and_all_but_the_first_checkpoint(store: EmbeddedStore) -> None:
    """As if the disk had forgotten all but the journal, the pointer and the first checkpoint."""
    shutil.rmtree(store.folder / "live")
    for number in store.generations()[1:]:
        shutil.rmtree(store.folder / "checkpoints" / str(number))
        current = store.folder / "checkpoints" / str(number)
    shutil.copytree(store.folder / "checkpoints" / "1", current)


def test_what_was_written_but_not_published_is_published_at_the_next_opening(
    store: EmbeddedStore, project: Project
) -> None:
    writer = opened(store, project)
    write(writer, change(1, added=[quad(project, 9)]))
    writer.close()
    assert store.generation == 1
    assert any("not published yet" in fault for fault in faults(store))

    with opened(store, project) as writer:
        assert (writer.head, store.generation) == (2, 2)
        assert quad(project, 9) in set(store.view().quads())
    assert faults(store) == []


@pytest.mark.parametrize("loss", ["missing", "empty", "no CURRENT", "garbage", "at the first generation"])
def test_a_live_database_that_is_gone_is_made_anew(store: EmbeddedStore, project: Project, loss: str) -> None:
    changes = random_changes(project, store.view().quads(), 12, random.Random(1))
    with opened(store, project, keep=2, grace=0) as writer:
        for each in changes:
            write(writer, each)
            writer.publish()
        expected = content(writer.view, project, ledger=True)
    live = store.folder / "live"
    if loss in ("missing", "empty", "at the first generation"):
        shutil.rmtree(live)
    if loss == "empty":
        live.mkdir()
    elif loss == "no CURRENT":
        (live / "CURRENT").unlink()
    elif loss == "garbage":
        next(live.glob("MANIFEST-*")).write_bytes(b"garbage" * 100)
    elif loss == "at the first generation":
        shutil.copytree(store.folder / "checkpoints" / "1", live)

    with opened(store, project) as writer:
        assert content(writer.view, project, ledger=True) == expected
        write(writer, change(13, added=[quad(project, "after")]))
        writer.publish()

    assert faults(store) == []
    assert not list(store.folder.glob("*.new"))


def test_replay_comes_to_the_same_ledger(store: EmbeddedStore, project: Project) -> None:
    with opened(store, project) as writer:
        for each in random_changes(project, store.view().quads(), 15, random.Random(2)):
            write(writer, each)
        writer.publish()
        expected = content(writer.view, project, ledger=True)
    _lose_live_and_all_but_the_first_checkpoint(store)

    for _ in range(2):  # replaying again changes nothing
        with opened(store, project) as writer:
            assert content(writer.view, project, ledger=True) == expected
    assert union_is_right(store.view(1), project)


def test_a_live_database_that_knows_more_than_the_journal_is_made_anew(
    store: EmbeddedStore, project: Project
) -> None:
    """As after a transaction that was reported as failed, but came to stand in the database's own log."""
    expected = content(store.view(), project)
    writer = opened(store, project)
    write(writer, change(1, added=[quad(project, 9)]))
    writer.journal.abort([2])
    writer.close()
    assert any("knows commit 2, the last one is 1" in fault for fault in faults(store))

    with opened(store, project) as writer:
        assert (writer.head, content(writer.view, project)) == (1, expected)
        write(writer, change(1, added=[quad(project, 10)]))
        writer.publish()
    assert quad(project, 9) not in set(store.view().quads())
    assert faults(store) == []


def test_a_store_whose_journal_is_gone_is_not_written_to(store: EmbeddedStore, project: Project) -> None:
    with opened(store, project) as writer:
        write(writer, change(1, added=[quad(project, 9)]))
        writer.publish()
    aside = store.folder.parent / "aside"
    (store.folder / "journal").rename(aside)

    with pytest.raises(StoreBroken, match="its journal is gone"):
        opened(store, project)
    (store.folder / "journal").mkdir()
    with pytest.raises(StoreBroken, match="ends with commit 1, but the store holds commits up to 2"):
        opened(store, project)
    assert len([fault for fault in faults(store) if fault.startswith("fault")]) == 1
    assert quad(project, 9) in set(store.view().quads())

    (store.folder / "journal").rmdir()
    aside.rename(store.folder / "journal")
    with opened(store, project) as writer:
        assert writer.head == 2


def test_leftovers_are_named_by_the_doctor_and_removed_by_the_next_writer(
    store: EmbeddedStore, project: Project
) -> None:
    left = [store.folder / "checkpoints" / "2.new", store.folder / "checkpoints" / "1.old",
            store.folder / "live.new"]  # fmt: skip
    for path in left:
        path.mkdir()
        (path / "x.sst").write_bytes(b"x")
    shutil.copytree(store.folder / "checkpoints" / "1", store.folder / "checkpoints" / "5")

    assert [path for path in left if any(str(path) in fault for fault in faults(store))] == left
    opened(store, project).close()

    assert faults(store) == []
    assert store.generations() == [1]


# --- pruning --------------------------------------------------------------------------------------------


def _publish(writer: StoreWriter, times: int) -> None:
    for _ in range(times):
        write(writer, change(writer.head, added=[quad(writer.project, f"n{writer.head}")]))
        writer.publish()
        if writer._pruner is not None:
            writer._pruner.join()


def test_the_last_checkpoints_the_first_and_pinned_ones_are_kept(
    store: EmbeddedStore, project: Project
) -> None:
    with opened(store, project, keep=3, grace=0) as writer:
        _publish(writer, 3)
        (store.folder / "checkpoints" / "3.pin").touch()
        _publish(writer, 6)
        assert store.generations() == [1, 3, 8, 9, 10] or store.generations() == [3, 8, 9, 10]
        (store.folder / "checkpoints" / "3.pin").unlink()
        _publish(writer, 1)

    assert set(store.generations()) - {1} == {9, 10, 11}
    assert faults(store) == []


def test_old_history_keeps_the_checkpoint_it_rests_on(store: EmbeddedStore, project: Project) -> None:
    with opened(store, project, keep=2, grace=0) as writer:
        _publish(writer, 5)
        assert store.generations() == [1, 5, 6]
        (store.folder / "checkpoints" / "5.pin").touch()
        _publish(writer, 3)
        assert store.generations() == [5, 8, 9]


def test_a_checkpoint_that_readers_may_be_about_to_open_is_not_pruned(
    store: EmbeddedStore, project: Project
) -> None:
    with opened(store, project, keep=1, grace=60) as writer:
        _publish(writer, 4)
        assert store.generations() == [1, 2, 3, 4, 5]
        past = time.time() - 61
        os.utime(store.folder / "checkpoints" / "4", (past, past))  # so 3 was the newest a minute ago
        _publish(writer, 1)
        assert store.generations() == [1, 2, 4, 5, 6]


def test_a_view_of_a_pruned_checkpoint_goes_on(store: EmbeddedStore, project: Project) -> None:
    with opened(store, project, keep=1, grace=0) as writer:
        _publish(writer, 1)
        view = store.view()
        expected = content(view, project)
        _publish(writer, 3)
        assert 2 not in store.generations()
        assert content(view, project) == expected


# --- much at once ---------------------------------------------------------------------------------------


def test_a_bulk_write_is_tidied_up_before_it_is_published(
    store: EmbeddedStore, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kymgraph.store.writer.BULK", 2_000)
    quads = [quad(project, f"bulk{n}", "bulk") for n in range(3_000)]
    calls: list[str] = []

    class Watched:
        def __init__(self, real: object) -> None:
            self._real = real

        def __getattr__(self, name: str) -> object:
            calls.append(name)
            return getattr(self._real, name)

        def __contains__(self, quad: object) -> bool:
            return quad in self._real  # type: ignore[operator]

    with opened(store, project) as writer:
        writer._live = Watched(writer._live)  # type: ignore[assignment]
        write(writer, change(1, added=quads))
        writer.publish()
        assert [name for name in calls if name in ("optimize", "backup")] == ["optimize", "backup", "backup"]
        calls.clear()
        write(writer, change(2, removed=quads[:10]))
        writer.publish()
        assert [name for name in calls if name in ("optimize", "backup")] == ["backup"]
    assert len(list(store.view().quads(graph=NamedNode(project.base.graph("bulk"))))) == 2_990
    assert faults(store) == []


def test_what_a_commit_copies_does_not_grow_with_their_number(
    store: EmbeddedStore, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kymgraph.store.writer.WORN", 20_000)
    lists = []
    with opened(store, project) as writer:
        for number in range(1, 31):
            reader = writer.view.quads()  # somebody who has not ended
            next(reader)
            write(writer, change(number, added=[quad(project, 100 + number)]))
            del reader
            writer.publish()
            [list_of_files] = store.checkpoint_path().glob("MANIFEST-*")
            lists.append(list_of_files.stat().st_size)

    assert max(lists) < 60_000
    assert sum(one > other for one, other in itertools.pairwise(lists)) > 1  # begun anew, repeatedly
    assert {quad(project, 100 + number) for number in range(1, 31)} < set(store.view().quads())
    assert faults(store) == []


def test_a_reader_of_a_worn_database_is_waited_for_and_then_named(
    store: EmbeddedStore, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kymgraph.store.writer.WORN", 0)
    monkeypatch.setattr("kymgraph.store.writer._LET_GO", 0.2)
    with opened(store, project) as writer:
        write(writer, change(1, added=[quad(project, 9)]))
        reader = writer.view.quads()
        next(reader)
        writer.publish()

        with pytest.raises(StoreLocked, match="open elsewhere"):
            write(writer, change(2, added=[quad(project, 10)]))
        assert store.generation == 2

        reader.close()
        write(writer, change(2, added=[quad(project, 10)]))
        assert writer.publish() == 3
    assert faults(store) == []


def test_a_disk_with_too_little_left_is_refused_before_anything_is_written(
    store: EmbeddedStore, project: Project
) -> None:
    before = content(store.view(), project)
    with opened(store, project, reserve=1 << 60) as writer:
        with pytest.raises(CannotWrite, match="must be free"):
            write(writer, change(1, added=[quad(project, 9)]))
        assert (writer.head, content(writer.view, project)) == (1, before)
    assert not store.has_commits
