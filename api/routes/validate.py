"""`/validate`: RDF against the project's shapes, without writing anything."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api import writes
from api.deps import LanguageDep, Services, ServicesDep, client_of
from api.negotiate import Language, choose, prefers_html
from api.problems import UnsupportedMediaType
from api.wire import read_body
from kymgraph import rdf
from kymgraph.errors import FormatNotAvailable, InputError
from kymgraph.store.payload import Mode
from kymgraph.store.rules import named_graph

router = APIRouter(tags=["validate"])

_OFFERS: Final = ("text/turtle", "application/ld+json", "application/json", "text/plain", "text/html")

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
async def validate(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    graph: Annotated[str | None, Query(description="judge as a change of this graph (name or IRI)")] = None,
    mode: Annotated[Mode | None, Query(description="what the change does to its graphs")] = None,
    reason: Annotated[str, Query(description="the sentence for the ledger, judged as well")] = "",
) -> Response:
    """A report on what the body describes: W3C report in Turtle or JSON-LD, or JSON, text, HTML.

    The body is judged together with the ontology and with what the graph says of the things it refers to.
    With `graph=` (or a SPARQL Update, an RDF Patch or a spreadsheet as body) it is judged as a change of the
    graph: what it would add, remove, break and mend, and which competency questions it would have answered
    differently. Nothing is written. 200 also when the data does not conform: the report says so.
    """
    content_type = request.headers.get("content-type", "")
    if graph is not None or mode is not None or writes.is_change(content_type):
        body = await read_body(request.receive, services.settings.body_bytes)
        client = client_of(request.client)
        make = writes.maker(
            services,
            content_type,
            body,
            lang=lang,
            client=client,
            graph=None if graph is None else named_graph(services.project, graph),
            mode=mode or "add",
            coding=request.headers.get("content-encoding", ""),
        )
        accept = request.headers.get("accept")
        return await writes.look_at(
            services,
            make,
            reason=reason,
            lang=lang,
            accept=accept,
            client=client,
            text=writes.as_text(body),
        )
    try:
        form = rdf.format_for(content_type)
    except InputError as error:
        raise UnsupportedMediaType(f"nothing was checked: {error.message}") from None
    accept = request.headers.get("accept")
    offered = "text/html" if prefers_html(accept) else choose(accept, _OFFERS)
    if offered is None:
        raise FormatNotAvailable(f"nothing was checked: a report is available as {', '.join(_OFFERS)}")
    body = await read_body(request.receive, services.settings.body_bytes)
    payload = await services.dataset.parse(body, form.media_types[0], client=client_of(request.client))
    report = await services.judge.validate(
        services.dataset.generation,
        payload,
        "application/json" if offered == "text/html" else offered,
        lang,
    )
    if offered == "text/html":
        report = _page(services, json.loads(report), request, lang)
    charset = "; charset=utf-8" if offered.startswith("text/") else ""
    headers = {"content-type": offered + charset, "content-language": lang, "cache-control": "no-store"}
    return Response(report, headers=headers)


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
