"""Graphs with a set of shapes of their own: judged alone, by that set, and by a change as by the whole."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from kymgraph.changeset import Changeset, between
from kymgraph.errors import InputError
from kymgraph.gate import full
from kymgraph.gate.incremental import Gate
from kymgraph.namespaces import Base
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, Quad, canonical
from kymgraph.report import Report
from kymgraph.store.memory import MemoryView
from tests.needs import size

from . import randoms
from .law import PREFIXES, quiet, turtle

BASE = Base("http://x.example/")
PROJECT = Project(Path("nowhere"), base=BASE, shape_sets={"harvest/*": "harvest"})
MAIN, ONE, TWO = (NamedNode(BASE.graph(name)) for name in ("main", "harvest/one", "harvest/two"))
#: Each set wants another property, so a result says which of them looked.
OF_UNION = ":U sh:targetClass :A ; sh:property [ sh:path :p ; sh:minCount 1 ] ."
OF_SET = ":H sh:targetClass :A ; sh:property [ sh:path :q ; sh:minCount 1 ] ."
RANDOM = 20261122


def shapes(union: str = OF_UNION, own: str = OF_SET) -> full.Shapes:
    made = full.Shapes.of(turtle(union), prefixes=PREFIXES)
    return replace(made, sets={"harvest": full.Shapes.of(turtle(own), prefixes=PREFIXES)})


def judge(before: list[Quad], removed: list[Quad], added: list[Quad], **options) -> Report:
    view = MemoryView(before, in_union=PROJECT.in_union)
    return Gate(PROJECT, shapes()).judge(view, Changeset(0, frozenset(removed), frozenset(added)), **options)


def said(report: Report) -> list[tuple[str, str, str]]:
    return [(r.focus.value[-1], r.path_text, r.graph.value if r.graph else "") for r in report.results]


def test_a_change_of_such_a_graph_is_judged_by_its_set_and_by_no_other():
    report = judge([], [], turtle(":a a :A .", ONE))

    assert said(report) == [("a", ":q", ONE.value)]
    assert not report.accepted


def test_a_change_of_another_graph_is_not_judged_by_the_set():
    assert said(judge([], [], turtle(":a a :A .", MAIN))) == [("a", ":p", "")]


def test_what_stands_in_another_graph_is_not_there():
    """Neither the union nor a second graph of the set lends its triples."""
    before = turtle(":a :q 1 .", MAIN) + turtle(":a :q 1 .", TWO)

    assert said(judge(before, [], turtle(":a a :A .", ONE))) == [("a", ":q", ONE.value)]
    assert judge(before, [], turtle(":a a :A ; :q 1 .", ONE)).accepted


def test_one_change_of_several_graphs_is_judged_in_each_of_them():
    added = [quad for graph in (MAIN, ONE, TWO) for quad in turtle(":a a :A .", graph)]

    report = judge([], [], added)

    assert sorted(said(report)) == [("a", ":p", ""), ("a", ":q", ONE.value), ("a", ":q", TWO.value)]
    assert report.stats["results"] == 3


def test_what_was_wrong_in_the_graph_before_does_not_block():
    report = judge(turtle(":a a :A .", ONE), [], turtle(":a :x 1 . :a :q 1 . :b a :A ; :q 1 .", ONE))
    assert report.accepted

    report = judge(turtle(":a a :A ; :q 1 .", ONE), turtle(":a :q 1 .", ONE), [])
    assert [r.status for r in report.results] == ["new"]


def test_the_limit_holds_for_all_graphs_together():
    added = [quad for graph in (ONE, TWO) for n in range(4) for quad in turtle(f":a{n} a :A .", graph)]

    report = judge([], [], added, limit=5)

    assert (len(report.results), report.truncated, report.accepted) == (5, True, False)


def test_the_whole_is_judged_graph_by_graph():
    quads = turtle(":a a :A .", MAIN) + turtle(":b a :A .", ONE) + turtle(":c a :A ; :q 1 .", TWO)

    report = full.validate(quads, PROJECT, shapes=shapes(), locate=lambda term, graph: None)

    assert said(report) == [("a", ":p", ""), ("b", ":q", ONE.value)]


def verdict(report: Report) -> Counter:
    return Counter(replace(r, status="new", labels=(), source=None).key for r in report.results)


def test_random_changes_are_judged_as_the_whole_is():
    """The law of the gate, per data graph and set: by the change what full judging finds new."""
    stats: Counter[str] = Counter()
    seed = RANDOM
    wanted = size(quick=25, ci=50, night=3000)
    while stats["changes"] < wanted:
        rng, seed = random.Random(seed), seed + 1
        texts = (randoms.Shapes(rng, deep=rng.choice([1, 2])).text() for _ in range(2))
        made = shapes(*texts)
        gate = Gate(PROJECT, made)
        for _ in range(4):
            before = some_data(rng)
            after = changed(rng, before)
            change = between(before, after, base=0)
            view = MemoryView(before, in_union=PROJECT.in_union)
            try:
                with quiet():
                    old, new = (
                        verdict(full.validate(q, PROJECT, shapes=made, locate=lambda t, g: None, limit=10**6))
                        for q in (before, after)
                    )
                    report = gate.judge(view, change, limit=10**6)
            except InputError:  # pySHACL reaches no verdict on these shapes; the law of refusals is elsewhere
                continue
            stats["changes"] += 1
            stats["with new results"] += bool(new - old)
            found = Counter(r.key for r in report.results if r.status == "new")
            assert found == new - old, f"seed {seed - 1}"

    assert stats["with new results"] > stats["changes"] / 10, stats


def some_data(rng: random.Random) -> list[Quad]:
    quads = (moved(rng, quad) for quad in randoms.data(rng, rng.choice([10, 30])))
    return canonical(quads).quads


def changed(rng: random.Random, before: list[Quad]) -> list[Quad]:
    after = dict.fromkeys(quad for quad in before if rng.random() > 0.1)
    after |= dict.fromkeys(moved(rng, randoms.quad(rng)) for _ in range(rng.choice([1, 3])))
    return canonical(after).quads


def moved(rng: random.Random, quad: Quad) -> Quad:
    """The quad in one of our graphs; blank nodes reach no further than their graph, so they are left out."""
    terms = [
        NamedNode(f"http://x.example/{term.value}") if type(term).__name__ == "BlankNode" else term
        for term in (quad.subject, quad.object)
    ]
    return Quad(terms[0], quad.predicate, terms[1], rng.choice([MAIN, ONE, TWO]))


# --- the project's settings ------------------------------------------------------------------------------


def test_the_folder_of_a_set_is_named_in_the_settings(make_project):
    project = make_project(
        {"shapes/harvest/a.ttl": "", "shapes/b.ttl": ""}, toml='[shapes]\n"harvest/*" = "harvest"\n'
    )

    assert [file.name for file in project.set_files("harvest")] == ["a.ttl"]
    assert [file.name for file in project.shape_files()] == ["b.ttl"]
    assert {file.name for file in project.rule_files()} == {"kymgraph.toml", "a.ttl", "b.ttl"}
    assert list(full.Shapes.load(project).sets) == ["harvest"]


@pytest.mark.parametrize("folder", ["policy", "../data", "", "a/b"])
def test_a_folder_that_is_no_set_is_refused(make_project, folder):
    with pytest.raises(Exception, match=r"shapes\.harvest/\*"):
        make_project({}, toml=f'[shapes]\n"harvest/*" = "{folder}"\n')


def test_explain_names_the_set_and_what_it_looks_at():
    quads = turtle(":a a :A . :b a :A .", ONE) + turtle(":c a :A .", MAIN)
    made = shapes()
    sets = {name: {p.shape: p.text for p in one.explain()} for name, one in Gate(PROJECT, made).sets.items()}

    lines = full.explain(quads, PROJECT, made, sets=sets).splitlines()

    place = lines.index("graph harvest/one, alone, by the set 'harvest':")
    assert lines[place - 1].split() == ["1", ":U"]
    assert lines[place + 1] == "     2  :H: a change is judged where it reaches"
