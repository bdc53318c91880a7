"""Files of the pages: compressed on the way, and kept for good where the name changes with the content."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(__file__).parent / "static"
#: Where the front-end build puts files under names of their content.
_BUILT: Final = "dist/assets/"
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
#: Below this many bytes compressing costs more than it saves.
_GZIP_FROM: Final = 600


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        if path.replace("\\", "/").startswith(_BUILT) and answer.status_code in (200, 304):
            answer.headers["cache-control"] = _FOR_GOOD
        return answer


def static_files() -> GZipMiddleware:
    """The application that answers under `/static`."""
    return GZipMiddleware(_Files(directory=FOLDER), minimum_size=_GZIP_FROM)
