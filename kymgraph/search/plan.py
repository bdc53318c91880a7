"""What a question asks for: each of its words with all the words of the index that can be meant by it.

Each meaning has a quality between 0 and 1: the word itself, its lemma, a longer word that begins with it,
and, where nothing else is there, words that differ by marks on letters or by a slip of the finger.
All look-ups have ceilings, so that no word costs much, however common it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rapidfuzz.distance import OSA

from kymgraph import words
from kymgraph.search import file

#: Words of a question that are looked at; what comes after them hardly narrows it any more.
MOST_WORDS: Final = 12
#: Longer words that one beginning stands for, and how many are looked at to find the most used of them.
_BEGIN: Final = 30
_LOOKED_AT: Final = 2_000
#: Words that a misspelt one is compared with, and those of them that are taken.
_COMPARED: Final = 400
_MEANT: Final = 8
#: How alike a misspelt word and the one that is meant have to be, from 0 to 1.
_ALIKE: Final = 0.72
#: Shortest beginning that stands for longer words in a search, in letters.
_SHORTEST_BEGIN: Final = 3

_LEMMA, _FOLDED = 0.95, 0.9
#: A lemma that rules made up for a word that no dictionary has: less than a beginning of the word itself.
_GUESSED: Final = 0.6
#: What a word is worth that is a part of the one asked for.
PART: Final = 0.6


@dataclass(slots=True)
class Asked:
    """One word of a question."""

    form: str
    weight: float
    #: Words of the index that are meant, with their quality, and their numbers there.
    meant: dict[str, float] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    #: Its lemmas, as many as languages have one, and its parts, which together may stand for a compound.
    lemmas: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    #: Whether the index has the word itself, in whatever form.
    known: bool = False

    def quality(self, terms: Iterable[str], parts: Iterable[str]) -> float:
        """How well a word of a name, with its terms and parts, is what was asked for."""
        best = 0.0
        for term in terms:
            best = max(best, self.meant.get(term, 0.0))
        if best < PART:
            for part in parts:
                best = max(best, PART * self.meant.get(part, 0.0))
        return best

    def mean(self, word: str, number: int, quality: float) -> None:
        if quality > self.meant.get(word, 0.0):
            self.meant[word], self.numbers[word] = quality, number


class Vocabulary:
    """The words of an index that is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._do = connection.execute

    def ask(self, query: str, *, beginning: bool) -> list[Asked]:
        """The words of a question. The last one may be a `beginning` of any length that is being typed."""
        given = list(dict.fromkeys(words.forms(query)))[:MOST_WORDS]
        found = []
        for place, form in enumerate(given):
            last = place == len(given) - 1
            found.append(self._asked(form, begins=last and beginning))
        if not any(asked.weight == 1.0 for asked in found):
            for asked in found:
                asked.weight = 1.0
        return found

    def _asked(self, form: str, *, begins: bool) -> Asked:
        asked = Asked(form, 0.2 if form in words.STOP_WORDS else 1.0)
        row = self._do("SELECT id, lemmas, parts FROM word WHERE word = ?", (form,)).fetchone()
        if row is not None and row[1] is not None:
            asked.lemmas, asked.parts = tuple(row[1].split()), tuple(row[2].split())
        else:
            analysed = words.word(form)
            asked.lemmas, asked.parts = analysed.lemmas, analysed.parts
        if row is not None:
            asked.mean(form, row[0], 1.0)
        sure = row is not None or words.is_known(form)
        for lemma in asked.lemmas:
            for number in self._number(lemma):
                asked.mean(lemma, number, 1.0 if lemma == form else _LEMMA if sure else _GUESSED)
        asked.known = sure and bool(asked.meant)
        for start in dict.fromkeys((form, *asked.lemmas)):
            if begins or len(start) >= _SHORTEST_BEGIN:
                self._longer(asked, start, 1.0 if begins and start == form else 0.8)
        if not asked.known:
            self.misspelt(asked)
        return asked

    def _number(self, word: str) -> list[int]:
        return [row[0] for row in self._do("SELECT id FROM word WHERE word = ?", (word,))]

    def _longer(self, asked: Asked, start: str, most: float) -> None:
        """Words that begin with this one, the most used of them."""
        rows = self._do(
            "SELECT id, word FROM (SELECT id, word, uses FROM word WHERE word > ? AND word < ? LIMIT ?)"
            " ORDER BY uses DESC, word LIMIT ?",
            (start, start + "\U0010ffff", _LOOKED_AT, _BEGIN),
        )
        for number, word in rows:
            asked.mean(word, number, most * (0.55 + 0.4 * len(start) / len(word)))

    def misspelt(self, asked: Asked) -> None:
        """Add words that this one may be a slip of."""
        if not file.can_be_misspelt(asked.form):
            return
        keys = sorted(file.near_keys(asked.form))
        marks = ", ".join("?" * len(keys))
        rows = self._do(
            f"SELECT DISTINCT word.id, word.word, word.lemmas FROM near JOIN word ON word.id = near.word"  # noqa: S608
            f" WHERE near.key IN ({marks}) LIMIT ?",
            (*keys, _COMPARED),
        ).fetchall()
        folded = words.fold(asked.form)
        likely = []
        for number, word, lemmas in rows:
            other = words.fold(word)
            if other == folded:
                likely.append((_FOLDED, word, number, lemmas))
                continue
            alike = OSA.normalized_similarity(folded, other)
            # An ending more or less says little in Finnish: compare what stands before it too.
            shorter = min(len(folded), len(other))
            if shorter >= 6:
                alike = max(alike, 0.92 * OSA.normalized_similarity(folded[:shorter], other[:shorter]))
            if alike >= _ALIKE:
                likely.append((0.9 * alike * alike, word, number, lemmas))
        likely.sort(key=lambda one: (-one[0], one[1]))
        for quality, word, number, lemmas in likely[:_MEANT]:
            asked.mean(word, number, quality)
            for lemma in (lemmas or "").split():
                for of_lemma in self._number(lemma):
                    asked.mean(lemma, of_lemma, _LEMMA * quality)

    def joined(self, asked: Sequence[Asked]) -> list[Asked]:
        """The same question with a compound that was written apart put together, if the index has it."""
        found: list[Asked] = []
        skip = False
        for one, other in zip(asked, [*asked[1:], None], strict=True):
            if skip:
                skip = False
                continue
            if other is not None:
                both = self._asked(one.form + other.form, begins=False)
                if both.known:
                    found.append(both)
                    skip = True
                    continue
            found.append(one)
        return found


# --- expressions for FTS5: numbers and nothing else -----------------------------------------------------


def any_of(numbers: Iterable[int], columns: str) -> str:
    """An expression for entries with any of these words or facet values in any of the columns."""
    inner = " OR ".join(f'"{int(number)}"' for number in sorted(set(numbers)))
    return f"{{{columns}}} : ({inner})"


def all_of(expressions: Iterable[str]) -> str:
    return " AND ".join(f"({expression})" for expression in expressions)
