"""What shapes and ontology say of the properties of a class: names, order, kinds of values, how many.

Several shapes may speak of one property (each constraint of ours is a shape of its own): they make one rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from kymgraph.namespaces import DCTERMS, OWL, RDF, RDFS, SH, SKOS, XSD
from kymgraph.rdf import Literal, NamedNode, Term
from kymgraph.view import View

LANG_STRING: Final = RDF + "langString"
#: What everything may have, whether or not a shape asks for it.
PREF_LABEL: Final = SKOS + "prefLabel"
NAMES: Final = (PREF_LABEL, SKOS + "altLabel")
COMMON: Final = (*NAMES, DCTERMS + "description")
_TEXTS: Final = frozenset({*COMMON, SKOS + "definition", SKOS + "note", SKOS + "hiddenLabel", RDFS + "label"})
#: Sorts after every order that a shape gives.
_LAST: Final = 1e9


@dataclass(frozen=True, slots=True)
class Rule:
    """What is known of one property of a class."""

    predicate: str
    names: Mapping[str, str] = field(default_factory=dict)  #: by language
    helps: Mapping[str, str] = field(default_factory=dict)  #: what it means, by language
    order: float = _LAST
    group: str = ""  #: IRI of the sh:PropertyGroup
    least: int = 0
    most: int | None = None
    datatypes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()  #: of what it may refer to, narrower ones not among them
    choices: tuple[Term, ...] = ()  #: sh:in
    pattern: str = ""
    shaped: bool = False  #: whether a shape speaks of it, not the ontology alone

    @property
    def is_text(self) -> bool:
        """Whether its values are texts in a language."""
        return self.predicate in _TEXTS or self.datatypes == (LANG_STRING,)


class Rules:
    """The rules of one state: shapes by class and properties by domain, looked up as they are asked for."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._domains: dict[str, list[str]] | None = None

    # -- classes

    def wider(self, types: Iterable[str]) -> list[str]:
        """These classes and all above them."""
        return self._closed(types, up=True)

    def narrower(self, types: Iterable[str]) -> list[str]:
        """These classes and all below them."""
        return self._closed(types, up=False)

    def _closed(self, types: Iterable[str], *, up: bool) -> list[str]:
        found, waiting = dict[str, None](), list(types)
        below = NamedNode(RDFS + "subClassOf")
        while waiting:
            one = waiting.pop()
            if one in found:
                continue
            found[one] = None
            node = NamedNode(one)
            near = self._view.quads(node, below) if up else self._view.quads(None, below, node)
            terms = (quad.object if up else quad.subject for quad in near)
            waiting += [term.value for term in terms if isinstance(term, NamedNode)]
        return list(found)

    def targeted(self) -> list[str]:
        """The classes that shapes speak of, by IRI: what there are forms for."""
        found = {quad.object for quad in self._view.quads(None, NamedNode(SH + "targetClass"))}
        return sorted(term.value for term in found if isinstance(term, NamedNode))

    # -- properties

    def of(self, types: Iterable[str]) -> dict[str, Rule]:
        """The rules for a thing of these classes, by property."""
        classes = self.wider(types)
        rules: dict[str, Rule] = {}
        for one in classes:
            for target in self._view.quads(None, NamedNode(SH + "targetClass"), NamedNode(one)):
                for quad in self._view.quads(_node(target.subject), NamedNode(SH + "property")):
                    self._take(rules, quad.object)
        for one in classes:
            for predicate in self._by_domain().get(one, ()):
                rules.setdefault(predicate, Rule(predicate))
        for predicate in COMMON:
            rules.setdefault(predicate, Rule(predicate))
        return {predicate: self._described(rule) for predicate, rule in rules.items()}

    def single(self, predicate: str) -> Rule:
        """What the ontology alone says of a property."""
        return self._described(Rule(predicate))

    def _take(self, rules: dict[str, Rule], shape: object) -> None:
        """Bring what one property shape says into the rule of its path; a longer path has no field."""
        node = _node(shape)
        path = self._one(node, "path")
        if (
            not isinstance(path, NamedNode)
            or self._any(path, RDF + "first")
            or self._any(path, SH + "inversePath")
        ):
            return
        rule = rules.get(path.value, Rule(path.value))
        least, most, order = (self._number(node, name) for name in ("minCount", "maxCount", "order"))
        group = self._one(node, "group")
        pattern = self._one(node, "pattern")
        rules[path.value] = replace(
            rule,
            shaped=True,
            names={**self._texts(node, SH + "name"), **rule.names},
            helps={**self._texts(node, SH + "description"), **rule.helps},
            order=rule.order if order is None else min(rule.order, order),
            group=rule.group or (group.value if isinstance(group, NamedNode) else ""),
            least=max(rule.least, int(least or 0)),
            most=rule.most if most is None else min(int(most), rule.most or int(most)),
            datatypes=rule.datatypes or self._kinds(node, "datatype"),
            classes=rule.classes or self._kinds(node, "class"),
            choices=rule.choices or tuple(self._list(self._one(node, "in"))),
            pattern=rule.pattern or (pattern.value if isinstance(pattern, Literal) else ""),
        )

    def _kinds(self, shape: NamedNode, name: str) -> tuple[str, ...]:
        """The datatypes or classes that a shape names, by itself or each in a branch of its sh:or."""
        found = [quad.object for quad in self._view.quads(shape, NamedNode(SH + name))]
        for quad in self._view.quads(shape, NamedNode(SH + "or")):
            for branch in self._list(quad.object):
                if isinstance(branch, NamedNode):
                    found += [inner.object for inner in self._view.quads(branch, NamedNode(SH + name))]
        return tuple(dict.fromkeys(term.value for term in found if isinstance(term, NamedNode)))

    def _described(self, rule: Rule) -> Rule:
        """The rule with what the ontology says: its names come first, since a shape may name a constraint."""
        node = NamedNode(rule.predicate)
        names = {**rule.names, **self._texts(node, RDFS + "label"), **self._texts(node, SKOS + "prefLabel")}
        helps = {**self._texts(node, SKOS + "definition"), **rule.helps}
        datatypes, classes = rule.datatypes, rule.classes
        if not datatypes and not classes:
            ranges = [
                one
                for quad in self._view.quads(node, NamedNode(RDFS + "range"))
                for one in self._members(quad.object)
            ]
            datatypes = tuple(one for one in ranges if one.startswith(XSD) or one == LANG_STRING)
            classes = tuple(one for one in ranges if one not in datatypes and not one.startswith(RDFS))
        return replace(rule, names=names, helps=helps, datatypes=datatypes, classes=classes)

    def _by_domain(self) -> dict[str, list[str]]:
        if self._domains is None:
            self._domains = {}
            for quad in self._view.quads(None, NamedNode(RDFS + "domain")):
                if isinstance(quad.subject, NamedNode):
                    for one in self._members(quad.object):
                        self._domains.setdefault(one, []).append(quad.subject.value)
        return self._domains

    # -- nodes

    def _members(self, term: object) -> list[str]:
        """A class, or the classes of a union."""
        if not isinstance(term, NamedNode):
            return []
        for quad in self._view.quads(term, NamedNode(OWL + "unionOf")):
            return [one.value for one in self._list(quad.object) if isinstance(one, NamedNode)]
        return [term.value] if not self._any(term, OWL + "onProperty") and "/genid/" not in term.value else []

    def _list(self, head: object) -> Iterator[Term]:
        seen: set[str] = set()
        while isinstance(head, NamedNode) and head.value != RDF + "nil" and head.value not in seen:
            seen.add(head.value)
            for quad in self._view.quads(head, NamedNode(RDF + "first")):
                if isinstance(quad.object, NamedNode | Literal):
                    yield quad.object
            head = next((q.object for q in self._view.quads(head, NamedNode(RDF + "rest"))), None)

    def _one(self, node: NamedNode, name: str) -> object:
        return next((quad.object for quad in self._view.quads(node, NamedNode(SH + name))), None)

    def _any(self, node: NamedNode, predicate: str) -> bool:
        return any(True for _ in self._view.quads(node, NamedNode(predicate)))

    def _number(self, node: NamedNode, name: str) -> float | None:
        found = self._one(node, name)
        try:
            return float(found.value) if isinstance(found, Literal) else None
        except ValueError:
            return None

    def _texts(self, node: NamedNode, predicate: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for quad in self._view.quads(node, NamedNode(predicate)):
            if isinstance(quad.object, Literal):
                found.setdefault(quad.object.language or "", quad.object.value)
        return found


def _node(term: object) -> NamedNode:
    # Blank nodes have names in the projects that are edited; without one there is nothing to look up.
    return term if isinstance(term, NamedNode) else NamedNode("urn:kymgraph:none")
