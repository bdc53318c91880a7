"""What the front page shows besides the time line: how much there is, what changed, what to ask first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.examples import Example
from api.portal.asking import Table, Value
from kymgraph.namespaces import KYM

#: Classes of the ontology that the page counts: the key of their text, where they are listed, their names.
COUNTED: Final = (
    ("instruments", "/programmes",
     ("PolicyInstrument", "Programme", "Plan", "Strategy", "GovernmentKeyProject")),
    ("priorities", "/lineage", ("Priority", "MainTheme", "Spearhead", "StrategicChoice")),
    ("measures", "/programmes", ("Measure", "ActionLine")),
    ("objectives", "/programmes", ("Objective",)),
    ("actors", "/actors", ("Person", "Organisation", "PublicOrganisation", "PrivateOrganisation",
                           "OrganisationalUnit", "ActorGroup")),
    ("networks", "/networks", ("Network",)),
    ("projects", "/search?type=kym:Project", ("Project",)),
    ("documents", "/graphs", ("SourceDocument",)),
    ("passages", "/quality", ("Passage",)),
)  # fmt: skip
#: Commits and questions shown.
COMMITS: Final = 5
QUESTIONS: Final = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """How many there are of something, and where they are listed."""

    key: str
    count: int
    href: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit in a line: its number and time, why it was made, what it added and took away."""

    generation: str
    time: str
    reason: str
    added: int
    removed: int
    graphs: tuple[Value, ...]


def figures(classes: Table) -> list[Figure]:
    """Counts of things by the groups of COUNTED, without those there are none of.

    A thing of two classes of one group counts twice, which the ontology keeps from happening.
    """
    counts: dict[str, int] = {}
    for row in classes.rows:
        kind, things = row["class"], row["things"]
        if kind is not None and things is not None and isinstance(things.plain, int):
            counts[kind.iri] = things.plain
    found = (
        Figure(key, sum(counts.get(KYM + name, 0) for name in names), href) for key, href, names in COUNTED
    )
    return [figure for figure in found if figure.count]


def commits(changes: Table) -> list[Commit]:
    """The newest commits, each once, with the graphs that it touched."""
    found: dict[str, Commit] = {}
    for row in changes.rows:
        number, time = row["generation"], row["time"]
        if number is None or time is None:
            continue
        before = found.get(number.text)
        graph = (row["graph"],) if row["graph"] is not None else ()
        if before is None:
            if len(found) == COMMITS:
                break
            found[number.text] = Commit(
                number.text,
                time.text,
                _text(row["reason"]),
                _count(row["added"]),
                _count(row["removed"]),
                graph,
            )
        elif graph and graph[0] not in before.graphs:
            found[number.text] = Commit(
                before.generation,
                before.time,
                before.reason,
                before.added,
                before.removed,
                before.graphs + graph,
            )
    return list(found.values())


def questions(examples: Sequence[Example]) -> list[Example]:
    """The questions to begin with: those whose files say `featured: true`."""
    return [example for example in examples if example.featured][:QUESTIONS]


def _text(value: Value | None) -> str:
    return value.text if value is not None else ""


def _count(value: Value | None) -> int:
    return value.plain if value is not None and isinstance(value.plain, int) else 0
