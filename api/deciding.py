"""What becomes of proposals, whoever decides: a program with a token, or a person with a browser.

A proposal is accepted by committing its change in the state of now, under its own id: what was accepted
once is not committed twice. Declining and withdrawing write nothing to the graph.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Literal

from api.deps import Services
from kymgraph.access import Principal, Proposal
from kymgraph.changeset import from_patch
from kymgraph.commit import Outcome, check_reason
from kymgraph.commit import Request as CommitRequest


async def accept(
    services: Services, principal: Principal, id: str, *, reason: str, address: str
) -> tuple[Proposal, Outcome]:
    """Commit a proposal, checked again in the state of now, and say so in it.

    Raises ProposalNotFound, NotAllowed, ProposalDecided, ChangeConflict, GateRejected; it is open still then.
    """
    check_reason(reason)
    access = services.access
    claim = await asyncio.to_thread(access.claim, id, principal)
    try:
        found = access.proposal(id, principal)
        asked = request_of(services, found, access.patch(id, principal), accepted_by=principal.agent_slug)
        outcome = await services.dataset.acommit(asked)
    except Exception:
        await asyncio.to_thread(access.release, id, claim)
        raise
    # If the client goes away meanwhile, the change may be committed all the same. So the claim is left to
    # lapse then, and whoever accepts the proposal next finds the commit by its id.
    decided = await asyncio.to_thread(
        access.decide,
        id,
        principal,
        "accepted",
        reason=reason,
        commit=outcome.generation,
        claim=claim,
        address=address,
    )
    return decided, outcome


async def close(
    services: Services,
    principal: Principal,
    id: str,
    decision: Literal["declined", "withdrawn"],
    *,
    reason: str,
    address: str,
) -> Proposal:
    """Decline a proposal, or take one's own back. Raises ProposalNotFound, NotAllowed, ProposalDecided."""
    check_reason(reason)
    return await asyncio.to_thread(
        services.access.decide, id, principal, decision, reason=reason, address=address
    )


def request_of(services: Services, found: Proposal, patch: bytes, *, accepted_by: str = "") -> CommitRequest:
    """The commit that a proposal asks for."""
    # What it removes has to be there still, and what it adds not yet: else it says something else by now.
    change = replace(
        from_patch(patch),
        id=f"urn:kymgraph:proposal:{found.id}",
        agent=services.project.base.id("agent", found.author),
        reason=found.reason,
        guard="quads",
    )
    more: dict[str, Any] = {"proposal": found.id, "accepted_by": accepted_by, "request": change.digest}
    return CommitRequest(change, kind="proposal", more=more)
