"""What the graph says about one resource, read in two queries however many neighbours it has.

The first query takes the resource's own triples, a page of what points to it, and the statements about its
triples; the second one the labels of everything that these name, the lines of its passages, and its commits.
Each part has an upper bound, so the work for a hub with a million links is that for one with a hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from kymgraph.errors import BadParameter
from kymgraph.namespaces import DCTERMS, KYM, PREFIXES, PROV, RDF, RDFS, SKOS
from kymgraph.project import Project
from kymgraph.queries import term_iri
from kymgraph.rdf import DEFAULT_GRAPH, BlankNode, GraphName, Literal, NamedNode, Quad, Subject, Term, Triple
from kymgraph.view import View

#: Own triples read at most; a resource with more is shown in part, and says so.
OWN_MOST: Final = 20_000
#: Triples of statements about the resource's triples that are read at most.
CLAIMS_MOST: Final = 5_000
#: Links to the resource are counted up to here; a hub with more has "at least" so many.
COUNTED_MOST: Final = 10_000
#: Links to the resource on one page, unless asked otherwise.
INVERSE_LIMIT: Final = 100

#: Where a label may stand; the first that is there is the name.
LABELS: Final = (
    SKOS + "prefLabel",
    RDFS + "label",
    DCTERMS + "title",
    PREFIXES["foaf"] + "name",
    PREFIXES["schema"] + "name",
    PREFIXES["sh"] + "name",
)
TYPE: Final = RDF + "type"
RESTS_ON: Final = KYM + "restsOn"
SUBJECT, PREDICATE, OBJECT = (RDF + name for name in ("subject", "predicate", "object"))
_OF_PASSAGE: Final = tuple(KYM + name for name in ("document", "firstLine", "lastLine", "phrase"))
_OF_COMMIT: Final = (
    PROV + "endedAtTime",
    PROV + "wasAssociatedWith",
    RDFS + "comment",
    KYM + "quadsAdded",
    KYM + "quadsRemoved",
)


@dataclass(frozen=True, slots=True)
class Inverse:
    """The links to a resource: one page of them, and how many there are."""

    quads: tuple[Quad, ...]
    counts: Mapping[str, int]  #: by predicate IRI
    exact: bool  #: false: counting ended at COUNTED_MOST
    offset: int
    next: int | None  #: offset of the next page

    @property
    def count(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that the resource rests on, or with `covers` one triple of it (predicate, object)."""

    passage: NamedNode
    document: NamedNode | None
    first: str
    last: str
    phrase: Literal | None
    graph: GraphName
    covers: tuple[NamedNode, Term] | None = None


@dataclass(frozen=True)
class ResourceDocument:
    """All that is shown of one resource in one generation."""

    iri: NamedNode
    generation: int
    own: tuple[Quad, ...]
    whole: bool  #: false: there are more than OWN_MOST own triples, or more claims than CLAIMS_MOST
    claims: tuple[Quad, ...]  #: all triples of the rdf:Statements about the resource's triples
    inverse: Inverse
    about: tuple[Quad, ...]  #: labels of neighbours, lines of passages, what the ledger says of `commits`
    commits: tuple[NamedNode, ...]  #: that touched the resource, newest first
    sparql: str  #: the query that gave all but `about`

    @cached_property
    def named(self) -> dict[str, list[Literal]]:
        """The labels by IRI, those of the first label predicate that a resource has."""
        found: dict[str, dict[str, list[Literal]]] = {}
        for quad in (*self.own, *self.about, *self.claims):
            if quad.predicate.value in LABELS and isinstance(quad.object, Literal):
                labels = found.setdefault(_node(quad.subject).value, {}).setdefault(quad.predicate.value, [])
                if quad.object not in labels:
                    labels.append(quad.object)
        return {iri: next(by[p] for p in LABELS if p in by) for iri, by in found.items()}

    def label(self, iri: str, languages: Sequence[str]) -> Literal | None:
        """The name of a neighbour (or of the resource) in the first of `languages` that it has, else any."""
        return in_language(self.named.get(iri, ()), languages)

    def values(self, *predicates: str) -> list[Term]:
        """What the resource's own triples say with these predicates, without duplicates."""
        return list(dict.fromkeys(object_of(q) for q in self.own if q.predicate.value in predicates))

    @property
    def types(self) -> list[NamedNode]:
        return [term for term in self.values(TYPE) if isinstance(term, NamedNode)]

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """What the resource rests on: first as a whole, then triple by triple, each in the order of lines."""
        lines: dict[Term, dict[str, Term]] = {}
        for quad in self.about:
            if quad.predicate.value in _OF_PASSAGE:
                lines.setdefault(_node(quad.subject), {})[quad.predicate.value] = object_of(quad)
        claimed: dict[Term, dict[str, Term]] = {}
        for quad in self.claims:
            if quad.predicate.value in (PREDICATE, OBJECT):
                claimed.setdefault(_node(quad.subject), {})[quad.predicate.value] = object_of(quad)
        found = [_evidence(q, lines, None) for q in self.own if q.predicate.value == RESTS_ON]
        for quad in self.claims:
            claim = claimed.get(_node(quad.subject), {})
            predicate, value = claim.get(PREDICATE), claim.get(OBJECT)
            if quad.predicate.value == RESTS_ON and isinstance(predicate, NamedNode) and value is not None:
                found.append(_evidence(quad, lines, (predicate, value)))
        return tuple(sorted((one for one in found if one is not None), key=_evidence_order))


def read(
    view: View,
    project: Project,
    iri: str,
    *,
    commits: Sequence[int] = (),
    inverse_limit: int = INVERSE_LIMIT,
    inverse_after: int = 0,
) -> ResourceDocument | None:
    """What `view` holds about `iri`; None if it does not name it anywhere.

    `commits` are the numbers of those that touched it (`kymgraph.publishing.touched` knows them). Links to it
    come in the store's order, which stays the same within a generation: `inverse_after` of them are passed
    over, `inverse_limit` are given. Raises BadParameter if `iri` is none.
    """
    text = query(project, iri, inverse_limit=inverse_limit, inverse_after=inverse_after)
    rows: dict[str, list[dict[str, Term]]] = {"own": [], "in": [], "count": [], "claim": [], "used": []}
    for row in view.select(text):
        rows[row["part"].value].append(row)
    if not any(rows[part] for part in ("own", "count", "claim", "used")):
        return None
    this = NamedNode(iri)
    own = [_quad(this, row) for row in rows["own"][:OWN_MOST]]
    claims = [_quad(row["s"], row) for row in rows["claim"][:CLAIMS_MOST]]
    incoming = [_incoming(row, this) for row in rows["in"][:inverse_limit]]
    ledger = tuple(NamedNode(project.base.id("commit", str(number))) for number in commits)
    about = _about(view, project, [*own, *claims, *incoming], ledger, this)
    scanned = sum(int(row["m"].value) for row in rows["count"])
    inverse = Inverse(
        quads=tuple(incoming),
        counts={row["p"].value: int(row["n"].value) for row in rows["count"]},
        exact=scanned <= COUNTED_MOST,
        offset=inverse_after,
        next=inverse_after + inverse_limit if len(rows["in"]) > inverse_limit else None,
    )
    return ResourceDocument(
        iri=this,
        generation=view.generation,
        own=tuple(sorted(own, key=_order)),
        whole=len(rows["own"]) <= OWN_MOST and len(rows["claim"]) <= CLAIMS_MOST,
        claims=tuple(sorted(claims, key=_order)),
        inverse=inverse,
        about=about,
        commits=ledger,
        sparql=text,
    )


def query(project: Project, iri: str, *, inverse_limit: int = INVERSE_LIMIT, inverse_after: int = 0) -> str:
    """The SPARQL behind a resource's page. Raises BadParameter for what is no absolute IRI.

    >>> from pathlib import Path
    >>> print(query(Project(Path(".")), "urn:x").splitlines()[3])
      { { SELECT ?g ?p ?o WHERE { GRAPH ?g { <urn:x> ?p ?o } } LIMIT 20001 } BIND("own" AS ?part) }
    """
    this = term_iri(iri)
    try:
        NamedNode(iri)
    except ValueError as error:
        raise BadParameter(f"nothing was read: {iri!r} is no IRI: {error}") from None
    incoming = _anywhere(project, f"?s ?p {this} FILTER(?p != rdf:subject)")
    parts = [
        f"{{ {{ SELECT ?g ?p ?o WHERE {{ {_anywhere(project, f'{this} ?p ?o')} }} LIMIT {OWN_MOST + 1} }} "
        'BIND("own" AS ?part) }',
        f"{{ {{ SELECT ?g ?s ?p WHERE {{ {incoming} }} OFFSET {inverse_after} LIMIT {inverse_limit + 1} }} "
        'BIND("in" AS ?part) }',
        "{ { SELECT ?p (COUNT(DISTINCT ?s) AS ?n) (COUNT(*) AS ?m) WHERE {\n"
        f"      {{ SELECT ?s ?p WHERE {{ {incoming} }} LIMIT {COUNTED_MOST + 1} }}\n"
        '    } GROUP BY ?p } BIND("count" AS ?part) }',
        "{ { SELECT ?g ?s ?p ?o WHERE { "
        f"{_anywhere(project, f'?s rdf:subject {this} . ?s ?p ?o')} }} LIMIT {CLAIMS_MOST + 1} }} "
        'BIND("claim" AS ?part) }',
    ]
    # A property, or a graph, is there even if nothing is said about it.
    used = f"{{ {_anywhere(project, f'?s {this} ?y')} }} UNION {{ GRAPH {this} {{ ?s ?x ?y }} }}"
    parts.append(f'{{ {{ SELECT ?s WHERE {{ {used} }} LIMIT 1 }} BIND("used" AS ?part) }}')
    return (
        f"PREFIX rdf: <{RDF}>\n\nSELECT ?part ?g ?s ?p ?o ?n ?m WHERE {{\n  "
        + "\n  UNION\n  ".join(parts)
        + "\n}"
    )


def exists(view: View, iri: str) -> str:
    """How the dataset names `iri`: as "subject", "object", "predicate" or "graph"; "" if it does not."""
    try:
        node = NamedNode(iri)
    except ValueError:
        return ""
    patterns = {
        "subject": view.quads(node),
        "object": view.quads(object=node),
        "predicate": view.quads(predicate=node),
        "graph": view.quads(graph=node),
    }
    return next((how for how, found in patterns.items() if next(iter(found), None) is not None), "")


def in_language(labels: Iterable[Literal], languages: Sequence[str]) -> Literal | None:
    """The label in the first of `languages` that has one; failing all, one without language, else any.

    >>> labels = [Literal("plan", language="en"), Literal("suunnitelma", language="fi")]
    >>> in_language(labels, ["sv", "fi", "en"]).value
    'suunnitelma'
    """
    ranks = {language: rank for rank, language in enumerate(dict.fromkeys(languages))}
    last = len(ranks)

    def rank(label: Literal) -> tuple[int, str]:
        tag = (label.language or "").partition("-")[0]
        return ranks.get(tag, last if not tag else last + 1), label.value

    return min(labels, key=rank, default=None)


def object_of(quad: Quad) -> Term:
    """The object of a quad of an RDF 1.1 graph, which is no triple."""
    assert not isinstance(quad.object, Triple)
    return quad.object


def _anywhere(project: Project, pattern: str, *, graph: str = "g") -> str:
    """The pattern in any named graph; in a strict project also in the default one, which is none of them."""
    named = f"GRAPH ?{graph} {{ {pattern} }}"
    return f"{{ {named} }} UNION {{ {pattern} }}" if project.default_graph == "strict" else named


def _about(
    view: View, project: Project, quads: list[Quad], commits: tuple[NamedNode, ...], this: NamedNode
) -> tuple[Quad, ...]:
    """Labels of everything the quads name, lines and documents of passages, ledger entries of commits."""
    terms = (t for q in quads for t in (q.subject, q.predicate, q.object, q.graph_name))
    named = dict.fromkeys(t for t in terms if isinstance(t, NamedNode) and t != this)
    passages = {quad.object for quad in quads if quad.predicate.value == RESTS_ON}
    of_neighbour = _anywhere(project, _values("s", (*named, *commits), (*LABELS, *_OF_PASSAGE, *_OF_COMMIT)))
    branches = [f"{{ {of_neighbour} }}"]
    if iris := " ".join(str(passage) for passage in passages if isinstance(passage, NamedNode)):
        document = _anywhere(project, f"VALUES ?passage {{ {iris} }} ?passage <{KYM}document> ?s", graph="of")
        label = _anywhere(project, f"?s ?p ?o FILTER({_one_of(LABELS)})")
        branches.append(f"{{ {{ SELECT DISTINCT ?s WHERE {{ {document} }} }} {label} }}")
    rows = view.select("SELECT DISTINCT ?g ?s ?p ?o WHERE {\n  " + "\n  UNION\n  ".join(branches) + "\n}")
    found = (_quad(row["s"], row) for row in rows)
    kept = (
        quad
        for quad in found
        if quad.predicate.value in LABELS
        or (quad.predicate.value in _OF_PASSAGE and quad.subject in passages)
        or (quad.predicate.value in _OF_COMMIT and quad.subject in commits)
    )
    return tuple(sorted(kept, key=_order))


def _values(variable: str, terms: Iterable[NamedNode], predicates: Sequence[str]) -> str:
    values = " ".join(map(str, terms))
    return f"VALUES ?{variable} {{ {values} }} ?{variable} ?p ?o FILTER({_one_of(predicates)})"


def _one_of(predicates: Sequence[str]) -> str:
    return " || ".join(f"?p = <{predicate}>" for predicate in predicates)


def _quad(subject: Term, row: Mapping[str, Term]) -> Quad:
    return Quad(_node(subject), _predicate(row), row["o"], _graph(row))


def _incoming(row: Mapping[str, Term], this: NamedNode) -> Quad:
    return Quad(_node(row["s"]), _predicate(row), this, _graph(row))


def _predicate(row: Mapping[str, Term]) -> NamedNode:
    predicate = row["p"]
    assert isinstance(predicate, NamedNode)
    return predicate


def _graph(row: Mapping[str, Term]) -> GraphName:
    graph = row.get("g")
    assert graph is None or isinstance(graph, NamedNode)
    return DEFAULT_GRAPH if graph is None else graph


def _node(term: object) -> Subject:
    assert isinstance(term, NamedNode | BlankNode)  # the graph is RDF 1.1
    return term


def _order(quad: Quad) -> tuple[str, ...]:
    language = quad.object.language or "" if isinstance(quad.object, Literal) else ""
    return str(quad.subject), quad.predicate.value, language, str(quad.object), str(quad.graph_name)


def _evidence(
    quad: Quad, lines: Mapping[Term, Mapping[str, Term]], covers: tuple[NamedNode, Term] | None
) -> Evidence | None:
    passage = quad.object
    if not isinstance(passage, NamedNode):
        return None
    known = lines.get(passage, {})
    document, phrase = known.get(KYM + "document"), known.get(KYM + "phrase")
    first, last = known.get(KYM + "firstLine"), known.get(KYM + "lastLine")
    return Evidence(
        passage=passage,
        document=document if isinstance(document, NamedNode) else None,
        first=first.value if isinstance(first, Literal) else "",
        last=last.value if isinstance(last, Literal) else "",
        phrase=phrase if isinstance(phrase, Literal) else None,
        graph=quad.graph_name,
        covers=covers,
    )


def _evidence_order(one: Evidence) -> tuple[object, ...]:
    document = one.document.value if one.document else ""
    line = int(one.first) if one.first.isdecimal() else 0
    return one.covers is not None, document, line, str(one.covers and one.covers[0])
