"""The plain pages in a browser."""

from __future__ import annotations

from tests.browser.conftest import OpenPage


def test_the_query_page(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(shipped_url + "/sparql?lang=fi")
    assert watched.page.locator("h1").inner_text() == "SPARQL-kysely"
    watched.check()
