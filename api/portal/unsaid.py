"""What the sources do not say of a thing: properties that its kind may have and it has not."""

from __future__ import annotations

from kymgraph.forms.form import name_of
from kymgraph.forms.rules import COMMON, Rules
from kymgraph.project import Project
from kymgraph.publishing.resource import ResourceDocument
from kymgraph.view import View

#: The names of more than so many would tell nobody anything.
MOST = 12


def unsaid(document: ResourceDocument, view: View, project: Project, lang: str) -> list[tuple[str, str]]:
    """(name, IRI) of each such property, by name; none for what rests on no line of a source.

    The ontology and the shapes say what a kind of thing may have; names and descriptions do not count.
    """
    base = project.base
    if not document.evidence or not document.iri.value.startswith(base.ids):
        return []
    said = {quad.predicate.value for quad in document.own}
    open_to = Rules(view).of(term.value for term in document.types)
    missing = [iri for iri in open_to if iri not in said and iri not in COMMON]
    return sorted((name_of(view, iri, lang, base), iri) for iri in missing)[:MOST]
