"""Actors, networks, posts and map in a browser: without a script, by keyboard, live."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.needs import size


def seen(page: Page, css: str) -> list[str]:
    """The texts of elements that are shown."""
    return [each.text_content() or "" for each in page.locator(css).all() if each.is_visible()]


def test_the_slider_shows_what_the_server_shows_for_the_year(shipped_url: str, open_page: OpenPage) -> None:
    for year in ("2011", "2016", "2022")[: size(quick=1, ci=3, night=3)]:
        live = open_page(shipped_url + "/networks?lang=fi")
        live.page.locator(".twin summary").click()
        live.page.locator("input[type=range]").fill(year)
        served = open_page(shipped_url + f"/networks?lang=fi&year={year}", script=False)
        served.page.locator(".twin summary").click()

        assert live.page.url.endswith(f"year={year}")
        for css in ("table[data-query] tbody tr", "[data-tally]", ".answers li"):
            assert seen(live.page, css) == seen(served.page, css)
        lines = "[...document.querySelectorAll('.bond')].map(each => each.dataset.state)"
        assert live.page.evaluate(lines) == [
            each.get_attribute("data-state") for each in served.page.locator(".bond").all()
        ]
        assert live.faults == []


def test_the_map_counts_live_what_the_server_counts(shipped_url: str, open_page: OpenPage) -> None:
    live = open_page(shipped_url + "/map?lang=fi")
    live.page.locator("select#year").select_option("2021")
    served = open_page(shipped_url + "/map?lang=fi&year=2021", script=False)

    for css in (".places li", "svg .counts", "svg .elsewhere", "[data-tally]"):
        assert seen(live.page, css) == seen(served.page, css)
    there = open_page(shipped_url + "/map?lang=fi&place=iitti")
    there.page.locator("input[type=range]").fill("2021")
    assert seen(there.page, ".groups summary") == ["julkinen organisaatio 1", "lausuma 1"]
    iitti = live.page.locator("a.area[href*='place=iitti']")
    assert iitti.get_attribute("data-state") == "out"
    assert "year=2021" in (iitti.get_attribute("href") or "")
    assert seen(live.page, "svg .elsewhere") == ["Päijät-Häme"]
    live.page.locator("select#year").select_option("2020")
    assert iitti.get_attribute("data-state") == "open"
    assert live.faults == []


def test_a_year_without_scripts_is_a_form(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(shipped_url + "/map?lang=fi&place=iitti", width=360, script=False)
    watched.page.locator("select#year").select_option("2020")
    watched.page.locator("form.years button").click()
    assert "year=2020" in watched.page.url
    assert "place=iitti" in watched.page.url
    assert len(seen(watched.page, ".belongs")) == 1


def test_a_place_is_chosen_by_keyboard(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(shipped_url + "/map?lang=sv")
    for _ in range(60):
        watched.page.keyboard.press("Tab")
        name = watched.page.evaluate("document.activeElement.textContent")
        if "Pyttis" in name and watched.page.evaluate("document.activeElement.closest('svg') !== null"):
            break
    else:
        pytest.fail("no Tab reaches Pyttis on the map")
    watched.page.keyboard.press("Enter")
    watched.page.wait_for_url("**place=pyhtaa**")
    assert watched.page.locator("h2#place").inner_text() == "Pyttis"


def test_pyttis_is_two_clicks_from_any_page(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(shipped_url + "/actors?lang=sv", script=False)
    watched.page.locator("header a[href*='/map?']:visible").first.click()
    watched.page.locator("a.area[href*='place=pyhtaa']").click()
    assert watched.page.locator("h2#place").inner_text() == "Pyttis"
    assert any("Kymmenedalens landskapsprogram 2022–2025" in text for text in seen(watched.page, ".told li"))


def test_a_node_in_hand_quiets_the_lines_of_others(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(shipped_url + "/networks?lang=fi")
    watched.page.locator("a.node.whole").last.focus()
    quiet = watched.page.locator(".bond.quiet").count()
    assert 0 < quiet < watched.page.locator(".bond").count()
    watched.page.evaluate("document.activeElement.blur()")
    assert watched.page.locator(".bond.quiet").count() == 0
