"""What a reader of the graph gets: a state that does not change under it.

Everything that looks at the dataset in this process (gate, evidence, publishing…) takes a View, whether the
state lies in a checkpoint, in memory, or is an overlay of a change that is not written yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from kymgraph.rdf import DEFAULT_GRAPH, DefaultGraph, NamedNode, Quad, Subject, Term

#: Ask `quads` for this graph to read the default graph: the union in union projects.
UNION: Final = DEFAULT_GRAPH


class View(Protocol):
    """Read-only access to one generation."""

    @property
    def generation(self) -> int: ...

    def quads(
        self,
        subject: Subject | None = None,
        predicate: NamedNode | None = None,
        object: Term | None = None,
        graph: NamedNode | DefaultGraph | None = None,
    ) -> Iterator[Quad]:
        """Quads that match; None matches all. `graph`: None is every named graph, UNION the default one."""
        ...

    def graphs(self) -> list[NamedNode]:
        """The named graphs, also empty ones, sorted by IRI."""
        ...

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        """The rows of a SELECT of our own, over the default graph and the named ones.

        It runs in this process, without deadline or memory limit: never pass text from outside.
        Unbound variables are missing in the row. Raises QuerySyntaxError.
        """
        ...
