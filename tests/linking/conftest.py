"""What the tests of linking share: our things as the files hold them, and the gold set."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from kymgraph import files
from kymgraph.gate.policy import view_of
from kymgraph.linking.entities import Entity, Ours
from kymgraph.linking.vocabulary import Vocabulary
from kymgraph.project import Project
from kymgraph.view import View
from tests.conftest import ROOT
from tests.linking.authorities import vocabularies

HERE = Path(__file__).parent
#: What runs in the environment of SSSOM; pytest does not look into it.
collect_ignore = ["validate_sssom.py"]


@dataclass(frozen=True)
class World:
    """The shipped project in memory."""

    project: Project
    view: View
    ours: Ours
    entities: Mapping[str, Entity]  #: by what follows `id/` in their IRIs


@pytest.fixture(scope="session")
def world() -> World:
    project = Project.load(ROOT)
    view = view_of(files.read(project).quads(), project)
    ours = Ours(view)
    return World(project, view, ours, {one.iri.removeprefix(project.base.ids): one for one in ours.of()})


@pytest.fixture(scope="session")
def gold() -> list[dict[str, str]]:
    """Pairs that people judged from the authority files, before there was a matcher."""
    with (HERE / "gold.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def theirs(shared: Path) -> dict[str, Vocabulary]:
    return vocabularies(shared / "authorities")
