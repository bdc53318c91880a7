"""Names of a table are matched to the things they mean, and only to those without doubt.

Expected things come from the labels in `data/` and from the source documents that they were taken from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymgraph.dataset import Dataset
from kymgraph.errors import BadParameter, QueryTimeout, QueryTooLarge
from kymgraph.namespaces import XSD
from kymgraph.rdf import Literal, NamedNode
from kymgraph.reconcile.candidates import Reconciler
from kymgraph.reconcile.extend import Extender
from kymgraph.reconcile.input import BATCH, read_batch, read_extension
from kymgraph.reconcile.read import State
from kymgraph.reconcile.values import literal_cell, same_literal
from kymgraph.search.index import FOLDER, SearchIndex

from ..needs import size

ID = "https://w3id.org/kymgraph/id/"
KYM = "https://w3id.org/kymgraph/ontology#"


@pytest.fixture(scope="module")
def state(shipped: Dataset) -> State:
    return State(shipped.project, shipped.view())


@pytest.fixture(scope="module")
def reconciler(shipped: Dataset, state: State) -> Iterator[Reconciler]:
    index = SearchIndex(shipped.project, shipped.store.folder / FOLDER)
    index.bring_to(shipped)
    yield Reconciler(state, index)
    index.close()


@pytest.fixture(scope="module")
def extender(state: State) -> Extender:
    return Extender(state)


def ask(reconciler: Reconciler, lang: str = "fi", **query: Any) -> list[dict[str, Any]]:
    answer = reconciler.answer(read_batch({"q": query}), lang=lang, seconds=30)
    results: list[dict[str, Any]] = answer["q"]["result"]
    return results


# --- names ----------------------------------------------------------------------------------------------

EXACT = [
    ("Kymenlaakson liitto", "Organisation", "organisation/kymenlaakson-liitto"),
    ("KYMENLAAKSON LIITTO", "Organisation", "organisation/kymenlaakson-liitto"),
    ("TEM", "Organisation", "organisation/tyo-ja-elinkeinoministerio"),
    ("Fredrikshamn", "Municipality", "place/hamina"),
    ("maakuntaohjelma 2014-2017", "Programme", "programme/maakuntaohjelma-2014-2017"),
    ("University of Helsinki", "Organisation", "organisation/helsingin-yliopisto"),
    ("Jaakko Mikkola", "Person", "person/jaakko-mikkola"),
]
NEAR = [
    ("Kymenlaakson litto", "Organisation", "organisation/kymenlaakson-liitto"),
    ("Kouvolan kaupungin", "Organisation", "organisation/kouvolan-kaupunki"),
    ("Lappeenrannan yliopistossa", "Organisation", "organisation/lappeenrannan-yliopisto"),
    ("Kotkassa", "Municipality", "place/kotka"),
    ("Kovola", "Municipality", "place/kouvola"),
    ("Pyhtaa", "Municipality", "place/pyhtaa"),
    ("Kymenlaakson maakuntaohjelman 2022-2025", "Programme", "programme/maakuntaohjelma-2022-2025"),
]


@pytest.mark.parametrize(("name", "kind", "expected"), EXACT)
def test_the_very_name_of_one_thing_is_a_match(
    reconciler: Reconciler, name: str, kind: str, expected: str
) -> None:
    first, *others = ask(reconciler, query=name, type=f"kym:{kind}")

    assert (first["id"], first["match"], first["score"]) == (ID + expected, True, 100)
    assert not any(other["match"] for other in others)


@pytest.mark.parametrize(("name", "kind", "expected"), NEAR)
def test_a_name_with_a_slip_or_an_ending_comes_first_and_is_left_to_a_person(
    reconciler: Reconciler, name: str, kind: str, expected: str
) -> None:
    first = ask(reconciler, query=name, type=KYM + kind)[0]

    assert (first["id"], first["match"]) == (ID + expected, False)
    assert 50 < first["score"] < 100


def test_a_name_that_the_graph_does_not_know_matches_nothing(reconciler: Reconciler) -> None:
    assert not any(one["match"] for one in ask(reconciler, query="Jyväskylän kaupunki"))


def test_namesakes_are_told_apart_by_their_type(reconciler: Reconciler) -> None:
    namesakes = {ID + "network/matkailu", ID + "sector/matkailu", ID + "theme/matkailu"}

    without, typed = ask(reconciler, query="Matkailu"), ask(reconciler, query="Matkailu", type="kym:Network")

    assert {one["id"] for one in without[:3]} == namesakes
    assert not any(one["match"] for one in without)
    assert [one["id"] for one in typed if one["match"]] == [ID + "network/matkailu"]


def test_a_type_stands_for_the_types_below_it(reconciler: Reconciler) -> None:
    kinds = {one["id"] for one in ask(reconciler, query="Kouvolan kaupunki", type="kym:Actor")[0]["type"]}

    assert kinds == {KYM + "PublicOrganisation"}


def test_a_type_that_nobody_knows_has_no_things(reconciler: Reconciler) -> None:
    assert ask(reconciler, query="Kotka", type="https://x.example/Nothing") == []
    assert ask(reconciler, query="Kotka", type="no type") == []


def test_a_type_that_only_should_hold_lowers_the_others(reconciler: Reconciler) -> None:
    first, *others = ask(reconciler, query="Matkailu", type=["kym:Theme"], type_strict="should")

    assert (first["id"], first["match"]) == (ID + "theme/matkailu", True)
    assert {one["id"] for one in others if one["score"] == 75} == {
        ID + "network/matkailu",
        ID + "sector/matkailu",
    }


def test_all_types_have_to_hold_where_all_are_asked_for(reconciler: Reconciler) -> None:
    both = {"query": "Matkailu", "type": ["kym:Theme", "skos:Concept"]}
    never = {"query": "Matkailu", "type": ["kym:Theme", "kym:Network"]}

    assert [one["id"] for one in ask(reconciler, **both, type_strict="all")][:1] == [ID + "theme/matkailu"]
    assert ask(reconciler, **never, type_strict="all") == []
    assert len(ask(reconciler, **never, type_strict="any")) >= 2


@pytest.mark.parametrize(
    "text",
    [ID + "place/kotka", "id:place/kotka", "place/kotka", " https://w3id.org/kymgraph/id/place/kotka "],
)
def test_an_id_finds_its_thing(reconciler: Reconciler, text: str) -> None:
    [only] = ask(reconciler, query=text)

    assert (only["id"], only["name"], only["match"]) == (ID + "place/kotka", "Kotka", True)


def test_types_and_properties_are_no_candidates(reconciler: Reconciler) -> None:
    assert not any(one["id"].startswith(KYM) for one in ask(reconciler, query="kunta", limit=50))
    assert ask(reconciler, query=KYM + "Municipality") == []


def test_limit_cuts_but_does_not_make_a_winner(reconciler: Reconciler) -> None:
    [only] = ask(reconciler, query="Matkailu", limit=1)

    assert not only["match"]


def test_names_are_in_the_language_asked_for(reconciler: Reconciler) -> None:
    names = {lang: ask(reconciler, lang, query="Kymenlaakso", type="kym:Region")[0] for lang in ("sv", "en")}

    assert (names["sv"]["name"], names["sv"]["type"][0]["name"]) == ("Kymmenedalen", "landskap")
    assert (names["en"]["name"], names["en"]["type"][0]["name"]) == ("Kymenlaakso", "region")


# --- properties -----------------------------------------------------------------------------------------


def test_a_property_decides_between_namesakes(reconciler: Reconciler) -> None:
    """Both development managers are "Utvecklingschef" in Swedish; one is the council's."""
    alone = ask(reconciler, query="Utvecklingschef", type="kym:Post")
    council = [{"pid": "kym:postIn", "v": "Kymenlaakson liitto"}]
    decided = ask(reconciler, query="Utvecklingschef", type="kym:Post", properties=council)

    assert not any(one["match"] for one in alone)
    assert [one["id"] for one in decided if one["match"]] == [
        ID + "post/kehittamispaallikko-kymenlaakson-liitto"
    ]
    assert decided[0]["score"] > decided[1]["score"]


@pytest.mark.parametrize(
    "value",
    [2014, "2014", ["1999", "2014"], {"id": "2014"}],
    ids=["number", "text", "one of a list", "object"],
)
def test_years_are_compared_however_they_are_written(reconciler: Reconciler, value: Any) -> None:
    found = ask(
        reconciler,
        query="Maakuntaohjelma 2014–2017",
        type="kym:Programme",
        properties=[{"pid": KYM + "validFrom", "v": value}],
    )

    assert (found[0]["match"], found[0]["score"]) == (True, 100)


def test_a_property_that_contradicts_takes_the_match_away(reconciler: Reconciler) -> None:
    [first, *_] = ask(
        reconciler,
        query="Maakuntaohjelma 2014–2017",
        type="kym:Programme",
        properties=[{"pid": "validFrom", "v": 2022}],
    )

    assert (first["id"], first["match"]) == (ID + "programme/maakuntaohjelma-2014-2017", False)
    assert first["score"] < 80


def test_properties_alone_find_things(reconciler: Reconciler) -> None:
    """The programme of 2014 that is part of the Kymenlaakso programme."""
    wanted = [{"pid": "kym:validFrom", "v": "2014"}, {"pid": "kym:partOf", "v": "Kymenlaakso-ohjelma"}]

    found = ask(reconciler, properties=wanted)

    assert (found[0]["id"], found[0]["match"]) == (ID + "programme/maakuntaohjelma-2014-2017", True)
    assert not any(one["match"] for one in found[1:])


def test_a_property_is_read_from_either_end(reconciler: Reconciler) -> None:
    """Only partOf is stored; hasPart is its inverse."""
    parts = [{"pid": "kym:hasPart", "v": {"id": ID + "plan/maakuntasuunnitelma-2030"}}]

    assert ask(reconciler, properties=parts)[0]["id"] == ID + "instrument/kymenlaakso-ohjelma"
    assert ask(reconciler, query="Kymenlaakso-ohjelma", properties=parts)[0]["match"]


@pytest.mark.parametrize(
    ("kind", "held", "value", "agrees"),
    [
        ("date", "2016-08-01", "1.8.2016", True),
        ("date", "2016-08-01", "2016", True),
        ("date", "2016-08-01", "2016-08-01T12:00:00Z", False),
        ("date", "2016-08-01", "1", False),
        ("gYear", "2022", 2022.0, True),
        ("gYear", "2022", "20", False),
        ("integer", "52", "52,0", True),
        ("decimal", "1085.5", "1 085,5", True),
        ("integer", "52", "", False),
        ("integer", "1", True, False),
        ("boolean", "true", True, True),
    ],
)
def test_typed_values_agree_by_what_they_mean(kind: str, held: str, value: Any, agrees: bool) -> None:
    assert same_literal(Literal(held, datatype=NamedNode(XSD + kind)), value) == float(agrees)


# --- data extension -------------------------------------------------------------------------------------


def cells(extender: Extender, entity: str, pid: str, lang: str = "fi", **given: Any) -> list[dict[str, Any]]:
    asked = read_extension({"ids": [entity], "properties": [{"id": pid, "settings": given}]})
    rows: list[dict[str, Any]] = extender.extend(asked, lang=lang, seconds=30)["rows"][entity][pid]
    return rows


def test_cells_hold_years_days_and_things(extender: Extender) -> None:
    programme, workshop = ID + "programme/maakuntaohjelma-2014-2017", ID + "event/maakuntapalvelujen-tyopaja"

    assert cells(extender, programme, "kym:validFrom") == [{"str": "2014"}]
    assert cells(extender, workshop, "kym:heldOn") == [{"date": "2016-05-26T00:00:00Z"}]
    assert cells(extender, programme, "kym:area", "sv") == [
        {"id": ID + "place/kymenlaakso", "name": "Kymmenedalen"}
    ]
    assert cells(extender, programme, "kym:area", content="id") == [{"str": ID + "place/kymenlaakso"}]


def test_names_in_several_languages_come_in_the_readers(extender: Extender) -> None:
    assert cells(extender, ID + "place/hamina", "skos:prefLabel", "sv") == [{"str": "Fredrikshamn"}]
    assert cells(extender, ID + "place/hamina", "skos:prefLabel", "en") == [{"str": "Hamina"}]


def test_values_said_from_the_other_end_are_fetched_too(extender: Extender) -> None:
    whole = ID + "instrument/kymenlaakso-ohjelma"
    both = {ID + "plan/maakuntasuunnitelma-2030", ID + "programme/maakuntaohjelma-2014-2017"}

    assert {cell["id"] for cell in cells(extender, whole, "kym:hasPart")} == both
    assert len(cells(extender, whole, "kym:hasPart", limit="1")) == 1


@pytest.mark.parametrize(
    ("entity", "pid"),
    [("nothing", "kym:area"), (ID + "place/kotka", "no property"), ("", ""), ("<>", "<>"), ("a\0b", "x:y")],
)
def test_what_is_not_known_has_no_values(extender: Extender, entity: str, pid: str) -> None:
    assert cells(extender, entity, pid) == []


@pytest.mark.parametrize(
    ("literal", "cell"),
    [
        (Literal("9" * 30, datatype=NamedNode(XSD + "integer")), {"str": "9" * 30}),
        (Literal("NaN", datatype=NamedNode(XSD + "double")), {"str": "NaN"}),
        (Literal("INF", datatype=NamedNode(XSD + "double")), {"str": "INF"}),
        (Literal("1" + "0" * 400, datatype=NamedNode(XSD + "decimal")), {"str": "1" + "0" * 400}),
        (Literal("2.5", datatype=NamedNode(XSD + "decimal")), {"float": 2.5}),
        (Literal("-0044-03-15", datatype=NamedNode(XSD + "date")), {"str": "-0044-03-15"}),
        (Literal("2016-05-20T16:00:00+03:00", datatype=NamedNode(XSD + "dateTime")),
         {"date": "2016-05-20T16:00:00+03:00"}),
        (Literal("2014-06", datatype=NamedNode(XSD + "gYearMonth")), {"str": "2014-06"}),
        (Literal("true", datatype=NamedNode(XSD + "boolean")), {"str": "true"}),
    ],
)  # fmt: skip
def test_a_literal_becomes_the_cell_that_holds_all_of_it(literal: Literal, cell: dict[str, Any]) -> None:
    assert literal_cell(literal) == cell
    json.dumps(literal_cell(literal), allow_nan=False)


def test_properties_are_proposed_by_what_things_of_a_type_have(extender: Extender) -> None:
    posts = [one["id"] for one in extender.propose("kym:Post", "fi", limit=50)["properties"]]
    wholes = [one["id"] for one in extender.propose("kym:PolicyInstrument", "fi", limit=50)["properties"]]

    assert KYM + "postIn" in posts
    assert KYM + "heldOn" not in posts
    assert KYM + "hasPart" in wholes  # stored from the other end
    assert extender.propose("kym:Nothing", "fi", limit=5)["properties"] == []


# --- suggestions ----------------------------------------------------------------------------------------


def test_types_are_suggested_by_their_name_in_any_language(reconciler: Reconciler) -> None:
    def first(prefix: str, lang: str) -> str:
        return str(reconciler.suggest_types(prefix, lang, cursor=0, limit=5)[0]["id"])

    assert first("kunt", "fi") == first("kommu", "sv") == first("municip", "en") == KYM + "Municipality"
    assert first("municip", "fi") == first(KYM + "Municipality", "fi") == KYM + "Municipality"


def test_a_suggested_type_says_what_it_is_under(reconciler: Reconciler) -> None:
    [public] = [
        one
        for one in reconciler.suggest_types("julkinen org", "fi", cursor=0, limit=5)
        if one["id"] == KYM + "PublicOrganisation"
    ]

    assert public["broader"] == [{"id": KYM + "Organisation", "name": "organisaatio"}]


def test_properties_are_suggested_by_any_word_of_their_name(reconciler: Reconciler) -> None:
    found = [one["id"] for one in reconciler.suggest_properties("alka", "fi", cursor=0, limit=10)]

    assert KYM + "validFrom" in found  # "voimassa alkaen"


def test_a_cursor_goes_on_where_the_first_suggestions_ended(reconciler: Reconciler) -> None:
    whole = reconciler.suggest_entities("Kymenlaakson", "fi", types=[], cursor=0, limit=6)
    rest = reconciler.suggest_entities("Kymenlaakson", "fi", types=[], cursor=3, limit=3)

    assert len(whole) == 6
    assert rest == whole[3:]


# --- what is refused ------------------------------------------------------------------------------------


def test_the_examples_of_the_specification_are_read_or_refused_as_they_say(shared: Path) -> None:
    folder = shared / "reconciliation/0.2/examples/reconciliation-query-batch"
    valid, invalid = sorted(folder.glob("valid/*.json")), sorted(folder.glob("invalid/*.json"))

    assert len(valid) >= 4
    assert len(invalid) >= 3
    for file in valid:
        document = json.loads(file.read_text("utf-8"))
        assert set(read_batch(document)) == set(document)
    for file in invalid:
        with pytest.raises(BadParameter):
            read_batch(json.loads(file.read_text("utf-8")))


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ([], "queries"),
        ({"q": "Kotka"}, "queries.q"),
        ({"q": {"query": 7}}, "queries.q.query"),
        ({"q": {"query": "a", "limit": 0}}, "queries.q.limit"),
        ({"q": {"query": "a", "limit": True}}, "queries.q.limit"),
        ({"q": {"query": "a", "limit": float("nan")}}, "queries.q.limit"),
        ({"q": {"query": "a", "limit": float("inf")}}, "queries.q.limit"),
        ({"q": {"query": "a", "limit": 2.5}}, "queries.q.limit"),
        ({"q": {"query": "a", "limit": "5"}}, "queries.q.limit"),
        ({"q": {"properties": [{"pid": "p", "v": 1}] * 21}}, "queries.q.properties"),
        ({"q": {"query": "a", "type": {"id": "x"}}}, "queries.q.type"),
        ({"q": {"query": "a", "type": [["x"]]}}, "queries.q.type"),
        ({"q": {"query": "a", "type_strict": "never"}}, "queries.q.type_strict"),
        ({"q": {"query": "a", "type_strict": ["any"]}}, "queries.q.type_strict"),
        ({"q": {"query": "a", "properties": {}}}, "queries.q.properties"),
        ({"q": {"query": "a", "properties": [{"pid": "p"}]}}, "queries.q.properties[0]"),
        ({"q": {"query": "a", "properties": [{"pid": "p", "v": [[1]]}]}}, "queries.q.properties[0].v"),
        ({"q": {"query": "a", "properties": [{"pid": "p", "v": None}]}}, "queries.q.properties[0].v"),
    ],
)
def test_a_fault_in_a_batch_is_named_with_its_place(given: Any, place: str) -> None:
    with pytest.raises(BadParameter) as refused:
        read_batch(given)

    assert place + " " in refused.value.message


def test_a_batch_has_a_size(reconciler: Reconciler) -> None:
    full = {f"q{n}": {"query": "Kotka"} for n in range(BATCH)}

    assert len(read_batch(full)) == BATCH
    with pytest.raises(QueryTooLarge):
        read_batch(full | {"more": {"query": "Kotka"}})
    with pytest.raises(QueryTooLarge):
        read_extension({"ids": [str(n) for n in range(1000)], "properties": []})


def test_a_batch_that_takes_too_long_is_ended(reconciler: Reconciler, extender: Extender) -> None:
    with pytest.raises(QueryTimeout):
        reconciler.answer(read_batch({"q": {"query": "Kotka"}}), lang="fi", seconds=-1)
    with pytest.raises(QueryTimeout):
        extender.extend(read_extension({"ids": ["a"], "properties": []}), lang="fi", seconds=-1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["query", "type", "limit", "properties", "type_strict", "pid", "v", "id", "name"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=size(quick=60, ci=300, night=3000), deadline=None)
@given(query=json_values)
def test_whatever_is_asked_is_answered_or_refused_for_its_own_fault(
    reconciler: Reconciler, query: object
) -> None:
    try:
        batch = read_batch({"q": query})
    except (BadParameter, QueryTooLarge):
        return
    json.dumps(reconciler.answer(batch, lang="fi", seconds=30), allow_nan=False)
