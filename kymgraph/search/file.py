"""The index as a SQLite file: its tables, how entries get in and out, how it is opened.

    STORE/search/current           the name of the file that is the index now
    STORE/search/index-….sqlite    the index (WAL, so that readers go on while one process writes)
    STORE/search/lock              held by the one process that updates

Words and facet values have numbers, and only numbers reach FTS5: nothing that anybody typed is ever part of
a MATCH expression. Numbers of entries begin with their rank by type, so that reading a posting list from its
beginning gives the entries that matter most, however long it is.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from kymgraph import words
from kymgraph.search.entries import PREFERRED, Entry, Name, rank_of

#: Changes whenever tables or what is in them would be made otherwise; other indexes are built anew.
LAYOUT: Final = 1
#: Entries of one rank get numbers from rank * STRIDE upwards.
STRIDE: Final = 1 << 40
#: The kind of a key that is made of the lemmas of a name, beside those of PREFERRED.
BY_LEMMAS: Final = len(PREFERRED)
#: Letters of a word, from its beginning, that a misspelt one is compared by.
_COMPARED: Final = 9
#: Shortest word that may be misspelt, in letters.
SHORTEST_MISSPELT: Final = 4

_TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE entry (id INTEGER PRIMARY KEY, iri TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE name (key TEXT, kind INTEGER, entry INTEGER, PRIMARY KEY (key, kind, entry)) WITHOUT ROWID;
CREATE TABLE word (
  id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE, uses INTEGER NOT NULL, lemmas TEXT, parts TEXT
);
CREATE TABLE near (key INTEGER, word INTEGER, PRIMARY KEY (key, word)) WITHOUT ROWID;
CREATE TABLE facet (
  id INTEGER PRIMARY KEY, facet TEXT NOT NULL, value TEXT NOT NULL, uses INTEGER NOT NULL,
  UNIQUE (facet, value)
);
CREATE TABLE held (entry INTEGER, facet INTEGER, PRIMARY KEY (entry, facet)) WITHOUT ROWID;
CREATE INDEX held_by ON held (facet, entry);
CREATE VIRTUAL TABLE posting USING fts5(
  name, other, part, text, facet, content='', columnsize=0, detail='column', tokenize='ascii'
);
"""


def connect(path: Path, *, writing: bool = False, immutable: bool = False) -> sqlite3.Connection:
    """A connection to an index file that exists, or to a new one for writing."""
    if writing:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -64000")
        return connection
    how = "mode=ro&immutable=1" if immutable else "mode=ro"
    uri = f"{path.absolute().as_uri()}?{how}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5)
    connection.execute("PRAGMA cache_size = -16000")
    connection.execute("PRAGMA query_only = 1")
    return connection


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file."""
    connection.executescript(_TABLES)


def meta(connection: sqlite3.Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT key, value FROM meta").fetchall())


def near_keys(word: str) -> set[int]:
    """What a word has in common with those that differ from it by one letter more, less or other.

    The keys are made of the beginning of the word, so that an ending does not matter.
    """
    start = words.fold(word)[:_COMPARED]
    shorter = {start[:place] + start[place + 1 :] for place in range(len(start))}
    return {zlib.crc32(text.encode()) for text in {start, *shorter}}


def can_be_misspelt(word: str) -> bool:
    return len(word) >= SHORTEST_MISSPELT and word.isalpha() and len(word) <= words.LONGEST


# --- entries as they lie in the file --------------------------------------------------------------------


class Stored:
    """An entry with the words of its names, as the table `entry` holds it."""

    __slots__ = ("facets", "names", "rank", "texts")

    def __init__(self, body: str) -> None:
        self.rank: int
        #: Each name with, for each of its words, what that is found by: terms, then parts.
        self.names: list[tuple[str, str, int, list[tuple[list[str], list[str]]]]]
        self.texts: list[tuple[str, str]]
        self.facets: list[tuple[str, str]]
        self.rank, self.names, self.texts, self.facets = json.loads(body)

    @property
    def types(self) -> tuple[str, ...]:
        """The types, the most telling first."""
        found = [value for facet, value in self.facets if facet == "type"]
        return tuple(sorted(found, key=lambda iri: (rank_of(iri), iri)))


def body_of(entry: Entry) -> str:
    """An entry as text. Equal entries give equal text."""
    return json.dumps(
        [
            entry.rank,
            [
                [name.text, name.lang, PREFERRED.index(name.kind), [[w.terms, w.parts] for w in _words(name)]]
                for name in entry.names
            ],
            entry.texts,
            sorted(entry.facets),
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _words(name: Name) -> list[words.Word]:
    return words.words(name.text, name.lang or None)


def name_keys(stored: Stored) -> set[tuple[str, int]]:
    """The keys that an entry is found by when somebody writes a whole name of it."""
    found = set()
    for text, _, kind, analysed in stored.names:
        if key := words.normal(text):
            found.add((key, kind))
            found.add((lemma_key(analysed), BY_LEMMAS))
    return found


def lemma_key(analysed: Iterable[tuple[list[str], list[str]]]) -> str:
    """A name as its lemmas, in their order: the same for all its inflected forms."""
    return " ".join(terms[1] if len(terms) > 1 else terms[0] for terms, _ in analysed)


def _columns(stored: Stored) -> tuple[set[str], set[str], set[str], set[str]]:
    """The words that an entry is found by: in names, other names, as parts of these, in texts."""
    names: set[str] = set()
    other: set[str] = set()
    parts: set[str] = set()
    texts: set[str] = set()
    for _, _, kind, analysed in stored.names:
        for terms, in_it in analysed:
            (names if kind == 0 else other).update(terms)
            parts.update(in_it)
    for lang, text in stored.texts:
        for word in words.words(text, lang or None):
            texts.update(word.terms)
            texts.update(word.parts)
    return names, other, parts, texts


# --- writing --------------------------------------------------------------------------------------------


class Writer:
    """Puts entries into an index and takes them out, within a transaction that the caller holds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._do = connection.execute
        self._many = connection.executemany
        self._word_ids: dict[str, int] = {}
        self._facet_ids: dict[tuple[str, str], int] = {}
        self._word_uses: Counter[int] = Counter()
        self._facet_uses: Counter[int] = Counter()
        self._next: dict[int, int] = {}
        self._entries = 0

    def put(self, iri: str, entry: Entry | None) -> None:
        """Make the index hold this entry of a resource; None takes it out."""
        row = self._do("SELECT id, body FROM entry WHERE iri = ?", (iri,)).fetchone()
        body = body_of(entry) if entry is not None else None
        if row is not None:
            if row[1] == body:
                return
            self._take_out(row[0], Stored(row[1]))
        if entry is not None and body is not None:
            stored = Stored(body)
            kept = row is not None and row[0] // STRIDE == entry.rank
            number = row[0] if kept else self._new_number(entry.rank)
            self._do("INSERT INTO entry (id, iri, body) VALUES (?, ?, ?)", (number, iri, body))
            self._postings(number, stored, 1)

    def finish(self, values: dict[str, Any]) -> None:
        """Settle the counts and note what the index now stands for."""
        self._many(
            "UPDATE word SET uses = uses + ? WHERE id = ?",
            ((uses, number) for number, uses in self._word_uses.items() if uses),
        )
        self._many(
            "UPDATE facet SET uses = uses + ? WHERE id = ?",
            ((uses, number) for number, uses in self._facet_uses.items() if uses),
        )
        for number, word in self._do("SELECT id, word FROM word WHERE uses <= 0").fetchall():
            self._many("DELETE FROM near WHERE key = ? AND word = ?", ((k, number) for k in near_keys(word)))
        self._do("DELETE FROM word WHERE uses <= 0")
        self._do("DELETE FROM facet WHERE uses <= 0")
        before = self._do("SELECT value FROM meta WHERE key = 'entries'").fetchone()
        values = {**values, "entries": (before[0] if before else 0) + self._entries}
        self._many("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", values.items())

    def _take_out(self, number: int, stored: Stored) -> None:
        self._postings(number, stored, -1)
        self._do("DELETE FROM entry WHERE id = ?", (number,))

    def _postings(self, number: int, stored: Stored, sign: int) -> None:
        columns = _columns(stored)
        forms = {terms[0] for _, _, _, analysed in stored.names for terms, _ in analysed}
        ids = {word: self._word(word, word in forms) for word in sorted(set().union(*columns))}
        facets = [self._facet(facet, value) for facet, value in stored.facets]
        values = [" ".join(sorted(str(ids[word]) for word in column)) for column in columns]
        values.append(" ".join(sorted(map(str, facets))))
        command = ("posting, rowid", "'delete', ?") if sign < 0 else ("rowid", "?")
        self._do(
            f"INSERT INTO posting ({command[0]}, name, other, part, text, facet) "  # noqa: S608 (our own words)
            f"VALUES ({command[1]}, ?, ?, ?, ?, ?)",
            (number, *values),
        )
        keys = name_keys(stored)
        if sign > 0:
            self._many("INSERT INTO name (key, kind, entry) VALUES (?, ?, ?)", ((*k, number) for k in keys))
            self._many("INSERT INTO held (entry, facet) VALUES (?, ?)", ((number, one) for one in facets))
        else:
            self._many(
                "DELETE FROM name WHERE key = ? AND kind = ? AND entry = ?", ((*k, number) for k in keys)
            )
            self._do("DELETE FROM held WHERE entry = ?", (number,))
        for word_number in ids.values():
            self._word_uses[word_number] += sign
        for facet_number in facets:
            self._facet_uses[facet_number] += sign
        self._entries += sign

    def _word(self, word: str, is_form: bool) -> int:
        known = self._word_ids.get(word)
        if known is None:
            row = self._do("SELECT id FROM word WHERE word = ?", (word,)).fetchone()
            if row is None:
                # What a reader is likely to type is kept analysed, so that most questions need no dictionary.
                own = words.word(word) if is_form else None
                analysed = (" ".join(own.lemmas), " ".join(own.parts)) if own else (None, None)
                cursor = self._do(
                    "INSERT INTO word (word, uses, lemmas, parts) VALUES (?, 0, ?, ?)", (word, *analysed)
                )
                row = (cursor.lastrowid,)
                if can_be_misspelt(word):
                    self._many(
                        "INSERT INTO near (key, word) VALUES (?, ?)",
                        ((key, row[0]) for key in near_keys(word)),
                    )
            known = self._word_ids[word] = row[0]
        return known

    def _facet(self, facet: str, value: str) -> int:
        known = self._facet_ids.get((facet, value))
        if known is None:
            row = self._do("SELECT id FROM facet WHERE facet = ? AND value = ?", (facet, value)).fetchone()
            if row is None:
                cursor = self._do("INSERT INTO facet (facet, value, uses) VALUES (?, ?, 0)", (facet, value))
                row = (cursor.lastrowid,)
            known = self._facet_ids[facet, value] = row[0]
        return known

    def _new_number(self, rank: int) -> int:
        if rank not in self._next:
            row = self._do(
                "SELECT max(id) FROM entry WHERE id >= ? AND id < ?", (rank * STRIDE, (rank + 1) * STRIDE)
            ).fetchone()
            self._next[rank] = (row[0] if row[0] is not None else rank * STRIDE) + 1
        number = self._next[rank]
        self._next[rank] += 1
        return number


def contents(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """All that an index holds, with words in the place of numbers: equal for indexes that answer alike."""
    yield from connection.execute("SELECT key, value FROM meta WHERE key = 'entries'")
    iris = dict(connection.execute("SELECT id, iri FROM entry"))
    texts = dict(connection.execute("SELECT id, word FROM word"))
    facets = {row[0]: row[1:] for row in connection.execute("SELECT id, facet, value FROM facet")}
    for number, iri, body in connection.execute("SELECT id, iri, body FROM entry"):
        yield "entry", iri, number // STRIDE, body
    for key, kind, number in connection.execute("SELECT key, kind, entry FROM name"):
        yield "name", key, kind, iris[number]
    # The analysis that lies beside a word spares time, and is no part of what the index says.
    for word, uses in connection.execute("SELECT word, uses FROM word"):
        yield "word", word, uses
    for key, number in connection.execute("SELECT key, word FROM near"):
        yield "near", key, texts[number]
    for facet, value, uses in connection.execute("SELECT facet, value, uses FROM facet"):
        yield "facet", facet, value, uses
    for number, facet in connection.execute("SELECT entry, facet FROM held"):
        yield "held", iris[number], facets[facet]
    connection.execute("CREATE VIRTUAL TABLE temp.listed USING fts5vocab('main', 'posting', 'instance')")
    try:
        for term, number, column in connection.execute("SELECT term, doc, col FROM temp.listed"):
            found = facets[int(term)] if column == "facet" else texts[int(term)]
            yield "posting", found, iris[number], column
    finally:
        connection.execute("DROP TABLE temp.listed")
