"""A database made anew, quad by quad: nothing of the old one's files is in it.

For what must be gone from the disk. Removing quads from a database leaves their bytes in its files for a
while, and in every checkpoint and link for longer; a database that never held them has none.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyoxigraph as ox

from kymgraph.namespaces import Base
from kymgraph.rdf import BlankNode, NamedNode, Quad
from kymgraph.store.apply import head_quad, is_head
from kymgraph.store.journal import FIRST_GENERATION, fsync_folder

#: What becomes of the quads of a database.
Rewrite = Callable[[Iterator[Quad]], Iterable[Quad]]


class Database:
    """The quads of a checkpoint, those of the default graph among them, and its graphs."""

    def __init__(self, checkpoint: Path) -> None:
        self._store = ox.Store.read_only(str(checkpoint))

    def quads(self) -> Iterator[Quad]:
        return self._store.quads_for_pattern(None, None, None, None)

    def graphs(self) -> list[NamedNode | BlankNode]:
        return list(self._store.named_graphs())

    def __len__(self) -> int:
        return len(self._store)


def rewrite(
    source: Path, rewritten: Rewrite, *, base: Base, head: int, checkpoint: Path, live: Path | None = None
) -> None:
    """Write a checkpoint, and the database `live` beside it, of what `rewritten` makes of `source`.

    It says of itself that it knows the commits up to `head`. Both are on the disk when this returns. Raises
    OSError and RuntimeError; what is there then is of no use.
    """
    place = live or checkpoint.with_name(checkpoint.name + ".live")
    read, store = Database(source), ox.Store(place)
    try:
        store.bulk_extend(quad for quad in rewritten(read.quads()) if not is_head(base, quad))
        for graph in read.graphs():
            store.add_graph(graph)
        if head > FIRST_GENERATION:
            store.add(head_quad(base, head))
        store.optimize()
        # The first checkpoint after a bulk load can take seconds; it is thrown away, so that no reader waits.
        first = checkpoint.with_name(checkpoint.name + ".first")
        store.backup(first)
        shutil.rmtree(first)
        store.backup(checkpoint)
        store.flush()
    finally:
        del read, store  # closes it, also where an error keeps this frame
        gc.collect()
    if live is None:
        shutil.rmtree(place)
    for folder in (checkpoint, live):
        if folder is not None:
            for file in folder.iterdir():
                fsync_folder(file)
            fsync_folder(folder)
    fsync_folder(checkpoint.parent)
