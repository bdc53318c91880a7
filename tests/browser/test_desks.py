"""The desks in a browser: a workbook until it is published, a proposal and links by keyboard."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import openpyxl
import pytest

from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.intake.columns import Model
from kymgraph.intake.template import template
from kymgraph.linking import eu_themes, kept
from kymgraph.linking.entities import Ours
from kymgraph.linking.match import Matcher
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.browser.conftest import OpenPage, Watched
from tests.conftest import ROOT, Serve
from tests.needs import size

pytestmark = pytest.mark.skipif(not size(quick=0, ci=1, night=1), reason="a server of its own: ci, night")

GRAPH: Final = "kouvolan-seudun-koko"
PASSAGE: Final = f"{GRAPH}:62"


@dataclass
class Site:
    url: str
    store: EmbeddedStore
    tokens: dict[str, str]

    def propose(self, name: str) -> str:
        """A proposal of an editor; its path."""
        turtle = (
            "@prefix kym: <https://w3id.org/kymgraph/ontology#> ."
            "@prefix skos: <http://www.w3.org/2004/02/skos/core#> ."
            f'<https://w3id.org/kymgraph/id/project/{name}> a kym:Project ; skos:prefLabel "{name}"@fi ; '
            f"kym:restsOn <https://w3id.org/kymgraph/id/passage/{GRAPH}/62-62> ."
        )
        answer = httpx.post(
            f"{self.url}/graph/{GRAPH}",
            params={"reason": f"Uusi hanke {name}"},
            content=turtle,
            headers={"authorization": f"Bearer {self.tokens['editor']}", "content-type": "text/turtle"},
            timeout=90,
            trust_env=False,
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["proposal"])


@pytest.fixture(scope="module")
def site(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    project = Project.load(ROOT)
    store = EmbeddedStore(tmp_path_factory.mktemp("desks") / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    with Access(store.folder / FILE) as access:
        tokens = {
            role: access.create_token(role, role, expires=None)[0]  # type: ignore[arg-type]
            for role in ("editor", "publisher")
        }
    ours = Ours(store.view())
    matcher = Matcher(ours.class_names, ours.places)
    themes = eu_themes.vocabulary()
    found = [one for entity in ours.of(["theme"])[:30] for one in matcher.suggest(entity, themes)]
    assert kept.write(store.folder, "eu-themes", found) > 3
    return Site(serve_writable(ROOT, store.folder), store, tokens)


@pytest.fixture(scope="module")
def books(site: Site, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The template of projects filled in with two wrong cells, and mended."""
    folder = tmp_path_factory.mktemp("books")
    model = Model(site.store.view(), Project.load(ROOT))
    empty = template(model, model.find_class("Project"), lang="fi")

    def filled(name: str, *rows: dict[str, str]) -> Path:
        book = openpyxl.load_workbook(io.BytesIO(empty))
        page = book.worksheets[0]
        headers = {str(cell.value).partition("[")[2].rstrip("]"): cell.column for cell in page[1]}
        for number, row in enumerate(rows, 3):
            for short, value in row.items():
                page.cell(number, headers[short]).value = value
        book.save(folder / name)
        return folder / name

    first = {"prefLabel@fi": "Selainhanke", "startedOn": "2/2027", "restsOn": PASSAGE}
    second = {"prefLabel@fi": "Toinen selainhanke", "startedOn": "2028", "restsOn": PASSAGE}
    wrong = filled("hankkeet.xlsx", first | {"startedOn": "1.2.27"}, second | {"theme": "Olematon teema"})
    return wrong, filled("korjattu.xlsx", first, second)


def sign_in(
    site: Site, open_page: OpenPage, role: str, path: str, *, lang: str = "fi", **options: object
) -> Watched:
    watched = open_page(f"{site.url}/session?lang={lang}", **options)
    page = watched.page
    page.fill("#token", site.tokens[role])
    page.press("#token", "Enter")
    page.wait_for_url("**/edit**")
    watched.faults.clear()  # the start page of the editor has tests of its own
    page.goto(f"{site.url}{path}{'&' if '?' in path else '?'}lang={lang}")
    return watched


@pytest.mark.parametrize(("script", "width"), [(False, 360), (True, 1440)])
def test_a_workbook_is_mended_and_published(
    site: Site, open_page: OpenPage, books: tuple[Path, Path], script: bool, width: int, shots: Path
) -> None:
    watched = sign_in(site, open_page, "publisher", "/edit/upload", script=script, width=width)
    page = watched.page

    def send(book: Path) -> None:
        page.set_input_files("#file", book)
        page.select_option("#graph", GRAPH)
        page.get_by_role("button", name="Tarkista tiedosto").click()
        page.wait_for_url("**/edit/upload/*")

    send(books[0])
    assert page.locator("h2").first.inner_text() == "Virheitä: 2"
    assert page.locator("table.faults tbody tr").count() == 2
    assert "Tämä ei ole päivämäärä" in page.locator("#fault-1").inner_text()
    page.locator("#fault-1 a").click()  # to the cell itself, and from there back to the list
    assert page.locator("td:target").inner_text().startswith("1.2.27")
    page.locator("td:target a").click()
    assert page.locator("tr:target td").first.inner_text() == "1"
    page.screenshot(path=shots / f"desk-faults-{width}.png", full_page=True)
    if script:
        watched.check()

    page.get_by_role("link", name="Lähetä korjattu tiedosto").click()
    send(books[1])
    if script:  # the other run has written the same already: only its answer is left
        assert page.get_by_text("Mikään ei muutu").count() == 1
        watched.check()
        page.get_by_role("button", name="Poista tiedosto").click()
        assert page.get_by_role("status").inner_text() == "Tiedosto on poistettu. Mitään ei muutettu."
        return
    assert "Selainhanke" in page.locator("section.change").first.inner_text()
    page.fill("#reason", "Hankkeet syksyn kokouksesta")
    page.get_by_role("button", name="Julkaise").click()
    assert "Muutos on julkaistu." in page.get_by_role("status").inner_text()
    page.goto(f"{site.url}/page/project/selainhanke?lang=fi")
    assert page.locator("h1").inner_text() == "Selainhanke"


def test_a_proposal_is_accepted_by_keyboard(site: Site, open_page: OpenPage, shots: Path) -> None:
    path = site.propose("nappaimisto")
    watched = sign_in(site, open_page, "publisher", "/proposals", width=360)
    page = watched.page
    watched.check()

    page.get_by_role("link", name="Uusi hanke nappaimisto").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{path}**")
    watched.check()
    page.screenshot(path=shots / "desk-proposal-360.png", full_page=True)
    page.focus("#accept-reason")
    page.keyboard.type("Sopii")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Hyväksy ja julkaise"
    page.keyboard.press("Enter")

    page.wait_for_url("**done=accepted**")
    assert "Ehdotus on hyväksytty" in page.get_by_role("status").inner_text()
    watched.check()
    page.get_by_role("link", name="Kumoa").click()
    assert page.locator("h1").inner_text().startswith("Kumoa muutos")
    watched.check()


def test_links_are_decided_by_keyboard_without_scripts(site: Site, open_page: OpenPage, shots: Path) -> None:
    watched = sign_in(site, open_page, "publisher", "/edit/links", script=False, width=360)
    page = watched.page
    first = page.locator("article.candidate").first
    theirs = first.locator("h3").inner_text()
    ours = page.locator("section.thing h2 a").first.inner_text()

    first.locator("select").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("Katsottu")
    page.keyboard.press("Tab")  # Accept
    page.keyboard.press("Tab")  # Decline
    page.keyboard.press("Enter")

    page.wait_for_url("**done=**")
    assert "Päätös on tallessa." in page.get_by_role("status").inner_text()
    assert "Katsottu" in page.locator("main").inner_text()
    page.get_by_role("link", name="Kaikki päätökset linkeistä").click()
    page.fill("#q", "katsottu")
    page.press("#q", "Enter")
    page.wait_for_url("**q=katsottu**")
    row = page.locator("tbody tr")
    assert ours in row.inner_text()
    assert theirs in row.inner_text()
    assert "hylätty" in row.inner_text()


def test_several_links_are_decided_together(site: Site, open_page: OpenPage) -> None:
    watched = sign_in(site, open_page, "publisher", "/edit/links", lang="sv")
    page = watched.page
    for number in (0, 1):
        page.locator("article.candidate input[type=checkbox]").nth(number).check()
    page.get_by_role("button", name="Avslå de valda").click()

    page.wait_for_url("**done=**")
    assert "Beslutet är sparat." in page.get_by_role("status").inner_text()
    assert "Länkgranskning: 2 beslut" in page.locator("main").inner_text()


PAGES: Final = (
    "/proposals",
    "/proposals?state=declined",
    "/edit/upload",
    "/edit/links",
    "/edit/links/decided",
)
WALKS: Final = [
    (path, lang, width)
    for number, path in enumerate(PAGES)
    for lang, width in (("fi", 1440), ("sv", 360), ("en", 320))
    if size(quick=0, ci=0, night=1) or (lang, number % 3) in (("fi", 0), ("sv", 1), ("en", 2))
]


@pytest.mark.parametrize(("path", "lang", "width"), WALKS)
def test_every_desk_is_accessible_and_fits(
    site: Site, open_page: OpenPage, path: str, lang: str, width: int, shots: Path
) -> None:
    watched = sign_in(site, open_page, "editor", path, lang=lang, width=width)
    page = watched.page

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("h1").count() == 1
    name = path.strip("/").replace("/", "-").replace("?", "-")
    page.screenshot(path=shots / f"desk-{name}-{lang}-{width}.png", full_page=True)
    watched.check()
