"""Three-way merge: files that were edited, and a store that took commits, both from the same files.

What either side changed is kept. Where both changed the same field of the same resource in the same graph,
and not to the same values, nobody but a person can decide: that is a conflict, and nothing is merged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from kymgraph.changeset import Changeset
from kymgraph.rdf import NamedNode, Quad, Subject, Term

Field = tuple[str, Subject, NamedNode]  #: graph IRI, resource, property


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field that both sides changed, and the values that each would leave."""

    graph: str
    subject: Subject
    predicate: NamedNode
    files: tuple[Term, ...]
    store: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """What the store has to change to take in the files' edits; meaningless where there are conflicts."""

    change: Changeset
    conflicts: tuple[Conflict, ...] = ()


def merge(base: Iterable[Quad], files: Iterable[Quad], store: Iterable[Quad], *, generation: int) -> Merge:
    """Merge the edits from `base` to `files` into `store`, which is at `generation`; all canonical."""
    was, edited, now = frozenset(base), frozenset(files), frozenset(store)
    by_files = _by_field(was - edited, edited - was)
    by_store = _by_field(was - now, now - was)
    conflicts = [
        _conflict(field, edited, now)
        for field in by_files.keys() & by_store.keys()
        if by_files[field] != by_store[field]
    ]
    change = Changeset(
        base=generation,
        removed=(was - edited) & now,
        added=(edited - was) - now,
        guard="generation",
    )
    return Merge(change, tuple(sorted(conflicts, key=lambda c: (c.graph, str(c.subject), str(c.predicate)))))


def _field(quad: Quad) -> Field:
    subject = quad.subject
    graph = quad.graph_name.value if isinstance(quad.graph_name, NamedNode) else ""
    return graph, subject, quad.predicate  # type: ignore[return-value]  # `parse` lets no RDF 1.2 term in


def _by_field(removed: Iterable[Quad], added: Iterable[Quad]) -> dict[Field, tuple[set[Quad], set[Quad]]]:
    fields: dict[Field, tuple[set[Quad], set[Quad]]] = defaultdict(lambda: (set(), set()))
    for index, quads in enumerate((removed, added)):
        for quad in quads:
            fields[_field(quad)][index].add(quad)
    return dict(fields)


def _conflict(field: Field, files: frozenset[Quad], store: frozenset[Quad]) -> Conflict:
    def values(quads: Iterable[Quad]) -> tuple[Term, ...]:
        return tuple(sorted((quad.object for quad in quads if _field(quad) == field), key=str))  # type: ignore[misc]

    return Conflict(*field, files=values(files), store=values(store))
