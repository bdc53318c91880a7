"""The process that runs what strangers send: one query or payload at a time, over one read-only checkpoint.

Started by `workers.WorkerPool` as `python -I -S worker.py FD …`; it trusts nothing it is sent and is made to
be killed. It imports nothing of kymgraph except, for payloads, `kymgraph.rdf`. Frames in both directions are
a 4-byte length and that many bytes; an answer is any number of frames, an empty frame, and one JSON frame
that says how it ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import re
import resource
import select
import struct
import sys
import threading
from _socket import socket  # the `socket` module costs a third of the start-up time
from collections.abc import Iterable
from signal import alarm
from typing import Any

EXIT_NO_SANDBOX = 77
FRAME = 65_536
#: CONSTRUCT and DESCRIBE answers up to this many triples are sorted, so that the same answer reads the same.
SORTED_TRIPLES = 20_000
#: Quads that several default graphs may hold together before they are merged as a set.
MERGED_QUADS = 200_000

_LENGTH = struct.Struct(">I")
#: Characters that XML 1.0 cannot hold in any form.
_NOT_XML = bytes(c for c in range(32) if c not in (9, 10, 13))
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"  # written as `a`
_STRING = "http://www.w3.org/2001/XMLSchema#string"
#: What an IRI must end in to be the name of an element.
_ELEMENT_NAME = re.compile(r"[^\W\d][\w.\-]*$")


class Refused(Exception):
    """An answer that cannot be given, with its code from `kymgraph.errors`."""

    def __init__(self, code: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.code, self.more = code, more


def no_network() -> None:
    """Forbid socket(2) and io_uring_setup(2) to this process for good; OSError where that cannot be."""
    calls = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}.get(platform.machine())
    if calls is None or not sys.platform.startswith("linux"):
        raise OSError("no seccomp filter for this platform")
    architecture, socket_call = calls

    def instruction(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    kill, permission_denied, allow = 0x80000000, 0x00050001, 0x7FFF0000
    program = b"".join(
        [
            instruction(load, 0, 0, 4),
            instruction(equal, 1, 0, architecture),
            instruction(answer, 0, 0, kill),  # a 32-bit call would have other numbers
            instruction(load, 0, 0, 0),
            instruction(at_least, 3, 0, 0x40000000),  # so would the x32 calls
            instruction(equal, 2, 0, socket_call),
            instruction(equal, 1, 0, 425),  # io_uring_setup
            instruction(answer, 0, 0, allow),
            instruction(answer, 0, 0, permission_denied),
        ]
    )

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    buffer = ctypes.create_string_buffer(program, len(program))
    argument = Program(len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(argument), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def sandboxed() -> bool:
    """Does the kernel refuse this process a socket? Tried, not assumed."""
    try:
        socket().close()
    except PermissionError:
        return True
    return False


class Frames:
    """A file that sends what is written to it as frames of 64 KB."""

    def __init__(self, connection: socket, *, xml: bool) -> None:
        self._connection, self._xml = connection, xml
        self._buffer = bytearray()

    def write(self, data: bytes) -> int:
        if self._xml and len(data.translate(None, _NOT_XML)) != len(data):
            raise Refused("format-not-available", "a value holds a control character, which XML cannot write")
        self._buffer += data
        while len(self._buffer) >= FRAME:
            self._connection.sendall(_LENGTH.pack(FRAME) + self._buffer[:FRAME])
            del self._buffer[:FRAME]
        return len(data)

    def flush(self) -> None:
        pass

    def end(self, status: dict[str, object]) -> None:
        """Send the rest and how it ended, in one go: most answers are one packet."""
        tail = json.dumps(status).encode()
        rest = _LENGTH.pack(len(self._buffer)) + self._buffer if self._buffer else b""
        self._connection.sendall(b"".join([rest, bytes(4), _LENGTH.pack(len(tail)), tail]))


class Worker:
    """One connection to the pool, one open checkpoint."""

    def __init__(self, connection: socket, package_root: str) -> None:
        import pyoxigraph

        self.ox = pyoxigraph
        self.connection = connection
        self.package_root = package_root
        self.path = ""
        self.store: Any = None

    def receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self.connection.recv(min(size - len(data), 1 << 20))
            if not part:
                os._exit(0)  # the pool is gone
            data += part
        return bytes(data)

    def frame(self) -> bytes:
        return self.receive(_LENGTH.unpack(self.receive(4))[0])

    def open(self, path: str) -> None:
        """Open the checkpoint at `path`; a later one replaces it without a new process."""
        if path != self.path:
            self.store, self.path = None, ""
            self.store = self.ox.Store.read_only(path)
            self.path = path

    def serve(self) -> None:
        while True:
            request = json.loads(self.frame())
            output = Frames(self.connection, xml="xml" in request.get("media_type", ""))
            # Should the pool be stopped or stuck, the kernel ends this process; no thread of ours is needed.
            alarm(request["seconds"])
            try:
                if request["kind"] == "parse":
                    status = self.parse(request, self.frame(), output)
                elif request["kind"] == "open":
                    self.open(request["store"])
                    status = {}
                elif request["kind"] == "parse query":
                    self.ox.Store().query(request["text"], base_iri=request["base"])
                    status = {}
                elif request["kind"] == "change":
                    status = self.change(request, [self.frame() for _ in range(request["frames"])], output)
                else:
                    status = self.query(request, output)
            except Refused as error:
                status = {"code": error.code, "message": str(error), **error.more}
            except MemoryError:
                status = {"code": "query-memory", "message": "out of memory"}
            except SyntaxError as error:
                code = "query-syntax" if request["kind"] in ("query", "parse query") else "rdf-syntax"
                status = {
                    "code": code,
                    "message": str(error.msg),
                    "line": error.lineno,
                    "column": error.offset,
                }
            except (ValueError, RuntimeError) as error:
                status = {"code": "query-syntax", "message": str(error)}
            except OSError as error:
                status = {"code": "store-broken", "message": str(error)}
            except Exception as error:  # an error of ours: said, not hidden, and the worker lives
                status = {"code": "internal", "message": f"{type(error).__name__}: {error}"}
            output.end(status)
            alarm(0)

    # --- queries ---

    def query(self, request: dict[str, Any], output: Frames) -> dict[str, object]:
        self.open(request["store"])
        ox, store, options = self.ox, self.store, {}
        default, named = request["default_graphs"], request["named_graphs"]
        if default is not None:
            graphs = [ox.NamedNode(iri) for iri in default]
            names = [ox.NamedNode(iri) for iri in named]
            if len(graphs) > 1:
                store = self.merged(graphs, names if request["uses_graph"] else [])
            else:
                options["default_graph"] = graphs
            options["named_graphs"] = names
        results = store.query(request["text"], base_iri=request["base"], **options)
        media_type = request["media_type"]
        if isinstance(results, ox.QueryTriples):
            return self.triples(results, media_type, request["prefixes"], output)
        results.serialize(output, ox.QueryResultsFormat.from_media_type(media_type))
        return {}

    def merged(self, graphs: list[Any], names: list[Any]) -> Any:
        """The default graphs as one set: Oxigraph itself would count a triple once per graph it stands in."""
        ox, merged, left = self.ox, self.ox.Store(), MERGED_QUADS

        def quads() -> Iterable[Any]:
            nonlocal left
            for target, sources in ((ox.DefaultGraph(), graphs), (None, names)):
                for graph in sources:
                    for s, p, o, _ in self.store.quads_for_pattern(None, None, None, graph):
                        left -= 1
                        if left < 0:
                            raise Refused(
                                "merge-too-large", f"the graphs hold more than {MERGED_QUADS:,} quads"
                            )
                        yield ox.Quad(s, p, o, target or graph)

        merged.bulk_extend(quads())
        for name in names:
            merged.add_graph(name)
        return merged

    def triples(
        self, results: Any, media_type: str, prefixes: dict[str, str], output: Frames
    ) -> dict[str, object]:
        ox = self.ox
        fmt = ox.RdfFormat.from_media_type(media_type)
        check = self.checked if fmt == ox.RdfFormat.RDF_XML else lambda triples: triples
        head = []
        for triple in results:
            head.append(triple)
            if len(head) > SORTED_TRIPLES:
                break
        else:
            head.sort(key=str)
            used = "\n".join({t.predicate.value for t in head} - {_TYPE})
            used += "\n".join(
                {n.value for t in head for n in (t.subject, t.object) if isinstance(n, ox.NamedNode)}
            )
            used += "\n".join(
                {t.object.datatype.value for t in head if isinstance(t.object, ox.Literal)} - {_STRING}
            )
            prefixes = {name: iri for name, iri in prefixes.items() if iri in used}
            data = ox.serialize(check(head), format=fmt, prefixes=prefixes)
            if data.startswith(b"@prefix "):  # the serialiser writes them in any order
                lines = data.split(b"\n")
                count = next(i for i, line in enumerate(lines) if not line.startswith(b"@prefix "))
                data = b"\n".join(sorted(lines[:count]) + lines[count:])
            output.write(data)
            return {"rows": len(head)}

        def all_triples() -> Iterable[Any]:
            yield from head
            yield from results

        ox.serialize(check(all_triples()), output, fmt, prefixes=prefixes)
        return {}

    @staticmethod
    def checked(triples: Iterable[Any]) -> Iterable[Any]:
        """Predicates of RDF/XML are element names, which the serialiser does not verify."""
        good: set[str] = set()
        for triple in triples:
            iri = triple.predicate.value
            if iri not in good:
                if not _ELEMENT_NAME.search(iri):
                    raise Refused(
                        "format-not-available", f"RDF/XML has no element name for the predicate <{iri}>"
                    )
                good.add(iri)
            yield triple

    # --- payloads ---

    def prepare(self) -> None:
        """Load what payloads and changes need, which takes longer than most of them do."""
        if self.package_root not in sys.path:
            sys.path.append(self.package_root)
        from kymgraph.store import payload, update  # noqa: F401

    def parse(self, request: dict[str, Any], payload: bytes, output: Frames) -> dict[str, object]:
        """A payload as sorted, canonical N-Quads, in the form that the store would keep."""
        self.prepare()
        from kymgraph import errors, rdf

        try:
            quads = rdf.parse(
                payload, rdf.format_for(request["media_type"]), base=request["base"], name=request["name"]
            )
            output.write(rdf.canonical_nquads(rdf.canonical(quads).quads))
        except errors.RdfSyntaxError as error:
            raise Refused(error.code, error.detail, line=error.line, column=error.column) from None
        except errors.KymgraphError as error:
            raise Refused(error.code, error.message, hint=error.hint) from None
        return {"rows": len(quads)}

    # --- changes ---

    def change(self, request: dict[str, Any], frames: list[bytes], output: Frames) -> dict[str, object]:
        """What an update or a payload would change, as RDF Patch; nothing is written."""
        self.open(request["store"])
        self.prepare()
        from kymgraph import errors
        from kymgraph.store import payload, update

        answer = update.answer if request["what"] == "update" else payload.answer
        try:
            patch, status = answer(request, frames, self.store)
        except (errors.QuerySyntaxError, errors.RdfSyntaxError) as error:
            more = {"line": error.line, "column": error.column, "hint": error.hint}
            name = error.name if isinstance(error, errors.RdfSyntaxError) else ""
            raise Refused(error.code, error.detail, name=name, **more) from None
        except errors.KymgraphError as error:
            raise Refused(error.code, error.message, hint=error.hint) from None
        output.write(patch)
        return status


def main() -> None:
    descriptor, memory_mb, stack_mb, strict, prepared, site, package_root, path = sys.argv[1:]
    connection = socket(fileno=int(descriptor))
    with contextlib.suppress(OSError):
        no_network()  # before any other thread exists: the filter is inherited, not spread
    safe = sandboxed()
    if not safe and strict == "1":
        os._exit(EXIT_NO_SANDBOX)
    with contextlib.suppress(OSError):
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(score, b"1000")  # if the machine runs out of memory, a worker is what it can spare
        os.close(score)
    sys.path.append(site)
    worker = Worker(connection, package_root)

    def run() -> None:
        hello: dict[str, object] = {"sandbox": safe}
        try:
            try:
                worker.open(path)
                if prepared == "1":
                    worker.prepare()
            except (OSError, RuntimeError) as error:  # RuntimeError: the files are corrupted
                hello["error"] = str(error)
            ready = json.dumps(hello).encode()
            connection.sendall(_LENGTH.pack(len(ready)) + ready)
            worker.serve()
        finally:
            os._exit(1)  # whatever ended this thread: a process without it would be waited for in vain

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.stack_size(int(stack_mb) << 20)  # deep expressions are parsed and evaluated recursively
    limit = int(memory_mb) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    threading.Thread(target=run, daemon=True).start()
    # The pool's end closes when the pool dies, however it dies. A query in progress does not hold us back.
    hangup = select.poll()
    hangup.register(connection.fileno(), 0)
    hangup.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
