"""What a change does to an Oxigraph database, as one SPARQL request: one request is one transaction.

The request holds quads and graphs by name and nothing else, never text from outside. With every one goes the
triple `<…/graph/ledger> kym:generation N`, so a database says itself which commit it knows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pyoxigraph as ox

from kymgraph.changeset import Changeset
from kymgraph.errors import ChangeConflict, QuerySyntaxError
from kymgraph.namespaces import KYM, XSD, Base
from kymgraph.overlay import OverlayView
from kymgraph.project import LEDGER_GRAPH
from kymgraph.queries import substitute
from kymgraph.rdf import (
    FORMATS,
    BlankNode,
    DefaultGraph,
    GraphName,
    Literal,
    NamedNode,
    Quad,
    Subject,
    Term,
    Triple,
    canonical,
    serialise,
)
from kymgraph.store.journal import FIRST_GENERATION

InUnion = Callable[[str], bool]

_GENERATION: Final = NamedNode(KYM + "generation")
_INTEGER: Final = NamedNode(XSD + "integer")
_BLANK: Final = NamedNode("urn:x:kymgraph:blank")


def matching(
    store: ox.Store,
    subject: Subject | Triple | None = None,
    predicate: NamedNode | None = None,
    object: Term | Triple | None = None,
    graph: NamedNode | DefaultGraph | None = None,
) -> Iterator[Quad]:
    """The quads of a pattern. Every look-up of a term goes through here, none through the store's own method.

    On disk that gives too much for numbers: asked for 511, also what has 512 to 767 there, since the end of
    its scan is wrong where a value that is stored as it is ends in the byte FF (Oxigraph 0.5.13: integers,
    decimals, doubles). SPARQL is right.

    >>> store = ox.Store()
    >>> store.add(Quad(_BLANK, _GENERATION, Literal("7", datatype=_INTEGER)))
    >>> [quad.object.value for quad in matching(store, object=Literal("007", datatype=_INTEGER))]
    ['7']
    """
    found = store.quads_for_pattern(subject, predicate, object, graph)
    if not isinstance(object, Literal) or object.language or object.datatype.value == XSD + "string":
        return found
    kept: list[Term | Triple] = []

    def same(term: Term | Triple) -> bool:
        if term == object:
            return True
        if not kept:  # the store keeps 007 as 7
            kept.append(canonical([Quad(_BLANK, _GENERATION, object)]).quads[0].object)
        return term == kept[0]

    return (quad for quad in found if same(quad.object))


class StoreView:
    """A View of an Oxigraph database, read in this process."""

    def __init__(self, generation: int, store: ox.Store) -> None:
        self.generation = generation
        self._store = store

    def quads(
        self,
        subject: Subject | None = None,
        predicate: NamedNode | None = None,
        object: Term | None = None,
        graph: NamedNode | DefaultGraph | None = None,
    ) -> Iterator[Quad]:
        found = matching(self._store, subject, predicate, object, graph)
        if graph is not None:
            return found
        return (quad for quad in found if not isinstance(quad.graph_name, DefaultGraph))

    def graphs(self) -> list[NamedNode]:
        named = (graph for graph in self._store.named_graphs() if isinstance(graph, NamedNode))
        return sorted(named, key=lambda graph: graph.value)

    def select(self, text: str, bindings: Mapping[str, Term] | None = None) -> list[dict[str, Term]]:
        text = substitute(text, {name: str(term) for name, term in (bindings or {}).items()})
        try:
            solutions = self._store.query(text)
        except SyntaxError as error:
            raise QuerySyntaxError(error.msg, line=error.lineno, column=error.offset) from None
        if not isinstance(solutions, ox.QuerySolutions):
            raise QuerySyntaxError("a view answers SELECT only")
        names = [variable.value for variable in solutions.variables]
        rows = ({name: solution[name] for name in names} for solution in solutions)
        return [{name: term for name, term in row.items() if term is not None} for row in rows]


# --- the head pointer -----------------------------------------------------------------------------------


def head_quad(base: Base, number: int) -> Quad:
    """What says that a database knows the commits up to `number`."""
    graph = NamedNode(base.graph(LEDGER_GRAPH))
    return Quad(graph, _GENERATION, Literal(str(number), datatype=_INTEGER), graph)


def is_head(base: Base, quad: Quad) -> bool:
    """Whether a quad says how far some database had come: it means nothing in any other one."""
    pointer = head_quad(base, 0)
    return quad.predicate == _GENERATION and quad.subject == pointer.subject == quad.graph_name


def head_of(store: ox.Store, base: Base) -> int:
    """The last commit that a database knows; FIRST_GENERATION if it knows none."""
    pointer = head_quad(base, 0)
    assert isinstance(pointer.subject, NamedNode)
    found = store.quads_for_pattern(pointer.subject, _GENERATION, None, pointer.subject)
    numbers = [int(quad.object.value) for quad in found if isinstance(quad.object, Literal)]
    return max(numbers, default=FIRST_GENERATION)


# --- the net effect of several changes ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Net:
    """What several changes come to, and for each of them the graphs that began to exist without a word."""

    change: Changeset
    came: tuple[frozenset[str], ...]

    @property
    def size(self) -> int:
        return len(self.change.removed) + len(self.change.added)


class _Graphs:
    """Which named graphs exist while changes are put on top of each other."""

    def __init__(self, store: ox.Store) -> None:
        self._store = store
        self.now: dict[str, bool] = {}

    def was(self, iri: str) -> bool:
        return self._store.contains_named_graph(NamedNode(iri))

    def exists(self, iri: str) -> bool:
        return self.now[iri] if iri in self.now else self.was(iri)


def net_of(
    store: ox.Store, changes: Iterable[tuple[Changeset, Iterable[Quad]]], *, base: Base, head: int
) -> Net:
    """What changes, each with its ledger quads, come to in the state `head` of `store`.

    Every change has to be exact: what it removes is there (after those before it), what it adds is not.
    Ledger quads that are there already are passed over. Raises ChangeConflict.
    """
    now: dict[Quad, bool] = {}
    graphs = _Graphs(store)
    pointer = head_quad(base, head)
    came = []
    for change, ledger in changes:
        for quads, there in ((change.removed, True), (change.added, False)):
            wrong = [quad for quad in quads if _holds(store, now, quad) != there]
            if wrong:
                raise _conflict(wrong, there)
        now.update(dict.fromkeys(change.removed, False))
        now.update(dict.fromkeys(change.added, True))
        now.update(dict.fromkeys(ledger, True))
        came.append(_graphs_after(change, [*ledger, pointer], graphs))
        for iri in change.dropped:
            graph = NamedNode(iri)
            left = (quad for quad in store.quads_for_pattern(None, None, None, graph))
            if any(now.get(quad, True) for quad in left) or any(
                there and quad.graph_name == graph for quad, there in now.items()
            ):
                raise ChangeConflict(
                    f"nothing was written: graph <{iri}> is to cease to exist, but quads are left in it",
                    hint="make the change again from the newest generation",
                )
    was = {quad: quad in store for quad in now}
    return Net(
        Changeset(
            base=head,
            removed=frozenset(quad for quad, there in now.items() if was[quad] and not there),
            added=frozenset(quad for quad, there in now.items() if there and not was[quad]),
            created=frozenset(iri for iri, there in graphs.now.items() if there and not graphs.was(iri)),
            dropped=frozenset(iri for iri, there in graphs.now.items() if not there and graphs.was(iri)),
        ),
        tuple(came),
    )


def _graphs_after(change: Changeset, ledger: Iterable[Quad], graphs: _Graphs) -> frozenset[str]:
    """Note which graphs exist after a change; gives those that came without being called created."""
    for iri in change.dropped:
        graphs.now[iri] = False
    touched = {q.graph_name.value for q in (*change.added, *ledger) if isinstance(q.graph_name, NamedNode)}
    came = frozenset(iri for iri in touched - change.created if not graphs.exists(iri))
    graphs.now.update(dict.fromkeys(came | change.created, True))
    return came


def _holds(store: ox.Store, now: Mapping[Quad, bool], quad: Quad) -> bool:
    known = now.get(quad)
    return quad in store if known is None else known


def _conflict(quads: list[Quad], there: bool) -> ChangeConflict:
    what = "remove, which are not there" if there else "add, which are there already"
    return ChangeConflict(
        f"nothing was written: {len(quads)} quad(s) to {what}; first {min(map(str, quads))}",
        hint="make the change again from the newest generation",
    )


# --- one request ----------------------------------------------------------------------------------------


def put(store: ox.Store, change: Changeset, *, base: Base, head: int, in_union: InUnion | None) -> None:
    """Bring a change, what it does to the union, and the head pointer into a database, all or nothing.

    The change is exact. Whatever is raised (OSError mostly), nothing of it is there, as far as this process
    can tell; what a database does with a log it could not write shows only when it is opened again.
    """
    was = {quad for quad in [head_quad(base, head_of(store, base))] if quad in store}
    now = {head_quad(base, head)} if head > FIRST_GENERATION else set()
    removed, added = (change.removed | was) - now, (change.added | now) - was
    if in_union is not None:
        whole = Changeset(base=change.base, removed=frozenset(removed), added=frozenset(added))
        overlay = OverlayView(StoreView(change.base, store), whole, in_union)
        removed |= {Quad(t.subject, t.predicate, t.object) for t in overlay.union_removed}
        added |= {Quad(t.subject, t.predicate, t.object) for t in overlay.union_added}
    run(store, removed, added, created=change.created, dropped=change.dropped)


def run(
    store: ox.Store,
    removed: Iterable[Quad],
    added: Iterable[Quad],
    *,
    created: Iterable[str] = (),
    dropped: Iterable[str] = (),
) -> None:
    """One request: these quads out, those in, and graphs that come and go."""
    request: list[str] = []
    plain_out, blank_out = _parted(removed)
    plain_in, blank_in = _parted(added)
    if plain_out:
        request.append(f"DELETE DATA {{\n{_block(plain_out)}}}")
    if blank_out or blank_in:
        request += _with_blank_nodes(blank_out, blank_in)
    if plain_in:
        request.append(f"INSERT DATA {{\n{_block(plain_in)}}}")
    request += [f"DROP SILENT GRAPH {NamedNode(iri)}" for iri in sorted(dropped)]
    request += [f"CREATE SILENT GRAPH {NamedNode(iri)}" for iri in sorted(created)]
    if request:
        store.update(
            " ;\n".join(request), custom_functions={_BLANK: _blank} if blank_out or blank_in else None
        )


def _blank(label: object) -> BlankNode:
    assert isinstance(label, Literal)
    return BlankNode(label.value)


def _block(quads: Iterable[Quad]) -> str:
    """Quads as SPARQL writes them in a DATA block; it reads the terms of N-Triples as they are."""
    graphs: dict[GraphName, list[Quad]] = defaultdict(list)
    for quad in quads:
        graphs[quad.graph_name].append(quad)
    parts = []
    for graph, inside in graphs.items():
        text = serialise(inside, FORMATS["nt"]).decode()
        parts.append(text if isinstance(graph, DefaultGraph) else f"GRAPH {graph} {{\n{text}}}\n")
    return "".join(parts)


def _parted(quads: Iterable[Quad]) -> tuple[list[Quad], list[Quad]]:
    plain: list[Quad] = []
    blank: list[Quad] = []
    for quad in quads:
        terms = (quad.subject, quad.object, quad.graph_name)
        (blank if any(isinstance(term, BlankNode) for term in terms) else plain).append(quad)
    return plain, blank


def _with_blank_nodes(removed: list[Quad], added: list[Quad]) -> Iterator[str]:
    """DELETE DATA takes no blank node and INSERT DATA renames it: a function of ours makes it by its label.

    Rows of VALUES hold terms, and of a blank node its label with a flag; quads of the default graph and of
    named ones take a request each, as a template has no variable for the former.
    """
    for word, quads in (("DELETE", removed), ("INSERT", added)):
        for in_default in (True, False):
            rows = [q for q in quads if isinstance(q.graph_name, DefaultGraph) == in_default]
            if not rows:
                continue
            pattern = "{ ?s ?p ?o }" if in_default else "{ GRAPH ?g { ?s ?p ?o } }"
            names = "?s1 ?s2 ?p ?o1 ?o2" + ("" if in_default else " ?g1 ?g2")
            lines = "\n".join(
                "(" + " ".join([_pair(q.subject), str(q.predicate), _pair(q.object)])
                + ("" if in_default else " " + _pair(q.graph_name)) + ")"
                for q in rows
            )  # fmt: skip
            binds = " ".join(
                f"BIND(IF(?{v}2, {_BLANK}(?{v}1), ?{v}1) AS ?{v})" for v in ("so" if in_default else "sog")
            )
            yield f"{word} {pattern} WHERE {{ VALUES ({names}) {{\n{lines}\n}} {binds} }}"


def _pair(term: object) -> str:
    if isinstance(term, BlankNode):
        return f"{Literal(term.value)} true"
    return f"{term} false"
