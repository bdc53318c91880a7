"""What tests read of a page: its elements with their attributes and texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = frozenset(["meta", "link", "input", "br", "img", "hr", "wbr"])


@dataclass
class Element:
    """One element; `text` is all text within it, with single spaces."""

    tag: str
    given: dict[str, str]
    pieces: list[str] = field(default_factory=list)
    within: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())

    def has(self, css: str) -> bool:
        return css in self.given.get("class", "").split()

    def all(self, tag: str, css: str = "") -> list[Element]:
        """The elements of a tag within this one, in order."""
        found = [each for each in self.within if each.tag == tag and (not css or each.has(css))]
        for each in self.within:
            found += each.all(tag, css)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].within.append(element)
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
        for element in self.open:
            element.pieces.append(data)


def read(text: str) -> Element:
    """The page as a tree of elements."""
    reader = _Reader()
    reader.feed(text)
    return reader.open[0]


def twin(page: Element, query: str) -> list[dict[str, str]]:
    """The rows of the table that holds a query's answer: the text of each cell by its column."""
    table = next(each for each in page.all("table") if each.given.get("data-query") == query)
    columns = [heading.given["data-column"] for heading in table.all("th")]
    rows = [[cell.text for cell in row.all("td")] for row in table.all("tr") if row.all("td")]
    return [dict(zip(columns, row, strict=True)) for row in rows]


def shown(item: dict[str, Any], columns: list[str]) -> dict[str, str]:
    """A row of an answer in JSON as a page shows it."""
    return {column: _cell(item[column]) for column in columns}


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict):
        value = value.get("label") or value.get("text") or value["id"]
    return " ".join(str(value).split())
