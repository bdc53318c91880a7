"""What FastAPI cannot know of our routes: refusals as problems, and how values of parameters are written.

FastAPI describes a fault of a parameter as 422 in a form of its own; here it is a problem with status 400.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kymgraph.rdf import FORMATS
from kymgraph.results import GRAPH_FORMATS

Schema = dict[str, Any]

#: A state of the graph: a generation, a day or a moment.
AT: Final[Schema] = {
    "anyOf": [
        {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
    ]
}
_IRI: Final[Schema] = {"type": "string", "pattern": r"^https?://[a-z0-9.\-]+/[A-Za-z0-9._~/#\-]*$"}
_NAME: Final[Schema] = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._~\-]{0,100}$"}
_PATH: Final[Schema] = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9][A-Za-z0-9._~\-]{0,100}(/[A-Za-z0-9]{1,40})*$",
}
_FORMAT: Final[Schema] = {"type": "string", "enum": ["html", *(known.name for known in GRAPH_FORMATS)]}
_TEXT: Final[Schema] = {"type": "string"}
#: Schemas by name of the parameter, for all paths, and for those that begin so.
_PARAMETERS: Final[tuple[tuple[str, str, Schema], ...]] = (
    ("at", "/", AT),
    ("from", "/changes", AT),
    ("to", "/changes", AT),
    ("iri", "/", _IRI),
    ("graph", "/graphs", _IRI),
    ("graph", "/changes", _NAME),
    ("graph", "/validate", _NAME),
    ("limit", "/suggest", {"type": "integer", "minimum": 0, "maximum": 50}),
    ("after", "/", {"type": "integer", "minimum": 0, "maximum": 1_000_000}),
    ("lang", "/", _TEXT),  # another language is no fault: it falls back
    *(
        ("format", path, _FORMAT)
        for path in ("/id", "/.well-known/genid", "/page", "/data", "/ontology", "/shapes")
    ),
    *(
        (name, "/search", {"type": "array", "items": _IRI, "maxItems": 20})
        for name in ("type", "programme", "theme", "place", "source", "status")
    ),
    ("type", "/suggest", {"type": "array", "items": _IRI, "maxItems": 20}),
)
#: Parts of a path that FastAPI takes for parameters in the query.
_IN_PATH: Final = frozenset({"suffix", "version"})
_NEEDED: Final = frozenset({"iri"})
#: What the ledger sends beside JSON.
_FACES: Final = {
    "/changes": ("application/atom+xml", "text/html"),
    "/changes/diff": ("application/rdf-patch", "text/plain", "text/html"),
    "/changes/{number}": ("application/rdf-patch", "text/plain", "text/html"),
}
_METHODS: Final = ("get", "put", "post", "patch", "delete")
#: Reads that need a token.
_GUARDED: Final = ("/proposals",)
#: Posts that write nothing.
_HARMLESS: Final = ("/validate", "/reconcile")
_EVERYWHERE: Final = {
    "400": "A request that cannot be read; the detail says what is wrong with it",
    "429": "Too many requests; see Retry-After",
    "503": "The server is busy; see Retry-After",
}
_NOT_FOUND: Final = {"404": "There is nothing by this name"}
_TOKEN: Final = {"401": "No good token", "403": "The token does not cover this"}
_WRITE: Final = {
    **_TOKEN,
    **_NOT_FOUND,
    "409": "What the change was made from has changed, or it was decided already",
    "412": "If-Match names another generation than the newest",
    "413": "The body is too large",
    "415": "The body is of a type that is not read",
    "422": "The change is refused; the detail or the report says why",
}
_JUDGED: Final = {
    "413": "The body is too large",
    "415": "The body is of a type that is not read",
    "422": "The body cannot be judged; the detail says why",
}


def complete(document: dict[str, Any]) -> None:
    """Complete the description in place: once for each operation, what it says itself is kept."""
    for path, method, operation in _operations(document):
        _drop_own_422(operation)
        for status, text in _refusals(path, method).items():
            operation["responses"].setdefault(status, _problem(text))
        operation["parameters"] = [
            _completed(path, given)
            for given in operation.get("parameters", [])
            if given["name"] not in _IN_PATH
        ]
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            if media_type.endswith("+json"):
                content["schema"] = {}  # described as text; to JSON-LD any JSON is a document
    if "/metrics" in document["paths"]:
        document["paths"]["/metrics"]["get"]["responses"]["200"] = {
            "description": "Counters for Prometheus",
            "content": {"text/plain": {"schema": _TEXT}},
        }
    for path in ("/graph/{name}", "/graphs"):
        if "get" in document["paths"].get(path, {}):
            content = {known.media_types[0]: {"schema": _TEXT} for known in FORMATS.values()}
            if path == "/graphs":
                content |= {"application/json": {"schema": {}}, "text/html": {"schema": _TEXT}}
            document["paths"][path]["get"]["responses"]["200"]["content"] = content
    for path, others in _FACES.items():
        if "get" in document["paths"].get(path, {}):
            content = document["paths"][path]["get"]["responses"]["200"]["content"]
            content |= {media_type: {"schema": _TEXT} for media_type in others}
    schemas = document.get("components", {}).get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        if path == "/sparql":  # written by hand
            continue
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _drop_own_422(operation: dict[str, Any]) -> None:
    described = operation["responses"].get("422", {})
    if "HTTPValidationError" in str(described.get("content", "")):
        del operation["responses"]["422"]


def _refusals(path: str, method: str) -> dict[str, str]:
    found = dict(_EVERYWHERE)
    if "{" in path or path.startswith("/changes/") or path == "/graphs":
        found |= _NOT_FOUND
    if path.startswith(_GUARDED):
        found |= _TOKEN
    if method != "get":
        found |= _JUDGED if path.startswith(_HARMLESS) else _WRITE
    if path.startswith(("/graph", "/changes", "/proposals", "/validate")):
        found["406"] = "No format that is accepted; the detail lists what there is"
    if any(path.startswith(known) for known in ("/changes", "/search", "/suggest")):
        found.setdefault("422", "The generation is not kept")
    return found


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {"application/problem+json": {"schema": schema}}}


def _completed(path: str, given: dict[str, Any]) -> dict[str, Any]:
    if given["in"] == "path" and path.startswith(("/id", "/page", "/data", "/.well-known", "/graph")):
        return {**given, "schema": _PATH}
    if given["in"] != "query":
        return given
    for name, begins, schema in _PARAMETERS:
        if given["name"] == name and path.startswith(begins) and not path.startswith("/api/"):
            return {**given, "schema": schema, "required": given.get("required", False) or name in _NEEDED}
    return given
