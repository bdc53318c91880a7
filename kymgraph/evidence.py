"""Do the facts stand on their sources? Every passage is checked against the lines it names.

A *fact* is a resource of a source graph with at least one `kym:restsOn` passage there, covering its own
outgoing triples, or one triple with a passage of its own (an `rdf:Statement` beside it). A *passage* is
`…/id/passage/<document>/<first>-<last>`: at most four non-blank lines of one source file, with their hash.
`audit` compares the two and says what is broken, which triples are bare (no passage covers them) and how
much of the sources is covered; `complete` writes the passage nodes that authors only referred to.
Lines count from 1 and end at a line feed; a hash is SHA-256 of the UTF-8 text of the lines joined by one
line feed, without the last. Nothing here needs a store: the quads may come from the files or from a view.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kymgraph.errors import InputError
from kymgraph.namespaces import DCTERMS, KYM, PROV, RDF, XSD, Base
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad, canonical_turtle, format_for, parse

if TYPE_CHECKING:
    from kymgraph.project import Project

#: Most non-blank lines that one passage may hold.
PASSAGE_LINES: Final = 4
#: Least share of the non-blank lines (without the reasoned ones) that facts must cover.
LEAST_COVERAGE: Final = 0.98
#: Largest share of the non-blank lines that may be excused with a reason.
MOST_REASONED: Final = 0.15

#: Why a line may carry no fact. `data/reasoned-lines.csv` uses these codes and no other.
REASONS: Final[dict[str, str]] = {
    "call-to-action": "asks the reader to click, sign up, share or get in touch",
    "contact-data": "telephone, e-mail, fax or other contact data that we do not keep",
    "layout": "a leftover of the page's layout (a blank legend, an icon's text, an attachment's size)",
    "lead-in": "only introduces the lines below it, which are modelled",
    "navigation": "a menu, a skip link or another way around the page",
    "repeated-heading": "repeats a heading that is modelled from another line",
    "rhetoric": "a question or an address to the reader that claims nothing",
    "slogan": "an advertising line that claims nothing",
    "verse": "a line of a poem",
}

#: Properties by which a resource of `background` cites where it is known from.
CITATIONS: Final = (NamedNode(KYM + "citation"), NamedNode(DCTERMS + "source"))
ATTRIBUTION: Final = NamedNode(PROV + "wasAttributedTo")
REASON: Final = NamedNode(KYM + "reason")
RESOLUTION: Final = NamedNode(KYM + "resolution")

TYPE: Final = NamedNode(RDF + "type")
STATEMENT: Final = NamedNode(RDF + "Statement")
SUBJECT: Final = NamedNode(RDF + "subject")
PREDICATE: Final = NamedNode(RDF + "predicate")
OBJECT: Final = NamedNode(RDF + "object")
PASSAGE: Final = NamedNode(KYM + "Passage")
EDITION: Final = NamedNode(KYM + "Edition")
LINEAGE_LINK: Final = NamedNode(KYM + "LineageLink")
CONTRADICTION: Final = NamedNode(KYM + "Contradiction")
RESTS_ON: Final = NamedNode(KYM + "restsOn")
EARLIER_EVIDENCE: Final = NamedNode(KYM + "earlierEvidence")
LATER_EVIDENCE: Final = NamedNode(KYM + "laterEvidence")
EVIDENCE: Final = (RESTS_ON, EARLIER_EVIDENCE, LATER_EVIDENCE)
CONFIDENCE: Final = NamedNode(KYM + "confidence")
DOCUMENT: Final = NamedNode(KYM + "document")
FIRST_LINE: Final = NamedNode(KYM + "firstLine")
LAST_LINE: Final = NamedNode(KYM + "lastLine")
SHA256: Final = NamedNode(KYM + "sha256")
PHRASE: Final = NamedNode(KYM + "phrase")
XSD_INTEGER: Final = NamedNode(XSD + "integer")

Node = NamedNode | BlankNode
#: The outgoing triples of each subject of one graph.
Nodes = dict[Node, list[tuple[NamedNode, "NamedNode | BlankNode | Literal"]]]


@dataclass(frozen=True, slots=True)
class Source:
    """The lines of one source document; `name` is also the name of its graph."""

    name: str
    lines: tuple[str, ...]

    @classmethod
    def read(cls, name: str, file: Path) -> Source:
        """Read a UTF-8 text file; InputError when it is missing or not UTF-8."""
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            raise InputError(
                f"the source file of {name} is not there: {file}",
                hint="name the folder that holds the source files: kymgraph evidence --sources DIR",
            ) from None
        except UnicodeDecodeError as error:
            raise InputError(f"{file} is not UTF-8: byte {error.start}") from None
        # Not splitlines(): it also breaks at characters that text editors do not count as line ends.
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        return cls(name, tuple(lines[:-1] if lines[-1] == "" else lines))

    def text(self, first: int, last: int) -> str:
        """Lines `first` to `last`, both included, joined by line feeds.

        >>> Source("d", ("one", "", "three")).text(1, 3)
        'one\\n\\nthree'
        """
        return "\n".join(self.lines[first - 1 : last])

    def sha256(self, first: int, last: int) -> str:
        return hashlib.sha256(self.text(first, last).encode()).hexdigest()

    def nonblank(self, first: int = 1, last: int | None = None) -> set[int]:
        """Numbers of the lines in the range that hold more than white space."""
        last = len(self.lines) if last is None else min(last, len(self.lines))
        return {number for number in range(first, last + 1) if self.lines[number - 1].strip()}


@dataclass(frozen=True, slots=True)
class Broken:
    """One fault of the evidence: which node of which graph, and what is wrong with it."""

    graph: str
    node: str
    what: str  #: stable code
    message: str


@dataclass(frozen=True, slots=True)
class Bare:
    """One triple of a source graph that no passage covers; the terms in N-Triples form."""

    graph: str
    subject: str
    predicate: str
    object: str


@dataclass(frozen=True, slots=True)
class Line:
    """One non-blank source line: excused with a reason code, or uncovered with its text."""

    document: str
    line: int
    reason: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class DocumentCover:
    """Counts for one document. Lines are non-blank ones; `reasoned` leaves out covered lines."""

    document: str
    lines: int
    covered: int
    reasoned: int
    facts: int
    passages: int

    @property
    def coverage(self) -> float:
        return _share(self.covered, self.lines - self.reasoned)


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """What the audit found. `ok` is the verdict, `why_not` says it in words."""

    facts: int
    passages: int
    documents: tuple[DocumentCover, ...]
    broken: tuple[Broken, ...]
    bare: tuple[Bare, ...]
    reasoned: tuple[Line, ...]
    uncovered: tuple[Line, ...]

    @property
    def lines(self) -> int:
        return sum(document.lines for document in self.documents)

    @property
    def coverage(self) -> float:
        """Covered lines ÷ (non-blank − reasoned), over all documents; 1.0 when there is no line to cover."""
        covered = sum(document.covered for document in self.documents)
        return _share(covered, self.lines - len(self.reasoned))

    @property
    def reasoned_share(self) -> float:
        return len(self.reasoned) / self.lines if self.lines else 0.0

    @property
    def why_not(self) -> tuple[str, ...]:
        """What keeps the evidence from being in order, one sentence each."""
        return tuple(
            sentence
            for fault, sentence in (
                (self.broken, f"{len(self.broken)} broken passage(s) or evidence link(s)"),
                (self.bare, f"{len(self.bare)} triple(s) of source graphs without a passage"),
                (
                    self.coverage < LEAST_COVERAGE,
                    f"coverage {self.coverage:.4f} < {LEAST_COVERAGE}: {len(self.uncovered)} line(s) left",
                ),
                (
                    self.reasoned_share > MOST_REASONED,
                    f"{self.reasoned_share:.1%} of the lines are excused, at most {MOST_REASONED:.0%} may be",
                ),
            )
            if fault
        )

    @property
    def ok(self) -> bool:
        return not self.why_not

    def to_json(self) -> str:
        """The report as JSON: coverage, facts, passages, broken, reasoned, bare, and details for authors."""
        broken = [
            {"graph": b.graph, "node": b.node, "what": b.what, "message": b.message} for b in self.broken
        ]
        bare = [
            {"graph": b.graph, "subject": b.subject, "predicate": b.predicate, "object": b.object}
            for b in self.bare
        ]
        return json.dumps(
            {
                "coverage": round(self.coverage, 6),
                "facts": self.facts,
                "passages": self.passages,
                "broken": broken,
                "reasoned": [
                    {"document": r.document, "line": r.line, "reason": r.reason} for r in self.reasoned
                ],
                "bare": bare,
                "ok": self.ok,
                "nonblank": self.lines,
                "reasonedShare": round(self.reasoned_share, 6),
                "uncoveredLines": [{"document": u.document, "line": u.line} for u in self.uncovered],
                "perDocument": {
                    d.document: {
                        "coverage": round(d.coverage, 6),
                        "nonblank": d.lines,
                        "covered": d.covered,
                        "reasoned": d.reasoned,
                        "facts": d.facts,
                        "passages": d.passages,
                    }
                    for d in self.documents
                },
            },
            ensure_ascii=False,
            indent=2,
        )

    def to_text(self, *, uncovered: bool = False) -> str:
        """The report for people; `uncovered` adds the text of the lines that no fact rests on."""
        out = [
            f"{d.document}: coverage {d.coverage:.4f} ({d.covered} of {d.lines - d.reasoned} lines, "
            f"{d.reasoned} excused), {d.facts} facts on {d.passages} passages"
            for d in self.documents
        ]
        out.append(
            f"all: coverage {self.coverage:.4f}, {self.facts} facts on {self.passages} passages, "
            f"{self.reasoned_share:.1%} of {self.lines} lines excused"
        )
        out += [f"broken [{b.what}] {b.graph} {b.node}: {b.message}" for b in self.broken]
        out += [f"bare {b.graph}: {b.subject} {b.predicate} {b.object}" for b in self.bare]
        if uncovered:
            out += [f"uncovered {u.document}:{u.line}: {u.text}" for u in self.uncovered]
        out.append("the evidence is in order" if self.ok else "not in order: " + "; ".join(self.why_not))
        return "\n".join(out)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


# --- reading ---------------------------------------------------------------------------------------------


def read_sources(folder: Path, names: Mapping[str, str]) -> dict[str, Source]:
    """The source documents by graph name, from file names by graph name. InputError if one is missing."""
    return {name: Source.read(name, folder / file) for name, file in names.items()}


@dataclass(frozen=True, slots=True)
class Excuse:
    """A row of `data/reasoned-lines.csv`: these lines of the document carry no fact, for that reason."""

    document: str
    first: int
    last: int
    reason: str
    row: int = 0  #: line of the file, for messages


def read_reasoned(file: Path) -> tuple[Excuse, ...]:
    """The excused lines: CSV with the columns document, first, last, reason. No file means no excuses.

    Raises InputError for a missing column or a line number that is none; whether the lines exist and the
    reason is known is for `audit` to say.
    """
    if not file.exists():
        return ()
    excuses = []
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = {"document", "first", "last", "reason"} - set(reader.fieldnames or ())
        if missing:
            raise InputError(f"{file}: missing column(s) {', '.join(sorted(missing))}")
        for row in reader:
            try:
                first, last = int(row["first"]), int(row["last"])
            except (TypeError, ValueError):
                raise InputError(
                    f"{file}:{reader.line_num}: first and last are line numbers: {row}"
                ) from None
            document, reason = (row["document"] or "").strip(), (row["reason"] or "").strip()
            excuses.append(Excuse(document, first, last, reason, reader.line_num))
    return tuple(excuses)


def read_data(project: Project, files: Iterable[Path] | None = None) -> list[Quad]:
    """All quads of these data files (default: all of the project), each file in the graph of its name."""
    chosen = project.data_files() if files is None else files
    return [quad for file in chosen for quad in _read_file(file, project)]


def _read_file(file: Path, project: Project) -> list[Quad]:
    name = project.graph_of(file)
    return parse(
        file, graph=None if name is None else NamedNode(project.base.graph(name)), name=project.name_of(file)
    )


def _by_subject(quads: Iterable[Quad], base: Base) -> dict[str, Nodes]:
    """The quads by graph name and subject, each triple once, in a stable order."""
    graphs: dict[str, Nodes] = defaultdict(lambda: defaultdict(list))
    for quad in sorted(set(quads), key=str):
        name = base.graph_name(quad.graph_name.value) if isinstance(quad.graph_name, NamedNode) else None
        if name is not None and isinstance(quad.subject, NamedNode | BlankNode):
            graphs[name][quad.subject].append((quad.predicate, quad.object))  # type: ignore[arg-type]
    return graphs


def _values(node: Sequence[tuple[NamedNode, object]], *predicates: NamedNode) -> list[object]:
    return [value for predicate, value in node if predicate in predicates]


@dataclass(frozen=True, slots=True)
class PassageName:
    """What the IRI of a passage says."""

    document: str
    first: int
    last: int

    @classmethod
    def of(cls, node: object, base: Base) -> PassageName | None:
        """Read the IRI, or None when it is no passage of this project.

        >>> base = Base("https://example.org/kym/")
        >>> PassageName.of(NamedNode("https://example.org/kym/id/passage/alpha/7-9"), base)
        PassageName(document='alpha', first=7, last=9)
        """
        if not isinstance(node, NamedNode) or not node.value.startswith(base.ids + "passage/"):
            return None
        match = re.fullmatch(r"(.+)/([1-9]\d*)-([1-9]\d*)", node.value.removeprefix(base.ids + "passage/"))
        return cls(match[1], int(match[2]), int(match[3])) if match else None


# --- the audit -------------------------------------------------------------------------------------------


def audit(
    quads: Iterable[Quad], sources: Mapping[str, Source], excuses: Sequence[Excuse], base: Base
) -> EvidenceReport:
    """Check the evidence of a dataset against its source documents.

    `quads` are those of all data graphs, `sources` the documents by graph name. Raises nothing: whatever
    is wrong with the data is in the report.
    """
    return _Audit(_by_subject(quads, base), sources, base).report(excuses)


@dataclass
class _Audit:
    graphs: dict[str, Nodes]
    sources: Mapping[str, Source]
    base: Base
    broken: list[Broken] = field(default_factory=list)
    bare: list[Bare] = field(default_factory=list)

    def report(self, excuses: Sequence[Excuse]) -> EvidenceReport:
        used = {
            target
            for nodes in self.graphs.values()
            for node in nodes.values()
            for target in _values(node, *EVIDENCE)
        }
        excused = self._excused(excuses)
        documents, reasoned, uncovered = [], [], []
        for name, source in self.sources.items():
            nodes = self.graphs.get(name, {})
            covered, facts = self._source_graph(name, nodes)
            nonblank = source.nonblank()
            covered &= nonblank
            left_out = {line: why for line, why in excused[name].items() if line in nonblank - covered}
            passages = [node for node in nodes if PassageName.of(node, self.base)]
            documents.append(
                DocumentCover(name, len(nonblank), len(covered), len(left_out), facts, len(passages))
            )
            reasoned += [Line(name, line, reason=why) for line, why in sorted(left_out.items())]
            uncovered += [
                Line(name, line, text=source.lines[line - 1])
                for line in sorted(nonblank - covered - left_out.keys())
            ]
        for name, nodes in self.graphs.items():
            self._passages(name, nodes, used)
        self._lineage("lineage")
        self._background("background")
        return EvidenceReport(
            facts=sum(document.facts for document in documents),
            passages=sum(document.passages for document in documents),
            documents=tuple(documents),
            broken=tuple(sorted(self.broken, key=lambda b: (b.graph, b.node, b.what, b.message))),
            bare=tuple(self.bare),
            reasoned=tuple(reasoned),
            uncovered=tuple(uncovered),
        )

    def _break(self, graph: str, node: object, what: str, message: str) -> None:
        name = node.value if isinstance(node, NamedNode) else str(node)
        self.broken.append(Broken(graph, name, what, message))

    def _excused(self, excuses: Sequence[Excuse]) -> dict[str, dict[int, str]]:
        lines: dict[str, dict[int, str]] = defaultdict(dict)
        for excuse in excuses:
            row = f"reasoned-lines.csv:{excuse.row}"
            source = self.sources.get(excuse.document)
            if source is None:
                self._break("", row, "unknown-document", f"{excuse.document} is no source of this project")
            elif not 1 <= excuse.first <= excuse.last <= len(source.lines):
                span = f"{excuse.first}-{excuse.last}"
                self._break("", row, "line-range", f"{excuse.document} has no lines {span}")
            elif excuse.reason not in REASONS:
                known = ", ".join(REASONS)
                self._break("", row, "unknown-reason", f"{excuse.reason!r} is none of {known}")
            else:
                lines[excuse.document].update(
                    dict.fromkeys(range(excuse.first, excuse.last + 1), excuse.reason)
                )
        return lines

    def _source_graph(self, name: str, nodes: Nodes) -> tuple[set[int], int]:
        """Check one source graph; the lines its facts cover and how many facts there are."""
        covered: set[int] = set()
        facts = 0
        own = NamedNode(self.base.id("document", name))
        for subject, node in nodes.items():
            if PassageName.of(subject, self.base):
                continue
            targets = _values(node, RESTS_ON)
            types = _values(node, TYPE)
            if not targets and subject != own:
                self.bare += [Bare(name, str(subject), str(p), str(o)) for p, o in node]
            if STATEMENT in types:
                self._statement(name, nodes, subject, node)
            for target in targets:
                passage = PassageName.of(target, self.base)
                if passage is None:
                    self._break(
                        name, subject, "not-a-passage", f"rests on {target}, whose IRI names no passage"
                    )
                elif passage.document != name:
                    self._break(name, subject, "other-document", f"rests on {target}, of another document")
                elif target not in nodes:
                    self._break(
                        name,
                        subject,
                        "no-passage",
                        f"{target} has no node here; kymgraph evidence --complete",
                    )
                elif subject != own and EDITION not in types:
                    covered.update(range(passage.first, passage.last + 1))
            facts += bool(targets) and subject != own and EDITION not in types
        return covered, facts

    def _statement(
        self, name: str, nodes: Nodes, subject: Node, node: Sequence[tuple[NamedNode, object]]
    ) -> None:
        parts = [_values(node, part) for part in (SUBJECT, PREDICATE, OBJECT)]
        if any(len(part) != 1 for part in parts):
            self._break(
                name, subject, "statement", "needs one rdf:subject, one rdf:predicate and one rdf:object"
            )
            return
        about, predicate, value = (part[0] for part in parts)
        if (predicate, value) not in nodes.get(about, []):  # type: ignore[call-overload]
            self._break(name, subject, "statement", f"its triple is not here: {about} {predicate} {value}")

    def _passages(self, graph: str, nodes: Nodes, used: set[object]) -> None:
        for subject, node in nodes.items():
            passage = PassageName.of(subject, self.base)
            if passage is None:
                if PASSAGE in _values(node, TYPE):
                    self._break(
                        graph, subject, "passage-iri", "is not …/id/passage/<document>/<first>-<last>"
                    )
                continue
            for what, message in self._passage_faults(passage, node):
                self._break(graph, subject, what, message)
            if graph in self.sources and passage.document != graph:
                self._break(graph, subject, "other-document", f"belongs in graph {passage.document}")
            if subject not in used:
                self._break(graph, subject, "unused", "nothing rests on this passage")

    def _passage_faults(
        self, passage: PassageName, node: Sequence[tuple[NamedNode, object]]
    ) -> Iterable[tuple[str, str]]:
        document = NamedNode(self.base.id("document", passage.document))
        if _values(node, DOCUMENT) != [document]:
            yield "passage-properties", f"kym:document must be {document}"
        for predicate, number in ((FIRST_LINE, passage.first), (LAST_LINE, passage.last)):
            if _values(node, predicate) != [Literal(str(number), datatype=XSD_INTEGER)]:
                yield "passage-properties", f"{predicate} must be {number}, as its IRI says"
        source = self.sources.get(passage.document)
        if source is None:
            yield "unknown-document", f"{passage.document} is no source of this project"
            return
        if not passage.first <= passage.last <= len(source.lines):
            yield "line-range", f"{passage.document} has lines 1-{len(source.lines)}"
            return
        nonblank = len(source.nonblank(passage.first, passage.last))
        if not 1 <= nonblank <= PASSAGE_LINES:
            yield "passage-size", f"holds {nonblank} non-blank lines, it may hold 1 to {PASSAGE_LINES}"
        digest = source.sha256(passage.first, passage.last)
        if [getattr(value, "value", None) for value in _values(node, SHA256)] != [digest]:
            yield "hash", f"kym:sha256 must be {digest}"
        text = _folded(source.text(passage.first, passage.last))
        for phrase in _values(node, PHRASE):
            if not isinstance(phrase, Literal) or _folded(phrase.value) not in text:
                yield "phrase", f"the phrase {phrase} is not in the lines"

    def _lineage(self, graph: str) -> None:
        """Each interpretation needs an author, a confidence, a reason and evidence on both sides."""
        for subject, node in self.graphs.get(graph, {}).items():
            if PassageName.of(subject, self.base):
                continue
            for target in _values(node, *EVIDENCE):
                passage = PassageName.of(target, self.base)
                if passage is None or not any(target in nodes for nodes in self.graphs.values()):
                    self._break(
                        graph, subject, "no-passage", f"{target} is not a passage that anyone describes"
                    )
            types = {value for value in _values(node, TYPE) if isinstance(value, NamedNode)}
            if not any(kind.value.startswith(KYM) for kind in types):
                continue
            for what, predicate in (
                ("attribution", ATTRIBUTION),
                ("reason", RESOLUTION if CONTRADICTION in types else REASON),
                ("confidence", CONFIDENCE),
            ):
                if not _values(node, predicate):
                    self._break(graph, subject, f"no-{what}", f"an interpretation needs {predicate}")
            sides = [_values(node, side) for side in (EARLIER_EVIDENCE, LATER_EVIDENCE)]
            passages = set(_values(node, *EVIDENCE))
            if LINEAGE_LINK in types and not all(sides):
                self._break(graph, subject, "one-sided", "needs kym:earlierEvidence and kym:laterEvidence")
            elif len(passages) < (2 if CONTRADICTION in types else 1):
                self._break(graph, subject, "one-sided", "needs kym:restsOn for each side that it compares")

    def _background(self, graph: str) -> None:
        """Each background resource needs a citation; what is itself cited by another one needs none."""
        nodes = self.graphs.get(graph, {})
        cited = {target for node in nodes.values() for target in _values(node, *CITATIONS)}
        for subject, node in nodes.items():
            if subject not in cited and not _values(node, *CITATIONS):
                self._break(graph, subject, "no-citation", f"background needs one of {_names(CITATIONS)}")


def _names(predicates: Iterable[NamedNode]) -> str:
    return ", ".join(re.sub(r".*[/#]", "", predicate.value) for predicate in predicates)


def _folded(text: str) -> str:
    """The text with each run of white space (a line end too) as one space: phrases may cross lines."""
    return " ".join(text.split())


# --- completing ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Completion:
    """Passage nodes written into one file, and evidence links that could not be completed."""

    file: Path
    added: tuple[str, ...]
    refused: tuple[str, ...]


def complete(
    file: Path, project: Project, sources: Mapping[str, Source], *, described: Iterable[Quad] = ()
) -> Completion:
    """Add to a data file the passage nodes its evidence links point to, with lines and hash.

    A passage that `described` (the quads of other files) already describes is left out unless the file is
    that of its own document. A node that stands there but lacks a property gets it; nothing that stands
    there is changed, so a wrong hash stays for the audit to find. The file is rewritten in canonical
    Turtle (its comments go) only when something was added, by a new file renamed into place.
    """
    if format_for(file).name != "ttl" or (name := project.graph_of(file)) is None:
        raise InputError(f"{project.name_of(file)} was left as it is: passages are completed in data/*.ttl")
    base, graph = project.base, NamedNode(project.base.graph(name))
    quads = _read_file(file, project)
    elsewhere = {quad.subject for quad in described if quad.graph_name != graph}
    here = {quad.subject for quad in quads}
    wanted: set[object] = {quad.object for quad in quads if quad.predicate in EVIDENCE}
    wanted |= {subject for subject in here if PassageName.of(subject, base)}
    added: list[str] = []
    refused: list[str] = []
    new: list[Quad] = []
    for target in sorted(wanted, key=str):
        passage = PassageName.of(target, base)
        if passage is None or not isinstance(target, NamedNode):
            refused.append(f"{target}: the IRI names no passage")
            continue
        if target not in here and target in elsewhere and passage.document != name:
            continue
        source = sources.get(passage.document)
        if source is None:
            refused.append(f"{target}: {passage.document} is no source of this project")
        elif not passage.first <= passage.last <= len(source.lines):
            refused.append(f"{target}: {passage.document} has lines 1-{len(source.lines)}")
        else:
            present = {quad.predicate for quad in quads if quad.subject == target}
            missing = [
                Quad(target, predicate, value, graph)
                for predicate, value in _described(passage, source, base)
                if predicate not in present
            ]
            if missing:
                added.append(target.value)
                new += missing
    if new:
        _replace(file, canonical_turtle([*quads, *new], project.prefixes))
    return Completion(file, tuple(added), tuple(refused))


def _described(
    passage: PassageName, source: Source, base: Base
) -> list[tuple[NamedNode, NamedNode | Literal]]:
    return [
        (TYPE, PASSAGE),
        (DOCUMENT, NamedNode(base.id("document", passage.document))),
        (FIRST_LINE, Literal(str(passage.first), datatype=XSD_INTEGER)),
        (LAST_LINE, Literal(str(passage.last), datatype=XSD_INTEGER)),
        (SHA256, Literal(source.sha256(passage.first, passage.last))),
    ]


def _replace(file: Path, text: str) -> None:
    new = file.with_name(file.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)
