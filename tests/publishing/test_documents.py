"""Documents are written in every format so that reading them gives back what was written."""

from __future__ import annotations

import pytest

from kymgraph.errors import FormatNotAvailable
from kymgraph.namespaces import PREFIXES
from kymgraph.publishing.documents import write
from kymgraph.rdf import FORMATS, Literal, NamedNode, Quad, isomorphic, parse

QUADS = parse(
    b"""@prefix x: <http://x.example/> .
x:a x:p "one" , "two\\n\\nlines"@fi . x:b x:p x:a .
x:g { x:a x:p 1 . x:b x:q x:c . }
x:h { x:a x:p 1 . x:c x:q "</script>" }
""",
    FORMATS["trig"],
)
BLANK = parse(
    b"""@prefix x: <http://x.example/> .
x:g { [] x:p _:a . _:a x:q _:b . _:b x:q _:a }
x:h { [] x:p _:c . _:c x:q _:d . _:d x:q _:c . _:a x:r 1 }
""",
    FORMATS["trig"],
)


@pytest.mark.parametrize("prefixes", [{}, {"x": "http://x.example/"}, PREFIXES])
@pytest.mark.parametrize("given", [QUADS, BLANK])
@pytest.mark.parametrize("name", ["ttl", "nt", "rdf", "jsonld", "nq", "trig"])
def test_what_is_read_is_what_was_written(name: str, given: list[Quad], prefixes: dict[str, str]) -> None:
    found = parse(write(given, name, prefixes), FORMATS[name])

    expected = (
        given if FORMATS[name].takes_graphs else [Quad(q.subject, q.predicate, q.object) for q in given]
    )
    assert isomorphic(set(found), set(expected))


@pytest.mark.parametrize(
    ("predicate", "value"), [("http://x.example/p", "bell \x07"), ("http://x.example/1", "fine")]
)
def test_what_xml_cannot_hold_is_refused_and_turtle_named(predicate: str, value: str) -> None:
    quads = [Quad(NamedNode("http://x.example/a"), NamedNode(predicate), Literal(value))]

    with pytest.raises(FormatNotAvailable) as refused:
        write(quads, "rdf", {})

    assert "text/turtle" in (refused.value.hint or "")
    assert parse(write(quads, "ttl", {}), FORMATS["ttl"]) == quads
