"""A view of quads that stand nowhere yet: a scratch store in memory, for checks before they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyoxigraph as ox

from kymgraph.rdf import DEFAULT_GRAPH, NamedNode, Quad
from kymgraph.store.embedded import CheckpointView


class MemoryView(CheckpointView):
    """The named graphs of `quads`, and as default graph the set of all that `in_union` lets in.

    It answers as a checkpoint of these quads would.

    >>> from kymgraph.rdf import FORMATS, parse
    >>> view = MemoryView(parse(b"<http://a.example/x> <http://a.example/p> 7 .", FORMATS["ttl"]))
    >>> [str(row["o"]) for row in view.select("SELECT ?o { ?s ?p ?o }")]
    ['"7"^^<http://www.w3.org/2001/XMLSchema#integer>']
    """

    def __init__(
        self, quads: Iterable[Quad], *, in_union: Callable[[str], bool] = lambda graph_iri: True
    ) -> None:
        self.generation = 0
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
