"""The process that judges, made to be killed: what `sh:pattern` has to match can be made to take for ever.

Judging never happens in a process that serves or writes. `Judge` (blocking) and `AsyncJudge` start a child
(`bench`) that imports pySHACL and compiles the shapes once, and then judges one change after the other over a
pair of sockets; changes travel as RDF Patch. The parent holds the clock. A child that does not answer in
time, or dies, costs the change it was judging; the next change meets a new child. Importing this module loads
neither pySHACL nor rdflib: the child does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from kymgraph.changeset import Changeset, to_patch
from kymgraph.errors import Busy, GateTimeout, KymgraphError, from_dict
from kymgraph.gate.wire import (
    Head,
    pack,
    receive,
    report_from_json,
    report_to_json,
)
from kymgraph.report import LIMIT, Report

__all__ = ["AsyncJudge", "Judge", "Verdict", "report_from_json", "report_to_json"]

#: What judging one change ends in. An error says why there is no verdict on it; nothing was decided.
Verdict: TypeAlias = Report | KymgraphError

DEADLINE: Final = 10.0
#: Quads of a change that one deadline is for. Judging takes less than a millisecond per quad, so a long
#: change is not refused for its length, and a hostile one gains little by it.
QUADS: Final = 10_000
MEMORY_MB: Final = 2000
#: Bytes of changes that are sent ahead: what a socket's buffer surely takes.
_UNDER_WAY: Final = 65_536
#: Seconds that a child gets to import and compile; a busy machine takes its time.
_START_SECONDS: Final = 90.0
#: What the child may see of our environment: nothing that could hold a secret.
_ENVIRONMENT: Final = ("PATH", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_PACKAGE_ROOT: Final = str(Path(__file__).resolve().parent.parent.parent)
#: The package that the parent runs, behind the standard library and before any other copy of it.
_START: Final = """
import sys
root = sys.argv[1]
if root not in sys.path:
    at = [n for n, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))]
    sys.path.insert(at[0] if at else len(sys.path), root)
from kymgraph.gate.bench import main
main()
"""
_T = TypeVar("_T")


class _Lost(Exception):
    """The child was killed at its deadline, or died."""

    def __init__(self, *, late: bool) -> None:
        super().__init__()
        self.late = late


class _Child:
    """One judging process as its parent sees it."""

    def __init__(self, project_folder: Path, store_folder: Path, deadline: float, memory_mb: int) -> None:
        self.ready = False
        self._connection, theirs = socket.socketpair()
        with theirs:
            arguments = (theirs.fileno(), memory_mb, deadline, project_folder, store_folder)
            self.popen = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-c", _START, _PACKAGE_ROOT, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait for its imports. Raises KymgraphError if it does not come up."""
        if self.ready:
            return
        try:
            hello, _ = self._answer(time.monotonic() + _START_SECONDS)
        except _Lost as lost:
            raise KymgraphError(
                "nothing was decided: the process that judges "
                + (f"was not ready in {_START_SECONDS:g} s" if lost.late else "ended while it started"),
                hint="Run: kymgraph doctor",
            ) from None
        if "error" in hello:
            self.kill()
            raise from_dict(hello["error"])
        self.ready = True

    def ask(self, head: Head, parts: Sequence[bytes], seconds: float) -> tuple[Head, list[bytes]]:
        """Send a request and wait for its answer; _Lost if there is none, and the child is gone."""
        until = time.monotonic() + seconds
        self.send(head, parts, seconds)
        return self._answer(until)

    def send(self, head: Head, parts: Sequence[bytes], seconds: float) -> None:
        """Send a request; `receive` gets the answers in order. _Lost as for `ask`."""
        try:
            self._connection.settimeout(seconds)
            self._connection.sendall(pack(head, parts))
        except OSError as error:
            self.kill()
            raise _Lost(late=isinstance(error, TimeoutError)) from None

    def receive(self, seconds: float) -> tuple[Head, list[bytes]]:
        """The answer to the oldest request sent that has none yet. _Lost as for `ask`."""
        return self._answer(time.monotonic() + seconds)

    def _answer(self, until: float) -> tuple[Head, list[bytes]]:
        def read(size: int) -> bytes:
            data = bytearray()
            while len(data) < size:
                self._connection.settimeout(max(until - time.monotonic(), 0.001))
                part = self._connection.recv(min(size - len(data), 1 << 20))
                if not part:
                    raise ConnectionResetError
                data += part
            return bytes(data)

        try:
            head, parts = receive(read)
        except OSError as error:
            self.kill()
            raise _Lost(late=isinstance(error, TimeoutError)) from None
        except BaseException:  # interrupted: whatever it answers now, nobody is there to read it
            self.kill()
            raise
        if head.get("lost"):
            self.kill()
            raise _Lost(late=False)
        return head, parts

    def kill(self) -> None:
        """End it, whatever it does. May be called twice, and from another thread than asks it."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self.popen.kill()
        self.popen.wait()
        self._connection.close()


@dataclass
class _Sent:
    """A change whose verdict is awaited, and whether the child has been told of it."""

    change: Changeset
    patch: bytes
    under_way: bool = False


class Judge:
    """Has changes judged by a child process; for one thread at a time.

        with Judge(project.folder, store.folder) as judge:
            for change, verdict in zip(changes, judge.judge(store.generation, (), changes)):
                if isinstance(verdict, Report) and verdict.accepted: …

    `deadline` is in seconds and holds for each change of up to QUADS quads; longer ones have longer. The
    child is started by the first request or by `start`, and serves until `close`; shapes that changed on disk
    are compiled again before the next change.
    """

    def __init__(
        self,
        project_folder: str | Path,
        store_folder: str | Path,
        *,
        deadline: float = DEADLINE,
        memory_mb: int = MEMORY_MB,
    ) -> None:
        self._project_folder, self._store_folder = Path(project_folder), Path(store_folder)
        self._deadline, self._memory_mb = deadline, memory_mb
        self._child: _Child | None = None
        self._spare: _Child | None = None
        self._lost_one = self._closed = False
        self._conversation = object()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process id of the child, None while there is none."""
        return None if self._child is None else self._child.popen.pid

    def start(self) -> None:
        """Start the child without waiting for it."""
        if self._closed:
            raise Busy("nothing was decided: the judge is closed")
        if self._child is None:
            self._child = self._spawn()

    def close(self) -> None:
        """End the child. A judgement in another thread ends as if the child had died."""
        self._closed = True
        for child in (self._child, self._spare):
            if child is not None:
                child.kill()
        self._child = self._spare = None

    def judge(
        self,
        generation: int,
        pending: Iterable[Changeset],
        changes: Iterable[Changeset],
        *,
        limit: int = LIMIT,
        ahead: int = 0,
    ) -> Generator[Verdict, None, None]:
        """One verdict per change, in order, over a kept generation and what is `pending` on top of it.

        Each accepted change is part of the state that the next one meets; each is exact against its state.
        `changes` are taken one at a time, each after the verdict on the one before, so they may be made as
        you go. With `ahead` so many more are taken before that verdict is known, and the child need not wait
        for them: they are to be made as if it were good, and the verdicts on them hold only if it is, or if
        it makes no difference to them. What goes wrong with one change is its verdict (GateTimeout,
        InputError…), and the next is judged all the same. Raises what holds for all: ProjectError for shapes
        that cannot be loaded, GenerationNotKept, StoreBroken, GateTimeout when `pending` cannot be read in
        time.
        """
        stacked = list(pending)
        conversation: object = None
        sent: deque[_Sent] = deque()
        coming = iter(changes)
        try:
            while True:
                try:
                    while len(sent) <= ahead and (not sent or sent[-1].under_way):
                        if (change := next(coming, None)) is None:
                            break
                        if not sent:
                            self._replace_dead()
                        sent.append(_Sent(change, to_patch(change)))
                        # What does not fit into the socket's buffer has to wait until nothing is under way:
                        # the child would not read it while its own answer waits to be read.
                        room = sum(len(one.patch) for one in sent) <= _UNDER_WAY or len(sent) == 1
                        if room and conversation is self._conversation:
                            self._send(sent[-1], limit)
                    if not sent:
                        return
                    if conversation is not self._conversation:
                        # The child is new, or somebody else has spoken to it: tell it where we are.
                        self._begin(generation, stacked)
                        conversation = self._conversation
                        for one in sent:
                            one.under_way = False
                    if not sent[0].under_way:
                        self._send(sent[0], limit)
                    head, parts = self._ready().receive(self._seconds(sent[0].change))
                except _Lost as lost:
                    sent.popleft()
                    self._replace()
                    yield self._timeout(lost)
                    continue
                change = sent.popleft().change
                if "error" in head:
                    yield from_dict(head["error"])
                    continue
                report = report_from_json(parts[0])
                if report.accepted:
                    stacked.append(change)
                yield report
        finally:
            if conversation is self._conversation:
                self._drain(one for one in sent if one.under_way)

    def _send(self, one: _Sent, limit: int) -> None:
        seconds = self._seconds(one.change)
        self._ready().send({"op": "judge", "limit": limit, "seconds": seconds}, [one.patch], seconds)
        one.under_way = True

    def _drain(self, left: Iterable[_Sent]) -> None:
        """Read the answers that nobody wants any more, or the next one to ask would take them for his."""
        try:
            for one in left:
                self._ready().receive(self._seconds(one.change))
        except _Lost:
            self._replace()

    def _seconds(self, change: Changeset) -> float:
        return self._deadline * (1 + (len(change.removed) + len(change.added)) // QUADS)

    def validate(self, generation: int, payload: bytes, media_type: str, lang: str) -> bytes:
        """The report on RDF that is not in the graph, written in `media_type` (text/plain is in `lang`).

        `payload` is canonical N-Quads. It is judged with the ontology and with what the dataset says of the
        things it refers to, so that a link to a thing of the graph is seen as what it is. Only what the
        payload describes is reported. Raises GateTimeout, ProjectError, InputError and errors of the store.
        """
        request = {"op": "validate", "generation": generation, "media_type": media_type, "lang": lang}
        try:
            head, parts = self._ask_living(request, [payload])
        except _Lost as lost:
            raise self._timeout(lost) from None
        if "error" in head:
            raise from_dict(head["error"])
        return parts[0]

    def _begin(self, generation: int, stacked: Sequence[Changeset]) -> None:
        patches = [to_patch(change) for change in stacked]
        try:
            head, _ = self._ask_living({"op": "begin", "generation": generation}, patches)
        except _Lost as lost:
            raise self._timeout(lost) from None
        if "error" in head:
            raise from_dict(head["error"])

    def _ask_living(self, head: Head, parts: Sequence[bytes]) -> tuple[Head, list[bytes]]:
        self._replace_dead()
        self._conversation = object()
        try:
            return self._ready().ask(head, parts, self._deadline)
        except _Lost:
            self._replace()
            raise

    def _ready(self) -> _Child:
        self.start()
        child = self._child
        assert child is not None
        try:
            child.wait_until_ready()
        except KymgraphError:
            self._child = None
            raise
        if self._lost_one and self._spare is None:
            self._spare = self._spawn()  # where one was killed, another may be: the next wait is shorter
        return child

    def _replace_dead(self) -> None:
        """A child that died in its sleep is not the fault of what is sent to it: its successor is asked."""
        if self._child is not None and self._child.popen.poll() is not None:
            self._replace()

    def _replace(self) -> None:
        if self._child is not None:
            self._child.kill()
        self._child, self._spare = self._spare, None
        self._lost_one = True
        self._conversation = object()
        if not self._closed:
            self.start()

    def _spawn(self) -> _Child:
        return _Child(self._project_folder, self._store_folder, self._deadline, self._memory_mb)

    def _timeout(self, lost: _Lost) -> GateTimeout:
        what = (
            f"judging took more than {self._deadline:g} s"
            if lost.late
            else f"the process that judges ended; most likely it needed more than {self._memory_mb} MB"
        )
        return GateTimeout(f"nothing was decided: {what}", hint="Send the data in smaller parts.")


class AsyncJudge:
    """The same for an event loop: up to `processes` children, the second started when the first is busy.

    A call that is cancelled goes on in its child until its deadline, and the child is not given to another
    before. More than `waiting` calls beside those that are judged are refused with Busy.
    """

    def __init__(
        self,
        project_folder: str | Path,
        store_folder: str | Path,
        *,
        deadline: float = DEADLINE,
        memory_mb: int = MEMORY_MB,
        processes: int = 1,
        waiting: int = 8,
    ) -> None:
        self._judges = [
            Judge(project_folder, store_folder, deadline=deadline, memory_mb=memory_mb)
            for _ in range(processes)
        ]
        self._idle = list(reversed(self._judges))
        self._free = asyncio.Semaphore(processes)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="judge")
        self._most = processes + waiting
        self._asked = 0

    async def judge(
        self,
        generation: int,
        pending: Sequence[Changeset],
        changes: Sequence[Changeset],
        *,
        limit: int = LIMIT,
    ) -> list[Verdict]:
        """The verdicts of `Judge.judge`, all at once."""
        return await self._run(lambda judge: list(judge.judge(generation, pending, changes, limit=limit)))

    async def validate(self, generation: int, payload: bytes, media_type: str, lang: str) -> bytes:
        """The report of `Judge.validate`."""
        return await self._run(lambda judge: judge.validate(generation, payload, media_type, lang))

    async def aclose(self) -> None:
        """End the children; what they judge ends with GateTimeout."""
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        for judge in self._judges:
            judge.close()
        self._threads.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[Judge], _T]) -> _T:
        if self._asked >= self._most:
            raise Busy(
                "nothing was checked: too many changes and payloads wait to be checked already. "
                "Try again in a moment."
            )
        self._asked += 1
        try:
            await self._free.acquire()
        except BaseException:
            self._asked -= 1
            raise
        loop = asyncio.get_running_loop()
        judge = self._idle.pop()  # the last one to work is warm

        def give_back(_: Future[_T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed already, and then nobody waits
                loop.call_soon_threadsafe(free)

        def free() -> None:
            self._asked -= 1
            self._idle.append(judge)
            self._free.release()

        try:
            future = self._threads.submit(work, judge)
        except RuntimeError:
            free()
            raise Busy("nothing was checked: the server is shutting down") from None
        future.add_done_callback(give_back)
        return await asyncio.shield(asyncio.wrap_future(future))
