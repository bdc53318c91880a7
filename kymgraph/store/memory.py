"""A view of quads that stand nowhere yet: a scratch store in memory, for checks before they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import pyoxigraph as ox

from kymgraph.queries import syntax_error
from kymgraph.rdf import DEFAULT_GRAPH, DefaultGraph, NamedNode, Quad, Subject, Term


class MemoryView:
    """The named graphs of `quads`, and as default graph the set of all that `in_union` lets in.

    >>> from kymgraph.rdf import FORMATS, parse
    >>> view = MemoryView(parse(b"<http://a.example/x> <http://a.example/p> 7 .", FORMATS["ttl"]))
    >>> [str(row["o"]) for row in view.select("SELECT ?o { ?s ?p ?o }")]
    ['"7"^^<http://www.w3.org/2001/XMLSchema#integer>']
    """

    generation = 0

    def __init__(
        self, quads: Iterable[Quad], *, in_union: Callable[[str], bool] = lambda graph_iri: True
    ) -> None:
        self._store = ox.Store()
        given = list(quads)
        self._store.extend(given)
        names = {quad.graph_name for quad in given}
        left_out = {name for name in names if isinstance(name, NamedNode) and not in_union(name.value)}
        self._store.extend(
            Quad(quad.subject, quad.predicate, quad.object, DEFAULT_GRAPH)
            for quad in given
            if quad.graph_name not in left_out
        )

    def quads(
        self,
        subject: Subject | None = None,
        predicate: NamedNode | None = None,
        object: Term | None = None,
        graph: NamedNode | DefaultGraph | None = None,
    ) -> Iterator[Quad]:
        for quad in self._store.quads_for_pattern(subject, predicate, object, graph):
            if graph is not None or not isinstance(quad.graph_name, DefaultGraph):
                yield quad

    def graphs(self) -> list[NamedNode]:
        names = [name for name in self._store.named_graphs() if isinstance(name, NamedNode)]
        return sorted(names, key=lambda name: name.value)

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        """The rows of a SELECT of our own; unbound variables are missing. Raises QuerySyntaxError."""
        substitutions: dict[ox.Variable, ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple] = {
            ox.Variable(name): term for name, term in (bindings or {}).items()
        }
        try:
            solutions = self._store.query(text, substitutions=substitutions)
        except SyntaxError as error:
            raise syntax_error(str(error), text) from None
        if not isinstance(solutions, ox.QuerySolutions):
            raise TypeError("only SELECT queries are answered here")
        names = [variable.value for variable in solutions.variables]
        return [
            {name: value for name in names if (value := solution[name]) is not None} for solution in solutions
        ]
