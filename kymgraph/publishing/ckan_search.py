"""What CKAN's package_search takes: filters in the words of its search engine, order, a part of the list.

Filters are read as harvesters write them: `field:value`, ranges, `AND`, `OR`, `-`, `NOT`, brackets. A blank
between two of them means both, and binds less than `OR`, since harvesters put `organization:a OR
organization:b` and a range of times beside each other and mean either organisation within that range.
"""

from __future__ import annotations

import datetime
import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from kymgraph.errors import BadParameter

Json = dict[str, Any]
Test = Callable[[Json], bool]

#: Datasets on a page, unless asked for otherwise; and the most, whatever is asked for.
ROWS: Final = 10
MOST_ROWS: Final = 1000
DEFAULT_SORT: Final = "score desc, metadata_modified desc"
#: Longest filter, in characters, and deepest nesting of brackets.
_LONGEST: Final = 4_000
_DEEPEST: Final = 20


class SearchError(BadParameter):
    """A query or filter that cannot be read."""


class SearchQueryError(BadParameter):
    """An order or a parameter that there is not."""


# --- what a dataset says under the names of fields -------------------------------------------------------


#: Fields that are looked for as texts: a word of theirs is enough.
_TEXTS: Final = frozenset({"title", "notes", "author", "maintainer"})
_TIMES: Final = frozenset({"metadata_created", "metadata_modified"})
#: Fields that hold what a dataset has under the same name.
_PLAIN: Final = (
    _TEXTS
    | _TIMES
    | {
        "id",
        "name",
        "license_id",
        "state",
        "type",
        "collection_type",
        "owner_org",
        "version",
        "url",
        "highvalue",
    }
)
_KEYWORDS: Final = "vocab_keywords_"
_OTHERS: Final[Mapping[str, Callable[[Json], list[str]]]] = {
    "dataset_type": lambda package: [package["type"]],
    "entity_type": lambda package: ["package"],
    "capacity": lambda package: ["public"],
    "private": lambda package: ["false"],
    "organization": lambda package: _names_of([package["organization"]]),
    "groups": lambda package: _names_of(package["groups"]),
    "tags": lambda package: [tag["name"] for tag in package["tags"]],
    "res_format": lambda package: [one["format"] for one in package["resources"]],
    "res_name": lambda package: [one["name"] for one in package["resources"]],
    "res_url": lambda package: [one["url"] for one in package["resources"]],
    "vocab_geographical_coverage": lambda package: package["geographical_coverage"],
}
#: What the names of further fields begin with, in which no dataset of ours has anything.
_EMPTY: Final = ("extras_", "res_", "vocab_", "ext_")


def _names_of(things: Iterable[Json]) -> list[str]:
    return [value for thing in things for value in (thing["id"], thing["name"])]


def _values(package: Json, field: str) -> list[str]:
    if field in _PLAIN:
        return [str(package[field])]
    if field in _OTHERS:
        return _OTHERS[field](package)
    if field.startswith(_KEYWORDS):
        keywords: list[str] = package["keywords"].get(field.removeprefix(_KEYWORDS), [])
        return keywords
    return []


#: Fields to sort by beside the score, and what a dataset has under them.
_SORTS: Final[Mapping[str, str]] = {
    "title_string": "title",
    **{name: name for name in ("id", "name", *sorted(_TIMES))},
}


def _titles(package: Json) -> str:
    return " ".join([*package["title_translated"].values(), package["name"]]).casefold()


def _text(package: Json) -> str:
    """Everything that a word without a field is looked for in."""
    words = [word for some in package["keywords"].values() for word in some]
    words += [title for group in package["groups"] for title in group["title_translated"].values()]
    words += [*package["organization"]["title_translated"].values(), *package["geographical_coverage"]]
    words += [one["format"] for one in package["resources"]]
    return " ".join([_titles(package), *package["notes_translated"].values(), *words]).casefold()


# --- searching -------------------------------------------------------------------------------------------


def search(
    packages: Sequence[Json],
    *,
    q: str = "",
    fq: Sequence[str] = (),
    sort: str = "",
    rows: int = ROWS,
    start: int = 0,
) -> Json:
    """The answer of package_search; past the last dataset its results are empty.

    Raises SearchError, SearchQueryError.
    """
    tests = [parse(text) for text in (q, *fq) if text.strip()]
    found = [package for package in packages if all(test(package) for test in tests)]
    order = sort.strip() or DEFAULT_SORT
    words = [word.casefold() for word in re.findall(r"\w+", q)]
    for field, down in reversed(_order(order)):
        found.sort(key=_ranked(field, words), reverse=down)
    return {
        "count": len(found),
        "sort": order,
        "facets": {},
        "search_facets": {},
        "results": found[start : start + min(rows, MOST_ROWS)],
    }


def _ranked(field: str, words: Sequence[str]) -> Callable[[Json], Any]:
    """What datasets are sorted by."""
    if field == "score":
        # The more of the words asked for stand in its title, the nearer a dataset is to the question.
        return lambda package: sum(word in _titles(package) for word in words)
    return lambda package: str(package[_SORTS[field]]).casefold()


def _order(text: str) -> list[tuple[str, bool]]:
    """Fields to sort by, and whether from the end. Raises SearchQueryError.

    >>> _order("score desc, id asc")
    [('score', True), ('id', False)]
    """
    found = []
    for part in text.split(","):
        field, _, way = part.strip().partition(" ")
        if field not in ("score", *_SORTS) or way.strip().lower() not in ("asc", "desc"):
            known = ", ".join(sorted({"score", *_SORTS}))
            raise SearchQueryError(f'Invalid "sort" parameter: {part.strip()[:60]!r}. There are: {known}')
        found.append((field, way.strip().lower() == "desc"))
    return found


# --- reading filters -------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<mark> [()] | [+!-] (?=[^\s]) | && | \|\| )
    | (?P<range> [\[{] \s* (?P<low> "[^"]*" | [^\s\]}]+ ) \s+ TO \s+
                          (?P<high> "[^"]*" | [^\s\]}]+ ) \s* [\]}] )
    | (?P<quoted> "(?:[^"\\]|\\.)*" )
    | (?P<field> \*(?=:) | [A-Za-z_][\w.-]* (?=:) ) (?P<colon> : )
    | (?P<word> (?: [^\s()\[\]{}"\\:] | \\. | :(?=/) )+ )
    )""",
    re.VERBOSE,
)


def parse(text: str) -> Test:
    """The test that a query or filter makes of datasets. Raises SearchError.

    >>> by = {"id": "a", "name": "roads", "organization": {"id": "b", "name": "kotka"}}
    >>> parse("name:roads AND -organization:kotka")(by), parse("name:(rails OR roa*)")(by)
    (False, True)
    """
    if len(text) > _LONGEST:
        raise SearchError(f"a query may have {_LONGEST:,} characters; this one has {len(text):,}")
    return _Reader(text).whole()


class _Reader:
    """A filter read from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens = text, _tokens(text)
        self._at = self._depth = 0

    def whole(self) -> Test:
        test = self._all(None)
        if self._at < len(self._tokens):
            raise self._wrong("there is a bracket too many")
        return test

    def _all(self, field: str | None) -> Test:
        """Parts side by side: every one must hold."""
        tests = []
        while self._peek() not in (None, ")"):
            tests.append(self._either(field))
        if not tests:
            raise self._wrong("something is missing at its end or within brackets")
        return tests[0] if len(tests) == 1 else lambda package: all(test(package) for test in tests)

    def _either(self, field: str | None) -> Test:
        tests = [self._both(field)]
        while self._peek() in ("OR", "||"):
            self._at += 1
            tests.append(self._both(field))
        return tests[0] if len(tests) == 1 else lambda package: any(test(package) for test in tests)

    def _both(self, field: str | None) -> Test:
        tests = [self._one(field)]
        while self._peek() in ("AND", "&&"):
            self._at += 1
            tests.append(self._one(field))
        return tests[0] if len(tests) == 1 else lambda package: all(test(package) for test in tests)

    def _one(self, field: str | None) -> Test:
        holds = True
        while (sign := self._peek()) in ("+", "-", "!", "NOT"):
            holds = holds == (sign == "+")
            self._at += 1
        test = self._bare(field)
        return test if holds else lambda package: not test(package)

    def _bare(self, field: str | None) -> Test:
        token = self._next()
        kind = token.lastgroup
        if token["mark"] == "(":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise self._wrong(f"its brackets are nested more than {_DEEPEST} deep")
            test = self._all(field)
            if self._peek() != ")":
                raise self._wrong("a bracket is not closed")
            self._at += 1
            self._depth -= 1
            return test
        if token["colon"]:
            if field is not None:
                raise self._wrong(f"{token['field']!r} stands within another field")
            return self._value_of(token["field"])
        if token["range"]:
            return self._range(field, token)
        if kind in ("quoted", "word") and (word := token[kind]) not in ("AND", "OR"):
            return _term(field, _plain(word), whole=kind == "quoted")
        raise self._wrong(f"{token[0].strip()!r} stands in a wrong place")

    def _value_of(self, field: str) -> Test:
        if field == "*":
            if self._next()[0].strip() != "*":
                raise self._wrong("*: takes nothing but *")
            return lambda package: True
        if field not in _PLAIN and field not in _OTHERS and not field.startswith(_EMPTY):
            raise self._wrong(f"undefined field {field}")
        return self._one(field)

    def _range(self, field: str | None, token: re.Match[str]) -> Test:
        if field is None:
            raise self._wrong(
                "a range belongs to a field, as in metadata_modified:[2026-01-01T00:00:00Z TO *]"
            )
        text = token["range"]
        low, high = (self._bound(field, token[end].strip('"')) for end in ("low", "high"))
        with_low, with_high = text[0] == "[", text[-1] == "]"

        def within(package: Json) -> bool:
            return any(
                (low is None or low < value or (with_low and low == value))
                and (high is None or value < high or (with_high and high == value))
                for value in _values(package, field)
            )

        return within

    def _bound(self, field: str, text: str) -> str | None:
        if text == "*":
            return None
        if field not in _TIMES:
            return text
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            raise self._wrong(
                f"{text!r} is no time; write it like 2026-11-21T08:00:00Z, or * for an open end"
            ) from None
        if moment.tzinfo is not None:
            moment = moment.astimezone(datetime.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")  # as the datasets have it, so texts compare as times

    def _peek(self) -> str | None:
        return self._tokens[self._at][0].strip() if self._at < len(self._tokens) else None

    def _next(self) -> re.Match[str]:
        if self._at >= len(self._tokens):
            raise self._wrong("something is missing at its end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _wrong(self, why: str) -> SearchError:
        return SearchError(f"{self._text[:200]!r} cannot be read: {why}")


def _tokens(text: str) -> list[re.Match[str]]:
    found, at = [], 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            raise SearchError(f"{text[:200]!r} cannot be read from {text[at : at + 20]!r} on")
        found.append(token)
        at = token.end()
    return found


def _plain(word: str) -> str:
    """A word without its quotes and backslashes."""
    return re.sub(r"\\(.)", r"\1", word[1:-1] if word.startswith('"') else word)


def _term(field: str | None, word: str, *, whole: bool) -> Test:
    wanted = word.casefold()
    if field is None:
        if wanted in ("*", ""):
            return lambda package: True
        return lambda package: wanted.strip("*") in _text(package)
    if field in _TEXTS:
        part, translated = wanted.strip("*"), f"{field}_translated"
        return lambda package: any(
            part in text.casefold()
            for text in [*_values(package, field), *package.get(translated, {}).values()]
        )
    if "*" in wanted and not whole:
        pattern = re.compile(fnmatch.translate(wanted.replace("[", "[[]")))
        return lambda package: any(pattern.match(value.casefold()) for value in _values(package, field))
    return lambda package: any(value.casefold() == wanted for value in _values(package, field))
