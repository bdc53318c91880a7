"""Catalogues of others into graphs of their own: each run is one change against what the last run left.

`visit` asks a catalogue politely and keeps what it answered (`state`), `listing` reads its records with
`ckan` or `dcat`, `link` finds which of our places and themes a record speaks of, `quads` writes records as
RDF, and `run` makes the changeset. Nothing here writes to the dataset: the command commits the change like
any other.
"""

from __future__ import annotations

from kymgraph.intake.harvest.link import Vocabulary
from kymgraph.intake.harvest.listing import Listing
from kymgraph.intake.harvest.record import Record, Unfit
from kymgraph.intake.harvest.run import Aside, Harvest
from kymgraph.intake.harvest.state import Folder
from kymgraph.intake.harvest.visit import Visitor

__all__ = ["Aside", "Folder", "Harvest", "Listing", "Record", "Unfit", "Visitor", "Vocabulary"]
