"""`/api/3/action/…` over a real server: asked and answered as CKAN does, refused in its form."""

from __future__ import annotations

import datetime
import json
import time
from typing import Any

import httpx
import pytest

from tests.catalogues.importer import Importer

ACTION = "/api/3/action/"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def ckan(site: Any) -> str:
    """The address of the actions of a project without a file about its catalogue, once that is made."""
    for _ in range(100):
        if httpx.get(site.url + ACTION + "site_read", timeout=60).status_code == 200:
            break
        time.sleep(0.5)
    return f"{site.url}{ACTION}"


def result(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert set(document) == {"help", "success", "result"}
    assert document["success"] is True
    return document["result"]


def refusal(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The error in CKAN's form."""
    document: dict[str, Any] = answer.json()
    assert answer.status_code == status, document
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert set(document) == {"help", "success", "error"}
    assert document["success"] is False
    assert document["error"]["__type"] == kind
    error: dict[str, Any] = document["error"]
    return error


def test_an_action_is_asked_by_address_by_form_and_by_json_alike(http: httpx.Client, ckan: str) -> None:
    asked = {"q": "second", "rows": "2", "fl": "name"}
    url = ckan + "package_search"

    by_get = http.get(url, params=asked)

    assert result(by_get)["results"] == [{"name": "second"}]
    for answer in (
        http.post(url, data=asked),
        http.post(url, content=json.dumps(asked | {"rows": 2, "fl": ["name"]}), headers=JSON),
        http.post(url, content=json.dumps(asked), headers=FORM),  # as curl -d sends it
        http.get(url.replace("/api/3/", "/api/"), params=asked),
    ):
        assert answer.json() == by_get.json()
    help = http.get(by_get.json()["help"])
    assert "Datasets by words" in result(help)


def test_answers_are_for_every_origin_and_are_asked_again_for_free(http: httpx.Client, ckan: str) -> None:
    first = http.get(ckan + "package_list", headers={"origin": "https://catalogue.example"})

    again = http.get(ckan + "package_list", headers={"if-none-match": first.headers["etag"]})
    head = http.head(ckan + "package_list")
    preflight = http.options(ckan + "package_list", headers={"origin": "https://catalogue.example"})

    assert first.headers["access-control-allow-origin"] == "*"
    assert first.headers["kymgraph-generation"] == "1"
    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == first.headers["etag"]
    assert preflight.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert "etag" not in http.post(ckan + "package_list").headers


def test_refusals_have_the_form_of_ckan(http: httpx.Client, ckan: str) -> None:
    def ask(action: str, **asked: str) -> httpx.Response:
        return http.get(ckan + action, params=asked)

    for action in ("package_show", "organization_show", "group_show"):
        assert refusal(ask(action, id="nothing"), 404, "Not Found Error")["message"] == "Not found"
    assert refusal(ask("package_show"), 409, "Validation Error")["name_or_id"] == ["Missing value"]
    assert refusal(ask("package_search", rows="-1"), 409, "Validation Error")["rows"]
    assert "colour" in refusal(ask("package_search", fq="colour:red"), 409, "Search Error")["message"]
    assert "colour" in refusal(ask("package_search", colour="1"), 400, "Search Query Error")["message"]
    assert "sort" in refusal(ask("package_search", sort="x y"), 400, "Search Query Error")["message"]


@pytest.mark.parametrize(
    ("action", "body", "headers", "said"),
    [
        ("package_delete", "{}", JSON, "Action name not known: package_delete"),
        ("package_search", "{", JSON, "JSON Error"),
        ("package_search", "[1]", JSON, "an object"),
        ("package_search", "[" * 50_000, JSON, "JSON Error"),
        ("package_search", b"\xff", FORM, "UTF-8"),
        ("package_search", "a=1&" * 500, FORM, "200 fields"),
        ("package_search", "<a/>", {"content-type": "text/xml"}, "text/xml"),
        ("package_search", '{"callback": "alert"}', JSON, "JSONP"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_text(
    http: httpx.Client, ckan: str, action: str, body: str | bytes, headers: dict[str, str], said: str
) -> None:
    answer = http.post(ckan + action, content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json().startswith("Bad request: ")
    assert said in answer.json()


def test_a_body_without_end_and_a_method_that_writes_are_refused(http: httpx.Client, ckan: str) -> None:
    assert http.post(ckan + "package_search", content=b"x" * 200_000, headers=JSON).status_code == 413
    assert http.delete(ckan + "package_show", params={"id": "kymgraph"}).status_code == 405


def test_hostile_words_come_back_as_json_only(http: httpx.Client, ckan: str) -> None:
    for word in ("<script>alert(1)</script>", "\ud800", "a" * 3000, "\0", "%00", "name:*"):
        sent = json.dumps({"q": word, "colour": word})
        answer = http.post(ckan + "package_search", content=sent, headers=JSON)
        assert refusal(answer, 400, "Search Query Error")
        asked = http.post(ckan + "package_search", content=json.dumps({"q": word}), headers=JSON)
        assert asked.status_code in (200, 409), asked.text
        assert asked.headers["x-content-type-options"] == "nosniff"


def test_addresses_in_answers_are_below_the_public_one_and_ids_are_not(http: httpx.Client, ckan: str) -> None:
    there = ckan.replace("127.0.0.1", "localhost").removesuffix(ACTION)
    mine, theirs = (
        result(http.get(ckan + "package_show", params={"id": "kymgraph"}, headers=headers))
        for headers in ({}, {"host": there.removeprefix("http://")})
    )

    assert theirs["url"] == there + "/catalog/kymgraph"
    urls = {one["url"] for one in theirs["resources"]}
    assert all(url.startswith(there + "/") for url in urls)
    assert len(urls) == len(mine["resources"])
    assert not urls & {one["url"] for one in mine["resources"]}
    assert theirs["id"] == mine["id"]
    assert [one["id"] for one in theirs["resources"]] == [one["id"] for one in mine["resources"]]


def test_datasets_that_nobody_has_described_are_imported_too(ckan: str) -> None:
    importer = Importer(ckan.removesuffix(ACTION))

    imported = importer.run(datetime.datetime(2026, 11, 22))

    assert importer.errors == []
    assert {"first", "second", "many", "kymgraph"} <= set(imported)


def test_every_action_is_described(http: httpx.Client, ckan: str) -> None:
    document = http.get(ckan.removesuffix(ACTION) + "/openapi.json").json()
    described = {path.removeprefix(ACTION) for path in document["paths"] if path.startswith(ACTION)}

    assert described >= {
        *("package_search", "package_show", "package_list", "organization_show", "organization_list"),
        *("group_show", "group_list", "license_list", "status_show", "help_show"),
    }
    for name in described:
        assert set(document["paths"][ACTION + name]) == {"get", "post"}
        answer = http.get(ckan + name, params={"id": "kymgraph", "name": "package_show"})
        assert answer.status_code in (200, 400, 404), answer.text
