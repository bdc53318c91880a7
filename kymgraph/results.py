"""The formats of query answers: which there are, which one a caller gets, and answers as Python values.

SELECT gives solutions (JSON, XML, CSV, TSV), ASK a boolean (JSON, XML: the CSV and TSV specification defines
none, so those are refused rather than invented), CONSTRUCT and DESCRIBE a graph. Media types are the only
currency between this page, the workers and HTTP.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from .errors import FormatNotAvailable, ToolMissing

if TYPE_CHECKING:
    from pyoxigraph import BlankNode, NamedNode, Triple
    from pyoxigraph import Literal as RdfLiteral

    Term = NamedNode | BlankNode | RdfLiteral | Triple

Kind = Literal["solutions", "graph", "both"]


@dataclass(frozen=True, slots=True)
class ResultFormat:
    """One way to write an answer down.

    `media_type` is what the answer is sent as (an alias, if that is all the caller takes); `ox` is the type
    that the engine knows it by.
    """

    name: str
    media_type: str
    kind: Kind
    suffix: str
    ox: str
    aliases: tuple[str, ...] = ()
    label: str = ""

    @property
    def content_type(self) -> str:
        """The media type with its charset where text needs one (RFC 4180 and 7303 leave it open)."""
        return f"{self.media_type}; charset=utf-8" if self.media_type.startswith("text/") else self.media_type


def _format(name: str, media_type: str, kind: Kind, label: str, *aliases: str) -> ResultFormat:
    return ResultFormat(
        name,
        media_type,
        kind,
        "." + {"json": "srj", "xml": "srx"}.get(name, name),
        media_type,
        aliases,
        label,
    )


#: In the order of preference where a caller has none.
SOLUTION_FORMATS: Final = (
    _format("json", "application/sparql-results+json", "solutions", "JSON", "application/json", "text/json"),
    _format("xml", "application/sparql-results+xml", "solutions", "XML", "application/xml", "text/xml"),
    _format("csv", "text/csv", "solutions", "CSV"),
    _format("tsv", "text/tab-separated-values", "solutions", "TSV"),
)
GRAPH_FORMATS: Final = (
    _format("ttl", "text/turtle", "graph", "Turtle", "application/x-turtle", "application/turtle"),
    _format("nt", "application/n-triples", "graph", "N-Triples", "text/plain"),
    _format("rdf", "application/rdf+xml", "graph", "RDF/XML", "application/xml", "text/xml"),
    _format("jsonld", "application/ld+json", "graph", "JSON-LD", "application/json", "text/json"),
    _format("nq", "application/n-quads", "graph", "N-Quads", "text/x-nquads"),
    _format("trig", "application/trig", "graph", "TriG", "application/x-trig"),
)
_BOOLEAN_FORMATS: Final = SOLUTION_FORMATS[:2]
#: What people call the formats, besides their names and suffixes.
_OTHER_NAMES: Final = {
    "turtle": "ttl", "ntriples": "nt", "n-triples": "nt", "rdfxml": "rdf", "rdf/xml": "rdf",
    "json-ld": "jsonld", "nquads": "nq", "n-quads": "nq", "srj": "json", "srx": "xml",
}  # fmt: skip


def available(form: str) -> tuple[ResultFormat, ...]:
    """The formats that can hold the answer of a query form, the preferred one first.

    >>> [f.name for f in available("ask")]
    ['json', 'xml']
    """
    if form == "select":
        return SOLUTION_FORMATS
    return _BOOLEAN_FORMATS if form == "ask" else GRAPH_FORMATS


def _none(asked: str, form: str) -> FormatNotAvailable:
    offers = available(form)
    return FormatNotAvailable(
        f"nothing was run: the answer of {form.upper()} is not available as {asked}",
        hint="Available: " + ", ".join(f"{f.name} ({f.media_type})" for f in offers) + ".",
    )


def by_name(name: str, form: str) -> ResultFormat:
    """The format that a person means by `name` (name, suffix or media type) for an answer of this form.

    >>> by_name("json", "select").media_type, by_name("json", "construct").media_type
    ('application/sparql-results+json', 'application/ld+json')

    Raises FormatNotAvailable.
    """
    asked = name.strip().lower().removeprefix(".")
    asked = _OTHER_NAMES.get(asked, asked)
    if form not in ("select", "ask"):
        asked = {"json": "jsonld", "xml": "rdf"}.get(asked, asked)
    for offer in available(form):
        if asked in (offer.name, offer.media_type):
            return offer
    for offer in available(form):
        if asked in offer.aliases:
            return replace(offer, media_type=asked)
    raise _none(repr(name), form)


def negotiate(accept: str | None, form: str) -> ResultFormat:
    """The format to answer in, by the Accept header (RFC 9110, section 12.5.1).

    The most specific range decides each type's weight, weight 0 rules it out; between equal weights a type
    that was named goes before one that a wildcard let in, then our own order. Parts that are not media ranges
    are passed over, as HTTP libraries do.

    >>> negotiate("text/csv;q=0.5, application/sparql-results+xml;q=0.9, */*;q=0.1", "select").name
    'xml'
    >>> negotiate("text/*", "construct").name
    'ttl'

    Raises FormatNotAvailable, whose hint lists what there is.
    """
    offers = available(form)
    ranges = _ranges(accept or "")
    if not ranges:
        return offers[0]
    best: tuple[float, int, int] | None = None
    chosen = offers[0]
    for order, offer in enumerate(offers):
        for place, media_type in enumerate((offer.media_type, *offer.aliases)):
            weight, specific = _weight(media_type, ranges)
            # An alias is only offered by its own name: `text/*` is not a wish for text/xml.
            if weight == 0 or (place and specific < 2):
                continue
            rank = (weight, specific, -order)
            if best is None or rank > best:
                best, chosen = rank, offer if place == 0 else replace(offer, media_type=media_type)
    if best is None:
        raise _none(repr(accept if accept and len(accept) < 100 else "asked"), form)
    return chosen


def _ranges(accept: str) -> dict[str, float]:
    """Media ranges and their weights; of a range named twice the last one holds."""
    ranges: dict[str, float] = {}
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        major, slash, minor = media.partition("/")
        if media == "*":  # what Java's HttpURLConnection sends
            media = "*/*"
        elif not (slash and major and minor) or " " in media or (major == "*" and minor != "*"):
            continue
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    weight = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    weight = 1.0
                if weight != weight:  # float() reads "nan"
                    weight = 1.0
        ranges[media] = weight
    return ranges


def _weight(media_type: str, ranges: Mapping[str, float]) -> tuple[float, int]:
    for specific, media_range in ((2, media_type), (1, media_type.partition("/")[0] + "/*"), (0, "*/*")):
        if media_range in ranges:
            return ranges[media_range], specific
    return 0.0, 0


# --- answers as values ------------------------------------------------------------------------------------

PythonValue = str | int | float | bool | Decimal | date | datetime | None

#: How deep rows are nested in JSON, and what is left of it to see that.
_DEEPEST: Final = 8
_JSON_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))
_XSD: Final = "http://www.w3.org/2001/XMLSchema#"
_INTEGERS: Final = frozenset(
    _XSD + name
    for name in ("integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger")
)


def to_python(term: Term | None) -> PythonValue:
    """A term as the nearest Python value: IRIs and texts as str, numbers exact, dates where Python has them.

    What Python cannot hold (year 0, a year alone, 24:00:00) stays the text it is.
    """
    if term is None:
        return None
    datatype = getattr(term, "datatype", None)
    text: str = getattr(term, "value", None) or (str(term) if datatype is None else "")
    if datatype is None:
        return text
    kind = datatype.value
    try:
        if kind in _INTEGERS:
            return int(text)
        if kind == _XSD + "decimal":
            return Decimal(text)
        if kind in (_XSD + "double", _XSD + "float"):
            return float(text)
        if kind == _XSD + "boolean":
            return text in ("true", "1")
        if kind == _XSD + "date":
            return date.fromisoformat(text)
        if kind == _XSD + "dateTime":
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    return text


class Row(Mapping[str, "Term | None"]):
    """One solution: `row["name"]` is the RDF term (None if unbound), `row.name` the Python value."""

    __slots__ = ("_terms",)

    def __init__(self, terms: Mapping[str, Term | None]) -> None:
        self._terms = dict(terms)

    def __getitem__(self, name: str) -> Term | None:
        return self._terms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    def __getattr__(self, name: str) -> PythonValue:
        try:
            return to_python(self._terms[name])
        except KeyError:
            raise AttributeError(
                f"no variable ?{name}; there are: {', '.join(self._terms) or 'none'}"
            ) from None

    def __repr__(self) -> str:
        return "Row(" + ", ".join(f"{name}={to_python(term)!r}" for name, term in self._terms.items()) + ")"


class Rows(Sequence[Row]):
    """The answer of a SELECT in order, or of an ASK as `boolean`.

    >>> answer = rows(b'{"head": {"vars": ["n"]}, "results": {"bindings": [{"n": {"type": "literal", '
    ...     b'"value": "3", "datatype": "http://www.w3.org/2001/XMLSchema#integer"}}, {}]}}')
    >>> [row.n for row in answer], answer.variables, answer.boolean
    ([3, None], ('n',), None)
    """

    def __init__(self, variables: Sequence[str], items: Sequence[Row], boolean: bool | None = None) -> None:
        self.variables = tuple(variables)
        self.boolean = boolean
        self._items = tuple(items)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __bool__(self) -> bool:
        return bool(self._items) if self.boolean is None else self.boolean

    def __repr__(self) -> str:
        return (
            f"Rows({self.boolean})"
            if self.boolean is not None
            else f"Rows({len(self)} × {', '.join(self.variables)})"
        )

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame of Python values. Raises ToolMissing if pandas is not installed."""
        try:
            import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            raise ToolMissing(
                "pandas is not installed, so there is no data frame; the rows are unharmed",
                hint="pip install 'kymgraph[pandas]'; without it: to_csv(path)",
            ) from None
        return pandas.DataFrame(
            [[to_python(term) for term in row.values()] for row in self], columns=list(self.variables)
        )

    def to_csv(self, path: str | Path) -> None:
        """Write the rows as the CSV that an endpoint answers with (SPARQL 1.1 Query Results CSV), in UTF-8.

        Values stand as the graph has them, an unbound one as an empty field. Raises FormatNotAvailable for
        an ASK, which CSV has no form for.
        """
        if self.boolean is not None:
            raise FormatNotAvailable("nothing was written: an ASK has no rows for a CSV file")
        from pyoxigraph import BlankNode

        with Path(path).open("w", encoding="utf-8", newline="") as file:
            written = csv.writer(file, lineterminator="\r\n")
            written.writerow(self.variables)
            for row in self:
                written.writerow(
                    "" if t is None else str(t) if isinstance(t, BlankNode) else getattr(t, "value", str(t))
                    for t in row.values()
                )


def rows(data: bytes, *, most: int | None = None, foreign: bool = False) -> Rows:
    """An answer in SPARQL JSON as `Rows`, of at most `most` solutions. Raises ValueError for other bytes.

    `foreign` is for bytes that others have made, which may be nested until the engine's stack ends.
    """
    if foreign and not _is_shallow(data):
        raise ValueError("not an answer in SPARQL JSON: it is nested deeper than rows are")
    try:
        return _rows(data, most)
    except SyntaxError as error:
        said = str(error)
    # Not raised above: the traceback would keep the engine's iterator, which may not change threads.
    raise ValueError(f"not an answer in SPARQL JSON: {said}")


def _rows(data: bytes, most: int | None) -> Rows:
    from pyoxigraph import QueryBoolean, QueryResultsFormat, parse_query_results

    results = parse_query_results(data, QueryResultsFormat.JSON)
    if isinstance(results, QueryBoolean):
        return Rows((), (), bool(results))
    variables = [variable.value for variable in results.variables]
    solutions = islice(results, most)
    return Rows(variables, [Row(dict(zip(variables, solution, strict=True))) for solution in solutions])


def _is_shallow(body: bytes) -> bool:
    """Whether brackets are nested as in rows: the engine reads terms in terms to the end of its stack.

    >>> _is_shallow(b'{"results": {"bindings": [{"x": {"value": "[[[[[[[[["}}]}}'), _is_shallow(b"[" * 9)
    (True, False)
    """
    depth = 0
    for sign in _JSON_STRING.sub(b"", body).translate(None, _NO_BRACKET):
        depth += 1 if sign in b"[{" else -1
        if depth > _DEEPEST:
            return False
    return True
