"""What holds of the shipped project as it is served: counting, and files that an export leaves alone."""

from __future__ import annotations

from kymgraph.dataset import Dataset
from kymgraph.rdf import FORMATS, NamedNode, Triple
from kymgraph.view import UNION


def test_counts_agree_with_a_set_count_though_triples_stand_in_two_graphs(shipped: Dataset) -> None:
    project, view = shipped.project, shipped.view()
    inside = [
        quad
        for quad in view.quads()
        if isinstance(quad.graph_name, NamedNode) and project.in_union(quad.graph_name.value)
    ]
    union = {Triple(quad.subject, quad.predicate, quad.object) for quad in inside}
    assert len(union) < len(inside), "the data have a triple that stands in two graphs"

    [counted] = shipped.query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    [distinct] = shipped.query("SELECT (COUNT(*) AS ?n) { SELECT DISTINCT ?s ?p ?o { ?s ?p ?o } }")
    [named] = shipped.query("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }")

    assert counted.n == distinct.n == len(union)
    assert named.n == len(list(view.quads()))
    assert union == {Triple(q.subject, q.predicate, q.object) for q in view.quads(graph=UNION)}


def test_every_data_file_is_what_an_export_would_write(shipped: Dataset) -> None:
    written = {file: shipped.project.graph_of(file) for file in shipped.project.data_files()}
    assert sorted(str(name) for name in written.values()) == sorted(shipped.data_graphs())

    differing = [
        file.name
        for file, name in written.items()
        if name is None or shipped.text_of(name, FORMATS["ttl"]) != file.read_bytes()
    ]

    assert differing == [], "mend with: kymgraph build && kymgraph export"
