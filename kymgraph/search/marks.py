"""What of an answer is shown as the reason for it: a name or a part of a description, and where to mark it.

The text stays as it is in the graph, and marks are places in it; whoever shows it decides how.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from kymgraph import words
from kymgraph.search.file import Stored
from kymgraph.search.plan import Asked

#: Longest part of a description that is shown, in characters.
_LONGEST: Final = 220

Marks = tuple[tuple[int, int], ...]


def asked(query: str, meant: Sequence[Asked] = ()) -> Sequence[Asked]:
    """The words of a question; just as they were written, if what they mean was not looked up."""
    return meant or [Asked(form, 1.0, {form: 1.0}) for form in words.forms(query)]


def best(stored: Stored, name: int | None, question: Sequence[Asked], lang: str) -> tuple[str, str, Marks]:
    """The text to show, its language, and where it meets the question, in characters from and up to."""
    if name is not None:
        text, spoken, _, analysed = stored.names[name]
        found = _marks(text, question, analysed)
        if found or not question:
            return text, spoken, found
    for spoken, text in sorted(stored.texts, key=lambda pair: pair[0] != lang):
        found = _marks(text, question, None)
        if found:
            return _cut(text, spoken, found)
    if name is None:
        name = next((n for n, given in enumerate(stored.names) if given[1] == lang and given[2] == 0), 0)
    text, spoken, _, _ = stored.names[name]
    return text, spoken, ()


def _marks(
    text: str, question: Sequence[Asked], analysed: Sequence[tuple[list[str], list[str]]] | None
) -> Marks:
    found = []
    for place, (start, end, form) in enumerate(_places(text)):
        terms = analysed[place][0] if analysed is not None and place < len(analysed) else [form]
        parts = analysed[place][1] if analysed is not None and place < len(analysed) else []
        if any(
            one.weight == 1.0
            and (one.quality(terms, parts) > 0 or (len(one.form) > 3 and form.startswith(one.form)))
            for one in question
        ):
            found.append((start, end))
    return tuple(found)


def _places(text: str) -> Iterator[tuple[int, int, str]]:
    """Where the words of a text stand in it; none where cleaning it up moved them about."""
    cleaned = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    if len(cleaned) != len(text):
        return
    for match in words.WORD.finditer(cleaned):
        yield match.start(), match.end(), match[0]


def _cut(text: str, spoken: str, found: Marks) -> tuple[str, str, Marks]:
    """A text cut to what is around its first mark, at spaces where there are any."""
    if len(text) <= _LONGEST:
        return text, spoken, found
    start = max(0, found[0][0] - _LONGEST // 3)
    if start:
        space = text.find(" ", start, found[0][0])
        start = space + 1 if space >= 0 else start
    end = min(len(text), start + _LONGEST)
    if end < len(text):
        space = text.rfind(" ", found[0][1], end)
        end = space if space > 0 else end
    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    kept = tuple(
        (first - start + len(before), last - start + len(before))
        for first, last in found
        if start <= first and last <= end
    )
    return before + text[start:end] + after, spoken, kept
