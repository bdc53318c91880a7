"""Times of things against a chosen year: inside, open at one end, not told, or outside.

A time that the sources do not tell is no reason to show a thing in a year nor to leave it out: it has a state
of its own, and pages list it as such. The same rule in the browser: `api/web/lib/years.ts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from api.parameters import whole_number
from api.portal.asking import Value
from api.texts import Texts

State = Literal["in", "open", "unknown", "out"]
#: Years that a page offers at most, the latest ones.
MOST_YEARS: Final = 60

_YEAR: Final = re.compile(r"\d{4}(?!\d)")
_SEASON: Final = re.compile(r"(\d{4})-(2[1-4])")
_DAY_OF_YEAR: Final = re.compile(r"--(\d\d)-(\d\d)")


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when, in years; None where the sources do not tell."""

    first: int | None = None
    last: int | None = None

    @classmethod
    def of(cls, start: Value | None, end: Value | None) -> Span:
        return cls(_year(start), _year(end))

    def state(self, year: int | None) -> State:
        """How the span stands to a year; without one, whether any time is told.

        >>> [Span(2014, 2017).state(year) for year in (2013, 2014, 2017, 2018)]
        ['out', 'in', 'in', 'out']
        >>> Span(None, 2020).state(2019), Span(None, 2020).state(2021), Span().state(2019)
        ('open', 'out', 'unknown')
        >>> Span(2014).state(None)
        'in'
        """
        if self.first is None and self.last is None:
            return "unknown"
        if year is None:
            return "in"
        if (self.first is not None and year < self.first) or (self.last is not None and year > self.last):
            return "out"
        return "open" if self.first is None or self.last is None else "in"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many things stand how to the chosen year; what is outside it is not counted."""

    told: int = 0  #: the time is told and covers the year
    open: int = 0  #: the time is told at one end only
    unknown: int = 0

    @property
    def dated(self) -> int:
        return self.told + self.open

    @classmethod
    def of(cls, states: Iterable[State]) -> Tally:
        found = list(states)
        return cls(found.count("in"), found.count("open"), found.count("unknown"))


def years(spans: Iterable[Span]) -> list[int]:
    """All years from the first told one to the last, so that a slider has no holes.

    >>> years([Span(2014, 2017), Span(None, 2012), Span()])
    [2012, 2013, 2014, 2015, 2016, 2017]
    """
    told = [year for span in spans for year in (span.first, span.last) if year is not None]
    return list(range(min(told), max(told) + 1))[-MOST_YEARS:] if told else []


def chosen(given: dict[str, str]) -> int | None:
    """The year of a form; None for all years. Raises BadParameter."""
    return whole_number("year", given, 9999, example=2016) if given.get("year") else None


def moment(t: Texts, stated: str) -> str:
    """One time as a reader writes it: also seasons (2020-23) and days without a year (--04-25).

    >>> moment(Texts("fi"), "2020-23"), moment(Texts("fi"), "--04-25"), moment(Texts("sv"), "2016-05-26")
    ('syksy 2020', '25.4. (vuotta ei kerrota)', '26 maj 2016')
    """
    if (season := _SEASON.fullmatch(stated)) is not None:
        return t(f"time.season.{season[2]}", year=season[1])
    if (day := _DAY_OF_YEAR.fullmatch(stated)) is not None:
        return t("time.day", day=int(day[2]), month=int(day[1]))
    return t.date(stated)


def told(t: Texts, start: Value | None, end: Value | None) -> str:
    """From when until when in words.

    >>> told(Texts("en"), Value("2014"), Value("2017")), told(Texts("en"), None, None)
    ('2014–2017', 'time not stated')
    """
    if start is not None and end is not None:
        first, last = moment(t, start.text), moment(t, end.text)
        return first if first == last else f"{first}–{last}"
    if start is not None:
        return t("time.from", date=moment(t, start.text))
    if end is not None:
        return t("time.until", date=moment(t, end.text))
    return t("time.unknown")


def _year(value: Value | None) -> int | None:
    found = _YEAR.match(value.text) if value is not None else None
    return int(found[0]) if found else None
