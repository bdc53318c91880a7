"""The routes of the REST interface, read from the query files in `api/queries` of a project.

A file is one route: its front matter says where the route stands, what it takes and what it gives, the query
says how. What cannot become a route is refused when it is read, with file, line and what to mend, so that a
server which started has no route that fails for its text. Nothing here runs a query.

Front matter, besides what every query file has (`summary`, `answers`, `params`, `example`, `returns`):

- `path: /programmes/{programme}`; without it the file's name. A name in braces is a parameter
- `tags: [programmes]`: under which heading the documentation lists the route
- `tree: {node: element, parent: parent}`: the rows are one tree, and JSON nests it
- `subject: programme`: the column whose statements JSON-LD gives; without it the first column of things
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kymgraph.errors import InputError, KymgraphError, QuerySyntaxError
from kymgraph.project import Project
from kymgraph.queries import PADDING, NamedQuery, Token, inspect, position, syntax_error, tokenize
from kymgraph.store.memory import MemoryView

#: What each type of column holds, in the words of the documentation.
COLUMN_TYPES: Final[Mapping[str, str]] = {
    "thing": "a thing of the graph: its IRI and its label in the language asked for",
    "class": "a class or property of the ontology: its IRI and its label in the language asked for",
    "iri": "an IRI",
    "string": "text",
    "lang-string": "text and its language",
    "integer": "a whole number",
    "decimal": "a number",
    "boolean": "true or false",
    "year": "a year",
    "date": "a date as precise as it is stated: 2016, 2016-05 or 2016-05-12",
    "dateTime": "a date and time with its offset from UTC",
    "wkt": "a geometry as well-known text",
    "any": "whatever the graph states",
}
#: Columns that carry a label.
LABELLED: Final = frozenset({"thing", "class"})
#: Parameters that every route has; no query may take one of these names for its own.
COMMON: Final = ("limit", "offset", "sort", "fields", "count", "lang", "format", "at")

_PATH: Final = re.compile(r"(?:/(?:[a-z0-9][a-z0-9-]*|\{[a-z_][a-z0-9_]*\}))+", re.IGNORECASE)
_TAILS: Final = ("GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "VALUES")


@dataclass(frozen=True, slots=True)
class Select:
    """The parts of a SELECT, cut out of its text, from which pages of it are made."""

    prologue: str
    distinct: bool
    head: str  #: what stands between SELECT and the pattern
    columns: tuple[str, ...]
    pattern: str  #: from the opening brace of WHERE to its closing one
    tail: str  #: GROUP BY and HAVING
    order: tuple[tuple[str, bool], ...]  #: columns to sort by, True for descending


@dataclass(frozen=True, slots=True)
class Route:
    """One route: a query, where it stands, and what its columns are."""

    query: NamedQuery
    file: str
    path: str
    select: Select
    columns: Mapping[str, str]  #: name to type, in order
    tags: tuple[str, ...] = ()
    subject: str | None = None
    tree: tuple[str, str] | None = None  #: the columns of a node and of its parent
    path_params: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.query.name

    @property
    def geometry(self) -> str | None:
        """The column that holds geometries, if there is one."""
        return next((name for name, kind in self.columns.items() if kind == "wkt"), None)


def load(project: Project) -> list[Route]:
    """The routes of a project, those with fixed paths before those with parameters at the same place.

    Raises InputError (bad-input) for a file that cannot become a route, and for two at the same path.
    """
    folder = project.folder / "api" / "queries"
    routes: dict[str, Route] = {}
    for path in project.query_files():
        if not path.is_relative_to(folder):
            continue
        route = read(path, name=project.name_of(path))
        shape = re.sub(r"\{[^}]*\}", "{}", route.path)
        if shape in routes:
            raise InputError(
                f"{route.file}: {route.path} is the path of {routes[shape].file} already; no route was made",
                hint="Give one of them another path.",
            )
        routes[shape] = route
    return sorted(routes.values(), key=lambda route: route.path.replace("{", "~"))


def read(path: Path, *, name: str | None = None) -> Route:
    """The route that a file stands for. Raises InputError naming file and line."""
    where = name or str(path)
    try:
        query = NamedQuery.load(path)
        info = inspect(query.text)
        if info.form == "select" and not info.has_service:
            _parsed(query.text)
    except QuerySyntaxError as error:
        line = error.line or 1
        raise InputError(f"{where}:{line}: {error.detail}; no route was made", hint=error.hint) from None
    except KymgraphError as error:
        # A message of our own parser names the file by its whole path already.
        message = error.message.replace(str(path), where)
        raise InputError(message if where in message else f"{where}: {message}", hint=error.hint) from None
    at = _Lines(where, query.text)
    if info.form != "select":
        raise at.refuse(f"this is {info.form.upper()}, and a route lists rows", "Write a SELECT.")
    if info.volatile:
        raise at.refuse(
            "RAND, NOW, UUID, STRUUID, BNODE and SERVICE give another answer each time",
            "Take the moment as a parameter.",
        )
    if info.from_ or info.from_named:
        raise at.refuse("FROM does not stand in a route", "Name the graph with GRAPH.", word="FROM")
    select = _split(query.text, at)
    columns = _columns(query, select, at)
    path_, in_path = _path(query, at)
    return Route(
        query=query,
        file=where,
        path=path_,
        path_params=in_path,
        select=select,
        columns=columns,
        tags=_words(query, "tags", at),
        subject=_subject(query, columns, at),
        tree=_tree(query, columns, at),
    )


def _parsed(text: str) -> None:
    """Have the engine parse a query. Raises QuerySyntaxError with the place of what it cannot read."""
    try:
        MemoryView([]).select(text + PADDING)
    except QuerySyntaxError as error:
        raise syntax_error(error.detail, text) from None


class _Lines:
    """A file's name and text, to say where in it something is wrong."""

    def __init__(self, where: str, text: str) -> None:
        self._where, self._text = where, text

    def refuse(
        self, what: str, hint: str, *, word: str | None = None, offset: int | None = None
    ) -> InputError:
        if offset is None and word is not None:
            found = re.search(rf"{re.escape(word)}", self._text)
            offset = found.start() if found else None
        line = 1 if offset is None else position(self._text, offset)[0]
        return InputError(f"{self._where}:{line}: {what}; no route was made", hint=hint)


def _split(text: str, at: _Lines) -> Select:
    tokens = tokenize(text)
    first = next(
        i for i, token in enumerate(tokens) if token.kind == "word" and token.text.upper() == "SELECT"
    )
    opening = _pattern_at(tokens, first)
    if opening == len(tokens):
        raise at.refuse("the SELECT has no pattern", "Write WHERE { … }.", offset=tokens[first].start)
    closing = _partner(tokens, opening)
    columns, distinct, head_from = _head(tokens, first + 1, opening, at)
    where = opening - 1 if tokens[opening - 1].text.upper() == "WHERE" else opening
    cuts = [(token.text.upper(), token.start) for token in _top_level(tokens, closing + 1)]
    sections = {word: start for word, start in cuts if word in _TAILS}
    for word, hint in (
        ("LIMIT", "Take it out: the route's own limit= and offset= page the rows."),
        ("OFFSET", "Take it out: the route's own limit= and offset= page the rows."),
        ("VALUES", "Put it into the pattern."),
    ):
        if word in sections:
            raise at.refuse(f"{word} behind the pattern", hint, offset=sections[word])
    end_of_tail = sections.get("ORDER", len(text))
    return Select(
        prologue=text[tokens[0].start : tokens[first].start],
        distinct=distinct or "GROUP" in sections,
        head=text[head_from : tokens[where].start].strip(),
        columns=tuple(columns),
        pattern=text[tokens[opening].start : tokens[closing].start + 1],
        tail=text[tokens[closing].start + 1 : end_of_tail].strip(),
        order=_order([t for t in tokens[closing + 1 :] if t.start >= end_of_tail], columns, at),
    )


def _pattern_at(tokens: list[Token], first: int) -> int:
    """Where the pattern of a SELECT opens: its first brace outside parentheses (EXISTS has braces inside)."""
    parens = 0
    for i in range(first, len(tokens)):
        if tokens[i].text in ("(", ")") and tokens[i].kind in ("open", "close"):
            parens += 1 if tokens[i].kind == "open" else -1
        elif tokens[i].text == "{" and parens == 0:
            return i
    return len(tokens)


def _partner(tokens: list[Token], opening: int) -> int:
    depth = 0
    for i in range(opening, len(tokens)):
        if tokens[i].kind in ("open", "close"):
            depth += 1 if tokens[i].kind == "open" else -1
            if depth == 0:
                return i
    raise AssertionError("tokenize lets no text through with a brace open")


def _top_level(tokens: list[Token], first: int) -> Iterable[Token]:
    depth = 0
    for token in tokens[first:]:
        if token.kind in ("open", "close"):
            depth += 1 if token.kind == "open" else -1
        elif token.kind == "word" and depth == 0:
            yield token


def _head(tokens: list[Token], first: int, end: int, at: _Lines) -> tuple[list[str], bool, int]:
    """Columns of a SELECT list, whether it begins with DISTINCT, and where the list itself begins."""
    distinct = tokens[first].text.upper() == "DISTINCT"
    if distinct or tokens[first].text.upper() == "REDUCED":
        first += 1
    columns: list[str] = []
    depth = 0
    for i in range(first, end):
        kind, text, start = tokens[i]
        if kind in ("open", "close"):
            depth += 1 if kind == "open" else -1
        elif text == "*" and depth == 0:
            raise at.refuse(
                "SELECT * does not say which columns there are", "Name the columns.", offset=start
            )
        elif kind == "var" and (depth == 0 or (depth == 1 and tokens[i - 1].text.upper() == "AS")):
            columns.append(text[1:])
    return columns, distinct, tokens[first].start


def _order(tokens: list[Token], columns: list[str], at: _Lines) -> tuple[tuple[str, bool], ...]:
    keys: list[tuple[str, bool]] = []
    descending = False
    for kind, text, start in tokens[2:]:  # after ORDER BY
        if kind == "word" and text.upper() in ("ASC", "DESC"):
            descending = text.upper() == "DESC"
        elif kind == "var" and text[1:] in columns:
            keys.append((text[1:], descending))
            descending = False
        elif kind not in ("open", "close"):
            raise at.refuse(
                f"ORDER BY {text} is no column",
                "Sort by columns, as in ORDER BY ?from DESC(?name); add the column if it is missing.",
                offset=start,
            )
    return tuple(keys)


def _columns(query: NamedQuery, select: Select, at: _Lines) -> dict[str, str]:
    if not query.returns:
        return dict.fromkeys(select.columns, "any")
    if tuple(query.returns) != select.columns:
        raise at.refuse(
            f"returns names {', '.join(query.returns)}, but SELECT gives {', '.join(select.columns)}",
            "Name the same columns in the same order in both.",
            word="returns",
        )
    for column, kind in query.returns.items():
        if kind not in COLUMN_TYPES:
            raise at.refuse(
                f"column {column} has type {kind!r}", f"Types are {', '.join(COLUMN_TYPES)}.", word="returns"
            )
    return dict(query.returns)


def _path(query: NamedQuery, at: _Lines) -> tuple[str, tuple[str, ...]]:
    path = query.extra.get("path", "/" + query.name)
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise at.refuse(f"path {path!r} is no path", "Write it as in /programmes/{programme}.", word="path")
    named = re.findall(r"\{([^}]*)\}", path)
    for name in named:
        if name not in query.params or name in query.optional:
            raise at.refuse(
                f"the path takes {{{name}}}, which params does not declare as needed",
                f"Add it to params, as in {{{name}: slug:{name}}}.",
                word="path",
            )
    for name in query.params:
        if name in COMMON:
            raise at.refuse(
                f"parameter {name} is one that every route has", "Give it another name.", word="params"
            )
        if name not in query.example and name not in query.optional:
            raise at.refuse(
                f"parameter {name} has no example", f"Add #+ example: {{{name}: …}}.", word="params"
            )
    for name in query.example:
        if name not in query.params:
            raise at.refuse(
                f"the example gives {name}, which is no parameter", "Take it out.", word="example"
            )
    try:
        query.bind(query.example)
    except KymgraphError as error:
        raise at.refuse(
            f"the example cannot be bound: {error.message}", error.hint or "", word="example"
        ) from None
    return path, tuple(named)


def _words(query: NamedQuery, key: str, at: _Lines) -> tuple[str, ...]:
    value = query.extra.get(key, [])
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise at.refuse(f"{key} is a list of words", f"Write #+ {key}: [one, two]", word=key)
    return tuple(map(str, value))


def _subject(query: NamedQuery, columns: Mapping[str, str], at: _Lines) -> str | None:
    given = query.extra.get("subject")
    if given is None:
        return next((name for name, kind in columns.items() if kind == "thing"), None)
    if not isinstance(given, str) or given not in columns:
        raise at.refuse(f"subject {given!r} is no column", "Name one that returns has.", word="subject")
    return given


def _tree(query: NamedQuery, columns: Mapping[str, str], at: _Lines) -> tuple[str, str] | None:
    given = query.extra.get("tree")
    if given is None:
        return None
    if not isinstance(given, dict) or set(given) != {"node", "parent"} or set(given.values()) - set(columns):
        raise at.refuse(
            "tree does not name a column of nodes and one of parents",
            "Write #+ tree: {node: element, parent: parent}",
            word="tree",
        )
    return str(given["node"]), str(given["parent"])
