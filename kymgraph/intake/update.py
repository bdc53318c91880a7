"""A SPARQL Update as a changeset. The text is foreign: a worker process evaluates it, over a checkpoint.

What it would change is exact against the generation that the worker has read: the changeset's base. If the
request reads the state (a WHERE, a whole graph), the changeset holds for that generation only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final

from kymgraph.changeset import Changeset
from kymgraph.errors import BadParameter, ServiceNotAllowed
from kymgraph.intake.workers import Workers, made
from kymgraph.queries import Limits
from kymgraph.rdf import NamedNode
from kymgraph.store.rules import Rules
from kymgraph.store.update import MAX_QUADS, MAX_ROWS
from kymgraph.store.workers import Job
from kymgraph.updates import UPDATE_LIMITS, inspect

#: Seconds that an update may take unless the caller says otherwise.
DEADLINE: Final = 60.0

#: What a LOAD is to read: bytes, or bytes and their media type (else the IRI's suffix says what they are).
Loaded = bytes | tuple[bytes, str]


async def from_update(
    dataset: Workers,
    text: str,
    *,
    using: Sequence[str] = (),
    using_named: Sequence[str] = (),
    loads: Mapping[str, Loaded] | None = None,
    base: str | None = None,
    agent: str = "",
    source: str = "",
    reason: str = "",
    client: str = "",
    deadline: float | None = DEADLINE,
    limits: Limits = UPDATE_LIMITS,
    max_quads: int = MAX_QUADS,
    max_rows: int = MAX_ROWS,
) -> Changeset:
    """What `text` would change in the state that the workers of `dataset` read.

    `using` and `using_named` are the protocol's `using-graph-uri` and `using-named-graph-uri`. LOAD reads
    only what `loads` holds by IRI; `updates.inspect(text).loads` says what is wanted. `base` resolves
    relative IRIs (default: the project's base IRI).

    Raises QuerySyntaxError with line and column, QueryTooLarge, ServiceNotAllowed, NameAGraph,
    GraphNotWritable, GraphNotFound, ChangeConflict, MergeTooLarge, BadParameter, QueryTimeout, QueryMemory,
    QueryRefused, Busy, TooManyRequests, and for what is loaded RdfSyntaxError, InputError. Nothing is
    changed.
    """
    project = dataset.project
    base = base or project.base.iri
    # In a thread, since a long text takes its time, and others are waiting for this one.
    info = await asyncio.to_thread(inspect, text, limits=limits, base=base)
    given = {**(loads or {})}
    missing = [iri for iri in info.loads if iri not in given]
    if missing and any(op.kind == "load" and not op.silent for op in info.operations):
        raise ServiceNotAllowed(
            f"nothing was changed: LOAD <{missing[0]}> reads from another host, which is not allowed here",
            hint="Send the data itself: as RDF to its graph, or with INSERT DATA.",
        )
    for iri in (*using, *using_named):
        try:
            NamedNode(iri)
        except ValueError as error:
            raise BadParameter(
                f"nothing was changed: {iri!r} is not an IRI ({error})", hint="Write it in full."
            ) from None
    job = Job(
        kind="change",
        name="update",
        base=base,
        change={
            "what": "update",
            "rules": asdict(Rules.of(project)),
            "using": list(using),
            "using_named": list(using_named),
            "loads": [(iri, data[1] if isinstance(data, tuple) else None) for iri, data in given.items()],
            "max_quads": max_quads,
            "max_rows": max_rows,
        },
        frames=(text.encode(), *(data[0] if isinstance(data, tuple) else data for data in given.values())),
    )
    change = await made(dataset, job, client=client, deadline=deadline)
    return replace(change, agent=agent, source=source, reason=reason)
