"""Comunica, a query engine in JavaScript, against real servers: one alone, and two joined in one query."""

from __future__ import annotations

import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tests.clients.conftest import Site, X
from tests.needs import need

HERE = Path(__file__).parent
COMMAND = HERE / "node_modules" / ".bin" / "comunica-sparql"
PREFIX = f"PREFIX x: <{X}> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "


@pytest.fixture(scope="module", autouse=True)
def comunica() -> None:
    need(
        "comunica",
        shutil.which("node") and COMMAND.exists(),
        "Comunica is not installed; with Node.js there, `npm ci --prefix tests/clients` installs it",
    )


def ask(text: str, *sources: str, form: str = "application/sparql-results+json") -> str:
    done = subprocess.run(
        [COMMAND, *sources, PREFIX + text, "-t", form, "--lenient"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr, done.stderr
    return done.stdout


def rows(text: str, *sources: str) -> list[dict[str, str]]:
    found = json.loads(ask(text, *sources))["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in found]


def test_it_recognises_the_endpoint_by_itself_and_asks_it(programmes: Site) -> None:
    """Comunica is only given the address: the service description tells it what is there."""
    found = rows("SELECT ?m ?e { ?m a x:Measure ; x:euros ?e } ORDER BY ?e", programmes.sparql)

    assert [(row["m"], Decimal(row["e"])) for row in found] == [
        (X + "rail", Decimal("800.25")),
        (X + "quay", Decimal("1200.50")),
    ]


def test_a_construct_comes_back_as_triples(programmes: Site) -> None:
    text = "CONSTRUCT { ?p x:has ?m } WHERE { ?m x:of ?p }"

    lines = ask(text, f"sparql@{programmes.sparql}", form="application/n-triples").splitlines()

    assert sorted(line for line in lines if line) == [
        f"<{X}ports> <{X}has> <{X}{measure}> ." for measure in ("quay", "rail")
    ]


def test_two_endpoints_answer_one_query_together(programmes: Site, regions: Site) -> None:
    """Programmes are known to one server only, their regions' people to the other only."""
    text = (
        "SELECT ?p ?name ?people { ?p a x:Programme ; x:region ?r . ?r rdfs:label ?name ; x:people ?people }"
    )

    found = rows(text, programmes.sparql, regions.sparql)

    assert sorted((row["p"], row["name"], row["people"]) for row in found) == [
        (X + "forests", "Savo", "245000"),
        (X + "ports", "Kymenlaakso", "158000"),
    ]
    assert rows(text, programmes.sparql) == []
