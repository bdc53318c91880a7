"""The application that `kymgraph serve` opens as `api.app:app`.

A thin ASGI front meets every request: it counts it, applies the rate limit, answers CORS preflights, turns
errors into problems, and passes `/sparql` to its raw endpoint and the rest to FastAPI. Settings are read and
the query workers started when the server starts the application, so importing this module does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from api import kept
from api import refused as refused_page
from api.attempts import Attempts
from api.cache import COMMON_HEADERS, AnswerCache, Headers, Message, Receive, Scope, Send
from api.deps import MAX_URL, Metrics, RateLimiter, Services, client_of, language_of, reach, root_of
from api.description import Graphs
from api.examples import first_query, load_examples
from api.linked.state import LinkedData
from api.negotiate import language
from api.openapi.document import Described
from api.pages import Pages
from api.portal.quality import QualityKeeper
from api.prefix import rooted, without_root
from api.problems import MethodNotAllowed, NotFound, RequestError, UriTooLong, problem
from api.published import Published
from api.rest.state import Rest
from api.routes import (
    catalog,
    changes,
    ckan,
    dumps,
    examples,
    feeds,
    graphs,
    linked,
    ops,
    reconcile,
    rest,
    search,
    sparql,
    terms,
    validate,
)
from api.routes.portal import (
    about,
    actors,
    desks,
    edit,
    front,
    ledger,
    lineage,
    programmes,
    quality,
    questions,
    region,
    session,
    themes,
)
from api.static_files import static_files
from api.wire import respond, start_message
from kymgraph import __version__
from kymgraph.access import FILE as ACCESS_FILE
from kymgraph.access import Access, Authenticator
from kymgraph.dataset import Dataset
from kymgraph.errors import KymgraphError
from kymgraph.gate.process import AsyncJudge
from kymgraph.net import Client
from kymgraph.oidc import CodeFlow, Issuer, parse_roles
from kymgraph.project import Project
from kymgraph.publishing.questions import load as load_questions
from kymgraph.publishing.routes import load as load_routes
from kymgraph.search.apart import Apart
from kymgraph.search.index import FOLDER as SEARCH_FOLDER
from kymgraph.search.index import SearchIndex
from kymgraph.settings import Settings

log: Final = logging.getLogger("kymgraph.api")

_PREFLIGHT: Final[Headers] = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, QUERY"),
    (b"access-control-allow-headers", b"Accept, Accept-Language, Content-Type, If-None-Match"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]
_STATUS: Final = {200: b"HTTP/1.1 200 OK\r\n", 304: b"HTTP/1.1 304 Not Modified\r\n"}
#: Payloads and changes that one front has judged at the same time.
_JUDGED_AT_ONCE: Final = 2
#: Seconds that the workers get to end.
_CLOSE_SECONDS: Final = 5.0
#: Routes that monitors ask; no limit holds for them.
_UNLIMITED: Final = frozenset({"/health", "/ready", "/metrics"})


class Application:
    """One kymgraph server: made from settings when the server begins, closed when it ends."""

    def __init__(self, settings: Callable[[], Settings] = Settings.load) -> None:
        self._settings = settings
        self._services: Services | None = None
        self._warming: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise RuntimeError(f"kymgraph speaks HTTP only, not {scope['type']}")

    # --- start and end ----------------------------------------------------------------------------------

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            event = (await receive())["type"]
            if event == "lifespan.startup":
                try:
                    await self.start()
                except Exception as error:
                    log.error("the server did not start: %s", error)
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
            else:
                await self.close()
            await send({"type": event + ".complete"})
            if event == "lifespan.shutdown":
                return

    async def start(self) -> None:
        """Open project and store, start the workers, and ask a first query in the background."""
        settings = self._settings()
        if (parent := multiprocessing.parent_process()) is not None and parent.pid is not None:
            _end_with(parent.pid)
        project = Project.find(settings.project)
        dataset = Dataset.open(project, settings.store, settings=settings)
        await dataset.start()
        net = Client(settings.allow_hosts)
        access = Access(dataset.store.folder / ACCESS_FILE)
        issuer = _issuer(settings, access, net)
        linked_data = LinkedData(project, dataset)
        questions_known, words = load_questions(project)
        self._services = services = Services(
            settings=settings,
            project=project,
            dataset=dataset,
            cache=AnswerCache(settings.cache_bytes, settings.cache_bytes * 4),
            metrics=Metrics(),
            limiter=RateLimiter(settings.rate_limit),
            pages=Pages(project.title, root=root_of(settings)),
            prefixes=project.prefixes,
            examples=load_examples(project),
            first_query=first_query(project.prefixes),
            graphs=Graphs(dataset),
            judge=AsyncJudge(
                dataset.rules,
                dataset.store.folder,
                deadline=settings.gate_timeout,
                processes=_JUDGED_AT_ONCE,
            ),
            access=access,
            authenticator=Authenticator(access, issuer),
            net=net,
            sign_in=_sign_in(settings, access, net, issuer),
            attempts=Attempts(),
            linked=linked_data,
            rest=Rest(project, dataset, load_routes(project)),
            questions=questions_known,
            question_words=words,
            quality=QualityKeeper(project, dataset, linked_data),
            search=SearchIndex(project, dataset.store.folder / SEARCH_FOLDER),
            published=Published(project, dataset, linked_data, ahead=settings.dumps_ahead),
        )
        services.published.start()
        services.search.follow(dataset, apart=Apart(project.folder, dataset.store.folder))
        services.metrics.registry.register(ops.StateCollector(services))
        self._root = root_of(settings)
        self._sparql = sparql.SparqlEndpoint(services)
        self._framework = _fastapi(services)
        self._count: dict[tuple[str, int], Any] = {}
        self._warming = asyncio.ensure_future(_warm(services))

    async def close(self) -> None:
        """End the workers and delete what was spooled."""
        if self._warming is not None:
            self._warming.cancel()
        if self._services is not None:
            self._services.cache.clear()
            self._services.authenticator.close()
            self._services.search.close()
            await self._services.published.close()
            # Workers end when their connection closes, so nothing is lost if this takes too long.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._services.judge.aclose(), _CLOSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._services.dataset.aclose(), _CLOSE_SECONDS)

    # --- one request ------------------------------------------------------------------------------------

    def at_once(self, scope: Scope, headers: Headers) -> bytes | None:
        """The whole response to a request that asks for what is kept; None for any other, and nothing done.

        `headers` go before those of the answer. For `api.http1`, which then spares the way through `_http`.
        """
        services = self._services
        if services is None or self._root:  # behind a path, headers are rewritten on the way out
            return None
        try:
            key = kept.key_of(scope, services.dataset.generation)
            answer = services.cache.get(key) if key is not None else None
            found = None if answer is None else kept.wire(answer, scope)
            if answer is None or found is None:
                return None
            if services.limiter.per_minute:
                services.limiter.check(client_of(scope.get("client")))
        except KymgraphError:  # said properly by the long way
            return None
        status, lines, body = found
        self._counted(answer.route, status)
        return b"".join([_STATUS[status], *(b"%b: %b\r\n" % one for one in headers), lines, b"\r\n", body])

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        services = self._services
        assert services is not None, "the server has not started the application"
        root = self._root
        if root and services.settings.prefix_kept:
            without_root(scope, root)
        path, method, status = scope["path"], scope["method"], 500
        route = "/sparql" if path in ("/sparql", "/sparql/") else ""
        started = ended = False

        async def watched(message: Message) -> None:
            nonlocal started, ended, status
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                # What is not FastAPI's has them already.
                if not route and not any(
                    name == b"content-security-policy" for name, _ in message["headers"]
                ):
                    message["headers"] = [*message["headers"], *COMMON_HEADERS]
                if root:
                    message = rooted(message, root)
            else:
                ended = not message.get("more_body", False)
            await send(message)

        try:
            if services.limiter.per_minute and path not in _UNLIMITED:
                services.limiter.check(client_of(scope.get("client")))
            if method == "OPTIONS":
                await self._options(route, scope, watched)
            elif route:
                await self._sparql(scope, receive, watched)
            else:
                if len(scope["query_string"]) > MAX_URL:
                    raise UriTooLong(f"nothing was read: the address has more than {MAX_URL:,} bytes")
                generation = services.dataset.generation
                key = kept.key_of(scope, generation)
                answer = services.cache.get(key) if key is not None else None
                if answer is not None:
                    route = answer.route
                    await respond(answer, scope, watched)
                    return
                wanted = (value for name, value in scope["headers"] if name == b"kymgraph-min-generation")
                await reach(services, next(wanted, None))
                await self._framework(scope, receive, watched)
                route = getattr(scope.get("route"), "path", "other")
                if key is not None:
                    kept.keep(services.cache, key, scope, generation, route)
        except asyncio.CancelledError:
            # The client went away and its query was ended: we cancelled this, and the server goes on.
            status = 499
            if not scope.get("kymgraph.gone"):
                raise
        except Exception as error:
            if ended:
                log.exception("a fault of our own at %s", path)
                return
            if started:
                # The status line is out: only a broken connection tells that the body is not whole.
                raise
            if not isinstance(error, KymgraphError):
                log.exception("a fault of our own at %s", path)
            await self._refuse(error, scope, watched)
        finally:
            self._counted(route, status)

    def _counted(self, route: str, status: int) -> None:
        counter = self._count.get((route, status))
        if counter is None:
            assert self._services is not None
            counter = self._services.metrics.requests.labels(route or "other", str(status))
            self._count[route, status] = counter
        counter.inc()

    async def _options(self, route: str, scope: Scope, send: Send) -> None:
        allow = sparql.ALLOW if route else self._allowed(scope)
        await send(start_message(204, [(b"allow", allow.encode()), *_PREFLIGHT]))
        await send({"type": "http.response.body", "body": b""})

    def _allowed(self, scope: Scope) -> str:
        """The methods that the framework's routes at this path know."""
        methods: set[str] = set()
        for known in self._framework.routes:
            # FastAPI keeps the routes of a router that it includes within that router.
            for route in getattr(getattr(known, "original_router", None), "routes", [known]):
                found = getattr(route, "methods", None)
                if found and route.matches(scope)[0] != Match.NONE:
                    methods |= found
        order = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        return ", ".join([*(method for method in order if method in (methods or {"GET", "HEAD"})), "OPTIONS"])

    async def _refuse(self, error: Exception, scope: Scope, send: Send) -> None:
        headers = dict(scope["headers"])
        accepted = headers.get(b"accept-language", b"").decode("latin-1")
        wanted = next(
            (
                part[5:]
                for part in scope["query_string"].decode("latin-1").split("&")
                if part.startswith("lang=")
            ),
            None,
        )
        refusal = problem(error, language(wanted, accepted))
        assert self._services is not None
        answer = refused_page.response(self._services, refusal, scope)
        await answer(scope, _nothing, send)


async def _nothing() -> Message:
    """What a response that reads no more of its request is given to read from."""
    return {"type": "http.disconnect"}


def _issuer(settings: Settings, access: Access, net: Client) -> Issuer | None:
    """Who vouches for people beside our own tokens, if the operator named one. Raises InputError."""
    if settings.oidc_issuer is None:
        return None
    return Issuer(
        settings.oidc_issuer,
        settings.oidc_audience or "",
        roles=parse_roles(settings.oidc_roles),
        net=net,
        salt=access.salt(),
        role_claim=settings.oidc_role_claim,
    )


def _sign_in(settings: Settings, access: Access, net: Client, issuer: Issuer | None) -> CodeFlow | None:
    """How people sign in with a browser through the issuer."""
    if issuer is None:
        return None
    client = settings.oidc_client_id or settings.oidc_audience or ""
    return CodeFlow(issuer, client, settings.oidc_client_secret, net=net, key=access.salt())


def _end_with(parent: int) -> None:
    """On Linux: a supervisor that was killed outright leaves no server behind that holds its port."""
    if sys.platform.startswith("linux"):
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died while we were starting, and nothing will tell us
            os.kill(os.getpid(), signal.SIGTERM)


async def _warm(services: Services) -> None:
    """Ask queries until one is answered; from then on the server is ready."""
    while not services.ready:
        try:
            await services.dataset.answer("ASK {}", format="json")
            services.ready = True
            _spare_the_collector()
            if services.settings.search_warm:
                services.search.warm()
        except KymgraphError as error:
            log.warning("not ready yet: %s", error)
            await asyncio.sleep(0.5)


def _spare_the_collector() -> None:
    """What lives as long as the server need not be looked through again and again, nor kept answers often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def _fastapi(services: Services) -> FastAPI:
    """The application behind everything but `/sparql`."""
    title = services.project.title.get("en") or "kymgraph"
    framework = Described(
        title=title,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    framework.state.services = services
    rest.register(framework, services)  # before what catches every path below /api/v1
    published = (catalog, dumps, ckan, feeds)
    portal = (
        front, programmes, lineage, actors, region, themes, questions, ledger, quality, about,
        session, edit, desks,
    )  # fmt: skip
    machines = (linked, rest, search, reconcile, graphs, changes, validate, ops, examples, terms)
    for module in (*portal, *published, *machines):
        framework.include_router(module.router)
    framework.mount("/static", static_files(), name="static")

    async def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            error = _ours(request, error)
        return refused_page.response(services, problem(error, language_of(request)), request.scope)

    for kind in (KymgraphError, HTTPException, RequestValidationError, Exception):
        framework.add_exception_handler(kind, refused)
    return framework


def _ours(request: Request, error: HTTPException) -> RequestError:
    """What Starlette's router says, in our words."""
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "GET")
        return MethodNotAllowed(
            request.method, allow.replace("GET", "GET, HEAD") if "HEAD" not in allow else allow
        )
    if error.status_code == 404:
        return NotFound(f"there is nothing at {request.url.path}. The interface is described at /docs")
    return RequestError(str(error.detail))


app = Application()
