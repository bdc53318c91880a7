"""Linked data: every IRI under our base, as a page for people and a document for programs.

`/id/…` names a thing, which no server can send: it leads (303) to `/page/…` or `/data/…` by Accept, suffix or
`format=`. What is neither a thing nor a graph (terms, names of blank nodes) has its page and data under
`?iri=`. Withdrawn things are 410 with the commit that took them away, renamed ones 301.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.deps import LanguageDep, ServicesDep
from api.linked import answers, site
from api.linked import terms as vocabulary

router = APIRouter(tags=["linked data"])

_IRI: Final = Query(description="IRI of a resource that is not under …/id/, such as a term of the ontology")
_AT: Final = Query(description="state to read: a generation, a date or a time")
_AFTER: Final = Query(description="links to the resource that are passed over; see Link rel=next")
_FORMAT: Final = Query(description="html, ttl, jsonld, rdf, nt, nq or trig, instead of Accept")
_SLUG: Final = Path(description="what follows …/id/ in the IRI; for RDF also with a suffix such as .ttl")

Iri = Annotated[str | None, _IRI]
At = Annotated[str | None, _AT]
After = Annotated[str | None, _AFTER]
FormatName = Annotated[str | None, _FORMAT]
Slug = Annotated[str, _SLUG]


@router.head("/id/{path:path}", include_in_schema=False)
@router.get(
    "/id/{path:path}",
    summary="Look up a thing",
    operation_id="thing",
    status_code=303,
    responses=answers.LOOK_UP,
)
async def thing(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    path: Slug,
    format: FormatName = None,
    at: At = None,
) -> Response:
    """Leads to the thing's page or data: `https://w3id.org/…/id/…` is what a thing is called for good."""
    return await answers.look_up(request, services, lang, "/id/", format)


@router.head("/.well-known/genid/{path:path}", include_in_schema=False)
@router.get(
    "/.well-known/genid/{path:path}",
    summary="Look up what has no name of its own",
    operation_id="genid",
    status_code=303,
    responses=answers.LOOK_UP,
)
async def genid(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    path: Annotated[str, Path(description="hash of the blank node")],
    format: FormatName = None,
    at: At = None,
) -> Response:
    """Leads to the page or data of a node that was blank where it came from."""
    return await answers.look_up(request, services, lang, "/.well-known/genid/", format)


@router.head("/page/{path:path}", include_in_schema=False)
@router.get(
    "/page/{path:path}",
    summary="Read about a thing",
    operation_id="page",
    responses=answers.PAGES,
)
async def page(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    path: Slug,
    at: At = None,
    after: After = None,
) -> Response:
    """The thing's statements, what refers to it, its evidence by document and lines, its history."""
    return await answers.page(request, services, lang, "/page/")


@router.head("/page", include_in_schema=False)
@router.get("/page", summary="Read about any resource", operation_id="pageOf", responses=answers.PAGES)
async def page_of(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    iri: Iri = None,
    at: At = None,
    after: After = None,
) -> Response:
    """As `/page/…`, for a resource named by its whole IRI."""
    return await answers.page(request, services, lang, "")


@router.head("/data/{path:path}", include_in_schema=False)
@router.get(
    "/data/{path:path}",
    summary="Get a thing's data",
    operation_id="data",
    responses=answers.DATA,
)
async def data(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    path: Slug,
    format: FormatName = None,
    at: At = None,
    after: After = None,
) -> Response:
    """RDF: the thing's triples, links to it, its evidence and history, labels of all that these name."""
    return await answers.data(request, services, lang, "/data/", format)


@router.head("/data", include_in_schema=False)
@router.get("/data", summary="Get the data of any resource", operation_id="dataOf", responses=answers.DATA)
async def data_of(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    iri: Iri = None,
    format: FormatName = None,
    at: At = None,
    after: After = None,
) -> Response:
    """As `/data/…`, for a resource named by its whole IRI."""
    return await answers.data(request, services, lang, "", format)


@router.head("/robots.txt", include_in_schema=False)
@router.get("/robots.txt", include_in_schema=False)
async def robots(request: Request, services: ServicesDep) -> Response:
    """What crawlers may read, and where the sitemap is."""
    return site.robots(request, services)


@router.head("/sitemap.xml", include_in_schema=False)
@router.get("/sitemap.xml", include_in_schema=False)
async def sitemap(request: Request, services: ServicesDep) -> Response:
    """The index of the sitemaps."""
    return await site.index(request, services)


@router.head("/sitemaps/{number}.xml", include_in_schema=False)
@router.get("/sitemaps/{number}.xml", include_in_schema=False)
async def sitemap_part(request: Request, services: ServicesDep, number: str) -> Response:
    """One part: at most 50,000 pages."""
    return await site.part(request, services, number)


# --- whole vocabularies -----------------------------------------------------------------------------------


@router.head("/ontology", include_in_schema=False)
@router.head("/ontology.{suffix}", include_in_schema=False)
@router.head("/ontology/{version}", include_in_schema=False)
@router.get("/ontology.{suffix}", include_in_schema=False)
@router.get("/ontology/{version}", include_in_schema=False)
@router.get("/ontology", summary="Get the ontology", operation_id="ontology", responses=vocabulary.TERMS)
async def ontology(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    suffix: str | None = None,
    version: str | None = None,
    format: FormatName = None,
    at: At = None,
) -> Response:
    """All classes, properties and concepts: a page with an anchor for each, or RDF; also by its version."""
    return await vocabulary.terms(request, services, lang, "ontology", suffix or format, version)


@router.head("/shapes", include_in_schema=False)
@router.head("/shapes.{suffix}", include_in_schema=False)
@router.get("/shapes.{suffix}", include_in_schema=False)
@router.get("/shapes", summary="Get the shapes", operation_id="shapes", responses=vocabulary.TERMS)
async def shapes(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    suffix: str | None = None,
    format: FormatName = None,
    at: At = None,
) -> Response:
    """The SHACL shapes that changes are judged by: a page with an anchor for each, or RDF."""
    return await vocabulary.terms(request, services, lang, "shapes", suffix or format, None)
