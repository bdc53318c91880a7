"""What a reconciliation client asks (Reconciliation Service API 0.2), read from JSON values and checked.

The dialect of the API lives here and nowhere else: another version is another reader of the same values.
Everything refused is refused before any of it is worked on, with the place of the fault in the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kymgraph.errors import BadParameter, QueryTooLarge

#: Most queries in one batch; the manifest announces it as `batchSize`.
BATCH: Final = 50
#: Most candidates for one query, whatever `limit` it names; without `limit` it gets USUAL.
MOST: Final = 50
USUAL: Final = 10
#: Most properties, and values of one, that a query compares.
MOST_PROPERTIES: Final = 20
MOST_VALUES: Final = 20
#: Most entities and properties of one data extension.
MOST_IDS: Final = 200
_STRICT: Final = ("any", "should", "all")
_KEYS: Final = frozenset({"query", "type", "limit", "properties", "type_strict"})


@dataclass(frozen=True, slots=True)
class Known:
    """A property value that stands for an entity: one that was matched before."""

    id: str
    name: str = ""


Given = str | int | float | bool | Known


@dataclass(frozen=True, slots=True)
class Wanted:
    """A property that the candidates are compared by: it should have one of the values."""

    pid: str
    values: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a batch."""

    text: str = ""
    types: tuple[str, ...] = ()
    strict: str = "any"  #: how `types` are meant: "any" of them, "all" of them, or "should" (only preferred)
    limit: int = USUAL
    properties: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A property to fetch, and how: `limit` 0 is no limit of the client's, `as_id` wants IRIs as text."""

    pid: str
    limit: int = 0
    as_id: bool = False


@dataclass(frozen=True, slots=True)
class Extension:
    """Entities, and the properties to fetch of them."""

    ids: tuple[str, ...]
    columns: tuple[Column, ...]


def read_batch(given: object) -> dict[str, Query]:
    """The queries of a batch by their keys. Raises BadParameter; QueryTooLarge for more than BATCH.

    >>> read_batch({"q0": {"query": "Kotka", "type": "kym:Municipality", "limit": 3}})["q0"]
    Query(text='Kotka', types=('kym:Municipality',), strict='any', limit=3, properties=())
    """
    if not isinstance(given, Mapping):
        raise _bad("queries", given, 'an object such as {"q0": {"query": "Kotka"}}')
    if len(given) > BATCH:
        raise QueryTooLarge(
            f"nothing was matched: the batch holds {len(given):,} queries, and {BATCH} is the most",
            hint="send them in batches of the size that the manifest names as batchSize",
        )
    return {key: _query(f"queries.{key[:40]}", value) for key, value in given.items()}


def read_extension(given: object) -> Extension:
    """What a data extension asks for. Raises BadParameter; QueryTooLarge for more than MOST_IDS.

    >>> read_extension({"ids": ["a"], "properties": [{"id": "p", "settings": {"limit": "2"}}]})
    Extension(ids=('a',), columns=(Column(pid='p', limit=2, as_id=False),))
    """
    example = 'an object such as {"ids": ["…"], "properties": [{"id": "kym:location"}]}'
    if not isinstance(given, Mapping):
        raise _bad("extend", given, example)
    ids, columns = given.get("ids"), given.get("properties")
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise _bad("extend.ids", ids, "a list of entity ids")
    if not isinstance(columns, list):
        raise _bad("extend.properties", columns, 'a list such as [{"id": "kym:location"}]')
    if len(ids) > MOST_IDS:
        raise QueryTooLarge(
            f"nothing was fetched: {len(ids):,} entities were asked for, and {MOST_IDS} is the most",
            hint="ask in parts",
        )
    if len(columns) > MOST_PROPERTIES:
        raise _bad("extend.properties", columns, f"up to {MOST_PROPERTIES} properties")
    return Extension(
        tuple(dict.fromkeys(ids)),
        tuple(_column(f"extend.properties[{place}]", value) for place, value in enumerate(columns)),
    )


def _query(where: str, given: object) -> Query:
    if not isinstance(given, Mapping):
        raise _bad(where, given, 'an object such as {"query": "Kotka"}')
    if unknown := sorted(set(given) - _KEYS):
        raise BadParameter(
            f"nothing was matched: {where} has no member {_short(unknown[0])}. Members are "
            f"{', '.join(sorted(_KEYS))}"
        )
    text = given.get("query", "")
    if not isinstance(text, str):
        raise _bad(f"{where}.query", text, 'a text such as "Kotka"')
    properties = given.get("properties", [])
    if not isinstance(properties, list):
        raise _bad(
            f"{where}.properties", properties, 'a list such as [{"pid": "kym:location", "v": "Kotka"}]'
        )
    if len(properties) > MOST_PROPERTIES:
        raise _bad(f"{where}.properties", properties, f"up to {MOST_PROPERTIES} properties")
    if "query" not in given and not properties:
        raise BadParameter(f'nothing was matched: {where} needs "query", or "properties" that are not empty')
    strict = given.get("type_strict", "any")
    if strict not in _STRICT:
        raise _bad(f"{where}.type_strict", strict, f"one of {', '.join(_STRICT)}")
    return Query(
        text.strip(),
        _types(f"{where}.type", given.get("type", [])),
        strict,
        _limit(f"{where}.limit", given["limit"], least=1) if "limit" in given else USUAL,
        tuple(_wanted(f"{where}.properties[{n}]", one) for n, one in enumerate(properties)),
    )


def _types(where: str, given: object) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed) or len(listed) > 100:
        raise _bad(where, given, 'a type such as "kym:Municipality", or a list of up to 100')
    return tuple(one for one in listed if one)


def _limit(where: str, given: object, *, least: int) -> int:
    whole = isinstance(given, int | float) and not isinstance(given, bool) and given % 1 == 0
    if not whole or not isinstance(given, int | float) or given < least:
        raise _bad(where, given, f"a whole number from {least}, such as 5")
    return int(min(given, MOST))


def _wanted(where: str, given: object) -> Wanted:
    if not isinstance(given, Mapping) or not isinstance(given.get("pid"), str) or "v" not in given:
        raise _bad(where, given, 'an object such as {"pid": "kym:location", "v": "Kotka"}')
    values = given["v"] if isinstance(given["v"], list) else [given["v"]]
    if len(values) > MOST_VALUES:
        raise _bad(f"{where}.v", values, f"up to {MOST_VALUES} values")
    return Wanted(given["pid"], tuple(_value(f"{where}.v", one) for one in values))


def _value(where: str, given: object) -> Given:
    if isinstance(given, int) and abs(given) > 2**53:
        return str(given)  # too long for a number: an identifier
    if isinstance(given, str | int | float):  # bool is an int
        return given
    if isinstance(given, Mapping) and isinstance(given.get("id"), str):
        name = given.get("name", "")
        return Known(given["id"], name if isinstance(name, str) else "")
    raise _bad(where, given, 'a text, a number, true, false, {"id": "…"}, or a list of such')


def _column(where: str, given: object) -> Column:
    if not isinstance(given, Mapping) or not isinstance(given.get("id"), str):
        raise _bad(where, given, 'an object such as {"id": "kym:location"}')
    settings = given.get("settings", {})
    if not isinstance(settings, Mapping):
        raise _bad(f"{where}.settings", settings, 'an object such as {"limit": 1}')
    limit = settings.get("limit", 0)
    content = settings.get("content", "name")
    if content not in ("name", "id"):
        raise _bad(f"{where}.settings.content", content, "name or id")
    if isinstance(limit, str) and limit.isascii() and limit.isdigit() and len(limit) < 10:
        limit = int(limit)  # OpenRefine sends what was typed into its form
    limit = 0 if limit in ("", None) else _limit(f"{where}.settings.limit", limit, least=0)
    return Column(given["id"], limit, content == "id")


def _bad(where: str, given: Any, wanted: str) -> BadParameter:
    return BadParameter(f"nothing was done: {where} takes {wanted}, not {_short(given)}")


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 80 else text[:80] + "…"
