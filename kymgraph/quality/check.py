"""A catalogue's check as one value: read, judged by the shapes, its addresses asked, its datasets scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kymgraph.net import Client
from kymgraph.quality import reading, shapes, urls
from kymgraph.quality.found import DCAT, DCT, Found
from kymgraph.quality.metrics import MOST, Score, State, score
from kymgraph.quality.reading import LIMITS, Limits, Note, Reading
from kymgraph.quality.shapes import Judged
from kymgraph.quality.urls import Asked
from kymgraph.quality.vocabulary import in_table
from kymgraph.rdf import Literal, Quad, Term

#: Tells whoever waits what is being done.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Check:
    """All that was found out about one catalogue."""

    name: str
    pages: int
    found: Found
    scores: tuple[Score, ...]
    judged: Judged | None  #: None: no shapes were given
    asked: dict[str, Asked] | None  #: by address; None: none was to be asked
    notes: tuple[Note, ...]

    @property
    def points(self) -> float:
        """The mean of what is surely got; 0 without a dataset."""
        return sum(score.points for score in self.scores) / len(self.scores) if self.scores else 0.0

    @property
    def possible(self) -> float:
        """The mean of what it would come to if all that was not looked at is as it should be."""
        return sum(score.possible for score in self.scores) / len(self.scores) if self.scores else 0.0

    @property
    def most(self) -> int:
        return MOST

    @property
    def violations(self) -> int:
        return 0 if self.judged is None else len(self.judged.results(violations=True))

    @property
    def ok(self) -> bool:
        """Whether no point is lost and no shape is violated; without a dataset there is nothing to praise."""
        return (
            bool(self.scores) and not self.violations and all(score.possible == MOST for score in self.scores)
        )


def from_address(
    where: str | Path,
    client: Client,
    *,
    folder: Path | None = None,
    ask: bool = True,
    limits: Limits = LIMITS,
    lang: str = "en",
    progress: Progress = lambda _: None,
) -> Check:
    """Check the catalogue in a file or at a URL. See `check` for the rest, and `reading` for the errors."""
    known = None if folder is None else shapes.find(folder)  # before anything is fetched
    read = (
        reading.read_file(where, limits)
        if isinstance(where, Path)
        else reading.read_url(where, client, limits)
    )
    return check(read, client, folder=known, ask=ask, limits=limits, lang=lang, progress=progress)


def from_quads(
    quads: Iterable[Quad],
    name: str,
    client: Client,
    *,
    folder: Path | None = None,
    ask: bool = True,
    limits: Limits = LIMITS,
    lang: str = "en",
    progress: Progress = lambda _: None,
) -> Check:
    """Check a catalogue that is at hand, with the datatypes that it is served with."""
    known = None if folder is None else shapes.find(folder)
    read = Reading(name, list(quads), pages=1)
    return check(read, client, folder=known, ask=ask, limits=limits, lang=lang, progress=progress)


def check(
    read: Reading,
    client: Client,
    *,
    folder: shapes.Folder | None,
    ask: bool,
    limits: Limits,
    lang: str,
    progress: Progress,
) -> Check:
    """Judge what was read by the shapes in `folder`, ask its addresses if `ask`, and score its datasets."""
    found = Found(read.quads)
    notes = list(read.notes)
    datasets = found.datasets[: limits.datasets]
    if len(datasets) < len(found.datasets) and not any(key == "note.cut" for key, _ in notes):
        limit = f"--most-datasets {limits.datasets}"
        notes.append(("note.cut", {"datasets": len(datasets), "pages": read.pages, "limit": limit}))
    if found.undescribed:
        notes.append(("note.undescribed", {"n": len(found.undescribed)}))
    judged = None
    if folder is not None:
        progress("shapes")
        judged = shapes.judge(found, folder)
        notes += judged.notes
    asked = None
    if ask:
        progress("urls")
        asked = urls.ask(urls.wanted(found, datasets), client, limits)

    def answers(term: Term) -> State:
        answer = None if asked is None else asked.get(urls.address(term))
        return None if answer is None else answer.good

    def complies(dataset: Term) -> State:
        return None if judged is None else judged.complies(found.part_of(dataset))

    scores = tuple(score(dataset, found, answers, complies(dataset), lang) for dataset in datasets)
    notes += _remarks(found, datasets)
    return Check(read.name, read.pages, found, scores, judged, asked, tuple(notes))


def _remarks(found: Found, datasets: Iterable[Term]) -> list[Note]:
    """What costs no points and harms all the same: what others read of the catalogue is poorer for it."""
    themes = frequencies = untagged = 0
    for dataset in datasets:
        values = found.values(dataset, DCAT + "theme")
        themes += bool(values) and not any(in_table(term, "data-theme") for term in values)
        values = found.values(dataset, DCT + "accrualPeriodicity")
        frequencies += bool(values) and not all(in_table(term, "frequency") for term in values)
        texts = [
            term
            for name in (DCT + "title", DCT + "description", DCAT + "keyword")
            for term in found.values(dataset, name)
        ]
        untagged += any(isinstance(term, Literal) and term.language is None for term in texts)
    counted = (("note.no-eu-theme", themes), ("note.frequency", frequencies), ("note.untagged", untagged))
    return [(key, {"n": n}) for key, n in counted if n]
