"""How priorities continue from programme to programme."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import LanguageDep, Services, ServicesDep
from api.parameters import given_of
from api.portal import lineage
from api.portal.asking import Asking, Table, Value
from api.portal.response import page
from api.texts import Texts

router = APIRouter(include_in_schema=False)

_FILTERS: Final = ("theme", "from", "to", "at_least")
_CONFIDENCES: Final = ("0.3", "0.5", "0.7", "0.9")


@router.head("/lineage")
@router.get("/lineage")
async def lineage_page(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The flow of points from instrument to instrument, whole or filtered; `link` opens one of its links."""
    given = given_of(request, (*_FILTERS, "link", "lang"))
    asking = Asking(services, lang)
    if not asking.has("lineage-flow"):
        return page(request, services, lang, "lineage.html", asking.generation, flow=None)
    asked = {name: given[name].strip() for name in _FILTERS if given.get(name, "").strip()}
    flow = await asking.table("lineage-flow", limit=lineage.MOST, **_bound(asked, services))
    every = await asking.table("lineage-flow") if asked or flow.more else flow
    # One after the other: a client has one place for a long query.
    reasons, evidence, periods, themes = [
        await asking.table(name) if asking.has(name) else None
        for name in ("lineage-reasons", "lineage-evidence", "instrument-periods", "lineage-themes")
    ]
    texts, base = Texts(lang), services.project.base.ids
    known = lineage.periods(periods)
    links = lineage.with_evidence(lineage.links(flow, base), reasons, evidence, base, texts)
    of_all = lineage.links(every, base)
    chosen = given.get("link", "")
    selected = next((link for link in links if link.key == chosen), None)
    if selected is None and chosen:
        others = [link for link in of_all if link.key == chosen]
        selected = next(iter(lineage.with_evidence(others, reasons, evidence, base, texts)), None)
    return page(
        request,
        services,
        lang,
        "lineage.html",
        asking.generation,
        flow=flow,
        total=len(of_all),
        links=links,
        counts=Counter(link.basis for link in links),
        picture=lineage.picture(links, known, texts) if links else None,
        pairs=lineage.pairs(links, known),
        gaps=lineage.told_gaps(known) if of_all else [],
        chosen=chosen,
        selected=selected,
        asked=asked,
        to_link=f"/lineage?{urlencode([*asked.items(), ('lang', lang)])}&link=",
        choices=_choices(of_all, known, themes, asked, base),
        mark=lambda link: lineage.mark(link, texts),
    )


def _bound(asked: dict[str, str], services: Services) -> dict[str, str]:
    """The filters as the query takes them: programmes by slug, other instruments by IRI."""
    ids = services.project.base.ids
    return {
        name: ids + value if name in ("from", "to") and "/" in value and "://" not in value else value
        for name, value in asked.items()
    }


def _choices(
    found: Sequence[lineage.Link],
    known: Mapping[str, lineage.Period],
    themes: Table | None,
    asked: Mapping[str, str],
    base: str,
) -> dict[str, list[tuple[str, str]]]:
    """What each filter offers: value and words. A value that was asked for is among them."""
    offered = {
        "theme": sorted(
            (
                (value.iri.removeprefix(base + "theme/"), f"{value.text} ({row['links']})")
                for row in (themes.rows if themes else ())
                if (value := row["theme"]) is not None
            ),
            key=lambda pair: pair[1].casefold(),
        ),
        "from": [_named(value, base) for value in lineage.instruments(found, known, later=False)],
        "to": [_named(value, base) for value in lineage.instruments(found, known, later=True)],
        "at_least": [(step, step) for step in _CONFIDENCES],
    }
    for name, text in asked.items():
        if text not in (code for code, _ in offered[name]):
            offered[name].append((text, text))
    return offered


def _named(value: Value, base: str) -> tuple[str, str]:
    """An instrument as a filter names it: a programme by slug, others by path, foreign ones by IRI."""
    path = value.iri.removeprefix(base)
    return path.removeprefix("programme/"), value.text
