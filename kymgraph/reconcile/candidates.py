"""Matching the names in somebody's table to things of the graph: the Reconciliation Service API 0.2.

Names are looked up in the search index, all else in one state of the graph. Ids are the IRIs themselves: what
a client keeps of a match is the address of the thing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from kymgraph.namespaces import PREFIXES, XSD
from kymgraph.rdf import Literal, NamedNode, Term
from kymgraph.reconcile.input import Given, Known, Query, Wanted
from kymgraph.reconcile.read import LONGEST, VALUES, Reading, State, Thing
from kymgraph.reconcile.values import LIKE, alike, iso_date, same_literal
from kymgraph.reconcile.vocabulary import Item, best
from kymgraph.view import UNION

#: Highest score; of a name it means that it is the same but for case, punctuation and spaces.
SAME: Final = 100.0
#: What one property weighs in a score beside the name.
_PROPERTY_WEIGHT: Final = 0.4
#: Candidates looked at for one query before they are sorted and cut.
_LOOKED_AT: Final = 50
#: Seconds that suggestions may take.
_SECONDS: Final = 15.0
#: Types that a person starts from, of those that the graph has.
_DEFAULT_TYPES: Final = tuple(
    PREFIXES["kym"] + name
    for name in (
        "Programme", "Strategy", "Plan", "PolicyInstrument", "Project", "Priority", "Measure", "Objective",
        "Theme", "Organisation", "OrganisationalUnit", "Person", "Network", "Place", "Municipality", "Event",
        "Document", "FundingInstrument",
    )
)  # fmt: skip


class Found(Protocol):
    """A hit of the search index."""

    @property
    def iri(self) -> str: ...
    @property
    def score(self) -> float: ...


class Index(Protocol):
    """What is used of the search index."""

    def match(
        self, text: str, *, lang: str | None = None, types: Sequence[str] = (), limit: int = 10
    ) -> Sequence[Found]: ...

    def suggest(
        self, prefix: str, *, lang: str = "fi", types: Sequence[str] = (), limit: int = 10
    ) -> Sequence[Found]: ...


@dataclass(slots=True)
class _Candidate:
    thing: Thing
    name: float | None  #: likeness of the name, 0..100; None where no name was asked
    fits: bool  #: it has the type asked for, or none was
    shares: list[tuple[str, float]] = field(default_factory=list)  #: how well each property agrees, 0..1

    @property
    def score(self) -> float:
        given = [share * SAME for _, share in self.shares]
        if self.name is None:
            score = sum(given) / max(1, len(given))
        else:
            score = (self.name + _PROPERTY_WEIGHT * sum(given)) / (1 + _PROPERTY_WEIGHT * len(given))
        return round(score if self.fits else score * 0.75, 1)

    @property
    def certain(self) -> bool:
        """Whether nothing speaks against it: same name, right type, and every property agrees."""
        named = self.name is None or self.name >= SAME
        return named and self.fits and all(share >= 1 for _, share in self.shares)


class Reconciler:
    """Answers about one state of the graph. Many threads may ask one of these at a time."""

    def __init__(self, state: State, index: Index) -> None:
        self._state, self._vocabulary, self._index = state, state.vocabulary, index

    # -- queries

    def answer(self, batch: Mapping[str, Query], *, lang: str, seconds: float) -> dict[str, Any]:
        """The candidates for each query of a batch, best first. Raises QueryTimeout."""
        things = Reading(self._state.view, seconds)
        return {key: {"result": self._results(query, lang, things)} for key, query in batch.items()}

    def _results(self, query: Query, lang: str, things: Reading) -> list[dict[str, Any]]:
        wanted = [self._type_set(text) for text in query.types]
        found = list(self._candidates(query, wanted, things))
        found.sort(key=lambda candidate: -candidate.score)  # stable: equals stay as the index ranked them
        certain = [candidate for candidate in found if candidate.certain]
        results = []
        for candidate in found[: query.limit]:
            features: list[dict[str, Any]] = []
            if candidate.name is not None:
                features.append({"id": "name", "value": round(candidate.name, 1)})
            if wanted:
                features.append({"id": "type", "value": candidate.fits})
            features += [
                {"id": pid, "value": round(share * SAME, 1)} for pid, share in dict(candidate.shares).items()
            ]
            results.append(
                {
                    **self._state.shown(candidate.thing, lang),
                    "score": candidate.score,
                    "match": len(certain) == 1 and candidate is certain[0] is found[0],
                    "type": self._state.types(candidate.thing, lang),
                    "features": features,
                }
            )
        return results

    def _type_set(self, text: str) -> frozenset[str]:
        """The types that a type asked for stands for: itself and all below it; none if nobody knows it."""
        iri = self._vocabulary.type_of(text)
        return self._vocabulary.narrower(iri) if iri else frozenset()

    def _candidates(
        self, query: Query, wanted: list[frozenset[str]], things: Reading
    ) -> Iterator[_Candidate]:
        named: dict[str, float | None] = {}
        if (known := self._state.identified(query.text)) is not None:
            named[known] = SAME
        elif 0 < len(query.text) <= LONGEST:
            asked = frozenset().union(*wanted) if query.strict != "should" else frozenset()
            if wanted and not asked and query.strict != "should":
                return
            hits = self._index.match(query.text, types=sorted(asked), limit=_LOOKED_AT)
            named = {hit.iri: min(hit.score, SAME) for hit in hits}
        elif not query.text:
            named = dict.fromkeys(itertools.islice(self._having(query.properties), _LOOKED_AT))
        meant = [(one, [self._meant(value) for value in one.values]) for one in query.properties]
        for iri, score in named.items():
            things.check()
            thing = things[iri]
            if thing.is_term:
                continue
            counts = [bool(one & set(thing.types)) for one in wanted]
            fits = (all(counts) if query.strict == "all" else any(counts)) if counts else True
            if not fits and query.strict != "should":
                continue
            shares = [(one.pid, self._agreement(iri, one.pid, values, things)) for one, values in meant]
            if score is not None or any(share for _, share in shares):
                yield _Candidate(thing, score, fits, shares)

    # -- properties

    def _having(self, properties: Sequence[Wanted]) -> Iterator[str]:
        """Things that have one of the wanted values, in the order of the properties."""
        view = self._state.view
        for wanted in properties:
            predicate, inverse = self._state.directions(wanted.pid)
            for term in itertools.chain.from_iterable(self._terms(value) for value in wanted.values):
                found: list[object] = []
                if predicate is not None:
                    quads = view.quads(None, predicate, term, UNION)
                    found += [quad.subject for quad in itertools.islice(quads, VALUES)]
                if inverse is not None and isinstance(term, NamedNode):
                    quads = view.quads(term, inverse, None, UNION)
                    found += [quad.object for quad in itertools.islice(quads, VALUES)]
                yield from (one.value for one in found if isinstance(one, NamedNode))

    def _terms(self, value: Given) -> Iterator[Term]:
        """The terms of the graph that a value may mean."""
        if isinstance(value, Known):
            value = value.id
        if isinstance(value, bool):
            yield Literal(value)
        elif isinstance(value, int | float):
            for kind in ("integer", "decimal", "double", "gYear"):
                yield Literal(f"{value:.15g}", datatype=NamedNode(XSD + kind))
        else:
            if (known := self._state.identified(value)) is not None:
                yield NamedNode(known)
            text = value.strip()
            yield Literal(text)
            yield from (Literal(text, language=code) for code in self._state.project.languages)
            for kind in ("gYear", "gYearMonth", "date", "integer", "decimal"):
                yield Literal(iso_date(text), datatype=NamedNode(XSD + kind))
            if 0 < len(text) <= LONGEST:
                hits = self._index.match(text, limit=5)
                yield from (NamedNode(hit.iri) for hit in hits if hit.score >= LIKE * SAME)

    def _meant(self, value: Given) -> tuple[Given, str | None]:
        """A value, and the thing that it names by its id, if any."""
        value = value.id if isinstance(value, Known) else value
        return value, self._state.identified(value) if isinstance(value, str) else None

    def _agreement(
        self, iri: str, pid: str, meant: Sequence[tuple[Given, str | None]], things: Reading
    ) -> float:
        """How well the best value of a property agrees with the best of the wanted ones, 0..1."""
        best_share = 0.0
        for term in self._state.values(iri, pid):
            for value, known in meant:
                if isinstance(term, Literal):
                    share = same_literal(term, value)
                elif isinstance(term, NamedNode) and isinstance(value, str):
                    if term.value in (value, known):
                        return 1.0
                    names = things[term.value].names.values()
                    share = max((alike(name, value) for name in names), default=0.0)
                else:
                    share = 0.0
                best_share = max(best_share, share)
        return best_share

    # -- suggestions

    def suggest_entities(
        self, prefix: str, lang: str, *, types: Sequence[str], cursor: int, limit: int
    ) -> list[dict[str, Any]]:
        """Things whose name begins so, for a person who types; also a thing by its id."""
        things = Reading(self._state.view, _SECONDS)
        known = self._state.identified(prefix.strip())
        if known is not None:
            iris = [] if cursor else [known]
        elif not prefix.strip() or len(prefix) > LONGEST:
            iris = []
        else:
            asked = sorted(frozenset().union(*map(self._type_set, types))) if types else []
            hits = self._index.suggest(prefix, lang=lang, types=asked, limit=cursor + limit)
            iris = [hit.iri for hit in hits[cursor:]]
        return [
            {**self._state.shown(things[iri], lang), "notable": self._state.types(things[iri], lang)}
            for iri in iris
            if not things[iri].is_term
        ]

    def suggest_types(self, prefix: str, lang: str, *, cursor: int, limit: int) -> list[dict[str, Any]]:
        """Types whose name begins so, with those they are directly under."""
        found = self._vocabulary.suggest_types(prefix, lang)[cursor : cursor + limit]
        return [
            {
                **self._term(item, lang),
                "broader": [
                    {"id": iri, "name": self._vocabulary.name(iri, lang)}
                    for iri in item.wider
                    if iri in self._vocabulary.used
                ],
            }
            for item in found
        ]

    def suggest_properties(self, prefix: str, lang: str, *, cursor: int, limit: int) -> list[dict[str, Any]]:
        """Properties whose name begins so."""
        found = self._vocabulary.suggest_properties(prefix, lang)[cursor : cursor + limit]
        return [self._term(item, lang) for item in found]

    def default_types(self, lang: str) -> list[dict[str, str]]:
        """Types to begin with."""
        used = self._vocabulary.used
        known = [iri for iri in _DEFAULT_TYPES if iri in used] or sorted(used)[:20]
        return [{"id": iri, "name": self._vocabulary.name(iri, lang)} for iri in known]

    def _term(self, item: Item, lang: str) -> dict[str, str]:
        text = best(item.texts, lang, self._state.project.languages)
        shown = {"id": item.iri, "name": self._vocabulary.name(item.iri, lang)}
        return shown | ({"description": text} if text else {})
