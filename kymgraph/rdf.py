"""RDF in and out: parse, bring to the store's own form, name blank nodes, write.

The one rule that keeps it simple: a quad is compared, judged or hashed only after `canonical`, because the
store rewrites literals ("007" becomes "7", xsd:int becomes xsd:integer). Everything here works on lists of
quads in memory; what opens a store is in `kymgraph.store`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import xml.parsers.expat
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, TypeAlias

import pyoxigraph as ox
from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad, Triple, Variable

from kymgraph.errors import InputError, RdfSyntaxError, UnsafePayload
from kymgraph.namespaces import OWL, PREFIXES, XSD, Base

__all__ = [
    "DEFAULT_GRAPH",
    "FORMATS",
    "BlankNode",
    "Canonical",
    "DefaultGraph",
    "Format",
    "GraphName",
    "Literal",
    "NamedNode",
    "Quad",
    "Subject",
    "Term",
    "Triple",
    "Variable",
    "canonical",
    "canonical_nquads",
    "canonical_turtle",
    "deskolemise",
    "digest",
    "format_for",
    "isomorphic",
    "labelled_by_content",
    "parse",
    "read_bytes",
    "restore_datatypes",
    "serialise",
    "serialise_to",
    "skolemise",
    "unpack",
]

Subject: TypeAlias = NamedNode | BlankNode
Term: TypeAlias = NamedNode | BlankNode | Literal
GraphName: TypeAlias = NamedNode | BlankNode | DefaultGraph

DEFAULT_GRAPH: Final = DefaultGraph()

#: What an unpacked .gz file may come to, in bytes: a kilobyte can unpack to gigabytes.
MAX_UNPACKED: Final = 1_000_000_000

# --- formats --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Format:
    """A serialisation: `name` is also its first suffix; the first media type is the one we send."""

    name: str
    suffixes: tuple[str, ...]
    media_types: tuple[str, ...]
    takes_graphs: bool
    ox: ox.RdfFormat


FORMATS: Final[dict[str, Format]] = {
    f.name: f
    for f in (
        Format(
            "ttl", (".ttl", ".turtle"), ("text/turtle", "application/x-turtle"), False, ox.RdfFormat.TURTLE
        ),
        Format("nt", (".nt",), ("application/n-triples",), False, ox.RdfFormat.N_TRIPLES),
        Format("nq", (".nq",), ("application/n-quads", "text/x-nquads"), True, ox.RdfFormat.N_QUADS),
        Format("trig", (".trig",), ("application/trig", "application/x-trig"), True, ox.RdfFormat.TRIG),
        Format("rdf", (".rdf", ".owl", ".xml"), ("application/rdf+xml",), False, ox.RdfFormat.RDF_XML),
        Format("jsonld", (".jsonld", ".json"), ("application/ld+json",), True, ox.RdfFormat.JSON_LD),
        # Clients that ask for N3 mean its Turtle part; formulas and rules have no place in a dataset.
        Format("n3", (".n3",), ("text/n3", "text/rdf+n3"), False, ox.RdfFormat.TURTLE),
    )
}
_BY_MEDIA_TYPE: Final = {m: f for f in FORMATS.values() for m in f.media_types}
_BY_SUFFIX: Final = {s: f for f in FORMATS.values() for s in f.suffixes}


def format_for(what: str | Path) -> Format:
    """The format of a short name (`ttl`), a media type (parameters are ignored) or a file name (also `.gz`).

    Raises InputError that lists what is known.

    >>> format_for("text/turtle; charset=utf-8").name, format_for("data/links.nq.gz").name
    ('ttl', 'nq')
    """
    if isinstance(what, str):
        known = FORMATS.get(what) or _BY_MEDIA_TYPE.get(what.partition(";")[0].strip().lower())
        if known:
            return known
    path = Path(what)
    found = _BY_SUFFIX.get((path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower())
    if found is None:
        raise InputError(
            f"no RDF format is known for {str(what)!r}; known suffixes: {' '.join(sorted(_BY_SUFFIX))}, "
            f"each also with .gz; known media types: {', '.join(sorted(_BY_MEDIA_TYPE))}"
        )
    return found


# --- parsing --------------------------------------------------------------------------------------------


def parse(
    data: bytes | Path,
    fmt: Format | None = None,
    *,
    graph: NamedNode | None = None,
    base: str | None = None,
    name: str | None = None,
    rename_blank_nodes: bool = False,
    lenient: bool = False,
) -> list[Quad]:
    """Read RDF into quads, as written (call `canonical` before comparing them).

    A path names its own format unless `fmt` is given; `.gz` is unpacked. `graph` takes the place of the
    default graph; graphs that TriG, N-Quads or JSON-LD name themselves are kept. `base` resolves relative
    IRIs. `rename_blank_nodes` gives fresh labels, so that quads of two files can lie in one list. `lenient`
    lets IRIs through that are none: what is read so is not for the store.

    Raises RdfSyntaxError with line and column, UnsafePayload for RDF/XML with a DTD (entities can make
    gigabytes of a few hundred bytes), and InputError for what cannot be read or held at all.

    >>> [quad] = parse(b"<http://a.example/x> <http://a.example/p> 007 .", FORMATS["ttl"])
    >>> quad.object.value
    '007'
    """
    name = name or (str(data) if isinstance(data, Path) else "input")
    if isinstance(data, Path):
        fmt = fmt or format_for(data)
        packed, data = data.suffix.lower() == ".gz", read_bytes(data)
        data = unpack(data, name) if packed else data
    elif fmt is None:
        raise InputError(f"{name}: say in which RDF format these bytes are")
    if fmt.ox == ox.RdfFormat.RDF_XML and b"<!doctype" in data.replace(b"\0", b"").lower():
        raise UnsafePayload(
            f"{name}: RDF/XML with a DTD is not read, as entities can take all memory; nothing was loaded",
            hint="write the namespaces out instead of entities, or send Turtle",
        )
    data = data.removeprefix(b"\xef\xbb\xbf")  # some editors put it before UTF-8; it means nothing there
    target: GraphName = graph if graph is not None else DEFAULT_GRAPH
    quads: list[Quad] = []
    try:
        for quad in ox.parse(
            data, format=fmt.ox, base_iri=base, rename_blank_nodes=rename_blank_nodes, lenient=lenient
        ):
            if isinstance(quad.object, Triple) or (
                isinstance(quad.object, Literal) and quad.object.direction is not None
            ):
                raise InputError(
                    f"{name}: triple terms and text directions are RDF 1.2, this graph is RDF 1.1; "
                    f"nothing was loaded. First found: {quad.subject} {quad.predicate} …",
                    hint="state the reified fact as an rdf:Statement node",
                )
            in_default = isinstance(quad.graph_name, DefaultGraph)
            quads.append(Quad(quad.subject, quad.predicate, quad.object, target) if in_default else quad)
    except SyntaxError as error:
        raise _syntax_error(name, fmt, data, error) from None
    except ValueError as error:
        raise RdfSyntaxError(name, str(error)) from None
    return quads


def read_bytes(path: Path) -> bytes:
    """The bytes of a file as they lie there. Raises InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} could not be read: {error.strerror}") from None


def unpack(data: bytes, name: str) -> bytes:
    """What is in a `.gz` file. Raises InputError, and UnsafePayload above MAX_UNPACKED."""
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            unpacked = packed.read(MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} could not be read: {error}", hint="pack it again with gzip") from None
    if len(unpacked) > MAX_UNPACKED:
        raise UnsafePayload(f"{name} unpacks to more than {MAX_UNPACKED:,} bytes; nothing was loaded")
    return unpacked


_POSITION = re.compile(r"^Parser error (?:at|between) (?:line|lines|columns?|between|and|at|\d|\s)*: ")
_HINTS: Final = (
    ("No scheme found", "write the IRI in full, or give the file a @base"),
    ("has not been declared", "declare the prefix at the top of the file, with a full stop at the end"),
    ("LoadDocumentCallback", "put the @context into the document: remote contexts are not fetched"),
    ("UTF-8", "save the file as UTF-8"),
)


def _syntax_error(name: str, fmt: Format, data: bytes, error: SyntaxError) -> RdfSyntaxError:
    message = _POSITION.sub("", error.msg or str(error))
    line, column = error.lineno, error.offset
    if line is None and fmt.ox == ox.RdfFormat.RDF_XML:
        line, column = _xml_position(data)
    hint = next((h for part, h in _HINTS if part in message), "correct it there; nothing was loaded")
    return RdfSyntaxError(name, message, line=line, column=column, hint=hint)


def _xml_position(data: bytes) -> tuple[int | None, int | None]:
    """Where the XML is not well-formed; Oxigraph does not say. Safe: a DTD was refused before."""
    parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
    try:
        parser.Parse(data, True)
    except xml.parsers.expat.ExpatError as error:
        return error.lineno, error.offset + 1
    return None, None


# --- the form that the store keeps ----------------------------------------------------------------------

#: Datatypes that standards demand and the store cannot hold (it keeps every integer as xsd:integer).
#: `restore_datatypes` puts them back on output; `canonical` takes them away on input, and does not count
#: that as a rewriting, since nothing is lost.
DEMANDED_DATATYPES: Final[dict[str, str]] = {
    PREFIXES["dcat"] + "byteSize": XSD + "nonNegativeInteger",
    OWL + "cardinality": XSD + "nonNegativeInteger",
    OWL + "maxCardinality": XSD + "nonNegativeInteger",
    OWL + "maxQualifiedCardinality": XSD + "nonNegativeInteger",
    OWL + "minCardinality": XSD + "nonNegativeInteger",
    OWL + "minQualifiedCardinality": XSD + "nonNegativeInteger",
    OWL + "qualifiedCardinality": XSD + "nonNegativeInteger",
}


@dataclass(frozen=True, slots=True)
class Canonical:
    """Quads in the store's form, without duplicates, in the order given; and which of them were rewritten."""

    quads: list[Quad]
    rewritten: list[tuple[Quad, Quad]] = field(default_factory=list)


def canonical(quads: Iterable[Quad]) -> Canonical:
    """Bring quads to the form in which the store keeps them.

    >>> [quad] = canonical(parse(b"<http://a.example/x> <http://a.example/p> 007 .", FORMATS["ttl"])).quads
    >>> quad.object.value
    '7'
    """
    given = list(quads)
    # Passing each distinct literal through a store is the only way that cannot disagree with the store.
    literals = list({q.object: None for q in given if isinstance(q.object, Literal) and _is_typed(q.object)})
    if not literals:
        return Canonical(list(dict.fromkeys(given)))
    scratch = ox.Store()
    predicate = NamedNode("urn:x:p")
    scratch.extend([Quad(NamedNode(f"urn:x:{n}"), predicate, literal) for n, literal in enumerate(literals)])
    kept: dict[Literal, Literal] = {}
    for quad in scratch:
        assert isinstance(quad.subject, NamedNode)
        assert isinstance(quad.object, Literal)
        kept[literals[int(quad.subject.value[6:])]] = quad.object
    result: dict[Quad, None] = {}
    rewritten = []
    for quad in given:
        form = kept.get(quad.object) if isinstance(quad.object, Literal) else None
        if form is None or form == quad.object:
            result[quad] = None
            continue
        new = Quad(quad.subject, quad.predicate, form, quad.graph_name)
        result[new] = None
        assert isinstance(quad.object, Literal)
        if (
            DEMANDED_DATATYPES.get(quad.predicate.value) != quad.object.datatype.value
            or form.value != quad.object.value
        ):
            rewritten.append((quad, new))
    return Canonical(list(result), rewritten)


def _is_typed(literal: Literal) -> bool:
    return literal.language is None and literal.datatype.value != XSD + "string"


_XSD_INTEGER: Final = NamedNode(XSD + "integer")


def restore_datatypes(quads: Iterable[Quad]) -> Iterator[Quad]:
    """Put back the datatypes of `DEMANDED_DATATYPES` for readers outside, who check them by the letter."""
    for quad in quads:
        demanded = DEMANDED_DATATYPES.get(quad.predicate.value)
        old = quad.object
        if (
            demanded
            and isinstance(old, Literal)
            and old.datatype == _XSD_INTEGER
            and re.fullmatch("[0-9]+", old.value)
        ):
            literal = Literal(old.value, datatype=NamedNode(demanded))
            yield Quad(quad.subject, quad.predicate, literal, quad.graph_name)
        else:
            yield quad


# --- blank nodes ----------------------------------------------------------------------------------------


def _blank_nodes(quad: Quad) -> list[BlankNode]:
    return [term for term in (quad.subject, quad.object, quad.graph_name) if isinstance(term, BlankNode)]


def _components(quads: Iterable[Quad]) -> list[list[Quad]]:
    """Quads with blank nodes, grouped so that no blank node stands in two groups."""
    parent: dict[BlankNode, BlankNode] = {}

    def root(node: BlankNode) -> BlankNode:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    blank = [(quad, nodes) for quad in quads if (nodes := _blank_nodes(quad))]
    for _, nodes in blank:
        for other in nodes[1:]:
            parent[root(nodes[0])] = root(other)
    groups: dict[BlankNode, list[Quad]] = defaultdict(list)
    for quad, nodes in blank:
        groups[root(nodes[0])].append(quad)
    return list(groups.values())


def _canonical_group(group: Iterable[Quad]) -> tuple[bytes, list[Quad]]:
    """The RDFC-1.0 form of quads, as N-Quads and as quads whose blank nodes bear the canonical labels."""
    dataset = ox.Dataset(group)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return canonical_nquads(dataset), list(dataset)


def skolemise(quads: Iterable[Quad], base: Base) -> list[Quad]:
    """Name every blank node `<base>.well-known/genid/<hash>`, so that loading a file twice changes nothing.

    The hash is made from the RDFC-1.0 form of the quads (with their graph) that hang together through blank
    nodes, and the node's label in it. So the same content gets the same name, two payloads never share one
    by accident (their labels both start at c14n0), and an edit renames only what hangs together with it.
    Equal groups within one call are counted, so they stay as many as they were. Canonicalising takes
    exponential time on hostile graphs: call this for foreign payloads only where a deadline holds.

    >>> def name(text): return skolemise(parse(text, FORMATS["ttl"]), Base())[0].subject.value
    >>> name(b'[] <http://a.example/p> "x" .') == name(b'_:other <http://a.example/p> "x" .')
    True
    """
    given = list(quads)
    result = [quad for quad in given if not _blank_nodes(quad)]
    seen: Counter[bytes] = Counter()
    for form, group in map(_canonical_group, _components(given)):
        seen[form] += 1
        names: dict[Subject, Subject] = {}
        for node in {node for quad in group for node in _blank_nodes(quad)}:
            text = b"%s\n%d\n%s" % (form, seen[form], node.value.encode())
            names[node] = NamedNode(base.genid(hashlib.sha256(text).hexdigest()[:32]))
        result += _relabel(group, names)
    return result


def deskolemise(quads: Iterable[Quad], base: Base, *, keep: frozenset[str] = frozenset()) -> list[Quad]:
    """Turn genid names back into blank nodes, the inverse of `skolemise`; names in `keep` stay."""
    given, prefix = list(quads), base.genid("")
    names: dict[Subject, Subject] = {}
    for quad in given:
        for term in (quad.subject, quad.object):
            if isinstance(term, NamedNode) and term.value.startswith(prefix) and term.value not in keep:
                names[term] = BlankNode("g" + hashlib.sha256(term.value.encode()).hexdigest()[:24])
    return _relabel(given, names)


def _relabel(quads: Iterable[Quad], names: Mapping[Subject, Subject]) -> list[Quad]:
    result = []
    for quad in quads:
        subject, term, graph = quad.subject, quad.object, quad.graph_name
        assert not isinstance(subject, Triple)  # `parse` lets no RDF 1.2 term in
        if isinstance(term, NamedNode | BlankNode):
            term = names.get(term, term)
        if not isinstance(graph, DefaultGraph):
            graph = names.get(graph, graph)
        result.append(Quad(names.get(subject, subject), quad.predicate, term, graph))
    return result


def isomorphic(one: Iterable[Quad], other: Iterable[Quad]) -> bool:
    """Whether two sets of quads differ at most in the labels of their blank nodes."""
    return _canonical_group(one)[0] == _canonical_group(other)[0]


# --- writing --------------------------------------------------------------------------------------------


def digest(data: bytes) -> str:
    """The SHA-256 of bytes as `sha256:<hex>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_nquads(quads: Iterable[Quad]) -> bytes:
    """Sorted canonical N-Quads without duplicates: what is hashed and compared as text."""
    lines = ox.serialize(quads, format=ox.RdfFormat.N_QUADS)
    assert lines is not None
    return b"".join(sorted(set(lines.splitlines(keepends=True))))


def serialise(quads: Iterable[Quad], fmt: Format, prefixes: Mapping[str, str] | None = None) -> bytes:
    """Write quads in any format, in the order given; a format without graphs gets all triples."""
    statements: list[Quad] | list[Triple]
    if fmt.takes_graphs:
        statements = list(quads)
    else:
        statements = list(dict.fromkeys(Triple(q.subject, q.predicate, q.object) for q in quads))
    data = ox.serialize(statements, format=fmt.ox, prefixes=dict(prefixes or {}))
    assert data is not None
    return data


def serialise_to(
    output: IO[bytes], quads: Iterable[Quad], fmt: Format, prefixes: Mapping[str, str] | None = None
) -> None:
    """As `serialise`, but written as the quads come, which need not fit into memory; double ones stay."""
    statements: Iterable[Quad] | Iterable[Triple] = quads
    if not fmt.takes_graphs:
        statements = (Triple(q.subject, q.predicate, q.object) for q in quads)
    ox.serialize(statements, output, format=fmt.ox, prefixes=dict(prefixes or {}))


def canonical_turtle(quads: Iterable[Quad], prefixes: Mapping[str, str]) -> str:
    """Turtle that a person likes to read and that is the same for the same triples, wherever they come from.

    Only prefixes in use are declared, sorted; a prefix is made for each folder of things under `id:`
    (`<…/id/programme/x>` becomes `programme:x`). Header first, then subjects by IRI with numbers in their
    order; `a` and labels first, evidence last; several objects stand one to a line. Blank nodes that are
    used once are written where they are used, lists as lists. Parsing the text gives back the same triples.

    The graph names of the quads are not looked at: pass the quads of one graph.
    """
    from kymgraph.turtle import TurtleWriter  # it builds on this module

    triples = [Quad(q.subject, q.predicate, q.object) for q in quads]
    return TurtleWriter(labelled_by_content(triples), prefixes).text()


def labelled_by_content(triples: list[Quad]) -> list[Quad]:
    """The same triples, their blank nodes called b1, b2… in an order that depends on content alone."""
    result = [quad for quad in triples if not _blank_nodes(quad)]
    count = 0
    for _, group in sorted(map(_canonical_group, _components(triples)), key=lambda pair: pair[0]):
        nodes = sorted({n for quad in group for n in _blank_nodes(quad)}, key=lambda n: int(n.value[4:]))
        result += _relabel(group, {node: BlankNode(f"b{count + i}") for i, node in enumerate(nodes, 1)})
        count += len(nodes)
    return result
