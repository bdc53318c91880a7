"""The types and properties that a graph is written in, as a person picks them: names, hierarchy, suggestions.

Read once per generation from the union. A vocabulary has some hundreds of terms, so suggestions simply look
at all of them; what a type's things are described with is read off a sample of those things.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from kymgraph.namespaces import DCTERMS, OWL, PREFIXES, RDF, RDFS, SKOS
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Term
from kymgraph.view import UNION, View
from kymgraph.words import fold, normal

#: Predicates whose values are names, best first.
NAMES: Final = (
    SKOS + "prefLabel",
    RDFS + "label",
    DCTERMS + "title",
    PREFIXES["foaf"] + "name",
    PREFIXES["schema"] + "name",
)
#: Predicates whose values say what a thing is, best first.
TEXTS: Final = (SKOS + "definition", DCTERMS + "description", RDFS + "comment")
_CLASSES: Final = (OWL + "Class", RDFS + "Class")
_PROPERTIES: Final = (
    OWL + "ObjectProperty",
    OWL + "DatatypeProperty",
    OWL + "AnnotationProperty",
    RDF + "Property",
)
#: Types of what the graph is written in, which are no things to match a table to.
TERM_TYPES: Final = frozenset({*_CLASSES, *_PROPERTIES, OWL + "Ontology", RDFS + "Datatype"})
#: Most types, and most properties, that are read.
_MOST: Final = 5_000
#: How many things of a type are looked at to see what they are described with.
_SAMPLE: Final = 200
#: How many of them are looked at from the other end: that is a look-up for each property with an inverse.
_SAMPLE_INVERSE: Final = 20

#: Names for common properties that no ontology of ours describes: (fi, sv, en).
_COMMON: Final[Mapping[str, tuple[str, str, str]]] = {
    SKOS + "prefLabel": ("nimi", "namn", "name"),
    SKOS + "altLabel": ("muu nimi", "annat namn", "other name"),
    SKOS + "inScheme": ("sanasto", "vokabulär", "scheme"),
    DCTERMS + "description": ("kuvaus", "beskrivning", "description"),
    DCTERMS + "source": ("lähde", "källa", "source"),
    RDF + "type": ("laji", "typ", "type"),
    RDFS + "label": ("nimi", "namn", "label"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """A type or property. Texts are by language, "" where the graph names none."""

    iri: str
    names: Mapping[str, str]
    texts: Mapping[str, str]
    wider: tuple[str, ...] = ()  #: of a type: those it is directly under
    inverse: str | None = None  #: of a property: the one that says the same from the other end
    range: str | None = None  #: of a property: the type of its values


@dataclass(frozen=True)
class Vocabulary:
    """The types and properties of one generation, by IRI."""

    project: Project
    types: Mapping[str, Item]
    properties: Mapping[str, Item]
    used: frozenset[str]  #: types that things have, or named ones that are wider than such a type
    _narrower: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, view: View, project: Project) -> Vocabulary:
        """The vocabulary of a state of the graph."""
        properties = {item.iri: item for item in _items(view, _PROPERTIES)}
        for item in list(properties.values()):
            # Of a pair only one direction is stored; the ontology says it of one of them.
            if item.inverse in properties and properties[item.inverse].inverse is None:
                other = properties[item.inverse]
                properties[other.iri] = Item(
                    other.iri, other.names, other.texts, inverse=item.iri, range=other.range
                )
        for iri, names in _COMMON.items():
            if iri not in properties or not properties[iri].names:
                properties[iri] = Item(iri, dict(zip(("fi", "sv", "en"), names, strict=True)), {})
        types = {item.iri: item for item in _items(view, _CLASSES)}
        narrower: dict[str, list[str]] = defaultdict(list)
        for item in types.values():
            for wider in item.wider:
                narrower[wider].append(item.iri)
        vocabulary = cls(
            project, types, properties, frozenset(), {wide: tuple(sorted(n)) for wide, n in narrower.items()}
        )
        has_things = {
            iri
            for iri in types
            if iri not in TERM_TYPES and any(True for _ in view.quads(None, _TYPE, NamedNode(iri), UNION))
        }
        # Types of other ontologies that ours are only aligned with have no name here, and nobody picks them.
        used = frozenset(
            iri
            for iri, item in types.items()
            if iri in has_things or (item.names and has_things & vocabulary.narrower(iri))
        )
        return cls(project, types, properties, used, vocabulary._narrower)

    # -- names

    def type_of(self, text: str) -> str | None:
        """The type that an IRI, `prefix:name` or bare name stands for; None if there is none.

        An IRI with things of that type counts as one also where no ontology declares it.
        """
        return self._resolved(text, self.types)

    def property_of(self, text: str) -> str | None:
        """The property that an IRI, `prefix:name` or bare name stands for; None for what is no IRI."""
        return self._resolved(text, self.properties)

    def _resolved(self, text: str, known: Mapping[str, Item]) -> str | None:
        if text in known:
            return text
        prefix, colon, rest = text.partition(":")
        if colon and not rest.startswith("//") and prefix in self.project.prefixes:
            text = self.project.prefixes[prefix] + rest
        elif not colon:
            return next((iri for iri in sorted(known) if local_name(iri) == text), None)
        try:
            return NamedNode(text).value
        except ValueError:
            return None

    def name(self, iri: str, lang: str) -> str:
        """What to call a type or property in a language; its short form where it has no name at all."""
        item = self.types.get(iri) or self.properties.get(iri)
        return (item and best(item.names, lang, self.project.languages)) or self.short(iri)

    def short(self, iri: str) -> str:
        """An IRI as prefix:name where a prefix fits."""
        fitting = [
            (len(space), f"{prefix}:{iri[len(space) :]}")
            for prefix, space in self.project.prefixes.items()
            if iri.startswith(space) and iri != space
        ]
        return max(fitting)[1] if fitting else iri

    def narrower(self, iri: str) -> frozenset[str]:
        """A type and all below it."""
        found, level = {iri}, [iri]
        while level:
            level = [sub for wide in level for sub in self._narrower.get(wide, ()) if sub not in found]
            found.update(level)
        return frozenset(found)

    # -- suggestions

    def suggest_types(self, prefix: str, lang: str) -> list[Item]:
        """The types in use whose name has a word that begins so, the best first; all for an empty prefix."""
        return self._suggested(prefix, lang, [item for iri, item in self.types.items() if iri in self.used])

    def suggest_properties(self, prefix: str, lang: str) -> list[Item]:
        """The properties whose name has a word that begins so, the best first; all for an empty prefix."""
        return self._suggested(prefix, lang, [item for item in self.properties.values() if item.names])

    def _suggested(self, prefix: str, lang: str, items: Iterable[Item]) -> list[Item]:
        asked = fold(normal(prefix))
        found = []
        for item in items:
            exact = prefix in (item.iri, self.short(item.iri), local_name(item.iri))
            names = [(code != lang, fold(normal(name))) for code, name in item.names.items()]
            names.append((True, fold(normal(local_name(item.iri)))))
            places = [
                (other, 0 if name == asked else 1 if name.startswith(asked) else 2)
                for other, name in names
                if name.startswith(asked) or f" {asked}" in name
            ]
            if exact or places:
                place = (False, -1) if exact else min(places, key=lambda one: (one[1], one[0]))
                found.append((place[1], place[0], self.name(item.iri, lang).casefold(), item.iri, item))
        return [item for *_, item in sorted(found, key=lambda one: one[:4])]

    def described_with(self, view: View, type_iri: str, lang: str) -> list[str]:
        """The properties that things of a type have, the commonest first, judged by a sample of them."""
        counts: Counter[str] = Counter()
        inverses = [(item.iri, NamedNode(item.inverse)) for item in self.properties.values() if item.inverse]
        for place, thing in enumerate(itertools.islice(self._things(view, type_iri), _SAMPLE)):
            counts.update({quad.predicate.value for quad in view.quads(thing, graph=UNION)})
            for iri, inverse in inverses if place < _SAMPLE_INVERSE else ():
                if next(view.quads(None, inverse, thing, UNION), None) is not None:
                    counts[iri] += 1
        return sorted(counts, key=lambda iri: (-counts[iri], self.name(iri, lang).casefold(), iri))

    def _things(self, view: View, type_iri: str) -> Iterator[NamedNode]:
        for narrow in sorted(self.narrower(type_iri)):
            for quad in view.quads(None, _TYPE, NamedNode(narrow), UNION):
                if isinstance(quad.subject, NamedNode):
                    yield quad.subject


_TYPE: Final = NamedNode(RDF + "type")


def _items(view: View, kinds: Iterable[str]) -> Iterator[Item]:
    found = dict.fromkeys(
        quad.subject
        for kind in kinds
        for quad in itertools.islice(view.quads(None, _TYPE, NamedNode(kind), UNION), _MOST)
        if isinstance(quad.subject, NamedNode) and "/.well-known/genid/" not in quad.subject.value
    )
    for subject in itertools.islice(found, _MOST):
        given: dict[str, list[Term]] = defaultdict(list)
        for quad in view.quads(subject, graph=UNION):
            if isinstance(quad.object, Literal | NamedNode):
                given[quad.predicate.value].append(quad.object)
        yield Item(
            subject.value,
            by_language(given, NAMES),
            by_language(given, TEXTS),
            wider=tuple(sorted(_iris(given[RDFS + "subClassOf"]))),
            inverse=min(_iris(given[OWL + "inverseOf"]), default=None),
            range=min(_iris(given[RDFS + "range"]), default=None),
        )


def _iris(terms: Iterable[Term]) -> list[str]:
    return [t.value for t in terms if isinstance(t, NamedNode) and "/.well-known/genid/" not in t.value]


def by_language(given: Mapping[str, Iterable[Term]], predicates: Iterable[str]) -> dict[str, str]:
    """One text per language from a thing's values by predicate; the first predicate that has one wins."""
    found: dict[str, str] = {}
    for predicate in predicates:
        texts = [t for t in given.get(predicate, ()) if isinstance(t, Literal)]
        for text in sorted(texts, key=lambda t: (t.language or "", t.value)):
            found.setdefault((text.language or "").lower(), text.value)
    return found


def best(texts: Mapping[str, str], lang: str, languages: Iterable[str]) -> str:
    """The text in a language, else in the first of the others that has one, else any; "" without any.

    >>> best({"fi": "kunta", "en-GB": "municipality"}, "sv", ("fi", "sv", "en"))
    'kunta'
    """
    for code in (lang, *languages, ""):
        if code in texts:
            return texts[code]
    return next((texts[code] for code in sorted(texts)), "")


def local_name(iri: str) -> str:
    """What stands after the last # or / of an IRI.

    >>> local_name("https://w3id.org/kymgraph/ontology#Programme")
    'Programme'
    """
    return iri.replace("#", "/").rstrip("/").rpartition("/")[2]
