"""What is proposed, against the gold set: enough of it, and almost nothing wrong of what is called exact."""

from __future__ import annotations

import pytest

from kymgraph.linking.decisions import Text
from kymgraph.linking.entities import KINDS, Entity, Whole
from kymgraph.linking.match import Matcher, Suggestion
from kymgraph.linking.reasons import TEXTS
from kymgraph.linking.vocabulary import Entry, FileVocabulary, Vocabulary
from kymgraph.namespaces import KYM
from tests.linking.conftest import World

TODAY = "2026-11-22"


def matcher(world: World, **about: object) -> Matcher:
    return Matcher(world.ours.class_names, world.ours.places, TODAY, **about)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def proposed(
    world: World, theirs: dict[str, Vocabulary], gold: list[dict[str, str]]
) -> dict[tuple[str, str], list[Suggestion]]:
    """By thing and vocabulary: the three best proposals, for all that the gold set speaks of."""
    match = matcher(world)
    return {
        (row["subject"], row["vocabulary"]): match.suggest(
            world.entities[row["subject"]], theirs[row["vocabulary"]]
        )
        for row in gold
    }


def test_the_gold_set_is_large_and_knows_the_traps(gold: list[dict[str, str]]) -> None:
    assert sum(row["match"] != "none" for row in gold) >= 80
    assert sum(row["match"] == "none" for row in gold) >= 15
    traps = " ".join(row["trap"] for row in gold)
    for word in ("Iitti", "old province", "kriittinen", "business id", "period", "NUTS"):
        assert word in traps


def test_of_what_is_proposed_as_exact_almost_all_is(
    proposed: dict[tuple[str, str], list[Suggestion]], gold: list[dict[str, str]], world: World
) -> None:
    judged = {(row["subject"], row["vocabulary"], row["object"]): row["match"] for row in gold}
    exact = [
        judged.get((subject, vocabulary, one.entry.iri), "not in the gold set")
        for (subject, vocabulary), found in proposed.items()
        for one in found
        if one.match == "exact"
    ]

    assert len(exact) >= 70
    assert exact.count("exact") / len(exact) >= 0.98


def test_what_belongs_together_is_nearly_always_among_the_first_three(
    proposed: dict[tuple[str, str], list[Suggestion]], gold: list[dict[str, str]]
) -> None:
    wanted = [row for row in gold if row["match"] != "none"]
    found = [
        row
        for row in wanted
        if row["object"] in {one.entry.iri for one in proposed[row["subject"], row["vocabulary"]]}
    ]

    assert len(found) / len(wanted) >= 0.9


def test_no_trap_is_proposed_as_exact(
    proposed: dict[tuple[str, str], list[Suggestion]], gold: list[dict[str, str]]
) -> None:
    for row in gold:
        if row["match"] == "none":
            found = proposed[row["subject"], row["vocabulary"]]
            assert not [o for o in found if o.entry.iri == row["object"] and o.match == "exact"], row


def test_no_thing_at_all_is_exactly_something_that_the_gold_set_does_not_know(
    world: World, theirs: dict[str, Vocabulary], gold: list[dict[str, str]]
) -> None:
    known = {(row["subject"], row["vocabulary"], row["object"]) for row in gold}
    match = matcher(world)

    surprises = [
        (slug, name, one.entry.iri)
        for slug, entity in world.entities.items()
        for name, vocabulary in theirs.items()
        for one in match.suggest(entity, vocabulary)
        if one.match == "exact" and (slug, name, one.entry.iri) not in known
    ]

    assert surprises == []


def test_a_decided_pair_is_not_proposed_again_and_the_next_best_is(
    world: World, theirs: dict[str, Vocabulary]
) -> None:
    iitti, places = world.entities["place/iitti"], theirs["yso-paikat"]
    first = matcher(world).suggest(iitti, places, limit=1)[0].entry.iri

    after = matcher(world, decided={(iitti.iri, first)}).suggest(iitti, places)

    assert first == "http://www.yso.fi/onto/yso/p94151"
    assert after
    assert first not in {one.entry.iri for one in after}


def test_what_has_its_exact_match_in_a_vocabulary_gets_no_second_one(world: World) -> None:
    ours = place("Iitti@fi")
    new = of(entry("urn:new", "Iitti@fi", vocabulary="urn:v"))

    [free] = matcher(world, exact={("urn:ours", "urn:other")}).suggest(ours, new)
    [taken] = matcher(world, exact={("urn:ours", "urn:v")}).suggest(ours, new)

    assert (free.match, taken.match) == ("exact", "close")
    assert "has-exact" in {reason.code for reason in taken.reasons}


def test_the_letters_of_a_name_inside_a_word_are_nothing_in_common(
    world: World, theirs: dict[str, Vocabulary]
) -> None:
    found = matcher(world).suggest(world.entities["place/iitti"], theirs["yso"], limit=20)

    assert found == []


# --- one rule at a time ------------------------------------------------------------------------------------


def place(*names: str, kind: str = "Municipality", codes: tuple[str, ...] = ()) -> Entity:
    classes = frozenset({KYM + kind, KYM + "Place"})
    region = Whole("urn:kymenlaakso", (Text("Kymenlaakso", "fi"),), "", "2020-12-31")
    return Entity("urn:ours", "place", classes, tuple(map(Text.of, names)), wholes=(region,), codes=codes)


def theme(*names: str) -> Entity:
    return Entity("urn:ours", "theme", frozenset({KYM + "Theme"}), tuple(map(Text.of, names)))


def of(*entries: Entry) -> FileVocabulary:
    return FileVocabulary({entry.iri: entry for entry in entries})


def entry(iri: str, *names: str, **about: object) -> Entry:
    return Entry(iri, tuple(map(Text.of, names)), **about)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("about", "match", "code"),
    [
        ({}, "exact", "same-name"),
        ({"types": ("municipality of Finland",)}, "exact", "type-agrees"),
        ({"types": ("kunta",), "broader": ("Kymenlaakso",)}, "exact", "within-agrees"),
        ({"types": ("populated place",)}, "close", "type-differs"),
        ({"types": ("former municipality",)}, "close", "past"),
        ({"broader": ("Lappi",)}, "close", "within-differs"),
        ({"valid_until": "2023-12-31"}, "close", "ended"),
        ({"valid_until": "2026"}, "exact", "same-name"),
        ({"valid_from": "2027-01-01"}, "close", "not-yet"),
        ({"deprecated": True}, "close", "withdrawn"),
        ({"deprecated": True, "replaced_by": "urn:new"}, "close", "replaced"),
        ({"codes": ("142",)}, "exact", "code"),
    ],
)
def test_a_name_alone_makes_an_exact_match_unless_something_speaks_against_it(
    world: World, about: dict[str, object], match: str, code: str
) -> None:
    ours = place("Iitti@fi", codes=("142",))

    [found] = matcher(world).suggest(ours, of(entry("urn:theirs", "Iitti@fi", **about)))

    assert found.match == match
    assert code in {reason.code for reason in found.reasons}


def test_a_code_that_several_share_identifies_none_of_them(world: World) -> None:
    ours = place("Iitti@fi", codes=("2296962-1",))
    shared = of(
        entry("urn:a", "Häme@fi", codes=("2296962-1",)), entry("urn:b", "Lappi@fi", codes=("2296962-1",))
    )
    alone = of(entry("urn:a", "Häme@fi", codes=("2296962-1",)))

    assert matcher(world).suggest(ours, shared) == []
    assert [one.match for one in matcher(world).suggest(ours, alone)] == ["exact"]


def test_of_two_namesakes_neither_is_exact_unless_its_kind_tells(world: World) -> None:
    ours = place("Iitti@fi")
    twins = of(entry("urn:a", "Iitti@fi"), entry("urn:b", "Iitti@fi"))
    told = of(entry("urn:a", "Iitti@fi"), entry("urn:b", "Iitti@fi", types=("village", "populated place")))

    assert {one.match for one in matcher(world).suggest(ours, twins)} == {"close"}
    assert {o.entry.iri: o.match for o in matcher(world).suggest(ours, told)} == {
        "urn:a": "exact",
        "urn:b": "close",
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "match"),
    [
        (("luonnonvarat@fi",), ("luonnonvara@fi",), "exact"),
        (("kulttuuri@fi",), ("kulttuuri (toimintatavat)@fi",), "close"),
        (("osaaminen ja koulutus@fi",), ("koulutus@fi",), "narrow"),
        (("uusiutuva energia@fi",), ("energia@fi",), "broad"),
        (("energia@fi",), ("uusiutuva energia@fi",), "narrow"),
        (("innovaatiotoiminta@fi", "innovation@en"), ("innovation@en",), "close"),
        (("metsäala@fi", "forestry@en"), ("metsänhoito@fi", "forestry@en"), "close"),
        (("maatalous@fi",), ("metsätalous@fi",), "close"),
    ],
)
def test_a_theme_is_the_same_wider_or_narrower_by_its_words(
    world: World, ours: tuple[str, ...], theirs: tuple[str, ...], match: str
) -> None:
    [found] = matcher(world).suggest(theme(*ours), of(entry("urn:theirs", *theirs)))

    assert found.match == match


def test_a_fund_of_one_period_is_not_exactly_the_fund(world: World) -> None:
    fund = Entity("urn:f", "fund", frozenset(), (Text("Euroopan aluekehitysrahasto (EAKR)", "fi"),))
    found = matcher(world).suggest(
        fund,
        of(
            entry("urn:2014", "Euroopan aluekehitysrahasto (EAKR) (2014/2020)@fi"),
            entry("urn:2021", "Euroopan aluekehitysrahasto (EAKR) (2021/2027)@fi"),
        ),
    )

    assert {one.entry.iri: one.match for one in found} == {"urn:2014": "close", "urn:2021": "close"}
    assert all("period" in {reason.code for reason in one.reasons} for one in found)


def test_every_reason_is_told_in_three_languages_and_every_kind_has_things(world: World) -> None:
    assert all(set(texts) == {"fi", "sv", "en"} for texts in TEXTS.values())
    assert {one.kind for one in world.entities.values()} == set(KINDS)
