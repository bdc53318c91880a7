"""Where the SERVICE calls of a query stand: cut out exactly, with what is joined with them before.

Read from the tokens of `kymgraph.queries`, by the grammar of SPARQL 1.1, as far as it takes to know which
group a brace opens and which variables a block lets out. The rule that keeps it exact: in a query with
SERVICE every word must be one of SPARQL's, so no keyword can hide in another token; what cannot be placed is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from kymgraph.cutting import Call, Federated, Level
from kymgraph.errors import QuerySyntaxError, ServiceUnsupported
from kymgraph.queries import Token, position, prologue, tokenize

#: SERVICE calls in one query.
MOST_CALLS: Final = 5

_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """
        BASE PREFIX SELECT DISTINCT REDUCED AS CONSTRUCT WHERE DESCRIBE ASK FROM NAMED GROUP BY HAVING
        ORDER ASC DESC LIMIT OFFSET VALUES UNDEF GRAPH OPTIONAL SERVICE SILENT BIND MINUS UNION FILTER A
        IN NOT EXISTS TRUE FALSE SEPARATOR COUNT SUM MIN MAX AVG SAMPLE GROUP_CONCAT STR LANG LANGMATCHES
        DATATYPE BOUND IRI URI BNODE RAND ABS CEIL FLOOR ROUND CONCAT STRLEN UCASE LCASE ENCODE_FOR_URI
        CONTAINS STRSTARTS STRENDS STRBEFORE STRAFTER YEAR MONTH DAY HOURS MINUTES SECONDS TIMEZONE TZ NOW
        UUID STRUUID MD5 SHA1 SHA256 SHA384 SHA512 COALESCE IF STRLANG STRDT SAMETERM ISIRI ISURI ISBLANK
        ISLITERAL ISNUMERIC REGEX SUBSTR REPLACE
        """,
    )
)
#: What a keyword without a space after it would make of a prefixed name: the start of the name, what follows.
_GLUED: Final = (("GRAPH", "{"), ("SERVICE", "{"), ("SILENT", "{"), ("FILTER", "("))
#: Operators between bare triples. `*` and `?` are left out: a path of length zero also holds for a term that
#: the endpoint does not know, so giving it bindings could make rows.
_OF_TRIPLES: Final = frozenset([".", ";", ",", "^^"])
_ZERO_LENGTH: Final = frozenset(["*", "?"])


def read(text: str, base: str | None = None) -> Federated:
    """The SERVICE calls of a query that `queries.inspect` let pass.

    `base` resolves relative IRIs where the text has no BASE of its own.

    Raises ServiceUnsupported for a call that cannot be answered as SPARQL means it, QuerySyntaxError.
    """
    return _Reader(text, base).read()


@dataclass(slots=True)
class _Group:
    """A group while its tokens go by."""

    start: int  # offset behind its brace
    opening: str = ""
    graph: str = ""  # the GRAPH that it stands in
    guard: str = ""
    outer: tuple[Level, ...] | None = ()  # None: what stands before says nothing about what is inside
    exists: bool = False
    hidden: bool = False  # in a sub-select within GRAPH ?g
    block: bool = False  # in the block of a call
    left_out: list[tuple[int, int]] = field(default_factory=list)

    def until(self, end: int) -> tuple[Level, ...] | None:
        """What is joined with something that begins at `end`."""
        if self.outer is None:
            return None
        spans, at = [], self.start
        for start, stop in self.left_out:
            spans.append((at, start))
            at = stop
        return (*self.outer, Level(self.opening, (*spans, (at, end))))


class _Reader:
    """One pass over the tokens. Each method takes the index of a token and gives that of the one after."""

    def __init__(self, text: str, base: str | None) -> None:
        self.text, self.tokens = text, tokenize(text)
        self.scope = prologue(text, self.tokens, base)
        self.base = base
        self.calls: list[Call] = []
        self.words = [token.text.upper() if token.kind == "word" else "" for token in self.tokens]

    def read(self) -> Federated:
        self._check_words()
        at, count = self.scope.first, len(self.tokens)
        if self.words[at] == "SELECT":
            self._select(at, _Group(0))
        else:
            construct = self.words[at] == "CONSTRUCT"
            at += 1
            while at < count:
                if self._is(at, "{"):
                    if construct and self.words[at - 1] == "CONSTRUCT":
                        at = self._close(at) + 1
                    else:
                        at, _, _ = self._group(at, _Group(self._after(at)))
                        at, _ = self._modifiers(at, _Group(0))
                else:
                    at += 1
        found = {call.start for call in self.calls}
        for token, word in zip(self.tokens, self.words, strict=True):
            if word == "SERVICE" and token.start not in found:
                raise self._wrong(
                    token, "SERVICE cannot stand here", "It stands in a group, as OPTIONAL does."
                )
        if len(self.calls) > MOST_CALLS:
            raise ServiceUnsupported(
                f"nothing was run: {len(self.calls)} SERVICE calls, at most {MOST_CALLS} in one query",
                hint="Split it into several queries.",
            )
        return Federated(self.text, tuple(self.calls), self._prologue(None))

    def _check_words(self) -> None:
        for number, token in enumerate(self.tokens):
            word = self.words[number]
            if word and (word not in _WORDS or not token.text.isascii()):
                raise self._wrong(
                    token, f"{token.text[:40]!r} is no word of SPARQL", "Keywords have spaces around them."
                )
            if token.kind == "pname" and number + 1 < len(self.tokens):
                following = self.tokens[number + 1].text
                glued = any(
                    token.text.upper().startswith(keyword) and following == sign for keyword, sign in _GLUED
                )
                if glued and self.words[number - 1] not in ("GRAPH", "SERVICE", "SILENT", "FILTER"):
                    raise self._wrong(
                        token,
                        f"{token.text[:40]!r} can be read in two ways",
                        "Put a space after the keyword.",
                    )

    # --- small things

    def _is(self, at: int, sign: str) -> bool:
        return (
            at < len(self.tokens)
            and self.tokens[at].kind in ("open", "close")
            and self.tokens[at].text == sign
        )

    def _word(self, at: int) -> str:
        return self.words[at] if at < len(self.words) else ""

    def _after(self, at: int) -> int:
        return self.tokens[at].start + len(self.tokens[at].text)

    def _close(self, at: int) -> int:
        """The index of the bracket that closes the one at `at`; the tokenizer saw that there is one."""
        depth = 0
        for number in range(at, len(self.tokens)):
            depth += {"open": 1, "close": -1}.get(self.tokens[number].kind, 0)
            if depth == 0:
                return number
        raise AssertionError("brackets match")

    def _wrong(self, token: Token, detail: str, hint: str) -> QuerySyntaxError:
        line, column = position(self.text, token.start)
        return QuerySyntaxError(detail, line=line, column=column, hint=hint)

    def _unsupported(self, token: Token, detail: str, hint: str) -> ServiceUnsupported:
        line, column = position(self.text, token.start)
        return ServiceUnsupported(f"nothing was run: line {line}, column {column}: {detail}", hint=hint)

    # --- groups

    def _group(self, at: int, group: _Group) -> tuple[int, dict[str, None], set[str]]:
        """The group that opens at `at`: the variables that it lets out, and those bound in every solution."""
        if self._word(at + 1) == "SELECT":
            if group.graph[:1] in ("?", "$"):
                group.hidden = True
            # What stands outside is joined with what the sub-select gives, after LIMIT and the like.
            inner = _Group(
                group.start, graph=group.graph, guard=group.guard, exists=group.exists,
                hidden=group.hidden, block=group.block, outer=None if group.exists else (),
            )  # fmt: skip
            at, visible = self._select(at + 1, inner)
            return at + 1, visible, set()
        visible, certain = {}, set[str]()
        at += 1
        while not self._is(at, "}"):
            token, word = self.tokens[at], self.words[at]
            begins = at
            if self._is(at, "{"):
                at, names, bound = self._group(at, self._inner(group, token.start, at))
                visible |= names
                while self._word(at) == "UNION" and self._is(at + 1, "{"):
                    at, names, other = self._group(at + 1, self._inner(group, token.start, at + 1))
                    visible |= names
                    bound &= other
                certain |= bound
            elif word == "OPTIONAL" and self._is(at + 1, "{"):
                at, names, _ = self._group(at + 1, self._inner(group, token.start, at + 1))
                visible |= names
            elif word == "MINUS" and self._is(at + 1, "{"):
                at, _, _ = self._group(at + 1, self._apart(group, at + 1))
            elif word == "GRAPH" and self._is(at + 2, "{"):
                term = self.tokens[at + 1]
                inner = self._inner(group, token.start, at + 2)
                inner.opening = f"GRAPH {term.text}"
                inner.graph, inner.guard = term.text, f"GRAPH {term.text} {{}}"
                inner.hidden = False
                at, names, bound = self._group(at + 2, inner)
                if term.kind == "var":
                    visible[term.text[1:]] = None
                    certain.add(term.text[1:])
                visible |= names
                certain |= bound
            elif word == "SERVICE":
                at, names, bound = self._service(at, group)
                visible |= names
                certain |= bound
            elif word == "FILTER":
                at = self._constraint(at + 1, group)
                group.left_out.append((self.tokens[begins].start, self._after(at - 1)))
            elif word == "BIND" and self._is(at + 1, "("):
                at, named = self._bracket(at + 1, group)
                visible |= dict.fromkeys(named)
            elif word == "VALUES":
                at, named = self._values(at)
                visible |= dict.fromkeys(named)
            else:
                if token.kind == "var":
                    visible[token.text[1:]] = None
                    certain.add(token.text[1:])
                at += 1
        return at + 1, visible, certain

    def _inner(self, group: _Group, begins: int, brace: int) -> _Group:
        """A group that is joined with what stands before `begins` in this one."""
        return _Group(
            self._after(brace), graph=group.graph, guard=group.guard, outer=group.until(begins),
            exists=group.exists, hidden=group.hidden, block=group.block,
        )  # fmt: skip

    def _apart(self, group: _Group, brace: int, *, exists: bool = False) -> _Group:
        """The group of MINUS or EXISTS, whose variables stay inside."""
        exists = exists or group.exists
        return _Group(
            self._after(brace), opening=f"GRAPH {group.graph}" if group.graph else "", graph=group.graph,
            outer=None if exists else (), exists=exists, block=group.block, hidden=group.hidden,
        )  # fmt: skip

    def _select(self, at: int, group: _Group) -> tuple[int, dict[str, None]]:
        """A SELECT up to the brace behind it, or the end of the text; the variables that it gives."""
        chosen: dict[str, None] = {}
        star = False
        at += 1
        while at < len(self.tokens) and not self._is(at, "{"):
            token = self.tokens[at]
            if self._is(at, "("):
                at, named = self._bracket(at, group)
                chosen |= dict.fromkeys(named)
                continue
            if self._is(at, "}"):
                raise self._wrong(token, "this SELECT has no pattern", "Add WHERE { … }.")
            if token.kind == "var":
                chosen[token.text[1:]] = None
            star = star or token.text == "*"
            at += 1
        if at == len(self.tokens):
            return at, chosen
        inner = _Group(
            self._after(at), opening=f"GRAPH {group.graph}" if group.graph else "", graph=group.graph,
            guard=group.guard, outer=group.outer, exists=group.exists, hidden=group.hidden, block=group.block,
        )  # fmt: skip
        at, visible, _ = self._group(at, inner)
        at, named = self._modifiers(at, group)
        return at, (visible | dict.fromkeys(named)) if star else chosen

    def _modifiers(self, at: int, group: _Group) -> tuple[int, list[str]]:
        """GROUP BY and all that follows, up to a closing brace or the end; the variables of its VALUES."""
        found: list[str] = []
        while at < len(self.tokens) and not self._is(at, "}"):
            if self._word(at) == "VALUES":
                at, named = self._values(at)
                found += named
            elif self._is(at, "("):
                at, _ = self._bracket(at, group)
            elif self._word(at) == "EXISTS" and self._is(at + 1, "{"):
                at, _, _ = self._group(at + 1, self._apart(group, at + 1, exists=True))
            else:
                at += 1
        return at, found

    def _bracket(self, at: int, group: _Group) -> tuple[int, list[str]]:
        """An expression in parentheses, and the variable after AS in it. A brace in it belongs to EXISTS."""
        named, depth = [], 0
        while True:
            if self._is(at, "{"):
                at, _, _ = self._group(at, self._apart(group, at, exists=True))
                continue
            depth += self._is(at, "(") - self._is(at, ")")
            if depth == 1 and self.words[at] == "AS" and self.tokens[at + 1].kind == "var":
                named.append(self.tokens[at + 1].text[1:])
            at += 1
            if depth == 0:
                return at, named

    def _constraint(self, at: int, group: _Group) -> int:
        """What FILTER demands: parentheses, a call, or [NOT] EXISTS with its group."""
        if self._word(at) == "NOT":
            at += 1
        if self._word(at) == "EXISTS" and self._is(at + 1, "{"):
            return self._group(at + 1, self._apart(group, at + 1, exists=True))[0]
        if not self._is(at, "("):
            at += 1
        return self._bracket(at, group)[0] if self._is(at, "(") else at

    def _values(self, at: int) -> tuple[int, list[str]]:
        at += 1
        names = []
        while at < len(self.tokens) and not self._is(at, "{") and not self._is(at, "}"):
            if self.tokens[at].kind == "var":
                names.append(self.tokens[at].text[1:])
            at += 1
        return (self._close(at) + 1 if self._is(at, "{") else at), names

    # --- calls

    def _service(self, at: int, group: _Group) -> tuple[int, dict[str, None], set[str]]:
        word = self.tokens[at]
        if group.block:
            raise self._unsupported(
                word, "a SERVICE within a SERVICE is not passed on", "Put the two calls beside each other."
            )
        silent = self._word(at + 1) == "SILENT"
        target = at + 2 if silent else at + 1
        if not self._is(target + 1, "{") or self.tokens[target].kind not in ("iri", "pname", "var"):
            raise self._wrong(word, "this SERVICE is incomplete", "Write SERVICE <https://…> { … }.")
        if self.tokens[target].kind == "var":
            raise self._unsupported(
                word,
                f"SERVICE takes the address of an endpoint, not the variable {self.tokens[target].text}",
                "Write the address as an IRI; ask one query for each endpoint.",
            )
        brace = target + 1
        last, names, certain = self._group(brace, _Group(self._after(brace), block=True, outer=None))
        inside = range(brace + 1, last - 1)
        if group.hidden:
            raise self._unsupported(
                word,
                "a SERVICE in a sub-select within GRAPH and a variable has no answer here",
                "Put the SERVICE beside the sub-select.",
            )
        if group.exists and not self._only_triples(inside):
            raise self._unsupported(
                word,
                "in EXISTS, SERVICE takes triple patterns alone: only then can it be asked beforehand",
                "Leave triples alone in it, or take it out of EXISTS, with OPTIONAL and FILTER(!BOUND(…)).",
            )
        if any(self.tokens[i].kind == "op" and self.tokens[i].text in _ZERO_LENGTH for i in inside):
            certain = set()
        start, end = word.start, self._after(last - 1)
        before = group.until(start) or ()
        known = self._variables(before)
        self.calls.append(
            Call(
                start=start,
                end=end,
                endpoint=self.scope.iri(self.text, self.tokens[target]),
                silent=silent,
                prologue=self._prologue(inside),
                block=self._bare(inside),
                variables=tuple(names),
                shared=tuple(name for name in names if name in certain and name in known),
                plain=not any(self._is(i, "{") or self.words[i] == "BIND" for i in inside),
                guard=group.guard,
                before=before,
            )
        )
        return last, names, set()  # a failure that is kept silent binds nothing

    def _variables(self, levels: Iterable[Level]) -> set[str]:
        """The variables that stand in some groups."""
        spans = [span for level in levels for span in level.spans]
        found = {level.opening[7:] for level in levels if level.opening[6:7] in ("?", "$")}
        for token in self.tokens:
            if token.kind == "var" and any(start <= token.start < end for start, end in spans):
                found.add(token.text[1:])
        return found

    def _only_triples(self, inside: Iterable[int]) -> bool:
        return all(
            self.words[i] in ("", "A", "TRUE", "FALSE")
            and not self._is(i, "{")
            and (self.tokens[i].kind != "op" or self.tokens[i].text in _OF_TRIPLES)
            for i in inside
        )

    def _bare(self, inside: Sequence[int]) -> str:
        """The text of some tokens, without the comments between them."""
        parts, end = [], None
        for i in inside:
            token = self.tokens[i]
            if end is not None:
                between = self.text[end : token.start]
                parts.append("\n" if "#" in between else between)
            parts.append(token.text)
            end = self._after(i)
        return "".join(parts)

    def _prologue(self, inside: Iterable[int] | None) -> str:
        """The declarations that some tokens need, in the order of the text; all of them for None."""
        used = None
        if inside is not None:
            inside = [*inside]
            names = [self.tokens[i].text for i in inside if self.tokens[i].kind == "pname"]
            used = {name.partition(":")[0] for name in names}
        made, at = [] if self.base is None else [f"BASE <{self.base}> "], 0
        while at < self.scope.first:
            if self.words[at] == "BASE":
                made.append(f"BASE {self.tokens[at + 1].text} ")
                at += 2
            else:
                if used is None or self.tokens[at + 1].text[:-1] in used:
                    made.append(f"PREFIX {self.tokens[at + 1].text} {self.tokens[at + 2].text} ")
                at += 3
        relative = inside is None or any(map(self._is_relative, [*inside, *range(self.scope.first)]))
        return "".join(line for line in made if relative or not line.startswith("BASE"))

    def _is_relative(self, at: int) -> bool:
        token = self.tokens[at]
        return token.kind == "iri" and not re.match(r"<[A-Za-z][A-Za-z0-9+.\-]*:", token.text)
