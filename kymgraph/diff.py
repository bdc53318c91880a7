"""A changeset as people read it: resource by resource, with names, what goes and what comes.

Names are taken from the states before and after, so that a resource that is new, or gone, has its name too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kymgraph.changeset import Changeset, by_resource
from kymgraph.namespaces import PREFIXES, RDF, RDFS, SKOS, XSD, Base
from kymgraph.rdf import BlankNode, Literal, NamedNode, Term
from kymgraph.view import View

LABELS: Final = tuple(
    NamedNode(iri) for iri in (SKOS + "prefLabel", RDFS + "label", PREFIXES["dcterms"] + "title")
)
LANGUAGES: Final = ("fi", "sv", "en", "")

_WORDS: Final[dict[str, dict[str, str]]] = {
    "fi": {"graph": "graafi", "none": "Mikään ei muutu.", "more": "… ja {count} muuta riviä"},
    "sv": {"graph": "graf", "none": "Ingenting ändras.", "more": "… och {count} rader till"},
    "en": {"graph": "graph", "none": "Nothing changes.", "more": "… and {count} more lines"},
}


@dataclass(frozen=True, slots=True)
class Line:
    """One statement that goes (`-`) or comes (`+`)."""

    sign: str
    predicate: NamedNode
    value: Term


@dataclass(frozen=True, slots=True)
class Resource:
    """What changes about one resource in one graph; what goes and what comes stand side by side."""

    subject: Term
    graph: str | None  #: IRI
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """The change grouped by resource, and the names (by language) of all that it mentions."""

    resources: tuple[Resource, ...]
    labels: Mapping[Term, Mapping[str, str]]
    base: Base
    prefixes: Mapping[str, str]

    def name(self, term: Term, lang: str) -> str:
        """The name of a term in a language, or in the next best one; "" if it has none."""
        texts = self.labels.get(term, {})
        return next((texts[language] for language in (lang, *LANGUAGES) if language in texts), "")

    def to_text(self, lang: str = "en", *, most: int = 500) -> str:
        """The diff for people: a head per resource, then its lines; at most `most` lines in all."""
        words = _WORDS.get(lang, _WORDS["en"])
        out: list[str] = []
        for resource in self.resources:
            name, iri = self.name(resource.subject, lang), self.short(resource.subject)
            graph = "" if resource.graph is None else self.base.graph_name(resource.graph) or resource.graph
            place = f"  {words['graph']} {graph}" if graph else ""
            out.append(f"{name} ({iri}){place}" if name else f"{iri}{place}")
            for line in resource.lines:
                field = self.name(line.predicate, lang) or self.short(line.predicate)
                value = self.name(line.value, lang) if not isinstance(line.value, Literal) else ""
                shown = self.short(line.value)
                out.append(f"  {line.sign} {field}: {f'{value} ({shown})' if value else shown}")
        if not out:
            return words["none"]
        if len(out) > most:
            out[most:] = [words["more"].format(count=len(out) - most)]
        return "\n".join(out)

    def to_list(self) -> list[dict[str, Any]]:
        """The diff as JSON values; terms as in the SPARQL results format, names by language."""
        return [
            {
                "resource": _json(resource.subject),
                "label": dict(self.labels.get(resource.subject, {})),
                "graph": resource.graph,
                "removed": [self._line(line) for line in resource.lines if line.sign == "-"],
                "added": [self._line(line) for line in resource.lines if line.sign == "+"],
            }
            for resource in self.resources
        ]

    def _line(self, line: Line) -> dict[str, Any]:
        return {
            "predicate": line.predicate.value,
            "predicateLabel": dict(self.labels.get(line.predicate, {})),
            "value": _json(line.value),
            "valueLabel": dict(self.labels.get(line.value, {})),
        }

    def short(self, term: Term) -> str:
        """The term as in Turtle, with the longest fitting prefix."""
        if isinstance(term, Literal) and term.language is None and term.datatype.value != XSD + "string":
            return f"{Literal(term.value)}^^{self.short(term.datatype)}"
        if not isinstance(term, NamedNode):
            return str(term)
        fitting = [(iri, name) for name, iri in self.prefixes.items() if term.value.startswith(iri)]
        iri, name = max(fitting, key=lambda pair: len(pair[0]), default=("", ""))
        return f"{name}:{term.value[len(iri) :]}" if name else str(term)


def diff(change: Changeset, views: Iterable[View], base: Base, prefixes: Mapping[str, str]) -> Diff:
    """The diff of a changeset; names are looked up in `views`, the first that has one wins."""
    given = list(views)
    resources, terms = [], dict[Term, None]()
    for group in by_resource(change):
        lines = [Line("-", q.predicate, _term(q.object)) for q in group.removed]
        lines += [Line("+", q.predicate, _term(q.object)) for q in group.added]
        lines.sort(
            key=lambda line: (line.predicate.value != RDF + "type", line.predicate.value, line.sign == "+")
        )
        resources.append(Resource(group.subject, group.graph, tuple(lines)))
        terms[group.subject] = None
        for line in lines:
            terms[line.predicate] = None
            if not isinstance(line.value, Literal):
                terms[line.value] = None
    own: dict[Term, dict[str, str]] = {}
    for quad in change.added:  # a resource that is only just coming
        if quad.predicate in LABELS and isinstance(quad.object, Literal):
            own.setdefault(_term(quad.subject), {}).setdefault(quad.object.language or "", quad.object.value)
    labels = {term: {**own.get(term, {}), **labels_of(term, given)} for term in terms}
    return Diff(tuple(resources), {term: texts for term, texts in labels.items() if texts}, base, prefixes)


def labels_of(term: Term, views: Iterable[View]) -> dict[str, str]:
    """The names of a resource by language, from the first view and the first property that has any."""
    if isinstance(term, Literal):
        return {}
    for view in views:
        for predicate in LABELS:
            found: dict[str, str] = {}
            for quad in view.quads(term, predicate):
                if isinstance(quad.object, Literal):
                    found.setdefault(quad.object.language or "", quad.object.value)
            if found:
                return found
    return {}


def _term(term: object) -> Term:
    assert isinstance(term, NamedNode | BlankNode | Literal)
    return term


def _json(term: Term) -> dict[str, str]:
    if isinstance(term, NamedNode):
        return {"type": "uri", "value": term.value}
    if isinstance(term, BlankNode):
        return {"type": "bnode", "value": term.value}
    value = {"type": "literal", "value": term.value}
    if term.language:
        return {**value, "xml:lang": term.language}
    return value if term.datatype.value == XSD + "string" else {**value, "datatype": term.datatype.value}
