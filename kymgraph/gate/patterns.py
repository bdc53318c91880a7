"""What a policy rule looks at: the triple patterns of its query, and how they hang together with `?focus`.

A rule is worth judging by the change only if every quad that could alter its rows leads to the rows it could
alter. So the algebra is read strictly: basic patterns, GRAPH, VALUES, BIND and FILTER with (NOT) EXISTS are
understood, anything else (OPTIONAL, UNION, aggregates, paths…) raises `Unbounded` with the reason, and the
rule is judged whole. Whatever is understood errs on the side of looking at more.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

import rdflib
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Variable

from kymgraph.gate.terms import from_rdflib
from kymgraph.rdf import Quad, Term

#: A constant, or the name of a variable. One name is one variable: those of an EXISTS group that have nothing
#: to do with the group around it are renamed.
Node: TypeAlias = Term | str
#: Values by variable name.
Binding: TypeAlias = dict[str, Term]

_PLAIN: Final = ("SelectQuery", "Distinct", "Reduced", "OrderBy")
#: What a step costs that starts from a value in that place: all things of a graph or predicate are many.
_COST: Final = (1, 50, 2, 20)


class Unbounded(Exception):
    """A rule whose rows cannot be told from the change; the message says why, after `it`."""


@dataclass(frozen=True)
class Pattern:
    """A triple pattern: subject, predicate, object, and its graph (None: the default graph)."""

    nodes: tuple[Node, Node, Node, Node | None]
    group: int

    @property
    def graph(self) -> Node | None:
        return self.nodes[3]

    @cached_property
    def variables(self) -> frozenset[str]:
        return frozenset(node for node in self.nodes if isinstance(node, str))

    @cached_property
    def inner(self) -> frozenset[str]:
        """Its variables but for the graph."""
        return frozenset(node for node in self.nodes[:3] if isinstance(node, str))

    def match(self, quad: Quad, domains: Mapping[str, frozenset[Term]]) -> Binding | None:
        """The values that make this pattern the quad; `domains` limits those of some variables."""
        found: Binding = {}
        terms: tuple[Any, ...] = (quad.subject, quad.predicate, quad.object, quad.graph_name)
        for node, term in zip(self.nodes, terms, strict=True):
            if isinstance(node, str):
                if found.setdefault(node, term) != term or (node in domains and term not in domains[node]):
                    return None
            elif node is not None and node != term:
                return None
        return found


@dataclass(frozen=True, slots=True)
class Step:
    """One more variable: each of `over` has it, and one that is bound already."""

    variable: str
    over: tuple[Pattern, ...]


@dataclass(frozen=True)
class Sight:
    """All patterns of a rule. Group 0 is its own; groups in EXISTS have the one around them as parent."""

    patterns: tuple[Pattern, ...]
    parents: tuple[int, ...]
    domains: Mapping[str, frozenset[Term]]
    shown: Mapping[str, str]  #: name in a row -> the variable that it shows
    _orders: dict[frozenset[str], tuple[Pattern, ...]] = field(default_factory=dict, compare=False)

    @property
    def focus(self) -> str:
        return self.shown["focus"]

    @property
    def is_single(self) -> bool:
        """Whether each row comes of one quad of a named graph, whatever else there is."""
        return len(self.patterns) == 1 and isinstance(self.patterns[0].graph, str)

    def steps(self, start: Pattern) -> tuple[Step, ...] | None:
        """The way from what a quad binds in `start` to the focus; None if there is none.

        It leads through patterns of the same group and those around it: they hold whenever that quad counts.
        """
        above = {start.group}
        while (parent := self.parents[min(above)]) >= 0:
            above.add(parent)
        usable = [pattern for pattern in self.patterns if pattern.group in above and pattern is not start]
        bound, steps = set(start.variables), []
        while self.focus not in bound:
            variable = self._next(bound, usable)
            if variable is None:
                return None
            # Of those that start from a thing, any will do; from a whole graph only if there is no other.
            costs = [_cost(p, bound) for p in usable if variable in p.variables]
            best = min(cost for cost in costs if cost)
            most = max(best, 2)
            over = [p for p in usable if variable in p.variables and 0 < _cost(p, bound) <= most]
            steps.append(Step(variable, tuple(over)))
            bound.add(variable)
        return tuple(steps)

    def _next(self, bound: set[str], usable: list[Pattern]) -> str | None:
        """The first variable on the cheapest way to the focus."""
        heap: list[tuple[int, str, str]] = [(0, name, "") for name in sorted(bound)]
        done: set[str] = set()
        while heap:
            cost, name, first = heapq.heappop(heap)
            if name == self.focus:
                return first
            if name in done:
                continue
            done.add(name)
            for pattern in usable:
                step = _cost(pattern, {name})
                for other in pattern.variables - done if step else ():
                    heapq.heappush(heap, (cost + step, other, first or other))
        return None

    def needed(self, bound: frozenset[str]) -> tuple[Pattern, ...]:
        """The patterns that every row needs and in which, the graph apart, nothing else is open."""
        return tuple(p for p in self.patterns if p.group == 0 and p.inner <= bound)

    def order(self, bound: frozenset[str]) -> tuple[Pattern, ...]:
        """All patterns, each after one that binds something of it; outer groups first.

        What an outer group binds narrows the inner one, never the other way round.
        """
        if bound not in self._orders:
            order: list[Pattern] = []
            known, left = set(bound), list(self.patterns)
            while left:
                group = min(pattern.group for pattern in left)
                rest = [pattern for pattern in left if pattern.group == group]
                best = min(rest, key=lambda pattern: _cost(pattern, known) or 1000)
                order.append(best)
                left.remove(best)
                known |= best.variables
            self._orders[bound] = tuple(order)
        return self._orders[bound]


def _cost(pattern: Pattern, bound: set[str]) -> int:
    """What it costs to look the pattern up from the variables that are bound; 0 if none of them is in it."""
    return min((cost for cost, node in zip(_COST, pattern.nodes, strict=True) if node in bound), default=0)


def sight(text: str) -> Sight:
    """What a query looks at. Raises Unbounded.

    >>> found = sight("SELECT ?focus { GRAPH ?g { ?focus <urn:p> ?o } FILTER NOT EXISTS { ?o <urn:q> ?x } }")
    >>> [(p.nodes[0], p.nodes[2], p.graph) for p in found.patterns]
    [('focus', 'o', 'g'), ('o', 'x#1', None)]
    """
    reader = _Reader()
    algebra = prepareQuery(text).algebra
    reader.walk(algebra, None, _Group(0))
    shown = {str(name): reader.aliases.get(str(name), str(name)) for name in algebra.PV}
    known = {name for pattern in reader.patterns if pattern.group == 0 for name in pattern.variables}
    shown = {name: variable for name, variable in shown.items() if variable in known}
    if "focus" not in shown:
        raise Unbounded("computes ?focus")
    found = Sight(tuple(reader.patterns), tuple(reader.parents), reader.domains, shown)
    if loose := [p for p in found.patterns if found.steps(p) is None]:
        raise Unbounded(f"asks for something that is not tied to ?focus: {_words(loose[0])}")
    tied = {found.focus}
    for pattern in found.order(frozenset(tied)):
        if not _cost(pattern, tied):
            raise Unbounded(f"asks for something that is not tied to ?focus: {_words(pattern)}")
        tied |= pattern.variables
    return found


def _words(pattern: Pattern) -> str:
    return " ".join(
        f"?{node.partition('#')[0]}" if isinstance(node, str) else str(node) for node in pattern.nodes[:3]
    )


@dataclass(frozen=True)
class _Group:
    """A group of patterns that hold together, and what it shares with the one around it."""

    number: int
    outer: Mapping[str, str] = field(default_factory=dict)  #: variable as written -> its name out there

    def name(self, variable: object) -> str:
        name = str(variable)
        return self.outer.get(name, f"{name}#{self.number}") if self.number else name


class _Reader:
    """Collects the patterns of an algebra tree."""

    def __init__(self) -> None:
        self.patterns: list[Pattern] = []
        self.parents: list[int] = [-1]
        self.domains: dict[str, frozenset[Term]] = {}
        self.aliases: dict[str, str] = {}
        self._constants = 0

    def walk(self, node: Any, graph: Node | None, group: _Group) -> None:
        kind = node.name
        if kind in _PLAIN or kind == "Project":
            if kind == "Project" and group.number:
                raise Unbounded("has a SELECT within")
            if kind == "SelectQuery" and node.get("datasetClause"):
                raise Unbounded("names its own graphs with FROM")
            self.walk(node.p, graph, group)
        elif kind == "BGP":
            for triple in node.triples:
                subject, predicate, value = (self._node(part, group) for part in triple)
                self.patterns.append(Pattern((subject, predicate, value, graph), group.number))
        elif kind == "Graph":
            before = len(self.patterns)
            self.walk(node.p, self._node(node.term, group), group)
            if not any(p.group == group.number for p in self.patterns[before:]):
                raise Unbounded("asks which graphs there are")
        elif kind == "Join":
            self.walk(node.p1, graph, group)
            self.walk(node.p2, graph, group)
        elif kind == "Filter":
            self._inside(node, node.expr, graph, group)
        elif kind == "Extend":
            self._inside(node, node.expr, graph, group)
            if isinstance(node.expr, Variable) and not group.number:
                self.aliases[str(node.var)] = str(node.expr)
        elif kind == "ToMultiSet" and node.p.name == "values":
            self._values(node.p.res, group)
        else:
            raise Unbounded(f"uses {_KEYWORDS.get(kind, kind)}")

    def _inside(self, node: Any, expression: Any, graph: Node | None, group: _Group) -> None:
        """The patterns of a FILTER or BIND: its group's, then those of each EXISTS in it.

        An EXISTS shares with the group around it what that group's own patterns bind, and the active graph.
        Where engines differ on what else it may see, it is taken to see nothing, and so to look at more.
        """
        before = len(self.patterns)
        self.walk(node.p, graph, group)
        bound = {
            name
            for pattern in self.patterns[before:]
            if pattern.group == group.number
            for name in pattern.variables
            if name != graph or name in pattern.inner
        }
        for exists in _exists(expression):
            inner = _Group(len(self.parents), {name.partition("#")[0]: name for name in bound})
            self.parents.append(group.number)
            self.walk(exists.graph, graph, inner)

    def _node(self, part: Any, group: _Group) -> Node:
        if isinstance(part, Variable):
            return group.name(part)
        if isinstance(part, rdflib.BNode):
            return group.name(f"_:{part}")
        if isinstance(part, rdflib.Literal) and part.datatype is not None:
            self._constants += 1  # its spelling may differ from the store's, so it may be anything
            return f"=#{group.number}.{self._constants}"
        if not isinstance(part, rdflib.URIRef | rdflib.Literal):
            raise Unbounded("uses a property path")
        return from_rdflib(part)

    def _values(self, rows: list[dict[Any, Any]], group: _Group) -> None:
        for variable in {name for row in rows for name in row}:
            terms = [row.get(variable) for row in rows]
            if all(isinstance(term, rdflib.URIRef) for term in terms):
                name = group.name(variable)
                given = frozenset(from_rdflib(term) for term in terms)
                self.domains[name] = given & self.domains.get(name, given)


_KEYWORDS: Final = {
    "LeftJoin": "OPTIONAL",
    "Union": "UNION",
    "Minus": "MINUS",
    "Slice": "LIMIT or OFFSET",
    "AggregateJoin": "an aggregate",
    "Group": "GROUP BY",
    "ServiceGraphPattern": "SERVICE",
    "ToMultiSet": "a SELECT within",
}


def _exists(expression: Any) -> Iterator[Any]:
    """The outermost EXISTS and NOT EXISTS in an expression."""
    if isinstance(expression, CompValue):
        if expression.name in ("Builtin_EXISTS", "Builtin_NOTEXISTS"):
            yield expression
            return
        for part in expression.values():
            yield from _exists(part)
    elif isinstance(expression, list | tuple):
        for part in expression:
            yield from _exists(part)
