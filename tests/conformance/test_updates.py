"""W3C SPARQL 1.1 Update: each test made a changeset, and the changeset applied to the state it was made for.

A changeset must be exact (it removes what is there and adds what is not), and must give the state that the
suite expects, equal up to the labels of blank nodes. Each test runs in a strict project that keeps blank
nodes, as the suites are written for, and in one that names them, over a store in memory; some also through a
real worker. What is skipped stands in skip_updates.toml, each with its reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kymgraph import rdf
from kymgraph.changeset import Changeset
from kymgraph.errors import ChangeConflict, GraphNotFound, QuerySyntaxError, ServiceNotAllowed
from kymgraph.intake.update import from_update
from kymgraph.namespaces import Base
from kymgraph.project import Project
from kymgraph.rdf import DefaultGraph, NamedNode, Quad
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.rules import Rules
from kymgraph.store.update import Request, evaluate
from kymgraph.store.workers import WorkerPool

from .writable import Writable

SUITES = "http://www.w3.org/2009/sparql/docs/tests/data-sparql11/"
EVALUATION = (
    "add", "basic-update", "clear", "copy", "delete", "delete-data", "delete-insert", "delete-where", "drop",
    "move", "update-silent",
)  # fmt: skip
SYNTAX = ("syntax-update-1", "syntax-update-2")
MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
UT = "http://www.w3.org/2009/sparql/tests/test-update#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"


@dataclass(frozen=True)
class State:
    """Files by the IRI of the graph that they hold; "" is the default graph."""

    files: tuple[tuple[str, Path], ...] = ()

    @property
    def graphs(self) -> frozenset[str]:
        return frozenset(graph for graph, _ in self.files if graph)

    def quads(self) -> list[Quad]:
        quads: list[Quad] = []
        for graph, path in self.files:
            target = NamedNode(graph) if graph else None
            # The files of one state share their labels: a blank node may be in two graphs.
            quads += rdf.parse(path, graph=target, base=SUITES + f"{path.parent.name}/{path.name}")
        return rdf.canonical(quads).quads


@dataclass(frozen=True)
class Case:
    """One test of a manifest."""

    name: str
    kind: str
    request: Path
    base: str
    before: State = field(default_factory=State)
    after: State = field(default_factory=State)

    @property
    def text(self) -> str:
        return self.request.read_text("utf-8")


def _folder() -> Path:
    here = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("KYMGRAPH_SHARED", here.parent / "shared")) / "conformance" / "sparql11"


def cases(*suites: str) -> Iterator[Case]:
    """The tests of these suites, in the order of their manifests."""
    for suite in suites:
        folder, base = _folder() / suite, SUITES + suite + "/"
        if not folder.is_dir():
            return
        values: dict[tuple[str, str], list[Any]] = {}
        for quad in rdf.parse(folder / "manifest.ttl", base=base + "manifest.ttl"):
            subject: Any = quad.subject
            values.setdefault((subject.value, quad.predicate.value), []).append(quad.object)

        def state(
            node: str,
            values: Mapping[tuple[str, str], list[Any]] = values,
            folder: Path = folder,
            base: str = base,
        ) -> State:
            files = [("", data.value) for data in values.get((node, UT + "data"), [])]
            for graph in values.get((node, UT + "graphData"), []):
                label = values[graph.value, RDFS + "label"][0].value
                files.append((label, values[graph.value, UT + "graph"][0].value))
            return State(tuple((graph, folder / iri.removeprefix(base)) for graph, iri in files))

        entry = values[base + "manifest.ttl", MF + "entries"][0]
        while entry.value != RDF + "nil":
            test = values[entry.value, RDF + "first"][0].value
            [entry] = values[entry.value, RDF + "rest"]
            action = values[test, MF + "action"][0]
            request = values.get((action.value, UT + "request"), [action])[0].value
            result = values.get((test, MF + "result"))
            yield Case(
                name=f"{suite}/{test.partition('#')[2]}",
                kind=values[test, RDF + "type"][0].value.partition("#")[2],
                request=folder / request.removeprefix(base),
                base=request,
                before=state(action.value),
                after=state(result[0].value) if result else State(),
            )


SKIPPED: dict[str, str] = tomllib.loads((Path(__file__).parent / "skip_updates.toml").read_text("utf-8"))[
    "skip"
]
ALL = [*cases(*EVALUATION, *SYNTAX)]
EVALUATED = [case for case in ALL if case.kind == "UpdateEvaluationTest"]
SYNTACTIC = [case for case in ALL if "Syntax" in case.kind]
#: One of each kind of operation, for the way through a real worker.
THROUGH_A_WORKER = [case for case in EVALUATED if case.name.endswith(("01", "1", "silent"))]
KEEP = Rules(default_graph="strict", blank_nodes="keep")
SKOLEM = Rules(default_graph="strict", blank_nodes="skolem")


def skip_if_listed(name: str) -> None:
    if name in SKIPPED:
        pytest.skip(SKIPPED[name])


def store_of(quads: list[Quad], graphs: frozenset[str]) -> ox.Store:
    store = ox.Store()
    store.extend(quads)
    for graph in graphs:
        store.add_graph(NamedNode(graph))
    return store


def check(case: Case, change: Changeset, before: list[Quad], after: list[Quad], *, named: bool) -> None:
    """See that the changeset is exact and leads from one state to the other."""
    there, base = set(before), Base()
    assert change.removed <= there, "it removes what is not there"
    assert not change.added & there, "it adds what is there"
    assert not change.created & case.before.graphs
    assert change.dropped <= case.before.graphs
    assert not any(
        isinstance(q.graph_name, NamedNode) and q.graph_name.value in change.dropped for q in change.added
    )
    found = (there - change.removed) | change.added
    if named:
        assert not any(isinstance(term, rdf.BlankNode) for q in found for term in (q.subject, q.object))
        found = set(rdf.deskolemise(found, base))
        after = rdf.deskolemise(after, base)
    assert rdf.isomorphic(found, after)
    graphs = (case.before.graphs | change.created) - change.dropped
    filled = {q.graph_name.value for q in found if not isinstance(q.graph_name, DefaultGraph)}  # type: ignore[union-attr]
    assert filled <= graphs, "a graph that holds something is not said to exist"
    assert case.after.graphs - graphs == set()


@pytest.mark.parametrize("rules", [KEEP, SKOLEM], ids=["keep", "skolem"])
@pytest.mark.parametrize("case", EVALUATED, ids=lambda case: case.name)
def test_evaluation(case: Case, rules: Rules) -> None:
    skip_if_listed(case.name)
    named = rules.blank_nodes == "skolem"
    before, after = case.before.quads(), case.after.quads()
    if named:
        before = rdf.skolemise(before, Base())
    store = store_of(before, case.before.graphs)
    outcome = evaluate(Request(case.text, base=case.base), store, rules)
    check(case, outcome.change, before, after, named=named)
    assert set(store) == set(before), "evaluating wrote to the store"


@pytest.mark.parametrize("case", SYNTACTIC, ids=lambda case: case.name)
def test_syntax(case: Case) -> None:
    skip_if_listed(case.name)
    request, store = Request(case.text, base=case.base), ox.Store()
    if "Positive" in case.kind:
        # It is read, and may then name graphs that are not there, or LOAD.
        with contextlib.suppress(GraphNotFound, ServiceNotAllowed, ChangeConflict):
            evaluate(request, store, KEEP)
    else:
        with pytest.raises(QuerySyntaxError):
            evaluate(request, store, KEEP)


@dataclass(frozen=True)
class Workers:
    """What `from_update` needs of a dataset."""

    project: Project
    pool: WorkerPool

    async def run(self, job: Any, *, client: str = "", deadline: float | None = None) -> Any:
        return await self.pool.run(job, client=client, deadline=deadline)


def test_through_a_worker(tmp_path: Path) -> None:
    """The same, from a checkpoint on disk, in a sandboxed process, and back as RDF Patch."""
    if not THROUGH_A_WORKER:
        pytest.skip(f"the SPARQL 1.1 suites are not at {_folder()}")
    (tmp_path / "kymgraph.toml").write_text('default_graph = "strict"\n', "utf-8")
    project = Project.load(tmp_path)
    stores: dict[str, EmbeddedStore] = {}
    current = ""

    async def all_of_them() -> None:
        nonlocal current
        async with WorkerPool(
            lambda: (1, stores[current].checkpoint_path()), fast=1, slow=1, spare=0
        ) as pool:
            for case in THROUGH_A_WORKER:
                current = case.name
                before = rdf.skolemise(case.before.quads(), project.base)
                change = await from_update(Workers(project, pool), case.text, base=case.base)
                check(case, change, before, case.after.quads(), named=True)

    for case in THROUGH_A_WORKER:
        if case.name in SKIPPED:
            continue
        stores[case.name] = EmbeddedStore(tmp_path / case.name.replace("/", "-"))
        stores[case.name].build(case.before.quads(), project=project, graphs=case.before.graphs)
        current = case.name
    asyncio.run(all_of_them())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serve_writable: Any) -> Writable:
    return Writable.start(tmp_path_factory.mktemp("updates"), serve_writable)


#: All of them in ci and at night; quick takes some of each suite.
EVERY = 1 if os.environ.get("KYMGRAPH_TEST", "quick") != "quick" else 8


@pytest.mark.parametrize("case", EVALUATED[::EVERY], ids=lambda case: case.name)
def test_over_http(case: Case, server: Writable) -> None:
    """The same over the SPARQL protocol, committed by the writer process."""
    skip_if_listed(case.name)
    server.set(case.before.quads(), case.before.graphs)
    answer = server.update(f"BASE <{case.base}>\n{case.text}")
    assert answer.status_code in (200, 204), answer.text
    assert rdf.isomorphic(server.quads(), case.after.quads())
    assert server.graphs() >= case.after.graphs


@pytest.mark.parametrize("case", SYNTACTIC[::EVERY], ids=lambda case: case.name)
def test_syntax_over_http(case: Case, server: Writable) -> None:
    skip_if_listed(case.name)
    generation = server.view.generation
    if "Positive" in case.kind:
        answer = server.update(f"BASE <{case.base}>\n{case.text}", **{"dry-run": "true"})
        # It is read, and may then name graphs that are not there, or LOAD.
        codes = ("graph-not-found", "service-not-allowed", "host-not-allowed", "change-conflict")
        assert answer.status_code in (200, 204) or answer.json()["code"] in codes, answer.text
    else:
        answer = server.update(f"BASE <{case.base}>\n{case.text}")
        assert (answer.status_code, answer.json()["code"]) == (400, "query-syntax")
    assert server.view.generation == generation


def test_every_skipped_test_exists() -> None:
    if not ALL:
        pytest.skip(f"the SPARQL 1.1 suites are not at {_folder()}")
    assert set(SKIPPED) <= {case.name for case in ALL}
    assert len(EVALUATED) + len(SYNTACTIC) == len(ALL)
