"""RDF that comes in, as a changeset: what it would add to one state, take from it, or replace in it.

The same code runs in a worker, for what strangers send, and in this process, for files of our own. A file is
read as a stream and each part is compared with the state at once, so that only what changes is kept.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeAlias

import pyoxigraph as ox

from kymgraph import changeset
from kymgraph.changeset import Changeset, to_patch
from kymgraph.errors import InputError, QueryTooLarge, RdfSyntaxError, UnsafePayload
from kymgraph.namespaces import Base
from kymgraph.rdf import (
    DEFAULT_GRAPH,
    FORMATS,
    BlankNode,
    DefaultGraph,
    Format,
    GraphName,
    NamedNode,
    Quad,
    canonical,
    format_for,
    isomorphic,
    parse,
    skolemise,
)
from kymgraph.store.embedded import CheckpointView
from kymgraph.store.rules import Rules
from kymgraph.view import View

#: "add": what is not there yet. "replace": each graph that is spoken of becomes what is said of it.
#: "remove": what is there.
Mode: TypeAlias = Literal["add", "replace", "remove"]

#: Bytes that a payload from outside may come to when it is unpacked, and quads that it may change.
MAX_BYTES: Final = 100_000_000
MAX_QUADS: Final = 1_000_000
_BATCH: Final = 20_000
#: Files longer than this are read as a stream.
_STREAMED: Final = 20_000_000
#: Formats that are read from a stream; the others are read whole (RDF/XML is looked at for a DTD first).
_STREAMABLE: Final = frozenset(["ttl", "nt", "nq", "trig", "n3"])

_NAME_IT: Final = "say in which graph the triples belong: graph=… over HTTP, --graph NAME on the command line"


@dataclass(frozen=True, slots=True)
class Payload:
    """RDF and what is to be done with it.

    `graph` takes the triples that name no graph; a dataset may then name no other graph than that one.
    """

    data: bytes | Path
    format: Format
    graph: NamedNode | None = None
    mode: Mode = "add"
    base: str | None = None
    name: str = "payload"
    packed: bool = False  #: gzip
    max_bytes: int = MAX_BYTES
    max_quads: int | None = MAX_QUADS
    hint: str | None = None  #: what to do if it names no graph


def evaluate(payload: Payload, view: View, rules: Rules) -> Changeset:
    """What a payload would change in the state of `view`: exact, in the store's form, blank nodes named.

    Raises RdfSyntaxError with line and column, UnsafePayload, InputError, QueryTooLarge, NameAGraph,
    GraphNotWritable. Nothing is changed.
    """
    return evaluate_all([payload], view, rules)


def evaluate_all(payloads: Sequence[Payload], view: View, rules: Rules) -> Changeset:
    """As `evaluate`, for several payloads as one; all have the graph and the mode of the first."""
    first = payloads[0]
    if first.graph is not None:
        rules.check(first.graph)
    difference = _Difference(first, view, rules)
    # Blank nodes get labels that nothing else has: where they are kept, equal labels are equal nodes.
    rename = not rules.skolem or len(payloads) > 1
    for payload in payloads:
        difference.payload = payload
        for batch in _batches(_quads(payload, rename=rename), _BATCH):
            difference.take(batch)
    return difference.changeset()


class _Difference:
    """Parts of a payload, held against a state."""

    def __init__(self, payload: Payload, view: View, rules: Rules) -> None:
        self.payload, self.view, self.rules = payload, view, rules
        self.added: dict[Quad, None] = {}
        self.removed: set[Quad] = set()
        self._blank: list[Quad] = []  # looked at together, when all are there
        self._before: dict[GraphName, set[Quad]] = {}  # graphs to be replaced: what is not said again
        if payload.graph is not None and payload.mode == "replace":
            self._replace(payload.graph)
        self._seen: set[GraphName] = set()

    def take(self, quads: Iterable[Quad]) -> None:
        given = canonical(quads).quads
        for graph in {quad.graph_name for quad in given} - self._seen:
            self._speak_of(graph)
        plain = [quad for quad in given if not _blank(quad)]
        if len(plain) < len(given):
            self._blank += [quad for quad in given if _blank(quad)]
        self._compare(plain)

    def _speak_of(self, graph: GraphName) -> None:
        own = self.payload.graph
        if own is not None and graph != own:
            raise InputError(
                f"{self.payload.name} names the graph {graph}, and was sent for {own}; nothing was changed",
                hint="send it without naming a graph, or as a dataset of its own",
            )
        self.rules.check(graph, hint=self.payload.hint or _NAME_IT)
        self._seen.add(graph)
        if self.payload.mode == "replace":
            self._replace(graph)

    def _replace(self, graph: GraphName) -> None:
        if graph not in self._before:
            assert isinstance(graph, NamedNode | DefaultGraph)
            self._before[graph] = set(self.view.quads(graph=graph))

    def _compare(self, quads: Iterable[Quad]) -> None:
        mode = self.payload.mode
        for quad in quads:
            if mode == "replace":
                before = self._before[quad.graph_name]
                if quad in before:
                    self.removed.add(quad)  # said again: taken out of what goes, see `changeset`
                else:
                    self.added[quad] = None
            elif self._there(quad) == (mode == "remove"):
                if mode == "remove":
                    self.removed.add(quad)
                else:
                    self.added[quad] = None
        self._limit(len(self.added) + (0 if mode == "replace" else len(self.removed)))

    def _limit(self, count: int) -> None:
        most = self.payload.max_quads
        if most is not None and count > most:
            raise QueryTooLarge(
                f"nothing was changed: {self.payload.name} changes more than {most:,} quads",
                hint="send it in parts, or import it as a file on the server's own machine",
            )

    def _there(self, quad: Quad) -> bool:
        subject, graph = quad.subject, quad.graph_name
        assert isinstance(subject, NamedNode | BlankNode)
        assert isinstance(graph, NamedNode | DefaultGraph)
        return any(True for _ in self.view.quads(subject, quad.predicate, quad.object, graph))  # type: ignore[arg-type]

    def changeset(self) -> Changeset:
        if self._blank:
            self._name_blank_nodes()
        removed: set[Quad] = set()
        added = set(self.added)
        if self.payload.mode == "replace":
            for before in self._before.values():
                removed |= before - self.removed
            if not self.rules.skolem:
                added, removed = self._alike(added, removed)
        else:
            removed = self.removed
        self._limit(len(added) + len(removed))
        spoken = {graph.value for graph in self._seen if isinstance(graph, NamedNode)}
        if self.payload.graph is not None:
            spoken.add(self.payload.graph.value)
        known = {graph.value for graph in self.view.graphs()}
        return Changeset(
            base=self.view.generation,
            removed=frozenset(removed),
            added=frozenset(added),
            # What is replaced was read here; what is added or removed is good for any state.
            guard="generation" if self.payload.mode == "replace" else "none",
            created=frozenset() if self.payload.mode == "remove" else frozenset(spoken - known),
        )

    def _name_blank_nodes(self) -> None:
        if self.rules.skolem:
            self._compare(skolemise(self._blank, Base(self.rules.base)))
        elif self.payload.mode == "remove":
            raise InputError(
                f"{self.payload.name} has blank nodes, and which nodes of the graph they are cannot be said; "
                "nothing was changed",
                hint="use an update: DELETE { … } WHERE { … }",
            )
        else:
            self._compare(self._blank)

    def _alike(self, added: set[Quad], removed: set[Quad]) -> tuple[set[Quad], set[Quad]]:
        """Leave out what differs in the labels of blank nodes alone."""
        came = {quad for quad in added if _blank(quad)}
        gone = {quad for quad in removed if _blank(quad)}
        if came and gone and isomorphic(came, gone):
            return added - came, removed - gone
        return added, removed


def _blank(quad: Quad) -> bool:
    return isinstance(quad.subject, BlankNode) or isinstance(quad.object, BlankNode)


def _batches(quads: Iterable[Quad], size: int) -> Iterator[list[Quad]]:
    source = iter(quads)
    while batch := list(islice(source, size)):
        yield batch


# --- reading --------------------------------------------------------------------------------------------


def _quads(payload: Payload, *, rename: bool) -> Iterator[Quad]:
    data = payload.data
    if isinstance(data, Path) and payload.format.name in _STREAMABLE and _size(data) > _STREAMED:
        return _streamed(payload, data, rename=rename)
    raw = _read(data) if isinstance(data, Path) else data
    if payload.packed:
        raw = unpack(raw, payload.name, payload.max_bytes)
    elif len(raw) > payload.max_bytes:
        raise _too_long(payload.name, payload.max_bytes)
    return iter(
        parse(
            raw,
            payload.format,
            graph=payload.graph,
            base=payload.base,
            name=payload.name,
            rename_blank_nodes=rename,
        )
    )


def _too_long(name: str, most: int) -> QueryTooLarge:
    return QueryTooLarge(
        f"nothing was changed: {name} has more than {most:,} bytes",
        hint="send it in parts, or import it as a file on the server's own machine",
    )


def unpack(data: bytes, name: str, most: int) -> bytes:
    """What is in gzipped bytes, all its members. Raises InputError, and UnsafePayload above `most` bytes.

    >>> unpack(gzip.compress(b"a") + gzip.compress(b"b"), "ab", 2)
    b'ab'
    """
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            unpacked = packed.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{name} could not be unpacked: {error}; nothing was changed", hint="pack it again with gzip"
        ) from None
    if len(unpacked) > most:
        raise UnsafePayload(
            f"{name} unpacks to more than {most:,} bytes; nothing was changed", hint="send it in parts"
        )
    return unpacked


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} could not be read: {error.strerror}; nothing was changed") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} could not be read: {error.strerror}; nothing was changed") from None


class _Capped(io.RawIOBase):
    """What is read of a packed file, up to a limit."""

    def __init__(self, source: IO[bytes], name: str, most: int) -> None:
        self._source, self._name, self._left = source, name, most
        self.error: InputError | None = None  #: the parser makes an OSError of what is raised here

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._source.read(size)
        except (OSError, EOFError, zlib.error) as error:
            self.error = InputError(f"{self._name} could not be unpacked: {error}; nothing was changed")
            raise self.error from None
        self._left -= len(data)
        if self._left < 0:
            self.error = UnsafePayload(f"{self._name} unpacks to too many bytes; nothing was changed")
            raise self.error
        return data


def _streamed(payload: Payload, path: Path, *, rename: bool) -> Iterator[Quad]:
    """The quads of a long file, as `rdf.parse` gives them, without holding the file."""
    target: GraphName = payload.graph if payload.graph is not None else DEFAULT_GRAPH
    with path.open("rb") as file:
        opened: Any = gzip.GzipFile(fileobj=file) if payload.packed else file
        source: Any = _Capped(opened, payload.name, payload.max_bytes)
        try:
            for quad in ox.parse(
                source, format=payload.format.ox, base_iri=payload.base, rename_blank_nodes=rename
            ):
                if isinstance(quad.object, ox.Triple) or (
                    isinstance(quad.object, ox.Literal) and quad.object.direction is not None
                ):
                    raise InputError(
                        f"{payload.name}: triple terms and text directions are RDF 1.2, this graph is "
                        f"RDF 1.1; nothing was changed. First found: {quad.subject} {quad.predicate} …"
                    )
                in_default = isinstance(quad.graph_name, DefaultGraph)
                yield Quad(quad.subject, quad.predicate, quad.object, target) if in_default else quad
        except SyntaxError as error:
            raise RdfSyntaxError(
                payload.name,
                str(error.msg).split(": ", 1)[-1],
                line=error.lineno,
                column=error.offset,
                hint="correct it there; nothing was changed",
            ) from None
        except InputError:
            raise
        except (OSError, ValueError) as error:
            raise source.error or RdfSyntaxError(payload.name, str(error)) from None


# --- RDF Patch ------------------------------------------------------------------------------------------


def from_patch(data: bytes, view: View, rules: Rules, *, name: str = "patch") -> Changeset:
    """An RDF Patch as a changeset: in the store's form, blank nodes named.

    Without a guard of its own it is exact against `view`; with one it is as it says, since what it finds is
    what the guard is about. Raises RdfSyntaxError with the line, InputError, NameAGraph, GraphNotWritable.
    """
    change = changeset.from_patch(data, name=name)
    removed, added = canonical(change.removed).quads, canonical(change.added).quads
    graphs = [quad.graph_name for quad in (*removed, *added)]
    rules.check_all([*graphs, *map(NamedNode, (*change.created, *change.dropped))])
    if rules.skolem:
        if any(map(_blank, removed)):
            raise InputError(
                f"{name} removes blank nodes, which have names in this graph; nothing was changed",
                hint="write the names, as in what `kymgraph show N --format patch` prints",
            )
        if any(map(_blank, added)):
            added = skolemise(added, Base(rules.base))
    gone, came = frozenset(removed), frozenset(added)
    gone, came = gone - came, came - gone
    if change.guard == "generation":
        return replace(change, removed=gone, added=came)
    if change.guard == "none":
        gone = frozenset(quad for quad in gone if _holds(view, quad))
        came = frozenset(quad for quad in came if not _holds(view, quad))
    known = {graph.value for graph in view.graphs()}
    fresh = {q.graph_name.value for q in came if isinstance(q.graph_name, NamedNode)} | change.created
    return replace(
        change,
        base=view.generation,
        removed=gone,
        added=came,
        created=frozenset(fresh - known),
        dropped=change.dropped & known,
    )


def _holds(view: View, quad: Quad) -> bool:
    subject, graph = quad.subject, quad.graph_name
    assert isinstance(subject, NamedNode | BlankNode)
    assert isinstance(graph, NamedNode | DefaultGraph)
    return any(True for _ in view.quads(subject, quad.predicate, quad.object, graph))  # type: ignore[arg-type]


# --- in the worker --------------------------------------------------------------------------------------

#: How a job says that its payload is RDF Patch.
PATCH: Final = "rdfp"
#: How it says that they are several, each in a format of its own.
FORM: Final = "form"


class _StoreView(CheckpointView):
    """The worker's own store as a view."""

    def __init__(self, generation: int, store: ox.Store) -> None:
        self.generation = generation
        self._store = store


def answer(
    request: Mapping[str, Any], frames: Sequence[bytes], store: ox.Store
) -> tuple[bytes, dict[str, object]]:
    """Do a job of the worker: the RDF Patch of the changeset, and what else is to be known."""
    rules, view = Rules.read(request["rules"]), _StoreView(request["generation"], store)
    if request["format"] == PATCH:
        [data] = frames
        if request["packed"]:
            data = unpack(data, request["name"], request["max_bytes"])
        change = from_patch(data, view, rules, name=request["name"])
    else:
        formats, names = [request["format"]], [request["name"]]
        if request["format"] == FORM:
            formats, names = request["formats"], request["names"]
        change = evaluate_all(
            [
                Payload(
                    data,
                    format_for(fmt),
                    graph=NamedNode(request["graph"]) if request["graph"] else None,
                    mode=request["mode"],
                    base=request["base"],
                    name=name,
                    packed=request["packed"],
                    max_bytes=request["max_bytes"],
                    max_quads=request["max_quads"],
                )
                for data, fmt, name in zip(frames, formats, names, strict=True)
            ],
            view,
            rules,
        )
    return to_patch(change), {"rows": len(change.removed) + len(change.added)}


assert FORMATS.keys() >= _STREAMABLE
