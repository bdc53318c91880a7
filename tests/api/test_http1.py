"""The head of a request has a bound in size and in time."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import pytest
import uvicorn

from api import http1
from api.http1 import HEAD_BYTES


def connect(site) -> socket.socket:
    parts = urlsplit(site.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


@pytest.mark.parametrize(
    "piece", [b"a" * 20_000, b"a\r\nx-b: " * 2_000], ids=["one long field", "many fields"]
)
def test_a_head_without_end_is_cut_off(site, piece):
    with connect(site) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-a: ")
        sent = 0
        try:
            while sent < 40 * HEAD_BYTES:
                connection.sendall(piece)
                sent += len(piece)
        except OSError:
            pass  # closed while we were sending

    assert sent < 40 * HEAD_BYTES


def test_a_long_body_is_not_taken_for_a_head(site):
    query = b"ASK { } #" + b"x" * (2 * HEAD_BYTES)
    with connect(site) as connection:
        connection.sendall(
            b"POST /sparql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/sparql-query\r\n"
            b"content-length: " + str(len(query)).encode() + b"\r\n\r\n" + query
        )
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]  # the query is too long, and said to be


def test_the_query_method_arrives(site):
    with connect(site) as connection:
        connection.sendall(
            b"QUERY /sparql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/sparql-query\r\n"
            b"content-length: 6\r\nconnection: close\r\n\r\nASK {}"
        )
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]


def test_a_head_that_never_ends_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(http1, "HEAD_SECONDS", 0.3)

    async def scene() -> bytes:
        async def application(scope, receive, send):
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        config = uvicorn.Config(
            application, http=http1.BoundedHttp, lifespan="off", port=0, log_level="error"
        )
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110 (uvicorn has a flag for it, and no event)
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")  # whole: answered, and the connection stays
        first = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nx-")  # and then for ever in coming
        rest = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        server.should_exit = True
        await serving
        return first[:12] + rest

    assert asyncio.run(scene()) == b"HTTP/1.1 204"


class Keeping:
    """An application that has the answer to GET /kept at hand, and answers the rest the long way."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def at_once(self, scope, headers) -> bytes | None:
        if scope["path"] != "/ke pt":
            return None
        return b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nshort"

    async def __call__(self, scope, receive, send) -> None:
        self.called.append(scope["method"] + " " + scope["path"])
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"long"})


def answers_to(application, *requests: bytes) -> bytes:
    """What comes back on one connection to which all the requests are written at once."""

    async def scene() -> bytes:
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                http=http1.BoundedHttp,
                lifespan="off",
                port=0,
                log_level="error",
                proxy_headers=False,
            )
        )
        serving = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110 (uvicorn has a flag for it, and no event)
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(requests))
        try:
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()
            server.should_exit = True
            await serving

    return asyncio.run(scene())


KEPT = b"GET /ke%20pt?a=b HTTP/1.1\r\nhost: a\r\n"
LAST = b"GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


def bodies(answer: bytes) -> list[bytes]:
    return [word for word in answer.replace(b"HTTP", b" ").split() if word in (b"short", b"long")]


def test_what_is_kept_is_answered_without_the_application_and_in_turn():
    application = Keeping()

    answer = answers_to(application, KEPT + b"\r\n", KEPT + b"\r\n", LAST)

    assert bodies(answer) == [b"short", b"short", b"long"]
    assert application.called == ["GET /last"]


def test_a_request_behind_one_that_is_being_answered_waits_for_its_turn():
    first = b"GET /first HTTP/1.1\r\nhost: a\r\n\r\n"

    assert bodies(answers_to(Keeping(), first, KEPT + b"\r\n", LAST)) == [b"long", b"long", b"long"]


@pytest.mark.parametrize(
    "request_",
    [
        KEPT.replace(b"GET", b"POST") + b"content-length: 1\r\n\r\nx",
        KEPT + b"content-length: 1\r\n\r\nx",
        KEPT + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        KEPT.replace(b"/ke%20pt?a=b", b"/ke%20pt#a"),
        KEPT.replace(b"/ke%20pt", b"http://a/ke%20pt"),
    ],
    ids=["POST", "a body", "a body in chunks", "a fragment", "an address in full"],
)
def test_any_other_request_goes_the_long_way(request_):
    request_ += b"" if request_.endswith((b"x", b"\r\n\r\n")) else b"\r\n"
    application = Keeping()

    assert bodies(answers_to(application, request_, LAST)) == [b"long", b"long"]
    assert len(application.called) == 2
