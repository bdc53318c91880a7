"""Which lines of which source document a fact rests on, for all facts of a page in one query.

A fact is a resource with `kym:restsOn` of its own, or one statement of it with an `rdf:Statement` beside it.
Both are found here; a passage of the second kind names the property that it covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from api.negotiate import LANGUAGES
from api.portal.asking import Asking, Value
from api.texts import Texts
from kymgraph.errors import BadParameter
from kymgraph.namespaces import KYM, RDF, RDFS, SKOS
from kymgraph.publishing.items import Cell
from kymgraph.publishing.resource import in_language
from kymgraph.queries import term_iri
from kymgraph.rdf import Literal

#: Things that one query asks for, which keeps its text short; a page with more things asks again.
BATCH: Final = 400
#: Rows that one query gives at most: a passage has one for each label of its document.
MOST: Final = 10_000

_QUERY: Final = """PREFIX kym: <%(kym)s>
PREFIX rdf: <%(rdf)s>
SELECT DISTINCT ?thing ?property ?passage ?document ?first ?last ?graph ?label WHERE {
  VALUES ?thing { %(things)s }
  {
    GRAPH ?graph { ?thing kym:restsOn ?passage }
  } UNION {
    GRAPH ?graph { ?claim rdf:subject ?thing ; rdf:predicate ?property ; kym:restsOn ?passage }
  }
  ?passage kym:document ?document ; kym:firstLine ?first ; kym:lastLine ?last .
  OPTIONAL { ?document <%(label)s>|<%(other)s> ?label }
} ORDER BY ?thing ?document ?first ?last ?passage ?property ?graph LIMIT %(most)d"""


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines of a source document that a fact rests on."""

    document: Value
    first: int
    last: int
    lines: str  #: in words: "rivit 12–14"
    href: str  #: of the passage's page
    graph: str  #: IRI of the named graph that says so
    covers: str = ""  #: IRI of the one property that rests on it; "" for the whole resource


async def passages(asking: Asking, iris: Iterable[str]) -> dict[str, list[Passage]]:
    """The passages of each thing, in the order of documents and lines; an empty list where there is none.

    What is no absolute IRI has none. Raises what a query raises.
    """
    found: dict[str, list[Passage]] = {iri: [] for iri in iris}
    askable = [iri for iri in found if _is_iri(iri)]
    for start in range(0, len(askable), BATCH):
        rows = await asking.select(_text(askable[start : start + BATCH]))
        documents = _documents(rows, asking)
        for row in rows:
            passage = _passage(row, asking, documents)
            known = found[row["thing"]["value"]]
            if passage is not None and passage not in known:
                known.append(passage)
    return found


def of_line(asking: Asking, first: int, last: int) -> str:
    """Lines of a passage in words: "rivi 12" or "rivit 12–14"."""
    words = Texts(asking.lang)
    if first == last:
        return words("resource.line", line=first)
    return words("resource.lines", first=first, last=last)


def _text(iris: Sequence[str]) -> str:
    return _QUERY % {
        "kym": KYM,
        "rdf": RDF,
        "things": " ".join(map(term_iri, iris)),
        "label": SKOS + "prefLabel",
        "other": RDFS + "label",
        "most": MOST,
    }


def _is_iri(text: str) -> bool:
    try:
        return bool(term_iri(text))
    except BadParameter:
        return False


def _documents(rows: Iterable[dict[str, Cell]], asking: Asking) -> dict[str, Value]:
    """The documents that the rows name, each by the label that fits the reader best."""
    labels: dict[str, dict[Literal, None]] = {}
    for row in rows:
        said = labels.setdefault(row["document"]["value"], {})
        if (cell := row.get("label")) is not None and cell["type"] == "literal":
            said[Literal(cell["value"], language=cell.get("xml:lang"))] = None
    languages = (asking.lang, *LANGUAGES)
    best = {iri: in_language(said, languages) for iri, said in labels.items()}
    return {
        iri: asking.thing(iri, label.value, label.language or "") if label else asking.thing(iri)
        for iri, label in best.items()
    }


def _passage(row: dict[str, Cell], asking: Asking, documents: dict[str, Value]) -> Passage | None:
    """The passage of a row; None where its lines are no numbers."""
    first, last = row["first"]["value"], row["last"]["value"]
    if not (first.isdecimal() and last.isdecimal()):
        return None
    return Passage(
        document=documents[row["document"]["value"]],
        first=int(first),
        last=int(last),
        lines=of_line(asking, int(first), int(last)),
        href=asking.thing(row["passage"]["value"]).href,
        graph=row["graph"]["value"],
        covers=row["property"]["value"] if "property" in row else "",
    )
