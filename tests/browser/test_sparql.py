"""The query page in a browser: it completes, shows results in every view, and stores and leaks nothing."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, Request, Route, expect

from kymgraph import files
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.browser.conftest import WIDTHS, OpenPage
from tests.needs import size

KYM = "https://w3id.org/kymgraph/ontology#"
XSD = "PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>\n"
NETWORKS = f"SELECT ?s ?p ?o WHERE {{ ?s a <{KYM}Network> ; ?p ?o }} ORDER BY ?s ?p ?o"
COUNTS = (
    "SELECT ?type (COUNT(?thing) AS ?n) WHERE { ?thing a ?type } GROUP BY ?type ORDER BY DESC(?n) LIMIT 12"
)
YEARS = (
    XSD
    + 'SELECT * { VALUES (?y ?n) { ("2020"^^xsd:gYear 3) ("2021"^^xsd:gYear UNDEF) ("2022"^^xsd:gYear 5) } }'
)
POINTS = 'SELECT * { VALUES (?name ?wkt) { ("Kotka" "POINT(26.9 60.5)") ("Iitti" "POINT(26.3 60.9)") } }'
in_ci = pytest.mark.skipif(not size(quick=0, ci=1, night=1), reason="runs in ci: KYMGRAPH_TEST=ci")
HEADER = """@prefix ex: <https://example.org/kym/id/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
"""
LONG = "pitkä " * 170_000  #: a label of a megabyte
HOSTILE = f"""
ex:script a ex:Thing ; rdfs:label "<script>window.broken=1</script>"@fi ; ex:next ex:image , <javascript:window.broken=2> .
ex:image a ex:Thing ; rdfs:label "<img src=x onerror='window.broken=3'>"@fi ; ex:next ex:turned .
ex:turned a ex:Thing ; rdfs:label "\\u202Ekäännetty\\u202D {{{{ 7*7 }}}}"@fi ; ex:next ex:long .
ex:long a ex:Thing ; rdfs:label "{LONG}"@fi ; ex:next ex:script ; ex:size 5 .
"""  # noqa: E501 - Turtle, one thing a line


@pytest.fixture(scope="session")
def hostile_url(tmp_path_factory: pytest.TempPathFactory, serve: Any) -> str:
    """A server over a small project whose labels mean harm."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "kymgraph.toml").write_text('base_iri = "https://example.org/kym/"\n[title]\nfi = "Ilkeä"\n')
    (folder / "data").mkdir()
    (folder / "data/things.ttl").write_text(HEADER + HOSTILE, "utf-8")
    project = Project.load(folder)
    read = files.read(project)
    EmbeddedStore(folder / "store").build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests
    )
    url: str = serve(folder, folder / "store")
    return url


def asked(url: str, query: str, **more: str) -> str:
    kept = "".join(f"&{name}={quote(value)}" for name, value in more.items())
    return f"{url}/sparql?lang=fi&query={quote(query)}{kept}"


def done(page: Page) -> None:
    """Wait for the island's answer."""
    expect(page.locator("#status")).to_contain_text("aikaa kului")


def write(page: Page, text: str) -> None:
    """Put a query into the editor by hand."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def editor_text(page: Page) -> str:
    return page.locator("textarea#query").input_value()


def cells(page: Page) -> list[list[str]]:
    rows: list[list[str]] = page.locator("#panel tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => (cell.querySelector('bdi') ?? cell).textContent))"
    )
    return rows


def test_a_class_is_completed_by_its_label_and_the_query_runs(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(shipped_url + "/sparql?lang=fi")
    page = watched.page
    write(page, "")
    page.keyboard.type("SELECT ?x WHERE {\n?x a ohjelma", delay=10)
    hints = page.locator(".cm-tooltip-autocomplete li")
    expect(hints.first).to_have_text("kym:Programmeohjelma")
    page.wait_for_timeout(100)  # the list takes no key in its first moment, so that Enter stays a new line
    page.keyboard.press("Enter")
    page.keyboard.type(" }", delay=10)

    assert f"PREFIX kym: <{KYM}>\nSELECT" in editor_text(page)
    assert "?x a kym:Programme }" in editor_text(page)
    page.keyboard.press("Control+Enter")
    done(page)
    assert page.locator("#panel tbody tr").count() > 4
    expect(page.locator("#panel tbody a").first).to_have_attribute("href", re.compile("^/page/"))
    watched.check()


def test_the_table_holds_the_rows_of_the_csv_in_its_order(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(asked(shipped_url, COUNTS)).page
    done(page)
    page.locator("#names").uncheck()
    text = httpx.get(shipped_url + "/sparql", params={"query": COUNTS, "format": "csv"}).text
    expected = [row[1] for row in csv.reader(io.StringIO(text))][1:]

    assert [row[1] for row in cells(page)] == expected
    page.locator("th .sort").nth(1).click()
    assert page.locator("th").nth(1).get_attribute("aria-sort") == "ascending"
    assert [row[1] for row in cells(page)] == sorted(expected, key=int)


@in_ci
def test_long_tables_are_paged_and_the_end_is_reached(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(asked(shipped_url, "SELECT ?x ?l { ?x a ?l } ORDER BY ?x ?l LIMIT 120"), width=360)
    page = watched.page
    done(page)
    assert page.locator("#panel tbody tr").count() == 50
    page.get_by_role("button", name="Seuraavat").click()
    page.get_by_role("button", name="Seuraavat").click()

    assert page.locator("#panel tbody tr").count() == 20
    assert page.locator(".where").inner_text() == "101–120 / 120"
    watched.check()


@pytest.mark.parametrize(
    ("view", "query", "mark", "says"),
    [
        ("graph", NETWORKS, ".node", "yhteyksiä"),
        pytest.param("chart", COUNTS, ".mark", ", n: ", marks=in_ci),
        ("chart", YEARS, ".mark", "2020, n: 3"),
        pytest.param("map", POINTS, ".mark", "Kotka: 60,5° N", marks=in_ci),
    ],
)
@pytest.mark.parametrize("width", WIDTHS[: size(quick=1, ci=2, night=3)])
def test_pictures_are_walked_by_keyboard_and_lead_to_their_table(
    shipped_url: str, open_page: OpenPage, view: str, query: str, mark: str, says: str, width: int
) -> None:
    watched = open_page(asked(shipped_url, query, view=view), width=width)
    page = watched.page
    marks = page.locator(f"#panel .picture {mark}")
    expect(marks.first).to_have_attribute("tabindex", "0")
    assert says in (marks.first.get_attribute("aria-label") or "")

    marks.first.focus()
    page.keyboard.press("ArrowRight")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == marks.nth(1).get_attribute("aria-label")
    assert page.locator(f"#panel .picture {mark}[tabindex='0']").count() == 1
    watched.check()

    page.get_by_role("button", name="Näytä samat tiedot taulukkona").click()
    assert page.locator("#panel tbody tr").count() > 1
    assert page.evaluate("document.activeElement.id") == "tab-table"


@in_ci
@pytest.mark.parametrize("view", ["graph", "map", "chart"])
def test_what_has_no_picture_says_what_one_needs(shipped_url: str, open_page: OpenPage, view: str) -> None:
    watched = open_page(asked(shipped_url, 'SELECT ?x { VALUES ?x { "yksi" "kaksi" } }', view=view))
    expect(watched.page.locator("#panel .empty-title")).to_be_visible()
    watched.check()


@in_ci
def test_views_are_tabs_for_the_keyboard_and_their_code_comes_when_opened(
    shipped_url: str, open_page: OpenPage
) -> None:
    watched = open_page("about:blank")
    page, loaded = watched.page, []
    page.on("request", lambda request: loaded.append(request.url.rsplit("/", 1)[-1].split("-")[0:2]))
    watched.origin = shipped_url
    page.goto(asked(shipped_url, NETWORKS))
    done(page)
    assert not [name for name in loaded if name[0] == "view"]

    page.locator("#tab-table").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel .picture")).to_be_visible()
    assert [name for name in loaded if name[0] == "view"] == [["view", "graph"]]
    assert page.evaluate("document.activeElement.id") == "tab-graph"


@in_ci
def test_construct_is_a_graph_and_a_table_of_triples(shipped_url: str, open_page: OpenPage) -> None:
    query = f"CONSTRUCT {{ ?x a ?t }} WHERE {{ ?x a ?t VALUES ?t {{ <{KYM}Network> }} }}"
    page = open_page(asked(shipped_url, query)).page
    done(page)
    assert [name.strip() for name in page.locator("th bdi").all_inner_texts()] == [
        "subject",
        "predicate",
        "object",
    ]
    page.locator("#tab-graph").click()
    expect(page.locator("#panel .picture .node").nth(2)).to_be_visible()
    assert page.locator(".links a").all_inner_texts()[1:] == ["Turtle", "N-Triples", "RDF/XML", "JSON-LD"]


def test_a_share_link_is_pinned_and_shows_the_same_in_the_same_view(
    shipped_url: str, open_page: OpenPage
) -> None:
    first = open_page(asked(shipped_url, COUNTS, view="chart")).page
    expect(first.locator("#panel .picture")).to_be_visible()
    link = first.locator(".share a").get_attribute("href") or ""
    given = parse_qs(urlsplit(link).query)
    labels = first.locator(".mark").evaluate_all("marks => marks.map(mark => mark.ariaLabel)")

    second = open_page(shipped_url + link)
    expect(second.page.locator("#panel .picture")).to_be_visible()
    assert (given["at"], given["view"], given["query"]) == (["1"], ["chart"], [COUNTS])
    assert second.page.locator(".mark").evaluate_all("marks => marks.map(mark => mark.ariaLabel)") == labels
    assert "versioon 1" in second.page.locator(".pinned").inner_text()
    second.check()
    # Without script the same link gives the same rows.
    plain = open_page(shipped_url + link, script=False).page
    assert plain.locator("tbody tr").count() == len(labels)


@in_ci
def test_the_line_for_curl_gives_the_rows(shipped_url: str, open_page: OpenPage) -> None:
    query = "SELECT ?x { VALUES ?x { \"it's\" 'a\"b' } }"
    for script in (True, False):
        page = open_page(asked(shipped_url, query), script=script).page
        if script:
            done(page)
        words = shlex.split(page.locator(".curl pre").inner_text())
        words[2] = shipped_url + urlsplit(words[2]).path  # the page tells the public address
        said = subprocess.run(words, capture_output=True, timeout=30, check=True).stdout.decode()
        assert list(csv.reader(io.StringIO(said))) == [["x"], ["it's"], ['a"b']]


def test_a_fault_is_shown_at_its_line(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(shipped_url + "/sparql?lang=fi")
    page = watched.page
    write(page, "SELECT * WHERE {\n  ?s ?p ?o .\n  FILTER(?o > )\n}")
    page.locator("#query-form button[type=submit]").click()
    box = page.locator("#problem")
    expect(box).to_contain_text("Kyselyn syntaksivirhe")
    expect(page.locator(".cm-faulty")).to_have_text("  FILTER(?o > )")
    box.get_by_role("button", name="Siirry riville 3").click()
    page.keyboard.type("5")

    assert "FILTER(?o > 5)" in editor_text(page)
    watched.faults.clear()  # the browser itself reports a 400
    watched.check()


@in_ci
def test_a_fault_is_marked_while_writing(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(shipped_url + "/sparql?lang=fi").page
    write(page, "SELECT * WHERE {\n  ?s ?p ?o ?x .\n}")
    expect(page.locator(".cm-faulty")).to_have_text("  ?s ?p ?o ?x .")
    expect(page.locator(".note")).to_contain_text("Rivi 2")


@in_ci
def test_every_example_is_well_formed_for_the_editor(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(shipped_url + "/sparql?lang=fi").page
    page.locator(".cm-content").wait_for()
    texts = [example["query"] for example in httpx.get(shipped_url + "/examples").json()]
    for text in texts:
        write(page, text)
        page.keyboard.insert_text("\n ")
    page.wait_for_timeout(900)
    assert len(texts) > 20
    assert page.locator(".cm-faulty").count() == 0


@in_ci
@pytest.mark.parametrize(
    ("status", "code", "headers", "says"),
    [
        (504, "query-timeout", {}, "liikaa aikaa"),
        (429, "too-many-requests", {"retry-after": "7"}, "Yritä uudelleen 7 sekunnin kuluttua"),
        (422, "generation-not-kept", {}, "ei ole enää tallessa"),
        (502, None, {}, "HTTP 502"),
    ],
)
def test_refusals_say_what_to_do(
    shipped_url: str, open_page: OpenPage, status: int, code: str | None, headers: dict[str, str], says: str
) -> None:
    def refuse(route: Route) -> None:
        body = json.dumps({"code": code, "title": "Otsikko", "detail": "<b>x</b>"}) if code else "<h1>no</h1>"
        route.fulfill(status=status, headers=headers, content_type="application/problem+json", body=body)

    watched = open_page(shipped_url + "/sparql?lang=fi")
    page = watched.page
    page.route("**/sparql?lang=fi", refuse)
    page.locator("#query-form button[type=submit]").click()
    expect(page.locator("#problem")).to_contain_text(says)
    assert page.locator("#problem b").count() == 0
    watched.faults.clear()  # the browser itself reports the status
    watched.check()


def test_a_query_that_runs_is_cancelled(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(shipped_url + "/sparql?lang=fi").page
    page.locator(".cm-content").wait_for()
    held: list[Route] = []
    page.route("**/sparql?lang=fi", lambda route: held.append(route))
    page.locator("#query-form button[type=submit]").click()
    expect(page.locator("#status")).to_contain_text("suoritetaan")
    page.get_by_role("button", name="Keskeytä").click()

    expect(page.locator("#status")).to_have_text("Kysely keskeytettiin.")
    expect(page.get_by_role("button", name="Keskeytä")).to_be_hidden()
    for route in held:
        route.abort()


@in_ci
def test_a_server_out_of_reach_is_said(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(shipped_url + "/sparql?lang=fi").page
    page.route("**/sparql?lang=fi", lambda route: route.abort())
    page.locator("#query-form button[type=submit]").click()
    expect(page.locator("#problem")).to_contain_text("Palvelimeen ei saada yhteyttä")


@in_ci
def test_too_many_rows_are_cut_with_a_notice(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(asked(shipped_url, "SELECT ?a ?b ?c { ?a ?b ?c } LIMIT 10500"))
    done(watched.page)
    assert "10 000 ensimmäistä" in watched.page.locator(".cut").inner_text().replace("\xa0", " ")
    assert watched.faults == []


@in_ci
def test_no_rows_and_yes_are_said(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(asked(shipped_url, "SELECT * { ?x <http://none.example/> ?y }")).page
    expect(page.locator("#panel .empty-title")).to_have_text("Ei yhtään riviä")
    page = open_page(asked(shipped_url, "ASK {}")).page
    expect(page.locator("#status")).to_contain_text("Vastaus: Kyllä")


def test_hostile_labels_do_no_harm_in_any_view(hostile_url: str, open_page: OpenPage) -> None:
    query = "PREFIX ex: <https://example.org/kym/id/> SELECT ?s ?p ?o { ?s ?p ?o }"
    for view in ("table", "graph", "chart", "map", "raw")[: size(quick=2, ci=5, night=5)]:
        watched = open_page(asked(hostile_url, query, view=view))
        page = watched.page
        done(page)
        expect(page.locator("#panel > *").first).to_be_visible()
        page.wait_for_timeout(300)
        assert page.evaluate("window.broken") is None
        assert page.locator("#panel script, #panel img, #panel [onerror]").count() == 0
        assert page.locator("[href^=javascript]").count() == 0
        assert len(page.locator("#answer").inner_text()) < 250_000
        assert watched.faults == []
    picture = open_page(asked(hostile_url, query, view="graph")).page
    picture.locator(".node").first.focus()
    assert "<script>" in picture.locator(".about-node").inner_text()


def test_hostile_labels_do_no_harm_without_script(hostile_url: str, open_page: OpenPage) -> None:
    watched = open_page(asked(hostile_url, "SELECT * { ?s ?p ?o }"), script=False)
    assert watched.page.locator("tbody script, tbody img").count() == 0
    assert watched.page.locator("[href^=javascript]").count() == 0
    assert len(watched.page.content()) < 60_000
    assert watched.faults == []


def test_nothing_is_stored_and_nobody_else_is_asked(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page("about:blank")
    page, asked_for = watched.page, []
    watched.origin = shipped_url

    def noted(request: Request) -> None:
        asked_for.append(request.url)

    page.on("request", noted)
    page.add_init_script(
        "window.touched = []; for (const name of ['setItem', 'removeItem', 'clear'])"
        " Storage.prototype[name] = (...given) => window.touched.push([name, ...given]);"
        " indexedDB.open = (...given) => window.touched.push(given);"
    )
    page.goto(shipped_url + "/sparql?lang=fi")
    write(page, "SELECT * WHERE { ?s a foaf:Pers")
    page.keyboard.type("o", delay=20)
    page.wait_for_timeout(400)
    write(page, NETWORKS)
    page.keyboard.press("Control+Enter")
    done(page)
    for view in ("graph", "map", "chart", "raw"):
        page.locator(f"#tab-{view}").click()
        page.wait_for_timeout(150)

    assert page.evaluate("window.touched") == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert page.context.cookies() == []
    assert [url for url in asked_for if not url.startswith((shipped_url, "about:"))] == []
    assert watched.faults == []


def test_the_built_scripts_make_no_code_of_text() -> None:
    built = Path(__file__).parents[2] / "api/static/dist/assets"
    for script in built.glob("*.js"):
        text = script.read_text("utf-8")
        assert not [word for word in ("eval(", "new Function(", "localStorage") if word in text], script.name


def test_without_script_the_form_does_as_before(shipped_url: str, open_page: OpenPage) -> None:
    watched = open_page(shipped_url + "/sparql?lang=sv", script=False, width=360)
    page = watched.page
    page.locator("textarea#query").fill(COUNTS)
    page.get_by_role("button", name="Kör frågan").click()

    assert page.locator("tbody tr").count() == 12
    assert page.locator(".links a").all_inner_texts()[1:] == ["JSON", "XML", "CSV", "TSV"]
    assert "at=1" in (page.locator(".links a").first.get_attribute("href") or "")
    assert watched.faults == []


@in_ci
def test_tab_leaves_the_editor_and_the_editor_has_a_name(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page(shipped_url + "/sparql?lang=fi").page
    page.locator(".cm-content").wait_for()  # until then the plain field is there
    editor = page.get_by_role("textbox", name="Kysely")
    editor.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Suorita kysely"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.textContent") == "Kaikki esimerkit"


def test_who_writes_before_the_editor_comes_goes_on_writing(shipped_url: str, open_page: OpenPage) -> None:
    page = open_page("about:blank").page
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/assets/editor*.js", hold)
    page.goto(shipped_url + "/sparql?lang=fi", wait_until="domcontentloaded")
    page.locator("textarea#query").fill("ASK {}")
    page.keyboard.press("ArrowLeft")
    for _ in range(50):
        if waiting:
            break
        page.wait_for_timeout(100)
    assert waiting
    for route in waiting:
        route.continue_()
    page.locator(".cm-content").wait_for()

    page.keyboard.type(" ?s ?p ?o ")

    assert editor_text(page) == "ASK { ?s ?p ?o }"


@pytest.mark.parametrize(
    ("lang", "width"), [("fi", 360), ("sv", 768), ("en", 1440)][: size(quick=1, ci=3, night=3)]
)
def test_the_form_is_clean_and_fits(
    shipped_url: str, open_page: OpenPage, shots: Path, lang: str, width: int
) -> None:
    watched = open_page(f"{shipped_url}/sparql?lang={lang}", width=width, lang=lang)
    watched.page.locator(".cm-content").wait_for()
    watched.check()
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    watched.page.screenshot(path=shots / f"sparql-{lang}-{width}.png", full_page=True)
