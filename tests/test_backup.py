"""A backup is the store as it was, made beside whoever writes; one that was altered is not restored."""

from __future__ import annotations

import json
import shutil
import threading
from functools import partial
from pathlib import Path

import pytest

from kymgraph import access
from kymgraph.access import Access
from kymgraph.backup import MANIFEST, backup, restore
from kymgraph.changeset import Changeset
from kymgraph.commit import Committer, Outcome, Request
from kymgraph.errors import (
    CannotWrite,
    InputError,
    KymgraphError,
    ProjectError,
    StoreBroken,
    StoreHasCommits,
    StoreLocked,
    StoreMissing,
)
from kymgraph.ledger import quads_of
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Quad, canonical_nquads
from kymgraph.store.embedded import REDACTION, CheckpointView, EmbeddedStore
from kymgraph.store.journal import Journal
from tests.conftest import Kymgraph, MakeProject
from tests.store.commits import build, faults, union_is_right

FILES = {"data/a.ttl": 'x:a rdfs:label "A" .', "data/b.ttl": 'x:b rdfs:label "B" .'}


def write(committer: Committer, number: int) -> None:
    """Commit `number`: one more quad."""
    quad = Quad(
        NamedNode(f"http://x.example/{number}"),
        NamedNode("http://x.example/p"),
        Literal(f"n{number}"),
        NamedNode(committer.project.base.graph("a")),
    )
    change = Changeset(number - 1, added=frozenset([quad]), reason=f"commit {number}")
    [outcome] = committer.commit([Request(change, judged=True)])
    assert isinstance(outcome, Outcome), outcome


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project(FILES)


@pytest.fixture
def store(project: Project) -> EmbeddedStore:
    """A store with three commits and a token."""
    made = build(project)
    with Committer(project, made) as committer:
        for number in (2, 3, 4):
            write(committer, number)
    with Access(made.folder / access.FILE) as opened:
        opened.create_token("t", "editor", expires=None)
    return made


def states(project: Project, store: EmbeddedStore) -> dict[int, bytes]:
    found = {}
    for number in range(1, store.generation + 1):
        path = store.state_at(number, ledger_of=partial(quads_of, project))
        view = CheckpointView(number, path)
        assert union_is_right(view, project)
        found[number] = canonical_nquads(view.quads())
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_made_beside_commits_and_restored_elsewhere_it_is_the_same_store(
    project: Project, store: EmbeddedStore, tmp_path: Path
) -> None:
    done = threading.Event()
    wrong: list[BaseException] = []

    def go_on(committer: Committer) -> None:
        try:
            number = 5
            while not done.is_set() or number < 10:
                write(committer, number)
                number += 1
        except BaseException as error:
            wrong.append(error)

    made = []
    with Committer(project, store, keep=1) as committer:
        committer.writer._grace = 0  # checkpoints go at once, as after a minute
        thread = threading.Thread(target=go_on, args=(committer,))
        thread.start()
        try:
            for number in range(3):
                made.append(backup(EmbeddedStore(store.folder), tmp_path / f"b{number}"))
        finally:
            done.set()
            thread.join()
    assert wrong == []
    whole = states(project, EmbeddedStore(store.folder))
    tokens = Access(store.folder / access.FILE).tokens()
    old = Journal(store.folder / "journal")
    for number, one in enumerate(made):
        restored = EmbeddedStore(tmp_path / f"r{number}" / "store")
        assert restore(project, restored, tmp_path / f"b{number}") == one
        assert restored.generation == one.generation >= 4
        assert faults(restored) == []
        assert states(project, restored) == {n: s for n, s in whole.items() if n <= one.generation}
        journal = Journal(restored.folder / "journal")
        assert journal.verify() == one.generation - 1
        assert list(journal.entries()) == list(old.entries(until=one.generation))
        assert Access(restored.folder / access.FILE).tokens() == tokens
        assert (restored.folder / access.FILE).stat().st_mode & 0o777 == 0o600
        with Committer(project, restored) as committer:
            write(committer, one.generation + 1)
        assert faults(EmbeddedStore(restored.folder)) == []
        # The backup does not change with the store that was made of it, nor with the one it was made of.
        shutil.rmtree(restored.folder)
        restore(project, restored, tmp_path / f"b{number}")
        assert EmbeddedStore(restored.folder).generation == one.generation


def test_pinned_checkpoints_and_the_base_of_merges_are_in_it(
    project: Project, store: EmbeddedStore, tmp_path: Path
) -> None:
    (store.folder / "checkpoints" / "3.pin").touch()
    made = backup(store, tmp_path / "b")
    assert {"files.json", "files.nq.gz", "version", "current", "access.sqlite"} <= made.files.keys()
    restored = EmbeddedStore(tmp_path / "store")
    restore(project, restored, tmp_path / "b")
    assert restored.generations() == [1, 3, 4]
    assert (restored.folder / "checkpoints" / "3.pin").exists()
    assert restored.manifest == store.manifest
    assert (restored.folder / "files.nq.gz").read_bytes() == (store.folder / "files.nq.gz").read_bytes()


def test_a_store_without_commits_or_tokens_too(project: Project, tmp_path: Path) -> None:
    store = build(project)
    backup(store, tmp_path / "b")
    restored = EmbeddedStore(tmp_path / "store")
    assert restore(project, restored, tmp_path / "b").generation == 1
    assert not (restored.folder / access.FILE).exists()
    assert restore(project, restored, tmp_path / "b").generation == 1  # nothing is lost, so nothing is asked
    with Committer(project, restored) as committer:
        write(committer, 2)
    assert faults(restored) == []


# --- where it is refused --------------------------------------------------------------------------------


def test_an_existing_folder_is_refused_unless_it_is_empty(store: EmbeddedStore, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for target in (tmp_path / "full", tmp_path / "full" / "file", store.folder / "backup"):
        with pytest.raises((InputError, CannotWrite), match="no backup was made"):
            backup(store, target)
    (tmp_path / "empty").mkdir()
    backup(store, tmp_path / "empty")
    with pytest.raises(InputError, match="not empty"):
        backup(store, tmp_path / "empty")
    with pytest.raises(StoreMissing):
        backup(EmbeddedStore(tmp_path / "none"), tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full", "project"]


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _forge(folder: Path, name: str) -> None:
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    manifest["files"][name] = manifest["files"].pop("version")
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")


@pytest.mark.parametrize(
    "alter",
    [
        lambda b: _flip(next((b / "journal").glob("*.journal"))),
        lambda b: _flip(b / "access.sqlite"),
        lambda b: _flip(next((b / "checkpoints" / "4").glob("*.sst"))),
        lambda b: (b / "files.json").unlink(),
        lambda b: (b / "checkpoints" / "4" / "more.sst").touch(),
        lambda b: (b / MANIFEST).write_text("{", "utf-8"),
        lambda b: (b / MANIFEST).unlink(),
        lambda b: _forge(b, "../version"),
        lambda b: _forge(b, "/version"),
        lambda b: ((b / "version").unlink(), (b / "version").symlink_to("/etc/hostname")),
    ],
    ids=["journal", "access", "sst", "missing", "more", "no-json", "no-manifest", "up", "root", "link"],
)
def test_a_backup_that_was_altered_is_refused_and_nothing_changed(
    project: Project, store: EmbeddedStore, tmp_path: Path, alter: object
) -> None:
    backup(store, tmp_path / "b")
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "b", copy)  # not the links to the store's own files
    alter(copy)  # type: ignore[operator]
    whole, beside = tree(store.folder), sorted(store.folder.parent.iterdir())
    with pytest.raises(KymgraphError, match="nothing was changed"):
        restore(project, store, copy, force=True)
    assert tree(store.folder) == whole
    assert sorted(store.folder.parent.iterdir()) == beside
    with pytest.raises(KymgraphError, match="nothing was changed"):
        restore(project, EmbeddedStore(tmp_path / "new"), copy)
    assert not (tmp_path / "new").exists()


def test_history_and_tokens_are_not_replaced_unless_asked(
    project: Project, store: EmbeddedStore, tmp_path: Path
) -> None:
    backup(store, tmp_path / "b")
    with Committer(project, store) as committer:
        write(committer, 5)
    with pytest.raises(StoreHasCommits, match="nothing was changed"):
        restore(project, store, tmp_path / "b")
    assert EmbeddedStore(store.folder).generation == 5
    assert restore(project, store, tmp_path / "b", force=True).generation == 4
    assert EmbeddedStore(store.folder).generation == 4
    with EmbeddedStore(store.folder).in_use(), pytest.raises(StoreLocked):
        restore(project, store, tmp_path / "b", force=True)
    other = EmbeddedStore(tmp_path / "other")
    with Access(other.folder / access.FILE) as opened:
        opened.create_token("mine", "admin", expires=None)
    with pytest.raises(StoreHasCommits, match="tokens"):
        restore(project, other, tmp_path / "b")


def test_what_is_no_store_or_another_projects_is_left_alone(
    project: Project, store: EmbeddedStore, tmp_path: Path, make_project: MakeProject
) -> None:
    backup(store, tmp_path / "b")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(InputError, match="nothing was changed"):
        restore(project, EmbeddedStore(tmp_path / "mine"), tmp_path / "b", force=True)
    another = make_project(FILES, 'base_iri = "https://other.example/"')
    with pytest.raises(ProjectError, match=r"other\.example"):
        restore(another, EmbeddedStore(tmp_path / "new"), tmp_path / "b")
    assert not (tmp_path / "new").exists()


def test_a_redaction_that_was_cut_off_is_finished_first(
    project: Project, store: EmbeddedStore, tmp_path: Path
) -> None:
    backup(store, tmp_path / "b")
    (store.folder / REDACTION).touch()
    with pytest.raises(StoreBroken, match="cut off"):
        backup(store, tmp_path / "c")
    with pytest.raises(StoreBroken, match="cut off"):
        restore(project, store, tmp_path / "b", force=True)


# --- the commands ---------------------------------------------------------------------------------------


def test_the_commands(project: Project, store: EmbeddedStore, tmp_path: Path, kymgraph: Kymgraph) -> None:
    made = kymgraph("backup", tmp_path / "b", cwd=project.folder)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("generation 4: ")
    refused = kymgraph("restore", tmp_path / "b", cwd=project.folder)
    assert (refused.returncode, "--force" in refused.stderr) == (5, True)
    for more in ([], ["--force"]):
        restored = kymgraph(
            "restore", tmp_path / "b", *more, "--store", tmp_path / "other", cwd=project.folder
        )
        assert restored.returncode == 0, restored.stderr
        assert restored.stdout.startswith("generation 4: ")
        assert "since then" in restored.stderr
    log = kymgraph("log", "--store", tmp_path / "other", cwd=project.folder)
    assert [line.split()[0] for line in log.stdout.splitlines()] == ["4", "3", "2"]
    assert kymgraph("restore", tmp_path, cwd=project.folder).returncode == 2
