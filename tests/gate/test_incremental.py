"""The incremental gate: its verdict is that of the whole, it says what is new, and it reads little."""

from __future__ import annotations

import os
import random
import statistics
from collections import Counter
from pathlib import Path

import pytest
from rdflib import RDF as RDFLIB
from rdflib import SH, URIRef

from kymgraph import files
from kymgraph.changeset import Changeset, between
from kymgraph.errors import InputError
from kymgraph.gate import affected, deps, full, incremental
from kymgraph.gate.incremental import Gate
from kymgraph.gate.terms import to_graph
from kymgraph.namespaces import KYM, KYMSH, RDF, SKOS
from kymgraph.overlay import OverlayView
from kymgraph.project import Project
from kymgraph.rdf import DEFAULT_GRAPH, Literal, NamedNode, Quad, canonical
from kymgraph.store.memory import MemoryView

from . import randoms, test_flips
from .law import PREFIXES, PROJECT, TWO, Bench, dump, turtle

ROOT = Path(__file__).resolve().parents[2]
SIZE = os.environ.get("KYMGRAPH_TEST", "quick")
SEED = int(os.environ.get("KYMGRAPH_SEED", "20261122"))


# --- random shapes and changes ---------------------------------------------------------------------------


def hunt(seed: int, changes: int, stats: Counter[str], **options) -> str:
    """The first random change that is judged otherwise than the whole, as a case to keep; "" if none is."""
    while stats["changes"] < changes:
        rng = random.Random(seed)
        shapes = randoms.Shapes(rng, deep=rng.choice([1, 2, 3]), recursive=rng.random() < 0.4)
        bench = Bench(turtle(shapes.text()), hub=rng.choice([64, 64, 1, 0]), **options)
        for _ in range(6):
            before = randoms.data(rng, rng.choice([5, 15, 30]))
            after = randoms.changed(rng, before, rng.choice([1, 1, 2, 4]))
            found = bench.differs(before, after, stats)
            if found:
                return dump(bench, before, after, f"# seed {seed}, PYTHONHASHSEED as it was\n{found}")
        seed += 1
    return ""


def test_random_changes_are_judged_as_the_whole_is(record_property):
    stats: Counter[str] = Counter()
    changes = {"quick": 300, "ci": 600, "night": 20_000}[SIZE]

    found = hunt(SEED, changes, stats)

    print(f"seed {SEED}: {dict(stats)}")
    for name, count in stats.items():
        record_property(name, count)
    assert found == ""
    # The test is worth something only if changes do bring, mend and leave results.
    for what in ("with new results", "with mended results", "nothing to judge"):
        assert stats[what] > changes / 20, stats


# --- cases that were judged wrongly once -----------------------------------------------------------------

CIRCLE = ":S sh:targetSubjectsOf :p ; sh:property [ sh:path :p ; sh:xone ( :S [ sh:nodeKind sh:IRI ] ) ] ."


def test_a_shape_that_contains_itself_is_judged_from_its_top():
    """pySHACL cuts a circle by the way it came, so the property shape alone gives another verdict."""
    before = turtle(":n3 :p :n2 . :n2 :p :n0 . :n1 :p :n2 .")
    after = before + turtle(":n1 :p :n1 .")

    assert Bench(turtle(CIRCLE)).differs(before, after) == ""


def test_the_case_of_a_circle_tells_the_difference(monkeypatch):
    monkeypatch.setattr(deps, "_reaching_cycles", lambda shapes: frozenset())
    before = turtle(":n3 :p :n2 . :n2 :p :n0 . :n1 :p :n2 .")

    assert "missed" in Bench(turtle(CIRCLE)).differs(before, before + turtle(":n1 :p :n1 ."))


PATH = (
    ':S sh:targetSubjectsOf :r ; sh:sparql [ sh:select """PREFIX : <http://x.example/>'
    ' SELECT $this ?value WHERE { $this :p/:q* ?value . ?y :r ?value }""" ] .'
)


@pytest.mark.parametrize("value", ['""', "0", "false"])
def test_a_path_does_not_leave_a_value_that_python_takes_for_false(value):
    """rdflib's `q*` would go from such a value to every node of the graph, and read all of it."""
    before = turtle(f":n4 :p {value} ; :r :n0 .")
    bench = Bench(turtle(PATH))

    assert bench.differs(before, before + turtle(":n2 :r :n4 .")) == ""
    assert bench.full(to_graph(before + turtle(":n2 :r :n4 ."))) == Counter()
    assert bench.full(to_graph([*before, *turtle(f":n2 :r {value} .")]))


# --- what a change says ----------------------------------------------------------------------------------

NAMED = """
:S sh:targetClass :A ; sh:property [ sh:path :p ; sh:minCount 1 ; sh:maxCount 1 ; sh:message "one p"@en ] ,
  [ sh:path :q ; sh:maxCount 0 ; sh:severity sh:Warning ] .
"""


def judge(before: str, added: str = "", removed: str = "", shapes: str = NAMED, **options):
    gate = Gate(PROJECT, full.Shapes.of(turtle(shapes), prefixes=PREFIXES))
    change = Changeset(0, frozenset(turtle(removed)), frozenset(turtle(added)))
    return gate.judge(MemoryView(turtle(before)), change, **options)


def said(report) -> list[tuple[str, str]]:
    return [(r.focus.value.removeprefix("http://x.example/"), r.status) for r in report.results]


def test_a_new_violation_rejects():
    report = judge(":a a :A ; :p 1 .", removed=":a :p 1 .")

    assert said(report) == [("a", "new")]
    assert (report.accepted, report.conforms) == (False, False)


def test_what_was_wrong_before_does_not_reject():
    report = judge(":a a :A ; :p 1 , 2 .", added=":a :p 3 .")

    assert said(report) == [("a", "pre-existing")]
    assert (report.accepted, report.conforms) == (True, False)


def test_what_is_wrong_elsewhere_is_not_spoken_of():
    report = judge(":a a :A ; :p 1 . :b a :A .", added=":a :x 1 .")

    assert said(report) == []
    assert report.conforms


def test_a_new_warning_is_said_and_does_not_reject():
    report = judge(":a a :A ; :p 1 .", added=":a :q 1 .")

    assert said(report) == [("a", "new")]
    assert report.accepted


def test_what_a_change_mends_is_said_when_asked():
    before = ":a a :A ."

    assert said(judge(before, added=":a :p 1 .")) == []
    report = judge(before, added=":a :p 1 .", mended=True)
    assert said(report) == [("a", "mended")]
    assert (report.accepted, report.conforms) == (True, True)


def test_a_node_that_is_no_target_any_more_is_mended():
    report = judge(":a a :A .", removed=":a a :A .", mended=True)

    assert said(report) == [("a", "mended")]


def test_one_thing_mended_and_another_broken():
    report = judge(":a a :A ; :p 1 . :b a :A .", removed=":a :p 1 .", added=":b :p 1 .", mended=True)

    assert said(report) == [("a", "new"), ("b", "mended")]
    assert not report.accepted


def test_a_triple_that_another_graph_holds_is_not_lost():
    shapes = full.Shapes.of(turtle(NAMED), prefixes=PREFIXES)
    quads = turtle(":a a :A ; :p 1 .")
    view = MemoryView([*quads, *turtle(":a :p 1 .", TWO)])
    [gone] = turtle(":a :p 1 .")

    report = Gate(PROJECT, shapes).judge(view, Changeset(0, removed=frozenset([gone])))

    assert said(report) == []
    assert report.stats["triples"] == 0


def test_a_result_has_the_label_that_the_change_gives():
    report = judge(
        ":a a :A ; :p 1 .",
        removed=":a :p 1 .",
        added=':a <http://www.w3.org/2004/02/skos/core#prefLabel> "nimi"@fi .',
    )

    [result] = report.results
    assert (result.label("fi"), result.message("en")) == ("nimi", "one p")


def test_in_a_strict_project_the_default_graph_is_judged():
    project = Project(folder=Path("nowhere"), default_graph="strict")
    gate = Gate(project, full.Shapes.of(turtle(NAMED), prefixes=PREFIXES))
    here = frozenset(Quad(q.subject, q.predicate, q.object, DEFAULT_GRAPH) for q in turtle(":a a :A ."))
    elsewhere = frozenset(turtle(":b a :A ."))

    report = gate.judge(MemoryView([], in_union=lambda iri: False), Changeset(0, added=here | elsewhere))

    assert said(report) == [("a", "new")]


def test_changes_can_be_judged_on_top_of_each_other():
    gate = Gate(PROJECT, full.Shapes.of(turtle(NAMED), prefixes=PREFIXES))
    first = OverlayView(
        MemoryView(turtle(":a a :B .")),
        Changeset(0, added=frozenset(turtle(":B rdfs:subClassOf :A ."))),
        PROJECT.in_union,
    )

    assert said(gate.judge(first, Changeset(0, added=frozenset(turtle(":b a :B ."))))) == [("b", "new")]
    second = OverlayView(
        first, Changeset(0, removed=frozenset(turtle(":B rdfs:subClassOf :A ."))), PROJECT.in_union
    )
    assert said(gate.judge(second, Changeset(0, added=frozenset(turtle(":c a :B ."))))) == []


def test_the_search_ends_at_the_limit_and_says_so():
    report = judge("", added=" ".join(f":n{i} a :A ." for i in range(20)), limit=5)

    assert (len(report.results), report.truncated, report.accepted) == (5, True, False)
    assert report.stats["judged"] < 20


def test_the_limit_does_not_hide_that_a_change_is_rejected():
    many = " ".join(f":n{i} a :A ; :p 1 ; :q 1 ." for i in range(20))

    report = judge("", added=many + " :zz a :A .", limit=3)

    assert (report.truncated, report.accepted) == (True, False)
    assert said(report)[0] == ("zz", "new")


def test_what_the_engine_cannot_judge_is_refused():
    shapes = ":S sh:targetClass :A ; sh:property [ sh:path :p ; sh:lessThan :q ] ."

    with pytest.raises(InputError, match="no verdict was reached"):
        judge(":a a :A ; :q 1 .", added=":a :p [] .", shapes=shapes)


def test_a_state_that_could_not_be_judged_can_be_mended():
    shapes = ":S sh:targetClass :A ; sh:property [ sh:path :p ; sh:lessThan :q ; sh:maxCount 1 ] ."

    report = judge(":a a :A ; :q 1 ; :p _:b .", removed=":a :p _:b .", added=":a :p 3 .", shapes=shapes)

    assert said(report) == [("a", "new")]


def test_an_empty_change_is_accepted_without_looking():
    report = judge(":a a :A .")

    assert report.accepted
    assert report.stats["judged"] == 0


# --- how it works ----------------------------------------------------------------------------------------


def test_a_hub_is_not_left_when_what_it_says_stays_the_same():
    """A new name of a programme judges the programme, and not the 300 projects that point to it."""
    shapes = """:S sh:targetClass :Project ; sh:property [ sh:path :in ; sh:node :programme ] .
      :programme a sh:NodeShape ; sh:property [ sh:path :name ; sh:minCount 1 ; sh:minLength 2 ] ."""
    before = ":h :name 'old' . " + " ".join(f":n{i} a :Project ; :in :h ." for i in range(300))

    fine = judge(before, removed=":h :name 'old' .", added=":h :name 'new' .", shapes=shapes)
    bad = judge(before, removed=":h :name 'old' .", added=":h :name 'x' .", shapes=shapes)

    assert (fine.stats["pairs"], fine.accepted) == (0, True)
    assert (bad.stats["pairs"], len(bad.results)) == (300, 300)


def test_a_shape_says_why_changes_cannot_be_followed_to_it():
    shapes = """
    :tied sh:targetClass :A ; sh:sparql [ sh:select "SELECT $this { $this <urn:p> ?x }" ] .
    :loose sh:targetClass :A ; sh:sparql [ sh:select "SELECT $this { ?y <urn:p> ?x }" ] .
    :wide sh:targetClass :A ; sh:sparql [ sh:select "SELECT $this { GRAPH ?g { $this <urn:p> ?x } }" ] .
    :circle sh:targetClass :A ; sh:property [ sh:path :p ; sh:node :circle ] ."""

    plans = Gate(PROJECT, full.Shapes.of(turtle(shapes), prefixes=PREFIXES)).explain()

    found = {plan.shape.value.rpartition("/")[2]: plan for plan in plans}
    assert {name: plan.incremental for name, plan in found.items()} == {
        "tied": True, "loose": False, "wide": False, "circle": True,
    }  # fmt: skip
    assert found["tied"].why == ""
    assert "nothing ties to $this" in found["loose"].why
    assert "GRAPH" in found["wide"].why
    assert "contains itself" in found["circle"].why


def break_seeds(kind: str):
    def plant(self, seed, row, insert):
        if insert is not (kind == "insert"):
            ORIGINAL["plant"](self, seed, row, insert)

    return plant


ORIGINAL = {
    "plant": affected.Walk._plant,
    "edge": deps._Compiler.edge,
    "nest": deps._Compiler.nest,
}


def one_way(*predicates: URIRef):
    """The compiler as if what stands below these predicates could only break, never mend, who uses it."""

    def nest(self, part, values, both):
        heads = list(self.graph.subjects(RDFLIB.first, part))
        lists = [above for head in heads for above in self.graph.transitive_subjects(RDFLIB.rest, head)]
        below = any((None, p, node) in self.graph for p in predicates for node in (part, *lists))
        ORIGINAL["nest"](self, part, values, self.both if below else both)

    return nest


#: What is broken, and how: each has to be caught by the table of flips or by random changes.
MUTATIONS = {
    "insert seeds": (affected.Walk, "_plant", break_seeds("insert")),
    "delete seeds": (affected.Walk, "_plant", break_seeds("delete")),
    "lazy counts": (affected.Walk, "_falls_short", lambda self, *rest: False),
    "class flips": (affected.Walk, "_flip", lambda self, node, classes: None),
    "inverse steps": (
        deps._Compiler,
        "edge",
        lambda self, before, predicate, inverse, after, **more: (
            None if inverse else ORIGINAL["edge"](self, before, predicate, inverse, after, **more)
        ),
    ),
    "nested shapes": (deps._Compiler, "nest", lambda self, part, values, both: None),
    "the direction of sh:not": (deps._Compiler, "nest", one_way(SH["not"])),
    "the direction of sh:xone": (deps._Compiler, "nest", one_way(SH.xone)),
    "the direction of sh:qualifiedValueShape": (deps._Compiler, "nest", one_way(SH.qualifiedValueShape)),
    "edges of SPARQL": (deps._Query, "part", lambda self, part, env: {}),
    "the cut-off at hubs": (incremental._Search, "_changed", lambda self, *rest: False),
    "globs": (affected.Walk, "_globs", lambda self, rows: None),
    "new targets": (affected.Walk, "_target", lambda self, *rest: None),
}


@pytest.mark.skipif(SIZE == "quick", reason="the table of flips, once per broken part: ci, night")
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_compiler_is_caught(name, monkeypatch):
    where, attribute, broken = MUTATIONS[name]
    monkeypatch.setattr(where, attribute, broken)

    assert any(test_flips.trial(row, hub) for row in test_flips.CASES for hub in (64, 0)) or hunt(
        SEED, 1000, Counter()
    )


# --- the shipped project ---------------------------------------------------------------------------------


class Counting:
    """A view that counts look-ups, and refuses those that would read far."""

    generation = 0

    def __init__(self, base, far=frozenset()) -> None:
        self.base, self.far, self.asked = base, far, []

    def quads(self, subject=None, predicate=None, object=None, graph=None):
        self.asked.append((subject, predicate, object))
        if subject is None and object is None and predicate not in self.far:
            raise AssertionError(f"a look-up that reads far: {predicate}")
        return self.base.quads(subject, predicate, object, graph)

    def graphs(self):
        return self.base.graphs()


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.load(ROOT)


@pytest.fixture(scope="module")
def quads(project) -> list[Quad]:
    return list(canonical(files.read(project).quads()).quads)


@pytest.fixture(scope="module")
def gate(project) -> Gate:
    return Gate(project, full.Shapes.load(project))


@pytest.fixture(scope="module")
def view(project, quads) -> MemoryView:
    return MemoryView(quads, in_union=project.in_union)


def of(quads, predicate: str) -> list[Quad]:
    return sorted((q for q in quads if q.predicate.value == predicate), key=str)


def test_no_shipped_shape_falls_back(gate):
    plans = gate.explain()

    assert len(plans) > 30
    assert [plan for plan in plans if not plan.incremental or plan.why] == []


def source_graph(quads, project) -> list[Quad]:
    graphs = {project.base.graph(name) for name in project.sources}
    return [q for q in quads if isinstance(q.graph_name, NamedNode) and q.graph_name.value in graphs]


def typical(quads, project) -> dict[str, Changeset]:
    """Changes as people make them, some of them wrong."""
    quads = source_graph(quads, project)
    element = NamedNode(project.base.id("measure", "a-measure-for-the-test"))
    [parent, other, *_] = dict.fromkeys(q.object for q in of(quads, KYM + "elementOf"))
    graph = of(quads, KYM + "elementOf")[0].graph_name
    measure = [
        Quad(element, NamedNode(RDF + "type"), NamedNode(KYM + "Measure"), graph),
        Quad(element, NamedNode(SKOS + "prefLabel"), Literal("Kokeilu", language="fi"), graph),
        Quad(element, NamedNode(KYM + "elementOf"), parent, graph),
    ]
    label = of(quads, SKOS + "prefLabel")[0]
    link = of(quads, KYM + "elementOf")[0]
    moved = Quad(link.subject, link.predicate, other if link.object != other else parent, link.graph_name)
    ended = {q.subject for q in of(quads, KYM + "endedOn")}
    date = next(q for q in of(quads, KYM + "startedOn") if q.subject in ended)
    late = Quad(
        date.subject,
        date.predicate,
        Literal("2999", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#gYear")),
        date.graph_name,
    )
    kind = next(q for q in of(quads, RDF + "type") if q.object == NamedNode(KYM + "Priority"))
    return {
        "add a measure": Changeset(0, added=frozenset(measure)),
        "add half a measure": Changeset(0, added=frozenset(measure[:1])),
        "remove a label": Changeset(0, removed=frozenset([label])),
        "move an element": Changeset(0, frozenset([link]), frozenset([moved])),
        "change a date": Changeset(0, frozenset([date]), frozenset([late])),
        "take a type": Changeset(0, removed=frozenset([kind])),
        "take a passage": Changeset(0, removed=frozenset(of(quads, KYM + "restsOn")[:3])),
    }


def counted(results) -> Counter:
    # A literal of the store's terms and one of rdflib's print the same; blank nodes are told by their paths.
    return Counter(
        (r.shape, r.focus, r.path_text, r.value, r.component, r.severity, r.graph) for r in results
    )


@pytest.mark.parametrize(
    "name",
    [
        "add a measure", "add half a measure", "remove a label", "move an element", "change a date",
        "take a type", "take a passage",
    ],
)  # fmt: skip
def test_typical_changes_are_judged_as_the_whole_is(name, gate, view, quads, project):
    change = typical(quads, project)[name]
    whole = counted(full.validate(quads, project, shapes=gate.shapes, limit=100_000).results)
    after = [q for q in quads if q not in change.removed] + list(change.added)
    later = counted(full.validate(after, project, shapes=gate.shapes, limit=100_000).results)

    report = gate.judge(view, change, mended=True)

    assert counted(report.of_status("new")) == later - whole
    assert counted(report.of_status("mended")) == whole - later
    assert report.accepted == (not any(r.blocks for r in report.of_status("new")))


def test_the_typical_changes_are_of_both_kinds(gate, view, quads, project):
    accepted = {name: gate.judge(view, change).accepted for name, change in typical(quads, project).items()}

    assert accepted["add a measure"] is False, "it rests on no passage"
    assert accepted["take a type"] is False
    assert accepted["change a date"] is False
    assert True in accepted.values()


def shapes_alone(project) -> Gate:
    """The shapes without the rules about graphs, which count their look-ups in a test of their own."""
    shapes = full.Shapes.load(project)
    return Gate(project, full.Shapes(shapes.graph, shapes.compiled, (), shapes.prefixes))


def test_a_changed_triple_costs_few_look_ups(quads, view, project):
    """Median over single triples that come and go: 5 at most. The average over a batch: 5 at most too."""
    gate = shapes_alone(project)
    rng = random.Random(SEED)
    data = source_graph(quads, project)
    known = set(quads)
    counts, batch = [], []
    for quad in rng.sample(data, 150):
        other = Quad(quad.subject, quad.predicate, rng.choice(data).object, quad.graph_name)
        for change in (
            Changeset(0, removed=frozenset([quad])),
            Changeset(0, added=frozenset({other} - known)),
        ):
            counting = Counting(view)
            gate.judge(counting, change)
            counts.append(len(counting.asked))
        batch.append(quad)
    assert statistics.median(counts) <= 5, statistics.quantiles(counts, n=10)

    counting = Counting(view)
    report = gate.judge(counting, Changeset(0, removed=frozenset(batch)), limit=100_000)
    assert len(counting.asked) / report.stats["triples"] <= 5


def test_only_the_class_hierarchy_is_read_by_predicate(quads, view, project):
    gate = shapes_alone(project)
    axioms = sorted((q for q in quads if q.predicate == deps.SUBCLASS), key=str)

    for axiom in axioms[:5]:
        gate.judge(Counting(view), Changeset(0, removed=frozenset([axiom])), limit=100_000)


def test_the_graph_that_is_judged_cannot_be_counted(view):
    from kymgraph.gate.graphview import GraphView, Reader

    graph = GraphView({})
    graph.reader = Reader(view)

    assert graph
    with pytest.raises(TypeError, match="not counted"):
        len(graph)


def test_a_changeset_of_many_graphs_is_judged_by_what_the_union_sees(gate, quads, project, view):
    """A graph that the union leaves out changes no verdict of a shape."""
    catalog = NamedNode(project.base.graph("catalog"))
    moved = [Quad(q.subject, q.predicate, q.object, catalog) for q in quads[:50]]

    report = gate.judge(view, between([], moved, base=0))

    assert report.stats["triples"] == 0
    assert [r for r in report.results if r.shape.value.startswith(KYMSH) and r.graph is None] == []
