"""Every type of page of the portal: one address of each over the shipped project."""

from __future__ import annotations

from typing import Final

#: Type of page to its path; the query string may follow.
PAGES: Final = {
    "front": "/",
    "programmes": "/programmes",
    "programme": "/page/programme/maakuntaohjelma-2014-2017",
    "compare": "/compare?a=maakuntaohjelma-2014-2017&b=maakuntaohjelma-2022-2025",
    "lineage": "/lineage",
    "actors": "/actors",
    "networks": "/networks",
    "posts": "/posts",
    "map": "/map",
    "themes": "/themes",
    "questions": "/questions",
    "question": "/questions/Q17",
    "search": "/search?q=osaaminen",
    "sparql": "/sparql",
    "resource": "/page/place/kotka",
    "passage": "/page/passage/alykkaan-erikoistumisen-strategia-2/25-25",
    "graphs": "/graphs",
    "changes": "/changes",
    "change": "/changes/2",
    "quality": "/quality",
    "catalog": "/catalog",
    "dumps": "/dumps/",
    "docs": "/docs",
    "examples": "/examples",
    "ontology": "/ontology",
    "shapes": "/shapes",
    "about": "/about",
    "accessibility": "/accessibility",
    "privacy": "/privacy",
    "session": "/session",
    "edit": "/edit",
    "missing": "/page/place/atlantis",
}
LANGUAGES: Final = ("fi", "sv", "en")
WIDTHS: Final = (360, 768, 1440)


def at(path: str, lang: str) -> str:
    """The address of a page in a language.

    >>> at("/compare?a=x", "sv"), at("/map", "fi")
    ('/compare?a=x&lang=sv', '/map?lang=fi')
    """
    return f"{path}{'&' if '?' in path else '?'}lang={lang}"


def pairs() -> list[tuple[str, str, int, bool]]:
    """Three runs of each page, in which every pair of page, language, width and script meets.

    >>> runs = pairs()
    >>> len(runs) == 3 * len(PAGES), len({(lang, width) for _, lang, width, _ in runs})
    (True, 9)
    """
    return [
        (name, LANGUAGES[turn], WIDTHS[(turn + place) % 3], (turn + place) % 2 == 0)
        for place, name in enumerate(PAGES)
        for turn in range(3)
    ]


def whole() -> list[tuple[str, str, int, bool]]:
    """Every page in every language and width, with and without scripts."""
    return [
        (name, lang, width, script)
        for name in PAGES
        for lang in LANGUAGES
        for width in WIDTHS
        for script in (True, False)
    ]
