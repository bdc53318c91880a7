"""Decisions in the graph: written and read back, one per pair, and looked at again later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymgraph.errors import BadParameter
from kymgraph.linking import check, decisions
from kymgraph.linking.decisions import MATCHES, Decision, Text
from kymgraph.linking.entities import Ours
from kymgraph.linking.vocabulary import Entry, FileVocabulary
from kymgraph.namespaces import SKOS
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, Quad, canonical, parse
from kymgraph.store.memory import MemoryView
from tests.conftest import ROOT
from tests.linking.authorities import authority_rows
from tests.linking.conftest import World

PROJECT = Project(Path())
IITTI = PROJECT.base.id("place", "iitti")
MADE = Decision(
    subject=IITTI,
    predicate=MATCHES["exact"],
    object="http://www.yso.fi/onto/yso/p94151",
    accepted=True,
    labels=(Text("Iitti", "fi"), Text("Itis", "sv")),
    vocabulary="http://www.yso.fi/onto/yso/places",
    reviewer=PROJECT.base.id("agent", "toimisto"),
    decided_on="2026-11-22",
    reasons=(Text("Sama kunta.", "fi"),),
    release="2026.1",
    confidence=Decimal("0.9"),
    citations=(Text("YSO-paikat", "fi"),),
    valid_from="2021-01-01",
    valid_until="2040",
)


def view(*quads: Quad) -> MemoryView:
    return MemoryView(quads)


def standing(*made: Decision) -> MemoryView:
    return view(*canonical(quad for one in made for quad in decisions.quads(one, PROJECT)).quads)


def after(before: MemoryView, *made: Decision) -> set[Quad]:
    change = decisions.change(before, PROJECT, made, reason="koe", agent=MADE.reviewer)
    old = set(before.quads())
    assert change.removed <= old
    assert not change.added & old
    return (old - change.removed) | change.added


texts = st.builds(
    Text, st.text("aäö ”\"\\\n\t<&'", min_size=1, max_size=9), st.sampled_from(["", "fi", "sv"])
)
made = st.builds(
    replace,
    st.just(MADE),
    predicate=st.sampled_from(sorted(MATCHES.values())),
    accepted=st.booleans(),
    labels=st.lists(texts, min_size=1, max_size=3, unique=True).map(lambda found: tuple(sorted(found))),
    reasons=st.lists(texts, min_size=1, max_size=2, unique=True).map(lambda found: tuple(sorted(found))),
    release=st.sampled_from(["", "2019.3 Cicero"]),
    confidence=st.sampled_from([None, Decimal("0.5")]),
    citations=st.just(()),
    valid_until=st.sampled_from(["", "2023-12-31", "2023"]),
)


@given(made)
def test_a_decision_is_read_back_as_it_was_made(one: Decision) -> None:
    assert decisions.read(standing(one), PROJECT) == [one]


@given(made, made)
def test_deciding_again_leaves_nothing_of_the_first_decision(one: Decision, two: Decision) -> None:
    assert after(standing(one), two) == set(standing(two).quads())


def test_an_accepted_link_has_its_triple_and_a_declined_one_loses_it() -> None:
    graph = NamedNode(PROJECT.base.graph("links"))
    link = Quad(NamedNode(IITTI), NamedNode(SKOS + "exactMatch"), NamedNode(MADE.object), graph)

    accepted = after(view(), MADE)
    declined = after(view(*accepted), replace(MADE, accepted=False))

    assert link in accepted
    assert not [quad for quad in declined if quad.predicate.value.startswith(SKOS)]


def test_the_same_decision_again_changes_nothing() -> None:
    change = decisions.change(standing(MADE), PROJECT, [MADE], reason="koe", agent=MADE.reviewer)

    assert change.empty


@pytest.mark.parametrize("iri", ["no iri", "http://a.example/ x", "http://a.example/<>"])
def test_what_is_no_iri_is_refused(iri: str) -> None:
    with pytest.raises(BadParameter, match="nothing was decided"):
        decisions.quads(replace(MADE, object=iri), PROJECT)


def test_a_kind_of_link_is_one_of_four() -> None:
    assert decisions.predicate_of("skos:closeMatch") == SKOS + "closeMatch"
    with pytest.raises(BadParameter, match="relatedMatch"):
        decisions.predicate_of("relatedMatch")


# --- looked at again ---------------------------------------------------------------------------------------


def own(*made: Decision) -> list[str]:
    there = view(
        Quad(NamedNode(IITTI), NamedNode(SKOS + "prefLabel"), NamedNode("urn:x"), NamedNode("urn:g"))
    )
    return [found.code for found in check.own_side(made, Ours(there), PROJECT)]


def test_sound_links_are_sound() -> None:
    assert own(MADE, replace(MADE, object="urn:other", predicate=MATCHES["close"])) == []


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ([replace(MADE, object="urn:other")], ["two-exact"]),
        ([replace(MADE, object="urn:other", vocabulary="urn:another")], []),
        ([replace(MADE, object="urn:other", accepted=False)], []),
        ([replace(MADE, object="urn:other", valid_from="2041", valid_until="")], []),
        ([replace(MADE, object="urn:other", valid_from="2040-06-01", valid_until="")], ["two-exact"]),
        ([replace(MADE, valid_until="2020-12-31")], ["ended"]),
        ([replace(MADE, subject=PROJECT.base.id("place", "gone"), object="urn:other")], ["subject-gone"]),
    ],
)
def test_what_contradicts_or_is_over_is_found(more: list[Decision], codes: list[str]) -> None:
    made = more if codes == ["ended"] else [MADE, *more]

    assert own(*made) == codes


def test_two_of_ours_that_are_exactly_one_concept_are_found() -> None:
    assert "two-subjects" in own(MADE, replace(MADE, subject=PROJECT.base.id("place", "toinen")))


@pytest.mark.parametrize(
    ("entry", "codes"),
    [
        (Entry(MADE.object, MADE.labels), []),
        (Entry(MADE.object, (Text("Iitti", "fi"), Text("Iitti", "en"))), []),
        (Entry(MADE.object, (Text("Iitti (kunta)", "fi"),)), ["renamed"]),
        (Entry(MADE.object, MADE.labels, deprecated=True), ["withdrawn"]),
        (Entry(MADE.object, MADE.labels, deprecated=True, replaced_by="urn:new"), ["replaced"]),
        (Entry("urn:another", MADE.labels), ["object-gone"]),
        (Entry(MADE.object, (Text("Itis"),)), []),
    ],
)
def test_what_a_vocabulary_says_now_is_held_against_the_decision(entry: Entry, codes: list[str]) -> None:
    now = FileVocabulary({entry.iri: entry}, MADE.vocabulary)

    found = list(check.against([MADE, replace(MADE, object="urn:x", accepted=False)], now))

    assert [one.code for one in found] == codes
    assert all(one.text(lang) for one in found for lang in ("fi", "sv", "en"))


def test_a_file_that_does_not_say_what_it_is_proves_nothing_gone() -> None:
    now = FileVocabulary({"urn:x": Entry("urn:x", (Text("x"),))})

    assert list(check.against([MADE], now)) == []


# --- the links that are shipped ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped(world: World) -> Sequence[Decision]:
    return decisions.read(world.view, world.project)


def test_every_shipped_link_is_in_the_file_through_a_decision_with_evidence(
    shipped: Sequence[Decision],
) -> None:
    assert len(shipped) > 150
    assert {one.reviewer for one in shipped} == {PROJECT.base.id("agent", "kymgraph-editors")}
    for one in shipped:
        assert {text.lang for text in one.reasons} == {"fi", "en"}, one.pair
        assert {text.lang for text in one.citations} == {"fi", "en"}, one.pair
        assert not any("/" in text.value and "work" in text.value for text in one.citations), one.pair


def test_every_shipped_link_rests_on_a_verified_iri_of_the_authority_files(
    shipped: Sequence[Decision], shared: Path
) -> None:
    verified = {row["uri"] for row in authority_rows(shared / "authorities")}

    assert {one.object for one in shipped} <= verified


def test_every_verified_iri_for_a_thing_of_ours_by_its_own_name_was_decided_on(
    shipped: Sequence[Decision], shared: Path, world: World
) -> None:
    decided = {one.pair for one in shipped}
    by_name = {
        text.value.casefold(): one.iri
        for one in world.entities.values()
        for text in one.names
        if text.lang == "fi"
    }

    missing = [
        (row["entity_label"], row["uri"])
        for row in authority_rows(shared / "authorities")
        if row["authority"] != "homepage"
        and (subject := by_name.get(row["entity_label"].casefold())) is not None
        and (subject, row["uri"]) not in decided
    ]

    assert missing == []


def test_a_shipped_link_to_what_has_an_end_is_not_exact_and_keeps_the_date(
    shipped: Sequence[Decision],
) -> None:
    ended = [one for one in shipped if one.accepted and one.valid_until]

    assert {one.object.rpartition("/")[2] for one in ended} == {"FI1C3", "FI1C4", "ERDF", "ERDF_2021"}
    assert {one.word for one in ended} == {"close"}
    now = [one for one in shipped if one.object.endswith(("FI1C6", "FI1C7"))]
    assert [(one.word, one.valid_from) for one in now] == [("exact", "2024-01-01")] * 2


def test_shipped_links_do_not_contradict_each_other(shipped: Sequence[Decision], world: World) -> None:
    found = check.own_side(shipped, world.ours, world.project)

    assert [(one.code, one.decision.pair) for one in found] == []


def test_exact_matches_join_no_two_things_of_ours(shipped: Sequence[Decision]) -> None:
    """Whoever draws the closure of skos:exactMatch, as SKOS allows, must not find two of ours to be one."""
    parent: dict[str, str] = {}

    def root(iri: str) -> str:
        while parent.get(iri, iri) != iri:
            iri = parent[iri]
        return iri

    for one in shipped:
        if one.accepted and one.word == "exact":
            parent[root(one.subject)] = root(one.object)
    roots = [root(one) for one in {one.subject for one in shipped}]

    assert len(roots) == len(set(roots))


def test_the_file_of_links_holds_decisions_and_their_triples_alone(shipped: Sequence[Decision]) -> None:
    stands = {(q.subject, q.predicate, q.object) for q in parse(ROOT / "data/links.ttl")}
    made = canonical(quad for one in shipped for quad in decisions.quads(one, PROJECT)).quads

    assert {(q.subject, q.predicate, q.object) for q in made} == stands
