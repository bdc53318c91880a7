"""HTTP/1.1 as the server speaks it: uvicorn's, with a bound on the head of a request.

uvicorn takes a head of any length and waits for its end for ever. Here it may have `HEAD_BYTES` and
`HEAD_SECONDS`; the body is counted by who reads it. `kymgraph serve` names this class to uvicorn by a string.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: The head of a request: more is answered 431. The body of a POST has a limit of its own.
HEAD_BYTES: Final = 131_072
#: How long the head of a request may take, from the connection or from its first byte.
HEAD_SECONDS: Final = 30.0

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

    def connection_made(self, transport: Any) -> None:
        # asyncio sets aside 256 KB for each read, which costs more than the reading: requests are short.
        transport.max_size = _READ
        super().connection_made(transport)
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
        super().on_headers_complete()

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

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
