"""How alike two names are: by their words and lemmas, never by letters inside a word of another meaning.

*kriittinen* holds the letters of Iitti and has nothing to do with it; *kotkat* (eagles) has the lemma of
Kotka. So words are compared whole, as parts of compounds that a dictionary knows, and names of places or
bodies only with names that are written like names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rapidfuzz import fuzz

from kymgraph import words
from kymgraph.linking.decisions import Text
from kymgraph.linking.reasons import Reason

#: What stands in brackets at the end of a name: a qualifier, an abbreviation, a period.
_QUALIFIER: Final = re.compile(r"\s*\(([^()]*)\)\s*$")
_PERIOD: Final = re.compile(r"\b((?:19|20)\d\d)\s*[/–-]\s*((?:19|20)\d\d)\b")
_AND: Final = re.compile(r"\s+(?:ja|sekä|och|samt|and)\s+|\s*[,/&]\s*", re.IGNORECASE)
#: How much spelling has to agree, of 100, for a slip of the pen; only for words that are long enough to tell.
_SPELLING: Final = 92
_LONG: Final = 7


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two names are, and why."""

    score: float  #: 0 to 1
    how: str  #: a code of `reasons`
    ours: Text
    theirs: Text

    @property
    def reason(self) -> Reason:
        return Reason(self.how, self.ours.value, self.theirs.value, self.theirs.lang or self.ours.lang)

    @property
    def same(self) -> bool:
        """Whether they are one name, if perhaps in other forms of its words."""
        return self.how in ("same-name", "same-words")


def compare(ours: Text, theirs: Text, *, proper: bool = False) -> Likeness:
    """How alike a name of ours and one of theirs are; `proper` for names of places and bodies.

    >>> compare(Text("luonnonvarat", "fi"), Text("luonnonvara", "fi")).how
    'same-words'
    >>> compare(Text("Iitti", "fi"), Text("kriittinen ajattelu", "fi"), proper=True).score
    0.0
    """
    if ours.lang and theirs.lang and ours.lang != theirs.lang:
        return Likeness(0.0, "some-words", ours, theirs)
    lang = ours.lang or theirs.lang
    score, how = _compare(ours.value, theirs.value, lang, proper)
    return Likeness(score, how, ours, theirs)


def period(text: str) -> str:
    """The period that a name gives in brackets at its end; empty for none.

    >>> period("Euroopan aluekehitysrahasto (EAKR) (2014/2020)")
    '2014–2020'
    """
    found = _QUALIFIER.search(text)
    years = _PERIOD.search(found[1]) if found else None
    return f"{years[1]}–{years[2]}" if years else ""


@lru_cache(maxsize=200_000)
def _compare(ours: str, theirs: str, lang: str, proper: bool) -> tuple[float, str]:
    if words.normal(ours) == words.normal(theirs):
        return (0.5, "some-words") if proper and not _like_a_name(theirs) else (1.0, "same-name")
    a, b = _lemmas(ours, lang), _lemmas(theirs, lang)
    if not a or not b:
        return 0.0, "some-words"
    if proper and not _like_a_name(theirs):  # the eagles are no town, whatever their lemma
        return (0.3, "some-words") if set(a) & set(b) else (0.0, "some-words")
    if a == b and not proper:
        return 0.97, "same-words"
    if words.normal(_bare(ours)) == words.normal(_bare(theirs)) or _lemmas(_bare(theirs), lang) == a:
        return 0.9, "qualified"
    if not proper and any(_lemmas(part, lang) == b for part in _AND.split(ours) if part != ours):
        return 0.8, "one-part"
    if words.fold(words.normal(ours)) == words.fold(words.normal(theirs)):
        return 0.92, "spelling"
    mine, other = set(a), set(b)
    if other < mine:
        return 0.5 + 0.3 * len(other) / len(mine), "fewer-words"
    if mine < other:
        return 0.45 + 0.3 * len(mine) / len(other), "more-words"
    if max(len(ours), len(theirs)) >= _LONG and fuzz.ratio(ours.casefold(), theirs.casefold()) >= _SPELLING:
        return 0.75, "spelling"
    wide, other_wide = _wide(ours, lang), _wide(theirs, lang)
    common = wide & other_wide
    return (
        (0.7 * 2 * len(common) / (len(wide) + len(other_wide)), "some-words")
        if common
        else (0.0, "some-words")
    )


def _like_a_name(text: str) -> bool:
    return any(letter.isupper() or letter.isdigit() for letter in text[:1])


def _bare(text: str) -> str:
    """A name without what stands in brackets at its end, however often."""
    while (shorter := _QUALIFIER.sub("", text)) != text and shorter:
        text = shorter
    return text


@lru_cache(maxsize=100_000)
def _lemmas(text: str, lang: str) -> tuple[str, ...]:
    """The lemma of each word that says something, in order."""
    found = words.words(text, lang or None)
    telling = [word for word in found if word.form not in words.STOP_WORDS] or found
    return tuple(word.lemmas[0] for word in telling)


@lru_cache(maxsize=100_000)
def _wide(text: str, lang: str) -> frozenset[str]:
    """Lemmas and parts of compounds; a compound counts by its parts."""
    found: set[str] = set()
    for word in words.words(text, lang or None):
        if word.form not in words.STOP_WORDS:
            found.update(word.parts or word.lemmas)
    return frozenset(found)
