"""Questions, ledger and data quality in a browser: with and without script, by keyboard, narrow and wide."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import OpenPage
from tests.needs import size

PATHS = {
    "questions": "/questions",
    "question-picture": "/questions/Q42",
    "question-form": "/questions/Q04",
    "question-interpreted": "/questions/Q44",
    "question-nothing": "/questions/Q41?year=1999",
    "changes": "/changes",
    "quality": "/quality",
}
#: Widths, with or without script, languages: the first ways to look at a page show most of it.
LOOKS = [(360, True, "fi"), (1440, True, "sv"), (1440, False, "en"), (360, False, "fi")]
WALKS = [(name, *look) for look in LOOKS[: size(quick=1, ci=3, night=4)] for name in PATHS]


@pytest.mark.parametrize(("name", "width", "script", "lang"), WALKS)
def test_a_page_is_accessible_and_stays_within_the_screen(
    shipped_url: str, open_page: OpenPage, shots: Path, name: str, width: int, script: bool, lang: str
) -> None:
    path = PATHS[name]
    address = f"{shipped_url}{path}{'&' if '?' in path else '?'}lang={lang}"
    watched = open_page(address, width=width, script=script, lang=lang)
    page = watched.page

    page.screenshot(path=shots / f"{name}-{lang}-{width}.png", full_page=True)

    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == lang
    # Wide tables scroll within themselves.
    beyond = "e => e.scrollWidth > e.clientWidth + 1"
    if script:
        assert not page.locator("html").evaluate(beyond)
        watched.check()
    else:
        assert watched.faults == []


def test_the_page_is_whole_at_320_pixels(shipped_url: str, open_page: OpenPage) -> None:
    for path in list(PATHS.values())[: size(quick=2, ci=7, night=7)]:
        page = open_page(shipped_url + path, width=320).page
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_a_question_is_asked_by_keyboard_without_script(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(f"{shipped_url}/questions?lang=en", script=False).page

    page.get_by_role("link", name="How many measures each priority of a programme has").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/questions/Q04?**")
    first = page.locator("table[data-query=Q04] tbody tr").count()
    page.get_by_role("combobox", name="Programme").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    page.keyboard.press("Enter")
    page.wait_for_url("**programme=**")

    assert first == 4
    assert page.get_by_role("heading", name="Answer", exact=True).is_visible()
    assert page.get_by_role("link", name="Back to the example").is_visible()


def test_a_row_leads_to_the_thing_it_names(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(f"{shipped_url}/questions/Q04?lang=sv", script=False).page

    link = page.locator("table[data-query=Q04] tbody tr a").first
    name = link.inner_text()
    link.click()

    assert page.locator("h1").inner_text() == name
    assert page.locator("html").get_attribute("lang") == "sv"


def test_what_lacks_something_opens_by_keyboard(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(f"{shipped_url}/quality?lang=en", script=False).page
    classes = page.locator("details.class")

    classes.first.locator("summary").focus()
    page.keyboard.press("Enter")

    assert classes.first.get_by_role("table").is_visible()
    assert not classes.nth(1).get_by_role("table").is_visible()


def test_the_picture_is_named_and_its_table_follows(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(f"{shipped_url}/questions/Q42?lang=en").page

    assert "table below" in (page.get_by_role("img").get_attribute("aria-label") or "")
    assert page.locator("table[data-query=Q42]").is_visible()
