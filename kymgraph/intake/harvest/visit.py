"""A visitor who behaves: one request at a time, with a pause, and nothing sent twice that has not changed.

Answers are kept with their ETag and date (`state`), so a page that is as it was costs the catalogue a 304,
and a run that was interrupted asks only for what it does not have. A busy catalogue is given the time that it
asks for; one that fails is tried a few times, each time later, and then left in peace.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from kymgraph.errors import FetchFailed
from kymgraph.intake.harvest.state import Folder
from kymgraph.net import Client, Stream

#: Seconds between the end of an answer and the next request.
DELAY: Final = 1.0
#: Seconds that one answer, and a whole run, may take.
TIMEOUT: Final = 60.0
TIME_LIMIT: Final = 3600.0
#: Bytes of one answer.
LIMIT: Final = 50_000_000
#: Bytes of all answers of a run: its records are held in memory.
TOTAL: Final = 1_000_000_000
#: Requests for one page, and the longest wait between two of them.
ATTEMPTS: Final = 5
CEILING: Final = 120.0

#: What `net` may read beyond our limit, so that we are the first to notice.
_BESIDE: Final = 10_000_000
_BUSY: Final = (429, 503)
_RESUME: Final = "run the same command again: it goes on from the page that was reached"


class Tell(Protocol):
    """Takes an event ("wait", "resume", "read") and what belongs to it."""

    def __call__(self, event: str, /, **values: object) -> None: ...


def _nobody(event: str, /, **values: object) -> None:
    """Tells nobody."""


class _TryAgain(Exception):
    """What was wrong with one attempt, and how long the catalogue asks to be left alone."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.what, self.after = what, after


@dataclass(frozen=True, slots=True)
class Answer:
    """A page as the catalogue gave it now, or has not changed since."""

    url: str
    media_type: str
    body: bytes


class Visitor:
    """Asks one catalogue. `tell` is told what people may want to know while they wait.

    `clock`, `wall` and `sleep` are of the `time` module; `delay`, `time_limit` in seconds.
    """

    def __init__(
        self,
        client: Client,
        folder: Folder,
        *,
        delay: float = DELAY,
        time_limit: float = TIME_LIMIT,
        timeout: float = TIMEOUT,
        limit: int = LIMIT,
        total: int = TOTAL,
        tell: Tell | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._folder = client, folder
        self._delay, self._timeout, self._limit = delay, timeout, limit
        self._left = total
        self._tell, self._clock, self._wall, self._sleep = tell or _nobody, clock, wall, sleep
        self._ends, self._time_limit = clock() + time_limit, time_limit
        self._last: float | None = None
        self.asked = 0  #: requests sent

    def get(self, url: str, accept: str) -> Answer:
        """The page at a URL. Raises HostNotAllowed, and FetchFailed when it is not to be had."""
        answer = self._get(url, accept)
        self._left -= len(answer.body)
        if self._left < 0:
            raise FetchFailed(
                "the catalogue sends more than one run may hold; nothing was changed",
                hint="ask for less of it with --query",
            )
        return answer

    def _get(self, url: str, accept: str) -> Answer:
        if self._folder.answered(url) and (kept := self._folder.kept(url)) is not None:
            return Answer(url, kept[0].get("media_type", ""), kept[1])
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._ask(url, accept)
            except _TryAgain as again:
                if attempt == ATTEMPTS:
                    raise FetchFailed(
                        f"{again.what}, {ATTEMPTS} times in a row; nothing was changed", hint=_RESUME
                    ) from None
                wait = again.after if again.after is not None else max(self._delay, 0.1) * 2.0**attempt
                if again.after is not None and again.after > CEILING:
                    raise FetchFailed(
                        f"{again.what}, and asks to be left alone for {again.after:,.0f} s; "
                        "nothing was changed",
                        hint=f"after that time, {_RESUME}",
                    ) from None
                wait = min(wait, CEILING)
                self._tell("wait", what=again.what, seconds=round(wait, 1))
                self._pause(wait)
        raise AssertionError("the last attempt returns or raises")

    def _ask(self, url: str, accept: str) -> Answer:
        if self._last is not None:
            self._pause(self._last + self._delay - self._clock())
        headers = {"accept": accept}
        kept = self._folder.kept(url)
        if kept is not None:
            for name, header in (("etag", "if-none-match"), ("last_modified", "if-modified-since")):
                if kept[0].get(name):
                    headers[header] = kept[0][name]
        left = self._ends - self._clock()
        if left <= 0:
            raise self._too_long()
        self.asked += 1
        name = url.partition("?")[0]
        try:
            with self._client.stream(
                "GET",
                url,
                headers=headers,
                timeout=min(self._timeout, left),
                limit=self._limit + _BESIDE,
                any_status=True,
            ) as stream:
                return self._answer(name, url, stream, kept)
        except FetchFailed as error:
            if isinstance(error, _TooMuch):
                raise
            raise _TryAgain(error.message.partition(";")[0]) from None
        finally:
            self._last = self._clock()

    def _answer(
        self, name: str, url: str, stream: Stream, kept: tuple[dict[str, str], bytes] | None
    ) -> Answer:
        if stream.status == 304 and kept is not None:
            self._folder.note(url)
            return Answer(url, kept[0].get("media_type", ""), kept[1])
        if stream.status in _BUSY:
            what = "is busy (429)" if stream.status == 429 else "is out of service (503)"
            raise _TryAgain(f"{name} {what}", self._retry_after(stream.headers.get("retry-after", "")))
        if stream.status >= 500 or stream.status == 304:
            raise _TryAgain(f"{name} answered with status {stream.status}")
        if stream.status != 200:
            raise _Refused(
                f"{name} answered with status {stream.status}; nothing was changed",
                hint="is this the address of a catalogue?",
            )
        body = bytearray()
        for chunk in stream.chunks:
            body += chunk
            if len(body) > self._limit:
                raise _TooMuch(f"{name} sends more than {self._limit:,} bytes; nothing was changed")
        head = {
            "etag": stream.headers.get("etag", ""),
            "last_modified": stream.headers.get("last-modified", ""),
            "media_type": stream.headers.get("content-type", ""),
        }
        self._folder.keep(url, head, bytes(body))
        return Answer(url, head["media_type"], bytes(body))

    def _retry_after(self, value: str) -> float | None:
        """Seconds that a Retry-After header asks for, given as a number or as a date; None for neither.

        Both are in RFC 9110, 10.2.3.
        """
        if value.strip().isdecimal():
            return float(value)
        try:
            return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - self._wall())
        except (ValueError, TypeError, OverflowError):
            return None

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            if self._clock() + seconds > self._ends:
                raise self._too_long()
            self._sleep(seconds)

    def _too_long(self) -> FetchFailed:
        return FetchFailed(
            f"the harvest took more than {self._time_limit:,.0f} s; nothing was changed", hint=_RESUME
        )


class _TooMuch(FetchFailed):
    """An answer over the limit: it would be so the next time too."""


class _Refused(_TooMuch):
    """An answer that says no."""
