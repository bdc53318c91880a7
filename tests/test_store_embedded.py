"""The store folder: built beside, moved in one step, read by checkpoints, never half there."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kymgraph import files
from kymgraph.errors import (
    CannotWrite,
    GenerationNotKept,
    InputError,
    StoreBroken,
    StoreHasCommits,
    StoreLocked,
    StoreMissing,
)
from kymgraph.project import Project
from kymgraph.rdf import BlankNode, NamedNode, Quad
from kymgraph.store.embedded import EmbeddedStore, move_pointer
from kymgraph.view import UNION, View
from tests.conftest import Kymgraph, MakeProject, clean_environment

A = {"data/a.ttl": "x:a x:p 1, 2 .", "data/b.ttl": "x:a x:p 2, 3 ."}


def build(project: Project, **options: bool) -> EmbeddedStore:
    store, read = EmbeddedStore(project.store_folder), files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests, **options)
    return store


def count(view: View, pattern: str = "?s ?p ?o") -> int:
    [row] = view.select(f"SELECT (COUNT(*) AS ?n) WHERE {{ {pattern} }}")
    return int(row["n"].value)


# --- what is in it --------------------------------------------------------------------------------------


def test_a_triple_in_two_graphs_counts_once_in_the_default_graph(make_project: MakeProject) -> None:
    view = build(make_project(A)).view()

    assert count(view) == 3
    assert count(view, "GRAPH ?g { ?s ?p ?o }") == 4
    assert len(list(view.quads(graph=UNION))) == 3
    assert len(list(view.quads())) == 4


def test_the_union_leaves_out_what_the_project_excludes(make_project: MakeProject) -> None:
    project = make_project(
        {
            "data/a.ttl": "x:a x:p 1 .",
            "data/catalog.ttl": "x:c x:p 2 .",
            "data/ledger.ttl": "x:l x:p 3 .",
            "data/harvest/k.ttl": "x:h x:p 4 .",
            "shapes/s.ttl": "x:s x:p 5 .",
            "ontology/o.ttl": "x:o x:p 6 .",
        }
    )

    view = build(project).view()

    assert {row["o"].value for row in view.select("SELECT ?o { ?s ?p ?o }")} == {"1", "6"}
    assert len(view.graphs()) == 6


def test_in_a_strict_project_the_default_graph_is_itself(make_project: MakeProject) -> None:
    project = make_project(
        {
            "data/a.ttl": "x:a x:p 1 .",
            "data/_default.ttl": "x:d x:p 2 .",
            "data/more.trig": "<urn:s> <urn:p> 3 .",
        },
        toml='default_graph = "strict"',
    )

    view = build(project).view()

    assert {row["o"].value for row in view.select("SELECT ?o { ?s ?p ?o }")} == {"2", "3"}
    assert [graph.value for graph in view.graphs()] == [project.base.graph("a")]


def test_an_empty_file_is_an_empty_graph(make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": ""})

    store = build(project)

    assert store.view().graphs() == [NamedNode(project.base.graph("a"))]
    assert store.manifest.graphs == {project.base.graph("a"): 0}


def test_an_empty_project_is_built(make_project: MakeProject) -> None:
    assert count(build(make_project()).view()) == 0


def test_blank_nodes_get_lasting_names_or_are_kept(make_project: MakeProject) -> None:
    text = {"data/a.ttl": "x:a x:p [ x:q 1 ] ."}
    project = make_project(text)

    one = set(build(project).view().quads())
    two = set(build(project).view().quads())
    kept = set(build(make_project(text, toml='blank_nodes = "keep"')).view().quads())

    assert one == two
    assert not any(isinstance(quad.subject, BlankNode) for quad in one)
    assert any(isinstance(quad.subject, BlankNode) for quad in kept)


def test_a_view_finds_by_pattern_and_binds_terms(make_project: MakeProject) -> None:
    project = make_project(A)
    view = build(project).view()
    graph = NamedNode(project.base.graph("b"))

    assert {quad.object.value for quad in view.quads(graph=graph)} == {"2", "3"}  # type: ignore[union-attr]
    assert list(view.quads(predicate=NamedNode("http://x.example/none"))) == []
    rows = view.select("SELECT ?o { GRAPH ?g { ?s ?p ?o } } ORDER BY ?o", {"g": graph})
    assert [row["o"].value for row in rows] == ["2", "3"]


# --- generations ----------------------------------------------------------------------------------------


def test_no_store_says_how_to_make_one(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "none")

    for ask in (lambda: store.generation, store.checkpoint_path, store.view, lambda: store.manifest):
        with pytest.raises(StoreMissing) as raised:
            ask()
        assert "kymgraph build" in (raised.value.hint or "")


def test_readers_follow_the_pointer_and_old_views_stay(make_project: MakeProject) -> None:
    project = make_project(A)
    store = build(project)
    old = store.view()
    shutil.copytree(store.folder / "checkpoints" / "1", store.folder / "checkpoints" / "2")

    move_pointer(store.folder, 2)

    assert (store.generation, store.view().generation, old.generation) == (2, 2, 1)
    assert store.checkpoint_path(1).name == "1"
    assert not (store.folder / "current.new").exists()
    with pytest.raises(GenerationNotKept, match="nearest kept is 2"):
        store.view(9)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "current").write_text("two"), "holds 'two'"),
        (lambda f: (f / "version").write_text("99"), "layout '99'"),
        (lambda f: (f / "version").unlink(), "`version` cannot be read"),
        (lambda f: shutil.rmtree(f / "checkpoints" / "1"), "checkpoint 1"),
        (lambda f: [p.unlink() for p in (f / "checkpoints" / "1").glob("MANIFEST*")], "cannot be opened"),
    ],
)
def test_a_damaged_store_is_named_with_what_to_do(
    make_project: MakeProject, damage: object, said: str
) -> None:
    store = build(make_project(A))
    damage(store.folder)  # type: ignore[operator]

    with pytest.raises(StoreBroken, match=said) as raised:
        store.view()

    assert "kymgraph build" in (raised.value.hint or "")
    assert [finding.level for finding in store.doctor()].count("fault") == 1


# --- building -------------------------------------------------------------------------------------------


def test_a_build_replaces_a_store_without_commits(make_project: MakeProject) -> None:
    build(make_project(A))

    store = build(make_project({"data/a.ttl": "x:a x:p 9 ."}))

    assert (store.generation, count(store.view(), "?s ?p 9")) == (1, 1)
    assert store.leftovers() == []


def test_a_build_refuses_to_drop_commits_unless_told(make_project: MakeProject) -> None:
    project = make_project(A)
    store = build(project)
    (store.folder / "journal" / "000001").write_text("a commit")

    with pytest.raises(StoreHasCommits, match="nothing was changed"):
        build(project)
    assert (store.folder / "journal" / "000001").exists()

    assert not build(project, discard_history=True).has_commits


def test_a_store_at_a_later_generation_has_commits(make_project: MakeProject) -> None:
    store = build(make_project(A))
    shutil.copytree(store.folder / "checkpoints" / "1", store.folder / "checkpoints" / "2")
    move_pointer(store.folder, 2)

    with pytest.raises(StoreHasCommits, match="generation 2"):
        store.check_buildable()


def test_a_store_in_use_is_not_replaced(make_project: MakeProject) -> None:
    project = make_project(A)
    store = build(project)

    with store.in_use(), store.in_use(), pytest.raises(StoreLocked, match="nothing was changed"):
        build(project)

    build(project)


@pytest.mark.parametrize("there_before", [False, True])
@pytest.mark.parametrize(
    ("error", "raised"), [(KeyboardInterrupt, KeyboardInterrupt), (OSError(28, "No space left"), CannotWrite)]
)
def test_a_build_that_fails_leaves_everything_as_it_was(
    make_project: MakeProject, there_before: bool, error: BaseException, raised: type[BaseException]
) -> None:
    project = make_project(A)
    store = build(project) if there_before else EmbeddedStore(project.store_folder)

    def broken_off() -> Iterator[Quad]:
        yield from files.read(project).quads()
        raise error

    with pytest.raises(raised):
        store.build(broken_off(), project=project)

    assert store.exists == there_before
    assert store.leftovers() == []
    if there_before:
        assert count(store.view()) == 3


def test_a_killed_build_leaves_the_old_store_and_the_doctor_finds_the_rest(make_project: MakeProject) -> None:
    project = make_project(A)
    store = build(project)
    code = (
        "import os, signal\nfrom kymgraph.project import Project\nfrom kymgraph.store import embedded\n"
        "embedded.move_pointer = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"  # a build's last step
        f"p = Project.find({str(project.folder)!r})\n"
        "embedded.EmbeddedStore(p.store_folder).build([], project=p)"
    )

    done = subprocess.run([sys.executable, "-c", code], env=clean_environment(), check=False)

    assert done.returncode == -signal.SIGKILL
    assert count(store.view()) == 3
    [left] = store.leftovers()
    [finding] = [finding for finding in store.doctor() if finding.level != "ok"]
    assert (finding.level, str(left) in finding.what, finding.fix) == (
        "warning",
        True,
        f"delete it: rm -r {left}",
    )
    build(project)  # the dead holder let the lock go


def test_the_store_is_on_the_disk_and_whole_after_kill_9_of_its_builder(make_project: MakeProject) -> None:
    project = make_project(A)
    code = (
        "import os, signal\nfrom kymgraph import files\nfrom kymgraph.project import Project\n"
        "from kymgraph.store.embedded import EmbeddedStore\n"
        f"p = Project.find({str(project.folder)!r})\n"
        "EmbeddedStore(p.store_folder).build(files.read(p).quads(), project=p)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )

    subprocess.run([sys.executable, "-c", code], env=clean_environment(), check=False)

    store = EmbeddedStore(project.store_folder)
    assert count(store.view()) == 3
    assert {finding.level for finding in store.doctor(deep=True)} == {"ok"}


def test_readers_never_miss_the_store_while_it_is_replaced(make_project: MakeProject) -> None:
    project = make_project(A)
    store, read = build(project), files.read(project)
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "pointer = Path(sys.argv[1]) / 'current'\nprint('go', flush=True)\n"
        "end, missed = time.monotonic() + 3, 0\n"
        "while time.monotonic() < end:\n"
        "    try: pointer.read_text()\n"
        "    except FileNotFoundError: missed += 1\n"
        "print(missed)"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(store.folder)], stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    reader.stdout.readline()
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        store.build(read.quads(), project=project)

    assert reader.communicate()[0].strip() == "0"


def test_the_manifest_says_what_the_store_was_built_from(make_project: MakeProject) -> None:
    project = make_project(A)
    manifest = build(project).manifest

    assert manifest.files == files.digests(project)
    assert (manifest.quads, manifest.base) == (4, project.base.iri)
    assert set(manifest.versions) == {"kymgraph", "pyoxigraph"}


# --- the doctor -----------------------------------------------------------------------------------------


def test_a_sound_store_has_no_findings_but_ok(make_project: MakeProject) -> None:
    store = build(make_project(A | {"data/catalog.ttl": "x:c x:p 1 ."}))

    assert {finding.level for finding in store.doctor(deep=True)} == {"ok"}


def test_the_deep_doctor_sees_a_union_that_is_not_the_union(make_project: MakeProject) -> None:
    store = build(make_project(A))
    manifest = json.loads((store.folder / "files.json").read_text())
    manifest["union_exclude"] = ["b"]  # as if the store had been built with b left out
    (store.folder / "files.json").write_text(json.dumps(manifest))

    assert not any(finding.level == "fault" for finding in store.doctor())
    [fault] = [finding for finding in store.doctor(deep=True) if finding.level == "fault"]
    assert "differs from the union in 1 triples" in fault.what


def test_the_doctor_says_what_to_do_about_each_fault(make_project: MakeProject) -> None:
    store = build(make_project(A))
    shutil.rmtree(store.folder / "live")
    (store.folder / "journal").rmdir()

    faults = [finding for finding in store.doctor() if finding.level == "fault"]

    assert [("live" in f.what, "journal" in f.what) for f in faults] == [(True, False), (False, True)]
    assert all(finding.fix for finding in faults)


@pytest.mark.parametrize("pointer", ["garbage\n", "", None])
def test_a_store_with_a_broken_pointer_is_built_anew_unless_it_holds_commits(
    make_project: MakeProject, pointer: str | None
) -> None:
    store = build(make_project(A))
    current = store.folder / "current"
    current.unlink() if pointer is None else current.write_text(pointer)
    (store.folder / "journal" / "1").write_text("a commit")
    with pytest.raises(StoreHasCommits):
        store.check_buildable(discard_history=False)
    (store.folder / "journal" / "1").unlink()

    assert count(build(Project.load(store.folder.parent)).view()) == 3


def test_a_corrupted_checkpoint_is_told_and_waited_for_by_nobody(
    make_project: MakeProject, kymgraph: Kymgraph
) -> None:
    store = build(make_project(A))
    for file in (store.folder / "checkpoints" / "1").glob("*.sst"):
        file.unlink()  # the first name only: live/ keeps its own

    asked = kymgraph("query", "SELECT * { ?s ?p ?o }", cwd=store.folder.parent)
    examined = kymgraph("doctor", "--deep", cwd=store.folder.parent)

    assert (asked.returncode, examined.returncode) == (3, 1)
    assert "kymgraph doctor" in asked.stderr
    assert "kymgraph build" in examined.stdout


@pytest.mark.parametrize("discard_history", [False, True])
def test_a_build_replaces_nothing_that_is_not_a_store(
    make_project: MakeProject, tmp_path: Path, discard_history: bool
) -> None:
    project = make_project(A)
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("mine")
    folder.mkdir()
    (folder / "version").write_text("mine too")
    (folder / "thesis.odt").write_text("mine too")

    for place in (file, folder):
        with pytest.raises(InputError, match="no store of kymgraph"):
            EmbeddedStore(place).build([], project=project, discard_history=discard_history)

    assert file.read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == ["thesis.odt", "version"]
    assert not list(tmp_path.glob("*.building-*"))
