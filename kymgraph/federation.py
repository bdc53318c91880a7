"""Queries that call other endpoints: each SERVICE is asked beforehand, and its rows put in as VALUES.

By the algebra of SPARQL 1.1 a call is joined with what stands around it, as a VALUES block in its place is,
so nothing but the rows has to be fetched, and the query itself runs in a worker that has no network. What the
graph knows before the call goes along with it, where that cannot change the rows left after the join.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, cast
from urllib.parse import quote, urldefrag, urlsplit

from kymgraph import groups, results
from kymgraph.errors import (
    Busy,
    FetchFailed,
    HostNotAllowed,
    MergeTooLarge,
    QueryMemory,
    QueryRefused,
    QueryTimeout,
    ServiceFailed,
    ServiceNotAllowed,
    ServiceTimeout,
    TooManyRequests,
)
from kymgraph.queries import inspect, is_term
from kymgraph.results import Row

if TYPE_CHECKING:
    from kymgraph.cutting import Call, Cut, Federated
    from kymgraph.net import Client, Response
    from kymgraph.store.workers import Answer, Job

T = TypeVar("T")
#: Has a worker do a job within so many seconds.
Run: TypeAlias = "Callable[[Job, float], Awaitable[Answer]]"

#: What is taken from one call.
ROWS: Final = 10_000
BYTES: Final = 5_000_000
SECONDS: Final = 10.0
#: Rows of our own, and characters of them, that go along with a call; of more none go.
GIVEN_ROWS: Final = 1_000
_GIVEN_CHARACTERS: Final = 30_000
_GIVEN_SECONDS: Final = 2.0
#: Calls under way at a time: of one front process, and of one client.
AT_ONCE: Final = 8
_OF_ONE: Final = 2
#: Characters of a URL up to which a call is a GET.
_LONGEST_URL: Final = 4_000
#: Times that a query is begun again because the graph has changed meanwhile.
_ATTEMPTS: Final = 3

_JSON: Final = "application/sparql-results+json"
_SAID: Final = 200
_STRING: Final = "http://www.w3.org/2001/XMLSchema#string"


def from_environment() -> list[str]:
    """The hosts of KYMGRAPH_ALLOW_HOSTS, for a graph that is opened without settings."""
    listed = os.environ.get("KYMGRAPH_ALLOW_HOSTS", "").split(",")
    return [host.strip() for host in listed if host.strip()]


def calls_service(text: str) -> bool:
    """Whether the word may stand in a query; cheap, and never wrong about a text that calls.

    >>> calls_service("ASK { SERVICE <http://e/> {} }"), calls_service("ASK {}")
    (True, False)
    """
    return "service" in text.casefold()


class Federation:
    """Answers queries with SERVICE. `allowed` are the hosts (`host:port`) that may be asked.

    Raises InputError for an entry of another form.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(allowed)
        # Where hosts are allowed the client is made now, so that a wrong entry is refused at once. Elsewhere
        # the HTTP library, which takes as long to load as the rest of a command, is not loaded for nothing.
        self._made = self._client() if self._allowed else None
        self._under_way: Counter[str] = Counter()

    @property
    def _net(self) -> Client:
        if self._made is None:
            self._made = self._client()
        return self._made

    def _client(self) -> Client:
        from kymgraph.net import Client

        return Client(self._allowed, timeout=SECONDS, limit=BYTES)

    async def answer(self, job: Job, run: Run, *, client: str, deadline: float) -> Answer:
        """The answer to a query whose parameters are filled in. `deadline` is in seconds, for all of it.

        Raises ServiceUnsupported, ServiceNotAllowed, ServiceFailed, ServiceTimeout, Busy, TooManyRequests,
        and what `run` raises. Nothing is sent anywhere before the query has been read to its end.
        """
        ends = time.monotonic() + deadline

        def left() -> float:
            seconds = ends - time.monotonic()
            if seconds <= 0:
                raise QueryTimeout(
                    f"nothing was given back: the query was not done after {deadline:g} s, which its SERVICE "
                    "calls have taken",
                    hint="Ask less of the other endpoint: give it bindings with VALUES, or a LIMIT.",
                )
            return seconds

        query = await asyncio.to_thread(groups.read, job.text, job.base)
        for call in query.calls:
            self._check(call)
        await run(replace(job, text=query.cut().text, parse_only=True), left())
        for _ in range(_ATTEMPTS):
            generations: set[int] = set()
            rows: list[str] = []
            for number, call in enumerate(query.calls):
                known, generation = await self._known(query, number, rows, job, run, left)
                if generation is not None:
                    generations.add(generation)
                rows.append(await self._rows(call, known, client, left))
            answer = await run(_filled(job, query.cut(), rows), left())
            if generations <= {answer.generation}:
                return answer
            answer.close()
        raise Busy(
            "nothing was given back: the graph kept changing while other endpoints were asked",
            hint="Try again in a moment.",
        )

    def _check(self, call: Call) -> None:
        if not self._net.allows(call.endpoint):
            parts = urlsplit(call.endpoint)
            host = f"{parts.hostname or 'host'}:{_port(call.endpoint)}"
            raise ServiceNotAllowed(
                f"nothing was run: SERVICE names {call.endpoint[:200]}, which is not on the list of hosts "
                "that may be asked",
                hint=f"The operator allows it with KYMGRAPH_ALLOW_HOSTS={host}. Or ask it yourself and put "
                "its rows into the query with VALUES.",
            )

    # --- what the graph knows before a call

    async def _known(
        self, query: Federated, number: int, rows: list[str], job: Job, run: Run, left: Callable[[], float]
    ) -> tuple[list[tuple[str, ...]] | None, int | None]:
        """The distinct rows of ours that a call is joined with, and the generation that holds them.

        None for the rows: too many, or nothing is known. No rows: nothing the endpoint says can matter.
        """
        before = query.before(number)
        if before is None:
            return None, None
        info = inspect(query.text, base=job.base, allow_service=True)
        default, named = job.default_graphs, job.named_graphs
        if default is None and named is None and (info.from_ or info.from_named):
            default, named = info.from_, info.from_named
        asked = replace(_filled(job, before, rows), format="json", default_graphs=default, named_graphs=named)
        asked = _limited(asked, GIVEN_ROWS + 1)
        try:
            answer = await run(asked, min(left(), _GIVEN_SECONDS))
        except (QueryTimeout, QueryMemory, QueryRefused, MergeTooLarge):
            return None, None  # too dear to know
        found = results.rows(answer.read())
        generation = answer.generation
        answer.close()
        if len(found) > GIVEN_ROWS:
            return None, None
        return _given(found, query.calls[number].shared), generation

    # --- asking

    async def _rows(
        self,
        call: Call,
        known: list[tuple[str, ...]] | None,
        client: str,
        left: Callable[[], float],
    ) -> str:
        """The rows of one call as VALUES has them."""
        if known is not None and not known:
            return ""
        text = remote_text(call, known)
        seconds = min(SECONDS, left())
        try:
            return await self._in_thread(lambda: self._ask(call, text, seconds), client)
        except ServiceFailed:
            if call.silent:
                return _row("UNDEF" for _ in call.variables)  # one solution that says nothing
            raise

    async def _in_thread(self, work: Callable[[], T], client: str) -> T:
        """Do what waits for others in a thread that holds up neither the loop nor its other threads."""
        if self._under_way.total() >= AT_ONCE:
            raise Busy(
                "nothing was given back: too many SERVICE calls are under way",
                hint="Try again in a few seconds.",
            )
        if client and self._under_way[client] >= _OF_ONE:
            raise TooManyRequests(
                f"nothing was given back: {_OF_ONE} SERVICE calls of yours are under way already",
                retry_after=SECONDS / 2,
                hint="Wait for them to end, then send this one again.",
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._under_way[client] += 1

        def ended(result: T | None, error: BaseException | None) -> None:
            # Counted until the thread has ended, whether or not somebody still waits for it.
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(cast(T, result))

        def run() -> None:
            result, error = None, None
            try:
                result = work()
            except BaseException as caught:
                error = caught
            try:
                loop.call_soon_threadsafe(ended, result, error)
            except RuntimeError:  # the loop was closed meanwhile, and nobody waits
                return

        threading.Thread(target=run, name="service", daemon=True).start()
        return await future

    def _ask(self, call: Call, text: str, seconds: float) -> str:
        """Ask the endpoint of a call; its rows as VALUES has them. Raises ServiceFailed, ServiceTimeout."""
        began = time.monotonic()
        try:
            answer = self._send(call.endpoint, text, seconds)
        except (FetchFailed, HostNotAllowed) as error:
            failed = ServiceTimeout if time.monotonic() - began >= seconds else ServiceFailed
            raise failed(
                f"nothing was given back: SERVICE {call.endpoint[:200]} failed: {error.message}",
                hint="Try again later, ask it for less, or write SERVICE SILENT to go on without it.",
            ) from None
        if not 200 <= answer.status < 300:
            raise _failed(call, f"it answered with status {answer.status}{_said(answer)}")
        if answer.media_type not in (_JSON, "application/json"):
            raise _failed(call, f"it answered {answer.media_type[:80] or 'something'}, not {_JSON}")
        return rows_of(answer.body, call)

    def _send(self, endpoint: str, text: str, seconds: float) -> Response:
        address = urldefrag(endpoint).url
        url = f"{address}{'&' if urlsplit(address).query else '?'}query={quote(text, safe='')}"
        headers = {"accept": f"{_JSON}, application/json;q=0.5"}
        if len(url) <= _LONGEST_URL:
            return self._net.request("GET", url, headers=headers, timeout=seconds, any_status=True)
        headers["content-type"] = "application/sparql-query; charset=utf-8"
        # A redirect of a POST would become a GET without the query.
        return self._net.request(
            "POST",
            address,
            headers=headers,
            body=text.encode(),
            timeout=seconds,
            redirects=0,
            any_status=True,
        )


def remote_text(call: Call, known: list[tuple[str, ...]] | None) -> str:
    """The SELECT that an endpoint is asked.

    >>> [call] = groups.read("SELECT * { ?a ?p ?b SERVICE <http://e/> { ?b ?q ?c } }").calls
    >>> print(remote_text(call, [("<http://e/1>",), ("<http://e/2>",)]))
    SELECT ?b ?q ?c { VALUES (?b) { (<http://e/1>) (<http://e/2>) }
    ?b ?q ?c
    } LIMIT 10001
    """
    names = " ".join(f"?{name}" for name in call.variables) or "(1 AS ?row)"
    given, block = "", call.block.strip()
    if known:
        columns = [number for number, term in enumerate(known[0]) if term]
        given = (
            f"VALUES ({' '.join(f'?{call.shared[number]}' for number in columns)}) {{ "
            + " ".join(_row(row[number] for number in columns) for row in known)
            + " }\n"
        )
        if not call.plain:  # OPTIONAL and the like would see the bindings, and mean something else
            block = f"{{ {block} }}"
    return f"{call.prologue}SELECT {names} {{ {given}{block}\n}} LIMIT {ROWS + 1}"


def rows_of(body: bytes, call: Call) -> str:
    """An answer in SPARQL JSON as the rows of a VALUES block with the variables of a call.

    A blank node gets a made name, the same within one answer, that nothing in the graph can have.
    Raises ServiceFailed for what is no such answer, and for too many rows.
    """
    try:
        found = results.rows(body, most=ROWS + 1, foreign=True)
    except ValueError as error:
        raise _failed(call, f"its answer cannot be read: {str(error)[:_SAID]}") from None
    if found.boolean is not None:
        raise _failed(call, "it answered true or false where rows were asked for")
    if len(found) > ROWS:
        raise ServiceFailed(
            f"nothing was given back: SERVICE {call.endpoint[:200]} has more than {ROWS:,} rows",
            hint="Give it bindings with VALUES before it, a FILTER inside it, or a sub-select with LIMIT.",
        )
    made: dict[str, str] = {}
    key = secrets.token_hex(8)

    def term(row: Row, name: str) -> str:
        value = row.get(name)
        if value is None:
            return "UNDEF"
        text = str(value)
        if text.startswith("_:"):
            return made.setdefault(text, f"<urn:x-kymgraph-blank:{key}:{len(made)}>")
        if not is_term(text):
            raise _failed(call, f"it sent a term that is none of SPARQL 1.1: {text[:80]!r}")
        return text

    return " ".join(_row(term(row, name) for name in call.variables) for row in found)


def _given(found: results.Rows, names: tuple[str, ...]) -> list[tuple[str, ...]] | None:
    """Rows of ours that may go along with a call; an empty text in place of a column that may not.

    Only IRIs and plain strings go: a number that is written in two ways is one here, and may be two there.
    A blank node of ours is nobody else's, so its row can match nothing. None if no column is left.
    """
    from kymgraph.rdf import BlankNode, Literal, NamedNode

    kept = [row for row in found if not any(isinstance(row[name], BlankNode) for name in names)]
    if not kept:
        return []
    columns = []
    for name in names:
        column = [row[name] for row in kept]
        fits = all(
            isinstance(term, NamedNode)
            or (isinstance(term, Literal) and term.language is None and term.datatype.value == _STRING)
            for term in column
        )
        columns.append([str(term) if fits else "" for term in column])
    given = list(dict.fromkeys(zip(*columns, strict=True)))
    if not any(given[0]) or sum(len(text) + 1 for row in given for text in row) > _GIVEN_CHARACTERS:
        return None
    return given


def _filled(job: Job, cut: Cut, rows: list[str]) -> Job:
    return replace(job, text=cut.text, inserts=tuple((at, rows[number]) for at, number in cut.holes))


def _limited(job: Job, count: int) -> Job:
    return replace(job, text=f"{job.text} LIMIT {count}")


def _row(terms: Iterable[str]) -> str:
    return f"({' '.join(terms)})"


def _failed(call: Call, what: str) -> ServiceFailed:
    return ServiceFailed(
        f"nothing was given back: SERVICE {call.endpoint[:200]} failed: {what}",
        hint="Look whether that is the address of a SPARQL endpoint, and whether it understands the block.",
    )


def _said(answer: Response) -> str:
    """What an endpoint said about its refusal, if it is short and plain."""
    if answer.media_type == "text/plain":
        text = answer.body[:_SAID].decode(errors="replace")
    elif answer.media_type.endswith("json") and len(answer.body) < 10_000:
        try:
            told = json.loads(answer.body)
        except (ValueError, RecursionError):
            return ""
        text = str(told.get("detail", "")) if isinstance(told, dict) else ""
    else:
        return ""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text[:_SAID]).split())
    return f" and said: {text}" if text else ""


def _port(url: str) -> int:
    parts = urlsplit(url)
    try:
        return parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return 0
