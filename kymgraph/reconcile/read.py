"""What reconciliation reads of one state of the graph: things by their ids, their names, types and values.

Every read is a look-up of a subject or of a predicate with a value, and each is cut off at a number of quads,
so nothing that a client sends is ever part of a query text or costs more than that.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kymgraph.errors import QueryTimeout
from kymgraph.namespaces import RDF
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Term
from kymgraph.reconcile.vocabulary import NAMES, TERM_TYPES, TEXTS, Vocabulary, best, by_language
from kymgraph.view import UNION, View

#: Values of one property of one thing that are read.
VALUES: Final = 100
#: Longer names are nobody's.
LONGEST: Final = 1_000
#: Quads read of one thing to learn its names and types.
_QUADS: Final = 2_000

#: Seconds that reading one thing may take.
_SECONDS: Final = 15.0

_TYPE: Final = RDF + "type"


@dataclass(frozen=True, slots=True)
class Thing:
    """What is shown of a thing: its types, and its names and descriptions by language."""

    iri: str
    types: tuple[str, ...]
    names: Mapping[str, str]
    texts: Mapping[str, str]

    @property
    def is_term(self) -> bool:
        """Whether it is a type, a property or unknown to the graph, so that no table can mean it."""
        return not (self.types or self.names) or not TERM_TYPES.isdisjoint(self.types)


class State:
    """One state of the graph and its vocabulary. Many threads may read one of these at a time."""

    def __init__(self, project: Project, view: View) -> None:
        self.project, self.view = project, view
        self.vocabulary = Vocabulary.read(view, project)

    def identified(self, text: str) -> str | None:
        """The thing that a text names by its id: IRI, prefix:name, or what stands after `/id/`."""
        if not text or len(text) > LONGEST or any(sign.isspace() for sign in text):
            return None
        prefix, colon, rest = text.partition(":")
        if colon and prefix in self.project.prefixes and not rest.startswith("//"):
            iri = self.project.prefixes[prefix] + rest
        elif colon:
            iri = text
        elif "/" in text:
            iri = self.project.base.ids + text
        else:
            return None
        subject = node(iri)
        exists = subject is not None and any(True for _ in self.view.quads(subject, None, None, UNION))
        return iri if exists else None

    def thing(self, text: str) -> Thing | None:
        """The thing that a text names by its id; None if the graph says nothing of it."""
        iri = self.identified(text)
        return None if iri is None else Reading(self.view, _SECONDS)[iri]

    def directions(self, pid: str) -> tuple[NamedNode | None, NamedNode | None]:
        """The predicate that a property id stands for, and the one that says the same from the other end."""
        iri = self.vocabulary.property_of(pid)
        if iri is None:
            return None, None
        item = self.vocabulary.properties.get(iri)
        return node(iri), node(item.inverse) if item and item.inverse else None

    def values(self, iri: str, pid: str) -> list[Term]:
        """The values of a property of a thing, at most VALUES; stored ones and those said the other way."""
        predicate, inverse = self.directions(pid)
        subject = node(iri)
        if subject is None or predicate is None:
            return []
        stored = (quad.object for quad in self.view.quads(subject, predicate, None, UNION))
        turned = (
            quad.subject for quad in (self.view.quads(None, inverse, subject, UNION) if inverse else ())
        )
        found = itertools.islice(itertools.chain(stored, turned), VALUES)
        return list(dict.fromkeys(one for one in found if isinstance(one, Literal | NamedNode)))

    def shown(self, thing: Thing, lang: str) -> dict[str, str]:
        """Id, name and description of a thing for a list to pick from."""
        languages = self.project.languages
        shown = {
            "id": thing.iri,
            "name": best(thing.names, lang, languages) or self.vocabulary.short(thing.iri),
        }
        text = best(thing.texts, lang, languages)
        return shown | ({"description": text} if text else {})

    def types(self, thing: Thing, lang: str) -> list[dict[str, str]]:
        """Ids and names of the types of a thing, those that the ontology describes first.

        Some clients look at the first only.
        """
        known = self.vocabulary.types
        ranked = sorted(thing.types, key=lambda iri: (iri not in known or not known[iri].names, iri))
        return [{"id": iri, "name": self.vocabulary.name(iri, lang)} for iri in ranked]


class Reading:
    """What one request reads: names and types of things, each read once, until its time is up."""

    def __init__(self, view: View, seconds: float) -> None:
        self._view, self._seconds = view, seconds
        self._until = time.monotonic() + seconds
        self._known: dict[str, Thing] = {}

    def check(self) -> None:
        """Raise QueryTimeout if the time is up."""
        if time.monotonic() > self._until:
            raise QueryTimeout(
                f"nothing was answered: this was not done within {self._seconds:g} s",
                hint="ask in smaller batches, and for fewer properties and values",
            )

    def __getitem__(self, iri: str) -> Thing:
        if iri not in self._known:
            given: dict[str, list[Term]] = {}
            subject = node(iri)
            quads = self._view.quads(subject, graph=UNION) if subject is not None else iter(())
            for quad in itertools.islice(quads, _QUADS):
                if isinstance(quad.object, Literal | NamedNode):
                    given.setdefault(quad.predicate.value, []).append(quad.object)
            types = (one.value for one in given.get(_TYPE, ()) if isinstance(one, NamedNode))
            self._known[iri] = Thing(
                iri, tuple(sorted(set(types))), by_language(given, NAMES), by_language(given, TEXTS)
            )
        return self._known[iri]


def node(iri: str) -> NamedNode | None:
    """The term for an IRI; None for a text that is none."""
    try:
        return NamedNode(iri)
    except ValueError:
        return None
