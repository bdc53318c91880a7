"""`kymgraph redact`: take a text out of everything the store holds, history too."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli.build import progress_bar
from kymgraph.cli.common import Context, note, result

if TYPE_CHECKING:
    from kymgraph.redaction import Found, Redacted


_IRIS = "IRIs that hold it stay, also in the history; rename the things by a change"


def command(
    ctx: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT|-", help="A name or an address, exactly; - reads one line of stdin."),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="One sentence for the public ledger; it must not hold the text.")
    ] = "",
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", help="Also where it is written in other case.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say where it stands; write nothing. A server may be running.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish a redaction that was cut off.")] = False,
) -> None:
    """Take TEXT out of the graph, its history, proposals and tokens' names; a mark stands in its place.

    It cannot be undone. Stop the server first. Files of the project and backups stay as they are. Exit status
    1: the store holds the text still, in IRIs.

    kymgraph redact "Maija Meri" --reason "Pyyntö 12/2026" --dry-run
    """
    from kymgraph import redaction
    from kymgraph.errors import InputError

    context: Context = ctx.obj
    if resume:
        if text is not None or dry_run:
            raise InputError("--resume stands alone: what is to be done was said before; nothing was done")
        with progress_bar() as progress:
            done = redaction.resume(context.project, context.store, progress=progress)
        _done(done)
        return
    if text is None:
        raise InputError("no text was given; nothing was done", hint="kymgraph redact TEXT --reason …")
    if text == "-":
        text = sys.stdin.readline().rstrip("\n")
    with progress_bar() as progress:
        found = redaction.look(
            context.project, context.store, text, ignore_case=ignore_case, progress=progress
        )
    _show(found)
    if dry_run or not found.anything:
        _list(_IRIS, found.iris)
        _list("files of the project that hold it", found.files)
        note("Nothing was written." if found.anything else "There is nothing to redact; nothing was written.")
        raise typer.Exit(bool(found.typed))
    if not yes and not _confirmed():
        raise InputError("nothing was written: it was not confirmed", hint="--yes does it without asking")
    with progress_bar() as progress:
        done = redaction.redact(
            context.project, context.store, text, reason=reason, ignore_case=ignore_case, progress=progress
        )
    _done(done)


def _confirmed() -> bool:
    return sys.stdin.isatty() and typer.confirm(
        "Take it out for good, of the history too? This cannot be undone.", err=True
    )


def _show(found: Found) -> None:
    for place, count in found.places.items():
        result(f"{count:>7}  {place}\n")
    if found.anything and found.older > 0:
        result(f"{found.older:>7}  older checkpoints, removed or made anew\n")
    _list("in the graph", found.examples)
    _list("these are no texts, so it cannot be redacted", found.typed)


def _done(done: Redacted) -> None:
    if done.number is None:
        note("There is nothing to redact; nothing was written.")
    else:
        result(f"Commit {done.number}: the text is out of the graph, its history and proposals.\n")
    if done.report is not None and not done.report.accepted:
        note(f"With the marks the graph breaks its shapes in {len(done.report.violations)} place(s):")
        note(done.report.to_text("en"))
    _list(_IRIS, done.found.iris)
    _list("files of the store in which it can still be read", done.left)
    _list(
        "files of the project that hold it; the next import (also by `serve`) or build would bring it back. "
        "`kymgraph export` writes the data files anew; mend the others by hand",
        done.found.files,
    )
    if done.number is not None:
        note("Backups, copies and the version control of the files are not touched: look there as well.")
    raise typer.Exit(bool(done.left))


def _list(what: str, lines: object) -> None:
    from kymgraph.redaction import LISTED

    listed = list(lines)  # type: ignore[call-overload]
    if listed:
        note(f"{what}:")
        for line in listed[:LISTED]:
            note(f"  {line}")
        if len(listed) > LISTED:
            note(f"  … and {len(listed) - LISTED} more")
