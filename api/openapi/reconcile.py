"""What OpenAPI says of `/reconcile`: its JSON within forms and addresses, and what it refuses."""

from __future__ import annotations

from typing import Any, Final

from kymgraph.reconcile.input import BATCH, MOST_IDS, MOST_PROPERTIES, MOST_VALUES

Schema = dict[str, Any]

FORM: Final = "application/x-www-form-urlencoded"
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_TYPES: Final[Schema] = {
    "description": "One or several types, as IRI, prefix:name or bare name",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 100}],
}
_VALUE: Final[Schema] = {
    "anyOf": [
        {"type": "string"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
    ]
}
_PROPERTY: Final[Schema] = {
    "type": "object",
    "required": ["pid", "v"],
    "properties": {
        "pid": {"type": "string"},
        "v": {"anyOf": [_VALUE, {"type": "array", "items": _VALUE, "maxItems": MOST_VALUES}]},
    },
}
_BATCH: Final[Schema] = {
    "type": "object",
    "description": f"Up to {BATCH} queries by keys of the client's own choosing",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "query": {"type": "string"},
            "type": _TYPES,
            "type_strict": {"type": "string", "enum": ["any", "should", "all"]},
            "limit": {"type": "integer", "minimum": 1},
            "properties": {"type": "array", "items": _PROPERTY, "maxItems": MOST_PROPERTIES},
        },
        "anyOf": [
            {"required": ["query"]},
            {"required": ["properties"], "properties": {"properties": {"minItems": 1}}},
        ],
    },
}
_EXTENSION: Final[Schema] = {
    "type": "object",
    "description": f"Up to {MOST_IDS} entities, and the properties to fetch of them",
    "required": ["ids", "properties"],
    "properties": {
        "ids": {"type": "array", "items": {"type": "string"}},
        "properties": {
            "type": "array",
            "maxItems": MOST_PROPERTIES,
            "items": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string"},
                    "settings": {
                        "type": "object",
                        "properties": {
                            "limit": {
                                "anyOf": [
                                    {"type": "integer", "minimum": 0},
                                    {"type": "string", "pattern": "^[0-9]{0,9}$"},
                                    {"type": "null"},
                                ]
                            },
                            "content": {"type": "string", "enum": ["name", "id"]},
                        },
                    },
                },
            },
        },
    },
}
_EXAMPLE: Final = {"q0": {"query": "Kotkassa", "type": "kym:Municipality"}}
_LANG: Final[Schema] = {
    "name": "lang",
    "in": "query",
    "description": "Language of names, over Accept-Language: fi, sv or en; others count as fi",
    "schema": {"type": "string"},
    "example": "sv",
}


def _in_address(name: str, schema: Schema, description: str) -> Schema:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "content": {"application/json": {"schema": schema}},
    }


def _either(schema: Schema, name: str) -> Schema:
    return {
        "type": "object",
        "required": [name],
        "properties": {name: schema},
        "additionalProperties": False,
    }


#: Of every route: `lang`.
LANG: Final[Schema] = {"parameters": [_LANG]}
#: Of GET /reconcile. It takes `extend` in the place of `queries` too, which no parameter can say.
ASK: Final[Schema] = {
    "parameters": [
        _LANG,
        _in_address("queries", _BATCH, "A batch of queries; longer ones by POST"),
    ]
}
#: Of POST /reconcile. JSON within a form, as clients send it, no schema can describe; the text does.
SEND: Final[Schema] = {
    "parameters": [_LANG],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_either(_BATCH, "queries"), _either(_EXTENSION, "extend"), _BATCH]},
                "example": {"queries": _EXAMPLE},
            },
        },
    },
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route says of the refusals with these statuses."""
    return {status: {"description": _REFUSALS[status], "content": _PROBLEM} for status in statuses}


_REFUSALS: Final = {
    400: "Not JSON, not what the API describes, or a bad parameter; the detail says where",
    404: "The graph says nothing of such a thing",
    413: f"More than {BATCH} queries, or another limit; the detail says which",
    415: "Neither a form nor JSON",
    429: "Too many requests; see Retry-After",
    503: "The search index is being made, or the server is busy; see Retry-After",
    504: "It was not done in time",
}
