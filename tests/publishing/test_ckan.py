"""A catalogue as a CKAN site has what avoindata.fi asks of datasets, and searches find what they should."""

from __future__ import annotations

import dataclasses
import datetime
import re
import uuid
from typing import Any

import pytest

from kymgraph.publishing.ckan import Json, Site
from kymgraph.publishing.ckan_actions import Invalid, Missing, UnknownAction, run
from kymgraph.publishing.ckan_search import SearchError, SearchQueryError
from kymgraph.publishing.dcat import (
    Agent,
    Catalogue,
    CatalogueDataset,
    Contact,
    DataService,
    Distribution,
    Period,
)

ID = "https://example.org/kym/id/"
EU = "http://publications.europa.eu/resource/authority/"
HERE = "https://kym.example"
COUNCIL = Agent(
    ID + "organisation/kymenlaakson-liitto", {"fi": "Kymenlaakson liitto"}, "https://liitto.example/"
)
CONTACT = Contact(
    ID + "contact/tiedot", {"fi": "Tietopalvelu", "en": "Data service"}, "https://liitto.example/a"
)
TURTLE = Distribution(
    ID + "distribution/ohjelma-ttl",
    {"fi": "Ohjelma (Turtle)", "en": "Programme (Turtle)"},
    HERE + "/dumps/ohjelma.ttl",
    "ttl",
    "text/turtle",
    "RDF_TURTLE",
    1234,
    "ab" * 32,
)
PACKED = Distribution(
    ID + "distribution/ohjelma-nt-gz",
    {"fi": "Ohjelma (N-Triples)"},
    HERE + "/dumps/ohjelma.nt.gz",
    "nt.gz",
    "application/n-triples",
    "RDF_N_TRIPLES",
    99,
    "cd" * 32,
    packed=True,
)
PROGRAMME = CatalogueDataset(
    iri=ID + "dataset/ohjelma",
    name="ohjelma",
    title={"fi": "Maakuntaohjelma", "sv": "Landskapsprogram", "en": "Regional programme"},
    description={"fi": "Tavoitteet ja varat.", "en": "Aims and means."},
    keywords={"fi": ("aluekehitys", "varat 2022–2025"), "en": ("regional development",)},
    themes=(EU + "data-theme/REGI", EU + "data-theme/GOVE", EU + "data-theme/OP_DATPRO"),
    subjects=(),
    spatial=(),
    places=("iitti", "kymenlaakso"),
    temporal=Period(datetime.date(2022, 1, 1), datetime.date(2025, 12, 31)),
    issued=datetime.date(2026, 11, 21),
    modified=datetime.datetime(2026, 11, 22, 8, 30, 15, 987654, datetime.UTC),
    version="3",
    publisher=COUNCIL,
    contact=CONTACT,
    license=EU + "licence/CC_BY_4_0",
    rights={"fi": "Lähde: liitto"},
    provenance={"fi": "Luettu asiakirjasta."},
    frequency=EU + "frequency/IRREG",
    languages=("fi",),
    page=HERE + "/catalog/ohjelma",
    distributions=(TURTLE, PACKED),
)
STRATEGY = dataclasses.replace(
    PROGRAMME,
    iri=ID + "dataset/strategia",
    name="strategia",
    title={"fi": "Älystrategia", "en": "Smart strategy"},
    keywords={"fi": ("vety",)},
    themes=(EU + "data-theme/TECH",),
    modified=datetime.datetime(2026, 11, 20, 0, 0, 0, 0, datetime.UTC),
    publisher=Agent(ID + "organisation/toinen", {"fi": "Toinen järjestö"}),
    distributions=(),
    places=("kouvola",),
)
SPARQL = DataService(
    ID + "service/sparql",
    {"fi": "SPARQL-rajapinta", "en": "SPARQL endpoint"},
    {"fi": "Kyselyt"},
    HERE + "/sparql",
    conforms_to="https://www.w3.org/TR/sparql11-protocol/",
    serves=(PROGRAMME.iri,),
)


def catalogue(*datasets: CatalogueDataset, generation: int = 7) -> Catalogue:
    return Catalogue(
        iri=ID + "catalog/kymgraph",
        generation=generation,
        title={"fi": "Luettelo"},
        description={"fi": "Kaikki aineistot"},
        publisher=COUNCIL,
        contact=CONTACT,
        homepage=HERE + "/catalog",
        license=PROGRAMME.license,
        languages=("fi", "sv", "en"),
        themes=(),
        spatial=(),
        issued=datetime.date(2026, 11, 21),
        modified=datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC),
        datasets=datasets,
        services=(SPARQL,),
    )


SITE = Site.of(catalogue(PROGRAMME, STRATEGY))


def show(dataset: CatalogueDataset = PROGRAMME) -> Json:
    package = Site.of(catalogue(dataset)).package(dataset.name)
    assert package is not None
    return package


def search(**asked: Any) -> Any:
    return run(SITE, HERE, "package_search", asked)


def names(**asked: Any) -> list[str]:
    return [one["name"] for one in search(**({"sort": "name asc"} | asked))["results"]]


# --- what a dataset says --------------------------------------------------------------------------------


def test_a_dataset_has_every_field_that_avoindata_asks_for() -> None:
    package = show()

    assert package["title_translated"] == {
        "fi": "Maakuntaohjelma",
        "sv": "Landskapsprogram",
        "en": "Regional programme",
    }
    assert package["notes_translated"]["fi"] == "Tavoitteet ja varat.\n\nLuettu asiakirjasta."
    assert package["keywords"] == {
        "fi": ["aluekehitys", "varat 2022-2025"],  # a dash is no letter of a CKAN keyword
        "sv": [],
        "en": ["regional development"],
    }
    assert package["geographical_coverage"] == ["iitti", "kymenlaakso"]
    assert package["update_frequency"]["fi"] == ["epäsäännöllinen"]
    assert (package["license_id"], package["license_url"]) == (
        "cc-by-4.0",
        "http://creativecommons.org/licenses/by/4.0/",
    )
    assert package["collection_type"] == "Open Data"
    assert (package["maintainer"], package["maintainer_website"]) == (
        "Tietopalvelu",
        "https://liitto.example/a",
    )
    assert package["copyright_notice_translated"]["fi"] == "Lähde: liitto"
    assert package["owner_org"] == package["organization"]["id"]
    assert package["organization"]["name"] == "kymenlaakson-liitto"
    assert [group["name"] for group in package["groups"]] == [
        "alueet-ja-kaupungit",
        "valtioneuvosto-ja-julkinen-sektori",
    ]


def test_times_have_no_zone_and_no_part_of_a_second_for_the_importer_adds_its_own_zeros() -> None:
    package = show()

    assert package["metadata_modified"] == "2026-11-22T08:30:15.000000"
    assert package["date_released"] == package["metadata_created"] == "2026-11-21T00:00:00.000000"


def test_a_dataset_that_is_described_anew_is_newer_though_its_data_are_the_same() -> None:
    anew = datetime.datetime(2026, 11, 22, 9, tzinfo=datetime.UTC)

    [package] = Site.of(dataclasses.replace(catalogue(PROGRAMME), described=anew)).packages
    [older] = Site.of(dataclasses.replace(catalogue(PROGRAMME), described=STRATEGY.modified)).packages

    assert package["metadata_modified"] == "2026-11-22T09:00:00.000000"
    assert {one["last_modified"] for one in package["resources"]} == {"2026-11-22T08:30:15.000000"}
    assert older["metadata_modified"] == show()["metadata_modified"]


def test_the_years_of_a_programme_that_has_ended_do_not_make_its_data_outdated() -> None:
    package = show()

    assert "valid_till" not in package  # a day that has passed marks a dataset as outdated on avoindata.fi
    assert {(one["temporal_coverage_from"], one["temporal_coverage_to"]) for one in package["resources"]} == {
        ("2022-01-01", "2025-12-31")
    }
    assert not any("time_series_start" in one for one in package["resources"])


def test_files_and_services_are_its_resources() -> None:
    turtle, packed, sparql = show()["resources"]

    assert (turtle["url"], turtle["format"], turtle["mimetype"]) == (TURTLE.url, "TTL", "text/turtle")
    assert (turtle["size"], turtle["hash"], turtle["position"]) == (1234, "ab" * 32, 0)
    assert turtle["name_translated"] == {
        "fi": "Ohjelma (Turtle)",
        "sv": "",
        "en": "Programme (Turtle)",
    }
    assert turtle["description_translated"]["en"] == "Aims and means."
    assert (packed["mimetype"], packed["mimetype_inner"]) == ("application/gzip", "application/n-triples")
    assert (sparql["url"], sparql["format"], sparql["size"]) == (HERE + "/sparql", "SPARQL", None)
    assert {one["package_id"] for one in (turtle, packed, sparql)} == {show()["id"]}


def test_a_file_says_what_its_format_could_not_hold() -> None:
    less = dataclasses.replace(TURTLE, left_out=3)

    [resource, _] = show(dataclasses.replace(PROGRAMME, distributions=(less,)))["resources"]

    for lang, own in PROGRAMME.description.items():
        told = resource["description_translated"][lang]
        assert told.startswith(own + " ")
        assert "3" in told


def test_ids_are_uuids_of_iris_that_stay_whatever_else_changes() -> None:
    later = dataclasses.replace(PROGRAMME, title={"fi": "Uusi nimi"}, version="9", modified=STRATEGY.modified)

    before, after = show(), show(later)

    assert before["id"] == after["id"] == str(uuid.uuid5(uuid.NAMESPACE_URL, PROGRAMME.iri))
    assert [one["id"] for one in before["resources"]] == [one["id"] for one in after["resources"]]
    ids = [one["id"] for package in SITE.packages for one in (package, *package["resources"])]
    assert len(ids) == len(set(ids))


def test_a_dataset_that_says_little_keeps_the_importer_alive() -> None:
    bare = dataclasses.replace(
        PROGRAMME,
        title={"en": "Roads & rails"},
        description={},
        keywords={},
        themes=(),
        temporal=Period(),
        contact=Contact(ID + "contact/x", {}),
        license="https://example.org/own-licence",
        rights={},
        provenance={},
        frequency=EU + "frequency/OTHER",
    )

    package = show(bare)

    assert package["title_translated"]["fi"] == package["notes_translated"]["fi"] == "Roads & rails"
    assert package["keywords"]["fi"] == ["Roads rails"]
    assert package["license_id"] == "notspecified"
    assert package["maintainer"] == "Kymenlaakson liitto"
    assert package["maintainer_email"] == [""]  # not an address of anybody, and not an empty list
    assert (package["groups"], package["update_frequency"]) == ([], {})


def test_an_address_of_an_organisation_is_given_where_there_is_one() -> None:
    contact = dataclasses.replace(CONTACT, email="planner@example.org")

    assert show(dataclasses.replace(PROGRAMME, contact=contact))["maintainer_email"] == [
        "planner@example.org"
    ]


def test_names_are_what_ckan_takes_and_no_two_are_the_same() -> None:
    others = [
        dataclasses.replace(PROGRAMME, iri=f"{ID}dataset/{n}", name=name)
        for n, name in enumerate(["Pyhtää Ohjelma", "pyhtaa-ohjelma", "pyhtaa-ohjelma", "x", "a" * 150])
    ]

    found = [package["name"] for package in Site.of(catalogue(*others)).packages]

    assert len(set(found)) == len(found) == 5
    assert all(re.fullmatch(r"[a-z0-9_-]{2,100}", name) for name in found)
    assert "pyhtaa-ohjelma" in found


# --- search ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fq", "expected"),
    [
        ("metadata_modified:[2026-11-22T08:30:15Z TO *]", ["ohjelma"]),
        ("metadata_modified:[2026-11-22T08:30:15.000001Z TO *]", []),
        ("metadata_modified:{2026-11-22T08:30:15Z TO *]", []),
        ("metadata_modified:[2026-11-22T10:30:15+02:00 TO *]", ["ohjelma"]),
        ("metadata_modified:[* TO 2026-11-21T00:00:00Z]", ["strategia"]),
        ("organization:toinen", ["strategia"]),
        ("-organization:toinen", ["ohjelma"]),
        ("organization:toinen OR organization:kymenlaakson-liitto", ["ohjelma", "strategia"]),
        # The harvester sets its filters side by side, and means either organisation within that time.
        (
            "organization:toinen OR organization:kymenlaakson-liitto "
            "metadata_modified:[2026-11-21T00:00:00Z TO *]",
            ["ohjelma"],
        ),
        ("-organization:toinen -organization:kymenlaakson-liitto", []),
        ("groups:tiede-ja-teknologia", ["strategia"]),
        ("+capacity:public +state:active", ["ohjelma", "strategia"]),
        ("res_format:TTL AND license_id:cc-by-4.0", ["ohjelma"]),
        ("res_format:(TTL OR CSV)", ["ohjelma"]),
        ("NOT res_format:TTL", ["strategia"]),
        ('vocab_keywords_fi:"varat 2022-2025"', ["ohjelma"]),
        ("vocab_geographical_coverage:kouvola", ["strategia"]),
        ("name:ohj*", ["ohjelma"]),
        ("name:ohj", []),
        ("extras_harvest_source_title:Muu", []),
        ("--name:ohjelma", ["ohjelma"]),
        ("*:*", ["ohjelma", "strategia"]),
    ],
)
def test_a_filter_finds_what_it_says(fq: str, expected: list[str]) -> None:
    assert names(fq=fq) == expected


@pytest.mark.parametrize(
    "fq",
    [
        *("metadata_modified:[yesterday TO *]", "name:(a", "name:a)", "colour:red", "name:", "OR name:a"),
        *('"open', "name:[a", "AND", "*:b", "(" * 30 + "a" + ")" * 30, "a " * 3000),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(fq: str) -> None:
    with pytest.raises(SearchError):
        search(fq=fq)


def test_long_rows_of_signs_and_stars_are_read_in_no_time() -> None:
    assert names(fq="-" * 3000 + "name:ohjelma") == ["ohjelma"]
    assert names(fq="name:" + "*a" * 1500 + "b") == []


def test_words_are_found_in_every_language_and_in_titles_first() -> None:
    assert names(q="landskapsprogram") == ["ohjelma"]
    assert names(q="REGIONAL programme") == ["ohjelma"]
    assert names(q="regional hydrogen") == []
    assert names(q='""') == names(q="*:*") == ["ohjelma", "strategia"]
    hydrogen = dataclasses.replace(PROGRAMME, iri=ID + "dataset/v", name="vety", title={"fi": "Vety"})
    site = Site.of(catalogue(STRATEGY, hydrogen, dataclasses.replace(PROGRAMME, description={"fi": "vety"})))
    found = run(site, HERE, "package_search", {"q": "vety"})["results"]
    assert found[0]["name"] == "vety"
    assert len(found) == 3


def test_pages_go_on_until_one_is_empty() -> None:
    pages = [search(sort="id asc", rows="1", start=str(start)) for start in range(3)]

    ids = [[one["id"] for one in page["results"]] for page in pages]
    assert ids[0] + ids[1] == sorted(package["id"] for package in SITE.packages)
    assert ids[2] == []
    assert {page["count"] for page in pages} == {2}
    assert pages[2]["facets"] == pages[2]["search_facets"] == {}


def test_datasets_are_sorted_as_asked() -> None:
    assert names(sort="metadata_modified asc") == ["strategia", "ohjelma"]
    assert names(sort="title_string desc, id asc") == ["strategia", "ohjelma"]
    assert search()["sort"] == "score desc, metadata_modified desc"
    for wrong in ("name", "colour asc", "name sideways", "name asc,"):
        with pytest.raises(SearchQueryError, match="sort"):
            search(sort=wrong)


def test_only_the_fields_asked_for_are_sent() -> None:
    assert search(fl=["name", "nothing"], q="smart")["results"] == [{"name": "strategia"}]


def test_parameters_that_are_wrong_are_refused_as_ckan_does() -> None:
    with pytest.raises(Invalid) as refused:
        search(rows="-1", start="many", q=["a", "b"])
    assert refused.value.faults == {
        "rows": ["Must be a natural number"],
        "start": ["Invalid integer"],
        "q": ["Must be a Unicode string value"],
    }
    with pytest.raises(SearchQueryError, match=r"\['colour'\]"):
        search(colour="red")
    assert search(**{"facet.field": '["tags"]', "facet": "true", "ext_x": "1"})["count"] == 2


# --- the other actions ----------------------------------------------------------------------------------


def test_things_are_shown_by_id_and_by_name() -> None:
    for kind, name in (
        ("package", "ohjelma"),
        ("organization", "toinen"),
        ("group", "tiede-ja-teknologia"),
    ):
        by_name = run(SITE, HERE, f"{kind}_show", {"id": name})
        assert by_name == run(SITE, HERE, f"{kind}_show", {"id": by_name["id"]})
        assert by_name["name"] == name
        with pytest.raises(Missing):
            run(SITE, HERE, f"{kind}_show", {"id": "nothing"})
        with pytest.raises(Invalid, match="Missing value"):
            run(SITE, HERE, f"{kind}_show", {})


def test_organisations_and_groups_count_and_bring_their_datasets() -> None:
    organization = run(SITE, HERE, "organization_show", {"id": "toinen", "include_datasets": "true"})
    group = run(SITE, HERE, "group_show", {"id": "alueet-ja-kaupungit"})

    assert (organization["package_count"], [one["name"] for one in organization["packages"]]) == (
        1,
        ["strategia"],
    )
    assert (group["package_count"], "packages" in group) == (1, False)
    assert group["title_translated"] == {
        "fi": "Alueet ja kaupungit",
        "sv": "Regioner och städer",
        "en": "Regions and cities",
    }


def test_lists_have_names_or_whole_things() -> None:
    assert run(SITE, HERE, "package_list", {"limit": "1", "offset": "1"}) == ["strategia"]
    assert run(SITE, HERE, "organization_list", {}) == ["kymenlaakson-liitto", "toinen"]
    assert run(SITE, HERE, "group_list", {"sort": "name desc", "limit": 1}) == [
        "valtioneuvosto-ja-julkinen-sektori"
    ]
    [whole] = run(SITE, HERE, "group_list", {"all_fields": True, "groups": ["tiede-ja-teknologia"]})
    assert (whole["title"], whole["package_count"]) == ("Tiede ja teknologia", 1)
    assert [one["id"] for one in run(SITE, HERE, "license_list", {})] == ["cc-by-4.0"]
    assert run(SITE, HERE, "status_show", {})["site_url"] == HERE
    with pytest.raises(UnknownAction):
        run(SITE, HERE, "package_delete", {"id": "ohjelma"})
