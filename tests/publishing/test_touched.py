"""What touched a resource is found in an index of the newest commits; no request reads history."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymgraph.changeset import Changeset
from kymgraph.publishing.touched import Touched
from kymgraph.rdf import FORMATS, NamedNode, parse
from kymgraph.store.journal import Entry, Journal
from tests.conftest import PREFIXES

X = "http://x.example/"


class Reading(Journal):
    """A journal that counts the commits whose changes were read."""

    read = 0

    def changeset(self, number: int) -> Changeset:
        Reading.read += 1
        return super().changeset(number)


def change(number: int, *names: str) -> Changeset:
    turtle = " ".join(f"x:{name} x:n {number} ." for name in names)
    graph = NamedNode("https://w3id.org/kymgraph/graph/a")
    return Changeset(
        number - 1, added=frozenset(parse((PREFIXES + turtle).encode(), FORMATS["ttl"], graph=graph))
    )


def entry(number: int, made: Changeset, kind: str = "change") -> Entry:
    return Entry(
        number=number,
        id=f"urn:x:{number}",
        time=f"2026-11-22T08:{number // 60:02d}:{number % 60:02d}.000Z",
        agent="",
        source="",
        reason=f"reason {number}",
        removed=0,
        added=len(made.added),
        graphs=(),
        digest=made.digest,
        kind=kind,
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    written = Journal(tmp_path / "journal", writable=True)
    for number in range(2, 12):
        made = change(number, "a" if number % 2 else "b", f"c{number}")
        written.append([(entry(number, made), made)])
    return written


def test_commits_are_found_by_resource_newest_first_and_not_beyond_the_state_asked_for(
    journal: Journal, tmp_path: Path
) -> None:
    touched = Touched(tmp_path)

    assert touched.commits_of(X + "a", 11) == (11, 9, 7, 5, 3)
    assert touched.commits_of(X + "a", 8) == (7, 5, 3)
    assert touched.commits_of(X + "nobody", 11) == ()
    assert touched.since(11) == 2
    assert touched.times(11)[X + "b"] == "2026-11-22T08:00:10.000Z"


def test_the_index_keeps_to_its_bounds(journal: Journal, tmp_path: Path) -> None:
    few = Touched(tmp_path, commits=3)
    small = Touched(tmp_path, quads=5)

    assert (few.since(11), few.commits_of(X + "a", 11)) == (9, (11, 9))
    assert (small.since(11), small.commits_of(X + "b", 11)) == (10, (10,))


def test_each_commit_is_read_once_and_later_ones_as_they_come(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kymgraph.publishing.touched.Journal", Reading)
    Reading.read = 0
    touched = Touched(tmp_path)
    for _ in range(20):
        touched.commits_of(X + "a", 11)
    assert Reading.read == 10
    made = change(12, "a")
    journal.append([(entry(12, made), made)])

    assert touched.commits_of(X + "a", 12)[0] == 12
    assert Reading.read == 11


@pytest.mark.parametrize("beside", ["c", "other-"])
def test_a_redaction_makes_the_index_anew(journal: Journal, tmp_path: Path, beside: str) -> None:
    """Also where the journal in its place has its records at the very same bytes."""
    touched = Touched(tmp_path)
    touched.commits_of(X + "a", 11)
    for path in (tmp_path / "journal").iterdir():
        path.unlink()
    other = Journal(tmp_path / "journal", writable=True)
    for number in range(2, 13):
        made = change(number, "z" if number % 2 else "y", f"{beside}{number}")
        other.append([(entry(number, made, "redaction" if number == 12 else "change"), made)])

    assert touched.commits_of(X + "a", 12) == ()
    assert touched.commits_of(X + "z", 12) == (11, 9, 7, 5, 3)
