"""`kymgraph token`: who may write. Tokens are made, listed and revoked by whoever may read the store's files.

No token is asked for here: the rights on the access file (0600) decide. The server need not run nor stop.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli.common import Context, note, result

if TYPE_CHECKING:
    from kymgraph.access import Access, Token

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Make, list and revoke access tokens.")


@app.command()
def create(
    ctx: typer.Context,
    role: Annotated[
        str,
        typer.Option(
            metavar="reader|editor|publisher|admin",
            help="reader: higher limits; editor: proposes; publisher: commits; admin: everything.",
        ),
    ],
    name: Annotated[str, typer.Option(help="Whose it is; it never leaves the access file.")],
    graph: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only for writing to this graph; may be given several times. Default: all."
        ),
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="90d|2027-01-31|never", help="When it ends; a date is its last day (UTC).")
    ] = "90d",
) -> None:
    """Make a token and print it, alone and this once: only its hash is kept.

    kymgraph token create --role publisher --name "Maija, budget" --graph lineage --expires 30d
    """
    from kymgraph.access import ROLES, expiry
    from kymgraph.errors import InputError

    chosen = next((one for one in ROLES if one == role), None)
    if chosen is None:
        raise InputError(f"{role!r} is no role; there are {', '.join(ROLES)}; no token was made")
    with _open(ctx.obj) as access:
        text, token = access.create_token(
            name, chosen, graphs=graph or (), expires=expiry(expires, datetime.now(UTC))
        )
    result(text + "\n")
    until = "has no end" if token.expires is None else f"ends {token.expires:%Y-%m-%d %H:%M} UTC"
    note(f"token {token.id} of {token.name} {until}; it cannot be shown again")


@app.command("list")
def list_(
    ctx: typer.Context,
    format: Annotated[str, typer.Option(metavar="table|json")] = "table",
) -> None:
    """List all tokens, also expired and revoked ones; what is secret about them is not kept.

    kymgraph token list --format json
    """
    from kymgraph.errors import InputError

    if format not in ("table", "json"):
        raise InputError(f"no list of tokens in format {format!r}; there are table and json")
    with _open(ctx.obj) as access:
        tokens = access.tokens()
    now = datetime.now(UTC)
    if format == "json":
        rows = [asdict(token) | {"state": token.state(now)} for token in tokens]
        result(json.dumps(rows, indent=1, ensure_ascii=False, default=_plain) + "\n")
    else:
        _table(tokens, now)


@app.command()
def revoke(
    ctx: typer.Context,
    token: Annotated[str, typer.Argument(metavar="NAME|ID", help="A live token, as `token list` shows it.")],
) -> None:
    """End a token: from the next request on it is worth nothing, wherever a server runs.

    kymgraph token revoke "Maija, budget"
    """
    with _open(ctx.obj) as access:
        ended = access.revoke(token)
    note(f"token {ended.id} of {ended.name} is revoked")


def _open(context: Context) -> Access:
    from kymgraph.access import FILE, Access

    return Access(context.store.folder / FILE)


def _plain(value: datetime | date) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _table(tokens: list[Token], now: datetime) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, show_edge=False)
    for column in ("id", "name", "role", "graphs", "state", "expires", "last used", "agent"):
        drawn.add_column(column, overflow="fold")
    for token in tokens:
        cells = (
            token.id,
            token.name,
            token.role,
            ", ".join(token.graphs) or "all",
            token.state(now),
            "never" if token.expires is None else f"{token.expires:%Y-%m-%d}",
            "" if token.last_used is None else token.last_used.isoformat(),
            token.agent_slug,
        )
        drawn.add_row(*map(Text, cells))
    console = Console(width=None if sys.stdout.isatty() else 100_000, highlight=False)
    with console.capture() as drawing:
        console.print(drawn)
    lines = [line.rstrip() for line in drawing.get().splitlines()]
    result("\n".join(lines) + f"\n\n{len(tokens)} token{'' if len(tokens) == 1 else 's'}\n")
