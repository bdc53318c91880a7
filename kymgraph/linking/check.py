"""What has become of links since they were decided on: what is gone, renamed, replaced, or contradicts.

Without a vocabulary only our own side is looked at; with one, each link into it is held against what it says
now.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kymgraph.linking.decisions import GRAPH, MATCHES, Decision, today
from kymgraph.linking.entities import Ours
from kymgraph.linking.vocabulary import Vocabulary
from kymgraph.project import Project

TEXTS: Final[dict[str, dict[str, str]]] = {
    "subject-gone": {
        "fi": "graafissa ei enää kerrota linkin kohteesta mitään: poista päätös tai korjaa IRI",
        "sv": "grafen säger inget mer om det som länkas: ta bort beslutet eller rätta IRI:n",
        "en": "the graph says nothing of the linked thing any more: remove the decision or correct the IRI",
    },
    "two-exact": {
        "fi": "sama kohde vastaa täsmälleen kahta käsitettä samassa sanastossa; toinen on {other}",
        "sv": "samma sak motsvarar exakt två begrepp i en vokabulär; det andra är {other}",
        "en": "one thing is an exact match of two concepts of one vocabulary; the other is {other}",
    },
    "two-subjects": {
        "fi": "kaksi graafin kohdetta vastaa täsmälleen samaa käsitettä; toinen on {other}",
        "sv": "två saker i grafen motsvarar exakt samma begrepp; den andra är {other}",
        "en": "two things of the graph are exact matches of one concept; the other is {other}",
    },
    "ended": {
        "fi": "täsmällinen vastaavuus, vaikka käsite on ollut voimassa vain {other} asti: muuta läheiseksi",
        "sv": "exakt motsvarighet fast begreppet gällde bara till {other}: ändra till nära",
        "en": "an exact match, though the concept was in force only until {other}: change it to close",
    },
    "object-gone": {
        "fi": "käsitettä ei enää ole sanastossa",
        "sv": "begreppet finns inte längre i vokabulären",
        "en": "the concept is not in the vocabulary any more",
    },
    "replaced": {
        "fi": "käsite on korvattu käsitteellä {other}: päätä uusi linkki siihen",
        "sv": "begreppet har ersatts av {other}: besluta om en ny länk dit",
        "en": "the concept has been replaced by {other}: decide on a link to that one",
    },
    "withdrawn": {
        "fi": "käsite on poistettu käytöstä",
        "sv": "begreppet har tagits ur bruk",
        "en": "the concept has been withdrawn",
    },
    "renamed": {
        "fi": "käsitteen nimi on muuttunut: nyt {other}; tarkista, että se on yhä sama",
        "sv": "begreppet har bytt namn: nu {other}; kontrollera att det är detsamma",
        "en": "the concept has another name: now {other}; see that it is still the same",
    },
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a decision that a person should look at."""

    code: str  #: a key of TEXTS
    decision: Decision
    other: str = ""

    def text(self, lang: str) -> str:
        return TEXTS[self.code][lang].format(other=self.other)

    def to_dict(self, lang: str) -> dict[str, Any]:
        one = self.decision
        return {
            "code": self.code,
            "subject": one.subject,
            "match": one.word,
            "object": one.object,
            "objectLabel": one.label,
            "other": self.other or None,
            "text": self.text(lang),
        }


def own_side(decisions: Sequence[Decision], ours: Ours, project: Project) -> Iterator[Finding]:
    """What the graph alone shows: things that are gone, matches that contradict, periods that ended."""
    accepted = [one for one in decisions if one.accepted]
    links = project.base.graph(GRAPH)
    for one in accepted:
        if not ours.has(one.subject, beside=links):
            yield Finding("subject-gone", one)
    exact = [one for one in accepted if one.predicate == MATCHES["exact"]]
    for one in exact:
        if one.valid_until and one.valid_until < today()[: len(one.valid_until)]:
            yield Finding("ended", one, one.valid_until)
    yield from _pairs(exact, "two-exact", lambda one: (one.subject, one.vocabulary), lambda one: one.object)
    yield from _pairs(exact, "two-subjects", lambda one: (one.object,), lambda one: one.subject)


def against(decisions: Iterable[Decision], vocabulary: Vocabulary) -> Iterator[Finding]:
    """What the vocabulary says now of the concepts that were accepted."""
    for one in decisions:
        if not one.accepted or (vocabulary.iri and one.vocabulary != vocabulary.iri):
            continue
        entry = vocabulary.entry(one.object)
        if entry is None:
            if vocabulary.iri:  # else what is not in it may belong to another vocabulary
                yield Finding("object-gone", one)
            continue
        if entry.replaced_by:
            yield Finding("replaced", one, entry.replaced_by)
        elif entry.deprecated:
            yield Finding("withdrawn", one)
        # A name without a language may be in another one each time.
        now = {text.lang: text.value for text in entry.names if text.lang}
        seen = {text.lang: text.value for text in one.labels}
        changed = sorted(
            f"{now[lang]}@{lang}" for lang in now.keys() & seen.keys() if now[lang] != seen[lang]
        )
        if changed:
            yield Finding("renamed", one, ", ".join(changed))


def _pairs(decisions: Iterable[Decision], code: str, key: Any, other: Any) -> Iterator[Finding]:
    groups: dict[Any, list[Decision]] = defaultdict(list)
    for one in decisions:
        groups[key(one)].append(one)
    for group in groups.values():
        for one, two in itertools.combinations(group, 2):
            if _overlap(one, two):
                yield Finding(code, one, other(two))


def _overlap(one: Decision, two: Decision) -> bool:
    """Whether there is a day on which both hold; a bound that is not stated bounds nothing.

    A year counts as its first day at the beginning, and as all of its days at the end.
    """
    for first, second in ((one, two), (two, one)):
        if first.valid_until and second.valid_from:
            end = first.valid_until if len(first.valid_until) > 4 else first.valid_until + "-12-31"
            if end < second.valid_from:
                return False
    return True
