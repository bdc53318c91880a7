"""The index follows the graph: by changes as if built anew, among several processes, through any mishap."""

from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from kymgraph.errors import CannotWrite, KymgraphError
from kymgraph.namespaces import RDF
from kymgraph.rdf import NamedNode, Quad
from kymgraph.search import file, update
from kymgraph.search.entries import Reader
from kymgraph.search.index import SearchIndex

from ..needs import size
from .graphs import BASE, Graph, iri, quads

FORK = multiprocessing.get_context("fork")
NAMES = [
    "Kestävä Kymenlaakso",
    "maakuntaohjelma",
    "kyberturvallisuus",
    "Verkostot",
    "ICT-ala",
    "matkailu 2025",
]
KINDS = ["Programme", "Priority", "Measure", "Theme", "Passage", "Statement"]
THINGS = 12


def contents(folder: Path) -> list[tuple[object, ...]]:
    path = update.current(folder)
    assert path is not None
    with closing(file.connect(path, writing=True)) as connection:
        return sorted(file.contents(connection), key=repr)


def anew(graph: Graph, folder: Path) -> list[tuple[object, ...]]:
    update.bring(folder, graph.project, graph, anew=True)
    return contents(folder)


def random_quads(rng: random.Random, count: int) -> frozenset[Quad]:
    """Quads about a few things that stand above and below each other, in graphs of the union and one not."""
    found: set[Quad] = set()
    for _ in range(count):
        thing, other = (f":t{rng.randrange(THINGS)}" for _ in range(2))
        text = rng.choice([
            f'{thing} skos:prefLabel "{rng.choice(NAMES)}"@{rng.choice(["fi", "sv", "en"])} .',
            f'{thing} skos:altLabel "{rng.choice(NAMES)}"@fi .',
            f'{thing} dcterms:description "{rng.choice(NAMES)} ja {rng.choice(NAMES)}"@fi .',
            f"{thing} a kym:{rng.choice(KINDS)} .",
            f"{thing} kym:elementOf {other} .",
            f"{thing} kym:partOf {other} .",
            f"{thing} kym:theme {other} .",
            f'{thing} kym:validFrom "{rng.randrange(2010, 2016)}" .',
            f'{thing} kym:validUntil "{rng.randrange(2016, 2030)}" .',
            f"{thing} skos:broader {other} .",
        ])  # fmt: skip
        found |= quads(text, rng.choice(["one", "two", "translations", "harvest/x"]))
    return frozenset(found)


@pytest.mark.parametrize("seed", range(size(quick=3, ci=10, night=200)))
def test_an_index_brought_along_by_changes_equals_one_built_anew(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    graph = Graph(random_quads(rng, 60))
    folder = tmp_path / "followed"
    update.bring(folder, graph.project, graph)
    first = update.current(folder)
    for step in range(size(quick=12, ci=20, night=40)):
        for _ in range(rng.randrange(1, 4)):
            gone = rng.sample(sorted(graph.now, key=str), k=min(len(graph.now), rng.randrange(6)))
            graph.commit(add=random_quads(rng, rng.randrange(6)), remove=frozenset(gone))

        assert update.bring(folder, graph.project, graph) == graph.generation

        assert contents(folder) == anew(graph, tmp_path / f"anew-{step}")
    assert update.current(folder) == first, "the index was built anew where it should have been updated"


def test_another_name_of_a_theme_changes_the_entry_of_the_theme_alone(tmp_path: Path) -> None:
    many = "".join(
        f':m{n} a kym:Measure ; skos:prefLabel "toimi {n}"@fi ; kym:theme :bio .\n' for n in range(300)
    )
    old, new = quads(':bio skos:prefLabel "biotalous"@fi .'), quads(':bio skos:prefLabel "kiertotalous"@fi .')
    graph = Graph(quads(many + ":bio a kym:Theme ."), old)
    index = SearchIndex(graph.project, tmp_path)
    index.bring_to(graph)
    graph.commit(add=new, remove=old)

    reached = Reader(graph.view(), graph.project).affected(graph.changes, most=1000)
    index.bring_to(graph)

    assert reached == {iri("bio")}
    assert index.search("").facets["theme"] == [(iri("bio"), "kiertotalous", 300)]
    assert index.search("", filters={"theme": [iri("bio")]}).total == 300


def test_what_a_programme_is_reaches_all_that_belongs_to_it(tmp_path: Path) -> None:
    graph = Graph(
        quads("""
        :ohjelma skos:prefLabel "ohjelma"@fi .
        :osa skos:prefLabel "osa"@fi ; kym:elementOf :ohjelma .
        :toimi skos:prefLabel "toimi"@fi ; kym:elementOf :osa .
        :muu skos:prefLabel "muu"@fi .
        """)
    )
    index = SearchIndex(graph.project, tmp_path)
    index.bring_to(graph)
    graph.commit(add=quads(':ohjelma a kym:Programme ; kym:validFrom "2022" ; kym:validUntil "2025" .'))
    index.bring_to(graph)

    found = index.search("", filters={"programme": [iri("ohjelma")], "period": ["2023"]})

    assert {hit.iri for hit in found.hits} == {iri("ohjelma"), iri("osa"), iri("toimi")}


def test_an_index_that_follows_answers_from_the_newest_generation(tmp_path: Path) -> None:
    graph = Graph(quads(':a skos:prefLabel "maakuntaohjelma"@fi .'))
    index = SearchIndex(graph.project, tmp_path)
    index.follow(graph)
    assert index.search("verkosto").total == 0

    graph.commit(add=quads(':b skos:prefLabel "verkostot"@fi .'))

    found = index.search("verkosto")
    assert (found.generation, [hit.iri for hit in found.hits]) == (2, [iri("b")])


def test_a_large_change_is_taken_in_beside_the_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph(quads(':a skos:prefLabel "maakuntaohjelma"@fi .'))
    index = SearchIndex(graph.project, tmp_path)
    index.follow(graph)
    index.search("")
    begun, go_on = threading.Event(), threading.Event()
    real = update._build

    def slow(*given: object) -> None:
        begun.set()
        assert go_on.wait(30)
        real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(update, "_build", slow)
    graph.commit(
        add=frozenset().union(
            *(quads(f':m{n} a kym:Measure ; skos:prefLabel "toimi {n}"@fi .') for n in range(1200))
        )
    )

    while_it_goes = index.search("")
    typed = index.completed("toimi")
    assert begun.wait(30)
    go_on.set()
    assert index._thread is not None
    index._thread.join(60)
    after = index.search("")

    assert (while_it_goes.generation, while_it_goes.total) == (1, 1)
    assert (typed.generation, typed.hits) == (1, [])
    assert (after.generation, after.total) == (2, 1201)


def test_a_reader_keeps_its_state_while_another_process_updates(tmp_path: Path) -> None:
    graph = Graph(quads(':a skos:prefLabel "maakuntaohjelma"@fi .'))
    update.bring(tmp_path, graph.project, graph)
    path = update.current(tmp_path)
    assert path is not None
    with closing(update.open_to_read(path)) as reading:
        reading.execute("BEGIN")
        assert reading.execute("SELECT count(*) FROM entry").fetchone() == (1,)
        graph.commit(add=quads(':b skos:prefLabel "verkostot"@fi .'))

        child = FORK.Process(target=update.bring, args=(tmp_path, graph.project, graph))
        child.start()
        child.join(60)

        assert child.exitcode == 0
        assert reading.execute("SELECT count(*) FROM entry").fetchone() == (1,)
        reading.execute("COMMIT")
        assert reading.execute("SELECT count(*) FROM entry").fetchone() == (2,)


def _bring_many(folder: Path, graph: Graph, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    for _ in range(5):
        assert SearchIndex(graph.project, folder).bring_to(graph) == graph.generation


@pytest.mark.parametrize("there_is_one", [False, True])
def test_processes_that_update_at_the_same_time_leave_one_whole_index(
    tmp_path: Path, there_is_one: bool
) -> None:
    graph = Graph(random_quads(random.Random(7), 80))
    folder = tmp_path / "index"
    if there_is_one:
        update.bring(folder, graph.project, graph)
        graph.commit(add=random_quads(random.Random(8), 10))
    start = FORK.Event()
    children = [FORK.Process(target=_bring_many, args=(folder, graph, start)) for _ in range(4)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(120)

    assert [child.exitcode for child in children] == [0] * 4
    assert contents(folder) == anew(graph, tmp_path / "anew")
    assert len(list(folder.glob("index-*.sqlite"))) == 1


def _killed_while_writing(folder: Path, graph: Graph, after: int) -> None:
    puts = 0

    def put(self: file.Writer, iri: str, entry: object) -> None:
        nonlocal puts
        puts += 1
        if puts > after:
            os._exit(9)
        real(self, iri, entry)  # type: ignore[arg-type]

    real = file.Writer.put
    file.Writer.put = put  # type: ignore[method-assign,assignment]
    update.bring(folder, graph.project, graph)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_update_that_was_killed_leaves_the_old_index_usable(tmp_path: Path, after: int) -> None:
    graph = Graph(quads(':a skos:prefLabel "maakuntaohjelma"@fi .'))
    folder = tmp_path / "index"
    index = SearchIndex(graph.project, folder)
    index.bring_to(graph)
    for n in range(5):
        graph.commit(add=quads(f':b{n} skos:prefLabel "verkosto {n}"@fi .'))

    child = FORK.Process(target=_killed_while_writing, args=(folder, graph, after))
    child.start()
    child.join(60)

    assert child.exitcode == 9
    found = index.search("")
    assert (found.generation, found.total) == (1, 1)
    index.bring_to(graph)
    assert contents(folder) == anew(graph, tmp_path / "anew")


def test_a_build_that_was_killed_leaves_nothing_that_is_taken_for_an_index(tmp_path: Path) -> None:
    graph = Graph(random_quads(random.Random(3), 60))
    child = FORK.Process(target=_killed_while_writing, args=(tmp_path / "index", graph, 2))
    child.start()
    child.join(60)

    assert SearchIndex(graph.project, tmp_path / "index").generation is None
    update.bring(tmp_path / "index", graph.project, graph)
    assert len(list((tmp_path / "index").glob("index-*.sqlite*"))) == 1
    assert contents(tmp_path / "index") == anew(graph, tmp_path / "anew")


def damage_text(path: Path) -> None:
    path.write_bytes(b"this is no database at all, but it was put where one is looked for" * 100)


def damage_half(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(bytes(data))


def damage_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def damage_gone(path: Path) -> None:
    path.unlink()


def damage_pointer(path: Path) -> None:
    (path.parent / update.POINTER).write_text("../../etc/passwd")


def damage_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = 'another project' WHERE key = 'made_for'")


@pytest.mark.parametrize(
    "damage", [damage_text, damage_half, damage_short, damage_gone, damage_pointer, damage_foreign]
)
def test_a_damaged_or_foreign_file_is_made_anew_by_the_next_search(tmp_path: Path, damage: object) -> None:
    graph = Graph(random_quads(random.Random(5), 60))
    index = SearchIndex(graph.project, tmp_path / "index")
    index.follow(graph)
    before = index.search("", limit=50)
    index.close()
    path = update.current(tmp_path / "index")
    assert path is not None
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    damage(path)  # type: ignore[operator]

    fresh = SearchIndex(graph.project, tmp_path / "index")
    fresh.follow(graph)
    assert fresh.search("", limit=50) == before
    assert index.search("", limit=50) == before
    fresh.close()
    index.close()


def test_the_index_of_another_history_is_not_used(tmp_path: Path) -> None:
    one, other = (Graph(quads(':a skos:prefLabel "maakuntaohjelma"@fi .')) for _ in range(2))
    one.commit(add=quads(':b skos:prefLabel "verkostot"@fi .'))
    other.commit(add=quads(':c skos:prefLabel "painopiste"@fi .'))
    update.bring(tmp_path / "index", one.project, one)

    update.bring(tmp_path / "index", other.project, other)

    assert contents(tmp_path / "index") == anew(other, tmp_path / "anew")


def test_an_index_ahead_of_the_graph_is_made_anew(tmp_path: Path) -> None:
    graph = Graph(quads(':a skos:prefLabel "maakuntaohjelma"@fi .'))
    older = Graph(graph.now)
    graph.commit(add=quads(':b skos:prefLabel "verkostot"@fi .'))
    update.bring(tmp_path / "index", graph.project, graph)

    assert update.bring(tmp_path / "index", older.project, older) == 1
    assert contents(tmp_path / "index") == anew(older, tmp_path / "anew")


def test_where_nothing_can_be_written_a_search_says_so_and_an_older_index_is_served(tmp_path: Path) -> None:
    graph = Graph(quads(':a skos:prefLabel "maakuntaohjelma"@fi .'))
    (tmp_path / "a-file").write_text("no folder")
    nowhere = SearchIndex(graph.project, tmp_path / "a-file")
    nowhere.follow(graph)
    with pytest.raises(CannotWrite, match="the data are unharmed"):
        nowhere.search("maakunta")

    index = SearchIndex(graph.project, tmp_path / "index")
    index.follow(graph)
    index.search("")
    graph.commit(add=quads(':b skos:prefLabel "verkostot"@fi .'))
    (tmp_path / "index" / "lock").unlink()
    (tmp_path / "index" / "lock").mkdir()  # cannot be opened, as on a full disk a file cannot be made
    assert index.search("").generation == 1


def test_a_disk_that_fills_up_while_updating_leaves_the_old_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph(quads(':a skos:prefLabel "maakuntaohjelma"@fi .'))
    index = SearchIndex(graph.project, tmp_path)
    index.bring_to(graph)
    graph.commit(
        add=frozenset().union(*(quads(f':b{n} skos:prefLabel "verkosto {n}"@fi .') for n in range(90)))
    )
    real = file.connect

    def full(path: Path, *, writing: bool = False, immutable: bool = False) -> sqlite3.Connection:
        connection = real(path, writing=writing, immutable=immutable)
        if writing:  # SQLite says "database or disk is full", as it does where the disk is
            [pages] = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(file, "connect", full)
        with pytest.raises(CannotWrite, match="full"):
            index.bring_to(graph)

    assert index.search("").generation == 1
    assert index.bring_to(graph) == 2


def test_many_threads_search_while_the_graph_changes(tmp_path: Path) -> None:
    graph = Graph(quads(':a skos:prefLabel "verkosto"@fi .'))
    index = SearchIndex(graph.project, tmp_path)
    index.follow(graph)
    index.search("")
    wrong: list[object] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                found = index.search("verkostot", limit=50)
            except KymgraphError as error:  # pragma: no cover
                wrong.append(error)
                return
            if found.total != found.generation:  # each commit adds one
                wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(10):
        graph.commit(add=quads(f':b{n} skos:prefLabel "verkosto {n}"@fi .'))
        index.search("verkosto")
    over.set()
    for thread in threads:
        thread.join(30)

    assert wrong == []
    assert index.search("verkosto").generation == 11


def test_entries_keep_to_the_order_of_types(tmp_path: Path) -> None:
    graph = Graph(
        quads(':b a kym:Statement ; skos:prefLabel "sama"@fi . :c a kym:Theme ; skos:prefLabel "sama"@fi .')
    )
    index = SearchIndex(graph.project, tmp_path)
    index.bring_to(graph)
    assert [hit.iri for hit in index.search("").hits] == [iri("c"), iri("b")]

    kind = NamedNode(RDF + "type")
    node, graph_name = NamedNode(iri("b")), NamedNode(BASE + "graph/source")
    graph.commit(
        remove=frozenset([Quad(node, kind, NamedNode(BASE + "ontology#Statement"), graph_name)]),
        add=frozenset([Quad(node, kind, NamedNode(BASE + "ontology#Programme"), graph_name)]),
    )
    index.bring_to(graph)

    assert [hit.iri for hit in index.search("").hits] == [iri("b"), iri("c")]
