"""The evidence audit on a small made-up document, in which each fault is planted once and found."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kymgraph.errors import InputError
from kymgraph.evidence import Excuse, Source, audit, complete, read_reasoned, read_sources
from kymgraph.namespaces import Base
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, format_for, parse

BASE = Base("https://example.org/kym/")
LINES = (
    "Programme of Testland",
    "",
    "Priority one",
    "Priority two",
    "Sun is shining, tra la",
    "a",
    "b",
    "c",
    "d",
)
EXCUSES = (Excuse("alpha", 5, 9, "verse"),)
PREFIXES = """
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix id: <https://example.org/kym/id/> .
@prefix programme: <https://example.org/kym/id/programme/> .
@prefix priority: <https://example.org/kym/id/priority/> .
@prefix p: <https://example.org/kym/id/passage/alpha/> .
"""


def passage(
    first: int, last: int, *, document: str = "alpha", more: str = "", sha256: str | None = None
) -> str:
    digest = sha256 or hashlib.sha256("\n".join(LINES[first - 1 : last]).encode()).hexdigest()
    return (
        f"<https://example.org/kym/id/passage/{document}/{first}-{last}> a kym:Passage ;"
        f" kym:document <https://example.org/kym/id/document/{document}> ; kym:firstLine {first} ;"
        f' kym:lastLine {last} ; kym:sha256 "{digest}" {more} .\n'
    )


#: One programme and two priorities on three passages; lines 5-9 are excused.
SOUND = (
    """
<https://example.org/kym/id/document/alpha> a kym:SourceDocument ; kym:fileName "alpha.txt" .
programme:t a kym:Programme ; kym:restsOn p:1-1 .
priority:1 a kym:Priority ; kym:elementOf programme:t ; kym:restsOn p:3-3 .
priority:2 a kym:Priority ; kym:restsOn p:4-4 .
"""
    + passage(1, 1, more='; kym:phrase "of Testland"')
    + passage(3, 3)
    + passage(4, 4)
)


@dataclass
class World:
    """Graph contents by graph name, and what goes with them."""

    alpha: str = SOUND
    others: dict[str, str] = field(default_factory=dict)
    excuses: tuple[Excuse, ...] = EXCUSES

    def audit(self):
        quads = [
            quad
            for name, text in {"alpha": self.alpha, **self.others}.items()
            for quad in parse(
                (PREFIXES + text).encode(), format_for("x.ttl"), graph=NamedNode(BASE.graph(name))
            )
        ]
        return audit(quads, {"alpha": Source("alpha", LINES)}, self.excuses, BASE)


def faults(report) -> set[str]:
    return {broken.what for broken in report.broken}


def test_a_sound_graph_is_in_order():
    report = World().audit()

    assert (report.broken, report.bare, report.uncovered) == ((), (), ())
    assert (report.facts, report.passages, report.coverage) == (3, 3, 1.0)
    # Five of eight lines are excused here, far over the limit: the only thing that is not in order.
    assert [sentence for sentence in report.why_not if "excused" not in sentence] == []
    assert set(json.loads(report.to_json())) >= {
        "coverage",
        "facts",
        "passages",
        "broken",
        "reasoned",
        "bare",
    }


@pytest.mark.parametrize(
    ("what", "alpha"),
    [
        ("hash", SOUND.replace(hashlib.sha256(b"Priority one").hexdigest(), "0" * 64)),
        ("phrase", SOUND.replace("of Testland", "of Elsewhere")),
        ("line-range", SOUND.replace("p:4-4", "p:4-10") + passage(4, 10)),
        ("line-range", SOUND.replace("p:4-4", "p:4-3") + passage(4, 3)),
        ("passage-size", SOUND.replace("p:4-4", "p:4-8") + passage(4, 8)),
        ("passage-size", SOUND.replace("p:4-4", "p:4-4, p:2-2") + passage(2, 2)),
        ("unused", SOUND + passage(6, 6)),
        ("passage-properties", SOUND.replace("kym:firstLine 4", "kym:firstLine 3")),
        ("passage-properties", SOUND.replace("kym:lastLine 3 ;", "")),
        (
            "passage-iri",
            SOUND + "<https://example.org/kym/id/passage/alpha/x> a kym:Passage ; kym:restsOn p:4-4 .",
        ),
        ("no-passage", SOUND.replace("kym:restsOn p:4-4", "kym:restsOn p:4-4, p:5-5")),
        ("not-a-passage", SOUND.replace("kym:restsOn p:4-4", "kym:restsOn p:4-4, id:x")),
        (
            "other-document",
            SOUND.replace(
                "kym:restsOn p:4-4", "kym:restsOn p:4-4, <https://example.org/kym/id/passage/beta/1-1>"
            ),
        ),
        ("unknown-document", SOUND + passage(1, 1, document="beta")),
    ],
)
def test_a_planted_fault_is_found(what, alpha):
    assert what in faults(World(alpha).audit())


def test_a_triple_whose_subject_rests_on_nothing_is_bare():
    report = World(SOUND + "<https://example.org/kym/id/measure/m> a kym:Measure ; kym:ordinal 1 .").audit()

    assert [bare.subject for bare in report.bare] == ["<https://example.org/kym/id/measure/m>"] * 2
    assert not report.ok


def test_a_statement_gives_one_triple_a_passage_of_its_own():
    claim = """<https://example.org/kym/id/claim/c> a rdf:Statement ; rdf:subject priority:1 ;
        rdf:predicate kym:elementOf ; rdf:object programme:t ; kym:restsOn p:5-5 ."""
    report = World(SOUND + claim + passage(5, 5)).audit()

    assert (report.broken, report.bare, report.facts) == ((), (), 4)
    assert 5 not in {line.line for line in report.reasoned}, "a line both excused and covered is covered"

    other = World(
        SOUND + claim.replace("rdf:object", "rdf:object id:other ; rdf:value") + passage(5, 5)
    ).audit()
    assert faults(other) == {"statement"}


def test_a_line_without_a_fact_lowers_the_coverage():
    report = World(SOUND.replace("p:4-4", "p:3-3").replace(passage(4, 4), "")).audit()

    assert report.coverage == pytest.approx(2 / 3)
    assert [(line.line, line.text) for line in report.uncovered if line.line < 5] == [(4, "Priority two")]


def test_a_blank_line_in_a_passage_counts_for_nothing():
    report = World(SOUND.replace("p:4-4", "p:1-4").replace(passage(4, 4), passage(1, 4))).audit()

    assert (report.broken, report.documents[0].covered, report.coverage) == ((), 3, 1.0)


@pytest.mark.parametrize("subject", ["document/alpha", "edition/e"])
def test_passages_of_the_document_and_its_edition_cover_nothing(subject):
    node = (
        f"<https://example.org/kym/id/{subject}> kym:restsOn p:5-5 ; a kym:{subject.split('/')[0].title()} ."
    )
    report = World(SOUND + node + passage(5, 5), excuses=()).audit()

    assert (report.broken, report.facts) == ((), 3)
    assert 5 in {line.line for line in report.uncovered}


@pytest.mark.parametrize(
    ("what", "excuse"),
    [
        ("unknown-reason", Excuse("alpha", 5, 5, "dull")),
        ("unknown-document", Excuse("beta", 5, 5, "verse")),
        ("line-range", Excuse("alpha", 5, 55, "verse")),
    ],
)
def test_an_excuse_must_name_lines_and_a_known_reason(what, excuse):
    assert faults(World(excuses=(excuse,)).audit()) == {what}


LINK = """<https://example.org/kym/id/lineage/l> a kym:LineageLink ; kym:earlier priority:1 ;
    kym:later priority:2 ; prov:wasAttributedTo id:editors ; kym:confidence 0.5 ;
    kym:reason "same words"@en ; kym:earlierEvidence p:3-3 ; kym:laterEvidence p:4-4 ."""


def test_an_interpretation_names_who_why_how_sure_and_both_sides():
    assert World(others={"lineage": LINK}).audit().broken == ()
    for what, part in [
        ("no-attribution", "prov:wasAttributedTo id:editors ;"),
        ("no-confidence", "kym:confidence 0.5 ;"),
        ("no-reason", 'kym:reason "same words"@en ;'),
        ("one-sided", "kym:earlierEvidence p:3-3 ;"),
    ]:
        assert faults(World(others={"lineage": LINK.replace(part, "")}).audit()) == {what}
    assert faults(World(others={"lineage": LINK.replace("p:3-3", "p:6-6")}).audit()) == {"no-passage"}


def test_background_cites_where_it_is_known_from():
    cited = 'id:x a kym:Region ; kym:citation "Statistics, 2021" .'

    assert World(others={"background": cited}).audit().broken == ()
    assert faults(World(others={"background": "id:x a kym:Region ."}).audit()) == {"no-citation"}


def test_complete_writes_the_missing_passages_once(tmp_path: Path):
    (tmp_path / "alpha.txt").write_text("\n".join(LINES), encoding="utf-8")
    sources = read_sources(tmp_path, {"alpha": "alpha.txt"})
    project = Project(tmp_path, base=BASE)
    (tmp_path / "data").mkdir()
    data = tmp_path / "data" / "alpha.ttl"
    data.write_text(
        PREFIXES
        + "priority:1 a kym:Priority ; kym:restsOn p:3-4, p:1-1, p:99-99 ."
        + 'p:1-1 kym:phrase "Programme" .',
        encoding="utf-8",
    )

    done = complete(data, project, sources)

    assert [iri.rsplit("/")[-1] for iri in done.added] == ["1-1", "3-4"]
    assert [refusal for refusal in done.refused if "99-99" not in refusal] == []
    assert len(done.refused) == 1
    quads = parse(data, format_for(data), graph=NamedNode(BASE.graph("alpha")))
    report = audit(quads, sources, (), BASE)
    assert faults(report) == {"no-passage"}, "only the passage that cannot be: 99-99"
    assert (report.facts, report.passages) == (1, 2)
    before = data.read_bytes()
    assert complete(data, project, sources).added == ()
    assert data.read_bytes() == before


def test_the_excuses_are_read_from_csv(tmp_path: Path):
    file = tmp_path / "reasoned-lines.csv"
    assert read_reasoned(file) == ()
    file.write_text("document,first,last,reason\nalpha,5,9,verse\n", encoding="utf-8")
    assert read_reasoned(file) == (Excuse("alpha", 5, 9, "verse", 2),)
    for text, complaint in [
        ("document,first\n", "missing column"),
        ("document,first,last,reason\na,x,2,verse\n", "line num"),
    ]:
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=complaint):
            read_reasoned(file)


def test_a_missing_source_file_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"gone\.txt"):
        read_sources(tmp_path, {"alpha": "gone.txt"})


def test_only_line_feeds_end_a_line(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes("one\u2028still one\r\n\ntwo\n".encode())

    assert Source.read("a", tmp_path / "a.txt").lines == ("one\u2028still one", "", "two")


@pytest.fixture
def command(tmp_path: Path):
    """Run `kymgraph evidence` on a project with this graph and the made-up document."""
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    settings = f'base_iri = "{BASE.iri}"\n[sources]\nalpha = "alpha.txt"\n'
    (project / "kymgraph.toml").write_text(settings)
    (tmp_path / "alpha.txt").write_text("\n".join(LINES[:4]), encoding="utf-8")

    def run(text: str, *options: str) -> subprocess.CompletedProcess[str]:
        (project / "data/alpha.ttl").write_text(PREFIXES + text, encoding="utf-8")
        arguments = ["evidence", "--sources", ".", "--project", "project", *options]
        environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "LANG": "C.UTF-8"}
        return subprocess.run(
            [sys.executable, "-m", "kymgraph.cli.app", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_the_command_exits_0_only_when_all_is_in_order(command):
    sound = command(SOUND, "--format", "json")
    assert (sound.returncode, json.loads(sound.stdout)["coverage"]) == (0, 1.0)

    bare = command(SOUND + "id:x a kym:Measure .", "--format", "json")
    assert bare.returncode == 1
    assert [row["subject"] for row in json.loads(bare.stdout)["bare"]] == ["<https://example.org/kym/id/x>"]


def test_the_command_prints_uncovered_lines_and_completes_passages(command):
    unwritten = "priority:1 a kym:Priority ; kym:restsOn p:3-3 ."

    done = command(unwritten, "--complete", "--uncovered")

    assert "added https://example.org/kym/id/passage/alpha/3-3" in done.stderr
    assert done.returncode == 1
    assert "uncovered alpha:4: Priority two" in done.stdout


def test_the_command_refuses_a_document_it_does_not_know(command):
    refused = command(SOUND, "--document", "beta")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "alpha" in refused.stderr
