"""What the commands `kymgraph link …` share: the vocabulary that is named, what is proposed, and deciding."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kymgraph.cli import changes
from kymgraph.cli.common import Context, note

if TYPE_CHECKING:
    from kymgraph.dataset import Dataset
    from kymgraph.linking.decisions import Decision, Text
    from kymgraph.linking.entities import Entity, Ours
    from kymgraph.linking.match import Suggestion
    from kymgraph.linking.vocabulary import Entry, Vocabulary

#: How often a decision is made again when others commit in between.
_ATTEMPTS: Final = 50


def opened(context: Context) -> Dataset:
    """The dataset of the project and store that the options name."""
    from kymgraph.dataset import Dataset

    return Dataset.open(context.project, context.store.folder, settings=context.settings)


def named_vocabulary(
    context: Context,
    dataset: Dataset,
    to: str,
    url: str,
    finto_url: str,
    via: Path | None,
    iri: str,
    release: str,
    *,
    asks_only: bool = False,
) -> Vocabulary:
    """The vocabulary that `--to` names; with `asks_only` just to look concepts up in it."""
    from kymgraph.linking import decisions, sources
    from kymgraph.linking.asking import Asker
    from kymgraph.net import Client

    asker = Asker(Client(context.settings.allow_hosts), dataset.store.folder / "linking", said=note)
    # Which items YSO places names matters for finding entries, not for looking one up.
    made = [] if asks_only else decisions.read(dataset.view(), dataset.project)
    return sources.named(to, asker, made, url=url, finto_url=finto_url, via=via, iri=iri, release=release)


def suggestions(
    dataset: Dataset, theirs: Vocabulary, types: list[str] | None, only: list[str] | None, limit: int
) -> list[Suggestion]:
    """What is proposed for things of these kinds, or for these things alone. Raises BadParameter."""
    from kymgraph.errors import BadParameter
    from kymgraph.linking import decisions
    from kymgraph.linking.entities import KINDS, Ours
    from kymgraph.linking.match import Matcher

    for type in types or ():
        if type not in KINDS:
            raise BadParameter(
                f"--type is {type!r}; it is a text, one of {', '.join(KINDS)}",
                hint="for example --type place",
            )
    view, project = dataset.view(), dataset.project
    ours = Ours(view)
    if only:
        entities = [entity(ours, project.base.ids, one) for one in only]
        entities = [one for one in entities if not types or one.kind in types]
    else:
        entities = ours.of(types or KINDS)
    made = decisions.read(view, project)
    matcher = Matcher(
        ours.class_names,
        ours.places,
        decided=frozenset(one.pair for one in made),
        exact=frozenset(
            (one.subject, one.vocabulary) for one in made if one.accepted and one.word == "exact"
        ),
    )
    theirs.prepare(entities)
    return [one for entity in entities for one in matcher.suggest(entity, theirs, limit=limit)]


def keep(dataset: Dataset, to: str, found: list[Suggestion]) -> int:
    """Keep proposals for the link desk; gives how many."""
    from kymgraph.linking import kept

    return kept.write(dataset.store.folder, to, found)


def entity(ours: Ours, ids: str, given: str) -> Entity:
    """The thing that an IRI, or the end of one such as place/iitti, names. Raises BadParameter."""
    from kymgraph.errors import BadParameter
    from kymgraph.rdf import NamedNode

    iri = given if "://" in given else ids + given
    try:
        NamedNode(iri)
    except ValueError as error:
        raise BadParameter(f"{given!r} is not an IRI ({error})", hint="for example place/iitti") from None
    if (entity := ours.find(iri)) is None:
        raise BadParameter(
            f"the graph has no place, theme, organisation or fund {iri}; nothing was decided",
            hint="look for it with `kymgraph search NAME`; an IRI may be shortened to place/iitti",
        )
    return entity


def told(labels: tuple[Text, ...]) -> tuple[Text, ...]:
    """The names, of which there has to be one. Raises BadParameter."""
    from kymgraph.errors import BadParameter

    if not labels:
        raise BadParameter(
            "a decision keeps the concept's name as it was seen, and none is given; nothing was decided",
            hint='give it with --label "Iitti@fi", or name the vocabulary to look it up in with --to',
        )
    return labels


def entry(
    context: Context, dataset: Dataset, to: str, url: str, object: str, vocabulary: str, release: str
) -> Entry:
    """The concept as its vocabulary has it. Raises BadParameter for one that it has not."""
    from kymgraph.errors import BadParameter

    theirs = named_vocabulary(context, dataset, to, url, "", None, vocabulary, release, asks_only=True)
    if (entry := theirs.entry(object)) is None:
        raise BadParameter(
            f"{to} has no concept {object}; nothing was decided",
            hint="take the IRI from `kymgraph link suggest`, or leave --to away and give --label",
        )
    return entry


def in_language(reason: str, lang: str) -> Text:
    """A reason in the language that it names at its end, else in the one that the person is spoken to in."""
    from kymgraph.linking.decisions import Text

    told = Text.of(reason)
    return told if told.lang else Text(reason, lang)


def number(text: str | None) -> Decimal | None:
    """A confidence as it is typed. Raises BadParameter."""
    from kymgraph.errors import BadParameter

    if text is None:
        return None
    try:
        value = Decimal(text.replace(",", "."))
    except InvalidOperation:
        value = Decimal(-1)
    if not 0 <= value <= 1:
        raise BadParameter(
            f"--confidence is {text!r}; it is a number from 0 to 1; nothing was decided",
            hint="for example 0.9",
        )
    return value


def operator(context: Context) -> str:
    """Who decides where nobody else is named."""
    from kymgraph.access import OPERATOR

    return context.project.base.id("agent", OPERATOR)


def of_suggestion(
    context: Context, one: Suggestion, match: str, accepted: bool, reason: str, agent: str | None
) -> Decision:
    """The decision on a proposal; without a reason of the person, those of the proposal stand for it."""
    from kymgraph.linking import kept

    told = reason or "; ".join(said.text(context.lang) for said in one.reasons)
    changes.check_about(told)
    return kept.decide(
        one.entity.iri,
        one.entry,
        match,
        accepted=accepted,
        reason=in_language(told, context.lang),
        reviewer=agent or operator(context),
    )


def decide(
    context: Context, dataset: Dataset, decision: Decision, format: str, *, quiet: bool = False
) -> None:
    """Commit a decision, made again from the new state where others commit in between."""
    from kymgraph.commit import Request
    from kymgraph.errors import BaseMoved
    from kymgraph.linking import decisions

    reason = decision.reasons[0].value
    with dataset.turn() as turn:
        for attempt in range(_ATTEMPTS):
            change = decisions.change(
                dataset.view(), dataset.project, [decision], reason=reason, agent=decision.reviewer
            )
            try:
                if quiet:
                    note(changes.sentence(turn.commit(Request(change)), context.lang))
                else:
                    changes.commit(context, dataset, Request(change), format, turn=turn)
            except BaseMoved:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return
