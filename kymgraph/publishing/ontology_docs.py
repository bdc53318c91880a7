"""An ontology as people read it: its header, and of each term what the axioms say, as phrases of names.

Nothing here is text of a page: a phrase is made of terms, of literals, and of keys for the few words between
them ("only", "or", "at most"), which each page says in its reader's language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from typing import Literal as OneOf

from kymgraph.namespaces import DCTERMS, KYM, OWL, PREFIXES, RDF, RDFS, SKOS
from kymgraph.project import ONTOLOGY_GRAPH, Project
from kymgraph.publishing.resource import LABELS, object_of
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad, Term, Triple
from kymgraph.view import View

Kind = OneOf["class", "relation", "value", "annotation", "other"]
#: In the order in which a page lists them.
KINDS: Final[dict[str, Kind]] = {
    OWL + "Class": "class",
    OWL + "ObjectProperty": "relation",
    OWL + "DatatypeProperty": "value",
    OWL + "AnnotationProperty": "annotation",
}
#: What a property is beside its kind, and the key that says it.
TRAITS: Final = {
    OWL + "FunctionalProperty": "functional",
    OWL + "InverseFunctionalProperty": "inverse-functional",
    OWL + "TransitiveProperty": "transitive",
    OWL + "SymmetricProperty": "symmetric",
    OWL + "AsymmetricProperty": "asymmetric",
    OWL + "ReflexiveProperty": "reflexive",
    OWL + "IrreflexiveProperty": "irreflexive",
}
#: What a term says of itself, in the order shown: predicate, key.
_SAID: Final = (
    (RDFS + "subClassOf", "superclass"),
    (OWL + "equivalentClass", "equivalent"),
    (OWL + "disjointWith", "disjoint"),
    (RDFS + "subPropertyOf", "superproperty"),
    (OWL + "equivalentProperty", "equivalent"),
    (OWL + "propertyDisjointWith", "disjoint"),
    (RDFS + "domain", "domain"),
    (RDFS + "range", "range"),
    (OWL + "inverseOf", "inverse"),
    (KYM + "answers", "answers"),
)
#: What others say of it: predicate, key.
_SAID_OF: Final = (
    (RDFS + "subClassOf", "subclass"),
    (RDFS + "subPropertyOf", "subproperty"),
    (RDFS + "domain", "properties"),
    (RDFS + "range", "values-of"),
)
_COUNTED: Final = {
    "minCardinality": "at-least",
    "maxCardinality": "at-most",
    "cardinality": "exactly",
    "minQualifiedCardinality": "at-least",
    "maxQualifiedCardinality": "at-most",
    "qualifiedCardinality": "exactly",
}
_FACETS: Final = {"minInclusive": "≥", "maxInclusive": "≤", "minExclusive": ">", "maxExclusive": "<"}
#: How deep an expression is followed: those of people are flat, and a list may run in a circle.
_DEEPEST: Final = 8
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a phrase: the IRI of a `term`, the key of a `word`, or a `text` as it is."""

    kind: OneOf["term", "word", "text"]
    value: str


Phrase = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class TermDocument:
    """One term with what is said of it."""

    iri: str
    kind: Kind
    labels: tuple[Literal, ...]
    definitions: tuple[Literal, ...]
    examples: tuple[Literal, ...]
    notes: tuple[Literal, ...]
    status: str
    traits: tuple[str, ...]
    facts: tuple[tuple[str, tuple[Phrase, ...]], ...]  #: by key, in the order shown

    @property
    def anchor(self) -> str:
        return self.iri.partition("#")[2]


@dataclass(frozen=True, slots=True)
class OntologyDocument:
    """An ontology, its terms in the order of their names."""

    iri: str
    generation: int
    header: Mapping[str, tuple[Term, ...]]  #: what it says of itself, by predicate
    terms: tuple[TermDocument, ...]
    names: Mapping[str, tuple[Literal, ...]] = field(default_factory=dict)  #: labels of what it mentions

    def texts(self, predicate: str) -> list[Literal]:
        """The literals that the header has for a predicate."""
        return [term for term in self.header.get(predicate, ()) if isinstance(term, Literal)]


def read(view: View, project: Project, spaces: Sequence[str] = (KYM,)) -> OntologyDocument:
    """The ontology of a project. `spaces` are namespaces of its terms, beside the project's own."""
    graph = _Graph(view, project)
    iri = project.base.iri + ONTOLOGY_GRAPH
    starts = (iri + "#", *spaces)
    own = sorted((name for name in graph.said if name.startswith(starts)), key=str.casefold)
    return OntologyDocument(
        iri=iri,
        generation=view.generation,
        header={p: tuple(values) for p, values in graph.said.get(iri, {}).items()},
        terms=tuple(graph.term(name) for name in own),
        names={name: graph.labels(name) for name in graph.said if graph.labels(name)},
    )


class _Graph:
    """The graph `ontology` by subject."""

    def __init__(self, view: View, project: Project) -> None:
        self._genid = project.base.genid("")
        self.said: dict[str, dict[str, list[Term]]] = {}
        self._of: dict[tuple[str, str], list[str]] = {}
        for quad in view.quads(graph=NamedNode(project.base.graph(ONTOLOGY_GRAPH))):
            subject, predicate, value = _key(_subject(quad)), quad.predicate.value, object_of(quad)
            self.said.setdefault(subject, {}).setdefault(predicate, []).append(value)
            if isinstance(value, NamedNode):
                self._of.setdefault((predicate, value.value), []).append(subject)
        # A property of any of several classes is one of each of them.
        for (predicate, of), subjects in list(self._of.items()):
            if predicate in (RDFS + "domain", RDFS + "range") and self._is_blank(of):
                for member in self._union(of):
                    self._of.setdefault((predicate, member), []).extend(subjects)

    def _union(self, node: str) -> list[str]:
        heads = self.said.get(node, {}).get(OWL + "unionOf", ())
        return [_key(member) for head in heads for member in self._list(head)]

    def values(self, node: str, predicate: str) -> list[Term]:
        return sorted(self.said.get(node, {}).get(predicate, ()), key=str)

    def literals(self, node: str, *predicates: str) -> tuple[Literal, ...]:
        return tuple(v for p in predicates for v in self.values(node, p) if isinstance(v, Literal))

    def labels(self, node: str) -> tuple[Literal, ...]:
        return next((found for p in LABELS if (found := self.literals(node, p))), ())

    def term(self, iri: str) -> TermDocument:
        types = [_key(one) for one in self.values(iri, RDF + "type")]
        status = self.literals(iri, PREFIXES["vs"] + "term_status")
        return TermDocument(
            iri=iri,
            kind=next((kind for known, kind in KINDS.items() if known in types), "other"),
            labels=self.labels(iri),
            definitions=self.literals(iri, SKOS + "definition", DCTERMS + "description", RDFS + "comment"),
            examples=self.literals(iri, SKOS + "example"),
            notes=self.literals(iri, SKOS + "scopeNote"),
            status=status[0].value if status else "",
            traits=tuple(key for known, key in TRAITS.items() if known in types),
            facts=tuple(self._facts(iri)),
        )

    def _facts(self, iri: str) -> Iterator[tuple[str, tuple[Phrase, ...]]]:
        for predicate, key in _SAID:
            if values := self.values(iri, predicate):
                yield key, tuple(tuple(self.phrase(value)) for value in values)
        for predicate, key in _SAID_OF:
            found = sorted({s for s in self._of.get((predicate, iri), ()) if not self._is_blank(s)})
            if found:
                yield key, tuple((Piece("term", one),) for one in found)

    # -- expressions

    def phrase(self, node: Term, depth: int = 0) -> list[Piece]:
        """A class, a data range or a value in words, after the Manchester syntax of OWL."""
        if isinstance(node, Literal):
            return [Piece("text", node.value)]
        key = _key(node)
        if not self._is_blank(key):
            return [Piece("term", key)]
        if depth > _DEEPEST:
            return [Piece("text", "…")]
        found = list(self._expression(key, depth)) or [Piece("text", "…")]
        return [Piece("text", "("), *found, Piece("text", ")")] if depth and len(found) > 1 else found

    def _expression(self, key: str, depth: int) -> Iterator[Piece]:
        said = self.said.get(key, {})
        for name, word in (("unionOf", "or"), ("intersectionOf", "and"), ("oneOf", "or")):
            for head in said.get(OWL + name, ()):
                for place, member in enumerate(self._list(head)):
                    if place:
                        yield Piece("word", word)
                    yield from self.phrase(member, depth + 1)
                return
        for name, word in (
            ("complementOf", "not"),
            ("datatypeComplementOf", "not"),
            ("inverseOf", "inverse-of"),
        ):
            for value in said.get(OWL + name, ()):
                yield Piece("word", word)
                yield from self.phrase(value, depth + 1)
                return
        if OWL + "onProperty" in said:
            yield from self.phrase(said[OWL + "onProperty"][0], depth + 1)
            yield from self._restriction(said, depth)
        elif OWL + "onDatatype" in said:
            yield from self.phrase(said[OWL + "onDatatype"][0], depth + 1)
            for head in said.get(OWL + "withRestrictions", ()):
                for facet in self._list(head):
                    for predicate, values in sorted(self.said.get(_key(facet), {}).items()):
                        name = predicate.rpartition("#")[2]
                        yield Piece("text", f"{_FACETS.get(name, name)} {_text(values[0])}")

    def _restriction(self, said: Mapping[str, list[Term]], depth: int) -> Iterator[Piece]:
        for name, word in (("allValuesFrom", "only"), ("someValuesFrom", "some"), ("hasValue", "value")):
            for value in said.get(OWL + name, ()):
                yield Piece("word", word)
                yield from self.phrase(value, depth + 1)
        for name, word in _COUNTED.items():
            for number in said.get(OWL + name, ()):
                yield Piece("word", word)
                yield Piece("text", _text(number))
        for value in (*said.get(OWL + "onClass", ()), *said.get(OWL + "onDataRange", ())):
            yield from self.phrase(value, depth + 1)

    def _list(self, head: Term) -> list[Term]:
        """The members of an RDF list, in order."""
        found: list[Term] = []
        node = _key(head)
        while node != RDF + "nil" and len(found) < _LONGEST:
            first, rest = self.values(node, RDF + "first"), self.values(node, RDF + "rest")
            if not first or not rest:
                break
            found.append(first[0])
            node = _key(rest[0])
        return found

    def _is_blank(self, key: str) -> bool:
        return key.startswith(("_:", self._genid))


def _subject(quad: Quad) -> NamedNode | BlankNode:
    assert not isinstance(quad.subject, Triple)
    return quad.subject


def _key(term: Term) -> str:
    return "_:" + term.value if isinstance(term, BlankNode) else _text(term)


def _text(term: Term) -> str:
    return term.value if isinstance(term, NamedNode | Literal | BlankNode) else str(term)
