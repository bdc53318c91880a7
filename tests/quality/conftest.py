"""A server that holds the files of the made catalogues, and the check of a catalogue that is a text."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kymgraph.net import Client
from kymgraph.quality.check import Check, from_quads
from kymgraph.quality.reading import Limits
from kymgraph.rdf import format_for, parse
from tests.localserver import Server, says

HERE = Path(__file__).parent
#: No pauses: the server is ours. And no waiting for what is made not to answer.
LIMITS = replace(Limits(), pause=0.0, url_seconds=5.0, page_seconds=5.0)

CheckText = Callable[..., Check]


@pytest.fixture(scope="session")
def files() -> Iterator[Server]:
    """Where http://files.example of the made catalogues is."""
    with contextlib.closing(Server()) as server:
        server.answers |= {"/a": says(), "/a.csv": says(), "/b.csv": says(), "/gone": says(b"", 404)}
        yield server


@pytest.fixture
def server() -> Iterator[Server]:
    with contextlib.closing(Server()) as running:
        yield running


@pytest.fixture(scope="session")
def whole(files: Server) -> str:
    """The catalogue that gets every point."""
    return at(files, (HERE / "whole.ttl").read_text("utf-8"))


@pytest.fixture(scope="session")
def check_text(files: Server) -> CheckText:
    """check_text("…", "ttl", folder=…): the check of a catalogue."""

    def check(text: str, format: str = "ttl", *, folder: Path | None = None, ask: bool = True) -> Check:
        quads = parse(text.encode(), format_for(format), base="http://x.example/catalog")
        return from_quads(quads, "catalogue", Client([files.listed]), folder=folder, ask=ask, limits=LIMITS)

    return check


def at(files: Server, text: str) -> str:
    """A made catalogue, its files where the server has them."""
    return text.replace("http://files.example", files.at(""))
