"""`/proposals` for people: what waits for a decision, what one proposal would change, and deciding it.

An open proposal is judged anew each time it is looked at: what was right when it was made may be wrong, or no
longer possible, in the state of now.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from fastapi import Request
from starlette.responses import Response

from api import deciding, writes
from api.deps import Services, client_of
from api.negotiate import Language
from api.portal import desk
from api.portal.desk import Judgement, Refusal
from api.portal.differences import Difference, difference
from api.session import Session, checked_form, private_page, refusal_page, required, see_other
from kymgraph.access import Proposal, State
from kymgraph.changeset import Changeset, from_patch
from kymgraph.commit import State as GraphState
from kymgraph.errors import (
    ChangeConflict,
    GateRejected,
    KymgraphError,
    NotAllowed,
    ProposalNotFound,
)
from kymgraph.rdf import Quad

Way = Literal["accepted", "declined", "withdrawn"]
#: Decided proposals that the list shows beside the open ones.
SHOWN: Final = 50
#: Bytes of a patch up to which the list counts its lines.
_COUNTED: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One proposal in the list."""

    proposal: Proposal
    mine: bool
    added: int | None  #: None where the change is too long to count for a list
    removed: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an open proposal would come to now."""

    judgement: Judgement | None = None
    refusal: Refusal | None = None  #: it cannot be judged, or not be made
    gone: frozenset[Quad] = frozenset()  #: what it removes and is not there any more
    there: frozenset[Quad] = frozenset()  #: what it adds and is there already

    @property
    def conflict(self) -> bool:
        return bool(self.gone or self.there)

    @property
    def possible(self) -> bool:
        return self.judgement is not None and self.judgement.accepted


# --- the list -------------------------------------------------------------------------------------------


async def listed(
    request: Request,
    services: Services,
    lang: Language,
    state: State | None,
    before: str | None,
) -> Response:
    """The list as a page: open ones first, then the others, newest first."""
    try:
        session = await required(request, services)
    except KymgraphError as error:
        return await refusal_page(request, error)

    def read() -> tuple[list[Listed], list[Listed]]:
        access, principal = services.access, session.principal

        def some(wanted: State | None, most: int) -> list[Listed]:
            found = access.proposals(principal, state=wanted, limit=most, before=before)
            return [_listed(services, session, one) for one in found]

        if state is not None:
            return ([], some(state, SHOWN + 1)) if state != "open" else (some("open", desk.COUNTED), [])
        opened = some("open", desk.COUNTED) if before is None else []
        return opened, [one for one in some(None, SHOWN + 1 + len(opened)) if one.proposal.state != "open"]

    opened, decided = await asyncio.to_thread(read)
    return private_page(
        request,
        services,
        lang,
        "proposals.html",
        session=session,
        desks=await desk.desks(services, session.principal),
        opened=opened,
        decided=decided[:SHOWN],
        more=decided[SHOWN - 1].proposal.id if len(decided) > SHOWN else "",
        state=state or "",
        limit=desk.COUNTED,
    )


def _listed(services: Services, session: Session, one: Proposal) -> Listed:
    mine = one.author == session.principal.agent_slug
    if one.size > _COUNTED:
        return Listed(one, mine, None, None)
    lines = services.access.patch(one.id, session.principal).splitlines()
    return Listed(
        one,
        mine,
        sum(line.startswith(b"A ") for line in lines),
        sum(line.startswith(b"D ") for line in lines),
    )


# --- one ------------------------------------------------------------------------------------------------


async def shown(request: Request, services: Services, lang: Language, id: str) -> Response:
    """One proposal as a page."""
    try:
        session = await required(request, services)
        return await _page(request, services, lang, session, id)
    except KymgraphError as error:
        return await refusal_page(request, error)


async def _page(
    request: Request,
    services: Services,
    lang: Language,
    session: Session,
    id: str,
    *,
    refusal: Refusal | None = None,
    way: Way | None = None,
    reason: str = "",
) -> Response:
    access, principal = services.access, session.principal
    found = await asyncio.to_thread(access.proposal, id, principal)
    patch = await asyncio.to_thread(access.patch, id, principal)
    change = from_patch(patch)
    verdict = await _verdict(services, lang, found, patch) if found.state == "open" else None
    made: Difference = await difference(
        services,
        lang,
        change,
        gone=verdict.gone if verdict else frozenset(),
        there=verdict.there if verdict else frozenset(),
    )
    return private_page(
        request,
        services,
        lang,
        "proposal.html",
        session=session,
        status=refusal.status if refusal else 200,
        path=f"/proposals/{id}",
        proposal=found,
        mine=found.author == principal.agent_slug,
        may_decide=principal.may("publisher", graphs=found.graphs),
        verdict=verdict,
        difference=made,
        refusal=refusal,
        way=way,
        reason=reason,
        done=request.query_params.get("done") == found.state,
        generation=services.dataset.generation,
    )


async def _verdict(services: Services, lang: Language, found: Proposal, patch: bytes) -> Verdict:
    """The proposal judged in the state of now."""
    request = deciding.request_of(services, found, patch)
    try:
        outcome = await writes.check(services, request)
    except ChangeConflict as error:
        gone, there = await asyncio.to_thread(_unfit, services, request.change)
        return Verdict(refusal=desk.refusal(error, lang), gone=gone, there=there)
    except KymgraphError as error:
        return Verdict(refusal=desk.refusal(error, lang))
    return Verdict(desk.judgement(services, lang, outcome.report))


def _unfit(services: Services, change: Changeset) -> tuple[frozenset[Quad], frozenset[Quad]]:
    """What the change removes that is not there any more, and what it adds that is there already."""
    view = services.dataset.view()
    state = GraphState(view, view.generation)
    return (
        frozenset(quad for quad in change.removed if not state.holds(quad)),
        frozenset(quad for quad in change.added if state.holds(quad)),
    )


async def patch(request: Request, services: Services, id: str) -> Response:
    """The whole change of a proposal as text, for those who want to see every line of it."""
    try:
        session = await required(request, services)
        body = await asyncio.to_thread(services.access.patch, id, session.principal)
    except KymgraphError as error:
        return await refusal_page(request, error)
    headers = {"cache-control": "no-store", "content-disposition": f'inline; filename="{id}.rdfp"'}
    return Response(body, media_type="text/plain; charset=utf-8", headers=headers)


# --- deciding -------------------------------------------------------------------------------------------


async def decided(request: Request, services: Services, lang: Language, id: str, way: Way) -> Response:
    """Do what the form says, and lead on to the proposal; what refuses it is said on the proposal's page."""
    try:
        session, fields = await checked_form(request, services, limit=_FORM)
    except KymgraphError as error:
        return await refusal_page(request, error)
    reason = desk.text_of(fields, "reason")
    try:
        await _do(services, session, id, way, reason, client_of(request.client))
    except (ProposalNotFound, NotAllowed) as error:
        return await refusal_page(request, error)
    except KymgraphError as error:
        if isinstance(error, GateRejected):
            error.message = ""  # the findings stand on the page
        told = desk.refusal(error, lang)
        return await _page(request, services, lang, session, id, refusal=told, way=way, reason=reason)
    return see_other(f"/proposals/{id}?done={way}", lang)


async def _do(services: Services, session: Session, id: str, way: Way, reason: str, address: str) -> None:
    session.principal.require("editor")
    if not reason and way != "withdrawn":
        raise desk.ReasonMissing("nothing was decided: a decision has a reason")
    if way == "accepted":
        await deciding.accept(services, session.principal, id, reason=reason, address=address)
    else:
        await deciding.close(services, session.principal, id, way, reason=reason, address=address)


#: Bytes of a form without a file.
_FORM: Final = 100_000
