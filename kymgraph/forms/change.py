"""What a sent form changes: exactly the quads of fields that were altered, graph by graph.

A row comes back with the value that it showed. If what was typed is what was shown, its quad is left alone:
the text is compared, never a value read anew, so that nothing is rewritten on the way. Claims (an
`rdf:Statement` beside a triple, with a passage of its own) go with the triple that they are about.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kymgraph.changeset import Changeset
from kymgraph.forms import terms
from kymgraph.forms.form import RESTS_ON, TYPE, Field, Form, Row
from kymgraph.forms.rules import LANG_STRING, PREF_LABEL
from kymgraph.forms.terms import Unreadable
from kymgraph.namespaces import KYM, RDF, SKOS, Base
from kymgraph.rdf import Literal, NamedNode, Quad, Term
from kymgraph.view import View

#: What is answered to "what does this rest on": the passages that the thing has already.
SAME: Final = "same"
_STATEMENT: Final = NamedNode(RDF + "Statement")
_PATH_IN_TEXT = re.compile(r"\[([^\[\]]+)\]\s*$")


@dataclass(frozen=True, slots=True)
class Sent:
    """One row as it came back."""

    number: str  #: by which the form knows it
    graph: str
    predicate: str
    old: Term | None
    text: str
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the form itself cannot take; `key` names the sentence. `number` is the row's."""

    number: str
    key: str
    graph: str = ""


@dataclass(slots=True)
class Edit:
    """What a sent form comes to."""

    removed: set[Quad] = field(default_factory=set)
    added: set[Quad] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    rows: dict[Quad, str] = field(default_factory=dict)  #: the row that each added quad was typed in
    unproven: list[str] = field(default_factory=list)  #: graphs with a new fact, and no word on its passage

    @property
    def empty(self) -> bool:
        return not (self.removed or self.added)

    def changeset(self, generation: int) -> Changeset:
        """The change, which holds only while all that it removes is there and nothing that it adds."""
        return Changeset(
            base=generation, removed=frozenset(self.removed), added=frozenset(self.added), guard="quads"
        )


def read(form: Form, sent: Sequence[Sent], basis: Mapping[str, str], view: View, base: Base) -> Edit:
    """The change that rows ask for. `basis` says, per source graph, what altered facts rest on.

    That is SAME, or the IRI of a passage of that graph: then each altered fact gets a claim of its own.
    """
    edit, kept = Edit(), dict[tuple[str, str], set[Term]]()
    altered: list[tuple[Sent, Term | None]] = []
    for row in sent:
        place = form.field(row.graph, row.predicate)
        if place is None or row.predicate == TYPE:
            edit.faults.append(Fault(row.number, "edit.fault.unknown", row.graph))
            continue
        if _untouched(row, place, base):
            if row.old is not None:
                kept.setdefault((row.graph, row.predicate), set()).add(row.old)
            continue
        if row.old is not None and all(one.old != row.old for one in place.rows):
            edit.faults.append(Fault(row.number, "edit.fault.moved", row.graph))
            continue
        try:
            altered.append((row, _term(row, place, view, base)))
        except Unreadable as error:
            edit.faults.append(Fault(row.number, error.key, row.graph))
    node = NamedNode(form.iri)
    for row, new in altered:
        graph, predicate = NamedNode(row.graph), NamedNode(row.predicate)
        if row.old is not None:
            edit.removed.add(Quad(node, predicate, row.old, graph))
        if new is not None and new not in kept.get((row.graph, row.predicate), ()):
            quad = Quad(node, predicate, new, graph)
            edit.added.add(quad)
            edit.rows.setdefault(quad, row.number)
    both = edit.removed & edit.added
    edit.removed -= both
    edit.added -= both
    if form.new and edit.added:
        for graph_iri in {quad.graph_name for quad in edit.added}:
            edit.added.update(Quad(node, NamedNode(TYPE), NamedNode(one), graph_iri) for one in form.types)
    _evidence(edit, form, altered, basis, view, base)
    return edit


def _untouched(row: Sent, place: Field, base: Base) -> bool:
    """Whether a row says what it showed."""
    if row.old is None:
        return not row.text.strip()
    if place.kind == "choice":
        return row.text == value_of(row.old)
    if isinstance(row.old, Literal):
        tagged = place.kind == "text" or row.old.language
        same = not tagged or row.lang.lower() == (row.old.language or "")
        return same and terms.same_text(row.text, row.old.value)
    return row.text.strip() in (row.old.value, row.old.value.removeprefix(base.ids)) or (
        (found := _PATH_IN_TEXT.search(row.text)) is not None and base.ids + found[1] == row.old.value
    )


def _term(row: Sent, place: Field, view: View, base: Base) -> Term | None:
    """What a row was altered to; None for nothing. Raises Unreadable."""
    text = row.text.strip()
    if not text:
        return None
    if any(ord(sign) < 32 and sign not in "\n\r\t" for sign in text):
        raise Unreadable("edit.fault.control")
    if place.kind == "choice":
        found = (one for one in place.rule.choices if value_of(one) == text)
        if (chosen := next(found, None)) is None:
            raise Unreadable("edit.fault.choice")
        return chosen
    if isinstance(row.old, Literal):  # a literal stays one, whatever the others of its field are
        if row.old.language:
            return terms.read_text(text, row.lang or row.old.language)
        if place.kind != "text":
            return terms.read_value(text, place.rule.datatypes, row.old)
    if place.kind == "text":
        if not row.lang and LANG_STRING in place.rule.datatypes:
            raise Unreadable("edit.fault.language")
        return terms.read_text(text, row.lang)
    if place.kind in ("value", "boolean"):
        return terms.read_value(text, place.rule.datatypes, _first(place.rows))
    if place.kind == "link":
        return terms.read_link(text)
    return _thing(text, view, base)


def value_of(term: Term) -> str:
    """How a choice is called in a form."""
    return term.value if isinstance(term, NamedNode) else str(term)


def _first(rows: Sequence[Row]) -> Term | None:
    return next((row.old for row in rows if row.old is not None), None)


def _thing(text: str, view: View, base: Base) -> NamedNode:
    """The thing that a text means: its IRI, what follows …/id/, `Name [path]`, or its very name."""
    candidates = [text, base.ids + text]
    if (found := _PATH_IN_TEXT.search(text)) is not None:
        candidates.insert(0, base.ids + found[1])
    for candidate in candidates:
        try:
            node = NamedNode(candidate)
        except ValueError:
            continue
        if candidate.startswith(base.ids) and any(True for _ in view.quads(node)):
            return node
    named = {
        quad.subject
        for predicate in (PREF_LABEL, SKOS + "altLabel")
        for code in ("fi", "sv", "en")
        for quad in view.quads(None, NamedNode(predicate), Literal(text, language=code))
    }
    if len(named) == 1 and isinstance(one := named.pop(), NamedNode):
        return one
    raise Unreadable("edit.fault.ambiguous" if named else "edit.fault.thing")


# --- evidence -------------------------------------------------------------------------------------------


def _evidence(
    edit: Edit,
    form: Form,
    altered: Sequence[tuple[Sent, Term | None]],
    basis: Mapping[str, str],
    view: View,
    base: Base,
) -> None:
    """Let claims follow their triples, and new facts of a source name their passage."""
    node = NamedNode(form.iri)
    for row, new in altered:
        section = form.section(row.graph)
        if section is None or section.purpose != "source" or row.predicate == RESTS_ON:
            continue
        graph, predicate = NamedNode(row.graph), NamedNode(row.predicate)
        told = basis.get(row.graph, "")
        claims = [] if row.old is None else claims_of(view, node, predicate, row.old, graph)
        stands = new is not None and Quad(node, predicate, new, graph) in edit.added
        for claim in claims:
            whole = [
                quad
                for quad in view.quads(claim, graph=graph)
                if isinstance(quad.object, NamedNode | Literal)
            ]
            if new is not None and stands and told in ("", SAME):
                edit.removed.update(quad for quad in whole if quad.predicate.value == RDF + "object")
                edit.added.add(Quad(claim, NamedNode(RDF + "object"), new, graph))
            else:
                edit.removed.update(whole)
        if new is None or not stands:
            continue
        if told not in ("", SAME):
            edit.added.update(_claim(node, predicate, new, NamedNode(told), graph, base))
        elif not told and not form.new and row.graph not in edit.unproven:
            edit.unproven.append(row.graph)
    for graph_iri, told in basis.items():
        if told not in ("", SAME) and not _is_passage(view, told, graph_iri):
            edit.faults.append(Fault("", "edit.fault.passage", graph_iri))


def claims_of(
    view: View, subject: NamedNode, predicate: NamedNode, value: Term, graph: NamedNode
) -> list[NamedNode]:
    """The claims about one triple of a graph."""
    found = []
    for quad in view.quads(None, NamedNode(RDF + "subject"), subject, graph):
        claim = quad.subject
        if (
            isinstance(claim, NamedNode)
            and _has(view, claim, RDF + "predicate", predicate, graph)
            and _has(view, claim, RDF + "object", value, graph)
        ):
            found.append(claim)
    return found


def _claim(
    subject: NamedNode, predicate: NamedNode, value: Term, passage: NamedNode, graph: NamedNode, base: Base
) -> list[Quad]:
    """A claim that one triple rests on a passage; its name follows from the triple and the passage."""
    mark = hashlib.sha256(
        "\n".join(map(str, (subject, predicate, value, passage, graph))).encode()
    ).hexdigest()
    slug = re.sub(r"[^a-z0-9]+", "-", subject.value.rpartition("/")[2].lower()).strip("-")[:60]
    claim = NamedNode(base.id("claim", f"{slug or 'fact'}-{mark[:10]}"))
    said: tuple[tuple[str, Term], ...] = (
        (TYPE, _STATEMENT),
        (RDF + "subject", subject),
        (RDF + "predicate", predicate),
        (RDF + "object", value),
        (RESTS_ON, passage),
    )
    return [Quad(claim, NamedNode(name), term, graph) for name, term in said]


def _is_passage(view: View, iri: str, graph: str) -> bool:
    try:
        return _has(view, NamedNode(iri), TYPE, NamedNode(KYM + "Passage"), NamedNode(graph))
    except ValueError:
        return False


def _has(view: View, subject: NamedNode, predicate: str, value: Term, graph: NamedNode) -> bool:
    return any(True for _ in view.quads(subject, NamedNode(predicate), value, graph))
