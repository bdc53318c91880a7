"""The competency questions of a project as readers meet them: in sections, with names for columns.

A question is a query file in `tests/questions`; `words.csv` beside them holds what a query cannot say of
itself in three languages: headings of columns, names of parameters, sections. Without that file, or for a
word that it lacks, the query's own names are shown. Nothing here runs a query.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from kymgraph.errors import InputError, KymgraphError
from kymgraph.namespaces import PREFIXES, RDFS, SKOS
from kymgraph.project import Project
from kymgraph.queries import NamedQuery, Token, tokenize

log: Final = logging.getLogger("kymgraph.questions")

FOLDER: Final = Path("tests", "questions")
WORDS_FILE: Final = "words.csv"
#: What an answer may rest on beside what documents state.
BASES: Final = ("inferred", "background")
_END: Final = Token("close", "", 0)
_LABELS: Final = (SKOS + "prefLabel", RDFS + "label")


class Words:
    """Names of columns, parameters and sections by language, in the order of the file."""

    def __init__(self, known: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
        self._known = known

    @classmethod
    def read(cls, file: Path) -> Words:
        """A table with the columns `what`, `name` and one for each language. Raises InputError."""
        if not file.is_file():
            return cls({})
        known: dict[tuple[str, str], Mapping[str, str]] = {}
        try:
            with file.open(newline="", encoding="utf-8-sig") as lines:
                for number, row in enumerate(csv.DictReader(lines, strict=True), 2):
                    what, name = row.pop("what", None), row.pop("name", None)
                    if not what or not name or None in row or None in row.values():
                        raise InputError(f"{file}:{number}: a row takes what, name and a word per language")
                    known[what, name] = row
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{file} cannot be read as CSV in UTF-8: {error}") from None
        return cls(known)

    def say(self, what: str, name: str, languages: Sequence[str]) -> str:
        """The word in the first language that has one; else the name itself, made legible.

        >>> Words({}).say("column", "main_theme", ["fi"])
        'Main theme'
        """
        texts = self._known.get((what, name), {})
        plain = name.replace("_", " ")
        return next((texts[code] for code in languages if texts.get(code)), plain[:1].upper() + plain[1:])

    def order(self, what: str) -> list[str]:
        """The names of one kind, as the file lists them."""
        return [name for kind, name in self._known if kind == what]


@dataclass(frozen=True, slots=True)
class Question:
    """One competency question."""

    query: NamedQuery
    section: str  #: a name in `words.csv`; "" for none
    basis: str  #: inferred or background, where the answer says more than the documents state; else ""
    names: Mapping[str, frozenset[str]]  #: columns that hold labels, and the marks of what they name
    counts: frozenset[str]  #: columns that count something

    @property
    def name(self) -> str:
        return self.query.name

    @property
    def text(self) -> str:
        """The query without its front matter."""
        lines = [line for line in self.query.text.splitlines() if not line.lstrip().startswith("#+")]
        return "\n".join(lines).strip()


def load(project: Project) -> tuple[dict[str, Question], Words]:
    """The questions of a project by name, and its words; what cannot be read is logged and left out."""
    questions: dict[str, Question] = {}
    for file in project.query_files():
        if not file.is_relative_to(project.folder / FOLDER):
            continue
        try:
            query = NamedQuery.load(file)
            section, basis = (str(query.extra.get(key, "")) for key in ("section", "basis"))
            questions[query.name] = Question(
                query, section, basis if basis in BASES else "", named(query.text), counted(query.text)
            )
        except KymgraphError as error:
            log.warning("question left out: %s", error)
    try:
        words = Words.read(project.folder / FOLDER / WORDS_FILE)
    except InputError as error:
        log.warning("words of questions left out: %s", error)
        words = Words({})
    return questions, words


def named(text: str) -> dict[str, frozenset[str]]:
    """Variables that stand for the label of something, each with the marks that the query asks of that thing:
    its classes and its properties.

    A reader of another language is shown the thing's own label instead, and a link to it; by its marks it is
    told from another thing of the same name. Only what the text says plainly is read: a subject, `a` and
    properties, `skos:prefLabel` or `rdfs:label`, with `;` between.

    >>> query = "PREFIX skos: <http://www.w3.org/2004/02/skos/core#> PREFIX e: <http://e/> SELECT * {"
    >>> found = named(query + " ?p a e:Plan ; e:part ?x ; skos:prefLabel ?name . ?x skos:prefLabel ?part }")
    >>> sorted(found["name"]), found["part"]
    (['http://e/Plan', 'http://e/part'], frozenset())
    """
    tokens = tokenize(text)
    prefixes = dict(PREFIXES)
    for one, two, three in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if one.text.upper() == "PREFIX" and two.kind == "pname" and three.kind == "iri":
            prefixes[two.text.rstrip(":")] = three.text.strip("<>")

    def full(word: str) -> str:
        prefix, _, local = word.partition(":")
        return prefixes.get(prefix, "") + local

    subject, begins, property_next, depth, absent = "", True, False, 0, 0
    labels: dict[str, str] = {}
    marks: dict[str, set[str]] = {}
    for token, following in pairwise([*tokens, _END]):
        depth += (token.text == "{") - (token.text == "}")
        if token.text.upper() == "EXISTS" and not absent:
            absent = depth + 1  # what must be there, or must not, is no part of the row
        elif absent and token.text == "}" and depth < absent:
            absent = 0
        elif absent:
            continue
        elif begins and token.kind == "var":
            subject, property_next = token.text, True
            begins = False
            continue
        elif token.kind == "pname" and following.kind == "var" and full(token.text) in _LABELS:
            # At the end of a path it is the label of something that has no name in the query.
            labels[following.text[1:]] = subject if property_next else ""
        elif property_next and token.kind == "pname":
            marks.setdefault(subject, set()).add(full(token.text))
        elif property_next and token.text == "a" and following.kind == "pname":
            marks.setdefault(subject, set()).add(full(following.text))
        begins = token.text in (".", "{", "}", "WHERE")
        property_next = token.text == ";"
    return {variable: frozenset(marks.get(of, ())) for variable, of in labels.items()}


def counted(text: str) -> frozenset[str]:
    """Variables that a query assigns a COUNT: numbers of one kind, which may be compared.

    >>> sorted(counted("SELECT (COUNT(DISTINCT ?x) AS ?n) (1 + 1 AS ?two) { ?x ?p ?y } GROUP BY ?y"))
    ['n']
    """
    found, open_ = set[str](), False
    for one, two in pairwise(tokenize(text)):
        word = one.text.upper()
        if word == "COUNT":
            open_ = True
        elif word == "AS" and open_ and two.kind == "var":
            found.add(two.text[1:])
            open_ = False
        elif one.text in ("{", "}"):
            open_ = False
    return frozenset(found)
