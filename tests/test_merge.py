"""Three-way merge: both sides' edits are kept; a field that both changed differently is a conflict."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kymgraph.merge import merge
from kymgraph.rdf import FORMATS, Literal, NamedNode, Quad, parse

X = "http://x.example/"


def quads(*lines: str) -> set[Quad]:
    text = "".join(f"<{X}{s}> <{X}{p}> <{X}{o}> <{X}g> .\n" for s, p, o in (line.split() for line in lines))
    return set(parse(text.encode(), FORMATS["nq"]))


BASE = quads("a p 1", "b p 1", "c p 1")


def test_edits_of_both_sides_are_kept():
    result = merge(BASE, BASE | quads("d p 1"), BASE - quads("a p 1"), generation=7)

    assert not result.conflicts
    assert (result.change.removed, result.change.added) == (frozenset(), frozenset(quads("d p 1")))
    assert (result.change.base, result.change.guard) == (7, "generation")


def test_what_a_file_lost_goes_and_what_only_the_store_has_stays():
    result = merge(BASE, BASE - quads("b p 1"), BASE | quads("e p 1"), generation=2)

    assert result.change.removed == frozenset(quads("b p 1"))
    assert not result.change.added


def test_the_same_edit_on_both_sides_is_no_conflict_and_no_change():
    edited = BASE - quads("a p 1") | quads("a p 2")

    result = merge(BASE, edited, edited, generation=2)

    assert result.change.empty
    assert not result.conflicts


def test_one_field_changed_in_two_ways_is_a_conflict_that_names_both_values():
    ours, theirs = BASE - quads("a p 1") | quads("a p 2"), BASE - quads("a p 1") | quads("a p 3")

    [conflict] = merge(BASE, ours, theirs, generation=2).conflicts

    assert conflict.subject == NamedNode(X + "a")
    assert (conflict.files, conflict.store) == ((NamedNode(X + "2"),), (NamedNode(X + "3"),))


fields = st.tuples(st.sampled_from("abc"), st.sampled_from("pq"), st.sampled_from("12"))
states = st.sets(
    fields.map(lambda f: Quad(NamedNode(X + f[0]), NamedNode(X + f[1]), Literal(f[2]), NamedNode(X + "g")))
)


@given(states, states, states)
def test_without_conflict_the_result_has_what_each_side_added_and_not_what_it_removed(base, files, store):
    result = merge(base, files, store, generation=1)
    if result.conflicts:
        return

    merged = (store - result.change.removed) | result.change.added

    assert files - base <= merged
    assert store - base <= merged
    assert not (base - files) & merged
    assert not (base - store) & merged
