"""`/validate`: RDF against the project's shapes, without writing anything."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

import api
from api.deps import LanguageDep, Services, ServicesDep, client_of
from api.negotiate import Language, choose, prefers_html
from api.problems import KINDS, GateTimeout, UnsupportedMediaType
from api.wire import read_body
from kymgraph import rdf
from kymgraph.errors import Busy, FormatNotAvailable, InputError, KymgraphError

router = APIRouter(tags=["validate"])

#: Seconds that judging may take.
DEADLINE: Final = 10.0
#: Payloads judged at the same time, and those that may wait for it.
_AT_ONCE: Final = 2
_WAITING: Final = 8
_OFFERS: Final = ("text/turtle", "application/ld+json", "application/json", "text/plain", "text/html")
_PACKAGE_ROOT: Final = str(Path(api.__file__).parent.parent)
_turn = asyncio.Semaphore(_AT_ONCE)
_queued = 0

_RDF_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {known.media_types[0]: {"schema": {"type": "string"}} for known in rdf.FORMATS.values()},
    },
    "responses": {
        "200": {"description": "The report", "content": {media_type: {} for media_type in _OFFERS}}
    },
}


@router.post(
    "/validate", summary="Check RDF against the shapes", operation_id="validate", openapi_extra=_RDF_BODY
)
async def validate(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """A report on what the body describes: W3C report in Turtle or JSON-LD, or JSON, text, HTML.

    The body is judged together with the ontology and with what the graph says of the things it refers to.
    Nothing is written. 200 also when the data does not conform: the report says so.
    """
    try:
        form = rdf.format_for(request.headers.get("content-type", ""))
    except InputError as error:
        raise UnsupportedMediaType(f"nothing was checked: {error.message}") from None
    accept = request.headers.get("accept")
    offered = "text/html" if prefers_html(accept) else choose(accept, _OFFERS)
    if offered is None:
        raise FormatNotAvailable(f"nothing was checked: a report is available as {', '.join(_OFFERS)}")
    body = await read_body(request.receive, services.settings.body_bytes)
    payload = await services.dataset.parse(body, form.media_types[0], client=client_of(request.client))
    report = await _judge(services, payload, "application/json" if offered == "text/html" else offered, lang)
    if offered == "text/html":
        report = _page(services, json.loads(report), request, lang)
    charset = "; charset=utf-8" if offered.startswith("text/") else ""
    headers = {"content-type": offered + charset, "content-language": lang, "cache-control": "no-store"}
    return Response(report, headers=headers)


async def _judge(services: Services, payload: bytes, media_type: str, lang: Language) -> bytes:
    """Have another process judge; whatever happens to it, it is gone afterwards."""
    global _queued
    if _queued >= _AT_ONCE + _WAITING:
        raise Busy(
            "nothing was checked: too many payloads wait to be checked already. Try again in a moment."
        )
    _queued += 1
    try:
        async with _turn:
            return await _run(services, payload, media_type, lang)
    finally:
        _queued -= 1


async def _run(services: Services, payload: bytes, media_type: str, lang: Language) -> bytes:
    store = services.dataset.store
    arguments = [services.project.folder, store.folder, services.dataset.generation, media_type, lang]
    path = os.pathsep.join(filter(None, [_PACKAGE_ROOT, os.environ.get("PYTHONPATH")]))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "api.judge",
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": path, "LANG": "C.UTF-8"},
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(payload), DEADLINE)
    except TimeoutError:
        output = b'{"status": "gate-timeout"}\n'
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    head, _, report = output.partition(b"\n")
    ended = json.loads(head or b'{"status": "gate-timeout"}')
    if ended["status"] == "ok":
        return report
    if ended["status"] == "gate-timeout":
        raise GateTimeout(
            f"nothing was decided: checking took more than {DEADLINE:.0f} s or too much memory. "
            "Send the data in smaller parts."
        )
    raise _reraised(ended)


def _reraised(ended: dict[str, str]) -> KymgraphError:
    """The child's error as its own kind again; what that kind carries besides its words stayed behind."""
    kinds = {kind.code: kind for kind in _subclasses(KymgraphError)}
    kind = kinds.get(ended["status"], InputError) if ended["status"] in KINDS else InputError
    error = kind.__new__(kind)
    KymgraphError.__init__(error, ended["message"], hint=ended.get("hint"))
    return error


def _subclasses(kind: type[KymgraphError]) -> list[type[KymgraphError]]:
    return [kind, *(below for direct in kind.__subclasses__() for below in _subclasses(direct))]


def _page(services: Services, report: dict[str, Any], request: Request, lang: Language) -> bytes:
    def text(value: object) -> str:
        if isinstance(value, dict):
            return str(
                value.get(lang) or value.get("fi") or value.get("value") or next(iter(value.values()), "")
            )
        return "" if value is None else str(value)

    rows = [
        {
            "severity": result["severity"],
            "focus": text(result["label"]) or text(result["focus"]),
            "path": text(result["name"]) or text(result["pathText"]),
            "value": text(result["value"]),
            "message": text(result["message"]),
        }
        for result in report["results"]
    ]
    return services.pages.render(
        "report.html",
        lang,
        path="/validate",
        parameters=request.query_params.multi_items(),
        accepted=report["accepted"],
        rows=rows,
    )
