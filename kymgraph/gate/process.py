"""The process that judges, made to be killed: what `sh:pattern` has to match can be made to take for ever.

Judging never happens in a process that serves or writes. `Judge` (blocking) and `AsyncJudge` start a child
that imports pySHACL and compiles the shapes once, and then judges one change after the other over a pair of
sockets: length-prefixed frames, a head of JSON and the parts that it counts; changes travel as RDF Patch.
The parent holds the clock. A child that does not answer in time, or dies, costs the change it was judging;
the next change meets a new child. Importing this module loads neither pySHACL nor rdflib: the child does.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import math
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from kymgraph import errors
from kymgraph.changeset import Changeset, from_patch, to_patch
from kymgraph.errors import Busy, GateTimeout, KymgraphError
from kymgraph.rdf import FORMATS, BlankNode, Literal, NamedNode, Term, Triple, parse, serialise
from kymgraph.report import LIMIT, Location, Report, Result

if TYPE_CHECKING:
    from kymgraph.gate.full import Shapes
    from kymgraph.gate.incremental import Gate
    from kymgraph.project import Project
    from kymgraph.view import View

#: What judging one change ends in. An error says why there is no verdict on it; nothing was decided.
Verdict: TypeAlias = Report | KymgraphError

DEADLINE: Final = 10.0
MEMORY_MB: Final = 2000
#: Seconds that a child gets to import and compile; a busy machine takes its time.
_START_SECONDS: Final = 90.0
#: Overlays that lie on each other before they are made one: each look-up passes through all of them.
_DEEPEST: Final = 8
_STACK_MB: Final = 64
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
from kymgraph.gate.process import main
main()
"""
_LENGTH: Final = struct.Struct(">I")
_Head: TypeAlias = dict[str, Any]
_T = TypeVar("_T")


# --- reports and errors as JSON -------------------------------------------------------------------------


def report_to_json(report: Report) -> str:
    """All fields of a report, those of its results too; terms as N-Triples. `report_from_json` reads it."""
    return json.dumps(_plain(report), ensure_ascii=False, separators=(",", ":"))


def report_from_json(text: str | bytes) -> Report:
    """The very report that `report_to_json` wrote.

    >>> report = Report.of([])
    >>> report_from_json(report_to_json(report)) == report
    True
    """
    data = json.loads(text)
    terms = _terms(set(_written(data)))
    report = _value(data, terms)
    assert isinstance(report, Report)
    return report


_CLASSES: Final[dict[str, Any]] = {kind.__name__: kind for kind in (Report, Result, Location)}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, NamedNode | BlankNode | Literal):
        return {"term": str(value)}
    if isinstance(value, Triple):
        return {"triple": [_plain(part) for part in (value.subject, value.predicate, value.object)]}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {"map": {key: _plain(part) for key, part in value.items()}}
    kind = type(value).__name__
    return {kind: {field.name: _plain(getattr(value, field.name)) for field in fields(_CLASSES[kind])}}


def _written(data: Any) -> Iterator[str]:
    """The terms in what `_plain` gave, as N-Triples."""
    if isinstance(data, list):
        for part in data:
            yield from _written(part)
    elif isinstance(data, dict):
        [(kind, inner)] = data.items()
        if kind == "term":
            yield inner
        else:
            yield from _written(inner if isinstance(inner, list) else list(inner.values()))


def _terms(texts: Iterable[str]) -> dict[str, Term]:
    """The terms that N-Triples writes so, read all at once."""
    order = list(texts)
    lines = (f"<urn:x:{number}> <urn:x:p> {text} ." for number, text in enumerate(order))
    quads = parse("\n".join(lines).encode(), FORMATS["nt"], name="report")
    found: dict[str, Term] = {}
    for quad in quads:
        assert isinstance(quad.subject, NamedNode)
        assert not isinstance(quad.object, Triple)
        found[order[int(quad.subject.value[6:])]] = quad.object
    return found


def _value(data: Any, terms: Mapping[str, Term]) -> Any:
    if isinstance(data, list):
        return tuple(_value(part, terms) for part in data)
    if not isinstance(data, dict):
        return data
    [(kind, inner)] = data.items()
    if kind == "term":
        return terms[inner]
    if kind == "triple":
        return Triple(*(_value(part, terms) for part in inner))
    values = {key: _value(part, terms) for key, part in inner.items()}
    return values if kind == "map" else _CLASSES[kind](**values)


def error_to_json(error: KymgraphError) -> _Head:
    """An error as JSON values: its class, message, hint, and what else it carries that JSON can hold."""
    more = {
        name: value
        for name, value in vars(error).items()
        if name not in ("message", "hint") and (value is None or isinstance(value, str | int | float))
    }
    return {"kind": type(error).__name__, "message": error.message, "hint": error.hint, "more": more}


def error_from_json(data: Mapping[str, Any]) -> KymgraphError:
    """The error again, of the same class and with the same words.

    >>> error_from_json(error_to_json(errors.RdfSyntaxError("a.ttl", "a dot is missing", line=3))).line
    3
    """
    kind = getattr(errors, data["kind"], KymgraphError)
    error = kind.__new__(kind)
    assert isinstance(error, KymgraphError)
    KymgraphError.__init__(error, data["message"], hint=data["hint"])
    for name, value in data["more"].items():
        setattr(error, name, value)
    return error


# --- frames ---------------------------------------------------------------------------------------------


def _pack(head: _Head, parts: Sequence[bytes] = ()) -> bytes:
    first = json.dumps({**head, "parts": len(parts)}).encode()
    return b"".join(part for frame in (first, *parts) for part in (_LENGTH.pack(len(frame)), frame))


def _receive(read: Callable[[int], bytes]) -> tuple[_Head, list[bytes]]:
    """A head and its parts; `read` gives exactly so many bytes."""

    def frame() -> bytes:
        return read(_LENGTH.unpack(read(4))[0])

    head = json.loads(frame())
    return head, [frame() for _ in range(head["parts"])]


# --- the parent -----------------------------------------------------------------------------------------


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
            raise error_from_json(hello["error"])
        self.ready = True

    def ask(self, head: _Head, parts: Sequence[bytes], seconds: float) -> tuple[_Head, list[bytes]]:
        """Send a request and wait for its answer; _Lost if there is none, and the child is gone."""
        until = time.monotonic() + seconds
        try:
            self._connection.settimeout(seconds)
            self._connection.sendall(_pack(head, parts))
        except OSError as error:
            self.kill()
            raise _Lost(late=isinstance(error, TimeoutError)) from None
        return self._answer(until)

    def _answer(self, until: float) -> tuple[_Head, list[bytes]]:
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
            head, parts = _receive(read)
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


class Judge:
    """Has changes judged by a child process; for one thread at a time.

        with Judge(project.folder, store.folder) as judge:
            for change, verdict in zip(changes, judge.judge(store.generation, (), changes)):
                if isinstance(verdict, Report) and verdict.accepted: …

    `deadline` is in seconds and holds for each change. The child is started by the first request or by
    `start`, and serves until `close`; shapes that changed on disk are compiled again before the next change.
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
    ) -> Iterator[Verdict]:
        """One verdict per change, in order, over a kept generation and what is `pending` on top of it.

        Each accepted change is part of the state that the next one meets. `changes` are taken one at a time,
        each after the verdict on the one before, so they may be made as you go. Each is exact against its
        state. What goes wrong with one change is its verdict (GateTimeout, InputError…), and the next is
        judged all the same. Raises what holds for all: ProjectError for shapes that cannot be loaded,
        GenerationNotKept, StoreBroken, GateTimeout when `pending` cannot be read in time.
        """
        stacked = list(pending)
        conversation: object = None
        for change in changes:
            patch = to_patch(change)
            self._replace_dead()
            if conversation is not self._conversation:
                # The child is new, or somebody else has spoken to it meanwhile: tell it where we are.
                self._begin(generation, stacked)
                conversation = self._conversation
            try:
                head, parts = self._ready().ask({"op": "judge", "limit": limit}, [patch], self._deadline)
            except _Lost as lost:
                self._replace()
                yield self._timeout(lost)
                continue
            if "error" in head:
                yield error_from_json(head["error"])
                continue
            report = report_from_json(parts[0])
            if report.accepted:
                stacked.append(change)
            yield report

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
            raise error_from_json(head["error"])
        return parts[0]

    def _begin(self, generation: int, stacked: Sequence[Changeset]) -> None:
        patches = [to_patch(change) for change in stacked]
        try:
            head, _ = self._ask_living({"op": "begin", "generation": generation}, patches)
        except _Lost as lost:
            raise self._timeout(lost) from None
        if "error" in head:
            raise error_from_json(head["error"])

    def _ask_living(self, head: _Head, parts: Sequence[bytes]) -> tuple[_Head, list[bytes]]:
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


# --- the child ------------------------------------------------------------------------------------------


class _Bench:
    """What the child keeps between requests: compiled shapes, an open checkpoint, the changes on top."""

    def __init__(self, project_folder: Path, store_folder: Path) -> None:
        from kymgraph.store.embedded import EmbeddedStore

        self._folder = project_folder
        self._store = EmbeddedStore(store_folder)
        self._stamp: tuple[object, ...] = ()
        self._opened: tuple[object, ...] = ()
        self._stacked: list[Changeset] = []
        self._depth = 0
        self._view: View
        self._state: View
        self._project: Project
        self._shapes: Shapes
        self._gate: Gate

    def load(self) -> None:
        """Compile the shapes, unless those on disk are what was compiled. Raises ProjectError."""
        from kymgraph.gate.full import Shapes
        from kymgraph.gate.incremental import Gate
        from kymgraph.project import SETTINGS_FILE, Project

        project = Project.load(self._folder)
        files = [self._folder / SETTINGS_FILE, *project.shape_files(), *project.policy_files()]
        status = [(str(file), file.stat()) for file in files]
        stamp = tuple((name, found.st_mtime_ns, found.st_size) for name, found in status)
        if stamp == self._stamp:
            return
        self._stamp = ()
        self._project, self._shapes = project, Shapes.load(project)
        self._gate = Gate(project, self._shapes)
        self._stamp = stamp

    def open(self, generation: int) -> None:
        """Open a kept generation; one that is open stays so. Raises GenerationNotKept, StoreBroken."""
        path = self._store.checkpoint_path(generation)
        opened = (generation, path.stat().st_ino)  # a store built anew counts from 1 again
        if opened != self._opened:
            self._opened = ()
            self._view = self._store.view(generation)
            self._opened = opened

    def begin(self, generation: int, patches: Iterable[bytes]) -> None:
        """Take up the state of a generation with these changes on top."""
        self.load()
        self.open(generation)
        self._stacked = [from_patch(patch, name="pending change") for patch in patches]
        self._merge()

    def judge(self, patch: bytes, limit: int) -> Report:
        """The verdict on a change; an accepted one becomes part of the state."""
        change = from_patch(patch, name="change")
        report = self._gate.judge(self._state, change, limit=limit)
        if report.accepted:
            self._stacked.append(change)
            if self._depth < _DEEPEST:
                self._put(change)
            else:
                self._merge()
        return report

    def _merge(self) -> None:
        self._state, self._depth = self._view, 0
        if self._stacked:
            whole = self._stacked[0]
            for change in self._stacked[1:]:
                whole = whole.then(change)
            self._stacked = [whole]
            self._put(whole)

    def _put(self, change: Changeset) -> None:
        from kymgraph.overlay import OverlayView

        project = self._project
        in_union = project.in_union if project.default_graph == "union" else None
        self._state, self._depth = OverlayView(self._state, change, in_union), self._depth + 1

    def validate(self, generation: int, payload: bytes, media_type: str, lang: str) -> bytes:
        """See `Judge.validate`."""
        from kymgraph.gate import full

        self.load()
        self.open(generation)
        project, view = self._project, self._view
        quads = parse(payload, FORMATS["nq"], name="payload")
        described: set[Term] = {quad.subject for quad in quads if not isinstance(quad.subject, Triple)}
        context = list(view.quads(graph=NamedNode(project.base.graph("ontology"))))
        for node in {quad.object for quad in quads if isinstance(quad.object, NamedNode)} - described:
            assert isinstance(node, NamedNode)
            context += view.quads(subject=node)
        report = full.validate(
            [*quads, *context],
            project,
            shapes=self._shapes,
            only=described,
            locate=lambda focus, graph: None,
        )
        if media_type == "text/turtle":
            return report.to_turtle().encode()
        if media_type == "application/ld+json":
            return serialise(report.to_quads(), FORMATS["jsonld"], project.prefixes)
        if media_type == "text/plain":
            return (report.to_text(lang) + "\n").encode()
        return report.to_json().encode()

    def answer(self, head: _Head, parts: list[bytes]) -> list[bytes]:
        """Do what is asked; the parts of the answer."""
        if head["op"] == "begin":
            self.begin(head["generation"], parts)
            return []
        if head["op"] == "judge":
            return [report_to_json(self.judge(parts[0], head["limit"])).encode()]
        return [self.validate(head["generation"], parts[0], head["media_type"], head["lang"])]


def _out_of_memory(error: BaseException | None) -> bool:
    """Whether it was for want of memory, whatever else the engine made of it on the way."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _serve(connection: socket.socket, bench: _Bench, seconds: int) -> None:
    def read(size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = connection.recv(min(size - len(data), 1 << 20))
            if not part:
                os._exit(0)  # the parent is gone
            data += part
        return bytes(data)

    while True:
        head, parts = _receive(read)
        # A regular expression holds the interpreter and no thread of ours would run: should the parent be
        # gone or stuck, the kernel ends this process.
        signal.alarm(seconds)
        try:
            answer = _pack({}, bench.answer(head, parts))
        except Exception as error:
            if _out_of_memory(error):
                connection.sendall(_pack({"lost": True}))
                os._exit(1)  # in an unknown state
            if not isinstance(error, KymgraphError):  # an error of ours: said, not hidden, and no verdict
                what = f"{type(error).__name__}: {error}"
                error = KymgraphError(f"nothing was decided: judging failed: {what}")
            answer = _pack({"error": error_to_json(error)})
        connection.sendall(answer)
        signal.alarm(0)


def main() -> None:
    """The child: `… ROOT FD MEMORY_MB SECONDS PROJECT STORE`."""
    import resource

    from kymgraph.store.worker import no_network

    descriptor, memory_mb, deadline, project, store = sys.argv[2:]
    connection = socket.socket(fileno=int(descriptor))
    # Where there is no seccomp, /health says so; pySHACL is not asked to fetch anything anyway.
    with contextlib.suppress(OSError):
        no_network()  # before any other thread exists: the filter is inherited, not spread
    with contextlib.suppress(OSError):
        # If the machine runs out of memory, this process is what it can spare.
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = int(memory_mb) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def run() -> None:
        try:
            try:
                importlib.import_module("kymgraph.gate.incremental")
                bench = _Bench(Path(project), Path(store))
                with contextlib.suppress(
                    KymgraphError
                ):  # said to whoever asks first; mended by then, perhaps
                    bench.load()
                hello: _Head = {}
            except Exception as error:
                fault = KymgraphError(
                    f"the process that judges did not start: {type(error).__name__}: {error}"
                )
                hello = {"error": error_to_json(fault)}
            connection.sendall(_pack(hello))
            _serve(connection, bench, math.ceil(float(deadline)) + 3)
        finally:
            os._exit(1)  # whatever ended this thread: a process without it would be waited for in vain

    threading.stack_size(_STACK_MB << 20)
    threading.Thread(target=run, daemon=True).start()
    # The parent's end closes when the parent dies, however it dies.
    hangup = select.poll()
    hangup.register(connection.fileno(), 0)
    hangup.poll()
    os._exit(0)
