"""`kymgraph evidence`: do the facts stand on the lines of their sources?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    ctx: typer.Context,
    sources: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder with the source documents.")
    ],
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
    complete: Annotated[
        bool, typer.Option("--complete", help="First write the missing passage nodes into the data files.")
    ] = False,
    uncovered: Annotated[
        bool, typer.Option("--uncovered", help="Print the text of the lines that no fact rests on.")
    ] = False,
    document: Annotated[
        str | None, typer.Option(help="Look at this document and its data file alone (while writing it).")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Argument(exists=True, dir_okay=False, help="Files for --complete; default: all."),
    ] = None,
) -> None:
    """Check every passage against the sources; list triples and lines that no passage covers.

    kymgraph evidence --sources ../shared/sources --uncovered
    """
    from kymgraph import evidence
    from kymgraph.errors import InputError

    project = ctx.obj.project
    if format not in ("text", "json"):
        raise InputError(f"no evidence report in format {format!r}; there is text and json")
    if document is not None and document not in project.sources:
        raise InputError(f"{document!r} is no source of this project; there are {', '.join(project.sources)}")
    names = {name: file for name, file in project.sources.items() if document in (None, name)}
    documents = evidence.read_sources(sources, names)
    data = [file for file in project.data_files() if document in (None, project.graph_of(file))]
    if complete:
        for file in [file.resolve() for file in files or ()] or data:
            done = evidence.complete(file, project, documents, described=evidence.read_data(project, data))
            for passage in done.added:
                typer.echo(f"{project.name_of(file)}: added {passage}", err=True)
            for refusal in done.refused:
                typer.echo(f"{project.name_of(file)}: cannot complete {refusal}", err=True)
    elif files:
        raise InputError("files are named only for --complete; the audit reads the whole project")
    excuses = [
        excuse
        for excuse in evidence.read_reasoned(project.folder / "data" / "reasoned-lines.csv")
        if document in (None, excuse.document)
    ]
    report = evidence.audit(evidence.read_data(project, data), documents, excuses, project.base)
    typer.echo(report.to_json() if format == "json" else report.to_text(uncovered=uncovered))
    raise typer.Exit(0 if report.ok else 1)
