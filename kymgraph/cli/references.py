"""Write the references in docs/ that are made from definitions: `python -m kymgraph.cli.references docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from kymgraph import settings


def pages() -> dict[str, str]:
    """File name -> text of each generated page."""
    return {"settings.md": settings.page()}


def main(folder: str = "docs") -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (Path(folder) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
