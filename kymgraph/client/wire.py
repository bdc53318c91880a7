"""What a kymgraph server and its client send each other, as the library's own values, and the other way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kymgraph.changeset import Changeset, to_patch
from kymgraph.client.calls import Change, Mode, check_text
from kymgraph.commit import Request
from kymgraph.errors import InputError
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad, Term, format_for
from kymgraph.store.journal import Entry

PATCH: Final = "application/rdf-patch"
_UPDATE: Final = "application/sparql-update"
_SHEETS: Final = {
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def entry_of(data: Mapping[str, Any]) -> Entry:
    """A commit as `/changes` lists it. What only the journal knows (its digest) is empty."""
    more = {name: data[name] for name in ("reverts", "proposal") if data.get(name) is not None}
    if data.get("acceptedBy"):
        more["accepted_by"] = str(data["acceptedBy"]).rpartition("/")[2]
    return Entry(
        number=data["number"],
        id=data["id"],
        time=data["time"],
        agent=data["agent"] or "",
        source=data["source"] or "",
        reason=data["reason"],
        removed=data["removed"],
        added=data["added"],
        graphs=tuple(data["graphs"]),
        digest="",
        kind=data["kind"],
        more=more,
    )


def reason_of(change: Change) -> str:
    given = change.change if isinstance(change, Request) else change
    return given.reason if isinstance(given, Changeset) else ""


def about(graph: str | None, mode: Mode) -> dict[str, str]:
    return ({"graph": graph} if graph else {}) | ({"mode": mode} if mode != "add" else {})


def body_of(change: Change) -> tuple[bytes, dict[str, str]]:
    """A change as the body of a request, and its headers."""
    if isinstance(change, Request):
        headers = {} if change.match is None else {"if-match": f'"g{change.match}"'}
        return to_patch(change.change), {"content-type": PATCH, **headers}
    if isinstance(change, Changeset):
        return to_patch(change), {"content-type": PATCH}
    if isinstance(change, str):
        check_text(change)
        return change.encode(), {"content-type": _UPDATE}
    try:
        data = change.read_bytes()
    except OSError as error:
        raise InputError(f"{change} could not be read: {error.strerror}; nothing was changed") from None
    packed = change.suffix.lower() == ".gz"
    suffix = (change.with_suffix("") if packed else change).suffix.lower()
    kind = {".ru": _UPDATE, ".rdfp": PATCH, **_SHEETS}.get(suffix) or format_for(change).media_types[0]
    return data, {"content-type": kind} | ({"content-encoding": "gzip"} if packed else {})


def change_of(said: Mapping[str, Any]) -> Changeset:
    """What a checked change came to, from the difference that the server shows."""
    sides: dict[str, set[Quad]] = {"removed": set(), "added": set()}
    for resource in said.get("diff", ()):
        subject, graph = _term(resource["resource"]), resource["graph"]
        assert isinstance(subject, NamedNode | BlankNode)
        for side, quads in sides.items():
            for line in resource[side]:
                triple = (subject, NamedNode(line["predicate"]), _term(line["value"]))
                quads.add(Quad(*triple, NamedNode(graph)) if graph else Quad(*triple))
    removed, added = frozenset(sides["removed"]), frozenset(sides["added"])
    return Changeset(int(said["generation"]), removed=removed, added=added)


def _term(data: Mapping[str, str]) -> Term:
    if data["type"] == "uri":
        return NamedNode(data["value"])
    if data["type"] == "bnode":
        return BlankNode(data["value"])
    if "xml:lang" in data:
        return Literal(data["value"], language=data["xml:lang"])
    if "datatype" in data:
        return Literal(data["value"], datatype=NamedNode(data["datatype"]))
    return Literal(data["value"])
