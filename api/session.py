"""Who is signed in with a browser, and what such a person may send: forms of our own pages alone.

The rule: a cookie alone changes nothing. A form that changes something comes from a page of this server (its
Origin, or its Referer, says so) and bears the `csrf` text of the session. What a signed-in person gets is
kept by nobody. Readers never get a cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.responses import RedirectResponse, Response

from api import refused
from api.cache import COMMON_HEADERS
from api.deps import Services, client_of, language_of, services_of
from api.negotiate import Language, prefers_html
from api.problems import RequestError, problem
from api.wire import read_body
from kymgraph.access import SESSION, Principal
from kymgraph.errors import InputError, KymgraphError, NotAllowed

COOKIE: Final = "kymgraph_session"
#: Fields and files that a form may have.
MAX_FIELDS: Final = 5_000
MAX_FILES: Final = 1

#: Of pages for one person: a form tells our own origin (with no-referrer it would tell `null`), and no other
#: site may read them.
_PRIVATE: Final = {
    name.decode(): value.decode() for name, value in COMMON_HEADERS if not name.startswith(b"access-control-")
} | {"referrer-policy": "same-origin", "cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in with a browser."""

    principal: Principal
    csrf: str  #: to put in the hidden field `csrf` of every form

    @property
    def name(self) -> str:
        """What they are called here, for their own eyes."""
        return self.principal.name

    @property
    def publisher(self) -> bool:
        return self.principal.may("publisher")


class SignInRequired(RequestError):
    """Nobody is signed in, or the session has ended."""

    code = "token-required"

    def __init__(self) -> None:
        super().__init__(
            "nothing was done: nobody is signed in, or the session has ended",
            hint="sign in at /session",
            headers={"www-authenticate": 'Bearer realm="kymgraph"'},
        )


class MarkMissing(NotAllowed):
    """A form of our own without the mark of this session; `fields` are what it held, to be shown again."""

    def __init__(self, fields: dict[str, str | UploadFile], session: Session) -> None:
        super().__init__(
            "nothing was done: the form lacks the mark of this session",
            hint="open the page again and send the form from there",
        )
        self.fields, self.session = fields, session


# --- who ------------------------------------------------------------------------------------------------


async def signed_in(request: Request, services: Services) -> Session | None:
    """The session that the cookie of a request names; None without one that holds."""
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        return None
    principal = services.access.session(cookie)
    return None if principal is None else Session(principal, _csrf(cookie))


async def required(request: Request, services: Services) -> Session:
    """The session of a request. Raises SignInRequired; on a `PageRoute` that leads to the sign-in page."""
    session = await signed_in(request, services)
    if session is None:
        raise SignInRequired
    return session


def _csrf(cookie: str) -> str:
    # Nobody gets back from it to the cookie, and it is another text than the hash that is stored.
    return hashlib.sha256(b"csrf " + cookie.encode()).hexdigest()


# --- forms ----------------------------------------------------------------------------------------------


async def checked_form(
    request: Request, services: Services, *, limit: int | None = None
) -> tuple[Session, dict[str, str | UploadFile]]:
    """Who sends a form of ours, and its fields (a file is an UploadFile); `csrf` is not among them.

    `limit` is the largest body in bytes, else the setting for writes. Raises SignInRequired, NotAllowed
    (MarkMissing for a form of ours from another session), InputError for what is no form, BodyTooLarge.
    """
    session = await required(request, services)
    check_origin(request, services)
    fields = await read_form(request, limit or services.settings.write_bytes)
    given = fields.pop("csrf", "")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise MarkMissing(fields, session)
    return session, fields


async def read_form(request: Request, limit: int) -> dict[str, str | UploadFile]:
    """The fields of a form by name. Raises InputError, BodyTooLarge."""
    body = await read_body(request.receive, limit)

    async def replay() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise InputError("nothing was done: the body is no form")
    again = Request(request.scope, replay)
    try:
        form = await again.form(max_files=MAX_FILES, max_fields=MAX_FIELDS)
    except (MultiPartException, ValueError) as error:
        raise InputError(f"nothing was done: the form cannot be read ({error})") from None
    items = form.multi_items()
    fields = dict(items)
    if len(items) != len(fields) or len(fields) > MAX_FIELDS:
        raise InputError("nothing was done: the form has a field twice, or too many fields")
    return fields


def check_origin(request: Request, services: Services) -> None:
    """Raise NotAllowed unless a form comes from a page of this server, as Origin or Referer tells."""
    said = request.headers.get("origin") or request.headers.get("referer") or ""
    parts = urlsplit(said)
    if not parts.netloc or f"{parts.scheme}://{parts.netloc}".lower() != origin_of(request, services).lower():
        raise NotAllowed(
            "nothing was done: the form does not come from a page of this server",
            hint="behind a proxy, KYMGRAPH_PUBLIC_URL says where readers reach the server",
        )


def origin_of(request: Request, services: Services) -> str:
    """Scheme, host and port under which this server is reached, as the Origin of its pages."""
    parts = urlsplit(services.origin(request.headers.get("host", ""), request.url.scheme))
    return f"{parts.scheme}://{parts.netloc}"


# --- the cookie -----------------------------------------------------------------------------------------


def is_secure(origin: str) -> bool:
    """Whether a browser may send a secret here: over https, or within one machine.

    >>> is_secure("https://kym.example"), is_secure("http://127.0.0.1:8000"), is_secure("http://kym.example")
    (True, True, False)
    """
    return urlsplit(origin).scheme == "https" or is_local(origin)


def is_local(origin: str) -> bool:
    """Whether an origin is of this very machine."""
    host = urlsplit(origin).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def give_cookie(response: Response, request: Request, services: Services, text: str) -> None:
    """Let the browser have the cookie of a session that has just begun."""
    response.set_cookie(
        COOKIE,
        text,
        max_age=int(SESSION.total_seconds()),
        path=services.root or "/",
        secure=not is_local(origin_of(request, services)),
        httponly=True,
        samesite="strict",
    )


def drop_cookie(response: Response, services: Services) -> None:
    response.delete_cookie(COOKIE, path=services.root or "/", httponly=True, samesite="strict")


# --- pages ----------------------------------------------------------------------------------------------


def private_page(
    request: Request,
    services: Services,
    lang: Language,
    template: str,
    *,
    session: Session | None,
    status: int = 200,
    path: str | None = None,
    **values: Any,
) -> Response:
    """The template as a page for one person, which nobody keeps. `session` is there for it to show.

    `path` is where its links to other languages lead, without parameters; else they lead to where it is.
    """
    body = services.pages.render(
        template,
        lang,
        path=path or request.url.path,
        parameters=[] if path else request.query_params.multi_items(),
        session=session,
        **values,
    )
    headers = _PRIVATE | {"content-language": lang, "vary": "Accept, Accept-Language, Cookie"}
    return Response(body, status, headers, "text/html; charset=utf-8")


def see_other(path: str, lang: Language) -> Response:
    """Lead the browser on to a page after a form was sent, so that loading it again sends nothing."""
    with_lang = path if "lang=" in path else f"{path}{'&' if '?' in path else '?'}lang={lang}"
    return RedirectResponse(with_lang, 303, _PRIVATE)


def local_path(text: str | UploadFile | None, default: str = "/edit") -> str:
    """Where to go after signing in: a path of this server, whatever was sent.

    >>> local_path("/edit/page/measure/x?lang=sv"), local_path("//evil.example")
    ('/edit/page/measure/x?lang=sv', '/edit')
    """
    if not isinstance(text, str) or len(text) > 2_000 or not text.startswith("/") or text.startswith("//"):
        return default
    return default if "\\" in text or not text.isprintable() or " " in text else text


class PageRoute(APIRoute):
    """A route for people: what it raises is shown as a page, and who is not signed in is led to sign in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handler(request)
            except KymgraphError as error:
                if not prefers_html(request.headers.get("accept")):
                    raise
                return await refusal_page(request, error)

        return handled


async def refusal_page(request: Request, error: KymgraphError) -> Response:
    """What was refused, on a page in the reader's language."""
    services, lang = services_of(request), language_of(request)
    if isinstance(error, SignInRequired) and request.method in ("GET", "HEAD"):
        query = request.url.query
        wanted = request.url.path + (f"?{query}" if query else "")
        return see_other("/session?" + urlencode({"next": wanted, "lang": lang}), lang)
    refusal = problem(error, lang)
    response = private_page(
        request,
        services,
        lang,
        refused.TEMPLATE,
        session=await signed_in(request, services),
        status=refusal.status,
        **refused.told(refusal, again=request.method in ("GET", "HEAD"), desk=True),
    )
    for name, value in refusal.headers.items():
        response.headers[name] = value
    return response


def address_of(request: Request) -> str:
    """Whom a request counts for."""
    return client_of(request.client)
