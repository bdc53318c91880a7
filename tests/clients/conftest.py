"""Two real servers for the clients: one that can be written to, and one of another project beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, Serve

GRAPH = "https://w3id.org/kymgraph/graph/"
X = "http://x.example/"
#: Two programmes, one of them with two measures. A measure without a sum is refused.
PROGRAMMES = {
    "kymgraph.toml": "",
    "ontology/terms.ttl": "x:Programme a rdfs:Class . x:Measure a rdfs:Class .",
    "data/south.ttl": """
x:ports a x:Programme ; rdfs:label "Satamat"@fi , "Ports"@en ; x:region x:kymi .
x:quay a x:Measure ; x:of x:ports ; x:euros 1200.50 .
x:rail a x:Measure ; x:of x:ports ; x:euros 800.25 .
""",
    "data/north.ttl": """
x:forests a x:Programme ; rdfs:label "Metsät"@fi ; x:region x:savo .
""",
    "shapes/s.ttl": """
@prefix sh: <http://www.w3.org/ns/shacl#> .
x:Costed a sh:NodeShape ; sh:targetClass x:Measure ; sh:property x:hasEuros .
x:hasEuros a sh:PropertyShape ; sh:path x:euros ; sh:minCount 1 ;
  sh:message "anna summa"@fi , "ge summan"@sv , "give the sum"@en .
""",
}
#: The regions of those programmes, on another server under another base; four triples.
REGIONS = {
    "kymgraph.toml": 'base_iri = "http://other.example/"',
    "data/regions.ttl": """
x:kymi rdfs:label "Kymenlaakso"@fi ; x:people 158000 .
x:savo rdfs:label "Savo"@fi ; x:people 245000 .
""",
}


@dataclass(frozen=True)
class Site:
    """A server, and a token that may write to it."""

    url: str
    store: EmbeddedStore
    token: str

    @property
    def sparql(self) -> str:
        return self.url + "/sparql"


def _build(folder: Path, texts: dict[str, str]) -> EmbeddedStore:
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text((PREFIXES if name.endswith(".ttl") else "") + text, "utf-8")
    project = Project.load(folder)
    store = EmbeddedStore(folder / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return store


@pytest.fixture(scope="package")
def programmes(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    store = _build(tmp_path_factory.mktemp("programmes"), PROGRAMMES)
    with Access(store.folder / FILE) as access:
        token = access.create_token("clients", "publisher", expires=None)[0]
    return Site(serve_writable(store.folder.parent, store.folder), store, token)


@pytest.fixture(scope="package")
def regions(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    store = _build(tmp_path_factory.mktemp("regions"), REGIONS)
    return Site(serve(store.folder.parent, store.folder), store, "")
