"""The actions of CKAN that read a site, as functions of what was asked: parameters in, result out.

Parameters come as CKAN takes them: all texts from an address, any JSON from a body. What CKAN would refuse is
refused with its words, since its clients know those.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kymgraph.errors import BadParameter, KymgraphError
from kymgraph.publishing.ckan import Json, Site
from kymgraph.publishing.ckan_search import MOST_ROWS, ROWS, SearchQueryError, search

#: The version of CKAN whose interface this is.
CKAN_VERSION: Final = "2.11"
#: The highest number that is read.
HIGHEST: Final = 10**9
#: Most names in a list, and most whole organisations or groups.
_MOST_NAMES, _MOST_WHOLE = 1000, 25
#: Datasets that come with an organisation or group that is asked for with them.
_MOST_WITH: Final = {"organization": 10, "group": 1000}


class UnknownAction(BadParameter):
    """There is no action of this name, or it would write."""


class Missing(KymgraphError):
    """There is no dataset, organisation or group by this id or name."""

    code = "not-found"


class Invalid(BadParameter):
    """Parameters that are missing or not of their kind: `faults` has CKAN's words for each."""

    def __init__(self, faults: Mapping[str, list[str]]) -> None:
        self.faults = dict(faults)
        super().__init__("; ".join(f"{name}: {', '.join(said)}" for name, said in faults.items()))


@dataclass(frozen=True, slots=True)
class Action:
    """One action: what it is for, and what does it."""

    help: str
    run: Callable[[Site, str, Json], Any]


def run(site: Site, address: str, name: str, asked: Json) -> Any:
    """The result of an action. `address` is where the site is reached.

    Raises UnknownAction, Missing, Invalid, SearchError, SearchQueryError.
    """
    return action(name).run(site, address, asked)


def action(name: str) -> Action:
    """The action of this name. Raises UnknownAction."""
    found = ACTIONS.get(name)
    if found is None:
        raise UnknownAction(f"Action name not known: {name[:100]}")
    return found


# --- datasets -------------------------------------------------------------------------------------------

#: Parameters of package_search that change nothing here: nothing is private, drafted, deleted or counted.
_IDLE: Final = frozenset(
    {"facet", "facet.field", "facet.limit", "facet.mincount", "include_drafts", "include_private"}
    | {
        "include_deleted",
        "use_default_schema",
        "qf",
        "wt",
        "bf",
        "boost",
        "tie",
        "defType",
        "mm",
        "df",
        "extras",
    }
)
_READ: Final = frozenset({"q", "fq", "fq_list", "fl", "sort", "rows", "start"})


def _package_search(site: Site, _: str, asked: Json) -> Any:
    unknown = sorted(name for name in set(asked) - _IDLE - _READ if not name.startswith("ext_"))
    if unknown:
        raise SearchQueryError(f"Invalid search parameters: {unknown}")
    fault: dict[str, list[str]] = {}
    rows = _natural(asked, "rows", ROWS, fault)
    start = _natural(asked, "start", 0, fault)
    q, fq, sort = (_text(asked, name, fault) for name in ("q", "fq", "sort"))
    more, fields = (_texts(asked, name, fault) for name in ("fq_list", "fl"))
    if fault:
        raise Invalid(fault)
    q = "" if q in ('""', "''") else q
    answer = search(
        site.packages,
        q=q,
        fq=[fq, *more],
        sort="" if sort == "rank" else sort,
        rows=min(rows, MOST_ROWS),
        start=start,
    )
    if fields and "*" not in fields:
        answer["results"] = [{name: one[name] for name in fields if name in one} for one in answer["results"]]
    return answer


def _package_show(site: Site, _: str, asked: Json) -> Json:
    wanted = _id(asked, "id" if asked.get("id") else "name_or_id")
    return _there(site.package(wanted))


def _package_list(site: Site, _: str, asked: Json) -> list[str]:
    fault: dict[str, list[str]] = {}
    limit = _natural(asked, "limit", 0, fault)
    offset = _natural(asked, "offset", 0, fault)
    if fault:
        raise Invalid(fault)
    names = sorted(str(one["name"]) for one in site.packages)[offset:]
    return names[:limit] if limit else names


# --- organisations, groups, licences --------------------------------------------------------------------


def _show(kind: str) -> Callable[[Site, str, Json], Json]:
    def show(site: Site, _: str, asked: Json) -> Json:
        wanted = _id(asked, "id")
        found = _there(site.organization(wanted) if kind == "organization" else site.group(wanted))
        return _whole(site, kind, found, asked)

    return show


def _whole(site: Site, kind: str, one: Json, asked: Json) -> Json:
    faults: dict[str, list[str]] = {}
    with_datasets = _truth(asked, "include_datasets", False, faults)
    counted = _truth(asked, "include_dataset_count", True, faults)
    with_extras = _truth(asked, "include_extras", True, faults)
    if faults:
        raise Invalid({"message": ["Parameter is not an bool"]})  # sic
    shown = {**one, "users": [], "groups": [], "tags": [], "num_followers": 0}
    if with_extras:
        shown["extras"] = []
    if not counted and not with_datasets:
        del shown["package_count"]
    if with_datasets:
        members = [package for package in site.packages if _belongs(package, kind, one)]
        shown["packages"] = members[: _MOST_WITH[kind]]
    return shown


def _belongs(package: Json, kind: str, one: Json) -> bool:
    if kind == "organization":
        return bool(package["owner_org"] == one["id"])
    return one["id"] in {group["id"] for group in package["groups"]}


def _list(kind: str) -> Callable[[Site, str, Json], list[Any]]:
    def listed(site: Site, _: str, asked: Json) -> list[Any]:
        among = site.organizations if kind == "organization" else site.groups
        faults: dict[str, list[str]] = {}
        limit = _natural(asked, "limit", 0, faults)
        offset = _natural(asked, "offset", 0, faults)
        whole = _truth(asked, "all_fields", False, faults)
        q, order = _text(asked, "q", faults), _text(asked, "sort", faults) or "title asc"
        only = _texts(asked, "organizations" if kind == "organization" else "groups", faults)
        field, _, way = order.strip().partition(" ")
        field = {"packages": "package_count"}.get(field, field)
        if field not in ("name", "title", "package_count"):
            faults["sort"] = [f"Cannot sort by field `{field[:60]}`"]
        elif (way := way.strip() or ("desc" if field == "package_count" else "asc")) not in ("asc", "desc"):
            faults["sort"] = [f"Invalid sort direction `{way[:60]}`"]
        if faults:
            raise Invalid(faults)
        names = {name.strip() for text in only for name in text.split(",")}
        found = [
            one
            for one in among
            if (not names or one["name"] in names)
            and q.casefold() in f"{one['name']} {one['title']}".casefold()
        ]
        found.sort(key=lambda one: one[field], reverse=way == "desc")
        most = _MOST_WHOLE if whole else _MOST_NAMES
        found = found[offset : offset + min(limit or most, most)]
        return [_whole(site, kind, one, {}) if whole else one["name"] for one in found]

    return listed


def _license_list(site: Site, _: str, __: Json) -> list[Json]:
    return list(site.licenses)


# --- the site itself ------------------------------------------------------------------------------------


def _status_show(site: Site, address: str, _: Json) -> Json:
    return {
        "site_title": _one(site.title),
        "site_description": _one(site.description),
        "site_url": address,
        "ckan_version": CKAN_VERSION,
        "error_emails_to": None,
        "locale_default": "fi",
        "extensions": [],
    }


def _help_show(_: Site, __: str, asked: Json) -> str:
    name = _id(asked, "name")
    if name not in ACTIONS:
        raise Missing("Action function not found")
    return ACTIONS[name].help


def _one(texts: Mapping[str, str]) -> str:
    return next((text for lang in ("fi", "sv", "en") if (text := texts.get(lang))), "")


# --- parameters -----------------------------------------------------------------------------------------


def _there(found: Json | None) -> Json:
    if found is None:
        raise Missing("Not found")
    return found


def _id(asked: Json, name: str) -> str:
    value = asked.get(name)
    if value in (None, ""):
        raise Invalid({name: ["Missing value"]})
    if not isinstance(value, str):
        raise Invalid({name: ["Must be a Unicode string value"]})
    return value


def _natural(asked: Json, name: str, default: int, faults: dict[str, list[str]]) -> int:
    value = asked.get(name)
    if value in (None, ""):
        return default
    number = None
    if isinstance(value, float) and value.is_integer():  # JSON has one kind of number
        number = int(value)
    elif isinstance(value, int | str) and not isinstance(value, bool) and len(str(value)) <= 15:
        with contextlib.suppress(ValueError):
            number = int(value)
    if number is None:
        faults[name] = ["Invalid integer"]
    elif number < 0:
        faults[name] = ["Must be a natural number"]
    elif number > HIGHEST:
        faults[name] = [f"Must be at most {HIGHEST}"]
    else:
        return number
    return default


def _truth(asked: Json, name: str, default: bool, faults: dict[str, list[str]]) -> bool:
    value = asked.get(name)
    text = str(value).strip().lower()
    if value in (None, ""):
        return default
    if text in ("true", "yes", "on", "y", "t", "1"):
        return True
    if text not in ("false", "no", "off", "n", "f", "0"):
        faults[name] = ["Parameter is not an bool"]
    return False


def _text(asked: Json, name: str, faults: dict[str, list[str]]) -> str:
    value = asked.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        faults[name] = ["Must be a Unicode string value"]
        return ""
    return value


def _texts(asked: Json, name: str, faults: dict[str, list[str]]) -> list[str]:
    value = asked.get(name)
    if value in (None, ""):
        return []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        faults[name] = ["Not a list of strings"]
        return []
    return values


ACTIONS: Final[Mapping[str, Action]] = {
    "package_search": Action(
        "Datasets by words (q), filters (fq), order (sort) and part of the list (rows, start)",
        _package_search,
    ),
    "package_show": Action("One dataset, by id or name (id)", _package_show),
    "package_list": Action("Names of all datasets, or a part of them (limit, offset)", _package_list),
    "organization_show": Action("One organisation, by id or name (id)", _show("organization")),
    "organization_list": Action("Names of the organisations that publish", _list("organization")),
    "group_show": Action("One group, which stands for a theme, by id or name (id)", _show("group")),
    "group_list": Action("Names of the groups, which stand for themes", _list("group")),
    "license_list": Action("The licences of the datasets", _license_list),
    "status_show": Action("What this site is", _status_show),
    "site_read": Action("Whether this site may be read", lambda site, address, asked: True),
    "help_show": Action("What an action is for (name)", _help_show),
}


def names() -> Iterable[str]:
    """The names of all actions."""
    return ACTIONS.keys()
