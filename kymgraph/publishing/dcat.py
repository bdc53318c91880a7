"""What a catalogue says of datasets, as values: what its RDF, its CKAN form and its pages are written from.

The words are DCAT 3's, as DCAT-AP 3.0.1 uses them. Texts are by language. IRIs are names and stay on the
project's base; URLs are where things are got, on the public address.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

#: One text in several languages: fi, sv, en.
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Agent:
    """An organisation that publishes or made something."""

    iri: str
    name: Texts
    homepage: str = ""
    type: str = ""  #: IRI out of the publisher types of ADMS


@dataclass(frozen=True, slots=True)
class Contact:
    """Where an organisation is reached; never a person."""

    iri: str
    name: Texts
    page: str = ""  #: URL of a contact page
    email: str = ""  #: of an organisation, without `mailto:`


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, either of which may be open."""

    start: datetime.date | None = None
    end: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """One file of a dataset."""

    iri: str
    title: Texts
    url: str  #: where it is got: access and download alike
    suffix: str  #: such as `ttl` or `nt.gz`
    media_type: str  #: such as `text/turtle`, of what is inside if it is packed
    format: str  #: code of the EU's file types, such as `RDF_TURTLE`
    bytes: int
    sha256: str
    packed: bool = False  #: whether it is gzip
    left_out: int = 0  #: triples of the dataset that its format cannot hold


@dataclass(frozen=True, slots=True)
class DataService:
    """An interface that serves datasets of the catalogue."""

    iri: str
    title: Texts
    description: Texts
    endpoint: str  #: URL
    endpoint_description: str = ""  #: URL of its service description or OpenAPI
    conforms_to: str = ""  #: IRI of the protocol
    serves: tuple[str, ...] = ()  #: IRIs of datasets
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CatalogueDataset:
    """One dataset: a source document's graph, or the whole."""

    iri: str
    name: str  #: its name in URLs: the graph's name, or `kymgraph` for the whole
    title: Texts
    description: Texts
    keywords: Mapping[str, tuple[str, ...]]
    themes: tuple[str, ...]  #: IRIs of the EU's data themes
    subjects: tuple[str, ...]  #: IRIs of concepts, such as YSO's
    spatial: tuple[str, ...]  #: IRIs that DCAT-AP asks for
    places: tuple[str, ...]  #: names of municipalities and regions in Finnish, lower case
    temporal: Period
    issued: datetime.date
    modified: datetime.datetime
    version: str
    publisher: Agent
    contact: Contact
    license: str  #: IRI out of the EU's licences
    rights: Texts
    provenance: Texts
    frequency: str  #: IRI out of the EU's frequencies
    languages: tuple[str, ...]  #: fi, sv, en
    page: str  #: URL of its landing page
    graphs: tuple[str, ...] = ()  #: IRIs of the named graphs in it
    source: str = ""  #: IRI of the document that it was read from
    series: str = ""  #: IRI of the series that it belongs to
    distributions: tuple[Distribution, ...] = ()
    coverage: tuple[str, ...] = ()  #: IRIs of our own things for these places


@dataclass(frozen=True, slots=True)
class Series:
    """Datasets that are one family: those of the source documents."""

    iri: str
    title: Texts
    description: Texts
    publisher: Agent
    contact: Contact
    issued: datetime.date
    modified: datetime.datetime
    frequency: str
    spatial: tuple[str, ...] = ()
    temporal: Period = field(default_factory=Period)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The whole catalogue, as it stands at one generation and one public address."""

    iri: str
    generation: int
    title: Texts
    description: Texts
    publisher: Agent
    contact: Contact
    homepage: str  #: URL
    license: str
    languages: tuple[str, ...]
    themes: tuple[str, ...]
    spatial: tuple[str, ...]
    issued: datetime.date
    modified: datetime.datetime
    datasets: tuple[CatalogueDataset, ...] = ()
    series: tuple[Series, ...] = ()
    services: tuple[DataService, ...] = ()
    rights: Texts = field(default_factory=dict)
    described: datetime.datetime | None = None  #: when what it says of datasets was last committed to
