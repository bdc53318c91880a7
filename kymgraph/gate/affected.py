"""Which shapes have to be judged again, at which focus nodes, for a change of some triples.

The walk runs backwards over the compiled automaton (`deps`), in the new state only. That suffices: if a
verdict differs, take the look-up nearest to the focus node that differs. All look-ups before it are the same
in both states, so the way from its node back to the focus node lies in the new state too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from kymgraph.gate.deps import SUBCLASS, TYPE, Dependencies, Seed, Shrink, State, Unit, Up
from kymgraph.gate.graphview import Reader, Row
from kymgraph.gate.terms import RdfTerm
from kymgraph.rdf import Literal, NamedNode, Term

#: A nested shape with more users than this at a node is judged there before they are visited.
HUB: Final = 64

#: changed(shape, node, both): does the nested shape say something else at the node that users could feel?
Changed = Callable[[RdfTerm, Term, bool], bool]
#: all targets of the shape with this index, in the new state
Targets = Callable[[int], Iterable[Term]]


class Classes:
    """The class hierarchy of one state, read as far as it is asked for."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._above: dict[Term, frozenset[Term]] = {}

    def above(self, cls: Term) -> frozenset[Term]:
        """The class and all that it is a subclass of."""
        known = self._above.get(cls)
        if known is None:
            seen, work = {cls}, [cls]
            while work:
                for parent in self.reader.objects(work.pop(), SUBCLASS):
                    if parent not in seen:
                        seen.add(parent)
                        work.append(parent)
            known = self._above[cls] = frozenset(seen)
        return known

    def below(self, cls: Term) -> set[Term]:
        """The class and all its subclasses."""
        seen, work = {cls}, [cls]
        while work:
            for child in self.reader.subjects(SUBCLASS, work.pop()):
                if child not in seen:
                    seen.add(child)
                    work.append(child)
        return seen


@dataclass
class Moment:
    """One state of the dataset, for asking who belongs to what."""

    reader: Reader
    classes: Classes

    def is_a(self, node: Term, cls: Term) -> bool:
        """Whether the node is an instance of the class, as `sh:class` and `sh:targetClass` see it."""
        return any(cls in self.classes.above(given) for given in self.reader.objects(node, TYPE))

    def types(self, node: Term) -> frozenset[Term]:
        """All classes of the node."""
        return frozenset().union(*(self.classes.above(given) for given in self.reader.objects(node, TYPE)))

    def is_target(self, deps: Dependencies, top: int, node: Term) -> bool:
        """Whether a shape with targets has this node among them."""
        shape = deps.tops[top]
        if node in shape.nodes:
            return True
        if shape.classes and not shape.classes.isdisjoint(self.types(node)):
            return True
        return any(_some(self.reader.find(node, p, None)) for p in shape.subjects_of) or any(
            _some(self.reader.find(None, p, node)) for p in shape.objects_of
        )


@dataclass
class Pairs:
    """What to judge: units and the focus nodes they have to be judged at. A whole shape spares its parts."""

    found: dict[Unit, dict[Term, None]] = field(default_factory=lambda: defaultdict(dict))
    steps: int = 0  #: places that the walk visited

    def add(self, unit: Unit, node: Term) -> None:
        self.found[unit][node] = None

    def all(self, deps: Dependencies) -> Iterator[tuple[Unit, Term]]:
        for unit, nodes in self.found.items():
            whole = Unit(unit.top, deps.tops[unit.top].node)
            covered = self.found.get(whole, {}) if unit != whole else {}
            for node in nodes:
                if node not in covered:
                    yield unit, node


class Walk:
    """One walk, for one change: from the changed triples to the pairs of shape and focus node."""

    def __init__(
        self,
        deps: Dependencies,
        before: Moment,
        after: Moment,
        changed: Changed,
        targets: Targets,
        *,
        both: bool = False,
        hub: int = HUB,
    ) -> None:
        self.deps, self.before, self.after = deps, before, after
        self.changed, self.targets, self.both, self.hub = changed, targets, both, hub
        self.pairs = Pairs()
        self._seen: set[tuple[State, Term]] = set()
        self._work: list[tuple[State, Term]] = []

    def run(self, removed: Collection[Row], added: Collection[Row]) -> Pairs:
        for row in removed:
            self._seed(row, insert=False)
        for row in added:
            self._seed(row, insert=True)
        self._flips([*removed, *added])
        self._globs([*removed, *added])
        while self._work:
            self._back(*self._work.pop())
        self.pairs.steps = len(self._seen)
        return self.pairs

    # -- where a changed triple is read

    def _seed(self, row: Row, *, insert: bool) -> None:
        deps = self.deps
        subject, predicate, object = row
        for key in (predicate, None):
            for seed in deps.seeds.get(key, ()):
                self._plant(seed, row, insert)
        if not insert:
            for shrink in deps.shrinks.get(predicate, ()):
                node, value = (object, subject) if shrink.inverse else (subject, object)
                if self._falls_short(shrink, predicate, node, value):
                    self._push(shrink.state, node)
        tops = [(top, subject) for top in deps.subject_targets.get(predicate, ())]
        tops += [(top, object) for top in deps.object_targets.get(predicate, ())]
        for top, node in tops:
            was = self.before.is_target(deps, top, node)
            now = self.after.is_target(deps, top, node)
            self._target(top, node, was, now)

    def _plant(self, seed: Seed, row: Row, insert: bool) -> None:
        near, far = (row[2], row[0]) if seed.inverse else (row[0], row[2])
        if (seed.on_insert if insert else seed.on_delete) and seed.far in (None, far):
            self._push(seed.state, near)

    def _falls_short(self, shrink: Shrink, predicate: NamedNode, node: Term, value: Term) -> bool:
        if value in shrink.wanted:
            return True
        pattern = (None, predicate, node) if shrink.inverse else (node, predicate, None)
        return _count(self.after.reader.find(*pattern), shrink.least) < shrink.least

    def _target(self, top: int, node: Term, was: bool, now: bool) -> None:
        if now != was and (now or self.both):
            self.pairs.add(Unit(top, self.deps.tops[top].node), node)

    # -- classes

    def _flips(self, rows: list[Row]) -> None:
        """Nodes that come to belong to a class that counts, or no longer do."""
        for subject, predicate, object in rows:
            if predicate == TYPE:
                reached = self.before.classes.above(object) | self.after.classes.above(object)
                self._flip(subject, reached & self.deps.classes)
        moved: set[Term] = set()
        for subject, predicate, _ in rows:
            if predicate == SUBCLASS:
                moved |= self.before.classes.below(subject) | self.after.classes.below(subject)
        for cls in moved:
            reached = self.before.classes.above(cls) ^ self.after.classes.above(cls)
            counting = reached & self.deps.classes
            if counting:
                for state in (self.before, self.after):
                    for node in state.reader.subjects(TYPE, cls):
                        self._flip(node, counting)

    def _flip(self, node: Term, classes: Iterable[Term]) -> None:
        for cls in classes:
            was, now = self.before.is_a(node, cls), self.after.is_a(node, cls)
            if was == now:
                continue
            for state, both in self.deps.class_checks.get(cls, ()):
                if both or not now:
                    self._push(state, node)
            for top in self.deps.class_targets.get(cls, ()):
                self._target(
                    top,
                    node,
                    self.before.is_target(self.deps, top, node),
                    self.after.is_target(self.deps, top, node),
                )

    def _globs(self, rows: list[Row]) -> None:
        units: set[Unit] = set()
        for glob in self.deps.globs:
            if any(glob.matches(*row) for row in rows):
                units |= self.deps.reached(glob.state)
        for unit in units:
            for node in self.targets(unit.top):
                self.pairs.add(unit, node)

    # -- backwards

    def _push(self, state: State, node: Term) -> None:
        if (state, node) not in self._seen:
            self._seen.add((state, node))
            self._work.append((state, node))

    def _back(self, state: State, node: Term) -> None:
        for unit in self.deps.units.get(state, ()):
            self.pairs.add(unit, node)
        reader = self.after.reader
        for step in self.deps.back[state]:
            if not step.inverse:
                for before in reader.subjects(step.predicate, node):
                    self._push(step.state, before)
            elif not isinstance(node, Literal):
                for before in reader.objects(node, step.predicate):
                    self._push(step.state, before)
        for up in self.deps.up[state]:
            if (
                up.nested is not None
                and up.nested not in self.deps.cyclic
                and (up.state, node) not in self._seen
                and self._many_users(up, node)
                and not self.changed(up.nested, node, up.both)
            ):
                continue
            self._push(up.state, node)

    def _many_users(self, up: Up, node: Term) -> bool:
        for step in self.deps.users(up.state):
            pattern = (node, step.predicate, None) if step.inverse else (None, step.predicate, node)
            if _count(self.after.reader.find(*pattern), self.hub + 1) > self.hub:
                return True
        return False


def _some(rows: Iterable[Row]) -> bool:
    return any(True for _ in rows)


def _count(rows: Iterable[Row], most: int) -> int:
    """How many there are, counted up to `most`."""
    return sum(1 for _ in islice(rows, most))
