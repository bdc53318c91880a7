"""YSO, YSO places and their sisters as Finto serves them: the REST interface of Skosmos, version 1.

Finto asks for one request at a time; `Asker` keeps to that. A search gives IRIs, and each concept is then
read whole, since only the whole says what it is called in other languages, what is wider, what replaced it.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from kymgraph.errors import FetchFailed, RdfSyntaxError
from kymgraph.linking.asking import Asker, NotThere
from kymgraph.linking.decisions import Text
from kymgraph.linking.entities import Entity
from kymgraph.linking.vocabulary import Entry, read_skos
from kymgraph.rdf import NamedNode

URL: Final = "https://api.finto.fi/rest/v1/"
#: The vocabularies that links are made to, by their name at Finto.
SCHEMES: Final = {
    "yso": "http://www.yso.fi/onto/yso/",
    "yso-paikat": "http://www.yso.fi/onto/yso/places",
}
#: Hits of one search, and concepts that are then read whole.
_HITS: Final = 10
_LANGS: Final = ("fi", "sv", "en")


@dataclass
class Finto:
    """One vocabulary of Finto."""

    name: str  #: as Finto calls it
    asker: Asker
    url: str = URL
    iri: str = field(init=False)

    def __post_init__(self) -> None:
        self.iri = SCHEMES[self.name]
        self.url = self.url.rstrip("/") + "/"

    def prepare(self, entities: Sequence[Entity]) -> None:
        """Nothing: Finto takes no questions together."""

    def candidates(self, entity: Entity) -> list[Entry]:
        """The concepts that a search by the entity's names finds; in the next language if one finds none."""
        for lang in _LANGS:
            found: dict[str, None] = {}
            for text in (*entity.names, *entity.others):
                if text.lang == lang:
                    found.update(dict.fromkeys(self._search(text)))
            entries = [entry for iri in list(found)[:_HITS] if (entry := self.entry(iri)) is not None]
            if entries:
                return entries
        return []

    def entry(self, iri: str) -> Entry | None:
        """A concept as Finto has it now."""
        url = f"{self.url}{self.name}/data?{urllib.parse.urlencode({'uri': iri, 'format': 'text/turtle'})}"
        try:
            data = self.asker.turtle(url)
        except NotThere:
            return None
        try:
            read = read_skos(data, "ttl", url, iri=self.iri)
        except RdfSyntaxError as error:
            raise FetchFailed(f"{url[:200]} answered with what is no Turtle: {error.detail}") from None
        found = read.entries.get(iri)
        day = self.asker.read_on(url, accept="text/turtle")
        return replace(found, vocabulary=self.iri, release=f"Finto {day}") if found else None

    def links_of(self, iri: str) -> list[str]:
        """What the vocabulary itself states as matches of one of its concepts, in other vocabularies."""
        url = f"{self.url}{self.name}/mappings?{urllib.parse.urlencode({'uri': iri, 'external': 'true'})}"
        try:
            told = self.asker.json(url)
        except NotThere:
            return []
        mappings = told.get("mappings") if isinstance(told, dict) else None
        found: dict[str, None] = {}
        for mapping in mappings if isinstance(mappings, list) else ():
            ends = mapping.get("to") if isinstance(mapping, dict) else None
            members = ends.get("memberSet") if isinstance(ends, dict) else None
            for member in members if isinstance(members, list) else ():
                if isinstance(member, dict) and (other := _iri(member.get("uri"))):
                    found[other] = None
        return list(found)

    def _search(self, text: Text) -> list[str]:
        # A star of one's own would search for everything.
        asked = {"query": text.value.replace("*", " ").strip() + "*", "lang": text.lang, "unique": "true"}
        url = f"{self.url}{self.name}/search?{urllib.parse.urlencode({**asked, 'maxhits': str(_HITS)})}"
        told = self.asker.json(url)
        results = told.get("results") if isinstance(told, dict) else None
        if not isinstance(results, list):
            raise FetchFailed(
                f"{url[:200]} answered with JSON that is no list of results; nothing was taken over"
            )
        return [iri for one in results if isinstance(one, dict) and (iri := _iri(one.get("uri")))]


def _iri(value: Any) -> str:
    """A web address that can stand in RDF; empty for anything else."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return ""
    try:
        return NamedNode(value).value
    except ValueError:
        return ""
