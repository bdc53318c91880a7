"""The pool of disposable processes that answer queries and parse payloads (`worker.py` is one of them).

A query gets a fast slot. If it is not done after `promote_after` seconds (and has had a core for a quarter
of them, so that a look-up on a busy machine is not taken for a long query) it moves to the slow lane at the
lowest priority, or is refused if that lane is full; at its deadline its process is killed. So a hostile text
costs one process, and look-ups pass it by. An answer is handed over when it is complete: up to `spool_bytes`
in memory, above that in a file, so that no slow reader holds a process and no status is sent too early.
Everything here runs on one event loop; measurements behind the shape: docs/decisions.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Literal, cast

from ..errors import (
    BadParameter,
    Busy,
    ChangeConflict,
    FormatNotAvailable,
    GraphNotFound,
    GraphNotWritable,
    InputError,
    KymgraphError,
    MergeTooLarge,
    NameAGraph,
    QueryMemory,
    QueryRefused,
    QuerySyntaxError,
    QueryTimeout,
    QueryTooLarge,
    RdfSyntaxError,
    SandboxMissing,
    ServiceNotAllowed,
    StoreBroken,
    TooManyRequests,
    UnsafePayload,
)
from ..namespaces import PREFIXES
from ..queries import DEFAULT_LIMITS, PADDING, Limits, inspect, substitute, syntax_error
from ..results import by_name
from . import worker as _worker

Checkpoint = Callable[[], tuple[int, Path]]
Sandbox = Literal["require", "token-check"]

_LENGTH: Final = struct.Struct(">I")
_REFUSED_SECONDS: Final = 3600.0
#: How often the pool looks whether there is a new checkpoint.
_FOLLOW_SECONDS: Final = 0.025
_KILLS_PER_MINUTE: Final = 5
_REMEMBERED: Final = 10_000
#: What a worker may see of our environment: nothing that could hold a secret.
_ENVIRONMENT: Final = ("PATH", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")

#: How glibc hands out memory to the engine. One arena per thread would reserve 64 MB of address space each,
#: which RLIMIT_AS counts; large pages and longer free lists take some 7 % off a long query's time.
_ALLOCATOR: Final = {
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.tcache_count=2000",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do: a query to answer, a payload to parse, or an update or payload to make a changeset of.

    `default_graphs` and `named_graphs` are the dataset of the SPARQL protocol: if either is given, both take
    the place of FROM and FROM NAMED in the text. `format` is a name or media type, of the answer for a query,
    of the payload for a parse. `bindings` are N-Triples terms by variable name. For a change, `frames`
    are what came in and `change` is what `store.update` or `store.payload` has to know about it.
    """

    text: str = ""
    format: str = "json"
    default_graphs: tuple[str, ...] | None = None
    named_graphs: tuple[str, ...] | None = None
    bindings: Mapping[str, str] = field(default_factory=dict)
    base: str | None = None
    kind: Literal["query", "parse", "change"] = "query"
    payload: bytes | None = None
    name: str = "payload"  #: what a parse error calls the payload
    change: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[bytes, ...] = ()
    inserts: tuple[tuple[int, str], ...] = ()  #: rows of VALUES by offset, put in once the text was judged
    parse_only: bool = False  #: have the engine read the query, and give nothing


class Answer:
    """A complete answer: `body` in memory, or `file` if it is long, removed when closed or dropped."""

    __slots__ = ("__weakref__", "_finalizer", "body", "file", "generation", "media_type", "rows", "size")

    def __init__(
        self,
        generation: int,
        media_type: str,
        size: int,
        body: bytes | None,
        file: Path | None,
        rows: int | None,
    ) -> None:
        self.generation = generation
        self.media_type = media_type
        self.size = size  #: bytes
        self.body = body
        self.file = file
        self.rows = rows  #: triples or quads, where the worker counted them
        self._finalizer = weakref.finalize(self, _unlink, file) if file is not None else None

    def close(self) -> None:
        """Remove the file, if there is one. May be called twice."""
        if self._finalizer is not None:
            self._finalizer()

    def read(self) -> bytes:
        """The whole answer in memory."""
        return self.body if self.body is not None else self.file.read_bytes() if self.file else b""

    async def chunks(self, size: int = 65_536) -> AsyncIterator[bytes]:
        """The answer piece by piece; between pieces the event loop runs on."""
        if self.file is None:
            yield self.body or b""
            return
        with self.file.open("rb") as file:
            while piece := file.read(size):
                yield piece
                await asyncio.sleep(0)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.chunks()


def _unlink(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()
    with contextlib.suppress(OSError):  # the last one out, after the pool was closed
        if not any(file.parent.iterdir()):
            file.parent.rmdir()


class _Task:
    """A job on its way: its frames, who asked, its timer, and what of the answer has arrived."""

    __slots__ = (
        "began", "client", "cpu", "deadline", "expires", "file", "frame", "future", "generation", "job",
        "media_type", "parts", "path", "process", "size", "slow", "text", "timer",
    )  # fmt: skip

    def __init__(
        self, job: Job, text: str, frame: bytes, media_type: str, generation: int, client: str
    ) -> None:
        self.job, self.text, self.frame, self.media_type = job, text, frame, media_type
        self.generation, self.client = generation, client
        self.future: asyncio.Future[dict[str, Any]]
        self.deadline = self.expires = self.began = self.cpu = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self.process: _Process | None = None
        self.slow = False
        self.parts: list[bytes] = []
        self.size = 0
        self.file: IO[bytes] | None = None
        self.path: Path | None = None

    def key(self) -> bytes:
        """What a text is remembered by when it has ended a process."""
        digest = hashlib.sha256(self.text.encode())
        digest.update(repr((self.job.default_graphs, self.job.named_graphs, self.job.base)).encode())
        digest.update(self.job.payload or b"")
        for frame in self.job.frames:
            digest.update(frame)
        return digest.digest()

    def discard(self) -> None:
        if self.file is not None:
            self.file.close()
        if self.path is not None:
            _unlink(self.path)
        self.parts, self.file, self.path = [], None, None


class _Process(asyncio.BufferedProtocol):
    """One worker process as its pool sees it."""

    #: What is read goes here first, for all of them: asyncio would make 256 KB anew for each read.
    _incoming: Final = memoryview(bytearray(262_144))

    def __init__(self, pool: WorkerPool, popen: subprocess.Popen[bytes]) -> None:
        self.pool, self.popen = pool, popen
        self.transport: asyncio.Transport | None = None
        self.buffer = bytearray()
        self.task: _Task | None = None
        self.ready = self.killed = self.opening = False
        self.generation = 0  #: which it has open

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: the transports of uvloop are no subclass of asyncio.Transport.
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._incoming

    def buffer_updated(self, nbytes: int) -> None:
        if self.killed:
            return
        buffer = self.buffer
        buffer += self._incoming[:nbytes]
        at, size = 0, len(buffer)
        while size - at >= 4:
            (length,) = _LENGTH.unpack_from(buffer, at)
            if length:
                if size - at - 4 < length:
                    break
                frame = bytes(buffer[at + 4 : at + 4 + length])
                at += 4 + length
                if self.ready:
                    self.pool._part(self, frame)
                else:
                    self.ready = True
                    self.pool._ready(self, json.loads(frame))
            else:
                if size - at < 8 or size - at - 8 < _LENGTH.unpack_from(buffer, at + 4)[0]:
                    break
                (length,) = _LENGTH.unpack_from(buffer, at + 4)
                status = json.loads(buffer[at + 8 : at + 8 + length])
                at += 8 + length
                self.pool._finished(self, status)
        del buffer[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self.task is not None:  # not the text's fault
            task, self.task = self.task, None
            self.pool._end(task, KymgraphError(f"reading from a query worker failed: {exc}"))
        self.pool._reap(self)

    def kill(self) -> None:
        """End it now. Its connection closes when the kernel has taken it apart; then it is reaped."""
        self.killed = True
        with contextlib.suppress(OSError):
            self.popen.kill()


class WorkerPool:
    """Runs jobs over the checkpoint that `checkpoint()` names at that moment.

    `fast` queries run at once (default: two per core, so that no core waits while an answer is handed
    over), `slow` more after `promote_after` seconds, for one client at most one; `spare` processes are kept
    warm beside them (default: as many as `slow`). `deadline`
    is in seconds and counts from the call. `sandbox="token-check"` goes on where the kernel cannot keep
    workers off the network; then only the refusal of SERVICE does. `prepared` is for a pool that is there
    for changes.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        fast: int | None = None,
        slow: int = 2,
        spare: int | None = None,
        memory_mb: int = 1200,
        stack_mb: int = 256,
        deadline: float = 15.0,
        promote_after: float = 0.2,
        spool_bytes: int = 1_000_000,
        spool_total: int = 4_000_000_000,
        waiting: int = 1000,
        sandbox: Sandbox = "require",
        limits: Limits = DEFAULT_LIMITS,
        prefixes: Mapping[str, str] = PREFIXES,
        prepared: bool = False,
    ) -> None:
        self._checkpoint = checkpoint
        self._fast = fast or 2 * (os.cpu_count() or 1)
        self._slow = slow
        self._spare = slow if spare is None else spare
        self._memory_mb, self._stack_mb = memory_mb, stack_mb
        self._deadline, self._promote_after = deadline, promote_after
        self._spool_bytes, self._spool_total = spool_bytes, spool_total
        self._waiting_most = waiting
        self._sandbox: Sandbox = sandbox
        self._limits, self._prefixes = limits, dict(prefixes)
        self._loop: asyncio.AbstractEventLoop
        self._processes: set[_Process] = set()
        self._idle: deque[_Process] = deque()
        self._running = self._running_slow = self._starting = self._waiting = 0
        self._queues: OrderedDict[str, deque[_Task]] = OrderedDict()  # by client, served in turn
        self._slow_clients: set[str] = set()
        self._refused: OrderedDict[bytes, float] = OrderedDict()
        self._kills: OrderedDict[bytes, deque[float]] = OrderedDict()
        self._started: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._failures = 0
        self._sandboxed: bool | None = None
        self._closed = True
        self._spool: Path | None = None
        self._connecting: set[asyncio.Task[Any]] = set()
        self._newest = self._opening = 0
        #: Whether new processes load beforehand what changes need: from the first change on. Else each would
        #: do so within its first change, which would count as a long one and use the process up.
        self._prepared = prepared
        self._follower: asyncio.TimerHandle | None = None
        self._count = dict.fromkeys(
            ("answered", "failed", "killed", "died", "spawned", "promoted", "shed"), 0
        )

    # --- life ---

    async def start(self) -> None:
        """Start the processes until one is ready. Raises SandboxMissing, StoreBroken, StoreMissing."""
        self._checkpoint()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._started = self._loop.create_future()
        self._top_up()
        try:
            await self._started
        except BaseException:
            await self.close()
            raise
        self._follow()

    async def close(self) -> None:
        """End all processes and wait until they are gone. Answers already given keep their files."""
        self._closed = True
        if self._follower is not None:
            self._follower.cancel()
        for queue in self._queues.values():
            for task in queue:
                self._fail(task, Busy("nothing was run: the server is shutting down"))
        self._queues.clear()
        self._waiting = 0
        for process in list(self._processes):
            if process.task is not None:
                self._fail(process.task, Busy("nothing was given back: the server is shutting down"))
                process.task = None
            process.kill()
        if self._processes:
            self._gone = self._loop.create_future()
            await self._gone
        if self._spool is not None:
            with contextlib.suppress(OSError):
                self._spool.rmdir()
            self._spool = None

    async def __aenter__(self) -> WorkerPool:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def stats(self) -> dict[str, int | str]:
        """Counts since the start, and what goes on now."""
        sandbox = {None: "unknown", True: "seccomp", False: "token-check"}[self._sandboxed]
        return {
            **self._count,
            "processes": len(self._processes),
            "idle": len(self._idle),
            "running": self._running,
            "running_slow": self._running_slow,
            "waiting": self._waiting,
            "refused_texts": len(self._refused),
            "sandbox": sandbox,
        }

    # --- one job ---

    async def run(self, job: Job, *, client: str = "", deadline: float | None = None) -> Answer:
        """Do one job and give its complete answer.

        `client` is whom the slow lane is shared out to ("" is trusted and has no share). Raises what
        `queries.inspect` raises, and QueryTimeout, QueryMemory, QueryRefused, MergeTooLarge, Busy,
        TooManyRequests, FormatNotAvailable; for a payload RdfSyntaxError, UnsafePayload, InputError.
        """
        if self._closed:
            raise Busy("nothing was run: the query workers are not running")
        seconds = self._deadline if deadline is None else deadline
        task = self._task(job, client, seconds)
        loop = self._loop
        task.future = loop.create_future()
        task.deadline = seconds
        task.expires = loop.time() + task.deadline
        if self._refused or self._kills:
            self._check_memory(task)
        process = self._free() if self._running < self._fast and not self._waiting else None
        if process is not None:
            self._start(task, process)
        else:
            self._wait(task)
        try:
            status = await task.future
        except asyncio.CancelledError:
            self._abandon(task)
            raise
        return self._answer(task, status)

    def _task(self, job: Job, client: str, seconds: float) -> _Task:
        generation, path = self._checkpoint()
        grace = int(seconds) + 3
        self._prepared = self._prepared or job.kind != "query"
        if job.kind == "parse":
            request: dict[str, Any] = {
                "kind": "parse",
                "seconds": grace,
                "media_type": job.format,
                "base": job.base,
                "name": job.name,
            }
            payload = job.payload or b""
            frame = _frame(request) + _LENGTH.pack(len(payload)) + payload
            return _Task(job, "", frame, "application/n-quads", generation, client)
        if job.kind == "change":
            request = {
                "kind": "change",
                "seconds": grace,
                "store": str(path),
                "generation": generation,
                "base": job.base,
                "name": job.name,
                "frames": len(job.frames),
                **job.change,
            }
            parts = [_frame(request), *(_LENGTH.pack(len(data)) + data for data in job.frames)]
            return _Task(job, "", b"".join(parts), "application/rdf-patch", generation, client)
        text = substitute(job.text, job.bindings) if job.bindings else job.text
        info = inspect(text, limits=self._limits, base=job.base)
        fmt = by_name(job.format, info.form)
        default, named = job.default_graphs, job.named_graphs
        if default is not None or named is not None:  # the protocol's dataset wins over the text's
            default, named = default or (), named or ()
        elif info.from_ or info.from_named:
            default, named = info.from_, info.from_named
        whole = info.without_dataset if default is not None else text
        for at, rows in reversed(job.inserts):
            whole = whole[:at] + rows + whole[at:]
        request = {
            "kind": "parse query" if job.parse_only else "query",
            "seconds": grace,
            "store": str(path),
            "text": whole + PADDING,
            "base": job.base,
            "media_type": fmt.ox,
            "default_graphs": None if default is None else list(dict.fromkeys(default)),
            "named_graphs": None if named is None else list(dict.fromkeys(named)),
            "uses_graph": info.uses_graph,
        }
        if fmt.kind == "graph":
            request["prefixes"] = {**self._prefixes, **info.prefixes}
        return _Task(job, text, _frame(request), fmt.media_type, generation, client)

    def _answer(self, task: _Task, status: dict[str, Any]) -> Answer:
        if "code" in status:
            task.discard()
            self._count["failed"] += 1
            raise self._error(task, status)
        self._count["answered"] += 1
        if task.file is not None:
            task.file.close()
            path, task.path, task.file = task.path, None, None
            return Answer(task.generation, task.media_type, task.size, None, path, status.get("rows"))
        body = task.parts[0] if len(task.parts) == 1 else b"".join(task.parts)
        return Answer(task.generation, task.media_type, task.size, body, None, status.get("rows"))

    def _error(self, task: _Task, status: dict[str, Any]) -> KymgraphError:
        code, message, hint = status["code"], status["message"], status.get("hint")
        if task.job.kind == "change" and (error := _change_error(task.job.name, status)) is not None:
            return error
        if code == "query-syntax":
            return syntax_error(message, task.text)
        if code == "query-memory":
            self._remember(self._refused, task.key(), self._loop.time())
            return self._out_of_memory()
        if code == "merge-too-large":
            return MergeTooLarge(
                f"nothing was run: {message}, too many to merge for one query",
                hint="Leave FROM and default-graph-uri out: the default graph is the union of the graphs.",
            )
        if code == "format-not-available":
            return FormatNotAvailable(f"nothing was given back: {message}", hint="Ask for Turtle or JSON.")
        if code == "rdf-syntax":
            return RdfSyntaxError(
                task.job.name, message, line=status.get("line"), column=status.get("column")
            )
        if code == "unsafe-payload":
            return UnsafePayload(message, hint=hint)
        if code == "store-broken":
            return _broken(message)
        if code == "bad-input":
            return InputError(message, hint=hint)
        return KymgraphError(f"a query worker failed: {message}", hint=hint)

    def _out_of_memory(self) -> QueryMemory:
        return QueryMemory(
            f"nothing was given back: the query needed more than the {self._memory_mb} MB that one may use; "
            "the same text is refused for an hour",
            hint="Join the patterns by a shared variable, or ask for less at a time.",
        )

    # --- lanes ---

    def _wait(self, task: _Task) -> None:
        if self._waiting >= self._waiting_most:
            raise Busy(
                f"nothing was run: {self._waiting} queries are waiting already",
                hint="Try again in a few seconds.",
            )
        self._queues.setdefault(task.client, deque()).append(task)
        self._waiting += 1
        task.timer = self._loop.call_at(task.expires, self._expire_waiting, task)

    def _expire_waiting(self, task: _Task) -> None:
        self._leave_queue(task)
        self._fail(
            task,
            Busy(
                f"nothing was run: no worker came free in {task.deadline:g} s",
                hint="Try again in a few seconds.",
            ),
        )

    def _leave_queue(self, task: _Task) -> None:
        queue = self._queues.get(task.client)
        if queue is not None and task in queue:
            queue.remove(task)
            self._waiting -= 1
            if not queue:
                del self._queues[task.client]

    def _next(self) -> None:
        """Give free slots to those who wait, one client after the other."""
        while self._waiting and self._running < self._fast and (process := self._free()) is not None:
            client, queue = self._queues.popitem(last=False)
            task = queue.popleft()
            self._waiting -= 1
            if queue:
                self._queues[client] = queue
            if task.timer is not None:
                task.timer.cancel()
            if task.future.done():
                self._idle.append(process)
            else:
                self._start(task, process)

    def _free(self) -> _Process | None:
        """An idle process that lives: a text must not be blamed for one that died in its sleep."""
        while self._idle:
            # One that has the newest checkpoint open already, and the last to work: its caches are warmest.
            process = next((p for p in reversed(self._idle) if p.generation >= self._newest), self._idle[-1])
            self._idle.remove(process)
            # As Popen.poll() would say, at a third of the cost; the status stays for who reaps it.
            if os.waitid(os.P_PID, process.popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return process
        return None

    def _start(self, task: _Task, process: _Process) -> None:
        process.task, task.process = task, process
        process.generation = max(process.generation, task.generation)
        self._running += 1
        task.began, task.cpu = self._loop.time(), _cpu_seconds(process.popen.pid)
        task.timer = self._loop.call_at(
            min(self._loop.time() + self._promote_after, task.expires), self._promote, task
        )
        assert process.transport is not None
        process.transport.write(task.frame)
        task.frame = b""

    def _promote(self, task: _Task) -> None:
        """It is a long one: to the slow lane, if there is room for it."""
        now = self._loop.time()
        if task.future.done() or now >= task.expires:
            self._expire(task)
        elif self._starved(task, now):
            task.timer = self._loop.call_at(min(now + self._promote_after, task.expires), self._promote, task)
        elif task.client and task.client in self._slow_clients:
            self._shed(
                task,
                TooManyRequests(
                    "nothing was given back: one long query at a time, and another of yours is still running",
                    retry_after=max(1.0, task.deadline / 3),
                    hint="Wait for it to end, then send this one again.",
                ),
            )
        elif self._running_slow >= self._slow:
            self._shed(
                task,
                Busy(
                    "nothing was given back: too many long queries are running",
                    hint="Try again in a few seconds.",
                ),
            )
        else:
            assert task.process is not None
            task.slow = True
            self._running -= 1
            self._running_slow += 1
            self._count["promoted"] += 1
            if task.client:
                self._slow_clients.add(task.client)
            _lower_priority(task.process.popen.pid)
            task.timer = self._loop.call_at(task.expires, self._expire, task)
            self._top_up()
            self._next()

    def _starved(self, task: _Task, now: float) -> bool:
        """Has it waited for a core (or a disk) rather than worked? Believed for a while only."""
        assert task.process is not None
        worked = _cpu_seconds(task.process.popen.pid) - task.cpu
        return worked < self._promote_after / 4 and now - task.began < 5 * self._promote_after

    def _shed(self, task: _Task, error: KymgraphError) -> None:
        self._count["shed"] += 1
        self._end(task, error)

    def _expire(self, task: _Task) -> None:
        self._end(
            task,
            QueryTimeout(
                f"nothing was given back: the query was not done after {task.deadline:g} s and was ended",
                hint="Join the patterns by a shared variable, add a LIMIT inside, or ask for less at a time.",
            ),
        )

    def _abandon(self, task: _Task) -> None:
        """The caller has gone. A short query may end by itself; a long one is not worth its core."""
        if task.process is None:
            self._leave_queue(task)
            if task.timer is not None:
                task.timer.cancel()
        elif task.slow:
            self._end(task, Busy("the caller has gone"))
        task.discard()

    def _end(self, task: _Task, error: KymgraphError) -> None:
        """Kill the process of a task and tell its caller."""
        process = task.process
        if process is not None:
            process.task = None
            process.kill()
            self._count["killed"] += 1
            kills = self._kills.setdefault(task.key(), deque(maxlen=_KILLS_PER_MINUTE))
            kills.append(self._loop.time())
            _forget(self._kills)
        self._release(task)
        self._fail(task, error)
        self._top_up()
        self._next()

    def _fail(self, task: _Task, error: KymgraphError) -> None:
        task.discard()
        if task.timer is not None:
            task.timer.cancel()
        if not task.future.done():
            self._count["failed"] += 1
            task.future.set_exception(error)

    def _release(self, task: _Task) -> None:
        if task.timer is not None:
            task.timer.cancel()
        if task.process is None:
            return
        task.process = None
        if task.slow:
            self._running_slow -= 1
            self._slow_clients.discard(task.client)
        else:
            self._running -= 1

    # --- what texts have done ---

    def _check_memory(self, task: _Task) -> None:
        key, now = task.key(), self._loop.time()
        since = self._refused.get(key)
        if since is not None:
            if now - since < _REFUSED_SECONDS:
                minutes = int((_REFUSED_SECONDS - (now - since)) / 60) + 1
                raise QueryRefused(
                    f"nothing was run: this text ended a worker and is refused for {minutes} more minutes",
                    hint="Change the query: join the patterns, nest less, or ask for less at a time.",
                )
            del self._refused[key]
        kills = self._kills.get(key)
        if kills is not None and len(kills) == _KILLS_PER_MINUTE and now - kills[0] < 60:
            raise TooManyRequests(
                f"nothing was run: this text had to be ended {_KILLS_PER_MINUTE} times within a minute",
                retry_after=60 - (now - kills[0]),
                hint="Change the query, or wait.",
            )

    def _remember(self, memory: OrderedDict[bytes, float], key: bytes, now: float) -> None:
        memory[key] = now
        memory.move_to_end(key)
        _forget(memory)

    # --- processes ---

    def _top_up(self) -> None:
        """Keep `fast` + `spare` processes at hand beside those of the slow lane."""
        while (
            not self._closed
            and self._running + len(self._idle) + self._starting + self._opening < self._fast + self._spare
        ):
            self._spawn()

    def _follow(self) -> None:
        """Look whether there is a new checkpoint, so that no query has to wait until one is opened."""
        self._follower = self._loop.call_later(_FOLLOW_SECONDS, self._follow)
        with contextlib.suppress(KymgraphError):
            generation, path = self._checkpoint()
            self._newest = generation
            self._open_ahead(generation, path)

    def _open_ahead(self, generation: int, path: Path) -> None:
        """Have idle processes open a checkpoint, half of them at a time."""
        stale = [process for process in self._idle if process.generation < generation]
        for process in stale[: max(1, (len(self._idle) + self._opening) // 2) - self._opening]:
            self._idle.remove(process)
            process.opening, process.generation = True, generation
            self._opening += 1
            assert process.transport is not None
            process.transport.write(
                _frame({"kind": "open", "seconds": int(self._deadline) + 3, "store": str(path)})
            )

    def _spawn(self) -> None:
        generation, path = self._checkpoint()
        ours, theirs = socket.socketpair()
        try:
            popen = subprocess.Popen(  # noqa: S603 - nothing of a request is on this line
                [
                    sys.executable, "-I", "-S", _worker.__file__, str(theirs.fileno()), str(self._memory_mb),
                    str(self._stack_mb), "1" if self._sandbox == "require" else "0",
                    "1" if self._prepared else "0", _site_of("pyoxigraph"), _site_of("kymgraph"), str(path),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={n: os.environ[n] for n in _ENVIRONMENT if n in os.environ} | _ALLOCATOR,
                cwd="/",
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        process = _Process(self, popen)
        process.generation = generation
        self._processes.add(process)
        self._starting += 1
        self._count["spawned"] += 1
        connecting = self._loop.create_task(_connect(self._loop, process, ours))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    def _ready(self, process: _Process, hello: dict[str, Any]) -> None:
        self._starting -= 1
        self._failures = 0
        self._sandboxed = bool(hello["sandbox"])
        self._idle.append(process)
        if self._started is not None and not self._started.done():
            if "error" in hello:
                self._started.set_exception(_broken(hello["error"]))
            else:
                self._started.set_result(None)
        self._next()

    def _part(self, process: _Process, data: bytes) -> None:
        task = process.task
        if task is None or task.future.done():
            return
        task.size += len(data)
        if task.file is None and task.size <= self._spool_bytes:
            task.parts.append(data)
            return
        if task.size > self._spool_total:
            self._end(
                task, Busy(f"nothing was given back: the answer is longer than {self._spool_total:,} bytes")
            )
            return
        try:
            if task.file is None:
                task.path = self._spool_folder() / f"{process.popen.pid}-{time.monotonic_ns()}"
                task.file = task.path.open("xb")
                task.file.writelines(task.parts)
                task.parts = []
            task.file.write(data)
        except OSError as error:
            self._end(task, Busy(f"nothing was given back: no room for the answer ({error.strerror})"))

    def _finished(self, process: _Process, status: dict[str, Any]) -> None:
        task = process.task
        process.task = None
        if process.opening:
            process.opening = False
            self._opening -= 1
            self._idle.append(process)
            self._next()
        if task is None:
            return
        # Its priority cannot be raised again, or its memory is in an unknown state: replaced.
        used_up = task.slow or status.get("code") == "query-memory"
        self._release(task)
        if used_up:
            process.kill()
            self._top_up()
        else:
            self._idle.append(process)
        if not task.future.done():
            task.future.set_result(status)
        else:
            task.discard()
        self._next()

    def _reap(self, process: _Process) -> None:
        """Its connection is closed: collect the exit status, see what it died of, replace it."""
        code = process.popen.poll()
        if code is None:
            process.popen.kill()
            self._loop.call_later(0.005, self._reap, process)
            return
        self._processes.discard(process)
        if process.opening:
            process.opening = False
            self._opening -= 1
        if not self._processes and self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        if not process.ready:
            self._starting -= 1
            self._not_started(code)
            return
        with contextlib.suppress(ValueError):
            self._idle.remove(process)
        task, process.task = process.task, None
        if not process.killed:
            self._count["died"] += 1
        if task is not None:
            self._release(task)
            self._remember(self._refused, task.key(), self._loop.time())
            if -code in (signal.SIGABRT, signal.SIGKILL):
                self._fail(task, self._out_of_memory())
            else:
                self._fail(
                    task,
                    QueryRefused(
                        "nothing was given back: the text ended its worker (nested too deeply, most likely); "
                        "it is refused for an hour",
                        hint="Nest less: use VALUES or several queries.",
                    ),
                )
        self._top_up()
        self._next()

    def _not_started(self, code: int) -> None:
        self._failures += 1
        error: KymgraphError
        if code == _worker.EXIT_NO_SANDBOX:
            error = SandboxMissing(
                "no query worker was started: this machine cannot keep them off the network (no seccomp)",
                hint="Set KYMGRAPH_SANDBOX=token-check to rely on the refusal of SERVICE alone.",
            )
        else:
            error = StoreBroken(
                f"query workers end while they start (status {code})",
                hint="Run: kymgraph doctor. With little memory, raise KYMGRAPH_WORKER_MEMORY_MB.",
            )
        if self._started is not None and not self._started.done():
            self._started.set_exception(error)
        elif not self._closed:
            self._loop.call_later(min(0.1 * 2**self._failures, 5.0), self._top_up)

    def _spool_folder(self) -> Path:
        if self._spool is None or not self._spool.exists():  # the last answer takes it along
            _remove_stale_spools()
            self._spool = Path(tempfile.mkdtemp(prefix=f"kymgraph-spool-{os.getpid()}-"))
        return self._spool


async def _connect(loop: asyncio.AbstractEventLoop, process: _Process, ours: socket.socket) -> None:
    ours.setblocking(False)
    await loop.create_unix_connection(lambda: process, sock=ours)


#: What making a changeset can end in, besides what all jobs can end in.
_CHANGE_ERRORS: Final[dict[str, type[KymgraphError]]] = {
    error.code: error
    for error in (
        BadParameter, ChangeConflict, GraphNotFound, GraphNotWritable, MergeTooLarge, NameAGraph,
        QueryTooLarge, ServiceNotAllowed,
    )
}  # fmt: skip


def _change_error(name: str, status: dict[str, Any]) -> KymgraphError | None:
    code, message, hint = status["code"], status["message"], status.get("hint")
    line, column = status.get("line"), status.get("column")
    if code == "query-syntax":
        return QuerySyntaxError(message, line=line, column=column, hint=hint)
    if code == "rdf-syntax":
        return RdfSyntaxError(status.get("name", name), message, line=line, column=column, hint=hint)
    return _CHANGE_ERRORS[code](message, hint=hint) if code in _CHANGE_ERRORS else None


def _frame(request: dict[str, Any]) -> bytes:
    data = json.dumps(request).encode()
    return _LENGTH.pack(len(data)) + data


def _broken(message: str) -> StoreBroken:
    return StoreBroken(f"the store could not be read: {message}", hint="Run: kymgraph doctor")


def _forget(memory: OrderedDict[bytes, Any]) -> None:
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _site_of(package: str) -> str:
    """The folder that a package is imported from."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise KymgraphError(f"the package {package} cannot be found; install kymgraph again")
    return str(Path(spec.origin).parent.parent)


def _cpu_seconds(pid: int) -> float:
    """What a process has used of the cores: on Linux by clock_getcpuclockid(3), elsewhere unknown."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            return time.clock_gettime((~pid << 3) | 2)
    return float("inf")


def _lower_priority(pid: int) -> None:
    """Nice 19 for all threads of a process: on Linux the value belongs to the thread."""
    with contextlib.suppress(OSError):
        threads = Path(f"/proc/{pid}/task")
        for number in [entry.name for entry in threads.iterdir()] if threads.exists() else [str(pid)]:
            os.setpriority(os.PRIO_PROCESS, int(number), 19)


def _remove_stale_spools() -> None:
    """Folders that a killed process has left behind."""
    for folder in Path(tempfile.gettempdir()).glob("kymgraph-spool-*-*"):
        pid = folder.name.split("-")[2]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def run_sync(checkpoint: Checkpoint, job: Job, **options: Any) -> Answer:
    """One job in a pool of one process, for callers without an event loop (the command line, a script)."""

    async def once() -> Answer:
        async with WorkerPool(checkpoint, **{"fast": 1, "spare": 0, **options}) as pool:
            return await pool.run(job)

    return asyncio.run(once())
