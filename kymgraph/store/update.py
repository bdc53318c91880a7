"""A SPARQL Update as a changeset: what a request would take out of one state and put in, to the quad.

The request is parsed by the engine as a whole, then cut into operations (`kymgraph.updates`). Data and
templates become quads by inserting them into a scratch store, WHERE is asked as a SELECT, and the rows fill
the templates here; so nothing is ever written to the state itself. Foreign text is evaluated: call this only
in a process with a deadline and a memory cap (`kymgraph.store.worker`), never in the writer.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

import pyoxigraph as ox

from kymgraph import queries, updates
from kymgraph.changeset import Changeset, to_patch
from kymgraph.errors import (
    BadParameter,
    ChangeConflict,
    GraphNotFound,
    InputError,
    KymgraphError,
    MergeTooLarge,
    QuerySyntaxError,
    QueryTooLarge,
    ServiceNotAllowed,
)
from kymgraph.namespaces import Base
from kymgraph.rdf import (
    DEFAULT_GRAPH,
    BlankNode,
    DefaultGraph,
    Literal,
    NamedNode,
    Quad,
    Term,
    Triple,
    canonical,
    format_for,
    parse,
    skolemise,
)
from kymgraph.store.apply import matching
from kymgraph.store.rules import Rules
from kymgraph.updates import Block, Operation

#: Quads that one update may remove and add together, and rows that its WHERE clauses may have.
MAX_QUADS: Final = 1_000_000
MAX_ROWS: Final = 1_000_000
#: Quads that the graphs named by several USING may hold together before they are merged as a set.
MERGED_QUADS: Final = 200_000
#: Bytes of a checkpoint that is copied into memory when a WHERE has to see earlier operations; a larger one
#: is copied on disk by hard links.
IN_MEMORY: Final = 8_000_000

Graph: TypeAlias = NamedNode | DefaultGraph
#: A place in a template: a term, the number of a variable, or a label of a blank node to make anew.
_Slot: TypeAlias = Any
_Row: TypeAlias = tuple[Term | None, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """An update and what came with it.

    `using` and `using_named` are `using-graph-uri` and `using-named-graph-uri` of the protocol. `loads` holds
    what LOAD is to read, by IRI: the bytes, or the bytes and their media type.
    """

    text: str
    base: str | None = None
    using: tuple[str, ...] = ()
    using_named: tuple[str, ...] = ()
    loads: Mapping[str, bytes | tuple[bytes, str]] = field(default_factory=dict)
    max_quads: int = MAX_QUADS
    max_rows: int = MAX_ROWS


@dataclass(frozen=True, slots=True)
class Outcome:
    change: Changeset  #: exact: it removes what the state holds and adds what it does not
    operations: int
    rows: int  #: of all WHERE clauses


def evaluate(
    request: Request, store: ox.Store, rules: Rules, *, generation: int = 0, folder: Path | None = None
) -> Outcome:
    """What an update would change in the state that `store` holds. The store is only read.

    `folder` is where the store lies on disk, if it is a checkpoint opened for reading only, so that it can be
    copied there when a later operation has to see the earlier ones; None is for a store in memory.

    Raises QuerySyntaxError with line and column, QueryTooLarge, ServiceNotAllowed, NameAGraph,
    GraphNotWritable, GraphNotFound, ChangeConflict, MergeTooLarge, BadParameter, InputError.
    """
    info = updates.inspect(request.text, base=request.base)
    # A store that is open for reading only parses an update and refuses to run it; another would run it.
    _parse(request, info.operations, _read_only_store() if folder is None else store)
    if request.using or request.using_named:
        for operation in info.operations:
            if operation.with_ or operation.using or operation.using_named:
                raise BadParameter(
                    "nothing was changed: using-graph-uri cannot be combined with WITH or USING in the text",
                    hint="Say it in one place: in the text, or in the parameters.",
                )
    with _State(store, rules, request.max_quads, folder) as state:
        evaluation = _Evaluation(request, state)
        for operation in info.operations:
            evaluation.run(operation)
        return Outcome(
            replace(state.changeset(generation), guard=info.guard), len(info.operations), evaluation.rows
        )


def _parse(request: Request, operations: Sequence[Operation], read_only: ox.Store) -> None:
    """Have the engine parse the request, without running it."""
    for text, error_of in updates.pieces(request.text, operations):
        try:
            read_only.update(text + queries.PADDING, base_iri=request.base)
        except SyntaxError as error:
            raise error_of(str(error.msg)) from None
        except RuntimeError:
            continue  # it was parsed
        raise KymgraphError("an update was run on a store that was to be read only")


_READ_ONLY: list[ox.Store] = []


def _read_only_store() -> ox.Store:
    """A store on disk that is empty and opened for reading only."""
    if not _READ_ONLY:
        with tempfile.TemporaryDirectory(prefix="kymgraph-empty-") as folder:
            ox.Store(f"{folder}/db").backup(f"{folder}/checkpoint")
            _READ_ONLY.append(ox.Store.read_only(f"{folder}/checkpoint"))
    return _READ_ONLY[0]


# --- one request ----------------------------------------------------------------------------------------


class _Evaluation:
    def __init__(self, request: Request, state: _State) -> None:
        self.request, self.state, self.rules = request, state, state.rules
        self.rows = 0
        self.scratch = ox.Store()
        self.nonce = f"urn:x-kymgraph:{secrets.token_hex(8)}:"

    def run(self, op: Operation) -> None:
        match op.kind:
            case "insert-data":
                self.state.apply((), self._data(op, op.insert))
            case "delete-data":
                self.state.apply(self._data(op, op.delete), ())
            case "modify":
                self._modify(op)
            case "load":
                self._load(op)
            case _:
                self._graphs(op)

    # -- text to terms, by the engine itself

    def _inserted(self, op: Operation, block: str) -> list[Quad]:
        """The quads of a block as INSERT DATA would insert them: in the store's form, fresh blank nodes."""
        self.scratch.clear()
        try:
            self.scratch.update(f"{op.prologue}\nINSERT DATA {block}", base_iri=self.request.base)
        except SyntaxError as error:  # parsed before as a whole, so the cutting is wrong
            raise QuerySyntaxError(f"the operation could not be read: {error.msg}") from None
        quads = list(self.scratch)
        for quad in quads:
            _rdf11(quad)
        return quads

    def _iri(self, op: Operation, name: str) -> NamedNode:
        [quad] = self._inserted(op, f"{{ <urn:x:s> <urn:x:p> {name} }}")
        assert isinstance(quad.object, NamedNode)
        return quad.object

    def _graph(self, op: Operation, name: str) -> Graph:
        return DEFAULT_GRAPH if name == "DEFAULT" else self._iri(op, name)

    def _data(self, op: Operation, block: Block | None) -> list[Quad]:
        assert block is not None
        quads = self._inserted(op, block.text)
        for graph in {quad.graph_name for quad in quads}:
            self.state.writable(graph)
        return quads

    # -- patterns

    def _modify(self, op: Operation) -> None:
        assert op.where is not None
        with_ = self._iri(op, op.with_) if op.with_ else None
        variables: dict[str, int] = {}
        delete = self._template(op, op.delete, with_, variables)
        insert = self._template(op, op.insert, with_, variables)
        deleted: dict[Quad, None] = {}
        inserted: dict[Quad, None] = {}
        for row in self._select(op, variables, with_, every=_has_labels(insert)):
            _fill(delete, row, deleted)
            _fill(insert, row, inserted)
            if len(deleted) + len(inserted) > 2 * self.request.max_quads:
                _too_many(self.request.max_quads)
        self.state.apply(canonical(deleted).quads, canonical(inserted).quads)

    def _template(
        self, op: Operation, block: Block | None, with_: NamedNode | None, variables: dict[str, int]
    ) -> list[tuple[_Slot, _Slot, _Slot, _Slot]]:
        """The quads of a template, each variable as its number in `variables`."""
        if block is None:
            return []
        parts, at = [], 0
        for token in queries.tokenize(block.text):
            if token.kind == "var":
                number = variables.setdefault(token.text[1:], len(variables))
                parts += [block.text[at : token.start], f" <{self.nonce}{number}> "]
                at = token.start + len(token.text)
        parts.append(block.text[at:])

        def slot(term: Any) -> _Slot:
            if isinstance(term, NamedNode) and term.value.startswith(self.nonce):
                return int(term.value[len(self.nonce) :])
            return term.value if isinstance(term, BlankNode) else term

        template = []
        for quad in self._inserted(op, "".join(parts)):
            graph: Any = quad.graph_name
            if isinstance(graph, DefaultGraph) and with_ is not None:
                graph = with_
            if not isinstance(slot(graph), int):
                self.state.writable(graph)
            template.append((slot(quad.subject), slot(quad.predicate), slot(quad.object), slot(graph)))
        return template

    def _select(
        self, op: Operation, variables: Mapping[str, int], with_: NamedNode | None, *, every: bool
    ) -> Iterator[_Row]:
        """The rows of WHERE; equal ones once, unless `every` row counts (it makes blank nodes)."""
        assert op.where is not None
        names = " ".join(f"?{name}" for name in variables) or f"(1 AS ?{_only(op.where.text)})"
        text = f"{op.prologue}\nSELECT {'' if every else 'DISTINCT '}{names} WHERE {op.where.text}"
        store, options = self.state.current(), dict[str, Any]()
        using = [self._iri(op, name) for name in op.using] or [ox.NamedNode(i) for i in self.request.using]
        named = [self._iri(op, name) for name in op.using_named]
        named = named or [ox.NamedNode(iri) for iri in self.request.using_named]
        if using or named:
            if len(dict.fromkeys(using)) > 1:
                store = _merged(store, list(dict.fromkeys(using)), named)
            else:
                options["default_graph"] = using[:1]
            options["named_graphs"] = named
        elif with_ is not None:
            options["default_graph"] = [with_]
        count = len(variables)
        try:
            for solution in store.query(text, base_iri=self.request.base, **options):  # type: ignore[union-attr]
                self.rows += 1
                if self.rows > self.request.max_rows:
                    raise QueryTooLarge(
                        f"nothing was changed: WHERE has more than {self.request.max_rows:,} rows",
                        hint="Change a part at a time: narrow WHERE down, or add VALUES or a sub-select.",
                    )
                yield tuple(solution)[:count]
        except SyntaxError as error:
            raise updates.syntax_error(str(error.msg), text) from None

    # -- whole graphs

    def _graphs(self, op: Operation) -> None:
        assert op.target is not None
        state = self.state
        match op.kind:
            case "create":
                graph = self._iri(op, op.target)
                if state.exists(graph):
                    if not op.silent:
                        raise ChangeConflict(
                            f"nothing was changed: the graph {graph} exists already",
                            hint="Leave CREATE out, or write CREATE SILENT.",
                        )
                    return
                state.writable(graph)
                state.create(graph)
            case "clear" | "drop":
                self._clear(op, op.target)
            case "add" | "move" | "copy":
                assert op.source is not None
                self._copy(op, self._graph(op, op.source), self._graph(op, op.target))

    def _clear(self, op: Operation, target: str) -> None:
        state = self.state
        graphs: list[Graph]
        if target in ("ALL", "NAMED"):
            # Graphs that are made by other means are not of those that updates are about.
            graphs = [graph for graph in state.graphs() if graph.value not in self.rules.protected]
            if target == "ALL" and not self.rules.union:
                graphs.append(DEFAULT_GRAPH)
        else:
            graphs = [self._graph(op, target)]
            if self._missing(op, graphs[0]):
                return
        for graph in graphs:
            state.writable(graph)
            state.apply(state.quads(graph), ())
            if op.kind == "drop" and isinstance(graph, NamedNode):
                state.drop(graph)

    def _copy(self, op: Operation, source: Graph, target: Graph) -> None:
        state = self.state
        if self._missing(op, source):
            return
        state.writable(target)
        if op.kind == "move":
            state.writable(source)
        if source == target:
            return
        copied = [Quad(q.subject, q.predicate, q.object, target) for q in state.quads(source)]
        if isinstance(target, NamedNode):
            state.create(target)
        state.apply(() if op.kind == "add" else state.quads(target), copied)
        if op.kind == "move":
            state.apply(state.quads(source), ())
            if isinstance(source, NamedNode):
                state.drop(source)

    def _missing(self, op: Operation, graph: Graph) -> bool:
        """Whether there is no such graph, which SILENT allows."""
        if self.state.exists(graph):
            return False
        if not op.silent:
            raise GraphNotFound(
                f"nothing was changed: {op.kind.upper()} needs the graph {graph}, which does not exist",
                hint=f"See to the graph's name, or write {op.kind.upper()} SILENT.",
            )
        return True

    def _load(self, op: Operation) -> None:
        assert op.source is not None
        assert op.target is not None
        iri = self._iri(op, op.source).value
        target = self._graph(op, op.target)
        self.state.writable(target)
        given = self.request.loads.get(iri)
        if given is None:
            if op.silent:
                return
            raise ServiceNotAllowed(
                f"nothing was changed: LOAD <{iri}> reads from another host, which is not allowed here",
                hint="Send the data itself: as RDF to its graph, or with INSERT DATA.",
            )
        data, media_type = given if isinstance(given, tuple) else (given, iri)
        try:
            quads = parse(data, format_for(media_type), base=iri, name=iri, rename_blank_nodes=True)
            if any(not isinstance(quad.graph_name, DefaultGraph) for quad in quads):
                raise InputError(
                    f"{iri} names graphs of its own, which LOAD cannot take; nothing was changed",
                    hint="Send it as a dataset instead.",
                )
        except InputError:
            if op.silent:
                return
            raise
        into = [Quad(quad.subject, quad.predicate, quad.object, target) for quad in quads]
        self.state.apply((), canonical(into).quads)


def _rdf11(quad: Quad) -> None:
    if isinstance(quad.object, Triple) or isinstance(quad.subject, Triple):
        _not_rdf11("triple terms")
    if isinstance(quad.object, Literal) and quad.object.direction is not None:
        _not_rdf11("text directions")


def _not_rdf11(what: str) -> NoReturn:
    raise InputError(
        f"nothing was changed: {what} are RDF 1.2, this graph is RDF 1.1",
        hint="State the reified fact as an rdf:Statement node, without a text direction.",
    )


def _has_labels(template: Iterable[tuple[_Slot, ...]]) -> bool:
    return any(isinstance(slot, str) for slots in template for slot in slots)


def _only(text: str) -> str:
    """A name that no variable of the text has."""
    name = "row"
    while name in text:
        name += secrets.token_hex(4)
    return name


_RESOURCE: Final = frozenset((NamedNode, BlankNode))
_GRAPH: Final = frozenset((NamedNode, DefaultGraph))


def _fill(template: list[tuple[_Slot, _Slot, _Slot, _Slot]], row: _Row, into: dict[Quad, None]) -> None:
    """Add the template's quads for one row; those that would not be RDF are left out.

    Called for every row, so it looks at types by identity, which the engine's classes allow.
    """
    fresh: dict[str, BlankNode] = {}
    for subject, predicate, object, graph in template:
        if type(subject) is int:
            subject = row[subject]
        elif type(subject) is str:
            subject = fresh.get(subject) or fresh.setdefault(subject, BlankNode())
        if type(predicate) is int:
            predicate = row[predicate]
        if type(object) is int:
            object = row[object]
        elif type(object) is str:
            object = fresh.get(object) or fresh.setdefault(object, BlankNode())
        if type(graph) is int:
            graph = row[graph]
        kind = type(object)
        if kind is Triple or type(subject) is Triple:
            _not_rdf11("triple terms")
        if (
            type(subject) in _RESOURCE
            and type(predicate) is NamedNode
            and object is not None
            and type(graph) in _GRAPH
        ):
            if kind is Literal and object.direction is not None:
                _not_rdf11("text directions")
            into[Quad(subject, predicate, object, graph)] = None


def _merged(store: ox.Store, graphs: list[NamedNode], names: Iterable[NamedNode]) -> ox.Store:
    """Several default graphs as one set: the engine would give a triple once per graph it stands in."""
    merged, left = ox.Store(), MERGED_QUADS
    for target, sources in ((DEFAULT_GRAPH, graphs), (None, names)):
        for graph in sources:
            part = []
            for quad in store.quads_for_pattern(None, None, None, graph):
                left -= 1
                if left < 0:
                    raise MergeTooLarge(
                        f"nothing was changed: the graphs hold more than {MERGED_QUADS:,} quads, too many to "
                        "merge for one update",
                        hint="Leave USING out, or use one graph at a time.",
                    )
                part.append(Quad(quad.subject, quad.predicate, quad.object, target or graph))
            merged.extend(part)
            if target is None:
                merged.add_graph(graph)
    return merged


def _too_many(most: int) -> NoReturn:
    raise QueryTooLarge(
        f"nothing was changed: the update changes more than {most:,} quads",
        hint="Change a part at a time, or import the data as files.",
    )


# --- the state as it becomes ----------------------------------------------------------------------------


class _State:
    """A store that is not written to, and what changes in it: a context manager, for the sake of its copy."""

    def __init__(self, base: ox.Store, rules: Rules, most: int, folder: Path | None) -> None:
        self.base, self.rules, self.most, self.folder = base, rules, most, folder
        self.removed: set[Quad] = set()
        self.added: dict[Quad, None] = {}  # in their order, for the sake of the same names each time
        self.created: set[NamedNode] = set()
        self.dropped: set[NamedNode] = set()
        self._in_union: Callable[[str], bool] = rules.project.in_union
        self._copy: ox.Store | None = None
        self._copied: tuple[frozenset[Quad], frozenset[Quad]] = (frozenset(), frozenset())
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _State:
        return self

    def __exit__(self, *error: object) -> None:
        self._copy = None
        self._stack.close()

    # -- what may be written

    def writable(self, graph: object) -> None:
        """Raises NameAGraph, GraphNotWritable, InputError."""
        self.rules.check(graph)

    # -- what there is

    def exists(self, graph: Graph) -> bool:
        if isinstance(graph, DefaultGraph) or graph in self.created:
            return True
        return graph not in self.dropped and self.base.contains_named_graph(graph)

    def graphs(self) -> list[NamedNode]:
        there = {graph for graph in self.base.named_graphs() if isinstance(graph, NamedNode)}
        return sorted((there - self.dropped) | self.created, key=lambda graph: graph.value)

    def quads(self, graph: Graph) -> list[Quad]:
        """The quads of one graph, the changes so far taken in."""
        if isinstance(graph, DefaultGraph) and self.rules.union:
            return list(self.current().quads_for_pattern(None, None, None, graph))
        found = [q for q in self.base.quads_for_pattern(None, None, None, graph) if q not in self.removed]
        return found + [quad for quad in self.added if quad.graph_name == graph]

    # -- what changes

    def apply(self, deletes: Iterable[Quad], inserts: Iterable[Quad]) -> None:
        """Delete, then insert."""
        base, removed, added = self.base, self.removed, self.added
        known: set[object] = set()
        for quad in deletes:
            if quad in added:
                self._allowed(quad.graph_name, known)
                del added[quad]
            elif quad not in removed and quad in base:
                self._allowed(quad.graph_name, known)
                removed.add(quad)
        existing: set[object] = set()
        for quad in inserts:
            graph = quad.graph_name
            if quad in removed:
                self._allowed(graph, known)
                removed.discard(quad)
            elif quad not in added and quad not in base:
                self._allowed(graph, known)
                added[quad] = None
            if graph not in existing and isinstance(graph, NamedNode):
                existing.add(graph)
                self.create(graph)
        if len(removed) + len(added) > self.most:
            _too_many(self.most)

    def _allowed(self, graph: object, known: set[object]) -> None:
        if graph not in known:
            self.writable(graph)
            known.add(graph)

    def create(self, graph: NamedNode) -> None:
        if not self.exists(graph):
            if graph in self.dropped:
                self.dropped.discard(graph)
            else:
                self.created.add(graph)

    def drop(self, graph: NamedNode) -> None:
        """The graph ceases to exist; its quads are deleted before."""
        if graph in self.created:
            self.created.discard(graph)
        elif self.base.contains_named_graph(graph):
            self.dropped.add(graph)

    def changeset(self, generation: int) -> Changeset:
        added: Iterable[Quad] = self.added
        removed = self.removed
        if self.rules.skolem and any(map(_blank, self.added)):
            # The names depend on content alone, so a quad may turn out to be there already, or just removed.
            named = skolemise(self.added, Base(self.rules.base))
            again = removed.intersection(named)
            removed = removed - again
            added = [quad for quad in named if quad not in again and quad not in self.base]
        return Changeset(
            base=generation,
            removed=frozenset(removed),
            added=frozenset(added),
            created=frozenset(graph.value for graph in self.created),
            dropped=frozenset(graph.value for graph in self.dropped),
        )

    # -- a store that shows it

    def current(self) -> ox.Store:
        """A store to ask, which holds the changes so far; the base itself while there are none."""
        if not (self.removed or self.added or self.created or self.dropped):
            return self.base if self._copy is None else self._updated(self._copy)
        if self._copy is None:
            self._copy = self._copied_base()
        return self._updated(self._copy)

    def _copied_base(self) -> ox.Store:
        if self.folder is not None and _size(self.folder) > IN_MEMORY:
            return ox.Store(str(self._stack.enter_context(_linked(self.folder))))
        copy = ox.Store()
        copy.bulk_extend(self.base)
        for graph in self.base.named_graphs():
            copy.add_graph(graph)
        return copy

    def _updated(self, copy: ox.Store) -> ox.Store:
        """Bring the copy from what it shows to what is changed by now."""
        gone, came = self._copied
        removed, added = frozenset(self.removed), frozenset(self.added)
        out = (removed - gone) | (came - added)
        into = (added - came) | (gone - removed)
        if self.rules.union:
            union_out = self._inside(out)
            union_into = self._inside(into)
        _remove(copy, out)
        copy.extend(into)
        if self.rules.union:
            _remove(copy, [t for t in union_out if not self._held(copy, t)])
            copy.extend(union_into)
        for graph in self.created:
            copy.add_graph(graph)
        for graph in self.dropped:
            copy.remove_graph(graph)
        there: set[object] = set(self.graphs())
        for name in list(copy.named_graphs()):
            if name not in there:
                copy.remove_graph(name)
        self._copied = removed, added
        return copy

    def _inside(self, quads: Iterable[Quad]) -> list[Quad]:
        return [
            Quad(q.subject, q.predicate, q.object)
            for q in quads
            if isinstance(q.graph_name, NamedNode) and self._in_union(q.graph_name.value)
        ]

    def _held(self, copy: ox.Store, quad: Quad) -> bool:
        return any(
            isinstance(found.graph_name, NamedNode) and self._in_union(found.graph_name.value)
            for found in matching(copy, quad.subject, quad.predicate, quad.object)
        )


def _blank(quad: Quad) -> bool:
    return isinstance(quad.subject, BlankNode) or isinstance(quad.object, BlankNode)


def _remove(store: ox.Store, quads: Iterable[Quad]) -> None:
    """Take quads out of a store of ours, in one transaction as far as they have no blank nodes."""
    plain: list[str] = []
    for quad in quads:
        if _blank(quad):
            store.remove(quad)
            continue
        triple = f"{quad.subject} {quad.predicate} {quad.object}"
        named = isinstance(quad.graph_name, NamedNode)
        plain.append(f"GRAPH {quad.graph_name} {{{triple}}}" if named else f"{triple} .")
    if plain:
        store.update("DELETE DATA {" + "\n".join(plain) + "}")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


@contextlib.contextmanager
def _linked(folder: Path) -> Iterator[Path]:
    """A copy of a checkpoint that can be written to. Its large files, which never change, are hard links."""
    copy = _scratch_folder(folder)
    try:
        for file in folder.iterdir():
            if file.suffix == ".sst":
                try:
                    os.link(file, copy / file.name)
                    continue
                except OSError:  # another file system
                    pass
            shutil.copyfile(file, copy / file.name)
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)


#: Copies lie beside the checkpoints, where hard links reach; the number is the process that made it.
_COPY: Final = ".update-"


def _scratch_folder(folder: Path) -> Path:
    """A new folder beside a checkpoint; those that a killed process left behind are removed."""
    for old in folder.parent.glob(f"{_COPY}*"):
        pid = old.name.removeprefix(_COPY).partition("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    prefix = f"{_COPY}{os.getpid()}-"
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    except OSError:  # not ours to write to
        return Path(tempfile.mkdtemp(prefix=f"kymgraph{prefix}"))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


# --- in the worker --------------------------------------------------------------------------------------


def answer(
    request: Mapping[str, Any], frames: Sequence[bytes], store: ox.Store
) -> tuple[bytes, dict[str, object]]:
    """Do a job of the worker: the RDF Patch of the changeset, and what else is to be known.

    The first frame is the text, the others what LOAD reads.
    """
    given = zip(request["loads"], frames[1:], strict=True)
    outcome = evaluate(
        Request(
            text=frames[0].decode(),
            base=request["base"],
            using=tuple(request["using"]),
            using_named=tuple(request["using_named"]),
            loads={iri: (data, media_type or iri) for (iri, media_type), data in given},
            max_quads=request["max_quads"],
            max_rows=request["max_rows"],
        ),
        store,
        Rules.read(request["rules"]),
        generation=request["generation"],
        folder=Path(request["store"]),
    )
    return to_patch(outcome.change), {"rows": outcome.rows, "operations": outcome.operations}
