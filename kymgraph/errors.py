"""Every error kymgraph raises on purpose, on one page.

A message says what was refused, in what state things were left, and what to do next; `hint` holds the
next step alone where a caller wants to show it apart. `code` is part of the API: the HTTP status of each
code is in `api/problems.py`, the exit status in `kymgraph/cli/exits.py`.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Protocol


class KymgraphError(Exception):
    """The root of the tree. Raised itself only for a fault of our own (exit 70, HTTP 500)."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


# --- what came in could not be read ---------------------------------------------------------------------


class InputError(KymgraphError):
    """A file, payload or value could not be read. Nothing was changed."""

    code = "bad-input"


class RdfSyntaxError(InputError):
    """Malformed RDF. `line` and `column` count from 1 and are None where the parser does not tell."""

    code = "rdf-syntax"

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        self.name, self.detail, self.line, self.column = name, detail, line, column
        where = name if line is None else f"{name}:{line}" if column is None else f"{name}:{line}:{column}"
        super().__init__(f"{where}: {detail}", hint=hint)


class UnsafePayload(InputError):
    """A payload that could harm the reader (RDF/XML with a DTD) was refused before parsing."""

    code = "unsafe-payload"


class ProjectError(KymgraphError):
    """The graph project (its folder or `kymgraph.toml`) is missing or wrong."""

    code = "bad-project"


# --- queries --------------------------------------------------------------------------------------------


class QuerySyntaxError(KymgraphError):
    """A query that is not SPARQL 1.1. `line` and `column` count from 1."""

    code = "query-syntax"

    def __init__(
        self, detail: str, *, line: int | None = None, column: int | None = None, hint: str | None = None
    ) -> None:
        self.detail, self.line, self.column = detail, line, column
        where = (
            "" if line is None else f"line {line}: " if column is None else f"line {line}, column {column}: "
        )
        super().__init__(f"{where}{detail}", hint=hint)


class QueryTooLarge(KymgraphError):
    """A query text over the limits of size, depth or number of operators."""

    code = "query-too-large"


class QueryTimeout(KymgraphError):
    """A query that did not end before its deadline; its worker was ended."""

    code = "query-timeout"


class QueryMemory(KymgraphError):
    """A query that needed more memory than a worker may use; its worker was ended."""

    code = "query-memory"


class QueryRefused(KymgraphError):
    """A query text that ended a worker before, refused for an hour."""

    code = "query-refused"


class ServiceNotAllowed(KymgraphError):
    """SERVICE to an endpoint that is not on the list of allowed hosts."""

    code = "service-not-allowed"


class ServiceUnsupported(KymgraphError):
    """SERVICE in a form or place where asking beforehand would not mean the same. Nothing was run."""

    code = "service-unsupported"


class ServiceFailed(KymgraphError):
    """An endpoint named by SERVICE refused, sent what is no answer, or sent too much of it."""

    code = "service-failed"


class ServiceTimeout(ServiceFailed):
    """An endpoint named by SERVICE did not answer in time."""

    code = "service-timeout"


class UpdateNotAllowed(KymgraphError):
    """A SPARQL Update was sent where a query is expected."""

    code = "update-on-query"


class MergeTooLarge(KymgraphError):
    """Several default graphs were asked for that hold more quads than are merged for one query."""

    code = "merge-too-large"


class Busy(KymgraphError):
    """All workers are taken; the same request may succeed a moment later."""

    code = "busy"


class IndexNotReady(KymgraphError):
    """The search index is being made, or cannot be read. Everything but searching works."""

    code = "index-not-ready"


class TooManyRequests(KymgraphError):
    """One client asks for more than its share. `retry_after` is in seconds."""

    code = "too-many-requests"

    def __init__(self, message: str, *, retry_after: float = 1.0, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class FormatNotAvailable(KymgraphError):
    """No format that was asked for can hold this result."""

    code = "format-not-available"


class BadParameter(KymgraphError):
    """A parameter of a named query is missing, unknown or not of its type."""

    code = "bad-parameter"


class UnknownParameter(BadParameter):
    """A parameter that the query does not declare."""


class GraphNotFound(KymgraphError):
    """A named graph that the dataset does not hold."""

    code = "graph-not-found"


class GenerationNotKept(KymgraphError):
    """A generation that no longer stands on disk."""

    code = "generation-not-kept"


# --- the store ------------------------------------------------------------------------------------------


class StoreMissing(KymgraphError):
    """There is no store where one was looked for."""

    code = "store-missing"


class StoreBroken(KymgraphError):
    """A store folder that cannot be used as it is; `kymgraph doctor` says what to do."""

    code = "store-broken"


class StoreHasCommits(KymgraphError):
    """A build would drop commits. Nothing was changed."""

    code = "store-has-commits"


class CannotWrite(KymgraphError):
    """The disk, or the rights on it, did not let a store or file be written; what was there is unharmed."""

    code = "cannot-write"


class FilesChanged(KymgraphError):
    """Files were altered since the store was built from them; writing over them would lose that."""

    code = "files-changed"


class StoreLocked(KymgraphError):
    """Another process is writing to the store."""

    code = "store-locked"


class _Report(Protocol):
    """What `GateRejected` needs of a `kymgraph.report.Report`, which is a layer above this module."""

    def to_text(self, lang: str = ...) -> str: ...


class GateRejected(KymgraphError):
    """The shapes refused the data. Nothing was written; `report` says what to mend."""

    code = "gate-rejected"

    def __init__(self, report: _Report, message: str | None = None, *, hint: str | None = None) -> None:
        self.report = report
        super().__init__(message or "nothing was written: the data does not conform to the shapes", hint=hint)


class GateTimeout(KymgraphError):
    """Judging a change took more time or memory than it may; nothing was written."""

    code = "gate-timeout"


# --- changes --------------------------------------------------------------------------------------------


class BaseMoved(KymgraphError):
    """A change was made against a generation that is no longer the newest. Nothing was written.

    `matched` says that the caller asked for that very generation (If-Match).
    """

    code = "base-moved"

    def __init__(self, message: str, *, matched: bool = False, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.matched = matched


class ChangeConflict(KymgraphError):
    """A change removes what is not there, or adds what is there already. Nothing was written."""

    code = "change-conflict"


class IdReused(KymgraphError):
    """An idempotency key came a second time, with another change. Nothing was written."""

    code = "id-reused"


class NameAGraph(KymgraphError):
    """A write to the default graph, which is derived in union projects. Nothing was written."""

    code = "name-a-graph"


class GraphNotWritable(KymgraphError):
    """A write to a graph that is made by other means (ledger, ontology, shapes). Nothing was written."""

    code = "graph-not-writable"


class CommitNotFound(KymgraphError):
    """A commit number that the history does not hold."""

    code = "commit-not-found"


class ProposalNotFound(KymgraphError):
    """A proposal that does not exist, or that the asker may not see."""

    code = "proposal-not-found"


class ProposalDecided(KymgraphError):
    """A proposal that was accepted or declined already."""

    code = "proposal-decided"


class _Fault(Protocol):
    """What `SheetRefused` needs of a `kymgraph.intake.faults.Fault`, which is a layer above this module."""

    def to_dict(self) -> dict[str, Any]: ...
    def text(self, lang: str = ...) -> str: ...


class SheetRefused(InputError):
    """A spreadsheet with faults; `faults` names each by sheet, row and column. Nothing was written."""

    code = "sheet-refused"

    def __init__(self, message: str, faults: tuple[_Fault, ...] = (), *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.faults = faults


# --- access ---------------------------------------------------------------------------------------------


class NotAllowed(KymgraphError):
    """What the token's role or graphs do not allow. Nothing was written."""

    code = "not-allowed"


class TokenInvalid(KymgraphError):
    """A token that is unknown, expired, revoked or not for us. Nothing was done."""

    code = "token-invalid"


class TokenNotFound(KymgraphError):
    """A token name or id that the list of tokens does not hold."""

    code = "token-not-found"


class HostNotAllowed(KymgraphError):
    """An outbound request to a host that the operator did not allow. Nothing was sent."""

    code = "host-not-allowed"


class FetchFailed(KymgraphError):
    """An allowed outbound request that was not answered, or with too much."""

    code = "fetch-failed"


class SourceShrunk(KymgraphError):
    """A catalogue that has lost most of its records since the last harvest. Nothing was changed."""

    code = "source-shrunk"


class PortTaken(KymgraphError):
    """The address that the server was told to bind to cannot be bound."""

    code = "port-taken"


# --- the surroundings -----------------------------------------------------------------------------------


class ToolMissing(KymgraphError):
    """An optional tool (a Java runtime, an extra) is not installed."""

    code = "tool-missing"


class SandboxMissing(KymgraphError):
    """This machine cannot keep query workers off the network, and the operator has not accepted that."""

    code = "sandbox-missing"


class ReasonerTimeout(KymgraphError):
    """The reasoner did not end before its deadline and was ended."""

    code = "reasoner-timeout"


# --- between processes ----------------------------------------------------------------------------------


def to_dict(error: KymgraphError) -> dict[str, Any]:
    """An error as JSON values: its code, its words, and what else it carries that JSON can hold."""
    more = {name: value for name, value in vars(error).items() if _is_plain(value)}
    return {**more, "code": error.code, "message": error.message, "hint": error.hint}


def from_dict(given: dict[str, Any]) -> KymgraphError:
    """The error of another process as its own kind again; a code that nobody knows is a fault of ours.

    >>> again = from_dict(to_dict(TooManyRequests("wait", retry_after=3)))
    >>> type(again).__name__, again.message, again.retry_after
    ('TooManyRequests', 'wait', 3)
    """
    kind = _by_code().get(given["code"], KymgraphError)
    error = kind.__new__(kind)
    KymgraphError.__init__(error, given["message"], hint=given.get("hint"))
    for name, value in given.items():
        if name not in ("code", "message", "hint"):
            setattr(error, name, value)
    return error


def _by_code() -> dict[str, type[KymgraphError]]:
    kinds: list[type[KymgraphError]] = [KymgraphError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    # The kind that brought the code in stands for it, not one that inherits it.
    return {kind.code: kind for kind in reversed(kinds)}


def _is_plain(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
