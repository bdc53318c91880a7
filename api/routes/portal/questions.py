"""`/questions`: the competency questions of the project, and each with its answer as of now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import LanguageDep, Services, ServicesDep
from api.negotiate import LANGUAGES, Language, choose
from api.parameters import given_of
from api.portal.bars import bars_of
from api.portal.questions import Asked, day_of
from api.portal.response import page
from api.problems import NotFound, Problem, problem
from api.wire import AnsweredResponse
from kymgraph import results
from kymgraph.errors import FormatNotAvailable, KymgraphError
from kymgraph.publishing import tables
from kymgraph.publishing.questions import Question

router = APIRouter(include_in_schema=False)

_FORMATS: Final = ("html", "json", "csv", "xlsx")
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_OFFERS: Final = {
    "html": "text/html",
    "json": "application/sparql-results+json",
    "csv": "text/csv",
    "xlsx": _XLSX,
}
_VARY: Final = "Accept, Accept-Encoding, Accept-Language"
#: What a page's own parameters are called; no question may take one of these names for its own.
_OWN: Final = ("lang", "format")


@router.head("/questions")
@router.get("/questions")
async def questions(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """All questions, by section."""
    given_of(request, ("lang",))
    return page(request, services, lang, "questions.html", services.dataset.generation,
                problem=None, **_listed(services, lang))  # fmt: skip


@router.head("/questions/{name}")
@router.get("/questions/{name}")
async def question(request: Request, services: ServicesDep, lang: LanguageDep, name: str) -> Response:
    """One question with its answer; the answer alone as csv, json or xlsx for `format=` or by Accept."""
    found = services.questions.get(name)
    if found is None:
        near = ", ".join(list(services.questions)[:5])
        return _refused(
            request, services, lang, "questions.html",
            NotFound(f"there is no question {name[:60]!r}", hint=f"there are {near}…" if near else None),
            **_listed(services, lang),
        )  # fmt: skip
    asked = Asked(services, request, lang, found, {})
    try:
        given = given_of(request, (*found.query.params, *_OWN))
        format = _format(request, given.pop("format", None))
        given.pop("lang", None)
        asked = Asked(services, request, lang, found, given)
        if format != "html":
            return await _download(asked, format, found)
        shown = await asked.answer()
        sources = await asked.sources(shown)
    except KymgraphError as error:
        values = await _around(request, services, asked, lang)
        return _refused(
            request, services, lang, "question.html", error, shown=None, bars=None, sources=[], **values
        )
    values = await _around(request, services, asked, lang)
    return page(
        request, services, lang, "question.html", asked.generation,
        problem=None, shown=shown, bars=bars_of(shown, found.counts), sources=sources, **values,
    )  # fmt: skip


def _listed(services: Services, lang: Language) -> dict[str, Any]:
    """The questions in sections, in the order that the project lists the sections in."""
    words, languages = services.question_words, (lang, *LANGUAGES)
    sections: dict[str, list[Question]] = {name: [] for name in words.order("section")}
    for one in services.questions.values():
        sections.setdefault(one.section, []).append(one)
    titled = [
        (number, words.say("section", name, languages) if name else "", listed)
        for number, (name, listed) in enumerate(sections.items(), 1)
        if listed
    ]
    return {"sections": titled, "count": len(services.questions), "summary": _summary(lang)}


def _summary(lang: Language) -> Any:
    """How a template says what a question asks: the text, and its language where it is another."""

    def say(question: Question) -> tuple[str, str]:
        texts = question.query.summary
        code = next((code for code in (lang, *LANGUAGES) if code in texts), "")
        return (texts[code], "" if code == lang else code) if code else (question.name, "")

    return say


async def _around(request: Request, services: Services, asked: Asked, lang: Language) -> dict[str, Any]:
    """What stands on the page of a question beside its answer, also where there is none."""
    words, languages = services.question_words, (lang, *LANGUAGES)
    listed = list(services.questions)
    at = listed.index(asked.question.name)
    try:
        parameters, terms = await asked.parameters(), await asked.terms()
    except KymgraphError:  # the page is about another refusal, or the same one
        parameters, terms = (), []
    try:
        sparql = asked.sparql()
    except KymgraphError:
        sparql = asked.question.text
    return {
        "question": asked.question,
        "asked": asked,
        "summary": _summary(lang),
        "fields": parameters,
        "terms": terms,
        "sparql": sparql,
        "say": lambda what, name: words.say(what, name, languages),
        "before": services.questions[listed[at - 1]] if at else None,
        "after": services.questions[listed[at + 1]] if at + 1 < len(listed) else None,
        "day_of": lambda text: day_of(text, lang),
        "curl": asked.curl(_address(request, services)),
    }


def _address(request: Request, services: Services) -> str:
    """Where readers reach this server."""
    return services.origin(request.headers.get("host", ""), request.url.scheme)


def _format(request: Request, named: str | None) -> str:
    if named is not None:
        if named in _FORMATS:
            return named
        raise FormatNotAvailable(
            f"nothing was read: an answer is not available as {named[:40]!r}",
            hint=f"there are {', '.join(_FORMATS)}",
        )
    chosen = choose(request.headers.get("accept"), list(_OFFERS.values()))
    return next((name for name, media_type in _OFFERS.items() if media_type == chosen), "html")


async def _download(asked: Asked, format: str, question: Question) -> Response:
    """The answer as a file; no labels are put in the place of what the query gives."""
    if format == "xlsx":
        rows, typed = await asked.workbook_rows()
        body = tables.to_xlsx(rows, typed, list(typed.columns), title=question.name)
        media_type = _XLSX
    else:
        body = await asked.file(format)
        media_type = next(known.media_type for known in results.SOLUTION_FORMATS if known.name == format)
    disposition = f'inline; filename="{question.name}.{format}"'
    headers = [(b"content-disposition", disposition.encode("ascii", "replace"))]
    return AnsweredResponse(
        Answered(media_type, generation=asked.generation, body=body, vary=_VARY, headers=headers)
    )


def _refused(
    request: Request, services: Services, lang: Language, template: str, error: KymgraphError, **values: Any
) -> Response:
    """The page with what was refused on it; the refusal alone for programs."""
    if choose(request.headers.get("accept"), ["text/html", "application/json"]) != "text/html":
        raise error
    refusal: Problem = problem(error, lang)
    body = services.pages.render(
        template,
        lang,
        path=request.url.path,
        parameters=request.query_params.multi_items(),
        problem=refusal,
        **values,
    )
    headers: Mapping[str, str] = {
        "content-language": lang,
        "cache-control": "no-store",
        "vary": "Accept, Accept-Language",
        **refusal.headers,
    }
    return Response(body, refusal.status, dict(headers), "text/html; charset=utf-8")
