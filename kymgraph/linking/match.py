"""Proposals: which entries of a vocabulary a thing of ours may be linked to, how, and for what reasons.

Nothing is decided here. "exact" is proposed only where one name is the same and nothing that is known speaks
against it: another kind, a period that is over, a namesake, a Finnish name that differs. Everything else is a
weaker proposal for a person to judge.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kymgraph import words
from kymgraph.linking.decisions import Text
from kymgraph.linking.entities import PROPER, Entity
from kymgraph.linking.names import Likeness, compare, period
from kymgraph.linking.reasons import Reason
from kymgraph.linking.vocabulary import Entry, Vocabulary

#: Proposals per entity and vocabulary, unless more are asked for.
LIMIT: Final = 3
#: Below this, words in common are chance.
_LEAST: Final = 0.3
_LEAST_PROPER: Final = 0.5
#: Words that say that a thing is no more.
_PAST: Final = frozenset(
    {"historical", "former", "historiallinen", "entinen", "historisk", "tidigare", "abolished", "lakkautettu"}
)


#: Languages in which our names are translations of ours, and no source prints them.
_TRANSLATED: Final = frozenset({"sv", "en"})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A link that a person may decide on."""

    entity: Entity
    entry: Entry
    match: str  #: exact, close, broad or narrow
    score: float  #: 0 to 1
    reasons: tuple[Reason, ...]

    def to_dict(self, lang: str) -> dict[str, Any]:
        """The suggestion as JSON values."""
        return {
            "subject": self.entity.iri,
            "subjectLabel": self.entity.name(lang),
            "type": self.entity.kind,
            "match": self.match,
            "object": self.entry.iri,
            "objectLabels": [str(text) for text in self.entry.names],
            "score": self.score,
            "reasons": [reason.to_dict(lang) for reason in self.reasons],
            "vocabulary": self.entry.vocabulary,
            "release": self.entry.release,
            "validFrom": self.entry.valid_from,
            "validUntil": self.entry.valid_until,
        }


@dataclass(frozen=True, slots=True)
class Matcher:
    """What is the same for all comparisons of one run."""

    class_names: Mapping[str, tuple[Text, ...]]  #: of our classes of places, bodies and funds
    places: frozenset[str]  #: IRIs of the classes of places
    today: str = ""  #: ISO date; empty: the day of now
    decided: Collection[tuple[str, str]] = ()  #: pairs that are not proposed (again)
    exact: Collection[tuple[str, str]] = ()  #: things, each with a vocabulary in which it has its exact match

    def suggest(self, entity: Entity, vocabulary: Vocabulary, *, limit: int = LIMIT) -> list[Suggestion]:
        """The best proposals for one entity, best first."""
        found = [self._judge(entity, entry) for entry in vocabulary.candidates(entity)]
        judged = [one for one in found if one is not None]
        same = [one for one in judged if one.match == "exact"]
        if len(same) > 1:
            judged = [_one_of_many(one, len(same)) if one in same else one for one in judged]
        judged = [one for one in judged if (entity.iri, one.entry.iri) not in self.decided]
        return sorted(judged, key=lambda one: (-one.score, one.entry.iri))[:limit]

    def _judge(self, entity: Entity, entry: Entry) -> Suggestion | None:
        best = _best(entity, entry)
        codes = set(entity.codes) & set(entry.codes)
        identified = bool(codes) and not entry.shared_codes
        least = _LEAST_PROPER if entity.kind in PROPER else _LEAST
        if best is None or (best.score < least and not identified and not entry.via):
            return None
        score, reasons = best.score, [best.reason]
        if best.score < least:
            reasons = []
        more, against = _other_languages(entity, entry, best)
        reasons += more
        score += 0.01 * len(more) if not against else -0.03
        if entity.kind not in PROPER and best.same and best.ours.lang in _TRANSLATED and not more:
            against.append(Reason("translation-only", lang=best.ours.lang))
        if (entity.iri, entry.vocabulary) in self.exact:
            against.append(Reason("has-exact"))
        blocked = bool(against)
        reasons += against
        for code in sorted(codes):
            reasons.append(Reason("code-shared" if entry.shared_codes else "code", theirs=code))
        if identified or entry.via:
            score = max(score, 0.9)
        if entry.via:
            reasons.insert(0, Reason("via", theirs=entry.via))
        for weight, reason in (*self._kind(entity, entry), *_place(entity, entry), *self._time(entry)):
            score += weight
            reasons.append(reason)
            blocked = blocked or weight < 0
        match = _match(entity, entry, best, blocked, identified)
        if entry.topic:
            reasons.append(Reason("category"))
        elif whole := _whole(entity, entry):
            match = "broad"
            score = max(score, 0.7)
            reasons.append(whole)
        return Suggestion(entity, entry, match, round(min(1.0, max(0.0, score)), 2), tuple(reasons))

    def _kind(self, entity: Entity, entry: Entry) -> Iterable[tuple[float, Reason]]:
        """What the types of the entry say: the same kind, another kind of ours, or nothing that we know."""
        if not entry.types or entity.kind == "theme":
            return
        told = ", ".join(entry.types)
        if any(word in _PAST for kind in entry.types for word in words.forms(kind)):
            yield -0.2, Reason("past", theirs=told)
        theirs = {cls for cls in self.class_names if _is_called(self.class_names[cls], entry.types)}
        if theirs & entity.classes:
            yield 0.01, Reason("type-agrees", theirs=told)
        elif theirs:
            yield -0.15, Reason("type-differs", theirs=told)

    def _time(self, entry: Entry) -> Iterable[tuple[float, Reason]]:
        today = self.today or datetime.datetime.now(datetime.UTC).date().isoformat()
        if entry.valid_until and entry.valid_until < today[: len(entry.valid_until)]:
            yield -0.05, Reason("ended", theirs=entry.valid_until)
        if entry.valid_from and entry.valid_from > today[: len(entry.valid_from)]:
            yield -0.05, Reason("not-yet", theirs=entry.valid_from)
        if entry.replaced_by:
            yield -0.3, Reason("replaced", theirs=entry.replaced_by)
        elif entry.deprecated:
            yield -0.3, Reason("withdrawn")
        if covered := next((found for text in entry.names if (found := period(text.value))), ""):
            yield -0.02, Reason("period", theirs=covered)


def _best(entity: Entity, entry: Entry) -> Likeness | None:
    """The names of both that are most alike; preferred names go before others."""
    proper = entity.kind in PROPER
    found: list[Likeness] = []
    for ours, ours_first in _named(entity.names, entity.others):
        for theirs, theirs_first in _named(entry.names, entry.others):
            alike = compare(ours, theirs, proper=proper)
            if entry.topic and not theirs_first and alike.score >= 0.5:
                alike = Likeness(0.8 * alike.score, "keyword", ours, theirs)
            elif not (ours_first and theirs_first) and alike.same:
                alike = Likeness(0.92, "other-name", ours, theirs)
            elif not (ours_first and theirs_first):
                alike = Likeness(0.9 * alike.score, alike.how, ours, theirs)
            found.append(alike)
    if entry.topic:
        found += _wider(entity, entry)
    order = {"fi": 0, "": 1, "sv": 2, "en": 3}
    return max(
        found,
        key=lambda one: (one.score, -order.get(one.theirs.lang, 4), -order.get(one.ours.lang, 4)),
        default=None,
    )


def _wider(entity: Entity, entry: Entry) -> Iterable[Likeness]:
    """What a category has in common with the wider themes of ours."""
    for whole in entity.wholes:
        for ours in whole.names:
            for theirs in (*entry.names, *entry.others):
                alike = compare(ours, theirs)
                if alike.score >= 0.5:
                    yield Likeness(0.5 * alike.score, "keyword", ours, theirs)


def _named(names: Sequence[Text], others: Sequence[Text]) -> list[tuple[Text, bool]]:
    return [(text, True) for text in names] + [(text, False) for text in others]


def _other_languages(entity: Entity, entry: Entry, best: Likeness) -> tuple[list[Reason], list[Reason]]:
    """Languages in which the names are the same too; and the Finnish names, if they are not.

    Our Finnish names are what the documents print; the others are translations of ours.
    """
    agree: list[Reason] = []
    against: list[Reason] = []
    for ours in entity.names:
        theirs = [text for text in entry.names if text.lang == ours.lang and ours.lang]
        if not theirs or (ours.lang == best.theirs.lang and best.same):
            continue
        alike = max((compare(ours, text, proper=entity.kind in PROPER) for text in theirs), key=_score)
        if alike.same:
            agree.append(Reason("also", theirs=alike.theirs.value, lang=ours.lang))
        elif ours.lang == "fi" and best.same:
            against.append(Reason("finnish-differs", ours.value, alike.theirs.value))
    return agree, against


def _score(alike: Likeness) -> float:
    return alike.score


def _match(entity: Entity, entry: Entry, best: Likeness, blocked: bool, identified: bool) -> str:
    if entry.topic:
        return "broad"
    if (best.same or identified) and not blocked:
        return "exact"
    if best.how == "one-part":
        return "narrow"
    if entity.kind not in PROPER and best.how == "more-words":
        return "narrow"
    if entity.kind == "theme" and best.how == "fewer-words":
        return "broad"
    return "close"


def _is_called(names: Iterable[Text], types: Iterable[str]) -> bool:
    """Whether one of these types, in words, holds the name of a class."""
    told = [{lemma for word in words.words(kind) for lemma in word.terms} for kind in types]
    for name in names:
        wanted = [set(word.terms) for word in words.words(name.value, name.lang or None)]
        if any(all(terms & kind for terms in wanted) for kind in told):
            return True
    return False


def _place(entity: Entity, entry: Entry) -> Iterable[tuple[float, Reason]]:
    """Whether both lie in the same place, where both sides say where they lie."""
    if entity.kind != "place" or not entry.broader:
        return
    ours = {words.normal(text.value): whole for whole in entity.wholes for text in whole.names}
    shared = [name for name in entry.broader if words.normal(name) in ours]
    if shared:
        whole = ours[words.normal(shared[0])]
        years = (
            f" {whole.valid_from[:4]}–{whole.valid_until[:4]}"
            if whole.valid_from or whole.valid_until
            else ""
        )
        yield 0.01, Reason("within-agrees", theirs=shared[0] + years)
    elif ours:
        yield -0.1, Reason("within-differs", theirs=", ".join(entry.broader))


def _whole(entity: Entity, entry: Entry) -> Reason | None:
    """The body that a unit is part of, if that is what the entry names."""
    if entity.kind != "organisation":
        return None
    for whole in entity.wholes:
        for ours in whole.names:
            for theirs in entry.names:
                if compare(ours, theirs, proper=True).same:
                    return Reason("whole", theirs=theirs.value)
    return None


def _one_of_many(one: Suggestion, many: int) -> Suggestion:
    return Suggestion(
        one.entity,
        one.entry,
        "close",
        round(one.score - 0.05, 2),
        (*one.reasons, Reason("namesakes", theirs=str(many))),
    )
