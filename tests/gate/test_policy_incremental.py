"""Rules about graphs judged by the change: the same rows come and go as in judging everything twice."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kymgraph import files
from kymgraph.changeset import Changeset
from kymgraph.gate import policy
from kymgraph.gate.patterns import Sight, Unbounded, sight
from kymgraph.gate.policy import PolicyGate, Rule
from kymgraph.namespaces import KYM, KYMSH, Base
from kymgraph.overlay import OverlayView
from kymgraph.project import Project
from kymgraph.rdf import DEFAULT_GRAPH, FORMATS, Literal, NamedNode, Quad, Term, canonical, parse
from kymgraph.report import VIOLATION, Report, Result
from kymgraph.store.memory import MemoryView
from kymgraph.view import View

ROOT = Path(__file__).resolve().parents[2]
SIZE = os.environ.get("KYMGRAPH_TEST", "quick")
CHANGES = {"quick": 200, "ci": 500, "night": 5000}[SIZE]
BASE = "https://example.org/kym/"
PHONE = " ".join(("040", "123", "4567"))  #: nobody's
PROJECT = Project(ROOT, Base(BASE), sources={"alpha": "a.txt", "beta": "b.txt"})
STRICT = replace(PROJECT, default_graph="strict")
RULES = policy.load(sorted((ROOT / "shapes/policy").glob("*.rq")))
PREFIXES = f"""
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix kym: <https://w3id.org/kymgraph/ontology#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix id: <{BASE}id/> .
@prefix g: <{BASE}graph/> .
"""


def rule(name: str, text: str) -> Rule:
    prefixes = PREFIXES.replace("@prefix", "PREFIX").replace(" .\n", "\n")
    iri = NamedNode(KYMSH + name)
    return Rule(iri, VIOLATION, (Literal("No.", language="en"),), (), prefixes + text, Path(f"{name}.rq"))


#: Ways of asking that the shipped rules do not use; all can be followed from the change.
MORE = (
    rule(
        "plain", "SELECT DISTINCT ?focus { ?focus a kym:Measure FILTER NOT EXISTS { ?focus kym:partOf ?x } }"
    ),
    rule("renamed", "SELECT DISTINCT (?x AS ?focus) (?y AS ?value) { GRAPH ?graph { ?x kym:partOf ?y } }"),
    rule(
        "two-steps",
        "SELECT DISTINCT ?focus { ?focus kym:partOf ?a . ?a kym:partOf ?b . "
        "FILTER EXISTS { ?b a kym:Measure } }",
    ),
    rule(
        "nested",
        "SELECT DISTINCT ?focus { ?focus kym:partOf ?a FILTER NOT EXISTS { ?a kym:restsOn ?p "
        "FILTER NOT EXISTS { ?p kym:document ?d . ?focus kym:restsOn ?p } } }",
    ),
    rule(
        "not-all-of-it",
        "SELECT DISTINCT ?focus ?value { GRAPH ?graph { ?focus kym:partOf ?value } "
        "FILTER (?value = id:a || EXISTS { ?value kym:partOf ?focus } "
        "|| !EXISTS { GRAPH g:alpha { ?value a ?t } }) }",
    ),
    rule(
        "same-name-elsewhere",
        "SELECT DISTINCT ?focus { ?focus kym:partOf ?a FILTER NOT EXISTS { ?focus kym:restsOn ?x } "
        "FILTER NOT EXISTS { ?a kym:restsOn ?x } }",
    ),
    rule(
        "duplicates",
        "SELECT ?focus { GRAPH ?graph { ?focus kym:restsOn ?passage } GRAPH ?other { ?focus a ?t } }",
    ),
    rule(
        "graphs-as-things",
        "SELECT DISTINCT ?focus { GRAPH ?project { ?focus kym:graphName ?name } "
        "FILTER NOT EXISTS { GRAPH ?focus { id:a a ?type } } }",
    ),
    rule(
        "a-value-asked-for",
        "SELECT DISTINCT ?focus ?graph ?m { GRAPH ?graph { ?focus skos:prefLabel ?m } "
        'BIND (STR(?m) AS ?text) FILTER (?text = "yksi") }',
    ),
)
#: What cannot be followed, and is judged whole.
WHOLE = (
    rule(
        "optional",
        "SELECT DISTINCT ?focus { ?focus a kym:Measure OPTIONAL { ?focus kym:partOf ?x } "
        "FILTER (!BOUND(?x)) }",
    ),
    rule(
        "counted",
        "SELECT ?focus (COUNT(?x) AS ?value) { ?focus kym:partOf ?x } GROUP BY ?focus HAVING (COUNT(?x) > 1)",
    ),
    rule("loose", "SELECT DISTINCT ?focus { ?focus a kym:Measure FILTER EXISTS { id:b kym:partOf ?x } }"),
    rule("path", "SELECT DISTINCT ?focus { ?focus kym:partOf/kym:partOf ?focus }"),
)


def parsed(text: str) -> list[Quad]:
    """TriG with our prefixes."""
    return list(canonical(parse((PREFIXES + text).encode(), FORMATS["trig"])).quads)


def everything(view: View, project: Project, rules: Iterable[Rule]) -> set[Result]:
    """What judging the whole state finds."""
    quads = list(view.quads())
    if project.default_graph == "strict":
        quads += view.quads(graph=DEFAULT_GRAPH)
    whole = policy.view_of(quads, project)
    return {result for one in rules for result in one.results(whole, project.prefixes)}


def state(quads: Iterable[Quad], project: Project = PROJECT) -> MemoryView:
    """A checkpoint with these quads; in a strict project what is in no graph is the default graph."""
    if project.default_graph == "strict":
        return MemoryView(quads, in_union=lambda graph: False)
    return MemoryView(quads, in_union=project.in_union)


def overlay(view: View, change: Changeset, project: Project = PROJECT) -> OverlayView:
    return OverlayView(view, change, None if project.default_graph == "strict" else project.in_union)


def plain(results: Iterable[Result], status: str) -> set[Result]:
    return {replace(result, status="new") for result in results if result.status == status}


def check(gate: PolicyGate, view: View, change: Changeset, project: Project, rules: Iterable[Rule]) -> None:
    """Judge by the change and whole, and compare."""
    after = overlay(view, change, project)
    was, is_now = everything(view, project, rules), everything(after, project, rules)
    found = gate.judge(view, after, change, mended=True)
    assert plain(found, "new") == is_now - was
    assert plain(found, "mended") == was - is_now
    assert plain(found, "pre-existing") <= was & is_now
    blocking = gate.judge(view, after, change)
    assert plain(blocking, "new") == is_now - was
    assert plain(blocking, "mended") == set()
    assert plain(blocking, "pre-existing") <= was & is_now


# --- each rule ------------------------------------------------------------------------------------------

#: Good data: a source's fact with its passage, a translation, a background fact, a link with its decision.
GOOD = """
g:alpha {
  id:a a kym:Measure ; skos:prefLabel "yksi"@fi ; kym:restsOn id:p1 ; kym:when "2021-05"^^xsd:gYearMonth .
  id:p1 a kym:Passage ; kym:document <https://example.org/kym/id/document/alpha> ; kym:lines "1" .
  id:c a rdf:Statement ; rdf:subject id:a ; rdf:predicate kym:partOf ; rdf:object id:b ; kym:restsOn id:p1 .
  id:a kym:partOf id:b .
}
g:beta { id:p2 a kym:Passage ; kym:document <https://example.org/kym/id/document/beta> . }
g:background { id:k kym:area 12 ; kym:citation "Tilastokeskus 2020" . }
g:translations { id:a skos:prefLabel "one"@en . }
g:lineage { id:l a kym:LineageLink ; kym:from id:a ; kym:to id:b . }
g:links {
  id:a skos:exactMatch id:x .
  id:d a kym:AcceptedLink ; rdf:subject id:a ; rdf:predicate skos:exactMatch ; rdf:object id:x .
}
"""
#: Rule: what goes out, what comes in.
BREAKS = {
    "background-has-citation": ('g:background { id:k kym:citation "Tilastokeskus 2020" }', ""),
    "background-outside-sources": ("", 'g:alpha { id:a kym:citation "Kirja" }'),
    "claim-stands-beside": ("g:alpha { id:a kym:partOf id:b }", ""),
    "date-not-padded": ("", 'g:alpha { id:a kym:when "2021-05-01"^^xsd:date }'),
    "evidence-required": ("g:alpha { id:a kym:restsOn id:p1 }", ""),
    "evidence-same-document": ("", "g:alpha { id:a kym:restsOn id:p2 }"),
    "interpretation-outside-sources": ("", "g:alpha { id:a a kym:InferredDate }"),
    "label-has-language": ("", 'g:beta { id:p2 skos:altLabel "kohta" }'),
    "label-in-finnish": ('g:alpha { id:a skos:prefLabel "yksi"@fi }', ""),
    "label-once-per-language": ("", 'g:beta { id:a skos:prefLabel "ykkönen"@fi }'),
    "lineage-never-identity": ("", "g:lineage { id:a owl:sameAs id:b }"),
    "link-accepted-stands": ("g:links { id:a skos:exactMatch id:x }", ""),
    "link-has-decision": ("", "g:links { id:b skos:closeMatch id:x }"),
    "passage-exists": ("g:alpha { id:p1 a kym:Passage }", ""),
    "privacy-email": ("", 'g:beta { id:p2 kym:note "kirjoita: etu.suku@kunta.example" }'),
    "privacy-phone": ("", f'g:beta {{ id:p2 kym:note "soita {PHONE}" }}'),
    "source-label-in-finnish-only": ("", 'g:alpha { id:a skos:prefLabel "ett"@sv }'),
    "translation-of-something": ('g:alpha { id:a skos:prefLabel "yksi"@fi }', ""),
    "translation-only-labels": ("", "g:translations { id:a kym:partOf id:b }"),
}


def test_the_good_data_are_good_and_every_rule_has_its_case() -> None:
    assert everything(state(parsed(GOOD)), PROJECT, RULES) == set()
    assert {rule.iri.value.removeprefix(KYMSH) for rule in RULES} == set(BREAKS)


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_a_change_breaks_the_rule_and_its_inverse_mends_it(name: str) -> None:
    gate, view = PolicyGate(PROJECT, RULES), state(parsed(GOOD))
    removed, added = (frozenset(parsed(text)) for text in BREAKS[name])
    breaks = Changeset(1, removed=removed, added=added)

    broken = gate.judge(view, after := overlay(view, breaks), breaks)
    mends = breaks.inverse(base=1, reason="undo")
    mended = gate.judge(after, overlay(after, mends), mends, mended=True)

    assert NamedNode(KYMSH + name) in {result.shape for result in broken}
    assert plain(broken, "new") == everything(after, PROJECT, RULES) == plain(mended, "mended")
    assert gate.judge(after, overlay(after, mends), mends) == []


def test_what_was_wrong_before_at_the_same_place_is_called_so() -> None:
    view = state(parsed("g:alpha { id:a a kym:Measure }"))
    change = Changeset(1, added=frozenset(parsed("g:alpha { id:a a kym:Priority }")))

    results = PolicyGate(PROJECT, RULES).judge(view, overlay(view, change), change)

    assert {result.status for result in results} == {"pre-existing"}
    assert plain(results, "pre-existing") == everything(view, PROJECT, RULES)


# --- random changes -------------------------------------------------------------------------------------


@dataclass
class Vocabulary:
    """Terms that are few enough for random quads to hang together."""

    random: random.Random

    def quad(self, *, default: bool = False) -> Quad:
        pick = self.random.choice
        things = [NamedNode(f"{BASE}id/{name}") for name in "abcd"]
        passages = [NamedNode(f"{BASE}id/p{number}") for number in (1, 2)]
        documents = [NamedNode(f"{BASE}id/document/{name}") for name in ("alpha", "beta")]
        names = [
            "alpha",
            "alpha",
            "alpha",
            "beta",
            "background",
            "lineage",
            "translations",
            "links",
            "harvest/x",
        ]
        graph = NamedNode(f"{BASE}graph/{pick(names)}")
        exact = NamedNode(NAMESPACES["skos"] + "exactMatch")
        kinds = ["Measure", "Passage", "SourceDocument", "LineageLink", "InferredDate", "SourceGraph"]
        kinds += ["AcceptedLink", "AcceptedLink"]
        subject: NamedNode = pick([*things, *things, *passages, graph])
        texts: list[Term] = [
            Literal("yksi", language="fi"),
            Literal("kaksi", language="fi"),
            Literal("one", language="en"),
            Literal("yksi"),
            Literal("a@b.example"),
            Literal(PHONE, language="fi"),
            Literal("2021-05-01", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#date")),
        ]
        choices: list[tuple[str, list[Term]]] = [
            ("rdf:type", [NamedNode(KYM + pick(kinds)), NamedNode(RDF + "Statement")]),
            ("rdf:type", [NamedNode(KYM + pick(kinds)), NamedNode(RDF + "Statement")]),
            ("skos:prefLabel", texts),
            ("skos:altLabel", texts),
            ("kym:asPrinted", texts),
            ("kym:citation", texts),
            ("kym:restsOn", [*passages]),
            ("kym:restsOn", [*passages]),
            ("kym:document", [*documents]),
            ("kym:partOf", [*things]),
            ("kym:partOf", [*things]),
            ("kym:graphName", [Literal("alpha")]),
            ("owl:sameAs", [*things]),
            ("skos:exactMatch", [*things]),
            ("rdf:subject", [*things]),
            ("rdf:predicate", [NamedNode(KYM + "partOf"), NamedNode(KYM + "restsOn"), exact]),
            ("rdf:object", [*things, *passages]),
        ]
        name, objects = pick(choices)
        prefix, _, local = name.partition(":")
        predicate = NamedNode(NAMESPACES[prefix] + local)
        if default and self.random.random() < 0.3:
            return Quad(subject, predicate, pick(objects), DEFAULT_GRAPH)
        return Quad(subject, predicate, pick(objects), graph)

    def change(self, view: View, quads: Iterable[Quad], there: Iterable[Quad]) -> Changeset:
        """A change that is exact: some of what is `there` goes, of `quads` what is not there comes."""
        held = sorted(there, key=str)
        gone = self.random.sample(held, min(len(held), self.random.choice([0, 1, 1, 2, 4])))
        return Changeset(1, removed=frozenset(gone), added=frozenset(quads) - set(held))


RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = {
    "kym": KYM,
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": RDF,
    "skos": "http://www.w3.org/2004/02/skos/core#",
}


def small_changes(gate: PolicyGate, project: Project, rules: tuple[Rule, ...], seeds: Iterable[int]) -> None:
    """Each seed: a small state, some of it in overlays, and one change that is judged both ways."""
    strict = project.default_graph == "strict"
    for seed in seeds:
        words = Vocabulary(random.Random(seed))
        quads = {words.quad(default=strict) for _ in range(words.random.choice([4, 15, 40]))}
        view: View = state(quads, project)
        for _ in range(words.random.choice([0, 0, 1, 3]) + 1):
            new = [words.quad(default=strict) for _ in range(words.random.choice([0, 1, 1, 3]))]
            change = words.change(view, new, quads)
            before, view = view, overlay(view, change, project)
            quads = (quads - change.removed) | change.added
        try:
            check(gate, before, change, project, rules)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize(
    ("project", "rules"),
    [(PROJECT, RULES), (PROJECT, MORE + WHOLE), (STRICT, RULES + MORE)],
    ids=["shipped rules", "other rules", "strict project"],
)
def test_small_graphs_are_judged_as_if_whole(project: Project, rules: tuple[Rule, ...]) -> None:
    small_changes(PolicyGate(project, rules), project, rules, range(CHANGES))


def each_alone(seeds: Iterable[int]) -> None:
    """Every rule in a gate of its own, where no other rule copies out what it has missed."""
    for one in (*MORE, *RULES):
        small_changes(PolicyGate(PROJECT, (one,)), PROJECT, (one,), seeds)


def test_each_rule_is_judged_alone_as_if_whole() -> None:
    each_alone(range(CHANGES // 2))


@pytest.fixture(scope="module")
def shipped_quads() -> list[Quad]:
    return list(canonical(files.read(Project.load(ROOT)).quads()).quads)


def test_a_chain_of_changes_to_the_shipped_data_is_judged_as_if_whole(shipped_quads: list[Quad]) -> None:
    """What came less what went is what there is: by the gate's own account, and in the end by judging all."""
    project = Project.load(ROOT)
    rules = policy.load(project.policy_files())
    gate, rnd = PolicyGate(project, rules), random.Random(7)
    there, held = set(shipped_quads), list(shipped_quads)
    before: View = MemoryView(there, in_union=project.in_union)
    faults = everything(before, project, rules)

    for step in range(CHANGES):
        change = _shipped_change(rnd, held, there)
        after = OverlayView(before, change, project.in_union)
        found = gate.judge(before, after, change, mended=True)
        new, gone = plain(found, "new"), plain(found, "mended")
        assert not new & faults, step
        assert gone <= faults, step
        assert plain(found, "pre-existing") <= faults - gone, step
        faults = (faults - gone) | new
        there = (there - change.removed) | change.added
        held += change.added
        before = after if step % 20 else MemoryView(there, in_union=project.in_union)
        if step + 1 == CHANGES or step % 1000 == 199:
            assert faults == everything(after, project, rules)
    assert len(faults) > CHANGES / 4


def _shipped_change(rnd: random.Random, held: list[Quad], there: set[Quad]) -> Changeset:
    """One to four quads that go, come, move to another graph, or take another's object or subject."""
    removed, added = set[Quad](), set[Quad]()
    for _ in range(rnd.choice([1, 1, 1, 2, 4])):
        one, other = rnd.choice(held), rnd.choice(held)
        kind = rnd.randrange(5)
        if kind != 1 and one in there:
            removed.add(one)
        if kind == 1:
            added.add(Quad(one.subject, other.predicate, other.object, one.graph_name))
        elif kind == 2:
            added.add(Quad(one.subject, one.predicate, one.object, other.graph_name))
        elif kind == 3:
            added.add(Quad(one.subject, one.predicate, other.object, one.graph_name))
        elif kind == 4:
            added.add(Quad(other.subject, one.predicate, one.object, one.graph_name))
    return Changeset(1, removed=frozenset(removed - added), added=frozenset(added - there))


# --- the tests above can fail ---------------------------------------------------------------------------


def _no_steps_back(patch: pytest.MonkeyPatch) -> None:
    def direct(binding: object, steps: tuple[object, ...], *_: object) -> Iterator[object]:
        return iter(() if steps else (binding,))

    patch.setattr(policy, "_follow", direct)


def _nothing_in_not_exists(patch: pytest.MonkeyPatch) -> None:
    def outer(text: str) -> Sight:
        seen = sight(text)
        return replace(seen, patterns=tuple(p for p in seen.patterns if p.group == 0))

    patch.setattr(policy, "sight", outer)


def _no_removals(patch: pytest.MonkeyPatch) -> None:
    given = PolicyGate._places

    def added_only(self: PolicyGate, *args: object, **more: object) -> None:
        if "but_group" not in more:
            given(self, *args, **more)  # type: ignore[arg-type]

    patch.setattr(PolicyGate, "_places", added_only)


def _only_the_new_state(patch: pytest.MonkeyPatch) -> None:
    given = policy._Both.__init__
    patch.setattr(policy._Both, "__init__", lambda self, new, old, differ: given(self, new, old, False))


def _graphs_never_come_or_go(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PolicyGate, "_after", lambda self, names, touched, view: names)


def _no_wider_than_the_focus(patch: pytest.MonkeyPatch) -> None:
    given = policy._gather

    def narrow(seen: Sight, *args: object) -> None:
        direct = tuple(p for p in seen.patterns if seen.focus in p.variables)
        given(replace(seen, patterns=direct), *args)  # type: ignore[arg-type]

    patch.setattr(policy, "_gather", narrow)


def _every_row_is_at_the_place(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy, "_at", lambda places, rows: rows)


def _inner_names_are_outer_names(patch: pytest.MonkeyPatch) -> None:
    from kymgraph.gate import patterns

    patch.setattr(patterns._Group, "name", lambda self, variable: str(variable))


@pytest.mark.parametrize(
    "spoil",
    [
        _no_steps_back,
        _nothing_in_not_exists,
        _no_removals,
        _only_the_new_state,
        _graphs_never_come_or_go,
        _no_wider_than_the_focus,
        _every_row_is_at_the_place,
        _inner_names_are_outer_names,
    ],
)
def test_a_gate_that_looks_at_less_is_caught(
    spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch)

    with pytest.raises((AssertionError, KeyError)):  # noqa: PT012
        small_changes(PolicyGate(PROJECT, RULES + MORE), PROJECT, RULES + MORE, range(60))
        each_alone(range(200))


# --- what it costs --------------------------------------------------------------------------------------


class Counted:
    """A view that counts what is read of it."""

    def __init__(self, view: View) -> None:
        self._view, self.lookups, self.quads_read = view, 0, 0
        self.generation = 1

    def quads(self, *pattern: object, **named: object) -> Iterator[Quad]:
        self.lookups += 1
        for quad in self._view.quads(*pattern, **named):  # type: ignore[arg-type]
            self.quads_read += 1
            yield quad

    def graphs(self) -> list[NamedNode]:
        return self._view.graphs()

    def select(self, text: str, bindings: object = None) -> list[dict[str, Term]]:
        raise AssertionError("a rule was run over the whole view")


def test_a_change_of_one_quad_reads_its_surroundings_only(shipped_quads: list[Quad]) -> None:
    project = Project.load(ROOT)
    gate = PolicyGate(project, policy.load(project.policy_files()))
    view = Counted(MemoryView(shipped_quads, in_union=project.in_union))
    gate.judge(view, view, Changeset(1, added=frozenset(shipped_quads[:1])))  # counts the graphs, once
    rnd = random.Random(3)

    for quad in rnd.sample(shipped_quads, 100):
        for change in (
            Changeset(1, removed=frozenset([quad])),
            Changeset(
                1, added=frozenset([Quad(quad.subject, quad.predicate, Literal("x"), quad.graph_name)])
            ),
        ):
            after = OverlayView(view, change, project.in_union)
            view.lookups = view.quads_read = 0
            gate.judge(view, after, change)
            assert view.lookups < 150, quad
            assert view.quads_read < 500, quad


def test_things_that_everything_hangs_on_do_not_make_a_change_dear() -> None:
    """5,000 facts of one subject, resting on one passage, or stated of one property."""
    many = "\n".join(
        f"""id:n{n} a kym:Measure ; skos:prefLabel "n{n}"@fi ; kym:restsOn id:p1 . id:hub kym:partOf id:n{n} .
        id:c{n} a rdf:Statement ; rdf:subject id:n{n} ; rdf:predicate kym:partOf ; rdf:object id:b ;
          kym:restsOn id:p1 . id:n{n} kym:partOf id:b ."""
        for n in range(5000)
    )
    text = (
        GOOD + "g:alpha { id:hub a kym:Measure ; skos:prefLabel 'napa'@fi ; kym:restsOn id:p1 ." + many + "}"
    )
    gate, view = PolicyGate(PROJECT, RULES), Counted(state(parsed(text)))
    gate.judge(view, view, Changeset(1, added=frozenset(parsed("g:beta { id:x id:y id:z }"))))

    for removed, added, found in (
        ("", "g:alpha { id:hub kym:partOf id:other }", 0),
        ("", 'g:alpha { id:hub kym:note "a@b.example" }', 1),
        ("g:alpha { id:n77 kym:partOf id:b }", "", 1),
        ("", 'g:alpha { id:p1 kym:lines "2" }', 0),
        ("", "g:alpha { id:a kym:restsOn id:p2 }", 2),
    ):
        change = Changeset(1, removed=frozenset(parsed(removed)), added=frozenset(parsed(added)))
        after = overlay(view, change)
        view.lookups = view.quads_read = 0
        assert len(gate.judge(view, after, change)) == found
        assert view.quads_read < 300, (removed, added)


# --- what can be followed -------------------------------------------------------------------------------


def test_every_shipped_rule_is_judged_by_the_change() -> None:
    lines = PolicyGate(PROJECT, RULES + MORE).explain()

    assert len(lines) == len(RULES + MORE)
    assert [line for line in lines if "judged by the change" not in line] == []


def test_a_rule_that_cannot_be_followed_says_why() -> None:
    assert PolicyGate(PROJECT, WHOLE).explain() == [
        "rule kymsh:optional: judged whole, since it uses OPTIONAL",
        "rule kymsh:counted: judged whole, since it uses an aggregate",
        "rule kymsh:loose: judged whole, since it asks for something that is not tied to ?focus: "
        f"<{BASE}id/b> <{KYM}partOf> ?x",
        "rule kymsh:path: judged whole, since it uses a property path",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT ?focus { { ?focus ?p ?o } UNION { ?o ?p ?focus } }", "UNION"),
        ("SELECT ?focus { ?focus ?p ?o MINUS { ?focus a ?o } }", "MINUS"),
        ("SELECT ?focus { ?focus ?p ?o } LIMIT 3", "LIMIT"),
        ("SELECT ?focus { { SELECT ?focus { ?focus ?p ?o } } }", "SELECT within"),
        ("SELECT ?focus { GRAPH ?focus {} }", "which graphs"),
        ("SELECT (STR(?x) AS ?focus) { ?x ?p ?o }", "computes"),
        ("SELECT ?focus FROM <urn:g> { ?focus ?p ?o }", "FROM"),
        ("SELECT ?focus { ?focus ?p ?o . ?x ?y ?z }", "not tied"),
    ],
)
def test_what_is_not_understood_is_not_guessed(text: str, why: str) -> None:
    with pytest.raises(Unbounded, match=why):
        sight(text)


def test_results_say_what_the_rule_says() -> None:
    view = state(parsed(GOOD))
    change = Changeset(1, added=frozenset(parsed('g:beta { id:p2 kym:note "a@b.example" }')))

    [result] = PolicyGate(PROJECT, RULES).judge(view, overlay(view, change), change)

    assert (result.graph, result.path_text) == (NamedNode(f"{BASE}graph/beta"), "kym:note")
    assert result.message("en") == "The value holds an e-mail address: remove it."
    assert not Report.of([result]).accepted
