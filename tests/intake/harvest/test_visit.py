"""How a catalogue is asked: what is not asked twice, what faults do, and where a run goes on."""

from __future__ import annotations

import email.utils
import http.server
import json

import pytest

from kymgraph.errors import FetchFailed, HostNotAllowed, StoreLocked
from kymgraph.intake.harvest.visit import ATTEMPTS, CEILING
from tests.localserver import leads_to, says

from .catalogue import package
from .conftest import Runs


def test_requests_come_one_after_the_other_with_a_pause_between(runs: Runs) -> None:
    assert len(runs.listing(delay=1.5)) == 25

    assert runs.catalogue.starts == [0, 10, 20]
    assert runs.clock.slept == [1.5, 1.5]


def test_a_page_that_has_not_changed_is_not_sent_again(runs: Runs) -> None:
    runs.listing()
    runs.catalogue.packages[0] = package(0, title_translated={"fi": "Uusi nimi"})
    runs.catalogue.server.asked.clear()

    listing = runs.listing()

    tags = [headers.get("if-none-match") for _, _, headers, _ in runs.catalogue.server.asked]
    assert all(tags)
    assert len(set(tags)) == 3
    assert listing.entries[package(0)["id"]].title == "Aineisto 0"
    record = listing.entries[package(0)["id"]].record
    assert record is not None
    assert record.titles[0].value == "Uusi nimi"
    assert len(listing) == 25


def test_a_date_serves_where_there_is_no_etag(runs: Runs) -> None:
    date = "Sat, 21 Nov 2026 08:00:00 GMT"
    body = json.dumps(runs.catalogue.page(0, 100)).encode()

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        known = handler.headers.get("If-Modified-Since") == date
        says(b"" if known else body, 304 if known else 200, {"Last-Modified": date})(handler)

    runs.catalogue.faults = [answer, answer]

    assert len(runs.listing(rows=100)) == len(runs.listing(rows=100)) == 25
    assert runs.catalogue.faults == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_catalogue_gets_the_time_that_it_asks_for(runs: Runs, status: int) -> None:
    runs.catalogue.faults = [says(b"", status, {"Retry-After": "7"})]

    assert len(runs.listing(delay=0)) == 25
    assert runs.clock.slept[0] == 7


def test_a_retry_after_may_be_a_date(runs: Runs) -> None:
    when = email.utils.formatdate(runs.clock.now + 30, usegmt=True)
    runs.catalogue.faults = [says(b"", 429, {"Retry-After": when})]

    assert len(runs.listing(delay=0)) == 25
    assert runs.clock.slept[0] == 30


def test_a_catalogue_that_asks_for_more_time_than_we_wait_is_left_alone(runs: Runs) -> None:
    runs.catalogue.faults = [says(b"", 429, {"Retry-After": str(int(CEILING) + 1)})]

    with pytest.raises(FetchFailed, match="121 s") as refused:
        runs.listing()

    assert "run the same command again" in (refused.value.hint or "")
    assert (runs.clock.slept, len(runs.catalogue.starts)) == ([], 1)


def test_failures_are_tried_again_later_and_later_and_then_no_more(runs: Runs) -> None:
    runs.catalogue.faults = [says(b"", 500)] * ATTEMPTS

    with pytest.raises(FetchFailed, match="status 500, 5 times in a row"):
        runs.listing(delay=1)

    assert len(runs.catalogue.starts) == ATTEMPTS
    assert runs.clock.slept == [2, 4, 8, 16]


def test_a_failure_that_passes_costs_nothing_but_time(runs: Runs) -> None:
    runs.catalogue.faults = [says(b"", 500), says(b'{"success": true', whole=False), says(b"", 502)]

    assert len(runs.listing()) == 25


def test_a_slow_answer_is_given_up(runs: Runs) -> None:
    over = runs.catalogue.server.over

    def slow(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not over.wait(0.02):
            handler.wfile.write(b" ")

    runs.catalogue.faults = [slow] * ATTEMPTS

    with pytest.raises(FetchFailed, match=r"more than 0\.2 s, 5 times"):
        runs.listing(timeout=0.2)


def test_an_answer_that_is_too_long_is_refused_at_once(runs: Runs) -> None:
    with pytest.raises(FetchFailed, match="more than 1,000 bytes"):
        runs.listing(limit_bytes=1000)

    assert len(runs.catalogue.starts) == 1


def test_all_answers_together_are_limited(runs: Runs) -> None:
    with pytest.raises(FetchFailed, match="more than one run may hold"):
        runs.listing(total=20_000)

    assert runs.catalogue.starts == [0, 10]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<!doctype html><title>Huoltokatko</title>", "is no JSON"),
        ('{"success": true, "result": "Päivä"}'.encode("latin-1"), "not in UTF-8"),
        (b'{"success": false, "error": {}}', "does not say success"),
        (b'{"success": true, "result": {"count": 1}}', "no list of results"),
        (b"[" * 100_000, "is no JSON"),
    ],
)
def test_what_is_no_answer_of_ckan_is_refused_and_not_kept(runs: Runs, body: bytes, why: str) -> None:
    runs.catalogue.faults = [says(body, headers={"ETag": '"1"'})]

    with pytest.raises(FetchFailed, match=why):
        runs.listing()

    assert len(runs.listing()) == 25  # and asked for anew, in full
    assert "if-none-match" not in runs.catalogue.server.asked[1][2]


def test_a_redirect_to_an_address_that_is_not_listed_is_not_followed(runs: Runs) -> None:
    runs.catalogue.faults = [leads_to("http://10.0.0.1/api/3/action/package_search")]

    with pytest.raises(HostNotAllowed):
        runs.listing()


def test_what_is_not_found_is_not_asked_for_again(runs: Runs) -> None:
    runs.catalogue.faults = [says(b"", 404)]

    with pytest.raises(FetchFailed, match="status 404"):
        runs.listing()

    assert len(runs.catalogue.starts) == 1


def test_a_catalogue_that_repeats_its_page_is_refused(runs: Runs) -> None:
    first = json.dumps(runs.catalogue.page(0, 10)).encode()
    runs.catalogue.faults = [says(first), says(first)]

    with pytest.raises(FetchFailed, match="same page again and again"):
        runs.listing()

    runs.catalogue.server.asked.clear()
    assert len(runs.listing()) == 25
    assert runs.catalogue.starts == [0, 10, 20]  # nothing of the broken run is gone on from


def test_a_list_that_shrinks_while_it_is_read_is_not_taken_for_whole(runs: Runs) -> None:
    """The record after the one that went slips into the page that was read already."""
    runs.run()

    def remove(start: int) -> None:
        if start == 10 and len(runs.catalogue.packages) == 25:
            del runs.catalogue.packages[0]

    runs.catalogue.between = remove

    harvest = runs.run()

    assert (harvest.counts.gone, harvest.counts.stayed) == (0, 1)
    harvest = runs.run()
    assert (harvest.counts.gone, harvest.counts.unchanged) == (1, 24)


def test_a_list_that_grows_while_it_is_read_gives_no_record_twice(runs: Runs) -> None:
    def add(start: int) -> None:
        if start == 10 and len(runs.catalogue.packages) == 25:
            runs.catalogue.packages.insert(0, package(99))

    runs.catalogue.between = add

    listing = runs.listing()

    assert (len(listing), listing.moved) == (25, True)
    assert not any(found.unfit for found in listing.entries.values())


def test_an_interrupted_run_goes_on_from_the_page_that_it_reached(runs: Runs) -> None:
    pages = iter([False, True])

    def pause(seconds: float) -> None:
        if next(pages):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.listing(sleep=pause, delay=1)
    assert runs.catalogue.starts == [0, 10]

    assert len(runs.listing()) == 25
    assert runs.catalogue.starts == [0, 10, 20]


def test_a_run_that_was_left_for_long_is_begun_anew(runs: Runs) -> None:
    with pytest.raises(FetchFailed):
        runs.listing(time_limit=0.5, delay=1)
    assert runs.catalogue.starts == [0]
    runs.clock.now += 24 * 3600

    runs.listing()

    assert runs.catalogue.starts == [0, 0, 10, 20]


def test_the_whole_run_has_an_end(runs: Runs) -> None:
    with pytest.raises(FetchFailed, match="took more than 1 s") as late:
        runs.listing(time_limit=1, delay=0.7)

    assert "goes on from the page" in (late.value.hint or "")
    assert runs.catalogue.starts == [0, 10]


def test_a_state_that_is_damaged_is_read_as_far_as_it_is_whole(runs: Runs) -> None:
    with pytest.raises(FetchFailed):
        runs.listing(time_limit=1, delay=0.7)
    path = runs.folder().path
    with (path / "run.jsonl").open("ab") as run:
        run.write(b'{"url": "http://tor')
    sorted((path / "pages").iterdir())[0].write_bytes(b"no gzip")

    assert len(runs.listing()) == 25
    assert len(runs.catalogue.starts) == 4  # two before, the damaged one and the third now


def test_two_harvests_into_one_graph_do_not_meet(runs: Runs) -> None:
    with runs.folder().locked(), pytest.raises(StoreLocked), runs.folder().locked():
        pass


def test_pages_of_a_question_that_is_no_longer_asked_do_not_pile_up(runs: Runs) -> None:
    runs.listing(rows=10)
    runs.listing(rows=25)

    assert len(list((runs.folder().path / "pages").iterdir())) == 1
