"""The list of programmes, and two of them side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import LanguageDep, ServicesDep
from api.parameters import given_of
from api.portal import compare, timeline
from api.portal.asking import Asking, Value
from api.portal.response import page
from api.problems import NotFound
from kymgraph.namespaces import Base

router = APIRouter(include_in_schema=False)

Row = Mapping[str, Value | None]


@router.head("/programmes")
@router.get("/programmes")
async def programmes(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """All policy instruments by kind, and those with a time on a line."""
    given_of(request, ("lang",))
    asking = Asking(services, lang)
    times = await asking.table("timeline") if asking.has("timeline") else None
    rows = times.rows if times else []
    return page(
        request,
        services,
        lang,
        "programmes.html",
        asking.generation,
        times=times,
        picture=timeline.draw(rows),
        kinds=_kinds(rows),
        choices=_choices(services.project.base, rows),
    )


@router.head("/compare")
@router.get("/compare")
async def comparison(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """Two instruments side by side; without them a form to choose two. Raises NotFound."""
    given = given_of(request, ("a", "b", "lang"))
    asking, base = Asking(services, lang), services.project.base
    times = await asking.table("timeline") if asking.has("timeline") else None
    rows = times.rows if times else []
    chosen = {name: compare.find(base, rows, given[name]) for name in ("a", "b") if given.get(name)}
    for name, iri in chosen.items():
        if not iri:
            raise NotFound(
                f"nothing was compared: {name}={given[name][:100]!r} is no programme, plan or strategy here",
                hint="choose both from the list on /compare",
            )
    a, b = chosen.get("a", ""), chosen.get("b", "")
    ready = times is not None and a and b and a != b and all(map(asking.has, compare.QUERIES))
    return page(
        request,
        services,
        lang,
        "compare.html",
        asking.generation,
        choices=_choices(base, rows),
        chosen={name: compare.slug_of(base, iri) for name, iri in (("a", a), ("b", b)) if iri},
        same=bool(a) and a == b,
        comparison=await compare.compare(asking, times, a, b) if ready and times else None,
    )


def _kinds(rows: Iterable[Row]) -> list[tuple[Value, list[tuple[Row, list[Value]]]]]:
    """The instruments by kind, the largest group first; each once, with its areas, in order of time."""
    once: dict[str, tuple[Row, list[Value]]] = {}
    for row in rows:
        if row["instrument"] is not None:
            entry = once.setdefault(row["instrument"].iri, (row, []))
            if row["area"] is not None and row["area"] not in entry[1]:
                entry[1].append(row["area"])
    kinds: dict[str, tuple[Value, list[tuple[Row, list[Value]]]]] = {}
    for row, areas in once.values():
        if (kind := row["kind"]) is not None:
            kinds.setdefault(kind.iri, (kind, []))[1].append((row, areas))

    def order(entry: tuple[Row, list[Value]]) -> tuple[str, str]:
        row, _ = entry
        time = row["from"] or row["approved"] or row["horizon"]
        return time.text if time else "9999", str(row["instrument"]).casefold()

    listed = [(kind, sorted(entries, key=order)) for kind, entries in kinds.values()]
    return sorted(listed, key=lambda pair: (-len(pair[1]), pair[0].text))


def _choices(base: Base, rows: Iterable[Row]) -> list[tuple[str, Value]]:
    """What can be compared: slug and name, by name."""
    found = {row["instrument"].iri: row["instrument"] for row in rows if row["instrument"] is not None}
    ordered = sorted(found.values(), key=lambda value: value.text.casefold())
    return [(compare.slug_of(base, value.iri), value) for value in ordered]
