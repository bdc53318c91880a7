"""Which themes recur when."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import LanguageDep, ServicesDep
from api.parameters import given_of
from api.portal import lineage, themes
from api.portal.asking import Asking, Table
from api.portal.response import page
from kymgraph.errors import BadParameter

router = APIRouter(include_in_schema=False)

#: What `in` says for points that stand in no instrument.
_OUTSIDE: Final = "outside"


@router.head("/themes")
@router.get("/themes")
async def themes_page(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The matrix of themes and instruments; `theme` and `in` open the list behind one of its numbers."""
    given = given_of(request, ("theme", "in", "sort", "lang"))
    sort = given.get("sort") or themes.SORTS[0]
    if sort not in themes.SORTS:
        raise BadParameter(
            f"nothing was read: sort takes {', '.join(themes.SORTS)}, not {sort[:60]!r}", hint="sort=name"
        )
    asking = Asking(services, lang)
    if not asking.has("theme-periods"):
        return page(request, services, lang, "themes.html", asking.generation, matrix=None)
    theme, where = given.get("theme", "").strip(), given.get("in", "").strip()
    ids = services.project.base.ids
    # One after the other: a client has one place for a long query.
    points = await _points(asking, theme, where, ids)
    table = await asking.table("theme-periods")
    periods, links, datasets = [
        await asking.table(name) if asking.has(name) else None
        for name in ("instrument-periods", "theme-links", "theme-datasets")
    ]
    matrix = themes.matrix(table, lineage.periods(periods), sort)
    address = services.project.dataset_search
    chosen = ids + "theme/" + theme if "://" not in theme else theme
    return page(
        request,
        services,
        lang,
        "themes.html",
        asking.generation,
        matrix=matrix,
        table=table,
        sort=sort,
        sorts=themes.SORTS,
        matches=themes.matches(links, lang),
        links=links,
        datasets=themes.datasets(datasets, lang),
        search=(lambda value: themes.search(address, value, lang)) if address else None,
        search_site=themes.site(address),
        points=points,
        chosen=next((line for line in matrix.lines if theme and line.theme.iri == chosen), None),
        chosen_slug=theme,
        where=where,
        place=_place(matrix, where, ids),
        to_points=lambda value, column: _to_points(
            value.iri.removeprefix(ids + "theme/"), column, ids, sort, lang
        ),
        to_sort=lambda name: f"/themes?{urlencode({'sort': name, 'lang': lang})}",
    )


async def _points(asking: Asking, theme: str, where: str, ids: str) -> Table | None:
    """What concerns a theme: everywhere, in one instrument, or in none."""
    if not theme or not asking.has("theme-points"):
        return None
    if not where:
        return await asking.table("theme-points", limit=500, theme=theme)
    if where == _OUTSIDE:
        return await asking.table("theme-points", limit=500, theme=theme, outside="true")
    iri = where if "://" in where else ids + where
    return await asking.table("theme-points", limit=500, theme=theme, **{"in": iri})


def _place(matrix: themes.Matrix, where: str, ids: str) -> str:
    """The name of the instrument whose points are listed; "" for every one, and for none."""
    iri = where if "://" in where else ids + where
    return next(
        (
            column.instrument.text
            for column in matrix.columns
            if column.instrument and column.instrument.iri == iri
        ),
        "",
    )


def _to_points(theme: str, column: themes.Column | None, ids: str, sort: str, lang: str) -> str:
    """The path of the list behind a number."""
    where = column.instrument.iri.removeprefix(ids) if column and column.instrument else _OUTSIDE
    return f"/themes?{urlencode({'theme': theme, 'in': where, 'sort': sort, 'lang': lang})}#points"
