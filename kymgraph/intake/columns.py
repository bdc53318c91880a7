"""Which columns a spreadsheet of a class has: derived from the shapes and the ontology, for no class by hand.

A property is a column of a class if a shape of the class (or of a class above it) speaks of it, if the
ontology's domain puts it there, or if the ontology leaves its domain open and resources of that kind use it.
What a cell may hold comes from shapes, ranges and, where both are silent, from the values that are there.

A header is the field's name in one language and the property's short name in brackets, `alku [startedOn]`;
the short name is stable and decides. A star marks what a new row needs.
"""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, TypeAlias

from kymgraph.errors import BadParameter
from kymgraph.intake.dates import DATE, EDTF, MONTH, TIMES, YEAR
from kymgraph.intake.faults import CellError, Text
from kymgraph.namespaces import DCTERMS, KYM, OWL, PREFIXES, RDF, RDFS, SH, SKOS, XSD
from kymgraph.project import ONTOLOGY_GRAPH, SHAPES_GRAPH, Project
from kymgraph.rdf import DEFAULT_GRAPH, NamedNode, Quad, Subject, Term
from kymgraph.rdf import Literal as RdfLiteral
from kymgraph.view import UNION, View

#: What a cell of a column holds. "text" has a language, "string" has none; "link" is a web address.
Kind: TypeAlias = Literal[
    "id", "graph", "text", "string", "time", "number", "boolean", "reference", "passage", "link"
]

TYPE: Final = NamedNode(RDF + "type")
PREF_LABEL: Final = NamedNode(SKOS + "prefLabel")
ALT_LABEL: Final = NamedNode(SKOS + "altLabel")
HIDDEN_LABEL: Final = NamedNode(SKOS + "hiddenLabel")
DESCRIPTION: Final = NamedNode(DCTERMS + "description")
RDFS_LABEL: Final = NamedNode(RDFS + "label")
NOTATION: Final = NamedNode(SKOS + "notation")
RESTS_ON: Final = NamedNode(KYM + "restsOn")
PASSAGE: Final = KYM + "Passage"
#: Properties that every resource may have, in all languages of the project.
NAMING: Final = (PREF_LABEL, DESCRIPTION, ALT_LABEL)
#: By which a resource may be called in a cell.
CALLED: Final = (PREF_LABEL, ALT_LABEL, RDFS_LABEL, NOTATION)
#: Most instances, and most values of a property, that are looked at to learn how it is used.
SAMPLE: Final = 500
#: After so many look-ups of a name, all names are read at once.
MANY: Final = 1_000
#: Most entries of a drop-down list, and of what is searched for a similar name.
CHOICES: Final = 5_000

#: Names of fields that neither our shapes nor our ontology name, since other vocabularies define them.
_NAMES: Final[dict[str, Text]] = {
    SKOS + "prefLabel": Text("nimi", "namn", "name"),
    SKOS + "altLabel": Text("muu nimi", "annat namn", "other name"),
    SKOS + "hiddenLabel": Text("hakunimi", "söknamn", "search name"),
    SKOS + "notation": Text("koodi", "kod", "notation"),
    SKOS + "definition": Text("määritelmä", "definition", "definition"),
    SKOS + "broader": Text("yläkäsite", "överordnat begrepp", "broader concept"),
    SKOS + "inScheme": Text("käsitteistö", "begreppsschema", "scheme"),
    SKOS + "topConceptOf": Text("ylin käsite", "toppbegrepp i", "top concept of"),
    DCTERMS + "description": Text("kuvaus", "beskrivning", "description"),
    DCTERMS + "source": Text("verkkolähde", "webbkälla", "web source"),
    DCTERMS + "references": Text("viittaa", "hänvisar till", "refers to"),
    PREFIXES["foaf"] + "homepage": Text("kotisivu", "webbplats", "home page"),
    PREFIXES["prov"] + "wasAttributedTo": Text("tekijä", "upphovsman", "attributed to"),
    # The ontology names relations as they are read in a sentence ("on tilassa", "perustuu"), a form names
    # fields ("tila", "lähde"). Both are read.
    KYM + "restsOn": Text("lähde", "källa", "source lines"),
    KYM + "status": Text("tila", "status", "status"),
    KYM + "carriedOutBy": Text("toteuttaja", "genomförare", "carried out by"),
    KYM + "responsibleBody": Text("vastuutaho", "ansvarig aktör", "responsible body"),
    KYM + "about": Text("aihe", "ämne", "is about"),
    KYM + "during": Text("ajanjakso", "tidsperiod", "during"),
}
_HELP: Final[dict[str, Text]] = {
    SKOS + "prefLabel": Text(
        "nimi, jolla kohde tunnetaan", "namnet som objektet är känt under", "the name by which it is known"
    ),
    SKOS + "altLabel": Text(
        "muu nimi tai lyhenne", "annat namn eller förkortning", "another name, or an abbreviation"
    ),
    DCTERMS + "description": Text(
        "lyhyt kuvaus omin sanoin", "kort beskrivning med egna ord", "a short description in your own words"
    ),
    DCTERMS + "source": Text(
        "verkko-osoite, josta tieto on peräisin",
        "webbadress som uppgiften kommer från",
        "web address that the fact is from",
    ),
}
ID_NAME: Final = Text("id", "id", "id")
GRAPH_NAME: Final = Text("graafi", "graf", "graph")

NOTHING: Final = Text("", "", "")
_INTEGERS: Final = frozenset(
    XSD + name
    for name in (
        "integer", "positiveInteger", "nonNegativeInteger", "negativeInteger", "nonPositiveInteger",
        "int", "long", "short", "byte", "unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte",
    )
)  # fmt: skip
_FRACTIONS: Final = frozenset({XSD + "decimal", XSD + "double", XSD + "float"})
LANG_STRING: Final = RDF + "langString"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, which property it stands for, and what its cells hold."""

    short: str  #: stable name: `startedOn`, `prefLabel@fi`, `foaf:homepage`
    name: Text
    kind: Kind
    path: NamedNode | None = None  #: None for `id` and `graph`
    lang: str = ""
    datatypes: tuple[str, ...] = ()  #: IRIs, for times and numbers
    classes: tuple[str, ...] = ()  #: IRIs of what may be referred to; () is anything
    required: bool = False
    many: bool = True
    help: Text = NOTHING
    advice: Text = NOTHING  #: what a shape says when the value is missing
    rank: int = 0  #: where in the sheet: the smaller, the further to the left

    @property
    def splits(self) -> bool:
        """Whether `;` separates values in a cell. Texts may hold one, so only names are split."""
        return self.many and (self.kind not in ("text", "string") or self.path in (ALT_LABEL, HIDDEN_LABEL))

    def header(self, lang: str) -> str:
        """What stands above the column.

        >>> Column("startedOn", Text("alku", "början", "start"), "time", required=True).header("sv")
        'början * [startedOn]'
        """
        tag = f" ({self.lang})" if self.lang else ""
        return f"{self.name.text(lang)}{tag}{' *' if self.required else ''} [{self.short}]"


@dataclass(frozen=True)
class Layout:
    """The columns of one class, in their order; `id` first and `graph` last."""

    iri: str
    short: str  #: `Project`
    name: Text
    columns: tuple[Column, ...]
    #: Every header that is understood, casefolded, and the columns it can mean.
    known: Mapping[str, tuple[Column, ...]]

    def headers(self, lang: str) -> list[str]:
        return [self.id_header if c.kind == "id" else c.header(lang) for c in self.columns]

    @property
    def id_header(self) -> str:
        """The first header, which also says of which class the sheet is."""
        return f"id [{self.short}]"

    def find(self, header: str) -> Column:
        """The column of a header. Raises CellError: unknown, or one that can mean several."""
        wanted = header_key(header)
        found = self.known.get(wanted, ())
        if len(found) == 1:
            return found[0]
        if found:
            raise CellError("header-ambiguous", choices=", ".join(sorted(c.short for c in found)))
        matches = difflib.get_close_matches(wanted, self.known, 1, 0.75)
        near = self.known[matches[0]][0] if matches else None
        raise CellError("header-unknown", cls=self.name, near=did_you_mean(near.name if near else None, near))


def did_you_mean(name: Text | None, column: Column | None = None) -> Text:
    """`Tarkoititko …?`, with a space before it, or nothing."""
    if name is None:
        return NOTHING
    parts = [f"{part} [{column.short}]" if column else part for part in name]
    return Text(f" Tarkoititko: {parts[0]}?", f" Menade du: {parts[1]}?", f" Did you mean: {parts[2]}?")


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def header_key(header: str) -> str:
    """By what a header is looked up: what is in brackets, which decides, else the text without its star.

    >>> header_key("alku * [startedOn]"), header_key("Nimi (fi) *")
    ('startedon', 'nimi (fi)')
    """
    text = " ".join(unicodedata.normalize("NFC", header).split()).casefold()
    match = re.fullmatch(r"(.*?)\s*\[([^\[\]]*)\]", text)
    return match[2].strip() if match else text.rstrip("* ")


class Model:
    """What the ontology and the shapes of one state say about classes and fields. Read once, used often."""

    def __init__(self, view: View, project: Project) -> None:
        self.view, self.project = view, project
        self._layouts: dict[str, Layout] = {}
        self._asked = 0
        self._below: dict[tuple[str, ...], frozenset[str]] = {}
        self._kinds_of: dict[str, list[str]] = {}
        ontology = NamedNode(project.base.graph(ONTOLOGY_GRAPH))
        shapes = NamedNode(project.base.graph(SHAPES_GRAPH))
        self._said = _index(view.quads(graph=ontology))
        self._shaped = _index(view.quads(graph=shapes))

    # -- reading the state

    def quads(
        self, subject: Subject | None = None, predicate: NamedNode | None = None, object: Term | None = None
    ) -> Iterator[Quad]:
        """What readers see: the union, or every graph of a strict project."""
        if self.project.default_graph == "union":
            return self.view.quads(subject, predicate, object, UNION)
        return itertools.chain(
            self.view.quads(subject, predicate, object, DEFAULT_GRAPH),
            self.view.quads(subject, predicate, object),
        )

    def types(self, iri: str) -> set[str]:
        """The classes of a resource; empty if it is not there."""
        return {q.object.value for q in self.quads(NamedNode(iri), TYPE) if isinstance(q.object, NamedNode)}

    def label(self, iri: str, lang: str = "fi") -> str:
        """What a resource is called in `lang`, else in another language, else its short form."""
        found = {
            q.object.language or "": q.object.value
            for path in (RDFS_LABEL, PREF_LABEL)
            for q in self.quads(NamedNode(iri), path)
            if isinstance(q.object, RdfLiteral)
        }
        for wanted in (lang, *self.project.languages, "", *sorted(found)):
            if found.get(wanted):
                return found[wanted]
        return self.curie(iri)

    def called(self, text: str, classes: Iterable[str] = ()) -> set[str]:
        """IRIs of what bears exactly this name, in any language and of these classes (all if none)."""
        self._asked += 1
        found: set[str] | frozenset[str]
        if self._asked > MANY:
            found = self._bearers.get(text, frozenset())
        else:
            found = {
                quad.subject.value
                for path in CALLED
                for lang in (*self.project.languages, "")
                for quad in self.quads(
                    None, path, RdfLiteral(text, language=lang) if lang else RdfLiteral(text)
                )
                if isinstance(quad.subject, NamedNode)
            }
        wanted = self.below(classes)
        return {iri for iri in found if (types := self.types(iri)) and (not wanted or types & wanted)}

    @cached_property
    def _bearers(self) -> dict[str, frozenset[str]]:
        """What bears each name, all at once: for a large file cheaper than one look-up for each."""
        languages = {*self.project.languages, None}
        found: dict[str, set[str]] = defaultdict(set)
        for path in CALLED:
            for quad in self.quads(None, path):
                if (
                    isinstance(quad.subject, NamedNode)
                    and isinstance(quad.object, RdfLiteral)
                    and quad.object.language in languages
                ):
                    found[quad.object.value].add(quad.subject.value)
        return {text: frozenset(iris) for text, iris in found.items()}

    def name(self, iri: str) -> Text:
        """The label of a term in three languages."""
        return Text(*(self.label(iri, lang) for lang in ("fi", "sv", "en")))

    def curie(self, iri: str) -> str:
        """An IRI in short: `project:kymaes-2` for a thing of ours, else by prefix, else as it is."""
        ids = self.project.base.ids
        kind, _, slug = iri.removeprefix(ids).rpartition("/") if iri.startswith(ids) else ("", "", "")
        if kind and slug:
            return f"{kind.replace('/', '-')}:{slug}"
        for prefix, namespace in self.project.prefixes.items():
            if iri.startswith(namespace) and len(iri) > len(namespace):
                return f"{prefix}:{iri[len(namespace) :]}"
        return iri

    # -- classes

    @cached_property
    def classes(self) -> dict[str, Text]:
        """IRI and label of every class that the ontology defines and names, without that of passages."""
        return {
            node.value: self.name(node.value)
            for node, about in self._said.items()
            if isinstance(node, NamedNode)
            and NamedNode(OWL + "Class") in about.get(RDF + "type", ())
            and about.get(RDFS + "label")
            and node.value != PASSAGE
        }

    @cached_property
    def _above(self) -> dict[str, set[str]]:
        return {
            node.value: {o.value for o in about.get(RDFS + "subClassOf", ()) if isinstance(o, NamedNode)}
            for node, about in self._said.items()
            if isinstance(node, NamedNode)
        }

    def above(self, cls: str) -> set[str]:
        """The class and all that it is a subclass of."""
        found, ahead = {cls}, [cls]
        while ahead:
            new = self._above.get(ahead.pop(), set()) - found
            found |= new
            ahead += new
        return found

    def below(self, classes: Iterable[str]) -> frozenset[str]:
        """The classes and all their subclasses."""
        key = tuple(classes)
        if key not in self._below:
            wanted = set(key)
            self._below[key] = frozenset(wanted | {cls for cls in self._above if self.above(cls) & wanted})
        return self._below[key]

    def layout_name(self, cls: str) -> str:
        """How a class is called in the header of its sheets: its local name, or CURIE if two share it."""
        return (
            local(cls) if sum(local(other) == local(cls) for other in self.classes) == 1 else self.curie(cls)
        )

    def find_class(self, name: str) -> str:
        """The class of a local name, CURIE, IRI or label in any language. Raises BadParameter."""
        found = self._class_names_known.get(_plain(name), set())
        if len(found) == 1:
            return min(found)
        if found:
            raise BadParameter(
                f"{name!r} can mean several classes: {', '.join(sorted(map(self.curie, found)))}",
                hint="write one of them",
            )
        near = self.similar_classes(name)
        raise BadParameter(
            f"there is no class {name!r}",
            hint=f"did you mean {', '.join(near)}?"
            if near
            else "`kymgraph template --list` shows the classes",
        )

    def similar_classes(self, name: str) -> list[str]:
        """CURIEs of the classes that have, or nearly have, this name."""
        known = self._class_names_known
        keys = [_plain(name)] if _plain(name) in known else difflib.get_close_matches(_plain(name), known, 3)
        return list(dict.fromkeys(self.curie(iri) for key in keys for iri in sorted(known[key])))

    @cached_property
    def _class_names_known(self) -> dict[str, set[str]]:
        names: dict[str, set[str]] = defaultdict(set)
        for iri, label in self.classes.items():
            for known in (iri, f"<{iri}>", self.curie(iri), local(iri), *label):
                names[_plain(known)].add(iri)
        return dict(names)

    def kinds(self, cls: str) -> list[str]:
        """The folders that things of a class have their IRIs in, the most used first: `project`."""
        if cls not in self._kinds_of:
            self._kinds_of[cls] = self._kinds(cls) or next(
                (kinds for parent in sorted(self._above.get(cls, ())) if (kinds := self._kinds(parent))),
                [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", local(cls)).lower()],
            )
        return self._kinds_of[cls]

    def _kinds(self, cls: str) -> list[str]:
        ids = self.project.base.ids
        counts: Counter[str] = Counter()
        for each in sorted(self.below([cls])):
            for iri in itertools.islice(self._instances(each), SAMPLE):
                kind, _, slug = iri.removeprefix(ids).rpartition("/")
                if iri.startswith(ids) and kind and slug:
                    # Those of the class itself say more than those of its subclasses.
                    counts[kind] += SAMPLE if each == cls else 1
        return [kind for kind, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]

    def _instances(self, cls: str) -> Iterator[str]:
        seen = set()
        for quad in self.quads(None, TYPE, NamedNode(cls)):
            if isinstance(quad.subject, NamedNode) and quad.subject.value not in seen:
                seen.add(quad.subject.value)
                yield quad.subject.value

    def instances(self, classes: Iterable[str]) -> list[str]:
        """IRIs of what is of these classes or their subclasses, sorted; at most `CHOICES`."""
        every = (iri for cls in sorted(self.below(classes)) for iri in self._instances(cls))
        return sorted(set(itertools.islice(every, CHOICES)))

    def referred_to(self, path: NamedNode, most: int = 100) -> list[str]:
        """IRIs of the things that a property leads to, sorted; none if they are more than `most`."""
        found: set[str] = set()
        for quad in self.quads(None, path):
            if isinstance(quad.object, NamedNode) and quad.object.value not in found:
                if len(found) == most:
                    return []
                if self.types(quad.object.value):
                    found.add(quad.object.value)
        return sorted(found)

    # -- layouts

    def layout(self, cls: str) -> Layout:
        """The columns of a class (its IRI)."""
        if cls not in self._layouts:
            self._layouts[cls] = self._layout(cls)
        return self._layouts[cls]

    def _layout(self, cls: str) -> Layout:
        above = self.above(cls)
        shapes = self._shapes_of(above)
        used, family = self._used(cls)
        named = {path.value for path in NAMING}
        columns = [Column(local(cls), ID_NAME, "id", required=False, many=False, rank=0)]
        for path in sorted(set(shapes) | self._domain_of(above) | set(used) | named):
            if path not in self._stored_elsewhere and not self._forbidden(shapes.get(path, [])):
                rank = (
                    1 if path == PREF_LABEL.value
                    else 2 if path == DESCRIPTION.value
                    else 9 if path == RESTS_ON.value
                    else 8 if path == ALT_LABEL.value
                    else 4 if path in shapes
                    else 5 if path not in used
                    else 5 if path in used and used[path] >= 3
                    else 6
                )  # fmt: skip
                columns += self._columns(path, shapes.get(path, []), family, rank)
        columns.append(Column("graph", GRAPH_NAME, "graph", many=False, rank=99))
        columns = _with_short_names(columns, self)
        columns.sort(key=lambda c: (3 if c.required and c.rank > 3 else c.rank, self._order(c)))
        name = self.name(cls)
        return Layout(cls, self.layout_name(cls), name, tuple(columns), self._known(columns, cls, shapes))

    def _forbidden(self, shapes: list[Subject]) -> bool:
        """Whether a shape says that the property must not be there: sh:maxCount 0."""
        zero = {RdfLiteral("0", datatype=NamedNode(XSD + "integer"))}
        return any(zero & set(self._shaped[s].get(SH + "maxCount", ())) for s in shapes)

    def _order(self, column: Column) -> tuple[str, str, int]:
        # By the Finnish name whatever the language, so that the columns stand alike in all three.
        languages = self.project.languages
        place = languages.index(column.lang) if column.lang in languages else len(languages)
        return (column.name.fi.casefold(), column.path.value if column.path else "", place)

    def _shapes_of(self, above: set[str]) -> dict[str, list[Subject]]:
        """The property shapes that speak of a class, by path, in the order of their IRIs."""
        found: dict[str, list[Subject]] = defaultdict(list)
        for shape, about in sorted(self._shaped.items(), key=lambda item: str(item[0])):
            targets = {t.value for t in about.get(SH + "targetClass", ()) if isinstance(t, NamedNode)}
            if isinstance(shape, NamedNode) and NamedNode(RDFS + "Class") in about.get(RDF + "type", ()):
                targets.add(shape.value)
            if not targets & above or _is(about, SH + "deactivated"):
                continue
            for node in sorted((shape, *about.get(SH + "property", ())), key=str):
                inner = self._shaped.get(node, {}) if isinstance(node, Subject) else {}
                for path in inner.get(SH + "path", ()):
                    if isinstance(path, NamedNode) and not _is(inner, SH + "deactivated"):
                        assert isinstance(node, Subject)
                        found[path.value].append(node)
        return found

    @cached_property
    def _by_path(self) -> dict[str, list[Subject]]:
        """Every property shape by its path, whatever class it is for."""
        found: dict[str, list[Subject]] = defaultdict(list)
        for node, about in sorted(self._shaped.items(), key=lambda item: str(item[0])):
            for path in about.get(SH + "path", ()):
                if isinstance(path, NamedNode):
                    found[path.value].append(node)
        return found

    @cached_property
    def _properties(self) -> dict[str, set[str]]:
        """Every property that the ontology declares, with its kinds."""
        kinds = {OWL + "ObjectProperty", OWL + "DatatypeProperty", OWL + "AnnotationProperty"}
        return {
            node.value: types
            for node, about in self._said.items()
            if isinstance(node, NamedNode)
            and (types := {t.value for t in about.get(RDF + "type", ()) if isinstance(t, NamedNode)}) & kinds
        }

    @cached_property
    def _stored_elsewhere(self) -> frozenset[str]:
        """Properties that follow from others and are never stored by hand: inverses and chains."""
        derived = {
            node.value
            for node, about in self._said.items()
            if isinstance(node, NamedNode)
            and node.value.startswith(KYM)
            and (about.get(OWL + "inverseOf") or about.get(OWL + "propertyChainAxiom"))
        }
        return frozenset(derived | {RDF + "type"})

    def _domain_of(self, above: set[str]) -> set[str]:
        """Properties whose domain (one class, or a union with one) takes in the class."""
        return {
            path
            for path in self._properties
            if any(
                self._members(domain) & above
                for domain in self._said.get(NamedNode(path), {}).get(RDFS + "domain", ())
            )
        }

    def _members(self, node: Term) -> set[str]:
        """The classes that a class expression names: itself, or the members of its union."""
        if isinstance(node, NamedNode) and not self._said.get(node, {}).get(OWL + "unionOf"):
            return {node.value}
        about = self._said.get(node, {}) if isinstance(node, Subject) else {}
        return {
            member.value
            for head in about.get(OWL + "unionOf", ())
            for member in _items(self._said, head)
            if isinstance(member, NamedNode)
        }

    def _used(self, cls: str) -> tuple[Counter[str], list[str]]:
        """Properties of open domain that things like these have, how often, and some such things."""
        own = self.below([cls])
        kin = own | (self.above(cls) & set(self.classes))
        near = sorted({iri for c in own for iri in itertools.islice(self._instances(c), SAMPLE)})
        family = near + sorted(
            {iri for c in kin - own for iri in itertools.islice(self._instances(c), SAMPLE)} - set(near)
        )
        counts: Counter[str] = Counter()
        for iri in family:
            counts.update({q.predicate.value for q in self.quads(NamedNode(iri))})
        return (
            Counter(
                {
                    path: count
                    for path, count in counts.items()
                    if path in self._properties
                    and not self._said.get(NamedNode(path), {}).get(RDFS + "domain")
                }
            ),
            family,
        )

    def _columns(self, path: str, shapes: list[Subject], family: list[str], rank: int) -> Iterator[Column]:
        """The column of a property, or one for each language of a text."""
        about = self._said.get(NamedNode(path), {})
        types = self._properties.get(path, set())
        kind, datatypes, classes = self._content(path, shapes)
        least = [_number(self._shaped[s], SH + "minCount") for s in shapes]
        most = [m for s in shapes if (m := _number(self._shaped[s], SH + "maxCount"))]
        advice = next(
            (_text(self._shaped[s], SH + "message") for s, n in zip(shapes, least, strict=True) if n), None
        )
        many = OWL + "FunctionalProperty" not in types and not (most and min(most) == 1)
        column = Column(
            path,
            self._field_name(path, shapes),
            kind,
            NamedNode(path),
            datatypes=datatypes,
            classes=classes,
            required=any(least),
            many=many and path != PREF_LABEL.value,
            help=_text(about, SKOS + "definition") or _HELP.get(path, NOTHING),
            advice=advice or FILL_IN,
            rank=rank,
        )
        if kind != "text":
            yield column
            return
        languages = self.project.languages if NamedNode(path) in NAMING else self._languages(path)
        for lang in languages:
            first = lang == self.project.languages[0]
            required = first and (column.required or path == PREF_LABEL.value)
            yield replace(
                column,
                lang=lang,
                required=required,
                many=False if NamedNode(path) in (PREF_LABEL, DESCRIPTION) else column.many,
            )

    def _field_name(self, path: str, shapes: list[Subject]) -> Text:
        """What people call the field: as reports do (sh:name), else the property's label."""
        if path in _NAMES:
            return _NAMES[path]
        forms = [
            s
            for s in shapes
            if any(self._shaped[s].get(SH + part) for part in ("minCount", "datatype", "or", "class"))
        ]
        for shape in forms:
            if name := _text(self._shaped[shape], SH + "name"):
                return name
        about = self._said.get(NamedNode(path), {})
        return _text(about, RDFS + "label") or Text.same(local(path))

    def _content(self, path: str, shapes: list[Subject]) -> tuple[Kind, tuple[str, ...], tuple[str, ...]]:
        """Kind, datatypes and classes of what a property holds."""
        if NamedNode(path) in (*NAMING, HIDDEN_LABEL):
            return "text", (), ()
        types = self._properties.get(path, set())
        ranges = [
            r
            for p in self._self_and_above(path)
            for r in self._said.get(NamedNode(p), {}).get(RDFS + "range", ())
        ]
        demanded = {
            c.value for s in shapes for c in self._shaped[s].get(SH + "class", ()) if isinstance(c, NamedNode)
        }
        datatypes = self._datatypes(path, shapes, ranges)
        values = list(itertools.islice((q.object for q in self.quads(None, NamedNode(path))), SAMPLE))
        literals = [v for v in values if isinstance(v, RdfLiteral)]
        if OWL + "ObjectProperty" in types or demanded or (values and not literals):
            classes = demanded or {member for r in ranges for member in self._members(r)}
            classes = {c for c in classes if c in self._above or c in self.classes or c == PASSAGE}
            if PASSAGE in classes:
                return "passage", (), (PASSAGE,)
            web = values and all(
                isinstance(v, NamedNode) and v.value.startswith(("http://", "https://"))
                and not v.value.startswith(self.project.base.iri)
                for v in values
            )  # fmt: skip
            return ("link" if web and not classes else "reference"), (), tuple(sorted(classes))
        if any(v.language for v in literals) or LANG_STRING in datatypes:
            return "text", (), ()
        if not datatypes:
            datatypes = {v.datatype.value for v in literals}
            if datatypes & set(TIMES):
                datatypes = datatypes | {YEAR, MONTH, DATE}
        if datatypes & set(TIMES):
            return "time", tuple(t for t in TIMES if t in datatypes), ()
        if datatypes & (_INTEGERS | _FRACTIONS):
            return "number", tuple(sorted(datatypes & (_INTEGERS | _FRACTIONS))), ()
        if XSD + "boolean" in datatypes:
            return "boolean", (XSD + "boolean",), ()
        return "string", (), ()

    def _datatypes(self, path: str, shapes: list[Subject], ranges: list[Term]) -> set[str]:
        """From the shapes of the class, else from any shape of the property, else from its range."""
        for group in (shapes, self._by_path.get(path, [])):
            found: set[str] = set()
            for shape in group:
                about = self._shaped[shape]
                found |= {d.value for d in about.get(SH + "datatype", ()) if isinstance(d, NamedNode)}
                for head in (*about.get(SH + "or", ()), *about.get(SH + "xone", ())):
                    for member in _items(self._shaped, head):
                        inner = self._shaped.get(member, {}) if isinstance(member, Subject) else {}
                        found |= {d.value for d in inner.get(SH + "datatype", ()) if isinstance(d, NamedNode)}
            if found:
                return found
        found = set()
        for node in ranges:
            about = self._said.get(node, {}) if isinstance(node, Subject) else {}
            base = about.get(OWL + "onDatatype", ())
            found |= {d.value for d in (node, *base) if isinstance(d, NamedNode) and _is_datatype(d.value)}
        return found

    def _self_and_above(self, path: str) -> list[str]:
        found, ahead = [path], [path]
        while ahead:
            for node in self._said.get(NamedNode(ahead.pop()), {}).get(RDFS + "subPropertyOf", ()):
                if isinstance(node, NamedNode) and node.value not in found:
                    found.append(node.value)
                    ahead.append(node.value)
        return found

    def _languages(self, path: str) -> tuple[str, ...]:
        """The languages that a text has where it is used; at least the first of the project."""
        used = {
            q.object.language
            for q in itertools.islice(self.quads(None, NamedNode(path)), SAMPLE)
            if isinstance(q.object, RdfLiteral) and q.object.language
        }
        languages = self.project.languages
        return tuple(lang for lang in languages if lang in used or lang == languages[0])

    def _known(
        self, columns: list[Column], cls: str, shapes: Mapping[str, list[Subject]]
    ) -> dict[str, tuple[Column, ...]]:
        known: dict[str, dict[str, Column]] = defaultdict(dict)
        for column in columns:
            if column.kind == "id":
                keys = {"id", *(name.casefold() for name in self._class_names(cls))}
            elif column.path is None:
                keys = {"graph", *(name.casefold() for name in GRAPH_NAME)}
            else:
                path, tag = column.path.value, f"@{column.lang}" if column.lang else ""
                about = self._said.get(column.path, {})
                names = {
                    *column.name,
                    *(_text(about, RDFS + "label") or ()),
                    *(n for s in shapes.get(path, ()) for n in _text(self._shaped[s], SH + "name") or ()),
                }
                plain = {local(path), self.curie(path), path, f"<{path}>"}
                keys = {
                    column.short,
                    *(f"{name}{tag}" for name in plain),
                    *(f"{name} ({column.lang})" if tag else name for name in names if name),
                }
                if column.lang == self.project.languages[0]:
                    keys |= plain | names
            for key in keys:
                known[key.casefold()][column.short] = column
        # A column's own name comes before a name that another column has as well.
        own = {name.casefold(): c for c in reversed(columns) for name in (*c.name, c.short) if not c.lang}
        own |= {f"{n} ({c.lang})".casefold(): c for c in reversed(columns) for n in c.name if c.lang}
        own |= {c.short.casefold(): c for c in columns if c.kind != "id"}
        result = {key: tuple(found.values()) for key, found in known.items()}
        for key, column in own.items():
            same = [c for c in columns if key in (n.casefold() for n in c.name) and c.lang == column.lang]
            if key in result and (key == column.short.casefold() or len(same) == 1) and key != "id":
                result[key] = (column,)
        return result

    def _class_names(self, cls: str) -> set[str]:
        return {local(cls), self.curie(cls), cls, *self.name(cls)}


FILL_IN: Final = Text("Täytä solu.", "Fyll i cellen.", "Fill in the cell.")


def local(iri: str) -> str:
    """The last part of an IRI: what follows its last `#` or `/`."""
    return re.split(r"[#/]", iri)[-1] or iri


def _with_short_names(columns: list[Column], model: Model) -> list[Column]:
    """Give each column its lasting short name: the local name, or the CURIE where two share that."""
    owners: dict[str, set[str]] = defaultdict(set)
    for path in model._properties:
        owners[local(path)].add(path)
    result = []
    for column in columns:
        if column.path is not None:
            path = column.path.value
            rivals = owners[local(path)] - {path}
            ours = path.startswith(KYM) or column.path in (*NAMING, HIDDEN_LABEL)
            name = local(path) if ours or not rivals else model.curie(path)
            column = replace(column, short=f"{name}@{column.lang}" if column.lang else name)
        result.append(column)
    return result


_Index: TypeAlias = dict[Subject, dict[str, tuple[Term, ...]]]


def _index(quads: Iterable[Quad]) -> _Index:
    """Objects by subject and predicate; the sets are sorted, so that nothing depends on the store's order."""
    found: dict[Subject, dict[str, list[Term]]] = defaultdict(lambda: defaultdict(list))
    for quad in quads:
        assert isinstance(quad.subject, Subject)
        assert isinstance(quad.object, Term)
        found[quad.subject][quad.predicate.value].append(quad.object)
    return {s: {p: tuple(sorted(o, key=str)) for p, o in about.items()} for s, about in found.items()}


def _items(index: _Index, head: Term) -> Iterator[Term]:
    seen = set()
    while isinstance(head, Subject) and head not in seen and head.value != RDF + "nil":
        seen.add(head)
        about = index.get(head, {})
        yield from about.get(RDF + "first", ())
        head = next(iter(about.get(RDF + "rest", ())), NamedNode(RDF + "nil"))


def _text(about: Mapping[str, tuple[Term, ...]], path: str) -> Text | None:
    found = {o.language or "": o.value for o in about.get(path, ()) if isinstance(o, RdfLiteral)}
    if not found:
        return None
    other = next(iter(found.values()))
    return Text(*(found.get(lang) or found.get("") or other for lang in ("fi", "sv", "en")))


def _number(about: Mapping[str, tuple[Term, ...]], path: str) -> int:
    return max(
        (int(o.value) for o in about.get(path, ()) if isinstance(o, RdfLiteral) and o.value.isdecimal()),
        default=0,
    )


def _is(about: Mapping[str, tuple[Term, ...]], path: str) -> bool:
    return any(isinstance(o, RdfLiteral) and o.value in ("true", "1") for o in about.get(path, ()))


def _is_datatype(iri: str) -> bool:
    return iri.startswith(XSD) or iri in (LANG_STRING, EDTF)
