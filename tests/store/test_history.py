"""Any generation again: by the journal forwards, by undoing backwards, and as a folder that can be opened."""

from __future__ import annotations

import datetime
import gc
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kymgraph.changeset import Changeset
from kymgraph.errors import CannotWrite, GenerationNotKept, StoreMissing
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, Quad, canonical_nquads
from kymgraph.store import history
from kymgraph.store.embedded import CheckpointView, EmbeddedStore
from tests.conftest import MakeProject, clean_environment
from tests.needs import size
from tests.store.commits import (
    Content,
    build,
    change,
    content,
    faults,
    ledger_of,
    opened,
    quad,
    random_changes,
    union_is_right,
    write,
)

A = {"data/a.ttl": 'x:1 x:p "x" . x:2 x:p "x" .', "data/b.ttl": 'x:2 x:p "x" . x:3 x:p "x" .'}


def grown(
    project: Project, commits: int, *, keep: int = 2, seed: int = 5
) -> tuple[EmbeddedStore, dict[int, Content]]:
    """A store with random commits, all published, and what each generation held, the ledger included."""
    store = build(project)
    contents = {1: content(store.view(), project, ledger=True)}
    with opened(store, project, keep=keep, grace=0) as writer:
        for each in random_changes(project, store.view().quads(), commits, random.Random(seed)):
            write(writer, each)
            contents[writer.head] = content(writer.view, project, ledger=True)
            if writer.head % 3 == 0:
                writer.publish()
        writer.publish()
    return store, contents


@pytest.mark.parametrize("toml", ["", 'default_graph = "strict"', "[union]\nexclude = []"])
def test_every_generation_is_made_again_as_it_was(make_project: MakeProject, toml: str) -> None:
    project = make_project(A, toml=toml)
    commits = size(quick=30, ci=50, night=100)
    store, contents = grown(project, commits)
    assert len(store.generations()) <= 3

    order = list(contents)
    random.Random(1).shuffle(order)
    for number in order[: size(quick=12, ci=30, night=100)]:
        folder = store.state_at(number, ledger_of=ledger_of(project))  # type: ignore[arg-type]
        view = CheckpointView(number, folder)
        assert content(view, project, ledger=True) == contents[number]
        if not toml:
            assert union_is_right(view, project)
        assert len(list((store.folder / "history").iterdir())) <= history.KEPT

    assert faults(store) == []


def test_the_state_by_replay_is_the_generation_and_undoing_all_of_it_gives_back_the_seed(
    make_project: MakeProject,
) -> None:
    project = make_project(A)
    commits = size(quick=30, ci=50, night=100)
    store, contents = grown(project, commits)
    ledger = NamedNode(project.base.graph("ledger"))
    seed = frozenset(store.view(1).quads())
    quads = set(seed)
    for number in range(2, commits + 2):
        each = store.journal.changeset(number)
        quads = (quads - each.removed) | each.added
        there = {q for q in CheckpointView(number, store.state_at(number)).quads() if q.graph_name != ledger}
        assert canonical_nquads(quads) == canonical_nquads(there)

    with opened(store, project) as writer:
        for number in range(commits + 1, 1, -1):
            undo = store.journal.changeset(number).inverse(base=writer.head, reason=f"revert {number}")
            existing = {graph.value for graph in writer.view.graphs()}
            # Commits that brought a graph without saying so leave it behind, empty: graphs are not compared.
            write(writer, Changeset(undo.base, undo.removed, undo.added, reason=undo.reason,
                                    created=undo.created - existing))  # fmt: skip
        writer.publish()

    now = store.view()
    assert canonical_nquads(q for q in now.quads() if q.graph_name != ledger) == canonical_nquads(seed)
    assert content(now, project)[1] == contents[1][1]
    assert now.generation == 2 * commits + 1
    assert faults(store) == []


def test_a_commit_that_brought_a_graph_without_saying_so_is_undone_with_its_graph(
    make_project: MakeProject,
) -> None:
    project = make_project(A)
    store = build(project)
    with opened(store, project, keep=1, grace=0) as writer:
        write(writer, change(1, added=[quad(project, 1, "fresh")]))
        write(writer, change(2, removed=[quad(project, 1, "fresh")]))
        write(writer, Changeset(3, dropped=frozenset([project.base.graph("fresh")])))
        writer.publish()
    shutil.rmtree(store.folder / "checkpoints" / "1")
    fresh = NamedNode(project.base.graph("fresh"))
    of = ledger_of(project)

    there = {
        number: fresh in CheckpointView(number, store.state_at(number, ledger_of=of)).graphs()  # type: ignore[arg-type]
        for number in (1, 2, 3, 4)
    }

    assert there == {1: False, 2: True, 3: True, 4: False}
    ledger = NamedNode(project.base.graph("ledger"))
    first = CheckpointView(1, store.state_at(1, ledger_of=of))  # type: ignore[arg-type]
    assert ledger not in first.graphs()


def test_without_the_ledger_s_maker_all_but_the_ledger_is_right(make_project: MakeProject) -> None:
    project = make_project(A)
    store, contents = grown(project, 12, keep=1)
    current = store.view()
    ledger = NamedNode(project.base.graph("ledger"))

    view = CheckpointView(9, store.state_at(9))

    graph = {q for q in current.quads(graph=ledger) if q.subject != ledger}
    assert {q for q in view.quads(graph=ledger) if q.subject != ledger} == graph
    named = canonical_nquads(q for q in view.quads() if q.graph_name != ledger)
    assert named.splitlines() == [x for x in contents[9][0].splitlines() if b"/graph/ledger>" not in x]
    # Asked for with the ledger, it is another folder.
    whole = store.state_at(9, ledger_of=ledger_of(project))  # type: ignore[arg-type]
    assert content(CheckpointView(9, whole), project, ledger=True) == contents[9]


def test_kept_generations_are_their_checkpoints_and_made_ones_are_made_once(
    make_project: MakeProject,
) -> None:
    store, _ = grown(make_project(A), 8)

    assert store.state_at(store.generation) == store.checkpoint_path()
    assert store.state_at(1) == store.folder / "checkpoints" / "1"
    made = store.state_at(4)
    inode = made.stat().st_ino
    assert store.state_at(4).stat().st_ino == inode
    assert made.parent == store.folder / "history"


def test_the_one_not_asked_for_the_longest_goes_first(make_project: MakeProject) -> None:
    store, _ = grown(make_project(A), 14, keep=1)
    for age, number in enumerate((2, 3, 4, 5)):
        os.utime(store.state_at(number), (age, age))
    store.state_at(2)

    store.state_at(6)

    names = {path.name.removesuffix(history.PARTIAL) for path in (store.folder / "history").iterdir()}
    assert names == {"2", "4", "5", "6"}


@pytest.mark.parametrize("number", [-1, 0, 10, 1000])
def test_a_generation_that_never_was_is_named(make_project: MakeProject, number: int) -> None:
    store, _ = grown(make_project(A), 8)

    with pytest.raises(GenerationNotKept, match="from 1 to 9"):
        store.state_at(number)


def test_a_generation_too_far_from_any_checkpoint_is_not_made(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "FAR", 4)
    store, _ = grown(make_project(A), 20, keep=1)
    assert store.generations() == [1, 21]

    with pytest.raises(GenerationNotKept, match=r"generation 10 .* 1, the nearest kept"):
        store.state_at(10)

    assert store.state_at(5).is_dir()
    assert store.state_at(17).is_dir()


def test_the_generation_at_a_time(make_project: MakeProject) -> None:
    store, _ = grown(make_project(A), 8)
    at = datetime.datetime(2026, 1, 1, 0, 0, 5, tzinfo=datetime.UTC)

    assert store.generation_at(at) == 5
    assert store.generation_at(at - datetime.timedelta(days=1)) == 1
    assert store.generation_at(at + datetime.timedelta(days=1)) == 9


def test_no_store_has_no_history(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "none")

    with pytest.raises(StoreMissing):
        store.state_at(1)
    with pytest.raises(StoreMissing):
        store.generation_at(datetime.datetime(2026, 1, 1))


def readable(content: Content) -> str:
    return repr([part.decode() if isinstance(part, bytes) else part for part in content])


def test_processes_that_make_the_same_generation_at_once_do_not_harm_each_other(
    make_project: MakeProject,
) -> None:
    project = make_project(A)
    store, contents = grown(project, 30, keep=1)
    code = (
        "import sys\nfrom kymgraph.project import Project\nfrom kymgraph.store.embedded import *\n"
        "from tests.store.commits import content, ledger_of\nfrom tests.store.test_history import readable\n"
        "p = Project.find(sys.argv[1]); s = EmbeddedStore(p.store_folder)\nsys.stdin.readline()\n"
        "for n in (10, 11, 12):\n"
        "    v = CheckpointView(n, s.state_at(n, ledger_of=ledger_of(p)))\n"
        "    print(readable(content(v, p, ledger=True)))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(project.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    said = [process.communicate()[0].splitlines() for process in processes]

    expected = [readable(contents[number]) for number in (10, 11, 12)]
    assert said == [expected] * 3
    assert sorted(path.name for path in (store.folder / "history").iterdir()) == ["10", "11", "12"]


def test_where_the_store_cannot_be_written_to_a_temporary_folder_serves(
    make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, contents = grown(make_project(A), 12, keep=1)
    real, stores = history.link_copy, store.folder

    def read_only(checkpoint: Path, copy: Path) -> None:
        if copy.is_relative_to(stores):
            raise OSError(30, "Read-only file system")
        real(checkpoint, copy)

    def other_disk(*args: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(history, "link_copy", read_only)
    monkeypatch.setattr(os, "link", other_disk)

    folder = store.state_at(9)

    assert not folder.is_relative_to(store.folder)
    view = CheckpointView(9, folder)
    assert canonical_nquads(q for q in view.quads() if not _in_ledger(q)).splitlines() == [
        line for line in contents[9][0].splitlines() if b"/graph/ledger>" not in line
    ]
    del view, store
    gc.collect()
    assert not folder.exists()


def _in_ledger(quad: Quad) -> bool:
    return isinstance(quad.graph_name, NamedNode) and quad.graph_name.value.endswith("/ledger")


def test_what_fails_while_a_generation_is_made_leaves_nothing_behind(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = grown(make_project(A), 12, keep=1)

    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(history, "put", full)
        with pytest.raises(CannotWrite, match="generation 9 could not be made"):
            store.state_at(9)
    assert list((store.folder / "history").iterdir()) == []
    assert store.state_at(9).is_dir()


def test_many_commits_are_put_together_in_blocks(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "BLOCK", 20)
    project = make_project(A)
    store, contents = grown(project, 30, keep=1)

    for number in (12, 20):
        folder = store.state_at(number, ledger_of=ledger_of(project))  # type: ignore[arg-type]
        assert content(CheckpointView(number, folder), project, ledger=True) == contents[number]


# --- the doctor -----------------------------------------------------------------------------------------


def test_the_deep_doctor_counts_what_commits_should_have_left(make_project: MakeProject) -> None:
    project = make_project(A)
    store, _ = grown(project, 12)
    assert faults(store) == []
    manifest = json.loads((store.folder / "files.json").read_text())
    manifest["graphs"][project.base.graph("a")] += 1
    (store.folder / "files.json").write_text(json.dumps(manifest))

    assert [f for f in faults(store) if "do not hold what the commits say" in f] == faults(store)
    assert len(faults(store)) == 1


def test_the_doctor_says_what_is_wrong_with_the_journal(make_project: MakeProject) -> None:
    project = make_project(A)
    store, _ = grown(project, 12)
    [file] = (store.folder / "journal").iterdir()
    whole = file.read_bytes()

    file.write_bytes(whole + b"\0" * 77)
    [torn] = [
        finding for finding in store.doctor() if finding.level == "warning" and "disk" not in finding.what
    ]
    assert ("77 bytes" in torn.what, torn.fix) == (True, "the next write cuts them off")
    file.write_bytes(whole[:100] + b"!!!!" + whole[104:])
    [damage] = [finding for finding in store.doctor(deep=True) if finding.level == "fault"]
    assert str(file) in damage.what
    assert "at byte 0" in damage.what
    assert "backup" in str(damage.fix)
    file.write_bytes(whole[:-10])
    [short] = [finding for finding in store.doctor() if finding.level == "fault"]
    assert "commit 13, which the store holds" in short.what


def test_the_doctor_says_who_writes(make_project: MakeProject) -> None:
    project = make_project(A)
    store = build(project)

    assert any(finding.what == "nobody is writing to the store" for finding in store.doctor())
    with opened(store, project) as writer:
        write(writer, change(1, added=[quad(project, 9)]))
        writer.publish()
        (store.folder / "checkpoints" / "3.new").mkdir()  # as if it was being made just now
        findings = store.doctor(deep=True)
    assert any(f"in use by process {os.getpid()}" in finding.what for finding in findings)
    assert {finding.level for finding in findings if "disk" not in finding.what} == {"ok"}
