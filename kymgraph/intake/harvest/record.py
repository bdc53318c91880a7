"""One record of a catalogue as a value, whatever its format, and what makes a record unfit to be taken in.

Only what is listed here is taken: no contact person, maintainer or author, no address, no telephone number.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from kymgraph.rdf import NamedNode

#: Characters of one text, texts of one field, files of one dataset: what a record may have.
MAX_TEXT: Final = 50_000
MAX_TEXTS: Final = 500
MAX_FILES: Final = 1000
MAX_URL: Final = 2000
MAX_ID: Final = 500

_SLUG: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_BROKEN: Final = re.compile("[\ud800-\udfff\ufffd]")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class Unfit(Exception):
    """Why a record is not taken in: a code of `reasons`, the field, and the value as far as it helps."""

    def __init__(self, code: str, field: str = "", value: object = "") -> None:
        super().__init__(code, field)
        self.code, self.field, self.value = code, field, shown(value)


@dataclass(frozen=True, slots=True, order=True)
class Text:
    """A text and its language; "" where the catalogue does not say."""

    value: str
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Publisher:
    """An organisation; a person is never taken for one."""

    id: str
    names: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Distribution:
    """One file or service of a dataset."""

    id: str
    access: str  #: URL
    download: str = ""  #: URL
    titles: tuple[Text, ...] = ()
    descriptions: tuple[Text, ...] = ()
    format: str = ""  #: as the catalogue has it, such as CSV
    media_type: str = ""  #: such as text/csv
    size: int | None = None  #: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A dataset as a catalogue describes it."""

    id: str  #: the catalogue's, which lasts
    source: str  #: URL or IRI under which the catalogue has the record
    titles: tuple[Text, ...]
    descriptions: tuple[Text, ...] = ()
    keywords: tuple[Text, ...] = ()
    coverage: tuple[str, ...] = ()  #: names of places, as they stand there
    places: tuple[str, ...] = ()  #: IRIs of places
    themes: tuple[str, ...] = ()  #: IRIs of themes
    publisher: Publisher | None = None
    distributions: tuple[Distribution, ...] = ()
    page: str = ""  #: URL for people
    license: str = ""  #: IRI
    issued: str = ""  #: xsd:dateTime, in UTC
    modified: str = ""  #: xsd:dateTime, in UTC
    begins: str = ""  #: xsd:date of what the data speak of
    ends: str = ""  #: xsd:date

    @property
    def digest(self) -> str:
        """SHA-256 of all that is taken of the record: the same as long as nothing of that changes."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def slug(identifier: str) -> str:
    """What stands for a catalogue's identifier in our IRIs: itself where it can, else a hash of it.

    >>> slug("0c7f9f3e-5a3c"), slug("https://a.example/data/1")
    ('0c7f9f3e-5a3c', 'hcbb4fa868ca70c47f4a35242')
    """
    if _SLUG.fullmatch(identifier):
        return identifier
    return "h" + hashlib.sha256(identifier.encode()).hexdigest()[:24]


# --- values that many formats have ----------------------------------------------------------------------


def text(value: object, field: str) -> str:
    """A text without blanks at its ends. Raises Unfit for what is no text, or none that XML can hold."""
    if not isinstance(value, str):
        raise Unfit("not-a-text", field, value)
    if _BROKEN.search(value):
        raise Unfit("broken-text", field, value)
    if _UNPRINTABLE.search(value):
        raise Unfit("control-character", field, value)
    if len(value) > MAX_TEXT:
        raise Unfit("too-long", field, value)
    return value.replace("\r\n", "\n").strip()


def identifier(value: object, field: str = "id") -> str:
    """An identifier. Raises Unfit."""
    if value in (None, ""):
        raise Unfit("no-id", field)
    found = text(value, field)
    if not found or len(found) > MAX_ID:
        raise Unfit("no-id", field, value)
    return found


def language(value: object, field: str) -> str:
    """A language tag in lower case. Raises Unfit."""
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value.replace("_", "-")):
        raise Unfit("bad-language", field, value)
    return value.replace("_", "-").lower()


def url(value: object, field: str) -> str:
    """An address of the web, with what may not stand in an IRI percent-encoded. Raises Unfit.

    >>> url("https://a.example/two words.csv", "url")
    'https://a.example/two%20words.csv'
    """
    found = text(value, field)
    try:
        parts = urlsplit(found)
        good = parts.scheme.lower() in ("http", "https") and parts.hostname and not parts.username
        _ = parts.port  # raises for one that is no number
        made = quote(found, safe="!#$%&'()*+,/:;=?@[]~-._" + "".join(c for c in set(found) if ord(c) > 159))
        NamedNode(made)
    except ValueError:
        good = False
    if not good or len(found) > MAX_URL:
        raise Unfit("bad-url", field, value)
    return made


def iri(value: str) -> str:
    """An IRI of another vocabulary, "" where it is none.

    >>> iri("http://www.yso.fi/onto/yso/p9140"), iri("logistiikka")
    ('http://www.yso.fi/onto/yso/p9140', '')
    """
    try:
        NamedNode(value)
    except ValueError:
        return ""
    return value if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", value) and len(value) <= MAX_URL else ""


def is_count(text: str) -> bool:
    """Whether a text is a number of things or bytes, and not one to choke on.

    >>> is_count("1024"), is_count("-1"), is_count("9" * 5000)
    (True, False, False)
    """
    return text.isascii() and text.isdecimal() and len(text) < 19


def moment(value: object, field: str) -> str:
    """A date or time as xsd:dateTime in UTC; what says no zone is in UTC. "" for none. Raises Unfit.

    >>> moment("2026-11-21T08:00:00.123456", "metadata_modified"), moment("2026-11-21", "date_released")
    ('2026-11-21T08:00:00Z', '2026-11-21T00:00:00Z')
    """
    if value in (None, ""):
        return ""
    found = text(value, field)
    try:
        read = datetime.datetime.fromisoformat(found)
        read = read.replace(tzinfo=read.tzinfo or datetime.UTC).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise Unfit("bad-date", field, value) from None
    return read.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def day(value: object, field: str, *, last: bool = False) -> str:
    """A day as xsd:date; of a year or month its first day, or the `last`. "" for none. Raises Unfit.

    >>> day("2020", "valid_till", last=True), day("2019-02", "valid_till", last=True), day("2010-01-01", "x")
    ('2020-12-31', '2019-02-28', '2010-01-01')
    """
    if value in (None, ""):
        return ""
    found = text(value, field)
    try:
        if re.fullmatch(r"\d{4}", found):
            return str(datetime.date(int(found), *((12, 31) if last else (1, 1))))
        if month := re.fullmatch(r"(\d{4})-(\d{2})", found):
            first = datetime.date(int(month[1]), int(month[2]), 1)
            after = (first + datetime.timedelta(days=31)).replace(day=1)
            return str(after - datetime.timedelta(days=1) if last else first)
        return str(datetime.datetime.fromisoformat(found).date())
    except (ValueError, OverflowError):
        raise Unfit("bad-date", field, value) from None


def shown(value: object) -> str:
    """The beginning of a value for messages; nothing of it that a terminal or JSON could stumble over.

    An address or a number that should not be in the graph should not be in a list of faults either.
    """
    written = value if isinstance(value, str) else "" if value is None else repr(value)
    clean = "".join(c if c.isprintable() else "\ufffd" for c in written[:200])  # a long one is not searched
    clean = re.sub(r"\S+@\S+|\+?\d[\d -]{6,}\d", "…", clean)
    return clean if len(clean) <= 60 else clean[:59] + "…"
