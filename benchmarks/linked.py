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
import functools
import json
import os
import platform
import statistics
import sys
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
    in_folder,
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
Ask = tuple[str, tuple[tuple[str, str], ...], bytes]


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


class Connection(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection that asks for one document after the other.

    As thin as it can be, without a task or stream between: the cores are the servers' too.
    """

    def __init__(self, netloc: str, documents: Iterator[list[Ask]]) -> None:
        self.netloc, self.documents = netloc, documents
        self.times: list[float] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answer = bytearray()
        self.whole = 0  # bytes of the answer; 0 until its head has come, -1 if it comes in chunks
        self.left: list[bytes] = []
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.next_document()

    def next_document(self) -> None:
        asks = next(self.documents, None)
        if asks is None:
            self.transport.close()
            self.ended.set_result(None)
            return
        self.left = [whole_request(self.netloc, *ask) for ask in reversed(asks)]
        self.began = time.perf_counter()
        self.transport.write(self.left.pop())

    def data_received(self, data: bytes) -> None:
        self.answer += data
        if self.whole == 0:
            self.read_head()
        if self.whole > 0:
            if len(self.answer) < self.whole:
                return
        elif self.whole == 0 or not self.answer.endswith(b"\r\n0\r\n\r\n"):
            return
        self.answer.clear()
        self.whole = 0
        if self.left:
            self.transport.write(self.left.pop())
        else:
            self.times.append(time.perf_counter() - self.began)
            self.next_document()

    def read_head(self) -> None:
        end = self.answer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.answer[:end]).lower()
        if not head.startswith(b"http/1.1 200"):
            self.transport.close()
            self.ended.set_exception(RuntimeError(f"not 200 but {head[:200]!r}"))
        elif b"transfer-encoding: chunked" in head:
            self.whole = -1
        else:
            at = head.index(b"content-length:") + 15
            self.whole = end + 4 + int(head[at:].split(b"\r", 1)[0])

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the server closed the connection"))


@functools.cache
def whole_request(netloc: str, line: str, headers: tuple[tuple[str, str], ...], body: bytes) -> bytes:
    given = (("Host", netloc), *((("Content-Length", str(len(body))),) if body else ()), *headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in given)
    return f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body


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
    return [[(f"GET /{form}/{iri.removeprefix(ID)}", (("Accept", accept),), b"")] for iri in iris]


def queries(iris: list[str], project: Project, view: View, most: int) -> list[list[Ask]]:
    """What Oxigraph is asked for each resource: the very texts that kymgraph asks its store, up to `most`."""
    headers = (("Accept", "application/sparql-results+json"), ("Content-Type", "application/sparql-query"))
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
    parts = urllib.parse.urlsplit(server.url)
    if again:
        await ask(parts.netloc, [iter(asks)])
    end = time.perf_counter() + seconds

    def turns(number: int) -> Iterator[list[Ask]]:
        turn = number
        while time.perf_counter() < end and (again or turn < len(asks)):
            yield asks[turn % len(asks)]
            turn += clients

    return await ask(parts.netloc, [turns(number) for number in range(clients)])


async def ask(netloc: str, clients: list[Iterator[list[Ask]]]) -> list[float]:
    """Ask for the documents of each client, on a connection each. Seconds that each took."""
    host, _, port = netloc.partition(":")
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(functools.partial(Connection, netloc, turns), host, int(port)))[1]
        for turns in clients
    ]
    await asyncio.gather(*(connection.ended for connection in connections))
    return [seconds for connection in connections for seconds in connection.times]


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
    with in_folder() as (work, servers):
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
