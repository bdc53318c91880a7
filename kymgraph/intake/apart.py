"""A stranger's spreadsheet, read in a process made to be killed: it may be built to take for ever.

`from_sheet_apart` gives and raises what `from_sheet` does; `rows_apart` shows rows as they stand in
the file. The child sees one checkpoint, read-only, and the project's settings; it has no network, no more
memory than it is given, and ends at its deadline. One child reads one file: spreadsheets are rare, and a
second to start is not felt.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from kymgraph import errors
from kymgraph.changeset import Changeset, from_patch, new_id, to_patch
from kymgraph.errors import InputError, KymgraphError, SheetRefused
from kymgraph.intake import tables
from kymgraph.intake.faults import Cell, CellError, Fault, Faults, Text, refusal, shown
from kymgraph.intake.sheet import SheetChange, from_sheet
from kymgraph.project import Project
from kymgraph.rdf import NamedNode
from kymgraph.store.embedded import CheckpointView
from kymgraph.store.worker import no_network

#: Seconds that reading one file may take, and MB of memory.
DEADLINE: Final = 30.0
MEMORY_MB: Final = 2000

#: What the child may see of our environment: nothing that could hold a secret.
_ENVIRONMENT: Final = ("PATH", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_PACKAGE_ROOT: Final = str(Path(__file__).resolve().parent.parent.parent)
#: The package that the parent runs, behind the standard library and before any other copy of it.
_START: Final = """
import sys
root = sys.argv[1]
if root not in sys.path:
    at = [n for n, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))]
    sys.path.insert(at[0] if at else len(sys.path), root)
from kymgraph.intake.apart import main
main()
"""


def from_sheet_apart(
    data: bytes,
    *,
    project: Project,
    checkpoint: Path,
    generation: int,
    suffix: str,
    graph: NamedNode | str | None = None,
    lang: str = "fi",
    name: str | None = None,
    cls: str | None = None,
    deadline: float = DEADLINE,
    memory_mb: int = MEMORY_MB,
) -> SheetChange:
    """Read a spreadsheet against the state in `checkpoint` (`EmbeddedStore.checkpoint_path(generation)`).

    Blocks: call it in a thread. Raises what `from_sheet` raises, and SheetRefused for a file that took more
    than `deadline` seconds or `memory_mb`. Of the origins, rows and fields come back, not single quads.
    """
    head = {
        "project": str(project.folder),
        "checkpoint": str(checkpoint),
        "generation": generation,
        "suffix": suffix,
        "graph": graph.value if isinstance(graph, NamedNode) else graph,
        "lang": lang,
        "name": name,
        "cls": cls,
        "memory_mb": memory_mb,
    }
    first, patch = _asked(head, data, deadline, name, lang)
    answer: dict[str, Any] = json.loads(first)
    if "error" in answer:
        raise _error(answer["error"])
    cells = [Cell(*cell) for cell in answer["cells"]]
    return SheetChange(
        _change(patch, generation),
        {NamedNode(iri): cells[n] for iri, n in answer["rows"]},
        answer["file"],
        {(iri, path): cells[n] for iri, path, n in answer["fields"]},
    )


@dataclass(frozen=True, slots=True)
class SheetRows:
    """Some rows of one sheet as people see them: headers and cells as text, by column number."""

    sheet: str
    headers: dict[int, str]
    rows: dict[int, dict[int, str]]  #: by row number


def rows_apart(
    data: bytes,
    rows: Mapping[str, Collection[int]],
    *,
    suffix: str,
    name: str,
    lang: str = "fi",
    deadline: float = DEADLINE,
    memory_mb: int = MEMORY_MB,
) -> list[SheetRows]:
    """The rows of these numbers, by name of sheet, with the header of each: to show faults where they are.

    Blocks: call it in a thread. Raises SheetRefused and the like for a file that cannot be read at all.
    """
    wanted = {sheet: sorted(numbers) for sheet, numbers in rows.items()}
    head = {"show": wanted, "suffix": suffix, "name": name, "lang": lang, "memory_mb": memory_mb}
    first, _ = _asked(head, data, deadline, name, lang)
    answer: dict[str, Any] = json.loads(first)
    if "error" in answer:
        raise _error(answer["error"])
    return [
        SheetRows(sheet, _numbered(headers), {int(row): _numbered(cells) for row, cells in found.items()})
        for sheet, headers, found in answer["tables"]
    ]


def _numbered(cells: Mapping[str, str]) -> dict[int, str]:
    return {int(column): text for column, text in cells.items()}


def _asked(
    head: Mapping[str, Any], data: bytes, deadline: float, name: str | None, lang: str
) -> tuple[bytes, bytes]:
    """What the child answers: a line of JSON, and what follows it."""
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-c", _START, _PACKAGE_ROOT],
            input=json.dumps(head).encode() + b"\n" + data,
            capture_output=True,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
            timeout=deadline,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(name, lang) from None
    if done.returncode == 1 and b"MemoryError" not in done.stderr:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise KymgraphError(f"nothing was written: reading the spreadsheet failed: {last[:300]}")
    if done.returncode != 0:  # the system ended it, or an allocation failed
        raise _too_slow(name, lang)
    first, _, rest = done.stdout.partition(b"\n")
    return first, rest


def _too_slow(name: str | None, lang: str) -> SheetRefused:
    faults = Faults()
    faults.add(CellError("file-too-slow"), Cell(name or ""))
    return SheetRefused(refusal(faults, lang), faults.sorted())


def _change(patch: bytes, generation: int) -> Changeset:
    read = from_patch(patch)
    return Changeset(base=generation, removed=read.removed, added=read.added, id=new_id())


def _error(said: dict[str, Any]) -> KymgraphError:
    if said["kind"] == "SheetRefused":
        faults = tuple(
            Fault(f["code"], Cell(*f["cell"]), f["value"], Text(*f["message"]), Text(*f["mend"]))
            for f in said["faults"]
        )
        return SheetRefused(said["message"], faults, hint=said["hint"])
    kind = getattr(errors, said["kind"], InputError)
    error = kind.__new__(kind)
    assert isinstance(error, KymgraphError)
    KymgraphError.__init__(error, said["message"], hint=said["hint"])
    return error


# --- in the child ---------------------------------------------------------------------------------------


def main() -> None:
    """Shut the process in, read one file, say what came of it."""
    with contextlib.suppress(OSError):  # where there is no seccomp, nothing here asks for the network anyway
        no_network()
    head = json.loads(sys.stdin.buffer.readline())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = int(head["memory_mb"]) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    patch = b""
    data = sys.stdin.buffer.read()
    try:
        if "show" in head:
            _say(_shown(data, head), b"")
        made = from_sheet(
            data,
            project=Project.load(Path(head["project"])),
            view=CheckpointView(head["generation"], Path(head["checkpoint"])),
            **{key: head[key] for key in ("suffix", "graph", "lang", "name", "cls")},
        )
        answer, patch = _outcome(made), to_patch(made.change)
    except KymgraphError as error:
        answer = {"error": _said(error)}
    _say(answer, patch)


def _say(answer: Mapping[str, Any], patch: bytes) -> NoReturn:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + patch)
    sys.stdout.buffer.flush()
    os._exit(0)  # a large state is not taken apart piece by piece


def _shown(data: bytes, head: Mapping[str, Any]) -> dict[str, Any]:
    """The header and the wanted rows of each sheet, as text that is short and harmless."""
    name = str(head["name"])
    try:
        found = tables.read(data, head["suffix"], name.removesuffix(".gz").rpartition(".")[0])
    except CellError as error:
        faults = Faults()
        faults.add(error, Cell(name))
        raise SheetRefused(refusal(faults, head["lang"]), faults.sorted()) from None
    told = []
    for table in found:
        wanted = set(head["show"].get(table.name, ()))
        if not wanted or not table.rows:
            continue
        first = table.rows[0]
        rows = {row.number: row.cells for row in table.rows if row.number in wanted}
        told.append([table.name, _texts(first.cells), {n: _texts(cells) for n, cells in rows.items()}])
    return {"tables": told}


def _texts(cells: Mapping[int, object]) -> dict[int, str]:
    return {column: shown(value) for column, value in cells.items()}


def _outcome(made: SheetChange) -> dict[str, Any]:
    numbers: dict[Cell, int] = {}

    def number(cell: Cell) -> int:
        return numbers.setdefault(cell, len(numbers))

    rows = [[key.value, number(cell)] for key, cell in made.origins.items() if isinstance(key, NamedNode)]
    fields = [[iri, path, number(cell)] for (iri, path), cell in made.fields.items()]
    cells = [[cell.sheet, cell.row, cell.column, cell.header] for cell in numbers]
    return {"rows": rows, "fields": fields, "cells": cells, "file": made.file}


def _said(error: KymgraphError) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
    if isinstance(error, SheetRefused):
        said["faults"] = [
            {
                "code": fault.code,
                "cell": [fault.cell.sheet, fault.cell.row, fault.cell.column, fault.cell.header],
                "value": fault.value,
                "message": list(fault.message),
                "mend": list(fault.mend),
            }
            for fault in error.faults
            if isinstance(fault, Fault)
        ]
    return said
