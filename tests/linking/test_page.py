"""A steward's work, as docs/linking.md tells it, and at the terminal.

How a page says what becomes of its blocks stands in `tests.pages`.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kymgraph import files
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import ROOT, clean_environment
from tests.needs import size
from tests.pages import House, Session, blocks, output_of, pairs, plain

BLOCKS = blocks((ROOT / "docs/linking.md").read_text("utf-8"))
TABLE = next(block.text for block in BLOCKS if block.does == "file")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A copy of the project with a store, built without judging what other tests judge; no server."""
    folder = tmp_path_factory.mktemp("linking")
    for part in ("ontology", "data", "shapes"):
        shutil.copytree(ROOT / part, folder / "project" / part)
    shutil.copy(ROOT / "kymgraph.toml", folder / "project")
    project = Project.load(folder / "project")
    read = files.read(project)
    EmbeddedStore(project.store_folder).build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests
    )
    (folder / "bin").mkdir()
    command = folder / "bin/kymgraph"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kymgraph "$@"\n')
    command.chmod(0o755)
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return House(project.folder, "http://127.0.0.1:1", clean_environment() | {"PATH": path})


def test_the_page_goes_as_it_is_told(house: House) -> None:
    if not size(quick=0, ci=1, night=1):
        pytest.skip("a process for each command of the page takes too long for a quick run")
    session = Session(house.project, house)

    for block, then in pairs(BLOCKS):
        if block.does == "file":
            session.write(block)
        elif block.does == "run":
            done = session.run(block)

            printed, shown = session.shown(done.stdout), output_of(then)
            assert plain(printed, False) == plain(shown, False), block.text
            assert done.returncode == block.status, block.text

    assert sum(block.does == "run" for block in BLOCKS) >= 8


def test_every_block_of_the_page_is_run_or_shows_a_review() -> None:
    left = [block.text for block in BLOCKS if block.does not in ("file", "run", "output", "not")]

    assert [text.splitlines()[0] for text in left] == ["1/4"]


def test_a_review_asks_writes_each_answer_and_goes_on_where_it_stopped(house: House) -> None:
    (house.project / "kokeilu.tsv").write_text(
        "iri\tlabel@fi\n"
        "https://example.org/k/1\tKotka\n"
        "https://example.org/k/2\tHamina\n"
        "https://example.org/k/3\tVirolahti\n"
        "https://example.org/k/4\tPyhtää\n",
        "utf-8",
    )
    command = ["kymgraph", "link", "review", "--to", "kokeilu.tsv", "--type", "place", "--lang", "en"]

    # Hamina is accepted, Kotka is another match, Pyhtää no link; a key that is none is asked again.
    first, status = at_terminal(
        house, command, ["x", "a", "", "c", "near", "close", "Läheinen.", "d", "Ei.", "q"]
    )
    again, _ = at_terminal(house, command, ["s"])

    assert status == 0
    assert len(re.findall(r"Commit \d+ is written", first)) == 3
    assert "4/4" in first
    assert "Stopped. What was decided is written" in first
    assert "1/1" in again
    assert "Virolahti" in again
    assert "Stopped" not in again
    assert stand(house) == {
        ("place/hamina", "exact", "1", "same name: “Hamina” (fi)"),
        ("place/kotka", "close", "1", "Läheinen."),
        ("place/pyhtaa", "exact", "0", "Ei."),
    }


def stand(house: House) -> set[tuple[str, ...]]:
    """Subject, match, whether accepted, reason: of the decisions on the vocabulary of the review."""
    done = run(house, "query", QUERY, "--format", "json")
    rows = json.loads(done.stdout)["results"]["bindings"]
    return {
        (
            row["s"]["value"].partition("/id/")[2],
            re.sub(r".*#(\w+)Match", r"\1", row["p"]["value"]),
            "1" if row["t"]["value"].endswith("AcceptedLink") else "0",
            row["r"]["value"],
        )
        for row in rows
    }


QUERY = """
PREFIX kym: <https://w3id.org/kymgraph/ontology#> PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
SELECT ?s ?p ?t ?r { ?d a ?t ; rdf:subject ?s ; rdf:predicate ?p ; rdf:object ?o ; kym:reason ?r .
  FILTER (STRSTARTS(STR(?o), "https://example.org/k/")) FILTER (?t IN (kym:AcceptedLink, kym:DeclinedLink)) }
"""


def run(house: House, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kymgraph", *args], cwd=house.project, env=house.environment,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def at_terminal(house: House, command: list[str], answers: list[str]) -> tuple[str, int]:
    """Run a command at a terminal of its own; each answer is typed once something is asked."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(house.project)
        os.execvpe(command[0], command, {**house.environment, "TERM": "dumb"})
    shown = b""
    left = [answer.encode() + b"\n" for answer in answers]
    until = time.monotonic() + 120
    try:
        while time.monotonic() < until:
            if not select.select([terminal], [], [], 0.5)[0]:
                continue
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
            if left and shown.endswith((b"> ", b"): ")):
                os.write(terminal, left.pop(0))
    finally:
        _, status = os.waitpid(process, 0)
        os.close(terminal)
    return shown.decode("utf-8").replace("\r\n", "\n"), os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["review", "--to", "eu-themes"], 2, "kymgraph link accept"),
        (["suggest", "--to", "nosuch"], 2, "eu-themes"),
        (["suggest", "--to", "eu-themes", "--type", "person"], 2, "--type place"),
        (["suggest", "--to", "yso"], 6, "KYMGRAPH_ALLOW_HOSTS=api.finto.fi:443"),
        (["accept", "place/nowhere", "urn:x:1", "--predicate", "exact", "--reason", "x"], 2, "place/nowhere"),
        (["accept", "place/iitti", "urn:x:1", "--predicate", "same", "--reason", "x"], 2, "exact, close"),
        (["accept", "place/iitti", "urn:x:1", "--predicate", "exact", "--reason", "x"], 2, "--label"),
        (["accept", "place/iitti", "not an iri", "--predicate", "exact", "--reason", "x"], 2, "not an IRI"),
        (["accept", "place/iitti", "urn:x:1", "--predicate", "exact", "--reason", " "], 2, "--reason"),
        (
            ["decline", "place/iitti", "urn:x:1", "--label", "X", "--reason", "x", "--confidence", "2"],
            2,
            "from 0 to 1",
        ),
    ],
)
def test_what_is_refused_says_what_to_do(house: House, args: list[str], status: int, said: str) -> None:
    from typer.testing import CliRunner

    from kymgraph.cli.app import app

    told = CliRunner().invoke(app, ["--project", str(house.project), "--lang", "en", "link", *args])

    assert told.exit_code == status, told.output
    assert said in told.output


def test_proposals_as_json_and_as_a_table_say_the_same(house: House, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from kymgraph.cli.app import app

    (tmp_path / "t.tsv").write_text(TABLE, "utf-8")
    common = [
        "--project",
        str(house.project),
        "--lang",
        "sv",
        "link",
        "suggest",
        "--to",
        str(tmp_path / "t.tsv"),
    ]
    told = CliRunner().invoke(app, [*common, "--format", "json"])
    table = CliRunner().invoke(app, [*common, "--format", "tsv"])

    rows = json.loads(told.stdout)
    cells = [line.split("\t") for line in table.stdout.splitlines()]
    assert [row["object"] for row in rows] == [line[4] for line in cells[1:]]
    assert rows
    assert all({"subject", "match", "object", "score", "reasons", "vocabulary"} <= set(row) for row in rows)
    assert all(reason["text"] for row in rows for reason in row["reasons"])


def test_no_name_of_others_steers_the_terminal(house: House, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from kymgraph.cli.app import app

    (tmp_path / "t.tsv").write_text("iri\tlabel@fi\nhttps://v.example/1\tKotka \x1b[2J\x07\n", "utf-8")
    common = [
        "--project",
        str(house.project),
        "--lang",
        "fi",
        "link",
        "suggest",
        "--to",
        str(tmp_path / "t.tsv"),
    ]

    told = CliRunner().invoke(app, common)

    assert "https://v.example/1" in told.stdout
    assert not set("\x1b\x07") & set(told.output)
