"""The ontology as a page shows it: names in the reader's language, phrases with links; no HTML yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final
from urllib.parse import quote

from api.linked.page import Shown
from api.linked.paths import path_of
from api.negotiate import LANGUAGES, Language
from api.pages import cell, shorten
from api.texts import Texts
from kymgraph.namespaces import DCTERMS, OWL, PREFIXES
from kymgraph.project import Project
from kymgraph.publishing.ontology_docs import KINDS, OntologyDocument, Phrase, Piece, TermDocument
from kymgraph.publishing.resource import in_language
from kymgraph.rdf import Literal, NamedNode

_ORDER: Final = {kind: place for place, kind in enumerate(dict.fromkeys((*KINDS.values(), "other")))}

#: What the status vocabulary of FOAF's authors (`vs:term_status`) knows.
_STATUSES: Final = frozenset({"stable", "testing", "unstable", "archaic"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One term on the page."""

    anchor: str
    short: str  #: its IRI with a prefix
    name: Shown
    others: tuple[Shown, ...]  #: its name in the other languages
    definition: Shown | None
    examples: tuple[Shown, ...]
    notes: tuple[Shown, ...]
    status: str
    traits: tuple[str, ...]
    facts: tuple[tuple[str, tuple[tuple[Shown, ...], ...]], ...]


class OntologyPage:
    """What the template shows. `more` are parameters that links keep, `root` stands before their paths."""

    def __init__(
        self, read: OntologyDocument, project: Project, lang: Language, more: Mapping[str, str], root: str
    ) -> None:
        self.read, self._project, self._lang, self._root = read, project, lang, root
        self._more = dict(more) | {"lang": lang}
        self._t = Texts(lang)
        self._languages = (lang, *(code for code in LANGUAGES if code != lang))
        self._own = {term.iri for term in read.terms}

    @property
    def title(self) -> Shown:
        found = in_language(self.read.texts(DCTERMS + "title"), self._languages)
        return self._text(found) if found else Shown(self._t("terms.ontology"))

    @property
    def description(self) -> Shown | None:
        found = in_language(self.read.texts(DCTERMS + "description"), self._languages)
        return self._text(found) if found else None

    @property
    def about(self) -> list[tuple[str, Shown]]:
        """What the header says, by the key of a text."""
        rows = [("iri", Shown(self.read.iri, self._root + "/ontology"))]
        for key, predicate in (
            ("version", OWL + "versionIRI"),
            ("version-info", OWL + "versionInfo"),
            ("prefix", PREFIXES["vann"] + "preferredNamespacePrefix"),
            ("namespace", PREFIXES["vann"] + "preferredNamespaceUri"),
            ("creator", DCTERMS + "creator"),
            ("license", DCTERMS + "license"),
        ):
            for value in self.read.header.get(predicate, ()):
                if isinstance(value, NamedNode):
                    rows.append(
                        (key, Shown(value.value, cell({"type": "uri", "value": value.value}, {}).href))
                    )
                elif isinstance(value, Literal):
                    rows.append((key, self._text(value)))
        return rows

    @property
    def groups(self) -> list[tuple[str, list[Entry]]]:
        """The terms by kind, in the order of their names."""
        terms = sorted(
            self.read.terms, key=lambda term: (_ORDER[term.kind], self._name(term.iri).text.casefold())
        )
        return [
            (kind, [self._entry(term) for term in several])
            for kind, several in groupby(terms, key=lambda term: term.kind)
        ]

    def _entry(self, term: TermDocument) -> Entry:
        name = self._name(term.iri)
        definition = in_language(term.definitions, self._languages)
        others = (
            label
            for code in self._languages[1:]
            for label in term.labels
            if label.language == code and label.value != name.text
        )
        return Entry(
            anchor=term.anchor,
            short=shorten(term.iri, self._project.prefixes),
            name=Shown(name.text, self._page(term.iri), name.lang, term.iri),
            others=tuple(Shown(label.value, None, label.language or "") for label in others),
            definition=self._text(definition) if definition else None,
            examples=self._texts(term.examples),
            notes=self._texts(term.notes),
            status=self._t(f"ontology.status.{term.status}") if term.status in _STATUSES else term.status,
            traits=term.traits,
            facts=tuple(
                (key, tuple(self._phrase(phrase) for phrase in phrases)) for key, phrases in term.facts
            ),
        )

    def _phrase(self, phrase: Phrase) -> tuple[Shown, ...]:
        return tuple(self._piece(piece) for piece in phrase)

    def _piece(self, piece: Piece) -> Shown:
        if piece.kind == "word":
            return Shown(self._t(f"owl.{piece.value}"))
        return self._name(piece.value) if piece.kind == "term" else Shown(piece.value)

    def _name(self, iri: str) -> Shown:
        """A term by its name; a link to its place on this page, or to its own page."""
        label = in_language(self.read.names.get(iri, ()), self._languages)
        base = self._project.base
        if iri in self._own:
            href: str | None = "#" + iri.partition("#")[2]
        elif iri.startswith(base.ids):
            href = self._page(iri)
        else:
            href = cell({"type": "uri", "value": iri}, {}).href
        if label is not None:
            return Shown(label.value, href, self._text(label).lang, iri)
        kind, _, slug = iri.removeprefix(base.ids).partition("/")
        short = (
            slug if iri.startswith(base.ids) and kind == "question" else shorten(iri, self._project.prefixes)
        )
        return Shown(short, href, "", iri)

    def _page(self, iri: str) -> str:
        return self._root + path_of(self._project.base, "page", iri, more=self._more)

    def _texts(self, literals: Iterable[Literal]) -> tuple[Shown, ...]:
        """Those in the reader's language; those in other languages where there are none."""
        found = list(literals)
        mine = [one for one in found if one.language == self._lang]
        return tuple(self._text(one) for one in mine or found)

    def _text(self, literal: Literal) -> Shown:
        other = literal.language if literal.language not in (None, self._lang) else ""
        return Shown(literal.value, None, other or "")


def _after(iri: str, project: Project) -> str:
    return quote(iri.removeprefix(project.base.iri), safe="/.~-_")
