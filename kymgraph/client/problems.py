"""What a server refuses, as the errors that the library itself raises.

A kymgraph server says it in problem+json with a stable code; other endpoints have a status and a text. What
they say is foreign: of a problem only known members are read, and texts are cut and freed of controls.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from kymgraph import errors
from kymgraph.errors import (
    BaseMoved,
    Busy,
    FetchFailed,
    GateRejected,
    InputError,
    KymgraphError,
    NotAllowed,
    QuerySyntaxError,
    QueryTimeout,
    SheetRefused,
    TokenInvalid,
    TooManyRequests,
)
from kymgraph.intake.faults import Cell, Fault, Text
from kymgraph.namespaces import SH
from kymgraph.net import Response
from kymgraph.rdf import BlankNode, Literal, NamedNode, Term
from kymgraph.report import STATUSES, Location, Report, Result

#: Characters of a foreign text that are shown.
_SHOWN: Final = 500
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_TAGS: Final = re.compile(r"<[^>]{0,200}>")
#: Codes of the HTTP layer that the library does not raise itself.
_HTTP: Final[dict[str, type[KymgraphError]]] = {
    "token-required": TokenInvalid,
    "bad-request": InputError,
    "unsupported-media-type": InputError,
    "uri-too-long": InputError,
    "body-too-large": InputError,
    "not-ready": Busy,
}
#: Of an endpoint that is no kymgraph: what its status means.
_STATUSES: Final[dict[int, type[KymgraphError]]] = {
    401: TokenInvalid,
    403: NotAllowed,
    408: QueryTimeout,
    429: TooManyRequests,
    503: Busy,
    504: QueryTimeout,
}


def error_of(response: Response, where: str) -> KymgraphError:
    """The error that a response with a status other than 2xx stands for; `where` is what was asked."""
    if response.media_type == "application/problem+json":
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):  # whoever wrote it
            return _problem(json.loads(response.body), response)
    said = plain(_TAGS.sub(" ", response.body[:20_000].decode("utf-8", "replace")))
    message = f"{where} answered with status {response.status}" + (f": {said}" if said else "")
    if response.status == 400:
        return QuerySyntaxError(message)
    if response.status == 429:
        return TooManyRequests(message, retry_after=_seconds(response.headers))
    return _STATUSES.get(response.status, FetchFailed)(message)


def _problem(problem: Mapping[str, Any], response: Response) -> KymgraphError:
    code = problem.get("code")
    message = plain(problem.get("detail") or problem.get("title") or f"status {response.status}")
    hint = plain(problem["hint"]) if isinstance(problem.get("hint"), str) else None
    if code == GateRejected.code and isinstance(problem.get("report"), dict):
        return GateRejected(report_of(problem["report"]), message, hint=hint)
    if code == SheetRefused.code:
        return SheetRefused(message, _faults(problem.get("faults")), hint=hint)
    kind = _HTTP.get(str(code))
    if kind is not None:
        return kind(message, hint=hint)
    more: dict[str, Any] = {}
    if code in ("query-syntax", "rdf-syntax"):  # the message has the place in it already
        more = {name: problem.get(name) if isinstance(problem.get(name), int) else None for name in _PLACE}
        more["detail"] = message
    elif code == TooManyRequests.code:
        more = {"retry_after": _seconds(response.headers)}
    elif code == BaseMoved.code:
        more = {"matched": response.status == 412}
    error = errors.from_dict({**more, "code": code, "message": message, "hint": hint})
    if type(error) is KymgraphError and response.status != 500:
        return FetchFailed(message, hint=hint)
    return error


_PLACE: Final = ("line", "column")


def plain(text: object) -> str:
    r"""A foreign text in one line, cut, without what could steer a terminal.

    >>> plain("no\n\x1b[31mway")
    'no [31mway'
    """
    line = re.sub(r"\s+", " ", _CONTROLS.sub(" ", str(text))).strip()
    return line if len(line) <= _SHOWN else line[: _SHOWN - 2] + " …"


def shown(url: str) -> str:
    """A URL for messages: without password, query and fragment, which may hold secrets.

    >>> shown("https://me:secret@graph.example:8000/sparql?query=x")
    'https://graph.example:8000/sparql'
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return plain(url)
    return plain(f"{parts.scheme}://{host}{parts.path}" if parts.scheme else parts.path)[:200]


def _seconds(headers: Mapping[str, str]) -> float:
    given = headers.get("retry-after", "")
    return float(given) if given.isdecimal() else 1.0


# --- reports and faults, from their JSON --------------------------------------------------------------------


def report_of(data: Mapping[str, Any]) -> Report:
    """The report that `Report.to_dict` gave, but for the triples of longer paths.

    >>> report_of(Report.of([]).to_dict()).accepted
    True
    """
    return Report(
        tuple(_result(one) for one in data.get("results", ())),
        bool(data.get("truncated")),
        dict(data.get("stats", {})),
    )


def _result(data: Mapping[str, Any]) -> Result:
    path, graph, source = data.get("path"), data.get("graph"), data.get("source")
    value = data.get("value")
    status = data.get("status")
    return Result(
        focus=_term(data["focus"]),
        path=NamedNode(path) if path else None,
        value=None if value is None else _term(value),
        shape=_term(data["shape"]),
        component=NamedNode(data["component"]),
        severity=NamedNode(data["severity"] if ":" in data["severity"] else SH + data["severity"]),
        messages=_texts(data.get("message")),
        names=_texts(data.get("name")),
        labels=_texts(data.get("label")),
        path_text=data.get("pathText") or "",
        graph=NamedNode(graph) if graph else None,
        source=Location(str(source["file"]), source.get("line")) if source else None,
        status=next((known for known in STATUSES if known == status), "new"),
    )


def _term(data: Any) -> Term:
    if isinstance(data, dict):
        if "lang" in data:
            return Literal(data["value"], language=data["lang"])
        return Literal(data["value"], datatype=NamedNode(data["datatype"]))
    text = str(data)
    return BlankNode(text[2:]) if text.startswith("_:") else NamedNode(text)


def _texts(data: Mapping[str, str] | None) -> tuple[Literal, ...]:
    return tuple(
        Literal(text, language=lang) if lang else Literal(text) for lang, text in (data or {}).items()
    )


def _faults(data: object) -> tuple[Fault, ...]:
    if not isinstance(data, list):
        return ()
    return tuple(
        Fault(
            one["code"],
            Cell(one["sheet"] or "", one["row"] or 0, one["column"] or "", one["header"] or ""),
            one["value"],
            Text(**one["message"]),
            Text(**one["mend"]),
        )
        for one in data
    )
