"""A catalogue as RDF, as DCAT-AP 3.0.1 asks for it; readers of 2.1.1 find all that they know.

Every node has an IRI, so that the same catalogue gives the same triples, and two pages of it can be put
together. Checksums are not in it, since the shapes refuse the IRIs that SPDX has; they stand in SHA256SUMS
and in the page of each dataset.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from kymgraph.namespaces import DCTERMS, OWL, PREFIXES, PROV, RDF, RDFS, XSD
from kymgraph.publishing.catalog_texts import AUTHORITY, IANA, LANGUAGES, text
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
from kymgraph.rdf import Literal, NamedNode, Quad, Term

DCAT: Final = PREFIXES["dcat"]
DCATAP: Final = "http://data.europa.eu/r5r/"
HYDRA: Final = "http://www.w3.org/ns/hydra/core#"
ADMS: Final = PREFIXES["adms"]
FOAF: Final = PREFIXES["foaf"]
VCARD: Final = PREFIXES["vcard"]

#: Prefixes of the documents written here.
USED: Final = {
    "adms": ADMS,
    "dcat": DCAT,
    "dcatap": DCATAP,
    "dcterms": DCTERMS,
    "foaf": FOAF,
    "hydra": HYDRA,
    "owl": OWL,
    "prov": PROV,
    "rdf": RDF,
    "rdfs": RDFS,
    "vcard": VCARD,
    "xsd": XSD,
}
_PUBLIC: Final = AUTHORITY + "access-right/PUBLIC"
_AVAILABLE: Final = AUTHORITY + "planned-availability/AVAILABLE"
_THEMES: Final = AUTHORITY + "data-theme"
_GZIP: Final = IANA + "application/gzip"


def quads(catalogue: Catalogue) -> list[Quad]:
    """All that a catalogue says, in an order that depends on nothing else."""
    writer = _Writer()
    writer.catalogue(catalogue)
    return writer.quads


def only(catalogue: Catalogue, *datasets: CatalogueDataset) -> Catalogue:
    """The catalogue with these of its datasets alone, and what belongs to them."""
    here = {one.iri for one in datasets}
    series = {one.series for one in datasets}
    return replace(
        catalogue,
        datasets=datasets,
        series=tuple(one for one in catalogue.series if one.iri in series),
        services=tuple(
            replace(one, serves=tuple(iri for iri in one.serves if iri in here)) for one in catalogue.services
        ),
    )


def page(catalogue: Catalogue, number: int, size: int, url: str) -> list[Quad]:
    """Page `number`, from 1, of `size` datasets, which can be read without the others; `url` is the first's.

    What a dataset refers to comes with it. Past the end there is a catalogue without datasets. Pages are
    named in the words of Hydra now and of Hydra before, since harvesters read the one or the other.
    """
    found = catalogue.datasets[(number - 1) * size : number * size]
    writer = _Writer()
    writer.catalogue(only(catalogue, *found))
    last = max(1, -(-len(catalogue.datasets) // size))

    def at(place: int) -> str:
        given = "&".join([f"page={place}", *([] if size == PAGE else [f"limit={size}"])])
        return f"{url}?{given}"

    this = at(number)
    for kind in ("PartialCollectionView", "PagedCollection"):
        writer.say(this, RDF + "type", NamedNode(HYDRA + kind))
    around = {"first": 1, "last": last}
    if number > 1:
        around["previous"] = min(number - 1, last)
    if number < last:
        around["next"] = number + 1
    for relation, place in around.items():
        for name in (relation, f"{relation}Page"):
            writer.say(this, HYDRA + name, NamedNode(at(place)))
    writer.say(this, HYDRA + "totalItems", _number(len(catalogue.datasets)))
    writer.say(this, HYDRA + "itemsPerPage", _number(size))
    writer.say(catalogue.iri, HYDRA + "view", NamedNode(this))
    return writer.quads


#: Datasets on a page, unless asked otherwise.
PAGE: Final = 100


class _Writer:
    def __init__(self) -> None:
        self.quads: list[Quad] = []
        self._seen: set[Quad] = set()

    def say(self, subject: str, predicate: str, value: Term) -> None:
        quad = Quad(NamedNode(subject), NamedNode(predicate), value)
        if quad not in self._seen:
            self._seen.add(quad)
            self.quads.append(quad)

    def _iri(self, subject: str, predicate: str, *iris: str) -> None:
        for iri in iris:
            if iri:
                self.say(subject, predicate, NamedNode(iri))

    def _texts(self, subject: str, predicate: str, texts: Texts) -> None:
        for language, value in texts.items():
            self.say(subject, predicate, Literal(value, language=language))

    def _node(
        self, subject: str, predicate: str, kind: str, label: Texts, name: str, owner: str = ""
    ) -> None:
        """A statement of rights or provenance, which has to be a thing."""
        if label:
            node = f"{owner or subject}#{name}"
            self._iri(subject, predicate, node)
            self._iri(node, RDF + "type", DCTERMS + kind)
            self._texts(node, RDFS + "label", label)

    def _keywords(self, subject: str, keywords: Mapping[str, Iterable[str]]) -> None:
        for language, words in keywords.items():
            for word in words:
                self.say(subject, DCAT + "keyword", Literal(word, language=language))

    def _period(self, subject: str, period: Period) -> None:
        if period.start or period.end:
            node = f"{subject}#temporal"
            self._iri(subject, DCTERMS + "temporal", node)
            self._iri(node, RDF + "type", DCTERMS + "PeriodOfTime")
            for name, day in (("startDate", period.start), ("endDate", period.end)):
                if day:
                    self.say(node, DCAT + name, _day(day))

    def _languages(self, subject: str, languages: Iterable[str]) -> None:
        codes = (LANGUAGES[language] for language in languages if language in LANGUAGES)
        self._iri(subject, DCTERMS + "language", *(f"{AUTHORITY}language/{code}" for code in codes))

    def _license(self, subject: str, iri: str) -> None:
        if iri:
            self._iri(subject, DCTERMS + "license", iri)
            self._typed("LicenseDocument", iri)

    def _spatial(self, subject: str, iris: Iterable[str]) -> None:
        for iri in iris:
            self._iri(subject, DCTERMS + "spatial", iri)
            self._typed("Location", iri)

    def _typed(self, kind: str, iri: str) -> None:
        """Say what somebody else's IRI stands for; who checks a catalogue has the EU's own tables at hand."""
        if not iri.startswith(AUTHORITY):
            self._iri(iri, RDF + "type", DCTERMS + kind)

    def _document(self, subject: str, predicate: str, url: str) -> None:
        if url:
            self._iri(subject, predicate, url)
            self._iri(url, RDF + "type", FOAF + "Document")

    def _times(self, subject: str, issued: datetime.date, modified: datetime.datetime) -> None:
        self.say(subject, DCTERMS + "issued", _day(issued))
        self.say(subject, DCTERMS + "modified", _time(modified))

    # -- the parts

    def catalogue(self, catalogue: Catalogue) -> None:
        iri = catalogue.iri
        self._iri(iri, RDF + "type", DCAT + "Catalog")
        self._texts(iri, DCTERMS + "title", catalogue.title)
        self._texts(iri, DCTERMS + "description", catalogue.description)
        self._document(iri, FOAF + "homepage", catalogue.homepage)
        self._languages(iri, catalogue.languages)
        self._license(iri, catalogue.license)
        self._node(iri, DCTERMS + "rights", "RightsStatement", catalogue.rights, "rights")
        self._spatial(iri, catalogue.spatial)
        self._iri(iri, DCAT + "themeTaxonomy", _THEMES)
        self._times(iri, catalogue.issued, catalogue.modified)
        self._publisher(iri, catalogue.publisher)
        self._contact(iri, catalogue.contact)
        self._iri(iri, DCAT + "dataset", *(one.iri for one in catalogue.datasets))
        self._iri(iri, DCAT + "service", *(one.iri for one in catalogue.services))
        for dataset in catalogue.datasets:
            self._dataset(dataset)
        for series in catalogue.series:
            self._series(series)
        for service in catalogue.services:
            self._service(service, catalogue)

    def _publisher(self, subject: str, agent: Agent) -> None:
        self._iri(subject, DCTERMS + "publisher", agent.iri)
        # Both, since readers do not know that the one is the other.
        self._iri(agent.iri, RDF + "type", FOAF + "Agent", FOAF + "Organization")
        self._texts(agent.iri, FOAF + "name", agent.name)
        self._iri(agent.iri, DCTERMS + "type", agent.type)
        self._document(agent.iri, FOAF + "homepage", agent.homepage)

    def _contact(self, subject: str, contact: Contact) -> None:
        self._iri(subject, DCAT + "contactPoint", contact.iri)
        self._iri(contact.iri, RDF + "type", VCARD + "Kind", VCARD + "Organization")
        self._texts(contact.iri, VCARD + "fn", contact.name)
        self._iri(contact.iri, VCARD + "hasURL", contact.page)
        if contact.email:
            self._iri(contact.iri, VCARD + "hasEmail", "mailto:" + contact.email)

    def _series(self, series: Series) -> None:
        iri = series.iri
        self._iri(iri, RDF + "type", DCAT + "DatasetSeries")
        self._texts(iri, DCTERMS + "title", series.title)
        self._texts(iri, DCTERMS + "description", series.description)
        self._times(iri, series.issued, series.modified)
        self._iri(iri, DCTERMS + "accrualPeriodicity", series.frequency)
        self._spatial(iri, series.spatial)
        self._period(iri, series.temporal)
        self._publisher(iri, series.publisher)
        self._contact(iri, series.contact)

    def _dataset(self, dataset: CatalogueDataset) -> None:
        iri = dataset.iri
        self._iri(iri, RDF + "type", DCAT + "Dataset")
        self._texts(iri, DCTERMS + "title", dataset.title)
        self._texts(iri, DCTERMS + "description", dataset.description)
        self.say(iri, DCTERMS + "identifier", Literal(iri))
        self._keywords(iri, dataset.keywords)
        self._iri(iri, DCAT + "theme", *dataset.themes)
        self._iri(iri, DCTERMS + "subject", *dataset.subjects)
        self._spatial(iri, dataset.spatial)
        self._iri(iri, DCTERMS + "coverage", *dataset.coverage)
        self._period(iri, dataset.temporal)
        self._times(iri, dataset.issued, dataset.modified)
        self.say(iri, DCAT + "version", Literal(dataset.version))
        self.say(iri, OWL + "versionInfo", Literal(dataset.version))  # what 2.1.1 reads
        self._iri(iri, DCTERMS + "accrualPeriodicity", dataset.frequency)
        self._iri(iri, DCTERMS + "accessRights", _PUBLIC)
        self._languages(iri, dataset.languages)
        self._node(iri, DCTERMS + "provenance", "ProvenanceStatement", dataset.provenance, "provenance")
        self._document(iri, DCAT + "landingPage", dataset.page)
        self._iri(iri, PROV + "wasDerivedFrom", dataset.source)
        self._iri(iri, DCAT + "inSeries", dataset.series)
        self._publisher(iri, dataset.publisher)
        self._contact(iri, dataset.contact)
        self._iri(iri, DCAT + "distribution", *(one.iri for one in dataset.distributions))
        for distribution in dataset.distributions:
            self._distribution(distribution, dataset)

    def _distribution(self, distribution: Distribution, dataset: CatalogueDataset) -> None:
        iri = distribution.iri
        self._iri(iri, RDF + "type", DCAT + "Distribution")
        self._texts(iri, DCTERMS + "title", distribution.title)
        described = dict(dataset.description)
        if distribution.left_out:
            for language, note in text("left-out", n=distribution.left_out).items():
                described[language] = f"{described.get(language, '')} {note}".strip()
        self._texts(iri, DCTERMS + "description", described)
        self._iri(iri, DCAT + "accessURL", distribution.url)
        self._iri(iri, DCAT + "downloadURL", distribution.url)
        self._iri(iri, DCAT + "mediaType", IANA + distribution.media_type)
        self._iri(iri, DCTERMS + "format", f"{AUTHORITY}file-type/{distribution.format}")
        if distribution.packed:
            self._iri(iri, DCAT + "compressFormat", _GZIP)
        size = Literal(str(distribution.bytes), datatype=NamedNode(XSD + "nonNegativeInteger"))
        self.say(iri, DCAT + "byteSize", size)
        self._times(iri, dataset.issued, dataset.modified)
        self._languages(iri, dataset.languages)
        self._license(iri, dataset.license)
        self._node(iri, DCTERMS + "rights", "RightsStatement", dataset.rights, "rights", dataset.iri)
        self._iri(iri, DCATAP + "availability", _AVAILABLE)

    def _service(self, service: DataService, catalogue: Catalogue) -> None:
        iri = service.iri
        self._iri(iri, RDF + "type", DCAT + "DataService")
        self._texts(iri, DCTERMS + "title", service.title)
        self._texts(iri, DCTERMS + "description", service.description)
        self._keywords(iri, service.keywords)
        self._iri(iri, DCAT + "endpointURL", service.endpoint)
        self._iri(iri, DCAT + "endpointDescription", service.endpoint_description)
        if service.conforms_to:
            self._iri(iri, DCTERMS + "conformsTo", service.conforms_to)
            self._iri(service.conforms_to, RDF + "type", DCTERMS + "Standard")
        self._iri(iri, DCAT + "servesDataset", *service.serves)
        self._iri(iri, DCTERMS + "accessRights", _PUBLIC)
        self._iri(iri, DCAT + "theme", *catalogue.themes)
        self._license(iri, catalogue.license)
        self._publisher(iri, catalogue.publisher)
        self._contact(iri, catalogue.contact)


def _day(day: datetime.date) -> Literal:
    return Literal(day.isoformat(), datatype=NamedNode(XSD + "date"))


def _time(moment: datetime.datetime) -> Literal:
    said = moment.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Literal(said, datatype=NamedNode(XSD + "dateTime"))


def _number(value: int) -> Literal:
    return Literal(str(value), datatype=NamedNode(XSD + "integer"))
