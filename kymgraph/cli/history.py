"""`kymgraph log`, `show`, `diff` and `revert`: the commits so far, and undoing one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli import changes
from kymgraph.cli.common import Context, result

if TYPE_CHECKING:
    from kymgraph.dataset import Dataset
    from kymgraph.store.journal import Entry

Number = Annotated[
    int, typer.Argument(metavar="N", help="The number of a commit, as `kymgraph log` shows it.")
]
Format = Annotated[str, typer.Option(help="text, json or patch (RDF Patch).")]

_WORDS = {
    "fi": {
        "quads": "+{added} −{removed}",
        "reverts": "kumoaa muutoksen {number}",
        "accepted": "hyväksyjä {who}",
        "none": "Ei muutoksia.",
    },
    "sv": {
        "quads": "+{added} −{removed}",
        "reverts": "ångrar ändring {number}",
        "accepted": "godkänd av {who}",
        "none": "Inga ändringar.",
    },
    "en": {
        "quads": "+{added} −{removed}",
        "reverts": "reverts commit {number}",
        "accepted": "accepted by {who}",
        "none": "No commits yet.",
    },
}


def log(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    graph: Annotated[str | None, typer.Option(metavar="NAME", help="Only commits that touched it.")] = None,
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> None:
    """List the commits since the store was built, newest first.

    kymgraph log --limit 10
    """
    from kymgraph.errors import InputError
    from kymgraph.ledger import to_dict
    from kymgraph.store.rules import named_graph

    if format not in ("text", "json"):
        raise InputError(f"the commits are not listed as {format!r}; there is text, json")
    context: Context = ctx.obj
    dataset = _opened(context)
    iri = None if graph is None else named_graph(context.project, graph).value
    entries = [entry for entry in dataset.history() if iri is None or iri in entry.graphs][:limit]
    if format == "json":
        listed = [to_dict(context.project, entry) for entry in entries]
        result(json.dumps(listed, ensure_ascii=False, indent=2) + "\n")
        return
    words = _WORDS[context.lang]
    for entry in entries:
        result(_line(context, entry, words) + "\n")
    if not entries:
        from kymgraph.cli.common import note

        note(words["none"])


def show(ctx: typer.Context, number: Number, format: Format = "text") -> None:
    """Show one commit: who, when, why, and what it changed.

    kymgraph show 12
    """
    from kymgraph.ledger import report_of, to_dict

    changes.check_format(format)
    context: Context = ctx.obj
    dataset = _opened(context)
    entry, change = dataset.entry(number), dataset.changeset(number)
    if format == "text":
        result(_line(context, entry, _WORDS[context.lang]) + "\n")
    head = {**to_dict(context.project, entry), "report": report_of(entry)}
    changes.show_change(context, dataset, change, format, head=head)


def diff(
    ctx: typer.Context,
    one: Annotated[str, typer.Argument(metavar="A", help="A generation: its number, or a date or time.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Another; default: the newest.")] = "",
    format: Format = "text",
) -> None:
    """Show what changed from generation A to generation B.

    kymgraph diff 2026-11-01 2026-11-22
    """
    changes.check_format(format)
    context: Context = ctx.obj
    dataset = _opened(context)
    last = dataset.generation_at(other) if other else dataset.generation
    change = dataset.between(dataset.generation_at(one), last)
    changes.show_change(context, dataset, change, format)


def revert(
    ctx: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option(help="One sentence for the ledger.")],
    agent: Annotated[str | None, typer.Option(metavar="IRI", help="Who answers for it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show it; write nothing.")] = False,
    format: Format = "text",
) -> None:
    """Undo commit N by a new commit, which meets the gate like any other.

    Refused (status 5) where later commits changed the same quads: revert those first.

    kymgraph revert 12 --reason "Lisätty väärään ohjelmaan"
    """
    from kymgraph.access import OPERATOR

    changes.check_format(format)
    changes.check_about(reason, agent)
    context: Context = ctx.obj
    dataset = _opened(context)
    agent = agent or context.project.base.id("agent", OPERATOR)
    request = dataset.revert(number, reason=reason, agent=agent)
    if not dry_run:
        changes.commit(context, dataset, request, format)
    elif not changes.check(context, dataset, request, format):
        raise typer.Exit(1)


def _opened(context: Context) -> Dataset:
    from kymgraph.dataset import Dataset

    return Dataset.open(context.project, context.store.folder)


def _line(context: Context, entry: Entry, words: dict[str, str]) -> str:
    """One commit on one line: number, time, how much, who, why."""
    from kymgraph.ledger import accepted_by

    agents = context.project.base.id("agent", "")
    who = entry.agent.removeprefix(agents)
    parts = [
        f"{entry.number:>5}  {entry.time[:19].replace('T', ' ')}",
        words["quads"].format(added=entry.added, removed=entry.removed).ljust(11),
        who,
        entry.reason,
    ]
    if (decided := accepted_by(context.project, entry)) is not None:
        parts.append(f"({words['accepted'].format(who=decided.removeprefix(agents))})")
    if "reverts" in entry.more:
        parts.append(f"({words['reverts'].format(number=entry.more['reverts'])})")
    return "  ".join(part for part in parts if part)
