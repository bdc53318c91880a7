"""`kymgraph import`: files that were edited, merged into a store that may have commits of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli import changes
from kymgraph.cli.build import progress_bar
from kymgraph.cli.common import Context, note

if TYPE_CHECKING:
    from kymgraph.commit import Outcome


def command(
    ctx: typer.Context,
    reason: Annotated[
        str, typer.Option(help="One sentence for the ledger. Default: which files changed.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the merge; write nothing.")] = False,
    format: Annotated[str, typer.Option(help="text, json or patch (RDF Patch).")] = "text",
) -> None:
    """Take edited project files (data, ontology, shapes) into the store as one commit.

    What was committed since and what was edited are both kept. Where both changed the same field of the same
    resource, nothing is written and the fields are listed (status 5). The merged state is judged as a whole.

    kymgraph import --dry-run
    """
    changes.check_format(format)
    if reason:
        changes.check_about(reason)
    context: Context = ctx.obj
    outcome = run(context, reason=reason, dry_run=dry_run)
    if outcome is None:
        note("no file has changed since the store was built, imported into or exported")
        return
    from kymgraph.dataset import Dataset

    dataset = Dataset.open(context.project, context.store.folder)
    changes.show(context, dataset, outcome, format, views=[dataset.view()])


def run(context: Context, *, reason: str = "", dry_run: bool = False) -> Outcome | None:
    """Merge the project's files into the store of this command line; None if there is nothing to merge."""
    from kymgraph.access import OPERATOR
    from kymgraph.importing import import_files

    with progress_bar() as progress:
        return import_files(
            context.project,
            context.store,
            reason=reason,
            agent=context.project.base.id("agent", OPERATOR),
            dry_run=dry_run,
            progress=progress,
        )
