"""The gate: judges a change by what it can reach, and says of each result whether the change brought it.

`deps` says what every shape reads, `affected` walks from the changed triples to the focus nodes that could be
judged differently, and pySHACL judges these, over the state after the change, which stands nowhere yet. The
state before is judged only where something fails. The verdict is that of pySHACL on the whole new state
(`full`), result by result, told apart by shape with targets, its focus node, and the result itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from pyshacl.pytypes import SHACLExecutor
from pyshacl.rdfutil.stringify import stringify_blank_node
from rdflib import SH
from rdflib.plugins.sparql.sparql import Query

from kymgraph.changeset import Changeset
from kymgraph.errors import InputError
from kymgraph.gate import fast, full, policy
from kymgraph.gate.affected import HUB, Classes, Moment, Pairs, Walk
from kymgraph.gate.alone import After, Alone, AloneAfter
from kymgraph.gate.deps import SUBCLASS, Dependencies, Unit, compile_shapes
from kymgraph.gate.graphview import GraphView, Reader, Row, of_rdflib
from kymgraph.gate.terms import RdfTerm, to_rdflib
from kymgraph.overlay import OverlayView
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, Term
from kymgraph.report import LIMIT, Report, Result, Status
from kymgraph.view import View

#: One result of pySHACL: the text, the node, and the triples of it and of what it was found beside.
Found: TypeAlias = tuple[str, Any, list[tuple[Any, Any, Any]]]
#: What makes a result itself: focus node, path, value, component, shape, constraint, severity.
Key: TypeAlias = tuple[Any, ...]

#: Verdicts kept within one judgement: a shape may be asked for by several others.
_MOST_KNOWN: Final = 100_000

_KEY: Final = (
    SH.focusNode,
    SH.resultPath,
    SH.value,
    SH.sourceConstraintComponent,
    SH.sourceShape,
    SH.sourceConstraint,
    SH.resultSeverity,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How changes are judged by one shape with targets."""

    shape: Term
    incremental: bool
    why: str

    @property
    def text(self) -> str:
        how = "a change is judged where it reaches" if self.incremental else "a change has all targets judged"
        return f"{how}: {self.why}" if self.why else how


@dataclass(frozen=True, slots=True)
class Judged:
    """What one unit found at one focus node, and whether it was there before."""

    unit: Unit
    node: Term
    status: Status
    found: Found


class Gate:
    """Judges changes by the shapes and rules of a project, compiled once. One judgement at a time.

    gate = Gate(project, full.Shapes.load(project))
    report = gate.judge(view, change)
    if not report.accepted:
        raise GateRejected(report)
    """

    def __init__(self, project: Project, shapes: full.Shapes, *, hub: int = HUB) -> None:
        self.project, self.shapes, self._hub = project, shapes, hub
        self.ready = fast.ready(shapes.graph)
        self.tops = [self.ready.lookup_shape_from_node(shape.node) for shape in shapes.top()]
        self._deps: dict[bool, Dependencies] = {}
        prepared: dict[str, Query] = {}
        self._after, self._before = (GraphView(shapes.prefixes, prepared) for _ in range(2))
        self._executor = SHACLExecutor()
        self._paths: dict[Any, str] = {}
        self._hierarchy: tuple[View, int, Classes] | None = None
        self._rules = policy.PolicyGate(project, shapes.rules)
        alone = replace(project, default_graph="strict", shape_sets={})
        #: Gates for graphs that are judged alone, by the name of their set: such a graph is the default one.
        self.sets = {name: Gate(alone, one, hub=hub) for name, one in shapes.sets.items()}
        self.dependencies()

    def dependencies(self, *, both: bool = False) -> Dependencies:
        """The compiled shapes; `both` for mended results too."""
        if both not in self._deps:
            self._deps[both] = compile_shapes(self.ready, self.tops, both=both)
        return self._deps[both]

    def judge(self, before: View, change: Changeset, *, limit: int = LIMIT, mended: bool = False) -> Report:
        """Judge a change that is exact against `before`; every result says if it is new or was there.

        `before` stands still: what is read of its class hierarchy is kept for the next change against it.
        Only results at what the change touches are found: the report says nothing of the rest of the data.
        `mended` looks also for what the change puts right. After `limit` results, of which one rejects the
        change, the search ends and the report is marked as truncated.

        Raises InputError when pySHACL cannot judge these data: a verdict that was not reached is no verdict.
        """
        after = OverlayView(before, change, self._in_union)
        reports = [self._judge(before, after, change, limit, mended)]
        for iri in sorted(change.graphs):
            gate = self.sets.get(self.project.shape_set(iri) or "")
            if gate is not None:
                graph = NamedNode(iri)
                alone = AloneAfter(after, graph, change)
                report = gate._judge(Alone(before, graph), alone, None, limit, mended)
                results = tuple(replace(result, graph=graph) for result in report.results)
                reports.append(replace(report, results=results))
        if len(reports) == 1:
            return reports[0]
        stats = Counter[str]()
        for report in reports:
            stats.update(report.stats)
        del stats["results"]
        every = [result for report in reports for result in report.results]
        whole = Report.of(every, limit=limit, stats=stats, prefixes=self.shapes.prefixes)
        return replace(whole, truncated=whole.truncated or any(report.truncated for report in reports))

    def _judge(
        self, before: View, after: After, change: Changeset | None, limit: int, mended: bool
    ) -> Report:
        try:
            search = self._search(before, after, mended)
            results, more = self._results(search, limit)
            if self.shapes.rules and change is not None:
                results += self._rules.judge(before, after, change, mended=mended)
            reader = search.after.reader
            report = Report.of(
                results,
                limit=limit,
                stats={
                    "triples": len(after.union_removed) + len(after.union_added),
                    "pairs": search.pairs,
                    "judged": search.judged,
                },
                prefixes=self.shapes.prefixes,
            )
            labelled = tuple(replace(r, labels=_labels(r.focus, reader)) for r in report.results)
            return replace(report, results=labelled, truncated=report.truncated or more)
        finally:
            self._forget()

    def differences(self, before: View, change: Changeset, *, mended: bool = False) -> Iterator[Judged]:
        """What `judge` goes by: all that fails at what the change touches, with its shape and focus node."""
        try:
            yield from self._search(before, OverlayView(before, change, self._in_union), mended).run()
        finally:
            self._forget()

    @property
    def rules(self) -> policy.PolicyGate:
        """The part of the gate that judges the rules about graphs."""
        return self._rules

    def explain(self) -> list[Plan]:
        """For each shape with targets: whether a change is followed to its focus nodes, and if not, why."""
        deps = self.dependencies()
        reasons: dict[int, list[str]] = {}
        for glob in deps.globs:
            for unit in deps.reached(glob.state):
                reasons.setdefault(unit.top, []).append(glob.reason)
        plans = []
        for index, top in enumerate(deps.tops):
            why = "; ".join(dict.fromkeys(reasons.get(index, ())))
            if not why and top.cyclic:
                why = "judged as a whole: it contains itself"
            plans.append(Plan(of_rdflib(top.node), index not in reasons, why))
        return plans

    # -- the parts of a judgement

    def _forget(self) -> None:
        # pySHACL keeps texts of blank nodes by id() of a graph for ever; ours change under it.
        stringify_blank_node.dict_cache.clear()
        self._after.reader = self._before.reader = None

    @property
    def _in_union(self) -> Callable[[str], bool] | None:
        return self.project.in_union if self.project.default_graph == "union" else None

    def _search(self, before: View, after: After, mended: bool) -> _Search:
        removed = [(t.subject, t.predicate, t.object) for t in after.union_removed]
        added = [(t.subject, t.predicate, t.object) for t in after.union_added]
        old, new = Reader(before), Reader(after)
        classes = self._classes(before)
        moved = any(row[1] == SUBCLASS for row in (*removed, *added))
        self._before.reader, self._after.reader = old, new
        search = _Search(
            self,
            self.dependencies(both=mended),
            Moment(old, classes),
            Moment(new, Classes(new) if moved else classes),
            mended,
        )
        search.find(removed, added)  # type: ignore[arg-type]
        return search

    def _classes(self, view: View) -> Classes:
        """The class hierarchy of a state, kept until a change is judged against another state."""
        while isinstance(view, OverlayView) and not any(
            triple.predicate == SUBCLASS for triple in (*view.union_removed, *view.union_added)
        ):
            view = view.base
        kept = self._hierarchy
        if kept is None or kept[0] is not view or kept[1] != view.generation:
            kept = self._hierarchy = view, view.generation, Classes(Reader(view))
        return kept[2]

    def _results(self, search: _Search, limit: int) -> tuple[list[Result], bool]:
        results: list[Result] = []
        rejected = False
        described = full.Described(paths=self._paths)
        for judged in search.run():
            _, node, triples = judged.found
            if len(results) < limit:
                result = full.result(node, triples, self.shapes, described)
                results.append(replace(result, status=judged.status))
                rejected = rejected or results[-1].rejects
            elif rejected:
                return results, True
            else:
                # No room left, yet the verdict is open: only what rejects is still of interest.
                result = replace(full.result(node, triples, self.shapes, described), status=judged.status)
                if result.rejects:
                    return [*results[:-1], result], True
                search.more = True
        return results, search.more


class _Search:
    """One judgement: the pairs that the change can reach, judged after it and, where they fail, before it."""

    def __init__(self, gate: Gate, deps: Dependencies, before: Moment, after: Moment, mended: bool) -> None:
        self.gate, self.deps, self.before, self.after, self.mended = gate, deps, before, after, mended
        self.found = Pairs()
        self.judged = 0
        self.more = False
        self._known: dict[tuple[bool, RdfTerm, Term], list[Found]] = {}

    @property
    def pairs(self) -> int:
        return sum(len(nodes) for nodes in self.found.found.values())

    def find(self, removed: list[Row], added: list[Row]) -> None:
        walk = Walk(
            self.deps,
            self.before,
            self.after,
            self._changed,
            self._targets,
            both=self.mended,
            hub=self.gate._hub,
        )
        self.found = walk.run(removed, added)

    def run(self) -> Iterator[Judged]:
        for unit, node in self.found.all(self.deps):
            is_now = self.after.is_target(self.deps, unit.top, node)
            now = self.validate(unit.shape, node, True) if is_now else []
            if not now and not self.mended:
                continue
            was = self.before.is_target(self.deps, unit.top, node)
            then = self._before(unit.shape, node) if was else []
            left = Counter(_key(found) for found in then)
            for found in now:
                key = _key(found)
                status: Status = "pre-existing" if left[key] > 0 else "new"
                left[key] -= 1
                yield Judged(unit, node, status, found)
            if self.mended:
                for found in then:
                    key = _key(found)
                    if left[key] > 0:
                        left[key] -= 1
                        yield Judged(unit, node, "mended", found)

    def validate(self, shape: RdfTerm, node: Term, after: bool) -> list[Found]:
        """What the shape finds at the node, in the state after or before the change. Raises InputError."""
        key = after, shape, node
        if key not in self._known:
            graph = self.gate._after if after else self.gate._before
            ready = self.gate.ready.lookup_shape_from_node(shape)
            self.judged += 1
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            try:
                self._known[key] = ready.validate(self.gate._executor, graph, focus=[to_rdflib(node)])[1]
            except Exception as error:
                raise full.no_verdict(shape, error) from error
        return self._known[key]

    def _before(self, shape: RdfTerm, node: Term) -> list[Found]:
        try:
            return self.validate(shape, node, False)
        except InputError:
            return []  # what could not be judged before has no results that were there before

    def _changed(self, shape: RdfTerm, node: Term, both: bool) -> bool:
        """Whether those who use the shape at the node could come to another verdict."""
        try:
            now = self.validate(shape, node, True)
            if not now and not both:
                return False
            return Counter(map(_key, now)) != Counter(map(_key, self.validate(shape, node, False)))
        except InputError:
            return True  # it may be no node that any target leads to: let those judge who are

    def _targets(self, top: int) -> Iterable[Term]:
        nodes: set[Any] = self.deps.tops[top].shape.focus_nodes(self.gate._after)
        return [of_rdflib(node) for node in sorted(nodes, key=str)]


def _key(found: Found) -> Key:
    _, node, triples = found
    about: dict[Any, Any] = {}
    for subject, predicate, value in triples:
        if subject is node and predicate in _KEY:
            about[predicate] = value[1] if isinstance(value, tuple) else value
    return tuple(about.get(predicate) for predicate in _KEY)


def _labels(focus: Term, reader: Reader) -> tuple[Any, ...]:
    for predicate in full.LABELS:
        found = full.literals(to_rdflib(term) for term in reader.objects(focus, of_rdflib(predicate)))  # type: ignore[arg-type]
        if found:
            return found
    return ()
