"""Sitemaps (sitemaps.org, 0.9): an index, and parts of at most 50,000 pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

#: Pages in one part, the most that the protocol allows.
PART: Final = 50_000
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPACE: Final = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def parts(pages: int) -> int:
    """How many parts so many pages take; an empty map has one.

    >>> parts(0), parts(50_000), parts(50_001)
    (1, 1, 2)
    """
    return max(1, -(-pages // PART))


def index(urls: Iterable[tuple[str, str]]) -> bytes:
    """The index of the parts at these URLs, each with the time of the newest change ("" is not known)."""
    return _map("sitemapindex", "sitemap", urls)


def part(urls: Iterable[tuple[str, str]]) -> bytes:
    """Pages with the time of their last change ("" is not known).

    >>> print(part([("https://example.org/a&b", "2026-11-22T08:30:00.120Z")]).decode().splitlines()[2])
    <url><loc>https://example.org/a&amp;b</loc><lastmod>2026-11-22T08:30:00.120Z</lastmod></url>
    """
    return _map("urlset", "url", urls)


def _map(whole: str, one: str, urls: Iterable[tuple[str, str]]) -> bytes:
    lines = [
        f"<{one}><loc>{escape(url)}</loc>"
        + (f"<lastmod>{escape(time)}</lastmod>" if time else "")
        + f"</{one}>\n"
        for url, time in urls
    ]
    return f"{_HEAD}<{whole} {_SPACE}>\n{''.join(lines)}</{whole}>\n".encode()
