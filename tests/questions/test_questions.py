"""The competency questions over the shipped project: each query gives the rows read from the sources.

Expected rows are written first, from the sources, and every row names its lines; see README.md here.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kymgraph.dataset import Dataset
from kymgraph.queries import NamedQuery
from tests.conftest import ROOT

HERE = Path(__file__).parent
QUESTIONS = sorted(file.stem for file in HERE.glob("Q??.rq"))
KINDS = {"2D", "T", "C", "H", "N"}  #: two documents, time, counting, hierarchy, negation
#: About commits, of which a store just built has none; tests/test_history.py asks it of one that has.
OF_THE_LEDGER = {"Q45"}
LINES = re.compile(r"D([0-4]):([1-9]\d*)(?:-([1-9]\d*))?|bg|ln")

Rows = Counter[tuple[str, ...]]


def query(name: str) -> NamedQuery:
    return NamedQuery.load(HERE / f"{name}.rq")


def kinds(name: str) -> set[str]:
    listed = query(name).extra["kinds"]
    assert isinstance(listed, list)
    return set(listed)


def expected(name: str) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of a CSV file; the last column is `lines`."""
    with (HERE / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        columns, *rows = csv.reader(file)
    return columns, rows


def answered(dataset: Dataset, name: str) -> tuple[list[str], Rows]:
    """Columns and rows of a query with its example values; an unbound variable is an empty string."""
    asked = query(name)
    values: dict[str, Any] = dict(asked.example)
    rows = dataset.query(asked.text, **values)
    texts = [
        tuple("" if term is None else getattr(term, "value", str(term)) for term in r.values()) for r in rows
    ]
    return list(rows.variables), Counter(texts)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered_by_the_rows_read_from_the_sources(shipped: Dataset, name: str) -> None:
    columns, rows = expected(name)

    variables, answer = answered(shipped, name)

    assert variables == columns[:-1]
    assert answer == Counter(tuple(row[:-1]) for row in rows)


def test_there_are_forty_questions_and_half_need_more_than_one_look() -> None:
    assert len(QUESTIONS) >= 40
    assert [name for name in QUESTIONS if not kinds(name) <= KINDS] == []
    assert 2 * sum(bool(kinds(name)) for name in QUESTIONS) >= len(QUESTIONS)
    assert sum(bool(query(name).params) for name in QUESTIONS) >= 8


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_says_in_three_languages_what_it_answers_takes_and_gives(name: str) -> None:
    asked = query(name)

    assert {language for language, text in asked.summary.items() if text} == {"fi", "sv", "en"}
    assert asked.answers == (name,)
    assert set(asked.example) == set(asked.params)
    assert list(asked.returns) == expected(name)[0][:-1]


def test_every_question_has_rows_and_every_file_of_rows_a_question() -> None:
    assert sorted(file.stem for file in HERE.glob("Q??.csv")) == QUESTIONS
    assert [n for n in QUESTIONS if not (n not in OF_THE_LEDGER) <= len(expected(n)[1]) <= 25] == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_row_names_the_lines_it_was_read_from(name: str) -> None:
    columns, rows = expected(name)

    assert columns[-1] == "lines"
    for row in rows:
        assert len(row) == len(columns), row
        assert row[-1].split(), f"a row without lines: {row}"
        assert all(LINES.fullmatch(part) for part in row[-1].split()), row


def test_the_lines_of_every_row_exist_in_the_sources_and_are_not_blank(shared: Path) -> None:
    sources = [file.read_text("utf-8-sig").split("\n") for file in sorted((shared / "sources").glob("*.txt"))]
    faults = []
    for name in QUESTIONS:
        for row in expected(name)[1]:
            for document, first, last in LINES.findall(row[-1]):
                if document:
                    lines = sources[int(document)]
                    ends = {int(first), int(last or first)}
                    if max(ends) > len(lines) or not all(lines[end - 1].strip() for end in ends):
                        faults.append((name, row[-1]))
    assert faults == []


def test_every_term_answers_questions_that_exist_and_every_question_is_answered() -> None:
    pointed = set()
    for file in (ROOT / "ontology").rglob("*.ttl"):
        for listed in re.findall(r"kym:answers\s+([^;.]*)", file.read_text("utf-8")):
            pointed |= set(re.findall(r"\bQ\d+\b", listed))
    assert sorted(pointed) == QUESTIONS


def test_a_wrong_row_is_noticed(shipped: Dataset) -> None:
    _, rows = expected("Q04")
    rows[0][1] = "3"

    assert answered(shipped, "Q04")[1] != Counter(tuple(row[:-1]) for row in rows)
