"""Signing in with a browser: the cookie, what a form needs beside it, and when it ends."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from kymgraph.access import FILE, Access, Principal
from tests.api.portal.house import build
from tests.conftest import Serve
from tests.localserver import Server, says
from tests.signing import Person, faults_of, fields_of, token
from tests.test_oidc import Provider


@dataclass(frozen=True)
class House:
    url: str
    store: Path
    editor: str

    def person(self, text: str | None = None, **given: Any) -> Person:
        person = Person(self.url, **given)
        assert person.sign_in(text or self.editor).status_code == 303
        return person


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with contextlib.closing(Server()) as server:
        provider = Provider(server)
        provider.discovery |= {
            "authorization_endpoint": server.at("/authorize?realm=kym"),
            "token_endpoint": server.at("/token"),
        }
        yield provider


@pytest.fixture(scope="module")
def house(serve: Serve, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> House:
    folder = tmp_path_factory.mktemp("house")
    build(folder)
    store = folder / "store"
    editor = token(store, "editor")
    url = serve(
        folder,
        store,
        oidc_issuer=provider.issuer,
        oidc_audience="kymgraph",
        oidc_client_id="kymgraph-web",
        oidc_client_secret="s3cret",
        oidc_roles="graph-editors=editor",
        allow_hosts=provider.server.listed,
    )
    return House(url, store, editor)


def cookie_of(answer: httpx.Response, name: str = "kymgraph_session") -> str:
    return next(line for line in answer.headers.get_list("set-cookie") if line.startswith(name + "="))


# --- the cookie -----------------------------------------------------------------------------------------


def test_readers_get_no_cookie(house: House) -> None:
    reader = Person(house.url)

    for path in ("/session", "/edit", "/page/plan/a", "/sparql", "/search"):
        assert "set-cookie" not in reader.get(path).headers


def test_the_cookie_is_strict_and_out_of_reach_of_scripts(house: House) -> None:
    answer = Person(house.url).sign_in(house.editor)

    flags = {part.strip().lower() for part in cookie_of(answer).split(";")[1:]}
    assert flags == {"httponly", "max-age=28800", "path=/", "samesite=strict"}
    assert len(cookie_of(answer).partition("=")[2].partition(";")[0]) == 43  # 256 bits
    assert answer.headers["location"] == "/edit?lang=fi"


def test_off_this_machine_the_cookie_is_secure_and_needs_https(
    serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("public")
    build(folder)
    text = token(folder / "store", "editor")
    person = Person(serve(folder, folder / "store", public_url="http://kym.example/kg"))
    answer = person.post("/session", {"token": text}, origin="http://kym.example")

    assert answer.status_code == 303
    assert "; Secure" in cookie_of(answer)
    assert "Path=/kg" in cookie_of(answer)
    assert answer.headers["location"] == "/kg/edit?lang=fi"
    assert "koska yhteys ei ole suojattu" in faults_of(person.get("/session").text)


def test_what_a_signed_in_person_gets_is_kept_by_nobody(house: House) -> None:
    answer = house.person().get("/session")

    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_only_the_hash_of_a_session_is_stored(house: House) -> None:
    answer = Person(house.url).sign_in(house.editor)
    text = cookie_of(answer).partition("=")[2].partition(";")[0]

    for file in house.store.glob(FILE + "*"):
        assert text.encode() not in file.read_bytes()


# --- signing in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "kymg_aaaaaaaa_" + "a" * 52, "x" * 200, "<script>alert(1)</script>"])
def test_a_wrong_token_is_refused_and_not_repeated(house: House, text: str) -> None:
    answer = Person(house.url).sign_in(text)

    assert answer.status_code == 403
    assert "Tunniste ei kelpaa" in faults_of(answer.text)
    assert "set-cookie" not in answer.headers
    assert not text or text not in answer.text


def test_signing_in_and_out_stand_in_the_audit_log(house: House) -> None:
    person = house.person()
    person.post("/session/end", fields_of(person.get("/session").text, "who"))

    with Access(house.store / FILE) as access:
        last = access.audit(2)
    assert [event.what for event in last] == ["session.end", "session.begin"]
    assert house.editor not in str(last)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_a_form_from_elsewhere_signs_nobody_in(house: House, origin: str) -> None:
    answer = Person(house.url).post("/session", {"token": house.editor}, origin=origin)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_without_an_origin_the_referer_tells(house: House) -> None:
    person = Person(house.url)

    assert (
        person.post(
            "/session", {"token": house.editor}, origin="", referer=house.url + "/session"
        ).status_code
        == 303
    )
    assert (
        person.post(
            "/session", {"token": house.editor}, origin="", referer="http://evil.example/"
        ).status_code
        == 403
    )


@pytest.mark.parametrize(
    "next", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(house: House, next: str) -> None:
    assert Person(house.url).sign_in(house.editor, next=next).headers["location"] == "/edit?lang=fi"


def test_after_many_failures_nothing_is_tried_for_a_while(
    serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("attempts")
    build(folder)
    text = token(folder / "store", "editor")
    person = Person(serve(folder, folder / "store"))
    with Access(folder / "store" / FILE) as access:
        before = len(access.audit())
        statuses = [person.sign_in("kymg_wrong").status_code for _ in range(10)]
        refused = person.sign_in(text)

        assert statuses == [403] * 10
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 500
        assert len(access.audit()) == before  # strangers do not fill the disk


# --- forms ----------------------------------------------------------------------------------------------


def test_a_form_needs_the_mark_of_its_own_session(house: House) -> None:
    person, other = house.person(), house.person()
    mark = fields_of(other.get("/session").text, "who")["csrf"]

    for fields in ({"x": "1"}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": mark}):
        assert person.post("/session/end", fields).status_code == 403
    assert "Kirjautunut" in faults_of(person.get("/session").text)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1"])
def test_a_form_from_elsewhere_changes_nothing(house: House, origin: str) -> None:
    person = house.person()
    fields = fields_of(person.get("/session").text, "who")

    assert person.post("/session/end", fields, origin=origin).status_code == 403
    assert "Kirjautunut" in faults_of(person.get("/session").text)


def test_a_form_without_a_session_says_what_to_do(house: House) -> None:
    answer = Person(house.url).post("/edit/page/plan/a", {"action": "save"})

    assert answer.status_code == 401
    assert "Kirjaudu uudelleen" in faults_of(answer.text)


# --- the end --------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_and_takes_the_cookie_away(house: House) -> None:
    person = house.person()
    kept = person.client.cookies["kymgraph_session"]
    answer = person.post("/session/end", fields_of(person.get("/session").text, "who"))

    assert answer.status_code == 303
    assert "Max-Age=0" in cookie_of(answer)
    person.client.cookies.set("kymgraph_session", kept)
    assert person.get("/edit").status_code == 303
    assert "kirjautunut ulos" in faults_of(person.get("/session?ended=1").text)


def test_a_revoked_token_ends_its_session_from_the_next_request(house: House) -> None:
    text = token(house.store, "editor")
    person = house.person(text)
    assert person.get("/edit").status_code == 200

    with Access(house.store / FILE) as access:
        access.revoke(text)

    assert person.get("/edit").status_code == 303


def test_an_unknown_cookie_is_nobodys(house: House) -> None:
    person = Person(house.url)
    for text in ("x", "a" * 43, "ä", "a" * 5000):
        headers = {**person.headers, "cookie": f"kymgraph_session={text}".encode()}
        answer = httpx.get(house.url + "/edit", headers=headers)
        assert answer.status_code in (303, 400), text  # 400: too long for the server


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_session_ends_after_eight_hours_or_with_its_token(tmp_path: Path) -> None:
    clock = Clock()
    with Access(tmp_path / FILE, clock=clock) as access:
        text, _ = access.create_token("Maija", "editor", expires=clock.now + timedelta(hours=6))
        maija = access.authenticate(text)
        oidc = Principal("oidc:abc", "abc", "editor", frozenset(), "abc")
        by_token, by_issuer = access.begin_session(maija), access.begin_session(oidc)

        assert access.session(by_token) == maija
        assert access.session(by_issuer) == oidc
        clock.now += timedelta(hours=6)
        assert access.session(by_token) is None
        assert access.session(by_issuer) == oidc
        clock.now += timedelta(hours=2)
        assert access.session(by_issuer) is None


# --- through an issuer ----------------------------------------------------------------------------------


class Visit:
    """A browser at the stand-in issuer: what it was sent there with, and the token it brings back."""

    def __init__(self, house: House, provider: Provider) -> None:
        self.house, self.provider, self.person = house, provider, Person(house.url)
        page = self.person.get("/session?next=/edit/page/plan/a").text
        [link] = re.findall(r'href="(/session/issuer[^"]+)"', page)
        self.begun = self.person.get(link.replace("&amp;", "&"))
        query = parse_qs(urlsplit(self.begun.headers["location"]).query)
        self.sent = {name: values[0] for name, values in query.items()}
        self.changed: dict[str, object] = {}

        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            claims = {"aud": "kymgraph-web", "nonce": self.sent["nonce"], **self.changed}
            says(json.dumps({"id_token": provider.token(**claims)}).encode())(handler)

        provider.server.answers["/token"] = answer

    def back(self, **changed: str) -> httpx.Response:
        given = {"code": "c0de", "state": self.sent["state"], "iss": self.provider.issuer, **changed}
        return self.person.client.get("/session/callback", params=given, headers=self.person.headers)


def test_the_issuer_is_asked_with_pkce_state_and_nonce(house: House, provider: Provider) -> None:
    visit = Visit(house, provider)

    assert visit.begun.headers["location"].startswith(provider.server.at("/authorize?realm=kym&"))
    assert visit.sent["code_challenge_method"] == "S256"
    assert (visit.sent["client_id"], visit.sent["response_type"]) == ("kymgraph-web", "code")
    assert visit.sent["redirect_uri"] == house.url + "/session/callback"
    cookie = cookie_of(visit.begun, "kymgraph_signin")
    assert "SameSite=lax" in cookie
    assert "HttpOnly" in cookie


def test_whom_the_issuer_vouches_for_is_signed_in_and_led_on(house: House, provider: Provider) -> None:
    visit = Visit(house, provider)
    answer = visit.back()

    assert answer.status_code == 200
    assert 'content="0; url=/edit/page/plan/a?lang=fi"' in answer.text
    assert "c0de" not in answer.text
    assert "SameSite=strict" in cookie_of(answer)
    assert "muokkaaja" in faults_of(visit.person.get("/session").text)
    method, path, headers, body = next(one for one in reversed(provider.server.asked) if one[1] == "/token")
    asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    assert (method, path, asked["code"]) == ("POST", "/token", "c0de")
    assert 43 <= len(asked["code_verifier"]) <= 128
    assert headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("changed", "given"),
    [
        ({}, {"state": "other"}),
        ({}, {"iss": "https://evil.example"}),
        ({}, {"code": "", "error": "access_denied"}),
        ({"nonce": "other"}, {}),
        ({"nonce": None}, {}),
        ({"aud": "kymgraph-3"}, {}),
        ({"exp": 1}, {}),
        ({"roles": ["nobody"]}, {}),
    ],
)
def test_what_does_not_fit_signs_nobody_in(
    house: House, provider: Provider, changed: dict[str, object], given: dict[str, str]
) -> None:
    house.person()  # who signs in well starts counting anew
    visit = Visit(house, provider)
    visit.changed = changed
    answer = visit.back(**given)

    assert answer.status_code == 403
    assert "Organisaatiosi" in faults_of(answer.text) or "organisaation tunnuksella" in faults_of(answer.text)
    assert "kymgraph_session" not in visit.person.client.cookies


def test_another_browser_cannot_end_what_this_one_began(house: House, provider: Provider) -> None:
    visit = Visit(house, provider)
    visit.person.client.cookies.clear()

    assert visit.back().status_code == 403
