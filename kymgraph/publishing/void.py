"""VoID: what is in the datasets, in numbers that SPARQL gives too, and where they can be got."""

from __future__ import annotations

import hashlib
from typing import Final

from kymgraph.namespaces import DCTERMS, PREFIXES, RDF, XSD
from kymgraph.project import Project
from kymgraph.publishing.dcat import Catalogue, CatalogueDataset
from kymgraph.publishing.dumps import WHOLE, Dumps
from kymgraph.publishing.statistics import Statistics, space_of
from kymgraph.rdf import Literal, NamedNode, Quad

#: Where the document stands (https://www.w3.org/TR/void/#well-known).
PATH: Final = "/.well-known/void"

_VOID: Final = PREFIXES["void"]
_FOAF: Final = PREFIXES["foaf"]
#: Prefixes of the document.
USED: Final = {
    "dcterms": DCTERMS,
    "foaf": _FOAF,
    "formats": "http://www.w3.org/ns/formats/",
    "rdf": RDF,
    "void": _VOID,
    "xsd": XSD,
}
#: Formats that VoID readers know by these names.
_FEATURES: Final = {
    "ttl": "Turtle",
    "trig": "TriG",
    "nt.gz": "N-Triples",
    "jsonld": "JSON-LD",
    "rdf": "RDF_XML",
}


def quads(catalogue: Catalogue, dumps: Dumps, project: Project, address: str) -> list[Quad]:
    """The VoID document: the whole with its numbers, partitions and links, and each dataset as part of it.

    Triples, subjects, objects, classes and properties are counted as sets; an entity is a thing that has a
    type. The numbers of the whole are those of the default graph in a project with a union.
    """
    said = _Said()
    document = address + PATH
    said.iri(document, RDF + "type", _VOID + "DatasetDescription")
    said.text(document, DCTERMS + "title", "VoID", "")
    said.time(document, DCTERMS + "modified", catalogue)
    whole = next((one for one in catalogue.datasets if one.name == WHOLE), None)
    if whole is not None:
        said.iri(document, _FOAF + "primaryTopic", whole.iri)
    for dataset in catalogue.datasets:
        numbers = dumps.statistics[dataset.name]
        _describe(said, dataset, numbers)
        said.text(dataset.iri, _VOID + "uriSpace", project.base.ids, None)
        if dataset is whole:
            said.iri(dataset.iri, _VOID + "sparqlEndpoint", f"{address}/sparql")
            said.iri(dataset.iri, _FOAF + "homepage", catalogue.homepage)
            for vocabulary in sorted({space_of(iri) for iri in (*numbers.classes, *numbers.properties)}):
                said.iri(dataset.iri, _VOID + "vocabulary", vocabulary)
            _links(said, dataset, numbers)
        elif whole is not None:
            said.iri(whole.iri, _VOID + "subset", dataset.iri)
    return said.quads


def _describe(said: _Said, dataset: CatalogueDataset, numbers: Statistics) -> None:
    iri = dataset.iri
    said.iri(iri, RDF + "type", _VOID + "Dataset")
    for language, title in dataset.title.items():
        said.text(iri, DCTERMS + "title", title, language)
    for language, text in dataset.description.items():
        said.text(iri, DCTERMS + "description", text, language)
    said.iri(iri, DCTERMS + "license", dataset.license)
    said.iri(iri, DCTERMS + "publisher", dataset.publisher.iri)
    for subject in dataset.subjects:
        said.iri(iri, DCTERMS + "subject", subject)
    for name, number in (
        ("triples", numbers.triples),
        ("entities", numbers.entities),
        ("classes", len(numbers.classes)),
        ("properties", len(numbers.properties)),
        ("distinctSubjects", numbers.subjects),
        ("distinctObjects", numbers.objects),
    ):
        said.number(iri, _VOID + name, number)
    for distribution in dataset.distributions:
        if distribution.suffix in _FEATURES:  # a dump is RDF
            said.iri(iri, _VOID + "dataDump", distribution.url)
            feature = "http://www.w3.org/ns/formats/" + _FEATURES[distribution.suffix]
            said.iri(iri, _VOID + "feature", feature)
    for kind, counted in numbers.classes.items():
        part = f"{iri}#class-{_mark(kind)}"
        said.iri(iri, _VOID + "classPartition", part)
        said.iri(part, _VOID + "class", kind)
        said.number(part, _VOID + "entities", counted)
    for predicate, counted in numbers.properties.items():
        part = f"{iri}#property-{_mark(predicate)}"
        said.iri(iri, _VOID + "propertyPartition", part)
        said.iri(part, _VOID + "property", predicate)
        said.number(part, _VOID + "triples", counted)


def _links(said: _Said, dataset: CatalogueDataset, numbers: Statistics) -> None:
    for links in numbers.linksets:
        part = f"{dataset.iri}#links-{_mark(links.predicate + ' ' + links.space)}"
        target = f"{dataset.iri}#authority-{_mark(links.space)}"
        said.iri(dataset.iri, _VOID + "subset", part)
        said.iri(part, RDF + "type", _VOID + "Linkset")
        said.iri(part, _VOID + "linkPredicate", links.predicate)
        said.iri(part, _VOID + "subjectsTarget", dataset.iri)
        said.iri(part, _VOID + "objectsTarget", target)
        said.number(part, _VOID + "triples", links.triples)
        said.iri(target, RDF + "type", _VOID + "Dataset")
        said.text(target, _VOID + "uriSpace", links.space, None)


def _mark(iri: str) -> str:
    """A short name that is the same for the same IRI, so that partitions need no blank nodes."""
    return hashlib.sha256(iri.encode()).hexdigest()[:16]


class _Said:
    def __init__(self) -> None:
        self.quads: list[Quad] = []

    def iri(self, subject: str, predicate: str, value: str) -> None:
        if value:
            self.quads.append(Quad(NamedNode(subject), NamedNode(predicate), NamedNode(value)))

    def text(self, subject: str, predicate: str, value: str, language: str | None) -> None:
        literal = Literal(value, language=language) if language else Literal(value)
        self.quads.append(Quad(NamedNode(subject), NamedNode(predicate), literal))

    def number(self, subject: str, predicate: str, value: int) -> None:
        literal = Literal(str(value), datatype=NamedNode(XSD + "integer"))
        self.quads.append(Quad(NamedNode(subject), NamedNode(predicate), literal))

    def time(self, subject: str, predicate: str, catalogue: Catalogue) -> None:
        moment = catalogue.modified.isoformat(timespec="seconds").replace("+00:00", "Z")
        literal = Literal(moment, datatype=NamedNode(XSD + "dateTime"))
        self.quads.append(Quad(NamedNode(subject), NamedNode(predicate), literal))
