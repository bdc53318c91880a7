"""The editor: what may be edited, the form of a thing, its preview, and what became of it."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api import session as sessions
from api import writes
from api.deps import LanguageDep, Services, ServicesDep
from api.negotiate import Language, prefers_html
from api.portal import desk
from api.portal.differences import difference
from api.portal.edit import Draft, Editor, Option, new_key
from api.problems import NotFound
from api.session import Session
from kymgraph.access import Proposal
from kymgraph.changeset import Changeset
from kymgraph.errors import BadParameter, ChangeConflict, GateRejected, InputError
from kymgraph.forms.form import is_editable, name_of, purpose_of
from kymgraph.forms.rules import PREF_LABEL, Rules
from kymgraph.namespaces import RDF, Base
from kymgraph.rdf import NamedNode
from kymgraph.view import UNION, View

router = APIRouter(include_in_schema=False, route_class=sessions.PageRoute)

#: Bytes of a form.
_FORM: Final = 5_000_000
_FOUND: Final = 20
_LOCAL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


# --- start ----------------------------------------------------------------------------------------------


@router.head("/edit")
@router.get("/edit")
async def start(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """What may be edited: a thing that is searched for, or a new one by its class."""
    session = await sessions.required(request, services)
    words = " ".join(request.query_params.get("q", "").split())[:200]
    editor = Editor(services, session.principal, lang)
    found: list[tuple[Option, str]] | None = None
    if words:
        hits = (await asyncio.to_thread(services.search.search, words, lang=lang, limit=_FOUND)).hits
        view = await asyncio.to_thread(services.linked.view)
        found = [
            (
                Option(editor.path_of(hit.iri), hit.label(lang, "fi", "sv", "en")),
                ", ".join(name_of(view, iri, lang, editor.base) for iri in hit.types[:1]),
            )
            for hit in hits
            if hit.iri.startswith(editor.base.ids)
        ]
    classes = await asyncio.to_thread(_classes, services.linked.view(), lang, editor.base)
    return sessions.private_page(
        request,
        services,
        lang,
        "edit.html",
        session=session,
        words=words,
        found=found,
        classes=classes,
        may=session.principal.may("editor"),
        desks=await desk.desks(services, session.principal),
    )


def _classes(view: View, lang: Language, base: Base) -> list[Option]:
    """The classes that there are forms for and things of, by name."""
    found = []
    for iri in Rules(view).targeted():
        some = next(view.quads(None, NamedNode(RDF + "type"), NamedNode(iri), UNION), None)
        # What is no thing of ours (a passage, say) has its own ways in.
        if some is not None and not str(some.subject).startswith(f"<{base.ids}passage/"):
            found.append(Option(iri.rpartition("#")[2].rpartition("/")[2], name_of(view, iri, lang, base)))
    return sorted(found, key=lambda option: option.text.casefold())


# --- something new --------------------------------------------------------------------------------------


@router.head("/edit/new/{name}")
@router.get("/edit/new/{name}")
async def new(request: Request, services: ServicesDep, lang: LanguageDep, name: str) -> Response:
    """Where a new thing is to stand and what it is called; then its form."""
    session = await sessions.required(request, services)
    session.principal.require("editor")
    base, view = services.project.base, await asyncio.to_thread(services.linked.view)
    iri = _class_of(view, name)
    if iri is None:
        raise NotFound(f"there is no form for things of class {name[:100]!r}", hint="/edit lists the classes")
    given = request.query_params
    label, graph = " ".join(given.get("label", "").split())[:300], given.get("graph", "")
    graphs = [
        one for one in sorted(base.graph_name(node.value) or "" for node in view.graphs())
        if one and is_editable(base, base.graph(one)) and session.principal.may("editor", graphs=[one])
        and purpose_of(services.project, base.graph(one)) != "translations"
    ]  # fmt: skip
    fault = ""
    if label and graph in graphs:
        kind = await asyncio.to_thread(_kind_of, view, base, iri)
        path = f"{kind}/{_slug(label)}"
        if not _slug(label):
            fault = "edit.fault.name"
        elif any(True for _ in view.quads(NamedNode(base.ids + path))):
            fault = "edit.fault.taken"
        else:
            asked = urlencode({"class": iri, "graph": graph, "label": label})
            return sessions.see_other(f"/edit/page/{path}?{asked}", lang)
    return sessions.private_page(
        request,
        services,
        lang,
        "edit-new.html",
        session=session,
        status=422 if fault else 200,
        name=name,
        type_name=name_of(view, iri, lang, base),
        graphs=graphs,
        graph=graph,
        label=label,
        fault=fault,
    )


def _class_of(view: View, name: str) -> str | None:
    """The class that a name means: what follows # or the last / of one that there are forms for."""
    if not _LOCAL.fullmatch(name):
        return None
    found = [iri for iri in Rules(view).targeted() if iri.rpartition("#")[2].rpartition("/")[2] == name]
    return found[0] if len(found) == 1 else None


def _kind_of(view: View, base: Base, iri: str) -> str:
    """What follows …/id/ in the IRIs of a class: as its things have it, else made from its name."""
    for quad in view.quads(None, NamedNode(RDF + "type"), NamedNode(iri), UNION):
        if isinstance(quad.subject, NamedNode) and quad.subject.value.startswith(base.ids):
            return quad.subject.value.removeprefix(base.ids).partition("/")[0]
    local = iri.rpartition("#")[2].rpartition("/")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", local).lower()


def _slug(label: str) -> str:
    """A name as the end of an IRI.

    >>> _slug("Kymenlaakson vähähiilisyys 2030!")
    'kymenlaakson-vahahiilisyys-2030'
    """
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:80].strip("-")


# --- the form -------------------------------------------------------------------------------------------


@router.head("/edit/page/{path:path}")
@router.get("/edit/page/{path:path}")
async def form(request: Request, services: ServicesDep, lang: LanguageDep, path: str) -> Response:
    """The form of a thing."""
    session = await sessions.required(request, services)
    session.principal.require("editor")
    return await _form(request, services, lang, session, path, {})


@router.post("/edit/page/{path:path}")
async def send(request: Request, services: ServicesDep, lang: LanguageDep, path: str) -> Response:
    """One step of editing: add a row, check, preview, go back, or save."""
    try:
        session, sent = await sessions.checked_form(request, services, limit=_FORM)
    except sessions.MarkMissing as error:
        # Somebody who signed in anew, with a form from before: it is shown again, and nothing is done.
        error.session.principal.require("editor")
        typed = {name: text for name, text in error.fields.items() if isinstance(text, str)}
        return await _form(request, services, lang, error.session, path, typed, resumed=True)
    session.principal.require("editor")
    fields = {name: text for name, text in sent.items() if isinstance(text, str)}
    action = "add" if "add" in fields else fields.get("action", "check")
    if action == "check" and not prefers_html(request.headers.get("accept")):
        return await _live(request, services, lang, session, path, fields)
    if action in ("preview", "questions", "save", "propose"):
        return await _preview(request, services, lang, session, path, fields, action)
    return await _form(request, services, lang, session, path, fields, check=action == "check")


async def _draft(
    request: Request,
    services: Services,
    session: Session,
    lang: Language,
    path: str,
    fields: Mapping[str, str],
) -> tuple[Editor, Draft]:
    editor = Editor(services, session.principal, lang)
    given = {**dict(request.query_params), **fields}
    graph = given.get("graph", "")
    try:
        graph = editor.base.graph(graph) if graph else ""
        iri = NamedNode(editor.base.ids + path).value
        type = NamedNode(given["class"]).value if given.get("class") else ""
    except ValueError:
        raise BadParameter("nothing was read: the address is not that of a form") from None
    if graph and not is_editable(editor.base, graph):
        raise BadParameter("nothing was read: that graph is made by other means")
    draft = await editor.draft(iri, fields, type=type, graph=graph)
    if draft is None:
        raise NotFound(f"the graph knows nothing by the name {iri[:500]}", hint="search for it at /edit")
    return editor, draft


async def _form(
    request: Request,
    services: Services,
    lang: Language,
    session: Session,
    path: str,
    fields: Mapping[str, str],
    *,
    check: bool = False,
    resumed: bool = False,
    judged: tuple[Editor, Draft] | None = None,
) -> Response:
    editor, draft = judged or await _draft(request, services, session, lang, path, fields)
    if draft.form.new and not draft.sent:
        _name_new(draft, request.query_params.get("label", ""))
    if check and judged is None:
        await editor.judge(draft, fields.get("reason", ""))
    return sessions.private_page(
        request,
        services,
        lang,
        "edit-form.html",
        session=session,
        status=403 if resumed else 422 if draft.faulty else 200,
        draft=draft,
        resumed=resumed,
        title=request.query_params.get("label", "") if draft.form.new else editor.title(draft),
        types=editor.type_names(draft),
        lists=editor.listed(draft),
        page=editor.page_of(draft.form.iri),
        key=fields.get("key") or new_key(),
        reason=fields.get("reason", ""),
        new_class=draft.form.types[0] if draft.form.new else "",
        new_graph=draft.sections[0].section.name if draft.form.new else "",
        checked=check,
    )


def _name_new(draft: Draft, label: str) -> None:
    """Put the name that was asked for at the start into the form of a new thing."""
    for one in draft.sections[0].fields:
        if one.of.predicate == PREF_LABEL and one.rows:
            one.rows[0].text = label[:300]


async def _live(
    request: Request,
    services: Services,
    lang: Language,
    session: Session,
    path: str,
    fields: Mapping[str, str],
) -> Response:
    """What is wrong at present, for the island: the same as the button says."""
    editor, draft = await _draft(request, services, session, lang, path, fields)
    await editor.judge(draft, fields.get("reason", ""))
    body = {
        "faults": [{"at": at, "name": name, "text": text} for at, name, text in draft.all_faults()],
        "notes": draft.notes,
        "changes": len(draft.edit.removed | draft.edit.added),
        "summary": _summary(editor, draft),
    }
    return JSONResponse(body, headers={"cache-control": "no-store", "content-language": lang})


def _summary(editor: Editor, draft: Draft) -> str:
    if (count := len(draft.all_faults())) > 0:
        return editor.t("edit.live.faults", n=count)
    return editor.t("edit.live.none" if draft.edit.empty else "edit.live.fine")


async def _preview(
    request: Request,
    services: Services,
    lang: Language,
    session: Session,
    path: str,
    fields: Mapping[str, str],
    action: str,
) -> Response:
    """What would change, here and elsewhere; and saving it, with a reason."""
    reason, fault, status = " ".join(fields.get("reason", "").split()), "", 200
    asked = None
    if action in ("save", "propose"):
        said = {name: text for name, text in fields.items() if name != "action"}
        key = fields.get("key") or new_key()
        try:
            asked = writes.of_form(request, session.principal, lang, said, reason=reason, key=key)
        except (BadParameter, InputError):
            fault, status = "edit.fault.reason-form", 422
        # A form that is sent twice finds its first sending, whatever has changed since.
        if asked is not None and (before := writes.repeated(services, asked)) is not None:
            return _saved(before.generation, services.project.base.ids + path, lang)
        if not reason:
            fault, status = "edit.fault.reason", 422
    editor, draft = await _draft(request, services, session, lang, path, fields)
    edit = draft.edit
    if asked is not None and not (fault or edit.faults or edit.unproven or edit.empty):
        try:
            return await _save(services, lang, editor, draft, asked, propose=action == "propose")
        except (GateRejected, ChangeConflict):
            pass  # judged once more below, which says at which field it is
    await editor.judge(draft, reason)
    if draft.edit.empty and not draft.faulty:
        draft.faults.append(editor.t("edit.fault.nothing"))
    if draft.faulty or draft.outcome is None:
        return await _form(request, services, lang, session, path, fields, check=True, judged=(editor, draft))
    return sessions.private_page(
        request,
        services,
        lang,
        "edit-preview.html",
        session=session,
        status=status,
        draft=draft,
        title=editor.title(draft),
        changes=await difference(services, lang, draft.outcome.change),
        elsewhere=await asyncio.to_thread(editor.elsewhere, draft),
        renamed=any(quad.predicate.value == PREF_LABEL for quad in draft.edit.removed),
        asked_questions=action == "questions",
        questions=await editor.questions(draft) if action == "questions" else None,
        page=editor.page_of(draft.form.iri),
        carried=_carried(fields),
        reason=reason,
        fault=fault,
        publish=session.principal.may("publisher", graphs=writes.names_of(services, draft.outcome.change)),
    )


def _carried(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a preview sends on: the whole form, but for what it asks itself."""
    return [(name, text) for name, text in fields.items() if name not in ("action", "reason", "add", "csrf")]


async def _save(
    services: Services, lang: Language, editor: Editor, draft: Draft, asked: writes.Asked, *, propose: bool
) -> Response:
    async def make() -> Changeset:
        return draft.edit.changeset(draft.form.generation)

    done = await writes.carry_out(services, asked, make, propose=propose)
    if isinstance(done, Proposal):
        query = urlencode({"proposal": done.id, "of": draft.form.iri})
        return sessions.see_other(f"/edit/done?{query}", lang)
    return _saved(done.generation, draft.form.iri, lang)


def _saved(generation: int, iri: str, lang: Language) -> Response:
    return sessions.see_other(f"/edit/done?{urlencode({'change': generation, 'of': iri})}", lang)


@router.head("/edit/done")
@router.get("/edit/done")
async def done(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """What became of a change, and where to see it."""
    session = await sessions.required(request, services)
    editor = Editor(services, session.principal, lang)
    given = request.query_params
    iri, change = given.get("of", ""), given.get("change", "")
    known = iri.startswith(editor.base.ids)
    return sessions.private_page(
        request,
        services,
        lang,
        "edit-done.html",
        session=session,
        page=editor.page_of(iri) if known else "",
        edit=editor.path_of(iri) if known else "",
        change=change if change.isdecimal() and len(change) < 12 else "",
        proposal=given.get("proposal", ""),
    )
