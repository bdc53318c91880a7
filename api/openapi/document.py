"""What the OpenAPI document tells by hand: `/sparql`, answered ahead of FastAPI, and writes to graphs.

OpenAPI 3.1 has no word for HTTP QUERY; the description says in prose that the method is understood.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from api.openapi import ckan, rest, routes
from kymgraph import results
from kymgraph.rdf import FORMATS

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


_WRITE: Final = (
    _parameter("reason", "One sentence for the ledger", {"type": "string", "maxLength": 1000}),
    _parameter("dry-run", "Only look at the change", {"type": "boolean"}),
    {"name": "If-Match", "in": "header", "required": False, "schema": {"type": "string"},
     "description": 'Only if this generation is the newest, as "g12"'},
    {"name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string"},
     "description": "The same request sent again is applied once"},
)  # fmt: skip


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
        (403, "SERVICE names an endpoint that this server may not ask, or an update is not allowed"),
        (406, "No format that is accepted; the detail lists what there is"),
        (413, "Query text or body too large"),
        (
            422,
            "The generation is not kept, the graphs to merge are too large, SERVICE stands where it cannot "
            "be passed on, or an update is refused",
        ),
        (429, "Too many requests; see Retry-After"),
        (502, "An endpoint that SERVICE names refused, or sent no answer that can be used"),
        (503, "All workers are taken; see Retry-After"),
        (504, "The query, or an endpoint that SERVICE names, did not end in time"),
    )
    dataset = [
        _parameter("default-graph-uri", "Graph of the default graph; repeatable", _strings()),
        _parameter("named-graph-uri", "Named graph; repeatable", _strings()),
        _parameter("timeout", "Seconds; only lowers the limit", {"type": "number", "exclusiveMinimum": 0}),
        _parameter("at", "State to ask: a generation, a date or a time", {"type": "string"}),
        _parameter("format", "Name of the result format, instead of Accept", {"type": "string"}),
        _parameter("lang", "Language of pages and problems: fi, sv or en", {"type": "string"}),
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
    form = {"type": "object", "properties": {"query": {"type": "string"}, "update": {"type": "string"}}}
    post = {
        "tags": ["sparql"],
        "summary": "SPARQL 1.1 query, or update with a token",
        "description": "An update takes the parameters of every write: see POST /changes.",
        "operationId": "sparql_post",
        "parameters": [*dataset, *_WRITE],
        "security": [{}, {"token": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/sparql-query": {"schema": {"type": "string"}},
                "application/sparql-update": {"schema": {"type": "string"}},
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


def _graph_writes(path: str) -> dict[str, Any]:
    """Operations of the Graph Store Protocol that write, at `/graph/{name}` or `/graphs`."""
    content = {known.media_types[0]: {"schema": {"type": "string"}} for known in FORMATS.values()}
    patches = {"application/rdf-patch": {"schema": {"type": "string"}}}
    place = "graph" if path == "/graph/{name}" else "graphs"
    named: list[dict[str, Any]] = [
        {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
        if place == "graph"
        else _parameter("graph", "IRI of the graph", {"type": "string", "format": "iri"})
    ]
    refusals = _refusals(
        (400, "A body that cannot be read, with line and column"),
        (401, "No good token"),
        (403, "A graph or role that the token does not cover, or a graph that is made by other means"),
        (409, "What the change was made from has changed"),
        (412, "If-Match names another generation than the newest"),
        (422, "The shapes refuse it; the report says why"),
        (503, "The writer or the judge is busy; see Retry-After"),
    )
    summaries = {
        "put": ("Replace a graph", content),
        "post": ("Add to a graph", content),
        "patch": ("Change a graph by an RDF Patch", patches),
        "delete": ("Take a graph away", None),
    }
    written = {
        "description": "Committed (or, with dry-run=true, looked at)",
        "content": {"application/json": {}},
    }
    proposed = {"description": "Kept as a proposal", "content": {"application/json": {}}}
    return {
        method: {
            "tags": ["graphs"],
            "summary": summary,
            "operationId": f"{method}_{place}",
            "parameters": [*named, *_WRITE],
            "security": [{"token": []}],
            **({"requestBody": {"required": True, "content": body}} if body else {}),
            "responses": {"200": written, "201": written, "202": proposed, **refusals},
        }
        for method, (summary, body) in summaries.items()
    }


def _strings() -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "format": "iri"}}


class Described(FastAPI):
    """FastAPI whose OpenAPI document tells of `/sparql`, the project's REST routes and problems too."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        if "/sparql" not in document["paths"]:
            document["paths"] = {"/sparql": _operations(), **document["paths"]}
            for path in ("/graph/{name}", "/graphs"):
                document["paths"].setdefault(path, {}).update(_graph_writes(path))
            components = document.setdefault("components", {})
            routes.complete(document)
            of_project = self.state.services.rest.routes
            document["paths"].update(rest.paths(of_project))
            document["paths"].update(ckan.paths())
            components.setdefault("schemas", {}).update(rest.schemas(of_project))
            components["schemas"]["Problem"] = _PROBLEM
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        return document
