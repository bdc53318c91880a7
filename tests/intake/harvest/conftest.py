"""A project with places and themes, a store of it, and a catalogue on this machine to harvest."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kymgraph import files
from kymgraph.intake.harvest import Folder, Harvest, Listing, Visitor, Vocabulary
from kymgraph.intake.harvest.listing import read_ckan
from kymgraph.intake.harvest.quads import Names
from kymgraph.net import Client
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, Quad
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.memory import MemoryView
from tests.localserver import Server

from .catalogue import Catalogue, package

ROOT = Path(__file__).resolve().parents[3]
GRAPH = "harvest/test"

#: Names that are traps: a place in a word, two things of one name, a theme with a word of a place in it.
THINGS = """
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix place: <https://w3id.org/kymgraph/id/place/> .
@prefix theme: <https://w3id.org/kymgraph/id/theme/> .
@prefix in: <https://w3id.org/kymgraph/id/place-membership/> .
place:kymenlaakso a kym:Region ; skos:prefLabel "Kymenlaakso"@fi , "Kymmenedalen"@sv .
place:paijat-hame a kym:Region ; skos:prefLabel "Päijät-Häme"@fi .
place:kouvola a kym:Municipality ; skos:prefLabel "Kouvola"@fi ;
  skos:exactMatch <http://www.yso.fi/onto/yso/p1> .
place:kotka a kym:Municipality ; skos:prefLabel "Kotka"@fi .
place:iitti a kym:Municipality ; skos:prefLabel "Iitti"@fi .
place:kausala a kym:PopulatedPlace ; skos:prefLabel "Kausala"@fi .
place:kouvolan-seutu a kym:ProgrammeArea ; skos:prefLabel "Kouvolan seutu"@fi .
place:uusikyla-1 a kym:Municipality ; skos:prefLabel "Uusikylä"@fi .
place:uusikyla-2 a kym:Municipality ; skos:prefLabel "Uusikylä"@fi .
in:kouvola a kym:PlaceMembership ; kym:part place:kouvola ; kym:whole place:kymenlaakso .
in:iitti-1 a kym:PlaceMembership ; kym:part place:iitti ; kym:whole place:kymenlaakso ;
  kym:validUntil "2020-12-31"^^xsd:date .
in:iitti-2 a kym:PlaceMembership ; kym:part place:iitti ; kym:whole place:paijat-hame ;
  kym:validFrom "2021-01-01"^^xsd:date .
theme:logistiikka a kym:Theme ; skos:prefLabel "logistiikka"@fi , "logistik"@sv , "logistics"@en .
theme:investoinnit a kym:Theme ; skos:prefLabel "investoinnit"@fi , "investeringar"@sv , "investment"@en .
theme:energia a kym:Theme ; skos:prefLabel "energia"@fi , "energi"@sv , "energy"@en .
theme:kauppa a kym:Theme ; skos:prefLabel "kauppa"@fi , "handel"@sv , "trade"@en .
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The rules of this repository over a few things of our own."""
    folder = tmp_path_factory.mktemp("harvest") / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "things.ttl").write_text(THINGS, "utf-8")
    shutil.copytree(ROOT / "shapes" / "harvest", folder / "shapes" / "harvest")
    (folder / "shapes" / "policy").mkdir()
    for rule in ("privacy-email.rq", "privacy-phone.rq", "label-has-language.rq"):
        shutil.copy(ROOT / "shapes" / "policy" / rule, folder / "shapes" / "policy")
    (folder / "kymgraph.toml").write_text('[shapes]\n"harvest/*" = "harvest"\n', "utf-8")
    return Project.load(folder)


@pytest.fixture(scope="session")
def things(project: Project) -> list[Quad]:
    return list(files.read(project).quads())


@pytest.fixture
def store(project: Project, tmp_path: Path) -> EmbeddedStore:
    read = files.read(project)
    store = EmbeddedStore(tmp_path / "store")
    store.build(read.quads(), project=project, graphs=read.graphs, files=read.digests)
    return store


@pytest.fixture
def server() -> Iterator[Server]:
    with contextlib.closing(Server()) as running:
        yield running


@pytest.fixture
def catalogue(server: Server) -> Catalogue:
    return Catalogue(server, [package(number) for number in range(25)])


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 1_800_000_000.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


@dataclass
class Runs:
    """Runs against one catalogue in this process; what is harvested is kept in memory."""

    project: Project
    path: Path
    catalogue: Catalogue
    base: list[Quad]
    clock: Clock
    quads: set[Quad]

    @property
    def names(self) -> Names:
        return Names(self.project.base, GRAPH)

    @property
    def view(self) -> MemoryView:
        return MemoryView([*self.base, *self.quads], in_union=self.project.in_union)

    def folder(self) -> Folder:
        return Folder(self.path, GRAPH, wall=self.clock)

    def listing(
        self, *, rows: int = 10, limit: int | None = None, limit_bytes: int = 10**7, **visit: Any
    ) -> Listing:
        """What the catalogue lists now; a run that does not end stays unfinished."""
        folder, clock = self.folder(), self.clock
        client = Client([self.catalogue.server.listed])
        with folder.locked():
            folder.begin({"url": self.catalogue.url, "limit": limit})
            options = {"clock": clock, "wall": clock, "sleep": clock.sleep, "timeout": 5.0, **visit}
            options["limit"] = limit_bytes
            visitor = Visitor(client, folder, **options)
            listing = read_ckan(
                visitor, folder, self.catalogue.url, "x", limit=limit, rows=rows, tell=lambda e, /, **v: None
            )
            folder.finish()
        return listing

    def run(self, *, now: str = "2026-11-22T00:00:00Z", allow_shrink: bool = False, **more: Any) -> Harvest:
        """One whole run; afterwards `quads` is what the graph holds."""
        harvest = Harvest(
            self.project,
            GRAPH,
            self.listing(**more),
            Vocabulary(self.view),
            now=now,
            allow_shrink=allow_shrink,
        )
        change = harvest.change(self.view)
        assert change.removed <= self.quads
        assert not change.added & self.quads
        self.quads = (self.quads - change.removed) | change.added
        self.last = change
        return harvest

    def titles(self) -> set[str]:
        title = NamedNode("http://purl.org/dc/terms/title")
        datasets = {q.subject for q in self.quads if "harvested-dataset" in str(q.subject)}
        return {q.object.value for q in self.quads if q.predicate == title and q.subject in datasets}  # type: ignore[union-attr]


@pytest.fixture
def runs(project: Project, tmp_path: Path, catalogue: Catalogue, things: list[Quad]) -> Runs:
    return Runs(project, tmp_path, catalogue, things, Clock(), set())
