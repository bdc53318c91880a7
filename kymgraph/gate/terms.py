"""Terms and quads of the store as rdflib has them, and back: the one conversion for data and shapes alike.

Three traps make this a module of its own. rdflib takes `"a"` and `"a"^^xsd:string` for different terms, so
a plain string never gets a datatype. It rewrites literals (`"1.50"` becomes `"1.5"`) unless told not to. And
its property paths take a node that is `""`, `0` or `false` for an unbound variable, so that `p*` reads the
whole graph there and finds what is not connected: `path_pairs` walks paths for the graphs that are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import rdflib
from rdflib import BNode, Graph, URIRef
from rdflib.paths import AlternativePath, InvPath, MulPath, NegatedPath, Path, SequencePath
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

    def triples(self, triple: Any) -> Iterator[Any]:  # type: ignore[override]
        subject, predicate, object = triple
        if isinstance(predicate, Path):
            return ((s, predicate, o) for s, o in path_pairs(self, predicate, subject, object))
        return super().triples(triple)

    def query(self, query_object: str | Query, *args: Any, **kwargs: Any) -> Result:
        if isinstance(query_object, str):
            if query_object not in self._prepared:
                self._prepared[query_object] = prepareQuery(query_object, initNs=dict(self.namespaces()))
            query_object = self._prepared[query_object]
        return super().query(query_object, *args, **kwargs)


def path_pairs(graph: Graph, path: Any, subject: Any, object: Any) -> Iterator[tuple[Any, Any]]:
    """The pairs of nodes that a SPARQL path connects; None for a node that may be any.

    >>> from rdflib.paths import MulPath
    >>> graph = to_graph([])
    >>> _ = graph.add((URIRef("urn:a"), URIRef("urn:p"), rdflib.Literal("")))
    >>> [str(o) for _, o in path_pairs(graph, MulPath(URIRef("urn:p"), "*"), rdflib.Literal(""), None)]
    ['']
    """
    if isinstance(path, InvPath):
        return ((o, s) for s, o in path_pairs(graph, path.arg, object, subject))
    if isinstance(path, SequencePath):
        return _sequence(graph, list(path.args), subject, object)
    if isinstance(path, AlternativePath):
        return (pair for part in path.args for pair in path_pairs(graph, part, subject, object))
    if isinstance(path, MulPath):
        return _repeated(graph, path, subject, object)
    if isinstance(path, NegatedPath):
        return path.eval(graph, subject, object)  # type: ignore[no-any-return, no-untyped-call]
    return ((s, o) for s, _, o in graph.triples((subject, path, object)))


def _sequence(graph: Graph, parts: list[Any], subject: Any, object: Any) -> Iterator[tuple[Any, Any]]:
    if len(parts) == 1:
        yield from path_pairs(graph, parts[0], subject, object)
    elif subject is None and object is not None:
        for middle, end in path_pairs(graph, parts[-1], None, object):
            for start, _ in _sequence(graph, parts[:-1], None, middle):
                yield start, end
    else:
        for start, middle in path_pairs(graph, parts[0], subject, None):
            for _, end in _sequence(graph, parts[1:], middle, object):
                yield start, end


def _repeated(graph: Graph, path: MulPath, subject: Any, object: Any) -> Iterator[tuple[Any, Any]]:
    def onwards(node: Any) -> Iterator[Any]:
        return (end for _, end in path_pairs(graph, path.path, node, None))

    def backwards(node: Any) -> Iterator[Any]:
        return (start for start, _ in path_pairs(graph, path.path, None, node))

    if subject is not None:
        reached = _reach(subject, onwards, path)
        yield from ((subject, end) for end in reached if object is None or end == object)
    elif object is not None:
        yield from ((start, object) for start in _reach(object, backwards, path))
    else:
        if path.zero:
            starts = {node for s, _, o in graph.triples((None, None, None)) for node in (s, o)}
        else:
            starts = {start for start, _ in path_pairs(graph, path.path, None, None)}
        for start in starts:
            yield from ((start, end) for end in _reach(start, onwards, path))


def _reach(node: Any, step: Callable[[Any], Iterable[Any]], path: MulPath) -> list[Any]:
    """Where a repeated path leads from a node, each place once."""
    found = dict.fromkeys([node] if path.zero else ())
    work = [node]
    gone = set()
    while work:
        here = work.pop()
        if here in gone:
            continue
        gone.add(here)
        for there in step(here):
            found[there] = None
            if path.more:
                work.append(there)
    return list(found)


def to_graph(quads: Iterable[Quad]) -> Graph:
    """The triples of all the quads as one rdflib graph in memory: a set, whatever graphs they were in."""
    graph = JudgedGraph()
    for quad in quads:
        graph.add((to_rdflib(quad.subject), to_rdflib(quad.predicate), to_rdflib(quad.object)))
    return graph
