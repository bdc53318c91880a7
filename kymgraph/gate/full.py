"""The whole dataset against all shapes and policy rules: the verdict that every faster way must equal.

pySHACL's own `ShapesGraph` and `Shape.validate` do the judging, over one rdflib graph in memory that holds
the union of the named graphs as a set. Its outer `validate()` is not used: it flips global switches of rdflib
for a moment, and can lose nested shapes. The ontology is part of the union, so `sh:class` and
`sh:targetClass` follow its subclass axioms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import rdflib
from pyshacl.constraints.sparql.sparql_based_constraint_components import SPARQLConstraintComponentValidator
from pyshacl.consts import SH_detail
from pyshacl.errors import ReportableRuntimeError
from pyshacl.pytypes import SHACLExecutor
from pyshacl.rdfutil.clone import clone_blank_node
from pyshacl.rdfutil.stringify import stringify_blank_node
from pyshacl.shape import Shape
from pyshacl.shapes_graph import ShapesGraph
from rdflib import RDF, RDFS, SH, SKOS, BNode, Graph, URIRef
from rdflib.collection import Collection

from kymgraph.errors import InputError, ProjectError
from kymgraph.gate import policy
from kymgraph.gate.locate import Locator
from kymgraph.gate.terms import from_rdflib, to_graph, to_rdflib
from kymgraph.namespaces import PREFIXES
from kymgraph.namespaces import SH as SHACL
from kymgraph.project import Project
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad, Term, Triple, canonical, parse
from kymgraph.report import LIMIT, Location, Report, Result

#: Properties that name a resource to people, best first.
LABELS: Final = (SKOS.prefLabel, RDFS.label, URIRef(PREFIXES["dcterms"] + "title"))
#: Says where a node is described, given the graph it was found in.
Located = Callable[[Term, NamedNode | None], Location | None]


@dataclass(frozen=True)
class Shapes:
    """The shapes of one version, compiled once: pySHACL's view of them and the rules about graphs."""

    graph: Graph
    compiled: ShapesGraph
    rules: tuple[policy.Rule, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=lambda: PREFIXES)
    #: Shapes that judge some named graphs, each alone: by the folder that `Project.shape_set` gives.
    sets: Mapping[str, Shapes] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        quads: Iterable[Quad],
        rules: Iterable[policy.Rule] = (),
        prefixes: Mapping[str, str] = PREFIXES,
    ) -> Shapes:
        """Compile shapes from their quads. Raises ProjectError for shapes that cannot be judged.

        The quads are brought to the store's form first, as the data are, so that `sh:in` and `sh:hasValue`
        compare like with like. A datatype that the store rewrites can never be met: asking for it is
        refused.
        """
        given = canonical(quads).quads
        for quad in given:
            if quad.predicate.value == SHACL + "datatype" and isinstance(quad.object, NamedNode):
                _refuse_lost_datatype(quad)
        graph = to_graph(given)
        for prefix, namespace in prefixes.items():
            graph.bind(prefix, namespace)
        compiled = ShapesGraph(graph)
        try:
            list(compiled.shapes)
        except ReportableRuntimeError as error:
            raise ProjectError(f"the shapes cannot be loaded: {error}") from error
        return cls(graph, compiled, tuple(rules), prefixes)

    @classmethod
    def load(cls, project: Project) -> Shapes:
        """The shapes and policy rules of a project, from its files."""
        quads = [quad for file in project.shape_files() for quad in _read(file, project)]
        shapes = cls.of(quads, policy.load(project.policy_files()), project.prefixes)
        return replace(shapes, sets={name: cls._set(name, project) for name in project.shape_sets.values()})

    @classmethod
    def _set(cls, folder: str, project: Project) -> Shapes:
        quads = [quad for file in project.set_files(folder) for quad in _read(file, project)]
        return cls.of(quads, prefixes=project.prefixes)

    def top(self) -> list[Shape]:
        """The shapes with targets of their own, in a stable order."""
        shapes = (
            shape for shape in self.compiled.shapes if any(True for part in shape.target() for _ in part)
        )
        return sorted(shapes, key=lambda shape: str(shape.node))


def validate(
    quads: Iterable[Quad],
    project: Project,
    *,
    shapes: Shapes | None = None,
    only: Container[Term] | None = None,
    locate: Located | None = None,
    limit: int = LIMIT,
) -> Report:
    """Judge a whole dataset (the quads of all its named graphs) by the project's shapes and policy rules.

    `only` judges these focus nodes and no others, `locate` says where a node is described (default: a
    search in the project's files). Raises ProjectError for shapes that cannot be judged, and InputError when
    the data make pySHACL fail: a verdict that was not reached is no verdict.

        report = validate(files.read(project).quads(), project)
        if not report.accepted:
            raise GateRejected(report)
    """
    shapes = shapes or Shapes.load(project)
    given = canonical(quads).quads
    data = union(given, project)
    results = judge(data, shapes, only=only)
    results += judge_graphs(given, project, shapes, only=only)
    results += judge_alone(given, project, shapes, only=only)
    find = (
        locate
        or Locator.of(
            (project.name_of(file), file, _graph_iri(file, project)) for file in project.data_files()
        ).find
    )
    stats = {"shapes": len(shapes.top()), "rules": len(shapes.rules), "triples": len(data)}
    report = Report.of(results, limit=limit, stats=stats, prefixes=shapes.prefixes)
    return replace(report, results=tuple(_explained(result, data, find) for result in report.results))


def validate_input(
    quads: Iterable[Quad],
    project: Project,
    *,
    alone: bool = False,
    shapes: Shapes | None = None,
    locate: Located | None = None,
    limit: int = LIMIT,
) -> Report:
    """Judge data that are not in the project yet, reporting only on the resources that they mention.

    They are judged within the project's data, so that links to what is there resolve; with `alone` within
    its ontology only. A named graph among them takes the place of the project's graph of that name; what
    is in no named graph is seen by the shapes, and by no rule about graphs.
    """
    given = canonical(quads).quads
    return validate(
        [*given, *_around(given, project, alone)],
        project,
        shapes=shapes,
        only=_mentioned(given),
        locate=locate or (lambda term, graph: None),
        limit=limit,
    )


def explain(
    quads: Iterable[Quad],
    project: Project,
    shapes: Shapes,
    *,
    alone: bool = False,
    how: Mapping[Term, str] | None = None,
    sets: Mapping[str, Mapping[Term, str]] | None = None,
) -> str:
    """What `validate_input` looks at: which shapes, at how many of the resources in the input, and how.

    `how` says in words how changes are judged by each shape (`Gate.explain`), `sets` the same of the sets
    for graphs that are judged alone; rules are then left to the gate to speak of.
    """
    given = canonical(quads).quads
    data, only = union([*given, *_around(given, project, alone)], project), _mentioned(given)
    lines = [
        f"judged in full: {len(shapes.top())} shapes at their targets among the {len(only)} resources of the "
        f"input, {len(shapes.rules)} policy rules over all named graphs; {len(data)} triples in the union",
    ]
    for shape in shapes.top():
        count = sum(from_rdflib(node) in only for node in _targets(shape, data))
        words = (how or {}).get(from_rdflib(shape.node))
        name = path_text(shape.node, shapes.graph)
        lines.append(f"{count:6}  {name}{f': {words}' if words else ''}")
    for graph, (alone_in, own) in sets_of(given, project, shapes).items():
        name = project.shape_set(graph.value) or ""
        lines.append(f"graph {project.base.graph_name(graph.value)}, alone, by the set {name!r}:")
        for shape in own.top():
            count = sum(from_rdflib(node) in only for node in _targets(shape, alone_in))
            words = (sets or {}).get(name, {}).get(from_rdflib(shape.node))
            lines.append(f"{count:6}  {path_text(shape.node, own.graph)}{f': {words}' if words else ''}")
    if how is None:
        lines += [f"  rule  {path_text(to_rdflib(rule.iri), shapes.graph)}" for rule in shapes.rules]
    return "\n".join(lines)


def _around(given: Iterable[Quad], project: Project, alone: bool) -> list[Quad]:
    replaced = {quad.graph_name for quad in given if isinstance(quad.graph_name, NamedNode)}
    paths = project.ontology_files() if alone else [*project.ontology_files(), *project.data_files()]
    return [quad for path in paths for quad in _read(path, project) if quad.graph_name not in replaced]


def _mentioned(quads: Iterable[Quad]) -> set[Term]:
    terms = {term for quad in quads for term in (quad.subject, quad.object)}
    return {term for term in terms if isinstance(term, NamedNode | BlankNode)}


def judge(data: Graph, shapes: Shapes, *, only: Container[Term] | None = None) -> list[Result]:
    """What the shapes find in one graph (see `union`), at all their targets or at those in `only`."""
    for prefix, namespace in shapes.prefixes.items():
        data.bind(prefix, namespace)
    results: list[Result] = []
    described = Described()
    for shape in shapes.top():
        focus = [node for node in _targets(shape, data) if only is None or from_rdflib(node) in only]
        results += _judge(shape, data, focus, shapes, described)
    return results


def judge_graphs(
    quads: Iterable[Quad], project: Project, shapes: Shapes, *, only: Container[Term] | None = None
) -> list[Result]:
    """What the policy rules find in the named graphs of `quads`, about all resources or those in `only`."""
    view = policy.view_of(quads, project)
    results = [result for rule in shapes.rules for result in rule.results(view, shapes.prefixes)]
    return [result for result in results if only is None or result.focus in only]


def judge_alone(
    quads: Iterable[Quad], project: Project, shapes: Shapes, *, only: Container[Term] | None = None
) -> list[Result]:
    """What the graphs with a set of shapes of their own look like to it, each graph for itself."""
    return [
        replace(result, graph=graph)
        for graph, (data, own) in sets_of(quads, project, shapes).items()
        for result in judge(data, own, only=only)
    ]


def sets_of(quads: Iterable[Quad], project: Project, shapes: Shapes) -> dict[NamedNode, tuple[Graph, Shapes]]:
    """The named graphs that are judged alone, in the order of their names, with the shapes for each."""
    apart: dict[NamedNode, list[Quad]] = {}
    if shapes.sets:
        for quad in quads:
            graph = quad.graph_name
            if isinstance(graph, NamedNode) and project.shape_set(graph.value) in shapes.sets:
                apart.setdefault(graph, []).append(quad)
    return {
        graph: (to_graph(apart[graph]), shapes.sets[project.shape_set(graph.value) or ""])
        for graph in sorted(apart, key=str)
    }


def focus_counts(quads: Iterable[Quad], project: Project, shapes: Shapes | None = None) -> dict[str, int]:
    """How many focus nodes each shape with targets has, by the shape's IRI; 0 means it checks nothing."""
    shapes = shapes or Shapes.load(project)
    data = union(canonical(quads).quads, project)
    return {str(shape.node): len(_targets(shape, data)) for shape in shapes.top()}


def union(quads: Iterable[Quad], project: Project) -> Graph:
    """The graph that shapes judge: every triple of the graphs in the project's union, once.

    In a strict project that is the default graph, as it is for every reader.
    """
    strict = project.default_graph == "strict"
    return to_graph(
        quad
        for quad in quads
        if not isinstance(quad.graph_name, NamedNode)
        or (not strict and project.in_union(quad.graph_name.value))
    )


def _read(file: Path, project: Project) -> list[Quad]:
    graph = _graph_iri(file, project)
    return parse(
        file,
        graph=None if graph is None else NamedNode(graph),
        name=project.name_of(file),
        rename_blank_nodes=True,
    )


def _graph_iri(file: Path, project: Project) -> str | None:
    name = project.graph_of(file)
    return None if name is None else project.base.graph(name)


def _refuse_lost_datatype(quad: Quad) -> None:
    assert isinstance(quad.object, NamedNode)
    probe = Quad(quad.subject, quad.predicate, Literal("1", datatype=quad.object))
    kept = canonical([probe]).quads[0].object
    if isinstance(kept, Literal) and kept.datatype != quad.object:
        raise ProjectError(
            f"the shape {quad.subject} asks for {quad.object}, which the store keeps as {kept.datatype}: "
            "no value could ever conform",
            hint=f"ask for {kept.datatype}, with sh:minInclusive and sh:maxInclusive for the range",
        )


# --- judging ---------------------------------------------------------------------------------------------


def no_verdict(shape: object, error: Exception) -> InputError:
    """The refusal when a shape cannot be judged: what was not judged is not accepted."""
    return InputError(
        f"no verdict was reached: the shape {shape} failed on these data: {error}",
        hint="mend the shape, or the data it cannot handle",
    )


def _targets(shape: Shape, data: Graph) -> list[Any]:
    nodes: set[Any] = shape.focus_nodes(data)  # type: ignore[no-untyped-call]
    return sorted(nodes, key=str)


@dataclass
class Described:
    """Copies of the blank nodes that results speak of. A node is copied once, so that results share it.

    `paths` keeps the texts of paths; they are those of one version of the shapes.
    """

    copies: dict[tuple[int, BNode], tuple[Any, Graph]] = field(default_factory=dict)
    paths: dict[Any, str] = field(default_factory=dict)

    def copy(self, source: Graph, node: BNode) -> tuple[Any, Graph]:
        """The copy and the graph that describes it."""
        key = id(source), node
        if key not in self.copies:
            graph = Graph(bind_namespaces="none")
            self.copies[key] = clone_blank_node(source, node, graph, keepid=True), graph
        return self.copies[key]

    def path_text(self, path: Any, graph: Graph) -> str:
        if path not in self.paths:
            self.paths[path] = path_text(path, graph)
        return self.paths[path]


def _judge(shape: Shape, data: Graph, focus: list[Any], shapes: Shapes, described: Described) -> list[Result]:
    if not focus:
        return []
    try:
        _, reports = shape.validate(SHACLExecutor(), data, focus=focus)
    except Exception as error:  # rdflib and pySHACL raise of all kinds, at what a shape or a value is
        raise no_verdict(shape.node, error) from error
    finally:
        # pySHACL keeps texts and validators by id() of a graph for ever; the next graph may get that id.
        stringify_blank_node.dict_cache.clear()
        SPARQLConstraintComponentValidator.validator_cache.clear()
    return [result(node, triples, shapes, described) for _, node, triples in reports]


def result(node: BNode, triples: list[tuple[Any, Any, Any]], shapes: Shapes, described: Described) -> Result:
    """One of pySHACL's results; where a term is a pair, its first part is the graph that describes it."""
    about: dict[Any, list[Any]] = {}
    given: dict[Any, Any] = {}  # the terms as the shapes and the data have them
    details: set[Triple] = set()
    for subject, predicate, value in triples:
        if subject != node:
            continue
        if isinstance(value, tuple):
            source, value = value
            given[predicate] = value
            if isinstance(value, BNode):
                value, graph = described.copy(source, value)
                details |= {_triple(triple) for triple in graph}
        about.setdefault(predicate, []).append(value)

    def one(predicate: URIRef) -> Any:
        return about.get(predicate, [None])[0]

    def term(predicate: URIRef) -> Term | None:
        value = one(predicate)
        return None if value is None else from_rdflib(value)

    shape, constraint, path = one(SH.sourceShape), one(SH.sourceConstraint), one(SH.resultPath)
    focus, component, severity = (
        term(p) for p in (SH.focusNode, SH.sourceConstraintComponent, SH.resultSeverity)
    )
    assert focus is not None
    assert isinstance(component, NamedNode)
    assert isinstance(severity, NamedNode)
    templates = [
        message
        for node in (given[SH.sourceShape], given.get(SH.sourceConstraint))
        if node is not None
        for message in shapes.graph.objects(node, SH.message)
    ]
    messages = {_with_language(m, templates) for m in about.get(SH.resultMessage, ())}
    return Result(
        focus=focus,
        path=None if path is None else from_rdflib(path),
        value=term(SH.value),
        shape=from_rdflib(shape),
        component=component,
        severity=severity,
        messages=literals(messages),
        names=literals(shapes.graph.objects(given[SH.sourceShape], SH.name)),
        path_text="" if path is None else described.path_text(given[SH.resultPath], shapes.graph),
        constraint=None if constraint is None else from_rdflib(constraint),
        details=tuple(sorted(details, key=str)),
        nested=tuple(result(child, triples, shapes, described) for child in about.get(SH_detail, ())),
    )


def _triple(triple: tuple[Any, Any, Any]) -> Triple:
    subject, predicate, value = (from_rdflib(part) for part in triple)
    assert not isinstance(subject, Literal)
    assert isinstance(predicate, NamedNode)
    return Triple(subject, predicate, value)


def literals(values: Iterable[Any]) -> tuple[Literal, ...]:
    terms = {from_rdflib(value) for value in values}
    return tuple(sorted((term for term in terms if isinstance(term, Literal)), key=str))


def _with_language(message: Any, templates: list[Any]) -> Any:
    """pySHACL fills {?value} into messages of SPARQL constraints and drops their language: find it again."""
    if not isinstance(message, rdflib.Literal) or message.language is not None:
        return message
    for template in templates:
        parts = re.split(r"\{[?$]\w+\}", str(template))
        pattern = ".*".join(re.escape(part) for part in parts)
        if getattr(template, "language", None) and re.fullmatch(pattern, str(message), re.DOTALL):
            return rdflib.Literal(str(message), lang=template.language)
    return message


def _explained(result: Result, data: Graph, find: Located) -> Result:
    """The result with the names of its focus node and the place where that is described."""
    node: Any = to_rdflib(result.focus)
    labels: tuple[Literal, ...] = ()
    if not isinstance(node, rdflib.Literal):
        labels = next(filter(None, (literals(data.objects(node, p)) for p in LABELS)), ())
    return replace(result, labels=labels, source=find(result.focus, result.graph))


def path_text(path: Any, graph: Graph) -> str:
    """A SHACL path in the notation of SPARQL property paths, with the prefixes of the graph.

    >>> g = Graph().parse(data="[] <urn:path> ([<http://www.w3.org/ns/shacl#inversePath> <urn:a>] <urn:b>) .")
    >>> path_text(next(g.objects(None, URIRef("urn:path"))), g)
    '^<urn:a>/<urn:b>'
    """
    if isinstance(path, URIRef):
        short = {str(ns): prefix for prefix, ns in graph.namespaces()}
        best = max((ns for ns in short if ns and path.startswith(ns)), key=len, default=None)
        return f"<{path}>" if best is None else f"{short[best]}:{path[len(best) :]}"

    def inner(node: Any) -> str:
        text = path_text(node, graph)
        return f"({text})" if re.search(r"[/|]", re.sub(r"<[^>]*>", "", text)) else text

    if (path, RDF.first, None) in graph:
        return "/".join(inner(part) for part in Collection(graph, path))
    choices = graph.value(path, SH.alternativePath)
    if choices is not None:
        return "|".join(inner(part) for part in Collection(graph, choices))
    for predicate, form in _PATHS.items():
        value = graph.value(path, predicate)
        if value is not None:
            return form.format(inner(value))
    return "?"


_PATHS: Final = {
    SH.inversePath: "^{}",
    SH.zeroOrMorePath: "{}*",
    SH.oneOrMorePath: "{}+",
    SH.zeroOrOnePath: "{}?",
}
