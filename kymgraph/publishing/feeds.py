"""What was committed, as an Atom feed (RFC 4287) in pages (RFC 5005): entries of the journal in, XML out.

Ids are the IRIs of the ledger, so they last longer than any address of the server. What a feed says is what
the ledger says to everybody; agents have no names there, and a redacted text is a mark. Nothing here reads a
store.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from kymgraph import __version__
from kymgraph.ledger import accepted_by, commit_iri
from kymgraph.project import LEDGER_GRAPH, Project
from kymgraph.store.journal import Entry

MEDIA_TYPE: Final = "application/atom+xml"

_ATOM: Final = "http://www.w3.org/2005/Atom"
#: Characters that no XML 1.0 document can hold, written out or as a reference.
_IMPOSSIBLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Characters of the reason in a title.
_TITLE: Final = 80
#: Kinds of commits that have a title of their own.
_KINDS: Final = ("change", "revert", "import", "proposal", "redaction")

_WORDS: Final[dict[str, dict[str, str]]] = {
    "fi": {
        "feed": "muutokset",
        "graph": "muutokset graafiin {graph}",
        "change": "Muutos {number}",
        "revert": "Muutos {number} kumoaa muutoksen {reverts}",
        "import": "Muutos {number}: tiedostoista",
        "proposal": "Muutos {number}: hyväksytty ehdotus",
        "redaction": "Muutos {number}: tekstiä poistettu historiasta",
        "counts": "Tietoja lisätty: {added}, poistettu: {removed}.",
        "graphs": "Graafit: {graphs}.",
        "nobody": "tuntematon",
    },
    "sv": {
        "feed": "ändringar",
        "graph": "ändringar i grafen {graph}",
        "change": "Ändring {number}",
        "revert": "Ändring {number} ångrar ändring {reverts}",
        "import": "Ändring {number}: från filer",
        "proposal": "Ändring {number}: godkänt förslag",
        "redaction": "Ändring {number}: text borttagen ur historiken",
        "counts": "Uppgifter tillagda: {added}, borttagna: {removed}.",
        "graphs": "Grafer: {graphs}.",
        "nobody": "okänd",
    },
    "en": {
        "feed": "changes",
        "graph": "changes of the graph {graph}",
        "change": "Change {number}",
        "revert": "Change {number} undoes change {reverts}",
        "import": "Change {number}: from files",
        "proposal": "Change {number}: accepted proposal",
        "redaction": "Change {number}: text taken out of the history",
        "counts": "Statements added: {added}, removed: {removed}.",
        "graphs": "Graphs: {graphs}.",
        "nobody": "unknown",
    },
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the feed, and where it stands among the others."""

    entries: Sequence[Entry]  #: newest first
    updated: str  #: when the newest entry of all pages was made, or the store where there is none; RFC 3339
    own: str  #: URL of this page
    first: str  #: URL of the first one
    next: str | None  #: URL of the page with older entries
    listed: str  #: URL where the same commits are listed
    graph: str | None = None  #: IRI of the graph that it is about; None is all of them


def atom(project: Project, page: Page, *, lang: str, change_url: Callable[[int], str]) -> bytes:
    """A page of the feed as XML, titles in a language of `_WORDS`; `change_url` gives where a commit is read.

    Reasons are in their writer's own language.
    """
    words = _WORDS[lang]
    # Attributes spelt out, since ElementTree would otherwise invent prefixes that few feed readers know.
    feed = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": lang})
    title = next(
        (project.title[code] for code in (lang, "fi", "sv", "en") if code in project.title), "kymgraph"
    )
    about = words["feed"]
    if page.graph is not None:
        about = words["graph"].format(graph=_name(project, page.graph))
    _add(feed, "id", feed_id(project, page.graph))
    _add(feed, "title", f"{title}: {about}")
    _add(feed, "updated", page.updated)
    _link(feed, "self", page.own, MEDIA_TYPE)
    _link(feed, "alternate", page.listed)
    _link(feed, "first", page.first, MEDIA_TYPE)
    if page.next is not None:
        _link(feed, "next", page.next, MEDIA_TYPE)
    _add(feed, "generator", "kymgraph", version=__version__)
    for entry in page.entries:
        _entry(ET.SubElement(feed, "entry"), project, entry, words, change_url)
    written: bytes = ET.tostring(feed, encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + written + b"\n"


def feed_id(project: Project, graph: str | None) -> str:
    """What the feed is called for good: the ledger, or the part of it about one graph.

    >>> from pathlib import Path
    >>> feed_id(Project(Path(".")), "https://w3id.org/kymgraph/graph/lineage")
    'https://w3id.org/kymgraph/graph/ledger?graph=https%3A%2F%2Fw3id.org%2Fkymgraph%2Fgraph%2Flineage'
    """
    ledger = project.base.graph(LEDGER_GRAPH)
    return ledger if graph is None else f"{ledger}?graph={quote(_clean(graph), safe='')}"


def _entry(
    parent: ET.Element,
    project: Project,
    entry: Entry,
    words: dict[str, str],
    change_url: Callable[[int], str],
) -> None:
    reverts = entry.more.get("reverts")
    kind = entry.kind if entry.kind in _KINDS and (entry.kind != "revert" or reverts) else "change"
    title = words[kind].format(number=entry.number, reverts=reverts)
    reason = " ".join(entry.reason.split())
    shown = reason if len(reason) <= _TITLE else reason[: _TITLE - 2] + " …"
    graphs = [_name(project, graph) for graph in entry.graphs]
    said = [words["counts"].format(added=entry.added, removed=entry.removed)]
    if graphs:
        said.append(words["graphs"].format(graphs=", ".join(graphs)))
    _add(parent, "id", commit_iri(project, entry.number).value)
    _add(parent, "title", f"{title}. {shown}" if shown else title)
    _add(parent, "updated", entry.time)
    _add(parent, "published", entry.time)
    _person(parent, "author", project, entry.agent, words["nobody"])
    if decided := accepted_by(project, entry):
        _person(parent, "contributor", project, decided, words["nobody"])
    _link(parent, "alternate", change_url(entry.number))
    if reverts:
        _link(parent, "related", change_url(int(reverts)))
    ET.SubElement(parent, "category", {"term": _clean(entry.kind)})
    for graph, name in zip(entry.graphs, graphs, strict=True):
        ET.SubElement(parent, "category", {"term": _clean(graph), "label": _clean(name)})
    _add(parent, "summary", " ".join([*said, reason]).strip())


def _person(parent: ET.Element, role: str, project: Project, agent: str, nobody: str) -> None:
    person = ET.SubElement(parent, role)
    _add(person, "name", agent.removeprefix(project.base.id("agent", "")) or nobody)
    if agent:
        _add(person, "uri", agent)


def _name(project: Project, graph: str) -> str:
    return project.base.graph_name(graph) or graph


def _add(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, name, attributes).text = _clean(text)


def _link(parent: ET.Element, rel: str, href: str, kind: str | None = None) -> None:
    ET.SubElement(parent, "link", {"rel": rel, "href": _clean(href)} | ({"type": kind} if kind else {}))


def _clean(text: str) -> str:
    r"""A text that XML can hold.

    >>> _clean("a\x00b\ud800c\ufffe")
    'a\ufffdb\ufffdc\ufffd'
    """
    return _IMPOSSIBLE.sub("\ufffd", text)
