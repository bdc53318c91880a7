"""Terms as people type them: texts in a language, numbers, dates as precise as they are known, links.

What is typed is read by what the field takes. Nothing is guessed: a text that could mean two things is
refused, with the key of a sentence that says what to write instead.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from kymgraph.forms.rules import LANG_STRING
from kymgraph.namespaces import XSD
from kymgraph.rdf import Literal, NamedNode, Term

#: Datatypes by which a date of this precision is written.
DATES: Final = (XSD + "gYear", XSD + "gYearMonth", XSD + "date")
_WHOLE: Final = tuple(
    XSD + name for name in ("integer", "positiveInteger", "nonNegativeInteger", "int", "long", "short")
)
_NUMBERS: Final = (XSD + "decimal", XSD + "double", XSD + "float")
_YEAR = re.compile(r"(\d{4})")
_MONTH = re.compile(r"(\d{4})-(\d{1,2})|(\d{1,2})[./](\d{4})")
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})\.(\d{1,2})\.(\d{4})")
_WEB = re.compile(r"https?://[^\s<>\"{}|\\^`]+")


class Unreadable(ValueError):
    """What was typed is none of what the field takes; `key` names the sentence for people."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def same_text(one: str, other: str) -> bool:
    """Whether two texts are one to a browser, which has its own way with line ends.

    >>> same_text("a\\r\\nb", "a\\nb"), same_text("a ", "a")
    (True, False)
    """
    return _lines(one) == _lines(other)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(text: str, lang: str) -> Literal:
    """A text in a language; "" is a text of no language."""
    text = _lines(text).strip()
    return Literal(text, language=lang) if lang else Literal(text)


def read_value(text: str, datatypes: Sequence[str], old: Term | None) -> Literal:
    """A number, a date, a yes or no, or plain text, by the datatypes that the field takes.

    Without any the old value's counts. Raises Unreadable.

    >>> str(read_value("5/2014", DATES, None))
    '"2014-05"^^<http://www.w3.org/2001/XMLSchema#gYearMonth>'
    >>> str(read_value("26.5.2014", DATES, None))
    '"2014-05-26"^^<http://www.w3.org/2001/XMLSchema#date>'
    >>> read_value("joskus", DATES, None)
    Traceback (most recent call last):
    kymgraph.forms.terms.Unreadable: edit.fault.date
    """
    text = text.strip()
    kinds = tuple(one for one in datatypes if one != LANG_STRING)
    if not kinds and isinstance(old, Literal):
        kinds = (old.datatype.value,)
        kinds = DATES if kinds[0] in DATES else kinds
    dates = tuple(one for one in kinds if one in DATES)
    if dates:
        found = _date(text)
        if found is None or found.datatype.value not in dates:
            raise Unreadable("edit.fault.date" if len(dates) > 1 or found is None else "edit.fault.precision")
        return found
    if any(one in _WHOLE for one in kinds):
        if not re.fullmatch(r"[+-]?\d{1,18}", _unspaced(text)):
            raise Unreadable("edit.fault.whole")
        return Literal(_unspaced(text), datatype=NamedNode(next(one for one in kinds if one in _WHOLE)))
    if any(one in _NUMBERS for one in kinds):
        return _number(text, next(one for one in kinds if one in _NUMBERS))
    if XSD + "boolean" in kinds:
        if text not in ("true", "false"):
            raise Unreadable("edit.fault.boolean")
        return Literal(text, datatype=NamedNode(XSD + "boolean"))
    return Literal(text, datatype=NamedNode(kinds[0])) if kinds else Literal(text)


def _unspaced(text: str) -> str:
    return re.sub(r"[\s\u00a0\u202f]", "", text).replace("\u2212", "-")


def _number(text: str, datatype: str) -> Literal:
    plain = _unspaced(text)
    if "," in plain and "." in plain:
        raise Unreadable("edit.fault.number")
    try:
        value = Decimal(plain.replace(",", "."))
    except InvalidOperation:
        raise Unreadable("edit.fault.number") from None
    if not value.is_finite() or abs(value) >= Decimal(10) ** 18:
        raise Unreadable("edit.fault.number")
    return Literal(format(value, "f"), datatype=NamedNode(datatype))


def _date(text: str) -> Literal | None:
    """A year, a month or a day; None for anything else, also for a day that there was not."""
    if (year := _YEAR.fullmatch(text)) is not None:
        return Literal(year[1], datatype=NamedNode(XSD + "gYear"))
    if (month := _MONTH.fullmatch(text)) is not None:
        of_year, of = (month[1], month[2]) if month[1] else (month[4], month[3])
        if not 1 <= int(of) <= 12:
            return None
        return Literal(f"{of_year}-{int(of):02}", datatype=NamedNode(XSD + "gYearMonth"))
    if (day := _DAY.fullmatch(text)) is not None:
        parts = (day[1], day[2], day[3]) if day[1] else (day[6], day[5], day[4])
        try:
            found = datetime.date(int(parts[0]), int(parts[1]), int(parts[2]))
        except ValueError:
            return None
        return Literal(found.isoformat(), datatype=NamedNode(XSD + "date"))
    return None


def read_link(text: str) -> NamedNode:
    """An address on the web. Raises Unreadable.

    >>> read_link("javascript:alert(1)")
    Traceback (most recent call last):
    kymgraph.forms.terms.Unreadable: edit.fault.link
    """
    if not _WEB.fullmatch(text.strip()):
        raise Unreadable("edit.fault.link")
    try:
        return NamedNode(text.strip())
    except ValueError:
        raise Unreadable("edit.fault.link") from None
