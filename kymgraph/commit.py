"""From changesets to a generation: resolve, judge, write, publish, one batch at a time.

Whoever holds the store's write lock runs one Committer: the writer process beside a server, or a command
while no server runs. Changes that arrive together share a journal fsync, a transaction and a checkpoint, but
each is judged on its own, in order, against the state that the accepted ones before it leave.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from kymgraph import ledger
from kymgraph.changeset import Changeset
from kymgraph.errors import (
    BadParameter,
    BaseMoved,
    ChangeConflict,
    GateRejected,
    IdReused,
    InputError,
    KymgraphError,
)
from kymgraph.project import LEDGER_GRAPH, Project
from kymgraph.rdf import DefaultGraph, NamedNode, Quad, Triple, canonical
from kymgraph.rdf import Literal as RdfLiteral
from kymgraph.report import Report
from kymgraph.store import recorded
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.journal import Entry, Journal
from kymgraph.store.rules import Rules
from kymgraph.view import View

if TYPE_CHECKING:
    from kymgraph.gate.process import Judge
    from kymgraph.store.writer import Commit

Status = Literal["committed", "unchanged", "repeated", "checked"]

#: Characters that no XML can hold, so that a text with them could not be given to every reader.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
#: Characters that a reason may have; and where there were bytes that are not UTF-8, one of these stands.
_REASON: Final = 1000
_BROKEN: Final = re.compile("[\ud800-\udfff\ufffd]")
#: Changes that one batch may hold.
BATCH: Final = 256
#: Changes that are made before the verdict on the one before is known.
AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class Request:
    """A changeset to commit, and what the caller asks beside it."""

    change: Changeset
    kind: str = "change"  #: of `journal.Entry`
    match: int | None = None  #: the generation that has to be the newest (If-Match)
    more: Mapping[str, Any] = field(default_factory=dict)  #: for the journal, as JSON
    judged: bool = False  #: the caller has judged the whole state after it; the change is guarded by its base

    @property
    def asked(self) -> str:
        """What was asked for, as a digest: of the text it was made from, if given, else of its quads."""
        return str(self.more.get("request") or self.change.digest)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a changeset."""

    status: Status
    generation: int  #: the generation that holds it (for "checked": that it was checked against)
    change: Changeset  #: what it came to: no-ops dropped, `base` the generation it met
    report: Report = field(default_factory=Report)


class State:
    """A view and the changes accepted on top of it, for the question whether a quad is there."""

    def __init__(self, view: View, number: int) -> None:
        self.number = number  #: of the last commit that it holds
        self._view = view
        self._added: set[Quad] = set()
        self._removed: set[Quad] = set()
        self._graphs: set[str] | None = None

    def copy(self) -> State:
        """The same state, to go on from in another way."""
        twin = State(self._view, self.number)
        twin._added, twin._removed = set(self._added), set(self._removed)
        twin._graphs = None if self._graphs is None else set(self._graphs)
        return twin

    def holds(self, quad: Quad) -> bool:
        if quad in self._added:
            return True
        if quad in self._removed:
            return False
        subject, value, graph = quad.subject, quad.object, quad.graph_name
        assert not isinstance(subject, Triple)
        assert not isinstance(value, Triple)
        assert isinstance(graph, NamedNode | DefaultGraph)
        return any(True for _ in self._view.quads(subject, quad.predicate, value, graph))

    def has_graph(self, iri: str) -> bool:
        if self._graphs is None:
            self._graphs = {graph.value for graph in self._view.graphs()}
        return iri in self._graphs

    def others_in(self, iri: str, removed: frozenset[Quad]) -> bool:
        """Whether graph `iri` would still hold something after `removed` is gone."""
        graph = NamedNode(iri)
        if any(quad.graph_name == graph for quad in self._added - removed):
            return True
        return any(
            quad not in removed and quad not in self._removed for quad in self._view.quads(graph=graph)
        )

    def accept(self, change: Changeset) -> None:
        self.number += 1
        self._added -= change.removed
        self._removed |= change.removed
        self._removed -= change.added
        self._added |= change.added
        if self._graphs is not None or change.created or change.dropped:
            self.has_graph("")
            assert self._graphs is not None
            self._graphs = (self._graphs - change.dropped) | change.created


def check_reason(reason: str) -> None:
    """See that a reason can stand in the ledger. Raises BadParameter.

    >>> check_reason("Budjetti päätetty")
    """
    if len(reason) > _REASON:
        raise BadParameter(
            f"nothing was written: a reason has at most {_REASON:,} characters", hint="say it in one sentence"
        )
    if _UNPRINTABLE.search(reason) or _BROKEN.search(reason):
        raise BadParameter(
            "nothing was written: the reason holds a control character, or bytes that are not UTF-8",
            hint="write it as plain text in UTF-8",
        )


def with_reason(change: Changeset, project: Project) -> Changeset:
    """The change as it is judged: with its reason, since people may write what must not be published.

    The rest of what the ledger says of a commit is ours.
    """
    if not change.reason:
        return change
    return replace(change, added=change.added | {ledger.reason_quad(project, change.base + 1, change.reason)})


def resolve(request: Request, state: State, project: Project) -> Changeset:
    """What a request comes to in a state: exact, in the store's form, no-ops dropped, its base the state's.

    Raises BaseMoved, ChangeConflict, NameAGraph, GraphNotWritable, InputError.
    """
    change = request.change
    rules = Rules.of(project)
    if request.kind == "import":  # files are how the ontology and the shapes are made
        rules = replace(rules, protected=(project.base.graph(LEDGER_GRAPH),))
    rules.check_all({quad.graph_name for quads in (change.added, change.removed) for quad in quads})
    rules.check_all(NamedNode(iri) for iri in change.created | change.dropped)
    for quad in change.added:
        if isinstance(quad.object, RdfLiteral) and _UNPRINTABLE.search(quad.object.value):
            raise InputError(
                f"nothing was written: a text of {quad.subject} ({quad.predicate}) holds a control "
                f"character, which no XML can: {quad.object.value[:60]!r}",
                hint="leave the character out; most often it comes from copying out of a PDF",
            )
    if request.match is not None and request.match != state.number:
        raise BaseMoved(
            f"nothing was written: generation {request.match} was asked for, the newest is {state.number}",
            matched=True,
            hint="read the graph again, and send the change with the new generation in If-Match",
        )
    if change.guard == "generation" and change.base != state.number:
        raise BaseMoved(
            f"nothing was written: the change was made against generation {change.base}, "
            f"the newest is {state.number}",
            hint="make it again from the state of now",
        )
    removed = frozenset(canonical(change.removed).quads)
    added = frozenset(canonical(change.added).quads)
    gone = frozenset(quad for quad in removed if not state.holds(quad))
    there = frozenset(quad for quad in added if state.holds(quad))
    if change.guard == "quads" and (gone or there):
        raise ChangeConflict(
            f"nothing was written: {len(gone)} quad(s) to remove are not there any more, {len(there)} to add "
            f"are there already. First: {min(map(str, gone | there))}",
            hint="look at what has changed since with `kymgraph log` and `kymgraph diff`",
        )
    removed, added = removed - gone - added, added - there - removed
    fresh = {q.graph_name.value for q in added if isinstance(q.graph_name, NamedNode)} | change.created
    return replace(
        change,
        base=state.number,
        removed=removed,
        added=added,
        created=frozenset(iri for iri in fresh if not state.has_graph(iri)),
        dropped=frozenset(
            iri
            for iri in change.dropped - fresh
            if state.has_graph(iri) and not state.others_in(iri, removed)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """A request and the change that it came to."""

    index: int
    request: Request
    change: Changeset
    report: Report = field(default_factory=Report)


class Committer:
    """The write side of one store. It holds the lock from its making until `close`.

    Raises StoreLocked when another process writes, and what opening the store raises.
    """

    def __init__(
        self, project: Project, store: EmbeddedStore, *, keep: int = 5, deadline: float = 10.0
    ) -> None:
        from kymgraph.store.writer import StoreWriter  # readers have no need of it

        self.project, self.store = project, store
        self.writer = StoreWriter(store, project, keep=keep, ledger_of=self._ledger)
        self._deadline = deadline
        self._judge: Judge | None = None

    def close(self) -> None:
        """Let the lock go and end the judge."""
        if self._judge is not None:
            self._judge.close()
            self._judge = None
        self.writer.close()

    def __enter__(self) -> Committer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def journal(self) -> Journal:
        return self.writer.journal

    @property
    def head(self) -> int:
        """The number of the last commit."""
        return self.writer.head

    def commit(self, requests: Sequence[Request]) -> list[Outcome | KymgraphError]:
        """Commit what may be committed; for each request its outcome, or the error that refused it.

        When this returns, every outcome "committed" is on the disk and in the generation that readers open.
        """
        outcomes: dict[int, Outcome | KymgraphError] = {}
        waiting = list(enumerate(requests))
        while waiting:
            batch, waiting = _batch_of(waiting)
            self._batch(batch, outcomes)
        return [outcomes[index] for index in range(len(requests))]

    def _batch(
        self, batch: Sequence[tuple[int, Request]], outcomes: dict[int, Outcome | KymgraphError]
    ) -> None:
        """Judge each in turn over the accepted ones before it, then write and publish those together."""
        accepted: list[_Made] = []
        waiting = deque(batch)
        try:
            while waiting:
                self._judge_some(waiting, accepted, outcomes)
        except KymgraphError as error:
            # No judge can be had (shapes on the disk that cannot be read, say): that holds for the rest.
            known = {made.index for made in accepted}
            outcomes.update({i: error for i, _ in batch if i not in outcomes and i not in known})
        if not accepted:
            return
        commits = [self._entry(made, number) for number, made in enumerate(accepted, self.head + 1)]
        try:
            with _undisturbed():
                self.writer.write(commits)
                self.writer.publish()
        except KymgraphError as error:
            # Those too that were no change because of what is not written now.
            rested = {i for i, o in outcomes.items() if isinstance(o, Outcome) and o.generation > self.head}
            outcomes.update(dict.fromkeys(rested | {made.index for made in accepted}, error))
            return
        for made, commit in zip(accepted, commits, strict=True):
            outcomes[made.index] = Outcome("committed", commit.entry.number, commit.change, made.report)

    def _judge_some(
        self,
        waiting: deque[tuple[int, Request]],
        accepted: list[_Made],
        outcomes: dict[int, Outcome | KymgraphError],
    ) -> None:
        """Have the judge look at what is waiting, until a refusal makes a difference to what is under way.

        So that neither side waits for the other, changes are made ahead of the verdicts, as if those before
        them were accepted. Where one is not, the ones under way are made again: if they come out the same,
        the judge (who never counts a refused one in) has judged the right thing.
        """
        state = State(self.writer.view, self.head)
        for made in accepted:
            state.accept(made.change)
        ahead = state.copy()
        under_way: deque[_Made] = deque()

        def changes() -> Iterator[Changeset]:
            while waiting:
                index, request = waiting[0]
                outcome: Outcome | KymgraphError | None
                try:
                    outcome = self._repeated(request)
                    if outcome is None:
                        change = resolve(request, ahead, self.project)
                        outcome = Outcome("unchanged", ahead.number, change) if change.empty else None
                except KymgraphError as error:
                    outcome = error
                if outcome is not None and under_way:
                    return  # that may depend on a verdict which is not known yet
                waiting.popleft()
                if outcome is not None:
                    outcomes[index] = outcome
                    continue
                under_way.append(_Made(index, request, change))
                ahead.accept(change)
                yield with_reason(change, self.project)

        pending = [made.change for made in accepted]
        with contextlib.closing(
            self._verdicts(pending, changes(), judged=bool(waiting) and waiting[0][1].judged)
        ) as verdicts:
            for verdict in verdicts:
                made = under_way.popleft()
                if isinstance(verdict, Report) and verdict.accepted:
                    accepted.append(replace(made, report=verdict))
                    state.accept(made.change)
                    continue
                outcomes[made.index] = (
                    verdict if isinstance(verdict, KymgraphError) else GateRejected(verdict)
                )
                ahead = state.copy()
                if not self._made_the_same(under_way, ahead):
                    waiting.extendleft((made.index, made.request) for made in reversed(under_way))
                    return

    def _made_the_same(self, under_way: Iterable[_Made], state: State) -> bool:
        """Whether changes come out of a state as they are; it is the state after them then."""
        for made in under_way:
            try:
                now = resolve(made.request, state, self.project)
            except KymgraphError:
                return False
            if replace(now, base=0) != replace(made.change, base=0):
                return False
            state.accept(made.change)
        return True

    def _repeated(self, request: Request) -> Outcome | None:
        entry = self.journal.by_id(request.change.id)
        if entry is None:
            return None
        if entry.more.get("request") != request.asked:
            raise IdReused(
                f"nothing was written: {entry.id} is the id of commit {entry.number}, another change",
                hint="give every change an id of its own",
            )
        return Outcome("repeated", entry.number, self.journal.changeset(entry.number))

    def _verdicts(
        self, pending: Sequence[Changeset], changes: Iterator[Changeset], *, judged: bool
    ) -> Generator[Report | KymgraphError, None, None]:
        if judged:
            return (Report() for _ in changes)
        return self._the_judge().judge(self.head, pending, changes, ahead=AHEAD)

    def warm(self) -> None:
        """Start the judge now instead of at the first change, without waiting for it."""
        self._the_judge().start()

    def _the_judge(self) -> Judge:
        if self._judge is None:
            from kymgraph.gate.process import Judge

            rules = recorded.rules(self.store.folder, self.project)
            self._judge = Judge(rules, self.store.folder, deadline=self._deadline)
        return self._judge

    def _entry(self, made: _Made, number: int) -> Commit:
        request, change = made.request, made.change
        report = {} if request.judged else {"report": made.report.kept()}
        entry = Entry(
            number=number,
            id=change.id,
            time=_now(),
            agent=change.agent,
            source=change.source,
            reason=change.reason,
            removed=len(change.removed),
            added=len(change.added),
            graphs=tuple(sorted(change.graphs)),
            digest=change.digest,
            kind=request.kind,
            more={**request.more, **report, "request": request.asked},
        )
        change = replace(change, base=number - 1)
        from kymgraph.store.writer import Commit

        return Commit(entry, change, self._ledger(entry, change))

    def _ledger(self, entry: Entry, change: Changeset) -> tuple[Quad, ...]:
        return ledger.quads_of(self.project, entry, change)


_Waiting = list[tuple[int, Request]]


def _batch_of(requests: _Waiting) -> tuple[_Waiting, _Waiting]:
    """The first of them that go together, and the rest: at most BATCH, no id twice, a judged one alone."""
    ids: set[str] = set()
    for number, (_, request) in enumerate(requests):
        if (
            number == BATCH
            or request.change.id in ids
            or (number and (request.judged or requests[0][1].judged))
        ):
            return requests[:number], requests[number:]
        ids.add(request.change.id)
    return requests, []


def check(
    request: Request,
    view: View,
    project: Project,
    judge: Callable[[int, Sequence[Changeset]], Iterable[Report | KymgraphError]],
) -> Outcome:
    """What a change would come to in the state of `view`, without writing. Raises what refuses it."""
    change = resolve(request, State(view, view.generation), project)
    [report] = judge(view.generation, [with_reason(change, project)])
    if isinstance(report, KymgraphError):
        raise report
    return Outcome("checked", view.generation, change, report)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits until what has begun is whole, so that who presses it meets all of the commit or none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [(number, signal.signal(number, lambda number, _: came.append(number))) for number in numbers]
    try:
        yield
    finally:
        for number, handler in handlers:
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for pressed in came:
            signal.raise_signal(pressed)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
