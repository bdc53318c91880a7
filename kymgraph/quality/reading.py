"""A catalogue read from a file or an address, all its pages, as far as the limits let it.

Catalogues say in many ways that there is a next page: as a link or as a text, by the names that Hydra has now
or by those it had. A page that brings no new dataset ends the reading, so a catalogue that leads in a circle
does too.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from kymgraph.errors import FetchFailed, InputError, RdfSyntaxError
from kymgraph.namespaces import RDF
from kymgraph.net import Client, Response
from kymgraph.quality.found import DCAT
from kymgraph.rdf import FORMATS, Format, Literal, NamedNode, Quad, Term, format_for, parse, read_bytes

HYDRA: Final = "http://www.w3.org/ns/hydra/core#"
ACCEPT: Final = (
    "text/turtle, application/ld+json;q=0.9, application/rdf+xml;q=0.8, application/n-triples;q=0.7"
)

_NEXT: Final = (HYDRA + "next", HYDRA + "nextPage")
#: Media types that say too little; the name of the file and the first bytes say the rest.
_VAGUE: Final = frozenset(
    ["", "text/plain", "application/octet-stream", "application/gzip", "application/x-gzip"]
)
_ALSO: Final = {"application/xml": "rdf", "text/xml": "rdf", "application/json": "jsonld"}
#: What an IRI must not hold; the data of others do.
_NO_IRI: Final = re.compile(r'[\x00-\x20<>"{}|\\^`]')


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read of a catalogue, and asked for the sake of it."""

    pages: int = 200
    datasets: int = 1_000
    page_bytes: int = 50_000_000
    page_seconds: float = 60.0
    wait_seconds: float = 60.0  #: for a page that says (Retry-After) that it will be ready then
    bytes: int = 200_000_000  #: of all pages
    urls: int = 200
    url_seconds: float = 10.0
    all_urls_seconds: float = 300.0
    pause: float = 0.25  #: seconds between two requests to the same host


LIMITS: Final = Limits()

#: A remark for people: the key of its text and what is filled in.
Note = tuple[str, dict[str, Any]]


@dataclass
class Reading:
    """What was read."""

    name: str
    quads: list[Quad] = field(default_factory=list)
    pages: int = 0
    notes: list[Note] = field(default_factory=list)


def read_file(path: Path, limits: Limits) -> Reading:
    """One page from a file; what its format is, its name tells, or its beginning.

    Raises InputError, RdfSyntaxError, UnsafePayload.
    """
    try:
        if path.stat().st_size > limits.page_bytes:
            raise InputError(f"{path} has more than {limits.page_bytes:,} bytes; nothing was checked")
    except OSError as error:
        raise InputError(f"{path} could not be read: {error.strerror}") from None
    data = _unpacked(read_bytes(path), str(path), limits)
    reading = Reading(str(path), pages=1)
    fmt = _named(path.name) or _guessed(data)
    if fmt is None:
        raise InputError(
            f"{path} is no RDF that this command reads", hint="Turtle, JSON-LD and RDF/XML it does"
        )
    _take(reading, data, fmt, path.resolve().as_uri())
    if next(_next_pages(reading.quads), None) is not None:
        reading.notes.append(("note.paged-file", {}))
    return reading


def read_url(url: str, client: Client, limits: Limits) -> Reading:
    """All pages from an address on.

    Raises FetchFailed and HostNotAllowed (also for a page that is not the first: what is scored is whole, or
    cut where a limit says so), InputError for what is no RDF, RdfSyntaxError, UnsafePayload.
    """
    reading = Reading(url)
    seen: set[str] = set()
    datasets: set[Term] = set()
    size = 0
    following: str | None = urldefrag(url).url
    while following is not None:
        seen.add(following)
        if reading.pages:
            time.sleep(limits.pause)
        answer = _fetched(following, client, limits)
        body = _unpacked(answer.body, answer.url, limits)
        size += len(body)
        quads = _take(reading, body, _format_of(answer.url, answer.media_type, body), answer.url)
        reading.pages += 1
        here = _datasets(quads)
        if reading.pages > 1 and not here - datasets:
            if here:  # else it is the empty page that some put at the end
                reading.notes.append(("note.loop", {"url": answer.url}))
            break
        datasets |= here
        coming = (_resolved(answer.url, following, text) for text in _next_pages(quads))
        following = next((one for one in coming if one is not None and one not in seen), None)
        if following is not None and (cut := _reached(reading.pages, len(datasets), size, limits)):
            counts = {"datasets": len(datasets), "pages": reading.pages}
            reading.notes.append(("note.cut", {**counts, "limit": cut}))
            break
    return reading


def _fetched(url: str, client: Client, limits: Limits) -> Response:
    """A page; one that is not ready and says when it will be is waited for. Raises FetchFailed."""
    left = limits.wait_seconds
    while True:
        answer = client.get(
            url,
            headers={"accept": ACCEPT},
            timeout=limits.page_seconds,
            limit=limits.page_bytes,
            any_status=True,
        )
        if 200 <= answer.status < 300:
            return answer
        later = answer.headers.get("retry-after", "")
        seconds = max(1.0, float(later)) if later.isdecimal() and len(later) < 6 else left + 1
        if answer.status not in (429, 503) or seconds > left:
            raise FetchFailed(f"{url} answered with status {answer.status}; nothing was checked")
        left -= seconds
        time.sleep(seconds)


def _reached(pages: int, datasets: int, size: int, limits: Limits) -> str | None:
    """The limit that forbids another page."""
    if pages >= limits.pages:
        return f"--most-pages {limits.pages}"
    if datasets >= limits.datasets:
        return f"--most-datasets {limits.datasets}"
    return f"{limits.bytes:,} bytes" if size >= limits.bytes else None


def _unpacked(data: bytes, name: str, limits: Limits) -> bytes:
    """The bytes of a page, unpacked if they are gzip. Raises InputError above the limit."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    inflate = zlib.decompressobj(31)
    try:
        unpacked = inflate.decompress(data, limits.page_bytes + 1)
    except zlib.error as error:
        raise InputError(f"{name} could not be read: {error}; nothing was checked") from None
    if len(unpacked) > limits.page_bytes or not inflate.eof:
        what = (
            f"unpacks to more than {limits.page_bytes:,} bytes" if inflate.unconsumed_tail else "is cut off"
        )
        raise InputError(f"{name} {what}; nothing was checked")
    return unpacked


def _take(reading: Reading, data: bytes, fmt: Format, base: str) -> list[Quad]:
    """Read one page into the reading; IRIs that are none are mended as a browser would, and that is noted."""
    # Blank nodes of two pages must not become one for having the same label.
    try:
        quads = parse(data, fmt, base=base, name=base, rename_blank_nodes=True)
    except RdfSyntaxError as error:
        try:
            quads = parse(data, fmt, base=base, name=base, rename_blank_nodes=True, lenient=True)
        except RdfSyntaxError:
            raise error from None
        quads = [_mended(quad) for quad in quads]
        if not any(key == "note.lenient" for key, _ in reading.notes):
            reading.notes.append(("note.lenient", {"detail": error.message}))
    reading.quads += quads
    return quads


def _mended(quad: Quad) -> Quad:
    subject, predicate, object = (_iri(term) for term in (quad.subject, quad.predicate, quad.object))
    return Quad(subject, predicate, object, quad.graph_name)


def _iri(term: Any) -> Any:
    if not isinstance(term, NamedNode):
        return term
    return NamedNode(_NO_IRI.sub(lambda found: quote(found[0]), term.value))


def _format_of(url: str, media_type: str, data: bytes) -> Format:
    """The format of an answer: what its type says, else its name, else its first bytes. Raises InputError."""
    if media_type in _ALSO:
        return FORMATS[_ALSO[media_type]]
    if media_type in _VAGUE:
        known = _named(urlsplit(url).path) or _guessed(data)
    else:
        try:
            known = format_for(media_type)
        except InputError:
            known = None
    if known is None:
        raise InputError(
            f"{url} answers {media_type or 'something'}, which is no RDF; nothing was checked",
            hint="look for the address of the catalogue as Turtle, JSON-LD or RDF/XML; often it ends in "
            "/catalog.ttl or /catalog.rdf",
        )
    return known


def _named(name: str) -> Format | None:
    try:
        return format_for(Path(name))
    except InputError:
        return None


def _guessed(data: bytes) -> Format | None:
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1_000]
    if start.startswith((b"{", b"[ {", b"[{")):
        return FORMATS["jsonld"]
    if b"<rdf:RDF" in start or (start.startswith(b"<?xml") and b"rdf-syntax-ns#" in start):
        return FORMATS["rdf"]
    return (
        FORMATS["ttl"] if start.lower().startswith((b"@prefix", b"@base", b"prefix", b"base", b"#")) else None
    )


def _datasets(quads: list[Quad]) -> set[Term]:
    """What one page describes as a dataset."""
    listed: set[Term] = {_term(q.object) for q in quads if q.predicate.value == DCAT + "dataset"}
    typed: set[Term] = {
        _term(q.subject)
        for q in quads
        if q.predicate.value == RDF + "type" and q.object == NamedNode(DCAT + "Dataset")
    }
    described = {_term(quad.subject) for quad in quads}
    return typed | (listed & described)


def _term(term: Any) -> Term:
    """`parse` lets no RDF 1.2 term in."""
    found: Term = term
    return found


def _next_pages(quads: list[Quad]) -> Iterator[str]:
    for name in _NEXT:
        for quad in quads:
            if quad.predicate.value == name and isinstance(quad.object, NamedNode | Literal):
                yield quad.object.value


def _resolved(base: str, asked: str, text: str) -> str | None:
    """The address of a next page, without a fragment; None for what is none.

    A catalogue behind a proxy often names its next page with http although it was asked with https.

    >>> _resolved("https://a.example/c?page=1", "https://a.example/c", "http://a.example/c?page=2")
    'https://a.example/c?page=2'
    """
    try:
        url = urldefrag(urljoin(base, _NO_IRI.sub(lambda found: quote(found[0]), text.strip()))).url
        parts, from_ = urlsplit(url), urlsplit(asked)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    if parts.scheme == "http" and from_.scheme == "https" and parts.netloc == from_.netloc:
        url = "https" + url[4:]
    return url


def host_of(url: str) -> list[str]:
    """Host and port of an address as `net` lists them; that of `localhost` with where it leads.

    Raises InputError for what is no address of the web.

    >>> host_of("https://data.example/catalog"), host_of("http://localhost:8000/catalog")
    (['data.example:443'], ['localhost:8000', '127.0.0.1:8000', '[::1]:8000'])
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme.lower() not in ("http", "https") or parts.username is not None:
        raise InputError(
            f"{url[:200]!r} is no address of a catalogue; nothing was fetched",
            hint="write for example https://data.example/catalog.ttl",
        )
    port = port or {"http": 80, "https": 443}[parts.scheme.lower()]
    # The one name that by its standard (RFC 6761) can lead nowhere else.
    here = [f"127.0.0.1:{port}", f"[::1]:{port}"] if host == "localhost" else []
    return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}", *here]
