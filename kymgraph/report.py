"""What the gate says about data: a W3C validation report that also tells where to look and how to mend it.

A report is a value, sorted the same way each time, so that two runs can be compared. `conforms` is the W3C
flag (no results at all); `accepted` is the gate's verdict, which only violations change: warnings and infos
never block. Of a change, each result says whether the change brought it ("new"), was there before it
("pre-existing") or is gone with it ("mended"), and only new ones block. Here is also how a report is written:
text for people in fi, sv or en, JSON, Turtle (W3C) and SARIF 2.1.0 (for editors and code hosts).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias
from typing import Literal as OneOf
from urllib.parse import quote

from kymgraph.namespaces import DEFAULT_BASE, KYMSH, PREFIXES, RDF, SH, XSD
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad, Term, Triple, canonical_turtle

#: Most results that one report lists; `Report.truncated` says that there were more.
LIMIT: Final = 1000
#: Most results of a report that a commit keeps, and characters of a text in them. Longer ones are left out
#: whole, since half a text would not be found when it has to be redacted.
KEPT: Final = 50
KEPT_TEXT: Final = 2000
#: The order in which a missing language is made up for.
LANGUAGES: Final = ("fi", "sv", "en")

VIOLATION: Final = NamedNode(SH + "Violation")
WARNING: Final = NamedNode(SH + "Warning")
INFO: Final = NamedNode(SH + "Info")
SEVERITIES: Final = (VIOLATION, WARNING, INFO)

#: What a result has to do with the change that was judged. Where no change was judged, all are "new".
Status: TypeAlias = OneOf["new", "pre-existing", "mended"]
STATUSES: Final[tuple[Status, ...]] = ("new", "pre-existing", "mended")

_WORDS: Final[dict[str, dict[str, str]]] = {
    "fi": {
        "Violation": "VIRHE",
        "Warning": "VAROITUS",
        "Info": "HUOMAUTUS",
        "value": "arvo",
        "graph": "graafi",
        "rule": "sääntö",
        "ok": "Aineisto noudattaa sääntöjä.",
        "sum": "Virheitä: {violations}, varoituksia: {warnings}, huomautuksia: {infos}.",
        "pre-existing": "ennestään",
        "mended": "korjautuu",
        "since": "Uusia: {new}, ennestään: {pre}, korjautuvia: {mended}.",
        "more": "Näytetään {shown} ensimmäistä löydöstä, kaikkiaan niitä on {total}.",
    },
    "sv": {
        "Violation": "FEL",
        "Warning": "VARNING",
        "Info": "ANMÄRKNING",
        "value": "värde",
        "graph": "graf",
        "rule": "regel",
        "ok": "Data följer reglerna.",
        "sum": "Fel: {violations}, varningar: {warnings}, anmärkningar: {infos}.",
        "pre-existing": "sedan tidigare",
        "mended": "åtgärdas",
        "since": "Nya: {new}, sedan tidigare: {pre}, åtgärdade: {mended}.",
        "more": "De {shown} första av {total} resultat visas.",
    },
    "en": {
        "Violation": "VIOLATION",
        "Warning": "WARNING",
        "Info": "INFO",
        "value": "value",
        "graph": "graph",
        "rule": "rule",
        "ok": "The data conforms to the shapes.",
        "sum": "Violations: {violations}, warnings: {warnings}, infos: {infos}.",
        "pre-existing": "was there before",
        "mended": "mended",
        "since": "New: {new}, there before: {pre}, mended: {mended}.",
        "more": "The first {shown} of {total} results are shown.",
    },
}

#: What became of a change that the gate refused.
REJECTED: Final[dict[str, str]] = {
    "fi": "mitään ei tallennettu, koska muutos ei noudata sääntöjä",
    "sv": "inget sparades, eftersom ändringen inte följer reglerna",
    "en": "nothing was written: the data does not conform to the shapes",
}


@dataclass(frozen=True, slots=True)
class Location:
    """Where in the input a resource is described; `line` counts from 1 and is None where it is not known."""

    file: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that a shape or a policy rule found."""

    focus: Term
    path: Term | None  #: a property, or the blank node of a longer path that `details` describes
    value: Term | None
    shape: Term
    component: NamedNode
    severity: NamedNode
    messages: tuple[Literal, ...] = ()  #: what is wrong and how to mend it, one per language
    names: tuple[Literal, ...] = ()  #: `sh:name` of the property shape: what people call the field
    labels: tuple[Literal, ...] = ()  #: names of the focus node
    path_text: str = ""  #: the path in SPARQL's notation
    constraint: Term | None = None  #: `sh:sourceConstraint` of a SPARQL constraint
    graph: NamedNode | None = None  #: the named graph, where a policy rule names one
    source: Location | None = None
    details: tuple[Triple, ...] = ()  #: triples of the blank nodes among the terms above
    nested: tuple[Result, ...] = ()  #: `sh:detail`: why a value does not meet the shape it should
    status: Status = "new"  #: what it has to do with the change that was judged

    @property
    def key(self) -> tuple[str, ...]:
        """What makes this result itself: status, severity, focus, path, value, shape, component, graph."""
        rank = SEVERITIES.index(self.severity) if self.severity in SEVERITIES else len(SEVERITIES)
        first = (str(STATUSES.index(self.status)), str(rank))
        # A blank node's label changes with each run, so it says nothing; the path's text does.
        terms = (self.focus, self.value, self.shape, self.component, self.graph)
        return (*first, *("" if isinstance(t, BlankNode) else str(t) for t in terms), self.path_text)

    @property
    def blocks(self) -> bool:
        """Whether its severity is one that blocks: a violation, or one of the shapes' own."""
        # A severity of one's own blocks like a violation: the shapes' author meant something by it.
        return self.severity not in (WARNING, INFO)

    @property
    def rejects(self) -> bool:
        """Whether a change with this result is not accepted: the change brings a violation."""
        return self.status == "new" and self.blocks

    def message(self, lang: str = "en") -> str:
        return _in_language(self.messages, lang)

    def name(self, lang: str = "en") -> str:
        return _in_language(self.names, lang)

    def label(self, lang: str = "en") -> str:
        return _in_language(self.labels, lang)


@dataclass(frozen=True)
class Report:
    """The results of one validation, worst first and then by focus node."""

    results: tuple[Result, ...] = ()
    truncated: bool = False
    stats: Mapping[str, int] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=lambda: PREFIXES, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        results: Iterable[Result],
        *,
        limit: int = LIMIT,
        stats: Mapping[str, int] | None = None,
        prefixes: Mapping[str, str] = PREFIXES,
    ) -> Report:
        """Sort the results, violations first, and keep the first `limit`."""
        ordered = sorted(results, key=lambda result: result.key)
        counts = {"results": len(ordered), **(stats or {})}
        return cls(tuple(ordered[:limit]), len(ordered) > limit, counts, prefixes)

    @property
    def conforms(self) -> bool:
        """The W3C flag, of the state after the change: there are no results in it, of whatever severity."""
        return not self.present

    @property
    def accepted(self) -> bool:
        """The gate's verdict: the change brings no violation."""
        return not any(result.rejects for result in self.results)

    @property
    def present(self) -> tuple[Result, ...]:
        """The results in the state after the change: all but the mended ones."""
        return tuple(r for r in self.results if r.status != "mended")

    @property
    def violations(self) -> tuple[Result, ...]:
        return tuple(r for r in self.present if r.blocks)

    def of_severity(self, severity: NamedNode) -> tuple[Result, ...]:
        """The results in the state after the change that have this severity."""
        return tuple(r for r in self.present if r.severity == severity)

    def of_status(self, status: Status) -> tuple[Result, ...]:
        return tuple(r for r in self.results if r.status == status)

    # -- writing

    def to_text(self, lang: str = "en") -> str:
        """The report for people: each result with its resource, field, value, what is wrong and the rule."""
        words = _WORDS.get(lang, _WORDS["en"])
        out = []
        for result in self.results:
            kind = words.get(local_name(result.severity), local_name(result.severity))
            if result.status != "new":
                kind += f" ({words[result.status]})"
            focus = self.short(result.focus)
            label = result.label(lang)
            where = f"  {_place(result.source)}" if result.source else ""
            out.append(f"{kind}  {f'{label} ({focus})' if label else focus}{where}")
            field_name, path = result.name(lang), result.path_text
            about = f"{field_name} ({path})" if field_name and path else field_name or path
            if result.value is not None and result.value != result.focus:
                about += f"{', ' if about else ''}{words['value']} {self.short(result.value)}"
            if result.graph is not None:
                about += f"{', ' if about else ''}{words['graph']} {self.short(result.graph)}"
            out += [f"    {line}" for line in (about, result.message(lang)) if line]
            out.append(f"    {words['rule']} {self.short(result.shape)}")
        out.append(
            words["ok"]
            if self.conforms
            else words["sum"].format(
                violations=len(self.violations),
                warnings=len(self.of_severity(WARNING)),
                infos=len(self.of_severity(INFO)),
            )
        )
        if any(result.status != "new" for result in self.results):
            new, old, mended = (len(self.of_status(status)) for status in STATUSES)
            out.append(words["since"].format(new=new, pre=old, mended=mended))
        if self.truncated:
            out.append(words["more"].format(shown=len(self.results), total=self.stats["results"]))
        return "\n".join(out)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values; texts are objects by language, `""` for texts without one."""
        return {
            "conforms": self.conforms,
            "accepted": self.accepted,
            "truncated": self.truncated,
            "stats": dict(self.stats),
            "results": [
                {
                    "severity": local_name(result.severity),
                    "status": result.status,
                    "focus": _plain(result.focus),
                    "label": _by_language(result.labels),
                    "path": result.path.value if isinstance(result.path, NamedNode) else None,
                    "pathText": result.path_text or None,
                    "name": _by_language(result.names),
                    "value": None if result.value is None else _plain(result.value),
                    "message": _by_language(result.messages),
                    "shape": _plain(result.shape),
                    "component": result.component.value,
                    "graph": None if result.graph is None else result.graph.value,
                    "source": None
                    if result.source is None
                    else {"file": result.source.file, "line": result.source.line},
                }
                for result in self.results
            ],
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    def kept(self) -> dict[str, Any]:
        """What the record of a commit keeps: as `to_dict`, of what the change brought or mended, bounded.

        >>> Report().kept()["results"]
        []
        """
        own = tuple(result for result in self.results if result.status != "pre-existing")
        cut = replace(self, results=own[:KEPT], truncated=self.truncated or len(own) > KEPT)
        kept: dict[str, Any] = _bounded(cut.to_dict())
        return {**kept, "conforms": self.conforms}

    def to_quads(self) -> list[Quad]:
        """The W3C validation report on the state after the change, as quads of the default graph.

        Mended results are not in it, and what was there before says so (`kymsh:resultStatus`).
        """
        report = BlankNode()
        flag = Literal("true" if self.conforms else "false", datatype=NamedNode(XSD + "boolean"))
        quads = [
            Quad(report, NamedNode(RDF + "type"), NamedNode(SH + "ValidationReport")),
            Quad(report, NamedNode(SH + "conforms"), flag),
        ]
        for result in self.present:
            quads += _result_quads(report, NamedNode(SH + "result"), result)
        return list(dict.fromkeys(quads))

    def to_turtle(self) -> str:
        return canonical_turtle(self.to_quads(), self.prefixes)

    def to_sarif(self, lang: str = "en") -> str:
        """The report as SARIF 2.1.0; a result without a known file has its resource as logical location."""
        from kymgraph import __version__

        level = {VIOLATION: "error", WARNING: "warning", INFO: "note"}
        rules: dict[str, dict[str, Any]] = {}
        results = []
        for result in self.present:
            rule = self.short(result.shape)
            severity = level.get(result.severity, "error")
            text = result.message(lang) or local_name(result.component)
            rules.setdefault(
                rule,
                {
                    "id": rule,
                    "shortDescription": {"text": result.name(lang) or rule},
                    "fullDescription": {"text": text},
                    "defaultConfiguration": {"level": severity},
                },
            )
            location: dict[str, Any] = {
                "logicalLocations": [{"fullyQualifiedName": _plain_text(result.focus), "kind": "resource"}]
            }
            if result.source is not None:
                physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(result.source.file)}}
                if result.source.line is not None:
                    physical["region"] = {"startLine": result.source.line}
                location["physicalLocation"] = physical
            results.append(
                {
                    "ruleId": rule,
                    "ruleIndex": list(rules).index(rule),
                    "level": severity,
                    "message": {"text": text},
                    "locations": [location],
                }
            )
        run = {
            "tool": {
                "driver": {
                    "name": "kymgraph",
                    "version": __version__,
                    "informationUri": DEFAULT_BASE,
                    "rules": list(rules.values()),
                }
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }
        document = {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        }
        return json.dumps(document, ensure_ascii=False, indent=2)

    def short(self, term: Term) -> str:
        """The term as people read it: an IRI with the longest fitting prefix, a literal as in Turtle."""
        if isinstance(term, Literal) and term.language is None and term.datatype.value != XSD + "string":
            lexical = str(Literal(term.value))
            return f"{lexical}^^{self.short(term.datatype)}"
        if not isinstance(term, NamedNode):
            return str(term)
        fitting = [(iri, prefix) for prefix, iri in self.prefixes.items() if term.value.startswith(iri)]
        iri, prefix = max(fitting, key=lambda pair: len(pair[0]), default=("", ""))
        return f"{prefix}:{term.value[len(iri) :]}" if prefix else str(term)


def _result_quads(parent: BlankNode, link: NamedNode, result: Result) -> list[Quad]:
    node = BlankNode()
    quads = [
        Quad(parent, link, node),
        Quad(node, NamedNode(RDF + "type"), NamedNode(SH + "ValidationResult")),
    ]
    for name, term in (
        ("focusNode", result.focus),
        ("resultPath", result.path),
        ("value", result.value),
        ("sourceShape", result.shape),
        ("sourceConstraintComponent", result.component),
        ("sourceConstraint", result.constraint),
        ("resultSeverity", result.severity),
        *(("resultMessage", message) for message in result.messages),
    ):
        if term is not None:
            quads.append(Quad(node, NamedNode(SH + name), term))
    quads += [Quad(t.subject, t.predicate, t.object) for t in result.details]
    if result.status != "new":
        quads.append(Quad(node, NamedNode(KYMSH + "resultStatus"), Literal(result.status)))
    for nested in result.nested:
        quads += _result_quads(node, NamedNode(SH + "detail"), nested)
    return quads


def local_name(node: NamedNode) -> str:
    """What stands after the last `#` or `/` of an IRI."""
    return node.value.replace("#", "/").rsplit("/", 1)[-1]


def _in_language(texts: Iterable[Literal], lang: str) -> str:
    """The text in `lang`, else in the first of fi, sv, en that there is, else any, else nothing."""
    found = _by_language(texts)
    for language in (lang, *LANGUAGES, ""):
        if language in found:
            return found[language]
    return min(found.values(), default="")


def _bounded(value: Any) -> Any:
    """JSON without its long texts."""
    if isinstance(value, str):
        return value if len(value) <= KEPT_TEXT else "…"
    if isinstance(value, dict):
        return {key: _bounded(each) for key, each in value.items()}
    return [_bounded(each) for each in value] if isinstance(value, list) else value


def _by_language(texts: Iterable[Literal]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in sorted(texts, key=str):
        found.setdefault((text.language or "").split("-")[0], text.value)
    return found


def _place(source: Location) -> str:
    return source.file if source.line is None else f"{source.file}:{source.line}"


def _plain_text(term: Term) -> str:
    return str(term) if isinstance(term, BlankNode) else term.value


def _plain(term: Term) -> str | dict[str, str]:
    """An IRI as a string, a literal as an object like those of the SPARQL results format."""
    if not isinstance(term, Literal):
        return _plain_text(term)
    if term.language:
        return {"value": term.value, "lang": term.language}
    return {"value": term.value, "datatype": term.datatype.value}


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
