"""The figures of data quality, made once per generation in a thread and kept.

A reader waits for them a few seconds at most; who comes while they are being made is told so. The points of
our catalogue are foretold from the dumps that stand, without asking the web.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, TypeVar

from api.linked.state import LinkedData
from kymgraph.dataset import Dataset
from kymgraph.net import Client
from kymgraph.project import Project
from kymgraph.publishing import catalog_rdf
from kymgraph.publishing.dcat import Catalogue
from kymgraph.quality import check as checks
from kymgraph.quality.data import DataQuality, measure
from kymgraph.quality.metrics import DIMENSIONS, METRICS
from kymgraph.quality.reading import LIMITS
from kymgraph.rdf import restore_datatypes

T = TypeVar("T")

#: Seconds that a reader waits for figures, and after which to ask again where that was too short.
WAIT: Final = 4.0
RETRY: Final = 5


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of the metadata quality assessment: its points, and the most there could be."""

    id: str
    points: float
    possible: float
    most: int
    lost: tuple[str, ...]  #: metrics on which some dataset loses points
    unchecked: tuple[str, ...]  #: metrics that nobody has looked at


@dataclass(frozen=True, slots=True)
class CatalogueQuality:
    """What our own catalogue would get, as far as that can be told without asking the web."""

    generation: int
    datasets: int
    points: float
    possible: float
    most: int
    dimensions: tuple[Dimension, ...]


class QualityKeeper:
    """The figures of the newest generation that was asked for. One per front process."""

    def __init__(self, project: Project, dataset: Dataset, linked: LinkedData) -> None:
        self._project, self._dataset, self._linked = project, dataset, linked
        self._data: tuple[int, asyncio.Task[DataQuality]] | None = None
        self._catalogue: tuple[tuple[int, str], asyncio.Task[CatalogueQuality]] | None = None

    async def data(self, wait: float = WAIT) -> DataQuality | None:
        """The figures of the current generation; None if they are not made within `wait` seconds."""
        generation = self._dataset.generation
        known = self._data
        if known is None or (known[0] != generation and known[1].done()) or _failed(known[1]):
            # While older figures are being made no others are begun: commits may come faster than figures.
            known = self._data = generation, asyncio.create_task(asyncio.to_thread(self._measure))
        return await _within(known[1], wait)

    async def catalogue(
        self, found: Catalogue | None, address: str, wait: float = WAIT
    ) -> CatalogueQuality | None:
        """The points of the catalogue that readers find at `address`; None if they are not known yet."""
        if found is None:
            return None
        key = found.generation, address
        known = self._catalogue
        if known is None or (known[0] != key and known[1].done()) or _failed(known[1]):
            made = asyncio.to_thread(foretell, found, address)
            known = self._catalogue = key, asyncio.create_task(made)
        return await _within(known[1], wait) if known[0] == key else None

    def _measure(self) -> DataQuality:
        return measure(self._linked.view(), self._project)


def _failed(task: asyncio.Task[DataQuality] | asyncio.Task[CatalogueQuality]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


async def _within(task: asyncio.Task[T], seconds: float) -> T | None:
    await asyncio.wait([task], timeout=seconds)
    return task.result() if task.done() else None


def foretell(found: Catalogue, address: str) -> CatalogueQuality:
    """The points of a catalogue as `kymgraph catalog check --no-urls` counts them."""
    quads = restore_datatypes(catalog_rdf.quads(found))
    done = checks.from_quads(quads, address + "/catalog", Client([]), ask=False, limits=LIMITS)
    dimensions = []
    for dimension in DIMENSIONS:
        metrics = [metric for metric in METRICS if metric.dimension == dimension]
        states = {metric.id: [score.states[metric.id] for score in done.scores] for metric in metrics}
        most = len(done.scores) or 1
        sure = sum(metric.points * states[metric.id].count(True) for metric in metrics) / most
        lost = sum(metric.points * states[metric.id].count(False) for metric in metrics) / most
        whole = sum(metric.points for metric in metrics)
        dimensions.append(
            Dimension(
                dimension,
                sure,
                whole - lost,
                whole,
                tuple(metric.id for metric in metrics if False in states[metric.id]),
                tuple(metric.id for metric in metrics if None in states[metric.id]),
            )
        )
    return CatalogueQuality(
        found.generation, len(done.scores), done.points, done.possible, done.most, tuple(dimensions)
    )
