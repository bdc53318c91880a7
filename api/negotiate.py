"""What a request's Accept headers mean: content coding, language, and whether a person is looking.

Pure functions over header values (RFC 9110, section 12). Media types of results are chosen by
`kymgraph.results.negotiate`; here is only what the HTTP layer adds to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, Literal

Language = Literal["fi", "sv", "en"]
Coding = Literal["identity", "gzip"]

LANGUAGES: Final[tuple[Language, ...]] = ("fi", "sv", "en")
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})


def preferences(header: str) -> Iterator[tuple[str, float]]:
    """Each value of an Accept-like header with its q, in the order written; an unreadable q counts as 0.

    >>> list(preferences("text/csv;q=0.5, */*;q=0.1, text/html"))
    [('text/csv', 0.5), ('*/*', 0.1), ('text/html', 1.0)]
    """
    for part in header.split(","):
        value, *parameters = part.split(";")
        weight = 1.0
        for parameter in parameters:
            name, _, number = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    weight = min(1.0, max(0.0, float(number)))
                except ValueError:
                    weight = 0.0
        if value.strip():
            yield value.strip().lower(), weight


@lru_cache(maxsize=256)
def content_coding(header: str | None) -> Coding | None:
    """The coding to send, or None when the client accepts neither gzip nor identity.

    >>> content_coding(None), content_coding("gzip, br"), content_coding("gzip;q=0")
    ('identity', 'gzip', 'identity')
    >>> content_coding("identity;q=1, gzip;q=0.5"), content_coding("br, *;q=0")
    ('identity', None)
    """
    if header is None:
        return "identity"
    weights = dict(preferences(header))
    rest = weights.get("*")
    gzip = weights.get("gzip", weights.get("x-gzip", rest if rest is not None else 0.0))
    # Identity is acceptable unless refused by name or by *;q=0; unnamed, it is the last resort.
    identity = weights.get("identity", 0.0001 if rest is None or rest > 0 else 0.0)
    if gzip > 0 and gzip >= identity:
        return "gzip"
    return "identity" if identity > 0 else None


def language(parameter: str | None, header: str | None) -> Language:
    """The language of pages and problems: `?lang=` over Accept-Language over Finnish.

    >>> language("sv", "en"), language(None, "en-GB, fi;q=0.5"), language("de", None)
    ('sv', 'en', 'fi')
    """
    for known in LANGUAGES:
        if parameter == known:
            return known
    best: tuple[float, Language] = (0.0, "fi")
    for tag, weight in preferences(header or ""):
        for known in LANGUAGES:
            if tag.split("-")[0] == known and weight > best[0]:
                best = (weight, known)
    return best[1]


def prefers_html(accept: str | None) -> bool:
    """Whether the client names HTML and nothing it likes better; wildcards do not count as liking HTML.

    >>> prefers_html("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    True
    >>> prefers_html("*/*"), prefers_html("text/turtle, text/html;q=0.5"), prefers_html(None)
    (False, False, False)
    """
    html = other = 0.0
    for media_type, weight in preferences(accept or ""):
        if media_type in _HTML:
            html = max(html, weight)
        elif "*" not in media_type:
            other = max(other, weight)
    return html > 0 and html >= other


def choose(accept: str | None, offers: Sequence[str]) -> str | None:
    """The media type of `offers` that the client likes best (the first of equals), or None if it takes none.

    >>> choose("text/*;q=0.5, application/json", ["text/turtle", "application/json"])
    'application/json'
    >>> choose(None, ["text/turtle"]), choose("image/png", ["text/turtle"])
    ('text/turtle', None)
    """
    weights = dict(preferences(accept or "*/*"))

    def weight(media_type: str) -> float:
        ranges = (media_type, media_type.partition("/")[0] + "/*", "*/*")
        return next((weights[known] for known in ranges if known in weights), 0.0)

    best = max(offers, key=weight)
    return best if weight(best) > 0 else None
