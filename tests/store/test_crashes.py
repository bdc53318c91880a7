"""What is acknowledged is there and what is refused is not, whatever fails, is killed, or loses its power.

Every test compares the store that was opened again with the seed and the changes of its journal, one after
the other: equal means that no commit is there by half.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from kymgraph.errors import CannotWrite
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, Quad, canonical_nquads
from kymgraph.store import apply, embedded, journal, writer
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.journal import Journal
from tests.conftest import ROOT, MakeProject, clean_environment
from tests.needs import need, size
from tests.store.commits import (
    build,
    change,
    commit,
    content,
    faults,
    opened,
    quad,
    segments,
    union_is_right,
    write,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

A = {"data/a.ttl": 'x:1 x:p "x" . x:2 x:p "x" .', "data/b.ttl": 'x:2 x:p "x" . x:3 x:p "x" .'}


def state_by_journal(store: EmbeddedStore, project: Project, until: int) -> bytes:
    """The named graphs but the ledger, as the first checkpoint and the journal have them."""
    ledger = NamedNode(project.base.graph("ledger"))
    quads = {q for q in store.view(1).quads() if q.graph_name != ledger}
    whole = Journal(store.folder / "journal")
    for number in range(2, until + 1):
        each = whole.changeset(number)
        assert each.removed <= quads
        assert not each.added & quads
        quads = (quads - each.removed) | each.added
    return canonical_nquads(quads)


def check_store(store: EmbeddedStore, project: Project) -> None:
    """A store that a writer has opened and closed: whole, clean, and what its journal says."""
    assert faults(store) == []
    view = store.view()
    assert content(view, project)[0] == state_by_journal(store, project, view.generation)
    assert union_is_right(view, project)


# --- kill -9 --------------------------------------------------------------------------------------------

COMMIT_FOR_EVER = """
import random, sys
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.store.commits import commit, opened, random_changes, write
project = Project.find(sys.argv[1])
store = EmbeddedStore(project.store_folder)
with opened(store, project, keep=2, grace=0) as writer:
    print("open", flush=True)
    seed = [q for q in writer.view.quads() if not q.graph_name.value.endswith("/ledger")]
    rounds = random.Random(int(sys.argv[2]))
    changes = random_changes(project, seed, 2000, rounds)
    while changes:
        batch = [changes.pop(0) for _ in range(min(len(changes), rounds.randint(1, 4)))]
        write(writer, *batch)
        if rounds.random() < 0.8:
            print(writer.publish(), flush=True)
"""


def test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged(
    make_project: MakeProject, record_property: Callable[[str, object], None]
) -> None:
    project = make_project(A)
    store = build(project)
    moments = random.Random(7)
    acknowledged = 1
    kills = size(quick=3, ci=15, night=200)
    record_property("kills", kills)
    for kill in range(kills):
        child = subprocess.Popen(
            [sys.executable, "-c", COMMIT_FOR_EVER, str(project.folder), str(kill)],
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        assert child.stdout is not None
        lines = []
        if kill % 5:  # else also while it starts and recovers
            lines.append(child.stdout.readline())
        if kill == 1:  # once surely after it has acknowledged something, however slow the machine is
            lines.append(child.stdout.readline())
        time.sleep(moments.random() * 1.5)
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)
        said = [int(line) for line in lines if line.strip().isdecimal() and line.endswith("\n")]
        assert child.wait() == -signal.SIGKILL
        acknowledged = max([acknowledged, *said])

        # First as readers find it, then after the next writer has put it in order.
        view = store.view()
        assert view.generation >= acknowledged
        assert content(view, project)[0] == state_by_journal(store, project, view.generation)
        assert [fault for fault in faults(store) if fault.startswith("fault")] == []
        if kill % 2:
            with opened(store, project) as again:
                assert again.head >= acknowledged
            check_store(store, project)
    opened(store, project).close()
    check_store(store, project)
    record_property("acknowledged", acknowledged)
    assert acknowledged > 1


# --- every step may fail --------------------------------------------------------------------------------


class Steps:
    """Counts the steps that touch the disk, in this process, and has one of them fail, or all from it on.

    `how` is raise-before, raise-after, raise-on (that step and all later ones), kill-before, kill-after.
    """

    def __init__(self, fail_at: int, how: str) -> None:
        self.fail_at, self.how = fail_at, how
        self.count, self.armed, self.failed = 0, False, ""
        self.names: list[str] = []

    def step(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            if not self.armed:
                return call(*args, **options)
            self.count += 1
            self.names.append(name)
            hit = self.count == self.fail_at or (self.how == "raise-on" and self.count > self.fail_at)
            if hit:
                self.failed = self.failed or name
                if self.how == "kill-before":
                    os.kill(os.getpid(), signal.SIGKILL)
                if self.how in ("raise-before", "raise-on"):
                    raise OSError(5, f"injected before {name}")
            result = call(*args, **options)
            if hit and self.how == "kill-after":
                os.kill(os.getpid(), signal.SIGKILL)
            if hit and self.how == "raise-after":
                raise OSError(5, f"injected after {name}")
            return result

        return run

    def install(self) -> None:
        """Into the modules of this process, for good: call it in a forked child."""
        steps = self
        real_store = apply.ox.Store

        class Store:
            def __init__(self, path: object) -> None:
                self.real = steps.step("open", real_store)(path)

            def __getattr__(self, name: str) -> Any:
                method = getattr(self.real, name)
                return steps.step(name, method) if name in ("update", "backup", "flush") else method

            def __contains__(self, quad: Quad) -> bool:
                return quad in self.real

        class Ox:
            def __getattr__(self, name: str) -> Any:
                return Store if name == "Store" else getattr(apply.ox, name)

        def half(descriptor: int, data: bytes) -> None:
            os.write(descriptor, data[: len(data) // 2])
            steps.step("second half of the append", os.write)(descriptor, data[len(data) // 2 :])

        writer.ox = Ox()  # type: ignore[assignment]
        journal._write_all = half
        os.fsync = self.step("fsync", os.fsync)  # type: ignore[assignment]
        os.ftruncate = self.step("truncate", os.ftruncate)  # type: ignore[assignment]
        Path.rename = self.step("rename", Path.rename)  # type: ignore[method-assign, assignment]
        writer.move_pointer = self.step("pointer", embedded.move_pointer)


Say = Callable[[str], None]


def in_child(work: Callable[..., None], *args: object) -> tuple[int, list[str]]:
    """Run `work(say, *args)` in a process of its own; gives its status and what it said.

    It is forked from a process that has never opened a database: the threads of one would be missing.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    here, there = context.Pipe(duplex=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(ROOT))
        child = context.Process(target=_child, args=(there, work, args))
        child.start()
    there.close()
    lines = []
    with here, contextlib.suppress(EOFError):
        while True:
            if not here.poll(60):
                child.kill()
                raise AssertionError(f"the child hangs; it said {lines}")
            lines.append(here.recv())
    child.join()
    assert child.exitcode is not None
    return child.exitcode, lines


def _child(there: Connection, work: Callable[..., None], args: tuple[object, ...]) -> None:
    try:
        work(there.send, *args)
    except BaseException as error:  # the parent shows it
        there.send(f"raised {type(error).__name__}: {error}")
        os._exit(99)


def fill(store: EmbeddedStore, project: Project) -> None:
    with opened(store, project) as first:
        write(first, change(1, added=[quad(project, 10)]), change(2, added=[quad(project, 11)]))
        first.publish()


def marks(store: EmbeddedStore, project: Project) -> set[str]:
    """Which of the changes that `commit_with_failure` tries are there; each has four quads in two graphs."""
    there = set()
    for name in ("unpublished", "one", "two", "later"):
        quads = set(quads_of(project, name)) & set(store.view().quads())
        assert len(quads) in (0, 4), f"{name} is there by half"
        there |= {name} if quads else set()
    return there


def quads_of(project: Project, name: str) -> list[Quad]:
    return [quad(project, f"{name}{n}", graph) for n in (1, 2) for graph in ("a", "new")]


def commit_with_failure(say: Say, project: Project, fail_at: int, how: str) -> None:
    """Try to commit a batch of two over one commit that is not published yet, then, unharmed, another."""
    store, steps = EmbeddedStore(project.store_folder), Steps(fail_at, how)
    steps.install()
    with opened(store, project) as out:
        write(out, change(out.head, added=quads_of(project, "unpublished")))
        steps.armed = True
        try:
            batch = [
                change(out.head, added=quads_of(project, "one"), removed=[quad(project, 10)]),
                change(out.head + 1, added=quads_of(project, "two")),
            ]
            write(out, *batch)
            say("written")
            out.publish()
            say("acknowledged one two unpublished")
        except CannotWrite as error:
            say(f"refused {error.message}")
        steps.armed = False
        say(f"steps {steps.count} {steps.failed}")
        try:
            write(out, change(out.head, added=quads_of(project, "later")))
            out.publish()
            say("acknowledged later")
        except CannotWrite as error:
            say(f"refused later: {error.message}")


HOW = ("raise-before", "raise-after", "raise-on", "kill-before", "kill-after")


@pytest.mark.parametrize("how", HOW)
def test_whatever_step_fails_a_commit_is_there_or_not_and_the_answer_says_which(
    make_project: MakeProject, tmp_path: Path, how: str
) -> None:
    project = make_project(A)
    original = build(project)
    fill(original, project)
    pristine = tmp_path / "pristine"
    shutil.copytree(original.folder, pristine)
    outcomes: dict[str, int] = {"acknowledged": 0, "refused": 0, "died": 0}
    stride = size(quick=6, ci=3, night=1)
    fail_at = 1 + HOW.index(how) % stride
    while True:
        shutil.rmtree(original.folder)
        shutil.copytree(pristine, original.folder)
        store = EmbeddedStore(original.folder)

        status, said = in_child(commit_with_failure, project, fail_at, how)

        where = f"step {fail_at} {how}: {status} {said}"
        assert status in (0, 70, -signal.SIGKILL), where
        acknowledged = {name for line in said if line.startswith("acknowledged") for name in line.split()[1:]}
        refused = any(line.startswith("refused") for line in said)
        done = any(line.startswith("steps") and line.endswith(" ") for line in said)
        if status == 0:
            assert "later" in acknowledged, where  # the writer goes on after a refusal
        # As readers find it, before anybody puts it in order.
        assert acknowledged <= marks(store, project), where
        with opened(store, project):
            pass
        there = marks(store, project)
        assert acknowledged <= there, where
        assert ("one" in there) == ("two" in there), where
        assert (quad(project, 10) in set(store.view().quads())) != ("one" in there), where
        if refused:
            assert not {"one", "two"} & there, where
        check_store(store, project)
        outcomes["refused" if refused else "died" if status else "acknowledged"] += 1
        if done:
            break
        fail_at += stride
    assert fail_at > 12, "steps are no longer seen"
    assert outcomes["refused"] + outcomes["died"] > 1


def fail_after_the_transaction(say: Say, project: Project) -> None:
    steps = Steps(3, "raise-after")
    steps.install()
    with opened(EmbeddedStore(project.store_folder), project) as out:
        steps.armed = True
        with contextlib.suppress(CannotWrite):
            write(out, change(out.head, added=quads_of(project, "one")))
        say(steps.failed)
        os.kill(os.getpid(), signal.SIGKILL)  # before it looks at the database again


def test_a_failed_commit_does_not_come_back_from_the_database_s_own_log(make_project: MakeProject) -> None:
    """The transaction was applied although it was reported as failed; the abort record must win."""
    project = make_project(A)
    store = build(project)
    fill(store, project)

    status, said = in_child(fail_after_the_transaction, project)

    assert (status, said) == (-signal.SIGKILL, ["update"])
    assert any("knows commit 4, the last one is 3" in fault for fault in faults(store))
    opened(store, project).close()
    assert marks(store, project) == set()
    check_store(store, project)


def fail_and_fail_to_say_so(say: Say, project: Project) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with opened(EmbeddedStore(project.store_folder), project) as out:
        writer.put = fail
        out.journal.abort = fail  # type: ignore[method-assign]
        try:
            write(out, change(out.head, added=quads_of(project, "one")))
        finally:
            say("answered")


def test_a_refusal_that_cannot_be_recorded_ends_the_process_without_an_answer(
    make_project: MakeProject,
) -> None:
    project = make_project(A)
    store = build(project)
    fill(store, project)

    assert in_child(fail_and_fail_to_say_so, project) == (70, [])
    opened(store, project).close()
    check_store(store, project)


def test_an_interrupt_while_writing_takes_the_commit_back(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(A)
    store = build(project)

    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with opened(store, project) as out:
        with monkeypatch.context() as patched:
            patched.setattr(writer, "put", interrupted)
            with pytest.raises(KeyboardInterrupt):
                write(out, change(1, added=quads_of(project, "one")))
        with monkeypatch.context() as patched:
            patched.setattr(writer, "move_pointer", interrupted)
            write(out, change(1, added=quads_of(project, "one")))
            with pytest.raises(KeyboardInterrupt):
                out.publish()
        assert (out.head, out.journal.last) == (1, 1)
        write(out, change(1, added=quads_of(project, "two")))
        assert out.publish() == 2
    assert marks(store, project) == {"two"}
    check_store(store, project)


# --- power cuts -----------------------------------------------------------------------------------------


def snapshot(live: Path, copy: Path) -> None:
    """Copy a database that is open; again, while the engine tidies its files up meanwhile."""
    for _ in range(50):
        shutil.rmtree(copy, ignore_errors=True)
        with contextlib.suppress(shutil.Error, FileNotFoundError):
            before = {path.name: path.stat().st_size for path in live.iterdir()}
            shutil.copytree(live, copy)
            time.sleep(0.01)
            if before == {path.name: path.stat().st_size for path in live.iterdir()}:
                return
    raise AssertionError("the database is never at rest")


def tails(real: bytes, moments: random.Random) -> Iterator[bytes]:
    """What may stand behind the last synced byte: nothing, holes, noise, a part of what was being written."""
    yield b""
    yield b"\0" * moments.randint(1, 9000)
    yield moments.randbytes(moments.randint(1, 3000))
    yield real[: moments.randint(1, len(real) - 1)]
    hole = moments.randint(0, len(real) // 2)
    yield real[:hole] + b"\0" * 40 + real[hole + 40 :]


def test_a_power_cut_loses_nothing_acknowledged_and_brings_nothing_refused_back(
    make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(A)
    moments = random.Random(3)
    store = build(project)
    cut = EmbeddedStore(tmp_path / "cut")
    acknowledged: set[str] = set()
    refused: set[str] = set()
    snapshots = [tmp_path / "live-0"]
    shutil.copytree(store.folder / "live", snapshots[0])
    put = writer.put

    def failing(*args: Any, **options: Any) -> None:
        if moments.random() < 0.5:
            put(*args, **options)  # applied, and reported as failed
        raise OSError(28, "No space left on device")

    with opened(store, project, keep=2, grace=0) as out:
        for number in range(size(quick=10, ci=15, night=200)):
            each = change(out.head, added=[quad(project, f"n{number}")], removed=[])
            try:
                with monkeypatch.context() as patched:
                    if moments.random() < 0.3:
                        patched.setattr(writer, "put", failing)
                    write(out, each)
            except CannotWrite:
                refused.add(f"n{number}")
            else:
                if moments.random() < 0.6:
                    out.publish()
                    acknowledged |= {f"n{k}" for k in range(number + 1)} - refused
                    for old in snapshots:
                        shutil.rmtree(old)
                    snapshots = []
            snapshots.append(tmp_path / f"live-{number + 1}")
            snapshot(store.folder / "live", snapshots[-1])
            if out._pruner is not None:
                out._pruner.join()
            [segment] = segments(store)
            synced = segment.read_bytes()  # every append was synced, or taken back and synced
            following = commit(project, out.head + 1, change(out.head, added=[quad(project, "unanswered")]))
            real = journal._encode(
                journal._header(following.entry), journal.to_patch(following.change), len(synced)
            )
            for tail in moments.sample(list(tails(real, moments)), size(quick=1, ci=2, night=5)):
                shutil.rmtree(cut.folder, ignore_errors=True)
                shutil.copytree(store.folder, cut.folder, ignore=shutil.ignore_patterns("live"))
                shutil.copytree(moments.choice(snapshots), cut.folder / "live")
                (cut.folder / "journal" / segment.name).write_bytes(synced + tail)
                EmbeddedStore(cut.folder).generation  # noqa: B018
                with opened(EmbeddedStore(cut.folder), project) as again:
                    names = {q.subject.value.rpartition("/")[2] for q in again.view.quads()}  # type: ignore[union-attr]
                assert acknowledged <= names
                assert not refused & names
                assert "unanswered" not in names
                check_store(EmbeddedStore(cut.folder), project)
    assert acknowledged
    assert refused


# --- a full disk ----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB, where this machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    need("mount", done.returncode == 0, "mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def fill_until_refused(
    say: Say, folder: Path, project: Project, reserve: int, largest_file: int | None = None
) -> None:
    """Commit ever more until the writer refuses, twice; says the name of each commit that it acknowledged."""
    if largest_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    refusals = 0
    with opened(EmbeddedStore(folder), project, keep=1, grace=0, reserve=reserve) as out:
        for number in range(400):
            quads = [quad(project, f"{number}-{n}-" + "x" * 200, "big") for n in range(1000)]
            try:
                write(out, change(out.head, added=quads))
                out.publish()
            except CannotWrite:
                refusals += 1
                if refusals == 2:
                    return
            else:
                say(f"{number}-")
    raise AssertionError("the disk was never full")


def names_in(store: EmbeddedStore, project: Project) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in store.view().quads(graph=NamedNode(project.base.graph("big"))):
        name = each.subject.value.rpartition("/")[2].split("-")[0] + "-"  # type: ignore[union-attr]
        found[name] = found.get(name, 0) + 1
    return found


@pytest.mark.parametrize("reserve", [0, 8_000_000])
def test_a_full_disk_refuses_writes_and_harms_nothing(
    make_project: MakeProject, small_disk: Path, reserve: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(A)
    store = EmbeddedStore(small_disk / "store")
    store.build([quad(project, 1)], project=project)
    monkeypatch.setattr(embedded, "RESERVE", 8_000_000)

    status, said = in_child(fill_until_refused, store.folder, project, reserve)

    assert status in (0, 70), said
    acknowledged = said
    assert set(acknowledged) <= set(names_in(store, project))
    assert set(names_in(store, project).values()) <= {1000}
    assert any("disk" in finding.what for finding in store.doctor() if finding.level != "ok")
    room = subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=False)
    assert room.returncode == 0
    with opened(store, project) as out:
        write(out, change(out.head, added=[quad(project, "after")]))
        out.publish()
    found = names_in(store, project)
    assert set(found.values()) <= {1000}
    if status == 0:
        assert sorted(found) == sorted(acknowledged)  # all that was acknowledged, nothing that was refused
    check_store(store, project)


def test_a_file_that_may_not_grow_refuses_writes_and_harms_nothing(make_project: MakeProject) -> None:
    """As a full disk, where none can be mounted: no file of this process may pass 3 MB."""
    project = make_project(A)
    store = build(project)

    status, said = in_child(fill_until_refused, store.folder, project, 0, 3_000_000)

    assert status == 0, said
    acknowledged = said
    assert acknowledged
    opened(store, project).close()
    assert names_in(store, project) == dict.fromkeys(acknowledged, 1000)
    check_store(store, project)
