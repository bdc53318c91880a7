"""Behind a real reverse proxy, under a path and another host name: links follow, IRIs stay."""

from __future__ import annotations

import http.client
import http.server
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from tests.conftest import Serve

from .conftest import BASE, ID, SMALL, World

HOST = "other.example"
PREFIX = "/graph"
PUBLIC = f"https://{HOST}{PREFIX}/"
#: Headers of one hop, which a proxy does not pass on (RFC 9110, section 7.6.1), and lengths it counts itself.
_HOP = {"connection", "transfer-encoding", "keep-alive", "host", "content-length"}


class Proxy:
    """Passes on what comes under PREFIX, with or without it; knows nothing of what is behind it."""

    def __init__(self, strips: bool) -> None:
        self.behind = ""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                if not self.path.startswith(PREFIX + "/"):
                    self.send_error(404, "not under the prefix")
                    return
                path = self.path[len(PREFIX) :] if strips else self.path
                connection = http.client.HTTPConnection(urlsplit(outer.behind).netloc, timeout=60)
                headers = {n: v for n, v in self.headers.items() if n.lower() not in _HOP}
                headers |= {"Host": self.headers["Host"], "X-Forwarded-Proto": "https"}
                connection.request(self.command, path, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                connection.close()

            do_GET = do_HEAD = pass_on  # noqa: N815 (the names that http.server asks for)

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@dataclass(frozen=True)
class Outside:
    """What a reader on the Internet sees: the public URL, which leads to the proxy."""

    proxy: str
    client: httpx.Client

    def get(self, url: str, **headers: str) -> httpx.Response:
        """Ask for a URL as it is known outside, or a path below the prefix."""
        url = urljoin(PUBLIC, url)
        assert url.startswith(PUBLIC), f"{url} leads out of {PUBLIC}"
        return self.client.get(
            self.proxy + url.removeprefix(f"https://{HOST}"), headers={"Host": HOST, **headers}
        )

    def follow(self, url: str, **headers: str) -> httpx.Response:
        """The same, on to where it leads."""
        response = self.get(url, **headers)
        while response.is_redirect:
            url = urljoin(urljoin(PUBLIC, url), response.headers["location"])
            response = self.get(url, **headers)
        return response


@pytest.fixture(scope="module", params=["strips", "keeps"])
def outside(request: pytest.FixtureRequest, world: World, serve: Serve) -> Iterator[Outside]:
    proxy = Proxy(strips=request.param == "strips")
    proxy.behind = serve(
        world.project.folder,
        world.store.folder,
        public_url=PUBLIC,
        prefix_kept=request.param == "keeps",
        **SMALL,
    )
    with httpx.Client(timeout=60) as client:
        client.headers.clear()
        yield Outside(proxy.url, client)
    proxy.http.shutdown()
    proxy.http.server_close()


@pytest.mark.parametrize(
    "path", ["id/plan/one", "id/commit/3", "id/yhdistys/%C3%A4%C3%A4kk%C3%B6set", "id/plan/uno"]
)
def test_a_thing_leads_to_its_page_and_data_under_the_prefix(outside: Outside, path: str) -> None:
    page = outside.follow(path, Accept="text/html")
    data = outside.follow(path, Accept="text/turtle")

    assert (page.status_code, data.status_code) == (200, 200)
    assert BASE in data.text


def test_iris_stay_and_only_the_document_has_the_public_address(outside: Outside, world: World) -> None:
    data = outside.get("data/plan/one.nt").text
    direct = httpx.get(world.url + "/data/plan/one.nt").text

    assert data.replace(PUBLIC, world.url + "/") == direct
    assert f"<{PUBLIC}data/plan/one> " in data
    assert f"<{ID}plan/one> " in data


def test_every_link_of_every_page_leads_on(outside: Outside) -> None:
    """All that a reader can click, from the pages that this part makes and the old ones."""
    pages = ["page/plan/one", "page/hub", "page/goal/b?lang=sv", "ontology.html", "graphs", "sparql", "examples", "page/no/such"]  # fmt: skip  # noqa: E501
    seen = set()
    for path in pages:
        page = outside.get(path, Accept="text/html")
        assert page.headers["content-type"].startswith("text/html"), path
        here = urljoin(PUBLIC, path)
        for link in re.findall(r'(?:href|src|action)="([^"]+)"', page.text):
            url = urljoin(here, unescape(link))
            if urlsplit(url).netloc == HOST:
                seen.add(url.partition("#")[0])
    assert len(seen) > 100
    chosen = sorted(seen)[:: max(1, len(seen) // 60)]
    statuses = {url: outside.follow(url, Accept="text/html, */*;q=0.1").status_code for url in chosen}
    assert {
        url: status for url, status in statuses.items() if status != (404 if "/no/such" in url else 200)
    } == {}
    assert any(url.startswith(PUBLIC + "static/") for url in seen)


def test_headers_hold_the_prefix_once(outside: Outside) -> None:
    page = outside.get("page/hub", Accept="text/html")
    again = outside.get("page/hub", Accept="text/html")  # as it was kept
    data = outside.get("data/hub.ttl")

    for response in (page, again):
        assert '</graph/data/hub>; rel="describedby"' in response.headers["link"]
        assert "/graph/graph/" not in response.headers["link"]
    following = re.search(r'<([^>]+)>; rel="next"', data.headers["link"])
    assert following is not None
    assert outside.get(following[1]).status_code == 200
    assert outside.get("data/hub", Accept="text/turtle").headers["content-location"] == "/graph/data/hub.ttl"


def test_a_graph_called_like_the_prefix_is_not_mistaken_for_it(outside: Outside) -> None:
    graph = outside.get("graph/ontology", Accept="application/n-triples")
    whole = outside.get("ontology", Accept="application/n-triples")

    assert graph.status_code == whole.status_code == 200
    assert sorted(graph.text.splitlines()) == sorted(whole.text.splitlines())


def test_crawlers_are_led_to_the_public_address(outside: Outside) -> None:
    robots = outside.get("robots.txt").text
    [index] = re.findall(r"^Sitemap: (\S+)$", robots, re.MULTILINE)
    [part, _] = re.findall(r"<loc>([^<]+)</loc>", outside.get(index).text)
    pages = re.findall(r"<loc>([^<]+)</loc>", outside.get(part).text)

    assert "Disallow: /graph/sparql?" in robots
    assert PUBLIC + "page/plan/one" in pages
    assert outside.get(pages[0]).status_code == 200


def test_a_host_that_is_not_trusted_makes_no_links(world: World) -> None:
    strange = httpx.get(world.url + "/data/plan/one.nt", headers={"Host": "evil.example"})
    trusted = httpx.get(world.url + "/data/plan/one.nt", headers={"Host": "localhost:1234"})

    assert "evil.example" not in strange.text
    assert "<http://localhost:1234/data/plan/one> " in trusted.text
