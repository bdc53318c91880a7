"""What the routes share: settings, dataset, cache, counters, pages. Made once at start-up, never global."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry, Counter, Histogram

from api.attempts import Attempts
from api.cache import AnswerCache
from api.description import Graphs
from api.examples import Example
from api.linked.state import LinkedData
from api.negotiate import Language, language
from api.pages import Pages
from api.portal.quality import QualityKeeper
from api.published import Published
from api.rest.state import Rest
from kymgraph.access import Access, Authenticator
from kymgraph.dataset import Dataset
from kymgraph.errors import BadParameter, Busy, TooManyRequests
from kymgraph.gate.process import AsyncJudge
from kymgraph.net import Client
from kymgraph.oidc import CodeFlow
from kymgraph.project import Project
from kymgraph.publishing.questions import Question, Words
from kymgraph.search.index import SearchIndex
from kymgraph.settings import Settings

#: Seconds that a read waits for the generation it asks for.
READ_WAIT: Final = 2.0
#: Longest query string read, in bytes.
MAX_URL: Final = 60_000


class Metrics:
    """Counters for Prometheus, in a registry of their own: two applications can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "kymgraph_http_requests", "HTTP requests answered", ["route", "status"], registry=self.registry
        )
        self.query_seconds = Histogram(
            "kymgraph_query_seconds",
            "Seconds from a query's arrival to its status line, cached ones apart",
            ["cache"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60),
            registry=self.registry,
        )


class RateLimiter:
    """So many requests per client and minute, counted in windows of a minute. Zero lifts the limit.

    One process counts for itself: with several front processes a client gets the limit once per process.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._window = 0
        self._counts: dict[str, int] = {}

    def check(self, client: str) -> None:
        """Raise TooManyRequests if this client has had its share."""
        if not self.per_minute:
            return
        now = time.monotonic()
        window = int(now // 60)
        if window != self._window:
            self._window, self._counts = window, {}
        count = self._counts.get(client, 0) + 1
        self._counts[client] = count
        if count > self.per_minute:
            wait = 60 - now % 60
            raise TooManyRequests(
                f"refused: more than {self.per_minute} requests in a minute from this address. "
                f"Ask again in {wait:.0f} s; the limit is the setting KYMGRAPH_RATE_LIMIT.",
                retry_after=wait,
            )


@dataclass(slots=True)
class Services:
    """The parts of one running application."""

    settings: Settings
    project: Project
    dataset: Dataset
    cache: AnswerCache
    metrics: Metrics
    limiter: RateLimiter
    pages: Pages
    prefixes: dict[str, str]
    examples: list[Example]
    first_query: str
    graphs: Graphs
    judge: AsyncJudge
    access: Access
    authenticator: Authenticator
    net: Client
    sign_in: CodeFlow | None
    attempts: Attempts
    linked: LinkedData
    rest: Rest
    questions: Mapping[str, Question]
    question_words: Words
    quality: QualityKeeper
    search: SearchIndex
    published: Published
    ready: bool = False

    @property
    def root(self) -> str:
        """The path of the public URL, which stands before every path that readers see; mostly ""."""
        return root_of(self.settings)

    def origin(self, host: str, scheme: str) -> str:
        """Where this server is reached, for links: the setting, a trusted Host, or the bound address."""
        settings = self.settings
        if settings.public_url:
            return str(settings.public_url).rstrip("/")
        if (
            host and host.rpartition("@")[2].partition(":")[0] in settings.trusted_hosts
        ) or host in settings.trusted_hosts:
            return f"{scheme}://{host}"
        return f"http://{settings.host}:{settings.port}"


def root_of(settings: Settings) -> str:
    """The path of the public URL without a slash at its end."""
    return urlsplit(str(settings.public_url or "")).path.rstrip("/")


async def reach(services: Services, header: bytes | None) -> None:
    """Wait until the generation that `Kymgraph-Min-Generation` names can be read, for READ_WAIT seconds.

    So a client that has just written reads what it wrote, whichever front process or replica answers it.
    Raises BadParameter, Busy.
    """
    if header is None:
        return
    text = header.decode("latin-1").strip()
    if not text.isdecimal():
        raise BadParameter(f"nothing was read: Kymgraph-Min-Generation takes a number, not {text!r}")
    until = time.monotonic() + READ_WAIT
    while services.dataset.generation < int(text):
        if time.monotonic() > until:
            raise Busy(
                f"nothing was read: generation {text} is not there yet, the newest is "
                f"{services.dataset.generation}",
                hint="try again in a moment",
            )
        await asyncio.sleep(0.02)


def client_of(address: tuple[str, int] | None) -> str:
    """Whom a request counts for: the address, or the /64 network of an IPv6 one (that is one customer).

    >>> client_of(("192.0.2.1", 1)), client_of(("2001:db8:1:2:3:4:5:6", 1))
    ('192.0.2.1', '2001:db8:1:2')
    """
    if address is None:
        return ""
    host = address[0]
    return ":".join(host.split(":")[:4]) if ":" in host else host


def services_of(request: Request) -> Services:
    """The services of the application that serves this request."""
    services: Services = request.app.state.services
    return services


def language_of(request: Request) -> Language:
    """The reader's language."""
    return language(request.query_params.get("lang"), request.headers.get("accept-language"))


ServicesDep = Annotated[Services, Depends(services_of)]
LanguageDep = Annotated[Language, Depends(language_of)]
