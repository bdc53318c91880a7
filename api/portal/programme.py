"""One policy instrument as a page: its facts, its tree, what it is connected with. Rows in, structures out.

The classes and properties named here are those of the ontology; what none of the groups takes stands under
"other", so that nothing which the graph states is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from api.portal.asking import Asking, Table, Value
from api.portal.evidence import Passage, passages
from kymgraph.namespaces import KYM

Row = Mapping[str, Value | None]

#: What a tree shows first among the children of one parent: from vision to measures.
_RANKS: Final = {
    KYM + name: rank
    for rank, name in enumerate(
        ("Vision", "Value", "StrategicChoice", "MainTheme", "Priority", "Spearhead", "Specifier",
         "ActionLine", "Measure", "Objective", "CrossCuttingTheme")
    )
}  # fmt: skip
#: Groups of connected things by class, in the page's order. Documents last: the evidence names them too.
GROUPS: Final = {
    "instruments": ("PolicyInstrument", "Programme", "Plan", "Strategy", "GovernmentKeyProject"),
    "actors": ("Actor", "Organisation", "PublicOrganisation", "PrivateOrganisation", "OrganisationalUnit",
               "ActorGroup", "SpearheadGroup", "Person", "Post", "PostHolding", "Participation"),
    "networks": ("Network", "NetworkMembership", "NetworkNonMembership"),
    "projects": ("Project",),
    "money": ("Funding", "FundingInstrument"),
    "events": ("Event", "Meeting", "Decision", "Appointment"),
    "activities": ("Activity", "Study", "Element", "ActionLine", "Measure", "Objective", "Value"),
    "places": ("Place", "Region", "SubRegion", "Municipality", "PopulatedPlace", "Zone", "ProgrammeArea",
               "Site", "Country", "CountryGroup", "Waterway"),
    "figures": ("Figure",),
    "statements": ("Statement",),
    "documents": ("Document", "SourceDocument", "ProgrammeDocument", "Edition", "WebPage", "Attachment",
                  "Newsletter", "NewsItem", "Notice", "ProcurementNotice", "MonitoringReport"),
    "doubts": ("Contradiction", "InferredDate"),
    "other": (),
}  # fmt: skip
_GROUP_OF: Final = {KYM + name: group for group, names in GROUPS.items() for name in names}
#: Sections that a reader looks for: where they are empty, the page says so.
EXPECTED: Final = ("instruments", "actors", "networks", "projects", "money", "events")
#: Classes that a page has in a place of its own.
_ELSEWHERE: Final = frozenset(
    KYM + name for name in ("Theme", "Approval", "BusinessSector", "TargetGroup", "PostalAddress")
)
#: How deep a tree is drawn; foreign data may have a circle.
_DEEPEST: Final = 12
_LARGEST: Final = 600


@dataclass(slots=True)
class Node:
    """One line of the tree."""

    element: Value
    kind: Value
    ordinal: int | None
    sources: list[Passage] = field(default_factory=list)
    earlier: list[Row] = field(default_factory=list)  #: what it continues
    later: list[Row] = field(default_factory=list)  #: what continues it
    children: list[Node] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many lines stand under this one."""
        return sum(1 + child.size for child in self.children)


@dataclass(frozen=True, slots=True)
class Connection:
    """A thing that the instrument or its elements are connected with, and how."""

    thing: Value
    kind: Value
    status: Value | None
    begin: Value | None
    end: Value | None
    in_documents: bool
    ways: tuple[Row, ...]  #: rows with own, relation, direction
    sources: tuple[Passage, ...] = ()


@dataclass(frozen=True)
class Programme:
    """All that the page shows beyond any resource's page."""

    iri: str
    facts: Row | None
    areas: Sequence[Value]
    approvals: Table
    tree: Sequence[Node]
    whole: Sequence[Node]  #: elements of what the instrument is part of
    counts: Sequence[tuple[Value, int]]
    cut: bool
    groups: Mapping[str, Sequence[Connection]]
    statuses: Sequence[tuple[Value, Sequence[Connection]]]
    themes: Sequence[tuple[Value, int]]
    others: Sequence[tuple[Value, Value]]  #: sectors, target groups: relation and thing
    documents: Sequence[Value]  #: the sources of the lines, numbered from 1 by their place
    tables: Sequence[Table]
    background: bool

    def number(self, document: Value) -> int:
        """The number by which lines name their source."""
        return [one.iri for one in self.documents].index(document.iri) + 1


#: The queries that the page of an instrument rests on.
QUERIES: Final = ("elements", "connections", "element-lineage", "approvals", "timeline")


async def programme_of(asking: Asking, iri: str) -> Programme | None:
    """The instrument's page; None where the project lacks a query that it needs."""
    if not all(map(asking.has, QUERIES)):
        return None
    # One after another: a reader may have only one long query at a time.
    elements = await asking.table("elements", of=iri)
    connections = await asking.table("connections", of=iri)
    lineage = await asking.table("element-lineage", of=iri)
    approvals = await asking.table("approvals", of=iri)
    times = await asking.table("timeline")
    facts = [row for row in times.rows if _iri(row["instrument"]) == iri]
    things = {_iri(row["element"]) for row in elements.rows} | {iri}
    linked = {_iri(row["thing"]) for row in connections.rows}
    found = await passages(asking, [*things, *(linked - things)])
    tree, whole = trees(iri, elements.rows, lineage.rows, found)
    joined = connected(iri, connections.rows, things, found)
    order = [iri, *(node.element.iri for node in _all(tree)), *found]  # as the page tells of them
    cited = _once(passage.document for one in order for passage in found.get(one, ()))
    return Programme(
        iri=iri,
        facts=facts[0] if facts else None,
        areas=_once(row["area"] for row in facts),
        approvals=approvals,
        tree=tree,
        whole=whole,
        counts=counts(row for row in elements.rows if str(row["place"]) == "own"),
        cut=elements.more or connections.more or len(elements.rows) > _LARGEST,
        groups=grouped(joined),
        statuses=by_status(joined),
        themes=themes(connections.rows),
        others=_others(connections.rows),
        documents=cited,
        tables=(elements, connections, lineage, approvals),
        background=bool(facts) and _false(facts[0]["in_documents"]),
    )


# --- the tree -------------------------------------------------------------------------------------------


def trees(
    iri: str, rows: Iterable[Row], lineage: Iterable[Row], found: Mapping[str, list[Passage]]
) -> tuple[list[Node], list[Node]]:
    """The elements under the instrument, and those of the whole that it is part of; each in printed order."""
    under: dict[str, dict[str, Node]] = {}
    whole: dict[str, Node] = {}
    ways: dict[str, dict[str, list[Row]]] = {}
    for row in lineage:
        ways.setdefault(_iri(row["own"]), {}).setdefault(str(row["direction"]), []).append(row)
    for row in rows:
        element, kind, place = row["element"], row["kind"], row["place"]
        if element is None or kind is None:
            continue
        order = row["ordinal"].plain if row["ordinal"] is not None else None
        links = ways.get(element.iri, {})
        node = Node(
            element,
            kind,
            order if isinstance(order, int) else None,
            sources=[passage for passage in found.get(element.iri, []) if not passage.covers],
            earlier=links.get("earlier", []),
            later=links.get("later", []),
        )
        if place is not None and place.text == "whole":
            whole.setdefault(element.iri, node)
        else:
            under.setdefault(_iri(row["parent"]), {}).setdefault(element.iri, node)
    left = _LARGEST

    def grow(parent: str, above: frozenset[str]) -> list[Node]:
        nonlocal left
        grown = []
        for node in _printed(under.get(parent, {}).values()):
            if node.element.iri in above or left <= 0 or len(above) > _DEEPEST:
                continue
            left -= 1
            children = grow(node.element.iri, above | {node.element.iri})
            grown.append(
                Node(node.element, node.kind, node.ordinal, node.sources, node.earlier, node.later, children)
            )
        return grown

    return grow(iri, frozenset({iri})), _printed(whole.values())


def _all(nodes: Iterable[Node]) -> Iterator[Node]:
    """The nodes of a tree, from the top."""
    for node in nodes:
        yield node
        yield from _all(node.children)


def _printed(nodes: Iterable[Node]) -> list[Node]:
    """Siblings by kind, then by the order printed, then by their first line."""

    def order(node: Node) -> tuple[int, int, int, str]:
        first = min((passage.first for passage in node.sources), default=0)
        ordinal = node.ordinal if node.ordinal is not None else 10**6
        return _RANKS.get(node.kind.iri, len(_RANKS)), ordinal, first, node.element.text

    return sorted(nodes, key=order)


def counts(rows: Iterable[Row]) -> list[tuple[Value, int]]:
    """How many elements of each kind there are, in the order of the tree."""
    found: dict[str, tuple[Value, set[str]]] = {}
    for row in rows:
        kind, element = row["kind"], row["element"]
        if kind is not None and element is not None:
            found.setdefault(kind.iri, (kind, set()))[1].add(element.iri)
    ordered = sorted(found.values(), key=lambda pair: (_RANKS.get(pair[0].iri, len(_RANKS)), pair[0].text))
    return [(kind, len(things)) for kind, things in ordered]


# --- what it is connected with --------------------------------------------------------------------------


def connected(
    iri: str, rows: Iterable[Row], inside: set[str], found: Mapping[str, list[Passage]]
) -> list[Connection]:
    """The things outside the instrument, each once with all ways that lead to it."""
    by: dict[str, list[Row]] = {}
    for row in rows:
        thing, kind = row["thing"], row["kind"]
        if thing is None or kind is None or thing.iri in inside or kind.iri in _ELSEWHERE:
            continue
        by.setdefault(thing.iri, []).append(row)
    connections = []
    for thing_iri, ways in by.items():
        first = ways[0]
        assert first["thing"] is not None
        assert first["kind"] is not None
        connections.append(
            Connection(
                first["thing"],
                first["kind"],
                first["status"],
                first["from"],
                first["until"],
                not _false(first["in_documents"]),
                _ways(iri, ways),
                tuple(passage for passage in found.get(thing_iri, []) if not passage.covers),
            )
        )
    return sorted(
        connections, key=lambda one: (one.begin.text if one.begin else "9", one.thing.text.casefold())
    )


def _ways(iri: str, rows: Sequence[Row]) -> tuple[Row, ...]:
    """How a thing is connected, each way once; if the instrument itself is, its elements are left out."""
    direct = [row for row in rows if _iri(row["own"]) == iri]
    seen: dict[tuple[str, ...], Row] = {}
    for row in direct or rows:
        seen.setdefault((_iri(row["own"]), _iri(row["relation"]), str(row["direction"])), row)
    return tuple(seen.values())


def grouped(connections: Iterable[Connection]) -> dict[str, list[Connection]]:
    """The connections by the groups of the page, all groups in its order."""
    groups: dict[str, list[Connection]] = {name: [] for name in GROUPS}
    for one in connections:
        groups[_GROUP_OF.get(one.kind.iri, "other")].append(one)
    return groups


def by_status(connections: Iterable[Connection]) -> list[tuple[Value, list[Connection]]]:
    """What is planned, under way or reported as done: connections that have a status, by it."""
    found: dict[str, tuple[Value, list[Connection]]] = {}
    for one in connections:
        if one.status is not None and _GROUP_OF.get(one.kind.iri) not in ("actors",):
            found.setdefault(one.status.iri or one.status.text, (one.status, []))[1].append(one)
    return sorted(found.values(), key=lambda pair: pair[0].text.casefold())


def themes(rows: Iterable[Row]) -> list[tuple[Value, int]]:
    """The themes of the instrument and its elements, and how many of these have each; the commonest first."""
    found: dict[str, tuple[Value, set[str]]] = {}
    for row in rows:
        thing = row["thing"]
        if thing is not None and _iri(row["relation"]) == KYM + "theme":
            found.setdefault(thing.iri, (thing, set()))[1].add(_iri(row["own"]))
    ordered = sorted(found.values(), key=lambda pair: (-len(pair[1]), pair[0].text.casefold()))
    return [(theme, len(things)) for theme, things in ordered]


def _others(rows: Iterable[Row]) -> list[tuple[Value, Value]]:
    """Sectors and target groups, each once with its relation."""
    found: dict[tuple[str, str], tuple[Value, Value]] = {}
    for row in rows:
        thing, relation, kind = row["thing"], row["relation"], row["kind"]
        if thing is None or relation is None or kind is None:
            continue
        if kind.iri in (KYM + "BusinessSector", KYM + "TargetGroup"):
            found.setdefault((relation.iri, thing.iri), (relation, thing))
    return sorted(found.values(), key=lambda pair: (pair[0].text, pair[1].text.casefold()))


def _iri(value: Value | None) -> str:
    return value.iri if value is not None else ""


def _false(value: Value | None) -> bool:
    return value is not None and value.plain is False


def _once(values: Iterable[Value | None]) -> list[Value]:
    found: dict[str, Value] = {}
    for value in values:
        if value is not None:
            found.setdefault(value.iri or value.text, value)
    return list(found.values())
