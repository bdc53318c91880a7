"""The writer process: commands write with a server running and without, and nothing is lost in between."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kymgraph import files, writer
from kymgraph.access import FILE, Access
from kymgraph.changeset import Changeset
from kymgraph.commit import Outcome, Request
from kymgraph.errors import BaseMoved, GateRejected, StoreMissing
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, NamedNode, Quad, parse
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import Kymgraph, MakeProject, Serve
from tests.needs import size

SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
x:Named a sh:NodeShape ; sh:targetClass x:Thing ; sh:property x:hasName .
x:hasName a sh:PropertyShape ; sh:path rdfs:label ; sh:minCount 1 ; sh:message "give it a name"@en .
"""
A = NamedNode("https://w3id.org/kymgraph/graph/a")


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    made = make_project({"data/a.ttl": "x:n x:is 0 .", "shapes/thing.ttl": SHAPES})
    store = EmbeddedStore(made.store_folder)
    read = files.read(made)
    store.build(read.quads(), project=made, graphs=read.graphs, files=read.digests)
    return made


@pytest.fixture
def store(project: Project) -> EmbeddedStore:
    return EmbeddedStore(project.store_folder)


@pytest.fixture
def running(project: Project, store: EmbeddedStore) -> Iterator[writer.Supervisor]:
    supervisor = writer.Supervisor(project.folder, store.folder)
    supervisor.start()
    until = time.monotonic() + 30
    while not (store.folder / writer.SOCKET).exists():
        assert time.monotonic() < until, "the writer did not start"
        time.sleep(0.02)
    yield supervisor
    supervisor.stop()


def quads(turtle: str) -> frozenset[Quad]:
    prefixes = b"@prefix x: <http://x.example/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
    return frozenset(parse(prefixes + turtle.encode(), FORMATS["ttl"], graph=A))


def add(turtle: str) -> Request:
    return Request(Changeset(1, added=quads(turtle)))


def counter(store: EmbeddedStore) -> int:
    [row] = store.view().select("SELECT ?n { <http://x.example/n> <http://x.example/is> ?n }")
    return int(row["n"].value)


def increment(project: Project, store: EmbeddedStore, *, taking: float = 0.0, tries: int = 10_000) -> int:
    """One compare-and-swap, tried until it is won, each time in so many seconds; how often it was tried."""
    with writer.Turn(project, store, patience=60) as turn:
        for attempt in range(1, tries + 1):
            generation = store.generation
            was = counter(store)
            time.sleep(taking)
            change = Changeset(
                generation,
                removed=quads(f"x:n x:is {was} ."),
                added=quads(f"x:n x:is {was + 1} ."),
                guard="generation",
            )
            with contextlib.suppress(BaseMoved):
                turn.commit(Request(change))
                return attempt
    raise AssertionError(f"somebody else was quicker {tries} times")


def test_a_process_without_a_server_takes_the_lock_and_lets_it_go(project, store):
    outcome = writer.commit(project, store, add("x:s x:p 1 ."))

    assert (outcome.status, store.generation) == ("committed", 2)
    assert not (store.folder / writer.SOCKET).exists()
    assert writer.commit(project, store, add("x:s x:p 2 .")).generation == 3


def test_with_a_writer_running_the_same_call_goes_through_it(running, project, store):
    outcome = writer.commit(project, store, add("x:s x:p 1 ."))

    assert (outcome.status, store.generation) == ("committed", 2)
    assert outcome.change.added == quads("x:s x:p 1 .")
    with pytest.raises(GateRejected) as refused:
        writer.commit(project, store, add("x:s a x:Thing ."))
    assert "give it a name" in refused.value.report.to_text("en")
    assert store.generation == 2


def test_the_socket_is_for_its_owner_alone(running, store):
    assert (store.folder / writer.SOCKET).stat().st_mode & 0o777 == 0o600


def test_a_writer_that_was_killed_is_started_again_and_callers_do_not_notice(running, project, store):
    writer.commit(project, store, add("x:s x:p 1 ."))
    assert running._popen is not None
    running._popen.kill()

    outcome = writer.send(store.folder, add("x:s x:p 2 ."), tries=30)

    assert outcome.generation == 3


def test_a_change_sent_twice_under_one_id_is_one_commit(running, project, store):
    request = add("x:s x:p 1 .")

    first = writer.commit(project, store, request)
    second = writer.commit(project, store, request)

    assert (first.status, second.status) == ("committed", "repeated")
    assert first.generation == second.generation == store.generation == 2


def test_a_store_that_is_not_there_is_named(project, tmp_path):
    with pytest.raises(StoreMissing):
        writer.commit(project, EmbeddedStore(tmp_path / "none"), add("x:s x:p 1 ."))


def test_changes_that_wait_together_share_a_checkpoint(running, project, store):
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda n=n: outcomes.append(writer.send(store.folder, add(f"x:s x:p {n} ."))))
        for n in range(24)
    ]
    writer.commit(project, store, add("x:warm x:up 1 ."))

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(o.generation for o in outcomes) == list(range(3, 27))
    published = len([g for g in store.generations() if g > 2])
    assert published < 24


@pytest.mark.parametrize("serving", [True, False], ids=["through-the-writer", "with-the-lock"])
def test_who_takes_long_to_make_a_change_has_a_turn_among_the_quick(serving, request, project, store):
    if serving:
        request.getfixturevalue("running")
    ended = threading.Event()
    quick: list[int] = []

    def hurry() -> None:
        while not ended.is_set():
            quick.append(increment(project, store))

    threads = [threading.Thread(target=hurry) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        # Among the quick alone, no attempt that takes 0.4 s would ever meet the generation it was made for.
        slow = [increment(project, store, taking=0.4, tries=5) for _ in range(3)]
    finally:
        ended.set()
        for thread in threads:
            thread.join()

    assert len(quick) > 3
    assert counter(store) == len(quick) + len(slow)


def test_a_turn_that_is_not_used_holds_up_nobody_for_long(running, project, store):
    late = Request(Changeset(1, added=quads("x:late x:is 1 ."), guard="generation"))
    writer.commit(project, store, add("x:s x:p 1 ."))
    with writer.Caller(store.folder) as caller:
        for _ in range(3):
            with pytest.raises(BaseMoved):
                caller.send(late)
    began = time.monotonic()
    writer.commit(project, store, add("x:s x:p 2 ."))
    let_go = time.monotonic() - began

    with writer.Caller(store.folder) as caller:
        for _ in range(3):
            with pytest.raises(BaseMoved):
                caller.send(late)
        began = time.monotonic()
        assert writer.commit(project, store, add("x:s x:p 3 .")).status == "committed"
        assert let_go < time.monotonic() - began  # that one ended with the connection, this one ran out
        now = Request(Changeset(store.generation, added=quads("x:late x:is 2 ."), guard="generation"))
        assert caller.send(now).status == "committed"


def test_no_increment_is_lost_between_processes_with_and_without_a_server(project, store, running):
    each = size(quick=5, ci=5, night=100)
    script = (
        "import sys; from pathlib import Path; from kymgraph.project import Project\n"
        "from kymgraph.store.embedded import EmbeddedStore; from tests.test_writer import increment\n"
        "project = Project.load(Path(sys.argv[1])); store = EmbeddedStore(project.store_folder)\n"
        "for _ in range(int(sys.argv[2])): increment(project, store)\n"
    )
    root = Path(__file__).parent.parent
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(project.folder), str(each)],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        for _ in range(4)
    ]
    time.sleep(1.5)
    running.stop()  # from here on they take the lock in turn

    assert [process.wait(timeout=600) for process in processes] == [0, 0, 0, 0]
    assert counter(store) == 4 * each
    assert store.generation == 1 + 4 * each


def test_ctrl_c_between_commits_leaves_a_store_that_opens(project, store):
    running = subprocess.Popen(
        [sys.executable, "-m", "kymgraph.writer", str(project.folder), str(store.folder), "5", "10"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    writer.send(store.folder, add("x:s x:p 1 ."), tries=30)
    running.send_signal(signal.SIGINT)

    assert running.wait(20) == 0
    assert writer.commit(project, store, add("x:s x:p 2 .")).generation == 3


def test_commands_write_with_a_server_running_and_without(
    project: Project, store: EmbeddedStore, kymgraph: Kymgraph, tmp_path: Path
):
    file = tmp_path / "more.ttl"
    file.write_text("@prefix x: <http://x.example/> .\nx:m x:p 1 .\n")
    apply = ("apply", file, "--graph", "a", "--reason", "lisää", "--format", "json")

    def committed(*command: object) -> int:
        done = kymgraph(*map(str, command), cwd=project.folder)
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["generation"])

    assert committed(*apply) == 2
    assert committed("revert", 2, "--reason", "pois", "--format", "json") == 3
    supervisor = writer.Supervisor(project.folder, store.folder)
    supervisor.start()
    try:
        assert committed(*apply) == 4
        assert committed("revert", 4, "--reason", "pois", "--format", "json") == 5
    finally:
        supervisor.stop()


INCREMENT = """PREFIX x: <http://x.example/>
DELETE { GRAPH ?g { x:n x:is ?n } } INSERT { GRAPH ?g { x:n x:is ?m } }
WHERE { GRAPH ?g { x:n x:is ?n } BIND (?n + 1 AS ?m) }"""


def test_four_writers_two_over_http_and_two_by_command_lose_no_increment(
    project: Project,
    store: EmbeddedStore,
    serve_writable: Serve,
    kymgraph: Kymgraph,
    tmp_path: Path,
    record_property,
):
    http_each = size(quick=10, ci=60, night=2300)
    command_each = size(quick=2, ci=6, night=200)
    url = serve_writable(project.folder, store.folder)
    with Access(store.folder / FILE) as access:
        token, _ = access.create_token("writer", "publisher", expires=None)
    file = tmp_path / "increment.ru"
    file.write_text(INCREMENT)
    faults: list[str] = []

    def over_http() -> None:
        with httpx.Client(
            headers={"Authorization": f"Bearer {token}"}, timeout=120, trust_env=False
        ) as client:
            for _ in range(http_each):
                answer = client.post(url + "/sparql", data={"update": INCREMENT})
                if answer.status_code != 200:
                    faults.append(answer.text)

    def by_command() -> None:
        for _ in range(command_each):
            done = kymgraph("apply", file, "--reason", "laske", cwd=project.folder)
            if done.returncode:
                faults.append(done.stderr)

    threads = [threading.Thread(target=run) for run in (over_http, over_http, by_command, by_command)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    record_property("increments", counter(store))
    assert faults == []
    assert counter(store) == 2 * http_each + 2 * command_each
    assert store.generation == 1 + counter(store)
