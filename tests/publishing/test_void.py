"""What VoID counts is what SPARQL counts."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path

import pytest

from kymgraph.namespaces import PREFIXES
from kymgraph.project import Project
from kymgraph.publishing import catalog, dumps, void
from kymgraph.publishing.dumps import WHOLE, content_of, sources
from kymgraph.publishing.statistics import Linkset, Statistics, measure
from kymgraph.rdf import FORMATS, Literal, NamedNode, Quad, parse
from kymgraph.store.memory import MemoryView
from kymgraph.view import View
from tests.conftest import MakeProject

VOID = PREFIXES["void"]
ADDRESS = "https://data.example.org"
PREFIXED = (
    "@prefix : <https://w3id.org/kymgraph/id/> . @prefix x: <http://x.example/> . "
    "@prefix kym: <https://w3id.org/kymgraph/ontology#> . "
    "@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix dcat: <http://www.w3.org/ns/dcat#> .\n"
)
DATA = {
    # 12 is one object for the store, though DCAT asks for another datatype than a plain number has.
    "first": ':a a kym:Plan , x:C ; x:p 12 , "12" , "12"@fi ; dcat:byteSize 12 . '
    ":b a kym:Plan ; x:p :a . x:c x:p 12 .",
    # What both state counts once in the whole.
    "second": ":a a kym:Plan ; x:p 12 , :d ; skos:exactMatch <http://www.yso.fi/onto/yso/p1> . x:c x:q 1 .",
    "ledger": ":z a kym:Commit .",
}


def counted(view: View, graph: str | None) -> Statistics:
    """The same numbers, asked for in SPARQL."""
    pattern = "?s ?p ?o" if graph is None else f"GRAPH <{graph}> {{ ?s ?p ?o }}"
    typed = "?s a ?c" if graph is None else f"GRAPH <{graph}> {{ ?s a ?c }}"

    def number(what: str, where: str) -> int:
        [row] = view.select(f"SELECT (COUNT({what}) AS ?n) WHERE {{ {where} }}")
        return int(row["n"].value)

    def groups(by: str, what: str, where: str) -> dict[str, int]:
        rows = view.select(
            f"SELECT ?{by} (COUNT({what}) AS ?n) WHERE {{ {where} }} GROUP BY ?{by} ORDER BY ?{by}"
        )
        return {row[by].value: int(row["n"].value) for row in rows if isinstance(row.get(by), NamedNode)}

    return Statistics(
        triples=number("*", pattern),
        entities=number("DISTINCT ?s", typed),
        subjects=number("DISTINCT ?s", pattern),
        objects=number("DISTINCT ?o", pattern),
        classes=groups("c", "DISTINCT ?s", typed),
        properties=groups("p", "*", pattern),
    )


def without_links(numbers: Statistics) -> Statistics:
    given = numbers.to_dict() | {"linksets": []}
    return Statistics.from_dict(given)


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project(toml='[sources]\nfirst = "a.txt"\nsecond = "b.txt"\n')


@pytest.fixture
def view(project: Project) -> MemoryView:
    quads = []
    for name, turtle in DATA.items():
        quads += parse(
            (PREFIXED + turtle).encode(), FORMATS["ttl"], graph=NamedNode(project.base.graph(name))
        )
    view = MemoryView(quads, in_union=project.in_union)
    view.generation = 1
    return view


def test_the_numbers_of_every_dataset_are_those_that_sparql_counts(
    project: Project, view: MemoryView
) -> None:
    names = [WHOLE, *sources(view, project)]
    assert names == ["kymgraph", "first", "second"]

    for name in names:
        found = measure(content_of(name, view, project).stored(), ours=project.base.ids)

        expected = counted(view, None if name == WHOLE else project.base.graph(name))
        assert without_links(found) == expected, name
    assert (found.triples, found.entities) == (5, 1)


def test_links_are_counted_by_kind_and_authority() -> None:
    turtle = b"""
    @prefix x: <https://example.org/kym/id/> . @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
    x:a skos:exactMatch <http://www.yso.fi/onto/yso/p1> ; skos:closeMatch <http://www.yso.fi/onto/yso/p2> .
    x:b skos:exactMatch <http://www.yso.fi/onto/yso/p3> , <https://sws.geonames.org/830703/> , x:a , "text" .
    <http://x.example/c> skos:exactMatch <http://www.yso.fi/onto/yso/p4> .
    """

    found = measure(parse(turtle, FORMATS["ttl"]), ours="https://example.org/kym/id/").linksets

    exact, close = (PREFIXES["skos"] + name for name in ("exactMatch", "closeMatch"))
    assert found == (
        Linkset(close, "http://www.yso.fi/onto/yso/", 1),
        Linkset(exact, "http://www.yso.fi/onto/yso/", 2),
        Linkset(exact, "https://sws.geonames.org/", 1),
    )


def test_the_document_says_these_numbers_and_where_the_dumps_and_the_endpoint_are(
    project: Project, view: MemoryView, tmp_path: Path
) -> None:
    built = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = dumps.write_out(view, project, tmp_path / "out", built=built)
    catalogue = catalog.read(view, project, made, ADDRESS)

    said = void.quads(catalogue, made, project, ADDRESS)

    for dataset in catalogue.datasets:
        numbers = made.statistics[dataset.name]
        assert values(said, dataset.iri, "triples") == {str(numbers.triples)}
        assert values(said, dataset.iri, "distinctObjects") == {str(numbers.objects)}
        dumped = {one.url for one in dataset.distributions if one.suffix != "csv"}
        assert values(said, dataset.iri, "dataDump") == dumped
        parts = values(said, dataset.iri, "classPartition")
        assert {
            (values(said, part, "class").pop(), int(values(said, part, "entities").pop())) for part in parts
        } == set(numbers.classes.items())
        parts = values(said, dataset.iri, "propertyPartition")
        assert {
            (values(said, part, "property").pop(), int(values(said, part, "triples").pop())) for part in parts
        } == set(numbers.properties.items())
    whole, *others = catalogue.datasets
    assert values(said, whole.iri, "sparqlEndpoint") == {f"{ADDRESS}/sparql"}
    assert values(said, whole.iri, "subset") >= {one.iri for one in others}
    assert PREFIXES["kym"] in values(said, whole.iri, "vocabulary")
    assert all(isinstance(q.subject, NamedNode) for q in said)


def values(quads: Iterable[Quad], subject: str, name: str) -> set[str]:
    found = (q.object for q in quads if q.subject == NamedNode(subject) and q.predicate.value == VOID + name)
    return {term.value for term in found if isinstance(term, NamedNode | Literal)}
