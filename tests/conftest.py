"""Fixtures for all tests: projects in temporary folders, the command line and servers as processes."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from kymgraph import files
from kymgraph.dataset import Dataset
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore

from .needs import need

ROOT = Path(__file__).resolve().parent.parent
PREFIXES = "@prefix x: <http://x.example/> .\n@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"

#: Files that take longest. They begin first: with several at a time, one that begins last keeps all waiting.
LONGEST = [
    "browser/test_walk.py", "browser/test_sparql.py", "store/test_crashes.py", "browser/test_desks.py",
    "api/portal/test_desks.py", "browser/test_edit.py", "test_writer.py", "gate/test_policy_incremental.py",
    "test_wheel.py",
    "gate/test_incremental.py", "test_redaction.py", "api/test_openapi.py", "api/test_bad_input.py",
    "test_bad_input_cli.py", "store/test_history.py", "api/linked/test_crawl.py", "test_readme.py",
    "test_history.py", "test_walkthrough.py", "cli/test_serve.py", "test_reasoning.py",
]  # fmt: skip

MakeProject = Callable[..., Project]
Kymgraph = Callable[..., subprocess.CompletedProcess[str]]
Serve = Callable[..., str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """make_project({"data/a.ttl": "x:a x:p 1 ."}, toml="…"): a project; Turtle gets x: and rdfs:."""

    def make(files: Mapping[str, str] = {}, toml: str = "") -> Project:
        folder = tmp_path / "project"
        folder.mkdir(exist_ok=True)
        (folder / "kymgraph.toml").write_text(toml, "utf-8")
        for name, text in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text((PREFIXES if name.endswith(".ttl") else "") + text, "utf-8")
        return Project.load(folder)

    return make


@pytest.fixture
def kymgraph() -> Kymgraph:
    """kymgraph("query", "ASK {}", cwd=folder): run the command line, give exit status and both outputs."""

    def run(
        *args: str | Path, cwd: Path, env: Mapping[str, str] | None = None, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kymgraph", *map(str, args)],
            cwd=cwd,
            env=clean_environment() | dict(env or {}),
            input=input,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def clean_environment() -> dict[str, str]:
    """The environment without our settings, so that a test does not depend on who runs it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KYMGRAPH_")}
    return kept | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "COLUMNS": "120"}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the shared material; a test that needs it is skipped where there is none."""
    folder = Path(os.environ.get("KYMGRAPH_SHARED", ROOT.parent / "shared"))
    need("shared", folder.is_dir(), f"the shared material is not at {folder}; KYMGRAPH_SHARED says where")
    return folder


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    """The project of this repository in a store of its own, without the gate (which has its own tests)."""
    project = Project.load(ROOT)
    store = EmbeddedStore(tmp_path_factory.mktemp("shipped") / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    with Dataset.open(project, store.folder, fast=1, slow=1, spare=1) as dataset:
        yield dataset


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """serve(project folder, store folder, rate_limit=60): a server of its own; gives its URL."""
    with contextlib.ExitStack() as stack:

        def start(project: Path, store: Path, **settings: object) -> str:
            log = tmp_path_factory.mktemp("server") / "log.txt"
            return stack.enter_context(_served(project, store, log, settings))

        yield start


@pytest.fixture(scope="session")
def serve_writable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The same started as `kymgraph serve`, which has the writer process beside it."""
    with contextlib.ExitStack() as stack:

        def start(project: Path, store: Path, **settings: object) -> str:
            log = tmp_path_factory.mktemp("server") / "log.txt"
            return stack.enter_context(_served(project, store, log, settings, writable=True))

        yield start


@pytest.fixture(scope="session")
def shipped_url(shipped: Dataset, serve: Serve) -> str:
    """The URL of a server over the project of this repository."""
    return serve(shipped.project.folder, shipped.store.folder)


@contextlib.contextmanager
def _served(
    project: Path, store: Path, log: Path, settings: Mapping[str, object], *, writable: bool = False
) -> Iterator[str]:
    port = int(str(settings.get("port") or _free_port()))
    given = {"project": project, "store": store, "port": port, "rate_limit": 0, "search_warm": False}
    given["dumps_ahead"] = False
    given.update(settings)
    environment = clean_environment() | {
        f"KYMGRAPH_{name.upper()}": str(value) for name, value in given.items()
    }
    command = [
        sys.executable, "-m", "uvicorn", "--http", "api.http1:BoundedHttp", "--loop", "asyncio",
        "--lifespan", "on", "--no-access-log", "--port", str(port), "api.app:app",
    ]  # fmt: skip
    if writable:
        command = [sys.executable, "-m", "kymgraph", "serve", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its workers too, or they stay behind
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not become ready:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
