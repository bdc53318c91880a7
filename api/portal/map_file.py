"""The geometry of a project's map, `api/map.json`: schematic shapes keyed by places (docs/map.md).

Only what the page draws is read, and checked when it is read, so that a file with a fault is named at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from kymgraph.errors import ProjectError
from kymgraph.project import Project

FILE: Final = "api/map.json"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """An area, or what lies around them. Without `place` the graph need not know it: `names` tell it."""

    ring: Sequence[Point]
    label: Point
    place: str = ""
    names: Mapping[str, str] | None = None
    kind: str = "land"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place within an area."""

    place: str
    at: Point
    within: str


@dataclass(frozen=True, slots=True)
class Geometry:
    """Everything that is drawn; places as slugs."""

    size: Point
    whole: str
    areas: Sequence[Shape]
    around: Sequence[Shape]
    lines: Sequence[tuple[str, Sequence[Sequence[Point]]]]
    spots: Sequence[Spot]
    groups: Mapping[str, Sequence[str]]
    neighbours: frozenset[frozenset[str]]


def read(project: Project) -> Geometry | None:
    """The map of a project; None if it has none. Raises ProjectError for a file that is no map."""
    path = project.folder / FILE
    try:
        return _read(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Geometry:
    try:
        return _geometry(json.loads(path.read_text("utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ProjectError(
            f"{path} is not a map: {type(error).__name__} {error}", hint="mend it as docs/map.md says"
        ) from None


def _geometry(found: Any) -> Geometry:
    return Geometry(
        size=_point(found["size"]),
        whole=str(found.get("whole", "")),
        areas=[_shape(each) for each in found.get("areas", ())],
        around=[_shape(each) for each in found.get("around", ())],
        lines=[(str(each["place"]), [_points(p) for p in each["paths"]]) for each in found.get("lines", ())],
        spots=[
            Spot(str(each["place"]), _point(each["at"]), str(each["within"]))
            for each in found.get("points", ())
        ],
        groups={str(each["place"]): [str(one) for one in each["of"]] for each in found.get("groups", ())},
        neighbours=frozenset(frozenset(map(str, pair)) for pair in found.get("neighbours", ())),
    )


def _shape(found: Any) -> Shape:
    names = {str(lang): str(name) for lang, name in found["name"].items()} if "name" in found else None
    if names is None and "place" not in found:
        raise ValueError("a shape has neither place nor name")
    ring = _points(found["ring"])
    if len(ring) < 3:
        raise ValueError(f"a ring has {len(ring)} points")
    kind = str(found.get("kind", "land"))
    if kind not in ("land", "abroad", "water"):
        raise ValueError(f"kind {kind!r} is none of land, abroad, water")
    return Shape(ring, _point(found["label"]), str(found.get("place", "")), names, kind)


def _points(found: Any) -> list[Point]:
    return [_point(each) for each in found]


def _point(found: Any) -> Point:
    x, y = found
    if not (-100_000 < float(x) < 100_000 and -100_000 < float(y) < 100_000):
        raise ValueError(f"the point {found!r} lies outside every map")
    return float(x), float(y)
