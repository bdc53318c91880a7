"""A request to `/sparql` read by the rules of the SPARQL 1.1 Protocol, before its text is looked at.

Pure functions from bytes and headers to an `Asked`; nothing is run, and every fault is named here.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from api.deps import MAX_URL
from api.negotiate import Language, language, prefers_html
from api.problems import RequestError, UnsupportedMediaType, UriTooLong
from kymgraph.errors import BadParameter

_FORM: Final = "application/x-www-form-urlencoded"
_QUERY: Final = "application/sparql-query"
_UPDATE: Final = "application/sparql-update"
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]*")
_Number = TypeVar("_Number", int, float)


class Asked(NamedTuple):
    """What a request asks for, before its query text is looked at."""

    text: str | None
    default_graphs: tuple[str, ...] | None
    named_graphs: tuple[str, ...] | None
    timeout: float | None
    at: str | None  #: a generation: its number, or a date or time
    format: str | None
    accept: str | None
    html: bool
    lang: Language
    parameters: tuple[tuple[str, str], ...]
    origin: str
    from_body: bool = False  #: the text is the body itself, so another body asks the same of another text
    update: str | None = None  #: a SPARQL Update instead of a query
    using: tuple[str, ...] = ()
    using_named: tuple[str, ...] = ()


def read_request(
    query_string: bytes, body: bytes | None, headers: dict[str, str | None], origin: str
) -> Asked:
    """Read the parameters of a request by the rules of the protocol; `body` is None for GET and HEAD.

    Raises RequestError and its kin (400, 414, 415) and BadParameter.
    """
    if len(query_string) > MAX_URL:
        raise UriTooLong(
            f"nothing was asked: the address has more than {MAX_URL:,} bytes. "
            f"Send the query in the body of a POST, with Content-Type: {_QUERY}"
        )
    in_url = _parameters(query_string, "the address")
    in_body: list[tuple[str, str]] = []
    text: str | None = None
    update: str | None = None
    from_body = False
    if body is None:
        if any(name == "update" for name, _ in in_url):
            raise RequestError("nothing was written: an update is sent by POST, never by GET")
    else:
        media_type, _, rest = (headers["content-type"] or "").partition(";")
        media_type = media_type.strip().lower()
        charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", rest, re.IGNORECASE)
        if media_type not in (_FORM, _QUERY, _UPDATE):
            raise UnsupportedMediaType(
                f"nothing was asked: a body of type {media_type or '(none given)'} is not read here. Send "
                f"{_QUERY} or {_UPDATE} with the text as the body, or {_FORM} with query=… or update=…",
                headers={"accept-post": f"{_QUERY}, {_UPDATE}, {_FORM}"},
            )
        if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType(f"nothing was asked: the body is in {charset[1]}; only UTF-8 is read")
        if media_type == _FORM:
            in_body = _parameters(body, "the form")
        else:
            text, from_body = body_text(body), media_type == _QUERY
            if media_type == _UPDATE:
                update, text = text, None
    parameters = in_url + in_body
    queries = [value for name, value in parameters if name == "query"]
    updates = [value for name, value in parameters if name == "update"]
    if len(queries) + len(updates) + (text is not None) + (update is not None) > 1:
        raise RequestError("nothing was asked: one request holds one query or update; this one holds several")
    if updates:
        update = updates[0]
    if queries:
        text = queries[0]
    if text is None and update is None and body is not None:
        raise RequestError("nothing was asked: the form has no query= and no update=")

    values = dict(reversed(parameters))
    default_graphs = tuple(_iri(name, value) for name, value in parameters if name == "default-graph-uri")
    named_graphs = tuple(_iri(name, value) for name, value in parameters if name == "named-graph-uri")
    has_dataset = bool(default_graphs or named_graphs)
    wanted = (values.get("format") or values.get("output") or "").strip().lower().replace(" ", "+") or None
    accept = headers["accept"]
    return Asked(
        text=text,
        default_graphs=tuple(dict.fromkeys(default_graphs)) if has_dataset else None,
        named_graphs=tuple(dict.fromkeys(named_graphs)) if has_dataset else None,
        timeout=_number("timeout", values.get("timeout"), float),
        at=values.get("at"),
        format=None if wanted in ("html", "text/html") else wanted,
        accept=accept,
        html=wanted in ("html", "text/html") or (wanted is None and prefers_html(accept)),
        lang=language(values.get("lang"), headers["accept-language"]),
        parameters=tuple(parameters),
        origin=origin,
        from_body=from_body,
        update=update,
        using=tuple(_iri(name, value) for name, value in parameters if name == "using-graph-uri"),
        using_named=tuple(_iri(name, value) for name, value in parameters if name == "using-named-graph-uri"),
    )


def body_text(body: bytes) -> str:
    """The query that is the body. Raises RequestError if it is not UTF-8."""
    return _decode(body, "the body").removeprefix("\ufeff")


def _parameters(raw: bytes, where: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("utf-8"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=1000,
        )
    except UnicodeDecodeError as error:
        raise RequestError(
            f"nothing was asked: {where} is not valid UTF-8 (byte 0x{error.object[error.start]:02x})"
        ) from None
    except ValueError:
        raise RequestError(f"nothing was asked: {where} has more than 1,000 parameters") from None


def _decode(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"nothing was asked: {where} is not valid UTF-8 (at byte {error.start})") from None


def _iri(name: str, value: str) -> str:
    if not _ABSOLUTE.fullmatch(value):
        raise BadParameter(f"nothing was asked: {name} takes an absolute IRI, not {value!r}")
    return value


def _number(name: str, value: str | None, kind: type[_Number]) -> _Number | None:
    if value is None:
        return None
    try:
        number = kind(value)
    except ValueError:
        number = kind(-1)
    if not 0 < number < 1e9:
        raise BadParameter(f"nothing was asked: {name} takes a positive number, not {value!r}")
    return number
