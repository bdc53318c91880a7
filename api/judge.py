"""The process that judges one payload by the project's shapes, made to be killed.

`sh:pattern` and SPARQL constraints can be made to run for ever, so judging never happens in the server.
Started as `python -m api.judge PROJECT STORE GENERATION FORMAT LANG` with the payload as canonical N-Quads on
stdin; writes one line of JSON that says how it ended, then the report.

A payload is judged together with the ontology and with what the dataset says of the things it refers to, so
that a link to a thing of the graph is seen as what it is. Only what the payload describes is reported.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
from pathlib import Path
from typing import Final

MEMORY_MB: Final = 2000


def judge(
    project_folder: Path, store_folder: Path, generation: int, payload: bytes, media_type: str, lang: str
) -> bytes:
    """The report on `payload` in `media_type`. Raises KymgraphError."""
    from kymgraph import rdf
    from kymgraph.gate import full
    from kymgraph.project import Project
    from kymgraph.rdf import NamedNode
    from kymgraph.store.embedded import EmbeddedStore

    project = Project.load(project_folder)
    quads = rdf.parse(payload, rdf.FORMATS["nq"], name="payload")
    described: set[rdf.Term] = {quad.subject for quad in quads if not isinstance(quad.subject, rdf.Triple)}
    view = EmbeddedStore(store_folder).view(generation)
    ontology = NamedNode(project.base.graph("ontology"))
    context = list(view.quads(graph=ontology))
    referred = {quad.object for quad in quads if isinstance(quad.object, NamedNode)} - described
    for node in referred:
        assert isinstance(node, NamedNode)
        context += view.quads(subject=node)
    report = full.validate([*quads, *context], project, only=described, locate=lambda focus, graph: None)
    if media_type == "text/turtle":
        return report.to_turtle().encode()
    if media_type == "application/ld+json":
        return rdf.serialise(report.to_quads(), rdf.FORMATS["jsonld"], project.prefixes)
    if media_type == "text/plain":
        return (report.to_text(lang) + "\n").encode()
    return report.to_json().encode()


def main() -> None:
    """Read stdin, judge, write stdout."""
    from kymgraph.errors import KymgraphError
    from kymgraph.store.worker import no_network

    project, store, generation, media_type, lang = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB << 20, MEMORY_MB << 20))
    payload = sys.stdin.buffer.read()
    # Where there is no seccomp, /health says so; pySHACL is not asked to fetch anything anyway.
    with contextlib.suppress(OSError):
        no_network()
    try:
        body = judge(Path(project), Path(store), int(generation), payload, media_type, lang)
        head: dict[str, str | None] = {"status": "ok"}
    except KymgraphError as error:
        head, body = {"status": error.code, "message": error.message, "hint": error.hint}, b""
    except (MemoryError, RecursionError):
        head, body = {"status": "gate-timeout"}, b""
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + body)


if __name__ == "__main__":
    main()
