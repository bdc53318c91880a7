"""The only place that changes a store: journal first, then one transaction, then a checkpoint to read from.

The journal is the truth. What stands in it and was not taken back is committed, and the live database is
brought to it when it is opened; so nothing here has to be on the disk before it is answered but the journal.
Whoever is told that a commit was refused will not find it later: where that cannot be made sure, the process
ends without an answer, with status 70.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, NoReturn

import pyoxigraph as ox

from kymgraph.changeset import Changeset
from kymgraph.errors import (
    CannotWrite,
    ChangeConflict,
    KymgraphError,
    ProjectError,
    StoreBroken,
    StoreLocked,
    StoreMissing,
)
from kymgraph.project import Project
from kymgraph.rdf import BlankNode, DefaultGraph, NamedNode, Quad, Subject, Term
from kymgraph.store.apply import StoreView, head_of, net_of, put
from kymgraph.store.embedded import RESERVE, EmbeddedStore, exchange, lock, move_pointer
from kymgraph.store.history import FAR, LedgerOf, link_copy, sync_tree
from kymgraph.store.journal import FIRST_GENERATION, Entry, Journal, JournalUnsure, fsync_folder
from kymgraph.view import View

log: Final = logging.getLogger("kymgraph.store")

#: After a write of more quads the database is tidied up before the next checkpoint.
BULK: Final = 100_000
#: Bytes of the live database's list of files from which it is opened anew, which begins a fresh list. RocksDB
#: adds to it with every commit; every checkpoint holds a copy, and whoever opens one reads all of it.
WORN: Final = 512 * 1024
#: Seconds that opening the database anew waits for what still reads from it.
_LET_GO: Final = 5.0
#: Seconds that a checkpoint is kept after it stopped being the newest: readers may be about to open it.
GRACE: Final = 60.0
#: Exit status of a process that cannot say whether a commit will stand.
UNSURE: Final = 70


@dataclass(frozen=True, slots=True)
class Commit:
    """A change that was accepted, ready to be written."""

    entry: Entry  #: its number follows the one before it
    change: Changeset  #: exact against the state it meets, in the store's form
    ledger: tuple[Quad, ...] = ()  #: quads of the graph `ledger` that come with it


class LiveView:
    """A View of all that is committed, published or not; each look-up sees the newest."""

    def __init__(self, current: Callable[[], StoreView]) -> None:
        self._current = current

    @property
    def generation(self) -> int:
        return self._current().generation

    def quads(
        self,
        subject: Subject | None = None,
        predicate: NamedNode | None = None,
        object: Term | None = None,
        graph: NamedNode | DefaultGraph | None = None,
    ) -> Iterator[Quad]:
        return self._current().quads(subject, predicate, object, graph)

    def graphs(self) -> list[NamedNode]:
        return self._current().graphs()

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        return self._current().select(text, bindings)


class StoreWriter:
    """The write side of a store, for one process at a time; open from its making until `close`.

    Opening brings the live database to the last commit in the journal, making it anew from a checkpoint if
    need be, and publishes what nobody had published. `ledger_of` makes the ledger quads of replayed commits.

    Raises StoreLocked, StoreMissing, StoreBroken, CannotWrite, and ProjectError for a project whose settings
    are not those that the store was built with.
    """

    def __init__(
        self,
        store: EmbeddedStore,
        project: Project,
        *,
        keep: int = 5,
        ledger_of: LedgerOf | None = None,
        grace: float = GRACE,
        reserve: int = RESERVE,
    ) -> None:
        self.store, self.project = store, project
        self._keep, self._grace, self._reserve = max(keep, 1), grace, reserve
        self._ledger_of = ledger_of or (lambda entry, change: ())
        self._mutex = threading.RLock()
        self._live: ox.Store | None = None
        self._closed = False
        self._suspect = False  # a step failed: what the live database holds has to be looked at
        self._bulk = False
        self._ledger: dict[int, tuple[Quad, ...]] = {}  # of commits that are not published yet
        self._pruner: threading.Thread | None = None
        self._held = contextlib.ExitStack()
        if not store.exists:
            raise StoreMissing(
                f"there is no store in {store.folder}; nothing was written",
                hint="build it with `kymgraph build`, or name another with --store",
            )
        try:
            with self._told():
                self._held.enter_context(lock(store.folder, fcntl.LOCK_EX))
                self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the database and the lock go. What is not published is published at the next opening."""
        with self._mutex:
            if self._pruner is not None:
                self._pruner.join()
            self._live, self._closed = None, True
            self._held.close()

    @property
    def view(self) -> View:
        """The state after the last commit, also where it is not published yet."""
        return LiveView(lambda: StoreView(self.head, self._ready()))

    # -- opening

    def _open(self) -> None:
        folder, manifest, project = self.store.folder, self.store.manifest, self.project
        self.store.check_whole()
        self._published = self.store.generation
        self.store.checkpoint_path()
        for what, ours, stored in (
            ("base_iri", project.base.iri, manifest.base),
            ("default_graph", project.default_graph, manifest.default_graph),
            ("[union] exclude", sorted(project.union_exclude), sorted(manifest.union_exclude)),
        ):
            if ours != stored:
                raise ProjectError(
                    f"{what} is {ours!r} in kymgraph.toml, but the store was built with {stored!r}; "
                    "nothing was written",
                    hint="put the setting back, or export what the store holds and build it anew",
                )
        self._base = project.base
        self._in_union = project.in_union if project.default_graph == "union" else None
        if not (folder / "journal").is_dir() and self._published > FIRST_GENERATION:
            raise StoreBroken(
                f"the store in {folder} has reached generation {self._published}, but its journal is "
                "gone; nothing was changed",
                hint="put the journal back from a backup; reading goes on meanwhile",
            )
        self.journal = Journal(folder / "journal", writable=True, known=self._published)
        self._tidy()
        self.head = self.journal.last
        self._ready()
        if self._published < self.head:
            self._make_checkpoint()
        self._prune()

    def _tidy(self) -> None:
        """Remove what a process that was ended left half done. Nothing of it was ever read from."""
        folder = self.store.folder
        for path in (*(folder / "checkpoints").glob("*.new"), *(folder / "checkpoints").glob("*.old")):
            shutil.rmtree(path, ignore_errors=True)
        for number in self.store.generations():
            if number > self._published:
                _remove(folder / "checkpoints" / str(number))
        shutil.rmtree(folder / "live.new", ignore_errors=True)
        hour = time.time() - 3600  # what is younger may be in the making, by a reader
        with contextlib.suppress(OSError):
            for path in (folder / "history").glob("*.new"):
                if path.stat().st_mtime < hour:
                    shutil.rmtree(path, ignore_errors=True)

    def _ready(self) -> ox.Store:
        """The live database, holding the commits up to `head` and nothing else."""
        with self._mutex:
            if self._live is not None and not self._suspect:
                return self._live
            if self._closed:
                raise KymgraphError("this writer was closed")
            with self._told():
                live = self._reopened()
                if live is None or not self._replayed(live):
                    live = None
                    live = self._rebuilt()
            self._live, self._suspect = live, False
            return live

    def _reopened(self) -> ox.Store | None:
        """The live database as it lies on the disk; None if it is not whole."""
        self._live = None
        gc.collect()  # iterators that nobody ends keep the old one open
        path = self.store.folder / "live"
        if not (path / "CURRENT").is_file():
            return None  # opening it would make an empty one
        until = time.monotonic() + _LET_GO
        while True:
            try:
                return ox.Store(path)
            except (OSError, RuntimeError) as error:
                if "lock" not in str(error).lower():
                    log.warning("the live database cannot be opened (%s): it is made anew", error)
                    return None
                if time.monotonic() > until:
                    raise StoreLocked(
                        f"the live database of {self.store.folder} is open elsewhere ({error}); "
                        "nothing was changed",
                        hint="end the process that has it open, then try again",
                    ) from None
            time.sleep(0.05)

    def _replayed(self, live: ox.Store) -> bool:
        """Bring a database to `head`; false if it knows more, or the commits do not fit what it holds."""
        for entry in self.journal.entries(after=head_of(live, self._base), until=self.head):
            change = self.journal.changeset(entry.number)
            ledger = self._ledger.get(entry.number)
            if ledger is None:
                ledger = tuple(self._ledger_of(entry, change))
            try:
                net = net_of(live, [(change, ledger)], base=self._base, head=entry.number)
            except ChangeConflict as error:
                log.warning("commit %d does not fit the database: %s", entry.number, error.message)
                return False
            put(live, net.change, base=self._base, head=entry.number, in_union=self._in_union)
        return head_of(live, self._base) == self.head

    def _rebuilt(self) -> ox.Store:
        """The live database made anew of the newest checkpoint that serves, and the commits after it."""
        folder = self.store.folder
        new = folder / "live.new"
        for number in sorted(self.store.generations(), reverse=True):
            if number > self.head:
                continue
            shutil.rmtree(new, ignore_errors=True)
            link_copy(folder / "checkpoints" / str(number), new)
            try:
                copy = ox.Store(new)
                whole = self._replayed(copy)
                if whole:
                    copy.flush()
            except RuntimeError as error:
                log.warning("checkpoint %d cannot be opened (%s)", number, error)
                continue
            finally:
                copy = None  # type: ignore[assignment]
                gc.collect()
            if whole:
                sync_tree(new)
                live = folder / "live"
                if live.exists():
                    exchange(new, live)
                else:
                    new.rename(live)
                fsync_folder(folder)
                shutil.rmtree(new, ignore_errors=True)
                return ox.Store(live)
        raise StoreBroken(
            f"the live database of {folder} cannot be made anew: no checkpoint leads to commit {self.head}; "
            "nothing was changed",
            hint="put the store back from a backup; `kymgraph doctor --deep` says what can still be read",
        )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the disk says into an error of ours; nobody was told of anything yet."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            raise CannotWrite(
                f"the store in {self.store.folder} cannot be written to: {error}; nothing was changed",
                hint="see that the disk has room and the folder is yours; `kymgraph doctor` looks closer",
            ) from error

    # -- writing

    def write(self, commits: Sequence[Commit]) -> None:
        """Write commits, all or none; when this returns they are in the journal on the disk, and in `view`.

        Raises ChangeConflict (a change is not exact) and CannotWrite; nothing was written then, and nothing
        of it will show up later. Ends the process where that cannot be promised.
        """
        if not commits:
            return
        with self._mutex:
            live = self._ready()
            self._check(commits)
            pairs = [(commit.change, commit.ledger) for commit in commits]
            numbers = [commit.entry.number for commit in commits]
            head = numbers[-1]
            net = net_of(live, pairs, base=self._base, head=head)
            entries = [
                (replace(commit.entry, came=tuple(sorted(came))), commit.change)
                for commit, came in zip(commits, net.came, strict=True)
            ]
            try:
                self._room_for(net.size, entries)
                self.journal.append(entries)
            except BaseException as error:
                self._not_appended(numbers, error)
            try:
                put(live, net.change, base=self._base, head=head, in_union=self._in_union)
            except BaseException as error:
                self._take_back(numbers, error)
            self.head = head
            self._ledger.update((commit.entry.number, commit.ledger) for commit in commits)
            self._bulk |= net.size > BULK

    def _check(self, commits: Sequence[Commit]) -> None:
        for number, commit in enumerate(commits, self.head + 1):
            if commit.entry.number != number:
                raise KymgraphError(f"nothing was written: commit {commit.entry.number} cannot be {number}")
            if self.project.blank_nodes == "skolem" and any(
                isinstance(term, BlankNode)
                for quads in (commit.change.removed, commit.change.added)
                for quad in quads
                for term in (quad.subject, quad.object, quad.graph_name)
            ):
                raise KymgraphError(f"nothing was written: commit {number} holds blank nodes without names")

    def _room_for(self, size: int, entries: Sequence[tuple[Entry, Changeset]]) -> None:
        """Refuse while it can still be recorded that we did."""
        status = os.statvfs(self.store.folder)
        free, need = status.f_bavail * status.f_frsize, self._reserve + 500 * size
        if free < need:
            raise OSError(f"the disk has {free:,} bytes left, and {need:,} must be free")

    def _not_appended(self, numbers: Sequence[int], error: BaseException) -> NoReturn:
        if isinstance(error, JournalUnsure):
            _end(f"{error}")
        try:
            written = self.journal.last > self.head  # it failed, or was interrupted, when all was done
        except BaseException as second:
            _end(f"an append to the journal failed ({error}), and it cannot be read ({second})")
        if written:
            self._take_back(numbers, error)
        if isinstance(error, OSError):
            raise self._refusal(error) from error
        raise error

    def _take_back(self, numbers: Sequence[int], error: BaseException) -> NoReturn:
        """Record that commits are refused, and say so. Before its next use the live database is checked."""
        self._suspect = True
        try:
            self.journal.abort(numbers)
        except BaseException as second:
            _end(f"a commit failed ({error}) and could not be taken back ({second})")
        self.head = numbers[0] - 1
        for number in numbers:
            self._ledger.pop(number, None)
        if isinstance(error, Exception):
            raise self._refusal(error) from error
        raise error

    def _refusal(self, error: BaseException) -> CannotWrite:
        return CannotWrite(
            f"nothing was written to the store in {self.store.folder}: {error}",
            hint="see that the disk has room and is sound (`kymgraph doctor`), then send the change again",
        )

    # -- publishing

    def publish(self) -> int:
        """Make all that is written readable; gives the generation that is current now.

        Raises CannotWrite; all commits since the last publishing are taken back then, so that they can be
        refused. Ends the process where that cannot be promised.
        """
        with self._mutex:
            if self._published == self.head:
                return self.head
            unpublished = range(self._published + 1, self.head + 1)
            self._ready()
            try:
                self._make_checkpoint()
            except BaseException as error:
                if self._pointer() != self._published:
                    # Readers may have seen it, so it stands; but the disk did not say that it keeps it.
                    _end(f"generation {self.head} was published, but the disk failed ({error})")
                self._take_back(unpublished, error)
            self._prune()
            if self._worn():
                self._live = None  # the next use opens it
            return self.head

    def _worn(self) -> bool:
        lists = (self.store.folder / "live").glob("MANIFEST-*")
        return max((path.stat().st_size for path in lists), default=0) > WORN

    def _pointer(self) -> int | None:
        try:
            return EmbeddedStore(self.store.folder).generation
        except (KymgraphError, OSError):
            return None

    def _make_checkpoint(self) -> None:
        live, folder = self._ready(), self.store.folder / "checkpoints"
        new, place = folder / f"{self.head}.new", folder / str(self.head)
        shutil.rmtree(new, ignore_errors=True)
        if self._bulk:
            live.optimize()
            # The first checkpoint after a bulk write can take seconds; better now than for the next writer.
            live.backup(new)
            shutil.rmtree(new)
            self._bulk = False
        live.backup(new)
        sync_tree(new)
        if place.exists():
            _remove(place)  # of a commit that was taken back: no pointer ever named it
        new.rename(place)
        fsync_folder(folder)
        move_pointer(self.store.folder, self.head)
        self._published = self.head
        self._ledger.clear()

    # -- pruning

    def _prune(self) -> None:
        """Remove checkpoints that are not kept, in the background: it takes time that nobody should wait."""
        if self._pruner is not None and self._pruner.is_alive():
            return
        self._pruner = threading.Thread(target=self._remove_old, name="kymgraph-prune", daemon=True)
        self._pruner.start()

    def _remove_old(self) -> None:
        folder = self.store.folder / "checkpoints"
        with contextlib.suppress(OSError):
            for number in self.to_prune():
                _remove(folder / str(number))

    def to_prune(self) -> list[int]:
        """The checkpoints that need not be kept.

        Kept are the last `keep`, those with a file `<N>.pin` beside them, those that were the newest less
        than `grace` seconds ago, and the first one, on which old history rests, unless a pinned one near it
        does the same.
        """
        folder = self.store.folder / "checkpoints"
        there = [number for number in self.store.generations() if number <= self._published]
        pinned = {number for number in there if (folder / f"{number}.pin").exists()}
        if not any(number <= FIRST_GENERATION + FAR for number in pinned):
            pinned.add(FIRST_GENERATION)
        before = time.time() - self._grace
        return [
            number
            for number, following in pairwise(there)
            if number not in pinned
            and number not in there[-self._keep :]
            and _made(folder, following) < before
        ]


def _made(folder: Path, number: int) -> float:
    """When a checkpoint was made; never, as far as pruning goes, if it is just being removed."""
    try:
        return (folder / str(number)).stat().st_mtime
    except OSError:
        return float("inf")


def _remove(path: Path) -> None:
    """Remove a checkpoint; nobody sees it half removed."""
    old = path.with_name(path.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    path.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def _end(what: str) -> NoReturn:
    """End the process without an answer: whether a commit stands is settled when the store is next opened."""
    sys.stderr.write(
        f"kymgraph: {what}. The process ends without an answer, as it cannot be said what the disk holds; "
        "send the change again with the same id. `kymgraph doctor` looks closer.\n"
    )
    sys.stderr.flush()
    os._exit(UNSURE)
