"""Spreadsheet files into plain rows of values, whoever sent them: CSV in any usual encoding, and XLSX.

Nothing here knows what a column means. A file is measured before it is read: sizes, ratio, rows and cells are
counted while it streams, and XML with a DTD is refused, so that no file takes more time or memory than its
limits say. All row and column numbers are those that the spreadsheet shows.
"""

from __future__ import annotations

import codecs
import csv
import datetime
import gzip
import io
import re
import warnings
import xml.parsers.expat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import from_excel

from kymgraph.errors import InputError, UnsafePayload
from kymgraph.intake.dates import DATE, Stamp, shown_precision
from kymgraph.intake.faults import CellError, Text
from kymgraph.rdf import read_bytes

#: Most rows with content in one file; more is refused while counting.
ROWS: Final = 100_000
#: Most cells in one file, also empty ones with a format.
CELLS: Final = 2_000_000
#: Most columns of one sheet.
COLUMNS: Final = 1_000
#: Most bytes of a file as sent, and of what is packed in it.
PACKED: Final = 100_000_000
UNPACKED: Final = 200_000_000
#: Most bytes of a part of a workbook that is neither a sheet nor its texts.
PART: Final = 10_000_000
#: Unpacked ÷ packed above which a file over a megabyte is a bomb; real workbooks stay under 50.
RATIO: Final = 200
#: Most parts of a workbook, and how deep its XML may go.
PARTS: Final = 2_000
DEPTH: Final = 60

SUFFIXES: Final = (".xlsx", ".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A cell that holds no value that can be read: what is wrong with it, and what it shows."""

    code: str
    shown: str = ""

    def __str__(self) -> str:
        return self.shown


Value: TypeAlias = str | int | Decimal | bool | Stamp | Wrong


@dataclass(slots=True)
class Row:
    """One row with content: its number, and the cells that are not empty by column number from 1."""

    number: int
    cells: dict[int, Value]


@dataclass(slots=True)
class Table:
    """One sheet. `merged` are ranges like `B2:C4`; `typed` says that numbers and dates came as such."""

    name: str
    rows: list[Row]
    typed: bool = False
    merged: list[str] = field(default_factory=list)
    #: First day of serial numbers in this workbook.
    epoch: datetime.datetime = datetime.datetime(1899, 12, 30)


def letter(column: int) -> str:
    """The letters above a column: 1 is A, 28 is AB."""
    return str(get_column_letter(column))


def load(path: Path) -> bytes:
    """The bytes of a file that is not too large to be a spreadsheet. Raises CellError, InputError."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} could not be read: {error.strerror}") from None
    _check_size(size)
    return read_bytes(path)


def _check_size(size: int) -> None:
    if size > PACKED:
        raise CellError("file-too-large", limit=f"{PACKED:,}".replace(",", " "), what=_BYTES)


def read(data: bytes, suffix: str, name: str) -> list[Table]:
    """The sheets of a file that a person can see, in their order.

    `suffix` is the file's own, also with `.gz`. `name` is the file's, for a sheet without a name of its own.

    Raises CellError for a file that cannot be read, with what its owner has to do; UnsafePayload for one that
    was made to do harm.
    """
    suffix = suffix.lower()
    if suffix.endswith(".gz"):
        data, suffix = _gunzip(data), suffix[:-3]
    _check_size(len(data))
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise CellError("file-empty")
    kind = _kind(data)
    if kind == "encrypted":
        raise CellError("file-encrypted")
    if suffix == ".xlsm" or kind == "macros":
        raise CellError("file-macros")
    if suffix not in SUFFIXES or kind not in ("xlsx", "text"):
        known = _KINDS.get(kind if kind != "text" else suffix, Text.same(suffix))
        raise CellError("file-kind", found=known)
    if (suffix == ".xlsx") != (kind == "xlsx"):
        raise CellError("file-suffix", suffix=suffix, found=_KINDS[kind])
    return list(_workbook(data, name)) if kind == "xlsx" else [_text(data, name)]


_BYTES: Final = Text("tavua", "byte", "bytes")
_ROWS: Final = Text("riviä", "rader", "rows")
_CELLS: Final = Text("solua", "celler", "cells")
_COLUMNS: Final = Text("saraketta", "kolumner", "columns")
_KINDS: Final[dict[str, Text]] = {
    "xlsx": Text("Excel-työkirja", "Excel-arbetsbok", "Excel workbook"),
    "text": Text("teksti (CSV)", "text (CSV)", "text (CSV)"),
    ".xls": Text("vanha Excel-muoto .xls", "gammalt Excel-format .xls", "old Excel format .xls"),
    "ole": Text("vanha Excel-muoto .xls", "gammalt Excel-format .xls", "old Excel format .xls"),
    "zip": Text("pakattu tiedosto", "packad fil", "an archive"),
    "ods": Text("LibreOfficen muoto .ods", "LibreOffice-format .ods", "LibreOffice format .ods"),
    "pdf": Text("PDF", "PDF", "PDF"),
    "html": Text("verkkosivu", "webbsida", "a web page"),
    "bytes": Text("ei tekstiä", "inte text", "not text"),
}


def _kind(data: bytes) -> str:
    """What a file is by its content."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "encrypted" if "EncryptedPackage".encode("utf-16-le") in data else "ole"
    if data.startswith(b"PK"):
        return _zip_kind(data)
    if head.startswith(b"%PDF"):
        return "pdf"
    if head[:200].lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    if b"\0" in data[:4096] and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "text" if _utf16_without_mark(data) else "bytes"
    return "text"


def _zip_kind(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CellError("file-broken", detail=_first_line(error)) from None
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        return "macros"
    if "[Content_Types].xml" in names:
        return "xlsx"
    return "ods" if "content.xml" in names else "zip"


def _gunzip(data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            unpacked = packed.read(PACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise CellError("file-broken", detail=_first_line(error)) from None
    if len(unpacked) > PACKED:
        raise UnsafePayload(f"the file unpacks to more than {PACKED:,} bytes; nothing was read")
    return unpacked


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


# --- CSV ------------------------------------------------------------------------------------------------

#: What may stand between fields; the first line decides.
DELIMITERS: Final = (";", ",", "\t")
#: Characters that a spreadsheet would take for a formula at the start of a cell. Where one stands there in
#: text, it is written after an apostrophe in CSV, and the apostrophe is taken away on reading.
FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")


def _text(data: bytes, name: str) -> Table:
    text = _decoded(data)
    first, _, rest = text.partition("\n")
    declared = re.fullmatch(r"sep=(.)", first.strip("\r \ufeff"))
    if declared:
        delimiter, text, skipped = declared[1], rest, 1
    else:
        delimiter, skipped = _delimiter(text), 0
    rows: list[Row] = []
    cells = 0
    try:
        for number, fields in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1):
            found = {n: unescaped(value) for n, value in enumerate(fields, 1) if value.strip()}
            cells += len(found)
            if found:
                rows.append(Row(number + skipped, dict(found)))
            _within(len(rows), cells, len(fields))
    except csv.Error as error:
        raise CellError("file-broken", detail=_first_line(error)) from None
    return Table(name, rows)


def _within(rows: int, cells: int, columns: int = 0) -> None:
    # The header and the help row do not count as rows.
    for count, limit, what in (
        (rows, ROWS + 2, _ROWS),
        (cells, CELLS, _CELLS),
        (columns, COLUMNS, _COLUMNS),
    ):
        if count > limit:
            shown = limit - 2 if what is _ROWS else limit
            raise CellError("file-too-large", limit=f"{shown:,}".replace(",", " "), what=what)


def unescaped(value: str) -> str:
    return value[1:] if value.startswith("'") and value[1:].startswith(FORMULA_SIGNS) else value


def escaped(value: str) -> str:
    """A CSV field that no spreadsheet takes for a formula.

    >>> escaped("=1+1"), escaped("1 250,50")
    ("'=1+1", '1 250,50')
    """
    return "'" + value if value.startswith(FORMULA_SIGNS) else value


def _delimiter(text: str) -> str:
    """The delimiter that makes the most fields of the first line with content, quotes minded."""
    line = next((part for part in text.split("\n", 50) if part.strip()), "")
    unquoted = re.sub(r'"[^"]*"?', "", line)
    counts = {delimiter: unquoted.count(delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def _decoded(data: bytes) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise CellError("file-encoding") from None
    if encoding := _utf16_without_mark(data):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            raise CellError("file-encoding") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    return _windows(data)


def _utf16_without_mark(data: bytes) -> str:
    """The encoding of UTF-16 text without a byte order mark: every other byte of its start is zero."""
    head = data[:2000]
    if len(head) < 4 or b"\0" not in head:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) * 0.4 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) * 0.4 and odd == 0 else ""


#: What Finnish and Swedish text in cp1252 holds beside ASCII. Other bytes speak for another encoding.
_LETTERS: Final = "åäöÅÄÖéÉèÈüÜôÔæøÆØáàñçëïšžŠŽ"
_SIGNS: Final = "€§°½¼¾×²³µ·´’‘”“–—…•\u00a0«»®©±"
_BETWEEN_LETTERS: Final = re.compile(f"[A-Za-z][{re.escape('“”•–…§°½¼¾×²³µ·±«»®©')}][A-Za-z]")
_OPENING_QUOTE: Final = re.compile(r"(?:^|[\s;,(\"])[”“]")


def _windows(data: bytes) -> str:
    """Text that is not UTF-8, read as cp1252 if it cannot well be anything else. Raises CellError.

    The same bytes are other letters on old Macs and in DOS: there ä is a quotation mark or an š.
    """
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise CellError("file-encoding") from None
    other = {c for c in text if ord(c) > 127}
    nordic = other & set("åäöÅÄÖ")
    if (
        not other <= set(_LETTERS + _SIGNS)
        or _BETWEEN_LETTERS.search(text)
        or ("”" in other and not _OPENING_QUOTE.search(text))  # an ö of DOS at the end of a word
        or (not nordic and other & set(_LETTERS))
        or (other & set("šžŠŽ") and not nordic & set("äö"))
    ):
        raise CellError("file-encoding")
    return text


# --- XLSX -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Part:
    """What the first look at one XML part of a workbook found."""

    last_row: int = 0
    last_column: int = 0
    merged: list[str] = field(default_factory=list)
    uncomputed: set[str] = field(default_factory=set)


class _Look:
    """The first look at a workbook: every XML part is streamed through expat, measured and not kept."""

    def __init__(self) -> None:
        self.rows = self.cells = self.strings = 0
        self.parts: dict[str, _Part] = {}

    def part(self, name: str, stream: IO[bytes]) -> None:
        """Measure one part. Raises CellError over a limit, UnsafePayload for a DTD or too deep a tree."""
        part = self.parts[name] = _Part()
        parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        depth = 0
        row = 0
        filled_rows: int = -1
        cell: str = ""
        has_formula = has_value = in_value = False

        def doctype(*_: object) -> None:
            raise UnsafePayload(
                f"{name} in the workbook has a DTD, whose entities can take all memory; nothing was read",
                hint="save the workbook again in Excel or LibreOffice",
            )

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth, row, cell, has_formula, has_value, in_value
            depth += 1
            if depth > DEPTH:
                raise UnsafePayload(f"the XML of {name} in the workbook is nested too deep; nothing was read")
            local = tag.rpartition(" ")[2]
            if local == "c":
                self.cells += 1
                cell = attributes.get("r", "")
                has_formula = has_value = False
                if self.cells % 1024 == 0:
                    _within(self.rows, self.cells)
            elif local == "v":
                in_value = True
            elif local == "is":
                value()
            elif local == "f":
                has_formula = True
            elif local == "row":
                row = _whole(attributes.get("r", "")) or row + 1
            elif local == "si":
                self.strings += 1
                _within(0, self.strings)
            elif local == "mergeCell" and len(part.merged) < 100:
                part.merged.append(attributes.get("ref", "")[:20])

        def text(_: str) -> None:
            if in_value and not has_value:
                value()

        def value() -> None:
            nonlocal has_value, filled_rows
            has_value = True
            if filled_rows != row:
                filled_rows = row
                self.rows += 1
                _within(self.rows, self.cells)
            part.last_row = max(part.last_row, row)
            part.last_column = max(part.last_column, _column(cell))

        def end(tag: str) -> None:
            nonlocal depth, in_value
            depth -= 1
            in_value = False
            if tag.rpartition(" ")[2] == "c" and has_formula and not has_value and cell:
                if len(part.uncomputed) < 1000:
                    part.uncomputed.add(cell)
                part.last_row = max(part.last_row, row)
                part.last_column = max(part.last_column, _column(cell))

        parser.StartDoctypeDeclHandler = doctype
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        first = stream.read(65536)
        if not first.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<"):
            return  # not XML, so nobody parses it
        try:
            parser.Parse(first, False)
            while chunk := stream.read(65536):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except xml.parsers.expat.ExpatError as error:
            raise CellError("file-broken", detail=f"{name}: {_first_line(error)}") from None


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _column(reference: str) -> int:
    """The column number of a cell reference such as AB12; 0 if it is none."""
    number = 0
    for char in reference.upper():
        if not "A" <= char <= "Z":
            break
        number = number * 26 + ord(char) - 64
    return number if number <= 16384 else 0


def _measure(data: bytes) -> _Look:
    """Look at all parts of a workbook before anything is built of it. Raises CellError, UnsafePayload."""
    look = _Look()
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > PARTS or len({m.filename for m in members}) < len(members):
                raise UnsafePayload("the workbook has too many parts, or one twice; nothing was read")
            if any(m.flag_bits & 1 for m in members):
                raise CellError("file-encrypted")
            declared = sum(m.file_size for m in members)
            if declared > UNPACKED or (declared > 1_000_000 and declared > RATIO * len(data)):
                raise UnsafePayload(
                    f"the workbook of {len(data):,} bytes unpacks to {declared:,}; nothing was read",
                    hint="save it again in Excel or LibreOffice, without pictures",
                )
            for member in members:
                large = "worksheets/" in member.filename or "sharedStrings" in member.filename
                if member.file_size > PART and not large and member.filename.endswith((".xml", ".rels")):
                    raise CellError("file-too-large", limit=f"{PART:,}".replace(",", " "), what=_BYTES)
                with archive.open(member) as stream:
                    counted = _Counted(stream, UNPACKED - total)
                    look.part(member.filename, counted)  # type: ignore[arg-type]
                    total += counted.count
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise CellError("file-broken", detail=_first_line(error)) from None
    return look


class _Counted:
    """A stream that ends in a refusal, not in a full memory, whatever its archive declared."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream, self._limit, self.count = stream, limit, 0

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self.count += len(chunk)
        if self.count > self._limit:
            raise UnsafePayload(f"the workbook unpacks to more than {UNPACKED:,} bytes; nothing was read")
        return chunk


def _workbook(data: bytes, name: str) -> Iterator[Table]:
    look = _measure(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of features that it leaves out
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                if sheet.sheet_state != "visible":
                    continue
                part = look.parts.get(str(sheet._worksheet_path), _Part())
                if part.last_column > COLUMNS:
                    _within(0, 0, part.last_column)
                yield Table(
                    str(sheet.title),
                    list(_rows(sheet, part, book.epoch)),
                    typed=True,
                    merged=part.merged,
                    epoch=book.epoch,
                )
            book.close()
    except (CellError, UnsafePayload):
        raise
    # openpyxl meets a malformed workbook with whatever error comes along; none of them is ours.
    except Exception as error:
        raise CellError("file-broken", detail=_first_line(error)) from None


def _rows(sheet: Any, part: _Part, epoch: datetime.datetime) -> Iterator[Row]:
    if not part.last_row:
        return
    rows = sheet.iter_rows(max_row=part.last_row, max_col=max(part.last_column, 1))
    for number, cells in enumerate(rows, 1):
        found: dict[int, Value] = {}
        for column, cell in enumerate(cells, 1):
            value = _value(cell, epoch)
            if value is None and part.uncomputed and f"{letter(column)}{number}" in part.uncomputed:
                value = Wrong("cell-formula", "=…")
            if value is not None:
                found[column] = value
        if found:
            yield Row(number, found)


def _value(cell: Any, epoch: datetime.datetime) -> Value | None:
    value, kind = cell.value, cell.data_type
    if value is None:
        return None
    if kind == "e":
        return Wrong("cell-error", str(value))
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if value != value or abs(value) >= 1e30:
            return Wrong("cell-error", str(value))
        return int(value) if value.is_integer() else Decimal(repr(value))
    if isinstance(value, datetime.datetime):
        return Stamp(value, shown_precision(value, str(cell.number_format)))
    if isinstance(value, datetime.date):
        return Stamp(datetime.datetime.combine(value, datetime.time(0)), DATE)
    if isinstance(value, datetime.time | datetime.timedelta):
        return Wrong("cell-time", str(value))
    text = str(value)
    return text if text.strip() else None


def serial_day(number: int, epoch: datetime.datetime) -> Stamp | None:
    """The day that a serial number of a workbook stands for, if it can be one (1955 to 2119)."""
    if not 20_000 <= number <= 80_000:
        return None
    value = from_excel(number, epoch)
    return Stamp(value, DATE) if isinstance(value, datetime.datetime) else None
