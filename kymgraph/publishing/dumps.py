"""Dumps: the datasets of one generation as files, with their checksums, made once and never altered.

    dumps/<generation>/<dataset>.<suffix>   one file per dataset and format
    dumps/<generation>/SHA256SUMS           for `sha256sum --check`
    dumps/<generation>/manifest.json        what stands here: read it with `newest`
    dumps/lock                              held by the process that makes dumps

There is a dataset for each source graph, called like it, and `kymgraph` for the whole: all graphs but those
that the project leaves out of its union (ledger, catalogue and shapes have documents of their own; what was
harvested is others'). Only what is published is in the graph, so nothing else can be in a dump.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kymgraph import __version__
from kymgraph.errors import CannotWrite, StoreLocked
from kymgraph.project import LEDGER_GRAPH, ONTOLOGY_GRAPH, SHAPES_GRAPH, Project
from kymgraph.publishing.dump_files import KINDS, Content, labels_of, write
from kymgraph.publishing.statistics import Statistics, measure
from kymgraph.rdf import DEFAULT_GRAPH, NamedNode
from kymgraph.store.embedded import RESERVE
from kymgraph.store.journal import fsync_folder
from kymgraph.view import UNION, View

#: The folder of the dumps in a store's folder.
FOLDER: Final = "dumps"
#: The dataset that is the whole.
WHOLE: Final = "kymgraph"
SUMS: Final = "SHA256SUMS"
MANIFEST: Final = "manifest.json"
#: Generations whose dumps are kept: the newest, and the one that a reader may be in the middle of.
KEPT: Final = 2
_LAYOUT: Final = 1
_NEW: Final = ".new-"
#: Graphs of ours that are no dataset of their own where a project does not name its sources.
_OWN: Final = frozenset({ONTOLOGY_GRAPH, SHAPES_GRAPH, LEDGER_GRAPH, "catalog", "translations", "links"})

#: Told of each step: what is done now, how much of it is done, how much there is.
Progress = Callable[[str, int, int], None]


def _silent(step: str, done: int, of: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class DumpFile:
    """One file: where it lies, its size in bytes, its SHA-256 in hexadecimal, and how much is in it."""

    path: Path
    bytes: int
    sha256: str
    triples: int
    left_out: int = 0  #: triples that the format cannot hold


@dataclass(frozen=True, slots=True)
class Dumps:
    """The dumps of one generation."""

    generation: int
    built: datetime.datetime  #: when the store was built: the earliest that its datasets may have changed
    files: Mapping[tuple[str, str], DumpFile]  #: by name of the dataset and suffix
    statistics: Mapping[str, Statistics] = field(default_factory=dict)  #: by name of the dataset

    @property
    def names(self) -> tuple[str, ...]:
        """The datasets, the whole first."""
        return tuple(dict.fromkeys(name for name, _ in self.files))

    @property
    def sums(self) -> bytes:
        """What SHA256SUMS holds."""
        lines = sorted((f"{name}.{suffix}", file.sha256) for (name, suffix), file in self.files.items())
        return "".join(f"{digest}  {name}\n" for name, digest in lines).encode()


def sources(view: View, project: Project) -> list[str]:
    """The graphs that are datasets of their own: those that `[sources]` names, else all that hold data."""
    base = project.base
    there = [
        name
        for graph in view.graphs()
        if (name := base.graph_name(graph.value)) is not None
        and name != WHOLE
        and project.in_union(graph.value)
    ]
    if project.sources:
        return [name for name in there if name in project.sources]
    return [name for name in there if name not in _OWN]


def content_of(name: str, view: View, project: Project) -> Content:
    """What a dataset is made of."""
    if name != WHOLE:
        return Content(view, [NamedNode(project.base.graph(name))])
    named = [graph for graph in view.graphs() if project.in_union(graph.value)]
    if project.default_graph == "union":
        return Content(view, named, union=UNION)
    return Content(view, [DEFAULT_GRAPH, *named])


def make(
    view: View,
    project: Project,
    folder: Path,
    *,
    built: datetime.datetime,
    progress: Progress = _silent,
    still_ours: Callable[[], bool] = lambda: True,
) -> Dumps:
    """Make the dumps of a view in `folder`/<generation>, in one step, and drop those that are older.

    `still_ours` is asked before they are put in place: whether the store is still the one that was read.
    Call it while holding `lock`. Raises CannotWrite; what was there is unharmed then.
    """
    place = folder / str(view.generation)
    new = None
    try:
        for left in folder.glob(_NEW + "*"):
            shutil.rmtree(left, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=_NEW, dir=folder))
        made = _fill(view, project, new, built, progress)
        if not still_ours():
            raise OSError("the store was replaced meanwhile")
        if place.exists():
            aside = new.with_name(new.name + "-old")
            place.rename(aside)
            new.rename(place)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            new.rename(place)
        fsync_folder(folder)
        _forget(folder, view.generation)
    except OSError as error:
        raise CannotWrite(
            f"the dumps could not be written to {folder}: {error.strerror or error}; those that were there "
            "are unharmed",
            hint="see that the disk has room and the folder is yours",
        ) from None
    finally:
        if new is not None:
            shutil.rmtree(new, ignore_errors=True)
    return _moved(made, new, place)


def write_out(
    view: View,
    project: Project,
    folder: Path,
    *,
    built: datetime.datetime,
    progress: Progress = _silent,
) -> Dumps:
    """Put the dumps of a view into a folder of the caller's, file by file. Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_NEW, dir=folder) as temporary:
            made = _fill(view, project, Path(temporary), built, progress)
            for path in sorted(path for path in Path(temporary).rglob("*") if path.is_file()):
                target = folder / path.relative_to(temporary)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
            return _moved(made, Path(temporary), folder)
    except OSError as error:
        raise CannotWrite(
            f"the dumps could not be written to {folder}: {error.strerror or error}; files that stand there "
            "are whole, old or new",
            hint="see that the disk has room and the folder is yours",
        ) from None


def _moved(made: Dumps, old: Path, new: Path) -> Dumps:
    files = {
        key: DumpFile(new / file.path.relative_to(old), file.bytes, file.sha256, file.triples, file.left_out)
        for key, file in made.files.items()
    }
    return Dumps(made.generation, made.built, files, made.statistics)


def _fill(view: View, project: Project, folder: Path, built: datetime.datetime, progress: Progress) -> Dumps:
    names = [WHOLE, *sources(view, project)]
    labels = labels_of(view, project.languages)
    files: dict[tuple[str, str], DumpFile] = {}
    statistics: dict[str, Statistics] = {}
    for name in names:
        content = content_of(name, view, project)
        statistics[name] = measure(content.stored(), ours=project.base.ids)
        for kind in KINDS.values():
            progress("dumping", len(files), len(names) * len(KINDS))
            path = folder / f"{name}.{kind.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as output:
                count, left_out = write(output, kind, content, project, labels)
                output.flush()
                os.fsync(output.fileno())
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            files[name, kind.suffix] = DumpFile(path, path.stat().st_size, digest, count, left_out)
            if shutil.disk_usage(folder).free < RESERVE:
                raise OSError("the disk is nearly full")
    made = Dumps(view.generation, built, files, statistics)
    for name, text in ((SUMS, made.sums), (MANIFEST, _manifest(made, project, folder))):
        with (folder / name).open("wb") as output:
            output.write(text)
            output.flush()
            os.fsync(output.fileno())
    fsync_folder(folder)
    return made


def _forget(folder: Path, newest: int) -> None:
    """Delete all dumps but the newest; a reader who has opened one reads it to its end."""
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
    # What is newer than the newest belongs to a store that was here before.
    kept = [number for number in numbers if number <= newest][-KEPT:]
    for number in numbers:
        if number not in kept:
            shutil.rmtree(folder / str(number), ignore_errors=True)


# --- the manifest -----------------------------------------------------------------------------------------


def _manifest(dumps: Dumps, project: Project, folder: Path) -> bytes:
    document = {
        "layout": _LAYOUT,
        "kymgraph": __version__,
        "base": project.base.iri,
        "generation": dumps.generation,
        "built": dumps.built.isoformat(),
        "files": [
            {
                "dataset": name,
                "suffix": suffix,
                "file": file.path.relative_to(folder).as_posix(),
                "bytes": file.bytes,
                "sha256": file.sha256,
                "triples": file.triples,
                "left_out": file.left_out,
            }
            for (name, suffix), file in dumps.files.items()
        ],
        "statistics": {name: numbers.to_dict() for name, numbers in dumps.statistics.items()},
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def newest(folder: Path, *, upto: int | None = None) -> Dumps | None:
    """The newest dumps in a folder, of no later generation than `upto`; None where there are none.

    Those of another version of kymgraph do not count: they are made again.
    """
    try:
        numbers = sorted((int(p.name) for p in folder.iterdir() if p.name.isdecimal()), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return None
    for number in numbers:
        if upto is None or number <= upto:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                return _read(folder / str(number))
    return None


def _read(folder: Path) -> Dumps:
    given: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    if given["layout"] != _LAYOUT or given["kymgraph"] != __version__:
        raise ValueError("made by another version")
    files = {
        (one["dataset"], one["suffix"]): DumpFile(
            folder / one["file"], one["bytes"], one["sha256"], one["triples"], one["left_out"]
        )
        for one in given["files"]
    }
    statistics = {name: Statistics.from_dict(one) for name, one in given["statistics"].items()}
    return Dumps(given["generation"], datetime.datetime.fromisoformat(given["built"]), files, statistics)


# --- who makes them ---------------------------------------------------------------------------------------


def built(store: Path) -> datetime.datetime:
    """When the store in a folder was built, to the second."""
    seconds = int((store / "version").stat().st_mtime)
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the right to make dumps in a folder, which is made. Raises StoreLocked, CannotWrite."""
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotWrite(
            f"no dumps can be made in {folder}: {error.strerror}; nothing was written",
            hint="see that the folder is yours, or name another with --out",
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreLocked(
                f"another process is making the dumps in {folder}; nothing was written",
                hint="wait for it: it makes those of the newest generation",
            ) from None
        yield
    finally:
        os.close(descriptor)
