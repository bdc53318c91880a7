"""A server over the project of this repository that can be written to, and tools of others that read it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import ROOT, Serve, clean_environment
from tests.needs import need

#: What runs in the environment of those tools; pytest does not look into it.
collect_ignore = ["ask_with_ckanapi.py", "read_with_ckanext_dcat.py"]
HERE = Path(__file__).resolve().parent
Tool = Callable[..., Any]


@dataclass(frozen=True)
class Site:
    """A server whose catalogue can be read, and a token that may write."""

    url: str
    store: EmbeddedStore
    token: str

    def catalogue_of(self, generation: int) -> None:
        """Wait until the catalogue is about this generation, or a later one."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            answer = httpx.get(self.url + "/api/3/action/status_show", timeout=60)
            if answer.status_code == 200 and int(answer.headers["kymgraph-generation"]) >= generation:
                return
            assert answer.status_code in (200, 503), answer.text
            time.sleep(0.2)
        raise AssertionError(f"the catalogue of generation {generation} was not made: {answer.text}")

    def commit(self, graph: str, turtle: str) -> None:
        """Add triples to a graph, and wait until the catalogue knows."""
        answer = httpx.post(
            f"{self.url}/changes",
            params={"graph": graph, "reason": "Lisätään nimi"},
            content=turtle,
            headers={"content-type": "text/turtle", "authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        self.catalogue_of(answer.json()["generation"])


@pytest.fixture(scope="session")
def site(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    project, store = Project.load(ROOT), EmbeddedStore(tmp_path_factory.mktemp("catalogues") / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    with Access(store.folder / FILE) as access:
        token = access.create_token("catalogues", "publisher", expires=None)[0]
    made = Site(serve_writable(ROOT, store.folder), store, token)
    made.catalogue_of(1)
    return made


@pytest.fixture(scope="session")
def tool() -> Tool:
    """tool("read_with_ckanext_dcat.py", argument…): the JSON that a script prints in their environment."""
    python = HERE / ".venv/bin/python"
    need("ckanext-dcat", (HERE / ".venv/.installed").exists(), "make catalogue-tools was not run")

    def run(script: str, *arguments: str | Path) -> Any:
        done = subprocess.run(
            [python, HERE / script, *map(str, arguments)],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return run
