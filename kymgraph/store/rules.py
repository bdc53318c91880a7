"""What of a project decides how foreign content becomes a change, as a value that a worker can be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kymgraph.errors import BadParameter, GraphNotWritable, InputError, NameAGraph
from kymgraph.namespaces import Base
from kymgraph.project import LEDGER_GRAPH, ONTOLOGY_GRAPH, SHAPES_GRAPH, UNION_EXCLUDE, Project
from kymgraph.rdf import DefaultGraph, NamedNode

_NAME_A_GRAPH = "name the graph: GRAPH <…> { … } in an update, graph=… or --graph NAME for RDF"
_OTHER_MEANS = "ontology and shapes are files, taken in by `kymgraph import`; commits write the ledger"


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of a project, and `protected`: the IRIs of graphs that are made by other means."""

    base: str = Base().iri
    default_graph: str = "union"
    union_exclude: tuple[str, ...] = UNION_EXCLUDE
    blank_nodes: str = "skolem"
    protected: tuple[str, ...] = ()

    @classmethod
    def of(cls, project: Project) -> Rules:
        names = (LEDGER_GRAPH, ONTOLOGY_GRAPH, SHAPES_GRAPH)
        return cls(
            project.base.iri,
            project.default_graph,
            tuple(project.union_exclude),
            project.blank_nodes,
            tuple(project.base.graph(name) for name in names),
        )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Rules:
        """From a worker's request, where tuples have become lists."""
        read: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        return cls(**read)

    @property
    def union(self) -> bool:
        return self.default_graph == "union"

    @property
    def skolem(self) -> bool:
        return self.blank_nodes == "skolem"

    @property
    def project(self) -> Project:
        return Project(
            Path(), Base(self.base), default_graph=self.default_graph, union_exclude=self.union_exclude
        )

    def check(self, graph: object, *, hint: str | None = None) -> None:
        """See that this graph may be written to. Raises NameAGraph, GraphNotWritable, InputError.

        >>> Rules().check(NamedNode("https://w3id.org/kymgraph/graph/../graph/ontology"))
        Traceback (most recent call last):
        ...
        kymgraph.errors.InputError: nothing was changed: '../graph/ontology' cannot be the name of a graph
        """
        if isinstance(graph, DefaultGraph):
            if self.union:
                raise NameAGraph(
                    "nothing was changed: the default graph is the union of the named graphs, made by itself",
                    hint=hint or _NAME_A_GRAPH,
                )
        elif not isinstance(graph, NamedNode):
            raise InputError(
                "nothing was changed: a graph is called by a blank node, which no reader could ask for",
                hint=hint or _NAME_A_GRAPH,
            )
        elif graph.value in self.protected:
            raise GraphNotWritable(
                f"nothing was changed: the graph {graph} is made by other means", hint=_OTHER_MEANS
            )
        elif graph.value.startswith(graphs := Base(self.base).graphs):
            name = graph.value[len(graphs) :]
            try:
                Base(self.base).graph(name)
            except ValueError:
                raise InputError(
                    f"nothing was changed: {name!r} cannot be the name of a graph",
                    hint="a name has letters, digits and . _ ~ - with / between",
                ) from None

    def check_all(self, graphs: Iterable[object], *, hint: str | None = None) -> None:
        for graph in dict.fromkeys(graphs):
            self.check(graph, hint=hint)


def named_graph(project: Project, graph: str) -> NamedNode:
    """The graph of a name (`lineage`) or of an absolute IRI. Raises BadParameter.

    >>> str(named_graph(Project(Path(".")), "lineage"))
    '<https://w3id.org/kymgraph/graph/lineage>'
    """
    try:
        return NamedNode(graph if ":" in graph else project.base.graph(graph))
    except ValueError as error:
        raise BadParameter(
            f"nothing was changed: {graph!r} is neither the name of a graph nor a full IRI ({error})",
            hint="a name has letters, digits and . _ ~ - with / between; an IRI has its scheme",
        ) from None
