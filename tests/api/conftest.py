"""One real server over a small project with everything that a test of the HTTP interface needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymgraph import files
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore

BASE = "https://example.org/kym/"
PREFIXES = """@prefix ex: <https://example.org/kym/id/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix kymsh: <https://w3id.org/kymgraph/shapes#> .
"""
FILES = {
    "kymgraph.toml": f'base_iri = "{BASE}"\n[title]\nen = "Test graph"\n',
    "data/first.ttl": """
ex:plan a ex:Plan ; rdfs:label "suunnitelma"@fi , "plan"@en ; ex:part ex:goal ; ex:pages 12 .
ex:goal a ex:Goal ; rdfs:label "<script>alert('x')</script>"@fi ;
  ex:link <javascript:alert(1)> , <https://a.example/> .
""",
    "data/second.ttl": """
ex:plan a ex:Plan .
ex:other a ex:Plan ; ex:part ex:goal .
""",
    "data/many.ttl": "\n".join(
        f'ex:n{n} ex:number {n} ; rdfs:label "item number {n} of the long list" .' for n in range(3000)
    ),
    "ontology/terms.ttl": "ex:Plan a rdfs:Class . ex:Goal a rdfs:Class . ex:Aim rdfs:subClassOf ex:Goal .",
    "shapes/plan.ttl": """
kymsh:Plan a sh:NodeShape ; sh:targetClass ex:Plan ; sh:property kymsh:plan-part .
kymsh:plan-part a sh:PropertyShape ; sh:path ex:part ; sh:class ex:Goal ; sh:name "osa"@fi , "part"@en ;
  sh:message "Osan pitää olla tavoite."@fi , "A part must be a goal."@en .
kymsh:Slow a sh:NodeShape ; sh:targetSubjectsOf ex:code ; sh:property kymsh:slow-code .
kymsh:slow-code a sh:PropertyShape ; sh:path ex:code ; sh:pattern "^([a-z]+)+@x$" .
""",
    "api/queries/Q01.rq": """#+ summary: {fi: Mitä osia suunnitelmalla on?, en: Which parts has the plan?}
#+ answers: Q01
PREFIX ex: <https://example.org/kym/id/>
SELECT ?part WHERE { ex:plan ex:part ?part }
""",
}


@dataclass(frozen=True)
class Site:
    """A served project: its URL, and where its files and its store lie."""

    url: str
    project: Path
    store: Path

    @property
    def sparql(self) -> str:
        return self.url + "/sparql"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The project and its store, not served yet."""
    folder = tmp_path_factory.mktemp("site")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((PREFIXES if name.endswith(".ttl") else "") + text, "utf-8")
    project = Project.load(folder)
    read = files.read(project)
    EmbeddedStore(folder / "store").build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests
    )
    return Site("", folder, folder / "store")


@pytest.fixture(scope="session")
def site(built: Site, serve: Any) -> Site:
    return Site(serve(built.project, built.store), built.project, built.store)


@pytest.fixture(scope="session")
def strict_site(built: Site, serve: Any) -> Site:
    """The same project behind tight limits."""
    url = serve(
        built.project,
        built.store,
        query_timeout=1,
        body_bytes=200_000,
        trusted_hosts="kym.example",
        query_bytes=65536,
    )
    return Site(url, built.project, built.store)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client that follows no redirects and sends only the headers it is told to, besides Host."""
    with httpx.Client(timeout=60) as client:
        client.headers.clear()
        yield client
