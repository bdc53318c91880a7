"""Our side of a link: places, themes, organisations and funds in a View, with what tells them apart.

A thing is taken in by its class in the graph, so another project's places are found as ours are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from kymgraph.linking.decisions import Text
from kymgraph.namespaces import DCTERMS, KYM, RDF, RDFS, SKOS
from kymgraph.rdf import Literal, NamedNode, Subject, Term
from kymgraph.view import UNION, View

#: The kinds that are linked, and the classes at their top.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "place": (KYM + "Place",),
    "theme": (KYM + "Theme",),
    "organisation": (KYM + "Organisation", KYM + "OrganisationalUnit"),
    "fund": (KYM + "FundingInstrument",),
}
#: Kinds whose names are names of their own, not words.
PROPER: Final = frozenset({"place", "organisation"})

_TYPE: Final = NamedNode(RDF + "type")


@dataclass(frozen=True, slots=True)
class Whole:
    """What a thing belongs to, and when: the region of a municipality, the body of a unit, a wider theme."""

    iri: str
    names: tuple[Text, ...]
    valid_from: str = ""  #: as exact as it is stated; empty where it is not
    valid_until: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing of ours that may be linked."""

    iri: str
    kind: str  #: a key of KINDS
    classes: frozenset[str]  #: IRIs of its classes and of those above them
    names: tuple[Text, ...]
    others: tuple[Text, ...] = ()  #: alternative and hidden names
    wholes: tuple[Whole, ...] = ()
    codes: tuple[str, ...] = ()

    def name(self, lang: str = "fi") -> str:
        """Its name in a language, else in Finnish, Swedish, English, any; else its IRI."""
        order = {lang: -1, "fi": 0, "sv": 1, "en": 2}
        named = sorted(self.names, key=lambda text: order.get(text.lang, 3))
        return named[0].value if named else self.iri


class Ours:
    """All that may be linked in one view."""

    def __init__(self, view: View) -> None:
        self._view = view

    @cached_property
    def class_names(self) -> Mapping[str, tuple[Text, ...]]:
        """The classes below the tops of all kinds, with their names: what a foreign type is compared with."""
        found = {}
        for kind, tops in KINDS.items():
            for top in tops:
                for cls in self._below(top):
                    if cls != top and kind != "theme":
                        found[cls] = tuple(self._texts(NamedNode(cls), RDFS + "label"))
        return found

    @cached_property
    def places(self) -> frozenset[str]:
        """The classes of places."""
        return frozenset(self._below(KYM + "Place"))

    def of(self, kinds: Iterable[str] = KINDS) -> list[Entity]:
        """The things of these kinds that have a name, sorted by IRI."""
        found: dict[str, Entity] = {}
        for kind in kinds:
            for top in KINDS[kind]:
                for cls in self._below(top):
                    for quad in self._view.quads(None, _TYPE, NamedNode(cls), UNION):
                        node = quad.subject
                        if isinstance(node, NamedNode) and node.value not in found:
                            entity = self._entity(node, kind)
                            if entity.names:
                                found[node.value] = entity
        return [found[iri] for iri in sorted(found)]

    def find(self, iri: str) -> Entity | None:
        """The thing with this IRI, of whatever kind; None if the graph has nothing to link under it."""
        classes = {c.value for c in self._objects(NamedNode(iri), _TYPE.value) if isinstance(c, NamedNode)}
        above = {up for cls in classes for up in self._above(cls)}
        for kind, tops in KINDS.items():
            if above & set(tops):
                return self._entity(NamedNode(iri), kind)
        return None

    def has(self, iri: str, *, beside: str) -> bool:
        """Whether any named graph but `beside` (its IRI) says something of this thing."""
        return any(quad.graph_name != NamedNode(beside) for quad in self._view.quads(NamedNode(iri)))

    # -- parts

    def _entity(self, node: NamedNode, kind: str) -> Entity:
        classes = {c.value for c in self._objects(node, _TYPE.value) if isinstance(c, NamedNode)}
        return Entity(
            iri=node.value,
            kind=kind,
            classes=frozenset(up for cls in classes for up in self._above(cls)),
            names=tuple(self._texts(node, SKOS + "prefLabel")),
            others=tuple(self._texts(node, SKOS + "altLabel", SKOS + "hiddenLabel")),
            wholes=tuple(self._wholes(node)),
            codes=tuple(
                sorted(t.value for t in self._texts(node, SKOS + "notation", DCTERMS + "identifier"))
            ),
        )

    def _wholes(self, node: NamedNode) -> Iterator[Whole]:
        for predicate in ("unitOf", "partOf"):
            yield from (self._whole(whole) for whole in self._objects(node, KYM + predicate))
        yield from (self._whole(whole) for whole in self._objects(node, SKOS + "broader"))
        for quad in self._view.quads(None, NamedNode(KYM + "part"), node, UNION):
            membership = quad.subject
            if isinstance(membership, NamedNode):
                since, until = (self._first(membership, KYM + n) for n in ("validFrom", "validUntil"))
                for whole in self._objects(membership, KYM + "whole"):
                    yield self._whole(whole, since, until)

    def _whole(self, whole: Term, since: str = "", until: str = "") -> Whole:
        names = self._texts(whole, SKOS + "prefLabel") if isinstance(whole, NamedNode) else ()
        return Whole(str(getattr(whole, "value", "")), tuple(names), since, until)

    def _first(self, node: NamedNode, predicate: str) -> str:
        return min((o.value for o in self._objects(node, predicate) if isinstance(o, Literal)), default="")

    def _objects(self, node: Subject, predicate: str) -> list[Term]:
        found = [quad.object for quad in self._view.quads(node, NamedNode(predicate), None, UNION)]
        return sorted((o for o in found if isinstance(o, NamedNode | Literal)), key=str)

    def _texts(self, node: Subject, *predicates: str) -> list[Text]:
        found = (value for predicate in predicates for value in self._objects(node, predicate))
        return sorted({Text(v.value, v.language or "") for v in found if isinstance(v, Literal)})

    def _below(self, top: str) -> list[str]:
        """A class and all below it."""
        found, todo = {top}, [top]
        while todo:
            cls = NamedNode(todo.pop())
            for quad in self._view.quads(None, NamedNode(RDFS + "subClassOf"), cls, UNION):
                if isinstance(quad.subject, NamedNode) and quad.subject.value not in found:
                    found.add(quad.subject.value)
                    todo.append(quad.subject.value)
        return sorted(found)

    def _above(self, cls: str) -> set[str]:
        """A class and all above it."""
        found, todo = {cls}, [cls]
        while todo:
            for up in self._objects(NamedNode(todo.pop()), RDFS + "subClassOf"):
                if isinstance(up, NamedNode) and up.value not in found:
                    found.add(up.value)
                    todo.append(up.value)
        return found
