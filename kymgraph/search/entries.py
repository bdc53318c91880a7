"""What the index holds of one resource: its names, descriptions and facets, read from a View.

Everything with a name in the union is found, but for passages and nodes without an IRI of their own. Facet
values are IRIs (or years), never labels: when a theme gets another name, no other entry changes. An entry
rests on the resource's own quads and on those of what it is part of; `Reader.affected` says which entries a
change can reach.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from kymgraph.changeset import Changeset
from kymgraph.namespaces import DCTERMS, KYM, OWL, PREFIXES, RDF, RDFS, SKOS
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Quad
from kymgraph.view import UNION, View

#: Names, best first: a resource's own names, then others, then misspellings.
PREFERRED: Final = ("preferred", "alternative", "hidden")
_NAMES: Final[Mapping[str, str]] = {
    SKOS + "prefLabel": "preferred",
    RDFS + "label": "preferred",
    DCTERMS + "title": "preferred",
    PREFIXES["foaf"] + "name": "preferred",
    PREFIXES["schema"] + "name": "preferred",
    SKOS + "altLabel": "alternative",
    SKOS + "notation": "alternative",
    KYM + "businessId": "alternative",
    SKOS + "hiddenLabel": "hidden",
}
#: Texts about a resource, the one that is shown first.
_TEXTS: Final = (
    DCTERMS + "description",
    SKOS + "definition",
    RDFS + "comment",
    SKOS + "scopeNote",
    SKOS + "note",
    SKOS + "example",
    KYM + "resolution",
    KYM + "reason",
    KYM + "citation",
)
#: What something is part of; from there the programme is found, and the period that holds for the whole.
_WHOLES: Final = (
    KYM + "elementOf",
    KYM + "partOf",
    KYM + "documentOf",
    KYM + "editionOf",
    KYM + "publishedIn",
    DCTERMS + "isPartOf",
)
_FROM, _UNTIL = KYM + "validFrom", KYM + "validUntil"
#: Changes of these reach what is part of the resource too.
_INHERITED: Final = frozenset({*_WHOLES, RDF + "type", _FROM, _UNTIL})
#: Other years of a resource.
_DATES: Final = tuple(
    KYM + name
    for name in (
        "heldOn", "during", "startedOn", "endedOn", "plannedStart", "plannedEnd", "approvedOn", "decidedOn",
        "publishedOn", "observedOn",
    )
)  # fmt: skip
#: Facets that are read off as they stand: predicate to facet.
_DIRECT: Final[Mapping[str, str]] = {
    RDF + "type": "type",
    KYM + "theme": "theme",
    KYM + "location": "place",
    KYM + "area": "place",
    KYM + "status": "status",
    # Not shown, but asked: a search for a wide type or theme finds the narrower ones.
    RDFS + "subClassOf": "wider",
    SKOS + "broader": "wider",
}
#: What a search can be narrowed by.
FACETS: Final = ("type", "programme", "period", "theme", "place", "source", "status")
#: Programmes and their like, which the facet `programme` holds.
_PROGRAMMES: Final = frozenset(
    KYM + name for name in ("Programme", "Plan", "Strategy", "PolicyInstrument", "GovernmentKeyProject")
)
#: Kinds in the order in which equal names are listed; what is not here comes before the vocabulary.
_ORDER: Final = tuple(
    KYM + name
    for name in (
        "PolicyInstrument", "Programme", "Strategy", "Plan", "GovernmentKeyProject", "Priority",
        "StrategicChoice", "Spearhead", "CrossCuttingTheme", "MainTheme", "Vision", "Project", "Theme",
        "PublicOrganisation", "Organisation", "OrganisationalUnit", "Network", "SpearheadGroup", "Person",
        "Post", "Region", "Municipality", "SubRegion", "PopulatedPlace", "ProgrammeArea", "Zone", "Country",
        "FundingInstrument", "Event", "Meeting", "Measure", "ActionLine", "Objective", "Activity",
        "BusinessSector", "TargetGroup", "Value",
    )
)  # fmt: skip
_LAST_BUT: Final = {
    name: len(_ORDER) + 1 + place
    for place, name in enumerate(
        [
            *(KYM + name for name in ("Document", "Statement", "SourceDocument", "MeasureUnit")),
            SKOS + "Concept",
            SKOS + "ConceptScheme",
            *(OWL + name for name in ("Class", "ObjectProperty", "DatatypeProperty", "AnnotationProperty")),
            *(KYM + name for name in ("Participation", "PostHolding", "NetworkMembership", "LineageLink")),
            RDF + "Statement",
        ]
    )
}
_RANKS: Final = {name: place for place, name in enumerate(_ORDER)} | _LAST_BUT
_UNRANKED: Final = len(_ORDER)
#: Never found by searching: they have no name that anyone would look for.
_HIDDEN: Final = frozenset({KYM + "Passage"})
#: How far up and down parts are followed.
_DEPTH: Final = 8
_YEAR: Final = re.compile(r"-?(\d{4})")


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a resource. `lang` is "" where the graph names no language."""

    text: str
    lang: str
    kind: str  #: one of PREFERRED


@dataclass(frozen=True, slots=True)
class Entry:
    """What is indexed of one resource. Equal entries are found by the same words, in the same places."""

    iri: str
    rank: int  #: its place among things of the same name, by type: the lower the earlier
    names: tuple[Name, ...]
    texts: tuple[tuple[str, str], ...]  #: language and text, the ones to show first
    facets: frozenset[tuple[str, str]] = field(default_factory=frozenset)


def rank_of(type_iri: str) -> int:
    """The place of a type in the order in which equal names are listed."""
    return _RANKS.get(type_iri, _UNRANKED)


class Reader:
    """Reads entries out of one View. What was found about programmes is remembered, so make one per View."""

    def __init__(self, view: View, project: Project) -> None:
        self._view = view
        self._project = project
        self._graph = UNION if project.default_graph == "strict" else None
        self._wholes: dict[str, tuple[str, ...]] = {}
        self._above: dict[str, tuple[frozenset[str], tuple[tuple[str, str], ...]]] = {}
        self._nameless = project.base.genid("")

    # -- reading

    def entry(self, iri: str) -> Entry | None:
        """The entry of a resource; None for what is not found by searching."""
        try:
            subject = NamedNode(iri)
        except ValueError:
            return None
        return self._entry(iri, self._quads(subject))

    def all(self) -> Iterator[Entry]:
        """Every entry, in no order that means anything."""
        # The default graph of a union project is sorted by subject, so nothing is held but one resource.
        for subject, quads in itertools.groupby(self._view.quads(graph=UNION), key=lambda quad: quad.subject):
            if isinstance(subject, NamedNode) and not subject.value.startswith(self._nameless):
                given = list(quads)
                if any(quad.predicate.value in _NAMES for quad in given):
                    found = self.entry(subject.value)
                    if found is not None:
                        yield found

    def _quads(self, subject: NamedNode) -> list[Quad]:
        found = self._view.quads(subject, graph=self._graph)
        if self._graph is not None:
            return list(found)
        return [
            q
            for q in found
            if isinstance(q.graph_name, NamedNode) and self._project.in_union(q.graph_name.value)
        ]

    def _entry(self, iri: str, quads: list[Quad]) -> Entry | None:
        if iri.startswith(self._nameless):
            return None
        names: dict[Name, None] = {}
        texts: dict[tuple[int, str, str], None] = {}
        facets: set[tuple[str, str]] = set()
        spans: dict[str, set[str]] = defaultdict(set)
        wholes: dict[str, None] = {}
        for quad in quads:
            predicate, value = quad.predicate.value, quad.object
            if isinstance(value, Literal):
                if predicate in _NAMES:
                    names[Name(value.value, (value.language or "").lower(), _NAMES[predicate])] = None
                elif predicate in _TEXTS:
                    texts[_TEXTS.index(predicate), (value.language or "").lower(), value.value] = None
                elif predicate in (_FROM, _UNTIL) or predicate in _DATES:
                    spans[predicate].add(value.value)
            elif isinstance(value, NamedNode) and not value.value.startswith(self._nameless):
                if predicate in _DIRECT:
                    facets.add((_DIRECT[predicate], value.value))
                elif predicate in _WHOLES:
                    wholes[value.value] = None
            if isinstance(quad.graph_name, NamedNode) and self._is_source(quad.graph_name.value):
                facets.add(("source", quad.graph_name.value))
        types = {value for facet, value in facets if facet == "type"}
        if not names or types & _HIDDEN:
            return None
        programmes, inherited = self._whole(iri, types, list(wholes))
        facets |= {("programme", programme) for programme in programmes}
        facets |= {("period", period) for period in _periods(spans) or _inherited_periods(inherited)}
        return Entry(
            iri,
            min((rank_of(t) for t in types if t != SKOS + "Concept" or len(types) == 1), default=_UNRANKED),
            tuple(sorted(names, key=lambda name: (PREFERRED.index(name.kind), name.lang, name.text))),
            tuple((lang, text) for _, lang, text in sorted(texts)),
            frozenset(facets),
        )

    def _is_source(self, graph: str) -> bool:
        return self._project.base.graph_name(graph) != "translations"

    # -- wholes and parts

    def _whole(
        self, iri: str, types: set[str], wholes: list[str]
    ) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
        """The programmes that a resource belongs to, be it one itself, and the nearest period."""
        programmes = {iri} if types & _PROGRAMMES else set()
        spans: tuple[tuple[str, str], ...] = ()
        seen, level = {iri}, wholes
        for _ in range(_DEPTH):
            level = [whole for whole in level if whole not in seen]
            seen |= set(level)
            for whole in level:
                if self._of_whole(whole)[0] & _PROGRAMMES:
                    programmes.add(whole)
            if not spans:
                spans = tuple(sorted({span for whole in level for span in self._of_whole(whole)[1]}))
            if not level:
                break
            level = [above for whole in level for above in self._wholes_of(whole)]
        return frozenset(programmes), spans

    def _wholes_of(self, iri: str) -> tuple[str, ...]:
        if iri not in self._wholes:
            self._wholes[iri] = tuple(
                dict.fromkeys(
                    quad.object.value
                    for predicate in _WHOLES
                    for quad in self._view.quads(NamedNode(iri), NamedNode(predicate), graph=UNION)
                    if isinstance(quad.object, NamedNode)
                )
            )
        return self._wholes[iri]

    def _of_whole(self, iri: str) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
        if iri not in self._above:
            subject = NamedNode(iri)
            types = frozenset(
                quad.object.value
                for quad in self._view.quads(subject, NamedNode(RDF + "type"), graph=UNION)
                if isinstance(quad.object, NamedNode)
            )
            spans = tuple(
                (predicate, quad.object.value)
                for predicate in (_FROM, _UNTIL)
                for quad in self._view.quads(subject, NamedNode(predicate), graph=UNION)
                if isinstance(quad.object, Literal)
            )
            self._above[iri] = types, spans
        return self._above[iri]

    # -- changes

    def affected(self, changes: Iterable[Changeset], *, most: int) -> set[str] | None:
        """The resources whose entries a change may alter; None if they are more than `most`.

        Those are the subjects of changed quads, and what is part of them where the change says something
        that parts take over. A part that was cut off is itself the subject of a changed quad, so the state
        after the changes is enough to look at.
        """
        found: set[str] = set()
        handed_on: list[str] = []
        for change in changes:
            for quad in (*change.removed, *change.added):
                if isinstance(quad.subject, NamedNode):
                    found.add(quad.subject.value)
                    if quad.predicate.value in _INHERITED:
                        handed_on.append(quad.subject.value)
                if len(found) > most:
                    return None
        level = set(handed_on)
        for _ in range(_DEPTH):
            level = {part for whole in level for part in self._parts_of(whole)} - found
            found |= level
            if len(found) > most:
                return None
            if not level:
                break
        return found

    def _parts_of(self, iri: str) -> Iterator[str]:
        for predicate in _WHOLES:
            for quad in self._view.quads(None, NamedNode(predicate), NamedNode(iri), graph=UNION):
                if isinstance(quad.subject, NamedNode):
                    yield quad.subject.value


def _periods(spans: Mapping[str, set[str]]) -> set[str]:
    """The periods that a resource's own dates come to: "2014-2017", or single years.

    >>> _periods({_FROM: {"2014"}, _UNTIL: {"2017"}})
    {'2014-2017'}
    """
    begins, ends = _years(spans.get(_FROM, ())), _years(spans.get(_UNTIL, ()))
    if begins and ends:
        first, last = min(begins), max(ends)
        return {f"{first}-{last}" if first != last else first}
    found = set(begins or ends)
    for predicate in _DATES:
        found |= _years(spans.get(predicate, ()))
    return found


def _inherited_periods(spans: Iterable[tuple[str, str]]) -> set[str]:
    """The periods of a whole, as `_periods` gives them."""
    grouped: dict[str, set[str]] = defaultdict(set)
    for predicate, value in spans:
        grouped[predicate].add(value)
    return _periods(grouped)


def _years(values: Iterable[str]) -> set[str]:
    return {match[1] for value in values if (match := _YEAR.match(value))}
