"""How fast are queries over HTTP beside bare Oxigraph and rdflib-endpoint, on the same million triples?

Expected, as ratios of requests per second in one run with 8 clients:
  - twelve kinds of query with fresh parameters, in equal parts: at least 0.9 x `oxigraph serve-read-only`
    (the engine does the work; the door in front of it should cost little);
  - look-ups alone: at least 0.3 x (a process boundary and a queue lie between the caller and the engine);
  - the same queries asked again: at least 4 x (answers are kept per generation; Oxigraph keeps none).

    python benchmarks/query.py --triples 1_000_000 --seconds 8 --rounds 3 --peers .venv-bench

`--peers` names a virtual environment with the peers (`oxigraph`, `rdflib-endpoint`, `oxrdflib`, `uvicorn`);
a peer that is missing is left out and said so. All servers run on this machine and take turns, round by
round, so that drift of the machine meets all of them alike. Prints a table, appends one JSON line to
benchmarks/results/query.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import json
import os
import platform
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KYM = "https://w3id.org/kymgraph/ontology#"
ID = "https://w3id.org/kymgraph/id/"
SKOS = "http://www.w3.org/2004/02/skos/core#"
XSD = "http://www.w3.org/2001/XMLSchema#"
PREFIXES = f"PREFIX kym: <{KYM}> PREFIX skos: <{SKOS}> "
WORDS = [
    "logistiikka", "metsä", "energia", "matkailu", "hyvinvointi", "koulutus", "digitalisaatio", "biotalous",
    "kyberturvallisuus", "kiertotalous", "kulttuuri", "liikunta", "saavutettavuus", "innovaatio", "vienti",
    "palvelu", "verkosto", "ruoka", "kylä", "satama",
]  # fmt: skip
#: measures per programme and per priority, chosen so that lists have lengths a planner would meet
PRIORITIES_PER_PROGRAMME = 12
MEASURES_PER_PRIORITY = 60


def triples(wanted: int, seed: int = 1) -> Iterator[str]:
    """About `wanted` N-Triples lines in the shape of the shipped data: programmes, priorities, measures
    with labels, themes, status, order, and projects with funding and dates."""
    rnd = random.Random(seed)
    a = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
    made = 0

    def t(s: str, p: str, o: str) -> str:
        nonlocal made
        made += 1
        return f"<{ID}{s}> {p} {o} .\n"

    def kym(name: str) -> str:
        return f"<{KYM}{name}>"

    def iri(path: str) -> str:
        return f"<{ID}{path}>"

    def text(value: str, lang: str = "fi") -> str:
        return f'"{value}"@{lang}'

    for n, word in enumerate(WORDS):
        yield t(f"theme/{n}", a, kym("Theme"))
        yield t(f"theme/{n}", f"<{SKOS}prefLabel>", text(word))
    programme = measure = 0
    while made < wanted:
        start = 2000 + programme % 25
        yield t(f"programme/{programme}", a, kym("Programme"))
        yield t(f"programme/{programme}", f"<{SKOS}prefLabel>", text(f"Ohjelma {programme}"))
        yield t(f"programme/{programme}", kym("validFrom"), f'"{start}"^^<{XSD}gYear>')
        yield t(f"programme/{programme}", kym("validUntil"), f'"{start + 3}"^^<{XSD}gYear>')
        for p in range(PRIORITIES_PER_PROGRAMME):
            priority = f"priority/{programme}-{p}"
            yield t(priority, a, kym("Priority"))
            yield t(priority, kym("elementOf"), iri(f"programme/{programme}"))
            yield t(priority, kym("ordinal"), f'"{p + 1}"^^<{XSD}integer>')
            yield t(priority, f"<{SKOS}prefLabel>", text(f"Painopiste {programme}.{p} {rnd.choice(WORDS)}"))
            for m in range(MEASURES_PER_PRIORITY):
                item = f"measure/{measure}"
                yield t(item, a, kym("Measure"))
                yield t(item, kym("elementOf"), iri(priority))
                yield t(item, kym("ordinal"), f'"{m + 1}"^^<{XSD}integer>')
                yield t(
                    item,
                    f"<{SKOS}prefLabel>",
                    text(f"{rnd.choice(WORDS)} {rnd.choice(WORDS)} toimenpide {measure}"),
                )
                yield t(item, kym("theme"), iri(f"theme/{rnd.randrange(len(WORDS))}"))
                if m % 3 == 0:
                    yield t(
                        item, kym("status"), iri(f"status/{rnd.choice(('planned', 'under-way', 'ended'))}")
                    )
                if m % 4 == 0:
                    project = f"project/{measure}"
                    yield t(project, a, kym("Project"))
                    yield t(project, kym("implements"), iri(item))
                    yield t(project, f"<{SKOS}prefLabel>", text(f"Hanke {measure}"))
                    yield t(project, kym("value"), f'"{rnd.randrange(10_000, 2_000_000)}"^^<{XSD}integer>')
                    yield t(project, kym("startedOn"), f'"{start}-{1 + measure % 12:02d}-01"^^<{XSD}date>')
                measure += 1
                if made >= wanted:
                    return
        programme += 1


@dataclass(frozen=True)
class Sizes:
    programmes: int
    measures: int


def sizes(wanted: int) -> Sizes:
    """How many programmes and measures `triples(wanted)` has (whole ones)."""
    per_measure = 5 + 1 / 3 + 5 / 4
    per_programme = 4 + PRIORITIES_PER_PROGRAMME * (4 + MEASURES_PER_PRIORITY * per_measure)
    programmes = max(1, int((wanted - 40) / per_programme))
    return Sizes(programmes, programmes * PRIORITIES_PER_PROGRAMME * MEASURES_PER_PRIORITY)


class Fresh:
    """Parameters that do not come again: numbers in scattered order without repetition, ever new LIMITs.

    Without this, a cache would answer part of a "fresh" mix: a million triples hold only some 190 programmes.
    """

    def __init__(self, size: Sizes) -> None:
        self.size, self.turn, self.bound = size, 0, 10_000

    def measure(self, step: int = 1) -> str:
        many = self.size.measures // step
        self.turn += 1
        return f"<{ID}measure/{self.turn * 7_919 % many * step}>"  # 7919 is prime: each comes once per cycle

    def programme(self) -> str:
        self.turn += 1
        return f"<{ID}programme/{self.turn * 7_919 % self.size.programmes}>"

    def priority(self) -> str:
        self.turn += 1
        number = self.turn * 7_919 % (self.size.programmes * PRIORITIES_PER_PROGRAMME)
        return f"<{ID}priority/{number // PRIORITIES_PER_PROGRAMME}-{number % PRIORITIES_PER_PROGRAMME}>"

    def limit(self) -> str:
        self.bound += 1
        return f"LIMIT {self.bound}"


def kinds(r: random.Random, fresh: Fresh) -> dict[str, Callable[[], str]]:
    """The twelve kinds; each makes one query that was not asked before in this run."""
    in_programme = "?p kym:elementOf {} . ?m kym:elementOf ?p"
    return {
        "look-up": lambda: f"SELECT ?label {{ {fresh.measure()} skos:prefLabel ?label }}",
        "star": lambda: (
            f"SELECT ?label ?n ?theme ?parent {{ {fresh.measure()} skos:prefLabel ?label ; kym:ordinal ?n ; "
            f"kym:theme ?theme ; kym:elementOf ?parent }} {fresh.limit()}"
        ),
        "two hops": lambda: (
            f"SELECT ?m ?label {{ {in_programme.format(fresh.programme())} ; skos:prefLabel ?label }} "
            f"{fresh.limit()}"
        ),
        "path": lambda: f"SELECT ?whole {{ {fresh.measure()} kym:elementOf+ ?whole }} {fresh.limit()}",
        "filter": lambda: (
            f"SELECT ?m ?n {{ ?m kym:elementOf {fresh.priority()} ; kym:ordinal ?n "
            f"FILTER(?n > {r.randrange(50)}) }} {fresh.limit()}"
        ),
        "text": lambda: (
            f"SELECT ?m ?label {{ {in_programme.format(fresh.programme())} ; skos:prefLabel ?label "
            f'FILTER(CONTAINS(LCASE(?label), "{r.choice(WORDS)} {r.choice(WORDS)}")) }} {fresh.limit()}'
        ),
        "count": lambda: (
            f"SELECT (COUNT(*) AS ?n) {{ {in_programme.format(fresh.programme())} }} {fresh.limit()}"
        ),
        "group": lambda: (
            f"SELECT ?theme (COUNT(?m) AS ?n) {{ {in_programme.format(fresh.programme())} ; "
            f"kym:theme ?theme }} GROUP BY ?theme {fresh.limit()}"
        ),
        "order": lambda: (
            f"SELECT ?project ?euros {{ {in_programme.format(fresh.programme())} . "
            f"?project kym:implements ?m ; kym:value ?euros }} ORDER BY DESC(?euros) {fresh.limit()}"
        ),
        "optional": lambda: (
            f"SELECT ?m ?status {{ ?m kym:elementOf {fresh.priority()} "
            f"OPTIONAL {{ ?m kym:status ?status }} }} {fresh.limit()}"
        ),
        "union": lambda: (
            f"SELECT ?x {{ {{ ?x kym:elementOf {fresh.priority()} }} UNION "
            f"{{ ?x kym:implements {fresh.measure(4)} }} }} {fresh.limit()}"
        ),
        "construct": lambda: (
            f"CONSTRUCT {{ ?m skos:prefLabel ?label ; kym:theme ?theme }} WHERE {{ "
            f"?m kym:elementOf {fresh.priority()} ; skos:prefLabel ?label ; kym:theme ?theme }} "
            f"{fresh.limit()}"
        ),
    }


#: What is measured: the kinds (none: all twelve), and how many queries of each are repeated (0: none).
PARTS: dict[str, tuple[list[str], int]] = {
    "mix, fresh": ([], 0),
    "look-ups, fresh": (["look-up"], 0),
    "mix, repeated": ([], 20),
}
#: Requests per second by part and server, one per round; seconds by part, server and kind.
Rates = dict[str, dict[str, list[float]]]
Times = dict[str, dict[str, dict[str, list[float]]]]


@dataclass
class Server:
    name: str
    version: str
    url: str
    process: subprocess.Popen[bytes]
    workers: str


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    parts = urllib.parse.urlsplit(url)
    until = time.monotonic() + seconds
    query = urllib.parse.quote("ASK {}")
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"{url}: the server ended with {process.returncode} before it answered")
        try:
            with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=5) as s:
                head = f"GET {parts.path}?query={query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                s.sendall(f"{head}Connection: close\r\n\r\n".encode())
                if s.recv(64).split(b" ")[1] == b"200":
                    return
        except (OSError, IndexError):
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url}: no answer in {seconds} s")


class Client:
    """One keep-alive HTTP/1.1 connection, as thin as it can be: the two cores are the servers' too."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.path, self.netloc = (
            parts.hostname or "",
            parts.port or 80,
            parts.path,
            parts.netloc,
        )
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, query: str) -> int:
        """The size of the answer in bytes; raises on anything but 200."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 22)
        assert self.reader is not None
        body = query.encode()
        self.writer.write(
            f"POST {self.path} HTTP/1.1\r\nHost: {self.netloc}\r\nContent-Type: application/sparql-query\r\n"
            f"Accept: application/sparql-results+json, text/turtle;q=0.9\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        lower = head.lower()
        size = 0
        if b"transfer-encoding: chunked" in lower:
            while True:
                n = int((await self.reader.readline()).split(b";")[0], 16)
                await self.reader.readexactly(n + 2)
                if n == 0:
                    break
                size += n
        else:
            at = lower.index(b"content-length:") + 15
            size = int(lower[at : lower.index(b"\r\n", at)])
            await self.reader.readexactly(size)
        if b"connection: close" in lower:
            self.writer.close()
            self.writer = None
        if status != 200:
            raise RuntimeError(f"{status} for {query}")
        return size

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


@dataclass
class Tally:
    times: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return sum(map(len, self.times.values())) / self.seconds


async def drive(
    url: str, makers: dict[str, Callable[[], str]], clients: int, seconds: float, repeat: int = 0
) -> Tally:
    """Each client asks the kinds in turn until the time is up. `repeat` > 0 asks from a pool of that many
    queries per kind again and again."""
    tally = Tally({name: [] for name in makers})
    pool = {name: [make() for _ in range(repeat)] for name, make in makers.items()}
    names = list(makers)

    async def one(number: int, until: float) -> None:
        client, turn = Client(url), number
        while time.perf_counter() < until:
            name = names[turn % len(names)]
            query = PREFIXES + (pool[name][turn // len(names) % repeat] if repeat else makers[name]())
            turn += 1
            t0 = time.perf_counter()
            await client.ask(query)
            tally.times[name].append(time.perf_counter() - t0)
        client.close()

    warm = Client(url)
    for queries in pool.values():  # the first time is not a repetition
        for query in queries:
            await warm.ask(PREFIXES + query)
    warm.close()
    started = time.perf_counter()
    await asyncio.gather(*(one(n, started + seconds) for n in range(clients)))
    tally.seconds = time.perf_counter() - started
    return tally


def start_kymgraph(work: Path, data: Path) -> Server:
    """The shipped server on a graph project that holds just the generated graph."""
    project = work / "project"
    (project / "data").mkdir(parents=True)
    (project / "kymgraph.toml").write_text(
        'base_iri = "https://w3id.org/kymgraph/"\nlanguages = ["fi"]\ndefault_graph = "union"\n\n'
        '[title]\nfi = "Mittaus"\nsv = "Mätning"\nen = "Benchmark"\n'
    )
    shutil.copy(data, project / "data" / "generated.nt")
    exe = Path(sys.executable).with_name("kymgraph")
    env = dict(os.environ, KYMGRAPH_RATE_LIMIT="0", KYMGRAPH_SEARCH_WARM="false")
    store = work / "store"
    subprocess.run([exe, "build", "--project", project, "--store", store], check=True, env=env)
    port = free_port()
    process = subprocess.Popen(
        [exe, "serve", "--project", str(project), "--store", str(store), "--port", str(port)],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    cores = os.cpu_count()
    return Server(
        "kymgraph",
        metadata.version("kymgraph"),
        f"http://127.0.0.1:{port}/sparql",
        process,
        f"1 front, {os.environ.get('KYMGRAPH_FAST_WORKERS', 2 * (cores or 1))} fast + 2 slow query workers",
    )


def start_oxigraph(work: Path, data: Path, peers: Path) -> Server | None:
    exe = peers / "bin" / "oxigraph"
    if not exe.exists():
        return None
    subprocess.run(
        [exe, "load", "-l", work / "oxigraph", "-f", data],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    subprocess.run(
        [exe, "optimize", "-l", work / "oxigraph"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    port = free_port()
    process = subprocess.Popen(
        [exe, "serve-read-only", "-l", work / "oxigraph", "-b", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    version = subprocess.run([exe, "--version"], capture_output=True, text=True, check=True).stdout.split()[
        -1
    ]
    return Server("oxigraph", version, f"http://127.0.0.1:{port}/query", process, "its own thread pool")


def start_rdflib_endpoint(work: Path, peers: Path) -> Server | None:
    python = peers / "bin" / "python"
    probe = subprocess.run(
        [
            python,
            "-c",
            "import rdflib_endpoint, oxrdflib, importlib.metadata as m; print(m.version('rdflib-endpoint'))",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode:
        return None
    shutil.copytree(work / "oxigraph", work / "rdflib")
    port = free_port()
    code = (
        "import sys, rdflib, uvicorn\nfrom rdflib_endpoint import SparqlEndpoint\n"
        "g = rdflib.Dataset(store='Oxigraph', default_union=True)\ng.open(sys.argv[1])\n"
        "app = SparqlEndpoint(graph=g, path='/')\n"
        "uvicorn.run(app, host='127.0.0.1', port=int(sys.argv[2]), log_level='error')\n"
    )
    process = subprocess.Popen(
        [python, "-c", code, work / "rdflib", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return Server(
        "rdflib-endpoint",
        probe.stdout.strip(),
        f"http://127.0.0.1:{port}/",
        process,
        "1 process, oxrdflib store",
    )


@contextlib.contextmanager
def in_folder() -> Iterator[tuple[Path, list[Server]]]:
    """A temporary folder, and a list of servers that are ended when its block is left."""
    work, servers = Path(tempfile.mkdtemp(prefix="kymgraph-bench-")), list[Server]()
    try:
        yield work, servers
    finally:
        for server in servers:
            server.process.send_signal(signal.SIGTERM)
        for server in servers:
            try:
                server.process.wait(20)
            except subprocess.TimeoutExpired:
                server.process.kill()
        shutil.rmtree(work, ignore_errors=True)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--triples", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=8.0, help="per server, part and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-bench")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "query.jsonl")
    args = parser.parse_args()
    size = sizes(args.triples)
    with in_folder() as (work, servers):
        data = work / "generated.nt"
        with data.open("w") as out:
            out.writelines(triples(args.triples))
        ox = start_oxigraph(work, data, args.peers)
        rdflib_peer = start_rdflib_endpoint(work, args.peers) if ox else None
        servers += [s for s in (start_kymgraph(work, data), ox, rdflib_peer) if s]
        for server in servers:
            wait_for(server.url, server.process)
        missing = {"oxigraph", "rdflib-endpoint"} - {s.name for s in servers}
        if missing:
            print(f"left out, not in {args.peers.name}: {', '.join(sorted(missing))}", file=sys.stderr)
        rates: Rates = {part: {s.name: [] for s in servers} for part in PARTS}
        times: Times = {part: {s.name: defaultdict(list) for s in servers} for part in PARTS}
        # Each server is asked the very same queries in the same order, however far it gets.
        makers = {s.name: kinds(random.Random(7), Fresh(size)) for s in servers}
        for round_ in range(args.rounds):
            for part, (names, repeat) in PARTS.items():
                for server in servers if round_ % 2 == 0 else reversed(servers):
                    chosen = {
                        name: make for name, make in makers[server.name].items() if name in (names or [name])
                    }
                    tally = asyncio.run(drive(server.url, chosen, args.clients, args.seconds, repeat))
                    rates[part][server.name].append(tally.rate)
                    for kind, values in tally.times.items():
                        times[part][server.name][kind] += values
        report(args, servers, rates, times)


def report(
    args: argparse.Namespace,
    servers: list[Server],
    rates: Rates,
    times: Times,
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
        "servers": {s.name: {"version": s.version, "workers": s.workers} for s in servers},
    }
    row["pyoxigraph"] = metadata.version("pyoxigraph")
    for part in PARTS:
        print(f"\n{part} ({args.clients} clients, {args.rounds} rounds of {args.seconds:g} s)")
        base = statistics.median(rates[part]["oxigraph"]) if "oxigraph" in rates[part] else None
        summary: dict[str, object] = {}
        for server in servers:
            rate = statistics.median(rates[part][server.name])
            ratio = rate / base if base else None
            print(
                f"  {server.name:16} {rate:9.0f} requests/s"
                + (f"   {ratio:6.2f} x oxigraph" if ratio else "")
            )
            per_kind = {
                kind: {
                    "p50_ms": round(1000 * percentile(v, 0.5), 2),
                    "p99_ms": round(1000 * percentile(v, 0.99), 2),
                    "n": len(v),
                }
                for kind, v in times[part][server.name].items()
                if v
            }
            summary[server.name] = {
                "rate": round(rate, 1),
                "rates": [round(x, 1) for x in rates[part][server.name]],
                "ratio_to_oxigraph": round(ratio, 3) if ratio else None,
                "kinds": per_kind,
            }
        row[part] = summary
        if part == "mix, fresh":
            print("  p50 ms per kind  " + "  ".join(f"{s.name:>16}" for s in servers))
            for kind in times[part][servers[0].name]:
                cells = (
                    f"{1000 * percentile(times[part][s.name][kind], 0.5):16.2f}"
                    if times[part][s.name][kind]
                    else " " * 16
                    for s in servers
                )
                print(f"    {kind:14} " + "  ".join(cells))
    args.out.parent.mkdir(exist_ok=True)
    with args.out.open("a") as out:
        out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
