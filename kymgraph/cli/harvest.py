"""`kymgraph harvest`: what another catalogue holds, into a graph of its own, as one change per run."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from kymgraph.cli import changes
from kymgraph.cli.common import Context, note, result

if TYPE_CHECKING:
    from kymgraph.commit import Outcome
    from kymgraph.dataset import Dataset
    from kymgraph.intake.harvest import Folder, Harvest, Listing, Visitor
    from kymgraph.report import Report

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Take in what another catalogue holds: one change against what the last run left.",
)

#: How often a run is judged anew without the records that the gate refused, or after somebody else wrote.
_ATTEMPTS: Final = 20
#: Records set aside that the text output lists.
_SHOWN: Final = 50

_WORDS: Final = {
    "fi": {
        "read": "luettu {done} tietuetta, kaikkiaan {count}",
        "resume": "jatketaan keskeytynyttä hakua: {pages} sivua on jo luettu",
        "wait": "{what}; yritetään uudelleen {seconds} sekunnin kuluttua",
        "judge": "tarkistetaan {quads} tietoa …",
        "sum": "{graph}: uusia {added}, muuttuneita {changed}, ennallaan {unchanged}, poistuneita {gone}, "
        "syrjään jätettyjä {aside}.",
        "aside": "Syrjään jätetyt tietueet:",
        "more": "… ja {more} muuta",
        "stays": "(aiemmin haettu säilyy)",
        "moved": "Luettelo muuttui kesken lukemisen, joten mitään ei poistettu; aja haku uudelleen.",
        "file": "Luettelo on myös tiedostossa {file}.",
        "reason": "Haettu luettelosta {host}: uusia {added}, muuttuneita {changed}, poistuneita {gone}.",
    },
    "sv": {
        "read": "{done} poster lästa, sammanlagt {count}",
        "resume": "den avbrutna hämtningen fortsätter: {pages} sidor är redan lästa",
        "wait": "{what}; nytt försök om {seconds} sekunder",
        "judge": "granskar {quads} uppgifter …",
        "sum": "{graph}: {added} nya, {changed} ändrade, {unchanged} oförändrade, {gone} borta, "
        "{aside} åsidosatta.",
        "aside": "Åsidosatta poster:",
        "more": "… och {more} till",
        "stays": "(det som hämtats tidigare finns kvar)",
        "moved": "Katalogen ändrades medan den lästes, så inget togs bort; kör hämtningen på nytt.",
        "file": "Listan finns också i filen {file}.",
        "reason": "Hämtat ur katalogen {host}: {added} nya, {changed} ändrade, {gone} borta.",
    },
    "en": {
        "read": "{done} records read of {count}",
        "resume": "going on with an interrupted harvest: {pages} pages are here already",
        "wait": "{what}; trying again in {seconds} s",
        "judge": "checking {quads} quads …",
        "sum": "{graph}: {added} added, {changed} changed, {unchanged} unchanged, {gone} gone, "
        "{aside} set aside.",
        "aside": "Set aside:",
        "more": "… and {more} more",
        "stays": "(what was harvested earlier stays)",
        "moved": "The list moved while it was read, so nothing was taken for gone; run the harvest again.",
        "file": "The list is also in {file}.",
        "reason": "Harvested from {host}: {added} added, {changed} changed, {gone} gone.",
    },
}

Address = Annotated[str, typer.Argument(metavar="URL", help="Of the catalogue; its host must be allowed.")]
Graph = Annotated[
    str | None, typer.Option(metavar="NAME", help="The graph, harvest/…; default: by the catalogue's host.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Ask, check and show what would change; write nothing.")
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Only the first N records; none is taken for gone.")
]
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="Go on if more than half of the records are gone.")
]
Delay = Annotated[float, typer.Option(min=0, max=60, metavar="SECONDS", help="Pause between two requests.")]
TimeLimit = Annotated[
    float, typer.Option(min=1, max=86_400, metavar="SECONDS", help="Longest that asking may take.")
]
Format = Annotated[str, typer.Option(help="text or json.")]


@app.command()
def ckan(
    ctx: typer.Context,
    url: Address,
    query: Annotated[
        str, typer.Option(metavar="WORDS", help="What package_search is asked; default: everything.")
    ] = "",
    graph: Graph = None,
    dry_run: DryRun = False,
    limit: Limit = None,
    allow_shrink: AllowShrink = False,
    delay: Delay = 1.0,
    time_limit: TimeLimit = 3600.0,
    format: Format = "text",
) -> None:
    """Harvest a CKAN catalogue, such as avoindata.fi.

    kymgraph harvest ckan https://www.avoindata.fi/data --query Kymenlaakso --graph harvest/avoindata
    """
    from kymgraph.intake.harvest.listing import read_ckan

    def read(visitor: Visitor, folder: Folder, dataset: Dataset, tell: Any) -> Listing:
        return read_ckan(visitor, folder, url, query, limit=limit, tell=tell)

    about = {"kind": "ckan", "url": url, "query": query, "limit": limit}
    _run(ctx.obj, about, read, graph, dry_run, allow_shrink, delay, time_limit, format)


@app.command()
def dcat(
    ctx: typer.Context,
    url: Address,
    graph: Graph = None,
    dry_run: DryRun = False,
    limit: Limit = None,
    allow_shrink: AllowShrink = False,
    delay: Delay = 1.0,
    time_limit: TimeLimit = 3600.0,
    format: Format = "text",
) -> None:
    """Harvest a catalogue in DCAT-AP, as RDF in any format, one page or many.

    kymgraph harvest dcat https://data.example/catalog.ttl --graph harvest/example
    """
    from kymgraph.intake.harvest.listing import read_dcat
    from kymgraph.rdf import FORMATS, Quad, format_for, parse

    def read(visitor: Visitor, folder: Folder, dataset: Dataset, tell: Any) -> Listing:
        def parsed(body: bytes, media_type: str) -> list[Quad]:
            kind = format_for(media_type.partition(";")[0].strip()).media_types[0]
            # Foreign RDF is read by a worker, which it may take down.
            return parse(dataset.loop.run(dataset.parse(body, kind, name="catalogue")), FORMATS["nq"])

        return read_dcat(visitor, folder, url, parse=parsed, limit=limit, tell=tell)

    about = {"kind": "dcat", "url": url, "limit": limit}
    _run(ctx.obj, about, read, graph, dry_run, allow_shrink, delay, time_limit, format)


def _run(
    context: Context,
    about: dict[str, Any],
    read: Callable[[Visitor, Folder, Dataset, Any], Listing],
    graph: str | None,
    dry_run: bool,
    allow_shrink: bool,
    delay: float,
    time_limit: float,
    format: str,
) -> None:
    from kymgraph.dataset import Dataset
    from kymgraph.errors import InputError
    from kymgraph.intake.harvest import Folder, Harvest, Visitor, Vocabulary
    from kymgraph.intake.harvest.run import check_graph
    from kymgraph.net import Client

    if format not in ("text", "json"):
        raise InputError(f"a harvest is not shown as {format!r}; there is text, json")
    name = graph or _named_after(about["url"])
    check_graph(name)
    words = _WORDS[context.lang]

    def tell(event: str, /, **values: object) -> None:
        shown = {key: _short(value, context.lang) for key, value in values.items()}
        note(f"  {words[event].format(**shown)}")

    client = Client(context.settings.allow_hosts)
    # Workers read foreign RDF, one text at a time.
    with Dataset.open(
        context.project, context.store.folder, settings=context.settings, fast=1, slow=1, spare=0
    ) as dataset:
        folder = Folder(dataset.store.folder, name)
        with folder.locked():
            if pages := folder.begin(about):
                tell("resume", pages=pages)
            visitor = Visitor(client, folder, delay=delay, time_limit=time_limit, tell=tell)
            listing = read(visitor, folder, dataset, tell)
            harvest = Harvest(
                context.project,
                name,
                listing,
                Vocabulary(dataset.view()),
                now=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                allow_shrink=allow_shrink,
            )
            settle = _check if dry_run else _commit
            outcome = settle(context, dataset, harvest, about["url"], tell)
            if not dry_run:
                folder.set_aside([one.to_dict() for one in harvest.aside])
                folder.finish()
            _show(context, name, listing, harvest, outcome, format, folder, dry_run)


def _commit(
    context: Context, dataset: Dataset, harvest: Harvest, url: str, tell: Callable[..., None]
) -> Outcome:
    """Commit what the gate takes: the records that it refuses are set aside, and the rest is tried again."""
    from kymgraph.errors import ChangeConflict, GateRejected

    with dataset.turn() as turn:
        for attempt in range(_ATTEMPTS):
            request = _request(context, dataset, harvest, url)
            if request.change.empty:
                break
            tell("judge", quads=len(request.change.added) + len(request.change.removed))
            try:
                return turn.commit(request)
            except GateRejected as error:
                if attempt == _ATTEMPTS - 1 or not harvest.set_aside(cast("Report", error.report)):
                    raise
            except ChangeConflict:  # somebody else wrote to the graph in between
                if attempt == _ATTEMPTS - 1:
                    raise
    return _nothing(request)


def _check(
    context: Context, dataset: Dataset, harvest: Harvest, url: str, tell: Callable[..., None]
) -> Outcome:
    """What `_commit` would come to."""
    for _ in range(_ATTEMPTS):
        request = _request(context, dataset, harvest, url)
        if request.change.empty:
            break
        tell("judge", quads=len(request.change.added) + len(request.change.removed))
        outcome = dataset.check(request)
        if outcome.report.accepted or not harvest.set_aside(outcome.report):
            return outcome
    return _nothing(request)


def _request(context: Context, dataset: Dataset, harvest: Harvest, url: str) -> Any:
    import dataclasses

    from kymgraph.access import OPERATOR
    from kymgraph.commit import Request

    change = harvest.change(dataset.view())
    counts = dataclasses.asdict(harvest.counts)
    reason = _WORDS[context.lang]["reason"].format(host=_host(url), **counts)
    change = dataclasses.replace(
        change, reason=reason, agent=context.project.base.id("agent", OPERATOR), source=url, guard="quads"
    )
    return Request(change, more={"harvest": counts})


def _nothing(request: Any) -> Outcome:
    from kymgraph.commit import Outcome

    return Outcome("unchanged", request.change.base, request.change)


def _host(url: str) -> str:
    match = re.match(r"https?://([^/?#@]+)", url)
    return match[1] if match else "?"


def _named_after(url: str) -> str:
    """The graph for a catalogue that none was named for.

    >>> _named_after("https://www.avoindata.example/data")
    'harvest/avoindata-example'
    """
    host = re.sub(r"[^a-z0-9]+", "-", _host(url).lower().removeprefix("www.")).strip("-")
    return f"harvest/{host}"


def _short(value: object, lang: str) -> str:
    if isinstance(value, int):
        return f"{value:,}".replace(",", "," if lang == "en" else "\u00a0")
    return "?" if value is None else str(value)


def _show(
    context: Context,
    graph: str,
    listing: Listing,
    harvest: Harvest,
    outcome: Outcome,
    format: str,
    folder: Folder,
    dry_run: bool,
) -> None:
    from dataclasses import asdict

    aside, counts, words = harvest.aside, asdict(harvest.counts), _WORDS[context.lang]
    if format == "json":
        said = {
            "graph": graph,
            "source": listing.source,
            "status": outcome.status,
            "generation": outcome.generation,
            "complete": listing.complete,
            "moved": listing.moved,
            "records": counts,
            "quads": {"added": len(outcome.change.added), "removed": len(outcome.change.removed)},
            "aside": [one.to_dict() for one in aside],
        }
        result(json.dumps(said, ensure_ascii=False, indent=2) + "\n")
    else:
        lines = [words["sum"].format(graph=graph, aside=len(aside), **counts)]
        if aside:
            lines.append(words["aside"])
        for one in aside[:_SHOWN]:
            stays = f" {words['stays']}" if one.stays else ""
            who = "  ".join(part for part in (one.id or f"#{one.position}", one.title) if part)
            lines.append(f"  {who}: {one.reason(context.lang)}{stays}")
        if len(aside) > _SHOWN:
            lines.append(f"  {words['more'].format(more=len(aside) - _SHOWN)}")
        result("\n".join(lines) + "\n")
    if listing.moved:
        note(words["moved"])
    if aside and not dry_run:
        note(words["file"].format(file=folder.path / "aside.json"))
    note(changes.sentence(outcome, context.lang))
