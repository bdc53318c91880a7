"""Five people do what they came for, each in at most the number of clicks stated.

A click is a click on a link, a button or a summary, or a choice in a list; typing does not count. Opening the
front page is where each begins.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass, field

import httpx
import pytest
from playwright.sync_api import Locator, Page

from kymgraph import files
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.browser.conftest import OpenPage
from tests.conftest import ROOT, Serve
from tests.signing import token

PROJECT = "KymÄES 2.0 - Kasvun alustat ja palvelut yrityksille"


@dataclass
class Person:
    """Somebody at a page, whose clicks are counted."""

    page: Page
    clicks: int = 0
    did: list[str] = field(default_factory=list)

    def click(self, what: Locator) -> None:
        self.did.append((what.text_content() or "").strip() or what.get_attribute("aria-label") or "?")
        what.click()
        self.clicks += 1

    def link(self, name: str, within: str = "main") -> None:
        self.click(self.page.locator(within).get_by_role("link", name=name, exact=True).first)

    def button(self, name: str) -> None:
        self.click(self.page.get_by_role("button", name=name, exact=True).first)

    def choose(self, label: str, text: str) -> None:
        self.did.append(f"{label}: {text}")
        self.page.get_by_label(label, exact=True).select_option(label=text)
        self.clicks += 1

    def section(self, name: str) -> None:
        """A page of the main navigation, which a narrow screen folds away."""
        self.click(self.page.locator("nav.sections .wide").get_by_role("link", name=name, exact=True))


@dataclass(frozen=True)
class House:
    url: str
    steward: str


@pytest.fixture(scope="module")
def house(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> House:
    """This repository's project on a server that can be written to, whose search is ready."""
    project = Project.load(ROOT)
    store = tmp_path_factory.mktemp("tasks") / "store"
    read = files.read(project)
    EmbeddedStore(store).build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    steward = token(store, "publisher")
    url = serve_writable(ROOT, store)
    for _ in range(6):  # the index is made by the first search
        if httpx.get(url + "/suggest?q=kym", timeout=60).status_code == 200:
            return House(url, steward)
    raise AssertionError("the search index does not get ready")


def at_the_front(house: House, open_page: OpenPage, lang: str) -> Person:
    watched = open_page(house.url, at=f"/?lang={lang}")
    assert watched.faults == []
    return Person(watched.page)


def test_a_planner_compares_two_programmes(house: House, open_page: OpenPage) -> None:
    planner = at_the_front(house, open_page, "fi")
    planner.section("Ohjelmat")
    planner.choose("Ensimmäinen (A)", "Maakuntaohjelma 2014–2017")
    planner.choose("Toinen (B)", "Kymenlaakson maakuntaohjelma 2022–2025")
    planner.button("Vertaa")

    text = planner.page.locator("main").inner_text()
    assert "Luonnonvarojen älykäs käyttö ja siihen liittyvät tekniikat" in text
    assert "Luonnon monimuotoisuuden turvaaminen ja kestävä luonnonvarojen käyttö" in text
    assert "tulkittu" in text
    assert "Ilman vastinetta" in text
    assert planner.clicks <= 4, planner.did


def test_a_journalist_finds_who_paid_and_what_is_not_known(house: House, open_page: OpenPage) -> None:
    journalist = at_the_front(house, open_page, "fi")
    journalist.page.get_by_role("searchbox").or_(journalist.page.get_by_role("combobox")).first.fill(
        "KymÄES 2.0"
    )
    journalist.button("Hae")
    journalist.click(journalist.page.locator('main .hits h3 a[href*="/project/kymaes-2?"]').first)
    journalist.link("EAKR-rahoitus KymÄES 2.0 -hankkeelle")

    text = journalist.page.locator("main").inner_text()
    assert "Euroopan aluekehitysrahasto (EAKR)" in text
    assert "summaa ei kerrota" in text
    unsaid = journalist.page.locator("#unknown + p + ul").inner_text()
    assert "saaja" in unsaid
    assert re.search(r"rivi 25", text)
    assert journalist.clicks <= 3, journalist.did


def test_a_steward_fixes_a_wrong_year(house: House, open_page: OpenPage) -> None:
    steward = at_the_front(house, open_page, "fi")
    page = steward.page
    page.get_by_role("searchbox").or_(page.get_by_role("combobox")).first.fill(PROJECT)
    steward.button("Hae")
    steward.click(page.locator('main .hits h3 a[href*="/project/kymaes-2-kasvun-alustat"]').first)
    steward.click(page.locator('main a[href*="/edit/page/project/kymaes-2-kasvun-alustat"]').first)
    page.get_by_label("Tunniste", exact=True).fill(house.steward)
    steward.button("Kirjaudu sisään")
    page.get_by_role("textbox", name="Alkoi", exact=True).fill("1.1.2021")
    page.get_by_label("Mihin lähdekohtaan muutos perustuu?").select_option("same")
    steward.clicks += 1
    steward.button("Esikatsele muutosta")
    page.get_by_label("Perustelu").fill("Vuosi oli kirjattu väärin")
    steward.button("Julkaise")

    query = """PREFIX kym: <https://w3id.org/kymgraph/ontology#>
        ASK { <https://w3id.org/kymgraph/id/project/kymaes-2-kasvun-alustat> kym:startedOn ?day
              FILTER(STRSTARTS(STR(?day), "2021-01-01")) }"""
    told = httpx.get(
        house.url + "/sparql", params={"query": query}, headers={"accept": "application/sparql-results+json"}
    )
    assert told.json()["boolean"]
    assert steward.clicks <= 7, steward.did


def test_a_developer_copies_a_query_into_curl(house: House, open_page: OpenPage) -> None:
    developer = at_the_front(house, open_page, "en")
    developer.section("Questions")
    developer.click(developer.page.locator('main a[href*="/questions/Q28"]').first)
    line_of = developer.page.locator('pre[aria-label="curl"]')
    developer.click(developer.page.locator("main details", has=line_of).locator("summary"))
    line = line_of.inner_text()

    assert line.startswith("curl ")
    told = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=60, check=True).stdout
    rows = told.splitlines()
    assert rows[0].split(",")[0] == "instrument"
    assert any("Euroopan aluekehitysrahasto" in row for row in rows)
    assert developer.clicks <= 3, developer.did


def test_a_swedish_speaking_citizen_finds_what_concerns_pyhtaa(house: House, open_page: OpenPage) -> None:
    citizen = at_the_front(house, open_page, "sv")
    citizen.section("Karta")
    citizen.click(citizen.page.locator('main svg a[href*="place=pyhtaa"]').first)

    main = citizen.page.locator("main")
    assert main.get_by_role("heading", name="Pyttis").count() >= 1
    text = main.inner_text()
    assert "Landskapsprogrammet 2014–2017" in text
    assert "Källorna säger ingenting om just den här platsen." in text
    assert citizen.clicks <= 2, citizen.did
