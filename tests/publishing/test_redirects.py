"""The list of renamed things: read as it is documented, refused with the line where it cannot hold."""

from __future__ import annotations

import pytest

from kymgraph.errors import ProjectError
from kymgraph.project import Project
from kymgraph.publishing.redirects import load
from tests.conftest import ROOT, MakeProject, Serve

HEAD = "from,to,since,reason\n"
ID = "https://w3id.org/kymgraph/id/"


def listed(make_project: MakeProject, rows: str, head: str = HEAD) -> dict[str, str]:
    project = make_project({"data/redirects.csv": head + rows})
    return {old: redirect.new for old, redirect in load(project).items()}


def test_short_and_whole_names_mean_the_same(make_project: MakeProject) -> None:
    rows = f'a/x,a/y,2026-11-22,"so, said"\n{ID}a/z,{ID}a/y,2026-11-22,\n\n'

    assert listed(make_project, rows) == {ID + "a/x": ID + "a/y", ID + "a/z": ID + "a/y"}


def test_a_project_without_the_file_renames_nothing(make_project: MakeProject) -> None:
    assert load(make_project()) == {}


def test_the_shipped_list_can_be_read() -> None:
    load(Project.load(ROOT))


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        ("a/1,a/2,2026-11-22,x\na/2,a/3,2026-11-22,x\n", 2, f"let it lead to {ID}a/3"),
        ("a/1,a/2,2026-11-22,x\na/2,a/3,2026-11-22,x\na/3,a/4,2026-11-22,x\n", 2, f"let it lead to {ID}a/4"),
        ("a/1,a/2,2026-11-22,x\na/2,a/1,2026-11-22,x\n", 2, "loop"),
        ("a/1,a/1,2026-11-22,x\n", 2, "loop"),
        ("a/1,a/2,2026-11-22,x\na/1,a/3,2026-11-22,x\n", 3, "keep one"),
        ("a/1,a/2\n", 2, "cells"),
        ("a/1,a/2,today,x\n", 2, "2026-11-22"),
        ("a 1,a/2,2026-11-22,x\n", 2, "IRI"),
        ("a/1,https://elsewhere.example/a,2026-11-22,x\n", 2, "not under"),
        (",a/2,2026-11-22,x\n", 2, "not under"),
    ],
)
def test_what_cannot_hold_is_refused_by_its_line(
    make_project: MakeProject, rows: str, line: int, words: str
) -> None:
    with pytest.raises(ProjectError) as refused:
        listed(make_project, rows)

    assert f"data/redirects.csv:{line}: " in refused.value.message
    assert words in refused.value.message + " " + (refused.value.hint or "")


def test_another_header_is_refused(make_project: MakeProject) -> None:
    with pytest.raises(ProjectError, match="header"):
        listed(make_project, "", "old,new\n")


def test_a_server_does_not_start_with_a_loop(make_project: MakeProject, serve: Serve) -> None:
    from kymgraph import dataset
    from kymgraph.store.embedded import EmbeddedStore

    project = make_project(
        {"data/a.ttl": "x:a x:p 1 .", "data/redirects.csv": HEAD + "a/1,a/1,2026-11-22,x\n"}
    )
    dataset.build(project, EmbeddedStore(project.store_folder))

    with pytest.raises(RuntimeError, match=r"redirects\.csv:2: .* leads back to itself"):
        serve(project.folder, project.store_folder)
