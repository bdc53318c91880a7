"""`/changes/N/undo`: what taking a change back would come to, and doing it.

Taking back is a change like any other: it meets the gate, an editor proposes it, a publisher publishes it.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from fastapi import Request
from starlette.responses import Response

from api import writes
from api.deps import Services
from api.negotiate import Language
from api.portal import desk
from api.portal.desk import Refusal
from api.portal.differences import difference
from api.session import Session, checked_form, private_page, refusal_page, required, see_other
from kymgraph.changeset import Changeset
from kymgraph.commit import Request as CommitRequest
from kymgraph.errors import GateRejected, KymgraphError, NotAllowed

#: Bytes of the form.
_FORM: Final = 100_000


async def shown(request: Request, services: Services, lang: Language, number: int) -> Response:
    """What taking change `number` back would come to in the state of now."""
    session = await required(request, services)
    session.principal.require("editor")
    return await _page(request, services, lang, session, number)


async def undone(request: Request, services: Services, lang: Language, number: int) -> Response:
    """Take it back, as the form says, and lead on to what came of it."""
    try:
        session, fields = await checked_form(request, services, limit=_FORM)
    except KymgraphError as error:
        return await refusal_page(request, error)
    reason = desk.text_of(fields, "reason")

    async def make() -> Changeset:
        return services.dataset.revert(number, reason=reason).change

    try:
        if not reason:
            raise desk.ReasonMissing("nothing was written: taking a change back has a reason")
        key = f"undo {number} {desk.text_of(fields, 'key')[:60]}"
        asked = writes.of_form(
            request, session.principal, lang, desk.texts_of(fields), reason=reason, key=key
        )
        done = await writes.carry_out(services, asked, make, kind="revert", more={"reverts": number})
    except NotAllowed as error:
        return await refusal_page(request, error)
    except KymgraphError as error:
        return await _page(
            request, services, lang, session, number, refusal=desk.refusal(error, lang), reason=reason
        )
    written = desk.Written.of(done)
    if written.proposal:
        return see_other(f"/proposals/{written.proposal}?done=open", lang)
    return see_other(f"/changes/{number}/undo?done={written.commit or number}", lang)


async def _page(
    request: Request,
    services: Services,
    lang: Language,
    session: Session,
    number: int,
    *,
    refusal: Refusal | None = None,
    reason: str = "",
) -> Response:
    entry = services.dataset.entry(number)
    done = _done(services, request, number)
    planned = await asyncio.to_thread(services.dataset.revert, number, reason="")
    judged = unfit = None
    change = planned.change
    if done is None:
        try:
            outcome = await writes.check(services, CommitRequest(change))
            judged = desk.judgement(services, lang, outcome.report)
        except GateRejected as error:
            judged = desk.judgement_of(services, lang, error)
        except KymgraphError as error:
            unfit = desk.refusal(error, lang)
    return private_page(
        request,
        services,
        lang,
        "undo.html",
        session=session,
        status=refusal.status if refusal else 200,
        path=f"/changes/{number}/undo",
        entry=entry,
        done=done,
        judgement=judged,
        unfit=unfit,
        difference=await difference(services, lang, change),
        publishes=session.principal.may("publisher", graphs=writes.names_of(services, change)),
        refusal=refusal,
        reason=reason,
        key=secrets.token_urlsafe(12),
    )


def _done(services: Services, request: Request, number: int) -> int | None:
    """The commit that took this one back, where the address names it and it is so."""
    named = request.query_params.get("done", "")
    if not (named.isascii() and named.isdecimal() and len(named) < 10):
        return None
    try:
        entry = services.dataset.entry(int(named))
    except KymgraphError:
        return None
    return entry.number if entry.more.get("reverts") == number else None
