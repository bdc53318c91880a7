"""A small project with a source, shapes and rules, for tests of pages that write."""

from __future__ import annotations

from pathlib import Path

from kymgraph import files
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import ROOT

BASE = "https://example.org/kym/"
PREFIXES = f"""@prefix ex: <{BASE}id/> .
@prefix plan: <{BASE}id/plan/> .
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix kymsh: <https://w3id.org/kymgraph/shapes#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
FILES = {
    "kymgraph.toml": f"""base_iri = "{BASE}"
[title]
fi = "Koegraafi"
en = "Test graph"
[sources]
doc = "doc.txt"
""",
    "data/doc.ttl": f"""
plan:a a ex:Plan ; skos:prefLabel "Suunnitelma A"@fi ; skos:altLabel "<script>alert(1)</script>"@fi ;
  ex:pages 12 ; ex:part ex:p1 ; kym:restsOn <{BASE}id/passage/doc/3-3> .
plan:b a ex:Plan ; skos:prefLabel "Suunnitelma B"@fi ; ex:after plan:a ;
  kym:restsOn <{BASE}id/passage/doc/3-3> .
ex:p1 a ex:Part ; skos:prefLabel "Osa yksi"@fi ; kym:restsOn <{BASE}id/passage/doc/3-3> .
<{BASE}id/passage/doc/3-3> a kym:Passage ; kym:firstLine 3 ; kym:lastLine 3 .
<{BASE}id/passage/doc/5-6> a kym:Passage ; kym:firstLine 5 ; kym:lastLine 6 .
""",
    "data/translations.ttl": 'plan:a skos:prefLabel "Plan A"@sv .\n',
    "ontology/terms.ttl": """
ex:Plan a rdfs:Class ; rdfs:label "suunnitelma"@fi , "plan"@sv , "plan"@en .
ex:Part a rdfs:Class ; rdfs:label "osa"@fi , "del"@sv , "part"@en .
""",
    "shapes/plan.ttl": """
kymsh:Plan a sh:NodeShape ; sh:targetClass ex:Plan ; sh:property kymsh:plan-pages , kymsh:plan-part .
kymsh:plan-pages a sh:PropertyShape ; sh:path ex:pages ; sh:datatype xsd:integer ; sh:maxInclusive 99 ;
  sh:name "sivuja"@fi , "sidor"@sv , "pages"@en ;
  sh:message "Sivuja on enintään 99: korjaa luku."@fi , "Sidorna är högst 99: rätta talet."@sv ,
    "There are 99 pages at most: mend the number."@en .
kymsh:plan-part a sh:PropertyShape ; sh:path ex:part ; sh:class ex:Part ;
  sh:name "osa"@fi , "del"@sv , "part"@en ;
  sh:message "Osan pitää olla osa."@fi , "En del måste vara en del."@sv , "A part must be a part."@en .
""",
}
#: Rules of this repository's own project that hold here too.
RULES = ("evidence-required", "label-in-finnish", "passage-exists", "privacy-email", "claim-stands-beside")


def build(folder: Path) -> Project:
    """The project in a folder, with its store in `store`."""
    rules = {
        f"shapes/policy/{name}.rq": (ROOT / f"shapes/policy/{name}.rq").read_text("utf-8") for name in RULES
    }
    for name, text in {**FILES, **rules}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((PREFIXES if name.endswith(".ttl") else "") + text, "utf-8")
    project = Project.load(folder)
    read = files.read(project)
    EmbeddedStore(folder / "store").build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests
    )
    return project
