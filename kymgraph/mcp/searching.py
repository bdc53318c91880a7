"""Search by words, as an agent reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kymgraph.mcp.answers import Facet, Found, Hit
from kymgraph.mcp.graph import Graph

#: Values of one facet that are shown.
FACETS = 10


async def search(
    graph: Graph,
    query: str,
    *,
    lang: str,
    types: Sequence[str],
    filters: Mapping[str, Sequence[str]],
    limit: int,
    offset: int,
) -> Found:
    """The resources whose names and definitions fit the words, best first. Raises BadParameter."""
    filters = {name: [_value(graph, value) for value in values] for name, values in filters.items()}
    if types:
        filters["type"] = [*filters.get("type", ()), *(graph.names.iri(one, "types") for one in types)]
    found = await graph.found(query, lang=lang, filters=filters, limit=limit, offset=offset)
    shown = offset + len(found.hits)
    return Found(
        total=found.total,
        at_least=found.more,
        hits=[
            Hit(
                iri=hit.iri,
                label=graph.best(hit.labels, lang) or hit.iri,
                types=[graph.names.short(one) for one in hit.types],
                description=graph.best(hit.description, lang),
                labels=dict(hit.labels),
                score=round(hit.score, 1),
            )
            for hit in found.hits
        ],
        facets={
            name: [Facet(value=value, label=label, count=count) for value, label, count in values[:FACETS]]
            for name, values in found.facets.items()
            if values
        },
        next_offset=shown if found.hits and shown < found.total else None,
        generation=found.generation,
    )


def _value(graph: Graph, text: str) -> str:
    """A value of a facet: an IRI in any form that the tools return, or years."""
    return graph.names.iri(text, "filters") if ":" in text else text
