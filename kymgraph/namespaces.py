"""The IRIs of kymgraph: the engine's own namespaces, the prefixes shown to people, and the base of a project.

The ontology and shapes namespaces belong to the engine and are fixed. Everything a project mints (things,
named graphs, names of blank nodes) hangs on its base IRI, a setting; `Base` is the only place that knows how.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DEFAULT_BASE: Final = "https://w3id.org/kymgraph/"
ONTOLOGY: Final = "https://w3id.org/kymgraph/ontology"
KYM: Final = ONTOLOGY + "#"
KYMSH: Final = "https://w3id.org/kymgraph/shapes#"

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
OWL: Final = "http://www.w3.org/2002/07/owl#"
SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
SH: Final = "http://www.w3.org/ns/shacl#"
PROV: Final = "http://www.w3.org/ns/prov#"
DCTERMS: Final = "http://purl.org/dc/terms/"

#: Prefixes that do not depend on the project. `Base.prefixes()` adds those that do.
PREFIXES: Final[dict[str, str]] = {
    "adms": "http://www.w3.org/ns/adms#",
    "bibo": "http://purl.org/ontology/bibo/",
    "cpov": "http://data.europa.eu/m8g/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcterms": DCTERMS,
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "kym": KYM,
    "kymsh": KYMSH,
    "locn": "http://www.w3.org/ns/locn#",
    "org": "http://www.w3.org/ns/org#",
    "owl": OWL,
    "prov": PROV,
    "rdf": RDF,
    "rdfs": RDFS,
    "schema": "https://schema.org/",
    "sh": SH,
    "skos": SKOS,
    "spdx": "http://spdx.org/rdf/terms#",
    "time": "http://www.w3.org/2006/time#",
    "vann": "http://purl.org/vocab/vann/",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "void": "http://rdfs.org/ns/void#",
    "vs": "http://www.w3.org/2003/06/sw-vocab-status/ns#",
    "xsd": XSD,
}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*(?:/[A-Za-z0-9][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True, slots=True)
class Base:
    """The base IRI of a project, ending in `/`, and every IRI that is made from it.

    >>> base = Base("https://example.org/kym/")
    >>> base.graph("lineage")
    'https://example.org/kym/graph/lineage'
    >>> base.id("programme", "maakuntaohjelma-2022-2025")
    'https://example.org/kym/id/programme/maakuntaohjelma-2022-2025'
    >>> base.graph_name("https://example.org/kym/graph/harvest/kouvola")
    'harvest/kouvola'
    """

    iri: str = DEFAULT_BASE

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^\s<>\"{}|^`\\#?]+/", self.iri):
            raise ValueError(f"a base IRI is http(s) and ends in '/': {self.iri!r}")

    @property
    def graphs(self) -> str:
        return self.iri + "graph/"

    @property
    def ids(self) -> str:
        return self.iri + "id/"

    def graph(self, name: str) -> str:
        """The IRI of the named graph `name`; ValueError for a name that would not stay one IRI."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"a graph name has letters, digits and . _ ~ - with / between: {name!r}")
        return self.graphs + name

    def graph_name(self, iri: str) -> str | None:
        """The name of a graph of this project, or None for any other IRI."""
        return iri[len(self.graphs) :] if iri.startswith(self.graphs) and iri != self.graphs else None

    def id(self, kind: str, slug: str) -> str:
        return f"{self.ids}{kind}/{slug}"

    def genid(self, digest: str) -> str:
        """The name that stands for a blank node (RDF 1.1, section 3.5)."""
        return f"{self.iri}.well-known/genid/{digest}"

    def prefixes(self) -> dict[str, str]:
        """The prefixes that people see and may use: the fixed ones, and `id:` and `graph:` of the project."""
        return {**PREFIXES, "graph": self.graphs, "id": self.ids}
