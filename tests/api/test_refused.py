"""Refusals as people see them: a page in their language; programs get problem+json as ever."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nowhere", 404, "Tässä osoitteessa ei ole mitään"),
        ("/api/v1/nowhere", 404, "Tässä osoitteessa ei ole mitään"),
        ("/changes.atom?colour=red", 400, "Mitään ei muutettu"),
    ],
)
def test_a_browser_gets_a_page_and_a_program_a_problem(
    site: Any, http: httpx.Client, path: str, status: int, words: str
) -> None:
    page, problem = http.get(site.url + path, headers=HTML), http.get(site.url + path)

    assert page.status_code == problem.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert words in page.text
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] in page.text


@pytest.mark.parametrize(("lang", "words"), [("sv", "Det finns ingenting"), ("en", "There is nothing")])
def test_it_speaks_the_readers_language(site: Any, http: httpx.Client, lang: str, words: str) -> None:
    page = http.get(f"{site.url}/nowhere?lang={lang}", headers=HTML)

    assert page.headers["content-language"] == lang
    assert words in page.text


def test_what_is_hostile_in_an_address_is_shown_as_text(site: Any, http: httpx.Client) -> None:
    page = http.get(site.url + "/<script>alert(1)</script>", headers=HTML)

    assert page.status_code == 404
    assert "<script>alert" not in page.text


def test_what_wants_a_moment_offers_to_be_asked_again(built: Any, serve: Any, http: httpx.Client) -> None:
    url = serve(built.project, built.store)  # fresh: its dumps are not made yet

    page, other = http.get(url + "/catalog", headers=HTML), http.get(url + "/nowhere", headers=HTML)

    assert page.status_code == 503
    assert "retry-after" in page.headers
    assert "Yritä uudelleen" in page.text
    assert "Yritä uudelleen" not in other.text
