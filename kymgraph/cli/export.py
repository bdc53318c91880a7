"""`kymgraph export`: the store's graphs back into files, in the form that git likes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli.common import Context, note, result

if TYPE_CHECKING:
    from kymgraph.dataset import Dataset
    from kymgraph.rdf import Format


def command(
    ctx: typer.Context,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|-", help="Where to; `-` is standard output. Default: the project's data folder."
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(metavar="ttl|nt|nq|trig|rdf|jsonld", help="Default: Turtle, or the file's own."),
    ] = None,
    graph: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this graph; may be given several times.")
    ] = None,
    at: Annotated[int | None, typer.Option(metavar="G", help="The state at generation G.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that were altered since the build.")
    ] = False,
) -> None:
    """Write the graphs of the store to files, one per graph.

    The text is the same for the same triples, so an untouched store changes no file. Ontology and shapes
    are files only and are written nowhere but with --graph.

    kymgraph export --graph lineage --out -
    """
    from kymgraph.dataset import Dataset
    from kymgraph.errors import InputError
    from kymgraph.rdf import FORMATS, format_for

    context: Context = ctx.obj
    dataset = Dataset.open(context.project, context.store.folder)
    chosen = format_for(format) if format else None
    if out == "-":
        _to_stdout(dataset, graph, chosen or FORMATS["ttl"], at)
    elif out is not None:
        _to_folder(dataset, Path(out), graph, chosen or FORMATS["ttl"], at)
    elif chosen or at is not None:
        raise InputError(
            "the project's data files keep their own format and the current state; nothing was written",
            hint="name another folder with --out DIR, or standard output with --out -",
        )
    else:
        _to_project(context, dataset, graph, force=force)


def _to_stdout(dataset: Dataset, names: list[str] | None, fmt: Format, at: int | None) -> None:
    from kymgraph.errors import InputError

    if not fmt.takes_graphs and len(names or ()) != 1:
        raise InputError(
            f"{fmt.name} holds one graph; nothing was written",
            hint="choose one with --graph NAME, or take --format trig or nq",
        )
    if names and not fmt.takes_graphs:
        result(dataset.text_of(names[0], fmt, at=at))
    else:
        result(dataset.text_of_all(names, fmt, at=at))


def _to_folder(dataset: Dataset, folder: Path, names: list[str] | None, fmt: Format, at: int | None) -> None:
    for name in names or dataset.data_graphs(at=at):
        file = folder / f"{name}{fmt.suffixes[0]}"
        _write(file, dataset.text_of(name, fmt, at=at))
        note(f"{file} written")


def _to_project(context: Context, dataset: Dataset, names: list[str] | None, *, force: bool) -> None:
    from kymgraph.errors import FilesChanged, InputError
    from kymgraph.rdf import FORMATS, digest, format_for, read_bytes

    project = context.project
    if project.is_packed:
        raise InputError(
            "this is the project inside the installed package, which is not written to",
            hint="name a folder with --out DIR",
        )
    recorded = dataset.store.manifest.files
    files = {name: path for path in project.data_files() if (name := project.graph_of(path)) is not None}
    texts: dict[Path, bytes] = {}
    for name in names or dataset.data_graphs():
        path = files.get(name, project.folder / "data" / f"{name}.ttl")
        text = dataset.text_of(
            name, format_for(path) if name in files else FORMATS["ttl"], packed=path.suffix == ".gz"
        )
        if not path.exists() or read_bytes(path) != text:
            texts[path] = text
    altered = [
        project.name_of(path)
        for path in texts
        if path.exists() and recorded.get(project.name_of(path)) != digest(read_bytes(path))
    ]
    if altered and not force:
        raise FilesChanged(
            f"altered since the store was built: {', '.join(altered)}; nothing was written",
            hint="take the files into the store with `kymgraph build`, or give them up with --force",
        )
    for path, text in texts.items():
        _write(path, text)
        note(f"{project.name_of(path)} written")
    if not texts:
        note("all files are as the store is")
    if not names:
        _record(dataset)


def _record(dataset: Dataset) -> None:
    """Data files and store agree now. Ontology, shapes and rules that were edited are yet to be imported."""
    from kymgraph.files import read
    from kymgraph.project import ONTOLOGY_GRAPH, SHAPES_GRAPH
    from kymgraph.rdf import NamedNode, skolemise
    from kymgraph.store import recorded

    project, store = dataset.project, dataset.store
    now, data = read(project), {project.name_of(path) for path in project.data_files()}
    quads = [quad for file in now.files if file.name in data for quad in file.quads]
    if project.blank_nodes == "skolem":
        quads = skolemise(quads, project.base)
    own = {NamedNode(project.base.graph(name)) for name in (ONTOLOGY_GRAPH, SHAPES_GRAPH)}
    quads += [quad for quad in recorded.read(store.folder) or () if quad.graph_name in own]
    digests = {name: digest for name, digest in store.manifest.files.items() if name not in data}
    store.record_files(digests | {file.name: file.digest for file in now.files if file.name in data}, quads)


def _write(file: Path, data: bytes) -> None:
    """Replace a file in one step, so that nobody reads half of it. Raises CannotWrite."""
    from kymgraph.errors import CannotWrite

    new = file.with_name(file.name + ".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            new.write_bytes(data)
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"{file} could not be written: {error.strerror}; it is as it was",
            hint="see that the disk has room and the folder is yours",
        ) from None
