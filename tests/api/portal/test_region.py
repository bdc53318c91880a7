"""The map: what is where by year, from the same rows as its table, on true neighbours."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.portal import map_file, region
from api.portal.asking import Value
from kymgraph.errors import ProjectError
from kymgraph.project import Project
from tests.conftest import ROOT
from tests.markup import Element, read, twin_of


@pytest.fixture(scope="module")
def geometry() -> map_file.Geometry:
    found = map_file.read(Project.load(ROOT))
    assert found is not None
    return found


@pytest.fixture
def ask(shipped_url: str) -> Any:
    with httpx.Client(base_url=shipped_url, timeout=60) as client:
        yield client.get


def sides(ring: Any) -> set[frozenset[tuple[float, float]]]:
    return {frozenset(pair) for pair in itertools.pairwise([*ring, ring[0]])}


def test_areas_that_touch_are_those_that_the_file_says_are_neighbours(geometry: map_file.Geometry) -> None:
    touching = {
        frozenset((one.place, other.place))
        for one, other in itertools.combinations(geometry.areas, 2)
        if sides(one.ring) & sides(other.ring)
    }
    assert touching == geometry.neighbours


def test_the_shapes_tile_the_map_without_holes(geometry: map_file.Geometry) -> None:
    width, height = geometry.size
    borders = [side for shape in (*geometry.areas, *geometry.around) for side in sides(shape.ring)]
    for side in set(borders):
        (x1, y1), (x2, y2) = side
        on_the_frame = (x1 == x2 and x1 in (0, width)) or (y1 == y2 and y1 in (0, height))
        assert borders.count(side) == (1 if on_the_frame else 2), side


@pytest.mark.parametrize("slug", ["pyhtaa", "kotka", "hamina", "virolahti"])
def test_the_coastal_municipalities_lie_at_the_sea(slug: str, geometry: map_file.Geometry) -> None:
    sea = next(shape for shape in geometry.around if shape.kind == "water")
    area = next(shape for shape in geometry.areas if shape.place == slug)
    assert sides(sea.ring) & sides(area.ring)


@pytest.mark.parametrize(
    "text", ["[", "[]", "{}", '{"size": [1]}', '{"size": [1, 1], "areas": [{"ring": []}]}']
)
def test_a_file_that_is_no_map_is_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "kymgraph.toml").touch()
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "map.json").write_text(text)
    with pytest.raises(ProjectError, match=r"map\.json is not a map"):
        map_file.read(Project.load(tmp_path))


@pytest.mark.parametrize("year", [{}, {"year": "2016"}, {"year": "2021"}])
def test_the_table_holds_the_rows_of_the_query(year: dict[str, str], ask: Any) -> None:
    wanted = ask("/api/v1/place-things", params={**year, "lang": "fi", "limit": 1000}).json()

    found = twin_of(ask("/map", params={**year, "lang": "fi"}).text, "place-things")

    assert found
    assert found == twin_of(wanted, "place-things", like=found)


def area(page: Element, name: str) -> dict[str, str]:
    return next(a.given for a in page.all("a", "area") if name in a.given["href"])


@pytest.mark.parametrize(("year", "state"), [(2020, "open"), (2021, "out"), (2011, "open")])
def test_iitti_is_in_kymenlaakso_until_the_end_of_2020(year: int, state: str, ask: Any) -> None:
    page = read(ask("/map", params={"year": year, "lang": "fi"}).text)
    assert area(page, "place=iitti")["data-state"] == state
    assert area(page, "place=pyhtaa")["data-state"] == "open"  # background saw it there; no bound is told


def test_a_place_shows_where_it_belongs_in_the_year_and_what_concerns_the_whole_area(ask: Any) -> None:
    in_2021 = ask("/map", params={"place": "iitti", "year": 2021, "lang": "fi"}).text
    in_2020 = ask("/map", params={"place": "iitti", "year": 2020, "lang": "fi"}).text

    def states(text: str) -> list[tuple[str, str]]:
        pattern = r'class="belongs" data-state="(\w+)"[^>]*>.*?<bdi>(.*?)</bdi>'
        return [(name, state) for state, name in re.findall(pattern, text, re.DOTALL)]

    assert set(states(in_2020)) == {("Kymenlaakso", "open"), ("Päijät-Häme", "out")}
    assert set(states(in_2021)) == {("Kymenlaakso", "out"), ("Päijät-Häme", "open")}


def test_the_query_of_belonging_knows_the_year(ask: Any) -> None:
    for year, wanted in ((2020, {"Kymenlaakso"}), (2021, {"Päijät-Häme"})):
        items = ask("/api/v1/place-memberships", params={"year": year, "lang": "fi"}).json()["items"]
        assert {item["whole"]["label"] for item in items if item["part"]["label"] == "Iitti"} == wanted


def test_what_concerns_a_place_tells_its_lines(ask: Any) -> None:
    text = ask("/map", params={"place": "iitti", "lang": "fi"}).text
    assert re.search(
        r'Ihastu Iittiin.*?lähde: <bdi>.*?</bdi> <a href="[^"]*184-184[^"]*">rivi 184</a>', text, re.DOTALL
    )


def test_a_swedish_speaker_finds_what_concerns_pyttis(ask: Any) -> None:
    page = ask("/map", params={"place": "pyhtaa", "lang": "sv"})
    assert page.status_code == 200
    for text in ("Pyttis", "Källorna säger ingenting om just den här platsen.", "Kymmenedalen"):
        assert text in page.text
    assert "Kymmenedalens landskapsprogram 2022–2025" in page.text


def test_a_thing_whose_time_is_not_told_is_neither_in_nor_out() -> None:
    def row(label: str, start: str | None, end: str | None) -> dict[str, Value | None]:
        return {
            "place": Value("P", "urn:p"), "thing": Value(label, f"urn:{label}"), "kind": Value("k", "urn:k"),
            "from": Value(start) if start else None, "until": Value(end) if end else None,
        }  # fmt: skip

    rows = [row("a", "2014", "2017"), row("b", None, None), row("c", "2015-02", None), row("a", None, None)]
    place = region.places([], rows, "urn:", 2016)["p"]
    assert (place.tally.told, place.tally.open, place.tally.unknown) == (1, 1, 1)
    place = region.places([], rows, "urn:", 2018)["p"]
    assert (place.tally.told, place.tally.open, place.tally.unknown) == (0, 1, 2)


def test_a_place_that_is_not_there_is_not_found(ask: Any) -> None:
    assert ask("/map", params={"place": "atlantis"}).status_code == 404
    assert ask("/map", params={"year": "soon"}).status_code == 400
    assert ask("/map", params={"colour": "red"}).status_code == 400


def test_the_shipped_map_says_what_is_sure() -> None:
    notes = json.loads((ROOT / map_file.FILE).read_text("utf-8"))["notes"]
    assert any("no geometry of anyone else" in note for note in notes)
    assert any(note.startswith("Sure") for note in notes)
