"""Is a search slower in a graph ten times as large? Expected: p95 at 1 M resources ≤ 1.3 × p95 at 100 k.

    python benchmarks/search.py --record                   # 100,000 and 1,000,000 resources; minutes to build
    python benchmarks/search.py --sizes 2_000 20_000       # a look
    python benchmarks/search.py --updates --sizes 20_000   # from which share of changes building anew wins

Resources are made up in the shape of the shipped ones: names in three languages out of its words, and
compounds of these, so that common words stand in a large share of the names and most words are rare. The
questions are of all kinds: whole names, one word and several, inflected, beginnings, slips, with and without
facets. Both sizes are asked in one run, in turns, with the same kinds of questions. With --record a line
goes to benchmarks/results/search.jsonl.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import platform
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from kymgraph import files, words
from kymgraph.namespaces import KYM
from kymgraph.project import Project
from kymgraph.search import file, update
from kymgraph.search.entries import Entry, Name, Reader, rank_of
from kymgraph.search.index import SearchIndex
from kymgraph.store.memory import MemoryView

ROOT = Path(__file__).resolve().parent.parent

LANGUAGES = ("fi", "sv", "en")
KINDS = (
    "Objective",
    "Statement",
    "Activity",
    "Theme",
    "Measure",
    "ActorGroup",
    "Priority",
    "Programme",
    "Project",
)


class Words:
    """Words in the shape of the shipped project's, as common as there, and compounds of them."""

    #: How many compounds there are: as texts grow, their vocabulary grows with the root of it (Heaps).
    compounds = 60_000

    def __init__(self, project: Project) -> None:
        read = files.read(project)
        view = MemoryView(read.quads(), in_union=project.in_union)
        counts: dict[str, Counter[str]] = {lang: Counter() for lang in LANGUAGES}
        for entry in Reader(view, project).all():
            for name in entry.names:
                if name.lang in counts:
                    counts[name.lang].update(words.forms(name.text))
        self._forms = {lang: list(count) for lang, count in counts.items()}
        self._weights = {lang: list(itertools.accumulate(count.values())) for lang, count in counts.items()}
        self._stems = sorted({
            words.word(form, "fi").lemmas[0] for form in self._forms["fi"] if form.isalpha() and len(form) > 4
        })  # fmt: skip

    def some(self, rng: random.Random, lang: str, count: int) -> str:
        return " ".join(self._one(rng, lang) for _ in range(count)).capitalize()

    def _one(self, rng: random.Random, lang: str) -> str:
        if lang == "fi" and rng.random() < 0.35:  # Finnish makes new words by the day
            # The lower the number, the commoner the word: a few are everywhere, most hardly anywhere.
            own = random.Random(int(self.compounds * rng.random() ** 3))
            return "".join(own.choices(self._stems, k=own.choice((2, 2, 3))))
        return str(rng.choices(self._forms[lang], cum_weights=self._weights[lang])[0])


def entries(vocabulary: Words, count: int, seed: int) -> Iterator[Entry]:
    rng = random.Random(seed)
    vocabulary.compounds = int(60_000 * (count / 100_000) ** 0.5)
    for number in range(count):
        kind = KINDS[min(len(KINDS) - 1, int(rng.expovariate(0.5)))]
        names = [
            Name(vocabulary.some(rng, lang, rng.randrange(1, 7)), lang, "preferred") for lang in LANGUAGES
        ]
        if rng.random() < 0.1:
            names.append(Name(vocabulary.some(rng, "fi", 2), "fi", "alternative"))
        texts = (("fi", vocabulary.some(rng, "fi", 12)),) if rng.random() < 0.45 else ()
        facets = {
            ("type", KYM + kind),
            ("programme", f"urn:x:programme:{int(200 * rng.random() ** 2)}"),
            ("theme", f"urn:x:theme:{int(58 * rng.random() ** 2)}"),
            ("period", f"{2000 + number % 25}-{2004 + number % 25}"),
            ("source", f"urn:x:graph:{number % 40}"),
        }
        if rng.random() < 0.1:
            facets |= {
                ("place", f"urn:x:place:{rng.randrange(300)}"),
                ("status", f"urn:x:status:{rng.randrange(8)}"),
            }
        yield Entry(f"urn:x:thing:{number}", rank_of(KYM + kind), tuple(names), texts, frozenset(facets))


@contextmanager
def each_word_analysed_once() -> Iterator[None]:
    """Caches of words without a bound, so that building takes minutes; searches meet the real ones."""
    bounded = {
        name: getattr(words, name) for name in ("_known", "_lemma", "_parts", "_split", "_is_modifier")
    }
    try:
        for name, analyse in bounded.items():
            setattr(words, name, cache(analyse.__wrapped__))
        yield
    finally:
        for name, analyse in bounded.items():
            setattr(words, name, analyse)


def build(folder: Path, project: Project, made: Iterator[Entry]) -> Path:
    """An index of made-up entries, put in place as `update` does it."""
    folder.mkdir()
    path = folder / "index-made.sqlite"
    with closing(file.connect(path, writing=True)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        file.create(connection)
        connection.execute("BEGIN")
        writer = file.Writer(connection)
        for entry in made:
            writer.put(entry.iri, entry)
        writer.finish({"made_for": update.made_for(project), "generation": 1, "head": ""})
        connection.execute("INSERT INTO posting (posting) VALUES ('optimize')")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    (folder / update.POINTER).write_text(path.name)
    return path


def questions(vocabulary: Words, index: SearchIndex, count: int) -> list[tuple[str, Callable[[], Any]]]:
    """Questions of all kinds about what is in an index, with the names of their kinds."""
    rng = random.Random(99)
    size = index.search("", limit=0).total
    asked: list[tuple[str, Callable[[], Any]]] = []

    def add(kind: str, text: str, **more: Any) -> None:
        asked.append((kind, lambda: index.search(text, **more)))

    for _ in range(count):
        offset = rng.randrange(min(size, 10_000) - 1)
        [hit] = index.search("", limit=1, offset=offset, facets=False).hits
        name = hit.labels["fi"]
        long = max(name.split(), key=len)
        slip = rng.randrange(len(long))
        add("name", name)
        add("word", vocabulary.some(rng, "fi", 1))
        add("words", vocabulary.some(rng, "fi", 2))
        add("english", vocabulary.some(rng, "en", 2), lang="en")
        add("inflected", long + rng.choice(("n", "ssa", "sta", "lle")))
        add("beginning", long[: max(3, len(long) // 2)])
        add("slip", long[:slip] + long[slip + 1 :])
        add("facet", vocabulary.some(rng, "fi", 1), filters={"theme": [f"urn:x:theme:{rng.randrange(58)}"]})
        add("browse", "", filters={"type": [KYM + rng.choice(KINDS)], "source": ["urn:x:graph:7"]})
        asked.append(("suggest", partial(index.suggest, long[:4])))
        asked.append(("match", partial(index.match, name)))
    rng.shuffle(asked)
    return asked


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def compare(
    sizes: list[int], count: int, project: Project, vocabulary: Words, folder: Path
) -> dict[str, Any]:
    indexes, built = {}, {}
    for size in sizes:
        began = time.perf_counter()
        with each_word_analysed_once():
            path = build(folder / str(size), project, entries(vocabulary, size, seed=size))
        built[size] = {
            "build_s": round(time.perf_counter() - began, 1),
            "file_mb": path.stat().st_size // 10**6,
        }
        indexes[size] = SearchIndex(project, folder / str(size))
    asked = {size: questions(vocabulary, index, count) for size, index in indexes.items()}
    times: dict[int, dict[str, list[float]]] = {size: {} for size in sizes}
    for _ in range(2):  # the first round warms caches
        times = {size: {} for size in sizes}
        for group in zip(*asked.values(), strict=True):
            for size, (kind, ask) in zip(sizes, group, strict=True):
                began = time.perf_counter()
                ask()
                times[size].setdefault(kind, []).append(time.perf_counter() - began)
    rows = {}
    for size in sizes:
        everything = [value for values in times[size].values() for value in values]
        rows[size] = {
            **built[size],
            "p50_ms": round(1000 * percentile(everything, 0.5), 2),
            "p95_ms": round(1000 * percentile(everything, 0.95), 2),
            "p95_ms_by_kind": {
                k: round(1000 * percentile(v, 0.95), 2) for k, v in sorted(times[size].items())
            },
        }
    first, last = rows[sizes[0]], rows[sizes[-1]]
    return {
        "sizes": rows,
        "questions": len(asked[sizes[0]]),
        "p95_ratio": round(last["p95_ms"] / first["p95_ms"], 3),
    }


def updates(size: int, project: Project, vocabulary: Words, folder: Path) -> dict[str, Any]:
    """Seconds that shares of changed entries take, and seconds to build anew."""
    one, other = ({entry.iri: entry for entry in entries(vocabulary, size, seed=seed)} for seed in (1, 2))
    for entry in (*one.values(), *other.values()):  # words are analysed once; that is no part of either way
        file.body_of(entry)
    began = time.perf_counter()
    path = build(folder / "whole", project, iter(one.values()))
    anew = time.perf_counter() - began
    rows = {}
    for share in (0.001, 0.01, 0.05, 0.1, 0.25, 0.5):
        changed = random.Random(3).sample(sorted(other), max(1, int(size * share)))
        copy = folder / "copy.sqlite"
        shutil.copy(path, copy)
        began = time.perf_counter()
        with closing(file.connect(copy, writing=True)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            writer = file.Writer(connection)
            for iri in changed:
                writer.put(iri, other[iri])
            writer.finish({"generation": 2})
            connection.execute("COMMIT")
        rows[share] = round(time.perf_counter() - began, 3)
    return {"size": size, "anew_s": round(anew, 2), "update_s_by_share": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes", type=lambda text: int(text.replace("_", "")), nargs="+", default=[100_000, 1_000_000]
    )
    parser.add_argument("--questions", type=int, default=100, help="questions of each kind")
    parser.add_argument("--updates", action="store_true", help="measure updates instead, at the first size")
    parser.add_argument(
        "--record", action="store_true", help="append the line to benchmarks/results/search.jsonl"
    )
    given = parser.parse_args()
    project = Project.load(ROOT)
    vocabulary = Words(project)
    with tempfile.TemporaryDirectory(prefix="kymgraph-search-") as folder:
        if given.updates:
            measured = updates(given.sizes[0], project, vocabulary, Path(folder))
        else:
            measured = compare(given.sizes, given.questions, project, vocabulary, Path(folder))
    machine = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "machine": platform.platform(),
    }
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    line = json.dumps({"benchmark": "search", "time": now, **measured, "on": machine})
    print(line)
    if given.record:
        with (ROOT / "benchmarks" / "results" / "search.jsonl").open("a", encoding="utf-8") as results:
            results.write(line + "\n")


if __name__ == "__main__":
    main()
