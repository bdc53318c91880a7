"""What the desks of signed-in people share: pages that nobody keeps, refusals in words, open counts.

A desk reads a form, has the library do what it says, and shows what came of it. Nothing here decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from starlette.datastructures import UploadFile

from api.negotiate import LANGUAGES, Language
from api.pages import shorten
from api.portal.asking import Value
from api.portal.differences import href_of
from api.problems import problem
from api.texts import catalogue
from kymgraph.access import Principal, Proposal
from kymgraph.commit import Outcome
from kymgraph.errors import GateRejected, InputError, KymgraphError
from kymgraph.report import Report

if TYPE_CHECKING:
    from api.deps import Services

#: Open proposals that a desk counts; beyond that it says so many "or more".
COUNTED: Final = 100
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
#: Findings of the gate that a page lists.
LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the gate says about a change."""

    kind: str  #: `violation`, `warning` or `info`
    status: str  #: `new`, `pre-existing` or `mended`
    thing: Value
    field: str
    value: str
    message: str
    place: str  #: where in the file, in words


@dataclass(frozen=True, slots=True)
class Judgement:
    """The gate's report for a page: what stops the change, and what is only said."""

    accepted: bool
    stopping: tuple[Finding, ...]
    noted: tuple[Finding, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done, and what to do."""

    code: str
    title: str
    text: str
    detail: str  #: the message of the error, in English
    status: int


class ReasonMissing(InputError):
    """A decision without a reason: those whom it concerns should learn why."""

    code = "reason-missing"


@dataclass(frozen=True, slots=True)
class Desk:
    """One desk with what waits there; `waiting` is None where it is not counted."""

    key: str
    href: str
    waiting: int | None
    more: bool = False


def is_form(request: Request) -> bool:
    """Whether a browser sends one of our forms: a program with a token of its own sends no form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in _FORMS and "authorization" not in request.headers


def texts_of(fields: Mapping[str, str | UploadFile]) -> dict[str, str]:
    """The fields of a form that are text: what marks it as the same form when it is sent again."""
    return {name: value for name, value in fields.items() if isinstance(value, str)}


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write: a commit, a proposal, or nothing because all was so already."""

    commit: int | None = None
    proposal: str = ""

    @classmethod
    def of(cls, done: Outcome | Proposal) -> Written:
        """Read it from what `writes.carry_out` gives."""
        if isinstance(done, Proposal):
            return cls(proposal=done.id)
        return cls(commit=done.generation if done.status in ("committed", "repeated") else None)


def text_of(fields: Mapping[str, str | UploadFile], name: str) -> str:
    """A field of a form that is text, without the space around it; "" if it is not there."""
    value = fields.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def refusal(error: KymgraphError, lang: Language) -> Refusal:
    """An error in the reader's words; its own message stands beside, where ours cannot say more."""
    said = problem(error, lang)
    texts = catalogue(lang)
    text = texts.get(f"desks.refused.{said.code}", texts["desks.refused"])
    return Refusal(said.code, said.title, text, error.message, said.status)


def judgement(services: Services, lang: Language, report: Report) -> Judgement:
    """The report of the gate with names, fields and sentences in the reader's language."""
    told = report.to_dict()["results"]
    stopping = [one for one, result in zip(told, report.results, strict=True) if result.rejects]
    noted = [one for one, result in zip(told, report.results, strict=True) if not result.rejects]
    return Judgement(
        report.accepted,
        tuple(_finding(services, lang, one) for one in stopping[:LISTED]),
        tuple(_finding(services, lang, one) for one in noted[:LISTED]),
        report.truncated or len(stopping) > LISTED or len(noted) > LISTED,
    )


def kept_judgement(services: Services, lang: Language, kept: Mapping[str, Any]) -> Judgement:
    """The report that a commit kept (`Report.kept`), likewise."""
    findings = tuple(_finding(services, lang, one) for one in kept["results"])
    return Judgement(True, (), findings, bool(kept["truncated"]))  # what is refused is no commit


def judgement_of(services: Services, lang: Language, error: GateRejected) -> Judgement | None:
    """What a refusal of the gate says; None where it has no report of ours."""
    return judgement(services, lang, error.report) if isinstance(error.report, Report) else None


def _finding(services: Services, lang: Language, told: Mapping[str, Any]) -> Finding:
    """A result as `Report.to_dict` tells it."""

    def text(texts: Mapping[str, str]) -> str:
        return next((texts[code] for code in (lang, *LANGUAGES, *texts) if code in texts), "")

    def plain(term: str | Mapping[str, str]) -> str:
        return shorten(term, services.prefixes) if isinstance(term, str) else term["value"]

    focus, value, source = told["focus"], told["value"], told["source"]
    iri = focus if isinstance(focus, str) and not focus.startswith("_:") else ""
    return Finding(
        kind=_KIND.get(told["severity"], "violation"),
        status=told["status"],
        thing=Value(text(told["label"]) or plain(focus), iri, href_of(services, lang, iri) if iri else ""),
        field=text(told["name"]) or told["pathText"] or "",
        value="" if value in (None, focus) else plain(value),
        message=text(told["message"]),
        place="" if source is None else source["file"],
    )


_KIND: Final = {"Violation": "violation", "Warning": "warning", "Info": "info"}


async def desks(services: Services, principal: Principal) -> list[Desk]:
    """The desks that somebody may use, each with what waits there for them."""
    from api.portal import linkdesk

    def waiting() -> tuple[int, int]:
        found = services.access.proposals(principal, state="open", limit=COUNTED)
        return len(found), linkdesk.waiting(services)

    proposals, links = await asyncio.to_thread(waiting)
    listed = [Desk("proposals", "/proposals", proposals, proposals == COUNTED)]
    if principal.may("editor"):
        listed += [Desk("upload", "/edit/upload", None), Desk("links", "/edit/links", links)]
    return listed
