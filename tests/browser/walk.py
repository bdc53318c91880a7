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
#: Pages of these types in other states: with a picture, with nothing, narrowed, of other sources.
STATES: Final = {
    "question-picture": "/questions/Q42",
    "question-form": "/questions/Q04",
    "question-interpreted": "/questions/Q44",
    "question-nothing": "/questions/Q41?year=1999",
    "lineage-link": "/lineage?theme=ict&link=ict-digitalouskarjeksi",
    "strategy": "/page/strategy/alykkaan-erikoistumisen-strategia-2",
    "background": "/page/programme/kymenlaakso-ohjelma-2018-2021",
    "chooser": "/compare",
    "authorities": "/page/funding-instrument/eakr",
    "networks-year": "/networks?year=2016",
    "posts-day": "/posts?on=2016-05-26",
    "map-year": "/map?year=2021",
    "map-place": "/map?place=pyhtaa",
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
    """Three runs of each type of page, in which every pair of page, language, width and script meets.

    >>> runs = pairs()
    >>> len(runs) == 3 * len(PAGES), len({(lang, width) for _, lang, width, _ in runs})
    (True, 9)
    """
    return [_turn(name, place, turn) for place, name in enumerate(PAGES) for turn in range(3)]


def states() -> list[tuple[str, str, int, bool]]:
    """One run of each state, with languages, widths and scripts in turn."""
    return [_turn(name, place, place % 3) for place, name in enumerate(STATES)]


def _turn(name: str, place: int, turn: int) -> tuple[str, str, int, bool]:
    return name, LANGUAGES[turn], WIDTHS[(turn + place) % 3], (turn + place) % 2 == 0


def whole() -> list[tuple[str, str, int, bool]]:
    """Every page in every language and width, with and without scripts."""
    return [
        (name, lang, width, script)
        for name in PAGES
        for lang in LANGUAGES
        for width in WIDTHS
        for script in (True, False)
    ]
