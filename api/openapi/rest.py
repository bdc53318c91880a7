"""The REST routes in OpenAPI 3.1, made from their query files: parameters, columns and every format.

A client generated from it reads what the routes answer: each route has a schema of its own for its items,
and the schemas promise no more than `kymgraph.publishing.items` keeps for any data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.openapi.routes import AT
from api.rest.request import (
    API,
    DEFAULT_LIMIT,
    FORMATS,
    MAX_LIMIT,
    MAX_OFFSET,
    common,
    formats,
)
from kymgraph.publishing.context import PATH as CONTEXT
from kymgraph.publishing.routes import COLUMN_TYPES, Route

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_OR_NULL: Final[Schema] = {"type": ["string", "null"]}


def _object(description: str, properties: Mapping[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": list(required or properties),
        "properties": dict(properties),
    }


#: Schemas that all routes share.
SHARED: Final[dict[str, Schema]] = {
    "Thing": _object(
        "A thing and its label: in the language asked for, else in Finnish, Swedish, English, else any",
        {
            "id": {"type": ["string", "null"], "description": "its IRI; null where the data hold a literal"},
            "label": _OR_NULL,
            "lang": {"type": ["string", "null"], "description": "language of the label"},
        },
    ),
    "TaggedText": _object("A text and its language", {"text": _OR_NULL, "lang": _OR_NULL}),
    "Value": _object(
        "An RDF term",
        {
            "type": {"type": "string", "enum": ["iri", "blank", "literal", "triple"]},
            "value": _OR_NULL,
            "datatype": _OR_NULL,
            "lang": _OR_NULL,
        },
    ),
    "Total": _object(
        "How many rows there are",
        {
            "count": {"type": "integer", "minimum": 0},
            "atLeast": {"type": "boolean", "description": "true: there may be more than count"},
        },
    ),
    "LinkedData": {
        "type": "object",
        "description": "Framed JSON-LD: statements of the things on the page, in every language",
        "required": ["@context", "@graph"],
        "properties": {
            "@context": {"type": "string", "description": f"the address of {CONTEXT}"},
            "@graph": {"type": "array", "items": {"type": "object"}},
        },
    },
    "FeatureCollection": {
        "type": "object",
        "description": "GeoJSON; geometry is null where the graph states none",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": {"type": "object"}},
        },
    },
    "RouteList": _object(
        "The routes there are",
        {
            "routes": {
                "type": "array",
                "items": _object(
                    "One route",
                    {
                        "path": _TEXT,
                        "summary": _TEXT,
                        "parameters": {"type": "object", "additionalProperties": _TEXT},
                        "columns": {"type": "object", "additionalProperties": _TEXT},
                        "formats": {"type": "array", "items": _TEXT},
                        "answers": {"type": "array", "items": _TEXT},
                        "example": _TEXT,
                    },
                ),
            }
        },
    ),
}
_COLUMNS: Final[dict[str, Schema]] = {
    "integer": {"type": ["integer", "null"]},
    "decimal": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
}
_REFERRED: Final = {"thing": "Thing", "class": "Thing", "lang-string": "TaggedText", "any": "Value"}
_PARAMETERS: Final[dict[str, Schema]] = {
    "integer": {"type": "integer", "minimum": -(10**18) + 1, "maximum": 10**18 - 1},
    # Written in digits: the type "number" would let in 1e5, which SPARQL takes for a double.
    "decimal": {"type": "string", "pattern": r"^[+-]?[0-9]{1,18}(\.[0-9]{1,18})?$"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "year": {"type": "string", "pattern": "^[0-9]{4}$"},
    "iri": {"type": "string", "format": "iri"},
    "string": {"type": "string"},
    "lang-string": {"type": "string", "pattern": "^[^\\u0000]*@[A-Za-z]{1,8}$"},
}
_SLUG: Final[Schema] = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._~\-]{0,200}$"}
_REFUSALS: Final = {
    "400": "A parameter that is unknown or not of its type; the detail names it, its type and an example",
    "404": "The graph knows nothing of the thing in the path",
    "406": "No format that is accepted; the hint lists what there is",
    "422": "The generation that at= names is not kept",
    "429": "Too many requests; see Retry-After",
    "503": "All workers are taken; see Retry-After",
    "504": "The query did not end in time",
}


def paths(routes: Sequence[Route]) -> dict[str, Any]:
    """The path items of all routes, of the list of them, and of the shared context."""
    found = {API + route.path: {"get": _operation(route)} for route in routes}
    lang = _common(None, "lang")
    return {
        API: {
            "get": {
                "tags": ["rest"],
                "summary": "List the REST routes",
                "operationId": "rest_routes",
                "parameters": [lang],
                "responses": {"200": _json("The routes", _refer("RouteList")), **refusals("400", "429")},
            }
        },
        **found,
        CONTEXT: {
            "get": {
                "tags": ["rest"],
                "summary": "The JSON-LD context that every JSON-LD document names",
                "operationId": "context",
                "responses": {
                    "200": {
                        "description": "The context",
                        "content": {"application/ld+json": {"schema": {"type": "object"}}},
                    },
                    **refusals("429"),
                },
            }
        },
    }


def schemas(routes: Sequence[Route]) -> dict[str, Schema]:
    """The schemas of all routes and those they share."""
    found = dict(SHARED)
    for route in routes:
        name = _name(route)
        shown = {c: kind for c, kind in route.columns.items() if not route.tree or c != route.tree[1]}
        item: Schema = {
            "type": "object",
            "description": _summary(route),
            # fields= leaves columns out, so none is promised.
            "properties": {column: _column(kind) for column, kind in shown.items()},
        }
        page: dict[str, Schema] = {
            "generation": {"type": "integer", "description": "the state of the graph that was read"},
            "items": {"type": "array", "items": _refer(f"{name}Item")},
        }
        if route.tree:
            item["properties"]["children"] = {"type": "array", "items": _refer(f"{name}Item")}
            page["complete"] = {"type": "boolean", "description": "false: the tree is larger than is shown"}
        else:
            page["next"] = {**_OR_NULL, "description": "address of the next page"}
            page["total"] = _refer("Total")
        found[f"{name}Item"] = item
        found[f"{name}Page"] = _object(_summary(route), page)
    return found


def refusals(*statuses: str) -> dict[str, Any]:
    """Responses that are problems, by status."""
    content = {"application/problem+json": {"schema": _refer("Problem")}}
    return {status: {"description": _REFUSALS[status], "content": content} for status in statuses}


def _operation(route: Route) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name in formats(route):
        schema: Schema = {
            "json": _refer(f"{_name(route)}Page"),
            "jsonld": _refer("LinkedData"),
            "geojson": _refer("FeatureCollection"),
            "csv": _TEXT,
        }.get(name, {"type": "string", "format": "binary"})
        content[FORMATS[name]] = {"schema": schema}
    known = [status for status in _REFUSALS if status != "404" or route.path_params]
    return {
        "tags": list(route.tags) or ["rest"],
        "summary": _summary(route),
        "description": _description(route),
        "operationId": "rest_" + re.sub(r"\W", "_", route.name),
        "parameters": [
            *(_own(route, name) for name in route.query.params),
            *(_common(route, name) for name in common(route)),
        ],
        "responses": {
            "200": {"description": "The rows", "headers": _headers(route), "content": content},
            "304": {"description": "The client's copy is current"},
            **refusals(*known),
        },
    }


def _headers(route: Route) -> dict[str, Any]:
    headers: dict[str, Any] = {
        "ETag": {"schema": _TEXT},
        "Kymgraph-Generation": {"schema": {"type": "integer"}},
    }
    if not route.tree:
        headers["Link"] = {"description": "rel first, prev, next", "schema": _TEXT}
    return headers


def _own(route: Route, name: str) -> dict[str, Any]:
    kind = route.query.params[name]
    in_path = name in route.path_params
    described = f"Part of the IRI behind id/{kind[5:]}/" if kind.startswith("slug:") else f"Of type {kind}"
    schema = _SLUG if kind.startswith("slug:") else _PARAMETERS[kind]
    found: dict[str, Any] = {
        "name": name,
        "in": "path" if in_path else "query",
        "required": name not in route.query.optional,
        "description": described,
        "schema": schema,
    }
    if name in route.query.example:
        text = route.query.example[name]
        found["example"] = int(text) if kind == "integer" else text == "true" if kind == "boolean" else text
    return found


def _common(route: Route | None, name: str) -> dict[str, Any]:
    columns = "|".join(map(re.escape, route.columns)) if route else ""
    described: dict[str, tuple[str, Schema]] = {
        "limit": (
            "Rows on a page; JSON-LD has at most 100",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
        "offset": (
            "Rows before the page",
            {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
        ),
        "sort": (
            "Columns to sort by, with - before one to be sorted downwards",
            {"type": "string", "pattern": f"^-?({columns})(,-?({columns}))*$"},
        ),
        "fields": (
            "Columns to give; the others are left out",
            {"type": "string", "pattern": f"^({columns})(,({columns}))*$"},
        ),
        "count": ("Count all rows, up to 10,000", {"type": "boolean", "default": False}),
        "lang": (
            "Language of labels: fi, sv or en. Another gives what Accept-Language asks for, else Finnish. "
            "A label missing in it is given in Finnish, Swedish or English, in this order, with its language",
            {"type": "string", "examples": ["fi", "sv", "en"]},
        ),
        "format": (
            "Format, before the Accept header",
            {"type": "string", "enum": formats(route) if route else []},
        ),
        "at": (
            "State to read: a generation, a date or a time",
            AT,
        ),
    }
    text, schema = described[name]
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


def _column(kind: str) -> Schema:
    if kind in _REFERRED:
        return {
            "description": COLUMN_TYPES[kind],
            "anyOf": [_refer(_REFERRED[kind]), {"type": "null"}],
        }
    return {"description": COLUMN_TYPES[kind], **_COLUMNS.get(kind, _OR_NULL)}


def _description(route: Route) -> str:
    texts = [f"{code}: {route.query.summary[code]}" for code in ("fi", "sv") if code in route.query.summary]
    if route.query.answers:
        texts.append("Competency questions: " + ", ".join(route.query.answers))
    texts.append("Columns: " + ", ".join(f"{name} ({kind})" for name, kind in route.columns.items()))
    return "\n\n".join(texts)


def _summary(route: Route) -> str:
    texts = route.query.summary
    return texts.get("en") or next(iter(texts.values()), route.name)


def _name(route: Route) -> str:
    """The name of a route's schemas: programme-lineage is ProgrammeLineage."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"\W|_", route.name))


def _refer(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
