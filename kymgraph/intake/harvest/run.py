"""One run of a harvest: what the catalogue holds now against what the last run left, as one changeset.

An unchanged record gives no quads: it keeps the moment at which it was found to be like that. A record that
is unfit, or that the gate refuses, is set aside; if an earlier run took it in, it stays as it was then.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from kymgraph.changeset import Changeset, between
from kymgraph.errors import InputError, SourceShrunk
from kymgraph.intake.harvest import quads as form
from kymgraph.intake.harvest.link import Link, Vocabulary
from kymgraph.intake.harvest.listing import Found, Listing
from kymgraph.intake.harvest.reasons import reason
from kymgraph.intake.harvest.record import Record, shown, slug
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Quad, Term, Triple, canonical
from kymgraph.report import LANGUAGES, Report, Result
from kymgraph.view import View

#: Names of graphs that are harvested into. The last part is part of the names of their nodes.
_GRAPH: Final = re.compile(r"harvest/[a-z0-9][a-z0-9_-]{0,60}")


def check_graph(graph: str) -> None:
    """See that a graph may be harvested into. Raises InputError.

    >>> check_graph("harvest/avoindata")
    """
    if not _GRAPH.fullmatch(graph):
        raise InputError(
            f"{graph!r} is no graph for a harvest; nothing was done",
            hint="write harvest/ and a name of small letters, digits and -, such as harvest/avoindata",
        )


@dataclass(frozen=True, slots=True)
class Aside:
    """A record that was not taken in, and why."""

    id: str
    position: int
    title: str
    code: str
    field: str = ""
    value: str = ""
    detail: tuple[tuple[str, str], ...] = ()  #: language and the gate's words in it
    stays: bool = False  #: what an earlier run took of it stays

    def reason(self, lang: str) -> str:
        """Why, in one sentence."""
        return reason(
            self.code, lang, field=self.field, value=self.value, detail=dict(self.detail).get(lang, "")
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "position": self.position,
            "title": self.title,
            "code": self.code,
            "field": self.field,
            "reason": {lang: self.reason(lang) for lang in LANGUAGES},
            "stays": self.stays,
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run does to the records of its graph."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    stayed: int = 0  #: set aside or not seen this time, and left as they were


class Harvest:
    """What one listing makes of a graph. `change` may be asked again, for a newer state."""

    def __init__(
        self,
        project: Project,
        graph: str,
        listing: Listing,
        vocabulary: Vocabulary,
        *,
        now: str,
        allow_shrink: bool = False,
    ) -> None:
        check_graph(graph)
        self._names = form.Names(project.base, graph)
        self._listing, self._now, self._allow_shrink = listing, now, allow_shrink
        self._records: dict[str, tuple[Found, Record]] = {}
        self._links: dict[str, tuple[Link, ...]] = {}
        self._digests: dict[str, str] = {}
        self._aside: dict[str, Aside] = {}
        self._nameless = [_aside(one) for one in listing.nameless]
        self.counts = Counts()
        for known, found in listing.entries.items():
            if found.record is None:
                self._aside[slug(known)] = _aside(found)
            else:
                self._records[slug(known)] = found, found.record
                self._links[slug(known)] = vocabulary.links(found.record)
                self._digests[slug(known)] = found.record.digest

    @property
    def aside(self) -> list[Aside]:
        """The records that were set aside, in the order of the catalogue."""
        return sorted([*self._nameless, *self._aside.values()], key=lambda one: one.position)

    def change(self, view: View) -> Changeset:
        """What has to change for the graph to hold what the catalogue holds.

        Raises SourceShrunk when more than half of what it held is gone, unless that is allowed.
        """
        old, shared_old = self._owned(view.quads(graph=self._names.graph))
        made = (
            quad
            for key, (_, record) in self._records.items()
            for quad in form.quads_of(
                record,
                self._links[key],
                self._names,
                digest=self._digests[key],
                taken=self._taken(old.get(key, ()), self._digests[key]),
            )
        )
        new, shared_new = self._owned(canonical(made).quads)
        unseen = old.keys() - new.keys() - self._aside.keys()
        gone = unseen if self._listing.complete else set()
        stayed = (old.keys() & self._aside.keys()) | (unseen - gone)
        if len(gone) * 2 > len(old) and not self._allow_shrink:
            raise SourceShrunk(
                f"nothing was changed: {len(gone):,} of the {len(old):,} records of the last run are not in "
                "the catalogue any more, which looks as if it were broken",
                hint="look at it; if it is right as it is: --allow-shrink",
            )
        after = set[Quad]().union(*new.values(), *shared_new.values(), *(old[key] for key in stayed))
        # What stays keeps its publisher too, as it was, unless another record describes it anew.
        needed = {quad.object for key in stayed for quad in old[key]} - shared_new.keys()
        after.update(*(shared_old[node] for node in needed & shared_old.keys()))
        before = set[Quad]().union(*old.values(), *shared_old.values())
        self.counts = Counts(
            added=len(new.keys() - old.keys()),
            changed=sum(old[key] != new[key] for key in new.keys() & old.keys()),
            unchanged=sum(old[key] == new[key] for key in new.keys() & old.keys()),
            gone=len(gone),
            stayed=len(stayed),
        )
        self._aside = {key: replace(one, stays=key in stayed) for key, one in self._aside.items()}
        return between(before, after, base=view.generation)

    def set_aside(self, report: Report) -> bool:
        """Set aside the records that a report says break the shapes; whether there were any."""
        publishers: dict[str, list[str]] = defaultdict(list)
        for key, (_, record) in self._records.items():
            if record.publisher is not None:
                node = self._names.node(form.PUBLISHER, record.publisher.id)
                publishers[str(node)].append(key)
        known = len(self._records)
        for result in report.results:
            if not result.rejects:
                continue
            owner = self._names.owner(result.focus)
            keys = publishers.get(str(result.focus), []) if owner is None else [owner]
            for key in keys:
                if key in self._records:
                    found, _ = self._records.pop(key)
                    self._links.pop(key)
                    self._aside[key] = _refused(found, result)
        return len(self._records) < known

    def _taken(self, old: Iterable[Quad], digest: str) -> str:
        """When the record was first found to be as it is."""
        said = {quad.predicate.value: quad.object.value for quad in old if isinstance(quad.object, Literal)}
        return said.get(form.GENERATED, self._now) if said.get(form.SHA256) == digest else self._now

    def _owned(self, quads: Iterable[Quad]) -> tuple[dict[str, set[Quad]], dict[Term | Triple, set[Quad]]]:
        """Quads by the record that they belong to, and those that belong to none by their subject."""
        own: dict[str, set[Quad]] = defaultdict(set)
        shared: dict[Term | Triple, set[Quad]] = defaultdict(set)
        owners: dict[Term | Triple, str | None] = {}
        for quad in quads:
            subject = quad.subject
            if subject not in owners:
                owners[subject] = self._names.owner(subject)
            owner = owners[subject]
            (shared[subject] if owner is None else own[owner]).add(quad)
        return dict(own), dict(shared)


def _aside(found: Found) -> Aside:
    assert found.unfit is not None
    unfit = found.unfit
    return Aside(found.id, found.position, shown(found.title), unfit.code, unfit.field, unfit.value)


def _refused(found: Found, result: Result) -> Aside:
    name = result.path_text or (result.path.value if isinstance(result.path, NamedNode) else "")
    detail = tuple((lang, result.message(lang)) for lang in LANGUAGES)
    return Aside(found.id, found.position, shown(found.title), "shapes", name, detail=detail)
