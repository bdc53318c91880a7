"""The figures of data quality over a small project whose every number can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymgraph.changeset import Changeset
from kymgraph.commit import Request
from kymgraph.dataset import Dataset, build
from kymgraph.namespaces import KYM, Base
from kymgraph.project import Project
from kymgraph.quality.data import DataQuality, measure
from kymgraph.rdf import Literal, NamedNode, Quad
from kymgraph.store.embedded import EmbeddedStore

BASE = Base("https://example.org/kym/")
HEAD = """@prefix id: <https://example.org/kym/id/> .
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix kymsh: <https://w3id.org/kymgraph/shapes#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix passage: <https://example.org/kym/id/passage/alpha/> .
"""
FILES = {
    "kymgraph.toml": f'base_iri = "{BASE.iri}"\n[sources]\nalpha = "alpha.txt"\n',
    "ontology/terms.ttl": "kym:Measure rdfs:subClassOf kym:Element . kym:Element a rdfs:Class .",
    "shapes/element.ttl": """
kymsh:Element a sh:NodeShape ; sh:targetClass kym:Element ;
  sh:property kymsh:label , kymsh:part , kymsh:none .
kymsh:label a sh:PropertyShape ; sh:path skos:prefLabel ; sh:minCount 1 ; sh:severity sh:Warning .
kymsh:part a sh:PropertyShape ; sh:path kym:elementOf .
kymsh:none a sh:PropertyShape ; sh:path kym:forbidden ; sh:maxCount 0 .
""",
    "data/alpha.ttl": """
id:a a kym:Measure ; skos:prefLabel "A"@fi , "A"@sv , "A"@en ; kym:elementOf id:b ;
  kym:restsOn <https://example.org/kym/id/passage/alpha/3-4> .
id:b a kym:Element ; skos:prefLabel "B"@fi .
<https://example.org/kym/id/passage/alpha/3-4> a kym:Passage ; kym:firstLine 3 ; kym:lastLine 4 .
""",
    "data/lineage.ttl": "id:link a kym:LineageLink ; kym:confidence 0.5 .",
    "data/background.ttl": "id:c a kym:Element .",
    "data/links.ttl": """
id:a skos:exactMatch <http://vocabulary.example/1> . id:gone skos:closeMatch <http://vocabulary.example/2> .
id:b skos:exactMatch <https://other.example/x> .
""",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((HEAD if name.endswith(".ttl") else "") + text, "utf-8")
    return Project.load(tmp_path)


@pytest.fixture
def dataset(project: Project) -> Dataset:
    build(project, EmbeddedStore(project.store_folder))
    return Dataset.open(project, fast=1, slow=1, spare=0)


@pytest.fixture
def found(dataset: Dataset, project: Project) -> DataQuality:
    return measure(dataset.view(), project)


def test_statements_are_counted_by_where_they_come_from(found: DataQuality) -> None:
    assert {kind.name: (kind.graphs, kind.things, kind.triples) for kind in found.kinds} == {
        "stated": (1, 3, 11),
        "inferred": (1, 1, 2),
        "background": (1, 1, 1),
        "links": (1, 3, 3),
    }


def test_a_thing_without_a_passage_is_bare(found: DataQuality) -> None:
    [document] = found.documents

    assert (document.graph, document.facts, document.passages, document.lines) == ("alpha", 1, 1, 2)
    assert document.bare == found.bare == 2, "type and label of the thing that rests on nothing"


def test_a_class_is_as_complete_as_the_properties_that_its_shapes_name(found: DataQuality) -> None:
    classes = {one.iri.removeprefix(KYM): one for one in found.classes}
    element = classes["Element"]

    assert element.things == 3, "the things of a narrower class are its things"
    assert {(one.iri.rpartition("/")[2], one.having, one.required) for one in element.properties} == {
        ("core#prefLabel", 2, True),
        ("ontology#elementOf", 1, False),
    }, "what must be absent is not asked for"
    assert element.completeness == pytest.approx((2 + 1) / 6)
    assert classes["Measure"].completeness == 1
    assert classes["LineageLink"].properties == ()


def test_labels_are_counted_in_each_language(found: DataQuality) -> None:
    classes = {one.iri.removeprefix(KYM): dict(one.labelled) for one in found.classes}

    assert classes["Element"] == {"fi": 2, "sv": 1, "en": 1}
    assert [one.iri.removeprefix(KYM) for one in found.labelled] == ["Measure"]
    assert [one.iri.removeprefix(KYM) for one in found.unlabelled] == ["Element"]


def test_a_link_is_broken_when_its_own_side_is_gone(found: DataQuality) -> None:
    links = {one.host: (one.links, one.things, one.gone) for one in found.links}

    assert links == {
        "vocabulary.example": (2, 2, (BASE.ids + "gone",)),
        "other.example": (1, 1, ()),
    }
    assert found.gone == 1


def test_a_graph_is_as_fresh_as_the_last_commit_that_touched_it(dataset: Dataset, project: Project) -> None:
    label = NamedNode("http://www.w3.org/2004/02/skos/core#prefLabel")
    graph = NamedNode(BASE.graph("alpha"))
    added = frozenset({Quad(NamedNode(BASE.ids + "b"), label, Literal("B", language="sv"), graph)})
    dataset.commit(Request(Changeset(1, added=added, reason="a name")))

    found = measure(dataset.view(), project)

    graphs = {one.graph: one for one in found.graphs}
    assert (graphs["alpha"].commit, graphs["links"].commit) == (2, None)
    assert graphs["alpha"].time.endswith("Z")
    assert {one.iri: one.labelled["sv"] for one in found.classes}[KYM + "Element"] == 2
    assert "ledger" not in graphs
