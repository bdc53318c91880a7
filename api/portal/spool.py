"""Files that people have sent and not decided on yet, in the folder `uploads` of the store.

The server keeps a checked file, so that what is confirmed is what was checked: a browser cannot send a file
again by itself, and one in a hidden field would make the page as large as the file. A file is kept for its
sender alone, for EXPIRY seconds at most and until it is decided on; its name is never part of a path.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from kymgraph.errors import Busy, CannotWrite, KymgraphError

FOLDER: Final = "uploads"
#: Bytes of one file.
LARGEST: Final = 20_000_000
#: Bytes of all files together.
TOTAL: Final = 500_000_000
#: Files that one person may have waiting; a further one takes the place of the oldest.
EACH: Final = 5
#: Seconds that a file waits.
EXPIRY: Final = 2 * 3600

_ID: Final = re.compile(r"[A-Za-z0-9_-]{20,40}")


class UploadGone(KymgraphError):
    """No file of this id waits for this person: it has expired, or it is another's."""

    code = "upload-gone"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that waits, and what its sender said of it."""

    id: str
    agent: str  #: slug of the sender
    name: str  #: as the browser told it, made harmless
    sha256: str
    size: int
    graph: str  #: name or IRI; "" for none
    mode: str  #: what RDF does to its graphs
    sent: float  #: seconds since 1970


class Spool:
    """The files of one store."""

    def __init__(self, store: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._now = store / FOLDER, clock

    def keep(self, data: bytes, *, agent: str, name: str, graph: str, mode: str) -> Upload:
        """Keep a file. Raises Busy while too many wait, CannotWrite."""
        id = secrets.token_urlsafe(18)
        digest = hashlib.sha256(data).hexdigest()
        made = Upload(id, agent, harmless(name), digest, len(data), graph, mode, self._now())
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room(agent, len(data))
            place = self._folder / id
            place.mkdir(mode=0o700)
            (place / "file").write_bytes(data)
            (place / "about.new").write_text(json.dumps(asdict(made)), "utf-8")
            (place / "about.new").replace(place / "about")
        except OSError as error:
            raise CannotWrite(f"the file could not be kept: {error.strerror}; nothing was changed") from None
        return made

    def find(self, id: str, agent: str) -> Upload:
        """The file of this id, for its sender alone. Raises UploadGone."""
        found = self._read(id)
        if found is None or found.agent != agent or found.sent + EXPIRY < self._now():
            raise UploadGone("nothing was done: no file of yours waits under this address")
        return found

    def data(self, upload: Upload) -> bytes:
        """The bytes of a file, which are those that were sent. Raises UploadGone."""
        try:
            data = (self._folder / upload.id / "file").read_bytes()
        except OSError:
            raise UploadGone("nothing was done: the file is not kept any more") from None
        if hashlib.sha256(data).hexdigest() != upload.sha256:
            raise UploadGone("nothing was done: the file is not the one that was checked")
        return data

    def discard(self, upload: Upload) -> None:
        """Forget a file."""
        shutil.rmtree(self._folder / upload.id, ignore_errors=True)

    def written(self, upload: Upload, result: Mapping[str, Any]) -> None:
        """Remember what came of a file, and forget its bytes."""
        place = self._folder / upload.id
        with contextlib.suppress(OSError):
            (place / "result.new").write_text(json.dumps(result), "utf-8")
            (place / "result.new").replace(place / "result")
            (place / "file").unlink(missing_ok=True)

    def done(self, upload: Upload) -> Mapping[str, Any] | None:
        """What came of a file; None while it waits."""
        try:
            found: dict[str, Any] = json.loads((self._folder / upload.id / "result").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found

    # -- room

    def _read(self, id: str) -> Upload | None:
        if not _ID.fullmatch(id):
            return None
        try:
            return Upload(**json.loads((self._folder / id / "about").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _make_room(self, agent: str, size: int) -> None:
        """Forget what has expired, and the oldest of somebody who has too many. Raises Busy."""
        now = self._now()
        waiting: list[Upload] = []
        for place in self._folder.iterdir():
            found = self._read(place.name)
            if found is not None and found.sent + EXPIRY >= now:
                waiting.append(found)
            elif found is not None or place.stat().st_mtime + EXPIRY < now:
                shutil.rmtree(place, ignore_errors=True)
        own = sorted((one for one in waiting if one.agent == agent), key=lambda one: one.sent)
        for one in own[: max(0, len(own) - EACH + 1)]:
            self.discard(one)
            waiting.remove(one)
        if sum(one.size for one in waiting) + size > TOTAL:
            raise Busy("nothing was kept: too many files of others wait for their senders", hint="try later")


def harmless(name: str) -> str:
    r"""A file's name as it may be shown: its last part, one line, nothing that turns the writing round.

    >>> harmless("C:\\data\\hanke\u202excod.xlsx"), harmless("../../etc/passwd"), harmless("")
    ('hankexcod.xlsx', 'passwd', 'file')
    """
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(char for char in last if char.isprintable()).strip(" .")
    if len(shown) > 100:
        stem, dot, suffix = shown.rpartition(".")
        shown = f"{stem[: 99 - len(suffix)]}.{suffix}" if dot and len(suffix) < 20 else shown[:100]
    return shown or "file"
