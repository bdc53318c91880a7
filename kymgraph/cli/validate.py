"""`kymgraph validate`: files against the shapes of the project, before they are part of anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from kymgraph.cli.common import note, result

FORMATS: Final = ("text", "json", "ttl", "sarif")


def command(
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="RDF files in any format, also .gz.")
    ],
    format: Annotated[str, typer.Option(help="text, json, ttl (W3C report) or sarif.")] = "text",
    alone: Annotated[
        bool,
        typer.Option(
            "--alone/--with-project",
            help="Judge the files with the ontology only, or (default) within the project's data.",
        ),
    ] = False,
    graph: Annotated[
        str | None,
        typer.Option(help="Judge as the content of this named graph; a file of the project is its own."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which shapes looked at which resources, and how.")
    ] = False,
) -> None:
    """Judge FILES by the project's shapes and policy rules; exit status 1 if anything is violated.

    kymgraph validate programme.ttl --graph maakuntaohjelma-2022-2025
    """
    from kymgraph.errors import InputError
    from kymgraph.gate import full
    from kymgraph.gate.locate import Locator
    from kymgraph.rdf import NamedNode, parse

    if format not in FORMATS:
        raise InputError(f"no validation report in format {format!r}; there is {', '.join(FORMATS)}")
    project = ctx.obj.project
    own = {path.resolve(): project.graph_of(path) for path in project.data_files()}
    quads, places = [], []
    for file in files:
        name = graph or own.get(file.resolve())
        try:
            iri = None if name is None else project.base.graph(name)
        except ValueError as error:
            raise InputError(str(error)) from None
        quads += parse(
            file,
            graph=None if iri is None else NamedNode(iri),
            base=file.resolve().as_uri(),
            name=str(file),
            rename_blank_nodes=True,
        )
        places.append((str(file), file, iri))
    shapes = full.Shapes.load(project)
    report = full.validate_input(quads, project, alone=alone, shapes=shapes, locate=Locator(places).find)
    match format:
        case "json":
            result(report.to_json() + "\n")
        case "ttl":
            result(report.to_turtle())
        case "sarif":
            result(report.to_sarif(ctx.obj.lang) + "\n")
        case _:
            result(report.to_text(ctx.obj.lang) + "\n")
    if explain:
        from kymgraph.gate.incremental import Gate

        gate = Gate(project, shapes)
        how = {plan.shape: plan.text for plan in gate.explain()}
        sets = {name: {plan.shape: plan.text for plan in one.explain()} for name, one in gate.sets.items()}
        note(full.explain(quads, project, shapes, alone=alone, how=how, sets=sets))
        note("\n".join(gate.rules.explain()))
    raise typer.Exit(0 if report.accepted else 1)
