from __future__ import annotations

import time
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymgraph import queries
from kymgraph.errors import (
    BadParameter,
    InputError,
    QuerySyntaxError,
    QueryTooLarge,
    ServiceNotAllowed,
    UnknownParameter,
    UpdateNotAllowed,
)
from kymgraph.queries import (
    DEFAULT_LIMITS,
    PADDING,
    Limits,
    NamedQuery,
    front_matter,
    inspect,
    substitute,
    syntax_error,
    term_iri,
    term_literal,
    tokenize,
)

E = "PREFIX : <http://e/> "


# --- what a query is ---


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("select * {}", "select"),
        ("# a comment\nBASE <http://e/>\nPREFIX : <#> ASK {}", "ask"),
        ("CONSTRUCT WHERE { ?s ?p ?o }", "construct"),
        ("DESCRIBE <http://e/a>", "describe"),
    ],
)
def test_the_form_is_the_first_keyword_after_the_prologue(text, form):
    assert inspect(text).form == form


@pytest.mark.parametrize(
    "word", ["INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "COPY", "MOVE", "ADD", "WITH"]
)
def test_an_update_is_told_that_this_is_the_place_for_queries(word):
    with pytest.raises(UpdateNotAllowed, match="nothing was changed"):
        inspect(f"PREFIX : <http://e/> {word.lower()} DATA {{ :a :b :c }}")


def test_cache_keys_ignore_layout_and_comments_but_nothing_else():
    one = inspect("SELECT ?s # all\nWHERE{?s a <http://e/T>}")
    two = inspect("SELECT  ?s\n  WHERE { ?s a <http://e/T> }")
    other = inspect("SELECT ?s WHERE { ?s a <http://e/t> }")
    in_string = inspect("SELECT ?s WHERE { ?s a '# all' }")

    assert one.canonical == two.canonical != other.canonical
    assert "# all" in in_string.canonical


@pytest.mark.parametrize("call", ["RAND()", "NOW()", "UUID()", "STRUUID()", "BNODE('a')", "rand()"])
def test_answers_that_differ_each_time_are_volatile(call):
    assert inspect(f"SELECT ({call} AS ?x) {{}}").volatile
    assert not inspect(f"SELECT (STR('{call.replace(chr(39), '')}') AS ?x) {{ ?now ?rand ?uuid }}").volatile


def test_less_than_is_an_operator_after_an_operand_and_opens_an_iri_elsewhere():
    texts = [t.text for t in tokenize("{?s<http://e/p>?o FILTER(?a<?b&&?c>?d||?x IN(<http://e/i>,1))}")]

    assert "<http://e/p>" in texts
    assert "<http://e/i>" in texts
    assert "<?b&&?c>" not in texts


# --- SERVICE ---

SERVICE = [
    "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }",
    "SELECT*{{}service<http://127.0.0.1:9/>{?s ?p ?o}}",
    "SELECT * { SERVICE SILENT ?x { ?s ?p ?o } }",
    "SELECT * { ?s ?p trueSERVICE<http://127.0.0.1:9/>{?a ?b ?c} }",
    "SELECT * { ?s ?p 1SERVICE<http://127.0.0.1:9/>{?a ?b ?c} }",
    "SELECT * { ?s ?p ''SERVICE<http://127.0.0.1:9/>{?a ?b ?c} }",
    "SELECT * { FILTER(1<2)SERVICE#>\n<http://127.0.0.1:9/>{?a ?b ?c} }",
    "SELECT * { FILTER(?x<2)SERVICE#>\n?s{?a ?b ?c} }",
    "SELECT * { FILTER STR(1<2)SERVICE#>\n<http://127.0.0.1:9/>{?a ?b ?c} }",
    "SELECT * { FILTER<http://e/f>(1<2)SERVICE#>\n<http://127.0.0.1:9/>{?a ?b ?c} }",
    "SELECT * { BIND((1)<2AS?x)SERVICE#>\n<http://127.0.0.1:9/>{?a ?b ?c} }",
    "SELECT * { {SELECT?x{?s ?p ?o}ORDER BY?x(1<2)}SERVICE#>\n<http://127.0.0.1:9/>{?a ?b ?c} }",
    "PREFIX ex: <http://e/> PREFIX SERVICEex: <http://x/> SELECT * { SERVICEex:a{?a ?b ?c} }",
    "SELECT * { # x\rSERVICE<http://127.0.0.1:9/>{?a ?b ?c} }",
]


@pytest.mark.parametrize("text", SERVICE)
def test_service_is_refused_wherever_the_engine_would_read_it(text):
    with pytest.raises(ServiceNotAllowed, match="nothing was run"):
        inspect(text)
    assert inspect(text, allow_service=True).has_service
    assert inspect(text, allow_service=True).volatile


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { ?s ?p 'SERVICE <http://e/> {}' } # SERVICE <http://e/> {}",
        "SELECT ?SERVICE { ?SERVICE <http://e/SERVICE> '''a 'SERVICE' b''' }",
        "PREFIX SERVICE: <http://e/> SELECT * { ?s SERVICE:service ?o . GRAPH SERVICE:g { ?a ?b ?c } }",
        'SELECT * { ?s ?p """SERVICE "x" """@en }',
    ],
)
def test_the_word_service_elsewhere_is_no_call(text):
    assert not inspect(text).has_service


PIECES = [
    "SERVICE",
    "SILENT",
    "<http://127.0.0.1:9/>",
    "?x",
    "ex:a",
    "SERVICEex:a",
    "{?a?b?c}",
    "{}",
    ".",
    ";",
    "FILTER(1<2)",
    "(1<2)",
    "#",
    "#>",
    "\n",
    "\r",
    "'a'",
    "'''a'",
    '"',
    "true",
    "1",
    "[]",
    "()",
    "@en",
    "BIND(1AS?y)",
    "VALUES?x{1}",
    "OPTIONAL{}",
    "UNION{}",
    "_:b",
    "^",
    "<",
    ">",
    "{|",
]
TARGETS = ("<http://127.0.0.1:9/>", "ex:a", "?x")
CALLS = [f"SERVICE{silent}{target}{{?a?b?c}}" for silent in ("", "SILENT", "#>\n") for target in TARGETS]
some = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)


@settings(max_examples=1000, deadline=None)
@given(some, st.sampled_from(["", *CALLS]), some)
def test_whenever_the_engine_calls_out_the_tokenizer_has_seen_it(before, call, after):
    """The law behind the refusal: checked against the engine itself, on texts glued together at random."""
    text = (
        "PREFIX ex: <http://127.0.0.1:9/> PREFIX SERVICEex: <http://e/> "
        f"SELECT * {{ VALUES ?x {{ 1 }} {before}{call}{after} }}"
    )
    try:
        list(ox.Store().query(text))
    except SyntaxError:
        return
    except (RuntimeError, OSError):  # only an attempt to call fails here: the store is empty
        with pytest.raises((ServiceNotAllowed, QuerySyntaxError)):
            inspect(text)


# --- FROM ---


def test_from_is_read_resolved_and_blanked_out_without_moving_anything():
    text = (
        "BASE <http://e/dir/>\nPREFIX g: <http://g/>\nSELECT * FROM <a> FROM g:b\nFROM NAMED g:c FROM <a>\n"
        "WHERE { ?from ?p 'FROM <http://no/>' }"
    )
    info = inspect(text)

    assert info.from_ == ("http://e/dir/a", "http://g/b")
    assert info.from_named == ("http://g/c",)
    assert len(info.without_dataset) == len(text)
    assert info.without_dataset.index("WHERE") == text.index("WHERE")
    assert inspect(info.without_dataset).from_ == ()
    assert "'FROM <http://no/>'" in info.without_dataset


@pytest.mark.parametrize(
    "text",
    [
        "CONSTRUCT { ?s ?p ?o } FROM <http://g/> WHERE { ?s ?p ?o }",
        "CONSTRUCT FROM <http://g/> WHERE { ?s ?p ?o }",
        "ASK FROM <http://g/> { ?s ?p ?o }",
        "DESCRIBE <http://e/a> FROM <http://g/>",
        "SELECT (?a<?b AS ?c) FROM <http://g/> { ?a ?p ?b }",
    ],
)
def test_from_is_found_in_every_form(text):
    assert inspect(text).from_ == ("http://g/",)
    ox.Store().query(inspect(text).without_dataset)


def test_relative_iris_of_from_use_the_base_that_the_caller_gives():
    assert inspect("ASK FROM <g> {}", base="http://e/x").from_ == ("http://e/g",)


# --- what is wrong, where, and what to do ---


@pytest.mark.parametrize(
    ("text", "line", "column", "words", "hint"),
    [
        (
            "SELECT *\n{ ?s kym:p ?o }",
            2,
            6,
            "unknown prefix kym:",
            "add PREFIX kym: <https://w3id.org/kymgraph/onto",
        ),
        ("SELECT * { ?s nix:p ?o }", 1, 15, "unknown prefix nix:", "add PREFIX nix: <…>"),
        ("SELECT * {\n ?s ?p (1 2 }", 2, 13, "'}' closes no", "Remove"),
        ("SELECT * { ?s ?p ?o", 1, 10, "brace is never closed", "Add '}'"),
        ("SELECT * { ?s ?p ?o }}", 1, 22, "nothing is open here", "Remove '}'"),
        ("SELECT * { ?s ?p 'open }", 1, 18, "not closed with '", "closing '"),
        ("PREFIX kym SELECT * {}", 1, 1, "PREFIX is incomplete", "PREFIX kym:"),
        ("PREFIX : <http://e/>", 1, 21, "ends after its prefixes", "SELECT"),
        ("SELEC * {}", 1, 1, "cannot begin with 'SELEC'", "SELECT"),
        ("SELECT ?x", 1, 10, "pattern in braces is missing", "WHERE"),
        ("", 1, 1, "empty", "SELECT"),
        ("ASK { ?s ?p '\ud800' }", 1, 14, "surrogate", "UTF-8"),
        ("ASK { ?s ?p\n'\0' }", 2, 2, "NUL", "Remove"),
    ],
)
def test_a_bad_text_is_told_where_and_what_to_do(text, line, column, words, hint):
    with pytest.raises(QuerySyntaxError) as caught:
        inspect(text)

    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in caught.value.detail
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "column", "words", "hint"),
    [
        ("SELECT * { ?s ?p 'äö😀' ?s ?q }", 24, "'?s' cannot stand here", "'.' may be missing"),
        ("SELECT * { ?s ?p ?o . FILTER(?o > ) }", 35, "')' cannot stand here", None),
        ("SELECT * { ?s ?p ?o FILTER ?o > 1 }", 28, "'?o' cannot stand here", "FILTER(?x > 1)"),
        ("SELECT * { ?s a foo }", 17, "'foo' cannot stand here", "a name has a prefix"),
        (
            "SELECT * { ?s ?p }",
            12,
            "'?s' begins a pattern that is not complete",
            "subject, a predicate and an object",
        ),
        ("SELECT ?z (COUNT(?x) AS ?c) { ?x a ?z }", 40, "neither grouped nor aggregated", "GROUP BY"),
        ("SELECT COUNT(*) { ?s ?p ?o }", 8, "'COUNT' cannot stand here", "(COUNT(?x) AS ?n)"),
        ("SELECT * { ?s <rel> ?o }", 15, "'<rel>' is not a full IRI", "BASE"),
        ("SELECT (<http://e/f>(1) AS ?x) {}", 10, "no function <http://e/f>", "xsd:"),
        ("SELECT * { ?s ?p ?o } LIMIT x", 29, "'x' cannot stand here", "variable begins with ?"),
        ("SELECT * { ?s ?p ?o } GROUP BY", 31, "cannot end here", "Expected"),
        ("SELECT * { ?s ?p ?o BIND(1 AS ?o) }", 35, "'}' cannot stand here", "must be new"),
        ("SELECT * { ?s ?p 'a\\q' }", 18, "cannot stand here", "backslash"),
    ],
)
def test_the_engines_words_are_made_readable_with_the_right_position(text, column, words, hint):
    with pytest.raises((SyntaxError, RuntimeError)) as caught:
        list(ox.Store().query(text + PADDING))

    error = syntax_error(str(caught.value), text)

    assert words in error.detail
    assert hint is None or hint in (error.hint or "")
    assert (error.line, error.column) == (1, column)


def test_limits_on_size_depth_and_operators():
    deep = "ASK { FILTER(" + "(" * 97 + "1" + ")" * 97 + ") }"
    inspect(deep)
    inspect("SELECT * { VALUES ?x { " + "<http://e/a> " * 4_000 + "} }")  # a long list is no burden
    for text in (
        deep.replace("((", "(((").replace("))", ")))"),
        "ASK { " + "?s ?p ?o . " * 501 + "}",
        "ASK { " + "{?a ?b ?c} UNION " * 501 + "{} }",
        "ASK { FILTER(1" + "||1" * 501 + ") }",
        "ASK { } # " + "x" * 65_536,
        "ASK { } # " + "ä" * 33_000,
    ):
        with pytest.raises(QueryTooLarge, match="nothing was run"):
            inspect(text)
    assert inspect("ASK { " + "?s ?p ?o . " * 501 + "}", limits=Limits(operators=600)).operators == 501


@pytest.mark.parametrize(
    "piece",
    [
        "a.",
        "<a",
        "'''a ",
        '"',
        "a:.",
        "....",
        "1.1.",
        "?",
        "((",
        "\\u0041",
        "@a-",
        "<<",
        "a:%41",
        "_:a.",
        "#\n",
        "é",
    ],
)
def test_no_text_of_64_kb_keeps_the_tokenizer_for_long(piece):
    text = "ASK { " + piece * (65_000 // len(piece.encode()))
    began = time.perf_counter()
    with pytest.raises((QuerySyntaxError, QueryTooLarge)):
        inspect(text)
    assert time.perf_counter() - began < 2


# --- parameters ---


@pytest.fixture(scope="module")
def family() -> ox.Store:
    store = ox.Store()
    store.update(
        E + "INSERT DATA { :a :p :b . :b :p :c . :a :n 1, 5 . :b :n 2 . :c :n 3 . :a a :T . :b a :T . "
        "GRAPH :h { :a :p :z } }"
    )
    return store


def rows(store: ox.Store, text: str, **bindings: str) -> list[tuple[str, ...]]:
    results = store.query(substitute(E + text, bindings))
    return sorted(
        tuple("-" if term is None else getattr(term, "value", "") for term in row) for row in results
    )


A, TWO = "<http://e/a>", '"2"^^<http://www.w3.org/2001/XMLSchema#integer>'
a, b, c, z = (f"http://e/{name}" for name in "abcz")


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        ("SELECT ?x ?y { ?x :p ?y }", A, [(a, b)]),
        ("SELECT ?y { ?x :p ?y }", A, [(b,)]),
        ("SELECT * { ?x :p ?y }", A, [(a, b)]),
        ("SELECT ?z ?x { ?z a :T FILTER(?z != ?x) }", A, [(b, a)]),
        ("SELECT ?z { ?z :n ?k FILTER(?k>?x) }", TWO, [(a,), (c,)]),
        ("SELECT ?x (COUNT(*) AS ?n) { ?x :n ?y } GROUP BY ?x", A, [(a, "2")]),
        ("SELECT (COUNT(*) AS ?n) { ?x :n ?y }", A, [("2",)]),
        ("SELECT ?z (COUNT(*) AS ?n) { ?z :n ?y } GROUP BY ?z HAVING(COUNT(*) >= ?x)", TWO, [(a, "2")]),
        ("SELECT ?x ?z (COUNT(*) AS ?n) { ?z :n ?k FILTER(?k >= ?x) } GROUP BY ?x ?z", TWO,
         [("2", a, "1"), ("2", b, "1"), ("2", c, "1")]),
        ("SELECT ?z ?m { { SELECT ?z (MAX(?k) AS ?m) { ?z :n ?k FILTER(?k > ?x) } GROUP BY ?z } }", TWO,
         [(a, "5"), (c, "3")]),
        ("SELECT ?x ?m { { SELECT ?x (MAX(?k) AS ?m) { ?x :n ?k } GROUP BY ?x } }", A, [(a, "5")]),
        ("SELECT ?x ?y { { SELECT ?x { ?x a :T } } ?x :p ?y }", A, [(a, b)]),
        ("SELECT ?x ?y { { SELECT * { ?x a :T } } ?x :p ?y }", A, [(a, b)]),
        ("SELECT ?z { ?z a :T FILTER EXISTS { ?x :p ?z } }", A, [(b,)]),
        ("SELECT ?z { ?z a :T FILTER NOT EXISTS { ?x :p ?z } }", A, [(a,)]),
        ("SELECT ?z { ?z a :T MINUS { ?x :p ?z } }", A, [(a,)]),
        ("SELECT ?z { ?x :p+ ?z }", A, [(b,), (c,)]),
        ("SELECT ?z { ?z ^:p|:p ?x }", A, [(b,)]),
        ("SELECT (STR(?x) AS ?s) {}", A, [(a,)]),
        ("SELECT ?s { BIND(STR(?x) AS ?s) }", A, [(a,)]),
        ("SELECT ?y { GRAPH ?x { :a :p ?y } }", "<http://e/h>", [(z,)]),
        ("SELECT ?z { ?z a :T FILTER(BOUND(?x)) } ORDER BY ?x ?z", A, [(a,), (b,)]),
        ("SELECT ?z { ?z a :T } ORDER BY ?x LIMIT 2", A, [(a,), (b,)]),
        ("SELECT ?z { VALUES ?z { :a :b } ?x :p ?z }", A, [(b,)]),
        ("SELECT ?z { ?x :p ?z . BIND('?x' AS ?t) FILTER(?t = '?x') } # ?x", A, [(b,)]),
        ("SELECT DISTINCT ?x { ?x ?p ?o }", A, [(a,)]),
        ("SELECT ?x { ?s ?p ?o } LIMIT 0", A, []),
        ("SELECT $x { $x :p ?y }", A, [(a,)]),
        ("SELECT ?p { :a ?p ?x } ", "<http://e/b>", [("http://e/p",)]),
        ("SELECT ?z { ?z :n ?k FILTER(?k IN(?x,3)) }", TWO, [(b,), (c,)]),
    ],
)  # fmt: skip
def test_a_parameter_is_a_constant_wherever_it_stands(family, text, x, expected):
    assert rows(family, text, x=x) == expected


def test_parameters_stand_in_templates_and_describe(family):
    template = family.query(substitute(E + "CONSTRUCT { ?x :q ?y } WHERE { ?x :p ?y }", {"x": A}))
    assert [str(t) for t in template] == [f"<{a}> <http://e/q> <{b}>"]
    described = family.query(substitute("DESCRIBE ?x", {"x": A}))
    assert {t.subject.value for t in described} == {a}
    assert family.query(substitute(E + "ASK { ?x :p :b }", {"x": A}))


def test_a_query_that_assigns_its_parameter_is_refused():
    for text in ("SELECT * { BIND(1 AS ?x) }", "SELECT * { VALUES (?x) { (1) } }", "SELECT (1 AS ?x) {}"):
        with pytest.raises(BadParameter, match="is a parameter"):
            substitute(text, {"x": A})


@pytest.mark.parametrize(
    "term", ["", "<a>", "<http://e/a> }", "<http://e/a b>", '"a" . ', '"a"b"', "?y", '"a"^^<b>', "1", '"a\n"']
)
def test_only_one_whole_term_can_be_bound(term):
    with pytest.raises(BadParameter):
        substitute("SELECT * { ?x ?p ?o }", {"x": term})


@settings(max_examples=300)
@given(st.text())
def test_no_value_changes_any_other_token(value):
    text = "SELECT ?x { ?s ?p ?x,?x;?q(?x).FILTER(?x<?x||'?x'=?x) } # ?x"
    if any(0xD800 <= ord(char) <= 0xDFFF or char == "\0" for char in value):
        return
    literal = term_literal(value)
    before = [t.text for t in tokenize(text)]
    after = [t.text for t in tokenize(substitute(text, {"x": literal}))]

    expected: list[str] = []
    for i, token in enumerate(before):
        if token == "?x":
            expected += ["(", literal, "AS", "?x", ")"] if i == 1 else [literal]
        else:
            expected.append(token)
    assert after == expected


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_text_comes_back_as_it_was_given(value):
    row = next(iter(ox.Store().query(substitute("SELECT ?x {}", {"x": term_literal(value)}))))
    assert row["x"].value == value


@pytest.mark.parametrize(
    ("kind", "value", "term"),
    [
        ("iri", "https://e/ä", "<https://e/ä>"),
        ("string", 'a"b\n', '"a\\"b\\n"'),
        ("lang-string", "Kotka@fi", '"Kotka"@fi'),
        ("lang-string", "me@home@en-GB", '"me@home"@en-gb'),
        ("integer", "+007", '"7"^^<http://www.w3.org/2001/XMLSchema#integer>'),
        ("decimal", "12.50", '"12.50"^^<http://www.w3.org/2001/XMLSchema#decimal>'),
        ("date", "2021-02-28", '"2021-02-28"^^<http://www.w3.org/2001/XMLSchema#date>'),
        ("year", "2021", '"2021"^^<http://www.w3.org/2001/XMLSchema#gYear>'),
        ("boolean", "true", '"true"^^<http://www.w3.org/2001/XMLSchema#boolean>'),
    ],
)
def test_values_become_terms_of_their_type(kind, value, term):
    query = NamedQuery.parse(f"#+ params: {{x: {kind}}}\nASK {{ ?s ?p ?x }}", "q")
    assert query.bind({"x": value}) == {"x": term}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("iri", "a"), ("iri", "http://e/ x"), ("iri", "http://e/> } #"), ("integer", "1.5"), ("integer", "٣"),
        ("decimal", "1e5"), ("decimal", "."), ("date", "2021-02-30"), ("date", "2021"), ("year", "21"),
        ("boolean", "yes"), ("lang-string", "Kotka"), ("lang-string", "Kotka@"),
        ("string", "\ud800"), ("string", "\0"),
    ],
)  # fmt: skip
def test_values_of_another_type_are_refused_with_an_example(kind, value):
    query = NamedQuery.parse(f"#+ params: {{x: {kind}}}\nASK {{ ?s ?p ?x }}", "q")
    with pytest.raises(BadParameter) as caught:
        query.bind({"x": value})
    assert caught.value.hint


def test_missing_and_unknown_parameters_are_named():
    query = NamedQuery.parse("#+ params: {x: iri}\n#+ example: {x: 'http://e/a'}\nASK { ?x ?p ?o }", "q")
    with pytest.raises(BadParameter, match="needs the parameter x") as caught:
        query.bind({})
    assert "x=http://e/a" in (caught.value.hint or "")
    with pytest.raises(UnknownParameter, match="no parameter 'y'"):
        query.bind({"y": "1"})


def test_term_iri_takes_absolute_iris_only():
    assert term_iri("urn:a:b") == "<urn:a:b>"
    with pytest.raises(BadParameter):
        term_iri("a b")


# --- front matter ---


def test_a_query_file_says_what_it_answers_and_takes(tmp_path: Path):
    file = tmp_path / "budget.rq"
    file.write_text(
        "#+ summary:\n#+   fi: Eurot, painopisteittäin: kaikki\n#+   en: Euros per priority\n"
        "#+ answers: Q07                       # where the rows are\n"
        "#+ params: {programme: iri}\n#+ returns: {programme: iri, euros: decimal}   # a note\n"
        "#+ severity: Warning\n# a comment\nSELECT ?programme ?euros { ?programme <http://e/b> ?euros }\n",
        encoding="utf-8",
    )

    query = NamedQuery.load(file)

    assert query.name == "budget"
    assert query.summary == {"fi": "Eurot, painopisteittäin: kaikki", "en": "Euros per priority"}
    assert query.answers == ("Q07",)
    assert query.params == {"programme": "iri"}
    assert query.returns == {"programme": "iri", "euros": "decimal"}
    assert query.extra == {"severity": "Warning"}
    assert inspect(query.text).form == "select"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#+ nonsense\nASK {}", ":1: 'nonsense' is not front matter"),
        ("#+ params: {x: wurst}\nASK { ?x ?p ?o }", "type 'wurst'"),
        ("#+ params: {x: iri}\nASK { ?y ?p ?o }", "parameter x does not occur"),
        ("#+ params: {x}\nASK {}", "is not name: value"),
        ("#+ params: x\nASK {}", "params is a mapping"),
        ("#+   fi: x\nASK {}", "is not front matter"),
    ],
)
def test_front_matter_that_cannot_be_read_is_told_where(text, words):
    with pytest.raises(InputError, match=words.replace("{", "\\{")):
        NamedQuery.parse(text, "q.rq")


def test_front_matter_reads_lists_and_quotes():
    found = front_matter(
        "#+ a: [Q01, 'Q, 2', \"Q\\\"3\"]\n#+ b: {x: http://e/a, y: 'it''s'}\n#+ c: 'whole'\nASK {}"
    )
    assert found == {"a": ["Q01", "Q, 2", 'Q"3'], "b": {"x": "http://e/a", "y": "it's"}, "c": "whole"}


def test_a_known_form_is_read_as_the_whole_text_would_be() -> None:
    """What is remembered of a form, filled with other IRIs, equals reading each text in full."""
    forms = [
        "PREFIX k: <http://k/{n}#> SELECT * {{ <http://a/{n}> k:p ?o . ?o k:q <https://b.example/x#{n}> }}",
        "SELECT (COUNT(*) AS ?n) FROM <http://g/{n}> {{ <http://a/{n}> ?p ?o }}",
        "CONSTRUCT {{ ?s ?p <http://a/{n}> }} FROM <http://g/{n}> WHERE {{ ?s ?p ?o }}",
        "ASK {{ ?s ?p '<http://a/{n}>' }} # <http://c/{n}>",
        "SELECT * {{ ?s ?p ?o FILTER(?o<{n}&&?o>1) . <http://a/{n}> ?p ?o FILTER(RAND() < 1) }}",
        "SELECT * {{ GRAPH <http://g/{n}> {{ ?s ?p <http://a/{n}> }} }}",
        "DESCRIBE <http://a/{n}> <http://a/{n}b>",
    ]
    for form in forms:
        for n in range(5):
            text = form.format(n=n)
            queries._inspect.cache_clear()
            assert queries._inspect(text, DEFAULT_LIMITS, None) == queries._inspect_all(
                text, DEFAULT_LIMITS, None
            )
    assert any(known for known in queries._KNOWN.values()), "no form was learnt: this test tested nothing"


def test_a_known_form_does_not_open_a_door_for_service() -> None:
    for n in range(4):
        inspect(f"SELECT * {{ <http://a/{n}> ?p ?o FILTER(?o != 'x') }}")
    for text in (
        "SELECT * { SERVICE <http://a/1> { ?s ?p ?o } }",
        "SELECT * { <http://a/1> ?p ?o FILTER(1<http://a/2>) SERVICE <http://a/3> { ?s ?p ?o } }",
        "SELECT * { <http://a/1> ?p ?o FILTER(?a<?b)SERVICE<http://a/3>{ ?s ?p ?o } }",
    ):
        for _ in range(4):
            queries._inspect.cache_clear()
            with pytest.raises((ServiceNotAllowed, QuerySyntaxError)):
                inspect(text)


def test_a_query_asked_again_takes_the_new_values_and_no_other_parts() -> None:
    text = "SELECT ?a ?b { ?a <p:x> ?b FILTER(?b > 1) }"

    first = substitute(text, {"a": "<e:1>"})
    again = substitute(text, {"a": "<e:2>"})
    both = substitute(text, {"a": "<e:1>", "b": '"\\\\0b"'})

    assert again == first.replace("<e:1>", "<e:2>")
    assert "?b" in first
    assert both.count('"\\\\0b"') == 3
