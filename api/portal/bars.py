"""A bar chart of an answer that counts something for each of its things; drawn as SVG by the template.

Lengths across are shares of the width, heights are in pixels: so the text keeps its size on a narrow screen
and on paper. The table of the answer is its twin.
"""

from __future__ import annotations

import textwrap
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

from api.portal.questions import Shown

#: Bars in one picture; more are easier to read in the table.
MOST_BARS: Final = 40
#: Characters in a line of a label, and its lines. A line has to fit 320 pixels.
_LINE, _LINES = 34, 3
#: So many bars are shown however alike; of more, the values have to differ in as many ways.
_FEW, _DISTINCT = 8, 3
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
    """The picture: its bars, its height in pixels, and the column of its numbers."""

    bars: tuple[Bar, ...]
    height: int
    number: int


def bars_of(shown: Shown, counts: Container[str]) -> Bars | None:
    """The picture of an answer whose first column names things and one other counts something of each.

    None for any other answer, and where little would be seen: many bars that are nearly all alike.
    """
    numeric = [at for at in range(len(shown.columns)) if shown.numeric(at)]
    if shown.more or not 2 <= len(shown.rows) <= MOST_BARS or len(numeric) != 1:
        return None
    [number] = numeric
    if number == 0 or shown.columns[number] not in counts:
        return None
    names, values = [], []
    for row in shown.rows:
        name, value = row[0], row[number]
        if name is None or name.kind != "text" or value is None:
            return None
        names.append(name.text)
        values.append(float(value.machine))
    alike = len(values) > _FEW and len(set(values)) < _DISTINCT
    if min(values) < 0 or max(values) <= 0 or len(set(names)) < len(names) or alike:
        return None
    return _draw(names, values, number)


def _draw(names: Sequence[str], values: Sequence[float], number: int) -> Bars:
    bars = []
    top, most = 0, max(values)
    for name, value in zip(names, values, strict=True):
        lines = textwrap.wrap(name[:500], _LINE, max_lines=_LINES, placeholder=" …") or ["–"]
        placed = tuple((top + (at + 1) * _LINE_HEIGHT - 5, line) for at, line in enumerate(lines))
        bar = top + len(lines) * _LINE_HEIGHT + 2
        bars.append(Bar(placed, bar, _BAR_HEIGHT, round(value / most * _LONGEST, 2), value))
        top = bar + _BAR_HEIGHT + _GAP
    return Bars(tuple(bars), top - _GAP + 4, number)
