"""The Reconciliation Service API 0.2 over a real server: schemas hold, and clients get their work done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import referencing
from referencing.jsonschema import DRAFT7

from kymgraph.dataset import Dataset
from kymgraph.reconcile.input import BATCH

from ..conftest import ROOT

ID = "https://w3id.org/kymgraph/id/"
KYM = "https://w3id.org/kymgraph/ontology#"
Conforms = Callable[[str, Any], None]


@pytest.fixture(scope="session")
def service(shipped: Dataset, serve: Any) -> str:
    """The address of the service over the project of this repository, once its search index is made."""
    return searchable(serve(ROOT, shipped.store.folder) + "/reconcile")


def searchable(service: str) -> str:
    """The service once it answers: making the index takes its time, and some clients give up on a 503."""
    for _ in range(20):
        if httpx.get(service + "/suggest/entity", params={"prefix": "k"}, timeout=60).status_code == 200:
            break
        time.sleep(1)
    return service


@pytest.fixture(scope="session")
def conforms(shared: Path) -> Conforms:
    """conforms("manifest", document): fails where a document breaks that schema of the specification."""
    documents = {
        file.name: json.loads(file.read_text("utf-8"))
        for file in (shared / "reconciliation/0.2/schemas").glob("*.json")
    }
    registry: referencing.Registry[Any] = referencing.Registry()
    for name, document in documents.items():
        # Their ids point to the web; here each is known by its file name (the meta-schema by its address).
        address = (
            "http://swagger.io/v2/schema.json" if name == "openapi.json" else f"http://schemas.example/{name}"
        )
        document = document | {"$id": address, "$schema": "http://json-schema.org/draft-07/schema#"}
        registry = registry.with_resource(address, DRAFT7.create_resource(document))

    def check(schema: str, document: Any) -> None:
        jsonschema.Draft7Validator(
            {"$ref": f"http://schemas.example/{schema}.json"}, registry=registry
        ).validate(document)

    with pytest.raises(jsonschema.ValidationError):
        check("manifest", {"name": "a manifest without versions"})
    return check


def batch(http: httpx.Client, service: str, queries: Any, **parameters: str) -> Any:
    """As OpenRefine sends it: a form."""
    answer = http.post(service, params=parameters, data={"queries": json.dumps(queries)})
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- the service says what it is ------------------------------------------------------------------------


def test_the_manifest_keeps_to_its_schema(http: httpx.Client, service: str, conforms: Conforms) -> None:
    manifest = http.get(service).json()

    conforms("manifest", manifest)
    assert http.post(service, data={}, headers=FORM).json() == manifest
    assert manifest["versions"] == ["0.2"]
    assert manifest["identifierSpace"] == ID
    assert manifest["batchSize"] == BATCH
    assert {"id": KYM + "Municipality", "name": "kunta"} in manifest["defaultTypes"]


def test_every_address_in_the_manifest_answers_in_the_language_of_the_manifest(
    http: httpx.Client, service: str, conforms: Conforms
) -> None:
    manifest = http.get(service, params={"lang": "sv"}).json()
    kotka = ID + "place/kotka"

    def at(part: dict[str, str], **parameters: str) -> Any:
        # Clients add their parameters to whatever query the address has.
        return http.get(
            httpx.URL(part["service_url"] + part["service_path"]).copy_merge_params(parameters)
        ).json()

    entities = at(manifest["suggest"]["entity"], prefix="fredriksh")
    types = at(manifest["suggest"]["type"], prefix="komm")
    properties = at(manifest["suggest"]["property"], prefix="gäller fr")
    proposal = at(manifest["extend"]["propose_properties"], type=KYM + "Municipality")
    preview = http.get(manifest["preview"]["url"].replace("{{id}}", kotka))
    view = http.get(manifest["view"]["url"].replace("{{id}}", kotka))

    conforms("suggest-entities-response", entities)
    conforms("suggest-types-response", types)
    conforms("suggest-properties-response", properties)
    conforms("data-extension-property-proposal", proposal)
    assert (entities["result"][0]["id"], entities["result"][0]["name"]) == (
        ID + "place/hamina",
        "Fredrikshamn",
    )
    assert entities["result"][0]["notable"] == [{"id": KYM + "Municipality", "name": "kommun"}]
    assert (types["result"][0]["id"], types["result"][0]["name"]) == (KYM + "Municipality", "kommun")
    assert properties["result"][0]["id"] == KYM + "validFrom"
    assert {"id": "http://www.w3.org/2004/02/skos/core#prefLabel", "name": "namn"} in proposal["properties"]
    assert '<html lang="sv">' in preview.text
    assert (view.status_code, view.headers["location"]) == (
        303,
        service.removesuffix("reconcile") + "id/place/kotka?lang=sv",
    )


def test_the_manifest_is_asked_again_for_free(http: httpx.Client, service: str) -> None:
    first = http.get(service)

    again = http.get(service, headers={"If-None-Match": first.headers["etag"]})
    head = http.head(service)

    assert again.status_code == 304
    assert (head.status_code, head.content) == (200, b"")


# --- clients --------------------------------------------------------------------------------------------

TABLE = [
    ("Kymenlaakson litto", "organisation/kymenlaakson-liitto"),  # a slip
    ("Kouvolan kaupungin", "organisation/kouvolan-kaupunki"),  # an ending
    ("TEM", "organisation/tyo-ja-elinkeinoministerio"),
    ("Lappeenrannan yliopistossa", "organisation/lappeenrannan-yliopisto"),
    ("Kaakkois-Suomen ELY-keskus", "organisation/kaakkois-suomen-ely-keskus"),
    ("Socom", "organisation/socom"),
    ("Kotkassa", "place/kotka"),
    ("Haminan", "place/hamina"),
    ("Pyttis", "place/pyhtaa"),  # the Swedish name
    ("Kovola", "place/kouvola"),
    ("Maakuntaohjelma 2014-2017", "programme/maakuntaohjelma-2014-2017"),
    ("kymenlaakson maakuntaohjelman 2022-2025", "programme/maakuntaohjelma-2022-2025"),
    ("Ruoka-Kouvola 2020", "programme/ruoka-kouvola-2020"),
]
SURE = {"TEM", "Kaakkois-Suomen ELY-keskus", "Pyttis", "Maakuntaohjelma 2014-2017", "Ruoka-Kouvola 2020"}
KIND = {"organisation": "Organisation", "place": "Municipality", "programme": "Programme"}


@pytest.mark.parametrize("kind", list(KIND))
def test_a_client_package_matches_a_small_table(service: str, kind: str) -> None:
    """The package `reconciler` with pandas, as its documentation shows it."""
    import pandas
    from reconciler import reconcile

    rows = pandas.DataFrame([row for row in TABLE if row[1].startswith(kind)], columns=["name", "expected"])

    found = reconcile(rows["name"], type_id=KYM + KIND[kind], reconciliation_endpoint=service)

    got = dict(zip(found["input_value"], found["id"], strict=True))
    assert got == {name: ID + expected for name, expected in rows.itertuples(index=False)}
    matched = dict(zip(found["input_value"], found["match"], strict=True))
    assert {name for name, match in matched.items() if match} >= SURE & set(rows["name"])
    assert not any(matched[name] for name in set(rows["name"]) & {"Kymenlaakson litto", "Kovola"})


def test_a_client_package_compares_a_second_column(service: str) -> None:
    """Two development managers share their Swedish title; the column with the employer tells them apart."""
    import pandas
    from reconciler import reconcile

    rows = pandas.DataFrame({"post": ["Utvecklingschef"], "employer": ["Kymenlaakson liitto"]})

    found = reconcile(
        rows["post"],
        type_id=KYM + "Post",
        property_mapping={KYM + "postIn": rows["employer"]},
        reconciliation_endpoint=service,
    )

    assert found["id"].tolist() == [ID + "post/kehittamispaallikko-kymenlaakson-liitto"]
    assert found["match"].tolist() == [True]


def test_openrefine_matches_guesses_types_and_adds_columns(
    http: httpx.Client, service: str, conforms: Conforms
) -> None:
    """Its three steps: a sample without a type, the column with one, then columns from the matches."""
    names = ["Kouvola", "Kotka", "Hamina"]
    sample = batch(http, service, {f"q{n}": {"query": name, "limit": 3} for n, name in enumerate(names)})
    conforms("reconciliation-result-batch", sample)
    kinds = [one["id"] for answer in sample.values() for one in answer["result"][0]["type"]]
    kind = max(kinds, key=kinds.count)
    assert kind == KYM + "Municipality"

    query = {"type": kind, "type_strict": "should", "limit": 5}
    matched = batch(http, service, {f"q{n}": {"query": name} | query for n, name in enumerate(names)})
    conforms("reconciliation-result-batch", matched)
    ids = [answer["result"][0]["id"] for answer in matched.values()]
    assert ids == [ID + "place/kouvola", ID + "place/kotka", ID + "place/hamina"]
    assert all(answer["result"][0]["match"] for answer in matched.values())

    asked = {
        "ids": ids,
        "properties": [{"id": "skos:prefLabel"}, {"id": "rdf:type", "settings": {"limit": "1"}}],
    }
    extended = http.post(service, params={"lang": "sv"}, data={"extend": json.dumps(asked)}).json()
    conforms("data-extension-response", extended)
    assert [meta["id"] for meta in extended["meta"]] == ["skos:prefLabel", "rdf:type"]
    assert extended["rows"][ID + "place/hamina"] == {
        "skos:prefLabel": [{"str": "Fredrikshamn"}],
        "rdf:type": [{"id": KYM + "Municipality", "name": "kommun"}],
    }


def test_get_form_and_json_say_the_same(http: httpx.Client, service: str) -> None:
    queries = {"q0": {"query": "Kotkassa", "type": "kym:Municipality"}, "q1": {"query": "Matkailu"}}

    by_form = batch(http, service, queries)

    assert http.get(service, params={"queries": json.dumps(queries)}).json() == by_form
    assert http.post(service, json=queries).json() == by_form
    assert http.post(service, json={"queries": queries}).json() == by_form
    assert by_form["q0"]["result"][0]["id"] == ID + "place/kotka"


def test_names_come_in_the_language_of_the_address_or_the_client(http: httpx.Client, service: str) -> None:
    queries = {"q": {"query": "Kymenlaakson liitto"}}

    by_address = batch(http, service, queries, lang="sv")
    by_header = http.post(
        service, data={"queries": json.dumps(queries)}, headers={"Accept-Language": "en, sv;q=0.5"}
    ).json()

    assert by_address["q"]["result"][0]["name"] == "Kymmenedalens förbund"
    assert by_header["q"]["result"][0]["name"] == "Regional Council of Kymenlaakso"


def test_an_empty_batch_has_an_empty_answer(http: httpx.Client, service: str) -> None:
    assert batch(http, service, {}) == {}


def test_suggestions_go_on_at_the_cursor(http: httpx.Client, service: str) -> None:
    def types(cursor: int) -> list[str]:
        answer = http.get(service + "/suggest/type", params={"cursor": cursor})
        return [one["id"] for one in answer.json()["result"]]

    first, second = types(0), types(20)

    assert len(first) == 20
    assert second
    assert not set(first) & set(second)
    assert types(1000) == []


def test_parameters_that_clients_add_are_let_pass(http: httpx.Client, service: str) -> None:
    answer = http.get(service + "/suggest/type", params={"prefix": "kunt", "_": "1700000000", "all": "x"})

    assert answer.json()["result"][0]["id"] == KYM + "Municipality"


# --- in a frame, and from any origin --------------------------------------------------------------------


def test_only_the_preview_may_be_framed_and_it_runs_nothing(http: httpx.Client, service: str) -> None:
    preview = http.get(service + "/preview", params={"id": ID + "programme/maakuntaohjelma-2014-2017"})
    policy = dict(
        part.strip().split(" ", 1) for part in preview.headers["content-security-policy"].split(";")
    )

    assert policy["frame-ancestors"] == "*"
    assert policy["default-src"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert "script-src" not in policy
    assert "x-frame-options" not in preview.headers
    assert "<script" not in preview.text
    assert "Maakuntaohjelma 2014–2017" in preview.text
    assert preview.headers["x-content-type-options"] == "nosniff"
    assert len(preview.headers.get_list("content-security-policy")) == 1
    for other in ("", "/suggest/type", "/preview?id=nothing", "/view?id=nothing"):
        assert "frame-ancestors 'none'" in http.get(service + other).headers["content-security-policy"]


def test_a_preview_finds_its_style_behind_any_prefix(http: httpx.Client, service: str) -> None:
    preview = http.get(service + "/preview", params={"id": ID + "place/kotka"})

    [style] = [part.split('"')[0] for part in preview.text.split('rel="stylesheet" href="')[1:]]
    sheet = http.get(httpx.URL(service + "/preview").join(style))
    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")


def test_every_answer_may_be_read_from_any_origin(http: httpx.Client, service: str) -> None:
    origin = {"Origin": "http://127.0.0.1:3333"}
    answers = [
        http.get(service, headers=origin),
        http.post(service, data={"queries": "{}"}, headers=origin),
        http.post(service, data={"queries": "{"}, headers=origin),
        http.get(service + "/suggest/entity", params={"prefix": "k"}, headers=origin),
        http.get(service + "/propose", headers=origin),
        http.get(service + "/preview", params={"id": ID + "place/kotka"}, headers=origin),
        http.options(service, headers=origin | {"Access-Control-Request-Method": "POST"}),
    ]

    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {"*"}
    assert "POST" in answers[-1].headers["access-control-allow-methods"]


# --- hostile input --------------------------------------------------------------------------------------

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
REFUSED: list[tuple[int, str, dict[str, Any]]] = [
    (400, "bad-request", {"data": {"queries": "{"}}),
    (400, "bad-request", {"data": {"queries": "null"}}),
    (400, "bad-request", {"data": {"queries": "[" * 100_000}}),
    (400, "bad-request", {"data": {"queries": '{"q": {"query": "\\ud800"}}'}}),
    (400, "bad-request", {"data": {"queries": '{"q": {"query": "a", "limit": 1' + "0" * 5000 + "}}"}}),
    (415, "unsupported-media-type", {"content": b""}),
    (400, "bad-request", {"data": {"other": "x"}}),
    (400, "bad-request", {"data": {"queries": "{}", "extend": '{"ids": [], "properties": []}'}}),
    (400, "bad-request", {"content": b"queries=%ff", "headers": FORM}),
    (400, "bad-request", {"content": b'"\xff"', "headers": JSON}),
    (400, "bad-parameter", {"data": {"queries": "[]"}}),
    (400, "bad-parameter", {"data": {"queries": '{"q": null}'}}),
    (400, "bad-parameter", {"data": {"extend": '{"ids": "x", "properties": []}'}}),
    (400, "bad-parameter", {"data": {"extend": '{"ids": [], "properties": [{"id": "p", "settings": []}]}'}}),
    (400, "bad-parameter", {"json": [1, 2]}),
    (400, "bad-request", {"json": {"extend": None}}),
    (400, "bad-request", {"json": {"queries": None}}),
    (400, "bad-parameter", {"data": {"queries": "{}", "callback": "alert"}}),
    (413, "query-too-large", {"json": {f"q{n}": {"query": "Kotka"} for n in range(BATCH + 1)}}),
    (400, "bad-parameter", {"json": {"q": {"properties": [{"pid": "p", "v": 1}] * 1000}}}),
    (400, "bad-parameter", {"json": {"q": {"properties": [{"pid": "p", "v": [1] * 1000}]}}}),
    (413, "query-too-large", {"json": {"extend": {"ids": [str(n) for n in range(9999)], "properties": []}}}),
    (413, "body-too-large", {"data": {"queries": " " * 1_000_001}}),
    (415, "unsupported-media-type", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}),
    (415, "unsupported-media-type", {"files": {"queries": b"{}"}}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "sent"), REFUSED)
def test_what_cannot_be_read_is_refused_by_its_code(
    http: httpx.Client, service: str, status: int, code: str, sent: dict[str, Any]
) -> None:
    answer = http.post(service, **sent)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code
    assert len(answer.text) < 2_000


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("?callback=alert", 400, "bad-parameter"),
        ("?query=Kotka", 400, "bad-parameter"),
        ("?queries=%7B", 400, "bad-request"),
        ("/preview", 400, "bad-request"),
        ("/preview?id=%3Cscript%3E", 404, "not-found"),
        ("/view?id=https://evil.example/", 404, "not-found"),
        ("/view?id=//evil.example/", 404, "not-found"),
        ("/view?id=https://w3id.org/kymgraph/id/%0d%0aSet-Cookie:x", 404, "not-found"),
        ("/suggest/type?cursor=-1", 400, "bad-request"),
        ("/suggest/type?cursor=99999999999999999999", 400, "bad-request"),
        ("/propose?limit=many", 400, "bad-request"),
    ],
)
def test_bad_addresses_are_refused_by_their_code(
    http: httpx.Client, service: str, path: str, status: int, code: str
) -> None:
    answer = http.get(service + path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "text",
    [
        "\0",
        "' OR 1=1 --",
        '" NEAR(a b) *',
        "}> . ?s ?p ?o",
        "\u202e\ufeff",
        "a" * 5_000,
        "🏭" * 100,
        "%",
        "AND",
    ],
)
def test_hostile_names_are_names_that_nothing_has(http: httpx.Client, service: str, text: str) -> None:
    queries = {
        "name": {"query": text},
        "type": {"query": "Kotka", "type": text},
        "property": {"query": "Kotka", "properties": [{"pid": text, "v": text}]},
        "only": {"properties": [{"pid": "kym:area", "v": text}]},
    }

    answer = batch(http, service, queries)

    assert not any(one["match"] for query in answer.values() for one in query["result"])
    suggested = http.get(service + "/suggest/entity", params={"prefix": text[:900]})
    assert suggested.status_code == 200


def test_html_in_a_name_is_only_ever_text(http: httpx.Client, site: Any, conforms: Conforms) -> None:
    """ex:goal is called <script>alert('x')</script>."""
    service, goal = searchable(site.url + "/reconcile"), "https://example.org/kym/id/goal"

    preview = http.get(service + "/preview", params={"id": goal, "lang": "en"})
    answer = http.post(service, data={"queries": json.dumps({"q": {"query": goal}})})

    assert "<script" not in preview.text
    assert 'lang="fi">&lt;script&gt;alert(' in preview.text  # it has no name in English
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    conforms("reconciliation-result-batch", answer.json())
    assert answer.json()["q"]["result"][0]["name"] == "<script>alert('x')</script>"


def test_a_project_with_an_ontology_of_its_own_is_served_alike(
    http: httpx.Client, site: Any, conforms: Conforms
) -> None:
    service, plan = searchable(site.url + "/reconcile"), "https://example.org/kym/id/Plan"

    manifest = http.get(service).json()
    found = batch(http, service, {"q": {"query": "suunnitelma", "type": plan}})

    conforms("manifest", manifest)
    assert plan in [one["id"] for one in manifest["defaultTypes"]]
    assert found["q"]["result"][0]["id"] == "https://example.org/kym/id/plan"
    assert found["q"]["result"][0]["match"]
