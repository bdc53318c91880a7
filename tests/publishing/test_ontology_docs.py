"""An ontology as phrases: every construct that the OWL of people uses, and none of them for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymgraph.namespaces import PREFIXES
from kymgraph.project import Project
from kymgraph.publishing.ontology_docs import Piece, TermDocument, read
from kymgraph.rdf import FORMATS, NamedNode, Quad, parse, skolemise
from kymgraph.store.memory import MemoryView

PROJECT = Project(Path())
HEAD = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())


def terms_of(turtle: str, *, skolem: bool = True) -> dict[str, TermDocument]:
    graph = NamedNode(PROJECT.base.graph("ontology"))
    parsed = parse((HEAD + turtle).encode(), FORMATS["ttl"])
    quads = [Quad(quad.subject, quad.predicate, quad.object, graph) for quad in parsed]
    view = MemoryView(skolemise(quads, PROJECT.base) if skolem else quads, in_union=PROJECT.in_union)
    return {term.anchor: term for term in read(view, PROJECT).terms}


def words(phrase: tuple[Piece, ...]) -> str:
    return " ".join(piece.value.rpartition("#")[2] for piece in phrase)


@pytest.mark.parametrize("skolem", [True, False], ids=["names for blank nodes", "blank nodes"])
@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("kym:B", "B"),
        ("[ owl:unionOf ( kym:B kym:C ) ]", "B or C"),
        ("[ owl:intersectionOf ( kym:C [ owl:complementOf kym:B ] ) ]", "C and ( not B )"),
        ("[ owl:oneOf ( kym:B kym:C ) ]", "B or C"),
        ("[ owl:onProperty kym:p ; owl:allValuesFrom [ owl:unionOf ( kym:B kym:C ) ] ]", "p only ( B or C )"),
        ("[ owl:onProperty kym:p ; owl:someValuesFrom kym:B ]", "p some B"),
        ('[ owl:onProperty kym:p ; owl:hasValue "yksi"@fi ]', "p value yksi"),
        ("[ owl:onProperty kym:p ; owl:maxCardinality 2 ]", "p at-most 2"),
        ("[ owl:onProperty kym:p ; owl:minQualifiedCardinality 1 ; owl:onClass kym:B ]", "p at-least 1 B"),
        ("[ owl:onProperty [ owl:inverseOf kym:p ] ; owl:cardinality 1 ]", "( inverse-of p ) exactly 1"),
        (
            "[ owl:onDatatype xsd:decimal ; owl:withRestrictions ( [ xsd:minInclusive 0.5 ] ) ]",
            "decimal ≥ 0.5",
        ),
        ("[ a owl:Class ]", "…"),
    ],
)
def test_an_expression_is_said_in_words(expression: str, said: str, skolem: bool) -> None:
    term = terms_of(f"kym:A a owl:Class ; rdfs:subClassOf {expression} .", skolem=skolem)["A"]

    [(key, [phrase])] = term.facts

    assert (key, words(phrase)) == ("superclass", said)


def test_a_term_knows_what_others_say_of_it() -> None:
    terms = terms_of("""
        kym:A a owl:Class . kym:B a owl:Class ; rdfs:subClassOf kym:A .
        kym:p a owl:ObjectProperty , owl:FunctionalProperty ;
          rdfs:domain [ owl:unionOf ( kym:A kym:B ) ] ; rdfs:range kym:A .
        kym:q rdfs:subPropertyOf kym:p .
    """)

    facts = {
        name: {key: [words(p) for p in phrases] for key, phrases in term.facts}
        for name, term in terms.items()
    }

    assert facts["A"] == {"subclass": ["B"], "properties": ["p"], "values-of": ["p"]}
    assert facts["B"] == {"superclass": ["A"], "properties": ["p"]}
    assert facts["p"]["subproperty"] == ["q"]
    assert (terms["p"].traits, terms["p"].kind, terms["q"].kind) == (("functional",), "relation", "other")


def test_a_list_and_an_expression_that_run_in_a_circle_come_to_an_end() -> None:
    terms = terms_of(
        "kym:A a owl:Class ; rdfs:subClassOf _:x . _:x owl:complementOf _:x ."
        "kym:B a owl:Class ; rdfs:subClassOf [ owl:unionOf _:l ] . _:l rdf:first kym:A ; rdf:rest _:l .",
        skolem=False,
    )

    [(_, [phrase])] = terms["A"].facts
    assert words(phrase).startswith("not ( not (")
    assert "…" in words(phrase)
    assert len(terms["B"].facts[0][1][0]) < 1000
