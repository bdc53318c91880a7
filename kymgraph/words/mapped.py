"""simplemma's dictionaries, read once per machine and then mapped into memory.

Finding one's way in a packed dictionary takes simplemma a pass over millions of forms, seconds in each new
process. What that pass finds is kept in the user's cache folder; from then on a process maps the file, which
takes no time, and all processes share its memory. Without such a folder, or with a simplemma that works
otherwise, its own dictionaries are used as they are.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
import tempfile
from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

#: What a file of ours begins with; it changes with the layout.
_MAGIC: Final = b"kymgraph dictionary 1\n"
#: Where the numbers begin: beyond the head, which is one line of JSON.
_HEAD: Final = 512

#: Look-ups after which the first form of each block is held in memory.
_MANY: Final = 5_000

Look = Callable[[str], str | None]


@cache
def look_up(lang: str) -> Look:
    """The look-up of a language: a word form (letter case as in the language) to its lemma or None."""
    with contextlib.suppress(OSError, RuntimeError, ValueError, AttributeError, struct.error):
        return _Mapped(_path(lang)).get
    from simplemma.strategies.dictionaries import LOW_MEMORY_DICTIONARY_FACTORY

    own = LOW_MEMORY_DICTIONARY_FACTORY.get_dictionary(lang)
    with contextlib.suppress(OSError, RuntimeError, AttributeError, TypeError, ValueError):
        path = _path(lang)
        _write(path, own)
        return _Mapped(path).get
    return own.get


def _path(lang: str) -> Path:
    """Where the file of a language is kept."""
    home = os.environ.get("XDG_CACHE_HOME")
    folder = Path(home) if home else Path.home() / ".cache"
    return folder / "kymgraph" / f"simplemma-{version('simplemma')}-{lang}"


class _Mapped:
    """A dictionary in a mapped file: blocks of forms, each written as what differs from the one before."""

    def __init__(self, path: Path) -> None:
        from simplemma.strategies.dictionaries import frontcode

        self._records: Any = frontcode._iter_records  # a mapped file does for it where it asks for bytes
        with path.open("rb") as file:
            self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._file[: len(_MAGIC)] != _MAGIC:
            raise ValueError(f"{path} is no dictionary of ours")
        head = json.loads(self._file[len(_MAGIC) : _HEAD])
        if head["length"] != len(self._file):
            raise ValueError(f"{path} is cut off")
        self._reversed, self._blocks = bool(head["reversed"]), int(head["blocks"])
        self._firsts, self._seeds = int(head["firsts"]), int(head["seeds"])
        self._asked = 0
        self._list: list[bytes] | None = None
        self._texts, self._data = int(head["texts"]), int(head["data"])

    def get(self, form: str) -> str | None:
        target = form.encode()
        if self._reversed:
            target = target[::-1]
        if self._list is not None:
            block = bisect_right(self._list, target) - 1
        else:
            block = bisect_right(range(self._blocks), target, key=self._first) - 1
            self._asked += 1
            if self._asked == _MANY:  # who asks so much is indexing, and a list in memory is quicker
                self._list = [self._first(number) for number in range(self._blocks)]
        if block < 0:
            return None
        offset, key_at, key_length, value_at, value_length = struct.unpack_from(
            "<5I", self._file, self._seeds + 20 * block
        )
        key = self._text(key_at, key_length)
        value = self._text(value_at, value_length)
        for _, stored, lemma in self._records(self._file, self._data + offset, key, value):
            if stored == target:
                found: bytes = lemma[::-1] if self._reversed else lemma
                return found.decode()
            if stored > target:
                return None
        return None

    def _first(self, block: int) -> bytes:
        return self._text(*struct.unpack_from("<2I", self._file, self._firsts + 8 * block))

    def _text(self, at: int, length: int) -> bytes:
        return self._file[self._texts + at : self._texts + at + length]


def _write(path: Path, own: Any) -> None:
    """Keep what simplemma has found out about one of its dictionaries."""
    texts = bytearray()

    def place(text: bytes) -> tuple[int, int]:
        texts.extend(text)
        return len(texts) - len(text), len(text)

    firsts = b"".join(struct.pack("<2I", *place(first)) for first in own._firsts)
    seeds = b"".join(
        struct.pack("<5I", offset, *place(key), *place(value)) for offset, key, value in own._blocks
    )
    parts = [firsts, seeds, bytes(texts), own._data]
    starts = [_HEAD + sum(map(len, parts[:number])) for number in range(5)]
    names = ("firsts", "seeds", "texts", "data", "length")
    head = dict(zip(names, starts, strict=True)) | {"reversed": own._rev, "blocks": len(own._firsts)}
    begin = _MAGIC + json.dumps(head).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(begin.ljust(_HEAD))
            file.writelines(parts)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
