"""How good the data are, in figures: evidence, completeness, labels, links, freshness, graph by graph.

Read from one generation, from its quads alone: what only the source texts, a run of all shapes or the web
could tell is left to `kymgraph evidence`, `kymgraph validate` and `kymgraph link check`. One pass over the
quads, so the work grows with the graph and with nothing else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kymgraph import evidence
from kymgraph.evidence import Source
from kymgraph.namespaces import KYM, OWL, PREFIXES, PROV, RDF, RDFS, SH, SKOS, Base
from kymgraph.project import LEDGER_GRAPH, ONTOLOGY_GRAPH, SHAPES_GRAPH, Project
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad
from kymgraph.view import View

#: Names of graphs with a meaning of their own (design, section 1).
LINEAGE_GRAPH: Final = "lineage"
BACKGROUND_GRAPH: Final = "background"
TRANSLATIONS_GRAPH: Final = "translations"
LINKS_GRAPH: Final = "links"
LANGUAGES: Final = ("fi", "sv", "en")

_TYPE: Final = RDF + "type"
_LABELS: Final = frozenset((SKOS + "prefLabel", RDFS + "label"))
_DONE: Final = PROV + "endedAtTime"
Node = NamedNode | BlankNode


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of statement: stated by the sources, inferred from them, or known from elsewhere."""

    name: str  #: stated, inferred, background, translations, links or other
    graphs: int
    things: int
    triples: int


@dataclass(frozen=True, slots=True)
class Document:
    """How the graph of one source document rests on it."""

    graph: str
    triples: int
    facts: int
    passages: int
    lines: int  #: lines of the document that passages name
    bare: int  #: triples that no passage covers


@dataclass(frozen=True, slots=True)
class Property:
    """How many things of a class have a property that the shapes name for it."""

    iri: str
    having: int
    required: bool


@dataclass(frozen=True, slots=True)
class Class:
    """One class: its things, their labels by language, and the properties that its shapes name."""

    iri: str
    things: int
    labelled: Mapping[str, int]
    properties: tuple[Property, ...]

    @property
    def completeness(self) -> float:
        """The mean share of things that have each property; 1 where the shapes name none."""
        if not self.properties or not self.things:
            return 1.0
        return sum(one.having for one in self.properties) / (len(self.properties) * self.things)


@dataclass(frozen=True, slots=True)
class Links:
    """The links to one authority, and those of them whose own side says nothing any more."""

    host: str
    links: int
    things: int
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fresh:
    """When a graph was last changed: the commit and its time; None since it was built."""

    graph: str
    triples: int
    commit: int | None
    time: str


@dataclass(frozen=True, slots=True)
class DataQuality:
    """All figures of one generation."""

    generation: int
    kinds: tuple[Kind, ...]
    documents: tuple[Document, ...]
    classes: tuple[Class, ...]
    links: tuple[Links, ...]
    graphs: tuple[Fresh, ...]

    @property
    def facts(self) -> int:
        return sum(document.facts for document in self.documents)

    @property
    def bare(self) -> int:
        return sum(document.bare for document in self.documents)

    @property
    def things(self) -> int:
        return sum(kind.things for kind in self.kinds if kind.name in ("stated", "inferred", "background"))

    @property
    def labelled(self) -> list[Class]:
        """Classes whose things all have a label in every language."""
        return [one for one in self.classes if min(one.labelled.values()) == one.things]

    @property
    def unlabelled(self) -> list[Class]:
        """Classes that have labels, but not for every thing in every language; the poorest first."""
        some = [one for one in self.classes if max(one.labelled.values()) and one not in self.labelled]
        return sorted(some, key=lambda one: (sum(one.labelled.values()) / one.things, one.iri))

    @property
    def gone(self) -> int:
        return sum(len(links.gone) for links in self.links)


def measure(view: View, project: Project) -> DataQuality:
    """The figures of the generation that the view shows."""
    base = project.base
    graphs: dict[str, list[Quad]] = {
        base.graph_name(graph.value) or graph.value: list(view.quads(graph=graph)) for graph in view.graphs()
    }
    sources = {name: Source(name, ()) for name in project.sources}
    data = [quad for name, quads in graphs.items() if _kind(name, sources) != "other" for quad in quads]
    return DataQuality(
        generation=view.generation,
        kinds=tuple(_kinds(graphs, sources)),
        documents=tuple(_documents(graphs, sources, base)),
        classes=tuple(_classes(data, graphs, base)),
        links=tuple(_links(graphs)),
        graphs=tuple(_fresh(graphs, base)),
    )


def _kind(graph: str, sources: Mapping[str, Source]) -> str:
    named = {
        LINEAGE_GRAPH: "inferred",
        BACKGROUND_GRAPH: "background",
        TRANSLATIONS_GRAPH: "translations",
        LINKS_GRAPH: "links",
    }
    return "stated" if graph in sources else named.get(graph, "other")


def _kinds(graphs: Mapping[str, Sequence[Quad]], sources: Mapping[str, Source]) -> Iterable[Kind]:
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    things: dict[str, set[object]] = defaultdict(set)
    for name, quads in graphs.items():
        kind = _kind(name, sources)
        counted[kind] += Counter(graphs=1, triples=len(quads))
        things[kind] |= {quad.subject for quad in quads}
    for kind in ("stated", "inferred", "background", "translations", "links"):
        if kind in counted:
            yield Kind(kind, counted[kind]["graphs"], len(things[kind]), counted[kind]["triples"])


def _documents(
    graphs: Mapping[str, Sequence[Quad]], sources: Mapping[str, Source], base: Base
) -> Iterable[Document]:
    """Facts, passages and bare triples as the audit counts them. It has no text of the sources here, so what
    it says of lines and hashes is not looked at."""
    quads = [quad for name in sources for quad in graphs.get(name, ())]
    report = evidence.audit(quads, sources, (), base)
    bare = Counter(one.graph for one in report.bare)
    for cover in report.documents:
        lines: set[int] = set()
        for quad in graphs.get(cover.document, ()):
            passage = evidence.PassageName.of(quad.subject, base)
            if passage is not None:
                lines.update(range(passage.first, min(passage.last, passage.first + 100) + 1))
        yield Document(
            cover.document,
            len(graphs.get(cover.document, ())),
            cover.facts,
            cover.passages,
            len(lines),
            bare[cover.document],
        )


def _classes(data: Sequence[Quad], graphs: Mapping[str, Sequence[Quad]], base: Base) -> Iterable[Class]:
    above = _closure(graphs.get(ONTOLOGY_GRAPH, ()))
    wanted = _shapes(graphs.get(SHAPES_GRAPH, ()))
    types: dict[str, set[str]] = defaultdict(set)
    having: dict[str, set[str]] = defaultdict(set)
    labels: dict[str, set[str]] = defaultdict(set)
    for quad in data:
        if not isinstance(quad.subject, NamedNode):
            continue
        thing, predicate = quad.subject.value, quad.predicate.value
        if predicate == _TYPE and isinstance(quad.object, NamedNode) and thing.startswith(base.ids):
            types[thing].add(quad.object.value)
        having[thing].add(predicate)
        if predicate in _LABELS and isinstance(quad.object, Literal) and quad.object.language:
            labels[thing].add(quad.object.language.partition("-")[0])
    members: dict[str, set[str]] = defaultdict(set)
    for thing, direct in types.items():
        for iri in {over for one in direct for over in (one, *above.get(one, ()))}:
            members[iri].add(thing)
    ours = {iri for kinds in types.values() for iri in kinds if iri.startswith(KYM)}
    for iri in sorted(ours, key=lambda iri: (-len(members[iri]), iri)):
        things = members[iri]
        named: dict[str, bool] = {}
        for over in (iri, *above.get(iri, ())):
            for path, required in wanted.get(over, {}).items():
                named[path] = named.get(path, False) or required
        yield Class(
            iri,
            len(things),
            {code: sum(code in labels[thing] for thing in things) for code in LANGUAGES},
            tuple(
                Property(path, sum(path in having[thing] for thing in things), required)
                for path, required in sorted(named.items(), key=lambda pair: (not pair[1], pair[0]))
            ),
        )


def _closure(ontology: Iterable[Quad]) -> dict[str, set[str]]:
    """The classes above each class."""
    direct: dict[str, set[str]] = defaultdict(set)
    for quad in ontology:
        if (
            quad.predicate.value == RDFS + "subClassOf"
            and isinstance(quad.object, NamedNode)
            and isinstance(quad.subject, NamedNode)
        ):
            direct[quad.subject.value].add(quad.object.value)
    found: dict[str, set[str]] = {}
    for start in direct:
        seen: set[str] = set()
        open_ = [start]
        while open_:
            for over in direct.get(open_.pop(), ()):
                if over not in seen and over != start:
                    seen.add(over)
                    open_.append(over)
        found[start] = seen
    return found


def _shapes(shapes: Sequence[Quad]) -> dict[str, dict[str, bool]]:
    """The properties that node shapes name for their classes, and whether one is required.

    Only plain properties: a path in two steps, or one that asks for an absence, says nothing of completeness.
    """
    node: dict[object, dict[str, list[object]]] = defaultdict(lambda: defaultdict(list))
    for quad in shapes:
        node[quad.subject][quad.predicate.value].append(quad.object)
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for said in list(node.values()):
        for target in said.get(SH + "targetClass", ()):
            for shape in said.get(SH + "property", ()):
                about = node.get(shape, {})
                paths = about.get(SH + "path", ())
                if _number(about.get(SH + "maxCount")) == 0 or about.get(SH + "deactivated"):
                    continue
                for path in paths:
                    if isinstance(path, NamedNode) and isinstance(target, NamedNode):
                        required = (_number(about.get(SH + "minCount")) or 0) > 0
                        before = found[target.value].get(path.value, False)
                        found[target.value][path.value] = before or required
    return found


def _number(values: Sequence[object] | None) -> int | None:
    value = values[0] if values else None
    return int(value.value) if isinstance(value, Literal) and value.value.isdecimal() else None


def _links(graphs: Mapping[str, Sequence[Quad]]) -> Iterable[Links]:
    """The links by the host they lead to. Nothing is asked of the hosts."""
    matches = {SKOS + f"{word}Match" for word in ("exact", "close", "broad", "narrow", "related")}
    matches |= {OWL + "sameAs", PREFIXES["schema"] + "sameAs", RDFS + "seeAlso"}
    known = {
        quad.subject
        for name, quads in graphs.items()
        if name not in (LINKS_GRAPH, LEDGER_GRAPH)
        for quad in quads
    }
    found: dict[str, list[Quad]] = defaultdict(list)
    for quad in graphs.get(LINKS_GRAPH, ()):
        if quad.predicate.value in matches and isinstance(quad.object, NamedNode):
            found[quad.object.value.partition("://")[2].partition("/")[0]].append(quad)
    for host, quads in sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        gone = sorted({str(getattr(q.subject, "value", q.subject)) for q in quads if q.subject not in known})
        yield Links(host, len(quads), len({quad.subject for quad in quads}), tuple(gone))


def _fresh(graphs: Mapping[str, Sequence[Quad]], base: Base) -> Iterable[Fresh]:
    changed: dict[object, list[str]] = defaultdict(list)
    number: dict[object, int] = {}
    time: dict[object, str] = {}
    for quad in graphs.get(LEDGER_GRAPH, ()):
        if quad.predicate.value == KYM + "changedGraph" and isinstance(quad.object, NamedNode):
            changed[quad.subject].append(quad.object.value)
        elif isinstance(quad.object, Literal) and quad.predicate.value == KYM + "generation":
            number[quad.subject] = int(quad.object.value)
        elif isinstance(quad.object, Literal) and quad.predicate.value == _DONE:
            time[quad.subject] = quad.object.value
    last: dict[str, tuple[int, str]] = {}
    for commit, touched in changed.items():
        for iri in touched:
            last[iri] = max(last.get(iri, (0, "")), (number.get(commit, 0), time.get(commit, "")))
    for name, quads in graphs.items():
        if name == LEDGER_GRAPH:
            continue
        iri = name if "://" in name else base.graph(name)
        commit, when = last.get(iri, (0, ""))
        yield Fresh(name, len(quads), commit or None, when)
