"""What the REST routes keep while the server runs: the routes, and how things are framed."""

from __future__ import annotations

import asyncio

from kymgraph.dataset import Dataset
from kymgraph.project import ONTOLOGY_GRAPH, Project
from kymgraph.publishing.context import context
from kymgraph.publishing.frames import Framer
from kymgraph.publishing.routes import Route
from kymgraph.rdf import NamedNode


class Rest:
    """The routes of a project, and the context of the ontology as the newest generation holds it."""

    def __init__(self, project: Project, dataset: Dataset, routes: list[Route]) -> None:
        self.routes = routes
        self._project, self._dataset = project, dataset
        self._framer: tuple[int, Framer] | None = None

    async def framer(self) -> tuple[int, Framer]:
        """What frames by the current context, and the generation that it was read from."""
        generation = self._dataset.generation
        if self._framer is None or self._framer[0] != generation:
            self._framer = await asyncio.to_thread(self._read)
        return self._framer

    def _read(self) -> tuple[int, Framer]:
        view = self._dataset.view()
        quads = view.quads(graph=NamedNode(self._project.base.graph(ONTOLOGY_GRAPH)))
        return view.generation, Framer(context(self._project, quads))
