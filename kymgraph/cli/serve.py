"""`kymgraph serve`: one command from files to a running endpoint."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import sys
import threading
import time
from typing import Annotated

import typer

from kymgraph.cli.common import Context, note, result


def command(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to bind to. Default: 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to bind to; 0 is any free one. Default: 8000.")
    ] = None,
) -> None:
    """Serve the graph over HTTP; builds the store first if there is none.

    Takes the very port that is asked for, or ends with status 2. Prints the address once a query has been
    answered. Ctrl-C ends it.

    kymgraph serve --port 8000
    """
    context: Context = ctx.obj
    settings = context.settings
    host, port = host or settings.host, settings.port if port is None else port
    # Bound before anything is built and handed to the server, so that nobody can take the port in between.
    with bind(host, port) as listener:
        prepare(context)
        context.store.check_whole()
        from kymgraph.writer import Supervisor

        # It holds the store's lock, so that nobody builds the store anew beneath the server.
        supervisor = Supervisor(
            context.project.folder,
            context.store.folder.absolute(),
            keep=settings.keep,
            deadline=settings.gate_timeout,
        )
        supervisor.start()
        try:
            _run(context, host, listener)
        finally:
            supervisor.stop()


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to that very port (for 0 to a free one). Raises PortTaken."""
    from kymgraph.errors import PortTaken

    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio switches Nagle's delay off only where the protocol is named; else each answer waits 40 ms.
        listener = socket.socket(family, kind, protocol)
        try:
            # What a server that has ended leaves behind does not count as taken; one that listens does.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise PortTaken(
            f"cannot serve on {host}:{port}: {error.strerror or error}; nothing was started",
            hint="stop what listens there, or choose another with --port (0: any free one)",
        ) from None
    return listener


def prepare(context: Context) -> None:
    """See that there is a store, and that it is the one the files make."""
    from kymgraph import files
    from kymgraph.cli.build import run

    store = context.store
    if not store.exists:
        note(f"no store in {store.folder} yet: building it")
        run(context)
        return
    changed = files.changed(store.manifest.files, files.digests(context.project))
    if not changed:
        return
    names = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
    if store.has_commits:
        from kymgraph.cli import import_
        from kymgraph.cli.changes import sentence

        note(f"files changed since the store last agreed with them ({names}): merging them into it")
        outcome = import_.run(context)
        if outcome is not None:
            note(sentence(outcome, context.lang))
    else:
        note(f"files changed since the store was built ({names}): building it again")
        run(context)


def _run(context: Context, host: str, listener: socket.socket) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    port = listener.getsockname()[1]
    # The application reads its settings from the environment, as it does in processes of its own.
    os.environ.update(
        KYMGRAPH_PROJECT=str(context.project.folder),
        KYMGRAPH_STORE=str(context.store.folder.absolute()),
        KYMGRAPH_HOST=host,
        KYMGRAPH_PORT=str(port),
    )
    config = uvicorn.Config(
        "api.app:app",
        host=host,
        port=port,
        http="api.http1:BoundedHttp",
        loop="asyncio",  # what is tested; another loop that happens to be installed is not
        ws="none",
        lifespan="on",
        workers=context.settings.front_workers,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
        log_config=_LOGGING,
    )
    server = uvicorn.Server(config)
    ended = threading.Event()
    threading.Thread(target=_announce, args=(host, port, ended), daemon=True).start()
    # uvicorn ends in good order and then raises the signal again; ending was what was asked for.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        if config.workers > 1:
            Multiprocess(config, sockets=[listener]).run()
        else:
            server.run(sockets=[listener])
            if not server.started:
                note("kymgraph: the server ended by itself; the lines above say why")
                raise typer.Exit(3)
    except KeyboardInterrupt:
        pass
    finally:
        ended.set()


def _announce(host: str, port: int, ended: threading.Event) -> None:
    """Print the address as soon as the server has answered a query."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    while not ended.is_set():
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(address, port, timeout=5)
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                shown = f"[{address}]" if ":" in address else address
                result(f"http://{shown}:{port}/\n")
                return
        time.sleep(0.05)


_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"generic": {"format": "%(levelname)s %(message)s"}},
    "handlers": {
        "console": {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
    },
    "loggers": {
        "uvicorn": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "kymgraph": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}

if sys.platform == "win32":  # pragma: no cover
    raise ImportError("kymgraph serves on Linux and macOS")
