"""A state that is not written yet: a view, less what a changeset removes, plus what it adds.

The default graph of a union project is the set of all graphs in the union, so a triple goes out of it only
when no graph of the union holds it any more, and comes into it only if it was not there. Both are settled
once, when the overlay is made, with at most one look-up of the base per changed triple and graph.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from kymgraph.changeset import Changeset
from kymgraph.errors import QuerySyntaxError
from kymgraph.rdf import DEFAULT_GRAPH, DefaultGraph, NamedNode, Quad, Subject, Term, Triple
from kymgraph.view import View


class OverlayView:
    """The state after `change`, which is exact: it removes what `base` holds and adds what it does not.

    `in_union` says which named graphs (by IRI) the default graph is the set of; None in strict projects,
    where the default graph is a graph like any other. Overlays can be stacked.
    """

    def __init__(self, base: View, change: Changeset, in_union: Callable[[str], bool] | None) -> None:
        self.base = base
        self.change = change
        self.generation = base.generation
        self._in_union = in_union
        self._gone = set(change.removed)
        self._new = _Index(change.added)
        #: What leaves and enters the default graph; in strict projects part of the changeset itself.
        self.union_removed, self.union_added = _union_change(base, change, in_union)
        if in_union is not None:
            self._gone |= {Quad(t.subject, t.predicate, t.object) for t in self.union_removed}
            self._new.add(Quad(t.subject, t.predicate, t.object) for t in self.union_added)

    def quads(
        self,
        subject: Subject | None = None,
        predicate: NamedNode | None = None,
        object: Term | None = None,
        graph: NamedNode | DefaultGraph | None = None,
    ) -> Iterator[Quad]:
        for quad in self.base.quads(subject, predicate, object, graph):
            if quad not in self._gone:
                yield quad
        for quad in self._new.find(subject, predicate, object):
            if (
                quad.graph_name == graph
                if graph is not None
                else not isinstance(quad.graph_name, DefaultGraph)
            ):
                yield quad

    def graphs(self) -> list[NamedNode]:
        dropped = {NamedNode(iri) for iri in self.change.dropped}
        came = {NamedNode(iri) for iri in self.change.created}
        came |= {q.graph_name for q in self.change.added if isinstance(q.graph_name, NamedNode)}
        return sorted((set(self.base.graphs()) - dropped) | came, key=lambda graph: graph.value)

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        raise QuerySyntaxError("a state that is not written yet answers look-ups only, not SELECT")


class _Index:
    """Quads by subject, predicate and object: as many as one changeset brings."""

    def __init__(self, quads: Iterable[Quad]) -> None:
        self._all: dict[Quad, None] = {}
        self._by: tuple[dict[Term, list[Quad]], ...] = (
            defaultdict(list),
            defaultdict(list),
            defaultdict(list),
        )
        self.add(quads)

    def add(self, quads: Iterable[Quad]) -> None:
        for quad in quads:
            self._all[quad] = None
            for index, term in zip(self._by, (quad.subject, quad.predicate, quad.object), strict=True):
                index[term].append(quad)  # type: ignore[index]

    def find(self, *pattern: Term | None) -> Iterator[Quad]:
        lists = [
            index.get(term, []) for index, term in zip(self._by, pattern, strict=True) if term is not None
        ]
        for quad in min(lists, key=len) if lists else list(self._all):
            terms = (quad.subject, quad.predicate, quad.object)
            if all(wanted is None or wanted == term for wanted, term in zip(pattern, terms, strict=True)):
                yield quad


def _union_change(
    base: View, change: Changeset, in_union: Callable[[str], bool] | None
) -> tuple[frozenset[Triple], frozenset[Triple]]:
    """Triples that leave and enter the default graph."""
    if in_union is None:
        parts = (
            (q for q in quads if isinstance(q.graph_name, DefaultGraph))
            for quads in (change.removed, change.added)
        )
        removed, added = (frozenset(Triple(q.subject, q.predicate, q.object) for q in part) for part in parts)
        return removed, added

    def inside(quads: Iterable[Quad]) -> set[Triple]:
        return {
            Triple(q.subject, q.predicate, q.object)
            for q in quads
            if isinstance(q.graph_name, NamedNode) and in_union(q.graph_name.value)
        }

    came, went = inside(change.added), inside(change.removed)
    enters = frozenset(triple for triple in came if not any(True for _ in _held(base, triple, DEFAULT_GRAPH)))
    leaves = frozenset(
        triple
        for triple in went - came
        if not any(
            isinstance(quad.graph_name, NamedNode)
            and in_union(quad.graph_name.value)
            and quad not in change.removed
            for quad in _held(base, triple, None)
        )
    )
    return leaves, enters


def _held(view: View, triple: Triple, graph: DefaultGraph | None) -> Iterator[Quad]:
    """The quads of the view that hold this very triple."""
    assert not isinstance(triple.subject, Triple)
    assert not isinstance(triple.object, Triple)
    return view.quads(triple.subject, triple.predicate, triple.object, graph)
