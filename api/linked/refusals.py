"""What is said of a resource that is not there: names like it, or the commit that took it away."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from api.deps import Services, client_of
from api.linked.paths import path_of
from api.negotiate import LANGUAGES, Language, prefers_html
from api.problems import Gone, NotFound, Problem, problem
from kymgraph.dataset import whole
from kymgraph.errors import KymgraphError
from kymgraph.namespaces import SKOS
from kymgraph.publishing.resource import in_language
from kymgraph.publishing.touched import Tombstone
from kymgraph.queries import term_literal
from kymgraph.rdf import Literal, NamedNode

#: Names like the one asked for that are given.
_NEAR: Final = 5
#: Names that are compared with it, and seconds that looking them up may take.
_COMPARED, _SECONDS = 5_000, 2.0


async def missing(request: Request, services: Services, lang: Language, iri: str) -> Response:
    """404 with near names: a page for who prefers one. Raises NotFound for the rest."""
    near = await near_names(services, iri, lang, client_of(request.client))
    labels = ", ".join(one["iri"].removeprefix(services.project.base.ids) for one in near)
    error = NotFound(
        f"nothing was read: the graph knows nothing by the name {iri[:500]}",
        hint=f"near names: {labels}" if near else "search for it by its words: /search?q=…",
        near=tuple(near),
    )
    return _refused(request, services, lang, error, near=near)


def gone(
    request: Request, services: Services, lang: Language, iri: str, tombstone: Tombstone | None
) -> Response:
    """410 with the tombstone: a page for who prefers one. Raises Gone for the rest."""
    assert tombstone is not None
    base = services.project.base
    commit = base.id("commit", str(tombstone.commit))
    said = {
        "iri": iri,
        "commit": commit,
        "change": f"/changes/{tombstone.commit}",
        "time": tombstone.time,
        "reason": tombstone.reason,
        "agent": tombstone.agent or None,
    }
    error = Gone(
        f"{iri} was taken away by commit {tombstone.commit} on {tombstone.time[:10]}: {tombstone.reason}",
        said,
        headers={"link": f'<{path_of(base, "page", commit)}>; rel="describedby"'},
    )
    before = path_of(base, "page", iri, more={"at": str(tombstone.commit - 1), "lang": lang})
    return _refused(request, services, lang, error, tombstone=said, before=before,
                    commit=path_of(base, "page", commit, more={"lang": lang}))  # fmt: skip


def _refused(request: Request, services: Services, lang: Language, error: Any, **shown: Any) -> Response:
    if not prefers_html(request.headers.get("accept")):
        raise error
    refusal: Problem = problem(error, lang)
    base = services.project.base
    values = {"near": [], "tombstone": None, "before": "", "commit": "", **shown}
    values["near"] = [
        (one["label"], path_of(base, "page", one["iri"], more={"lang": lang})) for one in values["near"]
    ]
    body = services.pages.render(
        "missing.html",
        lang,
        path=request.url.path,
        parameters=request.query_params.multi_items(),
        problem=refusal,
        **values,
    )
    headers = {
        "content-language": lang,
        "cache-control": "no-store",
        "vary": "Accept, Accept-Language",
        **refusal.headers,
    }
    return Response(body, refusal.status, headers, "text/html; charset=utf-8")


async def near_names(services: Services, iri: str, lang: Language, client: str) -> list[dict[str, str]]:
    """Things with a name like this one, those of its kind first; none where looking takes too long."""
    base = services.project.base
    if not iri.startswith(base.ids):
        return []
    kind, slash, slug = iri.removeprefix(base.ids).partition("/")
    stem = base.ids + (kind + slash if slash else "")
    near = await _alike(services, stem, slug or kind, lang, client)
    if len(near) < _NEAR:
        # A slug is a name without its marks; what people remember may also be the name.
        words = " ".join((slug or kind).replace("-", " ").split())[:100]
        with contextlib.suppress(KymgraphError):
            hits = await asyncio.to_thread(services.search.match, words, lang=lang, limit=_NEAR)
            near |= {hit.iri: _in_words(hit.labels, lang) for hit in hits if hit.iri not in near}
    return [{"iri": one, "label": label} for one, label in list(near.items())[:_NEAR]]


async def _alike(services: Services, stem: str, slug: str, lang: Language, client: str) -> dict[str, str]:
    """IRIs beginning with `stem` that end much like `slug`, with their names."""
    text = (
        "SELECT DISTINCT ?s WHERE { ?s a ?type "
        f"FILTER(STRSTARTS(STR(?s), {term_literal(stem)})) }} LIMIT {_COMPARED}"
    )
    try:
        answer = await services.dataset.answer(text, format="json", client=client, deadline=_SECONDS)
        rows = json.loads(await whole(answer))["results"]["bindings"]
    except KymgraphError:
        return {}
    names = {row["s"]["value"].removeprefix(stem): row["s"]["value"] for row in rows}
    close = await asyncio.to_thread(difflib.get_close_matches, slug[:200], list(names), _NEAR, 0.5)
    return await asyncio.to_thread(_labels, services, [names[name] for name in close], lang)


def _labels(services: Services, iris: list[str], lang: Language) -> dict[str, str]:
    """IRIs with their names, or what follows `…/id/` for want of one."""
    view = services.linked.view()
    found = {}
    for iri in iris:
        said = view.quads(NamedNode(iri), NamedNode(SKOS + "prefLabel"))
        label = in_language((q.object for q in said if isinstance(q.object, Literal)), (lang, *LANGUAGES))
        found[iri] = label.value if label else iri.removeprefix(services.project.base.ids)
    return found


def _in_words(labels: Mapping[str, str], lang: Language) -> str:
    """A name in the reader's language, else in the first there is."""
    found = in_language([Literal(text, language=code) for code, text in labels.items()], (lang, *LANGUAGES))
    return found.value if found else ""
