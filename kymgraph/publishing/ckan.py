"""A catalogue as a CKAN site shows it: datasets, organisations and groups as its action API answers them.

Made for what harvests such sites in Finland. avoindata.fi has rules of its own beyond CKAN's, and faults that
an answer must not set off; each is named where it is met. Ids are UUIDs made of IRIs, so they are the same at
every generation and on every server. Times are UTC without a zone, as CKAN writes them.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kymgraph.publishing.catalog_texts import text
from kymgraph.publishing.ckan_words import (
    EU,
    FORMATS,
    FREQUENCIES,
    GROUPS,
    LANGUAGES,
    LICENCES,
    NO_LICENCE,
)
from kymgraph.publishing.dcat import (
    Agent,
    Catalogue,
    CatalogueDataset,
    DataService,
    Distribution,
    Texts,
)

Json = dict[str, Any]

#: Lengths that CKAN sets for names and for keywords.
_NAME_MOST: Final = 100
_TAG_LEAST, _TAG_MOST = 2, 100


@dataclass(frozen=True, slots=True)
class Site:
    """One catalogue as a CKAN site: everything that its actions answer with."""

    title: Texts
    description: Texts
    generation: int
    packages: tuple[Json, ...]  #: by id
    organizations: tuple[Json, ...]  #: by name
    groups: tuple[Json, ...]  #: by name
    licenses: tuple[Json, ...]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Site:
        """The site of a catalogue."""
        names = _names(catalogue)
        agents = {one.publisher.iri: one.publisher for one in catalogue.datasets}
        agents.setdefault(catalogue.publisher.iri, catalogue.publisher)
        organizations = _organizations(agents.values(), catalogue)
        packages = [_package(one, names[one.iri], organizations, catalogue) for one in catalogue.datasets]
        themes = dict.fromkeys(theme for one in catalogue.datasets for theme in one.themes)
        groups = [group for theme in themes if (group := _group(theme)) is not None]
        licences = dict.fromkeys(_licence(one.license) for one in catalogue.datasets)
        return cls(
            title=catalogue.title,
            description=catalogue.description,
            generation=catalogue.generation,
            packages=tuple(sorted(packages, key=lambda one: str(one["id"]))),
            organizations=tuple(
                {**one, "package_count": sum(package["owner_org"] == one["id"] for package in packages)}
                for one in sorted(organizations.values(), key=lambda one: str(one["name"]))
            ),
            groups=tuple(
                {
                    **one,
                    "package_count": sum(one["id"] in {g["id"] for g in p["groups"]} for p in packages),
                }
                for one in sorted(groups, key=lambda one: str(one["name"]))
            ),
            licenses=tuple(_license(*one) for one in sorted(licences)),
        )

    def package(self, wanted: str) -> Json | None:
        """The dataset with this id or name."""
        return _found(self.packages, wanted)

    def organization(self, wanted: str) -> Json | None:
        """The organisation with this id or name."""
        return _found(self.organizations, wanted)

    def group(self, wanted: str) -> Json | None:
        """The group with this id or name."""
        return _found(self.groups, wanted)


def _found(among: Iterable[Json], wanted: str) -> Json | None:
    return next((one for one in among if wanted in (one["id"], one["name"])), None)


def id_of(*iris: str) -> str:
    """The id of what an IRI names: a UUID that no time or place changes.

    >>> id_of("https://w3id.org/kymgraph/id/dataset/kymgraph")
    '898088df-020b-5e9d-a654-317020912822'
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, " ".join(iris)))


# --- datasets -------------------------------------------------------------------------------------------


def _package(
    dataset: CatalogueDataset, name: str, organizations: Mapping[str, Json], site: Catalogue
) -> Json:
    own = id_of(dataset.iri)
    title, notes = _texts(dataset.title), _notes(dataset)
    licence, licence_title, licence_url = _licence(dataset.license)
    organization = organizations[dataset.publisher.iri]
    groups = [group for theme in dataset.themes if (group := _group(theme)) is not None]
    keywords = _keywords(dataset, groups)
    services = [one for one in site.services if dataset.iri in one.serves]
    resources = [_file(one, dataset, own) for one in dataset.distributions]
    resources += [_service(one, dataset, own) for one in services]
    contact = dataset.contact
    issued = _time(datetime.datetime.combine(dataset.issued, datetime.time()))
    return {
        "id": own,
        "name": name,
        "type": "dataset",
        "state": "active",
        "private": False,
        "isopen": licence != NO_LICENCE[0],
        "title": title["fi"],
        "title_translated": title,
        "notes": notes["fi"],
        "notes_translated": notes,
        "url": dataset.page,
        "version": dataset.version,
        "author": _default(dataset.publisher.name),
        "author_email": "",
        "keywords": keywords,
        "tags": [
            {"id": id_of("tag", word), "name": word, "display_name": word, "state": "active"}
            | {"vocabulary_id": None}
            for word in keywords["fi"]
        ],
        "num_tags": len(keywords["fi"]),
        "groups": groups,
        "geographical_coverage": [word for place in dataset.places if (word := _tag(place.lower()))],
        "update_frequency": _frequency(dataset.frequency),
        # valid_from and valid_till are left out: avoindata.fi marks a dataset as outdated once the latter has
        # passed, and data on a programme that has ended are not. Its years are those of the resources.
        "collection_type": "Open Data",
        "highvalue": "false",
        "license_id": licence,
        "license_title": licence_title,
        "license_url": licence_url,
        "copyright_notice_translated": _texts(dataset.rights),
        "maintainer": _default(contact.name) or _default(dataset.publisher.name),
        # A list is asked for. Where no address is known, an empty text in it passes the checks of
        # avoindata.fi; for an empty list its importer puts in a blank, which its check of addresses refuses.
        "maintainer_email": [contact.email],
        "maintainer_website": contact.page or dataset.publisher.homepage,
        "external_urls": [dataset.page],
        "international_benchmarks": [],
        "date_released": issued,
        "metadata_created": issued,
        # Harvesters ask for what is newer than their last look: new texts count as much as new data.
        "metadata_modified": _time(max(dataset.modified, site.described or dataset.modified)),
        "owner_org": organization["id"],
        "organization": organization,
        "num_resources": len(resources),
        "resources": [{**one, "position": at} for at, one in enumerate(resources)],
        "extras": [],
        "relationships_as_object": [],
        "relationships_as_subject": [],
    }


def _notes(dataset: CatalogueDataset) -> dict[str, str]:
    """What it is, and where it comes from: CKAN has no place of its own for the latter."""
    description, provenance = _texts(dataset.description), _texts(dataset.provenance)
    title = _texts(dataset.title)
    notes = {
        lang: "\n\n".join(part for part in (description[lang], provenance[lang]) if part)
        for lang in LANGUAGES
    }
    return notes | {"fi": notes["fi"] or title["fi"]}  # never empty


def _file(file: Distribution, dataset: CatalogueDataset, package: str) -> Json:
    kind = FORMATS.get(file.format, file.format)
    return {
        **_resource(id_of(file.iri), package, file.title, file.url, dataset, _described(file, dataset)),
        "format": kind,
        "mimetype": "application/gzip" if file.packed else file.media_type,
        "mimetype_inner": file.media_type if file.packed else None,
        "size": file.bytes,
        "hash": file.sha256,
        "resource_type": "file",
    }


def _described(file: Distribution, dataset: CatalogueDataset) -> Texts:
    """What is in a file: the dataset, and where its format cannot hold all of that, how much is missing."""
    missing = text("left-out", n=file.left_out) if file.left_out else {}
    return {
        lang: " ".join(part for part in (dataset.description.get(lang), missing.get(lang)) if part)
        for lang in LANGUAGES
    }


def _service(service: DataService, dataset: CatalogueDataset, package: str) -> Json:
    """An interface that serves a dataset, as the resource that it is to CKAN, which knows no services."""
    return {
        **_resource(
            id_of(service.iri, dataset.iri),
            package,
            service.title,
            service.endpoint,
            dataset,
            service.description,
        ),
        "format": "SPARQL" if "sparql" in service.conforms_to.lower() else "API",
        "mimetype": None,
        "mimetype_inner": None,
        "size": None,
        "hash": "",
        "resource_type": "api",
    }


def _resource(
    own: str, package: str, title: Texts, url: str, dataset: CatalogueDataset, description: Texts
) -> Json:
    names, period = _texts(title), dataset.temporal
    modified = _time(dataset.modified)
    return {
        "id": own,
        "package_id": package,
        "state": "active",
        "name": names["fi"],
        "name_translated": names,
        "description": _default(description),
        "description_translated": _texts(description),
        "url": url,
        "url_type": None,
        "maturity": "current",
        "temporal_granularity": {},
        # Said here, and no time_series_start: of that the importer of avoindata.fi makes the end as well.
        "temporal_coverage_from": period.start.isoformat() if period.start else "",
        "temporal_coverage_to": period.end.isoformat() if period.end else "",
        "created": _time(datetime.datetime.combine(dataset.issued, datetime.time())),
        "last_modified": modified,
        "metadata_modified": modified,
    }


def _keywords(dataset: CatalogueDataset, groups: Iterable[Json]) -> dict[str, list[str]]:
    """Keywords by language. Finnish ones there are always: avoindata.fi takes no dataset without."""
    found = {
        lang: list(dict.fromkeys(tag for word in dataset.keywords.get(lang, ()) if (tag := _tag(word))))
        for lang in LANGUAGES
    }
    if not found["fi"]:
        others = [word for lang in LANGUAGES for word in found[lang]]
        themes = [tag for group in groups if (tag := _tag(str(group["title"])))]
        found["fi"] = others or themes or [_tag(_default(dataset.title)) or dataset.name]
    return found


def _frequency(iri: str) -> dict[str, list[str]]:
    words = FREQUENCIES.get(iri.removeprefix(EU + "frequency/"))
    return {lang: [word] for lang, word in zip(LANGUAGES, words, strict=True)} if words else {}


def _licence(iri: str) -> tuple[str, str, str]:
    return LICENCES.get(iri.removeprefix(EU + "licence/"), NO_LICENCE)


def _license(own: str, title: str, url: str) -> Json:
    known = own != NO_LICENCE[0]
    return {
        "id": own,
        "title": title,
        "url": url,
        "status": "active",
        "family": "",
        "maintainer": "",
        "domain_content": known,
        "domain_data": known,
        "domain_software": False,
        "is_generic": not known,
        "od_conformance": "approved" if known else "not reviewed",
        "osd_conformance": "not reviewed",
    }


# --- organisations and groups ---------------------------------------------------------------------------


def _organizations(agents: Iterable[Agent], catalogue: Catalogue) -> dict[str, Json]:
    """The organisations by the IRIs of their agents."""
    taken: dict[str, str] = {}
    return {
        agent.iri: {
            **_collection(id_of(agent.iri), _free(_slug(agent.iri), agent.iri, taken), agent.name),
            "type": "organization",
            "is_organization": True,
            "homepage": agent.homepage,
            "created": _time(datetime.datetime.combine(catalogue.issued, datetime.time())),
        }
        for agent in agents
    }


def _group(theme: str) -> Json | None:
    """The group that stands for a theme of the EU; None for one that avoindata.fi has none for."""
    known = GROUPS.get(theme.removeprefix(EU + "data-theme/"))
    if known is None:
        return None
    name, *titles = known
    return {
        **_collection(id_of(theme), name, dict(zip(LANGUAGES, titles, strict=True))),
        "type": "group",
        "is_organization": False,
        "image_url": "",
    }


def _collection(own: str, name: str, title: Texts) -> Json:
    titles, nothing = _texts(title), dict.fromkeys(LANGUAGES, "")
    return {
        "id": own,
        "name": name,
        "title": titles["fi"],
        "display_name": titles["fi"],
        "title_translated": titles,
        "description": "",
        "description_translated": nothing,
        "image_display_url": "",
        "state": "active",
        "approval_status": "approved",
    }


# --- texts, names, times --------------------------------------------------------------------------------


def _default(texts: Texts) -> str:
    """One text, in Finnish if there is one."""
    return next((text for lang in LANGUAGES if (text := texts.get(lang))), None) or next(
        (text for text in texts.values() if text), ""
    )


def _texts(texts: Texts) -> dict[str, str]:
    """The three languages of avoindata.fi. Finnish must not be empty there, so another stands in for it."""
    return {lang: texts.get(lang, "") for lang in LANGUAGES} | {"fi": _default(texts)}


def _time(moment: datetime.datetime) -> str:
    """A time as CKAN writes it: UTC, no zone. Parts of a second are zero: the importer adds its own zeros.

    >>> helsinki = datetime.timezone(datetime.timedelta(hours=2))
    >>> _time(datetime.datetime(2026, 11, 21, 10, 0, 0, 5, helsinki))
    '2026-11-21T08:00:00.000000'
    """
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000000")


def _tag(word: str) -> str:
    """A keyword in the letters that CKAN allows (`[\\w .-]`), or nothing if that leaves too little.

    >>> _tag("maakuntaohjelma 2022–2025"), _tag("tieto/taito & työ"), _tag("§")
    ('maakuntaohjelma 2022-2025', 'tieto taito työ', '')
    """
    plain = re.sub(r"[^\w .-]+", " ", re.sub(r"[‐-―−]", "-", word))
    text = " ".join(plain.split())[:_TAG_MOST].rstrip()
    return text if len(text) >= _TAG_LEAST else ""


def _names(catalogue: Catalogue) -> dict[str, str]:
    """The name of each dataset in addresses, by its IRI."""
    taken: dict[str, str] = {}
    return {one.iri: _free(_slug(one.name), one.iri, taken) for one in catalogue.datasets}


def _slug(text: str) -> str:
    """The last part of an IRI or a name, in the letters that CKAN allows in addresses.

    >>> _slug("https://example.org/id/organisation/Pyhtään_kunta"), _slug("x")
    ('pyhtaan_kunta', 'x-')
    """
    last = text.rstrip("/#").rpartition("/")[2].rpartition("#")[2]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_-]+", "-", plain)[:_NAME_MOST].ljust(2, "-")


def _free(name: str, iri: str, taken: dict[str, str]) -> str:
    """`name`, or with a part of the id behind it where another thing has it already."""
    if taken.setdefault(name, iri) != iri:
        name = f"{name[: _NAME_MOST - 9]}-{id_of(iri)[:8]}"
        taken[name] = iri
    return name
