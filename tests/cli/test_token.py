"""`kymgraph token` as an operator uses it: what is printed where, what holds at once, what is never shown."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kymgraph.access import FILE, Access
from kymgraph.errors import TokenInvalid
from tests.conftest import Kymgraph, MakeProject

TOKEN = re.compile(r"kymg_[a-z2-7]{8}_[a-z2-7]{52}\n")


@pytest.fixture
def folder(make_project: MakeProject) -> Path:
    return make_project({"data/a.ttl": "x:a x:p 1 ."}).folder


def access(folder: Path) -> Access:
    return Access(folder / ".kymgraph" / FILE)


def test_create_prints_the_token_alone_and_it_works(kymgraph: Kymgraph, folder: Path) -> None:
    done = kymgraph(
        "token", "create", "--role", "publisher", "--name", "Maija Meikäläinen", "--graph", "lineage",
        "--graph", "harvest/kouvola", cwd=folder,
    )  # fmt: skip

    assert done.returncode == 0
    assert TOKEN.fullmatch(done.stdout)
    assert done.stdout.strip() not in done.stderr
    with access(folder) as opened:
        principal = opened.authenticate(done.stdout.strip())
        token = opened.tokens()[0]
    assert (principal.name, principal.role) == ("Maija Meikäläinen", "publisher")
    assert principal.graphs == {"lineage", "harvest/kouvola"}
    assert token.expires is not None
    assert abs(token.expires - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=2)
    assert (folder / ".kymgraph" / FILE).stat().st_mode & 0o777 == 0o600


def test_tokens_end_when_they_are_told_to(kymgraph: Kymgraph, folder: Path) -> None:
    for name, expires in (("a", "7d"), ("b", "2099-01-31"), ("c", "never")):
        create = ("token", "create", "--role", "reader", "--name", name, "--expires", expires)
        assert kymgraph(*create, cwd=folder).returncode == 0

    with access(folder) as opened:
        ends = [token.expires for token in opened.tokens()]
    assert ends[0] is not None
    assert timedelta(days=6.9) < ends[0] - datetime.now(UTC) < timedelta(days=7)
    assert ends[1:] == [datetime(2099, 2, 1, tzinfo=UTC), None]


def test_list_shows_everything_but_the_token(kymgraph: Kymgraph, folder: Path) -> None:
    text = kymgraph("token", "create", "--role", "editor", "--name", "Maija", cwd=folder).stdout.strip()
    kymgraph("token", "create", "--role", "admin", "--name", "root", "--expires", "never", cwd=folder)
    kymgraph("token", "revoke", "root", cwd=folder)

    table = kymgraph("token", "list", cwd=folder)
    listed = kymgraph("token", "list", "--format", "json", cwd=folder)

    rows = json.loads(listed.stdout)
    assert [(r["name"], r["role"], r["graphs"], r["state"]) for r in rows] == [
        ("Maija", "editor", [], "live"),
        ("root", "admin", [], "revoked"),
    ]
    assert rows[0]["id"] == text[5:13]
    assert rows[1]["expires"] is None
    assert rows[1]["revoked"].endswith("Z")
    for output in (table.stdout, listed.stdout):
        assert text.rpartition("_")[2] not in output
        assert "hash" not in output
    assert re.search(r"Maija +editor +all +live", table.stdout)
    assert re.search(r"root +admin +all +revoked +never", table.stdout)
    assert table.stdout.endswith("\n2 tokens\n")
    assert (table.stderr, listed.stderr) == ("", "")


def test_a_revoked_token_is_worth_nothing_at_once(kymgraph: Kymgraph, folder: Path) -> None:
    by_name = kymgraph("token", "create", "--role", "admin", "--name", "a", cwd=folder).stdout.strip()
    by_id = kymgraph("token", "create", "--role", "admin", "--name", "b", cwd=folder).stdout.strip()

    with access(folder) as opened:
        for text, name in ((by_name, "a"), (by_id, by_id[5:13])):
            opened.authenticate(text)
            done = kymgraph("token", "revoke", name, cwd=folder)
            assert (done.returncode, done.stdout) == (0, "")
            with pytest.raises(TokenInvalid):
                opened.authenticate(text)


def test_what_is_not_there_is_status_4(kymgraph: Kymgraph, folder: Path) -> None:
    done = kymgraph("token", "revoke", "nobody", cwd=folder)

    assert (done.returncode, done.stdout) == (4, "")
    assert "nothing was changed" in done.stderr
    assert not (folder / ".kymgraph").exists()


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("create", "--name", "a"),
        ("create", "--role", "editor"),
        ("create", "--role", "boss", "--name", "a"),
        ("create", "--role", "editor", "--name", ""),
        ("create", "--role", "editor", "--name", "a", "--expires", "2020-01-01"),
        ("create", "--role", "editor", "--name", "a", "--expires", "soon"),
        ("create", "--role", "editor", "--name", "a", "--graph", "no name"),
        ("create", "--role", "admin", "--name", "a", "--graph", "lineage"),
        ("list", "--format", "xml"),
        ("revoke",),
    ],
)
def test_wrong_use_is_status_2_and_makes_no_token(
    kymgraph: Kymgraph, folder: Path, args: tuple[str, ...]
) -> None:
    done = kymgraph("token", *args, cwd=folder)

    assert done.returncode == 2
    assert not TOKEN.search(done.stdout + done.stderr)
    assert not (folder / ".kymgraph").exists()


def test_a_name_in_use_is_refused_with_the_next_step(kymgraph: Kymgraph, folder: Path) -> None:
    create = ("token", "create", "--role", "editor", "--name", "a")
    id_ = kymgraph(*create, cwd=folder).stdout[5:13]

    done = kymgraph(*create, cwd=folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].strip().endswith(f"kymgraph token revoke {id_}")


def test_global_options_may_stand_after_the_command(kymgraph: Kymgraph, folder: Path) -> None:
    made = kymgraph(
        "token", "create", "--role", "reader", "--name", "a", "--store", folder / "elsewhere", cwd=folder
    )

    assert made.returncode == 0
    assert (folder / "elsewhere" / FILE).exists()
    assert not (folder / ".kymgraph").exists()
    listed = kymgraph(
        "token", "list", "--format", "json", cwd=folder, env={"KYMGRAPH_STORE": str(folder / "elsewhere")}
    )
    assert [row["name"] for row in json.loads(listed.stdout)] == ["a"]


def test_tokens_outlast_a_build_and_may_come_before_it(kymgraph: Kymgraph, folder: Path) -> None:
    text = kymgraph("token", "create", "--role", "editor", "--name", "a", cwd=folder).stdout.strip()

    with access(folder) as opened:
        for _ in range(2):
            built = kymgraph("build", cwd=folder)
            assert (built.returncode, built.stderr) == (0, "")
            assert opened.authenticate(text).name == "a"
    assert json.loads(kymgraph("token", "list", "--format", "json", cwd=folder).stdout)[0]["state"] == "live"


def test_an_unreadable_access_file_is_status_3(kymgraph: Kymgraph, folder: Path) -> None:
    (folder / ".kymgraph").mkdir()
    (folder / ".kymgraph" / FILE).write_text("no database " * 1000)

    done = kymgraph("token", "list", cwd=folder)

    assert (done.returncode, done.stdout) == (3, "")
    assert "is broken" in done.stderr
    assert "Traceback" not in done.stderr
