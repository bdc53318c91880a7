"""`kymgraph search`: what is found on the command line, in each form."""

from __future__ import annotations

import csv
import io
import json

from kymgraph.dataset import Dataset
from tests.conftest import ROOT, Kymgraph

ID = "https://w3id.org/kymgraph/id/"


def test_a_thing_is_found_by_an_inflected_word_in_each_form(kymgraph: Kymgraph, shipped: Dataset) -> None:
    asked = ["search", "kyberturvallisuutta", "--lang", "fi", "--store", str(shipped.store.folder)]

    table = kymgraph(*asked, cwd=ROOT)
    as_json = json.loads(kymgraph(*asked, "--format", "json", "--limit", "1", cwd=ROOT).stdout)
    as_csv = list(csv.reader(io.StringIO(kymgraph(*asked, "--format", "csv", cwd=ROOT).stdout)))

    assert table.returncode == 0, table.stderr
    assert table.stdout.splitlines()[0].split() == ["kyberturvallisuus", ID + "theme/kyberturvallisuus"]
    assert [hit["iri"] for hit in as_json["hits"]] == [ID + "theme/kyberturvallisuus"]
    assert as_json["generation"] == 1
    assert as_csv[0] == ["iri", "label", "score", "type"]
    assert as_csv[1][0] == ID + "theme/kyberturvallisuus"


def test_types_narrow_and_a_wrong_one_is_refused(kymgraph: Kymgraph, shipped: Dataset) -> None:
    asked = ["search", "kyberturvallisuus", "--format", "json", "--store", str(shipped.store.folder)]

    narrowed = kymgraph(*asked, "--type", "kym:Measure", cwd=ROOT)
    refused = kymgraph(*asked, "--type", "Measure", cwd=ROOT)

    found = [hit["iri"] for hit in json.loads(narrowed.stdout)["hits"]]
    assert found == [ID + "measure/kyberturvallisuusosaamisen-kehittaminen"]
    assert refused.returncode == 2
    assert "kym:Programme" in refused.stderr


def test_nothing_found_is_no_error(kymgraph: Kymgraph, shipped: Dataset) -> None:
    nothing = kymgraph("search", "xyzzy", "--store", str(shipped.store.folder), cwd=ROOT)

    assert (nothing.returncode, nothing.stdout) == (0, "0 found\n")
