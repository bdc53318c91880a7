"""Which commits touched a resource: an index of the newest part of the journal, held in memory.

The ledger says which graphs a commit changed, and the journal which triples, but neither can be asked for a
resource. So the newest commits are read once, up to a bound of commits and of quads, and later ones as they
come. No request reads history: it looks here, and is told from which commit on this knows.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kymgraph.errors import KymgraphError
from kymgraph.rdf import NamedNode
from kymgraph.store.journal import FIRST_GENERATION, Entry, Journal

#: Commits known at most, counted from the newest.
COMMITS: Final = 5_000
#: Quads of theirs read at most; a larger change ends the index.
QUADS: Final = 300_000
#: Commits given for one resource at most.
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The commit that took the last triple of a resource away."""

    commit: int
    time: str  #: UTC, ISO 8601
    reason: str
    agent: str  #: IRI; "" is nobody known


class Touched:
    """The index over the journal in one store folder. Its methods block and may be called from any thread."""

    def __init__(self, store: Path, *, commits: int = COMMITS, quads: int = QUADS) -> None:
        self._folder = store / "journal"
        self._commits, self._quads = commits, quads
        self._turn = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._journal = Journal(self._folder, limit=lambda: self._upto)
        self._upto = FIRST_GENERATION  # the journal may be read up to here, and has been
        self._since = FIRST_GENERATION + 1
        self._read = 0
        self._numbers: dict[str, list[int]] = {}
        self._times: OrderedDict[int, str] = OrderedDict()

    def commits_of(self, iri: str, generation: int) -> tuple[int, ...]:
        """The commits up to `generation` that changed triples about `iri`: the newest SHOWN, newest first."""
        with self._turn:
            self._catch_up(generation)
            return tuple([n for n in reversed(self._numbers.get(iri, [])) if n <= generation][:SHOWN])

    def tombstone(self, iri: str, generation: int) -> Tombstone | None:
        """Where the triples of `iri`, which `generation` has none of, went; None if that is not known."""
        numbers = self.commits_of(iri, generation)
        if not numbers:
            return None
        entry = self._entry(numbers[0])
        return None if entry is None else Tombstone(entry.number, entry.time, entry.reason, entry.agent)

    def since(self, generation: int) -> int:
        """The first commit that the index knows; what is older was not looked at."""
        with self._turn:
            self._catch_up(generation)
            return self._since

    def times(self, generation: int) -> dict[str, str]:
        """When each resource that the index knows was last touched, by its IRI (UTC, ISO 8601)."""
        with self._turn:
            self._catch_up(generation)
            return {iri: self._times[numbers[-1]] for iri, numbers in self._numbers.items()}

    def _entry(self, number: int) -> Entry | None:
        with self._turn:
            try:
                return self._journal.entry(number)
            except KymgraphError:
                return None  # a redaction has put another journal in its place

    def _catch_up(self, generation: int) -> None:
        if generation <= self._upto:
            return
        try:
            self._extend(generation)
        except KymgraphError:  # likewise: what was known of the old one is forgotten
            self._clear()
            self._upto = generation
            self._begin(generation)

    def _extend(self, generation: int) -> None:
        known, self._upto = self._upto, generation
        if known == FIRST_GENERATION or self._read > 2 * self._quads or generation - known > self._commits:
            self._clear()
            self._upto = generation
            self._begin(generation)
            return
        for number in range(known + 1, generation + 1):
            entry = self._journal.entry(number)
            if entry.kind == "redaction" or entry.added + entry.removed > self._quads:
                self._clear()
                self._upto = generation
                self._begin(generation)
                return
            self._take(entry)

    def _begin(self, generation: int) -> None:
        """Go back from the newest commit as far as the bounds allow, and take what is after that."""
        self._since, quads = generation + 1, 0
        first = self._journal.first
        while first is not None and self._since > max(first, generation - self._commits + 1):
            entry = self._journal.entry(self._since - 1)
            quads += entry.added + entry.removed
            if quads > self._quads:
                break
            self._since -= 1
        for number in range(self._since, generation + 1):
            self._take(self._journal.entry(number))

    def _take(self, entry: Entry) -> None:
        change = self._journal.changeset(entry.number)
        for iri in {
            q.subject.value for q in change.removed | change.added if isinstance(q.subject, NamedNode)
        }:
            self._numbers.setdefault(iri, []).append(entry.number)
        self._times[entry.number] = entry.time
        self._read += entry.added + entry.removed
