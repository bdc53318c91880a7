"""`kymgraph apply` and `kymgraph check`: one change from a file, committed or only looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from kymgraph.cli import changes
from kymgraph.cli.common import Context, is_terminal, note

if TYPE_CHECKING:
    from kymgraph.commit import Request
    from kymgraph.dataset import Dataset
    from kymgraph.report import Report

#: How often a change is made again when others commit in between.
_ATTEMPTS: Final = 50

#: From so many bytes on, reading a file takes long enough to say so to whoever waits.
_LARGE: Final = 200_000
_READING: Final = {"fi": "Luetaan {file} …", "sv": "Läser {file} …", "en": "reading {file} …"}

File = Annotated[
    Path,
    typer.Argument(metavar="FILE|-", help="What to apply; - reads stdin."),
]
Type = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="TYPE",
        help="What FILE is, if its suffix does not say: ru rdfp ttl trig nt nq jsonld rdf csv xlsx.",
    ),
]
Graph = Annotated[
    str | None, typer.Option(metavar="NAME", help="The graph that triples without one belong to.")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Make the file the whole content of its graph, not an addition.")
]
Agent = Annotated[str | None, typer.Option(metavar="IRI", help="Who answers for it. Default: the operator.")]
Id = Annotated[
    str | None, typer.Option(metavar="IRI", help="Idempotency key: the same id is committed once.")
]
Format = Annotated[str, typer.Option(help="How the change is shown: text, json or patch (RDF Patch).")]


def command(
    ctx: typer.Context,
    file: File,
    reason: Annotated[str, typer.Option(help="One sentence for the ledger.")],
    type: Type = None,
    graph: Graph = None,
    replace: Replace = False,
    agent: Agent = None,
    id: Id = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and show the difference; write nothing.")
    ] = False,
    format: Format = "text",
) -> None:
    """Commit FILE (SPARQL Update, RDF, RDF Patch, spreadsheet) as one change, through the gate.

    Works with a server running and without. Exit status 1: the shapes refuse it, and the report says why.

    kymgraph apply projects.xlsx --graph hankkeet --reason "Budjetti päätetty" --dry-run
    """
    changes.check_format(format)
    changes.check_about(reason, agent, id)
    context: Context = ctx.obj
    with _opened(context) as dataset:
        if not dry_run:
            _commit(context, dataset, format, file, type, graph, replace, reason, agent, id)
            return
        request, located = _request(context, dataset, file, type, graph, replace, reason, agent, id)
        if not changes.check(context, dataset, request, format, located=located):
            raise typer.Exit(1)


def _commit(context: Context, dataset: Dataset, format: str, file: Path, *about: Any) -> None:
    """Make the change and commit it; made again from the new state where others commit in between."""
    from kymgraph.errors import BaseMoved

    with dataset.turn() as turn:
        for attempt in range(_ATTEMPTS):
            request, located = _request(context, dataset, file, *about)
            try:
                changes.commit(context, dataset, request, format, located=located, turn=turn)
            except BaseMoved:
                # Standard input is read once, so what it said cannot be asked again.
                if str(file) == "-" or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return


def check(
    ctx: typer.Context,
    file: File,
    type: Type = None,
    graph: Graph = None,
    replace: Replace = False,
    reason: Annotated[str, typer.Option(help="The sentence for the ledger, checked like the rest.")] = "",
    format: Format = "text",
) -> None:
    """Show what FILE would change and what the gate says of it; write nothing.

    kymgraph check projects.xlsx --graph hankkeet
    """
    changes.check_format(format)
    if reason:
        changes.check_about(reason)
    context: Context = ctx.obj
    with _opened(context) as dataset:
        request, located = _request(context, dataset, file, type, graph, replace, reason, None, None)
        if not changes.check(context, dataset, request, format, located=located):
            raise typer.Exit(1)


def _opened(context: Context) -> Dataset:
    from kymgraph.dataset import Dataset

    return Dataset.open(context.project, context.store.folder, settings=context.settings)


def _request(
    context: Context,
    dataset: Dataset,
    file: Path,
    type: str | None,
    graph: str | None,
    replace: bool,
    reason: str,
    agent: str | None,
    id: str | None,
) -> tuple[Request, changes.Located]:
    """The change that a file makes in the state of now, and how a report gets its places in the file."""
    import dataclasses

    from kymgraph import intake
    from kymgraph.access import OPERATOR
    from kymgraph.changeset import Changeset
    from kymgraph.commit import Request
    from kymgraph.errors import InputError
    from kymgraph.gate.locate import Locator

    if str(file) != "-" and (file.is_dir() or not file.exists()):
        what = "is a folder, not a file" if file.is_dir() else "does not exist"
        raise InputError(f"{file} {what}; nothing was changed", hint="name one file, or - for standard input")
    if is_terminal() and str(file) != "-" and file.stat().st_size > _LARGE:
        note(_READING[context.lang].format(file=file.name))
    made = intake.from_file(
        file,
        dataset=dataset,
        as_=type,
        graph=graph,
        mode="replace" if replace else "add",
        lang=context.lang,
        **dataset.pool_options,
    )
    change = made if isinstance(made, Changeset) else made.change
    change = dataclasses.replace(
        change,
        reason=reason or change.reason,
        agent=agent or change.agent or context.project.base.id("agent", OPERATOR),
        id=id or change.id,
    )

    def located(report: Report) -> Report:
        if not isinstance(made, Changeset):
            return made.located(report, context.lang)
        return Locator.of([(str(file), file, None)]).located(report)  # on which line, where that can be told

    return Request(change), located
