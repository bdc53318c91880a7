"""REST over a graph that has changed: what changed since, the graph as it was, and links behind a proxy."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kymgraph import dataset as datasets
from kymgraph.changeset import Changeset
from kymgraph.commit import Request
from kymgraph.dataset import Dataset
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, NamedNode, Quad, parse
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, ROOT

BASE = "https://w3id.org/kymgraph/"
PUBLIC = "https://graph.example/kg"


def quads(turtle: str) -> frozenset[Quad]:
    return frozenset(parse((PREFIXES + turtle).encode(), FORMATS["ttl"], graph=NamedNode(BASE + "graph/a")))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, serve: Any) -> Iterator[httpx.Client]:
    """A server over a graph with two commits, behind a proxy under /kg of another host."""
    folder = tmp_path_factory.mktemp("changed")
    (folder / "kymgraph.toml").write_text("", "utf-8")
    (folder / "data").mkdir()
    (folder / "data" / "a.ttl").write_text(PREFIXES + 'x:a a x:Thing ; rdfs:label "A" .', "utf-8")
    queries = folder / "api" / "queries"
    queries.mkdir(parents=True)
    for name in ("changes", "statements", "statistics"):
        shutil.copy(ROOT / "api" / "queries" / f"{name}.rq", queries)
    project = Project.load(folder)
    datasets.build(project, EmbeddedStore(folder / "store"))
    with Dataset.open(project, folder / "store", fast=1, slow=1, spare=0) as dataset:
        for generation, (added, reason) in enumerate(
            [('x:b a x:Thing ; rdfs:label "B" .', "lisäys"), ('x:c a x:Thing ; rdfs:label "C" .', "toinen")],
            1,
        ):
            change = Changeset(generation, added=quads(added), reason=reason, agent=BASE + "id/agent/k3")
            dataset.commit(Request(change))
    url = serve(folder, folder / "store", public_url=PUBLIC + "/")
    with httpx.Client(base_url=url, timeout=60) as client:
        yield client


def changes(client: httpx.Client, **params: object) -> list[tuple[int, str, str, int, int]]:
    items = client.get("/api/v1/changes", params={k: str(v) for k, v in params.items()}).json()["items"]
    return [(i["generation"], i["reason"], i["graph"], i["added"], i["removed"]) for i in items]


def test_what_changed_since_a_generation_or_a_day(changed: httpx.Client) -> None:
    first = (2, "lisäys", BASE + "graph/a", 2, 0)
    second = (3, "toinen", BASE + "graph/a", 2, 0)
    today = datetime.datetime.now(datetime.UTC).date()

    assert changes(changed) == [second, first]
    assert changes(changed, after=2) == [second]
    assert changes(changed, after=3) == []
    assert changes(changed, since=today - datetime.timedelta(days=1)) == [second, first]
    assert changes(changed, since=today + datetime.timedelta(days=1)) == []


def test_a_list_can_be_read_as_it_was(changed: httpx.Client) -> None:
    def things(at: str | None) -> tuple[int, int]:
        body = changed.get("/api/v1/statistics", params={"at": at} if at else {}).json()
        counts = {item["class"]["id"]: item["things"] for item in body["items"]}
        return body["generation"], counts["http://x.example/Thing"]

    assert [things(at) for at in (None, "1", "2", "3")] == [(3, 3), (1, 1), (2, 2), (3, 3)]


def test_links_are_those_of_the_public_address(changed: httpx.Client) -> None:
    page = changed.get("/api/v1/changes?limit=1", headers={"host": "evil.example"})
    listed = changed.get("/api/v1").json()["routes"]

    assert page.json()["next"] == PUBLIC + "/api/v1/changes?limit=1&offset=1"
    assert f"<{PUBLIC}/api/v1/changes?limit=1&offset=1>" in page.headers["link"]
    assert "evil.example" not in str(page.headers) + page.text
    assert {entry["example"].startswith(PUBLIC + "/api/v1/") for entry in listed} == {True}
