"""Runs one after the other: what comes, changes and goes, and what stays although it was not to be had."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from kymgraph.errors import SourceShrunk
from kymgraph.gate import full
from kymgraph.intake.harvest.quads import GENERATED
from kymgraph.intake.harvest.reasons import REASONS
from kymgraph.project import Project
from kymgraph.rdf import BlankNode, Literal
from tests.localserver import says

from .catalogue import FAULTS, made, package, with_file
from .conftest import Runs


def test_every_record_comes_with_all_that_is_taken_of_it_and_nothing_of_people(runs: Runs) -> None:
    runs.catalogue.packages = [package(2)]

    runs.run()

    said = {
        (q.subject.value.rpartition("/id/")[2].partition("/")[0], q.predicate.value, q.object.value)
        for q in runs.quads
        if not isinstance(q.object, BlankNode)
    }
    dataset, file = "harvested-dataset", "harvested-distribution"
    dcat, dct = "http://www.w3.org/ns/dcat#", "http://purl.org/dc/terms/"
    assert said >= {
        (dataset, dct + "title", "Aineisto 2"),
        (dataset, dct + "title", "Dataset 2"),
        (dataset, dct + "description", "Mitä aineisto 2 kertoo."),
        (dataset, dcat + "keyword", "kriittinen infrastruktuuri"),
        (dataset, dct + "license", "http://creativecommons.org/licenses/by/4.0/"),
        (dataset, dct + "issued", "2020-01-01T00:00:00Z"),
        ("harvested-period", dcat + "endDate", "2013-12-31"),
        ("harvested-publisher", "http://xmlns.com/foaf/0.1/name", "Toimija 2"),
        (file, dcat + "accessURL", "https://data.example/2/taulukko%201.csv"),
        (file, dcat + "byteSize", "1002"),
        (file, dcat + "mediaType", "https://www.iana.org/assignments/media-types/text/csv"),
    }
    assert "example.org" not in str(runs.quads)  # the maintainer's address
    assert "Ylläpitäjä" not in str(runs.quads)
    [title] = [q.object for q in runs.quads if str(q.object) == '"Dataset 2"@en']
    assert isinstance(title, Literal)
    assert not any(isinstance(term, BlankNode) for q in runs.quads for term in (q.subject, q.object))


def test_a_repeat_changes_nothing_however_late(runs: Runs) -> None:
    runs.run(now="2026-11-22T00:00:00Z")
    first = runs.quads

    harvest = runs.run(now="2027-01-01T00:00:00Z")

    assert runs.last.empty
    assert runs.quads == first
    assert (harvest.counts.unchanged, harvest.counts.added) == (25, 0)


def test_only_what_changed_of_a_record_changes_and_its_moment(runs: Runs) -> None:
    runs.run(now="2026-11-22T00:00:00Z")
    runs.catalogue.packages[3] = package(3, geographical_coverage=["kouvola", "kotka"])

    harvest = runs.run(now="2026-11-23T00:00:00Z")

    assert (harvest.counts.changed, harvest.counts.unchanged) == (1, 24)
    moments = {q.object.value for q in runs.last.added if q.predicate.value == GENERATED}  # type: ignore[union-attr]
    assert moments == {"2026-11-23T00:00:00Z"}
    assert {runs.names.owner(q.subject) for q in runs.last.added} <= {package(3)["id"], None}
    assert not any(q.predicate.value.endswith("title") for q in runs.last.added)


def test_fields_that_are_not_taken_change_nothing(runs: Runs) -> None:
    runs.run()
    runs.catalogue.packages[3]["tracking_summary"] = {"total": 5}
    runs.catalogue.packages[3]["maintainer_email"] = ["other@example.org"]

    runs.run(now="2026-12-01T00:00:00Z")

    assert runs.last.empty


def test_what_is_gone_from_the_catalogue_goes_from_the_graph_without_a_trace(runs: Runs) -> None:
    runs.catalogue.packages = [package(n) for n in range(20)]
    runs.run()
    expected = runs.quads
    runs.catalogue.packages.append(package(24, organization={"id": "other", "title": "Toinen"}))
    runs.run()
    del runs.catalogue.packages[20]

    harvest = runs.run()

    assert harvest.counts.gone == 1
    assert runs.quads == expected  # the publisher too, whom nobody else needs


def test_a_catalogue_that_lost_most_of_its_records_is_not_believed(runs: Runs) -> None:
    runs.run()
    before = runs.quads
    runs.catalogue.packages = runs.catalogue.packages[:12]

    with pytest.raises(SourceShrunk, match="13 of the 25"):
        runs.run()
    assert runs.quads == before

    assert runs.run(allow_shrink=True).counts.gone == 13


def test_half_of_the_records_may_go(runs: Runs) -> None:
    runs.catalogue.packages = [package(n) for n in range(10)]
    runs.run()
    runs.catalogue.packages = runs.catalogue.packages[:5]

    assert runs.run().counts.gone == 5


def test_a_record_that_broke_stays_as_it_was(runs: Runs) -> None:
    runs.run()
    before = runs.quads
    runs.catalogue.packages[4] = package(4, metadata_modified="viime keväänä")

    harvest = runs.run()

    assert runs.last.empty
    assert runs.quads == before
    [aside] = harvest.aside
    assert (aside.id, aside.code, aside.field, aside.stays) == (
        package(4)["id"],
        "bad-date",
        "metadata_modified",
        True,
    )
    assert (harvest.counts.stayed, harvest.counts.gone) == (1, 0)


def test_with_a_limit_nothing_is_taken_for_gone(runs: Runs) -> None:
    runs.run()

    harvest = runs.run(limit=7)

    assert (harvest.counts.unchanged, harvest.counts.gone, harvest.counts.stayed) == (7, 0, 18)
    assert runs.last.empty


def test_a_limit_takes_no_more_than_that(runs: Runs) -> None:
    assert runs.run(limit=7).counts.added == 7


def test_of_two_records_with_one_identifier_neither_is_taken(runs: Runs) -> None:
    runs.catalogue.packages[9] = package(9, id=package(3)["id"])

    harvest = runs.run()

    assert [(one.id, one.code) for one in harvest.aside] == [(package(3)["id"], "same-id")]
    assert {"Aineisto 3", "Aineisto 9"} & runs.titles() == set()


def test_each_fault_is_set_aside_with_its_reason_and_the_rest_is_taken(runs: Runs) -> None:
    packages, faults = made(50, every=5)
    assert set(faults.values()) == set(FAULTS)
    runs.catalogue.packages = packages

    harvest = runs.run()

    found = {one.position: one.code for one in harvest.aside}
    assert found == {position: code for position, code in faults.items() if code != "shapes"}
    assert harvest.counts.added == 50 - len(faults) + 1  # what breaks shapes is for the gate to find
    for one in harvest.aside:
        assert all(one.reason(lang) for lang in ("fi", "sv", "en"))


def test_what_the_gate_finds_is_set_aside_with_the_words_of_the_shape(runs: Runs, project: Project) -> None:
    runs.catalogue.packages = [package(n) for n in range(5)]
    runs.catalogue.packages[1] = package(1, valid_from="2020-01-01", valid_till="2015-12-31")
    runs.catalogue.packages[2] = package(2, notes_translated={"fi": "Kysy: planner@example.org"})
    harvest = runs.run()
    report = full.validate([*runs.base, *runs.quads], project, locate=lambda term, graph: None)

    assert harvest.set_aside(report)

    one, two = harvest.aside
    assert (one.id, one.code, one.reason("en")) == (
        package(1)["id"],
        "shapes",
        "The record breaks the shapes of harvested graphs: The period begins before it ends.",
    )
    assert (two.id, "e-mail address" in two.reason("en")) == (package(2)["id"], True)
    runs.quads = set()
    change = harvest.change(runs.view)
    rest = full.validate([*runs.base, *change.added], project, locate=lambda term, graph: None)
    assert (rest.accepted, harvest.counts.added) == (True, 3)


def test_a_publisher_that_breaks_the_shapes_takes_its_records_with_it(runs: Runs, project: Project) -> None:
    bad = {"id": "bad", "title": "planner@example.org"}
    runs.catalogue.packages = [package(n, organization=bad if n < 2 else None) for n in range(4)]
    harvest = runs.run()
    report = full.validate([*runs.base, *runs.quads], project, locate=lambda term, graph: None)

    assert harvest.set_aside(report)
    assert [one.position for one in harvest.aside] == [1, 2]


FIELDS: dict[str, Callable[[], object]] = {
    "title_translated.fi": lambda: package(0, title_translated={"fi": 7}),
    "title_translated": lambda: package(0, title_translated={"finnish!": "Aineisto"}),
    "keywords.fi": lambda: package(0, keywords={"fi": "logistiikka"}),
    "organization": lambda: package(0, organization="Kouvola"),
    "organization.id": lambda: package(0, organization={"title": "Kouvola"}),
    "resources": lambda: package(0, resources="none"),
    "resources.0": lambda: package(0, resources=["none"]),
    "resources.0.size": lambda: with_file(0, size=-1),
    "resources.0.url": lambda: with_file(0, url="https://user:secret@data.example/"),
    "valid_till": lambda: package(0, valid_till="2021-02-30"),
    "geographical_coverage": lambda: package(0, geographical_coverage={"a": 1}),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_the_wrong_form_is_named(runs: Runs, field: str) -> None:
    runs.catalogue.packages = [FIELDS[field]()]

    [aside] = runs.run().aside

    assert aside.field == field
    assert "secret" not in str(aside.to_dict())


def test_numbers_that_json_does_not_know_spoil_one_record_and_not_its_page(runs: Runs) -> None:
    page = json.dumps(runs.catalogue.page(0, 10)).replace('"size": 1003', '"size": ' + "9" * 5000)
    runs.catalogue.faults = [says(page.replace('"size": 1004', '"size": NaN').encode())]

    harvest = runs.run()

    assert [(one.position, one.code) for one in harvest.aside] == [(4, "bad-size")]
    assert harvest.counts.added == 24


def test_a_reason_gives_no_address_away(runs: Runs) -> None:
    runs.catalogue.packages = [package(0, metadata_modified="ask planner@example.org or 0401234567")]

    [aside] = runs.run().aside

    assert aside.reason("en") == "The field metadata_modified is no date: ask … or …"


def test_lists_that_are_kept_as_text_and_plain_tags_are_read(runs: Runs) -> None:
    """As CKANs without the Finnish extension have them; nobody states a language there."""
    plain = package(0, title_translated=None, notes_translated=None, keywords=None)
    plain |= {"geographical_coverage": '["kouvola"]', "tags": [{"name": "logistiikka"}]}
    runs.catalogue.packages = [plain]

    runs.run()

    texts = {str(q.object) for q in runs.quads if isinstance(q.object, Literal)}
    assert {'"Aineisto 0"', '"Kuvaus."', '"logistiikka"', '"kouvola"'} <= texts
    targets = {q.object.value.rpartition("/")[2] for q in runs.quads if q.predicate.value.endswith("hasBody")}  # type: ignore[union-attr]
    assert targets == {"kouvola", "kymenlaakso", "logistiikka"}


def test_every_reason_has_words_in_each_language() -> None:
    assert set(FAULTS) <= set(REASONS)
    assert all(set(words) == {"fi", "sv", "en"} and all(words.values()) for words in REASONS.values())
