"""Catalogues on this machine: a CKAN that answers package_search as avoindata.fi does, and its faults.

The records are made up here; their keys are those of avoindata.fi's schema and of CKAN's core.
"""

from __future__ import annotations

import copy
import hashlib
import http.server
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.localserver import Answer, Server, says

SEARCH = "/api/3/action/package_search"
PLACES = ("kouvola", "kotka", "hamina", "iitti", "kymenlaakso", "etelä-karjala", "helsinki", "virolahti")
WORDS = ("logistiikka", "investointi", "kriittinen infrastruktuuri", "energia", "kaavoitus", "matkailu")


def package(number: int, **more: Any) -> dict[str, Any]:
    """A package as CKAN gives it; `more` takes the place of its fields, None takes a field away."""
    known = str(uuid.UUID(int=number + 1))
    made: dict[str, Any] = {
        "id": known,
        "name": f"aineisto-{number}",
        "type": "dataset",
        "state": "active",
        "private": False,
        "title": f"Aineisto {number}",
        "notes": "Kuvaus.",
        "title_translated": {"fi": f"Aineisto {number}", "sv": "", "en": f"Dataset {number}"},
        "notes_translated": {"fi": f"Mitä aineisto {number} kertoo.", "sv": "", "en": ""},
        "keywords": {"fi": [WORDS[number % len(WORDS)], "avoin data"], "en": ["open data"]},
        "geographical_coverage": [PLACES[number % len(PLACES)]],
        "update_frequency": {"fi": ["vuosittain"]},
        "valid_from": f"{2010 + number % 9}-01-01",
        "valid_till": f"{2011 + number % 9}-12-31",
        "license_id": "cc-by-4.0",
        "license_url": "http://creativecommons.org/licenses/by/4.0/",
        "maintainer": "Ylläpitäjä",
        "maintainer_email": ["planner@example.org"],
        "date_released": "2020-01-01T00:00:00.000000",
        "metadata_created": "2020-01-01T00:00:00.000000",
        "metadata_modified": "2026-11-01T08:00:00.000000",
        "organization": {
            "id": f"org-{number % 7}",
            "name": f"toimija-{number % 7}",
            "title": f"Toimija {number % 7}",
            "title_translated": {"fi": f"Toimija {number % 7}"},
        },
        "extras": [],
        "tags": [],
        "resources": [
            {
                "id": f"{known}-r",
                "name": "CSV",
                "name_translated": {"fi": "Taulukko", "en": "Table"},
                "description_translated": {"fi": "", "sv": ""},
                "url": f"https://data.example/{number}/taulukko 1.csv",
                "format": "CSV",
                "mimetype": "text/csv",
                "size": 1000 + number,
                "state": "active",
            }
        ],
    }
    made.update(more)
    return {key: value for key, value in made.items() if value is not None}


def with_file(number: int, **more: Any) -> dict[str, Any]:
    """A package whose one file has other fields."""
    made = copy.deepcopy(package(number))
    made["resources"][0].update(more)
    return made


class Catalogue:
    """A CKAN. `faults` are answers to give, once each, before the real one."""

    def __init__(self, server: Server, packages: list[Any]) -> None:
        self.server, self.packages = server, packages
        self.faults: list[Answer] = []
        self.etags = True
        self.between: Callable[[int], None] = lambda start: None  #: called before each real answer
        server.answers[SEARCH] = self.answer

    @property
    def url(self) -> str:
        return self.server.at("/")

    @property
    def starts(self) -> list[int]:
        """From which record on each request asked, in their order."""
        return [int(parse_qs(urlsplit(path).query)["start"][0]) for _, path, _, _ in self.server.asked]

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        if self.faults:
            self.faults.pop(0)(handler)
            return
        asked = parse_qs(urlsplit(handler.path).query)
        assert asked["sort"] == ["id asc"]
        start, rows = int(asked["start"][0]), int(asked["rows"][0])
        self.between(start)
        body = json.dumps(self.page(start, rows), ensure_ascii=False).encode("utf-8", "surrogatepass")
        etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        headers = {"Content-Type": "application/json;charset=utf-8"} | ({"ETag": etag} if self.etags else {})
        if self.etags and handler.headers.get("If-None-Match") == etag:
            says(b"", 304, headers)(handler)
        else:
            says(body, headers=headers)(handler)

    def page(self, start: int, rows: int) -> dict[str, Any]:
        results = self.packages[start : start + rows]
        return {
            "success": True,
            "result": {"count": len(self.packages), "sort": "id asc", "results": results},
        }


#: Ten kinds of faults: what makes each of a number, and the code of the reason it is set aside for.
FAULTS: dict[str, Callable[[int], Any]] = {
    "not-an-object": lambda n: f"aineisto-{n}",
    "no-id": lambda n: package(n, id=None),
    "no-title": lambda n: package(n, title=None, title_translated={"fi": " ", "sv": ""}),
    "not-public": lambda n: package(n, state="deleted"),
    "wrong-kind": lambda n: package(n, title_translated=["Aineisto"]),
    "broken-text": lambda n: package(n, notes_translated={"fi": "Selvitys \ufffd\ufffdnest\ufffd"}),
    "control-character": lambda n: package(n, keywords={"fi": ["a\x07b"]}),
    "bad-date": lambda n: package(n, metadata_modified="viime keväänä"),
    "bad-url": lambda n: with_file(n, url="javascript:alert(1)"),
    "shapes": lambda n: package(n, valid_from="2020-01-01", valid_till="2015-12-31"),
}


def made(count: int, every: int = 50) -> tuple[list[Any], dict[int, str]]:
    """So many packages, each `every`th with a fault; and the code of the reason by position, from 1."""
    kinds: Iterator[str] = iter(list(FAULTS) * (count // (every * len(FAULTS)) + 1))
    packages, faults = [], {}
    for number in range(count):
        if number % every == every - 1:
            kind = next(kinds)
            packages.append(FAULTS[kind](number))
            faults[number + 1] = kind
        else:
            packages.append(package(number))
    return packages, faults
