"""`/sparql` in the OpenAPI document, by hand: it is answered ahead of FastAPI.

OpenAPI 3.1 has no word for HTTP QUERY; the description says in prose that the method is understood.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from kymgraph import results

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable; listed at /docs"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "line": {"type": "integer"},
        "column": {"type": "integer"},
        "hint": {"type": "string"},
    },
}


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _refusals(*statuses: tuple[int, str]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": text, "content": content} for status, text in statuses}


def _operations() -> dict[str, Any]:
    formats = [*results.SOLUTION_FORMATS, *results.GRAPH_FORMATS]
    answer = {
        "description": "The result in the format that Accept (or format=) asks for",
        "content": {known.media_type: {} for known in formats},
    }
    refusals = _refusals(
        (
            400,
            "Not one query: syntax (with line, column, hint), malformed UTF-8, a bad parameter",
        ),
        (406, "No format that is accepted; the detail lists what there is"),
        (413, "Query text or body too large"),
        (422, "The generation is not kept, or the graphs to merge are too large"),
        (429, "Too many requests; see Retry-After"),
        (503, "All workers are taken; see Retry-After"),
        (504, "The query did not end in time"),
    )
    dataset = [
        _parameter("default-graph-uri", "Graph of the default graph; repeatable", _strings()),
        _parameter("named-graph-uri", "Named graph; repeatable", _strings()),
        _parameter("timeout", "Seconds; only lowers the limit", {"type": "number", "exclusiveMinimum": 0}),
        _parameter("at", "Generation to ask; only one that is kept", {"type": "integer", "minimum": 1}),
        _parameter("format", "Name of the result format, instead of Accept", {"type": "string"}),
        _parameter("lang", "Language of pages and problems", {"type": "string", "enum": ["fi", "sv", "en"]}),
    ]
    query = _parameter("query", "The query; without it the service description is sent", {"type": "string"})
    get = {
        "tags": ["sparql"],
        "summary": "SPARQL 1.1 query, or the service description",
        "description": "HEAD and the HTTP method QUERY (body as for POST) are understood too.",
        "operationId": "sparql_get",
        "parameters": [query, *dataset],
        "responses": {"200": answer, "304": {"description": "The client's copy is current"}, **refusals},
    }
    form = {"type": "object", "required": ["query"], "properties": {"query": {"type": "string"}}}
    post = {
        "tags": ["sparql"],
        "summary": "SPARQL 1.1 query",
        "operationId": "sparql_post",
        "parameters": dataset,
        "requestBody": {
            "required": True,
            "content": {
                "application/sparql-query": {"schema": {"type": "string"}},
                "application/x-www-form-urlencoded": {"schema": form},
            },
        },
        "responses": {
            "200": answer,
            **refusals,
            **_refusals((401, "An update without a token"), (415, "A body of another type, or not in UTF-8")),
        },
    }
    return {"get": get, "post": post}


def _strings() -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "format": "iri"}}


def add_sparql(rest: FastAPI) -> None:
    """Make `rest.openapi()` tell of `/sparql` and of problems too."""
    generated = rest.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        if "/sparql" not in document["paths"]:
            document["paths"] = {"/sparql": _operations(), **document["paths"]}
            document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
        return document

    rest.openapi = openapi  # type: ignore[method-assign]
