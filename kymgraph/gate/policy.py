"""Rules that a shape cannot see, because they are about graphs: which document, which evidence, privacy.

A rule is a file `shapes/policy/*.rq`: a SPARQL SELECT whose every row is a fault. It gives `?focus` and,
where they help, `?path`, `?value` and `?graph`. Its front matter:

    #+ id: source-fact-rests-on-passage        (the rule's IRI is kymsh:<id>)
    #+ severity: Violation                     (or Warning, Info; default Violation)
    #+ message_fi: Kerro, mihin … perustuu: lisää kym:restsOn.
    #+ message_sv: …
    #+ message_en: …                           ({?value} and so on stand for what the row binds)
    #+ name_fi: perustelu                      (optional: what people call the field)

The default graph is the union as readers see it; `GRAPH ?graph { … }` sees each named graph. What each graph
is for stands in one more, `<base>graph/_project` (no file can have that name), which the union takes in:

    <graph> a kym:SourceGraph ; kym:document <…/id/document/<name>>    for each graph that `[sources]` lists
    <graph> a kym:BackgroundGraph, kym:LineageGraph, kym:TranslationGraph    for the graphs of that purpose
    <graph> kym:graphName "lineage"                                    for every graph

So a rule begins with `GRAPH ?project { ?graph a kym:SourceGraph }`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kymgraph.errors import ProjectError, QuerySyntaxError
from kymgraph.namespaces import KYM, KYMSH, RDF, SH
from kymgraph.project import Project
from kymgraph.queries import NamedQuery
from kymgraph.rdf import Literal, NamedNode, Quad, Term
from kymgraph.report import SEVERITIES, Report, Result, local_name
from kymgraph.store.memory import MemoryView

COMPONENT: Final = NamedNode(SH + "SPARQLConstraintComponent")
TYPE: Final = NamedNode(RDF + "type")
SOURCE_GRAPH: Final = NamedNode(KYM + "SourceGraph")
DOCUMENT: Final = NamedNode(KYM + "document")
#: Graphs that the design names by what they are for.
PURPOSES: Final = {
    "background": NamedNode(KYM + "BackgroundGraph"),
    "lineage": NamedNode(KYM + "LineageGraph"),
    "translations": NamedNode(KYM + "TranslationGraph"),
}
GRAPH_NAME: Final = NamedNode(KYM + "graphName")


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy rule: its IRI, how bad a row of it is, what it says, and the query that finds the rows."""

    iri: NamedNode
    severity: NamedNode
    messages: tuple[Literal, ...]
    names: tuple[Literal, ...]
    text: str
    file: Path

    @classmethod
    def load(cls, file: Path) -> Rule:
        """Read a rule; ProjectError when its front matter lacks the id or a message, or names no severity."""
        query = NamedQuery.load(file)
        front = query.extra
        rule_id, severity = front.get("id"), front.get("severity", "Violation")
        severities = {local_name(s): s for s in SEVERITIES}
        messages, names = _texts(front, "message"), _texts(front, "name")
        for good, need in (
            (isinstance(rule_id, str) and re.fullmatch(r"[a-z0-9-]+", rule_id), "an id in kebab-case"),
            (severity in severities, f"a severity: {', '.join(severities)}"),
            (messages, "a message_fi, message_sv and message_en"),
            (re.search(r"[?$]focus\b", query.text), "a query that gives ?focus"),
        ):
            if not good:
                raise ProjectError(f"the policy rule {file} needs {need}", hint="see kymgraph/gate/policy.py")
        return cls(
            NamedNode(KYMSH + str(rule_id)), severities[str(severity)], messages, names, query.text, file
        )

    def results(self, view: MemoryView, prefixes: Mapping[str, str]) -> list[Result]:
        """What the rule finds in the view, one result per row. Raises ProjectError if it is no SELECT."""
        try:
            rows = view.select(self.text)
        except QuerySyntaxError as error:
            raise ProjectError(f"the policy rule {self.file} does not run: {error}") from error
        shown = Report(prefixes=prefixes)
        return [
            Result(
                focus=row["focus"],
                path=(path := row.get("path")),
                value=row.get("value"),
                shape=self.iri,
                component=COMPONENT,
                severity=self.severity,
                messages=tuple(_filled(message, row, shown) for message in self.messages),
                names=self.names,
                path_text="" if path is None else shown.short(path),
                graph=graph if isinstance(graph := row.get("graph"), NamedNode) else None,
            )
            for row in rows
            if "focus" in row  # the one row of an aggregate over nothing binds nothing
        ]


def load(files: Iterable[Path]) -> tuple[Rule, ...]:
    """The rules of these files; ProjectError when two have one id."""
    rules: dict[NamedNode, Rule] = {}
    for file in files:
        rule = Rule.load(file)
        if rules.setdefault(rule.iri, rule) is not rule:
            raise ProjectError(f"{rules[rule.iri].file} and {file} are both the rule {local_name(rule.iri)}")
    return tuple(rules.values())


def view_of(quads: Iterable[Quad], project: Project) -> MemoryView:
    """What rules look at: the quads, the union as default graph, and what the project says of its graphs."""
    given = list(quads)
    names = {q.graph_name for q in given} | {NamedNode(project.base.graph(name)) for name in project.sources}
    about = NamedNode(project.base.graphs + "_project")
    for graph in sorted((n for n in names if isinstance(n, NamedNode)), key=str):
        name = project.base.graph_name(graph.value)
        if name is not None:
            given.append(Quad(graph, GRAPH_NAME, Literal(name), about))
            if name in project.sources:
                document = NamedNode(project.base.id("document", name))
                given += [Quad(graph, TYPE, SOURCE_GRAPH, about), Quad(graph, DOCUMENT, document, about)]
            if name in PURPOSES:
                given.append(Quad(graph, TYPE, PURPOSES[name], about))
    return MemoryView(given, in_union=project.in_union)


def _texts(front: Mapping[str, object], key: str) -> tuple[Literal, ...]:
    """`message_fi: …` and so on, or one mapping `message: {fi: …}`, as literals with their language."""
    whole = front.get(key, {})
    found = dict(whole) if isinstance(whole, Mapping) else {"en": whole}
    found |= {
        name.removeprefix(key + "_"): text for name, text in front.items() if name.startswith(key + "_")
    }
    return tuple(Literal(str(text), language=lang) for lang, text in sorted(found.items()))


def _filled(message: Literal, row: Mapping[str, Term], shown: Report) -> Literal:
    def value(match: re.Match[str]) -> str:
        term = row.get(match[1])
        return match[0] if term is None else term.value if isinstance(term, Literal) else shown.short(term)

    return Literal(re.sub(r"\{[?$](\w+)\}", value, message.value), language=message.language)
