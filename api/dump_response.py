"""A file of the dumps as a response: its very bytes, or a part of them (RFC 9110, section 14).

Files are sent as they are, whatever codings the client takes: what is packed already is not packed again, and
`dcat:byteSize` is the size of what is sent.
"""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Final

from starlette.responses import Response

from api.cache import Headers, Message, Receive, Scope, Send, matches
from api.problems import RequestError
from api.published import DumpsNotReady
from api.wire import start_message
from kymgraph.publishing.dumps import DumpFile

_RANGE: Final = re.compile(rb"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*")
_CHUNK: Final = 256 * 1024


class RangeNotSatisfiable(RequestError):
    """The part that was asked for lies behind the end of the file."""

    code = "range-not-satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(
            f"nothing was sent: the file has {size:,} bytes, and the part asked for begins behind them",
            hint="ask without Range",
        )
        self.headers = {"content-range": f"bytes */{size}"}


class DumpResponse(Response):
    """One file of the dumps of a generation."""

    def __init__(self, file: DumpFile, media_type: str, generation: int) -> None:
        self.background = None
        self._file = file
        self._etag = b'"%b"' % file.sha256[:32].encode()
        digest = base64.b64encode(bytes.fromhex(file.sha256))
        self._fixed: Headers = [
            (b"content-type", media_type.encode()),
            (b"cache-control", b"no-cache"),
            (b"kymgraph-generation", str(generation).encode()),
            (b"etag", self._etag),
        ]
        self._whole: Headers = [(b"accept-ranges", b"bytes"), (b"repr-digest", b"sha-256=:%b:" % digest)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope["headers"])
        known = given.get(b"if-none-match")
        if known is not None and matches(known, self._etag):
            await send(start_message(304, self._fixed[1:]))
            await send({"type": "http.response.body", "body": b""})
            return
        part = None
        if scope["method"] == "GET" and given.get(b"if-range", self._etag) == self._etag:
            part = part_of(given.get(b"range"), self._file.bytes)
        first, last = part or (0, self._file.bytes - 1)
        headers = [*self._fixed, *self._whole, (b"content-length", str(last + 1 - first).encode())]
        if part is not None:
            headers.append((b"content-range", f"bytes {first}-{last}/{self._file.bytes}".encode()))
        start = start_message(206 if part else 200, headers)
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        await self._send(send, start, first, last + 1 - first)

    async def _send(self, send: Send, start: Message, first: int, left: int) -> None:
        try:
            stream = self._file.path.open("rb")  # from here on it can be read, though it may be deleted
        except FileNotFoundError:
            raise DumpsNotReady(
                "nothing was sent: newer dumps have just taken the place of these", hint="ask again"
            ) from None
        with stream:
            stream.seek(first)
            await send(start)
            while left > 0:
                block = await asyncio.to_thread(stream.read, min(left, _CHUNK))
                if not block:
                    raise OSError("the file is shorter than it was")
                left -= len(block)
                await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def part_of(header: bytes | None, size: int) -> tuple[int, int] | None:
    """The first and last byte that a Range asks for; None for the whole, as for several parts at once.

    Raises RangeNotSatisfiable.

    >>> part_of(b"bytes=0-9", 100), part_of(b"bytes=-10", 100), part_of(b"bytes=0-1,5-6", 100)
    ((0, 9), (90, 99), None)
    """
    asked = None if header is None else _RANGE.fullmatch(header)
    if asked is None or not (asked[1] or asked[2]):
        return None
    if not asked[1]:
        first, last = max(0, size - int(asked[2])), size - 1
    else:
        first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
        if asked[2] and int(asked[2]) < first:
            return None  # no range at all
    if first >= size or last < first:
        raise RangeNotSatisfiable(size)
    return first, last
