"""What REST routes refuse: bad parameters, files that cannot become routes, hostile values and data."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import openpyxl
import pytest

from api.rest.request import COMMON, example
from kymgraph import files
from kymgraph.errors import InputError
from kymgraph.project import Project
from kymgraph.publishing.routes import Route, load
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, ROOT
from tests.needs import size

ROUTES = load(Project.load(ROOT))
HOSTILE = [
    '"} } DELETE WHERE { ?s ?p ?o } #',
    "x> . ?s ?p ?o } LIMIT 1 #",
    "https://a.example/> ?p ?o . FILTER(1=1) #",
    "' OR 1=1 --",
    '"@en . ?s ?p ?o',
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "?programme",
    "SERVICE <http://127.0.0.1:1/> { }",
    "\u0000",
    "\ud7ff\U0001f600\u202e",
    "%00%ff",
    "{programme}",
    "9" * 400,
    "\\u003e",
    "\r\nSet-Cookie: a=b",
    "a" * 3_000,
    "",
]


@pytest.fixture(scope="module")
def client(shipped_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shipped_url, timeout=60) as client:
        yield client


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("query", "named", "hint"),
    [
        ("limit=0", "limit", "limit=100"),
        ("limit=1001", "limit", "limit=100"),
        ("limit=ten", "limit", "integer"),
        ("offset=-1", "offset", "integer"),
        ("sort=nam", "sort", "programme"),
        ("fields=", "fields", "fields=programme,from"),
        ("fields=programme,colour", "fields", "colour"),
        ("count=yes", "count", "count=true"),
        ("year=MMXVI", "year", "a whole number, as in 12"),
        ("area=a b", "area", "https://w3id.org/kymgraph/id/place/"),
        ("lmit=3", "lmit", "limit"),
        ("yaer=2016", "yaer", "year"),
        ("limit=1&limit=2", "limit", "once"),
        ("at=yesterday", "at", "2026-11-22"),
    ],
)
def test_a_bad_parameter_is_named_with_its_type_and_an_example(
    query: str, named: str, hint: str, client: httpx.Client
) -> None:
    answer = client.get(f"/api/v1/programmes?{query}")

    told = problem(answer)
    assert (answer.status_code, told["code"]) == (400, "bad-parameter")
    assert named in told["detail"]
    assert hint in told["detail"] + told.get("hint", "")


def test_a_missing_parameter_is_named_with_an_example(client: httpx.Client) -> None:
    told = problem(client.get("/api/v1/statements"))

    assert "of (iri)" in told["detail"]
    assert told["hint"].startswith("For example of=https://")


def test_an_unknown_thing_is_not_found_and_a_known_one_without_rows_is_an_empty_list(
    client: httpx.Client,
) -> None:
    unknown = client.get("/api/v1/networks/neverheard/members")
    known = client.get("/api/v1/networks/koko-verkosto/members")

    assert (unknown.status_code, problem(unknown)["code"]) == (404, "not-found")
    assert "id/network/neverheard" in unknown.json()["detail"]
    assert (known.status_code, known.json()["items"]) == (200, [])


def test_an_unknown_path_names_the_nearest_routes(client: httpx.Client) -> None:
    told = client.get("/api/v1/program")

    assert told.status_code == 404
    assert "/api/v1/programmes" in told.json()["hint"]


def test_an_unknown_format_names_those_there_are(client: httpx.Client) -> None:
    by_name = client.get("/api/v1/programmes?format=pdf")
    by_accept = client.get("/api/v1/programmes", headers={"accept": "image/png"})

    for answer in (by_name, by_accept):
        assert (answer.status_code, problem(answer)["code"]) == (406, "format-not-available")
        assert "csv (text/csv)" in answer.json()["hint"]


def test_a_route_takes_no_writes(client: httpx.Client) -> None:
    assert client.post("/api/v1/programmes", content=b"{}").status_code == 405


@pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
def test_hostile_values_in_every_parameter_change_nothing(route: Route, client: httpx.Client) -> None:
    before = client.get("/api/v1/statistics/graphs").json()
    # In a quick run each parameter meets a few of the values, another few than its neighbours do.
    many = size(quick=3, ci=9, night=len(HOSTILE))
    turn = ROUTES.index(route)
    whole = {json.dumps(item) for item in client.get(example(route)).json()["items"]}
    url = httpx.URL(example(route))
    for number, name in enumerate([*route.query.params, *COMMON, "unknown"]):
        for value in [HOSTILE[(turn + number + n * 5) % len(HOSTILE)] for n in range(many)]:
            if name in route.path_params:
                asked = httpx.URL(example(route)).copy_with(
                    raw_path=example(route)
                    .replace(quote(route.query.example[name], safe=""), quote(value or " ", safe=""))
                    .encode()
                )
            else:
                asked = url.copy_set_param(name, value)
            answer = client.get(asked)

            assert answer.status_code in (200, 400, 404, 406, 422), (name, value, answer.text)
            assert "set-cookie" not in answer.headers
            if answer.status_code != 200:
                problem(answer)
            elif name not in ("lang", "offset"):
                # A text that is a good value finds nothing; it never finds more than the example.
                assert {json.dumps(item) for item in answer.json()["items"]} <= whole, (name, value)
    assert client.get("/api/v1/statistics/graphs").json() == before


# --- files ------------------------------------------------------------------------------------------------

GOOD = """#+ path: /plans/{plan}
#+ params: {plan: slug:plan, year: integer?}
#+ example: {plan: a}
#+ returns: {part: thing, n: integer}
PREFIX x: <http://x.example/>
SELECT ?part ?n WHERE {
  ?plan x:part ?part .
  OPTIONAL { ?part x:n ?n }
  FILTER(!BOUND(?year) || ?n = ?year)
} ORDER BY ?n
"""


@pytest.mark.parametrize(
    ("was", "now", "line", "said"),
    [
        ("?plan x:part", "?plan x:part x:y", 7, "cannot stand here"),
        ("x:part ?part .", "y:part ?part .", 7, "unknown prefix y:"),
        ("SELECT ?part ?n WHERE", "SELECT * WHERE", 6, "which columns"),
        ("SELECT ?part ?n WHERE", "CONSTRUCT { ?part x:n ?n } WHERE", 1, "lists rows"),
        ("ORDER BY ?n", "ORDER BY ?n LIMIT 5", 10, "LIMIT"),
        ("ORDER BY ?n", "ORDER BY ?year", 10, "no column"),
        ("ORDER BY ?n", "ORDER BY RAND()", 1, "another answer each time"),
        ("{part: thing, n: integer}", "{part: thing}", 4, "SELECT gives part, n"),
        ("{part: thing, n: integer}", "{part: thing, n: number}", 4, "'number'"),
        ("/plans/{plan}", "plans/{plan}", 1, "is no path"),
        ("/plans/{plan}", "/plans/{plna}", 1, "plna"),
        ("/plans/{plan}", "/plans/{year}", 1, "year"),
        ("year: integer?", "limit: integer?", 2, "every route has"),
        ("#+ example: {plan: a}", "#+ example: {plan: a b}", 3, "cannot be bound"),
        ("#+ example: {plan: a}", "#+ tags: [one]", 2, "no example"),
        ("slug:plan", "slog", 0, "'slog'"),
        ("#+ params", "#+ params {", 2, "not front matter"),
        ("WHERE {", "FROM <http://x.example/g> WHERE {", 6, "FROM"),
    ],
)
def test_a_file_that_cannot_be_a_route_is_refused_with_its_line_and_what_to_mend(
    was: str, now: str, line: int, said: str, make_project: Any
) -> None:
    text = GOOD.replace(was, now)
    text = text.replace("?year", "?limit") if "limit: integer?" in now else text
    assert text != GOOD
    project = make_project({"api/queries/plans.rq": text})

    with pytest.raises(InputError) as refused:
        load(project)

    told = f"{refused.value.message} {refused.value.hint}"
    assert "api/queries/plans.rq" + (f":{line}:" if line else ":") in told
    assert said in told
    assert refused.value.hint


def test_two_files_cannot_stand_at_one_path(make_project: Any) -> None:
    project = make_project({"api/queries/a.rq": GOOD, "api/queries/b.rq": GOOD.replace("{plan}", "{plan}")})

    with pytest.raises(
        InputError, match=r"api/queries/b\.rq: /plans/\{plan\} is the path of api/queries/a\.rq"
    ):
        load(project)


def test_a_server_does_not_start_with_a_wrong_file(make_project: Any, serve: Any, tmp_path: Path) -> None:
    project = make_project({"api/queries/plans.rq": GOOD.replace("x:n ?n", "x:n ?n ?m"), "data/a.ttl": ""})
    read = files.read(project)
    EmbeddedStore(tmp_path / "store").build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests
    )

    with pytest.raises(RuntimeError, match=r"api/queries/plans\.rq:8: .*no route was made"):
        serve(project.folder, tmp_path / "store")


# --- foreign data -----------------------------------------------------------------------------------------

FOREIGN = """@prefix i: <https://w3id.org/kymgraph/id/plan/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
i:a x:part i:formula , i:twins , i:number , i:chinese , i:loop , "a text instead of a thing" .
i:formula skos:prefLabel "=HYPERLINK(\\"http://x.example\\")"@fi ; x:n "ten" ; x:wkt "POINT (26.7 60.87)" .
i:twins skos:prefLabel "yksi"@fi , "kaksi"@fi , "two"@en ; x:n "INF"^^xsd:double ; x:wkt "POINT (5000 6750)" .
i:number skos:prefLabel "@sum" ; x:n 12345678901234567890123 ; x:wkt "POINT (" .
i:chinese skos:prefLabel "计划"@zh ; rdfs:label "-1+1"@en-GB ; x:n 1.50 .
i:loop x:part i:loop , i:a ; skos:prefLabel "\\u0001\\u0008 control"@fi .
"""
LISTED = """#+ path: /parts/{plan}
#+ params: {plan: slug:plan}
#+ example: {plan: a}
#+ returns: {part: thing, n: integer, m: decimal, value: any, geometry: wkt}
PREFIX x: <http://x.example/>
SELECT ?part ?n (?n AS ?m) (?n AS ?value) ?geometry WHERE {
  ?plan x:part ?part . OPTIONAL { ?part x:n ?n } OPTIONAL { ?part x:wkt ?geometry }
}
"""
TREE = """#+ path: /tree/{plan}
#+ params: {plan: slug:plan}
#+ example: {plan: a}
#+ returns: {part: thing, above: thing}
#+ tree: {node: part, parent: above}
PREFIX x: <http://x.example/>
SELECT ?part ?above WHERE { { BIND(?plan AS ?part) } UNION { ?plan x:part* ?above . ?above x:part ?part } }
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory, serve: Any) -> Iterator[httpx.Client]:
    """A server over another project, whose data keep to no shapes."""
    folder = tmp_path_factory.mktemp("foreign")
    for name, text in {
        "kymgraph.toml": "",
        "data/a.ttl": PREFIXES + FOREIGN,
        "api/queries/parts.rq": LISTED,
        "api/queries/tree.rq": TREE,
        "api/queries/bare.rq": "SELECT ?s ?o WHERE { ?s <http://x.example/part> ?o }",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    project = Project.load(folder)
    read = files.read(project)
    EmbeddedStore(folder / "store").build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests
    )
    with httpx.Client(base_url=serve(folder, folder / "store"), timeout=60) as client:
        yield client


def test_another_project_has_the_routes_of_its_own_folder(foreign: httpx.Client) -> None:
    paths = [entry["path"] for entry in foreign.get("/api/v1").json()["routes"]]

    assert paths == ["/api/v1/bare", "/api/v1/parts/{plan}", "/api/v1/tree/{plan}"]
    assert foreign.get("/api/v1/bare").json()["items"][0]["o"]["type"] in ("iri", "literal")


def test_data_that_are_not_of_a_columns_type_give_null_and_no_fault(foreign: httpx.Client) -> None:
    items = foreign.get("/api/v1/parts/a?sort=part").json()["items"]

    by_id = {str(item["part"]["id"]).rpartition("/")[2]: item for item in items}
    assert len(items) == 6
    assert (by_id["formula"]["n"], by_id["formula"]["value"]["value"]) == (None, "ten")
    assert by_id["twins"]["part"]["label"] == "kaksi"  # the first by text of two in one language
    assert (by_id["twins"]["m"], by_id["number"]["n"]) == (None, 12345678901234567890123)
    assert (by_id["number"]["part"]["label"], by_id["number"]["part"]["lang"]) == ("@sum", None)
    assert (by_id["chinese"]["m"], by_id["chinese"]["part"]["lang"]) == (1.5, "en-gb")
    assert {item["part"]["label"] for item in items if item["part"]["id"] is None} >= {
        "a text instead of a thing"
    }


def test_cells_that_look_like_formulas_stay_text_in_a_workbook(foreign: httpx.Client) -> None:
    answer = foreign.get("/api/v1/parts/a?format=xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    labels = {cell.value: cell.data_type for cell in sheet["B"]}
    table = foreign.get("/api/v1/parts/a?format=csv").text

    assert labels['=HYPERLINK("http://x.example")'] == "s"
    assert {"@sum", "-1+1"} <= set(labels)
    assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)
    assert 'HYPERLINK(""http://x.example"")' in table
    assert len(list(csv.reader(io.StringIO(table)))) == 7


def test_only_coordinates_in_degrees_become_a_geometry(foreign: httpx.Client) -> None:
    features = foreign.get("/api/v1/parts/a?format=geojson").json()["features"]

    found = {str(feature["id"]).rpartition("/")[2]: feature["geometry"] for feature in features}
    assert found["formula"] == {"type": "Point", "coordinates": [26.7, 60.87]}
    assert {geometry for name, geometry in found.items() if name != "formula"} == {None}


def test_a_tree_that_leads_back_to_itself_ends(foreign: httpx.Client) -> None:
    for format in ("json", "jsonld", "csv", "xlsx"):
        answer = foreign.get(f"/api/v1/tree/a?format={format}")
        assert answer.status_code == 200, answer.text
    assert foreign.get("/api/v1/parts/a?format=jsonld").status_code == 200
