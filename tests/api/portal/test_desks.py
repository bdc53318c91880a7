"""The desks of signed-in people, against `kymgraph serve` over this project: proposals, files, links."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.portal.spool import EACH, EXPIRY, Spool, UploadGone, harmless
from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.linking import eu_themes, kept
from kymgraph.linking.decisions import Text
from kymgraph.linking.entities import Ours
from kymgraph.linking.match import Matcher, Suggestion
from kymgraph.linking.reasons import Reason
from kymgraph.linking.vocabulary import Entry
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import ROOT, Kymgraph, Serve
from tests.needs import size

later = pytest.mark.skipif(not size(quick=0, ci=1, night=1), reason="sends more files: ci, night")

GRAPH = "kouvolan-seudun-koko"
PROJECT = "https://w3id.org/kymgraph/id/project/"
COLUMNS = (
    "id [Project]",
    "nimi (fi) * [prefLabel@fi]",
    "alku [startedOn]",
    "teema [theme]",
    "lähde [restsOn]",
)
ROLES = (
    ("reader", "reader", ()),
    ("editor", "editor", ()),
    ("other", "editor", ()),
    ("publisher", "publisher", ()),
    ("scoped", "publisher", ("links",)),
)


@dataclass
class Person:
    """Somebody with a browser: a client with a cookie, and the forms of the pages it has been to."""

    client: httpx.Client
    url: str

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(self.url + path)
        assert answer.status_code == status, answer.text[:2000]
        assert "no-store" in answer.headers["cache-control"]
        return answer.text

    def post(self, path: str, page: str, fields: Mapping[str, str], **more: object) -> httpx.Response:
        data = {"csrf": mark_of(page), **fields}
        return self.client.post(self.url + path, data=data, **more)  # type: ignore[arg-type]

    def send(self, name: str, content: bytes, *, graph: str = GRAPH, mode: str = "add") -> httpx.Response:
        page = self.get("/edit/upload?lang=en")
        fields = {"graph": graph, "new_graph": "", "mode": mode}
        return self.post("/edit/upload?lang=en", page, fields, files={"file": (name, content)})

    def checked(self, name: str, content: bytes, **more: str) -> tuple[str, str]:
        """The path and the page of a file that was sent."""
        answer = self.send(name, content, **more)
        assert answer.status_code == 303, answer.text[:2000]
        return answer.headers["location"], self.get(answer.headers["location"])


@dataclass
class Site:
    url: str
    store: EmbeddedStore
    tokens: dict[str, str]

    def person(self, name: str) -> Person:
        client = httpx.Client(
            timeout=90, trust_env=False, headers={"accept": "text/html", "origin": self.url}
        )
        answer = client.post(self.url + "/session", data={"token": self.tokens[name], "next": "/edit"})
        assert answer.status_code == 303, answer.text[:2000]
        return Person(client, self.url)

    def write(self, turtle: str, role: str = "publisher", method: str = "POST", graph: str = GRAPH) -> str:
        """Write Turtle as a program; the path of the commit or of the proposal."""
        answer = httpx.request(
            method,
            f"{self.url}/graph/{graph}",
            params={"reason": "Kokeilu"},
            content=PREFIXES + turtle,
            headers={"authorization": f"Bearer {self.tokens[role]}", "content-type": "text/turtle"},
            timeout=90,
            trust_env=False,
        )
        assert answer.status_code in (200, 202), answer.text
        body = answer.json()
        return str(body.get("proposal") or body.get("commit"))

    def ask(self, query: str) -> bool:
        answer = httpx.get(
            self.url + "/sparql",
            params={"query": query},
            headers={"accept": "application/sparql-results+json"},
            trust_env=False,
            timeout=60,
        )
        return bool(answer.json()["boolean"])

    @property
    def generation(self) -> int:
        return self.store.generation


PREFIXES = """@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix project: <https://w3id.org/kymgraph/id/project/> .
@prefix passage: <https://w3id.org/kymgraph/id/passage/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
"""


@pytest.fixture(scope="module")
def site(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    project = Project.load(ROOT)
    store = EmbeddedStore(tmp_path_factory.mktemp("desks") / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    url = serve_writable(ROOT, store.folder)
    with Access(store.folder / FILE) as access:
        tokens = {
            name: access.create_token(name, role, graphs=graphs, expires=None)[0]  # type: ignore[arg-type]
            for name, role, graphs in ROLES
        }
    return Site(url, store, tokens)


@pytest.fixture(scope="module")
def person(site: Site) -> Iterator[Callable[[str], Person]]:
    people: dict[str, Person] = {}

    def find(name: str) -> Person:
        if name not in people:
            people[name] = site.person(name)
        return people[name]

    yield find
    for one in people.values():
        one.client.close()


def mark_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return html.unescape(found[1])


def text_of(page: str) -> str:
    """What a page says, without its head and foot."""
    main = page.split("<main ", 1)[1].partition(">")[2].split("</main", 1)[0]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)))


def sheet(*rows: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerows([COLUMNS, *rows])
    return out.getvalue().encode("utf-8-sig")


def new_project(name: str) -> str:
    return f'project:{name} a kym:Project ; skos:prefLabel "{name}"@fi ; kym:restsOn <{PASSAGE}> .'


PASSAGE = f"https://w3id.org/kymgraph/id/passage/{GRAPH}/62-62"


# --- who ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/proposals", "/edit/upload", "/edit/links", "/changes/2/undo"])
def test_who_is_not_signed_in_is_led_to_sign_in_and_back(site: Site, path: str) -> None:
    answer = httpx.get(site.url + path, headers={"accept": "text/html"}, trust_env=False)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/session?next=" + path.replace("/", "%2F"))


def test_a_reader_may_look_at_the_list_and_send_nothing(person: Callable[[str], Person]) -> None:
    reader = person("reader")

    assert "There are no open proposals." in reader.get("/proposals?lang=en")
    reader.get("/edit/upload", 403)
    reader.get("/edit/links", 403)
    page = reader.get("/proposals")
    answer = reader.post("/edit/links", page, {"way": "accept", "pair-0123456789abcdef": "on"})
    assert answer.status_code == 403


def test_programs_get_json_at_the_same_path(site: Site) -> None:
    headers = {"authorization": f"Bearer {site.tokens['editor']}", "accept": "text/html"}

    answer = httpx.get(site.url + "/proposals", headers=headers, trust_env=False)

    assert answer.headers["content-type"] == "application/json"


# --- proposals ------------------------------------------------------------------------------------------


def test_a_proposal_is_accepted_once_and_its_form_counts_only_with_its_mark_and_origin(
    site: Site, person: Callable[[str], Person]
) -> None:
    path = site.write(new_project("hyvaksyttava"), "editor")
    publisher, before = person("publisher"), site.generation
    page = publisher.get(path + "?lang=en")
    assert "The change follows the rules of the data." in page
    assert path in publisher.get("/proposals?lang=en")

    forged = publisher.client.post(site.url + path + "/accept", data={"csrf": "0" * 64, "reason": "x"})
    foreign = publisher.post(
        path + "/accept", page, {"reason": "x"}, headers={"origin": "https://evil.example"}
    )
    bare = publisher.post(path + "/accept?lang=en", page, {"reason": " "})
    assert (forged.status_code, foreign.status_code, bare.status_code) == (403, 403, 422)
    assert "Write one sentence as the reason" in bare.text
    assert site.generation == before

    first = publisher.post(path + "/accept?lang=en", page, {"reason": "Sopii"})
    second = publisher.post(path + "/accept?lang=en", page, {"reason": "Sopii"})

    assert (first.status_code, second.status_code) == (303, 409)
    assert site.generation == before + 1
    shown = text_of(publisher.get(first.headers["location"]))
    assert "The proposal is accepted and the change published." in shown
    assert f"Change {before + 1}" in shown
    assert site.ask(f"ASK {{ <{PROJECT}hyvaksyttava> ?p ?o }}")


def test_an_editor_sees_only_own_proposals_and_withdraws_them(
    site: Site, person: Callable[[str], Person]
) -> None:
    path = site.write(new_project("peruttava"), "editor")
    editor, other = person("editor"), person("other")

    other.get(path, 404)
    assert path not in other.get("/proposals")
    person("scoped").get(path, 404)
    page = editor.get(path + "?lang=en")
    assert f"{path}/accept" not in page
    assert editor.post(path + "/accept", page, {"reason": "Itse"}).status_code == 403
    assert editor.post(path + "/withdraw", page, {"reason": ""}).status_code == 303

    assert "Withdrawn" in text_of(editor.get(path + "?lang=en"))
    assert path in editor.get("/proposals?state=withdrawn")
    assert path not in editor.get("/proposals?state=open")


def test_a_declined_proposal_tells_its_author_why(site: Site, person: Callable[[str], Person]) -> None:
    path = site.write(new_project("hylattava"), "editor")
    publisher = person("publisher")

    answer = publisher.post(path + "/decline", publisher.get(path), {"reason": "<b>Ei nyt</b>"})

    assert answer.status_code == 303
    page = person("editor").get(path)
    assert "&lt;b&gt;Ei nyt&lt;/b&gt;" in page
    assert not site.ask(f"ASK {{ <{PROJECT}hylattava> ?p ?o }}")


def test_a_proposal_whose_ground_has_gone_shows_the_conflict_and_is_refused(
    site: Site, person: Callable[[str], Person]
) -> None:
    site.write(new_project("riita"))
    remove = (
        f"PREFIX skos: <http://www.w3.org/2004/02/skos/core#> WITH <https://w3id.org/kymgraph/graph/{GRAPH}> "
        'DELETE { ?p skos:prefLabel ?old } INSERT { ?p skos:prefLabel "%s"@fi } '
        f"WHERE {{ BIND (<{PROJECT}riita> AS ?p) ?p skos:prefLabel ?old }}"
    )

    def update(name: str, role: str) -> httpx.Response:
        return httpx.post(
            site.url + "/sparql",
            params={"reason": "Nimi"},
            content=remove % name,
            headers={
                "authorization": f"Bearer {site.tokens[role]}",
                "content-type": "application/sparql-update",
            },
            timeout=90,
            trust_env=False,
        )

    path = update("Ehdotettu", "editor").json()["proposal"]
    assert update("Toinen", "publisher").status_code == 200
    publisher = person("publisher")

    page = publisher.get(path + "?lang=en")

    said = text_of(page)
    assert "can no longer be accepted as it is" in said
    assert "Facts that it would remove and that are not there any more: 1." in said
    assert "what goes is not there any more" in said
    answer = publisher.post(path + "/accept?lang=en", page, {"reason": "Silti"})
    assert answer.status_code == 409
    assert not site.ask(f'ASK {{ <{PROJECT}riita> ?p "Ehdotettu"@fi }}')
    assert publisher.post(path + "/decline", page, {"reason": "Vanhentunut"}).status_code == 303


# --- taking back ----------------------------------------------------------------------------------------


def test_a_change_is_taken_back_once_however_often_its_form_is_sent(
    site: Site, person: Callable[[str], Person]
) -> None:
    number = site.write(new_project("kumottava")).rpartition("/")[2]
    publisher, before = person("publisher"), site.generation
    path = f"/changes/{number}/undo?lang=en"
    page = publisher.get(path)
    fields = {"key": hidden(page, "key"), "reason": "Erehdys"}

    answers = [publisher.post(f"/changes/{number}/undo?lang=en", page, fields) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert site.generation == before + 1
    said = text_of(publisher.get(answers[0].headers["location"]))
    assert f"Change {number} is undone." in said
    assert "kumottava" in said, "a thing that is gone keeps its name on the page"
    assert not site.ask(f"ASK {{ <{PROJECT}kumottava> ?p ?o }}")
    assert "cannot be undone as it is" in text_of(publisher.get(path))
    assert "Change 2 is undone" not in text_of(publisher.get(f"/changes/{number}/undo?lang=en&done=999"))


@later
def test_an_editor_proposes_to_take_back(site: Site, person: Callable[[str], Person]) -> None:
    number = site.write(new_project("pysyva")).rpartition("/")[2]
    editor = person("editor")
    page = editor.get(f"/changes/{number}/undo")

    answer = editor.post(f"/changes/{number}/undo", page, {"key": hidden(page, "key"), "reason": "Ehdotan"})

    assert answer.headers["location"].startswith("/proposals/")
    assert site.ask(f"ASK {{ <{PROJECT}pysyva> ?p ?o }}")


# --- files ----------------------------------------------------------------------------------------------


def test_faults_of_a_sheet_are_those_of_the_command_line_cell_by_cell(
    site: Site, person: Callable[[str], Person], kymgraph: Kymgraph, tmp_path: Path
) -> None:
    content = sheet(
        ("", "Uusi datahanke", "1.2.27", "", f"{GRAPH}:62"),
        ("", "Toinen hanke", "2/2027", "Olematon teema", f"{GRAPH}:62"),
    )
    (tmp_path / "hankkeet.csv").write_bytes(content)
    told = kymgraph(
        "check", tmp_path / "hankkeet.csv", "--graph", GRAPH, "--store", site.store.folder, "--lang", "en",
        cwd=ROOT,
    )  # fmt: skip

    _, page = person("editor").checked("hankkeet.csv", content)

    assert told.returncode == 2
    rows = re.findall(r'<tr id="fault-\d+">(.*?)</tr>', page, re.DOTALL)
    shown = [
        [text_of(f"<main >{cell}</main>").strip() for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)]
        for row in rows
    ]
    assert [row[1] for row in shown] == ["hankkeet C2 alku", "hankkeet D3 teema"]
    stderr = " ".join(told.stderr.split())
    for _, place, value, wrong in shown:
        name, cell, header = place.split(" ", 2)
        assert f"{name}, cell {cell} ({header}): ”{value}” {wrong}" in stderr
    assert page.count('class="wrong"') == 2
    for anchor in re.findall(r'href="#(cell-[^"]+)"', page):
        assert f'id="{anchor}"' in page
    assert 'name="way" value="publish"' not in page


@later
def test_what_the_gate_refuses_is_shown_by_cell_too(person: Callable[[str], Person]) -> None:
    content = sheet(("", "Ilman lähdettä", "2/2027", "", ""))

    _, page = person("publisher").checked("hanke.csv", content)

    assert re.search(r'<tr id="fault-1">', page)
    assert 'class="wrong" id="cell-0-' in page
    assert 'value="publish"' not in page


def test_a_good_file_is_published_once_and_forgotten(site: Site, person: Callable[[str], Person]) -> None:
    publisher, before = person("publisher"), site.generation
    path, page = publisher.checked("hyva.csv", sheet(("", "Hyvä hanke", "2/2027", "", f"{GRAPH}:62")))
    assert site.generation == before
    fields = {"digest": hidden(page, "digest"), "way": "publish", "reason": "Syksyn kokous"}

    answers = [publisher.post(path, page, fields) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert site.generation == before + 1
    assert f"It is change {before + 1}." in text_of(publisher.get(path))
    assert site.ask(f"ASK {{ <{PROJECT}hyva-hanke> ?p ?o }}")
    kept_files = list((site.store.folder / "uploads" / path.split("?")[0].rpartition("/")[2]).iterdir())
    assert "file" not in {file.name for file in kept_files}


@later
def test_a_publisher_may_propose_and_an_editor_has_no_other_way(
    site: Site, person: Callable[[str], Person]
) -> None:
    for name, way in (("publisher", "propose"), ("editor", "publish")):
        before = site.generation
        path, page = person(name).checked(
            "ehdotus.csv", sheet(("", f"Ehdotettu {name}", "2027", "", f"{GRAPH}:62"))
        )
        fields = {"digest": hidden(page, "digest"), "way": way, "reason": "Ehdotan"}
        answers = [person(name).post(path, page, fields) for _ in range(2)]
        assert answers[0].headers["location"].startswith("/proposals/")
        assert answers[0].headers["location"] == answers[1].headers["location"]
        assert site.generation == before


@later
def test_what_is_confirmed_is_what_was_shown(site: Site, person: Callable[[str], Person]) -> None:
    site.write(new_project("siirtyva"))
    publisher = person("publisher")
    content = sheet(("siirtyva", "Uusi nimi", "", "", ""))
    path, page = publisher.checked("nimi.csv", content)
    assert "siirtyva" in text_of(page)
    # Somebody else gives the thing another name meanwhile: the file would now take that one away.
    other = sheet(("siirtyva", "Väliin tullut", "", "", ""))
    other_path, other_page = publisher.checked("muu.csv", other)
    fields = {"digest": hidden(other_page, "digest"), "way": "publish", "reason": "Väliin"}
    assert publisher.post(other_path, other_page, fields).status_code == 303

    fields = {"digest": hidden(page, "digest"), "way": "publish", "reason": "Nimi"}
    refused = publisher.post(path, page, fields)

    assert refused.status_code == 409
    assert "would now change something else than you saw" in refused.text
    assert "Väliin tullut" in refused.text
    fields["digest"] = hidden(refused.text, "digest")
    assert publisher.post(path, refused.text, fields).status_code == 303
    assert site.ask(f'ASK {{ <{PROJECT}siirtyva> ?p "Uusi nimi"@fi }}')


@later
def test_a_file_waits_for_its_sender_alone(person: Callable[[str], Person]) -> None:
    path, page = person("editor").checked("oma.csv", sheet(("", "Oma hanke", "2027", "", f"{GRAPH}:62")))

    person("other").get(path, 404)
    other = person("other").post(path, person("other").get("/proposals"), {"way": "discard"})
    assert other.status_code == 404
    gone = person("editor").post(path, page, {"way": "discard"})
    assert gone.status_code == 303
    person("editor").get(path, 404)


def test_rdf_is_added_and_its_faults_are_told(site: Site, person: Callable[[str], Person]) -> None:
    publisher = person("publisher")
    turtle = (PREFIXES + new_project("rdf-hanke")).encode()

    path, page = publisher.checked("hanke.ttl", turtle)
    assert "rdf-hanke" in text_of(page)
    fields = {"digest": hidden(page, "digest"), "way": "publish", "reason": "RDF"}
    assert publisher.post(path, page, fields).status_code == 303
    assert site.ask(f"ASK {{ <{PROJECT}rdf-hanke> ?p ?o }}")

    _, broken = publisher.checked("rikki.ttl", b"<a> <b> .\n<c> <d> .")
    assert "not valid RDF" in text_of(broken)
    assert "line 1" in text_of(broken)
    _, nowhere = publisher.checked("hanke.ttl", turtle, graph="")
    assert "does not say to which graph" in text_of(nowhere)
    _, unknown = publisher.checked("kuva.png", b"\x89PNG")
    assert "Files that are read end in" in text_of(unknown)
    assert publisher.send("hanke.ttl", turtle, graph="ledger").status_code == 403
    assert publisher.send("tyhja.ttl", b"").status_code == 413


@later
@pytest.mark.parametrize(
    "name", ["../../../etc/passwd.csv", "<script>alert(1)</script>.csv", "a\u202egnp.csv", "x" * 500 + ".csv"]
)
def test_a_hostile_name_is_only_shown(site: Site, person: Callable[[str], Person], name: str) -> None:
    _, page = person("editor").checked(name, sheet(("", "Nimi", "ei aika", "", f"{GRAPH}:62")))

    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "C2" in page
    names = {path.name for path in (site.store.folder / "uploads").rglob("*")}
    assert not {one for one in names if "passwd" in one or "script" in one}


@later
def test_hostile_cells_are_only_shown(person: Callable[[str], Person]) -> None:
    content = sheet(("", "<img src=x onerror=alert(1)>", '\'=HYPERLINK("javascript:x")', "", ""))

    _, page = person("editor").checked("paha.csv", content)

    assert "<img" not in page.split("<main", 1)[1]
    assert 'href="javascript' not in page


@later
def test_a_scope_holds_for_files_too(person: Callable[[str], Person]) -> None:
    _, page = person("scoped").checked("oma.csv", sheet(("", "Muu hanke", "2027", "", f"{GRAPH}:62")))

    assert "your rights do not cover all graphs" in text_of(page)
    assert 'name="way" value="publish"' not in page
    assert f'<option value="{GRAPH}"' not in person("scoped").get("/edit/upload")


@later
def test_templates_are_those_of_the_command_line(
    site: Site, person: Callable[[str], Person], kymgraph: Kymgraph
) -> None:
    told = kymgraph(
        "template", "Theme", "--format", "csv", "--store", site.store.folder, "--lang", "sv", cwd=ROOT
    )
    editor = person("editor")

    answer = editor.client.get(site.url + "/edit/template/Theme.csv?lang=sv")

    assert answer.text.replace("\r\n", "\n") == told.stdout
    assert 'filename="Theme-sv.csv"' in answer.headers["content-disposition"]
    assert editor.client.get(site.url + "/edit/template/Theme.xlsx").content[:2] == b"PK"
    assert editor.client.get(site.url + "/edit/template/Olematon.xlsx").status_code == 400
    assert editor.client.get(site.url + "/edit/template/Theme.exe").status_code == 400


def test_the_spool_forgets_what_is_old_and_what_is_too_much(tmp_path: Path) -> None:
    now = time.time()
    spool = Spool(tmp_path, clock=lambda: now)
    sent = []
    for number in range(EACH + 1):
        now += 1
        sent.append(spool.keep(b"x", agent="a", name=f"{number}.csv", graph="", mode="add"))
    mine = sent[-1]

    with pytest.raises(UploadGone):
        spool.find(sent[0].id, "a")
    assert spool.data(spool.find(mine.id, "a")) == b"x"
    for id, agent in ((mine.id, "b"), ("../" + mine.id, "a"), ("", "a")):
        with pytest.raises(UploadGone):
            spool.find(id, agent)
    (tmp_path / "uploads" / mine.id / "file").write_bytes(b"y")
    with pytest.raises(UploadGone):
        spool.data(mine)
    now += EXPIRY + 1
    with pytest.raises(UploadGone):
        spool.find(mine.id, "a")
    spool.keep(b"x", agent="b", name="b.csv", graph="", mode="add")
    assert len(list((tmp_path / "uploads").iterdir())) == 1


def test_names_are_made_harmless() -> None:
    assert harmless("a" * 300 + ".xlsx").endswith("a.xlsx")
    assert len(harmless("a" * 300 + ".xlsx")) <= 100
    assert harmless("..") == "file"


# --- links ----------------------------------------------------------------------------------------------

LINKS = "https://w3id.org/kymgraph/graph/links"


def suggested(site: Site) -> list[Suggestion]:
    """Proposals for some themes, from the themes of the EU, which are built in."""
    view = site.store.view()
    ours = Ours(view)
    matcher = Matcher(ours.class_names, ours.places)
    vocabulary = eu_themes.vocabulary()
    return [one for entity in ours.of(["theme"])[:40] for one in matcher.suggest(entity, vocabulary)]


def test_without_proposals_the_desk_says_which_command_makes_them(
    site: Site, person: Callable[[str], Person]
) -> None:
    said = text_of(person("publisher").get("/edit/links?lang=en"))

    assert "No link proposals have been made yet" in said
    assert "kymgraph link suggest --to yso-paikat --type place --keep" in said


def test_links_are_decided_through_the_gate_and_taken_back(
    site: Site, person: Callable[[str], Person]
) -> None:
    kept.write(site.store.folder, "eu-themes", suggested(site))
    publisher = person("publisher")
    page = publisher.get("/edit/links?lang=en")
    keys = list(dict.fromkeys(re.findall(r'type="hidden" name="pair-([0-9a-f]{16})"', page)))
    found = {one.key: one for one in kept.read(site.store.folder)}
    before, one = site.generation, found[keys[0]]
    fields = {"key": hidden(page, "key"), f"pair-{one.key}": "on", "match": "close", "reason": ""}

    # One, with another match than was proposed, sent twice.
    answers = [publisher.post("/edit/links?lang=en", page, {**fields, "way": "accept"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303], answers[1].text[:3000]
    assert site.generation == before + 1
    link = f"<{one.subject}> skos:closeMatch <{one.entry.iri}>"
    decision = (
        f"?d a kym:AcceptedLink ; rdf:subject <{one.subject}> ; rdf:object <{one.entry.iri}> ; "
        "rdf:predicate skos:closeMatch ; kym:reason ?why ; kym:decidedOn ?day ; prov:wasAttributedTo ?who"
    )
    assert site.ask(f"{ASK} {{ GRAPH <{LINKS}> {{ {link} . {decision} }} }}")
    page = publisher.get(answers[0].headers["location"])
    assert "The decision is written." in text_of(page)
    assert f"pair-{one.key}" not in page

    # Several at once, declined.
    two = keys[1:3]
    fields = {"key": hidden(page, "key"), **{f"pair-{key}": "on" for key in two}, "reason": "Liian laaja"}
    answer = publisher.post("/edit/links?lang=en", page, {**fields, "way": "decline"})
    assert answer.status_code == 303
    assert site.generation == before + 2
    for key in two:
        pair = f"rdf:subject <{found[key].subject}> ; rdf:object <{found[key].entry.iri}>"
        assert site.ask(f'{ASK} {{ ?d a kym:DeclinedLink ; {pair} ; kym:reason "Liian laaja"@en }}')

    # History, and taking back: the pair waits again.
    assert f"Change {before + 2}" in text_of(publisher.get("/edit/links?lang=en"))
    undo = publisher.get(f"/changes/{before + 1}/undo?lang=en")
    fields = {"key": hidden(undo, "key"), "reason": "Harkitaan"}
    assert publisher.post(f"/changes/{before + 1}/undo", undo, fields).status_code == 303
    assert not site.ask(f"{ASK} {{ {link} }}")
    assert f"pair-{one.key}" in publisher.get("/edit/links?lang=en")


def test_an_editor_proposes_a_link_and_the_desk_says_so(site: Site, person: Callable[[str], Person]) -> None:
    kept.write(site.store.folder, "eu-themes", suggested(site))
    editor, before = person("editor"), site.generation
    page = editor.get("/edit/links?lang=en")
    key = re.findall(r'type="hidden" name="pair-([0-9a-f]{16})"', page)[-1]
    fields = {"key": hidden(page, "key"), f"pair-{key}": "on", "reason": "Sopii", "way": "accept"}

    answer = editor.post("/edit/links?lang=en", page, fields)

    assert "proposed=" in answer.headers["location"]
    assert site.generation == before
    page = editor.get("/edit/links?lang=en")
    assert "An open proposal would decide on this." in page
    assert f'name="pair-{key}"' not in page


def test_what_the_form_of_links_may_not_say_is_refused(site: Site, person: Callable[[str], Person]) -> None:
    kept.write(site.store.folder, "eu-themes", suggested(site))
    publisher, before = person("publisher"), site.generation
    page = publisher.get("/edit/links?lang=en")
    key = re.findall(r'type="hidden" name="pair-([0-9a-f]{16})"', page)[0]

    def status(fields: Mapping[str, str]) -> int:
        return publisher.post("/edit/links", page, fields).status_code

    assert status({"way": "accept"}) == 422
    assert status({"way": "accept", "pair-" + "0" * 16: "on"}) == 404
    assert status({"way": "accept", "pair-../../x": "on"}) == 404
    assert status({"way": "perhaps", f"pair-{key}": "on"}) == 400
    assert status({"way": "accept", "match": "sameAs", f"pair-{key}": "on"}) == 400
    assert status({"way": "accept", f"pair-{key}": "on", "reason": "x" * 1001}) == 400
    assert site.generation == before


def test_hostile_proposals_are_only_shown(site: Site, person: Callable[[str], Person]) -> None:
    entry = Entry("javascript:alert(1)", (Text("<script>alert(1)</script>", "fi"),), vocabulary="x")
    entity = Ours(site.store.view()).of(["theme"])[0]
    reason = Reason("same-name", "<b>x</b>", "", "fi")
    kept.write(site.store.folder, "paha", [Suggestion(entity, entry, "exact", 1.0, (reason,))])
    (site.store.folder / kept.FOLDER / "rikki.json").write_text("[1, 2", "utf-8")
    try:
        page = person("publisher").get("/edit/links?vocabulary=paha")
    finally:
        for name in site.store.folder.joinpath(kept.FOLDER).glob("*.json"):
            if not name.name.startswith("eu-themes"):
                name.unlink()

    assert "<script>alert" not in page
    assert "<b>x" not in page
    assert 'href="javascript' not in page
    assert "javascript:alert(1)" in page


def test_what_is_kept_is_read_as_it_was_written(site: Site, tmp_path: Path) -> None:
    made = suggested(site)

    assert kept.write(tmp_path, "eu-themes", made) == len(made)

    read = {one.pair: one for one in kept.read(tmp_path)}
    for one in made:
        again = read[one.entity.iri, one.entry.iri]
        assert (again.match, again.score, again.reasons) == (one.match, one.score, one.reasons)
        assert again.entry.names == one.entry.names
    assert json.loads(next(tmp_path.rglob("*.json")).read_text("utf-8"))["to"] == "eu-themes"


ASK = """PREFIX kym: <https://w3id.org/kymgraph/ontology#>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
ASK"""
