"""Servers on this machine for tests of what goes out: each path is answered by a function."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
from collections.abc import Callable

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server:
    """A server on 127.0.0.1 whose answers are functions; it remembers what it was asked."""

    def __init__(self, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {key.lower(): value for key, value in self.headers.items()}
                outer.asked.append((self.command, self.path, headers, body))
                with contextlib.suppress(OSError):
                    outer.answers[self.path.partition("?")[0]](self)
                self.close_connection = True

            do_GET = do_POST = do_HEAD = answer  # noqa: N815 (the names that http.server asks for)

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self.http = Quiet((host, 0), Handler)
        if context is not None:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port: int = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def at(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def listed(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self.over.set()
        self.http.shutdown()
        self.http.server_close()


def says(
    body: bytes = b"hello", status: int = 200, headers: dict[str, str] | None = None, *, whole: bool = True
) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body) if whole else len(body) + 10))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def leads_to(where: str, status: int = 302) -> Answer:
    return says(b"", status, {"Location": where})
