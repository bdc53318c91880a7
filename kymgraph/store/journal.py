"""The journal: every commit in order, in files that are only appended to. What is in here is never lost.

A record is one line of JSON, then exactly `length` bytes of RDF Patch. Files ("segments") are named after the
first commit in them. The one rule that tells an unfinished append from damage: a record says at which byte
its append began (`at`), and an append begins only after the one before it is on the disk. So what cannot be
read is the torn tail of the last append, unless a later append stands behind it; then it is damage, and
refused.

Quads of the ledger are not here: they are derived from the entry and its change, and derived again at replay.
"""

from __future__ import annotations

import bisect
import datetime
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kymgraph.changeset import Changeset, from_patch, to_patch
from kymgraph.errors import CommitNotFound, RdfSyntaxError, StoreBroken

#: A new segment is begun when the last one has reached this many bytes.
SEGMENT_BYTES: Final = 64 * 1024 * 1024
#: No header line is longer, in bytes; what is longer is no header.
MAX_HEADER: Final = 16 * 1024 * 1024
#: The generation that is built from files; commits are numbered from the next one on.
FIRST_GENERATION: Final = 1

_COMMIT, _ABORT = "commit", "abort"
_START = b'{"record":'


class JournalUnsure(OSError):
    """An append failed and could not be taken back: whether its commits are on the disk is not known.

    The process has to end without an answer; the next one to open the journal sees what is there.
    """


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal says about one commit, without its quads."""

    number: int  #: the commit, and the generation after it
    id: str  #: idempotency key: the same id is committed once
    time: str  #: UTC, ISO 8601 with milliseconds and Z
    agent: str  #: IRI of who answers for it; "" is nobody known
    source: str  #: IRI of what it was made from; "" is not known
    reason: str
    removed: int  #: number of quads
    added: int  #: number of quads
    graphs: tuple[str, ...]  #: IRIs of the named graphs touched, sorted
    digest: str  #: of the change (`Changeset.digest`)
    kind: str = "change"  #: change, revert, import, proposal or redaction
    more: Mapping[str, Any] = field(default_factory=dict)  #: free JSON
    #: IRIs of graphs that began to exist with it because it put quads there. Set by the writer; undoing the
    #: commit takes them away again.
    came: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TornTail:
    """What an append that did not end left at the end of a file; none of it was ever acknowledged."""

    file: Path
    offset: int
    length: int


@dataclass(slots=True)
class _Record:
    """A record as it lies in its segment."""

    header: dict[str, Any]
    offset: int
    body: int  #: where the patch begins
    end: int

    @property
    def numbers(self) -> list[int]:
        numbers = self.header["numbers"] if self.header["record"] == _ABORT else [self.header["number"]]
        return [int(number) for number in numbers]


class Journal:
    """The journal in one folder. Reading needs no lock; only one process may append, and says so.

    `limit` gives the last commit that the reader may know (readers beside a writer: the current generation).
    What is up to there is never taken back, so an index of it stays true; without a limit the journal is
    read to its end, as only the writer and the doctor do.

    Opening for writing cuts off a torn tail, unless it reaches into commits up to `known`, which somebody
    has seen: then it raises StoreBroken, as for any damage that is not at the end, with file and offset.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        writable: bool = False,
        limit: Callable[[], int] | None = None,
        known: int = 0,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.folder = Path(folder)
        self._limit = limit
        self._segment_bytes = segment_bytes
        self._writable = writable
        self._clear()
        if writable:
            self.folder.mkdir(exist_ok=True)
            self._refresh()
            if self.last < known:
                raise self.lacks(known)
            if self.torn is not None:
                self._cut_off(self.torn)

    def _clear(self) -> None:
        self._segments: list[Path] = []
        self._end = 0  # how far the last segment is indexed
        self._first = 0  # number of the first commit here; 0 before there is one
        self._where: list[tuple[Path, int]] = []  # of commit first + i
        self._times: list[str] = []  # likewise, never falling
        self._ids: dict[str, int] = {}
        #: The unfinished append at the end, if there is one.
        self.torn: TornTail | None = None

    # -- reading

    @property
    def last(self) -> int:
        """The number of the last commit here that was not aborted; FIRST_GENERATION without one."""
        self._refresh()
        return self._first + len(self._where) - 1 if self._where else FIRST_GENERATION

    @property
    def first(self) -> int | None:
        """The number of the first commit here."""
        self._refresh()
        return self._first if self._where else None

    def entries(self, after: int = 0, until: int | None = None) -> Iterator[Entry]:
        """Entries of the commits after one number, up to and with another, in order."""
        last = self.last
        until = last if until is None else min(until, last)
        for number in range(max(after + 1, self._first or until + 1), until + 1):
            yield self.entry(number)

    def entry(self, number: int) -> Entry:
        """The entry of one commit. Raises CommitNotFound, StoreBroken."""
        _, record = self._find(number)
        return _entry(record.header)

    def changeset(self, number: int) -> Changeset:
        """The change of one commit, as it was committed. Raises CommitNotFound, StoreBroken."""
        path, record = self._find(number)
        with path.open("rb") as file:
            file.seek(record.body)
            body = file.read(record.end - record.body)
        if _hash(record.header, body) != record.header["sha256"]:
            raise _damaged(path, record.offset, f"commit {number} is not what was written")
        try:
            return from_patch(body, name=f"commit {number}")
        except RdfSyntaxError as error:  # its hash is right, so this is no damage but another version's text
            raise _damaged(path, record.offset, f"commit {number} cannot be read: {error.message}") from None

    def by_id(self, id: str) -> Entry | None:
        """The commit that was made of the changeset with this id."""
        if not self._writable:  # who appends knows what there is
            self._refresh()
        number = self._ids.get(id)
        return None if number is None else self.entry(number)

    def number_at(self, time: datetime.datetime) -> int:
        """The last commit at or before a time (UTC if it names no zone); FIRST_GENERATION before the first.

        Where the clock was put back, a commit counts as no earlier than the one before it.
        """
        self._refresh()
        place = bisect.bisect_right(self._times, timestamp(time))
        return self._first + place - 1 if place else FIRST_GENERATION

    def verify(self) -> int:
        """Read everything and hold it against its hashes; gives the number of commits. Raises StoreBroken."""
        last = self.last
        for number in range(self._first, last + 1 if self._where else self._first):
            self.changeset(number)
        return len(self._where)

    def copy_to(self, folder: Path) -> None:
        """Copy the journal byte for byte, up to the last commit that this reader may know."""
        last = self.last
        folder.mkdir(mode=0o700)
        for path in self._segments:
            end = self._end if path == self._segments[-1] else path.stat().st_size
            with path.open("rb") as old, (folder / path.name).open("xb") as new:
                while end > 0 and (block := old.read(min(end, 1 << 20))):
                    new.write(block)
                    end -= len(block)
                new.flush()
                os.fsync(new.fileno())
        if Journal(folder).last != last:
            raise _damaged(self.folder, 0, "it changed while it was copied")
        fsync_folder(folder)

    def _find(self, number: int) -> tuple[Path, _Record]:
        last = self.last
        if not self._where or not self._first <= number <= last:
            kept = f"it has {self._first} to {last}" if self._where else "it has none yet"
            raise CommitNotFound(
                f"there is no commit {number} in the journal: {kept}",
                hint="`kymgraph log` lists the commits; generation 1 is the build from the files",
            )
        path, offset = self._where[number - self._first]
        try:
            with path.open("rb") as file:
                record = _read(file, offset, os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            raise _damaged(path, offset, "the file is gone") from None
        if record is None or record.header["record"] != _COMMIT or record.numbers != [number]:
            raise _damaged(path, offset, f"commit {number} is no longer there")
        return path, record

    # -- the index

    def _refresh(self) -> None:
        """Take into the index what was appended since."""
        limit = self._limit() if self._limit is not None else None
        if limit is not None and self._where and self._first + len(self._where) > limit:
            return  # the reader may know nothing newer
        while True:
            if not self._segments and not self._next_segment():
                return
            whole = self._scan(self._segments[-1], limit)
            if not whole or not self._next_segment():
                return

    def _next_segment(self) -> bool:
        later = self._later_segments()
        if later:
            self._segments.append(self.folder / later[0])
            self._end = 0
        return bool(later)

    def _later_segments(self) -> list[str]:
        known = self._segments[-1].name if self._segments else ""
        try:
            return sorted(path.name for path in self.folder.glob("*.journal") if path.name > known)
        except OSError:
            return []

    def _scan(self, path: Path, limit: int | None) -> bool:
        """Index records from where the last scan ended; false if it ended at a limit or a torn tail."""
        self.torn = None
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise _damaged(path, 0, "the file is gone") from None
        with file:
            size = os.fstat(file.fileno()).st_size
            last: list[_Record] = []  # of one append: only what the last one wrote can be torn
            offset = self._end
            while offset < size:
                record = _read(file, offset, size)
                if record is None:
                    break
                if limit is not None and record.header["record"] == _COMMIT and record.numbers[0] > limit:
                    self._take(path, last)
                    return False
                if last and record.header["at"] > last[0].header["at"]:
                    self._take(path, last)
                    last = []
                last.append(record)
                offset = record.end
            intact = [limit is not None or _intact(file, record) for record in last]
            good = intact.index(False) if False in intact else len(intact)
            self._take(path, last[:good])
            if self._end == size:
                return True
            if limit is None:
                file.seek(self._end)
                if self._later_segments() or _later_append(file.read(size - self._end), self._end):
                    raise _damaged(path, self._end, "what stands there is not what was written")
                self.torn = TornTail(path, self._end, size - self._end)
            return False

    def _take(self, path: Path, records: Iterable[_Record]) -> None:
        for record in records:
            self._take_one(path, record)
            self._end = record.end

    def _take_one(self, path: Path, record: _Record) -> None:
        if record.header["record"] == _ABORT:
            for number in sorted(record.numbers, reverse=True):
                if not self._where or number != self._first + len(self._where) - 1:
                    raise _damaged(path, record.offset, f"it takes back commit {number}, which is not last")
                self._where.pop()
                self._times.pop()
                self._ids = {id: known for id, known in self._ids.items() if known != number}
            return
        [number] = record.numbers
        if not self._where:
            self._first = number
        elif number != self._first + len(self._where):
            raise _damaged(
                path, record.offset, f"commit {number} follows {self._first + len(self._where) - 1}"
            )
        self._where.append((path, record.offset))
        time = str(record.header["time"])
        self._times.append(max(time, self._times[-1]) if self._times else time)
        self._ids[str(record.header["id"])] = number

    def lacks(self, known: int) -> StoreBroken:
        """That commits up to `known` were seen, but are not all here."""
        if self.torn is not None:
            return _damaged(
                self.torn.file, self.torn.offset, f"commit {self.last + 1}, which the store holds, ends there"
            )
        return StoreBroken(
            f"the journal in {self.folder} ends with commit {self.last}, but the store holds commits up to "
            f"{known}; nothing was changed",
            hint="put the missing files of the journal back from a backup; reading goes on meanwhile",
        )

    # -- writing

    def append(self, entries: Sequence[tuple[Entry, Changeset]]) -> None:
        """Write commits to the end; they are on the disk when this returns.

        Raises OSError with the journal as it was before, or JournalUnsure where not even that is sure.
        """
        self._write(
            [(_header(entry), to_patch(change)) for entry, change in entries],
            new_segment=entries[0][0].number,
        )

    def abort(self, numbers: Iterable[int]) -> None:
        """Take back the last commits, for good when this returns. Raises OSError, JournalUnsure."""
        numbers = sorted(numbers)
        if numbers:
            self._write([({"numbers": numbers}, b"")])

    def _write(self, records: Sequence[tuple[dict[str, Any], bytes]], new_segment: int | None = None) -> None:
        assert self._writable, "this journal was opened for reading"
        self._refresh()
        path = self._segment(new_segment)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            at = os.fstat(descriptor).st_size
            data = b"".join(_encode(header, body, at) for header, body in records)
            try:
                _write_all(descriptor, data)
                os.fsync(descriptor)
                if at == 0:
                    fsync_folder(self.folder)
            except BaseException as error:
                _take_back(descriptor, at, error)
                raise
        finally:
            os.close(descriptor)
        self._refresh()

    def _segment(self, new_segment: int | None) -> Path:
        if self._segments and (new_segment is None or self._end < self._segment_bytes):
            return self._segments[-1]
        path = self.folder / f"{new_segment or self.last:012}.journal"
        # A segment may have begun with a commit of this number that was aborted: then that one goes on.
        return path if not self._segments or path > self._segments[-1] else self._segments[-1]

    def _cut_off(self, torn: TornTail) -> None:
        descriptor = os.open(torn.file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, torn.offset)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.torn = None


# --- records --------------------------------------------------------------------------------------------

_FIELDS: Final = tuple(Entry.__slots__)


def _header(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _FIELDS}


def _entry(header: Mapping[str, Any]) -> Entry:
    values = {name: header[name] for name in _FIELDS if name in header}
    return Entry(**values | {name: tuple(values.get(name, ())) for name in ("graphs", "came")})


def _encode(header: dict[str, Any], body: bytes, at: int) -> bytes:
    kind = _COMMIT if "number" in header else _ABORT
    full = {"record": kind, "at": at, **header, "length": len(body)}
    return _line(full | {"sha256": _hash(full, body)}) + body


def _line(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _hash(header: Mapping[str, Any], body: bytes) -> str:
    """SHA-256 of the header line as it was without the hash, and of the patch."""
    bare = {name: value for name, value in header.items() if name != "sha256"}
    return hashlib.sha256(_line(bare) + body).hexdigest()


def _read(file: Any, offset: int, size: int) -> _Record | None:
    """The record at an offset, its body skipped; None if there is no whole one."""
    file.seek(offset)
    line: bytes = file.readline(MAX_HEADER)
    if not line.startswith(_START) or not line.endswith(b"\n"):
        return None
    try:
        header = json.loads(line)
        record = _Record(header, offset, offset + len(line), offset + len(line) + int(header["length"]))
        right = isinstance(header["sha256"], str) and header["at"] <= offset and header["length"] >= 0
        right = right and header["record"] in (_COMMIT, _ABORT) and bool(record.numbers)
        if header["record"] == _COMMIT:
            _entry(header)
    except (ValueError, KeyError, TypeError):
        return None
    return record if right and record.end <= size else None


def _intact(file: Any, record: _Record) -> bool:
    file.seek(record.body)
    return _hash(record.header, file.read(record.end - record.body)) == str(record.header["sha256"])


def _later_append(data: bytes, offset: int) -> bool:
    """Whether a whole record stands in `data`, cut at `offset`, that was appended after what begins there."""
    place = data.find(_START, 1)
    while place >= 0:
        line = data[place : data.find(b"\n", place) + 1]
        try:
            header = json.loads(line)
            body = data[place + len(line) :][: int(header["length"])]
            if int(header["at"]) > offset and _hash(header, body) == header["sha256"]:
                return True
        except (ValueError, KeyError, TypeError):
            pass
        place = data.find(_START, place + 1)
    return False


def _damaged(path: Path, offset: int, what: str) -> StoreBroken:
    return StoreBroken(
        f"the journal is damaged in {path} at byte {offset}: {what}; nothing was changed",
        hint="put this file back from a backup of the store; reading the current state goes on meanwhile",
    )


# --- the disk -------------------------------------------------------------------------------------------


def timestamp(time: datetime.datetime) -> str:
    """A time as entries hold it; UTC if it names no zone.

    >>> timestamp(datetime.datetime(2026, 1, 2, 3, 4, 5))
    '2026-01-02T03:04:05.000Z'
    """
    zoned = time.replace(tzinfo=datetime.UTC) if time.tzinfo is None else time.astimezone(datetime.UTC)
    return zoned.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def fsync_folder(path: Path) -> None:
    """Put the names in a folder on the disk (a file by its path works too). Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _take_back(descriptor: int, size: int, error: BaseException) -> None:
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    except BaseException as second:
        raise JournalUnsure(
            f"an append to the journal failed ({error}) and could not be undone ({second})"
        ) from error
