"""What makes a graph project, and which file is which graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymgraph import files
from kymgraph.errors import ProjectError, RdfSyntaxError
from kymgraph.namespaces import Base
from kymgraph.project import Project
from tests.conftest import MakeProject


def test_an_empty_settings_file_is_a_project_with_defaults(make_project: MakeProject) -> None:
    project = make_project()

    assert project.base.iri == "https://w3id.org/kymgraph/"
    assert project.default_graph == "union"
    assert project.blank_nodes == "skolem"
    assert project.languages == ("fi", "sv", "en")
    assert project.rdf_files() == []
    assert project.store_folder == project.folder / ".kymgraph"


def test_settings_are_read(make_project: MakeProject) -> None:
    project = make_project(
        toml="""
        base_iri = "https://example.org/kym/"
        default_graph = "strict"
        blank_nodes = "keep"
        languages = ["sv", "fi"]
        title = {fi = "Malli", sv = "Modell"}
        [union]
        exclude = ["drafts"]
        [sources]
        doc = "doc.txt"
        [prefixes]
        ex = "https://example.org/"
        """
    )

    assert project.base == Base("https://example.org/kym/")
    assert (project.default_graph, project.blank_nodes, project.languages) == ("strict", "keep", ("sv", "fi"))
    assert (project.title["sv"], project.sources["doc"]) == ("Modell", "doc.txt")
    assert project.prefixes["ex"] == "https://example.org/"
    assert project.prefixes["id"] == "https://example.org/kym/id/"
    assert not project.in_union("https://example.org/kym/graph/drafts")
    assert project.in_union("https://example.org/kym/graph/ledger")


@pytest.mark.parametrize(
    ("toml", "message", "hint"),
    [
        ('base_irl = "x"', "unknown key 'base_irl'", "did you mean 'base_iri'"),
        ('base_iri = "https://example.org"', "ends in '/'", "mend the file"),
        ("base_iri = 7", "must be a text", "mend the file"),
        ('default_graph = "all"', "default_graph is 'all'", "union, strict"),
        ('blank_nodes = "drop"', "blank_nodes is 'drop'", "skolem, keep"),
        ("[union]\nexclude = [7]", "union.exclude must be a list of texts", "mend the file"),
        ("[union]\nleave = []", "unknown key 'union.leave'", "exclude"),
        ('dataset_search = "http://a.example/{words}"', "dataset_search is", "write the https address"),
        ('dataset_search = "https://a.example/?q="', "dataset_search is", "{words}"),
        ('dataset_search = "https://{words}.example/"', "dataset_search is", "{words}"),
        ("[sources]\na = 1", "sources.a must be a text", "mend the file"),
        ("title = ", "could not be read", "mend the file"),
    ],
)
def test_wrong_settings_name_the_file_the_key_and_the_mend(
    make_project: MakeProject, toml: str, message: str, hint: str
) -> None:
    with pytest.raises(ProjectError) as raised:
        make_project(toml=toml)

    assert "kymgraph.toml: " in str(raised.value) or "could not be read" in str(raised.value)
    assert message in str(raised.value)
    assert hint in (raised.value.hint or "")


def test_a_project_is_found_from_a_folder_below(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project({"data/deep/a.ttl": ""})
    monkeypatch.chdir(project.folder / "data" / "deep")

    assert Project.find() == project
    assert Project.find("../..") == project


def test_no_project_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as raised:
        Project.find(tmp_path)

    assert "--project" in (raised.value.hint or "")


def test_each_file_knows_its_graph(make_project: MakeProject) -> None:
    project = make_project(
        {
            "data/lineage.ttl": "",
            "data/harvest/kouvola.nt": "",
            "data/README.md": "no RDF",
            "ontology/kym.ttl": "",
            "ontology/schemes/themes.ttl": "",
            "shapes/programme.ttl": "",
            "shapes/policy/evidence.rq": "",
            "api/queries/q.rq": "",
        }
    )

    graphs = {project.name_of(file): project.graph_of(file) for file in project.rdf_files()}

    assert graphs == {
        "data/lineage.ttl": "lineage",
        "data/harvest/kouvola.nt": "harvest/kouvola",
        "ontology/kym.ttl": "ontology",
        "ontology/schemes/themes.ttl": "ontology",
        "shapes/programme.ttl": "shapes",
    }
    assert [file.name for file in project.policy_files()] == ["evidence.rq"]
    assert [file.name for file in project.query_files()] == ["q.rq"]


@pytest.mark.parametrize(
    "name", ["data/two words.ttl", "data/shapes.ttl", "data/ontology.ttl", "data/_default.ttl"]
)
def test_a_file_name_that_is_no_graph_is_refused(make_project: MakeProject, name: str) -> None:
    project = make_project({name: "x:a x:p 1 ."})

    with pytest.raises(ProjectError, match=name):
        files.read(project)


def test_two_files_for_one_graph_are_refused(make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "", "data/a.nt": ""})

    with pytest.raises(ProjectError, match=r"data/a\.nt and data/a\.ttl"):
        files.read(project)


def test_reading_gives_quads_in_their_graphs_with_digests(make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p 007 .", "data/b.nt": "", "ontology/o.ttl": "x:c a x:D ."})

    read = files.read(project)

    assert {str(q.graph_name) for q in read.quads()} == {
        f"<{project.base.graph('a')}>",
        f"<{project.base.graph('ontology')}>",
    }
    assert read.graphs == sorted(project.base.graph(name) for name in ("a", "b", "ontology"))
    assert read.digests == files.digests(project)
    assert [file.name for file in read.files if file.rewritten] == ["data/a.ttl"]


def test_blank_nodes_of_two_files_are_never_one(make_project: MakeProject) -> None:
    project = make_project({"ontology/a.ttl": "_:x x:p 1 .", "ontology/b.ttl": "_:x x:p 2 ."})

    one, two = files.read(project).quads()

    assert one.subject != two.subject


def test_a_syntax_error_names_the_file_relative_to_the_project(make_project: MakeProject) -> None:
    project = make_project({"data/a.ttl": "x:a x:p"})

    with pytest.raises(RdfSyntaxError, match=r"^data/a\.ttl:3:"):
        files.read(project)


def test_changed_files_are_named() -> None:
    assert files.changed({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == ["b", "c", "d"]
