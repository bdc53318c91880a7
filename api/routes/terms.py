"""`/sparql/terms`: what the query editor completes: the classes and properties of this graph, with labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.cache import Answered
from api.deps import LanguageDep, Services, ServicesDep, client_of
from api.negotiate import LANGUAGES, Language
from api.pages import shorten
from api.wire import AnsweredResponse
from kymgraph.errors import QueryMemory, QueryTimeout

router = APIRouter(tags=["examples"])

#: Terms that are listed at most; a completion list of more helps nobody.
MOST: Final = 5_000

_DECLARED: Final = """
  { GRAPH ?in { ?term a ?class } VALUES ?class { owl:Class rdfs:Class } BIND("class" AS ?kind) }
  UNION { GRAPH ?in { ?term a ?class } BIND("property" AS ?kind)
    VALUES ?class { owl:ObjectProperty owl:DatatypeProperty owl:AnnotationProperty rdf:Property } }
"""
_USED: Final = """
  UNION { SELECT DISTINCT ?term ("class" AS ?kind) WHERE { ?thing a ?term } }
  UNION { SELECT DISTINCT ?term ("property" AS ?kind) WHERE { ?thing ?term ?value } }
"""
_QUERY: Final = """
PREFIX owl: <http://www.w3.org/2002/07/owl#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
SELECT DISTINCT ?term ?kind ?label WHERE {%s
  FILTER(isIRI(?term))
  OPTIONAL { GRAPH ?labelled { ?term skos:prefLabel|rdfs:label ?label } }
} LIMIT %d
"""


@router.head("/sparql/terms", include_in_schema=False)
@router.get("/sparql/terms", summary="List classes and properties", operation_id="terms")
async def terms(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The prefixes of the project, and each class and property that the ontology declares or the data uses:
    its name with a prefix, its IRI, its kind and its label in the reader's language."""
    generation = services.dataset.generation
    try:
        rows = await _rows(services, _DECLARED + _USED, generation, request)
    except (QueryTimeout, QueryMemory):  # a big graph: what the ontology declares must do
        rows = await _rows(services, _DECLARED, generation, request)
    document = {
        "generation": generation,
        "prefixes": services.prefixes,
        "terms": listed(rows, services.prefixes, lang),
    }
    body = json.dumps(document, ensure_ascii=False).encode()
    return AnsweredResponse(
        Answered(
            "application/json",
            generation=generation,
            body=body,
            vary="Accept-Encoding, Accept-Language",
            language=lang,
        )
    )


async def _rows(services: Services, pattern: str, generation: int, request: Request) -> list[dict[str, Any]]:
    answer = await services.dataset.answer(
        _QUERY % (pattern, MOST * len(LANGUAGES)),
        format="json",
        at=generation,
        client=client_of(request.client),
    )
    found: list[dict[str, Any]] = json.loads(answer.body if answer.body is not None else answer.read())[
        "results"
    ]["bindings"]
    return found


def listed(
    rows: Iterable[Mapping[str, Any]], prefixes: Mapping[str, str], lang: Language
) -> list[dict[str, str]]:
    """The terms by name, each once per kind with its best label.

    >>> term = {"term": {"value": "http://a.example/b"}, "kind": {"value": "class"}}
    >>> labels = [{"value": "asia", "xml:lang": "fi"}, {"value": "sak", "xml:lang": "sv"}]
    >>> listed([term | {"label": label} for label in labels], {"a": "http://a.example/"}, "sv")
    [{'name': 'a:b', 'iri': 'http://a.example/b', 'kind': 'class', 'label': 'sak'}]
    """
    order = (lang, *(code for code in LANGUAGES if code != lang), "")
    best: dict[tuple[str, str], tuple[int, str]] = {}
    for row in rows:
        key = row["term"]["value"], row["kind"]["value"]
        label = row.get("label", {})
        spoken = label.get("xml:lang", "").partition("-")[0]
        found = (order.index(spoken) if spoken in order else len(order), label.get("value", ""))
        best[key] = min(best.get(key, found), found)
    names = sorted((shorten(iri, prefixes), kind, iri, label) for (iri, kind), (_, label) in best.items())
    return [
        {"name": name, "iri": iri, "kind": kind, "label": label} for name, kind, iri, label in names[:MOST]
    ]
