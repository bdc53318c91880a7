"""Who may do what: tokens, sessions, agents, proposals and audit log, in one SQLite file of the store folder.

The rule: what this file says holds from the next request, in every process. So each question looks at the
file anew (a lookup is kept only while SQLite says that nobody wrote since), several processes write in short
transactions of their own, and the lock of the graph's one writer has no part in it. Names of people stand in
this file only; the graph knows an agent by a random slug. A token is stored as its hash and shown once.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar, get_args
from urllib.parse import quote

from kymgraph.errors import (
    Busy,
    CannotWrite,
    IdReused,
    InputError,
    NotAllowed,
    ProposalDecided,
    ProposalNotFound,
    StoreBroken,
    TokenInvalid,
    TokenNotFound,
)
from kymgraph.namespaces import Base

#: Each role may do all that those before it may. reader: higher limits. editor: proposes. publisher: commits,
#: and decides proposals, in its graphs. admin: everything, also import, redaction and tokens.
Role: TypeAlias = Literal["reader", "editor", "publisher", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
Decision: TypeAlias = Literal["accepted", "declined", "withdrawn"]
State: TypeAlias = Literal["open", "accepted", "declined", "withdrawn"]

#: The file's name in a store folder, and those that SQLite puts beside it while it is in use.
FILE: Final = "access.sqlite"
FILES: Final = (FILE, FILE + "-wal", FILE + "-shm")
#: Who acts where no token is asked for: the operator, whom the rights on the file let in.
OPERATOR: Final = "operator"
#: Days after which the audit log forgets addresses.
ADDRESS_DAYS: Final = 7
#: How long somebody stays signed in with a browser.
SESSION: Final = timedelta(hours=8)
#: Seconds that one may hold a proposal for deciding; then whoever held it is taken to have died.
CLAIM_SECONDS: Final = 120

T = TypeVar("T")

_TOKEN = re.compile(r"kymg_([a-z2-7]{8})_[a-z2-7]{52}")
_INVALID: Final = "the token is not valid here: it is unknown, expired or revoked; nothing was done"
#: Milliseconds to wait for another process that writes; each of our transactions takes a few.
_BUSY_MS: Final = 10_000
_APPLICATION: Final = 0x6B796D67  # "kymg": what `PRAGMA application_id` says of our file

#: One script per schema version; a file of version n is brought up by those after the n-th.
_MIGRATIONS: Final = (
    """
    CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE agent (slug TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created TEXT NOT NULL);
    CREATE TABLE token (
      id TEXT PRIMARY KEY, hash BLOB NOT NULL, name TEXT NOT NULL,
      role TEXT NOT NULL CHECK (role IN ('reader', 'editor', 'publisher', 'admin')),
      graphs TEXT NOT NULL, agent TEXT NOT NULL REFERENCES agent (slug),
      created TEXT NOT NULL, expires TEXT, revoked TEXT, last_used TEXT);
    CREATE INDEX token_name ON token (name);
    CREATE TABLE proposal (
      number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
      author TEXT NOT NULL, created TEXT NOT NULL, base INTEGER NOT NULL,
      graphs TEXT NOT NULL, reason TEXT NOT NULL, patch BLOB NOT NULL, report TEXT NOT NULL,
      state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'declined', 'withdrawn')),
      decided TEXT, decided_by TEXT, decision TEXT, commit_number INTEGER,
      claim TEXT, claimed_until TEXT,
      CHECK ((state = 'open') = (decided IS NULL)),
      CHECK ((state = 'accepted') = (commit_number IS NOT NULL)));
    CREATE INDEX proposal_author ON proposal (author);
    CREATE INDEX proposal_state ON proposal (state);
    CREATE VIEW proposed AS SELECT
      number, id, author, created, base, graphs, reason, length(patch) AS size, report,
      state, decided, decided_by, decision, commit_number, claim, claimed_until FROM proposal;
    CREATE TABLE audit (
      number INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
      target TEXT NOT NULL, outcome TEXT NOT NULL, address TEXT);
    CREATE INDEX audit_time ON audit (time);
    """,
    """
    CREATE TABLE session (
      hash BLOB PRIMARY KEY, token TEXT REFERENCES token (id),
      role TEXT CHECK (role IN ('reader', 'editor', 'publisher', 'admin')), agent TEXT NOT NULL,
      begun TEXT NOT NULL, expires TEXT NOT NULL,
      CHECK ((token IS NULL) = (role IS NOT NULL))) WITHOUT ROWID;
    CREATE INDEX session_expires ON session (expires);
    """,
)
VERSION: Final = len(_MIGRATIONS)


# --- values ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what they may do."""

    id: str  #: of the token; `oidc:` and the slug for a person whom an issuer vouches for
    name: str  #: for the operator's eyes; never in the graph, a log or an answer to others
    role: Role
    graphs: frozenset[str]  #: names of the graphs they may write to; empty: all
    agent_slug: str  #: stands for them in the public ledger

    def may(self, role: Role, *, graphs: Collection[str] = ()) -> bool:
        """Whether they have this role (or a higher one), for all of these graphs."""
        return ROLES.index(self.role) >= ROLES.index(role) and (not self.graphs or self.graphs >= set(graphs))

    def require(self, role: Role, *, graphs: Collection[str] = ()) -> None:
        """Raise NotAllowed unless they have this role (or a higher one), for all of these graphs.

        >>> editor = Principal("t", "Maija", "editor", frozenset({"lineage"}), "k3f9")
        >>> editor.require("editor", graphs=["lineage"])
        >>> editor.require("publisher")
        Traceback (most recent call last):
        kymgraph.errors.NotAllowed: nothing was done: this takes the role publisher, and the token has editor
        """
        if not self.may(role):
            raise NotAllowed(
                f"nothing was done: this takes the role {role}, and the token has {self.role}",
                hint="ask the operator for a token with that role"
                + (", or send the change as a proposal" if self.may("editor") else ""),
            )
        if not self.may(role, graphs=graphs):
            outside = ", ".join(sorted(set(graphs) - self.graphs))
            raise NotAllowed(
                f"nothing was done: the token is for {', '.join(sorted(self.graphs))}, not for {outside}",
                hint="leave those graphs out of the change, or ask the operator for a token that covers them",
            )

    def agent(self, base: Base) -> str:
        """The IRI that answers for what they write."""
        return base.id("agent", self.agent_slug)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token. The token itself is not kept."""

    id: str
    name: str
    role: Role
    graphs: tuple[str, ...]  #: sorted names; empty: all
    agent_slug: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: date | None  #: to the day

    def state(self, now: datetime) -> Literal["live", "expired", "revoked"]:
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "live"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that somebody would like to see committed, and what became of it."""

    id: str  #: also the idempotency key of its commit
    author: str  #: slug of the agent
    created: datetime
    base: int  #: the generation it was made against
    graphs: tuple[str, ...]  #: sorted names of the graphs it touches
    reason: str
    size: int  #: bytes of its RDF Patch, which `Access.patch` gives
    report: Mapping[str, Any]  #: what the gate said when it was proposed
    state: State
    decided: datetime | None
    decided_by: str | None  #: slug of the agent
    decision: str | None  #: the reason given for it
    commit: int | None  #: number of the commit, once accepted


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the audit log."""

    number: int
    time: datetime
    who: str  #: slug of an agent, or `operator`
    what: str  #: such as `token.create`, `proposal.decide`, `commit`
    target: str  #: id of the token or proposal, number of the commit
    outcome: str  #: such as `done`, `accepted`, or the code of the error
    address: str | None  #: gone after a week


# --- the file -------------------------------------------------------------------------------------------


class Access:
    """Tokens, agents, proposals and audit log in the file `path`. Safe to use from several threads.

    The file is made by the first write; before that there are no tokens. All methods raise StoreBroken for a
    file that is not ours, CannotWrite if disk or rights forbid writing, and Busy if others write for seconds.
    """

    def __init__(
        self, path: str | Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.path = Path(path)
        self._now = clock
        self._file = _File(self.path)
        self._lookups: dict[str, tuple[bytes, Token]] = {}
        self._lookups_at: tuple[int, int] | None = None

    def close(self) -> None:
        self._file.close()

    def copy_to(self, path: Path) -> None:
        """Copy the file as it is between two writes, for a backup; nothing is copied while there is none."""
        if self.path.exists():
            with self._file.apart():
                _copy(self.path, path)

    @property
    def empty(self) -> bool:
        """Whether it holds neither a token nor a proposal."""
        return self._one("SELECT 1 FROM token UNION ALL SELECT 1 FROM proposal") is None

    def __enter__(self) -> Access:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- tokens

    def create_token(
        self,
        name: str,
        role: Role,
        *,
        graphs: Collection[str] = (),
        expires: datetime | None,
        by: str = OPERATOR,
    ) -> tuple[str, Token]:
        """Make a token: the text to hand over, which nobody can show again, and what is kept of it.

        `name` is the person's or program's; it may have one live token at a time, and a later token of the
        same name speaks for the same agent. `expires` None is never.

        Raises InputError for a name in use, an empty name, an unknown role or graph name, an expiry that has
        passed, and an admin's token limited to graphs (who could make one without).
        """
        name = unicodedata.normalize("NFC", name).strip()
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise InputError("a token's name is 1 to 100 printable characters; no token was made")
        if role not in ROLES:
            raise InputError(f"{role!r} is no role; there are {', '.join(ROLES)}; no token was made")
        if role == "admin" and graphs:
            raise InputError(
                "an admin may make any token, so limits to graphs would limit nothing; no token was made",
                hint="leave --graph away, or take the role publisher",
            )
        for graph in graphs:
            _check_graph(graph)
        now = self._now()
        if expires is not None and expires <= now:
            raise InputError(f"{_text(expires)} has passed; no token was made")
        with self._file.write() as db:
            for row in db.execute("SELECT * FROM token WHERE name = ?", (name,)):
                if _token(row).state(now) == "live":
                    raise InputError(
                        f"there is a live token named {name!r} (id {row['id']}); no token was made",
                        hint=f"revoke it first: kymgraph token revoke {row['id']}",
                    )
            id_, text = _new_token()
            db.execute(
                "INSERT INTO token (id, hash, name, role, graphs, agent, created, expires) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (id_, _hash(text), name, role, json.dumps(sorted(set(graphs))), self._agent(db, name),
                 _text(now), None if expires is None else _text(expires)),
            )  # fmt: skip
            self._record(db, by, "token.create", id_, role)
            row = db.execute("SELECT * FROM token WHERE id = ?", (id_,)).fetchone()
        return text, _token(row)

    def tokens(self) -> list[Token]:
        """All tokens, live ones or not, oldest first."""
        with self._file.read() as db:
            if db is None:
                return []
            return [_token(row) for row in db.execute("SELECT * FROM token ORDER BY created, rowid")]

    def revoke(self, name_or_id: str, *, by: str = OPERATOR) -> Token:
        """End a live token, by name, id or itself; from the next request on it is worth nothing.

        One that is revoked already stays so. Raises TokenNotFound.
        """
        name = unicodedata.normalize("NFC", name_or_id).strip()
        if whole := _TOKEN.fullmatch(name):
            name = whole[1]  # somebody found one where it should not be
        now = self._now()
        if self.path.exists():
            with self._file.write() as db:
                found = [_token(row) for row in db.execute("SELECT * FROM token WHERE name = ?", (name,))]
                found = [token for token in found if token.state(now) == "live"]
                if not found:
                    found = [_token(row) for row in db.execute("SELECT * FROM token WHERE id = ?", (name,))]
                if found:
                    id_ = found[0].id
                    db.execute(
                        "UPDATE token SET revoked = coalesce(revoked, ?) WHERE id = ?", (_text(now), id_)
                    )
                    self._record(db, by, "token.revoke", id_, "done")
                    row = db.execute("SELECT * FROM token WHERE id = ?", (id_,)).fetchone()
                    return _token(row)
        raise TokenNotFound(
            f"there is no live token with name or id {name_or_id!r}; nothing was changed",
            hint="kymgraph token list shows them",
        )

    def authenticate(self, token: str) -> Principal:
        """Who sends this token. Raises TokenInvalid, the same for unknown, expired and revoked ones."""
        principal, unmarked = self.look_up(token)
        if unmarked:
            self.mark_used(principal.id)
        return principal

    def look_up(self, token: str) -> tuple[Principal, bool]:
        """`authenticate` in some microseconds, and whether today's use is yet to be marked (`mark_used`)."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise TokenInvalid(_INVALID)
        found: tuple[bytes, Token] | None = None
        with self._file.read() as db:
            if db is not None:
                # Moves with every write of anybody else, and writes of ours go through another connection.
                state = self._file.opened, db.execute("PRAGMA data_version").fetchone()[0]
                if state != self._lookups_at:
                    self._lookups, self._lookups_at = {}, state
                found = self._lookups.get(match[1])
                if found is None:
                    row = db.execute("SELECT * FROM token WHERE id = ?", (match[1],)).fetchone()
                    if row is not None:
                        found = self._lookups[match[1]] = row["hash"], _token(row)
        # The hash is compared even where the id is unknown, so that time does not tell which ids there are.
        same = hmac.compare_digest(_hash(token), found[0] if found else bytes(32))
        now = self._now()
        if found is None or not same or found[1].state(now) != "live":
            raise TokenInvalid(_INVALID)
        return _principal(found[1]), found[1].last_used != now.date()

    def mark_used(self, token_id: str) -> None:
        """Remember that a token was used today. Says nothing if others are writing: there is a next time."""
        with contextlib.suppress(Busy, CannotWrite), self._file.write(patient=False) as db:
            db.execute(
                "UPDATE token SET last_used = ? WHERE id = ?", (self._now().date().isoformat(), token_id)
            )

    # -- sessions of browsers

    def begin_session(self, principal: Principal, *, address: str | None = None) -> str:
        """Sign somebody in with a browser: the text of the cookie, of which only the hash is kept.

        It ends after SESSION; one that a token began ends with that token too, from the next request on.
        """
        text, now = secrets.token_urlsafe(32), self._now()
        vouched = principal.id.startswith("oidc:")
        with self._file.write() as db:
            db.execute("DELETE FROM session WHERE expires <= ?", (_text(now),))
            db.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)",
                (_hash(text), None if vouched else principal.id, principal.role if vouched else None,
                 principal.agent_slug, _text(now), _text(now + SESSION)),
            )  # fmt: skip
            self._record(db, principal.agent_slug, "session.begin", principal.id, "done", address)
        return text

    def session(self, text: str) -> Principal | None:
        """Who is signed in with a cookie of this text; None for one that is unknown or has ended."""
        if not text.isascii() or not 1 <= len(text) <= 100:
            return None
        with self._file.read() as db:
            if db is None:
                return None
            row = db.execute("SELECT * FROM session WHERE hash = ?", (_hash(text),)).fetchone()
            now = self._now()
            if row is None or _time(row["expires"]) <= now:
                return None
            if row["token"] is None:
                return Principal(f"oidc:{row['agent']}", row["agent"], row["role"], frozenset(), row["agent"])
            token = _token(db.execute("SELECT * FROM token WHERE id = ?", (row["token"],)).fetchone())
        return _principal(token) if token.state(now) == "live" else None

    def end_session(self, text: str, *, address: str | None = None) -> None:
        """Sign out: the cookie of this text is worth nothing from the next request on."""
        with self._file.write() as db:
            row = db.execute("DELETE FROM session WHERE hash = ? RETURNING *", (_hash(text),)).fetchone()
            if row is not None:
                target = row["token"] or f"oidc:{row['agent']}"
                self._record(db, row["agent"], "session.end", target, "done", address)

    # -- agents

    def agent(self, name: str) -> str:
        """The slug that stands for a person or program of this name; a new one if it is not known yet."""
        with self._file.write() as db:
            return self._agent(db, unicodedata.normalize("NFC", name).strip())

    def name_of(self, slug: str) -> str | None:
        """Who is behind a slug, for the operator's eyes; None for one that an issuer vouches for."""
        row = self._one("SELECT name FROM agent WHERE slug = ?", slug)
        return row["name"] if row else None

    def salt(self) -> bytes:
        """32 random bytes, made once for this store: pseudonyms made with them mean nothing elsewhere."""
        ask = "SELECT value FROM secret WHERE name = 'salt'"
        row = self._one(ask)
        if row is None:
            with self._file.write() as db:
                db.execute("INSERT OR IGNORE INTO secret VALUES ('salt', ?)", (secrets.token_bytes(32),))
                row = db.execute(ask).fetchone()
        return bytes(row["value"])

    def _one(self, text: str, *values: str) -> Any:
        """The first row of an answer, or None; also while there is no file."""
        with self._file.read() as db:
            return None if db is None else db.execute(text, values).fetchone()

    def _agent(self, db: sqlite3.Connection, name: str) -> str:
        row = db.execute("SELECT slug FROM agent WHERE name = ?", (name,)).fetchone()
        if row is not None:
            return str(row["slug"])
        slug = _random(60)
        db.execute("INSERT INTO agent VALUES (?, ?, ?)", (slug, name, _text(self._now())))
        return slug

    # -- proposals

    def propose(
        self,
        principal: Principal,
        patch: bytes,
        *,
        base: int,
        graphs: Collection[str],
        reason: str,
        report: Mapping[str, Any],
        key: str | None = None,
        address: str | None = None,
    ) -> Proposal:
        """Put a change before those who decide; once only if a `key` comes along that marks the request.

        Raises NotAllowed unless an editor of all its graphs asks, IdReused for a key with another change.
        """
        principal.require("editor", graphs=graphs)
        id_ = _random(80) if key is None else _derived(f"{principal.id} {key}")
        with self._file.write() as db:
            row = db.execute("SELECT * FROM proposal WHERE id = ?", (id_,)).fetchone()
            if row is not None:
                if bytes(row["patch"]) != patch or row["author"] != principal.agent_slug:
                    raise IdReused(f"nothing was written: this key belongs to proposal {id_}, another change")
                return _proposal(db.execute("SELECT * FROM proposed WHERE id = ?", (id_,)).fetchone())
            db.execute(
                "INSERT INTO proposal (id, author, created, base, graphs, reason, patch, report) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (id_, principal.agent_slug, _text(self._now()), base,
                 json.dumps(sorted(set(graphs))), reason, patch, json.dumps(report, ensure_ascii=False)),
            )  # fmt: skip
            self._record(db, principal.agent_slug, "proposal.create", id_, "done", address)
            row = db.execute("SELECT * FROM proposed WHERE id = ?", (id_,)).fetchone()
        return _proposal(row)

    def proposal(self, id: str, principal: Principal) -> Proposal:
        """One proposal. Raises ProposalNotFound for one that is not there or not for these eyes."""
        row = self._one("SELECT * FROM proposed WHERE id = ?", id)
        if row is None or not _sees(principal, found := _proposal(row)):
            raise _no_proposal(id)
        return found

    def patch(self, id: str, principal: Principal) -> bytes:
        """The change of a proposal, as the RDF Patch it was sent as. Raises ProposalNotFound."""
        self.proposal(id, principal)
        with self._file.apart() as db:
            return bytes(db.execute("SELECT patch FROM proposal WHERE id = ?", (id,)).fetchone()["patch"])

    def proposals(
        self,
        principal: Principal,
        *,
        state: State | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> list[Proposal]:
        """The newest proposals that the principal may see: their own, and those that they may decide.

        `before` pages on: give the id of the last one seen.
        """
        found: list[Proposal] = []
        if not self.path.exists():
            return found
        with self._file.apart() as db:
            rows = db.execute(
                "SELECT * FROM proposed WHERE (:state IS NULL OR state = :state) "
                "AND (:before IS NULL OR number < (SELECT number FROM proposal WHERE id = :before)) "
                "AND (:all OR author = :author) ORDER BY number DESC",
                {
                    "state": state,
                    "before": before,
                    "all": principal.may("publisher"),
                    "author": principal.agent_slug,
                },
            )
            for row in rows:
                if len(found) >= limit:
                    break
                if _sees(principal, one := _proposal(row)):
                    found.append(one)
        return found

    def claim(self, id: str, principal: Principal) -> str:
        """Hold an open proposal while its change is committed: nobody else decides it meanwhile.

        Gives the claim, for `decide` or `release`. It lapses after CLAIM_SECONDS, should its holder die;
        since a commit bears the proposal's id as its idempotency key, a second acceptance finds the first
        commit.

        Raises ProposalNotFound, NotAllowed, and ProposalDecided if it is decided or held by another.
        """
        now = self._now()
        with self._file.write() as db:
            found = self._to_decide(db, id, principal, "accepted", None)
            claim = _random(120)
            db.execute(
                "UPDATE proposal SET claim = ?, claimed_until = ? WHERE id = ?",
                (claim, _text(now + timedelta(seconds=CLAIM_SECONDS)), found.id),
            )
        return claim

    def release(self, id: str, claim: str) -> None:
        """Give a claim back, the proposal being open still (the gate refused its change, say)."""
        with self._file.write() as db:
            db.execute(
                "UPDATE proposal SET claim = NULL, claimed_until = NULL WHERE id = ? AND claim = ?",
                (id, claim),
            )

    def decide(
        self,
        id: str,
        principal: Principal,
        decision: Decision,
        *,
        reason: str,
        commit: int | None = None,
        claim: str | None = None,
        address: str | None = None,
    ) -> Proposal:
        """Accept (with the number of its commit), decline or withdraw an open proposal; once and for all.

        A publisher of all its graphs accepts or declines; its author withdraws.

        Raises ProposalNotFound, NotAllowed, and ProposalDecided if somebody was first.
        """
        if (decision == "accepted") != (commit is not None):
            raise ValueError("an accepted proposal, and no other, has the number of its commit")
        with self._file.write() as db:
            found = self._to_decide(db, id, principal, decision, claim)
            db.execute(
                "UPDATE proposal SET state = ?, decided = ?, decided_by = ?, decision = ?, "
                "commit_number = ?, claim = NULL, claimed_until = NULL WHERE id = ?",
                (decision, _text(self._now()), principal.agent_slug, reason, commit, found.id),
            )
            self._record(db, principal.agent_slug, "proposal.decide", id, decision, address)
            row = db.execute("SELECT * FROM proposed WHERE id = ?", (id,)).fetchone()
        return _proposal(row)

    def _to_decide(
        self, db: sqlite3.Connection, id: str, principal: Principal, decision: Decision, claim: str | None
    ) -> Proposal:
        """The open proposal, which nobody else holds, if the principal may decide it so."""
        row = db.execute("SELECT * FROM proposed WHERE id = ?", (id,)).fetchone()
        if row is None or not _sees(principal, found := _proposal(row)):
            raise _no_proposal(id)
        if decision != "withdrawn":
            principal.require("publisher", graphs=found.graphs)
        elif found.author != principal.agent_slug:
            raise NotAllowed(
                f"proposal {id} is another's, who alone may withdraw it; it stays open",
                hint="decline it instead",
            )
        if found.state != "open":
            raise ProposalDecided(f"proposal {id} was {found.state} already; nothing was changed")
        held = row["claimed_until"] is not None and row["claimed_until"] > _text(self._now())
        if held and (claim is None or not hmac.compare_digest(claim, row["claim"])):
            raise ProposalDecided(
                f"proposal {id} is being decided at this moment; nothing was changed",
                hint="look again in a while",
            )
        return found

    # -- audit log

    def record(self, who: str, what: str, target: str, outcome: str, *, address: str | None = None) -> None:
        """Add a line to the audit log. Never give it a secret, a body or a name.

        `who` is an agent's slug. What strangers try without a token does not belong here: they could fill
        the disk with it.
        """
        with self._file.write() as db:
            self._record(db, who, what, target, outcome, address)

    def audit(self, limit: int = 100, since: datetime | None = None) -> list[Event]:
        """The newest lines of the audit log, newest first; `since` leaves out those before it."""
        with self._file.read() as db:
            if db is None:
                return []
            rows = db.execute(
                "SELECT * FROM audit WHERE ? IS NULL OR time >= ? ORDER BY number DESC LIMIT ?",
                (*[since and _text(since)] * 2, limit),
            ).fetchall()
        old = _text(self._now() - timedelta(days=ADDRESS_DAYS))
        return [
            Event(
                row["number"], _time(row["time"]), row["who"], row["what"], row["target"], row["outcome"],
                # Also where no write has come by since to wipe it out.
                row["address"] if row["time"] > old else None,
            )
            for row in rows
        ]  # fmt: skip

    def purge(self) -> int:
        """Wipe out the addresses of the audit log older than a week; gives how many. Writes do it as well."""
        if not self.path.exists():
            return 0
        with self._file.write() as db:
            return self._purge(db)

    def _purge(self, db: sqlite3.Connection) -> int:
        old = _text(self._now() - timedelta(days=ADDRESS_DAYS))
        wiped = db.execute(
            "UPDATE audit SET address = NULL WHERE address IS NOT NULL AND time <= ?", (old,)
        ).rowcount
        self._file.wiped |= wiped > 0
        return wiped

    def _record(
        self,
        db: sqlite3.Connection,
        who: str,
        what: str,
        target: str,
        outcome: str,
        address: str | None = None,
    ) -> None:
        self._purge(db)
        db.execute(
            "INSERT INTO audit (time, who, what, target, outcome, address) VALUES (?, ?, ?, ?, ?, ?)",
            (_text(self._now()), who, what, target, outcome, address),
        )

    # -- redaction

    def texts(
        self,
        *,
        text: Callable[[str], bool],
        value: Callable[[Any], bool],
        patch: Callable[[bytes], bool],
    ) -> dict[str, int]:
        """Ask every text, report (as JSON values) and patch; gives how many say yes, by what they are of."""
        counts = {"proposals": 0, "lines of the audit log": 0, "names of tokens and agents": 0}
        with self._file.apart() as db:
            for row in db.execute("SELECT patch, reason, report, decision FROM proposal"):
                told = [
                    patch(bytes(row["patch"])),
                    text(row["reason"]),
                    value(json.loads(row["report"])),
                    text(row["decision"] or ""),
                ]
                counts["proposals"] += any(told)
            for row in db.execute("SELECT target FROM audit"):
                counts["lines of the audit log"] += text(row["target"])
            for row in db.execute("SELECT name FROM token UNION ALL SELECT name FROM agent"):
                counts["names of tokens and agents"] += text(row["name"])
        return counts

    def rewrite(
        self,
        *,
        text: Callable[[str], str],
        value: Callable[[Any], Any],
        patch: Callable[[bytes], bytes],
    ) -> None:
        """Replace all that `texts` asks; nothing of what stood there is left in the file."""
        with self._file.write() as db:
            for (number,) in db.execute("SELECT number FROM proposal").fetchall():
                row = db.execute("SELECT * FROM proposal WHERE number = ?", (number,)).fetchone()
                report = json.loads(row["report"])
                said = value(report)
                db.execute(
                    "UPDATE proposal SET patch = ?, reason = ?, report = ?, decision = ? WHERE number = ?",
                    (
                        patch(bytes(row["patch"])),
                        text(row["reason"]),
                        row["report"] if said == report else json.dumps(said, ensure_ascii=False),
                        None if row["decision"] is None else text(row["decision"]),
                        number,
                    ),
                )
            for ask, put in (
                ("SELECT rowid, target FROM audit", "UPDATE audit SET target = ? WHERE rowid = ?"),
                ("SELECT rowid, name FROM token", "UPDATE token SET name = ? WHERE rowid = ?"),
                ("SELECT rowid, name FROM agent", "UPDATE agent SET name = ? WHERE rowid = ?"),
            ):
                for number, old in db.execute(ask).fetchall():
                    if (new := text(old)) != old:
                        db.execute(put, (new, number))
        with self._file.apart() as db:
            db.execute("PRAGMA temp_store = MEMORY")
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


# --- for servers ----------------------------------------------------------------------------------------


class Vouching(Protocol):
    """What `Authenticator` needs of `kymgraph.oidc.Issuer`."""

    def authenticate(self, token: str) -> Principal: ...


class Authenticator:
    """The principal of a request, for asyncio. A token of ours is looked up at once, in microseconds.

    What may wait is done in threads: the mark of the day's first use, and tokens of an issuer, whose keys may
    have to be fetched. Those threads are few and its own, so that a slow issuer holds up nobody else.
    """

    def __init__(self, access: Access, issuer: Vouching | None = None) -> None:
        self._access, self._issuer = access, issuer
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="authenticate")

    async def principal(self, header: str | None) -> Principal | None:
        """Who sends this `Authorization` header; None without one.

        Raises TokenInvalid for anything but a good bearer token.
        """
        if header is None:
            return None
        scheme, _, token = header.strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise TokenInvalid(
                "the Authorization header holds no bearer token; nothing was done",
                hint="send: Authorization: Bearer TOKEN",
            )
        if self._issuer is not None and token.count(".") == 2:
            return await self._in_thread(partial(self._issuer.authenticate, token))
        principal, unmarked = self._access.look_up(token)
        if unmarked:
            await self._in_thread(partial(self._access.mark_used, principal.id))
        return principal

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def carried(old: Path, new: Path) -> Iterator[None]:
    """While one store folder takes the place of another: copy its access file, and let nobody write to it.

    Put the folders in place inside the `with`. Whoever waited to write sees that the file is another one.
    """
    if not (old / FILE).exists():
        yield
        return
    file = _File(old / FILE)
    try:
        with file.write():
            _copy(old / FILE, new / FILE)
            yield
    finally:
        file.close()


# --- the machinery --------------------------------------------------------------------------------------


class _File:
    """Two connections to one SQLite file: reading is never kept waiting by writing.

    The file may be replaced as a whole (a store built anew, a backup restored): each use sees to it that the
    file that is open is the one that stands at the path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._reader: tuple[tuple[int, int], sqlite3.Connection] | None = None
        self._writer: tuple[tuple[int, int], sqlite3.Connection] | None = None
        self.opened = 0  #: times that a connection to read with was opened
        self.wiped = False  #: whether this transaction wiped something out, which the log of SQLite still has

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection | None]:
        """A connection to read with, or None while there is no file."""
        with self._reading, self._told():
            here = self._identity()
            if self._reader is not None and self._reader[0] != here:
                self._reader[1].close()
                self._reader = None
            if self._reader is None and here is not None:
                self._reader = here, self._open()
                self.opened += 1
            yield self._reader[1] if self._reader else None

    @contextlib.contextmanager
    def apart(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own to read much with, for which no look-up has to wait; the file is there."""
        with self._told(), contextlib.closing(self._open()) as db:
            yield db

    @contextlib.contextmanager
    def write(self, *, patient: bool = True) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction, which ends well with the block or changes nothing."""
        if not self._writing.acquire(timeout=_BUSY_MS / 1000 if patient else 0):
            raise Busy("others are writing to the access file; nothing was changed")
        try:
            with self._told():
                db = self._begin(patient)
                self.wiped = False
                try:
                    yield db
                    db.commit()
                except BaseException:
                    db.rollback()
                    raise
                if self.wiped:
                    db.execute("PRAGMA busy_timeout = 0")
                    with contextlib.suppress(sqlite3.OperationalError):  # a reader is in the way: next time
                        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._writing.release()

    def _begin(self, patient: bool) -> sqlite3.Connection:
        for _ in range(5):
            here = self._identity()
            if here is None:
                self._make_folder()
                _create(self.path)
                here = self._identity()
            if self._writer is not None and self._writer[0] != here:
                self._writer[1].close()
                self._writer = None
            if here is None:
                continue
            if self._writer is None:
                self._writer = here, self._open()
            db = self._writer[1]
            db.execute(f"PRAGMA busy_timeout = {_BUSY_MS if patient else 0}")
            db.execute("BEGIN IMMEDIATE")
            # While we waited for the lock another file may have been put here; ours would be thrown away.
            if self._identity() == here:
                return db
            db.rollback()
        raise Busy(f"{self.path} is being replaced; nothing was changed")

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 (for every request; a Path costs more than the call)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_dev, status.st_ino

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(
                f"{self.path.parent} could not be made: {error.strerror}; nothing was changed"
            ) from None

    def _open(self) -> sqlite3.Connection:
        """A connection to the file at the path, brought up to our schema."""
        with contextlib.suppress(PermissionError):
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)  # it holds names; SQLite gives the files beside it the same rights
        db = sqlite3.connect(
            f"file:{quote(str(self.path.absolute()))}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_MS / 1000,
        )
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA synchronous = FULL")
            if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                self._migrate(db)
        except BaseException:
            db.close()
            raise
        return db

    def _migrate(self, db: sqlite3.Connection) -> None:
        _use_wal(db)
        db.execute("BEGIN IMMEDIATE")
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            application = db.execute("PRAGMA application_id").fetchone()[0]
            tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version > VERSION or (application != _APPLICATION and (version or application or tables)):
                raise StoreBroken(
                    f"{self.path} is not an access file that this kymgraph reads (version {version}, not "
                    f"{VERSION}); nothing was changed",
                    hint="use the kymgraph that wrote it, or put the file aside: its tokens end then",
                )
            for script in _MIGRATIONS[version:]:
                for statement in script.split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            db.rollback()
            raise
        db.commit()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's errors as ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Busy(
                    f"others are writing to {self.path}; nothing was changed", hint="try again"
                ) from None
            raise CannotWrite(
                f"{self.path} could not be used: {error}; nothing was changed",
                hint="see that the disk has room and that the file and its folder are yours",
            ) from None
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
                raise  # a fault of ours
            raise StoreBroken(
                f"{self.path} is broken ({error}); nothing was changed",
                hint="restore it from a backup, or put it aside: its tokens end then",
            ) from None

    def close(self) -> None:
        with self._reading, self._writing:
            for opened in (self._reader, self._writer):
                if opened is not None:
                    opened[1].close()
            self._reader = self._writer = None


def _create(path: Path) -> Path:
    """Make the file with its rights before SQLite would make it with others."""
    # Never opened if it is there: closing any descriptor of a file drops SQLite's locks on it (POSIX).
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise CannotWrite(f"{path} could not be made: {error.strerror}; nothing was changed") from None
    return path


def _copy(source: Path, target: Path) -> None:
    """A copy of the file as it is between two writes."""
    with (
        contextlib.closing(sqlite3.connect(source)) as read,
        contextlib.closing(sqlite3.connect(_create(target))) as written,
    ):
        read.backup(written)


def _use_wal(db: sqlite3.Connection) -> None:
    """Readers beside a writer. SQLite does not wait by itself when two make this change at once."""
    until = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _sees(principal: Principal, proposal: Proposal) -> bool:
    return proposal.author == principal.agent_slug or principal.may("publisher", graphs=proposal.graphs)


def _no_proposal(id: str) -> ProposalNotFound:
    return ProposalNotFound(f"there is no proposal {id!r} that you may see")


def _check_graph(name: str) -> None:
    try:
        Base().graph(name)
    except ValueError as error:
        raise InputError(f"{error}; no token was made") from None


def _random(bits: int) -> str:
    """Random letters and digits that nobody confuses (no 0, 1, 8, 9); five bits each."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    return "".join(secrets.choice(alphabet) for _ in range(bits // 5))


def _derived(text: str) -> str:
    """80 bits that stand for a text, in the letters of `_random`."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()[:10]).decode("ascii").lower()


def _new_token() -> tuple[str, str]:
    """Id and text of a token: 256 random bits behind the id by which it is found."""
    id_ = _random(40)
    secret = base64.b32encode(secrets.token_bytes(32)).decode("ascii").rstrip("=").lower()
    return id_, f"kymg_{id_}_{secret}"


def _hash(token: str) -> bytes:
    # One round is enough: a token is no password but 256 random bits, which nobody guesses.
    return hashlib.sha256(token.encode()).digest()


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _token(row: sqlite3.Row) -> Token:
    return Token(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        graphs=tuple(json.loads(row["graphs"])),
        agent_slug=row["agent"],
        created=_time(row["created"]),
        expires=_time(row["expires"]) if row["expires"] else None,
        revoked=_time(row["revoked"]) if row["revoked"] else None,
        last_used=date.fromisoformat(row["last_used"]) if row["last_used"] else None,
    )


def _principal(token: Token) -> Principal:
    return Principal(token.id, token.name, token.role, frozenset(token.graphs), token.agent_slug)


def _proposal(row: sqlite3.Row) -> Proposal:
    return Proposal(
        id=row["id"],
        author=row["author"],
        created=_time(row["created"]),
        base=row["base"],
        graphs=tuple(json.loads(row["graphs"])),
        reason=row["reason"],
        size=row["size"],
        report=json.loads(row["report"]),
        state=row["state"],
        decided=_time(row["decided"]) if row["decided"] else None,
        decided_by=row["decided_by"],
        decision=row["decision"],
        commit=row["commit_number"],
    )


def expiry(text: str, now: datetime) -> datetime | None:
    """Read when a token ends: `90d`, a date (which it still holds), or `never`. Raises InputError.

    >>> expiry("2027-01-31", datetime(2026, 1, 1, tzinfo=UTC))
    datetime.datetime(2027, 2, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if text == "never":
        return None
    if days := re.fullmatch(r"([1-9]\d{0,3})d", text):
        return now + timedelta(days=int(days[1]))
    with contextlib.suppress(ValueError):
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + timedelta(days=1)
    raise InputError(f"{text!r} is no expiry: write 90d, 2027-01-31 or never; no token was made")
