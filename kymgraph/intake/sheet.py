"""A spreadsheet that a planner filled in, as a change: every row is one thing, every column a field.

A row of a known id changes the fields whose cells are filled and leaves the rest; a dash empties a field; a
row of a new id makes a thing. Either the whole file is taken or nothing of it: all faults are collected, each
with its cell, and raised together. Each quad remembers its cell, so that what the gate finds afterwards can
be shown by cell too. The layout is `kymgraph.intake.columns`, reading files is `kymgraph.intake.tables`.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from kymgraph.changeset import Changeset, new_id
from kymgraph.errors import BadParameter, GraphNotWritable, InputError, SheetRefused
from kymgraph.intake import tables
from kymgraph.intake.columns import (
    CALLED,
    DESCRIPTION,
    FILL_IN,
    NOTHING,
    PASSAGE,
    PREF_LABEL,
    TYPE,
    Column,
    Layout,
    Model,
    did_you_mean,
    local,
)
from kymgraph.intake.dates import Stamp, forms, parse_boolean, parse_time
from kymgraph.intake.faults import MEND_ALL, Cell, CellError, Faults, Text, refusal
from kymgraph.intake.numbers import parse_euros, parse_number
from kymgraph.intake.tables import Row, Table, Value, Wrong, letter
from kymgraph.namespaces import KYM, XSD
from kymgraph.project import Project
from kymgraph.rdf import DEFAULT_GRAPH, DefaultGraph, Literal, NamedNode, Quad, Term, canonical
from kymgraph.report import Location, Report
from kymgraph.store.rules import Rules, named_graph
from kymgraph.view import View

__all__ = ["REMOVE", "Cell", "SheetChange", "from_sheet", "slug_of"]

#: What empties a field; a spreadsheet likes to make a longer dash of the short one.
REMOVE: Final = frozenset("-–—−")
#: Names in the project's other languages are ours, not the sources': they have a graph of their own.
TRANSLATIONS: Final = "translations"
TRANSLATED: Final = ("background", "lineage")
#: Most characters of a cell; spreadsheets have the same limit.
LONGEST: Final = 32_767
#: What a file is called that came without a name, over HTTP; a cell's own place says enough then.
UNNAMED: Final = "input"
#: Most characters of an id that is made from a name.
SLUG: Final = 100
#: Most non-blank lines of a passage (docs/decisions/0004-evidence.md).
PASSAGE_LINES: Final = 4
#: For so many unknown names a similar one is looked for; a file full of them needs another cure.
SUGGESTIONS: Final = 25

#: The text of lines `first` to `last` of a source document, joined by line feeds; None if it lacks them.
Lines: TypeAlias = Callable[[str, int, int], str | None]
Target: TypeAlias = NamedNode | DefaultGraph


class _Result(Protocol):
    """What `locate` needs of a `kymgraph.report.Result`."""

    @property
    def focus(self) -> Term: ...
    @property
    def path(self) -> Term | None: ...
    @property
    def value(self) -> Term | None: ...


@dataclass(frozen=True)
class SheetChange:
    """A changeset, and which cell each part of it comes from."""

    change: Changeset
    #: For each added quad its cell, and for each thing (its IRI) its row.
    origins: Mapping[Quad | NamedNode, Cell]
    file: str = UNNAMED
    #: The cell of a field of a thing, be it empty, by IRI of thing and property.
    fields: Mapping[tuple[str, str], Cell] = field(default_factory=dict)

    def cell(self, result: _Result) -> Cell | None:
        """The cell that a result of the gate is about: of the value, else of the field, else the row."""
        focus, path, value = result.focus, result.path, result.value
        if isinstance(focus, NamedNode):
            if isinstance(path, NamedNode):
                for quad, cell in self._by_thing.get(focus, ()):
                    if quad.predicate == path and quad.object == value:
                        return cell
                if found := self.fields.get((focus.value, path.value)):
                    return found
            if focus in self.origins:
                return self.origins[focus]
        return self.origins.get(value) if isinstance(value, NamedNode) else None

    @cached_property
    def _by_thing(self) -> dict[NamedNode, list[tuple[Quad, Cell]]]:
        found: dict[NamedNode, list[tuple[Quad, Cell]]] = defaultdict(list)
        for quad, cell in self.origins.items():
            if isinstance(quad, Quad) and isinstance(quad.subject, NamedNode):
                found[quad.subject].append((quad, cell))
        return found

    def locate(self, result: _Result, lang: str = "en") -> str:
        """Where a result of the gate is, in words (`hanke, rivi 5, sarake D (…)`); "" if not in the file."""
        cell = self.cell(result)
        return cell.text(lang) if cell else ""

    def located(self, report: Report, lang: str = "en") -> Report:
        """The report with the cell of each result as its place, for people to read."""
        return replace(
            report,
            results=tuple(
                replace(result, source=Location(self._place(cell, lang)))
                if (cell := self.cell(result))
                else result
                for result in report.results
            ),
        )

    def _place(self, cell: Cell, lang: str) -> str:
        """File and cell; nothing twice where the sheet bears the name of the file, as that of a CSV does."""
        if self.file == UNNAMED:
            return cell.text(lang)
        named = cell.sheet == self.file.removesuffix(".gz").rpartition(".")[0]
        return f"{self.file}: {(replace(cell, sheet='') if named else cell).text(lang)}"

    def location(self, term: Term, graph: NamedNode | None = None) -> Location | None:
        """Where a thing is described, as `gate.full.validate` asks for it (`locate=`)."""
        cell = self.origins.get(term) if isinstance(term, NamedNode) else None
        return Location(f"{self.file}#{cell.sheet}" if cell.sheet else self.file, cell.row) if cell else None


def from_sheet(
    data: bytes | Path,
    *,
    project: Project,
    view: View,
    graph: NamedNode | str | None = None,
    lang: str = "fi",
    suffix: str | None = None,
    name: str | None = None,
    cls: str | None = None,
    lines: Lines | None = None,
    id: str | None = None,
    agent: str = "",
    source: str = "",
    reason: str = "",
) -> SheetChange:
    """Read a filled-in spreadsheet (CSV or XLSX) into a changeset against `view`.

    `graph` takes the rows that have no graph of their own in the column `graph`; a row of a thing that stands
    in one graph needs none. `suffix` names the format of bytes (`.xlsx`, `.csv`, also `.gz`), `cls` the class
    of sheets that do not say it, `lines` gives the text of source lines, so that passages which are not there
    yet can be made. `lang` is the language of the refusal.

    Raises SheetRefused with every fault by cell, UnsafePayload for a file made to do harm, GraphNotWritable
    for `graph`, BadParameter for an unknown `graph` or `cls`. Nothing is written here.

        change = from_sheet(Path("hankkeet.xlsx"), project=project, view=view, graph="hankkeet-2027")
    """
    if isinstance(data, Path):
        name, suffix = name or data.name, suffix or _suffix(data)
    if suffix is None:
        raise InputError("say in which format these bytes are: .xlsx or .csv")
    target = named_graph(project, graph) if isinstance(graph, str) else graph
    if target is not None:
        Rules.of(project).check(target)
    stem = (name or "").removesuffix(".gz").rpartition(".")[0]
    faults = Faults()
    try:
        found = tables.read(tables.load(data) if isinstance(data, Path) else data, suffix, stem)
    except CellError as error:
        faults.add(error, Cell(name or ""))
        raise _refused(faults, lang) from None
    reader = _Reader(project, Model(view, project), target, lines, faults, lang)
    for table in found:
        reader.sheet(table, cls)
    reader.rows()
    if faults:
        raise _refused(faults, lang)
    quads, removed, origins, fields = reader.result()
    change = Changeset(
        base=view.generation,
        removed=frozenset(removed),
        added=frozenset(quads),
        agent=agent,
        source=source,
        reason=reason,
        id=id or new_id(),
    )
    return SheetChange(change, origins, name or UNNAMED, fields)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return path.with_suffix("").suffix.lower() + suffix if suffix == ".gz" else suffix


def _refused(faults: Faults, lang: str) -> SheetRefused:
    return SheetRefused(refusal(faults, lang), faults.sorted(), hint=MEND_ALL.text(lang))


_ADD_COLUMN: Final = Text(
    "Lisää taulukkoon sarake ”{header}” ja täytä se.",
    "Lägg till kolumnen ”{header}” i tabellen och fyll i den.",
    "Add the column “{header}” to the sheet and fill it in.",
)
#: What to do about a name that nothing resembles.
_ADD_FIRST: Final = Text(
    " Jos kohde on uusi, lisää se ensin oman luokkansa taulukkoon.",
    " Om objektet är nytt, lägg först till det i tabellen för dess klass.",
    " If it is new, add it first, in the sheet of its class.",
)
_OF: Final = Text(" (luokka: {classes})", " (klass: {classes})", " (class: {classes})")

_LETTERS: Final = str.maketrans({"æ": "ae", "ø": "o", "ß": "ss", "đ": "d", "ł": "l", "þ": "th", "ð": "d"})


def slug_of(name: str) -> str:
    """The id that a name gives: its letters and digits in ASCII, joined by hyphens; "" if it has none.

    >>> slug_of("KymÄES 2.0 – Kasvun alustat ja palvelut")
    'kymaes-2-0-kasvun-alustat-ja-palvelut'
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    ascii_only = "".join(c for c in plain if not unicodedata.combining(c))
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")
    return slug if len(slug) <= SLUG else slug[: SLUG + 1].rpartition("-")[0] or slug[:SLUG]


# --- one sheet ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sheet:
    table: Table
    layout: Layout
    columns: dict[int, Column]  #: by column number
    headers: dict[int, str]
    rows: list[Row]

    def cell(self, row: int, number: int = 0) -> Cell:
        if not number:
            return Cell(self.table.name, row)
        return Cell(self.table.name, row, letter(number), self.headers.get(number, ""))

    def number(self, short: str) -> int:
        """The first column of that short name; 0 if the sheet has none."""
        return next((n for n, column in self.columns.items() if column.short == short), 0)


@dataclass(slots=True)
class _Thing:
    """What a row is about."""

    sheet: _Sheet
    row: Row
    iri: str
    types: set[str]  #: classes that it has already; empty if it is new
    graph: Target


_ID: Final = re.compile(r"(?:id|tunnus|identifierare)\s*\*?\s*\[\s*([^\[\]]+?)\s*\]", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"{}|^`\\]+")
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
#: Control characters, broken letters, and UTF-8 that was read as another encoding (Ã¤ for ä).
_BROKEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ufffe\uffff\ud800-\udfff]|Ã[\x80-\xbf„…–†‰Š‹Œ‘’“”•˜™š›œžŸ]"
)


class _Reader:
    def __init__(
        self,
        project: Project,
        model: Model,
        graph: NamedNode | None,
        lines: Lines | None,
        faults: Faults,
        lang: str,
    ) -> None:
        self.project, self.model, self.graph, self.lang = project, model, graph, lang
        self.faults = faults
        self._protected = Rules.of(project).protected
        self.things: list[_Thing] = []
        self.names = _Names(model, lang)
        self.passages = _Passages(model, lines)
        self._said_no_graph: set[str] = set()
        self._spoken_of: dict[tuple[Target, str], bool] = {}
        #: What each field is to hold: cells by (graph, thing, property, language), then quads by those.
        self._wanted: dict[tuple[Target, str, str, str], list[tuple[Quad, Cell]]] = {}
        self._types: list[tuple[Quad, Cell]] = []

    # -- sheets and their rows

    def sheet(self, table: Table, cls: str | None) -> None:
        """Take in one sheet: its class, its headers, and which thing each row is about."""
        if not table.rows:
            return
        head, *rows = table.rows
        first = head.cells[min(head.cells)]
        if isinstance(first, str) and first.lstrip().startswith("#"):
            return
        layout = self._class(table, head, cls)
        if layout is None:
            return
        for merged in table.merged:
            self.faults.add(CellError("sheet-merged", range=merged), Cell(table.name, *_corner(merged)))
        sheet = _Sheet(table, layout, {}, {n: str(value) for n, value in head.cells.items()}, [])
        self._headers(sheet, head)
        for row in rows:
            opening = row.cells.get(1)
            if not (isinstance(opening, str) and opening.lstrip().startswith("#")):
                sheet.rows.append(row)
        self._without_header(sheet)
        for row in sheet.rows:
            self._thing(sheet, row)

    def _class(self, table: Table, head: Row, cls: str | None) -> Layout | None:
        """The layout of the class that a sheet says it is of, or that its name or the caller says."""
        for number, value in sorted(head.cells.items()):
            if isinstance(value, str) and (match := _ID.fullmatch(" ".join(value.split()))):
                try:
                    return self.model.layout(self.model.find_class(match[1]))
                except BadParameter:
                    similar = self.model.similar_classes(match[1])
                    near = did_you_mean(Text.same(", ".join(similar)) if similar else None)
                    fault = CellError("sheet-class-unknown", name=match[1], near=near)
                    self.faults.add(fault, Cell(table.name, head.number, letter(number)), value)
                    return None
        if cls is not None:
            return self.model.layout(self.model.find_class(cls))
        try:
            return self.model.layout(self.model.find_class(table.name))
        except BadParameter:
            example = "Project" if KYM + "Project" in self.model.classes else "Class"
            self.faults.add(CellError("sheet-class", example=example), Cell(table.name, head.number, "A"))
            return None

    def _headers(self, sheet: _Sheet, head: Row) -> None:
        seen: dict[str, int] = {}
        for number, value in sorted(head.cells.items()):
            try:
                if not isinstance(value, str):
                    raise CellError("header-unknown", cls=sheet.layout.name, near=NOTHING)
                column = sheet.layout.columns[0] if _is_id(value) else sheet.layout.find(value)
                if column.short in seen and not column.many:
                    raise CellError("header-twice")
                seen[column.short] = number
                sheet.columns[number] = column
            except CellError as error:
                self.faults.add(error, Cell(sheet.table.name, head.number, letter(number)), value)

    def _without_header(self, sheet: _Sheet) -> None:
        stray: dict[int, int] = {}
        for row in sheet.rows:
            for number in row.cells:
                if number not in sheet.headers:
                    stray.setdefault(number, row.number)
        for number, row_number in sorted(stray.items()):
            self.faults.add(CellError("header-empty"), sheet.cell(row_number, number))

    def _thing(self, sheet: _Sheet, row: Row) -> None:
        """Find out which thing a row is about, and in which graph."""
        id_column, name_column = sheet.number(sheet.layout.columns[0].short), self._name_column(sheet)
        here = sheet.cell(row.number, id_column)
        given = row.cells.get(id_column, "") if id_column else ""
        try:
            text = _clean(given)
            if text:
                iri, types = self._identified(text, sheet.layout)
            else:
                here = sheet.cell(row.number, name_column)
                given = row.cells.get(name_column, "") if name_column else ""
                if not (label := _clean(given)) or label in REMOVE:
                    column = self._column_of_name(sheet.layout)
                    title = column.header(self.lang).partition(" [")[0].replace(" *", "")
                    advice = _advice(column, name_column)
                    raise CellError("required", name=_titled(column, title), advice=advice)
                iri, types = self._named(label, sheet.layout)
        except CellError as error:
            self.faults.add(error, here, given)
            return
        graph = self._graph(sheet, row, iri, types)
        if graph is None:
            return
        self.things.append(_Thing(sheet, row, iri, types, graph))
        twin = self.names.add(iri, sheet.layout.iri, sheet.cell(row.number), graph)
        if twin is not None:
            self.faults.add(CellError("id-twice", other=_other(twin, sheet)), here, given)
        for number, column in sheet.columns.items():
            label_cell = row.cells.get(number)
            if column.path in CALLED and isinstance(label_cell, str):
                for label in _split(label_cell) if column.splits else [label_cell]:
                    self.names.call(_folded(label), iri, sheet.layout.iri)

    def _name_column(self, sheet: _Sheet) -> int:
        return sheet.number(self._column_of_name(sheet.layout).short)

    def _column_of_name(self, layout: Layout) -> Column:
        first = self.project.languages[0]
        return next(c for c in layout.columns if c.path == PREF_LABEL and c.lang == first)

    def _identified(self, text: str, layout: Layout) -> tuple[str, set[str]]:
        """The IRI that an id cell means, and the classes it has already."""
        base, kinds = self.project.base, self.model.kinds(layout.iri)
        below = self.model.below([layout.iri])
        if match := re.fullmatch(r"<?(https?://[^<>\s]+)>?", text):
            if not match[1].startswith(base.ids):
                raise CellError("id-outside", base=base.ids)
            candidates = [match[1]]
        elif match := re.fullmatch(r"(?:id:)?([a-z0-9-]+)[:/]([^\s:/]+)", text):
            candidates = [base.id(match[1], match[2])]
        else:
            every = dict.fromkeys([*kinds, *(k for c in sorted(below) for k in self.model.kinds(c))])
            candidates = [base.id(kind, text) for kind in every] if _fits(text) else []
        for iri in candidates:
            if (types := self.model.types(iri)) & below:
                return iri, types
        for iri in candidates:
            if types := self.model.types(iri):
                found = min(types)
                raise CellError("id-class", found=self.model.name(found), cls=layout.name)
        new = candidates[0] if candidates else ""
        slug = new.rpartition("/")[2]
        if not _SLUG.fullmatch(slug) or new != base.id(kinds[0], slug) or len(slug) > 2 * SLUG:
            raise CellError("id-form", example=slug_of(local(text)) or "uusi-hanke")
        return new, set()

    def _named(self, label: str, layout: Layout) -> tuple[str, set[str]]:
        """The IRI that a name gives where the id is left to us."""
        slug = slug_of(label)
        if not slug:
            raise CellError("id-from-name")
        iri = self.project.base.id(self.model.kinds(layout.iri)[0], slug)
        types = self.model.types(iri)
        if types:
            if not types & self.model.below([layout.iri]):
                raise CellError("id-class", found=self.model.name(min(types)), cls=layout.name)
            # The same file sent again changes nothing; another name that gives the same id is another thing.
            if not self._is_called(iri, label):
                raise CellError("id-taken", slug=slug, label=self.model.label(iri, self.lang))
            return iri, types
        for other in self.names.labelled(label, (layout.iri,)):
            raise CellError("id-same-name", slug=local(other))
        return iri, types

    def _is_called(self, iri: str, label: str) -> bool:
        return any(
            isinstance(q.object, Literal) and _folded(q.object.value) == _folded(label)
            for q in self.model.quads(NamedNode(iri), PREF_LABEL)
        )

    def _graph(self, sheet: _Sheet, row: Row, iri: str, types: set[str]) -> Target | None:
        """The graph that a row goes to; None after a fault."""
        number = sheet.number("graph")
        given = row.cells.get(number, "") if number else ""
        here = sheet.cell(row.number, number)
        try:
            if text := _clean(given):
                return self._graph_named(text)
            if self.graph is not None:
                return self.graph
            if self.project.default_graph == "strict":
                return DEFAULT_GRAPH
            if not types:
                if sheet.table.name not in self._said_no_graph:  # once is enough
                    self._said_no_graph.add(sheet.table.name)
                    raise CellError("graph-missing")
                return None
            own = {
                q.graph_name
                for q in self.model.view.quads(NamedNode(iri), TYPE)
                if isinstance(q.graph_name, NamedNode)
            }
            open_ones = sorted((g for g in own if g.value not in self._protected), key=lambda g: g.value)
            if len(open_ones) == 1:
                return open_ones[0]
            names = ", ".join(self._graph_text(g) for g in open_ones or sorted(own, key=str))
            if open_ones:
                raise CellError("graph-many", graphs=names)
            raise CellError("graph-not-writable", graph=names)
        except CellError as error:
            self.faults.add(error, here, given)
            return None

    def _graph_named(self, text: str) -> NamedNode:
        try:
            graph = named_graph(self.project, text.removeprefix("graph:"))
            Rules.of(self.project).check(graph)
        except GraphNotWritable:
            raise CellError("graph-not-writable", graph=text) from None
        except (BadParameter, InputError):
            raise CellError("graph-name") from None
        return graph

    def _graph_text(self, graph: NamedNode) -> str:
        return self._name_of(graph) or graph.value

    def _name_of(self, graph: Target) -> str:
        """The name of a graph of this project; "" for any other."""
        return (self.project.base.graph_name(graph.value) or "") if isinstance(graph, NamedNode) else ""

    # -- cells

    def rows(self) -> None:
        """Read the cells of every row, when all things that the file makes are known."""
        for thing in self.things:
            self._row(thing)

    def _row(self, thing: _Thing) -> None:
        sheet, row = thing.sheet, thing.row
        subject = NamedNode(thing.iri)
        filled: dict[str, list[tuple[Term, Cell]]] = {}
        emptied: set[str] = set()
        wrong: set[str] = set()
        for number, column in sorted(sheet.columns.items()):
            value = row.cells.get(number)
            if value is None or column.path is None:
                continue
            here = sheet.cell(row.number, number)
            if isinstance(value, str) and value.strip() in REMOVE:
                emptied.add(column.short)
                continue
            for part in self._parts(value, column):
                try:
                    term = self._term(part, column, thing)
                    filled.setdefault(column.short, []).append((term, here))
                except CellError as error:
                    wrong.add(column.short)
                    self.faults.add(error, here, part)
            if not column.many and len({t for t, _ in filled.get(column.short, ())}) > 1:
                self.faults.add(CellError("cell-one"), here, value)
        for short in sorted(emptied & set(filled)):
            self.faults.add(CellError("cell-mixed"), sheet.cell(row.number, sheet.number(short)))
        if not thing.types:
            self._required(thing, set(filled) | wrong)
        for column in dict.fromkeys(c for c in sheet.columns.values() if c.path is not None):
            if column.short in filled or column.short in emptied:
                self._want(thing, subject, column, filled.get(column.short, []))
        self._type(thing, subject, adds=bool(filled))

    def _parts(self, value: Value, column: Column) -> Sequence[Value]:
        if not isinstance(value, str) or not column.splits or ";" not in value:
            return [value]
        if column.kind == "reference" and self.names.labelled(_folded(value), column.classes):
            return [value]  # a name that has a semicolon itself
        return _split(value)

    def _required(self, thing: _Thing, given: set[str]) -> None:
        sheet = thing.sheet
        for column in sheet.layout.columns:
            if column.required and column.short not in given:
                title = column.header(self.lang).partition(" [")[0].replace(" *", "")
                number = sheet.number(column.short)
                error = CellError("required", name=_titled(column, title), advice=_advice(column, number))
                self.faults.add(error, sheet.cell(thing.row.number, number))

    def _want(
        self, thing: _Thing, subject: NamedNode, column: Column, values: list[tuple[Term, Cell]]
    ) -> None:
        assert column.path is not None
        graph = self._graph_of(thing.graph, column)
        key = (graph, thing.iri, column.path.value, column.lang)
        wanted = self._wanted.setdefault(key, [])
        wanted += [(Quad(subject, column.path, term, graph), cell) for term, cell in values]
        if graph != thing.graph:  # nothing of it stays in the row's own graph
            self._wanted.setdefault((thing.graph, *key[1:]), [])

    def _graph_of(self, graph: Target, column: Column) -> Target:
        """Where a value goes: with its row, but for translated names of what a source or we describe."""
        name = self._name_of(graph)
        if (
            column.path in (PREF_LABEL, DESCRIPTION)
            and column.lang != self.project.languages[0]
            and (name in self.project.sources or name in TRANSLATED)
        ):
            return NamedNode(self.project.base.graph(TRANSLATIONS))
        return graph

    def _type(self, thing: _Thing, subject: NamedNode, *, adds: bool) -> None:
        """Say of which class a thing is, in a graph that does not speak of it yet."""
        if self._name_of(thing.graph) == TRANSLATIONS or (thing.types and not adds):
            return
        if self._described(thing.graph, thing.iri):
            return
        layout = thing.sheet.layout
        classes = thing.types & self.model.below([layout.iri]) or {layout.iri}
        here = thing.sheet.cell(thing.row.number)
        self._types += [(Quad(subject, TYPE, NamedNode(cls), thing.graph), here) for cls in sorted(classes)]

    def _described(self, graph: Target, iri: str) -> bool:
        """Whether a graph says anything of a thing yet."""
        key = (graph, iri)
        if key not in self._spoken_of:
            found = self.model.view.quads(NamedNode(iri), None, None, graph)
            self._spoken_of[key] = next(iter(found), None) is not None
        return self._spoken_of[key]

    def _term(self, value: Value, column: Column, thing: _Thing) -> Term:
        """What a value means in this column. Raises CellError."""
        if isinstance(value, Wrong):
            raise CellError(value.code)
        kind = column.kind
        if kind == "time":
            return parse_time(_time(value, column, thing.sheet.table), column.datatypes)
        if kind == "number":
            return _number(value, column.datatypes)
        if kind == "boolean":
            if isinstance(value, int | str):
                answer = parse_boolean(str(value) if not isinstance(value, bool) else value)
                return Literal("true" if answer else "false", datatype=NamedNode(XSD + "boolean"))
            raise CellError("not-a-boolean")
        text = _clean(value)
        if kind == "text":
            return Literal(text, language=column.lang)
        if kind == "string":
            return Literal(text)
        if kind == "passage":
            return self.passages.find(text, self._name_of(thing.graph))
        if kind == "link":
            if not _ADDRESS.fullmatch(text):
                raise CellError("link-address")
            return NamedNode(text)
        return NamedNode(self.names.find(text, column))

    # -- the outcome

    def result(
        self,
    ) -> tuple[set[Quad], set[Quad], dict[Quad | NamedNode, Cell], dict[tuple[str, str], Cell]]:
        """Added and removed quads, exact against the view; where each comes from."""
        view = self.model.view
        pairs = [*self._types, *(pair for pairs in self._wanted.values() for pair in pairs)]
        made = [(quad, Cell("")) for quad in self.passages.made]
        # The store writes some literals in another way; a change is compared in the store's form.
        stored = dict(canonical(quad for quad, _ in (*pairs, *made)).rewritten)
        added: set[Quad] = set()
        removed: set[Quad] = set()
        for (graph, iri, path, lang), wanted in self._wanted.items():
            new = {stored.get(quad, quad) for quad, _ in wanted}
            old = set()
            if self._described(graph, iri):
                old = {
                    quad
                    for quad in view.quads(NamedNode(iri), NamedNode(path), None, graph)
                    if not lang or (isinstance(quad.object, Literal) and quad.object.language == lang)
                }
            added |= new - old
            removed |= old - new
        beside = {stored.get(quad, quad) for quad, _ in (*self._types, *made)}
        added |= {quad for quad in beside if not _holds(view, quad)}
        origins: dict[Quad | NamedNode, Cell] = {}
        for quad, cell in reversed(pairs):
            if (form := stored.get(quad, quad)) in added:
                origins[form] = cell
        fields: dict[tuple[str, str], Cell] = {}
        for thing in reversed(self.things):
            sheet, row = thing.sheet, thing.row.number
            origins[NamedNode(thing.iri)] = sheet.cell(row)
            for number, column in sorted(sheet.columns.items(), reverse=True):
                if column.path is not None:
                    fields[thing.iri, column.path.value] = sheet.cell(row, number)
        return added, removed, origins, fields


def _holds(view: View, quad: Quad) -> bool:
    subject, term, graph = quad.subject, quad.object, quad.graph_name
    assert isinstance(subject, NamedNode)
    assert isinstance(term, NamedNode | Literal)
    assert isinstance(graph, NamedNode | DefaultGraph)
    return next(iter(view.quads(subject, quad.predicate, term, graph)), None) is not None


def _is_id(header: str) -> bool:
    return bool(_ID.fullmatch(" ".join(header.split()))) or header.strip().casefold() in (
        "id", "tunnus", "identifierare"
    )  # fmt: skip


def _titled(column: Column, title: str) -> Text:
    tag = f" ({column.lang})" if column.lang else ""
    return Text(*(f"{name}{tag}" for name in column.name)) if title else column.name


def _advice(column: Column, number: int) -> Text:
    """What to do about a required field that is empty: what its shape says, else where to fill it in."""
    if number or column.advice is not FILL_IN:
        return column.advice
    headers = Text(*(column.header(lang) for lang in ("fi", "sv", "en")))
    return _ADD_COLUMN.filled(header=headers)


def _other(twin: Cell, sheet: _Sheet) -> str:
    return f"{twin.row}" if twin.sheet == sheet.table.name else f"{twin.row} ({twin.sheet})"


def _corner(reference: str) -> tuple[int, str]:
    match = re.match(r"([A-Z]{1,3})([0-9]{1,7})", reference)
    return (int(match[2]), match[1]) if match else (1, "")


def _split(text: str) -> list[str]:
    return [part for piece in text.split(";") if (part := piece.strip())]


def _folded(text: str) -> str:
    """A name without differences that nobody sees: one space between words, composed letters."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _fits(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~-]*", text) is not None


def _clean(value: Value) -> str:
    """A cell as text: trimmed, in NFC, without what cannot be stored. Raises CellError."""
    if isinstance(value, Wrong):
        raise CellError(value.code)
    if isinstance(value, bool | Stamp):
        raise CellError("cell-text")
    text = str(value).replace(".", ",") if isinstance(value, Decimal) else str(value)
    if len(text) > LONGEST:
        raise CellError("cell-too-long", limit=LONGEST)
    text = text.replace("_x000D_\n", "\n").replace("\r\n", "\n").replace("\r", "\n").strip()
    if _BROKEN.search(text):
        raise CellError("cell-characters")
    return unicodedata.normalize("NFC", text)


def _time(value: Value, column: Column, table: Table) -> str | Stamp:
    if isinstance(value, bool | Decimal):
        raise CellError("not-a-date", forms=forms(column.datatypes))
    if isinstance(value, int):
        if table.typed and (stamp := tables.serial_day(value, table.epoch)):
            return stamp  # a date whose cell lost its format
        return str(value)
    return value if isinstance(value, Stamp) else _clean(value)


def _number(value: Value, datatypes: tuple[str, ...]) -> Literal:
    if isinstance(value, bool | Stamp):
        raise CellError("not-a-number")
    if isinstance(value, str):
        text = _clean(value)
        money = text.casefold().endswith(("€", "eur", "euroa", "euro"))
        number = parse_euros(text) if money else parse_number(text)
    else:
        assert isinstance(value, int | Decimal)
        number = Decimal(value)
    local_names = {local(d): d for d in datatypes}
    whole = number == number.to_integral_value()
    integer = next((d for n, d in local_names.items() if n not in ("decimal", "double", "float")), None)
    if whole and integer:
        return Literal(f"{number:.0f}", datatype=NamedNode(XSD + "integer"))
    for name in ("decimal", "double", "float"):
        if name in local_names:
            return Literal(f"{number:f}", datatype=NamedNode(local_names[name]))
    raise CellError("number-whole")


# --- what cells refer to --------------------------------------------------------------------------------


class _Names:
    """Finds the thing that a cell refers to, among those of the state and those that the file makes."""

    def __init__(self, model: Model, lang: str) -> None:
        self.model, self.lang = model, lang
        self._made: dict[str, str] = {}  # class by IRI
        self._rows: dict[tuple[str, str], Cell] = {}
        self._called: dict[str, set[str]] = defaultdict(set)
        self._slugs: dict[str, set[str]] = defaultdict(set)
        self._cache: dict[tuple[str, tuple[str, ...]], str | CellError] = {}
        self._labels: dict[tuple[str, ...], dict[str, str]] = {}
        self._suggested = 0

    def add(self, iri: str, cls: str, cell: Cell, graph: Target) -> Cell | None:
        """Take in a thing of the file; gives the row that had it before."""
        twin = self._rows.get((iri, str(graph)))
        self._rows.setdefault((iri, str(graph)), cell)
        self._made.setdefault(iri, cls)
        self._slugs[local(iri)].add(iri)
        return twin

    def call(self, label: str, iri: str, cls: str) -> None:
        self._called[label].add(iri)

    def find(self, text: str, column: Column) -> str:
        """The IRI of what a cell names, of a class that the column takes. Raises CellError."""
        key = (text, column.classes)
        if key not in self._cache:
            try:
                self._cache[key] = self._find(_folded(text), column.classes)
            except CellError as error:
                self._cache[key] = error
        found = self._cache[key]
        if isinstance(found, CellError):
            raise found
        return found

    def _find(self, text: str, classes: tuple[str, ...]) -> str:
        match = re.fullmatch(r".*\[([^\[\]]+)\]", text)
        ids = [*(self._by_id(match[1].strip(), classes) if match else ()), *self._by_id(text, classes)]
        right: list[str] = [iri for iri in dict.fromkeys(ids) if self._is_of(iri, classes)]
        if len(right) == 1:
            return right[0]
        # Spreadsheets like to begin a cell with a capital letter.
        other = text[:1].swapcase() + text[1:]
        labelled = self.labelled(text, classes) or self.labelled(other, classes)
        every: list[str] = list(dict.fromkeys([*right, *labelled]))
        if len(every) == 1:
            return every[0]
        if every:
            raise CellError("link-ambiguous", choices=", ".join(sorted(map(self.model.curie, every))))
        if not classes and _ADDRESS.fullmatch(text) and not text.startswith(self.model.project.base.iri):
            return text  # of what lies elsewhere nothing is known here
        others = [*dict.fromkeys(ids), *self.labelled(text, ())]
        similar = self._similar(text, classes)
        near = did_you_mean(similar)
        if others:
            found = min(self._types(others[0]), default="")
            raise CellError(
                "link-class", found=self.model.name(found), classes=self._class_names(classes), near=near
            )
        of = _OF.filled(classes=self._class_names(classes)) if classes else NOTHING
        raise CellError("link-unknown", of=of, near=near if similar else _ADD_FIRST)

    def _class_names(self, classes: tuple[str, ...]) -> Text:
        names = [self.model.name(cls) for cls in classes]
        return Text(*(", ".join(parts) for parts in zip(*names, strict=True)))

    def _types(self, iri: str) -> set[str]:
        return self.model.types(iri) | ({self._made[iri]} if iri in self._made else set())

    def _is_of(self, iri: str, classes: tuple[str, ...]) -> bool:
        types = self._types(iri)
        return bool(types & self.model.below(classes)) if classes else bool(types)

    def _by_id(self, text: str, classes: tuple[str, ...]) -> list[str]:
        """Things that are there and that the text names by IRI, CURIE or slug."""
        base, prefixes = self.model.project.base, self.model.project.prefixes
        candidates: list[str] = []
        if match := re.fullmatch(r"<?(https?://[^<>\s\"{}|^`\\]+)>?", text):
            candidates = [match[1]]
        elif match := re.fullmatch(r"([A-Za-z][\w.-]*):([^\s:\"<>{}|^`\\]+)", text):
            candidates = [base.id(match[1], match[2])]
            if match[1] in prefixes:
                candidates.append(prefixes[match[1]] + match[2])
        elif match := re.fullmatch(r"([a-z0-9-]+)/([A-Za-z0-9._~-]+)", text):
            candidates = [base.id(match[1], match[2])]
        elif _fits(text):
            wanted = self.model.below(classes) if classes else set(self.model.classes)
            kinds = dict.fromkeys(k for cls in sorted(wanted) for k in self.model.kinds(cls))
            candidates = [base.id(kind, text) for kind in kinds] + sorted(self._slugs.get(text, ()))
        return [iri for iri in dict.fromkeys(candidates) if self._types(iri)]

    def labelled(self, text: str, classes: tuple[str, ...]) -> list[str]:
        """Things of these classes that bear exactly this name, in any language; all classes if none."""
        made = {iri for iri in self._called.get(text, ()) if self._is_of(iri, classes)}
        return sorted(made | self.model.called(text, classes))

    def _similar(self, text: str, classes: tuple[str, ...]) -> Text | None:
        self._suggested += 1
        if self._suggested > SUGGESTIONS:
            return None
        if classes not in self._labels:
            wanted = classes or tuple(self.model.classes)
            labels = {self.model.label(iri, self.lang): iri for iri in self.model.instances(wanted)}
            self._labels[classes] = {label.casefold(): label for label in labels}
        near = difflib.get_close_matches(text.casefold(), self._labels[classes], 1, 0.75)
        return Text.same(self._labels[classes][near[0]]) if near else None


_PASSAGE: Final = re.compile(
    r"(?:passage[-/:])?(?:([a-z0-9][a-z0-9._~-]*)\s*[:/]\s*)?([0-9]{1,6})(?:\s*[-–]\s*([0-9]{1,6}))?"
)


class _Passages:
    """Finds the lines of a source that a cell names, or makes them where the sources are at hand."""

    def __init__(self, model: Model, lines: Lines | None) -> None:
        self.model, self.lines = model, lines
        self.made: list[Quad] = []
        self._known: dict[str, NamedNode] = {}

    def find(self, text: str, document: str) -> NamedNode:
        """The passage; `document` is the one meant where the cell says lines only. Raises CellError."""
        base = self.model.project.base
        prefix = base.id("passage", "")
        plain = text.strip("<>").removeprefix(prefix)
        match = _PASSAGE.fullmatch(plain)
        sources = self.model.project.sources
        if match is None or not (match[1] or document in sources):
            example = f"{next(iter(sorted(sources)), 'asiakirja')}:12-14"
            raise CellError("passage-form", example=example)
        name, first = match[1] or document, int(match[2])
        last = int(match[3] or first)
        iri = NamedNode(f"{prefix}{name}/{first}-{last}")
        if iri.value not in self._known:
            self._known[iri.value] = self._checked(iri, name, first, last)
        return iri

    def _checked(self, iri: NamedNode, name: str, first: int, last: int) -> NamedNode:
        base, sources = self.model.project.base, self.model.project.sources
        if PASSAGE in self.model.types(iri.value):
            return iri
        document = NamedNode(base.id("document", name))
        if name not in sources and not self.model.types(document.value):
            raise CellError("passage-document", document=name, documents=", ".join(sorted(sources)) or "–")
        shown_as = f"{name}:{first}-{last}"
        if first < 1 or last < first:
            raise CellError("passage-lines", detail=_LINE_ORDER)
        if self.lines is None:
            raise CellError("passage-missing", passage=shown_as, near=self._near(document, name, first, last))
        text = self.lines(name, first, last)
        if text is None:
            raise CellError("passage-lines", detail=_LINE_NONE)
        if not 0 < sum(bool(line.strip()) for line in text.split("\n")) <= PASSAGE_LINES:
            raise CellError("passage-lines", detail=_LINE_COUNT)
        graph = NamedNode(base.graph(name))
        integer = NamedNode(XSD + "integer")
        for path, value in (
            (TYPE, NamedNode(PASSAGE)),
            (NamedNode(KYM + "document"), document),
            (NamedNode(KYM + "firstLine"), Literal(str(first), datatype=integer)),
            (NamedNode(KYM + "lastLine"), Literal(str(last), datatype=integer)),
            (NamedNode(KYM + "sha256"), Literal(hashlib.sha256(text.encode()).hexdigest())),
        ):
            assert isinstance(value, NamedNode | Literal)
            self.made.append(Quad(iri, path, value, graph))
        return iri

    def _near(self, document: NamedNode, name: str, first: int, last: int) -> Text:
        """Passages of the document that are there and lie nearest to the lines."""
        found = []
        for quad in self.model.quads(None, NamedNode(KYM + "document"), document):
            match = re.search(r"/([0-9]+)-([0-9]+)\Z", getattr(quad.subject, "value", ""))
            if match:
                one, other = int(match[1]), int(match[2])
                found.append((max(one - last, first - other, 0), one, other))
        nearest = ", ".join(f"{name}:{one}-{other}" for _, one, other in sorted(found)[:3])
        return (
            Text(f" Lähimmät ovat {nearest}.", f" De närmaste är {nearest}.", f" The nearest are {nearest}.")
            if nearest
            else NOTHING
        )


_LINE_ORDER: Final = Text(
    "ensimmäinen rivi on viimeisen jälkeen tai nolla",
    "första raden kommer efter den sista eller är noll",
    "the first line comes after the last, or is zero",
)
_LINE_NONE: Final = Text(
    "asiakirjassa ei ole näitä rivejä", "dokumentet har inte dessa rader", "the document lacks these lines"
)
_LINE_COUNT: Final = Text(
    "siinä on oltava 1–4 riviä tekstiä", "det ska ha 1–4 rader text", "it has to hold 1 to 4 lines of text"
)
