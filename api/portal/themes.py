"""Which themes recur when: the rows of a query as a matrix of themes and instruments. Asks nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from api.portal import lettering
from api.portal.asking import Table, Value
from api.portal.lineage import Period, gaps, years

#: Themes on one page.
MOST: Final = 300
SORTS: Final = ("recurrence", "name", "total")
#: Levels of the bar under a number.
LEVELS: Final = 4
_NEAREST: Final = ("exactMatch", "closeMatch", "narrowMatch", "broadMatch", "relatedMatch")


@dataclass(frozen=True, slots=True)
class Column:
    """One instrument, or years without a programme in the documents."""

    instrument: Value | None
    years: str
    heading: str = ""  #: its name with soft hyphens: columns are narrow
    approved: bool = False  #: the year is that of the approval, for want of a term
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """How many points of one instrument concern one theme."""

    points: int
    level: int  #: 0 for none, up to LEVELS
    column: Column | None  #: None: outside any instrument


@dataclass(frozen=True, slots=True)
class Match:
    """What stands for a theme elsewhere, and where that is."""

    name: Value
    relation: str  #: the last part of the property: exactMatch
    href: str
    host: str


@dataclass(frozen=True, slots=True)
class Line:
    """One theme."""

    theme: Value
    broader: Value | None
    cells: tuple[Cell, ...]
    outside: Cell
    instruments: int  #: in how many it stands
    total: int


@dataclass(frozen=True, slots=True)
class Matrix:
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    more: bool  #: there are other themes


def matrix(table: Table, known: Mapping[str, Period], sort: str) -> Matrix:
    """The matrix, its columns in the order of time, its lines sorted by one of `SORTS`."""
    themes: dict[str, tuple[Value, Value | None]] = {}
    counts: dict[tuple[str, str], int] = {}
    instruments: dict[str, Value] = {}
    for row in table.rows:
        theme, instrument, points = row["theme"], row["instrument"], row["points"]
        if theme is None:
            continue
        themes.setdefault(theme.iri, (theme, row["broader_theme"]))
        if instrument is not None:
            instruments.setdefault(instrument.iri, instrument)
        key = (theme.iri, instrument.iri if instrument else "")
        # A theme with two broader ones has its rows twice, with the same count.
        counts[key] = int(points.plain or 0) if points else 0
    columns = _columns(instruments, known)
    highest = max((n for (_, instrument), n in counts.items() if instrument), default=0)
    lines = [_line(iri, *pair, columns, counts, highest) for iri, pair in themes.items()]
    return Matrix(tuple(columns), tuple(_sorted(lines, sort)[:MOST]), len(lines) > MOST or table.more)


def _columns(instruments: Mapping[str, Value], known: Mapping[str, Period]) -> list[Column]:
    """Those of known years first, with gaps at their place."""
    placed: list[tuple[int, int, str, Column]] = []
    for iri, value in instruments.items():
        period = known.get(iri)
        start = period.start if period else None
        last = period.last if period else None
        told = period is not None and period.first is not None
        span = "" if start is None else years(start, last) if told else str(start)
        heading = lettering.hyphenated(value.text)
        column = Column(value, span, heading, approved=start is not None and not told)
        placed.append((start or 9999, last or 9999, value.text.casefold(), column))
    dated = [start for start, *_ in placed if start != 9999]
    for first, end in gaps(known.values()):
        if dated and min(dated) < first < max(dated):
            placed.append((first, 0, "", Column(None, years(first, end), gap=True)))
    return [column for *_, column in sorted(placed, key=lambda entry: entry[:3])]


def _line(
    iri: str,
    theme: Value,
    broader: Value | None,
    columns: Sequence[Column],
    counts: Mapping[tuple[str, str], int],
    highest: int,
) -> Line:
    cells = []
    for column in columns:
        points = counts.get((iri, column.instrument.iri), 0) if column.instrument else 0
        cells.append(Cell(points, level(points, highest), column))
    outside = counts.get((iri, ""), 0)
    return Line(
        theme=theme,
        broader=broader,
        cells=tuple(cells),
        outside=Cell(outside, 0, None),
        instruments=sum(1 for cell in cells if cell.points),
        total=sum(cell.points for cell in cells) + outside,
    )


def level(points: int, highest: int) -> int:
    """How long the bar of a number is, in quarters of the highest number.

    >>> level(0, 15), level(1, 15), level(15, 15)
    (0, 1, 4)
    """
    return -(-points * LEVELS // highest) if points and highest else 0


def _sorted(lines: Sequence[Line], sort: str) -> list[Line]:
    def name(line: Line) -> str:
        return line.theme.text.casefold()

    if sort == "name":
        return sorted(lines, key=name)
    if sort == "total":
        return sorted(lines, key=lambda line: (-line.total, name(line)))
    return sorted(lines, key=lambda line: (-line.instruments, -line.total, name(line)))


def matches(table: Table | None, lang: str) -> dict[str, list[Match]]:
    """What stands for each theme elsewhere, by the theme's IRI; in the reader's language if it can be."""
    names: dict[tuple[str, str, str], dict[str, Value]] = {}
    for row in table.rows if table else ():
        theme, relation, match = row["theme"], row["relation"], row["match"]
        if theme is None or relation is None or match is None:
            continue
        held = names.setdefault((theme.iri, relation.iri, match.iri), {})
        if name := row["name"]:
            held.setdefault(name.lang or lang, name)
        held.setdefault("", match)
    found: dict[str, list[Match]] = {}
    for (theme_iri, property, iri), held in names.items():
        name = next(held[code] for code in (lang, "fi", "sv", "en", *held) if code in held)
        href = held[""].href
        found.setdefault(theme_iri, []).append(
            Match(name, property.rpartition("#")[2], href, urlsplit(iri).netloc.removeprefix("www."))
        )
    order = {name: n for n, name in enumerate(_NEAREST)}
    for of_theme in found.values():
        of_theme.sort(
            key=lambda match: (order.get(match.relation, len(order)), not _reads(match, lang), match.href)
        )
    return found


def _reads(match: Match, lang: str) -> bool:
    """Whether its name is in the reader's language."""
    return (match.name.lang or lang) == lang


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset of another catalogue that concerns a theme."""

    title: Value
    href: str


def datasets(table: Table | None, lang: str) -> dict[str, list[Dataset]]:
    """The harvested datasets by the IRI of their theme, each once."""
    found: dict[str, dict[str, Dataset]] = {}
    for row in table.rows if table else ():
        theme, dataset, title, page = row["theme"], row["dataset"], row["title"], row["page"]
        if theme is None or dataset is None or title is None:
            continue
        held = found.setdefault(theme.iri, {})
        if dataset.iri not in held or (title.lang or lang) == lang:
            held[dataset.iri] = Dataset(title, (page.href if page else "") or dataset.href)
    return {theme: list(held.values()) for theme, held in found.items()}


def search(address: str, theme: Value, lang: str) -> str:
    """The address of a search for a theme's name, by the project's `dataset_search`.

    >>> search("https://data.example.org/{lang}/?q={words}", Value("metsäala"), "fi")
    'https://data.example.org/fi/?q=mets%C3%A4ala'
    """
    words = quote(theme.text[:100], safe="")
    return address.replace("{lang}", theme.lang or lang).replace("{words}", words)


def site(address: str) -> str:
    """How people call the site of an address.

    >>> site("https://www.avoindata.fi/data/{lang}/dataset?q={words}")
    'avoindata.fi'
    """
    return (urlsplit(address).hostname or "").removeprefix("www.")
