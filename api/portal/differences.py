"""A change as a page shows it: thing by thing, field by field, what was and what comes, with names and links.

Made from `kymgraph.diff`, so that a page and the command line tell the same. A long change is cut, and the
page says so.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from api.linked.page import COMMON
from api.linked.paths import path_of
from api.negotiate import Language
from api.pages import cell, shorten
from api.portal.asking import Value
from api.texts import Texts
from kymgraph.changeset import Changeset
from kymgraph.diff import LABELS, Diff, diff
from kymgraph.diff import Line as DiffLine
from kymgraph.linking.decisions import MATCHES
from kymgraph.namespaces import RDF
from kymgraph.rdf import Literal, NamedNode, Quad, Term

if TYPE_CHECKING:
    from api.deps import Services

#: Lines that a page shows of one change.
MOST: Final = 500
#: Terms of others that claims and decisions on links are made of, and the keys of what we call them.
_WORDS: Final = {
    **{iri: f"linkdesk.match.{word}" for word, iri in MATCHES.items()},
    RDF + "subject": "diff.claim.subject",
    RDF + "predicate": "diff.claim.predicate",
    RDF + "object": "diff.claim.object",
}
_PASSAGE: Final = re.compile(r"(.+)/([0-9]+)-([0-9]+)")


@dataclass(frozen=True, slots=True)
class Line:
    """One field: a value that goes, one that comes, or one that takes the other's place."""

    field: Value
    before: Value | None
    after: Value | None
    conflict: str = ""  #: `gone`: what goes is not there any more; `there`: what comes is there already


@dataclass(frozen=True, slots=True)
class Group:
    """What changes about one thing in one graph."""

    thing: Value
    graph: Value | None
    lines: tuple[Line, ...]

    @property
    def adds(self) -> bool:
        """Whether anything comes: a page leaves a column out that would be empty."""
        return any(line.after for line in self.lines)

    @property
    def removes(self) -> bool:
        return any(line.before for line in self.lines)


@dataclass(frozen=True, slots=True)
class Difference:
    """A change for a page."""

    groups: tuple[Group, ...]
    removed: int
    added: int
    shown: int  #: lines on the page
    total: int

    @property
    def cut(self) -> bool:
        return self.shown < self.total


async def difference(
    services: Services,
    lang: Language,
    change: Changeset,
    *,
    gone: frozenset[Quad] = frozenset(),
    there: frozenset[Quad] = frozenset(),
) -> Difference:
    """The change with the names of now. `gone` and `there` are its quads that no longer fit the state."""
    view, project = services.dataset.view(), services.project
    made = await asyncio.to_thread(diff, change, [view], project.base, project.prefixes)
    made = replace(made, labels=_with_former(change, made.labels))
    marks = {_key(quad): "gone" for quad in gone} | {_key(quad): "there" for quad in there}
    groups, shown, total = [], 0, 0
    for resource in made.resources:
        lines = []
        for field, before, after in _paired(resource.lines):
            total += 1
            if shown < MOST:
                shown += 1
                lines.append(
                    Line(
                        value(services, made, lang, field),
                        None if before is None else value(services, made, lang, before),
                        None if after is None else value(services, made, lang, after),
                        _mark(marks, resource.subject, resource.graph, field, before, after),
                    )
                )
        if lines:
            graph = None if resource.graph is None else _graph(services, lang, resource.graph)
            groups.append(Group(value(services, made, lang, resource.subject), graph, tuple(lines)))
    return Difference(tuple(groups), len(change.removed), len(change.added), shown, total)


def _with_former(
    change: Changeset, labels: Mapping[Term, Mapping[str, str]]
) -> Mapping[Term, Mapping[str, str]]:
    """The names of things that are gone already, from what the change takes away, beside the others."""
    former: dict[Term, dict[str, str]] = {}
    for quad in change.removed:
        subject = quad.subject
        if quad.predicate in LABELS and isinstance(quad.object, Literal) and isinstance(subject, NamedNode):
            former.setdefault(subject, {})[quad.object.language or ""] = quad.object.value
    return {**former, **labels}


def value(services: Services, made: Diff, lang: Language, term: Term) -> Value:
    """One term with its name in the reader's language, and where it leads."""
    if isinstance(term, Literal):
        own = term.language or ""
        return Value(term.value, lang="" if own == lang else own)
    if not isinstance(term, NamedNode):
        return Value(str(term))
    iri = term.value
    texts = made.labels.get(term, {})
    told = next((code for code in (lang, "fi", "sv", "en", "") if texts.get(code)), None)
    if told is not None:
        return Value(texts[told], iri, href_of(services, lang, iri), told if told != lang else "")
    return Value(_unnamed(services, lang, iri), iri, href_of(services, lang, iri))


def _unnamed(services: Services, lang: Language, iri: str) -> str:
    """What a thing is called that the graph has no name for."""
    if (known := COMMON.get(iri)) is not None:
        return Texts(lang)(f"property.{known}")
    if (text := _WORDS.get(iri)) is not None:
        return Texts(lang)(text)
    if iri.startswith(agents := services.project.base.id("agent", "")):
        return iri.removeprefix(agents)  # a pseudonym
    passage = _PASSAGE.fullmatch(iri.removeprefix(services.project.base.id("passage", "")))
    if passage is not None and iri.startswith(services.project.base.ids):
        # As spreadsheets write it.
        return f"{passage[1]}:{passage[2]}" + ("" if passage[2] == passage[3] else f"–{passage[3]}")
    return shorten(iri, services.prefixes)


def href_of(services: Services, lang: Language, iri: str) -> str:
    """The page of a thing of ours, or the address of another if a browser may follow it."""
    base = services.project.base
    if iri.startswith((base.ids, base.graphs, base.iri + "ontology")):
        return services.root + path_of(base, "page", iri, more={"lang": lang})
    return cell({"type": "uri", "value": iri}, {}).href or ""


def _graph(services: Services, lang: Language, iri: str) -> Value:
    name = services.project.base.graph_name(iri) or iri
    return Value(name, iri, href_of(services, lang, iri))


def _paired(lines: Iterable[DiffLine]) -> Iterator[tuple[NamedNode, Term | None, Term | None]]:
    """Field by field; of a language, the text that goes stands beside the one that comes."""
    fields: dict[tuple[NamedNode, str], tuple[list[Term], list[Term]]] = {}
    for line in lines:
        sign, field, term = line.sign, line.predicate, line.value
        kind = term.language or "" if isinstance(term, Literal) else ""
        fields.setdefault((field, kind), ([], []))[sign == "+"].append(term)
    for (field, _), (before, after) in fields.items():
        for old, new in zip_longest(before, after):
            yield field, old, new


_Key = tuple[str, str, str, str | None]


def _key(quad: Quad) -> _Key:
    graph = quad.graph_name
    return (
        str(quad.subject),
        quad.predicate.value,
        str(quad.object),
        graph.value if isinstance(graph, NamedNode) else None,
    )


def _mark(
    marks: dict[_Key, str],
    subject: Term,
    graph: str | None,
    field: NamedNode,
    before: Term | None,
    after: Term | None,
) -> str:
    for term in (before, after):
        if term is not None and (found := marks.get((str(subject), field.value, str(term), graph))):
            return found
    return ""
