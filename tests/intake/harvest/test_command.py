"""`kymgraph harvest` as it is run: made catalogues of many records, an interrupt, repeats, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kymgraph.intake.harvest.quads import GENERATED
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, Quad
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import Kymgraph, clean_environment
from tests.localserver import Server, says
from tests.needs import size

from .catalogue import FAULTS, Catalogue, made, package
from .conftest import GRAPH, Runs
from .test_dcat import FINNISH, GOOD, page

#: Two of a hundred have a fault, of ten kinds; in the quick run one of twenty, so that each kind is there.
RECORDS = size(quick=200, ci=500, night=5000)
EVERY = size(quick=20, ci=50, night=50)

Harvest = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(project: Project, store: EmbeddedStore, server: Server) -> list[str]:
    return [str(part) for part in ("--project", project.folder, "--store", store.folder, "--graph", GRAPH)]


@pytest.fixture
def harvest(kymgraph: Kymgraph, command: list[str], server: Server, tmp_path: Path) -> Harvest:
    """harvest("ckan", url): run the command, as fast as the catalogue answers."""

    def run(*args: str, allow: str = server.listed) -> subprocess.CompletedProcess[str]:
        env = {"KYMGRAPH_ALLOW_HOSTS": allow}
        return kymgraph("harvest", args[0], *command, *args[1:], "--delay", "0", cwd=tmp_path, env=env)

    return run


def held(store: EmbeddedStore, project: Project) -> set[Quad]:
    return set(store.view().quads(graph=NamedNode(project.base.graph(GRAPH))))


def timeless(quads: set[Quad]) -> set[Quad]:
    return {quad for quad in quads if quad.predicate.value != GENERATED}


def said(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_good_record_comes_in_every_bad_one_is_set_aside_and_a_killed_run_goes_on(
    harvest: Harvest, command: list[str], store: EmbeddedStore, project: Project, runs: Runs, tmp_path: Path
) -> None:
    catalogue = runs.catalogue
    catalogue.packages, faults = made(RECORDS, EVERY)
    assert set(faults.values()) == set(FAULTS)
    reached, over = threading.Event(), threading.Event()

    def stall(start: int) -> None:
        if start == 100:
            reached.set()
            over.wait(60)

    catalogue.between = stall
    process = subprocess.Popen(
        [sys.executable, "-m", "kymgraph", "harvest", "ckan", catalogue.url, *command, "--delay", "0"],
        env=clean_environment() | {"KYMGRAPH_ALLOW_HOSTS": catalogue.server.listed},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert reached.wait(60)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    over.set()
    catalogue.between = lambda start: None
    assert (store.generation, held(store, project)) == (1, set())
    catalogue.server.asked.clear()

    first = said(harvest("ckan", catalogue.url, "--format", "json"))

    assert catalogue.starts == list(range(100, RECORDS, 100))  # the first page was here
    assert first["records"]["added"] == RECORDS - len(faults)
    assert {one["position"]: one["code"] for one in first["aside"]} == faults
    assert json.loads((store.folder / "harvest" / "test" / "aside.json").read_text("utf-8")) == first["aside"]
    assert (first["status"], first["generation"], store.generation) == ("committed", 2, 2)
    # It is what a run that nobody interrupted comes to, but for what the gate alone finds.
    bad = {package(position - 1)["id"] for position, code in faults.items() if code == "shapes"}
    catalogue.packages = [
        one for one in catalogue.packages if isinstance(one, str) or one.get("id") not in bad
    ]
    runs.run(rows=100)
    assert timeless(held(store, project)) == timeless(runs.quads)

    catalogue.packages, _ = made(RECORDS, EVERY)
    again = said(harvest("ckan", catalogue.url, "--format", "json"))

    assert (again["status"], again["generation"], store.generation) == ("unchanged", 2, 2)
    assert again["records"]["unchanged"] == first["records"]["added"]
    assert again["quads"] == {"added": 0, "removed": 0}
    assert again["aside"] == first["aside"]


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    harvest: Harvest, catalogue: Catalogue, store: EmbeddedStore, tmp_path: Path
) -> None:
    catalogue.packages[3] = package(3, notes_translated={"fi": "Kysy: planner@example.org"})

    done = harvest("ckan", catalogue.url, "--dry-run", "--query", "Kymenlaakso")

    assert done.returncode == 0, done.stderr
    assert "harvest/test: 24 added, 0 changed, 0 unchanged, 0 gone, 1 set aside." in done.stdout
    assert package(3)["id"] in done.stdout
    assert "Nothing was written" in done.stderr
    assert (store.generation, "q=Kymenlaakso" in catalogue.server.asked[0][1]) == (1, True)
    assert not (store.folder / "harvest" / "test" / "aside.json").exists()


def test_a_catalogue_in_rdf_is_harvested(harvest: Harvest, server: Server, store: EmbeddedStore) -> None:
    server.answers["/c"] = says(page(GOOD, FINNISH), headers={"Content-Type": "text/turtle;charset=utf-8"})

    done = said(harvest("dcat", server.at("/c"), "--format", "json"))

    assert (done["records"]["added"], done["aside"]) == (2, [])
    ledger = store.view().quads(graph=NamedNode("https://w3id.org/kymgraph/graph/ledger"))
    assert server.at("/c") in {q.object.value for q in ledger if isinstance(q.object, NamedNode)}


def test_a_host_that_is_not_allowed_is_not_asked(harvest: Harvest, catalogue: Catalogue) -> None:
    done = harvest("ckan", catalogue.url, allow="")

    assert done.returncode == 6
    assert "not on the list of hosts" in done.stderr
    assert catalogue.server.asked == []
