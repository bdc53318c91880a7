"""How points of programmes continue from one to the next: rows of queries as links, and a picture of them.

Nothing here asks anything: `api/routes/portal/lineage.py` does, and hands over tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from api.portal import lettering
from api.portal.asking import Table, Value
from api.portal.flow import Box, Flow, Measures, Ribbon, place
from api.texts import Texts
from kymgraph.namespaces import KYM

Row = Mapping[str, Value | None]

#: Links that a picture holds at most; beyond that nobody could follow one.
MOST: Final = 120
#: Column of instruments whose term the sources do not tell, and group of what belongs to no instrument.
UNDATED: Final = (0, 0)
NO_INSTRUMENT: Final = ""

_BOX: Final = 144.0
_BETWEEN: Final = 59.0
_PAD: Final = 7.0
_NAME: Final = 12.5  #: size of letters
_SMALL: Final = 11.0
_LINE: Final = 15.0
_TOP: Final = 84.0
_SIZES: Final = Measures(box=_BOX, between=_BETWEEN, gap=9, group_gap=30, slot_gap=12, top=_TOP, margin=14)
_YEAR: Final = re.compile(r"-?\d{4}")


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines of a source document on one side of a link."""

    document: Value
    lines: str
    href: str


@dataclass(frozen=True, slots=True)
class Link:
    """One link from an earlier point to a later one, with what it rests on."""

    key: str  #: for addresses: the link's slug, or property and both ends
    earlier: Value
    earlier_kind: Value
    earlier_in: Value | None
    later: Value
    later_kind: Value
    later_in: Value | None
    basis: str  #: interpreted, stated or background
    relation: Value
    confidence: float | None
    link: Value | None
    reasons: tuple[Value, ...] = ()
    by: Value | None = None
    passages: Mapping[str, tuple[Passage, ...]] = field(default_factory=dict)  #: by side


@dataclass(frozen=True, slots=True)
class Period:
    """When an instrument is in force, in years; None where no source tells."""

    instrument: Value
    programme: bool
    first: int | None
    last: int | None
    horizon: int | None
    approved: str
    in_documents: bool

    @property
    def start(self) -> int | None:
        """The year to stand at on a time axis: of the term, else of the approval."""
        return self.first if self.first is not None else year_of(self.approved)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the picture: instruments of one term, or a gap between terms."""

    start: int | None
    last: int | None
    periods: tuple[Period, ...] = ()
    gap: tuple[int, int] | None = None


def year_of(text: str) -> int | None:
    """The year of a date as precise as it is stated.

    >>> year_of("2014-06"), year_of("")
    (2014, None)
    """
    found = _YEAR.match(text)
    return int(found[0]) if found else None


def links(flow: Table, base: str) -> list[Link]:
    """The links of a table, each once: a point with two kinds or two wholes has a row for each."""
    found: dict[str, Link] = {}
    for row in flow.rows:
        earlier, later, relation = row["earlier"], row["later"], row["relation"]
        if earlier is None or later is None or relation is None:
            continue
        link, confidence = row["link"], row["confidence"]
        key = key_of(row, base)
        found.setdefault(
            key,
            Link(
                key=key,
                earlier=earlier,
                earlier_kind=row["earlier_kind"] or Value(""),
                earlier_in=row["earlier_in"],
                later=later,
                later_kind=row["later_kind"] or Value(""),
                later_in=row["later_in"],
                basis=str(row["basis"] or ""),
                relation=relation,
                confidence=confidence.plain if confidence else None,
                link=link,
            ),
        )
    return list(found.values())


def key_of(row: Row, base: str) -> str:
    """What names the link of a row in addresses: short, and the same as long as the link is."""
    if link := row["link"]:
        return _slug(link.iri, base)
    return "~".join(
        _slug(value.iri, base) for name in ("later", "relation", "earlier") if (value := row[name])
    )


def _slug(iri: str, base: str) -> str:
    """What tells a thing from others: its path below the base, or the last part of a foreign IRI."""
    path = iri.removeprefix(base) if iri.startswith(base) else iri.rstrip("/#")
    return (
        re.split(r"[/#]", path)[-1]
        if "://" in path or path.startswith("lineage/")
        else path.replace("/", ".")
    )


def with_evidence(
    found: Sequence[Link], reasons: Table | None, evidence: Table | None, base: str, texts: Texts
) -> list[Link]:
    """The links with their reasons, their readers and the lines they rest on, all from two tables."""
    said: dict[str, dict[str, Value]] = {}
    by: dict[str, Value] = {}
    for row in reasons.rows if reasons else ():
        key = key_of(row, base)
        if text := row["text"]:
            said.setdefault(key, {})[text.text] = text
        if reader := row["by"]:
            by[key] = reader
    passages: dict[str, dict[str, dict[str, Passage]]] = {}
    for row in evidence.rows if evidence else ():
        first, last, document, passage = row["first_line"], row["last_line"], row["document"], row["passage"]
        if not (first and last and document and passage):
            continue
        lines = (
            texts("lineage.line", line=first)
            if str(first) == str(last)
            else texts("lineage.lines", first=first, last=last)
        )
        side = passages.setdefault(key_of(row, base), {}).setdefault(str(row["side"]), {})
        side[passage.iri] = Passage(document, lines, passage.href)
    return [
        replace(
            link,
            reasons=_best(said.get(link.key, {}).values(), texts.lang),
            by=by.get(link.key),
            passages={side: tuple(held.values()) for side, held in passages.get(link.key, {}).items()},
        )
        for link in found
    ]


def _best(said: Iterable[Value], lang: str) -> tuple[Value, ...]:
    """The texts in the reader's language, else in Finnish, Swedish, English or any other: the first there is.

    A value without a language is in the page's own.
    """
    by_language: dict[str, list[Value]] = {}
    for text in said:
        by_language.setdefault(text.lang or lang, []).append(text)
    order = (lang, "fi", "sv", "en", *by_language)
    return tuple(next((by_language[code] for code in order if code in by_language), ()))


def periods(table: Table | None) -> dict[str, Period]:
    """The period of each instrument by its IRI."""
    found: dict[str, Period] = {}
    for row in table.rows if table else ():
        instrument, kind = row["instrument"], row["kind"]
        if instrument is None or instrument.iri in found:
            continue
        documented = row["in_documents"]
        found[instrument.iri] = Period(
            instrument=instrument,
            programme=kind is not None and kind.iri == KYM + "Programme",
            first=_year(row["from"]),
            last=_year(row["until"]),
            horizon=_year(row["horizon"]),
            approved=str(row["approved"] or ""),
            in_documents=bool(documented and documented.plain),
        )
    return found


def _year(value: Value | None) -> int | None:
    return year_of(value.text) if value else None


def gaps(known: Iterable[Period]) -> list[tuple[int, int]]:
    """The years between the terms of programmes in which no programme that the documents tell of is in force.

    >>> def term(first, last, told=True):
    ...     return Period(Value("p"), True, first, last, None, "", told)
    >>> gaps([term(2010, 2013), term(2014, 2017), term(2018, 2021, told=False), term(2022, 2025)])
    [(2018, 2021)]
    """
    terms = sorted(
        (period.first, period.last)
        for period in known
        if period.programme and period.in_documents and period.first is not None and period.last is not None
    )
    found: list[tuple[int, int]] = []
    end: int | None = None
    for first, last in terms:
        if end is not None and first > end + 1:
            found.append((end + 1, first - 1))
        end = last if end is None else max(end, last)
    return found


def columns(found: Sequence[Link], known: Mapping[str, Period]) -> list[Column]:
    """The columns for these links in the order of time: undated ones first, gaps at their place."""
    ends = {value.iri: value for link in found for value in (link.earlier_in, link.later_in) if value}
    by_term: dict[tuple[int, int], list[Period]] = {}
    undated = [period for iri, value in ends.items() if (period := _period(iri, value, known)).start is None]
    loose = any(link.earlier_in is None or link.later_in is None for link in found)
    for iri, value in ends.items():
        period = _period(iri, value, known)
        if period.start is not None:
            by_term.setdefault(_term(period), []).append(period)
    term_of = {period.instrument.iri: term for term, held in by_term.items() for period in held}
    dated = [
        Column(term[0], term[1] or None, tuple(held))
        for term, held in sorted(by_term.items(), key=lambda item: _rank(item[0], found, term_of))
    ]
    first = [Column(None, None, tuple(undated))] if undated or loose else []
    return [*first, *_with_gaps(dated, gaps(known.values()))]


def _period(iri: str, value: Value, known: Mapping[str, Period]) -> Period:
    return known.get(iri) or Period(value, False, None, None, None, "", True)


def _term(period: Period) -> tuple[int, int]:
    """What puts two instruments into one column: the same first and last year."""
    return (period.start or 0, period.last or 0)


def _rank(
    term: tuple[int, int], found: Sequence[Link], term_of: Mapping[str, tuple[int, int]]
) -> tuple[int, int, int]:
    """Where a column stands. Of those that start in one year, what others continue stands before them."""
    given = 0
    for link in found:
        before = term_of.get(link.earlier_in.iri) if link.earlier_in else None
        after = term_of.get(link.later_in.iri) if link.later_in else None
        if before and after and before != after and before[0] == after[0]:
            given += (before == term) - (after == term)
    return term[0], -given, term[1]


def _with_gaps(dated: Sequence[Column], missing: Sequence[tuple[int, int]]) -> list[Column]:
    """The columns with each gap that lies between two of them: marked on a column, or as its own."""
    shown = list(dated)
    for first, last in missing:
        starts = [column.start or 0 for column in dated]
        if not starts or min(starts) >= first or max(starts) <= first:
            continue
        inside = [
            n
            for n, column in enumerate(shown)
            if column.start is not None
            and column.last is not None
            and first <= column.start
            and column.last <= last
            and not any(period.in_documents for period in column.periods)
        ]
        if inside:
            for n in inside:
                shown[n] = replace(shown[n], gap=(first, last))
        else:
            at = next(n for n, column in enumerate(shown) if (column.start or 0) >= first)
            shown.insert(at, Column(first, last, gap=(first, last)))
    return shown


@dataclass(frozen=True, slots=True)
class Line:
    """A line of letters in the picture."""

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A point or an instrument in the picture."""

    key: str  #: its IRI
    x: float
    y: float
    width: float
    height: float
    value: Value
    kind: str
    head: bool  #: an instrument
    untold: bool  #: an instrument that no source document tells of
    small: tuple[Line, ...]  #: the kind, or the term of an instrument
    name: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Stem:
    """The line from an instrument to its last point below."""

    x: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class DrawnLink:
    """A link in the picture."""

    link: Link
    outline: str
    middle: str
    arrow: str
    label: Line
    anchor: str


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    """The head of a column on the axis of time."""

    x: float
    width: float
    title: str
    notes: tuple[Line, ...]
    gap: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that the template writes down as SVG."""

    width: float
    height: float
    axis_from: float  #: where dated columns begin
    columns: tuple[DrawnColumn, ...]
    stems: tuple[Stem, ...]
    boxes: tuple[DrawnBox, ...]
    links: tuple[DrawnLink, ...]
    crossings: int


def picture(found: Sequence[Link], known: Mapping[str, Period], texts: Texts) -> Picture:
    """The picture of these links."""
    shown = columns(found, known)
    at = {period.instrument.iri: n for n, column in enumerate(shown) for period in column.periods}
    heads = {
        period.instrument.iri: _head(period, at[period.instrument.iri], texts)
        for column in shown
        for period in column.periods
    }
    boxes: dict[str, tuple[Box, DrawnBox]] = dict(heads)
    for link in found:
        for value, kind, whole in (
            (link.earlier, link.earlier_kind, link.earlier_in),
            (link.later, link.later_kind, link.later_in),
        ):
            if value.iri not in boxes:
                group = whole.iri if whole else NO_INSTRUMENT
                boxes[value.iri] = _point(value, kind, group, at.get(group, 0))
    flow = place(
        len(shown),
        [box for box, _ in sorted(boxes.values(), key=lambda pair: (pair[0].column, not pair[0].first))],
        [Ribbon(link.key, link.earlier.iri, link.later.iri, _thick(link)) for link in found],
        _SIZES,
    )
    return Picture(
        width=flow.width,
        height=flow.height,
        axis_from=next((x for x, c in zip(flow.columns, shown, strict=True) if c.start is not None), 0.0),
        columns=tuple(_column(column, x, texts) for column, x in zip(shown, flow.columns, strict=True)),
        stems=_stems([box for box, _ in boxes.values()], flow),
        boxes=tuple(_moved(drawn, flow) for _, drawn in boxes.values()),
        links=_links(found, flow, texts),
        crossings=flow.crossings,
    )


def _thick(link: Link) -> float:
    """How wide a link is drawn: a reading by its confidence, others in between."""
    return 13.0 if link.confidence is None else round(10 + 12 * min(max(link.confidence, 0), 1), 1)


def _head(period: Period, column: int, texts: Texts) -> tuple[Box, DrawnBox]:
    iri = period.instrument.iri
    return _box(
        iri, period.instrument, term(period, texts), iri, column, head=True, untold=not period.in_documents
    )


def _point(value: Value, kind: Value, group: str, column: int) -> tuple[Box, DrawnBox]:
    return _box(value.iri, value, kind.text, group, column, head=False, untold=False)


def _box(
    key: str, value: Value, kind: str, group: str, column: int, *, head: bool, untold: bool
) -> tuple[Box, DrawnBox]:
    room = _BOX - 2 * _PAD
    small = lettering.wrap(kind, _SMALL, room, 2) if kind else []
    size = _NAME * 1.09 if head else _NAME  # heads are bold, which is wider
    name = lettering.wrap(value.text, size, room, 5)
    height = _PAD * 2 + 13 * len(small) + _LINE * len(name)
    first = _PAD + 9.5 + 13 * len(small) + 2
    drawn = DrawnBox(
        key, 0, 0, _BOX, height, value, kind, head, untold,
        tuple(Line(text, _PAD, _PAD + 9 + 13 * n) for n, text in enumerate(small)),
        tuple(Line(text, _PAD, first + _LINE * n) for n, text in enumerate(name)),
    )  # fmt: skip
    return Box(key, column, group, height, head), drawn


def _stems(boxes: Iterable[Box], flow: Flow) -> tuple[Stem, ...]:
    groups: dict[str, list[Box]] = {}
    for box in boxes:
        groups.setdefault(box.group, []).append(box)
    stems = []
    for group, members in groups.items():
        last = max(flow.boxes[box.key].y for box in members)
        if group != NO_INSTRUMENT and len(members) > 1:
            head = flow.boxes[group]
            stems.append(Stem(head.x + 10, head.y + head.height, last))
    return tuple(stems)


def _moved(drawn: DrawnBox, flow: Flow) -> DrawnBox:
    """A box at its place. It may have grown; its letters stay in the middle."""
    placed = flow.boxes[drawn.key]
    down = placed.y + (placed.height - drawn.height) / 2

    def moved(lines: Iterable[Line]) -> tuple[Line, ...]:
        return tuple(Line(line.text, round(line.x + placed.x, 1), round(line.y + down, 1)) for line in lines)

    return replace(
        drawn, x=placed.x, y=placed.y, height=placed.height, small=moved(drawn.small), name=moved(drawn.name)
    )


def _links(found: Sequence[Link], flow: Flow, texts: Texts) -> tuple[DrawnLink, ...]:
    by_key = {link.key: link for link in found}
    drawn = []
    for ribbon in flow.ribbons:
        link = by_key[ribbon.key]
        (x0, _), (x, y) = ribbon.source, ribbon.target
        back = ribbon.turned or x == x0  # the arrow points to the left
        way = 1 if back else -1
        tip, half = 7.0, ribbon.width / 2
        arrow = f"M{x} {y}L{round(x + way * tip, 1)} {round(y - half, 1)}V{round(y + half, 1)}Z"
        label = Line(mark(link, texts), round(x + way * (tip + 3), 1), round(y + 3.8, 1))
        drawn.append(DrawnLink(link, ribbon.outline, ribbon.middle, arrow, label, "start" if back else "end"))
    return tuple(drawn)


def mark(link: Link, texts: Texts) -> str:
    """What stands on a link: the confidence of a reading, else a word for what it is."""
    return (
        texts.number(link.confidence) if link.confidence is not None else texts(f"lineage.mark.{link.basis}")
    )


def _column(column: Column, x: float, texts: Texts) -> DrawnColumn:
    notes: list[str] = []
    if column.gap is not None:
        title = years(*column.gap)
        notes = lettering.wrap(texts("lineage.gap.short"), _SMALL, _BOX, 2)
    elif column.start is None:
        title = texts("lineage.undated")
        notes = lettering.wrap(texts("lineage.undated.note"), _SMALL, _BOX, 2)
    elif column.periods[0].first is not None:
        title = years(column.start, column.last)
    else:
        title = str(column.start)
        notes = [texts("lineage.approved.short")]
    return DrawnColumn(
        x,
        _BOX,
        title,
        tuple(Line(text, round(x + _BOX / 2, 1), 52 + 13.0 * n) for n, text in enumerate(notes)),
        column.gap is not None,
    )


def term(period: Period, texts: Texts) -> str:
    """When an instrument is in force, in words; else when it was approved and what year it aims at."""
    if period.first is not None:
        return years(period.first, period.last)
    parts = []
    if period.approved:
        parts.append(texts("lineage.approved", date=texts.date(period.approved)))
    if period.horizon is not None:
        parts.append(texts("lineage.horizon", year=period.horizon))
    return ", ".join(parts)


def years(first: int, last: int | None) -> str:
    """A span of years.

    >>> years(2010, 2013), years(2010, None), years(2010, 2010)
    ('2010–2013', '2010–', '2010')
    """
    if last == first:
        return str(first)
    return f"{first}–{last if last is not None else ''}"


@dataclass(frozen=True, slots=True)
class Gap:
    """Years without a programme in the documents, and what the background tells of them."""

    years: str
    background: tuple[Period, ...]


def told_gaps(known: Mapping[str, Period]) -> list[Gap]:
    """The gaps with the programmes that only the background knows for their years."""
    return [
        Gap(
            years(first, last),
            tuple(
                period
                for period in known.values()
                if not period.in_documents
                and period.first is not None
                and period.first <= last
                and (period.last or period.first) >= first
            ),
        )
        for first, last in gaps(known.values())
    ]


@dataclass(frozen=True, slots=True)
class Pair:
    """The links from points of one instrument to points of another; None is what belongs to no instrument."""

    earlier_in: Value | None
    later_in: Value | None
    links: tuple[Link, ...]
    whole: bool = False  #: links between instruments themselves, of any two


def pairs(found: Sequence[Link], known: Mapping[str, Period]) -> list[Pair]:
    """The links by pair of instruments, in the order of the picture's columns; whole instruments last."""
    order = {
        period.instrument.iri: n
        for n, column in enumerate(columns(found, known))
        for period in column.periods
    }
    held: dict[tuple[str, str], list[Link]] = {}
    wholes: list[Link] = []
    for link in found:
        if link.earlier.iri == _iri(link.earlier_in) and link.later.iri == _iri(link.later_in):
            wholes.append(link)
        else:
            held.setdefault((_iri(link.earlier_in), _iri(link.later_in)), []).append(link)

    def rank(pair: tuple[str, str]) -> tuple[int, int, str, str]:
        return order.get(pair[0], 0), order.get(pair[1], 0), *pair

    found_pairs = [
        Pair(held[pair][0].earlier_in, held[pair][0].later_in, tuple(held[pair]))
        for pair in sorted(held, key=rank)
    ]
    return [*found_pairs, *([Pair(None, None, tuple(wholes), whole=True)] if wholes else [])]


def _iri(value: Value | None) -> str:
    return value.iri if value else NO_INSTRUMENT


def instruments(found: Sequence[Link], known: Mapping[str, Period], *, later: bool) -> list[Value]:
    """The instruments at one end of the links, in the order of time."""
    ends = {value.iri: value for link in found if (value := link.later_in if later else link.earlier_in)}
    return sorted(
        ends.values(),
        key=lambda value: (_period(value.iri, value, known).start or 9999, value.text.casefold()),
    )
