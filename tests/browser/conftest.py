"""A real browser for the tests of the portal: Debian's Chromium, driven by Playwright.

`open_page` gives pages that remember what they should never do: ask another host, break the policy of the
page (CSP), throw, or log an error. `Watched.check()` says so, with what axe-core finds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from kymgraph.dataset import Dataset
from tests.conftest import ROOT, Serve, clean_environment
from tests.needs import need

REASON = "Kotkan nimi hakua varten"
CHANGE = """PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
INSERT DATA { GRAPH <https://w3id.org/kymgraph/graph/translations> {
  <https://w3id.org/kymgraph/id/place/kotka> skos:altLabel "Kotka stad"@sv } }"""
#: Where axe-core lies once the front end's development packages are installed.
AXE: Final = ROOT / "api/web/node_modules/axe-core/axe.min.js"
WIDTHS: Final = (360, 768, 1440)
_QUIET: Final = [
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-gpu", "--no-sandbox",
]  # fmt: skip


@dataclass
class Watched:
    """A page and what went wrong on it."""

    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)
    status: int = 0  #: of the first answer

    def axe(self) -> list[str]:
        """What axe-core finds against WCAG 2.2 A and AA: a line per fault and element."""
        need("axe", AXE.exists(), "axe-core is not installed: make web-tools")
        # As text: a page's own policy lets no foreign script in by address.
        self.page.evaluate(AXE.read_text("utf-8"))
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = self.page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", tags)
        return [
            f"{fault['id']}: {node['target']} {node['failureSummary']}"
            for fault in found["violations"]
            for node in fault["nodes"]
        ]

    def check(self, known: Sequence[str] = ()) -> None:
        """Assert that nothing went wrong but what holds a `known` text, and that axe-core finds nothing."""
        assert [fault for fault in self.faults if not any(text in fault for text in known)] == []
        assert self.axe() == []


OpenPage = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for one module: while it lives, a loop runs that lets no other test call `asyncio.run`."""
    path = os.environ.get("KYMGRAPH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    need("chromium", path, "there is no Chromium: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """open_page(url, width=360, script=False, lang="sv"): a page in a context of its own, watched."""
    with ExitStack() as stack:

        def start(
            url: str,
            *,
            at: str = "",
            width: int = 1440,
            script: bool = True,
            lang: str | None = None,
            **options: Any,
        ) -> Watched:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                java_script_enabled=script,
                locale=lang or "fi",
                reduced_motion=options.pop("reduced_motion", "reduce"),
                **options,
            )
            stack.callback(context.close)
            page = context.new_page()
            parts = urlsplit(url)
            watched = Watched(page, f"{parts.scheme}://{parts.netloc}")
            _watch(watched)
            answer = page.goto(url + at)
            watched.status = answer.status if answer is not None else 0
            return watched

        yield start


def _watch(watched: Watched) -> None:
    def asked(request: Any) -> None:
        if not request.url.startswith((watched.origin + "/", "data:", "blob:" + watched.origin)):
            watched.faults.append(f"asks {request.url}")

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            watched.faults.append(f"{message.type}: {message.text}")

    watched.page.on("request", asked)
    watched.page.on("console", said)
    watched.page.on("pageerror", lambda error: watched.faults.append(f"throws {error}"))


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for screenshots."""
    given = os.environ.get("KYMGRAPH_SHOTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def lived_url(shipped: Dataset, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A server over the shipped project with one change in its ledger, whose dumps are made."""
    store = tmp_path_factory.mktemp("lived") / "store"
    shutil.copytree(shipped.store.folder, store)
    subprocess.run(
        [sys.executable, "-m", "kymgraph", "--store", store, "apply", "-", "--as", "ru", "--reason", REASON],
        cwd=ROOT,
        env=clean_environment(),
        input=CHANGE,
        text=True,
        check=True,
        capture_output=True,
        timeout=120,
    )
    address = serve(shipped.project.folder, store, dumps_ahead=True)
    until = time.monotonic() + 120
    while httpx.get(address + "/catalog", timeout=60).status_code == 503:
        assert time.monotonic() < until
        time.sleep(0.2)
    return address
