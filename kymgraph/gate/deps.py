"""Which triples a verdict rests on: the shapes of one version, as an automaton that runs backwards.

Judging a shape at a focus node is a walk over the graph: along paths to value nodes, from these into nested
shapes, along the patterns of SPARQL constraints. A *state* is a place in such a walk; "state q at node n"
says that something which the walk reads at n has changed. `seeds` say where a changed triple is read; `back`
and `up` lead from there to the focus nodes of shapes with targets.

A change matters in one direction only as long as nothing turns it round: a value that is lost cannot break
`sh:class`. Below sh:not, sh:xone and sh:qualifiedValueShape, and when mended results are asked for, both
directions matter (`both`).

What cannot be followed backwards (patterns that nothing ties to `$this`, GRAPH, SERVICE) becomes a `Glob`:
any triple that it could match has all targets of the shape judged. That is slow, and never wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from pyshacl.constraints.sparql.sparql_based_constraint_components import AskConstraintValidator
from pyshacl.constraints.sparql.sparql_based_constraints import SPARQLBasedConstraint
from rdflib import RDF, RDFS, SH, BNode, URIRef, Variable
from rdflib import Literal as RdfLiteral
from rdflib.paths import AlternativePath, InvPath, MulPath, NegatedPath, Path, SequencePath
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.parserutils import CompValue

from kymgraph.gate.graphview import of_rdflib
from kymgraph.gate.terms import RdfTerm
from kymgraph.rdf import NamedNode, Term

State: TypeAlias = int
#: pySHACL's classes, which have no types worth the name.
Shape: TypeAlias = Any
ShapesGraph: TypeAlias = Any
SPARQLQueryHelper: TypeAlias = Any
#: A property path: ("p", predicate or None for any, inverse) or (op, parts…) with op one of / | * + ?
Steps: TypeAlias = tuple[Any, ...]

TYPE: Final = NamedNode(str(RDF.type))
SUBCLASS: Final = NamedNode(str(RDFS.subClassOf))


@dataclass(frozen=True, slots=True)
class Step:
    """A step backwards: to the state before, over a predicate (None is any) read in this direction."""

    state: State
    predicate: NamedNode | None
    inverse: bool


@dataclass(frozen=True, slots=True)
class Up:
    """From a shape to who uses it at the same node; `nested` is the shape, None for a mere way on."""

    state: State
    nested: RdfTerm | None = None
    both: bool = False


@dataclass(frozen=True, slots=True)
class Seed:
    """A look-up that a triple can alter. `far` is the constant at its other end, if there is one."""

    state: State
    inverse: bool
    on_insert: bool
    on_delete: bool
    far: Term | None = None


@dataclass(frozen=True, slots=True)
class Shrink:
    """A path of one step where a loss hurts only once there are too few values, or a wanted one is gone."""

    state: State
    inverse: bool
    least: int
    wanted: frozenset[Term]


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern that could match anywhere (None matches all), and why nothing ties it to a focus node."""

    subject: Term | None
    predicate: NamedNode | None
    object: Term | None
    state: State
    reason: str

    def matches(self, subject: Term, predicate: NamedNode, object: Term) -> bool:
        return (
            self.predicate in (None, predicate)
            and self.subject in (None, subject)
            and self.object in (None, object)
        )


@dataclass(frozen=True, slots=True)
class Unit:
    """What is judged at one go: a shape, on behalf of the shape with the targets (often the same one)."""

    top: int  #: index in `Dependencies.tops`
    shape: RdfTerm


@dataclass(frozen=True, slots=True)
class Top:
    """A shape with targets of its own."""

    node: RdfTerm
    shape: Shape
    nodes: frozenset[Term]
    classes: frozenset[Term]
    subjects_of: tuple[NamedNode, ...]
    objects_of: tuple[NamedNode, ...]
    cyclic: bool


@dataclass
class Dependencies:
    """The compiled automaton; see the module's text. States are indexes of `back` and `up`."""

    tops: list[Top] = field(default_factory=list)
    back: list[list[Step]] = field(default_factory=list)
    up: list[list[Up]] = field(default_factory=list)
    seeds: dict[NamedNode | None, list[Seed]] = field(default_factory=lambda: defaultdict(list))
    shrinks: dict[NamedNode, list[Shrink]] = field(default_factory=lambda: defaultdict(list))
    class_checks: dict[Term, list[tuple[State, bool]]] = field(default_factory=lambda: defaultdict(list))
    globs: list[Glob] = field(default_factory=list)
    units: dict[State, list[Unit]] = field(default_factory=lambda: defaultdict(list))
    class_targets: dict[Term, list[int]] = field(default_factory=lambda: defaultdict(list))
    subject_targets: dict[NamedNode, list[int]] = field(default_factory=lambda: defaultdict(list))
    object_targets: dict[NamedNode, list[int]] = field(default_factory=lambda: defaultdict(list))
    classes: frozenset[Term] = frozenset()
    cyclic: frozenset[RdfTerm] = frozenset()  #: shapes from which a cycle among shapes can be reached
    _users: dict[State, tuple[Step, ...]] = field(default_factory=dict)

    def users(self, state: State) -> tuple[Step, ...]:
        """The steps that lead to the state, from there or from where a path may end without a step."""
        if state not in self._users:
            seen, work = {state}, [state]
            while work:
                for up in self.up[work.pop()]:
                    if up.nested is None and up.state not in seen:
                        seen.add(up.state)
                        work.append(up.state)
            self._users[state] = tuple(dict.fromkeys(step for each in seen for step in self.back[each]))
        return self._users[state]

    def reached(self, state: State) -> set[Unit]:
        """All that the state can lead to, wherever it is."""
        seen, work, found = {state}, [state], set()
        while work:
            now = work.pop()
            found |= set(self.units.get(now, ()))
            for before in [*(s.state for s in self.back[now]), *(u.state for u in self.up[now])]:
                if before not in seen:
                    seen.add(before)
                    work.append(before)
        return found


def compile_shapes(shapes: ShapesGraph, tops: Iterable[Shape], *, both: bool = False) -> Dependencies:
    """The automaton of these shapes. `both`: follow also what can only mend (for mended results)."""
    return _Compiler(shapes, both).run(list(tops))


# --- paths -----------------------------------------------------------------------------------------------


def shacl_path(shapes: ShapesGraph, node: Any, inverse: bool = False) -> Steps:
    """A SHACL path as pySHACL walks it.

    It takes `^(a/b)` for `^a/^b`; the right reading, `^b/^a`, is followed as well, for the day it is mended.
    """
    graph = shapes.graph
    if isinstance(node, URIRef):
        return ("p", of_rdflib(node), inverse)
    if (node, RDF.first, None) in graph:
        parts = [shacl_path(shapes, part, inverse) for part in graph.items(node)]
        forth: Steps = ("/", *parts)
        return ("|", forth, ("/", *reversed(parts))) if inverse and len(parts) > 1 else forth
    for predicate, op in _OPERATORS.items():
        for value in graph.objects(node, predicate):
            if op == "^":
                return shacl_path(shapes, value, not inverse)
            if op == "|":
                return ("|", *(shacl_path(shapes, part, inverse) for part in graph.items(value)))
            return (op, shacl_path(shapes, value, inverse))
    return ("p", None, inverse)  # malformed: pySHACL will say so when it judges


_OPERATORS: Final = {
    SH.inversePath: "^",
    SH.alternativePath: "|",
    SH.zeroOrMorePath: "*",
    SH.oneOrMorePath: "+",
    SH.zeroOrOnePath: "?",
}


def sparql_path(path: Any, inverse: bool = False) -> Steps:
    """A path of a SPARQL pattern, as rdflib parsed it."""
    if isinstance(path, URIRef):
        return ("p", of_rdflib(path), inverse)
    if isinstance(path, InvPath):
        return sparql_path(path.arg, not inverse)
    if isinstance(path, SequencePath):
        parts = [sparql_path(part, inverse) for part in path.args]
        return ("/", *(reversed(parts) if inverse else parts))
    if isinstance(path, AlternativePath):
        return ("|", *(sparql_path(part, inverse) for part in path.args))
    if isinstance(path, MulPath):
        return (path.mod, sparql_path(path.path, inverse))
    if isinstance(path, NegatedPath):
        return ("|", ("p", None, False), ("p", None, True))
    raise TypeError(f"not a path: {path!r}")


def _predicates(steps: Steps) -> set[NamedNode | None]:
    if steps[0] == "p":
        return {steps[1]}
    return set().union(*(_predicates(part) for part in steps[1:]))


def _nullable(steps: Steps) -> bool:
    match steps[0]:
        case "p":
            return False
        case "/":
            return all(_nullable(part) for part in steps[1:])
        case "|":
            return any(_nullable(part) for part in steps[1:])
        case "+":
            return _nullable(steps[1])
    return True


# --- shapes ----------------------------------------------------------------------------------------------

#: Constraints of single values: another value can break them, one less cannot.
_EACH: Final = frozenset(
    {
        SH["class"], SH["datatype"], SH["nodeKind"], SH["minExclusive"], SH["minInclusive"],
        SH["maxExclusive"], SH["maxInclusive"], SH["minLength"], SH["maxLength"], SH["pattern"],
        SH["languageIn"], SH["uniqueLang"], SH["maxCount"], SH["disjoint"], SH["lessThan"],
        SH["lessThanOrEquals"], SH["node"], SH["property"], SH["and"], SH["or"], SH["not"], SH["xone"],
        SH["in"], SH["closed"],
    }
)  # fmt: skip
#: Constraints on there being enough values: one less can break them.
_SOME: Final = frozenset({SH.minCount, SH.hasValue})
#: Both: another value or one less.
_BOTH: Final = frozenset({SH.equals, SH.qualifiedValueShape})
_COMPARED: Final = (SH.equals, SH.disjoint, SH.lessThan, SH.lessThanOrEquals)
_NESTED: Final = (SH.node, SH.property)
_LISTS: Final = (SH["and"], SH["or"])


class _Compiler:
    def __init__(self, shapes: ShapesGraph, both: bool) -> None:
        self.shapes, self.graph, self.both = shapes, shapes.graph, both
        self.deps = Dependencies()
        self.done: dict[tuple[Any, bool], State] = {}

    def run(self, tops: list[Shape]) -> Dependencies:
        deps = self.deps
        deps.cyclic = _reaching_cycles(self.shapes)
        for index, shape in enumerate(tops):
            deps.tops.append(top := _top(shape, deps.cyclic))
            if not shape.deactivated:
                self.top(index, top)
            for key, lists in (
                (top.classes, deps.class_targets),
                (top.subjects_of, deps.subject_targets),
                (top.objects_of, deps.object_targets),
            ):
                for target in key:
                    lists[target].append(index)  # type: ignore[index]
        deps.classes = frozenset(deps.class_checks) | frozenset(deps.class_targets)
        return deps

    def top(self, index: int, top: Top) -> None:
        shape, unit = top.shape, Unit(index, top.node)
        if top.cyclic or shape.is_property_shape:
            # Within a cycle pySHACL's verdict depends on the way it came by: judge the whole from its top.
            self.deps.units[self.shape(top.node, self.both)].append(unit)
            return
        focus = self.new()
        self.deps.units[focus].append(unit)
        self.body(shape, focus, focus, self.both, skip_properties=True)
        for part in self.graph.objects(top.node, SH.property):
            if self.shapes.is_filtered_out_shape(part) or shape.get_other_shape(part) is None:
                continue
            self.deps.units[self.shape(part, self.both)].append(Unit(index, part))

    def new(self) -> State:
        self.deps.back.append([])
        self.deps.up.append([])
        return len(self.deps.back) - 1

    def way(self, before: State, after: State) -> None:
        self.deps.up[after].append(Up(before))

    def edge(
        self,
        before: State,
        predicate: NamedNode | None,
        inverse: bool,
        after: State,
        *,
        inserts: bool = True,
        deletes: bool = True,
        far: Term | None = None,
    ) -> None:
        self.deps.back[after].append(Step(before, predicate, inverse))
        if inserts or deletes:
            self.deps.seeds[predicate].append(Seed(before, inverse, inserts, deletes, far))

    def path(self, steps: Steps, before: State, after: State, inserts: bool, deletes: bool) -> None:
        """The ways that `steps` lead from one state to the other."""
        match steps[0]:
            case "p":
                self.edge(before, steps[1], steps[2], after, inserts=inserts, deletes=deletes)
            case "/":
                for part in steps[1:-1]:
                    self.path(part, before, (between := self.new()), inserts, deletes)
                    before = between
                self.path(steps[-1], before, after, inserts, deletes)
            case "|":
                for part in steps[1:]:
                    self.path(part, before, after, inserts, deletes)
            case op:
                start, end = self.new(), self.new()
                self.way(before, start)
                self.path(steps[1], start, end, inserts, deletes)
                self.way(end, after)
                if op in "*+":
                    self.way(end, start)
                if op in "*?":
                    self.way(before, after)

    def shape(self, node: RdfTerm, both: bool) -> State:
        """The state "this shape, judged at the node, may say something else"."""
        if (node, both) in self.done:
            return self.done[node, both]
        focus = self.done[node, both] = self.new()
        shape = self.shapes.lookup_shape_from_node(node)
        if shape.deactivated:
            return focus
        if not shape.is_property_shape:
            self.body(shape, focus, focus, both)
            return focus
        values = self.new()
        parameters = set(self.graph.predicates(node))
        custom = bool(shape.find_custom_constraints())
        inserts = both or custom or bool(parameters & (_EACH | _BOTH))
        deletes = both or custom or bool(parameters & _BOTH)
        steps = shacl_path(self.shapes, shape.path())
        if parameters & _SOME and not deletes:
            if steps[0] == "p" and steps[1] is not None:
                self.deps.shrinks[steps[1]].append(self.shrink(shape, focus, steps[2]))
            else:
                deletes = True
        self.path(steps, focus, values, inserts, deletes)
        self.body(shape, focus, values, both)
        return focus

    def shrink(self, shape: Shape, focus: State, inverse: bool) -> Shrink:
        counts = [n.value for n in shape.objects(SH.minCount) if isinstance(n.value, int)]
        wanted = frozenset(of_rdflib(term) for term in shape.objects(SH.hasValue))
        return Shrink(focus, inverse, max(counts, default=0), wanted)

    def body(
        self, shape: Shape, focus: State, values: State, both: bool, *, skip_properties: bool = False
    ) -> None:
        """What the constraints of a shape read, from its value nodes and its focus node."""
        graph, node = self.graph, shape.node
        for cls in graph.objects(node, SH["class"]):
            self.deps.class_checks[of_rdflib(cls)].append((values, both))
        for predicate in _NESTED:
            if not (skip_properties and predicate == SH.property):
                for part in graph.objects(node, predicate):
                    self.nest(part, values, both)
        for predicate in _LISTS:
            for head in graph.objects(node, predicate):
                for part in graph.items(head):
                    self.nest(part, values, both)
        for part in _turning(self.shapes, node):
            self.nest(part, values, True)
        for predicate in _COMPARED:
            for other in graph.objects(node, predicate):
                if isinstance(other, URIRef):
                    deletes = both or predicate == SH.equals
                    self.edge(focus, _iri(other), False, self.new(), deletes=deletes)
        if (node, SH.closed, None) in graph:
            self.edge(values, None, False, self.new(), deletes=both)
        self.sparql(shape, focus, values, both)

    def nest(self, part: Any, values: State, both: bool) -> None:
        if part not in self.shapes._node_shape_cache:
            return  # pySHACL refuses it when it judges
        self.deps.up[self.shape(part, both)].append(Up(values, part, both))

    def sparql(self, shape: Shape, focus: State, values: State, both: bool) -> None:
        graph = self.graph
        if (shape.node, SH.sparql, None) in graph:
            try:
                helpers: Iterable[Any] = SPARQLBasedConstraint(shape).sparql_constraints
            except Exception as error:  # pySHACL says the same at each focus node
                self.everything(focus, f"a SPARQL constraint that cannot be loaded ({error})")
                helpers = ()
            for helper in sorted(helpers, key=lambda h: str(h.node)):
                if not helper.deactivated:
                    query = _Query(self, focus, {}, shape)
                    query.compile(helper, {"this": focus}, both)
        for custom in shape.find_custom_constraints():
            try:
                bound = custom.make_validator_for_shape(shape)
            except Exception as error:
                self.everything(focus, f"a constraint component that cannot be loaded ({error})")
                continue
            helper = bound.query_helper
            constants = {Variable(name): term for name, term in helper.param_bind_map.items()}
            query = _Query(self, focus, constants, shape)
            # pySHACL leaves $value unbound where the value is 0, "" or false: it is tied to nothing then.
            query.loose.add(Variable("value"))
            query.compile(
                helper,
                {"this": focus, "value": values},
                both or isinstance(bound.validator, AskConstraintValidator),
                value=RdfLiteral("x"),
            )

    def everything(self, state: State, reason: str) -> None:
        self.deps.globs.append(Glob(None, None, None, state, reason))


def _iri(node: Any) -> NamedNode:
    return NamedNode(str(node))


def _top(shape: Shape, cyclic: frozenset[RdfTerm]) -> Top:
    nodes, classes, implicit, objects_of, subjects_of = shape.target()
    return Top(
        node=shape.node,
        shape=shape,
        nodes=frozenset(of_rdflib(node) for node in nodes),
        classes=frozenset(of_rdflib(cls) for cls in (*classes, *implicit)),
        subjects_of=tuple(_iri(p) for p in subjects_of),
        objects_of=tuple(_iri(p) for p in objects_of),
        cyclic=shape.node in cyclic,
    )


def _turning(shapes: ShapesGraph, node: Any) -> Iterator[Any]:
    """The shapes below a shape where both directions matter: sh:not, sh:xone, qualified ones and siblings."""
    graph = shapes.graph
    yield from graph.objects(node, SH["not"])
    for head in graph.objects(node, SH.xone):
        yield from graph.items(head)
    qualified = set(graph.objects(node, SH.qualifiedValueShape))
    yield from qualified
    if qualified and (node, SH.qualifiedValueShapesDisjoint, None) in graph:
        for parent in graph.subjects(SH.property, node):
            for sibling in graph.objects(parent, SH.property):
                yield from graph.objects(sibling, SH.qualifiedValueShape)


def _below(shapes: ShapesGraph, node: Any) -> Iterator[Any]:
    graph = shapes.graph
    for predicate in _NESTED:
        yield from graph.objects(node, predicate)
    for predicate in _LISTS:
        for head in graph.objects(node, predicate):
            yield from graph.items(head)
    yield from _turning(shapes, node)


#: pySHACL gives up below this depth of nesting; a shape judged alone must not come to it later.
_DEEPEST: Final = 14


def _reaching_cycles(shapes: ShapesGraph) -> frozenset[RdfTerm]:
    """The shapes below which a shape contains itself, or which nest as deep as pySHACL goes."""
    below = {node: set(_below(shapes, node)) for node in shapes._node_shape_cache}
    depth: dict[Any, int] = dict.fromkeys(below, 0)
    # Longest ways down, by rounds; what still grows after so many rounds is cyclic or too deep.
    for _ in range(_DEEPEST):
        grown = {n: max((depth.get(b, 0) + 1 for b in parts), default=0) for n, parts in below.items()}
        if grown == depth:
            break
        depth = grown
    return frozenset(node for node, deep in depth.items() if deep >= _DEEPEST)


# --- SPARQL ----------------------------------------------------------------------------------------------

Anchors: TypeAlias = dict[Any, State]


class _Query:
    """The patterns of one query as edges that grow from `$this` and `$value`.

    A pattern is tied to the focus node if patterns of the same group, or of one around it, lead there: then
    whoever reads something else there can be found backwards. Variables that may be unbound (OPTIONAL) or
    hold what is in no triple (BIND) tie nothing.
    """

    def __init__(
        self, compiler: _Compiler, focus: State, constants: Mapping[Any, RdfTerm], shape: Shape
    ) -> None:
        self.compiler, self.focus, self.constants = compiler, focus, constants
        self.shape = shape
        self.loose: set[Any] = set()  #: variables that may hold no value node
        self.deletes = True

    def compile(
        self, helper: SPARQLQueryHelper, anchors: Mapping[str, State], both: bool, value: Any = None
    ) -> None:
        node = URIRef("urn:x-kymgraph:focus")
        try:
            if value is None:
                bound, text = helper.pre_bind_variables(node)
            else:
                bound, text = helper.pre_bind_variables(
                    node, valuenode=value, extravars=helper.param_bind_map.keys()
                )
            namespaces = dict(self.compiler.graph.namespaces())
            algebra = prepareQuery(helper.apply_prefixes(text), initNs=namespaces).algebra
            # Of a query that only gathers matches, fewer triples mean fewer rows: rows are violations.
            self.deletes = both or algebra.name != "SelectQuery" or not _gathers(algebra.p)
            more = {Variable(n): t for n, t in bound.items() if n not in anchors}
            self.constants = {**self.constants, **more}
            self.part(algebra.p, {Variable(n): s for n, s in anchors.items() if n in bound})
        except Exception as error:  # a text that rdflib or pySHACL cannot read: they say so when they judge
            self.compiler.everything(self.focus, f"a query that cannot be read ({type(error).__name__})")

    def part(self, part: Any, env: Anchors) -> Anchors:
        """Follow one part of the algebra; gives the variables that it surely binds, with their states."""
        match part.name:
            case "BGP":
                return self.grow(list(part.triples), [], env)
            case "Join":
                return self.join(part, env)
            case "Filter" | "Extend":
                found = self.part(part.p, env)
                self.exists(part.expr, env | found)
                return {v: s for v, s in found.items() if part.name == "Filter" or v != part.var}
            case "LeftJoin" | "Minus":
                found = self.part(part.p1, env)
                other = self.part(part.p2, env | found if _gathers(part.p2) else env)
                if part.name == "LeftJoin":
                    self.exists(part.expr, env | found | other)
                return found
            case "Union":
                return self.union(self.part(part.p1, env), self.part(part.p2, env))
            case "ToMultiSet" if not isinstance(part.p, CompValue) or part.p.name == "values":
                return {}
            case "ToMultiSet":
                return self.part(part.p, env)
            case "Project":
                found = self.part(part.p, env)
                return {v: s for v, s in found.items() if v in part.PV}
            case "Distinct" | "Reduced" | "Slice" | "OrderBy":
                if part.name == "OrderBy":
                    self.exists(part.expr, env)
                return self.part(part.p, env)
            case "AggregateJoin":
                self.exists(part.A, env)
                self.exists(part.p.expr, env)
                self.part(part.p.p, env)
                return {}  # what comes out is made of many rows
        self.compiler.everything(self.focus, f"{part.name.upper()} in {self.name}")
        return {}

    @property
    def name(self) -> str:
        return f"a query of {self.shape.node}"

    def exists(self, expression: Any, env: Anchors) -> None:
        """The patterns of EXISTS and NOT EXISTS in an expression."""
        if isinstance(expression, CompValue):
            if expression.name in ("Builtin_EXISTS", "Builtin_NOTEXISTS"):
                self.part(expression.graph, env)
                return
            for key, value in expression.items():
                if key != "_vars":
                    self.exists(value, env)
        elif isinstance(expression, list | tuple):
            for value in expression:
                self.exists(value, env)

    def union(self, one: Anchors, other: Anchors) -> Anchors:
        merged: Anchors = {}
        for variable in one.keys() & other.keys():
            merged[variable] = self.compiler.new()
            self.compiler.way(one[variable], merged[variable])
            self.compiler.way(other[variable], merged[variable])
        return merged

    def join(self, part: Any, env: Anchors) -> Anchors:
        """A join as one group: its patterns may tie each other; parts that test for absence stand alone."""
        triples: list[Any] = []
        gathering: list[Any] = []
        found: Anchors = {}

        def collect(each: Any) -> None:
            if each.name == "Join":
                collect(each.p1)
                collect(each.p2)
            elif each.name == "BGP":
                triples.extend(each.triples)
            elif _gathers(each):
                gathering.append(each)
            else:
                found.update(self.part(each, env))

        collect(part)
        return found | self.grow(triples, gathering, env | found)

    def grow(self, triples: list[Any], parts: list[Any], env: Anchors) -> Anchors:
        """Tie patterns one after the other to what is tied already; then the parts of the same group."""
        found: Anchors = {}
        rest = list(triples)
        while rest or parts:
            known = env | found
            tied = next((t for t in rest if self.tied(t, known)), None)
            if tied is not None:
                rest.remove(tied)
                found |= self.follow(tied, known)
            elif parts:
                found |= self.part(parts.pop(0), known)
            else:
                for triple in rest:
                    self.anywhere(triple)
                break
        return found

    def tied(self, triple: Any, known: Anchors) -> bool:
        return triple[0] in known or triple[2] in known

    def follow(self, triple: Any, known: Anchors) -> Anchors:
        """The edge of one pattern, from its end that is known."""
        subject, predicate, object = triple
        inverse = subject not in known
        near, far = (object, subject) if inverse else (subject, object)
        if near in self.loose:
            self.anywhere(triple, f"$value may be unbound in {self.name}")
            self.loose.add(far)
        after = self.compiler.new()
        # One side is enough: of the triples of a match that is new or lost, take the one nearest to $this.
        if isinstance(predicate, Path):
            self.compiler.path(
                sparql_path(predicate, inverse), known[near], after, inserts=True, deletes=self.deletes
            )
        else:
            self.compiler.edge(
                known[near],
                self.predicate(predicate),
                inverse,
                after,
                deletes=self.deletes,
                far=self.constant(far),
            )
        if isinstance(far, Variable | BNode) and far not in known and far not in self.constants:
            return {far: after}
        return {}

    def anywhere(self, triple: Any, reason: str = "") -> None:
        """A pattern that nothing ties to the focus node: any triple that it matches counts."""
        subject, predicate, object = triple
        reason = reason or f"a pattern in {self.name} that nothing ties to $this"
        if not isinstance(predicate, Path):
            self.glob(self.constant(subject), self.predicate(predicate), self.constant(object), reason)
            return
        steps = sparql_path(predicate)
        for each in {None} if _nullable(steps) else _predicates(steps):
            self.glob(None, each, None, reason)

    def glob(
        self, subject: Term | None, predicate: NamedNode | None, object: Term | None, reason: str
    ) -> None:
        self.compiler.deps.globs.append(Glob(subject, predicate, object, self.focus, reason))

    def predicate(self, term: Any) -> NamedNode | None:
        found = self.constant(term)
        return found if isinstance(found, NamedNode) else None

    def constant(self, term: Any) -> Term | None:
        term = self.constants.get(term, term)
        return None if isinstance(term, Variable | BNode) else of_rdflib(term)


def _gathers(part: Any) -> bool:
    """Whether a part only collects matches: more triples can only give more rows, and fewer only fewer."""
    match part.name:
        case "BGP":
            return True
        case "Join" | "Union":
            return _gathers(part.p1) and _gathers(part.p2)
        case "Filter" | "Extend":
            return _gathers(part.p) and not _tests_existence(part.expr)
        case "Project" | "Distinct" | "Reduced":
            return _gathers(part.p)
    return False


def _tests_existence(expression: Any) -> bool:
    found: list[bool] = []

    def look(each: Any) -> None:
        if isinstance(each, CompValue):
            found.append(each.name in ("Builtin_EXISTS", "Builtin_NOTEXISTS"))
            for key, value in each.items():
                if key != "_vars":
                    look(value)
        elif isinstance(each, list | tuple):
            for value in each:
                look(value)

    look(expression)
    return any(found)
