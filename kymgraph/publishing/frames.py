"""Statements of the graph as framed JSON-LD: things in the order of a page, each with the labels around it.

PyLD frames; it never loads anything: its one document is our context. Every statement comes through, so the
document read as RDF gives what went in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pyld import jsonld

from kymgraph.namespaces import KYM, RDF, RDFS, SKOS

#: A property that nothing has: a sub-frame with it lets through things that have nothing at all.
_NEVER: Final = "urn:kymgraph:never"
_LABELS: Final = (SKOS + "prefLabel", RDFS + "label")
#: What a thing shows of another it points to.
_POINTED: Final[dict[str, Any]] = {
    "@explicit": True,
    "@embed": "@always",
    "@requireAll": False,
    **{label: {} for label in _LABELS},
    _NEVER: [],
}
_PART_OF: Final = KYM + "elementOf"


class Framer:
    """Frames statements by one context, for documents that name it by its address."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self.document = dict(context)
        text = json.dumps(context, ensure_ascii=False, sort_keys=True)
        # PyLD keeps contexts by address, so another context needs another one.
        self._name = "urn:kymgraph:context:" + hashlib.sha256(text.encode()).hexdigest()[:32]

    def things(self, statements: list[Any], order: Sequence[str], *, address: str) -> dict[str, Any]:
        """Statements (nodes of expanded JSON-LD) about the things in `order`, one node each.

        `address` is where the context is served.
        """
        nodes = _settled(statements)
        frame = {"@id": list(order), **self._pointed(nodes, set(order))}
        return self._framed(nodes, frame, order, address)

    def tree(self, statements: list[Any], root: Sequence[str], depth: int, *, address: str) -> dict[str, Any]:
        """As `things`, with the elements of each root inside it, `depth` levels down."""
        nodes = _settled(statements)
        pointed = {**self._pointed(nodes, None), _PART_OF: {"@embed": "@never"}}
        level: dict[str, Any] = dict(pointed)
        for _ in range(depth):
            level = {**pointed, "elements": {"@embed": "@always", **level}}
        return self._framed(nodes, {"@id": list(root), "@embed": "@always", **level}, root, address)

    def _pointed(self, nodes: Any, things: set[str] | None) -> dict[str, Any]:
        found = {
            name
            for node in nodes
            if things is None or node.get("@id") in things
            for name, values in node.items()
            if not name.startswith("@") and any("@id" in value for value in values if isinstance(value, dict))
        }
        return dict.fromkeys(sorted(found), _POINTED)

    def _framed(
        self, nodes: Any, frame: Mapping[str, Any], order: Sequence[str], address: str
    ) -> dict[str, Any]:
        try:
            made = jsonld.frame(
                nodes,
                {"@context": self._name, **frame},
                {
                    "documentLoader": self._load,
                    "omitGraph": False,
                    "omitDefault": True,
                    "processingMode": "json-ld-1.1",
                },
            )
            graph = made.get("graph", made.get("@graph", []))
        except (jsonld.JsonLdError, ValueError, TypeError, KeyError, RecursionError):
            # Foreign terms that PyLD cannot take: the statements as they are, which is JSON-LD too.
            return {"@context": address, "@graph": nodes}
        place = {iri: number for number, iri in enumerate(order)}
        graph = sorted(
            graph if isinstance(graph, list) else [graph], key=lambda node: place.get(node.get("id"), 0)
        )
        return {"@context": address, "@graph": graph}

    def _load(self, url: str, options: Any) -> dict[str, Any]:
        if url != self._name:
            raise jsonld.JsonLdError(
                f"{url} is not loaded", "jsonld.LoadDocumentError", code="loading document failed"
            )
        return {
            "contentType": "application/ld+json",
            "contextUrl": None,
            "documentUrl": url,
            "document": self.document,
        }


def _settled(statements: list[Any]) -> list[dict[str, Any]]:
    """The nodes of an expanded document, one per thing, everything in one order, types as JSON-LD has them.

    The store gives statements in an order of its own.
    """
    nodes: dict[str, dict[str, list[Any]]] = {}
    for node in statements:
        about = nodes.setdefault(node["@id"], {})
        for name, values in node.items():
            if name != "@id":
                about.setdefault(name, []).extend(values)
    settled = []
    for iri in sorted(nodes):
        about = nodes[iri]
        kinds = about.pop(RDF + "type", [])
        types = [*about.pop("@type", []), *(kind["@id"] for kind in kinds if "@id" in kind)]
        if literals := [kind for kind in kinds if "@id" not in kind]:
            about[RDF + "type"] = literals  # foreign data may say anything
        settled.append(
            {
                "@id": iri,
                **({"@type": sorted(set(types))} if types else {}),
                **{name: sorted(about[name], key=_key) for name in sorted(about)},
            }
        )
    return settled


def _key(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
