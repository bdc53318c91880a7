"""REST under `/api/v1`: one route per query file in `api/queries` of the project, and the shared context.

A request is read, its query asked once, its rows written in the format asked for. What there is to know of a
route stands in its file; `kymgraph.publishing` makes the SPARQL and the documents.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import LanguageDep, Services, ServicesDep, client_of
from api.problems import NotFound
from api.rest import answer as answers
from api.rest import request as requests
from api.rest.request import API
from api.wire import AnsweredResponse
from kymgraph.errors import UnknownParameter
from kymgraph.publishing.context import PATH as CONTEXT
from kymgraph.publishing.routes import Route

router = APIRouter(tags=["rest"])

_VARY: Final = "Accept-Encoding, Accept-Language"


def register(framework: FastAPI, services: Services) -> None:
    """Add the routes of the project to the application; `api.openapi` describes them from their files."""
    for route in services.rest.routes:
        framework.add_api_route(
            API + route.path,
            _endpoint(route),
            methods=["GET", "HEAD"],
            include_in_schema=False,
            name=route.name,
        )


def _endpoint(route: Route) -> Callable[..., Awaitable[Response]]:
    async def endpoint(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
        asked = requests.read(
            route,
            request.path_params,
            request.query_params.multi_items(),
            accept=request.headers.get("accept"),
            lang=lang,
            base=services.project.base,
        )
        origin = services.origin(request.headers.get("host", ""), request.url.scheme)
        found = await answers.answer(
            services,
            route,
            asked,
            url=origin + quote(request.url.path),
            context=origin + CONTEXT,
            client=client_of(request.client),
        )
        return AnsweredResponse(found)

    return endpoint


@router.head(API, include_in_schema=False)
@router.get(API, include_in_schema=False)
async def index(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The routes there are, each with what it tells in the reader's language."""
    for name in request.query_params:
        if name != "lang":
            raise UnknownParameter(
                f"{API} has no parameter {name[:60]!r}; nothing was read", hint="There is: lang."
            )
    origin = services.origin(request.headers.get("host", ""), request.url.scheme)
    listed = [
        {
            "path": API + route.path,
            "summary": requests.summary(route, lang),
            "parameters": dict(route.query.params),
            "columns": dict(route.columns),
            "formats": requests.formats(route),
            "answers": list(route.query.answers),
            "example": origin + requests.example(route),
        }
        for route in services.rest.routes
    ]
    body = json.dumps({"routes": listed}, ensure_ascii=False).encode()
    generation = services.dataset.generation
    return AnsweredResponse(
        Answered("application/json", generation=generation, body=body, vary=_VARY, language=lang)
    )


@router.head(CONTEXT, include_in_schema=False)
@router.get(CONTEXT, include_in_schema=False)
async def context(services: ServicesDep) -> Response:
    """The JSON-LD context that every JSON-LD document of this server names."""
    generation, framer = await services.rest.framer()
    body = json.dumps(framer.document, ensure_ascii=False, indent=1).encode()
    return AnsweredResponse(
        Answered("application/ld+json", generation=generation, body=body, vary="Accept-Encoding")
    )


@router.head(API + "/{path:path}", include_in_schema=False)
@router.get(API + "/{path:path}", include_in_schema=False)
async def unknown(path: str, services: ServicesDep) -> Response:
    """Name the nearest routes to a path that is none."""
    raise NotFound(
        f"there is nothing at {API}/{path[:100]}",
        hint=f"Near are: {', '.join(requests.near(path, services.rest.routes))}. {API} lists all routes.",
    )
