"""The front page, programmes and resources in a browser: by keyboard, without script."""

from __future__ import annotations

import re
import time

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Watched
from tests.needs import size

P2014, P2022 = "maakuntaohjelma-2014-2017", "maakuntaohjelma-2022-2025"
#: Waits for the search index, which a quick run has no time for.
SEARCHES = pytest.mark.skipif(not size(quick=0, ci=1, night=1), reason="KYMGRAPH_TEST=ci searches too")


@pytest.fixture(scope="module")
def searched_url(shipped_url: str) -> str:
    """The server once its search index stands: it is made when something is first looked for."""
    until = time.monotonic() + 120
    while httpx.get(shipped_url + "/suggest?q=kotka", timeout=120).status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.5)
    return shipped_url


def press_until(page: Page, key: str, wanted: str, most: int = 250) -> None:
    """Press a key until what has the focus matches a CSS selector."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
    raise AssertionError(f"{key} does not lead to {wanted}")


@SEARCHES
def test_from_search_to_source_by_keyboard_alone(searched_url: str, open_page: OpenPage) -> None:
    watched = open_page(searched_url + "/?lang=fi", width=360)
    page = watched.page

    press_until(page, "Tab", "#q")
    page.keyboard.type("maakuntaohjelma 2014")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert page.locator("#q").get_attribute("aria-activedescendant") == "q-suggestions-0"
    watched.check()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/page/programme/{P2014}\?lang=fi"))

    press_until(page, "Tab", ".lineage a.sure")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/page/lineage/"))
    page.go_back()
    press_until(page, "Tab", ".tree .sources a")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/page/passage/kymenlaakso-ohjelma/\d+-\d+"))
    expect(page.get_by_role("heading", name="Mitä näihin riveihin perustuu")).to_be_visible()
    watched.check()


@SEARCHES
def test_suggestions_close_and_the_form_still_searches(searched_url: str, open_page: OpenPage) -> None:
    page = open_page(searched_url + "/?lang=sv").page

    page.locator("#q").fill("kotka")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.locator("#q")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"/search\?lang=sv&q=kotka"))


@SEARCHES
def test_search_and_comparison_without_script(searched_url: str, open_page: OpenPage) -> None:
    watched: Watched = open_page(searched_url + "/programmes?lang=fi", width=360, script=False)
    page = watched.page

    page.get_by_label("Ensimmäinen (A)").select_option(P2014)
    page.get_by_label("Toinen (B)").select_option(P2022)
    page.get_by_role("button", name="Vertaa").click()
    expect(page.get_by_role("heading", name="Toisiaan vastaavat kohdat")).to_be_visible()
    page.goto(searched_url + "/?lang=fi")
    page.locator("#q").fill("vetovoima")
    page.get_by_role("button", name="Hae").click()

    expect(page).to_have_url(re.compile(r"/search\?lang=fi&q=vetovoima"))
    assert watched.faults == []


def test_branches_of_a_tree_fold_away_without_script(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(f"{shipped_url}/page/programme/{P2014}?lang=fi", script=False).page
    measure = page.locator(".tree a", has_text="Kyberturvallisuusosaamisen kehittäminen")
    branch = page.locator(".tree details", has=page.locator("a", has_text="Kyberturvallisuusosaamisen"))

    expect(measure).to_be_visible()
    branch.locator("summary").first.click()

    expect(measure).to_be_hidden()
