"""Generations that no checkpoint holds, made from the nearest one and the journal, and kept for a while.

A copy of a checkpoint is cheap: the files with the data are linked, not copied. What is made is put in place
by one rename, so two processes may make the same one at once; nothing that others read is ever changed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from kymgraph.changeset import NO_QUADS, Changeset, Sum
from kymgraph.namespaces import Base
from kymgraph.project import LEDGER_GRAPH
from kymgraph.rdf import Quad
from kymgraph.store.apply import InUnion, head_of, put
from kymgraph.store.journal import Entry, Journal, fsync_folder

#: What the ledger says of a commit: the same quads every time.
LedgerOf = Callable[[Entry, Changeset], Iterable[Quad]]

#: A generation is made if a checkpoint lies within so many commits.
FAR: Final = 1000
#: So many are kept; the one that was not asked for the longest goes first.
KEPT: Final = 4
#: Quads that are put into a copy at once, at least.
BLOCK: Final = 200_000
#: The name of a generation whose ledger is that of the checkpoint it was made from ends in this.
PARTIAL: Final = "-data"


def link_copy(checkpoint: Path, copy: Path) -> None:
    """Copy a checkpoint so that the copy can be written to: files with data are linked, the rest copied."""
    copy.mkdir()
    for file in checkpoint.iterdir():
        if file.suffix == ".sst":  # never written again, only removed, and that takes away one name of it
            try:
                os.link(file, copy / file.name)
                continue
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                    raise
        shutil.copyfile(file, copy / file.name)


def sync_tree(folder: Path) -> None:
    """Put a database's folder on the disk. Raises OSError.

    Files with data are left out where they are links: the engine synced them before it named them.
    """
    for file in folder.iterdir():
        if file.suffix != ".sst" or file.stat().st_nlink == 1:
            fsync_folder(file)
    fsync_folder(folder)
    fsync_folder(folder.parent)


# --- making a generation --------------------------------------------------------------------------------


def materialise(
    checkpoint: Path,
    place: Path,
    generation: int,
    *,
    journal: Journal,
    base: Base,
    in_union: InUnion | None,
    ledger_of: LedgerOf | None,
) -> None:
    """Put the database of `generation` at `place`, made from a checkpoint and the commits between the two.

    Without `ledger_of` the ledger of the checkpoint is left as it is. Raises OSError, CommitNotFound and
    StoreBroken; nothing is at `place` then.
    """
    new = place.with_name(f"{place.name}.{os.getpid()}-{secrets.token_hex(4)}.new")
    try:
        link_copy(checkpoint, new)
        _walk(new, int(checkpoint.name), generation, journal, base, in_union, ledger_of)
        try:
            new.rename(place)
        except OSError:
            if not place.is_dir():  # else another process was faster
                raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


def what_if(
    checkpoint: Path, place: Path, change: Changeset, *, base: Base, in_union: InUnion | None
) -> None:
    """Put at `place` the database that an exact change would make of a checkpoint. Raises OSError."""
    link_copy(checkpoint, place)
    store = ox.Store(place)
    put(store, change, base=base, head=head_of(store, base), in_union=in_union)
    store.flush()
    del store  # closed: nothing else holds it


def _walk(
    folder: Path,
    start: int,
    goal: int,
    journal: Journal,
    base: Base,
    in_union: InUnion | None,
    ledger_of: LedgerOf | None,
) -> None:
    store = ox.Store(folder)
    back = goal < start
    numbers = range(start, goal, -1) if back else range(start + 1, goal + 1)
    waiting = Sum()
    for number in numbers:
        waiting.add(_step(number, back, journal, base, ledger_of))
        if number == numbers[-1] or len(waiting) > BLOCK:
            head = number - 1 if back else number
            put(store, waiting.change(head), base=base, head=head, in_union=in_union)
            waiting = Sum()
    store.flush()
    del store  # closed: nothing else holds it


def _step(number: int, back: bool, journal: Journal, base: Base, ledger_of: LedgerOf | None) -> Changeset:
    entry, change = journal.entry(number), journal.changeset(number)
    ledger = frozenset(ledger_of(entry, change)) if ledger_of is not None else NO_QUADS
    came = change.created | frozenset(entry.came)
    if back and ledger_of is None:
        came -= {base.graph(LEDGER_GRAPH)}  # the ledger keeps what it says
    whole = replace(change, added=change.added | (ledger - change.removed), created=came)
    return whole.inverse(base=number, reason="") if back else whole


def forget(folder: Path, keep: Path, kept: int = KEPT) -> None:
    """Remove generations that were made, until `kept` are left; `keep` stays."""
    made = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdecimal() or path.name.removesuffix(PARTIAL).isdecimal():
                made.append((path != keep, -path.stat().st_mtime_ns, path))
    for _, _, path in sorted(made)[kept:]:
        old = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.new")
        with contextlib.suppress(OSError):
            path.rename(old)
        shutil.rmtree(old, ignore_errors=True)
