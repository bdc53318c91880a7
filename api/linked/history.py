"""What each commit changed about one resource, in lines that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from api.linked.page import COMMON
from api.negotiate import Language
from api.texts import Texts
from kymgraph.diff import diff
from kymgraph.errors import KymgraphError
from kymgraph.rdf import Literal
from kymgraph.view import View

if TYPE_CHECKING:
    from api.deps import Services

#: Commits whose lines are shown; the others are a link away.
COMMITS: Final = 10
#: Larger commits are not read for the sake of one resource.
QUADS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """One statement that came (+) or went (-)."""

    sign: str
    property: str
    value: str
    graph: str


def changes_of(
    services: Services, iri: str, numbers: Sequence[int], view: View, lang: Language
) -> Mapping[int, list[Change]]:
    """The lines of the newest commits in `numbers`, those that go first. Blocks.

    A commit that is too large, or that the journal no longer holds, is left out.
    """
    found = {}
    for number in numbers[:COMMITS]:
        try:
            entry = services.dataset.entry(number)
            if entry.added + entry.removed > QUADS:
                continue
            found[number] = _lines(services, iri, number, view, lang)
        except KymgraphError:
            continue
    return found


def _lines(services: Services, iri: str, number: int, view: View, lang: Language) -> list[Change]:
    project, words = services.project, Texts(lang)
    whole = services.dataset.changeset(number)
    change = replace(
        whole,
        removed=frozenset(q for q in whole.removed if getattr(q.subject, "value", "") == iri),
        added=frozenset(q for q in whole.added if getattr(q.subject, "value", "") == iri),
    )
    shown = diff(change, [view], project.base, project.prefixes)
    lines = []
    for resource in shown.resources:
        graph = project.base.graph_name(resource.graph or "") or resource.graph or ""
        for line in resource.lines:
            known = COMMON.get(line.predicate.value)
            common = words(f"property.{known}") if known else ""
            name = shown.name(line.predicate, lang) or common or shown.short(line.predicate)
            if isinstance(line.value, Literal):
                tag = f" ({line.value.language})" if line.value.language else ""
                value = words.date(line.value.value) + tag
            else:
                value = shown.name(line.value, lang) or shown.short(line.value)
            lines.append(Change(line.sign, name, value, graph))
    return sorted(lines, key=lambda line: (line.property, line.sign == "+"))
