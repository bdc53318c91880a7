"""Times and truth values as people type them into cells: Finnish or ISO form, precision kept, nothing padded.

`2/2022` stays a month and `2022` a year: a value is as precise as what was written. A spreadsheet may have
made a day of it on its own (`2/2022` becomes 1.2.2022, shown as "helmi-22"); the cell's number format tells.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Final

from kymgraph.intake.faults import CellError, Text
from kymgraph.namespaces import XSD
from kymgraph.rdf import Literal, NamedNode

DATE: Final = XSD + "date"
MONTH: Final = XSD + "gYearMonth"
YEAR: Final = XSD + "gYear"
MONTH_DAY: Final = XSD + "gMonthDay"
DATE_TIME: Final = XSD + "dateTime"
EDTF: Final = "http://id.loc.gov/datatypes/edtf/EDTF"
#: Datatypes that a cell can be read into as a time, the most precise last.
TIMES: Final = (YEAR, MONTH, DATE, DATE_TIME, MONTH_DAY, EDTF)

_FORMS: Final[dict[str, Text]] = {
    YEAR: Text("vuosi (2022)", "år (2022)", "a year (2022)"),
    MONTH: Text("kuukausi (2/2022)", "månad (2/2022)", "a month (2/2022)"),
    DATE: Text("päivä (1.2.2022)", "dag (1.2.2022)", "a day (1.2.2022)"),
    DATE_TIME: Text(
        "päivä ja kellonaika (1.2.2022 klo 16.00)",
        "dag och klockslag (1.2.2022 kl. 16.00)",
        "a day and time (1.2.2022 16.00)",
    ),
    MONTH_DAY: Text("päivä ilman vuotta (25.4.)", "dag utan år (25.4.)", "a day without a year (25.4.)"),
    EDTF: Text("vuodenaika (syksy 2020)", "årstid (hösten 2020)", "a season (autumn 2020)"),
}
_NAMES: Final[dict[str, Text]] = {
    YEAR: Text("vuosi", "år", "a year"),
    MONTH: Text("kuukausi", "månad", "a month"),
    DATE: Text("päivä", "dag", "a day"),
    DATE_TIME: Text("päivä ja kellonaika", "dag och klockslag", "a day and time"),
    MONTH_DAY: Text("päivä ilman vuotta", "dag utan år", "a day without a year"),
    EDTF: Text("vuodenaika", "årstid", "a season"),
}
#: Seasons of EDTF (ISO 8601-2, level 1), by how their names begin.
_SEASONS: Final = {
    "21": ("kevät", "kevää", "vår", "spring"),
    "22": ("kesä", "sommar", "summer"),
    "23": ("syksy", "syksyl", "höst", "autumn", "fall"),
    "24": ("talvi", "talve", "vinter", "winter"),
}

_DAY: Final = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})\Z")
_ISO_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
_MONTH_FORM: Final = re.compile(r"([0-9]{1,2})[/.]([0-9]{4})\Z")
_ISO_MONTH: Final = re.compile(r"([0-9]{4})-([0-9]{2})\Z")
_YEAR_FORM: Final = re.compile(r"[0-9]{4}\Z")
_MONTH_DAY_FORM: Final = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.\Z")
_ISO_MONTH_DAY: Final = re.compile(r"--([0-9]{2})-([0-9]{2})\Z")
_TIMED: Final = re.compile(
    r"(.+?)(?:T|\s+(?:klo|kl\.?)?\s*)([0-9]{1,2})[.:]([0-9]{2})(?:[.:]([0-9]{2})(?:[.,]0+)?)?(\s*(?:Z|[+-][0-9]{2}:?[0-9]{2}))?\Z"
)
_SEASON_FORM: Final = re.compile(r"([^\W\d_]+)\s+([0-9]{4})\Z")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A date cell of a workbook: the time it holds, and how precisely the cell shows it."""

    value: datetime.datetime
    datatype: str  #: DATE, MONTH, YEAR or DATE_TIME

    def __str__(self) -> str:
        day = self.value
        return {
            YEAR: f"{day.year}",
            MONTH: f"{day.month}/{day.year}",
            DATE: f"{day.day}.{day.month}.{day.year}",
        }.get(self.datatype, f"{day.day}.{day.month}.{day.year} klo {day.hour}.{day.minute:02}")


def shown_precision(value: datetime.datetime, number_format: str) -> str:
    """The datatype that a date cell shows, by its number format: `mmm-yy` is a month, `yyyy` a year.

    >>> shown_precision(datetime.datetime(2022, 2, 1), "mmm-yy").rpartition("#")[2]
    'gYearMonth'
    """
    codes = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.', "", number_format.split(";")[0].lower())
    if value.time() != datetime.time(0):
        return DATE_TIME
    if "d" in codes or "y" not in codes:
        return DATE
    return MONTH if "m" in codes else YEAR


def parse_time(given: str | Stamp, allowed: tuple[str, ...]) -> Literal:
    """Read one time into the datatype of its own precision, if that is among `allowed` (IRIs).

    Raises CellError that names the forms the field takes.

    >>> parse_time("2/2022", (YEAR, MONTH, DATE))
    <Literal value=2022-02 datatype=<NamedNode value=http://www.w3.org/2001/XMLSchema#gYearMonth>>
    """
    datatype, value = _from_stamp(given) if isinstance(given, Stamp) else _from_text(given, allowed)
    if datatype not in allowed:
        raise CellError("date-precision", found=_NAMES[datatype], forms=forms(allowed))
    return Literal(value, datatype=NamedNode(datatype))


def forms(allowed: tuple[str, ...]) -> Text:
    """What may be written into a field of these datatypes, in words."""
    known = [_FORMS[datatype] for datatype in TIMES if datatype in allowed]
    parts = []
    for lang, word in (("fi", "tai"), ("sv", "eller"), ("en", "or")):
        texts = [form.text(lang) for form in known]
        parts.append(
            f" {word} ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)
        )
    return Text(*parts)


def _from_stamp(stamp: Stamp) -> tuple[str, str]:
    if stamp.datatype == DATE_TIME:
        return DATE_TIME, stamp.value.replace(microsecond=0).isoformat()
    length = {YEAR: 4, MONTH: 7}.get(stamp.datatype, 10)
    return stamp.datatype, stamp.value.date().isoformat()[:length]


def _from_text(text: str, allowed: tuple[str, ...]) -> tuple[str, str]:
    text = " ".join(text.split())
    if match := _TIMED.match(text):
        day, hour, minute, second, zone = match.groups()
        if zone:
            raise CellError("date-zone", forms=forms(allowed))
        datatype, value = _from_text(day, allowed)
        if datatype != DATE:
            raise CellError("not-a-date", forms=forms(allowed))
        if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
            raise CellError("date-impossible", forms=forms(allowed))
        return DATE_TIME, f"{value}T{int(hour):02}:{minute}:{second or '00'}"
    if match := _DAY.match(text):
        return DATE, _day(int(match[3]), int(match[2]), int(match[1]), allowed)
    if match := _ISO_DAY.match(text):
        return DATE, _day(int(match[1]), int(match[2]), int(match[3]), allowed)
    if match := _MONTH_FORM.match(text):
        return MONTH, _day(int(match[2]), int(match[1]), 1, allowed)[:7]
    if match := _ISO_MONTH.match(text):
        if EDTF in allowed and match[2] in _SEASONS:
            return EDTF, text
        return MONTH, _day(int(match[1]), int(match[2]), 1, allowed)[:7]
    if _YEAR_FORM.match(text):
        return YEAR, _day(int(text), 1, 1, allowed)[:4]
    if match := _MONTH_DAY_FORM.match(text):
        return MONTH_DAY, "-" + _day(2000, int(match[2]), int(match[1]), allowed)[4:]
    if match := _ISO_MONTH_DAY.match(text):
        return MONTH_DAY, "-" + _day(2000, int(match[1]), int(match[2]), allowed)[4:]
    if EDTF in allowed and (match := _SEASON_FORM.match(text)):
        for code, words in _SEASONS.items():
            if match[1].casefold().startswith(words):
                return EDTF, f"{match[2]}-{code}"
    if re.match(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}\Z", text):
        raise CellError("date-order", forms=forms(allowed))
    if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})\Z", text):
        raise CellError("date-zone", forms=forms(allowed))
    raise CellError("not-a-date", forms=forms(allowed))


def _day(year: int, month: int, day: int, allowed: tuple[str, ...]) -> str:
    try:
        if year < 1000:  # a year in the sources of a region's programmes; 0022 is a slip for 2022
            raise ValueError(year)
        return datetime.date(year, month, day).isoformat()
    except ValueError:
        raise CellError("date-impossible", forms=forms(allowed)) from None


_TRUE: Final = frozenset({"kyllä", "ja", "yes", "true", "tosi", "sant", "1"})
_FALSE: Final = frozenset({"ei", "nej", "no", "false", "epätosi", "falskt", "0"})


def parse_boolean(given: str | bool) -> bool:
    """Read kyllä or ei, in the three languages. Raises CellError.

    >>> parse_boolean("Kyllä"), parse_boolean("nej")
    (True, False)
    """
    if isinstance(given, bool):
        return given
    word = given.strip().casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise CellError("not-a-boolean")
