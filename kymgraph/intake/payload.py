"""RDF as a changeset: added to a graph, put in its place, or taken out of it.

What comes from outside is parsed in a worker process (`from_body`); files of our own are read here
(`from_payload`), long ones as a stream.
"""

from __future__ import annotations

import email.parser
import email.policy
import re
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from kymgraph.changeset import Changeset
from kymgraph.errors import InputError
from kymgraph.intake.workers import Workers, made
from kymgraph.project import Project
from kymgraph.rdf import MAX_UNPACKED, Format, NamedNode, format_for
from kymgraph.store import payload as _payload
from kymgraph.store.payload import FORM, MAX_BYTES, MAX_QUADS, PATCH, Mode, Payload
from kymgraph.store.rules import Rules
from kymgraph.store.workers import Job
from kymgraph.view import View

__all__ = ["DEADLINE", "MAX_BYTES", "MAX_QUADS", "Mode", "from_body", "from_payload"]

FORM_TYPE: Final = "multipart/form-data"
#: Files that a form may have.
_PARTS: Final = 100
#: Types that say nothing of what a file is.
_UNTYPED: Final = ("", "application/octet-stream", "text/plain")

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

    `media_type` is one of RDF; or `application/rdf-patch`, whose rows name their graphs; or
    `multipart/form-data` with its boundary, whose files (each with a type or suffix) are one change. `graph`
    takes the triples that name no graph themselves; without it they belong to the default graph. With mode
    "replace" the graph becomes what the payload says; a dataset replaces each graph that it names. `packed`
    says that the bytes are gzipped; they may unpack to `max_bytes`. Relative IRIs are resolved against `base`
    (default: the graph's IRI, else the project's base).

    Raises RdfSyntaxError with line and column, UnsafePayload, InputError, QueryTooLarge, NameAGraph,
    GraphNotWritable, QueryTimeout, QueryMemory, QueryRefused, Busy, TooManyRequests. Nothing is changed.
    """
    project = dataset.project
    rules = Rules.of(project)
    if graph is not None:
        rules.check(graph)
    frames: tuple[bytes, ...] = (data,)
    more: dict[str, object] = {}
    if media_type.partition(";")[0].strip().lower() == FORM_TYPE:
        parts = _parts(data, media_type, name, max_bytes if packed else None)
        frames, packed = tuple(part.data for part in parts), False
        more = {"formats": [part.format.name for part in parts], "names": [part.name for part in parts]}
    patch = media_type.partition(";")[0].strip().lower() in ("application/rdf-patch", PATCH)
    job = Job(
        kind="change",
        name=name,
        base=base or (graph.value if graph is not None else project.base.iri),
        change={
            "what": "payload",
            "rules": asdict(rules),
            "format": PATCH if patch else FORM if more else format_for(media_type).name,
            "graph": graph.value if graph is not None else None,
            "mode": mode,
            "packed": packed,
            "max_bytes": max_bytes,
            "max_quads": max_quads,
            **more,
        },
        frames=frames,
    )
    change = await made(dataset, job, client=client, deadline=deadline)
    return replace(
        change,
        agent=agent or change.agent,
        source=source or change.source,
        reason=reason or change.reason,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A file of a form."""

    name: str
    format: Format
    data: bytes


def _parts(body: bytes, content_type: str, name: str, unpack_to: int | None) -> list[_Part]:
    """The files of `multipart/form-data` (RFC 7578): fields without a file name and a type are refused.

    Raises InputError.
    """
    boundary = re.search(r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^;,\s"]{1,70}))', content_type, re.IGNORECASE)
    if boundary is None:
        raise InputError(
            f"{name} is a form without a boundary; nothing was changed",
            hint="let the client make the Content-Type: multipart/form-data; boundary=…",
        )
    if unpack_to is not None:
        body = _payload.unpack(body, name, unpack_to)
    mark = re.escape((boundary[1] or boundary[2]).encode("latin-1", "replace"))
    marks = list(re.finditer(rb"\r\n--" + mark + rb"(--)?[ \t]*(?=\r\n|\Z)", body := b"\r\n" + body))
    last = next((number for number, found in enumerate(marks) if found[1]), None)
    if last is None:
        raise InputError(f"{name} is a form that is cut off; nothing was changed", hint="send all of it")
    if last > _PARTS:
        raise InputError(f"{name} has more than {_PARTS} files; nothing was changed", hint="send fewer")
    pieces = [body[one.end() : next_.start()] for one, next_ in pairwise(marks[: last + 1])]
    parts = []
    for number, piece in enumerate(pieces, 1):
        lines, _, data = piece.partition(b"\r\n\r\n")
        headers = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(lines.lstrip() + b"\r\n\r\n")
        file = headers.get_filename()
        called = f"{name}, file {number}" + (f" ({file})" if file else "")
        given = str(headers.get("content-type", ""))
        says = given if given.partition(";")[0].strip().lower() not in _UNTYPED else file
        if not says:
            raise InputError(
                f"{called} has neither a type nor a name that says what it is; nothing was changed",
                hint="give each part a Content-Type such as text/turtle",
            )
        parts.append(_Part(called, format_for(says), data))
    if not parts:
        raise InputError(f"{name} is a form without a file; nothing was changed", hint="add one")
    return parts


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
