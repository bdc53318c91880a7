"""Finto and Wikidata as a server on this machine answers for them, in good order and out of it."""

from __future__ import annotations

import http.server
import json
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kymgraph.errors import CannotWrite, FetchFailed, HostNotAllowed
from kymgraph.linking.asking import Asker
from kymgraph.linking.decisions import Text
from kymgraph.linking.entities import Entity
from kymgraph.linking.finto import Finto
from kymgraph.linking.match import Matcher
from kymgraph.linking.wikidata import Wikidata
from kymgraph.net import Client
from tests.linking.conftest import World
from tests.localserver import Answer, Server, leads_to, says

JSON = {"Content-Type": "application/json; charset=utf-8"}
IITTI = "http://www.yso.fi/onto/yso/p94151"
CONCEPT = f"""
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
<{IITTI}> a skos:Concept ; skos:prefLabel "Iitti"@fi , "Itis"@sv ; skos:broader <urn:region> .
<urn:region> skos:prefLabel "Kymenlaakso"@fi .
""".encode()
HITS = {
    "@context": {},
    "uri": "",
    "results": [
        {"uri": IITTI, "type": ["skos:Concept"], "prefLabel": "Iitti", "lang": "fi", "vocab": "yso-paikat"}
    ],
}


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture
def asker(server: Server, tmp_path: Path) -> Asker:
    asker = Asker(Client([server.listed]), tmp_path / "kept", sleep=lambda seconds: waits.append(seconds))
    waits = asker.waits = []  # type: ignore[attr-defined]
    return asker


def iitti(world: World) -> Entity:
    return world.entities["place/iitti"]


def tells(told: object) -> Answer:
    return says(json.dumps(told, ensure_ascii=False).encode(), headers=JSON)


def then(*answers: Answer) -> Answer:
    """One answer after the other, the last one for ever."""
    left = list(answers)

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return answer


def slow(seconds: float) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        says(b"{}", headers=JSON)(handler)

    return answer


# --- Finto -------------------------------------------------------------------------------------------------


def finto(server: Server, asker: Asker) -> Finto:
    server.answers["/rest/v1/yso-paikat/search"] = tells(HITS)
    server.answers["/rest/v1/yso-paikat/data"] = says(CONCEPT, headers={"Content-Type": "text/turtle"})
    return Finto("yso-paikat", asker, server.at("/rest/v1/"))


def test_finto_is_searched_by_name_and_each_concept_read_whole(
    server: Server, asker: Asker, world: World
) -> None:
    [found] = Matcher(world.ours.class_names, world.ours.places).suggest(iitti(world), finto(server, asker))

    assert (found.entry.iri, found.match) == (IITTI, "exact")
    assert set(found.entry.names) == {Text("Iitti", "fi"), Text("Itis", "sv")}
    assert found.entry.broader == ("Kymenlaakso",)
    assert found.entry.vocabulary == "http://www.yso.fi/onto/yso/places"
    assert found.entry.release.startswith("Finto 20")
    search = urllib.parse.parse_qs(urllib.parse.urlsplit(server.asked[0][1]).query)
    assert search == {"query": ["Iitti*"], "lang": ["fi"], "unique": ["true"], "maxhits": ["10"]}
    assert all(headers["user-agent"].startswith("kymgraph/") for _, _, headers, _ in server.asked)


def test_what_was_answered_is_not_asked_again_until_it_is_old(
    server: Server, asker: Asker, world: World
) -> None:
    vocabulary = finto(server, asker)
    vocabulary.candidates(iitti(world))
    asked = len(server.asked)

    vocabulary.candidates(iitti(world))
    assert len(server.asked) == asked

    asker.now = lambda: time.time() + 8 * 24 * 3600
    vocabulary.candidates(iitti(world))
    assert len(server.asked) == 2 * asked


def test_a_concept_that_finto_no_longer_has_is_none(server: Server, asker: Asker) -> None:
    vocabulary = finto(server, asker)
    server.answers["/rest/v1/yso-paikat/data"] = says(b"not found", 404)

    assert vocabulary.entry(IITTI) is None


def test_a_replaced_concept_says_by_what(server: Server, asker: Asker) -> None:
    vocabulary = finto(server, asker)
    more = f"<{IITTI}> <http://purl.org/dc/terms/isReplacedBy> <urn:new> .".encode()
    server.answers["/rest/v1/yso-paikat/data"] = says(CONCEPT + more, headers={"Content-Type": "text/turtle"})

    found = vocabulary.entry(IITTI)

    assert found is not None
    assert (found.deprecated, found.replaced_by) == (True, "urn:new")


@pytest.mark.parametrize("results", [[{"uri": "javascript:alert(1)"}, {"uri": 7}, "x", {}], []])
def test_results_that_are_no_concepts_are_passed_over(
    server: Server, asker: Asker, world: World, results: list[object]
) -> None:
    vocabulary = finto(server, asker)
    server.answers["/rest/v1/yso-paikat/search"] = tells({"results": results})

    assert vocabulary.candidates(iitti(world)) == []


# --- faults ------------------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Answer, list[float]]] = {
    "500": (says(b"oops", 500), [1.0]),
    "429 with Retry-After": (says(b"", 429, {"Retry-After": "7"}), [7.0]),
    "503 without": (says(b"", 503), [1.0]),
    "cut off": (says(b'{"results": [', headers=JSON, whole=False), [1.0]),
    "HTML instead of JSON": (says(b"<html>maintenance</html>", headers={"Content-Type": "text/html"}), [1.0]),
    "another encoding": (says('{"results": "ä"}'.encode("latin-1"), headers=JSON), [1.0]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_is_waited_out(server: Server, asker: Asker, world: World, name: str) -> None:
    vocabulary = finto(server, asker)
    fault, waits = FAULTS[name]
    server.answers["/rest/v1/yso-paikat/search"] = then(fault, tells(HITS))

    assert [one.iri for one in vocabulary.candidates(iitti(world))] == [IITTI]
    assert asker.waits == waits  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_ends_it_with_what_to_do(
    server: Server, asker: Asker, world: World, name: str
) -> None:
    vocabulary = finto(server, asker)
    server.answers["/rest/v1/yso-paikat/search"] = FAULTS[name][0]

    with pytest.raises(FetchFailed, match="asked 4 times") as failed:
        vocabulary.candidates(iitti(world))

    assert len(server.asked) == 4
    assert "kept" in (failed.value.hint or "")
    assert not list(asker.folder.glob("*")), "nothing that could not be read is kept"


def test_a_slow_answer_is_given_up_in_time(
    server: Server, asker: Asker, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kymgraph.linking.asking.TIMEOUT", 0.2)
    asker.tries = 2
    vocabulary = finto(server, asker)
    server.answers["/rest/v1/yso-paikat/search"] = slow(3)

    with pytest.raises(FetchFailed):
        vocabulary.candidates(iitti(world))


def test_what_asking_again_does_not_mend_is_not_asked_again(
    server: Server, asker: Asker, world: World
) -> None:
    vocabulary = finto(server, asker)
    for fault in (says(b"bad", 400), says(b"", 429, {"Retry-After": "86400"})):
        server.answers["/rest/v1/yso-paikat/search"] = fault
        server.asked.clear()

        with pytest.raises(FetchFailed):
            vocabulary.candidates(iitti(world))
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "where", ["http://127.0.0.2:1/", "http://169.254.169.254/latest", "http://localhost:1/"]
)
def test_a_redirect_to_a_private_address_is_not_followed(
    server: Server, asker: Asker, world: World, where: str
) -> None:
    vocabulary = finto(server, asker)
    server.answers["/rest/v1/yso-paikat/search"] = leads_to(where)

    with pytest.raises(HostNotAllowed):
        vocabulary.candidates(iitti(world))


def test_a_host_that_is_not_listed_is_not_asked(tmp_path: Path, world: World) -> None:
    with pytest.raises(HostNotAllowed, match="list of hosts"):
        Finto("yso", Asker(Client([]), tmp_path)).candidates(iitti(world))


def test_what_is_no_turtle_is_refused(server: Server, asker: Asker) -> None:
    vocabulary = finto(server, asker)
    server.answers["/rest/v1/yso-paikat/data"] = says(b"<<< no", headers={"Content-Type": "text/turtle"})

    with pytest.raises(FetchFailed, match="no Turtle"):
        vocabulary.entry(IITTI)


def test_a_folder_that_cannot_be_written_is_said_so(server: Server, asker: Asker, world: World) -> None:
    vocabulary = finto(server, asker)
    asker.folder.parent.mkdir(exist_ok=True)
    asker.folder.write_text("a file where the folder has to be")

    with pytest.raises(CannotWrite):
        vocabulary.candidates(iitti(world))


# --- Wikidata ----------------------------------------------------------------------------------------------


def service(server: Server, items: list[dict[str, object]], most: int = 10) -> Callable[[], list[int]]:
    """Answer for Wikidata at /fi/api; gives the sizes of the batches it was asked."""
    sizes: list[int] = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        form = urllib.parse.parse_qs(server.asked[-1][3].decode())
        queries = json.loads(form["queries"][0])
        sizes.append(len(queries))
        if len(queries) > most:
            says(b"", 502)(handler)
            return
        told = {
            key: {"result": [one for one in items if query["query"] in (one["id"], one["name"])]}
            for key, query in queries.items()
        }
        tells(told)(handler)

    server.answers["/fi/api"] = answer
    return lambda: sizes


def item(iri: str, name: str, kind: str) -> dict[str, object]:
    return {
        "id": iri,
        "name": name,
        "score": 100,
        "match": True,
        "type": [{"id": "Q1", "name": kind}],
        "description": "…",
    }


def test_wikidata_is_asked_ten_things_at_a_time(server: Server, asker: Asker, world: World) -> None:
    sizes = service(server, [item("Q853673", "Iitti", "municipality of Finland")])
    vocabulary = Wikidata(asker, server.at("/fi/api"))
    places = [one for one in world.entities.values() if one.kind == "place"]

    vocabulary.prepare(places)
    [found] = Matcher(world.ours.class_names, world.ours.places).suggest(iitti(world), vocabulary)

    assert len(places) > 20
    assert sizes() == [10] * (len(places) // 10) + ([len(places) % 10] if len(places) % 10 else [])
    assert (found.entry.iri, found.match) == ("http://www.wikidata.org/entity/Q853673", "exact")
    assert "type-agrees" in {reason.code for reason in found.reasons}


def test_what_yso_places_states_goes_before_a_search(server: Server, asker: Asker, world: World) -> None:
    service(server, [item("Q853673", "Iitti", "municipality"), item("Q999", "Iitti", "asteroid")])
    stated = {iitti(world).iri: [(IITTI, "http://www.wikidata.org/entity/Q853673")]}
    vocabulary = Wikidata(asker, server.at("/fi/api"), stated)

    [found] = vocabulary.candidates(iitti(world))

    assert (found.iri, found.via) == ("http://www.wikidata.org/entity/Q853673", IITTI)
    assert b"Q853673" in server.asked[0][3]


def test_finto_tells_what_yso_places_links_to(server: Server, asker: Asker) -> None:
    vocabulary = finto(server, asker)
    server.answers["/rest/v1/yso-paikat/mappings"] = tells(
        {
            "mappings": [
                {
                    "type": ["http://www.w3.org/2004/02/skos/core#closeMatch"],
                    "from": {"memberSet": [{"uri": IITTI}]},
                    "to": {"memberSet": [{"uri": "http://www.wikidata.org/entity/Q853673"}]},
                },
                {"to": {"memberSet": "none"}},
                "nothing",
            ]
        }
    )

    assert vocabulary.links_of(IITTI) == ["http://www.wikidata.org/entity/Q853673"]


@pytest.mark.parametrize("told", [[], {}, {"q0": {"result": [{"id": "L1", "name": "x"}, {"id": "Q1"}, 5]}}])
def test_an_answer_that_leaves_questions_out_is_no_answer(
    server: Server, asker: Asker, world: World, told: object
) -> None:
    server.answers["/fi/api"] = tells(told)
    vocabulary = Wikidata(asker, server.at("/fi/api"))

    if isinstance(told, dict) and "q0" in told:
        assert vocabulary.candidates(iitti(world)) == []
    else:
        with pytest.raises(FetchFailed, match="did not answer"):
            vocabulary.candidates(iitti(world))


def test_an_item_is_looked_up_by_its_id_alone(server: Server, asker: Asker) -> None:
    service(server, [item("Q853673", "Iitti", "municipality")])
    vocabulary = Wikidata(asker, server.at("/fi/api"))

    found = vocabulary.entry("http://www.wikidata.org/entity/Q853673")

    assert found is not None
    assert found.names == (Text("Iitti"),)
    assert vocabulary.entry("http://www.wikidata.org/entity/P31") is None
    assert vocabulary.entry("http://www.wikidata.org/entity/Q5") is None
