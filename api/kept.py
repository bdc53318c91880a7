"""Answers of the framework's routes, kept ahead of it: who asks again is answered without it.

Kept is what a route answers with an `AnsweredResponse` over the current generation to a reader without
token or cookie. The key begins with the generation, so nothing kept is ever stale.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from api.cache import AnswerCache, Answered, Scope
from api.negotiate import content_coding

#: Request headers that decide what a route answers.
_DECIDING: Final = frozenset({b"accept", b"accept-language", b"host"})
#: Those with which it may answer something that is for one reader alone, or has to wait.
_PRIVATE: Final = frozenset({b"authorization", b"cookie", b"kymgraph-min-generation"})
#: Longest path and query string of what is kept, in bytes.
_LONGEST: Final = 2_000


def key_of(scope: Scope, generation: int) -> Hashable | None:
    """The key of a request's answer; None for one whose answer is not kept."""
    if scope["method"] not in ("GET", "HEAD"):
        return None
    path, query = scope["path"], scope["query_string"]
    if len(path) + len(query) > _LONGEST:
        return None
    deciding = []
    for header in scope["headers"]:
        if header[0] in _PRIVATE:
            return None
        if header[0] in _DECIDING:
            deciding.append(header)
    return ("kept", generation, path, query, scope["scheme"], tuple(deciding))


def keep(cache: AnswerCache, key: Hashable, scope: Scope, generation: int, route: str) -> None:
    """Keep what a route has just answered, if it may be kept."""
    answer = scope.get("kymgraph.answered")
    if isinstance(answer, Answered) and answer.cacheable and answer.generation == generation:
        answer.route = route
        cache.put(key, answer)


def wire(answer: Answered, scope: Scope) -> tuple[int, bytes, bytes] | None:
    """Status, headers and body of a kept answer to a request; None if they have to be made first."""
    coding = known = None
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            coding = value.decode("latin-1")
        elif name == b"if-none-match":
            known = value
    return answer.wire(content_coding(coding) or "identity", known, head=scope["method"] == "HEAD")
