"""How much is in a set of triples, in the words of VoID: what `/.well-known/void` says and SPARQL can check.

Everything is counted in one pass over the triples, when the dumps of a generation are made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from kymgraph.namespaces import OWL, RDF, SKOS
from kymgraph.rdf import NamedNode, Quad

#: Properties that say that something here is, or is near to, something that others hold.
LINKS: Final = frozenset(
    {
        OWL + "sameAs",
        SKOS + "exactMatch",
        SKOS + "closeMatch",
        SKOS + "broadMatch",
        SKOS + "narrowMatch",
        SKOS + "relatedMatch",
    }
)
_TYPE: Final = RDF + "type"


@dataclass(frozen=True, slots=True)
class Linkset:
    """Links of one kind from things of ours to what one authority holds."""

    predicate: str
    space: str  #: what the IRIs of the authority begin with
    triples: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """The numbers of one dataset; what stands in it twice counts once."""

    triples: int = 0
    entities: int = 0  #: things with a type
    subjects: int = 0
    objects: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)  #: things of each class, by its IRI
    properties: Mapping[str, int] = field(default_factory=dict)  #: triples with each property, by its IRI
    linksets: tuple[Linkset, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        linksets = tuple(Linkset(**one) for one in given["linksets"])
        return cls(**{**given, "linksets": linksets})


def measure(triples: Iterable[Quad], *, ours: str) -> Statistics:
    """Count distinct triples; `ours` is what IRIs of our things begin with.

    >>> from kymgraph.rdf import FORMATS, parse
    >>> a = b"@prefix x: <http://x.example/> . x:a a x:C ; x:p 1 , 2 . x:b x:p 1 ."
    >>> found = measure(parse(a, FORMATS["ttl"]), ours="http://x.example/")
    >>> found.triples, found.entities, found.subjects, found.objects, dict(found.properties)["http://x.example/p"]
    (4, 1, 2, 3, 3)
    """
    count = 0
    subjects, objects, typed = set(), set(), set()
    classes: dict[str, set[Any]] = defaultdict(set)
    properties: Counter[str] = Counter()
    links: Counter[tuple[str, str]] = Counter()
    for quad in triples:
        count += 1
        predicate, value = quad.predicate.value, quad.object
        subjects.add(quad.subject)
        objects.add(value)
        properties[predicate] += 1
        if predicate == _TYPE:
            typed.add(quad.subject)
            if isinstance(value, NamedNode):
                classes[value.value].add(quad.subject)
        elif (
            predicate in LINKS
            and isinstance(value, NamedNode)
            and isinstance(quad.subject, NamedNode)
            and quad.subject.value.startswith(ours)
            and not value.value.startswith(ours)
        ):
            links[predicate, space_of(value.value)] += 1
    return Statistics(
        triples=count,
        entities=len(typed),
        subjects=len(subjects),
        objects=len(objects),
        classes={iri: len(things) for iri, things in sorted(classes.items())},
        properties=dict(sorted(properties.items())),
        linksets=tuple(Linkset(*key, number) for key, number in sorted(links.items())),
    )


def space_of(iri: str) -> str:
    """What the IRIs of an authority have in common: up to the last # or /, one at the end apart.

    >>> space_of("http://www.yso.fi/onto/yso/p94243"), space_of("https://sws.geonames.org/830703/")
    ('http://www.yso.fi/onto/yso/', 'https://sws.geonames.org/')
    """
    name = iri.rstrip("/#")
    cut = max(name.rfind("#"), name.rfind("/")) + 1
    return iri[:cut] if cut > len("https://") else iri
