"""Signing in and out in a browser: with a token, or through the issuer that the operator named."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import session as sessions
from api.deps import LanguageDep, Services, ServicesDep
from api.negotiate import Language
from kymgraph.errors import TokenInvalid

router = APIRouter(include_in_schema=False, route_class=sessions.PageRoute)

#: Bytes of the form with a token.
_FORM = 20_000


@router.head("/session")
@router.get("/session")
async def page(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Who is signed in, or the form to sign in with."""
    session = await sessions.signed_in(request, services)
    return _page(request, services, lang, session=session, next=request.query_params.get("next"))


@router.post("/session")
async def begin(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Sign in with a token. It is looked up and forgotten: no answer and no log repeats it."""
    # Nobody is signed in yet, so there is no `csrf`: that the form is ours keeps others from signing a
    # browser in as somebody else.
    sessions.check_origin(request, services)
    client = sessions.address_of(request)
    services.attempts.check(client)
    fields = await sessions.read_form(request, _FORM)
    token, wanted = fields.get("token", ""), sessions.local_path(fields.get("next"))
    try:
        principal = await asyncio.to_thread(
            services.access.authenticate, token.strip() if isinstance(token, str) else ""
        )
    except TokenInvalid:
        await services.attempts.failed(client)
        return _page(request, services, lang, session=None, next=wanted, fault="session.fault", status=403)
    text = await asyncio.to_thread(services.access.begin_session, principal, address=client)
    response = sessions.see_other(wanted, lang)
    sessions.give_cookie(response, request, services, text)
    return response


@router.post("/session/end")
async def end(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Sign out."""
    await sessions.checked_form(request, services, limit=_FORM)
    cookie = request.cookies[sessions.COOKIE]
    await asyncio.to_thread(services.access.end_session, cookie, address=sessions.address_of(request))
    response = sessions.see_other("/session?ended=1", lang)
    sessions.drop_cookie(response, services)
    return response


def _page(
    request: Request,
    services: Services,
    lang: Language,
    *,
    session: sessions.Session | None,
    next: str | None,
    fault: str = "",
    status: int = 200,
) -> Response:
    return sessions.private_page(
        request,
        services,
        lang,
        "session.html",
        session=session,
        status=status,
        next=sessions.local_path(next),
        fault=fault,
        ended=session is None and "ended" in request.query_params,
        secure=sessions.is_secure(sessions.origin_of(request, services)),
        issuer=services.issuer is not None,
    )
