"""Ten hostile queries at once over HTTP: the eleventh caller is answered, and nothing of them is left."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kymgraph import files
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore

from ..conftest import clean_environment
from ..store.test_runaway import DEADLINE, HOSTILE, ROUNDS, SIZE, SUBJECTS, cpu_seconds, resident_mb

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads processes from /proc"),
    pytest.mark.skipif(SIZE == "quick", reason="ten hostile queries over HTTP: KYMGRAPH_TEST=ci or night"),
]

#: So that no look-up is answered from the cache.
_NUMBERS = itertools.count()
SPARQL = {"content-type": "application/sparql-query", "accept": "application/sparql-results+json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The address and the process of `kymgraph serve` with a short time-out and no rate limit."""
    folder = tmp_path_factory.mktemp("runaway")
    (folder / "data").mkdir()
    (folder / "kymgraph.toml").write_text('base_iri = "http://e.example/"\n', "utf-8")
    (folder / "data" / "all.nt").write_text(
        "".join(
            f"<http://e.example/id/s{i}> <http://e.example/{p}> {o} .\n"
            for i in range(SUBJECTS)
            for p, o in (
                ("a", f"<http://e.example/id/s{i * 7 % SUBJECTS}>"),
                ("b", f'"name {i}"'),
                ("c", f'"{i}"'),
            )
        ),
        "utf-8",
    )
    project = Project.load(folder)
    read = files.read(project)
    EmbeddedStore(folder / "store").build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests
    )
    settings = {"KYMGRAPH_QUERY_TIMEOUT": str(DEADLINE), "KYMGRAPH_RATE_LIMIT": "0"}
    settings |= {"KYMGRAPH_SEARCH_WARM": "false", "KYMGRAPH_DUMPS_AHEAD": "false"}  # processes of their own
    command = [sys.executable, "-m", "kymgraph", "serve", "--port", "0"]
    command += ["--project", str(folder), "--store", str(folder / "store")]
    with subprocess.Popen(
        command,
        env=clean_environment() | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip() + "sparql", process.pid
        finally:
            process.terminate()


def family(pid: int) -> set[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return set(found)


def is_worker(pid: int) -> bool:
    return b"worker.py" in Path(f"/proc/{pid}/cmdline").read_bytes()


async def look_ups(url: str, until: asyncio.Event) -> int:
    """Small queries from another address, never the same again; each is answered, and rightly."""
    elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    answered = 0
    async with httpx.AsyncClient(transport=elsewhere, timeout=60) as http:
        while not until.is_set():
            number = next(_NUMBERS) % SUBJECTS
            subject = f"<http://e.example/id/s{number}>"
            query = f"SELECT ?o {{ {subject} <http://e.example/b> ?o }}"
            answer = await http.post(url, content=query, headers=SPARQL)
            assert answer.status_code == 200, answer.text
            values = [row["o"]["value"] for row in answer.json()["results"]["bindings"]]
            assert values == [f"name {number}"]
            answered += 1
            await asyncio.sleep(0.01)
    return answered


async def attack(url: str, name: str, text: str) -> tuple[str, float, httpx.Response]:
    async with httpx.AsyncClient(timeout=60) as http:
        began = time.perf_counter()
        answer = await http.post(url, content=text, headers=SPARQL)
        return name, time.perf_counter() - began, answer


def test_look_ups_are_answered_while_ten_hostile_queries_run(server: tuple[str, int]) -> None:
    url, pid = server

    async def scene() -> None:
        warm = asyncio.Event()
        asyncio.get_running_loop().call_later(1, warm.set)
        await look_ups(url, warm)
        before = resident_mb(family(pid))
        for round_ in range(ROUNDS):
            over = asyncio.Event()
            reader = asyncio.ensure_future(look_ups(url, over))
            # The comment keeps a text that was refused in one round apart from that of the next.
            ended = await asyncio.gather(
                *(attack(url, name, f"{text} # {round_}" + " ." * round_) for name, text in HOSTILE.items())
            )
            over.set()
            assert await reader > 5
            for name, seconds, answer in ended:
                assert 400 <= answer.status_code < 600, (name, answer.status_code)
                assert answer.headers["content-type"] == "application/problem+json", name
                assert answer.json()["code"], name
                assert seconds < DEADLINE + 1, (name, seconds)

            await asyncio.sleep(1)
            now = family(pid)
            workers = {one for one in now if is_worker(one)}
            assert workers
            spent = cpu_seconds(workers)
            await asyncio.sleep(1)
            assert family(pid) == now, "processes come and go although nothing is asked"
            assert cpu_seconds(workers) == spent, "a hostile query is still on the CPU"
            assert resident_mb(now) < before + 100

    asyncio.run(scene())
