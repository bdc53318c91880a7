"""Records of a catalogue in DCAT-AP, as RDF: what national and European portals publish, page after page.

Read leniently: blank nodes, literals where IRIs are due, pages announced by either form of Hydra, as literals
or IRIs. A page is read for itself, as DCAT-AP asks for self-contained pages.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from kymgraph.intake.harvest import record
from kymgraph.intake.harvest.record import Distribution, Publisher, Record, Text, Unfit
from kymgraph.namespaces import DCTERMS, PREFIXES, RDF, RDFS, SKOS
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad, Term, Triple

ACCEPT: Final = (
    "text/turtle, application/n-triples, application/rdf+xml;q=0.9, application/ld+json;q=0.8, */*;q=0.1"
)
DCAT: Final = PREFIXES["dcat"]
FOAF: Final = PREFIXES["foaf"]
HYDRA: Final = "http://www.w3.org/ns/hydra/core#"
SCHEMA: Final = ("http://schema.org/", "https://schema.org/")
TYPE: Final = RDF + "type"
_NEXT: Final = (HYDRA + "next", HYDRA + "nextPage")
_MEDIA_TYPES: Final = "https://www.iana.org/assignments/media-types/"


class Page:
    """One page of a catalogue."""

    def __init__(self, quads: Iterable[Quad]) -> None:
        self._about: dict[Term, dict[str, list[Term]]] = defaultdict(lambda: defaultdict(list))
        for quad in quads:
            assert not isinstance(quad.subject, Triple)
            assert not isinstance(quad.object, Triple)
            self._about[quad.subject][quad.predicate.value].append(quad.object)

    def datasets(self) -> Iterator[Term]:
        """The datasets that the page describes, in the order of their names."""
        kinds = {DCAT + "Dataset"}
        found = [n for n, about in self._about.items() if kinds & {_value(t) for t in about[TYPE]}]
        return iter(sorted(found, key=str))

    @property
    def next(self) -> str:
        """URL of the page after this one; "" if this is the last."""
        for about in list(self._about.values()):
            for predicate in _NEXT:
                for term in about.get(predicate, ()):
                    return _value(term)
        return ""

    @property
    def total(self) -> int | None:
        """How many datasets there are on all pages, if it says so."""
        for about in list(self._about.values()):
            for term in about.get(HYDRA + "totalItems", ()):
                if record.is_count(text := _value(term)):
                    return int(text)
        return None

    # -- a dataset

    def identifier(self, node: Term) -> str:
        """What a dataset is known by: its IRI, else its dct:identifier. Raises Unfit."""
        if isinstance(node, NamedNode):
            return record.identifier(node.value, "IRI")
        given = self._values(node, DCTERMS + "identifier")
        return record.identifier(given[0] if given else "", "dct:identifier")

    def to_record(self, node: Term, page_url: str) -> Record:
        """A dataset as a record. Raises Unfit."""
        titles = self._texts(node, DCTERMS + "title")
        if not titles:
            raise Unfit("no-title")
        files = self._about[node][DCAT + "distribution"]
        if len(files) > record.MAX_FILES:
            raise Unfit("too-many", "dcat:distribution")
        begins, ends = self._period(node)
        distributions = sorted((self._distribution(one) for one in files), key=lambda one: one.id)
        licenses = self._iris(node, DCTERMS + "license")
        for one in files:
            licenses += self._iris(one, DCTERMS + "license")
        pages = self._iris(node, DCAT + "landingPage")
        return Record(
            id=self.identifier(node),
            source=node.value if isinstance(node, NamedNode) else page_url,
            titles=titles,
            descriptions=self._texts(node, DCTERMS + "description"),
            keywords=self._texts(node, DCAT + "keyword"),
            coverage=self._coverage(node),
            places=tuple(sorted(self._iris(node, DCTERMS + "spatial"))),
            themes=tuple(sorted({*self._iris(node, DCAT + "theme"), *self._iris(node, DCTERMS + "subject")})),
            publisher=self._publisher(node),
            distributions=tuple(distributions),
            page=record.url(pages[0], "dcat:landingPage") if pages else "",
            license=min(licenses, default=""),
            issued=record.moment(self._one(node, DCTERMS + "issued"), "dct:issued"),
            modified=record.moment(self._one(node, DCTERMS + "modified"), "dct:modified"),
            begins=begins,
            ends=ends,
        )

    def _period(self, node: Term) -> tuple[str, str]:
        periods = self._about[node][DCTERMS + "temporal"]
        if len(periods) != 1:  # several are no one span; what lies between them is not covered
            return "", ""
        given = [
            next((v for name in names if (v := self._one(periods[0], name))), "")
            for names in (
                (DCAT + "startDate", *(s + "startDate" for s in SCHEMA)),
                (DCAT + "endDate", *(s + "endDate" for s in SCHEMA)),
            )
        ]
        return record.day(given[0], "dcat:startDate"), record.day(given[1], "dcat:endDate", last=True)

    def _coverage(self, node: Term) -> tuple[str, ...]:
        """Names of the places in dct:spatial: a literal itself, else what the node is called there."""
        found: set[str] = set()
        for term in self._about[node][DCTERMS + "spatial"]:
            if isinstance(term, Literal):
                found.add(record.text(term.value, "dct:spatial"))
            else:
                for name in (SKOS + "prefLabel", RDFS + "label", DCTERMS + "identifier"):
                    found |= {record.text(v, "dct:spatial") for v in self._values(term, name)}
        if len(found) > record.MAX_TEXTS:
            raise Unfit("too-many", "dct:spatial")
        return tuple(sorted(found - {""}))

    def _publisher(self, node: Term) -> Publisher | None:
        for term in sorted(self._about[node][DCTERMS + "publisher"], key=str):
            if isinstance(term, Literal) or FOAF + "Person" in {_value(t) for t in self._about[term][TYPE]}:
                continue
            names = self._texts(term, FOAF + "name")
            if names:
                known = term.value if isinstance(term, NamedNode) else _digest(*(n.value for n in names))
                return Publisher(known, names)
        return None

    def _distribution(self, node: Term) -> Distribution:
        access = self._iris(node, DCAT + "accessURL") or self._iris(node, DCAT + "downloadURL")
        download = self._iris(node, DCAT + "downloadURL")
        media_type = self._one(node, DCAT + "mediaType").removeprefix(_MEDIA_TYPES)
        media_type = media_type.removeprefix(_MEDIA_TYPES.replace("https", "http"))
        size = self._one(node, DCAT + "byteSize").removesuffix(".0")
        if size and not record.is_count(size):
            raise Unfit("bad-size", "dcat:byteSize", size)
        formats = [v.rpartition("/")[2] for v in self._values(node, DCTERMS + "format")]
        address = record.url(access[0] if access else "", "dcat:accessURL")
        return Distribution(
            id=node.value if isinstance(node, NamedNode) else _digest(address, *sorted(formats)),
            access=address,
            download=record.url(download[0], "dcat:downloadURL") if download else "",
            titles=self._texts(node, DCTERMS + "title"),
            descriptions=self._texts(node, DCTERMS + "description"),
            format=record.text(min(formats, default=""), "dct:format")[:100],
            media_type=media_type
            if media_type.count("/") == 1 and record.iri(_MEDIA_TYPES + media_type)
            else "",
            size=int(size) if size else None,
        )

    # -- terms

    def _texts(self, node: Term, predicate: str) -> tuple[Text, ...]:
        name = predicate.rpartition("/")[2].rpartition("#")[2]
        found = set()
        for term in self._about[node][predicate]:
            if isinstance(term, Literal) and (words := record.text(term.value, name)):
                found.add(Text(words, record.language(term.language, name) if term.language else ""))
        if len(found) > record.MAX_TEXTS:
            raise Unfit("too-many", name)
        return tuple(sorted(found))

    def _values(self, node: Term, predicate: str) -> list[str]:
        return sorted(_value(t) for t in self._about[node][predicate] if not isinstance(t, BlankNode))

    def _one(self, node: Term, predicate: str) -> str:
        return next(iter(self._values(node, predicate)), "")

    def _iris(self, node: Term, predicate: str) -> list[str]:
        return sorted({t.value for t in self._about[node][predicate] if isinstance(t, NamedNode)})


def _value(term: Term) -> str:
    return "" if isinstance(term, BlankNode) else term.value


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
