"""Records of a CKAN catalogue, as `package_search` gives them: avoindata.fi's fields, and those of any CKAN.

Source: the schema of avoindata.fi and CKAN's action API. Language maps (`title_translated`…) are preferred to
the plain fields, whose language nobody states.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from kymgraph.errors import FetchFailed
from kymgraph.intake.harvest import record
from kymgraph.intake.harvest.record import Distribution, Publisher, Record, Text, Unfit

ACCEPT: Final = "application/json"
#: Records asked for at a time; CKAN gives at most 1000.
ROWS: Final = 100
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of package_search."""

    count: int | None  #: records that there are in all, if it says so
    packages: list[Any]


def action(address: str, name: str, **parameters: object) -> str:
    """The URL of an action, for the address of a portal or of its API.

    >>> action("https://data.example/", "package_show", id="x y")
    'https://data.example/api/3/action/package_show?id=x+y'
    """
    base = re.sub(r"/api(/3)?(/action(/.*)?)?$", "", address.partition("?")[0].rstrip("/"))
    return f"{base}/api/3/action/{name}?{urlencode(parameters)}"


def page_url(address: str, query: str, start: int, rows: int) -> str:
    """Where the records from `start` on are; in an order that does not change while it is read."""
    asked = {"q": query} if query else {}
    return action(address, "package_search", **asked, rows=rows, start=start, sort="id asc")


def read_page(body: bytes, url: str) -> Page:
    """An answer of package_search. Raises FetchFailed for anything else."""
    try:
        answer = json.loads(body.decode("utf-8-sig"), parse_constant=lambda text: None, parse_int=_integer)
    except UnicodeDecodeError:
        raise _no_answer(url, "its answer is not in UTF-8") from None
    except (ValueError, RecursionError):
        raise _no_answer(url, "its answer is no JSON") from None
    if not isinstance(answer, dict) or answer.get("success") is not True:
        raise _no_answer(url, "its answer does not say success")
    result = answer.get("result")
    if not isinstance(result, dict) or not isinstance(result.get("results"), list):
        raise _no_answer(url, "its answer has no list of results")
    count = result.get("count")
    return Page(count if isinstance(count, int) and not isinstance(count, bool) else None, result["results"])


def _integer(text: str) -> int | str:
    """A number, or its text where Python would refuse it: one record is wrong then, not the page."""
    return int(text) if len(text) < 40 else text


def _no_answer(url: str, why: str) -> FetchFailed:
    return FetchFailed(
        f"{url.partition('?')[0]} is no package_search of CKAN: {why}; nothing was changed",
        hint="open the address in a browser: is the portal up, and is this its address?",
    )


def identifier(package: object) -> str:
    """The identifier of a package. Raises Unfit."""
    if not isinstance(package, dict):
        raise Unfit("not-an-object", value=package)
    return record.identifier(package.get("id"))


def to_record(package: Mapping[str, Any], address: str) -> Record:
    """A package as a record. Raises Unfit."""
    known = identifier(package)
    if package.get("state", "active") != "active":
        raise Unfit("not-public", "state")
    if package.get("private") is True:
        raise Unfit("not-public", "private")
    titles = _texts(package, "title")
    if not titles:
        raise Unfit("no-title")
    files = _list(package, "resources")
    if len(files) > record.MAX_FILES:
        raise Unfit("too-many", "resources")
    license_url = record.text(package.get("license_url") or "", "license_url")
    return Record(
        id=known,
        source=action(address, "package_show", id=known),
        titles=titles,
        descriptions=_texts(package, "notes"),
        keywords=_keywords(package),
        coverage=tuple(_plain(package, "geographical_coverage")),
        publisher=_publisher(package),
        distributions=tuple(_distribution(one, n) for n, one in enumerate(files)),
        license=record.iri(license_url),
        issued=record.moment(*_first(package, "date_released", "metadata_created")),
        modified=record.moment(package.get("metadata_modified"), "metadata_modified"),
        begins=record.day(package.get("valid_from"), "valid_from"),
        ends=record.day(package.get("valid_till"), "valid_till", last=True),
    )


def _first(package: Mapping[str, Any], *fields: str) -> tuple[Any, str]:
    return next(((package[f], f) for f in fields if package.get(f)), (None, fields[-1]))


def _list(package: Mapping[str, Any], field: str) -> list[Any]:
    value = package.get(field) or []
    if not isinstance(value, list):
        raise Unfit("wrong-kind", field, value)
    return value


def _texts(package: Mapping[str, Any], field: str) -> tuple[Text, ...]:
    """A text in its languages; without those as it is, in a language that is not known."""
    name = field + "_translated"
    by_language = package.get(name) or {}
    if not isinstance(by_language, dict):
        raise Unfit("wrong-kind", name, by_language)
    found = []
    for lang, value in by_language.items():
        if value and (words := record.text(value, f"{name}.{lang}")):
            found.append(Text(words, record.language(lang, name)))
    if not found and (value := package.get(field)) and (words := record.text(value, field)):
        found.append(Text(words))
    return _sorted(found, field)


def _keywords(package: Mapping[str, Any]) -> tuple[Text, ...]:
    by_language = package.get("keywords") or {}
    if not isinstance(by_language, dict):
        raise Unfit("wrong-kind", "keywords", by_language)
    found = []
    for lang, values in by_language.items():
        if not isinstance(values or [], list):
            raise Unfit("wrong-kind", f"keywords.{lang}", values)
        for value in values or []:
            if words := record.text(value, f"keywords.{lang}"):
                found.append(Text(words, record.language(lang, "keywords")))
    if not found:
        for tag in _list(package, "tags"):
            value = tag.get("name") if isinstance(tag, dict) else tag
            if words := record.text(value, "tags"):
                found.append(Text(words))
    return _sorted(found, "keywords")


def _plain(package: Mapping[str, Any], field: str) -> list[str]:
    """The texts of a list. Some portals keep a list as the JSON text of it."""
    value = package.get(field) or []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = [value]
    if not isinstance(value, list):
        raise Unfit("wrong-kind", field, value)
    found = sorted({words for one in value if (words := record.text(one, field))})
    if len(found) > record.MAX_TEXTS:
        raise Unfit("too-many", field)
    return found


def _publisher(package: Mapping[str, Any]) -> Publisher | None:
    given = package.get("organization")
    if not given:
        return None
    if not isinstance(given, dict):
        raise Unfit("wrong-kind", "organization", given)
    names = _texts(given, "title")
    if not names and given.get("name"):
        names = (Text(record.text(given["name"], "organization.name")),)
    return Publisher(record.identifier(given.get("id"), "organization.id"), names) if names else None


def _distribution(given: Any, number: int) -> Distribution:
    field = f"resources.{number}"
    if not isinstance(given, dict):
        raise Unfit("wrong-kind", field, given)
    size = given.get("size")
    if isinstance(size, str) and record.is_count(size):
        size = int(size)
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 60):
        raise Unfit("bad-size", f"{field}.size", size)
    media_type = record.text(given.get("mimetype") or "", f"{field}.mimetype").lower()
    address = record.url(given.get("url") or "", f"{field}.url")
    return Distribution(
        id=record.identifier(given.get("id"), f"{field}.id"),
        access=address,
        titles=_texts(given, "name"),
        descriptions=_texts(given, "description"),
        format=record.text(given.get("format") or "", f"{field}.format")[:100],
        media_type=media_type if _MEDIA_TYPE.fullmatch(media_type) else "",
        size=size,
    )


def _sorted(found: Iterable[Text], field: str) -> tuple[Text, ...]:
    texts = sorted(set(found))
    if len(texts) > record.MAX_TEXTS:
        raise Unfit("too-many", field)
    return tuple(texts)
