"""HTTP/1.1 as the server speaks it: uvicorn's, with a bound on the head of a request and a short way out.

uvicorn takes a head of any length and waits for its end for ever. Here it may have `HEAD_BYTES` and
`HEAD_SECONDS`; the body is counted by who reads it. A request that the application can answer at once, from
what it keeps, is answered as soon as its head has come: a task, its events and messages would cost several
times the answer. `kymgraph serve` names this class to uvicorn by a string.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: The head of a request: more is answered 431. The body of a POST has a limit of its own.
HEAD_BYTES: Final = 131_072
#: How long the head of a request may take, from the connection or from its first byte.
HEAD_SECONDS: Final = 30.0

_PLAIN: Final = (b"GET", b"HEAD")
#: Headers that announce a body.
_BODY: Final = frozenset({b"content-length", b"transfer-encoding", b"expect"})
#: Bytes read at a time.
_READ: Final = 16_384
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    _in_head = True
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _answered = False

    def connection_made(self, transport: Any) -> None:
        # asyncio sets aside 256 KB for each read, which costs more than the reading: requests are short.
        transport.max_size = _READ
        super().connection_made(transport)
        self._at_once = getattr(self.app, "at_once", None)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_came()
        answer = self._answer_at_once()
        self._answered = answer is not None
        if answer is None:
            super().on_headers_complete()
        else:
            self.transport.write(answer)
            self.on_response_complete()

    def on_message_complete(self) -> None:
        if not self._answered:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._head_timer is None:
            self._wait_for_head()

    def _answer_at_once(self) -> bytes | None:
        """The answer to a plain GET or HEAD on a connection that stays and has nothing else to answer."""
        parser, cycle = self.parser, self.cycle
        if (
            self._at_once is None
            or (cycle is not None and not cycle.response_complete)
            or parser.get_method() not in _PLAIN
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or self.flow.write_paused
            or not (self.url.startswith(b"/") and self.url.isascii())
            or b"#" in self.url
            or any(name in _BODY for name, _ in self.headers)
        ):
            return None
        path, _, query = self.url.partition(b"?")
        scope = self.scope
        scope["method"] = parser.get_method().decode("ascii")
        scope["path"] = unquote(path.decode("ascii")) if b"%" in path else path.decode("ascii")
        scope["raw_path"], scope["query_string"] = path, query
        answer: bytes | None = self._at_once(scope, self.server_state.default_headers)
        return answer

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
