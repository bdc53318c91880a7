"""Each construct of SHACL, on each form of path: a change that flips the verdict, there and back again.

The random tests seldom meet a fault of direction (what only a loss can break, what sh:not turns round). Here
every row says which statement breaks a shape; the gate has to see it come and go.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest

from .law import HEAD, PREFIXES, Bench, turtle

#: name: path, and how `:v` is a value of `:f` on it; {v} is the value.
PATHS = {
    "predicate": (":p", ":f :p {v} ."),
    "inverse": ("[ sh:inversePath :p ]", "{v} :p :f ."),
    "sequence": ("( :p :q )", ":f :p :m . :m :q {v} ."),
    "inverse-in-sequence": ("( :p [ sh:inversePath :q ] )", ":f :p :m . {v} :q :m ."),
    "alternative": ("[ sh:alternativePath ( :q :p ) ]", ":f :p {v} ."),
    "one-or-more": ("[ sh:oneOrMorePath :p ]", ":f :p :m . :m :p {v} ."),
}
#: Paths that have the focus node itself among the values: only constructs that it meets can be tried on them.
REFLEXIVE = {
    "zero-or-more": ("[ sh:zeroOrMorePath :p ]", ":f :p :m . :m :p {v} ."),
    "zero-or-one": ("[ sh:zeroOrOnePath :p ]", ":f :p {v} ."),
}

#: name: constraint, the state that conforms, the statements that break it: {path} leads from :f to {v}.
#: A leading "-" takes statements of the conforming state away instead of adding some.
CONSTRUCTS = {
    "class: value": ("sh:class :A", "", "{to :v}"),
    "class: type lost": ("sh:class :A", "{to :v} :v a :A .", "-:v a :A ."),
    "class: subclass lost": (
        "sh:class :A",
        "{to :v} :v a :B . :B rdfs:subClassOf :A .",
        "-:B rdfs:subClassOf :A .",
    ),
    "class: above the subclass": (
        "sh:class :A",
        "{to :v} :v a :C . :C rdfs:subClassOf :B . :B rdfs:subClassOf :A .",
        "-:B rdfs:subClassOf :A .",
    ),
    "nodeKind": ("sh:nodeKind sh:BlankNode", "", "{to :v}"),
    "in": ("sh:in ( :f :m :w )", "{to :w}", "{to :v}"),
    "pattern": ('sh:pattern "(f|m|w)$"', "{to :w}", "{to :v}"),
    "minLength": ("sh:minLength 18", "", "{to <u:v>}"),
    "maxLength": ("sh:maxLength 18", "", "{to :vvvvvvvvvvvv}"),
    "minCount": ("sh:minCount 1", "{to :v}", "-{last :v}"),
    "minCount 2": ("sh:minCount 2", "{to :v} {to :w}", "-{last :v}"),
    "maxCount": ("sh:maxCount 1", "{to :v}", "{to :w}"),
    "hasValue": ("sh:hasValue :v", "{to :v}", "-{last :v}"),
    "equals: value more": ("sh:equals :e", "{to :v} :f :e :v , :m .", "{to :w}"),
    "equals: other lost": ("sh:equals :e", "{to :v} :f :e :v , :m .", "-:f :e :v ."),
    "equals: value lost": ("sh:equals :e", "{to :v} :f :e :v , :m .", "-{last :v}"),
    "disjoint: value": ("sh:disjoint :e", ":f :e :v .", "{to :v}"),
    "disjoint: other": ("sh:disjoint :e", "{to :v}", ":f :e :v ."),
    "node": ("sh:node [ sh:property [ sh:path :n ; sh:maxCount 0 ] ]", "{to :v}", ":v :n 1 ."),
    "node: lost below": (
        "sh:node [ sh:or ( [ sh:in ( :f :m ) ] [ sh:property [ sh:path :n ; sh:minCount 1 ] ] ) ]",
        "{to :v} :v :n 1 .",
        "-:v :n 1 .",
    ),
    "property": ("sh:property [ sh:path :n ; sh:maxCount 0 ]", "{to :v}", ":v :n 1 ."),
    "property: two deep": (
        "sh:property [ sh:path :n ; sh:property [ sh:path [ sh:inversePath :k ] ; sh:class :A ] ]",
        "{to :v} :v :n :x . :y :k :x . :y a :A .",
        "-:y a :A .",
    ),
    "not": ("sh:not [ sh:class :A ]", "{to :v}", ":v a :A ."),
    "not: what is not there": (
        "sh:not [ sh:property [ sh:path :n ; sh:minCount 2 ] ]",
        "{to :v} :v :n 1 .",
        ":v :n 2 .",
    ),
    "not: what was too much": (
        "sh:not [ sh:property [ sh:path :n ; sh:maxCount 1 ] ]",
        "{to :v} :v :n 1 , 2 . :f :n 1 , 2 . :m :n 1 , 2 .",
        "-:v :n 1 .",
    ),
    "not not": (
        "sh:not [ sh:not [ sh:or ( [ sh:class :A ] [ sh:in ( :f :m ) ] ) ] ]",
        "{to :v} :v a :A .",
        "-:v a :A .",
    ),
    "and": ("sh:and ( [ sh:nodeKind sh:IRI ] [ sh:not [ sh:class :A ] ] )", "{to :v}", ":v a :A ."),
    "or: lost": ("sh:or ( [ sh:class :A ] [ sh:in ( :f :m ) ] )", "{to :v} :v a :A .", "-:v a :A ."),
    "xone: one more": ("sh:xone ( [ sh:nodeKind sh:IRI ] [ sh:class :A ] )", "{to :v}", ":v a :A ."),
    "xone: one less": ("sh:xone ( [ sh:in ( :f :m ) ] [ sh:class :A ] )", "{to :v} :v a :A .", "-:v a :A ."),
    "qualified min": (
        "sh:qualifiedValueShape [ sh:class :A ] ; sh:qualifiedMinCount 1",
        "{to :v} :v a :A .",
        "-:v a :A .",
    ),
    "qualified min: value": (
        "sh:qualifiedValueShape [ sh:class :A ] ; sh:qualifiedMinCount 1",
        "{to :v} :v a :A .",
        "-{last :v}",
    ),
    "qualified max": (
        "sh:qualifiedValueShape [ sh:class :A ] ; sh:qualifiedMaxCount 0",
        "{to :v}",
        ":v a :A .",
    ),
    "qualified max: value": (
        "sh:qualifiedValueShape [ sh:class :A ] ; sh:qualifiedMaxCount 0",
        ":v a :A .",
        "{to :v}",
    ),
    "qualified max: below": (
        "sh:qualifiedValueShape [ sh:property [ sh:path :n ; sh:maxCount 0 ] ; sh:in ( :v ) ] ;"
        " sh:qualifiedMaxCount 0",
        "{to :v} :v :n 1 .",
        "-:v :n 1 .",
    ),
    "closed below": (
        "sh:node [ sh:closed true ; sh:ignoredProperties ( :p :q :r ) ]",
        "{to :v}",
        ":v :s 1 .",
    ),
}

#: Constructs of literals: only where a path ends in objects.
LITERALS = {
    "datatype": ("sh:datatype xsd:integer", "{to 1}", '{to "a"}'),
    "minInclusive": ("sh:minInclusive 3", "{to 3}", "{to 2}"),
    "minExclusive": ("sh:minExclusive 3", "{to 4}", "{to 3}"),
    "maxInclusive": ("sh:maxInclusive 3", "{to 3}", "{to 4}"),
    "maxExclusive": ("sh:maxExclusive 3", "{to 2}", "{to 3}"),
    "languageIn": ('sh:languageIn ( "fi" )', '{to "a"@fi}', '{to "a"@sv}'),
    "uniqueLang": ("sh:uniqueLang true", '{to "a"@fi}', '{to "b"@fi}'),
    "lessThan: value": ("sh:lessThan :e", "{to 1} :f :e 3 .", "{to 5}"),
    "lessThan: other": ("sh:lessThan :e", "{to 1} :f :e 3 .", ":f :e 0 ."),
    "lessThanOrEquals": ("sh:lessThanOrEquals :e", "{to 3} :f :e 3 .", ":f :e 2 ."),
}


def flips() -> list[tuple[str, str, str, str]]:
    """(name, shapes, conforming statements, breaking statements) of every row on every path that it fits."""
    made = []
    for rows, paths in (
        (CONSTRUCTS, PATHS),
        (LITERALS, {name: PATHS[name] for name in ("predicate", "sequence", "alternative")}),
        (REFLEXIVE_ROWS, REFLEXIVE),
    ):
        for name, (constraint, good, bad) in rows.items():
            for kind, (path, link) in paths.items():
                if kind == "one-or-more" and ("last" in bad or name == "maxCount"):
                    continue  # the node on the way is a value too
                shape = f":S sh:targetNode :f ; sh:property [ sh:path {path} ; {constraint} ] ."
                # On a path of several steps the first is there before, or sh:minCount would count it.
                texts = [_filled(text, link) for text in (good, bad)]
                made.append((f"{name} / {kind}", shape, *texts))
    return made


REFLEXIVE_ROWS = {
    name: CONSTRUCTS[name]
    for name in (
        "in",
        "pattern",
        "maxLength",
        "node: lost below",
        "property",
        "property: two deep",
        "not",
        "and",
        "or: lost",
        "xone: one more",
        "xone: one less",
        "qualified min",
        "qualified max",
        "closed below",
        "disjoint: other",
        "equals: other lost",
        "node",
        "minLength",
    )
}


def _filled(text: str, link: str) -> str:
    text = re.sub(r"\{to ([^}]*)\}", lambda match: link.format(v=match[1]), text)
    return re.sub(r"\{last ([^}]*)\}", lambda match: link.format(v=match[1]).split(" . ")[-1], text)


#: name: shapes, conforming statements, breaking ones. What is not a constraint on the values of a path.
OTHERS = {
    "target class: a new target": (
        ":S sh:targetClass :A ; sh:property [ sh:path :p ; sh:minCount 1 ] .",
        "",
        ":f a :A .",
    ),
    "target class: by a subclass": (
        ":S sh:targetClass :A ; sh:property [ sh:path :p ; sh:minCount 1 ] .",
        ":f a :B .",
        ":B rdfs:subClassOf :A .",
    ),
    "target class: far above": (
        ":S sh:targetClass :A ; sh:property [ sh:path :p ; sh:minCount 1 ] .",
        ":f a :C . :C rdfs:subClassOf :B .",
        ":B rdfs:subClassOf :A .",
    ),
    "implicit class target": (
        ":S a rdfs:Class , sh:NodeShape ; sh:property [ sh:path :p ; sh:minCount 1 ] .",
        "",
        ":f a :S .",
    ),
    "target subjects of": (
        ":S sh:targetSubjectsOf :q ; sh:property [ sh:path :p ; sh:minCount 1 ] .",
        "",
        ":f :q 1 .",
    ),
    "target objects of": (
        ":S sh:targetObjectsOf :q ; sh:property [ sh:path :p ; sh:minCount 1 ] .",
        "",
        ":x :q :f .",
    ),
    "a literal as a target": (":S sh:targetObjectsOf :q ; sh:datatype xsd:integer .", "", ':x :q "a" .'),
    "a property shape with targets": (":S sh:path :p ; sh:targetNode :f ; sh:maxCount 0 .", "", ":f :p 1 ."),
    "closed": (
        ":S sh:targetNode :f ; sh:closed true ; sh:ignoredProperties ( :p ) .",
        ":f :p 1 .",
        ":f :q 1 .",
    ),
    "node shape: class": (":S sh:targetNode :f ; sh:class :A .", ":f a :A .", "-:f a :A ."),
    "node shape: equals": (":S sh:targetNode :f ; sh:equals :p .", ":f :p :f .", "-:f :p :f ."),
    "node shape: disjoint": (":S sh:targetNode :f ; sh:disjoint :p .", "", ":f :p :f ."),
    "node shape: not": (":S sh:targetNode :f ; sh:not [ sh:path :p ; sh:minCount 1 ] .", "", ":f :p 1 ."),
    "siblings: not its own": (
        ":S sh:targetNode :f ; sh:property [ sh:path :p ; sh:qualifiedValueShape [ sh:class :A ] ;"
        " sh:qualifiedMinCount 1 ; sh:qualifiedValueShapesDisjoint true ] , [ sh:path :p ;"
        " sh:qualifiedValueShape [ sh:class :B ] ; sh:qualifiedMinCount 0 ] .",
        ":f :p :v . :v a :A .",
        ":v a :B .",
    ),
    "siblings: no longer another's": (
        ":S sh:targetNode :f ; sh:property [ sh:path :p ; sh:qualifiedValueShape [ sh:class :A ] ;"
        " sh:qualifiedMaxCount 0 ; sh:qualifiedValueShapesDisjoint true ] , [ sh:path :p ;"
        " sh:qualifiedValueShape [ sh:class :B ] ; sh:qualifiedMinCount 0 ] .",
        ":f :p :v . :v a :A , :B .",
        "-:v a :B .",
    ),
    "inverse of a sequence, as pySHACL reads it": (
        ":S sh:targetNode :f ; sh:property [ sh:path [ sh:inversePath ( :p :q ) ] ; sh:maxCount 0 ] .",
        ":m :p :f .",
        ":v :q :m .",
    ),
    "the type as a path": (
        ":S sh:targetNode :f ; sh:property [ sh:path rdf:type ; sh:in ( :A ) ] .",
        ":f a :A .",
        ":f a :B .",
    ),
    "in two graphs, then in none": (
        ":S sh:targetNode :f ; sh:property [ sh:path :p ; sh:minCount 1 ] .",
        ":f :p 1 .",
        "-:f :p 1 .",
    ),
}

#: name: body of a SELECT on node :f, conforming statements, breaking ones.
SPARQL = {
    "one pattern": ("$this :p ?value", "", ":f :p 1 ."),
    "two patterns": ("$this :p ?value . ?value :q ?x", ":f :p :m .", ":m :q 1 ."),
    "first of two patterns": ("$this :p ?value . ?value :q ?x", ":m :q 1 .", ":f :p :m ."),
    "towards $this": ("?value :p $this . ?x :q ?value", ":m :p :f .", ":x :q :m ."),
    "a constant at the end": ("$this :p ?value . ?value :q :c", ":f :p :m .", ":m :q :c ."),
    "a path": (
        "$this :p/:q* ?value . FILTER (?value = :z)",
        ":f :p :m . :m :q :n . :k :q :z .",
        ":n :q :k .",
    ),
    "an inverse path": ("$this ^:p/:q ?value", ":m :p :f .", ":m :q 1 ."),
    "an alternative": ("$this :p|^:q ?value", "", ":m :q :f ."),
    "zero or one": ("$this :p/:q? ?value FILTER (?value = :z)", ":f :p :m .", ":m :q :z ."),
    "a negated set": ("$this !(:p|:q) ?value", ":f :p 1 .", ":f :r 1 ."),
    "any predicate": ("$this ?p ?value FILTER (?p != :p)", ":f :p 1 .", ":f :r 1 ."),
    "NOT EXISTS: lost": (
        "$this :p ?value FILTER NOT EXISTS { ?value :q ?x }",
        ":f :p :m . :m :q 1 .",
        "-:m :q 1 .",
    ),
    "NOT EXISTS: two deep": (
        "$this :p ?value FILTER NOT EXISTS { ?value :q ?x . ?x a :A }",
        ":f :p :m . :m :q :x . :x a :A .",
        "-:x a :A .",
    ),
    "EXISTS": ("$this :p ?value FILTER EXISTS { ?value :q ?x }", ":f :p :m .", ":m :q 1 ."),
    "OPTIONAL: lost": (
        "$this :p ?value OPTIONAL { ?value :q ?x } FILTER (!bound(?x))",
        ":f :p :m . :m :q 1 .",
        "-:m :q 1 .",
    ),
    "OPTIONAL with a filter": (
        "$this :p ?value OPTIONAL { ?value :q ?x FILTER (?x > 2) } FILTER (!bound(?x))",
        ":f :p :m . :m :q 3 .",
        "-:m :q 3 .",
    ),
    "after an OPTIONAL": ("OPTIONAL { $this :p ?y } ?y :q ?value", ":f :p :m .", ":m :q 1 ."),
    "after an OPTIONAL that is empty": ("OPTIONAL { $this :p ?y } ?y :q ?value", "", ":m :q 1 ."),
    "UNION, left": ("{ $this :p ?value } UNION { $this :q ?value }", "", ":f :p 1 ."),
    "UNION, right": ("{ $this :p ?value } UNION { $this :q ?value }", "", ":f :q 1 ."),
    "after a UNION": (
        "{ $this :p ?value } UNION { ?value :q $this } ?value :r ?x",
        ":m :q :f .",
        ":m :r 1 .",
    ),
    "a group in the group": ("$this :p ?value { ?value :q ?x }", ":f :p :m .", ":m :q 1 ."),
    "BIND": ("BIND ($this AS ?t) ?t :p ?value", "", ":f :p 1 ."),
    "a made-up term": (
        "$this :p ?x . BIND (STRDT(STR(?x), xsd:int) AS ?y) FILTER NOT EXISTS { $this :q ?y }",
        ":f :q 5 .",
        ":f :p 5 .",
    ),
    "a made-up IRI": (
        '$this :p ?x . BIND (IRI(CONCAT(STR(?x), "<")) AS ?y) FILTER NOT EXISTS { $this :q ?y }',
        ":f :q 5 .",
        ":f :p 5 .",
    ),
    "what nothing ties": ("?a :p ?b . ?b :q ?value", ":m :p :n .", ":n :q 1 ."),
    "tied by a sibling group": ("{ ?x :q ?value } $this :p ?x", ":f :p :m .", ":m :q 1 ."),
    "a sub-select": (
        "{ SELECT $this (COUNT(?x) AS ?n) WHERE { $this :p ?x } GROUP BY $this } FILTER (?n > 1)",
        ":f :p 1 .",
        ":f :p 2 .",
    ),
    "a sub-select: counting less": (
        "{ SELECT $this (COUNT(?x) AS ?n) WHERE { $this :p ?y . ?x :q ?y } GROUP BY $this } FILTER (?n < 2)",
        ":f :p :m . :a :q :m . :b :q :m .",
        "-:b :q :m .",
    ),
    "two ways to one node": ("$this :p ?x ; :q ?x", ":f :p :m .", ":f :q :m ."),
    "a circle": ("$this :p ?x . ?x :q ?y . ?y :r $this", ":f :p :x . :y :r :f .", ":x :q :y ."),
}

CUSTOM = '''
:c a sh:ConstraintComponent ; sh:parameter [ sh:path :limit ] ;
  sh:validator [ a sh:SPARQLAskValidator ;
    sh:ask "PREFIX : <http://x.example/> ASK { FILTER NOT EXISTS { $value :q ?x FILTER (?x > $limit) } }" ] .
:d a sh:ConstraintComponent ; sh:parameter [ sh:path :wanted ] ;
  sh:propertyValidator [ a sh:SPARQLSelectValidator ;
    sh:select """PREFIX : <http://x.example/> SELECT $this ?value WHERE {
      $this $PATH ?value . FILTER NOT EXISTS { ?value $wanted ?x } }""" ] .
'''
COMPONENTS = {
    "an ASK component": ("sh:property [ sh:path :p ; :limit 3 ]", ":f :p :m .", ":m :q 4 ."),
    "an ASK component: a value": ("sh:property [ sh:path :p ; :limit 3 ]", ":m :q 4 .", ":f :p :m ."),
    "an ASK component: a value that Python takes for false": (
        "sh:property [ sh:path :p ; :limit 3 ]",
        ":f :p 0 .",
        ":m :q 4 .",
    ),
    "a SELECT component": ("sh:property [ sh:path :p ; :wanted :q ]", ":f :p :m . :m :q 1 .", "-:m :q 1 ."),
}


def cases() -> list[tuple[str, str, str, str]]:
    prefixes = "".join(f"PREFIX {name}: <{iri}> " for name, iri in PREFIXES.items())
    made = flips()
    made += [(name, *rest) for name, rest in OTHERS.items()]
    made += [
        (
            f"SPARQL: {name}",
            f':S sh:targetNode :f ; sh:sparql [ sh:select """{prefixes}'
            f' SELECT $this ?value WHERE {{ {body} }}""" ] .',
            good,
            bad,
        )
        for name, (body, good, bad) in SPARQL.items()
    ]
    made += [
        (f"component: {name}", f"{CUSTOM} :S sh:targetNode :f ; {body} .", good, bad)
        for name, (body, good, bad) in COMPONENTS.items()
    ]
    return made


CASES = {name: rest for name, *rest in cases()}


@pytest.mark.parametrize("hub", [64, 0], ids=["", "every node a hub"])
@pytest.mark.parametrize("name", CASES)
def test_a_change_that_flips_the_verdict_is_seen_both_ways(name, hub):
    assert trial(name, hub) == ""


def trial(name: str, hub: int = 64) -> str:
    """What is wrong with the gate's verdict on the row; "" if nothing is."""
    shapes, good, bad = CASES[name]
    sound = turtle(good)
    broken = [q for q in sound if q not in turtle(bad[1:])] if bad.startswith("-") else sound + turtle(bad)
    assert set(sound) != set(broken)
    bench = Bench(turtle(shapes), hub=hub)
    stats: Counter[str] = Counter()
    found = bench.differs(sound, broken, stats)
    assert stats["with new results"] == 1, f"the row does not break the shape\n{HEAD}{shapes}"
    return found + bench.differs(broken, sound, stats)
