"""`/dumps/` and `/.well-known/void`: the datasets as files, and how much is in them."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.cache import Answered
from api.catalogue import (
    FORMAT_OF_RDF,
    LANG,
    RDF,
    REFUSED,
    UNKNOWN,
    VARY,
    address_of,
    answer,
    chosen_of,
    described,
    graph,
    html,
    said_in,
)
from api.deps import LanguageDep, ServicesDep
from api.dump_response import DumpResponse
from api.negotiate import prefers_html
from api.parameters import given_of
from api.problems import NotFound
from api.wire import AnsweredResponse
from kymgraph.publishing import void
from kymgraph.publishing.dump_files import KINDS
from kymgraph.publishing.dumps import SUMS

router = APIRouter(tags=["catalogue"])


@router.head("/dumps", include_in_schema=False)
@router.get("/dumps", include_in_schema=False)
@router.head("/dumps/", include_in_schema=False)
@router.get(
    "/dumps/",
    summary="List the dumps",
    operation_id="dumps",
    openapi_extra=described([LANG], {"application/json": {}, "text/html": {}}, *REFUSED),
    response_class=Response,
)
async def dumps_list(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The files of the newest dumps, with their sizes and checksums, as JSON or as a page."""
    given_of(request, ("lang",))
    address = address_of(request, services)
    dumps, whole = await services.published.catalogue(address)
    for_people = prefers_html(request.headers.get("accept"))

    def make() -> Answered:
        if for_people:
            body = services.pages.render(
                "dumps.html", lang, path="/dumps/", parameters=[], catalogue=whole, said=said_in(lang),
                kinds=KINDS, generation=dumps.generation,
            )  # fmt: skip
            return html(body, lang, dumps.generation)
        document = {
            "generation": dumps.generation,
            "sums": f"{address}/dumps/{SUMS}",
            "files": [
                {
                    "dataset": one.name,
                    "format": known.suffix,
                    "mediaType": KINDS[known.suffix].served.partition(";")[0],
                    "url": known.url,
                    "bytes": known.bytes,
                    "sha256": known.sha256,
                    "triples": dumps.files[one.name, known.suffix].triples,
                    "leftOut": known.left_out,
                }
                for one in whole.datasets
                for known in one.distributions
            ],
        }
        body = (json.dumps(document, ensure_ascii=False) + "\n").encode()
        return Answered("application/json", generation=dumps.generation, body=body, vary=VARY)

    return await answer(services, make, "dumps", dumps, address, for_people, lang if for_people else "")


@router.head("/dumps/{name:path}", include_in_schema=False)
@router.get(
    "/dumps/{name:path}",
    summary="Get a dump",
    operation_id="dump",
    openapi_extra=described(
        [],
        {kind.served.partition(";")[0]: {} for kind in KINDS.values()} | {"text/plain": {}},
        *REFUSED,
        UNKNOWN,
        ("416", "The part asked for lies behind the end"),
    ),
    response_class=Response,
)
async def dump(
    request: Request,
    services: ServicesDep,
    name: Annotated[str, Path(description=f"a file that /dumps/ lists, or {SUMS}")],
) -> Response:
    """One dataset in one format, as it is: never packed on the way, in parts if asked (Range)."""
    given_of(request, ())
    found = await services.published.dumps()
    if name == SUMS:
        return AnsweredResponse(
            Answered(
                "text/plain; charset=utf-8",
                generation=found.generation,
                body=found.sums,
                vary="Accept-Encoding",
            )
        )
    for (known, suffix), file in found.files.items():
        if name == f"{known}.{suffix}":
            return DumpResponse(file, KINDS[suffix].served, found.generation)
    raise NotFound(
        f"there is no dump {name[:100]!r}",
        hint=f"/dumps/ lists them; formats are {', '.join(KINDS)}",
    )


@router.head(void.PATH, include_in_schema=False)
@router.get(
    void.PATH,
    summary="Get the numbers of the datasets",
    operation_id="void",
    openapi_extra=described([FORMAT_OF_RDF], RDF, *REFUSED),
    response_class=Response,
)
async def numbers(request: Request, services: ServicesDep) -> Response:
    """VoID: triples, things, classes, properties, links to authorities, dumps of each dataset."""
    given = given_of(request, ("format", "lang"))
    chosen = chosen_of(request, given.get("format"), page=False)
    address = address_of(request, services)
    dumps, whole = await services.published.catalogue(address)

    def make() -> Answered:
        quads = void.quads(whole, dumps, services.project, address)
        return graph(quads, void.USED, chosen, dumps.generation)

    return await answer(services, make, "void", dumps, address, chosen.media_type)
