"""The front page: what this is, where to begin, what changed lately."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import LanguageDep, ServicesDep
from api.negotiate import choose
from api.parameters import given_of
from api.portal import front, timeline
from api.portal.asking import Asking, Table
from api.portal.response import page

router = APIRouter(include_in_schema=False)

#: Rows of the ledger that are asked for; a commit has a row for each graph that it touched.
_CHANGES: Final = 60
_OFFERS: Final = ("text/html", "text/turtle", "application/ld+json", "application/rdf+xml")


@router.head("/")
@router.get("/")
async def home(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Readers begin here; programs that like RDF better are led to the description of the SPARQL service."""
    given_of(request, ("lang",))
    if choose(request.headers.get("accept"), _OFFERS) != "text/html":
        return Response(status_code=303, headers={"location": services.root + "/sparql", "vary": "Accept"})
    asking = Asking(services, lang)

    async def table(name: str, limit: int = 1_000, **parameters: str) -> Table | None:
        return await asking.table(name, limit=limit, **parameters) if asking.has(name) else None

    times = await table("timeline", dated="true")
    classes, changes = await table("statistics"), await table("changes", _CHANGES)
    return page(
        request,
        services,
        lang,
        "front.html",
        asking.generation,
        times=times,
        picture=timeline.draw(times.rows if times else ()),
        figures=front.figures(classes) if classes else [],
        commits=front.commits(changes) if changes else [],
        questions=front.questions(services.examples),
    )
