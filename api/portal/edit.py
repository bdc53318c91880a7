"""What the pages of the editor show: a form with what was typed and what is wrong with it, and its preview.

A draft is a form of the state of now with the rows that a browser sent laid over it. Nothing of it is kept
between two requests: the browser sends all of it each time.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from api import writes
from api.deps import Services
from api.linked.page import COMMON
from api.linked.paths import path_of
from api.negotiate import Language
from api.texts import Texts, catalogue
from kymgraph.access import Principal
from kymgraph.commit import Outcome
from kymgraph.commit import Request as CommitRequest
from kymgraph.errors import ChangeConflict, GraphNotWritable, KymgraphError
from kymgraph.forms import change as forms
from kymgraph.forms.change import SAME, Edit, Sent
from kymgraph.forms.form import (
    RESTS_ON,
    Field,
    Form,
    Row,
    Section,
    form_of,
    name_of,
    new_form,
    passages,
    things,
)
from kymgraph.forms.rules import NAMES
from kymgraph.namespaces import RDF, Base
from kymgraph.rdf import Literal, NamedNode, Term
from kymgraph.report import Report, Result
from kymgraph.view import UNION, View

#: So many things to choose among are a list of their own; more are found by their names.
_LISTED: Final = 60
#: Links to the thing that a preview names, by property.
_NAMED: Final = 8
#: Seconds that somebody waits for the questions that would be answered differently.
_QUESTIONS_SECONDS: Final = 40.0
_LONGEST_NAME: Final = 150
_TALL: Final = 40  # characters of a text from which it gets several lines


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose."""

    value: str
    text: str


@dataclass(slots=True)
class ShownRow:
    """One value in the form, as it is and as it was typed."""

    number: str
    key: str  #: what comes back: graph, property and old value
    text: str
    lang: str
    tagged: bool  #: whether its language can be chosen
    tall: bool
    options: list[Option] = field(default_factory=list)  #: to choose from; empty: to be typed
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ShownField:
    """One property in the form."""

    id: str
    of: Field
    name: str
    help: str
    hint: str  #: key of a sentence on how to type it
    rows: list[ShownRow]
    list_id: str = ""  #: of the list of things to choose from
    key: str = ""  #: for adding a value
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ShownSection:
    """One graph in the form."""

    id: str
    section: Section
    fields: list[ShownField]
    more: list[Option]
    languages: list[str]
    passages: list[Option]
    basis: str  #: what was chosen
    proven: str  #: the passages of the thing so far, in words
    writable: bool
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Draft:
    """A form with what was typed."""

    form: Form
    sent: list[Sent]
    basis: dict[str, str]
    edit: Edit
    view: View
    sections: list[ShownSection] = field(default_factory=list)
    lists: dict[str, list[Option]] = field(default_factory=dict)  #: things to choose from, by id
    faults: list[str] = field(default_factory=list)  #: of no one field
    notes: list[str] = field(default_factory=list)  #: of the gate, which do not block
    outcome: Outcome | None = None

    @property
    def faulty(self) -> bool:
        return bool(self.faults) or any(
            one.faults or any(f.faults or any(r.faults for r in f.rows) for f in one.fields)
            for one in self.sections
        )

    def all_faults(self) -> list[tuple[str, str, str]]:
        """Each fault with the element that it is about and its name: for the summary at the top."""
        found = [("", "", text) for text in self.faults]
        for section in self.sections:
            found += [(f"basis-{section.id}", "", text) for text in section.faults]
            for one in section.fields:
                place = f"value-{one.rows[0].number}" if one.rows else ""
                found += [(place, one.name, text) for text in one.faults]
                found += [(f"value-{row.number}", one.name, text) for row in one.rows for text in row.faults]
        return found


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Who refers to the thing by one property."""

    name: str
    count: int
    things: list[Option]  #: path of the page, and name


# --- reading --------------------------------------------------------------------------------------------


def new_key() -> str:
    """What marks one filling-in of a form, so that sending it twice changes things once."""
    return secrets.token_urlsafe(18)


def sent_rows(fields: Mapping[str, str]) -> list[Sent]:
    """The rows of a form as they came back; what is no row is passed over."""
    found = []
    for name, text in fields.items():
        before, _, number = name.partition(".")
        if before != "row" or not number.isdecimal() or f"value.{number}" not in fields:
            continue  # a field that is shown but cannot be typed in sends no value
        try:
            graph, predicate, *old = json.loads(text)
            row = Sent(
                number,
                str(graph),
                str(predicate),
                _old(old),
                fields.get(f"value.{number}", ""),
                fields.get(f"lang.{number}", ""),
            )
            NamedNode(row.graph), NamedNode(row.predicate)
        except (ValueError, TypeError, RecursionError):
            continue
        found.append(row)
    return found


def row_key(graph: str, predicate: str, old: Term | None) -> str:
    """Graph, property and old value of a row as text.

    >>> row_key("u:g", "u:p", Literal("ä", language="fi"))
    '["u:g", "u:p", "ä", "fi", ""]'
    """
    said: list[str] = []
    if isinstance(old, NamedNode):
        said = [old.value]
    elif isinstance(old, Literal):
        said = [old.value, old.language or "", "" if old.language else old.datatype.value]
    return json.dumps([graph, predicate, *said], ensure_ascii=False)


def _old(said: Sequence[Any]) -> Term | None:
    texts = [str(one) for one in said]
    if not texts:
        return None
    if len(texts) == 1:
        return NamedNode(texts[0])
    value, lang, datatype = texts
    return Literal(value, language=lang) if lang else Literal(value, datatype=NamedNode(datatype))


def given_basis(fields: Mapping[str, str], base: Base) -> dict[str, str]:
    """What altered facts rest on, by graph: SAME, or the IRI of a passage."""
    return {
        fields[f"graph.{number}"]: told if told == SAME else base.ids + told.removeprefix(base.ids)
        for name, told in fields.items()
        if name.startswith("basis.") and f"graph.{(number := name[6:])}" in fields and told
    }


# --- drafts ---------------------------------------------------------------------------------------------


class Editor:
    """Makes drafts for one person in one language."""

    def __init__(self, services: Services, principal: Principal, lang: Language) -> None:
        self.services, self.principal, self.lang = services, principal, lang
        self.t, self._texts = Texts(lang), catalogue(lang)
        self.project = services.project
        self.base: Base = services.project.base

    async def draft(
        self, iri: str, fields: Mapping[str, str], *, type: str = "", graph: str = ""
    ) -> Draft | None:
        """The form with what was sent; None for a thing that is not there. `type`, `graph` make a new one."""
        return await asyncio.to_thread(self._draft, iri, fields, type, graph)

    def _draft(self, iri: str, fields: Mapping[str, str], type: str, graph: str) -> Draft | None:
        view = self.services.linked.view()
        form = form_of(view, self.project, iri, self.lang)
        if not form.types and not form.sections:
            if not type or not graph:
                return None
            form = new_form(view, self.project, iri, type, graph, self.lang)
        sent, basis = sent_rows(fields), given_basis(fields, self.base)
        edit = forms.read(form, sent, basis, view, self.base)
        draft = Draft(form, sent, basis, edit, view)
        self._show(draft, fields)
        for fault in edit.faults:
            self._tell(draft, self._text(fault.key), number=fault.number, graph=fault.graph)
        return draft

    async def judge(self, draft: Draft, reason: str = "") -> None:
        """Let the gate say what it thinks of the change; its words go to the fields that they are about."""
        for graph in draft.edit.unproven:
            self._tell(draft, self.t("edit.fault.basis"), graph=graph, basis=True)
        if draft.edit.empty:
            return
        made = replace(draft.edit.changeset(draft.form.generation), reason=reason)
        try:
            made_by = replace(made, agent=self.principal.agent(self.base))
            draft.outcome = await writes.check(self.services, CommitRequest(made_by))
        except ChangeConflict:
            draft.faults.append(self.t("edit.fault.conflict"))
            return
        except GraphNotWritable:
            draft.faults.append(self.t("edit.fault.unknown"))
            return
        self._report(draft, draft.outcome.report)

    def _report(self, draft: Draft, report: Report) -> None:
        for result in report.results:
            if result.status != "new":
                continue
            text = result.message(self.lang) or result.component.value
            if not result.rejects:
                draft.notes.append(self._named(result, draft.form.iri, text))
                continue
            path = result.path.value if isinstance(result.path, NamedNode) else ""
            own = isinstance(result.focus, NamedNode) and result.focus.value == draft.form.iri
            graph = result.graph.value if result.graph else ""
            if own and self._at_field(draft, path, graph, result.value, text):
                continue
            draft.faults.append(self._named(result, draft.form.iri, text))

    def _named(self, result: Result, iri: str, text: str) -> str:
        """The message, with the name of what it is about where that is another thing."""
        if isinstance(result.focus, NamedNode) and result.focus.value != iri:
            name = result.label(self.lang) or result.focus.value.removeprefix(self.base.ids)
            return f"{name}: {text}"
        return text

    def _at_field(self, draft: Draft, path: str, graph: str, value: Term | None, text: str) -> bool:
        """Put a message at the row with this value, else at the field; False if there is no such field."""
        places = [
            one
            for section in draft.sections
            if not graph or section.section.graph == graph
            for one in section.fields
            if one.of.predicate == path
        ]
        if not places:
            return False
        typed = {
            number
            for quad, number in draft.edit.rows.items()
            if quad.predicate.value == path and quad.object == value
        }
        for one in places:
            for row in one.rows:
                if row.number in typed:
                    row.faults.append(text)
                    return True
        if text not in places[0].faults:
            places[0].faults.append(text)
        return True

    def _tell(
        self, draft: Draft, text: str, *, number: str = "", graph: str = "", basis: bool = False
    ) -> None:
        """Put a fault of the form's own at its row, its graph, or the top."""
        for section in draft.sections:
            for one in section.fields:
                for row in one.rows:
                    if number and row.number == number:
                        row.faults.append(text)
                        return
            if graph and section.section.graph == graph and (basis or not number):
                section.faults.append(text)
                return
        draft.faults.append(text)

    def _text(self, key: str) -> str:
        return self._texts.get(key, key)

    # -- showing

    def _show(self, draft: Draft, fields: Mapping[str, str]) -> None:
        taken = [int(row.number) for row in draft.sent]
        self._next = max(taken, default=-1) + 1
        self._sent: dict[str, list[Sent]] = {}
        for row in draft.sent:
            self._sent.setdefault(row_key(row.graph, row.predicate, row.old), []).append(row)
        wanted = self._wanted(draft.form, fields)
        for place, section in enumerate(draft.form.sections):
            found = passages(draft.view, section.graph) if section.purpose == "source" else []
            choice = [Option(self._path(iri), self._lines(first, last)) for iri, first, last in found]
            shown = ShownSection(
                id=str(place),
                section=section,
                fields=[],
                more=[],
                languages=list(section.languages),
                passages=choice,
                basis=self._path(draft.basis.get(section.graph, "")),
                proven=self._proven(section, choice),
                writable=self.principal.may("editor", graphs=[section.name]),
            )
            for number, one in enumerate(section.fields):
                made = self._field(draft, one, f"{place}-{number}", choice, wanted)
                if made.rows or one.hidden:
                    shown.fields.append(made)
                else:
                    shown.more.append(Option(one.predicate, made.name))
            shown.more.sort(key=lambda option: option.text.casefold())
            draft.sections.append(shown)

    def _wanted(self, form: Form, fields: Mapping[str, str]) -> tuple[str, str]:
        """The graph and the property that one more value was asked for; empty if none was."""
        asked = fields.get("add", "")
        if asked.startswith("more."):
            number = asked[5:]
            return fields.get(f"graph.{number}", ""), fields.get(f"more.{number}", "")
        try:
            graph, predicate = json.loads(asked) if asked else ("", "")
        except ValueError:
            return "", ""
        return str(graph), str(predicate)

    def _field(
        self, draft: Draft, one: Field, id: str, choice: list[Option], wanted: tuple[str, str]
    ) -> ShownField:
        made = ShownField(
            id=id,
            of=one,
            name=self._property(one),
            help=one.help(self.lang),
            hint=_hint(one),
            rows=[],
            key=row_key(one.graph, one.predicate, None),
        )
        options: list[Option] = []
        if one.kind == "passage":
            options = choice
        elif one.kind == "choice":
            options = [
                Option(forms.value_of(term), self._name(draft.view, term)) for term in one.rule.choices
            ]
        elif one.kind == "boolean":
            options = [Option("true", self.t("edit.true")), Option("false", self.t("edit.false"))]
        new = self._sent.pop(made.key, [])
        rows: list[Row] = list(one.rows)
        blank = [row for row in rows if row.old is None]
        rows = [row for row in rows if row.old is not None]
        wants_more = wanted == (one.graph, one.predicate)
        needs_options = bool(rows or blank or new or wants_more)
        if one.kind == "thing" and needs_options:
            options, made.list_id = self._things(draft, one)
        for row in rows:
            key = row_key(one.graph, one.predicate, row.old)
            back = self._sent.get(key)
            made.rows.append(self._row(draft, one, row, key, back.pop(0) if back else None, options))
        for sent in new:
            made.rows.append(self._row(draft, one, Row(None), made.key, sent, options))
        if (blank and not new and not draft.sent) or wants_more:
            section = draft.form.section(one.graph)
            lang = section.languages[0] if section and one.kind == "text" else ""
            made.rows.append(self._row(draft, one, Row(None, "", lang), made.key, None, options))
        return made

    def _row(
        self, draft: Draft, one: Field, row: Row, key: str, sent: Sent | None, options: list[Option]
    ) -> ShownRow:
        text, lang = (sent.text, sent.lang) if sent else (row.text, row.lang)
        if sent is None and one.kind == "choice" and row.old is not None:
            text = forms.value_of(row.old)
        if sent is None and one.kind in ("thing", "passage") and isinstance(row.old, NamedNode):
            iri = row.old.value
            text = self._path(iri) if options else self._called(draft.view, iri)
        if sent is not None:
            number = sent.number
        else:
            number, self._next = str(self._next), self._next + 1
        mine = options
        if options and text and all(option.value != text for option in options):
            mine = [Option(text, self._called(draft.view, self.base.ids + text)), *options]
        tagged = one.kind == "text" or bool(isinstance(row.old, Literal) and row.old.language)
        # A line break in a name would be an accident; in another text it may be meant.
        long = len(text) > _TALL and one.predicate not in NAMES
        tall = one.kind in ("text", "value") and (long or "\n" in text or "\r" in text)
        return ShownRow(number, key, text, lang, tagged, tall, mine)

    def _things(self, draft: Draft, one: Field) -> tuple[list[Option], str]:
        """What a field may refer to: a few are chosen from a list, many are found by their names."""
        id = "things-" + "-".join(sorted(iri.rpartition("#")[2] for iri in one.rule.classes) or ["any"])
        if id not in draft.lists:
            found = things(draft.view, one.rule.classes, self.lang, self.base) if one.rule.classes else []
            draft.lists[id] = [Option(self._path(iri), name) for iri, name in found]
        known = draft.lists[id]
        if 0 < len(known) <= _LISTED:
            return known, ""
        return [], id

    def listed(self, draft: Draft) -> dict[str, list[str]]:
        """The lists that are shown once for all fields: names with what follows …/id/ in brackets."""
        used = {one.list_id for section in draft.sections for one in section.fields if one.list_id}
        return {
            id: [self._bracketed(option.text, option.value) for option in options]
            for id, options in draft.lists.items()
            if id in used
        }

    def _called(self, view: View, iri: str) -> str:
        """A thing by its name and what follows …/id/; anything else as it is."""
        if not iri.startswith(self.base.ids):
            return iri
        name = name_of(view, iri, self.lang, self.base)
        path = self._path(iri)
        return name if name == path else self._bracketed(name, path)

    def _bracketed(self, name: str, path: str) -> str:
        """A name, be it long, with what tells the thing from others of that name."""
        return f"{name[:_LONGEST_NAME]} [{path}]"

    def _path(self, iri: str) -> str:
        """What follows …/id/ in the IRI of a thing of ours; any other as it is."""
        return iri.removeprefix(self.base.ids)

    def _name(self, view: View, term: Term) -> str:
        if isinstance(term, NamedNode):
            return name_of(view, term.value, self.lang, self.base)
        return term.value if isinstance(term, Literal) else str(term)

    def _property(self, one: Field) -> str:
        known = COMMON.get(one.predicate)
        if one.predicate == RESTS_ON:
            return self.t("edit.passage")
        name = self.t(f"property.{known}") if known else one.name(self.lang)
        return name[:1].upper() + name[1:]

    def _proven(self, section: Section, choice: list[Option]) -> str:
        names = {option.value: option.text for option in choice}
        place = next((one for one in section.fields if one.predicate == RESTS_ON), None)
        rows = place.rows if place else []
        paths = [self._path(row.text) for row in rows if row.old is not None]
        return ", ".join(names.get(path, path) for path in paths)

    def _lines(self, first: int, last: int) -> str:
        if first == last:
            return self.t("resource.line", line=first)
        return self.t("resource.lines", first=first, last=last)

    # -- previews

    def elsewhere(self, draft: Draft) -> list[Elsewhere]:
        """Who refers to the thing, by property: they show its name, and change with it."""
        node = NamedNode(draft.form.iri)
        by: dict[str, dict[str, None]] = {}
        for quad in draft.view.quads(None, None, node, UNION):
            if isinstance(quad.subject, NamedNode) and not quad.predicate.value.startswith(RDF):
                by.setdefault(quad.predicate.value, {})[quad.subject.value] = None
        found = []
        for predicate, subjects in sorted(by.items()):
            named = [
                Option(self.page_of(iri), name_of(draft.view, iri, self.lang, self.base))
                for iri in list(subjects)[:_NAMED]
            ]
            found.append(
                Elsewhere(name_of(draft.view, predicate, self.lang, self.base), len(subjects), named)
            )
        return found

    async def questions(self, draft: Draft) -> list[str] | None:
        """The questions that would be answered differently; None if that takes too long to find out."""
        assert draft.outcome is not None
        try:
            asked = self.services.dataset.questions(draft.outcome.change)
            found = await asyncio.wait_for(asked, _QUESTIONS_SECONDS)
        except (TimeoutError, KymgraphError):
            return None
        return [query.name for query in found]

    def page_of(self, iri: str) -> str:
        return path_of(self.base, "page", iri, more={"lang": self.lang})

    def path_of(self, iri: str) -> str:
        """Where a thing is edited."""
        return path_of(self.base, "edit/page", iri)

    def title(self, draft: Draft) -> str:
        return name_of(draft.view, draft.form.iri, self.lang, self.base)

    def type_names(self, draft: Draft) -> str:
        names = (name_of(draft.view, iri, self.lang, self.base) for iri in draft.form.types)
        return ", ".join(names)


def _hint(one: Field) -> str:
    """The key of the sentence on how to type a value."""
    if one.kind == "thing":
        return "edit.hint.thing"
    if one.kind in ("passage", "link"):
        return f"edit.hint.{one.kind}"
    if one.kind != "value":
        return ""
    kinds = [*one.rule.datatypes]
    kinds += [row.old.datatype.value for row in one.rows if isinstance(row.old, Literal)] if not kinds else []
    names = {iri.rpartition("#")[2] for iri in kinds}
    if names & {"gYear", "gYearMonth", "date"}:
        return "edit.hint.date"
    if names & {"decimal", "double", "float"}:
        return "edit.hint.number"
    return "edit.hint.whole" if any("nteger" in name for name in names) else ""


__all__ = ["SAME", "Draft", "Editor", "new_key"]
