"""Who belongs to what, and who held which post."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import LanguageDep, ServicesDep
from api.parameters import given_of
from api.portal import actors as shown
from api.portal import network_picture, times
from api.portal.asking import Asking, Table
from api.portal.evidence import passages
from api.portal.response import page
from api.texts import Texts

router = APIRouter(include_in_schema=False)


def _rows(table: Table | None) -> Any:
    return table.rows if table is not None else []


@router.head("/actors")
@router.get("/actors")
async def actors(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Actors by kind and name, with their posts and what they belong to."""
    given = given_of(request, ("kind", "words", "lang"))
    kind, words = given.get("kind", "")[:100], given.get("words", "").strip()[:200]
    asking = Asking(services, lang)
    everyone = await asking.table("actors") if asking.has("actors") else None
    posts = await asking.table("posts") if asking.has("posts") else None
    memberships = await asking.table("memberships") if asking.has("memberships") else None
    rows = shown.chosen(_rows(everyone), kind=kind, words=words)
    return page(
        request,
        services,
        lang,
        "actors.html",
        asking.generation,
        table=everyone,
        kinds=shown.kinds(_rows(everyone)),
        kind=kind,
        words=words,
        total=len(rows),
        actors=shown.with_posts(rows, _rows(posts), _rows(memberships)),
        more=len(rows) > shown.MOST_ACTORS,
        behind=[table for table in (everyone, posts, memberships) if table is not None],
    )


@router.head("/networks")
@router.get("/networks")
async def networks(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The network picture, and which networks an area is in, is not in, and of which nothing is said."""
    given = given_of(request, ("year", "lang"))
    year = times.chosen(given)
    asking = Asking(services, lang)
    known = await asking.table("networks") if asking.has("networks") else None
    memberships = await asking.table("memberships") if asking.has("memberships") else None
    rows = _rows(memberships)
    spans = [times.Span.of(row["from"], row["until"]) for row in rows]
    statements = [row["statement"].iri for row in rows if row["statement"] is not None]
    return page(
        request,
        services,
        lang,
        "networks.html",
        asking.generation,
        year=year,
        years=_offered(times.years(spans), year),
        picture=network_picture.draw(rows, year),
        areas=shown.areas(_rows(known), rows, year),
        table=memberships,
        rows=[(row, span, span.state(year)) for row, span in zip(rows, spans, strict=True)],
        tally=times.Tally.of(span.state(year) for span in spans),
        passages=await passages(asking, statements),
        behind=[table for table in (memberships, known) if table is not None],
        told=partial(times.told, Texts(lang)),
        moment=partial(times.moment, Texts(lang)),
    )


@router.head("/posts")
@router.get("/posts")
async def posts(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Posts and who held them, all or on one day; how the query knows it stands beside each."""
    given = given_of(request, ("on", "lang"))
    on = given.get("on", "").strip()
    asking = Asking(services, lang)
    table = None
    if asking.has("posts"):
        table = await (asking.table("posts", on=on) if on else asking.table("posts"))
    holdings = [row["holding"].iri for row in _rows(table) if row["holding"] is not None]
    bases = [row["basis"].text if row["basis"] is not None else "" for row in _rows(table)]
    return page(
        request,
        services,
        lang,
        "posts.html",
        asking.generation,
        table=table,
        on=on,
        stated=bases.count("stated"),
        open=bases.count("open"),
        passages=await passages(asking, holdings),
        moment=partial(times.moment, Texts(lang)),
    )


def _offered(years: list[int], year: int | None) -> list[int]:
    """The years of the form: without holes, and with the chosen one even where nothing is dated to it."""
    return sorted({*years, year}) if year is not None else years
