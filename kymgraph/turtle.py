"""Turtle for people and for git: one text for one set of triples, written so that it reads well.

Only `kymgraph.rdf.canonical_turtle` uses this module; the rules of the form are in its docstring.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from kymgraph.namespaces import KYM, OWL, PREFIXES, RDF, RDFS, SKOS, XSD
from kymgraph.rdf import BlankNode, Literal, NamedNode, Quad, Subject, Term, Triple

#: What opens a file: the node that the file is about.
_HEADERS: Final = frozenset(
    {OWL + "Ontology", SKOS + "ConceptScheme", PREFIXES["dcat"] + "Catalog", KYM + "SourceDocument"}
)
#: What a person looks for first; other predicates follow by their IRI, `kym:restsOn` last.
_FIRST: Final = tuple(
    iri
    for iri in (
        RDF + "type",
        RDFS + "label",
        SKOS + "prefLabel",
        SKOS + "altLabel",
        KYM + "name",
        SKOS + "definition",
    )
)
_LAST: Final = KYM + "restsOn"
_LANGUAGES: Final = ("fi", "sv", "en")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_SHORT: Final = {
    XSD + "integer": _INTEGER,
    XSD + "decimal": re.compile(r"[+-]?[0-9]*\.[0-9]+"),
    XSD + "double": re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.?[0-9]+)[eE][+-]?[0-9]+"),
    XSD + "boolean": re.compile(r"true|false"),
}
#: A part of Turtle's PN_LOCAL and PN_PREFIX that every parser and reader agrees on.
_LOCAL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_PREFIX: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_DIGITS: Final = re.compile(r"(\d+)", re.ASCII)


class TurtleWriter:
    """The state of one `canonical_turtle` call; blank nodes are labelled by content already."""

    def __init__(self, quads: Iterable[Quad], prefixes: Mapping[str, str]) -> None:
        self.prefixes = dict(prefixes)
        self.namespaces = {iri: prefix for prefix, iri in self.prefixes.items() if prefix != "id"}
        self.ids = self.prefixes.get("id")
        self.used: dict[str, str] = {}
        self.about: dict[Subject, dict[NamedNode, set[Term]]] = defaultdict(lambda: defaultdict(set))
        for quad in quads:
            assert not isinstance(quad.object, Triple)  # `parse` lets no RDF 1.2 term in
            assert not isinstance(quad.subject, Triple)
            self.about[quad.subject][quad.predicate].add(quad.object)
        self.inline = self._find_inline()

    def text(self) -> str:
        subjects = sorted((s for s in self.about if s not in self.inline), key=self._subject_key)
        body = "\n".join(self._subject(subject) for subject in subjects)
        head = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in sorted(self.used.items()))
        return f"{head}\n{body}" if head and body else head + body

    # -- order

    def _subject_key(self, subject: Subject) -> tuple[object, ...]:
        types = {t.value for t in self.about[subject].get(_TYPE, ()) if isinstance(t, NamedNode)}
        return (not types & _HEADERS, isinstance(subject, BlankNode), *_natural(subject.value))

    @staticmethod
    def _predicate_key(predicate: NamedNode) -> tuple[object, ...]:
        iri = predicate.value
        return (_FIRST.index(iri) if iri in _FIRST else len(_FIRST), iri == _LAST, iri)

    @staticmethod
    def _object_key(term: Term) -> tuple[object, ...]:
        if not isinstance(term, Literal):
            return (isinstance(term, BlankNode), 0, "", "", *_natural(term.value))
        language = term.language or ""
        rank = _LANGUAGES.index(language) if language in _LANGUAGES else len(_LANGUAGES)
        return (2, rank, language, term.datatype.value, *_natural(term.value))

    # -- blank nodes

    def _find_inline(self) -> set[Subject]:
        """Blank nodes used as an object exactly once, and not in a ring (a ring has no place to start)."""
        users: dict[Subject, list[Subject]] = defaultdict(list)
        for subject, predicates in self.about.items():
            for objects in predicates.values():
                for term in objects:
                    if isinstance(term, BlankNode):
                        users[term].append(subject)
        once = {node: uses[0] for node, uses in users.items() if len(uses) == 1}
        inline: set[Subject] = set()
        for node in once:
            at: Subject | None = node
            path = set()
            while at in once and at not in path:
                path.add(at)
                at = once[at]
            if at not in path:
                inline.add(node)
        return inline

    def _list(self, node: BlankNode) -> list[Term] | None:
        """The members, if a well-formed list that nothing else is said about starts here."""
        members: list[Term] = []
        at: Term = node
        while at != _NIL:
            about = self.about.get(at) if isinstance(at, BlankNode) and at in self.inline else None
            if (
                about is None
                or set(about) != {_REST, _HEAD}
                or len(about[_HEAD]) != 1
                or len(about[_REST]) != 1
            ):
                return None
            members.append(next(iter(about[_HEAD])))
            at = next(iter(about[_REST]))
        return members

    # -- text

    def _subject(self, subject: Subject) -> str:
        if isinstance(subject, BlankNode) and not self._is_used(subject):
            lines = self._predicates(subject, "    ")
            return "[] " + lines.lstrip() + " .\n"
        return f"{self._term(subject, '')} {self._predicates(subject, '    ').lstrip()} .\n"

    def _is_used(self, node: BlankNode) -> bool:
        return any(node in objects for about in self.about.values() for objects in about.values())

    def _predicates(self, subject: Subject, indent: str) -> str:
        about = self.about[subject]
        lines = []
        for predicate in sorted(about, key=self._predicate_key):
            name = "a" if predicate == _TYPE else self._iri(predicate.value)
            ordered = sorted(about[predicate], key=self._object_key)
            inner = indent + "    " if len(ordered) > 1 else indent
            objects = [self._term(term, inner) for term in ordered]
            lines.append(f"{indent}{name} " + f" ,\n{indent}    ".join(objects))
        return " ;\n".join(lines)

    def _term(self, term: Term, indent: str) -> str:
        if isinstance(term, NamedNode):
            return self._iri(term.value)
        if isinstance(term, Literal):
            return self._literal(term)
        if term not in self.inline:
            return f"_:{term.value}"
        members = self._list(term)
        if members is not None:
            return "( " + "".join(self._term(m, indent) + " " for m in members) + ")"
        if term not in self.about:
            return "[]"
        return f"[\n{self._predicates(term, indent + '    ')}\n{indent}]"

    def _literal(self, literal: Literal) -> str:
        short = _SHORT.get(literal.datatype.value)
        if short and short.fullmatch(literal.value):
            return literal.value
        text = f'"{_escape(literal.value)}"'
        if literal.language:
            return f"{text}@{literal.language}"
        if literal.datatype.value == XSD + "string":
            return text
        return f"{text}^^{self._iri(literal.datatype.value)}"

    def _iri(self, iri: str) -> str:
        cut = max(iri.rfind("#"), iri.rfind("/")) + 1
        namespace, local = iri[:cut], iri[cut:]
        if _LOCAL.fullmatch(local):
            prefix = self.namespaces.get(namespace) or self._prefix_of_folder(namespace)
            if prefix is not None:
                self.used[prefix] = namespace
                return f"{prefix}:{local}"
        return f"<{iri}>"

    def _prefix_of_folder(self, namespace: str) -> str | None:
        """`programme` for `<id>/programme/`, `passage-x` for `<id>/passage/x/`; None where that is taken."""
        if self.ids is None or not namespace.startswith(self.ids) or namespace == self.ids:
            return None
        prefix = namespace[len(self.ids) : -1].replace("/", "-")
        if prefix in self.prefixes:
            prefix = "id-" + prefix
        if not _PREFIX.fullmatch(prefix) or self.used.get(prefix, namespace) != namespace:
            return None
        return prefix


_TYPE: Final = NamedNode(RDF + "type")
_HEAD: Final = NamedNode(RDF + "first")
_REST: Final = NamedNode(RDF + "rest")
_NIL: Final = NamedNode(RDF + "nil")


def _natural(text: str) -> tuple[object, ...]:
    """Sort key in which item 9 comes before item 10; equal keys only for equal texts.

    >>> sorted(["p/10-12", "p/9-9", "p/10-2"], key=_natural)
    ['p/9-9', 'p/10-2', 'p/10-12']
    """
    parts = _DIGITS.split(text)
    digits = [p.lstrip("0") for p in parts]
    return (
        tuple((len(d), d) if i % 2 else (p,) for i, (p, d) in enumerate(zip(parts, digits, strict=True))),
        text,
    )


def _escape(text: str) -> str:
    r"""Escape what Turtle demands, and what a reader could not see: controls, line ends."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(
        _ESCAPES.get(c)
        or (
            (f"\\u{ord(c):04X}" if ord(c) < 0x10000 else f"\\U{ord(c):08X}")
            if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")
            else c
        )
        for c in text
    )
