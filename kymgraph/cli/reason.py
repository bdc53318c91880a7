"""`kymgraph reason`: is the ontology with the data consistent, and what follows from them?"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from kymgraph.cli.common import result

FORMATS: Final = ("text", "ttl", "json")


def command(
    ctx: typer.Context,
    format: Annotated[str, typer.Option(help="text, json, or ttl (the inferred triples).")] = "text",
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Also say why a class is unsatisfiable, not only an inconsistency."),
    ] = False,
    alignments: Annotated[
        bool, typer.Option("--alignments", help="Take in ontology/alignments too.")
    ] = False,
    deadline: Annotated[float, typer.Option(help="Seconds after which the reasoner is ended.")] = 120.0,
) -> None:
    """Reason over ontology and data with HermiT; for an inconsistency, show why (Pellet).

    Exit status 1 if they are inconsistent or a class is unsatisfiable.

    kymgraph reason --format ttl > inferred.ttl
    """
    from kymgraph import reasoning
    from kymgraph.errors import InputError

    if format not in FORMATS:
        raise InputError(f"no reasoning result in format {format!r}; there is {', '.join(FORMATS)}")
    project = ctx.obj.project
    quads = reasoning.read(project, alignments=alignments)
    outcome = reasoning.reason(quads, project.prefixes, deadline=deadline, explain=explain)
    match format:
        case "json":
            result(outcome.to_json() + "\n")
        case "ttl":
            result(outcome.to_turtle())
        case _:
            result(outcome.to_text() + "\n")
    raise typer.Exit(0 if outcome.ok else 1)
