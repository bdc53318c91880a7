"""RDF Patch as a changeset in the store's form, for files of our own; what strangers send: `from_body`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kymgraph.changeset import Changeset
from kymgraph.project import Project
from kymgraph.rdf import MAX_UNPACKED, read_bytes
from kymgraph.store import payload as _payload
from kymgraph.store.rules import Rules
from kymgraph.view import View


def from_patch(
    data: bytes | Path,
    *,
    view: View,
    project: Project,
    packed: bool | None = None,
    name: str | None = None,
    agent: str = "",
    source: str = "",
    reason: str = "",
) -> Changeset:
    """What an RDF Patch would change in the state of `view`; its headers say who, why and on what condition.

    Without a guard it is exact: rows that change nothing are left out. With one, its rows are kept as they
    are, and the commit holds them against the state. What is given here takes the place of its headers.

    Raises RdfSyntaxError with the line, InputError, NameAGraph, GraphNotWritable. Nothing is changed.
    """
    name = name or (str(data) if isinstance(data, Path) else "patch")
    if packed is None:
        packed = isinstance(data, Path) and data.suffix.lower() == ".gz"
    raw = read_bytes(data) if isinstance(data, Path) else data
    if packed:
        raw = _payload.unpack(raw, name, MAX_UNPACKED)
    change = _payload.from_patch(raw, view, Rules.of(project), name=name)
    return replace(
        change,
        agent=agent or change.agent,
        source=source or change.source,
        reason=reason or change.reason,
    )
