"""The gold set: what people type, and what they mean by it, written from the sources (see README.md)."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kymgraph.dataset import Dataset
from kymgraph.search.index import FOLDER, SearchIndex

from ..needs import size

#: The share of questions whose thing is among the first five answers.
RECALL = 0.95


@dataclass(frozen=True)
class Row:
    """One question."""

    query: str
    lang: str
    expected: frozenset[str]
    kind: str


def rows() -> list[Row]:
    with (Path(__file__).parent / "gold.csv").open(encoding="utf-8", newline="") as file:
        return [
            Row(row["query"], row["lang"], frozenset(row["expected"].split()), row["kind"])
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def index(shipped: Dataset) -> Iterator[SearchIndex]:
    index = SearchIndex(shipped.project, shipped.store.folder / FOLDER)
    index.bring_to(shipped)
    yield index
    index.close()


def first_five(index: SearchIndex, row: Row) -> list[str]:
    return [hit.iri for hit in index.search(row.query, lang=row.lang, limit=5, facets=False).hits]


def test_the_gold_set_is_as_large_as_it_has_to_be() -> None:
    assert len(rows()) >= 60
    assert {row.lang for row in rows()} == {"fi", "sv", "en"}


def test_the_exact_name_comes_first_always(index: SearchIndex) -> None:
    missed = [
        (row.query, found)
        for row in rows()
        if row.kind == "exact" and (found := first_five(index, row)[:1]) and found[0] not in row.expected
    ]

    assert missed == []
    assert all(first_five(index, row) for row in rows() if row.kind == "exact")


def test_what_is_meant_is_among_the_first_five(index: SearchIndex) -> None:
    missed = [(row.query, row.lang) for row in rows() if not row.expected & set(first_five(index, row))]

    assert 1 - len(missed) / len(rows()) >= RECALL, missed


def test_every_name_of_every_thing_finds_a_thing_of_that_name_first(
    index: SearchIndex, shipped: Dataset
) -> None:
    named: dict[str, set[str]] = {}
    for hit in _all(index):
        for name in hit.labels.values():
            named.setdefault(name.casefold(), set()).add(hit.iri)

    some = random.Random(1).sample(sorted(named), min(len(named), size(quick=100, ci=400, night=10_000)))
    wrong = [
        (name, found[0].labels)
        for name in some
        if (found := index.search(name, limit=1, facets=False).hits)
        and name not in {label.casefold() for label in found[0].labels.values()}
        and found[0].score < 100
    ]

    assert wrong == []


def _all(index: SearchIndex) -> Iterator:  # type: ignore[type-arg]
    at = 0
    while hits := index.search("", limit=100, offset=at, facets=False).hits:
        yield from hits
        at += len(hits)
