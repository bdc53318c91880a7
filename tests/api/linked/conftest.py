"""One real server over a small project with everything that linked data has to serve, and with a history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kymgraph import dataset as datasets
from kymgraph.changeset import Changeset
from kymgraph.commit import Request
from kymgraph.dataset import Dataset
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, NamedNode, Quad, parse
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import Serve

BASE = "https://w3id.org/kymgraph/"
ID = BASE + "id/"
PREFIXES = """@prefix id: <https://w3id.org/kymgraph/id/> .
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
#: Servers that start sooner: hardly anything here is asked of a query worker.
SMALL = {"fast_workers": 1, "slow_workers": 1}
#: Links to the hub, two and a half pages of them.
SPOKES = 250
HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>"
FILES = {
    "kymgraph.toml": """license = "https://creativecommons.org/licenses/by/4.0/"
[title]
fi = "Koegraafi"
en = "Test graph"
""",
    "ontology/terms.ttl": """
<ontology> a owl:Ontology ; owl:versionIRI <ontology/0.9> .
kym:Plan a owl:Class ; rdfs:label "suunnitelma"@fi , "plan"@en ; skos:definition "aiottu kulku"@fi .
kym:elementOf a owl:ObjectProperty ; rdfs:label "osa"@fi , "is element of"@en .
kym:budget a owl:DatatypeProperty .
""",
    "shapes/plan.ttl": """
<shapes#Plan> a sh:NodeShape ; sh:targetClass kym:Plan ; sh:property <shapes#plan-name> .
<shapes#plan-name> a sh:PropertyShape ; sh:path skos:prefLabel ; sh:name "nimi"@fi .
""",
    "data/first.ttl": """
<id/plan/one> a kym:Plan ; skos:prefLabel "Ensimmäinen suunnitelma"@fi ; kym:budget 12.50 ;
  kym:restsOn <id/passage/first/3-4> ; kym:answers <id/question/Q1> ; rdfs:seeAlso <https://a.example/ä> .
<id/claim/budget> a rdf:Statement ; rdf:subject <id/plan/one> ; rdf:predicate kym:budget ; rdf:object 12.50 ;
  skos:prefLabel "Budjetti"@fi ; kym:restsOn <id/passage/first/9-9> .
<id/passage/first/3-4> a kym:Passage ; kym:document <id/document/first> ; kym:firstLine 3 ; kym:lastLine 4 ;
  kym:phrase "Painettu otsikko"@fi .
<id/passage/first/9-9> a kym:Passage ; kym:document <id/document/first> ; kym:firstLine 9 ; kym:lastLine 9 .
<id/document/first> a kym:SourceDocument ; skos:prefLabel "Lähde yksi"@fi .
<id/goal/a> kym:elementOf <id/plan/one> ; skos:prefLabel "Tavoite A"@fi , "Mål A"@sv .
<id/goal/b> kym:elementOf <id/plan/one> ; skos:prefLabel "Goal B"@en .
<id/project/old> a kym:Project ; skos:prefLabel "Vanha hanke"@fi .
<id/note/blank> dcterms:relation [ skos:prefLabel "ei nimeä"@fi ] .
""",
    "data/second.ttl": """
<id/plan/one> skos:prefLabel "Ensimmäinen suunnitelma"@fi ; skos:altLabel "Ykkönen"@fi .
<id/goal/a> kym:elementOf <id/plan/one> .
""",
    "data/translations.ttl": '<id/plan/one> skos:prefLabel "First plan"@en .',
    "data/odd.ttl": f"""
<id/hostile> skos:prefLabel "{HOSTILE}"@fi ; dcterms:source <javascript:alert(1)> , <http://a.example/%22> .
<id/yhdistys/ääkköset> skos:prefLabel "Ääkköset"@fi .
<id/yhdistys/%C3%A4> skos:prefLabel "Escapes in the name"@en .
<id/file/readme.ttl> skos:prefLabel "Not a format"@en .
<id/a/b/c.d/e,f;g=h> skos:prefLabel "Many marks"@en .
<id/solo> skos:prefLabel "Yksi osa"@fi .
""",
    "data/hub.ttl": "<id/hub> a kym:Plan .\n"
    + "\n".join(
        f'<id/spoke/{n}> kym:elementOf <id/hub> ; skos:prefLabel "Puola {n}"@fi .' for n in range(SPOKES)
    ),
    "data/redirects.csv": (
        "from,to,since,reason\nplan/uno,plan/one,2026-11-22,renamed\n"
        "https://w3id.org/kymgraph/id/plan/eins,plan/one,2026-11-22,renamed\n"
    ),
}


@dataclass(frozen=True)
class World:
    """A served project: its URL, its project, its store."""

    url: str
    project: Project
    store: EmbeddedStore

    def dataset(self, at: int | None = None) -> set[Quad]:
        """All quads, read without the code under test."""
        return set(self.store.view(at).quads())


def quads(turtle: str, graph: str) -> frozenset[Quad]:
    text = f"@base <{BASE}> .\n{PREFIXES}{turtle}"
    return frozenset(parse(text.encode(), FORMATS["ttl"], graph=NamedNode(BASE + "graph/" + graph)))


def build(folder: Path) -> tuple[Project, EmbeddedStore]:
    """The project and its store with four commits: one adds, one changes, two withdraw."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        head = f"@base <{BASE}> .\n{PREFIXES}" if name.endswith(".ttl") else ""
        path.write_text(head + text, "utf-8")
    project = Project.load(folder)
    store = EmbeddedStore(folder / "store")
    datasets.build(project, store)
    with Dataset.open(project, store.folder, fast=1, slow=1, spare=0) as dataset:

        def commit(removed: str, added: str, graph: str, reason: str) -> None:
            change = Changeset(
                dataset.generation,
                removed=quads(removed, graph),
                added=quads(added, graph),
                agent=ID + "agent/toimitus",
                reason=reason,
            )
            dataset.commit(Request(change))

        commit("", '<id/goal/c> skos:prefLabel "Tavoite C"@fi .', "first", "lisättiin tavoite")
        commit('<id/goal/b> skos:prefLabel "Goal B"@en .', '<id/goal/b> skos:prefLabel "Tavoite B"@fi .', "first", "suomeksi")  # fmt: skip  # noqa: E501
        commit('<id/project/old> a kym:Project ; skos:prefLabel "Vanha hanke"@fi .', "", "first", "lakkasi <b>olemasta</b>")  # fmt: skip  # noqa: E501
        commit('<id/goal/c> skos:prefLabel "Tavoite C"@fi .', "<id/goal/a> dcterms:replaces <id/goal/c> .", "first", "yhdistettiin")  # fmt: skip  # noqa: E501
    return project, store


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, EmbeddedStore]:
    return build(tmp_path_factory.mktemp("linked"))


@pytest.fixture(scope="session")
def world(built: tuple[Project, EmbeddedStore], serve: Serve) -> World:
    project, store = built
    return World(serve(project.folder, store.folder, **SMALL), project, store)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client that follows no redirects and sends only the headers it is told to, besides Host."""
    with httpx.Client(timeout=60) as client:
        client.headers.clear()
        yield client


@pytest.fixture(scope="session")
def shipped_url(shipped: Dataset, serve: Serve) -> str:
    """The project of this repository, served."""
    return serve(shipped.project.folder, shipped.store.folder, **SMALL)


@pytest.fixture(scope="session")
def shipped_page(shipped_url: str) -> str:
    return httpx.get(shipped_url + "/page/organisation/kymenlaakson-liitto").text
