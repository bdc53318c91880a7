"""The form of one thing: a section per graph that speaks of it, fields by property, a row per value.

What has no row is not in the form and cannot be changed by it: types, links by decision, values without a
name of their own, texts too long to edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from typing import Literal as OneOf

from kymgraph.diff import labels_of
from kymgraph.forms.rules import COMMON, PREF_LABEL, Rule, Rules
from kymgraph.namespaces import KYM, RDF, XSD, Base
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Quad, Term
from kymgraph.view import UNION, View

#: What a graph is for; a form of a source says where each fact stands.
Purpose = OneOf["source", "translations", "lineage", "background", "other"]
#: How a value is typed in.
Kind = OneOf["text", "value", "boolean", "thing", "choice", "passage", "link"]

RESTS_ON: Final = KYM + "restsOn"
TYPE: Final = RDF + "type"
TRANSLATIONS: Final = "translations"
#: Graphs that are made by other means: by commits, from files, by decisions about links.
_OTHERWISE: Final = frozenset({"ontology", "shapes", "ledger", "catalog", "links"})
#: Longest text in a form, rows of one field, and things to choose among in a list.
MAX_TEXT, MAX_ROWS, MAX_CHOICES = 20_000, 100, 1_000
#: Things of the same class that are looked at for properties to offer.
_LIKE: Final = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One value as the form shows it; `old` is None for one that is to come."""

    old: Term | None
    text: str = ""
    lang: str = ""


@dataclass(slots=True)
class Field:
    """One property in one graph."""

    graph: str  #: IRI
    rule: Rule
    kind: Kind
    rows: list[Row] = field(default_factory=list)
    hidden: int = 0  #: values that are not shown and stay as they are

    @property
    def predicate(self) -> str:
        return self.rule.predicate

    @property
    def full(self) -> bool:
        return self.rule.most is not None and len(self.rows) + self.hidden >= self.rule.most

    def name(self, lang: str) -> str:
        return _in(self.rule.names, lang) or self.predicate.rpartition("#")[2].rpartition("/")[2]

    def help(self, lang: str) -> str:
        return _in(self.rule.helps, lang)


@dataclass(slots=True)
class Section:
    """What one graph says of the thing."""

    graph: str  #: IRI
    name: str  #: of the graph
    purpose: Purpose
    fields: list[Field] = field(default_factory=list)
    languages: tuple[str, ...] = ()  #: in which its texts may be; the first is that of a new one
    title: str = ""  #: what people call what the graph holds

    @property
    def filled(self) -> list[Field]:
        """The fields to show: those with a value, or that must have one."""
        return [one for one in self.fields if one.rows]

    @property
    def others(self) -> list[Field]:
        """Those that may be added."""
        return [one for one in self.fields if not one.rows and not one.hidden]


@dataclass(slots=True)
class Form:
    """All that may be edited of one thing."""

    iri: str
    types: tuple[str, ...]
    sections: list[Section]
    generation: int
    new: bool = False  #: whether the thing is only to come
    elsewhere: tuple[str, ...] = ()  #: names of graphs that speak of it too and are not edited here

    @property
    def fields(self) -> list[Field]:
        return [one for section in self.sections for one in section.fields]

    def field(self, graph: str, predicate: str) -> Field | None:
        found = (one for one in self.fields if one.graph == graph and one.predicate == predicate)
        return next(found, None)

    def section(self, graph: str) -> Section | None:
        return next((one for one in self.sections if one.graph == graph), None)


def form_of(view: View, project: Project, iri: str, lang: str) -> Form:
    """The form of a thing that is there; without sections if no graph that is edited here speaks of it."""
    node, base = NamedNode(iri), project.base
    by: dict[str, list[Quad]] = {}
    for quad in view.quads(node):
        if isinstance(quad.graph_name, NamedNode):
            by.setdefault(quad.graph_name.value, []).append(quad)
    said = (q.object for quads in by.values() for q in quads if q.predicate.value == TYPE)
    types = tuple(sorted({term.value for term in said if isinstance(term, NamedNode)}))
    own = [graph for graph in by if is_editable(base, graph)]
    rules = Rules(view)
    known = rules.of(types)
    named = any(q.predicate.value == PREF_LABEL for graph in own for q in by[graph])
    translations = base.graph(TRANSLATIONS)
    if named and translations not in own and NamedNode(translations) in view.graphs():
        own.append(translations)
    sections = [_section(view, project, rules, known, types, graph, by.get(graph, []), lang) for graph in own]
    order: tuple[Purpose, ...] = ("source", "other", "lineage", "background", "translations")
    sections.sort(key=lambda section: (order.index(section.purpose), section.name))
    elsewhere = tuple(sorted(base.graph_name(graph) or graph for graph in by if graph not in own))
    return Form(iri, types, sections, view.generation, elsewhere=elsewhere)


def new_form(view: View, project: Project, iri: str, type: str, graph: str, lang: str) -> Form:
    """The form of a thing to come, of one class in one graph: what it must have is there to fill in."""
    rules = Rules(view)
    section = _section(view, project, rules, rules.of([type]), (type,), graph, [], lang)
    for one in section.fields:
        if one.rule.least and not one.rows:
            one.rows.append(Row(None))
    return Form(iri, (type,), [section], view.generation, new=True)


def is_editable(base: Base, graph: str) -> bool:
    """Whether a graph is edited in forms."""
    name = base.graph_name(graph)
    return name is not None and name not in _OTHERWISE and not name.startswith("harvest/")


def has_form(view: View, base: Base, iri: str) -> bool:
    """Whether a thing of ours is edited in a form: shapes speak of its class, in a graph that is edited.

    Passages are not: they come with their documents.
    """
    if not iri.startswith(base.ids) or iri.startswith(base.ids + "passage/"):
        return False
    types = [
        quad.object.value
        for quad in view.quads(NamedNode(iri), NamedNode(TYPE))
        if isinstance(quad.object, NamedNode)
        and isinstance(quad.graph_name, NamedNode)
        and is_editable(base, quad.graph_name.value)
    ]
    rules = Rules(view)
    return bool(types) and not set(rules.wider(types)).isdisjoint(rules.targeted())


def purpose_of(project: Project, graph: str) -> Purpose:
    """What a graph is for, as the project has it."""
    name = project.base.graph_name(graph) or ""
    if name in project.sources:
        return "source"
    known: dict[str, Purpose] = {
        "translations": "translations",
        "lineage": "lineage",
        "background": "background",
    }
    return known.get(name, "other")


def _section(
    view: View,
    project: Project,
    rules: Rules,
    known: dict[str, Rule],
    types: Sequence[str],
    graph: str,
    quads: Sequence[Quad],
    lang: str,
) -> Section:
    purpose = purpose_of(project, graph)
    own = tuple(project.languages) or ("fi",)
    languages = own[1:] or own if purpose == "translations" else own
    name = project.base.graph_name(graph) or graph
    title = name
    if purpose == "source":  # the document has the name of its graph, and one for people
        document = labels_of(NamedNode(project.base.id("document", name)), [view])
        title = _in(document, lang) or name
    section = Section(graph, name, purpose, [], languages, title)
    present: dict[str, list[Term]] = {}
    for quad in quads:
        if quad.predicate.value != TYPE and isinstance(quad.object, NamedNode | Literal):
            present.setdefault(quad.predicate.value, []).append(quad.object)
    used = {} if purpose == "translations" else _used(view, types, graph)
    possible = COMMON if purpose == "translations" else tuple(known)
    wanted = dict.fromkeys((*possible, *present, *used))
    if purpose == "source":
        wanted[RESTS_ON] = None
    for predicate in wanted:
        if predicate == TYPE:
            continue
        rule = known.get(predicate) or rules.single(predicate)
        like = present.get(predicate) or used.get(predicate) or []
        made = _field(
            graph, rule, present.get(predicate, []), _kind(rule, like, project.base, purpose), project.base
        )
        if predicate in (PREF_LABEL, RESTS_ON) and not made.rows and not made.hidden:
            made.rows.append(Row(None, lang=languages[0] if made.kind == "text" else ""))
        section.fields.append(made)
    section.fields.sort(key=lambda one: _order(one, lang))
    return section


def _used(view: View, types: Sequence[str], graph: str) -> dict[str, list[Term]]:
    """Properties that other things of these classes have in a graph, with some values: to be offered too."""
    found: dict[str, list[Term]] = {}
    node, seen = NamedNode(graph), 0
    for one in types:
        for quad in view.quads(None, NamedNode(TYPE), NamedNode(one), node):
            seen += 1
            if seen > _LIKE or not isinstance(quad.subject, NamedNode):
                break
            for said in view.quads(quad.subject, graph=node):
                if isinstance(said.object, NamedNode | Literal):
                    values = found.setdefault(said.predicate.value, [])
                    if len(values) < 5:
                        values.append(said.object)
    return found


def _field(graph: str, rule: Rule, values: Sequence[Term], kind: Kind, base: Base) -> Field:
    made = Field(graph, rule, kind)
    for term in sorted(values, key=_by_text):
        row = row_of(term, base)
        if row is None or len(made.rows) >= MAX_ROWS:
            made.hidden += 1
        else:
            made.rows.append(row)
    return made


def row_of(term: Term, base: Base) -> Row | None:
    """The row of a value; None for one that no form can show."""
    if isinstance(term, Literal):
        return Row(term, term.value, term.language or "") if len(term.value) <= MAX_TEXT else None
    if isinstance(term, NamedNode) and not term.value.startswith(base.genid("")):
        return Row(term, term.value)
    return None


def _kind(rule: Rule, values: Sequence[Term], base: Base, purpose: Purpose) -> Kind:
    """How the values of a field are typed in: as the rule says, else as those are that there are."""
    if rule.predicate == RESTS_ON and purpose == "source":
        return "passage"
    if rule.choices:
        return "choice"
    if rule.is_text:
        return "text"
    if rule.classes:
        return "thing"
    if rule.datatypes:
        return "boolean" if rule.datatypes == (XSD + "boolean",) else "value"
    if any(isinstance(term, Literal) and term.language for term in values):
        return "text"
    links = [term.value for term in values if isinstance(term, NamedNode)]
    if links:
        return "thing" if all(iri.startswith(base.ids) for iri in links) else "link"
    return "value"


def _order(one: Field, lang: str) -> tuple[int, float, str]:
    """Names first, then as the shapes order, then by name; where it stands in the source comes last."""
    if one.predicate in COMMON:
        return (0, float(COMMON.index(one.predicate)), "")
    return (2 if one.predicate == RESTS_ON else 1, one.rule.order, one.name(lang).casefold())


def _by_text(term: Term) -> tuple[str, str]:
    return (term.language or "", term.value) if isinstance(term, Literal) else ("", str(term))


def _in(texts: object, lang: str) -> str:
    assert isinstance(texts, dict)
    return next((texts[code] for code in (lang, "fi", "sv", "en", "") if code in texts), "")


# --- what there is to choose ----------------------------------------------------------------------------


def name_of(view: View, iri: str, lang: str, base: Base) -> str:
    """What a thing is called for people."""
    texts = labels_of(NamedNode(iri), [view])
    return _in(texts, lang) or iri.removeprefix(base.ids)


def things(view: View, classes: Iterable[str], lang: str, base: Base) -> list[tuple[str, str]]:
    """IRI and name of all things of these classes and of narrower ones, by name; at most MAX_CHOICES."""
    found: dict[str, str] = {}
    for one in Rules(view).narrower(classes):
        for quad in view.quads(None, NamedNode(TYPE), NamedNode(one), UNION):
            if len(found) >= MAX_CHOICES:
                break
            if isinstance(quad.subject, NamedNode) and quad.subject.value not in found:
                found[quad.subject.value] = name_of(view, quad.subject.value, lang, base)
    return sorted(found.items(), key=lambda pair: (pair[1].casefold(), pair[0]))


def passages(view: View, graph: str) -> list[tuple[str, int, int]]:
    """IRI, first and last line of the passages of a graph, in the order of the lines."""
    node, found = NamedNode(graph), []
    for quad in view.quads(None, NamedNode(TYPE), NamedNode(KYM + "Passage"), node):
        if isinstance(quad.subject, NamedNode):
            first, last = (_line(view, quad.subject, name, node) for name in ("firstLine", "lastLine"))
            found.append((quad.subject.value, first, last))
    return sorted(found, key=lambda one: (one[1], one[2], one[0]))


def _line(view: View, passage: NamedNode, name: str, graph: NamedNode) -> int:
    for quad in view.quads(passage, NamedNode(KYM + name), None, graph):
        if isinstance(quad.object, Literal) and quad.object.value.isdecimal():
            return int(quad.object.value)
    return 0
