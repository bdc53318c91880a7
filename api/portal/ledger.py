"""The ledger as people read it: commits by day, and one change resource by resource with names and links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from starlette.responses import Response

from api.linked.page import COMMON
from api.linked.paths import path_of
from api.negotiate import LANGUAGES, Language
from api.pages import cell, shorten
from api.portal.asking import Value
from api.portal.response import page
from api.problems import Problem, problem
from api.texts import Texts
from kymgraph import ledger
from kymgraph.diff import Diff, labels_of
from kymgraph.errors import KymgraphError
from kymgraph.namespaces import KYM, XSD
from kymgraph.rdf import BlankNode, Literal, NamedNode, Term
from kymgraph.store.journal import FIRST_GENERATION, Entry
from kymgraph.view import View

if TYPE_CHECKING:
    from api.deps import Services

#: Commits on one page, unless asked otherwise.
PER_PAGE: Final = 50
#: Lines of a difference that a page shows.
MOST_LINES: Final = 400
#: Characters of a value that a page shows.
MOST_TEXT: Final = 2_000
_REVERTS: Final = NamedNode(KYM + "reverts")


@dataclass(frozen=True, slots=True)
class Line:
    """One statement that goes or comes."""

    added: bool
    predicate: Value
    value: Value
    datatype: str = ""  #: of a literal, where it is not plain text


@dataclass(frozen=True, slots=True)
class Changed:
    """What changes about one resource in one graph."""

    subject: Value
    graph: Value | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A change as a page shows it: from its beginning, and how many lines there are in all."""

    resources: tuple[Changed, ...]
    shown: int
    lines: int
    more: int  #: resources that are not shown


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit with what others say of it."""

    entry: Entry
    agent: Value | None
    accepted_by: Value | None
    graphs: tuple[Value, ...]
    reverts: int | None
    reverted_by: tuple[int, ...]

    @property
    def day(self) -> str:
        return self.entry.time[:10]

    @property
    def clock(self) -> str:
        """The time of day in UTC."""
        return self.entry.time[11:16]


class Names:
    """Labels and links of what a page about changes mentions. Blocks: to be used in a thread."""

    def __init__(self, services: Services, lang: Language, views: Sequence[View]) -> None:
        self._services, self._lang, self._views = services, lang, views
        self._base, self._texts = services.project.base, Texts(lang)

    def value(self, term: Term, labels: Diff | None = None) -> Value:
        """A term as a page shows it."""
        if isinstance(term, Literal):
            own = term.language or ""
            return Value(term.value[:MOST_TEXT], lang="" if own == self._lang else own)
        if isinstance(term, BlankNode):
            return Value(str(term))
        assert isinstance(term, NamedNode)
        found = labels.labels.get(term, {}) if labels else labels_of(term, self._views)
        for code in (self._lang, *LANGUAGES, ""):
            if code in found:
                other = "" if code == self._lang else code
                return Value(found[code], term.value, self.href(term.value), other)
        known = COMMON.get(term.value)
        text = self._texts(f"property.{known}") if known else shorten(term.value, self._services.prefixes)
        return Value(text, term.value, self.href(term.value))

    def href(self, iri: str) -> str:
        base, root = self._base, self._services.root
        if iri.startswith((base.ids, base.graphs, base.iri + "ontology")):
            return root + path_of(base, "page", iri, more={"lang": self._lang})
        return cell({"type": "uri", "value": iri}, {}).href or ""

    def graph(self, iri: str) -> Value:
        name = self._base.graph_name(iri) or iri
        return Value(name, iri, self.href(iri), plain=name)

    def agent(self, iri: str) -> Value | None:
        """Who answers for a change: a pseudonym, which has no name here."""
        if not iri:
            return None
        return Value(iri.removeprefix(self._base.ids + "agent/"), iri, self.href(iri))

    def commit(self, entry: Entry) -> Commit:
        """One commit, with the commits that undo it."""
        project = self._services.project
        undone: set[int] = set()
        for view in self._views:
            for quad in view.quads(None, _REVERTS, ledger.commit_iri(project, entry.number)):
                tail = getattr(quad.subject, "value", "").rpartition("/")[2]
                if tail.isdecimal():
                    undone.add(int(tail))
        reverts = entry.more.get("reverts")
        return Commit(
            entry,
            self.agent(entry.agent),
            self.agent(ledger.accepted_by(project, entry) or ""),
            tuple(self.graph(iri) for iri in entry.graphs),
            int(reverts) if isinstance(reverts, int | str) and str(reverts).isdecimal() else None,
            tuple(sorted(undone)),
        )

    def difference(self, shown: Diff) -> Difference:
        """A difference with its names, cut to what fits a page."""
        resources: list[Changed] = []
        used = 0
        for resource in shown.resources:
            if used >= MOST_LINES:
                break
            lines = tuple(
                Line(
                    line.sign == "+",
                    self.value(line.predicate, shown),
                    self.value(line.value, shown),
                    self._datatype(line.value),
                )
                for line in resource.lines[: MOST_LINES - used]
            )
            used += len(lines)
            graph = None if resource.graph is None else self.graph(resource.graph)
            resources.append(Changed(self.value(resource.subject, shown), graph, lines))
        total = sum(len(resource.lines) for resource in shown.resources)
        return Difference(tuple(resources), used, total, len(shown.resources) - len(resources))

    def _datatype(self, term: Term) -> str:
        if not isinstance(term, Literal) or term.language or term.datatype.value == XSD + "string":
            return ""
        return shorten(term.datatype.value, self._services.prefixes)


def by_day(commits: Iterable[Commit]) -> list[tuple[str, list[Commit]]]:
    """The commits under the day (UTC) of each, in their order."""
    return [(day, list(group)) for day, group in groupby(commits, key=lambda commit: commit.day)]


def choices(services: Services) -> list[str]:
    """Graphs that the list can be narrowed to."""
    return sorted(services.dataset.data_graphs())


def refused(
    request: Request, services: Services, lang: Language, error: KymgraphError, **values: Any
) -> Response:
    """A refusal as a page, with the way on."""
    refusal: Problem = problem(error, lang)
    body = services.pages.render(
        "change-refused.html",
        lang,
        path=request.url.path,
        parameters=request.query_params.multi_items(),
        problem=refusal,
        generation=services.dataset.generation,
        first=FIRST_GENERATION,
        given=values.get("given", {}),
    )
    headers = {
        "content-language": lang,
        "cache-control": "no-store",
        "vary": "Accept, Accept-Language",
        **refusal.headers,
    }
    return Response(body, refusal.status, headers, "text/html; charset=utf-8")


def shown(
    request: Request, services: Services, lang: Language, template: str, generation: int, **values: Any
) -> Response:
    """A page about changes."""
    return page(request, services, lang, template, generation, first=FIRST_GENERATION, **values)
