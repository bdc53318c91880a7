"""Bringing the index to a generation: by the changesets since the one it is at, or anew.

Who updates holds a file lock, so only one process does. Anew means: into another file, which takes the place
of the old one when it is whole; by changesets means: in one transaction. Cut off anywhere, the old index
stays as it was, and readers never wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

from kymgraph import words
from kymgraph.changeset import Changeset
from kymgraph.errors import CannotWrite, CommitNotFound, KymgraphError
from kymgraph.project import Project
from kymgraph.search import file
from kymgraph.search.entries import Reader
from kymgraph.view import View

log: Final = logging.getLogger("kymgraph.search")

#: Names the file that is the index now.
POINTER: Final = "current"
_LOCK: Final = "lock"
#: Above this share of the entries an update costs more than building anew (benchmarks/search.py --updates).
_SHARE: Final = 0.5
#: Below so many changed entries the index is never built anew for their number.
_FEW: Final = 200


class Source(Protocol):
    """What an index follows: a `Dataset`, which is a layer above."""

    @property
    def generation(self) -> int: ...
    def view(self, at: int | None = None) -> View: ...
    def entry(self, number: int) -> Any: ...
    def changeset(self, number: int) -> Changeset: ...


@dataclass(frozen=True, slots=True)
class State:
    """Where an index is: its file and the generation that it holds."""

    path: Path
    generation: int
    head: str  #: the id of the commit that made the generation; "" for the first
    entries: int


def current(folder: Path) -> Path | None:
    """The file that is the index now, if there is one."""
    try:
        name = (folder / POINTER).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    if not name.startswith("index-") or Path(name).name != name:
        return None
    return folder / name


def state(folder: Path, project: Project) -> State | None:
    """Where the index in a folder is; None if there is none, or one that has to be built anew."""
    path = current(folder)
    if path is None or not path.is_file():
        return None
    try:
        with contextlib.closing(open_to_read(path)) as connection:
            return state_of(connection, path, project)
    except sqlite3.Error:
        return None


def state_of(connection: sqlite3.Connection, path: Path, project: Project) -> State | None:
    """Where an index that is open is; None if it was made for something else. Raises sqlite3.Error."""
    values = file.meta(connection)
    if values.get("made_for") != made_for(project):
        return None
    return State(path, int(values["generation"]), str(values["head"]), int(values["entries"]))


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads. Raises sqlite3.Error."""
    connection = file.connect(path)
    try:
        connection.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        # In a folder that nobody may write to, WAL cannot keep its shared memory; nobody changes it either.
        if os.access(path.parent, os.W_OK):
            raise
        connection = file.connect(path, immutable=True)
    return connection


def made_for(project: Project) -> str:
    """What has to be the same for an index to be of use: project, layout, and how words are cut."""
    return json.dumps(
        [
            file.LAYOUT,
            words.VERSION,
            version("simplemma"),
            project.base.iri,
            project.default_graph,
            sorted(project.union_exclude),
        ]
    )


def bring(folder: Path, project: Project, source: Source, *, anew: bool = False) -> int:
    """Bring the index in a folder to the newest generation, and give that. Raises CannotWrite.

    Whoever comes while another process updates waits for it, and then finds little left to do.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with _locked(folder):
            return _bring(folder, project, source, anew=anew)
    except (OSError, sqlite3.Error) as error:
        raise CannotWrite(
            f"the search index in {folder} could not be brought up to date: {error}; the data are unharmed",
            hint="see that the disk has room and the folder is yours; the next search makes it again",
        ) from None


def _bring(folder: Path, project: Project, source: Source, *, anew: bool) -> int:
    here = None if anew else state(folder, project)
    if here is not None and here.generation == source.generation and _is_of(here, source):
        return here.generation
    view = source.view()
    reader = Reader(view, project)
    if here is not None and here.generation < view.generation and _is_of(here, source):
        affected = _affected(here, view, reader, source)
        if affected is not None:
            try:
                _update(here.path, affected, reader, _values(project, source, view.generation))
                return view.generation
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):  # no room, say: that is no damage
                    raise
                log.warning("the search index is damaged and built anew: %s", error)
    _build(folder, reader, _values(project, source, view.generation))
    return view.generation


def _values(project: Project, source: Source, generation: int) -> dict[str, Any]:
    return {"made_for": made_for(project), "generation": generation, "head": _head(source, generation)}


def _head(source: Source, generation: int) -> str:
    try:
        return str(source.entry(generation).id)
    except CommitNotFound:
        return ""


def _is_of(here: State, source: Source) -> bool:
    """Whether the index holds a state that this dataset was in."""
    return here.generation <= source.generation and _head(source, here.generation) == here.head


def _affected(here: State, view: View, reader: Reader, source: Source) -> set[str] | None:
    """The resources to look at anew; None if they are so many that the index is better built anew."""
    most = max(_FEW, int(here.entries * _SHARE))
    try:
        numbers = range(here.generation + 1, view.generation + 1)
        return reader.affected((source.changeset(number) for number in numbers), most=most)
    except KymgraphError as error:
        log.info("the search index is built anew, as the changes since are not known: %s", error)
        return None


def _update(path: Path, affected: set[str], reader: Reader, values: dict[str, Any]) -> None:
    with contextlib.closing(file.connect(path, writing=True)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            writer = file.Writer(connection)
            for iri in sorted(affected):
                writer.put(iri, reader.entry(iri))
            writer.finish(values)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _build(folder: Path, reader: Reader, values: dict[str, Any]) -> None:
    path = folder / f"index-{uuid.uuid4().hex}.sqlite"
    try:
        with contextlib.closing(file.connect(path, writing=True)) as connection:
            # A file that nobody reads yet needs no journal: cut off, it is deleted.
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            file.create(connection)
            connection.execute("BEGIN")
            writer = file.Writer(connection)
            for entry in reader.all():
                writer.put(entry.iri, entry)
            writer.finish(values)
            connection.execute("INSERT INTO posting (posting) VALUES ('optimize')")
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL")
        _sync(path)
        pointer = folder / f"{POINTER}.new"
        pointer.write_text(path.name + "\n", "ascii")
        _sync(pointer)
        pointer.replace(folder / POINTER)
        _sync(folder)
    except BaseException:
        _delete(path)
        raise
    for other in folder.glob("index-*.sqlite"):
        if other != path:  # who reads it goes on reading: the file goes when the last one lets go
            _delete(other)


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of an index; the kernel lets it go when the holder dies. Raises OSError."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
