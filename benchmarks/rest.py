"""What does a REST list cost beside its SPARQL query, and a kept one beside bare Oxigraph?

Expected, as ratios in one run, on a generated graph (`query.triples`):
  - a list of 100 asked for the first time takes at most 1.5 x the time of its own SPARQL query, sent to the
    same server (median of one client's requests: what is added is reading rows and writing JSON);
  - the same lists asked again come at least 4 x as often as `oxigraph serve-read-only` answers their SPARQL.

    python benchmarks/rest.py --triples 1_000_000 --seconds 8 --rounds 3 --peers .venv-bench

Requests take turns, so that drift of the machine meets all of them alike. Prints a table, appends one JSON
line to benchmarks/results/rest.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import platform
import statistics
import sys
import time
import urllib.parse
from importlib import metadata
from pathlib import Path

import query  # benchmarks/query.py: the generated graph, the servers, the client

from kymgraph.namespaces import Base
from kymgraph.publishing.paging import Page, rows
from kymgraph.publishing.routes import Route, read
from kymgraph.queries import substitute

#: The lists that are asked for: one of a hub's parts, and one over the whole graph by a condition.
FILES = {
    "measures": """#+ path: /programmes/{programme}/measures
#+ params: {programme: slug:programme}
#+ example: {programme: 1}
#+ returns: {measure: thing, priority: thing, ordinal: integer, theme: thing}
PREFIX kym: <https://w3id.org/kymgraph/ontology#>
SELECT ?measure ?priority ?ordinal ?theme WHERE {
  ?priority kym:elementOf ?programme .
  ?measure kym:elementOf ?priority ; kym:ordinal ?ordinal ; kym:theme ?theme .
} ORDER BY ?priority ?ordinal
""",
    "priorities": """#+ path: /priorities
#+ params: {ordinal: integer}
#+ example: {ordinal: 1}
#+ returns: {priority: thing, programme: thing, from: year}
PREFIX kym: <https://w3id.org/kymgraph/ontology#>
SELECT ?priority ?programme ?from WHERE {
  ?priority a kym:Priority ; kym:ordinal ?ordinal ; kym:elementOf ?programme .
  ?programme kym:validFrom ?from .
} ORDER BY ?from ?priority
""",
}
LIMIT = 100
#: Where the files stand in the folder of a run: in the project that `query.start_kymgraph` makes.
QUERIES = "project/api/queries"


class Getter(query.Client):
    """As `query.Client`, for GET."""

    async def get(self, path: str) -> int:
        """The size of the answer in bytes; raises on anything but 200."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 22)
        assert self.reader is not None
        self.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {self.netloc}\r\nAccept: application/json\r\n\r\n".encode()
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.index(b"content-length:") + 15
        size = int(lower[at : lower.index(b"\r\n", at)])
        await self.reader.readexactly(size)
        if head.split(b" ", 2)[1] != b"200":
            raise RuntimeError(f"{head.split(b' ', 2)[1]!r} for {path}")
        return size


class Asked:
    """Pages of both lists that do not come again: every programme or ordinal, at ever new offsets."""

    def __init__(self, routes: dict[str, Route], size: query.Sizes) -> None:
        self.routes, self.size, self.turn = routes, size, 0

    def next(self, name: str) -> tuple[str, str]:
        """The path of one page and the SPARQL behind it."""
        self.turn += 1
        route = self.routes[name]
        if name == "measures":
            most = self.size.programmes
            values = {"programme": str(self.turn * 7_919 % most)}
            path = f"/api/v1/programmes/{values['programme']}/measures"
            own: dict[str, str] = {}
        else:
            most = query.PRIORITIES_PER_PROGRAMME
            values = {"ordinal": str(self.turn % most + 1)}
            path, own = "/api/v1/priorities", values
        offset = self.turn // most
        text = substitute(
            rows(route, Page(limit=LIMIT, offset=offset)), route.query.bind(values, Base(query.ID[:-3]))
        )
        return f"{path}?{urllib.parse.urlencode({**own, 'limit': LIMIT, 'offset': offset})}", text


def start_kymgraph(work: Path, data: Path) -> query.Server:
    """The shipped server with the routes of FILES; `query.start_kymgraph` makes the project."""
    folder = work / QUERIES
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / f"{name}.rq").write_text(text, "utf-8")
    return query.start_kymgraph(work, data)


async def alone(url: str, asked: Asked, name: str, seconds: float) -> dict[str, list[float]]:
    """One client: seconds of lists and of their SPARQL, in turn, neither asked before."""
    parts = urllib.parse.urlsplit(url)
    rest, sparql = Getter(url), query.Client(f"{parts.scheme}://{parts.netloc}/sparql")
    found: dict[str, list[float]] = {"rest": [], "sparql": []}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        path, _ = asked.next(name)
        started = time.perf_counter()
        await rest.get(path)
        found["rest"].append(time.perf_counter() - started)
        _, text = asked.next(name)
        started = time.perf_counter()
        await sparql.ask(text)
        found["sparql"].append(time.perf_counter() - started)
    rest.close()
    sparql.close()
    return found


async def again(server: query.Server, pages: list[tuple[str, str]], clients: int, seconds: float) -> float:
    """Requests per second for pages asked again and again: REST of ours, SPARQL of the peer."""
    done = 0

    async def ask(client: Getter, page: tuple[str, str]) -> None:
        await (client.get(page[0]) if server.name == "kymgraph" else client.ask(page[1]))

    async def one(number: int, until: float) -> None:
        nonlocal done
        client, turn = Getter(server.url), number
        while time.perf_counter() < until:
            await ask(client, pages[turn % len(pages)])
            turn += 1
            done += 1
        client.close()

    warm = Getter(server.url)
    for page in pages:
        await ask(warm, page)
    warm.close()
    started = time.perf_counter()
    await asyncio.gather(*(one(n, started + seconds) for n in range(clients)))
    return done / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--triples", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=8.0, help="per part and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--peers", type=Path, default=query.ROOT / ".venv-bench")
    parser.add_argument("--out", type=Path, default=query.HERE / "results" / "rest.jsonl")
    args = parser.parse_args()
    with query.in_folder() as (work, servers):
        data = work / "generated.nt"
        with data.open("w") as out:
            out.writelines(query.triples(args.triples))
        peer = query.start_oxigraph(work, data, args.peers)
        servers += [start_kymgraph(work, data), *([peer] if peer else [])]
        for server in servers:
            query.wait_for(server.url, server.process)
        if peer is None:
            print(f"left out, not in {args.peers.name}: oxigraph", file=sys.stderr)
        routes = {name: read(work / QUERIES / f"{name}.rq") for name in FILES}
        asked = Asked(routes, query.sizes(args.triples))
        first: dict[str, dict[str, list[float]]] = {name: {"rest": [], "sparql": []} for name in FILES}
        rates: dict[str, list[float]] = {server.name: [] for server in servers}
        pages = [asked.next(name) for name in FILES for _ in range(20)]
        for round_ in range(args.rounds):
            for name in FILES:
                for kind, seconds in asyncio.run(alone(servers[0].url, asked, name, args.seconds)).items():
                    first[name][kind] += seconds
            for server in servers if round_ % 2 == 0 else reversed(servers):
                rates[server.name].append(asyncio.run(again(server, pages, args.clients, args.seconds)))
        report(args, servers, first, rates)


def report(
    args: argparse.Namespace,
    servers: list[query.Server],
    first: dict[str, dict[str, list[float]]],
    rates: dict[str, list[float]],
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
        "pyoxigraph": metadata.version("pyoxigraph"),
        "servers": {server.name: server.version for server in servers},
    }
    print(f"a list of {LIMIT} asked for the first time, one client (median, p95 in ms)")
    lists = {}
    for name, times in first.items():
        medians = {kind: statistics.median(values) for kind, values in times.items()}
        ratio = medians["rest"] / medians["sparql"]
        p95 = {kind: query.percentile(values, 0.95) for kind, values in times.items()}
        print(
            f"  {name:12} REST {1000 * medians['rest']:7.2f} ({1000 * p95['rest']:.2f})   "
            f"SPARQL {1000 * medians['sparql']:7.2f} ({1000 * p95['sparql']:.2f})   {ratio:5.2f} x"
        )
        lists[name] = {
            "ratio_to_sparql": round(ratio, 3),
            "n": len(times["rest"]),
            **{f"{kind}_p50_ms": round(1000 * seconds, 3) for kind, seconds in medians.items()},
            **{f"{kind}_p95_ms": round(1000 * seconds, 3) for kind, seconds in p95.items()},
        }
    row["first time"] = lists
    print(f"\nthe same lists asked again ({args.clients} clients)")
    base = statistics.median(rates["oxigraph"]) if "oxigraph" in rates else None
    repeated = {}
    for server in servers:
        rate = statistics.median(rates[server.name])
        ratio_ = rate / base if base else None
        print(
            f"  {server.name:12} {rate:9.0f} requests/s" + (f"   {ratio_:6.2f} x oxigraph" if ratio_ else "")
        )
        repeated[server.name] = {
            "rate": round(rate, 1),
            "rates": [round(one, 1) for one in rates[server.name]],
            "ratio_to_oxigraph": round(ratio_, 3) if ratio_ else None,
        }
    row["again"] = repeated
    args.out.parent.mkdir(exist_ok=True)
    with args.out.open("a") as out:
        out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
