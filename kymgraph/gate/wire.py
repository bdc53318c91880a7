"""What passes between a judging process and its parent: reports as JSON, requests as frames.

Everything comes out as it went in, so that nobody can tell a verdict from one that was reached next door.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, TypeAlias

from kymgraph.rdf import FORMATS, BlankNode, Literal, NamedNode, Term, Triple, parse
from kymgraph.report import Location, Report, Result

Head: TypeAlias = dict[str, Any]
_LENGTH: Final = struct.Struct(">I")

# --- reports as JSON -----------------------------------------------------------------------------------


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


# --- frames ---------------------------------------------------------------------------------------------


def pack(head: Head, parts: Sequence[bytes] = ()) -> bytes:
    first = json.dumps({**head, "parts": len(parts)}).encode()
    return b"".join(part for frame in (first, *parts) for part in (_LENGTH.pack(len(frame)), frame))


def receive(read: Callable[[int], bytes]) -> tuple[Head, list[bytes]]:
    """A head and its parts; `read` gives exactly so many bytes."""

    def frame() -> bytes:
        return read(_LENGTH.unpack(read(4))[0])

    head = json.loads(frame())
    return head, [frame() for _ in range(head["parts"])]
