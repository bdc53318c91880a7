"""What is found, in which order, by which words: on a small graph made up for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymgraph.errors import BadParameter, IndexNotReady
from kymgraph.search.index import LONGEST, SearchIndex

from ..needs import size
from .graphs import BASE, Graph, iri, quads

KYM = BASE + "ontology#"
DATA = """
:ohjelma a kym:Programme ; skos:prefLabel "Kymenlaakson maakuntaohjelma 2022–2025"@fi ,
    "Regional programme of Kymenlaakso 2022–2025"@en , "Kymmenedalens landskapsprogram 2022–2025"@sv ;
  kym:validFrom "2022" ; kym:validUntil "2025" ; kym:area :kouvola .
:kestava a kym:Priority ; kym:elementOf :ohjelma ; skos:prefLabel "Kestävä Kymenlaakso"@fi ; kym:theme :bio .
:osallisuus a kym:Objective ; kym:elementOf :kestava ; skos:prefLabel "Osallisuuden lisääminen"@fi ;
  dcterms:description "Asukkaat otetaan mukaan maakunnan kehittämiseen."@fi ; kym:status :suunniteltu .
:kyber a kym:Theme , skos:Concept ; skos:prefLabel "kyberturvallisuus"@fi , "cyber security"@en ;
  skos:broader :digi .
:digi a kym:Theme , skos:Concept ; skos:prefLabel "digitalisaatio"@fi .
:bio a kym:Theme , skos:Concept ; skos:prefLabel "biotalous"@fi .
:osaaminen a kym:Measure ; skos:prefLabel "Kyberturvallisuusosaamisen kehittäminen"@fi ; kym:theme :kyber .
:lause a kym:Statement ; skos:prefLabel "Kyberturvallisuus on tärkeää"@fi .
:verkosto-a a kym:Network ; skos:prefLabel "Matkailu"@fi ; skos:altLabel "Matkailuverkosto"@fi , "MAT"@fi .
:matkailu a kym:Theme ; skos:prefLabel "matkailu"@fi .
:kouvola a kym:Municipality ; skos:prefLabel "Kouvola"@fi .
:suunniteltu a kym:Status ; skos:prefLabel "suunniteltu"@fi , "planned"@en .
:vaara a kym:Organisation ; skos:prefLabel "Kymenlaakson liitto"@fi ;
  skos:hiddenLabel "Kymenlakson liitto"@fi .
:passage a kym:Passage ; skos:prefLabel "Kyberturvallisuus rivillä 3"@fi .
:nimeton a kym:Measure .
:strategia a kym:Strategy ; skos:prefLabel "Älykkään erikoistumisen strategia"@fi .
:suomi a kym:Country ; skos:prefLabel "Suomi & <b>Ruotsi</b>"@fi .
kym:Element a owl:Class ; rdfs:label "rakenneosa"@fi .
kym:Priority a owl:Class ; rdfs:subClassOf kym:Element ; rdfs:label "painopiste"@fi , "priority"@en .
kym:Objective a owl:Class ; rdfs:subClassOf kym:Element ; rdfs:label "tavoite"@fi .
"""
#: Things in DATA with a name, passages apart.
THINGS = 15 + len(["Element", "Priority", "Objective"])
EXCLUDED = ':salainen a kym:Measure ; skos:prefLabel "Salainen toimenpide"@fi .'


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchIndex]:
    graph = Graph(quads(DATA), quads(EXCLUDED, "harvest/muu"))
    index = SearchIndex(graph.project, tmp_path_factory.mktemp("index") / "search")
    index.bring_to(graph)
    yield index
    index.close()


def names(index: SearchIndex, query: str, lang: str = "fi", **more: object) -> list[str]:
    found = index.search(query, lang=lang, **more)  # type: ignore[arg-type]
    return [hit.iri.removeprefix(iri("")) for hit in found.hits]


@pytest.mark.parametrize(
    ("query", "lang", "first"),
    [
        ("maakuntaohjelman", "fi", "ohjelma"),
        ("Kymenlaakson maakuntaohjelma 2022-2025", "fi", "ohjelma"),
        ("maakuntaohjelmassa 2025", "fi", "ohjelma"),
        ("landskapsprogrammet", "sv", "ohjelma"),
        ("regional programmes", "en", "ohjelma"),
        ("kyberturvallisuudesta", "fi", "kyber"),
        ("kyberturv", "fi", "kyber"),
        ("kyberturvalisuus", "fi", "kyber"),
        ("kyber turvallisuus", "fi", "kyber"),
        ("turvallisuus", "fi", "kyber"),
        ("MAT", "fi", "verkosto-a"),
        ("matkailuverkostoissa", "fi", "verkosto-a"),
        ("alykas erikoistuminen", "fi", "strategia"),
        ("kouvolasta", "fi", "kouvola"),
        ("Kymenlakson liitto", "fi", "vaara"),
        ("asukkaat", "fi", "osallisuus"),
        (iri("kestava"), "fi", "kestava"),
    ],
)
def test_the_thing_that_is_meant_comes_first(index: SearchIndex, query: str, lang: str, first: str) -> None:
    assert names(index, query, lang)[:1] == [first]


def test_a_name_in_any_language_is_found_whatever_the_reader_speaks(index: SearchIndex) -> None:
    assert names(index, "cyber security", "sv")[0] == "kyber"
    assert index.search("cyber security", lang="sv").hits[0].matched == "en"


def test_of_two_with_the_same_name_the_order_of_types_decides(index: SearchIndex) -> None:
    found = index.search("Matkailu").hits

    assert [(hit.iri, hit.score) for hit in found[:2]] == [
        (iri("matkailu"), 100.0),
        (iri("verkosto-a"), 100.0),
    ]


def test_a_name_goes_before_a_longer_name_and_that_before_a_mention(index: SearchIndex) -> None:
    found = names(index, "kyberturvallisuus")

    assert found[0] == "kyber"
    assert set(found) == {"kyber", "osaaminen", "lause"}


def test_nothing_is_found_of_passages_nameless_things_and_graphs_outside_the_union(
    index: SearchIndex,
) -> None:
    assert "passage" not in names(index, "kyberturvallisuus rivillä")
    assert names(index, "salainen") == []
    everything = index.search("", limit=100)
    assert {iri("passage"), iri("nimeton"), iri("salainen")}.isdisjoint(hit.iri for hit in everything.hits)


def test_an_empty_question_lists_everything_with_counts(index: SearchIndex) -> None:
    found = index.search("", limit=100)

    assert found.total == len(found.hits) == THINGS
    assert {value: count for value, _, count in found.facets["theme"]} == {
        iri("bio"): 1,
        iri("kyber"): 1,
    }
    assert (KYM + "Theme", "kym:Theme", 4) in found.facets["type"]
    assert (iri("ohjelma"), "Kymenlaakson maakuntaohjelma 2022–2025", 3) in found.facets["programme"]
    assert found.facets["period"] == [("2022-2025", "2022–2025", 3)]
    assert found.facets["status"] == [(iri("suunniteltu"), "suunniteltu", 1)]
    assert found.facets["source"] == [(BASE + "graph/source", "source", THINGS)]
    assert index.search("", lang="en").facets["status"] == [(iri("suunniteltu"), "planned", 1)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"programme": [iri("ohjelma")], "type": [KYM + "Objective"]}, {"osallisuus"}),
        ({"type": [KYM + "Element"]}, {"kestava", "osallisuus"}),  # through its narrower types
        ({"theme": [iri("digi")]}, {"osaaminen"}),  # through its narrower theme
        ({"period": ["2024"]}, {"ohjelma", "kestava", "osallisuus"}),
        ({"period": ["2019"]}, set()),
        ({"place": [iri("kouvola")]}, {"ohjelma"}),
        ({"status": [iri("suunniteltu")]}, {"osallisuus"}),
        ({"type": [KYM + "Network", KYM + "Municipality"]}, {"verkosto-a", "kouvola"}),
        ({"type": [KYM + "NoSuchType"]}, set()),
        ({"source": [BASE + "graph/harvest/muu"]}, set()),
    ],
)
def test_facets_narrow_a_search(
    index: SearchIndex, filters: dict[str, list[str]], expected: set[str]
) -> None:
    found = index.search("", filters=filters, limit=100)

    assert {hit.iri.removeprefix(iri("")) for hit in found.hits} == expected
    assert found.total == len(expected)


def test_facets_and_words_narrow_together(index: SearchIndex) -> None:
    assert names(index, "kyberturvallisuus", filters={"type": [KYM + "Measure"]}) == ["osaaminen"]


def test_pages_follow_each_other_without_gap_or_overlap(index: SearchIndex) -> None:
    for query in ("", "kymenlaakso"):
        whole = names(index, query, limit=100)
        paged = [
            name for at in range(0, len(whole) + 3, 3) for name in names(index, query, limit=3, offset=at)
        ]
        assert paged == whole


def test_marks_are_places_in_the_plain_text(index: SearchIndex) -> None:
    [hit] = index.search("maakuntaohjelman").hits
    assert [hit.highlight[start:end] for start, end in hit.marks] == ["maakuntaohjelma"]

    [told] = index.search("asukkaat").hits
    assert told.highlight == "Asukkaat otetaan mukaan maakunnan kehittämiseen."
    assert told.marks == ((0, 8),)

    [hostile] = index.search("ruotsi").hits
    assert hostile.highlight == "Suomi & <b>Ruotsi</b>"
    assert [hostile.highlight[start:end] for start, end in hostile.marks] == ["Ruotsi"]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("k", None),
        ("kym", "ohjelma"),
        ("matk", "matkailu"),
        ("kestävä k", "kestava"),
        ("mat", "verkosto-a"),
        ("laaks", None),
    ],
)
def test_what_is_being_typed_is_completed(index: SearchIndex, typed: str, first: str | None) -> None:
    found = [hit.iri.removeprefix(iri("")) for hit in index.suggest(typed)]

    if first is not None:
        assert found[0] == first
    assert len(found) == len(set(found)) <= 10


def test_suggestions_keep_to_types(index: SearchIndex) -> None:
    assert [hit.iri for hit in index.suggest("mat", types=[KYM + "Theme"])] == [iri("matkailu")]


def test_a_name_of_a_table_matches_with_a_score_that_says_how_well(index: SearchIndex) -> None:
    exact = index.match("kymenlaakson LIITTO")[0]
    slip = index.match("Kymenlaakson litto")[0]
    inflected = index.match("Kymenlaakson liiton")[0]

    assert (exact.iri, exact.score) == (iri("vaara"), 100.0)
    assert slip.iri == inflected.iri == iri("vaara")
    assert 80 < slip.score < 100
    assert 80 < inflected.score < 100
    assert index.match("aivan muuta") == []
    assert index.match(iri("kouvola"))[0].score == 100.0
    assert index.match("Matkailu", types=[KYM + "Network"])[0].iri == iri("verkosto-a")


HOSTILE = [
    "NEAR(", '"', "'", "*", "-", "^", "a AND", "OR", "NOT", "{name} : x", "name:kyber", "kyber*", "(((", "%",
    "_", "\\", "\x00", "\ud800", "kyber\x00turvallisuus", "; DROP TABLE entry; --", "💥" * 50, "ａｂｃ", "ı̇",
    "ﬃ", "½",
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE)
def test_signs_of_the_query_language_are_plain_text(index: SearchIndex, query: str) -> None:
    before = index.search("").total

    index.search(query)
    index.suggest(query)
    index.match(query)

    assert index.search("").total == before == THINGS


@settings(max_examples=size(quick=60, ci=300, night=3000), deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_be_searched_for(index: SearchIndex, query: str) -> None:
    found = index.search(query, limit=5)

    assert found.total >= len(found.hits)
    for hit in found.hits:
        assert 0 <= hit.score <= 100
        assert all(0 <= start < end <= len(hit.highlight) for start, end in hit.marks)


def test_what_is_too_long_or_unknown_is_refused_by_name(index: SearchIndex) -> None:
    with pytest.raises(BadParameter, match="65,536 characters"):
        index.search("k" * 65_536)
    with pytest.raises(BadParameter, match="'colour'"):
        index.search("", filters={"colour": ["red"]})
    with pytest.raises(BadParameter, match="limit"):
        index.search("", limit=101)
    assert index.search("kyber " * (LONGEST // 6)).total >= 0


def test_without_an_index_a_search_says_so(tmp_path: Path) -> None:
    index = SearchIndex(Graph().project, tmp_path / "search")

    with pytest.raises(IndexNotReady):
        index.search("kyber")
    assert index.generation is None
