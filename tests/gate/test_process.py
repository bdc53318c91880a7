"""The judging process: what it says is what the gate says, and nothing that is sent to it stops the next."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymgraph import errors, files
from kymgraph.changeset import Changeset, to_patch
from kymgraph.errors import GateTimeout, GenerationNotKept, KymgraphError, ProjectError
from kymgraph.gate.process import AsyncJudge, Judge
from kymgraph.gate.wire import report_from_json, report_to_json
from kymgraph.project import Project
from kymgraph.rdf import (
    FORMATS,
    BlankNode,
    Literal,
    NamedNode,
    Quad,
    Triple,
    canonical,
    canonical_nquads,
    parse,
)
from kymgraph.report import Location, Report, Result
from kymgraph.store.embedded import EmbeddedStore

BASE = "https://example.org/kym/"
PREFIXES = f"""@prefix ex: <{BASE}id/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix kymsh: <https://w3id.org/kymgraph/shapes#> .
"""
#: Each step joins the text before with itself: two characters come to two thousand million.
DOUBLED = " ".join(f"BIND (CONCAT(?a{n}, ?a{n}) AS ?a{n + 1})" for n in range(30))
#: Every triple with every other, seven times over.
CROSSED = "$this ex:long ?x . " + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(7))
CROSSED += " FILTER (CONCAT(STR(?s0), STR(?s6)) = STR(?x))"
SHAPES = """
kymsh: sh:declare [ sh:prefix "ex" ; sh:namespace "https://example.org/kym/id/"^^xsd:anyURI ] .
kymsh:Plan a sh:NodeShape ; sh:targetClass ex:Plan ; sh:property kymsh:plan-part , kymsh:plan-title .
kymsh:plan-part a sh:PropertyShape ; sh:path ex:part ; sh:class ex:Goal ; sh:name "osa"@fi ;
  sh:message "Osan pitää olla tavoite."@fi , "A part must be a goal."@en .
kymsh:plan-title a sh:PropertyShape ; sh:path ex:title ; sh:maxCount 1 ; sh:severity sh:Warning ;
  sh:message "Vain yksi nimi."@fi , "One title only."@en .
kymsh:Slow a sh:NodeShape ; sh:targetSubjectsOf ex:code ; sh:property kymsh:slow-code .
kymsh:slow-code a sh:PropertyShape ; sh:path ex:code ; sh:pattern "^([a-z]+)+@x$" .
kymsh:Big a sh:NodeShape ; sh:targetSubjectsOf ex:size ; sh:property kymsh:big-size .
kymsh:big-size a sh:PropertyShape ; sh:path ex:size ; sh:sparql [ a sh:SPARQLConstraint ;
  sh:message "Too big."@en ; sh:prefixes kymsh: ; sh:select
  """ + (
    f"'SELECT $this ?value {{ $this ex:size ?value . BIND (STR(?value) AS ?a0) {DOUBLED} "
    "FILTER (STRLEN(?a30) > 5) }' ] .\n"
    "kymsh:Long a sh:NodeShape ; sh:targetSubjectsOf ex:long ; sh:sparql [ a sh:SPARQLConstraint ;\n"
    f"  sh:message 'Long.'@en ; sh:prefixes kymsh: ; sh:select 'SELECT $this {{ {CROSSED} }}' ] .\n"
)
FILES = {
    "kymgraph.toml": f'base_iri = "{BASE}"\n',
    "data/first.ttl": "ex:plan a ex:Plan ; ex:part ex:goal ; ex:title 'one' . ex:goal a ex:Goal .",
    "ontology/terms.ttl": "ex:Plan a rdfs:Class . ex:Goal a rdfs:Class . ex:Aim rdfs:subClassOf ex:Goal .",
    "shapes/plan.ttl": SHAPES,
}
FIRST = NamedNode(BASE + "graph/first")
STALLS = 'ex:stalls ex:code "abcdefghijklmnopqrstuvwxyz" .'
BAD, GOOD = "ex:bad a ex:Plan ; ex:part ex:nothing .", "ex:good a ex:Plan ; ex:part ex:goal ."


@pytest.fixture
def site(tmp_path: Path) -> tuple[Path, Path]:
    """The folders of a project and of its store."""
    for name, text in FILES.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((PREFIXES if name.endswith(".ttl") else "") + text, "utf-8")
    project = Project.load(tmp_path / "project")
    read = files.read(project)
    EmbeddedStore(tmp_path / "store").build(
        read.quads(), project=project, graphs=read.graphs, files=read.digests
    )
    return tmp_path / "project", tmp_path / "store"


@pytest.fixture
def judge(site: tuple[Path, Path]) -> Iterator[Judge]:
    with Judge(*site, deadline=2) as judge:
        yield judge


def change(added: str = "", removed: str = "") -> Changeset:
    def quads(text: str) -> frozenset[Quad]:
        return frozenset(canonical(parse((PREFIXES + text).encode(), FORMATS["ttl"], graph=FIRST)).quads)

    return Changeset(1, added=quads(added), removed=quads(removed))


def said(verdict: Report | KymgraphError) -> list[tuple[str, str]] | str:
    """Focus and severity of each result, or what went wrong."""
    if isinstance(verdict, KymgraphError):
        return verdict.code
    return [
        (result.focus.value.removeprefix(BASE + "id/"), result.severity.value.rpartition("#")[2])
        for result in verdict.results
    ]


def test_verdicts_come_in_order_and_what_is_accepted_is_seen_by_the_next(judge: Judge) -> None:
    changes = [
        change("ex:mine a ex:Plan ; ex:part ex:later ."),  # not a goal yet
        change("ex:later a ex:Aim ."),
        change("ex:mine a ex:Plan ; ex:part ex:later ."),
        change("ex:plan ex:title 'two' ."),
        change(removed="ex:goal a ex:Goal ."),
    ]

    verdicts = list(judge.judge(1, (), changes))

    assert [said(verdict) for verdict in verdicts] == [
        [("mine", "Violation")],
        [],
        [],
        [("plan", "Warning")],
        [("plan", "Violation")],
    ]


def test_pending_changes_are_part_of_the_state(judge: Judge) -> None:
    [verdict] = judge.judge(1, [change("ex:later a ex:Goal .")], [change("ex:plan ex:part ex:later .")])

    assert said(verdict) == []


def test_changes_may_be_made_after_the_verdict_before(judge: Judge) -> None:
    """What a writer needs that settles a change against the state that the one before has left."""
    seen: list[bool] = []

    def changes() -> Iterator[Changeset]:
        yield change(BAD)
        yield change("ex:other ex:title 'x' ." if seen == [False] else BAD)

    for verdict in judge.judge(1, (), changes()):
        assert isinstance(verdict, Report)
        seen.append(verdict.accepted)

    assert seen == [False, True]


def test_a_hundred_judgements_are_one_process(judge: Judge) -> None:
    assert [said(v) for v in judge.judge(1, (), [change(GOOD)])] == [[]]
    first = judge.pid

    for number in range(100):
        [verdict] = judge.judge(1, (), [change(f"ex:n{number} ex:title '{number}' .")])
        assert said(verdict) == []

    assert judge.pid == first


def test_many_accepted_changes_lie_on_each_other(judge: Judge) -> None:
    changes = [change(f"ex:n{n} a ex:Goal .") for n in range(30)]
    changes += [change(f"ex:plan ex:part ex:n{n} .") for n in range(31)]  # the last is no goal

    verdicts = list(judge.judge(1, (), changes))

    assert [said(verdict) for verdict in verdicts] == [[]] * 60 + [[("plan", "Violation")]]


def test_a_pattern_that_runs_for_ever_costs_its_change_and_no_other(judge: Judge) -> None:
    judge.start()
    changes = [
        change("ex:later a ex:Goal ."),
        change(STALLS),
        change("ex:plan ex:part ex:later ."),
        change(BAD),
    ]
    list(judge.judge(1, (), [change(GOOD)]))  # it has started
    first, began = judge.pid, time.monotonic()

    verdicts = []
    for verdict in judge.judge(1, (), changes):
        verdicts.append(verdict)
        if len(verdicts) == 2:
            assert time.monotonic() - began < 2 + 1

    assert [said(verdict) for verdict in verdicts] == [[], "gate-timeout", [], [("bad", "Violation")]]
    assert "2 s" in str(verdicts[1])
    assert judge.pid != first


def test_after_a_kill_a_spare_takes_over(judge: Judge) -> None:
    verdicts = list(judge.judge(1, (), [change(STALLS), change(GOOD), change(STALLS), change(BAD)]))

    assert [said(v) for v in verdicts] == ["gate-timeout", [], "gate-timeout", [("bad", "Violation")]]
    assert judge._spare is not None
    assert judge._spare.popen.poll() is None


def test_a_change_that_takes_all_memory_costs_itself_only(site: tuple[Path, Path]) -> None:
    with Judge(*site, deadline=30, memory_mb=1000) as judge:
        verdicts = list(judge.judge(1, (), [change('ex:bomb ex:size "ab" .'), change(BAD)]))

    assert [said(verdict) for verdict in verdicts] == ["gate-timeout", [("bad", "Violation")]]
    assert "1000 MB" in str(verdicts[0])


def test_a_child_killed_while_it_judges_costs_that_change(site: tuple[Path, Path]) -> None:
    with Judge(*site, deadline=30) as judge:
        list(judge.judge(1, (), [change(GOOD)]))
        assert judge.pid is not None
        threading.Timer(0.5, os.kill, (judge.pid, signal.SIGKILL)).start()
        verdicts = list(judge.judge(1, (), [change(STALLS), change(BAD)]))

    assert [said(verdict) for verdict in verdicts] == ["gate-timeout", [("bad", "Violation")]]


def test_a_child_that_dies_idle_is_replaced_and_nothing_is_lost(judge: Judge) -> None:
    accepted = change("ex:later a ex:Goal .")
    verdicts = judge.judge(1, (), iter([accepted, change("ex:plan ex:part ex:later .")]))
    assert said(next(verdicts)) == []
    assert judge.pid is not None

    os.kill(judge.pid, signal.SIGKILL)
    os.waitid(os.P_PID, judge.pid, os.WEXITED | os.WNOWAIT)

    assert said(next(verdicts)) == []  # the accepted change was told to the new child


def test_two_conversations_do_not_see_each_other(judge: Judge) -> None:
    one = judge.judge(1, (), [change("ex:later a ex:Goal ."), change("ex:plan ex:part ex:later .")])
    other = judge.judge(1, (), [change(GOOD), change("ex:plan ex:part ex:later .")])

    verdicts = [said(next(side)) for side in (one, other, one, other)]

    assert verdicts == [[], [], [], [("plan", "Violation")]]


def test_shapes_that_change_on_disk_are_compiled_again(judge: Judge, site: tuple[Path, Path]) -> None:
    assert [said(v) for v in judge.judge(1, (), [change(BAD)])] == [[("bad", "Violation")]]
    first, file = judge.pid, site[0] / "shapes/plan.ttl"

    file.write_text(PREFIXES + SHAPES.replace("sh:class ex:Goal", "sh:nodeKind sh:Literal"), "utf-8")
    assert [said(v) for v in judge.judge(1, (), [change(GOOD)])] == [[("good", "Violation")]]

    file.write_text(PREFIXES + SHAPES.replace("sh:class ex:Goal", "sh:datatype xsd:int"), "utf-8")
    with pytest.raises(ProjectError, match="keeps as"):
        list(judge.judge(1, (), [change(GOOD)]))

    file.write_text(PREFIXES + SHAPES, "utf-8")
    assert [said(v) for v in judge.judge(1, (), [change(GOOD)])] == [[]]
    assert judge.pid == first


def test_errors_come_back_as_what_they_are(judge: Judge) -> None:
    with pytest.raises(GenerationNotKept, match="nearest kept is 1") as refused:
        list(judge.judge(7, (), [change(GOOD)]))

    assert refused.value.hint == "ask for 1"


def test_a_payload_is_judged_with_what_it_refers_to(judge: Judge) -> None:
    def validate(text: str, media_type: str = "text/plain") -> bytes:
        payload = canonical_nquads(parse((PREFIXES + text).encode(), FORMATS["ttl"]))
        return judge.validate(1, payload, media_type, "en")

    assert validate(GOOD) == b"The data conforms to the shapes.\n"
    assert b"A part must be a goal." in validate(BAD)
    assert b"sh:ValidationReport" in validate(BAD, "text/turtle")
    with pytest.raises(GateTimeout):
        validate(STALLS)
    assert b"A part must be a goal." in validate(BAD)


def test_the_child_sees_no_secret_no_network_and_dies_with_its_parent(site: tuple[Path, Path]) -> None:
    script = (
        "import sys, time\n"
        "from kymgraph.changeset import Changeset\n"
        "from kymgraph.gate.process import Judge\n"
        f"judge = Judge({str(site[0])!r}, {str(site[1])!r})\n"
        "list(judge.judge(1, (), [Changeset(1)]))\n"
        "assert not {'rdflib', 'pyshacl'} & set(sys.modules)\n"
        "print(judge.pid, flush=True); time.sleep(60)"
    )
    environment = {
        **os.environ,
        "KYMGRAPH_SECRET": "x",
        "PYTHONPATH": str(Path(errors.__file__).parent.parent),
    }
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        child = Path(f"/proc/{pid}")
        assert b"KYMGRAPH_SECRET" not in (child / "environ").read_bytes()
        status = (child / "status").read_text()
        assert "Seccomp:\t2" in status
        assert os.getsid(pid) == pid
        parent.kill()
    wait_until_gone(pid, 10)


@pytest.mark.parametrize(
    ("text", "deadline"),
    [
        (f"ex:stalls ex:code '{'a' * 60}' .", 1),  # holds the interpreter: the kernel ends it
        ("ex:long ex:long 1 .", 300),
    ],
    ids=["regular expression", "query"],
)
def test_a_child_at_work_does_not_outlive_its_parent(
    site: tuple[Path, Path], text: str, deadline: float
) -> None:
    patch = to_patch(change(text))
    script = (
        "from kymgraph.changeset import Changeset, from_patch\n"
        "from kymgraph.gate.process import Judge\n"
        f"judge = Judge({str(site[0])!r}, {str(site[1])!r}, deadline={deadline})\n"
        "list(judge.judge(1, (), [Changeset(1)]))\n"
        "print(judge.pid, flush=True)\n"
        f"list(judge.judge(1, (), [from_patch({patch!r})]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(errors.__file__).parent.parent)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()

    wait_until_gone(pid, 10)


def wait_until_gone(pid: int, seconds: float) -> None:
    """Until nothing is left of a process, or nothing but its exit status."""
    until, process = time.monotonic() + seconds, Path(f"/proc/{pid}/stat")
    while process.exists() and process.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_asyncio_twin_says_the_same(site: tuple[Path, Path]) -> None:
    async def judged() -> list[object]:
        judge = AsyncJudge(*site, deadline=2, processes=2)
        try:
            payload = canonical_nquads(parse((PREFIXES + BAD).encode(), FORMATS["ttl"]))
            stalled, rest, text = await asyncio.gather(
                judge.judge(1, (), [change(STALLS), change(BAD)]),
                judge.judge(1, [change("ex:later a ex:Goal .")], [change("ex:plan ex:part ex:later .")]),
                judge.validate(1, payload, "text/plain", "fi"),
            )
            return [[said(v) for v in stalled], [said(v) for v in rest], b"Osan" in text]
        finally:
            await judge.aclose()

    assert asyncio.run(judged()) == [["gate-timeout", [("bad", "Violation")]], [[]], True]


def test_a_caller_that_goes_away_leaves_the_judge_to_others(site: tuple[Path, Path]) -> None:
    async def judged() -> object:
        judge = AsyncJudge(*site, deadline=2)
        try:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(judge.judge(1, (), [change(STALLS)]), 0.1)
            [verdict] = await judge.judge(1, (), [change(BAD)])
            return said(verdict)
        finally:
            await judge.aclose()

    assert asyncio.run(judged()) == [("bad", "Violation")]


# --- reports as JSON --------------------------------------------------------------------------------------

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_iris = st.from_regex(r"[a-z0-9åλ/-]{0,8}", fullmatch=True).map(
    lambda end: NamedNode("https://x.example/" + end)
)
_blank = st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{0,5}", fullmatch=True).map(BlankNode)
_literals = st.one_of(
    _texts.map(Literal),
    st.builds(lambda text, tag: Literal(text, language=tag), _texts, st.sampled_from(["fi", "sv", "en-gb"])),
    st.builds(lambda text, kind: Literal(text, datatype=kind), _texts, _iris),
)
_terms = st.one_of(_iris, _blank, _literals)
_triples = st.builds(Triple, st.one_of(_iris, _blank), _iris, _terms)


_none = st.just(())


def _tuples(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=2).map(tuple)


def _results(nested: st.SearchStrategy[tuple[object, ...]]) -> st.SearchStrategy[Result]:
    given_fields = {
        "focus": _terms,
        "path": st.none() | _terms,
        "value": st.none() | _terms,
        "shape": _terms,
        "component": _iris,
        "severity": _iris,
        "messages": _tuples(_literals),
        "names": _tuples(_literals),
        "labels": _tuples(_literals),
        "path_text": _texts,
        "constraint": st.none() | _terms,
        "graph": st.none() | _iris,
        "source": st.none() | st.builds(Location, _texts, st.none() | st.integers(1, 9)),
        "details": _tuples(_triples),
        "nested": nested,
        "status": st.sampled_from(["new", "pre-existing", "mended"]),
    }
    return st.builds(Result, **{f.name: given_fields[f.name] for f in fields(Result)})


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        Report,
        results=_tuples(_results(_tuples(_results(_none)))),
        truncated=st.booleans(),
        stats=st.dictionaries(_texts, st.integers(), max_size=2),
        prefixes=st.dictionaries(_texts, _texts, max_size=2),
    )
)
def test_a_report_comes_through_json_as_it_was(report: Report) -> None:
    again = report_from_json(report_to_json(report))

    assert again == report
    assert again.prefixes == report.prefixes  # which == leaves out
    assert type(again.results) is tuple


@given(_texts, st.none() | _texts)
def test_an_error_comes_through_json_as_it_was(message: str, hint: str | None) -> None:
    for kind in (errors.InputError, ProjectError, errors.StoreBroken, KymgraphError):
        again = errors.from_dict(errors.to_dict(kind(message, hint=hint)))
        assert (type(again), again.message, str(again), again.hint) == (kind, message, message, hint)
    again = errors.from_dict(errors.to_dict(errors.RdfSyntaxError("a.ttl", message, line=3, hint=hint)))
    assert isinstance(again, errors.RdfSyntaxError)
    assert (again.detail, again.line, again.column, again.name) == (message, 3, None, "a.ttl")


def test_limits_reach_the_gate(judge: Judge) -> None:
    [verdict] = judge.judge(1, (), [change(BAD + BAD.replace("ex:bad", "ex:worse"))], limit=1)

    assert isinstance(verdict, Report)
    assert (len(verdict.results), verdict.truncated) == (1, True)
    assert replace(verdict, truncated=False) != verdict
