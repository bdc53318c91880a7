"""The command line as scripts see it: exit status, what goes where, options before and after the command."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kymgraph import errors
from kymgraph.cli import exits
from kymgraph.cli.app import to_front
from kymgraph.dataset import build
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, Kymgraph, MakeProject, clean_environment


def test_every_error_code_has_an_exit_status_of_the_design() -> None:
    classes = [
        c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.KymgraphError)
    ]

    assert {c.code for c in classes} == set(exits.BY_CODE)
    assert set(exits.BY_CODE.values()) <= {1, 2, 3, 4, 5, 6, 70}


@pytest.mark.parametrize(
    ("given", "moved"),
    [
        (["query", "ASK {}", "--store", "s"], ["--store", "s", "query", "ASK {}"]),
        (["query", "--lang=fi", "x", "--project", "p"], ["--lang=fi", "--project", "p", "query", "x"]),
        (["query", "--", "--store"], ["query", "--", "--store"]),
    ],
)
def test_global_options_may_stand_anywhere(given: list[str], moved: list[str]) -> None:
    assert to_front(given) == moved


def test_a_global_option_without_its_value_is_told_by_name(kymgraph: Kymgraph, tmp_path: Path) -> None:
    done = kymgraph("query", "ASK {}", "--store", cwd=tmp_path)

    assert done.returncode == 2
    assert "--store: a value is missing" in done.stderr


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom kymgraph.cli.app import main\nsys.argv = ['kymgraph', '--help']\n"
        "try: main()\nfinally: print([m for m in sys.modules if m.split('.')[0] in "
        "('pyoxigraph', 'rdflib', 'pyshacl', 'fastapi', 'uvicorn', 'pydantic', 'owlready2', 'asyncio')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
    )

    for command in ("build", "serve", "query", "validate", "evidence", "reason", "export", "doctor"):
        assert f" {command} " in done.stdout
    assert ast.literal_eval(done.stdout.splitlines()[-1]) == []


def test_wrong_use_is_status_2(kymgraph: Kymgraph, tmp_path: Path) -> None:
    for args in (["nonsense"], ["query"], ["query", "ASK {}", "--frob"], ["--lang", "de", "build"]):
        done = kymgraph(*args, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), args
        assert done.stderr


def test_no_project_is_status_2_with_the_next_step(kymgraph: Kymgraph, tmp_path: Path) -> None:
    done = kymgraph("build", "--project", tmp_path / "none", cwd=tmp_path)

    assert done.returncode == 2
    assert "is not a graph project" in done.stderr
    assert "--project" in done.stderr.splitlines()[-1]


def test_an_unforeseen_error_is_status_70_without_a_traceback(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom kymgraph.cli import app\nfrom kymgraph.cli.common import Context\n"
        "Context.project = property(lambda self: 1 / 0)\nsys.argv = ['kymgraph', 'build']\napp.main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=False
    )

    assert done.returncode == 70
    assert "internal error: ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr


# --- build ----------------------------------------------------------------------------------------------


def test_build_then_ask(kymgraph: Kymgraph, make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1 .", "data/b.ttl": "x:a x:p 1 ."})

    built = kymgraph("build", cwd=project.folder)
    asked = kymgraph("query", "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "--format", "csv", cwd=project.folder)

    assert (built.returncode, built.stderr) == (0, "")
    assert built.stdout.startswith("generation 1: 2 quads in 2 graphs")
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "n\n1\n", "")


def test_malformed_rdf_is_status_2_with_file_line_and_column(
    kymgraph: Kymgraph, make_project: MakeProject
) -> None:
    project = make_project({"data/good.ttl": "", "data/bad.ttl": "x:a x:p\n  y:b ."})

    done = kymgraph("build", cwd=project.folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("kymgraph: data/bad.ttl:4:3: ")
    assert sorted(p.name for p in project.folder.iterdir()) == ["data", "kymgraph.toml"]


def test_data_against_the_shapes_are_status_1_with_the_report_in_the_language_asked(
    kymgraph: Kymgraph, make_project: MakeProject
) -> None:
    project = make_project(
        {
            "data/a.ttl": "x:a x:p 1 .",
            "shapes/s.ttl": "@prefix sh: <http://www.w3.org/ns/shacl#> .\n"
            "x:S a sh:NodeShape ; sh:targetSubjectsOf x:p ; sh:property x:S-label .\n"
            "x:S-label sh:path rdfs:label ; sh:minCount 1 ;\n"
            'sh:message "Lisää nimi."@fi , "Add a label."@en .',
        }
    )

    done = kymgraph("build", "--lang", "fi", cwd=project.folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert "Lisää nimi." in done.stderr
    assert "Add a label." not in done.stderr
    assert "x.example/a" in done.stderr
    assert not (project.folder / ".kymgraph").exists()


def test_a_store_with_commits_is_status_5(kymgraph: Kymgraph, make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1 ."})
    store = project.folder / "elsewhere"
    assert kymgraph("build", "--store", store, cwd=project.folder).returncode == 0
    (store / "journal" / "1").write_text("a commit")

    refused = kymgraph("build", cwd=project.folder, env={"KYMGRAPH_STORE": str(store)})
    dropped = kymgraph("--store", store, "build", "--discard-history", cwd=project.folder)

    assert (refused.returncode, refused.stdout) == (5, "")
    assert "--discard-history" in refused.stderr
    assert dropped.returncode == 0
    assert not (project.folder / ".kymgraph").exists()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_is_status_130_and_leaves_nothing(
    make_project: MakeProject, sign: signal.Signals
) -> None:
    many = "".join(f"<http://x.example/{n}> <http://x.example/p> {n} .\n" for n in range(60_000))
    project = make_project({"data/a.ttl": many})
    process = subprocess.Popen(
        [sys.executable, "-m", "kymgraph", "build"],
        cwd=project.folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # The signal is sent once the file is being read or judged: both take seconds.
    time.sleep(1.5)
    process.send_signal(sign)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (130, "", "")
    assert sorted(p.name for p in project.folder.iterdir()) == ["data", "kymgraph.toml"]


def test_a_store_that_cannot_be_written_is_status_3(kymgraph: Kymgraph, make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1 ."})
    (project.folder / "file").write_text("not a folder")

    done = kymgraph("build", "--store", "file/store", cwd=project.folder)

    assert (done.returncode, done.stdout) == (3, "")
    assert "could not be written" in done.stderr


# --- export ---------------------------------------------------------------------------------------------

MESSY = 'x:b x:p 2 .\n# a comment\nx:a x:p [ x:q "ä"@fi ] ;\n a x:C .'


def test_export_of_an_untouched_store_changes_nothing(kymgraph: Kymgraph, make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": MESSY, "data/empty.ttl": "", "ontology/o.ttl": MESSY})
    for args in (["build"], ["export"], ["build"]):
        assert kymgraph(*args, cwd=project.folder).returncode == 0
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in project.rdf_files()}

    done = kymgraph("export", cwd=project.folder)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "all files are as the store is\n")
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in project.rdf_files()} == before
    assert (project.folder / "ontology/o.ttl").read_text().endswith(MESSY)


def test_export_does_not_write_over_edits(kymgraph: Kymgraph, make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": MESSY})
    assert kymgraph("build", cwd=project.folder).returncode == 0
    make_project({"data/a.ttl": "x:a x:p 3 ."})
    edited = (project.folder / "data/a.ttl").read_text()

    refused = kymgraph("export", cwd=project.folder)

    assert refused.returncode == 5
    assert "data/a.ttl" in refused.stderr
    assert (project.folder / "data/a.ttl").read_text() == edited
    assert kymgraph("export", "--force", cwd=project.folder).returncode == 0
    assert '"ä"@fi' in (project.folder / "data/a.ttl").read_text("utf-8")


def test_export_to_stdout_and_to_a_folder(kymgraph: Kymgraph, make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 1 .", "data/deep/b.ttl": "x:b x:p 2 ."})
    assert kymgraph("build", cwd=project.folder).returncode == 0

    one = kymgraph("export", "--graph", "a", "--out", "-", cwd=project.folder)
    every = kymgraph("export", "--format", "nq", "--out", "-", cwd=project.folder)
    folder = kymgraph("export", "--format", "nt", "--out", "out", cwd=project.folder)
    unknown = kymgraph("export", "--graph", "c", "--out", "-", cwd=project.folder)
    unclear = kymgraph("export", "--out", "-", cwd=project.folder)

    assert one.stdout == "<http://x.example/a> <http://x.example/p> 1 .\n"
    assert [line.split()[3] for line in every.stdout.splitlines()] == [
        f"<{project.base.graph(name)}>" for name in ("a", "deep/b")
    ]
    assert folder.returncode == 0
    assert (project.folder / "out/deep/b.nt").read_text().startswith("<http://x.example/b> ")
    assert (unknown.returncode, unclear.returncode) == (4, 2)


# --- query ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built project that tests only read."""
    folder = tmp_path_factory.mktemp("asked")
    for name, text in {
        "kymgraph.toml": '[prefixes]\nx = "http://x.example/"',
        "data/a.ttl": PREFIXES + 'x:a x:p 1 ; rdfs:label "Ämne"@sv . x:b x:p 2 .',
        "api/queries/by-value.rq": "#+ summary: Things by value\n#+ params: {value: integer}\n"
        "SELECT ?s { ?s <http://x.example/p> ?value }",
        "q.rq": BY_TEXT,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    project = Project.load(folder)
    build(project, EmbeddedStore(project.store_folder))
    return folder


BY_TEXT = "SELECT ?o { <http://x.example/b> ?p ?o }"


def test_query_takes_text_file_stdin_and_name(kymgraph: Kymgraph, asked: Path) -> None:
    outputs = [
        kymgraph("query", BY_TEXT, "--format", "csv", cwd=asked),
        kymgraph("query", "q.rq", "--format", "csv", cwd=asked),
        kymgraph("query", "-", "--format", "csv", cwd=asked, input=BY_TEXT),
    ]
    named = kymgraph("query", "by-value", "--param", "value=2", "--format", "csv", cwd=asked)

    assert [(o.returncode, o.stdout) for o in outputs] == [(0, "o\n2\n")] * 3
    assert (named.returncode, named.stdout) == (0, "s\nhttp://x.example/b\n")


def test_a_table_is_for_people(kymgraph: Kymgraph, asked: Path) -> None:
    done = kymgraph("query", "SELECT ?s ?o { ?s ?p ?o } ORDER BY ?s ?o", cwd=asked)
    none = kymgraph("query", "SELECT ?s { ?s ?p 9 }", cwd=asked)

    assert [line.split() for line in done.stdout.splitlines() if ":" in line] == [
        ["x:a", "1"],
        ["x:a", "Ämne"],
        ["x:b", "2"],
    ]
    assert done.stdout.endswith("\n3 rows\n")
    assert (none.returncode, none.stdout.endswith("\n0 rows\n")) == (0, True)
    assert kymgraph("query", "ASK { ?s ?p 1 }", cwd=asked).stdout == "true\n"


RUNAWAY = f"SELECT (COUNT(*) AS ?n) {{ {' '.join(f'?a{i} ?b{i} ?c{i} .' for i in range(30))} }}"


def test_a_table_cannot_steer_the_terminal(kymgraph: Kymgraph, asked: Path) -> None:
    done = kymgraph("query", r'SELECT ("\u001b[31mred" AS ?x) {}', cwd=asked)

    assert r"\x1b[31mred" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["SELECT ?s { ?s ?p }"], 2, "line 1, column"),
        (["missing.rq"], 2, "neither a file nor a query"),
        (["ASK {}", "--format", "ttl"], 2, "not available"),
        (["INSERT DATA { <urn:a> <urn:b> 1 }"], 2, "kymgraph"),
        (["by-value"], 2, "value"),
        (["by-value", "--param", "value=x"], 2, "value"),
        (["by-value", "--param", "value"], 2, "NAME=VALUE"),
        (["ASK {}", "--at", "9"], 4, "there is no generation 9"),
        (["ASK { SERVICE <http://x.example/> { ?s ?p ?o } }"], 6, "SERVICE"),
        ([RUNAWAY, "--timeout", "0.5"], 3, "0.5 s"),
        (["ASK {}", "--store", "/nowhere"], 3, "kymgraph build"),
        (["ASK {}", "--store", "http://127.0.0.1:9/sparql"], 3, "127.0.0.1:9"),
    ],
)
def test_what_a_query_cannot_do_has_its_status_and_says_why(
    kymgraph: Kymgraph, asked: Path, args: list[str], status: int, said: str
) -> None:
    done = kymgraph("query", *args, cwd=asked)

    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert said in done.stderr


def test_a_reader_who_has_seen_enough_is_no_error(asked: Path) -> None:
    command = (
        f'{sys.executable} -m kymgraph query "SELECT * {{ ?s ?p ?o }}" | true; echo "${{PIPESTATUS[0]}}"'
    )

    done = subprocess.run(
        ["bash", "-c", command],
        cwd=asked,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("0\n", "")


# --- doctor ---------------------------------------------------------------------------------------------


def test_the_doctor_finds_nothing_wrong_then_something(
    kymgraph: Kymgraph, asked: Path, tmp_path: Path
) -> None:
    asked = Path(shutil.copytree(asked, tmp_path / "copy"))
    well = kymgraph("doctor", "--deep", cwd=asked)
    (asked / "data/a.ttl").write_text("")
    changed = kymgraph("doctor", cwd=asked, env={"KYMGRAPH_PROT": "8001"})
    (asked / ".kymgraph/current").unlink()
    ill = kymgraph("doctor", "--format", "json", cwd=asked)

    assert well.returncode == 0
    assert all(line.startswith("ok ") for line in well.stdout.splitlines())
    assert "kept off the network" in well.stdout
    assert changed.returncode == 0
    assert "KYMGRAPH_PROT is set, but there is no such setting" in changed.stdout
    assert "warning  1 file(s) differ from what the store was built from: data/a.ttl" in changed.stdout
    assert ill.returncode == 1
    [fault] = [f for f in ast.literal_eval(ill.stdout.replace("null", "None")) if f["level"] == "fault"]
    assert "kymgraph build" in fault["fix"]


def test_a_closed_stdin_and_a_read_only_folder_do_not_matter_to_reading(asked: Path) -> None:
    folder = asked / ".kymgraph"
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "kymgraph", "query", "ASK {}"],
            cwd=asked,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "true\n"), done.stderr
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o700)
    assert os.access(folder, os.W_OK)
