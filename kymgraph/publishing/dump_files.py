"""The files of one dump: a graph, or the whole, in each format, written as the triples come.

The same content always gives the same bytes: triples are sorted, and a packed file holds no time. Nodes that
were blank keep the names that the store gave them, so what two dumps and the endpoint say can be joined.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import IO, Final

from kymgraph.namespaces import DCTERMS, PREFIXES, RDFS, SKOS, XSD
from kymgraph.project import Project
from kymgraph.rdf import (
    FORMATS,
    DefaultGraph,
    Literal,
    NamedNode,
    Quad,
    restore_datatypes,
    serialise_to,
)
from kymgraph.view import UNION, View

#: A graph with more triples is written in the order of the store, which its content decides too, so that it
#: need not fit into memory; nor are more kept from one format to the next.
SORTED_UP_TO: Final = 500_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One format of the dumps."""

    suffix: str
    media_type: str  #: of what is inside, if it is packed
    format: str  #: code of the EU's file types
    title: str
    packed: bool = False

    @property
    def served(self) -> str:
        """The media type of the file itself."""
        text = self.media_type.startswith("text/")
        return "application/gzip" if self.packed else self.media_type + ("; charset=utf-8" if text else "")


KINDS: Final = {
    kind.suffix: kind
    for kind in (
        Kind("ttl", "text/turtle", "RDF_TURTLE", "Turtle"),
        Kind("trig", "application/trig", "RDF_TRIG", "TriG"),
        Kind("nt.gz", "application/n-triples", "RDF_N_TRIPLES", "N-Triples (gzip)", packed=True),
        Kind("jsonld", "application/ld+json", "JSON_LD", "JSON-LD"),
        Kind("rdf", "application/rdf+xml", "RDF_XML", "RDF/XML"),
        Kind("csv", "text/csv", "CSV", "CSV"),
    )
}
#: Columns of the CSV: one row is one triple in one graph.
COLUMNS: Final = (
    "graph",
    "subject",
    "subject_label",
    "predicate",
    "predicate_label",
    "object",
    "object_label",
    "object_type",
    "datatype",
    "language",
)


@dataclass(slots=True)
class Content:
    """What one dataset is made of: some graphs of a view."""

    view: View
    graphs: Sequence[NamedNode | DefaultGraph]
    #: The graph that is the set of all these, where the store keeps one.
    union: NamedNode | DefaultGraph | None = None
    _kept: dict[str, list[Quad]] = field(default_factory=dict)

    def quads(self) -> Iterator[Quad]:
        """All, graph by graph, as readers outside get them; what stands in two graphs comes twice."""
        return restore_datatypes(quad for graph in self.graphs for quad in self._of(graph))

    def triples(self) -> Iterator[Quad]:
        """All as a set, as readers outside get them: each triple once, whatever graphs it stands in."""
        return restore_datatypes(self.stored())

    def stored(self) -> Iterator[Quad]:
        """All as a set, as the store has them and SPARQL counts them."""
        if self.union is not None:
            return self._of(self.union)
        if len(self.graphs) == 1:
            return self._of(self.graphs[0])
        every = (quad for graph in self.graphs for quad in self._of(graph))
        return iter(sorted({Quad(q.subject, q.predicate, q.object) for q in every}, key=str))

    def _of(self, graph: NamedNode | DefaultGraph) -> Iterator[Quad]:
        name = str(graph)
        if name in self._kept:
            return iter(self._kept[name])
        found = iter(self.view.quads(graph=graph))
        first = list(islice(found, SORTED_UP_TO + 1))
        if len(first) > SORTED_UP_TO:
            return chain(first, found)
        first.sort(key=str)
        if len(first) + sum(map(len, self._kept.values())) <= SORTED_UP_TO:
            self._kept[name] = first  # for the next format
        return iter(first)


def write(
    output: IO[bytes], kind: Kind, content: Content, project: Project, labels: Mapping[object, str]
) -> tuple[int, int]:
    """Write one file. Gives how many triples are in it, and how many the format cannot hold."""
    count = _Count()
    if kind.suffix == "csv":
        _write_csv(output, count(content.quads()), labels)
        return count.seen, 0
    if kind.packed:
        with gzip.GzipFile(filename="", mode="wb", fileobj=output, compresslevel=6, mtime=0) as packed:
            buffered = io.BufferedWriter(packed, 1 << 16)  # the serialiser writes word by word
            serialise_to(buffered, count(content.triples()), FORMATS["nt"])
            buffered.flush()
        return count.seen, 0
    fmt = FORMATS[kind.suffix]
    if fmt.takes_graphs:
        serialise_to(output, count(content.quads()), fmt, project.prefixes)
        return count.seen, 0
    fits = _xml_holds() if kind.suffix == "rdf" else _anything
    left_out = _Count()
    triples = count(quad for quad in content.triples() if fits(quad) or left_out.add())
    serialise_to(output, triples, fmt, project.prefixes)
    return count.seen, left_out.seen


class _Count:
    """How many went by."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, quads: Iterable[Quad]) -> Iterator[Quad]:
        for quad in quads:
            self.seen += 1
            yield quad

    def add(self) -> bool:
        self.seen += 1
        return False


# --- RDF/XML ----------------------------------------------------------------------------------------------

#: What an IRI must end in to be the name of an element.
_ELEMENT_NAME: Final = re.compile(r"[^\W\d][\w.\-]*\Z")
#: Characters that XML 1.0 cannot hold, and the one that every parser of it turns into another.
_NOT_XML: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")


def _anything(quad: Quad) -> bool:
    return True


def _xml_holds() -> Callable[[Quad], bool]:
    names: dict[str, bool] = {}

    def holds(quad: Quad) -> bool:
        """Whether RDF/XML can say this triple so that a reader gets it back."""
        iri = quad.predicate.value
        if iri not in names:
            names[iri] = _ELEMENT_NAME.search(iri) is not None
        return names[iri] and not (isinstance(quad.object, Literal) and _NOT_XML.search(quad.object.value))

    return holds


# --- CSV --------------------------------------------------------------------------------------------------

#: What a spreadsheet takes for the beginning of a formula, or may drop before one; and our own guard.
_FORMULA: Final = re.compile(r"[=+\-@'\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z", re.ASCII)
_LABELS: Final = (
    SKOS + "prefLabel",
    RDFS + "label",
    DCTERMS + "title",
    PREFIXES["foaf"] + "name",
)


def labels_of(view: View, languages: Sequence[str]) -> dict[object, str]:
    """A name for each thing that has one, in the first of these languages, from the default graph."""
    rank = {language: place for place, language in enumerate((*languages, None))}
    found: dict[object, tuple[int, int, str]] = {}
    for order, predicate in enumerate(_LABELS):
        for quad in view.quads(predicate=NamedNode(predicate), graph=UNION):
            value = quad.object
            if isinstance(value, Literal):
                place = (rank.get(value.language, len(rank)), order, value.value)
                subject = quad.subject
                if isinstance(subject, NamedNode) and (subject not in found or place < found[subject]):
                    found[subject] = place
    return {term: text for term, (_, _, text) in found.items()}


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that might be gets an apostrophe before it.

    Numbers stay as they are. To undo it, take one apostrophe away from the beginning where there is one.

    >>> guarded("=1+1"), guarded("-12.5"), guarded("'tis"), guarded("Kotka")
    ("'=1+1", '-12.5', "''tis", 'Kotka')
    """
    return "'" + text if _FORMULA.match(text) and not _NUMBER.match(text) else text


def _write_csv(output: IO[bytes], quads: Iterable[Quad], labels: Mapping[object, str]) -> None:
    text = io.TextIOWrapper(output, "utf-8", newline="", write_through=False)
    writer = csv.writer(text)  # RFC 4180: commas, CRLF
    writer.writerow(COLUMNS)
    for quad in quads:
        value = quad.object
        kind, datatype, language = "iri", "", ""
        if isinstance(value, Literal):
            kind, language = "literal", value.language or ""
            datatype = "" if language or value.datatype.value == XSD + "string" else value.datatype.value
        elif not isinstance(value, NamedNode):
            kind = "blank"
        graph = quad.graph_name
        row = (
            graph.value if isinstance(graph, NamedNode) else "",
            _named(quad.subject),
            labels.get(quad.subject, ""),
            quad.predicate.value,
            labels.get(quad.predicate, ""),
            _named(value),
            labels.get(value, ""),
            kind,
            datatype,
            language,
        )
        writer.writerow([guarded(cell) for cell in row])
    text.flush()
    text.detach()


def _named(term: object) -> str:
    if isinstance(term, NamedNode | Literal):
        return term.value
    return str(term)
