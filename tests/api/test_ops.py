"""Operations: health, readiness, metrics, documentation, headers, rate limit."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families


def test_health_and_ready(site: Any, http: httpx.Client) -> None:
    health, ready = http.get(site.url + "/health"), http.get(site.url + "/ready")

    assert health.json()["status"] == "ok"
    assert health.json()["sandbox"] in ("seccomp", "token-check")
    assert (ready.status_code, ready.json()["generation"]) == (200, 1)


def test_metrics_can_be_read_by_prometheus(site: Any, http: httpx.Client) -> None:
    http.get(site.sparql, params={"query": "ASK {}"})
    http.get(site.url + "/nowhere")

    families = {
        family.name: family for family in text_string_to_metric_families(http.get(site.url + "/metrics").text)
    }

    counted = {(s.labels["route"], s.labels["status"]) for s in families["kymgraph_http_requests"].samples}
    assert {("/sparql", "200"), ("other", "404")} <= counted
    assert {
        "kymgraph_query_seconds",
        "kymgraph_cache_lookups",
        "kymgraph_workers",
        "kymgraph_generation",
    } <= set(families)


def test_the_interface_is_described_to_machines_and_people(site: Any, http: httpx.Client) -> None:
    document = http.get(site.url + "/openapi.json").json()
    page = http.get(site.url + "/docs")

    assert document["openapi"].startswith("3.1")
    assert {"/sparql", "/graphs", "/graph/{name}", "/validate", "/examples", "/health"} <= set(
        document["paths"]
    )
    assert "<code>GET /sparql</code>" in page.text
    assert 'id="query-timeout"' in page.text  # what the type of a problem points to


@pytest.mark.parametrize(
    "path",
    ["/sparql", "/sparql?query=ASK%7B%7D", "/sparql?query=no", "/graphs", "/docs", "/nowhere",
     "/static/icon.svg", "/health"],
)  # fmt: skip
def test_every_response_is_guarded_and_readable_from_everywhere(
    site: Any, http: httpx.Client, path: str
) -> None:
    headers = http.get(
        site.url + path, headers={"Accept": "text/html", "Origin": "https://a.example"}
    ).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    assert "set-cookie" not in headers


def test_a_preflight_allows_reading_and_nothing_else(site: Any, http: httpx.Client) -> None:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}

    response = http.options(site.sparql, headers=asked)

    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"
    assert "authorization" not in response.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/health"), ("DELETE", "/docs"), ("POST", "/examples")]
)
def test_another_method_is_a_405_with_allow(site: Any, http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, site.url + path)

    assert (response.status_code, response.json()["code"]) == (405, "method-not-allowed")
    assert "GET" in response.headers["allow"]


def test_an_unknown_path_is_a_404_problem(site: Any, http: httpx.Client) -> None:
    response = http.get(site.url + "/nowhere", headers={"Accept-Language": "en"})

    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json()["code"], response.json()["title"]) == ("not-found", "Not found")


def test_too_many_requests_are_told_when_to_come_back(built: Any, serve: Any, http: httpx.Client) -> None:
    url = serve(built.project, built.store, rate_limit=5)

    statuses = [http.get(url + "/sparql", params={"query": "ASK {}"}).status_code for _ in range(12)]
    last = http.get(url + "/sparql", params={"query": "ASK {}"})

    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert last.json()["code"] == "too-many-requests"
    assert 1 <= int(last.headers["retry-after"]) <= 60
    assert http.get(url + "/health").status_code == 200  # monitors are not counted
