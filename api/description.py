"""What the endpoint says about itself: the service description (SPARQL 1.1) and how many triples each graph holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kymgraph import rdf, results
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
    """Triples per graph in one generation."""

    generation: int
    default: int
    named: dict[str, int]


async def graph_counts(services: Services) -> GraphCounts:
    """How many triples each graph holds now; counted once per generation."""
    generation = services.dataset.generation
    if services.counts is None or services.counts.generation != generation:
        default = await services.dataset.answer(_COUNT_DEFAULT, format="json")
        named = await services.dataset.answer(_COUNT_NAMED, format="json")
        by_graph = {
            row["g"]["value"]: int(row["n"]["value"])
            for row in _bindings(named.body)
            # An empty dataset makes one group without a graph.
            if "g" in row
        }
        total = int(_bindings(default.body)[0]["n"]["value"])
        if (
            default.generation != named.generation
        ):  # a commit came in between: the counts are of two generations
            return GraphCounts(named.generation, total, by_graph)
        services.counts = GraphCounts(named.generation, total, by_graph)
    return services.counts


def _bindings(body: bytes | None) -> list[dict[str, dict[str, str]]]:
    rows: list[dict[str, dict[str, str]]] = json.loads(body or b"{}")["results"]["bindings"]
    return rows


async def describe(services: Services, endpoint: str, chosen: ResultFormat) -> tuple[int, bytes]:
    """The service description of the endpoint at the URL `endpoint`, and the generation it describes."""
    counts = await graph_counts(services)
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
