"""docs/python.ipynb in a kernel of its own: what it prints is what the sources say."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from kymgraph.dataset import Dataset
from tests.conftest import ROOT, clean_environment
from tests.needs import need

PAGE = ROOT / "docs/python.ipynb"


@pytest.fixture(scope="module")
def folder(shipped: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the notebook lies in, in a project whose store is built."""
    project = tmp_path_factory.mktemp("notebook")
    for part in ("api/queries", "tests/questions"):
        shutil.copytree(ROOT / part, project / part)
    shutil.copy(ROOT / "kymgraph.toml", project)
    (project / ".kymgraph").symlink_to(shipped.store.folder)
    (project / "docs").mkdir()
    return project / "docs"


@pytest.fixture(scope="module")
def run(folder: Path) -> Any:
    """The notebook after its cells were run, from the first to the last."""
    need("pandas", _pandas(), "the notebook makes its tables with pandas")
    notebook = nbformat.read(PAGE, as_version=4)
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.resources = {"metadata": {"path": str(folder)}}
    environment = clean_environment() | {"IPYTHONDIR": str(folder.parent / "ipython")}
    client.execute(env=environment)  # raises for the first cell that fails
    return notebook


def _pandas() -> bool:
    try:
        import pandas  # noqa: F401
    except ImportError:
        return False
    return True


def shown(run: Any) -> list[str]:
    """What each cell of code gave, as text."""
    return [
        "".join(str(out.get("text") or out.get("data", {}).get("text/plain", "")) for out in cell.outputs)
        for cell in run.cells
        if cell.cell_type == "code"
    ]


def question(name: str) -> list[list[str]]:
    """The rows of a question as they were read from the sources, without their lines."""
    with (ROOT / f"tests/questions/{name}.csv").open(newline="", encoding="utf-8") as file:
        return [row[:-1] for row in list(csv.reader(file))[1:]]


def test_the_first_question_is_answered_as_the_sources_have_it(run: Any, folder: Path) -> None:
    rows = question("Q01")

    [printed] = [text for text in shown(run) if "rows of" in text]
    lines = printed.splitlines()[1:]
    assert sorted(line.split(" | ") for line in lines) == sorted(rows)
    with (folder / "priorities.csv").open(newline="", encoding="utf-8") as file:
        assert sorted(list(csv.reader(file))[1:]) == sorted(rows)


def test_the_table_of_lineage_has_the_links_of_the_data_file(run: Any) -> None:
    text = (ROOT / "data/lineage.ttl").read_text("utf-8")
    links = text.split(" a kym:LineageLink ;")[1:]
    sure = [link for link in links if float(link.split("kym:confidence ")[1].split()[0]) >= 0.5]

    [table] = [text for text in shown(run) if "count" in text and "max" in text]
    counts = [int(line.split()[-3]) for line in table.splitlines() if line[-1:].isdigit()]
    assert len(sure) > 5
    assert sum(counts) == len(sure)


def test_the_notebook_is_kept_without_what_it_printed() -> None:
    notebook = nbformat.read(PAGE, as_version=4)
    nbformat.validate(notebook)

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 6
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert {cell.execution_count for cell in code} == {None}
    assert notebook.metadata.kernelspec.name == "python3"
