"""One named graph as if it were all there is: what shapes see that judge a graph outside the union.

The view has the graph's quads in its default graph and no named graphs, so the gate that judges it is the
same as for the union, and so is its law.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from kymgraph.changeset import Changeset
from kymgraph.errors import QuerySyntaxError
from kymgraph.rdf import DefaultGraph, NamedNode, Quad, Subject, Term, Triple
from kymgraph.view import UNION, View


class After(View, Protocol):
    """A state that is not written yet, and what tells it from the one before."""

    @property
    def union_removed(self) -> frozenset[Triple]: ...

    @property
    def union_added(self) -> frozenset[Triple]: ...


class Alone:
    """`graph` of `base` as the default graph, and nothing else."""

    def __init__(self, base: View, graph: NamedNode) -> None:
        self._base, self._graph = base, graph
        self.generation = base.generation

    def quads(
        self,
        subject: Subject | None = None,
        predicate: NamedNode | None = None,
        object: Term | None = None,
        graph: NamedNode | DefaultGraph | None = None,
    ) -> Iterator[Quad]:
        if graph == UNION:
            for quad in self._base.quads(subject, predicate, object, self._graph):
                yield Quad(quad.subject, quad.predicate, quad.object)

    def graphs(self) -> list[NamedNode]:
        return []

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        raise QuerySyntaxError("a graph that is looked at alone answers look-ups only, not SELECT")


class AloneAfter(Alone):
    """The same of the state after `change`, which `after` shows."""

    def __init__(self, after: View, graph: NamedNode, change: Changeset) -> None:
        super().__init__(after, graph)
        self.union_removed, self.union_added = (
            frozenset(Triple(q.subject, q.predicate, q.object) for q in quads if q.graph_name == graph)
            for quads in (change.removed, change.added)
        )
