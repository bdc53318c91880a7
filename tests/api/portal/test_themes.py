"""The matrix of themes: its numbers are the query's, each leads to the list that it counts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kymgraph import files
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import ROOT, MakeProject, Serve
from tests.markup import Element, read, shown, twin

IDS = "https://w3id.org/kymgraph/id/"


@pytest.fixture(scope="module")
def ask(shipped_url: str) -> Any:
    with httpx.Client(base_url=shipped_url, timeout=60, headers={"accept": "text/html"}) as client:
        yield client.get


@pytest.fixture(scope="module")
def rows(ask: Any) -> list[dict[str, Any]]:
    found = ask("/api/v1/themes/periods", params={"lang": "fi", "limit": "1000", "format": "json"})
    items: list[dict[str, Any]] = found.json()["items"]
    return items


def lines(page: Element) -> list[Element]:
    return [row for row in page.all("tr") if "data-theme" in row.given]


def test_the_numbers_of_the_matrix_are_those_of_the_query(rows: list[dict[str, Any]], ask: Any) -> None:
    page = read(ask("/themes", params={"lang": "fi"}).text)

    found = {
        (line.given["data-theme"], cell.given.get("data-instrument", "")): int(cell.given["data-points"])
        for line in lines(page)
        for cell in line.all("td", "count")
        if "data-points" in cell.given
    }

    assert found == {
        (row["theme"]["id"], row["instrument"]["id"] if row["instrument"] else ""): row["points"]
        for row in rows
        if row["points"]
    }


def test_each_line_ends_with_its_sums(rows: list[dict[str, Any]], ask: Any) -> None:
    page = read(ask("/themes", params={"lang": "fi"}).text)
    for line in lines(page):
        mine = [row for row in rows if row["theme"]["id"] == line.given["data-theme"]]
        instruments, total = [int(cell.text) for cell in line.all("td", "sum")]
        assert instruments == sum(1 for row in mine if row["instrument"])
        assert total == sum(row["points"] for row in mine)


def test_the_twin_is_the_answer_of_the_query(rows: list[dict[str, Any]], ask: Any) -> None:
    found = twin(read(ask("/themes", params={"lang": "fi"}).text), "theme-periods")
    assert found == [shown(row, list(found[0])) for row in rows]


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        # data/kymenlaakso-ohjelma.ttl: the measure and the specifier on cyber security.
        ("programme/maakuntaohjelma-2014-2017", 2),
        ("strategy/alykkaan-erikoistumisen-strategia-2", 1),
        ("outside", 0),
        ("", 3),
    ],
)
def test_a_number_leads_to_the_list_that_it_counts(where: str, wanted: int, ask: Any) -> None:
    page = read(ask("/themes", params={"theme": "kyberturvallisuus", "in": where, "lang": "fi"}).text)
    (section,) = [each for each in page.all("section") if each.given.get("id") == "points"]
    found = [row for row in twin(section, "theme-points") if len(row) == 3] if wanted else []
    assert len(found) == wanted


def test_every_cell_leads_to_its_own_list(ask: Any) -> None:
    page = read(ask("/themes", params={"lang": "fi"}).text)
    (line,) = [each for each in lines(page) if each.given["data-theme"] == IDS + "theme/kyberturvallisuus"]
    cells = [cell for cell in line.all("td", "count") if "data-points" in cell.given]
    for cell in cells:
        (link,) = cell.all("a")
        listed = read(ask(link.given["href"].split("#")[0]).text)
        assert len(twin(listed, "theme-points")) == int(cell.given["data-points"])


def test_a_theme_leads_out_to_the_entries_that_were_accepted(ask: Any) -> None:
    page = read(ask("/themes", params={"lang": "fi"}).text)
    (line,) = [each for each in lines(page) if each.given["data-theme"] == IDS + "theme/metsa"]
    (out,) = line.all("td", "out")
    links = [link.given["href"] for link in out.all("a")]
    # Four decisions in data/links.ttl, the exact one first, and the search that says where it leads.
    assert links[0] == "http://www.yso.fi/onto/yso/p7691"
    assert set(links[1:4]) == {
        "http://eurovoc.europa.eu/2505",
        "http://www.wikidata.org/entity/Q38112",
        "http://publications.europa.eu/resource/authority/data-theme/AGRI",
    }
    assert links[4].startswith("https://www.avoindata.fi/data/fi/dataset?q=mets")
    assert len(links) == 5


@pytest.mark.parametrize(
    ("toml", "found"),
    [
        ("", []),
        (
            'dataset_search = "https://data.example.org/search?l={lang}&w={words}"',
            ["https://data.example.org/search?l=en&w=Peat%26%3Cb%3E"],
        ),
    ],
)
def test_the_search_for_datasets_is_the_project_s(
    toml: str, found: list[str], make_project: MakeProject, serve: Serve, http: httpx.Client
) -> None:
    queries = ("api/queries/theme-periods.rq", "api/queries/theme-points.rq")
    data = "<https://w3id.org/kymgraph/id/theme/peat> a <https://w3id.org/kymgraph/ontology#Theme> ;"
    data += ' <http://www.w3.org/2004/02/skos/core#prefLabel> "Peat&<b>"@en .'
    texts = {name: (ROOT / name).read_text("utf-8") for name in queries}
    project = make_project({"data/a.ttl": data, **texts}, toml)
    store = EmbeddedStore(project.folder / "store")
    whole = files.read(project)
    store.build(whole.quads(), project=project, graphs=whole.graphs, files=whole.digests)

    page = read(http.get(serve(project.folder, store.folder) + "/themes?lang=en").text)

    (line,) = lines(page)
    assert [link.given["href"] for link in line.all("a") if "external" in link.given.get("rel", "")] == found
    assert ("data.example.org" in page.text) == bool(found)


@pytest.mark.parametrize("sort", ["recurrence", "name", "total"])
def test_lines_are_sorted_as_asked(sort: str, ask: Any) -> None:
    page = read(ask("/themes", params={"sort": sort, "lang": "fi"}).text)
    found = [
        (line.all("th")[0].all("bdi")[0].text.casefold(), *(int(cell.text) for cell in line.all("td", "sum")))
        for line in lines(page)
    ]
    keys = {
        "recurrence": lambda line: (-line[1], -line[2], line[0]),
        "name": lambda line: line[0],
        "total": lambda line: (-line[2], line[0]),
    }
    assert found == sorted(found, key=keys[sort])
    sorted_by = [heading for heading in page.all("th") if "aria-sort" in heading.given]
    assert len(sorted_by) == 1


def test_the_gap_has_a_column_of_its_own(ask: Any) -> None:
    page = read(ask("/themes", params={"lang": "en"}).text)
    (heading,) = page.all("th", "gap")
    assert heading.text == "2018–2021 no programme in the sources"
    assert all(len(line.all("td", "gap")) == 1 for line in lines(page))


@pytest.mark.parametrize("query", ["who=me", "sort=size", "theme=a%20b", "sort=name&sort=name"])
def test_what_the_page_does_not_take_is_refused(query: str, ask: Any) -> None:
    assert ask("/themes?" + query).status_code == 400


def test_pages_stay_small(ask: Any) -> None:
    found = ask("/themes", headers={"accept-encoding": "gzip"})
    assert found.num_bytes_downloaded <= 60_000
