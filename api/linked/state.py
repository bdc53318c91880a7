"""What linked data keeps between requests: the list of renamed things, open views, what commits touched."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from kymgraph.dataset import Dataset
from kymgraph.project import Project
from kymgraph.publishing import redirects
from kymgraph.publishing.schema_org import Vocabulary
from kymgraph.publishing.touched import Touched
from kymgraph.view import View

#: Generations held open at a time.
_OPEN: Final = 3


class LinkedData:
    """Made once at start-up. Raises ProjectError where the list of renamed things is wrong."""

    def __init__(self, project: Project, dataset: Dataset) -> None:
        self._dataset = dataset
        self.redirects = redirects.load(project)
        self.touched = Touched(dataset.store.folder)
        self._views: OrderedDict[int, View] = OrderedDict()
        self._vocabulary: tuple[int, Vocabulary] | None = None
        self._turn = threading.Lock()

    def view(self, at: int | None = None) -> View:
        """A generation, by default the current one, open for reading. Blocks when it is first asked for.

        Opening one takes longer than reading a resource from it. Raises GenerationNotKept.
        """
        generation = self._dataset.generation if at is None else at
        with self._turn:
            view = self._views.get(generation)
            if view is None:
                view = self._views[generation] = self._dataset.view(at)
                if view.generation != generation:  # a commit came between
                    self._views[view.generation] = self._views.pop(generation)
            self._views.move_to_end(view.generation)
            while len(self._views) > _OPEN:
                self._views.popitem(last=False)
        return view

    def vocabulary(self, project: Project, at: int | None = None) -> Vocabulary:
        """What the ontology aligns with schema.org, looked up once per generation. Blocks."""
        view = self.view(at)
        known = self._vocabulary
        if known is None or known[0] != view.generation:
            known = self._vocabulary = view.generation, Vocabulary.of(view, project)
        return known[1]
