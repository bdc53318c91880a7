"""`kymgraph mcp` as an agent's program uses it: a real process, driven by the SDK's own client over stdio."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.changeset import Changeset
from kymgraph.commit import Request
from kymgraph.dataset import Dataset
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, parse
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, ROOT, Kymgraph, MakeProject, clean_environment
from tests.needs import need, size
from tests.pages import House, Session, blocks, built, output_of, pairs, plain

try:
    from mcp import Client, MCPError, StdioServerParameters
except ImportError:  # the extra is not installed
    Client = None  # type: ignore[assignment,misc]

BASE = "https://example.org/kym/"
GRAPH = BASE + "graph/"
KYM = "https://w3id.org/kymgraph/ontology#"
PORTS = BASE + "id/programme/ports"
HEAD = f"""@prefix id: <{BASE}id/> . @prefix kym: <{KYM}> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . @prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
FILES = {
    "kymgraph.toml": f'base_iri = "{BASE}"\ntitle.en = "Graph of ports"\nprefixes.x = "http://x.example/"\n',
    "ontology/terms.ttl": """
x:Programme a owl:Class ; rdfs:label "ohjelma"@fi , "programme"@en .
x:Measure a owl:Class ; rdfs:label "toimenpide"@fi , "measure"@en .
x:euros a owl:DatatypeProperty ; rdfs:label "euroa"@fi , "euros"@en ;
  rdfs:domain x:Measure ; rdfs:range xsd:decimal .
x:of a owl:ObjectProperty ; rdfs:label "osa ohjelmaa"@fi , "part of programme"@en ; rdfs:range x:Programme .
""",
    "data/report.ttl": """
<https://example.org/kym/id/programme/ports> a x:Programme ; skos:prefLabel "Satamaohjelma"@fi ;
  x:begins "2022"^^xsd:gYear ; kym:restsOn <https://example.org/kym/id/passage/report/3-4> .
<https://example.org/kym/id/measure/quay> a x:Measure ; skos:prefLabel "Laituri"@fi ; x:euros 1200.5 ;
  x:of <https://example.org/kym/id/programme/ports> .
<https://example.org/kym/id/claim/begins> a rdf:Statement ; rdf:object "2022"^^xsd:gYear ;
  rdf:subject <https://example.org/kym/id/programme/ports> ; rdf:predicate x:begins ;
  kym:restsOn <https://example.org/kym/id/passage/report/9-9> .
<https://example.org/kym/id/passage/report/3-4> a kym:Passage ; kym:firstLine 3 ; kym:lastLine 4 ;
  kym:document <https://example.org/kym/id/document/report> ; kym:phrase "Satamaohjelma"@fi .
<https://example.org/kym/id/passage/report/9-9> a kym:Passage ; kym:firstLine 9 ; kym:lastLine 9 ;
  kym:document <https://example.org/kym/id/document/report> .
<https://example.org/kym/id/document/report> skos:prefLabel "Raportti"@fi .
""",
    "data/translations.ttl": f'<{PORTS}> skos:prefLabel "Port programme"@en .',
    "data/many.ttl": "\n".join(
        f'<https://example.org/kym/id/row/{n}> x:number {n} ; x:text "{"ä" * 300} {n}" .' for n in range(300)
    ),
    "shapes/s.ttl": """
x:Costed a sh:NodeShape ; sh:targetClass x:Measure ; sh:property x:hasEuros .
x:hasEuros a sh:PropertyShape ; sh:path x:euros ; sh:minCount 1 ;
  sh:message "anna summa"@fi , "ge summan"@sv , "give the sum"@en .
""",
    "api/queries/measures.rq": """#+ summary: {fi: Ohjelman toimenpiteet, en: Measures of a programme}
#+ params: {programme: iri}
#+ example: {programme: https://example.org/kym/id/programme/ports}
#+ returns: {measure: iri, euros: decimal}
PREFIX x: <http://x.example/>
SELECT ?measure ?euros WHERE { ?measure x:of ?programme ; x:euros ?euros }
""",
}
ADDS = f'INSERT DATA {{ GRAPH <{GRAPH}report> {{ <{PORTS}> skos:altLabel "Satamat"@fi }} }}'


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


@dataclass
class Agent:
    """An agent's side of one connection."""

    portal: BlockingPortal
    client: Any
    store: EmbeddedStore
    token_file: Path

    @contextlib.contextmanager
    def holding(self, token: str) -> Iterator[None]:
        """For a while the operator has given this token to the server."""
        self.token_file.write_text(token + "\n", "utf-8")
        try:
            yield
        finally:
            self.token_file.write_text("", "utf-8")

    def result(self, name: str, /, **arguments: Any) -> Any:
        return self.portal.call(partial(self.client.call_tool, name, arguments))

    def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """The structured answer of a tool, which is no error; its text says the same."""
        result = self.result(name, **arguments)
        assert not result.is_error, result.content[0].text
        assert json.loads(result.content[0].text) == without_nulls(result.structured_content)
        content: dict[str, Any] = result.structured_content
        return content

    def refused(self, name: str, /, **arguments: Any) -> str:
        """The text of an error."""
        result = self.result(name, **arguments)
        assert result.is_error, result.content[0].text
        text: str = result.content[0].text
        assert "Traceback" not in text
        assert 'File "' not in text
        return text


@pytest.fixture(scope="module", autouse=True)
def extra() -> None:
    need("mcp", Client is not None, "the SDK is not installed (the extra kymgraph[mcp])")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedStore:
    folder = tmp_path_factory.mktemp("agent")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text((PREFIXES + HEAD if name.endswith(".ttl") else "") + text, "utf-8")
    project = Project.load(folder)
    made = EmbeddedStore(folder / ".kymgraph")
    read = files.read(project)
    made.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return made


def command(store: EmbeddedStore, *more: str) -> list[str]:
    return [sys.executable, "-m", "kymgraph", "--project", str(store.folder.parent), "mcp", *more]


@pytest.fixture(scope="module")
def agent(store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """An agent without a token, until a test lets it hold one."""
    token_file = tmp_path_factory.mktemp("token") / "token"
    token_file.touch()
    [program, *rest] = command(store, "--token-file", str(token_file))
    environment = clean_environment() | {"KYMGRAPH_PUBLIC_URL": "https://graph.example/"}
    server = StdioServerParameters(command=program, args=rest, env=environment, cwd=ROOT)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Client(server)) as client:
        yield Agent(portal, client, store, token_file)


def token(store: EmbeddedStore, role: Any, *graphs: str) -> str:
    with Access(store.folder / FILE) as access:
        return access.create_token(f"{role} {time.monotonic_ns()}", role, graphs=graphs, expires=None)[0]


# --- what there is --------------------------------------------------------------------------------------


def test_every_tool_says_what_it_does_with_an_example_and_a_schema(agent: Agent) -> None:
    tools = {tool.name: tool for tool in agent.portal.call(agent.client.list_tools).tools}

    assert set(tools) == {
        "search", "describe", "questions", "ask_question", "sparql", "schema_card", "propose",
    }  # fmt: skip
    for name, tool in tools.items():
        assert "Example: {" in tool.description
        assert tool.annotations.read_only_hint == (name != "propose")
        assert (tool.output_schema is None) == (name == "schema_card")
        # Each parameter that is not plain from its name says what it takes.
        assert all(
            "description" in one or {"default", "minimum"} <= set(one)
            for one in tool.input_schema["properties"].values()
        )


def test_search_finds_by_an_inflected_name_and_by_class(agent: Agent) -> None:
    found = agent.call("search", query="satamaohjelman", language="en")

    assert found["hits"][0]["iri"] == PORTS
    assert found["hits"][0]["label"] == "Port programme"
    assert found["hits"][0]["labels"] == {"fi": "Satamaohjelma", "en": "Port programme"}
    measures = agent.call("search", query="", types=["x:Measure"])
    assert [hit["iri"] for hit in measures["hits"]] == [BASE + "id/measure/quay"]
    # A facet's value narrows the next search.
    [kind] = [one for one in measures["facets"]["type"] if one["count"] == 1]
    again = agent.call("search", query="", filters={"type": [kind["value"]]})
    assert [hit["iri"] for hit in again["hits"]] == [BASE + "id/measure/quay"]
    assert "there is no facet 'colour'" in agent.refused("search", query="", filters={"colour": ["red"]})
    page = agent.call("search", query="", limit=1)
    assert (len(page["hits"]), page["next_offset"]) == (1, 1)


@pytest.mark.parametrize("written", [PORTS, f"<{PORTS}>", "id:programme/ports"])
def test_describe_gives_statements_with_their_kind_and_the_lines_they_rest_on(
    agent: Agent, written: str
) -> None:
    found = agent.call("describe", iri=written, language="fi")

    assert (found["iri"], found["label"], found["types"]) == (PORTS, "Satamaohjelma", ["x:Programme"])
    assert found["labels"] == {"fi": "Satamaohjelma", "en": "Port programme"}
    assert found["page"] == "https://graph.example/page/programme/ports"
    begins = next(one for one in found["statements"] if one["property"] == "x:begins")
    assert (begins["value"], begins["graphs"], begins["kinds"]) == (
        '"2022"^^xsd:gYear',
        ["report"],
        ["stated"],
    )
    lines = [(one["first_line"], one["last_line"], one["covers"]) for one in found["evidence"]]
    assert lines == [(3, 4, "all statements of graph report"), (9, 9, 'x:begins "2022"^^xsd:gYear')]
    assert {one["document_label"] for one in found["evidence"]} == {"Raportti"}
    assert found["evidence"][0]["phrase"] == "Satamaohjelma"
    assert [(one["subject"], one["subject_label"], one["property"]) for one in found["mentions"]] == [
        (f"<{BASE}id/measure/quay>", "Laituri", "x:of")
    ]


def test_describe_of_something_unknown_names_what_may_be_meant(agent: Agent) -> None:
    text = agent.refused("describe", iri=BASE + "id/programme/satamaohjelmat")

    assert "the graph says nothing about" in text
    assert f"<{PORTS}>" in text


def test_questions_are_listed_and_answered(agent: Agent) -> None:
    listed = agent.call("questions", about="measures programme", language="en")["questions"]
    assert [(one["name"], one["question"], one["parameters"]) for one in listed] == [
        ("measures", "Measures of a programme", {"programme": "iri"})
    ]
    assert agent.call("questions", about="nothing has this") == {"questions": [], "total": 1}

    for programme in (listed[0]["example"]["programme"], "id:programme/ports"):
        answer = agent.call("ask_question", name="measures", parameters={"programme": programme})
        assert answer["columns"] == ["measure", "euros"]
        assert answer["rows"] == [[f"<{BASE}id/measure/quay>", "1200.5"]]
        assert answer["cut"] is None


def test_a_question_without_its_parameter_is_told_what_it_needs(agent: Agent) -> None:
    text = agent.refused("ask_question", name="measures")

    assert "measures needs programme (iri)" in text
    assert f'{{"programme": "{PORTS}"}}' in text
    assert "Did you mean measures?" in agent.refused("ask_question", name="measure")


def test_sparql_answers_every_form_and_declares_the_projects_prefixes(agent: Agent) -> None:
    rows = agent.call("sparql", query="SELECT ?m ?n { ?m a x:Measure OPTIONAL { ?m x:none ?n } }")
    assert (rows["columns"], rows["rows"]) == (["m", "n"], [[f"<{BASE}id/measure/quay>", None]])
    assert agent.call("sparql", query="ASK { ?m a x:Measure }")["boolean"] is True
    assert agent.call("sparql", query="ASK { ?m a x:Nothing }")["boolean"] is False
    graph = agent.call("sparql", query="CONSTRUCT { ?m a x:Found } WHERE { ?m a x:Measure }")
    assert f"<{BASE}id/measure/quay> a x:Found" in graph["turtle"]
    assert graph["row_count"] == 1


def test_a_cell_can_be_put_into_the_next_query_as_it_is(agent: Agent) -> None:
    first = agent.call("sparql", query=f"SELECT ?p ?o {{ <{PORTS}> ?p ?o }}")

    assert len(first["rows"]) >= 5
    for predicate, value in first["rows"]:
        again = agent.call("sparql", query=f"ASK {{ <{PORTS}> {predicate} {value} }}")
        assert again["boolean"] is True, (predicate, value)


def test_the_schema_card_tells_the_classes_prefixes_graphs_and_how_evidence_works(agent: Agent) -> None:
    result = agent.result("schema_card", language="fi")
    card = result.content[0].text

    assert not result.is_error
    assert "x:Programme 1 – programme / ohjelma" in card
    assert "x:euros 1 – euros / euroa: x:Measure → xsd:decimal" in card
    assert "x: <http://x.example/>" in card
    assert re.search(r"^graph:translations 1 – translation$", card, re.MULTILINE)
    assert "kym:restsOn" in card
    assert "owl:Class" not in card


def test_the_ontology_and_the_queries_are_resources(agent: Agent) -> None:
    listed = {one.uri: one for one in agent.portal.call(agent.client.list_resources).resources}
    assert set(listed) == {"kymgraph://ontology.ttl", "kymgraph://queries/measures.rq"}
    assert listed["kymgraph://queries/measures.rq"].title == "Measures of a programme"

    def read(uri: str) -> str:
        text: str = agent.portal.call(agent.client.read_resource, uri).contents[0].text
        return text

    assert "x:Measure a owl:Class" in read("kymgraph://ontology.ttl")
    assert read("kymgraph://queries/measures.rq") == FILES["api/queries/measures.rq"]
    with pytest.raises(MCPError, match="ontolog"):
        read("kymgraph://ontology.ttl/../../../etc/passwd")


# --- limits ---------------------------------------------------------------------------------------------


def test_an_answer_is_cut_at_the_rows_asked_for_and_says_so(agent: Agent) -> None:
    whole = agent.call("sparql", query="SELECT ?n { ?r x:number ?n } LIMIT 7", limit=7)
    assert (whole["row_count"], whole["cut"]) == (7, None)

    cut = agent.call("sparql", query="SELECT ?n { ?r x:number ?n }", limit=7)
    assert (cut["row_count"], len(cut["rows"])) == (7, 7)
    assert "more rows than the 7" in cut["cut"]
    triples = agent.call("sparql", query="CONSTRUCT WHERE { ?r x:number ?n }", limit=7)
    assert (triples["row_count"], triples["turtle"].count("x:number")) == (7, 7)
    assert "more triples than the 7" in triples["cut"]


def test_an_answer_is_cut_at_its_bytes(agent: Agent) -> None:
    cut = agent.call("sparql", query="SELECT ?t { ?r x:text ?t }", limit=1000)

    size = sum(len(cell.encode()) for row in cut["rows"] for cell in row)
    assert 99_000 < size <= 100_000  # a text has some 600 bytes
    assert "more than 100,000 bytes" in cut["cut"]
    one = agent.call("sparql", query="SELECT (GROUP_CONCAT(?t) AS ?all) { ?r x:text ?t }")
    assert (one["rows"], one["cut"].partition(";")[0]) == ([], "one row alone has more than 100,000 bytes")


def test_a_query_that_takes_too_long_is_ended(agent: Agent) -> None:
    pattern = " . ".join(f"?{letter} x:number ?n{letter}" for letter in "abcde")
    heavy = f"SELECT (COUNT(*) AS ?n) {{ {pattern} FILTER(?na + ?nb + ?nc < ?nd + ?ne) }}"

    text = agent.refused("sparql", query=heavy, seconds=0.5)

    assert "Code: query-timeout" in text
    assert agent.call("sparql", query="ASK { ?m a x:Measure }")["boolean"] is True


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("INSERT DATA { <urn:a> <urn:b> 1 }", "update-on-query"),
        ("DROP ALL", "update-on-query"),
        ("SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", "service-not-allowed"),
        ("SELECT * { ?s ?p ?o", "query-syntax"),
        ("", "query-syntax"),
        ("SELECT * { " + "{" * 500 + "}" * 500 + " }", "query-too-large"),
        ("ASK { ?s ?p '\0' }", "bad-parameter"),
        ("ASK { ?s ?p '" + "x" * 70_000 + "' }", "bad-parameter"),
    ],
)
def test_what_is_no_plain_query_is_refused_and_changes_nothing(agent: Agent, query: str, code: str) -> None:
    before = agent.store.generation

    assert f"Code: {code}" in agent.refused("sparql", query=query)
    assert agent.store.generation == before


def test_the_place_of_an_error_is_that_in_the_text_that_was_sent(agent: Agent) -> None:
    """Though prefixes were put before it."""
    assert agent.refused("sparql", query="ASK { ?m a x:Measure ?x ?y }").startswith("line 1, column 22: ")


def test_an_older_state_can_be_asked(agent: Agent) -> None:
    assert agent.call("sparql", query="ASK { ?m a x:Measure }", at="1")["generation"] == 1
    assert "Code: bad-parameter" in agent.refused("sparql", query="ASK {}", at="soon")
    assert "Code: generation-not-kept" in agent.refused("sparql", query="ASK {}", at="99")


HOSTILE = [
    "' } } ; DROP ALL #",
    '"""\\',
    "<x> <y> <z> }",
    "../../../etc/passwd",
    "\x1b[2J\u202e",
    "🦭" * 500,
    "%00%0a{}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_only_texts(agent: Agent, text: str) -> None:
    before = agent.store.generation

    agent.refused("describe", iri=text)
    agent.refused("ask_question", name=text)
    agent.refused("ask_question", name="measures", parameters={"programme": text})
    agent.refused("ask_question", name="measures", parameters={"programme": PORTS, text: "1"})
    agent.refused("search", query="port", types=[text])
    agent.refused("search", query="port", filters={text: ["x"]})
    agent.refused("schema_card", language=text)
    agent.refused("propose", change=text, reason="a test", dry_run=True)
    agent.refused(
        "propose", change="x:a x:b x:c .", format="turtle", graph_name=text, reason="x", dry_run=True
    )
    assert agent.call("questions", about=text)["questions"] == []
    assert agent.result("search", query=text).is_error is False
    assert agent.store.generation == before


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("sparql", {}, "query: Field required"),
        ("sparql", {"query": 7}, "query: "),
        ("sparql", {"query": "ASK {}", "limit": 0}, "limit: "),
        ("sparql", {"query": "ASK {}", "limit": 10**30}, "limit: "),
        ("sparql", {"query": "ASK {}", "seconds": -1}, "seconds: "),
        ("sparql", {"query": "ASK {}", "timeout": 5}, "'timeout' is no argument of sparql"),
        ("search", {"query": "x", "types": {"a": 1}}, "types: "),
        ("propose", {"change": "x", "reason": "y", "format": "xlsx"}, "format: "),
        ("no_such_tool", {}, "there is no tool 'no_such_tool'"),
    ],
)
def test_wrong_arguments_are_named(agent: Agent, tool: str, arguments: dict[str, Any], told: str) -> None:
    assert told in agent.refused(tool, **arguments)


def test_ten_calls_at_once_are_all_answered(agent: Agent) -> None:
    async def ask(n: int, into: dict[int, Any]) -> None:
        into[n] = await agent.client.call_tool("sparql", {"query": f"SELECT ?r {{ ?r x:number {n} }}"})

    async def all_at_once() -> dict[int, Any]:
        found: dict[int, Any] = {}
        async with anyio.create_task_group() as group:
            for n in range(10):
                group.start_soon(ask, n, found)
        return found

    found = agent.portal.call(all_at_once)

    rows = {n: result.structured_content["rows"] for n, result in found.items()}
    assert rows == {n: [[f"<{BASE}id/row/{n}>"]] for n in range(10)}


# --- proposals ------------------------------------------------------------------------------------------


def test_without_a_token_the_agent_is_told_how_to_get_one(agent: Agent) -> None:
    text = agent.refused("propose", change=ADDS, reason="The name that people use")

    assert "kymgraph token create --role editor" in text
    assert "KYMGRAPH_TOKEN" in text


def test_a_dry_run_needs_no_token_and_proposes_nothing(agent: Agent) -> None:
    answer = agent.call("propose", change=ADDS, reason="The name that people use", dry_run=True)

    assert (answer["status"], answer["added"], answer["removed"]) == ("checked", 1, 0)
    assert answer["graphs"] == ["report"]
    assert '"Satamat"@fi' in answer["diff"]
    with Access(agent.store.folder / FILE) as access:
        assert access.empty or not access.proposals(access.authenticate(token(agent.store, "admin")))


def test_what_the_graph_says_already_is_not_proposed(agent: Agent) -> None:
    text = f'<{PORTS}> <http://www.w3.org/2004/02/skos/core#prefLabel> "Satamaohjelma"@fi .'

    answer = agent.call(
        "propose", change=text, format="n-triples", graph_name="report", reason="x", dry_run=True
    )

    assert answer["status"] == "unchanged"


def test_a_proposal_is_seen_by_a_publisher_and_not_applied(agent: Agent) -> None:
    store, before = agent.store, agent.store.generation
    publisher = token(store, "publisher")
    with agent.holding(token(store, "editor")):
        answer = agent.call("propose", change=ADDS, reason="The name that people use")

    assert answer["status"] == "proposed"
    assert answer["proposal"] == f"https://graph.example/proposals/{answer['id']}"
    assert agent.call("sparql", query=f"ASK {{ <{PORTS}> skos:altLabel ?name }}")["boolean"] is False
    assert store.generation == before
    with Access(store.folder / FILE) as access:
        who = access.authenticate(publisher)
        seen = access.proposal(answer["id"], who)
        patch = access.patch(answer["id"], who).decode()
    assert (seen.state, seen.reason, seen.graphs) == ("open", "The name that people use", ("report",))
    assert f'A <{PORTS}> <http://www.w3.org/2004/02/skos/core#altLabel> "Satamat"@fi <{GRAPH}report>' in patch


def test_a_proposal_that_breaks_the_rules_comes_back_with_the_report(agent: Agent) -> None:
    turtle = f"<{BASE}id/measure/free> a <http://x.example/Measure> ;\n  <http://x.example/of> <{PORTS}> ."
    with agent.holding(token(agent.store, "editor")):
        answer = agent.call(
            "propose", change=turtle, format="turtle", graph_name="report", reason="A new measure"
        )

    assert (answer["status"], answer["proposal"]) == ("refused", None)
    [result] = answer["report"]["results"]
    assert result["focus"] == BASE + "id/measure/free"
    assert result["message"] == {"fi": "anna summa", "sv": "ge summan", "en": "give the sum"}
    assert result["source"] == {"file": "change", "line": 1}


def test_even_a_publishers_token_only_proposes_and_only_for_its_own_graphs(agent: Agent) -> None:
    before = agent.store.generation
    with agent.holding(token(agent.store, "publisher", "lineage")):
        assert "not for report" in agent.refused("propose", change=ADDS, reason="x")
        elsewhere = ADDS.replace("graph/report", "graph/lineage")
        assert agent.call("propose", change=elsewhere, reason="x")["status"] == "proposed"
    assert agent.store.generation == before


def test_a_reader_may_not_propose_and_a_revoked_token_is_worth_nothing(agent: Agent) -> None:
    with agent.holding(token(agent.store, "reader")):
        assert "takes the role editor" in agent.refused("propose", change=ADDS, reason="x")
    editor = token(agent.store, "editor")
    with Access(agent.store.folder / FILE) as access:
        access.revoke(editor)
    with agent.holding(editor):
        assert "Code: token-invalid" in agent.refused("propose", change=ADDS, reason="x")


@pytest.mark.parametrize(
    "change",
    [
        ADDS.replace("report", "ontology"),
        ADDS.replace("report", "ledger"),
        "INSERT DATA { <urn:a> <urn:b> 1 }",
        "LOAD <http://127.0.0.1:1/x.ttl> INTO GRAPH <urn:g>",
        "SELECT * { ?s ?p ?o }",
    ],
)
def test_what_nobody_may_write_is_not_proposed(agent: Agent, change: str) -> None:
    agent.refused("propose", change=change, reason="a test", dry_run=True)


def test_a_commit_of_somebody_else_is_seen_at_once(agent: Agent) -> None:
    before = agent.call("sparql", query="ASK { ?x skos:altLabel 'Kivilaituri'@fi }")
    project = Project.load(agent.store.folder.parent)
    label = '<http://www.w3.org/2004/02/skos/core#altLabel> "Kivilaituri"@fi'
    [quad] = parse(f"<{BASE}id/measure/quay> {label} <{GRAPH}report> .".encode(), FORMATS["nq"])
    change = Changeset(before["generation"], added=frozenset([quad]), reason="test")
    with Dataset.open(project, agent.store.folder) as dataset:
        dataset.commit(Request(change))

    after = agent.call("sparql", query="ASK { ?x skos:altLabel 'Kivilaituri'@fi }")

    assert (before["boolean"], after["boolean"]) == (False, True)
    assert after["generation"] == before["generation"] + 1
    told = agent.call("describe", iri="id:measure/quay")["statements"]
    assert '"Kivilaituri"@fi' in [statement["value"] for statement in told]
    assert agent.call("search", query="kivilaiturin")["hits"][0]["iri"] == BASE + "id/measure/quay"


# --- the process ----------------------------------------------------------------------------------------


def started(arguments: list[str], **more: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=clean_environment(),
        start_new_session=True,
        **more,
    )


def message(method: str, id: int | None = None, **params: Any) -> bytes:
    said: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    if id is not None:
        said["id"] = id
    return json.dumps(said).encode() + b"\n"


HELLO = message(
    "initialize", 1, protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "t", "version": "1"}
) + message("notifications/initialized")
QUERY = message("tools/call", 2, name="sparql", arguments={"query": "ASK { ?m a x:Measure }"})


def wait_until_gone(group: int) -> None:
    """All processes of a session, workers too."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    raise AssertionError("processes stayed behind")


def test_garbage_is_answered_in_protocol_and_nothing_else_is_on_stdout(store: EmbeddedStore) -> None:
    process = started(command(store))
    assert process.stdin is not None
    garbage = [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"{}",
        b'{"jsonrpc":"2.0","id":9}',
        b"x" * 9_000_000,
    ]
    process.stdin.write(b"\n".join(garbage) + b"\n" + HELLO + QUERY)
    process.stdin.flush()
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1].get("id") == 2:
            break
    rest, log = process.communicate(timeout=30)

    assert rest == b""
    assert all(line["jsonrpc"] == "2.0" for line in lines)
    assert lines[-1]["result"]["structuredContent"]["boolean"] is True
    assert process.returncode == 0, log
    assert b"Traceback" not in log
    wait_until_gone(process.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_leaves_no_process(store: EmbeddedStore, number: signal.Signals) -> None:
    process = started(command(store))
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(HELLO + QUERY)
    process.stdin.flush()
    answered = [json.loads(process.stdout.readline())["id"] for _ in range(2)]

    process.send_signal(number)  # its client says nothing more and does not hang up

    log = process.stderr.read() if process.stderr else b""
    assert process.wait(20) == 0
    assert answered == [1, 2]
    assert b"Traceback" not in log
    wait_until_gone(process.pid)


def test_without_a_store_it_is_built_first(make_project: MakeProject) -> None:
    folder = make_project(
        {"data/a.ttl": "x:a a x:Measure ."}, toml='[prefixes]\nx = "http://x.example/"'
    ).folder
    process = started([sys.executable, "-m", "kymgraph", "--project", str(folder), "mcp"])
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(HELLO + QUERY)
    process.stdin.flush()

    answers = [json.loads(process.stdout.readline()) for _ in range(2)]
    rest, log = process.communicate(timeout=30)

    assert answers[1]["result"]["structuredContent"]["boolean"] is True
    assert (rest, b"building it" in log) == (b"", True)
    assert process.returncode == 0


def test_without_the_extra_a_message_names_it(store: EmbeddedStore) -> None:
    # As the import system does it for a package that is not there.
    program = "import sys; sys.modules['mcp'] = None; from kymgraph.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *command(store)[3:]],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'kymgraph[mcp]'" in done.stderr


def test_the_command_line_does_not_load_the_sdk(kymgraph: Kymgraph) -> None:
    program = (
        "import kymgraph.cli.app, sys; print([name for name in ('mcp', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_a_token_file_that_cannot_be_read_is_said(store: EmbeddedStore, tmp_path: Path) -> None:
    done = subprocess.run(
        command(store, "--token-file", str(tmp_path / "none")),
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "could not be read" in done.stderr


# --- the page -------------------------------------------------------------------------------------------


def test_what_the_page_for_agents_shows_is_what_happens(tmp_path: Path) -> None:
    if not size(quick=0, ci=1, night=1):
        pytest.skip("builds the whole graph and its search index: run at size ci")
    project, environment = built(tmp_path)
    session = Session(project, House(project, "http://none.example", environment))
    inside = blocks((ROOT / "docs/agents.md").read_text("utf-8"))

    def settled(text: str) -> list[str]:
        """Without what differs from time to time: the name of a token, and numbers."""
        return plain(re.sub(r"^token \w{8} ", "token ID ", text, flags=re.MULTILINE), numbers=True)

    assert [block.does for block in inside] == ["not", "run", "output", "run", "output"]
    for block, then in pairs(inside):
        if block.does == "run":
            done = session.run(block)
            assert settled(done.stdout) == settled(output_of(then)), done.stdout
    assert (project / "agent.token").read_text().startswith("kymg_")
