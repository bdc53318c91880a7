"""The store on this machine: a folder with Oxigraph's files, one checkpoint per generation kept, a pointer.

    version        the version of this layout
    current        the generation that readers open, moved by write, fsync, rename, fsync of the folder
    live/          Oxigraph, read-write; only the writer opens it
    checkpoints/N/ generation N, hard links to the files of `live`, never written again
    journal/       commits, for replay and history
    history/       older generations, made when somebody asked for them
    search/        the search index, made again whenever it is not there
    dumps/         the newest generations as files, made again whenever they are not there
    files.json     what the store was built from: digests of the files, versions
    redaction.json what a redaction was to do that was cut off
    writer.lock    held while something writes; shared by servers that rely on the store staying in place

In a union project the default graph holds the union of the named graphs as a set. Oxigraph's own union
option is no substitute: it counts a triple that stands in two graphs twice.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyoxigraph as ox

from kymgraph import access
from kymgraph.errors import (
    CannotWrite,
    CommitNotFound,
    GenerationNotKept,
    InputError,
    KymgraphError,
    StoreBroken,
    StoreHasCommits,
    StoreLocked,
    StoreMissing,
)
from kymgraph.namespaces import Base
from kymgraph.project import LEDGER_GRAPH, Project
from kymgraph.rdf import (
    DEFAULT_GRAPH,
    BlankNode,
    NamedNode,
    Quad,
    Triple,
    skolemise,
)
from kymgraph.store import recorded
from kymgraph.store.apply import StoreView, head_of, is_head
from kymgraph.store.journal import FIRST_GENERATION, Journal
from kymgraph.store.journal import fsync_folder as _fsync

if TYPE_CHECKING:
    from kymgraph.store.history import LedgerOf

#: What a redaction that is not finished is to do; while it is in a store's folder nobody else writes there.
REDACTION: Final = "redaction.json"
#: The version of the folder's layout. A store of another version is rebuilt or migrated, never guessed at.
LAYOUT: Final = 1
#: What to do where there is one.
RESUME: Final = "finish it: kymgraph redact --resume"
#: Bytes that must stay free on the disk: with none left, not even a refusal could be recorded.
RESERVE: Final = 64 * 1024 * 1024
#: The doctor warns below so many bytes.
NEARLY_FULL: Final = 1024**3
#: All that a store folder may hold; a folder with anything else in it is never replaced.
_PARTS: Final = frozenset(
    {
        "version",
        "current",
        "live",
        "checkpoints",
        "journal",
        "history",
        "search",
        "dumps",
        "linking",
        "uploads",
        "files.json",
        "writer.lock",
        recorded.FILE,
        recorded.RULES,
        REDACTION,
    }
    | {*access.FILES, "writer.sock"}
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


class CheckpointView(StoreView):
    """A View of one checkpoint, read in this process."""

    def __init__(self, generation: int, path: Path) -> None:
        super().__init__(generation, ox.Store.read_only(str(path)))


class EmbeddedStore:
    """The store in one folder. Opening it reads nothing; each question looks at the disk anew."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._pointer = str(self.folder / "current")
        self._journal: Journal | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None  # for generations made; gone with us
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
    def journal(self) -> Journal:
        """The commits up to the current generation."""
        if self._journal is None:
            self._journal = Journal(self.folder / "journal", limit=lambda: self.generation)
        return self._journal

    def generation_at(self, time: datetime.datetime) -> int:
        """The generation that was current at a time (UTC if it names no zone); the first one before that."""
        return min(self.journal.number_at(time), self.generation)

    def state_at(self, generation: int, *, ledger_of: LedgerOf | None = None) -> Path:
        """A folder that can be opened for reading, with the state of any generation within FAR commits of a
        kept checkpoint.

        A generation that no checkpoint holds is made in STORE/history, or in a temporary folder where that
        cannot be written to, and kept until others were asked for more lately: open it at once. `ledger_of`
        gives the ledger quads of a commit; without it the graph `ledger` is that of the checkpoint which the
        state was made from, not of the generation (all other graphs are, and so is the union).

        Raises GenerationNotKept naming the nearest checkpoint, StoreMissing, StoreBroken, CannotWrite.
        """
        from kymgraph.store import history

        current = self.generation
        if not FIRST_GENERATION <= generation <= current:
            raise GenerationNotKept(
                f"there is no generation {generation}: they go from {FIRST_GENERATION} to {current}",
                hint=f"ask for one from {FIRST_GENERATION} to {current}",
            )
        for _ in range(3):  # a checkpoint may be pruned while it is being copied
            with contextlib.suppress(GenerationNotKept):
                return self.checkpoint_path(generation)
            kept = [number for number in self.generations() if number <= current]
            nearest = min(kept, key=lambda number: abs(number - generation))
            if abs(nearest - generation) > history.FAR:
                raise GenerationNotKept(
                    f"generation {generation} is not kept on disk, and {nearest}, the nearest kept, is more "
                    f"than {history.FAR} commits away",
                    hint=f"ask for {nearest}",
                )
            try:
                return self._made(generation, nearest, ledger_of)
            except FileNotFoundError as error:
                gone: OSError | RuntimeError = error
            except CommitNotFound as error:
                raise GenerationNotKept(
                    f"generation {generation} is not kept on disk, and cannot be made: {error.message}",
                    hint=f"ask for {nearest}",
                ) from None
            except (OSError, RuntimeError) as error:
                gone = error
                break
        raise CannotWrite(
            f"generation {generation} could not be made from {nearest}: {gone}; nothing was changed",
            hint=f"see that the disk has room, or ask for {nearest}",
        )

    def _made(self, generation: int, nearest: int, ledger_of: LedgerOf | None) -> Path:
        from kymgraph.store import history

        name = f"{generation}{history.PARTIAL if ledger_of is None else ''}"
        for folder in self._history_folders():
            place = folder / name
            try:
                if not place.is_dir():
                    history.materialise(
                        self.folder / "checkpoints" / str(nearest),
                        place,
                        generation,
                        journal=self.journal,
                        base=Base(self.manifest.base),
                        in_union=self.in_union,
                        ledger_of=ledger_of,
                    )
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                    continue
                raise
            with contextlib.suppress(OSError):
                os.utime(place)
            history.forget(folder, place)
            return place
        raise PermissionError(f"neither {self.folder} nor a temporary folder can be written to")

    def _history_folders(self) -> Iterator[Path]:
        """Where generations may be made, best first."""
        folder = self.folder / "history"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            yield folder
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="kymgraph-history-")
        yield Path(self._temporary.name)

    @property
    def in_union(self) -> Callable[[str], bool] | None:
        """Which named graphs, by IRI, the default graph is the set of; None where it is itself."""
        project = _project(self.manifest)
        return project.in_union if project.default_graph == "union" else None

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
        with lock(self.folder, fcntl.LOCK_SH):
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
            with lock(self.folder, fcntl.LOCK_EX):
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
            with access.carried(self.folder, new):  # tokens and proposals are no part of what is built
                exchange(new, self.folder)
        _fsync(self.folder.absolute().parent)

    def check_buildable(self, *, discard_history: bool = False) -> None:
        """See that a build would replace nothing but a store whose history may go.

        Raises InputError for a file, or a folder that holds something else (whatever `discard_history`
        says), and StoreHasCommits for history that nobody has given up.
        """
        self.check_whole()
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
        # Tokens may be made before there is a store.
        without_store = names <= {"writer.lock", *access.FILES}
        return names <= _PARTS and (without_store or bool(names & {"version", "checkpoints"}))

    def record_files(self, files: Mapping[str, str], quads: Iterable[Quad]) -> None:
        """Remember what the files are now (digests by name) and what they hold, as the base of an import."""
        _replace(self.folder / recorded.FILE, recorded.packed(quads))
        _write_manifest(self.folder, replace(self.manifest, files=dict(files)))

    def check_whole(self) -> None:
        """Raise StoreBroken if a redaction was cut off: it is to be finished before anything is written."""
        if (self.folder / REDACTION).exists():
            raise StoreBroken(
                f"a redaction of the store in {self.folder} was cut off; nothing was changed",
                hint=RESUME,
            )

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
        if (self.folder / REDACTION).exists():
            findings.append(
                Finding("fault", "a redaction was cut off; reading works, nothing is written", RESUME)
            )
        try:
            path = self.checkpoint_path()
            findings.append(Finding("ok", f"store {self.folder}, layout {LAYOUT}"))
            findings.append(Finding("ok", f"pointer names generation {path.name}, which is there"))
            manifest, view = self.manifest, self.view()
            findings.append(_versions(manifest))
        except KymgraphError as error:
            return [*findings, Finding("fault", error.message, error.hint)]
        if deep:
            findings += _deep(view, manifest)
        return [*findings, *self._write_side(view.generation, deep=deep), *self._disk()]

    def _write_side(self, generation: int, *, deep: bool) -> list[Finding]:
        """The journal, the live database, what is half done: looked at while nobody writes, if possible."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(lock(self.folder, fcntl.LOCK_SH))
                writing = None
                findings = [Finding("ok", "nobody is writing to the store")]
            except StoreLocked as error:
                writing = error.message
                findings = [Finding("ok", writing.removesuffix("; nothing was changed"))]
            except OSError as error:
                return [Finding("fault", f"writer.lock cannot be opened ({error})", "make the folder yours")]
            try:
                journal, more = self._examine_journal(generation, beside_writer=writing is not None)
                if deep and journal is not None:
                    more += _counts(self.view(generation), self.manifest, journal, generation)
            except KymgraphError as error:
                more = [Finding("fault", error.message, error.hint)]
                journal = None
            except (OSError, RuntimeError) as error:
                more = [Finding("fault", f"the journal or checkpoint cannot be read ({error})", _BACKUP)]
                journal = None
            if not (self.folder / "live" / "CURRENT").is_file():
                findings.append(
                    Finding("fault", "the live database is not there; reading works meanwhile", _ANEW)
                )
            elif writing is None:
                findings.append(self._examine_live(journal.last if journal else generation))
            else:
                findings.append(Finding("ok", "the live database is there"))
            findings += more
            if writing is None:
                findings += [
                    Finding("warning", f"something was cut off and left {path}", "the next write removes it")
                    for path in self._half_done()
                ]
        return findings

    def _examine_journal(
        self, generation: int, *, beside_writer: bool
    ) -> tuple[Journal | None, list[Finding]]:
        folder = self.folder / "journal"
        if not folder.is_dir():
            fix = _BACKUP if generation > FIRST_GENERATION else f"mkdir {folder}"
            return None, [Finding("fault", "the journal folder is not there", fix)]
        if beside_writer:
            count = max(self.journal.last - FIRST_GENERATION, 0)
            return self.journal, [Finding("ok", f"the journal reaches to commit {count + FIRST_GENERATION}")]
        journal = Journal(folder)
        last, torn = journal.last, journal.torn
        if last < generation:
            raise journal.lacks(generation)
        findings = [Finding("ok", f"the journal has {max(last - FIRST_GENERATION, 0)} commit(s)")]
        if torn is not None:
            findings.append(
                Finding(
                    "warning",
                    f"the last {torn.length} bytes of {torn.file} are an append that was cut off; nothing of "
                    "it was acknowledged",
                    "the next write cuts them off",
                )
            )
        if last > generation:
            findings.append(
                Finding(
                    "warning",
                    f"commits {generation + 1} to {last} are in the journal but not published yet",
                    "the next write, or the start of the server, publishes them",
                )
            )
        return journal, findings

    def _examine_live(self, last: int) -> Finding:
        try:
            known = head_of(ox.Store.read_only(str(self.folder / "live")), Base(self.manifest.base))
        except (OSError, RuntimeError) as error:
            return Finding("fault", f"the live database cannot be opened ({error}); reading works", _ANEW)
        if known == last:
            return Finding("ok", f"the live database knows commit {known}, the last one")
        how = "the next write brings it up to that" if known < last else _ANEW
        return Finding("warning", f"the live database knows commit {known}, the last one is {last}", how)

    def _half_done(self) -> list[Path]:
        """What only a process that was ended leaves behind, while nobody writes."""
        folders = (self.folder, self.folder / "checkpoints", self.folder / "history")
        return sorted(
            path for folder in folders for pattern in ("*.new", "*.old") for path in folder.glob(pattern)
        )

    def _disk(self) -> list[Finding]:
        free = shutil.disk_usage(self.folder).free
        said = f"the disk of the store has {free / 1e9:.1f} GB free"
        if free < RESERVE:
            what = f"the disk of the store is full: {free:,} bytes are free, so nothing is written any more"
            return [Finding("fault", what, f"make room: writing goes on from {RESERVE:,} bytes on")]
        if free < NEARLY_FULL:
            return [Finding("warning", said, "make room before it is full: nothing would be written then")]
        return [Finding("ok", said)]


_BACKUP: Final = "put the store back from a backup"
_ANEW: Final = "the next write, or the start of the server, makes it anew from the newest checkpoint"


def _counts(view: CheckpointView, manifest: Manifest, journal: Journal, generation: int) -> list[Finding]:
    """Hold what is there, graph by graph, against what the build and every commit since say there should be.

    The ledger is left out: what commits say there is not in the journal.
    """
    ledger = Base(manifest.base).graph(LEDGER_GRAPH)
    expected = Counter(dict(manifest.graphs))
    strict = manifest.default_graph == "strict"
    if strict:
        expected[""] = manifest.quads - sum(manifest.graphs.values())
    first = journal.first
    if first is not None and first > FIRST_GENERATION + 1:
        return [Finding("warning", f"the journal begins with commit {first}; older history is gone", "")]
    for number in range(FIRST_GENERATION + 1, generation + 1):
        change = journal.changeset(number)
        for quads, sign in ((change.removed, -1), (change.added, 1)):
            for quad in quads:
                expected[_name(quad)] += sign
    found = Counter(_name(quad) for quad in view.quads())
    if strict:
        found[""] = sum(1 for _ in view.quads(graph=DEFAULT_GRAPH))
    wrong = sorted(
        iri for iri in expected.keys() | found.keys() if iri != ledger and expected[iri] != found[iri]
    )
    if not wrong:
        return [Finding("ok", "every graph holds as much as the build and the commits since say")]
    name = wrong[0]
    return [
        Finding(
            "fault",
            f"{len(wrong)} graph(s) do not hold what the commits say: <{name}> has {found[name]} quads, "
            f"{expected[name]} should be there",
            "keep a copy of the store, end the server and delete the folder `live`: the next write makes it "
            "anew; if that does not help, put the store back from a backup",
        )
    ]


def _name(quad: Quad) -> str:
    return quad.graph_name.value if isinstance(quad.graph_name, NamedNode | BlankNode) else ""


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


def _project(manifest: Manifest) -> Project:
    """The settings that the store was built with, as far as it knows them."""
    return Project(
        Path(),
        Base(manifest.base),
        default_graph=manifest.default_graph,
        union_exclude=tuple(manifest.union_exclude),
    )


def _deep(view: CheckpointView, manifest: Manifest) -> list[Finding]:
    """Read every quad; in a union project also hold the default graph against the union of the named ones."""
    project = _project(manifest)
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
    named = [quad for quad in dict.fromkeys(named) if not is_head(project.base, quad)]
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
    (folder / recorded.FILE).write_bytes(recorded.packed(named))
    recorded.keep_rules(folder, project)
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


def _replace(path: Path, text: str | bytes) -> None:
    """Put a new text in place of a file, on the disk, in one step."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    _fsync(path.parent)


@contextlib.contextmanager
def lock(folder: Path, kind: int) -> Iterator[None]:
    """Hold the store's lock, if there is a store. The kernel lets it go when the holder dies.

    Raises StoreLocked, naming the process that writes if it left its number.
    """
    try:
        file = _locked(folder, kind)
    except (FileNotFoundError, NotADirectoryError):
        yield
        return
    try:
        yield
    finally:
        os.close(file)


def _locked(folder: Path, kind: int) -> int:
    path = folder / "writer.lock"
    access = os.O_RDWR if kind == fcntl.LOCK_EX else os.O_RDONLY
    while True:
        file = os.open(path, access | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            # A build that ended between these lines has put another folder in place, with its own lock.
            if os.fstat(file).st_ino == path.stat().st_ino:
                if kind == fcntl.LOCK_EX:
                    os.ftruncate(file, 0)
                    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
                return file
            os.close(file)
        except BlockingIOError:
            holder = os.pread(file, 20, 0).decode("ascii", "replace").strip()
            os.close(file)
            by = f"process {holder}" if holder.isdecimal() else "another process"
            raise StoreLocked(
                f"the store in {folder} is in use by {by}; nothing was changed",
                hint="stop the server (or wait for the other command), then try again",
            ) from None
        except BaseException:
            os.close(file)
            raise


def exchange(one: Path, other: Path) -> None:
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
