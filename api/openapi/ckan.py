"""What OpenAPI says of `/api/3/action/…`: one path for each action of CKAN, by GET and by POST."""

from __future__ import annotations

from typing import Any, Final

from kymgraph.publishing.ckan_actions import ACTIONS, HIGHEST
from kymgraph.publishing.ckan_search import MOST_ROWS, ROWS

Schema = dict[str, Any]

PREFIX: Final = "/api/3/action"
FORM: Final = "application/x-www-form-urlencoded"
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_WORDS: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": HIGHEST}
_YES_NO: Final[Schema] = {
    "anyOf": [
        {"type": "boolean"},
        {"type": "string", "enum": ["true", "false", "yes", "no", "on", "off", "1", "0", ""]},
        {"type": "integer", "enum": [0, 1]},
    ]
}
_ID: Final[Schema] = {"type": "string", "minLength": 1}
_SORT: Final[Schema] = {
    "type": "string",
    "pattern": "^((score|id|name|title_string|metadata_created|metadata_modified) (asc|desc))?$",
}
_LISTED: Final[dict[str, tuple[str, Schema]]] = {
    "limit": ("most of them", _NUMBER),
    "offset": ("how many to leave out", _NUMBER),
}
_LIST: Final[dict[str, tuple[str, Schema]]] = {
    **_LISTED,
    "sort": (
        "what they are sorted by",
        {"type": "string", "pattern": "^((name|title|package_count) (asc|desc))?$"},
    ),
    "q": ("a part of the name or title", _WORDS),
    "all_fields": ("whole objects instead of names", _YES_NO),
}
_SHOW: Final[dict[str, tuple[str, Schema]]] = {
    "id": ("its id or name", _ID),
    "include_datasets": ("with its datasets", _YES_NO),
}
#: Parameters of each action: what for, and of which kind.
_PARAMETERS: Final[dict[str, dict[str, tuple[str, Schema]]]] = {
    "package_search": {
        "q": ("words to look for, or a filter", _WORDS),
        "fq": (
            "a filter, such as metadata_modified:[2026-11-21T08:00:00Z TO *] or organization:kymgraph; "
            "with AND, OR, - and brackets",
            _WORDS,
        ),
        "sort": ("order: fields with asc or desc, parted by commas", _SORT),
        "rows": (f"most datasets, {ROWS} unless said otherwise; never more than {MOST_ROWS:,}", _NUMBER),
        "start": ("how many to leave out; past the last one the results are empty", _NUMBER),
        "fl": ("only these fields of each dataset; repeatable", _WORDS),
    },
    "package_show": {"id": ("its id or name", _ID)},
    "package_list": _LISTED,
    "organization_show": _SHOW,
    "organization_list": _LIST,
    "group_show": _SHOW,
    "group_list": _LIST,
    "help_show": {"name": ("name of an action", {"type": "string", "enum": list(ACTIONS)})},
}
_NEEDED: Final = frozenset({("package_show", "id"), ("organization_show", "id"), ("group_show", "id")}) | {
    ("help_show", "name")
}
_FAULT: Final[Schema] = {
    "type": "object",
    "required": ["help", "success", "error"],
    "properties": {
        "help": {"type": "string"},
        "success": {"const": False},
        "error": {"type": "object", "required": ["__type"], "properties": {"__type": {"type": "string"}}},
    },
}
_REFUSED: Final = {
    "400": "A parameter or an order that there is not, or a body that is not JSON (answered by a text)",
    "404": "There is no such dataset, organisation, group or action",
    "409": "A parameter is missing or not of its kind, or a filter cannot be read",
}


def paths() -> dict[str, Any]:
    """The paths of all actions."""
    return {f"{PREFIX}/{name}": _operations(name) for name in ACTIONS}


def _operations(name: str) -> dict[str, Any]:
    given = _PARAMETERS.get(name, {})
    needed = [one for one in given if (name, one) in _NEEDED]
    nothing = {"type": "null"}
    fields = {
        one: schema if one in needed else {"anyOf": [schema, nothing]} for one, (_, schema) in given.items()
    }
    body: Schema = {"type": "object", "properties": fields}
    if needed:
        body["required"] = needed
    if name == "package_search":  # the one that refuses what it does not know
        body["additionalProperties"] = False
    about = {
        "tags": ["ckan"],
        "summary": ACTIONS[name].help,
        "description": "As CKAN's action API has it, for catalogues that harvest CKAN sites. "
        "A POST may send its parameters as a form, too.",
    }
    return {
        "get": about
        | {
            "operationId": f"ckan_{name}",
            "parameters": [
                {"name": one, "in": "query", "description": text, "schema": schema, "required": one in needed}
                for one, (text, schema) in given.items()
            ],
            "responses": _responses(),
        },
        "post": about
        | {
            "operationId": f"ckan_{name}_post",
            "requestBody": {
                "required": bool(needed),
                "content": {"application/json": {"schema": body}},
            },
            "responses": _responses() | {"413": _problem("The body is too large")},
        },
    }


def _responses() -> dict[str, Any]:
    done = {
        "type": "object",
        "required": ["help", "success", "result"],
        "properties": {"help": {"type": "string"}, "success": {"const": True}, "result": {}},
    }
    return {
        "200": {"description": "The result", "content": {"application/json": {"schema": done}}},
        **{
            status: {
                "description": text,
                "content": {"application/json": {"schema": {"anyOf": [_FAULT, {"type": "string"}]}}},
            }
            for status, text in _REFUSED.items()
        },
        "429": _problem("Too many requests; see Retry-After"),
        "503": _problem("The catalogue is being made; see Retry-After"),
    }


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": _PROBLEM}
