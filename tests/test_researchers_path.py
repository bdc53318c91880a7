"""From a question to a table, as docs/researchers-path.md tells it: three ways to the same file.

What must stand in the file is read from the Turtle files by rdflib, which has no part in the answers.
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import rdflib
from rdflib.namespace import RDF, SKOS

from kymgraph.dataset import Dataset
from tests.conftest import ROOT, Serve, clean_environment
from tests.needs import need
from tests.pages import House, Session, blocks, output_of, pairs, plain

PAGE = ROOT / "docs/researchers-path.md"
BLOCKS = blocks(PAGE.read_text("utf-8"))
KYM = rdflib.Namespace("https://w3id.org/kymgraph/ontology#")
PROGRAMME = rdflib.URIRef("https://w3id.org/kymgraph/id/programme/maakuntaohjelma-2022-2025")


@pytest.fixture(scope="module")
def house(serve: Serve, shipped: Dataset) -> House:
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return House(ROOT, serve(ROOT, shipped.store.folder), clean_environment() | {"PATH": commands})


def continued() -> list[dict[str, str]]:
    """The links into the programme with a confidence of a half or more, as the data files have them."""
    graph = rdflib.Graph()
    for file in (*ROOT.glob("data/*.ttl"), *ROOT.glob("ontology/**/*.ttl")):
        graph.parse(file)

    def label(thing: rdflib.term.Node) -> str:
        [text] = [
            text
            for text in graph.objects(thing, SKOS.prefLabel)
            if isinstance(text, rdflib.Literal) and text.language == "fi"
        ]
        return str(text)

    found = []
    for link in graph.subjects(RDF.type, KYM.LineageLink):
        one = {name: graph.value(link, KYM[name]) for name in ("earlier", "later", "lineageType")}
        confidence = Decimal(str(graph.value(link, KYM.confidence)))
        above = set(graph.transitive_objects(one["later"], KYM.elementOf)) - {one["later"]}
        if confidence >= Decimal("0.5") and PROGRAMME in above:
            row = {"confidence": str(confidence)}
            for name, thing in one.items():
                assert thing is not None
                key = {"lineageType": "type"}.get(name, name)
                row |= {key: str(thing), f"{key}_label": label(thing)}
            found.append(row)
    return found


def test_the_path_leads_from_the_question_to_three_equal_tables(house: House, tmp_path: Path) -> None:
    need("curl", shutil.which("curl"), "the page sends its requests with curl")
    session = Session(tmp_path, house)

    for block, then in pairs(BLOCKS):
        if block.does == "file":
            session.write(block)
        elif block.does == "run":
            done = session.run(block)

            assert done.returncode == block.status, done.stdout
            assert plain(session.shown(done.stdout), False) == plain(output_of(then), False), block.text

    tables = []
    for name in ("rest.csv", "sparql.csv", "python.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            tables.append(list(csv.DictReader(file)))
    key = sorted(continued(), key=lambda row: (-Decimal(row["confidence"]), row["earlier"], row["later"]))
    assert len(key) >= 4
    assert tables == [key, key, key]


def test_every_block_of_the_page_is_run_or_says_why_not() -> None:
    assert sum(block.does == "run" for block in BLOCKS) >= 6
    assert [block.text for block in BLOCKS if block.does not in ("file", "run", "output", "not")] == []
