"""Wikidata through its reconciliation service, which is slow: at most ten questions together, and patience.

Where YSO places, to which a place of ours is linked, names the item of Wikidata itself, that item is looked
up instead of searched for: a link made by people who know both sides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kymgraph.errors import FetchFailed
from kymgraph.linking.asking import Asker
from kymgraph.linking.decisions import Text
from kymgraph.linking.entities import Entity
from kymgraph.linking.vocabulary import Entry

URL: Final = "https://wikidata.reconci.link/fi/api"
IRI: Final = "http://www.wikidata.org/entity/"
#: Questions in one request; larger ones are answered with 502 and 504.
BATCH: Final = 10
_HITS: Final = 5
_ITEM: Final = re.compile(r"Q[1-9]\d{0,14}")


@dataclass
class Wikidata:
    """Items of Wikidata; `via` gives, by our IRI, concepts of YSO places and the items that these name."""

    asker: Asker
    url: str = URL
    via: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    iri: str = IRI
    _found: dict[str, list[Entry]] = field(default_factory=dict, repr=False)

    def prepare(self, entities: Sequence[Entity]) -> None:
        """Ask for these, ten questions at a time. Raises FetchFailed, HostNotAllowed."""
        asked = [(entity, question) for entity in entities for question in self._questions(entity)]
        for start in range(0, len(asked), BATCH):
            for entity, entry in self._answers(asked[start : start + BATCH]):
                self._found.setdefault(entity.iri, []).append(entry)
        for entity in entities:
            self._found.setdefault(entity.iri, [])

    def candidates(self, entity: Entity) -> list[Entry]:
        if entity.iri not in self._found:
            self.prepare([entity])
        return list({entry.iri: entry for entry in self._found[entity.iri]}.values())

    def entry(self, iri: str) -> Entry | None:
        """An item as it is now, with the one name that the service gives; None if it is not there."""
        item = iri.removeprefix(IRI)
        if not _ITEM.fullmatch(item):
            return None
        told = self._ask({"q0": {"query": item, "limit": 1}})
        found = [entry for entry in _entries(told.get("q0"), {}) if entry.iri == iri]
        return found[0] if found else None

    def _questions(self, entity: Entity) -> list[dict[str, Any]]:
        stated = [item for _, item in self.via.get(entity.iri, ()) if _ITEM.fullmatch(item.removeprefix(IRI))]
        if stated:
            return [{"query": item.removeprefix(IRI), "limit": 1} for item in stated]
        return [{"query": entity.name("fi"), "limit": _HITS}]

    def _answers(self, batch: list[tuple[Entity, dict[str, Any]]]) -> list[tuple[Entity, Entry]]:
        told = self._ask({f"q{number}": question for number, (_, question) in enumerate(batch)})
        found = []
        for number, (entity, _) in enumerate(batch):
            stated = {item: concept for concept, item in self.via.get(entity.iri, ())}
            for entry in _entries(told.get(f"q{number}"), stated):
                found.append((entity, entry))
        return found

    def _ask(self, questions: Mapping[str, Any]) -> dict[str, Any]:
        told = self.asker.json(
            self.url, {"queries": json.dumps(questions, ensure_ascii=False, sort_keys=True)}
        )
        if not isinstance(told, dict) or not set(questions) <= set(told):
            raise FetchFailed(
                f"{self.url} did not answer all {len(questions)} questions of a request; "
                "nothing was taken over"
            )
        return told


def _entries(answer: Any, stated: Mapping[str, str]) -> list[Entry]:
    results = answer.get("result") if isinstance(answer, dict) else None
    found = []
    for one in results if isinstance(results, list) else ():
        item, name = (one.get("id"), one.get("name")) if isinstance(one, dict) else (None, None)
        if not isinstance(item, str) or not _ITEM.fullmatch(item) or not isinstance(name, str):
            continue
        kinds = one.get("type")
        types = (
            [kind.get("name") for kind in kinds if isinstance(kind, dict)] if isinstance(kinds, list) else []
        )
        found.append(
            Entry(
                iri=IRI + item,
                # The service answers in the reader's language if it can, and does not say when it cannot.
                names=(Text(name),),
                types=tuple(kind for kind in types if isinstance(kind, str)),
                vocabulary=IRI,
                via=stated.get(IRI + item, ""),
            )
        )
    return found
