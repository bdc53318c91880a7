"""Proposals, spreadsheets and links that wait for somebody's decision."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from api import writes
from api.deps import LanguageDep, Services, ServicesDep
from api.negotiate import Language
from api.parameters import given_of, whole_number
from api.portal import desk, linkdesk, undo, upload
from api.portal.desk import Refusal
from api.portal.spool import EXPIRY, LARGEST, Upload
from api.session import PageRoute, Session, checked_form, private_page, required, see_other
from kymgraph.errors import BadParameter, InputError, KymgraphError
from kymgraph.linking.decisions import GRAPH, MATCHES
from kymgraph.store.journal import Entry

router = APIRouter(include_in_schema=False, route_class=PageRoute)

#: Bytes of a form without a file, and of what stands around a file in one that has it.
_FORM: Final = 100_000
_KEY: Final = re.compile(r"[0-9a-f]{16}")
_TEMPLATES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
#: Classes whose templates stand first: those with most things, but for those that have a desk of their own.
_FIRST: Final = 12
_OWN_DESK: Final = frozenset({"LinkDecision", "AcceptedLink", "DeclinedLink"})


# --- taking a change back -------------------------------------------------------------------------------


@router.head("/changes/{number}/undo")
@router.get("/changes/{number}/undo")
async def undo_page(
    request: Request, services: ServicesDep, lang: LanguageDep, number: Annotated[int, Path(ge=1)]
) -> Response:
    """What taking a change back would come to."""
    return await undo.shown(request, services, lang, number)


@router.post("/changes/{number}/undo")
async def undo_form(
    request: Request, services: ServicesDep, lang: LanguageDep, number: Annotated[int, Path(ge=1)]
) -> Response:
    """Take a change back."""
    return await undo.undone(request, services, lang, number)


# --- files ----------------------------------------------------------------------------------------------


@router.head("/edit/upload")
@router.get("/edit/upload")
async def upload_page(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The form to send a file with, and templates to fill in."""
    session = await _editor(request, services)
    return await _upload_form(request, services, lang, session)


@router.post("/edit/upload")
async def send(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Keep a file, and lead on to what it would change."""
    limit = min(LARGEST, services.settings.write_bytes)
    session, fields = await checked_form(request, services, limit=limit + _FORM)
    session.principal.require("editor")
    file, mode = fields.get("file"), desk.text_of(fields, "mode") or "add"
    named = desk.text_of(fields, "new_graph") or desk.text_of(fields, "graph")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise upload.FileMissing("nothing was checked: no file was chosen")
        if mode not in upload.MODES:
            raise BadParameter(f"nothing was checked: mode is one of {', '.join(upload.MODES)}")
        data = await file.read(limit + 1)
        if not data or len(data) > limit:
            raise upload.FileSize(f"nothing was checked: a file has 1 to {limit:,} bytes")
        kept = await asyncio.to_thread(
            upload.spool(services).keep,
            data,
            agent=session.principal.agent_slug,
            name=file.filename,
            graph=upload.graph_of(services, named),
            mode=mode,
        )
    except KymgraphError as error:
        told = desk.refusal(error, lang)
        return await _upload_form(request, services, lang, session, refusal=told, graph=named, mode=mode)
    return see_other(f"/edit/upload/{kept.id}", lang)


@router.head("/edit/upload/{id}")
@router.get("/edit/upload/{id}")
async def checked(request: Request, services: ServicesDep, lang: LanguageDep, id: str) -> Response:
    """What a file would change, or what is wrong with it; and what became of it, once it is written."""
    session = await _editor(request, services)
    return await _checked_page(request, services, lang, session, id)


@router.post("/edit/upload/{id}")
async def confirm(request: Request, services: ServicesDep, lang: LanguageDep, id: str) -> Response:
    """Write what was checked, as a proposal or at once; or forget the file."""
    session, fields = await checked_form(request, services, limit=_FORM)
    principal = session.principal
    principal.require("editor")
    spool = upload.spool(services)
    found = await asyncio.to_thread(spool.find, id, principal.agent_slug)
    way, reason = desk.text_of(fields, "way"), desk.text_of(fields, "reason")
    if way == "discard":
        await asyncio.to_thread(spool.discard, found)
        return see_other("/edit/upload?done=discarded", lang)
    if (result := spool.done(found)) is None:
        try:
            if not reason:
                raise desk.ReasonMissing("nothing was written: a change has a reason")
            asked = writes.of_form(
                request,
                principal,
                lang,
                desk.texts_of(fields),
                reason=reason,
                key=f"upload {id}",
            )
            data = await asyncio.to_thread(spool.data, found)
            written = await upload.write(
                services, lang, asked, found, data, desk.text_of(fields, "digest"), propose=way == "propose"
            )
        except KymgraphError as error:
            told = desk.refusal(error, lang)
            return await _checked_page(request, services, lang, session, id, refusal=told, reason=reason)
        result = {"commit": written.commit, "proposal": written.proposal}
        await asyncio.to_thread(spool.written, found, result)
    if result["proposal"]:
        return see_other(f"/proposals/{result['proposal']}?done=open", lang)
    return see_other(f"/edit/upload/{id}", lang)


async def _upload_form(
    request: Request,
    services: Services,
    lang: Language,
    session: Session,
    *,
    refusal: Refusal | None = None,
    graph: str = "",
    mode: str = "add",
) -> Response:
    classes = await asyncio.to_thread(upload.classes, services, lang)
    return private_page(
        request,
        services,
        lang,
        "upload.html",
        session=session,
        status=refusal.status if refusal else 200,
        desks=await desk.desks(services, session.principal),
        refusal=refusal,
        graphs=await upload.graphs(services, session.principal),
        graph=graph,
        mode=mode,
        modes=upload.MODES,
        first=sorted(
            (one for one in classes if one.name not in _OWN_DESK), key=lambda one: (-one.count, one.label)
        )[:_FIRST],
        classes=classes,
        largest=min(LARGEST, services.settings.write_bytes) // 1_000_000,
        hours=EXPIRY // 3600,
        discarded=request.query_params.get("done") == "discarded",
        accepted=",".join((*upload.SHEETS[:3], *upload.PATCHES, *upload.RDF, ".gz")),
    )


async def _checked_page(
    request: Request,
    services: Services,
    lang: Language,
    session: Session,
    id: str,
    *,
    refusal: Refusal | None = None,
    reason: str = "",
) -> Response:
    spool = upload.spool(services)
    found: Upload = await asyncio.to_thread(spool.find, id, session.principal.agent_slug)
    result = await asyncio.to_thread(spool.done, found)
    made = None
    if result is None:
        data = await asyncio.to_thread(spool.data, found)
        made = await upload.check(services, lang, session.principal, found, data)
    return private_page(
        request,
        services,
        lang,
        "checked.html",
        session=session,
        status=refusal.status if refusal else 200,
        upload=found,
        checked=made,
        result=result,
        refusal=refusal,
        reason=reason,
        generation=services.dataset.generation,
        sheet=upload.suffix_of(found.name) in upload.SHEETS,
    )


@router.get("/edit/template/{name}")
async def template(request: Request, services: ServicesDep, lang: LanguageDep, name: str) -> Response:
    """The empty spreadsheet of a class, as `kymgraph template` writes it."""
    await _editor(request, services)
    cls, _, suffix = name.rpartition(".")
    if suffix not in _TEMPLATES or not cls:
        raise BadParameter("there is no such template; they are called CLASS.xlsx and CLASS.csv")
    body = await asyncio.to_thread(upload.template_of, services, lang, cls, suffix)
    plain = re.sub(r"[^A-Za-z0-9-]+", "-", cls)[:60]
    headers = {
        "content-disposition": f'attachment; filename="{plain}-{lang}.{suffix}"',
        "cache-control": "no-store",
    }
    return Response(body, headers=headers, media_type=_TEMPLATES[suffix])


# --- links ----------------------------------------------------------------------------------------------


@router.head("/edit/links")
@router.get("/edit/links")
async def links(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """What the operator had proposed, to accept or decline."""
    session = await _editor(request, services)
    given = given_of(request, ("vocabulary", "kind", "page", "done", "proposed", "lang"))
    return await _links_page(
        request,
        services,
        lang,
        session,
        vocabulary=given.get("vocabulary", "")[:500],
        kind=given.get("kind", "")[:20],
        page=whole_number("page", given, 10_000, example=2) or 1,
        done=whole_number("done", given, 10**9, example=2),
        proposed=given.get("proposed", "")[:40],
    )


@router.post("/edit/links")
async def decide(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Write a decision, or several of them as one change."""
    session, fields = await checked_form(request, services, limit=_FORM)
    told = desk.texts_of(fields)
    vocabulary, kind = told.get("vocabulary", "")[:500], told.get("kind", "")[:20]
    page = int(told["page"]) if re.fullmatch(r"[1-9][0-9]{0,3}", told.get("page", "")) else 1
    keys = sorted(name.removeprefix("pair-") for name in told if name.startswith("pair-"))
    way: Literal["accept", "decline"] | str = told.get("way", "")
    match, reason = told.get("match", ""), desk.text_of(fields, "reason")
    try:
        if way not in ("accept", "decline") or (match and match not in MATCHES):
            raise InputError("nothing was decided: the form says neither accept nor decline")
        if not keys:
            raise linkdesk.NothingChosen("nothing was decided: no proposal was chosen")
        if not all(map(_KEY.fullmatch, keys)):
            raise linkdesk.ProposalGone("nothing was decided: there is no such proposal")
        asked = writes.of_form(
            request,
            session.principal,
            lang,
            told,
            reason=reason,
            key=f"links {told.get('key', '')[:40]} {keys[0]} {len(keys)}",
        )
        written = await linkdesk.decide(services, asked, keys, accepted=way == "accept", match=match)
    except KymgraphError as error:
        return await _links_page(
            request,
            services,
            lang,
            session,
            vocabulary=vocabulary,
            kind=kind,
            page=page,
            refusal=desk.refusal(error, lang),
        )
    return see_other(linkdesk.address(vocabulary, kind, page, written), lang)


async def _links_page(
    request: Request,
    services: Services,
    lang: Language,
    session: Session,
    *,
    vocabulary: str,
    kind: str,
    page: int,
    done: int | None = None,
    proposed: str = "",
    refusal: Refusal | None = None,
) -> Response:
    principal = session.principal

    def read() -> tuple[linkdesk.Review, list[Entry]]:
        found = linkdesk.review(services, lang, principal, vocabulary, kind, page)
        return found, linkdesk.history(services)

    review, history = await asyncio.to_thread(read)
    return private_page(
        request,
        services,
        lang,
        "linkdesk.html",
        session=session,
        status=refusal.status if refusal else 200,
        desks=await desk.desks(services, principal),
        review=review,
        history=history,
        vocabulary=vocabulary,
        kind=kind,
        matches=tuple(MATCHES),
        may=principal.may("editor", graphs=[GRAPH]),
        publishes=principal.may("publisher", graphs=[GRAPH]),
        refusal=refusal,
        done=done if any(entry.number == done for entry in history) else None,
        proposed=proposed,
        key=secrets.token_urlsafe(12),
        address=linkdesk.address,
    )


@router.head("/edit/links/decided")
@router.get("/edit/links/decided")
async def decided(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """All decisions about links, newest first."""
    session = await _editor(request, services)
    given = given_of(request, ("page", "q", "lang"))
    words, wanted = given.get("q", "").strip()[:200], whole_number("page", given, 10_000, example=2) or 1
    found, page, pages = await asyncio.to_thread(linkdesk.decided, services, lang, words, wanted)
    return private_page(
        request,
        services,
        lang,
        "decided.html",
        session=session,
        decisions=found,
        words=words,
        page=page,
        pages=pages,
    )


async def _editor(request: Request, services: Services) -> Session:
    """Whoever is signed in and may propose changes. Raises SignInRequired, NotAllowed."""
    session = await required(request, services)
    session.principal.require("editor")
    return session
