"""Tables of a page, read as a program would: texts, links, and the values behind what is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Cell:
    """One cell: `value` is what `data` or `time` in it says, `hidden` what is only read out."""

    name: str = ""  #: data-column of a heading
    text: str = ""
    value: str | None = None
    href: str = ""
    lang: str = ""
    hidden: str = ""

    @property
    def plain(self) -> str:
        """As the answer of the query has it; a cell without a value is empty."""
        return "" if self.hidden else self.text if self.value is None else self.value


@dataclass
class Table:
    """One table by its `data-query` or `data-table`; rows by `data-name` where they have one."""

    name: str
    head: list[Cell] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        return [cell.name for cell in self.head]

    def values(self) -> dict[str, list[str]]:
        """The plain cells of each named row, without its heading."""
        return {
            name: [cell.plain for cell in row[1:]] for name, row in zip(self.names, self.rows, strict=True)
        }


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self._table: Table | None = None
        self._cell: Cell | None = None
        self._body = False
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "table":
            self._table = Table(given.get("data-query") or given.get("data-table", ""))
            self.tables.append(self._table)
        if self._table is None:
            return
        if tag in ("thead", "tbody"):
            self._body = tag == "tbody"
        elif tag == "tr" and self._body:
            self._table.rows.append([])
            self._table.names.append(given.get("data-name", ""))
        elif tag in ("td", "th"):
            self._cell = Cell(given.get("data-column", ""))
            (self._table.rows[-1] if self._body else self._table.head).append(self._cell)
        elif self._cell is not None:
            if tag == "data":
                self._cell.value = given["value"]
            elif tag == "time":
                self._cell.value = given["datetime"]
            elif tag == "a" and not self._cell.href:
                self._cell.href = given.get("href", "")
            if tag in ("a", "bdi") and "lang" in given:
                self._cell.lang = given["lang"]
            if given.get("class") == "hidden":
                self._hidden = 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = None
        elif tag in ("td", "th"):
            self._cell = None
        elif tag == "span":
            self._hidden = 0

    def handle_data(self, data: str) -> None:
        if self._cell is None:
            return
        if self._hidden:
            self._cell.hidden += data
        else:
            self._cell.text += data


def tables(page: str) -> dict[str, Table]:
    """The tables of a page by name."""
    reader = _Reader()
    reader.feed(page)
    return {table.name: table for table in reader.tables}
