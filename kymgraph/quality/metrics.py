"""The metadata quality assessment of data.europa.eu: 23 metrics, what each is worth, how a dataset fares.

405 points in five dimensions. Metrics of the dataset look at the dataset itself; those of its distributions
are counted on one of them, the best: points of two distributions are never put together. What could not be
looked at (a URL that nobody asked, shapes that were not there) is neither got nor lost: the prediction is
then "up to" so many points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from kymgraph.quality.found import DCAT, DCT, Found
from kymgraph.quality.vocabulary import file_type, in_table, is_media_type
from kymgraph.rdf import Subject, Term

Dimension: TypeAlias = Literal[
    "findability", "accessibility", "interoperability", "reusability", "contextuality"
]
DIMENSIONS: Final[tuple[Dimension, ...]] = (
    "findability",
    "accessibility",
    "interoperability",
    "reusability",
    "contextuality",
)
#: Got, lost, or not looked at.
State: TypeAlias = bool | None
#: Says whether what stands as a URL answers, as far as that is known.
Answers: TypeAlias = Callable[[Term], State]


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that the assessment counts; `id` is part of the JSON, and the key of its texts."""

    id: str
    dimension: Dimension
    points: int
    on: Literal["dataset", "distribution"]
    property: str  #: as people write it, with its prefix


METRICS: Final[tuple[Metric, ...]] = (
    Metric("keywords", "findability", 30, "dataset", "dcat:keyword"),
    Metric("categories", "findability", 30, "dataset", "dcat:theme"),
    Metric("spatial", "findability", 20, "dataset", "dct:spatial"),
    Metric("temporal", "findability", 20, "dataset", "dct:temporal"),
    Metric("access-url-answers", "accessibility", 50, "distribution", "dcat:accessURL"),
    Metric("download-url", "accessibility", 20, "distribution", "dcat:downloadURL"),
    Metric("download-url-answers", "accessibility", 30, "distribution", "dcat:downloadURL"),
    Metric("format", "interoperability", 20, "distribution", "dct:format"),
    Metric("media-type", "interoperability", 10, "distribution", "dcat:mediaType"),
    Metric("format-vocabulary", "interoperability", 10, "distribution", "dct:format, dcat:mediaType"),
    Metric("non-proprietary", "interoperability", 20, "distribution", "dct:format"),
    Metric("machine-readable", "interoperability", 20, "distribution", "dct:format"),
    Metric("dcat-ap", "interoperability", 30, "dataset", "SHACL"),
    Metric("licence", "reusability", 20, "distribution", "dct:license"),
    Metric("licence-vocabulary", "reusability", 10, "distribution", "dct:license"),
    Metric("access-rights", "reusability", 10, "dataset", "dct:accessRights"),
    Metric("access-rights-vocabulary", "reusability", 5, "dataset", "dct:accessRights"),
    Metric("contact-point", "reusability", 20, "dataset", "dcat:contactPoint"),
    Metric("publisher", "reusability", 10, "dataset", "dct:publisher"),
    Metric("rights", "contextuality", 5, "distribution", "dct:rights"),
    Metric("byte-size", "contextuality", 5, "distribution", "dcat:byteSize"),
    Metric("issued", "contextuality", 5, "dataset", "dct:issued"),
    Metric("modified", "contextuality", 5, "dataset", "dct:modified"),
)
#: All that can be got.
MOST: Final = sum(metric.points for metric in METRICS)

#: Metrics that a property is there for, whatever it says.
_THERE: Final[Mapping[str, str]] = {
    "keywords": DCAT + "keyword",
    "categories": DCAT + "theme",
    "spatial": DCT + "spatial",
    "temporal": DCT + "temporal",
    "download-url": DCAT + "downloadURL",
    "format": DCT + "format",
    "media-type": DCAT + "mediaType",
    "licence": DCT + "license",
    "access-rights": DCT + "accessRights",
    "contact-point": DCAT + "contactPoint",
    "publisher": DCT + "publisher",
    "rights": DCT + "rights",
    "byte-size": DCAT + "byteSize",
    "issued": DCT + "issued",
    "modified": DCT + "modified",
}

Rating: TypeAlias = Literal["excellent", "good", "sufficient", "bad"]


def rating(points: float) -> Rating:
    """The word that the EU shows instead of the points.

    >>> [rating(points) for points in (405, 351, 350, 221, 220, 121, 120, 0)]
    ['excellent', 'excellent', 'good', 'good', 'sufficient', 'sufficient', 'bad', 'bad']
    """
    return (
        "excellent" if points > 350 else "good" if points > 220 else "sufficient" if points > 120 else "bad"
    )


@dataclass(frozen=True, slots=True)
class Score:
    """How one dataset fares, metric by metric in the order of METRICS."""

    dataset: Subject
    title: str
    states: Mapping[str, State]
    best: Subject | None  #: the distribution that was counted; None if there is none
    distributions: int

    @property
    def points(self) -> int:
        """What is surely got."""
        return sum(metric.points for metric in METRICS if self.states[metric.id] is True)

    @property
    def possible(self) -> int:
        """What it would come to if all that was not looked at is as it should be."""
        return sum(metric.points for metric in METRICS if self.states[metric.id] is not False)

    @property
    def lost(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in METRICS if self.states[metric.id] is False)

    @property
    def unchecked(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in METRICS if self.states[metric.id] is None)


def score(dataset: Subject, found: Found, answers: Answers, compliant: State, lang: str = "en") -> Score:
    """Count the points of one dataset. `compliant` is what the DCAT-AP shapes say of it."""
    states = {
        m.id: found_there(found, dataset, m.id) for m in METRICS if m.on == "dataset" and m.id in _THERE
    }
    rights = found.values(dataset, DCT + "accessRights")
    states["access-rights-vocabulary"] = any(in_table(term, "access-right") for term in rights)
    states["dcat-ap"] = compliant
    distributions = found.distributions(dataset)
    best = best_of(distributions, found, answers)
    counted = (
        {m.id: False for m in METRICS if m.on == "distribution"}
        if best is None
        else _counted(best, found, answers)
    )
    states |= counted
    return Score(
        dataset,
        found.title(dataset, lang),
        {metric.id: states[metric.id] for metric in METRICS},
        best,
        len(distributions),
    )


def best_of(distributions: Iterable[Subject], found: Found, answers: Answers) -> Subject | None:
    """The distribution that gives most points, of equal ones the first; None if there are none."""
    return max(distributions, key=lambda one: worth(one, found, answers), default=None)


def worth(distribution: Subject, found: Found, answers: Answers) -> tuple[int, int]:
    """What a distribution may give, and what it surely gives."""
    states = _counted(distribution, found, answers)
    points = {metric.id: metric.points for metric in METRICS}
    return (
        sum(points[name] for name, state in states.items() if state is not False),
        sum(points[name] for name, state in states.items() if state is True),
    )


def _counted(distribution: Subject, found: Found, answers: Answers) -> dict[str, State]:
    """What one distribution has of all that is counted on distributions."""
    there = {
        m.id: found_there(found, distribution, m.id)
        for m in METRICS
        if m.on == "distribution" and m.id in _THERE
    }
    formats = found.values(distribution, DCT + "format")
    media_types = found.values(distribution, DCAT + "mediaType")
    licences = found.values(distribution, DCT + "license")
    types = [known for term in formats if (known := file_type(term))]
    return {
        **there,
        "access-url-answers": _any(answers(term) for term in found.values(distribution, DCAT + "accessURL")),
        "download-url-answers": _any(
            answers(term) for term in found.values(distribution, DCAT + "downloadURL")
        ),
        "format-vocabulary": any(in_table(term, "file-type") for term in formats)
        and any(is_media_type(term) for term in media_types),
        "non-proprietary": any(known.non_proprietary for known in types),
        "machine-readable": any(known.machine_readable for known in types),
        "licence-vocabulary": any(in_table(term, "licence") for term in licences),
    }


def found_there(found: Found, subject: Subject, metric: str) -> State:
    """Whether the property that a metric asks for is there."""
    return bool(found.values(subject, _THERE[metric]))


def _any(states: Iterable[State]) -> State:
    """Whether one of them is so; not known if none surely is and one may be."""
    known = set(states)
    return True if True in known else None if None in known else False
