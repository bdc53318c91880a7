"""Two policy instruments side by side: which elements answer to each other, which do not, what is shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.portal.asking import Asking, Table, Value
from api.portal.evidence import Passage, passages
from api.portal.programme import GROUPS, Connection, Node, connected, counts, trees
from kymgraph.namespaces import KYM, Base

Row = Mapping[str, Value | None]

QUERIES: Final = ("timeline", "elements", "connections", "comparison", "comparison-themes")
#: Kinds of elements that are compared one by one; the rest is counted.
_LARGE: Final = frozenset(
    KYM + name for name in ("Vision", "StrategicChoice", "MainTheme", "Priority", "Spearhead")
)
#: Groups of connections that two instruments may share.
_SHARED: Final = ("actors", "networks", "projects", "money", "events")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    value: Value
    slug: str  #: as the address of the comparison has it
    facts: Row
    areas: Sequence[Value]
    counts: Sequence[tuple[Value, int]]
    alone: Sequence[Node]  #: its large elements without a counterpart, below them neither
    rest: int  #: its other elements without a counterpart
    below: Sequence[Node]  #: its large elements that have one only below them
    background: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """What both are connected with, of one group."""

    group: str
    things: Sequence[Connection]


@dataclass(frozen=True)
class Comparison:
    """The whole page."""

    a: Side
    b: Side
    pairs: Sequence[tuple[Row, Sequence[Passage]]]  #: with the lines that a stated relation rests on
    where: Mapping[str, Value]  #: element to the element that it stands under
    kinds: Mapping[str, Value]
    themes: Sequence[Row]
    shared: Sequence[Shared]
    table: Table
    themes_table: Table
    more: bool


def slug_of(base: Base, iri: str) -> str:
    """How an instrument is named in the address of a comparison.

    >>> base = Base("https://example.org/")
    >>> slug_of(base, "https://example.org/id/programme/a"), slug_of(base, "https://example.org/id/plan/b")
    ('a', 'plan/b')
    """
    rest = iri.removeprefix(base.ids)
    return rest.removeprefix("programme/")


def find(base: Base, rows: Iterable[Row], slug: str) -> str:
    """The IRI of the instrument that a slug, `kind/slug` or IRI names; "" where none is."""
    known = [row["instrument"].iri for row in rows if row["instrument"] is not None]
    for iri in (slug, base.id("programme", slug), base.ids + slug):
        if iri in known:
            return iri
    return next((iri for iri in known if slug and iri.endswith("/" + slug)), "")


async def compare(asking: Asking, times: Table, a: str, b: str) -> Comparison:
    """The comparison of two instruments that `times` has, by their IRIs."""
    # One after another: a reader may have only one long query at a time.
    of_a, of_b = await asking.table("elements", of=a), await asking.table("elements", of=b)
    with_a, with_b = await asking.table("connections", of=a), await asking.table("connections", of=b)
    links = await asking.table("comparison", a=a, b=b)
    themes = await asking.table("comparison-themes", a=a, b=b)
    paired = {_iri(row[column]) for row in links.rows for column in ("of_a", "of_b")}
    own = [row for table in (of_a, of_b) for row in table.rows if _text(row["place"]) == "own"]
    return Comparison(
        a=_side(asking, times, a, of_a, paired),
        b=_side(asking, times, b, of_b, paired),
        pairs=await _with_lines(asking, sorted(links.rows, key=_surest)),
        where={_iri(row["element"]): row["parent"] for row in own if row["parent"] is not None},
        kinds={_iri(row["element"]): row["kind"] for row in own if row["kind"] is not None},
        themes=[row for row in themes.rows if _count(row["in_a"]) and _count(row["in_b"])],
        shared=_shared(a, b, with_a, with_b),
        table=links,
        themes_table=themes,
        more=any(table.more for table in (of_a, of_b, with_a, with_b, links, themes)),
    )


async def _with_lines(asking: Asking, rows: Sequence[Row]) -> list[tuple[Row, Sequence[Passage]]]:
    """Each pair with the lines that say so: those of the statement, or for want of them its subject's."""

    def subject(row: Row) -> str:
        return _iri(row["of_a"] if _text(row["direction"]) == "a-to-b" else row["of_b"])

    stated = [row for row in rows if _text(row["basis"]) == "stated"]
    found = await passages(asking, {subject(row) for row in stated}) if stated else {}
    paired: list[tuple[Row, Sequence[Passage]]] = []
    for row in rows:
        lines = found.get(subject(row), []) if _text(row["basis"]) == "stated" else []
        exact = [line for line in lines if line.covers == _iri(row["relation"])]
        paired.append((row, exact or [line for line in lines if not line.covers]))
    return paired


def _side(asking: Asking, times: Table, iri: str, elements: Table, paired: set[str]) -> Side:
    facts = [row for row in times.rows if _iri(row["instrument"]) == iri]
    own = [row for row in elements.rows if _text(row["place"]) == "own"]
    nodes, _ = trees(iri, own, (), {})
    alone: list[Node] = []
    below: list[Node] = []
    rest = 0

    def walk(node: Node) -> bool:
        """Whether the node or one below it has a counterpart."""
        nonlocal rest
        inside = [walk(child) for child in node.children]
        here = node.element.iri in paired
        if node.kind.iri in _LARGE and not here:
            (below if any(inside) else alone).append(node)
        elif not here:
            rest += 1
        return here or any(inside)

    for node in nodes:
        walk(node)
    value = facts[0]["instrument"]
    assert value is not None
    areas = {_iri(row["area"]): row["area"] for row in facts if row["area"] is not None}
    known = facts[0]["in_documents"]
    return Side(
        value=value,
        slug=slug_of(asking.services.project.base, iri),
        facts=facts[0],
        areas=list(areas.values()),
        counts=counts(own),
        alone=alone,
        rest=rest,
        below=below,
        background=known is not None and known.plain is False,
    )


def _shared(a: str, b: str, with_a: Table, with_b: Table) -> list[Shared]:
    of_b = {_iri(row["thing"]) for row in with_b.rows}
    both = [row for row in with_a.rows if _iri(row["thing"]) in of_b]
    things = connected(a, both, {a, b}, {})
    found = {
        group: [one for one in things if one.kind.iri in {KYM + name for name in GROUPS[group]}]
        for group in _SHARED
    }
    return [Shared(group, things) for group, things in found.items() if things]


def _surest(row: Row) -> tuple[float, str]:
    """What a source states first, then our reading by confidence."""
    sure = row["confidence"].plain if row["confidence"] is not None else None
    return -(float(sure) if isinstance(sure, (int, float)) else 2.0), _text(row["of_a"])


def _iri(value: Value | None) -> str:
    return value.iri if value is not None else ""


def _text(value: Value | None) -> str:
    return value.text if value is not None else ""


def _count(value: Value | None) -> int:
    return value.plain if value is not None and isinstance(value.plain, int) else 0
