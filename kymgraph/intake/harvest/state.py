"""What a harvest keeps between its requests and between its runs: STORE/harvest/<graph>/.

- `run.jsonl`: the run that is not finished. Its first line says what it reads, each further one names an
  address that was answered; the next run for the same goes on from there.
- `pages/`: the last answer of each address with its ETag and date, so that it need not be sent again.
- `aside.json`: the records that the last finished run set aside, with the reasons.
- `lock`: held by the process that harvests into this graph.

All of it can be deleted at any time: the next run then asks for everything. The dataset does not depend on
it.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kymgraph.errors import CannotWrite, StoreLocked

#: Seconds after which an unfinished run is begun anew: a catalogue changes while we do not look.
OLDEST: Final = 6 * 3600.0


class Folder:
    """The files of one harvested graph. Use `locked` around everything else."""

    def __init__(self, store: Path, graph: str, *, wall: Callable[[], float] = time.time) -> None:
        self.path = store / "harvest" / graph.removeprefix("harvest/").replace("/", "~")
        self.graph = graph
        self._wall = wall
        self._answered: dict[str, None] = {}
        self._going_on = False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other harvests into the same graph away. Raises StoreLocked, CannotWrite."""
        with _writing(self.path):
            (self.path / "pages").mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            lock = (self.path / "lock").open("a")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreLocked(
                    f"another harvest into {self.graph} is going on; nothing was done",
                    hint="wait until it has ended",
                ) from None
            yield

    # -- the run

    def begin(self, about: Mapping[str, Any]) -> int:
        """Take up the unfinished run for the same catalogue and question, or begin one.

        Gives the number of addresses that were answered already.
        """
        self._answered, self._going_on = {}, False
        lines = self._lines()
        if lines and _says(lines[0], about) and 0 <= self._wall() - lines[0].get("began", 0) < OLDEST:
            urls = [str(line.get("url")) for line in lines[1:]]
            self._answered = dict.fromkeys(url for url in urls if self.kept(url) is not None)
            self._going_on = bool(self._answered)
        if not self._going_on:
            head = {**about, "began": self._wall()}
            self._put("run.jsonl", json.dumps(head, ensure_ascii=False).encode() + b"\n")
        return len(self._answered)

    def answered(self, url: str) -> bool:
        """Whether this run has the answer of an address already."""
        return url in self._answered

    def finish(self) -> None:
        """The run is done: forget it, and the pages that it did not need."""
        needed = {_name(url) for url in self._answered}
        with _writing(self.path):
            (self.path / "run.jsonl").unlink(missing_ok=True)
            for file in (self.path / "pages").iterdir():
                if file.name.partition(".")[0] not in needed:
                    file.unlink(missing_ok=True)

    def drop(self) -> None:
        """Forget the run: what it has read so far is of no use."""
        with _writing(self.path):
            (self.path / "run.jsonl").unlink(missing_ok=True)

    def _lines(self) -> list[dict[str, Any]]:
        found = []
        with contextlib.suppress(OSError):
            for line in (self.path / "run.jsonl").read_bytes().split(b"\n"):
                with contextlib.suppress(ValueError):  # the last one may be torn
                    if isinstance(read := json.loads(line), dict):
                        found.append(read)
        return found

    # -- pages

    def kept(self, url: str) -> tuple[dict[str, str], bytes] | None:
        """Head and body of the last good answer of an address."""
        try:
            packed = gzip.decompress((self.path / "pages" / f"{_name(url)}.gz").read_bytes())
            head, _, body = packed.partition(b"\n")
            read = json.loads(head)
        except (OSError, EOFError, ValueError):
            return None
        return (read, body) if isinstance(read, dict) and read.get("url") == url else None

    def keep(self, url: str, head: Mapping[str, str], body: bytes) -> None:
        """Keep a good answer, and note that this run has it."""
        packed = gzip.compress(json.dumps({**head, "url": url}).encode() + b"\n" + body, 1, mtime=0)
        self._put(f"pages/{_name(url)}.gz", packed)
        self.note(url)

    def note(self, url: str) -> None:
        """Note that this run has the answer of an address."""
        with _writing(self.path), (self.path / "run.jsonl").open("ab") as run:
            run.write(json.dumps({"url": url}).encode() + b"\n")
        self._answered[url] = None

    def forget(self, url: str) -> None:
        """Drop an answer that turned out to be unreadable: it is asked for again, and in full."""
        self._answered.pop(url, None)
        with _writing(self.path):
            (self.path / "pages" / f"{_name(url)}.gz").unlink(missing_ok=True)

    # -- what was set aside

    def set_aside(self, records: list[dict[str, Any]]) -> Path:
        """Write the list of records that were set aside; where it lies."""
        text = json.dumps(records, ensure_ascii=False, indent=2) + "\n"
        self._put("aside.json", text.encode())
        return self.path / "aside.json"

    def _put(self, name: str, data: bytes) -> None:
        """Write a file so that it is there as a whole or not at all."""
        with _writing(self.path):
            new = self.path / f"{name}.{secrets.token_hex(4)}.new"
            with new.open("wb") as file:
                file.write(data)
            new.replace(self.path / name)


def _says(line: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    return all(line.get(key) == value for key, value in about.items())


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite(
            f"the harvest cannot keep its state in {path} ({error.strerror}); the dataset is as it was"
        ) from None
