"""The dataset of a graph project: the one door that HTTP, command line and Python go through.

Queries run in worker processes over a checkpoint, with a deadline; `view` reads a checkpoint in this process
and is for our own code. A change is checked in a process of its own, and committed by whoever holds the
store's lock: the writer process beside a server, or this process if nobody does.
"""

from __future__ import annotations

import asyncio
import datetime
import gzip
import re
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

from kymgraph import federation, files, ledger, results
from kymgraph.changeset import Changeset, Sum
from kymgraph.commit import Outcome, Request
from kymgraph.errors import (
    BadParameter,
    CommitNotFound,
    GateRejected,
    GraphNotFound,
    InputError,
    KymgraphError,
    UnknownParameter,
)
from kymgraph.namespaces import XSD, Base
from kymgraph.project import LEDGER_GRAPH, ONTOLOGY_GRAPH, SHAPES_GRAPH, Project
from kymgraph.queries import NamedQuery, inspect, substitute, term_iri, term_literal, tokenize
from kymgraph.rdf import (
    FORMATS,
    Format,
    Literal,
    NamedNode,
    Quad,
    canonical_turtle,
    deskolemise,
    labelled_by_content,
    restore_datatypes,
    serialise,
)
from kymgraph.results import Rows
from kymgraph.store import recorded
from kymgraph.store.embedded import CheckpointView, EmbeddedStore, Manifest
from kymgraph.store.journal import FIRST_GENERATION, Entry, Journal
from kymgraph.view import UNION

if TYPE_CHECKING:
    from kymgraph.report import Report
    from kymgraph.store.workers import Answer, Job, WorkerPool
    from kymgraph.view import View
    from kymgraph.writer import AsyncCaller, Turn

T = TypeVar("T")

#: Generations other than the current one that have workers of their own at a time.
OLD_POOLS: Final = 3

#: Seconds that a query with SERVICE may take where nobody has said.
DEADLINE: Final = 15.0

#: What a parameter of a query may be in Python.
Value = str | int | float | bool | Decimal | datetime.date | datetime.datetime | NamedNode | Literal


class PoolSettings(Protocol):
    """What `Dataset` takes from the settings, which are a layer above."""

    @property
    def pool(self) -> dict[str, Any]: ...

    @property
    def allow_hosts(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Built:
    """What `build` did: the store's manifest, the report (no violations in it), and what was rewritten."""

    manifest: Manifest
    report: Report
    rewritten: list[tuple[str, Quad, Quad]]  #: file name, the quad as written, the quad as stored


#: Told of each step of a build: what is done now, how much of it is done, how much there is.
Progress = Callable[[str, int, int], None]


def build(
    project: Project,
    store: EmbeddedStore,
    *,
    discard_history: bool = False,
    progress: Progress = lambda step, done, of: None,
) -> Built:
    """Read the files of a project, judge them, and put generation 1 in place of the store.

    Raises RdfSyntaxError and other InputErrors, ProjectError, GateRejected with the report, StoreHasCommits,
    StoreLocked; the store is then as it was before.
    """
    from kymgraph.gate import full

    store.check_buildable(discard_history=discard_history)
    paths = project.rdf_files()
    count = iter(range(len(paths)))
    read = files.read(project, progress=lambda path: progress("reading", next(count), len(paths)))
    progress("checking", 0, 1)
    report = full.validate(read.quads(), project)
    if not report.accepted:
        raise GateRejected(
            report,
            f"the store was not built: the data break the shapes in {len(report.violations)} place(s); "
            "nothing was written",
            hint="mend the files as the report says; `kymgraph validate` checks them again",
        )
    progress("writing", 0, 1)
    manifest = store.build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests, discard_history=discard_history
    )
    rewritten = [(file.name, *pair) for file in read.files for pair in file.rewritten]
    return Built(manifest, report, rewritten)


class Dataset:
    """One dataset, open. Use it as a context manager, or call `close`.

    Workers start with the first query, or with `start`. The asynchronous methods belong to one event loop;
    `query` has a loop of its own and may be called from any thread, but not together with them.
    """

    def __init__(
        self,
        project: Project,
        store: EmbeddedStore,
        *,
        settings: PoolSettings | None = None,
        allow_hosts: Sequence[str] | None = None,
        **pool: Any,
    ) -> None:
        self.project = project
        self.store = store
        if allow_hosts is None:
            allow_hosts = settings.allow_hosts if settings else federation.from_environment()
        self._federation = federation.Federation(allow_hosts)
        self._options = {"prefixes": project.prefixes, **(settings.pool if settings else {}), **pool}
        #: One pool for what is current (None), and one for each older generation that was asked for.
        self._pools: dict[int | None, WorkerPool] = {}
        self._own_loop: _Loop | None = None
        self._journal: Journal | None = None

    @classmethod
    def open(
        cls,
        project: Project,
        store: str | Path | None = None,
        *,
        settings: PoolSettings | None = None,
        allow_hosts: Sequence[str] | None = None,
        **pool: Any,
    ) -> Self:
        """The dataset of `project` in the store folder `store` (default: the project's own).

        `settings` and, before them, `pool` give the options of the worker pool (`store.workers.WorkerPool`).
        `allow_hosts` (`host:port`) are whom SERVICE may ask, by default those of the settings, or of the
        environment.
        Raises StoreMissing, StoreBroken; InputError for the address of a remote store.
        """
        if isinstance(store, str) and store.startswith(("http://", "https://")):
            raise InputError(
                f"{store} is a remote store, which this version cannot open; nothing was read",
                hint="name a store folder with --store; to ask a server: kymgraph query --store URL, or "
                "kymgraph.open(URL) in Python",
            )
        embedded = EmbeddedStore(store if store is not None else project.store_folder)
        embedded.checkpoint_path()
        return cls(project, embedded, settings=settings, allow_hosts=allow_hosts, **pool)

    # -- reading in this process

    @property
    def generation(self) -> int:
        return self.store.generation

    def view(self, at: int | None = None) -> View:
        """A state that does not change under its reader, by default the current one.

        Older ones are made again from the nearest that is kept. Raises GenerationNotKept.
        """
        if at is None or at == self.generation:
            return self.store.view()
        return CheckpointView(at, self.state(at))

    def state(self, at: int) -> Path:
        """The folder of a generation's database, made again if it is not kept. Raises GenerationNotKept."""
        return self.store.state_at(
            at, ledger_of=lambda entry, change: ledger.quads_of(self.project, entry, change)
        )

    def graph(self, name: str, *, at: int | None = None) -> Iterator[Quad]:
        """The quads of one named graph, for readers outside: demanded datatypes restored.

        Raises GraphNotFound that lists the graphs there are.
        """
        return restore_datatypes(self._stored(name, at))

    def exported(self, name: str, *, at: int | None = None) -> list[Quad]:
        """The quads of a graph as its file holds them: blank nodes where the file has blank nodes.

        A name that stands for a blank node is kept if another graph uses it too, since blank nodes do not
        reach beyond their file.
        """
        quads = list(restore_datatypes(self._stored(name, at)))
        view, genid = self.view(at), self.project.base.genid("")
        here = quads[0].graph_name if quads else None
        shared = set()
        for term in {t for q in quads for t in (q.subject, q.object)}:
            if isinstance(term, NamedNode) and term.value.startswith(genid):
                others = (*view.quads(subject=term), *view.quads(object=term))
                if any(quad.graph_name != here for quad in others):
                    shared.add(term.value)
        return deskolemise(quads, self.project.base, keep=frozenset(shared))

    def data_graphs(self, *, at: int | None = None) -> list[str]:
        """Names of the graphs that data files stand for: all but ontology, shapes and ledger."""
        names = (self.project.base.graph_name(graph.value) for graph in self.view(at).graphs())
        return [name for name in names if name not in (None, ONTOLOGY_GRAPH, SHAPES_GRAPH, LEDGER_GRAPH)]

    def text_of(self, name: str, fmt: Format, *, at: int | None = None, packed: bool = False) -> bytes:
        """One graph as the text of a file, the same for the same triples. Raises GraphNotFound."""
        quads = self.exported(name, at=at)
        if fmt is FORMATS["ttl"]:
            text = canonical_turtle(quads, self.project.prefixes).encode()
        else:
            triples = [Quad(q.subject, q.predicate, q.object) for q in labelled_by_content(quads)]
            text = serialise(sorted(triples, key=str), fmt, self.project.prefixes)
        return gzip.compress(text, mtime=0) if packed else text

    def text_of_all(self, names: Sequence[str] | None, fmt: Format, *, at: int | None = None) -> bytes:
        """Several graphs (default: every one, and the default graph of a strict project) with their names.

        Blank nodes keep their lasting names here, since they may be shared between graphs.
        """
        if names:
            quads = [quad for name in names for quad in self.graph(name, at=at)]
        else:
            view = self.view(at)
            quads = list(restore_datatypes(view.quads()))
            if self.project.default_graph == "strict":
                quads += restore_datatypes(view.quads(graph=UNION))
        return serialise(sorted(quads, key=str), fmt, self.project.prefixes)

    def _stored(self, name: str, at: int | None) -> Iterator[Quad]:
        view = self.view(at)
        try:
            graph = NamedNode(self.project.base.graph(name))
        except ValueError:
            graph = NamedNode("urn:none")
        if graph not in (known := view.graphs()):
            names = ", ".join(self.project.base.graph_name(g.value) or g.value for g in known)
            raise GraphNotFound(
                f"there is no graph {name!r} in generation {view.generation}",
                hint=f"there are: {names or 'none'}",
            )
        return view.quads(graph=graph)

    # -- queries

    @property
    def pool_options(self) -> dict[str, Any]:
        """How worker pools over this dataset are made (`store.workers.WorkerPool`)."""
        return dict(self._options)

    @property
    def sandbox(self) -> str:
        """How queries are kept off the network, for `/health` and `doctor`."""
        pool = self._pools.get(None)
        return str(pool.stats()["sandbox"]) if pool else str(self._options.get("sandbox", "require"))

    def stats(self) -> dict[str, Any]:
        """Counters of the worker pool; empty before the first query."""
        pool = self._pools.get(None)
        return dict(pool.stats()) if pool else {}

    async def start(self) -> None:
        """Start the workers now instead of at the first query. Raises SandboxMissing."""
        await self._pool(None)

    async def aclose(self) -> None:
        """End the workers."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.close()

    async def answer(
        self,
        text: str,
        *,
        format: str | None = None,
        default_graphs: Sequence[str] | None = None,
        named_graphs: Sequence[str] | None = None,
        bindings: Mapping[str, str] | None = None,
        base: str | None = None,
        client: str = "",
        deadline: float | None = None,
        at: int | None = None,
    ) -> Answer:
        """Run a query and give its answer as bytes, in memory or in a file.

        `format` is a name or media type that fits the query form (default JSON or Turtle). Graphs given here
        take the place of the query's FROM clauses (SPARQL 1.1 Protocol, 2.1.4). `bindings` are N-Triples
        terms by variable name. `client` is whom the query counts for; `deadline` is in seconds; `at` a
        generation still on disk.

        A call of another endpoint (SERVICE) is asked before the query runs: `kymgraph.federation`.

        Raises QuerySyntaxError, QueryTooLarge, QueryTimeout, QueryMemory, QueryRefused, UpdateNotAllowed,
        MergeTooLarge, Busy, TooManyRequests, FormatNotAvailable, GenerationNotKept; with SERVICE also
        ServiceNotAllowed, ServiceUnsupported, ServiceFailed.
        """
        from kymgraph.store.workers import Job

        pool = await self._pool(None if at is None or at == self.generation else at)
        job = Job(
            text=text,
            format=format or results.available(inspect(text, allow_service=True).form)[0].name,
            default_graphs=tuple(default_graphs) if default_graphs else None,
            named_graphs=tuple(named_graphs) if named_graphs else None,
            bindings=dict(bindings or {}),
            base=base,
        )
        if federation.calls_service(text):
            if bindings:
                job = replace(job, text=substitute(text, bindings), bindings={})
            if inspect(job.text, base=base, allow_service=True).has_service:
                return await self._federation.answer(
                    job,
                    lambda part, seconds: pool.run(part, client=client, deadline=seconds),
                    client=client,
                    deadline=self._options.get("deadline", DEADLINE) if deadline is None else deadline,
                )
        return await pool.run(job, client=client, deadline=deadline)

    async def run(self, job: Job, *, client: str = "", deadline: float | None = None) -> Answer:
        """Have a worker over the current state do a job. Raises what the job ends in."""
        return await (await self._pool(None)).run(job, client=client, deadline=deadline)

    async def parse(
        self, payload: bytes, media_type: str, *, name: str = "payload", client: str = ""
    ) -> bytes:
        """A foreign RDF payload as canonical N-Quads, parsed by a worker. Raises what `rdf.parse` raises."""
        from kymgraph.store.workers import Job

        job = Job(format=media_type, kind="parse", payload=payload, name=name, base=self.project.base.iri)
        return await whole(await (await self._pool(None)).run(job, client=client))

    async def _pool(self, at: int | None) -> WorkerPool:
        if at in self._pools:
            if at is not None:
                self._pools[at] = self._pools.pop(at)  # the last one asked for is the last to go
            return self._pools[at]
        from kymgraph.store.workers import WorkerPool

        known: dict[int, Path] = {}

        def checkpoint() -> tuple[int, Path]:
            # Asked for every query, so the folder is looked at only when the pointer has moved.
            generation = self.store.generation if at is None else at
            path = known.get(generation)
            if path is None:
                known.clear()
                path = known[generation] = self.store.checkpoint_path(generation)
            return generation, path

        options = self._options
        if at is not None:  # seldom asked, so two processes have to do
            known[at] = await asyncio.to_thread(self.state, at)
            options = {**options, "fast": 1, "slow": 1, "spare": 0}
        checkpoint()
        pool = WorkerPool(checkpoint, **options)
        await pool.start()
        if at in self._pools:  # another request was faster
            await pool.close()
        else:
            self._pools[at] = pool
            await self._let_go()
        return self._pools[at]

    async def _let_go(self) -> None:
        """Close the pools of generations that were asked for longest ago, once nothing runs in them."""
        old = [at for at in self._pools if at is not None][:-OLD_POOLS]
        for at in old:
            stats = self._pools[at].stats()
            if not stats["running"] and not stats["running_slow"] and not stats["waiting"]:
                await self._pools.pop(at).close()

    # -- changes

    @property
    def rules(self) -> Path:
        """The folder of the rules that changes are judged by: those that the store has taken in."""
        return recorded.rules(self.store.folder, self.project)

    def check(self, request: Request) -> Outcome:
        """What a change would come to now: its verdict and what it would alter. Nothing is written.

        Raises what `commit` raises but GateRejected: a refusal is in the outcome's report.
        """
        from kymgraph import commit
        from kymgraph.gate.process import Judge

        with Judge(self.rules, self.store.folder) as judge:
            return commit.check(
                request, self.view(), self.project, lambda at, changes: judge.judge(at, (), changes)
            )

    def commit(self, request: Request) -> Outcome:
        """Have a change judged and, if it is accepted, written; it is on the disk when this returns.

        Raises GateRejected with the report, BaseMoved, ChangeConflict, IdReused, NameAGraph,
        GraphNotWritable, GateTimeout, CannotWrite, StoreLocked, Busy. Unless it is Busy, nothing was written
        then; sending the same change again under the same id is safe in any case.
        """
        with self.turn() as turn:
            return turn.commit(request)

    def turn(self) -> Turn:
        """Commit a change that may have to be made again: its `commit` is as the one here."""
        from kymgraph.writer import Turn

        return Turn(self.project, self.store)

    async def acommit(self, request: Request) -> Outcome:
        """As `commit`, through the writer process beside the server; raises Busy if there is none."""
        async with self.caller() as caller:
            return await caller.send(request)

    def caller(self) -> AsyncCaller:
        """As `turn`, through the writer process beside the server: its `send` commits."""
        from kymgraph.writer import AsyncCaller

        return AsyncCaller(self.store.folder)

    async def questions(self, change: Changeset, *, client: str = "") -> list[NamedQuery]:
        """The competency questions (with their example values) that a change would have answered differently.

        `change` is exact against the current generation. A question that cannot be answered in time is left
        out.
        """
        from kymgraph.store.workers import WorkerPool

        asked = [NamedQuery.load(file) for file in self.project.query_files()]
        # Routes of the interface ask what the questions ask, so they would only be named twice.
        asked = [query for query in asked if "path" not in query.extra]
        beside = self.store.folder / "history"  # where files can be linked instead of copied
        folder = Path(tempfile.mkdtemp(prefix="what-if-", dir=beside if beside.is_dir() else None))
        try:
            place = folder / "0"
            await asyncio.to_thread(self._what_if, change, place)
            pool = WorkerPool(lambda: (0, place), **{**self._options, "fast": 1, "slow": 1, "spare": 0})
            async with pool:
                return [query for query in asked if await self._differs(query, pool, client)]
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _what_if(self, change: Changeset, place: Path) -> None:
        from kymgraph.store.history import what_if

        in_union = self.project.in_union if self.project.default_graph == "union" else None
        path = self.store.checkpoint_path(change.base)
        what_if(path, place, change, base=self.project.base, in_union=in_union)

    async def _differs(self, query: NamedQuery, pool: WorkerPool, client: str) -> bool:
        if inspect(query.text).form not in ("select", "ask"):
            return False
        from kymgraph.store.workers import Job

        job = Job(text=query.text, bindings=bind(query.text, dict(query.example), self.project.base))
        try:
            before = results.rows(await whole(await self.run(job, client=client)))
            after = results.rows(await whole(await pool.run(job, client=client)))
        except KymgraphError:
            return False
        return (before.boolean, Counter(map(repr, before))) != (after.boolean, Counter(map(repr, after)))

    @property
    def journal(self) -> Journal:
        """The commits up to the current generation."""
        if self._journal is None:
            self._journal = Journal(self.store.folder / "journal", limit=lambda: self.generation)
        return self._journal

    def history(self, *, after: int = 0, until: int | None = None) -> list[Entry]:
        """The commits with numbers above `after`, up to `until` or the current one, newest first."""
        last = self.generation if until is None else min(until, self.generation)
        return list(self.journal.entries(after=after, until=last))[::-1]

    def entry(self, number: int) -> Entry:
        """What is known about one commit. Raises CommitNotFound."""
        self._published(number)
        return self.journal.entry(number)

    def changeset(self, number: int) -> Changeset:
        """What one commit changed. Raises CommitNotFound."""
        self._published(number)
        return self.journal.changeset(number)

    def _published(self, number: int) -> None:
        if not FIRST_GENERATION < number <= self.generation:
            first = FIRST_GENERATION + 1
            known = f"they are {first} to {self.generation}" if self.generation > first else f"only {first}"
            raise CommitNotFound(
                f"there is no commit {number}: "
                + (
                    known if self.generation > FIRST_GENERATION else "none was made since the store was built"
                ),
                hint="`kymgraph log` lists the commits",
            )

    def between(self, one: int, other: int) -> Changeset:
        """What has to change for generation `one` to become generation `other`. Raises CommitNotFound."""
        for number in (one, other):
            if number != FIRST_GENERATION:
                self._published(number)
        low, high = sorted((one, other))
        whole = Sum()
        for number in range(low + 1, high + 1):
            whole.add(self.journal.changeset(number))
        change = whole.change(low)
        return change if one <= other else change.inverse(base=one, reason="")

    def revert(self, number: int, *, reason: str, agent: str = "") -> Request:
        """The request that undoes commit `number` in the state of now; it meets the gate like any other."""
        change = self.changeset(number).inverse(base=self.generation, reason=reason, agent=agent)
        return Request(change, kind="revert", more={"reverts": number})

    def generation_at(self, text: str) -> int:
        """The generation that a number or an ISO 8601 date or time names. Raises BadParameter.

        A time names the generation that was current then; a date its last moment. Without an offset both
        are in UTC.
        """
        text = text.strip()
        if text.isdecimal():
            return int(text)
        try:
            if len(text) == 10:
                day = datetime.date.fromisoformat(text)
                moment = datetime.datetime.combine(day, datetime.time.max)
            else:
                moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            raise BadParameter(
                f"{text!r} is no generation: write its number, or a date or time as 2026-11-22T08:30:00Z"
            ) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        return min(self.journal.number_at(moment), self.generation)

    # -- Python API

    def query(self, text: str, /, *, at: int | None = None, **params: Value) -> Rows:
        """The rows of a SELECT or the truth of an ASK; parameters are bound as terms, never pasted.

        Parameters that the query's front matter declares are read by their type; others by their Python
        type, a `str` being a string (pass a NamedNode, or `"<https://…>"`, for an IRI).
        Raises what `answer` raises, and BadParameter.
        """
        bindings = bind(text, params, self.project.base)
        form = inspect(text, allow_service=True).form
        if form not in ("select", "ask"):
            raise InputError(
                f"query() gives rows; {form.upper()} gives a graph",
                hint="use construct() of kymgraph.open(), or kymgraph query --format ttl",
            )

        async def ask() -> bytes:
            return await whole(await self.answer(text, format="json", bindings=bindings, at=at))

        return results.rows(self.loop.run(ask()))

    @property
    def loop(self) -> _Loop:
        """The event loop of the calls that wait for their answer, started with the first of them."""
        if self._own_loop is None:
            self._own_loop = _Loop()
        return self._own_loop

    def close(self) -> None:
        """End the workers that `query` started."""
        if self._own_loop is not None:
            self._own_loop.run(self.aclose())
            self._own_loop.stop()
            self._own_loop = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


async def whole(answer: Answer) -> bytes:
    """All bytes of an answer."""
    return b"".join([part async for part in answer])


def bind(text: str, values: Mapping[str, Value], base: Base | None = None) -> dict[str, str]:
    """Parameter values as N-Triples terms: by the types in the query's front matter, else by their own.

    >>> bind("SELECT ?s { ?s ?p ?o }", {"o": 12, "p": "<https://example.org/p>"})["o"]
    '"12"^^<http://www.w3.org/2001/XMLSchema#integer>'
    """
    if not values and "#+" not in text:
        return {}
    query = NamedQuery.parse(text, "query")
    if query.params:
        return query.bind({name: _text(value) for name, value in values.items()}, base or Base())
    variables = {token.text[1:] for token in tokenize(text) if token.kind == "var"}
    for name in values:
        if name not in variables:
            raise UnknownParameter(
                f"nothing was run: the query has no variable ?{name} to give a value to",
                hint=f"Its variables: {', '.join(sorted(variables)) or 'none'}.",
            )
    return {name: _term(name, value) for name, value in values.items()}


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Literal) and value.language:
        return f"{value.value}@{value.language}"
    return value.value if isinstance(value, NamedNode | Literal) else str(value)


_XSD_OF: Final = (
    (bool, "boolean"),
    (int, "integer"),
    (Decimal, "decimal"),
    (float, "double"),
    (datetime.datetime, "dateTime"),
    (datetime.date, "date"),
)


def _term(name: str, value: Value) -> str:
    if isinstance(value, NamedNode | Literal):
        return str(value)
    if isinstance(value, str):
        iri = re.fullmatch(r"<([^<>\s]+)>", value)
        return term_iri(iri[1]) if iri else term_literal(value)
    for kind, datatype in _XSD_OF:
        if isinstance(value, kind):
            text = value.isoformat() if isinstance(value, datetime.date) else _text(value)
            return term_literal(text, datatype=XSD + datatype)
    raise BadParameter(
        f"{name}: a {type(value).__name__} cannot be bound", hint="Give a text, number, date or term."
    )


class _Loop:
    """An event loop in a thread of its own, so that workers live on between calls of the synchronous API."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kymgraph", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
