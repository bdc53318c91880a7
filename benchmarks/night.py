"""Do the promises of the write path hold over the full counts? Expected: all of them, and nothing is lost.

    python benchmarks/night.py
    python benchmarks/night.py --only kill

Runs the tests below at size "night" (about an hour on two cores), one after the other, and appends what each
did to benchmarks/results/night.jsonl. It ends with status 1 if one fails.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
TESTS = [
    "tests/gate/test_incremental.py::test_random_changes_are_judged_as_the_whole_is",
    "tests/gate/test_w3c.py",
    "tests/gate/test_policy_incremental.py",
    "tests/store/test_crashes.py::test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged",
    "tests/store/test_crashes.py::test_a_power_cut_loses_nothing_acknowledged_and_brings_nothing_refused_back",
    "tests/test_writer.py::test_four_writers_two_over_http_and_two_by_command_lose_no_increment",
    "tests/test_history.py",
    "tests/store/test_history.py",
]


def night(test: str) -> dict[str, object]:
    """Run one test (or file) at size night; how many passed, failed, were skipped, and what it recorded."""
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "junit.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", test, f"--junitxml={xml}"],
            cwd=HERE.parent,
            env={**os.environ, "KYMGRAPH_TEST": "night"},
            check=False,
        )
        suite = ElementTree.parse(xml).getroot().find("testsuite")
    assert suite is not None
    said = {one.get("name", ""): one.get("value") for one in suite.iter("property")}
    count = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    return {"test": test, "status": done.returncode, **count, **said, "minutes": _minutes(suite)}


def _minutes(suite: ElementTree.Element) -> float:
    return round(float(suite.get("time", 0)) / 60, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="tests whose name holds it")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "night.jsonl")
    args = parser.parse_args()
    machine = {
        "date": datetime.date.today().isoformat(),
        "version": metadata.version("kymgraph"),
        "pyshacl": metadata.version("pyshacl"),
        "pyoxigraph": metadata.version("pyoxigraph"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    failed = False
    for test in TESTS:
        if args.only not in test:
            continue
        row = {**machine, **night(test)}
        failed = failed or row["status"] != 0
        print(json.dumps(row), flush=True)
        with args.out.open("a") as out:
            out.write(json.dumps(row) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
