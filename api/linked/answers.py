"""How the routes of linked data answer: find the resource, then send it on, show it, or say where it went."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from api.cache import Answered, Headers
from api.deps import Services
from api.linked.history import changes_of
from api.linked.negotiate import PAGE, SUFFIXES, named, negotiate
from api.linked.page import Page
from api.linked.paths import header_iri, path_of, readings
from api.linked.refusals import gone, missing
from api.negotiate import Language
from api.portal import faces
from api.portal.asking import Asking
from api.portal.unsaid import unsaid
from api.wire import AnsweredResponse
from kymgraph.errors import BadParameter
from kymgraph.forms.form import has_form
from kymgraph.publishing import documents, schema_org
from kymgraph.publishing.redirects import Redirect
from kymgraph.publishing.resource import ResourceDocument, exists, read
from kymgraph.publishing.touched import Tombstone
from kymgraph.queries import term_iri
from kymgraph.results import GRAPH_FORMATS, ResultFormat

_RDF: Final[dict[str, Any]] = {known.media_type: {} for known in GRAPH_FORMATS}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    301: {"description": "It has another name now"},
    400: {"description": "A parameter that is not known here, or not of its type"},
    404: {"description": "Nothing is known by this name; `near` lists names like it"},
    406: {"description": "Not available in a format that is accepted"},
    410: {"description": "It was taken away; `tombstone` says by which commit"},
    422: {"description": "The generation is not kept"},
}
LOOK_UP: Final[dict[int | str, dict[str, Any]]] = {
    303: {"description": "Its page or data is there"},
    **_REFUSALS,
}
PAGES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The page", "content": {"text/html": {}}},
    304: {"description": "The client's copy is current"},
    **{status: said for status, said in _REFUSALS.items() if status != 406},
}
DATA: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The data", "content": _RDF},
    303: {"description": "Its page is there"},
    304: {"description": "The client's copy is current"},
    **_REFUSALS,
}

#: Longest description for search engines that a page carries.
_SCHEMA: Final = 50_000
#: Lines of one commit that the history shows.
_LINES: Final = 40
#: A number of a generation or a place in a list has no more digits.
_DIGITS: Final = 15


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: IRIs that it may mean, each with the format of its suffix, and parameters."""

    candidates: tuple[tuple[str, ResultFormat | None], ...]
    at: int | None
    after: int
    kept: Mapping[str, str]  #: parameters that links to other forms and resources keep


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: the resource's IRI, the format of its suffix, and the state that was read."""

    iri: str
    format: ResultFormat | None
    generation: int
    document: ResourceDocument | None = None
    tombstone: Tombstone | None = None  #: that of a resource which was taken away
    since: int = 0  #: the first commit that its history was looked for in


# --- the answers ------------------------------------------------------------------------------------------


async def look_up(
    request: Request, services: Services, lang: Language, before: str, format: str | None
) -> Response:
    """303 to the page or the data of what the path names."""
    asked = ask(request, services, before, {"format", "at"})
    chosen = named(format) if format is not None else None
    if (renamed := _renamed(services, asked)) is not None:
        return _moved(request, services, "id", *renamed)
    found = await asyncio.to_thread(_look, services, asked)
    if found is None:
        return await missing(request, services, lang, asked.candidates[-1][0])
    if found.tombstone is not None:
        return gone(request, services, lang, found.iri, found.tombstone)
    chosen = chosen or found.format
    explicit = chosen is not None
    chosen = chosen or negotiate(request.headers.get("accept"))
    base = services.project.base
    more = dict(asked.kept)
    if "lang" in request.query_params:
        more["lang"] = lang
    if chosen is PAGE:
        place = path_of(base, "page", found.iri, more=more)
    else:
        place = path_of(base, "data", found.iri, suffix=chosen.name if explicit else "", more=more)
    headers = {
        "location": place,
        "vary": "Accept",
        "cache-control": "no-cache",
        "kymgraph-generation": str(found.generation),
        "link": f'<{path_of(base, "data", found.iri, more=asked.kept)}>; rel="describedby"',
    }
    return Response(status_code=303, headers=headers)


async def page(request: Request, services: Services, lang: Language, before: str) -> Response:
    """The page about what the path, or `iri=`, names."""
    asked = ask(request, services, before, {"at", "after"})
    if (renamed := _renamed(services, asked)) is not None:
        return _moved(request, services, "page", *renamed)
    found = await asyncio.to_thread(_read, services, asked)
    if found is None:
        return await missing(request, services, lang, asked.candidates[-1][0])
    if found.document is None:
        return gone(request, services, lang, found.iri, found.tombstone)
    document, base = found.document, services.project.base
    origin = services.origin(request.headers.get("host", ""), request.url.scheme)
    more, licence = asked.kept, services.project.license
    data = path_of(base, "data", found.iri, more=more)
    vocabulary = await asyncio.to_thread(services.linked.vocabulary, services.project, asked.at)
    said = schema_org.describe(
        document,
        vocabulary,
        url=origin + path_of(base, "page", found.iri),
        data=origin + path_of(base, "data", found.iri),
        licence=licence,
    )
    downloads = [
        (known, path_of(base, "data", found.iri, suffix=known.name, more=more)) for known in GRAPH_FORMATS
    ]
    places = {"next": document.inverse.next, "first": 0 if document.inverse.offset else None}
    turns = {
        name: ""
        if place is None
        else path_of(base, "page", found.iri, more={**more, "after": str(place), "lang": lang})
        for name, place in places.items()
    }
    shown = Page(
        document, services.project, lang, {k: v for k, v in more.items() if k == "at"}, services.root
    )
    script = schema_org.script(said)
    view = await asyncio.to_thread(services.linked.view, asked.at)
    numbers = [event.number for event in shown.history]
    changes = await asyncio.to_thread(changes_of, services, found.iri, numbers, view, lang)
    face, editable = faces.PLAIN, False
    if asked.at is None:  # the queries of a face read the current generation
        asking = Asking(services, lang)
        asking.generation = document.generation
        face = await faces.face_of(asking, document, view)
        editable = await asyncio.to_thread(has_form, view, base, found.iri)
    unknown = await asyncio.to_thread(unsaid, document, view, services.project, lang)
    body = await asyncio.to_thread(
        services.pages.render,
        face.template,
        lang,
        path=path_of(base, "page", found.iri).partition("?")[0],
        parameters=request.query_params.multi_items(),
        page=shown,
        document=document,
        changes=changes,
        unsaid=[(name, path_of(base, "page", iri, more={**more, "lang": lang})) for name, iri in unknown],
        most=_LINES,
        past=asked.at is not None and asked.at != services.dataset.generation,
        edit=path_of(base, "edit/page", found.iri, more={"lang": lang}) if editable else "",
        present=path_of(base, "page", found.iri, more={"lang": lang}),
        downloads=downloads,
        turns=turns,
        data=data,
        since=found.since,
        licence=licence,
        schema=script if len(script) <= _SCHEMA else "",
        sparql="/sparql?" + urlencode({"query": document.sparql, "lang": lang}),
        **face.values,
    )
    links = [
        f'<{data}>; rel="describedby"',
        *(
            f'<{path}>; rel="alternate"; type="{known.media_type}"'
            for known, path in downloads
            if known.name in ("ttl", "jsonld")
        ),
        *_always(found.iri, licence),
    ]
    answer = Answered(
        "text/html; charset=utf-8",
        generation=document.generation,
        body=body,
        vary="Accept, Accept-Encoding, Accept-Language",
        language=lang,
        headers=link_header(links),
    )
    return AnsweredResponse(answer)


async def data(
    request: Request, services: Services, lang: Language, before: str, format: str | None
) -> Response:
    """The RDF of what the path, or `iri=`, names."""
    asked = ask(request, services, before, {"format", "at", "after"})
    chosen = named(format) if format is not None else None
    if (renamed := _renamed(services, asked)) is not None:
        return _moved(request, services, "data", *renamed)
    found = await asyncio.to_thread(_read, services, asked)
    if found is None:
        return await missing(request, services, lang, asked.candidates[-1][0])
    if found.document is None:
        return gone(request, services, lang, found.iri, found.tombstone)
    document, project = found.document, services.project
    chosen = chosen or found.format or negotiate(request.headers.get("accept"), page=False)
    about = path_of(project.base, "page", found.iri, more=asked.kept)
    if chosen is PAGE:
        return Response(status_code=303, headers={"location": about, "vary": "Accept"})
    origin = services.origin(request.headers.get("host", ""), request.url.scheme)
    more = {**asked.kept, **({"after": str(asked.after)} if asked.after else {})}
    here = origin + path_of(project.base, "data", found.iri, more=more)

    def written() -> bytes:
        quads = documents.quads(document, here, licence=project.license)
        return documents.write(quads, chosen.name, project.prefixes)

    body = await asyncio.to_thread(written)
    links = [f'<{about}>; rel="alternate"; type="text/html"', *_always(found.iri, project.license)]
    if document.inverse.next is not None:
        after = {**asked.kept, "after": str(document.inverse.next)}
        suffix = chosen.name if found.format or format else ""
        links.append(f'<{path_of(project.base, "data", found.iri, suffix=suffix, more=after)}>; rel="next"')
    place = path_of(project.base, "data", found.iri, suffix=chosen.name, more=more)
    answer = Answered(
        chosen.content_type,
        generation=document.generation,
        body=body,
        headers=[*link_header(links), (b"content-location", place.encode())],
    )
    return AnsweredResponse(answer)


def page_of_graph(request: Request, services: Services, iri: str) -> Response:
    """303 to the page about a named graph, with the parameters of the request."""
    more = {n: v for n, v in request.query_params.multi_items() if n in ("at", "lang")}
    place = path_of(services.project.base, "page", iri, more=more)
    return Response(status_code=303, headers={"location": place, "vary": "Accept"})


# --- what is asked ----------------------------------------------------------------------------------------


def ask(request: Request, services: Services, before: str, known: set[str]) -> Asked:
    """What the path after `before`, or `iri=` where that is "", asks for. Raises BadParameter."""
    given = dict(request.query_params.multi_items())
    check_parameters(given, known | {"lang"} | (set() if before else {"iri"}))
    base = services.project.base
    candidates: list[tuple[str, ResultFormat | None]] = []
    if before:
        raw: bytes = request.scope.get("raw_path") or b""
        for iri in readings(base, request.scope["path"], raw, before):
            candidates.append((iri, None))
            stem, dot, suffix = iri.rpartition(".")
            if dot and "." + suffix in SUFFIXES and not stem.endswith("/"):
                candidates.append((stem, SUFFIXES["." + suffix]))
        if not candidates:  # what cannot be an IRI names nothing
            candidates.append((base.iri + before.lstrip("/"), None))
    else:
        if "iri" not in given:
            raise BadParameter(
                "nothing was read: iri is missing; it takes an absolute IRI",
                hint=f"for example iri={base.iri}ontology",
            )
        term_iri(given["iri"])
        candidates.append((given["iri"], None))
    at = generation(services, given["at"]) if "at" in given else None
    after = given.get("after", "0")
    if not (after.isascii() and after.isdecimal() and len(after) <= _DIGITS):
        raise BadParameter(
            f"nothing was read: after is {after[:100]!r}; it takes a whole number from 0 on",
            hint="for example after=100",
        )
    return Asked(tuple(candidates), at, int(after), {"at": given["at"]} if "at" in given else {})


def check_parameters(given: Mapping[str, str], known: set[str]) -> None:
    """Raise BadParameter for a name that means nothing here: a misspelt parameter must not pass unseen."""
    for name in given:
        if name not in known:
            raise BadParameter(
                f"nothing was read: there is no parameter {name[:100]!r} here",
                hint=f"there are: {', '.join(sorted(known))}",
            )


def generation(services: Services, text: str) -> int:
    """The generation that `at=` names. Raises BadParameter."""
    if len(text) > 40 or (text.strip().isdecimal() and len(text.strip()) > _DIGITS):
        raise BadParameter(
            f"nothing was read: at is {text[:40]!r}…; it takes a generation, a date or a time",
            hint="for example at=12, at=2026-11-22 or at=2026-11-22T08:30:00Z",
        )
    try:
        return services.dataset.generation_at(text)
    except (ValueError, OverflowError):  # the last days that a calendar holds, in another zone
        raise BadParameter(
            f"nothing was read: at is {text!r}, which is no time that can be reckoned with",
            hint="for example at=2026-11-22T08:30:00Z",
        ) from None


# --- what is found ----------------------------------------------------------------------------------------


def _look(services: Services, asked: Asked) -> Found | None:
    """Whether what is asked for is there, without reading it."""
    view = services.linked.view(asked.at)
    for iri, suffix in asked.candidates:
        there = exists(view, iri)
        tombstone = None if there == "subject" else services.linked.touched.tombstone(iri, view.generation)
        if there or tombstone is not None:
            return Found(iri, suffix, view.generation, tombstone=tombstone)
    return None


def _read(services: Services, asked: Asked) -> Found | None:
    """The document of what is asked for, or where it went."""
    view, touched = services.linked.view(asked.at), services.linked.touched
    candidates = asked.candidates
    if len(candidates) > 1:  # a name may end like a suffix
        candidates = tuple(pair for pair in candidates if exists(view, pair[0])) or candidates
    for iri, suffix in candidates:
        commits = touched.commits_of(iri, view.generation)
        document = read(view, services.project, iri, commits=commits, inverse_after=asked.after)
        if commits and (document is None or not document.own):
            return Found(iri, suffix, view.generation, tombstone=touched.tombstone(iri, view.generation))
        if document is not None:
            since = touched.since(view.generation)
            return Found(iri, suffix, view.generation, document, since=since)
    return None


def _renamed(services: Services, asked: Asked) -> tuple[Redirect, ResultFormat | None] | None:
    for iri, suffix in asked.candidates:
        if (redirect := services.linked.redirects.get(iri)) is not None:
            return redirect, suffix
    return None


def _moved(
    request: Request, services: Services, form: str, redirect: Redirect, suffix: ResultFormat | None
) -> Response:
    """301 to the same form of the thing under its new name."""
    more = {name: value for name, value in request.query_params.multi_items() if name != "iri"}
    place = path_of(
        services.project.base, form, redirect.new, suffix=suffix.name if suffix else "", more=more
    )
    return Response(status_code=301, headers={"location": place, "cache-control": "no-cache"})


def _always(iri: str, licence: str) -> list[str]:
    cite = [f'<{header_iri(iri)}>; rel="cite-as"']
    return [*cite, f'<{header_iri(licence)}>; rel="license"'] if licence else cite


def link_header(links: list[str]) -> Headers:
    return [(b"link", ", ".join(links).encode("ascii"))]
