"""Links as SSSOM/TSV: what the package of that standard reads in it, and nothing that breaks a table."""

from __future__ import annotations

import csv
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kymgraph.linking import decisions, sssom
from kymgraph.linking.decisions import Decision, Text
from tests.conftest import clean_environment
from tests.linking.conftest import World
from tests.needs import need, size

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def made(world: World) -> list[Decision]:
    return decisions.read(world.view, world.project)


def exported(world: World, made: list[Decision]) -> str:
    return sssom.to_tsv(made, {one.iri: one.names for one in world.entities.values()}, world.project)


def rows_of(text: str) -> list[dict[str, str]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_the_package_of_the_standard_reads_every_decision_without_a_fault(
    world: World, made: list[Decision], tmp_path: Path
) -> None:
    if not size(quick=0, ci=1, night=1):
        pytest.skip("the package takes ten seconds to start, too long for a quick run")
    need("sssom", (HERE / ".venv/.installed").exists(), "make link-tools was not run")
    hostile = replace(
        made[0], object="https://v.example/a/=('x'):;,/%20#1", labels=(Text('=1+1\t"<b>\n', "fi"),)
    )
    file = tmp_path / "links.sssom.tsv"
    file.write_text(exported(world, [*made, hostile]), "utf-8")

    done = subprocess.run(
        [HERE / ".venv/bin/python", HERE / "validate_sssom.py", file],
        env=clean_environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    read = json.loads(done.stdout)

    assert read["faults"] == []
    told = sorted(((*row, said) for row, said in zip(read["rows"], read["modifiers"], strict=True)))
    assert told == sorted(
        (one.subject, one.predicate, one.object, "" if one.accepted else "Not") for one in [*made, hostile]
    )


def test_a_declined_pair_is_told_as_not_so(world: World, made: list[Decision]) -> None:
    rows = rows_of(exported(world, made))

    assert len(rows) == len(made)
    assert (
        sum(row["predicate_modifier"] == "Not" for row in rows) == sum(not one.accepted for one in made) > 0
    )
    assert {row["mapping_justification"] for row in rows} == {"semapv:ManualMappingCuration"}
    assert all(row["object_label"] and row["mapping_date"] and row["author_id"] for row in rows)


def test_the_same_decisions_give_the_same_text_in_any_order(world: World, made: list[Decision]) -> None:
    assert exported(world, made) == exported(world, made[::-1])


@pytest.mark.parametrize("text", ["a\tb", "a\nb\r\nc", '=HYPERLINK("x")', "@sum", "+1", '"'])
def test_no_text_breaks_out_of_its_cell(world: World, made: list[Decision], text: str) -> None:
    hostile = replace(made[0], labels=(Text(text),), reasons=(Text(text, "en"),), release=text)

    [row] = rows_of(exported(world, [hostile]))

    for name in ("object_label", "object_source_version", "comment"):
        assert row[name]
        assert row[name][0] not in "=+@", name
        assert not set('\t\n"') & set(row[name])
