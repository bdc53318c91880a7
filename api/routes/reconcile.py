"""The Reconciliation Service API 0.2 at /reconcile: OpenRefine and its kin match tables to our IRIs here.

Clients add parameters of their own to these addresses (`_`, `type`, `all_properties`…), so unknown ones are
ignored here. JSONP is not served: it would let any page run what we send as a script of its own, and CORS,
which every answer allows, has taken its place in the clients.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.cache import FRAMED_HEADERS, Answered
from api.deps import LanguageDep, Services, ServicesDep
from api.negotiate import LANGUAGES, Language
from api.openapi import reconcile as described
from api.openapi.reconcile import FORM, refusals
from api.problems import NotFound, RequestError, UnsupportedMediaType
from api.wire import AnsweredResponse, read_body
from kymgraph import __version__
from kymgraph.errors import BadParameter
from kymgraph.namespaces import KYM
from kymgraph.reconcile.candidates import Reconciler
from kymgraph.reconcile.extend import Extender
from kymgraph.reconcile.input import BATCH, read_batch, read_extension
from kymgraph.reconcile.read import State

router = APIRouter(tags=["reconciliation"])

#: Largest batch, in bytes.
MAX_BYTES: Final = 1_000_000
#: Suggestions in one answer, and the last that `cursor` reaches.
SUGGESTIONS: Final = 20
_LAST: Final = 1_000
#: Size of a preview, in pixels.
_WIDTH, _HEIGHT = 430, 260
_VARY: Final = "Accept-Encoding, Accept-Language"

_Prefix = Annotated[str, Query(max_length=1000, description="what has been typed so far, or an id")]
_Cursor = Annotated[int, Query(ge=0, le=_LAST, description="how many suggestions to leave out")]


_LISTS: Final = refusals(400, 429, 503)
_ANSWERS: Final = refusals(400, 413, 429, 503, 504)


class _Parts:
    """What answers about one generation."""

    def __init__(self, services: Services) -> None:
        self.state = State(services.project, services.dataset.view())
        self.generation = self.state.view.generation
        self.reconciler = Reconciler(self.state, services.search)
        self.extender = Extender(self.state)


def _parts(request: Request, services: Services) -> _Parts:
    """The parts for the newest generation; opening a state and reading its vocabulary is done once for it."""
    held: _Parts | None = getattr(request.app.state, "reconcile", None)
    if held is None or held.generation != services.dataset.generation:
        held = request.app.state.reconcile = _Parts(services)
    return held


# --- manifest, queries, data extension ------------------------------------------------------------------


@router.head("/reconcile", include_in_schema=False)
@router.get(
    "/reconcile",
    summary="Manifest, or a batch of queries",
    operation_id="reconcile",
    openapi_extra=described.ASK,
    responses=_ANSWERS,
)
async def reconcile(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    queries: Annotated[str | None, Query(include_in_schema=False)] = None,
    extend: Annotated[str | None, Query(include_in_schema=False)] = None,
    callback: Annotated[str | None, Query(include_in_schema=False)] = None,
) -> Response:
    """Without `queries` and `extend` the service manifest. Batches of any size are better sent by POST."""
    _no_jsonp(callback)
    if queries is not None or extend is not None:
        return await _answer(request, services, lang, _parsed(queries, "queries"), _parsed(extend, "extend"))
    if "query" in request.query_params:
        raise BadParameter(
            "nothing was matched: single queries are of version 0.1 of the API; send a batch",
            hint='for example queries={"q0": {"query": "Kotka"}}',
        )
    return await _kept(request, services, lang, lambda parts: _manifest(request, services, parts, lang))


@router.post(
    "/reconcile",
    summary="A batch of queries",
    operation_id="reconcile_batch",
    openapi_extra=described.SEND,
    responses=_ANSWERS | refusals(415),
)
async def reconcile_batch(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Candidates for each query, or values for each entity: a form with `queries=` or `extend=`, or JSON.

    JSON is an object with the member `queries` or `extend`, or the batch itself. An empty form gives the
    manifest, as a GET without parameters does.
    """
    _no_jsonp(request.query_params.get("callback"))
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (FORM, "application/json"):
        raise UnsupportedMediaType(
            f"nothing was done: a body of type {media_type or '(none given)'} is not read here. Send a form "
            f"({FORM}) with queries=… or extend=…, or application/json",
            headers={"accept-post": f"{FORM}, application/json"},
        )
    body = await read_body(request.receive, MAX_BYTES)
    queries: Any = None
    extend: Any = None
    if media_type == FORM:
        fields = _fields(body)
        _no_jsonp(fields.get("callback"))
        queries, extend = _parsed(fields.get("queries"), "queries"), _parsed(fields.get("extend"), "extend")
        if queries is None and extend is None:
            if fields:
                raise RequestError("nothing was done: the form has neither queries= nor extend=")
            return await reconcile(request, services, lang)
    else:
        given = _json(body, "the body")
        if isinstance(given, dict) and set(given) in ({"queries"}, {"extend"}):
            queries, extend = given.get("queries"), given.get("extend")
            if queries is None and extend is None:
                raise RequestError("nothing was done: the only member of the body is null")
        else:
            queries = given
    return await _answer(request, services, lang, queries, extend)


async def _answer(
    request: Request, services: Services, lang: Language, queries: Any, extend: Any
) -> Response:
    if queries is not None and extend is not None:
        raise RequestError("nothing was done: send either queries or extend; this request has both")
    batch = None if queries is None else read_batch(queries)
    extension = None if extend is None else read_extension(extend)
    seconds = services.settings.query_timeout

    def work() -> tuple[int, dict[str, Any]]:
        parts = _parts(request, services)
        if extension is not None:
            return parts.generation, parts.extender.extend(extension, lang=lang, seconds=seconds)
        return parts.generation, parts.reconciler.answer(batch or {}, lang=lang, seconds=seconds)

    return _json_answer(*await asyncio.to_thread(work), lang, cacheable=False)


def _manifest(request: Request, services: Services, parts: _Parts, lang: Language) -> dict[str, Any]:
    here = services.origin(request.headers.get("host", ""), request.url.scheme)
    # Whoever asks for a language by ?lang= gets it at every address that the manifest names.
    asked = request.query_params.get("lang")
    lang_only = f"?{urlencode({'lang': lang})}" if asked else ""
    lang_too = f"&{urlencode({'lang': lang})}" if asked else ""
    title = services.project.title

    def suggest(kind: str) -> dict[str, str]:
        return {"service_url": here, "service_path": f"/reconcile/suggest/{kind}{lang_only}"}

    return {
        "versions": ["0.2"],
        "name": title.get(lang) or next(iter(title.values()), "Kymgraph"),
        "identifierSpace": services.project.base.ids,
        "schemaSpace": KYM,
        "documentation": f"{here}/docs",
        "logo": f"{here}/static/icon.svg",
        "serviceVersion": __version__,
        "batchSize": BATCH,
        "defaultTypes": parts.reconciler.default_types(lang),
        "view": {"url": f"{here}/reconcile/view?id={{{{id}}}}{lang_too}"},
        "preview": {
            "url": f"{here}/reconcile/preview?id={{{{id}}}}{lang_too}",
            "width": _WIDTH,
            "height": _HEIGHT,
        },
        "suggest": {kind: suggest(kind) for kind in ("entity", "type", "property")},
        "extend": {
            "propose_properties": {"service_url": here, "service_path": f"/reconcile/propose{lang_only}"},
            "property_settings": _SETTINGS[lang],
        },
    }


def _settings(limit: str, limit_help: str, content: str, names: str, ids: str) -> list[dict[str, Any]]:
    choices = [{"value": "name", "name": names}, {"value": "id", "name": ids}]
    return [
        {"name": "limit", "type": "number", "default": 0, "label": limit, "help_text": limit_help},
        {"name": "content", "type": "select", "default": "name", "label": content, "choices": choices},
    ]


_SETTINGS: Final[dict[Language, list[dict[str, Any]]]] = {
    "fi": _settings(
        "Arvoja enintään", "Kuinka monta arvoa riville haetaan; 0: kaikki", "Sisältö", "nimet", "tunnukset"
    ),
    "sv": _settings(
        "Högst antal värden", "Hur många värden per rad; 0: alla", "Innehåll", "namn", "identifierare"
    ),
    "en": _settings("Most values", "How many values per row; 0: all", "Content", "names", "ids"),
}


# --- suggestions ----------------------------------------------------------------------------------------


@router.head("/reconcile/suggest/entity", include_in_schema=False)
@router.get(
    "/reconcile/suggest/entity",
    summary="Suggest things",
    operation_id="reconcile_suggest_entity",
    responses=_LISTS,
    openapi_extra=described.LANG,
)
async def suggest_entity(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    prefix: _Prefix = "",
    cursor: _Cursor = 0,
    type: Annotated[str, Query(max_length=1000, description="only things of this type")] = "",
) -> Response:
    """Things whose name begins like `prefix`, for whoever picks a match by hand."""
    types = [type] if type else []
    # The index may be a commit behind the state, so this answer is not kept.
    return await _kept(
        request,
        services,
        lang,
        lambda parts: {
            "result": parts.reconciler.suggest_entities(
                prefix, lang, types=types, cursor=cursor, limit=SUGGESTIONS
            )
        },
        cacheable=False,
    )


@router.head("/reconcile/suggest/type", include_in_schema=False)
@router.get(
    "/reconcile/suggest/type",
    summary="Suggest types",
    operation_id="reconcile_suggest_type",
    responses=_LISTS,
    openapi_extra=described.LANG,
)
async def suggest_type(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    prefix: _Prefix = "",
    cursor: _Cursor = 0,
) -> Response:
    """Types in use whose name has a word that begins like `prefix`; without it all of them."""

    def made(parts: _Parts) -> dict[str, Any]:
        return {"result": parts.reconciler.suggest_types(prefix, lang, cursor=cursor, limit=SUGGESTIONS)}

    return await _kept(request, services, lang, made)


@router.head("/reconcile/suggest/property", include_in_schema=False)
@router.get(
    "/reconcile/suggest/property",
    summary="Suggest properties",
    operation_id="reconcile_suggest_property",
    responses=_LISTS,
    openapi_extra=described.LANG,
)
async def suggest_property(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    prefix: _Prefix = "",
    cursor: _Cursor = 0,
) -> Response:
    """Properties whose name has a word that begins like `prefix`; without it all of them."""

    def made(parts: _Parts) -> dict[str, Any]:
        return {"result": parts.reconciler.suggest_properties(prefix, lang, cursor=cursor, limit=SUGGESTIONS)}

    return await _kept(request, services, lang, made)


@router.head("/reconcile/propose", include_in_schema=False)
@router.get(
    "/reconcile/propose",
    summary="Properties worth fetching",
    operation_id="reconcile_propose",
    responses=_LISTS,
    openapi_extra=described.LANG,
)
async def propose(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    type: Annotated[str, Query(max_length=1000, description="the type that a column was matched to")] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="most properties")] = 50,
) -> Response:
    """The properties that things of a type have, those that most of them have first."""
    return await _kept(request, services, lang, lambda parts: parts.extender.propose(type, lang, limit=limit))


# --- one thing ------------------------------------------------------------------------------------------


@router.head("/reconcile/preview", include_in_schema=False)
@router.get(
    "/reconcile/preview",
    summary="A glance at a thing",
    operation_id="reconcile_preview",
    openapi_extra=described.LANG,
    response_class=HTMLResponse,
    responses=refusals(400, 404, 429, 503),
)
async def preview(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    id: Annotated[str, Query(max_length=2000, description="the thing, as its IRI")],
) -> Response:
    """A small HTML page, made to be shown in a frame of any site; it runs no script."""

    def work() -> tuple[int, bytes]:
        parts = _parts(request, services)
        thing = parts.state.thing(id)
        if thing is None:
            raise _unknown(id)
        shown = parts.state.shown(thing, lang)
        body = services.pages.render(
            "preview.html",
            lang,
            path="/reconcile/preview",
            parameters=(),
            id=thing.iri,
            name=shown["name"],
            name_lang=_code_of(thing.names, shown["name"], lang),
            text_lang=_code_of(thing.texts, shown.get("description", ""), lang),
            types=[one["name"] for one in parts.state.types(thing, lang)],
            description=shown.get("description", ""),
            facts=parts.extender.facts(thing, lang, most=5),
        )
        return parts.generation, body

    generation, body = await asyncio.to_thread(work)
    return AnsweredResponse(
        Answered(
            "text/html; charset=utf-8",
            generation=generation,
            body=body,
            vary=_VARY,
            language=lang,
            common=FRAMED_HEADERS,
        )
    )


@router.head("/reconcile/view", include_in_schema=False)
@router.get(
    "/reconcile/view",
    summary="To the page of a thing",
    operation_id="reconcile_view",
    openapi_extra=described.LANG,
    status_code=303,
    response_class=RedirectResponse,
    responses=refusals(400, 404, 429, 503),
)
async def view(
    request: Request,
    services: ServicesDep,
    id: Annotated[str, Query(max_length=2000, description="the thing, as its IRI")],
) -> Response:
    """Leads from an id to the page about it on this server, wherever the id itself may lead."""
    thing = await asyncio.to_thread(lambda: _parts(request, services).state.thing(id))
    base = services.project.base.iri
    if thing is None or not thing.iri.startswith(base):
        raise _unknown(id)
    here = services.origin(request.headers.get("host", ""), request.url.scheme)
    path, sign, fragment = thing.iri.removeprefix(base).partition("#")
    asked = request.query_params.get("lang")
    query = f"?{urlencode({'lang': asked})}" if asked in LANGUAGES else ""
    address = quote(path, safe="/%:;,@!$&'()*+=~-._") + query + sign + quote(fragment, safe="/%-._~")
    headers = {"location": f"{here}/{address}", "cache-control": "no-cache", "vary": "Accept-Encoding"}
    return Response(status_code=303, headers=headers)


def _code_of(texts: Mapping[str, str], text: str, lang: Language) -> str:
    """The language that a text of a thing is in: the reader's if it reads so in that one too."""
    codes = [code for code, known in texts.items() if known == text]
    return lang if lang in codes else next(iter(codes), "")


def _unknown(id: str) -> NotFound:
    return NotFound(
        f"there is nothing about {id[:200]!r} here",
        hint="ids are IRIs, as /reconcile/suggest/entity?prefix=… gives them",
    )


# --- what the routes share ------------------------------------------------------------------------------


async def _kept(
    request: Request,
    services: Services,
    lang: Language,
    make: Callable[[_Parts], dict[str, Any]],
    *,
    cacheable: bool = True,
) -> Response:
    """The JSON answer that `make` gives for the newest generation."""

    def work() -> tuple[int, dict[str, Any]]:
        parts = _parts(request, services)
        return parts.generation, make(parts)

    return _json_answer(*await asyncio.to_thread(work), lang, cacheable=cacheable)


def _json_answer(generation: int, document: dict[str, Any], lang: Language, *, cacheable: bool) -> Response:
    body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    answer = Answered(
        "application/json",
        generation=generation,
        body=body,
        vary=_VARY,
        language=lang,
        cacheable=cacheable,
    )
    return AnsweredResponse(answer)


def _no_jsonp(callback: str | None) -> None:
    if callback is not None:
        raise BadParameter(
            "nothing was done: JSONP (callback=) is not served here",
            hint="ask without it; every answer allows any origin by CORS",
        )


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise RequestError(
            "nothing was done: the form is not URL-encoded UTF-8 of at most 100 fields"
        ) from None
    return dict(reversed(pairs))


def _parsed(text: str | None, where: str) -> Any:
    return None if text is None else _json(text, where)


def _json(text: str | bytes, where: str) -> Any:
    """A JSON value whose texts can all be written as UTF-8. Raises RequestError."""
    try:
        given = json.loads(text)
        json.dumps(given, ensure_ascii=False).encode()  # "\ud800" alone is no text
    except UnicodeError:
        raise RequestError(f"nothing was done: {where} is not valid UTF-8 text") from None
    except RecursionError:
        raise RequestError(f"nothing was done: {where} is nested too deeply") from None
    except ValueError as error:
        raise RequestError(f"nothing was done: {where} is not JSON: {error}") from None
    if given is None:
        raise RequestError(f"nothing was done: {where} is null")
    return given
