"""Actors by kind with their posts and belonging, and what is said of each area and network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from api.portal.asking import Value
from api.portal.times import Span, State

#: Actors on one page, and posts or memberships named beside each.
MOST_ACTORS: Final = 300
MOST_BESIDE: Final = 4
#: Areas whose networks are set out; the table has all.
MOST_AREAS: Final = 6

Row = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of actor: the name of its class, its label, and how many there are."""

    name: str
    value: Value
    count: int


@dataclass(frozen=True, slots=True)
class Actor:
    """One actor with what is held or belonged to, at most `MOST_BESIDE` of it."""

    row: Row
    beside: Sequence[Value]
    left_off: int


def kinds(rows: Iterable[Row]) -> list[Kind]:
    """The kinds that occur, those with most actors first."""
    found: dict[str, list[Value]] = defaultdict(list)
    for row in rows:
        if (kind := row["kind"]) is not None:
            found[kind.iri].append(kind)
    named = [Kind(name_of(iri), values[0], len(values)) for iri, values in found.items()]
    return sorted(named, key=lambda kind: (-kind.count, kind.name))


def name_of(iri: str) -> str:
    """What stands behind the last # or / of an IRI: the name of a class.

    >>> name_of("https://example.org/ontology#Person")
    'Person'
    """
    return iri.replace("/", "#").rpartition("#")[2]


def chosen(rows: Iterable[Row], *, kind: str, words: str) -> list[Row]:
    """The rows of one kind (all if empty) whose actor's name holds all the words, in any case."""
    wanted = words.casefold().split()
    return [
        row
        for row in rows
        if row["actor"] is not None
        and (not kind or (row["kind"] is not None and name_of(row["kind"].iri) == kind))
        and all(word in row["actor"].text.casefold() for word in wanted)
    ]


def with_posts(rows: Sequence[Row], posts: Iterable[Row], memberships: Iterable[Row]) -> list[Actor]:
    """The actors with the posts they hold and what they belong to, each named once."""
    beside: dict[str, dict[str, Value]] = defaultdict(dict)
    for ours, theirs, table in (("holder", "post", posts), ("member", "whole", memberships)):
        for row in table:
            actor, other, belongs = row[ours], row[theirs], row.get("belongs")
            if actor is not None and other is not None and (belongs is None or belongs.plain is not False):
                beside[actor.iri].setdefault(other.iri, other)
    actors = []
    for row in rows[:MOST_ACTORS]:
        found = list(beside[row["actor"].iri].values()) if row["actor"] is not None else []
        actors.append(Actor(row, found[:MOST_BESIDE], max(len(found) - MOST_BESIDE, 0)))
    return actors


@dataclass(frozen=True, slots=True)
class Stated:
    """A network with what is said of an area and it, and when."""

    network: Value
    statement: Value | None = None
    start: Value | None = None
    end: Value | None = None
    state: State = "unknown"
    span: Span = field(default_factory=Span)


@dataclass(frozen=True, slots=True)
class AreaNetworks:
    """Which networks an area is in, which it is stated not to be in, and of which nothing is said."""

    area: Value
    inside: Sequence[Stated]
    outside: Sequence[Stated]
    silent: Sequence[Value]


def areas(networks: Iterable[Row], memberships: Iterable[Row], year: int | None) -> list[AreaNetworks]:
    """What is said of each area and each network: silence is a third answer, not a no.

    Areas are the members in statements about networks, those with most statements first.
    """
    known = {row["network"].iri: row["network"] for row in networks if row["network"] is not None}
    order = {iri: place for place, iri in enumerate(known)}
    of: dict[str, list[Row]] = defaultdict(list)
    for row in memberships:
        member, whole = row["member"], row["whole"]
        # A participation tells a role; only the statements about networks can also say no.
        if member is not None and whole is not None and whole.iri in known and row["role"] is None:
            of[member.iri].append(row)
    found = []
    for rows in sorted(of.values(), key=lambda rows: -len(rows))[:MOST_AREAS]:
        sides: dict[bool, list[Stated]] = {True: [], False: []}
        for row in sorted(rows, key=lambda row: order[_iri(row["whole"])]):
            span = Span.of(row["from"], row["until"])
            belongs = row["belongs"] is None or row["belongs"].plain is not False
            whole, state = known[_iri(row["whole"])], span.state(year)
            sides[belongs].append(Stated(whole, row["statement"], row["from"], row["until"], state, span))
        said = {_iri(row["whole"]) for row in rows}
        area = rows[0]["member"]
        assert area is not None
        silent = [network for iri, network in known.items() if iri not in said]
        found.append(AreaNetworks(area, sides[True], sides[False], silent))
    return found


def _iri(value: Value | None) -> str:
    return value.iri if value is not None else ""
