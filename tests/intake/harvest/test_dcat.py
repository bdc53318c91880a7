"""Catalogues in RDF: as DCAT-AP wants them, and as avoindata.fi and others really write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from kymgraph.errors import FetchFailed
from kymgraph.intake.harvest import Listing, Visitor
from kymgraph.intake.harvest.listing import read_dcat
from kymgraph.intake.harvest.record import Text
from kymgraph.net import Client
from kymgraph.rdf import Quad, format_for, parse
from tests.localserver import says

from .conftest import Runs

HEAD = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> . @prefix hydra: <http://www.w3.org/ns/hydra/core#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix schema: <http://schema.org/> . @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix d: <https://data.example/id/> .
"""
GOOD = """
d:1 a dcat:Dataset ; dct:title "Liikenne"@fi , "Trafik"@sv ; dct:description "Kuvaus"@fi ;
  dcat:keyword "logistiikka"@fi ;
  dcat:theme <http://publications.europa.eu/resource/authority/data-theme/TRAN> ;
  dct:publisher [ a foaf:Agent ; foaf:name "Kouvola"@fi ; foaf:mbox <mailto:planner@example.org> ] ;
  dcat:contactPoint [ a vcard:Individual ; vcard:fn "Ylläpitäjä" ;
    vcard:hasEmail <mailto:planner@example.org> ] ;
  dct:spatial <http://www.yso.fi/onto/yso/p1> , [ skos:prefLabel "Kotka"@fi ] ;
  dct:temporal [ a dct:PeriodOfTime ; dcat:startDate "2015"^^xsd:gYear ; dcat:endDate "2019"^^xsd:gYear ] ;
  dct:issued "2020-05-01"^^xsd:date ; dcat:landingPage <https://data.example/1> ;
  dcat:distribution d:1a .
d:1a a dcat:Distribution ; dct:title "CSV" ; dcat:accessURL <https://data.example/1.csv> ;
  dcat:downloadURL <https://data.example/1.csv> ; dct:license <http://creativecommons.org/licenses/by/4.0/> ;
  dct:format <http://publications.europa.eu/resource/authority/file-type/CSV> ;
  dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> ; dcat:byteSize "12"^^xsd:decimal .
"""
#: As the profile of avoindata.fi writes it: no languages, blank nodes, the place as an identifier.
FINNISH = """
d:2 a dcat:Dataset ; dct:title "Kaavat" ; dcat:keyword "kaavoitus" ;
  dct:accrualPeriodicity [ rdf:value "vuosittain" ] ; dct:spatial [ dct:identifier "kouvola" ] ;
  dct:temporal [ schema:startDate "2015-01-01"^^xsd:date ] ;
  dcat:distribution [ a dcat:Distribution ; dcat:accessURL <https://data.example/2.zip> ; dct:format "ZIP" ] .
"""


def page(*parts: str, following: str = "", total: int | None = None) -> bytes:
    text = HEAD + "".join(parts)
    if following:
        text += f'<https://data.example/page> a hydra:PagedCollection ; hydra:nextPage "{following}" .'
    if total is not None:
        text += f"<https://data.example/page> hydra:totalItems {total} ."
    return text.encode()


def parsed(body: bytes, media_type: str) -> Iterable[Quad]:
    return parse(body, format_for(media_type.partition(";")[0]), rename_blank_nodes=True)


def listing(runs: Runs, path: str = "/catalog.ttl", **more: Any) -> Listing:
    folder, server = runs.folder(), runs.catalogue.server
    with folder.locked():
        folder.begin({"url": path})
        client = Client([server.listed])
        visitor = Visitor(client, folder, clock=runs.clock, wall=runs.clock, sleep=runs.clock.sleep)
        tell = lambda event, /, **values: None  # noqa: E731
        found = read_dcat(visitor, folder, server.at(path), parse=parsed, tell=tell, **more)
        folder.finish()
    return found


def serves(runs: Runs, **pages: bytes) -> None:
    for name, body in pages.items():
        headers = {"Content-Type": "text/turtle; charset=utf-8"}
        runs.catalogue.server.answers[f"/{name.replace('_', '.')}"] = says(body, headers=headers)


def test_a_dataset_as_dcat_ap_has_it(runs: Runs) -> None:
    serves(runs, catalog_ttl=page(GOOD))

    [found] = listing(runs).entries.values()

    record = found.record
    assert record is not None
    assert record.id == record.source == "https://data.example/id/1"
    assert record.titles == (Text("Liikenne", "fi"), Text("Trafik", "sv"))
    assert (record.begins, record.ends) == ("2015-01-01", "2019-12-31")
    assert record.issued == "2020-05-01T00:00:00Z"
    assert (record.coverage, record.places) == (("Kotka",), ("http://www.yso.fi/onto/yso/p1",))
    assert record.license == "http://creativecommons.org/licenses/by/4.0/"
    assert record.publisher is not None
    assert record.publisher.names == (Text("Kouvola", "fi"),)
    [file] = record.distributions
    assert (file.id, file.format, file.media_type, file.size) == (
        "https://data.example/id/1a",
        "CSV",
        "text/csv",
        12,
    )
    assert "example.org" not in str(record)
    assert "Ylläpitäjä" not in str(record)


def test_a_dataset_as_the_finnish_catalogue_has_it(runs: Runs) -> None:
    serves(runs, catalog_ttl=page(FINNISH))

    [found] = listing(runs).entries.values()

    record = found.record
    assert record is not None
    assert record.titles == (Text("Kaavat"),)
    assert record.coverage == ("kouvola",)
    assert (record.begins, record.ends) == ("2015-01-01", "")
    assert [(f.access, f.format) for f in record.distributions] == [("https://data.example/2.zip", "ZIP")]


def test_the_same_catalogue_gives_the_same_records_whatever_its_blank_nodes_are_called(runs: Runs) -> None:
    serves(runs, catalog_ttl=page(GOOD, FINNISH))
    first = {known: found.record for known, found in listing(runs).entries.items()}
    serves(runs, catalog_ttl=page(FINNISH, GOOD))

    assert {known: found.record for known, found in listing(runs).entries.items()} == first


def test_pages_are_read_to_the_last_one_however_it_is_announced(runs: Runs) -> None:
    serves(runs, catalog_ttl=page(GOOD, following="two.ttl?x=1", total=2), two_ttl=page(FINNISH, total=2))

    found = listing(runs)

    assert (len(found), found.complete) == (2, True)


def test_pages_that_lead_back_are_refused(runs: Runs) -> None:
    serves(runs, catalog_ttl=page(GOOD, following="two.ttl"), two_ttl=page(FINNISH, following="catalog.ttl"))

    with pytest.raises(FetchFailed, match="again and again"):
        listing(runs)


def test_a_list_shorter_than_it_says_is_not_whole(runs: Runs) -> None:
    serves(runs, catalog_ttl=page(GOOD, total=3))

    assert not listing(runs).complete


def test_with_a_limit_the_rest_is_not_asked_for(runs: Runs) -> None:
    serves(runs, catalog_ttl=page(GOOD, following="two.ttl"))

    found = listing(runs, limit=1)

    assert (len(found), found.complete) == (1, False)


@pytest.mark.parametrize("body", [b"<html><p>Huoltokatko", page("d:1 a dcat:Dataset ; ")])
def test_what_is_no_rdf_is_refused_and_asked_for_anew(runs: Runs, body: bytes) -> None:
    serves(runs, catalog_ttl=body)
    with pytest.raises(FetchFailed, match="no catalogue in RDF"):
        listing(runs)
    serves(runs, catalog_ttl=page(GOOD))

    assert len(listing(runs)) == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('d:3 a dcat:Dataset ; dct:description "x" .', "no-title"),
        ('[] a dcat:Dataset ; dct:title "Nimetön" .', "no-id"),
        ('d:3 a dcat:Dataset ; dct:title "x" ; dcat:distribution [ dct:title "y" ] .', "bad-url"),
        ('d:3 a dcat:Dataset ; dct:title "x" ; dct:issued "kevät" .', "bad-date"),
        ('d:3 a dcat:Dataset ; dct:title "x", "y\\u0007" .', "control-character"),
    ],
)
def test_a_dataset_that_is_unfit_is_set_aside_and_the_rest_is_taken(runs: Runs, text: str, code: str) -> None:
    serves(runs, catalog_ttl=page(GOOD, text))

    found = listing(runs)

    every = [*found.entries.values(), *found.nameless]
    assert sorted(one.unfit.code if one.unfit else "" for one in every) == ["", code]


def test_a_person_is_no_publisher(runs: Runs) -> None:
    person = 'd:3 a dcat:Dataset ; dct:title "x" ; dct:publisher [ a foaf:Person ; foaf:name "Ylläpitäjä" ] .'
    serves(runs, catalog_ttl=page(person))

    [found] = listing(runs).entries.values()

    assert found.record is not None
    assert found.record.publisher is None


def test_a_dataset_without_iri_is_known_by_its_identifier(runs: Runs) -> None:
    serves(runs, catalog_ttl=page('[] a dcat:Dataset ; dct:identifier "a-1" ; dct:title "x" .'))

    assert list(listing(runs).entries) == ["a-1"]
