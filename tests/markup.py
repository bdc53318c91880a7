"""Pages as tests read them: elements with their attributes and texts, and tables with what stands behind.

A table that shows the answer of a named query (`data-query`) names it, and its columns by `data-column`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final

_VOID: Final = frozenset(["meta", "link", "input", "br", "img", "hr", "wbr"])


@dataclass
class Element:
    """One element; `pieces` are its texts and the elements within it, in order."""

    tag: str
    given: dict[str, str]
    pieces: list[str | Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text within it, with single spaces."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for piece in self.pieces:
            if isinstance(piece, str):
                yield piece
            else:
                yield from piece._texts()

    def has(self, css: str) -> bool:
        return css in self.given.get("class", "").split()

    def walk(self) -> Iterator[Element]:
        """The elements within this one, each before what it holds."""
        for piece in self.pieces:
            if isinstance(piece, Element):
                yield piece
                yield from piece.walk()

    def all(self, tag: str, css: str = "") -> list[Element]:
        """The elements of a tag within this one."""
        return [each for each in self.walk() if each.tag == tag and (not css or each.has(css))]

    def first(self, *tags: str) -> Element | None:
        return next((each for each in self.walk() if each.tag in tags), None)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].pieces.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        while len(self.open) > 1 and self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.open[-1].pieces.append(data)


def read(text: str) -> Element:
    """The page as a tree of elements."""
    reader = _Reader()
    reader.feed(text)
    return reader.open[0]


# --- tables ---------------------------------------------------------------------------------------------


@dataclass
class Cell:
    """One cell of a table."""

    element: Element

    @property
    def name(self) -> str:
        """`data-column` of a heading."""
        return self.element.given.get("data-column", "")

    @property
    def text(self) -> str:
        """What is seen."""
        return " ".join("".join(_seen(self.element)).split())

    @property
    def value(self) -> str | None:
        """What `data` or `time` in it says."""
        exact = self.element.first("data", "time")
        if exact is None:
            return None
        return exact.given["value" if exact.tag == "data" else "datetime"]

    @property
    def plain(self) -> str:
        """As the answer of the query has it: its `value`, else its text; nothing where there is no value."""
        if any(each.has("unbound") or each.has("hidden") for each in self.element.walk()):
            return ""
        return self.text if self.value is None else self.value

    @property
    def href(self) -> str:
        link = self.element.first("a")
        return "" if link is None else link.given.get("href", "")

    @property
    def lang(self) -> str:
        return next((e.given["lang"] for e in self.element.walk() if "lang" in e.given), "")


def _seen(element: Element) -> Iterator[str]:
    for piece in element.pieces:
        if isinstance(piece, str):
            yield piece
        elif not piece.has("hidden"):
            yield from _seen(piece)


@dataclass
class Table:
    """One table; `names` are the `data-name`s of its rows."""

    head: list[Cell]
    rows: list[list[Cell]]
    names: list[str]

    @property
    def columns(self) -> list[str]:
        return [cell.name for cell in self.head]

    def values(self) -> dict[str, list[str]]:
        """The plain cells of each named row, without its heading."""
        return {
            name: [cell.plain for cell in row[1:]] for name, row in zip(self.names, self.rows, strict=True)
        }

    def items(self) -> list[dict[str, str]]:
        """The plain cells of each row by the columns of the query."""
        rows = (zip(self.columns, row, strict=True) for row in self.rows)
        return [{name: cell.plain for name, cell in row if name} for row in rows]


def tables(page: str | Element) -> dict[str, Table]:
    """The tables of a page by `data-query` or `data-table`.

    Rows that are out of the year that was asked for are left out, and one that says that there are none.
    """
    return dict(_named(page))


def _named(page: str | Element) -> Iterator[tuple[str, Table]]:
    for table in (read(page) if isinstance(page, str) else page).all("table"):
        yield table.given.get("data-query") or table.given.get("data-table", ""), _table(table)


def _table(table: Element) -> Table:
    lines = [
        (row, [Cell(cell) for cell in row.walk() if cell.tag in ("td", "th")])
        for row in table.all("tr")
        if row.given.get("data-state") != "out" and not any("colspan" in e.given for e in row.walk())
    ]
    body = [(row, cells) for row, cells in lines if any(cell.element.tag == "td" for cell in cells)]
    head = next((cells for _, cells in lines if all(cell.element.tag == "th" for cell in cells)), [])
    return Table(head, [cells for _, cells in body], [row.given.get("data-name", "") for row, _ in body])


# --- beside the answer of the query ---------------------------------------------------------------------


def twin(page: str | Element, query: str) -> list[dict[str, str]]:
    """The rows of the tables that hold a query's answer: the plain cells by column."""
    found = [table for name, table in _named(page) if name == query]
    assert found, f"no table of {query}"
    return [item for table in found for item in table.items()]


def shown(item: Mapping[str, Any], columns: Iterable[str]) -> dict[str, str]:
    """A row of an answer in JSON as `twin` reads it off a page."""
    return {column: plain(item[column]) for column in columns}


Rows = Counter[tuple[tuple[str, str], ...]]


def twin_of(source: Any, query: str, *, like: Rows | None = None) -> Rows:
    """The rows of a page's table, or of an answer in JSON with the columns of `like`, for comparison."""
    if isinstance(source, str):
        return Counter(tuple(sorted(row.items())) for row in twin(source, query))
    columns = [name for name, _ in next(iter(like))] if like else []
    return Counter(tuple((name, plain(item[name])) for name in sorted(columns)) for item in source["items"])


def plain(value: Any) -> str:
    """A value of an answer in JSON as a cell has it."""
    if isinstance(value, dict):
        value = value.get("label") or value.get("text") or value["id"]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else " ".join(str(value).split())
