"""The one JSON-LD context of a project, made from its ontology and prefixes, served at `/context.jsonld`.

Every class and property of the ontology is a term by its own name; every prefix stands for its namespace, so
what the ontology does not know reads as `prefix:name`. The same files always give the same context.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from kymgraph import rdf
from kymgraph.namespaces import DCTERMS, KYM, OWL, RDF, RDFS, SKOS, XSD
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, Quad

PATH: Final = "/context.jsonld"
_KINDS: Final = frozenset(
    {
        OWL + "Class",
        RDFS + "Class",
        OWL + "ObjectProperty",
        OWL + "DatatypeProperty",
        OWL + "AnnotationProperty",
        RDF + "Property",
    }
)
#: Terms that are the same whatever the ontology says.
_FIXED: Final[dict[str, Any]] = {
    "id": "@id",
    "type": "@type",
    "graph": "@graph",
    "label": {"@id": SKOS + "prefLabel", "@container": "@language"},
    "altLabel": {"@id": SKOS + "altLabel"},
    "name": {"@id": RDFS + "label", "@container": "@language"},
    "description": {"@id": DCTERMS + "description", "@container": "@language"},
    # The parts of a thing, seen from it: the data say it from the part's side.
    "elements": {"@reverse": KYM + "elementOf"},
}
_TERM: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def context(project: Project, ontology: Iterable[Quad] | None = None) -> dict[str, Any]:
    """The context as the document that is served; `ontology` are its quads, by default those of the files.

    Raises what reading the project's ontology files raises.
    """
    words = _words(_of_files(project) if ontology is None else ontology)
    terms: dict[str, Any] = {}
    taken: set[str] = set(_FIXED)
    # The project's own words first: a foreign one with the same name keeps its prefix.
    for iri in sorted(words, key=lambda iri: (not iri.startswith(KYM), iri)):
        name = re.split(r"[#/]", iri)[-1]
        if _TERM.fullmatch(name) and name not in taken:
            taken.add(name)
            terms[name] = _definition(iri, *words[iri])
    prefixes = {
        name: {"@id": iri, "@prefix": True}
        for name, iri in sorted(project.prefixes.items())
        if name not in taken
    }
    return {"@context": {"@version": 1.1, **prefixes, **_FIXED, **dict(sorted(terms.items()))}}


def _of_files(project: Project) -> Iterable[Quad]:
    for path in project.ontology_files():
        name = project.name_of(path)
        data = rdf.read_bytes(path)
        unpacked = rdf.unpack(data, name) if path.suffix == ".gz" else data
        yield from rdf.parse(unpacked, rdf.format_for(path), name=name, rename_blank_nodes=True)


def _words(quads: Iterable[Quad]) -> dict[str, tuple[set[str], set[str]]]:
    """The classes and properties of an ontology, each with its types and its ranges that have a name."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for quad in quads:
        place = {RDF + "type": 0, RDFS + "range": 1}.get(quad.predicate.value)
        if place is not None and isinstance(quad.subject, NamedNode) and isinstance(quad.object, NamedNode):
            found.setdefault(quad.subject.value, (set(), set()))[place].add(quad.object.value)
    return {iri: about for iri, about in found.items() if about[0] & _KINDS}


def _definition(iri: str, kinds: set[str], ranges: set[str]) -> dict[str, str]:
    """A class is its IRI; a property says besides of which datatype its values are, if of one alone."""
    if OWL + "DatatypeProperty" in kinds and len(ranges) == 1:
        (datatype,) = ranges
        if datatype.startswith(XSD) and datatype != XSD + "string":  # a plain string needs no type
            return {"@id": iri, "@type": datatype}
    return {"@id": iri}
