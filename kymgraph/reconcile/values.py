"""Values of the graph beside values from somebody's table: how well they agree, and as cells to send back.

Pure functions of RDF literals and of what JSON holds.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from rapidfuzz import fuzz

from kymgraph.namespaces import XSD
from kymgraph.rdf import Literal
from kymgraph.reconcile.input import Given
from kymgraph.words import normal, words

#: Below this likeness (0..1) two values are different.
LIKE: Final = 0.8
#: Likeness of the same words in another form, and most that a slip of the pen leaves.
_INFLECTED: Final = 0.95
#: Signs of a text that are compared.
_LONGEST: Final = 200

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_FINNISH_DATE: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_TIMED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_DATED: Final = {XSD + name for name in ("gYear", "gYearMonth", "date", "dateTime")}
_WHOLE: Final = {
    XSD + name for name in ("integer", "long", "int", "short", "nonNegativeInteger", "positiveInteger")
}
_REAL: Final = {XSD + name for name in ("decimal", "double", "float")}


def literal_cell(literal: Literal) -> dict[str, Any]:
    """A literal as a cell of a data extension: whole numbers, numbers and days as such, the rest as text.

    A year or a month alone stays text: a cell with a date always names a moment, and that would be ours.

    >>> from kymgraph.rdf import NamedNode
    >>> literal_cell(Literal("2016-08-01", datatype=NamedNode(XSD + "date")))
    {'date': '2016-08-01T00:00:00Z'}
    >>> literal_cell(Literal("2022", datatype=NamedNode(XSD + "gYear"))), literal_cell(Literal(52))
    ({'str': '2022'}, {'int': 52})
    """
    kind, text = literal.datatype.value, literal.value
    if kind in _WHOLE and len(text) < 16:  # what every reader of JSON keeps exactly
        return {"int": int(text)}
    if kind in _REAL and (number := _number(text)) is not None and math.isfinite(number):
        return {"float": float(number)}
    if kind == XSD + "date" and _DATE.fullmatch(text[:10]) and len(text) <= 11:
        return {"date": text[:10] + "T00:00:00Z"}
    if kind == XSD + "dateTime" and _TIMED.fullmatch(text):
        return {"date": text}
    return {"str": text}


def same_literal(literal: Literal, value: Given) -> float:
    """How well a literal agrees with a value, 0..1; a year agrees with every day in it."""
    kind, text = literal.datatype.value, literal.value
    if isinstance(value, bool):
        return float(text == str(value).lower())
    if kind in _WHOLE or kind in _REAL:
        held, given = _number(text), _number(str(value))
        return float(held is not None and held == given)
    said = f"{value:.15g}" if isinstance(value, float) else str(value)
    if kind in _DATED:
        asked = iso_date(said)
        return float(bool(asked) and (text == asked or text.startswith(asked + "-") or text[:10] == asked))
    return alike(text, said)


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(" ", "").replace("\u00a0", "").replace(",", "."))
    except ValueError:
        return None


def iso_date(text: str) -> str:
    """A date as it is written in Finland, in ISO form; other texts as they are.

    >>> iso_date("1.8.2016"), iso_date("2016")
    ('2016-08-01', '2016')
    """
    found = _FINNISH_DATE.fullmatch(text.strip())
    return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}" if found else text.strip()


def alike(one: str, other: str) -> float:
    """How alike two texts are, 0..1: 1 for the same words, a little less for the same in another form.

    0 for those that are not alike at all.

    >>> alike("Kotka", "KOTKA"), alike("Kotka", "Kotkassa"), alike("Kotka", "Hamina")
    (1.0, 0.95, 0.0)
    """
    first, second = normal(one[:_LONGEST]), normal(other[:_LONGEST])
    if not first or not second:
        return 0.0
    if first == second:
        return 1.0
    if _lemmas(first) == _lemmas(second):
        return _INFLECTED
    likeness = fuzz.ratio(first, second) / 100
    return min(likeness, _INFLECTED) if likeness >= LIKE else 0.0


def _lemmas(text: str) -> list[str]:
    return [word.lemmas[0] if word.lemmas else word.form for word in words(text)]
