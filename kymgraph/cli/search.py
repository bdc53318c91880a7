"""`kymgraph search`: find things by words, in any inflected form, in three languages."""

from __future__ import annotations

import csv
import io
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli.common import Context, result
from kymgraph.cli.query import harmless

if TYPE_CHECKING:
    from kymgraph.search.index import Found


class Format(StrEnum):
    """How what was found is written."""

    table = "table"
    json = "json"
    csv = "csv"


def command(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Words; empty lists everything.")],
    type: Annotated[
        list[str] | None,
        typer.Option(metavar="IRI", help="Only this type or a narrower one (kym:Programme); repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Hits at most.")] = 20,
    format: Annotated[Format, typer.Option(help="How to print what was found.")] = Format.table,
) -> None:
    """Find things by words in their names and descriptions, best first.

    kymgraph search kyberturvallisuutta --type kym:Measure --lang fi
    """
    from kymgraph.dataset import Dataset
    from kymgraph.search.index import FOLDER, SearchIndex

    context: Context = ctx.obj
    dataset = Dataset.open(context.project, context.store.folder)
    index = SearchIndex(context.project, context.store.folder / FOLDER)
    prefixes = context.project.prefixes
    try:
        index.bring_to(dataset)
        found = index.search(
            text,
            lang=context.lang,
            filters={"type": [_iri(one, prefixes) for one in type or ()]},
            limit=limit,
            facets=False,
        )
    finally:
        index.close()
    write = {Format.table: _table, Format.json: _json, Format.csv: _csv}[format]
    result(write(found, context.lang, context.project.languages))


def _iri(text: str, prefixes: dict[str, str]) -> str:
    prefix, colon, local = text.partition(":")
    if "://" in text:
        return text
    if not colon or prefix not in prefixes:
        raise typer.BadParameter(
            f"{text!r} is no IRI and no short form such as kym:Programme", param_hint="--type"
        )
    return prefixes[prefix] + local


def _table(found: Found, lang: str, languages: tuple[str, ...]) -> str:
    rows = [(hit.iri, harmless(hit.label(lang, *languages))) for hit in found.hits]
    width = max((len(name) for _, name in rows), default=0)
    lines = [f"{name:<{min(width, 60)}}  {iri}" for iri, name in rows]
    count = f"{'more than ' if found.more else ''}{found.total} found"
    return "\n".join([*lines, "", count, ""]) if lines else count + "\n"


def _json(found: Found, lang: str, languages: tuple[str, ...]) -> str:
    hits = [
        {
            "iri": hit.iri,
            "label": hit.label(lang, *languages),
            "score": hit.score,
            "types": list(hit.types),
            "labels": dict(hit.labels),
            "description": dict(hit.description),
        }
        for hit in found.hits
    ]
    document = {"generation": found.generation, "total": found.total, "more": found.more, "hits": hits}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _csv(found: Found, lang: str, languages: tuple[str, ...]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(["iri", "label", "score", "type"])
    for hit in found.hits:
        rows.writerow([hit.iri, hit.label(lang, *languages), hit.score, hit.types[0] if hit.types else ""])
    return text.getvalue()
