"""The journal: what was appended is there, what was cut off is not, and damage is never taken for either."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kymgraph.changeset import Changeset
from kymgraph.errors import CommitNotFound, StoreBroken
from kymgraph.rdf import FORMATS, parse
from kymgraph.store import journal as journal_module
from kymgraph.store.journal import Entry, Journal, JournalUnsure
from tests.conftest import clean_environment


def change(number: int, size: int = 1) -> Changeset:
    text = "".join(f'<http://e/{number}> <http://e/p> "{n}ä\\n" <http://e/g> .\n' for n in range(size))
    return Changeset(
        number - 1, added=frozenset(parse(text.encode(), FORMATS["nq"])), reason=f"reason {number}, “ä\n”"
    )


def record(number: int, size: int = 1, id: str | None = None) -> tuple[Entry, Changeset]:
    made = change(number, size)
    time = f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000Z"
    entry = Entry(
        number, id or f"urn:id:{number}", time, "", "", made.reason, 0, size, ("http://e/g",), made.digest,
        more={"reverts": 3, "deep": [1, {"a": "ä"}]},
    )  # fmt: skip
    return entry, made


def filled(folder: Path, last: int = 6, **options: int) -> Journal:
    journal = Journal(folder, writable=True, **options)  # type: ignore[arg-type]
    for number in range(2, last + 1):
        journal.append([record(number)])
    return journal


def same(one: Changeset, other: Changeset) -> bool:
    return one.digest == other.digest and one.reason == other.reason and one.base == other.base


# --- reading --------------------------------------------------------------------------------------------


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", writable=True)
    records = [record(2), record(3, 5), record(4)]

    journal.append(records)

    for reader in (journal, Journal(tmp_path / "j")):
        assert list(reader.entries()) == [entry for entry, _ in records]
        assert [entry.number for entry in reader.entries(after=2, until=3)] == [3]
        assert all(same(reader.changeset(entry.number), made) for entry, made in records)
        assert (reader.last, reader.first, reader.verify()) == (4, 2, 3)


def test_an_empty_journal_ends_with_the_build(tmp_path: Path) -> None:
    journal = Journal(tmp_path)

    assert (journal.last, journal.first, list(journal.entries()), journal.by_id("x")) == (1, None, [], None)
    with pytest.raises(CommitNotFound, match="no commit 2"):
        journal.entry(2)
    assert Journal(tmp_path / "none").last == 1


@pytest.mark.parametrize("number", [-1, 0, 1, 7])
def test_a_commit_that_is_not_there_is_named(tmp_path: Path, number: int) -> None:
    with pytest.raises(CommitNotFound, match=f"no commit {number} .* it has 2 to 6"):
        filled(tmp_path).changeset(number)


def test_commits_are_found_by_id_and_by_time(tmp_path: Path) -> None:
    journal = filled(tmp_path)
    at = datetime.datetime(2026, 1, 1, 0, 0, 4, tzinfo=datetime.UTC)
    second = datetime.timedelta(seconds=1)

    found = journal.by_id("urn:id:5")

    assert found is not None
    assert found.number == 5
    assert journal.number_at(at) == 4
    assert journal.number_at(at + second / 2) == 4
    assert journal.number_at(at.replace(tzinfo=None)) == 4
    assert journal.number_at(at.astimezone(datetime.timezone(datetime.timedelta(hours=3)))) == 4
    assert journal.number_at(at - 100 * second) == 1
    assert journal.number_at(at + 100 * second) == 6


def test_a_clock_that_was_put_back_does_not_reorder_commits(tmp_path: Path) -> None:
    journal = Journal(tmp_path, writable=True)
    for number, second in ((2, 10), (3, 5), (4, 20)):
        entry, made = record(number)
        time = f"2026-01-01T00:00:{second:02}.000Z"
        journal.append([(Entry(number, entry.id, time, "", "", "", 0, 1, (), made.digest), made)])

    at = [journal.number_at(datetime.datetime(2026, 1, 1, 0, 0, second)) for second in (5, 10, 15, 20)]

    assert at == [1, 3, 3, 4]


def test_aborted_commits_are_not_there_and_their_numbers_are_used_again(tmp_path: Path) -> None:
    journal = filled(tmp_path)

    journal.append([record(7), record(8)])
    journal.abort([7, 8])
    assert (journal.last, journal.by_id("urn:id:7")) == (6, None)
    journal.append([record(7, 3, id="urn:id:again")])

    for reader in (journal, Journal(tmp_path)):
        assert (reader.last, reader.entry(7).id, reader.by_id("urn:id:8")) == (7, "urn:id:again", None)
        assert same(reader.changeset(7), change(7, 3))
        assert reader.number_at(datetime.datetime(2027, 1, 1)) == 7


def test_segments_are_named_after_their_first_commit(tmp_path: Path) -> None:
    journal = filled(tmp_path, 9, segment_bytes=1200)

    names = sorted(path.name for path in tmp_path.iterdir())

    assert len(names) > 2
    assert names[0] == "000000000002.journal"
    first = [json.loads((tmp_path / name).read_bytes().split(b"\n")[0])["number"] for name in names]
    assert names == [f"{number:012}.journal" for number in first]
    for reader in (journal, Journal(tmp_path)):
        assert [entry.number for entry in reader.entries()] == list(range(2, 10))


def test_a_segment_whose_first_commit_was_aborted_goes_on(tmp_path: Path) -> None:
    journal = filled(tmp_path, 3, segment_bytes=1)
    journal.abort([3])

    journal.append([record(3, id="urn:id:again")])
    journal.append([record(4)])

    reader = Journal(tmp_path)
    assert [entry.id for entry in reader.entries()] == ["urn:id:2", "urn:id:again", "urn:id:4"]


def test_a_reader_sees_what_another_process_appends_up_to_its_limit(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.store.test_journal import record, Journal\n"
        "j = Journal(Path(sys.argv[1]), writable=True, segment_bytes=1500)\n"
        "for line in sys.stdin:\n"
        "    n = int(line)\n"
        "    j.append([record(n, id='urn:id:refused')]); j.abort([n]); j.append([record(n)])\n"
        "    print(n, flush=True)"
    )
    generation = 1
    reader, whole = Journal(tmp_path, limit=lambda: generation), Journal(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for number in range(2, 20):
            writer.stdin.write(f"{number}\n")
            writer.stdin.flush()
            writer.stdout.readline()
            assert reader.last == generation
            generation = number
            assert reader.last == number
            assert reader.entry(number).id == f"urn:id:{number}"
            assert whole.last == number
        writer.stdin.close()


# --- torn tails and damage ------------------------------------------------------------------------------


@pytest.mark.parametrize("garbage", [b"\0" * 5000, b'{"record":"comm', b"x\n" * 3, b'{"record":"abort"}\n'])
def test_garbage_at_the_end_is_ignored_and_cut_off_by_the_next_writer(tmp_path: Path, garbage: bytes) -> None:
    filled(tmp_path)
    [file] = tmp_path.iterdir()
    before = file.read_bytes()
    file.write_bytes(before + garbage)

    reader = Journal(tmp_path)
    assert reader.last == 6
    assert reader.torn is not None
    assert (reader.torn.offset, reader.torn.length) == (len(before), len(garbage))
    assert file.read_bytes() == before + garbage
    writer = Journal(tmp_path, writable=True)
    assert file.read_bytes() == before
    writer.append([record(7)])
    assert Journal(tmp_path).verify() == 6


def test_an_append_cut_at_any_byte_is_all_there_or_not_at_all_record_by_record(tmp_path: Path) -> None:
    journal = filled(tmp_path, 3)
    [file] = tmp_path.iterdir()
    start = file.stat().st_size
    journal.append([record(4)])
    middle = file.stat().st_size - start
    whole = file.read_bytes()
    file.write_bytes(whole[:start])
    journal = Journal(tmp_path, writable=True)
    journal.append([record(4), record(5)])
    whole = file.read_bytes()

    for cut in range(start, len(whole) + 1):
        file.write_bytes(whole[:cut])
        expected = 3 if cut < start + middle else 4 if cut < len(whole) else 5
        reader = Journal(tmp_path)
        assert reader.last == expected, cut
        assert (reader.torn is None) == (cut in (start, start + middle, len(whole)))


def test_a_flipped_byte_in_the_last_append_makes_a_torn_tail_anywhere_else_the_store_broken(
    tmp_path: Path,
) -> None:
    journal = filled(tmp_path, 4)
    [file] = tmp_path.iterdir()
    start = file.stat().st_size
    journal.append([record(5), record(6)])
    whole = file.read_bytes()

    for place in range(start, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        file.write_bytes(damaged)
        assert Journal(tmp_path).last in (4, 5), place

    for place in range(0, start, 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        file.write_bytes(damaged)
        with pytest.raises(StoreBroken, match=rf"{file.name} at byte \d+.*nothing was changed"):
            Journal(tmp_path).verify()
        assert file.read_bytes() == bytes(damaged)


def test_damage_that_later_appends_follow_is_never_cut_off(tmp_path: Path) -> None:
    filled(tmp_path)
    [file] = tmp_path.iterdir()
    whole = bytearray(file.read_bytes())
    whole[30:34] = b"\0\0\0\0"  # in the first header
    file.write_bytes(whole)

    with pytest.raises(StoreBroken, match=f"{file} at byte 0"):
        Journal(tmp_path, writable=True)

    assert file.read_bytes() == bytes(whole)


def test_a_tail_that_somebody_has_seen_is_not_cut_off(tmp_path: Path) -> None:
    filled(tmp_path)
    [file] = tmp_path.iterdir()
    cut = file.read_bytes()[:-10]
    file.write_bytes(cut)

    with pytest.raises(StoreBroken, match="commit 6, which the store holds"):
        Journal(tmp_path, writable=True, known=6)
    assert file.read_bytes() == cut

    assert Journal(tmp_path, writable=True, known=5).last == 5


@pytest.mark.parametrize("index", [0, 1])
def test_a_missing_segment_is_damage(tmp_path: Path, index: int) -> None:
    filled(tmp_path, 9, segment_bytes=1200)
    sorted(tmp_path.iterdir())[index].unlink()

    reader = Journal(tmp_path)

    if index:
        with pytest.raises(StoreBroken, match="follows"):
            reader.verify()
    else:  # older history may be put away
        assert reader.first > 2  # type: ignore[operator]
        with pytest.raises(CommitNotFound):
            reader.entry(2)


def test_a_torn_segment_before_another_is_damage(tmp_path: Path) -> None:
    filled(tmp_path, 9, segment_bytes=1200)
    first = sorted(tmp_path.iterdir())[0]
    first.write_bytes(first.read_bytes()[:-1])

    with pytest.raises(StoreBroken, match=first.name):
        Journal(tmp_path, writable=True)


# --- failures while writing -----------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["_write_all", "fsync"])
def test_a_failed_append_raises_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    journal = filled(tmp_path)
    [file] = tmp_path.iterdir()
    before = file.read_bytes()
    real = os.fsync
    failures = iter([True])

    def half(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    def fsync(descriptor: int) -> None:
        if next(failures, False):
            raise OSError(5, "Input/output error")
        real(descriptor)

    with monkeypatch.context() as patched:
        if call == "fsync":
            patched.setattr(os, "fsync", fsync)
        else:
            patched.setattr(journal_module, "_write_all", half)
        with pytest.raises(OSError, match=r"No space|Input/output"):
            journal.append([record(7)])

    assert file.read_bytes() == before
    assert journal.last == 6
    journal.append([record(7)])
    assert Journal(tmp_path).last == 7


def test_an_append_that_cannot_be_undone_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = filled(tmp_path)

    def fsync(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(JournalUnsure, match="could not be undone"):
        journal.append([record(7)])


def test_every_append_is_synced_and_a_new_file_by_its_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    journal = Journal(tmp_path, writable=True)

    journal.append([record(2), record(3)])
    first = list(synced)
    journal.append([record(4)])
    journal.abort([4])

    file = str(tmp_path / "000000000002.journal")
    assert first == [file, str(tmp_path)]
    assert synced[2:] == [file, file]
