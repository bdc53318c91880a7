"""What was decided about links: reading it from the graph `links`, and the change that writes it there.

One decision per pair of ours and theirs, named after the pair, so that deciding again replaces what stood;
the ledger keeps what was. An accepted decision has its SKOS triple beside it, a declined one has not: the
rules `link-has-decision` and `link-accepted-stands` hold that at the gate, whoever writes.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from kymgraph.changeset import Changeset
from kymgraph.errors import BadParameter
from kymgraph.namespaces import KYM, PROV, RDF, SKOS, XSD
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Quad, Term
from kymgraph.view import View

#: The graph that decisions and their triples stand in.
GRAPH: Final = "links"
#: What a link may say, by the word people use for it.
MATCHES: Final = {
    "exact": SKOS + "exactMatch",
    "close": SKOS + "closeMatch",
    "broad": SKOS + "broadMatch",
    "narrow": SKOS + "narrowMatch",
}
#: The word for each predicate.
WORDS: Final = {iri: word for word, iri in MATCHES.items()}
#: How a decision was arrived at: a person looked at both sides (a term of SEMAPV).
BY_HAND: Final = "https://w3id.org/semapv/vocab/ManualMappingCuration"

_ACCEPTED, _DECLINED = NamedNode(KYM + "AcceptedLink"), NamedNode(KYM + "DeclinedLink")
_TYPE: Final = NamedNode(RDF + "type")
_SUBJECT, _PREDICATE, _OBJECT = (NamedNode(RDF + name) for name in ("subject", "predicate", "object"))
_DATE: Final = NamedNode(XSD + "date")
_DECIMAL: Final = NamedNode(XSD + "decimal")


@dataclass(frozen=True, slots=True, order=True)
class Text:
    """A text and its language; `lang` is empty where none is known."""

    value: str
    lang: str = ""

    @classmethod
    def of(cls, text: str) -> Text:
        """A text as it is written on the command line, with `@fi` and the like at its end.

        >>> Text.of("Iitti@fi"), Text.of("user@example")
        (Text(value='Iitti', lang='fi'), Text(value='user@example', lang=''))
        """
        value, at, lang = text.rpartition("@")
        return cls(value, lang.lower()) if at and value and _LANG.fullmatch(lang) else cls(text)

    def __str__(self) -> str:
        return f"{self.value}@{self.lang}" if self.lang else self.value

    def literal(self) -> Literal:
        return Literal(self.value, language=self.lang) if self.lang else Literal(self.value)


_LANG: Final = re.compile(r"(?i)(?:[a-z]{2})(?:-[a-z]{2})?")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about one pair."""

    subject: str  #: IRI of ours
    predicate: str  #: full IRI of the SKOS property: what was accepted, or what had been proposed
    object: str  #: IRI of theirs
    accepted: bool
    labels: tuple[Text, ...]  #: names of the object as they were when it was decided
    vocabulary: str  #: IRI of what the object belongs to
    reviewer: str  #: IRI, pseudonymous
    decided_on: str  #: ISO date
    reasons: tuple[Text, ...]
    release: str = ""  #: of the vocabulary
    justification: str = BY_HAND
    confidence: Decimal | None = None  #: 0 to 1
    citations: tuple[Text, ...] = ()
    valid_from: str = ""  #: ISO date or year from which the object holds
    valid_until: str = ""  #: the last day or year

    @property
    def pair(self) -> tuple[str, str]:
        return self.subject, self.object

    @property
    def word(self) -> str:
        """`exact`, `close`, `broad` or `narrow`; the predicate itself if it is none of them."""
        return WORDS.get(self.predicate, self.predicate)

    @property
    def label(self) -> str:
        """One name of the object: the Finnish, else the Swedish, else any."""
        order = {"fi": 0, "sv": 1, "en": 2, "": 3}
        return min(self.labels, key=lambda t: (order.get(t.lang, 4), t.value)).value if self.labels else ""


def iri_of(project: Project, subject: str, object: str) -> NamedNode:
    """What the decision on a pair is called: readable, and the same whoever decides and when.

    >>> from pathlib import Path
    >>> iri_of(Project(Path(".")), "https://w3id.org/kymgraph/id/place/iitti", "http://a.example/p94151").value
    'https://w3id.org/kymgraph/id/link/place-iitti-p94151-5e894ac0'
    """
    ours = subject.removeprefix(project.base.ids)
    theirs = re.split(r"[/#]", object.rstrip("/#"))[-1]
    slug = "-".join(part for part in re.split(r"[^A-Za-z0-9]+", f"{ours}-{theirs}") if part)
    digest = hashlib.sha256(f"{subject} {object}".encode()).hexdigest()[:8]
    return NamedNode(project.base.id("link", f"{slug[:80]}-{digest}"))


def predicate_of(word: str) -> str:
    """The SKOS property for `exact`, `close`, `broad` or `narrow`. Raises BadParameter."""
    try:
        return MATCHES[word.removeprefix("skos:").removesuffix("Match")]
    except KeyError:
        raise BadParameter(
            f"{word!r} is no kind of link; nothing was decided",
            hint=f"write one of {', '.join(MATCHES)}: --predicate exact",
        ) from None


def quads(decision: Decision, project: Project) -> list[Quad]:
    """What stands in the graph for a decision, its SKOS triple included if it was accepted."""
    graph = NamedNode(project.base.graph(GRAPH))
    node = iri_of(project, *decision.pair)
    subject, predicate, object = (NamedNode(one) for one in _triple(decision))
    said: list[tuple[NamedNode, Term]] = [
        (_TYPE, _ACCEPTED if decision.accepted else _DECLINED),
        (_SUBJECT, subject),
        (_PREDICATE, predicate),
        (_OBJECT, object),
        (_kym("vocabulary"), NamedNode(decision.vocabulary)),
        (_kym("linkJustification"), NamedNode(decision.justification)),
        (NamedNode(PROV + "wasAttributedTo"), NamedNode(decision.reviewer)),
        (_kym("decidedOn"), Literal(decision.decided_on, datatype=_DATE)),
    ]
    said += [(_kym("objectLabel"), text.literal()) for text in decision.labels]
    said += [(_kym("reason"), text.literal()) for text in decision.reasons]
    said += [(_kym("citation"), text.literal()) for text in decision.citations]
    if decision.release:
        said.append((_kym("vocabularyRelease"), Literal(decision.release)))
    if decision.confidence is not None:
        said.append((_kym("confidence"), Literal(str(decision.confidence), datatype=_DECIMAL)))
    for name, value in (("validFrom", decision.valid_from), ("validUntil", decision.valid_until)):
        if value:
            said.append((_kym(name), _dated(value)))
    found = [Quad(node, about, value, graph) for about, value in said]
    return [*found, Quad(subject, predicate, object, graph)] if decision.accepted else found


def read(view: View, project: Project) -> list[Decision]:
    """All decisions of the graph `links`, sorted by pair; what is not a whole decision is left out."""
    graph = NamedNode(project.base.graph(GRAPH))
    found = [
        decision
        for kind in (_ACCEPTED, _DECLINED)
        for quad in view.quads(None, _TYPE, kind, graph)
        if isinstance(quad.subject, NamedNode)
        and (decision := _read(view, quad.subject, graph, kind == _ACCEPTED)) is not None
    ]
    return sorted(found, key=lambda one: (*one.pair, one.predicate))


def change(
    view: View, project: Project, decisions: Iterable[Decision], *, reason: str, agent: str
) -> Changeset:
    """The change that records decisions, each in the place of what had been decided about its pair.

    It is exact against the view. Raises BadParameter for an IRI that is none.
    """
    graph = NamedNode(project.base.graph(GRAPH))
    removed: set[Quad] = set()
    added: set[Quad] = set()
    for decision in decisions:
        new = set(quads(decision, project))
        removed |= set(_standing(view, project, decision, graph)) - new
        added |= {quad for quad in new if not _holds(view, quad)}
    return Changeset(
        base=view.generation,
        removed=frozenset(removed - added),
        added=frozenset(added),
        agent=agent,
        reason=reason,
        guard="generation",
    )


def today() -> str:
    """The day, in UTC, as the ledger counts."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


# --- parts ----------------------------------------------------------------------------------------------


def _standing(view: View, project: Project, decision: Decision, graph: NamedNode) -> Iterator[Quad]:
    """What stands about the pair: the old decision, and links between the two of whatever kind."""
    yield from view.quads(iri_of(project, *decision.pair), graph=graph)
    for predicate in MATCHES.values():
        ours, theirs = NamedNode(decision.subject), NamedNode(decision.object)
        yield from view.quads(ours, NamedNode(predicate), theirs, graph)


def _holds(view: View, quad: Quad) -> bool:
    subject, graph = quad.subject, quad.graph_name
    assert isinstance(subject, NamedNode)
    assert isinstance(graph, NamedNode)
    return any(found == quad for found in view.quads(subject, quad.predicate, graph=graph))


def _triple(decision: Decision) -> tuple[str, str, str]:
    for iri in (*decision.pair, decision.vocabulary, decision.reviewer):
        try:
            NamedNode(iri)
        except ValueError as error:
            raise BadParameter(
                f"{iri!r} is not an IRI ({error}); nothing was decided", hint="write it in full: https://…"
            ) from None
    return decision.subject, decision.predicate, decision.object


def _read(view: View, node: NamedNode, graph: NamedNode, accepted: bool) -> Decision | None:
    said: dict[str, list[Term]] = {}
    for quad in view.quads(node, graph=graph):
        if isinstance(quad.object, NamedNode | Literal):
            said.setdefault(quad.predicate.value, []).append(quad.object)

    def texts(name: str) -> tuple[Text, ...]:
        values = (value for value in said.get(KYM + name, []) if isinstance(value, Literal))
        return tuple(sorted(Text(value.value, value.language or "") for value in values))

    def one(iri: str) -> str:
        return min((value.value for value in said.get(iri, [])), default="")

    subject, predicate, object = (one(RDF + name) for name in ("subject", "predicate", "object"))
    if not (subject and predicate and object):
        return None
    confidence = one(KYM + "confidence")
    return Decision(
        subject=subject,
        predicate=predicate,
        object=object,
        accepted=accepted,
        labels=texts("objectLabel"),
        vocabulary=one(KYM + "vocabulary"),
        reviewer=one(PROV + "wasAttributedTo"),
        decided_on=one(KYM + "decidedOn"),
        reasons=texts("reason"),
        release=one(KYM + "vocabularyRelease"),
        justification=one(KYM + "linkJustification"),
        confidence=Decimal(confidence) if confidence else None,
        citations=texts("citation"),
        valid_from=one(KYM + "validFrom"),
        valid_until=one(KYM + "validUntil"),
    )


def _kym(name: str) -> NamedNode:
    return NamedNode(KYM + name)


def _dated(value: str) -> Literal:
    """A year or a day, as exact as it is given."""
    kind = "gYear" if re.fullmatch(r"\d{4}", value) else "date"
    return Literal(value, datatype=NamedNode(XSD + kind))
