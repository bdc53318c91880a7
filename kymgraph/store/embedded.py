"""The store on this machine: a folder with Oxigraph's files, one checkpoint per generation kept, a pointer.

    version        the version of this layout
    current        the generation that readers open, moved by write, fsync, rename, fsync of the folder
    live/          Oxigraph, read-write; only the writer opens it
    checkpoints/N/ generation N, hard links to the files of `live`, never written again
    journal/       commits, for replay and history
    files.json     what the store was built from: digests of the files, versions
    writer.lock    held while something writes; shared by servers that rely on the store staying in place

In a union project the default graph holds the union of the named graphs as a set. Oxigraph's own union
option is no substitute: it counts a triple that stands in two graphs twice.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, Final

import pyoxigraph as ox

from kymgraph.errors import (
    CannotWrite,
    GenerationNotKept,
    InputError,
    KymgraphError,
    QuerySyntaxError,
    StoreBroken,
    StoreHasCommits,
    StoreLocked,
    StoreMissing,
)
from kymgraph.namespaces import Base
from kymgraph.project import Project
from kymgraph.queries import substitute
from kymgraph.rdf import (
    DEFAULT_GRAPH,
    DefaultGraph,
    NamedNode,
    Quad,
    Subject,
    Term,
    Triple,
    skolemise,
)

#: The version of the folder's layout. A store of another version is rebuilt or migrated, never guessed at.
LAYOUT: Final = 1
FIRST_GENERATION: Final = 1
#: All that a store folder may hold; a folder with anything else in it is never replaced.
_PARTS: Final = frozenset(
    {"version", "current", "live", "checkpoints", "journal", "files.json", "writer.lock"}
    | {"access.sqlite", "writer.sock"}
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a store was built from."""

    base: str
    default_graph: str
    union_exclude: tuple[str, ...]
    files: Mapping[str, str]  #: file name -> digest of its bytes
    versions: Mapping[str, str]  #: kymgraph and pyoxigraph
    quads: int  #: in named graphs, and in the default graph of a strict project
    graphs: Mapping[str, int] = field(default_factory=dict)  #: graph IRI -> its number of triples


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `kymgraph doctor`: what was seen, and what to do about it unless all is well."""

    level: str  #: ok, warning or fault
    what: str
    fix: str | None = None


class CheckpointView:
    """A View of one checkpoint, read in this process."""

    def __init__(self, generation: int, path: Path) -> None:
        self.generation = generation
        self._store = ox.Store.read_only(str(path))

    def quads(
        self,
        subject: Subject | None = None,
        predicate: NamedNode | None = None,
        object: Term | None = None,
        graph: NamedNode | DefaultGraph | None = None,
    ) -> Iterator[Quad]:
        found = self._store.quads_for_pattern(subject, predicate, object, graph)
        if graph is not None:
            return found
        return (quad for quad in found if not isinstance(quad.graph_name, DefaultGraph))

    def graphs(self) -> list[NamedNode]:
        named = (graph for graph in self._store.named_graphs() if isinstance(graph, NamedNode))
        return sorted(named, key=lambda graph: graph.value)

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        text = substitute(text, {name: str(term) for name, term in (bindings or {}).items()})
        try:
            solutions = self._store.query(text)
        except SyntaxError as error:
            raise QuerySyntaxError(error.msg, line=error.lineno, column=error.offset) from None
        if not isinstance(solutions, ox.QuerySolutions):
            raise QuerySyntaxError("a view answers SELECT only")
        names = [variable.value for variable in solutions.variables]
        rows = ({name: solution[name] for name in names} for solution in solutions)
        return [{name: term for name, term in row.items() if term is not None} for row in rows]


class EmbeddedStore:
    """The store in one folder. Opening it reads nothing; each question looks at the disk anew."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._pointer = str(self.folder / "current")
        self._seen = (0, 0), 0  # the pointer as it was last read: inode and time, and the generation

    def __repr__(self) -> str:
        return f"EmbeddedStore({str(self.folder)!r})"

    # -- reading

    @property
    def exists(self) -> bool:
        return (self.folder / "current").is_file()

    @property
    def generation(self) -> int:
        """The generation that is current now. Raises StoreMissing, StoreBroken."""
        try:
            # Looked at for every request. The pointer is replaced as a whole, never written in place, so its
            # inode and time tell whether it has to be read again.
            status = os.stat(self._pointer)  # noqa: PTH116 (a Path costs more than the call)
            seen = (status.st_ino, status.st_mtime_ns)
            if seen == self._seen[0]:
                return self._seen[1]
            descriptor = os.open(self._pointer, os.O_RDONLY | os.O_CLOEXEC)
            try:
                text = os.read(descriptor, 64).decode("ascii")
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise self._missing() from None
        except (OSError, UnicodeDecodeError) as error:
            raise self._broken(f"its pointer `current` cannot be read ({error})") from None
        if not text.strip().isdecimal():
            raise self._broken(f"its pointer `current` holds {text[:40]!r}, not a generation")
        self._seen = seen, int(text)
        return self._seen[1]

    def generations(self) -> list[int]:
        """The generations kept on disk, oldest first."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            names = [path.name for path in (self.folder / "checkpoints").iterdir()]
            return sorted(int(name) for name in names if name.isdecimal())
        return []

    def checkpoint_path(self, generation: int | None = None) -> Path:
        """The folder of a kept generation, by default the current one.

        Raises GenerationNotKept naming the nearest kept one, StoreMissing, StoreBroken.
        """
        current = self.generation
        self._check_layout()
        wanted = current if generation is None else generation
        path = self.folder / "checkpoints" / str(wanted)
        if path.is_dir():
            return path
        kept = self.generations()
        if not kept or wanted == current:
            raise self._broken(f"checkpoint {wanted}, which `current` names, is not there")
        nearest = min(kept, key=lambda kept_one: abs(kept_one - wanted))
        raise GenerationNotKept(
            f"generation {wanted} is not kept on disk; the nearest kept is {nearest}, current is {current}",
            hint=f"ask for {nearest}",
        )

    def view(self, generation: int | None = None) -> CheckpointView:
        """A View of a kept generation, by default the current one."""
        path = self.checkpoint_path(generation)
        try:
            return CheckpointView(int(path.name), path)
        except (OSError, RuntimeError) as error:  # RuntimeError: RocksDB calls the files corrupted
            raise self._broken(f"checkpoint {path.name} cannot be opened ({error})") from None

    @property
    def manifest(self) -> Manifest:
        """What the store was built from. Raises StoreMissing, StoreBroken."""
        try:
            return Manifest(**json.loads((self.folder / "files.json").read_text("utf-8")))
        except FileNotFoundError:
            raise (self._broken("files.json is not there") if self.exists else self._missing()) from None
        except (OSError, ValueError, TypeError) as error:
            raise self._broken(f"files.json cannot be read ({error})") from None

    @property
    def has_commits(self) -> bool:
        """Whether a build would drop history: there is a later generation, or something in the journal.

        What lies on the disk decides, so that a store whose pointer is broken can be built anew, or not.
        """
        journal = self.folder / "journal"
        return self._reached() > FIRST_GENERATION or (
            journal.is_dir() and any(file.stat().st_size for file in journal.iterdir())
        )

    def _reached(self) -> int:
        """The latest generation that the store shows any trace of; 0 without a store."""
        reached = self.generations()
        with contextlib.suppress(StoreMissing, StoreBroken):
            reached.append(self.generation)
        return max(reached, default=0)

    def _check_layout(self) -> None:
        try:
            found = (self.folder / "version").read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._broken(f"its `version` cannot be read ({error})") from None
        if found != str(LAYOUT):
            raise StoreBroken(
                f"the store in {self.folder} has layout {found!r}, this kymgraph reads layout {LAYOUT}; "
                "nothing was changed",
                hint="build it again with `kymgraph build`, or use the kymgraph that wrote it",
            )

    def _missing(self) -> StoreMissing:
        return StoreMissing(
            f"there is no store in {self.folder}",
            hint="build it with `kymgraph build`, or name another with --store",
        )

    def _broken(self, what: str) -> StoreBroken:
        return StoreBroken(
            f"the store in {self.folder} cannot be used: {what}; nothing was changed",
            hint="`kymgraph build` makes it anew from the files; `kymgraph doctor --deep` looks closer",
        )

    # -- locking

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Hold the store in place: while anyone does, it cannot be built anew. Raises StoreLocked."""
        if not self.exists:
            raise self._missing()
        with _lock(self.folder, fcntl.LOCK_SH):
            yield

    # -- building

    def build(
        self,
        quads: Iterable[Quad],
        *,
        project: Project,
        graphs: Iterable[str] = (),
        files: Mapping[str, str] | None = None,
        discard_history: bool = False,
    ) -> Manifest:
        """Write generation 1 from quads in canonical form, beside the store, and put it in place in one move.

        `graphs` are IRIs of graphs that exist even without a quad; `files` are the digests to remember.
        Blank nodes are named if the project says so. A store without commits is replaced.

        Raises StoreHasCommits (unless `discard_history`) and StoreLocked; whatever is raised, the old store
        is as it was and the temporary folder is gone.
        """
        self.check_buildable(discard_history=discard_history)
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            with _lock(self.folder, fcntl.LOCK_EX):
                name, beside = f"{self.folder.name}.building-", self.folder.absolute().parent
                temporary = Path(tempfile.mkdtemp(prefix=name, dir=beside))
                try:
                    manifest = _write(temporary, quads, project, graphs, files or {})
                    self._put_in_place(temporary)
                finally:
                    shutil.rmtree(temporary, ignore_errors=True)
        except OSError as error:
            raise CannotWrite(
                f"the store in {self.folder} could not be written: {error}; what was there is unharmed",
                hint="see that the disk has room and the folder is yours, or name another with --store",
            ) from None
        return manifest

    def _put_in_place(self, new: Path) -> None:
        """Swap `new` and the store's folder; afterwards `new` holds what was there before."""
        if not self.folder.exists():
            try:
                new.rename(self.folder)
            except OSError as error:
                raise StoreLocked(
                    f"another build put a store in {self.folder} meanwhile ({error}); that one stays",
                    hint="run the build again if the files have changed since",
                ) from None
        else:
            _exchange(new, self.folder)
        _fsync(self.folder.absolute().parent)

    def check_buildable(self, *, discard_history: bool = False) -> None:
        """See that a build would replace nothing but a store whose history may go.

        Raises InputError for a file, or a folder that holds something else (whatever `discard_history`
        says), and StoreHasCommits for history that nobody has given up.
        """
        if self.folder.exists() and not self._is_ours():
            raise InputError(
                f"{self.folder} is there and is no store of kymgraph, so no store was put in its place; "
                "nothing was changed",
                hint="name a folder that is empty or not there yet with --store",
            )
        if self.has_commits and not discard_history:
            raise StoreHasCommits(
                f"the store in {self.folder} holds commits (it has reached generation {self._reached()}), "
                "which a build would drop; nothing was changed",
                hint="keep them (`kymgraph export` writes them to the files), or pass --discard-history",
            )

    def _is_ours(self) -> bool:
        """Whether all that is in the folder is what a store is made of, as far as names tell."""
        if not self.folder.is_dir():
            return False
        names = {path.name.removesuffix(".new") for path in self.folder.iterdir()}
        return names <= _PARTS and (names <= {"writer.lock"} or bool(names & {"version", "checkpoints"}))

    def record_files(self, files: Mapping[str, str]) -> None:
        """Remember these digests as those of the files that hold what the store holds (after an export)."""
        _write_manifest(self.folder, replace(self.manifest, files=dict(files)))

    # -- looking after it

    def leftovers(self) -> list[Path]:
        """Temporary folders that a killed build left behind."""
        return sorted(self.folder.absolute().parent.glob(f"{self.folder.name}.building-*"))

    def doctor(self, *, deep: bool = False) -> list[Finding]:
        """What is well and what is not, most basic first. `deep` reads every quad of the current state."""
        findings = [
            Finding("warning", f"a build was cut off and left {path}", f"delete it: rm -r {path}")
            for path in self.leftovers()
        ]
        try:
            path = self.checkpoint_path()
            findings.append(Finding("ok", f"store {self.folder}, layout {LAYOUT}"))
            findings.append(Finding("ok", f"pointer names generation {path.name}, which is there"))
            manifest, view = self.manifest, self.view()
            findings.append(_versions(manifest))
            if deep:
                findings += _deep(view, manifest)
        except KymgraphError as error:
            return [*findings, Finding("fault", error.message, error.hint)]
        if not (self.folder / "live").is_dir():
            findings.append(
                Finding("fault", "the live database is not there; reading works, writing will not",
                        "build the store again: kymgraph build")
            )  # fmt: skip
        else:
            findings.append(Finding("ok", "the live database is there"))
        journal = self.folder / "journal"
        if not journal.is_dir():
            findings.append(Finding("fault", "the journal folder is not there", f"mkdir {journal}"))
        else:
            count = sum(1 for file in journal.iterdir() if file.stat().st_size)
            findings.append(Finding("ok", f"the journal has {count} file(s) with commits"))
        return findings


def _versions(manifest: Manifest) -> Finding:
    different = [
        f"{name} {was} (now {now})"
        for name, was in manifest.versions.items()
        if (now := _package_versions().get(name)) != was
    ]
    if different:
        return Finding(
            "warning", f"the store was written by {', '.join(different)}", "build it again: kymgraph build"
        )
    written = ", ".join(f"{name} {was}" for name, was in manifest.versions.items())
    return Finding("ok", f"written by the versions installed now: {written}")


def _deep(view: CheckpointView, manifest: Manifest) -> list[Finding]:
    """Read every quad; in a union project also hold the default graph against the union of the named ones."""
    project = Project(
        Path(),
        Base(manifest.base),
        default_graph=manifest.default_graph,
        union_exclude=tuple(manifest.union_exclude),
    )
    again = "build the store again: kymgraph build"
    try:
        named = list(view.quads())
        default = {Triple(q.subject, q.predicate, q.object) for q in view.quads(graph=DEFAULT_GRAPH)}
    except (OSError, RuntimeError) as error:
        return [Finding("fault", f"the checkpoint cannot be read through ({error})", again)]
    findings = [Finding("ok", f"{len(named)} quads in {len(view.graphs())} named graphs read")]
    if project.default_graph == "union":
        inside = {graph for graph in view.graphs() if project.in_union(graph.value)}
        union = {Triple(q.subject, q.predicate, q.object) for q in named if q.graph_name in inside}
        if union == default:
            findings.append(Finding("ok", f"the default graph is the union: {len(union)} triples"))
        else:
            findings.append(
                Finding(
                    "fault",
                    f"the default graph differs from the union in {len(union ^ default)} triples",
                    again,
                )
            )
    return findings


def _package_versions() -> dict[str, str]:
    from kymgraph import __version__

    return {"kymgraph": __version__, "pyoxigraph": package_version("pyoxigraph")}


def _write(
    folder: Path, quads: Iterable[Quad], project: Project, graphs: Iterable[str], files: Mapping[str, str]
) -> Manifest:
    """Everything that a store folder holds at generation 1, on the disk when this returns."""
    named = list(quads)
    if project.blank_nodes == "skolem":
        named = skolemise(named, project.base)
    named = list(dict.fromkeys(named))
    counts: dict[str, int] = dict.fromkeys(graphs, 0)
    for quad in named:
        if isinstance(quad.graph_name, NamedNode):
            counts[quad.graph_name.value] = counts.get(quad.graph_name.value, 0) + 1
    union: dict[Quad, None] = {}
    if project.default_graph == "union":
        inside = {iri for iri in counts if project.in_union(iri)}
        for quad in named:
            if isinstance(quad.graph_name, NamedNode) and quad.graph_name.value in inside:
                union[Quad(quad.subject, quad.predicate, quad.object)] = None
    live = ox.Store(folder / "live")
    live.bulk_extend([*named, *union])
    for graph in counts:
        live.add_graph(NamedNode(graph))
    live.optimize()
    # The first checkpoint after a bulk load can take seconds; it is thrown away, so that no reader waits.
    live.backup(folder / "first")
    shutil.rmtree(folder / "first")
    (folder / "checkpoints").mkdir()
    live.backup(folder / "checkpoints" / str(FIRST_GENERATION))
    live.flush()
    del live
    (folder / "journal").mkdir()
    manifest = Manifest(
        base=project.base.iri,
        default_graph=project.default_graph,
        union_exclude=project.union_exclude,
        files=dict(files),
        versions=_package_versions(),
        quads=len(named),
        graphs=dict(sorted(counts.items())),
    )
    _write_manifest(folder, manifest)
    (folder / "version").write_text(f"{LAYOUT}\n", "ascii")
    (folder / "writer.lock").touch(mode=0o600)
    for path in sorted(folder.rglob("*")):
        _fsync(path)
    move_pointer(folder, FIRST_GENERATION)
    return manifest


def move_pointer(folder: Path, generation: int) -> None:
    """Make `generation` the current one; a reader sees the old pointer or the new, nothing between."""
    _replace(folder / "current", f"{generation}\n")


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False, sort_keys=True)
    _replace(folder / "files.json", text + "\n")


def _replace(path: Path, text: str) -> None:
    """Put a new text in place of a file, on the disk, in one step."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    _fsync(path.parent)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _lock(folder: Path, kind: int) -> Iterator[None]:
    """Hold the store's lock, if there is a store. The kernel lets it go when the holder dies."""
    try:
        file = os.open(folder / "writer.lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        yield
        return
    try:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreLocked(
                f"the store in {folder} is in use by another process; nothing was changed",
                hint="stop the server (or wait for the other command), then try again",
            ) from None
        yield
    finally:
        os.close(file)


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders in one step (Linux); elsewhere in two renames."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    at_cwd, exchange = -100, 2
    with contextlib.suppress(AttributeError):
        if libc.renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0:
            return
        if ctypes.get_errno() not in (errno.EINVAL, errno.ENOSYS):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(other))
    aside = one.with_name(one.name + "-old")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)
