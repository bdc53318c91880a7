"""A whole edit in a browser: sign in, be told what is wrong, mend it, preview, propose, accept, see, undo."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import pytest
from playwright.sync_api import Page

from kymgraph import files
from kymgraph.namespaces import SKOS
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.browser.conftest import OpenPage
from tests.conftest import ROOT, Serve
from tests.signing import token

MEASURE = "measure/kyberturvallisuusosaamisen-kehittaminen"
OLD, NEW = "Kyberturvallisuusosaamisen kehittäminen", "Kyberturvallisuuden osaamisen kehittäminen"


@dataclass(frozen=True)
class House:
    url: str
    editor: str
    publisher: str

    def wait_for_search(self) -> None:
        """The index is made by the first search, which takes a while on a busy machine."""
        for _ in range(6):
            if httpx.get(self.url + "/suggest?q=veto", timeout=60).status_code == 200:
                return
        raise AssertionError("the search index does not get ready")


@pytest.fixture(scope="module")
def house(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> House:
    """This repository's project on a server of its own that can be written to."""
    project = Project.load(ROOT)
    store = tmp_path_factory.mktemp("edited") / "store"
    read = files.read(project)
    EmbeddedStore(store).build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    editor, publisher = token(store, "editor"), token(store, "publisher")
    return House(serve_writable(ROOT, store), editor, publisher)


def sign_in(page: Page, text: str) -> None:
    page.get_by_label("Tunniste", exact=True).fill(text)
    page.get_by_role("button", name="Kirjaudu sisään").click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Kirjaudu ulos").click()


def asked_for(page: Page, house: House, name: str) -> bool:
    """Whether the query page finds the measure by this name."""
    text = f'SELECT ?measure {{ ?measure <{SKOS}prefLabel> "{name}"@fi }}'
    page.goto(f"{house.url}/sparql?{urlencode({'query': text, 'lang': 'fi'})}")
    return page.locator(f"main a[href*='{MEASURE}']").count() > 0


#: A refused form answers 422, which the console tells; that is meant.
MEANT = ("status of 422",)


@pytest.fixture
def shoot(shots: Path) -> Callable[[Page, str], None]:
    def take(page: Page, name: str) -> None:
        page.screenshot(path=shots / f"edit-{name}.png", full_page=True)

    return take


@pytest.mark.parametrize(
    ("script", "width"), [(False, 360), (True, 1440)], ids=["without scripts", "with scripts"]
)
def test_a_whole_edit(
    house: House, open_page: OpenPage, shoot: Callable[[Page, str], None], script: bool, width: int
) -> None:
    watched = open_page(f"{house.url}/edit/page/{MEASURE}?lang=fi", script=script, width=width)
    page = watched.page

    def looked_at(name: str) -> None:
        if script:  # axe-core is a script
            watched.check(MEANT)
        shoot(page, f"{name}-{width}")

    looked_at("session")
    sign_in(page, house.editor)
    assert page.locator("h1").inner_text() == f"Muokkaus: {OLD}"
    looked_at("form")

    # A name that is taken away: refused, in Finnish, at its field.
    name = page.get_by_role("group", name="Nimi", exact=True).first.get_by_role("textbox").first
    name.fill("")
    if script:
        page.wait_for_selector("#summary p:has-text('Korjattavaa')", timeout=30_000)
        assert "puuttuu suomenkielinen nimi" in page.locator("[id^='fault-value-']").first.inner_text()
        looked_at("live")
    page.get_by_label("Mihin lähdekohtaan muutos perustuu?").select_option("same")
    page.get_by_role("button", name="Esikatsele muutosta").click()
    assert "Lähdegraafin tiedolta puuttuu suomenkielinen nimi" in page.locator("#summary").inner_text()
    looked_at("refused")

    # Mended, previewed and proposed.
    page.get_by_role("group", name="Nimi", exact=True).first.get_by_role("textbox").first.fill(NEW)
    page.get_by_role("button", name="Esikatsele muutosta").click()
    assert page.locator("h1").inner_text().startswith("Muutoksen esikatselu")
    assert page.locator("del").inner_text() == OLD
    assert page.locator("ins").inner_text() == NEW
    looked_at("preview")
    page.get_by_label("Perustelu").fill("Nimi on lähteessä näin")
    page.get_by_role("button", name="Tallenna ehdotuksena").click()
    assert page.locator("h1").inner_text() == "Ehdotus on tallennettu"
    looked_at("proposed")
    assert not asked_for(page, house, NEW)
    page.go_back()

    # Accepted at the desk by a publisher.
    page.get_by_role("link", name="Näytä ehdotus").click()
    proposal = page.url.partition("?")[0].removeprefix(house.url)
    sign_out(page)
    page.goto(f"{house.url}/session?lang=fi&next={quote('/proposals?lang=fi')}")
    sign_in(page, house.publisher)
    page.locator(f"main a[href^='{proposal}?']").click()
    assert page.locator("del").inner_text() == OLD
    assert page.locator("ins").inner_text() == NEW
    page.fill("#accept-reason", "Tarkistettu lähteestä")
    page.get_by_role("button", name="Hyväksy ja julkaise").click()
    assert "Ehdotus on hyväksytty ja muutos julkaistu." in page.get_by_role("status").inner_text()
    looked_at("accepted")

    # Seen on the page of the thing, which leads to its form, and by a query.
    accepted = page.url
    page.goto(f"{house.url}/page/{MEASURE}?lang=fi")
    assert page.locator("h1").inner_text() == NEW
    form = page.get_by_role("link", name="Muokkaa tätä").get_attribute("href")
    assert form == f"/edit/page/{MEASURE}?lang=fi"
    assert asked_for(page, house, NEW)
    assert not asked_for(page, house, OLD)

    # Taken back.
    page.goto(accepted)
    page.get_by_role("link", name="Kumoa").click()
    looked_at("undo")
    page.get_by_label("Perustelu").fill("Palautetaan entinen nimi")
    page.get_by_role("button", name="Kumoa muutos").click()
    assert re.search(r"Muutos \d+ on kumottu", page.get_by_role("status").inner_text())
    looked_at("undone")
    assert asked_for(page, house, OLD)
    assert not asked_for(page, house, NEW)


@pytest.mark.parametrize("lang", ["sv", "en"])
def test_the_editor_speaks_the_other_languages_too(house: House, open_page: OpenPage, lang: str) -> None:
    house.wait_for_search()
    watched = open_page(f"{house.url}/session?lang={lang}&next=/edit?lang={lang}", lang=lang)
    page = watched.page
    page.locator("#token").fill(house.editor)
    page.locator("form.fields button").click()
    assert page.locator("html").get_attribute("lang") == lang
    watched.check()
    page.locator("#q").fill("vetovoima")
    page.locator("form[role='search'] button").click()
    watched.check()
    page.locator(".found a").first.click()
    watched.check()
    assert page.locator("form.editor").count() == 1


def test_a_new_thing_from_the_start_page_by_keyboard(house: House, open_page: OpenPage) -> None:
    watched = open_page(f"{house.url}/edit?lang=fi", width=360)
    page = watched.page
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Siirry sisältöön"
    sign_in(page, house.editor)
    page.get_by_role("link", name="toimenpide", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_label("Nimi suomeksi").fill("Kokeiltava toimenpide")
    watched.check()
    page.keyboard.press("Enter")
    page.wait_for_selector("form.editor")
    assert page.get_by_role("textbox").first.input_value() == "Kokeiltava toimenpide"
    watched.check()
