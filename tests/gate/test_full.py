"""The full verdict: pySHACL's own, to the triple, and the rules about graphs beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyshacl
import pytest
from rdflib import Graph, URIRef
from rdflib.compare import isomorphic

from kymgraph import files
from kymgraph.errors import ProjectError
from kymgraph.gate import full
from kymgraph.gate.locate import Locator
from kymgraph.namespaces import KYM, KYMSH, SH
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, NamedNode, parse
from kymgraph.report import Location

BASE = "https://example.org/kym/"
PREFIXES = f"""
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix kymsh: <https://w3id.org/kymgraph/shapes#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix id: <{BASE}id/> .
@prefix graph: <{BASE}graph/> .
"""
ONTOLOGY = """
kym:Programme a owl:Class .
kym:RegionalProgramme a owl:Class ; rdfs:subClassOf kym:Programme .
kym:Priority a owl:Class .
"""
SHAPES = """
kymsh: sh:declare [ sh:prefix "kym" ; sh:namespace "https://w3id.org/kymgraph/ontology#"^^xsd:anyURI ] .
kymsh:programme a sh:NodeShape ; sh:targetClass kym:Programme ;
  sh:property kymsh:programme-has-priority , kymsh:programme-priority-class , kymsh:programme-dates .
kymsh:programme-has-priority a sh:PropertyShape ; sh:path kym:hasPriority ; sh:minCount 1 ;
  sh:name "painopiste"@fi , "prioritering"@sv , "priority"@en ;
  sh:message "Ohjelmalla on oltava painopiste: lisää kym:hasPriority."@fi ,
    "Ett program måste ha en prioritering: lägg till kym:hasPriority."@sv ,
    "A programme needs a priority: add kym:hasPriority."@en .
kymsh:programme-priority-class a sh:PropertyShape ; sh:path kym:hasPriority ; sh:class kym:Priority ;
  sh:message "Väärä luokka."@fi , "Fel klass."@sv , "Wrong class."@en .
kymsh:programme-dates a sh:PropertyShape ; sh:path kym:validUntil ; sh:severity sh:Warning ;
  sh:message "Päättyy {?value}, ennen alkua."@fi , "Ends {?value}, before it begins."@en ;
  sh:sparql [ a sh:SPARQLConstraint ; sh:prefixes kymsh: ; sh:select
    "SELECT $this ?value { $this kym:validFrom ?from ; kym:validUntil ?value . FILTER (?value < ?from) }" ] .
"""
RULE = """#+ id: fact-rests-on-passage
#+ severity: Violation
#+ name_fi: lähdekohta
#+ name_en: passage
#+ message_fi: Lisää kym:restsOn graafiin {?graph}.
#+ message_sv: Lägg till kym:restsOn.
#+ message_en: Add kym:restsOn in graph {?graph}.
PREFIX kym: <https://w3id.org/kymgraph/ontology#>
SELECT DISTINCT ?graph ?focus (kym:restsOn AS ?path) WHERE {
  GRAPH ?project { ?graph a kym:SourceGraph }
  GRAPH ?graph { ?focus a ?type FILTER NOT EXISTS { ?focus kym:restsOn ?passage } }
}
"""
DATA = """
id:p a kym:RegionalProgramme ; skos:prefLabel "Ohjelma"@fi ; kym:hasPriority id:a ; kym:restsOn id:l .
id:a a kym:Priority ; kym:restsOn id:l .
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The project's folder; its data conform."""
    for name, text in {
        "kymgraph.toml": f'base_iri = "{BASE}"\n[sources]\nalpha = "alpha.txt"\n',
        "ontology/kym.ttl": PREFIXES + ONTOLOGY,
        "shapes/programme.ttl": PREFIXES + SHAPES,
        "shapes/policy/fact-rests-on-passage.rq": RULE,
        "data/alpha.ttl": PREFIXES + DATA,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def project(folder: Path) -> Project:
    return Project.load(folder)


def write(project: Project, name: str, text: str) -> None:
    (project.folder / name).write_text(PREFIXES + text, encoding="utf-8")


def judge(project: Project):
    return full.validate(files.read(project).quads(), project)


def found(report) -> list[tuple[str, str]]:
    return [(r.focus.value.removeprefix(BASE), r.shape.value.removeprefix(KYMSH)) for r in report.results]


def test_sound_data_conform(project):
    report = judge(project)

    assert report.conforms
    assert report.accepted
    assert report.to_text("fi") == "Aineisto noudattaa sääntöjä."


def test_a_subclass_in_the_ontology_makes_a_target(project):
    write(project, "data/alpha.ttl", "id:p a kym:RegionalProgramme ; kym:restsOn id:l .")

    assert found(judge(project)) == [("id/p", "programme-has-priority")]

    (project.folder / "ontology" / "kym.ttl").write_text("")
    assert found(judge(project)) == []


def test_a_result_says_what_where_and_how_to_mend_it(project):
    write(
        project,
        "data/alpha.ttl",
        '\nid:p a kym:Programme ; kym:restsOn id:l ;\n  skos:prefLabel "Ohjelma"@fi .',
    )

    [result] = judge(project).results

    line = 1 + (project.folder / "data/alpha.ttl").read_text().split("id:p ")[0].count("\n")
    assert result.source == Location("data/alpha.ttl", line)
    assert (result.label("sv"), result.name("sv"), result.path_text) == (
        "Ohjelma",
        "prioritering",
        "kym:hasPriority",
    )
    assert result.message("fi") == "Ohjelmalla on oltava painopiste: lisää kym:hasPriority."
    text = judge(project).to_text("fi")
    for part in (
        "VIRHE",
        "Ohjelma (id:p)",
        f"data/alpha.ttl:{line}",
        "painopiste (kym:hasPriority)",
        result.message("fi"),
    ):
        assert part in text


def test_a_policy_rule_sees_the_graphs(project):
    write(project, "data/alpha.ttl", "id:a a kym:Priority .")
    write(project, "data/beta.ttl", "id:b a kym:Priority .")  # not one of [sources]

    [result] = judge(project).results

    assert (result.focus.value, result.graph.value) == (BASE + "id/a", BASE + "graph/alpha")
    assert result.shape.value == KYMSH + "fact-rests-on-passage"
    assert result.message("en") == "Add kym:restsOn in graph graph:alpha."


def test_messages_of_sparql_constraints_keep_their_language(project):
    write(
        project,
        "data/alpha.ttl",
        "id:p a kym:Programme ; kym:hasPriority id:a ; kym:restsOn id:l ; kym:validFrom 2017 ;"
        " kym:validUntil 2014 . id:a a kym:Priority ; kym:restsOn id:l .",
    )
    report = judge(project)

    [result] = report.results
    assert (result.message("fi"), result.message("en")) == (
        "Päättyy 2014, ennen alkua.",
        "Ends 2014, before it begins.",
    )
    assert report.accepted, "a warning does not block"
    assert not report.conforms, "but it is a result"


OWN_SHAPES = """
id:nested a sh:NodeShape ; sh:targetClass id:A ; sh:node id:inner ;
  sh:property [ sh:path (id:q [ sh:inversePath id:r ]) ; sh:maxCount 0 ] ;
  sh:property [ sh:path [ sh:alternativePath (id:p id:q) ] ; sh:nodeKind sh:IRI ; sh:message "IRI please" ] .
id:inner a sh:NodeShape ; sh:property [ sh:path id:p ; sh:in ("a" 7 id:x) ; sh:severity sh:Info ] .
id:closed a sh:NodeShape ; sh:targetSubjectsOf id:q ; sh:closed true ;
  sh:ignoredProperties (rdf:type id:p id:q) .
id:not a sh:NodeShape ; sh:targetNode id:lost , "x" ; sh:not [ sh:nodeKind sh:Literal ] ;
  sh:xone ([ sh:class id:A ] [ sh:datatype xsd:string ]) .
"""
OWN_DATA = """
id:1 a id:A ; id:p "a" , "b" , 7 , "7"^^xsd:decimal , [ id:p 3 ] ; id:q id:2 , _:b .
id:3 id:r id:2 . _:b a id:A ; id:p id:x ; id:s "1.5"^^xsd:decimal ; id:q id:4 . id:lost id:p 1 .
"""


def test_the_w3c_report_is_that_of_pyshacl(project):
    shapes, data = PREFIXES + OWN_SHAPES, PREFIXES + OWN_DATA
    quads = parse(data.encode(), FORMATS["ttl"])

    prefixes = dict(re.findall(r"@prefix (\w+): <(.*)>", PREFIXES))  # generic messages are written with them
    compiled = full.Shapes.of(parse(shapes.encode(), FORMATS["ttl"]), prefixes=prefixes)

    ours = full.validate(quads, project, shapes=compiled)

    _, theirs, _ = pyshacl.validate(Graph().parse(data=data), shacl_graph=Graph().parse(data=shapes))
    assert len(ours.results) == len(list(theirs.objects(None, URIRef(SH + "result"))))
    assert len(ours.results) > 10
    assert isomorphic(Graph().parse(data=ours.to_turtle()), theirs)


def test_reports_are_the_same_each_time(project):
    shapes = full.Shapes.of(parse((PREFIXES + OWN_SHAPES).encode(), FORMATS["ttl"]))
    data = (PREFIXES + OWN_DATA).encode()

    texts = {full.validate(parse(data, FORMATS["ttl"]), project, shapes=shapes).to_text() for _ in range(3)}

    assert len({_without_blank_nodes(text) for text in texts}) == 1


def _without_blank_nodes(text: str) -> str:
    return re.sub(r"_:\w+", "_:b", text)


def test_a_string_is_the_same_with_and_without_its_datatype(project):
    shapes = full.Shapes.of(
        parse(
            (
                PREFIXES
                + 'id:s sh:targetNode id:1 ; sh:property [ sh:path id:p ; sh:in ("a"^^xsd:string) ] .'
            ).encode(),
            FORMATS["ttl"],
        )
    )

    assert full.validate(
        parse((PREFIXES + 'id:1 id:p "a" .').encode(), FORMATS["ttl"]), project, shapes=shapes
    ).conforms


def test_literals_are_judged_in_the_form_the_store_keeps(project):
    shapes = full.Shapes.of(
        parse(
            (
                PREFIXES + "id:s sh:targetNode id:1 ; sh:property [ sh:path id:p ; sh:hasValue 007 ] ."
            ).encode(),
            FORMATS["ttl"],
        )
    )

    assert full.validate(
        parse((PREFIXES + 'id:1 id:p "07"^^xsd:int .').encode(), FORMATS["ttl"]), project, shapes=shapes
    ).conforms


def test_a_datatype_that_the_store_cannot_hold_is_refused(project):
    with pytest.raises(ProjectError, match=r"XMLSchema#int>.*no value could ever conform"):
        full.Shapes.of(
            parse(
                (
                    PREFIXES
                    + "id:s sh:targetNode id:1 ; sh:property [ sh:path id:p ; sh:datatype xsd:int ] ."
                ).encode(),
                FORMATS["ttl"],
            )
        )


def test_a_shape_that_cannot_be_loaded_is_no_verdict(project):
    write(
        project, "shapes/bad.ttl", "id:s a sh:PropertyShape ; sh:targetClass kym:Programme ; sh:minCount 1 ."
    )

    with pytest.raises(ProjectError, match="cannot be loaded"):
        judge(project)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("#+ id: fact-rests-on-passage\n", "", "an id"),
        ("Violation", "Grave", "a severity"),
        ("SELECT DISTINCT", "SELECT DISTINKT", "does not run"),
        ("?focus", "?resource", "gives .focus"),
    ],
)
def test_a_policy_rule_must_be_whole(project, old, new, complaint):
    rule = project.folder / "shapes/policy/fact-rests-on-passage.rq"
    rule.write_text(rule.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    with pytest.raises(ProjectError, match=complaint):
        judge(project)


def test_what_stands_outside_the_union_is_not_judged(project):
    write(project, "data/catalog.ttl", "id:x a kym:Programme .")

    assert judge(project).conforms


def test_in_a_strict_project_the_default_graph_alone_is_judged(folder):
    settings = folder / "kymgraph.toml"
    settings.write_text(f'default_graph = "strict"\n{settings.read_text()}')
    quads = parse((PREFIXES + ONTOLOGY + "id:x a kym:Programme .").encode(), FORMATS["ttl"])
    named = parse(
        (PREFIXES + "id:y a kym:Programme .").encode(), FORMATS["ttl"], graph=NamedNode(BASE + "graph/g")
    )
    strict = Project.load(folder)

    assert found(full.validate(named, strict)) == []
    assert ("id/x", "programme-has-priority") in found(full.validate([*quads, *named], strict))


def test_a_long_report_is_cut_and_says_so(project):
    write(
        project,
        "data/beta.ttl",
        "\n".join(f"id:p{n} a kym:Programme ; kym:validFrom 2 ; kym:validUntil 1 ." for n in range(6)),
    )

    report = full.validate(files.read(project).quads(), project, limit=6)

    assert report.truncated
    assert {shape for _, shape in found(report)} == {"programme-has-priority"}, "violations before warnings"
    assert report.stats["results"] == 12
    assert "12" in report.to_text("sv")


def test_only_the_resources_of_an_input_are_reported(project):
    write(project, "data/beta.ttl", "id:old a kym:Programme .")
    new = parse(
        (PREFIXES + "id:new a kym:Programme ; kym:hasPriority id:a . id:new2 a kym:Programme .").encode(),
        FORMATS["ttl"],
    )

    assert found(full.validate_input(new, project)) == [("id/new2", "programme-has-priority")]
    # Alone, nothing says that id:a is a priority.
    assert ("id/new", "programme-priority-class") in found(full.validate_input(new, project, alone=True))


def test_an_input_takes_the_place_of_the_graph_it_names(project):
    graph = NamedNode(BASE + "graph/alpha")
    new = parse(
        (PREFIXES + "id:p a kym:Programme ; kym:restsOn id:l .").encode(), FORMATS["ttl"], graph=graph
    )

    assert found(full.validate_input(new, project)) == [("id/p", "programme-has-priority")]


def test_shapes_without_targets_in_the_data_are_counted(project):
    counts = full.focus_counts(files.read(project).quads(), project)

    assert counts == {KYMSH + "programme": 1}


def test_a_resource_is_found_by_prefix_escape_and_full_name(tmp_path):
    file = tmp_path / "x.ttl"
    file.write_text(
        "@prefix i: <https://e.example/> .\nPREFIX k: <https://e.example/k/>\n"
        "i:other i:p i:a ,\n  i:a\\/b .\n"
        "i:a i:p 1 .\n<https://e.example/k/c> a k:C .\n  k:d i:p k:c .\n"
    )
    locator = Locator.of([("x.ttl", file, None)])

    lines = {
        name: getattr(locator.find(NamedNode("https://e.example/" + name)), "line", None)
        for name in ("a", "a/b", "k/c", "k/d", "none")
    }

    assert lines == {"a": 5, "a/b": 4, "k/c": 6, "k/d": 7, "none": None}


def test_sarif_names_tool_rules_and_places(project):
    write(project, "data/alpha.ttl", "id:p a kym:Programme ; kym:restsOn id:l .")

    sarif = json.loads(judge(project).to_sarif("en"))

    assert (sarif["version"], len(sarif["runs"])) == ("2.1.0", 1)
    [run] = sarif["runs"]
    [result] = run["results"]
    assert (
        run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"]
        == result["ruleId"]
        == "kymsh:programme-has-priority"
    )
    assert result["level"] == "error"
    assert result["message"]["text"] == "A programme needs a priority: add kym:hasPriority."
    [location] = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "data/alpha.ttl"
    assert location["physicalLocation"]["region"]["startLine"] > 1
    assert location["logicalLocations"][0]["fullyQualifiedName"] == BASE + "id/p"


def test_json_holds_all_languages(project):
    write(project, "data/alpha.ttl", 'id:p a kym:Programme ; kym:restsOn id:l ; kym:hasPriority "x"@fi .')

    document = json.loads(judge(project).to_json())

    [result] = document["results"]
    assert (document["conforms"], document["accepted"], document["truncated"]) == (False, False, False)
    assert result["value"] == {"value": "x", "lang": "fi"}
    assert result["path"] == KYM + "hasPriority"
    assert set(result["message"]) == {"fi", "sv", "en"}
