"""The one way out: HTTP requests to hosts that the operator lists, and to no others.

The rule: an address is checked, and then that very address is connected to. A name is resolved once per
request; what it resolves to must be public, or be listed itself as `ip:port`. Each redirect is checked anew.
Time, size, and what a compressed body unpacks to are limited, and the environment's proxies are not asked.
"""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import certifi
import httpcore
import httpx

from kymgraph import __version__
from kymgraph.errors import FetchFailed, HostNotAllowed, InputError

#: Seconds for a request, from resolving the name to the last byte, redirects and all.
TIMEOUT: Final = 10.0
#: Bytes of a body, unpacked.
LIMIT: Final = 10_000_000
REDIRECTS: Final = 5

#: Gives the addresses of a host name, best first.
Resolve: TypeAlias = Callable[[str, int], list[str]]

_ADDRESSES: Final = 4  # tried one after the other, if the first do not answer
_CHUNK: Final = 65_536
_ENTRY = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+):(\d{1,5})", re.IGNORECASE)
_FAULTS: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    OSError,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with its body, unpacked."""

    url: str  #: where it came from, after redirects
    status: int
    headers: Mapping[str, str]  #: names in lower case
    body: bytes

    @property
    def media_type(self) -> str:
        """The type of the body without its parameters, in lower case; empty if it is not told."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is yet to be read. Reading it raises FetchFailed where the limits are reached."""

    url: str  #: where it came from, after redirects
    status: int
    headers: Mapping[str, str]  #: names in lower case
    chunks: Iterator[bytes]  #: the body, unpacked; to be read once


class Client:
    """Requests to the hosts of one list. Holds no connection between two requests; threads may share it.

    `allowed` are `host:port` (an IPv6 address in brackets). A private, loopback or link-local address is
    reached only if it stands in the list itself, as `ip:port`, whatever name leads to it.

    Raises InputError for an entry of another form.
    """

    def __init__(
        self,
        allowed: Iterable[str],
        *,
        timeout: float = TIMEOUT,
        limit: int = LIMIT,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.allowed = frozenset(_entry(one) for one in allowed)
        self.timeout, self.limit = timeout, limit
        self._resolve = resolve or _resolve
        self._tls = tls

    def allows(self, url: str) -> bool:
        """Whether a request to this URL would be tried, as far as its text tells. Nothing is resolved."""
        try:
            self._listed(httpx.URL(url))
        except (HostNotAllowed, httpx.InvalidURL):
            return False
        return True

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        limit: int | None = None,
        redirects: int = REDIRECTS,
        any_status: bool = False,
    ) -> Response:
        """The answer to a GET; see `stream`."""
        return self.request(
            "GET",
            url,
            headers=headers,
            timeout=timeout,
            limit=limit,
            redirects=redirects,
            any_status=any_status,
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
        limit: int | None = None,
        redirects: int = REDIRECTS,
        any_status: bool = False,
    ) -> Response:
        """The answer to a request, in memory; see `stream`."""
        with self.stream(
            method,
            url,
            headers=headers,
            body=body,
            timeout=timeout,
            limit=limit,
            redirects=redirects,
            any_status=any_status,
        ) as answer:
            return Response(answer.url, answer.status, answer.headers, b"".join(answer.chunks))

    @contextlib.contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
        limit: int | None = None,
        redirects: int = REDIRECTS,
        any_status: bool = False,
    ) -> Iterator[Stream]:
        """Send a request and read its answer piece by piece inside the `with`.

        `timeout` is in seconds for all of it, `limit` in bytes of the unpacked body; both default to the
        client's. A status other than 2xx is FetchFailed unless `any_status`. It blocks: asyncio calls it in a
        thread.

        Raises HostNotAllowed for a host, or an address behind it, that is not on the list, before anything is
        sent there; FetchFailed for everything else that goes wrong.
        """
        ends = _Deadline(self.timeout if timeout is None else timeout)
        cap = self.limit if limit is None else limit
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise FetchFailed(f"{url[:200]!r} is no URL ({error}); nothing was fetched") from None
        name = shown(target)
        with contextlib.ExitStack() as stack:
            with _told(name, ends):
                response = self._send(stack, ends, method, target, headers or {}, body, redirects)
                if not any_status and not response.is_success:
                    raise FetchFailed(
                        f"{name} answered with status {response.status_code}; nothing was taken over"
                    )
            yield Stream(
                str(response.url),
                response.status_code,
                {key.lower(): value for key, value in response.headers.items()},
                _unpacked(response, name, cap, ends),
            )

    def _send(
        self,
        stack: contextlib.ExitStack,
        ends: _Deadline,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        body: bytes | None,
        redirects: int,
    ) -> httpx.Response:
        """The first answer that is no redirect, its body unread; closed with the stack."""
        client = stack.enter_context(
            httpx.Client(
                transport=_Transport(self, ends),
                trust_env=False,  # no proxies, no passwords from .netrc
                headers={"user-agent": f"kymgraph/{__version__}", "accept-encoding": "gzip"},
            )
        )
        request = client.build_request(method, url, headers=dict(headers), content=body)
        for left in range(redirects, -1, -1):
            response = client.send(request, stream=True)
            stack.callback(response.close)
            following = response.next_request
            if following is None:
                return response
            if request.url.scheme == "https" and following.url.scheme != "https":
                raise FetchFailed(f"{shown(url)} redirects from https to http; nothing was taken over")
            if left:
                response.close()
                request = following
        raise FetchFailed(
            f"{shown(url)} redirects, and {redirects or 'no'} redirects are followed; nothing was taken over"
        )

    # -- which addresses

    def _listed(self, url: httpx.URL) -> tuple[str, int]:
        """Host and port of a URL whose host is on the list. Raises HostNotAllowed."""
        host = _host(url)
        port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
        if url.scheme not in ("http", "https") or not host:
            raise HostNotAllowed(f"{shown(url)} is no address of the web; nothing was fetched")
        if url.userinfo:
            raise HostNotAllowed(f"{shown(url)} comes with a user name; nothing was fetched")
        if (host, port) not in self.allowed:
            raise HostNotAllowed(
                f"{_named(host, port)} is not on the list of hosts that may be asked; nothing was fetched",
                hint=f"the operator allows it with KYMGRAPH_ALLOW_HOSTS={_named(host, port)}",
            )
        return host, port

    def _addresses(self, url: httpx.URL, ends: _Deadline) -> list[str]:
        """What the host of a URL resolves to, all of it checked. Raises HostNotAllowed, FetchFailed."""
        host, port = self._listed(url)
        try:
            addresses = [str(ipaddress.ip_address(host))]
        except ValueError:
            addresses = ends.wait_for(lambda: self._resolve(host, port), f"resolving {host}")
        if not addresses:
            raise FetchFailed(f"{host} has no address; nothing was fetched")
        for address in addresses:
            if not _is_public(address) and (address, port) not in self.allowed:
                raise HostNotAllowed(
                    f"{_named(host, port)} leads to an address that is not public; nothing was fetched",
                    hint="the operator may list that address itself in KYMGRAPH_ALLOW_HOSTS, as ip:port",
                )
        return addresses[:_ADDRESSES]

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.load_verify_locations(certifi.where())  # beside the system's, which may have none
        return self._tls


class _Deadline:
    """The moment when a request has taken too long, whatever it is waiting for."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.left == 0

    def wait_for(self, call: Callable[[], list[str]], what: str) -> list[str]:
        """The result of a call that knows no time-out of its own. Raises FetchFailed."""
        results: queue.Queue[list[str] | Exception] = queue.Queue(1)

        def run() -> None:
            try:
                results.put(call())
            except Exception as error:
                results.put(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            result = results.get(timeout=self.left)
        except queue.Empty:
            raise FetchFailed(f"{what} took more than {self.seconds:g} s; nothing was fetched") from None
        if isinstance(result, OSError | UnicodeError):
            raise FetchFailed(f"{what} failed ({result}); nothing was fetched")
        if isinstance(result, Exception):
            raise result
        return result


class _Transport(httpx.BaseTransport):
    """Sends one request after the other, each over a connection of its own to an address that was checked.

    The URL keeps its host, so certificate, SNI and Host header speak of the name; only the socket does not.
    """

    def __init__(self, client: Client, ends: _Deadline) -> None:
        self._client, self._ends = client, ends
        self._open: list[httpcore.ConnectionPool] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.close()
        addresses = self._client._addresses(request.url, self._ends)
        pool = httpcore.ConnectionPool(
            ssl_context=self._client._context() if request.url.scheme == "https" else None,
            max_keepalive_connections=0,
            network_backend=_Backend(addresses, self._ends),
        )
        self._open.append(pool)
        assert isinstance(request.stream, httpx.SyncByteStream)
        answer = pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions={},
        )

    def close(self) -> None:
        while self._open:
            self._open.pop().close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore.NetworkBackend):
    """Connects to the addresses given, whatever host is asked for, and waits no longer than the deadline."""

    def __init__(self, addresses: list[str], ends: _Deadline) -> None:
        self._addresses, self._ends = addresses, ends
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        for left, address in zip(range(len(self._addresses), 0, -1), self._addresses, strict=True):
            try:
                # Not all the time for the first: a network without IPv6 may swallow it silently.
                stream = self._inner.connect_tcp(address, port, _some(self._ends.left / left))
                return _TimedStream(stream, self._ends)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise AssertionError("there is always an address")


class _TimedStream(httpcore.NetworkStream):
    """A connection each of whose waits ends at the deadline: a drip of bytes cannot prolong it."""

    def __init__(self, inner: httpcore.NetworkStream, ends: _Deadline) -> None:
        self._inner, self._ends = inner, ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._ends.passed:
            raise httpcore.ReadTimeout
        return self._inner.read(max_bytes, _some(self._ends.left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._ends.passed:
            raise httpcore.WriteTimeout
        self._inner.write(buffer, _some(self._ends.left))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(
            self._inner.start_tls(ssl_context, server_hostname, _some(self._ends.left)), self._ends
        )

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _some(seconds: float) -> float:
    return max(seconds, 0.001)  # zero would mean not to wait, and no time-out error


@contextlib.contextmanager
def _told(name: str, ends: _Deadline) -> Iterator[None]:
    """What goes wrong on the way, as ours."""
    try:
        yield
    except _FAULTS as error:
        if ends.passed or isinstance(error, httpcore.TimeoutException):
            raise FetchFailed(
                f"{name} took more than {ends.seconds:g} s; nothing was taken over", hint="try again later"
            ) from None
        raise FetchFailed(
            f"{name} could not be fetched ({str(error) or type(error).__name__}); nothing was taken over"
        ) from None


def _unpacked(response: httpx.Response, name: str, cap: int, ends: _Deadline) -> Iterator[bytes]:
    """The body, unpacked a bounded piece at a time: what a bomb would become is never held."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip"):
        raise FetchFailed(f"{name} sends its answer as {coding!r}, which was not asked for")
    unpack = _plain if coding in ("identity", "") else _Gunzip()
    raw = out = 0
    with _told(name, ends):
        for data in response.iter_raw(_CHUNK):
            raw += len(data)
            for piece in unpack(data):
                out += len(piece)
                if out > cap:
                    break
                yield piece
            if max(raw, out) > cap:  # raw: also of a body that unpacks to nothing
                raise FetchFailed(f"{name} sends more than {cap:,} bytes; nothing was taken over")
        if isinstance(unpack, _Gunzip) and raw and not unpack.whole:
            raise FetchFailed(f"{name} broke off its answer; nothing was taken over")


def _plain(data: bytes) -> Iterator[bytes]:
    yield data


class _Gunzip:
    """Unpacks gzip, of one member or several, in pieces of a bounded size."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)

    @property
    def whole(self) -> bool:
        return self._member.eof

    def __call__(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._member.decompress(data, _CHUNK)
            if piece:
                yield piece
            data = self._member.unconsumed_tail
            if self._member.eof:
                data = self._member.unused_data.lstrip(b"\0")
                if not data:
                    return
                self._member = zlib.decompressobj(31)
            elif not piece and not data:
                return


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _is_public(address: str) -> bool:
    """Whether an address is one of the open internet; one that wraps another is as private as that.

    >>> [_is_public(a) for a in ("93.184.215.14", "64:ff9b::5db8:d70e", "10.0.0.1", "64:ff9b::a00:1")]
    [True, True, False, False]
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64 or ip.ipv4_mapped:
            return _is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
        inner = ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip.is_site_local or (inner is not None and not _is_public(str(inner))):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def _entry(text: str) -> tuple[str, int]:
    """An entry of the list as host and port. Raises InputError.

    >>> _entry("Example.ORG:443"), _entry("[::1]:8080")
    (('example.org', 443), ('::1', 8080))
    """
    match = _ENTRY.fullmatch(text.strip())
    try:
        if match is None or not 0 < int(match[2]) <= 65_535:
            raise ValueError
        host = _host(httpx.URL(scheme="http", host=match[1]))
    except (ValueError, httpx.InvalidURL):
        raise InputError(
            f"KYMGRAPH_ALLOW_HOSTS holds {text!r}, which is not host:port; nothing was started",
            hint="write for example api.finto.fi:443,127.0.0.1:3030",
        ) from None
    return host, int(match[2])


def _host(url: httpx.URL) -> str:
    """The host of a URL in the one form in which hosts are compared: ASCII, lower case, short addresses."""
    host = url.raw_host.decode("ascii").lower().rstrip(".")
    with contextlib.suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    return host


def _named(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def shown(url: httpx.URL) -> str:
    """A URL for messages and logs: without a user's password, query and fragment, which may hold secrets."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))[:200]
