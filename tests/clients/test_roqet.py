"""roqet, Rasqal's command in C, against a real server. Over the protocol it reads SELECT alone."""

from __future__ import annotations

import csv
import shutil
import subprocess
from decimal import Decimal

import pytest

from tests.clients.conftest import GRAPH, Site, X
from tests.needs import need


@pytest.fixture(scope="module", autouse=True)
def roqet() -> None:
    need("roqet", shutil.which("roqet"), "roqet is not installed (Debian's package rasqal-utils)")


def ask(site: Site, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["roqet", "-q", "-p", site.sparql, "-r", "csv", *more, "-e", f"PREFIX x: <{X}> {text}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_select_is_answered(programmes: Site) -> None:
    done = ask(programmes, "SELECT ?m ?e { ?m a x:Measure ; x:euros ?e } ORDER BY ?e")

    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = csv.reader(done.stdout.splitlines())
    assert header == ["m", "e"]
    assert [(m, Decimal(e)) for m, e in rows] == [
        (X + "rail", Decimal("800.25")),
        (X + "quay", Decimal("1200.50")),
    ]


def test_a_named_graph_as_data_is_the_default_graph(programmes: Site) -> None:
    done = ask(programmes, "SELECT ?p { ?p a x:Programme }", "-D", GRAPH + "north")

    assert done.stdout.split() == ["p", X + "forests"]


def test_a_query_with_an_error_is_refused(programmes: Site) -> None:
    done = ask(programmes, "SELECT ?m { ?m a x:Measure ")

    assert done.returncode == 1
    assert "400" in done.stderr
