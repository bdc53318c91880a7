"""The ledger: what every commit did, as PROV-O in the graph `ledger`, in the commit's own transaction.

The journal holds the changes themselves; the ledger is what readers of the graph see of them: who, when,
why, from what, in which graphs, how much. Agents are pseudonymous IRIs. Nothing here reads or writes a store.
"""

from __future__ import annotations

from typing import Any, Final

from kymgraph.changeset import Changeset
from kymgraph.namespaces import KYM, PREFIXES, PROV, RDF, RDFS, XSD
from kymgraph.project import LEDGER_GRAPH, Project
from kymgraph.rdf import Literal, NamedNode, Quad, Term
from kymgraph.store.journal import Entry

GENERATION: Final = NamedNode(KYM + "generation")
REASON: Final = NamedNode(RDFS + "comment")


def commit_iri(project: Project, number: int) -> NamedNode:
    """What commit `number` is called in the ledger."""
    return NamedNode(project.base.id("commit", str(number)))


def reason_quad(project: Project, number: int, reason: str) -> Quad:
    """What the ledger says of why."""
    graph = NamedNode(project.base.graph(LEDGER_GRAPH))
    return Quad(commit_iri(project, number), REASON, Literal(reason), graph)


def accepted_by(project: Project, entry: Entry) -> str | None:
    """Who took a proposal in, as an IRI; None for what was no proposal."""
    slug = entry.more.get("accepted_by")
    return None if slug is None else project.base.id("agent", str(slug))


def to_dict(project: Project, entry: Entry) -> dict[str, Any]:
    """What the journal says of one commit, as JSON values for readers."""
    return {
        "number": entry.number,
        "time": entry.time,
        "kind": entry.kind,
        "agent": entry.agent or None,
        "acceptedBy": accepted_by(project, entry),
        "source": entry.source or None,
        "reason": entry.reason,
        "added": entry.added,
        "removed": entry.removed,
        "graphs": list(entry.graphs),
        "id": entry.id,
        "reverts": entry.more.get("reverts"),
        "proposal": entry.more.get("proposal"),
    }


def report_of(entry: Entry) -> dict[str, Any] | None:
    """What the gate said of a commit (`Report.kept`); None where whoever sent it had judged it."""
    return entry.more.get("report")


def quads_of(project: Project, entry: Entry, change: Changeset) -> tuple[Quad, ...]:
    """What the ledger says of one commit, in the store's form; the same whenever it is asked, for replay."""
    commit = commit_iri(project, entry.number)
    graph = NamedNode(project.base.graph(LEDGER_GRAPH))
    quads: list[Quad] = []

    def say(predicate: str, value: Term) -> None:
        quads.append(Quad(commit, NamedNode(predicate), value, graph))

    say(RDF + "type", NamedNode(PROV + "Activity"))
    say(RDF + "type", NamedNode(KYM + "Commit"))
    say(GENERATION.value, _number(entry.number))
    say(PROV + "endedAtTime", Literal(_shortest(entry.time), datatype=NamedNode(XSD + "dateTime")))
    say(KYM + "quadsAdded", _number(entry.added))
    say(KYM + "quadsRemoved", _number(entry.removed))
    say(PREFIXES["dcterms"] + "identifier", Literal(entry.id))
    for iri in entry.graphs:
        say(KYM + "changedGraph", NamedNode(iri))
    if entry.agent:
        say(PROV + "wasAssociatedWith", NamedNode(entry.agent))
    if decided := accepted_by(project, entry):
        say(KYM + "acceptedBy", NamedNode(decided))
    if entry.source:
        say(PROV + "used", NamedNode(entry.source))
    if entry.reason:
        quads.append(reason_quad(project, entry.number, entry.reason))
    if reverted := entry.more.get("reverts"):
        say(KYM + "reverts", commit_iri(project, int(reverted)))
    return tuple(quads)


def _shortest(time: str) -> str:
    """A time as the store keeps it: without zeros at the end of its fraction.

    >>> _shortest("2026-11-22T08:30:00.120Z"), _shortest("2026-11-22T08:30:00.000Z")
    ('2026-11-22T08:30:00.12Z', '2026-11-22T08:30:00Z')
    """
    whole, point, fraction = time.removesuffix("Z").partition(".")
    return whole + (point + fraction).rstrip("0").rstrip(".") + "Z"


def _number(value: int) -> Literal:
    return Literal(str(value), datatype=NamedNode(XSD + "integer"))
