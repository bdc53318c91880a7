"""What search engines read of a resource: schema.org as JSON-LD, in the words that the ontology aligns with.

Nothing is mapped here: `ontology/alignments/` says which class and property is which of schema.org's, and a
project without alignments has Things with a name. The whole is a link away (`subjectOf`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kymgraph.namespaces import DCTERMS, PREFIXES, RDFS, SKOS
from kymgraph.project import ONTOLOGY_GRAPH, Project
from kymgraph.publishing.resource import ResourceDocument, object_of
from kymgraph.rdf import Literal, NamedNode, Term
from kymgraph.view import View

_SCHEMA: Final = PREFIXES["schema"]
#: SKOS needs no alignment of ours.
_CONCEPTS: Final = {SKOS + "Concept": "DefinedTerm", SKOS + "ConceptScheme": "DefinedTermSet"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Classes and properties by IRI, with the nearest of schema.org's that they are or fall under."""

    types: Mapping[str, str]
    properties: Mapping[str, str]

    @classmethod
    def of(cls, view: View, project: Project) -> Vocabulary:
        """What the ontology in `view` aligns with."""
        graph = project.base.graph(ONTOLOGY_GRAPH)
        return cls(
            {**_aligned(view, graph, RDFS + "subClassOf"), **_CONCEPTS},
            _aligned(view, graph, RDFS + "subPropertyOf"),
        )


def _aligned(view: View, graph: str, relation: str) -> dict[str, str]:
    rows = view.select(f"SELECT ?a ?b WHERE {{ GRAPH <{graph}> {{ ?a <{relation}> ?b FILTER(isIRI(?b)) }} }}")
    above: dict[str, list[str]] = {}
    for row in rows:
        above.setdefault(row["a"].value, []).append(row["b"].value)
    found = {}
    for start in above:
        level, seen = [start], {start}
        while level:  # upwards step by step, so what is found first is the nearest
            named = sorted(iri for iri in level if iri.startswith(_SCHEMA))
            if named:
                found[start] = named[0].removeprefix(_SCHEMA)
                break
            level = [b for a in level for b in above.get(a, []) if b not in seen]
            seen.update(level)
    return found


def describe(
    document: ResourceDocument, vocabulary: Vocabulary, *, url: str, data: str, licence: str = ""
) -> dict[str, Any]:
    """The resource in schema.org's words; `url` is its page, `data` its RDF document."""
    kinds = sorted({vocabulary.types[iri.value] for iri in document.types if iri.value in vocabulary.types})
    said: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": kinds[0] if len(kinds) == 1 else kinds or "Thing",
        "@id": document.iri.value,
        "url": url,
    }
    if names := document.named.get(document.iri.value):
        said["name"] = _texts(names)
    if descriptions := document.values(DCTERMS + "description", SKOS + "definition"):
        said["description"] = _texts([one for one in descriptions if isinstance(one, Literal)])
    for quad in document.own:
        theirs = vocabulary.properties.get(quad.predicate.value)
        value = _plain(object_of(quad))
        if theirs is not None and value not in said.setdefault(theirs, []):
            said[theirs].append(value)
    said["subjectOf"] = {"@type": "Dataset", "url": data, **({"license": licence} if licence else {})}
    return said


def script(said: dict[str, Any]) -> str:
    r"""The text for a `<script type="application/ld+json">`: nothing in it can end the element.

    >>> print(script({"name": "</script>"}))
    {"name": "\u003c/script\u003e"}
    """
    text = json.dumps(said, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _texts(literals: list[Literal]) -> list[dict[str, str]]:
    return [
        {"@value": one.value, **({"@language": one.language} if one.language else {})}
        for one in sorted(literals, key=lambda one: (one.language or "", one.value))
    ]


def _plain(term: Term) -> Any:
    return {"@id": term.value} if isinstance(term, NamedNode) else term.value
