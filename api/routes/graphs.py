"""`/graphs` and `/graph/<name>`: the reading half of the SPARQL 1.1 Graph Store HTTP Protocol, and a list.

A graph is named directly by its path or indirectly by `?graph=IRI`; `?default` is the default graph. Writing
needs a token, so a write is answered 401 here.
"""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import LanguageDep, Services, ServicesDep, client_of
from api.description import GraphCounts, describe
from api.negotiate import prefers_html
from api.problems import RequestError, TokenRequired
from api.wire import AnsweredResponse
from kymgraph import results
from kymgraph.errors import GraphNotFound
from kymgraph.queries import inspect

router = APIRouter(tags=["graphs"])


@router.head("/graph/{name:path}", include_in_schema=False)
@router.get("/graph/{name:path}", summary="Read one graph", operation_id="graph")
async def graph(request: Request, services: ServicesDep, name: str) -> Response:
    """The triples of the named graph, in the RDF format that Accept asks for."""
    return await _graph(request, services, services.project.base.graphs + name)


@router.head("/graphs", include_in_schema=False)
@router.get("/graphs", summary="List the graphs, or read one", operation_id="graphs")
async def graphs(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    graph: Annotated[str | None, Query(description="IRI of the graph to read")] = None,
    default: Annotated[str | None, Query(description="present: read the default graph")] = None,
) -> Response:
    """Without parameters the list of graphs with their triple counts (HTML, JSON or RDF)."""
    parameters = request.query_params.multi_items()
    if sum(name in ("graph", "default") for name, _ in parameters) > 1:
        raise RequestError("nothing was read: name one graph, by graph=IRI or by default")
    if default is not None:
        return await _graph(request, services, None)
    if graph is not None:
        return await _graph(request, services, graph)
    counts = await services.graphs.counts()
    accept = request.headers.get("accept")
    if prefers_html(accept):
        body = services.pages.render(
            "graphs.html",
            lang,
            path="/graphs",
            parameters=parameters,
            counts=counts,
            base=services.project.base,
        )
        answer = Answered(
            "text/html; charset=utf-8",
            generation=counts.generation,
            body=body,
            vary="Accept, Accept-Encoding, Accept-Language",
            language=lang,
        )
    elif _wants_json(accept):
        answer = Answered("application/json", generation=counts.generation, body=_as_json(counts))
    else:
        chosen = results.negotiate(accept, "construct")
        endpoint = services.origin(request.headers.get("host", ""), request.url.scheme) + "/sparql"
        generation, body = await describe(services, endpoint, chosen)
        answer = Answered(chosen.content_type, generation=generation, body=body)
    return AnsweredResponse(answer)


@router.api_route("/graph/{name:path}", methods=["PUT", "POST", "DELETE", "PATCH"], include_in_schema=False)
@router.api_route("/graphs", methods=["PUT", "POST", "DELETE", "PATCH"], include_in_schema=False)
async def refuse_write(request: Request) -> Response:
    """Every write needs a token."""
    raise TokenRequired(f"{request.method} of a graph", sent="authorization" in request.headers)


async def _graph(request: Request, services: Services, iri: str | None) -> Response:
    chosen = results.negotiate(request.headers.get("accept"), "construct")
    if iri is None:
        text = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
    else:
        known = await services.graphs.names()
        if iri not in known:
            raise _not_found(services, known, iri)
        text = f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{iri}> {{ ?s ?p ?o }} }}"
    client = client_of(request.client)
    generation = services.dataset.generation
    key = ("query", inspect(text).canonical, None, None, chosen.content_type)

    async def make() -> Answered:
        answer = await services.dataset.answer(text, format=chosen.name, client=client)
        made = await asyncio.to_thread(
            Answered,
            chosen.content_type,
            generation=answer.generation,
            body=answer.body or b"",
            file=answer.file,
            source=answer,
        )
        services.cache.put((made.generation, key), made)
        return made

    answer = services.cache.get((generation, key)) or await services.cache.ask((generation, key), make)
    return AnsweredResponse(answer)


def _not_found(services: Services, known: Iterable[str], iri: str) -> GraphNotFound:
    base = services.project.base
    names = [base.graph_name(graph) or graph for graph in known]
    near = difflib.get_close_matches(base.graph_name(iri) or iri, names, 3, 0.4)
    hint = f"near names: {', '.join(near)}" if near else "GET /graphs lists them all"
    return GraphNotFound(f"nothing was read: there is no graph {iri}; {hint}", hint=hint)


def _wants_json(accept: str | None) -> bool:
    return accept is None or accept.strip() == "*/*" or "application/json" in accept


def _as_json(counts: GraphCounts) -> bytes:
    document = {
        "generation": counts.generation,
        "default": {"triples": counts.default},
        "graphs": [{"graph": iri, "triples": triples} for iri, triples in counts.named.items()],
    }
    return json.dumps(document, ensure_ascii=False).encode()
