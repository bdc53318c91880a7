"""`kymgraph backup` and `kymgraph restore`: a copy of the store, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kymgraph.cli.build import progress_bar
from kymgraph.cli.common import Context, note, result

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")]


def backup(ctx: typer.Context, folder: Folder) -> None:
    """Copy the store into the new folder DIR: state, history, tokens, proposals. A server may be running.

    The project's files are not in it. On the disk of the store it takes little room, as files are linked;
    keep one on another disk.

    kymgraph backup /var/backups/kymgraph-2026-11-22
    """
    from kymgraph import backup as backups

    context: Context = ctx.obj
    with progress_bar() as progress:
        made = backups.backup(context.store, folder, progress=progress)
    result(f"generation {made.generation}: {len(made.files)} files, {folder}\n")


def restore(
    ctx: typer.Context,
    folder: Folder,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a store that has commits, tokens or proposals.")
    ] = False,
) -> None:
    """Put the backup in DIR in the place of the store, after each file was held against its hash.

    Stop the server first. Tokens are those of the backup: revoke again what was revoked since.

    kymgraph restore /var/backups/kymgraph-2026-11-22
    """
    from kymgraph import backup as backups

    context: Context = ctx.obj
    with progress_bar() as progress:
        made = backups.restore(context.project, context.store, folder, force=force, progress=progress)
    result(f"generation {made.generation}: {context.store.folder}\n")
    note(f"The backup was made at {made.time}; what was redacted, or revoked, since then is back.")
