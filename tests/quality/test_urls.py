"""How the addresses of a catalogue are asked, and what each answer means."""

from __future__ import annotations

import http.server
import threading
from dataclasses import replace

import pytest

from kymgraph.net import Client
from kymgraph.quality.found import Found
from kymgraph.quality.reading import Limits
from kymgraph.quality.urls import SILENT, Asked, ask, wanted
from kymgraph.rdf import FORMATS, parse
from tests.localserver import Answer, Server, leads_to, says

from .conftest import LIMITS


def ask_one(server: Server, answer: Answer, limits: Limits = LIMITS) -> Asked:
    server.answers["/x"] = answer
    return ask([server.at("/x")], Client([server.listed]), limits)[server.at("/x")]


def only_get(status: int) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        says(b"", status if handler.command == "HEAD" else 200)(handler)

    return answer


def test_an_address_that_answers_head_is_asked_nothing_else(server: Server) -> None:
    assert ask_one(server, says()) == Asked(server.at("/x"), True, 200, "HEAD")
    assert [method for method, *_ in server.asked] == ["HEAD"]


@pytest.mark.parametrize("status", [403, 404, 405, 500, 501])
def test_an_address_that_does_not_take_head_is_asked_by_get(server: Server, status: int) -> None:
    assert ask_one(server, only_get(status)) == Asked(server.at("/x"), True, 200, "GET")
    assert [method for method, *_ in server.asked] == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [401, 404, 410, 500, 503])
def test_another_status_than_success_is_no_answer(server: Server, status: int) -> None:
    asked = ask_one(server, says(b"", status))

    assert (asked.good, asked.status, asked.reason) == (False, status, f"answered {status}")


def test_of_a_file_that_never_ends_no_more_than_the_head_is_read(server: Server) -> None:
    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.command == "HEAD":
            return says(b"", 405)(handler)
        handler.send_response(200)
        handler.end_headers()
        while not server.over.is_set():
            handler.wfile.write(b"x" * 65_536)
        return None

    assert ask_one(server, endless).good


def test_a_redirect_is_followed_to_its_end(server: Server) -> None:
    server.answers["/there"] = says()

    assert ask_one(server, leads_to("/there")).good
    assert ask_one(server, leads_to("/gone")).good is False


@pytest.mark.parametrize(
    "there", ["http://10.0.0.1/", "http://[::1]:1/", "http://localhost:22/", "file:///etc/passwd"]
)
def test_a_redirect_to_a_private_address_is_not_followed(server: Server, there: str) -> None:
    asked = ask_one(server, leads_to(there))

    assert asked.good is not True
    assert asked.reason


def test_whoever_asks_too_much_has_learnt_nothing_of_the_address(server: Server) -> None:
    asked = ask_one(server, says(b"", 429))

    assert (asked.good, asked.status) == (None, 429)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "url", ["ftp://x.example/a", "a.csv", "", "_:b", "http:///x", "http://[", "mailto:planner@example.org"]
)
def test_what_is_no_address_of_the_web_does_not_answer(url: str) -> None:
    assert ask([url], Client([]), LIMITS)[url].good is False


def test_hosts_that_are_not_listed_are_not_asked(server: Server) -> None:
    server.answers["/x"] = says()

    asked = ask([server.at("/x")], Client(["x.example:80"]), LIMITS)[server.at("/x")]

    assert asked.good is None
    assert "not on the list" in asked.reason
    assert not server.asked


def test_a_host_that_does_not_answer_is_left_in_peace(server: Server) -> None:
    urls = [server.at(f"/{number}") for number in range(10)]
    server.answers |= {f"/{number}": lambda handler: server.over.wait(30) and None for number in range(10)}

    answers = ask(urls, Client([server.listed]), replace(LIMITS, url_seconds=0.2))

    assert [answers[url].good for url in urls] == [False] * SILENT + [None] * (10 - SILENT)
    assert len(server.asked) == 2 * SILENT  # by HEAD and by GET


def test_a_host_is_never_asked_two_things_at_once(server: Server) -> None:
    under_way = threading.Semaphore(1)
    crowded = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        if not under_way.acquire(blocking=False):
            crowded.append(handler.path)
            return
        server.over.wait(0.02)
        under_way.release()
        says()(handler)

    paths = [f"/{number}" for number in range(8)]
    server.answers |= dict.fromkeys(paths, answer)

    answers = ask([server.at(path) for path in paths], Client([server.listed]), LIMITS)

    assert not crowded
    assert all(asked.good for asked in answers.values())


def test_beyond_the_limit_of_number_or_time_nothing_is_asked(server: Server) -> None:
    server.answers |= {f"/{number}": says() for number in range(4)}
    urls = [server.at(f"/{number}") for number in range(4)]
    client = Client([server.listed])

    by_number = ask(urls, client, replace(LIMITS, urls=3))
    asked = len(server.asked)
    by_time = ask(urls, client, replace(LIMITS, all_urls_seconds=0.0))

    assert [by_number[url].good for url in urls] == [True, True, True, None]
    assert [by_time[url].good for url in urls] == [None] * 4
    assert len(server.asked) == asked == 3


def test_the_best_distribution_of_each_dataset_is_asked_first_and_no_address_twice() -> None:
    text = """
        @prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
        <urn:d1> a dcat:Dataset ; dcat:distribution [ dcat:accessURL <http://a.example/poor> ] ,
            [ dct:format "CSV" ;
              dcat:accessURL <http://a.example/rich> ; dcat:downloadURL <http://a.example/rich#x> ] .
        <urn:d2> a dcat:Dataset ;
            dcat:distribution [ dcat:accessURL <http://a.example/only> , <http://a.example/rich> ] .
    """
    found = Found(parse(text.encode(), FORMATS["ttl"]))

    assert wanted(found, found.datasets) == [
        "http://a.example/rich",
        "http://a.example/only",
        "http://a.example/poor",
    ]
