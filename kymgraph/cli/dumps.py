"""`kymgraph dumps`: the datasets of the store as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from kymgraph.cli.build import progress_bar
from kymgraph.cli.common import Context, note, result

#: How much a server's own dumps give way: about a third of the time that what answers requests gets, so that
#: they come to an end on a busy machine too.
_NICE: Final = 5


def command(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Put the files there. Default: the store's own dumps.")
    ] = None,
    gently: Annotated[
        bool, typer.Option("--gently", help="Give way to whatever else the machine has to do.")
    ] = False,
) -> None:
    """Write every dataset in every format, with checksums: for each source graph, and for the whole.

    Formats: .ttl .trig .nt.gz .jsonld .rdf .csv. Without --out they are made where `kymgraph serve` looks for
    them, which makes them by itself; made once for a generation, they are not made again. The same state
    gives the same bytes.

    kymgraph dumps --out /var/www/dumps
    """
    from kymgraph.dataset import Dataset
    from kymgraph.publishing import dumps

    context: Context = ctx.obj
    if gently:
        os.nice(_NICE)
    store = context.store
    dataset = Dataset.open(context.project, store.folder)
    folder = store.folder / dumps.FOLDER
    with progress_bar() as progress:
        if out is not None:
            view = dataset.view()
            made = dumps.write_out(
                view, context.project, out, built=dumps.built(store.folder), progress=progress
            )
        else:
            with dumps.lock(folder):
                known = dumps.newest(folder, upto=dataset.generation)
                if known is not None and known.generation == dataset.generation:
                    note(f"the dumps of generation {known.generation} are there already")
                    result(f"generation {known.generation}: {len(known.files)} files, {folder}\n")
                    return
                # Before the view is opened: a store that takes this one's place must not get its dumps.
                here = (store.folder / "version").stat().st_ino
                built = dumps.built(store.folder)
                made = dumps.make(
                    dataset.view(),
                    context.project,
                    folder,
                    built=built,
                    progress=progress,
                    still_ours=lambda: (store.folder / "version").stat().st_ino == here,
                )
    for (name, suffix), file in made.files.items():
        if file.left_out:
            note(f"{name}.{suffix}: {file.left_out} triple(s) left out, which the format cannot hold")
    result(f"generation {made.generation}: {len(made.files)} files, {out or folder}\n")
