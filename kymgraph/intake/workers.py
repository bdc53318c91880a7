"""What intake needs of a dataset: its settings, the current state, and a worker process to read in."""

from __future__ import annotations

import asyncio
from typing import Protocol

from kymgraph.changeset import Changeset, from_patch
from kymgraph.project import Project
from kymgraph.store.workers import Answer, Job


class Workers(Protocol):
    """A dataset, as far as foreign content is concerned: it is read in a worker over the current state."""

    @property
    def project(self) -> Project: ...

    async def run(self, job: Job, *, client: str = "", deadline: float | None = None) -> Answer:
        """Have a worker do the job; `deadline` is in seconds."""
        ...


async def made(dataset: Workers, job: Job, *, client: str, deadline: float | None) -> Changeset:
    """The changeset that a worker makes of a job. Raises what the job ends in."""
    answer = await dataset.run(job, client=client, deadline=deadline)
    try:
        return await asyncio.to_thread(from_patch, answer.read(), name=job.name)
    finally:
        answer.close()
