"""Tables for pages: the rows of named queries with labels and links, all of one page from one generation.

A page asks REST routes (`api/queries/*.rq`) by name, so what it shows can be had as JSON, CSV and XLSX too,
and the query behind it can be opened in the editor.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from api.linked.paths import path_of
from api.negotiate import LANGUAGES, Language
from api.pages import cell, shorten
from api.rest.request import API
from kymgraph.publishing import items, paging
from kymgraph.publishing.items import Cell, Row
from kymgraph.publishing.paging import Page
from kymgraph.publishing.routes import LABELLED, Route
from kymgraph.queries import substitute

if TYPE_CHECKING:
    from api.deps import Services

#: Rows that a page asks for at most.
MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Value:
    """One cell of a table: what to show, where it leads, and what it is."""

    text: str
    iri: str = ""  #: of a thing
    href: str = ""  #: its page here, or its own address if that is http(s)
    lang: str = ""  #: of the text, where it is not the page's
    plain: Any = None  #: as JSON has it: numbers and booleans for computing

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Table:
    """The rows of one named query; `more` says that there are others which were not asked for."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Value | None]]
    more: bool
    generation: int
    path: str  #: of the REST route with its parameters, for downloads: `path + "format=csv"`
    sparql: str  #: the query with its parameters at their places

    @cached_property
    def editor(self) -> str:
        """The path of the SPARQL page with this query in it."""
        return f"/sparql?{urlencode({'query': self.sparql}, quote_via=quote)}"

    def download(self, format: str) -> str:
        """The path of the same rows as json, csv or xlsx."""
        return f"{self.path}{'&' if '?' in self.path else '?'}format={format}"


class Asking:
    """What one page asks. The first answer fixes the generation of all."""

    def __init__(self, services: Services, lang: Language) -> None:
        self.services, self.lang = services, lang
        self.generation = services.dataset.generation
        self._routes = {route.name: route for route in services.rest.routes}

    async def table(self, name: str, /, *, limit: int = MOST, **parameters: str) -> Table:
        """The rows of the route `name`; parameters as in its address, slugs or IRIs.

        Raises KeyError for a route that the project does not have, BadParameter, and what a query raises.
        """
        route = self._routes[name]
        query = route.query
        bindings = query.bind(parameters, self.services.project.base)
        languages = (self.lang, *(code for code in LANGUAGES if code != self.lang))
        page = Page(limit=limit, columns=tuple(route.columns), languages=languages)
        rows = items.read(await self._ask(paging.rows(route, page), bindings), route, page)
        text = "\n".join(line for line in query.text.splitlines() if not line.startswith("#+")).strip()
        return Table(
            name=name,
            columns=tuple(route.columns),
            rows=[self._row(row, route) for row in rows[:limit]],
            more=len(rows) > limit,
            generation=self.generation,
            path=_path(route, parameters),
            sparql=substitute(text, bindings),
        )

    async def select(self, text: str) -> list[dict[str, Cell]]:
        """The rows of a SELECT in SPARQL JSON, for what no named query gives. Raises what a query raises."""
        rows: list[dict[str, Cell]] = json.loads(await self._ask(text, {}))["results"]["bindings"]
        return rows

    async def _ask(self, text: str, bindings: Mapping[str, str]) -> bytes:
        # The texts are ours: they do not count against a reader's share of slow queries.
        answer = await self.services.dataset.answer(
            text, format="json", bindings=bindings, at=self.generation, client=""
        )
        return answer.body if answer.body is not None else await asyncio.to_thread(answer.read)

    def has(self, name: str) -> bool:
        """Whether the project has a route of this name: another region's may have fewer."""
        return name in self._routes

    def page_of(self, iri: str, **more: str) -> str:
        """The path of a thing's page in the reader's language."""
        return path_of(self.services.project.base, "page", iri, more={**more, "lang": self.lang})

    def thing(self, iri: str, label: str = "", lang: str = "") -> Value:
        """A thing as a value: by its label, for want of one by its IRI with a prefix; a link to its page."""
        text = label or shorten(iri, self.services.prefixes)
        return Value(text, iri, self._href(iri), lang if label and lang != self.lang else "", iri)

    def _row(self, row: Row, route: Route) -> dict[str, Value | None]:
        return {column: self._value(row, column, kind) for column, kind in route.columns.items()}

    def _value(self, row: Row, column: str, kind: str) -> Value | None:
        term = row.cells.get(column)
        if term is None:
            return None
        if term["type"] != "uri":
            own = term.get("xml:lang", "")
            plain = items.value(row, column, kind)
            return Value(term["value"], lang="" if own == self.lang else own, plain=plain)
        iri = term["value"]
        label = row.labels.get(column) if kind in LABELLED else None
        return self.thing(iri, label.text, label.lang) if label else self.thing(iri)

    def _href(self, iri: str) -> str:
        base = self.services.project.base
        if iri.startswith((base.ids, base.graphs, base.iri + "ontology")):
            return self.services.root + self.page_of(iri)
        return cell({"type": "uri", "value": iri}, {}).href or ""


def _path(route: Route, parameters: Mapping[str, str]) -> str:
    path = route.path
    rest = dict(parameters)
    for name in route.path_params:
        path = path.replace("{" + name + "}", quote(rest.pop(name), safe=""))
    return API + path + (f"?{urlencode(rest, quote_via=quote)}" if rest else "")
