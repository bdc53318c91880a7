"""What the front-end build made: sheets and islands of pages by name, from Vite's manifest.

Sources stand in `api/web`: `styles/<name>.css` and `islands/<name>.ts`. The build writes to `api/static/dist`
under names that change with the content, so that browsers may keep the files for good.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup, escape

FOLDER: Final = Path(__file__).parent / "static" / "dist"


class Built:
    """Tags for built files: none for what was not built, and pages work without islands."""

    def __init__(self, root: str = "", folder: Path = FOLDER) -> None:
        self._address = f"{root}/static/dist/"
        manifest = folder / "manifest.json"
        self._files: Mapping[str, Any] = json.loads(manifest.read_text("utf-8")) if manifest.exists() else {}

    def style(self, name: str) -> Markup:
        """The link to the sheet `styles/<name>.css`; nothing if it was not built."""
        found = self._files.get(f"styles/{name}.css")
        return self._link(found["file"]) if found else Markup()

    def island(self, name: str) -> Markup:
        """The script `islands/<name>.ts` with the sheets that it imports; nothing if it was not built."""
        found = self._files.get(f"islands/{name}.ts")
        if not found:
            return Markup()
        sheets = Markup().join(self._link(file) for file in self._sheets(found, set()))
        return sheets + Markup('<script type="module" src="{}"></script>').format(
            self._address + found["file"]
        )

    def _sheets(self, entry: Mapping[str, Any], seen: set[str]) -> list[str]:
        files = list(entry.get("css", ()))
        for name in entry.get("imports", ()):
            if name not in seen:
                seen.add(name)
                files += self._sheets(self._files[name], seen)
        return list(dict.fromkeys(files))

    def _link(self, file: str) -> Markup:
        return Markup('<link rel="stylesheet" href="{}">').format(escape(self._address + file))
