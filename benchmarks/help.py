"""How long does `kymgraph --help` take? Expected: under 0.4 s.

The command line loads neither the store nor rdflib, pySHACL, FastAPI or the reasoner before it needs them.
Whole processes are timed, in turn with a Python that does nothing: the ratio of the two does not drift
with the machine.

    python benchmarks/help.py --runs 20
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT = 0.4  # seconds


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "help.jsonl")
    args = parser.parse_args()
    helped = [str(Path(sys.executable).with_name("kymgraph")), "--help"]
    empty = [sys.executable, "-c", "pass"]
    seconds(helped), seconds(empty)  # the first run reads from the disk
    pairs = [(seconds(helped), seconds(empty)) for _ in range(args.runs)]
    times = [first for first, _ in pairs]
    row = {
        "date": datetime.date.today().isoformat(),
        "runs": args.runs,
        "help_median_s": round(statistics.median(times), 3),
        "help_max_s": round(max(times), 3),
        "ratio_to_limit": round(statistics.median(times) / LIMIT, 2),
        "ratio_to_empty_python": round(statistics.median(first / second for first, second in pairs), 2),
        "version": metadata.version("kymgraph"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    print(json.dumps(row))
    args.out.parent.mkdir(exist_ok=True)
    with args.out.open("a") as out:
        out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
