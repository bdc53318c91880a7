"""The pool: answers, datasets, errors, lanes, and what becomes of its processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kymgraph import errors, queries
from kymgraph.queries import Limits
from kymgraph.results import rows
from kymgraph.store import worker as worker_module
from kymgraph.store import workers
from kymgraph.store.workers import Job, WorkerPool, run_sync

ROOT = Path(__file__).parent.parent.parent
E = "PREFIX : <http://e/> "
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
G, H, NOWHERE = "http://e/g", "http://e/h", "http://e/nowhere"
NO_LIMITS = Limits(text_bytes=10**9, depth=10**9, operators=10**9)


def build(folder: Path, name: str, update: str, many: int = 0) -> Path:
    store = ox.Store(str(folder / f"live-{name}"))
    store.bulk_extend(
        ox.Quad(ox.NamedNode(f"http://e/s{i}"), ox.NamedNode("http://e/n"), ox.Literal(i))
        for i in range(many)
    )
    store.update(E + update)
    store.backup(str(folder / name))
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    build(
        folder,
        "1",
        "INSERT DATA { :a :p :b . :b :p :c . :c :p :d . "
        "GRAPH :g { :a :p :b . :b :p :c } GRAPH :h { :a :p :b . :c :p :d } }",
        many=3_000,
    )
    build(folder, "2", "INSERT DATA { :new :p :thing }")
    return folder


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Callable[[], tuple[int, Path]]:
    return lambda: (1, folder / "1")


def with_pool(checkpoint: Any, scene: Callable[[WorkerPool], Awaitable[None]], **options: Any) -> None:
    async def play() -> None:
        async with WorkerPool(checkpoint, **{"fast": 2, "spare": 1, **options}) as pool:
            await scene(pool)

    asyncio.run(play())


def ask(checkpoint: Any, job: Job, **options: Any) -> str:
    return run_sync(checkpoint, job, **options).read().decode()


def pids(pool: WorkerPool) -> set[int]:
    return {process.popen.pid for process in pool._processes}


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for it, however busy the machine is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def settled(pool: WorkerPool) -> None:
    """Nothing runs, and who was ended is gone and replaced."""
    await until(lambda: pool.stats()["processes"] == pool.stats()["idle"])
    assert pool.stats()["running"] == pool.stats()["running_slow"] == 0


def proc(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# --- answers ---


def test_each_form_in_each_format_is_the_engines_own_answer(checkpoint, folder):
    store = ox.Store.read_only(str(folder / "1"))
    jobs = [
        (E + "SELECT ?y { :a :p ?y }", ("json", "xml", "csv", "tsv")),
        (E + "ASK { :a :p :b }", ("json", "xml")),
    ]

    async def scene(pool: WorkerPool) -> None:
        for text, formats in jobs:
            for name in formats:
                answer = await pool.run(Job(text, name))
                fmt = ox.QueryResultsFormat.from_media_type(answer.media_type)
                assert answer.body == store.query(text).serialize(format=fmt)
                assert answer.generation == 1
                assert answer.size == len(answer.body or b"")

    with_pool(checkpoint, scene)


@pytest.mark.parametrize("name", ["ttl", "nt", "rdf", "jsonld", "nq", "trig"])
def test_a_graph_is_a_set_of_triples_in_every_format(checkpoint, name):
    template = "?x ex:q ?z . ?x ex:label 'ä <&>'@fi"
    text = f"PREFIX ex: <http://e/> CONSTRUCT {{ {template} }} WHERE {{ ?x ex:p ?y . ?z ex:p ?w }}"
    answer = run_sync(checkpoint, Job(text, name))

    fmt = ox.RdfFormat.from_media_type(answer.media_type)
    triples = [quad.triple for quad in ox.parse(answer.read(), fmt)]

    expected = ox.Store.read_only(str(checkpoint()[1])).query(text)
    assert set(triples) == set(expected)
    assert len(triples) == len(set(triples)) == answer.rows == 12


def test_the_same_graph_is_written_the_same_way_each_time_with_the_prefixes_it_uses(checkpoint):
    concept = "<http://www.w3.org/2004/02/skos/core#Concept>"
    text = f"PREFIX ex: <http://e/> CONSTRUCT {{ ?x ex:p ?y ; a {concept} }} WHERE {{ ?x ex:p ?y }}"

    async def scene(pool: WorkerPool) -> None:
        bodies = {(await pool.run(Job(text, "ttl"))).body for _ in range(6)}
        assert len(bodies) == 1
        lines = bodies.pop().decode().splitlines()
        assert lines[:2] == [
            "@prefix ex: <http://e/> .",
            "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .",
        ]
        assert not lines[2].startswith("@prefix")

    with_pool(checkpoint, scene)


def test_what_a_format_cannot_write_is_refused_not_written_wrongly(checkpoint):
    jobs = [
        Job("CONSTRUCT { <http://e/a> <http://e/1> 2 } WHERE {}", "rdf"),
        Job("CONSTRUCT { <http://e/a> <http://e/p> '\\u0001' } WHERE {}", "rdf"),
        Job("SELECT ('\\u0001' AS ?x) {}", "xml"),
        Job("ASK {}", "csv"),
        Job("SELECT * {}", "ttl"),
    ]

    async def scene(pool: WorkerPool) -> None:
        for job in jobs:
            with pytest.raises(errors.FormatNotAvailable):
                await pool.run(job)
        assert (await pool.run(Job("ASK {}", "json"))).body == b'{"head":{},"boolean":true}'
        assert pool.stats()["died"] == pool.stats()["killed"] == 0

    with_pool(checkpoint, scene)


def test_a_long_answer_is_in_a_file_that_goes_with_the_answer(checkpoint):
    async def scene(pool: WorkerPool) -> None:
        answer = await pool.run(Job("SELECT * { ?s ?p ?o . ?t <http://e/p> ?u }", "csv"))
        assert answer.body is None
        assert answer.file is not None
        assert answer.size == answer.file.stat().st_size > 100_000
        pieces = [piece async for piece in answer]
        assert b"".join(pieces) == answer.read() == answer.file.read_bytes()
        assert pieces[0].startswith(b"s,p,o,t,u\r\n") or b"," in pieces[0]
        assert answer.file.parent.stat().st_mode & 0o077 == 0
        answer.close()
        answer.close()
        assert not answer.file.exists()
        left = await pool.run(Job("SELECT * { ?s ?p ?o . ?t <http://e/p> ?u }", "csv"))
        path = left.file
        del left
        assert path is not None
        assert not path.exists()
        kept.append(await pool.run(Job("SELECT * { ?s ?p ?o . ?t <http://e/p> ?u }", "csv")))

    kept: list[workers.Answer] = []
    with_pool(checkpoint, scene, spool_bytes=100_000)
    assert kept[0].file is not None
    assert kept[0].file.exists()  # an answer outlives the pool
    spool = kept[0].file.parent
    kept[0].close()
    assert not spool.exists()


def test_parameters_are_bound(checkpoint):
    assert ask(checkpoint, Job(E + "SELECT ?x ?y { ?x :p ?y }", "csv", bindings={"x": "<http://e/a>"})) == (
        "x,y\r\nhttp://e/a,http://e/b\r\n"
    )


# --- datasets ---

COUNT = "SELECT (COUNT(*) AS ?n) {0} {{ ?s ?p ?o }}"
NAMES = (
    "SELECT (GROUP_CONCAT(STR(?g); separator=' ') AS ?n) {0} "
    "{{ SELECT DISTINCT ?g {{ GRAPH ?g {{ ?s ?p ?o }} }} ORDER BY ?g }}"
)
INSIDE = "SELECT (COUNT(*) AS ?n) {0} {{ GRAPH ?g {{ ?s ?p ?o }} }}"


@pytest.mark.parametrize(
    ("text", "default", "named", "expected"),
    [
        (COUNT.format(""), None, None, "3003"),
        (COUNT.format(f"FROM <{G}>"), None, None, "2"),
        (COUNT.format(f"FROM <{G}> FROM <{H}>"), None, None, "3"),  # :a :p :b stands in both and counts once
        (COUNT.format(f"FROM <{G}> FROM <{G}>"), None, None, "2"),
        (COUNT.format(f"FROM <{NOWHERE}>"), None, None, "0"),
        (COUNT.format(f"FROM NAMED <{G}>"), None, None, "0"),
        (COUNT.format(""), (G, H), None, "3"),
        (COUNT.format(""), (), (G,), "0"),
        (COUNT.format(""), None, (G,), "0"),
        (COUNT.format(f"FROM <{G}> FROM <{H}>"), (H,), None, "2"),  # the protocol goes before the text
        (NAMES.format(""), None, None, f"{G} {H}"),
        (NAMES.format(f"FROM <{G}>"), None, None, ""),
        (NAMES.format(f"FROM NAMED <{G}> FROM NAMED <{NOWHERE}>"), None, None, G),
        (NAMES.format(f"FROM NAMED <{G}>"), None, (H,), H),
        (NAMES.format(""), (G, H), (H,), H),
        (NAMES.format(f"FROM <{G}> FROM <{H}> FROM NAMED <{H}>"), None, None, H),
        (INSIDE.format(f"FROM <{G}> FROM <{H}> FROM NAMED <{H}>"), None, None, "2"),
    ],
)  # fmt: skip
def test_the_dataset_is_the_protocols_or_the_texts_or_the_stores(checkpoint, text, default, named, expected):
    job = Job(text, "json", default_graphs=default, named_graphs=named)
    answer = rows(run_sync(checkpoint, job).read())
    assert str(answer[0]["n"].value) == expected


def test_graphs_too_large_to_merge_are_refused(checkpoint, monkeypatch, tmp_path):
    # Workers read the limit from their own module, so this one runs from a changed copy of the file.
    changed = tmp_path / "worker.py"
    source = Path(worker_module.__file__).read_text()
    changed.write_text(source.replace("MERGED_QUADS = 200_000", "MERGED_QUADS = 3"))
    monkeypatch.setattr(worker_module, "__file__", str(changed))
    with pytest.raises(errors.MergeTooLarge, match="more than 3 quads"):
        ask(checkpoint, Job(COUNT.format(f"FROM <{G}> FROM <{H}>")))


def test_a_moved_generation_is_read_by_the_next_query(folder):
    current = [(1, folder / "1")]

    async def scene(pool: WorkerPool) -> None:
        text = E + "ASK { :new :p :thing }"
        before = pids(pool)
        for number, found in ((1, False), (2, True), (1, False), (2, True)):
            current[0] = (number, folder / str(number))
            answers = await asyncio.gather(*(pool.run(Job(text)) for _ in range(6)))
            assert {answer.generation for answer in answers} == {number}
            assert {json.loads(answer.body)["boolean"] for answer in answers} == {found}
        current[0] = (3, folder / "3")
        with pytest.raises(errors.StoreBroken):
            await pool.run(Job(text))
        current[0] = (2, folder / "2")
        assert json.loads((await pool.run(Job(text))).body or b"")["boolean"]
        assert pids(pool) == before

    with_pool(lambda: current[0], scene)


def test_two_hundred_generations_leave_no_memory_behind(folder):
    current = [(1, folder / "1")]

    def resident() -> float:
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in known)
        return pages * 4096 / 1e6

    known: set[int] = set()

    async def scene(pool: WorkerPool) -> None:
        async def rounds(count: int) -> None:
            for i in range(count):
                current[0] = (i, folder / str(i % 2 + 1))
                await pool.run(Job("ASK { ?s ?p ?o }"))

        await rounds(40)
        known.update(pids(pool))
        before = resident()
        await rounds(200)
        assert pids(pool) == known
        assert resident() < before + 20

    with_pool(lambda: current[0], scene, fast=1, spare=0)


# --- what is refused ---


@pytest.mark.parametrize(
    ("job", "error", "words"),
    [
        (Job("SELECT * { ?s ?p ?o ?x ?y }"), errors.QuerySyntaxError, "line 1, column"),
        (Job("SELECT * { ?s nix:p ?o }"), errors.QuerySyntaxError, "unknown prefix nix:"),
        (Job("SELECT (<http://e/f>(1) AS ?x) {}"), errors.QuerySyntaxError, "there is no function"),
        (Job("DELETE WHERE { ?s ?p ?o }"), errors.UpdateNotAllowed, "nothing was changed"),
        (Job("ASK { SERVICE <http://e/> {} }"), errors.ServiceNotAllowed, "nothing was run"),
        (Job("ASK {}", base="no iri"), errors.QuerySyntaxError, "base IRI"),
        (Job("ASK {}", default_graphs=("no iri", "x")), errors.QuerySyntaxError, "IRI"),
    ],
)
def test_errors_say_what_was_wrong(checkpoint, job, error, words):
    with pytest.raises(error, match=words):
        ask(checkpoint, job, fast=1)


def test_a_query_too_slow_is_ended_at_its_deadline(checkpoint):
    async def scene(pool: WorkerPool) -> None:
        began = time.perf_counter()
        running = asyncio.ensure_future(pool.run(Job(ENDLESS), deadline=2))
        await until(lambda: pool.stats()["running_slow"] == 1)
        (slow,) = [p for p in pool._processes if p.task is not None]
        assert os.getpriority(os.PRIO_PROCESS, slow.popen.pid) == 19
        with pytest.raises(errors.QueryTimeout, match="after 2 s"):
            await running
        assert 1.95 < time.perf_counter() - began < 3
        await until(lambda: is_gone(slow.popen.pid), seconds=1)
        assert (await pool.run(Job("ASK {}"))).body

    with_pool(checkpoint, scene)


def test_a_query_that_takes_too_much_memory_ends_alone_and_is_refused_for_an_hour(checkpoint):
    hungry = "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY ?c ?f"

    async def scene(pool: WorkerPool) -> None:
        with pytest.raises(errors.QueryMemory, match="800 MB"):
            await pool.run(Job(hungry))
        with pytest.raises(errors.QueryRefused, match="refused for 60 more minutes"):
            await pool.run(Job(hungry))
        assert (await pool.run(Job("ASK {}"))).body
        pool._refused = type(pool._refused)((key, at - 3601) for key, at in pool._refused.items())
        with pytest.raises(errors.QueryMemory):
            await pool.run(Job(hungry))

    with_pool(checkpoint, scene, memory_mb=800, stack_mb=64, deadline=30)


def test_a_text_that_overflows_the_stack_ends_its_worker_alone(checkpoint):
    deep = "SELECT (" + "CONCAT(" * 60_000 + "'x'" + ")" * 60_000 + " AS ?x) {}"

    async def scene(pool: WorkerPool) -> None:
        with pytest.raises(errors.QueryRefused, match="ended its worker"):
            await pool.run(Job(deep))
        assert pool.stats()["died"] == 1
        assert (await pool.run(Job("ASK {}"))).body

    with_pool(checkpoint, scene, limits=NO_LIMITS, stack_mb=16)


def test_one_long_query_per_client_and_as_many_as_the_slow_lane_holds(checkpoint):
    async def scene(pool: WorkerPool) -> None:
        def long(client: str, number: int) -> asyncio.Task[Any]:
            text = f"{ENDLESS} # {number} of {client}"
            return asyncio.ensure_future(pool.run(Job(text), client=client, deadline=30))

        first = long("a", 1)
        await until(lambda: pool.stats()["running_slow"] == 1)
        with pytest.raises(errors.TooManyRequests) as refused:
            await long("a", 2)
        assert refused.value.retry_after >= 1
        other = long("b", 1)
        await until(lambda: pool.stats()["running_slow"] == 2)
        with pytest.raises(errors.Busy, match="too many long queries"):
            await long("c", 1)
        assert (await pool.run(Job("ASK {}"), client="a")).body  # short ones are always welcome
        first.cancel()
        other.cancel()
        await asyncio.gather(first, other, return_exceptions=True)
        assert pool.stats()["running_slow"] == 0
        assert not pool._slow_clients

    with_pool(checkpoint, scene, slow=2)


def test_waiting_clients_are_served_in_turn(checkpoint):
    async def scene(pool: WorkerPool) -> None:
        done: list[str] = []

        async def one(client: str) -> None:
            await pool.run(
                Job(f"SELECT (COUNT(*) AS ?n) {{ ?s ?p ?o FILTER(?o != '{client}') }}"), client=client
            )
            done.append(client)

        crowd = [asyncio.ensure_future(one("crowd")) for _ in range(20)]
        single = asyncio.ensure_future(one("single"))
        await asyncio.gather(*crowd, single)
        assert done.index("single") < 5

    with_pool(checkpoint, scene, fast=1)


def test_a_full_queue_and_a_long_wait_are_busy(checkpoint):
    async def scene(pool: WorkerPool) -> None:
        await settled(pool)
        long = [asyncio.ensure_future(pool.run(Job(f"{ENDLESS} #{i}"), deadline=2)) for i in range(2)]
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(pool.run(Job("ASK {}"), deadline=0.1))
        await asyncio.sleep(0)
        with pytest.raises(errors.Busy, match="are waiting already"):
            await pool.run(Job("ASK {}"))
        with pytest.raises(errors.Busy, match=r"no worker came free in 0\.1 s"):
            await waiting
        assert pool.stats()["waiting"] == 1  # the second long one
        await asyncio.gather(*long, return_exceptions=True)

    with_pool(checkpoint, scene, fast=1, waiting=2)


def test_a_text_that_must_be_ended_again_and_again_is_put_off(checkpoint):
    async def scene(pool: WorkerPool) -> None:
        for _ in range(5):
            await settled(pool)
            with pytest.raises(errors.QueryTimeout):
                await pool.run(Job(ENDLESS), deadline=0.1)
        with pytest.raises(errors.TooManyRequests, match="5 times within a minute") as refused:
            await pool.run(Job(ENDLESS))
        assert 50 < refused.value.retry_after <= 60

    with_pool(checkpoint, scene)


def test_a_caller_that_goes_away_takes_its_long_query_along(checkpoint):
    async def scene(pool: WorkerPool) -> None:
        running = asyncio.ensure_future(pool.run(Job(ENDLESS)))
        await until(lambda: pool.stats()["running_slow"] == 1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert pool.stats()["running_slow"] == 0
        early = asyncio.ensure_future(pool.run(Job(ENDLESS + " # early")))
        await asyncio.sleep(0.02)
        early.cancel()
        await until(lambda: pool.stats()["killed"] == 2)  # ended when it would have been promoted
        await settled(pool)

    with_pool(checkpoint, scene)


# --- processes ---


def test_no_process_and_no_open_file_is_left_behind(checkpoint):
    known: set[int] = set()

    async def scene(pool: WorkerPool) -> None:
        known.update(pids(pool))
        await asyncio.gather(*(pool.run(Job(f"ASK {{ ?s ?p {i} }}")) for i in range(50)))
        with pytest.raises(errors.QueryTimeout):
            await pool.run(Job(ENDLESS), deadline=0.3)
        known.update(pids(pool))

    before = len(list(Path("/proc/self/fd").iterdir()))
    with_pool(checkpoint, scene)
    assert all(is_gone(pid) for pid in known)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_worker_killed_while_idle_is_replaced_and_nobody_is_blamed(checkpoint):
    async def scene(pool: WorkerPool) -> None:
        await settled(pool)
        for pid in pids(pool):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)  # noqa: ASYNC251 - no turn of the loop, so the pool does not know yet
        assert (await pool.run(Job("ASK {}"))).body
        assert pool.stats()["refused_texts"] == 0

    with_pool(checkpoint, scene)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_workers_end_with_their_server_even_in_the_middle_of_a_query(checkpoint, how):
    if how == signal.SIGSTOP and os.environ.get("KYMGRAPH_TEST", "quick") == "quick":
        pytest.skip("takes as long as a deadline: runs as ci and night")
    script = f"""
        import asyncio, sys
        sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        from kymgraph.store.workers import Job, WorkerPool
        async def main():
            pool = WorkerPool(lambda: (1, Path({str(checkpoint()[1])!r})), fast=1, spare=1)
            await pool.start()
            asyncio.ensure_future(pool.run(Job({ENDLESS!r}), deadline=1.5))
            await asyncio.sleep(0.5)
            print(*[p.popen.pid for p in pool._processes if p.task or {how == signal.SIGKILL}], flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """
    server = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    known = [int(pid) for pid in server.stdout.readline().split()]
    assert known
    os.kill(server.pid, how)
    until = time.monotonic() + (2 if how == signal.SIGKILL else 8)
    # A stopped server cannot collect its children, so they stay as zombies, which hold nothing.
    while not all(is_gone(pid) or b") Z " in proc(pid, "stat") for pid in known) and time.monotonic() < until:
        time.sleep(0.02)
    ended = all(is_gone(pid) or b") Z " in proc(pid, "stat") for pid in known)
    server.kill()
    server.wait()
    server.stdout.close()
    assert ended


def test_a_worker_sees_nothing_of_our_environment(checkpoint, monkeypatch):
    monkeypatch.setenv("KYMGRAPH_TEST_SECRET", "s3cret")

    async def scene(pool: WorkerPool) -> None:
        await settled(pool)
        for pid in pids(pool):
            assert b"s3cret" not in proc(pid, "environ")

    with_pool(checkpoint, scene)


def test_a_store_that_is_not_there_is_said_at_the_start(tmp_path):
    async def start() -> None:
        await WorkerPool(lambda: (1, tmp_path / "none")).start()

    with pytest.raises(errors.StoreBroken, match="could not be read"):
        asyncio.run(start())


# --- no network ---


class Listener:
    """Counts who connects to a port of 127.0.0.1."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()


@pytest.fixture
def listener():
    listener = Listener()
    yield listener
    listener.socket.close()


@pytest.fixture
def service_passes(monkeypatch):
    """As if the tokenizer had overlooked a SERVICE: what then is left is the worker's own sandbox."""
    real = queries.inspect
    monkeypatch.setattr(workers, "inspect", lambda text, **options: real(text, allow_service=True, **options))


CALLS = [
    "SERVICE <http://127.0.0.1:{0}/x> {{ ?s ?p ?o }}",
    "SERVICE SILENT <http://127.0.0.1:{0}/> {{ ?s ?p ?o }}",
]


@pytest.mark.parametrize("call", CALLS)
def test_no_connection_leaves_a_worker_even_if_service_reached_it(checkpoint, listener, service_passes, call):
    text = "SELECT * { " + call.format(listener.port) + " }"
    if "SILENT" in call:
        assert json.loads(ask(checkpoint, Job(text)))["results"]["bindings"] == [{}]
    else:
        with pytest.raises(errors.KymgraphError, match="ermi"):
            ask(checkpoint, Job(text))
    time.sleep(0.1)
    assert listener.connections == 0


def unfiltered(tmp_path: Path) -> str:
    """A copy of the worker that does not install its filter."""
    source = Path(worker_module.__file__).read_text()
    changed = source.replace("        no_network()  #", "        pass  #")
    assert changed != source
    (tmp_path / "worker.py").write_text(changed)
    return str(tmp_path / "worker.py")


def test_the_listener_would_hear_a_worker_without_the_filter(
    checkpoint, listener, service_passes, monkeypatch, tmp_path
):
    monkeypatch.setattr(worker_module, "__file__", unfiltered(tmp_path))
    text = "SELECT * { " + CALLS[1].format(listener.port) + " }"
    ask(checkpoint, Job(text), sandbox="token-check")
    time.sleep(0.1)
    assert listener.connections > 0


def test_a_worker_without_a_sandbox_does_not_start_unless_the_operator_says_so(
    checkpoint, monkeypatch, tmp_path
):
    monkeypatch.setattr(worker_module, "__file__", unfiltered(tmp_path))

    async def start() -> None:
        await WorkerPool(checkpoint).start()

    with pytest.raises(errors.SandboxMissing, match="seccomp"):
        asyncio.run(start())

    async def scene(pool: WorkerPool) -> None:
        assert (await pool.run(Job("ASK {}"))).body
        assert pool.stats()["sandbox"] == "token-check"

    with_pool(checkpoint, scene, sandbox="token-check")


def test_the_sandbox_is_proven_not_assumed(checkpoint):
    async def scene(pool: WorkerPool) -> None:
        await settled(pool)
        assert pool.stats()["sandbox"] == "seccomp"
        for pid in pids(pool):
            status = proc(pid, "status")
            assert b"Seccomp:\t2" in status
            assert b"NoNewPrivs:\t1" in status

    with_pool(checkpoint, scene)


# --- payloads ---


def test_a_payload_comes_back_as_the_store_would_keep_it(checkpoint):
    data = b'@prefix : <http://e/> . :b :n 007, "1"^^<http://www.w3.org/2001/XMLSchema#int> . :a :t "x"@FI .'
    answer = run_sync(checkpoint, Job(kind="parse", format="text/turtle", payload=data))
    assert answer.media_type == "application/n-quads"
    integer = "http://www.w3.org/2001/XMLSchema#integer"
    assert answer.read().decode().splitlines() == [
        '<http://e/a> <http://e/t> "x"@fi .',
        f'<http://e/b> <http://e/n> "1"^^<{integer}> .',
        f'<http://e/b> <http://e/n> "7"^^<{integer}> .',
    ]


def test_a_bad_payload_is_told_where(checkpoint):
    with pytest.raises(errors.RdfSyntaxError) as caught:
        run_sync(
            checkpoint,
            Job(kind="parse", format="text/turtle", payload=b"<http://e/a>\n  x:b 1 .", name="a.ttl"),
        )
    assert (caught.value.name, caught.value.line) == ("a.ttl", 2)


def test_an_entity_bomb_is_refused_before_it_is_parsed(checkpoint):
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {x} "&{y};&{y};&{y};&{y};&{y};&{y};&{y};&{y};&{y};&{y};">'
        for x, y in zip("bcdefghij", "abcdefghi", strict=True)
    )
    data = (
        bomb + ']><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
        '<rdf:Description rdf:about="http://e/a"><e:p>&j;</e:p></rdf:Description></rdf:RDF>'
    ).encode()

    async def scene(pool: WorkerPool) -> None:
        with pytest.raises(errors.UnsafePayload):
            await pool.run(Job(kind="parse", format="application/rdf+xml", payload=data))
        assert pool.stats()["died"] == 0

    with_pool(checkpoint, scene)
