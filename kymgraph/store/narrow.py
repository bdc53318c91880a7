"""The narrow lane: queries that are provably small are answered in the process that was asked.

Half of what a look-up costs is its way to a worker process and back. Narrow is what asks for a few predicates
of one thing, in a text so plain that it reads in one way only; before the engine sees it, the triples that it
can touch are counted, so that neither its time nor its answer has room to grow. All else is for the workers.
Why that keeps the promise of disposable processes: docs/decisions/0010-narrow-lane.md.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from ..errors import KymgraphError
from ..queries import QueryInfo
from ..results import ResultFormat

#: Patterns that a narrow query may have.
PATTERNS: Final = 4
#: What its answer may weigh at most, in characters, by the worst guess from the triples that it can touch.
WEIGHT: Final = 65_536
_ROW: Final = 128  # what a value weighs besides its own characters
_TEXT: Final = 4_096
_LONGEST_BOUND: Final = 9  # digits of LIMIT and OFFSET

#: Whole and without dot segments, so that resolving leaves it as it is.
_IRI: Final = re.compile(r"<(https?://(?!\.)(?:[\w.~%#:@=-]|/(?!\.))*)>", re.ASCII)
_NAME: Final = re.compile(r"([A-Za-z][\w-]*|):([A-Za-z][\w-]*)", re.ASCII)
_VARIABLE: Final = re.compile(r"\?[A-Za-z]\w*", re.ASCII)
_TYPE: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_UNION: Final = ox.DefaultGraph()

#: The one subject of a narrow query, and its predicates; None stands for a variable.
Star = tuple[str, list[str | None]]


def star(info: QueryInfo) -> Star | None:
    """What a query asks for, if it is SELECT or ASK over 1 to 4 patterns of one and the same thing.

    The text is looked at in its canonical form, and that is the one to be run: single spaces between the
    tokens leave the engine no other way to read it.

    >>> from kymgraph.queries import inspect
    >>> star(inspect("PREFIX e: <http://e/> SELECT * { e:a a ?t ; ?p ?o } LIMIT 5"))
    ('http://e/a', ['http://www.w3.org/1999/02/22-rdf-syntax-ns#type', None])
    >>> star(inspect("SELECT * { ?s ?p ?o }"))
    """
    text = info.canonical
    if info.form not in ("select", "ask") or info.from_ or info.from_named or len(text) > _TEXT:
        return None
    tokens = text.split(" ")
    size, at = len(tokens), 0
    while at + 2 < size and tokens[at].upper() == "PREFIX":
        if not _IRI.fullmatch(tokens[at + 2]):
            return None
        at += 3
    if tokens[at].upper() != info.form.upper():
        return None
    at += 1
    if info.form == "select":
        if at < size and tokens[at] == "*":
            at += 1
        else:
            first = at
            while at < size and _VARIABLE.fullmatch(tokens[at]):
                at += 1
            if at == first:
                return None
    if at < size and tokens[at].upper() == "WHERE":
        at += 1
    try:
        end = tokens.index("}", at)
    except ValueError:
        return None
    rest = tokens[end + 1 :]
    for word, number in zip(rest[::2], rest[1::2], strict=False):
        if word.upper() not in ("LIMIT", "OFFSET") or not number.isdecimal() or len(number) > _LONGEST_BOUND:
            return None
    if tokens[at] != "{" or len(rest) not in (0, 2, 4) or rest[0:1] == rest[2:3] != []:
        return None
    return _patterns(tokens[at + 1 : end], info.prefixes)


def _patterns(tokens: list[str], prefixes: Mapping[str, str]) -> Star | None:
    """The patterns between the braces: subject, then verb and object, which `;` or `.` separates."""
    if tokens and tokens[-1] == ".":
        tokens.pop()
    subject: str | None = None
    verbs: list[str | None] = []
    at, size, fresh = 0, len(tokens), True
    while at < size:
        if fresh:
            named = _iri(tokens[at], prefixes)
            if named is None or subject not in (None, named):
                return None
            subject, at = named, at + 1
        if at + 2 > size or len(verbs) == PATTERNS:
            return None
        verb, thing = tokens[at], tokens[at + 1]
        known = _TYPE if verb == "a" else _iri(verb, prefixes)
        if known is None and not _VARIABLE.fullmatch(verb):
            return None
        if not _VARIABLE.fullmatch(thing) and _iri(thing, prefixes) is None:
            return None
        verbs.append(known)
        at += 2
        if at < size:
            if tokens[at] not in (";", ".") or at + 1 == size:
                return None
            fresh = tokens[at] == "."
            at += 1
    return None if subject is None else (subject, verbs)


def _iri(token: str, prefixes: Mapping[str, str]) -> str | None:
    if found := _IRI.fullmatch(token):
        return found[1]
    found = _NAME.fullmatch(token)
    return prefixes[found[1]] + found[2] if found else None


class Narrow:
    """The current checkpoint opened in this process, for narrow queries alone."""

    def __init__(self, checkpoint: Callable[[int], Path]) -> None:
        self._checkpoint = checkpoint
        self._open: tuple[int, ox.Store | None] = (-1, None)  # None: it is being opened, or cannot be
        self.answered = 0

    def answer(self, info: QueryInfo, fmt: ResultFormat, base: str | None, generation: int) -> bytes | None:
        """The bytes that a worker would answer; None if the query is not narrow, or not to be run here."""
        asked = None if "xml" in fmt.ox else star(info)  # workers look for what XML cannot write
        if asked is None:
            return None
        opened, store = self._open
        if opened != generation:
            self._open = (generation, None)
            # Beside the event loop, for it takes a while; until then the workers answer.
            threading.Thread(target=self._reopen, args=(generation,), daemon=True).start()
            return None
        try:
            if store is None or not _fits(store, asked):
                return None
            results = store.query(info.canonical, base_iri=base)
            assert not isinstance(results, ox.QueryTriples)
            body = results.serialize(format=ox.QueryResultsFormat.from_media_type(fmt.ox))
        except (OSError, ValueError, RuntimeError, SyntaxError):
            return None  # a worker knows how to say it
        self.answered += 1
        return body

    def _reopen(self, generation: int) -> None:
        with contextlib.suppress(KymgraphError, OSError, RuntimeError):  # the workers say what is wrong
            store = ox.Store.read_only(str(self._checkpoint(generation)))
            if self._open[0] == generation:
                self._open = (generation, store)


def _fits(store: ox.Store, asked: Star) -> bool:
    """Can the answer, and all that is joined on the way to it, only be small?

    No more rows can be made than the product of what the patterns match alone, and none is wider than the
    longest values together. Counting stops where the answer would become too large.
    """
    subject, rows, width = ox.NamedNode(asked[0]), 1, 0
    for verb in asked[1]:
        count = longest = 0
        predicate = None if verb is None else ox.NamedNode(verb)
        for quad in store.quads_for_pattern(subject, predicate, None, _UNION):
            count += 1
            longest = max(longest, len(str(quad.object)) + len(quad.predicate.value) * (verb is None))
            if rows * count * (width + longest + _ROW) > WEIGHT:
                return False
        rows *= max(1, count)
        width += longest + _ROW
        if rows * width > WEIGHT:
            return False
    return True
