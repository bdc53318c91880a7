"""A bar chart of an answer that has one column of names and one of numbers; drawn as SVG by the template.

Lengths across are shares of the width, heights are in pixels: so the text keeps its size on a narrow screen
and on paper. The table of the answer is its twin.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.portal.questions import Shown

#: Bars in one picture; more are easier to read in the table.
MOST_BARS: Final = 40
#: Characters in a line of a label, and its lines. A line has to fit 320 pixels.
_LINE, _LINES = 34, 3
_LINE_HEIGHT, _BAR_HEIGHT, _GAP = 20, 14, 16
#: The longest bar, in per cents of the width: its number stands behind it.
_LONGEST: Final = 84.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label in lines with the place of each, the bar below, and its value."""

    lines: tuple[tuple[int, str], ...]  #: y and text
    top: int
    height: int
    length: float  #: per cents of the width
    value: float

    @property
    def middle(self) -> int:
        """Where the value stands."""
        return self.top + self.height - 2


@dataclass(frozen=True, slots=True)
class Bars:
    """The picture: its bars, its height in pixels, and the columns it was drawn from."""

    bars: tuple[Bar, ...]
    height: int
    label: int
    number: int


def bars_of(shown: Shown) -> Bars | None:
    """The picture of an answer; None where it has another form, or where nothing would be seen."""
    if len(shown.columns) != 2 or shown.more or not 2 <= len(shown.rows) <= MOST_BARS:
        return None
    numeric = [at for at in (0, 1) if shown.numeric(at)]
    if len(numeric) != 1:
        return None
    [number] = numeric
    label = 1 - number
    names, values = [], []
    for row in shown.rows:
        name, value = row[label], row[number]
        if name is None or name.kind != "text" or value is None:
            return None
        names.append(name.text)
        values.append(float(value.machine))
    if min(values) < 0 or max(values) <= 0:
        return None
    return _draw(names, values, label, number)


def _draw(names: Sequence[str], values: Sequence[float], label: int, number: int) -> Bars:
    bars = []
    top, most = 0, max(values)
    for name, value in zip(names, values, strict=True):
        lines = textwrap.wrap(name[:500], _LINE, max_lines=_LINES, placeholder=" …") or ["–"]
        placed = tuple((top + (at + 1) * _LINE_HEIGHT - 5, line) for at, line in enumerate(lines))
        bar = top + len(lines) * _LINE_HEIGHT + 2
        bars.append(Bar(placed, bar, _BAR_HEIGHT, round(value / most * _LONGEST, 2), value))
        top = bar + _BAR_HEIGHT + _GAP
    return Bars(tuple(bars), top - _GAP + 4, label, number)
