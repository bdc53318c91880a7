"""A state of the dataset as pySHACL reads it: an rdflib graph over a `View`, nothing of which is copied.

Every read is a look-up in the view's default graph, by what is known of subject, predicate and object.
Nothing counts or walks the store: `len()` raises, and the truth value is True without asking for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from rdflib import BNode, Graph, Variable
from rdflib.paths import Path
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.algebra import Join
from rdflib.plugins.sparql.evaluate import evalQuery
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.plugins.sparql.processor import SPARQLResult
from rdflib.plugins.sparql.sparql import Query

from kymgraph.gate.terms import from_rdflib, path_pairs, to_rdflib
from kymgraph.rdf import Literal, NamedNode, Term
from kymgraph.view import UNION, View

#: Subject, predicate and object, as the store has them.
Row: TypeAlias = tuple[Term, NamedNode, Term]

#: Longer answers are read anew each time they are asked for, so that no hub lies in memory.
_LONGEST_KEPT: Final = 256
_MOST_KEPT: Final = 50_000

of_rdflib = lru_cache(maxsize=65536)(from_rdflib)


class Reader:
    """Look-ups in the default graph of one view. Short answers are kept, so that none is asked for twice."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._kept: dict[tuple[Term | None, Term | None, Term | None], tuple[Row, ...]] = {}

    def find(self, subject: Term | None, predicate: Term | None, object: Term | None) -> Iterable[Row]:
        """The triples that match; None matches all."""
        key = (subject, predicate, object)
        known = self._kept.get(key)
        return self._keep(key) if known is None else known

    def objects(self, subject: Term, predicate: NamedNode | None) -> Iterator[Term]:
        return (row[2] for row in self.find(subject, predicate, None))

    def subjects(self, predicate: NamedNode | None, object: Term) -> Iterator[Term]:
        return (row[0] for row in self.find(None, predicate, object))

    def _keep(self, key: tuple[Term | None, Term | None, Term | None]) -> Iterable[Row]:
        if isinstance(key[0], Literal) or not (key[1] is None or isinstance(key[1], NamedNode)):
            return ()
        rows = self._read(key)
        first: list[Row] = []
        for row in rows:
            first.append(row)
            if len(first) > _LONGEST_KEPT:
                return _chained(first, rows)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = tuple(first)
        return first

    def _read(self, key: tuple[Any, Any, Any]) -> Iterator[Row]:
        value = key[2] if isinstance(key[2], Literal) else None
        for quad in self.view.quads(*key, UNION):
            # The store finds 5 also for those who ask for "5"^^xsd:int, which is another term.
            if value is None or quad.object == value:
                # RDF-star is not part of this store: a subject is an IRI or a blank node.
                yield quad.subject, quad.predicate, quad.object  # type: ignore[misc]


def _chained(first: list[Row], rest: Iterator[Row]) -> Iterator[Row]:
    yield from first
    yield from rest


class GraphView(Graph):
    """What `reader` reads, as an rdflib graph. Change `reader` to look at another state.

    Views that are given the same `prepared` share the queries that they have parsed.
    """

    def __init__(self, prefixes: Mapping[str, str], prepared: dict[str, Query] | None = None) -> None:
        super().__init__(bind_namespaces="none")
        for prefix, namespace in prefixes.items():
            self.bind(prefix, namespace)
        self.reader: Reader | None = None
        self._prepared = {} if prepared is None else prepared

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        raise TypeError("the triples of a store are not counted to judge a change")

    def triples(self, triple: Any) -> Iterator[Any]:  # type: ignore[override]
        subject, predicate, object = triple
        if isinstance(predicate, Path):
            return ((s, predicate, o) for s, o in path_pairs(self, predicate, subject, object))
        assert self.reader is not None
        try:
            asked = [None if term is None else of_rdflib(term) for term in triple]
        except ValueError:
            return iter(())  # a term that a query made up and no store can hold, an IRI with a blank in it
        rows = self.reader.find(*asked)
        return ((to_rdflib(s), to_rdflib(p), to_rdflib(o)) for s, p, o in rows)

    def __contains__(self, triple: Any) -> bool:
        return any(True for _ in self.triples(triple))

    def query(
        self,
        query_object: str | Query,
        *args: Any,
        initBindings: Any = None,  # noqa: N803
        **more: Any,
    ) -> Any:
        """Answer a query of the shapes: its text is parsed once, its patterns begin at what is bound."""
        if not isinstance(query_object, str):
            return SPARQLResult(evalQuery(self, query_object, initBindings))
        bound = frozenset(Variable(name) for name in initBindings or ())
        prepared = self._prepared.get(query_object)
        if prepared is None:
            prepared = prepareQuery(query_object, initNs=dict(self.namespaces()))
            prepared.algebra = _ordered(prepared.algebra, bound)
            self._prepared[query_object] = prepared
        return SPARQLResult(evalQuery(self, prepared, initBindings or {}))


def _ordered(part: Any, bound: frozenset[Any]) -> Any:
    """The algebra with each basic graph pattern as a chain that starts from the variables bound beforehand.

    rdflib begins with the pattern that has most constants: `?x a C` would list a whole class for each focus
    node, where `$this p ?x` lists a few values.
    """
    if isinstance(part, list):
        return [_ordered(each, bound) for each in part]
    if not isinstance(part, CompValue):
        return part
    if part.name == "BGP":
        return _chain(part, bound)
    for key, value in list(part.items()):
        if isinstance(value, CompValue | list) and key not in ("_vars", "PV", "var", "triples"):
            part[key] = _ordered(value, bound)
    return part


def _chain(bgp: CompValue, bound: frozenset[Any]) -> CompValue:
    rest, known, order = list(bgp.triples), set(bound), []
    while rest:
        best = min(rest, key=lambda triple: _cost(triple, known))
        rest.remove(best)
        order.append(best)
        known |= {term for term in best if isinstance(term, Variable | BNode)}
    if len(order) < 2:
        return bgp
    chain: CompValue | None = None
    for triple in reversed(order):
        one = CompValue("BGP", triples=[triple], _vars=_variables([triple]))
        if chain is None:
            chain = one
        else:
            variables = one._vars | chain._vars
            chain = Join(one, chain)
            chain["lazy"], chain["_vars"] = True, variables
    assert chain is not None
    chain["_vars"] = bgp._vars
    return chain


def _variables(triples: Iterable[Any]) -> set[Variable]:
    return {term for triple in triples for term in triple if isinstance(term, Variable)}


def _cost(triple: Any, known: set[Any]) -> tuple[int, int]:
    """What to look up first: a check, then a step from what is known, and last what is tied to nothing."""
    s, p, o = (not isinstance(term, Variable | BNode) or term in known for term in triple)
    tied = any(term in known for term in triple)
    if s and o:
        return (0 if tied else 1), 0
    if s or o:
        # A constant that nothing ties to a known node may have the whole graph behind it: a class, a status.
        side = 0 if s else 1
        return (2 if tied else 3), side + (2 if isinstance(triple[1], Path) else 0)
    return 4, 0 if p else 1
