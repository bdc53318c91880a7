from __future__ import annotations

import contextlib
from datetime import date, datetime
from decimal import Decimal

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymgraph.errors import FormatNotAvailable
from kymgraph.results import GRAPH_FORMATS, SOLUTION_FORMATS, available, by_name, negotiate, rows, to_python

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
SPARQL_WRAPPER = "application/sparql-results+json,application/json,text/javascript,application/javascript"


@pytest.mark.parametrize(
    ("accept", "form", "name"),
    [
        (None, "select", "json"),
        ("", "select", "json"),
        ("*/*", "construct", "ttl"),
        ("*", "select", "json"),
        ("text/csv", "select", "csv"),
        ("TEXT/CSV", "select", "csv"),
        ("text/*", "select", "csv"),
        ("text/*", "construct", "ttl"),
        ("application/*", "construct", "nt"),
        ("application/*", "ask", "json"),
        ("application/sparql-results+xml, application/sparql-results+json;q=0.9", "select", "xml"),
        ("application/sparql-results+xml;q=0.2, application/sparql-results+json;q=0.3", "select", "json"),
        ("text/csv, */*", "select", "csv"),  # what was named goes before what a wildcard lets in
        ("*/*, text/csv;q=0.1", "select", "json"),
        ("*/*;q=0.5, application/sparql-results+json;q=0", "select", "xml"),
        ("text/*;q=0.9, text/csv;q=0.1", "select", "tsv"),
        ("text/turtle;q=0, */*", "construct", "nt"),
        ("application/n-triples ; q=1.0 , text/turtle ; q=0.999", "construct", "nt"),
        ("text/turtle;version=1.1;q=0.5, application/ld+json;q=0.4", "construct", "ttl"),
        ("text/turtle;q=abc", "construct", "ttl"),
        (";;, ,garbage, text turtle, */turtle, application/trig", "construct", "trig"),
        ("application/n-quads", "construct", "nq"),
        ("application/ld+json", "describe", "jsonld"),
        ("text/plain", "construct", "nt"),
        (FIREFOX, "select", "xml"),
        (SPARQL_WRAPPER, "select", "json"),
        ("application/turtle,text/turtle,text/rdf+n3,application/rdf+xml", "construct", "ttl"),
    ],
)
def test_the_accept_header_decides(accept, form, name):
    assert negotiate(accept, form).name == name


def test_an_alias_is_answered_as_the_alias_and_written_in_its_format():
    chosen = negotiate("application/json", "select")
    assert (chosen.media_type, chosen.ox) == ("application/json", "application/sparql-results+json")
    assert negotiate("application/json, application/sparql-results+json", "select").media_type == chosen.ox
    assert negotiate("application/xml", "construct").ox == "application/rdf+xml"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/html", "select"),
        ("text/csv", "ask"),
        ("text/csv", "construct"),
        ("text/turtle", "select"),
        ("*/*;q=0", "select"),
        ("application/sparql-results+json;q=0, application/sparql-results+json;q=0.0", "ask"),
    ],
)
def test_what_cannot_be_had_is_refused_with_what_there_is(accept, form):
    with pytest.raises(FormatNotAvailable) as caught:
        negotiate(accept, form)
    assert available(form)[0].media_type in (caught.value.hint or "")


@given(st.text(), st.sampled_from(["select", "ask", "construct", "describe"]))
def test_no_header_is_too_strange_to_be_answered_or_refused(accept, form):
    with contextlib.suppress(FormatNotAvailable):
        assert negotiate(accept, form).kind in ("solutions", "graph")


def test_formats_by_the_names_that_people_use():
    assert by_name("xml", "select").name == "xml"
    assert by_name("xml", "construct").name == "rdf"
    assert by_name("JSON", "describe").name == "jsonld"
    assert by_name(".srj", "ask").name == "json"
    assert by_name("turtle", "construct").name == "ttl"
    assert by_name("text/turtle", "construct").name == "ttl"
    assert by_name("application/json", "select").media_type == "application/json"
    for name, form in (("csv", "ask"), ("ttl", "select"), ("docx", "select")):
        with pytest.raises(FormatNotAvailable, match="nothing was run"):
            by_name(name, form)


def test_every_format_is_one_that_the_engine_writes():
    for offer in SOLUTION_FORMATS:
        assert ox.QueryResultsFormat.from_media_type(offer.ox)
    for offer in GRAPH_FORMATS:
        assert ox.RdfFormat.from_media_type(offer.ox)
    assert by_name("csv", "select").content_type == "text/csv; charset=utf-8"
    assert by_name("json", "select").content_type == "application/sparql-results+json"


def test_rows_are_terms_by_key_and_python_values_by_name():
    store = ox.Store()
    xsd = "http://www.w3.org/2001/XMLSchema#"
    data = store.query(
        f"""SELECT * {{ VALUES (?i ?d ?f ?b ?day ?time ?year ?odd ?text ?iri ?none) {{
        (7 1.50 1e0 true "2021-01-31"^^<{xsd}date> "2021-01-31T10:00:00Z"^^<{xsd}dateTime>
         "2021"^^<{xsd}gYear> "-0044-03-15"^^<{xsd}date> "Kotka"@fi <http://e/a> UNDEF) }} }}"""
    ).serialize(format=ox.QueryResultsFormat.JSON)
    assert data is not None

    answer = rows(data)
    row = answer[0]

    assert (row.i, row.d, row.f, row.b) == (7, Decimal("1.5"), 1.0, True)
    assert row.day == date(2021, 1, 31)
    assert row.time == datetime.fromisoformat("2021-01-31T10:00:00+00:00")
    assert (row.year, row.odd) == ("2021", "-0044-03-15")
    assert (row.text, row.iri, row.none) == ("Kotka", "http://e/a", None)
    assert row["text"] == ox.Literal("Kotka", language="fi")
    assert row["none"] is None
    assert set(row) == set(answer.variables)
    assert "text='Kotka'" in repr(row)
    with pytest.raises(AttributeError, match=r"no variable \?name"):
        _ = row.name
    assert len(answer[:1]) == 1


def test_an_ask_is_its_boolean():
    assert rows(b'{"head":{},"boolean":true}').boolean is True
    assert not rows(b'{"head":{},"boolean":false}')
    assert not rows(b'{"head":{"vars":["x"]},"results":{"bindings":[]}}')


def test_bytes_that_are_no_answer_are_a_value_error():
    for data in (b"", b"[]", b'{"head":{"vars":["x"]},"results":{"bindings":[{"x":{"type":"wurst"}}]}}'):
        with pytest.raises(ValueError, match="not an answer in SPARQL JSON"):
            rows(data)


def test_blank_nodes_and_triples_are_texts_in_python():
    assert to_python(ox.BlankNode("b")) == "b"
    assert to_python(None) is None
    assert "<http://e/a>" in str(to_python(ox.Triple(*[ox.NamedNode("http://e/a")] * 3)))


def test_an_answer_of_others_that_is_nested_without_end_is_refused_unread() -> None:
    term = b'{"type": "triple", "value": {"subject": ' * 50_000
    body = b'{"head": {"vars": ["x"]}, "results": {"bindings": [{"x": ' + term

    with pytest.raises(ValueError, match="nested deeper"):
        rows(body, foreign=True)
