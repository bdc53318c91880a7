"""The shapes of harvested graphs: a harvested record meets them, and each constraint refuses its fault."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from rdflib import RDF, SH

from kymgraph.gate import full
from kymgraph.intake.harvest import ckan
from kymgraph.intake.harvest.link import SPATIAL, Link
from kymgraph.intake.harvest.quads import Names, quads_of
from kymgraph.namespaces import KYMSH
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, Quad, canonical, parse

from .catalogue import package
from .conftest import GRAPH

PREFIXES = """
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix oa: <http://www.w3.org/ns/oa#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix schema: <https://schema.org/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix id: <https://w3id.org/kymgraph/id/> .
"""
#: Short names of the nodes of the one record that is broken below.
NODES = {
    "D": "harvested-dataset/test.r",
    "F": "harvested-distribution/test.r.f",
    "P": "harvested-publisher/test.p",
    "E": "harvested-record/test.r",
    "T": "harvested-period/test.r",
}
#: What breaks each constraint: predicates taken away from a node, and triples added.
BREAKS: dict[str, tuple[tuple[str, ...], str]] = {
    "dataset-has-title": (("D dct:title",), ""),
    "dataset-title-form": ((), 'D dct:title ""@sv'),
    "dataset-title-once": ((), 'D dct:title "Toinen"@fi'),
    "dataset-description-form": ((), 'D dct:description ""@sv'),
    "dataset-keyword-form": ((), f'D dcat:keyword "{"x" * 201}"'),
    "dataset-one-publisher": ((), 'D dct:publisher id:other . id:other a foaf:Agent ; foaf:name "x"'),
    "dataset-distribution": ((), "D dcat:distribution id:other"),
    "dataset-issued": ((), 'D dct:issued "2020-01-02T00:00:00Z"^^xsd:dateTime'),
    "dataset-modified": (("D dct:modified",), 'D dct:modified "2020"^^xsd:gYear'),
    "dataset-landing-page": ((), "D dcat:landingPage <urn:x:page>"),
    "dataset-has-record": ((), 'id:other a dcat:Dataset ; dct:title "x"'),
    "distribution-access": (("F dcat:accessURL",), ""),
    "distribution-download": ((), "F dcat:downloadURL <ftp://data.example/x>"),
    "distribution-title-form": ((), 'F dct:title ""@sv'),
    "distribution-media-type": (("F dcat:mediaType",), "F dcat:mediaType id:csv"),
    "distribution-size": (("F dcat:byteSize",), "F dcat:byteSize -1"),
    "publisher-has-name": (("P foaf:name",), ""),
    "publisher-name-form": ((), 'P foaf:name ""'),
    "publisher-no-mailbox": ((), "P foaf:mbox <mailto:planner@example.org>"),
    "publisher-no-phone": ((), "P foaf:phone <tel:0>"),
    "record-topic": ((), "E foaf:primaryTopic id:other"),
    "record-source": (("E dct:source",), ""),
    "record-digest": (("E schema:sha256",), 'E schema:sha256 "abc"'),
    "record-generated": (("E prov:generatedAtTime",), ""),
    "period-start": ((), 'T dcat:startDate "2011-01-01"^^xsd:date'),
    "period-end": (("T dcat:endDate",), 'T dcat:endDate "soon"'),
    "period-order": (("T dcat:endDate",), 'T dcat:endDate "2001-01-01"^^xsd:date'),
    "link-target": (("L oa:hasTarget",), ""),
    "link-body": (("L oa:hasBody",), 'L oa:hasBody "kouvola"'),
    "link-rule": (("L dct:conformsTo",), "L dct:conformsTo id:nothing"),
    "link-text": (("L prov:value",), ""),
}


@pytest.fixture(scope="module")
def shapes(project: Project) -> full.Shapes:
    return full.Shapes.load(project)


@pytest.fixture(scope="module")
def good(project: Project) -> list[Quad]:
    given = package(0, id="r", organization={"id": "p", "title": "Toimija"})
    given["resources"][0]["id"] = "f"
    record = ckan.to_record(given, "https://data.example")
    link = Link(SPATIAL, project.base.id("place", "kouvola"), "coverage-is-place-name", "kouvola")
    names = Names(project.base, GRAPH)
    return canonical(
        quads_of(record, [link], names, digest=record.digest, taken="2026-11-22T00:00:00Z")
    ).quads


def names_of(good: Iterable[Quad]) -> dict[str, str]:
    [link] = {q.subject.value for q in good if "harvested-link" in str(q.subject)}
    return {name: f"https://w3id.org/kymgraph/id/{node}" for name, node in NODES.items()} | {"L": link}


def broken(quads: list[Quad], project: Project, shapes: full.Shapes) -> set[str]:
    report = full.validate(quads, project, shapes=shapes, locate=lambda term, graph: None)
    return {str(r.shape).strip("<>").removeprefix(KYMSH + "harvested-") for r in report.results}


def turtle(text: str, nodes: dict[str, str]) -> str:
    return PREFIXES + re.sub(r"\b([DFPETL])\b(?= )", lambda m: f"<{nodes[m[1]]}>", text) + " ."


def test_a_harvested_record_meets_the_shapes(good: list[Quad], project: Project, shapes: full.Shapes) -> None:
    assert broken(good, project, shapes) == set()
    assert sum(len(s.focus_nodes(full.sets_of(good, project, shapes)[good[0].graph_name][0])) for s in
               shapes.sets["harvest"].top()) == 6  # fmt: skip


@pytest.mark.parametrize("constraint", BREAKS)
def test_each_constraint_refuses_what_it_is_for(
    constraint: str, good: list[Quad], project: Project, shapes: full.Shapes
) -> None:
    gone, added = BREAKS[constraint]
    nodes, graph = names_of(good), good[0].graph_name
    away = {
        (q.subject, q.predicate)
        for text in gone
        for q in parse(turtle(f"{text} 0", nodes).encode(), FORMATS["ttl"])
    }
    more = parse(turtle(added, nodes).encode(), FORMATS["ttl"], graph=graph) if added else []  # type: ignore[arg-type]

    found = broken([q for q in good if (q.subject, q.predicate) not in away] + more, project, shapes)

    assert constraint in found


def test_each_constraint_has_its_case(shapes: full.Shapes) -> None:
    graph = shapes.sets["harvest"].graph
    constraints = {str(s) for s in graph.subjects(RDF.type, SH.PropertyShape)}

    assert {name.removeprefix(KYMSH + "harvested-") for name in constraints} == set(BREAKS)
    for shape in graph.subjects(RDF.type, SH.PropertyShape):
        assert {m.language for m in graph.objects(shape, SH.message)} == {"fi", "sv", "en"}
