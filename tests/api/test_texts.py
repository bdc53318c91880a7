"""The texts of the pages: complete in three languages, all in use, with the same places for values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from string import Formatter

import jinja2
import pytest
from babel.messages.pofile import read_po
from jinja2 import nodes

from api.negotiate import LANGUAGES
from api.texts import FOLDER, catalogue
from tests.conftest import ROOT

#: Texts that Finnish or Swedish shares with English: proper names, abbreviations, symbols.
SAME_WORDS = re.compile(
    r"SPARQL|SELECT, ASK|CONSTRUCT, DESCRIBE|CSV|XLSX|JSON|IRI|API|RDF|[\W\d_]*(\{\w+\}[\W\d_]*)+|[\W\d_]+"
)
#: Others that are alike, by key.
SAME = {
    ("fi", "ontology.version"),  # a genitive: of the version
    ("sv", "about.cite.generation"),
    ("sv", "catalog.format"),
    ("sv", "catalog.version"),
    ("sv", "checked.cell"),
    ("sv", "checked.size"),
    ("sv", "compare.under"),
    ("sv", "ledger.text"),
    ("sv", "linkdesk.kind.organisation"),
    ("sv", "ontology.prefix"),
    ("sv", "ontology.status"),
    ("sv", "ontology.version-info"),
    ("sv", "posts.organisation"),
    ("sv", "posts.status"),
    ("sv", "property.definition"),
    ("sv", "quality.dimension"),
    ("sv", "resource.citation"),
    ("sv", "resource.data"),
    ("sv", "result.generation"),
    ("sv", "search.facet.period"),
    ("sv", "search.facet.status"),
    ("sv", "sparql.generation"),
}

FINNISH, SWEDISH, ENGLISH = (catalogue(lang) for lang in ("fi", "sv", "en"))


def _in_template(node: nodes.Node) -> Iterator[str]:
    """Regular expressions of the keys that an expression can be."""
    match node:
        case nodes.Const(value=str(key)):
            yield re.escape(key)
        case nodes.CondExpr():
            yield from _in_template(node.expr1)
            if node.expr2 is not None:
                yield from _in_template(node.expr2)
        case nodes.Concat():
            parts = [list(_in_template(part)) or [".+"] for part in node.nodes]
            yield "".join(f"({'|'.join(part)})" for part in parts)


def _in_python(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(key)):
            yield re.escape(key)
        case ast.IfExp():
            yield from _in_python(node.body)
            yield from _in_python(node.orelse)
        case ast.JoinedStr():
            parts = [re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in node.values]
            yield "".join(parts)


def _calls() -> Iterator[tuple[str, str]]:
    """(where, regular expression of a key) of every call for a text."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    for path in sorted((ROOT / "api/templates").glob("*.html")):
        for call in environment.parse(path.read_text("utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "t" and call.args:
                yield from ((f"{path.name}:{call.lineno}", key) for key in _in_template(call.args[0]))
    for path in sorted((ROOT / "api").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and _is_texts(node.func):
                yield from ((f"{path.name}:{node.lineno}", key) for key in _in_python(node.args[0]))


def _is_texts(function: ast.expr) -> bool:
    match function:
        case ast.Name(id="t") | ast.Attribute(attr="_t" | "t" | "texts"):
            return True
        case ast.Call(func=ast.Name(id="Texts")):
            return True
    return False


def _literals() -> set[str]:
    """Every string in templates and code: a key may travel as a value before it is asked for."""
    found = set[str]()
    for path in (ROOT / "api/templates").glob("*.html"):
        parsed = jinja2.Environment().parse(path.read_text("utf-8"))
        found |= {one.value for one in parsed.find_all(nodes.Const) if isinstance(one.value, str)}
    for folder in ("api", "kymgraph"):
        for path in (ROOT / folder).rglob("*.py"):
            walked = ast.walk(ast.parse(path.read_text("utf-8")))
            found |= {n.value for n in walked if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return found


def test_every_language_has_every_text() -> None:
    assert set(FINNISH) == set(SWEDISH) == set(ENGLISH)
    assert [
        key for texts in (FINNISH, SWEDISH, ENGLISH) for key, text in texts.items() if not text.strip()
    ] == []


def test_every_text_that_is_asked_for_is_there() -> None:
    calls = list(_calls())

    missing = [
        f"{where}: {key}" for where, key in calls if not any(re.fullmatch(key, known) for known in FINNISH)
    ]

    assert len(calls) > 100
    assert missing == []


def test_no_text_is_left_over() -> None:
    asked = [re.compile(key) for _, key in _calls()]
    literals = _literals()

    unused = [key for key in FINNISH if key not in literals and not any(one.fullmatch(key) for one in asked)]

    assert unused == []


def test_the_values_in_a_text_are_the_same_in_every_language() -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

    differing = [
        key
        for key, text in ENGLISH.items()
        if not places(text) == places(FINNISH.get(key, text)) == places(SWEDISH.get(key, text))
    ]

    assert differing == []


@pytest.mark.parametrize(("lang", "texts"), [("fi", FINNISH), ("sv", SWEDISH)])
def test_nothing_was_left_in_english(lang: str, texts: dict[str, str]) -> None:
    alike = [
        f"{key}: {text}"
        for key, text in texts.items()
        if text == ENGLISH.get(key) and (lang, key) not in SAME and not SAME_WORDS.fullmatch(text)
    ]

    assert alike == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_catalogues_are_read_by_the_tools_of_translators(lang: str) -> None:
    for path in sorted((FOLDER / lang).glob("*.po")):
        with path.open("rb") as file:
            read = read_po(file, locale=lang, abort_invalid=True)
        assert read.charset.lower() == "utf-8", path
        assert "Language: " + lang in path.read_text("utf-8"), path
        assert not read.obsolete, path
