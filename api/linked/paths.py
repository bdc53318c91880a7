"""Where an IRI of ours is served: `/id/…`, `/page/…`, `/data/…` and the few that are not things."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from kymgraph.namespaces import Base

#: Left as they are in paths (RFC 3987 lets an IRI hold them); the percent sign because an IRI may hold one.
_SAFE: Final = "/:@!$&'()*+,;=~-._%"
_IN_IRI: Final = re.compile(r"[^\x00-\x20<>\"{}|\\^`\ufffd\ud800-\udfff]+")


def path_of(
    base: Base, form: str, iri: str, *, suffix: str = "", more: Mapping[str, str] | None = None
) -> str:
    """The path (with query string) under which `iri` is served as a form: id, page or data.

    >>> path_of(Base(), "data", "https://w3id.org/kymgraph/id/place/kotka", suffix="ttl", more={"at": "3"})
    '/data/place/kotka.ttl?at=3'
    >>> path_of(Base(), "page", "https://w3id.org/kymgraph/ontology#Place")
    '/page?iri=https%3A%2F%2Fw3id.org%2Fkymgraph%2Fontology%23Place'
    """
    more = dict(more or {})
    rest = iri.removeprefix(base.ids)
    if rest != iri and rest and not set(rest) & set("#?"):
        path = f"/{form}/{quote(rest, safe=_SAFE)}" + (f".{suffix}" if suffix else "")
        return path + (f"?{urlencode(more)}" if more else "")
    given = {"iri": iri, **({"format": suffix} if suffix else {}), **more}
    return f"/{form}?{urlencode(given)}"


def readings(base: Base, path: str, raw: bytes, before: str) -> list[str]:
    """The IRIs that a request's path may mean: with its escapes undone, and as it was sent.

    >>> readings(Base(), "/id/yhdistys/äänet", b"/id/yhdistys/%C3%A4%C3%A4net", "/id/")[0]
    'https://w3id.org/kymgraph/id/yhdistys/äänet'
    """
    sent = raw.split(b"?")[0].decode("ascii", "replace")
    texts = [path.removeprefix(before)]
    if sent.startswith(before):
        texts.append(sent.removeprefix(before))
    stem = base.iri + before.lstrip("/") if before.startswith("/.well-known/") else base.ids
    return [stem + text for text in dict.fromkeys(texts) if _IN_IRI.fullmatch(text)]


def header_iri(iri: str) -> str:
    """An IRI as a URI, for headers: what is not ASCII is escaped.

    >>> header_iri("https://example.org/ä")
    'https://example.org/%C3%A4'
    """
    return quote(iri, safe=_SAFE + "?#[]")
