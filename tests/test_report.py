"""A report as a value: its order, its languages, and the forms it is written in."""

from __future__ import annotations

import json

import pytest

from kymgraph.namespaces import KYM, KYMSH, SH
from kymgraph.rdf import FORMATS, BlankNode, Literal, NamedNode, parse
from kymgraph.report import INFO, VIOLATION, WARNING, Location, Report, Result

MIN_COUNT = NamedNode(SH + "MinCountConstraintComponent")


def result(focus: str, *, severity: NamedNode = VIOLATION, **more) -> Result:
    return Result(
        focus=NamedNode("https://example.org/" + focus),
        path=more.pop("path", NamedNode(KYM + "hasPriority")),
        value=more.pop("value", None),
        shape=NamedNode(KYMSH + "programme-has-priority"),
        component=MIN_COUNT,
        severity=severity,
        path_text=more.pop("path_text", "kym:hasPriority"),
        **more,
    )


def test_violations_come_first_and_the_order_does_not_depend_on_the_input():
    results = [result("b", severity=WARNING), result("c"), result("a"), result("a", severity=INFO)]

    report = Report.of(results)

    assert [(r.severity, r.focus.value[-1]) for r in report.results] == [
        (VIOLATION, "a"),
        (VIOLATION, "c"),
        (WARNING, "b"),
        (INFO, "a"),
    ]
    assert Report.of(reversed(results)) == report


@pytest.mark.parametrize(
    ("severity", "conforms", "accepted"),
    [
        (VIOLATION, False, False),
        (WARNING, False, True),
        (INFO, False, True),
        (NamedNode(KYM + "Grave"), False, False),
    ],
)
def test_only_violations_and_severities_of_ones_own_block(severity, conforms, accepted):
    report = Report.of([result("a", severity=severity)])

    assert (report.conforms, report.accepted) == (conforms, accepted)


def test_a_report_without_results_conforms_and_is_accepted():
    report = Report.of([])

    assert (report.conforms, report.accepted, report.truncated) == (True, True, False)


def test_the_limit_never_hides_that_something_is_violated():
    report = Report.of([*(result(f"w{n}", severity=WARNING) for n in range(5)), result("v")], limit=3)

    assert (report.truncated, report.accepted, len(report.results)) == (True, False, 3)
    assert report.stats["results"] == 6


@pytest.mark.parametrize(("lang", "text"), [("fi", "suomeksi"), ("sv", "på svenska"), ("en", "suomeksi")])
def test_a_missing_language_falls_back_to_finnish_first(lang, text):
    messages = (Literal("på svenska", language="sv"), Literal("suomeksi", language="fi"))

    assert result("a", messages=messages).message(lang) == text


def test_a_text_without_language_is_better_than_none():
    assert result("a", messages=(Literal("plain"),)).message("sv") == "plain"
    assert result("a").message("sv") == ""


@pytest.mark.parametrize(("lang", "word"), [("fi", "VIRHE"), ("sv", "FEL"), ("en", "VIOLATION")])
def test_the_text_names_resource_field_value_fault_and_rule(lang, word):
    report = Report.of(
        [
            result(
                "a",
                value=Literal("x", language="fi"),
                labels=(Literal("Ohjelma", language="fi"),),
                names=(Literal("painopiste", language="fi"),),
                messages=(Literal("Lisää se.", language="fi"),),
                source=Location("a.ttl", 7),
            )
        ]
    )

    text = report.to_text(lang)

    for part in (
        word,
        "Ohjelma",
        "a.ttl:7",
        "painopiste (kym:hasPriority)",
        '"x"@fi',
        "Lisää se.",
        "kymsh:programme",
    ):
        assert part in text


def test_the_w3c_form_holds_every_part_and_can_be_read_back():
    turtle = Report.of([result("a", value=Literal("x"), messages=(Literal("!", language="fi"),))]).to_turtle()

    quads = parse(turtle.encode(), FORMATS["ttl"])

    said = {
        q.predicate.value.removeprefix(SH): str(q.object) for q in quads if isinstance(q.subject, BlankNode)
    }
    assert said["conforms"] == '"false"^^<http://www.w3.org/2001/XMLSchema#boolean>'
    assert said["focusNode"] == "<https://example.org/a>"
    assert said["value"] == '"x"'
    assert said["resultPath"] == f"<{KYM}hasPriority>"
    assert said["resultMessage"] == '"!"@fi'
    assert said["sourceConstraintComponent"] == str(MIN_COUNT)


def test_a_file_name_becomes_a_uri_in_sarif(tmp_path):
    places = [Location("data/ä b.ttl", 3), Location(str(tmp_path / "x.ttl")), None]
    report = Report.of([result(f"r{n}", source=place) for n, place in enumerate(places)])

    run = json.loads(report.to_sarif())["runs"][0]

    physical = [r["locations"][0].get("physicalLocation") for r in run["results"]]
    assert physical[0] == {"artifactLocation": {"uri": "data/%C3%A4%20b.ttl"}, "region": {"startLine": 3}}
    assert physical[1]["artifactLocation"]["uri"].startswith("file:///")
    assert physical[2] is None
    assert [r["ruleIndex"] for r in run["results"]] == [0, 0, 0]


def test_the_longest_prefix_shortens_a_name():
    prefixes = {"e": "https://example.org/", "p": "https://example.org/programme/"}

    assert Report(prefixes=prefixes).short(NamedNode("https://example.org/programme/x")) == "p:x"
    assert Report(prefixes=prefixes).short(NamedNode("urn:x")) == "<urn:x>"


CHANGED = Report.of(
    [result("old", status="pre-existing"), result("fixed", status="mended"), result("new", severity=WARNING)]
)


def test_what_a_change_did_not_bring_does_not_block_it():
    assert (CHANGED.accepted, CHANGED.conforms) == (True, False)
    assert not Report.of([result("a", status="new"), result("b", status="mended")]).accepted


def test_mended_results_are_not_in_the_state_after_the_change():
    report = Report.of([result("a", status="mended")])

    assert (report.accepted, report.conforms, report.violations) == (True, True, ())
    assert "sh:result" not in report.to_turtle()
    assert json.loads(report.to_json())["results"][0]["status"] == "mended"
    assert json.loads(report.to_sarif())["runs"][0]["results"] == []


def test_what_a_change_brings_comes_first():
    assert [r.status for r in CHANGED.results] == ["new", "pre-existing", "mended"]


@pytest.mark.parametrize(
    ("lang", "old", "fixed", "sums"),
    [
        ("fi", "VIRHE (ennestään)", "VIRHE (korjautuu)", "Uusia: 1, ennestään: 1, korjautuvia: 1."),
        ("sv", "FEL (sedan tidigare)", "FEL (åtgärdas)", "Nya: 1, sedan tidigare: 1, åtgärdade: 1."),
        ("en", "VIOLATION (was there before)", "VIOLATION (mended)", "New: 1, there before: 1, mended: 1."),
    ],
)
def test_the_text_says_what_the_change_did(lang, old, fixed, sums):
    text = CHANGED.to_text(lang)

    for part in (old, fixed, sums):
        assert part in text
    assert sums not in Report.of([result("a")]).to_text(lang), "nothing was judged as a change"


def test_turtle_says_what_was_there_before():
    assert CHANGED.to_turtle().count("resultStatus") == 1
    assert 'kymsh:resultStatus "pre-existing"' in CHANGED.to_turtle()
