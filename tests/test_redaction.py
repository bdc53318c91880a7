"""A redacted text is nowhere any more, and all else is as it was: every state of the past, replay, revert."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kymgraph import access, ledger, redaction
from kymgraph.access import Access, Principal
from kymgraph.changeset import Changeset, from_patch, to_patch
from kymgraph.commit import Committer, Outcome, Request, _Made
from kymgraph.errors import CannotWrite, GateRejected, InputError, StoreBroken, StoreLocked
from kymgraph.project import Project
from kymgraph.rdf import DEFAULT_GRAPH, FORMATS, Literal, NamedNode, Quad, canonical_nquads, parse
from kymgraph.redaction import Marks, redact, resume
from kymgraph.store import recorded
from kymgraph.store.embedded import REDACTION, CheckpointView, EmbeddedStore
from kymgraph.store.journal import Journal
from tests.conftest import PREFIXES, Kymgraph, MakeProject, clean_environment
from tests.needs import size
from tests.store.commits import build, faults, union_is_right

NAME = "Maija Meri"
KEY = "07" * 32
FILES = {
    "data/a.ttl": 'x:a rdfs:label "Maija Meri"@fi, "Maija Meri" ; x:note "soita: Maija Meri, Maija Meri" ; '
    'x:d "2020-01-01"^^<http://www.w3.org/2001/XMLSchema#date> . x:b rdfs:label "Matti" .',
    "data/b.ttl": 'x:a rdfs:label "Maija Meri" . x:c x:p "maija meri" .',
}
RULE = """#+ id: privacy-email
#+ severity: Violation
#+ message_fi: "poista osoite"
#+ message_sv: "ta bort adressen"
#+ message_en: "take the address out"
SELECT ?graph ?focus ?path ?value WHERE {
  GRAPH ?graph { ?focus ?path ?value }
  FILTER (CONTAINS(STR(?value), "@") && isLiteral(?value))
}
"""
REMARK = """#+ id: street
#+ severity: Warning
#+ message_fi: "katu"
#+ message_sv: "gata"
#+ message_en: "street"
SELECT ?graph ?focus ?path ?value WHERE {
  GRAPH ?graph { ?focus ?path ?value }
  FILTER (CONTAINS(STR(?value), "katu") && isLiteral(?value))
}
"""


def quads(turtle: str, graph: str = "a") -> frozenset[Quad]:
    name = NamedNode("https://w3id.org/kymgraph/graph/" + graph)
    head = b"@prefix x: <http://x.example/> .\n"
    return frozenset(parse(head + turtle.encode(), FORMATS["ttl"], graph=name))


def commit(project: Project, store: EmbeddedStore, *requests: Request) -> None:
    with Committer(project, store) as committer:
        for outcome in committer.commit(requests):
            assert isinstance(outcome, Outcome)


def with_history(project: Project) -> EmbeddedStore:
    """A store with the name in its state, in what was taken out of it, reasons, sources, ids, proposals."""
    store = build(project)
    there, gone = (
        quads('x:n x:p "Maija Meri, katu 1", "muu" .'),
        quads('x:o x:p "\\"Maija Meri\\"\\n"@sv .', "c"),
    )
    commit(project, store, Request(Changeset(1, added=there | gone, reason="Maija Meri pyysi", id="urn:x:1")))
    commit(
        project,
        store,
        Request(Changeset(2, removed=gone, dropped=frozenset({gone_graph(gone)}), reason="pois")),
        Request(
            Changeset(
                3,
                added=quads("x:n x:q 1 ."),
                reason="lisäys",
                source="http://x.example/Maija%20Meri.xlsx",
                id="urn:x:Maija%20Meri",
            ),
            more={"said": ["by Maija Meri"]},
        ),
    )
    (store.folder / "checkpoints" / "2.pin").touch()
    patch = to_patch(Changeset(4, added=quads('x:n x:q "Maija Meri" .'), reason="Maija Meri sanoi"))
    editor = Principal("t", "t", "editor", frozenset(), "k3f9")
    publisher = Principal("u", "u", "publisher", frozenset(), "k3f0")
    with Access(store.folder / access.FILE) as opened:
        opened.create_token("Maija Meri, budget", "editor", expires=None)
        for _ in range(2):
            made = opened.propose(
                editor, patch, base=4, graphs=["a"], reason="Maija Meri sanoi",
                report={"results": [{"value": 'nimi "Maija Meri"'}]},
            )  # fmt: skip
        opened.decide(made.id, publisher, "declined", reason="Maija Meri ei halua")
        opened.record("operator", "proposal.create", "Maija Meri", "done")
    return store


def gone_graph(gone: frozenset[Quad]) -> str:
    [graph] = {quad.graph_name for quad in gone}
    assert isinstance(graph, NamedNode)
    return graph.value


def states(project: Project, store: EmbeddedStore) -> dict[int, list[bytes]]:
    """Every generation, made again where no checkpoint holds it: its quads, the union, and its graphs."""
    found = {}
    for number in range(1, store.generation + 1):
        path = store.state_at(number, ledger_of=partial(ledger.quads_of, project))
        view = CheckpointView(number, path)
        assert union_is_right(view, project)
        names = "\n".join(graph.value for graph in view.graphs())
        found[number] = [canonical_nquads(view.quads()), names.encode()]
    return found


def everything(project: Project, store: EmbeddedStore) -> dict[str, Any]:
    """All that a store holds, by meaning."""
    journal = {path.name: path.read_bytes() for path in (store.folder / "journal").iterdir()}
    rows = []
    with Access(store.folder / access.FILE) as opened:
        for table in ("proposal", "agent", "token"):
            rows += [tuple(row) for row in opened._file._begin(True).execute(f"SELECT * FROM {table}")]
            opened._file._writer[1].rollback()  # type: ignore[index]
    base = canonical_nquads(recorded.read(store.folder) or ())
    return {"states": states(project, store), "journal": journal, "access": rows, "files": base}


def files_with(folder: Path, *texts: bytes) -> list[str]:
    """The files under a folder whose bytes hold one of these, unpacked if they are packed."""
    import gzip

    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            data += gzip.decompress(data) if path.suffix == ".gz" else b""
            if any(text in data for text in texts):
                found.append(path.relative_to(folder).as_posix())
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a store that `with_history` has made; to be copied, not used."""
    folder = tmp_path_factory.mktemp("made") / "project"
    rules = {"shapes/policy/privacy-email.rq": RULE, "shapes/policy/street.rq": REMARK}
    for name, text in {**FILES, **rules, "kymgraph.toml": ""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text((PREFIXES if name.endswith(".ttl") else "") + text, "utf-8")
    with_history(Project.load(folder))
    return folder


def copied(made: Path, to: Path) -> tuple[Project, EmbeddedStore]:
    shutil.copytree(made, to)
    project = Project.load(to)
    return project, EmbeddedStore(project.store_folder)


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Project:
    return copied(made, tmp_path / "project")[0]


@pytest.fixture
def store(project: Project) -> EmbeddedStore:
    return EmbeddedStore(project.store_folder)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> Marks:
    """The marks that redactions make, which are the same each time."""
    monkeypatch.setattr(redaction.secrets, "token_hex", lambda size: "07" * size)
    return Marks(NAME, key=KEY)


# --- the map --------------------------------------------------------------------------------------------


def test_no_two_texts_become_one() -> None:
    rounds = random.Random(3)
    pieces = ["Maija", " ", "Meri", "maija meri", "Maija Meri", "MAIJA MERI", "a", "[", "]", "redacted "]
    marks = Marks(NAME, key=KEY, ignore_case=True)
    texts = {"".join(rounds.choices(pieces, k=rounds.randint(0, 7))) for _ in range(20_000)}
    mapped = {marks.text(text) for text in texts}
    assert len(mapped) == len(texts)
    assert not any(marks.holds(text) for text in mapped)


def test_letters_composed_or_not_are_the_same_text() -> None:
    marks = Marks("Päivi", key=KEY)
    composed, decomposed = (marks.text(unicodedata.normalize(form, "Päivi")) for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert composed.startswith("[redacted ")
    assert decomposed.startswith("[redacted ")


def test_a_literal_keeps_its_language_and_other_types_are_left() -> None:
    marks = Marks("20", key=KEY)
    fi, year = (
        Quad(NamedNode("urn:x:1"), NamedNode("urn:x:2"), value)
        for value in (Literal("v. 20", language="fi"), Literal("2020", datatype=NamedNode("urn:x:type")))
    )
    assert marks.quad(fi).object == Literal(f"v. {marks.mark('20')}", language="fi")
    assert marks.quad(year) is year


def test_a_commit_without_the_text_stays_as_it_is(project: Project, store: EmbeddedStore) -> None:
    journal = Journal(store.folder / "journal")
    marks = Marks("Erkki Esimerkki", key=KEY)
    for entry in journal.entries():
        change = journal.changeset(entry.number)
        assert marks.change(change) == change
        assert marks.entry(entry, change, marks.change(change)) == entry


# --- all of it ------------------------------------------------------------------------------------------


def test_the_text_is_gone_and_every_state_of_the_past_is_the_old_one_mapped(
    project: Project, store: EmbeddedStore, fixed: Marks
) -> None:
    before = states(project, store)
    with Access(store.folder / access.FILE) as opened:
        live = [token.id for token in opened.tokens()]

    done = redact(project, store, NAME, reason="Pyyntö 12")

    store = EmbeddedStore(store.folder)
    assert done.number == store.generation == 5
    assert done.left == ()
    assert files_with(store.folder.parent, b"Maija Meri") == ["data/a.ttl", "data/b.ttl"]
    assert done.found.files == ["data/a.ttl", "data/b.ttl"]
    assert files_with(store.folder, b"Maija%20Meri", b'Maija Meri\\"', KEY.encode()) == []
    assert not (store.folder / REDACTION).exists()
    assert not store.folder.with_name(store.folder.name + redaction.BESIDE).exists()
    assert faults(store) == []
    with Access(store.folder / access.FILE) as opened:
        assert [token.id for token in opened.tokens()] == live
        assert opened.audit()[0].what == "redact"
    assert store.generations() == [1, 2, 5]  # the first one, a pinned one, the current one
    after = states(project, store)
    for number, (content, names) in before.items():
        assert after[number] == [canonical_nquads(_mapped(content, fixed)), names], number


def test_a_strict_project_has_its_default_graph_mapped(make_project: MakeProject, fixed: Marks) -> None:
    project = make_project({"data/a.nq": '<urn:x:a> <urn:x:p> "Maija Meri" .'}, 'default_graph = "strict"')
    store = build(project)
    redact(project, store, NAME, reason="Pyyntö 12")
    [quad] = EmbeddedStore(store.folder).view().quads(graph=DEFAULT_GRAPH)
    assert quad.object == Literal(fixed.mark(NAME))
    assert files_with(store.folder, b"Maija Meri") == []
    assert faults(EmbeddedStore(store.folder)) == []


def _mapped(content: bytes, marks: Marks) -> Iterator[Quad]:
    """A state with the commit whose id and source, being IRIs, get marks that are IRIs."""
    for iri in ("http://x.example/Maija%20Meri.xlsx", "urn:x:Maija%20Meri"):
        content = content.replace(iri.encode(), marks.iri(iri).encode())
    return map(marks.quad, parse(content, FORMATS["nq"], name="x"))


def test_the_journal_says_the_same_with_marks(project: Project, store: EmbeddedStore, fixed: Marks) -> None:
    old = Journal(store.folder / "journal")
    before = [(entry, old.changeset(entry.number)) for entry in old.entries()]
    redact(project, store, NAME, reason="Pyyntö 12", agent="urn:x:admin")
    journal = Journal(store.folder / "journal")
    assert journal.verify() == 4
    for entry, change in before:
        now, mapped = journal.entry(entry.number), journal.changeset(entry.number)
        assert (now.number, now.time, now.agent, now.kind) == (
            entry.number, entry.time, entry.agent, entry.kind,
        )  # fmt: skip
        assert mapped.added == frozenset(map(fixed.quad, change.added))
        assert mapped.removed == frozenset(map(fixed.quad, change.removed))
        assert (now.added, now.removed) == (len(mapped.added), len(mapped.removed))
        assert now.digest == mapped.digest
        assert (now.came, mapped.created, mapped.dropped) == (entry.came, change.created, change.dropped)
    assert journal.entry(2).reason == journal.changeset(2).reason == f"{fixed.mark(NAME)} pyysi"
    assert journal.entry(4).more["said"] == [f"by {fixed.mark(NAME)}"]
    last = journal.entry(5)
    assert (last.kind, last.reason, last.agent, last.added, last.removed) == (
        "redaction", "Pyyntö 12", "urn:x:admin", 0, 0,
    )  # fmt: skip
    assert journal.changeset(5).empty


def test_writing_goes_on_and_an_old_commit_can_be_reverted(
    project: Project, store: EmbeddedStore, fixed: Marks
) -> None:
    redact(project, store, NAME, reason="Pyyntö 12")
    change = Journal(store.folder / "journal").changeset(3).inverse(base=5, reason="takaisin")
    commit(project, store, Request(change, kind="revert", more={"reverts": 3}))
    store = EmbeddedStore(store.folder)
    [back] = store.view().quads(graph=NamedNode(project.base.graph("c")))
    assert back.object == Literal(f'"{fixed.mark(NAME)}"\n', language="sv")
    assert faults(store) == []
    # A live database that is lost is made again of what there is.
    shutil.rmtree(store.folder / "live")
    commit(project, store, Request(Changeset(6, added=quads("x:z x:p 1 ."), reason="uusi")))
    assert faults(EmbeddedStore(store.folder)) == []


def test_proposals_hold_marks_too(project: Project, store: EmbeddedStore, fixed: Marks) -> None:
    redact(project, store, NAME, reason="Pyyntö 12")
    publisher = Principal("u", "u", "publisher", frozenset(), "k3f0")
    with Access(store.folder / access.FILE) as opened:
        declined, waiting = opened.proposals(publisher)
        assert declined.decision == f"{fixed.mark(NAME)} ei halua"
        assert waiting.reason == f"{fixed.mark(NAME)} sanoi"
        assert waiting.report == {"results": [{"value": f'nimi "{fixed.mark(NAME)}"'}]}
        change = from_patch(opened.patch(waiting.id, publisher))
        assert change.added == frozenset(map(fixed.quad, quads('x:n x:q "Maija Meri" .')))
        assert [token.name for token in opened.tokens()] == [f"{fixed.mark(NAME)}, budget"]
        assert fixed.mark(NAME) in {event.target for event in opened.audit()}


def test_case_is_ignored_only_if_asked(project: Project, store: EmbeddedStore, fixed: Marks) -> None:
    found = redaction.look(project, store, "MAIJA meri", ignore_case=True)
    assert found.places["graph b"] == 2
    assert not redaction.look(project, store, "MAIJA meri").anything
    done = redact(project, store, "MAIJA meri", reason="Pyyntö 12", ignore_case=True)
    assert done.left == ()
    assert files_with(store.folder, b"Maija Meri", b"maija meri") == []
    values = {quad.object for quad in EmbeddedStore(store.folder).view().quads()}
    assert Literal(fixed.mark("maija meri")) in values
    assert Literal(fixed.mark("Maija Meri")) in values
    assert fixed.mark("maija meri") != fixed.mark("Maija Meri")


def test_a_commit_that_was_taken_back_leaves_nothing_either(project: Project, store: EmbeddedStore) -> None:
    journal = Journal(store.folder / "journal", writable=True)
    with Committer(project, store) as committer:
        request = Request(Changeset(4, added=quads('x:s x:p "Salainen Sana" .'), reason="x"))
        made = committer._entry(_Made(0, request, request.change), 5)
        journal.append([(made.entry, made.change)])
        journal.abort([5])
    assert files_with(store.folder, b"Salainen Sana") != []
    assert redact(project, store, "Salainen Sana", reason="Pyyntö 13").number == 5
    assert files_with(store.folder, b"Salainen Sana") == []


def test_a_second_redaction_finds_nothing_to_do(project: Project, store: EmbeddedStore) -> None:
    redact(project, store, NAME, reason="Pyyntö 12")
    whole = tree(store.folder / "journal")
    assert redact(project, EmbeddedStore(store.folder), NAME, reason="Pyyntö 12").number is None
    assert tree(store.folder / "journal") == whole


def test_iris_stay_and_are_named(project: Project, store: EmbeddedStore) -> None:
    iri = quads('<http://x.example/Salla%20Suo> x:p "Salla Suo" .')
    commit(project, store, Request(Changeset(4, added=iri, reason="x")))
    done = redact(project, store, "Salla Suo", reason="Pyyntö 12")
    assert done.found.iris == ["http://x.example/Salla%20Suo"]
    assert NamedNode("http://x.example/Salla%20Suo") in {q.subject for q in store.view().quads()}
    assert files_with(store.folder, b"Salla Suo") == []


def test_marks_that_break_a_shape_are_told_of(make_project: MakeProject) -> None:
    shape = (
        "@prefix sh: <http://www.w3.org/ns/shacl#> . x:S a sh:NodeShape ; sh:targetSubjectsOf rdfs:label ; "
        'sh:property [ sh:path rdfs:label ; sh:pattern "^[A-Z]" ; sh:message "A–Z"@en ] .'
    )
    project = make_project({"data/a.ttl": 'x:a rdfs:label "Maija Meri" .', "shapes/s.ttl": shape})
    store = build(project)
    done = redact(project, store, NAME, reason="Pyyntö 12")
    assert done.number == 2
    assert done.report is not None
    assert [result.focus for result in done.report.violations] == [NamedNode("http://x.example/a")]


# --- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason", "error"),
    [
        ("M", "x", InputError),
        ("  ", "x", InputError),
        ("[Maija", "x", InputError),
        ("redact", "x", InputError),
        ("2020-01", "x", InputError),  # stands in a date
        (NAME, "koska MAIJA MERI pyysi", InputError),
        (NAME, " ", InputError),
        (NAME, "kysy m@x.example", GateRejected),
    ],
)
def test_what_cannot_be_redacted_is_refused_and_nothing_is_written(
    project: Project, store: EmbeddedStore, text: str, reason: str, error: type[Exception]
) -> None:
    before = everything(project, store)
    with pytest.raises(error, match="nothing was written"):
        redact(project, store, text, reason=reason)
    assert not (store.folder / REDACTION).exists()
    assert everything(project, EmbeddedStore(store.folder)) == before
    commit(project, store, Request(Changeset(4, added=quads("x:z x:p 1 ."), reason="uusi")))


def test_nothing_is_done_while_somebody_uses_the_store(project: Project, store: EmbeddedStore) -> None:
    with store.in_use(), pytest.raises(StoreLocked, match="nothing was changed"):
        redact(project, EmbeddedStore(store.folder), NAME, reason="Pyyntö 12")
    with Committer(project, store):
        whole = tree(store.folder / "journal")
        found = redaction.look(project, EmbeddedStore(store.folder), NAME)
        assert found.places["commits of the history"] == 3
        assert found.places["proposals"] == 2
        assert tree(store.folder / "journal") == whole


# --- cut off --------------------------------------------------------------------------------------------

FULL = OSError(28, "No space left on device")
CUT_OFF = """
import os, signal, sys
from kymgraph import redaction
from kymgraph.project import Project
from kymgraph.store.embedded import EmbeddedStore

redaction.secrets.token_hex = lambda size: "07" * size
redaction.new_id = lambda: "urn:x:redaction"
redaction.timestamp = lambda time: "2027-01-01T00:00:00.000Z"
steps = []

def step(name, done, of):
    if len(steps) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    steps.append(name)

project = Project.find(sys.argv[1])
redaction.redact(project, EmbeddedStore(project.store_folder), "Maija Meri", reason="Syy", progress=step)
print(*steps, sep="\\n")
"""


def _cut_off(project: Project, at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CUT_OFF, str(project.folder), str(at)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_killed_at_any_step_it_is_finished_to_the_same_end(
    project: Project, store: EmbeddedStore, made: Path, tmp_path: Path
) -> None:
    before = everything(project, store)
    whole, its_store = copied(made, tmp_path / "whole")
    ran = _cut_off(whole, -1)
    assert ran.returncode == 0, ran.stderr
    steps = ran.stdout.split("\n")[:-1]
    wanted = everything(whole, its_store)
    assert {"preparing", "swapping", "deleting", "checking"} <= set(steps)
    firsts = [number for number, step in enumerate(steps) if step not in steps[:number]]
    lasts = [number for number, step in enumerate(steps) if step not in steps[number + 1 :]]
    tried = sorted({*firsts, *lasts})
    for at in tried[:: size(quick=4, ci=2, night=1)] if len(tried) > 6 else tried:
        here, store = copied(made, tmp_path / f"killed-{at}")
        ran = _cut_off(here, at)
        assert ran.returncode == -signal.SIGKILL, (steps[at], ran.stderr)
        if not (store.folder / REDACTION).exists():
            complete = steps[at] in ("checking",)
            assert everything(here, store) == (wanted if complete else before), steps[at]
            continue
        # Whoever reads goes on; nobody writes; the doctor says why.
        assert (store.folder / REDACTION).stat().st_mode & 0o777 == 0o600
        assert store.view().generation in (4, 5)
        with pytest.raises(StoreBroken, match="cut off") as refused:
            Committer(here, store)
        assert "kymgraph redact --resume" in str(refused.value.hint)
        with pytest.raises(StoreBroken, match="cut off"):
            build(here)
        assert any("cut off" in fault for fault in faults(store, ("fault",)))
        done = resume(here, store)
        assert done.number == 5
        assert done.left == ()
        assert everything(here, EmbeddedStore(store.folder)) == wanted, steps[at]
        assert files_with(store.folder.parent, b"Maija Meri") == ["data/a.ttl", "data/b.ttl"]
        assert faults(EmbeddedStore(store.folder)) == []


@pytest.mark.parametrize(
    ("step", "error"),
    [(step, FULL) for step in ("preparing", "history", "generation 1", "syncing", "proposals", "swapping")]
    + [("generation 1", KeyboardInterrupt())],
)
def test_where_it_fails_the_store_stays_as_it_was(
    project: Project, store: EmbeddedStore, step: str, error: BaseException
) -> None:
    before = everything(project, store)
    seen = 0

    def progress(name: str, done: int, of: int) -> None:
        nonlocal seen
        # The history is read first, to count.
        seen += name == step
        if name == step and seen > (4 if step == "history" else 0):
            raise error

    with pytest.raises(CannotWrite if isinstance(error, OSError) else KeyboardInterrupt):
        redact(project, store, NAME, reason="Pyyntö 12", progress=progress)
    assert not (store.folder / REDACTION).exists()
    assert not store.folder.with_name(store.folder.name + redaction.BESIDE).exists()
    assert everything(project, EmbeddedStore(store.folder)) == before
    assert redact(project, EmbeddedStore(store.folder), NAME, reason="Pyyntö 12").number == 5


def test_nothing_to_finish_is_said(project: Project, store: EmbeddedStore) -> None:
    with pytest.raises(InputError, match="nothing was done"):
        resume(project, store)


# --- the command ----------------------------------------------------------------------------------------


def test_the_command_shows_asks_and_tells(project: Project, store: EmbeddedStore, kymgraph: Kymgraph) -> None:
    run: Callable[..., Any] = partial(kymgraph, cwd=project.folder)
    whole = tree(store.folder)
    shown = run("redact", NAME, "--reason", "Pyyntö 12", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "3  commits of the history" in " ".join(shown.stdout.split(" "))
    assert "data/a.ttl" in shown.stderr
    refused = run("redact", NAME, "--reason", "Pyyntö 12")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert {k: v for k, v in tree(store.folder).items() if "access" not in k} == {
        k: v for k, v in whole.items() if "access" not in k
    }
    done = run("redact", "-", "--reason", "Pyyntö 12", "--yes", input=NAME + "\n")
    assert done.returncode == 0, done.stderr
    assert "Commit 5" in done.stdout
    assert "data/a.ttl" in done.stderr
    assert "kymgraph export" in done.stderr
    assert NAME not in done.stdout + done.stderr
    exported = run("export")
    assert exported.returncode == 0, exported.stderr
    assert files_with(project.folder, b"Maija Meri") == []
    assert run("redact", "--resume").returncode == 2
    assert run("redact").returncode == 2
    assert "Pyyntö 12" in run("log").stdout
