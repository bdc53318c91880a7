"""The official shapes of DCAT-AP 3.0.1, run as the README of the shared material says (steps 1 to 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyshacl
from rdflib import RDF, SH, Graph, URIRef
from rdflib.term import Node

#: Step: file, and whether the data need the code lists beside them.
STEPS = {
    1: ("html-shacl/shapes.ttl", False),
    2: ("shacl/dcat-ap-SHACL.ttl", True),
    3: ("html-shacl/range.ttl", True),
    4: ("html-shacl/mdr-vocabularies.shape.ttl", True),
    5: ("html-shacl/shapes_recommended.ttl", True),
    6: ("html-shacl/deprecateduris.ttl", True),  # of step 5 too
}


@dataclass(frozen=True)
class Result:
    """One line of a report."""

    step: int
    severity: str
    focus: Node
    path: Node | None
    value: Node | None

    def __str__(self) -> str:
        return f"{self.step} {self.severity} {self.focus} {self.path} {self.value}"


def run(
    data: bytes, shared: Path, *, format: str = "turtle", steps: tuple[int, ...] = tuple(STEPS)
) -> list[Result]:
    """What the shapes say of a document's own resources; hits on the code lists themselves do not count."""
    folder = shared / "dcat-ap"
    own = Graph().parse(data=data, format=format)
    codes = Graph().parse(folder / "controlled-vocabularies.ttl")
    with_codes = own + codes
    subjects = set(own.subjects())
    found = []
    for step in steps:
        file, needs_codes = STEPS[step]
        shapes = Graph().parse(folder / "3.0.1" / file)
        for subject, _, shape in list(shapes.triples((None, SH.property, None))):
            if (shape, SH.path, None) not in shapes:  # two of them are defined nowhere
                shapes.remove((subject, SH.property, shape))
        _, report, _ = pyshacl.validate(with_codes if needs_codes else own, shacl_graph=shapes, inplace=True)
        assert isinstance(report, Graph)
        found += [one for one in _results(step, report) if one.focus in subjects]
    return found


def _results(step: int, report: Graph) -> Iterator[Result]:
    for node in report.objects(report.value(None, RDF.type, SH.ValidationReport), SH.result):
        severity = report.value(node, SH.resultSeverity)
        assert isinstance(severity, URIRef)
        focus = report.value(node, SH.focusNode)
        assert focus is not None
        yield Result(
            step,
            severity.rpartition("#")[2],
            focus,
            report.value(node, SH.resultPath),
            report.value(node, SH.value),
        )
