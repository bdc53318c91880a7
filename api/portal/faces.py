"""Richer faces of resource pages, chosen by class of the ontology: this is the one place that says which.

A face is a template that fills blocks of `resource.html`, and a function that asks for what it shows.
Every face has below it what any resource's page has. A resource of no class named here has the plain face.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from api.portal.asking import Asking
from api.portal.compare import slug_of
from api.portal.programme import EXPECTED, programme_of
from kymgraph.namespaces import KYM, RDFS
from kymgraph.publishing.resource import ResourceDocument
from kymgraph.rdf import NamedNode
from kymgraph.view import View

Values = dict[str, Any]

#: Steps from a class up to those named here.
_HIGHEST: Final = 10


@dataclass(frozen=True, slots=True)
class Face:
    """A template and what it shows besides the resource's document."""

    template: str = "resource.html"
    values: Mapping[str, Any] = field(default_factory=dict)


PLAIN: Final = Face()


async def _instrument(asking: Asking, document: ResourceDocument) -> Face:
    programme = await programme_of(asking, document.iri.value)
    if programme is None:
        return PLAIN
    slug = slug_of(asking.services.project.base, programme.iri)
    values = {"programme": programme, "slug": slug, "expected": EXPECTED, "kym": KYM}
    return Face("programme.html", values)


async def _passage(asking: Asking, document: ResourceDocument) -> Face:
    return Face("passage.html")


#: Class to the function that makes its face.
FACES: Final[Mapping[str, Callable[[Asking, ResourceDocument], Awaitable[Face]]]] = {
    KYM + "PolicyInstrument": _instrument,
    KYM + "Passage": _passage,
}


async def face_of(asking: Asking, document: ResourceDocument, view: View) -> Face:
    """The face of a resource of the current generation, by its classes and theirs."""
    classes = {term.value for term in document.types}
    for _ in range(_HIGHEST):
        for iri in sorted(classes):
            if iri in FACES:
                return await FACES[iri](asking, document)
        classes = {
            quad.object.value
            for iri in classes
            for quad in view.quads(NamedNode(iri), NamedNode(RDFS + "subClassOf"))
            if isinstance(quad.object, NamedNode)
        }
        if not classes:
            break
    return PLAIN
