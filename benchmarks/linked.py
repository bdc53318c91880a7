"""How fast are documents of linked data, beside bare Oxigraph answering the same SPARQL, on the same triples?

Expected, as ratios of documents per second in one run with 8 clients:
  - documents asked for again (`/data/…` in Turtle, `/page/…`): at least 4 x `oxigraph serve-read-only` on the
    two queries behind each, which it answers anew each time; the first of them alone is shown beside;
  - documents asked for the first time: no expectation; printed to show what a miss costs.

    python benchmarks/linked.py --triples 1_000_000 --seconds 8 --rounds 3 --peers .venv-bench

`--peers` names a virtual environment with `oxigraph`; without it only kymgraph is measured, and that is said.
The servers take turns, round by round, so that drift of the machine meets both alike. The resources are
measures (few neighbours), programmes and priorities (some dozen), and themes, to which a twentieth of all
measures point. Prints a table, appends one JSON line to benchmarks/results/linked.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from query import (
    HERE,
    ID,
    PRIORITIES_PER_PROGRAMME,
    Server,
    percentile,
    sizes,
    start_kymgraph,
    start_oxigraph,
    triples,
    wait_for,
)

from kymgraph.project import Project
from kymgraph.publishing import resource
from kymgraph.rdf import NamedNode, Quad, Term
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.view import View

GRAPH = "<https://w3id.org/kymgraph/graph/generated>"
#: One request as its bytes, without the line that names the host.
Ask = tuple[str, dict[str, str], bytes]


class Recording:
    """A view that keeps the text of what it is asked."""

    def __init__(self, view: View) -> None:
        self._view, self.texts = view, list[str]()
        self.generation = view.generation

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        self.texts.append(text)
        return self._view.select(text, bindings)

    def quads(self, *pattern: Any, **named: Any) -> Iterator[Quad]:
        return self._view.quads(*pattern, **named)

    def graphs(self) -> list[NamedNode]:
        return self._view.graphs()


class Connection:
    """One keep-alive HTTP/1.1 connection."""

    def __init__(self, netloc: str) -> None:
        self.netloc = netloc
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, ask: Ask) -> None:
        """One request and its whole answer. Raises RuntimeError for anything but 200."""
        if self.streams is None:
            host, _, port = self.netloc.partition(":")
            self.streams = await asyncio.open_connection(host, int(port), limit=1 << 22)
        reader, writer = self.streams
        line, headers, body = ask
        given = {"Host": self.netloc, "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"transfer-encoding: chunked" in answer:
            while size := int((await reader.readline()).split(b";")[0], 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        else:
            at = answer.index(b"content-length:") + 15
            await reader.readexactly(int(answer[at : answer.index(b"\r\n", at)]))
        if answer.split(b" ", 2)[1] != b"200":
            raise RuntimeError(f"{answer[:40]!r} for {line[:200]}")

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()


def resources(triples_wanted: int, count: int) -> list[str]:
    """IRIs of `count` resources, the kinds in turn."""
    size = sizes(triples_wanted)
    found = []
    for n in range(count):
        number = n * 7_919  # prime, so each comes once
        found.append(
            ID
            + (
                f"measure/{number % size.measures}",
                f"programme/{n % size.programmes}",
                f"priority/{n % size.programmes}-{n % PRIORITIES_PER_PROGRAMME}",
                f"theme/{n % 20}",
            )[n % 4]
        )
    return list(dict.fromkeys(found))


def documents(iris: list[str], form: str) -> list[list[Ask]]:
    accept = {"page": "text/html", "data": "text/turtle"}[form]
    return [[(f"GET /{form}/{iri.removeprefix(ID)}", {"Accept": accept}, b"")] for iri in iris]


def queries(iris: list[str], project: Project, view: View, most: int) -> list[list[Ask]]:
    """What Oxigraph is asked for each resource: the very texts that kymgraph asks its store, up to `most`."""
    headers = {"Accept": "application/sparql-results+json", "Content-Type": "application/sparql-query"}
    asked = []
    for iri in iris:
        recording = Recording(view)
        if resource.read(recording, project, iri) is None:
            raise SystemExit(f"{iri} is not in the generated graph")
        asked.append([("POST /query", headers, text.encode()) for text in recording.texts[:most]])
    return asked


async def drive(
    server: Server, asks: list[list[Ask]], clients: int, seconds: float, again: bool
) -> list[float]:
    """Seconds that each document took; each is asked for once, or again and again until the time is up."""
    netloc = urllib.parse.urlsplit(server.url).netloc
    times: list[float] = []
    if again:
        warm = Connection(netloc)
        for parts in asks:
            for ask in parts:
                await warm.send(ask)
        warm.close()
    end = time.perf_counter() + seconds

    async def one(number: int) -> None:
        connection, turn = Connection(netloc), number
        while time.perf_counter() < end and (again or turn < len(asks)):
            started = time.perf_counter()
            for ask in asks[turn % len(asks)]:
                await connection.send(ask)
            times.append(time.perf_counter() - started)
            turn += clients
        connection.close()

    await asyncio.gather(*(one(n) for n in range(clients)))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--triples", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--resources", type=int, default=400, help="documents asked for the first time")
    parser.add_argument("--repeated", type=int, default=40, help="documents asked for again and again")
    parser.add_argument("--peers", type=Path, default=HERE.parent / ".venv-bench")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "linked.jsonl")
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="kymgraph-bench-"))
    servers: list[Server] = []
    try:
        plain, named = work / "generated.nt", work / "generated.nq"
        with plain.open("w") as one, named.open("w") as other:
            for line in triples(args.triples):
                one.write(line)
                other.write(f"{line.removesuffix(' .' + chr(10))} {GRAPH} .\n")
        ours = start_kymgraph(work, plain)
        servers.append(ours)
        peer = start_oxigraph(work, named, args.peers)
        if peer is None:
            print(f"left out, not in {args.peers.name}: oxigraph", file=sys.stderr)
        else:
            servers.append(peer)
        for server in servers:
            wait_for(server.url, server.process)
        report(args, ours, peer, measure(args, work, ours, peer))
    finally:
        for server in servers:
            server.process.send_signal(signal.SIGTERM)
        for server in servers:
            try:
                server.process.wait(20)
            except subprocess.TimeoutExpired:
                server.process.kill()
        shutil.rmtree(work, ignore_errors=True)


def measure(
    args: argparse.Namespace, work: Path, ours: Server, peer: Server | None
) -> dict[str, list[list[float]]]:
    """Times of each document by what was measured, a list per round."""
    fresh = resources(args.triples, args.resources)
    pool = fresh[: args.repeated]
    project = Project.load(work / "project")
    view = EmbeddedStore(work / "store").view()
    asked = {
        "data, again": (ours, documents(pool, "data"), True),
        "page, again": (ours, documents(pool, "page"), True),
    }
    if peer is not None:
        asked["oxigraph, first query"] = (peer, queries(pool, project, view, 1), True)
        asked["oxigraph, both queries"] = (peer, queries(pool, project, view, 2), True)
    # Asked before anything is kept, and once: a second round would meet the cache.
    times = {
        "data, first time": [asyncio.run(drive(ours, documents(fresh, "data"), args.clients, 600, False))]
    }
    for round_ in range(args.rounds):
        for name, (server, asks, again) in asked.items() if round_ % 2 == 0 else reversed(asked.items()):
            found = asyncio.run(drive(server, asks, args.clients, args.seconds, again))
            times.setdefault(name, []).append(found)
    return times


def report(
    args: argparse.Namespace, ours: Server, peer: Server | None, times: dict[str, list[list[float]]]
) -> None:
    row: dict[str, object] = {
        "date": datetime.date.today().isoformat(),
        "triples": args.triples,
        "clients": args.clients,
        "seconds": args.seconds,
        "rounds": args.rounds,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kymgraph": ours.version,
        "oxigraph": peer.version if peer else None,
        "pyoxigraph": metadata.version("pyoxigraph"),
    }
    rates = {
        name: statistics.median(args.clients * len(one) / sum(one) for one in rounds)
        for name, rounds in times.items()
    }
    base = rates.get("oxigraph, both queries")
    for name, rounds in times.items():
        every = [seconds for one in rounds for seconds in one]
        row[name] = {
            "rate": round(rates[name], 1),
            "ratio_to_oxigraph": round(rates[name] / base, 2) if base else None,
            "p50_ms": round(1000 * percentile(every, 0.5), 2),
            "p99_ms": round(1000 * percentile(every, 0.99), 2),
            "n": len(every),
        }
        ratio = f"   {rates[name] / base:6.2f} x oxigraph" if base else ""
        print(f"  {name:24} {rates[name]:9.0f} documents/s{ratio}")
    args.out.parent.mkdir(exist_ok=True)
    with args.out.open("a") as out:
        out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
