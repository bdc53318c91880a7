"""Tokens, roles, agents, proposals, audit log: what holds at once, for everybody, and what is never kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kymgraph import access as access_module
from kymgraph.access import (
    FILE,
    Access,
    Authenticator,
    Principal,
    Role,
    carried,
    expiry,
)
from kymgraph.errors import (
    Busy,
    InputError,
    NotAllowed,
    ProposalDecided,
    ProposalNotFound,
    StoreBroken,
    TokenInvalid,
    TokenNotFound,
)
from kymgraph.namespaces import Base
from tests.conftest import clean_environment

PATCH = (
    b"TX .\nA <http://x.example/a> <http://x.example/p> <http://x.example/b> <http://x.example/g> .\nTC .\n"
)
REPORT = {"conforms": True, "results": []}


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(tmp_path: Path, clock: Clock) -> Iterator[Access]:
    with Access(tmp_path / "store" / FILE, clock=clock) as opened:
        yield opened


def person(access: Access, name: str, role: Role, *graphs: str) -> Principal:
    text, _ = access.create_token(name, role, graphs=graphs, expires=None)
    return access.authenticate(text)


def propose(access: Access, author: Principal, *graphs: str, patch: bytes = PATCH) -> str:
    made = access.propose(author, patch, base=3, graphs=graphs, reason="Täydennys", report=REPORT)
    return made.id


# --- tokens ---------------------------------------------------------------------------------------------


def test_a_token_speaks_for_its_name_role_and_graphs(access: Access) -> None:
    text, token = access.create_token("Maija", "publisher", graphs=["b", "a/x", "b"], expires=None)

    principal = access.authenticate(text)

    assert text.startswith("kymg_" + token.id)
    assert (principal.id, principal.name, principal.role) == (token.id, "Maija", "publisher")
    assert principal.graphs == {"a/x", "b"}
    assert (
        principal.agent(Base("https://example.org/k/"))
        == f"https://example.org/k/id/agent/{token.agent_slug}"
    )
    assert access.name_of(token.agent_slug) == "Maija"


def test_no_token_is_ever_on_the_disk(access: Access) -> None:
    texts = [access.create_token(f"n{n}", "editor", expires=None)[0] for n in range(3)]
    access.authenticate(texts[0])

    kept = b"".join(file.read_bytes() for file in access.path.parent.iterdir())

    assert b"n0" in kept
    for text in texts:
        secret = text.rpartition("_")[2]
        assert text.encode() not in kept
        assert secret.encode() not in kept
        assert secret.upper().encode() not in kept


def test_the_files_are_for_their_owner_alone(access: Access) -> None:
    before = os.umask(0)
    try:
        made = access_module._create(access.path.parent.parent / "made")
        assert made.stat().st_mode & 0o777 == 0o600  # from the beginning, not a moment later
        access.create_token("a", "reader", expires=None)
        assert {f.name: f.stat().st_mode & 0o777 for f in access.path.parent.iterdir()} == dict.fromkeys(
            access_module.FILES, 0o600
        )
        access.close()
        access.path.chmod(0o644)
        access.create_token("b", "reader", expires=None)
    finally:
        os.umask(before)

    assert access.path.stat().st_mode & 0o777 == 0o600


def test_unknown_expired_revoked_and_altered_tokens_are_refused_alike(access: Access, clock: Clock) -> None:
    expired, _ = access.create_token("e", "admin", expires=clock.now + timedelta(days=1))
    revoked, _ = access.create_token("r", "admin", expires=None)
    good, token = access.create_token("g", "admin", expires=None)
    access.revoke("r")
    clock.pass_by(days=1)
    altered = good[:-1] + ("a" if good[-1] != "a" else "q")
    unknown = "kymg_" + "a" * 8 + good[13:]

    refusals = set()
    for text in (expired, revoked, altered, unknown, good.upper(), good + "\n", "", "x", "kymg_" + token.id):
        with pytest.raises(TokenInvalid) as refused:
            access.authenticate(text)
        refusals.add((refused.value.message, refused.value.hint))

    assert len(refusals) == 1
    assert access.authenticate(good).id == token.id


def test_revocation_holds_from_the_next_request_in_another_process(access: Access) -> None:
    text, token = access.create_token("a", "editor", expires=None)
    for _ in range(3):
        access.authenticate(text)  # looked up and kept

    run_elsewhere(access.path, f"access.revoke({token.id!r})")

    with pytest.raises(TokenInvalid):
        access.authenticate(text)


def test_revocation_holds_from_the_next_request_in_this_process(access: Access) -> None:
    text, _ = access.create_token("a", "editor", expires=None)
    access.authenticate(text)

    access.revoke(text)  # one that was found where it should not be

    with pytest.raises(TokenInvalid):
        access.authenticate(text)


def test_a_look_up_that_is_kept_asks_the_file_no_second_time(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _ = access.create_token("a", "editor", expires=None)
    access.authenticate(text)
    access.authenticate(text)
    asked: list[str] = []
    with access._file.read() as db:
        assert db is not None
        db.set_trace_callback(asked.append)

    access.authenticate(text)

    assert asked == ["PRAGMA data_version"]


def test_names_are_unique_among_live_tokens_and_keep_their_agent(access: Access, clock: Clock) -> None:
    _, first = access.create_token("Maija", "editor", expires=clock.now + timedelta(days=90))
    with pytest.raises(InputError, match=first.id):
        access.create_token(" Maija ", "admin", expires=None)
    clock.pass_by(days=91)

    _, second = access.create_token("Maija", "editor", expires=None)
    access.revoke("Maija")
    _, third = access.create_token("Maija", "editor", expires=None)
    _, other = access.create_token("Matti", "editor", expires=None)

    assert first.agent_slug == second.agent_slug == third.agent_slug != other.agent_slug
    assert [t.state(clock.now) for t in access.tokens()] == ["expired", "revoked", "live", "live"]


@pytest.mark.parametrize(
    ("name", "role", "graphs"),
    [("", "editor", []), ("a\nb", "editor", []), ("\x1b[31m", "editor", []), ("a" * 101, "editor", []),
     ("a", "boss", []), ("a", "editor", ["a b"]), ("a", "editor", [""]), ("a", "admin", ["lineage"])],
)  # fmt: skip
def test_a_token_that_makes_no_sense_is_not_made(
    access: Access, name: str, role: Role, graphs: list[str]
) -> None:
    with pytest.raises(InputError, match="no token was made"):
        access.create_token(name, role, graphs=graphs, expires=None)

    assert access.tokens() == []


def test_revoking_what_is_not_there_changes_nothing(access: Access) -> None:
    with pytest.raises(TokenNotFound):
        access.revoke("a")
    assert not access.path.exists()
    _, token = access.create_token("a", "editor", expires=None)
    access.revoke("a")

    with pytest.raises(TokenNotFound):
        access.revoke("a")
    assert access.revoke(token.id).revoked is not None  # by id a second time: it is as was asked


def test_use_is_remembered_to_the_day_and_written_once_a_day(access: Access, clock: Clock) -> None:
    text, _ = access.create_token("a", "reader", expires=None)
    assert access.tokens()[0].last_used is None

    unmarked = []
    for hours in (0, 1, 24):
        clock.pass_by(hours=hours)
        _, todo = access.look_up(text)
        unmarked.append(todo)
        access.authenticate(text)

    assert unmarked == [True, False, True]
    assert access.tokens()[0].last_used == clock.now.date()


def test_a_token_is_good_while_another_process_holds_the_write_lock(access: Access) -> None:
    text, token = access.create_token("a", "reader", expires=None)
    other = sqlite3.connect(access.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    began = time.monotonic()
    principal = access.authenticate(text)

    assert principal.id == token.id
    assert time.monotonic() - began < 1
    other.rollback()
    other.close()


@pytest.mark.parametrize(
    ("text", "end"),
    [("90d", datetime(2026, 5, 30, 12, tzinfo=UTC)), ("2027-01-31", datetime(2027, 2, 1, tzinfo=UTC)),
     ("never", None)],
)  # fmt: skip
def test_expiry_is_days_a_last_day_or_never(clock: Clock, text: str, end: datetime | None) -> None:
    assert expiry(text, clock.now) == end


@pytest.mark.parametrize(
    "text", ["", "0d", "-1d", "90", "90 d", "31.1.2027", "2027-13-01", "99999d", "Never"]
)
def test_other_expiries_are_refused(clock: Clock, text: str) -> None:
    with pytest.raises(InputError, match="no token was made"):
        expiry(text, clock.now)


# --- roles ----------------------------------------------------------------------------------------------


def test_each_role_may_do_what_those_below_it_may() -> None:
    roles: list[Role] = ["reader", "editor", "publisher", "admin"]
    for have in range(4):
        who = Principal("t", "n", roles[have], frozenset(), "s")
        assert [who.may(role) for role in roles] == [want <= have for want in range(4)]


def test_a_principal_is_held_to_its_graphs() -> None:
    who = Principal("t", "n", "publisher", frozenset({"a", "b"}), "s")
    who.require("publisher", graphs=["a"])
    who.require("editor", graphs=["b", "a"])
    who.require("editor")

    with pytest.raises(NotAllowed, match="for a, b, not for c"):
        who.require("editor", graphs=["a", "c"])
    with pytest.raises(NotAllowed, match="takes the role admin, and the token has publisher"):
        who.require("admin", graphs=["a"])


# --- proposals ------------------------------------------------------------------------------------------


def test_a_proposal_is_kept_as_it_was_made(access: Access, clock: Clock) -> None:
    editor = person(access, "Maija", "editor")

    made = access.propose(editor, PATCH, base=3, graphs=["b", "a"], reason="Täydennys", report=REPORT)

    found = access.proposal(made.id, editor)
    assert found == made
    assert (found.author, found.base, found.graphs, found.reason) == (
        editor.agent_slug,
        3,
        ("a", "b"),
        "Täydennys",
    )
    assert (found.report, found.state, found.created, found.size) == (REPORT, "open", clock.now, len(PATCH))
    assert access.patch(made.id, editor) == PATCH


def test_proposing_takes_an_editor_of_all_its_graphs(access: Access) -> None:
    for who in (person(access, "r", "reader"), person(access, "e", "editor", "a")):
        with pytest.raises(NotAllowed):
            propose(access, who, "a", "b")

    assert access.proposals(person(access, "root", "admin")) == []


def test_one_sees_ones_own_proposals_and_those_one_may_decide(access: Access) -> None:
    maija, matti = person(access, "Maija", "editor"), person(access, "Matti", "editor")
    scoped, everywhere = person(access, "p", "publisher", "a"), person(access, "q", "publisher")
    in_a, in_b, both = (
        propose(access, maija, "a"),
        propose(access, matti, "b"),
        propose(access, maija, "a", "b"),
    )

    def seen(who: Principal) -> list[str]:
        for id in (in_a, in_b, both):
            try:
                assert access.patch(id, who) == PATCH
                assert id in [p.id for p in access.proposals(who)]
            except ProposalNotFound:
                assert id not in [p.id for p in access.proposals(who)]
        return [p.id for p in access.proposals(who)]

    assert seen(maija) == [both, in_a]
    assert seen(matti) == [in_b]
    assert seen(scoped) == [in_a]
    assert seen(everywhere) == [both, in_b, in_a]
    assert seen(person(access, "r", "reader")) == []


def test_an_unseen_proposal_is_told_from_a_missing_one_by_nothing(access: Access) -> None:
    id = propose(access, person(access, "Maija", "editor"), "a")
    other = person(access, "Matti", "editor")

    for call in (
        lambda id: access.proposal(id, other),
        lambda id: access.patch(id, other),
        lambda id: access.claim(id, other),
        lambda id: access.decide(id, other, "declined", reason=""),
    ):
        messages = []
        for one in (id, "nothere"):
            with pytest.raises(ProposalNotFound) as refused:
                call(one)
            messages.append(refused.value.message.replace(one, "ID"))
        assert messages[0] == messages[1]


def test_the_list_is_paged_and_chosen_by_state(access: Access) -> None:
    editor, root = person(access, "e", "editor"), person(access, "root", "admin")
    ids = [propose(access, editor, "a") for _ in range(5)]
    access.decide(ids[2], root, "declined", reason="no")

    first = access.proposals(root, limit=2)
    rest = access.proposals(root, limit=9, before=first[-1].id)

    assert [p.id for p in first + rest] == ids[::-1]
    assert [p.id for p in access.proposals(root, state="declined")] == [ids[2]]
    assert [p.id for p in access.proposals(root, state="open", limit=2)] == [ids[4], ids[3]]


def test_a_decision_stands(access: Access, clock: Clock) -> None:
    editor, publisher = person(access, "e", "editor"), person(access, "p", "publisher")
    id = propose(access, editor, "a")

    decided = access.decide(id, publisher, "accepted", reason="Hyvä", commit=7)

    assert (decided.state, decided.commit, decided.decision) == ("accepted", 7, "Hyvä")
    assert (decided.decided, decided.decided_by) == (clock.now, publisher.agent_slug)
    for decision, who in (("declined", publisher), ("withdrawn", editor)):
        with pytest.raises(ProposalDecided, match="was accepted already"):
            access.decide(id, who, decision, reason="")
    with pytest.raises(ProposalDecided):
        access.claim(id, publisher)
    assert access.proposal(id, editor) == decided


def test_who_may_decide_how(access: Access) -> None:
    editor, other = person(access, "e", "editor"), person(access, "p", "publisher")
    id = propose(access, editor, "a")

    with pytest.raises(NotAllowed):
        access.decide(id, editor, "accepted", reason="", commit=1)
    with pytest.raises(NotAllowed):
        access.decide(id, editor, "declined", reason="")
    with pytest.raises(NotAllowed):
        access.decide(id, other, "withdrawn", reason="")
    with pytest.raises(ValueError, match="number of its commit"):
        access.decide(id, other, "accepted", reason="")

    assert access.proposal(id, editor).state == "open"
    assert access.decide(id, editor, "withdrawn", reason="").state == "withdrawn"


def test_a_claim_keeps_others_from_deciding_until_it_is_given_back_or_lapses(
    access: Access, clock: Clock
) -> None:
    editor = person(access, "e", "editor")
    one, two = person(access, "p", "publisher"), person(access, "q", "publisher")
    id = propose(access, editor, "a")

    claim = access.claim(id, one)
    for attempt in (
        lambda: access.claim(id, two),
        lambda: access.decide(id, two, "declined", reason=""),
        lambda: access.decide(id, editor, "withdrawn", reason=""),
        lambda: access.decide(id, two, "accepted", reason="", commit=1, claim="guess"),
    ):
        with pytest.raises(ProposalDecided, match="at this moment"):
            attempt()
    access.release(id, "guess")
    with pytest.raises(ProposalDecided):
        access.claim(id, two)
    access.release(id, claim)
    access.claim(id, two)
    clock.pass_by(seconds=access_module.CLAIM_SECONDS + 1)
    last = access.claim(id, one)

    with pytest.raises(ProposalDecided):
        access.decide(id, one, "accepted", reason="", commit=1, claim=claim)
    assert access.decide(id, one, "accepted", reason="", commit=1, claim=last).state == "accepted"


# --- audit log ------------------------------------------------------------------------------------------


def test_the_audit_log_tells_who_did_what(access: Access, clock: Clock) -> None:
    text, token = access.create_token("Maija", "editor", expires=None)
    editor = access.authenticate(text)
    clock.pass_by(hours=1)
    id = propose(access, editor, "a")
    access.record(editor.agent_slug, "commit", "12", "gate-rejected", address="192.0.2.1")
    access.revoke("Maija")

    lines = [(e.who, e.what, e.target, e.outcome) for e in access.audit()]

    assert lines == [
        ("operator", "token.revoke", token.id, "done"),
        (editor.agent_slug, "commit", "12", "gate-rejected"),
        (editor.agent_slug, "proposal.create", id, "done"),
        ("operator", "token.create", token.id, "editor"),
    ]
    assert [e.what for e in access.audit(limit=1)] == ["token.revoke"]
    assert len(access.audit(since=clock.now)) == 3
    assert "Maija" not in repr(access.audit())
    assert text not in repr(access.audit())


def test_addresses_are_gone_after_a_week_from_answers_and_from_the_disk(access: Access, clock: Clock) -> None:
    access.record("s", "commit", "1", "done", address="198.51.100.77")
    clock.pass_by(days=6)
    access.record("s", "commit", "2", "done", address="203.0.113.88")
    assert [e.address for e in access.audit()] == ["203.0.113.88", "198.51.100.77"]

    clock.pass_by(days=1)
    assert [e.address for e in access.audit()] == ["203.0.113.88", None]
    assert access.purge() == 1

    kept = b"".join(file.read_bytes() for file in access.path.parent.iterdir())
    assert b"198.51.100.77" not in kept
    assert b"203.0.113.88" in kept


# --- the file -------------------------------------------------------------------------------------------


def test_reading_makes_no_file(access: Access) -> None:
    with pytest.raises(TokenInvalid):
        access.authenticate("kymg_" + "a" * 8 + "_" + "a" * 52)
    assert (access.tokens(), access.audit(), access.purge(), access.name_of("x")) == ([], [], 0, None)

    assert not access.path.parent.exists()


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    for name, content in (
        ("text", b"not a database, but long enough to be taken for one " * 20),
        ("db", None),
    ):
        path = tmp_path / name
        if content is None:
            other = sqlite3.connect(path)
            other.execute("CREATE TABLE theirs (x)")
            other.commit()
            other.close()
            content = path.read_bytes()
        else:
            path.write_bytes(content)

        with Access(path) as access, pytest.raises(StoreBroken):
            access.create_token("a", "reader", expires=None)

        if name == "text":
            assert path.read_bytes() == content
        else:
            assert sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_a_file_of_the_first_version_gets_sessions_and_keeps_its_tokens(tmp_path: Path) -> None:
    path = tmp_path / FILE
    with Access(path) as access:
        text, _ = access.create_token("Maija", "editor", expires=None)
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE session")
        db.execute("PRAGMA user_version = 1")

    with Access(path) as access:
        maija = access.authenticate(text)
        assert access.session(access.begin_session(maija)) == maija


def test_a_file_of_a_later_version_is_refused(access: Access) -> None:
    access.create_token("a", "reader", expires=None)
    access.close()
    with sqlite3.connect(access.path) as db:
        db.execute(f"PRAGMA user_version = {access_module.VERSION + 1}")
    db.close()

    with pytest.raises(StoreBroken, match="nothing was changed"):
        access.tokens()


def test_a_write_that_is_kept_waiting_ends_as_busy(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module, "_BUSY_MS", 200)
    access.create_token("a", "reader", expires=None)
    other = sqlite3.connect(access.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Busy, match="nothing was changed"):
        access.create_token("b", "reader", expires=None)

    other.rollback()
    other.close()
    assert [t.name for t in access.tokens()] == ["a"]


def test_what_fails_halfway_changes_nothing(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Access, "_record", break_off)
    with pytest.raises(KeyboardInterrupt):
        access.create_token("a", "reader", expires=None)

    monkeypatch.undo()
    assert access.tokens() == []
    access.create_token("a", "reader", expires=None)


def test_tokens_go_along_when_the_store_is_built_anew(access: Access, tmp_path: Path) -> None:
    text, _ = access.create_token("a", "editor", expires=None)
    access.authenticate(text)
    store, new, aside = access.path.parent, tmp_path / "new", tmp_path / "aside"
    new.mkdir()
    waiting = threading.Thread(target=lambda: access.create_token("waited", "reader", expires=None))

    with carried(store, new):
        waiting.start()
        time.sleep(0.3)
        store.rename(aside)
        new.rename(store)
    waiting.join()

    assert access.authenticate(text).name == "a"
    run_elsewhere(store / FILE, "access.revoke('a')")
    with pytest.raises(TokenInvalid):
        access.authenticate(text)
    assert (store / FILE).stat().st_mode & 0o777 == 0o600
    with Access(store / FILE) as opened:
        assert [t.name for t in opened.tokens()] == ["a", "waited"]
    with Access(aside / FILE) as old:
        assert [t.name for t in old.tokens()] == ["a"]


def test_a_copy_is_whole_and_as_private(access: Access, tmp_path: Path) -> None:
    access.copy_to(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    text, _ = access.create_token("a", "editor", expires=None)

    access.copy_to(tmp_path / "copy")
    access.revoke("a")

    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    with Access(tmp_path / "copy") as copied:
        assert copied.authenticate(text).name == "a"


def test_a_look_up_does_not_wait_for_a_long_reading(access: Access) -> None:
    text, token = access.create_token("a", "reader", expires=None)
    id = propose(access, person(access, "e", "editor"), "a", patch=b"x" * 1_000_000)
    reading: list[int] = []
    real = access._file.apart

    @contextlib.contextmanager
    def slow() -> Iterator[sqlite3.Connection]:
        with real() as db:
            done = threading.Thread(target=lambda: reading.append(len(access.authenticate(text).id)))
            done.start()
            done.join(5)
            yield db

    access._file.apart = slow  # type: ignore[method-assign]

    assert len(access.patch(id, person(access, "root", "admin"))) == 1_000_000
    assert reading == [len(token.id)]


# --- several processes ----------------------------------------------------------------------------------

_ELSEWHERE = """
import sys
from kymgraph.access import *
from kymgraph.errors import *
access = Access(sys.argv[1])
"""


def run_elsewhere(path: Path, code: str) -> None:
    subprocess.run(
        [sys.executable, "-c", _ELSEWHERE + code, path], env=clean_environment(), check=True, timeout=60
    )


def test_of_four_processes_that_decide_one_proposal_exactly_one_wins(access: Access) -> None:
    """Each also makes and revokes tokens meanwhile; no process fails, and nothing is lost."""
    rounds = 20
    editor = Principal("t", "e", "editor", frozenset(), "editor-slug")
    proposals = [propose(access, editor, "a") for _ in range(rounds)]
    code = (
        _ELSEWHERE
        + f"""
import json
me = sys.argv[2]
who = Principal("t", me, "publisher", frozenset(), "slug-" + me)
print("ready", flush=True); sys.stdin.readline()
won = []
for n, id in enumerate({proposals!r}):
    text, token = access.create_token(f"{{me}}-{{n}}", "editor", expires=None)
    assert access.authenticate(text).id == token.id
    try:
        decision, commit = (("accepted", n) if int(me) % 2 else ("declined", None))
        access.decide(id, who, decision, reason=me, commit=commit)
        won.append(id)
    except ProposalDecided:
        pass
    access.revoke(token.id)
    try: access.authenticate(text)
    except TokenInvalid: pass
    else: raise AssertionError("good after it was revoked")
print(json.dumps(won))
"""
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, access.path, str(me)],
            env=clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for me in range(4)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=120)[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * 4
    wins = Counter(id for output in outputs for id in json.loads(output))
    assert wins == Counter(proposals)
    for me, output in enumerate(outputs):
        for id in json.loads(output):
            assert access.proposal(id, editor).decided_by == f"slug-{me}"
    assert [t.state(datetime.now(UTC)) for t in access.tokens()] == ["revoked"] * 4 * rounds
    assert len(access.audit(limit=10_000)) == rounds * (1 + 4 * 2 + 1)


def test_several_processes_may_make_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store" / FILE
    code = _ELSEWHERE + "access.create_token(sys.argv[2], 'reader', expires=None)"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, path, str(me)], env=clean_environment())
        for me in range(4)
    ]

    assert [process.wait(60) for process in processes] == [0] * 4
    with Access(path) as access:
        assert sorted(t.name for t in access.tokens()) == ["0", "1", "2", "3"]
        assert len({access.salt()}) == 1


def test_a_file_that_is_gone_lets_nobody_in(access: Access) -> None:
    text, _ = access.create_token("a", "editor", expires=None)
    access.authenticate(text)
    for file in access.path.parent.iterdir():
        file.unlink()

    with pytest.raises(TokenInvalid):
        access.authenticate(text)
    access.create_token("a", "editor", expires=None)
    assert len(access.tokens()) == 1


def test_threads_may_share_one_access(access: Access) -> None:
    text, _ = access.create_token("a", "editor", expires=None)
    faults: list[BaseException] = []

    def work(me: int) -> None:
        try:
            for n in range(20):
                access.authenticate(text)
                _, token = access.create_token(f"{me}-{n}", "reader", expires=None)
                access.revoke(token.id)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert len(access.tokens()) == 121


# --- for servers ----------------------------------------------------------------------------------------


def test_the_authenticator_reads_the_header(access: Access) -> None:
    text, token = access.create_token("a", "editor", expires=None)
    authenticator = Authenticator(access)

    def ask(header: str | None) -> Principal | None:
        return asyncio.run(authenticator.principal(header))

    assert ask(None) is None
    for header in (f"Bearer {text}", f"bearer  {text} "):
        principal = ask(header)
        assert principal is not None
        assert principal.id == token.id
    for header in ("", "Bearer", f"Basic {text}", text, "Bearer x", f"Bearer {text} {text}", "Bearer a.b.c"):
        with pytest.raises(TokenInvalid):
            ask(header)
    assert access.tokens()[0].last_used is not None


def test_the_authenticator_asks_the_issuer_about_tokens_of_its_kind_only(access: Access) -> None:
    text, token = access.create_token("a", "editor", expires=None)
    theirs = Principal("oidc:x", "x", "editor", frozenset(), "x")

    class Issuer:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def authenticate(self, token: str) -> Principal:
            self.asked.append(token)
            return theirs

    issuer = Issuer()
    authenticator = Authenticator(access, issuer)

    ours = asyncio.run(authenticator.principal("Bearer " + text))
    assert ours is not None
    assert ours.id == token.id
    assert asyncio.run(authenticator.principal("Bearer a.b.c")) == theirs
    assert issuer.asked == ["a.b.c"]
