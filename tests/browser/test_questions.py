"""Questions, ledger and data quality in a browser: with and without script, by keyboard."""

from __future__ import annotations

from tests.browser.conftest import OpenPage


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
