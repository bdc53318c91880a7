"""The plain pages: usable without script, in three languages, and hostile data is only ever text."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

HTML = {"Accept": "text/html"}
LABELS = """PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?x ?label WHERE { ?x a <https://example.org/kym/id/Plan> ; rdfs:label ?label }"""


def page(http: httpx.Client, url: str, **parameters: str) -> str:
    response = http.get(url, params=parameters or None, headers=HTML)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


@pytest.mark.parametrize(
    ("lang", "words"), [("fi", "Suorita kysely"), ("sv", "Kör frågan"), ("en", "Run query")]
)
def test_the_form_speaks_three_languages(site: Any, http: httpx.Client, lang: str, words: str) -> None:
    text = page(http, site.sparql, lang=lang)

    assert f'<html lang="{lang}">' in text
    assert words in text
    assert {f'hreflang="{other}"' for other in ("fi", "sv", "en")} <= set(
        re.findall(r'hreflang="\w\w"', text)
    )


def test_finnish_is_the_language_of_those_who_do_not_say(site: Any, http: httpx.Client) -> None:
    assert '<html lang="fi">' in page(http, site.sparql)


def test_a_result_is_a_table_without_any_script(site: Any, http: httpx.Client) -> None:
    text = page(http, site.sparql, query=LABELS)

    assert '<th scope="col">label</th>' in text
    assert '<bdi lang="en">plan</bdi> <span class="tag">@en</span>' in text
    assert not re.search(r"<script(?! type=\"module\" src=\"/static/)", text)
    assert " style=" not in text
    assert not re.search(r" on\w+=", text)


def test_hostile_literals_and_iris_are_shown_as_text(site: Any, http: httpx.Client) -> None:
    query = "SELECT * WHERE { <https://example.org/kym/id/goal> ?p ?o }"

    text = page(http, site.sparql, query=query)

    assert "&lt;script&gt;alert(" in text
    assert "<script>alert(" not in text
    assert "javascript:alert(1)" in text
    assert 'href="javascript:' not in text
    assert 'href="https://a.example/"' in text


@pytest.mark.parametrize("hostile", ["</textarea><script>x</script>", '"><img src=x onerror=y>', "{{ 7*7 }}"])
def test_hostile_queries_are_shown_as_text(site: Any, http: httpx.Client, hostile: str) -> None:
    response = http.get(site.sparql, params={"query": hostile}, headers=HTML)

    assert response.status_code == 400
    assert hostile not in response.text or hostile == "{{ 7*7 }}"
    assert "49" not in response.text


def test_an_error_is_shown_beside_the_query_that_caused_it(site: Any, http: httpx.Client) -> None:
    response = http.get(site.sparql, params={"query": "SELECT ?x WHERE {", "lang": "sv"}, headers=HTML)

    assert response.status_code == 400
    assert "Syntaxfel i frågan" in response.text
    assert "SELECT ?x WHERE {</textarea>" in response.text
    assert 'data-line="1"' in response.text


def test_true_and_graphs_and_nothing(site: Any, http: httpx.Client) -> None:
    assert ">Yes<" in page(http, site.sparql, query="ASK {}", lang="en")
    assert "a id:Plan" in page(http, site.sparql, query="DESCRIBE <https://example.org/kym/id/plan>")
    assert "found no rows" in page(http, site.sparql, query="SELECT ?x { ?x ?y 'nobody' }", lang="en")


def test_a_long_result_shows_its_beginning_and_says_so(site: Any, http: httpx.Client) -> None:
    text = page(http, site.sparql, query="SELECT * { ?s ?p ?o }", lang="en")

    assert text.count("<tr>") == 501
    assert "Rows: 500+" in text
    assert "only the beginning" in text


def test_examples_are_listed_and_open_in_the_form(site: Any, http: httpx.Client) -> None:
    listed = http.get(site.url + "/examples", headers={"Accept": "application/json"}).json()
    text = page(http, site.url + "/examples")
    [link] = re.findall(r'href="(/sparql\?example=[^"]+)"', text)
    form = page(http, site.url + link.replace("&amp;", "&"))

    assert [example["name"] for example in listed] == ["Q01"]
    assert listed[0]["query"].startswith("PREFIX ex:")
    assert "Mitä osia suunnitelmalla on?" in text
    assert "SELECT ?part WHERE" in form


def test_links_of_a_result_lead_to_the_same_result(site: Any, http: httpx.Client) -> None:
    text = page(http, site.sparql, query=LABELS)
    link = next(link for link in re.findall(r'href="(/sparql\?query=[^"]+)"', text) if "format=csv" in link)

    response = http.get(site.url + link.replace("&amp;", "&"))

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.text.startswith("x,label")


def test_the_root_is_a_page_for_readers_and_leads_programs_to_the_service(
    site: Any, http: httpx.Client
) -> None:
    page = http.get(site.url + "/", headers={"accept": "text/html"})
    leads = http.get(site.url + "/", headers={"accept": "text/turtle"})

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (leads.status_code, leads.headers["location"]) == (303, "/sparql")
