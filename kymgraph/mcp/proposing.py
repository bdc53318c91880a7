"""A change that an agent would like to see: judged by the gate, and put before people, who decide.

Nothing here commits, whatever role the token has. A proposal is made in the store's access file, as an editor
makes one over HTTP, so `/proposals` shows it at once, with a server running and without.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import replace
from typing import Final, Literal

from kymgraph.access import OPERATOR, Principal
from kymgraph.changeset import Changeset, to_patch
from kymgraph.commit import Request, check_reason
from kymgraph.diff import diff
from kymgraph.errors import BadParameter, NotAllowed
from kymgraph.gate.locate import Locator
from kymgraph.intake import from_body, from_update
from kymgraph.mcp.answers import Proposed
from kymgraph.mcp.graph import Graph
from kymgraph.store.rules import named_graph

#: What a change may be written in.
Format = Literal["sparql-update", "turtle", "trig", "n-triples", "n-quads", "json-ld", "rdf-patch"]
Mode = Literal["add", "replace", "remove"]
_TYPES: Final[dict[str, str]] = {
    "turtle": "text/turtle",
    "trig": "application/trig",
    "n-triples": "application/n-triples",
    "n-quads": "application/n-quads",
    "json-ld": "application/ld+json",
    "rdf-patch": "application/rdf-patch",
}
#: Bytes of a change; more than a person would want to read before deciding.
LARGEST: Final = 1_000_000
#: Results of a report that are given back.
RESULTS: Final = 50

_NAMELESS: Final = (
    "nothing was proposed: a proposal is made in somebody's name, and this server was given no token"
)
_GET_ONE: Final = (
    'The operator makes one with `kymgraph token create --role editor --name "NAME"` and gives it to this '
    "server in the environment variable KYMGRAPH_TOKEN or in the file that --token-file names. Until then "
    "dry_run=true checks a change without proposing it."
)


async def propose(
    graph: Graph,
    text: str,
    *,
    format: Format,
    into: str | None,
    mode: Mode,
    reason: str,
    dry_run: bool,
    lang: str,
) -> Proposed:
    """Have a change judged and, unless it is refused or `dry_run`, put before those who decide.

    Raises NotAllowed, TokenInvalid, BadParameter, what reading the change raises, GateTimeout, Busy.
    """
    if len(text.encode()) > LARGEST:
        raise BadParameter(
            f"nothing was proposed: the change has more than {LARGEST:,} bytes", hint="Propose it in parts."
        )
    if not reason.strip():
        raise BadParameter(
            "nothing was proposed: the reason is empty",
            hint="Say in one sentence why the graph should change, and where it is written.",
        )
    check_reason(reason)
    token = await asyncio.to_thread(graph.token)
    principal = None if dry_run and not token else await _principal(graph, token)
    async with graph.proposing:
        change = await _made(graph, text, format, into, mode)
        names = sorted(graph.graph_name(iri) for iri in change.graphs)
        if principal is not None:
            principal.require("editor", graphs=names)
        base = graph.project.base
        change = replace(
            change,
            agent=principal.agent(base) if principal else base.id("agent", OPERATOR),
            source=change.source or _name_of(text),
            reason=reason,
        )
        outcome = await asyncio.to_thread(graph.dataset.check, Request(change))
        change = outcome.change
        report = Locator.of_text("change", text).located(outcome.report).to_dict()
        answer = Proposed(
            status="unchanged",
            message="Nothing was proposed: the graph says all that already.",
            added=len(change.added),
            removed=len(change.removed),
            graphs=names,
            report={**report, "results": report["results"][:RESULTS]},
            generation=outcome.generation,
        )
        if change.empty:
            return answer
        shown = await asyncio.to_thread(diff, change, [graph.dataset.view()], base, graph.project.prefixes)
        answer.diff = shown.to_text(lang)
        if not outcome.report.accepted:
            answer.status = "refused"
            answer.message = (
                "Nothing was proposed: the graph's rules refuse the change. The report says what to mend."
            )
        elif dry_run or principal is None:
            answer.status = "checked"
            answer.message = "Nothing was proposed, as asked. The change could be taken as it is."
        else:
            made = await asyncio.to_thread(
                graph.access.propose,
                principal,
                to_patch(change),
                base=outcome.generation,
                graphs=names,
                reason=reason,
                report=report,
            )
            answer.status, answer.id = "proposed", made.id
            answer.proposal = _address(graph, made.id)
            answer.message = "The change is proposed; it holds once a publisher has accepted it."
    return answer


async def _principal(graph: Graph, token: str) -> Principal:
    """Whose token this is. Asked anew each time, so that a token that was revoked is worth nothing."""
    if not token:
        raise NotAllowed(_NAMELESS, hint=_GET_ONE)
    principal = await asyncio.to_thread(graph.access.authenticate, token)
    principal.require("editor")
    return principal


async def _made(graph: Graph, text: str, format: Format, into: str | None, mode: Mode) -> Changeset:
    if format == "sparql-update":
        if into is not None or mode != "add":
            raise BadParameter(
                "nothing was proposed: a SPARQL Update says itself what goes where",
                hint="Leave graph and mode out, and write INSERT DATA { GRAPH <…> { … } }.",
            )
        return await from_update(graph.dataset, graph.names.declared(text)[0])
    target = None if into is None else named_graph(graph.project, into)
    if format == "rdf-patch" and (target is not None or mode != "add"):
        raise BadParameter(
            "nothing was proposed: an RDF Patch says itself what goes where", hint="Leave graph and mode out."
        )
    return await from_body(
        graph.dataset, text.encode(), _TYPES[format], graph=target, mode=mode, name="the change"
    )


def _name_of(text: str) -> str:
    """A text as a name (RFC 6920): what the change was made from."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return "ni:///sha-256;" + digest.decode().rstrip("=")


def _address(graph: Graph, id: str) -> str:
    public = graph.settings.public_url
    return ("" if public is None else str(public).rstrip("/")) + f"/proposals/{id}"
