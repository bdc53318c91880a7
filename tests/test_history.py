"""The history of a dataset: commits, states of the past, differences, and files that are merged into it."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from kymgraph import dataset as datasets
from kymgraph.changeset import Changeset
from kymgraph.commit import Committer, Outcome, Request
from kymgraph.dataset import Dataset
from kymgraph.errors import BadParameter, ChangeConflict, CommitNotFound, GateRejected
from kymgraph.importing import import_files
from kymgraph.project import LEDGER_GRAPH, Project
from kymgraph.queries import NamedQuery
from kymgraph.rdf import FORMATS, NamedNode, Quad, canonical_nquads, parse
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, ROOT, Kymgraph, MakeProject
from tests.needs import size

SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
x:Named a sh:NodeShape ; sh:targetClass x:Thing ; sh:property x:hasName .
x:hasName a sh:PropertyShape ; sh:path rdfs:label ; sh:minCount 1 ; sh:message "give it a name"@en .
"""
BASE = "https://w3id.org/kymgraph/"


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project(
        {
            "data/a.ttl": 'x:a a x:Thing ; rdfs:label "A" .\n',
            "data/b.ttl": 'x:b a x:Thing ; rdfs:label "B" ; x:part [ x:n 1 ] .\n',
            "shapes/thing.ttl": SHAPES,
        }
    )


@pytest.fixture
def dataset(project: Project) -> Iterator[Dataset]:
    store = EmbeddedStore(project.store_folder)
    datasets.build(project, store)
    with Dataset.open(project, fast=1, slow=1, spare=0) as opened:
        yield opened


def quads(turtle: str, graph: str = "a") -> frozenset[Quad]:
    return frozenset(
        parse((PREFIXES + turtle).encode(), FORMATS["ttl"], graph=NamedNode(BASE + "graph/" + graph))
    )


def commit(dataset: Dataset, removed: str = "", added: str = "", **more: object) -> int:
    change = Changeset(dataset.generation, removed=quads(removed), added=quads(added), **more)  # type: ignore[arg-type]
    return dataset.commit(Request(change)).generation


def state(dataset: Dataset, at: int | None = None) -> bytes:
    """All graphs but the ledger, as canonical N-Quads."""
    ledger = NamedNode(BASE + "graph/" + LEDGER_GRAPH)
    return canonical_nquads(q for q in dataset.view(at).quads() if q.graph_name != ledger)


def test_the_ledger_question_tells_what_changed_by_whom_and_why(dataset: Dataset) -> None:
    agent = BASE + "id/agent/k3"
    commit(dataset, added='x:c a x:Thing ; rdfs:label "C" .', agent=agent, reason="lisäys")
    undo = dataset.revert(2, reason="virhe", agent=agent)
    dataset.commit(undo)
    question = NamedQuery.load(ROOT / "tests/questions/Q45.rq")

    rows = list(dataset.query(question.text))

    assert [(int(r.generation), r.reason, int(r.added), int(r.removed)) for r in rows] == [
        (3, "virhe", 0, 2),
        (2, "lisäys", 2, 0),
    ]
    assert rows[0].reverted == 2
    assert {str(r.agent).strip("<>") for r in rows} == {agent}


def test_every_state_can_be_read_again_and_compared(dataset: Dataset) -> None:
    seen = {1: state(dataset)}
    for n in range(8):  # more than are kept as checkpoints
        number = commit(dataset, added=f"x:a x:n {n} .")
        seen[number] = state(dataset)

    assert {n: state(dataset, n) for n in seen} == seen
    change = dataset.between(1, 9)
    assert (len(change.added), len(change.removed)) == (8, 0)
    assert dataset.between(9, 1).removed == change.added
    assert dataset.between(4, 4).empty
    assert [entry.number for entry in dataset.history(after=6)] == [9, 8, 7]
    assert dataset.query("ASK { ?s <http://x.example/n> 3 }", at=4).boolean is False
    assert dataset.query("ASK { ?s <http://x.example/n> 3 }", at=5).boolean is True


def test_a_moment_names_the_generation_that_was_current_then(dataset: Dataset) -> None:
    commit(dataset, added="x:a x:n 1 .")
    before = datetime.datetime.now(datetime.UTC)
    commit(dataset, added="x:a x:n 2 .")

    assert dataset.generation_at(before.isoformat()) == 2
    assert dataset.generation_at("2020-01-01") == 1
    assert dataset.generation_at("3") == 3
    with pytest.raises(BadParameter):
        dataset.generation_at("eilen")
    with pytest.raises(CommitNotFound):
        dataset.entry(9)


def test_reverting_every_commit_in_turn_leads_back_to_the_seed(project: Project) -> None:
    """The last first, through the gate; states in between equal those of the way there."""
    store = EmbeddedStore(project.store_folder)
    datasets.build(project, store)
    dataset = Dataset.open(project)
    rng = random.Random(20261122)
    count = size(quick=12, ci=40, night=100)
    states = [state(dataset)]
    with Committer(project, store) as committer:

        def done(request: Request) -> None:
            [outcome] = committer.commit([request])
            assert isinstance(outcome, Outcome), outcome
            assert outcome.status == "committed"

        for n in range(count):
            held = sorted((q for q in dataset.view().quads() if "/n>" in str(q.predicate)), key=str)
            gone = frozenset(rng.sample(held, min(len(held), rng.randrange(3))))
            came = quads(
                "".join(f"x:r{rng.randrange(9)} x:n {n}{i} .\n" for i in range(2)), rng.choice("abc")
            )
            done(Request(Changeset(store.generation, removed=gone, added=came)))
            states.append(state(dataset))
        assert [state(dataset, at) for at in range(1, count + 2)] == states
        for number in range(count + 1, 1, -1):
            done(dataset.revert(number, reason="takaisin"))
            assert state(dataset) == states[number - 2]


def test_a_change_of_the_labels_alters_the_questions_about_them(dataset: Dataset, project: Project) -> None:
    folder = project.folder / "tests/questions"
    folder.mkdir(parents=True)
    text = "#+ summary: {}\n#+ answers: Q01\nSELECT ?o {{ ?s <{}> ?o }}"
    (folder / "Q01.rq").write_text(text.format("names", "http://www.w3.org/2000/01/rdf-schema#label"))
    (folder / "Q02.rq").write_text(text.format("parts", "http://x.example/part"))
    request = Request(Changeset(1, added=quads('x:a rdfs:label "A2" .')))

    outcome = dataset.check(request)

    assert outcome.report.accepted
    assert dataset.generation == 1

    async def altered() -> list[str]:
        try:
            return [query.name for query in await dataset.questions(outcome.change)]
        finally:
            await dataset.aclose()

    import asyncio

    assert asyncio.run(altered()) == ["Q01"]


# --- files ----------------------------------------------------------------------------------------------


def edit(project: Project, name: str, text: str) -> None:
    (project.folder / name).write_text(PREFIXES + text, "utf-8")


def test_an_edited_file_and_a_commit_are_merged_by_one_gated_commit(
    dataset: Dataset, project: Project
) -> None:
    commit(dataset, added='x:c a x:Thing ; rdfs:label "C" .')
    edit(project, "data/a.ttl", 'x:a a x:Thing ; rdfs:label "A uusi" .\n')

    outcome = import_files(project, dataset.store)

    assert outcome is not None
    assert (outcome.status, outcome.generation) == ("committed", 3)
    assert (len(outcome.change.added), len(outcome.change.removed)) == (1, 1)
    labels = {
        row.o for row in dataset.query("SELECT ?o { ?s <http://www.w3.org/2000/01/rdf-schema#label> ?o }")
    }
    assert labels == {"A uusi", "B", "C"}
    assert dataset.entry(3).kind == "import"
    assert import_files(project, dataset.store) is None
    edit(project, "data/b.ttl", 'x:b a x:Thing ; rdfs:label "B" ; x:part [ x:n 2 ] .\n')
    again = import_files(project, dataset.store)
    assert again is not None
    assert (len(again.change.added), len(again.change.removed)) == (2, 2)  # the blank node has another name
    assert "C" in {row.o for row in dataset.query("SELECT ?o { ?s ?p ?o }")}


def test_a_field_changed_on_both_sides_is_listed_and_nothing_is_written(
    dataset: Dataset, project: Project, kymgraph: Kymgraph
) -> None:
    commit(dataset, removed='x:a rdfs:label "A" .', added='x:a rdfs:label "A store" .')
    edit(project, "data/a.ttl", 'x:a a x:Thing ; rdfs:label "A file" .\n')

    with pytest.raises(ChangeConflict, match="A file") as conflict:
        import_files(project, dataset.store)
    done = kymgraph("import", cwd=project.folder)

    assert "A store" in str(conflict.value)
    assert (done.returncode, dataset.generation) == (5, 2)


def test_files_that_break_the_shapes_are_refused_with_what_was_committed(
    dataset: Dataset, project: Project
) -> None:
    commit(dataset, added="x:free x:n 1 .")
    edit(project, "shapes/thing.ttl", SHAPES.replace("sh:targetClass x:Thing", "sh:targetSubjectsOf x:n"))

    with pytest.raises(GateRejected) as refused:
        import_files(project, dataset.store)

    assert "x.example/free" in refused.value.report.to_text("en")
    assert dataset.generation == 2


def test_changed_shapes_come_in_with_the_data_that_meets_them(dataset: Dataset, project: Project) -> None:
    stricter = SHAPES.replace("sh:minCount 1", "sh:minCount 1 ; sh:maxCount 1")
    edit(project, "shapes/thing.ttl", stricter)

    outcome = import_files(project, dataset.store)

    assert outcome is not None
    assert outcome.change.graphs == {BASE + "graph/shapes"}
    with pytest.raises(GateRejected):
        commit(dataset, added='x:a rdfs:label "A2" .')


def test_export_of_an_untouched_store_changes_no_file_and_of_a_changed_one_only_its_graph(
    dataset: Dataset, project: Project, kymgraph: Kymgraph
) -> None:
    def export() -> dict[str, bytes]:
        assert kymgraph("export", cwd=project.folder).returncode == 0
        return {f.name: f.read_bytes() for f in sorted((project.folder / "data").iterdir())}

    first = export()
    assert export() == first
    commit(dataset, added="x:a x:n 5 .")

    changed = export()

    assert {name for name in first if first[name] != changed[name]} == {"a.ttl"}
    assert set(changed) == {"a.ttl", "b.ttl"}  # the ledger is no file
    assert import_files(project, dataset.store) is None


def test_commands_tell_the_history(
    dataset: Dataset, project: Project, kymgraph: Kymgraph, tmp_path: Path
) -> None:
    commit(dataset, added="x:a x:n 5 .", reason="viitonen")

    log = kymgraph("log", "--lang", "fi", cwd=project.folder)
    show = kymgraph("show", "2", "--lang", "fi", cwd=project.folder)
    diff = kymgraph("diff", "1", "--lang", "fi", cwd=project.folder)
    missing = kymgraph("show", "7", cwd=project.folder)

    assert "viitonen" in log.stdout
    assert "+ <http://x.example/n>: " in show.stdout
    assert diff.stdout.splitlines() == show.stdout.splitlines()[1:]
    assert missing.returncode == 4


def test_an_edited_shape_judges_nothing_before_it_is_imported(dataset: Dataset, project: Project) -> None:
    edit(project, "shapes/thing.ttl", SHAPES.replace("sh:minCount 1", "sh:minCount 9"))

    commit(dataset, added='x:c a x:Thing ; rdfs:label "C" .')
    with pytest.raises(GateRejected):
        commit(dataset, added="x:d a x:Thing .")
    (project.folder / "shapes/thing.ttl").write_text("this is no Turtle")
    commit(dataset, added='x:e a x:Thing ; rdfs:label "E" .')

    assert dataset.generation == 3


def test_an_export_does_not_take_edited_shapes_for_imported(
    dataset: Dataset, project: Project, kymgraph: Kymgraph
) -> None:
    edit(project, "shapes/thing.ttl", SHAPES.replace("sh:minCount 1", "sh:minCount 1 ; sh:maxCount 1"))
    assert kymgraph("export", cwd=project.folder).returncode == 0

    outcome = import_files(project, dataset.store)

    assert outcome is not None
    assert outcome.change.graphs == {BASE + "graph/shapes"}
