"""The desk for links to the vocabularies of others: what is proposed, and what people decide about it.

Proposals are those that the operator had made and kept (`kymgraph link suggest --keep`): the server asks no
vocabulary and no service. A decision is a change of the graph `links` like any other; the gate sees to it
that no link stands without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from api import writes
from api.negotiate import Language
from api.portal import desk
from api.portal.asking import Value
from api.portal.differences import href_of
from api.texts import Texts
from kymgraph.access import Principal
from kymgraph.changeset import Changeset
from kymgraph.dataset import Dataset
from kymgraph.diff import labels_of
from kymgraph.errors import KymgraphError
from kymgraph.linking import decisions, kept
from kymgraph.linking.decisions import GRAPH, MATCHES, Decision
from kymgraph.linking.entities import Ours
from kymgraph.linking.kept import Kept
from kymgraph.rdf import NamedNode
from kymgraph.store.journal import Entry

if TYPE_CHECKING:
    from api.deps import Services

#: Things on one page of the desk, decisions on one page of the list, and commits in the history.
THINGS: Final = 15
DECIDED: Final = 50
COMMITS: Final = 10
#: Commits that are looked through for those about links.
_BACK: Final = 500
#: Proposals that one form decides on.
MANY: Final = 100
#: Open proposals that are searched for pairs, and bytes of each.
_OPEN, _PATCH = 100, 1_000_000
#: Languages of reasons that are told apart in the graph.
_NAMED: Final = ("fi", "sv", "en", "")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One concept of others that a thing may be linked to."""

    key: str
    names: tuple[Value, ...]
    target: Value  #: its IRI, and its address
    vocabulary: str
    release: str
    match: str
    score: float
    reasons: tuple[str, ...]
    about: str  #: what it lies in, what kind of thing it is, and when it holds
    proposed: str  #: id of the open proposal that would decide on it; "" if there is none


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing of ours with what it may be linked to."""

    subject: Value
    kind: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A vocabulary or a kind to show alone, and how many proposals that leaves."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Review:
    """What the desk shows."""

    things: tuple[Thing, ...]
    total: int  #: things that wait
    waiting: int  #: proposals that wait, of all kinds and vocabularies
    page: int
    pages: int
    vocabularies: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    made: str  #: when the newest proposals were made
    ever: bool  #: whether the operator has had any made


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision for the list."""

    subject: Value
    word: str
    target: Value
    accepted: bool
    day: str
    reasons: tuple[Value, ...]
    reviewer: str


class ProposalGone(KymgraphError):
    """A link proposal that does not wait any more: somebody has decided on it, or a new run left it out."""

    code = "proposals-gone"


class NothingChosen(KymgraphError):
    """A decision on several proposals, none of which was chosen."""

    code = "nothing-chosen"


#: What waits in each dataset, as long as neither the kept files nor the graph have changed.
_WAITING: WeakKeyDictionary[Dataset, tuple[object, tuple[Kept, ...]]] = WeakKeyDictionary()


def undecided(services: Services) -> tuple[Kept, ...]:
    """The kept proposals on which nobody has decided."""
    dataset = services.dataset
    view = dataset.view()
    state = (kept.stamp(dataset.store.folder), view.generation)
    found = _WAITING.get(dataset)
    if found is not None and found[0] == state:
        return found[1]
    waiting: tuple[Kept, ...] = ()
    if listed := kept.read(dataset.store.folder):
        done = {one.pair for one in decisions.read(view, services.project)}
        seen: set[tuple[str, str]] = set()
        for one in listed:
            if one.pair not in done and one.pair not in seen:
                seen.add(one.pair)
                waiting += (one,)
    _WAITING[dataset] = (state, waiting)
    return waiting


def waiting(services: Services) -> int:
    """How many link proposals wait for a decision."""
    return len(undecided(services))


# --- what is shown --------------------------------------------------------------------------------------


def review(
    services: Services, lang: Language, principal: Principal, vocabulary: str, kind: str, page: int
) -> Review:
    """One page of what waits. Reads files and the graph: call it in a thread."""
    every = undecided(services)
    chosen = [
        one for one in every if (not vocabulary or one.to == vocabulary) and (not kind or one.kind == kind)
    ]
    by_thing: dict[str, list[Kept]] = {}
    for one in chosen:
        by_thing.setdefault(one.subject, []).append(one)
    pages = max(1, -(-len(by_thing) // THINGS))
    page = min(max(page, 1), pages)
    subjects = list(by_thing)[(page - 1) * THINGS : page * THINGS]
    view, project = services.dataset.view(), services.project
    ours, links = Ours(view), project.base.graph(GRAPH)
    proposed = _proposed(services, principal, [one for subject in subjects for one in by_thing[subject]])
    things = []
    for subject in subjects:
        found = by_thing[subject]
        if not ours.has(subject, beside=links):
            continue  # it has gone since the proposals were made
        names = labels_of(NamedNode(subject), [view])
        things.append(
            Thing(
                _named(services, lang, subject, names, found[0].name),
                found[0].kind,
                tuple(_candidate(lang, one, proposed.get(one.key, "")) for one in found),
            )
        )
    return Review(
        tuple(things),
        len(by_thing),
        len(every),
        page,
        pages,
        _choices(one.to for one in every),
        _choices(one.kind for one in every),
        max((one.made for one in every), default=""),
        bool(kept.stamp(services.dataset.store.folder)),
    )


def _candidate(lang: Language, one: Kept, proposed: str) -> Candidate:
    entry = one.entry
    href = entry.iri if entry.iri.startswith(("http://", "https://")) else ""
    about = [", ".join(entry.types), ", ".join(entry.broader)]
    if entry.valid_from or entry.valid_until:
        texts = Texts(lang)
        about.append(f"{texts.date(entry.valid_from)}–{texts.date(entry.valid_until)}")
    return Candidate(
        key=one.key,
        names=tuple(
            Value(text.value, lang="" if text.lang == lang else text.lang)
            for text in sorted(entry.names, key=lambda text: (text.lang != lang, text))
        ),
        target=Value(entry.iri, entry.iri, href),
        vocabulary=one.to,
        release=entry.release,
        match=one.match,
        score=one.score,
        reasons=tuple(said.text(lang) for said in one.reasons),
        about=" · ".join(part for part in about if part),
        proposed=proposed,
    )


def _choices(names: Iterable[str]) -> tuple[Choice, ...]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return tuple(Choice(name, count) for name, count in sorted(counts.items()))


def _named(services: Services, lang: Language, iri: str, names: Mapping[str, str], otherwise: str) -> Value:
    told = next((code for code in (lang, *_NAMED) if names.get(code)), None)
    text = otherwise if told is None else names[told]
    return Value(text, iri, href_of(services, lang, iri), "" if told in (None, lang) else told or "")


def _proposed(services: Services, principal: Principal, listed: Sequence[Kept]) -> dict[str, str]:
    """By the key of a pair: the open proposal that would decide on it, as far as one may see it."""
    found: dict[str, str] = {}
    nodes = {one.key: decisions.iri_of(services.project, *one.pair).value.encode() for one in listed}
    for proposal in services.access.proposals(principal, state="open", limit=_OPEN):
        if GRAPH in proposal.graphs and proposal.size <= _PATCH:
            patch = services.access.patch(proposal.id, principal)
            found |= {key: proposal.id for key, node in nodes.items() if b"<" + node + b">" in patch}
    return found


def history(services: Services) -> list[Entry]:
    """The newest commits that decided about links, newest first."""
    dataset, iri = services.dataset, services.project.base.graph(GRAPH)
    entries = dataset.history(after=max(1, dataset.generation - _BACK))
    return [entry for entry in entries if iri in entry.graphs][:COMMITS]


def decided(services: Services, lang: Language, words: str, page: int) -> tuple[list[Decided], int, int]:
    """One page of the decisions, newest first; the page, and how many pages there are.

    `words` leaves those whose names or reasons hold them.
    """
    view = services.dataset.view()
    made = sorted(decisions.read(view, services.project), key=lambda one: one.pair)
    made.sort(key=lambda one: one.decided_on, reverse=True)
    names = {subject: labels_of(NamedNode(subject), [view]) for subject in {one.subject for one in made}}
    if words:
        made = [one for one in made if words.casefold() in _searched(one, names[one.subject])]
    pages = max(1, -(-len(made) // DECIDED))
    page = min(max(page, 1), pages)
    shown = made[(page - 1) * DECIDED : page * DECIDED]
    return [_decided(services, lang, one, names[one.subject]) for one in shown], page, pages


def _searched(one: Decision, names: Mapping[str, str]) -> str:
    """What the search for decisions looks through."""
    texts = [*names.values(), *(text.value for text in (*one.labels, *one.reasons)), one.object]
    return "\n".join(texts).casefold()


def _decided(services: Services, lang: Language, one: Decision, names: Mapping[str, str]) -> Decided:
    href = one.object if one.object.startswith(("http://", "https://")) else ""
    own = [text for text in one.reasons if text.lang == lang] or list(one.reasons[:1])
    return Decided(
        subject=_named(services, lang, one.subject, names, one.subject),
        word=one.word if one.word in MATCHES else "",
        target=Value(one.label or one.object, one.object, href),
        accepted=one.accepted,
        day=one.decided_on,
        reasons=tuple(Value(text.value, lang="" if text.lang == lang else text.lang) for text in own),
        reviewer=one.reviewer.rpartition("/")[2],
    )


# --- deciding -------------------------------------------------------------------------------------------


async def decide(
    services: Services,
    asked: writes.Asked,
    keys: Collection[str],
    *,
    accepted: bool,
    match: str,
) -> desk.Written:
    """Write the decisions on some proposals as one change; `match` is "" for the one proposed with each.

    Raises ProposalGone if one of them does not wait any more, and what refuses a change.
    """
    reviewer = asked.principal.agent(services.project.base)

    def made() -> Changeset:
        by_key = {one.key: one for one in undecided(services)}
        chosen = [by_key.get(key) for key in keys]
        if not keys or len(keys) > MANY or None in chosen:
            raise ProposalGone("nothing was decided: a proposal does not wait for a decision any more")
        decided = [
            one.decision(
                match or one.match,
                accepted=accepted,
                reason=asked.reason,
                lang=asked.lang,
                reviewer=reviewer,
            )
            for one in chosen
            if one is not None
        ]
        many = Texts(asked.lang)("linkdesk.reason.many", n=len(decided))
        told = decided[0].reasons[0].value[:1000] if len(decided) == 1 else many
        return decisions.change(
            services.dataset.view(), services.project, decided, reason=told, agent=reviewer
        )

    # Whoever sends a form twice meets the first answer: the writer looks for it before it makes the change.
    return desk.Written.of(await writes.carry_out(services, asked, lambda: asyncio.to_thread(made)))


def address(vocabulary: str, kind: str, page: int, written: desk.Written | None = None) -> str:
    """The path of the desk as somebody had it, and what has just been written.

    >>> address("", "place", 2)
    '/edit/links?kind=place&page=2'
    """
    told: dict[str, str] = {}
    if vocabulary:
        told["vocabulary"] = vocabulary
    if kind:
        told["kind"] = kind
    if page > 1:
        told["page"] = str(page)
    if written is not None and written.commit:
        told["done"] = str(written.commit)
    if written is not None and written.proposal:
        told["proposed"] = written.proposal
    return "/edit/links" + (f"?{urlencode(told)}" if told else "")
