"""A catalogue is what its file, the settings, the dumps and the ledger say; DCAT-AP finds no fault in it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path

import pytest

from kymgraph.project import Project
from kymgraph.publishing import catalog, catalog_rdf, catalog_schema, dumps, schema_org
from kymgraph.publishing.dcat import Catalogue, Period
from kymgraph.rdf import FORMATS, NamedNode, Quad, canonical_turtle, parse, serialise, skolemise
from kymgraph.store.memory import MemoryView
from tests.conftest import MakeProject
from tests.publishing import dcat_ap

BUILT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
ADDRESS = "https://data.example.org"
GRAPH = "https://example.org/kym/graph/"
PREFIXES = """
@base <https://example.org/kym/> .
@prefix : <https://example.org/kym/id/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix eu: <http://publications.europa.eu/resource/authority/> .
"""
SAID = """
<id/catalog/kymgraph> a dcat:Catalog ; dcterms:title "Skånes data"@sv ; dcterms:description "Allt."@sv ;
  dcterms:publisher <id/organisation/region> ; dcat:contactPoint <id/contact/region> ;
  dcterms:license <http://publications.europa.eu/resource/authority/licence/CC0> ;
  dcat:theme <http://publications.europa.eu/resource/authority/data-theme/REGI> ;
  dcterms:rights [ rdfs:label "Fritt."@sv ] ; foaf:homepage <start> ;
  dcterms:issued "2020-02-03"^^xsd:date ; dcterms:modified "2021"^^xsd:gYear .
<id/organisation/region> foaf:name "Regionen"@sv ; foaf:homepage <https://region.example/> .
<id/contact/region> vcard:fn "Registratur"@sv ; vcard:hasURL <kontakt> ;
  vcard:hasEmail <mailto:planner@example.org> .
<id/dataset/serie> a dcat:DatasetSeries ; dcterms:title "Planer"@sv ; dcterms:description "Alla planer."@sv .
<id/dataset/kymgraph> a dcat:Dataset ; dcterms:title "Hela"@sv , "All of it"@en .
<id/dataset/plan> a dcat:Dataset ; dcterms:title "Planen"@sv ; dcat:inSeries <id/dataset/serie> ;
  dcat:keyword "plan"@sv , "mål"@sv ; dcterms:coverage :skane ;
  dcterms:theme <http://x.example/not-this> ;
  dcat:theme <http://publications.europa.eu/resource/authority/data-theme/ENVI> ;
  dcterms:temporal [ dcat:startDate "2013"^^xsd:gYear ; dcat:endDate "2014-02"^^xsd:gYearMonth ] ;
  dcterms:language <http://publications.europa.eu/resource/authority/language/SWE> ;
  dcterms:issued "not a date" .
<id/dataset/gone> a dcat:Dataset ; dcterms:title "Borta"@sv .
"""
LEDGER = """
:c2 kym:generation 2 ;
  kym:changedGraph <graph/plan> ; prov:endedAtTime "2026-03-01T10:00:00.12Z"^^xsd:dateTime .
:c3 kym:generation 3 ;
  kym:changedGraph <graph/catalog> ; prov:endedAtTime "2026-03-02T10:00:00Z"^^xsd:dateTime .
:c4 kym:generation 4 ;
  kym:changedGraph <graph/plan> ; prov:endedAtTime "2026-03-03T10:00:00Z"^^xsd:dateTime .
"""
DATA = {
    "plan": ':skane skos:prefLabel "Skåne-maakunta"@fi , "Skåne"@sv . :x a :Plan .',
    "other": ":y a :Plan .",
}


def quads(graphs: dict[str, str]) -> Iterable[Quad]:
    for name, turtle in graphs.items():
        yield from parse((PREFIXES + turtle).encode(), FORMATS["ttl"], graph=NamedNode(GRAPH + name))


def read(project: Project, folder: Path, graphs: dict[str, str], generation: int = 4) -> Catalogue:
    view = MemoryView(skolemise(quads(graphs), project.base), in_union=project.in_union)
    view.generation = generation
    made = dumps.write_out(view, project, folder, built=BUILT)
    return catalog.read(view, project, made, ADDRESS)


TOML = """base_iri = "https://example.org/kym/"
license = "https://creativecommons.org/licenses/by/4.0/"
languages = ["sv", "fi"]
[title]
sv = "Skånes graf"
"""


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project(toml=TOML)


@pytest.fixture
def described(project: Project, tmp_path: Path) -> Catalogue:
    return read(project, tmp_path / "out", {**DATA, "catalog": SAID, "ledger": LEDGER})


@pytest.fixture
def bare(project: Project, tmp_path: Path) -> Catalogue:
    return read(project, tmp_path / "out", DATA, generation=1)


def test_texts_dates_and_places_are_those_of_the_file(described: Catalogue) -> None:
    whole, _, plan = described.datasets

    assert (described.title, described.license[-4:]) == ({"sv": "Skånes data"}, "/CC0")
    assert (whole.title["en"], plan.title) == ("All of it", {"sv": "Planen"})
    assert plan.keywords == {"sv": ("mål", "plan")}
    assert plan.temporal == Period(datetime.date(2013, 1, 1), datetime.date(2014, 2, 28))
    assert (plan.places, plan.languages) == (("skåne-maakunta",), ("sv",))
    assert plan.series == described.series[0].iri == "https://example.org/kym/id/dataset/serie"


def test_what_a_dataset_does_not_say_it_holds_from_its_catalogue(described: Catalogue) -> None:
    whole, other, plan = described.datasets

    assert plan.themes[0].endswith("/ENVI")
    assert whole.themes == other.themes == described.themes
    assert {one.publisher.name["sv"] for one in described.datasets} == {"Regionen"}
    assert plan.contact.email == "planner@example.org"
    assert plan.rights == whole.rights == {"sv": "Fritt."}
    assert plan.issued == datetime.date(2020, 2, 3), "a date that is none counts as not said"


def test_addresses_below_the_base_are_given_below_the_public_address(described: Catalogue) -> None:
    assert described.homepage == f"{ADDRESS}/start"
    assert described.contact.page == f"{ADDRESS}/kontakt"
    assert described.publisher.homepage == "https://region.example/"
    assert described.iri == "https://example.org/kym/id/catalog/kymgraph"


def test_version_and_time_are_those_of_the_last_commit_that_touched_the_dataset(described: Catalogue) -> None:
    whole, other, plan = described.datasets
    third = datetime.datetime(2026, 3, 3, 10, tzinfo=datetime.UTC)

    assert (plan.version, plan.modified) == ("4", third)
    assert (other.version, other.modified.date()) == ("1", datetime.date(2021, 1, 1))
    assert (whole.version, whole.modified, described.modified) == ("4", third, third)
    assert described.series[0].modified == third


def test_a_dataset_whose_graph_is_gone_is_in_the_catalogue_no_longer(described: Catalogue) -> None:
    assert [one.name for one in described.datasets] == ["kymgraph", "other", "plan"]


def test_a_project_without_the_file_has_a_catalogue_from_its_settings(bare: Catalogue) -> None:
    assert bare.title == bare.datasets[0].title == {"sv": "Skånes graf"}
    assert bare.license == "http://publications.europa.eu/resource/authority/licence/CC_BY_4_0"
    assert bare.languages == ("sv", "fi")
    assert [one.name for one in bare.datasets] == ["kymgraph", "other", "plan"]
    assert (bare.series, bare.modified, bare.issued) == ((), BUILT, BUILT.date())
    assert all(one.description and one.rights and one.provenance for one in bare.datasets)


def test_distributions_are_the_files_that_were_made(described: Catalogue, tmp_path: Path) -> None:
    for one in described.datasets:
        assert [known.suffix for known in one.distributions] == [
            "ttl",
            "trig",
            "nt.gz",
            "jsonld",
            "rdf",
            "csv",
        ]
        for known in one.distributions:
            assert known.url == f"{ADDRESS}/dumps/{one.name}.{known.suffix}"
            assert known.bytes == (tmp_path / "out" / f"{one.name}.{known.suffix}").stat().st_size


@pytest.mark.parametrize("which", ["described", "bare"])
def test_dcat_ap_finds_no_violation(which: str, request: pytest.FixtureRequest, shared: Path) -> None:
    catalogue: Catalogue = request.getfixturevalue(which)
    data = serialise(catalog.quads(catalogue), FORMATS["ttl"])

    faults = [one for one in dcat_ap.run(data, shared) if one.severity == "Violation"]

    assert [str(one) for one in faults] == []


def test_the_shapes_that_judge_us_would_see_a_fault(described: Catalogue, shared: Path) -> None:
    data = serialise(catalog.quads(described), FORMATS["ttl"]).replace(b"nonNegativeInteger", b"integer")

    steps = {one.step for one in dcat_ap.run(data, shared) if one.severity == "Violation"}

    assert steps, "a byteSize of another type is a violation"


def triples(found: Iterable[Quad]) -> set[Quad]:
    return {q for q in found if "hydra" not in q.predicate.value and "hydra" not in str(q.object)}


def test_pages_put_together_are_the_catalogue_and_each_can_be_read_alone(described: Catalogue) -> None:
    pages = [catalog.page(described, number, 1, f"{ADDRESS}/catalog") for number in (1, 2, 3)]

    assert set().union(*map(triples, pages)) == set(catalog.quads(described))
    for page in pages:
        subjects = {q.subject for q in page}
        named = {q.object for q in page if isinstance(q.object, NamedNode)}
        own = {term for term in named if term.value.startswith("https://example.org/kym/id/")}
        own -= {NamedNode("https://example.org/kym/id/skane")}  # a place of the graph, not of the catalogue
        assert own <= subjects, "everything that a page refers to is on it"
    past = catalog.page(described, 4, 1, f"{ADDRESS}/catalog")
    assert not [q for q in past if q.predicate.value == catalog_rdf.DCAT + "dataset"]


def test_hydra_leads_from_page_to_page_in_the_words_of_now_and_of_before(described: Catalogue) -> None:
    url = f"{ADDRESS}/catalog"

    def linked(number: int) -> dict[str, str]:
        found = catalog.page(described, number, 2, url)
        hydra = {q.predicate.value.removeprefix(catalog_rdf.HYDRA): q.object for q in found
                 if q.predicate.value.startswith(catalog_rdf.HYDRA)}  # fmt: skip
        return {name: term.value for name, term in hydra.items() if isinstance(term, NamedNode)}

    first, last = linked(1), linked(2)

    for name in ("next", "nextPage", "last", "lastPage"):
        assert first[name] == last["view"] == f"{url}?page=2&limit=2"
    for name in ("previous", "previousPage", "first", "firstPage"):
        assert last[name] == first["view"] == f"{url}?page=1&limit=2"
    assert "previous" not in first
    assert "next" not in last


def test_the_same_catalogue_gives_the_same_text(project: Project, tmp_path: Path) -> None:
    graphs = {**DATA, "catalog": SAID, "ledger": LEDGER}
    backwards = dict(reversed(graphs.items()))

    one, other = (
        canonical_turtle(catalog.quads(read(project, tmp_path / name, given)), catalog_rdf.USED)
        for name, given in (("a", graphs), ("b", backwards))
    )

    assert one == other


def test_search_engines_read_what_the_catalogue_says(described: Catalogue) -> None:
    plan = described.datasets[2]

    said = catalog_schema.dataset(plan, described)

    assert said["@type"] == "Dataset"
    assert said["temporalCoverage"] == "2013-01-01/2014-02-28"
    assert said["license"] == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert [one["contentUrl"] for one in said["distribution"]] == [one.url for one in plan.distributions]
    assert [one["sha256"] for one in said["distribution"]] == [one.sha256 for one in plan.distributions]


def test_no_text_of_the_catalogue_ends_the_script_that_it_stands_in(project: Project, tmp_path: Path) -> None:
    hostile = '<id/dataset/plan> dcterms:title "</script><script>alert(1)</script>"@sv .'
    found = read(project, tmp_path / "out", {**DATA, "catalog": hostile})

    text = schema_org.script(catalog_schema.dataset(found.datasets[2], found))

    assert "alert(1)" in text
    assert "<" not in text
