"""`kymgraph mcp`: the graph for agents, over standard input and output."""

from __future__ import annotations

import importlib.util
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from kymgraph.cli.common import Context, note

#: Where the token may stand, so that no list of processes shows it.
VARIABLE: Final = "KYMGRAPH_TOKEN"


def command(
    ctx: typer.Context,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file that holds the editor's token for proposals, read anew for each. Default: the "
            f"variable {VARIABLE}; without either the agent may only read.",
        ),
    ] = None,
) -> None:
    """Serve the graph to an agent over the Model Context Protocol, on standard input and output.

    An agent's program starts this command itself; docs/agents.md says how. It needs the extra "mcp".
    Builds the store first if there is none. Ends when the agent hangs up, or with Ctrl-C.

    kymgraph mcp --token-file ~/.config/kymgraph/agent.token
    """
    from kymgraph.errors import InputError

    if importlib.util.find_spec("mcp") is None:
        raise InputError(
            "the Model Context Protocol is not installed here; nothing was started",
            hint="install it with the extra: pip install 'kymgraph[mcp]'",
        )
    context: Context = ctx.obj
    _token(token_file)
    store = context.store
    if not store.exists:
        from kymgraph.cli.build import run as build

        note(f"no store in {store.folder} yet: building it")
        build(context)
    from kymgraph.mcp import server

    server.run(
        context.project,
        store.folder,
        context.settings,
        token=partial(_token, token_file),
        lang=context.lang_option,
    )


def _token(file: Path | None) -> str:
    from kymgraph.errors import InputError

    if file is None:
        return os.environ.get(VARIABLE, "").strip()
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InputError(f"the token could not be read from {file}: {why}; nothing was done") from None
