"""Columns of values for things that were matched, and a glance at one of them (data extension, preview)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from kymgraph.errors import QueryTooLarge
from kymgraph.namespaces import PREFIXES, RDF
from kymgraph.rdf import Literal, NamedNode, Term
from kymgraph.reconcile.input import Column, Extension
from kymgraph.reconcile.read import Reading, State, Thing
from kymgraph.reconcile.values import literal_cell
from kymgraph.reconcile.vocabulary import NAMES, TEXTS, best

#: Values that one extension may come to.
_ALL_VALUES: Final = 20_000
#: Values of a property that a preview names, and seconds that reading for it may take.
_FACT_VALUES: Final = 3
_SECONDS: Final = 15.0
#: Properties that a preview does not tell: what it shows otherwise, and where a fact was found.
_UNTOLD: Final = frozenset({RDF + "type", *NAMES, *TEXTS}) | {
    PREFIXES["kym"] + name for name in ("restsOn", "asPrinted", "citation", "reason", "ordinal", "phrase")
}


class Extender:
    """Values of properties, as cells that a table can hold."""

    def __init__(self, state: State) -> None:
        self._state, self._vocabulary = state, state.vocabulary
        self._described: dict[tuple[str, str], list[str]] = {}

    def propose(self, type_id: str, lang: str, *, limit: int) -> dict[str, Any]:
        """The properties worth fetching of things of a type, the commonest first; without a type, all."""
        iri = self._vocabulary.type_of(type_id) if type_id else None
        if iri is not None:
            found = self._described_with(iri, lang)
        else:
            found = [] if type_id else [i.iri for i in self._vocabulary.suggest_properties("", lang)]
        named = [{"id": one, "name": self._vocabulary.name(one, lang)} for one in found[:limit]]
        return {"properties": named, "limit": limit} | ({"type": type_id} if type_id else {})

    def extend(self, asked: Extension, *, lang: str, seconds: float) -> dict[str, Any]:
        """Property values of entities, as cells of a table. Raises QueryTooLarge, QueryTimeout."""
        count, things = 0, Reading(self._state.view, seconds)
        rows: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for entity in asked.ids:
            things.check()
            iri = self._state.identified(entity)
            rows[entity] = {}
            for column in asked.columns:
                values = self._state.values(iri, column.pid) if iri is not None else []
                rows[entity][column.pid] = self._cells(values, column, lang, things)
                count += len(rows[entity][column.pid])
            if count > _ALL_VALUES:
                raise QueryTooLarge(
                    f"nothing was answered: more than {_ALL_VALUES:,} values",
                    hint="ask for fewer entities, or set a limit for each property",
                )
        return {"meta": [self._meta(column, lang) for column in asked.columns], "rows": rows}

    def _meta(self, column: Column, lang: str) -> dict[str, Any]:
        iri = self._vocabulary.property_of(column.pid)
        meta: dict[str, Any] = {
            "id": column.pid,
            "name": self._vocabulary.name(iri, lang) if iri else column.pid,
        }
        item = self._vocabulary.properties.get(iri or "")
        if item and item.range and item.range in self._vocabulary.types and not column.as_id:
            meta["type"] = {"id": item.range, "name": self._vocabulary.name(item.range, lang)}
        return meta

    def _cells(
        self, values: Iterable[Term], column: Column, lang: str, things: Reading
    ) -> list[dict[str, Any]]:
        values = list(values)
        texts = {one.language.lower() for one in values if isinstance(one, Literal) and one.language}
        # Of texts that are there in several languages a cell holds those in the reader's.
        order = (lang, *self._state.project.languages, *sorted(texts))
        reading = next((code for code in order if code in texts), None)
        cells = []
        for value in values:
            if isinstance(value, NamedNode):
                cells.append(self._entity_cell(value.value, column, lang, things))
            elif isinstance(value, Literal) and (value.language or "").lower() in (reading, ""):
                cells.append(literal_cell(value))
        cells.sort(key=lambda cell: str(cell.get("name", next(iter(cell.values()), ""))))
        return cells[: column.limit] if column.limit else cells

    def _entity_cell(self, iri: str, column: Column, lang: str, things: Reading) -> dict[str, str]:
        if column.as_id:
            return {"str": iri}
        thing = things[iri]
        name = best(thing.names, lang, self._state.project.languages)
        if not name and not iri.startswith(self._state.project.base.iri):
            return {"str": iri}
        return {"id": iri, "name": name or self._vocabulary.short(iri)}

    # -- preview

    def facts(self, thing: Thing, lang: str, *, most: int) -> list[tuple[str, str]]:
        """A few facts as names of property and value: first those that things of its type have oftenest."""
        kind = min(thing.types, default="", key=lambda iri: (iri not in self._vocabulary.used, iri))
        things = Reading(self._state.view, _SECONDS)
        found: list[tuple[str, str]] = []
        for pid in self._described_with(kind, lang):
            if pid in _UNTOLD or len(found) == most:
                continue
            values = self._state.values(thing.iri, pid)[:_FACT_VALUES]
            cells = self._cells(values, Column(pid), lang, things)
            if cells:
                texts = [str(cell.get("name", next(iter(cell.values()), ""))) for cell in cells]
                found.append((self._vocabulary.name(pid, lang), ", ".join(texts)))
        return found

    def _described_with(self, type_iri: str, lang: str) -> list[str]:
        if (type_iri, lang) not in self._described:
            found = self._vocabulary.described_with(self._state.view, type_iri, lang)
            self._described[type_iri, lang] = found
        return self._described[type_iri, lang]
