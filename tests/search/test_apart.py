"""The index is brought up to date by a process of its own, where a server asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymgraph import files
from kymgraph.dataset import Dataset
from kymgraph.errors import CannotWrite
from kymgraph.project import Project
from kymgraph.search import update
from kymgraph.search.apart import Apart
from kymgraph.search.index import FOLDER, SearchIndex
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import MakeProject


@pytest.fixture
def dataset(make_project: MakeProject, tmp_path: Path) -> Dataset:
    project: Project = make_project({"data/a.ttl": 'x:a rdfs:label "maakuntaohjelma"@fi .'})
    store = EmbeddedStore(tmp_path / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return Dataset.open(project, store.folder)


def index_of(dataset: Dataset) -> SearchIndex:
    folder = dataset.store.folder
    index = SearchIndex(dataset.project, folder / FOLDER)
    index.follow(dataset, apart=Apart(dataset.project.folder, folder))
    return index


def test_a_first_search_is_answered_from_what_another_process_has_made(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(*_: object, **__: object) -> int:
        raise AssertionError("made in this process")

    monkeypatch.setattr(update, "bring", here)
    index = index_of(dataset)
    try:
        found = index.search("maakuntaohjelman")
    finally:
        index.close()

    assert [hit.iri for hit in found.hits] == ["http://x.example/a"]


def test_what_is_in_its_way_is_told(dataset: Dataset) -> None:
    (dataset.store.folder / FOLDER).write_text("no folder")
    index = index_of(dataset)

    with pytest.raises(CannotWrite, match=r"(?s)could not be brought up to date.*File exists.*unharmed"):
        index.search("maakuntaohjelman")
    index.close()
