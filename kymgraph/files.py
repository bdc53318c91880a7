"""The RDF files of a graph project, read: quads in the store's form, file by file, with digests.

Blank nodes are left as blank nodes here, with labels that no two files share: shapes and OWL axioms are
judged in the form in which they were written; only the store names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kymgraph.errors import ProjectError
from kymgraph.project import Project
from kymgraph.rdf import NamedNode, Quad, canonical, digest, format_for, parse, read_bytes, unpack


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """One file: its quads, the SHA-256 of its bytes, and the quads that the store form writes differently."""

    path: Path
    name: str
    graph: str | None  #: IRI; None where the file names its graphs itself or is the default graph
    digest: str
    quads: list[Quad]
    rewritten: list[tuple[Quad, Quad]]


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """All files of a project, as the store is built from them."""

    project: Project
    files: tuple[ProjectFile, ...]

    def quads(self) -> Iterator[Quad]:
        for file in self.files:
            yield from file.quads

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each file as it was read, and of the settings and policy rules."""
        return {**_rules(self.project), **{file.name: file.digest for file in self.files}}

    @property
    def graphs(self) -> list[str]:
        """The IRIs of the graphs that files stand for, also those of empty files."""
        return sorted({file.graph for file in self.files if file.graph is not None})


def read(project: Project, *, progress: Callable[[Path], None] | None = None) -> ProjectFiles:
    """Read every RDF file of the project; `progress` is called before each.

    Raises RdfSyntaxError with file, line and column, InputError, or ProjectError (two files for one graph,
    or RDF outside the graph model of the project).
    """
    files: list[ProjectFile] = []
    owners: dict[str, str] = {}
    data = set(project.data_files())
    for path in project.rdf_files():
        if progress:
            progress(path)
        file = _read(project, path)
        owner = owners.setdefault(file.graph or "", file.name) if path in data and file.graph else file.name
        if owner != file.name:
            raise ProjectError(
                f"{owner} and {file.name} are both graph <{file.graph}>; nothing was read",
                hint="put both into one file, or rename one",
            )
        files.append(file)
    return ProjectFiles(project, tuple(files))


def digests(project: Project) -> dict[str, str]:
    """The digest of each file as it is now, without parsing."""
    read = {project.name_of(path): digest(read_bytes(path)) for path in project.rdf_files()}
    return {**_rules(project), **read}


def _rules(project: Project) -> dict[str, str]:
    return {project.name_of(path): digest(read_bytes(path)) for path in project.rule_files()}


def changed(recorded: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of files that were added, removed or altered between two sets of digests, sorted."""
    return sorted(name for name in recorded.keys() | now.keys() if recorded.get(name) != now.get(name))


def _read(project: Project, path: Path) -> ProjectFile:
    name = project.name_of(path)
    graph_name = project.graph_of(path)
    fmt = format_for(path)
    # A dataset file names its graphs itself; what it leaves unnamed is graph <file name> in union projects.
    whole = graph_name is None or (fmt.takes_graphs and project.default_graph == "strict")
    graph = None if whole or graph_name is None else project.base.graph(graph_name)
    raw = read_bytes(path)
    data = unpack(raw, name) if path.suffix == ".gz" else raw
    quads = parse(data, fmt, graph=NamedNode(graph) if graph else None, name=name, rename_blank_nodes=True)
    form = canonical(quads)
    return ProjectFile(path, name, graph, digest(raw), form.quads, form.rewritten)
