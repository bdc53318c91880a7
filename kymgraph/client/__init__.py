"""The Python API: the same calls on a store in a folder, on a kymgraph server, on any SPARQL endpoint.

`calls` says what the calls are, `local` answers them from a store folder, `remote` over HTTP; `wire` and
`problems` turn what a server sends, and what it refuses, into the library's own values and errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kymgraph.client.calls import Change, Graph, Proposed
from kymgraph.client.local import Local
from kymgraph.client.remote import TIMEOUT, Remote

__all__ = ["Change", "Graph", "Local", "Proposed", "Remote", "is_url", "open_graph"]


def is_url(place: object) -> bool:
    """Whether this is the address of a server or endpoint, and no folder.

    >>> is_url("https://graph.example/"), is_url("../project"), is_url(None)
    (True, False, False)
    """
    return isinstance(place, str) and place.lower().startswith(("http://", "https://"))


def open_graph(
    path: str | Path | None = None,
    *,
    store: str | Path | None = None,
    token: str | None = None,
    timeout: float = TIMEOUT,
    allow: Iterable[str] = (),
) -> Graph:
    """What `kymgraph.open` opens; see there."""
    for place in (path, store):
        if isinstance(place, str) and is_url(place):
            return Remote(place, token=token, timeout=timeout, allow=allow)
    from kymgraph.project import Project

    return Local.open(Project.find(path), store)
