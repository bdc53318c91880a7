"""The narrow lane: queries that are provably small are answered in the process that was asked.

Half of what a look-up costs is its way to a worker process and back. Narrow is what asks for a few predicates
of one thing, in a text so plain that it reads in one way only. One pattern is read row by row and given up
where its answer grows too long; of several, the triples that they can touch are counted before the engine
sees them. So neither time nor answer has room to grow. All else is for the workers.
Why that keeps the promise of disposable processes: docs/decisions/0010-narrow-lane.md.
"""

from __future__ import annotations

import contextlib
import io
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyoxigraph as ox

from ..errors import KymgraphError
from ..queries import QueryInfo
from ..results import ResultFormat

#: Patterns that a narrow query may have.
PATTERNS: Final = 4
#: Bytes that the answer to one pattern may have.
LENGTH: Final = 16_384
#: What the answer to several may weigh, in characters, by the worst guess from the triples they can touch.
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


class Star(NamedTuple):
    """What a narrow query asks of one thing."""

    subject: str
    predicates: list[str | None]  #: None stands for a variable
    streams: bool  #: every triple that is looked at becomes a row at once


def star(info: QueryInfo) -> Star | None:
    """What a query asks for, if it is SELECT or ASK over 1 to 4 patterns of one and the same thing.

    The text is looked at in its canonical form, and that is the one to be run: single spaces between the
    tokens leave the engine no other way to read it.

    >>> from kymgraph.queries import inspect
    >>> star(inspect("PREFIX e: <http://e/> SELECT * { e:a e:b ?t ; ?p ?o } LIMIT 5"))
    Star(subject='http://e/a', predicates=['http://e/b', None], streams=False)
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
    given: list[str] | None = None  # the variables that come back; None: all
    if info.form == "select":
        if at < size and tokens[at] == "*":
            at += 1
        else:
            first = at
            while at < size and _VARIABLE.fullmatch(tokens[at]):
                at += 1
            if not (given := tokens[first:at]):
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
    patterns = tokens[at + 1 : end]
    found = _patterns(patterns, info.prefixes)
    if found is None:
        return None
    subject, predicates = found
    variables = [token for token in patterns if token[0] == "?"]
    streams = (
        len(predicates) == 1
        and len(set(variables)) == len(variables)  # else triples are passed over
        and (given is None or set(variables) <= set(given))  # else rows are as good as empty
        and not any(word.upper() == "OFFSET" for word in rest[::2])
    )
    return Star(subject, predicates, streams)


def _patterns(tokens: list[str], prefixes: Mapping[str, str]) -> tuple[str, list[str | None]] | None:
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


class _Short(io.BytesIO):
    """A file that breaks when it grows too long: nothing more is then made to be written to it."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > LENGTH:
            raise OSError("too long to be narrow")
        return super().write(data)


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
            if store is None or not (asked.streams or _fits(store, asked)):
                return None
            results = store.query(info.canonical, base_iri=base)
            assert not isinstance(results, ox.QueryTriples)
            output = _Short() if asked.streams else io.BytesIO()
            results.serialize(output, ox.QueryResultsFormat.from_media_type(fmt.ox))
            body = output.getvalue()
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
    subject, rows, width = ox.NamedNode(asked.subject), 1, 0
    for verb in asked.predicates:
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
