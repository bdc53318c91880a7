"""The answer cache as a client sees it, and its bookkeeping."""

from __future__ import annotations

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.cache import AnswerCache, Answered, file_blocks

LONG = "SELECT ?s ?label WHERE { ?s <http://www.w3.org/2000/01/rdf-schema#label> ?label }"


def lookups(http: httpx.Client, site: Any) -> dict[str, float]:
    lines = http.get(site.url + "/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("kymgraph_cache_lookups_total")]
    return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in found}


def test_the_same_question_is_answered_from_the_cache_however_it_is_written(
    site: Any, http: httpx.Client
) -> None:
    http.get(site.sparql, params={"query": "SELECT  ?x { ?x ?y 'once' } # first"})
    before = lookups(http, site)

    response = http.post(site.sparql, data={"query": "SELECT ?x {\n ?x ?y 'once' }"})

    after = lookups(http, site)
    assert response.status_code == 200
    assert (after["hit"] - before["hit"], after["miss"] - before["miss"]) == (1, 0)


@pytest.mark.parametrize("expression", ["RAND()", "NOW()", "UUID()", "STRUUID()", "BNODE()"])
def test_an_answer_that_changes_by_itself_is_not_kept(site: Any, http: httpx.Client, expression: str) -> None:
    query = f"SELECT ({expression} AS ?x) {{}}"

    first, second = (http.get(site.sparql, params={"query": query}) for _ in range(2))

    assert "etag" not in first.headers
    assert first.headers["cache-control"] == "no-store"
    if expression != "BNODE()":  # its name is the engine's own affair
        assert first.content != second.content


def test_a_client_that_has_the_answer_gets_304(site: Any, http: httpx.Client) -> None:
    first = http.get(site.sparql, params={"query": LONG})

    again = http.get(site.sparql, params={"query": LONG}, headers={"If-None-Match": first.headers["etag"]})
    other = http.get(site.sparql, params={"query": LONG}, headers={"If-None-Match": '"something"'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200
    assert not first.headers["etag"].startswith("W/")


def test_each_coding_has_an_etag_of_its_own(site: Any, http: httpx.Client) -> None:
    plain = http.get(site.sparql, params={"query": LONG})
    packed = http.get(site.sparql, params={"query": LONG}, headers={"Accept-Encoding": "gzip"})
    refused = http.get(site.sparql, params={"query": LONG}, headers={"Accept-Encoding": "gzip;q=0"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert packed.content == plain.content == refused.content
    assert packed.headers["etag"] != plain.headers["etag"] == refused.headers["etag"]
    assert "Accept-Encoding" in plain.headers["vary"]


def test_an_answer_longer_than_a_megabyte_comes_whole_in_both_codings(site: Any, http: httpx.Client) -> None:
    query = """PREFIX ex: <https://example.org/kym/id/> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
    SELECT * WHERE { ?a ex:number ?n ; rdfs:label ?l . ?b ex:part ?c . ?d a ex:Plan }"""

    first = http.get(site.sparql, params={"query": query, "format": "csv"})
    again = http.get(site.sparql, params={"query": query, "format": "csv"})
    packed = http.get(
        site.sparql, params={"query": query, "format": "csv"}, headers={"Accept-Encoding": "gzip"}
    )

    assert len(first.content) > 1_000_000
    assert int(first.headers["content-length"]) == len(first.content)
    assert first.content == again.content == packed.content
    assert packed.headers["content-encoding"] == "gzip"
    revisited = http.get(
        site.sparql,
        params={"query": query, "format": "csv"},
        headers={"If-None-Match": first.headers["etag"]},
    )
    assert revisited.status_code == 304


def test_identical_questions_at_the_same_time_are_asked_once(site: Any, http: httpx.Client) -> None:
    query = "SELECT (COUNT(*) AS ?n) { ?a a ?c . ?d <https://example.org/kym/id/number> ?f }"
    before = lookups(http, site)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: httpx.get(site.sparql, params={"query": query}), range(6)))

    after = lookups(http, site)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert after["miss"] - before["miss"] == 1


# --- in this process --------------------------------------------------------------------------------------


def answered(size: int, **more: Any) -> Answered:
    return Answered("text/plain", generation=1, body=b"x" * size, **more)


def test_the_least_recently_used_answer_goes_first() -> None:
    cache = AnswerCache(50_000, 0)
    for key in "abcd":
        cache.put(key, answered(8_000))
    cache.get("a")

    cache.put("e", answered(8_000))

    assert cache.get("a") is not None
    assert cache.get("b") is None
    assert cache.stats()["memory_bytes"] <= 50_000


def test_an_answer_too_large_for_the_budget_is_sent_and_not_kept() -> None:
    cache = AnswerCache(10_000, 0)

    cache.put("large", answered(9_000))

    assert cache.get("large") is None


def test_a_file_is_kept_as_long_as_someone_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "spooled"
    path.write_bytes(b"abc" * 100_000)
    cache = AnswerCache(0, 2_000_000)
    answer = Answered("text/csv", generation=1, file=path)
    cache.put("file", answer)
    blocks = file_blocks(path)
    cache.clear()
    path.unlink()

    async def whole() -> bytes:
        return b"".join([block async for block in blocks])

    assert asyncio.run(whole()) == b"abc" * 100_000


def test_waiting_callers_share_one_answer_and_one_failure() -> None:
    async def scenario() -> tuple[int, int]:
        cache, made = AnswerCache(10_000, 0), 0

        async def make() -> Answered:
            nonlocal made
            made += 1
            await asyncio.sleep(0.01)
            if made == 2:
                raise ValueError("no")
            return answered(1)

        shared = await asyncio.gather(*(cache.ask("k", make) for _ in range(5)))
        assert len({id(answer) for answer in shared}) == 1
        failed = await asyncio.gather(*(cache.ask("k", make) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(error, ValueError) for error in failed)
        await cache.ask("k", make)
        return made, cache.coalesced

    assert asyncio.run(scenario()) == (3, 8)


def test_when_the_first_caller_goes_away_the_next_one_makes_the_answer() -> None:
    async def scenario() -> bytes:
        cache = AnswerCache(10_000, 0)

        async def make() -> Answered:
            await asyncio.sleep(0.05)
            return answered(3)

        first, second = (asyncio.create_task(cache.ask("k", make)) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()
        return (await second).body

    assert asyncio.run(scenario()) == b"xxx"


def test_compressing_twice_gives_the_same_bytes() -> None:
    body = b"the same bytes, and a strong ETag holds " * 100
    [one, two] = (Answered("text/plain", generation=1, body=body).messages("gzip") for _ in range(2))

    assert one[2]["body"] == two[2]["body"]
    assert gzip.decompress(one[2]["body"]) == body
