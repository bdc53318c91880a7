"""Actors, networks and posts: what the pages show is what the queries answer."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest

from api.portal import actors, network_picture
from api.portal.asking import Value
from tests.markup import twin, twin_of


@pytest.fixture
def ask(shipped_url: str) -> Any:
    with httpx.Client(base_url=shipped_url, timeout=60) as client:
        yield client.get


@pytest.mark.parametrize(
    ("page", "query", "parameters"),
    [
        ("actors", "actors", {}),
        ("networks", "memberships", {}),
        ("networks", "memberships", {"year": "2016"}),
        ("networks", "memberships", {"year": "2022"}),
        ("posts", "posts", {}),
        ("posts", "posts", {"on": "2016-05-26"}),
    ],
)
def test_a_table_holds_the_rows_of_its_query(page: str, query: str, parameters: Any, ask: Any) -> None:
    wanted = ask(f"/api/v1/{query}", params={**parameters, "lang": "sv", "limit": 1000}).json()

    found = twin_of(ask(f"/{page}", params={**parameters, "lang": "sv"}).text, query)

    assert found
    assert found == twin_of(wanted, query, like=found)


def test_actors_by_kind_and_word(ask: Any) -> None:
    persons = twin(ask("/actors", params={"kind": "Person", "lang": "fi"}).text, "actors")
    assert len(persons) == 9
    assert {row["kind"] for row in persons} == {"henkilö"}
    one = twin(ask("/actors", params={"words": "MIKKOLA jaakko", "lang": "fi"}).text, "actors")
    assert [row["actor"] for row in one] == ["Jaakko Mikkola"]
    none = ask("/actors", params={"words": "x" * 50, "lang": "fi"})
    assert none.status_code == 200
    assert "Hakuun sopivaa toimijaa ei ole." in none.text


def test_a_stated_no_and_a_silence_are_told_apart(ask: Any) -> None:
    text = ask("/networks", params={"lang": "fi"}).text
    yes, rest = text.split('<div class="yes">')[1].split('<div class="no">')
    no, silent = rest.split('<div class="silent">')
    assert "Matkailu" in yes
    assert "MAL (" in no
    assert "KOKO-verkosto" in silent.split("</section>")[0]
    assert "MAL (" not in yes + silent.split("</section>")[0]


def test_a_year_leaves_out_what_is_dated_elsewhere_but_never_what_is_not_dated(ask: Any) -> None:
    rows = twin(ask("/networks", params={"year": "1999", "lang": "fi"}).text, "memberships")
    assert rows
    assert {row["basis"] for row in rows} == {""}


def test_who_held_a_post_on_a_day_comes_with_its_basis(ask: Any) -> None:
    rows = twin(ask("/posts", params={"on": "2016-05-26", "lang": "fi"}).text, "posts")
    basis = {row["holder"]: row["basis"] for row in rows}
    assert basis["Leena Gunnar"] == "stated"
    assert basis["Petri Tolmunen"] == "open"


def test_statements_tell_their_lines(ask: Any) -> None:
    text = ask("/networks", params={"lang": "fi"}).text.split('<div class="no">')[1].split("</li>")[0]
    assert "rivi 175" in text
    assert "rivi 180" in text
    assert "rivit 49–50" in ask("/posts", params={"lang": "fi"}).text


def test_an_empty_day_is_no_day_and_a_wrong_one_is_refused(ask: Any) -> None:
    assert ask("/posts", params={"on": ""}).status_code == 200
    assert ask("/posts", params={"on": "yesterday"}).status_code == 400
    assert ask("/networks", params={"year": ""}).status_code == 200
    assert ask("/networks", params={"year": "-1"}).status_code == 400


def test_no_page_shows_contact_details(ask: Any) -> None:
    for path in ("/actors", "/posts", "/networks"):
        text = ask(path, params={"lang": "fi"}).text
        assert "@kouvola" not in text
        assert "044" not in text


def row(member: str, whole: str, *, belongs: str = "true", start: str = "", end: str = "") -> Any:
    return {
        "member": Value(member, f"urn:m:{member}"), "whole": Value(whole, f"urn:w:{whole}"),
        "kind": Value("k", "urn:k"),
        "belongs": Value(belongs, plain=belongs == "true"), "role": None, "statement": None,
        "from": Value(start) if start else None, "until": Value(end) if end else None,
    }  # fmt: skip


def test_a_year_changes_which_lines_are_seen_and_never_where_they_are() -> None:
    rows = [row("a", "x", start="2010", end="2013"), row("a", "y"), row("b", "x", start="2014", end="2014")]

    early, late = network_picture.draw(rows, 2011), network_picture.draw(rows, 2014)

    assert [tie.path for tie in early.ties] == [tie.path for tie in late.ties]
    assert [tie.state for tie in early.ties] == ["in", "unknown", "out"]
    assert [tie.state for tie in late.ties] == ["out", "unknown", "in"]
    assert {node.value.text: node.state for node in early.members} == {"a": "unknown", "b": "out"}


def test_nodes_of_a_column_keep_their_distance() -> None:
    rows = [row(f"m{i}", f"w{i % 3}") for i in range(40)]
    picture = network_picture.draw(rows)
    for column in (picture.members, picture.wholes):
        heights = sorted(node.y for node in column)
        assert all(later - earlier >= 42 for earlier, later in itertools.pairwise(heights))
        assert heights[0] > 0
        assert heights[-1] < picture.height


def test_more_lines_than_can_be_read_are_cut_and_said_to_be() -> None:
    rows = [row(f"m{i}", f"w{i}") for i in range(network_picture.MOST_TIES + 1)]
    picture = network_picture.draw(rows)
    assert len(picture.ties) == network_picture.MOST_TIES
    assert picture.more
    assert not network_picture.draw([]).more
    assert network_picture.draw([]).ties == []


def test_only_statements_about_networks_speak_of_an_area() -> None:
    known = [{"network": Value(name, f"urn:w:{name}")} for name in ("x", "y", "z")]
    rows = [row("a", "x"), row("a", "y", belongs="false"), row("b", "elsewhere")]

    (found,) = actors.areas(known, rows, None)

    assert [stated.network.text for stated in found.inside] == ["x"]
    assert [stated.network.text for stated in found.outside] == ["y"]
    assert [network.text for network in found.silent] == ["z"]
