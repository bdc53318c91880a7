"""Page or data, and in which format: by suffix, by `format=`, or by Accept (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from api.negotiate import preferences
from kymgraph.errors import BadParameter, FormatNotAvailable
from kymgraph.results import GRAPH_FORMATS, ResultFormat

#: The page; the other forms are RDF.
PAGE: Final = ResultFormat(
    "html", "text/html", "both", ".html", "text/html", ("application/xhtml+xml",), "HTML"
)
_OFFERS: Final = (PAGE, *GRAPH_FORMATS)
BY_NAME: Final = {offer.name: offer for offer in _OFFERS}
SUFFIXES: Final = {"." + name: offer for name, offer in BY_NAME.items()}


def named(name: str) -> ResultFormat:
    """The format that `format=` names. Raises BadParameter.

    >>> named("jsonld").media_type
    'application/ld+json'
    """
    found = BY_NAME.get(name.strip().lower()) or next((o for o in _OFFERS if name in _types(o)), None)
    if found is None:
        raise BadParameter(
            f"nothing was read: format is {name[:100]!r}; it takes the name of one: {', '.join(BY_NAME)}",
            hint="for example format=ttl",
        )
    return found


@lru_cache(maxsize=512)
def negotiate(accept: str | None, *, page: bool = True) -> ResultFormat:
    """The format that the client likes best; of equal weights the more specific range decides, then ours.

    The page comes first for who names it, last for a wildcard: that means RDF in Turtle. Raises
    FormatNotAvailable.

    >>> negotiate("text/html,application/xml;q=0.9,*/*;q=0.8").name, negotiate("*/*").name
    ('html', 'ttl')
    """
    weights = {
        "*/*" if media == "*" else media: q for media, q in preferences(accept or "") if _is_range(media)
    }
    offers = _OFFERS if page else GRAPH_FORMATS
    if not weights:
        return GRAPH_FORMATS[0]
    best: tuple[float, int, int] | None = None
    chosen = GRAPH_FORMATS[0]
    for order, offer in enumerate(offers):
        for media_type in _types(offer):
            weight, specific = _weight(media_type, weights)
            if weight <= 0 or (media_type != offer.media_type and specific < 2):
                continue  # an alias is only offered by its own name
            place = -len(offers) if offer is PAGE and specific < 2 else -order
            if best is None or (weight, specific, place) > best:
                best = (weight, specific, place)
                chosen = replace(offer, media_type=media_type) if offer is not PAGE else PAGE
    if best is None:
        raise FormatNotAvailable(
            f"nothing was sent: it is not available as {(accept or '')[:100]!r}",
            hint="Available: " + ", ".join(f"{o.name} ({o.media_type})" for o in offers),
        )
    return chosen


def _types(offer: ResultFormat) -> tuple[str, ...]:
    return (offer.media_type, *offer.aliases)


def _is_range(media: str) -> bool:
    major, slash, minor = media.partition("/")
    return media == "*" or bool(
        slash and major and minor and " " not in media and (major != "*" or minor == "*")
    )


def _weight(media_type: str, weights: Mapping[str, float]) -> tuple[float, int]:
    for specific, media_range in ((2, media_type), (1, media_type.partition("/")[0] + "/*"), (0, "*/*")):
        if media_range in weights:
            return weights[media_range], specific
    return 0.0, 0
