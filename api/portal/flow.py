"""The geometry of a flow picture (Sankey): boxes in columns, ribbons between them. Pure and deterministic.

Method: layers as in Sugiyama's. A ribbon that crosses a column goes through a slot of its own there, so
none runs over a box; columns are ordered by barycentres of their neighbours, and of all orders met the one
with the fewest crossings stays; heights are the least-squares fit to the neighbours that keeps the order.
Ribbons run from the left to the right; which end is the later one is the caller's matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

_SWEEPS: Final = 12
_FITS: Final = 24


@dataclass(frozen=True, slots=True)
class Box:
    """A box to be placed. Boxes of one group stay together, `first` ones on top."""

    key: str
    column: int
    group: str
    height: float
    first: bool = False


@dataclass(frozen=True, slots=True)
class Ribbon:
    """A ribbon to be drawn between two boxes."""

    key: str
    source: str
    target: str
    width: float


@dataclass(frozen=True, slots=True)
class Measures:
    """Sizes of a picture."""

    box: float  #: width of a box
    between: float  #: between columns
    gap: float  #: between boxes of a group
    group_gap: float
    slot_gap: float  #: about a ribbon that crosses a column
    top: float
    margin: float  #: at the left and right


@dataclass(frozen=True, slots=True)
class PlacedBox:
    key: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PlacedRibbon:
    """A ribbon: its outline, its middle line, and where it meets its boxes."""

    key: str
    outline: str
    middle: str
    source: tuple[float, float]
    target: tuple[float, float]
    width: float
    turned: bool  #: its source stands to the right of its target


@dataclass(frozen=True, slots=True)
class Flow:
    """A picture, placed."""

    width: float
    height: float
    columns: tuple[float, ...]  #: the left edge of each
    boxes: Mapping[str, PlacedBox]
    ribbons: tuple[PlacedRibbon, ...]
    crossings: int


class _Slot(NamedTuple):
    """What stands in a column: a box, or a ribbon on its way."""

    key: str
    column: int
    group: str
    height: float
    first: bool


class _Step(NamedTuple):
    """A ribbon's way from one column to the next, or within one."""

    ribbon: str
    left: str
    right: str
    width: float


def place(columns: int, boxes: Sequence[Box], ribbons: Sequence[Ribbon], sizes: Measures) -> Flow:
    """Where everything stands. Ribbons whose boxes are not given are left out."""
    known = {box.key: box for box in boxes}
    drawn = [ribbon for ribbon in ribbons if ribbon.source in known and ribbon.target in known]
    slots, steps = _layers(boxes, drawn, known)
    heights = _heights(slots, steps)
    order, crossings = _ordered(columns, slots, steps)
    tops = _fitted(order, slots, steps, heights, sizes)
    ports = _ports(slots, steps, tops, heights)
    left = [sizes.margin + n * (sizes.box + sizes.between) for n in range(columns)]
    placed = {
        key: PlacedBox(key, left[slot.column], _round(tops[key]), sizes.box, _round(heights[key]))
        for key, slot in slots.items()
        if key in known
    }
    by_ribbon: dict[str, list[_Step]] = {}
    for step in steps:
        by_ribbon.setdefault(step.ribbon, []).append(step)
    lines = tuple(_drawn(ribbon, by_ribbon[ribbon.key], known, slots, ports, left, sizes) for ribbon in drawn)
    bottom = max((box.y + box.height for box in placed.values()), default=sizes.top)
    for step in steps:
        bottom = max(bottom, *(y + step.width / 2 for y in ports[step]))
    right = 2 * sizes.margin + columns * sizes.box + max(columns - 1, 0) * sizes.between
    return Flow(right, _round(bottom + sizes.gap), tuple(left), placed, lines, crossings)


def _layers(
    boxes: Sequence[Box], ribbons: Sequence[Ribbon], known: Mapping[str, Box]
) -> tuple[dict[str, _Slot], list[_Step]]:
    slots = {box.key: _Slot(box.key, box.column, box.group, box.height, box.first) for box in boxes}
    steps = []
    for ribbon in ribbons:
        ends = sorted((known[ribbon.source], known[ribbon.target]), key=lambda box: box.column)
        before = ends[0].key
        for column in range(ends[0].column + 1, ends[1].column):
            key = f"{ribbon.key}\n{column}"
            slots[key] = _Slot(key, column, key, ribbon.width, False)
            steps.append(_Step(ribbon.key, before, key, ribbon.width))
            before = key
        steps.append(_Step(ribbon.key, before, ends[1].key, ribbon.width))
    return slots, steps


def _heights(slots: Mapping[str, _Slot], steps: Sequence[_Step]) -> dict[str, float]:
    """A box is as high as it asks, and as what meets it at either side."""
    left, right = dict.fromkeys(slots, 0.0), dict.fromkeys(slots, 0.0)
    for step in steps:
        right[step.left] += step.width
        same = slots[step.left].column == slots[step.right].column
        (right if same else left)[step.right] += step.width
    return {key: max(slot.height, left[key], right[key]) for key, slot in slots.items()}


def _ordered(columns: int, slots: Mapping[str, _Slot], steps: Sequence[_Step]) -> tuple[list[list[str]], int]:
    """The slots of each column from top to bottom, and how many crossings that leaves."""
    order: list[list[str]] = [[] for _ in range(columns)]
    for key, slot in slots.items():
        order[slot.column].append(key)
    order = [_grouped(column, slots, {key: float(n) for n, key in enumerate(column)}) for column in order]
    best, fewest = [list(column) for column in order], _crossings(order, slots, steps)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for n in range(1, columns) if forward else range(columns - 2, -1, -1):
            order[n] = _grouped(order[n], slots, _barycentres(order, n, slots, steps, forward=forward))
        if (crossings := _crossings(order, slots, steps)) < fewest:
            best, fewest = [list(column) for column in order], crossings
    return best, fewest


def _grouped(column: Sequence[str], slots: Mapping[str, _Slot], wish: Mapping[str, float]) -> list[str]:
    """A column sorted by wishes, groups kept together. Ties keep their order."""
    groups: dict[str, list[str]] = {}
    for key in column:
        groups.setdefault(slots[key].group, []).append(key)
    # What a group's head wishes counts for the group, but the head stays on top.
    middle = {name: sum(wish[key] for key in keys) / len(keys) for name, keys in groups.items()}
    return [
        key
        for name in sorted(groups, key=lambda name: middle[name])
        for key in sorted(groups[name], key=lambda key: (not slots[key].first, wish[key]))
    ]


def _barycentres(
    order: Sequence[Sequence[str]],
    n: int,
    slots: Mapping[str, _Slot],
    steps: Sequence[_Step],
    *,
    forward: bool,
) -> dict[str, float]:
    """Where each slot of column n would be to stand right across from its neighbours, from 0 to 1."""
    found: dict[str, list[float]] = {key: [] for key in order[n]}
    beside = order[n - 1] if forward else order[n + 1]
    place_of = {key: (i + 0.5) / len(beside) for i, key in enumerate(beside)}
    for step in steps:
        here, there = (step.right, step.left) if forward else (step.left, step.right)
        if here in found and there in place_of and slots[here].column == n:
            found[here].append(place_of[there])
    return {
        key: sum(found[key]) / len(found[key]) if found[key] else (i + 0.5) / len(order[n])
        for i, key in enumerate(order[n])
    }


def _crossings(order: Sequence[Sequence[str]], slots: Mapping[str, _Slot], steps: Sequence[_Step]) -> int:
    place_of = {key: i for column in order for i, key in enumerate(column)}
    between: dict[int, list[tuple[int, int]]] = {}
    for step in steps:
        column = slots[step.left].column
        if slots[step.right].column != column:
            between.setdefault(column, []).append((place_of[step.left], place_of[step.right]))
    count = 0
    for pairs in between.values():
        pairs.sort()
        for i, (a, b) in enumerate(pairs):
            count += sum(1 for c, d in pairs[i + 1 :] if c > a and d < b)
    return count


def _fitted(
    order: Sequence[Sequence[str]],
    slots: Mapping[str, _Slot],
    steps: Sequence[_Step],
    heights: Mapping[str, float],
    sizes: Measures,
) -> dict[str, float]:
    """The top of each slot: near its neighbours, none over another."""
    tops: dict[str, float] = {}
    for column in order:
        y = sizes.top
        for before, key in zip([None, *column], column, strict=False):
            y += _room(before, key, slots, sizes)
            tops[key] = y
            y += heights[key]
    near: dict[str, list[tuple[str, float]]] = {key: [] for key in slots}
    for step in steps:
        if slots[step.left].column != slots[step.right].column:
            near[step.left].append((step.right, step.width))
            near[step.right].append((step.left, step.width))
    for fit in range(_FITS):
        for column in order if fit % 2 == 0 else reversed(order):
            wishes, weights = [], []
            for key in column:
                total = sum(weight for _, weight in near[key])
                middle = sum((tops[k] + heights[k] / 2) * weight for k, weight in near[key])
                wishes.append(middle / total - heights[key] / 2 if total else tops[key])
                weights.append(total or 0.1)
            offsets, offset = [], 0.0
            for before, key in zip([None, *column], column, strict=False):
                offset += _room(before, key, slots, sizes) + (heights[before] if before else 0)
                offsets.append(offset)
            levels = _isotonic([wish - o for wish, o in zip(wishes, offsets, strict=True)], weights)
            for key, level, offset in zip(column, levels, offsets, strict=True):
                tops[key] = max(level, sizes.top) + offset
    lowest = min(tops.values(), default=sizes.top) - sizes.top
    return {key: top - lowest for key, top in tops.items()}


def _room(before: str | None, key: str, slots: Mapping[str, _Slot], sizes: Measures) -> float:
    """What stays free above a slot."""
    if before is None:
        return 0.0
    above, below = slots[before], slots[key]
    if above.group == below.group:
        return sizes.gap
    return sizes.slot_gap if "\n" in above.key or "\n" in below.key else sizes.group_gap


def _isotonic(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The rising sequence nearest to the values (pool adjacent violators).

    >>> _isotonic([1, 3, 2, 4], [1, 1, 1, 1])
    [1, 2.5, 2.5, 4]
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m, i), (b, n, j) = pools[-2:]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n, i + j)]
    return [value for value, _, count in pools for _ in range(count)]


def _ports(
    slots: Mapping[str, _Slot],
    steps: Sequence[_Step],
    tops: Mapping[str, float],
    heights: Mapping[str, float],
) -> dict[_Step, tuple[float, float]]:
    """The heights at which each step leaves and arrives, so that those of one side lie in the order of what
    they lead to."""
    sides: dict[tuple[str, bool], list[tuple[float, _Step, int]]] = {}
    for step in steps:
        same = slots[step.left].column == slots[step.right].column
        middles = [tops[key] + heights[key] / 2 for key in (step.left, step.right)]
        sides.setdefault((step.left, True), []).append((middles[1], step, 0))
        sides.setdefault((step.right, same), []).append((middles[0], step, 1))
    found: dict[_Step, list[float]] = {step: [0.0, 0.0] for step in steps}
    for (key, _), meeting in sides.items():
        meeting.sort(key=lambda end: (end[0], end[1].ribbon))
        y = tops[key] + (heights[key] - sum(step.width for _, step, _ in meeting)) / 2
        for _, step, end in meeting:
            found[step][end] = y + step.width / 2
            y += step.width
    return {step: (ends[0], ends[1]) for step, ends in found.items()}


def _drawn(
    ribbon: Ribbon,
    steps: Sequence[_Step],
    known: Mapping[str, Box],
    slots: Mapping[str, _Slot],
    ports: Mapping[_Step, tuple[float, float]],
    left: Sequence[float],
    sizes: Measures,
) -> PlacedRibbon:
    """The outline of a ribbon along its steps: its upper edge there, its lower edge back."""
    first, last = steps[0], steps[-1]
    turned = known[ribbon.source].column > known[ribbon.target].column
    begin = left[slots[first.left].column] + sizes.box
    half = ribbon.width / 2
    if slots[first.left].column == slots[last.right].column:
        above, below = ports[first]
        # Longer bows swing out further, so that they lie about shorter ones.
        swing = begin + sizes.between * (0.3 + 0.85 * min(abs(below - above) / 400, 1))
        way = half if above <= below else -half
        inner = max(swing - ribbon.width * 1.3, begin + 2)
        outline = (
            _bow(begin, above - way, swing, below + way)
            + "L"
            + _bow(begin, below - way, inner, above + way)[1:]
            + "Z"
        )
        ends = ((begin, above), (begin, below))
        if first.left != ribbon.source:
            ends = ends[1], ends[0]
        middle = _bow(begin, above, swing, below)
        return PlacedRibbon(ribbon.key, outline, middle, *_rounded(ends), ribbon.width, turned)
    points: list[tuple[float, float]] = []
    for step in steps:
        leaves, arrives = ports[step]
        points.append((left[slots[step.left].column] + sizes.box, leaves))
        points.append((left[slots[step.right].column], arrives))
    outline = _edge(points, -half) + "L" + _edge(points[::-1], half)[1:] + "Z"
    ends = (points[-1], points[0]) if turned else (points[0], points[-1])
    return PlacedRibbon(ribbon.key, outline, _edge(points, 0), *_rounded(ends), ribbon.width, turned)


def _bow(x: float, y0: float, swing: float, y1: float) -> str:
    """A line from one box to another in the same column, out to the right and back."""
    return f"M{_f(x)} {_f(y0)}C{_f(swing)} {_f(y0)} {_f(swing)} {_f(y1)} {_f(x)} {_f(y1)}"


def _edge(points: Sequence[tuple[float, float]], offset: float) -> str:
    """A smooth line through the points: curves between columns, straight across them."""
    parts = [f"M{_f(points[0][0])} {_f(points[0][1] + offset)}"]
    for n, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        if n % 2:  # across a column
            parts.append(f"L{_f(x1)} {_f(y1 + offset)}")
        else:
            middle = (x0 + x1) / 2
            parts.append(
                f"C{_f(middle)} {_f(y0 + offset)} {_f(middle)} {_f(y1 + offset)} {_f(x1)} {_f(y1 + offset)}"
            )
    return "".join(parts)


def _rounded(
    ends: tuple[tuple[float, float], tuple[float, float]],
) -> tuple[tuple[float, float], tuple[float, float]]:
    (a, b), (c, d) = ends
    return (_round(a), _round(b)), (_round(c), _round(d))


def _round(value: float) -> float:
    return round(value, 1)


def _f(value: float) -> str:
    """A coordinate, short.

    >>> _f(12.04), _f(3.25)
    ('12', '3.2')
    """
    return f"{value:.1f}".removesuffix(".0")
