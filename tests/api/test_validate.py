"""`/validate`: what foreign RDF looks like to the shapes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import rdflib
from rdflib import SH, Graph, URIRef

EX = "@prefix ex: <https://example.org/kym/id/> .\n"
GOOD = EX + "ex:new a ex:Plan ; ex:part ex:goal ."
BAD = EX + "ex:new a ex:Plan ; ex:part ex:goal , ex:nowhere ."
SUBCLASS = EX + "ex:new a ex:Plan ; ex:part ex:mine . ex:mine a ex:Aim ."


def validate(http: httpx.Client, site: Any, body: str | bytes, **headers: str) -> httpx.Response:
    given = {
        "Content-Type": "text/turtle",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return http.post(site.url + "/validate", content=body, headers=given)


def test_a_report_names_resource_property_value_and_mend(site: Any, http: httpx.Client) -> None:
    report = Graph().parse(data=validate(http, site, BAD).text, format="turtle")

    [result] = report.subjects(rdflib.RDF.type, SH.ValidationResult)
    assert report.value(result, SH.focusNode) == URIRef("https://example.org/kym/id/new")
    assert report.value(result, SH.resultPath) == URIRef("https://example.org/kym/id/part")
    assert report.value(result, SH.value) == URIRef("https://example.org/kym/id/nowhere")
    assert "Osan pitää olla tavoite." in {str(text) for text in report.objects(result, SH.resultMessage)}


@pytest.mark.parametrize("body", [GOOD, SUBCLASS])
def test_links_to_what_the_graph_knows_are_judged_as_what_they_are(
    site: Any, http: httpx.Client, body: str
) -> None:
    assert validate(http, site, body, accept="application/json").json()["conforms"] is True


@pytest.mark.parametrize(
    ("accept", "media_type", "part"),
    [
        ("text/turtle", "text/turtle", "sh:ValidationReport"),
        ("application/ld+json", "application/ld+json", "ValidationReport"),
        ("application/json", "application/json", '"conforms": false'),
        ("text/plain", "text/plain", "A part must be a goal."),
        ("text/html", "text/html", "<td>A part must be a goal.</td>"),
        ("*/*", "text/turtle", "sh:ValidationReport"),
    ],
)
def test_the_report_comes_as_asked_for(
    site: Any, http: httpx.Client, accept: str, media_type: str, part: str
) -> None:
    response = validate(http, site, BAD, accept=accept, accept_language="en")

    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert part in response.text


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (EX + "ex:a ex:b\n  ex:c ex:d ex:e .", {}, (400, "rdf-syntax")),
        (
            "<!DOCTYPE rdf [<!ENTITY a 'b'>]><rdf/>",
            {"content_type": "application/rdf+xml"},
            (400, "unsafe-payload"),
        ),
        ("a,b", {"content_type": "text/markdown"}, (415, "unsupported-media-type")),
        (GOOD, {"accept": "image/png"}, (406, "format-not-available")),
    ],
)
def test_what_cannot_be_judged_is_refused(
    site: Any, http: httpx.Client, body: str, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    given = {"Content-Type": "text/turtle"} | {k.replace("_", "-").title(): v for k, v in headers.items()}

    response = http.post(site.url + "/validate", content=body, headers=given)

    assert (response.status_code, response.json()["code"]) == expected
    if expected[1] == "rdf-syntax":
        assert response.json()["line"] == 3


def test_a_body_over_the_limit_is_a_413(strict_site: Any, http: httpx.Client) -> None:
    response = validate(http, strict_site, "# " + "x" * 300_000)

    assert (response.status_code, response.json()["code"]) == (413, "body-too-large")


def test_a_pattern_that_runs_for_ever_is_ended(site: Any, http: httpx.Client) -> None:
    """`^([a-z]+)+@x$` against this text takes Python's regular expressions longer than the sun will shine."""
    body = EX + f'ex:new ex:code "{"a" * 60}" .'

    response = validate(http, site, body)

    assert (response.status_code, response.json()["code"]) == (503, "gate-timeout")
    assert response.headers["retry-after"]
    assert response.elapsed.total_seconds() < 15
    assert http.get(site.url + "/health").status_code == 200
