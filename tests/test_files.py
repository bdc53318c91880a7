"""The data files of this repository are kept in the form that `kymgraph export` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymgraph.project import Project
from kymgraph.rdf import canonical, canonical_turtle, parse, restore_datatypes
from tests.conftest import ROOT

PROJECT = Project.load(ROOT)


@pytest.mark.parametrize("file", PROJECT.data_files(), ids=PROJECT.name_of)
def test_a_data_file_is_in_the_form_that_export_writes(file: Path) -> None:
    quads = list(restore_datatypes(canonical(parse(file)).quads))

    assert file.read_text("utf-8") == canonical_turtle(quads, PROJECT.prefixes), (
        "run: kymgraph build && kymgraph export"
    )
