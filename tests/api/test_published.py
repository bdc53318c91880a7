"""Dumps are made beside the server: not while commits come in, not twice at a time; nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from api import published
from api.linked.state import LinkedData
from api.problems import problem
from api.published import DumpsNotReady, Published
from kymgraph import files
from kymgraph.dataset import Dataset
from kymgraph.errors import CannotWrite
from kymgraph.publishing import dumps
from kymgraph.store.embedded import EmbeddedStore, move_pointer
from tests.conftest import MakeProject

DATA = {"data/first.ttl": "x:a x:p 1 .", "data/second.ttl": "x:b x:p 2 ."}


@pytest.fixture
def dataset(make_project: MakeProject) -> Dataset:
    project = make_project(DATA)
    read = files.read(project)
    store = EmbeddedStore(project.store_folder)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return Dataset.open(project, store.folder)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "_POLL", 0.02)
    monkeypatch.setattr(published, "_QUIET", 0.5)
    monkeypatch.setattr(published, "_WAIT", 0.2)


class Recorded(Published):
    """Makes the dumps in this process, and remembers of which generations."""

    def __init__(self, dataset: Dataset, *, ahead: bool, fails: bool = False) -> None:
        super().__init__(dataset.project, dataset, LinkedData(dataset.project, dataset), ahead=ahead)
        self.made: list[int] = []
        self._fails = fails

    async def _make(self) -> None:
        self.made.append(self._dataset.generation)
        if self._fails:
            raise CannotWrite("the disk is full")
        make(self._dataset)


def make(dataset: Dataset) -> None:
    folder = dataset.store.folder / dumps.FOLDER
    with dumps.lock(folder):
        dumps.make(dataset.view(), dataset.project, folder, built=dumps.built(dataset.store.folder))


def advance(store: Path, generation: int) -> None:
    """The state of the generation before stands as the next, as after a commit."""
    (store / "checkpoints" / str(generation - 1)).rename(store / "checkpoints" / str(generation))
    move_pointer(store, generation)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


def test_a_storm_of_commits_makes_one_set_of_dumps_at_its_end(dataset: Dataset) -> None:
    async def run() -> list[int]:
        found = Recorded(dataset, ahead=True)
        found.start()
        await until(lambda: found.made == [1])
        for generation in range(2, 12):
            advance(dataset.store.folder, generation)
            await asyncio.sleep(0.01)
        await until(lambda: found.made[-1] == 11)
        await asyncio.sleep(0.1)
        await found.close()
        return found.made

    assert asyncio.run(run()) == [1, 11]


def test_without_being_asked_a_server_that_does_not_work_ahead_makes_none(dataset: Dataset) -> None:
    async def run() -> tuple[list[int], int, int]:
        found = Recorded(dataset, ahead=False)
        found.start()
        await asyncio.sleep(0.1)
        before = list(found.made)
        first = (await found.dumps()).generation
        advance(dataset.store.folder, 2)
        older = (await found.dumps()).generation
        await until(lambda: found.made == [1, 2])
        await found.close()
        return before, first, older

    assert asyncio.run(run()) == ([], 1, 1), "until newer ones stand, the older ones are served"


def test_before_the_first_dumps_stand_readers_are_told_when_to_ask_again(dataset: Dataset) -> None:
    async def run(fails: bool) -> DumpsNotReady:
        found = Recorded(dataset, ahead=False, fails=True) if fails else Published(
            dataset.project, dataset, LinkedData(dataset.project, dataset), ahead=False
        )  # fmt: skip
        if fails:
            found.start()
        with pytest.raises(DumpsNotReady) as refused:
            await found.catalogue("http://x.example")
        assert await found.known("http://x.example") is None
        await found.close()
        return refused.value

    for fails in (False, True):
        error = asyncio.run(run(fails))
        told = problem(error, "en")
        assert (told.status, told.headers["retry-after"]) == (503, "5")
        assert ("the disk is full" in told.detail) is fails


def test_dumps_of_a_generation_that_is_kept_no_longer_are_as_good_as_none(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(dataset)
    store = dataset.store.folder

    async def run() -> None:
        found = Published(dataset.project, dataset, LinkedData(dataset.project, dataset), ahead=False)
        assert (await found.catalogue("http://x.example"))[1].generation == 1
        advance(store, 2)
        # Another front process, which has not read the first generation.
        other = Published(dataset.project, dataset, LinkedData(dataset.project, dataset), ahead=False)
        with pytest.raises(DumpsNotReady, match="generation 1"):
            await other.catalogue("http://x.example")
        make(dataset)
        assert (await other.catalogue("http://x.example"))[1].generation == 2

    asyncio.run(run())


def test_a_front_process_leaves_the_dumps_to_the_one_that_is_making_them(dataset: Dataset) -> None:
    folder = dataset.store.folder / dumps.FOLDER

    async def run() -> Path | None:
        found = Published(dataset.project, dataset, LinkedData(dataset.project, dataset), ahead=True)
        with dumps.lock(folder):
            await found._make()
        return next(folder.glob("[0-9]*"), None)

    assert asyncio.run(run()) is None


def test_the_process_beside_the_server_makes_what_is_then_described(dataset: Dataset) -> None:
    async def run() -> tuple[int, list[str]]:
        found = Published(dataset.project, dataset, LinkedData(dataset.project, dataset), ahead=False)
        await found._make()
        made, catalogue = await found.catalogue("http://x.example")
        return made.generation, [one.name for one in catalogue.datasets]

    assert asyncio.run(run()) == (1, ["kymgraph", "first", "second"])
