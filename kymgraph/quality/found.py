"""What a catalogue in RDF says, looked up by subject: its datasets and their distributions, whoever wrote it.

Nothing is taken for granted: distributions may be blank nodes, types may be missing, and a value may be an
IRI where a text is due or the other way round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from kymgraph.namespaces import DCTERMS, PREFIXES, RDF
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad, Subject, Term

DCAT: Final = PREFIXES["dcat"]
DCT: Final = DCTERMS
_LANGUAGES: Final = ("fi", "sv", "en")


class Found:
    """The triples of a catalogue, all graphs and pages together."""

    def __init__(self, quads: Iterable[Quad]) -> None:
        self.quads = list(dict.fromkeys(Quad(q.subject, q.predicate, q.object) for q in quads))
        self._about: dict[Subject, dict[str, list[Term]]] = defaultdict(lambda: defaultdict(list))
        for quad in self.quads:
            assert isinstance(quad.subject, NamedNode | BlankNode)
            assert isinstance(quad.object, NamedNode | BlankNode | Literal)
            self._about[quad.subject][quad.predicate.value].append(quad.object)
        typed = [
            (subject, {term.value for term in about.get(RDF + "type", ())})
            for subject, about in self._about.items()
        ]
        self.catalogues: list[Subject] = sorted(
            (subject for subject, types in typed if DCAT + "Catalog" in types), key=str
        )
        others = {s for s, types in typed if types & {DCAT + "Catalog", DCAT + "DatasetSeries"}}
        datasets = {s for s, types in typed if DCAT + "Dataset" in types} - set(self.catalogues)
        named = self._nodes(DCAT + "dataset") - set(self.catalogues)
        #: What is a dataset by its type, or because a catalogue lists it; a series only if typed as both.
        self.datasets: list[Subject] = sorted(
            datasets | {s for s in named - others if self.describes(s)}, key=str
        )
        #: What a catalogue lists and nobody describes.
        self.undescribed: list[Subject] = sorted((s for s in named if not self.describes(s)), key=str)

    def values(self, subject: Term, predicate: str) -> list[Term]:
        """The objects of a property, without those that say nothing: texts of blanks alone."""
        return [
            term
            for term in self._of(subject).get(predicate, ())
            if not isinstance(term, Literal) or term.value.strip()
        ]

    def describes(self, subject: Term) -> bool:
        """Whether anything is said of a resource."""
        return bool(self._of(subject))

    def _of(self, subject: Term) -> Mapping[str, list[Term]]:
        """All that is said of a resource, by property."""
        return {} if isinstance(subject, Literal) else self._about.get(subject, {})

    def distributions(self, dataset: Term) -> list[Subject]:
        """The distributions of a dataset, in a stable order; one that nobody describes has nothing."""
        return sorted(
            (t for t in self.values(dataset, DCAT + "distribution") if not isinstance(t, Literal)), key=str
        )

    def title(self, subject: Term, lang: str) -> str:
        """The title in a language, else in fi, sv, en, or in whichever; empty if there is none."""
        titles = [term for term in self.values(subject, DCT + "title") if isinstance(term, Literal)]
        for wanted in (lang, *_LANGUAGES):
            for title in titles:
                if title.language == wanted:
                    return title.value
        return min((title.value for title in titles), default="")

    def part_of(self, dataset: Term) -> set[Term]:
        """The dataset and what its description leads to, up to other datasets, catalogues and services."""
        ends = {*self.datasets, *self.catalogues}
        part: set[Term] = {dataset}
        work = [dataset]
        while work:
            for objects in self._of(work.pop()).values():
                for term in objects:
                    if term not in part and term not in ends and not self._stands_alone(term):
                        part.add(term)
                        work.append(term)
        return part

    def _stands_alone(self, term: Term) -> bool:
        types = {kind.value for kind in self.values(term, RDF + "type")}
        return bool(types & {DCAT + "DataService", DCAT + "DatasetSeries", DCAT + "CatalogRecord"})

    def _nodes(self, predicate: str) -> set[Subject]:
        return {
            term
            for about in self._about.values()
            for term in about.get(predicate, ())
            if not isinstance(term, Literal)
        }
