"""Rules that a shape cannot see, because they are about graphs: which document, which evidence, privacy.

A rule is a file `shapes/policy/*.rq`: a SPARQL SELECT whose every row is a fault. It gives `?focus` and,
where they help, `?path`, `?value` and `?graph`. Its front matter:

    #+ id: source-fact-rests-on-passage        (the rule's IRI is kymsh:<id>)
    #+ severity: Violation                     (or Warning, Info; default Violation)
    #+ message_fi: Kerro, mihin … perustuu: lisää kym:restsOn.
    #+ message_sv: …
    #+ message_en: …                           ({?value} and so on stand for what the row binds)
    #+ name_fi: perustelu                      (optional: what people call the field)

The default graph is the union as readers see it; `GRAPH ?graph { … }` sees each named graph. What each graph
is for stands in one more, `<base>graph/_project` (no file can have that name), which the union takes in:

    <graph> a kym:SourceGraph ; kym:document <…/id/document/<name>>    for each graph that `[sources]` lists
    <graph> a kym:BackgroundGraph, kym:LineageGraph, kym:TranslationGraph    for the graphs of that purpose
    <graph> kym:graphName "lineage"                                    for every graph

So a rule begins with `GRAPH ?project { ?graph a kym:SourceGraph }`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from kymgraph.changeset import Changeset
from kymgraph.errors import ProjectError, QuerySyntaxError
from kymgraph.gate.patterns import Binding, Pattern, Sight, Step, Unbounded, sight
from kymgraph.namespaces import KYM, KYMSH, RDF, SH
from kymgraph.overlay import OverlayView
from kymgraph.project import Project
from kymgraph.queries import NamedQuery
from kymgraph.rdf import GraphName, Literal, NamedNode, Quad, Term
from kymgraph.report import SEVERITIES, Report, Result, local_name
from kymgraph.store.memory import MemoryView
from kymgraph.view import UNION, View

COMPONENT: Final = NamedNode(SH + "SPARQLConstraintComponent")
TYPE: Final = NamedNode(RDF + "type")
SOURCE_GRAPH: Final = NamedNode(KYM + "SourceGraph")
DOCUMENT: Final = NamedNode(KYM + "document")
#: Graphs that the design names by what they are for.
PURPOSES: Final = {
    "background": NamedNode(KYM + "BackgroundGraph"),
    "lineage": NamedNode(KYM + "LineageGraph"),
    "translations": NamedNode(KYM + "TranslationGraph"),
}
GRAPH_NAME: Final = NamedNode(KYM + "graphName")
_PLACEHOLDER: Final = re.compile(r"\{[?$](\w+)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy rule: its IRI, how bad a row of it is, what it says, and the query that finds the rows."""

    iri: NamedNode
    severity: NamedNode
    messages: tuple[Literal, ...]
    names: tuple[Literal, ...]
    text: str
    file: Path

    @classmethod
    def load(cls, file: Path) -> Rule:
        """Read a rule; ProjectError when its front matter lacks the id or a message, or names no severity."""
        query = NamedQuery.load(file)
        front = query.extra
        rule_id, severity = front.get("id"), front.get("severity", "Violation")
        severities = {local_name(s): s for s in SEVERITIES}
        messages, names = _texts(front, "message"), _texts(front, "name")
        for good, need in (
            (isinstance(rule_id, str) and re.fullmatch(r"[a-z0-9-]+", rule_id), "an id in kebab-case"),
            (severity in severities, f"a severity: {', '.join(severities)}"),
            (messages, "a message_fi, message_sv and message_en"),
            (re.search(r"[?$]focus\b", query.text), "a query that gives ?focus"),
        ):
            if not good:
                raise ProjectError(f"the policy rule {file} needs {need}", hint="see kymgraph/gate/policy.py")
        return cls(
            NamedNode(KYMSH + str(rule_id)), severities[str(severity)], messages, names, query.text, file
        )

    def results(self, view: MemoryView, prefixes: Mapping[str, str]) -> list[Result]:
        """What the rule finds in the view, one result per row. Raises ProjectError if it is no SELECT."""
        shown = Report(prefixes=prefixes)
        return [self.result(row, shown) for row in self.rows(view)]

    def rows(self, view: MemoryView) -> list[dict[str, Term]]:
        """The rows of its query. Raises ProjectError if it is no SELECT."""
        try:
            rows = view.select(self.text)
        except QuerySyntaxError as error:
            raise ProjectError(f"the policy rule {self.file} does not run: {error}") from error
        return [row for row in rows if "focus" in row]  # an aggregate over nothing binds nothing

    @property
    def columns(self) -> frozenset[str]:
        """The columns of a row that make a difference to what is said."""
        told = {match[1] for message in self.messages for match in _PLACEHOLDER.finditer(message.value)}
        return frozenset({"focus", "path", "value", "graph"} | told)

    def result(self, row: Mapping[str, Term], shown: Report) -> Result:
        """What a row of the query says; `shown` writes terms with the project's prefixes."""
        path, graph = row.get("path"), row.get("graph")
        return Result(
            focus=row["focus"],
            path=path,
            value=row.get("value"),
            shape=self.iri,
            component=COMPONENT,
            severity=self.severity,
            messages=tuple(_filled(message, row, shown) for message in self.messages),
            names=self.names,
            path_text="" if path is None else shown.short(path),
            graph=graph if isinstance(graph, NamedNode) else None,
        )


def load(files: Iterable[Path]) -> tuple[Rule, ...]:
    """The rules of these files; ProjectError when two have one id."""
    rules: dict[NamedNode, Rule] = {}
    for file in files:
        rule = Rule.load(file)
        if rules.setdefault(rule.iri, rule) is not rule:
            raise ProjectError(f"{rules[rule.iri].file} and {file} are both the rule {local_name(rule.iri)}")
    return tuple(rules.values())


def view_of(quads: Iterable[Quad], project: Project) -> MemoryView:
    """What rules look at: the quads, the union as default graph, and what the project says of its graphs."""
    given = list(quads)
    names = {q.graph_name for q in given}
    given += about_graphs((name for name in names if isinstance(name, NamedNode)), project)
    return MemoryView(given, in_union=project.in_union)


def about_graphs(names: Iterable[NamedNode], project: Project) -> list[Quad]:
    """The graph `_project`: what the project says of these graphs and of those that `[sources]` lists."""
    every = {*names, *(NamedNode(project.base.graph(name)) for name in project.sources)}
    about = NamedNode(project.base.graphs + "_project")
    quads: list[Quad] = []
    for graph in sorted(every, key=str):
        name = project.base.graph_name(graph.value)
        if name is not None:
            quads.append(Quad(graph, GRAPH_NAME, Literal(name), about))
            if name in project.sources:
                document = NamedNode(project.base.id("document", name))
                quads += [Quad(graph, TYPE, SOURCE_GRAPH, about), Quad(graph, DOCUMENT, document, about)]
            if name in PURPOSES:
                quads.append(Quad(graph, TYPE, PURPOSES[name], about))
    return quads


# --- judging by the change ------------------------------------------------------------------------------


class PolicyGate:
    """The rules of one version, judged by what a change touches.

    A row of a rule can come or go only if a changed quad matches one of the rule's patterns. What the quad
    binds there leads, through patterns that hold at the same time, to the `?focus` of such rows. Around each
    of these lies all that the rule can see of it; that much is copied out, and the rule's own query runs
    over the copy. A rule that `patterns.sight` cannot follow is judged whole, before and after.
    """

    def __init__(self, project: Project, rules: Iterable[Rule]) -> None:
        self._project, self._rules = project, tuple(rules)
        self._strict = project.default_graph == "strict"
        self._shown = Report(prefixes=project.prefixes)
        self._sights: dict[NamedNode, Sight | str] = {}
        #: Patterns by their predicate, None for any; with the way from each to the focus.
        self._patterns: dict[Term | None, list[_Way]] = {}
        for rule in self._rules:
            try:
                seen = sight(rule.text)
            except Unbounded as why:
                self._sights[rule.iri] = str(why)
                continue
            # Rows that differ in other columns only are one result.
            shown = {name: variable for name, variable in seen.shown.items() if name in rule.columns}
            self._sights[rule.iri] = seen = replace(seen, shown=shown)
            for pattern in seen.patterns:
                steps = seen.steps(pattern)
                assert steps is not None, "sight has seen to it"
                way, predicate = _Way.of(rule, seen, pattern, steps), pattern.nodes[1]
                for key in seen.domains.get(predicate, [None]) if isinstance(predicate, str) else [predicate]:
                    self._patterns.setdefault(key, []).append(way)
        #: Rules that look at one quad at a time: they run over the quads that a change adds, and no others.
        self._single = frozenset(
            rule
            for rule in self._rules
            if isinstance(known := self._sights[rule.iri], Sight) and known.is_single
        )
        #: The graphs of each view that was asked and is still there. A view does not change.
        self._graphs: WeakKeyDictionary[View, frozenset[NamedNode]] = WeakKeyDictionary()
        self._abouts: dict[frozenset[NamedNode], _About] = {}

    def judge(self, before: View, after: View, change: Changeset, *, mended: bool = False) -> list[Result]:
        """What the rules find after the change that they may not have found before, or (`mended`) no more.

        `change` is exact: it removes what `before` holds, adds what it does not, and makes `after` of it.
        Results have status "new", "pre-existing" (what was wrong before at the same place) or "mended".
        Raises ProjectError for a rule that is no SELECT.
        """
        names = self._names(before)
        touched = {NamedNode(iri) for iri in change.graphs}
        names_after = self._after(names, touched, after)
        about, about_after = self._said(names), self._said(names_after)
        old, new = _Look(before, about, self._strict), _Look(after, about_after, self._strict)
        removed, added = [*change.removed], [*change.added]
        if names != names_after:
            removed += about.quads - about_after.quads
            added += about_after.quads - about.quads
        changed = bool(removed or added)
        both = _Both(new, old, bool(removed))
        places: dict[Rule, set[_Place]] = {}
        single = frozenset() if mended else self._single
        found = self._in_added(added, single)
        self._places(added, both, places, but=single)
        # A quad less of what a row needs makes no new row.
        self._places(removed, both, places, but_group=None if mended else 0, but=single)
        places = {rule: keys for rule, keys in places.items() if keys}
        whole = [rule for rule in self._rules if changed and isinstance(self._sights[rule.iri], str)]
        for rule, rows in found.items():
            columns = [name for name in self._shown_of(rule) if all(name in row for row in rows)]
            places[rule] = {tuple([(name, row[name]) for name in columns]) for row in rows}
        found |= self._found(new, {rule: keys for rule, keys in places.items() if rule not in found}, whole)
        if not mended:
            found = {rule: rows for rule, rows in found.items() if rows}
            places = {rule: keys for rule, keys in places.items() if rule in found}
            whole = [rule for rule in whole if rule in found]
        if not found:
            return []
        was = self._found(old, places, whole)
        results: list[Result] = []
        for rule in self._rules:
            has, had = (
                [rule.result(row, self._shown) for row in rows.get(rule, ())] for rows in (found, was)
            )
            known, left = set(had), set(has)
            results += [r for r in has if r not in known]
            if rule not in whole:  # else it would be all that the rule has against the data
                results += [replace(r, status="pre-existing") for r in has if r in known]
            results += [replace(r, status="mended") for r in had if mended and r not in left]
        return results

    def explain(self) -> list[str]:
        """One line per rule: judged by the change, or whole and why."""
        lines = []
        for rule in self._rules:
            seen = self._sights[rule.iri]
            how = (
                f"judged whole, since it {seen}"
                if isinstance(seen, str)
                else f"judged by the change, through {len(seen.patterns)} patterns"
            )
            lines.append(f"rule {self._shown.short(rule.iri)}: {how}")
        return lines

    # -- from the change to the places where rows may come or go

    def _shown_of(self, rule: Rule) -> Iterable[str]:
        seen = self._sights[rule.iri]
        assert isinstance(seen, Sight)
        return seen.shown

    def _in_added(self, added: Iterable[Quad], rules: frozenset[Rule]) -> dict[Rule, list[dict[str, Term]]]:
        """The rows that these rules find in the quads alone, where there are any."""
        quads = [quad for quad in added if rules]
        if not quads:
            return {}
        view = MemoryView(quads, in_union=self._project.in_union)
        return {rule: rows for rule in self._rules if rule in rules and (rows := rule.rows(view))}

    def _places(
        self,
        changed: Iterable[Quad],
        both: _Both,
        places: dict[Rule, set[_Place]],
        *,
        but_group: int | None = None,
        but: frozenset[Rule] = frozenset(),
    ) -> None:
        """Find where the rules, `but` for some, may have other rows."""
        open_ways: dict[tuple[Term | None, GraphName], list[_Way]] = {}
        for quad in changed:
            for key in (quad.predicate, None):
                ways = open_ways.get((key, quad.graph_name))
                if ways is None:
                    ways = open_ways[key, quad.graph_name] = [
                        way
                        for way in self._patterns.get(key, ())
                        if way.pattern.group != but_group
                        and way.rule not in but
                        and self._asked(way.pattern, quad)
                        and way.is_open_in(quad.graph_name, both)
                    ]
                for way in ways:
                    binding = way.pattern.match(quad, way.sight.domains)
                    if binding is None:
                        continue
                    known = places.setdefault(way.rule, set())
                    if not way.steps and way.place(binding) in known:
                        continue
                    if not all(both.holds(pattern, binding) for pattern in way.first):
                        continue
                    for found in _follow(binding, way.steps, way.sight, both):
                        if all(both.holds(pattern, found) for pattern in way.then):
                            known.add(way.place(found))

    def _asked(self, pattern: Pattern, quad: Quad) -> bool:
        """Whether the pattern is asked of a graph that the quad is seen in."""
        if pattern.graph is not None:
            return isinstance(quad.graph_name, NamedNode)
        return not isinstance(quad.graph_name, NamedNode) or self._project.in_union(quad.graph_name.value)

    # -- from the places to their rows

    def _found(
        self, look: _Look, places: Mapping[Rule, set[_Place]], whole: Iterable[Rule]
    ) -> dict[Rule, list[dict[str, Term]]]:
        """The rows of the rules: at these places, and all of those that are judged whole."""
        found: dict[Rule, list[dict[str, Term]]] = {}
        if places:
            around: dict[Quad, None] = {}
            for rule, keys in places.items():
                seen = self._sights[rule.iri]
                assert isinstance(seen, Sight)
                for key in keys:
                    _gather(seen, key, look, around)
            view = MemoryView(around, in_union=self._project.in_union)
            for rule, keys in places.items():
                found[rule] = _at(keys, rule.rows(view))
        for rule in whole:
            found[rule] = rule.rows(look.whole(self._project))
        return found

    # -- which graphs there are, and what is said of them

    def _said(self, names: frozenset[NamedNode]) -> _About:
        if names not in self._abouts:
            if len(self._abouts) > _ABOUTS:
                self._abouts.clear()
            self._abouts[names] = _About(about_graphs(names, self._project))
        return self._abouts[names]

    def _names(self, view: View) -> frozenset[NamedNode]:
        """The graphs with a quad in them."""
        known = self._graphs.get(view)
        if known is not None:
            return known
        if isinstance(view, OverlayView):
            touched = {NamedNode(iri) for iri in view.change.graphs}
            self._graphs[view] = names = self._after(self._names(view.base), touched, view)
            return names
        names = frozenset(graph for graph in view.graphs() if any(True for _ in view.quads(graph=graph)))
        self._graphs[view] = names
        return names

    def _after(
        self, names: frozenset[NamedNode], touched: set[NamedNode], view: View
    ) -> frozenset[NamedNode]:
        there = {graph for graph in touched if any(True for _ in view.quads(graph=graph))}
        return (names - touched) | there


#: Where a row may come or go: the values of some of its columns, ?focus among them.
_Place: TypeAlias = tuple[tuple[str, Term], ...]
_Key: TypeAlias = tuple[Term | None, Term | None, Term | None, Term | None]
#: Look-ups that one pattern may split into for the sake of narrower ones.
_SPLIT: Final = 16


@dataclass(frozen=True)
class _Way:
    """From a pattern that a changed quad matches to the places where rows may come or go."""

    rule: Rule
    sight: Sight
    pattern: Pattern
    steps: tuple[Step, ...]
    first: tuple[Pattern, ...]  #: what must hold for any row, seen before the first step
    then: tuple[Pattern, ...]  #: and after the last
    columns: tuple[tuple[str, str], ...]  #: what is known then of a row, and the variables of it

    @classmethod
    def of(cls, rule: Rule, seen: Sight, pattern: Pattern, steps: tuple[Step, ...]) -> _Way:
        bound = pattern.variables | {step.variable for step in steps}
        first = tuple(p for p in seen.needed(pattern.variables) if p is not pattern)
        over = {p for step in steps for p in step.over}
        then = tuple(p for p in seen.needed(bound) if p not in {pattern, *first, *over})
        columns = tuple((name, variable) for name, variable in seen.shown.items() if variable in bound)
        return cls(rule, seen, pattern, steps, first, then, columns)

    def is_open_in(self, graph: GraphName, both: _Both) -> bool:
        """Whether the graph alone does not rule out every row."""
        name = self.pattern.graph
        if not isinstance(name, str) or not isinstance(graph, NamedNode):
            return True
        about = [pattern for pattern in self.first if pattern.inner <= {name}]
        return all(both.holds(pattern, {name: graph}) for pattern in about)

    def place(self, binding: Binding) -> _Place:
        return tuple([(name, binding[variable]) for name, variable in self.columns])


#: Sets of graphs for which the graph `_project` is kept.
_ABOUTS: Final = 8


class _About:
    """The graph `_project`, by subject."""

    def __init__(self, quads: list[Quad]) -> None:
        self.quads = frozenset(quads)
        self._by_subject: dict[object, list[Quad]] = {}
        for quad in quads:
            self._by_subject.setdefault(quad.subject, []).append(quad)

    def of(self, subject: Term | None) -> Iterable[Quad]:
        return self.quads if subject is None else self._by_subject.get(subject, ())


class _Look:
    """Look-ups in one state, as the rules see it: with the graph `_project`."""

    def __init__(self, view: View, about: _About, strict: bool) -> None:
        self._view, self._about, self._strict = view, about, strict
        self._kept: dict[tuple[_Key, bool], list[Quad]] = {}
        self._whole: MemoryView | None = None

    def find(self, key: _Key, *, union: bool) -> Iterator[Quad]:
        """Quads of any named graph that match; with `union` also those of a default graph of their own."""
        subject, predicate, value, graph = key
        if isinstance(subject, Literal) or not (predicate is None or isinstance(predicate, NamedNode)):
            return  # a value that stands elsewhere as another kind of node
        if not (graph is None or isinstance(graph, NamedNode)):
            return
        yield from self._view.quads(subject, predicate, value, graph)
        if union and self._strict:
            yield from self._view.quads(subject, predicate, value, UNION)
        for quad in self._about.of(subject):
            if (
                (predicate is None or quad.predicate == predicate)
                and (value is None or quad.object == value)
                and (graph is None or quad.graph_name == graph)
            ):
                yield quad

    def all(self, key: _Key, *, union: bool) -> list[Quad]:
        """The same as a list that is kept: rules ask alike."""
        kept = self._kept.get((key, union))
        if kept is None:
            kept = self._kept[key, union] = list(self.find(key, union=union))
        return kept

    def whole(self, project: Project) -> MemoryView:
        """All of the state in memory, for rules that are judged whole."""
        if self._whole is None:
            quads = list(self._view.quads())
            quads += self._view.quads(graph=UNION) if self._strict else ()
            self._whole = view_of(quads, project)
        return self._whole


class _Both:
    """What holds before or after the change."""

    def __init__(self, new: _Look, old: _Look, differ: bool) -> None:
        self._looks = (new, old) if differ else (new,)

    def find(self, key: _Key, *, union: bool) -> Iterator[Quad]:
        for look in self._looks:
            yield from look.find(key, union=union)

    def holds(self, pattern: Pattern, binding: Binding) -> bool:
        """Whether there is any quad for the pattern with what is bound."""
        key = _key(pattern, binding)
        return any(look.all(key, union=pattern.nodes[3] is None) for look in self._looks)


def _key(pattern: Pattern, binding: Binding) -> _Key:
    return tuple(binding.get(n) if isinstance(n, str) else n for n in pattern.nodes)  # type: ignore[return-value]


def _follow(binding: Binding, steps: tuple[Step, ...], seen: Sight, both: _Both) -> Iterator[Binding]:
    """What the steps lead to."""
    if not steps:
        yield binding
        return
    step, rest = steps[0], steps[1:]
    sources = [(p, both.find(_key(p, binding), union=p.graph is None)) for p in step.over]
    pattern, quads = _shortest(sources)
    others = [p for p in step.over if p is not pattern]
    met: set[Term] = set()
    for quad in quads:
        found = pattern.match(quad, seen.domains)
        if found is None or any(binding.get(name, term) != term for name, term in found.items()):
            continue
        value = found[step.variable]
        if value in met:
            continue
        met.add(value)
        longer = {**binding, step.variable: value}
        if all(any(True for _ in both.find(_key(p, longer), union=p.graph is None)) for p in others):
            yield from _follow(longer, rest, seen, both)


def _shortest(sources: list[tuple[Pattern, Iterator[Quad]]]) -> tuple[Pattern, list[Quad]]:
    """The source with the fewest quads, read no further than it is long: another may hold the whole graph."""
    read: list[list[Quad]] = [[] for _ in sources]
    while True:
        for (pattern, quads), got in zip(sources, read, strict=True):
            quad = next(quads, None)
            if quad is None:
                return pattern, got
            got.append(quad)


def _gather(seen: Sight, place: _Place, look: _Look, around: dict[Quad, None]) -> None:
    """Put into `around` every quad that a row at this place can depend on."""
    known: dict[str, set[Term]] = {seen.shown[name]: {term} for name, term in place}
    for pattern in seen.order(frozenset(known)):
        union = pattern.graph is None
        open_to = [
            None if node is None else known.get(node) if isinstance(node, str) else {node}
            for node in pattern.nodes
        ]
        met: dict[str, set[Term]] = {v: set() for v in pattern.variables if v not in known}
        for key in _keys(open_to):
            for quad in look.all(key, union=union):
                found = pattern.match(quad, seen.domains)
                if found is None or any(n in known and term not in known[n] for n, term in found.items()):
                    continue
                around[quad] = None
                for name, terms in met.items():
                    terms.add(found[name])
        known.update(met)


def _keys(open_to: list[set[Term] | None]) -> Iterator[_Key]:
    """Look-ups that together find all quads with these values (None: any) in their places."""
    chosen: list[Iterable[Term | None]] = [(None,)] * 4
    size = 0
    for place in (0, 2, 3, 1):  # subjects have few quads, predicates many
        values = open_to[place]
        if values is not None and (not size or size * len(values) <= _SPLIT):
            chosen[place] = values
            size = max(size, 1) * len(values)
    return product(*chosen)  # type: ignore[return-value]


def _at(places: Iterable[_Place], rows: list[dict[str, Term]]) -> list[dict[str, Term]]:
    """The rows at one of the places."""
    by_columns: dict[tuple[str, ...], set[tuple[Term, ...]]] = {}
    for place in places:
        columns = tuple(name for name, _ in place)
        by_columns.setdefault(columns, set()).add(tuple(term for _, term in place))
    return [
        row
        for row in rows
        if any(tuple(row.get(name) for name in columns) in values for columns, values in by_columns.items())
    ]


def _texts(front: Mapping[str, object], key: str) -> tuple[Literal, ...]:
    """`message_fi: …` and so on, or one mapping `message: {fi: …}`, as literals with their language."""
    whole = front.get(key, {})
    found = dict(whole) if isinstance(whole, Mapping) else {"en": whole}
    found |= {
        name.removeprefix(key + "_"): text for name, text in front.items() if name.startswith(key + "_")
    }
    return tuple(Literal(str(text), language=lang) for lang, text in sorted(found.items()))


def _filled(message: Literal, row: Mapping[str, Term], shown: Report) -> Literal:
    def value(match: re.Match[str]) -> str:
        term = row.get(match[1])
        return match[0] if term is None else term.value if isinstance(term, Literal) else shown.short(term)

    return Literal(_PLACEHOLDER.sub(value, message.value), language=message.language)
