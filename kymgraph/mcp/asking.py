"""Named questions and free queries, answered by the workers, within the limits of an agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from kymgraph import rdf
from kymgraph.errors import BadParameter, QuerySyntaxError
from kymgraph.mcp.answers import Question, Questions, Table
from kymgraph.mcp.graph import Graph
from kymgraph.mcp.terms import lines, moved_back, table
from kymgraph.queries import NamedQuery, inspect


async def sparql(graph: Graph, text: str, *, limit: int, at: str | None, seconds: float | None) -> Table:
    """Run a query of the agent's own. Raises what `Dataset.answer` raises."""
    whole, longer = graph.names.declared(text)
    try:
        return await _answer(graph, whole, {}, limit=limit, at=at, seconds=seconds)
    except QuerySyntaxError as error:
        raise moved_back(error, longer) from None


async def ask(graph: Graph, name: str, values: Mapping[str, object], *, limit: int, at: str | None) -> Table:
    """Answer a named question. Raises BadParameter and what `Dataset.answer` raises."""
    query = await asyncio.to_thread(_named, graph, name)
    given = {key: _text(graph, query, key, value) for key, value in values.items()}
    missing = [key for key in query.params if key not in given and key not in query.optional]
    if missing:
        raise BadParameter(
            f"{query.name} needs {', '.join(f'{key} ({query.params[key]})' for key in missing)}",
            hint=f"For example: parameters = {json.dumps(dict(query.example), ensure_ascii=False)}",
        )
    bindings = query.bind(given, graph.project.base)
    return await _answer(graph, query.text, bindings, limit=limit, at=at, seconds=None)


def _text(graph: Graph, query: NamedQuery, name: str, value: object) -> str:
    """A value as the query file reads it; IRIs may be given in any form that other tools return."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    kind = query.params.get(name, "")
    thing = kind == "iri" or (kind.startswith("slug:") and (":" in text or text.startswith("<")))
    return graph.names.iri(text, name) if thing else text


async def listed(graph: Graph, *, about: str, lang: str) -> Questions:
    """The named questions whose text holds all these words."""
    found = await asyncio.to_thread(_all, graph)
    words = about.lower().split()
    kept = [
        query
        for query in found.values()
        if all(
            word in " ".join((query.name, *query.summary.values(), *query.params)).lower() for word in words
        )
    ]
    shown = [
        Question(
            name=query.name,
            question=graph.best(query.summary, lang) or query.name,
            parameters={
                key: kind + (" (may be left out)" if key in query.optional else "")
                for key, kind in query.params.items()
            },
            example=dict(query.example),
            returns=dict(query.returns),
        )
        for query in kept
    ]
    return Questions(questions=shown, total=len(found))


def _all(graph: Graph) -> dict[str, NamedQuery]:
    return {path.stem: NamedQuery.load(path) for path in graph.project.query_files()}


def _named(graph: Graph, name: str) -> NamedQuery:
    for path in graph.project.query_files():
        if path.stem == name.strip():
            return NamedQuery.load(path)
    from difflib import get_close_matches

    known = [path.stem for path in graph.project.query_files()]
    near = get_close_matches(name, known, 3, 0.4)
    raise BadParameter(
        f"there is no question named {name!r}",
        hint=(f"Did you mean {', '.join(near)}? " if near else "") + "`questions` lists them.",
    )


async def _answer(
    graph: Graph,
    text: str,
    bindings: Mapping[str, str],
    *,
    limit: int,
    at: str | None,
    seconds: float | None,
) -> Table:
    dataset = graph.dataset
    form = inspect(text).form
    generation = None if at is None else dataset.generation_at(at)
    most = graph.settings.query_timeout
    answer = await dataset.answer(
        text,
        format={"select": "tsv", "ask": "json"}.get(form, "nt"),
        bindings=bindings,
        deadline=most if seconds is None else min(seconds, most),
        at=generation,
    )
    if form == "select":
        cut = await table(answer, graph.names, rows=limit)
        return Table(
            columns=cut.columns,
            rows=cut.rows,
            row_count=len(cut.rows),
            cut=_advice(cut.why),
            generation=answer.generation,
        )
    if form == "ask":
        from kymgraph.results import rows

        truth = rows(answer.read()).boolean
        return Table(columns=[], rows=[], row_count=0, cut=None, boolean=truth, generation=answer.generation)
    kept, why = await lines(answer, count=limit)
    turtle = await asyncio.to_thread(_turtle, kept, graph)
    return Table(
        columns=[],
        rows=[],
        row_count=len(kept),
        cut=_advice(why),
        turtle=turtle,
        generation=answer.generation,
    )


def _advice(why: str | None) -> str | None:
    if why is None:
        return None
    return f"{why}; narrow the query, count with COUNT(*), or page with ORDER BY, LIMIT and OFFSET"


def _turtle(triples: list[str], graph: Graph) -> str:
    """Triples of our own workers, grouped by subject, with the prefixes that occur."""
    text = "\n".join(triples)
    # Names of things have slashes, which a prefixed name would have to escape.
    slashed = (graph.project.base.ids, graph.project.base.graphs)
    prefixes = {
        prefix: start
        for prefix, start in graph.names.prefixes.items()
        if start not in slashed and f"<{start}" in text
    }
    quads = rdf.parse(text.encode(), rdf.FORMATS["nt"])
    return rdf.serialise(quads, rdf.FORMATS["ttl"], prefixes).decode()
