"""How wide a text is in a picture that a server draws, and where its lines break.

Nobody knows here which fonts a reader has: widths are those of a common sans-serif face, a little generous.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

#: Widths of characters in ems; any other is as wide as `_OTHER`. A little generous: DejaVu Sans is wide.
_WIDTHS: Final = {
    **dict.fromkeys("iljI|'", 0.3),
    **dict.fromkeys("tfr.,:;!()[]/- ", 0.4),
    **dict.fromkeys("szck–", 0.56),
    **dict.fromkeys("mwMW—%", 0.97),
    **dict.fromkeys("ABCDEFGHKNOPQRSTUVXYZÄÖÅ", 0.74),
}
_OTHER: Final = 0.625
_VOWELS: Final = frozenset("aeiouyäöåAEIOUYÄÖÅ")
_ELLIPSIS: Final = "…"


def width(text: str, size: float) -> float:
    """The width of a text in letters of `size`.

    >>> width("ill", 10) < width("mmm", 10)
    True
    """
    return size * sum(_WIDTHS.get(letter, _OTHER) for letter in text)


def wrap(text: str, size: float, room: float, most: int) -> list[str]:
    """The lines of a text that fit in `room`, at most so many; what is left out is an ellipsis.

    Words break where they must, with a hyphen: Finnish has long ones.

    >>> wrap("Logistisen aseman vahvistaminen", 12, 120, 3)
    ['Logistisen aseman', 'vahvistaminen']
    >>> wrap("one two three", 12, 40, 2)
    ['one', 'two…']
    """
    lines: list[str] = []
    line = ""
    for piece in _pieces(text, size, room):
        longer = f"{line} {piece}" if line else piece
        if line and width(longer, size) > room:
            lines.append(line)
            line = piece
        else:
            line = longer
        if len(lines) > most:
            break
    lines.append(line)
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and width(last + _ELLIPSIS, size) > room:
        last = last[:-1]
    return [*lines[: most - 1], last.rstrip(" -") + _ELLIPSIS]


def _pieces(text: str, size: float, room: float) -> Iterator[str]:
    """The words of a text, those that are wider than the room in pieces."""
    for word in text.split():
        rest = word
        while width(rest, size) > room and len(rest) > 3:
            cut = _cut(rest, size, room)
            yield rest[:cut] if rest[cut - 1] in "-/–" else rest[:cut] + "-"
            rest = rest[cut:]
        yield rest


def hyphenated(text: str, longest: int = 9) -> str:
    """A text with soft hyphens where the syllables of its longer words begin.

    >>> hyphenated("maakuntasuunnitelma 2030").replace("\u00ad", "|")
    'maa|kun|ta|suun|ni|tel|ma 2030'
    """
    return " ".join(_soft(word) if len(word) > longest else word for word in text.split())


def _soft(word: str) -> str:
    return "".join(
        "\u00ad" + letter
        if 2 <= n < len(word) - 1 and letter.isalpha() and _begins(word, n) and word[n - 1].isalpha()
        else letter
        for n, letter in enumerate(word)
    )


def _begins(word: str, n: int) -> bool:
    """Whether a Finnish syllable begins here: with the last consonant before its vowel."""
    return word[n] not in _VOWELS and word[n + 1] in _VOWELS


def _cut(word: str, size: float, room: float) -> int:
    """Where to break a word that is too wide: after a mark, else before a syllable, else where the room ends.

    A Finnish syllable begins with the last consonant before its vowel; elsewhere that is no bad guess.
    """
    most = next((n for n in range(len(word) - 2, 1, -1) if width(word[:n] + "-", size) <= room), 1)
    for n in range(most, 2, -1):
        if word[n - 1] in "-/–":
            return n
    for n in range(most, 2, -1):
        if _begins(word, n):
            return n
    return most
