"""The REST routes over the project of this repository: every file a route, its example, its formats.

What the routes must give stands in `expected/`, read from the documents before the routes were asked.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from pyld import jsonld

from api.rest.request import FORMATS, example, formats
from kymgraph.project import Project
from kymgraph.publishing.routes import Route, load
from tests.conftest import ROOT

EXPECTED = Path(__file__).parent / "expected"
BASE = "https://w3id.org/kymgraph/"
ROUTES = load(Project.load(ROOT))
IDS = [route.name for route in ROUTES]
LISTS = [route for route in ROUTES if not route.tree]
#: Those whose example needs a history or a harvest, which the store of this test does not have.
EMPTY = {"changes", "theme-datasets"}
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "decimal": (int, float),
    "boolean": (bool,),
    "lang-string": (dict,),
}


@pytest.fixture(scope="module")
def ask(shipped_url: str) -> Any:
    """ask("/api/v1/programmes", format="csv"): a response of the server."""
    with httpx.Client(base_url=shipped_url, timeout=60, headers={"accept-language": "fi"}) as client:

        def get(path: str, headers: dict[str, str] | None = None, **params: object) -> httpx.Response:
            url = httpx.URL(path)
            return client.get(url.copy_merge_params({k: str(v) for k, v in params.items()}), headers=headers)

        yield get


def rows(route: Route, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a list, or the nodes of a tree as they would be listed."""
    if not route.tree:
        items: list[dict[str, Any]] = body["items"]
        return items
    node, parent = route.tree
    found = []

    def walk(item: dict[str, Any], above: dict[str, Any] | None) -> None:
        found.append({**item, parent: above and above[node]})
        for child in item["children"]:
            walk(child, item)

    for item in body["items"]:
        walk(item, None)
    return found


def short(value: Any) -> str:
    """A value as the files of expected rows write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        value = value.get("id") or value.get("value") or value.get("label")
    text = str(value)
    if re.match(r"https?://", text):
        text = text.removeprefix(BASE + "id/").removeprefix(BASE)
        return re.split(r"[#]", text)[-1] if "#" in text else text
    return text


def expected(name: str) -> tuple[Counter[tuple[str, ...]], list[str], bool]:
    whole = EXPECTED / f"{name}.csv"
    file = whole if whole.exists() else EXPECTED / f"{name}.some.csv"
    with file.open(newline="", encoding="utf-8") as stream:
        columns, *lines = csv.reader(stream)
    return Counter(map(tuple, lines)), columns, file == whole


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_the_example_of_a_route_gives_the_rows_read_from_the_documents(route: Route, ask: Any) -> None:
    wanted, columns, whole = expected(route.name)

    answer = ask(example(route))

    assert answer.status_code == 200, answer.text
    found = Counter(tuple(short(row[c]) for c in columns) for row in rows(route, answer.json()))
    assert wanted <= found
    if whole:
        assert found == wanted


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_every_value_is_of_its_columns_type(route: Route, ask: Any) -> None:
    body = ask(example(route)).json()

    assert rows(route, body) or route.name in EMPTY
    for row in rows(route, body):
        assert set(route.columns) <= set(row)
        for column, kind in route.columns.items():
            value = row[column]
            if value is None:
                continue
            if kind in ("thing", "class"):
                assert set(value) == {"id", "label", "lang"}
                assert value["id"]
            elif kind == "any":
                assert set(value) == {"type", "value", "datatype", "lang"}
            else:
                assert type(value) in JSON_TYPES.get(kind, (str,))


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_a_route_says_in_three_languages_what_it_tells_and_which_question_it_answers(route: Route) -> None:
    assert set(route.query.summary) == {"fi", "sv", "en"}
    assert route.query.answers
    assert all((ROOT / "tests" / "questions" / f"{name}.rq").exists() for name in route.query.answers)
    assert route.query.returns


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_every_format_of_a_route_holds_the_same_things(route: Route, ask: Any) -> None:
    things = [c for c, kind in route.columns.items() if kind == "thing"]
    in_json = rows(route, ask(example(route)).json())
    by_name = {name: ask(example(route), format=name) for name in formats(route)}
    by_accept = {name: ask(example(route), headers={"accept": FORMATS[name]}) for name in formats(route)}

    for name, answer in by_name.items():
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(FORMATS[name])
        assert (answer.headers["kymgraph-generation"], answer.headers["etag"]) == (
            "1",
            by_accept[name].headers["etag"],
        )
        assert answer.content == by_accept[name].content
    in_csv = list(csv.DictReader(io.StringIO(by_name["csv"].text)))
    sheet = openpyxl.load_workbook(io.BytesIO(by_name["xlsx"].content)).active
    header, *cells = ([*row] for row in sheet.iter_rows(values_only=True))
    assert len(in_csv) == len(cells) == len(in_json)
    assert header == (list(in_csv[0]) if in_csv else by_name["csv"].text.strip().split(","))
    for column in things:
        given = Counter(row[column]["id"] if row[column] else "" for row in in_json)
        assert Counter(row[column] for row in in_csv) == given
        assert Counter(row[header.index(column)] or "" for row in cells) == given
    if "jsonld" in by_name and route.subject:
        column = route.tree[0] if route.tree else route.subject
        assert linked_ids(by_name["jsonld"].json()) >= {row[column]["id"] for row in in_json if row[column]}
    if "geojson" in by_name:
        features = by_name["geojson"].json()["features"]
        assert [feature["id"] for feature in features] == [row[route.subject]["id"] for row in in_json]
        assert {feature["geometry"] for feature in features} == {None}  # the documents print no coordinates


def linked_ids(document: Any) -> set[str]:
    if isinstance(document, list):
        return set().union(*map(linked_ids, document)) if document else set()
    if not isinstance(document, dict):
        return set()
    own = {document["id"]} if "id" in document else set()
    return own.union(*(linked_ids(value) for value in document.values()))


def test_json_ld_read_as_rdf_is_what_the_graph_states(ask: Any) -> None:
    context = ask("/context.jsonld").json()

    def loader(url: str, options: Any) -> Any:
        assert url.endswith("/context.jsonld")
        return {
            "contentType": "application/ld+json",
            "contextUrl": None,
            "documentUrl": url,
            "document": context,
        }

    document = ask("/api/v1/programmes", format="jsonld", area="kymenlaakso").json()
    quads = jsonld.to_rdf(document, {"documentLoader": loader})["@default"]
    read = {(q["subject"]["value"], q["predicate"]["value"], q["object"]["value"]) for q in quads}

    text = (
        "SELECT ?s ?p ?o { ?s a <https://w3id.org/kymgraph/ontology#Programme> ;"
        f" <https://w3id.org/kymgraph/ontology#area> <{BASE}id/place/kymenlaakso> ; ?p ?o }}"
    )
    answer = ask("/sparql", query=text, format="json").json()["results"]["bindings"]
    stated = {(b["s"]["value"], b["p"]["value"], b["o"]["value"]) for b in answer}
    assert len(stated) > 20
    subjects = {s for s, _, _ in stated}
    assert {triple for triple in read if triple[0] in subjects} == stated


def test_a_tree_nests_the_measures_of_a_programme_below_its_priorities(ask: Any) -> None:
    (programme,) = ask("/api/v1/programmes/maakuntaohjelma-2014-2017", lang="en").json()["items"]

    priorities = [c for c in programme["children"] if short(c["kind"]) == "Priority"]
    assert [p["ordinal"] for p in priorities] == [1, 2, 3, 4]
    measures = [[m for m in p["children"] if short(m["kind"]) == "Measure"] for p in priorities]
    assert [len(m) for m in measures] == [4, 4, 4, 4]  # D0:31-34, 39-42, 46-49, 53-56
    linked = ask("/api/v1/programmes/maakuntaohjelma-2014-2017", format="jsonld").json()
    (root,) = linked["@graph"]
    assert root["id"].endswith("/programme/maakuntaohjelma-2014-2017")
    nested = [e for e in root["elements"] if e["type"] == "Priority"]
    assert sorted(e["ordinal"] for e in nested) == ["1", "2", "3", "4"]
    assert all(len([m for m in e["elements"] if m["type"] == "Measure"]) == 4 for e in nested)


@pytest.mark.parametrize("route", LISTS, ids=[route.name for route in LISTS])
def test_pages_put_together_are_the_whole_list_each_row_once(route: Route, ask: Any) -> None:
    whole = ask(example(route), limit=1000).json()
    if len(whole["items"]) > 60:
        whole["items"] = whole["items"][:40]
    size = max(1, len(whole["items"]) // 3)

    page = ask(example(route), limit=size)
    pieces = page.json()["items"]
    while len(pieces) < len(whole["items"]):
        link = re.search(r'<([^>]*)>; rel="next"', page.headers["link"])
        assert link
        assert link[1] == page.json()["next"]
        page = ask(link[1])
        assert 'rel="prev"' in page.headers["link"]
        pieces += page.json()["items"]

    assert pieces[: len(whole["items"])] == whole["items"]


def test_links_are_first_prev_and_next_and_keep_the_other_parameters(ask: Any) -> None:
    answer = ask("/api/v1/actors", limit=5, offset=8, sort="-actor", lang="sv")

    links = {rel: url for url, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["link"])}
    assert set(links) == {"first", "prev", "next"}
    assert {rel: httpx.URL(url).params.get("offset") for rel, url in links.items()} == {
        "first": None, "prev": "3", "next": "13",
    }  # fmt: skip
    assert {httpx.URL(url).params["sort"] for url in links.values()} == {"-actor"}
    assert (
        ask(links["first"]).json()["items"][:5]
        == ask("/api/v1/actors", sort="-actor", lang="sv").json()["items"][:5]
    )


def test_a_count_has_a_ceiling_and_is_exact_below_it(ask: Any) -> None:
    page = ask("/api/v1/actors", limit=2).json()
    counted = ask("/api/v1/actors", limit=2, count="true").json()
    all_of_them = ask("/api/v1/actors", limit=1000).json()

    assert page["total"] == {"count": 3, "atLeast": True}
    assert counted["total"] == {"count": len(all_of_them["items"]), "atLeast": False} == all_of_them["total"]


def test_sorting_by_a_thing_sorts_by_its_label_in_the_language_asked_for(ask: Any) -> None:
    for lang in ("fi", "sv", "en"):
        labels = [i["actor"]["label"] for i in ask("/api/v1/actors", sort="actor", lang=lang).json()["items"]]
        down = [i["actor"]["label"] for i in ask("/api/v1/actors", sort="-actor", lang=lang).json()["items"]]
        assert labels == sorted(labels, key=str.lower)
        assert [label.lower() for label in down] == sorted((label.lower() for label in down), reverse=True)
    assert {i["actor"]["lang"] for i in ask("/api/v1/actors", lang="sv").json()["items"]} <= {"sv", "fi"}


def test_fields_leaves_the_other_columns_out_of_every_format(ask: Any) -> None:
    body = ask("/api/v1/programmes", fields="until,programme").json()
    table = ask("/api/v1/programmes", fields="until,programme", format="csv").text

    assert {tuple(item) for item in body["items"]} == {("programme", "until")}
    assert table.splitlines()[0] == "programme,programme_label,until"


def test_an_unknown_language_falls_back_on_what_the_reader_accepts_then_finnish(ask: Any) -> None:
    path = "/api/v1/programmes"
    assert ask(path, lang="de").headers["content-language"] == "fi"
    assert (
        ask(path, headers={"accept-language": "sv, en;q=0.5"}, lang="de").headers["content-language"] == "sv"
    )
    assert ask(path, headers={"accept-language": "de"}).headers["content-language"] == "fi"


def test_an_answer_has_an_etag_and_is_not_sent_twice(ask: Any) -> None:
    first = ask("/api/v1/programmes")
    again = ask("/api/v1/programmes", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_the_list_of_routes_names_every_file_and_its_examples_work(ask: Any) -> None:
    listed = ask("/api/v1", lang="sv").json()["routes"]

    assert [entry["path"] for entry in listed] == ["/api/v1" + route.path for route in ROUTES]
    assert listed[0]["summary"] == ROUTES[0].query.summary["sv"]
    assert all(ask(entry["example"]).status_code == 200 for entry in listed[::7])


def test_an_older_generation_can_be_asked_for_by_number(ask: Any) -> None:
    assert ask("/api/v1/statistics", at="1").json() == ask("/api/v1/statistics").json()
    refused = ask("/api/v1/statistics", at="99")
    assert (refused.status_code, refused.json()["code"]) == (422, "generation-not-kept")


def test_the_context_is_made_of_the_ontology_and_always_the_same(ask: Any) -> None:
    context = ask("/context.jsonld")

    terms = context.json()["@context"]
    assert terms["Programme"] == {"@id": "https://w3id.org/kymgraph/ontology#Programme"}
    assert terms["confidence"]["@id"] == "https://w3id.org/kymgraph/ontology#confidence"
    assert context.headers["content-type"] == "application/ld+json"
    assert json.loads(ask("/context.jsonld").text) == context.json()
