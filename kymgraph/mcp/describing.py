"""One resource as an agent reads it: a document of `kymgraph.publishing.resource`, made short."""

from __future__ import annotations

import asyncio
from typing import Final

from kymgraph.errors import KymgraphError
from kymgraph.mcp.answers import Description, Evidence, Mention, Statement
from kymgraph.mcp.graph import Graph, labels
from kymgraph.namespaces import KYM
from kymgraph.publishing import resource
from kymgraph.publishing.resource import ResourceDocument
from kymgraph.rdf import DefaultGraph, GraphName, Literal, NamedNode

#: Statements and passages that are shown of one resource.
STATEMENTS: Final = 200
PASSAGES: Final = 100
#: Characters of one text; the rest is had with `sparql`.
TEXT: Final = 4000
#: Shown apart from the other statements.
_APART: Final = frozenset({KYM + "restsOn", resource.TYPE, *resource.LABELS[:2]})


async def describe(graph: Graph, text: str, *, lang: str, mentions: int, offset: int) -> Description:
    """What the graph says about the resource that `text` names. Raises BadParameter, NotInGraph."""
    iri = graph.names.iri(text)
    document = await asyncio.to_thread(_read, graph, iri, mentions, offset)
    if document is None:
        raise NotInGraph(
            f"the graph says nothing about <{iri}>",
            hint=await _near(graph, iri) or "`search` finds things by their names.",
        )
    return _shown(graph, document, lang)


class NotInGraph(KymgraphError):
    """A resource that the graph does not name."""

    code = "not-found"


def _read(graph: Graph, iri: str, mentions: int, offset: int) -> ResourceDocument | None:
    return resource.read(
        graph.dataset.view(), graph.project, iri, inverse_limit=mentions, inverse_after=offset
    )


async def _near(graph: Graph, iri: str) -> str | None:
    """Names of things that the end of an unknown IRI may mean."""
    words = iri.rstrip("/#").rpartition("/")[2].rpartition("#")[2].replace("-", " ")
    if not words:
        return None
    try:
        found = await graph.found(words, lang="fi", limit=3, facets=False)
    except KymgraphError:
        return None
    if not found.hits:
        return None
    near = ", ".join(f"<{hit.iri}> ({graph.best(hit.labels, 'fi')})" for hit in found.hits)
    return f"Did you mean {near}?"


def _shown(graph: Graph, document: ResourceDocument, lang: str) -> Description:
    languages = list(dict.fromkeys((lang, *graph.project.languages)))
    own = labels(document.named.get(document.iri.value, ()))
    statements = _statements(graph, document, languages)
    return Description(
        iri=document.iri.value,
        label=graph.best(own, lang),
        labels=own,
        types=[graph.names.short(term.value) for term in document.types],
        statements=statements[:STATEMENTS],
        statements_cut=len(statements) > STATEMENTS or not document.whole,
        evidence=_evidence(graph, document, languages)[:PASSAGES],
        mentions=[
            Mention(
                subject=graph.names.cell(str(quad.subject)),
                subject_label=_label(document, quad.subject, languages),
                property=graph.names.short(quad.predicate.value),
            )
            for quad in document.inverse.quads
        ],
        mentions_total=document.inverse.count if document.inverse.exact else resource.COUNTED_MOST + 1,
        mentions_next=document.inverse.next,
        page=_page(graph, document.iri.value),
        generation=document.generation,
    )


def _statements(graph: Graph, document: ResourceDocument, languages: list[str]) -> list[Statement]:
    said: dict[tuple[NamedNode, object], list[str]] = {}
    for quad in document.own:
        if quad.predicate.value not in _APART:
            said.setdefault((quad.predicate, quad.object), []).append(_graph(graph, quad.graph_name))
    return [
        Statement(
            property=graph.names.short(predicate.value),
            property_label=_label(document, predicate, languages),
            value=_value(graph, value),
            value_label=_label(document, value, languages),
            graphs=names,
            kinds=list(dict.fromkeys(graph.kind(name) for name in names)),
        )
        for (predicate, value), names in said.items()
    ]


def _evidence(graph: Graph, document: ResourceDocument, languages: list[str]) -> list[Evidence]:
    shown = []
    for one in document.evidence:
        covers = (
            f"all statements of graph {_graph(graph, one.graph)}"
            if one.covers is None
            else f"{graph.names.short(one.covers[0].value)} {_value(graph, one.covers[1])}"
        )
        shown.append(
            Evidence(
                passage=one.passage.value,
                document=one.document.value if one.document else None,
                document_label=_label(document, one.document, languages) if one.document else None,
                first_line=int(one.first) if one.first.isdecimal() else None,
                last_line=int(one.last) if one.last.isdecimal() else None,
                phrase=one.phrase.value if one.phrase else None,
                graph=_graph(graph, one.graph),
                covers=covers,
            )
        )
    return shown


def _label(document: ResourceDocument, term: object, languages: list[str]) -> str | None:
    if not isinstance(term, NamedNode):
        return None
    label = document.label(term.value, languages)
    return None if label is None else label.value


def _value(graph: Graph, term: object) -> str:
    if isinstance(term, Literal) and len(term.value) > TEXT:
        end = f"@{term.language}" if term.language else ""
        return str(Literal(term.value[:TEXT] + "…")) + end
    return graph.names.cell(str(term))


def _graph(graph: Graph, name: GraphName) -> str:
    return "default" if isinstance(name, DefaultGraph) else graph.graph_name(str(name).strip("<>"))


def _page(graph: Graph, iri: str) -> str | None:
    """Where people read about it, if the graph is published and the thing is one of ours."""
    public, ids = graph.settings.public_url, graph.project.base.ids
    if public is None or not iri.startswith(ids):
        return None
    return f"{str(public).rstrip('/')}/page/{iri[len(ids) :]}"
