"""The W3C SHACL suite: each case as a change, from nothing and from data much like it.

The change that leads to a case has to be judged as pySHACL judges the whole, and the whole has to conform or
not as the suite says.
"""

from __future__ import annotations

import os
import random
import zlib
from collections import Counter
from pathlib import Path

import pytest
from rdflib import RDF, SH, Graph, Namespace

from kymgraph.errors import ProjectError
from kymgraph.gate.terms import to_graph
from kymgraph.rdf import Quad, canonical, parse

from .law import ONE, TWO, Bench, dump

MF = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
SHT = Namespace("http://www.w3.org/ns/shacl-test#")
NEIGHBOURS = {"quick": 1, "ci": 3, "night": 20}[os.environ.get("KYMGRAPH_TEST", "quick")]
#: Quads of a case that is judged less often.
LARGE = 400
#: Shapes that ask for a datatype which the store rewrites are refused when they are loaded.
REFUSED = {"core/property/datatype-ill-formed.ttl"}
#: pySHACL takes `sh:uniqueLang 1` for true.
OTHERWISE = {"core/property/uniqueLang-002.ttl"}
#: pySHACL reaches no verdict on these, and neither does the gate.
NO_VERDICT = {"sparql/pre-binding/shapesGraph-001.ttl", "sparql/node/prefixes-001.ttl"}


def folder() -> Path:
    root = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("KYMGRAPH_SHARED", root.parent / "shared")) / "conformance" / "shacl"


def names() -> list[str]:
    return sorted(
        str(path.relative_to(folder()))
        for path in folder().rglob("*.ttl")
        if "sht:Validate" in path.read_text("utf-8")
    )


def quads_of(file: Path) -> list[Quad]:
    return list(canonical(parse(file, graph=ONE, base=file.as_uri())).quads)


@pytest.mark.parametrize("name", names() or [pytest.param("", id="none here")])
def test_a_change_to_the_case_is_judged_as_the_whole(shared, name):
    if not name:
        pytest.skip("the W3C SHACL suite is not there")
    file = folder() / name
    graph = Graph().parse(file, format="turtle", publicID=file.as_uri())
    stats: Counter[str] = Counter()
    for test in graph.subjects(RDF.type, SHT.Validate):
        action = graph.value(test, MF.action)
        data, shapes = (
            quads_of(Path(str(graph.value(action, part)).removeprefix("file://")))
            for part in (SHT.dataGraph, SHT.shapesGraph)
        )
        try:
            bench = Bench(shapes)
        except ProjectError:
            assert name in REFUSED
            return
        assert name not in REFUSED
        rng = random.Random(zlib.crc32(name.encode()))
        # The largest case, shapes about shapes, takes as long as all others together.
        rounds = NEIGHBOURS if len(data) < LARGE else max(1, NEIGHBOURS // 3)
        for before in [[], *(neighbour(rng, data) for _ in range(rounds))]:
            found = bench.differs(before, data, stats)
            assert found == "", dump(bench, before, data, found)
            found = bench.differs(data, before, stats)
            assert found == "", dump(bench, data, before, found)
        conforms = graph.value(graph.value(test, MF.result), SH.conforms)
        if graph.value(test, MF.result) == SHT.Failure or name in NO_VERDICT:
            assert bench.full(to_graph(data)) is None
        elif name not in OTHERWISE:
            assert (not bench.full(to_graph(data))) == bool(conforms.toPython())
    assert stats["changes"] > 1


def neighbour(rng: random.Random, data: list[Quad]) -> list[Quad]:
    """The data less some statements, plus some made of their parts."""
    kept = [quad for quad in data if rng.random() > 0.2]
    for _ in range(rng.randint(1, 4)):
        one, two, three = (rng.choice(data) for _ in range(3))
        graph = rng.choice([ONE, TWO])
        kept.append(Quad(one.subject, two.predicate, rng.choice([three.object, three.subject]), graph))
    return list(dict.fromkeys(kept))
