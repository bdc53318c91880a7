"""What the project's files held when the store and they last agreed: the base of a three-way merge.

Written when the store is built, after an export, and after an import; read by `kymgraph import` alone.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kymgraph.rdf import FORMATS, Quad, canonical_nquads, parse

#: Sorted canonical N-Quads of all files, in the store's folder.
FILE: Final = "files.nq.gz"


def packed(quads: Iterable[Quad]) -> bytes:
    """The file's bytes; the same for the same quads."""
    return gzip.compress(canonical_nquads(quads), 6, mtime=0)


def read(folder: Path) -> list[Quad] | None:
    """What the files held; None in a store that a version before this file has built."""
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return None
    return parse(gzip.decompress(data), FORMATS["nq"], name=FILE)
