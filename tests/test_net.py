"""The one way out, against real servers on this machine: where it leads, and where it ends."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import ipaddress
import os
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kymgraph import net
from kymgraph.errors import FetchFailed, HostNotAllowed, InputError
from kymgraph.net import Client
from tests.localserver import Answer, Server, leads_to, says


@pytest.fixture
def server() -> Iterator[Server]:
    with contextlib.closing(Server()) as running:
        yield running


@pytest.fixture
def other() -> Iterator[Server]:
    with contextlib.closing(Server()) as running:
        yield running


class Names:
    """A resolver that gives the answers it was told, one after the other, and counts."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


# --- whom one may ask -----------------------------------------------------------------------------------


def test_a_listed_host_is_asked(server: Server) -> None:
    server.answers["/a"] = says(b"hei", headers={"Content-Type": "Text/Turtle; charset=utf-8", "ETag": '"1"'})

    answer = Client([server.listed]).get(server.at("/a?q=1#f"), headers={"Accept": "text/turtle"})

    assert (answer.status, answer.body, answer.media_type) == (200, b"hei", "text/turtle")
    assert (answer.url, answer.headers["etag"]) == (server.at("/a?q=1#f"), '"1"')
    method, path, headers, _ = server.asked[0]
    assert (method, path, headers["host"], headers["accept"]) == (
        "GET",
        "/a?q=1",
        server.listed,
        "text/turtle",
    )
    assert headers["user-agent"].startswith("kymgraph/")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",  # by another port only
        "http://localhost:{port}/",  # by another name only
        "http://0x7f000001:{port}/",
        "http://2130706433:{port}/",
        "http://127.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://user:secret@127.0.0.1:1/",
        "https://127.0.0.1/",
        "ftp://127.0.0.1:1/",
        "file:///etc/passwd",
        "//127.0.0.1:1/",
        "gopher://127.0.0.1:1/",
        "http://127.0.0.1:1@evil.example/",
        "http://evil.example#@127.0.0.1:1/",
        "",
    ],
)
def test_a_host_that_is_not_listed_is_not_asked(server: Server, url: str) -> None:
    client = Client(["127.0.0.1:1", "127.0.0.1:80"])

    with pytest.raises(HostNotAllowed, match="nothing was fetched") as refused:
        client.get(url.format(port=server.port))

    assert "secret" not in refused.value.message
    assert not client.allows(url.format(port=server.port))
    assert server.asked == []


def test_an_empty_list_allows_nobody(server: Server) -> None:
    with pytest.raises(HostNotAllowed, match=server.listed) as refused:
        Client([]).get(server.at("/"))

    assert f"KYMGRAPH_ALLOW_HOSTS={server.listed}" in (refused.value.hint or "")


def test_what_is_no_url_is_told(server: Server) -> None:
    for url in ("http://[::1", "http://127.0.0.1:99999/", "http://a b/"):
        with pytest.raises((FetchFailed, HostNotAllowed)):
            Client([server.listed]).get(url)


@pytest.mark.parametrize(
    "entry",
    ["example.org", "example.org:", "https://example.org:443", "a:0", "a:65536", "::1:80", "*:80", "a b:1"],
)
def test_an_entry_of_another_form_is_refused(entry: str) -> None:
    if entry == "*:80":
        assert not Client([entry]).allows("http://example.org/")  # no pattern, a name that nobody has
        return
    with pytest.raises(InputError, match="KYMGRAPH_ALLOW_HOSTS"):
        Client([entry])


def test_names_are_compared_in_one_form() -> None:
    client = Client(["Äly.example:443", "example.org:80", "[0:0::1]:80"])

    assert client.allows("https://äly.example/")
    assert client.allows("https://xn--ly-uia.EXAMPLE./x")
    assert client.allows("http://EXAMPLE.org")
    assert client.allows("http://[::1]/")
    assert not client.allows("http://example.org:443/")
    assert not client.allows("http://sub.example.org/")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%lo", "fd00::1", "fec0::1", "ff02::1",
     "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1", "192.0.2.1", "2001:db8::1"],
)  # fmt: skip
def test_a_name_that_leads_to_an_address_of_this_network_is_not_asked(address: str) -> None:
    names = Names([address])
    client = Client(["example.org:80"], resolve=names)

    with pytest.raises(HostNotAllowed, match="not public") as refused:
        client.get("http://example.org/")

    assert address not in refused.value.message  # who asks does not learn our network
    assert names.asked == 1


def test_one_private_address_among_several_is_enough_to_refuse(server: Server) -> None:
    client = Client([f"example.org:{server.port}"], resolve=Names(["93.184.215.14", "127.0.0.1"]))

    with pytest.raises(HostNotAllowed):
        client.get(server.at("/", host="example.org"))

    assert server.asked == []


def test_a_private_address_is_reached_by_name_if_it_is_listed_itself(server: Server) -> None:
    server.answers["/"] = says()
    client = Client([f"fuseki.test:{server.port}", server.listed], resolve=Names(["127.0.0.1"]))

    assert client.get(server.at("/", host="fuseki.test")).body == b"hello"
    assert server.asked[0][2]["host"] == f"fuseki.test:{server.port}"


def test_localhost_is_resolved_like_any_name(server: Server) -> None:
    server.answers["/"] = says()

    with pytest.raises(HostNotAllowed):
        Client([f"localhost:{server.port}"]).get(server.at("/", host="localhost"))
    both = Client([f"localhost:{server.port}", server.listed, f"[::1]:{server.port}"])
    assert both.get(server.at("/", host="localhost")).status == 200


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(
    server: Server, other: Server
) -> None:
    """DNS rebinding: the second answer would lead elsewhere; nobody asks for it."""
    server.answers["/"] = says(b"checked")
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    client = Client([f"rebind.test:{server.port}", server.listed], resolve=names)

    assert client.get(server.at("/", host="rebind.test")).body == b"checked"
    assert names.asked == 1
    with pytest.raises(HostNotAllowed):  # a new request resolves anew, and checks anew
        client.get(server.at("/", host="rebind.test"))
    assert len(server.asked) == 1


def test_the_system_is_not_asked_for_the_name_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/"] = says()
    looked_up: list[object] = []
    real = socket.getaddrinfo

    def watched(host: object, *rest: object, **named: object) -> object:
        looked_up.append(host)
        return real(host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    client = Client([f"localhost:{server.port}", server.listed, f"[::1]:{server.port}"])

    client.get(server.at("/", host="localhost"))

    assert looked_up[0] == "localhost"
    # Afterwards only addresses are connected to, which are no names to look up.
    assert [ipaddress.ip_address(str(host)).is_loopback for host in looked_up[1:]]
    assert "localhost" not in looked_up[1:]


def test_the_next_checked_address_is_tried_where_the_first_does_not_answer(server: Server) -> None:
    server.answers["/"] = says()
    listed = [f"two.test:{server.port}", f"127.0.0.9:{server.port}", server.listed]

    answer = Client(listed, resolve=Names(["127.0.0.9", "127.0.0.1"])).get(server.at("/", host="two.test"))

    assert answer.body == b"hello"


@contextlib.contextmanager
def deaf(host: str, port: int = 0) -> Iterator[int]:
    """A port that neither lets anybody in nor turns them away."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):  # fill the queue of those who wait to be let in
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_an_address_that_swallows_everything_leaves_time_for_the_next(server: Server) -> None:
    server.answers["/"] = says()
    listed = [f"two.test:{server.port}", f"127.0.0.9:{server.port}", server.listed]
    client = Client(listed, resolve=Names(["127.0.0.9", "127.0.0.1"]))

    with deaf("127.0.0.9", server.port):
        assert client.get(server.at("/", host="two.test"), timeout=1).body == b"hello"


def test_a_name_that_does_not_resolve_is_a_failure() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    for resolve in (nowhere, lambda host, port: []):
        with pytest.raises(FetchFailed, match="nothing was fetched"):
            Client(["nowhere.example:80"], resolve=resolve).get("http://nowhere.example/")


# --- redirects ------------------------------------------------------------------------------------------


def test_a_redirect_to_a_listed_host_is_followed(server: Server, other: Server) -> None:
    server.answers["/a"] = leads_to("/b")
    server.answers["/b"] = leads_to(other.at("/c"), 307)
    other.answers["/c"] = says(b"there")

    client = Client([server.listed, other.listed])
    answer = client.get(server.at("/a"), headers={"Authorization": "Bearer secret"})

    assert (answer.body, answer.url) == (b"there", other.at("/c"))
    assert "authorization" in server.asked[1][2]
    assert "authorization" not in other.asked[0][2]  # meant for the first host alone


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_an_address_that_is_not_listed_is_refused(
    server: Server, other: Server, status: int
) -> None:
    server.answers["/"] = leads_to(other.at("/internal"), status)

    with pytest.raises(HostNotAllowed, match=other.listed):
        Client([server.listed]).get(server.at("/"))

    assert other.asked == []


def test_a_redirect_to_a_name_that_leads_to_a_private_address_is_refused(
    server: Server, other: Server
) -> None:
    server.answers["/"] = leads_to(other.at("/internal", host="inside.test"))
    client = Client([server.listed, f"inside.test:{other.port}"], resolve=Names(["127.0.0.1"]))

    with pytest.raises(HostNotAllowed, match="not public"):
        client.get(server.at("/"))

    assert other.asked == []


@pytest.mark.parametrize("where", ["file:///etc/passwd", "http://user:pw@127.0.0.1:{port}/x", "http://[bad"])
def test_a_redirect_to_something_else_is_refused(server: Server, where: str) -> None:
    server.answers["/"] = leads_to(where.format(port=server.port))

    with pytest.raises((HostNotAllowed, FetchFailed)):
        Client([server.listed]).get(server.at("/"))

    assert len(server.asked) == 1


def test_redirects_end(server: Server) -> None:
    for n in range(6):
        server.answers[f"/{n}"] = leads_to(f"/{n + 1}")
    server.answers["/6"] = says()
    client = Client([server.listed])

    assert client.get(server.at("/1")).body == b"hello"
    with pytest.raises(FetchFailed, match="5 redirects are followed"):
        client.get(server.at("/0"))
    with pytest.raises(FetchFailed, match="no redirects are followed"):
        client.get(server.at("/5"), redirects=0)


# --- surroundings ---------------------------------------------------------------------------------------


def test_proxies_and_passwords_of_the_environment_are_not_used(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.answers["/"] = says()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.at(""))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login maija password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    assert Client([server.listed]).get(server.at("/")).body == b"hello"

    assert other.asked == []
    assert "authorization" not in server.asked[0][2]


def test_a_body_is_sent(server: Server) -> None:
    server.answers["/sparql"] = says(b"{}")

    Client([server.listed]).request(
        "POST",
        server.at("/sparql"),
        body=b"query=ASK",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    method, _, headers, body = server.asked[0]
    assert (method, body, headers["content-type"]) == (
        "POST",
        b"query=ASK",
        "application/x-www-form-urlencoded",
    )


# --- TLS ------------------------------------------------------------------------------------------------


def certified(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server that bears this name, and of a client that believes whoever vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    return serving, ssl.create_default_context(cafile=file)


def test_the_certificate_is_held_against_the_name_though_an_address_is_connected_to(tmp_path: Path) -> None:
    serving, believing = certified("kym.test", tmp_path)
    asked_for: list[str | None] = []
    serving.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    with contextlib.closing(Server(context=serving)) as server:
        server.answers["/"] = says(b"safe")
        listed = [f"kym.test:{server.port}", f"fake.test:{server.port}", server.listed]

        good = Client(listed, resolve=Names(["127.0.0.1"]), tls=believing)
        assert good.get(server.at("/", "kym.test", "https")).body == b"safe"
        assert asked_for == ["kym.test"]
        for host in ("fake.test", "127.0.0.1"):
            with pytest.raises(FetchFailed, match="CERTIFICATE_VERIFY_FAILED"):
                good.get(server.at("/", host, "https"))
        with pytest.raises(FetchFailed, match="CERTIFICATE_VERIFY_FAILED"):
            Client(listed, resolve=Names(["127.0.0.1"])).get(server.at("/", "kym.test", "https"))
        assert len(server.asked) == 1


def test_https_does_not_lead_to_http(tmp_path: Path, other: Server) -> None:
    serving, believing = certified("kym.test", tmp_path)
    other.answers["/"] = says()
    with contextlib.closing(Server(context=serving)) as server:
        server.answers["/"] = leads_to(other.at("/"))
        listed = [f"kym.test:{server.port}", server.listed, other.listed]

        with pytest.raises(FetchFailed, match="from https to http"):
            Client(listed, resolve=Names(["127.0.0.1"]), tls=believing).get(
                server.at("/", "kym.test", "https")
            )

    assert other.asked == []


# --- limits ---------------------------------------------------------------------------------------------


def drips(handler: http.server.BaseHTTPRequestHandler, server: Server, head: bytes, drop: bytes) -> None:
    handler.wfile.write(head)
    while not server.over.wait(0.05):
        handler.wfile.write(drop)


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b""),  # never a byte
        (b"HTTP/1.1 200 OK\r\nx: ", b"x"),  # a header without end, each byte in time
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),  # a body that drips
        (b"HTTP/1.1 200 OK\r\n\r\n", b""),  # a body that never ends nor comes
    ],
)
def test_a_slow_server_is_left_at_the_deadline(server: Server, head: bytes, drop: bytes) -> None:
    server.answers["/"] = lambda handler: drips(handler, server, head, drop)

    began = time.monotonic()
    with pytest.raises(FetchFailed, match=r"more than 0\.5 s"):
        Client([server.listed]).get(server.at("/"), timeout=0.5)

    assert 0.4 < time.monotonic() - began < 1.5


def test_a_server_that_takes_no_connection_is_left_at_the_deadline() -> None:
    with deaf("127.0.0.1") as port:
        began = time.monotonic()
        with pytest.raises(FetchFailed, match=r"more than 0\.5 s"):
            Client([f"127.0.0.1:{port}"]).get(f"http://127.0.0.1:{port}/", timeout=0.5)

    assert time.monotonic() - began < 1.5


def test_a_resolver_that_does_not_answer_is_left_at_the_deadline() -> None:
    ended = threading.Event()

    def slow(host: str, port: int) -> list[str]:
        ended.wait(5)
        return ["127.0.0.1"]

    began = time.monotonic()
    with pytest.raises(FetchFailed, match="resolving slow"):
        Client(["slow.example:80"], resolve=slow, timeout=0.3).get("http://slow.example/")

    assert time.monotonic() - began < 1
    ended.set()


def test_redirects_and_body_share_one_deadline(server: Server) -> None:
    def later(handler: http.server.BaseHTTPRequestHandler) -> None:
        time.sleep(0.3)
        leads_to("/")(handler)

    server.answers["/"] = later

    with pytest.raises(FetchFailed, match=r"more than 0\.5 s"):
        Client([server.listed], timeout=0.5).get(server.at("/"))


def endless(packed: bytes | None) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if packed is not None:
            handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 10_000 if packed is None else packed)

    return answer


def test_a_body_that_comes_fast_but_never_ends_is_left_at_the_deadline(server: Server) -> None:
    server.answers["/"] = endless(None)

    with (
        pytest.raises(FetchFailed, match=r"more than 0\.3 s"),
        Client([server.listed]).stream("GET", server.at("/"), limit=10**15, timeout=0.3) as answer,
    ):
        for _ in answer.chunks:
            pass


@pytest.mark.parametrize(
    "packed",
    [None, gzip.compress(b"x" * 100_000), gzip.compress(b"")],
    ids=["plain", "packed", "packed-nothing"],
)
def test_an_endless_body_ends_at_the_limit(server: Server, packed: bytes | None) -> None:
    """Also one whose many small members unpack to nothing."""
    server.answers["/"] = endless(packed)

    with pytest.raises(FetchFailed, match="more than 100,000 bytes"):
        Client([server.listed]).get(server.at("/"), limit=100_000)


def test_a_body_of_the_limit_passes_and_one_byte_more_does_not(server: Server) -> None:
    server.answers["/plain"] = says(b"x" * 100_001)
    server.answers["/gzip"] = says(gzip.compress(b"x" * 100_001), headers={"Content-Encoding": "gzip"})
    client = Client([server.listed])

    for path in ("/plain", "/gzip"):
        assert len(client.get(server.at(path), limit=100_001).body) == 100_001
        with pytest.raises(FetchFailed, match="more than 100,000 bytes"):
            client.get(server.at(path), limit=100_000)


def test_a_gzip_bomb_is_never_held(server: Server) -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)  # 200 kB
    server.answers["/"] = says(bomb, headers={"Content-Encoding": "gzip"})
    client = Client([server.listed])
    client.allows(server.at("/"))

    tracemalloc.start()
    try:
        with pytest.raises(FetchFailed, match="more than 1,000,000 bytes"):
            client.get(server.at("/"), limit=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 5_000_000


def test_gzip_in_several_members_is_unpacked_whole(server: Server) -> None:
    text = os.urandom(150_000) + b"x" * 150_000
    packed = gzip.compress(text) + gzip.compress(b"second") + b"\0\0"
    server.answers["/"] = says(packed, headers={"Content-Encoding": "gzip"})

    assert Client([server.listed]).get(server.at("/")).body == text + b"second"


@pytest.mark.parametrize(
    "answer",
    [
        says(b"half", whole=False),
        says(gzip.compress(b"x" * 1000)[:-5], headers={"Content-Encoding": "gzip"}),
        says(b"no gzip", headers={"Content-Encoding": "gzip"}),
        says(b"x", headers={"Content-Encoding": "br"}),
        says(b"gone", 410),
        says(b"down", 500),
        lambda handler: handler.wfile.write(b"SSH-2.0-x\r\n\r\n"),
        lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000),
        lambda handler: None,
    ],
)
def test_an_answer_that_is_not_whole_or_not_good_is_a_failure(server: Server, answer: Answer) -> None:
    server.answers["/"] = answer

    with pytest.raises(FetchFailed) as failed:
        Client([server.listed]).get(server.at("/"), timeout=5)

    assert failed.value.code == "fetch-failed"
    assert "more than" not in failed.value.message


def test_nobody_listening_is_a_failure(server: Server) -> None:
    server.close()

    with pytest.raises(FetchFailed, match="could not be fetched"):
        Client([server.listed]).get(server.at("/"))


def test_a_status_may_be_asked_for_instead_of_raised(server: Server) -> None:
    server.answers["/"] = says(b"gone", 410)

    assert Client([server.listed]).get(server.at("/"), any_status=True).status == 410


def test_a_body_is_read_piece_by_piece_and_may_be_left(server: Server) -> None:
    server.answers["/"] = endless(None)

    with Client([server.listed]).stream("GET", server.at("/"), limit=10**12) as answer:
        first = next(answer.chunks)

    assert 0 < len(first) <= 65_536


def test_a_fault_of_the_reader_is_not_taken_for_one_of_the_network(server: Server) -> None:
    server.answers["/"] = says()

    with pytest.raises(OSError, match="disk is full"), Client([server.listed]).stream("GET", server.at("/")):
        raise OSError("disk is full")


def test_queries_are_not_told_in_messages(server: Server) -> None:
    server.answers["/"] = says(status=500)

    with pytest.raises(FetchFailed) as failed:
        Client([server.listed]).get(server.at("/?key=secret"))

    assert "secret" not in failed.value.message
    assert net.REDIRECTS == 5
