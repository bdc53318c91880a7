"""What a form changes: what it shows and somebody altered, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymgraph.forms.change import SAME, Edit, Sent, claims_of, read
from kymgraph.forms.form import RESTS_ON, Form, form_of, new_form
from kymgraph.namespaces import RDF, SKOS, XSD, Base
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, Literal, NamedNode, Quad, parse
from kymgraph.store.memory import MemoryView
from tests.needs import size

BASE = Base("https://example.org/kym/")
IRI = BASE.id("plan", "a")
THING, GRAPH = NamedNode(IRI), BASE.graph("doc")
LABEL = SKOS + "prefLabel"
VOCABULARY = """
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix ex: <https://example.org/kym/id/> .
@prefix graph: <https://example.org/kym/graph/> .
graph:shapes {
  ex:shape a sh:NodeShape ; sh:targetClass ex:Plan ; sh:property ex:s1 , ex:s2 , ex:s3 , ex:s4 , ex:s5 .
  ex:s1 sh:path ex:pages ; sh:datatype xsd:integer ; sh:name "sivuja"@fi ; sh:maxCount 1 .
  ex:s2 sh:path ex:pages ; sh:minInclusive 1 .
  ex:s3 sh:path ex:part ; sh:class ex:Part ; sh:minCount 1 ; sh:name "osa"@fi .
  ex:s4 sh:path ex:from ; sh:name "alkaen"@fi ; sh:or ex:list1 .
  ex:list1 rdf:first ex:b1 ; rdf:rest ex:list2 . ex:b1 sh:datatype xsd:gYear .
  ex:list2 rdf:first ex:b2 ; rdf:rest rdf:nil . ex:b2 sh:datatype xsd:date .
  ex:s5 sh:path ex:mode ; sh:in ex:list3 . ex:list3 rdf:first ex:one ; rdf:rest rdf:nil .
}
graph:doc {
  ex:p1 a ex:Part ; skos:prefLabel "osa yksi"@fi . ex:p2 a ex:Part ; skos:prefLabel "osa kaksi"@fi .
  <https://example.org/kym/id/passage/doc/3-3> a kym:Passage ; kym:firstLine 3 ; kym:lastLine 3 .
}
"""
ABOUT = """
graph:doc {
  <https://example.org/kym/id/plan/a> a ex:Plan ; skos:prefLabel "Suunnitelma"@fi ; ex:pages 12 ;
    ex:part ex:p1 ; ex:from "2014"^^xsd:gYear ; kym:restsOn <https://example.org/kym/id/passage/doc/3-3> .
  <https://example.org/kym/id/claim/c> a rdf:Statement ; rdf:subject <https://example.org/kym/id/plan/a> ;
    rdf:predicate ex:from ; rdf:object "2014"^^xsd:gYear ;
    kym:restsOn <https://example.org/kym/id/passage/doc/3-3> .
}
graph:translations { <https://example.org/kym/id/plan/a> skos:prefLabel "Plan"@sv . }
graph:links { <https://example.org/kym/id/plan/a> skos:exactMatch <https://a.example/> . }
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_in(tmp_path)


def project_in(folder: Path) -> Project:
    return Project(folder, BASE, languages=("fi", "sv", "en"), sources={"doc": "doc.txt"})


def quads_of(text: str) -> list[Quad]:
    prefixes = VOCABULARY.partition("graph:shapes {")[0]
    return list(parse((VOCABULARY + text.replace(prefixes, "")).encode(), FORMATS["trig"]))


def view_of(quads: Sequence[Quad]) -> MemoryView:
    return MemoryView(list(quads))


def rows_of(form: Form) -> list[Sent]:
    """What a browser sends back of a form that nobody touched."""
    found = []
    for one in form.fields:
        for row in one.rows:
            number = str(len(found))
            found.append(Sent(number, one.graph, one.predicate, row.old, row.text, row.lang))
    return found


def altered(rows: list[Sent], predicate: str, text: str) -> list[Sent]:
    """The rows with the first value of a property typed anew."""
    place = next(n for n, row in enumerate(rows) if row.predicate == predicate)
    row = rows[place]
    return [*rows[:place], replace(row, text=text), *rows[place + 1 :]]


def the_form(project: Project, text: str = ABOUT) -> tuple[Form, MemoryView]:
    view = view_of(quads_of(text))
    return form_of(view, project, IRI, "fi"), view


def made(project: Project, predicate: str, typed: str, basis: str = SAME) -> Edit:
    form, view = the_form(project)
    return read(form, altered(rows_of(form), predicate, typed), {GRAPH: basis} if basis else {}, view, BASE)


def test_a_form_that_nobody_touched_changes_nothing(project: Project) -> None:
    form, view = the_form(project)

    edit = read(form, rows_of(form), {}, view, BASE)

    assert edit.empty
    assert edit.faults == []


def test_only_graphs_that_are_edited_by_hand_have_a_section(project: Project) -> None:
    form, _ = the_form(project)

    assert [(section.name, section.purpose) for section in form.sections] == [
        ("doc", "source"),
        ("translations", "translations"),
    ]
    assert form.elsewhere == ("links",)


def test_shapes_about_one_property_make_one_field(project: Project) -> None:
    form, _ = the_form(project)

    pages = form.field(GRAPH, BASE.id("pages", "")[:-1])
    assert pages is not None
    assert (pages.rule.most, pages.rule.datatypes, pages.kind) == (1, (XSD + "integer",), "value")
    dates = form.field(GRAPH, BASE.ids + "from")
    assert dates is not None
    assert dates.rule.datatypes == (XSD + "gYear", XSD + "date")


def test_an_altered_value_is_one_quad_out_and_one_in(project: Project) -> None:
    edit = made(project, LABEL, "Uusi nimi")

    name, graph = NamedNode(LABEL), NamedNode(GRAPH)
    assert edit.removed == {Quad(THING, name, Literal("Suunnitelma", language="fi"), graph)}
    assert edit.added == {Quad(THING, name, Literal("Uusi nimi", language="fi"), graph)}


def test_a_claim_follows_the_value_that_it_is_about(project: Project) -> None:
    edit = made(project, BASE.ids + "from", "15.6.2015")

    day = Literal("2015-06-15", datatype=NamedNode(XSD + "date"))
    claim = NamedNode(BASE.id("claim", "c"))
    assert {(q.subject, q.predicate.value, q.object) for q in edit.added} == {
        (THING, BASE.ids + "from", day),
        (claim, RDF + "object", day),
    }
    assert {q.subject for q in edit.removed} == {THING, claim}
    assert len(edit.removed) == 2


def test_a_claim_goes_with_the_value_that_is_taken_away(project: Project) -> None:
    edit = made(project, BASE.ids + "from", "")

    assert not edit.added
    assert sorted(quad.subject.value for quad in edit.removed) == [BASE.id("claim", "c")] * 5 + [IRI]


def test_another_passage_makes_a_claim_for_the_altered_fact_alone(project: Project) -> None:
    passage = BASE.id("passage", "doc/3-3")
    edit = made(project, LABEL, "Uusi nimi", passage)

    claims = {q.subject for q in edit.added if q.predicate.value == RESTS_ON}
    assert len(claims) == 1
    assert {
        q.object.value for q in edit.added if q.subject in claims and q.predicate.value == RDF + "subject"
    } == {IRI}


def test_a_new_fact_of_a_source_asks_what_it_rests_on(project: Project) -> None:
    assert made(project, LABEL, "Uusi nimi", "").unproven == [GRAPH]
    assert made(project, LABEL, "Uusi nimi").unproven == []
    assert [fault.key for fault in made(project, LABEL, "x", BASE.id("passage", "doc/9-9")).faults] == [
        "edit.fault.passage"
    ]


@pytest.mark.parametrize(
    ("predicate", "typed", "key"),
    [
        (BASE.ids + "pages", "monta", "edit.fault.whole"),
        (BASE.ids + "from", "viime vuonna", "edit.fault.date"),
        (BASE.ids + "from", "31.2.2014", "edit.fault.date"),
        (BASE.ids + "from", "5/2014", "edit.fault.date"),
        (BASE.ids + "part", "olematon", "edit.fault.thing"),
        (LABEL, "bell\x07", "edit.fault.control"),
    ],
)
def test_what_a_field_cannot_take_is_said_at_the_field(
    project: Project, predicate: str, typed: str, key: str
) -> None:
    edit = made(project, predicate, typed)

    assert [fault.key for fault in edit.faults] == [key]
    assert edit.empty


def test_a_thing_is_meant_by_its_name_its_path_or_its_iri(project: Project) -> None:
    for typed in ("osa kaksi", "p2", BASE.ids + "p2", "Ihan muuta [p2]"):
        [added] = made(project, BASE.ids + "part", typed).added
        assert added.object == NamedNode(BASE.ids + "p2")


def test_a_value_that_is_there_no_more_is_a_fault_and_no_change(project: Project) -> None:
    form, _ = the_form(project)
    rows = altered(rows_of(form), LABEL, "Uusi")
    later = the_form(project, ABOUT.replace('"Suunnitelma"@fi', '"Toisen muuttama"@fi'))

    edit = read(later[0], rows, {GRAPH: SAME}, later[1], BASE)

    assert [fault.key for fault in edit.faults] == ["edit.fault.moved"]
    assert edit.empty


def test_two_rows_of_the_same_value_make_one_quad(project: Project) -> None:
    form, view = the_form(project)
    more = Sent("90", GRAPH, BASE.ids + "part", None, "osa yksi")

    edit = read(form, [*rows_of(form), more], {GRAPH: SAME}, view, BASE)

    assert edit.empty


def test_a_new_thing_gets_its_class_where_its_first_fact_stands(project: Project) -> None:
    view = view_of(quads_of(""))
    form = new_form(view, project, BASE.id("plan", "b"), BASE.ids + "Plan", GRAPH, "fi")
    sent = [Sent("0", GRAPH, LABEL, None, "Uusi", "fi")]

    edit = read(form, sent, {}, view, BASE)

    assert {(q.predicate.value, q.object.value) for q in edit.added} == {
        (LABEL, "Uusi"),
        (RDF + "type", BASE.ids + "Plan"),
    }


# --- the law --------------------------------------------------------------------------------------------

GRAPHS = [BASE.graph(name) for name in ("doc", "translations", "links", "background", "catalog", "ledger")]
PREDICATES = [LABEL, SKOS + "altLabel", BASE.ids + "pages", BASE.ids + "from", BASE.ids + "odd", RESTS_ON]
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=20)
LITERALS = st.one_of(
    st.builds(lambda text, lang: Literal(text, language=lang), TEXTS, st.sampled_from(["fi", "sv", "de-at"])),
    st.builds(Literal, TEXTS),
    st.builds(lambda n: Literal(str(n), datatype=NamedNode(XSD + "integer")), st.integers(0, 99)),
    st.builds(lambda text: Literal(text, datatype=NamedNode("https://a.example/odd")), TEXTS),
)
TERMS = st.one_of(
    LITERALS,
    st.sampled_from(
        [NamedNode(BASE.ids + "p1"), NamedNode("javascript:alert(1)"), NamedNode(BASE.genid("x"))]
    ),
)
STATES = st.lists(
    st.builds(
        lambda subject, predicate, value, graph: Quad(subject, NamedNode(predicate), value, NamedNode(graph)),
        st.sampled_from([THING, THING, NamedNode(BASE.ids + "p1")]),
        st.sampled_from(PREDICATES),
        TERMS,
        st.sampled_from(GRAPHS),
    ),
    max_size=25,
)


@given(STATES, st.data())
@settings(max_examples=size(quick=60, ci=300, night=3000), deadline=None)
def test_what_the_form_does_not_show_or_nobody_altered_is_untouched(
    tmp_path_factory: pytest.TempPathFactory, state: list[Quad], data: st.DataObject
) -> None:
    project = project_in(tmp_path_factory.getbasetemp())
    there = {*quads_of(ABOUT), *state}
    view = view_of(sorted(there, key=str))
    form = form_of(view, project, IRI, "fi")
    rows = rows_of(form)
    touched = set(data.draw(st.lists(st.sampled_from(range(len(rows))), max_size=4)))
    sent = [
        Sent(row.number, row.graph, row.predicate, row.old, data.draw(TEXTS), row.lang)
        if n in touched
        else row
        for n, row in enumerate(rows)
    ]

    edit = read(form, sent, {GRAPH: SAME}, view, BASE)

    may_go = {
        Quad(THING, NamedNode(rows[n].predicate), rows[n].old, NamedNode(rows[n].graph))
        for n in touched
        if rows[n].old is not None
    }
    claims = {
        claim
        for quad in may_go
        for claim in claims_of(view, THING, quad.predicate, quad.object, quad.graph_name)  # type: ignore[arg-type]
    }
    assert {quad for quad in edit.removed if quad.subject not in claims} <= may_go
    assert edit.removed <= there
    assert not edit.added & there
    places = {(rows[n].predicate, rows[n].graph) for n in touched}
    assert {(q.predicate.value, q.graph_name.value) for q in edit.added if q.subject == THING} <= places  # type: ignore[union-attr]
    assert {q.subject for q in (edit.added | edit.removed)} <= {THING, *claims}


def test_the_graphs_that_no_form_edits_are_none_of_its_sections(project: Project) -> None:
    form, _ = the_form(project, f"{ABOUT} graph:ledger {{ <{IRI}> kym:x 1 . }}")

    assert "ledger" in form.elsewhere
