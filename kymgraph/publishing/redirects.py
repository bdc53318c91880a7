"""Renamed things: which IRI took the place of which, as the project's table `data/redirects.csv` says.

The file has a header and one row per renamed thing:

    from,to,since,reason
    programme/maakuntaohjelma-2022,programme/maakuntaohjelma-2022-2025,2026-11-22,the years were missing

`from` and `to` are IRIs under the project's base, in full or as what follows `…/id/`; `since` (a date) and
`reason` are for people. Who asks for the old IRI is sent to the new one for good (301). The list goes before
the data. A row must lead to a name that is not itself renamed: chains and loops are refused when read.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kymgraph.errors import BadParameter, ProjectError
from kymgraph.project import Project
from kymgraph.queries import term_iri

FILE: Final = "data/redirects.csv"
_COLUMNS: Final = ["from", "to", "since", "reason"]


@dataclass(frozen=True, slots=True)
class Redirect:
    """One renamed thing."""

    old: str
    new: str
    since: str
    reason: str


def load(project: Project) -> dict[str, Redirect]:
    """The redirects of a project by old IRI, if it has any. Raises ProjectError naming the line."""
    path = project.folder / FILE
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return parse(csv.reader(file), project)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProjectError(f"{FILE} could not be read: {error}", hint="save it as CSV in UTF-8") from None


def parse(rows: Iterable[list[str]], project: Project) -> dict[str, Redirect]:
    """The redirects in the rows of the file, header first. Raises ProjectError naming the line.

    >>> from pathlib import Path
    >>> rows = [["from", "to", "since", "reason"], ["place/a", "place/b", "2026-11-22", "spelling"]]
    >>> [redirect] = parse(rows, Project(Path("."))).values()
    >>> redirect.new
    'https://w3id.org/kymgraph/id/place/b'
    """
    found: dict[str, Redirect] = {}
    lines: dict[str, int] = {}
    for line, row in enumerate(rows, 1):
        if line == 1:
            if row != _COLUMNS:
                raise _wrong(line, f"the header is {','.join(row)!r}", f"write {','.join(_COLUMNS)}")
            continue
        if not row:
            continue
        if len(row) != len(_COLUMNS):
            raise _wrong(line, f"it has {len(row)} cells", f"write {len(_COLUMNS)}: {','.join(_COLUMNS)}")
        old, new = (_iri(project, cell.strip(), line) for cell in row[:2])
        if old in found:
            raise _wrong(line, f"{old} is renamed in line {lines[old]} already", "keep one of the two")
        since = row[2].strip()
        try:
            datetime.date.fromisoformat(since)
        except ValueError:
            raise _wrong(line, f"since is {since!r}, no date", "write it as 2026-11-22") from None
        found[old], lines[old] = Redirect(old, new, since, row[3].strip()), line
    for old, redirect in found.items():
        if redirect.new in found:
            end = _end(found, old)
            if end is None:
                raise _wrong(lines[old], f"{old} leads back to itself", "take one row of the loop away")
            raise _wrong(
                lines[old],
                f"{old} leads to {redirect.new}, which line {lines[redirect.new]} renames again",
                f"let it lead to {end}",
            )
    return found


def _end(found: dict[str, Redirect], old: str) -> str | None:
    """Where a chain ends; None if it is a loop."""
    seen, at = {old}, found[old].new
    while at in found:
        if at in seen:
            return None
        seen.add(at)
        at = found[at].new
    return at


def _iri(project: Project, cell: str, line: int) -> str:
    iri = cell if "://" in cell else project.base.ids + cell
    try:
        term_iri(iri)
    except BadParameter:
        raise _wrong(line, f"{cell!r} is no IRI", "write what follows …/id/, or the whole IRI") from None
    if not iri.startswith(project.base.ids) or iri == project.base.ids:
        raise _wrong(line, f"{iri} is not under {project.base.ids}", "only names of this project are served")
    return iri


def _wrong(line: int, what: str, hint: str) -> ProjectError:
    return ProjectError(f"{FILE}:{line}: {what}", hint=hint)
