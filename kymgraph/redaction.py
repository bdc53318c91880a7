"""Taking a text out of everything the store holds, history too; a tombstone stands where it was.

A redaction is no change like others: it rewrites the past, so it is done by whoever may read the store's
files, while nobody else writes. The one rule: the store is made anew beside the old one, of mapped quads and
records, and takes its place in one move. So it is as before until then, and complete after; and no file of
it ever held the text. What was to be done stands in the store's folder until the last byte of the old one is
deleted, so that a redaction which was cut off can be finished, and nothing else be written before.

The map gives every spelling of the text a mark of its own, which stands nowhere yet: it can be turned round
in thought, so two texts never become one, and replay, revert and the states of the past stay exact. The key
that the marks are made with is thrown away.
"""

from __future__ import annotations

import datetime
import fcntl
import gzip
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn
from urllib.parse import unquote

from kymgraph import access, ledger
from kymgraph.access import Access
from kymgraph.changeset import Changeset, from_patch, new_id, to_patch
from kymgraph.commit import Committer, check_reason, with_reason
from kymgraph.errors import (
    BaseMoved,
    CannotWrite,
    GateRejected,
    InputError,
    KymgraphError,
    StoreBroken,
    StoreMissing,
)
from kymgraph.namespaces import RDF, XSD
from kymgraph.project import LEDGER_GRAPH, Project
from kymgraph.rdf import BlankNode, NamedNode, Quad, Triple
from kymgraph.rdf import Literal as RdfLiteral
from kymgraph.store import recorded
from kymgraph.store.embedded import REDACTION, RESERVE, EmbeddedStore, exchange, lock, move_pointer
from kymgraph.store.journal import FIRST_GENERATION, Entry, Journal, fsync_folder, timestamp
from kymgraph.store.rewrite import Database, rewrite

if TYPE_CHECKING:
    from kymgraph.report import Report

#: Told of each step: what is done now, how much of it is done, how much there is.
Progress = Callable[[str, int, int], None]

#: The name of the folder beside the store that a redaction works in ends in this.
BESIDE: Final = ".redacting"
#: A text of fewer characters would be found in half of all words.
SHORTEST: Final = 2
#: Examples, IRIs and such that are listed.
LISTED: Final = 20

_MARK: Final = re.compile(r"\[redacted ([0-9a-f]{8})\]")
_STRINGS: Final = frozenset({XSD + "string", RDF + "langString", RDF + "dirLangString"})
#: Commits that are written to the new journal with one fsync.
_BATCH: Final = 200
#: What a store folder holds besides the databases, and is left behind or made anew.
_KNOWN: Final = frozenset(
    {"version", "current", "live", "checkpoints", "journal", "history", "files.json", "writer.lock", "search"}
    | {"dumps", recorded.FILE, recorded.RULES, *access.FILES, "writer.sock", REDACTION}
)


# --- the map --------------------------------------------------------------------------------------------


class Marks:
    """What becomes of texts, terms, quads, changes and entries. The same for the same key.

    >>> marks = Marks("Maija Meri", key="00")
    >>> marks.text("Soita: Maija Meri!") == f"Soita: {marks.mark('Maija Meri')}!"
    True
    """

    def __init__(self, text: str, *, key: str, ignore_case: bool = False) -> None:
        # The same letters may be written composed or decomposed.
        spellings = {text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}
        alternatives = "|".join(re.escape(each) for each in sorted(spellings, key=len, reverse=True))
        self._pattern = re.compile(alternatives, re.IGNORECASE if ignore_case else 0)
        self.key = key
        self._secret = bytes.fromhex(key)
        self._iris: dict[str, bool] = {}

    def holds(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def spellings(self, text: str) -> list[str]:
        """The spellings of the text that stand in another."""
        return self._pattern.findall(text)

    def mark(self, spelling: str) -> str:
        """What stands in place of one spelling of the text."""
        return f"[redacted {self._token(spelling)}]"

    def _token(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:8]

    def text(self, text: str) -> str:
        return self._pattern.sub(lambda found: self.mark(found[0]), text)

    def value(self, value: Any) -> Any:
        """JSON with every text in it mapped, also where it is a key."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(each) for key, each in value.items()}
        return [self.value(each) for each in value] if isinstance(value, list | tuple) else value

    def in_iri(self, iri: str) -> bool:
        """Whether an IRI holds the text, percent-encoded or not."""
        known = self._iris.get(iri)
        if known is None:
            known = self.holds(iri) or ("%" in iri and self.holds(unquote(iri)))
            if len(self._iris) < 1_000_000:
                self._iris[iri] = known
        return known

    def iri(self, iri: str) -> str:
        """What becomes of an IRI that only the record of a commit holds: its source, its id."""
        return f"urn:redacted:{self._token(iri)}" if iri and self.in_iri(iri) else iri

    def quad(self, quad: Quad) -> Quad:
        """The quad itself if there is nothing in it to map."""
        old = quad.object
        value = self._term(old)
        if value is old and not isinstance(quad.subject, Triple):
            return quad
        return Quad(self._term(quad.subject), quad.predicate, value, quad.graph_name)

    def _term(self, term: Any) -> Any:
        if isinstance(term, RdfLiteral):
            text = self.text(term.value) if term.datatype.value in _STRINGS else term.value
            if text == term.value:
                return term
            if term.language is None:
                return RdfLiteral(text)
            direction = getattr(term, "direction", None)
            more = {"direction": direction} if direction is not None else {}
            return RdfLiteral(text, language=term.language, **more)
        if isinstance(term, Triple):
            return Triple(self._term(term.subject), term.predicate, self._term(term.object))
        return term

    def change(self, change: Changeset) -> Changeset:
        return replace(
            change,
            removed=frozenset(map(self.quad, change.removed)),
            added=frozenset(map(self.quad, change.added)),
            source=self.iri(change.source),
            reason=self.text(change.reason),
            id=self.iri(change.id),
        )

    def entry(self, entry: Entry, before: Changeset, after: Changeset) -> Entry:
        """The entry of a commit whose change has become `after`.

        What was asked for is remembered as a digest, from which a text that little is unknown of could be
        guessed; where anything of the commit is mapped it goes as well, so a repetition of that request is
        refused from then on (`id-reused`) rather than answered.
        """
        mapped = replace(
            entry,
            id=after.id if entry.id == before.id else self.iri(entry.id),
            source=self.iri(entry.source),
            reason=self.text(entry.reason),
            digest=after.digest if entry.digest == before.digest or after != before else entry.digest,
            more=self.value(dict(entry.more)),
        )
        if (mapped != entry or before != after) and "request" in entry.more:
            mapped = replace(mapped, more={**mapped.more, "request": after.digest})
        return mapped

    def patch(self, patch: bytes) -> bytes:
        """An RDF Patch as somebody sent it; written anew (without its comments) where it holds the text."""
        change = from_patch(patch)
        mapped = self.change(change)
        held = mapped != change or self.holds(patch.decode("utf-8", "replace"))
        return to_patch(mapped) if held else patch


# --- looking for it -------------------------------------------------------------------------------------


@dataclass
class Found:
    """Where a text stands."""

    places: Counter[str] = field(default_factory=Counter)  #: place -> number of quads, commits, proposals …
    examples: list[str] = field(default_factory=list)  #: resource and property, without the text
    iris: list[str] = field(default_factory=list)  #: IRIs with the text in them, which stay
    typed: list[str] = field(default_factory=list)  #: literals that are not text, such as dates
    files: list[str] = field(default_factory=list)  #: of the project, with their number of lines
    older: int = 0  #: checkpoints that go or are made anew

    @property
    def anything(self) -> bool:
        """Whether there is anything that a redaction would map."""
        return bool(self.places)


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be done, as it stands in the store's folder meanwhile."""

    text: str
    ignore_case: bool
    reason: str
    agent: str
    key: str
    id: str
    time: str
    number: int  #: of the commit
    stage: Literal["make", "clean"] = "make"  #: the new store is in the making, or in place

    @property
    def marks(self) -> Marks:
        return Marks(self.text, key=self.key, ignore_case=self.ignore_case)


@dataclass(frozen=True, slots=True)
class Redacted:
    """What became of it."""

    number: int | None  #: of the commit; None if there was nothing to redact
    found: Found
    left: tuple[str, ...]  #: files of the store in which the text can still be read, by name
    report: Report | None  #: of the whole new state


class _Survey:
    """Counts what there is to map, and makes sure that the marks are new."""

    def __init__(self, project: Project, marks: Marks) -> None:
        self.found, self.spellings, self.tokens = Found(), set[str](), set[str]()
        self._project, self._marks = project, marks
        self._iris: set[str] = set()
        self._typed: set[str] = set()

    def text(self, text: str) -> bool:
        self.tokens.update(_MARK.findall(text))
        spellings = self._marks.spellings(text)
        self.spellings.update(spellings)
        return bool(spellings)

    def value(self, value: Any) -> bool:
        """A text or JSON."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self.value([*map(str, value), *value.values()])
        # All of them are asked, for the sake of their spellings.
        return isinstance(value, list | tuple) and sum(map(self.value, value)) > 0

    def quad(self, quad: Quad) -> bool:
        """Whether a quad will be mapped."""
        held = False
        for term in self._terms(quad):
            if isinstance(term, NamedNode):
                if self._marks.in_iri(term.value):
                    self._iris.add(term.value)
            elif isinstance(term, RdfLiteral) and self.text(term.value):
                if term.datatype.value in _STRINGS:
                    held = True
                else:
                    self._typed.add(f"{_short(self._project, quad)} ({term.datatype.value})")
        return held

    def _terms(self, quad: Quad | Triple) -> Iterator[Any]:
        for term in (quad.subject, quad.predicate, quad.object, getattr(quad, "graph_name", None)):
            if isinstance(term, Triple):
                yield from self._terms(term)
            else:
                yield term

    def state(self, quads: Iterable[Quad], progress: Callable[[], None]) -> None:
        for quad in quads:
            progress()
            graph = quad.graph_name
            if isinstance(graph, NamedNode | BlankNode):
                name = self._project.base.graph_name(graph.value) or graph.value
            elif self._project.default_graph == "union":
                continue  # it is in a named graph as well
            else:
                name = "default"
            if not self.quad(quad):
                continue
            self.found.places[f"graph {name}"] += 1
            example, examples = _short(self._project, quad), self.found.examples
            if len(examples) < LISTED and name != LEDGER_GRAPH and example not in examples:
                examples.append(example)

    def commit(self, entry: Entry, change: Changeset) -> bool:
        held = [self.quad(quad) for quads in (change.removed, change.added) for quad in quads]
        for iri in (entry.agent, *entry.graphs, *entry.came):
            if self._marks.in_iri(iri):
                self._iris.add(iri)
        held += [self._marks.in_iri(iri) for iri in (entry.id, entry.source, change.source)]
        return any([*held, self.text(entry.reason), self.text(change.reason), self.value(dict(entry.more))])

    def patch(self, patch: bytes) -> bool:
        change = from_patch(patch)
        held = [self.quad(quad) for quads in (change.removed, change.added) for quad in quads]
        held += [self._marks.in_iri(change.source), self._marks.in_iri(change.id)]
        return any([*held, self.text(change.reason), self.text(patch.decode("utf-8", "replace"))])

    def done(self) -> Found:
        self.found.iris, self.found.typed = sorted(self._iris), sorted(self._typed)
        return self.found


def _short(project: Project, quad: Quad) -> str:
    graph = quad.graph_name.value if isinstance(quad.graph_name, NamedNode) else "default"
    name = project.base.graph_name(graph) or graph
    return f"{name}: {quad.subject} {quad.predicate}"


def _survey(
    project: Project, store: EmbeddedStore, marks: Marks, progress: Progress
) -> tuple[Found, _Survey]:
    """Look through all that the store holds, by meaning and then by bytes."""
    survey = _Survey(project, marks)
    database = Database(store.checkpoint_path())
    of, done = len(database), 0

    def tick() -> None:
        nonlocal done
        done += 1
        if done % 10_000 == 0:
            progress("reading", done, of)

    survey.state(database.quads(), tick)
    places = survey.found.places
    generation = store.generation
    for entry in store.journal.entries(until=generation):
        progress("history", entry.number, generation)
        if survey.commit(entry, store.journal.changeset(entry.number)):
            places["commits of the history"] += 1
    if count := sum(map(survey.quad, recorded.read(store.folder) or ())):
        places[f"what the files held ({recorded.FILE})"] = count
    path = store.folder / access.FILE
    if path.exists():
        with Access(path) as opened:
            counts = opened.texts(text=survey.text, value=survey.value, patch=survey.patch)
        places.update({name: count for name, count in counts.items() if count})
    found = survey.done()
    found.older = len(store.generations()) - 1
    found.files = _project_files(project, store, _patterns(survey.spellings))
    return found, survey


def look(
    project: Project,
    store: EmbeddedStore,
    text: str,
    *,
    ignore_case: bool = False,
    progress: Progress = lambda step, done, of: None,
) -> Found:
    """Where a text stands that would be redacted. Nothing is written; a server may be running.

    Raises InputError for a text that cannot be redacted, and what opening the store raises.
    """
    _check_text(text)
    marks = Marks(text, key=secrets.token_hex(32), ignore_case=ignore_case)
    found, _ = _survey(project, store, marks, progress)
    if not (found.anything or found.typed):
        _add_leftovers(found, store.folder, text, progress)
    return found


def _add_leftovers(found: Found, folder: Path, text: str, progress: Progress) -> None:
    """Files may hold what no query finds any more, such as commits that were taken back."""
    if left := _scan(folder, _patterns({text}), progress):
        found.places["files with what is no longer in use"] = len(left)


def _check_text(text: str) -> None:
    if len(text.strip()) < SHORTEST:
        raise InputError(
            f"a text of fewer than {SHORTEST} characters is not redacted; nothing was written",
            hint="give the whole name or address",
        )
    if "[" in text or "]" in text or text.lower() in "[redacted " or text.lower() in "urn:redacted:":
        raise InputError(
            "this text cannot be told from the mark that would stand in its place, [redacted 1a2b3c4d]; "
            "nothing was written",
            hint="give it without square brackets, in more words",
        )


# --- doing it -------------------------------------------------------------------------------------------


def redact(
    project: Project,
    store: EmbeddedStore,
    text: str,
    *,
    reason: str,
    agent: str = "",
    ignore_case: bool = False,
    progress: Progress = lambda step, done, of: None,
) -> Redacted:
    """Take a text out of everything that the store holds, as one commit with a reason.

    Raises InputError (a text that cannot be redacted, a reason that holds it, literals that are no text),
    GateRejected for a reason against the privacy rule, StoreLocked while anybody else uses the store, and
    what opening it for writing raises; nothing was written then. After CannotWrite the store is as it was,
    or `resume` finishes it, as the message says.
    """
    _check_text(text)
    marks = Marks(text, key=secrets.token_hex(32), ignore_case=ignore_case)
    if not reason.strip():
        raise InputError("nothing was written: the reason is empty", hint="say in one sentence why")
    check_reason(reason)
    if Marks(text, key="00", ignore_case=True).holds(reason):
        raise InputError(
            "nothing was written: the reason holds the text, and it is public and stays",
            hint="say why without saying what",
        )
    with Committer(project, store) as committer:  # brings the store in order, if it was left halfway
        head = committer.head
        _check_public(project, store, head, reason)
    with lock(store.folder, fcntl.LOCK_EX):
        store = EmbeddedStore(store.folder)
        if store.generation != head or (store.folder / REDACTION).exists():
            raise BaseMoved("nothing was written: somebody else wrote meanwhile", hint="try again")
        _check_known(store.folder)
        found, survey = _survey(project, store, marks, progress)
        if found.typed:
            listed = "\n".join(f"  {each}" for each in found.typed[:LISTED])
            raise InputError(
                f"nothing was written: the text stands in {len(found.typed)} value(s) that are no text but "
                f"numbers, dates and such, which a mark cannot take the place of:\n{listed}",
                hint="give a longer text that stands in texts only",
            )
        if not found.anything:
            _add_leftovers(found, store.folder, text, progress)
            if not found.anything:
                return Redacted(None, found, (), None)
        while not _new(marks, survey):
            marks = Marks(text, key=secrets.token_hex(32), ignore_case=ignore_case)
        intent = Intent(
            text=text,
            ignore_case=ignore_case,
            reason=reason,
            agent=agent,
            key=marks.key,
            id=new_id(),
            time=timestamp(datetime.datetime.now(datetime.UTC)),
            number=head + 1,
        )
        return _finish(project, store.folder, intent, found, progress)


def resume(
    project: Project, store: EmbeddedStore, *, progress: Progress = lambda step, done, of: None
) -> Redacted:
    """Finish a redaction that was cut off. Raises InputError if there is none, StoreLocked, CannotWrite."""
    if not store.folder.is_dir():
        raise StoreMissing(f"there is no store in {store.folder}; nothing was done")
    with lock(store.folder, fcntl.LOCK_EX):
        intent = _intent(store.folder)
        if intent is None:
            raise InputError(f"no redaction of the store in {store.folder} was cut off; nothing was done")
        found = Found()
        if intent.stage == "make":
            found, _ = _survey(project, EmbeddedStore(store.folder), intent.marks, progress)
        return _finish(project, store.folder, intent, found, progress, begun=True)


def _new(marks: Marks, survey: _Survey) -> bool:
    """Whether the marks differ from each other and from all that stands anywhere, and hold no text."""
    made = [marks.mark(spelling) for spelling in survey.spellings]
    tokens = {token for mark in made for token in _MARK.findall(mark)}
    return len(tokens) == len(made) and not tokens & survey.tokens and not any(map(marks.holds, made))


def _check_public(project: Project, store: EmbeddedStore, head: int, reason: str) -> None:
    """Hold the reason against the privacy rule, as the gate does with every reason."""
    from kymgraph.gate.process import Judge

    with Judge(recorded.rules(store.folder, project), store.folder) as judge:
        for verdict in judge.judge(head, (), [with_reason(Changeset(head, reason=reason), project)]):
            if isinstance(verdict, KymgraphError):
                raise verdict
            if not verdict.accepted:
                raise GateRejected(verdict, "nothing was written: the reason may not be published")


def _check_known(folder: Path) -> None:
    strange = sorted({path.name.removesuffix(".new") for path in folder.iterdir()} - _KNOWN)
    if strange:
        raise InputError(
            f"the store's folder {folder} holds {', '.join(strange)}, which is no part of a store; nothing "
            "was written",
            hint="move it elsewhere: a redaction replaces the folder",
        )


def _finish(
    project: Project, folder: Path, intent: Intent, found: Found, progress: Progress, *, begun: bool = False
) -> Redacted:
    """From the intent to the end; the store's lock is held. Whatever was done of it before is done again."""
    beside = folder.absolute().with_name(folder.name + BESIDE)
    marks = intent.marks
    if intent.stage == "make":
        try:
            _room_for(folder)
            _note(folder, intent)
            progress("preparing", 0, 1)
            _remove(beside)
            beside.mkdir(mode=0o700)
            _make(project, folder, beside, intent, marks, progress)
            _swap(folder, beside, intent, marks, progress)
        except BaseException as error:
            _take_back(folder, beside, error)
    spellings = _spellings(intent)
    try:
        progress("deleting", 0, 1)
        _remove(beside)
        fsync_folder(beside.parent)
        left = _scan(folder, _patterns(spellings), progress)
        progress("deleting", 1, 1)
        (folder / REDACTION).unlink()
        fsync_folder(folder)
    except OSError as error:
        raise CannotWrite(
            f"the text is out of the store in {folder}, but the old one is not yet deleted: {error}",
            hint="finish it with `kymgraph redact --resume`",
        ) from error
    if intent.stage == "clean" or begun:
        found.files = _project_files(project, EmbeddedStore(folder), _patterns(spellings))
    progress("checking", 0, 1)
    return Redacted(intent.number, found, tuple(left), _judged(project, EmbeddedStore(folder)))


def _take_back(folder: Path, beside: Path, error: BaseException) -> NoReturn:
    """Something failed before the end. Unless the new store is in place, all stays as it was."""
    noted = _intent(folder)
    if noted is not None and noted.stage == "clean":
        raise CannotWrite(
            f"the redaction of the store in {folder} was cut off: {error}",
            hint="finish it with `kymgraph redact --resume`",
        ) from error
    _remove(beside)
    (folder / REDACTION).unlink(missing_ok=True)
    fsync_folder(folder)
    if not isinstance(error, OSError | RuntimeError):
        raise error
    raise CannotWrite(
        f"nothing was redacted: {error}; the store in {folder} is as it was",
        hint="see that the disk has room and the folder is yours, then try again",
    ) from error


def _spellings(intent: Intent) -> list[str]:
    text = intent.text
    both = [text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)]
    if intent.ignore_case:
        both += [each for one in both for each in (one.lower(), one.upper(), one.title())]
    return both


def _room_for(folder: Path) -> None:
    """The new store is written before the old one goes."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder.absolute().parent).free
    if free < 2 * size + RESERVE:
        raise OSError(f"the disk has {free:,} bytes left, and {2 * size + RESERVE:,} must be free")


def _intent(folder: Path) -> Intent | None:
    try:
        return Intent(**json.loads((folder / REDACTION).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise StoreBroken(
            f"{folder / REDACTION}, which says what is to be redacted, cannot be read ({error}); nothing was "
            "done",
            hint=f"if {folder.name}{BESIDE} beside the store is not there either, delete it and redact again",
        ) from None


def _note(folder: Path, intent: Intent) -> None:
    """Put the intent on the disk, for nobody else's eyes."""
    new = folder / (REDACTION + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(intent), file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    new.rename(folder / REDACTION)
    fsync_folder(folder)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


# --- the new store --------------------------------------------------------------------------------------


def _make(project: Project, old: Path, new: Path, intent: Intent, marks: Marks, progress: Progress) -> None:
    """All of the new store but tokens and proposals."""
    store = EmbeddedStore(old)
    for name in ("version", "files.json"):
        shutil.copyfile(old / name, new / name)
    if (quads := recorded.read(old)) is not None:
        (new / recorded.FILE).write_bytes(recorded.packed(map(marks.quad, quads)))
    recorded.copy_rules(old, new)
    (new / "writer.lock").touch(mode=0o600)
    head = intent.number - 1
    had_ledger = any(name.value == _ledger_graph(project) for name in store.view().graphs())
    tombstone = _tombstone(project, intent, came=not had_ledger)
    gone, said = _write_journal(project, store.journal, new / "journal", tombstone, marks, progress)
    (new / "checkpoints").mkdir()
    for number in _kept(store):
        name = str(number)
        here = intent.number if number == head else number
        _write_state(project, old / "checkpoints" / name, new, here, gone, said, marks, progress)
        if number != head and (old / "checkpoints" / f"{name}.pin").exists():
            (new / "checkpoints" / f"{name}.pin").touch()
    move_pointer(new, intent.number)
    progress("syncing", 0, 1)
    for path in (*new.iterdir(), *(new / "journal").iterdir(), *(new / "checkpoints").iterdir(), new):
        fsync_folder(path)


def _kept(store: EmbeddedStore) -> list[int]:
    """The generations that the new store has checkpoints of: the current one, and those that never go."""
    folder = store.folder / "checkpoints"
    current = store.generation
    return [
        number
        for number in store.generations()
        if number == current
        or (number < current and (number == FIRST_GENERATION or (folder / f"{number}.pin").exists()))
    ]


def _ledger_graph(project: Project) -> str:
    return project.base.graph(LEDGER_GRAPH)


def _tombstone(project: Project, intent: Intent, *, came: bool) -> tuple[Entry, Changeset]:
    """The commit that says that something was redacted, and why."""
    change = Changeset(
        base=intent.number - 1,
        agent=intent.agent or project.base.id("agent", access.OPERATOR),
        reason=intent.reason,
        id=intent.id,
    )
    entry = Entry(
        number=intent.number,
        id=change.id,
        time=intent.time,
        agent=change.agent,
        source="",
        reason=change.reason,
        removed=0,
        added=0,
        graphs=(),
        digest=change.digest,
        kind="redaction",
        more={"request": change.digest},
        came=(_ledger_graph(project),) if came else (),
    )
    return entry, change


def _write_journal(
    project: Project,
    journal: Journal,
    folder: Path,
    tombstone: tuple[Entry, Changeset],
    marks: Marks,
    progress: Progress,
) -> tuple[set[Quad], dict[int, tuple[Quad, ...]]]:
    """All commits mapped, and the tombstone. Gives the quads that the ledger no longer says, and those that
    it says from now on, by commit.
    """
    new = Journal(folder, writable=True)
    gone: set[Quad] = set()
    said: dict[int, tuple[Quad, ...]] = {}
    waiting: list[tuple[Entry, Changeset]] = []
    last = tombstone[0].number - 1
    for entry in journal.entries(until=last):
        progress("history", entry.number, last)
        before = journal.changeset(entry.number)
        after = marks.change(before)
        mapped = marks.entry(entry, before, after)
        old, now = ledger.quads_of(project, entry, before), ledger.quads_of(project, mapped, after)
        if old != now:
            gone.update(old)
            said[entry.number] = now
        waiting.append((mapped, after))
        if len(waiting) >= _BATCH:
            new.append(waiting)
            waiting = []
    new.append([*waiting, tombstone])
    said[tombstone[0].number] = ledger.quads_of(project, *tombstone)
    return gone, said


def _write_state(
    project: Project,
    checkpoint: Path,
    new: Path,
    number: int,
    gone: set[Quad],
    said: dict[int, tuple[Quad, ...]],
    marks: Marks,
    progress: Progress,
) -> None:
    """The checkpoint of generation `number`; the live database with the newest one."""

    def rewritten(quads: Iterator[Quad]) -> Iterator[Quad]:
        for done, quad in enumerate(quads):
            if done % 10_000 == 0:
                progress(f"generation {number}", done, 0)
            if quad not in gone:
                yield marks.quad(quad)
        for commit, ledger_quads in said.items():
            if commit <= number:
                yield from ledger_quads

    newest = number == max(said)
    rewrite(
        checkpoint,
        rewritten,
        base=project.base,
        head=number,
        checkpoint=new / "checkpoints" / str(number),
        live=new / "live" if newest else None,
    )


def _swap(folder: Path, beside: Path, intent: Intent, marks: Marks, progress: Progress) -> None:
    """Put the new store in the place of the old one; `beside` holds the old one then."""
    _note(beside, replace(intent, stage="clean"))
    with lock(beside, fcntl.LOCK_EX):  # whoever looks for the lock in the new folder finds it held
        with access.carried(folder, beside):
            if (beside / access.FILE).exists():
                progress("proposals", 0, 1)
                with Access(beside / access.FILE) as opened:
                    opened.rewrite(text=marks.text, value=marks.value, patch=marks.patch)
                    opened.record(access.OPERATOR, "redact", str(intent.number), "done")
                fsync_folder(beside / access.FILE)
                fsync_folder(beside)
            progress("swapping", 0, 1)
            exchange(beside, folder)
        fsync_folder(beside.parent)
        progress("swapping", 1, 1)


# --- looking again --------------------------------------------------------------------------------------


def _patterns(spellings: Iterable[str]) -> re.Pattern[bytes]:
    """The text as it may stand in a file: as it is, and as JSON and N-Quads write it."""
    forms: set[bytes] = set()
    for spelling in spellings:
        forms.add(spelling.encode())
        forms.add(str(RdfLiteral(spelling))[1:-1].encode())
        forms.update(json.dumps(spelling, ensure_ascii=ascii)[1:-1].encode() for ascii in (True, False))
    return re.compile(b"|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))


def _scan(folder: Path, pattern: re.Pattern[bytes], progress: Progress) -> list[str]:
    """Names of the files under a folder whose bytes hold the text, unpacked if they are packed."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != REDACTION)
    left = []
    for done, path in enumerate(files):
        progress("looking again", done, len(files))
        if _holds(path, pattern):
            left.append(path.relative_to(folder).as_posix())
    return left


def _holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    longest, tail = 4096, b""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while block := file.read(1 << 22):
                if pattern.search(tail + block):
                    return True
                tail = (tail + block)[-longest:]
    except (gzip.BadGzipFile, EOFError):
        return False
    return False


def _project_files(project: Project, store: EmbeddedStore, pattern: re.Pattern[bytes]) -> list[str]:
    """Files of the project that hold the text. They are the user's, and stay as they are."""
    named = [*project.rdf_files(), *project.policy_files(), *project.query_files()]
    return [project.name_of(path) for path in dict.fromkeys(named) if _holds(path, pattern)]


def _judged(project: Project, store: EmbeddedStore) -> Report:
    """What the shapes say of the whole state."""
    from kymgraph.gate import full

    graph = NamedNode(_ledger_graph(project))
    return full.validate([quad for quad in store.view().quads() if quad.graph_name != graph], project)
