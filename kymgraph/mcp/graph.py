"""The graph as the tools share it: an open dataset, its prefixes, its search index and the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kymgraph.access import FILE, Access
from kymgraph.dataset import Dataset, whole
from kymgraph.errors import BadParameter, IndexNotReady
from kymgraph.mcp.terms import Names
from kymgraph.project import Project
from kymgraph.rdf import Literal
from kymgraph.results import Rows, rows
from kymgraph.settings import Settings

if TYPE_CHECKING:
    from kymgraph.search.index import Found, SearchIndex

#: Seconds after which an index that is not there is given up for this time; programs give a tool a minute.
_PATIENCE: Final = 40.0
#: Where a fact stands says what kind of fact it is; what stands elsewhere is stated by its source.
KINDS: Mapping[str, str] = {
    "lineage": "inferred",
    "background": "background",
    "translations": "translation",
    "ontology": "definition",
    "links": "link",
    "ledger": "ledger",
    "catalog": "catalogue",
}


class Graph:
    """One open dataset for one agent. Close it with `aclose`."""

    def __init__(
        self,
        project: Project,
        store: Path,
        settings: Settings,
        *,
        token: Callable[[], str] = str,
        lang: str | None = None,
    ) -> None:
        # One agent asks now and then: fewer processes than a server has, which has many readers.
        self.dataset = Dataset.open(
            project, store, settings=settings, fast=min(2, settings.fast_workers), slow=1, spare=0
        )
        self.project, self.settings = project, settings
        self.token = token  #: gives the token of now, or an empty text
        self.names = Names(project.prefixes)
        self.access = Access(store / FILE)
        self._lang = lang
        self._index: SearchIndex | None = None
        self._indexing = asyncio.Lock()
        self.proposing = asyncio.Lock()  #: judging takes a process of its own, so changes take turns

    async def aclose(self) -> None:
        """End the workers and let the files go."""
        await self.dataset.aclose()
        self.access.close()
        if self._index is not None:
            self._index.close()

    # -- languages

    def language(self, asked: str | None) -> str:
        """The language to answer in. Raises BadParameter for one that the project does not have."""
        languages = self.project.languages
        if asked is None or not asked.strip():
            return self._lang if self._lang in languages else "en" if "en" in languages else languages[0]
        if asked.strip().lower() not in languages:
            raise BadParameter(
                f"language: {asked!r} is no language of this graph",
                hint=f"Give one of {', '.join(languages)}.",
            )
        return asked.strip().lower()

    def best(self, labels: Mapping[str, str], lang: str) -> str | None:
        """The label in `lang`, else in the order in which the project falls back, else any."""
        for one in (lang, *self.project.languages):
            if one in labels:
                return labels[one]
        return next(iter(labels.values()), None)

    # -- queries of our own

    async def select(self, text: str, bindings: Mapping[str, str] | None = None) -> Rows:
        """The rows of a query of ours, which has a LIMIT; it runs in a worker like everybody's."""
        return rows(await whole(await self.dataset.answer(text, format="json", bindings=bindings)))

    # -- search

    async def index(self) -> SearchIndex:
        """The search index, which keeps itself at the newest generation."""
        async with self._indexing:
            if self._index is None:
                self._index = await asyncio.to_thread(self._open_index)
            return self._index

    async def found(self, query: str, **asked: Any) -> Found:
        """What `SearchIndex.search` finds, waiting a while for an index that is being made.

        Raises what it raises; IndexNotReady after `_PATIENCE`.
        """
        index = await self.index()
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            try:
                return await asyncio.to_thread(partial(index.search, query, **asked))
            except IndexNotReady:
                if loop.time() > until:
                    raise
            await asyncio.sleep(0.2)

    def _open_index(self) -> SearchIndex:
        from kymgraph.search.index import SearchIndex

        index = SearchIndex(self.project, self.dataset.store.folder / "search")
        index.follow(self.dataset)
        return index

    # -- names of graphs

    def graph_name(self, iri: str) -> str:
        return self.project.base.graph_name(iri) or iri

    def kind(self, graph: str) -> str:
        """What kind of fact stands in a graph of this name."""
        if graph.startswith("harvest/"):
            return "harvested"
        return KINDS.get(graph, "stated")


def labels(terms: Sequence[object]) -> dict[str, str]:
    """Literals by language; those without one under the empty text. The first of a language stays."""
    found: dict[str, str] = {}
    for term in terms:
        if isinstance(term, Literal):
            found.setdefault((term.language or "").lower(), term.value)
    return found
