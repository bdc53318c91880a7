"""The page of data quality: its numbers are the library's, and new ones after a commit."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.portal.quality import QualityKeeper
from kymgraph import files
from kymgraph.changeset import Changeset
from kymgraph.commit import Request
from kymgraph.dataset import Dataset
from kymgraph.namespaces import SKOS
from kymgraph.project import Project
from kymgraph.quality.data import measure
from kymgraph.rdf import Literal, NamedNode, Quad
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import Serve
from tests.markup import tables

HTML = {"Accept": "text/html"}


def page(url: str, lang: str = "en") -> str:
    """The page, as soon as its figures are made."""
    for _ in range(30):
        answer = httpx.get(f"{url}/quality?lang={lang}", headers=HTML, trust_env=False, timeout=60)
        if answer.status_code == 200:
            return answer.text
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "The figures are being made." in answer.text or lang != "en"
        time.sleep(0.5)
    raise AssertionError("the figures were never made")


def test_the_numbers_are_those_of_the_library(shipped_url: str, shipped: Dataset) -> None:
    known = measure(shipped.view(), shipped.project)

    text = page(shipped_url)

    found = {name: table.values() for name, table in tables(text).items()}
    assert found["kinds"] == {
        kind.name: [str(kind.graphs), str(kind.things), str(kind.triples)] for kind in known.kinds
    }
    assert found["documents"] == {
        one.graph: [str(one.facts), str(one.passages), str(one.lines), str(one.bare)]
        for one in known.documents
    }
    assert found["links"] == {
        one.host: [str(one.links), str(one.things), str(len(one.gone))] for one in known.links
    }
    assert {name: row[0] for name, row in found["graphs"].items()} == {
        one.graph: str(one.triples) for one in known.graphs
    }
    assert f"generation {known.generation} of the graph" in text


def test_each_property_of_each_class_is_counted(shipped_url: str, shipped: Dataset) -> None:
    known = {
        one.iri: {property.iri: property.having for property in one.properties}
        for one in measure(shipped.view(), shipped.project).classes
        if one.properties
    }

    found: dict[str, dict[str, int]] = {}
    for iri, body in re.findall(
        r'<details class="class" data-class="([^"]+)">(.*?)</details>', page(shipped_url), re.DOTALL
    ):
        rows = re.findall(r'<tr data-property="([^"]+)">.*?<data value="(\d+)">', body, re.DOTALL)
        found[iri] = {name: int(number) for name, number in rows}
    assert found == known


@pytest.mark.parametrize(("lang", "words"), [("fi", "Tietojen laatu"), ("sv", "Datakvalitet")])
def test_the_page_speaks_the_readers_language(shipped_url: str, lang: str, words: str) -> None:
    text = page(shipped_url, lang)

    assert f"<h1>{words}</h1>" in text
    assert "kymgraph validate" in text, "what is not measured here names the command that does"


def test_after_a_commit_the_numbers_are_new(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "kymgraph.toml").write_text('[sources]\na = "a.txt"\n', "utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.ttl").write_text(
        "@prefix kym: <https://w3id.org/kymgraph/ontology#> .\n"
        "<https://w3id.org/kymgraph/id/x> a kym:Theme .\n",
        "utf-8",
    )
    project = Project.load(tmp_path)
    store = EmbeddedStore(tmp_path / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    with Dataset.open(project, store.folder, fast=1, slow=1, spare=0) as dataset:
        url = serve(tmp_path, store.folder)
        before = tables(page(url))
        label = Quad(
            NamedNode(project.base.ids + "x"),
            NamedNode(SKOS + "prefLabel"),
            Literal("teema", language="fi"),
            NamedNode(project.base.graph("a")),
        )
        dataset.commit(Request(Changeset(1, added=frozenset({label}), reason="nimi")))

        after = page(url)

    assert before["documents"].values()["a"][-1] == "1"
    assert "labels" not in before, "nothing has a label yet"
    assert tables(after)["documents"].values()["a"][-1] == "2", "one more triple without a passage"
    assert tables(after)["labels"].values()[project.base.iri + "ontology#Theme"] == ["1", "1", "0", "0"]
    assert 'href="/changes/2?' in after


def test_a_project_without_data_has_a_page(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "kymgraph.toml").write_text("", "utf-8")
    project = Project.load(tmp_path)
    store = EmbeddedStore(tmp_path / "store")
    store.build([], project=project, graphs=[], files={})

    assert "nothing to count" in page(serve(tmp_path, store.folder))


def test_who_comes_too_early_is_told_to_come_again_and_nothing_is_made_twice() -> None:
    class Slow:
        generation = 1

        def view(self) -> Any:
            made.append(1)
            assert go.wait(30)
            raise LookupError("no view in this test")

    made: list[int] = []
    go = threading.Event()
    slow: Any = Slow()

    async def run() -> None:
        keeper = QualityKeeper(slow, slow, slow)
        assert await keeper.data(wait=0.05) is None
        assert await keeper.data(wait=0.05) is None
        slow.generation = 2
        assert await keeper.data(wait=0.05) is None
        assert made == [1]
        go.set()
        with pytest.raises(LookupError):
            await keeper.data(wait=30)
        with pytest.raises(LookupError):
            await keeper.data(wait=30)
        assert made == [1, 1], "what failed is tried again"

    asyncio.run(run())
