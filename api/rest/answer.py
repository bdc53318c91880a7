"""The answer of a REST route: its page of rows asked of a worker, written in the format asked for.

All of one answer comes from one generation, also where it takes more than one query.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode

from api.cache import Answered
from api.linked.refusals import near_names
from api.problems import NotFound
from api.rest.request import FORMATS, Asked
from kymgraph.dataset import Dataset
from kymgraph.errors import BadParameter
from kymgraph.publishing import geojson, items, paging, tables
from kymgraph.publishing.items import Row
from kymgraph.publishing.routes import Route
from kymgraph.results import rows as parse_rows

if TYPE_CHECKING:
    from api.deps import Services
    from kymgraph.store.workers import Answer

T = TypeVar("T")

_VARY: Final = "Accept, Accept-Encoding, Accept-Language"
#: Longest answer of a worker, in bytes, that is turned into a document, and into framed JSON-LD.
_LONGEST: Final = 20_000_000
_LONGEST_LINKED: Final = 2_000_000
#: Above so many bytes a document is made in a thread, lest it hold up others.
_IN_THREAD_FROM: Final = 100_000
#: IRIs in one query about things, in bytes.
_LISTED: Final = 40_000


@dataclass(frozen=True, slots=True)
class _Asker:
    """Asks on behalf of one request: one client, one generation."""

    dataset: Dataset
    client: str

    async def first(self, text: str, bindings: Mapping[str, str], at: int | None) -> Answer:
        return await self.dataset.answer(text, format="json", bindings=bindings, at=at, client=self.client)

    async def also(
        self, text: str, generation: int, *, bindings: Mapping[str, str] = {}, format: str = "json"
    ) -> Answer:
        """Another answer, over the generation of the first."""
        found = await self.dataset.answer(
            text, format=format, bindings=bindings, at=generation, client=self.client
        )
        if found.generation != generation:  # another became current just then; now it is asked by number
            found = await self.dataset.answer(
                text, format=format, bindings=bindings, at=generation, client=self.client
            )
        return found


async def answer(
    services: Services, route: Route, asked: Asked, *, url: str, context: str, client: str
) -> Answered:
    """The answer to one request at the address `url`; `context` is where the JSON-LD context is.

    Raises what `Dataset.answer` raises, BadParameter for a page too large, NotFound for an unknown thing.
    """
    dataset = services.dataset
    asker = _Asker(dataset, client)
    at = None if asked.at is None else await asyncio.to_thread(dataset.generation_at, asked.at)
    found = await asker.first(paging.rows(route, asked.page), asked.bindings, at)
    generation = found.generation
    rows = await _rows(found, route, asked)
    more = len(rows) > asked.page.limit
    rows = rows[: asked.page.limit]
    if not rows and route.path_params and not asked.page.offset:
        await _check_known(services, route, asked, asker, generation)
    links = {} if route.tree else _links(url, asked, more)
    if asked.format == "jsonld":
        body = await _linked(services, route, asked, rows, asker, generation, context)
    else:
        page = _Found(
            generation,
            rows,
            more,
            links.get("next"),
            await _total(route, asked, rows, more, asker, generation),
        )
        body = await _aside(found.size, lambda: _WRITERS[asked.format](route, asked, page))
    headers = []
    if links:
        headers.append((b"link", ", ".join(f'<{to}>; rel="{rel}"' for rel, to in links.items()).encode()))
    if asked.format in ("csv", "xlsx"):
        headers.append((b"content-disposition", f'inline; filename="{route.name}.{asked.format}"'.encode()))
    media_type = FORMATS[asked.format]
    return Answered(
        media_type + ("; charset=utf-8; header=present" if asked.format == "csv" else ""),
        generation=generation,
        body=body,
        vary=_VARY,
        language=None if asked.format == "jsonld" else asked.lang,  # that holds every language
        headers=headers,
    )


async def _rows(found: Answer, route: Route, asked: Asked) -> list[Row]:
    if found.size > _LONGEST:
        raise BadParameter(
            f"limit: these {asked.page.limit} rows take more than {_LONGEST:,} bytes; nothing was sent",
            hint="Give a lower limit, as in limit=10.",
        )
    body = found.body if found.body is not None else await asyncio.to_thread(found.read)
    return await _aside(found.size, lambda: items.read(body, route, asked.page))


async def _aside(size: int, make: Callable[[], T]) -> T:
    return await asyncio.to_thread(make) if size > _IN_THREAD_FROM else make()


async def _check_known(
    services: Services, route: Route, asked: Asked, asker: _Asker, generation: int
) -> None:
    """Raise NotFound if a thing in the path is unknown to the graph: no rows of a known one is an answer."""
    for name in route.path_params:
        term = asked.bindings[name]
        if not term.startswith("<"):
            continue
        text = f"ASK {{ {{ {term} ?p ?o }} UNION {{ GRAPH ?g {{ {term} ?p ?o }} }} }}"
        known = await asker.also(text, generation)
        if not parse_rows(known.read()).boolean:
            near = await near_names(services, term.strip("<>"), asked.lang, asker.client)
            names = ", ".join(one["iri"].removeprefix(services.project.base.ids) for one in near)
            raise NotFound(
                f"nothing was read: the graph knows nothing by the name {term[1:-1][:500]}",
                hint=f"near names: {names}" if near else "search for it by its words: /search?q=…",
                near=tuple(near),
            )


def _links(url: str, asked: Asked, more: bool) -> dict[str, str]:
    """The addresses of the first, previous and next page, all else being as asked."""
    limit, offset = asked.page.limit, asked.page.offset
    kept = [(name, value) for name, value in asked.given if name not in ("limit", "offset")]

    def page(start: int) -> str:
        window = [("limit", str(limit)), *([("offset", str(start))] if start else [])]
        return f"{url}?{urlencode([*kept, *window], quote_via=quote)}"

    links = {}
    if offset or more:
        links["first"] = page(0)
    if offset:
        links["prev"] = page(max(0, offset - limit))
    if more:
        links["next"] = page(offset + limit)
    return links


async def _total(
    route: Route, asked: Asked, rows: list[Row], more: bool, asker: _Asker, generation: int
) -> dict[str, Any]:
    """How many rows there are: exact on the last page, else at least those seen, or counted if asked."""
    seen = asked.page.offset + len(rows) + more
    if not more and (rows or not asked.page.offset):
        return {"count": seen, "atLeast": False}
    if not asked.count:
        # Behind the last row nothing is known of how many there are.
        return {"count": seen if more else 0, "atLeast": True}
    counted = await asker.also(paging.count(route), generation, bindings=asked.bindings)
    number = next(iter(parse_rows(counted.read())))[paging.OWN + "n"]
    count = int(getattr(number, "value", "0"))
    if count > paging.CEILING:
        return {"count": max(paging.CEILING, seen), "atLeast": True}
    return {"count": count, "atLeast": False}


# --- documents --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """A page of rows, and what a list says about itself."""

    generation: int
    rows: list[Row]
    more: bool
    after: str | None  #: the address of the next page
    total: Mapping[str, Any]


def _json(route: Route, asked: Asked, found: _Found) -> bytes:
    if route.tree:
        nested = items.tree(found.rows, route, asked.columns)
        return _dump({"generation": found.generation, "items": nested, "complete": not found.more})
    shown = [items.item(row, route, asked.columns) for row in found.rows]
    return _dump({"generation": found.generation, "items": shown, "next": found.after, "total": found.total})


def _csv(route: Route, asked: Asked, found: _Found) -> bytes:
    return tables.to_csv(found.rows, route, asked.columns)


def _xlsx(route: Route, asked: Asked, found: _Found) -> bytes:
    return tables.to_xlsx(found.rows, route, asked.columns, title=route.name)


def _geojson(route: Route, asked: Asked, found: _Found) -> bytes:
    return _dump(geojson.collection(found.rows, route, asked.columns))


_WRITERS: Final[dict[str, Callable[[Route, Asked, _Found], bytes]]] = {
    "json": _json,
    "csv": _csv,
    "xlsx": _xlsx,
    "geojson": _geojson,
}


def _dump(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


async def _linked(
    services: Services,
    route: Route,
    asked: Asked,
    rows: list[Row],
    asker: _Asker,
    generation: int,
    context: str,
) -> bytes:
    """The statements of the things on the page as framed JSON-LD."""
    assert route.subject is not None
    column = route.tree[0] if route.tree else route.subject
    things = list(dict.fromkeys(iri for row in rows if (iri := row.iri(column)) is not None))
    nodes: list[Any] = []
    size = 0
    for listed in _chunks(things):
        found = await asker.also(paging.statements(listed), generation, format="jsonld")
        size += found.size
        if size > _LONGEST_LINKED:
            raise BadParameter(
                f"limit: the statements of {len(things)} things take more than {_LONGEST_LINKED:,} bytes",
                hint="Give a lower limit, as in limit=10.",
            )
        nodes += json.loads(found.read())
    _, framer = await services.rest.framer()
    if route.tree:
        depth = items.depth(rows, route)
        roots = [iri for row in items.roots(rows, route) if (iri := row.iri(column)) is not None]
        return await asyncio.to_thread(lambda: _dump(framer.tree(nodes, roots, depth, address=context)))
    return await asyncio.to_thread(lambda: _dump(framer.things(nodes, things, address=context)))


def _chunks(things: list[str]) -> list[list[str]]:
    """The things in lists that fit into the text of a query."""
    chunks: list[list[str]] = []
    room = 0
    for thing in things:
        size = len(thing.encode()) + 3
        if size > room:
            chunks.append([])
            room = _LISTED
        chunks[-1].append(thing)
        room -= size
    return chunks
