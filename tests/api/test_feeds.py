"""The Atom feed of the commits, as a feed reader gets it from a real server with real commits."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import feedparser
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.changeset import Changeset
from kymgraph.commit import Committer, Outcome
from kymgraph.commit import Request as CommitRequest
from kymgraph.project import Project
from kymgraph.publishing.feeds import MEDIA_TYPE, Page, atom
from kymgraph.rdf import FORMATS, NamedNode, parse
from kymgraph.redaction import redact
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.journal import Entry
from tests.conftest import PREFIXES, Serve
from tests.needs import size

BASE = "https://w3id.org/kymgraph/"
ATOM = "{http://www.w3.org/2005/Atom}"
NAMES = ("Suunnittelija Maija Meri", "Julkaisija Matti Manner")
HOSTILE = """<b>&amp; "x"</b> ]]> 'y' <script>alert(1)</script>"""
TOML = '[title]\nfi = "Koegraafi"\nsv = "Provgraf"\nen = "Test graph"\n'


@dataclass(frozen=True)
class Site:
    """A server with commits in its history; `reasons` are theirs, from commit 2 on."""

    url: str
    store: EmbeddedStore
    reasons: dict[int, str]

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=headers, timeout=60, trust_env=False)

    def read(self, path: str, **headers: str) -> Any:
        answer = self.get(path, **headers)
        assert answer.status_code == 200, answer.text
        ET.fromstring(answer.content)  # feedparser forgives what is no XML; this does not
        found = feedparser.parse(answer.content)
        assert not found.bozo
        return found


def project_in(folder: Path) -> tuple[Project, EmbeddedStore]:
    for name, text in {"kymgraph.toml": TOML, "data/a.ttl": PREFIXES + "x:a x:p 1 ."}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    project = Project.load(folder)
    store = EmbeddedStore(folder / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return project, store


@pytest.fixture(scope="module")
def site(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("feeds")
    _, store = project_in(folder)
    url = serve_writable(folder, store.folder)
    with Access(store.folder / FILE) as access:
        editor, publisher = (
            {"Authorization": f"Bearer {access.create_token(name, role, expires=None)[0]}"}
            for name, role in zip(NAMES, ("editor", "publisher"), strict=True)
        )

    def write(reason: str, graph: str, turtle: str, headers: dict[str, str]) -> httpx.Response:
        answer = httpx.post(
            f"{url}/changes",
            params={"graph": graph, "reason": reason},
            content=(PREFIXES + turtle).encode(),
            headers={"Content-Type": "text/turtle", **headers},
            timeout=60,
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return answer

    write("Ensimmäinen", "a", "x:a x:p 2 , 3 .", publisher)
    write(HOSTILE, "b", "x:b x:p 1 .", publisher)
    proposal = write("Ehdotus", "b", "x:b x:p 2 .", editor).json()["proposal"]
    for path in (f"{proposal}/accept", "/changes/2/revert"):
        answer = httpx.post(
            url + path, params={"reason": "Peruttu"}, headers=publisher, timeout=60, trust_env=False
        )
        assert answer.is_success, answer.text
    for n in range(6, 11):
        write(f"Lisäys {n}", "c", f"x:c x:p {n} .", publisher)
    reasons = {2: "Ensimmäinen", 3: HOSTILE, 4: "Ehdotus", 5: "Peruttu"}
    return Site(url, store, reasons | {n: f"Lisäys {n}" for n in range(6, 11)})


def numbers(found: Any) -> list[int]:
    return [int(entry.id.rpartition("/")[2]) for entry in found.entries]


def test_a_reader_gets_every_commit_newest_first_with_its_lasting_id(site: Site) -> None:
    found = site.read("/changes.atom")

    assert found.version == "atom10"
    assert numbers(found) == [10, 9, 8, 7, 6, 5, 4, 3, 2]
    assert [entry.id for entry in found.entries[-1:]] == [BASE + "id/commit/2"]
    assert found.feed.id == BASE + "graph/ledger"
    assert found.feed.updated == found.entries[0].updated
    assert [entry.link for entry in found.entries[-1:]] == [site.url + "/changes/2"]
    assert site.get("/changes/2").json()["number"] == 2
    assert site.get("/changes.atom").headers["content-type"].startswith(MEDIA_TYPE)


def test_what_a_commit_did_stands_in_its_entry(site: Site) -> None:
    found = site.read("/changes.atom?lang=fi")
    by_number = dict(zip(numbers(found), found.entries, strict=True))

    first, revert, proposal = by_number[2], by_number[5], by_number[4]
    assert first.title == "Muutos 2. Ensimmäinen"
    assert first.summary == "Tietoja lisätty: 2, poistettu: 0. Graafit: a. Ensimmäinen"
    assert revert.title.startswith("Muutos 5 kumoaa muutoksen 2")
    assert {"rel": "related", "href": site.url + "/changes/2", "type": "text/html"} in [
        dict(link) for link in revert.links
    ]
    assert proposal.title == "Muutos 4: hyväksytty ehdotus. Ehdotus"
    assert {tag.term for tag in first.tags} == {"change", BASE + "graph/a"}
    assert time.mktime(first.updated_parsed) <= time.mktime(found.feed.updated_parsed)


@pytest.mark.parametrize(
    ("path", "accept", "title"),
    [
        ("?lang=sv", "fi", ("Provgraf: ändringar", "Ändring 2. Ensimmäinen")),
        ("", "en-GB, fi;q=0.5", ("Test graph: changes", "Change 2. Ensimmäinen")),
        ("", "de", ("Koegraafi: muutokset", "Muutos 2. Ensimmäinen")),
    ],
)
def test_titles_are_in_the_readers_language(
    site: Site, path: str, accept: str, title: tuple[str, str]
) -> None:
    found = site.read("/changes.atom" + path, **{"Accept-Language": accept})

    assert (found.feed.title, found.entries[-1].title) == title


def test_hostile_reasons_stay_text(site: Site) -> None:
    answer = site.get("/changes.atom")
    root = ET.fromstring(answer.content)

    titles = [title.text or "" for title in root.iter(ATOM + "title")]
    assert any(HOSTILE in title for title in titles)
    assert b"<script>" not in answer.content
    assert {element.get("type") for element in root.iter(ATOM + "summary")} == {None}  # that is, plain text


def test_authors_are_the_agents_of_the_ledger_and_nobodys_name_is_told(site: Site) -> None:
    answer = site.get("/changes.atom")
    root = ET.fromstring(answer.content)
    listed = {change["number"]: change for change in site.get("/changes").json()["changes"]}

    for entry, number in zip(root.iter(ATOM + "entry"), sorted(listed, reverse=True), strict=True):
        uri = entry.findtext(f"{ATOM}author/{ATOM}uri")
        assert uri == listed[number]["agent"]
        assert entry.findtext(f"{ATOM}author/{ATOM}name") == str(uri).rpartition("/")[2]
        accepted = entry.findtext(f"{ATOM}contributor/{ATOM}uri")
        assert accepted == listed[number]["acceptedBy"]
    assert not any(part.encode() in answer.content for name in NAMES for part in name.split()[1:])
    for private in (site.store.folder, "ni:///", "urn:uuid:", "request"):
        assert str(private).encode() not in answer.content


def test_links_are_to_the_server_whatever_host_is_asked_for(site: Site) -> None:
    answer = site.get("/changes.atom", Host="evil.example")

    assert answer.status_code == 200
    assert b"evil" not in answer.content
    assert ("link", site.url) in [
        (name, value[1 : len(site.url) + 1]) for name, value in answer.headers.items()
    ]


def test_pages_lead_from_the_newest_commit_to_the_oldest(site: Site) -> None:
    seen, path, pages = [], "/changes.atom?limit=4", 0
    while path:
        found = site.read(path)
        seen += numbers(found)
        pages += 1
        links = {link.rel: link.href for link in found.feed.links}
        assert links["self"] == site.url + path
        assert links["first"] == site.url + "/changes.atom?limit=4"
        assert found.feed.updated == site.read("/changes.atom").feed.updated
        header = site.get(path).headers["link"]
        assert ('rel="next"' in header) == ("next" in links)
        path = links.get("next", "").removeprefix(site.url)

    assert (seen, pages) == ([10, 9, 8, 7, 6, 5, 4, 3, 2], 3)


def test_one_graph_has_a_feed_of_its_own(site: Site) -> None:
    found = site.read("/changes.atom?graph=b&limit=1&lang=en")

    assert numbers(found) == [4]
    assert found.feed.title == "Test graph: changes of the graph b"
    assert found.feed.id != site.read("/changes.atom").feed.id
    following = next(link.href for link in found.feed.links if link.rel == "next")
    assert parse_qs(urlsplit(following).query)["graph"] == ["b"]
    assert numbers(site.read(following.removeprefix(site.url))) == [3]
    assert numbers(site.read(f"/changes.atom?graph={BASE}graph/b")) == [4, 3]


def test_the_list_of_commits_is_the_feed_for_who_asks_for_atom(site: Site) -> None:
    there = site.get("/changes", Accept=MEDIA_TYPE)

    assert there.content == site.get("/changes.atom").content
    assert site.get("/changes", Accept="*/*").headers["content-type"] == "application/json"
    assert "Accept" in there.headers["vary"]
    assert "Accept" in site.get("/changes").headers["vary"]


def test_a_feed_that_has_not_changed_is_not_sent_again(site: Site) -> None:
    first = site.get("/changes.atom")

    again = site.get("/changes.atom", **{"If-None-Match": first.headers["etag"]})
    head = httpx.head(site.url + "/changes.atom", timeout=60, trust_env=False)

    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.headers["etag"], head.content) == (200, first.headers["etag"], b"")
    assert first.headers["kymgraph-generation"] == "10"


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("limit=0", 400, "limit takes a whole number from 1 to 1,000, not '0'"),
        ("limit=1001", 400, "limit=50"),
        ("limit=%C2%B2", 400, "whole number"),
        ("before=x", 400, "before=120"),
        ("page=2", 400, "limit, before, graph, lang"),
        ("limit=1&limit=2", 400, "twice"),
        ("graph=%3Cx%3E", 400, "name of a graph"),
        ("graph=nothing-here", 404, "/graphs"),
    ],
)
def test_bad_parameters_are_named_with_an_example(site: Site, query: str, code: int, said: str) -> None:
    answer = site.get(f"/changes.atom?{query}")

    assert answer.status_code == code
    problem = answer.json()
    assert said in f"{problem['detail']} {problem.get('hint')}"


def test_a_store_without_commits_has_an_empty_feed_that_is_valid(
    serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("empty")
    _, store = project_in(folder)
    public = "https://example.org/graph"
    empty = Site(serve(folder, store.folder, public_url=public + "/"), store, {})

    found = empty.read("/changes.atom?lang=fi")

    assert (found.entries, bool(found.feed.updated_parsed)) == ([], True)
    assert {link.rel: link.href for link in found.feed.links} == {
        "self": public + "/changes.atom?lang=fi",
        "first": public + "/changes.atom?lang=fi",
        "alternate": public + "/changes",
    }
    assert empty.read("/changes.atom?graph=a").entries == []


def test_a_redacted_text_is_a_mark_and_its_redaction_an_entry(
    serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("redacted")
    project, store = project_in(folder)
    graph = NamedNode(BASE + "graph/a")
    quads = frozenset(parse((PREFIXES + "x:a x:q 1 .").encode(), FORMATS["ttl"], graph=graph))
    change = Changeset(1, added=quads, reason="Soita: Maija Meri, huone 1")
    with Committer(project, store) as committer:
        [outcome] = committer.commit([CommitRequest(change)])
        assert isinstance(outcome, Outcome)
    redact(project, store, "Maija Meri", reason="Nimi pyydetty poistettavaksi")

    found = Site(serve(folder, store.folder), store, {}).read("/changes.atom?lang=en")

    assert [entry.title.partition(".")[0] for entry in found.entries] == [
        "Change 3: text taken out of the history",
        "Change 2",
    ]
    assert re.search(r"Soita: \[redacted [0-9a-f]{8}\], huone 1", found.entries[1].summary)


# --- the document itself --------------------------------------------------------------------------------

TEXTS = st.text(alphabet=st.characters(), max_size=60)


@settings(max_examples=size(quick=40, ci=150, night=2000), deadline=None)
@given(reason=TEXTS, agent=TEXTS, graph=TEXTS, kind=TEXTS, lang=st.sampled_from(["fi", "sv", "en"]))
def test_whatever_an_entry_holds_the_feed_is_xml(
    reason: str, agent: str, graph: str, kind: str, lang: str
) -> None:
    entry = Entry(2, "urn:x", "2026-11-22T08:30:00.000Z", agent, "", reason, 0, 1, (graph,), "", kind)
    page = Page([entry], entry.time, f"http://x/?{graph}", "http://x/", None, "http://x/", graph)

    written = atom(Project(Path()), page, lang=lang, change_url=lambda number: f"http://x/{number}")

    root = ET.fromstring(written)
    assert len(root.findall(ATOM + "entry")) == 1
    kept = "".join(" ".join(reason.split()).split())
    if kept.isascii() and kept.isprintable():
        assert kept in "".join((root.findtext(f"{ATOM}entry/{ATOM}summary") or "").split())
