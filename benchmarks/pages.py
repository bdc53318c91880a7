"""What does a page cost its reader? Expected: HTML of any page ≤ 60 KB gzip, script only where it is used.

    python benchmarks/pages.py            # a table, and a line in benchmarks/results/pages.jsonl
    python benchmarks/pages.py --only lineage sparql

Each type of page is opened once in Chromium, with nothing cached, at 1440 px, from a server over the shipped
project on the same machine. Measured: bytes over the wire by kind, requests, time in scripts and in layout,
when the largest part stood, and how far anything jumped (cumulative layout shift). Times are given beside
those of a page of plain text from the same server in the same run, so that they can be compared.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser.walk import PAGES, at  # noqa: E402 (the tests know what pages there are)

RESULTS: Final = ROOT / "benchmarks/results/pages.jsonl"
#: Bytes of HTML after gzip that a page may have.
MOST_HTML: Final = 60_000
PLAIN: Final = "/robots.txt"
PORT: Final = 8397
_WATCH: Final = """
window.seen = {shift: 0, largest: 0};
new PerformanceObserver(list => { for (const one of list.getEntries())
  if (!one.hadRecentInput) seen.shift += one.value; }).observe({type: "layout-shift", buffered: true});
new PerformanceObserver(list => { for (const one of list.getEntries())
  seen.largest = one.startTime; }).observe({type: "largest-contentful-paint", buffered: true});
"""


def measured(browser: Browser, url: str) -> dict[str, Any]:
    """One page opened in a context of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="fi")
    page = context.new_page()
    page.add_init_script(_WATCH)
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Performance.enable")
    kinds: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    wire.on("Network.responseReceived", lambda said: kinds.__setitem__(said["requestId"], said["type"]))
    wire.on(
        "Network.loadingFinished",
        lambda said: sizes.update({kinds.get(said["requestId"], "Other"): int(said["encodedDataLength"])}),
    )
    page.goto(url, wait_until="networkidle")
    said = {one["name"]: one["value"] for one in wire.send("Performance.getMetrics")["metrics"]}
    seen = page.evaluate("window.seen ?? {shift: 0, largest: 0}")
    context.close()
    return {
        "html": sizes["Document"],
        "css": sizes["Stylesheet"],
        "script": sizes["Script"],
        "all": sum(sizes.values()),
        "requests": len(kinds),
        "script_ms": round(said["ScriptDuration"] * 1000, 1),
        "layout_ms": round((said["LayoutDuration"] + said["RecalcStyleDuration"]) * 1000, 1),
        "largest_ms": round(seen["largest"]),
        "shift": round(seen["shift"], 4),
    }


def served(store: Path) -> subprocess.Popen[bytes]:
    """A server over the shipped project that has answered."""
    environment = {**os.environ, "KYMGRAPH_RATE_LIMIT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "kymgraph", "--store", str(store), "serve", "--port", str(PORT)],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    until = time.monotonic() + 180
    while time.monotonic() < until and process.poll() is None:
        try:
            if urllib.request.urlopen(f"http://127.0.0.1:{PORT}/catalog", timeout=5).status == 200:
                return process
        except OSError:
            time.sleep(0.5)
    raise SystemExit("the server did not become ready")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=list(PAGES), help="these types of page; nothing is recorded"
    )
    asked = parser.parse_args()
    chromium = os.environ.get("KYMGRAPH_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        raise SystemExit("there is no Chromium: apt install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = served(Path(folder) / "store")
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            url = f"http://127.0.0.1:{PORT}"
            plain = measured(browser, url + PLAIN)
            rows = {}
            for name in asked.only or PAGES:
                measured(browser, url + at(PAGES[name], "fi"))  # the server has made it once
                rows[name] = measured(browser, url + at(PAGES[name], "fi"))
                print(name.ljust(14), *(f"{key} {value}" for key, value in rows[name].items()), sep="  ")
            version = browser.version
        finally:
            server.terminate()
            server.wait(30)
    heavy = [name for name, row in rows.items() if row["html"] > MOST_HTML]
    jumping = [name for name, row in rows.items() if row["shift"] > 0.1]
    print(f"over {MOST_HTML:,} bytes of HTML: {heavy or 'none'}; that jump (> 0.1): {jumping or 'none'}")
    if not asked.only:
        line = {
            "date": datetime.date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "chromium": version,
            "plain": plain,
            "pages": rows,
        }
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    sys.exit(1 if heavy or jumping else 0)


if __name__ == "__main__":
    main()
