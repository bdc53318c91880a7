"""A state that is not written yet: a view, less what a changeset removes, plus what it adds.

The default graph of a union project is the set of all graphs in the union, so a triple goes out of it only
when no graph of the union holds it any more, and comes into it only if it was not there. Both are settled
once, when the overlay is made, with at most one look-up of the base per changed triple and graph.
"""

from __future__ import annotations

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
    """Quads by each of their terms and by each pair of them: as many as one change brings."""

    def __init__(self, quads: Iterable[Quad]) -> None:
        self._all: dict[Quad, None] = {}
        self._by: dict[tuple[object, object, object], list[Quad]] = {}
        self.add(quads)

    def add(self, quads: Iterable[Quad]) -> None:
        by = self._by
        for quad in quads:
            self._all[quad] = None
            s, p, o = quad.subject, quad.predicate, quad.object
            for key in (
                (s, None, None),
                (None, p, None),
                (None, None, o),
                (s, p, None),
                (None, p, o),
                (s, None, o),
            ):
                by.setdefault(key, []).append(quad)

    def find(self, subject: Term | None, predicate: Term | None, value: Term | None) -> Iterable[Quad]:
        """The quads with these terms; None stands for any."""
        if subject is None and predicate is None and value is None:
            return list(self._all)
        if subject is None or predicate is None or value is None:
            return self._by.get((subject, predicate, value), ())
        return (quad for quad in self._by.get((subject, predicate, None), ()) if quad.object == value)


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
