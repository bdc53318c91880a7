"""Their side of a link: a vocabulary as entries with names, types, places in a hierarchy, codes and dates.

Files are read whole: SKOS in any RDF format, or a table (TSV) with the columns of `COLUMNS`. What lives on
the web (`finto`, `wikidata`) answers the same questions.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from kymgraph import words
from kymgraph.errors import InputError
from kymgraph.linking.decisions import Text
from kymgraph.linking.entities import Entity
from kymgraph.namespaces import DCTERMS, OWL, RDF, RDFS, SKOS
from kymgraph.rdf import FORMATS, Format, Literal, NamedNode, Quad, format_for, parse, read_bytes

#: Columns of a table. Cells may hold several names, with | between; `label@fi` may be in any language.
COLUMNS: Final = {
    "iri": "the concept's IRI; the one column that has to be there",
    "label, label@fi, label@sv, label@en…": "its preferred name, without a language or in one",
    "alt, alt@fi…": "other names",
    "type": "what kind of thing it is, in words: municipality, populated place",
    "broader": "the name of what it lies in or below",
    "notation": "its code; codes that several concepts share identify none of them",
    "from, until": "ISO date or year in which it holds",
    "replaced_by": "IRI of the concept that took its place",
    "vocabulary": "IRI of the vocabulary, where one table holds several",
    "release": "release that the row was read in",
}
#: Bytes of a vocabulary file, unpacked: YSO as RDF/XML is about 100 MB.
LARGEST: Final = 400_000_000
#: Entries that are compared with one entity.
_COMPARED: Final = 60
#: Letters by which a word is found that another spelling or a slip of the pen changes further on.
_BEGINNING: Final = 6

_PLAIN: Final = frozenset(
    {"iri", "type", "broader", "notation", "from", "until", "replaced_by", "vocabulary", "release"}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A concept of a vocabulary, as its keeper describes it."""

    iri: str
    names: tuple[Text, ...]
    others: tuple[Text, ...] = ()
    types: tuple[str, ...] = ()  #: in words
    broader: tuple[str, ...] = ()  #: names of what it lies in or below
    codes: tuple[str, ...] = ()
    valid_from: str = ""
    valid_until: str = ""
    deprecated: bool = False
    replaced_by: str = ""
    vocabulary: str = ""
    release: str = ""
    topic: bool = False  #: a wide category, under which things are filed rather than found again
    shared_codes: int = 0  #: how many entries of its vocabulary have one of its codes too
    via: str = ""  #: the concept through which another vocabulary states the link


class Vocabulary(Protocol):
    """What a matcher asks of a vocabulary."""

    iri: str

    def prepare(self, entities: Sequence[Entity]) -> None:
        """Be told what will be asked for, so that questions can be put together."""
        ...

    def candidates(self, entity: Entity) -> list[Entry]:
        """Entries that share a word or a code with the entity, in no order that matters."""
        ...

    def entry(self, iri: str) -> Entry | None:
        """The entry as it is now; None if the vocabulary has no such entry."""
        ...


@dataclass
class FileVocabulary:
    """A vocabulary in memory."""

    entries: Mapping[str, Entry]
    iri: str = ""
    _by_word: dict[str, set[str]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        shared = Counter(code for entry in self.entries.values() for code in entry.codes)
        self.entries = {
            iri: replace(entry, shared_codes=max((shared[c] - 1 for c in entry.codes), default=0))
            for iri, entry in self.entries.items()
        }

    def _words(self) -> dict[str, set[str]]:
        if not self._by_word:
            found: dict[str, set[str]] = defaultdict(set)
            for iri, entry in self.entries.items():
                for text in (*entry.names, *entry.others):
                    for word in tokens(text):
                        found[word].add(iri)
                for code in entry.codes:
                    found["#" + code].add(iri)
            self._by_word = dict(found)
        return self._by_word

    def prepare(self, entities: Sequence[Entity]) -> None:
        """Nothing: all is in memory."""

    def candidates(self, entity: Entity) -> list[Entry]:
        index = self._words()
        votes: Counter[str] = Counter()
        asked = {word for text in (*entity.names, *entity.others) for word in tokens(text)}
        for word in asked | {"#" + code for code in entity.codes}:
            found = index.get(word, set())
            # A word that stands everywhere says little; one that stands once says much.
            for iri in found:
                votes[iri] += 1 + 1000 // (10 + len(found))
        best = sorted(votes, key=lambda iri: (-votes[iri], iri))[:_COMPARED]
        return [self.entries[iri] for iri in best]

    def entry(self, iri: str) -> Entry | None:
        return self.entries.get(iri)


def tokens(text: Text) -> set[str]:
    """All that the words of a name are found by: forms, lemmas, parts of compounds, and how long words begin.

    >>> sorted(tokens(Text("Kotkat", "fi")))
    ['kotka', 'kotkat', '~kotkat']
    """
    found: set[str] = set()
    for word in words.words(text.value, text.lang or None):
        if word.form not in words.STOP_WORDS:
            found.update(word.terms, word.parts)
            folded = words.fold(word.form)
            found.add("~" + (folded[:_BEGINNING] if len(folded) > _BEGINNING else folded))
    return found


def load(path: Path, *, iri: str = "", release: str = "") -> FileVocabulary:
    """Read a vocabulary file; its suffix says how. `iri` and `release` go where the file does not say.

    Raises InputError, RdfSyntaxError, UnsafePayload.
    """
    if not path.is_file():
        raise InputError(
            f"{path} is no file; nothing was compared",
            hint="name a SKOS file or a table, or one of yso, yso-paikat, wikidata, eu-themes",
        )
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path} has more than {LARGEST:,} bytes; nothing was compared")
    if path.suffix.lower() in (".tsv", ".tab"):
        return of_table(read_bytes(path), str(path), iri=iri, release=release)
    try:
        fmt = format_for(path)
    except InputError as error:
        raise InputError(
            f"{path} is neither RDF nor a table: {error.message}", hint="tables end in .tsv"
        ) from None
    return of_skos(parse(path, fmt), iri=iri, release=release)


# --- tables ---------------------------------------------------------------------------------------------


def of_table(data: bytes, name: str, *, iri: str = "", release: str = "") -> FileVocabulary:
    r"""A vocabulary from tab-separated rows without quoting, the first of which has names of COLUMNS.

    >>> of_table(b"iri\tlabel@fi\nhttp://a.example/1\tIitti\n", "a.tsv").entries["http://a.example/1"].names
    (Text(value='Iitti', lang='fi'),)
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 (byte {error.start}); nothing was compared") from None
    rows = csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = [column.strip() for column in next(rows, [])]
    unknown = [c for c in header if c not in _PLAIN and c.partition("@")[0] not in ("label", "alt")]
    if "iri" not in header or unknown:
        what = f"the column {unknown[0]!r} is not known" if unknown else "there is no column iri"
        raise InputError(f"{name}: {what}; nothing was compared", hint=f"columns are {'; '.join(COLUMNS)}")
    entries: dict[str, Entry] = {}
    for number, row in enumerate(rows, 2):
        if any(cell.strip() for cell in row):
            cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
            entry = _of_row(cells, name, number, iri, release)
            entries[entry.iri] = entry
    return FileVocabulary(entries, iri)


def _of_row(cells: Mapping[str, str], name: str, number: int, iri: str, release: str) -> Entry:
    try:
        concept = NamedNode(cells.get("iri", "")).value
    except ValueError:
        raise InputError(
            f"{name}, row {number}: {cells.get('iri')!r} is no IRI; nothing was compared"
        ) from None

    def texts(kind: str) -> tuple[Text, ...]:
        return tuple(
            Text(part, column.partition("@")[2])
            for column, cell in cells.items()
            if column.partition("@")[0] == kind
            for part in _several(cell)
        )

    return Entry(
        iri=concept,
        names=texts("label"),
        others=texts("alt"),
        types=_several(cells.get("type", "")),
        broader=_several(cells.get("broader", "")),
        codes=_several(cells.get("notation", "")),
        valid_from=cells.get("from", ""),
        valid_until=cells.get("until", ""),
        deprecated=bool(cells.get("replaced_by")),
        replaced_by=cells.get("replaced_by", ""),
        vocabulary=cells.get("vocabulary") or iri,
        release=cells.get("release") or release,
    )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(part for one in cell.split("|") if (part := one.strip()))


# --- SKOS -----------------------------------------------------------------------------------------------


def read_skos(
    data: bytes, fmt: Format | str, name: str, *, iri: str = "", release: str = ""
) -> FileVocabulary:
    """As `of_skos`, from bytes."""
    form = fmt if isinstance(fmt, Format) else FORMATS[fmt]
    return of_skos(parse(data, form, name=name), iri=iri, release=release)


def of_skos(quads: Iterable[Quad], *, iri: str = "", release: str = "") -> FileVocabulary:
    """A vocabulary from SKOS: everything with a preferred label, other than the schemes and collections."""
    said: dict[str, dict[str, list[NamedNode | Literal]]] = defaultdict(lambda: defaultdict(list))
    for quad in quads:
        if isinstance(quad.subject, NamedNode) and isinstance(quad.object, NamedNode | Literal):
            said[quad.subject.value][quad.predicate.value].append(quad.object)
    schemes = [s for s, about in said.items() if NamedNode(SKOS + "ConceptScheme") in about[RDF + "type"]]
    if not iri and len(schemes) == 1:
        iri = schemes[0]
    if not release and len(schemes) == 1:
        about = said[schemes[0]]
        release = _value(about, OWL + "versionInfo") or _value(about, DCTERMS + "modified")[:10]
    names = {s: _texts(about, "prefLabel") for s, about in said.items()}
    entries = {
        s: _of_concept(s, about, names, said, iri, release)
        for s, about in list(said.items())
        if names[s] and s not in schemes and NamedNode(SKOS + "Collection") not in about[RDF + "type"]
    }
    return FileVocabulary(entries, iri)


def _of_concept(
    subject: str,
    about: Mapping[str, list[NamedNode | Literal]],
    names: Mapping[str, tuple[Text, ...]],
    said: Mapping[str, Mapping[str, list[NamedNode | Literal]]],
    iri: str,
    release: str,
) -> Entry:
    def named(*predicates: str) -> tuple[str, ...]:
        nodes = [n.value for p in predicates for n in about.get(p, ()) if isinstance(n, NamedNode)]
        return tuple(sorted({text.value for node in nodes for text in names.get(node, ())}))

    types = [t.value for t in about.get(RDF + "type", ()) if not t.value.startswith((SKOS, OWL, RDF))]
    in_words = [label.value for t in types for label in said.get(t, {}).get(RDFS + "label", ())]
    scheme = min((s.value for s in about.get(SKOS + "inScheme", ())), default="")
    return Entry(
        iri=subject,
        names=names[subject],
        others=tuple(sorted({*_texts(about, "altLabel"), *_texts(about, "hiddenLabel")})),
        types=tuple(sorted(in_words)),
        broader=named(SKOS + "broader", DCTERMS + "isPartOf"),
        codes=tuple(sorted({v.value for v in about.get(SKOS + "notation", ())})),
        valid_until=_value(about, "https://schema.org/validThrough"),
        deprecated=_value(about, OWL + "deprecated") in ("true", "1")
        or bool(about.get(DCTERMS + "isReplacedBy")),
        replaced_by=_value(about, DCTERMS + "isReplacedBy"),
        vocabulary=iri or scheme,
        release=release,
    )


def _texts(about: Mapping[str, list[NamedNode | Literal]], name: str) -> tuple[Text, ...]:
    found = about.get(SKOS + name, [])
    return tuple(sorted({Text(v.value, (v.language or "").lower()) for v in found if isinstance(v, Literal)}))


def _value(about: Mapping[str, list[NamedNode | Literal]], predicate: str) -> str:
    return min((value.value for value in about.get(predicate, ())), default="")
