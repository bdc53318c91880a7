"""A view of quads that stand nowhere yet: a scratch store in memory, for checks before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import pyoxigraph as ox

from kymgraph.rdf import DEFAULT_GRAPH, NamedNode, Quad, Term


class MemoryView:
    """The named graphs of `quads`, and as default graph the set of what stands outside `not_in_union`.

    >>> from kymgraph.rdf import FORMATS, parse
    >>> view = MemoryView(parse(b"<http://a.example/x> <http://a.example/p> 7 .", FORMATS["ttl"]))
    >>> [str(row["o"]) for row in view.select("SELECT ?o { ?s ?p ?o }")]
    ['"7"^^<http://www.w3.org/2001/XMLSchema#integer>']
    """

    generation = 0

    def __init__(self, quads: Iterable[Quad], *, not_in_union: Collection[str] = ()) -> None:
        self._store = ox.Store()
        quads = list(quads)
        self._store.extend(quads)
        self._store.extend(
            Quad(q.subject, q.predicate, q.object, DEFAULT_GRAPH)
            for q in quads
            if not (isinstance(q.graph_name, NamedNode) and q.graph_name.value in not_in_union)
        )

    def graphs(self) -> list[NamedNode]:
        names = [name for name in self._store.named_graphs() if isinstance(name, NamedNode)]
        return sorted(names, key=lambda name: name.value)

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        """The rows of a trusted SELECT; unbound variables are left out. SyntaxError for bad SPARQL."""
        solutions = self._store.query(
            text, substitutions={ox.Variable(name): term for name, term in (bindings or {}).items()}
        )
        if not isinstance(solutions, ox.QuerySolutions):
            raise TypeError("only SELECT queries are answered here")
        names = [variable.value for variable in solutions.variables]
        return [
            {name: value for name in names if (value := solution[name]) is not None} for solution in solutions
        ]
