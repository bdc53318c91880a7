"""`kymgraph.open`: the same calls on a store folder, on a server, under a path prefix, on any endpoint."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import json
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import kymgraph
from kymgraph import files, results
from kymgraph.access import FILE, Access
from kymgraph.changeset import Changeset
from kymgraph.client import Local, Proposed, Remote, remote
from kymgraph.commit import Outcome
from kymgraph.errors import (
    BadParameter,
    Busy,
    FetchFailed,
    FormatNotAvailable,
    GateRejected,
    GenerationNotKept,
    HostNotAllowed,
    InputError,
    KymgraphError,
    NotAllowed,
    QuerySyntaxError,
    QueryTimeout,
    SheetRefused,
    StoreMissing,
    TokenInvalid,
    ToolMissing,
    TooManyRequests,
)
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, Literal, NamedNode, parse
from kymgraph.report import Report
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.journal import Entry
from tests.conftest import PREFIXES, Kymgraph, Serve
from tests.localserver import Server, leads_to, says
from tests.needs import need

GRAPH = "https://w3id.org/kymgraph/graph/"
X = "http://x.example/"
FILES = {
    "kymgraph.toml": "",
    "data/a.ttl": """
x:a a x:Thing ; rdfs:label "Kymijoki"@fi , "Kymmene älv"@sv ; x:count 7 ; x:price 12.50 ; x:true true ;
  x:on "2026-11-22"^^<http://www.w3.org/2001/XMLSchema#date> ;
  x:at "2026-11-22T08:30:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime> ;
  x:month "2022-09"^^<http://www.w3.org/2001/XMLSchema#gYearMonth> ; x:see x:b .
x:b a x:Thing ; rdfs:label "Kotka"@fi .
""",
    "shapes/s.ttl": """
@prefix sh: <http://www.w3.org/ns/shacl#> .
x:Named a sh:NodeShape ; sh:targetClass x:Thing ; sh:property x:hasName .
x:hasName a sh:PropertyShape ; sh:path rdfs:label ; sh:minCount 1 ;
  sh:message "anna nimi"@fi , "ge ett namn"@sv , "give it a name"@en .
""",
    "ontology/terms.ttl": 'x:Thing a <http://www.w3.org/2002/07/owl#Class> ; rdfs:label "asia"@fi .',
    "tests/questions/Q01.rq": """#+ summary: {fi: Mitä tämä on?, en: What is this?}
#+ params: {thing: iri}
#+ example: {thing: http://x.example/a}
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?name WHERE { ?thing rdfs:label ?name } ORDER BY ?name
""",
}
DIGITS = " ".join(map(str, range(10)))
#: Ten thousand million rows to count.
RUNAWAY = f"SELECT (COUNT(*) AS ?n) {{ {' '.join(f'VALUES ?v{n} {{ {DIGITS} }}' for n in range(10))} }}"


@dataclass(frozen=True)
class Site:
    """A project with a server beside it, and tokens for it."""

    folder: Path
    url: str
    tokens: dict[str, str]

    @property
    def store(self) -> Path:
        return self.folder / "store"


@pytest.fixture(scope="module")
def site(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("client")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text((PREFIXES if name.endswith(".ttl") else "") + text, "utf-8")
    project = Project.load(folder)
    store = EmbeddedStore(folder / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    url = serve_writable(folder, store.folder, query_timeout=2)
    with Access(store.folder / FILE) as access:
        tokens = {role: access.create_token(role, role, expires=None)[0] for role in ("editor", "publisher")}
    return Site(folder, url, tokens)


@pytest.fixture(scope="module")
def proxied(site: Site) -> Iterator[str]:
    """The same server as a proxy shows it under a path."""
    with _proxy(site.url, "/region/graph") as url:
        yield url


@pytest.fixture(scope="module")
def bare(site: Site) -> Iterator[str]:
    """Its SPARQL endpoint alone, with nothing beside it to tell what server it is."""
    with _proxy(site.url, "/ds", only="/sparql") as url:
        yield url + "/sparql"


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(params=["folder", "under a path"])
def graph(request: pytest.FixtureRequest, site: Site, proxied: str) -> Iterator[kymgraph.client.Graph]:
    place = {
        "folder": (str(site.folder), {"store": site.store}),
        "under a path": (proxied + "/", {"token": site.tokens["publisher"]}),
    }
    path, options = place[request.param]
    with kymgraph.open(path, **options) as opened:  # type: ignore[arg-type]
        yield opened


# --- reading --------------------------------------------------------------------------------------------


def test_rows_have_terms_and_python_values(graph: kymgraph.client.Graph) -> None:
    [row] = graph.query(
        """PREFIX x: <http://x.example/> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
        SELECT * { x:a x:count ?count ; x:price ?price ; x:true ?true ; x:on ?on ; x:at ?at ;
          x:month ?month ; x:see ?see ; rdfs:label ?label . OPTIONAL { x:a x:none ?none }
          FILTER (LANG(?label) = ?lang) }""",
        lang="sv",
    )

    assert (row.count, row.price, row.true, row.none) == (7, Decimal("12.5"), True, None)
    assert row.on == datetime.date(2026, 11, 22)
    assert row.at == datetime.datetime(2026, 11, 22, 8, 30, tzinfo=datetime.UTC)
    assert row.month == "2022-09"
    assert row["see"] == NamedNode(X + "b")
    assert row["label"] == Literal("Kymmene älv", language="sv")


def test_values_are_bound_as_terms_whatever_stands_in_them(graph: kymgraph.client.Graph) -> None:
    text = "SELECT ?s { ?s <http://x.example/count> ?value }"

    assert [row.s for row in graph.query(text, value=7)] == [X + "a"]
    assert len(graph.query(text, value='7 } . DELETE WHERE { ?s ?p ?o "')) == 0
    assert len(graph.query(text, s=f"<{X}b>")) == 0


def test_a_question_is_asked_by_its_name_with_its_parameters(graph: kymgraph.client.Graph) -> None:
    [known] = [query for query in graph.named_queries() if query.name == "Q01"]
    rows = graph.question("Q01", **known.example)

    assert known.summary["fi"] == "Mitä tämä on?"
    assert [row.name for row in rows] == ["Kymijoki", "Kymmene älv"]
    with pytest.raises(BadParameter, match="thing"):
        graph.question("Q01")
    with pytest.raises(BadParameter, match="no question 'Q99'"):
        graph.question("Q99")


def test_ask_construct_and_describe_give_a_truth_and_triples(graph: kymgraph.client.Graph) -> None:
    found = graph.construct("CONSTRUCT WHERE { ?s <http://x.example/see> ?o }")

    assert graph.ask("ASK { ?s <http://x.example/count> ?n }", n=7)
    assert not graph.ask("ASK { ?s <http://x.example/count> ?n }", n=8)
    assert [(str(q.subject), str(q.object)) for q in found] == [(f"<{X}a>", f"<{X}b>")]
    assert len(graph.describe(X + "b")) >= 2
    assert graph.describe(X + "nothing") == []


def test_words_find_things_in_whatever_form_they_are(graph: kymgraph.client.Graph) -> None:
    [first, *_] = graph.search("Kymijoki")
    found = graph.search("Kymijoella", lang="fi", limit=1)

    assert (first.iri, first.score, first.labels["sv"]) == (X + "a", 100, "Kymmene älv")
    assert [hit.iri for hit in found] == [X + "a"]
    assert graph.search("sellaista ei ole") == []


def test_a_long_query_is_asked_as_well_as_a_short_one(graph: kymgraph.client.Graph) -> None:
    values = " ".join(f'"{n:05}"' for n in range(1000))

    assert len(graph.query(f"SELECT ?v {{ VALUES ?v {{ {values} }} }}")) == 1000


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda g: g.query("SELECT ?s { ?s ?p }"), QuerySyntaxError, "line 1"),
        (lambda g: g.query("CONSTRUCT WHERE { ?s ?p ?o }"), InputError, "construct()"),
        (lambda g: g.construct("SELECT * { ?s ?p ?o }"), InputError, "query()"),
        (lambda g: g.ask("SELECT * { ?s ?p ?o }"), InputError, "ASK"),
        (lambda g: g.query("SELECT * { ?s ?p ?o }", nothing=1), BadParameter, "nothing"),
        (lambda g: g.query("ASK {}", at=999), GenerationNotKept, "999"),
        (lambda g: g.describe("no iri"), BadParameter, "absolute IRI"),
    ],
)
def test_what_cannot_be_asked_raises_the_same_error_everywhere(
    graph: kymgraph.client.Graph,
    call: Callable[[kymgraph.client.Graph], object],
    kind: type[KymgraphError],
    said: str,
) -> None:
    with pytest.raises(kind) as raised:
        call(graph)

    assert said in f"{raised.value.message} {raised.value.hint}"


def test_a_syntax_error_of_a_server_has_its_line_and_column(site: Site) -> None:
    places = []
    for options in ({"path": site.url}, {"path": str(site.folder), "store": site.store}):
        with kymgraph.open(**options) as graph, pytest.raises(QuerySyntaxError) as raised:  # type: ignore[arg-type]
            graph.query("SELECT ?s {\n ?s ?p }")
        places.append((raised.value.line, raised.value.column))

    assert places[0] == places[1]
    assert places[0][0] == 2


def test_a_query_that_takes_too_long_is_a_timeout_of_the_server(site: Site) -> None:
    with kymgraph.open(site.url) as graph, pytest.raises(QueryTimeout):
        graph.query(RUNAWAY)


def test_a_client_waits_no_longer_than_it_was_told(elsewhere: Server) -> None:
    elsewhere.answers = {"/sparql": lambda _: elsewhere.over.wait(20)}  # type: ignore[dict-item]

    with pytest.raises(FetchFailed, match=r"0\.3 s"):
        kymgraph.open(elsewhere.at("/sparql"), timeout=0.3)


def test_rows_go_into_pandas_and_into_the_csv_that_the_endpoint_gives(site: Site, tmp_path: Path) -> None:
    text = """SELECT * { VALUES (?a ?b ?c) { (1.50 "a,b\\n\\"x\\"" UNDEF) (UNDEF <http://x/y> "ä"@fi)
      ("" true "2022-09"^^<http://www.w3.org/2001/XMLSchema#gYearMonth>) } }"""
    with kymgraph.open(site.url) as graph:
        rows = graph.query(text)
        assert isinstance(graph, Remote)
        served = graph.answer(text, "text/csv").body

    rows.to_csv(tmp_path / "rows.csv")
    frame = rows.to_pandas()

    assert (tmp_path / "rows.csv").read_bytes() == served
    assert list(frame.columns) == ["a", "b", "c"]
    assert frame["a"][0] == Decimal("1.5")
    assert (frame["b"][1], frame["c"][1]) == ("http://x/y", "ä")


def test_without_pandas_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ToolMissing, match="the rows are unharmed") as raised:
        results.rows(answering("x")).to_pandas()

    assert "kymgraph[pandas]" in (raised.value.hint or "")


def test_a_truth_has_no_csv(tmp_path: Path) -> None:
    with pytest.raises(FormatNotAvailable):
        results.rows(TRUE).to_csv(tmp_path / "truth.csv")

    assert not (tmp_path / "truth.csv").exists()


# --- changes --------------------------------------------------------------------------------------------


def insert(what: str) -> str:
    return f"PREFIX x: <{X}> INSERT DATA {{ GRAPH <{GRAPH}new> {{ {what} }} }}"


def named(what: str) -> str:
    return f'x:{what} a x:Thing ; <http://www.w3.org/2000/01/rdf-schema#label> "{what}"@fi .'


def test_a_change_is_checked_committed_read_and_found_in_the_history(
    graph: kymgraph.client.Graph, request: pytest.FixtureRequest
) -> None:
    name = "n" + "".join(filter(str.isalnum, request.node.name))
    before = graph.generation

    looked = graph.check(insert(named(name)))
    assert (looked.status, looked.report.accepted, len(looked.change.added)) == ("checked", True, 2)
    assert graph.generation == before

    done = graph.commit(insert(named(name)), reason="Uusi asia")

    assert isinstance(done, Outcome)
    assert (done.status, done.generation) == ("committed", before + 1)
    assert done.change.added == looked.change.added
    assert graph.ask("ASK { ?s ?p ?label }", label=Literal(name, language="fi"))
    assert not graph.ask("ASK { ?s ?p ?label }", at=before, label=Literal(name, language="fi"))
    [entry, *_] = graph.history()
    assert (entry.number, entry.reason, entry.added, entry.graphs) == (
        before + 1, "Uusi asia", 2, (GRAPH + "new",)
    )  # fmt: skip
    assert [e.number for e in graph.history(after=before)] == [before + 1]
    assert [e.number for e in graph.history(until=2)] == [2]


def test_a_changeset_goes_in_once_however_often_it_is_sent(
    graph: kymgraph.client.Graph, request: pytest.FixtureRequest
) -> None:
    name = "c" + "".join(filter(str.isalnum, request.node.name))
    head = f"@prefix x: <{X}> .\n"
    quads = parse((head + named(name)).encode(), FORMATS["ttl"], graph=NamedNode(GRAPH + "new"))
    change = Changeset(graph.generation, added=frozenset(quads))

    first = graph.commit(change, reason="Kerran")
    second = graph.commit(change, reason="Kerran")

    assert (first.status, second.status) == ("committed", "repeated")
    assert first.generation == second.generation == graph.generation


def test_a_refusal_of_the_gate_carries_the_report(graph: kymgraph.client.Graph) -> None:
    before = graph.generation

    looked = graph.check(insert("x:nameless a x:Thing ."))
    with pytest.raises(GateRejected) as refused:
        graph.commit(insert("x:nameless a x:Thing ."), reason="Nimetön")

    report = refused.value.report
    assert isinstance(report, Report)
    for seen in (report, looked.report):
        [result] = seen.violations
        assert (result.focus, result.message("sv")) == (NamedNode(X + "nameless"), "ge ett namn")
        assert not seen.accepted
    assert graph.generation == before


def test_files_of_any_kind_are_taken_by_their_suffix(graph: kymgraph.client.Graph, tmp_path: Path) -> None:
    turtle, update, sheet = (tmp_path / name for name in ("more.ttl", "more.ru", "more.csv"))
    turtle.write_text(PREFIXES + "x:f x:p 1 .", "utf-8")
    update.write_text(insert("x:f x:p 2 ."), "utf-8")
    sheet.write_text("id [Thing];nimi (fi);outo\n;Ranta;1\n", "utf-8")

    looked = graph.check(turtle, graph="new")
    assert {str(q.subject) for q in looked.change.added} == {f"<{X}f>"}
    assert len(graph.check(update).change.added) == 1
    assert len(graph.check(turtle, graph="a", mode="replace").change.removed) > 5
    with pytest.raises(SheetRefused) as refused:
        graph.check(sheet, graph="new")
    assert refused.value.faults[0].text("fi")
    with pytest.raises(InputError, match="is a text"):
        graph.check("more.ttl", graph="new")
    with pytest.raises(InputError):
        graph.check(tmp_path / "none.ttl", graph="new")


def test_nothing_is_written_without_a_reason(graph: kymgraph.client.Graph) -> None:
    with pytest.raises(BadParameter, match="reason"):
        graph.commit(insert(named("r")))


def test_the_history_is_the_same_from_a_server_however_many_pages_it_has(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_PAGE", 2)
    with (
        kymgraph.open(site.folder, store=site.store) as here,
        kymgraph.open(site.url, token=site.tokens["publisher"]) as there,
    ):
        for n in range(5):
            there.commit(insert(f"x:page x:p {n} ."), reason=f"Sivu {n}")
        last = here.generation

        def told(graph: kymgraph.client.Graph, **which: int) -> list[Entry]:
            return [replace(e, digest="", more={}, came=()) for e in graph.history(**which)]

        for which in ({}, {"after": last - 3}, {"until": last - 1}, {"after": last}, {"until": 1}):
            assert told(there, **which) == told(here, **which), which
        assert len(told(there)) >= 5


def test_after_a_commit_nothing_older_is_read_whoever_answers(site: Site) -> None:
    proxy = _proxy(site.url, "/p")
    with proxy as url, kymgraph.open(url, token=site.tokens["publisher"]) as graph:
        graph.ask("ASK {}")
        before = proxy.seen[-1]
        done = graph.commit(insert(named("own")), reason="Oma")
        graph.ask("ASK {}")

    assert "kymgraph-min-generation" not in before
    assert proxy.seen[-1]["kymgraph-min-generation"] == str(done.generation)


def test_a_server_wants_a_token_and_an_editor_only_proposes(site: Site) -> None:
    with kymgraph.open(site.url) as graph:
        before = graph.generation
        with pytest.raises(TokenInvalid, match="token"):
            graph.commit(insert(named("t")), reason="Ilman")
        with pytest.raises(TokenInvalid):
            graph.commit(insert(named("t")), reason="Väärä", token="kymg_nonsense")
        proposed = graph.commit(insert(named("t")), reason="Ehdotan", token=site.tokens["editor"])
        assert graph.generation == before

    assert isinstance(proposed, Proposed)
    assert proposed.report.accepted
    request = urllib.request.Request(
        proposed.url, headers={"authorization": f"Bearer {site.tokens['publisher']}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["reason"] == "Ehdotan"


# --- other endpoints ------------------------------------------------------------------------------------


def answering(text: str) -> bytes:
    return json.dumps(
        {"head": {"vars": ["x"]}, "results": {"bindings": [{"x": {"type": "literal", "value": text}}]}}
    ).encode()


ROWS = {"Content-Type": "application/sparql-results+json"}
TRUE = b'{"head": {}, "boolean": true}'


@pytest.fixture
def endpoint(elsewhere: Server) -> Server:
    """An endpoint that is no kymgraph."""
    elsewhere.answers = {"/ds/query": says(TRUE, headers=ROWS)}
    return elsewhere


def test_any_sparql_endpoint_answers_queries_and_says_what_it_has_not(bare: str) -> None:
    with kymgraph.open(bare) as graph:
        assert isinstance(graph, Remote)
        assert not graph.is_kymgraph
        assert [
            row.n for row in graph.query("SELECT ?n { <http://x.example/a> ?p ?n }", p=f"<{X}count>")
        ] == [7]
        assert len(graph.construct("CONSTRUCT WHERE { ?s <http://x.example/see> ?o }")) == 1
        assert len(graph.describe(X + "b")) >= 2
        for call in (
            graph.history,
            graph.named_queries,
            lambda: graph.generation,
            lambda: graph.search("Kotka"),
            lambda: graph.query("ASK {}", at=1),
            lambda: graph.check("CLEAR ALL"),
            lambda: graph.commit("CLEAR ALL", reason="x", token="t"),
        ):
            with pytest.raises(InputError, match="is a SPARQL endpoint without"):
                call()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/turtle; charset=utf-8", "<http://x/a> <http://x/p> 1 ."),
        (
            "application/rdf+xml",
            """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/">
            <rdf:Description rdf:about="http://x/a"><x:p>1</x:p></rdf:Description></rdf:RDF>""",
        ),
    ],
)
def test_triples_are_read_in_whatever_format_they_come(endpoint: Server, kind: str, body: str) -> None:
    with kymgraph.open(endpoint.at("/ds/query")) as graph:
        endpoint.answers["/ds/query"] = says(body.encode(), headers={"Content-Type": kind})
        assert len(graph.construct("CONSTRUCT WHERE { ?s ?p ?o }")) == 1

        endpoint.answers["/ds/query"] = says(body.encode(), headers={"Content-Type": "text/html"})
        with pytest.raises(FetchFailed, match="text/html, which is no RDF"):
            graph.construct("CONSTRUCT WHERE { ?s ?p ?o }")


def test_what_a_query_text_of_another_dialect_means_is_for_its_endpoint_to_say(endpoint: Server) -> None:
    with kymgraph.open(endpoint.at("/ds/query")) as graph:
        endpoint.answers["/ds/query"] = says(answering("Q1"), headers=ROWS)

        rows = graph.query('SELECT ?x { ?x wdt:P31 wd:Q1 SERVICE wikibase:label { bd:p wikibase:l "fi" } }')

    assert [row.x for row in rows] == ["Q1"]


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (400, {}, QuerySyntaxError),
        (401, {}, TokenInvalid),
        (403, {}, NotAllowed),
        (404, {}, FetchFailed),
        (429, {"Retry-After": "7"}, TooManyRequests),
        (500, {}, FetchFailed),
        (503, {}, Busy),
        (504, {}, QueryTimeout),
        (400, {"Content-Type": "application/problem+json"}, QuerySyntaxError),
    ],
)
def test_a_refusal_of_another_endpoint_is_told_by_its_status_in_harmless_words(
    endpoint: Server, status: int, headers: dict[str, str], kind: type[KymgraphError]
) -> None:
    with kymgraph.open(endpoint.at("/ds/query")) as graph:
        endpoint.answers["/ds/query"] = says(b"<p>no\x1b[31m\nway</p>" + b"x" * 5000, status, headers)
        with pytest.raises(kind) as raised:
            graph.query("ASK {}")

    assert type(raised.value) is kind
    assert "no [31m way" in raised.value.message
    assert str(status) in raised.value.message
    assert len(raised.value.message) < 1000
    assert getattr(raised.value, "retry_after", 7) == 7


def test_a_problem_of_a_server_sets_nothing_on_the_error_but_what_is_known(endpoint: Server) -> None:
    body = {"code": "busy", "detail": "later", "hint": "wait", "args": [1], "__class__": "x", "report": 1}
    problem = says(json.dumps(body).encode(), 503, {"Content-Type": "application/problem+json"})
    with kymgraph.open(endpoint.at("/ds/query")) as graph:
        endpoint.answers["/ds/query"] = problem
        with pytest.raises(Busy) as raised:
            graph.query("ASK {}")

    assert (raised.value.message, raised.value.hint) == ("later", "wait")
    assert not hasattr(raised.value, "report")


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b'{"boolean": ', b""])
def test_what_answers_no_sparql_is_not_opened(elsewhere: Server, body: bytes) -> None:
    elsewhere.answers = {"/": says(body), "/health": says(body)}

    with pytest.raises(FetchFailed, match="SPARQL JSON"):
        kymgraph.open(elsewhere.at("/"))


def test_a_redirect_to_another_host_is_not_followed_and_the_token_stays(endpoint: Server) -> None:
    other = Server()
    try:
        other.answers = {"/ds/query": says(TRUE, headers=ROWS)}
        with kymgraph.open(endpoint.at("/ds/query"), token="secret") as graph:
            endpoint.answers["/ds/query"] = leads_to(other.at("/ds/query"))
            with pytest.raises(HostNotAllowed) as raised:
                graph.query("ASK {}")
    finally:
        other.close()

    assert other.asked == []
    assert "allow=" in (raised.value.hint or "")


def test_a_redirect_on_the_same_host_is_followed(endpoint: Server) -> None:
    with kymgraph.open(endpoint.at("/ds/query")) as graph:
        endpoint.answers["/ds/query"] = leads_to(endpoint.at("/new"))
        endpoint.answers["/new"] = says(TRUE, headers=ROWS)

        assert graph.ask("ASK {}")


def test_a_name_that_leads_to_a_private_address_is_asked_only_if_that_is_allowed() -> None:
    name = socket.gethostname()
    addresses = _addresses(name)
    need("hostname", addresses, f"the name of this machine ({name}) leads to no private address")
    server = Server("0.0.0.0")
    try:
        server.answers = {"/sparql": says(TRUE, headers=ROWS)}
        url = server.at("/sparql", host=name)
        with pytest.raises(HostNotAllowed, match="not public") as raised:
            kymgraph.open(url)
        assert server.asked == []
        assert "allow=" in (raised.value.hint or "")
        with kymgraph.open(url, allow=[f"{address}:{server.port}" for address in addresses]) as graph:
            assert graph.ask("ASK {}")
    finally:
        server.close()


def _addresses(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(at[0]) for *_, at in found if ipaddress.ip_address(at[0]).is_private]


def test_localhost_is_this_machine(endpoint: Server) -> None:
    with kymgraph.open(endpoint.at("/ds/query", host="localhost")) as graph:
        assert graph.ask("ASK {}")


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "https://:80/",
        "http://[::1/",
        "http://127.0.0.1:x/",
        "http://a b/",
        "http://a\x1b[31m/",
        "http://a\r\nx: y/",
        "HTTP://*/",
    ],
)
def test_what_is_no_url_of_a_server_is_refused_and_no_password_shown(url: str) -> None:
    with pytest.raises(InputError) as raised:
        kymgraph.open(url)

    assert "is not the URL of a server" in raised.value.message
    assert "secret" not in str(raised.value)
    assert raised.value.message.isprintable()


def test_nothing_at_an_address_is_said_at_once() -> None:
    closed = Server()
    closed.close()

    with pytest.raises(FetchFailed):
        kymgraph.open(closed.at("/"))


@pytest.mark.parametrize("path", ["", "/", "/sparql", "/sparql/"])
def test_a_server_is_known_by_its_first_page_and_by_its_endpoint(site: Site, path: str) -> None:
    with kymgraph.open(site.url + path) as graph:
        assert isinstance(graph, Remote)
        assert graph.is_kymgraph
        assert graph.url == site.url + "/sparql"
        assert graph.ask("ASK {}")


def test_a_path_is_a_project_and_a_url_a_server(site: Site, tmp_path: Path) -> None:
    with kymgraph.open(site.folder, store=site.store) as here, kymgraph.open(store=site.url) as there:
        assert isinstance(here, Local)
        assert isinstance(there, Remote)
        assert here.generation == there.generation
    (tmp_path / "kymgraph.toml").touch()
    with pytest.raises(StoreMissing):
        kymgraph.open(tmp_path)


# --- the command line -----------------------------------------------------------------------------------


def test_the_command_query_asks_a_server_too(site: Site, kymgraph: Kymgraph, tmp_path: Path) -> None:
    def ask(*args: str) -> tuple[int, str]:
        done = kymgraph("query", *args, "--store", site.url, cwd=tmp_path)
        return done.returncode, done.stdout or done.stderr

    question = ("Q01", "--param", f"thing={X}b", "--format", "csv")
    assert ask(*question) == (0, "name\nKotka\n")
    assert "x.example/b" in ask("CONSTRUCT WHERE { ?s <http://x.example/see> ?o }")[1]
    assert ask("ASK {}", "--at", "999")[0] == 4


# --- a proxy --------------------------------------------------------------------------------------------


class _proxy:  # noqa: N801 (used as a function)
    """A reverse proxy that shows a server under a path."""

    def __init__(self, target: str, prefix: str, only: str = "/") -> None:
        seen = self.seen = list[dict[str, str]]()  # the headers of the requests, names in lower case

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                if not self.path.startswith(prefix + only):
                    self.send_error(404)
                    return
                seen.append({name.lower(): value for name, value in self.headers.items()})
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                url = target + self.path.removeprefix(prefix)
                request = urllib.request.Request(url, body or None, headers, method=self.command)
                try:
                    answer: Any = urllib.request.urlopen(request, timeout=60)
                except urllib.error.HTTPError as error:
                    answer = error
                with answer:
                    data = answer.read()
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            do_GET = do_POST = answer  # noqa: N815 (the names that http.server asks for)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._url = f"http://127.0.0.1:{self._server.server_address[1]}{prefix}"

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self._url

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
