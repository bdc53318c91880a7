"""Every type of page in a browser: three languages, three widths, with and without scripts; nothing is kept.

quick looks at each type of page once, ci at every pair of the four and at further states, night at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from kymgraph.project import Project
from tests.browser.conftest import OpenPage
from tests.browser.walk import PAGES, STATES, at, pairs, states, whole
from tests.conftest import ROOT
from tests.needs import size

RUNS = size(quick=0, ci=1, night=2)
WALKS = [pairs()[::3], pairs() + states(), whole() + states()][RUNS]
PATHS = {**PAGES, **STATES}
#: The page that says a thing is not there is a refusal, and is seen as one.
STATUS = {"missing": 404}
TALLEST = 12_000
TITLE = Project.load(ROOT).title


@pytest.mark.parametrize(
    ("name", "lang", "width", "script"),
    WALKS,
    ids=[f"{n}-{lang}-{w}{'' if s else '-plain'}" for n, lang, w, s in WALKS],
)
def test_a_page(
    lived_url: str, open_page: OpenPage, shots: Path, name: str, lang: str, width: int, script: bool
) -> None:
    watched = open_page(lived_url, width=width, script=script, at=at(PATHS[name], lang))
    page = watched.page
    status = STATUS.get(name, 200)

    assert watched.status == status
    assert page.locator("html").get_attribute("lang") == lang
    assert page.locator("h1").count() == 1
    assert page.locator("h1").inner_text().strip()
    assert page.locator("main").count() == 1
    assert page.locator(".brand").inner_text().strip() == TITLE[lang]
    assert page.locator(f'link[rel=alternate][hreflang="{lang}"]').count() >= 1
    wide = overflow(page) if script else 0
    height = min(page.evaluate("document.documentElement.scrollHeight") if script else 3000, TALLEST)
    page.set_viewport_size({"width": width, "height": max(900, height)})
    page.screenshot(path=shots / f"{name}-{lang}-{width}{'' if script else '-plain'}.png")
    assert page.context.cookies() == []
    if script:
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert wide <= 0, f"{name} is {wide} px wider than a screen of {width}"
    if script:
        watched.check(known=[f"status of {status}"] if status != 200 else [])
    else:
        assert watched.faults == [] or status != 200


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    found: Any = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return int(found)


NARROW = [
    "front", "programme", "lineage", "resource", "question",
    "compare", "themes", "networks", "map", "question-picture", "question-form", "changes", "quality",
]  # fmt: skip


@pytest.mark.parametrize("name", NARROW[: size(quick=5, ci=13, night=13)])
def test_a_page_at_four_hundred_per_cent(lived_url: str, open_page: OpenPage, name: str) -> None:
    """A window of 1280 px zoomed to 400 % is 320 px wide: nothing may need scrolling in two directions."""
    watched = open_page(lived_url, width=320, at=at(PATHS[name], "fi"))
    assert overflow(watched.page) <= 0
