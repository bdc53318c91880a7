"""The catalogue of one generation: what `data/catalog.ttl` says, and what the dumps and the ledger know.

The file (graph `catalog`) holds what does not change with the graph: texts, keywords, themes, places, who
publishes. What a dataset there does not say itself holds as its catalogue node says it. A project without the
file has a catalogue too, from its settings: the whole, and one dataset per source graph.

In the file a dataset is `<base>id/dataset/<name>`, with the name of its graph (`kymgraph` is the whole), and
the catalogue `<base>id/catalog/kymgraph`. An address of a page below the base is given out below the public
address, where the server is.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from kymgraph.namespaces import DCTERMS, KYM, PREFIXES, PROV, RDF, RDFS, SKOS, XSD
from kymgraph.project import LEDGER_GRAPH, Project
from kymgraph.publishing.catalog_rdf import page, quads
from kymgraph.publishing.catalog_texts import AUTHORITY, LANGUAGES, UNKNOWN_FREQUENCY, licence, text
from kymgraph.publishing.dcat import (
    Agent,
    Catalogue,
    CatalogueDataset,
    Contact,
    DataService,
    Distribution,
    Period,
    Series,
    Texts,
)
from kymgraph.publishing.dump_files import KINDS
from kymgraph.publishing.dumps import WHOLE, Dumps
from kymgraph.rdf import Literal, NamedNode, Term
from kymgraph.store.journal import FIRST_GENERATION
from kymgraph.view import UNION, View

__all__ = ["GRAPH", "page", "quads", "read"]

GRAPH: Final = "catalog"
#: The catalogue's own name in IRIs.
NAME: Final = "kymgraph"

_DCAT: Final = PREFIXES["dcat"]
_FOAF: Final = PREFIXES["foaf"]
_VCARD: Final = PREFIXES["vcard"]
_LANGUAGE: Final = AUTHORITY + "language/"
_CODES: Final = {code: language for language, code in LANGUAGES.items()}


def read(view: View, project: Project, dumps: Dumps, address: str) -> Catalogue:
    """The catalogue that a view and its dumps make, with URLs below `address` (which ends in no slash).

    `view` and `dumps` are of one generation. What the graph `catalog` holds in a form that cannot be read
    counts as not said.
    """
    return _Reader(view, project, dumps, address).catalogue()


class _Reader:
    def __init__(self, view: View, project: Project, dumps: Dumps, address: str) -> None:
        self._view, self._project, self._dumps, self._address = view, project, dumps, address
        base = project.base
        self._said = _Said(view, base.graph(GRAPH))
        self._node = base.id("catalog", NAME)
        self._changes = _changes(view, base.graph(LEDGER_GRAPH))

    def catalogue(self) -> Catalogue:
        said, node = self._said, self._node
        datasets = tuple(self._dataset(name) for name in self._dumps.names)
        series = tuple(self._series(iri) for iri in said.of_type(_DCAT + "DatasetSeries"))
        known = {one.iri for one in series}
        datasets = tuple(one if one.series in known else replace(one, series="") for one in datasets)
        changed = [one.modified for one in datasets]
        if own := self._changes.get(self._project.base.graph(GRAPH)):
            changed.append(own[1])
        return Catalogue(
            iri=node,
            generation=self._dumps.generation,
            title=said.texts(node, DCTERMS + "title") or self._title,
            description=said.texts(node, DCTERMS + "description") or text("catalogue"),
            publisher=self._publisher(node),
            contact=self._contact(node),
            homepage=self._public(said.iri(node, _FOAF + "homepage")) or f"{self._address}/catalog",
            license=self._license(node),
            languages=self._languages(node),
            themes=said.iris(node, _DCAT + "theme"),
            spatial=said.iris(node, DCTERMS + "spatial"),
            issued=self._issued(node),
            modified=max(changed, default=self._dumps.built),
            datasets=datasets,
            series=series,
            services=self._services([one.iri for one in datasets]),
            rights=self._label(node, DCTERMS + "rights") or text("rights"),
            described=own[1] if own else None,
        )

    # -- datasets

    def _dataset(self, name: str) -> CatalogueDataset:
        base, said = self._project.base, self._said
        iri = base.id("dataset", name)
        whole = name == WHOLE
        graphs = self._graphs(name)
        changes = [self._changes[graph] for graph in graphs if graph in self._changes]
        title = said.texts(iri, DCTERMS + "title") or (self._title if whole else self._name_of(name))
        description = said.texts(iri, DCTERMS + "description")
        coverage = self._iris(iri, DCTERMS + "coverage")
        return CatalogueDataset(
            iri=iri,
            name=name,
            title=title,
            description=description or (text("whole") if whole else text("graph", name=name)),
            keywords=said.keywords(iri),
            themes=self._iris(iri, _DCAT + "theme"),
            subjects=said.iris(iri, DCTERMS + "subject"),
            spatial=self._iris(iri, DCTERMS + "spatial"),
            places=self._names(coverage),
            temporal=said.period(iri),
            issued=self._issued(iri),
            modified=max([self._stated(iri), *(time for _, time in changes)]),
            version=str(max([number for number, _ in changes], default=FIRST_GENERATION)),
            publisher=self._publisher(iri),
            contact=self._contact(iri),
            license=self._license(iri),
            rights=self._label(iri, DCTERMS + "rights") or text("rights"),
            provenance=self._label(iri, DCTERMS + "provenance") or text("provenance"),
            frequency=next(iter(self._iris(iri, DCTERMS + "accrualPeriodicity")), UNKNOWN_FREQUENCY),
            languages=self._languages(iri),
            page=f"{self._address}/catalog/{name}",
            graphs=graphs,
            source=base.id("document", name) if name in self._project.sources else "",
            series=said.iri(iri, _DCAT + "inSeries"),
            distributions=tuple(self._distributions(name, title)),
            coverage=coverage,
        )

    def _distributions(self, name: str, title: Texts) -> Iterable[Distribution]:
        for (dataset, suffix), file in self._dumps.files.items():
            if dataset == name:
                kind = KINDS[suffix]
                yield Distribution(
                    iri=self._project.base.id("distribution", f"{name}-{suffix.replace('.', '-')}"),
                    title={language: f"{said} ({kind.title})" for language, said in title.items()},
                    url=f"{self._address}/dumps/{name}.{suffix}",
                    suffix=suffix,
                    media_type=kind.media_type,
                    format=kind.format,
                    bytes=file.bytes,
                    sha256=file.sha256,
                    packed=kind.packed,
                    left_out=file.left_out,
                )

    def _graphs(self, name: str) -> tuple[str, ...]:
        if name != WHOLE:
            return (self._project.base.graph(name),)
        graphs = (graph.value for graph in self._view.graphs())
        return tuple(graph for graph in graphs if self._project.in_union(graph))

    def _series(self, iri: str) -> Series:
        said, base = self._said, self._project.base
        members = [
            name
            for name in self._dumps.names
            if said.iri(base.id("dataset", name), _DCAT + "inSeries") == iri
        ]
        changes = [self._changes[graph][1] for name in members for graph in self._graphs(name)
                   if graph in self._changes]  # fmt: skip
        return Series(
            iri=iri,
            title=said.texts(iri, DCTERMS + "title") or self._title,
            description=said.texts(iri, DCTERMS + "description") or text("catalogue"),
            publisher=self._publisher(iri),
            contact=self._contact(iri),
            issued=self._issued(iri),
            modified=max([self._stated(iri), *changes]),
            frequency=next(iter(self._iris(iri, DCTERMS + "accrualPeriodicity")), UNKNOWN_FREQUENCY),
            spatial=self._iris(iri, DCTERMS + "spatial"),
            temporal=said.period(iri),
        )

    def _services(self, datasets: Sequence[str]) -> tuple[DataService, ...]:
        base, address, serves = self._project.base, self._address, tuple(datasets)

        def service(name: str, path: str, description: str, conforms_to: str) -> DataService:
            return DataService(
                iri=base.id("service", name),
                title=text(name),
                description=text(f"{name}.about"),
                endpoint=address + path,
                endpoint_description=address + description,
                conforms_to=conforms_to,
                serves=serves,
                keywords={language: (said,) for language, said in text("keyword").items()},
            )

        return (
            service("sparql", "/sparql", "/sparql", "https://www.w3.org/TR/sparql11-protocol/"),
            service("rest", "/api/v1", "/openapi.json", "https://spec.openapis.org/oas/v3.1.0"),
            service(
                "reconcile", "/reconcile", "/reconcile", "https://reconciliation-api.github.io/specs/0.2/"
            ),
        )

    # -- what a dataset says, or its catalogue for it

    def _iris(self, iri: str, predicate: str) -> tuple[str, ...]:
        return self._said.iris(iri, predicate) or self._said.iris(self._node, predicate)

    def _label(self, iri: str, predicate: str) -> Texts:
        for node in (iri, self._node):
            for value in self._said.values(node, predicate):
                if isinstance(value, NamedNode) and (found := self._said.texts(value.value, RDFS + "label")):
                    return found
        return {}

    def _publisher(self, iri: str) -> Agent:
        said = self._said
        for agent in self._iris(iri, DCTERMS + "publisher"):
            if name := said.texts(agent, _FOAF + "name"):
                homepage = self._public(said.iri(agent, _FOAF + "homepage"))
                return Agent(agent, name, homepage, said.iri(agent, DCTERMS + "type"))
        # Somebody publishes it; who, the project does not say.
        return Agent(self._project.base.id("organisation", NAME), self._title, self._address + "/catalog")

    def _contact(self, iri: str) -> Contact:
        said = self._said
        for contact in self._iris(iri, _DCAT + "contactPoint"):
            if name := said.texts(contact, _VCARD + "fn"):
                email = said.iri(contact, _VCARD + "hasEmail").removeprefix("mailto:")
                return Contact(contact, name, self._public(said.iri(contact, _VCARD + "hasURL")), email)
        return Contact(self._project.base.id("contact", NAME), self._title, self._address + "/catalog")

    def _license(self, iri: str) -> str:
        return licence(next(iter(self._iris(iri, DCTERMS + "license")), self._project.license))

    def _languages(self, iri: str) -> tuple[str, ...]:
        codes = [one.removeprefix(_LANGUAGE) for one in self._iris(iri, DCTERMS + "language")]
        known = {_CODES[code] for code in codes if code in _CODES}
        return tuple(sorted(known, key=self._rank)) or self._project.languages

    def _rank(self, language: str) -> tuple[int, str]:
        order = self._project.languages
        return (order.index(language) if language in order else len(order), language)

    def _issued(self, iri: str) -> datetime.date:
        for node in (iri, self._node):
            if found := self._said.day(node, DCTERMS + "issued"):
                return found
        return self._dumps.built.date()

    def _stated(self, iri: str) -> datetime.datetime:
        """When it was last altered before the first commit."""
        for node in (iri, self._node):
            if found := self._said.day(node, DCTERMS + "modified"):
                return datetime.datetime.combine(found, datetime.time(), datetime.UTC)
        return self._dumps.built

    @property
    def _title(self) -> Texts:
        return self._project.title or {"en": "Kymgraph"}

    def _name_of(self, name: str) -> Texts:
        """What the graph calls the document that it was read from, else the graph's name."""
        document = NamedNode(self._project.base.id("document", name))
        found = self._view.quads(subject=document, predicate=NamedNode(SKOS + "prefLabel"), graph=UNION)
        labels = {
            one.object.language: one.object.value
            for one in found
            if isinstance(one.object, Literal) and one.object.language
        }
        return labels or {self._project.languages[0]: name}

    def _names(self, things: Iterable[str]) -> tuple[str, ...]:
        names = set()
        for thing in things:
            found = self._view.quads(NamedNode(thing), NamedNode(SKOS + "prefLabel"), graph=UNION)
            names |= {
                one.object.value.lower()
                for one in found
                if isinstance(one.object, Literal) and one.object.language == "fi"
            }
        return tuple(sorted(names))

    def _public(self, url: str) -> str:
        base = self._project.base.iri
        if url.startswith(base):
            return f"{self._address}/{url.removeprefix(base)}".rstrip("/")
        return url if url.startswith(("http://", "https://")) else ""


class _Said:
    """What one graph says, by subject and predicate."""

    def __init__(self, view: View, graph: str) -> None:
        self._about: dict[str, dict[str, list[Term]]] = defaultdict(lambda: defaultdict(list))
        for quad in view.quads(graph=NamedNode(graph)):
            if isinstance(quad.subject, NamedNode) and isinstance(quad.object, NamedNode | Literal):
                self._about[quad.subject.value][quad.predicate.value].append(quad.object)

    def of_type(self, kind: str) -> list[str]:
        return sorted(iri for iri in list(self._about) if kind in self.iris(iri, RDF + "type"))

    def values(self, iri: str, predicate: str) -> list[Term]:
        return sorted(self._about.get(iri, {}).get(predicate, []), key=str)

    def iris(self, iri: str, predicate: str) -> tuple[str, ...]:
        return tuple(value.value for value in self.values(iri, predicate) if isinstance(value, NamedNode))

    def iri(self, iri: str, predicate: str) -> str:
        return next(iter(self.iris(iri, predicate)), "")

    def texts(self, iri: str, predicate: str) -> Texts:
        return {
            value.language: value.value
            for value in self.values(iri, predicate)
            if isinstance(value, Literal) and value.language
        }

    def keywords(self, iri: str) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for value in self.values(iri, _DCAT + "keyword"):
            if isinstance(value, Literal) and value.language:
                found.setdefault(value.language, []).append(value.value)
        return {language: tuple(words) for language, words in sorted(found.items())}

    def day(self, iri: str, predicate: str, *, last: bool = False) -> datetime.date | None:
        days = [day_of(value, last=last) for value in self.values(iri, predicate)]
        return next((day for day in days if day is not None), None)

    def period(self, iri: str) -> Period:
        for node in self.iris(iri, DCTERMS + "temporal"):
            start, end = self.day(node, _DCAT + "startDate"), self.day(node, _DCAT + "endDate", last=True)
            if start or end:
                return Period(start, end)
        return Period()


def day_of(term: Term, *, last: bool = False) -> datetime.date | None:
    """The first (or last) day of a date, month or year; None for what is none.

    >>> day_of(Literal("2013", datatype=NamedNode(XSD + "gYear")), last=True)
    datetime.date(2013, 12, 31)
    """
    if not isinstance(term, Literal):
        return None
    kind, value = term.datatype.value.removeprefix(XSD), term.value
    try:
        if kind == "dateTime":
            return datetime.datetime.fromisoformat(value).date()
        if kind == "date":
            return datetime.date.fromisoformat(value[:10])
        if kind == "gYear":
            return datetime.date(int(value), 12, 31) if last else datetime.date(int(value), 1, 1)
        if kind == "gYearMonth":
            year, month = map(int, value.split("-"))
            if not last:
                return datetime.date(year, month, 1)
            after = datetime.date(year + month // 12, month % 12 + 1, 1)
            return after - datetime.timedelta(days=1)
    except ValueError:
        return None
    return None


def _changes(view: View, ledger: str) -> dict[str, tuple[int, datetime.datetime]]:
    """The last commit that touched each graph, and when that was, as the ledger says."""
    text = (
        f"SELECT ?graph (MAX(?n) AS ?last) WHERE {{ GRAPH <{ledger}> {{ "
        f"?commit <{KYM}changedGraph> ?graph ; <{KYM}generation> ?n }} }} GROUP BY ?graph"
    )
    last = {row["graph"].value: int(row["last"].value) for row in view.select(text) if "graph" in row}
    numbers = " ".join(map(str, sorted(set(last.values()))))
    times = view.select(
        f"SELECT ?n ?time WHERE {{ VALUES ?n {{ {numbers} }} GRAPH <{ledger}> {{ "
        f"?commit <{KYM}generation> ?n ; <{PROV}endedAtTime> ?time }} }}"
    )
    at = {int(row["n"].value): datetime.datetime.fromisoformat(row["time"].value) for row in times}
    return {graph: (number, at[number]) for graph, number in last.items() if number in at}
