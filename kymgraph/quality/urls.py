"""Do the addresses that a catalogue gives answer? Asked politely: one at a time of each host, with a pause.

HEAD is asked first, and where that meets no success, GET, of whose answer nothing but the head is read. A
host that is not on the list, one that did not answer three times running, or a limit leaves an address
unasked: of that nothing is known, which is not the same as no answer.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urldefrag, urlsplit

from kymgraph.errors import FetchFailed, HostNotAllowed
from kymgraph.net import Client
from kymgraph.quality.found import DCAT, Found
from kymgraph.quality.metrics import State, worth
from kymgraph.quality.reading import Limits
from kymgraph.rdf import BlankNode, Subject, Term

#: Hosts that are asked at the same time, each about one address.
HOSTS: Final = 4
#: Failures to answer at all, one after the other, after which a host is left in peace.
SILENT: Final = 3
_PROPERTIES: Final = (DCAT + "accessURL", DCAT + "downloadURL")


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one address."""

    url: str
    good: State  #: None: not asked
    status: int | None = None  #: of the last answer
    method: str = ""  #: that it answered to
    reason: str = ""  #: why it is not good, or was not asked
    listed: bool = True  #: whether its host may be asked


def address(term: Term) -> str:
    """What a term that stands for an address asks for, without its fragment."""
    if isinstance(term, BlankNode):
        return str(term)
    with contextlib.suppress(ValueError):
        return urldefrag(term.value.strip()).url
    return term.value.strip()


def wanted(found: Found, datasets: Iterable[Subject]) -> list[str]:
    """The addresses of all distributions, those of each dataset's best one first: a limit costs least so."""
    ranked: dict[int, list[str]] = defaultdict(list)
    for dataset in datasets:
        unasked = [(worth(one, found, lambda _: None), one) for one in found.distributions(dataset)]
        unasked.sort(key=lambda pair: pair[0], reverse=True)
        for rank, (_, one) in enumerate(unasked):
            ranked[rank] += [address(term) for name in _PROPERTIES for term in found.values(one, name)]
    return list(dict.fromkeys(url for rank in sorted(ranked) for url in ranked[rank]))


def ask(urls: Sequence[str], client: Client, limits: Limits) -> dict[str, Asked]:
    """What each address answers. Takes no longer than `limits.all_urls_seconds` and two time-outs."""
    ends = time.monotonic() + limits.all_urls_seconds
    answers: dict[str, Asked] = {}
    by_host: dict[str, list[str]] = defaultdict(list)
    asked = 0
    for url in urls:
        host = _host(url)
        if host is None:
            answers[url] = Asked(url, False, reason="no address of the web (http, https)")
        elif not client.allows(url):
            answers[url] = Asked(
                url, None, listed=False, reason=f"{host} is not on the list of hosts that may be asked"
            )
        elif asked >= limits.urls:
            answers[url] = Asked(url, None, reason=f"more than --most-urls {limits.urls}")
        else:
            asked += 1
            by_host[host].append(url)
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    parts: queue.SimpleQueue[dict[str, Asked] | Exception] = queue.SimpleQueue()
    for host in by_host:
        waiting.put(host)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                host = waiting.get_nowait()
                # This machine is nobody else's, and needs no sparing.
                here = host.startswith(("127.0.0.1:", "::1:", "localhost:"))
                try:
                    spared = replace(limits, pause=0.0) if here else limits
                    parts.put(_ask_host(by_host[host], client, spared, ends))
                except Exception as error:
                    parts.put(error)

    # Not a pool of the standard library: that would be waited for when somebody interrupts us.
    for _ in range(min(HOSTS, len(by_host))):
        threading.Thread(target=work, name="urls", daemon=True).start()
    for _ in by_host:
        part = parts.get()
        if isinstance(part, Exception):
            raise part
        answers |= part
    return {url: answers[url] for url in urls}


def _ask_host(urls: Iterable[str], client: Client, limits: Limits, ends: float) -> dict[str, Asked]:
    """The addresses of one host, one after the other."""
    answers: dict[str, Asked] = {}
    silent = 0
    pause = 0.0
    for url in urls:
        if silent >= SILENT:
            answers[url] = Asked(url, None, reason=f"its host did not answer {SILENT} times running")
            continue
        left = ends - time.monotonic()
        if left <= pause:
            answers[url] = Asked(
                url, None, reason=f"the {limits.all_urls_seconds:g} s for all addresses were over"
            )
            continue
        time.sleep(pause)
        answer = answers[url] = _ask(url, client, limits)
        silent = silent + 1 if answer.status is None and answer.good is False else 0
        # Whoever says that it is too much gets more time.
        pause = max(limits.pause, min(2 * pause, 10.0)) if answer.status == 429 else limits.pause
    return answers


def _ask(url: str, client: Client, limits: Limits) -> Asked:
    status: int | None = None
    reason = ""
    for method in ("HEAD", "GET"):
        try:
            with client.stream(method, url, timeout=limits.url_seconds, any_status=True) as answer:
                status = answer.status
        except HostNotAllowed as error:  # where a redirect leads
            return Asked(url, None, method=method, listed=False, reason=error.message)
        except FetchFailed as error:
            reason = error.message.removesuffix("; nothing was taken over").removeprefix(f"{url} ")
        else:
            if 200 <= status < 300:
                return Asked(url, True, status, method)
            if status == 429:
                return Asked(url, None, status, method, "answered 429: too many requests")
            reason = f"answered {status}"
        if method == "HEAD":
            time.sleep(limits.pause)
    return Asked(url, False, status, "", reason)


def _host(url: str) -> str | None:
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme.lower() in ("http", "https") and parts.hostname:
            port = parts.port or {"http": 80, "https": 443}[parts.scheme.lower()]
            return f"{parts.hostname}:{port}"
    return None
