"""Asking an index that is open: candidates from the posting lists, then a closer look at the best of them.

Posting lists give entries by rank of type. So many are scored by how their names match (MOST_SCORED); those
beyond follow in the order of the lists, and a list ends at MOST_LISTED. A question therefore costs the same
in an index ten times as large.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rapidfuzz import fuzz

from kymgraph import words
from kymgraph.project import Project
from kymgraph.search.entries import FACETS, PREFERRED
from kymgraph.search.file import BY_LEMMAS, Stored, lemma_key
from kymgraph.search.plan import PART, Asked, Vocabulary, all_of, any_of

#: Entries whose names are compared with the question.
MOST_SCORED: Final = 500
#: Entries that one question lists and counts; a `Found` says when there are more.
MOST_LISTED: Final = 2_000
#: Entries with the same name, or a name with the same beginning, that are looked at.
_SAME_NAME: Final = 200
#: With fewer answers than these to all words together, answers to some of the words follow.
_ENOUGH: Final = 5
#: How much of a question an answer to some of its words has to meet.
_SOME: Final = 0.34
#: What a word counts that is found in a description only.
_IN_TEXT: Final = 0.3
#: What an answer is worth, as a share, to a compound that was written in two words.
_JOINED: Final = 0.97
#: What being one rank later in the order of types costs, in points of the score.
_RANK_COST: Final = 0.12
#: Same name in another inflection; no other answer comes above it but the very name.
_SAME_LEMMAS: Final = 95.0

_NAMES = "name other"
_PARTS = "name other part"
_ALL = "name other part text"


@dataclass(slots=True)
class Scored:
    """A candidate with what is known of how it matches."""

    number: int
    iri: str
    stored: Stored
    score: float = 0.0
    name: int | None = None  #: place of the name that matched best; None: a description did
    kind: int = len(PREFERRED)

    @property
    def order(self) -> tuple[float, int, int, str]:
        return (-self.score, self.kind, self.number, self.iri)


@dataclass(slots=True)
class Answer:
    """The answers to a question in their order: those that were scored, then numbers of the rest."""

    scored: list[Scored] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)
    more: bool = False  #: whether there are more than are listed
    asked: list[Asked] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.scored) + len(self.rest)

    @property
    def numbers(self) -> list[int]:
        return [one.number for one in self.scored] + self.rest


class Asking:
    """Questions to one index that is open, within one read transaction."""

    def __init__(self, connection: sqlite3.Connection, project: Project) -> None:
        self._connection = connection
        self._do = connection.execute
        self._project = project
        self._vocabulary = Vocabulary(connection)

    # -- the three kinds of questions

    def search(self, query: str, lang: str, filters: Sequence[str]) -> Answer:
        """Entries that match a question, best first; all of them for an empty one."""
        asked = self._vocabulary.ask(query, beginning=False)
        if not asked:
            return self._browse(filters)
        numbers = self._matching(asked, _ALL, filters, MOST_LISTED + 1) if _possible(asked) else []
        same = self._same_name(query, asked, filters)
        # A long name is looked for as itself; after one or two words people look around.
        enough = 1 if same and len(asked) > 2 else _ENOUGH
        if len(set(numbers) | set(same)) >= enough:
            return self._whole_answer(query, lang, asked, numbers, same, filters)
        return self._some_answer(query, lang, asked, filters, {*numbers, *same})

    def suggest(self, query: str, lang: str, filters: Sequence[str], limit: int) -> list[Scored]:
        """Entries with a name that begins like this, or that has a word which does."""
        asked = self._vocabulary.ask(query, beginning=True)
        start = words.normal(query)
        if not asked or not start:
            return []
        numbers = {*self._same_name(query, asked, filters), *self._same_beginning(start, filters)}
        numbers.update(self._matching(asked, _NAMES, filters, MOST_SCORED))
        if len(numbers) < limit:
            numbers.update(self._matching(asked, _PARTS, filters, MOST_SCORED))
        found = self._scored(sorted(numbers)[:MOST_SCORED], query, lang, asked)
        for one in found:
            for text, _, kind, _ in one.stored.names:
                key = words.normal(text)
                if one.score < 100 and key.startswith(start):
                    whole = 96 + 3 * len(start) / len(key) - kind - one.stored.rank * _RANK_COST
                    one.score = max(one.score, whole)
        return sorted((one for one in found if one.score > 0), key=lambda one: one.order)[:limit]

    def match(self, text: str, lang: str | None, filters: Sequence[str], limit: int) -> list[Scored]:
        """Entries that a name in somebody's table may mean, scored by how alike the names are."""
        asked = self._vocabulary.ask(text, beginning=False)
        key = words.normal(text)
        if not asked or not key:
            return []
        answer = self.search(text, lang or "", filters)
        numbers = [one.number for one in answer.scored][:_SAME_NAME]
        if not numbers:
            return []
        lemmas = _lemmas_of(asked)
        found = self._load(numbers)
        for one in found:
            for place, (name, name_lang, kind, analysed) in enumerate(one.stored.names):
                other = words.normal(name)
                if other == key:
                    score = 100.0
                elif lemma_key(analysed) in lemmas:
                    score = _SAME_LEMMAS
                else:
                    score = min(99.0, max(fuzz.ratio(key, other), 0.96 * fuzz.token_sort_ratio(key, other)))
                score -= 0.5 if score < 100 and lang and name_lang and name_lang != lang else 0
                if (-score, kind) < (-one.score, one.kind):
                    one.score, one.kind, one.name = score, kind, place
        return sorted(found, key=lambda one: one.order)[:limit]

    # -- candidates

    def _browse(self, filters: Sequence[str]) -> Answer:
        if filters:
            rows = self._do(
                "SELECT rowid FROM posting WHERE posting MATCH ? LIMIT ?", (all_of(filters), MOST_LISTED + 1)
            )
        else:
            rows = self._do("SELECT id FROM entry ORDER BY id LIMIT ?", (MOST_LISTED + 1,))
        numbers = [row[0] for row in rows]
        return Answer(rest=numbers[:MOST_LISTED], more=len(numbers) > MOST_LISTED)

    def _matching(
        self, asked: Sequence[Asked], columns: str, filters: Sequence[str], limit: int
    ) -> list[int]:
        """Numbers of entries with every one of the words, in the order of their rank."""
        needed = [one for one in asked if one.weight == 1.0 or one.known] or list(asked)
        if not all(one.numbers for one in needed):
            return []
        expression = all_of([*(any_of(one.numbers.values(), columns) for one in needed), *filters])
        rows = self._do("SELECT rowid FROM posting WHERE posting MATCH ? LIMIT ?", (expression, limit))
        return [row[0] for row in rows]

    def _same_name(self, query: str, asked: Sequence[Asked], filters: Sequence[str]) -> list[int]:
        """Entries that the question is a whole name of, in any language, in this form or another."""
        keys = {words.normal(query), *_lemmas_of(asked)}
        rows = self._do(
            f"SELECT DISTINCT entry FROM name WHERE key IN ({', '.join('?' * len(keys))})"  # noqa: S608
            " ORDER BY kind, entry LIMIT ?",
            (*keys, _SAME_NAME),
        )
        return self._filtered([row[0] for row in rows], filters)

    def _same_beginning(self, start: str, filters: Sequence[str]) -> list[int]:
        rows = self._do(
            "SELECT DISTINCT entry FROM name WHERE key >= ? AND key < ? AND kind < ? LIMIT ?",
            (start, start + "\U0010ffff", BY_LEMMAS, _SAME_NAME),
        )
        return self._filtered([row[0] for row in rows], filters)

    def _filtered(self, numbers: list[int], filters: Sequence[str]) -> list[int]:
        if not filters or not numbers:
            return numbers
        rows = self._do(
            f"SELECT rowid FROM posting WHERE posting MATCH ? AND rowid IN ({', '.join('?' * len(numbers))})",  # noqa: S608
            (all_of(filters), *numbers),
        )
        kept = {row[0] for row in rows}
        return [number for number in numbers if number in kept]

    def _whole_answer(
        self,
        query: str,
        lang: str,
        asked: list[Asked],
        numbers: list[int],
        same: list[int],
        filters: Sequence[str],
    ) -> Answer:
        """Entries with all the words."""
        listed = numbers[:MOST_LISTED]
        candidates = dict.fromkeys(same)
        if len(listed) > MOST_SCORED:  # those first that have the words in a name
            for columns in (_NAMES, _PARTS):
                candidates.update(dict.fromkeys(self._matching(asked, columns, filters, MOST_SCORED)))
        candidates.update(dict.fromkeys(listed))
        chosen = list(candidates)[:MOST_SCORED]
        scored = self._scored(chosen, query, lang, asked)
        for one in scored:
            one.score = max(one.score, 1.0)
        taken = set(chosen)
        return Answer(
            sorted(scored, key=lambda one: one.order),
            [number for number in listed if number not in taken],
            len(numbers) > MOST_LISTED,
            asked,
        )

    def _some_answer(
        self, query: str, lang: str, asked: list[Asked], filters: Sequence[str], whole: set[int]
    ) -> Answer:
        """Entries with most of the words, or with words that are like them."""
        joined = self._vocabulary.joined(asked)
        for one in asked:
            if not one.known or len(whole) == 0:
                self._vocabulary.misspelt(one)
        candidates: dict[int, set[int]] = {number: set() for number in whole}
        for variant in [joined] if len(joined) != len(asked) else []:
            for number in self._matching(variant, _ALL, filters, MOST_SCORED):
                candidates.setdefault(number, set())
        in_text: dict[int, set[int]] = {}
        for place, one in enumerate(asked):
            if one.weight < 1.0 or not one.numbers:
                continue
            for columns, limit in ((_NAMES, MOST_SCORED), (_PARTS, MOST_SCORED), ("text", MOST_SCORED)):
                expression = all_of([any_of(one.numbers.values(), columns), *filters])
                rows = self._do(
                    "SELECT rowid FROM posting WHERE posting MATCH ? LIMIT ?", (expression, limit)
                )
                for (number,) in rows:
                    candidates.setdefault(number, set()).add(place)
                    if columns == "text":
                        in_text.setdefault(number, set()).add(place)
        # Compounds that nothing is called by: their parts may stand in one name.
        for one in asked:
            if not one.known and len(one.parts) > 1:
                parts = [self._vocabulary.ask(part, beginning=False) for part in one.parts]
                group = [meant[0] for meant in parts if meant]
                for number in self._matching(group, _PARTS, filters, MOST_SCORED):
                    candidates.setdefault(number, set())
        chosen = sorted(
            candidates, key=lambda number: (number not in whole, -len(candidates[number]), number)
        )
        found = self._scored(chosen[:MOST_SCORED], query, lang, asked, in_text=in_text)
        if len(joined) != len(asked):
            for one_found, again in zip(
                found, self._scored(chosen[:MOST_SCORED], query, lang, joined), strict=True
            ):
                score = _JOINED * again.score
                if score > one_found.score:
                    one_found.score, one_found.name, one_found.kind = score, again.name, again.kind
        for candidate in found:
            if candidate.number in whole:
                candidate.score = max(candidate.score, 100 * _SOME)
        kept = [one for one in found if one.score >= 100 * _SOME * 0.7]
        return Answer(sorted(kept, key=lambda one: one.order), [], False, asked)

    # -- scoring

    def _load(self, numbers: Sequence[int]) -> list[Scored]:
        found = []
        for start in range(0, len(numbers), 500):
            part = numbers[start : start + 500]
            rows = self._do(
                f"SELECT id, iri, body FROM entry WHERE id IN ({', '.join('?' * len(part))})",  # noqa: S608
                tuple(part),
            )
            found += [Scored(number, iri, Stored(body)) for number, iri, body in rows]
        return found

    def load(self, numbers: Sequence[int]) -> list[Scored]:
        """Entries by their numbers, in the order given, not scored."""
        found = {one.number: one for one in self._load(numbers)}
        return [found[number] for number in numbers if number in found]

    def _scored(
        self,
        numbers: Sequence[int],
        query: str,
        lang: str,
        asked: Sequence[Asked],
        *,
        in_text: Mapping[int, set[int]] | None = None,
    ) -> list[Scored]:
        scorer = _Scorer(query, asked, lang)
        found = self._load(numbers)
        for one in found:
            # Where all words were asked for together, those that no name has stand in a description.
            told = in_text.get(one.number, set()) if in_text is not None else set(range(len(asked)))
            scorer.score(one, told)
        return found

    # -- facets

    def facets(self, numbers: Sequence[int] | None) -> dict[str, list[tuple[str, int]]]:
        """How many of these entries have each value, the commonest first; of all entries for None."""
        counts: list[tuple[str, str, int]]
        if numbers is None:
            counts = self._do("SELECT facet, value, uses FROM facet").fetchall()
        else:
            counts = []
            totals: dict[int, int] = {}
            for start in range(0, len(numbers), 500):
                part = tuple(numbers[start : start + 500])
                for facet, count in self._do(
                    f"SELECT facet, count(*) FROM held WHERE entry IN ({', '.join('?' * len(part))})"  # noqa: S608
                    " GROUP BY facet",
                    part,
                ):
                    totals[facet] = totals.get(facet, 0) + count
            for number, count in totals.items():
                row = self._do("SELECT facet, value FROM facet WHERE id = ?", (number,)).fetchone()
                counts.append((*row, count))
        found: dict[str, list[tuple[str, int]]] = {facet: [] for facet in FACETS}
        for facet, value, count in sorted(counts, key=lambda row: (-row[2], row[1])):
            if facet in found:
                found[facet].append((value, count))
        return found

    def filters(self, wanted: Mapping[str, Sequence[str]]) -> list[str] | None:
        """Expressions for entries with one of the values of each facet; None if nothing can match."""
        expressions = []
        for facet, values in wanted.items():
            if not values:
                continue
            numbers = [
                row[0]
                for value in self._widened(facet, values)
                for row in self._do("SELECT id FROM facet WHERE facet = ? AND value = ?", (facet, value))
            ]
            if not numbers:
                return None
            expressions.append(any_of(numbers, "facet"))
        return expressions

    def _widened(self, facet: str, values: Sequence[str]) -> list[str]:
        """The values that are meant: narrower types and themes too, and the periods that a year lies in."""
        if facet == "period":
            known = [row[0] for row in self._do("SELECT value FROM facet WHERE facet = 'period'")]
            return [one for one in known if any(_meets(value, one) for value in values)]
        found = dict.fromkeys(values)
        if facet in ("type", "theme"):
            level = list(found)
            while level and len(found) < MOST_SCORED:
                narrower = [
                    row[0]
                    for value in level
                    for row in self._do(
                        "SELECT entry.iri FROM facet JOIN held ON held.facet = facet.id"
                        " JOIN entry ON entry.id = held.entry WHERE facet.facet = 'wider' AND facet.value = ?"
                        " LIMIT ?",
                        (value, MOST_SCORED),
                    )
                ]
                level = [iri for iri in dict.fromkeys(narrower) if iri not in found]
                found.update(dict.fromkeys(level))
        return list(found)

    def size(self) -> int:
        """How many entries there are."""
        row = self._do("SELECT value FROM meta WHERE key = 'entries'").fetchone()
        return int(row[0])

    def page(self, offset: int, limit: int) -> list[int]:
        """Numbers of all entries from a place on, by rank."""
        rows = self._do("SELECT id FROM entry ORDER BY id LIMIT ? OFFSET ?", (limit, offset))
        return [row[0] for row in rows]

    def body(self, iri: str) -> Stored | None:
        """What the index holds of a resource."""
        row = self._do("SELECT body FROM entry WHERE iri = ?", (iri,)).fetchone()
        return Stored(row[0]) if row else None

    def by_iri(self, iri: str, filters: Sequence[str]) -> Scored | None:
        """The entry of a resource whose IRI was asked for."""
        row = self._do("SELECT id, body FROM entry WHERE iri = ?", (iri,)).fetchone()
        if row is None or not self._filtered([row[0]], filters):
            return None
        return Scored(row[0], iri, Stored(row[1]), 100.0, 0, 0)


def _meets(wanted: str, period: str) -> bool:
    """Whether a period is the one wanted, or holds the year that is.

    >>> _meets("2016", "2014-2017"), _meets("2014-2017", "2014-2017"), _meets("2018", "2014-2017")
    (True, True, False)
    """
    if wanted == period:
        return True
    first, _, last = period.partition("-")
    return wanted.isdecimal() and len(wanted) == 4 and first <= wanted <= (last or first)


def _possible(asked: Sequence[Asked]) -> bool:
    return all(one.numbers for one in asked if one.weight == 1.0)


def _lemmas_of(asked: Sequence[Asked]) -> set[str]:
    """The question as `lemma_key` may write a name: by the first lemma of each word, the second…"""
    most = max((len(one.lemmas) for one in asked), default=0)
    return {
        " ".join(one.lemmas[min(place, len(one.lemmas) - 1)] if one.lemmas else one.form for one in asked)
        for place in range(most)
    }


class _Scorer:
    """Scores names by how well they meet each word of a question, and by how much of the name is met."""

    def __init__(self, query: str, asked: Sequence[Asked], lang: str) -> None:
        self._asked, self._lang = asked, lang
        self._key, self._lemmas = words.normal(query), _lemmas_of(asked)
        self._total = sum(word.weight for word in asked)
        self._meant: dict[str, list[tuple[int, float]]] = {}
        for number, word in enumerate(asked):
            for term, quality in word.meant.items():
                self._meant.setdefault(term, []).append((number, quality))

    def score(self, one: Scored, told: set[int]) -> None:
        """Score a candidate by its best name. `told` are the words that its descriptions may hold."""
        for place, (_, name_lang, kind, analysed) in enumerate(one.stored.names):
            score = self._of_name(analysed, told) * (1.0, 0.98, 0.96)[kind]
            if self._lang and name_lang and name_lang != self._lang:
                score *= 0.99
            score -= one.stored.rank * _RANK_COST
            if lemma_key(analysed) in self._lemmas:
                score = max(score, _SAME_LEMMAS - one.stored.rank * _RANK_COST)
            if analysed and " ".join(terms[0] for terms, _ in analysed) == self._key:
                score = 100.0
            if (-score, kind) < (-one.score, one.kind):
                one.score, one.kind, one.name = score, kind, place

    def _of_name(self, analysed: Sequence[tuple[list[str], list[str]]], told: set[int]) -> float:
        best = [0.0] * len(self._asked)
        where = [-1] * len(self._asked)
        meant = self._meant
        for place, (terms, parts) in enumerate(analysed):
            for share, found in ((1.0, terms), (PART, parts)):
                for term in found:
                    for number, quality in meant.get(term, ()):
                        if quality * share > best[number]:
                            best[number], where[number] = quality * share, place
        hit: dict[int, float] = {}
        met = 0.0
        for number, word in enumerate(self._asked):
            if where[number] >= 0:
                hit[where[number]] = max(hit.get(where[number], 0.0), best[number])
            elif number in told:
                best[number] = _IN_TEXT
            met += word.weight * best[number]
        met /= self._total
        if not hit:
            return 100 * 0.6 * met
        weights = [_telling(terms[0]) for terms, _ in analysed]
        covered = sum(weights[place] * quality for place, quality in hit.items()) / sum(weights)
        in_order = 0.03 if -1 not in where and where == sorted(where) else 0.0
        begins = 0.03 if 0 in hit else 0.0
        return 100 * (0.6 * met + 0.28 * met * covered + in_order + begins)


def _telling(form: str) -> float:
    """How much a word of a name says about what it names: years and little words less than others."""
    return 0.2 if form in words.STOP_WORDS else 0.4 if form.isdigit() else 1.0
