"""RDF as a changeset: added to a graph, put in its place, or taken out of it.

What comes from outside is parsed in a worker process (`from_body`); files of our own are read here
(`from_payload`), long ones as a stream.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from kymgraph.changeset import Changeset
from kymgraph.intake.workers import Workers, made
from kymgraph.project import Project
from kymgraph.rdf import MAX_UNPACKED, Format, NamedNode, format_for
from kymgraph.store import payload as _payload
from kymgraph.store.payload import MAX_BYTES, MAX_QUADS, PATCH, Mode, Payload
from kymgraph.store.rules import Rules
from kymgraph.store.workers import Job
from kymgraph.view import View

__all__ = ["DEADLINE", "MAX_BYTES", "MAX_QUADS", "Mode", "from_body", "from_payload"]

#: Seconds that reading a payload may take unless the caller says otherwise.
DEADLINE: Final = 60.0


async def from_body(
    dataset: Workers,
    data: bytes,
    media_type: str,
    *,
    graph: NamedNode | None = None,
    mode: Mode = "add",
    packed: bool = False,
    base: str | None = None,
    name: str = "payload",
    agent: str = "",
    source: str = "",
    reason: str = "",
    client: str = "",
    deadline: float | None = DEADLINE,
    max_bytes: int = MAX_BYTES,
    max_quads: int = MAX_QUADS,
) -> Changeset:
    """What bytes from outside would change in the current state; a worker parses and compares them.

    `media_type` is one of RDF, or `application/rdf-patch`, whose rows name their graphs. `graph` takes the
    triples that name no graph themselves; without it they belong to the default graph. With mode "replace"
    the graph becomes what the payload says; a dataset replaces each graph that it names. `packed` says that
    the bytes are gzipped; they may unpack to `max_bytes`. Relative IRIs are resolved against `base` (default:
    the graph's IRI, else the project's base).

    Raises RdfSyntaxError with line and column, UnsafePayload, InputError, QueryTooLarge, NameAGraph,
    GraphNotWritable, QueryTimeout, QueryMemory, QueryRefused, Busy, TooManyRequests. Nothing is changed.
    """
    project = dataset.project
    rules = Rules.of(project)
    if graph is not None:
        rules.check(graph)
    patch = media_type.partition(";")[0].strip().lower() in ("application/rdf-patch", PATCH)
    job = Job(
        kind="change",
        name=name,
        base=base or (graph.value if graph is not None else project.base.iri),
        change={
            "what": "payload",
            "rules": asdict(rules),
            "format": PATCH if patch else format_for(media_type).name,
            "graph": graph.value if graph is not None else None,
            "mode": mode,
            "packed": packed,
            "max_bytes": max_bytes,
            "max_quads": max_quads,
        },
        frames=(data,),
    )
    change = await made(dataset, job, client=client, deadline=deadline)
    return replace(
        change,
        agent=agent or change.agent,
        source=source or change.source,
        reason=reason or change.reason,
    )


def from_payload(
    data: bytes | Path,
    fmt: Format | None = None,
    *,
    view: View,
    project: Project,
    graph: NamedNode | None = None,
    mode: Mode = "add",
    packed: bool | None = None,
    base: str | None = None,
    name: str | None = None,
    agent: str = "",
    source: str = "",
    reason: str = "",
    hint: str | None = None,
    max_bytes: int = MAX_UNPACKED,
) -> Changeset:
    """What RDF of our own would change in the state of `view`, read in this process: as `from_body`.

    A path names its own format, and by `.gz` that it is packed. `hint` is what to do if no graph is named.
    Never for bytes from outside: a hostile graph can take for ever to name its blank nodes.
    """
    if packed is None:
        packed = isinstance(data, Path) and data.suffix.lower() == ".gz"
    if fmt is None:
        assert isinstance(data, Path)
        fmt = format_for(data)
    payload = Payload(
        data,
        fmt,
        graph=graph,
        mode=mode,
        base=base,
        name=name or (str(data) if isinstance(data, Path) else "payload"),
        packed=packed,
        max_bytes=max_bytes,
        max_quads=None,
        hint=hint,
    )
    change = _payload.evaluate(payload, view, Rules.of(project))
    return replace(change, agent=agent, source=source, reason=reason)
