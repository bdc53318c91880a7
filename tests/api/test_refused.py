"""Refusals as people see them: a page in their language; programs get problem+json as ever."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from api.pages import Pages
from api.problems import problem
from api.refused import page
from kymgraph.errors import BadParameter, Busy

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nowhere", 404, "Tässä osoitteessa ei ole mitään"),
        ("/api/v1/nowhere", 404, "Tässä osoitteessa ei ole mitään"),
        ("/changes.atom?colour=red", 400, "Mitään ei muutettu"),
        ("/dumps/nowhere.ttl", 404, "Tässä osoitteessa ei ole mitään"),
    ],
)
def test_a_browser_gets_a_page_and_a_program_a_problem(
    site: Any, http: httpx.Client, path: str, status: int, words: str
) -> None:
    shown, said = http.get(site.url + path, headers=HTML), http.get(site.url + path)

    assert shown.status_code == said.status_code == status
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert shown.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert words in shown.text
    assert said.headers["content-type"] == "application/problem+json"
    assert said.json()["code"] in shown.text


@pytest.mark.parametrize(("lang", "words"), [("sv", "Det finns ingenting"), ("en", "There is nothing")])
def test_it_speaks_the_readers_language(site: Any, http: httpx.Client, lang: str, words: str) -> None:
    shown = http.get(f"{site.url}/nowhere?lang={lang}", headers=HTML)

    assert shown.headers["content-language"] == lang
    assert words in shown.text


def test_what_is_hostile_in_an_address_is_shown_as_text(site: Any, http: httpx.Client) -> None:
    shown = http.get(site.url + "/<script>alert(1)</script>", headers=HTML)

    assert shown.status_code == 404
    assert "<script>alert" not in shown.text


def test_what_wants_a_moment_offers_to_be_asked_again() -> None:
    services: Any = SimpleNamespace(pages=Pages({"fi": "Koe"}))
    busy, wrong = problem(Busy("nothing was run"), "fi"), problem(BadParameter("nothing was read"), "fi")

    assert busy.status == 503
    assert "retry-after" in busy.headers
    assert b"Yrit\xc3\xa4 uudelleen" in page(services, busy, "/map", [])
    assert b"Yrit\xc3\xa4 uudelleen" not in page(services, busy, "/map", [], again=False)
    assert b"Yrit\xc3\xa4 uudelleen" not in page(services, wrong, "/map", [])
