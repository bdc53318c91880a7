"""A project with a store and workers over it, as far as intake needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kymgraph import files
from kymgraph.changeset import Changeset
from kymgraph.project import Project
from kymgraph.rdf import Quad
from kymgraph.store.embedded import CheckpointView, EmbeddedStore
from kymgraph.store.workers import Answer, Job, WorkerPool

T = TypeVar("T")


@dataclass
class Site:
    """A project, its store, and workers that live as long as one `run`."""

    project: Project
    store: EmbeddedStore
    options: dict[str, Any] = field(default_factory=dict)
    pool: WorkerPool | None = None

    def view(self, at: int | None = None) -> CheckpointView:
        return self.store.view(at)

    async def run(self, job: Job, *, client: str = "", deadline: float | None = None) -> Answer:
        assert self.pool is not None
        return await self.pool.run(job, client=client, deadline=deadline)

    def do(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run asynchronous work while there are workers."""

        async def with_workers() -> T:
            path = self.store.checkpoint_path()
            options = {"fast": 1, "slow": 1, "spare": 0, "promote_after": 5.0, **self.options}
            async with WorkerPool(lambda: (1, path), **options) as self.pool:
                return await work()

        return asyncio.run(with_workers())

    def after(self, change: Changeset) -> set[Quad]:
        """The named graphs and, in strict projects, the default graph after a change that has to be exact."""
        there = set(self.view().quads())
        if self.project.default_graph == "strict":
            from kymgraph.rdf import DEFAULT_GRAPH

            there |= set(self.view().quads(graph=DEFAULT_GRAPH))
        assert change.base == 1
        assert change.removed <= there
        assert not change.added & there
        return (there - change.removed) | change.added


MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(make_project: Callable[..., Project], tmp_path: Path) -> MakeSite:
    """make_site({"data/a.ttl": "x:a x:p 1 ."}, toml="…", deadline=1.0): a project and its store."""

    def make(contents: Mapping[str, str] = {}, toml: str = "", **options: Any) -> Site:
        project = make_project(contents, toml)
        read = files.read(project)
        store = EmbeddedStore(tmp_path / "store")
        store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
        return Site(project, store, options)

    return make
