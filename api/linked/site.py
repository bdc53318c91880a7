"""What crawlers read first: `robots.txt` and the sitemaps, made from the default graph as it is now."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from fastapi import Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import Services, client_of
from api.linked.paths import path_of
from api.problems import NotFound
from api.wire import AnsweredResponse
from kymgraph.dataset import whole
from kymgraph.publishing import sitemap
from kymgraph.queries import term_literal

_XML: Final = "application/xml"
_VARY: Final = "Accept-Encoding"
#: Answers that cost more than a page; crawlers find the data by the pages.
_CLOSED: Final = ("/sparql?", "/search?", "/changes/diff", "/*?at=", "/*&at=")


def robots(request: Request, services: Services) -> Response:
    """All pages are open, questions of one's own are not for crawlers."""
    lines = [
        "User-agent: *",
        *(f"Disallow: {services.root}{path}" for path in _CLOSED),
        f"Sitemap: {_origin(request, services)}/sitemap.xml",
    ]
    body = ("\n".join(lines) + "\n").encode()
    generation = services.dataset.generation
    return AnsweredResponse(
        Answered("text/plain; charset=utf-8", generation=generation, body=body, vary=_VARY)
    )


async def index(request: Request, services: Services) -> Response:
    """The index of the parts."""
    text = f"SELECT (COUNT(DISTINCT ?s) AS ?n) WHERE {{ {_things(services)} }}"
    generation, rows = await _rows(request, services, text)
    origin, changed = _origin(request, services), await asyncio.to_thread(_newest, services, generation)
    parts = sitemap.parts(int(rows[0]["n"]))
    names = [*map(str, range(1, parts + 1)), "catalog"]
    body = sitemap.index((f"{origin}/sitemaps/{name}.xml", changed) for name in names)
    return AnsweredResponse(Answered(_XML, generation=generation, body=body, vary=_VARY))


async def part(request: Request, services: Services, number: str) -> Response:
    """One part, counted from 1. Raises NotFound."""
    if not (number.isascii() and number.isdecimal() and 1 <= len(number) <= 6 and int(number)):
        raise NotFound(f"there is no sitemap {number[:20]!r}: /sitemap.xml lists them")
    text = (
        f"SELECT DISTINCT ?s WHERE {{ {_things(services)} }} ORDER BY ?s "
        f"OFFSET {(int(number) - 1) * sitemap.PART} LIMIT {sitemap.PART}"
    )
    generation, rows = await _rows(request, services, text)
    if not rows and number != "1":
        raise NotFound(f"there is no sitemap {number}: /sitemap.xml lists them")
    origin, base = _origin(request, services), services.project.base
    times = await asyncio.to_thread(services.linked.touched.times, generation)
    body = sitemap.part((origin + path_of(base, "page", row["s"]), times.get(row["s"], "")) for row in rows)
    return AnsweredResponse(Answered(_XML, generation=generation, body=body, vary=_VARY))


def _things(services: Services) -> str:
    return f"?s a ?type FILTER(STRSTARTS(STR(?s), {term_literal(services.project.base.ids)}))"


def _newest(services: Services, generation: int) -> str:
    commits = services.dataset.history(after=generation - 1, until=generation)
    return commits[0].time if commits else ""


async def _rows(request: Request, services: Services, text: str) -> tuple[int, list[dict[str, str]]]:
    answer = await services.dataset.answer(text, format="json", client=client_of(request.client))
    bindings = json.loads(await whole(answer))["results"]["bindings"]
    return answer.generation, [{name: term["value"] for name, term in row.items()} for row in bindings]


def _origin(request: Request, services: Services) -> str:
    return services.origin(request.headers.get("host", ""), request.url.scheme)
