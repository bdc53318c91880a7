"""National catalogues take us in: avoindata.fi as a CKAN site, those with ckanext-dcat as DCAT-AP."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymgraph.dataset import Dataset
from kymgraph.project import Project
from kymgraph.publishing import catalog, dumps
from kymgraph.publishing.dcat import Catalogue, CatalogueDataset, Distribution
from tests.catalogues.conftest import Site, Tool
from tests.catalogues.importer import Importer
from tests.conftest import ROOT
from tests.needs import size

EU = "http://publications.europa.eu/resource/authority/"
ID = "https://w3id.org/kymgraph/id/"
#: The source documents, as kymgraph.toml names them, and the whole.
NAMES = sorted(
    [
        "kymgraph",
        "kymenlaakso-ohjelma",
        "maakuntaohjelma-2022-2025",
        "alykkaan-erikoistumisen-strategia-2",
        "maakunnan-kehityksen-karjessa-2016",
        "kouvolan-seudun-koko",
    ]
)
#: A name that a project of the document might have been given; it needs no evidence of its own.
NAME = f'<{ID}programme/koko> <http://www.w3.org/2004/02/skos/core#altLabel> "KOKO-kokonaisuus"@fi .'
#: The clock of the importer is nearly that hour ahead which it goes back by when it asks what has changed, so
#: that each run asks for what has changed since ten seconds before the run before began.
AHEAD = datetime.timedelta(hours=1, seconds=-10)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + AHEAD


# --- as DCAT-AP: ckanext-dcat ----------------------------------------------------------------------------


def extras(found: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in found["extras"]}


def language(code: str) -> str:
    return EU + "language/" + {"fi": "FIN", "sv": "SWE", "en": "ENG"}[code]


def same_dataset(found: dict[str, Any], ours: CatalogueDataset, lang: str) -> None:
    """Every field that the profile reads of a dataset holds what the catalogue says."""
    more = extras(found)
    assert found["title"] == ours.title[lang]
    assert found["notes"] == ours.description[lang]
    assert found["url"] == ours.page
    assert found["version"] == ours.version
    assert {tag["name"] for tag in found["tags"]} == {
        word for words in ours.keywords.values() for word in words
    }
    assert more["uri"] == ours.iri
    assert more["issued"] == ours.issued.isoformat()
    assert datetime.datetime.fromisoformat(more["modified"]) == ours.modified.replace(microsecond=0)
    assert more["frequency"] == ours.frequency
    assert more["provenance"] in ours.provenance.values()
    assert set(json.loads(more["language"])) == {language(code) for code in ours.languages}
    assert set(json.loads(more["theme"])) == set(ours.themes)
    assert (more["contact_uri"], more["contact_name"]) == (ours.contact.iri, ours.contact.name[lang])
    assert more["contact_url"] == ours.contact.page
    assert more.get("contact_email", "") == ours.contact.email
    assert (more["publisher_uri"], more["publisher_name"]) == (ours.publisher.iri, ours.publisher.name[lang])
    assert more["publisher_url"] == ours.publisher.homepage
    assert more["spatial_uri"] in ours.spatial  # it keeps one of them
    assert more["access_rights"] == EU + "access-right/PUBLIC"
    period = [day.isoformat() if day else None for day in (ours.temporal.start, ours.temporal.end)]
    assert [more.get("temporal_start"), more.get("temporal_end")] == period
    files = {one["uri"]: one for one in found["resources"]}
    assert set(files) == {one.iri for one in ours.distributions}
    for file in ours.distributions:
        same_file(files[file.iri], file, ours, lang)


def same_file(found: dict[str, Any], ours: Distribution, dataset: CatalogueDataset, lang: str) -> None:
    """Every field that the profile reads of a distribution holds what the catalogue says."""
    assert found["url"] == found["access_url"] == found["download_url"] == ours.url
    assert found["name"] == ours.title[lang]
    assert found["description"].startswith(dataset.description[lang])
    assert found["size"] == ours.bytes
    assert found["mimetype"].removeprefix("http://www.iana.org/assignments/media-types/") == ours.media_type
    assert found["format"].removeprefix(EU + "file-type/") == ours.format
    assert found["license"] == dataset.license
    assert found["rights"] in dataset.rights.values()
    assert found["availability"] == EU + "planned-availability/AVAILABLE"
    assert found.get("compress_format", "").endswith("gzip") == ours.packed
    assert set(json.loads(found["language"])) == {language(code) for code in dataset.languages}
    assert found["issued"] == dataset.issued.isoformat()
    assert datetime.datetime.fromisoformat(found["modified"]) == dataset.modified.replace(microsecond=0)


def catalogue(site: Site) -> Catalogue:
    project = Project.load(ROOT)
    made = dumps.newest(site.store.folder / dumps.FOLDER)
    assert made is not None
    with Dataset.open(project, site.store.folder) as dataset:
        return catalog.read(dataset.view(made.generation), project, made, site.url)


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [("ttl", "turtle"), ("rdf", "xml"), ("jsonld", "json-ld")][: size(quick=1, ci=3, night=3)],
)
def test_ckanext_dcat_reads_every_field_of_every_dataset_page_by_page(
    site: Site, tool: Tool, tmp_path: Path, suffix: str, kind: str
) -> None:
    pages = [f"{site.url}/catalog.{suffix}?page={page}&limit=4" for page in (1, 2)]
    for number, page in enumerate(pages):
        (tmp_path / str(number)).write_bytes(httpx.get(page, timeout=60).raise_for_status().content)

    read = tool("read_with_ckanext_dcat.py", kind, tmp_path / "0", tmp_path / "1")

    ours = {one.iri: one for one in catalogue(site).datasets}
    assert sorted(one.name for one in ours.values()) == NAMES
    for lang in ("fi", "sv", "en"):
        found = {extras(one)["uri"]: one for one in read["datasets"][lang]}
        assert len(read["datasets"][lang]) == len(ours)
        assert set(found) == set(ours)
        for iri, one in found.items():
            same_dataset(one, ours[iri], lang)
    # Where it goes on from the first page, it finds the second; there it stops.
    following = httpx.get(read["next"][0], headers={"accept": "text/turtle"}, timeout=60)
    second = httpx.get(pages[1].replace(f".{suffix}", ".ttl"), timeout=60)
    assert following.text == second.text
    assert read["next"][1] is None


# --- as a CKAN site --------------------------------------------------------------------------------------


def test_ckanapi_asks_what_it_likes_by_post_and_by_get(site: Site, tool: Tool) -> None:
    found = tool("ask_with_ckanapi.py", site.url)

    assert found["get"] == found["post"]
    asked = found["get"]
    assert asked["names"] == NAMES
    assert asked["shown"][NAMES.index("kouvolan-seudun-koko")]["en"] == (
        "KOKO programme of the Kouvola area 2010–2013"
    )
    assert asked["found"][0] == "kouvolan-seudun-koko"
    assert asked["licences"] == ["cc-by-4.0"]
    assert all(count > 0 for count in asked["groups"])
    assert asked["site"] == site.url
    missing, invalid = {"name_or_id": ["Missing value"]}, {"rows": ["Invalid integer"]}
    kind = {"__type": "Validation Error"}
    assert asked["refused"] == ["NotFound", missing | kind, invalid | kind]


def test_avoindata_imports_every_dataset_with_all_that_it_reads(site: Site) -> None:
    importer = Importer(site.url)

    imported = importer.run(now())

    assert importer.errors == []
    assert imported == NAMES
    assert len(importer.asked) == 2  # the second page is the empty one that ends the list
    [koko] = [one for one in importer.packages.values() if one["name"] == "kouvolan-seudun-koko"]
    assert koko["title_translated"] == {
        "fi": "Kouvolan seudun KOKO-ohjelma 2010–2013",
        "sv": "Kouvolaregionens KOKO-program 2010–2013",
        "en": "KOKO programme of the Kouvola area 2010–2013",
    }
    assert koko["geographical_coverage"] == ["iitti", "kouvola"]
    assert koko["license_id"] == "cc-by-4.0"
    assert {(one["temporal_coverage_from"], one["temporal_coverage_to"]) for one in koko["resources"]} == {
        ("2010-01-01", "2013-12-31")
    }
    formats = {one["format"] for one in koko["resources"]}
    assert formats >= {"TTL", "TriG", "N-Triples", "JSON-LD", "RDF", "CSV", "SPARQL"}
    turtle = next(one for one in koko["resources"] if one["format"] == "TTL")
    assert turtle["size"] == len(httpx.get(turtle["url"], timeout=60).raise_for_status().content)


def test_avoindata_turns_pages_to_the_end(site: Site) -> None:
    importer = Importer(site.url, rows=4)

    assert importer.run(now()) == NAMES
    assert len(importer.asked) == 3


def test_avoindata_makes_organisations_and_groups_that_it_does_not_know(site: Site) -> None:
    importer = Importer(site.url, {"remote_groups": "create", "remote_orgs": "create"}, groups=set())

    importer.run(now())

    assert importer.errors == []
    assert set(importer.organizations) == {"kymgraph"}
    assert "alueet-ja-kaupungit" in importer.groups
    assert {one["owner_org"] for one in importer.packages.values()} == {
        importer.organizations["kymgraph"]["id"]
    }


def test_avoindata_takes_the_organisations_that_its_source_names(site: Site) -> None:
    assert Importer(site.url, {"include": ["kymgraph", "other"]}).run(now()) == NAMES
    assert Importer(site.url, {"include": ["other"]}).run(now()) == []
    assert Importer(site.url, {"exclude": ["kymgraph"]}).run(now()) == []


def test_a_second_run_imports_nothing_and_one_after_a_commit_exactly_what_changed(site: Site) -> None:
    importer = Importer(site.url, {"include": ["kymgraph"]})
    whole = Importer(site.url, {"delete_missing": True})
    assert importer.run(now()) == whole.run(now()) == NAMES
    before = {one["name"]: one for one in importer.packages.values()}
    assert importer.run(now()) == importer.gathered == whole.run(now()) == whole.gathered == []
    assert "metadata_modified" in importer.asked[0]
    assert len(importer.packages) == len(whole.packages) == len(NAMES)

    site.commit("kouvolan-seudun-koko", NAME)

    changed = ["kouvolan-seudun-koko", "kymgraph"]  # the document's dataset, and the whole that has it too
    assert importer.run(now()) == importer.gathered == whole.run(now()) == whole.gathered == changed
    after = {one["name"]: one for one in importer.packages.values()}
    assert set(after) == set(before)
    for name in NAMES:
        assert after[name]["id"] == before[name]["id"]
        assert (after[name]["version"] != before[name]["version"]) == (name in changed)
    assert importer.run(now()) == []  # asked at once, it is given the same ones again: they are not newer
    assert set(importer.gathered) <= set(changed)
