"""`kymgraph validate` as it is run: formats, languages, exit status, and input that cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kymgraph.rdf import FORMATS, parse

PREFIX = "@prefix kym: <https://w3id.org/kymgraph/ontology#> .\n@prefix ex: <https://example.org/> .\n"
SHAPES = """@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix kymsh: <https://w3id.org/kymgraph/shapes#> .
kymsh:programme a sh:NodeShape ; sh:targetClass kym:Programme ; sh:property kymsh:programme-has-priority .
kymsh:programme-has-priority a sh:PropertyShape ; sh:path kym:hasPriority ; sh:minCount 1 ;
  sh:message "Lisää painopiste."@fi , "Lägg till en prioritering."@sv , "Add a priority."@en .
"""


@pytest.fixture
def validate(tmp_path: Path):
    """Run the command on a file with this content, in a project of its own."""
    project = tmp_path / "project"
    (project / "shapes").mkdir(parents=True)
    (project / "kymgraph.toml").touch()
    (project / "shapes" / "programme.ttl").write_text(SHAPES, encoding="utf-8")

    def run(content: str, *options: str, name: str = "input.ttl") -> subprocess.CompletedProcess[str]:
        (tmp_path / name).write_text(content, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "kymgraph.cli.app",
            "validate",
            name,
            "--project",
            "project",
            *options,
        ]
        env = {"PYTHONPATH": str(Path(__file__).parents[2]), "LANG": "C.UTF-8"}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)

    return run


def test_conforming_input_exits_0(validate):
    done = validate(PREFIX + "ex:p a kym:Programme ; kym:hasPriority ex:a .")

    assert (done.returncode, done.stderr) == (0, "")
    assert "conforms" in done.stdout


@pytest.mark.parametrize(
    ("lang", "words"), [("fi", ("VIRHE", "Lisää painopiste.")), ("sv", ("FEL", "Lägg till en prioritering."))]
)
def test_a_violation_exits_1_and_speaks_the_language(validate, lang, words):
    done = validate(PREFIX + "\nex:p a kym:Programme .", "--lang", lang)

    assert done.returncode == 1
    for word in (*words, "https://example.org/p", "input.ttl:4"):
        assert word in done.stdout


@pytest.mark.parametrize("format", ["json", "sarif", "ttl"])
def test_the_other_formats_are_whole_documents(validate, format):
    done = validate(PREFIX + "ex:p a kym:Programme .", "--format", format)

    assert done.returncode == 1
    if format == "ttl":
        assert len(parse(done.stdout.encode(), FORMATS["ttl"])) > 8
    else:
        assert "programme-has-priority" in json.dumps(json.loads(done.stdout))


def test_explain_tells_what_was_looked_at_and_keeps_stdout_clean(validate):
    done = validate(PREFIX + "ex:p a kym:Programme .", "--format", "json", "--explain")

    json.loads(done.stdout)
    assert "1  kymsh:programme: a change is judged where it reaches" in done.stderr


def test_malformed_rdf_exits_2_with_file_line_and_column(validate):
    done = validate(PREFIX + "ex:p a kym:Programme ;\n  kym:hasPriority .")

    assert (done.returncode, done.stdout) == (2, "")
    assert "input.ttl:4:" in done.stderr


@pytest.mark.parametrize("options", [("--format", "pdf"), ("--graph", "no graph")])
def test_wrong_options_exit_2(validate, options):
    done = validate(PREFIX, *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert options[1] in done.stderr


def test_a_file_that_is_not_there_exits_2(validate):
    assert validate(PREFIX, "missing.ttl").returncode == 2


def test_the_format_is_told_by_the_name(validate):
    done = validate(
        "<https://example.org/p> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
        "<https://w3id.org/kymgraph/ontology#Programme> .",
        name="input.nt",
    )

    assert done.returncode == 1
