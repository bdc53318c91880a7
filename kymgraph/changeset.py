"""A change to the graph as a value: what goes out, what comes in, who answers for it, where it came from.

Every writer (SPARQL Update, RDF payload, spreadsheet, harvest, link review, revert) ends in a Changeset, and
only `Dataset.commit` turns one into a new generation. Nothing here reads a file or touches a store. Quads are
in the store's canonical form (`rdf.canonical`) and hold no blank nodes where the project names them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from kymgraph.errors import RdfSyntaxError
from kymgraph.rdf import FORMATS, BlankNode, NamedNode, Quad, Subject, canonical_nquads, digest, parse
from kymgraph.rdf import Literal as RdfLiteral

#: What has to hold of the state that a changeset meets when it is committed; anything else is a conflict.
#: "none": nothing; what is there already is not added, what is gone is not removed. "quads": all that it
#: removes is there and nothing of what it adds. "generation": nothing was committed since its base.
Guard: TypeAlias = Literal["none", "quads", "generation"]
GUARDS: Final[tuple[Guard, ...]] = ("none", "quads", "generation")

NO_QUADS: Final[frozenset[Quad]] = frozenset()


def new_id() -> str:
    """An id that no other changeset has."""
    return uuid.uuid4().urn


@dataclass(frozen=True, slots=True)
class Changeset:
    """A change against one generation. `removed` and `added` have no quad in common."""

    base: int  #: the generation it was made against
    removed: frozenset[Quad] = NO_QUADS
    added: frozenset[Quad] = NO_QUADS
    agent: str = ""  #: IRI of who answers for it (prov:wasAssociatedWith); "" is nobody known
    source: str = ""  #: IRI of what it was made from, a file or request (prov:used); "" is not known
    reason: str = ""  #: one sentence for the ledger, in the writer's own language
    id: str = field(default_factory=new_id)  #: idempotency key: the same id is committed once
    guard: Guard = "none"
    created: frozenset[str] = frozenset()  #: IRIs of graphs that come to exist, be they empty
    dropped: frozenset[str] = frozenset()  #: IRIs of graphs that cease to exist; their quads are in `removed`

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.removed or self.added or self.created or self.dropped)

    @property
    def graphs(self) -> frozenset[str]:
        """IRIs of the named graphs that it touches."""
        touched = {
            q.graph_name.value for q in (*self.removed, *self.added) if isinstance(q.graph_name, NamedNode)
        }
        return frozenset(touched | self.created | self.dropped)

    @property
    def digest(self) -> str:
        """What it does, as a hash: the same for the same quads, whoever sends them and when."""
        graphs = "".join(f"C {iri}\n" for iri in sorted(self.created))
        graphs += "".join(f"X {iri}\n" for iri in sorted(self.dropped))
        return digest(
            b"D\n" + canonical_nquads(self.removed) + b"A\n" + canonical_nquads(self.added) + graphs.encode()
        )

    def inverse(self, *, base: int, reason: str, agent: str = "", source: str = "") -> Changeset:
        """The changeset that undoes this one in generation `base`, if nothing else has touched its quads."""
        return Changeset(
            base=base,
            removed=self.added,
            added=self.removed,
            created=self.dropped,
            dropped=self.created,
            agent=agent,
            source=source,
            reason=reason,
            guard="quads",
        )


class Sum:
    """What exact changes come to, one after the other; adding one takes time for that one alone.

    >>> from kymgraph.rdf import FORMATS, parse
    >>> [quad] = parse(b"<http://a.example/x> <http://a.example/p> 7 .", FORMATS["ttl"])
    >>> one, whole = Changeset(1, added=frozenset([quad])), Sum()
    >>> whole.add(one)
    >>> whole.change(1).added == one.added
    True
    >>> whole.add(one.inverse(base=2, reason="undo"))
    >>> whole.change(1).empty
    True
    """

    def __init__(self) -> None:
        #: Whether a quad or graph was there before the first change that speaks of it, and is after the last.
        self._quads: dict[Quad, tuple[bool, bool]] = {}
        self._graphs: dict[str, tuple[bool, bool]] = {}

    def __len__(self) -> int:
        """How many quads the changes speak of."""
        return len(self._quads)

    def add(self, change: Changeset) -> None:
        """Count in the next change."""
        for quads, there in ((change.removed, False), (change.added, True)):
            for quad in quads:
                self._quads[quad] = self._quads.get(quad, (not there, there))[0], there
        for graphs, there in ((change.dropped, False), (change.created, True)):
            for iri in graphs:
                self._graphs[iri] = self._graphs.get(iri, (not there, there))[0], there

    def change(self, base: int) -> Changeset:
        """The one change, made from generation `base`."""
        return Changeset(
            base=base,
            removed=frozenset(quad for quad, steps in self._quads.items() if steps == (True, False)),
            added=frozenset(quad for quad, steps in self._quads.items() if steps == (False, True)),
            created=frozenset(iri for iri, steps in self._graphs.items() if steps == (False, True)),
            dropped=frozenset(iri for iri, steps in self._graphs.items() if steps == (True, False)),
        )


# --- RDF Patch ------------------------------------------------------------------------------------------

_HEADERS: Final = ("id", "base", "agent", "source", "reason", "guard")
_IRIS: Final = ("id", "agent", "source", "created", "dropped")


def to_patch(change: Changeset) -> bytes:
    """The changeset as RDF Patch: headers, then one transaction; the same text for the same changeset.

    Graphs that come or go are headers `created` and `dropped`, since RDF Patch has no word for them.
    Source: https://afs.github.io/rdf-delta/rdf-patch.html

    >>> print(to_patch(Changeset(3, id="urn:x:1", reason="an example")).decode(), end="")
    H id <urn:x:1> .
    H base "3" .
    H reason "an example" .
    TX .
    TC .
    """
    lines = []
    for name in _HEADERS:
        value = str(getattr(change, name))
        if value and not (name == "guard" and value == "none"):
            term = NamedNode(value) if name in ("id", "agent", "source") else RdfLiteral(value)
            lines.append(f"H {name} {term} .\n")
    for name, graphs in (("created", change.created), ("dropped", change.dropped)):
        lines += [f"H {name} {NamedNode(iri)} .\n" for iri in sorted(graphs)]
    body = [b"TX .\n"]
    for letter, quads in ((b"D ", change.removed), (b"A ", change.added)):
        body += [letter + line for line in canonical_nquads(quads).splitlines(keepends=True)]
    return b"".join(["".join(lines).encode(), *body, b"TC .\n"])


_LINE = re.compile(rb"\s*(?:(H|PA|PD|A|D)\s+(.*?)\s*|(TX|TC|TA)\s*)\.\s*(?:#.*)?\Z", re.DOTALL)
_HEADER = re.compile(rb"(\S+)\s+(.*)\Z", re.DOTALL)
_PREFIX = re.compile(rb"\"?([\w.-]*):?\"?\s+(<[^>]*>)\Z")


def from_patch(data: bytes, *, name: str = "patch") -> Changeset:
    """Read an RDF Patch: headers of `to_patch`, prefixes (PA, PD), A and D rows, transactions.

    Rows count in their order: what is added and then deleted is neither. Rows after `TA` (abort) back to
    their `TX` do not count. Terms are as written: call `rdf.canonical` where the store's form is needed.

    Raises RdfSyntaxError with the line.
    """
    prefixes: dict[bytes, bytes] = {}
    headers: dict[str, list[str]] = {}
    removed: dict[Quad, None] = {}
    added: dict[Quad, None] = {}
    rows: list[tuple[int, bytes, bytes]] = []
    heads: list[bytes] = []  # the prefixes that hold in each row
    head = b""
    start: int | None = None
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise RdfSyntaxError(
                name, "a row must be H, TX, TC, TA, PA, PD, A or D and end in a full stop", line=number
            )
        kind, rest, step = match.groups()
        if step == b"TX":
            start = len(rows)
        elif step == b"TA":
            del rows[start or 0 :]
            del heads[start or 0 :]
            start = None
        elif step == b"TC":
            start = None
        elif kind == b"H":
            header = _HEADER.match(rest)
            if header is None:
                raise RdfSyntaxError(name, "a header is H name value .", line=number)
            called = header[1].decode("utf-8", "replace")
            headers.setdefault(called, []).append(_header_value(header[2], called, name, number))
        elif kind in (b"PA", b"PD"):
            prefix = _PREFIX.match(rest)
            if prefix is None and kind == b"PA":
                raise RdfSyntaxError(name, "a prefix is PA name <IRI> .", line=number)
            if kind == b"PA" and prefix is not None:
                prefixes[prefix[1]] = prefix[2]
            else:
                prefixes.pop(rest.strip().strip(b'"').rstrip(b":"), None)
            head = b"".join(b"@prefix %s: %s .\n" % pair for pair in prefixes.items())
        else:
            rows.append((number, kind, rest))
            heads.append(head)
    if start is not None:
        raise RdfSyntaxError(
            name, "the last transaction has no TC: the patch is cut off", hint="send the whole patch"
        )
    for (_, kind, _), quad in zip(rows, _row_quads(rows, heads, name), strict=True):
        one, other = (added, removed) if kind == b"A" else (removed, added)
        if quad in other:
            del other[quad]
        else:
            one[quad] = None
    return Changeset(
        base=_number(headers, name),
        removed=frozenset(removed),
        added=frozenset(added),
        agent=headers.get("agent", [""])[0],
        source=headers.get("source", [""])[0],
        reason=headers.get("reason", [""])[0],
        id=headers.get("id", [new_id()])[0],
        guard=_guard(headers, name),
        created=frozenset(headers.get("created", ())),
        dropped=frozenset(headers.get("dropped", ())),
    )


def _row_quads(rows: list[tuple[int, bytes, bytes]], heads: list[bytes], name: str) -> list[Quad]:
    """The quads of A and D rows. All at once if they are plain N-Quads, else one by one to name the line."""
    if not any(heads):
        try:
            quads = parse(b"".join(rest + b" .\n" for _, _, rest in rows), FORMATS["nq"], name=name)
        except RdfSyntaxError:
            quads = []
        if len(quads) == len(rows):
            return quads
    return [_row_quad(row[0], row[2], head, name) for row, head in zip(rows, heads, strict=True)]


def _row_quad(number: int, rest: bytes, head: bytes, name: str) -> Quad:
    try:
        found = (
            parse(rest + b" .", FORMATS["nq"], name=name) if not head else _with_prefixes(rest, head, name)
        )
    except RdfSyntaxError as error:
        raise RdfSyntaxError(name, error.detail, line=number, hint=error.hint) from None
    if len(found) != 1:
        raise RdfSyntaxError(name, "a row holds one triple or quad", line=number)
    return found[0]


_TERM = re.compile(rb"<[^>]*>|\"(?:[^\"\\]|\\.)*\"(?:@[\w-]+|\^\^(?:<[^>]*>|[\w.-]*:[^\s]*))?|[^\s]+")


def _with_prefixes(rest: bytes, head: bytes, name: str) -> list[Quad]:
    terms = _TERM.findall(rest)
    if len(terms) == 4:
        graph = terms.pop()
        return parse(b"%s%s { %s . }" % (head, graph, b" ".join(terms)), FORMATS["trig"], name=name)
    return parse(head + rest + b" .", FORMATS["ttl"], name=name)


def _header_value(text: bytes, header: str, name: str, line: int) -> str:
    try:
        [quad] = parse(b"<urn:x:s> <urn:x:p> " + text + b" .", FORMATS["nt"], name=name)
    except (RdfSyntaxError, ValueError):
        raise RdfSyntaxError(
            name, f"the value of the header {header} is neither an IRI nor a literal", line=line
        ) from None
    assert isinstance(quad.object, NamedNode | RdfLiteral | BlankNode)
    if header in _IRIS and not _is_iri(quad.object):
        raise RdfSyntaxError(name, f"the header {header} is an IRI, not {quad.object}", line=line)
    return quad.object.value


def _is_iri(value: NamedNode | RdfLiteral | BlankNode) -> bool:
    try:
        NamedNode(value.value)
    except ValueError:
        return False
    return not isinstance(value, BlankNode)


def _number(headers: Mapping[str, list[str]], name: str) -> int:
    text = headers.get("base", ["0"])[0]
    if not text.isdecimal():
        raise RdfSyntaxError(name, f"the header base is a generation number, not {text!r}")
    return int(text)


def _guard(headers: Mapping[str, list[str]], name: str) -> Guard:
    text = headers.get("guard", ["none"])[0]
    for guard in GUARDS:
        if guard == text:
            return guard
    raise RdfSyntaxError(name, f"the header guard is one of {', '.join(GUARDS)}, not {text!r}")


# --- for people -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResourceDiff:
    """What changes about one resource in one graph; quads sorted."""

    subject: Subject
    graph: str | None  #: IRI; None is the default graph
    removed: tuple[Quad, ...]
    added: tuple[Quad, ...]


def by_resource(change: Changeset) -> Iterator[ResourceDiff]:
    """The changeset grouped by graph and subject, in the order of their IRIs."""
    groups: dict[tuple[str, str], tuple[Subject, list[Quad], list[Quad]]] = {}
    for index, quads in ((1, change.removed), (2, change.added)):
        for quad in quads:
            graph = quad.graph_name.value if isinstance(quad.graph_name, NamedNode) else ""
            assert isinstance(quad.subject, NamedNode | BlankNode)
            group = groups.setdefault((graph, str(quad.subject)), (quad.subject, [], []))
            (group[1] if index == 1 else group[2]).append(quad)
    for (graph, _), (subject, removed, added) in sorted(groups.items(), key=lambda item: item[0]):
        yield ResourceDiff(
            subject, graph or None, tuple(sorted(removed, key=str)), tuple(sorted(added, key=str))
        )


def between(before: Iterable[Quad], after: Iterable[Quad], *, base: int) -> Changeset:
    """What has to change for `before` to become `after`."""
    old, new = frozenset(before), frozenset(after)
    return Changeset(base=base, removed=old - new, added=new - old)
