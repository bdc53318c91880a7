"""The law of the gate: an incremental verdict is that of pySHACL on the whole state before and after.

`Bench` holds shapes compiled both ways; `differs` judges one change both ways and says how they differ.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pyshacl.errors import ShapeRecursionWarning
from pyshacl.pytypes import SHACLExecutor
from rdflib import Graph

from kymgraph.changeset import Changeset, between
from kymgraph.errors import InputError
from kymgraph.gate import full, incremental
from kymgraph.gate.incremental import Gate
from kymgraph.gate.terms import to_graph, to_rdflib
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, NamedNode, Quad, canonical, canonical_turtle, parse
from kymgraph.store.memory import MemoryView
from kymgraph.view import View

PREFIXES = {
    "": "http://x.example/",
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "sh": "http://www.w3.org/ns/shacl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
HEAD = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
ONE = NamedNode("http://x.example/graph/one")
TWO = NamedNode("http://x.example/graph/two")
PROJECT = Project(folder=Path("nowhere"))

#: (root shape, root focus node, key of the result) and how often: None where pySHACL reaches no verdict.
Verdict = Counter[tuple[Any, Any, Any]]


def turtle(text: str, graph: NamedNode = ONE) -> list[Quad]:
    """The quads of Turtle with the prefixes above; blank nodes keep their labels."""
    return list(canonical(parse((HEAD + text).encode(), FORMATS["ttl"], graph=graph)).quads)


class Bench:
    """Shapes compiled for the gate and, on their own, for pySHACL as it is."""

    def __init__(self, shapes: Iterable[Quad], **options: Any) -> None:
        self.quads = list(shapes)
        self.reference = full.Shapes.of(self.quads, prefixes=PREFIXES)
        self.gate = Gate(PROJECT, full.Shapes.of(self.quads, prefixes=PREFIXES), **options)

    def full(self, data: Graph) -> Verdict | None:
        """What pySHACL finds on the whole, focus node by focus node."""
        found: Verdict = Counter()
        for prefix, namespace in PREFIXES.items():
            data.bind(prefix, namespace)
        with quiet():
            for shape in self.reference.top():
                for node in shape.focus_nodes(data):
                    try:
                        _, reports = shape.validate(SHACLExecutor(), data, focus=[node])
                    except Exception:
                        return None
                    found.update((shape.node, node, incremental._key(report)) for report in reports)
        return found

    def incremental(
        self, before: View, removed: Iterable[Quad], added: Iterable[Quad], mended: bool
    ) -> dict[str, Verdict] | None:
        """What the gate finds, by status; None where it refuses to judge."""
        change = Changeset(0, frozenset(removed), frozenset(added))
        tops = self.gate.dependencies().tops
        found: dict[str, Verdict] = {"new": Counter(), "pre-existing": Counter(), "mended": Counter()}
        try:
            with quiet():
                for judged in self.gate.differences(before, change, mended=mended):
                    key = tops[judged.unit.top].node, to_rdflib(judged.node), incremental._key(judged.found)
                    found[judged.status][key] += 1
        except InputError:
            return None
        return found

    def differs(
        self, before: Iterable[Quad], after: Iterable[Quad], stats: Counter[str] | None = None
    ) -> str:
        """How the two verdicts on a change differ; "" where they do not."""
        stats = Counter() if stats is None else stats
        before, after = list(canonical(before).quads), list(canonical(after).quads)
        change = between(before, after, base=0)
        view = MemoryView(before)
        old, new = self.full(to_graph(before)), self.full(to_graph(after))
        stats["changes"] += 1
        if new is None:
            stats["no verdict"] += 1
            if old is not None and self.incremental(view, change.removed, change.added, False) is not None:
                return "pySHACL refuses the new state, the gate does not"
            return ""
        gate = self.incremental(view, change.removed, change.added, False)
        if gate is None:
            return "" if old is None else "the gate refuses what pySHACL judges"
        if old is None:
            # Nothing is known of the state before: all that fails in the new one could be new.
            stats["no verdict before"] += 1
            return ""
        stats["with new results"] += bool(new - old)
        stats["with mended results"] += bool(old - new)
        stats["nothing to judge"] += not any(gate.values())
        found = compare("new", gate["new"], new - old)
        found += compare("pre-existing, but not in both", gate["pre-existing"] - (old & new), Counter())
        both = self.incremental(view, change.removed, change.added, True)
        if both is None:
            return found + "asked for mended results, the gate refuses to judge"
        found += compare("new (mended too)", both["new"], new - old)
        return found + compare("mended", both["mended"], old - new)


def compare(what: str, ours: Verdict, theirs: Verdict) -> str:
    lines = [f"  missed:  {key}" for key in theirs - ours] + [f"  made up: {key}" for key in ours - theirs]
    return "".join(f"{line}\n" for line in [f"{what}:", *lines]) if lines else ""


def quiet() -> Any:
    caught = warnings.catch_warnings()

    class Quiet:
        def __enter__(self) -> None:
            caught.__enter__()
            warnings.simplefilter("ignore", ShapeRecursionWarning)

        def __exit__(self, *error: object) -> None:
            caught.__exit__(*error)

    return Quiet()


def dump(bench: Bench, before: Iterable[Quad], after: Iterable[Quad], note: str) -> str:
    """A case as text that a test can hold."""
    change = between(before, after, base=0)
    shapes = canonical_turtle([Quad(q.subject, q.predicate, q.object) for q in bench.quads], PREFIXES)
    data = {"before": before, "removed": change.removed, "added": change.added}
    texts = [f"# {name}\n" + "".join(f"{quad} .\n" for quad in quads) for name, quads in data.items()]
    return "\n".join([note, "# shapes", shapes, *texts])
