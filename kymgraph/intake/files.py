"""One file as a changeset, whatever it holds: its suffix says how it is read."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from kymgraph.changeset import Changeset
from kymgraph.errors import InputError, NameAGraph
from kymgraph.intake.patch import from_patch
from kymgraph.intake.payload import from_payload
from kymgraph.intake.update import DEADLINE, Loaded, from_update
from kymgraph.project import ONTOLOGY_GRAPH, SHAPES_GRAPH, Project
from kymgraph.rdf import FORMATS, MAX_UNPACKED, Format, NamedNode, read_bytes
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.payload import Mode, unpack
from kymgraph.store.rules import named_graph
from kymgraph.store.workers import Answer, Job, WorkerPool
from kymgraph.view import View

if TYPE_CHECKING:
    from kymgraph.intake.sheet import SheetChange

#: What a file can be, as `--as` names it; also its suffix, each with `.gz` too.
TYPES: Final = ("ru", "rdfp", "ttl", "trig", "nt", "nq", "jsonld", "rdf", "csv", "xlsx")
_SHEETS: Final = ("csv", "xlsx")
_OTHER_NAMES: Final = {
    "turtle": "ttl", "n3": "ttl", "owl": "rdf", "xml": "rdf", "json": "jsonld", "sparql": "ru",
    "patch": "rdfp",
}  # fmt: skip
_GRAPH: Final = "name the graph that they belong to: --graph NAME"


class State(Protocol):
    """A dataset, as far as files of our own are concerned."""

    @property
    def project(self) -> Project: ...

    @property
    def store(self) -> EmbeddedStore: ...

    def view(self, at: int | None = None) -> View: ...


def from_file(
    path: Path,
    *,
    dataset: State,
    as_: str | None = None,
    graph: str | None = None,
    mode: Mode = "add",
    lang: str = "en",
    agent: str = "",
    source: str = "",
    reason: str = "",
    loads: Mapping[str, Loaded] | None = None,
    deadline: float = DEADLINE,
    **pool: Any,
) -> Changeset | SheetChange:
    """What a file would change in the current state; for a spreadsheet, with the cells it comes from.

    A path of `-` is standard input, and then `as_` says what it is. `as_` is one of TYPES and takes the place
    of the suffix. `graph` (a name or an IRI) takes the triples that name no graph; without it, a data file of
    the project goes to the graph that it stands for. `mode` is for RDF. `lang` is the language of what is
    wrong with a spreadsheet. `deadline` (seconds) and `pool` are for updates, which run in a worker process.

    Raises InputError and what is under it (with the place in the file), NameAGraph, GraphNotWritable,
    BadParameter, and for updates what `from_update` raises. Nothing is changed.
    """
    kind, packed = _kind(path, as_)
    said = {"agent": agent, "source": source, "reason": reason}
    if kind in _SHEETS:
        sheet = _sheet(path, kind, packed, dataset, graph, mode, lang)
        return replace(sheet, change=_answered_for(sheet.change, **said))
    if kind in ("ru", "rdfp"):
        change = _said_by_itself(path, kind, packed, dataset, graph, mode, loads, deadline, pool)
    else:
        change = _rdf(path, FORMATS[kind], packed, dataset, graph, mode)
    return _answered_for(change, **said)


def _answered_for(change: Changeset, *, agent: str, source: str, reason: str) -> Changeset:
    return replace(
        change,
        agent=agent or change.agent,
        source=source or change.source,
        reason=reason or change.reason,
    )


def _said_by_itself(
    path: Path,
    kind: str,
    packed: bool,
    dataset: State,
    graph: str | None,
    mode: Mode,
    loads: Mapping[str, Loaded] | None,
    deadline: float,
    pool: Mapping[str, Any],
) -> Changeset:
    """An update or a patch: it names its graphs, and what goes and what comes."""
    name = _name(dataset.project, path)
    if graph is not None or mode != "add":
        raise InputError(
            f"{name} says itself what goes where; nothing was changed",
            hint="leave --graph and --replace out",
        )
    data = _bytes(path, name, packed)
    if kind == "rdfp":
        return from_patch(data, view=dataset.view(), project=dataset.project, packed=False, name=name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: not UTF-8 at byte {error.start}; nothing was changed", hint="save it as UTF-8"
        ) from None
    return asyncio.run(_update(dataset, text, loads, deadline, pool))


def _rdf(path: Path, fmt: Format, packed: bool, dataset: State, graph: str | None, mode: Mode) -> Changeset:
    project = dataset.project
    name, stdin = _name(project, path), str(path) == "-"
    target = (
        named_graph(project, graph) if graph is not None else None if stdin else _own_graph(project, path)
    )
    if target is None and not fmt.takes_graphs and project.default_graph == "union":
        raise NameAGraph(
            f"{name} does not say in which graph its triples belong; nothing was changed", hint=_GRAPH
        )
    return from_payload(
        _bytes(path, name, False) if stdin else path,
        fmt,
        view=dataset.view(),
        project=project,
        graph=target,
        mode=mode,
        packed=packed,
        base=target.value if target is not None else project.base.iri,
        name=name,
        hint=_GRAPH,
    )


def _name(project: Project, path: Path) -> str:
    return "standard input" if str(path) == "-" else project.name_of(path.resolve())


def _kind(path: Path, as_: str | None) -> tuple[str, bool]:
    """What a file is, and whether it is packed."""
    packed = path.suffix.lower() == ".gz"
    suffix = (path.with_suffix("") if packed else path).suffix
    wanted = (suffix if as_ is None else as_).lower().lstrip(".")
    if wanted.endswith(".gz"):
        wanted, packed = wanted[:-3], True
    kind = _OTHER_NAMES.get(wanted, wanted)
    if kind not in TYPES:
        said = f"{str(path)!r} does not say what it is" if as_ is None else f"{as_!r} is no type of file"
        raise InputError(
            f"{said}; nothing was changed", hint=f"say it with --as TYPE; types are {', '.join(TYPES)}"
        )
    return kind, packed


def _bytes(path: Path, name: str, packed: bool) -> bytes:
    data = sys.stdin.buffer.read() if str(path) == "-" else read_bytes(path)
    return unpack(data, name, MAX_UNPACKED) if packed else data


def _own_graph(project: Project, path: Path) -> NamedNode | None:
    """The graph that a file of the project stands for; None for other files and for the default graph."""
    path = path.resolve()
    if path in project.data_files():
        graph = project.graph_of(path)
    elif path in project.ontology_files():
        graph = ONTOLOGY_GRAPH
    elif path in project.shape_files():
        graph = SHAPES_GRAPH
    else:
        graph = None
    return None if graph is None else NamedNode(project.base.graph(graph))


@dataclass(frozen=True)
class _OneWorker:
    """A dataset's settings, and one worker over its current state."""

    project: Project
    pool: WorkerPool

    async def run(self, job: Job, *, client: str = "", deadline: float | None = None) -> Answer:
        return await self.pool.run(job, client=client, deadline=deadline)


async def _update(
    dataset: State,
    text: str,
    loads: Mapping[str, Loaded] | None,
    deadline: float,
    options: Mapping[str, Any],
) -> Changeset:
    generation = dataset.view().generation
    path = dataset.store.checkpoint_path(generation)
    async with WorkerPool(
        lambda: (generation, path), **{**options, "fast": 1, "slow": 1, "spare": 0, "prepared": True}
    ) as pool:
        return await from_update(_OneWorker(dataset.project, pool), text, loads=loads, deadline=deadline)


def _sheet(
    path: Path, kind: str, packed: bool, dataset: State, graph: str | None, mode: Mode, lang: str
) -> SheetChange:
    from kymgraph.intake.sheet import from_sheet

    if mode != "add":
        raise InputError(
            f"{path}: a spreadsheet says itself what becomes of its rows; nothing was changed",
            hint="leave --replace out",
        )
    stdin = str(path) == "-"
    return from_sheet(
        _bytes(path, str(path), False),
        project=dataset.project,
        view=dataset.view(),
        graph=graph,
        lang=lang,
        suffix=f".{kind}.gz" if packed else f".{kind}",
        name="standard input" if stdin else path.name,
    )
