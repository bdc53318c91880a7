"""Policy instruments on a line of time: from rows of the query `timeline` to places in per cent of the width.

Places are per cent of the picture's width, so one drawing fits every screen; names stand beside it as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from api.portal.asking import Value

Row = Mapping[str, Value | None]

_STATED: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?.*")
#: Years between the marks of the axis; the first that gives no more than _MARKS.
_STEPS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_MARKS: Final = 7


@dataclass(frozen=True, slots=True)
class Mark:
    """A year on the axis."""

    year: int
    at: str  #: per cent from the left, as an attribute has it: "33.33%"
    place: str  #: first, last or between, which is how its text is aligned


@dataclass(frozen=True, slots=True)
class Span:
    """One instrument: where it is in force, what year it aims at, when it was approved."""

    row: Row
    start: str = ""  #: all as per cent, "" where the source states none
    width: str = ""
    horizon: str = ""
    approved: str = ""
    open: str = ""  #: "from" or "until" where the term is bounded at one end only
    background: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture: its axis and its rows in order of time."""

    marks: tuple[Mark, ...] = ()
    spans: tuple[Span, ...] = ()


def draw(rows: Iterable[Row]) -> Timeline:
    """The picture of the rows that state a time; each instrument once.

    >>> row = {"instrument": Value("A", "urn:a"), "from": Value("2010"), "until": Value("2013")}
    >>> picture = draw([row | dict.fromkeys(("horizon", "approved", "in_documents"))])
    >>> [mark.year for mark in picture.marks], picture.spans[0].start, picture.spans[0].width
    ([2010, 2011, 2012, 2013, 2014], '0%', '100%')
    """
    dated = {}
    for row in rows:
        instrument = row["instrument"]
        if instrument is not None and instrument.iri not in dated and any(_times(row)):
            dated[instrument.iri] = row
    if not dated:
        return Timeline()
    times = [time for row in dated.values() for time in _times(row) if time is not None]
    first, last, step = _axis(min(times), max(times))
    marks = tuple(
        Mark(year, _at(year, first, last), {first: "first", last: "last"}.get(year, "between"))
        for year in range(first, last + 1, step)
    )
    ordered = sorted(dated.values(), key=_order)
    return Timeline(marks, tuple(_span(row, first, last) for row in ordered))


def _times(row: Row) -> tuple[float | None, float | None, float | None, float | None]:
    """Begin, end, aim and approval as years and parts of years."""
    return (
        _year(row["from"]),
        _year(row["until"], end=True),
        _year(row["horizon"]),
        _year(row["approved"], middle=True),
    )


def _year(stated: Value | None, *, end: bool = False, middle: bool = False) -> float | None:
    """A date as years: the begin, end or middle of the year, month or day that is stated."""
    found = _STATED.fullmatch(stated.text) if stated is not None else None
    if found is None or not 0 < int(found[1]) < 9000:
        return None
    length = 1.0 if found[2] is None else 1 / 12 if found[3] is None else 1 / 365
    begin = int(found[1]) + (int(found[2] or 1) - 1) / 12 + (int(found[3] or 1) - 1) / 365
    return begin + length * (1 if end else 0.5 if middle else 0)


def _axis(least: float, most: float) -> tuple[int, int, int]:
    """First and last year of the axis and the step between its marks, which fall on multiples of the step."""
    for step in _STEPS:
        first = int(least // step) * step
        last = -int(-most // step) * step
        if (last - first) // step < _MARKS:
            break
    return first, max(last, first + step), step


def _at(time: float, first: int, last: int) -> str:
    share = min(max((time - first) / (last - first), 0), 1)
    return f"{round(100 * share, 2):g}%"


def _order(row: Row) -> tuple[float, float, str]:
    begin, end, aim, approved = _times(row)
    earliest = min(time for time in (begin, end, aim, approved) if time is not None)
    label = row["instrument"]
    return begin if begin is not None else earliest, end or aim or earliest, label.text if label else ""


def _span(row: Row, first: int, last: int) -> Span:
    begin, end, aim, approved = _times(row)
    known = row.get("in_documents")
    bounds = (begin if begin is not None else first, end if end is not None else last)
    has_term = begin is not None or end is not None
    return Span(
        row=row,
        start=_at(bounds[0], first, last) if has_term else "",
        width=_at(first + max(bounds[1] - bounds[0], 0), first, last) if has_term else "",
        horizon=_at(aim, first, last) if aim is not None else "",
        approved=_at(approved, first, last) if approved is not None else "",
        open="" if not has_term or (begin and end) else "until" if begin is not None else "from",
        background=known is not None and known.plain is False,
    )
