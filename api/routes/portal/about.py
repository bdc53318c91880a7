"""About the service, its accessibility, its care for privacy: what the engine does, and who runs it."""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import LanguageDep, Services, ServicesDep
from api.negotiate import LANGUAGES, Language
from api.parameters import given_of
from api.portal.response import page

router = APIRouter(include_in_schema=False)

_CREATIVE_COMMONS: Final = re.compile(
    r"https?://creativecommons\.org/licenses/([a-z-]+)/([\d.]+)/?(deed\.\w+)?"
)


@router.head("/about")
@router.get("/about")
async def about(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """What this is, what facts rest on, how to use and cite them, who is behind it."""
    return _page(request, services, lang, "about.html")


@router.head("/accessibility")
@router.get("/accessibility")
async def accessibility(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The accessibility statement."""
    return _page(request, services, lang, "accessibility.html")


@router.head("/privacy")
@router.get("/privacy")
async def privacy(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """What is kept of readers and of editors."""
    return _page(request, services, lang, "privacy.html")


def _page(request: Request, services: Services, lang: Language, template: str) -> Response:
    given_of(request, ("lang",))
    project = services.project
    operators = project.operator
    return page(
        request,
        services,
        lang,
        template,
        services.dataset.generation,
        number=services.dataset.generation,
        base=project.base.iri,
        licence=project.license,
        licence_name=licence_name(project.license),
        operator=next((operators[code] for code in (lang, *LANGUAGES) if operators.get(code)), ""),
        feedback=project.feedback,
    )


def licence_name(iri: str) -> str:
    """A licence as people call it, or its IRI.

    >>> licence_name("https://creativecommons.org/licenses/by/4.0/"), licence_name("https://a.example/")
    ('CC BY 4.0', 'https://a.example/')
    """
    known = _CREATIVE_COMMONS.fullmatch(iri)
    return f"CC {known[1].upper()} {known[2]}" if known else iri
