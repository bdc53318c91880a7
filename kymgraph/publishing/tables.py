"""Rows as tables: CSV for programs, XLSX for people. The same rows always give the same bytes.

A thing takes two columns: its IRI under the column's own name, its label beside it. In a workbook every text
is stored as text, so a cell that begins with = + - @ is never a formula; CSV has no such mark, and is exact.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from kymgraph.publishing.items import Row, value
from kymgraph.publishing.routes import LABELLED

_TIME: Final = (2000, 1, 1, 0, 0, 0)
#: What a cell of a workbook can hold, in characters.
_CELL: Final = 32_767
_NUMBERS: Final = frozenset({"integer", "decimal"})
#: A spreadsheet keeps 15 digits of a number; longer ones stay text.
_DIGITS: Final = 10**15


class Typed(Protocol):
    """What has columns: a route, or the answer to any other query."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Name to type, in order."""


def header(route: Typed, columns: Sequence[str]) -> list[str]:
    """The names of a table's columns."""
    return [
        name
        for column in columns
        for name in ([column, f"{column}_label"] if route.columns[column] in LABELLED else [column])
    ]


def to_csv(rows: Iterable[Row], route: Typed, columns: Sequence[str]) -> bytes:
    """The rows as RFC 4180 says, in UTF-8; an empty cell is an empty string."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header(route, columns))
    for row in rows:
        writer.writerow(_texts(row, route, columns))
    return text.getvalue().encode()


def _texts(row: Row, route: Typed, columns: Sequence[str]) -> Iterator[str]:
    for column in columns:
        cell = row.cells.get(column)
        yield "" if cell is None else _id(value(row, column, "iri")) or str(cell["value"])
        if route.columns[column] in LABELLED:
            label = row.labels.get(column)
            yield label.text if label else ""


def _id(found: Any) -> str:
    return found if isinstance(found, str) else ""


def to_xlsx(rows: Iterable[Row], route: Typed, columns: Sequence[str], *, title: str) -> bytes:
    """The rows as a workbook with one sheet; its first row stays in sight."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\']", " ", title)[:31] or "rows")
    sheet.freeze_panes = "A2"
    sheet.append([_text(sheet, name) for name in header(route, columns)])
    for row in rows:
        sheet.append([_cell(sheet, found) for found in _values(row, route, columns)])
    return _settled(book)


def _values(row: Row, route: Typed, columns: Sequence[str]) -> Iterator[Any]:
    texts = _texts(row, route, columns)
    for column in columns:
        kind = route.columns[column]
        text = next(texts)
        typed = value(row, column, kind) if kind in _NUMBERS or kind == "boolean" else None
        yield text if typed is None or (kind in _NUMBERS and abs(typed) >= _DIGITS) else typed
        if kind in LABELLED:
            yield next(texts)


def _cell(sheet: Any, found: Any) -> Any:
    if isinstance(found, str):
        return _text(sheet, found) if found else None
    return WriteOnlyCell(sheet, found)


def _text(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet)
    clean = ILLEGAL_CHARACTERS_RE.sub("�", text)
    cell.value = clean if len(clean) <= _CELL else clean[: _CELL - 1] + "…"
    cell.data_type = "s"  # openpyxl takes "=…" for a formula and "#N/A" for an error
    return cell


def _settled(book: Any) -> bytes:
    """The workbook's bytes without the time of day in them: openpyxl writes it in two places."""
    raw = io.BytesIO()
    book.properties.creator = "kymgraph"
    book.save(raw)
    out = io.BytesIO()
    with zipfile.ZipFile(raw) as made, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as kept:
        for name in made.namelist():
            data = made.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z", b"2000-01-01T00:00:00Z", data)
            kept.writestr(zipfile.ZipInfo(name, _TIME), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
