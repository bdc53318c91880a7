"""What does the gate's verdict on a small change cost, beside its own look-ups and pySHACL on the whole?

Expected, on data in the shape of ours and our own shapes:
  - a change of one triple is judged in about a millisecond (median of all kinds), at 1 M triples as at 100 k;
  - that is at most a few times what the look-ups of that judgement cost alone (the floor), at most 5 of them
    per changed triple in the median;
  - against pySHACL on the whole graph it is 10,000 times faster and more at 1 M.

    python benchmarks/gate.py --triples 100_000
    python benchmarks/gate.py --triples 1_000_000 --no-full

Builds a store in a temporary folder and judges changes against its checkpoint, as the write path does.
`judge_ms` is the verdict by the shapes, `with_rules_ms` with the policy rules too; `floor_ms` asks the same
look-ups again and does nothing with them. Prints one JSON line per kind of change and one for the whole, and
appends the last to benchmarks/results/gate.jsonl.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import query as data_of_ours  # the script's own folder is searched first

from kymgraph.changeset import Changeset
from kymgraph.gate import full
from kymgraph.gate.incremental import Gate
from kymgraph.namespaces import KYM, RDF, SKOS, XSD
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, Literal, NamedNode, Quad, Term, canonical, parse
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.view import View

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

TYPE = NamedNode(RDF + "type")


class Noting:
    """A view that notes what it is asked for."""

    def __init__(self, base: View) -> None:
        self.base, self.generation = base, base.generation
        self.asked: list[tuple[Any, ...]] = []

    def quads(self, *pattern: Any) -> Iterator[Quad]:
        self.asked.append(pattern)
        return self.base.quads(*pattern)

    def graphs(self) -> list[NamedNode]:
        return self.base.graphs()

    def select(self, text: str, bindings: Any = None) -> list[dict[str, Term]]:
        return self.base.select(text, bindings)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--triples", type=lambda text: int(text.replace("_", "")), default=100_000)
    arguments.add_argument("--changes", type=int, default=100, help="of each kind")
    arguments.add_argument("--no-full", action="store_true", help="leave out pySHACL on the whole graph")
    arguments.add_argument("--out", type=Path, default=HERE / "results" / "gate.jsonl")
    args = arguments.parse_args()

    project = Project.load(ROOT)
    graph = NamedNode(project.base.graph(next(iter(project.sources))))
    quads = [
        quad
        for file in project.ontology_files()
        for quad in parse(file, graph=NamedNode(project.base.graph("ontology")))
    ]
    for batch in batches(data_of_ours.triples(args.triples), 100_000):
        quads += parse("".join(batch).encode(), FORMATS["nt"], graph=graph)
    quads = list(canonical(quads).quads)
    row: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "triples": len(quads),
        "changes": args.changes,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "pyoxigraph": metadata.version("pyoxigraph"),
        "pyshacl": metadata.version("pyshacl"),
    }
    shapes = full.Shapes.load(project)
    alone = full.Shapes(shapes.graph, shapes.compiled, (), shapes.prefixes)
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "store")
        store.build(quads, project=project)
        view = store.view()
        started = time.perf_counter()
        gate, with_rules = Gate(project, alone), Gate(project, shapes)
        row["compile_ms"] = round((time.perf_counter() - started) * 500, 1)
        kinds = changes(quads, graph, args.changes)
        row["kinds"] = {}
        for kind, made in kinds.items():
            figures = measure(gate, with_rules, view, made)
            row["kinds"][kind] = figures
            print(json.dumps({"kind": kind, **figures}), flush=True)
        figures = measure(gate, with_rules, view, [change for made in kinds.values() for change in made])
        row |= figures
    if not args.no_full:
        started = time.perf_counter()
        report = full.validate(quads, project, shapes=shapes, locate=lambda focus, name: None)
        row["full_s"] = round(time.perf_counter() - started, 2)
        row["full_results"] = report.stats["results"]
        row["full_to_judge"] = round(1000 * row["full_s"] / row["judge_ms"])
    print(json.dumps(row))
    args.out.parent.mkdir(exist_ok=True)
    with args.out.open("a") as out:
        out.write(json.dumps(row) + "\n")


def batches(lines: Iterator[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


def changes(quads: list[Quad], graph: NamedNode, many: int) -> dict[str, list[Changeset]]:
    """Changes of one triple (a replacement: two), each kind `many` times at places far apart."""
    rng = random.Random(1)

    def some(predicate: str, kind: str) -> list[Quad]:
        wanted = f"/{kind}/"
        found = [q for q in quads if q.predicate.value == predicate and wanted in str(q.subject)]
        return rng.sample(found, min(many, len(found)))

    def add(subject: Any, predicate: str, object: Any) -> Changeset:
        return Changeset(0, added=frozenset([Quad(subject, NamedNode(predicate), object, graph)]))

    def swap(quad: Quad, object: Any) -> Changeset:
        new = Quad(quad.subject, quad.predicate, object, graph)
        return Changeset(0, frozenset([quad]), frozenset([new]) - {quad})

    links = some(KYM + "elementOf", "measure")
    day = NamedNode(XSD + "date")
    kinds: dict[str, Callable[[], list[Changeset]]] = {
        "new label": lambda: [
            swap(q, Literal(f"Uusi nimi {n}", language="fi"))
            for n, q in enumerate(some(SKOS + "prefLabel", "measure"))
        ],
        "other date": lambda: [
            swap(q, Literal(f"2024-05-{1 + n % 28:02d}", datatype=day))
            for n, q in enumerate(some(KYM + "startedOn", "project"))
        ],
        "end before the start": lambda: [
            add(q.subject, KYM + "endedOn", Literal("1990-01-01", datatype=day))
            for q in some(KYM + "startedOn", "project")
        ],
        "move a measure": lambda: [
            swap(one, other.object) for one, other in zip(links, [*links[1:], links[0]], strict=True)
        ],
        "cut a measure off": lambda: [Changeset(0, removed=frozenset([q])) for q in links],
        "another type": lambda: [
            add(q.subject, TYPE.value, NamedNode(KYM + "Priority")) for q in some(TYPE.value, "measure")
        ],
        "type of a priority lost": lambda: [
            Changeset(0, removed=frozenset([q])) for q in some(TYPE.value, "priority")
        ],
        "what no shape reads": lambda: [
            add(q.subject, KYM + "benchmark", q.object) for q in some(KYM + "ordinal", "measure")
        ],
    }
    return {kind: make() for kind, make in kinds.items()}


def measure(gate: Gate, with_rules: Gate, view: View, made: list[Changeset]) -> dict[str, Any]:
    noting = Noting(view)
    judged, floors, ruled, asked, rejected = [], [], [], [], 0
    for change in made:
        gate.judge(noting, change)  # warm: the floor is asked with warm pages too
        noting.asked = []
        started = time.perf_counter()
        report = gate.judge(noting, change)
        judged.append(time.perf_counter() - started)
        rejected += not report.accepted
        asked.append(len(noting.asked))
        started = time.perf_counter()
        for pattern in noting.asked:
            for _ in view.quads(*pattern):
                pass
        floors.append(time.perf_counter() - started)
        started = time.perf_counter()
        with_rules.judge(view, change)
        ruled.append(time.perf_counter() - started)
    ms = sorted(1000 * seconds for seconds in judged)
    floor = 1000 * statistics.median(floors)
    return {
        "judge_ms": round(statistics.median(ms), 3),
        "judge_p99_ms": round(ms[min(len(ms) - 1, int(0.99 * len(ms)))], 3),
        "floor_ms": round(floor, 3),
        "times_floor": round(statistics.median(ms) / floor, 2) if floor else None,
        "look_ups": statistics.median(asked),
        "with_rules_ms": round(1000 * statistics.median(ruled), 3),
        "rejected": rejected,
        "n": len(made),
    }


if __name__ == "__main__":
    main()
