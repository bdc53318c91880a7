"""Kymgraph: a validated, evidenced knowledge graph of regional development, its store and its endpoint.

`kymgraph.open(path or URL)` opens a graph: a project and its store, a server, any SPARQL endpoint. Importing
this package loads nothing heavy, so that the command line answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kymgraph.client import Graph

__version__ = "0.1.0"
__all__ = ["__version__", "open"]


def open(
    path: str | Path | None = None,
    *,
    store: str | Path | None = None,
    token: str | None = None,
    timeout: float = 60.0,
    allow: Iterable[str] = (),
) -> Graph:
    """Open a graph: query, check, commit, history and search, wherever it is (`kymgraph.client.Graph`).

    `path` is the folder of a graph project (default: found from the working folder upwards), or the URL of a
    kymgraph server, or that of any SPARQL endpoint, which answers queries alone. `store` is the store folder
    of a project, by default `.kymgraph` in it.

    Of a server: `token` is sent with every request, `timeout` (seconds) is for one request as a whole, and
    `allow` lists private addresses (`ip:port`) that its host name may lead to. Nothing but its own host and
    port is ever asked.

    Raises ProjectError when there is no project, StoreMissing when it has not been built; FetchFailed when
    nothing answers at the URL, HostNotAllowed, InputError.
    """
    from kymgraph.client import open_graph

    return open_graph(path, store=store, token=token, timeout=timeout, allow=allow)
