"""What does a commit cost, does that grow with the graph, and what do many writers at once get out of it?

Expected, as ratios in one run:
  - one changed triple, from request to published generation: at the largest size at most 1.5 x the time at
    the smallest (nothing that a commit does reads all of the graph);
  - 64 writers at once, one triple each: at least 20 x the commits per second of one writer alone, who gets
    a checkpoint for each of his commits;
  - readers beside those writers: a p99 of at most 2 x that of the same readers on a quiet server.

    python benchmarks/commits.py --triples 100_000 10_000_000 --seconds 10

The graph is that of benchmarks/query.py, in one named graph of a union project with the shipped shapes and
rules. Commits go to the writer process over its socket, as the server and the command line send them; reads
go to `kymgraph serve` over HTTP. Prints a line per figure, appends one JSON line to
benchmarks/results/commits.jsonl.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyoxigraph as ox
from query import ROOT, triples

from kymgraph import writer
from kymgraph.changeset import Changeset
from kymgraph.commit import Request
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Quad
from kymgraph.store.embedded import EmbeddedStore

HERE = Path(__file__).resolve().parent
GRAPH = NamedNode("https://w3id.org/kymgraph/graph/bench")
LABEL = NamedNode("http://www.w3.org/2004/02/skos/core#altLabel")
WRITERS = 64
READERS = 4
BLOCK = 200_000


def project_in(folder: Path) -> Project:
    """A project with the shipped ontology, shapes and rules, and no data of its own."""
    folder.mkdir(parents=True)
    for part in ("ontology", "shapes"):
        shutil.copytree(ROOT / part, folder / part)
    (folder / "kymgraph.toml").write_text("")
    return Project.load(folder)


def filled(project: Project, wanted: int) -> tuple[EmbeddedStore, list[NamedNode]]:
    """A store with about `wanted` triples at generation 1, and some of its resources."""
    from kymgraph import files

    store = EmbeddedStore(project.folder / ".kymgraph")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=[*read.graphs, GRAPH.value], files=read.digests)
    live = ox.Store(store.folder / "live")
    subjects: dict[NamedNode, None] = {}

    def block(lines: list[str]) -> Iterator[Quad]:
        for quad in ox.parse("".join(lines).encode(), format=ox.RdfFormat.N_TRIPLES):
            if len(subjects) < 5000 and "/measure/" in str(quad.subject):
                subjects[quad.subject] = None
            yield Quad(quad.subject, quad.predicate, quad.object, GRAPH)
            yield Quad(quad.subject, quad.predicate, quad.object)

    lines: list[str] = []
    for line in triples(wanted):
        lines.append(line if line.endswith("\n") else line + "\n")
        if len(lines) == BLOCK:
            live.bulk_extend(block(lines))
            lines = []
    live.bulk_extend(block(lines))
    live.optimize()
    live.backup(project.folder / "warm")
    shutil.rmtree(project.folder / "warm")
    checkpoint = store.folder / "checkpoints" / "1"
    shutil.rmtree(checkpoint)
    live.backup(checkpoint)
    del live
    return store, list(subjects)


def change(subject: NamedNode, number: int) -> Request:
    """One triple more on one resource."""
    quad = Quad(subject, LABEL, Literal(f"rinnakkaisnimi {number}", language="fi"), GRAPH)
    return Request(Changeset(1, added=frozenset([quad])))


class Commits:
    """Commits through the writer process; each is a triple that is new."""

    def __init__(self, store: EmbeddedStore, subjects: list[NamedNode]) -> None:
        self._store, self._subjects = store, subjects
        self._number = 0
        self._lock = threading.Lock()

    def one(self) -> float:
        """Seconds from the request to the answer, when its generation is published."""
        with self._lock:
            self._number += 1
            number = self._number
        request = change(self._subjects[number % len(self._subjects)], number)
        began = time.perf_counter()
        outcome = writer.send(self._store.folder, request)
        assert outcome.status == "committed", outcome
        return time.perf_counter() - began

    def alone(self, seconds: float) -> list[float]:
        until, taken = time.perf_counter() + seconds, []
        while time.perf_counter() < until or len(taken) < 5:
            taken.append(self.one())
        return taken

    def together(self, seconds: float) -> list[float]:
        until = time.perf_counter() + seconds
        taken: list[float] = []

        def run() -> None:
            while time.perf_counter() < until:
                taken.append(self.one())

        threads = [threading.Thread(target=run) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return taken


def reads(port: int, subjects: list[NamedNode], seconds: float) -> list[float]:
    """Seconds of each read of READERS clients: all of one resource, each time another."""
    until = time.perf_counter() + seconds
    taken: list[float] = []

    def run(offset: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        number = offset
        while time.perf_counter() < until:
            number += READERS
            text = f"SELECT ?p ?o {{ {subjects[number % len(subjects)]} ?p ?o }} # {number}"
            began = time.perf_counter()
            connection.request("GET", "/sparql?" + urlencode({"query": text, "format": "json"}))
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            taken.append(time.perf_counter() - began)
            time.sleep(0.005)  # readers think; without this they would only measure the queue they make

    threads = [threading.Thread(target=run, args=(offset,)) for offset in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def p99(taken: list[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.99)]


def serve(project: Project) -> tuple[subprocess.Popen[bytes], int]:
    environment = {**os.environ, "KYMGRAPH_RATE_LIMIT": "0", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "kymgraph", "serve", "--port", "0"],
        cwd=project.folder,
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().decode().strip()
    return process, int(address.rsplit(":", 1)[1].rstrip("/"))


def measure(work: Path, wanted: int, seconds: float) -> dict[str, Any]:
    began = time.perf_counter()
    project = project_in(work / str(wanted))
    store, subjects = filled(project, wanted)
    print(f"{wanted:>12,} triples built in {time.perf_counter() - began:.0f} s", flush=True)
    process, port = serve(project)
    try:
        while not (store.folder / writer.SOCKET).exists():
            time.sleep(0.1)
        commits = Commits(store, subjects)
        commits.alone(1.0)
        alone = commits.alone(seconds)
        before = store.generation
        together = commits.together(seconds)
        generations = store.generation - before
        quiet = reads(port, subjects, seconds)
        background = threading.Thread(target=commits.together, args=(seconds,))
        background.start()
        beside = reads(port, subjects, seconds)
        background.join()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        shutil.rmtree(project.folder)
    row = {
        "triples": wanted,
        "one_ms": round(statistics.median(alone) * 1e3, 2),
        "alone_per_s": round(len(alone) / sum(alone), 1),
        "together_per_s": round(len(together) / seconds, 1),
        "together_ratio": round(len(together) / seconds / (len(alone) / sum(alone)), 1),
        "commits_together": generations,
        "read_p99_quiet_ms": round(p99(quiet) * 1e3, 2),
        "read_p99_beside_writers_ms": round(p99(beside) * 1e3, 2),
        "read_p99_ratio": round(p99(beside) / p99(quiet), 2),
        "reads": [len(quiet), len(beside)],
    }
    print("             " + "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--triples", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--work", type=Path, default=None, help="where the stores are made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        rows = [measure(Path(work), wanted, options.seconds) for wanted in options.triples]
    growth = round(rows[-1]["one_ms"] / rows[0]["one_ms"], 2)
    print(f"one commit at {rows[-1]['triples']:,} : at {rows[0]['triples']:,} = {growth}")
    line = {
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "pyoxigraph": ox.__version__,
        "writers": WRITERS,
        "readers": READERS,
        "seconds": options.seconds,
        "growth": growth,
        "sizes": rows,
    }
    results = HERE / "results" / "commits.jsonl"
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
