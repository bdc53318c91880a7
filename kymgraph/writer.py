"""The writer process and the way to it: one process commits for everybody, over STORE/writer.sock.

`kymgraph serve` starts it (`python -m kymgraph.writer PROJECT STORE`). It holds the store's lock, so whoever
wants to write either takes that lock for the moment (`committing`) or sends the change here; the path and the
answer are the same. The socket is open to the user who owns it and to nobody else.

A message is a 4-byte length and JSON, then a 4-byte length and an RDF Patch. A connection carries any number
of messages, one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kymgraph.changeset import from_patch, to_patch
from kymgraph.commit import BATCH, Committer, Outcome, Request
from kymgraph.errors import (
    BaseMoved,
    Busy,
    GateRejected,
    KymgraphError,
    StoreLocked,
    StoreMissing,
    from_dict,
    to_dict,
)
from kymgraph.gate.process import report_from_json, report_to_json
from kymgraph.project import Project
from kymgraph.report import Report
from kymgraph.store.embedded import EmbeddedStore

SOCKET: Final = "writer.sock"
#: Exit status of the process when another holds the store.
LOCKED: Final = 75
#: Bytes that one message may have.
MAX_MESSAGE: Final = 1_000_000_000
#: How far the process and its judge stand back behind those who read.
_NICE: Final = 5
#: Seconds that a caller waits for its turn and its answer.
PATIENCE: Final = 120.0
#: Attempts after which a change that came too late each time is waited for, and for how many seconds.
_MISSES: Final = 2
_TURN: Final = 5.0
#: Quads that a second more is waited for: judging and writing them takes a while.
_QUADS_PER_SECOND: Final = 200

_LENGTH: Final = struct.Struct(">I")
log: Final = logging.getLogger("kymgraph.writer")


# --- messages -------------------------------------------------------------------------------------------


def _pack(head: dict[str, Any], patch: bytes = b"") -> bytes:
    data = json.dumps(head, ensure_ascii=False).encode()
    return b"".join([_LENGTH.pack(len(data)), data, _LENGTH.pack(len(patch)), patch])


def _request_message(request: Request, misses: int) -> bytes:
    head = {
        "misses": misses,
        "kind": request.kind,
        "match": request.match,
        "more": dict(request.more),
        "judged": request.judged,
    }
    return _pack(head, to_patch(request.change))


def _request(head: dict[str, Any], patch: bytes) -> Request:
    return Request(
        from_patch(patch), kind=head["kind"], match=head["match"], more=head["more"], judged=head["judged"]
    )


def _answer_message(answer: Outcome | KymgraphError) -> bytes:
    if isinstance(answer, Outcome):
        head = {
            "status": answer.status,
            "generation": answer.generation,
            "report": report_to_json(answer.report),
        }
        return _pack(head, to_patch(answer.change))
    report = None
    if isinstance(answer, GateRejected) and isinstance(answer.report, Report):
        report = report_to_json(answer.report)
    return _pack({"error": to_dict(answer), "report": report})


def _answer(head: dict[str, Any], patch: bytes) -> Outcome:
    """The outcome in an answer. Raises the error in it."""
    report = None if head["report"] is None else report_from_json(head["report"])
    if "error" in head:
        error = from_dict(head["error"])
        if isinstance(error, GateRejected) and report is not None:
            error.report = report
        raise error
    return Outcome(head["status"], head["generation"], from_patch(patch), report or Report())


# --- the process ----------------------------------------------------------------------------------------


@dataclass
class _Job:
    request: Request
    misses: int = 0  #: how often the change has come too late
    answer: Outcome | KymgraphError | None = None
    turn: _Turn | None = None  #: given with the answer: the next request is waited for
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def came_too_late(self) -> bool:
        return isinstance(self.answer, BaseMoved) and not self.answer.matched


class _Turn:
    """The right to be the next, of somebody who has to make the change again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()

    def take(self, job: _Job | None) -> bool:
        """Use it for a job, or let it go (None); False where it was over already."""
        with self._lock:
            if self._over:
                return False
            self._over = True
            self._jobs.put(job)
            return True

    def wait(self) -> _Job | None:
        """The job that it is used for; None where it is let go, or not used in time."""
        with contextlib.suppress(queue.Empty):
            return self._jobs.get(timeout=_TURN)
        if self.take(None):
            return None
        return self._jobs.get()


class WriterServer:
    """Takes requests from the socket and commits them, as many at a time as are waiting.

    A change that holds for one generation alone (what an update with a WHERE comes to) is lost when another
    is committed first, and whoever takes longest to make theirs could lose for ever. So the one who has lost
    most often, from the second time on, has a turn: nothing else is committed until it is there again.
    """

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._path = committer.store.folder / SOCKET
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._turn: _Turn | None = None
        self._listener = _listen(self._path)

    def serve(self) -> None:
        """Commit until `stop`."""
        threading.Thread(target=self._accept, daemon=True).start()
        while (job := self._next()) is not None:
            jobs = [job]
            with contextlib.suppress(queue.Empty):
                while len(jobs) < BATCH:
                    following = self._jobs.get_nowait()
                    if following is None:
                        self._jobs.put(None)
                        break
                    jobs.append(following)
            try:
                answers = self._committer.commit([job.request for job in jobs])
            except BaseException:
                # What the store holds now is known only after it has been opened again. Callers whose
                # connection breaks send their change once more, under the same id.
                log.exception("a fault of our own while committing")
                self._path.unlink(missing_ok=True)
                os._exit(70)
            for job, answer in zip(jobs, answers, strict=True):
                job.answer = answer
            late = [job for job in jobs if job.came_too_late and job.misses >= _MISSES - 1]
            if late:
                first = max(late, key=lambda job: job.misses)
                first.turn = self._turn = _Turn()
            for job in jobs:
                job.done.set()
        self._path.unlink(missing_ok=True)
        self._listener.close()

    def _next(self) -> _Job | None:
        """Whose turn it is, or who is the next in the queue."""
        turn, self._turn = self._turn, None
        if turn is not None and (job := turn.wait()) is not None:
            return job
        while True:  # a signal that comes just before the wait is seen within a second
            with contextlib.suppress(queue.Empty):
                return self._jobs.get(timeout=1.0)

    def stop(self) -> None:
        """End after what is being committed now."""
        self._jobs.put(None)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        turn: _Turn | None = None
        try:
            with connection, contextlib.suppress(OSError, EOFError):
                while True:
                    head, patch = _receive(connection)
                    try:
                        about = json.loads(head)
                        job = _Job(_request(about, patch), about["misses"])
                    except KymgraphError as error:
                        connection.sendall(_answer_message(error))
                        continue
                    if turn is None or not turn.take(job):
                        self._jobs.put(job)
                    job.done.wait()
                    turn = job.turn
                    assert job.answer is not None
                    connection.sendall(_answer_message(job.answer))
        finally:
            if turn is not None:
                turn.take(None)


def _listen(path: Path) -> socket.socket:
    """The socket, for this user alone. Whoever holds the store's lock may take the place of a dead one."""
    listener = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    with _short(path) as name:
        before = os.umask(0o177)
        try:
            listener.bind(name)
        finally:
            os.umask(before)
    listener.listen(128)
    return listener


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of the socket that is no longer than the kernel takes (107 bytes), however deep it lies."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        here = Path(f"/proc/self/fd/{folder}")
        yield str(here / path.name) if here.exists() else str(path)
    finally:
        os.close(folder)


def _receive(connection: socket.socket) -> tuple[bytes, bytes]:
    """One message. Raises EOFError where it ends too early."""
    return _exactly(connection, _size(_exactly(connection, 4))), _exactly(
        connection, _size(_exactly(connection, 4))
    )


def _size(data: bytes) -> int:
    (size,) = _LENGTH.unpack(data)
    if size > MAX_MESSAGE:
        raise EOFError("the message is longer than any that we send")
    return int(size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 20))
        if not part:
            raise EOFError("the connection was closed")
        data += part
    return bytes(data)


def main() -> None:
    """Serve until told to stop, or until the process that started this one is gone."""
    project, folder, keep, deadline = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        committer = Committer(
            Project.load(Path(project)), EmbeddedStore(folder), keep=int(keep), deadline=float(deadline)
        )
    except StoreLocked:
        sys.exit(LOCKED)
    except KymgraphError as error:
        log.error("the writer did not start: %s", error.message)
        sys.exit(3)
    os.nice(_NICE)
    server = WriterServer(committer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    # The other end of our standard input is held by who started us and closes with them, however they end.
    threading.Thread(target=_stop_with_parent, args=(server,), daemon=True).start()
    with committer:
        committer.warm()
        server.serve()


def _stop_with_parent(server: WriterServer) -> None:
    while os.read(0, 4096):  # not through sys.stdin, whose lock a thread must not hold when the process ends
        pass
    server.stop()


# --- starting it ----------------------------------------------------------------------------------------


class Supervisor:
    """Keeps one writer process running for a server, and starts it again when it ends.

    Where another process writes to the store (a command, or the writer of another server), it waits for its
    turn; changes go through that one meanwhile.
    """

    def __init__(self, project: Path, store: Path, *, keep: int = 5, deadline: float = 10.0) -> None:
        self._command = [sys.executable, "-m", "kymgraph.writer", str(project), str(store)]
        self._command += [str(keep), str(deadline)]
        self._stopped = threading.Event()
        self._popen: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the process after what it is committing, and wait for it."""
        self._stopped.set()
        if self._popen is not None:
            with contextlib.suppress(OSError):
                self._popen.terminate()
        self._thread.join(15)

    def _run(self) -> None:
        while not self._stopped.is_set():
            # A session of its own: Ctrl-C is for the server, which then ends this in good order.
            process = self._popen = subprocess.Popen(  # noqa: S603 - nothing of a request is in the command
                self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
            if self._stopped.is_set():
                process.terminate()
            began = time.monotonic()
            code = process.wait()
            if self._stopped.is_set():
                return
            if code != LOCKED:
                log.warning("the writer ended with status %s and is started again", code)
            self._stopped.wait(0.5 if code == LOCKED or time.monotonic() - began > 10 else 2.0)


# --- asking it ------------------------------------------------------------------------------------------


def _nobody(*, reached: bool) -> Busy:
    """That no answer came; `reached` tells whether the change may have come to the writer all the same."""
    if reached:
        return Busy(
            "it is not known whether the change was written: the writer process took it and did not answer",
            hint="send the same change again with the same id (Idempotency-Key, --id): "
            "it is written once at most",
        )
    return Busy(
        "nothing was written: the writer process is not running",
        hint="try again in a moment; if that does not help, the operator finds why in the server's log "
        "and with `kymgraph doctor`",
    )


def _patience(request: Request) -> float:
    change = request.change
    return PATIENCE + (len(change.removed) + len(change.added)) / _QUADS_PER_SECOND


class Caller:
    """One caller of the writer process of a store, whose connection is kept while a change is made again.

    That is how the writer can wait for a change which has come too late several times. Close it when the
    change is made or given up: others may be waiting.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection: socket.socket | None = None
        self._misses = 0

    def close(self) -> None:
        """Let go of the connection, and of the turn that may have come with it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def send(self, request: Request, *, tries: float = 15.0) -> Outcome:
        """Have the writer process commit. Raises what refuses the change.

        For `tries` seconds it is looked for (and asked again if it ended meanwhile: the id keeps the change
        from being written twice); then Busy is raised.
        """
        until = time.monotonic() + tries
        message = _request_message(request, self._misses)
        reached = False
        while True:
            with contextlib.suppress(OSError, EOFError):
                connection = self._connected()
                connection.settimeout(_patience(request))
                reached = True
                connection.sendall(message)
                head, patch = _receive(connection)
                self._misses += 1
                return _answer(json.loads(head), patch)
            self.close()
            if time.monotonic() >= until:
                raise _nobody(reached=reached)
            time.sleep(0.1)

    def _connected(self) -> socket.socket:
        if self._connection is None:
            connection = socket.socket(socket.AF_UNIX)
            try:
                with _short(self._folder / SOCKET) as name:
                    connection.connect(name)
            except OSError:
                connection.close()
                raise
            self._connection = connection
        return self._connection


class AsyncCaller:
    """As `Caller`, on an event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._misses = 0

    def close(self) -> None:
        """Let go of the connection, and of the turn that may have come with it."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def __aenter__(self) -> AsyncCaller:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    async def send(self, request: Request, *, tries: float = 15.0) -> Outcome:
        """As `Caller.send`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + tries
        message = _request_message(request, self._misses)
        reached = False
        while True:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                async with asyncio.timeout(_patience(request)):
                    reader, writer = await self._connected()
                    reached = True
                    writer.write(message)
                    await writer.drain()
                    head = await reader.readexactly(_size(await reader.readexactly(4)))
                    patch = await reader.readexactly(_size(await reader.readexactly(4)))
                self._misses += 1
                return _answer(json.loads(head), patch)
            self.close()
            if loop.time() >= until:
                raise _nobody(reached=reached)
            await asyncio.sleep(0.1)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            with _short(self._folder / SOCKET) as name:
                self._streams = await asyncio.open_unix_connection(name, limit=1 << 20)
        return self._streams


class Turn:
    """A change committed from a process of one's own: with the lock if it is free, else through the writer.

    Where it came too late, it may be made again and committed with the same `Turn`, which then keeps the lock
    (or the connection to the writer) so that nobody comes in between for ever. Close it soon.
    """

    def __init__(
        self,
        project: Project,
        store: EmbeddedStore,
        *,
        patience: float = 10.0,
        keep: int = 5,
        deadline: float = 10.0,
    ) -> None:
        self._project, self._store = project, store
        self._patience = patience
        self._options: dict[str, Any] = {"keep": keep, "deadline": deadline}
        self._caller = Caller(store.folder)
        self._committer: Committer | None = None

    def close(self) -> None:
        """Let the lock and the connection go."""
        self._caller.close()
        if self._committer is not None:
            self._committer.close()
            self._committer = None

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def commit(self, request: Request) -> Outcome:
        """Have the change judged and written.

        Raises what refuses it; StoreLocked where another command writes for longer than the patience,
        StoreMissing, CannotWrite.
        """
        if not self._store.exists:
            raise StoreMissing(
                f"there is no store in {self._store.folder}; nothing was written",
                hint="build it with `kymgraph build`",
            )
        until = time.monotonic() + self._patience
        while self._committer is None:
            try:
                self._committer = Committer(self._project, self._store, **self._options)
            except StoreLocked:
                with contextlib.suppress(Busy):
                    return self._caller.send(request, tries=0)
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        [outcome] = self._committer.commit([request])
        if isinstance(outcome, KymgraphError):
            raise outcome
        return outcome


def commit(project: Project, store: EmbeddedStore, request: Request, **options: Any) -> Outcome:
    """Commit one change with a `Turn` of its own, which takes the options."""
    with Turn(project, store, **options) as turn:
        return turn.commit(request)


def send(folder: Path, request: Request, *, tries: float = 15.0) -> Outcome:
    """Have the writer process commit one change, as a `Caller` does."""
    with Caller(folder) as caller:
        return caller.send(request, tries=tries)


if __name__ == "__main__":
    main()
