"""Rows of an answer as the items of a REST response: typed values, things with the label that fits best.

The data are foreign: a value that is not of its column's type becomes null rather than break the promise
that the schema makes; what the graph states can be read at the thing's own address.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kymgraph.namespaces import XSD
from kymgraph.publishing.paging import Page, label_variables
from kymgraph.publishing.routes import LABELLED, Route

Cell = Mapping[str, str]  #: a term in SPARQL JSON: type, value, xml:lang, datatype
_NUMBERS: Final = frozenset(
    XSD + name
    for name in (
        "integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger",
        "unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte", "negativeInteger",
        "nonPositiveInteger", "decimal", "double", "float",
    )
)  # fmt: skip
#: How deep and how large a tree may grow; foreign data may have nodes with many parents.
_DEEPEST: Final = 40
_LARGEST: Final = 5_000
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,300}")


@dataclass(frozen=True, slots=True)
class Label:
    """The label of a thing, and its language ("" for none)."""

    text: str
    lang: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its terms by column, and the labels of its things."""

    cells: Mapping[str, Cell]
    labels: Mapping[str, Label]

    def iri(self, column: str) -> str | None:
        """The IRI in a column; None if it is empty or holds something else."""
        cell = self.cells.get(column)
        return cell["value"] if cell is not None and cell["type"] == "uri" else None


def read(body: bytes, route: Route, page: Page) -> list[Row]:
    """The rows of an answer in SPARQL JSON, in its order, each once with its best label.

    The answer may hold a row several times, once per label in the same language; of these the first by
    text is taken, so that the same data give the same page.
    """
    columns = page.columns or tuple(route.columns)
    labelled = [
        (column, list(zip(label_variables(column, page.languages), (*page.languages, None), strict=True)))
        for column in columns
        if route.columns[column] in LABELLED
    ]
    found: dict[tuple[tuple[str, ...], ...], Row] = {}
    for binding in json.loads(body)["results"]["bindings"]:
        cells = {column: binding[column] for column in route.columns if column in binding}
        labels = {}
        for column, variables in labelled:
            label = next((binding[name] for name, _ in variables if name in binding), None)
            if label is not None:
                labels[column] = Label(label["value"], label.get("xml:lang", ""))
        key = tuple((name, *cell.values()) for name, cell in cells.items())
        before = found.get(key)
        if before is not None:
            labels = {
                column: min(label, before.labels[column], key=_rank) if column in before.labels else label
                for column, label in labels.items()
            }
        found[key] = Row(cells, labels)
    return list(found.values())


def _rank(label: Label) -> tuple[str, str]:
    return label.lang, label.text


def item(row: Row, route: Route, columns: Sequence[str]) -> dict[str, Any]:
    """A row as a JSON object with one member per column; an empty cell is null."""
    return {column: value(row, column, route.columns[column]) for column in columns}


def value(row: Row, column: str, kind: str) -> Any:
    """A cell as a JSON value of its column's type; None where it is empty or not of that type."""
    cell = row.cells.get(column)
    if cell is None:
        return None
    if kind in LABELLED:
        return _thing(cell, row.labels.get(column))
    return _MAKERS.get(kind, _text)(cell)


def _thing(cell: Cell, label: Label | None) -> dict[str, str | None]:
    if cell["type"] == "literal":
        return {"id": None, "label": cell["value"], "lang": cell.get("xml:lang") or None}
    return {
        "id": _id(cell),
        "label": label.text if label else None,
        "lang": (label.lang or None) if label else None,
    }


def _id(cell: Cell) -> str:
    return "_:" + cell["value"] if cell["type"] == "bnode" else cell["value"]


def _text(cell: Cell) -> str | None:
    if cell["type"] == "triple":
        return json.dumps(cell["value"], ensure_ascii=False, sort_keys=True)
    return _id(cell)


def _iri(cell: Cell) -> str | None:
    return _id(cell) if cell["type"] in ("uri", "bnode") else None


def _integer(cell: Cell) -> int | None:
    if cell.get("datatype") in _NUMBERS and _INTEGER.fullmatch(cell["value"]):
        return int(cell["value"])
    return None


def _number(cell: Cell) -> int | float | None:
    if cell.get("datatype") not in _NUMBERS:
        return None
    try:
        number = float(cell["value"])
    except ValueError:
        return None
    return number if math.isfinite(number) else None  # JSON has no word for INF and NaN


def _boolean(cell: Cell) -> bool | None:
    if cell.get("datatype") != XSD + "boolean":
        return None
    return {"true": True, "1": True, "false": False, "0": False}.get(cell["value"])


def _tagged(cell: Cell) -> dict[str, str | None]:
    return {"text": _text(cell), "lang": cell.get("xml:lang") or None}


def _any(cell: Cell) -> dict[str, str | None]:
    kind = {"uri": "iri", "bnode": "blank"}.get(cell["type"], cell["type"])
    return {
        "type": kind,
        "value": _text(cell),
        "datatype": cell.get("datatype"),
        "lang": cell.get("xml:lang") or None,
    }


_MAKERS: Final = {
    "iri": _iri,
    "integer": _integer,
    "decimal": _number,
    "boolean": _boolean,
    "lang-string": _tagged,
    "any": _any,
}


def tree(rows: Sequence[Row], route: Route, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a tree route nested: each item has `children`; roots are those whose parent is no node.

    A node that stands under several parents is under each of them. A branch that leads back to itself ends
    there, and so does one that is too deep, so foreign data cannot make the tree endless.
    """
    assert route.tree is not None
    node, parent = route.tree
    children = _children(rows, route)
    shown = [column for column in columns if column != parent]
    left = _LARGEST

    def grow(row: Row, above: frozenset[str | None]) -> dict[str, Any]:
        nonlocal left
        left -= 1
        here = row.iri(node)
        below = children.get(here, []) if here is not None and left > 0 and len(above) < _DEEPEST else []
        inside = above | {here}
        return {
            **item(row, route, shown),
            "children": [grow(child, inside) for child in below if child.iri(node) not in inside],
        }

    return [grow(row, frozenset()) for row in children.get(None, [])]


def roots(rows: Sequence[Row], route: Route) -> list[Row]:
    """The rows of a tree route that stand under no other."""
    return _children(rows, route).get(None, [])


def depth(rows: Sequence[Row], route: Route) -> int:
    """How many levels of children a tree has."""
    assert route.tree is not None
    children = _children(rows, route)
    seen: set[str | None] = set()
    level, levels = children.get(None, []), 0
    while level and levels < _DEEPEST:
        here = {row.iri(route.tree[0]) for row in level} - seen - {None}
        seen |= here
        level = [child for iri in here for child in children.get(iri, [])]
        levels += bool(level)
    return levels


def _children(rows: Sequence[Row], route: Route) -> dict[str | None, list[Row]]:
    assert route.tree is not None
    node, parent = route.tree
    children: dict[str | None, list[Row]] = {}
    known = {row.iri(node) for row in rows}
    for row in rows:
        above = row.iri(parent)
        children.setdefault(above if above in known else None, []).append(row)
    return children
