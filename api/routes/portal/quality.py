"""`/quality`: how good the data are, in figures of the current generation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import LanguageDep, Services, ServicesDep
from api.negotiate import Language
from api.parameters import given_of
from api.portal.asking import Value
from api.portal.ledger import Names
from api.portal.quality import RETRY
from api.portal.response import page
from kymgraph.namespaces import Base
from kymgraph.quality import texts
from kymgraph.quality.data import DataQuality
from kymgraph.quality.metrics import rating
from kymgraph.rdf import NamedNode

router = APIRouter(include_in_schema=False)

#: Classes that a page lists; the smaller ones are left out, and it says so.
MOST_CLASSES: Final = 80


@router.head("/quality")
@router.get("/quality")
async def quality(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The figures; a page that says that they are being made, where that takes longer than a reader waits."""
    given_of(request, ("lang",))
    found = await services.quality.data()
    if found is None:
        return _being_made(request, services, lang)
    address = services.origin(request.headers.get("host", ""), request.url.scheme)
    # The catalogue is described once dumps stand; nobody waits for those here.
    catalogue = await services.quality.catalogue(await services.published.known(address), address)
    named = await asyncio.to_thread(_named, services, lang, found)
    return page(
        request, services, lang, "quality.html", found.generation,
        quality=found, catalogue=catalogue, named=named, most=MOST_CLASSES,
        say=lambda key: texts.text(key, lang), metric=lambda name: texts.name(name, lang),
        rating=lambda points: texts.text(rating(points), lang),
    )  # fmt: skip


def _named(services: Services, lang: Language, found: DataQuality) -> dict[str, Value]:
    """What everything that the page mentions is called, and where it leads."""
    names = Names(services, lang, [services.linked.view()])

    def listed() -> Iterable[str]:
        for one in found.classes[:MOST_CLASSES]:
            yield one.iri
            yield from (property.iri for property in one.properties)
        for links in found.links:
            yield from links.gone[:20]

    named = {iri: names.value(NamedNode(iri)) for iri in dict.fromkeys(listed())}
    base = services.project.base
    named |= {one.graph: names.graph(base.graph(one.graph)) for one in found.graphs}
    # A source document by its own name; its graph has none.
    return named | {one.graph: _document(names, base, one.graph, named) for one in found.documents}


def _document(names: Names, base: Base, graph: str, named: Mapping[str, Value]) -> Value:
    iri = base.id("document", graph)
    value = names.value(NamedNode(iri))
    return named.get(graph, value) if value.text.endswith(graph) else value


def _being_made(request: Request, services: Services, lang: Language) -> Response:
    body = services.pages.render(
        "quality-wait.html",
        lang,
        path=request.url.path,
        parameters=request.query_params.multi_items(),
    )
    headers = {
        "content-language": lang,
        "cache-control": "no-store",
        "vary": "Accept, Accept-Language",
        "retry-after": str(RETRY),
    }
    return Response(body, 503, headers, "text/html; charset=utf-8")
