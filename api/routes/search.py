"""`/search` and `/suggest`: things by words in their names and descriptions, as JSON and as a page.

Everything asked is read here and refused by name where it is wrong; what is found comes from
`services.search`, in a thread, with the generation that its index stands for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import LanguageDep, Services, ServicesDep
from api.linked.page import COMMON
from api.linked.paths import path_of
from api.negotiate import LANGUAGES, Language, prefers_html
from api.pages import cell
from api.texts import Texts
from api.wire import AnsweredResponse
from kymgraph.errors import BadParameter, UnknownParameter
from kymgraph.namespaces import Base
from kymgraph.search.entries import FACETS
from kymgraph.search.index import LAST_OFFSET, LONGEST, MOST_ON_PAGE, Found, Hit

router = APIRouter(tags=["search"])

_VARY: Final = "Accept, Accept-Encoding, Accept-Language"
_PAGE: Final = 20
_SUGGESTED, _MOST_SUGGESTED = 10, 50
#: Values of one facet that may be asked for, and the longest of them.
_MOST_VALUES, _LONGEST_VALUE = 20, 500
#: An example of each parameter, shown where one is refused.
_EXAMPLES: Final[Mapping[str, str]] = {
    "q": "maakuntaohjelma",
    "lang": "sv",
    "type": "kym:Programme",
    "programme": "id:programme/maakuntaohjelma-2022-2025",
    "period": "2022-2025",
    "theme": "id:theme/kyberturvallisuus",
    "place": "id:place/kouvola",
    "source": "maakuntaohjelma-2022-2025",
    "status": "id:status/planned",
    "limit": "20",
    "offset": "40",
}
_WHAT: Final[Mapping[str, str]] = {
    "q": f"Words, in any inflected form; up to {LONGEST:,} characters. Empty: everything",
    "lang": "Language of labels: fi, sv or en; else Accept-Language decides, then Finnish",
    "type": "Only things of this type or of a narrower one; an IRI, or a short form such as kym:Programme",
    "programme": "Only what belongs to this programme, plan or strategy; an IRI or short form",
    "period": "Only this period (2022-2025), or periods that this year lies in (2024)",
    "theme": "Only this theme or a narrower one; an IRI or short form",
    "place": "Only this place; an IRI or short form",
    "source": "Only what this graph says something of; its name or IRI",
    "status": "Only this status; an IRI or short form",
    "limit": f"Hits on the page, 0 to {MOST_ON_PAGE}",
    "offset": f"Hits to leave out, up to {LAST_OFFSET:,}",
}
_HIT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["iri", "score", "types", "label", "labels", "description", "highlight", "matched", "marks"],
    "properties": {
        "iri": {"type": "string"},
        "page": {"type": "string", "description": "where it is shown, relative to this server"},
        "score": {"type": "number", "description": "0 to 100; 100 is the very name"},
        "types": {"type": "array", "items": {"type": "string"}},
        "label": {"type": "string", "description": "in the reader's language, else the next there is"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "description": {"type": "object", "additionalProperties": {"type": "string"}},
        "highlight": {"type": "string", "description": "the name or part of a text that matched, plain"},
        "matched": {"type": "string", "description": "its language"},
        "marks": {
            "type": "array",
            "description": "where the words stand in it: from, up to, in characters",
            "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        },
    },
}
_FACET: Final[dict[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["value", "label", "count"],
        "properties": {
            "value": {"type": "string"},
            "label": {"type": "string"},
            "count": {"type": "integer"},
        },
    },
}
_FOUND: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["query", "generation", "total", "more", "hits", "facets"],
    "properties": {
        "query": {"type": "string"},
        "generation": {"type": "integer"},
        "total": {"type": "integer"},
        "more": {"type": "boolean", "description": "whether total and counts are lower bounds"},
        "limit": {"type": "integer"},
        "offset": {"type": "integer"},
        "hits": {"type": "array", "items": _HIT},
        "facets": {"type": "object", "additionalProperties": _FACET},
    },
}
_SUGGESTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["query", "hits"],
    "properties": {"query": {"type": "string"}, "hits": {"type": "array", "items": _HIT}},
}


def _described(names: Sequence[str], schema: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a route here."""
    parameters = []
    for name in names:
        kind: dict[str, Any] = {"type": "string", "maxLength": LONGEST if name == "q" else _LONGEST_VALUE}
        if name in FACETS:
            kind = {"type": "array", "items": {"type": "string"}, "maxItems": _MOST_VALUES}
        elif name == "limit":
            kind = {"type": "integer", "minimum": 0, "maximum": MOST_ON_PAGE}
        elif name == "offset":
            kind = {"type": "integer", "minimum": 0, "maximum": LAST_OFFSET}
        example: object = [_EXAMPLES[name]] if name in FACETS else _EXAMPLES[name]
        if kind["type"] == "integer":
            example = int(_EXAMPLES[name])
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": _WHAT[name],
                "schema": kind,
                "example": example,
            }
        )
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {
        "400": "A parameter that is not known or not as it should be",
        "503": "The index is being made, or too many searches are under way",
        "504": "The search took too long",
    }
    return {
        "parameters": parameters,
        "responses": {
            "200": {"description": "What was found", "content": {"application/json": {"schema": schema}}},
            **{status: {"description": text, "content": problem} for status, text in refusals.items()},
        },
    }


_SEARCH: Final = ("q", "lang", *FACETS, "limit", "offset")
_SUGGEST: Final = ("q", "lang", "type", "limit")


# --- reading a request ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, understood."""

    query: str
    filters: Mapping[str, Sequence[str]]
    limit: int
    offset: int
    given: Sequence[tuple[str, str]]  #: the query string as it came, for links


def _read(request: Request, services: Services, names: Sequence[str], *, limit: int, most: int) -> Asked:
    """Read the parameters of a request. Raises UnknownParameter, BadParameter."""
    given = request.query_params.multi_items()
    values: dict[str, list[str]] = {}
    for name, value in given:
        if name not in names:
            raise UnknownParameter(
                f"nothing was searched: there is no parameter {name[:60]!r}",
                hint=f"There are: {', '.join(names)}. For example q={_EXAMPLES['q']}.",
            )
        values.setdefault(name, []).append(value)
    for name, found in values.items():
        if len(found) > (_MOST_VALUES if name in FACETS else 1):
            raise _bad(name, "given once" if name not in FACETS else f"given up to {_MOST_VALUES} times")
    query = values.get("q", [""])[0]
    if len(query) > LONGEST:
        raise _bad("q", f"text of up to {LONGEST:,} characters, not {len(query):,}")
    filters = {
        facet: [_value(services, facet, value) for value in values.get(facet, ()) if value]
        for facet in FACETS
        if any(values.get(facet, ()))
    }
    return Asked(
        query,
        filters,
        _whole("limit", values, limit, most),
        _whole("offset", values, 0, LAST_OFFSET),
        given,
    )


def _value(services: Services, facet: str, text: str) -> str:
    """The value that a parameter names: IRIs also in short form, graphs by their names."""
    if len(text) > _LONGEST_VALUE:
        raise _bad(facet, f"text of up to {_LONGEST_VALUE} characters")
    base: Base = services.project.base
    if facet == "period":
        text = text.replace("–", "-")
        if not all(part.isascii() and part.isdigit() and len(part) == 4 for part in text.split("-", 1)):
            raise _bad(facet, "a year, or two with a hyphen between")
        return text
    if "://" in text:
        return text
    if facet == "source":
        try:
            return base.graph(text)
        except ValueError:
            raise _bad(facet, "the name or the IRI of a graph") from None
    prefix, colon, local = text.partition(":")
    if not colon or prefix not in services.prefixes:
        raise _bad(facet, "an IRI, or a short form with a known prefix")
    return services.prefixes[prefix] + local


def _whole(name: str, values: Mapping[str, Sequence[str]], default: int, most: int) -> int:
    text = values.get(name, [str(default)])[0]
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= most):
        raise _bad(name, f"of type integer from 0 to {most:,}")
    return int(text)


def _bad(name: str, what: str) -> BadParameter:
    return BadParameter(
        f"nothing was searched: {name} has to be {what}", hint=f"For example {name}={_EXAMPLES[name]}."
    )


# --- routes ---------------------------------------------------------------------------------------------


@router.head("/search", include_in_schema=False)
@router.get(
    "/search",
    summary="Search for things by words",
    operation_id="search",
    openapi_extra=_described(_SEARCH, _FOUND),
)
async def search(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Things whose names or descriptions have these words in any inflected form, best first.

    The exact name comes first. Each facet may be given several times: one of its values has to hold. With an
    empty `q`, all things that the facets leave. Counts are exact up to a ceiling, which `more` tells of.
    """
    asked = _read(request, services, _SEARCH, limit=_PAGE, most=MOST_ON_PAGE)
    found = await asyncio.to_thread(
        services.search.search,
        asked.query,
        lang=lang,
        filters=asked.filters,
        limit=asked.limit,
        offset=asked.offset,
    )
    links = _links(asked, found)
    header = ", ".join(f'<{link}>; rel="{relation}"' for relation, link in links.items())
    headers = [(b"link", header.encode("ascii"))] if links else []
    if prefers_html(request.headers.get("accept")):
        body = _page(services, lang, asked, found, links)
        media_type = "text/html; charset=utf-8"
    else:
        body = _json(
            {
                "query": asked.query,
                "generation": found.generation,
                "total": found.total,
                "more": found.more,
                "limit": asked.limit,
                "offset": asked.offset,
                "hits": [_hit(services, hit, lang) for hit in found.hits],
                "facets": {
                    facet: [
                        {"value": value, "label": label, "count": count} for value, label, count in values
                    ]
                    for facet, values in found.facets.items()
                },
            }
        )
        media_type = "application/json"
    return AnsweredResponse(
        Answered(
            media_type, generation=found.generation, body=body, vary=_VARY, language=lang, headers=headers
        )
    )


@router.head("/suggest", include_in_schema=False)
@router.get(
    "/suggest",
    summary="Suggest things while a name is being typed",
    operation_id="suggest",
    openapi_extra=_described(_SUGGEST, _SUGGESTIONS),
)
async def suggest(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Things with a name that begins with `q`, or that has a word which does, best first."""
    asked = _read(request, services, _SUGGEST, limit=_SUGGESTED, most=_MOST_SUGGESTED)
    found = await asyncio.to_thread(
        services.search.completed,
        asked.query,
        lang=lang,
        types=asked.filters.get("type", ()),
        limit=asked.limit,
    )
    body = _json({"query": asked.query, "hits": [_hit(services, hit, lang) for hit in found.hits]})
    return AnsweredResponse(
        Answered("application/json", generation=found.generation, body=body, vary=_VARY, language=lang)
    )


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _hit(services: Services, hit: Hit, lang: Language) -> dict[str, Any]:
    return {
        "iri": hit.iri,
        "page": services.root + path_of(services.project.base, "page", hit.iri),
        "score": hit.score,
        "types": list(hit.types),
        "label": hit.label(lang, *LANGUAGES),
        "labels": dict(hit.labels),
        "description": dict(hit.description),
        "highlight": hit.highlight,
        "matched": hit.matched,
        "marks": [list(mark) for mark in hit.marks],
    }


def _links(asked: Asked, found: Found) -> dict[str, str]:
    """The first, previous and next page."""
    links: dict[str, str] = {}
    if not asked.limit:
        return links
    if asked.offset:
        links["first"] = _link(asked, offset=0)
        links["prev"] = _link(asked, offset=max(0, asked.offset - asked.limit))
    following = asked.offset + asked.limit
    if following < found.total and following <= LAST_OFFSET:
        links["next"] = _link(asked, offset=following)
    return links


def _link(
    asked: Asked, *, offset: int = 0, add: tuple[str, str] | None = None, drop: tuple[str, str] | None = None
) -> str:
    """This search with one thing different."""
    kept = [pair for pair in asked.given if pair[0] != "offset" and pair != drop]
    if add is not None and add not in kept:
        kept.append(add)
    if offset:
        kept.append(("offset", str(offset)))
    return f"/search?{urlencode(kept)}" if kept else "/search"


# --- the page -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shown:
    """A hit as the page shows it."""

    label: list[tuple[str, bool]]  #: the name in pieces; True are those to mark
    lang: str  #: "" where it is the page's
    href: str | None
    iri: str
    types: list[str]
    text: list[tuple[str, bool]]  #: the highlight or description in pieces, likewise
    text_lang: str


@dataclass(frozen=True, slots=True)
class _Choice:
    """A value of a facet as a link."""

    label: str
    count: int | None  #: None: chosen already; the link takes it away
    href: str


def _page(services: Services, lang: Language, asked: Asked, found: Found, links: Mapping[str, str]) -> bytes:
    chosen = {(facet, value) for facet, values in asked.filters.items() for value in values}
    written = {
        (name, _value(services, name, value)): (name, value)
        for name, value in asked.given
        if name in FACETS and value
    }
    texts = Texts(lang)

    def called(value: str, label: str) -> str:
        known = COMMON.get(value) if label == _short(services, "type", value) else None
        return texts(f"property.{known}") if known else label

    facets = []
    for facet in FACETS:
        choices = [
            _Choice(called(value, label), None, services.root + _link(asked, drop=written[facet, value]))
            for value, label in found.filters.get(facet, ())
        ]
        choices += [
            _Choice(
                called(value, label),
                count,
                services.root + _link(asked, add=(facet, _short(services, facet, value))),
            )
            for value, label, count in found.facets.get(facet, ())
            if (facet, value) not in chosen
        ]
        if choices:
            facets.append((facet, choices))
    types = {iri: called(iri, label) for iri, label in found.types.items()}
    return services.pages.render(
        "search.html",
        lang,
        path="/search",
        parameters=asked.given,
        query=asked.query,
        found=found,
        hits=[_show(services, hit, lang, types) for hit in found.hits],
        facets=facets,
        kept=[pair for pair in asked.given if pair[0] in FACETS],
        links=links,
        first=asked.offset + 1,
        last=asked.offset + len(found.hits),
    )


def _short(services: Services, facet: str, value: str) -> str:
    """A value as short as a parameter can name it."""
    if facet == "source":
        return services.project.base.graph_name(value) or value
    fitting = [
        (len(space), prefix)
        for prefix, space in services.prefixes.items()
        if value.startswith(space) and value != space
    ]
    if facet == "period" or not fitting:
        return value
    length, prefix = max(fitting)
    return f"{prefix}:{value[length:]}"


def _show(services: Services, hit: Hit, lang: Language, names: Mapping[str, str]) -> _Shown:
    order = (lang, *LANGUAGES)
    label = hit.label(*order)
    spoken = next((code for code, text in hit.labels.items() if text == label), "")
    heading, text, text_lang = [(label, False)], _pieces(hit.highlight, hit.marks), hit.matched
    if hit.highlight == label:  # the name says already why, so the description tells more
        text_lang = next((code for code in (*order, *hit.description) if code in hit.description), "")
        heading, text = text, _pieces(hit.description.get(text_lang, ""), ())
    base = services.project.base
    ours = hit.iri.startswith(base.iri)
    href = services.root + path_of(base, "page", hit.iri, more={"lang": lang}) if ours else None
    return _Shown(
        heading,
        "" if spoken == lang else spoken,
        href or cell({"type": "uri", "value": hit.iri}, {}).href,
        hit.iri,
        [names.get(iri, iri) for iri in hit.types],
        text,
        "" if text_lang == lang else text_lang,
    )


def _pieces(text: str, marks: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """A text cut up at its marks.

    >>> _pieces("Kestävä Kymenlaakso", [(8, 19)])
    [('Kestävä ', False), ('Kymenlaakso', True)]
    """
    pieces, end = [], 0
    for start, stop in marks:
        pieces += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    return [piece for piece in [*pieces, (text[end:], False)] if piece[0]]
