"""The facade for reading: queries by workers, graphs as files hold them, the Python API."""

from __future__ import annotations

import asyncio
import datetime
import shutil
from decimal import Decimal

import pytest

import kymgraph
from kymgraph.dataset import Dataset, bind, build, whole
from kymgraph.errors import (
    BadParameter,
    GateRejected,
    GenerationNotKept,
    GraphNotFound,
    InputError,
    QuerySyntaxError,
    StoreMissing,
    UnknownParameter,
)
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, Literal, NamedNode
from kymgraph.store.embedded import EmbeddedStore, move_pointer
from tests.conftest import MakeProject

POOL = {"fast": 1, "slow": 1, "spare": 0}
A = {
    "data/a.ttl": 'x:a x:p 1 ; rdfs:label "Kymi"@fi .',
    "data/b.ttl": "x:a x:p 1 . x:b x:p 2 .",
    "data/_x.ttl": "",
}
SHAPE = """
    @prefix sh: <http://www.w3.org/ns/shacl#> .
    x:S a sh:NodeShape ; sh:targetSubjectsOf x:p ; sh:property x:S-label .
    x:S-label sh:path rdfs:label ; sh:minCount 1 ; sh:message "Add a label."@en .
"""


def built(project: Project) -> EmbeddedStore:
    store = EmbeddedStore(project.store_folder)
    build(project, store)
    return store


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    files = {name: text for name, text in A.items() if not name.endswith("_x.ttl")}
    project = make_project(files)
    built(project)
    return project


# --- building -------------------------------------------------------------------------------------------


def test_data_that_break_a_shape_are_not_built(make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1 .", "shapes/s.ttl": SHAPE})
    store = EmbeddedStore(project.store_folder)

    with pytest.raises(GateRejected) as refused:
        build(project, store)

    assert not store.exists
    assert list(store.folder.parent.glob(".kymgraph*")) == []
    assert "Add a label." in refused.value.report.to_text("en")


def test_a_refused_build_leaves_the_store_that_was_there(make_project: MakeProject) -> None:
    store = built(make_project({"data/a.ttl": 'x:a x:p 1 ; rdfs:label "a" .', "shapes/s.ttl": SHAPE}))
    before = set(store.view().quads())

    with pytest.raises(GateRejected):
        build(make_project({"data/a.ttl": "x:a x:p 2 ."}), store)

    assert set(store.view().quads()) == before


def test_a_build_tells_its_steps_and_what_it_rewrote(make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 007 .", "data/b.ttl": ""})
    steps: list[tuple[str, int, int]] = []

    done = build(project, EmbeddedStore(project.store_folder), progress=lambda *step: steps.append(step))

    assert steps == [("reading", 0, 2), ("reading", 1, 2), ("checking", 0, 1), ("writing", 0, 1)]
    [(name, old, new)] = done.rewritten
    assert (name, str(old.object), str(new.object)[:3]) == (
        "data/a.ttl",
        '"007"^^<http://www.w3.org/2001/XMLSchema#integer>',
        '"7"',
    )


# --- the Python API -------------------------------------------------------------------------------------


def test_kymgraph_open_answers_rows(project: Project) -> None:
    with kymgraph.open(project.folder) as dataset:
        rows = dataset.query("SELECT ?s ?o { ?s <http://x.example/p> ?o } ORDER BY ?o")
        [one, two] = rows
        truth = dataset.query("ASK { ?s <http://x.example/p> 3 }").boolean

    assert (one.s, one.o, two.o, truth) == ("http://x.example/a", 1, 2, False)
    assert one["o"] == Literal(1)


def test_parameters_are_bound_as_terms(project: Project) -> None:
    with kymgraph.open(project.folder) as dataset:
        text = "SELECT ?s { ?s ?p ?value }"
        assert [row.s for row in dataset.query(text, value=2)] == ["http://x.example/b"]
        assert len(dataset.query(text, value='2 } . DELETE { "')) == 0
        assert len(dataset.query(text, s="<http://x.example/a>")) == 2
        assert len(dataset.query(text, s=NamedNode("http://x.example/b"))) == 1
        assert len(dataset.query(text, value=Literal("Kymi", language="fi"))) == 1


def test_parameters_of_a_named_query_follow_its_types() -> None:
    text = "#+ params: {year: year, place: iri}\nSELECT ?s { ?s ?year ?place }"

    assert bind(text, {"year": "2014", "place": "http://x.example/a"}) == {
        "year": '"2014"^^<http://www.w3.org/2001/XMLSchema#gYear>',
        "place": "<http://x.example/a>",
    }
    with pytest.raises(UnknownParameter):
        bind(text, {"year": "2014", "place": "http://x.example/a", "plaice": "x"})
    with pytest.raises(BadParameter, match="year"):
        bind(text, {"year": "MMXIV", "place": "http://x.example/a"})


@pytest.mark.parametrize(
    ("value", "term"),
    [
        (True, '"true"^^<http://www.w3.org/2001/XMLSchema#boolean>'),
        (Decimal("1.5"), '"1.5"^^<http://www.w3.org/2001/XMLSchema#decimal>'),
        (datetime.date(2021, 1, 1), '"2021-01-01"^^<http://www.w3.org/2001/XMLSchema#date>'),
        ("<not an iri>", '"<not an iri>"'),
        ("<urn:x>", "<urn:x>"),
    ],
)
def test_python_values_become_terms(value: object, term: str) -> None:
    assert bind("SELECT ?x { ?s ?p ?x }", {"x": value}) == {"x": term}  # type: ignore[dict-item]


def test_a_construct_is_not_rows(project: Project) -> None:
    with kymgraph.open(project.folder) as dataset, pytest.raises(InputError, match="CONSTRUCT"):
        dataset.query("CONSTRUCT WHERE { ?s ?p ?o }")


def test_opening_a_project_without_store_says_how_to_build(make_project: MakeProject) -> None:
    project = make_project()

    with pytest.raises(StoreMissing) as raised:
        kymgraph.open(project.folder)

    assert "kymgraph build" in (raised.value.hint or "")


def test_a_remote_store_is_refused_by_name(make_project: MakeProject) -> None:
    with pytest.raises(InputError, match=r"https://store\.example/sparql is a remote store"):
        Dataset.open(make_project(), "https://store.example/sparql")


# --- answers --------------------------------------------------------------------------------------------


def ask(dataset: Dataset, text: str, **options: object) -> tuple[int, str, bytes]:
    async def run() -> tuple[int, str, bytes]:
        try:
            answer = await dataset.answer(text, **options)  # type: ignore[arg-type]
            return answer.generation, answer.media_type, await whole(answer)
        finally:
            await dataset.aclose()

    return asyncio.run(run())


COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"


def test_answers_carry_generation_and_media_type(project: Project) -> None:
    dataset = Dataset.open(project, **POOL)

    assert ask(dataset, COUNT, format="csv") == (1, "text/csv", b"n\r\n3\r\n")
    assert ask(dataset, "CONSTRUCT WHERE { ?s ?p ?o }")[1] == "text/turtle"
    assert ask(dataset, "ASK {}")[1] == "application/sparql-results+json"


def test_the_protocol_s_dataset_goes_before_the_query_s(project: Project) -> None:
    a, b = project.base.graph("a"), project.base.graph("b")
    text = f"SELECT (COUNT(*) AS ?n) FROM <{a}> {{ ?s ?p ?o }}"
    dataset = Dataset.open(project, **POOL)

    assert ask(dataset, text, format="csv")[2] == b"n\r\n2\r\n"
    assert ask(dataset, text, format="csv", default_graphs=[b])[2] == b"n\r\n2\r\n"
    assert ask(dataset, text, format="csv", default_graphs=[a, b])[2] == b"n\r\n3\r\n"
    assert ask(dataset, text, format="csv", named_graphs=[b])[2] == b"n\r\n0\r\n"


def test_an_older_generation_on_disk_can_be_asked(project: Project, tmp_path: object) -> None:
    store = EmbeddedStore(project.store_folder)
    shutil.copytree(store.folder / "checkpoints" / "1", store.folder / "checkpoints" / "2")
    move_pointer(store.folder, 2)
    dataset = Dataset.open(project, **POOL)

    assert dataset.generation == 2
    assert ask(dataset, COUNT)[0] == 2
    assert ask(dataset, COUNT, at=1)[0] == 1
    with pytest.raises(GenerationNotKept):
        ask(dataset, COUNT, at=7)


def test_a_syntax_error_has_its_place(project: Project) -> None:
    with pytest.raises(QuerySyntaxError) as raised:
        ask(Dataset.open(project, **POOL), "SELECT ?s {\n ?s ?p }")

    assert raised.value.line == 2


# --- graphs ---------------------------------------------------------------------------------------------


def test_an_unknown_graph_lists_the_known_ones(project: Project) -> None:
    with pytest.raises(GraphNotFound) as raised:
        list(Dataset.open(project).graph("c"))

    assert raised.value.hint == "there are: a, b"


def test_blank_nodes_come_back_and_shared_ones_keep_their_names(make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p [ x:q 1 ] . x:b x:p [ x:q 2 ] ."})
    store = built(project)
    dataset = Dataset.open(project)
    shared = next(quad.subject for quad in store.view().quads() if str(quad.object).startswith('"1"'))
    text = dataset.text_of("a", FORMATS["ttl"]).decode()
    assert "genid" not in text

    built(make_project({"data/b.ttl": f"x:c x:p {shared} ."}))

    text = dataset.text_of("a", FORMATS["ttl"]).decode()
    assert text.count(str(shared)) == 2
    assert "[" in text


def test_a_value_for_a_variable_that_is_not_there_is_refused():
    with pytest.raises(UnknownParameter, match=r"\?zzz"):
        bind("SELECT ?s { ?s ?p ?o }", {"zzz": 1})
