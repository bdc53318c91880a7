"""The ledger as pages: what they say is what the JSON says, and a hostile reason is only ever text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx
import pytest

from kymgraph import files
from kymgraph.changeset import Changeset, from_patch
from kymgraph.commit import Request
from kymgraph.dataset import Dataset
from kymgraph.namespaces import RDFS
from kymgraph.project import Project
from kymgraph.rdf import Literal, NamedNode, Quad
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, Serve

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOSTILE = "<script>alert(1)</script> \u202eevil {{ 7*7 }} " + "word " * 200
COMMITS = 7
LABEL = NamedNode(RDFS + "label")
SHAPES = """@prefix sh: <http://www.w3.org/ns/shacl#> .
x:Named a sh:NodeShape ; sh:targetSubjectsOf rdfs:label ; sh:property x:shortName .
x:shortName a sh:PropertyShape ; sh:path rdfs:label ; sh:maxLength 20 ; sh:severity sh:Warning ;
  sh:name "nimi"@fi, "name"@en ; sh:message "lyhennä nimi"@fi, "make the name <shorter>"@en .
"""


@dataclass
class Site:
    """A served store with commits, and the dataset that made them."""

    url: str
    dataset: Dataset

    def label(self, name: str, text: str, graph: str = "a", lang: str = "fi") -> Quad:
        base = self.dataset.project.base
        return Quad(
            NamedNode(base.ids + name),
            LABEL,
            Literal(text, language=lang),
            NamedNode(base.graph(graph)),
        )

    def commit(self, reason: str, *, add: set[Quad] = frozenset(), remove: set[Quad] = frozenset()) -> int:  # type: ignore[assignment]
        agent = self.dataset.project.base.id("agent", "k3")
        change = Changeset(
            self.dataset.generation,
            removed=frozenset(remove),
            added=frozenset(add),
            agent=agent,
            reason=reason,
        )
        return self.dataset.commit(Request(change)).generation

    def page(self, path: str, status: int = 200, **parameters: Any) -> str:
        parameters.setdefault("lang", "en")
        answer = httpx.get(self.url + path, params=parameters, headers=HTML, trust_env=False, timeout=60)
        assert answer.status_code == status, answer.text[:300]
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "Accept" in answer.headers["vary"]
        return answer.text

    def json(self, path: str, **parameters: Any) -> Any:
        answer = httpx.get(self.url + path, params=parameters, trust_env=False, timeout=60)
        return answer.json()


@pytest.fixture(scope="module")
def site(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("ledger")
    texts = {"kymgraph.toml": "", "shapes/name.ttl": PREFIXES + SHAPES}
    for name, text in {**texts, "data/a.ttl": PREFIXES, "data/b.ttl": PREFIXES}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    project = Project.load(folder)
    store = EmbeddedStore(folder / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    with Dataset.open(project, store.folder, fast=1, slow=1, spare=0) as dataset:
        made = Site("", dataset)
        first = made.label("thing", "vanha nimi")
        made.commit("nimi", add={first})  # 2
        made.commit(HOSTILE, remove={first}, add={made.label("thing", "uusi nimi", lang="fi")})  # 3
        dataset.commit(dataset.revert(3, reason="väärä nimi"))  # 4
        made.commit("toiseen graafiin", add={made.label("other", "muu", "b")})  # 5
        for number in range(6, COMMITS + 2):
            name = HOSTILE[:60] if number == COMMITS else f"name {number}"
            made.commit(f"reason {number}", add={made.label(f"n{number}", name)})
        made.url = serve(folder, store.folder)
        yield made


def listed(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'<li id="change-(\d+)"', text)]


def test_the_list_has_what_the_json_has_page_by_page(site: Site) -> None:
    in_json = [entry["number"] for entry in site.json("/changes", limit=1000)["changes"]]
    first = site.page("/changes", limit=4)
    [older] = re.findall(r'rel="next" href="([^"]+)"', first)

    second = httpx.get(site.url + unescape(older), headers=HTML, trust_env=False).text

    assert in_json == list(range(COMMITS + 1, 1, -1))
    assert (listed(first), listed(second)) == (in_json[:4], in_json[4:])
    assert listed(site.page("/changes")) == in_json
    assert '<html lang="en">' in second
    assert 'rel="next"' not in second
    assert 'type="application/atom+xml"' in first


def test_each_commit_says_when_who_why_where_and_how_much(site: Site) -> None:
    for entry in site.json("/changes", limit=5, before=8)["changes"]:
        text = site.page(f"/changes/{entry['number']}")
        assert f'<time datetime="{entry["time"]}">' in text
        assert f">+{entry['added']}<" in text
        assert f">−{entry['removed']}<" in text
        assert (">k3<" in text) == (entry["agent"] is not None)
        for graph in entry["graphs"]:
            assert f">{graph.rpartition('/')[2]}</bdi>" in text


def test_the_list_is_narrowed_to_a_graph(site: Site) -> None:
    text = site.page("/changes", graph="b")

    assert listed(text) == [e["number"] for e in site.json("/changes", graph="b")["changes"]] == [5]
    assert '<option value="b" selected>' in text
    assert "No changes were found" in site.page("/changes", graph="c")


def test_programs_still_get_json_and_feeds(site: Site) -> None:
    for accept in ("*/*", "application/json", ""):
        answer = httpx.get(site.url + "/changes/3", headers={"Accept": accept}, trust_env=False)
        assert answer.headers["content-type"] == "application/json"
    feed = httpx.get(site.url + "/changes", headers={"Accept": "application/atom+xml"}, trust_env=False)
    assert feed.headers["content-type"].startswith("application/atom+xml")


def lines(text: str) -> list[tuple[str, str, str]]:
    """What a page shows as going or coming: sign, property, and text."""
    found = re.findall(r'<(ins|del) data-predicate="([^"]+)">(.*?)</\1>', text, re.DOTALL)
    return sorted(
        ("+" if tag == "ins" else "-", predicate, re.findall(r"<bdi[^>]*>([^<]*)</bdi>", body)[-1])
        for tag, predicate, body in found
    )


def test_a_change_shows_the_lines_of_its_json(site: Site) -> None:
    text = site.page("/changes/3")
    [resource] = site.json("/changes/3")["diff"]

    wanted = sorted(
        (sign, line["predicate"], line["value"]["value"])
        for sign, key in (("-", "removed"), ("+", "added"))
        for line in resource[key]
    )
    assert lines(text) == wanted
    assert [sign for sign, _, _ in wanted] == ["+", "-"]
    assert f'data-resource="{resource["resource"]["value"]}"' in text
    assert ">vanha nimi</bdi>" in text


def test_what_undoes_and_what_is_undone_point_to_each_other(site: Site) -> None:
    undoing, undone = site.page("/changes/4"), site.page("/changes/3")

    assert "Change 4 undoes change 3" in undoing
    assert re.search(r'Undoes:\s+<a href="/changes/3\?', undoing)
    assert re.search(r'undone by:\s+<a href="/changes/4\?', undone)
    assert lines(undoing) == sorted(
        ("-" if sign == "+" else "+", predicate, text) for sign, predicate, text in lines(undone)
    )


def test_a_change_keeps_what_the_checks_said(site: Site) -> None:
    [result] = site.json(f"/changes/{COMMITS}")["report"]["results"]
    assert (result["severity"], result["value"]["value"]) == ("Warning", HOSTILE[:60])
    assert site.json("/changes/6")["report"]["results"] == []

    warned, clean = site.page(f"/changes/{COMMITS}"), site.page("/changes/6")

    assert "make the name &lt;shorter&gt;" in warned
    assert '<li class="warning">' in warned
    assert "<script>alert" not in warned
    assert '<li class="warning">' not in clean
    assert 'class="notice done"' in clean
    assert "lyhennä nimi" in site.page(f"/changes/{COMMITS}", lang="fi")


def test_a_hostile_reason_is_only_ever_text(site: Site) -> None:
    for text in (site.page("/changes", before=6), site.page("/changes/3")):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; \u202eevil {{ 7*7 }}" in text
        assert re.search(r"<bdi>&lt;script", text), "a turn of direction stays within the reason"


def test_the_patch_of_a_change_can_be_taken_along(site: Site) -> None:
    [link] = re.findall(r'href="([^"]+)" type="application/rdf-patch"', site.page("/changes/3"))

    patch = httpx.get(site.url + unescape(link), headers=HTML, trust_env=False)

    assert patch.headers["content-type"] == "application/rdf-patch"
    change = from_patch(patch.content)
    assert (change.removed, change.added) == (
        frozenset({site.label("thing", "vanha nimi")}),
        frozenset({site.label("thing", "uusi nimi")}),
    )


def test_neighbours_are_linked_and_end_where_the_ledger_ends(site: Site) -> None:
    first, last = site.page("/changes/2"), site.page(f"/changes/{COMMITS + 1}")

    assert 'rel="prev"' not in first
    assert 'rel="next" href="/changes/3?' in first
    assert 'rel="next"' not in last


def test_two_states_are_compared(site: Site) -> None:
    text = site.page("/changes/diff", **{"from": 2, "to": 5})
    [resource] = site.json("/changes/diff", **{"from": 2, "to": 5})["diff"]

    assert lines(text) == [("+", RDFS + "label", "muu")]
    assert resource["label"] == {"fi": "muu"}
    assert "Nothing changed." in site.page("/changes/diff", **{"from": 2, "to": 4})
    assert 'name="from" value="2"' in text


def test_what_is_not_there_is_said_on_a_page_with_the_way_on(site: Site) -> None:
    assert "Changes have the numbers 2 to" in site.page("/changes/999", 404)
    assert 'action="/changes/diff"' in site.page("/changes/diff", 400, **{"from": "yesterday"})
    assert "en så" not in site.page("/changes/999", 404, lang="sv")
    problem = httpx.get(site.url + "/changes/999", trust_env=False)
    assert problem.headers["content-type"] == "application/problem+json"


def test_a_store_without_commits_says_so(shipped_url: str) -> None:
    text = httpx.get(shipped_url + "/changes?lang=sv", headers=HTML, trust_env=False).text

    assert "Uppgifterna har inte ändrats" in text
    assert "<ol" not in text
