"""Catalogue, dumps and VoID as served: what they say is what is there, before and after an update."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymgraph import files
from kymgraph.access import FILE, Access
from kymgraph.namespaces import DCTERMS, PREFIXES, RDF, XSD
from kymgraph.project import Project
from kymgraph.publishing.catalog_rdf import HYDRA
from kymgraph.rdf import FORMATS, Literal, NamedNode, Quad, canonical, canonical_nquads, isomorphic, parse
from kymgraph.store.embedded import EmbeddedStore
from tests.conftest import ROOT, Serve
from tests.publishing import dcat_ap

DCAT, VOID = PREFIXES["dcat"], PREFIXES["void"]
EU = "http://publications.europa.eu/resource/authority/"
BASE = "https://w3id.org/kymgraph/"
SOURCES = [
    "alykkaan-erikoistumisen-strategia-2",
    "kouvolan-seudun-koko",
    "kymenlaakso-ohjelma",
    "maakunnan-kehityksen-karjessa-2016",
    "maakuntaohjelma-2022-2025",
]
#: Warnings that stay, as docs/catalogue.md lists them with their cause.
KNOWN_WARNINGS = {
    (4, DCTERMS + "publisher"),  # no body outside the EU's own table is accepted without one
    (5, DCTERMS + "type"),  # of the publisher, which is in none of the kinds that are verified
    (5, DCAT + "bbox"),  # of GeoNames' place, which is GeoNames' to describe
    (5, DCAT + "centroid"),
}


@dataclass
class Site:
    """The project of this repository, served so that it can be written to."""

    url: str
    token: str
    client: httpx.Client

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(self.url + path, headers=headers)

    def catalogue(self) -> list[Quad]:
        return parse(self.get("/catalog", accept="text/turtle").content, FORMATS["ttl"])

    def ask(self, query: str) -> list[dict[str, Any]]:
        answer = self.client.get(self.url + "/sparql", params={"query": query, "format": "json"})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["results"]["bindings"]
        return found

    def until(self, generation: int) -> None:
        """Wait until the catalogue describes this generation."""
        end = time.monotonic() + 60
        while self.client.get(self.url + "/catalog").headers.get("kymgraph-generation") != str(generation):
            assert time.monotonic() < end, "the dumps were not brought up to date"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def site(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    project, store = Project.load(ROOT), EmbeddedStore(tmp_path_factory.mktemp("catalogue") / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    url = serve_writable(ROOT, store.folder)
    with Access(store.folder / FILE) as access:
        token = access.create_token("steward", "publisher", graphs=(), expires=None)[0]
    client = httpx.Client(timeout=60, trust_env=False)
    client.headers.clear()
    found = Site(url, token, client)
    found.until(1)
    return found


def values(quads: list[Quad], subject: str | None, predicate: str) -> list[str]:
    return [
        q.object.value
        for q in quads
        if q.predicate.value == predicate
        and (subject is None or q.subject == NamedNode(subject))
        and isinstance(q.object, NamedNode | Literal)
    ]


def one(quads: list[Quad], subject: str, predicate: str) -> str:
    [found] = values(quads, subject, predicate)
    return found


def datasets(quads: list[Quad]) -> list[str]:
    return values(quads, None, DCAT + "dataset")


# --- DCAT-AP ----------------------------------------------------------------------------------------------


def test_the_official_shapes_find_no_violation_in_the_bytes_served(site: Site, shared: Path) -> None:
    found = dcat_ap.run(site.get("/catalog", accept="text/turtle").content, shared)

    assert [str(result) for result in found if result.severity == "Violation"] == []
    assert {(result.step, str(result.path)) for result in found} == KNOWN_WARNINGS


def test_the_docs_list_the_warnings_that_stay(shared: Path) -> None:
    text = (ROOT / "docs" / "catalogue.md").read_text("utf-8")

    for _, path in KNOWN_WARNINGS:
        assert path.rpartition("/")[2].rpartition("#")[2] in text


def test_every_format_says_the_same(site: Site) -> None:
    turtle = site.catalogue()

    for name, fmt in (("jsonld", "jsonld"), ("rdf", "rdf"), ("nt", "nt"), ("trig", "trig")):
        answer = site.get(f"/catalog.{name}")
        assert answer.headers["content-type"].partition(";")[0] == FORMATS[fmt].media_types[0]
        same = site.get("/catalog", accept=FORMATS[fmt].media_types[0])
        assert same.content == answer.content
        assert isomorphic(parse(answer.content, FORMATS[fmt]), turtle)


def test_all_that_the_mqa_counts_is_said_of_every_dataset_and_file(site: Site) -> None:
    said = site.catalogue()
    themes = {EU + "data-theme/REGI", EU + "data-theme/GOVE"}

    assert len(datasets(said)) == 6
    for dataset in datasets(said):
        keywords = [q.object.language for q in said if q.subject.value == dataset  # type: ignore[union-attr]
                    and q.predicate.value == DCAT + "keyword"]  # fmt: skip
        assert {"fi", "sv", "en"} <= set(keywords)
        assert set(values(said, dataset, DCAT + "theme")) == themes
        assert EU + "country/FIN" in values(said, dataset, DCTERMS + "spatial")
        period = one(said, dataset, DCTERMS + "temporal")
        assert one(said, period, DCAT + "startDate") < one(said, period, DCAT + "endDate")
        assert one(said, dataset, DCTERMS + "accessRights") == EU + "access-right/PUBLIC"
        assert one(said, dataset, DCTERMS + "accrualPeriodicity") == EU + "frequency/IRREG"
        assert one(said, dataset, DCTERMS + "issued") <= one(said, dataset, DCTERMS + "modified")[:10]
        contact = one(said, dataset, DCAT + "contactPoint")
        assert set(values(said, contact, RDF + "type")) == {
            PREFIXES["vcard"] + "Kind",
            PREFIXES["vcard"] + "Organization",
        }
        publisher = one(said, dataset, DCTERMS + "publisher")
        assert set(values(said, publisher, RDF + "type")) == {
            PREFIXES["foaf"] + "Agent",
            PREFIXES["foaf"] + "Organization",
        }
        assert len(values(said, dataset, DCAT + "distribution")) == 6
        for file in values(said, dataset, DCAT + "distribution"):
            assert one(said, file, DCAT + "accessURL") == one(said, file, DCAT + "downloadURL")
            assert one(said, file, DCTERMS + "format").startswith(EU + "file-type/")
            assert one(said, file, DCAT + "mediaType").startswith(
                "http://www.iana.org/assignments/media-types/"
            )
            assert one(said, file, DCTERMS + "license") == EU + "licence/CC_BY_4_0"
            assert values(said, one(said, file, DCTERMS + "rights"), PREFIXES["rdfs"] + "label")
    sizes = [q.object for q in said if q.predicate.value == DCAT + "byteSize"]
    assert {size.datatype.value for size in sizes if isinstance(size, Literal)} == {
        XSD + "nonNegativeInteger"
    }


def test_every_source_document_is_a_dataset_of_the_series_with_its_own_period(site: Site) -> None:
    said = site.catalogue()
    # As data/*.ttl states for each document's programme, plan or notices.
    periods = {
        "alykkaan-erikoistumisen-strategia-2": ("2021-01-01", "2025-12-31"),
        "kouvolan-seudun-koko": ("2010-01-01", "2013-12-31"),
        "kymenlaakso-ohjelma": ("2014-01-01", "2030-12-31"),
        "maakunnan-kehityksen-karjessa-2016": ("2016-01-01", "2018-12-31"),
        "maakuntaohjelma-2022-2025": ("2022-01-01", "2025-12-31"),
    }

    for name, (start, end) in periods.items():
        dataset = f"{BASE}id/dataset/{name}"
        assert one(said, dataset, DCAT + "inSeries") == f"{BASE}id/dataset/ohjelma-asiakirjat"
        period = one(said, dataset, DCTERMS + "temporal")
        assert (one(said, period, DCAT + "startDate"), one(said, period, DCAT + "endDate")) == (start, end)
    assert values(said, f"{BASE}id/dataset/kymgraph", DCAT + "inSeries") == []


def test_every_address_in_catalogue_and_void_answers_to_get_and_head(site: Site) -> None:
    numbers = parse(site.get("/.well-known/void").content, FORMATS["ttl"])
    said = [*site.catalogue(), *numbers]
    found = {q.object.value for q in said if isinstance(q.object, NamedNode)}
    urls = sorted(url for url in found if url.startswith(site.url))
    assert len(urls) >= 45

    for url in urls:
        head, got = site.client.head(url), site.client.get(url)
        assert (url, head.status_code, got.status_code) == (url, 200, 200)
        assert head.headers["content-length"] == str(len(got.content))
        assert head.content == b""


def test_pages_are_followed_from_the_first_to_the_last_and_past_it_there_is_nothing(site: Site) -> None:
    for relation in ("next", "nextPage"):
        url, seen, pages = f"{site.url}/catalog?page=1&limit=4", [], 0
        while url:
            page = parse(site.client.get(url).content, FORMATS["ttl"])
            seen += datasets(page)
            pages += 1
            url = next(iter(values(page, None, HYDRA + relation)), "")
        assert pages == 2
        assert sorted(seen) == sorted(f"{BASE}id/dataset/{name}" for name in ["kymgraph", *SOURCES])
    past = site.get("/catalog?page=3&limit=4")
    assert past.status_code == 200
    assert datasets(parse(past.content, FORMATS["ttl"])) == []


def test_the_same_generation_gives_the_same_bytes_and_304_to_who_has_them(site: Site) -> None:
    for path in ("/catalog.ttl", "/catalog.jsonld", "/catalog.rdf", "/.well-known/void", "/dumps/"):
        first, again = site.get(path), site.get(path)
        assert first.content == again.content
        unchanged = site.get(path, **{"if-none-match": first.headers["etag"]})
        assert (unchanged.status_code, unchanged.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/catalog?page=0", 400, "page"),
        ("/catalog?limit=5000", 400, "limit"),
        ("/catalog?page=1&page=2", 400, "page"),
        ("/catalog?pge=1", 400, "pge"),
        ("/catalog.ttl?format=rdf", 400, "format"),
        ("/catalog?format=pdf", 400, "format"),
        ("/.well-known/void?format=html", 400, "format"),
        ("/dumps/kymgraph.ttl?x=1", 400, "x"),
        ("/catalog.pdf", 404, "pdf"),
        ("/catalog/nope", 404, "nope"),
        ("/dumps/nope.ttl", 404, "nope"),
        ("/dumps/../current", 404, "current"),
        ("/dumps/manifest.json", 404, "manifest"),
        ("/dumps/%2e%2e%2f%2e%2e%2fversion", 404, "version"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(site: Site, path: str, status: int, part: str) -> None:
    answer = site.get(path)

    assert answer.status_code == status
    assert part in answer.json()["detail"]


# --- dumps ------------------------------------------------------------------------------------------------


def test_a_file_has_the_size_and_checksum_that_are_said_of_it(site: Site) -> None:
    listed = site.get("/dumps/").json()
    sums = dict(line.split("  ")[::-1] for line in site.get("/dumps/SHA256SUMS").text.splitlines())
    said = site.catalogue()

    assert len(listed["files"]) == len(sums) == 36
    for file in listed["files"]:
        answer = site.get(file["url"].removeprefix(site.url), **{"accept-encoding": "gzip, br"})
        digest = hashlib.sha256(answer.content).hexdigest()
        name = f"{file['dataset']}.{file['format']}"
        assert (len(answer.content), digest, digest) == (file["bytes"], file["sha256"], sums[name])
        assert "content-encoding" not in answer.headers
        assert answer.headers["content-type"].partition(";")[0] == file["mediaType"]
        iri = f"{BASE}id/distribution/{file['dataset']}-{file['format'].replace('.', '-')}"
        assert one(said, iri, DCAT + "byteSize") == str(file["bytes"])


def test_a_dump_holds_what_the_endpoint_gives(site: Site) -> None:
    def dumped(name: str) -> bytes:
        text = gzip.decompress(site.get(f"/dumps/{name}.nt.gz").content)
        # Dumps have the datatypes that standards demand, the endpoint those that the store can hold.
        return canonical_nquads(canonical(parse(text, FORMATS["nt"])).quads)

    for name in SOURCES[:1]:
        graph = site.get(f"/graph/{name}", accept="application/n-triples").content
        assert dumped(name) == canonical_nquads(parse(graph, FORMATS["nt"]))
    default = site.get("/graphs?default", accept="application/n-triples").content
    assert dumped("kymgraph") == canonical_nquads(parse(default, FORMATS["nt"]))


def test_no_cell_of_the_csv_begins_a_formula(site: Site) -> None:
    text = site.get("/dumps/kymgraph.csv").text
    rows = list(csv.reader(io.StringIO(text, newline="")))

    assert {len(row) for row in rows} == {10}
    risky = [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert [cell for cell in risky if not re.fullmatch(r"[+-]?[0-9.]+", cell)] == []


def test_parts_of_a_file_are_sent_where_they_are_asked_for(site: Site) -> None:
    path = "/dumps/kymgraph.ttl"
    whole = site.get(path)
    size, tag = len(whole.content), whole.headers["etag"]

    part = site.get(path, range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{size}"
    assert site.get(path, range="bytes=-7").content == whole.content[-7:]
    assert site.get(path, range=f"bytes={size - 3}-").content == whole.content[-3:]
    assert site.get(path, range="bytes=0-9", **{"if-range": tag}).status_code == 206
    for given in (
        {"range": "bytes=0-9", "if-range": '"other"'},
        {"range": "pages=1"},
        {"range": "bytes=9-2"},
    ):
        answer = site.get(path, **given)
        assert (answer.status_code, answer.content) == (200, whole.content)
    beyond = site.get(path, range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert site.get(path, **{"if-none-match": tag}).status_code == 304


# --- pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["fi", "sv", "en"])
def test_people_get_pages_in_their_language_that_search_engines_read_too(site: Site, lang: str) -> None:
    title = {
        "fi": "Kymenlaakson maakuntaohjelma 2022–2025",
        "sv": "Kymmenedalens landskapsprogram 2022–2025",
        "en": "Regional programme of Kymenlaakso 2022–2025",
    }[lang]
    for path in ("/catalog", "/catalog/maakuntaohjelma-2022-2025", "/dumps/"):
        answer = site.get(f"{path}?lang={lang}", accept="text/html")
        assert answer.headers["content-language"] == lang
        assert title in answer.text
        assert f"/dumps/maakuntaohjelma-2022-2025.nt.gz" in answer.text  # noqa: F541
    page = site.get("/catalog/maakuntaohjelma-2022-2025", accept="text/html").text
    script = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert script is not None
    said = json.loads(script[1])
    assert (said["@type"], len(said["distribution"])) == ("Dataset", 6)


def test_the_iris_of_datasets_files_and_services_lead_into_the_catalogue(site: Site) -> None:
    for path, place in (
        ("/id/dataset/kymgraph", "/catalog/kymgraph"),
        ("/id/dataset/kymgraph.ttl", "/catalog/kymgraph?format=ttl"),
        ("/id/distribution/kymgraph-nt-gz", "/catalog/kymgraph"),
        ("/id/service/sparql", "/catalog"),
        ("/id/catalog/kymgraph", "/catalog"),
        ("/id/dataset/ohjelma-asiakirjat", "/catalog"),
    ):
        answer = site.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, place)
        assert site.get(answer.headers["location"]).status_code == 200
    past = site.get("/id/dataset/kymgraph?at=1")
    assert past.headers["location"] == "/data/dataset/kymgraph?at=1", (
        "what the graph said then is linked data"
    )


def test_crawlers_find_the_catalogue_by_the_sitemap(site: Site) -> None:
    assert f"{site.url}/sitemaps/catalog.xml" in site.get("/sitemap.xml").text
    listed = site.get("/sitemaps/catalog.xml").text

    for name in ("kymgraph", *SOURCES):
        assert f"<loc>{site.url}/catalog/{name}</loc>" in listed


# --- numbers, before and after an update ------------------------------------------------------------------


def numbers_of(site: Site, name: str) -> tuple[int, int, int]:
    """Triples, things with a type and distinct objects, as VoID has them."""
    said = parse(site.get("/.well-known/void").content, FORMATS["ttl"])
    dataset = f"{BASE}id/dataset/{name}"
    triples, entities, objects = (
        int(one(said, dataset, VOID + key)) for key in ("triples", "entities", "distinctObjects")
    )
    return triples, entities, objects


def counted(site: Site, name: str) -> tuple[int, int, int]:
    """The same, as the endpoint counts them."""
    within = "{ %s }" if name == "kymgraph" else f"{{ GRAPH <{BASE}graph/{name}> {{ %s }} }}"
    found = []
    for what, pattern in (("*", "?s ?p ?o"), ("DISTINCT ?s", "?s a ?c"), ("DISTINCT ?o", "?s ?p ?o")):
        [row] = site.ask(f"SELECT (COUNT({what}) AS ?n) WHERE {within % pattern}")
        found.append(int(row["n"]["value"]))
    return found[0], found[1], found[2]


def test_after_an_update_catalogue_void_and_dumps_are_those_of_the_new_graph(site: Site) -> None:
    names = ["kymgraph", *SOURCES]
    assert [numbers_of(site, name) for name in names] == [counted(site, name) for name in names]
    before = site.catalogue()
    thing = f"<{BASE}id/programme/kouvolan-seudun-koko>"
    label = f'<{BASE}id/programme/kouvolan-seudun-koko> <{PREFIXES["skos"]}altLabel> "Muutettu nimi"@fi'
    update = f"INSERT DATA {{ GRAPH <{BASE}graph/kouvolan-seudun-koko> {{ {label} }} }}"

    answer = site.client.post(
        f"{site.url}/sparql",
        content=update.encode(),
        headers={
            "content-type": "application/sparql-update",
            "authorization": f"Bearer {site.token}",
        },
        params={"reason": "another name"},
    )

    assert answer.status_code == 200, answer.text
    generation = int(answer.headers["kymgraph-generation"])
    site.until(generation)
    assert [numbers_of(site, name) for name in names] == [counted(site, name) for name in names]
    after = site.catalogue()
    versions = {name: one(after, f"{BASE}id/dataset/{name}", DCAT + "version") for name in names}
    changed = {"kymgraph", "kouvolan-seudun-koko"}
    assert versions == {name: str(generation) if name in changed else "1" for name in names}
    for name in names:
        if name not in changed:
            for kind in ("dataset", "distribution"):
                iri = f"{BASE}id/{kind}/{name}"
                mine = [{q for q in said if str(q.subject)[1:].startswith(iri)} for said in (before, after)]
                assert mine[0] == mine[1], "what was not touched is described as before"
    text = gzip.decompress(site.get("/dumps/kymgraph.nt.gz").content).decode()
    assert f'{thing} <{PREFIXES["skos"]}altLabel> "Muutettu nimi"@fi .\n' in text
