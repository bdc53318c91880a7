"""A person with a browser, for tests over HTTP: signs in, reads forms, sends them back."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx

from kymgraph.access import FILE, Access, Role


def token(store: Path, role: Role, **given: Any) -> str:
    """A token of its own for a store."""
    with Access(store / FILE) as access:
        names = {one.name for one in access.tokens()}
        text, _ = access.create_token(f"{role} {len(names)}", role, expires=None, **given)
        return text


class Person:
    """Sends what a browser would: its cookie, the Origin of its page, the fields of a form."""

    def __init__(self, url: str, lang: str = "fi") -> None:
        self.url, self.lang = url, lang
        self.client = httpx.Client(base_url=url, timeout=60)
        self.headers = {"accept": "text/html", "accept-language": lang}

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        given = {**self.headers, "origin": self.url, **headers}
        return self.client.post(path, data=fields, headers={k: v for k, v in given.items() if v})

    def sign_in(self, text: str, next: str = "/edit") -> httpx.Response:
        return self.post("/session", {"token": text, "next": next})

    def fields(self, path: str, form: str = "editor") -> dict[str, str]:
        """The fields of a form as the page has them."""
        return fields_of(self.get(path).text, form)


class _Fields(HTMLParser):
    """The fields of the form of a class."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.inside, self.fields = form, False, dict[str, str]()
        self._select = self._area = ""
        self._first = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = self.form in given.get("class", "").split()
        if not self.inside or "disabled" in given:
            return
        if tag == "input" and "name" in given:
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select, self._first = given["name"], True
        elif tag == "option" and self._select:
            if self._first or "selected" in given:
                self.fields[self._select] = given.get("value", "")
            self._first = False
        elif tag == "textarea":
            self._area = given["name"]
            self.fields[self._area] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._area:
            self.fields[self._area] = self.fields[self._area].removeprefix("\n")
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data


def fields_of(page: str, form: str = "editor") -> dict[str, str]:
    """The fields of the form of a class in a page, as a browser would send them."""
    parser = _Fields(form)
    parser.feed(page)
    return parser.fields


def faults_of(page: str) -> str:
    """The texts of a page, without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page))
