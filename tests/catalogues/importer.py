"""What avoindata.fi does with a CKAN site that it harvests, as far as it reads what the site answers.

Written from the description in the guide to the national catalogues: which requests are made in which order,
which fields are read (with `[]` where a missing one ends the import, as it does there) and which checks a
dataset passes on its way into that catalogue. What is imported is kept in memory instead of a database.
"""

from __future__ import annotations

import datetime
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

#: The groups of that catalogue; others are left out, or made if the source is configured so.
GROUPS = frozenset(
    [
        "alueet-ja-kaupungit",
        "energia",
        "kansainvaliset-kysymykset",
        "koulutus-kulttuuri-ja-urheilu",
        "liikenne",
        "maatalous-kalastus-metsatalous-ja-elintarvikkeet",
        "oikeus-oikeusjarjestelma-ja-yleinen-turvallisuus",
        "rakennettu-ymparisto-ja-infrastruktuuri",
        "talous-ja-raha-asiat",
        "terveys",
        "tiede-ja-teknologia",
        "valtioneuvosto-ja-julkinen-sektori",
        "vaesto-ja-yhteiskunta",
        "ymparisto",
    ]
)
LICENCES = frozenset(["cc-by-4.0", "cc-zero-1.0", "notspecified"])
FORMATS = ("%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
ROWS = 100


class GatherFailed(Exception):
    """The list of datasets could not be had; nothing was imported."""


class Refused(Exception):
    """One dataset does not pass the checks."""


@dataclass
class Importer:
    """One source, with what was imported from it so far."""

    url: str
    config: Json = field(default_factory=dict)
    packages: dict[str, Json] = field(default_factory=dict)  #: by id
    groups: set[str] = field(default_factory=lambda: set(GROUPS))
    organizations: dict[str, Json] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  #: every address that was asked, without the site's
    gathered: list[str] = field(default_factory=list)  #: names of what the last run was given to import
    rows: int = ROWS
    _last: datetime.datetime | None = None  #: start of the last run without a fault

    def run(self, now: datetime.datetime) -> list[str]:
        """One run that begins at `now` (UTC, no zone). The names of what it imported, sorted."""
        self.errors, self.asked = [], []
        filters = [" OR ".join(f"organization:{name}" for name in self.config.get("include", []))]
        filters += [f"-organization:{name}" for name in self.config.get("exclude", [])]
        if self._last is not None and not self.config.get("delete_missing"):
            since = self._last - datetime.timedelta(hours=1)
            filters.append(f"metadata_modified:[{since.isoformat()}Z TO *]")
        found = self._search([one for one in filters if one])
        if self.config.get("delete_missing"):
            for gone in set(self.packages) - {package["id"] for package in found}:
                del self.packages[gone]
            if self._last is not None:
                since = self._last - datetime.timedelta(hours=1)
                found = [one for one in found if _parsed(one["metadata_modified"]) > since]
        self.gathered = sorted(package["name"] for package in found)
        imported = []
        for package in found:
            try:
                if self._import(package):
                    imported.append(package["name"])
            except Exception as error:
                self.errors.append(f"{package.get('name')}: {type(error).__name__}: {error}")
        if not self.errors:
            self._last = now
        return sorted(imported)

    def _ask(self, path: str) -> bytes:
        self.asked.append(path)
        try:
            with urllib.request.urlopen(self.url + path, timeout=60) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            raise GatherFailed(f"{path}: HTTP {error.code}") from error

    def _search(self, filters: list[str]) -> list[Json]:
        parameters = {"rows": str(self.rows), "start": "0", "sort": "id asc"}
        if filters:
            parameters["fq"] = " ".join(filters)
        found: dict[str, Json] = {}
        before = b""
        while True:
            body = self._ask("/api/3/action/package_search?" + urllib.parse.urlencode(parameters))
            if before and body == before:
                raise GatherFailed("the paging does not work: two pages are the same")
            before = body
            page = {package["id"]: package for package in json.loads(body)["result"]["results"]}
            new = {own: package for own, package in page.items() if own not in found}
            if not new:
                return list(found.values())
            found |= new
            parameters["start"] = str(int(parameters["start"]) + self.rows)

    def _import(self, package: Json) -> bool:
        """Take a dataset in, unless it is not newer than what was taken in before."""
        words = {group["name"] for group in package["groups"]}
        words |= {word for some in package["keywords"].values() for word in some}
        assert all(isinstance(word, str) for word in words)
        wanted = self.config.get("remote_groups")
        groups = [
            {"name": name} for group in package["groups"] if wanted and (name := self._group(group, wanted))
        ]
        owner = self._owner(package) if self.config.get("remote_orgs") else "the organisation of the source"
        licence = package["license_id"].lower()
        released = _parsed(package["date_released"])
        created = f"{released.isoformat()}.000000"  # so a part of a second would be written twice
        resources = []
        for resource in package["resources"]:
            resource = {
                key: value for key, value in resource.items() if key not in ("url_type", "revision_id")
            }
            if start := resource.pop("time_series_start", None):
                resource["temporal_coverage_from"] = start
            if resource.pop("time_series_end", None):
                resource["temporal_coverage_to"] = start  # its well-known slip
            resources.append(resource)
        package = package | {
            "groups": groups,
            "owner_org": owner,
            "license_id": licence,
            "collection_type": "Open Data",
            "maintainer": package.get("maintainer") or " ",
            "maintainer_email": package.get("maintainer_email") or " ",
            "date_released": created,
            "metadata_created": created,
            "resources": resources,
        }
        check(package)
        known = self.packages.get(package["id"])
        if known is not None and package["metadata_modified"] <= known["metadata_modified"]:
            return False
        self.packages[package["id"]] = package
        return True

    def _group(self, group: Json, wanted: str) -> str | None:
        if group["name"] in self.groups:
            return str(group["name"])
        if wanted != "create":
            return None
        made = json.loads(self._ask(f"/api/3/action/group_show?id={group['id']}"))["result"]
        if not made["title_translated"]["fi"]:
            raise Refused("a group without a Finnish title")
        self.groups.add(made["name"])
        return str(made["name"])

    def _owner(self, package: Json) -> str:
        name = package["organization"]["name"]
        if name not in self.organizations:
            if self.config["remote_orgs"] != "create":
                return "the organisation of the source"
            made = json.loads(self._ask(f"/api/3/action/organization_show?id={name}"))["result"]
            for key in ("packages", "created", "users", "tags", "extras", "display_name", "type"):
                made.pop(key, None)
            made["title_translated"] = {"fi": made["title"]}
            if made["state"] != "active" or not made["title"]:
                raise Refused("an organisation that is not active or has no title")
            self.organizations[name] = made
        return str(self.organizations[name]["id"])


def check(package: Json) -> None:
    """The checks of that catalogue's form of a dataset. Raises Refused with everything that is wrong."""
    wrong = [f"{name}.fi" for name in ("title_translated", "notes_translated") if not package[name]["fi"]]
    if not package["keywords"]["fi"]:
        wrong.append("keywords.fi")
    tags = [word for some in package["keywords"].values() for word in some]
    tags += [word for some in package["update_frequency"].values() for word in some]
    tags += [*package["geographical_coverage"], *(tag["name"] for tag in package["tags"])]
    wrong += [f"keyword {tag!r}" for tag in tags if not re.fullmatch(r"[\w \-.]{2,100}", tag)]
    if not re.fullmatch(r"[a-z0-9_-]{2,100}", package["name"]):
        wrong.append(f"name {package['name']!r}")
    if package["license_id"] not in LICENCES:
        wrong.append(f"license_id {package['license_id']!r}")
    if package["collection_type"] not in ("Open Data", "Interoperability Tools"):
        wrong.append("collection_type")
    if not package["maintainer"] or not package["owner_org"]:
        wrong.append("maintainer or owner_org")
    emails = package["maintainer_email"]
    for email in [emails] if isinstance(emails, str) else emails:
        if email and not re.fullmatch(r"[^\s@]+@[^\s@]+\.[a-z]+", email):
            wrong.append(f"maintainer_email {email!r}")
    if package["highvalue"] not in ("true", "false", True, False):
        wrong.append("highvalue")
    if (till := package.get("valid_till")) and _parsed(till) < datetime.datetime.now():
        wrong.append("valid_till has passed: the dataset is marked as outdated")
    for resource in package["resources"]:
        wrong += _wrong_in(resource)
    for url in package["external_urls"]:
        if not _is_url(url):
            wrong.append(f"external_urls {url!r}")
    if wrong:
        raise Refused("; ".join(wrong))


def _wrong_in(resource: Json) -> list[str]:
    wrong = [] if _is_url(resource["url"]) else [f"url {resource['url']!r}"]
    if not resource["name_translated"]["fi"]:
        wrong.append("name_translated.fi")
    if resource["size"] is not None and not isinstance(resource["size"], int):
        wrong.append(f"size {resource['size']!r}")
    if resource["maturity"] not in ("current", "draft", "archived"):
        wrong.append("maturity")
    days = [resource["temporal_coverage_from"], resource["temporal_coverage_to"]]
    try:
        start, end = (datetime.date.fromisoformat(day) if day else None for day in days)
    except ValueError:
        return [*wrong, f"temporal coverage {days!r}"]
    if start and end and start > end:
        wrong.append("temporal coverage ends before it begins")
    return wrong


def _is_url(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme in ("http", "https") and bool(re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?", parts.netloc))


def _parsed(text: str) -> datetime.datetime:
    for form in FORMATS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    raise Refused(f"{text!r} is no time that it reads")
