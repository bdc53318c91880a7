"""The front end: built once, from locks that name no address."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

LOCKS = [*ROOT.glob("requirements.lock"), *ROOT.glob("tests/*/requirements.lock")]
NPM_LOCKS = [ROOT / "api/web/package-lock.json", ROOT / "tests/clients/package-lock.json"]


@pytest.mark.parametrize("lock", [*LOCKS, *NPM_LOCKS], ids=lambda lock: str(lock.relative_to(ROOT)))
def test_no_lock_names_where_packages_come_from(lock: Path) -> None:
    text = lock.read_text("utf-8")

    assert '"resolved"' not in text
    assert not re.search(r"^\s*(--(extra-)?index-url|--find-links)|@ (https?|file):", text, re.MULTILINE)


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_npm_package_is_held_to_a_hash(lock: Path) -> None:
    packages = json.loads(lock.read_text("utf-8"))["packages"]

    assert [name for name, one in packages.items() if name and "integrity" not in one] == []


def test_the_bundler_can_be_installed_on_every_platform() -> None:
    packages = json.loads(NPM_LOCKS[0].read_text("utf-8"))["packages"]

    held = {path.rpartition("node_modules/")[2] for path in packages}  # some lie within others

    missing = [
        name
        for one in packages.values()
        for name in one.get("optionalDependencies", {})
        if name.startswith(("@rollup/", "@esbuild/")) and name not in held
    ]

    assert missing == []


def test_what_is_up_to_date_is_not_built_again() -> None:
    ask = "import hatch_build as h; print(h._read(h.MADE_FROM) == {'sources': h._digest(h._sources())})"
    asked = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    if asked.stdout.strip() != "True":
        pytest.skip("the front end is not up to date: make web")
    before = (ROOT / "api/static/dist/manifest.json").stat().st_mtime_ns
    code = "import hatch_build, sys; sys.exit(hatch_build.build())"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"PATH": "/nowhere"}, check=False)

    assert done.returncode == 0
    assert (ROOT / "api/static/dist/manifest.json").stat().st_mtime_ns == before
