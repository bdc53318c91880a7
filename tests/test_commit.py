"""Committing: resolved, judged, written, published; one batch for all that came together."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kymgraph import files
from kymgraph.changeset import Changeset
from kymgraph.commit import Committer, Outcome, Request
from kymgraph.errors import (
    BaseMoved,
    ChangeConflict,
    GateRejected,
    GraphNotWritable,
    IdReused,
    KymgraphError,
    NameAGraph,
)
from kymgraph.ledger import quads_of
from kymgraph.rdf import DEFAULT_GRAPH, FORMATS, NamedNode, Quad, canonical, parse
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.view import UNION
from tests.conftest import MakeProject
from tests.needs import size

SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
x:Named a sh:NodeShape ; sh:targetClass x:Thing ; sh:property x:hasName .
x:hasName a sh:PropertyShape ; sh:path rdfs:label ; sh:minCount 1 ; sh:message "give it a name"@en .
x:Noted a sh:NodeShape ; sh:targetSubjectsOf x:note ; sh:property x:shortNote .
x:shortNote a sh:PropertyShape ; sh:path x:note ; sh:maxLength 9 ; sh:severity sh:Warning ;
  sh:message "a long note"@en .
"""
RULE = """#+ id: privacy-email
#+ severity: Violation
#+ message_fi: "poista osoite"
#+ message_sv: "ta bort adressen"
#+ message_en: "take the address out"
SELECT ?graph ?focus ?path ?value WHERE {
  GRAPH ?graph { ?focus ?path ?value }
  FILTER (CONTAINS(STR(?value), "@") && isLiteral(?value))
}
"""
X = "http://x.example/"


@pytest.fixture
def committer(make_project: MakeProject) -> Iterator[Committer]:
    project = make_project(
        {
            "data/a.ttl": 'x:a a x:Thing ; rdfs:label "A" . x:n x:is 1 .',
            "data/b.ttl": 'x:b a x:Thing ; rdfs:label "B" .',
            "shapes/thing.ttl": SHAPES,
            "shapes/policy/privacy-email.rq": RULE,
        }
    )
    store = EmbeddedStore(project.store_folder)
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    with Committer(project, store) as made:
        yield made


def quads(turtle: str, graph: str = "a") -> frozenset[Quad]:
    prefixes = b"@prefix x: <http://x.example/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
    name = NamedNode("https://w3id.org/kymgraph/graph/" + graph)
    return frozenset(parse(prefixes + turtle.encode(), FORMATS["ttl"], graph=name))


def add(turtle: str, graph: str = "a", **more: object) -> Request:
    return Request(replace(Changeset(1, added=quads(turtle, graph)), **more))


def one(committer: Committer, request: Request) -> Outcome:
    [outcome] = committer.commit([request])
    if isinstance(outcome, KymgraphError):
        raise outcome
    return outcome


def named(n: int, graph: str = "a") -> str:
    return f'x:t{n} a x:Thing ; rdfs:label "T{n}" .'


def test_an_accepted_change_is_the_next_generation_and_stands_in_the_ledger(committer):
    agent = "https://w3id.org/kymgraph/id/agent/k3"

    outcome = one(committer, add(named(1), agent=agent, reason="uusi"))

    assert (outcome.status, outcome.generation, committer.store.generation) == ("committed", 2, 2)
    view = committer.store.view()
    assert outcome.change.added <= set(view.quads())
    [row] = view.select(
        """PREFIX kym: <https://w3id.org/kymgraph/ontology#>
        PREFIX prov: <http://www.w3.org/ns/prov#>
        PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
        SELECT ?who ?why ?n WHERE { GRAPH ?g {
          ?commit a kym:Commit ; kym:generation 2 ; kym:quadsAdded ?n ; rdfs:comment ?why ;
            prov:wasAssociatedWith ?who ; kym:changedGraph <https://w3id.org/kymgraph/graph/a>
        } }"""
    )
    assert (row["who"].value, row["why"].value, row["n"].value) == (agent, "uusi", "2")
    entry = committer.journal.entry(2)
    for time in (entry.time, "2026-11-22T08:30:00.120Z", "2026-11-22T08:30:00.000Z"):
        said = quads_of(committer.project, replace(entry, time=time), outcome.change)
        assert canonical(said).quads == list(said)


def test_a_commit_keeps_what_the_gate_said_of_it(committer):
    one(committer, add('x:a x:note "a very long note" .'))
    one(committer, add('x:a x:note "short" .'))  # what was there before is not said again
    one(committer, add('x:b x:note "' + 3000 * "n" + '" .'))
    one(committer, replace(add("x:c x:is 2 ."), judged=True))

    kept = [committer.journal.entry(number).more.get("report") for number in (2, 3, 4, 5)]

    assert kept[3] is None  # the caller judged
    assert [[result["value"]["value"] for result in report["results"]] for report in kept[:3]] == [
        ["a very long note"],
        [],
        ["…"],  # whole or not at all, so that it can be redacted
    ]
    [result] = kept[0]["results"]
    assert (result["severity"], result["focus"], result["message"]) == (
        "Warning", X + "a", {"en": "a long note"},
    )  # fmt: skip
    assert [report["conforms"] for report in kept[:3]] == [False, False, False]


def test_a_refused_change_leaves_generation_and_ledger_as_they_were(committer):
    before = set(committer.store.view().quads())

    with pytest.raises(GateRejected) as refused:
        one(committer, add("x:nameless a x:Thing ."))

    assert [r.focus.value for r in refused.value.report.violations] == [X + "nameless"]
    assert committer.store.generation == 1
    assert set(committer.store.view().quads()) == before


def test_a_reason_is_held_to_the_privacy_rule_like_any_literal(committer):
    with pytest.raises(GateRejected) as refused:
        one(committer, add(named(1), reason="kysy maija@example.org"))

    assert "take the address out" in refused.value.report.to_text("en")
    assert committer.store.generation == 1


def test_a_batch_is_judged_in_order_and_published_once(committer):
    requests = [
        add(named(1)),
        add("x:nameless a x:Thing ."),
        Request(Changeset(1, removed=quads('x:a rdfs:label "A" .'))),
        add(named(2), "b"),
    ]

    outcomes = committer.commit(requests)

    assert [type(o) if isinstance(o, KymgraphError) else o.generation for o in outcomes] == [
        2,
        GateRejected,
        GateRejected,
        3,
    ]
    assert committer.store.generation == 3
    assert 2 not in committer.store.generations()  # both share a checkpoint


def test_two_changes_that_only_together_break_a_shape_the_second_is_refused(committer):
    one(committer, add('x:a rdfs:label "A2" .'))
    take_first = Request(Changeset(1, removed=quads('x:a rdfs:label "A" .')))
    take_second = Request(Changeset(1, removed=quads('x:a rdfs:label "A2" .')))

    first, second = committer.commit([take_first, take_second])

    assert isinstance(first, Outcome)
    assert first.status == "committed"
    assert isinstance(second, GateRejected)


def test_what_is_there_already_is_no_change(committer):
    outcome = one(committer, add('x:a a x:Thing ; rdfs:label "A" .'))

    assert (outcome.status, outcome.generation, committer.head) == ("unchanged", 1, 1)


def test_literals_are_compared_in_the_form_that_the_store_keeps(committer):
    assert one(committer, add("x:n x:is 01 .")).status == "unchanged"


def test_a_triple_in_two_graphs_leaves_the_union_when_the_last_of_them_lets_it_go(committer):
    label = 'x:a rdfs:label "A" .'
    one(committer, add(label, "b"))
    one(committer, add('x:a rdfs:label "A2" .'))
    [triple] = quads(label)

    def in_union() -> bool:
        found = committer.store.view().quads(triple.subject, triple.predicate, triple.object, UNION)
        return len(list(found)) == 1

    assert in_union()
    one(committer, Request(Changeset(1, removed=quads(label, "a"))))
    assert in_union()
    one(committer, Request(Changeset(1, removed=quads(label, "b"))))
    assert not in_union()


def test_the_same_id_is_committed_once_and_never_for_another_change(committer):
    request = add(named(1))
    first = one(committer, request)

    again, within = one(committer, request), add(named(2))
    pair = committer.commit([within, within])

    assert (again.status, again.generation) == ("repeated", first.generation)
    assert [o.status for o in pair if isinstance(o, Outcome)] == ["committed", "repeated"]
    with pytest.raises(IdReused):
        one(committer, add(named(3), id=request.change.id))


def test_a_guarded_change_is_refused_once_its_ground_has_moved(committer):
    made_at_one = add(named(1), guard="generation")
    one(committer, add(named(2)))

    with pytest.raises(BaseMoved) as moved:
        one(committer, made_at_one)
    with pytest.raises(BaseMoved) as matched:
        one(committer, Request(add(named(3)).change, match=1))

    assert (moved.value.matched, matched.value.matched) == (False, True)
    assert one(committer, Request(add(named(3)).change, match=2)).generation == 3


def test_of_increments_that_came_together_one_wins(committer):
    swap = Changeset(1, removed=quads("x:n x:is 1 ."), added=quads("x:n x:is 2 ."), guard="generation")

    outcomes = committer.commit([Request(replace(swap, id=f"urn:x:{n}")) for n in range(4)])

    assert [isinstance(o, Outcome) for o in outcomes] == [True, False, False, False]


def test_a_revert_undoes_a_commit_and_is_refused_where_others_built_on_it(committer):
    seed = {q for q in committer.store.view().quads() if "ledger" not in str(q.graph_name)}
    done = one(committer, add(named(1), "new"))
    undo = done.change.inverse(base=2, reason="väärä")

    undone = one(committer, Request(undo, kind="revert", more={"reverts": 2}))

    assert {q for q in committer.store.view().quads() if "ledger" not in str(q.graph_name)} == seed
    assert NamedNode("https://w3id.org/kymgraph/graph/new") not in committer.store.view().graphs()
    assert undone.change.dropped == {"https://w3id.org/kymgraph/graph/new"}
    with pytest.raises(ChangeConflict):
        one(committer, Request(replace(undo, id="urn:x:again"), kind="revert"))


@pytest.mark.parametrize("graph", ["ledger", "ontology", "shapes"])
def test_graphs_made_by_other_means_are_not_written_to(committer, graph):
    with pytest.raises(GraphNotWritable):
        one(committer, add("x:s x:p 1 .", graph))


def test_the_default_graph_of_a_union_project_is_not_written_to(committer):
    [quad] = quads("x:s x:p 1 .")
    change = Changeset(1, added=frozenset([Quad(quad.subject, quad.predicate, quad.object, DEFAULT_GRAPH)]))

    with pytest.raises(NameAGraph):
        one(committer, Request(change))


def test_a_batch_ends_as_its_changes_would_one_by_one(make_project: MakeProject, tmp_path: Path) -> None:
    """Changes are made ahead of verdicts; refusals in between must make no difference to the others."""
    project = make_project({"data/a.ttl": "x:seed x:p 1 .", "shapes/thing.ttl": SHAPES})
    read = files.read(project)
    stores = [EmbeddedStore(tmp_path / name) for name in ("together", "alone")]
    for store in stores:
        store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    rng = random.Random(20261122)

    def request(n: int, base: int) -> Request:
        thing = f"x:t{rng.randrange(4)}"
        parts = [f"{thing} a x:Thing .", f'{thing} rdfs:label "{rng.randrange(2)}" .', f"{thing} x:p 1 ."]
        removed, added = (
            frozenset().union(*(quads(p) for p in rng.sample(parts, rng.randrange(3)))) for _ in range(2)
        )
        guard = rng.choice(["none", "none", "quads", "generation"])
        change = Changeset(base, removed - added, added - removed, guard=guard, id=f"urn:x:{base}-{n}")
        return Request(change)

    def shown(outcome: Outcome | KymgraphError) -> object:
        if isinstance(outcome, KymgraphError):
            return outcome.code
        return outcome.status, outcome.generation, outcome.change.removed, outcome.change.added

    with Committer(project, stores[0]) as together, Committer(project, stores[1]) as alone:
        seen: Counter[object] = Counter()
        for _ in range(size(quick=15, ci=20, night=1000)):
            requests = [request(n, together.head) for n in range(12)]
            one = [shown(o) for o in together.commit(requests)]
            other = [shown(o) for r in requests for o in alone.commit([r])]
            assert one == other
            seen.update(o if isinstance(o, str) else o[0] for o in one)
        ledger = NamedNode("https://w3id.org/kymgraph/graph/ledger")
        states = [{q for q in s.view().quads() if q.graph_name != ledger} for s in stores]

    assert states[0] == states[1]
    assert {"committed", "unchanged", "gate-rejected", "change-conflict", "base-moved"} <= set(seen)
