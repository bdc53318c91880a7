"""What is and happens where: the places of the region with their things, as a map and as lists.

Counts, lists and the map are made of the same rows (`place-things`, `place-memberships`, `places`), so they
cannot tell different stories. Geometry comes from the project (`map_file`); without it there are only lists.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from api.portal.asking import Value
from api.portal.map_file import Geometry, Point, Shape
from api.portal.times import Span, State, Tally

Row = Mapping[str, Value | None]

_LINE: Final = 13  # letters of a name on the map before it is broken


@dataclass(frozen=True, slots=True)
class Thing:
    """One row of `place-things` with how its time stands to the chosen year."""

    row: Row
    span: Span
    state: State

    @classmethod
    def of(cls, row: Row, year: int | None) -> Thing:
        span = Span.of(row["from"], row["until"])
        return cls(row, span, span.state(year))


@dataclass(frozen=True, slots=True)
class Belonging:
    """A larger place that a place lies in, and when."""

    row: Row
    span: Span
    state: State

    @property
    def lines(self) -> Sequence[str]:
        """The larger place's name as it stands on the map."""
        return lines(self.row["whole"].text) if self.row["whole"] is not None else []


@dataclass(frozen=True, slots=True)
class Place:
    """A place with what is said of it."""

    value: Value
    slug: str
    kind: Value | None
    documents: int
    things: Sequence[Thing] = field(default=())

    @property
    def tally(self) -> Tally:
        """Each thing counts once, however many rows tell of it; the best-known time counts."""
        best: dict[str, State] = {}
        for thing in self.things:
            iri = thing.row["thing"].iri if thing.row["thing"] is not None else ""
            if thing.state != "out" and best.get(iri) not in ("in", "open"):
                best[iri] = thing.state
        return Tally.of(best.values())


@dataclass(frozen=True, slots=True)
class Group:
    """The things of one kind at a place."""

    kind: Value
    things: Sequence[Thing]
    tally: Tally

    @property
    def seen(self) -> int:
        return self.tally.dated + self.tally.unknown


@dataclass(frozen=True, slots=True)
class Area:
    """A municipality, or whatever tiles the region, on the map."""

    place: Place
    path: str
    label: Point
    state: State  #: of its lying in the region in the chosen year
    span: Span
    elsewhere: Sequence[Belonging]  #: other regions that it lies in at some time


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around the region: only a name."""

    lines: Sequence[str]
    lang: str
    path: str
    label: Point
    kind: str


@dataclass(frozen=True, slots=True)
class Spot:
    place: Place
    at: Point


@dataclass(frozen=True, slots=True)
class River:
    place: Place
    paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The map, ready to be written."""

    width: float
    height: float
    whole: Place | None
    areas: Sequence[Area]
    around: Sequence[Around]
    spots: Sequence[Spot]
    rivers: Sequence[River]
    chosen: frozenset[str]  #: slugs of the areas that the chosen place is made up of


def places(named: Iterable[Row], things: Iterable[Row], ids: str, year: int | None) -> dict[str, Place]:
    """All places by slug, those of the query `places` and those that only a thing names."""
    of: dict[str, list[Thing]] = defaultdict(list)
    values: dict[str, tuple[Value, Value | None, int]] = {}
    for row in named:
        if (place := row["place"]) is not None:
            documents = row["documents"].plain if row["documents"] is not None else 0
            values.setdefault(place.iri, (place, row["kind"], documents or 0))
    for row in things:
        if (place := row["place"]) is not None:
            values.setdefault(place.iri, (place, None, 0))
            of[place.iri].append(Thing.of(row, year))
    found = (
        Place(value, iri.removeprefix(ids), kind, documents, of[iri])
        for iri, (value, kind, documents) in values.items()
    )
    return {place.slug: place for place in found}


def belongings(rows: Iterable[Row], place: str, year: int | None) -> list[Belonging]:
    """The larger places that the place with this IRI lies in, at any time."""
    found = []
    for row in rows:
        if row["part"] is not None and row["part"].iri == place and row["whole"] is not None:
            span = Span.of(row["from"], row["until"])
            found.append(Belonging(row, span, _presence(span, row, year)))
    return found


def grouped(things: Iterable[Thing]) -> list[Group]:
    """The things of a place by kind, the kinds with most that are dated to the year first."""
    of: dict[str, list[Thing]] = defaultdict(list)
    for thing in things:
        if thing.row["kind"] is not None:
            of[thing.row["kind"].iri].append(thing)
    groups = []
    for found in of.values():
        kind = found[0].row["kind"]
        assert kind is not None
        groups.append(Group(kind, sorted(found, key=_when), Tally.of(thing.state for thing in found)))
    return sorted(groups, key=lambda group: (-group.tally.dated, len(group.things), group.kind.text))


def draw(
    geometry: Geometry,
    found: Mapping[str, Place],
    rows: Sequence[Row],
    lang: str,
    year: int | None,
    chosen: str,
) -> Drawing:
    """The map with the places that the graph knows; shapes of others are left out."""
    whole = found.get(geometry.whole)
    areas = []
    for shape in geometry.areas:
        if (place := found.get(shape.place)) is None:
            continue
        lies = belongings(rows, place.value.iri, year)
        inside = [each for each in lies if whole is not None and _iri(each.row["whole"]) == whole.value.iri]
        areas.append(
            Area(
                place=place,
                path=path(shape.ring, closed=True),
                label=shape.label,
                state=inside[0].state if inside else "unknown",
                span=inside[0].span if inside else Span(),
                elsewhere=[each for each in lies if each not in inside],
            )
        )
    return Drawing(
        width=geometry.size[0],
        height=geometry.size[1],
        whole=whole,
        areas=areas,
        around=[_around(shape, found, lang) for shape in geometry.around],
        spots=[Spot(found[spot.place], spot.at) for spot in geometry.spots if spot.place in found],
        rivers=[
            River(found[place], [path(points) for points in paths])
            for place, paths in geometry.lines
            if place in found
        ],
        chosen=frozenset(geometry.groups.get(chosen, (chosen,))),
    )


def path(points: Sequence[Point], *, closed: bool = False) -> str:
    """Points as the data of an SVG path.

    >>> path([(0, 0), (10, 0), (10, 5.5)], closed=True)
    'M0 0L10 0L10 5.5Z'
    """
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) + ("Z" if closed else "")


def lines(name: str) -> list[str]:
    """A name in lines short enough for the map, broken at spaces and hyphens.

    >>> lines("Päijänne-Tavastland"), lines("Kotka")
    (['Päijänne-', 'Tavastland'], ['Kotka'])
    """
    return textwrap.wrap(name, _LINE, max_lines=3, placeholder="…", break_long_words=False)


def _around(shape: Shape, found: Mapping[str, Place], lang: str) -> Around:
    name, own = "", ""
    if shape.names is not None:
        own = next((code for code in (lang, *shape.names) if code in shape.names), "")
        name = shape.names.get(own, "")
    elif (place := found.get(shape.place)) is not None:
        name, own = place.value.text, place.value.lang
    return Around(
        lines(name), "" if own == lang else own, path(shape.ring, closed=True), shape.label, shape.kind
    )


def _presence(span: Span, row: Row, year: int | None) -> State:
    """A belonging that was seen, and of which no bound is told, holds at one time at least: it is open."""
    state = span.state(year)
    seen = row["first_seen"] is not None
    return "open" if state == "unknown" and seen else state


def _when(thing: Thing) -> tuple[bool, int, str]:
    start = thing.span.first or thing.span.last
    label = thing.row["thing"].text if thing.row["thing"] is not None else ""
    return start is None, start or 0, label


def _iri(value: Value | None) -> str:
    return value.iri if value is not None else ""
