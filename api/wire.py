"""The few ASGI messages that more than one module sends or reads."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from api.cache import COMMON_HEADERS, Answered, Headers, Message, Receive, Scope, Send
from api.negotiate import Language, content_coding
from api.problems import MEDIA_TYPE, BodyTooLarge, Problem, RequestError


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body of a request. Raises BodyTooLarge at the first byte over `limit`.

    RequestError where the client goes away first: half a body, or none, may say what nobody meant.
    """
    message = await _stays(receive)
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts = [body]
        size = len(body)
        while message.get("more_body") and size <= limit:
            message = await _stays(receive)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if len(body) > limit:
        raise BodyTooLarge(
            f"nothing was read: the body has more than {limit:,} bytes",
            hint="send it in parts; with a token that may write, bodies may be larger",
        )
    return body


async def _stays(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise RequestError("nothing was done: the client went away before its body had come")
    return message


def start_message(status: int, headers: Headers) -> Message:
    """The message that sends a status line and headers, the common ones among them."""
    message: dict[str, Any] = {
        "type": "http.response.start",
        "status": status,
        "headers": [*headers, *COMMON_HEADERS],
    }
    return message


def _problem_headers(refusal: Problem, length: int) -> Headers:
    return [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-language", refusal.lang.encode()),
        (b"content-length", str(length).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept-Language"),
        *((name.encode(), value.encode()) for name, value in refusal.headers.items()),
    ]


async def send_problem(send: Send, refusal: Problem, *, instance: str, head: bool) -> None:
    """Send a refusal as problem+json."""
    body = refusal.to_json(instance=instance)
    await send(start_message(refusal.status, _problem_headers(refusal, len(body))))
    await send({"type": "http.response.body", "body": b"" if head else body})


class ProblemResponse(Response):
    """A refusal as what a FastAPI exception handler returns."""

    def __init__(self, refusal: Problem, *, instance: str) -> None:
        self._refusal, self._instance = refusal, instance
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_problem(send, self._refusal, instance=self._instance, head=scope["method"] == "HEAD")


async def send_page(
    send: Send, status: int, body: bytes, lang: Language, headers: Headers, *, head: bool
) -> None:
    """Send an HTML page that is not to be kept by anyone."""
    own = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-language", lang.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept, Accept-Language"),
    ]
    await send(start_message(status, [*own, *headers]))
    await send({"type": "http.response.body", "body": b"" if head else body})


class AnsweredResponse(Response):
    """A cached answer as what a FastAPI route returns: ETag, 304, HEAD and gzip come with it."""

    def __init__(self, answer: Answered) -> None:
        self.answer = answer
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["kymgraph.answered"] = self.answer  # for api.kept
        await respond(self.answer, scope, send)


async def respond(answer: Answered, scope: Scope, send: Send) -> int:
    """Send a cached answer as the headers of a request ask for it. Returns the status."""
    headers = dict(scope["headers"])
    accepted = headers.get(b"accept-encoding")
    coding = content_coding(None if accepted is None else accepted.decode("latin-1")) or "identity"
    return await answer.respond(send, coding, headers.get(b"if-none-match"), head=scope["method"] == "HEAD")
