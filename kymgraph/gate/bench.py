"""The child of `process`: judges what it is sent, one request at a time, until its parent is gone.

Started as `… ROOT FD MEMORY_MB SECONDS PROJECT STORE`. It trusts nothing it is sent, has no network and no
secrets, and writes nothing. A change that it accepts is part of the state that the next one meets.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kymgraph.changeset import Changeset, Sum, from_patch
from kymgraph.errors import InputError, KymgraphError, ProjectError, to_dict
from kymgraph.gate.wire import Head, pack, receive, report_to_json
from kymgraph.overlay import OverlayView
from kymgraph.project import SETTINGS_FILE, Project
from kymgraph.rdf import FORMATS, NamedNode, Term, Triple, parse, serialise
from kymgraph.report import Report
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.worker import no_network
from kymgraph.view import View

if TYPE_CHECKING:  # imported by `_Bench`, so that a start that fails can be told to the parent
    from kymgraph.gate.full import Shapes
    from kymgraph.gate.incremental import Gate

#: Overlays that lie on each other before they are made one: each look-up passes through all of them.
_DEEPEST: Final = 8
_STACK_MB: Final = 64


class _Bench:
    """What the child keeps between requests: compiled shapes, an open checkpoint, the changes on top."""

    def __init__(self, project_folder: Path, store_folder: Path) -> None:
        self._folder = project_folder
        self._store = EmbeddedStore(store_folder)
        self._stamp: tuple[object, ...] | None = None  #: what was compiled
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

        # Asked before each change, so it costs no more than looking at each file once.
        stamp = _stamps(self._folder / SETTINGS_FILE, self._folder / "shapes")
        if stamp == self._stamp:
            return
        self._stamp = None
        project = Project.load(self._folder)
        try:
            shapes = Shapes.load(project)
            gate = Gate(project, shapes)
        except InputError as error:
            # A fault of the project, not of what is being judged.
            raise ProjectError(
                f"nothing was decided: the shapes of the project cannot be read: {error.message}",
                hint="the operator mends the file; the next change is judged by it at once",
            ) from error
        self._project, self._shapes, self._gate = project, shapes, gate
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
            whole = Sum()
            for change in self._stacked:
                whole.add(change)
            self._stacked = [whole.change(self._stacked[0].base)]
            self._put(self._stacked[0])

    def _put(self, change: Changeset) -> None:
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

    def answer(self, head: Head, parts: list[bytes]) -> list[bytes]:
        """Do what is asked; the parts of the answer."""
        if head["op"] == "begin":
            self.begin(head["generation"], parts)
            return []
        if head["op"] == "judge":
            return [report_to_json(self.judge(parts[0], head["limit"])).encode()]
        return [self.validate(head["generation"], parts[0], head["media_type"], head["lang"])]


def _stamps(file: Path, folder: Path) -> tuple[object, ...]:
    """What tells whether the file, or one in the folder or a folder in it, was written, came or went."""
    found = []
    with contextlib.suppress(OSError):
        found.append((str(file), file.stat().st_mtime_ns, file.stat().st_size))
    folders = [str(folder)]
    for one in folders:
        with contextlib.suppress(OSError), os.scandir(one) as entries:
            for entry in entries:
                if entry.is_file():
                    found.append((entry.path, entry.stat().st_mtime_ns, entry.stat().st_size))
                elif one == str(folder):
                    folders.append(entry.path)
    return tuple(sorted(found))


def _out_of_memory(error: BaseException | None) -> bool:
    """Whether it was for want of memory, whatever else the engine made of it on the way."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _serve(connection: socket.socket, bench: _Bench, seconds: float) -> None:
    def read(size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = connection.recv(min(size - len(data), 1 << 20))
            if not part:
                os._exit(0)  # the parent is gone
            data += part
        return bytes(data)

    while True:
        head, parts = receive(read)
        # A regular expression holds the interpreter and no thread of ours would run: should the parent be
        # gone or stuck, the kernel ends this process.
        signal.alarm(math.ceil(head.get("seconds", seconds)) + 3)
        try:
            answer = pack({}, bench.answer(head, parts))
        except Exception as error:
            if _out_of_memory(error):
                connection.sendall(pack({"lost": True}))
                os._exit(1)  # in an unknown state
            if not isinstance(error, KymgraphError):  # an error of ours: said, not hidden, and no verdict
                what = f"{type(error).__name__}: {error}"
                error = KymgraphError(f"nothing was decided: judging failed: {what}")
            answer = pack({"error": to_dict(error)})
        connection.sendall(answer)
        signal.alarm(0)


def main() -> None:
    """Shut the process in, then serve."""
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
                bench = _Bench(Path(project), Path(store))
                with contextlib.suppress(
                    KymgraphError
                ):  # said to whoever asks first; mended by then, perhaps
                    bench.load()
                hello: Head = {}
            except Exception as error:
                fault = KymgraphError(
                    f"the process that judges did not start: {type(error).__name__}: {error}"
                )
                hello = {"error": to_dict(fault)}
            connection.sendall(pack(hello))
            _serve(connection, bench, float(deadline))
        finally:
            os._exit(1)  # whatever ended this thread: a process without it would be waited for in vain

    threading.stack_size(_STACK_MB << 20)
    threading.Thread(target=run, daemon=True).start()
    # The parent's end closes when the parent dies, however it dies.
    hangup = select.poll()
    hangup.register(connection.fileno(), 0)
    hangup.poll()
    os._exit(0)
