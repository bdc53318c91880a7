"""What a data document holds, what a page shows, what is said of things that are gone or renamed."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ElementTree
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from kymgraph.rdf import FORMATS, NamedNode, Quad, isomorphic, parse

from .conftest import BASE, HOSTILE, ID, SMALL, SPOKES, World

SKOS = "http://www.w3.org/2004/02/skos/core#"
KYM = BASE + "ontology#"
PLAN = NamedNode(ID + "plan/one")
HTML = {"Accept": "text/html"}


def document(http: httpx.Client, url: str, name: str = "trig") -> list[Quad]:
    response = http.get(url)
    assert response.status_code == 200, response.text
    return parse(response.content, FORMATS[name])


def test_a_document_holds_all_triples_of_the_thing_in_their_graphs(world: World, http: httpx.Client) -> None:
    found = document(http, world.url + "/data/plan/one.trig")

    mine = {quad for quad in world.dataset() if quad.subject == PLAN}
    assert len(mine) == 9  # 6 in first.ttl, 2 in second.ttl, 1 translation
    assert mine <= set(found)
    rest = {quad for quad in found if quad.subject == PLAN} - mine
    assert rest == set()


def test_a_document_names_all_that_it_points_to(world: World, http: httpx.Client) -> None:
    found = document(http, world.url + "/data/plan/one.ttl", "ttl")

    labels = {(q.subject.value, q.object.value) for q in found if q.predicate.value == SKOS + "prefLabel"}
    assert {
        (ID + "goal/a", "Tavoite A"),
        (ID + "goal/a", "Mål A"),
        (ID + "goal/b", "Tavoite B"),
        (ID + "document/first", "Lähde yksi"),
        (ID + "claim/budget", "Budjetti"),
    } <= labels
    assert (KYM + "elementOf", "osa") in {
        (q.subject.value, q.object.value) for q in found if q.predicate.value.endswith("rdf-schema#label")
    }


def test_a_document_counts_the_links_to_the_thing_once_each(world: World, http: httpx.Client) -> None:
    found = document(http, world.url + "/data/plan/one.ttl", "ttl")

    void = "http://rdfs.org/ns/void#"
    [counted] = [q.object.value for q in found if q.subject.value.endswith("#links") and q.predicate.value == void + "triples"]  # fmt: skip  # noqa: E501
    assert counted == "2"  # goal/a states it in two graphs


def test_a_document_holds_evidence_and_history(world: World, http: httpx.Client) -> None:
    found = set(document(http, world.url + "/data/goal/b.trig"))
    plan = set(document(http, world.url + "/data/plan/one.trig"))

    said = {(q.subject.value, q.predicate.value, q.object.value) for q in found | plan}
    assert (ID + "passage/first/3-4", KYM + "firstLine", "3") in said
    assert (ID + "passage/first/9-9", KYM + "document", ID + "document/first") in said
    assert (ID + "goal/b", "http://www.w3.org/ns/prov#wasInfluencedBy", ID + "commit/3") in said
    assert (ID + "commit/3", "http://www.w3.org/2000/01/rdf-schema#comment", "suomeksi") in said


@pytest.mark.parametrize("name", ["ttl", "nt", "rdf", "jsonld", "nq", "trig"])
def test_every_format_says_the_same(world: World, http: httpx.Client, name: str) -> None:
    whole = document(http, world.url + "/data/plan/one.nq", "nq")
    found = document(http, f"{world.url}/data/plan/one.{name}", name)

    triples = [Quad(q.subject, q.predicate, q.object) for q in whole]
    assert isomorphic(found, whole if FORMATS[name].takes_graphs else triples)


def test_links_to_a_hub_come_in_pages_that_hold_all_of_them_once(world: World, http: httpx.Client) -> None:
    seen: list[str] = []
    url, pages = world.url + "/data/hub.nt", 0
    while url and pages < 10:
        response = http.get(url)
        seen += re.findall(r"<(\S+?)> <\S+elementOf> <\S+id/hub>", response.text)
        following = re.search(r'<([^>]+)>; rel="next"', response.headers["link"])
        url, pages = world.url + following[1] if following else "", pages + 1

    assert pages == 3
    assert sorted(seen) == sorted(f"{ID}spoke/{n}" for n in range(SPOKES))


def test_a_page_leads_through_the_links_to_a_hub(world: World, http: httpx.Client) -> None:
    first = http.get(world.url + "/page/hub", headers=HTML)
    following = re.search(r'href="(/page/hub\?after=100[^"]*)"', first.text)
    assert following is not None
    second = http.get(world.url + html.unescape(following[1]), headers=HTML)

    assert f'<span class="tag">{SPOKES}</span>' in first.text
    shown = [set(re.findall(r"id/spoke/\d+", page.text)) for page in (first, second)]
    assert [len(page) for page in shown] == [100, 100]
    assert not shown[0] & shown[1]


def test_the_same_document_has_the_same_bytes_in_another_process(
    world: World, http: httpx.Client, serve: object
) -> None:
    other = serve(world.project.folder, world.store.folder, public_url=world.url, **SMALL)  # type: ignore[operator]

    for name in ("ttl", "trig", "rdf", "jsonld", "nt", "nq"):
        one, two = (http.get(f"{url}/data/plan/one.{name}") for url in (world.url, other))
        assert one.headers["etag"] == two.headers["etag"], name


# --- pages ------------------------------------------------------------------------------------------------


def page(http: httpx.Client, url: str) -> str:
    response = http.get(url, headers=HTML)
    assert response.status_code == 200
    return response.text


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", text)))


def test_a_page_reads_in_finnish_first(world: World, http: httpx.Client) -> None:
    response = http.get(world.url + "/page/plan/one", headers=HTML)
    text = plain(response.text)

    assert response.headers["content-language"] == "fi"
    assert "<h1>Ensimmäinen suunnitelma</h1>" in response.text
    assert "Tähän viittaavat 2" in text
    assert "Lähde yksi, rivit 3–4: Painettu otsikko" in text
    assert "Lähde yksi, rivi 9" in text
    assert "kym:budget 12,5" in text  # the claim, whose property has no name
    assert set(re.findall(r'hreflang="(\w\w)"', response.text)) == {"fi", "sv", "en"}


def test_a_missing_name_falls_back_and_is_marked_with_its_language(world: World, http: httpx.Client) -> None:
    swedish = page(http, world.url + "/page/plan/one?lang=sv")
    english = page(http, world.url + "/page/plan/one?lang=en")

    assert '<h1 lang="fi">Ensimmäinen suunnitelma</h1>' in swedish
    assert "<h1>First plan</h1>" in english
    assert ">Mål A</a>" in swedish
    assert 'lang="fi" title="https://w3id.org/kymgraph/id/goal/b"' in english


def test_a_page_shows_who_changed_the_thing_and_why(world: World, http: httpx.Client) -> None:
    text = plain(page(http, world.url + "/page/goal/b"))

    assert re.search(r"Muutos 3, \d+\.\d+\.\d{4} (klo )?\d+[.:]\d\d, agent/toimitus: suomeksi", text)
    went, came = r"Poistettu: nimi: Goal B \(en\)", r"Lisätty: nimi: Tavoite B \(fi\)"
    assert re.search(rf"Mitä muuttui \(2\).*{went}.*{came}", text)
    assert 'href="/changes/3?lang=fi"' in page(http, world.url + "/page/goal/b")


def test_dates_numbers_and_truth_values_are_written_as_the_language_does(
    world: World, http: httpx.Client
) -> None:
    assert '<span title="12.50">12,5</span>' in page(http, world.url + "/page/plan/one") or (
        '<span title="12.5">12,5</span>' in page(http, world.url + "/page/plan/one")
    )
    assert "<span>12.5</span>" in page(http, world.url + "/page/plan/one?lang=en")


def test_a_passage_has_its_lines_first_and_what_rests_on_them(world: World, http: httpx.Client) -> None:
    text = plain(page(http, world.url + "/page/passage/first/3-4"))

    assert re.search(r"Asiakirja ?Lähde yksi ?Kohta ?rivit 3–4 ?Painettu sanamuoto ?Painettu otsikko", text)
    assert re.search(r"Mitä näihin riveihin perustuu 1 .*Ensimmäinen suunnitelma", text)


def test_an_older_state_says_so_and_leads_to_the_current_one(world: World, http: httpx.Client) -> None:
    text = page(http, world.url + "/page/goal/b?at=2")

    assert "Tämä on aineiston aiempi tila, versio 2." in text
    assert 'href="/page/goal/b?lang=fi"' in text


def test_the_sparql_behind_the_page_runs_and_finds_what_the_page_shows(
    world: World, http: httpx.Client
) -> None:
    found = re.search(r'href="(/sparql\?query=[^"]+)"', page(http, world.url + "/page/plan/one"))
    assert found is not None
    query = parse_qs(urlsplit(html.unescape(found[1])).query)["query"][0]

    rows = http.post(world.url + "/sparql", data={"query": query, "format": "json"}).json()["results"][
        "bindings"
    ]

    parts = [row["part"]["value"] for row in rows]
    assert (parts.count("own"), parts.count("in"), parts.count("count")) == (9, 3, 1)


def test_pages_have_no_script_but_data_and_hostile_text_stays_text(world: World, http: httpx.Client) -> None:
    text = page(http, world.url + "/page/hostile")

    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)
    assert [attributes for attributes, _ in scripts] == [' type="application/ld+json"']
    said = json.loads(scripts[0][1])
    assert said["name"] == [{"@value": HOSTILE, "@language": "fi"}]
    assert "<img src=x" not in text
    assert 'href="javascript:' not in text
    assert " style=" not in text
    assert not re.search(r"<[^>]* on\w+=", text)


def test_search_engines_read_what_the_ontology_aligns(shipped_page: str) -> None:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', shipped_page)
    assert found is not None
    said = json.loads(found[1])

    assert said["@type"] == "Organization"
    assert {"@value": "Kymenlaakson liitto", "@language": "fi"} in said["name"]


# --- gone and renamed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["id", "page", "data"])
def test_a_withdrawn_thing_is_410_with_its_tombstone(world: World, http: httpx.Client, form: str) -> None:
    response = http.get(f"{world.url}/{form}/project/old", headers={"Accept": "text/turtle"})

    assert response.status_code == 410
    said = response.json()
    assert said["code"] == "gone"
    assert said["tombstone"]["commit"] == ID + "commit/4"
    assert said["tombstone"]["reason"] == "lakkasi <b>olemasta</b>"
    assert said["tombstone"]["agent"] == ID + "agent/toimitus"
    assert http.get(world.url + said["tombstone"]["change"]).json()["reason"] == "lakkasi <b>olemasta</b>"


def test_a_withdrawn_thing_is_gone_even_if_others_still_name_it(world: World, http: httpx.Client) -> None:
    assert http.get(world.url + "/id/goal/c").status_code == 410
    assert http.get(world.url + "/data/goal/c.ttl").json()["tombstone"]["commit"] == ID + "commit/5"


def test_the_page_of_a_withdrawn_thing_leads_to_what_it_was(world: World, http: httpx.Client) -> None:
    response = http.get(world.url + "/page/project/old", headers=HTML)
    before = re.search(r'href="(/page/project/old\?at=3[^"]*)"', response.text)

    assert response.status_code == 410
    assert "lakkasi &lt;b&gt;olemasta&lt;/b&gt;" in response.text
    assert before is not None
    assert "<h1>Vanha hanke</h1>" in page(http, world.url + html.unescape(before[1]))


@pytest.mark.parametrize("at", ["3", "1"])
def test_an_older_state_is_read_at_its_generation(world: World, http: httpx.Client, at: str) -> None:
    response = http.get(f"{world.url}/data/project/old.ttl?at={at}")

    assert response.status_code == 200
    assert response.headers["kymgraph-generation"] == at
    assert "Vanha hanke" in response.text


def test_the_past_has_no_history_of_the_future(world: World, http: httpx.Client) -> None:
    assert "wasInfluencedBy" not in http.get(world.url + "/data/goal/b.ttl?at=2").text
    assert "Goal B" in http.get(world.url + "/data/goal/b.ttl?at=2").text
    assert http.get(world.url + "/id/goal/c?at=1").status_code == 404


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("/id/plan/uno", "/id/plan/one"),
        ("/id/plan/eins", "/id/plan/one"),
        ("/id/plan/uno.ttl", "/id/plan/one.ttl"),
        ("/data/plan/uno.jsonld?at=1", "/data/plan/one.jsonld?at=1"),
        ("/page/plan/uno?lang=sv", "/page/plan/one?lang=sv"),
        ("/data?iri=https://w3id.org/kymgraph/id/plan/uno", "/data/plan/one"),
    ],
)
def test_a_renamed_thing_is_301(world: World, http: httpx.Client, asked: str, place: str) -> None:
    response = http.get(world.url + asked)

    assert (response.status_code, response.headers["location"]) == (301, place)


# --- unknown names ----------------------------------------------------------------------------------------


def test_an_unknown_name_is_404_with_names_like_it(world: World, http: httpx.Client) -> None:
    response = http.get(world.url + "/id/plan/onne", headers={"Accept": "text/turtle"})

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["near"][0]["iri"] == PLAN.value


def test_an_unknown_name_is_a_page_for_a_browser(world: World, http: httpx.Client) -> None:
    response = http.get(world.url + "/page/plan/onne?lang=en", headers=HTML)

    assert response.status_code == 404
    assert "Did you mean" in response.text
    assert 'href="/page/plan/one?lang=en"' in response.text


# --- what crawlers read -----------------------------------------------------------------------------------


def test_robots_are_led_to_sitemaps_that_list_every_thing_with_its_last_change(
    world: World, http: httpx.Client
) -> None:
    robots = http.get(world.url + "/robots.txt").text
    [index] = re.findall(r"^Sitemap: (\S+)$", robots, re.MULTILINE)
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    parts = [e.text or "" for e in ElementTree.fromstring(http.get(index).content).iter(space + "loc")]
    assert parts.pop() == f"{world.url}/sitemaps/catalog.xml"
    found = {}
    for part in parts:
        for url in ElementTree.fromstring(http.get(part).content):
            found[url.findtext(space + "loc")] = url.findtext(space + "lastmod")

    typed = {
        quad.subject.value
        for quad in world.dataset()
        if quad.predicate.value.endswith("#type") and quad.subject.value.startswith(ID)
        and quad.graph_name.value != BASE + "graph/ledger"
    }  # fmt: skip
    assert set(found) == {f"{world.url}/page/{iri.removeprefix(ID)}" for iri in typed}
    assert found[world.url + "/page/plan/one"] is None  # never changed: no date is made up
