"""Tokens of an issuer, against a real one on this machine: which are good, and whose keys count."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from kymgraph.access import Role
from kymgraph.errors import FetchFailed, InputError, NotAllowed, TokenInvalid
from kymgraph.net import Client
from kymgraph.oidc import PAUSE, STALE, Issuer, parse_roles
from tests.localserver import Server, leads_to, says

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
SALT = b"s" * 32
ROLES: dict[str, Role] = {"graph-editors": "editor", "graph-admins": "admin"}


def jwk(key: Any, **members: object) -> dict[str, Any]:
    """A public key as an entry of a key set."""
    kinds: list[tuple[type, Any]] = [
        (rsa.RSAPrivateKey, jwt.algorithms.RSAAlgorithm),
        (ec.EllipticCurvePrivateKey, jwt.algorithms.ECAlgorithm),
        (ed25519.Ed25519PrivateKey, jwt.algorithms.OKPAlgorithm),
        (ed448.Ed448PrivateKey, jwt.algorithms.OKPAlgorithm),
    ]
    kind = next(algorithm for of, algorithm in kinds if isinstance(key, of))
    made: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
    made.pop("key_ops", None)
    return made | members


class Provider:
    """An OpenID Connect issuer: discovery and key set over HTTP, and tokens as it would make them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.issuer = server.at("/realms/kym")
        self.keys = [jwk(RSA, kid="rsa", use="sig", alg="RS256"), jwk(EC, kid="ec"), jwk(ED, kid="ed")]
        self.discovery: dict[str, Any] = {"issuer": self.issuer, "jwks_uri": server.at("/keys")}
        server.answers["/realms/kym/.well-known/openid-configuration"] = lambda handler: says(
            json.dumps(self.discovery).encode()
        )(handler)
        server.answers["/keys"] = self.answer_keys

    def answer_keys(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        says(json.dumps({"keys": self.keys}).encode())(handler)

    @property
    def fetched(self) -> int:
        return sum(path == "/keys" for _, path, _, _ in self.server.asked)

    def claims(self, **changed: object) -> dict[str, object]:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": "kymgraph", "sub": "3f1c-maija", "iat": now, "exp": now + 300,
            "roles": ["graph-editors", "something-else"],
        }  # fmt: skip
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(
        self, key: Any = RSA, algorithm: str = "RS256", kid: str | None = "rsa", **changed: object
    ) -> str:
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(self.claims(**changed), key, algorithm=algorithm, headers=headers)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> Iterator[Provider]:
    with contextlib.closing(Server()) as server:
        yield Provider(server)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(provider: Provider, clock: Clock) -> Issuer:
    return make(provider, clock)


def make(provider: Provider, clock: Clock, **given: Any) -> Issuer:
    net = Client([provider.server.listed])
    return Issuer(
        provider.issuer, "kymgraph", **{"roles": ROLES, "net": net, "salt": SALT, "clock": clock} | given
    )


def raw(header: dict[str, object], claims: dict[str, object], signature: bytes | None = None) -> str:
    """A token that no library would make."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return ".".join(
        [part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(signature or b"")]
    )


# --- good tokens ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"), [(RSA, "RS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")]
)
def test_a_good_token_gives_role_and_pseudonym(
    provider: Provider, issuer: Issuer, key: Any, algorithm: str, kid: str
) -> None:
    principal = issuer.authenticate(provider.token(key, algorithm, kid))

    assert (principal.role, principal.graphs) == ("editor", frozenset())
    assert principal.id == f"oidc:{principal.agent_slug}"
    assert len(principal.agent_slug) == 16
    assert "maija" not in repr(principal)


def test_the_pseudonym_is_of_the_person_the_issuer_and_the_store(
    provider: Provider, issuer: Issuer, clock: Clock
) -> None:
    slug = issuer.authenticate(provider.token()).agent_slug

    assert issuer.authenticate(provider.token(EC, "ES256", "ec", roles="graph-admins")).agent_slug == slug
    assert issuer.authenticate(provider.token(sub="another")).agent_slug != slug
    assert make(provider, clock, salt=b"t" * 32).authenticate(provider.token()).agent_slug != slug


@pytest.mark.parametrize(
    ("claim", "value", "role"),
    [
        ("roles", ["graph-editors", "graph-admins"], "admin"),
        ("roles", "graph-editors", "editor"),
        ("groups", ["graph-editors"], "editor"),
        ("realm_access.roles", {"roles": ["graph-admins"]}, "admin"),
        ("https://kym.example/roles", ["graph-admins"], "admin"),
    ],
)
def test_roles_are_read_where_the_settings_say(
    provider: Provider, clock: Clock, claim: str, value: object, role: str
) -> None:
    issuer = make(provider, clock, role_claim=claim)
    name = "realm_access" if claim == "realm_access.roles" else claim

    assert issuer.authenticate(provider.token(**{"roles": None, name: value})).role == role


@pytest.mark.parametrize(
    "value",
    [None, [], "", "admin", ["editor"], ["graph-editors-2"], 7, {"graph-editors": 1}, [["graph-editors"]]],
)
def test_a_good_token_without_a_role_here_is_not_allowed(
    provider: Provider, issuer: Issuer, value: object
) -> None:
    """The issuer's `admin` is no admin here unless the settings say so."""
    with pytest.raises(NotAllowed, match="the token is good"):
        issuer.authenticate(provider.token(roles=value))


def test_an_audience_may_be_one_of_several(provider: Provider, issuer: Issuer) -> None:
    issuer.authenticate(provider.token(aud=["other", "kymgraph"]))


def test_clocks_may_differ_by_a_minute(provider: Provider, issuer: Issuer) -> None:
    now = int(time.time())

    issuer.authenticate(provider.token(exp=now - 50))
    issuer.authenticate(provider.token(nbf=now + 50, iat=now + 50))


# --- bad tokens -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "kymgraph-2"}, "for somebody else"),
        ({"aud": "KYMGRAPH"}, "for somebody else"),
        ({"aud": ["other"]}, "for somebody else"),
        ({"aud": None}, "a claim is missing"),
        ({"iss": "http://127.0.0.1:1/realms/kym"}, "another issuer"),
        ({"iss": None}, "a claim is missing"),
        ({"exp": None}, "a claim is missing"),
        ({"iat": None}, "a claim is missing"),
        ({"sub": None}, "a claim is missing"),
        ({"sub": ""}, "names nobody"),
        ({"exp": -70}, "it has expired"),
        ({"nbf": +70}, "not valid yet"),
        ({"iat": +70}, "not valid yet"),
    ],
)
def test_a_claim_that_does_not_fit_is_refused(
    provider: Provider, issuer: Issuer, changed: dict[str, Any], why: str
) -> None:
    times = {
        k: int(time.time()) + v for k, v in changed.items() if k in ("exp", "nbf", "iat") and v is not None
    }

    with pytest.raises(TokenInvalid, match=why):
        issuer.authenticate(provider.token(**changed | times))


def test_an_issuer_is_compared_exactly(provider: Provider, issuer: Issuer) -> None:
    with pytest.raises(TokenInvalid, match="another issuer"):
        issuer.authenticate(provider.token(iss=provider.issuer + "/"))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
def test_a_token_that_is_not_signed_is_refused(provider: Provider, issuer: Issuer, algorithm: str) -> None:
    for kid in ("rsa", "ec", "ed", None):
        header: dict[str, object] = {"alg": algorithm, "typ": "JWT"} | ({} if kid is None else {"kid": kid})
        with pytest.raises(TokenInvalid):
            issuer.authenticate(raw(header, provider.claims()))


def test_the_public_key_is_no_secret(provider: Provider, issuer: Issuer) -> None:
    """HS256 with what everybody can fetch, in each form in which it could be taken for a secret."""
    public = RSA.public_key()
    forms = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        json.dumps(provider.keys[0]).encode(),
        b"",
    ]
    for secret in forms:
        for kid in ("rsa", None):
            header: dict[str, object] = {"alg": "HS256"} | ({} if kid is None else {"kid": kid})
            signed = raw(header, provider.claims()).rpartition(".")[0]
            signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            with pytest.raises(TokenInvalid, match="signed in no way"):
                issuer.authenticate(raw(header, provider.claims(), signature))


def test_a_key_serves_its_own_algorithm_alone(provider: Provider, issuer: Issuer) -> None:
    for key, algorithm, kid in ((RSA, "RS256", "ec"), (EC, "ES256", "rsa"), (ED, "EdDSA", "rsa")):
        with pytest.raises(TokenInvalid, match=f"not for {algorithm}"):
            issuer.authenticate(provider.token(key, algorithm, kid))
    for algorithm in ("RS384", "RS512", "PS256"):
        with pytest.raises(TokenInvalid, match="signed in no way"):
            issuer.authenticate(provider.token(RSA, algorithm, "rsa"))


def test_a_signature_of_another_key_is_refused(provider: Provider, issuer: Issuer) -> None:
    other = rsa.generate_private_key(65537, 2048)

    with pytest.raises(TokenInvalid, match="signature"):
        issuer.authenticate(provider.token(other))


def test_an_altered_token_is_refused(provider: Provider, issuer: Issuer) -> None:
    header, _, signature = provider.token().split(".")
    claims = raw({}, provider.claims(roles=["graph-admins"])).split(".")[1]

    with pytest.raises(TokenInvalid, match="signature"):
        issuer.authenticate(".".join([header, claims, signature]))


def test_a_key_that_comes_with_the_token_is_not_used(provider: Provider, issuer: Issuer) -> None:
    mine = rsa.generate_private_key(65537, 2048)
    headers = {
        "kid": "mine",
        "jwk": jwk(mine),
        "jku": provider.server.at("/mine"),
        "x5u": provider.server.at("/m"),
    }

    with pytest.raises(TokenInvalid, match="not one of the issuer's"):
        issuer.authenticate(jwt.encode(provider.claims(), mine, algorithm="RS256", headers=headers))

    assert {path for _, path, _, _ in provider.server.asked} == {
        "/realms/kym/.well-known/openid-configuration",
        "/keys",
    }


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c", "..", "....", "ä.ö.å", "x" * 20_000, "eyJ.eyJ.x" + "." * 5_000]
)
def test_what_is_no_token_is_refused_without_asking_anybody(
    provider: Provider, issuer: Issuer, token: str
) -> None:
    with pytest.raises(TokenInvalid):
        issuer.authenticate(token)

    assert provider.server.asked == []


def test_strange_headers_are_refused(provider: Provider, issuer: Issuer) -> None:
    for header in (
        {"alg": ["RS256"], "kid": "rsa"}, {"alg": None}, {}, {"alg": "RS256", "kid": 7},
        {"alg": "RS256", "kid": ["rsa"]}, {"alg": "RS256", "kid": "rsa", "crit": ["x"], "x": 1},
    ):  # fmt: skip
        with pytest.raises(TokenInvalid):
            issuer.authenticate(raw(header, provider.claims(), b"x"))  # type: ignore[arg-type]


def test_a_token_that_asks_for_extensions_is_refused(provider: Provider, issuer: Issuer) -> None:
    header: dict[str, object] = {"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": True}
    signed = raw(header, provider.claims()).rpartition(".")[0]
    signature = RSA.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())

    with pytest.raises(TokenInvalid, match="asks for extensions"):
        issuer.authenticate(raw(header, provider.claims(), signature))


def test_a_token_that_is_too_long_is_refused(provider: Provider, issuer: Issuer) -> None:
    issuer.authenticate(provider.token(groups="x" * 8_000))

    with pytest.raises(TokenInvalid, match="too long"):
        issuer.authenticate(provider.token(groups="x" * 16_000))


# --- keys -----------------------------------------------------------------------------------------------


def test_keys_are_fetched_once(provider: Provider, issuer: Issuer) -> None:
    for _ in range(5):
        issuer.authenticate(provider.token())

    assert provider.fetched == 1


def test_an_unknown_key_is_looked_for_at_most_once_a_minute(
    provider: Provider, issuer: Issuer, clock: Clock
) -> None:
    issuer.authenticate(provider.token())
    for seconds, fetched in ((0, 1), (PAUSE - 1, 1), (1, 2), (0, 2), (PAUSE, 3)):
        clock.now += seconds
        for _ in range(3):
            with pytest.raises(TokenInvalid, match="not one of the issuer's"):
                issuer.authenticate(provider.token(kid="unknown"))
        assert provider.fetched == fetched

    issuer.authenticate(provider.token())


def test_rotated_keys_take_over(provider: Provider, issuer: Issuer, clock: Clock) -> None:
    old = provider.token()
    issuer.authenticate(old)
    following = rsa.generate_private_key(65537, 2048)
    provider.keys = [jwk(following, kid="next")]
    clock.now += PAUSE

    assert issuer.authenticate(provider.token(following, kid="next")).role == "editor"
    with pytest.raises(TokenInvalid, match="not one of the issuer's"):
        issuer.authenticate(old)


def test_a_withdrawn_key_ends_though_no_new_one_is_used(
    provider: Provider, issuer: Issuer, clock: Clock
) -> None:
    issuer.authenticate(provider.token())
    provider.keys = provider.keys[1:]
    clock.now += 601

    with pytest.raises(TokenInvalid, match="not one of the issuer's"):
        issuer.authenticate(provider.token())


def test_without_a_key_id_the_one_key_that_fits_is_used(
    provider: Provider, issuer: Issuer, clock: Clock
) -> None:
    provider.keys = [jwk(RSA), jwk(EC)]
    assert issuer.authenticate(provider.token(kid=None)).role == "editor"
    assert issuer.authenticate(provider.token(EC, "ES256", kid=None)).role == "editor"

    provider.keys = [jwk(RSA), jwk(rsa.generate_private_key(65537, 2048))]
    clock.now += 601
    with pytest.raises(TokenInvalid):
        issuer.authenticate(provider.token(kid=None))


@pytest.mark.parametrize(
    "key",
    [
        jwk(RSA, kid="rsa", use="enc"),
        jwk(RSA, kid="rsa", alg="RSA-OAEP"),
        jwk(RSA, kid="rsa", key_ops=["encrypt"]),
        jwk(rsa.generate_private_key(65537, 1024), kid="rsa"),
        jwk(ec.generate_private_key(ec.SECP384R1()), kid="rsa"),
        jwk(ed448.Ed448PrivateKey.generate(), kid="rsa"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "rsa", "alg": "RS256"},
        {"kty": "RSA", "kid": "rsa", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "rsa"},
        "rsa",
    ],
)
def test_keys_that_are_not_for_this_are_left_out(provider: Provider, issuer: Issuer, key: object) -> None:
    provider.keys = [key, jwk(EC, kid="ec")]  # type: ignore[list-item]

    assert issuer.authenticate(provider.token(EC, "ES256", "ec")).role == "editor"
    with pytest.raises(TokenInvalid, match="not one of the issuer's"):
        issuer.authenticate(provider.token())


# --- an issuer that is not well -------------------------------------------------------------------------


def test_an_issuer_that_is_down_lets_nobody_in_and_is_asked_once_a_minute(
    provider: Provider, issuer: Issuer, clock: Clock
) -> None:
    provider.discovery = {}
    for _ in range(3):
        with pytest.raises(FetchFailed, match="nothing was done"):
            issuer.authenticate(provider.token())
    assert len(provider.server.asked) == 1

    provider.discovery = {"issuer": provider.issuer, "jwks_uri": provider.server.at("/keys")}
    clock.now += PAUSE
    assert issuer.authenticate(provider.token()).role == "editor"


def test_known_keys_outlast_an_issuer_that_went_down_for_a_day(
    provider: Provider, issuer: Issuer, clock: Clock
) -> None:
    issuer.authenticate(provider.token())
    provider.server.close()

    clock.now += STALE - 1
    assert issuer.authenticate(provider.token()).role == "editor"
    with pytest.raises(TokenInvalid):
        issuer.authenticate(provider.token(kid="unknown"))
    clock.now += PAUSE
    with pytest.raises(FetchFailed):
        issuer.authenticate(provider.token())


@pytest.mark.parametrize(
    "answer",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": "http://127.0.0.1:1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://keys.example/"},
        {"jwks_uri": None},
        {"jwks_uri": ["x"]},
        [],
    ],
)
def test_discovery_that_does_not_fit_is_refused(provider: Provider, issuer: Issuer, answer: Any) -> None:
    provider.discovery = provider.discovery | answer if isinstance(answer, dict) else answer

    with pytest.raises(FetchFailed):
        issuer.authenticate(provider.token())

    assert provider.fetched == 0


def test_keys_do_not_come_over_an_open_line(provider: Provider, clock: Clock) -> None:
    net = Client([provider.server.listed, "keys.example:80"], resolve=lambda host, port: ["127.0.0.1"])
    provider.discovery["jwks_uri"] = "http://keys.example/keys"

    with pytest.raises(FetchFailed, match="no https address"):
        make(provider, clock, net=net).authenticate(provider.token())


@pytest.mark.parametrize("path", ["/keys", "/realms/kym/.well-known/openid-configuration"])
def test_redirects_of_the_issuer_are_not_followed(provider: Provider, issuer: Issuer, path: str) -> None:
    provider.server.answers["/moved"] = provider.server.answers[path]
    provider.server.answers[path] = leads_to("/moved")

    with pytest.raises(FetchFailed, match="no redirects are followed"):
        issuer.authenticate(provider.token())


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"keys": 7}', b'{"keys": []}', b"[" * 100_000, b"x" * 600_000]
)
def test_a_key_set_that_cannot_be_read_is_a_failure(provider: Provider, issuer: Issuer, body: bytes) -> None:
    provider.server.answers["/keys"] = says(body)

    with pytest.raises(FetchFailed):
        issuer.authenticate(provider.token())


def test_who_has_keys_does_not_wait_for_a_slow_issuer(
    provider: Provider, issuer: Issuer, clock: Clock
) -> None:
    issuer.authenticate(provider.token())
    asked, go_on = threading.Event(), threading.Event()

    def slow(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked.set()
        go_on.wait(4)
        provider.answer_keys(handler)

    provider.server.answers["/keys"] = slow
    clock.now += PAUSE
    refused: list[Exception] = []

    def ask() -> None:
        try:
            issuer.authenticate(provider.token(kid="unknown"))
        except TokenInvalid as error:
            refused.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    assert asked.wait(4)

    began = time.monotonic()
    assert issuer.authenticate(provider.token()).role == "editor"
    with pytest.raises(TokenInvalid):
        issuer.authenticate(provider.token(kid="unknown-too"))
    assert time.monotonic() - began < 1
    go_on.set()
    waiting.join()
    assert len(refused) == 1


# --- settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "issuer", ["http://login.example/", "ftp://login.example", "login.example", "", "https://"]
)
def test_an_issuer_without_tls_is_refused(issuer: str) -> None:
    with pytest.raises(InputError, match="KYMGRAPH_OIDC_ISSUER"):
        Issuer(issuer, "kymgraph", roles=ROLES, net=Client(["login.example:80"]), salt=SALT)


def test_settings_that_let_nobody_in_are_refused() -> None:
    net = Client(["login.example:443"])
    with pytest.raises(InputError, match="not on the list"):
        Issuer("https://other.example", "kymgraph", roles=ROLES, net=net, salt=SALT)
    for audience, roles in (("", ROLES), ("kymgraph", {})):
        with pytest.raises(InputError, match="KYMGRAPH_OIDC_AUDIENCE"):
            Issuer("https://login.example/", audience, roles=roles, net=net, salt=SALT)


def test_the_mapping_of_roles_is_read() -> None:
    assert parse_roles(["a=editor", "https://x.example/?y=z=admin "]) == {
        "a": "editor",
        "https://x.example/?y=z": "admin",
    }
    for entry in ("editor", "=editor", "a=boss", "a="):
        with pytest.raises(InputError, match="KYMGRAPH_OIDC_ROLES"):
            parse_roles([entry])
