"""Every type of page is valid HTML, in each language at ci, as the Nu checker of the W3C sees it."""

from __future__ import annotations

import httpx

from tests.browser.test_walk import STATUS
from tests.browser.walk import LANGUAGES, PAGES, at
from tests.html import faults_of
from tests.needs import size


def test_every_page_is_valid(lived_url: str) -> None:
    languages = LANGUAGES[: size(quick=1, ci=3, night=3)]
    pages = {}
    for name, path in PAGES.items():
        for lang in languages:
            answer = httpx.get(
                lived_url + at(path, lang), headers={"Accept": "text/html"}, timeout=60, follow_redirects=True
            )
            assert answer.status_code == STATUS.get(name, 200), name
            pages[f"{name} {lang}"] = answer.text

    assert faults_of(pages) == []
