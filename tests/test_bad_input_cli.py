"""A clumsy steward's day at the command line: a refusal says why and how to go on, and writes nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kymgraph.store.embedded import EmbeddedStore
from tests.api.test_bad_input import BOUND, State, linux, make, slow, state_of
from tests.conftest import PREFIXES, Kymgraph, Serve, clean_environment
from tests.needs import need, size

NOBODY = 65534


class Place:
    """A project with its store, and the command line in it."""

    def __init__(self, folder: Path, kymgraph: Kymgraph) -> None:
        self.folder, self.kymgraph = folder, kymgraph
        self.store = make(folder, store=".kymgraph")
        self.good = self.file("good.ttl", PREFIXES + "x:good x:p 1 .")

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def run(self, *words: object, input: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.kymgraph(*map(str, words), cwd=self.folder, input=input)

    def apply(self, file: object, *words: object, graph: str = "a") -> subprocess.CompletedProcess[str]:
        return self.run("apply", file, "--graph", graph, "--reason", "koe", *words)

    def started(self, *words: object, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "kymgraph", *map(str, words)],
            cwd=self.folder,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,
        )

    def state(self) -> State:
        return state_of(self.store)

    @contextlib.contextmanager
    def untouched(self) -> Iterator[None]:
        before, began = self.state(), time.monotonic()
        yield
        assert self.state() == before
        assert time.monotonic() - began < BOUND

    def goes_on(self) -> None:
        """The next change is taken as if nothing had been."""
        done = self.apply(self.file("next.ttl", PREFIXES + f"x:next x:p {random.randrange(10**9)} ."))
        assert done.returncode == 0, done.stderr
        assert self.run("doctor").returncode == 0


@pytest.fixture
def place(tmp_path: Path, kymgraph: Kymgraph) -> Place:
    return Place(tmp_path, kymgraph)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The same for refusals alone, which leave it as it is."""
    from tests.conftest import kymgraph as fixture

    return Place(tmp_path_factory.mktemp("lasting"), fixture.__wrapped__())  # type: ignore[attr-defined]


def says(done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    """See that a command ended so, in words for people, on standard error alone."""
    assert done.returncode == status, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    said = " ".join(done.stderr.split())
    for word in words:
        assert word in said, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("apply", "good.ttl", "--graph", "a", "--reason", "x"),
        ("check", "good.ttl", "--graph", "a"),
        ("revert", "2", "--reason", "x"),
        ("log",),
        ("show", "2"),
        ("diff", "1", "2"),
        ("import",),
    ],
)
def test_without_a_store_every_command_says_how_to_make_one(
    tmp_path: Path, kymgraph: Kymgraph, words: tuple[str, ...]
) -> None:
    (tmp_path / "kymgraph.toml").write_text("")
    (tmp_path / "good.ttl").write_text(PREFIXES + "x:a x:p 1 .")

    says(kymgraph(*words, cwd=tmp_path), 3, "there is no store", "kymgraph build")

    assert not (tmp_path / ".kymgraph").exists()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("missing.ttl", "--graph", "a"), 2, "missing.ttl does not exist"),
        ((".", "--graph", "a"), 2, "is a folder"),
        (("-", "--graph", "a"), 2, "--as TYPE"),
        (("-", "--as", "docx"), 2, "'docx' is no type of file"),
        (("letter.docx", "--graph", "a"), 2, "--as TYPE"),
        (("nosuffix", "--graph", "a"), 2, "--as TYPE"),
        (("good.ttl",), 2, "--graph NAME"),
        (("good.ttl", "--graph", "../ledger"), 2, "neither the name of a graph nor a full IRI"),
        (("good.ttl", "--graph", "ledger"), 6, "is made by other means"),
        (("good.ttl", "--graph", "a", "--format", "yaml"), 2, "'yaml'"),
        (("good.ttl", "--graph", "a", "--agent", "minä"), 2, "is not an IRI"),
        (("good.ttl", "--graph", "a", "--id", "eka"), 2, "is not an IRI"),
        (("bad.ttl", "--graph", "a"), 2, "bad.ttl:3:9"),
        (("bad.trig",), 2, "bad.trig:1"),
        (("bad.nt", "--graph", "a"), 2, "bad.nt:1:12"),
        (("bad.nq",), 2, "bad.nq:1:12"),
        (("bad.jsonld", "--graph", "a"), 2, "bad.jsonld:1:8"),
        (("bad.rdf", "--graph", "a"), 2, "bad.rdf:1"),
        (("bad.ru",), 2, "line 1, column 13"),
        (("latin.ru",), 2, "UTF-8"),
        (("bad.rdfp",), 2, "bad.rdfp:1"),
        (("bad.csv", "--graph", "a"), 2, "A1"),
        (("bad.xlsx", "--graph", "a"), 2, "bad.xlsx"),
        (("bad.ttl.gz", "--graph", "a"), 2, "could not be unpacked"),
        (("control.ttl", "--graph", "a"), 2, "control character"),
        (("bomb.rdf", "--graph", "a"), 2, "DTD"),
        (("default.ru",), 2, "default graph"),
        (("nameless.ttl", "--graph", "a"), 1, "give it a name"),
    ],
)  # fmt: skip
def test_apply_refuses_in_words_and_writes_nothing(
    lasting: Place, words: tuple[str, ...], status: int, said: str
) -> None:
    for name, content in {
        "letter.docx": "x",
        "nosuffix": "x",
        "bad.ttl": PREFIXES + "x:a x:p .",
        "bad.trig": "{",
        "bad.nt": "<a:a> <a:b>",
        "bad.nq": "<a:a> <a:b>",
        "bad.jsonld": '{"@id":',
        "bad.rdf": "<rdf:RDF",
        "bad.ru": "INSERT DATA { x",
        "latin.ru": "INSERT DATA { GRAPH <x:g> { <x:a> <x:b> 'ä' } }".encode("latin-1"),
        "bad.rdfp": "A x",
        "bad.csv": "a,b\n1",
        "bad.xlsx": "oho",
        "bad.ttl.gz": "oho",
        "control.ttl": PREFIXES + 'x:a x:p "a\\u0000" .',
        "bomb.rdf": '<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>',
        "default.ru": "INSERT DATA { <x:a> <x:b> <x:c> }",
        "nameless.ttl": PREFIXES + "x:a a x:Thing .",
    }.items():
        lasting.file(name, content)

    for command in ("apply", "check"):
        if command == "check" and ("--agent" in words or "--id" in words):
            continue
        more = ("--reason", "koe") if command == "apply" else ()
        with lasting.untouched():
            done = lasting.run(command, *words, *more, input="")
        if command == "check" and status == 1:  # what it would change is a result, and shown
            assert (done.returncode, said in done.stderr) == (1, True), done.stderr
        else:
            says(done, status, said)


@pytest.mark.parametrize(
    "reason", ["", "  ", "a\x01b", "x" * 1001, b"\xff".decode("utf-8", "surrogateescape")]
)
def test_a_reason_that_says_nothing_is_refused(lasting: Place, reason: str) -> None:
    for command in (("apply", "good.ttl", "--graph", "a"), ("revert", "2")):
        with lasting.untouched():
            done = lasting.run(*command, "--reason", reason)
        says(done, 2, "nothing was written", "reason")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("revert", "1", "--reason", "x"), 4, "there is no commit 1"),
        (("revert", "0", "--reason", "x"), 4, "there is no commit 0"),
        (("revert", "--reason", "x", "--", "-1"), 4, "there is no commit -1"),
        (("revert", "99", "--reason", "x"), 4, "there is no commit 99"),
        (("revert", "eka", "--reason", "x"), 2, "valid int"),
        (("show", "1"), 4, "there is no commit 1"),
        (("diff", "1", "99"), 4, "there is no commit 99"),
        (("diff", "eilen", "1"), 2, "is no generation"),
        (("log", "--graph", ".."), 2, "neither the name of a graph"),
        (("log", "--format", "yaml"), 2, "'yaml'"),
    ],
)
def test_history_refuses_what_is_not_there(
    lasting: Place, words: tuple[str, ...], status: int, said: str
) -> None:
    with lasting.untouched():
        done = lasting.run(*words)
    says(done, status, said)


def test_a_revert_of_what_others_built_on_is_status_5(place: Place) -> None:
    assert place.apply(place.good).returncode == 0
    more = place.file("more.ru", "DELETE WHERE { GRAPH ?g { <http://x.example/good> ?p ?o } }")
    assert place.run("apply", more, "--reason", "pois").returncode == 0
    with place.untouched():
        done = place.run("revert", 2, "--reason", "takaisin")
    says(done, 5, "not there any more", "kymgraph log")


def test_standard_input_is_read_where_its_type_is_said(place: Place) -> None:
    done = place.run("apply", "-", "--as", "ttl", "--graph", "a", "--reason", "koe", input="<x:a> <x:b> 1 .")
    assert done.returncode == 0, done.stderr
    assert place.store.generation == 2


# --- interrupted, several at once -----------------------------------------------------------------------

STALL = PREFIXES + 'x:a x:code "' + "a" * 60 + '" .'


@linux
def test_ctrl_c_while_a_change_is_judged_writes_nothing_and_leaves_nobody_behind(place: Place) -> None:
    file = place.file("stall.ttl", STALL)
    with place.untouched():
        running = place.started("apply", file, "--graph", "a", "--reason", "koe")
        until = time.monotonic() + 30
        while not judges(place.store) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1.5)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    time.sleep(0.5)
    assert judges(place.store) == []
    place.goes_on()


def judges(store: EmbeddedStore) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if str(store.folder) in words and any("kymgraph.gate.bench" in word for word in words):
                found.append(int(folder.name))
    return found


def test_ctrl_c_at_any_moment_leaves_a_whole_commit_or_none(place: Place) -> None:
    for n in range(size(quick=4, ci=20, night=200)):
        before = place.state()
        file = place.file("one.ttl", PREFIXES + f"x:one x:p {n} .")
        running = place.started("apply", file, "--graph", "a", "--reason", "koe")
        time.sleep(0.3 + random.random() * 1.2)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
        assert running.returncode in (0, 130, -signal.SIGINT), err  # -SIGINT: Python was still starting
        assert "internal error" not in err
        if place.store.generation == before.generation:
            assert place.state() == before
            assert running.returncode != 0
        else:
            assert place.store.generation == before.generation + 1
    place.goes_on()


def test_two_commands_at_once_write_one_after_the_other(place: Place) -> None:
    files = [place.file(f"{n}.ttl", PREFIXES + f"x:both x:p {n} .") for n in range(2)]
    running = [place.started("apply", file, "--graph", "a", "--reason", "koe") for file in files]
    for one in running:
        _, err = one.communicate(timeout=60)
        assert one.returncode == 0, err
    assert place.store.generation == 3


@slow
def test_a_store_that_another_keeps_locked_is_refused_in_bounded_time(place: Place) -> None:
    with (place.store.folder / "writer.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with place.untouched():
            done = place.apply(place.good)
    says(done, 3, "nothing was")
    place.goes_on()


@pytest.mark.parametrize("left", ["socket", "file"])
def test_what_a_dead_writer_left_behind_does_not_matter(place: Place, left: str) -> None:
    path = place.store.folder / "writer.sock"
    if left == "file":
        path.write_text("x")
    else:
        here = Path.cwd()
        with socket.socket(socket.AF_UNIX) as dead:
            os.chdir(path.parent)  # the kernel takes no long names
            try:
                dead.bind(path.name)
            finally:
                os.chdir(here)
    place.goes_on()


def test_a_server_of_another_project_has_no_part_in_it(
    place: Place, serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    store = make(other)
    serve_writable(other, store.folder)
    before = state_of(store)
    place.goes_on()
    assert state_of(store) == before


# --- a disk that does not let us ------------------------------------------------------------------------


@pytest.fixture
def theirs(kymgraph: Kymgraph) -> Iterator[tuple[Place, Callable[[], None]]]:
    """A place of a user without rights of their own, and how a process becomes that user."""
    if os.getuid() != 0:
        with tempfile.TemporaryDirectory() as folder:
            yield Place(Path(folder), kymgraph), lambda: None
        return

    def become() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    try:
        subprocess.run(
            [sys.executable, "-c", "import kymgraph"],
            env=clean_environment(), cwd="/", preexec_fn=become, capture_output=True, check=True,
        )  # fmt: skip
        able = True
    except (OSError, subprocess.CalledProcessError):
        able = False
    need("unprivileged", able, "this runs as root, and nobody else can read the tree")
    with tempfile.TemporaryDirectory() as folder:
        made = Place(Path(folder), kymgraph)
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        yield made, become


def test_a_file_that_may_not_be_read_is_named(theirs: tuple[Place, Callable[[], None]]) -> None:
    place, become = theirs
    place.good.chmod(0)
    with place.untouched():
        running = place.started("apply", place.good, "--graph", "a", "--reason", "koe", before=become)
        out, err = running.communicate(timeout=60)
    says(subprocess.CompletedProcess([], running.returncode, out, err), 2, "good.ttl")


def test_a_store_that_may_not_be_written_is_named(theirs: tuple[Place, Callable[[], None]]) -> None:
    place, become = theirs
    before = place.state()
    paths = [place.store.folder, *(p for p in place.store.folder.rglob("*") if not p.is_symlink())]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(modes[path] & ~0o222)
    running = place.started("apply", place.good, "--graph", "a", "--reason", "koe", before=become)
    out, err = running.communicate(timeout=60)
    for path in paths:
        path.chmod(modes[path])
    says(subprocess.CompletedProcess([], running.returncode, out, err), 3, str(place.store.folder))
    assert place.state() == before


def test_a_disk_that_is_full_refuses_the_change_and_harms_nothing(place: Place) -> None:
    """RLIMIT_FSIZE stands for it: no file may grow beyond so many bytes, each limit at another step."""
    body = PREFIXES + "".join(f'x:n{n} x:p "{"ä" * 200}" .\n' for n in range(2000))
    file = place.file("large.ttl", body)
    limits = [0, 300, 100_000, 500_000][: size(quick=3, ci=4, night=4)]
    for limit in limits:
        before = place.state()

        def full(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        running = place.started("apply", file, "--graph", f"l{limit}", "--reason", "koe", before=full)
        _, err = running.communicate(timeout=90)
        after = place.state()
        if running.returncode == 0:  # room enough
            assert after.generation == before.generation + 1
            continue
        assert "internal error" not in err, (limit, err)
        assert "Traceback" not in err
        assert running.returncode == 3, (limit, err)
        assert after[:4] == before[:4], (limit, err)
        place.goes_on()


def test_changes_by_http_and_by_command_at_once_are_all_written(place: Place, serve_writable: Serve) -> None:
    serve_writable(place.folder, place.store.folder)
    count = size(quick=3, ci=10, night=30)
    ends: list[int] = []

    def one(n: int) -> None:
        file = place.file(f"{n}.ttl", PREFIXES + f"x:many x:p {n} .")
        ends.append(place.apply(file).returncode)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert ends == [0] * count
    assert place.store.generation == 1 + count
