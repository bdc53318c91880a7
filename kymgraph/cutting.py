"""A query with its SERVICE calls taken out: the text without them, and what is known before each.

`kymgraph.groups` reads the calls from a text, `kymgraph.federation` asks them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """A group that a call stands in: how it is opened, and the parts of the text in it before the call."""

    opening: str  #: `GRAPH ?g`, or nothing
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One `SERVICE [SILENT] <endpoint> { block }`."""

    start: int  #: offsets in the query, from SERVICE to behind the last brace
    end: int
    endpoint: str
    silent: bool
    prologue: str  #: PREFIX and BASE that the block needs
    block: str  #: between its braces, without comments
    variables: tuple[str, ...]  #: what it lets out, in the order of the text
    shared: tuple[str, ...]  #: those of them that are bound in every row of the call and stand before it
    plain: bool  #: triples and filters alone, in one group
    guard: str  #: `GRAPH ?g {}` where the call stands in such a group
    before: tuple[Level, ...]  #: what is joined with the call, from the outermost group


@dataclass(frozen=True, slots=True)
class Cut:
    """A text with a VALUES block in the place of each call, and where the rows of which call belong in it."""

    text: str
    holes: tuple[tuple[int, int], ...]  #: offset, number of the call


@dataclass(frozen=True, slots=True)
class Federated:
    """A query with its SERVICE calls."""

    text: str
    calls: tuple[Call, ...]
    prologue: str

    def cut(self) -> Cut:
        """The query without its calls. Lines stay where they were; columns too, if there was room.

        >>> from kymgraph import groups
        >>> groups.read("SELECT ?b { ?a ?p ?b SERVICE <http://e/> { ?b ?q ?c } }").cut().text
        'SELECT ?b { ?a ?p ?b  VALUES (?b ?q ?c) {}            }'
        """
        made = _Made(self)
        made.copy(0, len(self.text), keep_lines=True)
        return made.cut()

    def before(self, number: int) -> Cut | None:
        """A SELECT for what the query itself knows of the variables of a call, or None if that is nothing.

        Its rows are at least those that the call is joined with.

        >>> from kymgraph import groups
        >>> text = "SELECT * { ?a ?p ?b FILTER(?b > 1) OPTIONAL { SERVICE <http://e/> { ?b ?q ?c } } }"
        >>> groups.read(text).before(0).text
        'SELECT DISTINCT ?b { { ?a ?p ?b FILTER(true) { } } }'
        """
        call = self.calls[number]
        if not call.shared:
            return None
        made = _Made(self)
        made.add(f"{self.prologue}SELECT DISTINCT {' '.join(f'?{name}' for name in call.shared)} {{ ")
        for level in call.before:
            made.add(f"{level.opening} {{".lstrip())
            for number, (start, end) in enumerate(level.spans):
                if number:  # in the place of a FILTER, which sees more than what stands before the call
                    made.add("FILTER(true)")
                made.copy(start, end)
        made.add("} " * len(call.before) + "}")
        return made.cut()


class _Made:
    """A text made of parts of a query, its calls replaced."""

    def __init__(self, query: Federated) -> None:
        self._query, self._parts, self._size = query, [""], 0
        self._holes: list[tuple[int, int]] = []

    def add(self, text: str) -> None:
        self._parts.append(text)
        self._size += len(text)

    def copy(self, start: int, end: int, *, keep_lines: bool = False) -> None:
        text = self._query.text
        for number, call in enumerate(self._query.calls):
            if start <= call.start and call.end <= end:
                self.add(text[start : call.start])
                self._call(number, call, text[call.start : call.end] if keep_lines else "")
                start = call.end
        self.add(text[start:end])

    def _call(self, number: int, call: Call, was: str) -> None:
        from_ = self._size
        names = " ".join(f"?{name}" for name in call.variables)
        self.add(f" {call.guard} VALUES ({names}) {{" if call.guard else f" VALUES ({names}) {{")
        self._holes.append((self._size, number))
        self.add("} ")
        lines, _, last = was.rpartition("\n")
        if lines:
            self.add("\n" * (lines.count("\n") + 1) + " " * len(last))
        else:
            self.add(" " * (len(was) - (self._size - from_)))

    def cut(self) -> Cut:
        return Cut("".join(self._parts), tuple(self._holes))
