"""`/examples`: the competency questions of the project as queries to start from."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import LanguageDep, ServicesDep
from api.negotiate import prefers_html
from api.wire import AnsweredResponse

router = APIRouter(tags=["examples"])


@router.head("/examples", include_in_schema=False)
@router.get("/examples", summary="List the example queries", operation_id="examples")
async def examples(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Each with its name, its summary in the reader's language, the query text with example values, and its
    `source`: the text with front matter, which says what parameters it takes."""
    vary = "Accept, Accept-Encoding, Accept-Language"
    generation = services.dataset.generation
    if prefers_html(request.headers.get("accept")):
        body = services.pages.render(
            "examples.html",
            lang,
            path="/examples",
            parameters=request.query_params.multi_items(),
            examples=services.examples,
        )
        return AnsweredResponse(
            Answered("text/html; charset=utf-8", generation=generation, body=body, vary=vary, language=lang)
        )
    listed = [
        {
            "name": e.name,
            "summary": e.summary(lang),
            "answers": e.answers,
            "query": e.text,
            "source": e.source,
        }
        for e in services.examples
    ]
    body = json.dumps(listed, ensure_ascii=False).encode()
    return AnsweredResponse(
        Answered("application/json", generation=generation, body=body, vary=vary, language=lang)
    )
