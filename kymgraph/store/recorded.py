"""What the project's files held when the store took them in: the base of a three-way merge, and the rules.

The rules (settings, shapes, policy) that changes are judged by are those of the store, not those that lie in
the project's folder meanwhile: an edited shape counts once `kymgraph import` or `build` has held all data
against it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kymgraph.project import Project
from kymgraph.rdf import FORMATS, Quad, canonical_nquads, parse

#: Sorted canonical N-Quads of all files, in the store's folder.
FILE: Final = "files.nq.gz"
#: The folder of copies of the rules, by digest; `current` in it is a link to those that hold.
RULES: Final = "rules"
_CURRENT: Final = "current"


def packed(quads: Iterable[Quad]) -> bytes:
    """The file's bytes; the same for the same quads."""
    return gzip.compress(canonical_nquads(quads), 6, mtime=0)


def read(folder: Path) -> list[Quad] | None:
    """What the files held; None in a store that a version before this file has built."""
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return None
    return parse(gzip.decompress(data), FORMATS["nq"], name=FILE)


def keep_rules(folder: Path, project: Project) -> None:
    """Copy the project's rules into the store's folder; from the next change on they are what is judged by.

    Raises OSError; those that held then hold on.
    """
    files = {project.name_of(path): path.read_bytes() for path in project.rule_files()}
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{name}\n{len(data)}\n".encode() + data)
    place = folder / RULES / digest.hexdigest()[:32]
    if not place.is_dir():
        new = place.with_name(f"{place.name}.{secrets.token_hex(4)}.new")
        for name, data in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(data)
        new.rename(place)
    link, current = place.with_name(f"{_CURRENT}.{secrets.token_hex(4)}.new"), place.with_name(_CURRENT)
    link.symlink_to(place.name)
    if current.is_dir() and not current.is_symlink():  # as `copy_rules` leaves it
        shutil.rmtree(current)
    os.replace(link, current)  # noqa: PTH105 - the link itself, not what it leads to
    for old in place.parent.iterdir():
        if old.name not in (place.name, _CURRENT):
            with contextlib.suppress(OSError):
                shutil.rmtree(old)


def copy_rules(old: Path, new: Path) -> None:
    """Give another store's folder the rules that hold in this one."""
    if (current := old / RULES / _CURRENT).is_dir():
        shutil.copytree(current, new / RULES / _CURRENT)


def rules(folder: Path, project: Project) -> Path:
    """The folder of the rules that hold in a store, a graph project without data; else the project's own."""
    kept = folder / RULES / _CURRENT
    return kept if kept.is_dir() else project.folder
