"""Signing in and out in a browser: with a token, or through the issuer that the operator named."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api import session as sessions
from api.deps import LanguageDep, Services, ServicesDep
from api.negotiate import Language
from api.problems import NotFound
from kymgraph.errors import FetchFailed, NotAllowed, TokenInvalid
from kymgraph.oidc import ATTEMPT

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
    services.attempts.succeeded(client)
    text = await asyncio.to_thread(services.access.begin_session, principal, address=client)
    response = sessions.see_other(wanted, lang)
    sessions.give_cookie(response, request, services, text)
    return response


# --- through the issuer ---------------------------------------------------------------------------------

#: The cookie of one attempt. It has to come along when the issuer, another site, sends the browser back.
_ATTEMPT = "kymgraph_signin"
_CALLBACK = "/session/callback"


@router.get("/session/issuer")
async def issuer(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Send the browser to the issuer. A link and no form: our policy sends no form to another site."""
    flow = services.sign_in
    if flow is None:
        raise NotFound("no issuer is set up for signing in here")
    services.attempts.check(sessions.address_of(request))
    wanted = sessions.local_path(request.query_params.get("next"))
    next = f"{wanted}{'&' if '?' in wanted else '?'}lang={lang}" if "lang=" not in wanted else wanted
    try:
        address, sealed = await asyncio.to_thread(flow.begin, _redirect(request, services), next)
    except FetchFailed:
        return _page(
            request, services, lang, session=None, next=wanted, fault="session.issuer.fault", status=502
        )
    response = RedirectResponse(address, 303, {"cache-control": "no-store"})
    response.set_cookie(
        _ATTEMPT,
        sealed,
        max_age=ATTEMPT,
        path=f"{services.root}/session",
        secure=not sessions.is_local(sessions.origin_of(request, services)),
        httponly=True,
        samesite="lax",
    )
    return response


@router.get(_CALLBACK)
async def callback(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Whom the issuer sends back: signed in, if it vouches for them.

    The answer is a page that leads on by itself: what another site began brings no strict cookie along.
    """
    flow, client = services.sign_in, sessions.address_of(request)
    if flow is None:
        raise NotFound("no issuer is set up for signing in here")
    services.attempts.check(client)
    sealed = request.cookies.get(_ATTEMPT, "")
    given = dict(request.query_params)
    try:
        principal, next = await asyncio.to_thread(flow.finish, sealed, given)
    except (TokenInvalid, NotAllowed, FetchFailed) as error:
        await services.attempts.failed(client)
        fault = "session.issuer.role" if isinstance(error, NotAllowed) else "session.issuer.fault"
        response = _page(request, services, lang, session=None, next=None, fault=fault, status=403)
    else:
        text = await asyncio.to_thread(services.access.begin_session, principal, address=client)
        response = sessions.private_page(
            request,
            services,
            lang,
            "session-begun.html",
            session=None,
            path="/session",
            next=sessions.local_path(next),
        )
        sessions.give_cookie(response, request, services, text)
    response.delete_cookie(_ATTEMPT, path=f"{services.root}/session", httponly=True, samesite="lax")
    return response


def _redirect(request: Request, services: Services) -> str:
    """Where the issuer sends the browser back to."""
    return services.origin(request.headers.get("host", ""), request.url.scheme) + _CALLBACK


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
        path="/session" if request.url.path != "/session" else None,  # a callback's hold secrets
        next=sessions.local_path(next),
        fault=fault,
        ended=session is None and "ended" in request.query_params,
        secure=sessions.is_secure(sessions.origin_of(request, services)),
        issuer=services.sign_in is not None,
    )
