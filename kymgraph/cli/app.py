"""The command `kymgraph`: global options, the list of commands, and what an error looks like.

`main` is the entry point. Errors of the library become one line on stderr, the next step below it, and the
exit status of their code; what was not foreseen is status 70.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from kymgraph.cli import (
    apply,
    backup,
    build,
    catalog,
    doctor,
    dumps,
    evidence,
    exits,
    export,
    harvest,
    history,
    import_,
    link,
    mcp,
    query,
    reason,
    redact,
    search,
    serve,
    template,
    token,
    validate,
)
from kymgraph.cli.common import LANGUAGES, Context, note
from kymgraph.errors import GateRejected, KymgraphError, SheetRefused

#: Options that may stand before or after the command.
GLOBAL: Final = ("--project", "--store", "--lang")


def to_front(args: list[str]) -> list[str]:
    """Move the global options before the command, up to a `--`.

    >>> to_front(["query", "--store", "x", "ASK {}", "--lang=fi"])
    ['--store', 'x', '--lang=fi', 'query', 'ASK {}']
    """
    moved: list[str] = []
    rest: list[str] = []
    remaining = iter(args)
    for arg in remaining:
        if arg == "--":
            rest += [arg, *remaining]
        elif arg in GLOBAL:
            value = next(remaining, None)
            if value is None:
                raise typer.BadParameter("a value is missing", param_hint=arg)
            moved += [arg, value]
        elif arg.startswith(tuple(option + "=" for option in GLOBAL)):
            moved.append(arg)
        else:
            rest.append(arg)
    return moved + rest


class _Group(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, to_front(args))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KymgraphError as error:
            _explain(error, ctx.obj.lang if ctx.obj else "en")
            raise typer.Exit(exits.status(error)) from error


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Global options may stand before or after the command. Only results go to standard output. "
    "Exit status: 0 done, 1 refused or faults found, 2 wrong use or unreadable input, 3 store, network or "
    "time-out, 4 not found, 5 conflict, 6 not allowed, 70 internal, 130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from kymgraph import __version__

        typer.echo(f"kymgraph {__version__}")
        raise typer.Exit


def _lang(value: str | None) -> str | None:
    if value is not None and value not in LANGUAGES:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(LANGUAGES)}")
    return value


@app.callback()
def options(
    ctx: typer.Context,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            metavar="DIR",
            envvar="KYMGRAPH_PROJECT",
            help="The graph project: a folder with kymgraph.toml. Default: found from here upwards.",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="PATH|URL",
            envvar="KYMGRAPH_STORE",
            help="The store. Default: .kymgraph in the project.",
        ),
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option(
            "--lang",
            metavar="fi|sv|en",
            envvar="KYMGRAPH_LANG",
            callback=_lang,
            help="Language of messages and labels.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A validated, evidenced knowledge graph: build it, check it, ask it, serve it."""
    ctx.obj = Context(project, store or None, lang)


_COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "build": build.command,
    "serve": serve.command,
    "query": query.command,
    "search": search.command,
    "check": apply.check,
    "apply": apply.command,
    "log": history.log,
    "show": history.show,
    "diff": history.diff,
    "revert": history.revert,
    "import": import_.command,
    "export": export.command,
    "dumps": dumps.command,
    "template": template.command,
    "validate": validate.command,
    "evidence": evidence.command,
    "reason": reason.command,
    "redact": redact.command,
    "backup": backup.backup,
    "restore": backup.restore,
    "doctor": doctor.command,
    "mcp": mcp.command,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(token.app, name="token")
app.add_typer(link.app, name="link")
app.add_typer(harvest.app, name="harvest")
app.add_typer(catalog.app, name="catalog")


def main() -> NoReturn:
    """Run the command line and end the process with its exit status."""
    # A killed command cleans up like an interrupted one; nothing half-made stays.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app(prog_name="kymgraph")
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
    except Exception as error:  # the last net: everything foreseen is a KymgraphError
        if os.environ.get("KYMGRAPH_DEBUG"):
            raise
        note(f"kymgraph: internal error: {type(error).__name__}: {error}")
        note("  This is a fault of kymgraph. KYMGRAPH_DEBUG=1 shows where; please report it.")
        sys.exit(exits.INTERNAL)
    sys.exit(exits.OK)


def _explain(error: KymgraphError, lang: str) -> None:
    note(f"kymgraph: {error.message}")
    if isinstance(error, GateRejected):
        note(error.report.to_text(lang))
    if isinstance(error, SheetRefused):  # its message names the first of them
        from kymgraph.intake.faults import LISTED

        for fault in error.faults[LISTED:]:
            note(fault.text(lang))
    if error.hint:
        note(f"  {error.hint}")


if __name__ == "__main__":
    main()
