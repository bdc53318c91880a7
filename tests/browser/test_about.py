"""The frame of the pages, and the pages of the service about itself, in a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenPage


@pytest.mark.parametrize(
    ("path", "lang", "width", "script", "scheme"),
    [
        ("/about", "fi", 320, False, "light"),
        ("/about", "en", 1440, True, "dark"),
        ("/accessibility", "sv", 768, True, "light"),
        ("/privacy", "fi", 360, True, "dark"),
    ],
)
def test_the_pages_are_clean(
    shipped_url: str, open_page: OpenPage, path: str, lang: str, width: int, script: bool, scheme: str
) -> None:
    watched = open_page(f"{shipped_url}{path}?lang={lang}", width=width, script=script, color_scheme=scheme)

    assert watched.page.locator("h1").count() == 1
    assert watched.faults == []
    if script:  # axe-core is a script itself
        watched.check()
        beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert watched.page.evaluate(beyond) <= 0


def test_the_sections_are_reached_without_script_on_a_narrow_screen(
    shipped_url: str, open_page: OpenPage
) -> None:
    page = open_page(shipped_url + "/about?lang=fi", width=320, script=False).page
    link = page.get_by_role("link", name="Haku", exact=True)
    assert link.count() == 0

    page.get_by_text("Valikko", exact=True).press("Enter")
    link.click()

    assert "/search" in page.url


def test_the_keyboard_first_meets_the_way_to_the_contents(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(shipped_url + "/about?lang=sv").page

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "main"
