"""`/ontology` and `/shapes`: a vocabulary whole, as RDF or as a page with an anchor for each of its terms.

Terms are `…/ontology#Name`, and what follows `#` never reaches a server: the whole answers for each of them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import Services, client_of
from api.linked.answers import check_parameters, generation, link_header
from api.linked.negotiate import BY_NAME, PAGE, named, negotiate
from api.linked.ontology import OntologyPage
from api.linked.page import Shown
from api.linked.paths import header_iri, path_of
from api.negotiate import LANGUAGES, Language
from api.problems import NotFound
from api.wire import AnsweredResponse
from kymgraph.errors import GraphNotFound
from kymgraph.namespaces import KYMSH, OWL, PREFIXES, RDF
from kymgraph.project import ONTOLOGY_GRAPH
from kymgraph.publishing import ontology_docs
from kymgraph.publishing.resource import LABELS, in_language
from kymgraph.queries import term_literal
from kymgraph.rdf import Literal, NamedNode
from kymgraph.results import GRAPH_FORMATS
from kymgraph.view import View

#: Terms listed on a page at most.
_MOST: Final = 20_000
TERMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The page, or the RDF",
        "content": {"text/html": {}, **{known.media_type: {} for known in GRAPH_FORMATS}},
    },
    304: {"description": "The client's copy is current"},
    400: {"description": "A parameter that is not known here, or not of its type"},
    404: {"description": "The project has none"},
    406: {"description": "Not available in a format that is accepted"},
    422: {"description": "The generation is not kept"},
}


async def terms(
    request: Request, services: Services, lang: Language, name: str, format: str | None, version: str | None
) -> Response:
    """The graph `ontology` or `shapes`. Raises NotFound, GraphNotFound, BadParameter, FormatNotAvailable."""
    given = dict(request.query_params.multi_items())
    check_parameters(given, {"format", "at", "lang"})
    at = generation(services, given["at"]) if "at" in given else None
    view = await asyncio.to_thread(services.linked.view, at)
    graph = services.project.base.graph(name)
    if NamedNode(graph) not in view.graphs():
        raise GraphNotFound(
            f"nothing was read: this project has no graph {name}", hint="GET /graphs lists them"
        )
    if version is not None:
        _check_version(services, view, version)
    if request.url.path.endswith(f".{format}") and format not in BY_NAME:
        raise NotFound(
            f"nothing was read: there is no format {format!r}", hint=f"there are: {', '.join(BY_NAME)}"
        )
    chosen = named(format) if format is not None else negotiate(request.headers.get("accept"))
    licence = services.project.license
    more = {"at": given["at"]} if "at" in given else {}
    links = [
        f'</{name}.{known}>; rel="alternate"; type="{BY_NAME[known].media_type}"'
        for known in ("html", "ttl", "jsonld")
    ]
    links.append(f'<{header_iri(services.project.base.iri + name)}>; rel="cite-as"')
    if licence:
        links.append(f'<{header_iri(licence)}>; rel="license"')
    if chosen is PAGE:
        parts: dict[str, Any] = {
            "path": f"/{name}",
            "parameters": request.query_params.multi_items(),
            "downloads": [(known, f"/{name}.{known.name}") for known in GRAPH_FORMATS],
        }
        if name == ONTOLOGY_GRAPH:
            read = await asyncio.to_thread(ontology_docs.read, view, services.project)
            page = OntologyPage(read, services.project, lang, more, services.root)
            body = services.pages.render("ontology.html", lang, page=page, licence=licence, **parts)
        else:
            groups = await asyncio.to_thread(_groups, services, view, name, lang, more)
            body = services.pages.render("terms.html", lang, name=name, groups=groups, **parts)
        answer = Answered(
            "text/html; charset=utf-8",
            generation=view.generation,
            body=body,
            vary="Accept, Accept-Encoding, Accept-Language",
            language=lang,
            headers=link_header(links),
        )
        return AnsweredResponse(answer)
    text = f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}"
    got = await services.dataset.answer(text, format=chosen.name, client=client_of(request.client), at=at)
    made = await asyncio.to_thread(
        Answered,
        chosen.content_type,
        generation=got.generation,
        body=got.body or b"",
        file=got.file,
        source=got,
        headers=link_header(links),
    )
    return AnsweredResponse(made)


def _check_version(services: Services, view: View, version: str) -> None:
    ontology = services.project.base.iri + "ontology"
    known = [
        quad.object.value.removeprefix(ontology + "/")
        for quad in view.quads(NamedNode(ontology), NamedNode(OWL + "versionIRI"))
        if isinstance(quad.object, NamedNode)
    ]
    if version not in known:
        said = ", ".join(sorted(set(known))) or "none"
        raise NotFound(
            f"nothing was read: the ontology of generation {view.generation} is not {version[:100]!r}",
            hint=f"it is version {said}; an older state is asked for by at=",
        )


def _groups(
    services: Services, view: View, name: str, lang: Language, more: dict[str, str]
) -> list[tuple[str, list[tuple[str, Shown, Shown | None]]]]:
    """The shapes by what they are: their anchor, their name with the link to their page, their message."""
    base = services.project.base
    wanted = (RDF + "type", *LABELS, PREFIXES["sh"] + "message")
    starts = {base.iri + name + "#", KYMSH}
    rows = view.select(
        f"SELECT ?s ?p ?o WHERE {{ GRAPH <{base.graph(name)}> {{ ?s ?p ?o }} FILTER("
        + " || ".join(f"STRSTARTS(STR(?s), {term_literal(start)})" for start in sorted(starts))
        + ") FILTER("
        + " || ".join(f"?p = <{predicate}>" for predicate in wanted)
        + f") }} LIMIT {_MOST * 10}"
    )
    said: dict[str, dict[str, list[Any]]] = {}
    for row in rows:
        said.setdefault(row["s"].value, {}).setdefault(row["p"].value, []).append(row["o"])
    languages = (lang, *(code for code in LANGUAGES if code != lang))
    groups: dict[str, list[tuple[str, Shown, Shown | None]]] = {}
    for iri in sorted(said, key=str.casefold)[:_MOST]:
        known = said[iri]
        labels = next((_literals(known[p]) for p in LABELS if p in known), [])
        told = _literals(known.get(PREFIXES["sh"] + "message", []))
        label, definition = in_language(labels, languages), in_language(told, languages)
        anchor = iri.partition("#")[2]
        shown = Shown(
            label.value if label else anchor,
            path_of(base, "page", iri, more={**more, "lang": lang}),
            _other(label, lang),
            iri,
        )
        groups.setdefault(_kind(known.get(RDF + "type", [])), []).append(
            (anchor, shown, Shown(definition.value, None, _other(definition, lang)) if definition else None)
        )
    return sorted(groups.items())


_KINDS: Final = {
    PREFIXES["sh"] + "NodeShape": "1.node-shape",
    PREFIXES["sh"] + "PropertyShape": "2.property-shape",
}


def _kind(types: list[Any]) -> str:
    return min((_KINDS[one.value] for one in types if one.value in _KINDS), default="9.other")


def _literals(terms: list[Any]) -> list[Literal]:
    return [term for term in terms if isinstance(term, Literal)]


def _other(literal: Literal | None, lang: Language) -> str:
    return "" if literal is None or literal.language in (None, lang) else literal.language or ""
