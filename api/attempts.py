"""Failed attempts to sign in, counted per client: each answer waits longer, and in the end there is none."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from kymgraph.errors import TooManyRequests

#: Failures per client within so many seconds, after which nothing is tried, and how long an answer waits.
ATTEMPTS: Final = 10
_WINDOW: Final = 600.0
_DELAY, _LONGEST_DELAY = 0.1, 1.0
#: Clients whose failures are remembered.
_CLIENTS: Final = 10_000


class Attempts:
    """Failed attempts to sign in, per client: each answer waits longer, and after ATTEMPTS there is none.

    One process counts for itself. A token has 256 random bits: this spares the server, not the token.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def check(self, client: str) -> None:
        """Raise TooManyRequests for a client that has failed too often of late."""
        times = self._recent(client)
        if len(times) >= ATTEMPTS:
            wait = max(1.0, times[0] + _WINDOW - self._clock())
            raise TooManyRequests(
                f"nothing was done: {ATTEMPTS} attempts to sign in have failed; try again in {wait:.0f} s",
                retry_after=wait,
            )

    async def failed(self, client: str) -> None:
        """Count a failure, and keep its sender waiting."""
        times = [*self._recent(client), self._clock()]
        self._failed[client] = times
        self._failed.move_to_end(client)
        while len(self._failed) > _CLIENTS:
            self._failed.popitem(last=False)
        await asyncio.sleep(min(_DELAY * len(times), _LONGEST_DELAY))

    def succeeded(self, client: str) -> None:
        """Forget the failures of a client: several people may share an address."""
        self._failed.pop(client, None)

    def _recent(self, client: str) -> list[float]:
        since = self._clock() - _WINDOW
        return [moment for moment in self._failed.get(client, ()) if moment > since]
