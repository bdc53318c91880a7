"""A resource's document as RDF: what `resource.read` found, and what the document says about itself.

Triples of the dataset keep their graphs, so TriG tells which document states what. What the document adds of
its own stands in the default graph: what it is about, its licence, how many links lead to the resource, and
which commits of the ledger touched it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Final

from kymgraph.errors import FormatNotAvailable
from kymgraph.namespaces import DCTERMS, KYM, PREFIXES, PROV, RDF, XSD
from kymgraph.publishing.resource import ResourceDocument
from kymgraph.rdf import (
    FORMATS,
    BlankNode,
    DefaultGraph,
    Literal,
    NamedNode,
    Quad,
    Term,
    canonical_turtle,
    restore_datatypes,
    serialise,
)

_VOID: Final = PREFIXES["void"]
#: What XML 1.0 cannot hold.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: What an IRI must end in to be the name of an element.
_ELEMENT_NAME: Final = re.compile(r"[^\W\d][\w.\-]*$")


def quads(document: ResourceDocument, here: str, *, licence: str = "") -> list[Quad]:
    """All that the data document at the URL `here` holds, demanded datatypes restored."""
    given = (*document.own, *document.inverse.quads, *document.claims, *document.about)
    return [*dict.fromkeys(restore_datatypes(given)), *_itself(document, here, licence)]


def write(found: list[Quad], name: str, prefixes: Mapping[str, str]) -> bytes:
    """The quads in the RDF format of this short name, the same bytes for the same quads.

    Raises FormatNotAvailable where RDF/XML cannot write what the quads hold.
    """
    if name == "ttl":
        return canonical_turtle(found, prefixes).encode()
    ordered = sorted(found, key=lambda quad: (str(quad.graph_name), str(quad)))
    if name == "trig" and not any(isinstance(t, BlankNode) for q in found for t in (q.subject, q.object)):
        return _trig(ordered, prefixes)
    if name == "rdf":
        _check_xml(found)
    return serialise(ordered, FORMATS[name], prefixes if name in ("rdf", "trig") else None)


def _trig(ordered: list[Quad], prefixes: Mapping[str, str]) -> bytes:
    """Turtle for people, graph by graph; each graph declares the prefixes that it uses.

    Not for blank nodes: a label would mean one node in all graphs.
    """
    blocks = []
    for graph, group in itertools.groupby(ordered, key=lambda quad: quad.graph_name):
        text = canonical_turtle(list(group), prefixes)
        head, between, body = text.partition("\n\n") if text.startswith("@prefix ") else ("", "", text)
        block = body if isinstance(graph, DefaultGraph) else f"{graph} {{\n\n{body}\n}}\n"
        blocks.append(head + between + block)
    return "\n".join(blocks).encode()


def _itself(document: ResourceDocument, here: str, licence: str) -> list[Quad]:
    page, links = NamedNode(here), NamedNode(here + "#links")
    quads = [
        _quad(page, RDF + "type", NamedNode(PREFIXES["foaf"] + "Document")),
        _quad(page, PREFIXES["foaf"] + "primaryTopic", document.iri),
        _quad(page, KYM + "generation", _number(document.generation)),
    ]
    if licence:
        quads.append(_quad(page, DCTERMS + "license", NamedNode(licence)))
    quads += [_quad(document.iri, PROV + "wasInfluencedBy", commit) for commit in document.commits]
    inverse = document.inverse
    if inverse.counts:
        quads.append(_quad(links, RDF + "type", NamedNode(_VOID + "Dataset")))
    if inverse.counts and inverse.exact:
        quads.append(_quad(links, _VOID + "triples", _number(inverse.count)))
        for number, (predicate, count) in enumerate(sorted(inverse.counts.items()), 1):
            part = NamedNode(f"{here}#links-{number}")
            quads += [
                _quad(links, _VOID + "propertyPartition", part),
                _quad(part, _VOID + "property", NamedNode(predicate)),
                _quad(part, _VOID + "triples", _number(count)),
            ]
    return quads


def _check_xml(found: list[Quad]) -> None:
    for quad in found:
        if isinstance(quad.object, Literal) and _NOT_XML.search(quad.object.value):
            raise FormatNotAvailable(
                "nothing was sent: a value holds a control character, which XML cannot write",
                hint="ask for Turtle (text/turtle)",
            )
        if not _ELEMENT_NAME.search(quad.predicate.value):
            raise FormatNotAvailable(
                f"nothing was sent: RDF/XML cannot write the property {quad.predicate.value}",
                hint="ask for Turtle (text/turtle)",
            )


def _quad(subject: NamedNode, predicate: str, value: Term) -> Quad:
    return Quad(subject, NamedNode(predicate), value)


def _number(value: int) -> Literal:
    return Literal(str(value), datatype=NamedNode(XSD + "integer"))
