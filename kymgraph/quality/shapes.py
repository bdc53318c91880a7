"""The official DCAT-AP shapes, run over a catalogue from a folder that the user has; none are shipped.

Which files are run over what, and what they need beside the catalogue, was found out by trying them: the
complete shapes ask for the class of every value, and the lists for the scheme of every code, which no
catalogue says of other people's IRIs. `controlled-vocabularies.ttl` says it of some, if the folder has it; of
every other IRI of the EU's tables and of IANA's registry what its form tells is taken for granted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from kymgraph.errors import GateTimeout, InputError, KymgraphError
from kymgraph.gate import foreign
from kymgraph.namespaces import DCTERMS, PREFIXES, RDF, RDFS, SKOS
from kymgraph.quality.found import Found
from kymgraph.quality.reading import Note
from kymgraph.quality.vocabulary import AUTHORITY, in_table, is_media_type
from kymgraph.rdf import NamedNode, Quad, Subject, Term, parse
from kymgraph.report import Report, Result

VOCABULARIES: Final = "controlled-vocabularies.ttl"
#: What is run, in this order, and whether with what is known of the values.
_FILES: Final[tuple[tuple[str, bool], ...]] = (
    ("html-shacl/shapes.ttl", False),
    ("shacl/dcat-ap-SHACL.ttl", True),
    ("html-shacl/range.ttl", True),
    ("html-shacl/mdr-vocabularies.shape.ttl", True),
    ("html-shacl/shapes_recommended.ttl", True),
    ("html-shacl/deprecateduris.ttl", True),
)
_RELEASE: Final = re.compile(r"\d+(\.\d+)+")

#: The class that the shapes ask of the entries of each table.
_CLASSES: Final[Mapping[str, str]] = {
    "access-right": DCTERMS + "RightsStatement",
    "continent": DCTERMS + "Location",
    "country": DCTERMS + "Location",
    "data-theme": SKOS + "Concept",
    "dataset-type": SKOS + "Concept",
    "distribution-status": SKOS + "Concept",
    "file-type": DCTERMS + "MediaTypeOrExtent",
    "frequency": DCTERMS + "Frequency",
    "language": DCTERMS + "LinguisticSystem",
    "licence": DCTERMS + "LicenseDocument",
    "place": DCTERMS + "Location",
    "planned-availability": SKOS + "Concept",
}
#: Classes that are kinds of others in vocabularies that the shapes would import.
_KINDS: Final = (
    (PREFIXES["vcard"] + "Individual", PREFIXES["vcard"] + "Kind"),
    (PREFIXES["vcard"] + "Organization", PREFIXES["vcard"] + "Kind"),
    (PREFIXES["vcard"] + "Group", PREFIXES["vcard"] + "Kind"),
    (PREFIXES["foaf"] + "Organization", PREFIXES["foaf"] + "Agent"),
    (PREFIXES["foaf"] + "Person", PREFIXES["foaf"] + "Agent"),
    (PREFIXES["foaf"] + "Group", PREFIXES["foaf"] + "Agent"),
)


@dataclass(frozen=True, slots=True)
class Folder:
    """Shapes on disk."""

    version: str
    files: Mapping[str, Path]  #: by the name that `_FILES` gives them
    vocabularies: Path | None


@dataclass(frozen=True)
class Judged:
    """What the shapes found."""

    version: str
    reports: Mapping[str, Report]  #: by file
    notes: tuple[Note, ...] = ()
    decided: bool = True  #: whether all files that were there came to a verdict
    entries: frozenset[Term] = field(
        default=frozenset(), repr=False
    )  #: of code lists: no part of the catalogue

    def results(self, *, violations: bool) -> list[tuple[str, Result]]:
        """The results with the file of their shape, without those about the entries of code lists.

        What two files say of the same value is taken once, from the first.
        """
        results: dict[tuple[object, ...], tuple[str, Result]] = {}
        for file, report in self.reports.items():
            for result in report.results:
                if result.blocks == violations and result.focus not in self.entries:
                    key = (result.focus, result.path_text, result.value, result.component)
                    first = results.setdefault(key, (file, result))
                    if first[0] == file and first[1] is not result:  # two shapes of one file: both are said
                        results[(*key, result.shape)] = (file, result)
        return list(results.values())

    @cached_property
    def _violating(self) -> frozenset[Term]:
        return frozenset(result.focus for _, result in self.results(violations=True))

    def complies(self, part: Iterable[Term]) -> bool | None:
        """Whether what these resources say is without a violation; None if not all was judged."""
        if not self._violating.isdisjoint(part):
            return False
        return True if self.decided else None


def find(folder: Path) -> Folder:
    """The shapes in a folder: a release of DCAT-AP, or a folder of releases, of which the newest is taken.

    Raises InputError if there are none.
    """
    places = [folder, *sorted(_releases(folder), key=_number, reverse=True)]
    for place in places:
        files = {name: path for name, _ in _FILES if (path := _file(place, name)) is not None}
        if files.keys() & {"html-shacl/shapes.ttl", "shacl/dcat-ap-SHACL.ttl"}:
            beside = (folder / VOCABULARIES, place / VOCABULARIES, folder.parent / VOCABULARIES)
            version = place.name if _RELEASE.fullmatch(place.name) else place.resolve().name
            return Folder(version, files, next((file for file in beside if file.is_file()), None))
    raise InputError(
        f"{folder} holds no DCAT-AP shapes; nothing was checked",
        hint="give a folder with a release such as 3.0.1/, and in that html-shacl/ and shacl/",
    )


def _releases(folder: Path) -> list[Path]:
    try:
        inside = [
            *folder.iterdir(),
            *((folder / "releases").iterdir() if (folder / "releases").is_dir() else ()),
        ]
    except OSError as error:
        raise InputError(f"{folder} could not be read: {error.strerror}") from None
    return [path for path in inside if path.is_dir() and _RELEASE.fullmatch(path.name)]


def _number(release: Path) -> tuple[int, ...]:
    return tuple(map(int, release.name.split(".")))


def _file(place: Path, name: str) -> Path | None:
    """The file of a release, in the layout of a copy or in that of the EU's own repository."""
    for form in (name, name.replace("html-shacl/", "html/shacl/")):
        if (place / form).is_file():
            return place / form
    return None


def judge(found: Found, folder: Folder) -> Judged:
    """Run the shapes over a catalogue. What cannot be decided is noted, not raised.

    Raises RdfSyntaxError for shapes that cannot be read.
    """
    known = [] if folder.vocabularies is None else parse(folder.vocabularies, name=VOCABULARIES)
    beside = [*known, *background(found.quads, known)]
    runs = {
        name: foreign.Run(
            parse(folder.files[name], name=name), [found.quads, beside] if values else [found.quads]
        )
        for name, values in _FILES
        if name in folder.files
    }
    notes: list[Note] = [("note.shapes-missing", {"file": name}) for name, _ in _FILES if name not in runs]
    # Some milliseconds for each quad on a busy machine, and each file's shapes have to be compiled.
    deadline = min(60 + len(found.quads) / 50, 600)
    entries = frozenset(
        subject
        for quad in beside
        if isinstance(subject := quad.subject, Subject) and not found.describes(subject)
    )
    try:
        verdicts = dict(zip(runs, foreign.judge(list(runs.values()), deadline=deadline), strict=True))
    except GateTimeout as error:
        notes.append(("note.shapes-error", {"file": folder.version, "detail": error.message}))
        return Judged(folder.version, {}, tuple(notes), decided=False, entries=entries)
    reports: dict[str, Report] = {}
    decided = True
    for name, verdict in verdicts.items():
        if isinstance(verdict, KymgraphError):
            notes.append(("note.shapes-error", {"file": name, "detail": verdict.message}))
            decided = False
            continue
        reports[name] = verdict
        if verdict.truncated:
            notes.append(("note.shapes-cut", {"file": name, "n": len(verdict.results)}))
            decided &= not verdict.results[-1].blocks  # violations come first
    return Judged(folder.version, reports, tuple(notes), decided=decided, entries=entries)


def background(quads: Iterable[Quad], known: Iterable[Quad] = ()) -> list[Quad]:
    """What the shapes want to hear of IRIs that a catalogue only names, as far as their form tells it.

    `known` are vocabularies: of what they describe nothing is added.
    """
    described = {quad.subject for quad in known}
    named = {quad.object for quad in quads if isinstance(quad.object, NamedNode)} - described
    a, scheme = NamedNode(RDF + "type"), NamedNode(SKOS + "inScheme")
    told: list[Quad] = []
    for term in sorted((term for term in named if isinstance(term, NamedNode)), key=str):
        table = next((table for table in _CLASSES if in_table(term, table)), None)
        if table is not None:
            kinds = dict.fromkeys((_CLASSES[table], SKOS + "Concept"))
            told += [Quad(term, a, NamedNode(kind)) for kind in kinds]
            told.append(Quad(term, scheme, NamedNode(AUTHORITY + table)))
        elif is_media_type(term):
            told += [Quad(term, a, NamedNode(DCTERMS + kind)) for kind in ("MediaType", "MediaTypeOrExtent")]
    narrower = NamedNode(RDFS + "subClassOf")
    return told + [Quad(NamedNode(kind), narrower, NamedNode(wide)) for kind, wide in _KINDS]
