"""Actors, networks, posts and map over projects that are not ours: empty ones, and ones that mean harm."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from kymgraph import files
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import ROOT, Serve
from tests.markup import read, tables

PATHS = ("/actors", "/networks", "/posts", "/map")
HOSTILE = """
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix place: <https://w3id.org/kymgraph/id/place/> .
@prefix id: <https://w3id.org/kymgraph/id/thing/> .
kym:Person a owl:Class ; rdfs:subClassOf kym:Actor .
kym:Network a owl:Class ; rdfs:subClassOf kym:Actor .
kym:Municipality a owl:Class ; rdfs:subClassOf kym:Place .
kym:Event a owl:Class ; rdfs:subClassOf kym:Activity .
place:a a kym:Municipality ; skos:prefLabel "<script>alert(1)</script>"@fi .
<javascript:alert(2)> a kym:Network ; skos:prefLabel "\\u202Eevil \\"onload=\\"alert(3)"@fi .
id:member a kym:Person ; skos:prefLabel "LONG"@fi .
id:statement a kym:NetworkMembership ; kym:member id:member ; kym:network <javascript:alert(2)> ;
  kym:validFrom "20<16" .
id:event a kym:Event ; skos:prefLabel "</text></svg><img src=x onerror=alert(4)>"@fi ;
  kym:location place:a ; kym:heldOn "9999-99-99" .
id:post a kym:Post ; skos:prefLabel "<b>post</b>"@fi .
id:holding a kym:PostHolding ; kym:holder id:member ; kym:post id:post .
""".replace("LONG", "pitkä " * 5_000)


def _served(folder: Path, store: Path, serve: Serve) -> str:
    project = Project.load(folder)
    read = files.read(project)
    built = EmbeddedStore(store)
    built.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return serve(folder, built.folder)


@pytest.fixture(scope="module")
def empty_url(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    """A project that has nothing but its name, not even queries."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "kymgraph.toml").touch()
    return _served(folder, folder / "store", serve)


@pytest.fixture(scope="module")
def hostile_url(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    """Another region with our queries, no map, and labels and IRIs that try to break out."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "kymgraph.toml").touch()
    (folder / "data").mkdir()
    (folder / "data" / "all.ttl").write_text(HOSTILE, "utf-8")
    shutil.copytree(ROOT / "api" / "queries", folder / "api" / "queries")
    return _served(folder, folder / "store", serve)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("lang", ["fi", "sv", "en"])
def test_a_project_without_anything_says_so(path: str, lang: str, empty_url: str) -> None:
    answer = httpx.get(empty_url + path, params={"lang": lang}, timeout=60)

    assert answer.status_code == 200
    page = read(answer.text)
    assert page.all("p", "empty")
    assert len(page.all("h1")) == 1
    assert not page.all("table")


@pytest.mark.parametrize("path", [*PATHS, "/map?place=a", "/networks?year=2016", "/posts?on=2016-01-01"])
def test_hostile_labels_and_iris_stay_text(path: str, hostile_url: str) -> None:
    answer = httpx.get(hostile_url + path, timeout=60)

    assert answer.status_code == 200
    page = read(answer.text)
    for name, given in ((each.tag, each.given) for each in page.walk()):
        assert not any(attribute.startswith("on") for attribute in given), (name, given)
        assert not given.get("href", "").lower().startswith("javascript:"), given
        assert name != "img" or given["src"].startswith("/static/")
        assert name != "script" or given["src"].startswith("/static/")
    assert len(answer.content) < 60_000


def test_a_region_without_a_map_has_the_list(hostile_url: str) -> None:
    page = read(httpx.get(hostile_url + "/map", timeout=60).text)
    assert not page.all("svg")
    assert page.all("ul", "places")
    assert tables(page)["place-things"].rows
