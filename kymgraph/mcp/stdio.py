"""The lines of standard input for the protocol, such that Ctrl-C ends the wait for the next one.

The SDK reads standard input in a thread that cannot be told to stop, so a server with a silent client would
not end. Here the thread is a daemon: it is left behind in its read when the process ends.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

#: Bytes that one message may have. A longer one is answered with a parse error and not kept.
LONGEST: Final = 8_000_000
_PIECE: Final = 65_536
_TOO_LONG: Final = f"a message of more than {LONGEST:,} bytes is not read"


class Lines:
    """The lines of file descriptor `fd`, which others in this process then find empty.

    Make it in a running event loop.
    """

    def __init__(self, fd: int = 0) -> None:
        # Workers and other children must not inherit the wire, nor read what is meant for us.
        self._fd = os.dup(fd)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, fd)
        os.close(null)
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(100)
        threading.Thread(target=self._pump, name="standard input", daemon=True).start()

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        line = await self._waiting.get()
        if line is None:
            raise StopAsyncIteration
        return line

    def _pump(self) -> None:
        rest = bytearray()
        skipping = False
        while piece := self._read():
            *ended, last = piece.split(b"\n")
            for part in ended:
                rest += part
                line = _TOO_LONG if skipping else rest.decode("utf-8", errors="replace")
                rest, skipping = bytearray(), False
                if line.strip() and not self._give(line):
                    return
            if not skipping:
                rest += last
                if len(rest) > LONGEST:
                    rest, skipping = bytearray(), True
        if rest:
            self._give(rest.decode("utf-8", errors="replace"))
        self._give(None)

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _PIECE)
        except OSError:  # the terminal is gone
            return b""

    def _give(self, line: str | None) -> bool:
        """Hand a line over once there is room for it; whether anybody is still there to take it."""
        try:
            asyncio.run_coroutine_threadsafe(self._waiting.put(line), self._loop).result()
        except (RuntimeError, asyncio.CancelledError):  # the loop has ended
            return False
        return True
