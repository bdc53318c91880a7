"""Writing over HTTP, against `kymgraph serve` with its writer process: tokens, gate, proposals, history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, Serve

SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
x:Named a sh:NodeShape ; sh:targetClass x:Thing ; sh:property x:hasName .
x:hasName a sh:PropertyShape ; sh:path rdfs:label ; sh:minCount 1 ;
  sh:message "anna nimi"@fi , "ge ett namn"@sv , "give it a name"@en .
"""
GRAPH = "https://w3id.org/kymgraph/graph/"


@dataclass
class Site:
    """A server of one's own, and a client for each role."""

    url: str
    store: EmbeddedStore
    tokens: dict[str, str]

    def ask(self, method: str, path: str, role: str | None = "publisher", **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.tokens[role]}"
        if isinstance(more.get("content"), str):
            more["content"] = more["content"].encode()
        return httpx.request(method, self.url + path, headers=headers, timeout=60, trust_env=False, **more)

    def put(self, turtle: str, graph: str = "a", role: str = "publisher", **more: Any) -> httpx.Response:
        headers = {"Content-Type": "text/turtle", **more.pop("headers", {})}
        return self.ask("PUT", f"/graph/{graph}", role, content=PREFIXES + turtle, headers=headers, **more)

    def read(self, graph: str = "a") -> set[str]:
        answer = self.ask("GET", f"/graph/{graph}", None, headers={"Accept": "application/n-triples"})
        return set(answer.text.splitlines()) if answer.status_code == 200 else {str(answer.status_code)}

    @property
    def generation(self) -> int:
        return self.store.generation


@pytest.fixture(scope="module")
def site(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("writes")
    for name, text in {
        "kymgraph.toml": "",
        "data/a.ttl": PREFIXES,
        "shapes/s.ttl": PREFIXES + SHAPES,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    project = Project.load(folder)
    store = EmbeddedStore(folder / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    url = serve_writable(folder, store.folder)
    with Access(store.folder / FILE) as access:
        tokens = {
            name: access.create_token(name, role, graphs=graphs, expires=None)[0]
            for name, role, graphs in (
                ("reader", "reader", ()),
                ("editor", "editor", ()),
                ("publisher", "publisher", ()),
                ("admin", "admin", ()),
                ("scoped", "publisher", ("own",)),
            )
        }
    return Site(url, store, tokens)


def test_a_write_without_a_good_token_is_401_and_a_reader_is_403(site: Site) -> None:
    before = site.generation

    assert site.put("x:a x:p 1 .", role=None).status_code == 401  # type: ignore[arg-type]
    bad = site.ask("DELETE", "/graph/a", None, headers={"Authorization": "Bearer kymg_nonsense"})
    assert (bad.status_code, bad.json()["code"]) == (401, "token-invalid")
    assert site.put("x:a x:p 1 .", role="reader").json()["code"] == "not-allowed"
    assert site.generation == before


def test_put_makes_a_graph_and_then_replaces_it(site: Site) -> None:
    made = site.put("x:a x:p 1 , 2 .", "fresh")
    assert (made.status_code, made.headers["location"]) == (201, "/graph/fresh")
    assert made.headers["kymgraph-generation"] == str(site.generation)

    again = site.put("x:a x:p 2 , 3 .", "fresh")

    assert (again.status_code, again.json()["added"], again.json()["removed"]) == (200, 1, 1)
    assert len(site.read("fresh")) == 2
    gone = site.ask("DELETE", "/graph/fresh")
    assert gone.status_code == 200
    assert site.read("fresh") == {"404"}
    assert site.ask("DELETE", "/graph/fresh").status_code == 404


def test_post_adds_and_post_to_the_list_makes_a_graph_of_its_own(site: Site) -> None:
    site.put("x:a x:p 1 .", "added")
    answer = site.ask(
        "POST",
        "/graphs?graph=" + GRAPH + "added",
        content=PREFIXES + "x:a x:p 2 .",
        headers={"Content-Type": "text/turtle"},
    )
    assert answer.status_code == 200
    assert len(site.read("added")) == 2

    new = site.ask(
        "POST", "/graphs", content=PREFIXES + "x:a x:p 2 .", headers={"Content-Type": "text/turtle"}
    )
    assert new.status_code == 201
    assert site.ask("GET", new.headers["location"], None).status_code == 200


def test_what_breaks_a_shape_is_422_with_the_report_as_the_client_wants_it(site: Site) -> None:
    before = site.generation

    refused = site.put("x:nameless a x:Thing .", headers={"Accept-Language": "fi"})
    as_rdf = site.put("x:nameless a x:Thing .", headers={"Accept": "text/turtle"})

    assert refused.status_code == as_rdf.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    [result] = refused.json()["report"]["results"]
    assert result["message"]["fi"] == "anna nimi"
    assert result["source"] == {"file": "body", "line": PREFIXES.count("\n") + 1}
    assert "sh:ValidationReport" in as_rdf.text
    assert site.generation == before


def test_update_by_every_form_of_the_protocol(site: Site) -> None:
    site.put("x:n x:is 1 .", "u")
    swap = (
        "PREFIX x: <http://x.example/> "
        "DELETE { GRAPH ?g { x:n x:is ?n } } INSERT { GRAPH ?g { x:n x:is ?m } } "
        "WHERE { GRAPH ?g { x:n x:is ?n } BIND (?n + 1 AS ?m) }"
    )

    direct = site.ask("POST", "/sparql", content=swap, headers={"Content-Type": "application/sparql-update"})
    form = site.ask("POST", "/sparql", data={"update": swap})
    get = site.ask("GET", "/sparql", params={"update": swap})

    assert (direct.status_code, form.status_code, get.status_code) == (200, 200, 400)
    assert site.read("u") == {
        '<http://x.example/n> <http://x.example/is> "3"^^<http://www.w3.org/2001/XMLSchema#integer> .'
    }
    assert site.ask("POST", "/sparql", None, data={"update": swap}).status_code == 401
    bad = site.ask("POST", "/sparql", data={"update": "INSERT DATA { nonsense"})
    assert (bad.status_code, bad.json()["code"]) == (400, "query-syntax")
    default = site.ask("POST", "/sparql", data={"update": "INSERT DATA { <x:a> <x:b> <x:c> }"})
    assert (default.status_code, default.json()["code"]) == (422, "name-a-graph")


def test_if_match_compares_with_the_newest_commit(site: Site) -> None:
    site.put("x:a x:p 1 .", "m")
    now = site.generation

    stale = site.put("x:a x:p 2 .", "m", headers={"If-Match": f'"g{now - 1}"'})
    good = site.put("x:a x:p 2 .", "m", headers={"If-Match": f'"g{now}"'})

    assert (stale.status_code, stale.json()["code"]) == (412, "base-moved")
    assert good.status_code == 200


def test_a_request_sent_twice_under_one_key_is_applied_once(site: Site) -> None:
    key = {"Idempotency-Key": "eka"}
    text = "INSERT { GRAPH <x:g> { ?n <x:made> true } } WHERE { BIND (UUID() AS ?n) }"

    first = site.ask("POST", "/sparql", data={"update": text}, headers=key)
    second = site.ask("POST", "/sparql", data={"update": text}, headers=key)
    other = site.ask("POST", "/sparql", data={"update": text + " # another"}, headers=key)

    assert first.json()["status"] == "committed"
    assert (second.json()["status"], second.json()["generation"]) == ("repeated", first.json()["generation"])
    assert (other.status_code, other.json()["code"]) == (422, "id-reused")


def test_a_token_for_one_graph_writes_to_no_other(site: Site) -> None:
    assert site.put("x:a x:p 1 .", "own", role="scoped").status_code == 201
    refused = site.put("x:a x:p 1 .", "a", role="scoped")
    assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")


def test_an_editor_proposes_and_a_publisher_decides(site: Site) -> None:
    before = site.generation
    proposed = site.put('x:new a x:Thing ; rdfs:label "uusi"@fi .', "prop", role="editor")
    place = proposed.headers["location"]

    assert (proposed.status_code, site.generation) == (202, before)
    assert site.read("prop") == {"404"}
    assert site.ask("GET", place, None).status_code == 401
    assert site.ask("GET", place, "reader").status_code == 404
    seen = site.ask("GET", place, "publisher").json()
    assert seen["state"] == "open"
    assert [d["label"] for d in seen["diff"]] == [{"fi": "uusi"}]
    assert site.ask("POST", place + "/accept", "editor").status_code == 403

    accepted = site.ask("POST", place + "/accept?reason=hyv%C3%A4", "publisher")

    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
    assert accepted.json()["commit"] == f"/changes/{site.generation}"
    assert len(site.read("prop")) == 2
    made = site.ask("GET", f"/changes/{site.generation}", None).json()
    assert made["proposal"] == place.rpartition("/")[2]
    people = {made["agent"], made["acceptedBy"]}
    assert len(people) == 2
    said = f"""PREFIX kym: <https://w3id.org/kymgraph/ontology#> PREFIX prov: <http://www.w3.org/ns/prov#>
      SELECT ?who {{ GRAPH ?ledger {{
        ?commit kym:generation {site.generation} ; prov:wasAssociatedWith|kym:acceptedBy ?who }} }}"""
    rows = site.ask("GET", "/sparql", None, params={"query": said}).json()["results"]["bindings"]
    assert {row["who"]["value"] for row in rows} == people
    again = site.ask("POST", place + "/decline", "publisher")
    assert (again.status_code, again.json()["code"]) == (409, "proposal-decided")


def test_a_proposal_is_checked_again_when_it_is_accepted(site: Site) -> None:
    site.put('x:t a x:Thing ; rdfs:label "A" , "B" .', "twice")
    patch = (
        'TX .\nD <http://x.example/t> <http://www.w3.org/2000/01/rdf-schema#label> "{}" <{}twice> .\nTC .\n'
    )
    sent = [
        site.ask(
            "POST",
            "/changes",
            "editor",
            content=patch.format(name, GRAPH),
            headers={"Content-Type": "application/rdf-patch"},
        )
        for name in "AB"
    ]
    places = [answer.headers["location"] for answer in sent]

    first = site.ask("POST", places[0] + "/accept")
    second = site.ask("POST", places[1] + "/accept")

    assert (first.status_code, second.status_code) == (200, 422)
    assert site.ask("GET", places[1]).json()["state"] == "open"
    declined = site.ask("POST", places[1] + "/decline?reason=ei")
    assert (declined.json()["state"], declined.json()["decision"]) == ("declined", "ei")


def test_the_history_is_open_and_a_commit_can_be_reverted(site: Site) -> None:
    site.put("x:a x:p 1 .", "h")
    site.put("x:a x:p 2 .", "h", headers={"Kymgraph-Reason": "korjattu%20luku"})
    number = site.generation

    listed = site.ask("GET", "/changes?limit=2", None)
    one = site.ask("GET", f"/changes/{number}", None).json()
    patch = site.ask("GET", f"/changes/{number}", None, headers={"Accept": "application/rdf-patch"})

    assert [c["number"] for c in listed.json()["changes"]] == [number, number - 1]
    assert 'rel="next"' in listed.headers["link"]
    assert (one["reason"], one["added"], one["removed"]) == ("korjattu luku", 1, 1)
    assert one["agent"].startswith("https://w3id.org/kymgraph/id/agent/")
    assert patch.text.count("\nA ") == patch.text.count("\nD ") == 1
    undone = site.ask("POST", f"/changes/{number}/revert?reason=takaisin")
    assert undone.status_code == 200
    assert '"1"' in next(iter(site.read("h")))
    assert site.ask("GET", f"/changes/{site.generation}", None).json()["reverts"] == number
    assert site.ask("GET", "/changes/99999", None).status_code == 404


def test_head_of_the_history_is_its_headers_alone(site: Site) -> None:
    number = site.put('x:headed a x:Thing ; rdfs:label "otsake"@fi .', "headed").json()["generation"]

    for path in ("/changes", f"/changes/{number}", f"/changes/diff?from=1&to={number}"):
        head, get = site.ask("HEAD", path, None), site.ask("GET", path, None)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]


def test_a_dry_run_shows_what_would_change_and_writes_nothing(site: Site) -> None:
    before = site.generation
    headers = {"Content-Type": "text/turtle"}
    body = PREFIXES + "x:nameless a x:Thing ."

    dry = site.ask("PUT", "/graph/a?dry-run=true", content=body, headers=headers).json()
    public = site.ask(
        "POST", "/validate?graph=a", None, content=body, headers={**headers, "Accept": "application/json"}
    ).json()

    assert site.generation == before
    assert dry["status"] == public["status"] == "checked"
    assert dry["report"]["accepted"] is False
    assert [d["resource"]["value"] for d in public["diff"]] == ["http://x.example/nameless"]


def test_reads_go_back_in_time(site: Site) -> None:
    site.put("x:a x:p 1 .", "t")
    then = site.generation
    for n in range(2, 10):
        site.put(f"x:a x:p {n} .", "t")
    query = f"SELECT ?o {{ GRAPH <{GRAPH}t> {{ ?s ?p ?o }} }}"

    answer = site.ask("GET", "/sparql", None, params={"query": query, "at": str(then), "format": "csv"})

    assert answer.text.split() == ["o", "1"]
    graph = site.ask("GET", f"/graph/t?at={then}", None, headers={"Accept": "application/n-triples"})
    assert '"1"' in graph.text
    assert site.ask("GET", "/graph/t?at=1", None).status_code == 404


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/turtle", "<x:a> <x:p> .", 400),
        ("text/turtle", "nonsense:x a nonsense:y .", 400),
        ("application/rdf+xml", "<!DOCTYPE r [<!ENTITY a 'b'>]><r>&a;</r>", 400),
        ("image/png", "x", 415),
        ("application/trig", "<x:other> { <x:a> <x:p> 1 }", 400),
    ],
)
def test_what_cannot_be_read_is_refused_and_nothing_is_written(
    site: Site, content_type: str, body: str, status: int
) -> None:
    before = site.generation

    answer = site.ask("PUT", "/graph/a", content=body, headers={"Content-Type": content_type})

    assert (answer.status_code, site.generation) == (status, before), answer.text


def test_graphs_made_by_other_means_are_not_written_to(site: Site) -> None:
    for name in ("ledger", "shapes", "ontology"):
        answer = site.put("x:a x:p 1 .", name, role="admin")
        assert (answer.status_code, answer.json()["code"]) == (403, "graph-not-writable")
    answer = site.ask("PUT", "/graphs?default", content="", headers={"Content-Type": "text/turtle"})
    assert (answer.status_code, answer.json()["code"]) == (422, "name-a-graph")


def test_no_answer_gives_away_a_name_or_a_token(site: Site, tmp_path: Path) -> None:
    site.put("x:a x:p 77 .", "secret")
    text = site.ask("GET", "/changes?limit=1000", None).text

    assert "publisher" not in text
    assert not any(token in text for token in site.tokens.values())
    assert json.loads(text)["changes"]


def test_a_date_names_the_state_of_its_last_moment(site: Site) -> None:
    site.put("x:a x:p 1 .", "d")
    query = f"ASK {{ GRAPH <{GRAPH}d> {{ ?s ?p ?o }} }}"

    def asked(at: str) -> httpx.Response:
        return site.ask("GET", "/sparql", None, params={"query": query, "at": at, "format": "json"})

    assert asked("2999-01-01").json()["boolean"] is True
    assert asked("2001-01-01").json()["boolean"] is False
    assert asked("yesterday").status_code == 400
    assert asked(str(site.generation + 1)).status_code == 422


def test_load_reads_from_allowed_hosts_alone(site: Site) -> None:
    update = f"LOAD <http://127.0.0.1:9/x.ttl> INTO GRAPH <{GRAPH}l>"

    refused = site.ask("POST", "/sparql", data={"update": update})
    silent = site.ask("POST", "/sparql", data={"update": update.replace("LOAD", "LOAD SILENT")})

    assert (refused.status_code, refused.json()["code"]) == (422, "host-not-allowed")
    assert silent.status_code == 200


def test_a_read_waits_for_the_generation_it_names(site: Site) -> None:
    now = site.generation

    there = site.ask("GET", "/graphs", None, headers={"Kymgraph-Min-Generation": str(now)})
    early = site.ask("GET", "/sparql?query=ASK{}", None, headers={"Kymgraph-Min-Generation": str(now + 1)})
    wrong = site.ask("GET", "/graphs", None, headers={"Kymgraph-Min-Generation": "soon"})

    assert (there.status_code, early.status_code, wrong.status_code) == (200, 503, 400)
    assert early.headers["retry-after"] == "1"
