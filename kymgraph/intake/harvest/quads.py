"""Records as RDF: `dcat:Dataset` with its files and publisher, the record of it, and why it is linked.

No blank nodes: every node is named after the graph and the catalogue's identifier, so that an unchanged
record gives the same quads each time. Names of nodes are `<base>id/<kind>/<graph>.<record>[.<part>]`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from kymgraph.intake.harvest.link import RULES, Link
from kymgraph.intake.harvest.record import Distribution, Record, Text, slug
from kymgraph.namespaces import DCTERMS, PREFIXES, PROV, RDF, RDFS, XSD, Base
from kymgraph.rdf import Literal, NamedNode, Quad, Term, Triple

DCAT: Final = PREFIXES["dcat"]
FOAF: Final = PREFIXES["foaf"]
DC: Final = "http://purl.org/dc/elements/1.1/"
OA: Final = "http://www.w3.org/ns/oa#"
SHA256: Final = PREFIXES["schema"] + "sha256"
GENERATED: Final = PROV + "generatedAtTime"
TYPE: Final = RDF + "type"
_IANA: Final = "https://www.iana.org/assignments/media-types/"

#: Kinds of nodes that belong to one record.
OWN: Final = (
    "harvested-dataset",
    "harvested-distribution",
    "harvested-link",
    "harvested-period",
    "harvested-record",
)
PUBLISHER: Final = "harvested-publisher"
RULE: Final = "harvest-rule"


class Names:
    """The IRIs of one harvested graph."""

    def __init__(self, base: Base, graph: str) -> None:
        self._base = base
        self.graph = NamedNode(base.graph(graph))
        self.short = graph.rpartition("/")[2]

    def node(self, kind: str, record_id: str, part: str = "") -> NamedNode:
        return NamedNode(
            self._base.id(kind, ".".join((self.short, slug(record_id), *([part] if part else []))))
        )

    def rule(self, name: str) -> NamedNode:
        return NamedNode(self._base.id(RULE, name))

    def owner(self, node: Term | Triple) -> str | None:
        """The slug of the record that a node belongs to; None for shared and foreign nodes."""
        if not isinstance(node, NamedNode) or not node.value.startswith(self._base.ids):
            return None
        kind, _, name = node.value[len(self._base.ids) :].partition("/")
        first, _, rest = name.partition(".")
        return rest.partition(".")[0] if kind in OWN and first == self.short else None


def quads_of(
    record: Record, links: Iterable[Link], names: Names, *, digest: str, taken: str
) -> Iterator[Quad]:
    """The quads of a record; `digest` is its own, `taken` when it was found to be so (xsd:dateTime)."""
    dataset = names.node("harvested-dataset", record.id)
    entry = names.node("harvested-record", record.id)

    def say(subject: NamedNode, predicate: str, *objects: Term) -> Iterator[Quad]:
        for value in objects:
            yield Quad(subject, NamedNode(predicate), value, names.graph)

    yield from say(dataset, TYPE, NamedNode(DCAT + "Dataset"))
    yield from say(dataset, DCTERMS + "title", *_literals(record.titles))
    yield from say(dataset, DCTERMS + "description", *_literals(record.descriptions))
    yield from say(dataset, DCAT + "keyword", *_literals(record.keywords))
    yield from say(dataset, DC + "coverage", *(Literal(name) for name in record.coverage))
    yield from say(dataset, DCTERMS + "license", *_iris(record.license))
    yield from say(dataset, DCAT + "landingPage", *_iris(record.page))
    yield from say(dataset, DCTERMS + "issued", *_typed(record.issued, "dateTime"))
    yield from say(dataset, DCTERMS + "modified", *_typed(record.modified, "dateTime"))
    if record.begins or record.ends:
        period = names.node("harvested-period", record.id)
        yield from say(dataset, DCTERMS + "temporal", period)
        yield from say(period, TYPE, NamedNode(DCTERMS + "PeriodOfTime"))
        yield from say(period, DCAT + "startDate", *_typed(record.begins, "date"))
        yield from say(period, DCAT + "endDate", *_typed(record.ends, "date"))
    if record.publisher is not None:
        publisher = names.node(PUBLISHER, record.publisher.id)
        yield from say(dataset, DCTERMS + "publisher", publisher)
        yield from say(publisher, TYPE, NamedNode(FOAF + "Agent"))
        yield from say(publisher, FOAF + "name", *_literals(record.publisher.names))
    for one in record.distributions:
        node = names.node("harvested-distribution", record.id, slug(one.id))
        yield from say(dataset, DCAT + "distribution", node)
        for name, values in _of_distribution(one):
            yield from say(node, name, *values)
    yield from say(entry, TYPE, NamedNode(DCAT + "CatalogRecord"))
    yield from say(entry, FOAF + "primaryTopic", dataset)
    yield from say(entry, DCTERMS + "source", NamedNode(record.source))
    yield from say(entry, SHA256, *_typed(digest, "hexBinary"))
    yield from say(entry, GENERATED, *_typed(taken, "dateTime"))
    for link in links:
        target = NamedNode(link.target)
        part = hashlib.sha256("\n".join((link.predicate, link.target, link.rule, link.text)).encode())
        why, rule = names.node("harvested-link", record.id, part.hexdigest()[:16]), names.rule(link.rule)
        yield from say(dataset, link.predicate, target)
        yield from say(why, TYPE, NamedNode(OA + "Annotation"))
        yield from say(why, OA + "motivatedBy", NamedNode(OA + "linking"))
        yield from say(why, OA + "hasTarget", dataset)
        yield from say(why, OA + "hasBody", target)
        yield from say(why, DCTERMS + "conformsTo", rule)
        yield from say(why, PROV + "value", Literal(link.text))
        yield from say(rule, TYPE, NamedNode(PROV + "Plan"))
        yield from say(rule, DCTERMS + "identifier", Literal(link.rule))
        yield from say(rule, RDFS + "comment", *(Literal(t, language=g) for g, t in RULES[link.rule].items()))


def _of_distribution(one: Distribution) -> Iterator[tuple[str, Iterable[Term]]]:
    yield TYPE, (NamedNode(DCAT + "Distribution"),)
    yield DCAT + "accessURL", _iris(one.access)
    yield DCAT + "downloadURL", _iris(one.download)
    yield DCTERMS + "title", _literals(one.titles)
    yield DCTERMS + "description", _literals(one.descriptions)
    yield DC + "format", (Literal(one.format),) if one.format else ()
    yield DCAT + "mediaType", _iris(_IANA + one.media_type if one.media_type else "")
    yield DCAT + "byteSize", _typed("" if one.size is None else str(one.size), "integer")


def _literals(texts: Iterable[Text]) -> list[Term]:
    return [Literal(t.value, language=t.lang) if t.lang else Literal(t.value) for t in texts]


def _typed(value: str, datatype: str) -> list[Term]:
    return [Literal(value, datatype=NamedNode(XSD + datatype))] if value else []


def _iris(value: str) -> list[Term]:
    return [NamedNode(value)] if value else []
