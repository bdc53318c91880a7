"""How wide a text is in a picture that a server draws, and where its lines break.

Nobody knows here which fonts a reader has: widths are those of a common sans-serif face, a little generous.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

#: Widths of characters in ems; any other is as wide as `_OTHER`.
_WIDTHS: Final = {
    **dict.fromkeys("iljtfI.,:;'|!()[]/ ", 0.31),
    **dict.fromkeys("rs-–ck", 0.5),
    **dict.fromkeys("mwMW—%", 0.9),
    **dict.fromkeys("ABCDEFGHKNOPQRSTUVXYZÄÖÅ", 0.72),
}
_OTHER: Final = 0.585
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
            cut = len(rest) - 2
            while cut > 2 and width(rest[:cut] + "-", size) > room:
                cut -= 1
            yield rest[:cut] if rest[cut - 1] in "-/–" else rest[:cut] + "-"
            rest = rest[cut:]
        yield rest
