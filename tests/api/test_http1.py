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
