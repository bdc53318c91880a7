"""What happens where: the map of the region by year."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import LanguageDep, ServicesDep
from api.parameters import given_of
from api.portal import map_file, region, times
from api.portal.asking import Asking
from api.portal.evidence import passages
from api.portal.response import page
from api.problems import NotFound
from api.texts import Texts

router = APIRouter(include_in_schema=False)


@router.head("/map")
@router.get("/map")
async def the_map(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The places of the region with what is in them and concerns them; one place in full if it is chosen."""
    given = given_of(request, ("year", "place", "lang"))
    year, slug = times.chosen(given), given.get("place", "")
    asking = Asking(services, lang)
    named = await asking.table("places") if asking.has("places") else None
    things = await asking.table("place-things") if asking.has("place-things") else None
    within = await asking.table("place-memberships") if asking.has("place-memberships") else None
    ids = services.project.base.ids + "place/"
    rows = things.rows if things else []
    found = region.places(named.rows if named else [], rows, ids, year)
    lies = within.rows if within else []
    chosen = None
    belongings: list[region.Belonging] = []
    wider: list[tuple[region.Belonging, region.Place]] = []
    if slug:
        chosen = found.get(slug)
        if chosen is None:
            raise NotFound(f"there is no place {slug[:80]!r} here", hint="choose one on /map")
        belongings = region.belongings(lies, chosen.value.iri, year)
        by_iri = {place.value.iri: place for place in found.values()}
        for each in belongings:
            whole = each.row["whole"]
            if whole is not None and whole.iri in by_iri:
                wider.append((each, by_iri[whole.iri]))
    geometry = map_file.read(services.project)
    shown = [region.Thing.of(row, year) for row in rows]
    spans = [thing.span for thing in shown]
    spans += [times.Span.of(row["from"], row["until"]) for row in lies]
    listed = [*(chosen.things if chosen else ()), *(thing for _, place in wider for thing in place.things)]
    named_things = [thing.row["thing"].iri for thing in listed if thing.row["thing"] is not None]
    offered = times.years(spans)
    return page(
        request,
        services,
        lang,
        "map.html",
        asking.generation,
        year=year,
        years=sorted({*offered, year}) if year is not None else offered,
        chosen=chosen,
        groups=region.grouped(chosen.things) if chosen else [],
        belongings=belongings,
        wider=[(each, place, region.grouped(place.things)) for each, place in wider],
        places=sorted(found.values(), key=lambda place: (-len(place.things), place.value.text)),
        passages=await passages(asking, named_things),
        drawing=region.draw(geometry, found, lies, lang, year, slug) if geometry else None,
        things=shown,
        table=things,
        tally=times.Tally.of(thing.state for thing in shown),
        behind=[table for table in (things, within, named) if table is not None],
        told=partial(times.told, Texts(lang)),
        moment=partial(times.moment, Texts(lang)),
    )
