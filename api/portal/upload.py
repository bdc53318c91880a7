"""Files that people send: what one would change, what is wrong with it cell by cell, and writing it.

A file is checked each time its page is shown, in the state of now; what is confirmed has to be what the page
showed, by its digest. Who reads the file is the same as for the command line: `kymgraph.intake`, in processes
made to be killed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Literal, cast
from weakref import WeakKeyDictionary

from api import writes
from api.negotiate import Language
from api.portal import desk
from api.portal.desk import Judgement, Refusal
from api.portal.differences import Difference, difference
from api.portal.spool import Spool, Upload
from kymgraph import rdf
from kymgraph.access import Principal
from kymgraph.changeset import Changeset
from kymgraph.commit import Request
from kymgraph.dataset import Dataset
from kymgraph.errors import (
    ChangeConflict,
    GateRejected,
    InputError,
    KymgraphError,
    RdfSyntaxError,
    SheetRefused,
)
from kymgraph.gate.locate import Locator
from kymgraph.intake.apart import SheetRows, from_sheet_apart, rows_apart
from kymgraph.intake.columns import Model
from kymgraph.intake.faults import Cell, Fault
from kymgraph.intake.sheet import SheetChange
from kymgraph.intake.tables import letter
from kymgraph.intake.template import listing, template
from kymgraph.rdf import NamedNode
from kymgraph.report import Report
from kymgraph.store.rules import Rules, named_graph

if TYPE_CHECKING:
    from api.deps import Services

#: What RDF does to its graphs.
MODES: Final = ("add", "replace", "remove")
Mode = Literal["add", "replace", "remove"]
#: Suffixes that are read as a spreadsheet, if only to say why they are none.
SHEETS: Final = (".xlsx", ".csv", ".tsv", ".txt", ".xlsm", ".xls", ".ods")
PATCHES: Final = (".rdfp",)
#: Suffixes of RDF, for the window in which a browser has files chosen.
RDF: Final = (".ttl", ".trig", ".nt", ".nq", ".rdf", ".jsonld")
#: Faults that a page lists, and rows and columns that its grid shows.
FAULTS: Final = 200
ROWS: Final = 40
COLUMNS: Final = 60


@dataclass(frozen=True, slots=True)
class CellFault:
    """One thing to mend in a spreadsheet."""

    number: int
    sheet: str
    row: int
    column: str
    header: str
    value: str
    message: str
    mend: str
    anchor: str  #: the id of its cell in the grid; "" if that does not show it

    @property
    def place(self) -> str:
        """As spreadsheets call it: D5, or the letter or number alone."""
        return f"{self.column}{self.row or ''}" if self.column else str(self.row or "")


@dataclass(frozen=True, slots=True)
class GridCell:
    """One cell of the grid, and the numbers of the faults in it."""

    column: str
    text: str
    faults: tuple[int, ...]
    anchor: str


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of one sheet that have faults, as they stand in the file."""

    sheet: str
    columns: tuple[tuple[str, str], ...]  #: letter and header
    rows: tuple[tuple[int, tuple[GridCell, ...]], ...]  #: by row number
    cut: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file would come to now."""

    faults: tuple[CellFault, ...] = ()
    count: int = 0  #: of all faults
    grids: tuple[Grid, ...] = ()
    judgement: Judgement | None = None
    difference: Difference | None = None
    refusal: Refusal | None = None
    line: int | None = None  #: where RDF cannot be read
    column: int | None = None
    digest: str = ""  #: of the change, which confirming repeats
    base: int = 0
    graphs: tuple[str, ...] = ()
    publishes: bool = False

    @property
    def ready(self) -> bool:
        """Whether it can be written."""
        return self.judgement is not None and self.judgement.accepted and not self.empty

    @property
    def empty(self) -> bool:
        made = self.difference
        return made is not None and not made.added and not made.removed


class FileKind(InputError):
    """A file of a kind that is not read here."""

    code = "file-kind"


class FileMissing(InputError):
    """A form without a file."""

    code = "file-missing"


class FileSize(InputError):
    """A file that is empty or too large."""

    code = "file-size"


class OtherChange(ChangeConflict):
    """What the file would change by now is not what its sender was shown."""

    code = "upload-moved"


def spool(services: Services) -> Spool:
    """Where files wait."""
    return Spool(services.dataset.store.folder)


def suffix_of(name: str) -> str:
    """What a file is by its name; of a packed one what is in it.

    >>> suffix_of("hankkeet.CSV"), suffix_of("a.nq.gz"), suffix_of("README")
    ('.csv', '.nq', '')
    """
    path = PurePath(name.lower())
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix


def graph_of(services: Services, given: str) -> str:
    """The graph that somebody names, as it is kept; "" for none. Raises BadParameter, GraphNotWritable."""
    if not given:
        return ""
    node = named_graph(services.project, given)
    Rules.of(services.project).check(node)
    return services.project.base.graph_name(node.value) or node.value


async def graphs(services: Services, principal: Principal) -> list[str]:
    """Names of the graphs that somebody may write to, for a list to choose from."""
    base, protected = services.project.base, Rules.of(services.project).protected
    names = [
        base.graph_name(iri) or iri
        for iri in await services.graphs.names()
        if iri not in protected and not iri.startswith(base.graph("harvest") + "/")
    ]
    return sorted(name for name in names if not principal.graphs or name in principal.graphs)


# --- checking -------------------------------------------------------------------------------------------


def maker(services: Services, lang: Language, upload: Upload, data: bytes) -> writes.Make:
    """How the change of a file is made, in the state of now. Raises FileKind."""
    suffix, packed = suffix_of(upload.name), upload.name.lower().endswith(".gz")
    graph = named_graph(services.project, upload.graph) if upload.graph else None
    if suffix in SHEETS:
        return lambda: _sheet(services, lang, upload, data, graph)
    if suffix in PATCHES:
        media_type = "application/rdf-patch"
    else:
        try:
            media_type = rdf.format_for(PurePath(upload.name).name).media_types[0]
        except InputError:
            raise FileKind(f"nothing was checked: files like {upload.name!r} are not read here") from None
    return writes.maker(
        services,
        media_type,
        data,
        lang=lang,
        client="",
        graph=graph,
        mode=cast(Mode, upload.mode),
        coding="gzip" if packed else "",
    )


async def _sheet(
    services: Services, lang: Language, upload: Upload, data: bytes, graph: NamedNode | None
) -> SheetChange:
    path = services.dataset.store.checkpoint_path()
    return await asyncio.to_thread(
        from_sheet_apart,
        data,
        project=services.project,
        checkpoint=path,
        generation=int(path.name),
        graph=graph,
        lang=lang,
        suffix=_whole_suffix(upload.name),
        name=upload.name,
    )


async def check(
    services: Services, lang: Language, principal: Principal, upload: Upload, data: bytes
) -> Checked:
    """What a file would come to: faults by cell, or the difference and what the gate says of it."""
    try:
        made = await maker(services, lang, upload, data)()
    except SheetRefused as error:
        found = [fault for fault in error.faults if isinstance(fault, Fault)]
        listed = [
            (fault.cell, fault.value, fault.message.text(lang), fault.mend.text(lang)) for fault in found
        ]
        return await _faulty(lang, upload, data, listed)
    except RdfSyntaxError as error:
        return Checked(refusal=desk.refusal(error, lang), line=error.line, column=error.column)
    except KymgraphError as error:
        return Checked(refusal=desk.refusal(error, lang))
    change = _change(made)
    names = writes.names_of(services, change)
    try:
        principal.require("editor", graphs=names)
        outcome = await writes.check(services, Request(change))
        report = outcome.report
    except GateRejected as error:
        if not isinstance(error.report, Report):
            raise
        report = error.report
    except KymgraphError as error:
        return Checked(refusal=desk.refusal(error, lang), difference=await difference(services, lang, change))
    faulty = Checked()
    if isinstance(made, SheetChange):
        report = made.located(report, lang)
        if not report.accepted:
            faulty = await _faulty(lang, upload, data, _stopping(made, report, lang))
    else:
        report = Locator.of_text(upload.name, writes.as_text(data)).located(report)
    return replace(
        faulty,
        judgement=desk.judgement(services, lang, report),
        difference=await difference(services, lang, change),
        digest=change.digest,
        base=change.base,
        graphs=tuple(names),
        publishes=principal.may("publisher", graphs=names),
    )


def _change(made: writes.Made) -> Changeset:
    return made if isinstance(made, Changeset) else made.change


_Told = tuple[Cell, str, str, str]


def _stopping(made: SheetChange, report: Report, lang: Language) -> list[_Told]:
    """What the gate refuses, by cell."""
    return [
        (cell, "" if result.value is None else getattr(result.value, "value", ""), result.message(lang), "")
        for result in report.results
        if result.rejects and (cell := made.cell(result)) is not None
    ]


async def _faulty(lang: Language, upload: Upload, data: bytes, listed: Sequence[_Told]) -> Checked:
    """Faults as a list, and the rows that they stand in as a grid."""
    shown = listed[:FAULTS]
    wanted: dict[str, set[int]] = defaultdict(set)
    for cell, *_ in shown:
        if cell.row and sum(map(len, wanted.values())) < ROWS:
            wanted[cell.sheet].add(cell.row)
    tables: list[SheetRows] = []
    if wanted:
        try:
            tables = await asyncio.to_thread(
                rows_apart, data, wanted, suffix=_whole_suffix(upload.name), name=upload.name, lang=lang
            )
        except KymgraphError:
            tables = []  # what cannot be read at all has no rows to show; the list says what is wrong
    numbers: dict[tuple[str, int, str], list[int]] = defaultdict(list)
    for number, (cell, *_) in enumerate(shown, 1):
        numbers[cell.sheet, cell.row, cell.column].append(number)
    grids = tuple(_grid(place, table, numbers) for place, table in enumerate(tables))
    anchors = {
        number: found.anchor
        for grid in grids
        for _, row in grid.rows
        for found in row
        for number in found.faults
    }
    faults = tuple(
        CellFault(
            number,
            cell.sheet,
            cell.row,
            cell.column,
            cell.header.partition(" [")[0].rstrip("* "),
            value,
            message,
            mend,
            anchors.get(number, ""),
        )
        for number, (cell, value, message, mend) in enumerate(shown, 1)
    )
    return Checked(faults=faults, count=len(listed), grids=grids)


def _grid(place: int, table: SheetRows, numbers: Mapping[tuple[str, int, str], Sequence[int]]) -> Grid:
    every = sorted({*table.headers, *(column for cells in table.rows.values() for column in cells)})
    wrong = {
        column for row in table.rows for column in every if (table.sheet, row, letter(column)) in numbers
    }
    # The first column says which thing a row is; empty ones would only push the faulty ones out of sight.
    filled = {column for cells in table.rows.values() for column in cells}
    columns = sorted({*every[:1], *sorted(filled)[:COLUMNS], *wrong})
    return Grid(
        table.sheet,
        tuple((letter(column), table.headers.get(column, "")) for column in columns),
        tuple((row, _cells(place, table, row, columns, numbers)) for row in sorted(table.rows)),
        len(columns) < len(every),
    )


def _cells(
    place: int,
    table: SheetRows,
    row: int,
    columns: Iterable[int],
    numbers: Mapping[tuple[str, int, str], Sequence[int]],
) -> tuple[GridCell, ...]:
    found = []
    for column in columns:
        name = letter(column)
        faults = tuple(numbers.get((table.sheet, row, name), ()))
        anchor = f"cell-{place}-{name}{row}" if faults else ""
        found.append(GridCell(name, table.rows[row].get(column, ""), faults, anchor))
    return tuple(found)


def _whole_suffix(name: str) -> str:
    return suffix_of(name) + (".gz" if name.lower().endswith(".gz") else "")


# --- writing --------------------------------------------------------------------------------------------


async def write(
    services: Services,
    lang: Language,
    asked: writes.Asked,
    upload: Upload,
    data: bytes,
    digest: str,
    *,
    propose: bool,
) -> desk.Written:
    """Write what was checked. Raises OtherChange if it is another change by now, and what refuses it."""
    make = maker(services, lang, upload, data)

    async def same() -> writes.Made:
        made = await make()
        if _change(made).digest != digest:
            raise OtherChange("nothing was written: the graph has changed since the file was checked")
        return made

    return desk.Written.of(await writes.carry_out(services, asked, same, propose=propose))


# --- templates ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Class:
    """A class that has a template: how it is called in paths, its label, how many things of it there are."""

    name: str
    label: str
    count: int


#: The classes of each dataset in its newest generation, by language: they are read anew after each commit.
_CLASSES: WeakKeyDictionary[Dataset, tuple[int, dict[str, list[Class]]]] = WeakKeyDictionary()


def classes(services: Services, lang: Language) -> list[Class]:
    """The classes that have a template, by label."""
    dataset = services.dataset
    generation = dataset.generation
    kept = _CLASSES.get(dataset)
    if kept is None or kept[0] != generation:
        kept = _CLASSES[dataset] = (generation, {})
    if lang not in kept[1]:
        model = Model(dataset.view(), services.project)
        kept[1][lang] = [Class(*row) for row in listing(model, lang)]
    return kept[1][lang]


def template_of(services: Services, lang: Language, name: str, format: str) -> bytes:
    """The empty spreadsheet of a class. Raises BadParameter for an unknown class, InputError for a format."""
    model = Model(services.dataset.view(), services.project)
    return template(model, model.find_class(name), format=format, lang=lang)
