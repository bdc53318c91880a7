"""The answer cache: finished answers by what decides their bytes, ready to be sent again.

A key begins with the generation, so nothing is ever invalidated: answers of an old generation are simply
never asked for again and fall out as the least recently used. Identical questions that arrive while the first
one is being worked on wait for it. Errors are never kept. Small answers live in memory, large ones stay the
files that the workers spooled them to; each kind has a budget of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

from api.negotiate import Coding

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_CSP: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Sent with every response. Reading is open to every origin, without credentials.
COMMON_HEADERS: Final[Headers] = [
    (b"content-security-policy", _CSP),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Kymgraph-Generation, Link, Retry-After"),
]
#: The one exception: a page made to be shown in a frame of any site. It runs no script and sends no form.
FRAMED_HEADERS: Final[Headers] = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors *",
    ),
    *(header for header in COMMON_HEADERS if header[0] != b"content-security-policy"),
]
#: Below this many bytes compressing costs more than it saves.
_GZIP_FROM: Final = 600
#: Above this many bytes compressing would hold up the event loop.
_GZIP_IN_THREAD_FROM: Final = 100_000
_CHUNK: Final = 256 * 1024
#: What an answer weighs in memory besides its bytes: headers, key, dictionary slots.
_OVERHEAD: Final = 2_000


class Answered:
    """One finished answer, and the messages that send it: a set per content coding, made when first used."""

    __slots__ = (
        "_blocks",
        "_sends",
        "_source",
        "body",
        "cacheable",
        "file",
        "generation",
        "headers",
        "route",
        "size",
        "tag",
    )

    def __init__(
        self,
        media_type: str,
        *,
        generation: int,
        body: bytes = b"",
        file: Path | None = None,
        source: object = None,
        vary: str = "Accept, Accept-Encoding",
        language: str | None = None,
        cacheable: bool = True,
        headers: Sequence[tuple[bytes, bytes]] = (),
        common: Sequence[tuple[bytes, bytes]] = COMMON_HEADERS,
    ) -> None:
        self.route = ""  #: under which its requests are counted
        self.body, self.file, self.generation = body, file, generation
        self._source = source  # what owns the file: it is deleted when the last one who needs it lets go
        self.size = file.stat().st_size if file else len(body)
        digest = hashlib.sha256(media_type.encode(), usedforsecurity=False)  # half the time of blake2b
        if file is None:
            digest.update(body)
        else:
            with file.open("rb") as stream:
                while block := stream.read(_CHUNK):
                    digest.update(block)
        self.tag = digest.hexdigest()[:24]
        self.cacheable = cacheable
        self.headers: Headers = [
            (b"content-type", media_type.encode()),
            (b"vary", vary.encode()),
            # Every use is checked with the server, which costs it one look-up: an answer is never stale.
            (b"cache-control", b"no-cache" if cacheable else b"no-store"),
            (b"kymgraph-generation", str(generation).encode()),
            *headers,
            *common,
        ]
        if language:
            self.headers.append((b"content-language", language.encode()))
        self._sends: dict[Coding, tuple[bytes, Message, Message]] = {}
        self._blocks: dict[Coding, bytes] = {}  # the same headers as lines

    def messages(self, coding: Coding) -> tuple[bytes, Message, Message]:
        """The ETag, the start message and the body message for one coding of an answer held in memory."""
        found = self._sends.get(coding)
        if found is None:
            body = self.body if coding == "identity" else gzip(self.body)
            found = self._sends[coding] = self._make(coding, body, len(body))
        return found

    def _make(self, coding: Coding, body: bytes, length: int | None) -> tuple[bytes, Message, Message]:
        etag = f'"{self.tag}"' if coding == "identity" else f'"{self.tag}-{coding}"'
        headers = list(self.headers)
        if self.cacheable:
            headers.append((b"etag", etag.encode()))
        if coding != "identity":
            headers.append((b"content-encoding", coding.encode()))
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        return etag.encode(), start, {"type": "http.response.body", "body": body}

    def wire(
        self, coding: Coding, if_none_match: bytes | None, *, head: bool
    ) -> tuple[int, bytes, bytes] | None:
        """What `respond` sends, as bytes: status, headers, body. None if it has to be made first.

        Only for an answer that was sent before: what is in its headers has been looked through then.
        """
        if self.file is not None:
            return None
        if coding == "gzip" and self.size < _GZIP_FROM:
            coding = "identity"
        if coding not in self._sends:
            return None
        etag, start, body = self._sends[coding]
        if if_none_match is not None and self.cacheable and matches(if_none_match, etag):
            return 304, _block(_unchanged(start)), b""
        lines = self._blocks.get(coding)
        if lines is None:
            lines = self._blocks[coding] = _block(start["headers"])
        return 200, lines, b"" if head else body["body"]

    async def respond(self, send: Send, coding: Coding, if_none_match: bytes | None, *, head: bool) -> int:
        """Send this answer, or 304 if the client has it already. Returns the status."""
        if coding == "gzip" and self.size < _GZIP_FROM:
            coding = "identity"
        if self.file is not None:
            etag, start, body = self._make(coding, b"", self.size if coding == "identity" else None)
        else:
            if coding == "gzip" and "gzip" not in self._sends and self.size > _GZIP_IN_THREAD_FROM:
                await asyncio.to_thread(self.messages, coding)
            etag, start, body = self.messages(coding)
        if if_none_match is not None and self.cacheable and matches(if_none_match, etag):
            await send({"type": "http.response.start", "status": 304, "headers": _unchanged(start)})
            await send({"type": "http.response.body", "body": b""})
            return 304
        if head:
            await send(start)
            await send({"type": "http.response.body", "body": b""})
        elif self.file is not None:
            blocks = file_blocks(self.file)
            await send(start)
            await send_blocks(send, blocks if coding == "identity" else gzip_blocks(blocks))
        else:
            await send(start)
            await send(body)
        return 200


def _unchanged(start: Message) -> Headers:
    """The headers of a 304 in place of an answer."""
    dropped = (b"content-length", b"content-encoding", b"content-type")
    return [header for header in start["headers"] if header[0] not in dropped]


def _block(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match value names `etag`, by the weak comparison that RFC 9110 asks for here.

    >>> matches(b'W/"a", "b"', b'"b"'), matches(b"*", b'"b"'), matches(b'"a"', b'"b"')
    (True, True, False)
    """
    if if_none_match == etag or if_none_match.strip() == b"*":
        return True
    return any(value.strip().removeprefix(b"W/") == etag for value in if_none_match.split(b","))


def gzip(body: bytes) -> bytes:
    """`body` in gzip form. The same bytes give the same bytes: the header holds no time."""
    compressor = zlib.compressobj(4, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


def file_blocks(path: Path) -> AsyncIterator[bytes]:
    """The content of a file in blocks, read off the event loop. The file is opened at once."""
    stream = path.open("rb")

    async def blocks() -> AsyncIterator[bytes]:
        try:
            while block := await asyncio.to_thread(stream.read, _CHUNK):
                yield block
        finally:
            stream.close()

    return blocks()


async def gzip_blocks(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Blocks in gzip form, compressed as the client takes them."""
    compressor = zlib.compressobj(4, zlib.DEFLATED, 31)
    async for block in blocks:
        if packed := await asyncio.to_thread(compressor.compress, block):
            yield packed
    yield compressor.flush()


async def send_blocks(send: Send, blocks: AsyncIterator[bytes]) -> None:
    """Send a body piece by piece. A failure in between is raised on: the server breaks the connection."""
    async for block in blocks:
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class AnswerCache:
    """Answers by key, least recently used first, within one budget for memory and one for files, in bytes."""

    def __init__(self, memory_bytes: int, file_bytes: int) -> None:
        self._budget = {False: memory_bytes, True: file_bytes}
        self._used = {False: 0, True: 0}
        self._weights: dict[Hashable, int] = {}
        self._answers: dict[bool, OrderedDict[Hashable, Answered]] = {
            False: OrderedDict(),
            True: OrderedDict(),
        }
        self._pending: dict[Hashable, asyncio.Future[Answered]] = {}
        self.hits = self.misses = self.coalesced = 0

    def get(self, key: Hashable) -> Answered | None:
        for answers in self._answers.values():
            found = answers.get(key)
            if found is not None:
                answers.move_to_end(key)
                self.hits += 1
                return found
        return None

    def put(self, key: Hashable, answer: Answered) -> None:
        """Keep an answer, dropping the least recently used ones of its kind to make room."""
        on_disk = answer.file is not None
        answers = self._answers[on_disk]
        # Room is taken for the compressed form too: it is made later, when first asked for.
        weight = answer.size if on_disk else _OVERHEAD + answer.size + answer.size // 4
        if weight > self._budget[on_disk] // 4:
            return
        if key in answers:
            self._drop(on_disk, key)
        answers[key] = answer
        self._weights[key] = weight
        self._used[on_disk] += weight
        while self._used[on_disk] > self._budget[on_disk]:
            self._drop(on_disk, next(iter(answers)))

    def _drop(self, on_disk: bool, key: Hashable) -> None:
        del self._answers[on_disk][key]
        self._used[on_disk] -= self._weights.pop(key)

    async def ask(self, key: Hashable, make: Callable[[], Awaitable[Answered]]) -> Answered:
        """The answer for `key`, made once however many ask for it at the same time.

        A failure reaches everyone who waits, and is forgotten: the next one asks again. If the caller that is
        making the answer is cancelled (its client went away), the next waiting caller makes it instead.
        """
        while (pending := self._pending.get(key)) is not None:
            self.coalesced += 1
            try:
                return await asyncio.shield(pending)
            except asyncio.CancelledError:
                if not pending.cancelled():
                    raise
        self.misses += 1
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._pending[key] = future
        try:
            answer = await make()
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:
            future.set_exception(error)
            future.exception()  # marks it as seen, for the usual case that nobody else waits
            raise
        else:
            future.set_result(answer)
            return answer
        finally:
            del self._pending[key]

    def stats(self) -> dict[str, int]:
        """Counts since the start, and what is held now."""
        return {
            "hits": self.hits,
            "misses": self.misses,
            "coalesced": self.coalesced,
            "answers": len(self._answers[False]) + len(self._answers[True]),
            "memory_bytes": self._used[False],
            "file_bytes": self._used[True],
        }

    def clear(self) -> None:
        """Forget every answer; files go as soon as nobody reads them."""
        for on_disk, answers in self._answers.items():
            for key in list(answers):
                self._drop(on_disk, key)
