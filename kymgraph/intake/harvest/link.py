"""Which of our places and themes a record speaks of: few rules, each a whole match, each link explained.

No rule looks inside a word or a sentence: *kriittinen* holds "iitti", and a title with "Kotka" may be about
the bird. A name that several of our things bear links to none. What a link rests on is kept beside it: the
rule, and the text or IRI of the record that met it.
"""

from __future__ import annotations

import datetime
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kymgraph import words
from kymgraph.intake.harvest.record import Record, Text
from kymgraph.namespaces import DCTERMS, KYM, PREFIXES, RDF, SKOS
from kymgraph.rdf import Literal, NamedNode, Term, Triple
from kymgraph.view import UNION, View

SPATIAL: Final = DCTERMS + "spatial"
THEME: Final = PREFIXES["dcat"] + "theme"

#: Kinds of places that catalogues name. Not programme areas: "Kouvolan seutu" there means no programme.
_PLACES: Final = ("Region", "SubRegion", "Municipality", "Country")
_NAMES: Final = (SKOS + "prefLabel", SKOS + "altLabel")
_LANGUAGES: Final = ("fi", "sv", "en")

#: What each rule says, for those who read the graph.
RULES: Final[dict[str, dict[str, str]]] = {
    "coverage-is-place-name": {
        "fi": "Aluekentän arvo on kokonaan yhden paikkamme nimi, isoja ja pieniä kirjaimia erottamatta.",
        "sv": "Värdet i områdesfältet är i sin helhet namnet på en enda plats hos oss, oavsett versaler.",
        "en": "A value of the coverage field is, as a whole and in any case, the name of one of our places.",
    },
    "municipality-in-region": {
        "fi": "Aineisto kattaa kunnan, joka on kuulunut maakuntaan koko sen ajan, jota aineisto koskee.",
        "sv": "Datamängden täcker en kommun som har hört till landskapet hela den tid som data gäller.",
        "en": "The dataset covers a municipality that lay in the region all the time the data are about.",
    },
    "keyword-is-theme-name": {
        "fi": "Avainsana on perusmuodossaan kokonaan yhden teemamme nimi samalla kielellä.",
        "sv": "Nyckelordet är i grundform och i sin helhet namnet på ett enda tema hos oss på samma språk.",
        "en": "A keyword is, in base form and as a whole, the name of one of our themes in its language.",
    },
    "identifier-is-linked": {
        "fi": "Tietueen paikka tai teema on IRI, johon omamme on linkitetty samana (skos:exactMatch).",
        "sv": "Postens plats eller tema är en IRI som vår egen är länkad till som samma (skos:exactMatch).",
        "en": "The record's place or theme is an IRI that ours is linked to as the same (skos:exactMatch).",
    },
}


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """That a record speaks of one of our things, and why we say so."""

    predicate: str
    target: str
    rule: str  #: of RULES
    text: str  #: what in the record met it


@dataclass(frozen=True, slots=True)
class Membership:
    """A place within another, from the first day to the last; "" is without end."""

    whole: str
    since: str = ""
    until: str = ""

    def holds(self, begins: str, ends: str) -> bool:
        """Whether it holds for all of a time; where it has an end, a time without one is not within it.

        >>> iitti = Membership("kymenlaakso", until="2020-12-31")
        >>> [iitti.holds("2015-01-01", end) for end in ("2019-12-31", "2023-12-31", "")]
        [True, False, False]
        """
        return (not self.since or (bool(begins) and begins >= self.since)) and (
            not self.until or (bool(ends) and ends <= self.until)
        )


class Vocabulary:
    """Names, links and dated memberships of our places and themes, read from one state of the dataset."""

    def __init__(self, view: View) -> None:
        places = {node for kind in _PLACES for node in _instances(view, KYM + kind)}
        themes = _instances(view, KYM + "Theme")
        self._places = _unique((plain(name.value), node) for node in places for name in _names(view, node))
        self._themes: dict[str, Mapping[str, str]] = {
            lang: _unique(
                (base_form(name.value, lang), node)
                for node in themes
                for name in _names(view, node)
                if name.language == lang
            )
            for lang in _LANGUAGES
        }
        self._same: dict[str, Mapping[str, str]] = {
            predicate: _unique((_secure(iri), node) for node in nodes for iri in _same(view, node))
            for predicate, nodes in ((SPATIAL, places), (THEME, themes))
        }
        self._regions = _memberships(view, _instances(view, KYM + "Region"))

    def links(self, record: Record) -> tuple[Link, ...]:
        """All that the rules find, sorted; one of ours may be met by several rules and texts."""
        found = set(self._by_coverage(record))
        found |= set(self._by_identifier(record))
        found |= set(self._by_keyword(record))
        return tuple(sorted(found | set(self._by_region(record, found))))

    def _by_coverage(self, record: Record) -> Iterator[Link]:
        for name in record.coverage:
            if (place := self._places.get(plain(name))) is not None:
                yield Link(SPATIAL, place, "coverage-is-place-name", name)

    def _by_identifier(self, record: Record) -> Iterator[Link]:
        for predicate, iris in ((SPATIAL, record.places), (THEME, record.themes)):
            for iri in iris:
                if (ours := self._same[predicate].get(_secure(iri))) is not None:
                    yield Link(predicate, ours, "identifier-is-linked", iri)

    def _by_region(self, record: Record, found: Iterable[Link]) -> Iterator[Link]:
        for link in found:
            if link.predicate == SPATIAL:
                for membership in self._regions.get(link.target, ()):
                    if membership.holds(record.begins, record.ends):
                        yield Link(SPATIAL, membership.whole, "municipality-in-region", link.text)

    def _by_keyword(self, record: Record) -> Iterator[Link]:
        for keyword in record.keywords:
            if (theme := self._theme(keyword)) is not None:
                yield Link(THEME, theme, "keyword-is-theme-name", keyword.value)

    def _theme(self, keyword: Text) -> str | None:
        """The theme of that name; where the language is not known, all that could be meant must be one."""
        langs = (keyword.lang,) if keyword.lang else _LANGUAGES
        known = [(lang, self._themes[lang]) for lang in langs if lang in self._themes]
        met = {t for lang, names in known if (t := names.get(base_form(keyword.value, lang))) is not None}
        return met.pop() if len(met) == 1 else None


def plain(text: str) -> str:
    """A name for comparing: composed letters, lower case, single blanks.

    >>> plain(" Etelä-KARJALA ") == plain("etelä-karjala")
    True
    """
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def base_form(text: str, lang: str) -> str:
    """A name for comparing across inflection: the base form of each word, in its language.

    >>> base_form("Investointi", "fi") == base_form("investoinnit", "fi")
    True
    """
    return " ".join(word.lemmas[0] for word in words.words(text, lang))


def _secure(iri: str) -> str:
    return iri.replace("http://", "https://", 1)


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What each name stands for; a name of several things stands for none."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, node in pairs:
        found[name].add(node)
    return {name: nodes.pop() for name, nodes in found.items() if name and len(nodes) == 1}


def _objects(view: View, node: str, predicate: str) -> Iterator[Term]:
    for quad in view.quads(NamedNode(node), NamedNode(predicate), None, UNION):
        if not isinstance(quad.object, Triple):
            yield quad.object


def _instances(view: View, cls: str) -> set[str]:
    quads = view.quads(None, NamedNode(RDF + "type"), NamedNode(cls), UNION)
    return {quad.subject.value for quad in quads if isinstance(quad.subject, NamedNode)}


def _names(view: View, node: str) -> Iterator[Literal]:
    for predicate in _NAMES:
        for term in _objects(view, node, predicate):
            if isinstance(term, Literal):
                yield term


def _same(view: View, node: str) -> Iterator[str]:
    return (t.value for t in _objects(view, node, SKOS + "exactMatch") if isinstance(t, NamedNode))


def _memberships(view: View, regions: set[str]) -> dict[str, list[Membership]]:
    found: dict[str, list[Membership]] = defaultdict(list)
    for node in _instances(view, KYM + "PlaceMembership"):
        parts, wholes, since, until = (
            [t.value for t in _objects(view, node, KYM + name) if not isinstance(t, str)]
            for name in ("part", "whole", "validFrom", "validUntil")
        )
        if all(_is_day(value) for value in (*since, *until)):
            for part in parts:
                for whole in regions & set(wholes):
                    found[part].append(Membership(whole, max(since, default=""), min(until, default="")))
    return found


def _is_day(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True
