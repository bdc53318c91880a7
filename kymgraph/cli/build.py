"""`kymgraph build`: files in, a store at generation 1 out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli.common import Context, is_terminal, note, result

if TYPE_CHECKING:
    from kymgraph.dataset import Built, Progress


def command(
    ctx: typer.Context,
    discard_history: Annotated[
        bool, typer.Option("--discard-history", help="Replace a store even if it holds commits.")
    ] = False,
) -> None:
    """Check all files of the graph project, then write the store from them.

    Nothing is written if a file cannot be read or the data do not conform to the shapes.

    kymgraph build
    """
    built = run(ctx.obj, discard_history=discard_history)
    manifest = built.manifest
    result(f"generation 1: {manifest.quads} quads in {len(manifest.graphs)} graphs, {ctx.obj.store.folder}\n")


def run(context: Context, *, discard_history: bool = False) -> Built:
    """Build the store of this command line, telling on stderr how far it is."""
    from kymgraph.dataset import build

    with progress_bar() as progress:
        built = build(context.project, context.store, discard_history=discard_history, progress=progress)
    for name, old, new in built.rewritten[:3]:
        note(f"{name}: the store keeps {old.object} as {new.object}")
    if len(built.rewritten) > 3:
        note(f"… and {len(built.rewritten) - 3} more literals in the store's own form")
    if built.report.results:
        note(f"{len(built.report.results)} remark(s) on the data; `kymgraph validate` lists them")
    return built


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr; nothing where nobody watches."""
    if not is_terminal():
        yield lambda step, done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<9}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=1)

        def show(step: str, done: int, of: int) -> None:
            bar.update(task, description=step, completed=done, total=of if of > 1 else None)

        yield show
