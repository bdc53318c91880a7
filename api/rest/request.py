"""What a request to a REST route asks for: its parameters read, each refused by name where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from rapidfuzz import process

from api.negotiate import LANGUAGES, Language, choose
from kymgraph.errors import BadParameter, FormatNotAvailable, UnknownParameter
from kymgraph.namespaces import Base
from kymgraph.publishing.paging import Page
from kymgraph.publishing.routes import COMMON, Route

#: Where the routes stand.
API: Final = "/api/v1"
DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000
#: Framing costs far more per thing than writing rows.
MAX_LINKED: Final = 100
MAX_OFFSET: Final = 1_000_000
#: Rows of a tree, which is not paged.
MAX_TREE: Final = 2_000
MAX_LINKED_TREE: Final = 500

#: Format names and media types, the preferred one first.
FORMATS: Final[Mapping[str, str]] = {
    "json": "application/json",
    "jsonld": "application/ld+json",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "geojson": "application/geo+json",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, understood."""

    bindings: Mapping[str, str]  #: N-Triples terms by parameter
    page: Page
    columns: tuple[str, ...]  #: those to show
    format: str
    lang: Language
    at: str | None
    count: bool
    given: Sequence[tuple[str, str]]  #: the query string as it came, for links


def formats(route: Route) -> list[str]:
    """The formats that a route is available in."""
    return [
        name
        for name in FORMATS
        if (name != "jsonld" or route.subject) and (name != "geojson" or route.geometry)
    ]


def read(
    route: Route,
    path: Mapping[str, str],
    query: Sequence[tuple[str, str]],
    *,
    accept: str | None,
    lang: Language,
    base: Base,
) -> Asked:
    """The request as values. Raises BadParameter, UnknownParameter, FormatNotAvailable."""
    given = dict(query)
    _check_names(route, path, query)
    format = _format(route, given.get("format"), accept)
    columns = _fields(route, given.get("fields"))
    most = MAX_LINKED if format == "jsonld" else MAX_LIMIT
    if route.tree:
        limit, offset = (MAX_LINKED_TREE if format == "jsonld" else MAX_TREE), 0
        shown = tuple(dict.fromkeys((*columns, *route.tree)))
    else:
        limit = min(_whole("limit", given.get("limit"), DEFAULT_LIMIT, 1, MAX_LIMIT), most)
        offset = _whole("offset", given.get("offset"), 0, 0, MAX_OFFSET)
        shown = columns
    own = {name: value for name, value in given.items() if name in route.query.params}
    return Asked(
        bindings=route.query.bind({**own, **path}, base),
        page=Page(
            limit=limit,
            offset=offset,
            sort=_sort(route, given.get("sort")),
            columns=shown,
            languages=(lang, *(other for other in LANGUAGES if other != lang)),
        ),
        columns=columns,
        format=format,
        lang=lang,
        at=given.get("at"),
        count=_flag("count", given.get("count")),
        given=query,
    )


def summary(route: Route, lang: Language) -> str:
    """What a route tells, in the language asked for or the first there is."""
    texts = route.query.summary
    return next((texts[code] for code in (lang, *LANGUAGES) if code in texts), route.name)


def example(route: Route) -> str:
    """The path and query string of a request that gives an answer, made of the file's example values."""
    values = dict(route.query.example)
    path = re.sub(r"\{([^}]*)\}", lambda name: quote(values.pop(name[1]), safe=""), route.path)
    return API + path + (f"?{urlencode(values, quote_via=quote)}" if values else "")


def near(path: str, routes: Sequence[Route]) -> list[str]:
    """The three routes whose paths are nearest to one that is none."""
    found = process.extract("/" + path[:100], [route.path for route in routes], limit=3)
    return [API + match[0] for match in found]


def common(route: Route) -> tuple[str, ...]:
    """The parameters that a route has beside its own."""
    return tuple(name for name in COMMON if not (route.tree and name in ("limit", "offset", "sort", "count")))


def _check_names(route: Route, path: Mapping[str, str], query: Sequence[tuple[str, str]]) -> None:
    own = [name for name in route.query.params if name not in path]
    known = [*own, *common(route)]
    seen: set[str] = set()
    for name, _ in query:
        if name in seen:
            raise BadParameter(f"{_short(name)} is given twice; nothing was read", hint="Give it once.")
        seen.add(name)
        if name not in known:
            near = [match[0] for match in process.extract(name[:40], known, limit=2, score_cutoff=60)]
            raise UnknownParameter(
                f"{route.path} has no parameter {_short(name)}; nothing was read",
                hint=(f"Did you mean {' or '.join(near)}? " if near else "")
                + f"There are: {', '.join(known)}.",
            )
    for name in own:
        if name not in route.query.optional and name not in seen:
            raise BadParameter(
                f"{route.path} needs the parameter {name} ({route.query.params[name]}); nothing was read",
                hint=f"For example {name}={route.query.example[name]}",
            )


def _format(route: Route, named: str | None, accept: str | None) -> str:
    offers = formats(route)
    listed = ", ".join(f"{name} ({FORMATS[name]})" for name in offers)
    if named is not None:
        wanted = next((name for name in offers if named.lower() in (name, FORMATS[name])), None)
        if wanted is None:
            raise FormatNotAvailable(
                f"nothing was read: {route.path} is not available as {_short(named)}",
                hint=f"Available: {listed}.",
            )
        return wanted
    found = choose(accept, [FORMATS[name] for name in offers])
    if found is None:
        raise FormatNotAvailable(
            f"nothing was read: {route.path} is not available as asked by Accept",
            hint=f"Available: {listed}.",
        )
    return next(name for name in offers if FORMATS[name] == found)


def _fields(route: Route, text: str | None) -> tuple[str, ...]:
    if text is None:
        return tuple(route.columns)
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        _check_column(route, "fields", name)
    if not names:
        raise BadParameter(
            "fields names no column; nothing was read", hint=f"For example fields={_two(route)}."
        )
    return tuple(name for name in route.columns if name in names)


def _sort(route: Route, text: str | None) -> tuple[tuple[str, bool], ...]:
    if text is None:
        return ()
    keys: dict[str, bool] = {}
    for part in text.split(","):
        name = part.strip()
        descending = name.startswith("-")
        name = name.removeprefix("-")
        _check_column(route, "sort", name)
        keys.setdefault(name, descending)
    return tuple(keys.items())


def _check_column(route: Route, parameter: str, name: str) -> None:
    if name not in route.columns:
        raise BadParameter(
            f"{parameter}: {_short(name)} is no column of {route.path}; nothing was read",
            hint=f"Columns are {', '.join(route.columns)}, as in {parameter}={_two(route)}.",
        )


def _two(route: Route) -> str:
    return ",".join(list(route.columns)[:2])


def _whole(name: str, text: str | None, default: int, least: int, most: int) -> int:
    if text is None:
        return default
    if text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise BadParameter(
        f"{name}: {_short(text)} is not of type integer from {least} to {most:,}; nothing was read",
        hint=f"For example {name}={default or 100}.",
    )


def _flag(name: str, text: str | None) -> bool:
    if text not in (None, "true", "false"):
        raise BadParameter(
            f"{name}: {_short(text)} is not of type boolean; nothing was read",
            hint=f"For example {name}=true.",
        )
    return text == "true"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
