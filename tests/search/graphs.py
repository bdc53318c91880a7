"""A graph in memory that commits like a dataset does, for tests of what follows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kymgraph.changeset import Changeset
from kymgraph.errors import CommitNotFound
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, NamedNode, Quad, parse
from kymgraph.store.memory import MemoryView
from kymgraph.view import View

BASE = "https://w3id.org/kymgraph/"
PREFIXES = f"""
@prefix : <{BASE}id/> .
@prefix kym: <{BASE}ontology#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
"""


def iri(name: str) -> str:
    return f"{BASE}id/{name}"


def quads(turtle: str, graph: str = "source") -> frozenset[Quad]:
    return frozenset(
        parse((PREFIXES + turtle).encode(), FORMATS["ttl"], graph=NamedNode(BASE + "graph/" + graph))
    )


@dataclass(frozen=True)
class Committed:
    """What is known of one commit."""

    id: str
    removed: int
    added: int


class Graph:
    """Quads with a history. `commit` makes the next generation."""

    def __init__(self, *given: frozenset[Quad]) -> None:
        self.project = Project(Path())
        self.now: frozenset[Quad] = frozenset().union(*given)
        self.changes: list[Changeset] = []

    @property
    def generation(self) -> int:
        return 1 + len(self.changes)

    def view(self, at: int | None = None) -> View:
        assert at is None
        view = MemoryView(self.now, in_union=self.project.in_union)
        view.generation = self.generation
        return view

    def commit(self, *, add: frozenset[Quad] = frozenset(), remove: frozenset[Quad] = frozenset()) -> None:
        removed, added = remove & self.now - add, add - self.now
        self.changes.append(Changeset(base=self.generation, removed=removed, added=added))
        self.now = (self.now - removed) | added

    def changeset(self, number: int) -> Changeset:
        if not 1 < number <= self.generation:
            raise CommitNotFound(f"there is no commit {number}")
        return self.changes[number - 2]

    def entry(self, number: int) -> Committed:
        change = self.changeset(number)
        return Committed(change.id, len(change.removed), len(change.added))
