"""Every constraint fails for its own fixture and passes for another, and no shape of ours looks at nothing.

`<class>/valid.*.ttl` and `<class>/invalid.<name>.ttl` are judged by the project's shapes together with its
ontology; `invalid.<name>.expected.ttl` holds exactly the results: focus, source shape, severity and, where
it helps, path and value. `policy/valid.<rule>[.<name>].trig` and `policy/invalid.<rule>[.<name>].trig` hold
named graphs, since rules are about graphs; shapes and rules judge them. To add a constraint, add its two
fixtures: `test_each_constraint_has_fixtures` says what is missing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from pyshacl.constraints import ALL_CONSTRAINT_PARAMETERS
from rdflib import SH, BNode, Graph

from kymgraph import files
from kymgraph.gate import full
from kymgraph.gate.terms import from_rdflib, to_graph
from kymgraph.namespaces import KYMSH
from kymgraph.project import Project
from kymgraph.rdf import Quad, canonical, parse

HERE = Path(__file__).parent
PROJECT = Project.load(HERE.parents[1])
VALID = sorted(HERE.glob("*/valid.*"))
INVALID = sorted(f for f in HERE.glob("*/invalid.*") if not f.name.endswith(".expected.ttl"))
#: What a fixture may say of an expected result; a part that it leaves out is not compared.
PARTS = {
    "focusNode": "focus",
    "resultPath": "path",
    "value": "value",
    "sourceShape": "shape",
    "resultSeverity": "severity",
}

pytestmark = pytest.mark.skipif(not PROJECT.shape_files(), reason="the project has no shapes")


@cache
def shapes() -> full.Shapes:
    return full.Shapes.load(PROJECT)


@cache
def ontology() -> list[Quad]:
    graph = PROJECT.base.graph("ontology")
    return [q for file in files.read(PROJECT).files if file.graph == graph for q in file.quads]


@cache
def shipped() -> list[Quad]:
    return list(files.read(PROJECT).quads())


@cache
def ontology_graph() -> Graph:
    return to_graph(ontology())


def read(file: Path) -> list[Quad]:
    return canonical(parse(file, name=file.name, rename_blank_nodes=True)).quads


@cache
def judged(file: Path):
    """The results about what the fixture mentions, beside the ontology, and the shapes that looked at it."""
    quads = read(file)
    mentioned = {term for quad in quads for term in (quad.subject, quad.object)}
    data = ontology_graph()  # copying it for each fixture takes longer than judging
    added = set(to_graph(quads)) - set(data)
    for triple in added:
        data.add(triple)
    try:
        results = full.judge(data, shapes(), only=mentioned)
        looked = {
            s.node for s in shapes().top() if any(from_rdflib(n) in mentioned for n in s.focus_nodes(data))
        }
    finally:
        for triple in added:
            data.remove(triple)
    if file.suffix == ".trig":
        results += full.judge_graphs([*quads, *ontology()], PROJECT, shapes(), only=mentioned)
    return sorted(results, key=lambda result: result.key), below(looked)


def below(nodes) -> set:
    """These shapes and, down through sh:property, those they are made of."""
    seen, todo = set(), list(nodes)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += shapes().graph.objects(node, SH.property)
    return seen


def name(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


def rule_of(file: Path) -> str:
    return KYMSH + file.name.split(".")[1]


@pytest.mark.parametrize("file", VALID, ids=name)
def test_a_valid_fixture_passes(file):
    assert [full_text(result) for result in judged(file)[0]] == []


@pytest.mark.parametrize("file", INVALID, ids=name)
def test_an_invalid_fixture_fails_as_expected(file):
    expected = to_graph(read(file.with_name(file.name.removesuffix(file.suffix) + ".expected.ttl")))
    rows = [
        {part: from_rdflib(value) for part in PARTS if (value := expected.value(node, SH[part])) is not None}
        for node in sorted(
            set(expected.subjects(SH.sourceShape)), key=lambda n: str(expected.value(n, SH.focusNode))
        )
    ]
    assert rows, "the expected report is empty"
    assert all({"focusNode", "sourceShape", "resultSeverity"} <= row.keys() for row in rows)

    left = list(judged(file)[0])
    for row in rows:
        found = next((r for r in left if all(getattr(r, PARTS[part]) == row[part] for part in row)), None)
        assert found, f"not found: {row}; found were {[full_text(r) for r in left]}"
        left.remove(found)
    assert [full_text(result) for result in left] == [], "results that were not expected"


def full_text(result) -> str:
    return f"{result.focus} {result.path_text} {result.value}: {result.shape} {result.message('en')}"


def constraints() -> set[str]:
    """The IRIs of all shapes that constrain something themselves, and of all policy rules."""
    graph = shapes().graph
    own = set(ALL_CONSTRAINT_PARAMETERS) - {SH.property}
    reached = below(shape.node for shape in shapes().top())
    nodes = {node for node in reached if own & set(graph.predicates(node))}
    unnamed = [node for node in nodes if isinstance(node, BNode)]
    assert not unnamed, f"constraints without a name: {[dict(graph.predicate_objects(n)) for n in unnamed]}"
    return {str(node) for node in nodes} | {rule.iri.value for rule in shapes().rules}


def test_each_constraint_has_fixtures():
    failing = {
        next(iter(sources))
        for file in INVALID
        if len(sources := {result.shape.value for result in judged(file)[0]}) == 1
    }
    passing = {rule_of(file) for file in VALID if file.suffix == ".trig"}
    for file in VALID:
        if file.suffix != ".trig":
            passing |= {str(node) for node in judged(file)[1]}

    assert sorted(constraints() - failing) == [], "no fixture fails for these alone"
    assert sorted(constraints() - passing) == [], "no fixture passes for these"


def test_each_expected_report_has_its_fixture():
    for file in HERE.glob("*/*.expected.ttl"):
        fixture = file.name.removesuffix(".expected.ttl")
        assert any((file.parent / (fixture + suffix)).exists() for suffix in (".ttl", ".trig")), name(file)


def test_each_constraint_speaks_three_languages():
    graph = shapes().graph
    for iri in constraints() - {rule.iri.value for rule in shapes().rules}:
        [node] = [n for n in graph.subjects() if str(n) == iri][:1]
        assert {m.language for m in graph.objects(node, SH.message)} == {"fi", "sv", "en"}, iri
    for rule in shapes().rules:
        assert {m.language for m in rule.messages} == {"fi", "sv", "en"}, rule.file


def test_no_shape_is_without_focus_nodes_in_the_shipped_data():
    counts = full.focus_counts(shipped(), PROJECT, shapes())

    assert sorted(shape for shape, count in counts.items() if count == 0) == []


def test_the_shipped_data_conform():
    report = full.validate(shipped(), PROJECT, shapes=shapes())

    assert report.conforms, report.to_text("en")
