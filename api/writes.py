"""Writing over HTTP: who asks, what they ask beside the change, and what becomes of it.

Every route that writes makes a Changeset its own way and hands it to `perform`: an editor's becomes a
proposal, a publisher's goes to the writer process, and with `dry-run` either is only looked at. A write made
against a state that has moved on is made again from the new one, unless the client named a generation in
If-Match.
"""

from __future__ import annotations

import asyncio
import base64
import difflib
import hashlib
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from api.deps import Services, client_of
from api.negotiate import Language, choose, language
from api.problems import RequestError, TokenRequired, UnsupportedMediaType
from api.protocol import body_text
from api.wire import read_body
from kymgraph import rdf
from kymgraph.access import Principal, Proposal
from kymgraph.changeset import Changeset, to_patch
from kymgraph.commit import Outcome, Request, State, check_reason, resolve, with_reason
from kymgraph.diff import diff
from kymgraph.errors import (
    BadParameter,
    BaseMoved,
    FormatNotAvailable,
    GateRejected,
    IdReused,
    InputError,
    KymgraphError,
)
from kymgraph.gate.locate import Locator
from kymgraph.intake import from_body, from_update
from kymgraph.intake.apart import from_sheet_apart
from kymgraph.intake.payload import FORM_TYPE
from kymgraph.intake.sheet import SheetChange
from kymgraph.intake.update import Loaded
from kymgraph.rdf import NamedNode
from kymgraph.report import REJECTED, Report
from kymgraph.store.payload import Mode
from kymgraph.updates import UPDATE_LIMITS, inspect

#: How often a change is made again when others commit in between.
_ATTEMPTS: Final = 50
_TAG = re.compile(r'(?:W/)?"g([0-9]{1,18})[^"]*"')
#: Parameters that every write takes, and those of an update to `/sparql` beside them.
COMMON: Final = ("dry-run", "lang", "reason")
_PROTOCOL: Final = (
    *COMMON, "format", "output", "results", "timeout", "update", "using-graph-uri", "using-named-graph-uri",
)  # fmt: skip
_REPEATED: Final = frozenset({"using-graph-uri", "using-named-graph-uri", "graph", "default"})
_YES: Final = ("true", "1", "yes", "")
_NO: Final = ("false", "0", "no")
_PATCHES: Final = frozenset({"application/rdf-patch", "text/rdf-patch"})
_RDF_TYPES: Final = ("text/turtle", "application/ld+json")
_REPORT_FORMATS: Final = (*_RDF_TYPES, "application/json", "text/plain")
_REPORT_TYPES: Final = ("application/problem+json", "application/json", *_RDF_TYPES)
_OUTCOME_TYPES: Final = ("application/json", *_RDF_TYPES, "text/plain")

Made = Changeset | SheetChange
Make = Callable[[], Awaitable[Made]]
Located = Callable[[Report], Report]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a writing request asks beside its change."""

    principal: Principal
    lang: Language
    accept: str | None
    client: str
    reason: str
    key: str | None  #: Idempotency-Key
    match: int | None  #: the generation in If-Match
    dry_run: bool
    fingerprint: str  #: of the request: what an idempotency key may be used for again
    text: str = ""  #: the body, to tell on which line of it something is wrong

    @property
    def source(self) -> str:
        """The request body as a name (RFC 6920): what the change was made from."""
        return "ni:///sha-256;" + self.fingerprint


async def read(
    services: Services,
    line: str,
    headers: Mapping[str, str],
    parameters: Sequence[tuple[str, str]],
    body: bytes,
    address: tuple[str, int] | None,
    *,
    known: Sequence[str] = _PROTOCOL,
) -> Asked:
    """Read what a writing request asks; `line` is its method and path, `known` the parameters it may have.

    Raises TokenRequired, TokenInvalid, NotAllowed, BadParameter, RequestError.
    """
    principal = await services.authenticator.principal(headers.get("authorization"))
    if principal is None:
        raise TokenRequired(line)
    principal.require("editor")
    given = _given(parameters, known)
    reason = given.get("reason") or unquote(headers.get("kymgraph-reason", ""))
    key = headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= 200:
        raise BadParameter("nothing was written: an Idempotency-Key has 1 to 200 characters")
    check_reason(reason)
    dry_run = given.get("dry-run", "false").lower()
    if dry_run not in (*_YES, *_NO):
        raise BadParameter(f"nothing was written: dry-run is true or false, not {dry_run!r}")
    asked = hashlib.sha256(json.dumps([line, *sorted(parameters)]).encode() + b"\n" + body).digest()
    return Asked(
        principal=principal,
        lang=language(given.get("lang"), headers.get("accept-language")),
        accept=headers.get("accept"),
        client=client_of(address),
        reason=reason,
        key=key,
        match=_match(headers.get("if-match")),
        dry_run=dry_run in _YES,
        fingerprint=base64.urlsafe_b64encode(asked).decode().rstrip("="),
        text=as_text(body),
    )


def of_form(
    request: HttpRequest,
    principal: Principal,
    lang: Language,
    fields: Mapping[str, str],
    *,
    reason: str,
    key: str | None,
    dry_run: bool = False,
) -> Asked:
    """What somebody asks who is signed in with a browser; `fields` are what they sent, `key` marks the form.

    Raises NotAllowed, BadParameter, InputError for a reason that may not stand in the ledger.
    """
    principal.require("editor")
    if key is not None and not 0 < len(key) <= 200:
        raise BadParameter("nothing was written: the key of a form has 1 to 200 characters")
    check_reason(reason)
    line = f"{request.method} {request.url.path}"
    sent = hashlib.sha256(json.dumps([line, *sorted(fields.items())]).encode()).digest()
    return Asked(
        principal=principal,
        lang=lang,
        accept=None,
        client=client_of(request.client),
        reason=reason,
        key=key,
        match=None,
        dry_run=dry_run,
        fingerprint=base64.urlsafe_b64encode(sent).decode().rstrip("="),
    )


def _given(parameters: Sequence[tuple[str, str]], known: Sequence[str]) -> dict[str, str]:
    """The parameters by name. One that is misspelt (`dryrun=true`) must not become a write after all."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise BadParameter(
                f"nothing was written: {name!r} is no parameter of this request"
                + (f"; did you mean {near[0]}?" if near else ""),
                hint=f"it takes {', '.join(sorted(known))}",
            )
        if name in given and name not in _REPEATED:
            raise BadParameter(f"nothing was written: {name} is given twice", hint="give it once")
        given.setdefault(name, value)
    return given


async def read_http(
    services: Services, request: HttpRequest, known: Sequence[str] = COMMON
) -> tuple[Asked, bytes]:
    """`read` for a request of the framework, and its body, which is read from those alone who may write."""
    headers = request.headers
    principal = await services.authenticator.principal(headers.get("authorization"))
    if principal is None:
        raise TokenRequired(f"{request.method} {request.url.path}")
    principal.require("editor")
    body = await read_body(request.receive, services.settings.write_bytes)
    line, parameters = f"{request.method} {request.url.path}", request.query_params.multi_items()
    return await read(services, line, headers, parameters, body, request.client, known=known), body


def _match(header: str | None) -> int | None:
    if header is None or header.strip() == "*":
        return None
    found = _TAG.fullmatch(header.strip())
    if found is None:
        raise RequestError('nothing was written: If-Match takes the ETag of one generation, such as "g12"')
    return int(found[1])


async def perform(
    services: Services,
    asked: Asked,
    make: Make,
    *,
    kind: str = "change",
    more: Mapping[str, Any] | None = None,
    created: Callable[[Outcome], str | None] = lambda outcome: None,
) -> Response:
    """Make the change, and commit, propose or check it. `created` gives the Location of a 201.

    Raises what refuses the change.
    """
    try:
        done = await carry_out(services, asked, make, kind=kind, more=more)
    except GateRejected as error:
        if (refusal := _rdf_refusal(services, asked, error)) is not None:
            return refusal
        raise
    if isinstance(done, Proposal):
        body = proposal_to_dict(services, done)
        headers = {"location": f"/proposals/{done.id}"}
        return json_response(body, 202, headers=headers, generation=done.base)
    location = created(done) if done.status not in ("checked", "repeated") else None
    return await _outcome(services, asked.client, done, location)


async def carry_out(
    services: Services,
    asked: Asked,
    make: Make,
    *,
    kind: str = "change",
    more: Mapping[str, Any] | None = None,
    propose: bool = False,
) -> Outcome | Proposal:
    """Make the change, and commit, propose or check it, as `asked` may and wants.

    With `propose` a publisher's change becomes a proposal too.

    Raises what refuses the change.
    """
    if (before := repeated(services, asked)) is not None:
        return before
    async with services.dataset.caller() as caller:
        for attempt in range(_ATTEMPTS):
            made = await make()
            change, located = _unwrapped(made, asked.lang, asked.text)
            request = _request(services, asked, change, kind, more or {})
            graphs = names_of(services, request.change)
            asked.principal.require("editor", graphs=graphs)
            if asked.dry_run:
                outcome = await check(services, request)
                return replace(outcome, report=located(outcome.report))
            if propose or not asked.principal.may("publisher", graphs=graphs):
                return await _propose(services, asked, request, graphs, located)
            try:
                outcome = await caller.send(request)
            except BaseMoved as error:
                if error.matched or asked.match is not None or attempt == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.002 * attempt)
                continue
            except KymgraphError as error:
                await record(services, asked, "commit", request.change.id, error.code)
                if isinstance(error, GateRejected) and isinstance(error.report, Report):
                    error.report = located(error.report)
                    error.message = REJECTED[asked.lang]
                raise
            await record(services, asked, "commit", str(outcome.generation), outcome.status)
            return outcome
    raise AssertionError("the last attempt returns or raises")


def _request(
    services: Services, asked: Asked, change: Changeset, kind: str, more: Mapping[str, Any]
) -> Request:
    change = replace(
        change,
        agent=asked.principal.agent(services.project.base),
        source=change.source or asked.source,
        reason=asked.reason or change.reason,
        id=_id(asked) or change.id,
    )
    return Request(change, kind=kind, match=asked.match, more={**more, "request": asked.fingerprint})


def _id(asked: Asked) -> str | None:
    """The changeset's id for an idempotency key: two clients may use the same key."""
    return (
        None if asked.key is None else uuid.uuid5(uuid.NAMESPACE_URL, f"{asked.principal.id} {asked.key}").urn
    )


def repeated(services: Services, asked: Asked) -> Outcome | None:
    """The outcome of an earlier request with the same key. Asked before the change is made anew."""
    id = _id(asked)
    entry = None if id is None else services.dataset.journal.by_id(id)
    if entry is None:
        return None
    if entry.more.get("request") != asked.fingerprint:
        raise IdReused(
            f"nothing was written: this Idempotency-Key belongs to commit {entry.number}, another request",
            hint="give every request a key of its own",
        )
    return Outcome("repeated", entry.number, services.dataset.changeset(entry.number))


def names_of(services: Services, change: Changeset) -> list[str]:
    """The names of the graphs that a change touches, as token scopes have them."""
    base = services.project.base
    return sorted(base.graph_name(iri) or iri for iri in change.graphs)


async def check(services: Services, request: Request) -> Outcome:
    """The verdict on a change in the state of now."""
    dataset = services.dataset
    view = dataset.view()
    project = services.project
    change = await asyncio.to_thread(resolve, request, State(view, view.generation), project)
    [verdict] = await services.judge.judge(view.generation, (), [with_reason(change, project)])
    if isinstance(verdict, KymgraphError):
        raise verdict
    return Outcome("checked", view.generation, change, verdict)


async def look_at(
    services: Services,
    make: Make,
    *,
    reason: str,
    lang: Language,
    accept: str | None,
    client: str,
    text: str,
) -> Response:
    """What a change would come to, for anybody who asks: verdict, difference, questions."""
    change, located = _unwrapped(await make(), lang, text)
    outcome = await check(services, Request(replace(change, reason=reason)))
    outcome = replace(outcome, report=located(outcome.report))
    if choose(accept, _OUTCOME_TYPES) == "application/json":
        return await _outcome(services, client, outcome, None)
    return report_response(services, outcome.report, accept, lang)


def as_text(body: bytes) -> str:
    """A body as far as it is text, and not so long that a search in it takes a while."""
    return body.decode("utf-8", errors="ignore") if len(body) <= 1_000_000 else ""


def _unwrapped(made: Made, lang: Language, text: str) -> tuple[Changeset, Located]:
    """The changeset, and how the results of a report get their places in the input: lines, or cells."""
    if isinstance(made, Changeset):
        return made, Locator.of_text("body", text).located
    return made.change, lambda report: made.located(report, lang)


async def _propose(
    services: Services, asked: Asked, request: Request, graphs: Sequence[str], located: Located
) -> Proposal:
    outcome = await check(services, request)
    report = located(outcome.report)
    if not report.accepted:
        raise GateRejected(report, REJECTED[asked.lang])
    return await asyncio.to_thread(
        services.access.propose,
        asked.principal,
        to_patch(outcome.change),
        base=outcome.generation,
        graphs=graphs,
        reason=request.change.reason,
        report=report.to_dict(),
        key=asked.key,
        address=asked.client,
    )


async def record(services: Services, asked: Asked, what: str, target: str, outcome: str) -> None:
    """Put a line into the audit log."""
    await asyncio.to_thread(
        services.access.record, asked.principal.agent_slug, what, target, outcome, address=asked.client
    )


# --- what a body says -----------------------------------------------------------------------------------

_UPDATE: Final = "application/sparql-update"
#: What is asked for of a host that an update loads from.
_LOADED: Final = ", ".join(known.media_types[0] for known in rdf.FORMATS.values())
_SHEETS: Final = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


#: What the body of a write can be.
_READ: Final = ", ".join(
    (
        *(known.media_types[0] for known in rdf.FORMATS.values()),
        "application/rdf-patch",
        _UPDATE,
        *_SHEETS,
        FORM_TYPE,
    )
)


def is_change(content_type: str) -> bool:
    """Whether a body of this type can be nothing but a change (RDF can also be looked at by itself)."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == _UPDATE or media_type in _PATCHES or media_type in _SHEETS


def maker(
    services: Services,
    content_type: str,
    body: bytes,
    *,
    lang: Language,
    client: str,
    graph: NamedNode | None = None,
    mode: Mode = "add",
    coding: str = "",
) -> Make:
    """How to make the changeset that a body asks for, by its type: RDF, RDF Patch, SPARQL Update, a sheet.

    Raises UnsupportedMediaType for a type, character set or content coding that is not read.
    """
    media_type, _, rest = content_type.partition(";")
    media_type = media_type.strip().lower()
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", rest, re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(
            f"nothing was written: the body is in {charset[1]}; only UTF-8 is read",
            hint="save it as UTF-8 and send it with charset=utf-8",
        )
    packed = coding.strip().lower() in ("gzip", "x-gzip")
    if coding and not packed and coding.strip().lower() != "identity":
        raise UnsupportedMediaType(
            f"nothing was written: the coding {coding} is not read; gzip is",
            headers={"accept-encoding": "gzip"},
        )
    if media_type == _UPDATE:
        if packed:
            raise UnsupportedMediaType("nothing was written: an update is sent as it is, not packed")
        text = body_text(body)
        return lambda: update(services, client, text)
    if media_type in _SHEETS:
        suffix = _SHEETS[media_type] + (".gz" if packed else "")
        return lambda: _sheet(services, lang, body, suffix, graph)
    form = media_type == FORM_TYPE
    if media_type not in _PATCHES and not form:
        try:
            rdf.format_for(media_type or "nothing")
        except InputError:
            raise UnsupportedMediaType(
                f"nothing was written: a body of type {media_type or '(none given)'} is not read here",
                hint=f"send it with its Content-Type: {_READ}",
                headers={"accept-post": _READ},
            ) from None
    limit = services.settings.write_bytes
    return lambda: from_body(
        services.dataset,
        body,
        content_type if form else media_type,
        graph=graph,
        mode=mode,
        packed=packed,
        client=client,
        max_bytes=limit,
    )


async def update(
    services: Services,
    client: str,
    text: str,
    using: Sequence[str] = (),
    using_named: Sequence[str] = (),
) -> Changeset:
    """What a SPARQL Update would change in the state of now; LOAD reads from the allowed hosts alone."""
    return await from_update(
        services.dataset,
        text,
        using=using,
        using_named=using_named,
        loads=await _loaded(services, text),
        client=client,
    )


async def _loaded(services: Services, text: str) -> dict[str, Loaded]:
    """What the LOADs of an update read, by IRI. Raises HostNotAllowed, FetchFailed unless all are SILENT."""
    info = inspect(text, limits=UPDATE_LIMITS, base=services.project.base.iri)
    silent = all(op.silent for op in info.operations if op.kind == "load")
    found: dict[str, Loaded] = {}
    for iri in info.loads:
        try:
            answer = await asyncio.to_thread(
                services.net.get, iri, headers={"accept": _LOADED}, limit=services.settings.write_bytes
            )
        except KymgraphError:
            if not silent:
                raise
            continue
        found[iri] = (answer.body, answer.media_type) if answer.media_type else answer.body
    return found


async def _sheet(
    services: Services, lang: Language, body: bytes, suffix: str, graph: NamedNode | None
) -> SheetChange:
    path = services.dataset.store.checkpoint_path()
    return await asyncio.to_thread(
        from_sheet_apart,
        body,
        project=services.project,
        checkpoint=path,
        generation=int(path.name),
        graph=graph,
        lang=lang,
        suffix=suffix,
    )


# --- answers --------------------------------------------------------------------------------------------


async def _outcome(services: Services, client: str, outcome: Outcome, location: str | None) -> Response:
    body: dict[str, Any] = {
        "status": outcome.status,
        "generation": outcome.generation,
        "added": len(outcome.change.added),
        "removed": len(outcome.change.removed),
    }
    headers: dict[str, str] = {}
    if outcome.status in ("committed", "repeated"):
        body["commit"] = f"/changes/{outcome.generation}"
        headers["content-location"] = body["commit"]
    if outcome.report.results or outcome.status == "checked":
        body["report"] = outcome.report.to_dict()
    if outcome.status == "checked":
        view = services.dataset.view()
        shown = await asyncio.to_thread(
            diff, outcome.change, [view], services.project.base, services.project.prefixes
        )
        body["diff"] = shown.to_list()
        body["questions"] = await _questions(services, client, outcome)
    if location is not None:
        headers["location"] = location
    return json_response(body, 201 if location else 200, headers=headers, generation=outcome.generation)


async def _questions(services: Services, client: str, outcome: Outcome) -> list[str]:
    """Names of the competency questions that would be answered differently."""
    if outcome.change.empty:
        return []
    return [q.name for q in await services.dataset.questions(outcome.change, client=client)]


def json_response(
    body: Any, status: int = 200, *, headers: Mapping[str, str] | None = None, generation: int | None = None
) -> Response:
    """JSON that nobody keeps, with the generation it speaks of."""
    own = {"content-type": "application/json", "cache-control": "no-store", **(headers or {})}
    if generation is not None:
        own["kymgraph-generation"] = str(generation)
    return Response(json.dumps(body, ensure_ascii=False).encode(), status, headers=own)


def _rdf_refusal(services: Services, asked: Asked, error: GateRejected) -> Response | None:
    """A refusal as the RDF that the client asked for; None where it did not."""
    chosen = choose(asked.accept, _REPORT_TYPES)
    if chosen not in _RDF_TYPES or not isinstance(error.report, Report):
        return None
    return report_response(services, error.report, asked.accept, asked.lang, status=422)


def report_response(
    services: Services, report: Report, accept: str | None, lang: Language, *, status: int = 200
) -> Response:
    """A report in the format that the client likes best. Raises FormatNotAvailable."""
    chosen = choose(accept, _REPORT_FORMATS)
    if chosen is None:
        raise FormatNotAvailable(f"nothing was sent: a report is available as {', '.join(_REPORT_FORMATS)}")
    if chosen == "text/turtle":
        body = report.to_turtle().encode()
    elif chosen == "application/ld+json":
        body = rdf.serialise(report.to_quads(), rdf.FORMATS["jsonld"], services.project.prefixes)
    elif chosen == "text/plain":
        body = (report.to_text(lang) + "\n").encode()
    else:
        body = report.to_json().encode()
    charset = "; charset=utf-8" if chosen.startswith("text/") else ""
    headers = {"content-type": chosen + charset, "content-language": lang, "cache-control": "no-store"}
    return Response(body, status, headers=headers)


def proposal_to_dict(services: Services, proposal: Proposal) -> dict[str, Any]:
    """A proposal as JSON values."""
    base = services.project.base
    return {
        "id": proposal.id,
        "proposal": f"/proposals/{proposal.id}",
        "state": proposal.state,
        "author": base.id("agent", proposal.author),
        "created": proposal.created.isoformat(),
        "base": proposal.base,
        "graphs": list(proposal.graphs),
        "reason": proposal.reason,
        "report": dict(proposal.report),
        "decided": None if proposal.decided is None else proposal.decided.isoformat(),
        "decidedBy": None if proposal.decided_by is None else base.id("agent", proposal.decided_by),
        "decision": proposal.decision,
        "commit": None if proposal.commit is None else f"/changes/{proposal.commit}",
    }
