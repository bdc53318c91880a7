"""Parsing, the store's form, names for blank nodes, and Turtle that is the same for the same triples."""

from __future__ import annotations

import gzip
import string
from pathlib import Path

import pyoxigraph
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymgraph.errors import InputError, RdfSyntaxError, UnsafePayload
from kymgraph.namespaces import OWL, PREFIXES, RDF, RDFS, XSD, Base
from kymgraph.rdf import (
    FORMATS,
    BlankNode,
    Literal,
    NamedNode,
    Quad,
    canonical,
    canonical_nquads,
    canonical_turtle,
    deskolemise,
    format_for,
    isomorphic,
    parse,
    restore_datatypes,
    serialise,
    skolemise,
)

TTL = FORMATS["ttl"]
BASE = Base("https://example.org/kym/")
X = "http://x.example/"


def turtle(text: str) -> list[Quad]:
    return parse(f"@prefix x: <{X}> .\n{text}".encode(), TTL)


# --- parsing --------------------------------------------------------------------------------------------


def test_malformed_turtle_names_file_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "broken.ttl"
    file.write_text("@prefix x: <http://x.example/> .\nx:a x:p y:b .\n")

    with pytest.raises(RdfSyntaxError) as raised:
        parse(file)

    error = raised.value
    assert (error.line, error.column, error.name) == (2, 9, str(file))
    assert str(error).startswith(f"{file}:2:9: ")
    assert "Parser error" not in str(error)
    assert error.hint is not None
    assert "declare the prefix" in error.hint


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("nt", "<http://a> <http://b> <http://c> .\n<http://a> <http://b> x .\n", 2),
        ("nq", "<http://a> <http://b> <http://c> <http://g> .\n\n<a> <http://b> <http://c> .\n", 3),
        ("trig", "<http://g> {\n<http://a> <http://b> }", 2),
        ("jsonld", '{\n"@id": "http://a",,\n}', 2),
        ("rdf", '<?xml version="1.0"?>\n<rdf:RDF>\n</rdf:RDF>', 2),
    ],
)
def test_every_format_names_the_line_of_an_error(name: str, text: str, line: int) -> None:
    with pytest.raises(RdfSyntaxError) as raised:
        parse(text.encode(), FORMATS[name], name="payload")

    assert raised.value.line == line
    assert str(raised.value).startswith(f"payload:{line}")


def test_a_relative_iri_needs_a_base() -> None:
    with pytest.raises(RdfSyntaxError) as raised:
        parse(b"<a> <b> <c> .", TTL)

    assert raised.value.hint is not None
    assert "@base" in raised.value.hint
    [quad] = parse(b"<a> <b> <c> .", TTL, base="http://x.example/")
    assert quad.subject == NamedNode(X + "a")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_rdf_xml_with_a_dtd_is_refused_before_parsing(encoding: str) -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
        f'<rdf:RDF xmlns:rdf="{RDF}"/>'
    )

    with pytest.raises(UnsafePayload):
        parse(bomb.encode(encoding), FORMATS["rdf"])


def test_rdf_1_2_terms_are_refused() -> None:
    for text in ("x:a x:p <<( x:a x:p x:b )>> .", 'x:a x:p "مرحبا"@ar--rtl .'):
        with pytest.raises(InputError, match=r"RDF 1\.2"):
            turtle(text)


def test_a_remote_json_ld_context_is_not_fetched() -> None:
    with pytest.raises(RdfSyntaxError) as raised:
        parse(b'{"@context": "http://127.0.0.1:9/c", "@id": "http://a"}', FORMATS["jsonld"])

    assert "remote contexts are not fetched" in (raised.value.hint or "")


def test_gz_files_are_unpacked_and_broken_ones_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.nt.gz", tmp_path / "b.nt.gz"
    good.write_bytes(gzip.compress(b"<http://a> <http://b> <http://c> .\n"))
    bad.write_bytes(good.read_bytes()[:-9])

    assert len(parse(good)) == 1
    with pytest.raises(InputError, match=r"b\.nt\.gz could not be read"):
        parse(bad)


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"\.ttl.*text/turtle"):
        format_for("notes.docx")


def test_graph_takes_the_place_of_the_default_graph_only() -> None:
    quads = parse(
        b"<http://a> <http://b> 1 . <http://g> { <http://a> <http://b> 2 }",
        FORMATS["trig"],
        graph=NamedNode("urn:d"),
    )

    assert {str(q.graph_name) for q in quads} == {"<urn:d>", "<http://g>"}


# --- the store's form -----------------------------------------------------------------------------------

lexical = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,20}", fullmatch=True),
    st.from_regex(r"[+-]?[0-9]{0,12}\.[0-9]{1,12}", fullmatch=True),
    st.sampled_from(["true", "0", "1E3", "INF", "NaN", "-0", "2014", "2014-06", "2014-06-01", "P1D"]),
    st.sampled_from(["2020-01-01T00:00:00.000+00:00", "2020-01-01T24:00:00", "00:00:00", "x", ""]),
)
datatypes = st.sampled_from(
    [
        "integer",
        "int",
        "nonNegativeInteger",
        "decimal",
        "double",
        "float",
        "boolean",
        "date",
        "gYear",
        "gYearMonth",
        "dateTime",
        "time",
        "duration",
        "dayTimeDuration",
        "string",
        "anyURI",
    ]
)
typed = st.builds(lambda text, kind: Literal(text, datatype=NamedNode(XSD + kind)), lexical, datatypes)


@given(st.lists(typed, max_size=8))
def test_canonical_is_exactly_what_a_store_gives_back(literals: list[Literal]) -> None:
    quads = [Quad(NamedNode(f"{X}{n}"), NamedNode(X + "p"), o) for n, o in enumerate(literals)]
    store = pyoxigraph.Store()
    store.extend(quads)

    result = canonical(quads)

    assert set(result.quads) == set(store)
    assert canonical(result.quads).rewritten == []
    assert [old for old, _ in result.rewritten] == [q for q in quads if q not in set(store)]


def test_canonical_merges_what_the_store_holds_once() -> None:
    result = canonical(turtle("x:a x:p 7, 07, 007 ."))

    assert len(result.quads) == 1
    assert len(result.rewritten) == 2


def test_demanded_datatypes_go_in_and_come_out_again() -> None:
    quads = turtle(f'x:a <{PREFIXES["dcat"]}byteSize> "5"^^<{XSD}nonNegativeInteger> .')

    stored = canonical(quads)

    assert stored.rewritten == []
    assert stored.quads != quads
    assert list(restore_datatypes(stored.quads)) == quads
    negative = turtle(f"x:a <{PREFIXES['dcat']}byteSize> -5 .")
    assert list(restore_datatypes(negative)) == negative


# --- blank nodes ----------------------------------------------------------------------------------------


def test_the_same_content_gets_the_same_names_whatever_its_labels() -> None:
    one = skolemise(turtle("_:a x:p _:b . _:b x:q 1 . x:c x:r _:a ."), BASE)
    two = skolemise(turtle("x:c x:r _:z . _:y x:q 1 . _:z x:p _:y ."), BASE)

    assert set(one) == set(two)
    assert not any(isinstance(t, BlankNode) for q in one for t in (q.subject, q.object))


def test_different_contents_never_share_a_name_though_both_labels_are_c14n0() -> None:
    one, two = skolemise(turtle("[] x:p 1 ."), BASE), skolemise(turtle("[] x:p 2 ."), BASE)

    assert one[0].subject != two[0].subject


def test_an_edit_renames_only_what_hangs_together_with_it() -> None:
    before = skolemise(turtle("x:a x:p [ x:q 1 ] . x:b x:p [ x:q 2 ] ."), BASE)
    after = skolemise(turtle("x:a x:p [ x:q 1 ] . x:b x:p [ x:q 3 ] ."), BASE)

    assert len(set(before) & set(after)) == 2


def test_equal_blank_nodes_stay_as_many_as_they_were() -> None:
    quads = turtle("[] x:p 1 . [] x:p 1 . [] x:p 1 .")

    assert len(set(skolemise(quads, BASE))) == 3


def test_the_graph_is_part_of_the_name() -> None:
    def named(graph: str) -> Quad:
        return skolemise(parse(b"[] <http://p> 1 .", TTL, graph=NamedNode(graph)), BASE)[0]

    assert named("urn:g").subject != named("urn:h").subject


# --- Turtle ---------------------------------------------------------------------------------------------

PREFIXES_OF_TESTS = {**BASE.prefixes(), "x": X}

local = st.lists(st.sampled_from([*string.ascii_letters, *string.digits, *"_-./~åß", "%20"]), max_size=6).map(
    "".join
)
iris = st.one_of(
    local.map(lambda t: NamedNode(X + t)),
    local.map(lambda t: NamedNode(BASE.ids + "programme/" + t)),
    local.map(lambda t: NamedNode(BASE.ids + t)),
    st.sampled_from(["programme/a", "passage/d/1-2", "org/x", "a/b/c/d", ".x/y", "x-/y"]).map(
        lambda t: NamedNode(BASE.ids + t)
    ),
    st.sampled_from(
        [RDF + "type", RDFS + "label", RDF + "nil", OWL + "Ontology", RDF + "first", RDF + "rest"]
    ).map(NamedNode),
)
blanks = st.sampled_from([BlankNode(f"n{i}") for i in range(5)])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
literals = st.one_of(
    typed,
    texts.map(Literal),
    st.builds(
        lambda t, lang: Literal(t, language=lang), texts, st.sampled_from(["fi", "sv", "en", "fi-x-a"])
    ),
)
triples = st.builds(Quad, st.one_of(iris, blanks), iris, st.one_of(iris, blanks, literals))


@settings(max_examples=300)
@given(st.lists(triples, max_size=12))
def test_canonical_turtle_gives_back_exactly_the_same_triples(quads: list[Quad]) -> None:
    text = canonical_turtle(quads, PREFIXES_OF_TESTS)

    assert isomorphic(parse(text.encode(), TTL), set(quads)), text


@given(st.lists(triples, max_size=10), st.randoms())
def test_canonical_turtle_does_not_depend_on_order_or_labels(quads: list[Quad], random: object) -> None:
    shuffled = list(quads)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    names = {BlankNode(f"n{i}"): BlankNode(f"m{9 - i}") for i in range(5)}
    renamed = [
        Quad(names.get(q.subject, q.subject), q.predicate, names.get(q.object, q.object)) for q in shuffled
    ]

    assert canonical_turtle(renamed, PREFIXES_OF_TESTS) == canonical_turtle(quads, PREFIXES_OF_TESTS)


@given(st.lists(triples, max_size=10))
def test_names_for_blank_nodes_and_back_is_the_same_graph(quads: list[Quad]) -> None:
    assert isomorphic(deskolemise(skolemise(quads, BASE), BASE), set(quads))


@pytest.mark.parametrize(
    "text",
    [
        "x:a x:l _:l . _:l rdf:first 1 ; rdf:rest () ; x:also 2 .",
        "x:a x:l _:l . _:l rdf:first 1, 2 ; rdf:rest () .",
        "x:a x:l _:l . _:l rdf:first 1 ; rdf:rest (), (3) .",
        "x:a x:l _:l . _:l rdf:first 1 .",
        "x:a x:l _:l ; x:m _:l . _:l rdf:first 1 ; rdf:rest (2) .",
        "x:a x:l _:l . _:l rdf:first 1 ; rdf:rest _:l .",
        "_:l rdf:first 1 ; rdf:rest _:m . _:m rdf:first 2 ; rdf:rest _:l .",
        "x:a x:l (((1) ()) [ x:p () ; x:q [] ]) .",
    ],
)
def test_lists_and_what_only_looks_like_one_read_back_the_same(text: str) -> None:
    quads = turtle(f"@prefix rdf: <{RDF}> . {text}")

    written = canonical_turtle(quads, PREFIXES_OF_TESTS)

    assert isomorphic(parse(written.encode(), TTL), quads), written


def test_a_byte_order_mark_is_no_error() -> None:
    assert parse(b"\xef\xbb\xbf<http://a> <http://b> 1 .", TTL) == parse(b"<http://a> <http://b> 1 .", TTL)


def test_canonical_turtle_reads_well() -> None:
    text = canonical_turtle(
        turtle(
            f"""
            <{BASE.ids}programme/p> x:about "Kymijoki"@fi ; a x:Programme ;
              <{RDFS}label> "Programme"@en , "Ohjelma äö"@fi ;
              <{PREFIXES["kym"]}restsOn> <{BASE.ids}passage/doc/10-11> , <{BASE.ids}passage/doc/9-9> ;
              x:amount 5 , 1.5 , true , "2014-06"^^<{XSD}gYearMonth> ; x:list ( 1 x:b ) ; x:node [ x:q 1 ] .
            """
        ),
        PREFIXES_OF_TESTS,
    )

    assert (
        text
        == f"""\
@prefix kym: <{PREFIXES["kym"]}> .
@prefix passage-doc: <{BASE.ids}passage/doc/> .
@prefix programme: <{BASE.ids}programme/> .
@prefix rdfs: <{RDFS}> .
@prefix x: <{X}> .
@prefix xsd: <{XSD}> .

programme:p a x:Programme ;
    rdfs:label "Ohjelma äö"@fi ,
        "Programme"@en ;
    x:about "Kymijoki"@fi ;
    x:amount true ,
        1.5 ,
        "2014-06"^^xsd:gYearMonth ,
        5 ;
    x:list ( 1 x:b ) ;
    x:node [
        x:q 1
    ] ;
    kym:restsOn passage-doc:9-9 ,
        passage-doc:10-11 .
"""
    )


def test_the_header_comes_first_and_numbers_in_their_order() -> None:
    text = canonical_turtle(turtle(f"x:a10 x:p 1 . x:a9 x:p 1 . x:z a <{OWL}Ontology> ."), PREFIXES_OF_TESTS)

    assert text.index("x:z") < text.index("x:a9") < text.index("x:a10")


def test_invisible_characters_are_escaped_and_finnish_is_not() -> None:
    text = canonical_turtle(turtle(r'x:a x:p "äö\u200E\u0007–€\U0001F600" .'), PREFIXES_OF_TESTS)

    assert '"äö\\u200E\\u0007–€😀"' in text


def test_canonical_nquads_is_sorted_without_duplicates() -> None:
    quads = turtle("x:b x:p 1 . x:a x:p 1 .")

    assert canonical_nquads([*quads, *quads]) == b"".join(sorted(canonical_nquads(quads).splitlines(True)))


@pytest.mark.parametrize("name", list(FORMATS))
def test_what_is_written_in_any_format_reads_back_the_same(name: str) -> None:
    quads = turtle('x:a x:p "ä\\n\\"q\\""@fi , 7 ; a x:C . x:b x:p [ x:q x:a ] .')

    assert isomorphic(parse(serialise(quads, FORMATS[name], PREFIXES_OF_TESTS), FORMATS[name]), quads)
