"""`kymgraph serve`: from files to an address in one command, and a clean end."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from kymgraph.cli.serve import bind
from tests.conftest import Kymgraph, MakeProject, clean_environment

COUNT = "/sparql?query=SELECT%20(COUNT(*)%20AS%20%3Fn)%20%7B%3Fs%20%3Fp%20%3Fo%7D"


@contextlib.contextmanager
def serving(folder: Path, *args: str, **settings: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "kymgraph", "serve", *args],
        cwd=folder,
        env=clean_environment()
        | {f"KYMGRAPH_{name.upper()}": str(value) for name, value in settings.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    too_late = threading.Timer(90, process.kill)
    too_late.start()
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address:
            raise AssertionError(process.communicate(timeout=30)[1])
        yield process, address
    finally:
        too_late.cancel()
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=30)


def count(address: str) -> int:
    request = urllib.request.Request(address + COUNT, headers={"accept": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(json.load(answer)["results"]["bindings"][0]["n"]["value"])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_serve_builds_answers_and_ends_cleanly(make_project: MakeProject, sign: signal.Signals) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1, 2 ."})

    with serving(project.folder, "--port", "0") as (process, address):
        assert count(address.rstrip("/")) == 2
        process.send_signal(sign)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 0
    assert out == ""
    assert "building it" in err
    assert "Traceback" not in err


def test_changed_files_are_built_again_and_a_served_store_stays(
    kymgraph: Kymgraph, make_project: MakeProject
) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1, 2 ."})
    assert kymgraph("build", cwd=project.folder).returncode == 0
    make_project({"data/a.ttl": "x:a x:p 1, 2, 3 ."})

    with serving(project.folder, "--port", "0") as (_, address):
        assert count(address.rstrip("/")) == 3
        refused = kymgraph("build", cwd=project.folder)

    assert refused.returncode == 3
    assert "is in use by process" in refused.stderr


def test_edited_files_are_merged_into_a_store_with_commits_and_conflicts_are_listed(
    kymgraph: Kymgraph, make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1 ; x:q 1 ."})
    assert kymgraph("build", cwd=project.folder).returncode == 0
    more = tmp_path / "more.ru"
    more.write_text("INSERT DATA { GRAPH <https://w3id.org/kymgraph/graph/a> { <x:b> <x:p> 1 } }")
    assert kymgraph("apply", more, "--reason", "lisäys", cwd=project.folder).returncode == 0
    make_project({"data/a.ttl": "x:a x:p 1 ; x:q 2 ."})

    with serving(project.folder, "--port", "0") as (_, address):
        assert count(address.rstrip("/")) == 3  # the commit's triple is still there
    more.write_text(
        "DELETE WHERE { GRAPH ?g { ?s <http://x.example/q> ?o } } ; "
        "PREFIX x: <http://x.example/> "
        "INSERT DATA { GRAPH <https://w3id.org/kymgraph/graph/a> { x:a x:q 7 } }"
    )
    assert kymgraph("apply", more, "--reason", "toinen", cwd=project.folder).returncode == 0
    make_project({"data/a.ttl": "x:a x:p 1 ; x:q 3 ."})
    refused = kymgraph("serve", "--port", "0", cwd=project.folder)

    assert refused.returncode == 5
    assert "x.example/q" in refused.stderr


def test_a_taken_port_is_status_2_before_anything_is_built(
    kymgraph: Kymgraph, make_project: MakeProject
) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1 ."})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = kymgraph("serve", "--port", str(port), cwd=project.folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot serve on 127.0.0.1:{port}" in done.stderr
    assert not (project.folder / ".kymgraph").exists()


def test_data_against_the_shapes_are_not_served(kymgraph: Kymgraph, make_project: MakeProject) -> None:
    project = make_project(
        {
            "data/a.ttl": "x:a x:p 1 .",
            "shapes/s.ttl": "@prefix sh: <http://www.w3.org/ns/shacl#> .\n"
            "x:S a sh:NodeShape ; sh:targetSubjectsOf x:p ; sh:property [ sh:path x:q ; sh:minCount 1 ] .",
        }
    )

    assert kymgraph("serve", "--port", "0", cwd=project.folder).returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel to end a process with its parent")
@pytest.mark.parametrize("fronts", [1, 2])
def test_a_server_killed_outright_leaves_nothing_on_its_port(make_project: MakeProject, fronts: int) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1 ."})

    with serving(project.folder, "--port", "0", front_workers=fronts) as (process, address):
        process.kill()
        process.wait(30)  # not for its output: what it left behind would hold that open

        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                count(address.rstrip("/"))
            except OSError:
                return
            time.sleep(0.2)
        raise AssertionError("it still answers")


def test_the_listening_socket_names_its_protocol() -> None:
    """asyncio sets TCP_NODELAY only on connections whose socket does; without it each answer waits 40 ms."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
