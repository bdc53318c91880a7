"""`/changes.atom`: what was committed, as an Atom feed, newest first and in pages."""

from __future__ import annotations

import asyncio
import datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import LanguageDep, Services, ServicesDep
from api.negotiate import Language
from api.parameters import given_of, whole_number
from api.problems import MEDIA_TYPE as PROBLEM
from api.wire import AnsweredResponse
from kymgraph.dataset import Dataset
from kymgraph.errors import GraphNotFound
from kymgraph.publishing import feeds
from kymgraph.rdf import NamedNode
from kymgraph.store.journal import FIRST_GENERATION, Entry
from kymgraph.store.rules import named_graph

router = APIRouter(tags=["feeds"])

PATH: Final = "/changes.atom"
#: Entries on a page, unless asked for more or fewer.
_LIMIT: Final = 50
_MOST: Final = 1000
#: Entries that are read at a time when those of one graph are looked for.
_CHUNK: Final = 500
_PROBLEM: Final = "#/components/schemas/Problem"
_NAMES: Final = ("limit", "before", "graph", "lang")


def _described(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


_DESCRIBED: Final = {
    "parameters": [
        _described(
            "limit", {"type": "integer", "minimum": 1, "maximum": _MOST, "default": _LIMIT}, "how many"
        ),
        _described(
            "before", {"type": "integer", "minimum": 1, "maximum": 10**9}, "only commits with lower numbers"
        ),
        _described("graph", {"type": "string"}, "only commits that touched this graph (name or IRI)"),
        _described(
            "lang", {"type": "string"}, "language of the titles: fi, sv, en; else that of Accept-Language"
        ),
    ],
    "responses": {
        "200": {"description": "A page of the feed", "content": {feeds.MEDIA_TYPE: {}}},
        **{
            status: {"description": text, "content": {PROBLEM: {"schema": {"$ref": _PROBLEM}}}}
            for status, text in (("400", "A parameter is wrong"), ("404", "There is no such graph"))
        },
    },
}


@router.head(PATH, include_in_schema=False)
@router.get(
    PATH,
    summary="Follow the commits as an Atom feed",
    operation_id="changesFeed",
    openapi_extra=_DESCRIBED,
    response_class=Response,
)
async def changes_feed(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The commits since the store was built, newest first; the link `next` is the page after this one.

    Ids are the IRIs of the commits in the ledger. `/changes` answers the same to `Accept:
    application/atom+xml`.
    """
    return await feed(request, services, lang)


async def feed(request: Request, services: Services, lang: Language) -> Response:
    """A page of the feed, by the parameters of the request. Raises BadParameter, GraphNotFound."""
    given = given_of(request, _NAMES)
    limit = whole_number("limit", given, _MOST, example=_LIMIT) or _LIMIT
    before = whole_number("before", given, 10**9, example=120)
    graph = named_graph(services.project, given["graph"]).value if "graph" in given else None
    dataset = services.dataset
    generation = dataset.generation
    until = generation if before is None else min(before - 1, generation)
    entries, newest = await asyncio.to_thread(_read, dataset, generation, until, limit, graph)
    if (
        newest is None
        and graph is not None
        and NamedNode(graph) not in await asyncio.to_thread(_graphs, dataset)
    ):
        raise GraphNotFound(
            f"nothing was read: there is no graph {given['graph']!r}, and no commit touched one",
            hint="/graphs lists the graphs there are",
        )
    address = services.origin(request.headers.get("host", ""), request.url.scheme)
    steady: dict[str, Any] = {name: given[name] for name in ("limit", "graph", "lang") if name in given}
    older = {**steady, "before": entries[limit - 1].number} if len(entries) > limit else None
    page = feeds.Page(
        entries=entries[:limit],
        updated=newest.time if newest is not None else _built(dataset),
        own=_url(address, given),
        first=_url(address, steady),
        next=None if older is None else _url(address, older),
        listed=f"{address}/changes" + (f"?{urlencode({'graph': given['graph']})}" if graph else ""),
        graph=graph,
    )
    body = feeds.atom(
        services.project, page, lang=lang, change_url=lambda number: f"{address}/changes/{number}"
    )
    link = f'<{page.next}>; rel="next"' if page.next else f'<{page.first}>; rel="first"'
    return AnsweredResponse(
        Answered(
            f"{feeds.MEDIA_TYPE}; charset=utf-8",
            generation=generation,
            body=body,
            vary="Accept, Accept-Encoding, Accept-Language",
            language=lang,
            headers=[(b"link", link.encode())],
        )
    )


def _read(
    dataset: Dataset, generation: int, until: int, limit: int, graph: str | None
) -> tuple[list[Entry], Entry | None]:
    """One entry more than a page has, up to `until`; and the newest that there is up to `generation`."""
    entries = list(islice(_entries(dataset, until, graph), limit + 1))
    if until == generation:
        return entries, entries[0] if entries else None
    return entries, next(_entries(dataset, generation, graph), None)


def _entries(dataset: Dataset, until: int, graph: str | None) -> Any:
    """The commits up to `until` that touched a graph (None: any), newest first, a chunk read at a time."""
    while until > FIRST_GENERATION:
        for entry in dataset.history(after=max(0, until - _CHUNK), until=until):
            if graph is None or graph in entry.graphs:
                yield entry
        until -= _CHUNK


def _graphs(dataset: Dataset) -> list[NamedNode]:
    return dataset.view().graphs()


def _built(dataset: Dataset) -> str:
    """When the store was built, for a feed without entries."""
    seconds = dataset.store.checkpoint_path(dataset.generation).stat().st_mtime
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _url(address: str, asked: dict[str, Any]) -> str:
    return f"{address}{PATH}" + (f"?{urlencode(asked)}" if asked else "")
