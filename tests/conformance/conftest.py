"""One server for all W3C suites: every data file of the suites stands in its store as a named graph.

A test names its default and named graphs with the dataset parameters of the protocol, so one store and one
server serve them all, over real HTTP. Blank nodes are kept, and no two files share one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kymgraph import rdf
from kymgraph.errors import KymgraphError
from kymgraph.project import Project
from kymgraph.rdf import NamedNode
from kymgraph.store.embedded import EmbeddedStore

#: The address that the manifests were written for.
SUITES = "http://www.w3.org/2009/sparql/docs/tests/data-sparql11/"
FOLDERS = (
    "aggregates", "bind", "bindings", "cast", "construct", "csv-tsv-res", "exists", "functions", "grouping",
    "json-res", "negation", "project-expression", "property-path", "service", "subquery", "syntax-query",
)  # fmt: skip
#: Graphs that the protocol tests speak of, and the files that hold them.
PROTOCOL_GRAPHS = {
    f"http://kasei.us/2009/09/sparql/data/data{n}.rdf": f"protocol/data{n}.nt" for n in (1, 2, 3)
}


@pytest.fixture(scope="session")
def suites(shared: Path) -> Path:
    folder = shared / "conformance" / "sparql11"
    if not folder.is_dir():
        pytest.skip(f"the SPARQL 1.1 suites are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def endpoint(suites: Path, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of `/sparql` on a server over all data of the suites."""
    folder = tmp_path_factory.mktemp("suites")
    (folder / "kymgraph.toml").write_text('default_graph = "strict"\nblank_nodes = "keep"\n', "utf-8")
    project = Project.load(folder)
    quads, graphs = [], []
    files = {iri: suites / file for iri, file in PROTOCOL_GRAPHS.items()}
    for name in FOLDERS:
        for path in sorted((suites / name).iterdir()):
            if path.suffix in (".ttl", ".rdf", ".nt") and path.name != "manifest.ttl":
                files[SUITES + f"{name}/{path.name}"] = path
    for iri, path in files.items():
        try:
            parsed = rdf.parse(path, graph=NamedNode(iri), base=iri, rename_blank_nodes=True)
        except KymgraphError:
            continue  # some expected results are not RDF 1.1; a test whose data is missing fails
        quads += rdf.canonical(parsed).quads
        graphs.append(iri)
    EmbeddedStore(folder / "store").build(quads, project=project, graphs=graphs)
    url: str = serve(folder, folder / "store", cache_bytes=0)
    return url + "/sparql"
