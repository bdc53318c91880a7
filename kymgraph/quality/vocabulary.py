"""The code lists that the assessment looks values up in: by their namespaces, and two lists of file types.

A value is "from the vocabulary" if it is an IRI of the list's namespace; an IRI with another scheme or host,
or a text, is none. `file-types.csv` says which of the EU's file types count as machine-readable and as
non-proprietary. Where the lists that are around differ, it holds what all of them have, so that no points
are promised that may not come (docs/decisions/0017-metadata-quality.md).
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from kymgraph.rdf import NamedNode, Term

AUTHORITY: Final = "http://publications.europa.eu/resource/authority/"
#: DCAT-AP writes the registry of media types with either scheme.
MEDIA_TYPES: Final = (
    "http://www.iana.org/assignments/media-types/",
    "https://www.iana.org/assignments/media-types/",
)
#: The trees of the registry. Types that begin with `x-` are those that nobody registered.
_MEDIA_TYPE: Final = re.compile(
    r"(application|audio|example|font|haptics|image|message|model|multipart|text|video)/(?!x-)[\w.+-]+",
    re.ASCII,
)
_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9_-]*", re.ASCII)


class FileType(NamedTuple):
    machine_readable: bool
    non_proprietary: bool


def in_table(term: Term, table: str) -> bool:
    """Whether a term is an entry of one of the EU's authority tables, as far as its form tells.

    >>> in_table(NamedNode(AUTHORITY + "licence/CC_BY_4_0"), "licence")
    True
    >>> in_table(NamedNode("https" + AUTHORITY[4:] + "licence/CC_BY_4_0"), "licence")
    False
    """
    start = f"{AUTHORITY}{table}/"
    return (
        isinstance(term, NamedNode)
        and term.value.startswith(start)
        and _CODE.fullmatch(term.value, len(start)) is not None
    )


def is_media_type(term: Term) -> bool:
    """Whether a term names a media type of the registry, as far as its form tells.

    >>> names = ("text/turtle", "text/x-turtle", "turtle")
    >>> [is_media_type(NamedNode(MEDIA_TYPES[0] + name)) for name in names]
    [True, False, False]
    """
    if not isinstance(term, NamedNode):
        return False
    start = next((start for start in MEDIA_TYPES if term.value.startswith(start)), None)
    return start is not None and _MEDIA_TYPE.fullmatch(term.value, len(start)) is not None


def file_type(term: Term) -> FileType | None:
    """What is known of a file type of the EU's table; None for every other term, and of most of its types."""
    return (
        _file_types().get(term.value.removeprefix(AUTHORITY + "file-type/"))
        if in_table(term, "file-type")
        else None
    )


@cache
def _file_types() -> dict[str, FileType]:
    with Path(__file__).with_name("file-types.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["code"]: FileType(row["machine_readable"] == "yes", row["non_proprietary"] == "yes")
            for row in csv.DictReader(file)
        }
