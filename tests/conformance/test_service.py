"""W3C SPARQL 1.1 Federated Query: syntax, and evaluation with a real server in the place of each endpoint.

The endpoints of the tests are the suites' server with the data of each endpoint as its default graph; the
query runs here, in a dataset of its own, under the list of allowed hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kymgraph import groups, rdf
from kymgraph.dataset import Dataset
from kymgraph.errors import ServiceUnsupported
from kymgraph.project import Project
from kymgraph.rdf import NamedNode
from kymgraph.store.embedded import EmbeddedStore

from .conftest import SUITES
from .test_queries import from_xml, same

BASE = SUITES + "service/"
#: Test: the default graph, and the data of each endpoint.
EVALUATED: dict[str, tuple[str | None, dict[str, str]]] = {
    "service01": ("data01.ttl", {"http://example.org/sparql": "data01endpoint.ttl"}),
    "service02": (
        None,
        {
            "http://example1.org/sparql": "data02endpoint1.ttl",
            "http://example2.org/sparql": "data02endpoint2.ttl",
        },
    ),
    "service04a": ("data04.ttl", {"http://example.org/sparql": "data04endpoint.ttl"}),
    "service07": ("data07.ttl", {}),
}
#: Tests that our rules refuse, and why: docs/decisions/0020-federation.md.
REFUSED = {
    "service03": "a SERVICE within a SERVICE",
    "service05": "not the variable ?service",
    "service06": "a SERVICE within a SERVICE",
}


@pytest.fixture(scope="module")
def dataset(suites: Path, endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "kymgraph.toml").write_text('default_graph = "strict"\nblank_nodes = "keep"\n', "utf-8")
    project = Project.load(folder)
    quads, graphs = [], []
    for name in filter(None, (data for data, _ in EVALUATED.values())):
        iri = BASE + name
        quads += rdf.parse(suites / "service" / name, graph=NamedNode(iri), base=iri, rename_blank_nodes=True)
        graphs.append(iri)
    EmbeddedStore(folder / "store").build(quads, project=project, graphs=graphs)
    allowed = [endpoint.split("/")[2], "invalid.endpoint.org:80"]
    with Dataset.open(project, folder / "store", allow_hosts=allowed, fast=1, slow=1, spare=0) as dataset:
        yield dataset


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluation(name: str, suites: Path, dataset: Dataset, endpoint: str) -> None:
    data, endpoints = EVALUATED[name]
    text = (suites / "service" / f"{name}.rq").read_text("utf-8")
    for iri, file in endpoints.items():
        text = text.replace(f"<{iri}>", f"<{endpoint}?default-graph-uri={BASE}{file}>")
    default = [BASE + data] if data else ["urn:x-empty"]

    async def ask() -> Any:
        return await dataset.answer(text, format="xml", default_graphs=default)

    found = from_xml(dataset.loop.run(ask()).read())

    expected = from_xml((suites / "service" / f"{name.removesuffix('a')}.srx").read_bytes())
    assert expected
    assert same(found, expected), f"expected {expected}\nfound {found}"


@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
def test_what_the_rules_refuse_is_refused_with_its_reason(name: str, reason: str, suites: Path) -> None:
    text = (suites / "service" / f"{name}.rq").read_text("utf-8")

    with pytest.raises(ServiceUnsupported, match=re.escape(reason)):
        groups.read(text)


def test_every_test_of_the_suite_is_listed(suites: Path) -> None:
    assert {path.stem for path in (suites / "service").glob("*.rq")} == {*EVALUATED, *REFUSED}


@pytest.mark.parametrize("number", ["01", "02", "03"])
def test_syntax(number: str, suites: Path, dataset: Dataset, endpoint: str) -> None:
    text = (suites / "syntax-fed" / f"syntax-service-{number}.rq").read_text("utf-8")
    text = text.replace("<g>", f"<{endpoint}?default-graph-uri=urn:x-empty>")

    assert set(dataset.query(text).variables) == {"s", "p", "o"}
