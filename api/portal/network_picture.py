"""Who belongs to what as a picture: members left, what they belong to right, a line for each tie.

Two columns are read like a table, which a cloud of nodes is not. What one belongs to stands grouped by kind;
each member stands as near as it can to the middle of its ties, which keeps lines short and crossings few.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.portal.asking import Value
from api.portal.times import Span, State

#: Lines that a picture can hold and still be read; the table below it has all.
MOST_TIES: Final = 120

_WIDTH: Final = 660
_LEFT, _RIGHT = 242, 418  # where lines begin and end
_ROW: Final = 42
_HEADING: Final = 36
_LINE: Final = 27  # letters that fit one line of a label
_HALF_LINE: Final = 9


@dataclass(frozen=True, slots=True)
class Node:
    """A member, or what one belongs to: a link with its label in one or two lines."""

    key: str
    value: Value
    lines: tuple[str, ...]
    x: int
    y: int
    state: State

    @property
    def top(self) -> int:
        """Where the first line of the label stands."""
        return self.y + 5 - (len(self.lines) - 1) * _HALF_LINE


@dataclass(frozen=True, slots=True)
class Heading:
    """The kind of what stands below it in the right column."""

    value: Value | None
    y: int


@dataclass(frozen=True, slots=True)
class Tie:
    """One line: a belonging, or a stated not-belonging, which has a cross in its middle."""

    path: str
    belongs: bool
    span: Span
    state: State
    ends: tuple[str, str]
    middle: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Picture:
    width: int
    height: int
    members: Sequence[Node]
    wholes: Sequence[Node]
    headings: Sequence[Heading]
    ties: Sequence[Tie]
    more: bool  #: whether there are ties that were not drawn


Row = Mapping[str, Value | None]


def draw(rows: Iterable[Row], year: int | None = None) -> Picture:
    """The picture of rows of `memberships`; `year` decides which lines are seen, never where they are."""
    known = [row for row in rows if row["member"] is not None and row["whole"] is not None]
    shown = known[:MOST_TIES]
    headings, places, height = _right_column(shown)
    members = _left_column(shown, places, height)
    number = {key: f"m{i}" for i, key in enumerate(members)}, {key: f"w{i}" for i, key in enumerate(places)}
    ties = [_tie(row, members, places, number, year) for row in shown]
    state_of = _states(ties)
    names = {_key(row["member"]): row["member"] for row in shown}
    wholes = {_key(row["whole"]): row["whole"] for row in shown}
    return Picture(
        width=_WIDTH,
        height=max(height, *members.values(), 0) + _ROW // 2 if members else 0,
        members=[_node(number[0][key], names[key], _LEFT - 12, y, state_of) for key, y in members.items()],
        wholes=[_node(number[1][key], wholes[key], _RIGHT + 12, y, state_of) for key, y in places.items()],
        headings=headings,
        ties=ties,
        more=len(known) > len(shown),
    )


def _right_column(rows: Sequence[Row]) -> tuple[list[Heading], dict[str, int], int]:
    """The groups by kind, largest first, and the height of each whole in them."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_key(row["kind"])].append(row)
    headings, places, y = [], {}, 0
    for group in sorted(groups.values(), key=lambda group: -len({_key(row["whole"]) for row in group})):
        headings.append(Heading(group[0]["kind"], y + _HEADING - 10))
        y += _HEADING
        for row in group:
            if _key(row["whole"]) not in places:
                places[_key(row["whole"])] = y + _ROW // 2
                y += _ROW
    return headings, places, y


def _left_column(rows: Sequence[Row], places: Mapping[str, int], height: int) -> dict[str, int]:
    ends: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        ends[_key(row["member"])].append(places[_key(row["whole"])])
    middles = {key: sum(found) / len(found) for key, found in ends.items()}
    order = sorted(middles, key=lambda key: (middles[key], key))
    taken: dict[str, int] = {}
    y = 0.0
    for key in order:
        y = max(middles[key], y + _ROW if taken else 0)
        taken[key] = int(y)
    # Back from the bottom, so that the column does not run out below the picture.
    limit = float(height - _ROW // 2)
    for key in reversed(order):
        taken[key] = int(min(taken[key], limit))
        limit = taken[key] - _ROW
    first = min(taken.values(), default=0)
    push = max(_ROW // 2 - first, 0)
    return {key: taken[key] + push for key in order}


def _tie(
    row: Row,
    members: Mapping[str, int],
    places: Mapping[str, int],
    number: tuple[Mapping[str, str], Mapping[str, str]],
    year: int | None,
) -> Tie:
    member, whole = _key(row["member"]), _key(row["whole"])
    first, last = members[member], places[whole]
    bend = (_RIGHT - _LEFT) // 2
    span = Span.of(row["from"], row["until"])
    belongs = row["belongs"]
    return Tie(
        path=f"M{_LEFT} {first}C{_LEFT + bend} {first} {_RIGHT - bend} {last} {_RIGHT} {last}",
        belongs=belongs is None or belongs.plain is not False,
        span=span,
        state=span.state(year),
        ends=(number[0][member], number[1][whole]),
        middle=((_LEFT + _RIGHT) // 2, (first + last) // 2),
    )


def _states(ties: Sequence[Tie]) -> dict[str, State]:
    """Nodes with at least one line that is seen; the others are out."""
    found: dict[str, State] = {}
    for tie in ties:
        if tie.state != "out":
            found.update(dict.fromkeys(tie.ends, tie.state))
    return found


def _node(key: str, value: Value | None, x: int, y: int, states: Mapping[str, State]) -> Node:
    assert value is not None
    lines = textwrap.wrap(value.text, _LINE, max_lines=2, placeholder=" …") or [value.text[:_LINE]]
    return Node(key, value, tuple(lines), x, y, states.get(key, "out"))


def _key(value: Value | None) -> str:
    return (value.iri or value.text) if value is not None else ""
