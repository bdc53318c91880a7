"""Lineage and themes in a browser: with and without script, by keyboard alone."""

from __future__ import annotations

from tests.browser.conftest import OpenPage

LINK = 'a.link[data-link="ict-digitalouskarjeksi"]'


def test_without_script_a_link_opens_its_reason_and_leads_to_the_lines(
    shipped_url: str, open_page: OpenPage
) -> None:
    page = open_page(shipped_url + "/lineage?lang=en", script=False).page
    page.locator(LINK).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**link=ict-digitalouskarjeksi#selected")
    panel = page.locator("#selected")
    assert "Cyber security and gamification" in panel.inner_text()
    assert "0.8" in panel.inner_text()
    source = panel.get_by_role("link", name="line 44")
    source.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/page/passage/kymenlaakso-ohjelma/44-44**")


def test_by_keyboard_a_link_is_reached_read_left_and_followed_to_its_source(
    shipped_url: str, open_page: OpenPage
) -> None:
    watched = open_page(shipped_url + "/lineage?lang=en&theme=ict")
    page = watched.page
    # Tab alone, from the top of the page.
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.link") == "ict-digitalouskarjeksi":
            break
    assert page.evaluate("document.activeElement.dataset.link") == "ict-digitalouskarjeksi"
    assert "Highlighted" in page.locator("#told").inner_text()
    on = page.locator(".sankey .link.on")
    assert on.count() == 3  # what leads to it belongs to its chain

    page.keyboard.press("Enter")
    panel = page.locator("#selected")
    panel.wait_for()
    assert page.evaluate("document.activeElement.id") == "selected"
    assert "Cyber security and gamification" in panel.inner_text()
    assert "link=ict-digitalouskarjeksi" in page.url
    watched.check()

    page.keyboard.press("Escape")
    assert panel.is_hidden()
    assert page.evaluate("document.activeElement.dataset.link") == "ict-digitalouskarjeksi"
    assert "link=" not in page.url

    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if "line 44" in page.evaluate("document.activeElement.textContent"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/page/passage/kymenlaakso-ohjelma/44-44**")


def test_a_point_lets_its_whole_chain_stand_out_and_escape_clears_it(
    shipped_url: str, open_page: OpenPage
) -> None:
    page = open_page(shipped_url + "/lineage?lang=en").page
    key = "https://w3id.org/kymgraph/id/priority/luonnonvarojen-alykas-kaytto"
    page.locator(f'a.box[data-key="{key}"]').focus()
    keys = page.eval_on_selector_all(".sankey .link.on", "all => all.map(a => a.dataset.link)")
    # In data/lineage.ttl: two readings lead to this priority, two lead on from it.
    assert sorted(keys) == [
        "luonnonvarat-bio-ja-kiertotalouskarjeksi",
        "luonnonvarat-luonnon-monimuotoisuuteen",
        "metsa-energia-ymparisto",
        "valinta-4-luonnonvarojen-alykas-kaytto",
    ]
    page.keyboard.press("Escape")
    assert page.locator(".sankey .on").count() == 0
    assert "cleared" in page.locator("#told").inner_text()


def test_the_filter_works_without_script(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(shipped_url + "/lineage?lang=en", script=False).page
    page.locator("#filter-at_least").select_option("0.9")
    page.locator("#filter-to").select_option("maakuntaohjelma-2014-2017")
    page.locator("form.filter button").click()
    assert page.locator("a.link.interpreted").count() == 4
    assert page.locator("#filter-at_least").input_value() == "0.9"


def test_a_number_of_the_matrix_leads_to_its_list(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(shipped_url + "/themes?lang=en", script=False).page
    cell = page.locator('tr[data-theme$="/theme/metsa"] td[data-instrument$="maakuntaohjelma-2014-2017"]')
    number = int(cell.inner_text())
    cell.locator("a").click()
    assert page.locator("#points tbody tr").count() == number
