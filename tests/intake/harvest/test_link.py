"""The rules that link records to places and themes: what each meets, and the traps it does not fall into."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kymgraph.intake.harvest import Record, Vocabulary
from kymgraph.intake.harvest.link import RULES, SPATIAL, THEME
from kymgraph.intake.harvest.record import Text
from kymgraph.project import Project
from kymgraph.rdf import Quad
from kymgraph.store.memory import MemoryView

Links = Callable[..., set[tuple[str, str, str]]]


@pytest.fixture(scope="module")
def links(project: Project, things: list[Quad]) -> Links:
    """links(coverage=("kouvola",)): rule, short name of what it links to, and the text that met it."""
    vocabulary = Vocabulary(MemoryView(things, in_union=project.in_union))

    def of(**fields: object) -> set[tuple[str, str, str]]:
        record = Record("1", "https://data.example/1", (Text("Aineisto", "fi"),), **fields)  # type: ignore[arg-type]
        found = vocabulary.links(record)
        assert all(link.predicate == (THEME if "/theme/" in link.target else SPATIAL) for link in found)
        return {(link.rule, link.target.rpartition("/")[2], link.text) for link in found}

    return of


NAMED, REGION = "coverage-is-place-name", "municipality-in-region"


def test_a_coverage_value_that_is_the_name_of_a_place_links_to_it(links: Links) -> None:
    assert links(coverage=("kotka",)) == {(NAMED, "kotka", "kotka")}
    assert links(coverage=("KYMMENEDALEN",)) == {(NAMED, "kymenlaakso", "KYMMENEDALEN")}


@pytest.mark.parametrize(
    "trap",
    [
        "kriittinen",  # holds "iitti"
        "kriittinen infrastruktuuri",
        "Kouvolan seutu",  # an area of one programme, and not what others call so
        "Uusikylä",  # two places bear the name
        "Kausala",  # a village: others of its name are not ours
        "kotkan kaupunki",  # a body, not the place
        "Kymen lääni",  # the old province is not the region
        "",
    ],
)
def test_a_coverage_value_that_only_looks_like_a_place_links_to_none(links: Links, trap: str) -> None:
    assert links(coverage=(trap,)) == set()


def test_a_place_in_a_keyword_or_title_links_to_none(links: Links) -> None:
    """A keyword "kotka" may be the bird."""
    assert links(keywords=(Text("kotka", "fi"), Text("Iitti", "fi"))) == set()


@pytest.mark.parametrize(
    ("begins", "ends", "regions"),
    [
        ("2015-01-01", "2020-12-31", {"kymenlaakso"}),
        ("2021-01-01", "2024-12-31", {"paijat-hame"}),
        ("", "2019-12-31", {"kymenlaakso"}),
        ("2022-01-01", "", {"paijat-hame"}),
        ("2015-01-01", "2023-12-31", set()),  # in neither all the time
        ("2015-01-01", "", set()),  # nobody says when it ends
        ("", "", set()),
    ],
)
def test_iitti_lies_in_a_region_by_the_years_of_the_data(
    links: Links, begins: str, ends: str, regions: set[str]
) -> None:
    found = links(coverage=("iitti",), begins=begins, ends=ends)

    assert found == {(NAMED, "iitti", "iitti")} | {(REGION, region, "iitti") for region in regions}


def test_a_municipality_that_always_lay_in_its_region_lies_there_without_years(links: Links) -> None:
    assert (REGION, "kymenlaakso", "kouvola") in links(coverage=("kouvola",))


@pytest.mark.parametrize(
    ("keyword", "lang", "theme"),
    [
        ("logistiikka", "fi", "logistiikka"),
        ("Logistiikan", "fi", "logistiikka"),
        ("investointi", "fi", "investoinnit"),
        ("investeringar", "sv", "investoinnit"),
        ("trade", "en", "kauppa"),
        ("logistiikka", "", "logistiikka"),  # nobody says the language, and only one theme could be meant
    ],
)
def test_a_keyword_in_any_form_links_to_the_theme_of_that_name(
    links: Links, keyword: str, lang: str, theme: str
) -> None:
    assert links(keywords=(Text(keyword, lang),)) == {("keyword-is-theme-name", theme, keyword)}


@pytest.mark.parametrize(
    ("keyword", "lang"),
    [
        ("energiatehokkuus", "fi"),  # a compound is another thing
        ("kauppakorkeakoulu", "fi"),
        ("uusiutuva energia", "fi"),  # narrower than the theme
        ("kaupunki", "fi"),
        ("logistiikka", "sv"),  # not a word of that language
        ("logistiikka", "de"),  # a language without names
    ],
)
def test_a_keyword_that_is_not_the_theme_as_a_whole_links_to_none(
    links: Links, keyword: str, lang: str
) -> None:
    assert links(keywords=(Text(keyword, lang),)) == set()


def test_an_iri_that_ours_is_linked_to_as_the_same_links_to_it(links: Links) -> None:
    known = "http://www.yso.fi/onto/yso/p1"

    assert ("identifier-is-linked", "kouvola", known) in links(places=(known,))
    assert links(places=("http://www.yso.fi/onto/yso/p11",)) == set()
    assert links(themes=(known,)) == set()  # a place is no theme


def test_each_rule_is_told_in_three_languages() -> None:
    assert set(RULES) == {NAMED, REGION, "keyword-is-theme-name", "identifier-is-linked"}
    assert all(set(words) == {"fi", "sv", "en"} for words in RULES.values())
