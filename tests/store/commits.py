"""Commits for tests of the write side: small projects, random exact changes, and what a store holds."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from kymgraph import files
from kymgraph.changeset import Changeset
from kymgraph.namespaces import KYM
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Quad, canonical_nquads
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.journal import Entry
from kymgraph.store.writer import Commit, StoreWriter
from kymgraph.view import UNION, View

P = NamedNode("http://x.example/p")


def build(project: Project) -> EmbeddedStore:
    """The store of a project as `kymgraph build` makes it, without the gate."""
    store, read = EmbeddedStore(project.store_folder), files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return store


def quad(project: Project, number: object, graph: str = "a") -> Quad:
    return Quad(
        NamedNode(f"http://x.example/{number}"), P, Literal("x"), NamedNode(project.base.graph(graph))
    )


def ledger_of(project: Project) -> object:
    """Two ledger quads for each commit, made of its entry."""

    def quads(entry: Entry, change: Changeset) -> tuple[Quad, ...]:
        graph = NamedNode(project.base.graph("ledger"))
        commit = NamedNode(project.base.id("commit", str(entry.number)))
        return tuple(
            Quad(commit, NamedNode(KYM + name), Literal(value), graph)
            for name, value in (("time", entry.time), ("digest", entry.digest))
        )

    return quads


def commit(project: Project, number: int, change: Changeset, time: str = "") -> Commit:
    entry = Entry(
        number=number,
        id=change.id,
        time=time or f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
        agent=change.agent,
        source=change.source,
        reason=change.reason,
        removed=len(change.removed),
        added=len(change.added),
        graphs=tuple(sorted(change.graphs)),
        digest=change.digest,
    )
    return Commit(entry, change, ledger_of(project)(entry, change))  # type: ignore[operator]


def change(
    base: int, *, added: Iterable[Quad] = (), removed: Iterable[Quad] = (), reason: str = "a test"
) -> Changeset:
    return Changeset(base, removed=frozenset(removed), added=frozenset(added), reason=reason)


def opened(store: EmbeddedStore, project: Project, **options: object) -> StoreWriter:
    """A writer whose ledger is that of `commit`, and which needs no 64 MB free."""
    options = {"reserve": 0, "ledger_of": ledger_of(project), **options}
    return StoreWriter(store, project, **options)  # type: ignore[arg-type]


def write(writer: StoreWriter, *changes: Changeset) -> None:
    """Write changes as the next commits, without publishing."""
    writer.write([commit(writer.project, writer.head + n, each) for n, each in enumerate(changes, 1)])


def random_changes(
    project: Project, seed: Iterable[Quad], count: int, random: random.Random
) -> list[Changeset]:
    """Exact changes in turn, from the state `seed` on. Graphs share triples; graphs come and go."""
    state, changes = set(seed), []
    exists = {q.graph_name.value for q in state if isinstance(q.graph_name, NamedNode)}
    for number in range(count):
        pool = sorted(state, key=str)
        removed = set(random.sample(pool, min(len(pool), random.randint(0, 8))))
        dropped: set[str] = set()
        if number % 10 == 9:
            victim = random.choice(sorted(exists))
            dropped = {victim}
            removed |= {q for q in state if q.graph_name == NamedNode(victim)}
        graphs = ["a", "b", f"g{random.randint(0, 3)}", "catalog"]
        added = {
            quad(project, random.randint(0, 60), graph)
            for graph in random.choices(graphs, k=random.randint(1, 10))
        }
        added = {q for q in added - state - removed if q.graph_name.value not in dropped}  # type: ignore[union-attr]
        fresh = {q.graph_name.value for q in added if isinstance(q.graph_name, NamedNode)} - exists
        # Every other change says itself which graphs it makes; for the rest the writer has to see it.
        created = fresh if number % 2 else set()
        state = (state - removed) | added
        exists = (exists - dropped) | fresh
        changes.append(
            Changeset(
                number + 1,
                removed=frozenset(removed),
                added=frozenset(added),
                created=frozenset(created),
                dropped=frozenset(dropped),
                reason=f"random {number}",
            )
        )
    return changes


Content = tuple[bytes, bytes, tuple[str, ...]]


def content(view: View, project: Project, *, ledger: bool = False) -> Content:
    """All named graphs but the ledger as canonical N-Quads, the default graph, and the names of graphs."""
    graph = NamedNode(project.base.graph("ledger"))
    named = canonical_nquads(q for q in view.quads() if ledger or q.graph_name != graph)
    names = tuple(name.value for name in view.graphs() if ledger or name != graph)
    return named, canonical_nquads(view.quads(graph=UNION)), names


def union_is_right(view: View, project: Project) -> bool:
    inside = {
        (q.subject, q.predicate, q.object)
        for q in view.quads()
        if isinstance(q.graph_name, NamedNode) and project.in_union(q.graph_name.value)
    }
    return inside == {(q.subject, q.predicate, q.object) for q in view.quads(graph=UNION)}


def faults(store: EmbeddedStore, levels: Sequence[str] = ("warning", "fault")) -> list[str]:
    """What the deep doctor finds, but for the disk of this machine."""
    return [
        f"{finding.level}: {finding.what}"
        for finding in store.doctor(deep=True)
        if finding.level in levels and "disk" not in finding.what
    ]


def segments(store: EmbeddedStore) -> list[Path]:
    return sorted((store.folder / "journal").glob("*.journal"))
