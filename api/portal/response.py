"""A finished page of the portal as a response that is kept for its generation and language."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import Services
from api.negotiate import Language
from api.wire import AnsweredResponse

_VARY: Final = "Accept, Accept-Encoding, Accept-Language"


def page(
    request: Request, services: Services, lang: Language, template: str, generation: int, **values: Any
) -> Response:
    """The template as HTML. `values` are what it shows; links to other languages keep the query string."""
    body = services.pages.render(
        template,
        lang,
        path=request.url.path,
        parameters=request.query_params.multi_items(),
        **values,
    )
    return AnsweredResponse(
        Answered("text/html; charset=utf-8", generation=generation, body=body, vary=_VARY, language=lang)
    )
