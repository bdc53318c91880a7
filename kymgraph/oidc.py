"""Bearer tokens of an OpenID Connect issuer: whom it vouches for, and which role they have here.

The rule: the key decides how a token is verified, never the token. A key of the issuer's set stands for one
algorithm (RS256, ES256 or EdDSA), and what a token's header says only has to agree. The set is fetched
through `kymgraph.net` and kept; a key that is not in it is looked for again once a minute at most. Of a
person nothing is kept but a salted hash of the issuer's name for them.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import ipaddress
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from kymgraph.access import ROLES, Principal, Role
from kymgraph.errors import FetchFailed, HostNotAllowed, InputError, NotAllowed, TokenInvalid
from kymgraph.net import Client

#: Seconds by which the issuer's clock and ours may differ.
LEEWAY: Final = 60
#: Seconds between two attempts to fetch the keys.
PAUSE: Final = 60.0
#: Seconds after which known keys are fetched again, so that a withdrawn one ends, and after which they are
#: no longer believed if that does not succeed.
FRESH: Final = 600.0
STALE: Final = 86_400.0

_LONGEST: Final = 16_384  # of a token, in characters
_DOCUMENT: Final = 500_000  # of the issuer's documents, in bytes
_SECONDS: Final = 5.0  # for each of them

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class _Key:
    algorithm: str
    public: PublicKey


@dataclass(frozen=True, slots=True)
class _Keys:
    """A set of keys as it was fetched."""

    by_id: Mapping[str | int, _Key] = field(default_factory=dict)  #: by name; one without, by its place
    fetched: float | None = None  #: by the clock given; None: never


class Issuer:
    """One issuer, for one audience. Threads may share it.

    `issuer` is its identifier, exactly as its tokens say it; `roles` are its roles and what each is here;
    `role_claim` holds a role or a list of them, and dots lead into nested claims. `salt` is `Access.salt()`.

    Raises InputError for an issuer that is neither https nor a listed address of this network, and for a
    mapping that gives nobody a role.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        roles: Mapping[str, Role],
        net: Client,
        salt: bytes,
        role_claim: str = "roles",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_url(issuer, "KYMGRAPH_OIDC_ISSUER")
        if not net.allows(issuer):
            raise InputError(
                f"the issuer {issuer} is not on the list of hosts that may be asked; nothing was started",
                hint="add it to KYMGRAPH_ALLOW_HOSTS as host:port",
            )
        if not audience or not roles:
            raise InputError(
                "an issuer takes KYMGRAPH_OIDC_AUDIENCE and KYMGRAPH_OIDC_ROLES too; nothing was started",
                hint="for example KYMGRAPH_OIDC_AUDIENCE=kymgraph KYMGRAPH_OIDC_ROLES=graph-editors=editor",
            )
        self.issuer, self.audience = issuer, audience
        self._roles, self._role_claim = dict(roles), role_claim
        self._net, self._salt, self._clock = net, salt, clock
        self._keys = _Keys()
        self._endpoints: tuple[str, str] | None = None
        self._tried: float | None = None
        self._fault: str | None = None
        self._fetching = threading.Lock()

    def authenticate(self, token: str) -> Principal:
        """Whom the issuer vouches for with this token.

        Raises TokenInvalid for a token that is not good here, NotAllowed for a good one of a person without a
        role here, FetchFailed if the issuer's keys are not known and cannot be fetched.
        """
        return self._person(self._claims(token, self.audience))

    def signed_in(self, token: str, *, client: str, nonce: str, access: str | None = None) -> Principal:
        """Who signed in here with a browser: the ID token made for `client`, with the nonce we gave.

        Their role stands in it or, as some issuers have it, in the access token. Raises as `authenticate`.
        """
        claims = self._claims(token, client)
        said = claims.get("nonce")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
            raise _invalid("it was not made for this attempt to sign in")
        try:
            return self._person(claims)
        except NotAllowed:
            if access is None or access.count(".") != 2:
                raise
            other = self._claims(access, self.audience)
            if other["sub"] != claims["sub"]:
                raise _invalid("its two tokens speak of two persons") from None
            return self._person(other)

    def endpoints(self) -> tuple[str, str]:
        """Where people sign in, and where a code becomes tokens. Raises FetchFailed."""
        self._current(None)
        if self._endpoints is None:
            raise FetchFailed("the issuer does not say where people sign in; nothing was done")
        return self._endpoints

    def _claims(self, token: str, audience: str) -> dict[str, Any]:
        """What a good token says. Raises TokenInvalid, FetchFailed."""
        key = self._key(*_header(token))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                audience=audience,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise _invalid("it has expired") from None
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:
            raise _invalid(_reason(error)) from None
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise _invalid("it names nobody")
        return claims

    def _person(self, claims: Mapping[str, Any]) -> Principal:
        slug = self.slug(claims["sub"])
        return Principal(f"oidc:{slug}", slug, self._role(claims), frozenset(), slug)

    def slug(self, subject: str) -> str:
        """What stands for a person of this issuer: the same each time, and no way back without the salt."""
        text = json.dumps([self.issuer, subject]).encode()
        digest = hmac.new(self._salt, text, hashlib.sha256).digest()
        return base64.b32encode(digest[:10]).decode("ascii").lower()

    def _role(self, claims: Mapping[str, Any]) -> Role:
        value: Any = claims.get(self._role_claim)
        if value is None:
            value = claims
            for part in self._role_claim.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
        theirs = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        ours = [self._roles[one] for one in theirs if isinstance(one, str) and one in self._roles]
        if not ours:
            raise NotAllowed(
                "nothing was done: the token is good, but its roles give no access here",
                hint="ask the operator for a role",
            )
        return max(ours, key=ROLES.index)

    # -- keys

    def _key(self, key_id: str | None, algorithm: str) -> _Key:
        """The key that a token has to be signed with. Raises TokenInvalid, FetchFailed."""
        keys = self._current(key_id)
        if key_id is None:
            # A set of one key needs no names; with several, none is tried on the off chance.
            fitting = [key for key in keys.by_id.values() if key.algorithm == algorithm]
            found = fitting[0] if len(fitting) == 1 else None
        else:
            found = keys.by_id.get(key_id)
        if found is None:
            raise _invalid("its key is not one of the issuer's")
        if found.algorithm != algorithm:
            raise _invalid(f"its key is not for {algorithm}")
        return found

    def _current(self, key_id: str | None) -> _Keys:
        """The issuer's keys, fetched if that may help."""
        keys = self._keys
        age = None if keys.fetched is None else self._clock() - keys.fetched
        known = age is not None and age < STALE
        if known and age is not None and age < FRESH and (key_id is None or key_id in keys.by_id):
            return keys
        # Whoever has keys at hand does not wait for another's fetch: a slow issuer must not hold up many.
        if not self._fetching.acquire(timeout=0 if known else 2 * _SECONDS):
            if known:
                return keys
            raise FetchFailed("the issuer's keys are still being fetched; nothing was done")
        try:
            now = self._clock()
            if self._tried is None or now - self._tried >= PAUSE:
                self._tried, self._fault = now, None
                try:
                    self._keys = _Keys(self._fetch(), self._clock())
                except FetchFailed as error:
                    self._fault = error.message
            keys = self._keys
            if keys.fetched is None or self._clock() - keys.fetched >= STALE:
                raise FetchFailed(
                    f"the issuer's keys are not to be had, so nobody it vouches for is let in "
                    f"({self._fault or 'tried a moment ago'}); nothing was done",
                    hint="try again in a minute",
                )
            return keys
        finally:
            self._fetching.release()

    def _fetch(self) -> dict[str | int, _Key]:
        """The issuer's signing keys by their ids, as discovery leads to them. Raises FetchFailed."""
        found = self._document(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != self.issuer:
            raise FetchFailed(
                f"the issuer calls itself {str(found.get('issuer'))[:200]!r}, not {self.issuer!r}"
            )
        address = found.get("jwks_uri")
        try:
            _check_url(address if isinstance(address, str) else "", "jwks_uri")
        except InputError as error:
            raise FetchFailed(error.message) from None
        self._endpoints = _endpoints(found)
        listed = self._document(str(address)).get("keys")
        keys: dict[str | int, _Key] = {}
        for number, entry in enumerate(listed if isinstance(listed, list) else []):
            if (key := _public_key(entry)) is not None:
                name = entry.get("kid")
                keys[name if isinstance(name, str) else number] = key
        if not keys:
            raise FetchFailed("the issuer shows no key for RS256, ES256 or EdDSA")
        return keys

    def _document(self, url: str) -> dict[str, Any]:
        try:
            answer = self._net.get(url, timeout=_SECONDS, limit=_DOCUMENT, redirects=0)
        except HostNotAllowed as error:
            raise FetchFailed(error.message) from None
        return _object(answer.body, url)


#: Seconds that somebody has for signing in at the issuer.
ATTEMPT: Final = 600


class CodeFlow:
    """Signing in with a browser through an issuer: the authorization code flow with PKCE (RFC 7636).

    What belongs to one attempt travels in a cookie of the browser, sealed with `key`: only the browser that
    began it can end it, and any front process can help it.
    """

    def __init__(
        self,
        issuer: Issuer,
        client: str,
        secret: str | None,
        *,
        net: Client,
        key: bytes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer, self._client, self._secret = issuer, client, secret
        self._net, self._clock = net, clock
        self._sealing = hmac.new(key, b"sign-in", hashlib.sha256).digest()

    def begin(self, redirect: str, next: str) -> tuple[str, str]:
        """Where to send the browser, and the cookie to give it; `redirect` is where it comes back to.

        Raises FetchFailed.
        """
        authorize, _ = self._issuer.endpoints()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": redirect,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": _base64(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        until = int(self._clock()) + ATTEMPT
        sealed = self._seal(json.dumps([state, nonce, verifier, redirect, next, until]).encode())
        return f"{authorize}{'&' if '?' in authorize else '?'}{urlencode(asked)}", sealed

    def finish(self, sealed: str, given: Mapping[str, str]) -> tuple[Principal, str]:
        """Who comes back with these parameters and that cookie, and where they wanted to go.

        Raises TokenInvalid for an attempt that is not this browser's, is over or was refused, and what
        `Issuer.signed_in` raises.
        """
        state, nonce, verifier, redirect, next, until = self._unseal(sealed)
        if not hmac.compare_digest(given.get("state", "").encode(), state.encode()) or until < self._clock():
            raise _invalid("this browser did not begin it, or it took too long")
        if given.get("iss", self._issuer.issuer) != self._issuer.issuer:  # RFC 9207
            raise _invalid("another issuer answers")
        if not given.get("code"):
            raise _invalid("the issuer did not let them in")
        tokens = self._exchange(given["code"], redirect, verifier)
        token, access = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(token, str):
            raise FetchFailed("the issuer gave no ID token; nothing was done")
        access = access if isinstance(access, str) else None
        return self._issuer.signed_in(token, client=self._client, nonce=nonce, access=access), next

    def _exchange(self, code: str, redirect: str, verifier: str) -> dict[str, Any]:
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": self._client,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if self._secret:
            pair = f"{quote(self._client, safe='')}:{quote(self._secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        _, address = self._issuer.endpoints()
        try:
            answer = self._net.request(
                "POST",
                address,
                headers=headers,
                body=urlencode(asked).encode(),
                timeout=_SECONDS,
                limit=_DOCUMENT,
                redirects=0,
            )
        except HostNotAllowed as error:
            raise FetchFailed(error.message) from None
        return _object(answer.body, address)

    def _seal(self, payload: bytes) -> str:
        return f"{_base64(payload)}.{_base64(hmac.new(self._sealing, payload, hashlib.sha256).digest())}"

    def _unseal(self, sealed: str) -> list[Any]:
        try:
            payload, mark = (base64.urlsafe_b64decode(part + "==") for part in sealed.split("."))
        except ValueError:
            raise _invalid("this browser did not begin it") from None
        if not hmac.compare_digest(hmac.new(self._sealing, payload, hashlib.sha256).digest(), mark):
            raise _invalid("this browser did not begin it")
        found: list[Any] = json.loads(payload)
        return found


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _endpoints(found: Mapping[str, Any]) -> tuple[str, str] | None:
    """The two addresses of signing in, if discovery tells both and they may be asked."""
    addresses = [found.get(name) for name in ("authorization_endpoint", "token_endpoint")]
    try:
        for one in addresses:
            _check_url(one if isinstance(one, str) else "", "an endpoint of the issuer")
    except InputError:
        return None
    return str(addresses[0]), str(addresses[1])


def _object(body: bytes, url: str) -> dict[str, Any]:
    """A body as a JSON object. Raises FetchFailed."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise FetchFailed(f"{url} is no JSON object")
    return document


def parse_roles(entries: Iterable[str]) -> dict[str, Role]:
    """The setting KYMGRAPH_OIDC_ROLES as a mapping. Raises InputError.

    >>> parse_roles(["graph-editors=editor"])
    {'graph-editors': 'editor'}
    """
    roles: dict[str, Role] = {}
    for entry in entries:
        theirs, _, ours = entry.rpartition("=")
        role = next((one for one in ROLES if one == ours.strip()), None)
        if not theirs.strip() or role is None:
            raise InputError(
                f"KYMGRAPH_OIDC_ROLES holds {entry!r}, which is not theirs=ours; nothing was started",
                hint=f"ours is one of {', '.join(ROLES)}",
            )
        roles[theirs.strip()] = role
    return roles


def _header(token: str) -> tuple[str | None, str]:
    """Key id and algorithm that a token names. Raises TokenInvalid for all that is not taken here."""
    if len(token) > _LONGEST:
        raise _invalid("it is too long")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _invalid("it is no JWT") from None
    key_id, algorithm = header.get("kid"), header.get("alg")
    if "crit" in header:
        raise _invalid("it asks for extensions")
    if algorithm not in ("RS256", "ES256", "EdDSA"):
        raise _invalid("it is signed in no way that is taken here (RS256, ES256, EdDSA)")
    if key_id is not None and not isinstance(key_id, str):
        raise _invalid("it is no JWT")
    return key_id, algorithm


def _public_key(entry: object) -> _Key | None:
    """A key of the set, if it is one that may sign tokens for us."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    # The algorithm follows from the key, so that nothing can be read as a secret of HS256.
    kinds: dict[tuple[object, object], str] = {
        ("RSA", None): "RS256",
        ("EC", "P-256"): "ES256",
        ("OKP", "Ed25519"): "EdDSA",
    }
    algorithm = kinds.get((entry.get("kty"), entry.get("crv")))
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        return None
    public: object = None
    with contextlib.suppress(jwt.PyJWTError, ValueError, TypeError, KeyError):
        public = jwt.PyJWK.from_dict({**entry, "alg": algorithm}).key
    if isinstance(public, RSAPublicKey) and public.key_size >= 2048:
        return _Key(algorithm, public)
    if isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1):
        return _Key(algorithm, public)
    return _Key(algorithm, public) if isinstance(public, Ed25519PublicKey) else None


def _check_url(url: str, what: str) -> None:
    """Keys come over https; over http only from an address of this network, which the operator lists."""
    parts = urlsplit(url)
    near = False
    with contextlib.suppress(ValueError):
        near = not ipaddress.ip_address(parts.hostname or "").is_global
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and near)):
        raise InputError(f"{what} is {url!r}, which is no https address; nothing was started")


def _invalid(why: str) -> TokenInvalid:
    return TokenInvalid(f"the issuer's token is not valid here: {why}; nothing was done")


def _reason(error: Exception) -> str:
    reasons: dict[type[Exception], str] = {
        jwt.InvalidAudienceError: "it was made for somebody else",
        jwt.InvalidIssuerError: "another issuer made it",
        jwt.ImmatureSignatureError: "it is not valid yet",
        jwt.InvalidIssuedAtError: "it does not say well when it was made",
        jwt.MissingRequiredClaimError: "a claim is missing",
        jwt.InvalidSignatureError: "its signature is wrong",
    }
    return next((text for kind, text in reasons.items() if isinstance(error, kind)), "it cannot be read")
