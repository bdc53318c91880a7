"""Rows with places as GeoJSON (RFC 7946). What the graph states no geometry for has `geometry: null`.

No coordinate is ever made up: a geometry in another reference system than WGS 84 with longitude first, or one
that cannot be read, is left out too. The row's columns are the feature's properties.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from kymgraph.publishing.items import Row, item
from kymgraph.publishing.routes import Route

#: Reference systems with longitude first, in degrees of WGS 84; a text that names none is in this one.
_CRS: Final = frozenset({"http://www.opengis.net/def/crs/OGC/1.3/CRS84"})
_WKT: Final = re.compile(r"\s*(?:<([^>]*)>)?\s*([A-Za-z]+)\s*(?:Z\b)?\s*(\(.*\))\s*", re.DOTALL)
_TOKEN: Final = re.compile(r"\s*([(),]|[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)")
#: How deep the brackets of each kind go: a point has one, a ring of a polygon two.
_KINDS: Final = {
    "POINT": ("Point", 1),
    "LINESTRING": ("LineString", 1),
    "MULTIPOINT": ("MultiPoint", 2),
    "POLYGON": ("Polygon", 2),
    "MULTILINESTRING": ("MultiLineString", 2),
    "MULTIPOLYGON": ("MultiPolygon", 3),
}


def collection(rows: Iterable[Row], route: Route, columns: Sequence[str]) -> dict[str, Any]:
    """The rows as a FeatureCollection."""
    column = route.geometry
    assert column is not None
    shown = [name for name in columns if name != column]
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": row.iri(route.subject) if route.subject else None,
                "geometry": geometry(row.cells[column]["value"]) if column in row.cells else None,
                "properties": item(row, route, shown),
            }
            for row in rows
        ],
    }


def geometry(wkt: str) -> dict[str, Any] | None:
    """A geometry of well-known text; None for one that is not in WGS 84 or cannot be read.

    >>> geometry("POINT (26.7 60.87)")
    {'type': 'Point', 'coordinates': [26.7, 60.87]}
    >>> geometry("POLYGON ((26 60, 27 60, 27 61, 26 60))")["coordinates"][0][1]
    [27.0, 60.0]
    >>> geometry("<http://www.opengis.net/def/crs/EPSG/0/3067> POINT (480000 6750000)") is None
    True
    """
    found = _WKT.fullmatch(wkt[:1_000_000])
    if found is None or (found[1] and found[1] not in _CRS) or found[2].upper() not in _KINDS:
        return None
    kind, depth = _KINDS[found[2].upper()]
    try:
        coordinates = _nested(found[3], depth, points_in_brackets=kind == "MultiPoint")
    except ValueError:
        return None
    return {"type": kind, "coordinates": coordinates[0] if kind == "Point" else coordinates}


def _nested(text: str, depth: int, *, points_in_brackets: bool) -> list[Any]:
    """Lists in lists of positions. Raises ValueError for anything else."""
    stack: list[list[Any]] = [[]]
    position: list[float] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            if text[at:].strip():
                raise ValueError("not a coordinate")
            break
        at, sign = found.end(), found[1]
        if sign == "(":
            if len(stack) > depth or position:
                raise ValueError("too many brackets")
            stack.append([])
        elif sign in "),":
            if position:
                stack[-1].append(_position(position))
                position = []
            if sign == ")":
                inner = stack.pop()
                if not stack or not inner:
                    raise ValueError("unmatched bracket")
                stack[-1].append(inner)
        else:
            position.append(float(sign))
    if len(stack) != 1 or len(stack[0]) != 1 or position:
        raise ValueError("unmatched bracket")
    return _points(stack[0][0]) if points_in_brackets else _even(stack[0][0], depth)


def _position(numbers: list[float]) -> list[float]:
    if not (2 <= len(numbers) <= 3 and abs(numbers[0]) <= 180 and abs(numbers[1]) <= 90):
        raise ValueError("not longitude and latitude")
    return numbers


def _points(given: list[Any]) -> list[Any]:
    """MULTIPOINT is written with and without brackets around each point."""
    return [point[0] if isinstance(point[0], list) else point for point in given]


def _even(given: list[Any], depth: int) -> list[Any]:
    """The lists, if all are as deep as the kind of geometry asks. Raises ValueError."""
    for inner in given:
        nested = isinstance(inner[0], list)
        if nested != (depth > 1):
            raise ValueError("brackets are missing")
        if nested:
            _even(inner, depth - 1)
    return given
