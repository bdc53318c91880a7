"""`/catalog`: the datasets and services of the graph, for catalogues (DCAT-AP), people and search engines."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.cache import Answered
from api.catalogue import (
    FORMAT,
    LANG,
    LAST,
    LIMIT,
    MOST,
    PAGE_NUMBER,
    RDF,
    REFUSED,
    UNKNOWN,
    address_of,
    answer,
    chosen_of,
    described,
    graph,
    html,
    said_in,
)
from api.deps import LanguageDep, Services, ServicesDep
from api.linked import answers
from api.linked.negotiate import PAGE, SUFFIXES, named
from api.negotiate import Language
from api.parameters import given_of, whole_number
from api.problems import NotFound
from api.wire import AnsweredResponse
from kymgraph.publishing import catalog_rdf, catalog_schema, schema_org, sitemap
from kymgraph.publishing.dcat import Catalogue, CatalogueDataset
from kymgraph.publishing.dump_files import KINDS
from kymgraph.results import GRAPH_FORMATS

router = APIRouter(tags=["catalogue"])

PATH: Final = "/catalog"
#: Kinds of things that the catalogue names, each to be found on a page of it.
_NAMED: Final = ("catalog", "dataset", "distribution", "service")


# --- the catalogue ----------------------------------------------------------------------------------------


@router.head(PATH, include_in_schema=False)
@router.get(
    PATH,
    summary="Get the catalogue",
    operation_id="catalogue",
    openapi_extra=described([PAGE_NUMBER, LIMIT, FORMAT, LANG], {**RDF, "text/html": {}}, *REFUSED),
    response_class=Response,
)
async def catalogue(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The datasets and services as DCAT-AP 3.0.1, in pages that can each be read alone, or as a page."""
    return await _catalogue(request, services, lang, None)


@router.head("/catalog.{suffix}", include_in_schema=False)
@router.get("/catalog.{suffix}", include_in_schema=False)
async def catalogue_as(request: Request, services: ServicesDep, lang: LanguageDep, suffix: str) -> Response:
    """The catalogue in the format that the suffix names."""
    return await _catalogue(request, services, lang, suffix)


@router.head("/catalog/{name:path}", include_in_schema=False)
@router.get(
    "/catalog/{name:path}",
    summary="Read about a dataset",
    operation_id="catalogueDataset",
    openapi_extra=described(
        [
            FORMAT,
            LANG,
        ],
        {**RDF, "text/html": {}},
        *REFUSED,
        UNKNOWN,
    ),
    response_class=Response,
)
async def dataset(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    name: Annotated[str, Path(description="name of the dataset")],
) -> Response:
    """One dataset: what it holds, its files, how it may be used; as a page, or DCAT-AP."""
    given = given_of(request, ("format", "lang"))
    chosen = chosen_of(request, given.get("format"))
    address = address_of(request, services)
    dumps, whole = await services.published.catalogue(address)
    found = _find(whole, name)
    if found is None:
        raise NotFound(
            f"there is no dataset {name[:100]!r}",
            hint=f"there are: {', '.join(one.name for one in whole.datasets)}",
        )

    def make() -> Answered:
        if chosen is not PAGE:
            part = catalog_rdf.only(whole, found)
            return graph(catalog_rdf.quads(part), catalog_rdf.USED, chosen, dumps.generation)
        body = services.pages.render(
            "dataset.html",
            lang,
            path=f"{PATH}/{found.name}",
            parameters=[],
            catalogue=whole,
            dataset=found,
            said=said_in(lang),
            numbers=dumps.statistics[found.name],
            kinds=KINDS,
            shapes=[known for known in GRAPH_FORMATS if known.name in _SHOWN],
            schema=schema_org.script(catalog_schema.dataset(found, whole)),
        )
        return html(body, lang, dumps.generation)

    return await answer(services, make, "dataset", dumps, address, chosen.media_type, found.name, lang)


async def _catalogue(request: Request, services: Services, lang: Language, suffix: str | None) -> Response:
    names = ("page", "limit", "lang", *(() if suffix else ("format",)))
    given = given_of(request, names)
    chosen = chosen_of(request, given.get("format"), suffix)
    number = whole_number("page", given, LAST, example=2) or 1
    size = whole_number("limit", given, MOST, example=catalog_rdf.PAGE) or catalog_rdf.PAGE
    address = address_of(request, services)
    dumps, whole = await services.published.catalogue(address)

    def make() -> Answered:
        if chosen is PAGE:
            body = services.pages.render(
                "catalog.html",
                lang,
                path=PATH,
                parameters=[(name, value) for name, value in given.items() if name in ("page", "limit")],
                catalogue=whole,
                datasets=whole.datasets[(number - 1) * size : number * size],
                said=said_in(lang),
                turns=_turns(number, size, len(whole.datasets), lang),
                shapes=[known for known in GRAPH_FORMATS if known.name in _SHOWN],
                schema=schema_org.script(catalog_schema.catalogue(whole, whole.homepage)),
            )
            return html(body, lang, dumps.generation)
        quads = catalog_rdf.page(whole, number, size, address + PATH)
        links = [
            f'<{address}{PATH}?{urlencode({"page": place, "limit": size})}>; rel="{relation}"'
            for relation, place in (("prev", number - 1), ("next", number + 1))
            if 0 < place <= max(1, -(-len(whole.datasets) // size))
        ]
        return graph(quads, catalog_rdf.USED, chosen, dumps.generation, links)

    key = (chosen.media_type, number, size, lang if chosen is PAGE else "")
    return await answer(services, make, "catalogue", dumps, address, *key)


#: Formats that pages link to.
_SHOWN: Final = ("ttl", "jsonld", "rdf")


def _turns(number: int, size: int, count: int, lang: Language) -> dict[str, str]:
    """Links to the pages before and after."""
    steady = {"limit": size} if size != catalog_rdf.PAGE else {}
    last = max(1, -(-count // size))
    return {
        name: f"{PATH}?{urlencode({'page': place, **steady, 'lang': lang})}" if 1 <= place <= last else ""
        for name, place in (("previous", min(number - 1, last)), ("next", number + 1))
    }


def _find(whole: Catalogue, name: str) -> CatalogueDataset | None:
    return next((one for one in whole.datasets if one.name == name), None)


async def named_thing(request: Request, services: ServicesDep, lang: LanguageDep, name: str) -> Response:
    """Leads from the IRI of a dataset, file, service or catalogue to where the catalogue tells of it."""
    format = request.query_params.get("format")
    whole = await services.published.known(address_of(request, services))
    if whole is not None and "at" not in request.query_params:
        iri, suffix = request.url.path.removeprefix("/"), ""
        for known in SUFFIXES:
            if iri.endswith(known):
                iri, suffix = iri.removesuffix(known), known.removeprefix(".")
        place = _place(whole, services.project.base.iri + iri)
        if place is not None:
            given_of(request, ("format", "lang"))
            chosen = suffix or format
            asked = {"format": named(chosen).name} if chosen else {}
            if "lang" in request.query_params:
                asked["lang"] = lang
            return Response(
                status_code=303,
                headers={
                    "location": place + (f"?{urlencode(asked)}" if asked else ""),
                    "cache-control": "no-cache",
                    "kymgraph-generation": str(whole.generation),
                },
            )
    return await answers.look_up(request, services, lang, "/id/", format)


for _kind in _NAMED:
    router.add_api_route(
        f"/id/{_kind}/{{name:path}}", named_thing, methods=["GET", "HEAD"], include_in_schema=False
    )


def _place(whole: Catalogue, iri: str) -> str | None:
    """The path where the catalogue tells of a thing; None for what is not its own."""
    if iri in {whole.iri, *(one.iri for one in whole.services), *(one.iri for one in whole.series)}:
        return PATH
    for one in whole.datasets:
        if iri == one.iri or any(iri == known.iri for known in one.distributions):
            return f"{PATH}/{quote(one.name)}"
    return None


# --- for crawlers -----------------------------------------------------------------------------------------


@router.head("/sitemaps/catalog.xml", include_in_schema=False)
@router.get("/sitemaps/catalog.xml", include_in_schema=False)
async def pages(request: Request, services: ServicesDep) -> Response:
    """The pages of the catalogue, for crawlers."""
    dumps, whole = await services.published.catalogue(address_of(request, services))
    listed = [(whole.homepage, whole.modified), *((one.page, one.modified) for one in whole.datasets)]
    body = sitemap.part((url, time.isoformat().replace("+00:00", "Z")) for url, time in listed)
    return AnsweredResponse(
        Answered("application/xml", generation=dumps.generation, body=body, vary="Accept-Encoding")
    )
