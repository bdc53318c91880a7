"""The wheel alone is enough: installed where nothing of this folder is seen, it builds and answers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import requires
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def needed() -> str:
    """The part of the lock that the package itself depends on, without what only its developers use."""
    wanted, found = [Requirement("kymgraph")], set[str]()
    while wanted:
        one = wanted.pop()
        name = canonicalize_name(one.name)
        if name in found and not one.extras:
            continue
        found.add(name)
        for line in requires(name) or ():
            other = Requirement(line)
            extras = [*one.extras] or [""]
            if other.marker is None or any(other.marker.evaluate({"extra": extra}) for extra in extras):
                wanted.append(other)
    pins = re.split(r"^(?=\S)", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    return "".join(pin for pin in pins if pin and canonicalize_name(re.split(r"[=\[; ]", pin)[0]) in found)


@pytest.mark.skipif(
    os.environ.get("KYMGRAPH_TEST", "quick") == "quick", reason="installs an environment: ci, night"
)
def test_the_wheel_brings_the_graph_project_with_it(tmp_path: Path) -> None:
    def run(*command: str | Path) -> str:
        done = subprocess.run(
            list(map(str, command)),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
            | {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "REQUESTS_"))},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", ".", ROOT)
    [wheel] = tmp_path.glob("kymgraph-*.whl")
    names = set(ZipFile(wheel).namelist())
    assert {"api/static/dist/manifest.json", "api/templates/base.html", "api/locale/fi/base.po"} <= names
    assert any(re.fullmatch(r"api/static/dist/assets/site-\S+\.css", name) for name in names)
    assert not any("node_modules" in name or name.startswith("api/web/") for name in names)
    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    (tmp_path / "needed.lock").write_text(needed())
    run(
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--require-hashes",
        "-r",
        tmp_path / "needed.lock",
    )
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel)

    kymgraph = python.with_name("kymgraph")
    run(kymgraph, "--store", tmp_path / "store", "build")
    rows = run(
        kymgraph, "--store", tmp_path / "store", "query", "--format", "csv",
        "PREFIX kym: <https://w3id.org/kymgraph/ontology#> "
        "SELECT (COUNT(?p) AS ?n) { ?p a kym:Priority ; kym:elementOf "
        "<https://w3id.org/kymgraph/id/programme/maakuntaohjelma-2022-2025> }",
    )  # fmt: skip

    assert rows.split() == ["n", "3"]


@pytest.mark.skipif(os.environ.get("KYMGRAPH_TEST", "quick") == "quick", reason="packs twice: ci, night")
def test_the_archive_of_the_sources_is_enough_to_make_the_wheel(tmp_path: Path) -> None:
    """Built files are in the archive and fit its sources by hash, so no Node.js is asked for anything."""
    backend = "import hatchling.build as b, sys; print(getattr(b, sys.argv[1])(sys.argv[2]))"

    def pack(kind: str, folder: Path) -> Path:
        done = subprocess.run(
            [sys.executable, "-c", backend, kind, str(tmp_path)],
            cwd=folder,
            env=os.environ | {"PATH": "/nowhere", "npm_config_registry": "http://127.0.0.1:9/"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return tmp_path / done.stdout.split()[-1]

    with tarfile.open(pack("build_sdist", ROOT)) as archive:
        archive.extractall(tmp_path / "sources", filter="data")
    [sources] = (tmp_path / "sources").iterdir()
    assert not (sources / "api/web/node_modules").exists()
    wheel = pack("build_wheel", sources)

    assert "api/static/dist/manifest.json" in ZipFile(wheel).namelist()
