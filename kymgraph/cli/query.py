"""`kymgraph query`: ask the graph, as a table for people or in any format for programs."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from kymgraph.cli.common import Context, result

if TYPE_CHECKING:
    from kymgraph.client import Remote
    from kymgraph.project import Project
    from kymgraph.results import Rows

FORMATS: Final = "table|json|csv|tsv|xml|ttl|nt|rdf|jsonld|nq|trig"


def command(
    ctx: typer.Context,
    query: Annotated[
        str, typer.Argument(metavar="TEXT|FILE|-", help="SPARQL, a file with it, `-`, or a named query.")
    ],
    format: Annotated[
        str | None, typer.Option(metavar=FORMATS, help="Default: a table for rows, Turtle for graphs.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter; may be given several times.")
    ] = None,
    at: Annotated[int | None, typer.Option(metavar="G", help="The state at generation G.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0.01, help="Seconds the query may take.")] = None,
) -> None:
    """Answer one SPARQL query. With --store URL it is asked of a server, or of any SPARQL endpoint.

    kymgraph query "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g" --format csv
    """
    import asyncio

    from kymgraph.dataset import Dataset, bind, whole
    from kymgraph.queries import inspect

    context: Context = ctx.obj
    if context.url is not None:
        _ask_server(context, context.url, query, format, param or [], at, timeout)
        return
    text = read(query, context.project)
    bindings = bind(text, dict(_parameter(one) for one in param or ()), context.project.base)
    form = inspect(text, allow_service=True).form
    as_table = (format or "table") == "table" and form in ("select", "ask")
    wanted = "json" if as_table else "ttl" if format in (None, "table") else format
    dataset = Dataset.open(
        context.project, context.store.folder, settings=context.settings, fast=1, slow=1, spare=0
    )

    async def ask() -> bytes:
        try:
            return await whole(
                await dataset.answer(text, format=wanted, bindings=bindings, deadline=timeout, at=at)
            )
        finally:
            await dataset.aclose()

    answer = asyncio.run(ask())
    if as_table:
        from kymgraph.results import rows

        table(rows(answer), context.project.prefixes)
    else:
        result(answer if answer.endswith(b"\n") or not sys.stdout.isatty() else answer + b"\n")


def _ask_server(
    context: Context,
    url: str,
    query: str,
    format: str | None,
    param: list[str],
    at: int | None,
    timeout: float | None,
) -> None:
    """The same asked of a server, or of another endpoint; a named query is then one of the server's."""
    from kymgraph.client import Remote
    from kymgraph.dataset import bind
    from kymgraph.queries import inspect
    from kymgraph.results import by_name, rows

    with Remote(url, allow=context.settings.allow_hosts) as graph:
        named = _named_on(graph, query)
        text = named or read(query, None)
        form = inspect(text, allow_service=True).form
        as_table = (format or "table") == "table" and form in ("select", "ask")
        wanted = by_name("json" if as_table else "ttl" if format in (None, "table") else format, form)
        bindings = bind(text, dict(_parameter(one) for one in param), graph.base)
        answer = graph.answer(text, wanted.media_type, at=at, bindings=bindings, timeout=timeout).body
    if as_table:
        table(rows(answer), graph.base.prefixes())
    else:
        result(answer if answer.endswith(b"\n") or not sys.stdout.isatty() else answer + b"\n")


def _named_on(graph: Remote, query: str) -> str | None:
    """The text of a server's named query, if that is what is meant."""
    if not graph.is_kymgraph or not query.replace("-", "").isalnum() or Path(query).is_file():
        return None
    return next((known.text for known in graph.named_queries() if known.name == query), None)


def read(query: str, project: Project | None) -> str:
    """The text that TEXT|FILE|- or the name of a query of the project stands for. Raises InputError."""
    from kymgraph.errors import InputError

    if query == "-":
        data, name = sys.stdin.buffer.read(), "standard input"
    else:
        path = _file(query, project)
        if path is None:
            return query
        name = str(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{name} could not be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not UTF-8 at byte {error.start}", hint="save it as UTF-8") from None


def _file(query: str, project: Project | None) -> Path | None:
    """The file that is meant, or None if this is the text of a query."""
    from kymgraph.errors import InputError

    if any(sign in query for sign in "{}\n"):
        return None
    if Path(query).is_file():
        return Path(query)
    named = {path.stem: path for path in project.query_files()} if project is not None else {}
    if query in named:
        return named[query]
    if query.endswith(".rq") or not any(sign.isspace() for sign in query.strip()):
        raise InputError(
            f"{query!r} is neither a file nor a query of this project",
            hint=f"queries of this project: {', '.join(named) or 'none'}; a text of SPARQL has braces"
            if project is not None
            else "a text of SPARQL has braces",
        )
    return None


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
    return name.lstrip("?"), value


def harmless(text: str) -> str:
    r"""Text without control characters, which could steer the reader's terminal.

    >>> harmless("a\x1b[31mb\nc")
    'a\\x1b[31mb c'
    """
    return "".join(
        " " if c in "\n\t" else f"\\x{ord(c):02x}" if unicodedata.category(c) == "Cc" else c for c in text
    )


def table(rows: Rows, prefixes: Mapping[str, str]) -> None:
    """Rows for people: IRIs with prefixes, texts as they are; never cut off where no terminal is."""
    if rows.boolean is not None:
        result(f"{str(rows.boolean).lower()}\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from kymgraph.rdf import Literal

    short = sorted(prefixes.items(), key=lambda item: -len(item[1]))
    drawn = Table(box=SIMPLE_HEAD, show_edge=False)
    numbers = {
        name for name in rows.variables if all(isinstance(getattr(row, name), int | float) for row in rows)
    }
    for name in rows.variables:
        drawn.add_column(name, justify="right" if name in numbers and rows else "left", overflow="fold")
    for row in rows:
        cells = []
        for term in row.values():
            text = "" if term is None else term.value if isinstance(term, Literal) else str(term)
            if term is not None and not isinstance(term, Literal):
                iri = text.strip("<>")
                text = next(
                    (f"{prefix}:{iri[len(start) :]}" for prefix, start in short if iri.startswith(start)),
                    text,
                )
            cells.append(Text(harmless(text)))
        drawn.add_row(*cells)
    console = Console(width=None if sys.stdout.isatty() else 100_000, highlight=False)
    with console.capture() as drawing:
        console.print(drawn)
    lines = [line.rstrip() for line in drawing.get().splitlines()]
    result("\n".join(lines) + f"\n\n{len(rows)} row{'' if len(rows) == 1 else 's'}\n")
