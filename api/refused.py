"""A refusal as a page, for people; programs get `application/problem+json`.

The page says what happened and what to do next in the reader's language; the exact words of the refusal stand
below, as programs get them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.responses import Response

from api.cache import Receive, Scope, Send
from api.deps import Services
from api.negotiate import prefers_html
from api.problems import Problem
from api.texts import catalogue
from api.wire import ProblemResponse, send_page

TEMPLATE: Final = "problem.html"
#: Statuses with words of their own; the rest are told by their hundred.
_TOLD: Final = frozenset({400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503, 504})
_LATER: Final = frozenset({429, 503, 504})


def response(services: Services, refusal: Problem, scope: Scope) -> Response:
    """The refusal as the request asks for it: a page if a browser asks, else problem+json."""
    headers = dict(scope["headers"])
    path = scope["path"]
    if not prefers_html(headers.get(b"accept", b"").decode("latin-1")):
        return ProblemResponse(refusal, instance=path)
    parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    body = page(services, refusal, path, parameters, again=scope["method"] in ("GET", "HEAD"))
    return _Page(body, refusal)


class _Page(Response):
    """A page that nobody keeps, with the headers of every answer."""

    def __init__(self, body: bytes, refusal: Problem) -> None:
        self._page, self._refusal, self.background = body, refusal, None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = self._refusal
        own = [(name.encode(), value.encode()) for name, value in told.headers.items()]
        await send_page(send, told.status, self._page, told.lang, own, head=scope["method"] == "HEAD")


def page(
    services: Services,
    refusal: Problem,
    path: str,
    parameters: Sequence[tuple[str, str]],
    *,
    again: bool = True,
) -> bytes:
    """The page alone. `again`: asking the same once more does no harm."""
    return services.pages.render(
        TEMPLATE, refusal.lang, path=path, parameters=parameters, session=None, **told(refusal, again=again)
    )


def told(refusal: Problem, *, again: bool, desk: bool = False) -> dict[str, Any]:
    """What the template tells. `desk`: of a page for those who are signed in, where some advice differs."""
    own = f"desk.{refusal.code}"
    status = refusal.status
    known = status if status in _TOLD else 400 if status < 500 else 500
    return {
        "problem": refusal,
        "advice": own if desk and f"refusal.{own}" in catalogue(refusal.lang) else str(known),
        "sentences": [text for text in _sentences(refusal) if text],
        "later": again and status in _LATER,
        "begin": desk and refusal.code == "token-required",
        "hint": refusal.members.get("hint"),
    }


def _sentences(refusal: Problem) -> Iterator[str]:
    """What the gate says in a report, but for what was so before."""
    report = refusal.members.get("report") or {}
    for result in report.get("results", ()):
        if result["status"] != "pre-existing":
            said = result["message"]
            yield said.get(refusal.lang) or said.get("en") or said.get("", "")
