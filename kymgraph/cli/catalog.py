"""`kymgraph catalog check`: what is a catalogue of datasets worth to those who harvest it?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypedDict

import typer

from kymgraph.cli.common import Context, is_terminal, note, result

if TYPE_CHECKING:
    from kymgraph.quality.check import Check, Progress
    from kymgraph.quality.reading import Limits
    from kymgraph.rdf import Quad
    from kymgraph.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Check a catalogue of datasets.")

FORMATS: Final = ("text", "json")


class Options(TypedDict):
    """What is done with a catalogue, wherever it comes from."""

    folder: Path | None
    ask: bool
    limits: Limits
    lang: str
    progress: Progress


@app.callback()
def _group() -> None:
    """Check a catalogue of datasets."""


@app.command()
def check(
    ctx: typer.Context,
    where: Annotated[
        str | None,
        typer.Argument(
            metavar="[URL|FILE]",
            help="A DCAT-AP catalogue in Turtle, JSON-LD or RDF/XML, anybody's. "
            "Default: that of our own store.",
            show_default=False,
        ),
    ] = None,
    shapes: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            metavar="DIR",
            help="A folder with the official DCAT-AP shapes. Without it that metric stays unchecked.",
        ),
    ] = None,
    format: Annotated[str, typer.Option(metavar="text|json", help="json has everything.")] = "text",
    urls: Annotated[
        bool, typer.Option("--urls/--no-urls", help="Ask the access and download URLs whether they answer.")
    ] = True,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT",
            help="A host that may be asked, beside that of URL and those of KYMGRAPH_ALLOW_HOSTS; "
            "may be given several times. A private address as IP:PORT.",
        ),
    ] = None,
    most_urls: Annotated[int, typer.Option("--most-urls", min=0, help="Most URLs that are asked.")] = 200,
    most_datasets: Annotated[
        int, typer.Option("--most-datasets", min=1, help="Most datasets that are read.")
    ] = 1_000,
    most_pages: Annotated[int, typer.Option("--most-pages", min=1, help="Most pages that are read.")] = 200,
) -> None:
    """Foretell the points of the EU's metadata quality assessment, and say what to mend.

    Runs the official DCAT-AP shapes from the folder you give, asks each URL, and counts the 405 points metric
    by metric. Ends with status 1 if a point is lost or a shape is violated.

    kymgraph catalog check https://data.example/catalog.ttl --shapes ../shared/dcat-ap
    """
    from kymgraph.errors import InputError
    from kymgraph.quality import printing
    from kymgraph.quality.reading import LIMITS

    if format not in FORMATS:
        raise InputError(f"no check of a catalogue in format {format!r}; there are {' and '.join(FORMATS)}")
    limits = replace(LIMITS, urls=most_urls, datasets=most_datasets, pages=most_pages)
    context: Context = ctx.obj
    done = _check(context, where, shapes, limits, ask=urls, allow=allow or [])
    result((printing.to_json(done) if format == "json" else printing.to_text(done, context.lang)) + "\n")
    raise typer.Exit(0 if done.ok else 1)


def _check(
    context: Context, where: str | None, folder: Path | None, limits: Limits, *, ask: bool, allow: list[str]
) -> Check:
    from kymgraph.errors import HostNotAllowed
    from kymgraph.net import Client
    from kymgraph.quality import check as checks
    from kymgraph.quality.reading import host_of

    settings = context.settings
    is_url = where is not None and where.lower().startswith(("http://", "https://"))
    address = _address(settings)
    # Whoever names an address wants it asked; our own is the operator's, too.
    named = host_of(address if where is None else where) if where is None or is_url else []
    client = Client([*settings.allow_hosts, *allow, *named])
    options: Options = {
        "folder": folder,
        "ask": ask,
        "limits": limits,
        "lang": context.lang,
        "progress": _told(),
    }
    if where is None:
        return checks.from_quads(_own(context, address), address + "/catalog", client, **options)
    try:
        return checks.from_address(where if is_url else Path(where), client, **options)
    except HostNotAllowed as error:
        hint = "name it with --allow HOST:PORT (a private address as IP:PORT), or in KYMGRAPH_ALLOW_HOSTS"
        raise HostNotAllowed(error.message, hint=hint) from None


def _address(settings: Settings) -> str:
    """Where our own catalogue says that things are."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return str(settings.public_url or f"http://{host}:{settings.port}").rstrip("/")


def _own(context: Context, address: str) -> list[Quad]:
    """The catalogue that a server of this store serves: of the newest generation that has its dumps."""
    from kymgraph.dataset import Dataset
    from kymgraph.errors import StoreMissing
    from kymgraph.publishing import catalog, catalog_rdf, dumps
    from kymgraph.rdf import restore_datatypes

    store, project = context.store, context.project
    dataset = Dataset.open(project, store.folder)
    found = dumps.newest(store.folder / dumps.FOLDER, upto=dataset.generation)
    if found is None:
        raise StoreMissing(
            f"{store.folder} has no dumps yet, which the catalogue describes; nothing was checked",
            hint="kymgraph dumps makes them; or name the URL or file of a catalogue",
        )
    read = catalog.read(dataset.view(found.generation), project, found, address)
    return list(restore_datatypes(catalog_rdf.quads(read)))


_SAYS: Final = {
    "shapes": "running the DCAT-AP shapes",
    "urls": "asking the URLs of the distributions",
}


def _told() -> Progress:
    """Says on a terminal what is being done: it may take minutes."""
    return (lambda step: note(_SAYS[step])) if is_terminal() else (lambda step: None)
