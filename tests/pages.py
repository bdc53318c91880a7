"""Pages of documentation whose commands are run: their blocks of code, and a shell to run them in.

A comment that the reader of the page does not see stands before each block:

- `<!-- file NAME -->`: the block is a file, written where the commands run;
- `<!-- run -->`, `<!-- run exit=1 -->`: the block is run (sh, python, or SPARQL by `kymgraph query -`) and
  must end with that status;
- `<!-- output -->`: what the run before it prints, both streams; `<!-- output numbers -->`: the same, but
  the numbers grow with the graph and are not compared. A run without an output must print nothing;
- `<!-- not run: WHY -->`: the block is for the reader alone.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT, clean_environment

#: What a page shows in place of the test's own server and folder.
ADDRESS = "http://127.0.0.1:8000"
FOLDER = "/srv/kymgraph"
BLOCK = re.compile(
    r"(?:^<!-- (?P<marker>[^\n]*?) -->\n+)?^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.M | re.S
)
ASSIGNED = re.compile(r"^(?:export )?([A-Za-z_][A-Za-z0-9_]*)=", re.M)


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

    @property
    def status(self) -> int:
        """The status that a run must end with."""
        return int(self.about.removeprefix("exit=") or 0)


@dataclass(frozen=True, slots=True)
class House:
    """The project built and served once; pages run in `project`, or in copies of it."""

    project: Path
    url: str
    environment: dict[str, str]


@dataclass
class Session:
    """The shell of one reader: a variable that one block sets is there in the next ones, as are files.

    A variable is known to programs only if the page exports it, as in any shell. Each block stops at its
    first command that fails.
    """

    here: Path
    house: House
    environment: dict[str, str] = field(init=False)
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = dict(self.house.environment)

    def write(self, block: Block) -> None:
        """Write a file that the page shows."""
        (self.here / block.about).write_text(block.text, "utf-8")

    def run(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Run a block as the reader would: in the project's folder, with the server up."""
        text = block.text.replace(ADDRESS, self.house.url)
        if block.language == "sh":
            return self._shell(text)
        command = {
            "python": [sys.executable, "-c", text],
            "sparql": ["kymgraph", "query", "-"],
        }[block.language]
        return self._done(command, text if block.language == "sparql" else None)

    def _shell(self, text: str) -> subprocess.CompletedProcess[str]:
        names = sorted({*self.variables, *ASSIGNED.findall(text)})
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as left:
            # On leaving, whatever the status, the shell says what its programs would see, and its variables.
            says = ["env -0", 'printf "\\0"', *(f'printf "%s\\0" "{name}=${{{name}-}}"' for name in names)]
            script = [
                f"trap '{{ {'; '.join(says)}; }} > {left.name}' EXIT",
                *(f"{name}={shlex.quote(value)}" for name, value in self.variables.items()),
                text,
            ]
            done = self._done(["sh", "-eu", "-c", "\n".join(script)], None)
            environment, _, variables = left.read().partition("\0\0")
        self.variables = dict(line.split("=", 1) for line in variables.split("\0") if line)
        self.environment = dict(line.split("=", 1) for line in environment.split("\0") if line)
        return done

    def _done(self, command: list[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.here,
            env=self.environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    def shown(self, text: str) -> str:
        """What was printed, with the server and folder that the page shows."""
        return text.replace(self.house.url, ADDRESS).replace(str(self.here), FOLDER)


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


def pairs(inside: list[Block]) -> Iterator[tuple[Block, Block | None]]:
    """Each block with the one after it."""
    return zip(inside, [*inside[1:], None], strict=True)


def output_of(then: Block | None) -> str:
    """What the page shows after a run; nothing if the next block is no output."""
    return then.text if then is not None and then.does == "output" else ""


def plain(text: str, numbers: bool) -> list[str]:
    """Lines without space at their ends and without empty ones; with `numbers`, each number as N."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [re.sub(r"\d+(\.\d+)?", "N", line) for line in lines] if numbers else lines


def built(folder: Path) -> tuple[Path, dict[str, str]]:
    """A copy of the graph project with its store built, and an environment that knows `kymgraph`."""
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
    return project, environment
