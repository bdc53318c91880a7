"""How the commands show a change, its verdict, and what became of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from kymgraph.cli.common import Context, is_terminal, note, result

if TYPE_CHECKING:
    from kymgraph.changeset import Changeset
    from kymgraph.commit import Outcome, Request
    from kymgraph.dataset import Dataset
    from kymgraph.diff import Diff
    from kymgraph.queries import NamedQuery
    from kymgraph.report import Report
    from kymgraph.view import View
    from kymgraph.writer import Turn

#: How a report gets the places in the input that its results are about.
Located: TypeAlias = "Callable[[Report], Report]"
FORMATS = ("text", "json", "patch")

_DONE = {
    "fi": {
        "committed": "Muutos {number} on tallennettu. Tietoja lisätty: {added}, poistettu: {removed}.",
        "unchanged": "Mitään ei tallennettu: kaikki tämä on graafissa jo ennestään (versio {number}).",
        "repeated": "Tämä muutos on tallennettu jo aiemmin: se on muutos {number}.",
        "checked": "Mitään ei tallennettu. Muutos voidaan hyväksyä. Tietoja lisättäisiin: {added}, "
        "poistettaisiin: {removed} (pohjana versio {number}).",
        "refused": "Mitään ei tallennettu. Muutosta ei hyväksytä ennen kuin virheet on korjattu.",
    },
    "sv": {
        "committed": "Ändring {number} har sparats. Uppgifter tillagda: {added}, borttagna: {removed}.",
        "unchanged": "Inget sparades: allt detta finns redan i grafen (version {number}).",
        "repeated": "Den här ändringen har redan sparats: den är ändring {number}.",
        "checked": "Inget sparades. Ändringen kan godkännas. Uppgifter som skulle läggas till: {added}, "
        "tas bort: {removed} (utgående från version {number}).",
        "refused": "Inget sparades. Ändringen godkänns inte förrän felen har rättats.",
    },
    "en": {
        "committed": "Commit {number} is written. Quads added: {added}, removed: {removed}.",
        "unchanged": "Nothing was written: the graph is like that already (generation {number}).",
        "repeated": "This change was written before: it is commit {number}.",
        "checked": "Nothing was written. The change can be accepted. Quads it would add: {added}, "
        "remove: {removed} (against generation {number}).",
        "refused": "Nothing was written. The change is not accepted until the violations are mended.",
    },
}


_ASKING = {
    "fi": "Selvitetään, mihin kysymyksiin muutos vaikuttaa …",
    "sv": "Tar reda på vilka frågor ändringen påverkar …",
    "en": "finding out which questions the change touches …",
}
_ALTERED = {
    "fi": "Näihin kysymyksiin tulisi toinen vastaus:",
    "sv": "Dessa frågor skulle få ett annat svar:",
    "en": "These questions would be answered differently:",
}


def check_format(format: str) -> None:
    """Raise InputError for a format that no change is shown in."""
    from kymgraph.errors import InputError

    if format not in FORMATS:
        raise InputError(f"a change is not shown as {format!r}; there is {', '.join(FORMATS)}")


def check_about(reason: str, *iris: str | None) -> None:
    """See that what is said of a change can be written: why, and by whom or as what. Raises BadParameter."""
    from kymgraph.commit import check_reason
    from kymgraph.errors import BadParameter
    from kymgraph.rdf import NamedNode

    if not reason.strip():
        raise BadParameter(
            "nothing was written: the reason is empty", hint="say in one sentence why: --reason TEXT"
        )
    check_reason(reason)
    for iri in iris:
        try:
            NamedNode(iri or "urn:none")
        except ValueError as error:
            raise BadParameter(
                f"nothing was written: {iri!r} is not an IRI ({error})",
                hint="write it in full, such as https://w3id.org/kymgraph/id/agent/toimisto",
            ) from None


def sentence(outcome: Outcome, lang: str) -> str:
    """What became of a change, in one sentence."""
    status: str = outcome.status
    if status == "checked":
        status = "unchanged" if outcome.change.empty else "checked" if outcome.report.accepted else "refused"
    return _DONE[lang][status].format(
        number=outcome.generation, added=len(outcome.change.added), removed=len(outcome.change.removed)
    )


#: Quads from which a person at the terminal is told that something goes on.
_LONG = 1000


@contextlib.contextmanager
def _waiting(request: Request) -> Iterator[None]:
    """Say on stderr that a long change is being worked on; nothing where nobody watches."""
    quads = len(request.change.removed) + len(request.change.added)
    if quads < _LONG or not is_terminal():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{quads:,} quads pass the gate"):
        yield


def _as_it_is(report: Report) -> Report:
    return report


def commit(
    context: Context,
    dataset: Dataset,
    request: Request,
    format: str,
    *,
    located: Located = _as_it_is,
    turn: Turn | None = None,
) -> None:
    """Commit (with the turn of this change, if it has one) and print the outcome; a refusal is raised.

    `located` gives results their places.
    """
    from kymgraph.errors import GateRejected
    from kymgraph.report import REJECTED, Report

    before = dataset.generation
    try:
        with _waiting(request):
            outcome = (turn or dataset).commit(request)
    except GateRejected as error:
        if isinstance(error.report, Report):
            error.report = located(error.report)
        error.message = REJECTED[context.lang]
        raise
    outcome = replace(outcome, report=located(outcome.report))
    show(context, dataset, outcome, format, views=[dataset.view(), *_kept(dataset, before)])


def check(
    context: Context, dataset: Dataset, request: Request, format: str, *, located: Located = _as_it_is
) -> bool:
    """Check and print the outcome; whether the change would be accepted."""
    import asyncio

    with _waiting(request):
        outcome = dataset.check(request)
    outcome = replace(outcome, report=located(outcome.report))
    # What is refused changes no answer.
    idle = outcome.change.empty or not outcome.report.accepted
    if not idle and is_terminal():
        note(_ASKING[context.lang])
    altered = [] if idle else asyncio.run(_questions(dataset, outcome.change))
    show(context, dataset, outcome, format, views=[dataset.view()], altered=altered)
    return outcome.report.accepted


async def _questions(dataset: Dataset, change: Changeset) -> list[NamedQuery]:
    try:
        return await dataset.questions(change)
    finally:
        await dataset.aclose()


def show(
    context: Context,
    dataset: Dataset,
    outcome: Outcome,
    format: str,
    *,
    views: list[View],
    altered: Sequence[NamedQuery] = (),
) -> None:
    """Print an outcome: what changes (results), what became of it (a note), and the gate's remarks.

    `altered` are the questions that would be answered differently.
    """
    from kymgraph.changeset import to_patch

    shown = _diff(dataset, outcome.change, views)
    if format == "patch":
        result(to_patch(outcome.change))
    elif format == "json":
        result(
            json.dumps(
                {
                    "status": outcome.status,
                    "generation": outcome.generation,
                    "added": len(outcome.change.added),
                    "removed": len(outcome.change.removed),
                    "diff": shown.to_list(),
                    "report": outcome.report.to_dict(),
                    **(
                        {"questions": [query.name for query in altered]}
                        if outcome.status == "checked"
                        else {}
                    ),
                },
                ensure_ascii=False,
                indent=2,
            )
            + "\n"
        )
        return
    else:
        result(shown.to_text(context.lang) + "\n")
    if outcome.report.results:
        note(outcome.report.to_text(context.lang))
    if altered:
        note(_ALTERED[context.lang])
        for query in altered:
            note(f"  {query.name}  {query.summary.get(context.lang, '')}")
    note(sentence(outcome, context.lang))


def show_change(
    context: Context, dataset: Dataset, change: Changeset, format: str, *, head: dict[str, Any] | None = None
) -> None:
    """Print a change of the past."""
    from kymgraph.changeset import to_patch

    if format == "patch":
        result(to_patch(change))
        return
    shown = _diff(dataset, change, [dataset.view()])
    if format == "json":
        result(json.dumps({**(head or {}), "diff": shown.to_list()}, ensure_ascii=False, indent=2) + "\n")
    else:
        result(shown.to_text(context.lang, most=10_000) + "\n")


def _diff(dataset: Dataset, change: Changeset, views: list[View]) -> Diff:
    from kymgraph.diff import diff

    return diff(change, views, dataset.project.base, dataset.project.prefixes)


def _kept(dataset: Dataset, generation: int) -> list[View]:
    """The state before a commit, where names of what is gone stand; nothing if it is not kept any more."""
    from kymgraph.errors import KymgraphError

    try:
        return [dataset.view(generation)]
    except KymgraphError:
        return []
