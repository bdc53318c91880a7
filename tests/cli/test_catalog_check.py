"""`kymgraph catalog check` as a person runs it: what it prints, what it may ask, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from kymgraph.cli.app import app
from kymgraph.dataset import Dataset
from tests.localserver import Server, leads_to, says

from ..conftest import ROOT, Kymgraph, Serve
from ..needs import size

WHOLE = (ROOT / "tests/quality/whole.ttl").read_text("utf-8")
TURTLE = {"Content-Type": "text/turtle"}


def run(*args: str | Path) -> Result:
    """The command in this process, which is quicker; what it prints and its exit status are the same."""
    return CliRunner().invoke(app, ["catalog", "check", *map(str, args)])


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("KYMGRAPH_"):
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[Server]:
    with contextlib.closing(Server()) as running:
        running.answers |= {"/a": says(), "/a.csv": says()}
        yield running


def test_our_own_catalogue_violates_nothing_and_loses_no_point(shipped: Dataset, shared: Path) -> None:
    """Out of the store, without a server: of the addresses nothing is known then."""
    place = ("--project", shipped.project.folder, "--store", shipped.store.folder)
    assert CliRunner().invoke(app, ["dumps", *map(str, place)]).exit_code == 0

    done = run("--no-urls", "--shapes", shared / "dcat-ap", "--lang", "fi", *place)

    count = len(shipped.project.sources) + 1  # one for each source document, one for the whole
    assert done.stdout.startswith(f"http://127.0.0.1:8000/catalog: aineistoja {count}, jakeluja {6 * count},")
    assert "enintään 405 / 405 (erinomainen), varmoja 325" in done.stdout
    assert "DCAT-AP-säännöt (3.0.1): virheitä 0," in done.stdout
    assert done.exit_code == 0


@pytest.mark.skipif(not size(quick=0, ci=1, night=1), reason="starts a server: ci, night")
def test_our_own_catalogue_gets_all_405_points_where_it_is_served(
    shipped: Dataset, serve: Serve, shared: Path, kymgraph: Kymgraph, tmp_path: Path
) -> None:
    url = serve(shipped.project.folder, shipped.store.folder)
    shapes = shared / "dcat-ap"

    done = kymgraph(
        "catalog", "check", f"{url}/catalog?limit=4", "--shapes", shapes, "--format", "json", cwd=tmp_path
    )

    told = json.loads(done.stdout)
    assert [dataset["points"] for dataset in told["datasets"]] == [405] * (len(shipped.project.sources) + 1)
    assert (told["pages"], told["shapes"]["violations"], told["notes"]) == (2, 0, [])
    assert all(asked["status"] == 200 and asked["method"] == "HEAD" for asked in told["urls"])
    assert done.returncode == 0


def test_a_lost_point_is_exit_status_1_and_what_to_mend_is_said(server: Server) -> None:
    text = WHOLE.replace("http://files.example", server.at("")).replace('dcat:keyword "alue"@fi ;', "")
    server.answers["/catalog"] = says(text.encode(), headers=TURTLE)

    done = run(server.at("/catalog"), "--lang", "fi")

    assert done.exit_code == 1
    assert "→ Lisää aineistolle vähintään yksi avainsana (dcat:keyword)." in done.stdout
    assert "enintään 375 / 405 (erinomainen), varmoja 345" in done.stdout
    assert done.stderr == ""


def test_hosts_that_nobody_named_are_not_asked(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.ttl"
    file.write_text(WHOLE.replace("http://files.example", server.at("")))

    unnamed = run(file, "--lang", "en")
    asked_before = len(server.asked)
    named = run(file, "--allow", server.listed, "--format", "json")

    assert asked_before == 0
    assert f"{server.listed} is not on the list of hosts that may be asked" in unnamed.stdout
    assert "Say which hosts may be asked: --allow HOST:PORT" in unnamed.stdout
    assert json.loads(named.stdout)["points"] == 375
    assert (unnamed.exit_code, named.exit_code) == (0, 0)


@pytest.mark.parametrize(
    ("path", "status", "says_"),
    [
        ("/broken", 3, "answered with status 500; nothing was checked"),
        ("/html", 2, "which is no RDF; nothing was checked"),
        ("/elsewhere", 6, "10.0.0.1:80 is not on the list"),
        ("nothing.ttl", 2, "could not be read: No such file"),
        ("ftp://x.example/", 2, "could not be read"),
        (None, 3, "no store"),
    ],
)
def test_what_cannot_be_checked_ends_with_its_own_status_and_a_next_step(
    path: str | None, status: int, says_: str, server: Server, tmp_path: Path
) -> None:
    server.answers |= {
        "/broken": says(b"", 500),
        "/html": says(b"<p>", headers={"Content-Type": "text/html"}),
        "/elsewhere": leads_to("http://10.0.0.1/"),
    }
    where = [] if path is None else [server.at(path) if path.startswith("/") else path]

    done = run(*where, "--project", ROOT, "--store", tmp_path / "none")

    assert done.exit_code == status, done.stderr
    assert says_ in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
