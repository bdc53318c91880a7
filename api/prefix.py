"""Behind a proxy under a path: the server knows its paths without the prefix, its readers with it.

The prefix is the path of `KYMGRAPH_PUBLIC_URL`. Paths in headers get it here, on the way out; links in pages
get it from the template variable `root`. A proxy takes it away on the way in, or leaves it
(`KYMGRAPH_PREFIX_KEPT`); a path does not tell which of the two, since a prefix may be called like a route.
"""

from __future__ import annotations

from typing import Final

from api.cache import Message, Scope

_PLACES: Final = frozenset({b"location", b"content-location"})


def without_root(scope: Scope, root: str) -> None:
    """Take the prefix away from the path of a request; one that came without it stays as it is.

    >>> scope = {"path": "/kg/id/a", "raw_path": b"/kg/id/a"}
    >>> without_root(scope, "/kg")
    >>> scope["path"]
    '/id/a'
    """
    path = scope["path"]
    if path != root and not path.startswith(root + "/"):
        return
    raw = scope.get("raw_path") or b""
    scope["path"] = path[len(root) :] or "/"
    scope["raw_path"] = raw[len(root) :] if raw.startswith(root.encode()) else raw


def rooted(message: Message, root: str) -> Message:
    """The start of a response with the prefix before each path in its headers.

    >>> rooted({"headers": [(b"location", b"/id/a"), (b"link", b"</a>; rel=next, <u:x>; rel=up")]}, "/kg")
    {'headers': [(b'location', b'/kg/id/a'), (b'link', b'</kg/a>; rel=next, <u:x>; rel=up')]}
    """
    before = root.encode()
    headers = [
        (name, before + value)
        if name in _PLACES and value.startswith(b"/")
        else (name, value.replace(b"</", b"<" + before + b"/"))
        if name == b"link"
        else (name, value)
        for name, value in message["headers"]
    ]
    # A copy: the message may be that of an answer which is kept.
    return {**message, "headers": headers}
