"""Searching the graph by words: one index per store, in a file that several processes may have open.

The index belongs to a generation, and says so with every answer. An index that follows a dataset is brought
up to date by the questions themselves: at once after a small change, in the background after a large one,
while the older generation is served.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from kymgraph.errors import BadParameter, Busy, CannotWrite, IndexNotReady, KymgraphError, QueryTimeout
from kymgraph.project import Project
from kymgraph.search import marks, update
from kymgraph.search.apart import Apart
from kymgraph.search.ask import Answer, Asking, Scored
from kymgraph.search.entries import FACETS
from kymgraph.search.file import Stored
from kymgraph.search.plan import Asked
from kymgraph.search.update import Source, State

log: Final = logging.getLogger("kymgraph.search")
T = TypeVar("T")

#: The folder of the index in a store's folder.
FOLDER: Final = "search"
#: Longest question, in characters.
LONGEST: Final = 1_000
#: Most answers on one page, and the last place that a page may begin at.
MOST_ON_PAGE: Final = 100
LAST_OFFSET: Final = 10_000
#: Values of a facet that are listed.
_VALUES: Final = 20
#: Questions answered at a time by one process, and how long one more waits for its turn, in seconds.
_AT_ONCE: Final = 4
_WAIT: Final = 2.0
#: Seconds that a question may take.
_DEADLINE: Final = 3.0
#: Changed quads that a question waits for; more are taken in beside it.
_SMALL_CHANGE: Final = 2_000
#: Seconds that a question waits for an index where there is none, and until one that failed is tried again.
_FIRST: Final = 30.0
_AGAIN: Final = 5.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found."""

    iri: str
    score: float  #: 0 to 100; 100 is the very name
    types: tuple[str, ...]  #: IRIs, the most telling first
    labels: Mapping[str, str]  #: by language; "" where the graph names none
    description: Mapping[str, str]  #: by language
    highlight: str  #: the name or the part of a description that matched, as plain text
    matched: str  #: the language of `highlight`
    marks: tuple[tuple[int, int], ...] = ()  #: where in `highlight` the words are that were asked for

    def label(self, *languages: str) -> str:
        """The name in the first of these languages that it has one in, else in any; the IRI without one."""
        for lang in (*languages, *self.labels):
            if lang in self.labels:
                return self.labels[lang]
        return self.iri


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found."""

    hits: list[Hit]
    total: int
    #: By facet: value (an IRI, or years for `period`), its label, number of hits; commonest first.
    facets: Mapping[str, list[tuple[str, str, int]]]
    generation: int
    more: bool = False  #: whether `total` and the numbers are a lower bound
    filters: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)  #: what was asked, with labels
    types: Mapping[str, str] = field(default_factory=dict)  #: labels of the types of these hits, by IRI


class SearchIndex:
    """The index in one folder (`STORE/search`). Every method may be called from any thread, and blocks.

    Raises, besides what each method says: IndexNotReady, Busy, QueryTimeout, CannotWrite.
    """

    def __init__(self, project: Project, folder: Path) -> None:
        self._project = project
        self._folder = Path(folder)
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._idle: list[tuple[Path, sqlite3.Connection]] = []
        self._guard = threading.Lock()
        self._source: Source | None = None
        self._apart: Apart | None = None
        self._thread: threading.Thread | None = None
        self._failed: tuple[float, KymgraphError] | None = None
        #: The file and generation that were seen to be the newest, which need no second look.
        self._settled: tuple[Path | None, int] | None = None
        self._closed = False

    # -- the generation

    @property
    def generation(self) -> int | None:
        """The generation that answers are of now; None where there is no index yet."""
        state = update.state(self._folder, self._project)
        return state.generation if state else None

    def bring_to(self, dataset: Source) -> int:
        """Bring the index to the newest generation of a dataset, and give that. Raises CannotWrite."""
        return update.bring(self._folder, self._project, dataset)

    def follow(self, dataset: Source, *, apart: Apart | None = None) -> None:
        """Have questions bring the index up to date by themselves from now on.

        What is done in the background is done by `apart`, if given, in a process of its own.
        """
        self._source, self._apart = dataset, apart

    def warm(self) -> None:
        """Begin to bring the index up to date in the background, if it follows a dataset."""
        if self._source is not None:
            self._begin(self._source)

    def _keep_up(self) -> None:
        """Before a question: see that it is answered from the newest generation, or soon will be."""
        source = self._source
        if source is None:
            return
        wanted = source.generation
        if self._settled == (update.current(self._folder), wanted):
            return
        here = update.state(self._folder, self._project)
        if here is not None and here.generation == wanted:
            self._settled = here.path, wanted
            return
        if self._failed is not None and time.monotonic() < self._failed[0]:
            if here is None:
                raise self._failed[1]
            return
        if here is not None and self._is_small(source, here, wanted):
            self._try(source)
            return
        thread = self._begin(source)
        if here is None:
            thread.join(_FIRST)
            if self._failed is not None and not thread.is_alive():
                raise self._failed[1]

    def _is_small(self, source: Source, here: State, wanted: int) -> bool:
        if not here.generation < wanted <= here.generation + 50:
            return False
        try:
            commits = [source.entry(number) for number in range(here.generation + 1, wanted + 1)]
        except KymgraphError:
            return False
        return sum(int(commit.added + commit.removed) for commit in commits) <= _SMALL_CHANGE

    def _begin(self, source: Source) -> threading.Thread:
        with self._guard:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._try, args=(source, self._apart), name="kymgraph-search", daemon=True
                )
                self._thread.start()
            return self._thread

    def _try(self, source: Source, apart: Apart | None = None) -> None:
        try:
            if apart is not None:
                apart()
            else:
                update.bring(self._folder, self._project, source)
        except KymgraphError as error:
            log.warning("%s", error.message)
            self._failed = (time.monotonic() + _AGAIN, error)
        except Exception as error:  # what is beyond us leaves the older index in place
            if not self._closed:
                log.exception("the search index could not be brought up to date")
            failure = CannotWrite(f"the search index could not be made: {error}; the data are unharmed")
            self._failed = (time.monotonic() + _AGAIN, failure)
        else:
            self._failed = None

    # -- questions

    def search(
        self,
        query: str,
        *,
        lang: str = "fi",
        filters: Mapping[str, Sequence[str]] = {},
        limit: int = 20,
        offset: int = 0,
        facets: bool = True,
    ) -> Found:
        """Things with these words in their names or descriptions, best first; all there are for "".

        `filters` are values by facet (`entries.FACETS`): one of the values of each has to hold. A type or
        theme stands for narrower ones too, a year for the periods it lies in.
        Raises BadParameter for a question of more than LONGEST characters or a facet that does not exist.
        """
        query, filters = _checked(query, filters)
        if not 0 <= limit <= MOST_ON_PAGE or not 0 <= offset <= LAST_OFFSET:
            raise BadParameter(
                f"nothing was searched: limit goes to {MOST_ON_PAGE} and offset to {LAST_OFFSET:,}",
                hint="narrow the search by more words or by facets",
            )

        def ask(asking: Asking, generation: int) -> Found:
            return self._found(asking, generation, query, lang, filters, limit, offset, facets)

        return self._answer(ask)

    def suggest(
        self, prefix: str, *, lang: str = "fi", types: Sequence[str] = (), limit: int = 10
    ) -> list[Hit]:
        """Things whose name begins like this, or has a word that does, best first. Raises BadParameter."""
        return self.completed(prefix, lang=lang, types=types, limit=limit).hits

    def completed(
        self, prefix: str, *, lang: str = "fi", types: Sequence[str] = (), limit: int = 10
    ) -> Found:
        """As `suggest`, with the generation that the suggestions are of."""
        prefix, wanted = _checked(prefix, {"type": types})

        def ask(asking: Asking, generation: int) -> Found:
            filters = asking.filters(wanted)
            found = asking.suggest(prefix, lang, filters, limit) if filters is not None else []
            hits = [_hit(one, marks.asked(prefix), lang) for one in found]
            return Found(hits, len(hits), {}, generation)

        return self._answer(ask)

    def match(
        self, text: str, *, lang: str | None = None, types: Sequence[str] = (), limit: int = 10
    ) -> list[Hit]:
        """Things that a name from somebody's table may mean; score 100 is the very name. Raises BadParameter.

        An IRI of the graph means its own thing.
        """
        text, wanted = _checked(text, {"type": types})

        def ask(asking: Asking, generation: int) -> list[Hit]:
            filters = asking.filters(wanted)
            if filters is None:
                return []
            itself = asking.by_iri(text.strip(), filters)
            found = [itself] if itself else asking.match(text, lang, filters, limit)
            return [_hit(one, marks.asked(text), lang or "fi") for one in found[:limit]]

        return self._answer(ask)

    def close(self) -> None:
        """Close the file. Questions afterwards open it again."""
        self._closed = True
        if self._apart is not None:
            self._apart.close()
        with self._guard:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    # -- within one question

    def _found(
        self,
        asking: Asking,
        generation: int,
        query: str,
        lang: str,
        wanted: Mapping[str, Sequence[str]],
        limit: int,
        offset: int,
        with_facets: bool,
    ) -> Found:
        filters = asking.filters(wanted)
        answer = Answer()
        if filters is not None:
            itself = asking.by_iri(query.strip(), filters) if ":" in query else None
            answer = Answer([itself]) if itself else asking.search(query, lang, filters)
        browsing = filters == [] and not answer.scored and not marks.asked(query)
        total, more = answer.total, answer.more
        if browsing:
            total, more = asking.size(), False
        page = answer.scored[offset : offset + limit]
        if len(page) < limit:
            start = max(0, offset - len(answer.scored))
            numbers = answer.rest[start : start + limit - len(page)]
            if browsing and offset + limit > answer.total:
                numbers = asking.page(offset, limit)
            page = [*page, *asking.load(numbers)]
        asked = marks.asked(query, answer.asked)
        counted: dict[str, list[tuple[str, str, int]]] = {}
        if with_facets:
            for facet, values in asking.facets(None if browsing else answer.numbers).items():
                counted[facet] = [
                    (value, self._label(asking, facet, value, lang), count)
                    for value, count in values[:_VALUES]
                ]
        told = {
            facet: [(value, self._label(asking, facet, value, lang)) for value in values]
            for facet, values in wanted.items()
            if values
        }
        hits = [_hit(one, asked, lang) for one in page]
        types = {
            kind: self._label(asking, "type", kind, lang)
            for kind in {kind for hit in hits for kind in hit.types}
        }
        return Found(hits, total, counted, generation, more, told, types)

    def _label(self, asking: Asking, facet: str, value: str, lang: str) -> str:
        if facet == "period":
            return value.replace("-", "–")
        if facet == "source":
            return self._project.base.graph_name(value) or value
        stored = asking.body(value)
        if stored is not None:
            found = _labels(stored)
            for code in (lang, *self._project.languages, *found):
                if code in found:
                    return found[code]
        for prefix, space in self._project.prefixes.items():
            if value.startswith(space) and value != space:
                return f"{prefix}:{value[len(space) :]}"
        return value

    # -- connections

    def _answer(self, ask: Callable[[Asking, int], T]) -> T:
        """Have a question answered within one read transaction, a time limit, and a limited number."""
        self._keep_up()
        if not self._turns.acquire(timeout=_WAIT):
            raise Busy("nothing was searched: too many searches are under way", hint="try again in a moment")
        try:
            try:
                with self._reading() as (asking, generation):
                    return ask(asking, generation)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
                    raise QueryTimeout(
                        f"the search was ended after {_DEADLINE:.0f} s", hint="ask for fewer or rarer words"
                    ) from None
                # Damaged, or taken away between two steps: make it anew, and ask once more.
                self._mend(error)
            with self._reading() as (asking, generation):
                return ask(asking, generation)
        except sqlite3.DatabaseError as error:
            raise IndexNotReady(
                f"the search index in {self._folder} cannot be read: {error}; the data are unharmed",
                hint="delete that folder; the index is made again",
            ) from None
        finally:
            self._turns.release()

    def _mend(self, error: sqlite3.DatabaseError) -> None:
        source = self._source
        self._drop_idle()
        if source is None:
            raise error
        passing = isinstance(error, sqlite3.OperationalError) and "no such" not in str(error)
        if not passing or update.state(self._folder, self._project) is None:
            log.warning("the search index is damaged and made anew: %s", error)
            update.bring(self._folder, self._project, source, anew=True)

    def _drop_idle(self) -> None:
        with self._guard:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[tuple[Asking, int]]:
        path = update.current(self._folder)
        if path is None:
            raise self._missing()
        connection = self._take(path)
        good = False
        try:
            until = time.monotonic() + _DEADLINE
            connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
            connection.execute("BEGIN")
            state = update.state_of(connection, path, self._project)
            if state is None:
                raise self._missing()
            yield Asking(connection, self._project), state.generation
            connection.execute("COMMIT")
            good = True
        finally:
            if good:
                connection.set_progress_handler(None, 0)
                self._put_back(path, connection)
            else:
                connection.close()

    def _take(self, path: Path) -> sqlite3.Connection:
        with self._guard:
            while self._idle:
                known, connection = self._idle.pop()
                if known == path:
                    return connection
                connection.close()
        return update.open_to_read(path)

    def _put_back(self, path: Path, connection: sqlite3.Connection) -> None:
        with self._guard:
            if len(self._idle) < _AT_ONCE and not self._closed:
                self._idle.append((path, connection))
                return
        connection.close()

    def _missing(self) -> IndexNotReady:
        return IndexNotReady(
            "nothing was searched: the search index is still being made",
            hint="try again in a moment; everything else works already",
        )


# --- parts of an answer ---------------------------------------------------------------------------------


def _checked(query: str, filters: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, list[str]]]:
    """A question as it can be looked up: halves of characters, which no text has, are left out."""
    if len(query) > LONGEST:
        raise BadParameter(
            f"nothing was searched: the text has {len(query):,} characters, and up to {LONGEST:,} are read",
            hint="search for a few words",
        )
    for facet in filters:
        if facet not in FACETS:
            raise BadParameter(
                f"nothing was searched: there is no facet {facet!r}", hint=f"there are: {', '.join(FACETS)}"
            )
    clean = {facet: [_whole_text(value) for value in values] for facet, values in filters.items()}
    return _whole_text(query), clean


def _whole_text(text: str) -> str:
    return text.encode("utf-8", "ignore").decode()


def _labels(stored: Stored) -> dict[str, str]:
    """The first preferred name by language; without any, the first name there is."""
    found: dict[str, str] = {}
    for text, lang, kind, _ in stored.names:
        if kind == 0:
            found.setdefault(lang, text)
    if not found and stored.names:
        found[stored.names[0][1]] = stored.names[0][0]
    return found


def _hit(one: Scored, asked: Sequence[Asked], lang: str) -> Hit:
    stored = one.stored
    description: dict[str, str] = {}
    for code, text in stored.texts:
        description.setdefault(code, text)
    shown, spoken, where = marks.best(stored, one.name, asked, lang)
    return Hit(
        iri=one.iri,
        score=round(max(0.0, min(100.0, one.score)), 2),
        types=stored.types,
        labels=_labels(stored),
        description=description,
        highlight=shown,
        matched=spoken,
        marks=where,
    )
