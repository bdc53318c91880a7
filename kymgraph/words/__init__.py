"""Words of Finnish, Swedish and English: how a text is cut into them, their lemmas, the parts of compounds.

Pure functions of the text and of simplemma's dictionaries, the same for what is indexed and what is asked;
nothing here depends on what the index holds, so an index that was updated equals one that was built anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from simplemma import Lemmatizer
from simplemma.strategies import DefaultStrategy
from simplemma.strategies.dictionaries import DictionaryFactory

from kymgraph.words.mapped import look_up

#: The languages whose dictionaries are asked, in this order where a text names no other.
LANGUAGES: Final = ("fi", "sv", "en")
#: Changes whenever the same text would be cut into other words, so that older indexes are built anew.
VERSION: Final = 1
#: Longest word that is looked up, in letters; longer ones are nobody's words.
LONGEST: Final = 60
#: Shortest part of a compound, in letters. Of the shortest only these are taken: most others are found in
#: every word.
_SHORTEST: Final = 3
_SHORT: Final = frozenset(
    {"ala", "maa", "osa", "pää", "tie", "työ", "yli", "etu", "jäte", "mål", "väg", "råd", "lag"}
)
_MOST_PARTS: Final = 4
#: Longest part that is looked for, in letters.
_LONGEST_PART: Final = 20
#: First parts that are no words of their own.
_BOUND: Final = frozenset(
    {"bio", "cyber", "digi", "eko", "geo", "hyöty", "kyber", "lähi", "mikro", "multi", "nano", "tele", "uus"}
)

#: What may follow a Finnish word's own ending: whose it is, and little words that lean on it.
_ENDINGS: Final = ("kaan", "kään", "mme", "nne", "nsa", "nsä", "kin", "han", "hän", "ni", "si", "ko", "kö")

WORD: Final = re.compile(r"[^\W_]+")
_FOLDED: Final = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ß": "ss", "æ": "ae"})

#: Words that say too little to be looked for where others stand beside them.
STOP_WORDS: Final = frozenset(
    {
        "ja", "tai", "sekä", "on", "että", "jossa", "joka", "jotka", "eli", "och",
        "eller", "som", "i", "på", "för", "av", "till", "med", "en", "ett",
        "den", "det", "de", "att", "är", "the", "of", "and", "or", "a",
        "an", "in", "for", "to", "with", "by", "from", "is", "are",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: as it stands there (in lower case), its lemmas, and the parts of a compound."""

    form: str
    lemmas: tuple[str, ...]
    parts: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """All that the word is found by as a whole."""
        return tuple(dict.fromkeys((self.form, *self.lemmas)))


def normal(text: str) -> str:
    """A text with its letters in lower case, one space for anything between words, and nothing at the ends.

    Two names that differ only in case, punctuation or kinds of dash are the same name by it.

    >>> normal("Kymenlaakson  maakuntaohjelma 2022–2025")
    'kymenlaakson maakuntaohjelma 2022 2025'
    """
    return " ".join(forms(text))


def forms(text: str) -> list[str]:
    """The words of a text as they stand there, in lower case and composed form (NFC).

    >>> forms("Bio- ja kiertotalous: 3,5 M€")
    ['bio', 'ja', 'kiertotalous', '3', '5', 'm']
    """
    return WORD.findall(unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold()))


def fold(word: str) -> str:
    """A word without the marks on its letters, as people without the keys for them write it.

    >>> fold("älykäs"), fold("Ångström")
    ('alykas', 'Angstrom')
    """
    return "".join(
        sign
        for sign in unicodedata.normalize("NFD", word.translate(_FOLDED))
        if not unicodedata.combining(sign)
    )


def words(text: str, lang: str | None = None) -> list[Word]:
    """The words of a text in a language, or in any of the three where that is not known.

    >>> [word.lemmas for word in words("Kymenlaakson maakuntaohjelmat", "fi")]
    [('kymenlaakso',), ('maakuntaohjelma',)]
    """
    return [word(form, lang) for form in forms(text)]


def word(form: str, lang: str | None = None) -> Word:
    """One word, given in lower case.

    >>> word("kyberturvallisuutta", "fi").parts
    ('kyber', 'turvallisuus')
    """
    if lang in LANGUAGES:
        langs: tuple[str, ...] = (lang,)
    else:  # those that know the word, else those that can make it of words, else any
        langs = tuple(code for code in LANGUAGES if _known(form, code) is not None)
        langs = langs or tuple(code for code in ("fi", "sv") if _split(form, code) is not None) or LANGUAGES
    lemmas = tuple(dict.fromkeys(_lemma(form, code) for code in langs))
    parts = dict.fromkeys(part for code in langs if code != "en" for part in _parts(_lemma(form, code), code))
    return Word(form, lemmas, tuple(parts))


def is_known(form: str) -> bool:
    """Whether a word, in lower case, is in a dictionary or made up of words that are.

    >>> is_known("maakuntaohjelmille"), is_known("maakuntaohj")
    (True, False)
    """
    return any(_known(form, code) is not None for code in LANGUAGES) or any(
        _split(form, code) is not None for code in ("fi", "sv")
    )


@lru_cache(maxsize=100_000)
def _known(form: str, lang: str) -> str | None:
    """The lemma of a form that the dictionary has."""
    # Names are in the dictionary with a capital: "kymenlaakson" alone is not known there.
    known = dictionary(lang)
    found = known.get(form) or known.get(form.capitalize())
    return found.casefold() if found is not None else None


@lru_cache(maxsize=200_000)
def _lemma(form: str, lang: str) -> str:
    if len(form) > LONGEST or not form.isalpha():
        return form
    if (known := _known(form, lang)) is not None:
        return known
    if lang != "en" and (compound := _split(form, lang)) is not None:
        return form[: -len(compound[-1])] + dictionary(lang)[compound[-1]].casefold()
    if lang == "fi":
        for ending in _ENDINGS:
            if form.endswith(ending) and len(form) > len(ending) + _SHORTEST:
                rest = form[: -len(ending)]
                if _known(rest, lang) is not None or _split(rest, lang) is not None:
                    return _lemma(rest, lang)
    found = _lemmatizer(lang).lemmatize(form, lang).casefold()
    # A guess that cuts off more than any ending has letters is a bad one.
    return found if len(found) > len(form) - 7 and found[:3] == form[:3] else form


@lru_cache(maxsize=100_000)
def _parts(lemma: str, lang: str) -> tuple[str, ...]:
    """The lemmas of the parts of a compound, or nothing for a word that is no compound."""
    if not lemma.isalpha() or (found := _split(lemma, lang)) is None:
        return ()
    return (*(_of_modifier(part, lang) for part in found[:-1]), _lemma(found[-1], lang))


@lru_cache(maxsize=100_000)
def _split(text: str, lang: str) -> tuple[str, ...] | None:
    """The fewest known words (but at least two) that make up a text, as they stand in it; None if none do.

    Of equally many the split with the longest last word wins: the head of a compound stands at its end.
    """
    if not 2 * _SHORTEST <= len(text) <= LONGEST:
        return None
    #: The fewest front parts up to each place that they reach; from there alone is looked further.
    fronts: dict[int, tuple[str, ...]] = {0: ()}
    level = [0]
    for _ in range(_MOST_PARTS - 1):
        reached = []
        for start in level:
            for end in range(start + _SHORTEST, min(len(text) - _SHORTEST, start + _LONGEST_PART) + 1):
                if end not in fronts and _is_modifier(text[start:end], lang):
                    fronts[end] = (*fronts[start], text[start:end])
                    reached.append(end)
        for end in sorted(reached):
            if _is_word(text[end:], lang):
                return (*fronts[end], text[end:])
        level = reached
    return None


def _is_word(part: str, lang: str) -> bool:
    return (len(part) > _SHORTEST or part in _SHORT) and part in dictionary(lang)


@lru_cache(maxsize=300_000)
def _is_modifier(part: str, lang: str) -> bool:
    """Whether a word can stand in front of another in a compound: in its base form, or bound to it."""
    return part in _BOUND or ((len(part) > _SHORTEST or part in _SHORT) and _of_modifier(part, lang) != "")


def _of_modifier(part: str, lang: str) -> str:
    """The lemma of the front part of a compound; "" for what cannot be one."""
    known = dictionary(lang)
    if part in _BOUND or known.get(part) == part:
        return part
    if lang == "fi":
        if part.endswith("s") and (adjective := part[:-1] + "nen") in known:
            return adjective  # kehittämis-, kansalais-
        if part.endswith("n") and (lemma := known.get(part)) is not None:
            return lemma  # a genitive
    if lang == "sv" and part.endswith("s") and known.get(part[:-1]) == part[:-1]:
        return part[:-1]  # landskaps-
    return ""


class _Dictionary(Mapping[str, str]):
    """A dictionary as simplemma's rules ask for it. Nobody walks through it."""

    def __init__(self, look: Callable[[str], str | None]) -> None:
        self._look = look

    def __getitem__(self, form: str) -> str:
        if (found := self._look(form)) is None:
            raise KeyError(form)
        return found

    def get(self, form: str, default: Any = None) -> Any:
        found = self._look(form)
        return default if found is None else found

    def __contains__(self, form: object) -> bool:
        return self._look(str(form)) is not None

    def __iter__(self) -> Iterator[str]:
        raise TypeError("a dictionary is looked things up in, not read through")

    def __len__(self) -> int:
        raise TypeError("a dictionary is looked things up in, not counted")


@cache
def dictionary(lang: str) -> Mapping[str, str]:
    """simplemma's dictionary of a language, word form to lemma."""
    return _Dictionary(look_up(lang))


class _Factory(DictionaryFactory):
    def get_dictionary(self, lang: str) -> Mapping[str, str]:
        return dictionary(lang)


@cache
def _lemmatizer(lang: str) -> Lemmatizer:
    # Definite forms of Swedish compounds are cut only by the greedy rules; in Finnish these cut too much.
    strategy = DefaultStrategy(greedy=lang == "sv", dictionary_factory=_Factory())
    return Lemmatizer(cache_max_size=1, lemmatization_strategy=strategy)
