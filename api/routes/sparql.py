"""`/sparql`: the SPARQL 1.1 Protocol, as raw ASGI. Updates go on to `api.writes`.

Queries come by GET, POST of a form, POST of the text, and HTTP QUERY; HEAD asks for the headers alone. A bare
GET is answered by the service description, or by the query form for a browser. The path from the bytes of a
request to the bytes of its answer runs through two tables: what the request means (`_memo`), and the answer
itself (`AnswerCache`); a repeated request touches nothing else but the pointer to the current generation.
"""

from __future__ import annotations

import asyncio
import dataclasses
import shlex
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from api import writes
from api.cache import Answered, Receive, Scope, Send
from api.deps import Services, client_of, reach
from api.description import describe
from api.linked.paths import path_of
from api.negotiate import content_coding
from api.pages import MAX_TEXT, Cell, Shown, solutions
from api.problems import (
    MethodNotAllowed,
    Problem,
    problem,
)
from api.protocol import Asked, body_text, read_request
from api.texts import catalogue
from api.wire import read_body, send_page
from kymgraph import results
from kymgraph.changeset import Changeset
from kymgraph.errors import FormatNotAvailable, KymgraphError
from kymgraph.queries import Limits, QueryInfo, inspect
from kymgraph.results import ResultFormat

_negotiate = lru_cache(maxsize=512)(results.negotiate)

ALLOW: Final = "GET, HEAD, POST, QUERY, OPTIONS"
#: Names that SPARQLWrapper puts into `format=`, beside those that people use.
_CLIENT_NAMES: Final = {"n3": "ttl", "rdf+xml": "rdf"}
#: Requests remembered by their bytes, and the longest one that is.
_MEMO_SIZE: Final = 4096
_MEMO_BYTES: Final = 8192
#: Ways of asking remembered (all of a request but the query in its body).
_AROUND_SIZE: Final = 256
#: Characters from which a query is looked over outside the event loop.
_LONG_TEXT: Final = 4_000
#: Texts of the island are those of the page whose keys begin so.
_ISLAND: Final = "sparql."
#: Parameters of the page that are not parameters of the query.
_OF_PAGE: Final = frozenset({"query", "format", "output", "results", "example", "view"})
#: Seconds before a query's client is watched for going away; most have their answer by then.
_WATCH_AFTER: Final = 0.25


class Prepared(NamedTuple):
    """A request understood: the key of its answer (the generation is put before it) and how to make it."""

    asked: Asked
    key: Hashable
    deadline: float
    volatile: bool
    format: ResultFormat | None
    make: Callable[[Prepared, str], Awaitable[Answered]]


class SparqlEndpoint:
    """The ASGI application at `/sparql`. Raises KymgraphError for what the caller sends as a problem."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._memo: dict[Hashable, Prepared] = {}
        self._around: dict[Hashable, Asked] = {}
        self._limits = Limits(text_bytes=services.settings.query_bytes)
        seconds = services.metrics.query_seconds
        self._hit_seconds, self._miss_seconds = seconds.labels("hit"), seconds.labels("miss")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request and return the status that was sent."""
        started = time.perf_counter()
        method = scope["method"]
        accept = accept_encoding = accept_language = content_type = if_none_match = authorization = None
        host = b""
        for name, value in scope["headers"]:
            if name == b"accept":
                accept = value if accept is None else accept + b", " + value
            elif name == b"accept-encoding":
                accept_encoding = value
            elif name == b"accept-language":
                accept_language = value
            elif name == b"content-type":
                content_type = value
            elif name == b"if-none-match":
                if_none_match = value
            elif name == b"host":
                host = value
            elif name == b"authorization":
                authorization = value
            elif name == b"kymgraph-min-generation":
                await reach(self._services, value)
        head = method == "HEAD"
        body: bytes | None = None
        known = authorization is not None
        if known:  # raises for a bad one, before anything is read
            await self._services.authenticator.principal(_text(authorization))
        if method in ("POST", "QUERY"):
            settings = self._services.settings
            body = await read_body(receive, settings.write_bytes if known else settings.body_bytes)
        elif method != "GET" and not head:
            raise MethodNotAllowed(method, ALLOW)
        query_string: bytes = scope["query_string"]

        memo_key = (query_string, body, content_type, accept, accept_language, host, scope["scheme"], known)
        prepared = self._memo.get(memo_key)
        if prepared is None:
            # A body that is the query itself leaves everything else as it was the last time.
            around = (query_string, content_type, accept, accept_language, host, scope["scheme"])
            asked = self._around.get(around) if body is not None else None
            if asked is not None and body is not None:
                asked = asked._replace(text=body_text(body))
            else:
                headers = {
                    "accept": _text(accept),
                    "accept-language": _text(accept_language),
                    "content-type": _text(content_type) or "",
                }
                origin = self._services.origin(_text(host) or "", scope["scheme"])
                asked = read_request(query_string, body, headers, origin)
                if asked.update is not None:
                    return await self._update(asked, asked.update, scope, body or b"", receive, send)
                if body is not None and asked.from_body:
                    if len(self._around) >= _AROUND_SIZE:
                        self._around.clear()
                    self._around[around] = asked
            try:
                if asked.text is not None and len(asked.text) > _LONG_TEXT:
                    # Tokenizing it takes a while: elsewhere, so that others are served meanwhile.
                    await asyncio.to_thread(self._inspect, asked.text)
                prepared = self._prepare(asked, known=known)
            except KymgraphError as error:
                return await self._refuse(error, asked, send, head=head)
            if len(query_string) + len(body or b"") <= _MEMO_BYTES:
                if len(self._memo) >= _MEMO_SIZE:
                    self._memo.clear()
                self._memo[memo_key] = prepared

        coding = content_coding(_text(accept_encoding))
        if coding is None:
            raise FormatNotAvailable(
                "nothing was sent: answers are sent as they are or in gzip form, and both are refused"
            )
        answer, hit = await self._answer(prepared, scope, receive)
        if isinstance(answer, KymgraphError):
            return await self._refuse(answer, prepared.asked, send, head=head)
        (self._hit_seconds if hit else self._miss_seconds).observe(time.perf_counter() - started)
        return await answer.respond(send, coding, if_none_match, head=head)

    async def _update(
        self, asked: Asked, text: str, scope: Scope, body: bytes, receive: Receive, send: Send
    ) -> int:
        """Change the graph, by the token in the request; see `api.writes`."""
        services = self._services
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] != "POST":
            raise MethodNotAllowed(scope["method"], "POST")
        write = await writes.read(
            services, "POST /sparql", headers, asked.parameters, body, scope.get("client")
        )

        write = dataclasses.replace(write, text=text)

        def make() -> Awaitable[Changeset]:
            return writes.update(services, "", text, asked.using, asked.using_named)

        response = await writes.perform(services, write, make)
        await response(scope, receive, send)
        return response.status_code

    async def _answer(
        self, prepared: Prepared, scope: Scope, receive: Receive
    ) -> tuple[Answered | KymgraphError, bool]:
        services, client = self._services, client_of(scope.get("client"))
        generation = services.dataset.generation
        if prepared.asked.at is not None:
            try:
                generation = services.dataset.generation_at(prepared.asked.at)
            except KymgraphError as error:
                return error, False
        key = (generation, prepared.key)
        if not prepared.volatile:
            found = services.cache.get(key)
            if found is not None:
                return found, True
        try:
            async with _Watch(scope, receive):
                if prepared.volatile:
                    return await prepared.make(prepared, client), False
                # Callers with different deadlines do not wait together: one would get the other's time-out.
                pending = (key, prepared.deadline)
                return await services.cache.ask(pending, lambda: self._make_and_keep(prepared, client)), False
        except KymgraphError as error:
            return error, False

    async def _make_and_keep(self, prepared: Prepared, client: str) -> Answered:
        answer = await prepared.make(prepared, client)
        # Filed under the generation that answered, which may be newer than the one when it was asked.
        self._services.cache.put((answer.generation, prepared.key), answer)
        return answer

    async def _refuse(self, error: KymgraphError, asked: Asked, send: Send, *, head: bool) -> int:
        if not asked.html:
            raise error
        refusal = problem(error, asked.lang)
        body = self._page(asked, shown=None, refusal=refusal)
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
        await send_page(send, refusal.status, body, asked.lang, headers, head=head)
        return refusal.status

    # --- understanding a request ------------------------------------------------------------------------

    def _prepare(self, asked: Asked, *, known: bool) -> Prepared:
        settings = self._services.settings
        deadline = float(settings.token_query_timeout if known else settings.query_timeout)
        if asked.timeout is not None:
            deadline = min(deadline, asked.timeout)
        if asked.text is None:
            # Bare requests describe the current state: at= is for queries.
            if asked.html:
                key: Hashable = ("form", asked.lang, asked.parameters)
                return Prepared(asked, key, deadline, False, None, self._make_form)
            chosen = _choose(asked, "construct")
            return Prepared(
                asked,
                ("description", chosen.name, asked.origin),
                deadline,
                False,
                chosen,
                self._make_description,
            )
        info = self._inspect(asked.text)
        if asked.html:
            chosen = results.by_name("json" if info.form in ("select", "ask") else "ttl", info.form)
            key = (
                "page",
                info.canonical,
                asked.default_graphs,
                asked.named_graphs,
                asked.lang,
                asked.parameters,
                asked.origin,
            )
            return Prepared(asked, key, deadline, info.volatile, chosen, self._make_page)
        chosen = _choose(asked, info.form)
        key = ("query", info.canonical, asked.default_graphs, asked.named_graphs, chosen.content_type)
        return Prepared(asked, key, deadline, info.volatile, chosen, self._make_result)

    def _inspect(self, text: str) -> QueryInfo:
        # Whom a SERVICE may ask is for the dataset to say.
        base = self._services.project.base.iri
        return inspect(text, limits=self._limits, base=base, allow_service=True)

    # --- making answers ---------------------------------------------------------------------------------

    async def _run(self, prepared: Prepared, client: str) -> Any:
        asked, chosen = prepared.asked, prepared.format
        assert asked.text is not None
        assert chosen is not None
        return await self._services.dataset.answer(
            asked.text,
            format=chosen.name,
            default_graphs=asked.default_graphs,
            named_graphs=asked.named_graphs,
            base=self._services.project.base.iri,
            at=None if asked.at is None else self._services.dataset.generation_at(asked.at),
            client=client,
            deadline=prepared.deadline,
        )

    async def _make_result(self, prepared: Prepared, client: str) -> Answered:
        answer = await self._run(prepared, client)
        assert prepared.format is not None
        media_type = prepared.format.content_type
        if answer.file is None:
            return Answered(
                media_type, generation=answer.generation, body=answer.body, cacheable=not prepared.volatile
            )
        return await asyncio.to_thread(
            Answered,
            media_type,
            generation=answer.generation,
            file=answer.file,
            source=answer,
            cacheable=not prepared.volatile,
        )

    async def _make_page(self, prepared: Prepared, client: str) -> Answered:
        answer = await self._run(prepared, client)
        if answer.file is None:
            body = answer.body
        else:
            with answer.file.open("rb") as stream:
                body = stream.read(MAX_TEXT * 5)
        assert prepared.format is not None
        if prepared.format.name == "json":
            shown = solutions(body, self._services.prefixes)
        else:
            text = body[:MAX_TEXT].decode("utf-8", errors="ignore")
            shown = Shown(text=text, complete=answer.file is None and len(body) <= MAX_TEXT)
        return self._answered_page(prepared, answer.generation, shown)

    async def _make_form(self, prepared: Prepared, client: str) -> Answered:
        return self._answered_page(prepared, self._services.dataset.generation, None)

    def _answered_page(self, prepared: Prepared, generation: int, shown: Shown | None) -> Answered:
        asked = prepared.asked
        return Answered(
            "text/html; charset=utf-8",
            generation=generation,
            body=self._page(asked, shown=shown, refusal=None, generation=generation),
            vary="Accept, Accept-Encoding, Accept-Language",
            language=asked.lang,
            cacheable=not prepared.volatile,
        )

    def _page(
        self, asked: Asked, *, shown: Shown | None, refusal: Problem | None, generation: int | None = None
    ) -> bytes:
        services = self._services
        downloads: tuple[ResultFormat, ...] = ()
        if shown is not None:
            is_graph = shown.text is not None
            downloads = results.available(
                "construct" if is_graph else "select" if shown.boolean is None else "ask"
            )
        text, wanted = asked.text, dict(asked.parameters).get("example")
        if text is None:
            found = next((example for example in services.examples if example.name == wanted), None)
            text = found.text if found else services.first_query
        return services.pages.render(
            "sparql.html",
            asked.lang,
            path="/sparql",
            parameters=asked.parameters,
            text=text,
            parameters_kept=[(n, v) for n, v in asked.parameters if n not in _OF_PAGE],
            at=asked.at,
            newest=_link(asked, "html", at=None),
            chosen_example=wanted,
            shown=shown,
            problem=refusal,
            examples=services.examples,
            solution_formats=results.SOLUTION_FORMATS,
            graph_formats=results.GRAPH_FORMATS,
            generation=generation,
            share=_link(asked, "html", at=generation),
            downloads=[(known, _link(asked, known.name, at=generation)) for known in downloads],
            curl=_curl(asked, _plain(downloads)),
            href=self._href(asked),
            base=services.project.base.iri,
            island={
                key.removeprefix(_ISLAND): value
                for key, value in catalogue(asked.lang).items()
                if key.startswith(_ISLAND)
            },
        )

    def _href(self, asked: Asked) -> Callable[[Cell], str]:
        """Where a cell leads: to the page of a thing of ours, else where its IRI does."""
        services, base = self._services, self._services.project.base

        def href(cell: Cell) -> str:
            if not cell.title.startswith((base.ids, base.graphs, base.iri + "ontology")):
                return cell.href or ""
            return services.root + path_of(base, "page", cell.title, more={"lang": asked.lang})

        return href

    async def _make_description(self, prepared: Prepared, client: str) -> Answered:
        assert prepared.format is not None
        generation, body = await describe(self._services, prepared.asked.origin + "/sparql", prepared.format)
        return Answered(prepared.format.content_type, generation=generation, body=body)


class _Watch:
    """Cancels the work in its body when the client goes away, once the work has taken a while."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope, self._receive = scope, receive
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER, self._begin)

    def _begin(self) -> None:
        self._watcher = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._scope["kymgraph.gone"] = True
        self._task.cancel()

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()


def _choose(asked: Asked, form: str) -> ResultFormat:
    if asked.format is None:
        return _negotiate(asked.accept, form)
    return results.by_name(_CLIENT_NAMES.get(asked.format, asked.format), form)


def _link(asked: Asked, format_name: str, *, at: int | None) -> str:
    """A link that asks the same thing in another format, of the generation `at`; None: of the newest."""
    return "/sparql?" + urlencode([*_asks(asked, at), ("format", format_name)])


def _asks(asked: Asked, at: int | None) -> list[tuple[str, str]]:
    kept = [(name, value) for name, value in asked.parameters if name not in _OF_PAGE and name != "at"]
    return [("query", asked.text or ""), *kept, *([] if at is None else [("at", str(at))])]


def _plain(formats: Sequence[ResultFormat]) -> ResultFormat | None:
    """The format to show a line for the shell with: CSV or Turtle."""
    return next((known for known in formats if known.name in ("csv", "ttl")), formats[0] if formats else None)


def _curl(asked: Asked, wanted: ResultFormat | None) -> str:
    """A line for the shell that asks the same thing; empty where nothing was asked."""
    if asked.text is None or wanted is None:
        return ""
    given = [(n, v) for n, v in _asks(asked, None) if n != "lang"]
    if asked.at is not None:
        given.append(("at", asked.at))
    words = ["curl", "-sS", asked.origin + "/sparql", "-H", f"Accept: {wanted.media_type}"]
    for name, value in given:
        words += ["--data-urlencode", f"{name}={value}"]
    return shlex.join(words)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
