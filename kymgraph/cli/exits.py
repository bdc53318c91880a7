"""The exit status of every error code; part of the interface, so scripts may rely on it.

0 done (an empty result too) · 1 refused by the gate, or a check found faults · 2 wrong use or unreadable
input · 3 store, network, time-out · 4 not found · 5 base moved or conflict · 6 not allowed · 70 internal ·
130 interrupted.
"""

from __future__ import annotations

from typing import Final

from kymgraph.errors import KymgraphError

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
STORE: Final = 3
NOT_FOUND: Final = 4
CONFLICT: Final = 5
NOT_ALLOWED: Final = 6
INTERNAL: Final = 70
INTERRUPTED: Final = 130

BY_CODE: Final[dict[str, int]] = {
    "internal": INTERNAL,
    "bad-input": USAGE,
    "rdf-syntax": USAGE,
    "unsafe-payload": USAGE,
    "bad-project": USAGE,
    "query-syntax": USAGE,
    "query-too-large": USAGE,
    "query-timeout": STORE,
    "query-memory": STORE,
    "query-refused": STORE,
    "service-not-allowed": NOT_ALLOWED,
    "service-unsupported": USAGE,
    "service-failed": STORE,
    "service-timeout": STORE,
    "update-on-query": USAGE,
    "merge-too-large": USAGE,
    "busy": STORE,
    "index-not-ready": STORE,
    "too-many-requests": STORE,
    "format-not-available": USAGE,
    "bad-parameter": USAGE,
    "graph-not-found": NOT_FOUND,
    "generation-not-kept": NOT_FOUND,
    "store-missing": STORE,
    "store-broken": STORE,
    "store-has-commits": CONFLICT,
    "cannot-write": STORE,
    "files-changed": CONFLICT,
    "store-locked": STORE,
    "port-taken": USAGE,
    "gate-rejected": REFUSED,
    "tool-missing": STORE,
    "reasoner-timeout": STORE,
    "sandbox-missing": STORE,
    "gate-timeout": STORE,
    "base-moved": CONFLICT,
    "change-conflict": CONFLICT,
    "id-reused": CONFLICT,
    "name-a-graph": USAGE,
    "graph-not-writable": NOT_ALLOWED,
    "commit-not-found": NOT_FOUND,
    "proposal-not-found": NOT_FOUND,
    "proposal-decided": CONFLICT,
    "sheet-refused": USAGE,
    "not-allowed": NOT_ALLOWED,
    "token-invalid": NOT_ALLOWED,
    "token-not-found": NOT_FOUND,
    "host-not-allowed": NOT_ALLOWED,
    "fetch-failed": STORE,
    "source-shrunk": REFUSED,
}


def status(error: KymgraphError) -> int:
    """The exit status for an error; one without an entry is a fault of ours."""
    return BY_CODE.get(error.code, INTERNAL)
