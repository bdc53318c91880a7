"""Kymgraph: a validated, evidenced knowledge graph of regional development, its store and its endpoint.

`kymgraph.open(path)` opens the dataset of a graph project for reading. Importing this package loads
nothing heavy, so that the command line answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from kymgraph.dataset import Dataset

__version__ = "0.1.0"
__all__ = ["__version__", "open"]


def open(path: str | Path | None = None, *, store: str | Path | None = None) -> Dataset:
    """Open the dataset of the graph project at `path` (default: found from the working folder upwards).

    `store` is the store folder, by default `.kymgraph` in the project. Raises ProjectError when there is
    no project and StoreMissing when it has not been built.
    """
    from kymgraph.dataset import Dataset
    from kymgraph.project import Project

    return Dataset.open(Project.find(path), store)
