"""A resource's document as a person reads it: terms with names and links, grouped; nothing here is HTML yet.

A literal or an IRI from the graph is only ever text. An IRI of ours links to its page here, one of others to
itself if it is http(s), by the rule of `api.pages.cell`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from api.linked.paths import path_of
from api.negotiate import LANGUAGES, Language
from api.pages import cell, shorten
from api.texts import Texts
from kymgraph.namespaces import DCTERMS, KYM, OWL, PREFIXES, PROV, RDF, RDFS, SKOS, XSD
from kymgraph.project import Project
from kymgraph.publishing.resource import LABELS, RESTS_ON, TYPE, ResourceDocument, in_language, object_of
from kymgraph.rdf import BlankNode, GraphName, Literal, NamedNode, Quad, Term

DESCRIPTIONS: Final = (DCTERMS + "description", SKOS + "definition", RDFS + "comment")

#: Terms of other vocabularies that stand on many pages: they have no labels in the graph.
COMMON: Final = {
    SKOS + "prefLabel": "name",
    SKOS + "altLabel": "other-name",
    RDFS + "label": "name",
    DCTERMS + "title": "name",
    DCTERMS + "description": "description",
    SKOS + "definition": "definition",
    SKOS + "example": "example",
    SKOS + "scopeNote": "scope",
    SKOS + "inScheme": "scheme",
    SKOS + "broader": "broader",
    RDFS + "comment": "comment",
    RDFS + "subClassOf": "subclass",
    RDFS + "domain": "domain",
    RDFS + "range": "range",
    RDFS + "isDefinedBy": "defined",
    RDF + "type": "type",
    DCTERMS + "source": "source",
    DCTERMS + "references": "references",
    PROV + "wasAttributedTo": "attributed",
    PROV + "wasAssociatedWith": "agent",
    PROV + "endedAtTime": "ended",
    PREFIXES["foaf"] + "homepage": "homepage",
    SKOS + "exactMatch": "exact-match",
    SKOS + "closeMatch": "close-match",
    SKOS + "broadMatch": "broad-match",
    SKOS + "narrowMatch": "narrow-match",
    SKOS + "relatedMatch": "related-match",
    OWL + "sameAs": "same",
    RDF + "subject": "subject",
    RDF + "predicate": "predicate",
    RDF + "object": "object",
    RDF + "Statement": "statement",
    SKOS + "Concept": "concept",
    SKOS + "ConceptScheme": "concept-scheme",
    OWL + "Class": "class",
    OWL + "ObjectProperty": "object-property",
    OWL + "DatatypeProperty": "datatype-property",
    OWL + "AnnotationProperty": "annotation-property",
}


#: Links to what others hold; where a decision stands beside them, it says what the thing is called there.
MATCHES: Final = (
    *(SKOS + f"{kind}Match" for kind in ("exact", "close", "broad", "narrow", "related")),
    OWL + "sameAs",
)
LABEL_THERE: Final = KYM + "objectLabel"

_OF_PASSAGE: Final = ("document", "firstLine", "lastLine", "phrase", "sha256")
_DATES: Final = frozenset(XSD + name for name in ("date", "gYear", "gYearMonth", "dateTime"))
_NUMBERS: Final = frozenset(XSD + name for name in ("integer", "decimal"))
_PLAIN_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


@dataclass(frozen=True, slots=True)
class Shown:
    """A term as the page shows it: its text, where it leads, the language of the text, what it is exactly."""

    text: str
    href: str | None = None
    lang: str = ""
    title: str = ""
    tag: str = ""  #: language or datatype, shown beside a literal
    graphs: tuple[Shown, ...] = ()  #: where the statement stands
    basis: str = ""  #: interpreted or background, where no source states it


@dataclass(frozen=True, slots=True)
class Group:
    """Values with one property, in the order of their texts."""

    property: Shown
    values: tuple[Shown, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Proof:
    """One passage: its document, its lines in words, what is printed there, which triple rests on it."""

    passage: Shown
    document: Shown | None
    lines: str
    phrase: Shown | None
    covers: tuple[Shown, Shown] | None


@dataclass(frozen=True, slots=True)
class Link:
    """One link to what others hold: by the name that it has there, with the decision that made it."""

    relation: Shown
    target: Shown
    host: str
    decision: Shown | None


@dataclass(frozen=True, slots=True)
class Lines:
    """Where a passage is, and what is printed there."""

    document: Shown | None
    lines: str
    phrase: Shown | None
    digest: Shown | None


@dataclass(frozen=True, slots=True)
class Event:
    """One commit that touched the resource."""

    number: int
    commit: Shown
    time: str
    reason: str
    agent: Shown | None


class Page:
    """What the template shows of a document in one language.

    `more` are the parameters that links to other resources keep, `root` stands before their paths.
    """

    def __init__(
        self,
        document: ResourceDocument,
        project: Project,
        lang: Language,
        more: Mapping[str, str],
        root: str = "",
    ) -> None:
        self.document, self.project, self.lang, self._root = document, project, lang, root
        self._more = dict(more)
        self._t = Texts(lang)
        self._prefixes = project.prefixes
        self._languages = (lang, *(code for code in LANGUAGES if code != lang))
        self.iri = document.iri.value

    # -- terms

    def name(self, iri: str) -> Shown:
        """A resource by its name, else by what its IRI says; a link to its page."""
        label = self.document.label(iri, self._languages)
        href = self._href(iri)
        if label is not None and label.value.strip():
            return Shown(label.value, href, self._other(label), iri)
        if (known := COMMON.get(iri)) is not None:
            return Shown(self._t(f"property.{known}"), href, "", iri)
        return Shown(self._unnamed(iri), href, "", iri)

    def value(self, term: Term) -> Shown:
        if isinstance(term, NamedNode):
            return self.name(term.value)
        if isinstance(term, Literal):
            datatype = term.datatype.value
            if term.language is None and (words := self._in_words(term.value, datatype)):
                return Shown(words, title=term.value)
            plain = term.language is None and datatype == XSD + "string"
            tag = term.language or ("" if plain else shorten(datatype, self._prefixes))
            return Shown(term.value, None, self._other(term), tag=tag)
        return Shown("_:" + term.value)

    def _in_words(self, text: str, datatype: str) -> str:
        """A date, number or truth value as the language writes it; "" for what is none of them."""
        if datatype in _DATES:
            return self._t.date(text)
        if datatype == XSD + "boolean":
            return self._t(f"resource.{'yes' if text in ('true', '1') else 'no'}")
        if datatype in _NUMBERS and _PLAIN_NUMBER.fullmatch(text):
            return self._t.number(float(text) if "." in text else int(text))
        return ""

    def _other(self, literal: Literal) -> str:
        """The language of a text where it is not the page's."""
        return "" if literal.language in (None, self.lang) else literal.language or ""

    def _unnamed(self, iri: str) -> str:
        base = self.project.base
        if iri.startswith(base.genid("")):
            return self._t("resource.blank")
        if iri.startswith(base.ids):
            kind, _, slug = iri.removeprefix(base.ids).partition("/")
            if kind == "passage" and "/" in slug:
                return f"{slug.rpartition('/')[0]}: {self._lines_of(slug.rpartition('/')[2])}"
            if kind == "commit":
                return self._t("resource.commit", number=slug)
            return iri.removeprefix(base.ids)
        if (graph := base.graph_name(iri)) is not None:
            return self._t("resource.graph", name=graph)
        return shorten(iri, self._prefixes)

    def _lines_of(self, span: str) -> str:
        first, _, last = span.partition("-")
        return self.lines(first, last)

    def lines(self, first: str, last: str) -> str:
        """Lines of a passage in words."""
        if not last or first == last:
            return self._t("resource.line", line=first)
        return self._t("resource.lines", first=first, last=last)

    def _href(self, iri: str) -> str | None:
        base = self.project.base
        if iri == self.iri:
            return None
        if iri.startswith(
            (base.ids, base.graphs, base.genid(""), base.iri + "ontology", base.iri + "shapes")
        ):
            return self._root + path_of(base, "page", iri, more=self._more | {"lang": self.lang})
        return cell({"type": "uri", "value": iri}, {}).href

    # -- parts of the page

    @property
    def title(self) -> Shown:
        return self.name(self.iri)

    @property
    def types(self) -> list[Shown]:
        return [self.name(iri.value) for iri in self.document.types]

    @property
    def description(self) -> Shown | None:
        """The first description in the reader's language, failing that in another."""
        for predicate in DESCRIPTIONS:
            literals = [v for v in self.document.values(predicate) if isinstance(v, Literal)]
            if (found := in_language(literals, self._languages)) is not None:
                return Shown(found.value, None, self._other(found))
        return None

    @property
    def groups(self) -> list[Group]:
        """The resource's own statements, but for what is shown elsewhere: labels first, then by name."""
        by: dict[str, dict[Term, list[GraphName]]] = {}
        for quad in self.document.own:
            if quad.predicate.value not in (RESTS_ON, TYPE, *MATCHES):
                values = by.setdefault(quad.predicate.value, {})
                values.setdefault(object_of(quad), []).append(quad.graph_name)
        groups = [
            self._group(predicate, [(self.value(v), graphs) for v, graphs in values.items()], len(values))
            for predicate, values in by.items()
        ]
        order = {predicate: place for place, predicate in enumerate((*LABELS, *DESCRIPTIONS))}
        return sorted(
            groups, key=lambda g: (order.get(g.property.title, len(order)), g.property.text.casefold())
        )

    @property
    def incoming(self) -> list[Group]:
        """This page of the links to the resource, by property, and how many there are of each in all."""
        by: dict[str, dict[str, list[GraphName]]] = {}
        for quad in self.document.inverse.quads:
            subject = quad.subject
            if isinstance(subject, NamedNode):
                by.setdefault(quad.predicate.value, {}).setdefault(subject.value, []).append(quad.graph_name)
        counts = self.document.inverse.counts
        groups = [
            self._group(predicate, [(self.name(s), graphs) for s, graphs in subjects.items()],
                        counts.get(predicate, len(subjects)))
            for predicate, subjects in by.items()
        ]  # fmt: skip
        return sorted(groups, key=lambda group: group.property.text.casefold())

    def _group(self, predicate: str, values: Sequence[tuple[Shown, list[GraphName]]], count: int) -> Group:
        rank = {language: place for place, language in enumerate(("", *self._languages))}
        shown = [
            replace(
                v,
                graphs=tuple(self._graph(graph) for graph in graphs if isinstance(graph, NamedNode)),
                basis=self._basis(graphs),
            )
            for v, graphs in values
        ]
        shown.sort(key=lambda v: (rank.get(v.lang, len(rank)), v.text.casefold()))
        return Group(self.name(predicate), tuple(shown), count)

    def _graph(self, graph: NamedNode) -> Shown:
        name = self.project.base.graph_name(graph.value) or graph.value
        return Shown(name, self._href(graph.value), "", graph.value)

    def _basis(self, graphs: Sequence[GraphName]) -> str:
        """What a statement is that stands in no source: our reading, or background; else ""."""
        names = {self.project.base.graph_name(g.value) for g in graphs if isinstance(g, NamedNode)}
        if names == {"lineage"}:
            return "interpreted"
        return "background" if names == {"background"} else ""

    @property
    def links(self) -> list[Link]:
        """The links to authorities, by the names that their things had when the links were decided on."""
        decided: dict[Term, dict[str, list[Term]]] = {}
        for quad in self.document.claims:
            decided.setdefault(_term(quad), {}).setdefault(quad.predicate.value, []).append(object_of(quad))
        by_object = {
            value: (node, said)
            for node, said in decided.items()
            for value in said.get(RDF + "object", ())
            if RDF + "object" in said and LABEL_THERE in said
        }
        found: dict[tuple[str, str], Link] = {}
        for quad in self.document.own:
            value = object_of(quad)
            if quad.predicate.value not in MATCHES or not isinstance(value, NamedNode):
                continue
            node, said = by_object.get(value, (None, {}))
            label = in_language(
                (term for term in said.get(LABEL_THERE, ()) if isinstance(term, Literal)), self._languages
            )
            target = self.name(value.value)
            if label is not None:
                target = replace(target, text=label.value, lang=self._other(label), title=value.value)
            found[quad.predicate.value, value.value] = Link(
                relation=self.name(quad.predicate.value),
                target=target,
                host=urlsplit(value.value).hostname or "",
                decision=self.name(node.value) if isinstance(node, NamedNode) else None,
            )
        return sorted(found.values(), key=lambda link: (link.host, link.relation.text, link.target.text))

    @property
    def passage(self) -> Lines:
        """Of a passage: its document, its lines, the phrase that stands there and the digest of the lines."""
        said = {name: self.document.values(KYM + name) for name in _OF_PASSAGE}
        shown = {name: self.value(values[0]) for name, values in said.items() if values}
        first, last = (str(said[name][0].value) if said[name] else "" for name in ("firstLine", "lastLine"))
        return Lines(
            shown.get("document"), self.lines(first, last) if first else "",
            shown.get("phrase"), shown.get("sha256"),
        )  # fmt: skip

    @property
    def citations(self) -> list[Shown]:
        """The sources cited for background knowledge, in the reader's language where there is one."""
        cited = [term for term in self.document.values(KYM + "citation") if isinstance(term, Literal)]
        mine = [term for term in cited if term.language in (None, self.lang)]
        return [Shown(term.value, None, self._other(term)) for term in mine or cited]

    @property
    def evidence(self) -> list[Proof]:
        return [
            Proof(
                passage=self.name(one.passage.value),
                document=self.name(one.document.value) if one.document else None,
                lines=self.lines(one.first, one.last) if one.first else "",
                phrase=self.value(one.phrase) if one.phrase else None,
                covers=(self.name(one.covers[0].value), self.value(one.covers[1])) if one.covers else None,
            )
            for one in self.document.evidence
        ]

    @property
    def history(self) -> list[Event]:
        """The commits that touched the resource, newest first, as the ledger tells of them."""
        said: dict[str, dict[str, Term]] = {}
        for quad in self.document.about:
            said.setdefault(_iri(quad), {})[quad.predicate.value] = object_of(quad)
        events = []
        for commit in self.document.commits:
            known = said.get(commit.value, {})
            agent, time = known.get(PROV + "wasAssociatedWith"), known.get(PROV + "endedAtTime")
            reason = known.get(RDFS + "comment")
            events.append(
                Event(
                    number=int(commit.value.rpartition("/")[2]),
                    commit=self.name(commit.value),
                    time=time.value if time is not None else "",
                    reason=reason.value if reason is not None else "",
                    agent=self.name(agent.value) if isinstance(agent, NamedNode) else None,
                )
            )
        return events

    @property
    def citation(self) -> str:
        """How to cite the resource: its name, the graph it stands in, the generation, its lasting IRI."""
        site = self.project.title.get(self.lang) or next(iter(self.project.title.values()), "Kymgraph")
        return self._t(
            "resource.citation",
            name=self.title.text,
            site=site,
            generation=self.document.generation,
            iri=self.iri,
        )


def _term(quad: Quad) -> Term:
    """The subject of a quad as a term that values can be compared with."""
    assert isinstance(quad.subject, NamedNode | BlankNode)
    return quad.subject


def _iri(quad: Quad) -> str:
    return quad.subject.value if isinstance(quad.subject, NamedNode) else ""
