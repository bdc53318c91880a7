"""The front page, the list of programmes, a programme's page, and two programmes side by side."""

from __future__ import annotations

import gzip
import hashlib
import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.portal import timeline
from api.portal.asking import Value
from api.portal.compare import find, slug_of
from api.portal.programme import trees
from kymgraph import dataset as datasets
from kymgraph.namespaces import KYM, Base
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import ROOT, Serve
from tests.markup import twin

BASE = "https://w3id.org/kymgraph/"
P2014, P2022 = "maakuntaohjelma-2014-2017", "maakuntaohjelma-2022-2025"
COMPARED = f"/compare?a={P2014}&b={P2022}"
SMALL = {"fast_workers": 1, "slow_workers": 1, "search_warm": False}
LANGUAGES = ("fi", "sv", "en")


@pytest.fixture(scope="module")
def http(shipped_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shipped_url, timeout=60, headers={"accept": "text/html"}) as client:
        yield client


def read(http: httpx.Client, path: str) -> str:
    answer = http.get(path)
    assert answer.status_code == 200, answer.text
    assert len(gzip.compress(answer.content)) <= 60_000
    return answer.text


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", text))).strip()


def items(http: httpx.Client, path: str, **parameters: str) -> list[dict[str, Any]]:
    answer = http.get(
        f"/api/v1{path}", params={"limit": "1000", "format": "json", "lang": "fi", **parameters}
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def shown(value: Any) -> str:
    """A cell of JSON as a page writes it; the dash of an empty one is read as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return str(value["label"])
    return str(value)


# --- pictures and their twins ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "api", "parameters"),
    [
        ("/", "timeline", "/timeline", {"dated": "true"}),
        ("/programmes", "timeline", "/timeline", {}),
        (COMPARED, "comparison", "/comparison",
         {"a": BASE + "id/programme/" + P2014, "b": BASE + "id/programme/" + P2022}),
        (COMPARED, "comparison-themes", "/comparison/themes",
         {"a": BASE + "id/programme/" + P2014, "b": BASE + "id/programme/" + P2022}),
    ],
)  # fmt: skip
def test_a_twin_holds_the_rows_of_its_query(
    http: httpx.Client, path: str, query: str, api: str, parameters: dict[str, str]
) -> None:
    page = read(http, path + ("&" if "?" in path else "?") + "lang=fi")

    rows = twin(page, query)

    wanted = items(http, api, **parameters)
    assert rows
    columns = list(rows[0])
    assert [[row[c] for c in columns] for row in rows] == [[shown(row[c]) for c in columns] for row in wanted]


def test_the_line_of_time_shows_each_dated_instrument_of_the_query_once(http: httpx.Client) -> None:
    chart = re.search(r'<div class="chart">.*?</ol>', read(http, "/?lang=fi"), re.DOTALL)
    assert chart is not None

    shown_there = re.findall(r'<a href="(/page/[^"?]+)', chart[0])

    wanted = {row["instrument"]["id"].replace(BASE + "id/", "/page/") for row in items(http, "/timeline", dated="true")}  # fmt: skip  # noqa: E501
    assert sorted(shown_there) == sorted(wanted)
    assert re.findall(r">(\d{4})</text>", chart[0])[::6] == ["2010", "2040"]


def test_marks_stand_where_their_years_are() -> None:
    rows = [
        row(begin="2010", end="2013"),
        row(iri="urn:b", aim="2030", approved="2014-06"),
        row(iri="urn:c", begin="2020-07"),
        row(iri="urn:d"),
        row(iri="urn:e", begin="sometime"),
    ]

    picture = timeline.draw(rows)

    spans = {span.row["instrument"].iri: span for span in picture.spans}  # type: ignore[union-attr]
    assert [mark.year for mark in picture.marks] == [2010, 2015, 2020, 2025, 2030]
    assert (spans["urn:a"].start, spans["urn:a"].width) == ("0%", "20%")
    assert (spans["urn:b"].horizon, spans["urn:b"].approved) == ("100%", "22.29%")
    assert (spans["urn:c"].start, spans["urn:c"].open) == ("52.5%", "until")
    assert set(spans) == {"urn:a", "urn:b", "urn:c"}


def test_a_line_of_time_without_times_is_empty() -> None:
    assert timeline.draw([row()]).spans == ()


def row(
    iri: str = "urn:a", begin: str = "", end: str = "", aim: str = "", approved: str = ""
) -> timeline.Row:
    stated = {"from": begin, "until": end, "horizon": aim, "approved": approved}
    cells = {name: Value(text) if text else None for name, text in stated.items()}
    return {"instrument": Value("x", iri), "in_documents": None, **cells}


# --- a programme's page ----------------------------------------------------------------------------------


def test_a_tree_shows_every_element_with_the_lines_it_rests_on(http: httpx.Client) -> None:
    page = read(http, f"/page/programme/{P2014}?lang=fi")
    tree = page[page.index('id="tree"') : page.index('id="instruments"')]

    for element in items(http, "/elements", of=f"{BASE}id/programme/{P2014}"):
        assert element["element"]["id"].replace(BASE + "id/", 'href="/page/') in tree
    # Line 28 of the source lists the priorities, line 44 has the third one again above its measures.
    line = re.search(r"ict-alan-uudet-avaukset\?.*?</div>", tree, re.DOTALL)
    assert line is not None
    assert "lähde: [1] rivi 28 , [1] rivi 44" in plain(line[0])
    assert 'href="/page/passage/kymenlaakso-ohjelma/44-44?lang=fi"' in line[0]
    assert "jatkuu kohdassa Datatalous, kyberturvallisuus sekä pelillisyys" in plain(line[0])
    assert "mahdollinen seuraaja 80 % tulkittu" in plain(line[0]).replace("\u00a0", " ")


def test_priorities_stand_in_printed_order_with_their_measures_below(http: httpx.Client) -> None:
    text = plain(read(http, f"/page/programme/{P2014}?lang=fi"))

    order = [text.index(f"{name} painopiste {number}") for number, name in enumerate(
        ("Innovatiiviset palvelut", "Luonnonvarojen älykäs käyttö ja siihen liittyvät tekniikat",
         "ICT-alan uudet avaukset", "Vetovoimainen Kymenlaakso"), 1)]  # fmt: skip
    assert order == sorted(order)
    assert order[2] < text.index("Kyberturvallisuusosaamisen kehittäminen toimenpide 4") < order[3]
    assert text.index("Elinvoimaa Pohjoiselta kasvuvyöhykkeeltä visio") < order[0]


def test_who_approved_it_and_what_no_source_tells(http: httpx.Client) -> None:
    page = read(http, f"/page/programme/{P2014}?lang=fi")

    assert re.search(r"Hyväksyntä Kymenlaakson maakuntavaltuusto , \S+ 2014", plain(page))
    section = page[page.index('id="networks"') : page.index('id="projects"')]
    assert "ei mainita lähteissä" in plain(section)


def test_a_strategy_has_the_same_face_with_projects_money_and_what_is_planned(http: httpx.Client) -> None:
    text = plain(read(http, "/page/strategy/alykkaan-erikoistumisen-strategia-2?lang=fi"))

    assert re.search(r"Hankkeet 1 KymÄES 2\.0", text)
    assert re.search(r"Suunniteltu \d Päivitetyn strategian jalkauttaminen", text)
    assert re.search(r"Toteutuneeksi raportoitu \d .*Älykkään erikoistumisen strategian päivit", text)
    assert re.search(r"Kymenlaakson älykkään erikoistumisen strategia 2\.0 – toteuttaa – tämä", text)


def test_what_is_known_from_elsewhere_is_told_apart(http: httpx.Client) -> None:
    page = read(http, "/page/programme/kymenlaakso-ohjelma-2018-2021?lang=sv")

    assert '<span class="basis background">' in page
    assert "Källdokumenten berättar inte om detta" in page
    assert "Rakennerahastot.fi" in page


def test_other_resources_keep_the_plain_face(http: httpx.Client) -> None:
    assert 'id="tree"' not in read(http, "/page/organisation/kymenlaakson-liitto")
    assert 'id="tree"' not in read(http, f"/page/programme/{P2014}?at=1")


def test_authorities_are_called_by_their_own_names(http: httpx.Client) -> None:
    text = plain(read(http, "/page/funding-instrument/eakr?lang=fi"))

    assert "European Regional Development Fund eurovoc.europa.eu sama käsite" in text
    assert "Euroopan aluekehitysrahasto (EAKR) (2014/2020) publications.europa.eu läheinen käsite" in text


def test_a_tree_that_leads_back_to_itself_ends() -> None:
    kind = Value("x", KYM + "Objective")

    def element(iri: str, parent: str) -> dict[str, Value | None]:
        place = Value("own")
        return {"element": Value(iri, iri), "kind": kind, "ordinal": None, "parent": Value(parent, parent), "place": place}  # fmt: skip  # noqa: E501

    rows = [element("urn:a", "urn:p"), element("urn:b", "urn:a"), element("urn:a", "urn:b")]

    tree, _ = trees("urn:p", rows, (), {})

    assert [(node.element.iri, node.size) for node in tree] == [("urn:a", 1)]


# --- comparison ------------------------------------------------------------------------------------------


def test_two_programmes_side_by_side(http: httpx.Client) -> None:
    text = plain(read(http, COMPARED + "&lang=fi"))

    assert "Koulutuksen ja osaamisen kehittäminen tavoite" in text
    assert "varmuus 70 %" in text.replace("\u00a0", " ")
    assert re.search(r"Vain A : Maakuntaohjelma 2014–2017 Innovatiiviset palvelut painopiste ICT-alan", text)
    assert re.search(r"Vain B : Kymenlaakson maakuntaohjelma 2022–2025 Visio 2040 visio", text)
    assert re.search(r"Vastine vain alakohdalla Innovatiivinen Kymenlaakso", text)
    assert "osaaminen ja koulutus A 10 · B 4" in text


def test_what_a_source_states_is_told_from_what_we_read(http: httpx.Client) -> None:
    stated = read(http, f"/compare?a=strategy/alykkaan-erikoistumisen-strategia-2&b={P2022}")
    cited = read(http, f"/compare?a=kymenlaakso-ohjelma-2018-2021&b={P2014}")

    assert re.search(r'class="relation">.*?toteuttaa.*?<span class="basis stated">', stated, re.DOTALL)
    # Line 46 of the programme's page says that the Kouvola area carries the national programme out.
    koko = read(http, "/compare?a=kouvolan-seudun-koko&b=koko&lang=fi")
    assert re.search(
        r"toteuttaa lähteessä todettu lähde: Kouvolan seudun KOKO \(lähdetiedosto\), rivi 46", plain(koko)
    )
    assert re.search(r'class="relation">.*?on seuraaja.*?<span class="basis background">', cited, re.DOTALL)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_choice_is_kept_and_can_be_made_without_script(http: httpx.Client, lang: str) -> None:
    page = read(http, COMPARED + f"&lang={lang}")

    assert f'<option value="{P2014}" selected>' in page
    assert '<form class="filters" action="/compare" method="get">' in page
    assert "<option" in read(http, f"/compare?lang={lang}")


def test_comparisons_that_cannot_be_made(http: httpx.Client) -> None:
    assert http.get(f"/compare?a=no-such&b={P2014}").status_code == 404
    assert http.get("/compare?c=1").status_code == 400
    assert "saman kahdesti" in read(http, f"/compare?a={P2014}&b={P2014}&lang=fi")


def test_names_in_the_address() -> None:
    base = Base("https://example.org/")
    rows = [{"instrument": Value("x", base.id(kind, slug))} for kind, slug in (("programme", "a"), ("plan", "a"), ("plan", "b"))]  # fmt: skip  # noqa: E501

    for instrument in rows:
        iri = instrument["instrument"].iri
        assert find(base, rows, slug_of(base, iri)) == iri
        assert find(base, rows, iri) == iri
    assert find(base, rows, "b") == base.id("plan", "b")
    assert find(base, rows, "") == ""


# --- the front page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_front_page_leads_to_search_questions_and_programmes(http: httpx.Client, lang: str) -> None:
    page = read(http, f"/?lang={lang}")

    assert re.search(r'<form [^>]*action="/search" method="get" role="search"', page)
    assert len(re.findall(rf'<a href="/questions/Q\d\d\?lang={lang}">', page)) == 3
    assert f'href="/programmes?lang={lang}"' in page
    assert page.count("<h1") == 1


def test_programs_are_led_from_the_front_page_to_the_service(http: httpx.Client) -> None:
    answer = http.get("/", headers={"accept": "text/turtle"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/sparql")
    assert http.get("/?page=2").status_code == 400


# --- another region, empty and hostile -------------------------------------------------------------------

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u202edesrever"
#: A megabyte that does not compress away.
LONG = " ".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(16_000))
OTHER = f"""
<id/programme/one> a kym:Programme ; skos:prefLabel "{HOSTILE}"@fi ; kym:validFrom "2010"^^xsd:gYear ;
  kym:validUntil "9999"^^xsd:gYear ; kym:area <javascript:alert(1)> ; kym:theme <javascript:alert(2)> .
<id/programme/two> a kym:Programme ; skos:prefLabel "{LONG}"@fi ; kym:horizonYear "2010"^^xsd:gYear .
<id/priority/one> a kym:Priority ; skos:prefLabel "{HOSTILE}"@fi ; kym:elementOf <id/programme/one> ;
  kym:restsOn <id/passage/d/1-2> .
<id/priority/two> a kym:Priority ; kym:elementOf <id/programme/two> , <id/priority/three> .
<id/priority/three> a kym:Priority ; kym:elementOf <id/priority/two> .
<id/lineage/x> a kym:LineageLink ; kym:earlier <id/priority/one> ; kym:later <id/priority/two> ;
  kym:lineageType <id/lineage-type/x> ; kym:confidence 0.5 ; skos:prefLabel "{HOSTILE}"@fi .
<id/passage/d/1-2> a kym:Passage ; kym:document <id/document/d> ; kym:firstLine 1 ; kym:lastLine 2 .
<id/document/d> a kym:SourceDocument ; skos:prefLabel "{HOSTILE}"@fi .
kym:Programme rdfs:subClassOf kym:PolicyInstrument . kym:Priority rdfs:subClassOf kym:Element .
"""
PREFIXES = f"""@base <https://example.org/region/> .
@prefix kym: <{KYM}> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


def region(folder: Path, serve: Serve, data: str, *, queries: bool) -> str:
    (folder / "data").mkdir(parents=True)
    (folder / "kymgraph.toml").write_text(
        'base_iri = "https://example.org/region/"\n[title]\nfi = "Toinen <maakunta>"\n', "utf-8"
    )
    (folder / "data/one.ttl").write_text(PREFIXES + data, "utf-8")
    if queries:
        shutil.copytree(ROOT / "api/queries", folder / "api/queries")
    project = Project.load(folder)
    store = EmbeddedStore(folder / "store")
    datasets.build(project, store)
    return serve(project.folder, store.folder, **SMALL)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    return region(tmp_path_factory.mktemp("other"), serve, OTHER, queries=True)


@pytest.mark.parametrize(
    "path",
    ["/", "/programmes", "/compare", "/compare?a=one&b=two", "/page/programme/one", "/page/programme/two",
     "/page/passage/d/1-2", "/page/lineage/x"],
)  # fmt: skip
def test_hostile_data_of_another_region_stays_text(other: str, path: str) -> None:
    with httpx.Client(base_url=other, timeout=60, headers={"accept": "text/html"}) as client:
        page = read(client, path)

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert 'href="javascript:' not in page
    assert " style=" not in page
    assert not re.search(r"<[^>]* on\w+=", re.sub(r'"[^"]*"', "", page))
    assert "Kymenlaakso" not in page


def test_a_project_without_programmes_has_pages_that_say_so(
    tmp_path_factory: pytest.TempPathFactory, serve: Serve
) -> None:
    url = region(tmp_path_factory.mktemp("empty"), serve, "<id/a> skos:prefLabel 'A'@fi .", queries=False)
    with httpx.Client(base_url=url, timeout=60, headers={"accept": "text/html"}) as client:
        assert "Aineistossa ei vielä ole ohjelmia" in read(client, "/?lang=fi")
        assert "Aineistossa ei ole vielä ohjelmia" in read(client, "/programmes?lang=fi")
        assert "vähintään kaksi ohjelmaa" in read(client, "/compare?lang=fi")
