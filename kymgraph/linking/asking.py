"""Asking services of the web politely: one request at a time, patient with faults, never twice the same.

Answers are kept in files, so a run that was interrupted goes on where it stopped, and a service is not asked
again for what it said this week. Only answers that could be read are kept.
"""

from __future__ import annotations

import datetime
import email.utils
import hashlib
import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kymgraph.errors import CannotWrite, FetchFailed, KymgraphError
from kymgraph.net import Client, Response

#: Seconds for one request; the slow ones are slow for minutes, and waiting longer has not helped.
TIMEOUT: Final = 30.0
#: Bytes of one answer.
LIMIT: Final = 5_000_000
#: How often one question is asked before it is given up.
TRIES: Final = 4
#: Longest wait that a service may ask for, in seconds; longer ones are for another day.
LONGEST_WAIT: Final = 120.0
#: Seconds that an answer is kept.
KEPT: Final = 7 * 24 * 3600

_AGAIN: Final = frozenset({429, 500, 502, 503, 504})


class NotThere(KymgraphError):
    """The service has nothing at this address (404)."""

    code = "fetch-failed"


@dataclass
class Asker:
    """Questions to services, through one client and one folder of kept answers."""

    client: Client
    folder: Path
    tries: int = TRIES
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    said: Callable[[str], None] = field(default=lambda _: None)  #: is told of waits

    def json(self, url: str, form: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to a GET, or to a POST of a form. Raises FetchFailed, HostNotAllowed, NotThere."""
        return json.loads(self._kept(url, form, "application/json", _check_json))

    def turtle(self, url: str) -> bytes:
        """The answer to a GET that asks for Turtle; whether it is Turtle is for the parser to say."""
        return self._kept(url, None, "text/turtle", _check_turtle)

    def read_on(
        self, url: str, form: Mapping[str, str] | None = None, *, accept: str = "application/json"
    ) -> str:
        """The day of the kept answer to a question (ISO, UTC); empty if none is kept."""
        place = self._place(url, _body(form), accept)
        if not place.is_file():
            return ""
        return datetime.datetime.fromtimestamp(place.stat().st_mtime, datetime.UTC).date().isoformat()

    def _kept(
        self, url: str, form: Mapping[str, str] | None, accept: str, check: Callable[[Response], None]
    ) -> bytes:
        body = _body(form)
        place = self._place(url, body, accept)
        try:
            if place.is_file() and self.now() - place.stat().st_mtime < KEPT:
                return place.read_bytes()
        except OSError:
            pass  # unreadable is as good as not kept
        answer = self._asked(url, body, accept, check)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            new = place.with_suffix(".new")
            new.write_bytes(answer)
            new.replace(place)
        except OSError as error:
            raise CannotWrite(
                f"the answer of {url[:200]} could not be kept in {place.parent}: {error.strerror}; "
                "nothing was decided"
            ) from None
        return answer

    def _asked(self, url: str, body: bytes | None, accept: str, check: Callable[[Response], None]) -> bytes:
        headers = {"accept": accept}
        if body is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        fault: FetchFailed | None = None
        for attempt in range(self.tries):
            if fault is not None:
                self._wait(getattr(fault, "wait", None) or 2.0 ** (attempt - 1), url)
            try:
                answer = self.client.request(
                    "GET" if body is None else "POST",
                    url,
                    headers=headers,
                    body=body,
                    timeout=TIMEOUT,
                    limit=LIMIT,
                    any_status=True,
                )
                _check_status(answer, self.now())
                check(answer)
            except FetchFailed as error:
                if getattr(error, "final", False):
                    raise
                fault = error
                continue
            return answer.body
        assert fault is not None
        raise FetchFailed(
            f"{fault.message} (asked {self.tries} times)",
            hint="what was answered so far is kept; run the command again to go on from there",
        )

    def _wait(self, seconds: float, url: str) -> None:
        if seconds >= 5:
            self.said(f"{urllib.parse.urlsplit(url).hostname}: {seconds:g} s")
        self.sleep(seconds)

    def _place(self, url: str, body: bytes | None, accept: str) -> Path:
        asked = b"\0".join((url.encode(), body or b"", accept.encode()))
        return self.folder / hashlib.sha256(asked).hexdigest()[:40]


class _Fault(FetchFailed):
    """A fault that says when to ask again, or that asking again is of no use."""

    def __init__(self, message: str, *, wait: float | None = None, final: bool = False) -> None:
        super().__init__(message)
        self.wait, self.final = wait, final


def _check_status(answer: Response, now: float) -> None:
    if 200 <= answer.status < 300:
        return
    if answer.status == 404:
        raise NotThere(f"{answer.url[:200]} has nothing (404)")
    wait = _retry_after(answer.headers.get("retry-after", ""), now)
    told = f"{answer.url[:200]} answered with status {answer.status}; nothing was taken over"
    if wait is not None and wait > LONGEST_WAIT:
        raise _Fault(f"{told}; it asks to wait {wait:g} s", final=True)
    raise _Fault(told, wait=wait, final=answer.status not in _AGAIN)


def _retry_after(value: str, now: float) -> float | None:
    """Seconds to wait by a Retry-After header: a number, or a date.

    >>> _retry_after("7", 0), _retry_after("Thu, 01 Jan 1970 00:00:30 GMT", 10), _retry_after("soon", 0)
    (7.0, 20.0, None)
    """
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError):
        return None


def _check_json(answer: Response) -> None:
    """Refuse what is no JSON in UTF-8. A proxy's page of HTML may come with status 200."""
    try:
        json.loads(answer.body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _Fault(
            f"{answer.url[:200]} answered in another encoding than UTF-8 (byte {error.start})"
        ) from None
    except (ValueError, RecursionError):
        told = answer.media_type or "something without a type"
        raise _Fault(f"{answer.url[:200]} answered with {told} that is not JSON") from None


def _check_turtle(answer: Response) -> None:
    if answer.media_type in ("text/html", "application/json"):
        raise _Fault(f"{answer.url[:200]} answered with {answer.media_type}, not Turtle")


def _body(form: Mapping[str, str] | None) -> bytes | None:
    return None if form is None else urllib.parse.urlencode(form).encode()
