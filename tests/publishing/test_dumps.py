"""The files of the dumps hold what the graph holds, whatever is in it; and none is ever half a file."""

from __future__ import annotations

import csv
import datetime
import gzip
import hashlib
import io
import json
import random
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result
from typer.testing import CliRunner

from kymgraph import files
from kymgraph.cli.app import app
from kymgraph.errors import CannotWrite, StoreLocked
from kymgraph.project import Project
from kymgraph.publishing import dump_files, dumps
from kymgraph.publishing.dumps import Dumps
from kymgraph.rdf import DEFAULT_GRAPH, FORMATS, NamedNode, Quad, canonical_nquads, parse
from kymgraph.redaction import redact
from kymgraph.store.embedded import EmbeddedStore
from kymgraph.store.memory import MemoryView
from tests.conftest import MakeProject

BUILT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
BASE = "https://w3id.org/kymgraph/"
GRAPH = BASE + "graph/"
#: What serialisers get wrong: quotes, line ends, tags, characters beyond the first plane, controls.
HOSTILE = r"""
x:a x:p "=HYPERLINK(\"http://a.example\")" , "+1" , "-12.5" , "@x" , "'quoted" , "a\nb" , "a\tb" ,
  "<script>&amp;</script>" , "pöytä"@fi , "ぁ😀" , "" , 7 , "2026-01-01"^^xsd:date , true ;
  rdfs:label "kohde"@fi , "thing"@en ; <http://www.w3.org/ns/dcat#byteSize> 12 .
x:b a x:C ; rdfs:seeAlso <http://x.example/å?q=1&r=2#f> .
"""
#: What RDF/XML has no way to say, or no way that a reader gets back.
NOT_XML = r"""
x:a <http://x.example/ends/> 1 ; <http://x.example/777> 2 ; x:p "bell\u0007" , "return\r" , "\uFFFE" .
"""
PREFIXES = (
    "@prefix x: <http://x.example/> .\n@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
    "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"
)


def read(turtle: str, graph: str | None) -> list[Quad]:
    name = NamedNode(GRAPH + graph) if graph else None
    return parse((PREFIXES + turtle).encode(), FORMATS["ttl"], graph=name)


QUADS = [
    *read(HOSTILE, "first"),
    *read("x:b a x:C . x:only x:p x:second .", "second"),
    *read("x:a rdfs:label 'sak'@sv .", "translations"),
    *(
        q
        for name in ("ledger", "catalog", "shapes", "harvest/y")
        for q in read(f"x:{name[:3]} x:p 1 .", name)
    ),
]


def view_of(quads: Iterable[Quad], project: Project, generation: int = 1) -> MemoryView:
    view = MemoryView(quads, in_union=project.in_union)
    view.generation = generation
    return view


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project(toml='[sources]\nfirst = "a.txt"\nsecond = "b.txt"\n')


@pytest.fixture
def made(project: Project, tmp_path: Path) -> Dumps:
    return dumps.write_out(view_of(QUADS, project), project, tmp_path / "out", built=BUILT)


def triples(quads: Iterable[Quad]) -> bytes:
    return canonical_nquads(Quad(q.subject, q.predicate, q.object) for q in quads)


def parsed(made: Dumps, name: str, suffix: str) -> list[Quad]:
    data = made.files[name, suffix].path.read_bytes()
    if suffix == "nt.gz":
        return parse(gzip.decompress(data), FORMATS["nt"])
    return parse(data, FORMATS[suffix])


def sent(turtle: str, graph: str | None = None) -> list[Quad]:
    """As readers outside get it: with the datatype that DCAT asks for."""
    size = '"12"^^xsd:nonNegativeInteger'
    return read(turtle.replace("byteSize> 12", f"byteSize> {size}"), graph)


@pytest.mark.parametrize("suffix", ["ttl", "trig", "nt.gz", "jsonld", "rdf"])
def test_every_format_gives_back_the_triples_of_a_graph(made: Dumps, suffix: str) -> None:
    assert triples(parsed(made, "first", suffix)) == triples(sent(HOSTILE))
    assert made.files["first", suffix].left_out == 0


@pytest.mark.parametrize("suffix", ["ttl", "nt.gz", "rdf"])
def test_the_whole_is_what_the_default_graph_is_each_triple_once(made: Dumps, suffix: str) -> None:
    expected = [*sent(HOSTILE), *read("x:only x:p x:second . x:a rdfs:label 'sak'@sv .", None)]

    found = parsed(made, "kymgraph", suffix)

    assert triples(found) == triples(expected)
    assert len(found) == made.files["kymgraph", suffix].triples == len(set(expected))


@pytest.mark.parametrize("suffix", ["trig", "jsonld"])
def test_formats_with_graphs_say_where_each_triple_of_the_whole_stands(made: Dumps, suffix: str) -> None:
    expected = [q for name, turtle in (
        ("first", HOSTILE),
        ("second", "x:b a x:C . x:only x:p x:second ."),
        ("translations", "x:a rdfs:label 'sak'@sv ."),
    ) for q in sent(turtle, name)]  # fmt: skip

    assert canonical_nquads(parsed(made, "kymgraph", suffix)) == canonical_nquads(expected)


def test_ledger_catalogue_shapes_and_what_was_harvested_are_in_no_dump(made: Dumps) -> None:
    assert made.names == ("kymgraph", "first", "second")
    for file in made.files.values():
        data = file.path.read_bytes()
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        assert not any(name in text for name in (b"x:led", b"example/led", b"example/har", b"example/cat"))


def test_the_same_state_gives_the_same_bytes_in_whatever_order_it_came(
    project: Project, made: Dumps, tmp_path: Path
) -> None:
    shuffled = random.Random(7).sample(QUADS, len(QUADS))

    again = dumps.write_out(view_of(shuffled, project, 9), project, tmp_path / "again", built=BUILT)

    assert {key: file.sha256 for key, file in again.files.items()} == {
        key: file.sha256 for key, file in made.files.items()
    }
    packed = made.files["kymgraph", "nt.gz"].path.read_bytes()
    assert packed[3:8] == bytes(5), "a name or a time in the header would differ from run to run"


def test_a_graph_too_large_to_sort_is_written_whole_too(
    project: Project, made: Dumps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump_files, "SORTED_UP_TO", 3)

    large = dumps.write_out(view_of(QUADS, project), project, tmp_path / "large", built=BUILT)

    for suffix in ("ttl", "nt.gz", "rdf"):
        for name in made.names:
            assert triples(parsed(large, name, suffix)) == triples(parsed(made, name, suffix))


def test_what_rdf_xml_cannot_say_is_left_out_and_counted(project: Project, tmp_path: Path) -> None:
    quads = [*read(HOSTILE + NOT_XML, "first"), *read("x:b x:p 1 .", "second")]

    made = dumps.write_out(view_of(quads, project), project, tmp_path / "out", built=BUILT)

    file = made.files["first", "rdf"]
    ElementTree.parse(file.path)
    assert triples(parsed(made, "first", "rdf")) == triples(sent(HOSTILE))
    assert (file.left_out, made.files["first", "ttl"].left_out) == (5, 0)
    assert triples(parsed(made, "first", "jsonld")) == triples(sent(HOSTILE + NOT_XML))
    assert made.files["second", "rdf"].left_out == 0


def test_the_csv_has_a_row_per_triple_with_labels_and_no_cell_is_a_formula(made: Dumps) -> None:
    text = made.files["first", "csv"].path.read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))

    assert len(rows) == len(set(read(HOSTILE, "first"))) == made.files["first", "csv"].triples
    assert {row["subject_label"] for row in rows if row["subject"].endswith("/a")} == {"kohde"}
    assert {row["graph"] for row in rows} == {GRAPH + "first"}
    assert not [
        cell for row in rows for cell in row.values() if cell[:1] in "=+@\t" and cell != "" and cell != "+1"
    ]
    values = {(row["object"], row["object_type"], row["datatype"], row["language"]) for row in rows}
    xsd = "http://www.w3.org/2001/XMLSchema#"
    assert {
        ('\'=HYPERLINK("http://a.example")', "literal", "", ""),
        ("'@x", "literal", "", ""),
        ("''quoted", "literal", "", ""),
        ("-12.5", "literal", "", ""),
        ("a\nb", "literal", "", ""),
        ("pöytä", "literal", "", "fi"),
        ("12", "literal", xsd + "nonNegativeInteger", ""),
        ("http://x.example/C", "iri", "", ""),
    } <= values


def test_a_strict_projects_default_graph_belongs_to_the_whole(
    make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project(toml='default_graph = "strict"\n')
    store = EmbeddedStore(tmp_path / "store")
    own = [Quad(q.subject, q.predicate, q.object, DEFAULT_GRAPH) for q in read("x:own x:p 1 .", None)]
    store.build([*own, *read("x:named x:p 1 .", "first")], project=project)

    made = dumps.write_out(store.view(), project, tmp_path / "out", built=BUILT)

    assert made.names == ("kymgraph", "first")
    assert triples(parsed(made, "kymgraph", "ttl")) == triples(read("x:own x:p 1 . x:named x:p 1 .", None))


# --- in the store -----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "dumps"
    place.mkdir()
    return place


def make(project: Project, folder: Path, generation: int) -> Dumps:
    quads = [*QUADS, *read(f"x:n x:p {generation} .", "first")]
    return dumps.make(view_of(quads, project, generation), project, folder, built=BUILT)


def test_checksums_and_sizes_are_those_of_the_files(project: Project, folder: Path) -> None:
    made = make(project, folder, 3)

    found = dumps.newest(folder)

    assert found == made
    lines = dict(line.split("  ")[::-1] for line in (folder / "3/SHA256SUMS").read_text().splitlines())
    for (name, suffix), file in made.files.items():
        data = file.path.read_bytes()
        assert hashlib.sha256(data).hexdigest() == file.sha256 == lines.pop(f"{name}.{suffix}")
        assert len(data) == file.bytes
    assert lines == {}


def test_the_newest_two_are_kept_and_who_reads_an_older_one_reads_it_to_its_end(
    project: Project, folder: Path
) -> None:
    old = make(project, folder, 1).files["kymgraph", "ttl"]
    expected = old.path.read_bytes()
    with old.path.open("rb") as reader:
        first = reader.read(100)
        for generation in (2, 3, 4):
            make(project, folder, generation)

        assert first + reader.read() == expected
    assert sorted(path.name for path in folder.iterdir() if path.name.isdecimal()) == ["3", "4"]
    found = dumps.newest(folder)
    assert found is not None
    assert found.generation == 4
    older = dumps.newest(folder, upto=3)
    assert older is not None
    assert older.generation == 3


def test_what_is_cut_off_leaves_those_that_were_there(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make(project, folder, 1)
    written: list[str] = []

    def full(*given: object) -> tuple[int, int]:
        written.append("x")
        if len(written) == 9:
            raise OSError(28, "No space left on device")
        return dump_files.write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(dumps, "write", full)

    with pytest.raises(CannotWrite, match="No space left"):
        make(project, folder, 2)

    assert dumps.newest(folder) == before
    assert [path.name for path in folder.iterdir()] == ["1"]


def test_dumps_of_a_store_that_was_replaced_meanwhile_are_given_up(project: Project, folder: Path) -> None:
    with pytest.raises(CannotWrite, match="replaced"):
        dumps.make(view_of(QUADS, project), project, folder, built=BUILT, still_ours=lambda: False)

    assert dumps.newest(folder) is None
    assert list(folder.iterdir()) == []


def test_dumps_that_another_version_made_or_that_are_torn_do_not_count(
    project: Project, folder: Path
) -> None:
    make(project, folder, 1)
    make(project, folder, 2)
    manifest = folder / "2" / dumps.MANIFEST
    said = json.loads(manifest.read_text())
    for text in (json.dumps(said | {"kymgraph": "0.0.0"}), manifest.read_text()[:100], "[]"):
        manifest.write_text(text)

        found = dumps.newest(folder)

        assert found is not None
        assert found.generation == 1


def test_only_one_process_makes_dumps_at_a_time(tmp_path: Path) -> None:
    with dumps.lock(tmp_path / "dumps"), pytest.raises(StoreLocked), dumps.lock(tmp_path / "dumps"):
        pass
    with dumps.lock(tmp_path / "dumps"):
        pass


def test_the_command_makes_them_once_for_a_generation_and_elsewhere_when_asked(
    make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project({"data/first.ttl": "x:a x:p 1 ; <http://x.example/ends/> 2 ."})
    read_in = files.read(project)
    store = EmbeddedStore(project.store_folder)
    store.build(read_in.quads(), project=project, graphs=read_in.graphs, files=read_in.digests)

    def run(*args: str) -> Result:
        return CliRunner().invoke(app, ["--project", str(project.folder), "dumps", *args])

    first, again, out = run(), run(), run("--out", str(tmp_path / "out"))

    assert (first.exit_code, again.exit_code, out.exit_code) == (0, 0, 0)
    assert "kymgraph.rdf: 1 triple(s) left out" in first.stderr
    assert "there already" in again.stderr
    assert first.stdout == again.stdout == f"generation 1: 12 files, {store.folder / 'dumps'}\n"
    for path in sorted((tmp_path / "out").iterdir()):
        assert path.read_bytes() == (store.folder / "dumps" / "1" / path.name).read_bytes()
    assert len(list((tmp_path / "out").iterdir())) == 14
    store.build(read_in.quads(), project=project, graphs=read_in.graphs, files=read_in.digests)
    assert dumps.newest(store.folder / "dumps") is None, "those of another store are not those of this one"


def test_what_is_redacted_is_in_no_dump_afterwards(make_project: MakeProject) -> None:
    project = make_project({"data/first.ttl": 'x:a x:p "Maija Meri" .'})
    read_in = files.read(project)
    store = EmbeddedStore(project.store_folder)
    store.build(read_in.quads(), project=project, graphs=read_in.graphs, files=read_in.digests)
    folder = store.folder / dumps.FOLDER
    with dumps.lock(folder):
        before = dumps.make(store.view(), project, folder, built=BUILT)
    assert b"Maija Meri" in before.files["first", "ttl"].path.read_bytes()

    redact(project, store, "Maija Meri", reason="asked for")

    assert dumps.newest(folder) is None
    with dumps.lock(folder):
        after = dumps.make(store.view(), project, folder, built=BUILT)
    assert b"Maija" not in after.files["first", "ttl"].path.read_bytes()
