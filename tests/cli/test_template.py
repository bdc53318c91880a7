"""`kymgraph template` as a person runs it: a file on standard output, never noise on a terminal."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from ..conftest import ROOT, Kymgraph, clean_environment


def test_a_workbook_comes_on_standard_output_and_nothing_else_does(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "kymgraph", "--lang", "sv", "template", "hanke", "--rows", "3"],
        cwd=tmp_path,
        env=clean_environment() | {"KYMGRAPH_PROJECT": str(ROOT)},
        capture_output=True,
        timeout=120,
        check=True,
    )

    book = openpyxl.load_workbook(io.BytesIO(done.stdout))
    assert book.sheetnames == ["projekt", "Anvisning", "Listor"]
    assert book["projekt"]["B1"].value == "namn (fi) * [prefLabel@fi]"
    assert b"projekt" in done.stderr


def test_the_classes_are_listed_in_the_language_asked_for(kymgraph: Kymgraph):
    done = kymgraph("template", "--list", "--lang", "fi", cwd=ROOT)

    assert done.returncode == 0
    rows = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert ["Project", "hanke (5)"] in rows
    assert [label for _, label in rows] == sorted((label for _, label in rows), key=str.casefold)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "kymgraph template --list"),
        (("hankke",), "did you mean kym:Project?"),
        (("hanke", "--format", "ods"), "xlsx and csv"),
        (("hanke", "--rows", "0"), "1 to 10000"),
    ],
)
def test_wrong_use_ends_with_status_2_and_says_what_is_right(kymgraph: Kymgraph, args, says):
    done = kymgraph("template", *args, cwd=ROOT)

    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_csv_begins_with_the_mark_that_excel_needs(kymgraph: Kymgraph):
    done = kymgraph("template", "Project", "--format", "csv", "--lang", "fi", cwd=ROOT)

    assert done.returncode == 0
    assert done.stdout.startswith("\ufeffid [Project];nimi (fi) * [prefLabel@fi];")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals of this kind here")
def test_a_terminal_is_not_given_a_workbook():
    here, terminal = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "kymgraph", "template", "hanke"],
            cwd=ROOT,
            env=clean_environment(),
            stdout=terminal,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(here)

    assert done.returncode == 2
    assert b"kymgraph template hanke > hanke.xlsx" in done.stderr


def test_without_a_store_the_files_are_enough(tmp_path: Path, kymgraph: Kymgraph):
    (tmp_path / "kymgraph.toml").write_text("")
    (tmp_path / "ontology").mkdir()
    (tmp_path / "ontology" / "o.ttl").write_text(
        "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
        '<http://x.example/Boat> a owl:Class ; rdfs:label "vene"@fi .'
    )

    done = kymgraph("template", "--list", "--lang", "fi", cwd=tmp_path)

    assert done.stdout == "Boat  vene (0)\n"
