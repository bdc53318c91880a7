"""`/api/3/action/…`: the catalogue as a CKAN site, for the national catalogues that harvest such sites.

What the actions answer is made in `kymgraph.publishing.ckan`; here requests are read and answers sent as CKAN
does both. Refusals of the actions have CKAN's form, since its clients read that one; what our server refuses
by itself (too many requests, a catalogue that is not made yet) is a problem, as elsewhere. There is no JSONP.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import Services, ServicesDep
from api.openapi.ckan import FORM, PREFIX
from api.wire import AnsweredResponse, read_body
from kymgraph.errors import KymgraphError
from kymgraph.publishing.ckan import Json, Site
from kymgraph.publishing.ckan_actions import Invalid, Missing, UnknownAction, action, run
from kymgraph.publishing.ckan_search import SearchError, SearchQueryError
from kymgraph.publishing.dcat import Catalogue

router = APIRouter(tags=["ckan"], include_in_schema=False)  # described in api.openapi.ckan

_JSON: Final = "application/json;charset=utf-8"
#: Largest body, in bytes, and most fields of a form.
_MAX_BYTES: Final = 100_000
_MAX_FIELDS: Final = 200
#: Sites that are held: one for each address.
_SITES: Final = 8
#: Where CKAN has its actions: clients ask with the version of the API or without it.
_PATHS: Final = (PREFIX + "/{name}", "/api/action/{name}")


class _Unreadable(Exception):
    """A request that CKAN answers with a text alone."""


@router.head("/api/3", include_in_schema=False)
@router.get("/api/3")
async def version() -> Response:
    """The version of the API, as clients ask it to see whether this is CKAN."""
    return _sent(200, {"version": 3})


@router.head(_PATHS[1])
@router.head(_PATHS[0])
@router.get(_PATHS[1])
@router.get(_PATHS[0])
async def ask(name: str, request: Request, services: ServicesDep) -> Response:
    """An action with its parameters in the address."""
    return await _answer(name, request, services, _of_pairs(request.query_params.multi_items()))


@router.post(_PATHS[1])
@router.post(_PATHS[0])
async def post(name: str, request: Request, services: ServicesDep) -> Response:
    """An action with its parameters in the body: JSON, or a form."""
    body = await read_body(request.receive, _MAX_BYTES)
    try:
        asked = _of_body(body, request.headers.get("content-type", ""))
    except _Unreadable as fault:
        return _sent(400, f"Bad request: JSON Error: {fault}")
    return await _answer(name, request, services, asked, kept=False)


async def _answer(
    name: str, request: Request, services: Services, asked: Json, *, kept: bool = True
) -> Response:
    try:
        action(name)
    except UnknownAction as fault:
        return _sent(400, f"Bad request: {fault.message}")
    if "callback" in asked:
        return _sent(400, "Bad request: JSONP is not served; every origin may read the JSON itself")
    address = services.origin(request.headers.get("host", ""), request.url.scheme)
    about = {"help": f"{address}{PREFIX}/help_show?name={name}"}
    _, catalogue = await services.published.catalogue(address)

    def work() -> bytes:
        site = _site(request, address, catalogue)
        return _written({**about, "success": True, "result": run(site, address, name, asked)})

    try:
        body = await asyncio.to_thread(work)
    except (Missing, Invalid, SearchError, SearchQueryError) as fault:
        status, error = _refusal(fault)
        return _sent(status, {**about, "success": False, "error": error})
    return AnsweredResponse(
        Answered(_JSON, generation=catalogue.generation, body=body, vary="Accept-Encoding", cacheable=kept)
    )


def _site(request: Request, address: str, catalogue: Catalogue) -> Site:
    """The site of a catalogue; made once for each address that readers reach the server by."""
    held: dict[str, tuple[Catalogue, Site]] | None = getattr(request.app.state, "ckan", None)
    if held is None:
        held = request.app.state.ckan = {}
    known = held.get(address)
    if known is None or known[0] is not catalogue:
        if len(held) >= _SITES:
            held.clear()
        known = held[address] = catalogue, Site.of(catalogue)
    return known[1]


def _refusal(fault: KymgraphError) -> tuple[int, Json]:
    """The status and the error that CKAN answers with."""
    if isinstance(fault, Missing):
        return 404, {"__type": "Not Found Error", "message": fault.message}
    if isinstance(fault, Invalid):
        return 409, {**fault.faults, "__type": "Validation Error"}
    if isinstance(fault, SearchQueryError):
        return 400, {"__type": "Search Query Error", "message": f"Search Query is invalid: {fault.message}"}
    return 409, {"__type": "Search Error", "message": f"Search error: {fault.message}"}


# --- requests as CKAN reads them -------------------------------------------------------------------------


def _of_pairs(pairs: list[tuple[str, str]]) -> Json:
    """Parameters by name; those that are given several times as a list."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _of_body(body: bytes, content_type: str) -> Json:
    """The parameters in a body. Raises _Unreadable."""
    if not body.strip():
        return {}
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == FORM:
        try:
            pairs = parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
            )
        except ValueError:
            raise _Unreadable(f"the form is not UTF-8, or has more than {_MAX_FIELDS} fields") from None
        # JSON that is sent without saying so comes as a form with one field: curl's -d does that.
        if len(pairs) != 1 or pairs[0][1] not in ("", "1"):
            return _of_pairs(pairs)
        text: str | bytes = pairs[0][0]
    elif media_type == "application/json":
        text = body
    else:
        raise _Unreadable(f"a body is read as application/json or {FORM}, not as {media_type or 'nothing'}")
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        raise _Unreadable("Error decoding JSON data") from None
    if not isinstance(asked, dict):
        raise _Unreadable("the JSON of a request is an object with the parameters of the action")
    return asked


def _written(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _sent(status: int, document: Any) -> Response:
    return Response(_written(document), status, headers={"content-type": _JSON, "cache-control": "no-store"})
