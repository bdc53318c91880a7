"""The OpenAPI document: valid, true of what the server does, and enough for a generated client."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from kymgraph.project import Project
from kymgraph.publishing.routes import load
from tests.conftest import ROOT, clean_environment
from tests.needs import need, size

BIN = Path(sys.executable).parent
#: What no schema can say: which text is SPARQL, which generation is kept (422), which resource exists (404).
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "406", "409", "410", "422", "429", "503"]

[[operations]]
include-path = "/sparql"
checks.positive_data_acceptance.enabled = false
# OpenAPI 3.1 has no word for the method QUERY, which is understood there.
checks.unsupported_method.enabled = false
checks.allow_header_conformance.enabled = false

[[operations]]
include-path = "/validate"
# Which text is Turtle or RDF/XML.
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = "/graphs"
# One of two parameters is needed, and not both.
checks.positive_data_acceptance.enabled = false
"""

#: The REST routes share their code: each boundary of each parameter is tried on two of them, at night on all.
#: So do the actions of CKAN.
FEWER = """
[[operations]]
include-path-regex = "^/api/3/action/(?!(package_search|group_show)$)"
phases.coverage.enabled = false

[[operations]]
include-path-regex = "^/api/v1/(?!(programmes|lineage)$)"
phases.coverage.enabled = false
"""


@pytest.fixture(scope="module")
def document(shipped_url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{shipped_url}/openapi.json", timeout=60).json()
    return found


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_rest_route_is_described_with_its_parameters_columns_and_formats(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    for route in load(Project.load(ROOT)):
        operation = document["paths"][f"/api/v1{route.path}"]["get"]
        assert {p["name"] for p in operation["parameters"]} >= set(route.query.params) | {
            "lang",
            "format",
            "at",
        }
        page = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[
            2
        ]
        item = schemas[page]["properties"]["items"]["items"]["$ref"].rpartition("/")[2]
        shown = set(route.columns) - ({route.tree[1]} if route.tree else set())
        assert set(schemas[item]["properties"]) - {"children"} == shown


def test_no_operation_promises_the_frameworks_own_form_of_faults(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert "429" in operation["responses"], (method, path)


def test_requests_made_from_the_description_find_no_fault(shipped_url: str, tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG + (FEWER if size(quick=1, ci=2, night=3) < 3 else ""), "utf-8")
    phases = "fuzzing" if size(quick=1, ci=2, night=3) == 1 else "coverage,fuzzing"
    run = subprocess.run(
        [
            str(BIN / "schemathesis"), "--config-file", str(config), "run", f"{shipped_url}/openapi.json",
            "--phases", phases, "--max-examples", str(size(quick=1, ci=1, night=100)),
            "--seed", "20261122", "--no-color", "--warnings", "off", "--suppress-health-check", "all",
            "--generation-database", "none", "--request-timeout", "60",
        ],
        cwd=tmp_path,
        env=clean_environment() | {
            "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks",
            "PYTHONPATH": os.pathsep.join([str(ROOT)]),
        },
        capture_output=True,
        text=True,
        timeout=size(quick=120, ci=300, night=7_200),
        check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout[-8_000:] + run.stderr[-2_000:]
    assert "No issues found" in run.stdout


def test_a_generated_client_lists_programmes(shipped_url: str, tmp_path: Path) -> None:
    generator = BIN / "openapi-python-client"
    need("openapi-python-client", generator.exists(), "openapi-python-client is not installed")
    made = subprocess.run(
        [str(generator), "generate", "--url", f"{shipped_url}/openapi.json", "--meta", "none",
         "--output-path", str(tmp_path / "graph_client"), "--overwrite"],
        cwd=tmp_path, env=clean_environment() | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert (tmp_path / "graph_client" / "client.py").exists(), made.stdout + made.stderr
    program = f"""
from graph_client import Client
from graph_client.api.programmes import rest_programmes, rest_programme
client = Client(base_url={shipped_url!r})
page = rest_programmes.sync(client=client, area="kymenlaakso", lang="en", limit=10)
print([item.programme.label for item in page.items if item.from_ == "2014"], page.total.at_least)
tree = rest_programme.sync("maakuntaohjelma-2014-2017", client=client)
print(len(tree.items), tree.items[0].element.id.rpartition("/")[2])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env=clean_environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ran.stdout == "['Regional programme 2014–2017'] False\n1 maakuntaohjelma-2014-2017\n", ran.stderr
