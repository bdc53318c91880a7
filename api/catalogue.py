"""What the routes of catalogue, dumps and VoID share: what they take, and how they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import Services
from api.linked.answers import link_header
from api.linked.negotiate import BY_NAME, PAGE, named, negotiate
from api.negotiate import Language
from api.problems import MEDIA_TYPE as PROBLEM
from api.problems import NotFound
from api.wire import AnsweredResponse
from kymgraph import rdf
from kymgraph.errors import BadParameter
from kymgraph.publishing import catalog_rdf
from kymgraph.publishing.dumps import Dumps
from kymgraph.rdf import Quad
from kymgraph.results import GRAPH_FORMATS, ResultFormat

#: Most datasets on a page, and the last page that is looked for.
MOST: Final = 1000
LAST: Final = 10**6
VARY: Final = "Accept, Accept-Encoding, Accept-Language"
_FORMATS: Final = ", ".join(BY_NAME)


def parameter(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    """A parameter of the query string as OpenAPI describes it."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


LANG: Final = parameter("lang", {"type": "string"}, "language of the page: fi, sv, en")
FORMAT: Final = parameter(
    "format", {"type": "string", "enum": list(BY_NAME)}, f"{_FORMATS}, instead of Accept"
)
FORMAT_OF_RDF: Final = parameter(
    "format", {"type": "string", "enum": [known.name for known in GRAPH_FORMATS]}, "instead of Accept"
)
PAGE_NUMBER: Final = parameter(
    "page", {"type": "integer", "minimum": 1, "maximum": LAST, "default": 1}, "which page"
)
LIMIT: Final = parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MOST, "default": catalog_rdf.PAGE},
    "datasets on a page",
)
RDF: Final[dict[str, Any]] = {known.media_type: {} for known in GRAPH_FORMATS}


def described(
    parameters: list[dict[str, Any]], content: dict[str, Any], *refused: tuple[str, str]
) -> dict[str, Any]:
    """An operation as OpenAPI describes it: what it takes, its media types, and when it refuses."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        "parameters": parameters,
        "responses": {
            "200": {"description": "As asked for", "content": content},
            **{status: {"description": text, "content": {PROBLEM: schema}} for status, text in refused},
        },
    }


REFUSED: Final = (
    ("400", "A parameter is wrong"),
    ("406", "No format that is accepted"),
    ("503", "The first dumps are being made; see Retry-After"),
)
UNKNOWN: Final = ("404", "There is nothing by this name")


def said_in(lang: Language) -> Callable[[Mapping[str, Any]], Any]:
    """What is said in several languages, in the reader's, else in one that there is."""

    def said(texts: Mapping[str, Any]) -> tuple[Any, str]:
        for language in (lang, "fi", "sv", "en", *texts):
            if language in texts:
                return texts[language], "" if language == lang else language
        return "", ""

    return said


async def answer(
    services: Services, make: Callable[[], Answered], what: str, dumps: Dumps, *key: object
) -> Response:
    """What `make` gives, made once for a generation and a key."""
    name = ("published", dumps.generation, dumps.built, what, *key)
    found = services.cache.get(name)
    if found is None:
        found = await services.cache.ask(name, lambda: asyncio.to_thread(make))
        services.cache.put(name, found)
    return AnsweredResponse(found)


def graph(
    quads: list[Quad],
    prefixes: Mapping[str, str],
    chosen: ResultFormat,
    generation: int,
    links: Sequence[str] = (),
) -> Answered:
    """Quads in the format chosen, always in the same order; `links` are for the header Link."""
    fmt = rdf.format_for(chosen.name)
    if fmt is rdf.FORMATS["ttl"]:
        body = rdf.canonical_turtle(quads, prefixes).encode()
    else:
        body = rdf.serialise(sorted(quads, key=str), fmt, prefixes)
    media_type = chosen.media_type
    return Answered(
        media_type + ("; charset=utf-8" if media_type.startswith("text/") else ""),
        generation=generation,
        body=body,
        vary=VARY,
        headers=link_header(list(links)) if links else [],
    )


def html(body: bytes, lang: Language, generation: int) -> Answered:
    """A page for people."""
    return Answered("text/html; charset=utf-8", generation=generation, body=body, vary=VARY, language=lang)


def address_of(request: Request, services: Services) -> str:
    """Where this reader reaches the server, without a slash at the end."""
    return services.origin(request.headers.get("host", ""), request.url.scheme)


def chosen_of(
    request: Request, format: str | None, suffix: str | None = None, *, page: bool = True
) -> ResultFormat:
    """The format asked for. Raises NotFound for a suffix, BadParameter for a format that there is not."""
    if suffix is not None:
        if suffix not in BY_NAME:
            raise NotFound(f"there is no format {suffix[:20]!r}; there are {_FORMATS}")
        return BY_NAME[suffix]
    if format is not None:
        chosen = named(format)
        if chosen is PAGE and not page:
            raise BadParameter("nothing was read: format is html; this is RDF", hint="for example format=ttl")
        return chosen
    return negotiate(request.headers.get("accept"), page=page)
