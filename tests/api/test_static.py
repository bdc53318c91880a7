"""Files of the pages: compressed, and kept by browsers for good where their names change with them."""

from __future__ import annotations

import re
from typing import Any

import httpx


def test_built_files_are_compressed_and_kept_for_good(site: Any, http: httpx.Client) -> None:
    page = http.get(site.sparql, headers={"Accept": "text/html"}).text
    sheet = re.findall(r'href="(/static/dist/assets/site-[^"]+\.css)"', page)[0]

    small = http.get(site.url + sheet, headers={"Accept-Encoding": "gzip"})
    plain = http.get(site.url + sheet)

    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert small.text == plain.text
    assert int(small.headers["content-length"]) < len(plain.content) / 2
    assert "immutable" in plain.headers["cache-control"]


def test_files_without_such_names_are_asked_for_again(site: Any, http: httpx.Client) -> None:
    icon = http.get(site.url + "/static/icon.svg")

    assert icon.status_code == 200
    assert "immutable" not in icon.headers.get("cache-control", "")
    assert http.get(site.url + "/static/nothing.css").status_code == 404
