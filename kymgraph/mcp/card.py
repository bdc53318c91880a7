"""The schema card: what an agent has to know of a graph before its first query, on one page of plain text.

It is made from the graph itself (the classes and properties that are used, with counts and labels), so it is
true of any project. What the project's ontology says of them in more words is the resource `ontology.ttl`.
"""

from __future__ import annotations

from kymgraph.mcp.graph import Graph
from kymgraph.mcp.terms import BYTES, MOST_ROWS, ROWS
from kymgraph.namespaces import KYM, OWL, PREFIXES, RDF, RDFS, SH, SKOS
from kymgraph.rdf import NamedNode
from kymgraph.results import Row, Rows

#: Classes and properties that are listed, the most used first.
_CLASSES = 150
_PROPERTIES = 200

#: Of the machinery, not of the subject: the ontology's own triples, shapes, lists.
_HIDDEN = (OWL, SH, "http://www.w3.org/2003/06/sw-vocab-status/ns#", "http://purl.org/vocab/vann/")
_HIDDEN_TERMS = frozenset(
    {RDF + name for name in ("first", "rest", "Property")}
    | {RDFS + name for name in ("subClassOf", "subPropertyOf", "domain", "range", "isDefinedBy")}
    | {RDFS + "Datatype", RDFS + "Class", KYM + "answers"}
)

_LABELS = f"<{RDFS}label>|<{SKOS}prefLabel>"
#: From a class, or from one that is the union of others, to these.
_ONE_OF = f"/(<{OWL}unionOf>/<{RDF}rest>*/<{RDF}first>)?"
_CLASS_COUNTS = f"""SELECT ?term (COUNT(*) AS ?n) WHERE {{ ?s a ?term FILTER(isIRI(?term)) }}
GROUP BY ?term ORDER BY DESC(?n) ?term LIMIT {2 * _CLASSES}"""
_PROPERTY_COUNTS = f"""SELECT ?term (COUNT(*) AS ?n) WHERE {{ ?s ?term ?o }}
GROUP BY ?term ORDER BY DESC(?n) ?term LIMIT {2 * _PROPERTIES}"""
_GRAPHS = "SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g ORDER BY ?g LIMIT 200"
_TERMS = f"""SELECT ?term ?label ?domain ?range WHERE {{
  VALUES ?kind {{ <{OWL}Class> <{OWL}ObjectProperty> <{OWL}DatatypeProperty> <{OWL}AnnotationProperty>
    <{RDFS}Class> <{RDF}Property> }}
  ?term a ?kind FILTER(isIRI(?term))
  OPTIONAL {{ ?term {_LABELS} ?label }}
  OPTIONAL {{ ?term <{RDFS}domain>{_ONE_OF} ?domain FILTER(isIRI(?domain)) }}
  OPTIONAL {{ ?term <{RDFS}range>{_ONE_OF} ?range FILTER(isIRI(?range)) }}
}} LIMIT 20000"""


async def card(graph: Graph, lang: str) -> str:
    """The card, in English with the labels of terms in `lang` too."""
    terms = _by_term(await graph.select(_TERMS))
    classes = _counted(await graph.select(_CLASS_COUNTS))[:_CLASSES]
    properties = _counted(await graph.select(_PROPERTY_COUNTS))[:_PROPERTIES]
    graphs = await graph.select(_GRAPHS)
    project = graph.project
    used = {iri for iri, _ in (*classes, *properties)}
    prefixes = {
        prefix: start
        for prefix, start in sorted(project.prefixes.items())
        if prefix in ("id", "graph", "kym", "xsd")
        or prefix not in PREFIXES
        or any(i.startswith(start) for i in used)
    }
    title = graph.best(project.title, "en") or "A knowledge graph"
    parts = [
        f"# {title}\nGeneration {graph.dataset.generation}. Labels are in {', '.join(project.languages)}.",
        _READING.format(base=project.base.iri, rows=ROWS, most=MOST_ROWS, bytes=BYTES,
                        seconds=f"{graph.settings.query_timeout:g}"),
        _default_graph(graph),
        _evidence(used),
        "## Prefixes (those that a query uses are declared for it)\n"
        + "\n".join(f"{prefix}: <{start}>" for prefix, start in prefixes.items()),
        "## Named graphs (quads; what stands there is)\n" + "\n".join(_graph(graph, row) for row in graphs),
        "## Classes (instances) – label\n"
        + "\n".join(_class(graph, iri, n, terms.get(iri), lang) for iri, n in classes),
        "## Properties (uses) – label: domain → range\n"
        + "\n".join(_property(graph, iri, n, terms.get(iri), lang) for iri, n in properties),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


_READING = """## Reading
Things are <{base}id/KIND/NAME>. `search` finds them by words in any language, inflected or
misspelt; `describe` shows all about one; `questions` lists ready questions, which `ask_question`
answers; `sparql` takes the rest: SPARQL 1.1 queries, read-only, no SERVICE. A query may take {seconds} s; an
answer has {rows} rows unless you ask for more (at most {most}) and {bytes:,} bytes; it says when it was cut.
Names are in skos:prefLabel (things) and rdfs:label (terms), each in a language: FILTER(LANG(?x) = "fi")."""

_EVIDENCE = """## Evidence
A resource with kym:restsOn rests on that passage: it covers the resource's triples in the same named graph. A
single triple with a passage of its own has an rdf:Statement (rdf:subject, rdf:predicate, rdf:object,
kym:restsOn) beside it. A passage names kym:document, kym:firstLine, kym:lastLine and sometimes kym:phrase.
Cite facts by document and lines; `describe` gives them."""


def _default_graph(graph: Graph) -> str:
    if graph.project.default_graph == "strict":
        return (
            "Without GRAPH a query reads the default graph alone; named graphs are asked with GRAPH ?g { … }."
        )
    left_out = ", ".join(graph.project.union_exclude) or "none"
    return (
        "Without GRAPH a query reads the union of the named graphs (each triple once), but for these: "
        f"{left_out}. GRAPH ?g {{ … }} tells which graph says what."
    )


def _evidence(used: set[str]) -> str:
    return _EVIDENCE if KYM + "restsOn" in used else ""


def _graph(graph: Graph, row: Row) -> str:
    term = row["g"]
    name = graph.graph_name(term.value) if isinstance(term, NamedNode) else ""
    return f"graph:{name} {row.n} – {graph.kind(name)}"


def _counted(rows: Rows) -> list[tuple[str, int]]:
    counted = [(term.value, row.n) for row in rows if isinstance(term := row["term"], NamedNode)]
    return [
        (iri, int(n))
        for iri, n in counted
        if isinstance(n, int) and not iri.startswith(_HIDDEN) and iri not in _HIDDEN_TERMS
    ]


Term = tuple[dict[str, str], set[str], set[str]]  # labels by language, domains, ranges


def _by_term(rows: Rows) -> dict[str, Term]:
    found: dict[str, Term] = {}
    for row in rows:
        term = row["term"]
        assert isinstance(term, NamedNode)
        names, domains, ranges = found.setdefault(term.value, ({}, set(), set()))
        label = row["label"]
        if label is not None and not isinstance(label, NamedNode):
            names.setdefault(getattr(label, "language", None) or "", getattr(label, "value", ""))
        for name, into in (("domain", domains), ("range", ranges)):
            value = row[name]
            if isinstance(value, NamedNode) and "/.well-known/genid/" not in value.value:
                into.add(value.value)
    return found


def _names(graph: Graph, term: Term | None, lang: str) -> str:
    if term is None:
        return ""
    kept = dict.fromkeys(name for name in (graph.best(term[0], "en"), term[0].get(lang)) if name)
    return " – " + " / ".join(kept) if kept else ""


def _class(graph: Graph, iri: str, n: int, term: Term | None, lang: str) -> str:
    return f"{graph.names.short(iri)} {n}{_names(graph, term, lang)}"


def _property(graph: Graph, iri: str, n: int, term: Term | None, lang: str) -> str:
    line = f"{graph.names.short(iri)} {n}{_names(graph, term, lang)}"
    if term is None or not (term[1] or term[2]):
        return line
    domain, range_ = ("|".join(sorted(map(graph.names.short, side))) or "any" for side in term[1:])
    return f"{line}: {domain} → {range_}"
