"""Every way into the graph: whatever comes in becomes a `Changeset`, and is then checked and committed alike.

What the parts have in common: nothing is written; a changeset is exact against the state that it was made
for, in the store's form, its blank nodes named; the default graph of a union project and the graphs that are
made by other means (ontology, shapes, ledger) are refused.
"""

from __future__ import annotations

from kymgraph.intake.files import TYPES, from_file
from kymgraph.intake.patch import from_patch
from kymgraph.intake.payload import from_body, from_payload
from kymgraph.intake.update import from_update

__all__ = ["TYPES", "from_body", "from_file", "from_patch", "from_payload", "from_update"]
