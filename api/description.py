"""What the endpoint says about itself: the service description, and how many triples each graph holds."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kymgraph import rdf, results
from kymgraph.dataset import Dataset
from kymgraph.namespaces import RDF, XSD
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad
from kymgraph.results import ResultFormat

if TYPE_CHECKING:
    from api.deps import Services

SD: Final = "http://www.w3.org/ns/sparql-service-description#"
VOID: Final = "http://rdfs.org/ns/void#"
_FORMATS: Final = "http://www.w3.org/ns/formats/"
#: The W3C's names of formats (w3.org/ns/formats) by ours.
_FORMAT_NAMES: Final = {
    "json": "SPARQL_Results_JSON",
    "xml": "SPARQL_Results_XML",
    "csv": "SPARQL_Results_CSV",
    "tsv": "SPARQL_Results_TSV",
    "ttl": "Turtle",
    "nt": "N-Triples",
    "rdf": "RDF_XML",
    "jsonld": "JSON-LD",
    "trig": "TriG",
    "nq": "N-Quads",
    "n3": "N3",
}
_COUNT_NAMED: Final = "SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g ORDER BY ?g"
_COUNT_DEFAULT: Final = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"


@dataclass(frozen=True, slots=True)
class GraphCounts:
    """Triples per graph in one generation; empty graphs are there with 0."""

    generation: int
    default: int
    named: dict[str, int]


class Graphs:
    """Which graphs there are and how large they are, looked up once per generation."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._names: tuple[int, frozenset[str]] = (0, frozenset())
        self._counts: GraphCounts | None = None
        self._turn = asyncio.Lock()

    async def names(self) -> frozenset[str]:
        """The IRIs of the named graphs."""
        generation = self._dataset.generation
        if self._names[0] != generation:
            view = await asyncio.to_thread(self._dataset.view, generation)
            self._names = generation, frozenset(graph.value for graph in view.graphs())
        return self._names[1]

    async def counts(self) -> GraphCounts:
        """How many triples each graph holds now."""
        async with self._turn:  # who comes while they are counted waits for that count
            if self._counts is None or self._counts.generation != self._dataset.generation:
                self._counts = await self._count()
            return self._counts

    async def _count(self) -> GraphCounts:
        named = await self._dataset.answer(_COUNT_NAMED, format="json")
        default = await self._dataset.answer(_COUNT_DEFAULT, format="json")
        by_graph = dict.fromkeys(sorted(await self.names()), 0)
        # An empty dataset makes one group without a graph.
        by_graph |= {row["g"]["value"]: int(row["n"]["value"]) for row in _bindings(named.body) if "g" in row}
        return GraphCounts(named.generation, int(_bindings(default.body)[0]["n"]["value"]), by_graph)


def _bindings(body: bytes | None) -> list[dict[str, dict[str, str]]]:
    rows: list[dict[str, dict[str, str]]] = json.loads(body or b"{}")["results"]["bindings"]
    return rows


async def describe(services: Services, endpoint: str, chosen: ResultFormat) -> tuple[int, bytes]:
    """The service description of the endpoint at the URL `endpoint`, and the generation it describes."""
    counts = await services.graphs.counts()
    service, dataset, default = NamedNode(endpoint + "#service"), BlankNode("dataset"), BlankNode("default")
    quads = [
        _quad(service, RDF + "type", NamedNode(SD + "Service")),
        _quad(service, SD + "endpoint", NamedNode(endpoint)),
        _quad(service, SD + "supportedLanguage", NamedNode(SD + "SPARQL11Query")),
        _quad(service, SD + "defaultEntailmentRegime", NamedNode("http://www.w3.org/ns/entailment/Simple")),
        _quad(service, SD + "defaultDataset", dataset),
        _quad(dataset, RDF + "type", NamedNode(SD + "Dataset")),
        _quad(dataset, SD + "defaultGraph", default),
        _quad(default, RDF + "type", NamedNode(SD + "Graph")),
        _quad(default, VOID + "triples", _integer(counts.default)),
    ]
    for known in (*results.SOLUTION_FORMATS, *results.GRAPH_FORMATS):
        if known.name in _FORMAT_NAMES:
            quads.append(_quad(service, SD + "resultFormat", NamedNode(_FORMATS + _FORMAT_NAMES[known.name])))
    if services.project.default_graph == "union":
        quads.append(_quad(service, SD + "feature", NamedNode(SD + "UnionDefaultGraph")))
    if services.settings.allow_hosts:
        quads.append(_quad(service, SD + "feature", NamedNode(SD + "BasicFederatedQuery")))
    for number, (iri, triples) in enumerate(counts.named.items()):
        named, graph = BlankNode(f"named{number}"), BlankNode(f"graph{number}")
        quads += [
            _quad(dataset, SD + "namedGraph", named),
            _quad(named, RDF + "type", NamedNode(SD + "NamedGraph")),
            _quad(named, SD + "name", NamedNode(iri)),
            _quad(named, SD + "graph", graph),
            _quad(graph, RDF + "type", NamedNode(SD + "Graph")),
            _quad(graph, VOID + "triples", _integer(triples)),
        ]
    prefixes = {"sd": SD, "void": VOID, "formats": _FORMATS, "graph": services.project.base.graphs}
    if chosen.name == "ttl":
        return counts.generation, rdf.canonical_turtle(quads, prefixes).encode()
    return counts.generation, rdf.serialise(quads, rdf.format_for(chosen.ox), prefixes)


def _quad(subject: NamedNode | BlankNode, predicate: str, value: NamedNode | BlankNode | Literal) -> Quad:
    return Quad(subject, NamedNode(predicate), value)


def _integer(number: int) -> Literal:
    return Literal(str(number), datatype=NamedNode(XSD + "integer"))
