"""Pages as tests read them: the elements with their attributes, and tables that name a query as rows."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """A page's start tags, and the cells of tables with `data-query`; rows out of the year are left out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, list[dict[str, str]]] = {}
        self.columns: list[str] = []
        self._query = ""
        self._row: list[str] | None = None
        self._cell: str | None = None
        self._out = False
        self.feed(text)

    def found(self, tag: str, css: str) -> list[dict[str, str]]:
        return [given for name, given in self.tags if name == tag and css in given.get("class", "").split()]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "table":
            self._query, self.columns = given.get("data-query", ""), []
            self.tables.setdefault(self._query, [])
        elif tag == "th":
            self.columns.append(given.get("data-column", ""))
        elif tag == "tr":
            self._row, self._out = [], given.get("data-state") == "out"
        elif tag == "td":
            self._cell = ""
        elif tag == "data" and self._cell is not None:
            # The value as the query gives it; the words for it are the reader's.
            self._cell, self._row = None, [*(self._row or []), given["value"]]
        elif tag == "span" and "unbound" in given.get("class", "").split() and self._cell is not None:
            self._cell, self._row = None, [*(self._row or []), ""]

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "td" and self._row is not None:
            if self._cell is not None:
                self._row.append(" ".join(self._cell.split()))
            self._cell = None
        elif tag == "tr" and self._row:
            if not self._out:
                named = zip(self.columns, self._row, strict=True)
                self.tables[self._query].append({name: cell for name, cell in named if name})
            self._row = None


Rows = Counter[tuple[tuple[str, str], ...]]


def twin_of(source: Any, query: str, *, like: Rows | None = None) -> Rows:
    """The rows of a page's table, or of an answer in JSON with the columns of `like`, for comparison."""
    if isinstance(source, str):
        return Counter(tuple(sorted(row.items())) for row in Page(source).tables[query])
    columns = [name for name, _ in next(iter(like))] if like else []
    return Counter(tuple((name, _cell(item[name])) for name in sorted(columns)) for item in source["items"])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        value = value["label"] or value["id"]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else " ".join(str(value).split())
