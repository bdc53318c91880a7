"""The pages of the service about itself: true for this project and for another."""

from __future__ import annotations

import httpx
import pytest

from api.negotiate import LANGUAGES
from kymgraph.errors import ProjectError
from tests.conftest import MakeProject, Serve
from tests.html import faults_of

PATHS = ("/about", "/accessibility", "/privacy")


def test_the_pages_are_whole_in_each_language(shipped_url: str, http: httpx.Client) -> None:
    pages = {}
    for path in PATHS:
        for lang in LANGUAGES:
            answer = http.get(shipped_url + path, params={"lang": lang})
            assert answer.status_code == 200
            assert answer.headers["content-language"] == lang
            assert "set-cookie" not in answer.headers
            assert answer.text.count("<h1>") == 1
            pages[f"{path}?lang={lang}"] = answer.content
    assert "CC BY 4.0" in pages["/about?lang=fi"].decode()
    assert faults_of(pages) == []


def test_a_parameter_that_there_is_not_is_refused(shipped_url: str, http: httpx.Client) -> None:
    assert http.get(shipped_url + "/about?page=2").status_code == 400


def test_another_region_names_its_operator_and_where_feedback_goes(
    make_project: MakeProject, serve: Serve, http: httpx.Client
) -> None:
    project = make_project(
        {"data/a.ttl": "x:a x:p 1 ."},
        'feedback = "https://lappi.example/palaute"\n[operator]\nfi = "<b>Lapin liitto</b>"\n',
    )
    from kymgraph import files
    from kymgraph.store.embedded import EmbeddedStore

    store = EmbeddedStore(project.folder / "store")
    read = files.read(project)
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    url = serve(project.folder, store.folder)

    page = http.get(url + "/about?lang=sv").text

    assert "&lt;b&gt;Lapin liitto&lt;/b&gt;" in page
    assert 'href="https://lappi.example/palaute"' in page
    assert "Kymmenedalen" not in page
    assert "CC BY" not in page


def test_feedback_is_an_address_of_the_web(make_project: MakeProject) -> None:
    with pytest.raises(ProjectError, match="feedback"):
        make_project({}, 'feedback = "javascript:alert(1)"')
