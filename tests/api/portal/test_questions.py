"""The competency questions as pages: the answer is the query's, in the reader's language, or says why not."""

from __future__ import annotations

import csv
import html
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import openpyxl
import pytest

from api.portal.bars import bars_of
from api.portal.questions import Cell, Shown
from kymgraph import files
from kymgraph.dataset import Dataset
from kymgraph.diff import labels_of
from kymgraph.project import Project
from kymgraph.publishing.questions import load
from kymgraph.queries import NamedQuery, substitute
from kymgraph.rdf import NamedNode
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import PREFIXES, ROOT, Serve
from tests.markup import tables
from tests.needs import size

FOLDER = ROOT / "tests/questions"
ALL = sorted(file.stem for file in FOLDER.glob("Q??.rq"))
#: Those with links, numbers, dates, truths, and cells without a value come first.
NAMES = [*dict.fromkeys(["Q01", "Q04", "Q07", "Q17", "Q38", "Q44", "Q45", *ALL])][
    : size(quick=7, ci=len(ALL), night=len(ALL))
]
HTML = {"Accept": "text/html"}


def page(http: httpx.Client, url: str, status: int = 200, **parameters: str) -> str:
    response = http.get(url, params=parameters or None, headers=HTML)
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


def expected(name: str) -> tuple[list[str], Counter[tuple[str, ...]]]:
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        columns, *rows = csv.reader(file)
    return columns[:-1], Counter(tuple(row[:-1]) for row in rows)


# --- answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_table_holds_the_rows_read_from_the_sources(
    shipped_url: str, http: httpx.Client, name: str
) -> None:
    columns, rows = expected(name)

    text = page(http, f"{shipped_url}/questions/{name}", lang="fi")

    if not rows:
        assert "Lähteet eivät kerro tästä." in text
        return
    table = tables(text)[name]
    assert table.columns == columns
    assert Counter(tuple(cell.plain for cell in row) for row in table.rows) == rows


@pytest.mark.parametrize("lang", ["sv", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_other_languages_show_the_things_own_labels_and_the_same_links(
    shipped_url: str, http: httpx.Client, shipped: Dataset, name: str, lang: str
) -> None:
    finnish = tables(page(http, f"{shipped_url}/questions/{name}", lang="fi")).get(name)
    other = tables(page(http, f"{shipped_url}/questions/{name}", lang=lang)).get(name)

    if finnish is None:
        assert other is None
        return
    assert other is not None
    assert [cell.text for cell in other.head] != [cell.text for cell in finnish.head]
    view = shipped.view()
    for own, foreign in zip(finnish.rows, other.rows, strict=True):
        for before, after in zip(own, foreign, strict=True):
            assert after.href == before.href.replace("lang=fi", f"lang={lang}")
            assert after.value == before.value
            if after.href:
                labels = labels_of(NamedNode(iri_of(after.href, shipped.project)), [view])
                assert (before.text, after.text) == (labels["fi"], labels[lang])
                assert after.lang == ""


def iri_of(href: str, project: Project) -> str:
    parts = urlsplit(href)
    given = parse_qs(parts.query).get("iri")
    return given[0] if given else project.base.ids + unquote(parts.path.removeprefix("/page/"))


def test_most_names_of_things_are_links(shipped_url: str, http: httpx.Client) -> None:
    table = tables(page(http, f"{shipped_url}/questions/Q04"))["Q04"]

    assert [bool(row[0].href) for row in table.rows] == [True] * 4
    assert "/page/priority/" in table.rows[0][0].href, (
        "a sector has the same name; the query asks for another"
    )


def test_the_questions_are_listed_by_section_in_three_languages(shipped_url: str, http: httpx.Client) -> None:
    for lang, section in (("fi", "Ohjelmat ja suunnitelmat"), ("sv", "Program och planer")):
        text = page(http, f"{shipped_url}/questions", lang=lang)
        linked = re.findall(r'href="/questions/(Q\d\d)\?', text)
        assert sorted(linked) == ALL
        assert f">{section}</h2>" in text
        assert (
            http.get(f"{shipped_url}/questions?lang={lang}", headers=HTML).headers["content-language"] == lang
        )


def test_every_column_parameter_and_section_has_a_name_in_three_languages() -> None:
    questions, words = load(Project.load(ROOT))
    needed = {("section", one.section) for one in questions.values()}
    needed |= {("column", name) for one in questions.values() for name in one.query.returns}
    needed |= {("parameter", name) for one in questions.values() for name in one.query.params}

    assert [
        (what, name, lang)
        for what, name in sorted(needed)
        for lang in ("fi", "sv", "en")
        if not words.say(what, name, [lang]) or name not in words.order(what)
    ] == []


def test_an_answer_that_interprets_says_so(shipped_url: str, http: httpx.Client) -> None:
    stated, read = (page(http, f"{shipped_url}/questions/{name}", lang="en") for name in ("Q01", "Q44"))

    assert "our own interpretation" in read
    assert "our own interpretation" not in stated
    assert "What the answer names rests on the documents" in stated


# --- parameters -----------------------------------------------------------------------------------------


def test_a_parameter_is_chosen_from_things_of_its_kind_and_changes_the_answer(
    shipped_url: str, http: httpx.Client
) -> None:
    text = page(http, f"{shipped_url}/questions/Q16", lang="en")
    [chosen] = re.findall(r'<option value="([^"]+)" selected>', text)
    others = set(re.findall(r'<option value="([^"]+)"', text)) - {chosen}

    assert chosen.endswith("/programme/kouvolan-seudun-koko")
    assert any(iri.endswith("/programme/maakuntaohjelma-2014-2017") for iri in others)
    other = page(http, f"{shipped_url}/questions/Q10", lang="en", programme=chosen)
    assert "The sources do not state this." in other
    assert "Back to the example" in other


def test_a_number_is_read_as_finns_write_it(shipped_url: str, http: httpx.Client) -> None:
    address = f"{shipped_url}/questions/Q44"
    with_comma, with_point = (
        tables(page(http, address, lang="fi", at_least=number))["Q44"] for number in ("0,7", "0.7")
    )

    assert [[c.plain for c in row] for row in with_comma.rows] == [
        [c.plain for c in row] for row in with_point.rows
    ]
    assert {row[3].plain for row in with_comma.rows} == {"0.7", "0.8"}
    assert 'value="0,7"' in page(http, address, lang="fi", at_least="0.7")


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("Q41", {"year": "<script>alert(1)</script>"}, "bad-parameter"),
        ("Q41", {"year": "20 16 } #"}, "bad-parameter"),
        ("Q01", {"region": "kymenlaakso"}, "bad-parameter"),
        ("Q01", {"regoin": "https://x.example/"}, "bad-parameter"),
    ],
)
def test_a_wrong_parameter_is_400_on_a_page_that_helps(
    shipped_url: str, http: httpx.Client, name: str, given: dict[str, str], code: str
) -> None:
    text = page(http, f"{shipped_url}/questions/{name}", 400, lang="sv", **given)

    assert code in text
    assert "gick inte att förstå" in text
    assert "<form" in text
    assert "<script>" not in text
    plain = http.get(
        f"{shipped_url}/questions/{name}", params=given, headers={"Accept": "application/sparql-results+json"}
    )
    assert (plain.status_code, plain.json()["code"]) == (400, code)


def test_an_unknown_question_is_404_with_all_that_there_are(shipped_url: str, http: httpx.Client) -> None:
    text = page(http, f"{shipped_url}/questions/Q99", 404, lang="en")

    assert "There is no question of that name." in text
    assert 'href="/questions/Q01?' in text


# --- downloads ------------------------------------------------------------------------------------------


def links(text: str) -> dict[str, str]:
    found = re.findall(r'<a href="(/questions/[^"]*format=(\w+)[^"]*)"', text)
    return {format: html.unescape(link) for link, format in found}


def test_downloads_hold_what_the_page_shows(shipped_url: str, http: httpx.Client) -> None:
    columns, rows = expected("Q04")
    found = {
        format: http.get(shipped_url + link)
        for format, link in links(page(http, f"{shipped_url}/questions/Q04")).items()
    }

    assert set(found) == {"csv", "xlsx", "json"}
    listed = list(csv.reader(io.StringIO(found["csv"].text)))
    assert (listed[0], Counter(tuple(row) for row in listed[1:])) == (columns, rows)
    document = found["json"].json()
    assert document["head"]["vars"] == columns
    in_json = Counter(tuple(row[c]["value"] for c in columns) for row in document["results"]["bindings"])
    assert in_json == rows
    sheet = openpyxl.load_workbook(io.BytesIO(found["xlsx"].content)).active
    assert sheet is not None
    head, *cells = ([cell.value for cell in row] for row in sheet.iter_rows())
    assert (head, Counter((str(a), str(b)) for a, b in cells)) == (columns, rows)
    assert all(isinstance(number, int) for _, number in cells)
    assert {one.headers["kymgraph-generation"] for one in found.values()} == {"1"}


def test_programs_get_the_answer_by_accept(shipped_url: str, http: httpx.Client) -> None:
    answer = http.get(f"{shipped_url}/questions/Q04", headers={"Accept": "text/csv"})

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.startswith("priority,measures")


def test_the_query_opens_in_the_editor_with_its_values_in_it(shipped_url: str, http: httpx.Client) -> None:
    text = page(http, f"{shipped_url}/questions/Q04")
    query = NamedQuery.load(FOLDER / "Q04.rq")
    [link] = re.findall(r'href="/sparql\?([^"]*query=[^"]+)"', text)
    [opened] = parse_qs(html.unescape(link))["query"] if "query" in link else [""]

    asked = substitute(query.text, query.bind(query.example))
    assert opened == "\n".join(line for line in asked.splitlines() if not line.startswith("#+")).strip()


# --- pictures -------------------------------------------------------------------------------------------


def test_a_picture_shows_the_rows_of_its_table(shipped_url: str, http: httpx.Client) -> None:
    text = page(http, f"{shipped_url}/questions/Q42", lang="en")
    [picture] = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    table = tables(text)["Q42"]
    numbers = [row[2].plain for row in table.rows]

    assert re.findall(r'<text class="figure"[^>]*>([^<]*)<', picture) == numbers
    drawn = " ".join(re.findall(r'<text class="name"[^>]*>([^<]*)<', picture))
    assert drawn == " ".join(row[0].text for row in table.rows)
    lengths = [float(length) for length in re.findall(r'<rect x="0"[^>]* width="([\d.]+)%"', picture)]
    longest = max(lengths) / max(map(int, numbers))
    assert lengths == pytest.approx([int(number) * longest for number in numbers], abs=0.01)
    assert 'role="img"' in picture
    assert " style=" not in picture


def shown(*rows: tuple[str, str], columns: tuple[str, str] = ("what", "n")) -> Shown:
    return Shown(columns, tuple((Cell(name), Cell(number, "number", number)) for name, number in rows))


def test_only_counts_of_different_things_are_drawn() -> None:
    counts = {"n"}

    assert bars_of(shown(("a", "1"), ("b", "2")), counts) is not None
    assert bars_of(shown(("a", "1"), ("b", "2")), set()) is None, "numbers that are no counts"
    assert bars_of(shown(("a", "1"), ("a", "2")), counts) is None, "one thing twice"
    assert bars_of(shown(("a", "1")), counts) is None, "one bar"
    assert bars_of(shown(("a", "0"), ("b", "0")), counts) is None, "nothing to see"
    assert bars_of(shown(*((f"t{n}", "1") for n in range(20))), counts) is None, "all alike"
    long = bars_of(shown(("word " * 100, "1"), ("b", "2")), counts)
    assert long is not None
    assert len(long.bars[0].lines) == 3


# --- other projects, and what goes wrong ----------------------------------------------------------------

QUESTIONS = {
    "many": "#+ summary: {en: All of them}\nSELECT ?s ?label { ?s rdfs:label ?label } ORDER BY ?s",
    "truth": "#+ summary: {en: Is there one?}\nASK { ?s a x:Thing }",
    "told": "#+ summary: {en: Tell me}\nDESCRIBE x:hostile",
    "nothing": "#+ summary: {en: Nothing}\nSELECT ?s { ?s x:nobody ?o }",
    "hostile": "#+ summary: {en: '<b>bold</b>'}\nSELECT ?s ?o { ?s x:bad ?o }",
    "slow": "#+ summary: {en: Slow}\nSELECT (COUNT(*) AS ?n) "
    "{ ?a rdfs:label ?b . ?c rdfs:label ?d . ?e rdfs:label ?f FILTER(?b > ?d && ?d > ?f) }",
    "broken": "#+ summary: {en: Broken}\nSELECT ?x {",
}
HEAD = "PREFIX x: <http://x.example/>\nPREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>\n"


@pytest.fixture(scope="module")
def small(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A project of another kind with questions of its own, none of which says more than it must."""
    folder = tmp_path_factory.mktemp("small")
    texts = {
        "kymgraph.toml": "",
        "data/a.ttl": PREFIXES
        + "".join(f'x:n{n:03} a x:Thing ; rdfs:label "name {n}" .\n' for n in range(700))
        + 'x:hostile x:bad "<script>alert(1)</script>" , "\u202egnihtemos" , <javascript:alert(1)> , "'
        + "long" * 50_000
        + '" .\n',
    }
    for name, text in QUESTIONS.items():
        front, _, query = text.partition("\n")
        texts[f"tests/questions/{name}.rq"] = f"{front}\n{HEAD}{query}\n"
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    project = Project.load(folder)
    read = files.read(project)
    store = EmbeddedStore(folder / "store")
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return serve(folder, Path(store.folder), query_timeout=1)


def test_too_many_rows_are_cut_and_the_page_says_so(small: str, http: httpx.Client) -> None:
    text = page(http, f"{small}/questions/many", lang="en")

    assert len(tables(text)["many"].rows) == 500
    assert "The first 500 rows are shown." in text
    whole = http.get(small + links(text)["csv"]).text
    assert whole.count("\n") == 701


def test_a_truth_a_description_and_nothing_are_answers(small: str, http: httpx.Client) -> None:
    assert '<data value="true">yes</data>' in page(http, f"{small}/questions/truth", lang="en")
    assert "<pre" in page(http, f"{small}/questions/told", lang="en")
    assert "The sources do not state this." in page(http, f"{small}/questions/nothing", lang="en")


def test_hostile_values_are_only_ever_text(small: str, http: httpx.Client) -> None:
    text = page(http, f"{small}/questions/hostile", lang="en")

    assert "<script>alert" not in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert 'href="javascript' not in text
    assert "<bdi>\u202egnihtemos</bdi>" in text
    assert len(text) < 30_000


def test_a_query_that_takes_too_long_is_504_on_a_page(small: str, http: httpx.Client) -> None:
    text = page(http, f"{small}/questions/slow", 504, lang="en")

    assert "took too long" in text
    assert "query-timeout" in text
    assert "Show the SPARQL query" in text


def test_a_question_that_cannot_be_read_is_left_out(small: str, http: httpx.Client) -> None:
    text = page(http, f"{small}/questions", lang="en")

    assert 'href="/questions/many?' in text
    assert "Broken" not in text


def test_a_project_without_questions_says_so(site: Any, http: httpx.Client) -> None:
    assert "no ready-made questions yet" in page(http, f"{site.url}/questions", lang="en")
