"""Every IRI of the dataset under our base dereferences: as a page, as Turtle, as JSON-LD."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest

from kymgraph.dataset import Dataset
from kymgraph.rdf import FORMATS, NamedNode, Quad, parse, restore_datatypes
from tests.needs import size

from .conftest import BASE, ID, World

#: What a program asks for, and the format it reads.
FORMS = {"text/turtle": "ttl", "application/ld+json": "jsonld"}
#: These lead into the catalogue, which says more of them than the graph does, and in its own words.
CATALOGUED = tuple(ID + kind for kind in ("catalog/", "dataset/", "distribution/", "service/"))
#: Withdrawn, but still named by others: 410 is what is to be said of it.
GONE = {ID + "goal/c", ID + "project/old"}


def ours(quads: Iterable[Quad]) -> set[str]:
    """Every IRI under the base, wherever it stands in a quad."""
    terms = (t for q in quads for t in (q.subject, q.predicate, q.object, q.graph_name))
    return {t.value for t in terms if isinstance(t, NamedNode) and t.value.startswith(BASE)}


def crawl(url: str, iris: Iterable[str], quads: Iterable[Quad]) -> None:
    """Ask for each IRI as a browser and as programs do; what is said of it must be there."""
    said: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for q in restore_datatypes(quads):
        said[q.subject.value].add((str(q.subject), str(q.predicate), str(q.object)))
    places: dict[str, list[str]] = defaultdict(list)
    for iri in iris:  # what follows # never leaves the client
        places[quote(iri.removeprefix(BASE).partition("#")[0], safe="/%,;=:@!$&'()*+~")].append(iri)

    with httpx.Client(base_url=url, follow_redirects=True, timeout=60) as client:

        def ask(place: str) -> list[str]:
            faults = []
            page = client.get("/" + place, headers={"Accept": "text/html"})
            if page.status_code != 200 or not page.headers["content-type"].startswith("text/html"):
                faults.append(f"{place} as a page: {page.status_code}")
            for iri in places[place]:
                if iri.partition("#")[0] not in page.text and iri.partition("#")[2] not in page.text:
                    faults.append(f"{iri} is not on its page")
            for media_type, name in FORMS.items():
                data = client.get("/" + place, headers={"Accept": media_type})
                if data.status_code != 200 or not data.headers["content-type"].startswith(media_type):
                    faults.append(f"{place} as {media_type}: {data.status_code}")
                    continue
                found = parse(data.content, FORMATS[name])
                triples = {(str(q.subject), str(q.predicate), str(q.object)) for q in found}
                subjects = {subject for subject, _, _ in triples}
                faults += [
                    f"{iri} is not whole as {name}"
                    for iri in places[place]
                    if not (f"<{iri}>" in subjects if iri.startswith(CATALOGUED) else said[iri] <= triples)
                ]
            return faults

        with ThreadPoolExecutor(8) as pool:
            faults = [fault for found in pool.map(ask, sorted(places)) for fault in found]
    assert not faults, faults[:20]


def test_every_iri_of_a_graph_with_a_history_dereferences(world: World) -> None:
    quads = world.dataset()
    iris = ours(quads) - GONE
    iris = {iri for iri in iris if not iri.startswith(ID + "spoke/")} | {ID + "spoke/7"}  # all alike

    assert {ID + "commit/5", ID + "agent/toimitus", BASE + "graph/ledger", BASE + "ontology/0.9"} <= iris
    crawl(world.url, iris, quads)


def test_every_iri_of_the_shipped_graph_dereferences(shipped: Dataset, shipped_url: str) -> None:
    quads = list(shipped.view().quads())
    iris = sorted(ours(quads))
    assert len(iris) > 1500
    sample = size(quick=60, ci=700, night=len(iris))

    until = time.monotonic() + 120
    while httpx.get(shipped_url + "/catalog", timeout=60).status_code == 503:  # its dumps are being made
        assert time.monotonic() < until

    crawl(shipped_url, random.Random(4).sample(iris, sample), quads)


@pytest.mark.parametrize("iri", sorted(GONE))
def test_what_was_withdrawn_is_said_to_be_gone(world: World, iri: str) -> None:
    for accept in ("text/html", *FORMS):
        response = httpx.get(world.url + iri.removeprefix(BASE[:-1]), headers={"Accept": accept})
        assert response.status_code == 410
