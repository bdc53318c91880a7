"""Terms and quads of the store as rdflib has them, and back: the one conversion for data and shapes alike.

Two traps make this a module of its own. rdflib takes `"a"` and `"a"^^xsd:string` for different terms, so a
plain string never gets a datatype; and it rewrites literals (`"1.50"` becomes `"1.5"`) unless told not to.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import rdflib
from rdflib import BNode, Graph, URIRef
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.sparql import Query
from rdflib.query import Result

from kymgraph.namespaces import XSD
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad, Term

RdfTerm = URIRef | BNode | rdflib.Literal


@lru_cache(maxsize=65536)
def to_rdflib(term: Term) -> RdfTerm:
    """The rdflib form of a term.

    >>> to_rdflib(Literal("a")) == rdflib.Literal("a")
    True
    >>> str(to_rdflib(Literal("1.50", datatype=NamedNode(XSD + "decimal"))))
    '1.50'
    """
    if isinstance(term, NamedNode):
        return URIRef(term.value)
    if isinstance(term, BlankNode):
        return BNode(term.value)
    if term.language is not None:
        return rdflib.Literal(term.value, lang=term.language)
    if term.datatype.value == XSD + "string":
        return rdflib.Literal(term.value)
    return rdflib.Literal(term.value, datatype=URIRef(term.datatype.value), normalize=False)


def from_rdflib(term: object) -> Term:
    """The store's form of an rdflib term; TypeError for anything else.

    >>> from_rdflib(rdflib.Literal("a"))
    <Literal value=a datatype=<NamedNode value=http://www.w3.org/2001/XMLSchema#string>>
    """
    if isinstance(term, URIRef):
        return NamedNode(str(term))
    if isinstance(term, BNode):
        return BlankNode(str(term))
    if isinstance(term, rdflib.Literal):
        if term.language is not None:
            return Literal(str(term), language=term.language)
        return Literal(str(term), datatype=NamedNode(str(term.datatype)) if term.datatype else None)
    raise TypeError(f"not an RDF term: {term!r}")


class JudgedGraph(Graph):
    """A graph that parses the text of a SPARQL constraint once.

    pySHACL hands over the same text for each focus node, and rdflib would parse it each time (15 ms; to
    answer takes 2 ms): most of what judging the shipped data cost. Bind prefixes before the first query.
    """

    def __init__(self) -> None:
        super().__init__(bind_namespaces="none")
        self._prepared: dict[str, Query] = {}

    def query(self, query_object: str | Query, *args: Any, **kwargs: Any) -> Result:
        if isinstance(query_object, str):
            if query_object not in self._prepared:
                self._prepared[query_object] = prepareQuery(query_object, initNs=dict(self.namespaces()))
            query_object = self._prepared[query_object]
        return super().query(query_object, *args, **kwargs)


def to_graph(quads: Iterable[Quad]) -> Graph:
    """The triples of all the quads as one rdflib graph in memory: a set, whatever graphs they were in."""
    graph = JudgedGraph()
    for quad in quads:
        graph.add((to_rdflib(quad.subject), to_rdflib(quad.predicate), to_rdflib(quad.object)))
    return graph
