"""All records of a catalogue, read page by page: what is fit, what is not and why, and whether it is all.

A list that moves while it is read (its length changes, a record comes twice) may hide a record between two
pages. What was not seen is then not taken for gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from kymgraph.errors import FetchFailed, KymgraphError
from kymgraph.intake.harvest import ckan, dcat
from kymgraph.intake.harvest.record import Record, Unfit
from kymgraph.intake.harvest.state import Folder
from kymgraph.intake.harvest.visit import Tell, Visitor
from kymgraph.rdf import Quad, Term

#: Records and pages that one run reads at most.
MAX_RECORDS: Final = 200_000
MAX_PAGES: Final = 20_000

#: Parses RDF in a format that a media type names, where it can do no harm.
Parse = Callable[[bytes, str], Iterable[Quad]]


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of a catalogue, and the record it makes or why it makes none."""

    position: int  #: in the list, from 1
    id: str  #: "" where it has none
    title: str = ""
    record: Record | None = None
    unfit: Unfit | None = None
    mark: str = ""  #: tells whether two entries are the same to the letter


@dataclass
class Listing:
    """What a catalogue holds."""

    source: str  #: the address that was asked
    entries: dict[str, Found] = field(default_factory=dict)  #: by identifier
    nameless: list[Found] = field(default_factory=list)
    moved: bool = False  #: the list changed while it was read
    cut: bool = False  #: not all of it was asked for

    @property
    def complete(self) -> bool:
        """Whether a record that is not in it is not in the catalogue."""
        return not (self.moved or self.cut)

    def __len__(self) -> int:
        return len(self.entries) + len(self.nameless)

    def add(self, found: Found) -> bool:
        """Count an entry in; whether its identifier was new."""
        if not found.id:
            self.nameless.append(found)
            return True
        known = self.entries.get(found.id)
        if known is None:
            self.entries[found.id] = found
            return True
        self.moved = True
        if known.mark != found.mark:
            self.entries[found.id] = Found(known.position, known.id, known.title, unfit=Unfit("same-id"))
        return False


def read_ckan(
    visitor: Visitor,
    folder: Folder,
    address: str,
    query: str,
    *,
    limit: int | None = None,
    rows: int = ckan.ROWS,
    tell: Tell,
) -> Listing:
    """The packages that a query finds. Raises FetchFailed, HostNotAllowed."""
    listing = Listing(ckan.page_url(address, query, 0, rows))
    start, count = 0, None
    while True:
        url = ckan.page_url(address, query, start, rows)
        answer = visitor.get(url, ckan.ACCEPT)
        try:
            page = ckan.read_page(answer.body, url)
        except KymgraphError:
            folder.forget(url)
            raise
        listing.moved |= count is not None and page.count != count
        count = page.count
        if not page.packages:
            break
        new = 0
        for number, package in enumerate(page.packages, start + 1):
            new += listing.add(_package(package, number, address))
        _check(listing, folder, url, new=new)
        start += len(page.packages)
        tell("read", done=start, count=count)
        if limit is not None and start >= limit:
            _cut(listing, limit, more=count is None or start > limit or count > start)
            break
        if count is not None and start >= count:
            break
    listing.moved |= count is not None and not listing.cut and len(listing) != count
    return listing


def _package(package: object, number: int, address: str) -> Found:
    known, title, unfit, made = "", "", None, None
    if isinstance(package, dict):
        given = package.get("title")
        title = given if isinstance(given, str) else ""
    try:
        known = ckan.identifier(package)
        assert isinstance(package, dict)
        made = ckan.to_record(package, address)
    except Unfit as error:
        unfit = error
    except (RecursionError, ValueError):  # the last net: one record does not end the run
        unfit = Unfit("wrong-kind")
    mark = hashlib.sha256(json.dumps(package, sort_keys=True).encode()).hexdigest() if known else ""
    return Found(number, known, title, made, unfit, mark)


def read_dcat(
    visitor: Visitor,
    folder: Folder,
    address: str,
    *,
    parse: Parse,
    limit: int | None = None,
    tell: Tell,
) -> Listing:
    """The datasets of a catalogue in RDF, page after page. Raises FetchFailed, HostNotAllowed."""
    listing = Listing(address)
    url, seen, number, count = address, set[str](), 0, None
    while url:
        seen.add(url)
        answer = visitor.get(url, dcat.ACCEPT)
        try:
            page = dcat.Page(parse(answer.body, answer.media_type))
            following = urljoin(url, page.next) if page.next else ""
        except (KymgraphError, ValueError) as error:
            folder.forget(url)
            why = error.message if isinstance(error, KymgraphError) else str(error)
            raise FetchFailed(
                f"{url.partition('?')[0]} is no catalogue in RDF: {why}; nothing was changed",
                hint="name the address of the RDF itself, such as https://data.example/catalog.ttl",
            ) from None
        total = page.total
        listing.moved |= count is not None and total is not None and total != count
        count = total if total is not None else count
        new = here = 0
        for node in page.datasets():
            number, here = number + 1, here + 1
            new += listing.add(_dataset(page, node, number, url))
        if here:
            _check(listing, folder, url, new=new)
        tell("read", done=number, count=count)
        if limit is not None and number >= limit:
            _cut(listing, limit, more=bool(following) or number > limit)
            break
        if following in seen:
            raise _repeats(folder, url)
        url = following
    listing.moved |= count is not None and not listing.cut and len(listing) != count
    return listing


def _dataset(page: dcat.Page, node: Term, number: int, url: str) -> Found:
    known, unfit, made = "", None, None
    try:
        known = page.identifier(node)
        made = page.to_record(node, url)
    except Unfit as error:
        unfit = error
    except ValueError:
        unfit = Unfit("wrong-kind")
    title = made.titles[0].value if made is not None else ""
    return Found(number, known, title, made, unfit, made.digest if made is not None else "")


def _check(listing: Listing, folder: Folder, url: str, *, new: int) -> None:
    """See that the catalogue gets on. Raises FetchFailed."""
    if not new:
        raise _repeats(folder, url)
    if len(listing) > MAX_RECORDS:
        raise FetchFailed(
            f"the catalogue has more than {MAX_RECORDS:,} records; nothing was changed",
            hint="ask for less of it with --query",
        )


def _repeats(folder: Folder, url: str) -> FetchFailed:
    folder.drop()
    return FetchFailed(
        f"{url.partition('?')[0]} gives the same page again and again; nothing was changed",
        hint="the catalogue seems broken: tell whoever keeps it",
    )


def _cut(listing: Listing, limit: int, *, more: bool) -> None:
    """Leave only the first `limit` entries."""
    listing.cut = more
    listing.nameless = [one for one in listing.nameless if one.position <= limit]
    listing.entries = {known: one for known, one in listing.entries.items() if one.position <= limit}
