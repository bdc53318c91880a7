"""A server that takes writes, over an empty strict project that keeps blank nodes: what W3C suites want."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from kymgraph.access import FILE, Access
from kymgraph.project import LEDGER_GRAPH, Project
from kymgraph.rdf import FORMATS, DefaultGraph, NamedNode, Quad, parse, serialise
from kymgraph.store.embedded import CheckpointView, EmbeddedStore
from kymgraph.view import UNION


@dataclass
class Writable:
    """The server: its URL, its store as the files have it, and a client with a publisher's token."""

    url: str
    project: Project
    store: EmbeddedStore
    client: httpx.Client

    @classmethod
    def start(cls, folder: Path, serve: Any) -> Writable:
        (folder / "kymgraph.toml").write_text('default_graph = "strict"\nblank_nodes = "keep"\n', "utf-8")
        project = Project.load(folder)
        store = EmbeddedStore(folder / "store")
        store.build([], project=project)
        url = serve(folder, store.folder)
        with Access(store.folder / FILE) as access:
            token, _ = access.create_token("suite", "publisher", graphs=(), expires=None)
        client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False)
        return cls(url, project, store, client)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.client.request(method, self.url + path, **more)

    def update(self, text: str, **parameters: Any) -> httpx.Response:
        headers = {"Content-Type": "application/sparql-update"}
        return self.ask("POST", "/sparql", content=text.encode(), headers=headers, params=parameters)

    @property
    def view(self) -> CheckpointView:
        return self.store.view()

    def graphs(self) -> set[str]:
        """IRIs of the graphs there are, but for the ledger."""
        return {graph.value for graph in self.view.graphs()} - {self.project.base.graph(LEDGER_GRAPH)}

    def quads(self) -> list[Quad]:
        """All there is, but for the ledger."""
        ledger = NamedNode(self.project.base.graph(LEDGER_GRAPH))
        named = [quad for quad in self.view.quads() if quad.graph_name != ledger]
        return named + list(self.view.quads(graph=UNION))

    def set(self, quads: Iterable[Quad], graphs: Iterable[str]) -> None:
        """Make this the whole content."""
        drop = [f"DROP SILENT GRAPH <{iri}>" for iri in sorted(self.graphs())]
        create = [f"CREATE GRAPH <{iri}>" for iri in graphs]
        given = list(quads)
        text = " ;\n".join([*drop, "CLEAR DEFAULT", *create, f"INSERT DATA {{ {_data(given)} }}"])
        answer = self.update(text)
        assert answer.status_code in (200, 204), answer.text


def _data(quads: Iterable[Quad]) -> str:
    parts = []
    for quad in quads:
        triple = f"{quad.subject} {quad.predicate} {quad.object}"
        default = isinstance(quad.graph_name, DefaultGraph)
        parts.append(f"{triple} ." if default else f"GRAPH {quad.graph_name} {{ {triple} }}")
    return "\n".join(parts)


def triples(body: bytes | str, media_type: str, base: str | None = None) -> list[Quad]:
    """An answer's triples."""
    data = body.encode() if isinstance(body, str) else body
    formats: Mapping[str, Any] = {media: f for f in FORMATS.values() for media in f.media_types}
    return parse(data, formats[media_type.partition(";")[0].strip()], base=base)


__all__ = ["Writable", "serialise", "triples"]
