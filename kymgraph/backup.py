"""A copy of a store, made beside whoever writes, and the way back.

A backup is a folder with what a store cannot be made without, and the hash of each file. It is put in place
in one move when all of it is on the disk; and a restored store takes the place of the old one in one move,
after every file was held against its hash. Nothing in a backup is newer than its generation.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from kymgraph import __version__, access
from kymgraph.access import Access
from kymgraph.errors import (
    CannotWrite,
    InputError,
    ProjectError,
    StoreBroken,
    StoreHasCommits,
)
from kymgraph.project import Project
from kymgraph.store import recorded
from kymgraph.store.embedded import RESERVE, EmbeddedStore, exchange, lock, move_pointer
from kymgraph.store.history import link_copy
from kymgraph.store.journal import FIRST_GENERATION, Journal, fsync_folder, timestamp

#: Told of each step: what is done now, how much of it is done, how much there is.
Progress = Callable[[str, int, int], None]

MANIFEST: Final = "backup.json"
#: The version of the folder's layout.
LAYOUT: Final = 1


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    generation: int
    time: str  #: UTC, ISO 8601 with milliseconds and Z
    kymgraph: str  #: the version that made it
    files: dict[str, str]  #: path in the folder -> SHA-256
    layout: int = LAYOUT


# --- making one -----------------------------------------------------------------------------------------


def backup(store: EmbeddedStore, target: Path, *, progress: Progress = lambda step, done, of: None) -> Backup:
    """Copy the store as it is now into a new folder; a server may be running, and commits may come in.

    On the store's own disk the files of the database are linked, not copied.

    Raises InputError for a folder that is not empty, StoreMissing, StoreBroken, and CannotWrite; there is no
    backup then, and nothing else was changed.
    """
    _check_target(store, target)
    target = target.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f"{target.name}.making-", dir=target.parent))
        try:
            made = _copy(store, new, progress)
            new.rename(target)  # over an empty folder, if there is one
            fsync_folder(target.parent)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise CannotWrite(
            f"no backup was made in {target}: {error}; the store is as it was",
            hint="see that the disk has room and the folder is yours, or name another one",
        ) from None
    return made


def _check_target(store: EmbeddedStore, target: Path) -> None:
    store.check_whole()
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise InputError(
            f"{target} is there and not empty; no backup was made",
            hint="name a folder that is not there yet, one for each backup",
        )
    inside, here = target.resolve(), store.folder.resolve()
    if here == inside or here in inside.parents:
        raise InputError(
            f"{target} is in the store itself; no backup was made", hint="name a folder elsewhere"
        )


def _copy(store: EmbeddedStore, new: Path, progress: Progress) -> Backup:
    """All that a backup holds, on the disk when this returns.

    What may be older than the generation comes first: a proposal that is open still though its commit is
    there is accepted once more without effect, and a merge of files finds their edits made already.
    """
    progress("tokens", 0, 1)
    if (store.folder / access.FILE).exists():
        with Access(store.folder / access.FILE) as opened:
            opened.copy_to(new / access.FILE)
    _copy_files(store, new)
    recorded.copy_rules(store.folder, new)
    (new / "checkpoints").mkdir()
    generation = _copy_checkpoints(store, new / "checkpoints", progress)
    progress("history", 0, 1)
    journal = Journal(store.folder / "journal", limit=lambda: generation)
    if journal.last < generation:
        raise journal.lacks(generation)
    journal.copy_to(new / "journal")
    shutil.copyfile(store.folder / "version", new / "version")
    move_pointer(new, generation)
    store.check_whole()
    files = {}
    paths = list(_files(new))
    for done, path in enumerate(paths):
        progress("hashing", done, len(paths))
        files[path.relative_to(new).as_posix()] = _sha256(path)
        fsync_folder(path)
    made = Backup(generation, timestamp(datetime.now(UTC)), __version__, files)
    text = json.dumps(asdict(made), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    (new / MANIFEST).write_text(text, "utf-8")
    fsync_folder(new / MANIFEST)
    for folder in (*(path for path in new.rglob("*") if path.is_dir()), new):
        fsync_folder(folder)
    return made


def _copy_files(store: EmbeddedStore, new: Path) -> None:
    """What the project's files were, in the two files that an import writes one after the other."""
    for _ in range(100):
        before = store.manifest
        shutil.copyfile(store.folder / "files.json", new / "files.json")
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(store.folder / recorded.FILE, new / recorded.FILE)
        if store.manifest == before == EmbeddedStore(new).manifest:
            return
    raise OSError("what is known of the project's files changed all the time")


def _copy_checkpoints(store: EmbeddedStore, folder: Path, progress: Progress) -> int:
    """The current checkpoint, and those that the whole history rests on; gives the current generation."""
    for attempt in range(5):
        progress("checkpoint", attempt, 5)
        generation = store.generation
        try:
            link_copy(store.checkpoint_path(generation), folder / str(generation))
            break
        except FileNotFoundError:  # it was pruned: the store is some generations on
            shutil.rmtree(folder / str(generation), ignore_errors=True)
    else:
        raise OSError("the store went on too fast to be copied")
    for number in store.generations():
        pin = store.folder / "checkpoints" / f"{number}.pin"
        if number < generation and (number == FIRST_GENERATION or pin.exists()):
            try:
                link_copy(pin.with_suffix(""), folder / str(number))
                if pin.exists():
                    (folder / pin.name).touch()
            except FileNotFoundError:
                shutil.rmtree(folder / str(number), ignore_errors=True)
    return generation


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise InputError(f"{path} is no plain file; nothing was changed")
        if path.is_file() and path != folder / MANIFEST:
            yield path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- the way back ---------------------------------------------------------------------------------------


def restore(
    project: Project,
    store: EmbeddedStore,
    source: Path,
    *,
    force: bool = False,
    progress: Progress = lambda step, done, of: None,
) -> Backup:
    """Put what a backup holds in the place of the store: state, history, tokens and proposals.

    Tokens are those of the backup, so one that was revoked since is good again.

    Raises InputError for a folder that is no backup, StoreBroken for one that is not as it was made,
    ProjectError for one of another project, StoreHasCommits unless `force`, StoreLocked while a server runs,
    and CannotWrite; nothing was changed then.
    """
    made = _manifest(source)
    store.check_buildable(discard_history=True)
    if not force:
        _check_replaceable(store)
    folder = store.folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with lock(folder, fcntl.LOCK_EX):
            # The name by which the doctor knows what a build that was cut off has left.
            new = Path(tempfile.mkdtemp(prefix=f"{folder.name}.building-", dir=folder.parent))
            try:
                _unpack(source, made, new, progress)
                _check_fits(project, EmbeddedStore(new), made)
                progress("swapping", 0, 1)
                if not force:
                    _check_replaceable(store)
                _put_in_place(new, folder)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise CannotWrite(
            f"nothing was restored to {folder}: {error}; what was there is unharmed",
            hint="see that the disk has room and the folder is yours, or name another with --store",
        ) from None
    return made


def _manifest(source: Path) -> Backup:
    """What a backup says that it holds; its files are those and no others."""
    try:
        made = Backup(**json.loads((source / MANIFEST).read_text("utf-8")))
        names = {str(name): str(digest) for name, digest in made.files.items()}
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{source} is no backup: it has no {MANIFEST}; nothing was changed",
            hint="name a folder that `kymgraph backup` has made",
        ) from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _tampered(source, f"{MANIFEST} cannot be read ({error})") from None
    if made.layout != LAYOUT:
        raise StoreBroken(
            f"the backup in {source} has layout {made.layout!r}, this kymgraph reads {LAYOUT}; nothing was "
            "changed",
            hint="use the kymgraph that made it",
        )
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.as_posix() != name:
            raise _tampered(source, f"{MANIFEST} names a file {name!r}")
    there = {path.relative_to(source).as_posix() for path in _files(source)}
    if there != names.keys():
        wrong = min(there ^ names.keys())
        raise _tampered(source, f"{wrong} is {'too much' if wrong in there else 'missing'}")
    return made


def _tampered(source: Path, what: str) -> StoreBroken:
    return StoreBroken(
        f"the backup in {source} is not as it was made: {what}; nothing was changed",
        hint="take another backup",
    )


def _check_replaceable(store: EmbeddedStore) -> None:
    """See that nothing goes that only the store has."""
    store.check_buildable(discard_history=True)
    if store.has_commits:
        raise StoreHasCommits(
            f"the store in {store.folder} holds commits, which would be lost; nothing was changed",
            hint="back it up first, then pass --force; or name another with --store",
        )
    if (store.folder / access.FILE).exists():
        with Access(store.folder / access.FILE) as opened:
            if not opened.empty:
                raise StoreHasCommits(
                    f"the store in {store.folder} has tokens or proposals, which would be lost; nothing was "
                    "changed",
                    hint="pass --force if they may go; or name another with --store",
                )


def _unpack(source: Path, made: Backup, new: Path, progress: Progress) -> None:
    """Copy a backup and hold the copy against its hashes; add what is not backed up."""
    need = sum((source / name).stat().st_size for name in made.files) + RESERVE
    if (free := shutil.disk_usage(new).free) < need:
        raise OSError(f"the disk has {free:,} bytes left, and {need:,} must be free")
    for done, (name, digest) in enumerate(sorted(made.files.items())):
        progress("copying", done, len(made.files))
        place = new / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name == access.FILE:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        shutil.copyfile(source / name, place)
        if _sha256(place) != digest:
            raise _tampered(source, f"{name} has another hash")
    (new / "journal").mkdir(exist_ok=True)
    (new / "writer.lock").touch(mode=0o600)
    store = EmbeddedStore(new)
    link_copy(store.checkpoint_path(made.generation), new / "live")


def _check_fits(project: Project, store: EmbeddedStore, made: Backup) -> None:
    """See that what was unpacked is a store, and one of this project."""
    manifest = store.manifest
    if manifest.base != project.base.iri or manifest.default_graph != project.default_graph:
        raise ProjectError(
            f"the backup is of a project with base {manifest.base} ({manifest.default_graph}), this one has "
            f"{project.base.iri} ({project.default_graph}); nothing was changed",
            hint="name the project that it is of with --project",
        )
    view, journal = store.view(), Journal(store.folder / "journal")
    if view.generation != made.generation or journal.last != made.generation:
        raise StoreBroken(
            f"the backup holds generation {view.generation} and commits up to {journal.last}; nothing was "
            "changed",
            hint="take another backup",
        )
    for path in sorted(store.folder.rglob("*")):
        fsync_folder(path)


def _put_in_place(new: Path, folder: Path) -> None:
    if folder.exists():
        exchange(new, folder)
    else:
        new.rename(folder)
    fsync_folder(folder.parent)
