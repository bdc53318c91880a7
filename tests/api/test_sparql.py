"""`/sparql`: every way to ask, every way to ask wrongly."""

from __future__ import annotations

import socket
import warnings
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import SPARQLWrapper

PLANS = "SELECT ?plan WHERE { ?plan a <https://example.org/kym/id/Plan> } ORDER BY ?plan"
FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"


def plans(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [row["plan"]["value"].rpartition("/")[2] for row in response.json()["results"]["bindings"]]


def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("/")
    return response.status_code, problem["code"]


# --- asking -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST form", "POST direct", "QUERY", "QUERY form"])
def test_every_way_to_ask_gives_the_same_answer(site: Any, http: httpx.Client, method: str) -> None:
    verb, _, how = method.partition(" ")
    if verb == "GET":
        response = http.get(site.sparql, params={"query": PLANS})
    elif how == "form":
        response = http.request(verb, site.sparql, data={"query": PLANS})
    else:
        response = http.request(verb, site.sparql, content=PLANS, headers={"Content-Type": QUERY})

    assert plans(response) == ["other", "plan"]


def test_head_has_the_headers_of_get_and_no_body(site: Any, http: httpx.Client) -> None:
    get, head = (http.request(method, site.sparql, params={"query": PLANS}) for method in ("GET", "HEAD"))

    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length", "etag", "kymgraph-generation"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/sparql-results+json"),
        ("*/*", "application/sparql-results+json"),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("text/csv", "text/csv"),
        ("text/tab-separated-values", "text/tab-separated-values"),
        ("text/csv;q=0.2, application/sparql-results+xml;q=0.8", "application/sparql-results+xml"),
        ("text/*", "text/csv"),
        ("application/json", "application/json"),
        ("text/html;q=0.1, text/csv", "text/csv"),
        ("text/html, */*;q=0.8", "text/html"),
    ],
)
def test_solutions_come_in_the_format_asked_for(
    site: Any, http: httpx.Client, accept: str | None, media_type: str
) -> None:
    headers = {} if accept is None else {"Accept": accept}

    response = http.get(site.sparql, params={"query": PLANS}, headers=headers)

    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert "Accept" in response.headers["vary"]


@pytest.mark.parametrize(
    "media_type",
    ["text/turtle", "application/n-triples", "application/rdf+xml", "application/ld+json",
     "application/n-quads", "application/trig"],
)  # fmt: skip
def test_graphs_come_in_the_format_asked_for(site: Any, http: httpx.Client, media_type: str) -> None:
    query = "CONSTRUCT WHERE { <https://example.org/kym/id/plan> ?p ?o }"

    response = http.get(site.sparql, params={"query": query}, headers={"Accept": media_type})

    assert response.headers["content-type"].partition(";")[0] == media_type
    assert "suunnitelma" in response.text


@pytest.mark.parametrize(
    ("name", "media_type"), [("csv", "text/csv"), ("xml", "application/sparql-results+xml")]
)
def test_a_format_can_be_named_in_the_address(
    site: Any, http: httpx.Client, name: str, media_type: str
) -> None:
    response = http.get(site.sparql, params={"query": PLANS, "format": name}, headers={"Accept": "text/html"})

    assert response.headers["content-type"].partition(";")[0] == media_type


def test_a_format_that_is_not_there_is_refused_with_a_list_of_what_is(site: Any, http: httpx.Client) -> None:
    response = http.get(site.sparql, params={"query": PLANS}, headers={"Accept": "image/png"})

    assert code(response) == (406, "format-not-available")
    assert "text/csv" in response.text


def test_the_dataset_of_the_request_takes_the_place_of_from(site: Any, http: httpx.Client) -> None:
    graphs = ["https://example.org/kym/graph/first", "https://example.org/kym/graph/second"]
    query = "SELECT (COUNT(*) AS ?n) FROM <https://example.org/kym/graph/many> WHERE { ?plan a ?type }"

    def count(**parameters: Any) -> int:
        response = http.get(site.sparql, params={"query": query, **parameters})
        return int(response.json()["results"]["bindings"][0]["n"]["value"])

    assert count() == 0
    assert count(**{"default-graph-uri": graphs[0]}) == 2
    assert count(**{"default-graph-uri": graphs}) == 3  # ex:plan a ex:Plan stands in both, and counts once
    assert count(**{"named-graph-uri": graphs[0]}) == 0


def test_a_triple_in_two_graphs_counts_once_in_the_default_graph(site: Any, http: httpx.Client) -> None:
    query = "SELECT ?plan WHERE { ?plan a <https://example.org/kym/id/Plan> }"

    assert sorted(plans(http.get(site.sparql, params={"query": query}))) == ["other", "plan"]


def test_percent_signs_are_decoded_once(site: Any, http: httpx.Client) -> None:
    body = "query=SELECT%20(%22a%252Fb%22%20AS%20%3Fplan)%20%7B%7D"

    response = http.post(site.sparql, content=body, headers={"Content-Type": FORM})

    assert response.json()["results"]["bindings"][0]["plan"]["value"] == "a%2Fb"


def test_the_answer_names_its_generation_and_older_ones_are_refused(site: Any, http: httpx.Client) -> None:
    assert http.get(site.sparql, params={"query": PLANS, "at": 1}).headers["kymgraph-generation"] == "1"

    response = http.get(site.sparql, params={"query": PLANS, "at": 7})

    assert code(response) == (422, "generation-not-kept")
    assert "1" in response.json()["detail"]


def test_a_bare_get_is_described_to_machines_and_a_form_for_people(site: Any, http: httpx.Client) -> None:
    machine, person = http.get(site.sparql), http.get(site.sparql, headers={"Accept": "text/html"})

    assert machine.headers["content-type"].startswith("text/turtle")
    assert f"sd:endpoint <{site.sparql}>" in machine.text
    assert "sd:UnionDefaultGraph" in machine.text
    assert "void:triples" in machine.text
    assert "<form" in person.text
    assert "PREFIX kym:" in person.text


SELECT = "SELECT * { ?s ?p ?o } LIMIT 1"
CONSTRUCT = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o } LIMIT 1"
FORMS = [
    *((form, SELECT) for form in ("json", "xml", "csv", "tsv")),
    *((form, "ASK {}") for form in ("json", "xml")),
    *((form, CONSTRUCT) for form in ("turtle", "n3", "rdf+xml", "xml", "json-ld")),
]


@pytest.mark.parametrize("how", ["GET urlencoded", "POST urlencoded", "POST postdirectly"])
@pytest.mark.parametrize(("form", "query"), FORMS)
def test_sparqlwrapper_gets_every_format_it_asks_for(site: Any, how: str, form: str, query: str) -> None:
    client = SPARQLWrapper.SPARQLWrapper(site.sparql)
    client.setMethod(how.split()[0])
    client.setRequestMethod(how.split()[1])
    client.setReturnFormat(form)
    client.setQuery(query)

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it warns when an answer is of another type than it asked for
        warnings.simplefilter("ignore", DeprecationWarning)
        assert client.queryAndConvert()


# --- asking wrongly ---------------------------------------------------------------------------------------


def test_a_syntax_error_has_its_position_and_a_hint(site: Any, http: httpx.Client) -> None:
    response = http.get(site.sparql, params={"query": "SELECT *\nWHERE { ?s ?p ", "lang": "sv"})

    assert code(response) == (400, "query-syntax")
    assert (response.json()["line"], response.json()["column"]) == (2, 7)
    assert response.json()["hint"]
    assert response.json()["title"] == "Syntaxfel i frågan"
    assert response.headers["content-language"] == "sv"


BAD, NO_TOKEN = (400, "bad-request"), (401, "token-required")
TOO_LARGE, UNREADABLE = (413, "query-too-large"), (415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"params": {"query": ["ASK {}", "ASK {}"]}}, BAD),
        ({"params": {"update": "CLEAR ALL"}}, BAD),
        ({"params": {"query": "CLEAR ALL"}}, (400, "update-on-query")),
        ({"params": {"query": "ASK {}", "default-graph-uri": "no iri"}}, (400, "bad-parameter")),
        ({"params": {"query": "ASK {}", "timeout": "soon"}}, (400, "bad-parameter")),
        ({"params": {"query": "ASK {}", "timeout": "-1"}}, (400, "bad-parameter")),
        ({"params": {"query": "ASK {}", "at": "yesterday"}}, (400, "bad-parameter")),
        ({"params": {"query": "ASK {}", "format": "docx"}}, (406, "format-not-available")),
        ({"params": {"query": "ASK {}", "format": "csv"}}, (406, "format-not-available")),
        ({"params": b"query=ASK%20%7B%7D%ff"}, BAD),
        ({"params": {"query": "ASK { SERVICE <http://127.0.0.1:9/> {} }"}}, (403, "service-not-allowed")),
        ({"method": "POST", "content": "ASK {}"}, UNREADABLE),
        ({"method": "POST", "content": "ASK {}", "type": "text/plain"}, UNREADABLE),
        ({"method": "POST", "content": b"ASK {}", "type": QUERY + "; charset=UTF-16"}, UNREADABLE),
        ({"method": "POST", "content": b"ASK { ?s ?p '\xff' }", "type": QUERY}, BAD),
        ({"method": "POST", "content": b"query=ASK%7B%7D%C3", "type": FORM}, BAD),
        ({"method": "POST", "content": b"other=1", "type": FORM}, BAD),
        ({"method": "POST", "content": b"query=ASK%7B%7D&update=CLEAR%20ALL", "type": FORM}, BAD),
        ({"method": "POST", "content": b"update=CLEAR%20ALL", "type": FORM}, NO_TOKEN),
        ({"method": "POST", "content": b"CLEAR ALL", "type": "application/sparql-update"}, NO_TOKEN),
        ({"method": "PUT", "params": {"query": "ASK {}"}}, (405, "method-not-allowed")),
        ({"method": "DELETE"}, (405, "method-not-allowed")),
        ({"params": {"query": "ASK {} #" + "x" * 60_000}}, (414, "uri-too-long")),
        ({"method": "POST", "content": "ASK {} #" + "x" * 70_000, "type": QUERY}, TOO_LARGE),
        ({"method": "POST", "content": "ASK " + "{" * 200 + "}" * 200, "type": QUERY}, TOO_LARGE),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused(
    site: Any, http: httpx.Client, request_: dict[str, Any], expected: tuple[int, str]
) -> None:
    given = dict(request_)
    headers = {"Content-Type": given.pop("type")} if "type" in given else {}
    params = given.pop("params", None)
    url = (
        httpx.URL(site.sparql, query=params)
        if isinstance(params, bytes)
        else httpx.URL(site.sparql, params=params)
    )

    response = http.request(given.pop("method", "GET"), url, headers=headers, **given)

    assert code(response) == expected
    if expected[0] == 401:
        assert response.headers["www-authenticate"].startswith("Bearer")
    if expected[0] == 405:
        assert "QUERY" in response.headers["allow"]


def test_a_token_that_is_not_known_does_not_open_updates(site: Any, http: httpx.Client) -> None:
    headers = {"Content-Type": "application/sparql-update", "Authorization": "Bearer made-up"}

    response = http.post(site.sparql, content="CLEAR ALL", headers=headers)

    assert code(response) == (401, "token-invalid")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


def test_a_body_is_cut_off_at_its_limit_whatever_was_announced(strict_site: Any) -> None:
    """Chunked: the server learns the length only by reading. It must stop at the limit and say so."""
    url = urlsplit(strict_site.url)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=20) as connection:
        connection.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        sent = 0
        try:
            while sent < 3_000_000:
                connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                sent += 0x10000
        except OSError:
            pass  # the server has closed its side
        answer = b""
        while b'"code"' not in answer and (part := connection.recv(65536)):
            answer += part

    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code": "body-too-large"' in answer


CROSS_JOIN = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"


def test_a_query_that_takes_too_long_is_a_504_and_is_not_remembered_as_an_answer(
    strict_site: Any, http: httpx.Client
) -> None:
    for _ in range(2):
        response = http.get(strict_site.sparql, params={"query": CROSS_JOIN})
        assert code(response) == (504, "query-timeout")
    assert plans(http.get(strict_site.sparql, params={"query": PLANS})) == ["other", "plan"]


def test_a_timeout_can_be_lowered_but_not_raised(strict_site: Any, http: httpx.Client) -> None:
    query = CROSS_JOIN + " #"

    lowered = http.get(strict_site.sparql, params={"query": query, "timeout": "0.3"})
    raised = http.get(strict_site.sparql, params={"query": query, "timeout": "100"})

    assert code(lowered) == (504, "query-timeout")
    assert lowered.elapsed.total_seconds() < 0.9
    assert code(raised) == (504, "query-timeout")
    assert raised.elapsed.total_seconds() < 5


def test_a_client_that_goes_away_takes_its_query_with_it(site: Any, http: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.get(site.sparql, params={"query": CROSS_JOIN.replace("?i", "?gone")}, timeout=0.8)

    def running() -> float:
        lines = http.get(site.url + "/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if 'what="running' in line)

    for _ in range(40):
        if running() == 0:
            break
        httpx.get(site.url + "/health")
    assert running() == 0


def test_links_use_a_host_only_if_it_is_trusted(strict_site: Any, http: httpx.Client) -> None:
    believed = http.get(strict_site.sparql, headers={"Host": "kym.example"})
    not_believed = http.get(strict_site.sparql, headers={"Host": "evil.example"})

    assert "<http://kym.example/sparql>" in believed.text
    assert "evil.example" not in not_believed.text
    assert f"<{strict_site.sparql}>" in not_believed.text
