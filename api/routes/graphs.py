"""`/graphs` and `/graph/<name>`: the SPARQL 1.1 Graph Store HTTP Protocol, and a list of the graphs.

A graph is named directly by its path or indirectly by `?graph=IRI`; `?default` is the default graph. Writing
needs a token and goes through the gate, see `api.writes`.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api import writes
from api.cache import Answered
from api.deps import LanguageDep, Services, ServicesDep, client_of
from api.description import GraphCounts, describe
from api.linked.answers import page_of_graph
from api.negotiate import prefers_html
from api.problems import RequestError, UnsupportedMediaType
from api.wire import AnsweredResponse
from kymgraph import results
from kymgraph.changeset import Changeset
from kymgraph.dataset import Dataset
from kymgraph.errors import GraphNotFound, InputError
from kymgraph.intake.sheet import SheetChange
from kymgraph.queries import inspect
from kymgraph.rdf import DEFAULT_GRAPH, DefaultGraph, NamedNode
from kymgraph.store.rules import Rules, named_graph

router = APIRouter(tags=["graphs"])

_UPDATE: Final = "application/sparql-update"
#: Graph Store Protocol, 4.2: a relative IRI is 400.
_RELATIVE: Final = (
    "nothing was {did}: graph= takes an absolute IRI, not {iri!r}; by its name it is /graph/NAME"
)


@router.head("/graph/{name:path}", include_in_schema=False)
@router.get("/graph/{name:path}", summary="Read one graph", operation_id="graph")
async def graph(request: Request, services: ServicesDep, name: str) -> Response:
    """The triples of the named graph, in the RDF format that Accept asks for; browsers get to its page."""
    if prefers_html(request.headers.get("accept")):
        return page_of_graph(request, services, services.project.base.graphs + name)
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
        if ":" not in graph:
            raise RequestError(_RELATIVE.format(did="read", iri=graph))
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
async def write_graph(request: Request, services: ServicesDep, name: str) -> Response:
    """Write one graph named by its path."""
    asked, body = await writes.read_http(services, request)
    return await _write(request, services, services.project.base.graphs + name, asked, body)


@router.api_route("/graphs", methods=["PUT", "POST", "DELETE", "PATCH"], include_in_schema=False)
async def write_graphs(request: Request, services: ServicesDep) -> Response:
    """Write one graph named by `graph=` or `default`; POST without either makes a new one."""
    asked, body = await writes.read_http(services, request, (*writes.COMMON, "graph", "default"))
    named = [(n, v) for n, v in request.query_params.multi_items() if n in ("graph", "default")]
    if len(named) > 1 or (not named and request.method != "POST"):
        raise RequestError("nothing was written: name one graph, by graph=IRI or by default")
    if not named:
        return await _write(request, services, services.project.base.graph(uuid.uuid4().hex), asked, body)
    name, iri = named[0]
    if name == "graph" and ":" not in iri:
        raise RequestError(_RELATIVE.format(did="written", iri=iri))
    return await _write(request, services, None if name == "default" else iri, asked, body)


async def _write(
    request: Request, services: Services, iri: str | None, asked: writes.Asked, body: bytes
) -> Response:
    """PUT replaces the graph, POST adds to it, DELETE takes it away, PATCH changes it by an RDF Patch."""
    headers, method = request.headers, request.method
    project, view = services.project, services.dataset.view()
    graph = DEFAULT_GRAPH if iri is None else named_graph(project, iri)
    Rules.of(project).check(graph)
    target = None if isinstance(graph, DefaultGraph) else graph
    exists = target is None or target in view.graphs()
    if method == "DELETE":
        if not exists:
            known = await services.graphs.names()
            raise _not_found(services, known, iri or "", "written")
        return await writes.perform(services, asked, lambda: _emptied(services, target))
    content_type = headers.get("content-type", "")
    if method == "PATCH" and content_type.partition(";")[0] not in ("application/rdf-patch", _UPDATE):
        raise UnsupportedMediaType(
            f"nothing was written: PATCH takes application/rdf-patch or {_UPDATE}",
            headers={"accept-patch": f"application/rdf-patch, {_UPDATE}"},
        )
    make = writes.maker(
        services,
        content_type,
        body,
        lang=asked.lang,
        client="",  # trusted: the limit of one long job per client is for strangers
        graph=target,
        mode="replace" if method == "PUT" else "add",
        coding=headers.get("content-encoding", ""),
    )
    place = f"/graph/{project.base.graph_name(iri)}" if iri and project.base.graph_name(iri) else None
    location = None if exists else place or f"/graphs?graph={quote(iri or '', safe='')}"
    return await writes.perform(
        services, asked, lambda: _within(make, target, method), created=lambda outcome: location
    )


async def _within(make: writes.Make, target: NamedNode | None, method: str) -> Changeset:
    """The change, seen to stay within the graph that the request names; PUT and POST let it exist."""
    change = await make()
    if isinstance(change, SheetChange):
        raise UnsupportedMediaType("nothing was written: send a spreadsheet to POST /changes")
    others = change.graphs - {target.value if target is not None else ""}
    if others:
        raise InputError(
            f"nothing was written: the body also speaks of the graph {min(others)}",
            hint="send one graph to its own address, or several to POST /changes",
        )
    if target is None or method == "PATCH":
        return change
    return replace(change, created=change.created | {target.value})


async def _emptied(services: Services, target: NamedNode | None) -> Changeset:
    view = services.dataset.view()
    graph = DEFAULT_GRAPH if target is None else target
    removed = await asyncio.to_thread(lambda: frozenset(view.quads(graph=graph)))
    dropped = frozenset() if target is None else frozenset({target.value})
    return Changeset(view.generation, removed=removed, dropped=dropped, guard="generation")


async def _graph(request: Request, services: Services, iri: str | None) -> Response:
    chosen = results.negotiate(request.headers.get("accept"), "construct")
    dataset, wanted = services.dataset, request.query_params.get("at")
    at = None if wanted is None else dataset.generation_at(wanted)
    if iri is None:
        text = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
    else:
        known = await services.graphs.names() if at is None else await asyncio.to_thread(_names, dataset, at)
        if iri not in known:
            raise _not_found(services, known, iri)
        text = f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{iri}> {{ ?s ?p ?o }} }}"
    client = client_of(request.client)
    generation = dataset.generation if at is None else at
    key = ("query", inspect(text).canonical, None, None, chosen.content_type)

    async def make() -> Answered:
        answer = await dataset.answer(text, format=chosen.name, client=client, at=at)
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


def _names(dataset: Dataset, at: int) -> list[str]:
    return [graph.value for graph in dataset.view(at).graphs()]


def _not_found(services: Services, known: Iterable[str], iri: str, did: str = "read") -> GraphNotFound:
    base = services.project.base
    names = [base.graph_name(graph) or graph for graph in known]
    near = difflib.get_close_matches(base.graph_name(iri) or iri, names, 3, 0.4)
    hint = f"near names: {', '.join(near)}" if near else "GET /graphs lists them all"
    return GraphNotFound(f"nothing was {did}: there is no graph {iri}; {hint}", hint=hint)


def _wants_json(accept: str | None) -> bool:
    return accept is None or accept.strip() == "*/*" or "application/json" in accept


def _as_json(counts: GraphCounts) -> bytes:
    document = {
        "generation": counts.generation,
        "default": {"triples": counts.default},
        "graphs": [{"graph": iri, "triples": triples} for iri, triples in counts.named.items()],
    }
    return json.dumps(document, ensure_ascii=False).encode()
