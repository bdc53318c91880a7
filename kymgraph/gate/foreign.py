"""Data of others judged by shapes of others: no project, no store, and neither of the two is trusted.

Shapes and data are taken as they are written: what the project's own shapes are brought to the store's form
for (`"7"^^xsd:nonNegativeInteger` would become an integer) is here what is to be judged. Each call starts a
process that has no network, a bounded memory and a deadline, and that ends with its last verdict.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from kymgraph.errors import GateTimeout, KymgraphError, from_dict, to_dict
from kymgraph.gate.process import _ENVIRONMENT, _PACKAGE_ROOT, _START
from kymgraph.gate.wire import pack, receive, report_from_json, report_to_json
from kymgraph.namespaces import PREFIXES, SH
from kymgraph.rdf import FORMATS, Quad, canonical_nquads, parse
from kymgraph.report import Report
from kymgraph.store.worker import no_network

DEADLINE: Final = 60.0
MEMORY_MB: Final = 2000
#: Most results of one run that come back; `Report.truncated` says that there were more.
LIMIT: Final = 10_000
_STACK_MB: Final = 64

#: What one run ends in. An error says why there is no verdict, and the other runs have theirs all the same.
Verdict: TypeAlias = Report | KymgraphError


@dataclass(frozen=True, slots=True)
class Run:
    """One shapes graph and what it is to judge: all the parts together, as one graph."""

    shapes: Sequence[Quad]
    data: Sequence[Sequence[Quad]]


def judge(
    runs: Sequence[Run], *, deadline: float = DEADLINE, memory_mb: int = MEMORY_MB, limit: int = LIMIT
) -> list[Verdict]:
    """A verdict for each run, in order. `deadline` is in seconds for all of them together.

    A `sh:property` that leads to nothing with a path is left out: published shapes have such, and pySHACL
    judges nothing by a shape that has one. `owl:imports` is not followed. Blank nodes keep their labels.

    Raises GateTimeout when time or memory did not suffice; nothing is decided then.
    """
    parts: list[bytes] = []
    numbers: dict[int, int] = {}

    def number(quads: Sequence[Quad]) -> int:
        """The same list is sent once, however many runs it is part of."""
        if id(quads) not in numbers:
            numbers[id(quads)] = len(parts)
            parts.append(canonical_nquads(quads))
        return numbers[id(quads)]

    wanted = [[number(run.shapes), *map(number, run.data)] for run in runs]
    arguments = (memory_mb, math.ceil(deadline) + 3)
    try:
        done = subprocess.run(  # noqa: S603 - nothing that is judged is in the command
            [sys.executable, "-I", "-c", _START.replace("gate.bench", "gate.foreign"), _PACKAGE_ROOT]
            + [str(argument) for argument in arguments],
            input=pack({"limit": limit, "runs": wanted}, parts),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            timeout=deadline,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GateTimeout(
            f"nothing was decided: judging took more than {deadline:g} s", hint="Judge smaller parts."
        ) from None
    if done.returncode != 0:
        raise GateTimeout(
            "nothing was decided: the process that judges ended; most likely it needed more than "
            f"{memory_mb} MB",
            hint="Judge smaller parts.",
        )
    answer = memoryview(done.stdout)

    def read(size: int) -> bytes:
        nonlocal answer
        taken, answer = bytes(answer[:size]), answer[size:]
        return taken

    head, reports = receive(read)
    coming = iter(reports)
    return [from_dict(one) if one else report_from_json(next(coming)) for one in head["errors"]]


def without_dangling(shapes: Sequence[Quad]) -> list[Quad]:
    """The shapes without each `sh:property` whose object has no `sh:path`.

    >>> shapes = parse(b'''@prefix sh: <http://www.w3.org/ns/shacl#> .
    ... <urn:s> sh:property <urn:a>, <urn:b> . <urn:a> sh:path <urn:p> .''', FORMATS["ttl"])
    >>> [quad.object.value for quad in without_dangling(shapes) if quad.predicate.value.endswith("property")]
    ['urn:a']
    """
    with_path = {quad.subject for quad in shapes if quad.predicate.value == SH + "path"}
    return [q for q in shapes if q.predicate.value != SH + "property" or q.object in with_path]


# --- the child --------------------------------------------------------------------------------------------


def _verdict(shapes: bytes, data: Sequence[bytes], limit: int) -> Report:
    from pyshacl.shapes_graph import ShapesGraph

    from kymgraph.gate import full
    from kymgraph.gate.terms import to_graph

    graph = to_graph(without_dangling(parse(shapes, FORMATS["nq"], name="shapes")))
    quads = [quad for part in data for quad in parse(part, FORMATS["nq"], name="data")]
    for prefix, namespace in PREFIXES.items():
        graph.bind(prefix, namespace)
    compiled = ShapesGraph(graph)
    results = full.judge(to_graph(quads), full.Shapes(graph, compiled))
    return Report.of(results, limit=limit)


def _out_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _serve(output: int) -> None:
    head, parts = receive(sys.stdin.buffer.read)
    errors: list[object] = []
    reports: list[bytes] = []
    for shapes, *data in head["runs"]:
        try:
            report = _verdict(parts[shapes], [parts[number] for number in data], head["limit"])
        except Exception as error:
            if _out_of_memory(error):
                os._exit(1)  # in an unknown state
            if not isinstance(error, KymgraphError):  # pySHACL and rdflib raise of all kinds
                error = KymgraphError(f"no verdict was reached: {type(error).__name__}: {error}")
            errors.append(to_dict(error))
        else:
            errors.append(None)
            reports.append(report_to_json(report).encode())
    with os.fdopen(output, "wb") as stream:
        stream.write(pack({"errors": errors}, reports))
    os._exit(0)


def main() -> None:
    """Shut the process in, judge what stands on standard input, answer on standard output."""
    memory_mb, seconds = map(int, sys.argv[2:])
    # A regular expression may hold the interpreter for ever; should the parent be gone, the kernel ends it.
    signal.alarm(seconds)
    output = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is no part of the answer
    with contextlib.suppress(OSError):
        no_network()
    with contextlib.suppress(OSError):
        # If the machine runs out of memory, this process is what it can spare.
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def run() -> None:
        try:
            _serve(output)
        finally:
            os._exit(1)

    threading.stack_size(_STACK_MB << 20)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
