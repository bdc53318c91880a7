"""Which graphs may be written to from outside, and by what names: `kymgraph.store.rules`, for a project."""

from __future__ import annotations

from kymgraph.project import Project
from kymgraph.rdf import NamedNode
from kymgraph.store.rules import Rules, named_graph


def named(project: Project, graph: str) -> NamedNode:
    """The graph of a name (`lineage`) or of an absolute IRI. Raises BadParameter.

    >>> from pathlib import Path
    >>> str(named(Project(Path(".")), "lineage"))
    '<https://w3id.org/kymgraph/graph/lineage>'
    """
    return named_graph(project, graph)


def check(project: Project, graph: object, *, hint: str | None = None) -> None:
    """See that quads may be written to this graph. Raises NameAGraph, GraphNotWritable, InputError."""
    Rules.of(project).check(graph, hint=hint)


def protected(project: Project) -> tuple[str, ...]:
    """IRIs of the graphs that are made by other means than intake."""
    return Rules.of(project).protected
