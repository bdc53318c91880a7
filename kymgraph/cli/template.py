"""`kymgraph template`: an empty spreadsheet for a planner to fill in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli.common import Context, note, result

if TYPE_CHECKING:
    from kymgraph.view import View

_COLUMNS = {"fi": "saraketta", "sv": "kolumner", "en": "columns"}
_NEXT = {
    "fi": "Täytä taulukko ja tarkista se: kymgraph check TIEDOSTO --graph GRAAFI",
    "sv": "Fyll i tabellen och kontrollera den: kymgraph check FIL --graph GRAF",
    "en": "Fill it in and check it: kymgraph check FILE --graph GRAPH",
}


def command(
    ctx: typer.Context,
    cls: Annotated[
        str | None,
        typer.Argument(
            metavar="CLASS", help="A class by name, prefixed name, IRI or label: Project, kym:Project, hanke."
        ),
    ] = None,
    format: Annotated[str, typer.Option(metavar="xlsx|csv")] = "xlsx",
    rows: Annotated[int, typer.Option(metavar="N", help="How many rows to lay out.")] = 200,
    list_: Annotated[bool, typer.Option("--list", help="List the classes instead.")] = False,
) -> None:
    """Write an empty spreadsheet for things of one class to standard output.

    Its columns follow from ontology and shapes; drop-down lists hold what is in the graph now. Filled in, it
    goes to `kymgraph check` and `kymgraph apply`. --lang chooses the language of headers and help.

    kymgraph template Project --lang fi > hankkeet.xlsx
    """
    from kymgraph.errors import InputError
    from kymgraph.intake.columns import Model
    from kymgraph.intake.template import listing, template

    context: Context = ctx.obj
    if not list_ and cls is None:
        raise InputError(
            "name the class that the rows are to be of", hint="`kymgraph template --list` shows the classes"
        )
    # Asked before the work: a terminal shows the bytes of a workbook as noise, and may obey some of them.
    if not list_ and format == "xlsx" and sys.stdout.isatty():
        raise InputError(
            "a workbook is not for the terminal; nothing was written",
            hint=f"send it to a file: kymgraph template {cls} > {cls}.xlsx",
        )
    model = Model(_view(context), context.project)
    if list_:
        found = listing(model, context.lang)
        width = max((len(name) for name, _, _ in found), default=0)
        result("".join(f"{name:{width}}  {label} ({count})\n" for name, label, count in found))
        return
    assert cls is not None
    iri = model.find_class(cls)
    result(template(model, iri, format=format, lang=context.lang, rows=rows))
    columns = f"{len(model.layout(iri).columns)} {_COLUMNS[context.lang]}"
    note(f"{model.name(iri).text(context.lang)}: {columns}. {_NEXT[context.lang]}")


def _view(context: Context) -> View:
    """The current state: the store's, or the project's files where there is no store."""
    if context.store.exists:
        return context.store.view()
    from kymgraph import files
    from kymgraph.rdf import skolemise
    from kymgraph.store.memory import MemoryView

    quads = skolemise(files.read(context.project).quads(), context.project.base)
    return MemoryView(quads, in_union=context.project.in_union)
