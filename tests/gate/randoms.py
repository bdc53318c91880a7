"""Random shapes, data and changes for the differential tests: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kymgraph.rdf import Quad

from .law import ONE, TWO, turtle

NODES = [f":n{i}" for i in range(8)]
BLANKS = ["_:b0", "_:b1"]
#: Of the literals, `""` and `0` are false in Python: rdflib and pySHACL stumble over such values.
LITERALS = ["1", "2", "5", '"a"', '"b"@en', '"c"@en', '"a"@fi', "true", '"2020-01-01"^^xsd:date', '""', "0"]
CLASSES = [":A", ":B", ":C"]
PREDICATES = [":p", ":q", ":r"]

PATHS = [
    ":p", ":q", "[ sh:inversePath :p ]", "( :p :q )", "( :p [ sh:inversePath :q ] )",
    "[ sh:alternativePath ( :p :q ) ]", "[ sh:zeroOrMorePath :p ]", "[ sh:oneOrMorePath :q ]",
    "[ sh:zeroOrOnePath :p ]", "[ sh:inversePath ( :p :q ) ]", "( [ sh:zeroOrMorePath :p ] :q )",
    "( :r [ sh:alternativePath ( :p [ sh:inversePath :q ] ) ] )",
    "[ sh:inversePath [ sh:oneOrMorePath :p ] ]",
    "[ sh:zeroOrMorePath ( :p :q ) ]", "rdf:type",
]  # fmt: skip

#: Bodies of SELECT constraints: what they read, and how it is tied to $this.
SELECTS = [
    "SELECT $this ?value WHERE { $this :p ?value . ?value :q ?x }",
    "SELECT $this ?value WHERE { $this :p ?value FILTER NOT EXISTS { ?value :q ?x } }",
    "SELECT $this WHERE { $this a :A FILTER NOT EXISTS { $this :p ?x . ?x a :B } }",
    "SELECT $this ?value WHERE { $this :p/:q* ?value . ?y :r ?value }",
    "SELECT $this ?value WHERE { ?value :p $this OPTIONAL { ?value :q ?x } FILTER (!bound(?x)) }",
    "SELECT $this ?value WHERE { { $this :p ?value } UNION { $this :q ?value } ?value a :A }",
    "SELECT $this ?value WHERE { $this :p ?x . { ?x :q ?value } }",
    "SELECT $this ?value WHERE { $this ^:p|:q ?value FILTER EXISTS { ?value :r $this } }",
    "SELECT $this WHERE { $this :p ?x . ?a :q ?b . ?b :r ?a }",
    "SELECT $this ?value WHERE { $this !(:p|rdf:type) ?value }",
    "SELECT $this ?n WHERE { { SELECT $this (COUNT(?x) AS ?n) WHERE { $this :p ?x } GROUP BY $this }"
    " FILTER (?n > 1) }",
    "SELECT $this WHERE { { SELECT $this (COUNT(?x) AS ?n) WHERE { $this :q ?y . ?x :p ?y } GROUP BY $this }"
    " FILTER (?n != 1) }",
    "SELECT $this ?value WHERE { $this ?p ?value . ?value ?p $this }",
    "SELECT $this WHERE { BIND ($this AS ?t) ?t :p ?x . ?x :q :n1 }",
    "SELECT $this ?value WHERE { $this $PATH ?value . ?value :r ?x }",
    "SELECT $this WHERE { OPTIONAL { $this :p ?y } ?y :q ?z }",
    "SELECT $this ?value WHERE { $this :p ?value OPTIONAL { ?value :q ?x FILTER EXISTS { ?x :r ?y } }"
    " FILTER (!bound(?x)) }",
]


#: Constraint components of one's own: `:least` of each value, `:without` of the focus node.
COMPONENTS = '''
:Least a sh:ConstraintComponent ; sh:parameter [ sh:path :least ] ; sh:validator [ a sh:SPARQLAskValidator ;
  sh:ask "PREFIX : <http://x.example/> ASK { FILTER NOT EXISTS { $value :q ?x FILTER (?x < $least) } }" ] .
:Without a sh:ConstraintComponent ; sh:parameter [ sh:path :without ] ;
  sh:nodeValidator [ a sh:SPARQLSelectValidator ;
    sh:select """PREFIX : <http://x.example/>
      SELECT $this ?value WHERE { $this $without ?value . ?y :p ?value }""" ] ;
  sh:propertyValidator [ a sh:SPARQLSelectValidator ;
    sh:select """PREFIX : <http://x.example/>
      SELECT $this ?value WHERE { $this $PATH ?value . ?value $without ?x }""" ] .
'''


def choose(rng: random.Random, pairs: Sequence[tuple[int, str]]) -> str:
    return rng.choices([text for _, text in pairs], [weight for weight, _ in pairs])[0]


class Shapes:
    """Shapes as Turtle text. `deep` nests them, `recursive` lets them name each other in circles."""

    def __init__(
        self, rng: random.Random, *, deep: int = 3, recursive: bool = True, sparql: bool = True
    ) -> None:
        self.rng, self.deep, self.recursive, self.sparql = rng, deep, recursive, sparql
        self.count = rng.randint(1, 4)

    def text(self) -> str:
        return "\n".join([COMPONENTS, *(self.top(index) for index in range(self.count))])

    def top(self, index: int) -> str:
        rng = self.rng
        targets = rng.sample(
            [
                f"sh:targetClass {rng.choice(CLASSES)}",
                f"sh:targetSubjectsOf {rng.choice(PREDICATES)}",
                f"sh:targetObjectsOf {rng.choice(PREDICATES)}",
                f"sh:targetNode {rng.choice([*NODES, '1'])}",
            ],
            rng.choice([0, 1, 1, 1, 2]) if index else 1,
        )
        if rng.random() < 0.15:
            body = f"a sh:PropertyShape ; sh:path {self.path()} ; {self.constraints(self.deep, index, True)}"
        else:
            body = f"a sh:NodeShape ; {self.constraints(self.deep, index, False)}"
        return f":S{index} {body} {' '.join(f'; {target}' for target in targets)} ."

    def path(self) -> str:
        return self.rng.choice([":p", ":q", *PATHS])

    def shape(self, depth: int, index: int) -> str:
        """A nested shape: a named one or one of its own."""
        rng = self.rng
        names = [i for i in range(self.count) if self.recursive or i > index]
        if names and rng.random() < 0.25:
            return f":S{rng.choice(names)}"
        if depth <= 0:
            return f"[ {self.value()} ]"
        if rng.random() < 0.4:
            return f"[ sh:path {self.path()} ; {self.constraints(depth - 1, index, True)} ]"
        return f"[ {self.constraints(depth - 1, index, False)} ]"

    def value(self) -> str:
        rng = self.rng
        return rng.choice(
            [
                f"sh:class {rng.choice(CLASSES)}",
                f"sh:datatype xsd:{rng.choice(['integer', 'string', 'date'])}",
                f"sh:nodeKind sh:{rng.choice(['IRI', 'Literal', 'BlankNodeOrIRI'])}",
                f"sh:in ( {' '.join(rng.sample(NODES + LITERALS, 4))} )",
                "sh:minLength 2",
                "sh:maxInclusive 3",
                'sh:pattern "n[0-3]"',
            ]
        )

    def constraints(self, depth: int, index: int, path: bool) -> str:
        made = [self.constraint(depth, index, path) for _ in range(self.rng.randint(1, 2))]
        # Most parameters may stand once in a shape.
        return " ; ".join({text.split()[0]: text for text in made}.values())

    def constraint(self, depth: int, index: int, path: bool) -> str:
        rng = self.rng
        one = self.shape(depth, index)
        nested = (
            f"[ sh:path {self.path()} ; {self.constraints(depth - 1, index, True)} ]" if depth > 0 else ""
        )
        forms = [(6, self.value()), (2, f"sh:hasValue {rng.choice(NODES + LITERALS)}")]
        if path:
            forms += [
                (3, f"sh:minCount {rng.choice([1, 1, 2])}"),
                (3, f"sh:maxCount {rng.choice([0, 1, 2])}"),
                (1, "sh:uniqueLang true"),
                (1, f"sh:lessThan {rng.choice(PREDICATES)}"),
                (
                    3,
                    f"sh:qualifiedValueShape {one} ; sh:qualified{rng.choice(['Min', 'Max'])}Count "
                    f"{rng.choice([0, 1, 1])}" + rng.choice(["", " ; sh:qualifiedValueShapesDisjoint true"]),
                ),
            ]
        forms += [(2, f"sh:equals {rng.choice(PREDICATES)}"), (2, f"sh:disjoint {rng.choice(PREDICATES)}")]
        forms += [(1, f"sh:closed true ; sh:ignoredProperties ( rdf:type {rng.choice(PREDICATES)} )")]
        if depth > 0:
            other = self.shape(depth, index)
            forms += [
                (6, f"sh:property {nested}"),
                (3, f"sh:not {one}"),
                (2, f"sh:and ( {one} {other} )"),
                (3, f"sh:or ( {one} {other} )"),
                (3, f"sh:xone ( {one} {other} )"),
            ]
            if "sh:path" not in one:
                forms += [(5, f"sh:node {one}")]
        if self.sparql:
            query = rng.choice(SELECTS)
            if path or "$PATH" not in query:
                forms += [(1, f":least {rng.choice([2, 4])}"), (1, f":without {rng.choice(PREDICATES)}")]
                forms += [(3, f'sh:sparql [ sh:select """PREFIX : <http://x.example/> {query}""" ]')]
        return choose(rng, forms)


def quad(rng: random.Random) -> Quad:
    """A random statement: a value, a link, a type, seldom a subclass; in either of two graphs."""
    kind = rng.random()
    subject = rng.choice(NODES + BLANKS)
    if kind < 0.25:
        text = f"{subject} a {rng.choice(CLASSES)} ."
    elif kind < 0.3:
        text = f"{rng.choice(CLASSES)} rdfs:subClassOf {rng.choice(CLASSES)} ."
    else:
        text = f"{subject} {rng.choice(PREDICATES)} {rng.choice(NODES + NODES + BLANKS + LITERALS)} ."
    return turtle(text, rng.choice([ONE, ONE, TWO]))[0]


def data(rng: random.Random, size: int) -> list[Quad]:
    return list(dict.fromkeys(quad(rng) for _ in range(size)))


def changed(rng: random.Random, before: Sequence[Quad], size: int) -> list[Quad]:
    """The data after `size` random statements came or went."""
    after = dict.fromkeys(before)
    for _ in range(size):
        if after and rng.random() < 0.5:
            del after[rng.choice(list(after))]
        else:
            after[quad(rng)] = None
    return list(after)
