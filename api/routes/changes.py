"""`/changes` and `/proposals`: what was committed, what is proposed, and new changes of any kind.

Reading the history is open to everyone. POST of a change takes every form that the command line takes: RDF,
SPARQL Update, RDF Patch, spreadsheets.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api import deciding, writes
from api.deps import LanguageDep, Services, ServicesDep, language_of
from api.negotiate import Language, choose, language, prefers_html
from api.portal import proposals as pages
from api.portal.desk import Judgement, is_form, kept_judgement
from api.portal.ledger import PER_PAGE, Commit, Difference, Names, by_day, choices, refused, shown
from api.problems import TokenRequired
from api.routes.feeds import feed
from kymgraph import ledger
from kymgraph.access import Principal
from kymgraph.changeset import Changeset, from_patch, to_patch
from kymgraph.diff import Diff, diff
from kymgraph.errors import FormatNotAvailable, InputError, KymgraphError
from kymgraph.publishing.feeds import MEDIA_TYPE as ATOM
from kymgraph.store.journal import Entry
from kymgraph.store.rules import named_graph

router = APIRouter(tags=["changes"])

PATCH = "application/rdf-patch"
_OFFERS = ("application/json", PATCH, "text/plain")
_BY_NAME = {"json": "application/json", "rdfp": PATCH, "text": "text/plain"}
_FormatParameter = Annotated[
    Literal["json", "rdfp", "text"] | None, Query(description="takes the place of Accept")
]
#: Parameters of a decision, which is no change that could be tried first.
_DECIDING = ("lang", "reason")


def entry_to_dict(services: Services, entry: Entry) -> dict[str, Any]:
    """One commit as JSON values."""
    return {**ledger.to_dict(services.project, entry), "change": f"/changes/{entry.number}"}


# --- history --------------------------------------------------------------------------------------------


@router.head("/changes", include_in_schema=False)
@router.get("/changes", summary="List the commits", operation_id="changes")
async def changes(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    limit: Annotated[int, Query(ge=1, le=1000, description="how many at most")] = 100,
    before: Annotated[int | None, Query(ge=1, description="only commits with lower numbers")] = None,
    graph: Annotated[
        str | None, Query(description="only commits that touched this graph (name or IRI)")
    ] = None,
) -> Response:
    """The commits since the store was built, newest first; `next` is the page after this one.

    As an Atom feed for `Accept: application/atom+xml`, see `/changes.atom`; as a page for browsers.
    """
    if prefers_html(request.headers.get("accept")):
        return await _listed_page(
            request, services, lang, limit if "limit" in request.query_params else PER_PAGE, before, graph
        )
    if choose(request.headers.get("accept"), ("application/json", ATOM)) == ATOM:
        return await feed(request, services, lang)
    generation = services.dataset.generation
    entries = await asyncio.to_thread(_entries, services, limit, before, graph)
    body: dict[str, Any] = {
        "generation": generation,
        "changes": [entry_to_dict(services, entry) for entry in entries],
    }
    headers = {"vary": "Accept"}
    if len(entries) == limit and entries[-1].number > 2:
        more = f"/changes?limit={limit}&before={entries[-1].number}" + (f"&graph={graph}" if graph else "")
        body["next"] = more
        headers["link"] = f'<{more}>; rel="next"'
    return writes.json_response(body, headers=headers, generation=generation)


def _entries(services: Services, limit: int, before: int | None, graph: str | None) -> list[Entry]:
    """The newest commits below `before`, of one graph if it is named."""
    dataset = services.dataset
    iri = None if graph is None else named_graph(services.project, graph).value
    until = dataset.generation if before is None else before - 1
    if iri is None:
        return dataset.history(after=max(0, until - limit), until=until)
    return [entry for entry in dataset.history(until=until) if iri in entry.graphs][:limit]


async def _listed_page(
    request: Request, services: Services, lang: Language, limit: int, before: int | None, graph: str | None
) -> Response:
    """The commits as a page, by day."""

    def made() -> tuple[int, list[Entry], list[Commit], list[str]]:
        view = services.linked.view()
        entries = _entries(services, limit + 1, before, graph or None)
        names = Names(services, lang, [view])
        commits = [names.commit(entry) for entry in entries[:limit]]
        return view.generation, entries, commits, choices(services)

    try:
        generation, entries, commits, graphs = await asyncio.to_thread(made)
    except KymgraphError as error:
        return refused(request, services, lang, error)
    older = _older(request, commits[-1].entry.number if len(entries) > limit else None)
    return shown(
        request, services, lang, "changes.html", generation,
        days=by_day(commits), older=older, before=before, graph=graph or "", graphs=graphs, given={},
    )  # fmt: skip


def _older(request: Request, number: int | None) -> str:
    """The path of the page after one that ends with commit `number`; "" where there is none."""
    if number is None:
        return ""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "before"]
    return f"/changes?{urlencode([*kept, ('before', number)])}"


@router.head("/changes/diff", include_in_schema=False)
@router.get("/changes/diff", summary="What changed between two states", operation_id="diff")
async def between(
    request: Request,
    services: ServicesDep,
    one: Annotated[str, Query(alias="from", description="a generation number, or a date or time")],
    other: Annotated[str | None, Query(alias="to", description="likewise; default: the newest")] = None,
    format: _FormatParameter = None,
) -> Response:
    """The difference from one state to another, resource by resource, or as RDF Patch."""
    if format is None and prefers_html(request.headers.get("accept")):
        return await _between_page(request, services, one, other or None)
    dataset = services.dataset
    first = dataset.generation_at(one)
    last = dataset.generation if other is None else dataset.generation_at(other)
    change = await asyncio.to_thread(dataset.between, first, last)
    return await _change(request, services, change, {"from": first, "to": last}, format)


@router.head("/changes/{number}", include_in_schema=False)
@router.get("/changes/{number}", summary="Read one commit", operation_id="change")
async def one(
    request: Request, services: ServicesDep, number: int, format: _FormatParameter = None
) -> Response:
    """Who, when, why, and what it changed: resource by resource, or as RDF Patch."""
    if format is None and prefers_html(request.headers.get("accept")):
        return await _one_page(request, services, number)
    entry = services.dataset.entry(number)
    change = await asyncio.to_thread(services.dataset.changeset, number)
    head = {**entry_to_dict(services, entry), "report": ledger.report_of(entry)}
    return await _change(request, services, change, head, format)


async def _between_page(request: Request, services: Services, one: str, other: str | None) -> Response:
    """The difference between two states as a page."""
    lang, dataset = language_of(request), services.dataset
    given = {"from": one, "to": other or ""}

    def made() -> tuple[int, int, int, Difference]:
        view = services.linked.view()
        first = dataset.generation_at(one)
        last = dataset.generation if other is None else dataset.generation_at(other)
        change = dataset.between(first, last)
        names = Names(services, lang, [view])
        found = diff(change, [view], services.project.base, services.project.prefixes)
        return view.generation, first, last, names.difference(found)

    try:
        generation, first, last, difference = await asyncio.to_thread(made)
    except KymgraphError as error:
        return refused(request, services, lang, error, given=given)
    return shown(
        request, services, lang, "difference.html", generation,
        difference=difference, one=first, other=last, given=given,
    )  # fmt: skip


async def _one_page(request: Request, services: Services, number: int) -> Response:
    """One commit as a page."""
    lang, dataset = language_of(request), services.dataset

    def made() -> tuple[int, Commit, Difference, Judgement | None]:
        entry = dataset.entry(number)
        view = services.linked.view()
        names = Names(services, lang, [view])
        found = diff(dataset.changeset(number), [view], services.project.base, services.project.prefixes)
        kept = ledger.report_of(entry)
        judged = None if kept is None else kept_judgement(services, lang, kept)
        return view.generation, names.commit(entry), names.difference(found), judged

    try:
        generation, commit, difference, judged = await asyncio.to_thread(made)
    except KymgraphError as error:
        return refused(request, services, lang, error)
    return shown(
        request, services, lang, "change.html", generation,
        commit=commit, difference=difference, judged=judged, last=generation,
    )  # fmt: skip


async def _change(
    request: Request,
    services: Services,
    change: Changeset,
    head: dict[str, Any],
    format: Literal["json", "rdfp", "text"] | None,
) -> Response:
    named = None if format is None else _BY_NAME[format]
    chosen = named or choose(request.headers.get("accept"), _OFFERS)
    if chosen is None:
        raise FormatNotAvailable(f"nothing was sent: a change is available as {', '.join(_OFFERS)}")
    dataset, project = services.dataset, services.project
    generation = dataset.generation
    if chosen == PATCH:
        headers = {"content-type": PATCH, "kymgraph-generation": str(generation)}
        return Response(await asyncio.to_thread(to_patch, change), headers=headers)
    told = await asyncio.to_thread(diff, change, [dataset.view()], project.base, project.prefixes)
    if chosen == "text/plain":
        return _plain(request, told)
    return writes.json_response({**head, "diff": told.to_list()}, generation=generation)


def _plain(request: Request, told: Diff) -> Response:
    """A difference as text in the reader's language."""
    lang = language(request.query_params.get("lang"), request.headers.get("accept-language"))
    headers = {"cache-control": "no-store", "content-language": lang}
    text = told.to_text(lang, most=100_000)
    return Response(text, media_type="text/plain; charset=utf-8", headers=headers)


# --- new changes ----------------------------------------------------------------------------------------


@router.post("/changes", summary="Change the graph", operation_id="apply")
async def apply(
    request: Request,
    services: ServicesDep,
    graph: Annotated[str | None, Query(description="the graph of triples without one (name or IRI)")] = None,
    mode: Annotated[
        Literal["add", "replace", "remove"], Query(description="what RDF in the body does to its graphs")
    ] = "add",
) -> Response:
    """Commit what the body says: RDF, SPARQL Update, RDF Patch, CSV or XLSX, by its Content-Type.

    With a token of an editor it becomes a proposal (202); `dry-run=true` only looks at it.
    """
    asked, body = await writes.read_http(services, request, (*writes.COMMON, "graph", "mode"))
    if not body.strip():
        raise InputError("nothing was written: the body is empty", hint="send the change as the body")
    target = None if graph is None else named_graph(services.project, graph)
    headers = request.headers
    make = writes.maker(
        services,
        headers.get("content-type", ""),
        body,
        lang=asked.lang,
        client="",  # trusted: the limit of one long job per client is for strangers
        graph=target,
        mode=mode,
        coding=headers.get("content-encoding", ""),
    )
    return await writes.perform(services, asked, make)


@router.post("/changes/{number}/revert", summary="Undo one commit", operation_id="revert")
async def revert(request: Request, services: ServicesDep, number: int) -> Response:
    """Undo a commit by a new one, which meets the gate like any other. `reason=` says why."""
    asked, _ = await writes.read_http(services, request)

    async def make() -> Changeset:
        return services.dataset.revert(number, reason=asked.reason).change

    return await writes.perform(services, asked, make, kind="revert", more={"reverts": number})


# --- proposals ------------------------------------------------------------------------------------------


@router.head("/proposals", include_in_schema=False)
@router.get("/proposals", summary="List proposals", operation_id="proposals")
async def proposals(
    request: Request,
    services: ServicesDep,
    lang: LanguageDep,
    state: Annotated[Literal["open", "accepted", "declined", "withdrawn"] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[str | None, Query(description="id of the last one seen")] = None,
) -> Response:
    """One's own proposals, and those that one may decide; newest first.

    As a page for people who are signed in with a browser.
    """
    if _for_people(request):
        return await pages.listed(request, services, lang, state, before)
    principal = await _principal(services, request)
    found = await asyncio.to_thread(
        services.access.proposals, principal, state=state, limit=limit, before=before
    )
    listed = [writes.proposal_to_dict(services, proposal) for proposal in found]
    return writes.json_response({"proposals": listed})


@router.head("/proposals/{id}", include_in_schema=False)
@router.get("/proposals/{id}", summary="Read one proposal", operation_id="proposal")
async def proposal(request: Request, services: ServicesDep, lang: LanguageDep, id: str) -> Response:
    """A proposal with the difference that it would make; for its author and for those who may decide it."""
    if _for_people(request):
        return await pages.shown(request, services, lang, id)
    principal = await _principal(services, request)
    found = await asyncio.to_thread(services.access.proposal, id, principal)
    change = from_patch(await asyncio.to_thread(services.access.patch, id, principal))
    if choose(request.headers.get("accept"), _OFFERS) == PATCH:
        return Response(to_patch(change), headers={"content-type": PATCH, "cache-control": "no-store"})
    project = services.project
    shown = await asyncio.to_thread(diff, change, [services.dataset.view()], project.base, project.prefixes)
    if choose(request.headers.get("accept"), _OFFERS) == "text/plain":
        return _plain(request, shown)
    body = {**writes.proposal_to_dict(services, found), "diff": shown.to_list()}
    return writes.json_response(body)


@router.get("/proposals/{id}/patch", include_in_schema=False)
async def patch(request: Request, services: ServicesDep, id: str) -> Response:
    """The whole change of a proposal as text, for people who are signed in with a browser."""
    return await pages.patch(request, services, id)


@router.post("/proposals/{id}/accept", summary="Accept a proposal", operation_id="acceptProposal")
async def accept(request: Request, services: ServicesDep, lang: LanguageDep, id: str) -> Response:
    """Commit the proposal, checked again in the state of now. `reason=` goes to its author."""
    if is_form(request):
        return await pages.decided(request, services, lang, id, "accepted")
    asked, _ = await writes.read_http(services, request, _DECIDING)
    decided, outcome = await deciding.accept(
        services, asked.principal, id, reason=asked.reason, address=asked.client
    )
    headers = {"content-location": f"/changes/{outcome.generation}"}
    body = writes.proposal_to_dict(services, decided)
    return writes.json_response(body, headers=headers, generation=outcome.generation)


@router.post("/proposals/{id}/decline", summary="Decline a proposal", operation_id="declineProposal")
async def decline(request: Request, services: ServicesDep, lang: LanguageDep, id: str) -> Response:
    """Decline the proposal; `reason=` says why."""
    return await _close(request, services, lang, id, "declined")


@router.post("/proposals/{id}/withdraw", summary="Withdraw a proposal", operation_id="withdrawProposal")
async def withdraw(request: Request, services: ServicesDep, lang: LanguageDep, id: str) -> Response:
    """Take one's own proposal back."""
    return await _close(request, services, lang, id, "withdrawn")


async def _close(
    request: Request,
    services: Services,
    lang: Language,
    id: str,
    decision: Literal["declined", "withdrawn"],
) -> Response:
    if is_form(request):
        return await pages.decided(request, services, lang, id, decision)
    asked, _ = await writes.read_http(services, request, _DECIDING)
    decided = await deciding.close(
        services, asked.principal, id, decision, reason=asked.reason, address=asked.client
    )
    return writes.json_response(writes.proposal_to_dict(services, decided))


def _for_people(request: Request) -> bool:
    """Whether a person looks with a browser: a program with a token gets JSON whatever else it takes."""
    return prefers_html(request.headers.get("accept")) and "authorization" not in request.headers


async def _principal(services: Services, request: Request) -> Principal:
    principal = await services.authenticator.principal(request.headers.get("authorization"))
    if principal is None:
        raise TokenRequired("reading proposals")
    return principal
