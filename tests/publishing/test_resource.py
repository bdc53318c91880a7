"""A resource is read in two queries however many neighbours it has, and bounds are told of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from kymgraph import files
from kymgraph.dataset import Dataset
from kymgraph.errors import BadParameter
from kymgraph.project import Project
from kymgraph.publishing import resource
from kymgraph.publishing.resource import exists, read
from kymgraph.rdf import DefaultGraph, NamedNode, Quad, Subject, Term
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.view import View
from tests.conftest import MakeProject

X = "http://x.example/"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"


class CountingView:
    """A view that counts what it is asked."""

    def __init__(self, view: View) -> None:
        self._view, self.asked = view, 0

    @property
    def generation(self) -> int:
        return self._view.generation

    def quads(
        self,
        subject: Subject | None = None,
        predicate: NamedNode | None = None,
        object: Term | None = None,
        graph: NamedNode | DefaultGraph | None = None,
    ) -> Iterator[Quad]:
        self.asked += 1
        return self._view.quads(subject, predicate, object, graph)

    def graphs(self) -> list[NamedNode]:
        self.asked += 1
        return self._view.graphs()

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        self.asked += 1
        return self._view.select(text, bindings)


def opened(project: Project) -> View:
    store = EmbeddedStore(project.store_folder)
    given = files.read(project)
    store.build(given.quads(), project=project, graphs=given.graphs, files=given.digests)
    return store.view()


@pytest.mark.parametrize("neighbours", [1, 2000])
def test_two_queries_are_enough_however_many_neighbours(make_project: MakeProject, neighbours: int) -> None:
    lines = [f'x:a x:to x:n{n} . x:n{n} rdfs:label "N {n}" . x:m{n} x:to x:a .' for n in range(neighbours)]
    view = CountingView(opened(make_project({"data/a.ttl": "\n".join(lines)})))

    document = read(view, make_project(), X + "a")

    assert document is not None
    assert view.asked == 2
    assert len(document.own) == neighbours
    assert sum(quad.predicate.value == LABEL for quad in document.about) == neighbours
    assert document.inverse.count == neighbours
    assert len(document.inverse.quads) == min(neighbours, resource.INVERSE_LIMIT)


def test_a_hub_is_counted_up_to_a_bound_and_says_so(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "COUNTED_MOST", 50)
    project = make_project({"data/a.ttl": "\n".join(f"x:m{n} x:to x:a ; x:see x:b ." for n in range(51))})
    view = opened(project)
    (hub, other) = (read(view, project, X + name) for name in ("a", "m1"))

    assert hub is not None
    assert other is not None
    assert (hub.inverse.exact, hub.inverse.next) == (False, None if resource.INVERSE_LIMIT > 51 else 100)
    assert other.inverse.exact


def test_more_than_the_bound_of_own_triples_is_cut_and_said_so(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "OWN_MOST", 10)
    project = make_project({"data/a.ttl": "\n".join(f"x:a x:n {n} ." for n in range(11)) + "\nx:b x:n 1 ."})
    view = opened(project)
    documents = [read(view, project, X + name) for name in ("a", "b")]

    assert [(d.whole, len(d.own)) for d in documents if d is not None] == [(False, 10), (True, 1)]


def test_what_is_named_anywhere_is_there_and_nothing_else(make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:s x:p x:o ."})
    view = opened(project)

    found = {name: exists(view, X + name) for name in ("s", "p", "o", "q")}
    assert found == {"s": "subject", "p": "predicate", "o": "object", "q": ""}
    assert exists(view, project.base.graph("a")) == "graph"
    assert exists(view, "no iri") == ""
    for name, how in found.items():
        assert (read(view, project, X + name) is not None) == bool(how), name
    assert read(view, project, project.base.graph("a")) is not None


def test_the_default_graph_of_a_strict_project_is_read_too(make_project: MakeProject) -> None:
    project = make_project(
        {"data/_default.ttl": 'x:a rdfs:label "A" ; x:to x:b .', "data/g.ttl": 'x:b rdfs:label "B" .'},
        'default_graph = "strict"',
    )
    view = opened(project)
    document = read(view, project, X + "a")

    assert document is not None
    assert {q.graph_name for q in document.own} == {DefaultGraph()}
    assert document.label(X + "b", ["fi"]) is not None
    assert (linked := read(view, project, X + "b")) is not None
    assert linked.inverse.count == 1


@pytest.mark.parametrize("iri", ["", "a", "http://a b", "http://a>} DROP", "http://a/\\", "http://a/\n"])
def test_what_is_no_iri_is_refused(make_project: MakeProject, iri: str) -> None:
    with pytest.raises(BadParameter):
        resource.query(make_project(), iri)


def test_every_resource_of_the_shipped_graph_is_read_whole_in_two_queries(shipped: Dataset) -> None:
    view = CountingView(shipped.view())
    subject = NamedNode(shipped.project.base.id("programme", "maakuntaohjelma-2022-2025"))
    expected = set(view.quads(subject))
    view.asked = 0

    document = read(view, shipped.project, subject.value)

    assert document is not None
    assert view.asked == 2
    assert set(document.own) == expected
    # data/maakuntaohjelma-2022-2025.ttl: the programme rests on lines 1 and 3, its contact person on 46-50.
    assert [(e.first, e.last, e.covers is None) for e in document.evidence] == [
        ("1", "1", True),
        ("3", "3", True),
        ("46", "50", False),
    ]
