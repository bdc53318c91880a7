"""Fixtures for all tests: graph projects in temporary folders, and the command line as a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kymgraph.project import Project

ROOT = Path(__file__).resolve().parent.parent
PREFIXES = "@prefix x: <http://x.example/> .\n@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"

MakeProject = Callable[..., Project]
Kymgraph = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """make_project({"data/a.ttl": "x:a x:p 1 ."}, toml="…"): a project; Turtle gets the prefixes x: and rdfs:."""

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
