"""The calls that a graph answers, wherever it is: what each takes, what it gives, what it raises.

Questions are SPARQL, with values bound as terms. A change is a text of SPARQL Update, a file, or a Changeset.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias

from kymgraph.changeset import Changeset
from kymgraph.commit import Outcome, Request
from kymgraph.dataset import Value
from kymgraph.errors import BadParameter, InputError, KymgraphError
from kymgraph.queries import NamedQuery, inspect, term_iri
from kymgraph.rdf import Quad
from kymgraph.report import Report
from kymgraph.results import Rows
from kymgraph.store.journal import Entry

if TYPE_CHECKING:
    from types import TracebackType

    from kymgraph.search.index import Hit

#: A SPARQL Update as text; a file (spreadsheet, RDF, RDF Patch, `.ru`) as Path; or a changeset.
Change: TypeAlias = str | Path | Changeset | Request
Mode: TypeAlias = Literal["add", "replace"]
#: A generation: its number, or (of a server) a date or time, as in "2026-11-22T08:30:00Z".
At: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class Proposed:
    """A change that was checked and kept, for somebody with the right to decide it."""

    id: str
    url: str  #: where it is read and decided
    generation: int  #: that it was checked against
    report: Report
    status: ClassVar[str] = "proposed"


class Graph(ABC):
    """A graph that is open. Use it as a context manager, or call `close`."""

    # -- reading

    @property
    @abstractmethod
    def generation(self) -> int:
        """The number of the newest state."""

    @abstractmethod
    def query(self, text: str, /, *, at: int | None = None, **params: Value) -> Rows:
        """The rows of a SELECT or the truth of an ASK, in the newest state or in generation `at`.

        `row["name"]` is the RDF term (a NamedNode, or a Literal with its language or datatype), `row.name`
        the nearest Python value: whole numbers, Decimal, float, bool, date, datetime, and str for everything
        else, a month (`2022-09`) or a year alone among it. Values for variables are bound as terms, never
        pasted; a `str` is a string, a NamedNode or `"<https://…>"` an IRI.

        Raises QuerySyntaxError with line and column, QueryTimeout and its kin, BadParameter,
        GenerationNotKept; over HTTP also FetchFailed, HostNotAllowed.
        """

    @abstractmethod
    def construct(self, text: str, /, *, at: int | None = None, **params: Value) -> list[Quad]:
        """The triples of a CONSTRUCT or DESCRIBE. Raises what `query` raises."""

    def ask(self, text: str, /, *, at: int | None = None, **params: Value) -> bool:
        """The truth of an ASK. Raises what `query` raises, and InputError for another kind of query."""
        answer = self.query(text, at=at, **params)
        if answer.boolean is None:
            raise InputError("ask() takes an ASK query, and this is a SELECT", hint="use query() for rows")
        return answer.boolean

    def describe(self, iri: str, *, at: int | None = None) -> list[Quad]:
        """The triples about one resource, none if it is not there."""
        return self.construct(f"DESCRIBE {term_iri(iri)}", at=at)

    @abstractmethod
    def named_queries(self) -> list[NamedQuery]:
        """The named queries of the project, with their summaries, parameters and example values."""

    def question(self, name: str, /, *, at: int | None = None, **params: Value) -> Rows:
        """The rows of a named query; `params` are its parameters, all of them.

        Raises BadParameter for a name that there is not, and what `query` raises.
        """
        known = {query.name: query for query in self.named_queries()}
        if name not in known:
            raise BadParameter(
                f"nothing was run: there is no question {name!r}",
                hint=f"there are: {', '.join(sorted(known)) or 'none'}",
            )
        return self.query(known[name].text, at=at, **params)

    @abstractmethod
    def search(self, text: str, *, lang: str = "fi", limit: int = 20) -> Sequence[Hit]:
        """The things whose names and definitions fit, best first."""

    # -- changes

    @abstractmethod
    def check(
        self, change: Change, *, reason: str = "", graph: str | None = None, mode: Mode = "add"
    ) -> Outcome:
        """What a change would come to now: its verdict (`report`) and what it would alter (`change`).

        `graph` (name or IRI) takes triples that name no graph, `mode="replace"` makes them the whole of it.
        Nothing is written. A refusal is in the report. Raises what `commit` raises but GateRejected.
        """

    @abstractmethod
    def commit(
        self,
        change: Change,
        *,
        reason: str = "",
        graph: str | None = None,
        mode: Mode = "add",
        id: str | None = None,
        token: str | None = None,
    ) -> Outcome | Proposed:
        """Have a change judged and, if it is accepted, written; it is on the disk when this returns.

        `reason` is one sentence for the ledger, which everybody can read. The same `id` (an IRI) is committed
        once. A server wants a `token`; one that may only propose gives Proposed. Beside a store folder no
        token is asked for: who may write its files may write.

        Raises GateRejected with the report, SheetRefused with the faults by cell, BaseMoved, ChangeConflict,
        IdReused, NameAGraph, GraphNotWritable, NotAllowed, TokenInvalid, Busy. Nothing was written then.
        """

    @abstractmethod
    def history(self, *, after: int = 0, until: int | None = None) -> list[Entry]:
        """The commits with numbers above `after`, up to `until` or the current one, newest first."""

    # -- the end

    @abstractmethod
    def close(self) -> None:
        """Let go of what was started for the calls."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


#: Suffixes that a text has which was meant as a file.
_SUFFIXES = (".ru", ".rdfp", ".ttl", ".trig", ".nt", ".nq", ".jsonld", ".rdf", ".csv", ".xlsx", ".gz")


def check_text(update: str) -> None:
    """Raise InputError for a text that names a file: as an update it could only be a syntax error."""
    if update.strip().lower().endswith(_SUFFIXES) and "\n" not in update:
        raise InputError(
            f"nothing was changed: {update!r} is a text, which is read as a SPARQL Update",
            hint="for a file give a path: pathlib.Path(…)",
        )


def refuse_graph_query(text: str) -> None:
    """Raise InputError where a query is known to give triples and no rows."""
    form = form_of(text)
    if form in ("construct", "describe"):
        raise InputError(
            f"query() gives rows; {form.upper()} gives a graph",
            hint="use construct(), or kymgraph query --format ttl",
        )


def form_of(text: str) -> str | None:
    """The kind of a query; None where we cannot read it, which its endpoint may."""
    try:
        return inspect(text, allow_service=True).form
    except KymgraphError:
        return None
