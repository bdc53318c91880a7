"""One competency question as a page shows it: its parameters, its answer in the reader's language, its terms.

The queries name things by their label in one language. Where the text of a query says that a column holds
the label of something, the reader gets that thing's own label in the page's language and a link to it; one
look-up serves all cells of a page. What is ambiguous stays as the query gave it.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from babel.dates import format_skeleton
from fastapi import Request

from api.deps import client_of
from api.linked.paths import path_of
from api.negotiate import LANGUAGES, Language
from api.pages import cell, shorten
from kymgraph.dataset import whole
from kymgraph.errors import QueryTooLarge
from kymgraph.namespaces import DCTERMS, KYM, RDFS, SKOS, XSD
from kymgraph.publishing.items import Row
from kymgraph.publishing.questions import Question
from kymgraph.queries import inspect, substitute, term_iri, term_literal, tokenize

if TYPE_CHECKING:
    from api.deps import Services

#: Rows that a page shows, and bytes of an answer that it reads.
MOST_ROWS: Final = 500
MOST_BYTES: Final = 4_000_000
#: Characters of an answer that is no table.
MOST_TEXT: Final = 60_000
#: Things offered to choose from; above that a parameter is typed.
MOST_CHOICES: Final = 400
#: Bytes of terms in the look-up of labels, and the longest text that is taken for one.
_LOOKED_UP, _LONGEST_LABEL = 40_000, 300
_NUMBERS: Final = frozenset(XSD + name for name in ("integer", "decimal", "double", "float", "int", "long"))
_DATES: Final = frozenset(XSD + name for name in ("date", "dateTime", "gYear", "gYearMonth", "gMonthDay"))

Term = Mapping[str, str]  #: as SPARQL JSON has it


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `machine` is its value as data has it, where people are shown it in another form."""

    text: str
    kind: str = "text"  #: text, number, date or boolean
    machine: str = ""
    href: str = ""
    lang: str = ""  #: of the text, where it is not the page's
    iri: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer: rows, a truth, or a text."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell | None, ...], ...] = ()
    more: bool = False
    boolean: bool | None = None
    text: str | None = None

    def plain(self, cell: Cell) -> bool:
        """Whether a number is written as it stands: years and ordinals are not grouped by thousands."""
        return len(cell.machine) <= 4 and cell.machine.isdigit()

    @property
    def unbound(self) -> bool:
        """Whether some cell has no value."""
        return any(cell is None for row in self.rows for cell in row)

    def numeric(self, column: int) -> bool:
        """Whether every cell of a column that has a value is a number."""
        cells = [found for row in self.rows if (found := row[column]) is not None]
        return bool(cells) and all(cell.kind == "number" for cell in cells)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as a field of a form."""

    name: str
    kind: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()  #: value and label


@dataclass(frozen=True, slots=True)
class Typed:
    """The answer's columns for a workbook."""

    columns: Mapping[str, str] = field(default_factory=dict)


class Asked:
    """One question asked on behalf of one request; all that it looks up comes from one generation."""

    def __init__(
        self,
        services: Services,
        request: Request,
        lang: Language,
        question: Question,
        given: Mapping[str, str],
    ) -> None:
        self._services, self._lang, self.question = services, lang, question
        self._client = client_of(request.client)
        self._languages = (lang, *(code for code in LANGUAGES if code != lang))
        self.generation = services.dataset.generation
        query = question.query
        self.values = {**query.example, **given}
        self.given = dict(given)
        self.is_example = all(
            query.example.get(name) in (value, value.replace(",", ".")) for name, value in given.items()
        )

    def bind(self) -> dict[str, str]:
        """The values as terms. Raises BadParameter."""
        query = self.question.query
        values = {
            # Finnish and Swedish write a comma; the graph has a point.
            name: value.replace(",", ".") if query.params.get(name) == "decimal" else value
            for name, value in self.values.items()
            if value or name not in query.optional
        }
        return query.bind(values, self._services.project.base)

    def sparql(self) -> str:
        """The query with its values at their places. Raises BadParameter."""
        return substitute(self.question.text, self.bind())

    def link(self, **more: str) -> str:
        """The path of this question with these values."""
        query = {name: value for name, value in self.values.items() if value} | more
        path = f"/questions/{quote(self.question.name)}"
        return f"{path}?{urlencode(query, quote_via=quote)}" if query else path

    def curl(self, address: str) -> str:
        """A line for a shell that fetches this answer as CSV."""
        words = ["curl", "--get", address + f"/questions/{quote(self.question.name)}", "--data", "format=csv"]
        for name, value in self.values.items():
            words += ["--data-urlencode", f"{name}={value}"]
        return " ".join(shlex.quote(word) for word in words)

    async def file(self, format: str) -> bytes:
        """The whole answer as csv or json. Raises what a query raises."""
        answer = await self._services.dataset.answer(
            self.sparql(), format=format, at=self.generation, client=self._client
        )
        return await whole(answer)

    async def workbook_rows(self) -> tuple[list[Row], Typed]:
        """The rows for a workbook, with their types. Raises what a query raises, QueryTooLarge."""
        variables, bindings = await self._rows(self.sparql())
        returns = self.question.query.returns
        typed = Typed({name: returns.get(name, "string") for name in variables})
        return [Row(binding, {}) for binding in bindings], typed

    async def answer(self) -> Shown:
        """The answer for the page. Raises what a query raises, QueryTooLarge."""
        text = self.sparql()
        form = inspect(text, allow_service=True).form
        if form in ("construct", "describe"):
            answer = await self._services.dataset.answer(
                text, format="ttl", at=self.generation, client=self._client
            )
            body = await whole(answer)
            return Shown(text=body[:MOST_TEXT].decode("utf-8", "ignore"), more=len(body) > MOST_TEXT)
        if form == "ask":
            answer = await self._services.dataset.answer(
                text, format="json", at=self.generation, client=self._client
            )
            return Shown(boolean=bool(json.loads(await whole(answer))["boolean"]))
        variables, bindings = await self._rows(_limited(text))
        kept = bindings[:MOST_ROWS]
        names = await self._labels(variables, kept)
        rows = tuple(
            tuple(self._cell(name, row[name], names) if name in row else None for name in variables)
            for row in kept
        )
        return Shown(tuple(variables), rows, len(bindings) > MOST_ROWS)

    async def parameters(self) -> tuple[Parameter, ...]:
        """The fields of the form: things of the kind of the example to choose from, or a value to type."""
        query = self.question.query
        things = {
            name: example
            for name, kind in query.params.items()
            if (kind == "iri" or kind.startswith("slug:"))
            and (example := query.example.get(name, ""))
            and "://" in example
        }
        choices = await self._choices(list(dict.fromkeys(things.values()))) if things else {}
        found = []
        for name, kind in query.params.items():
            value = self.values.get(name, "")
            offered = choices.get(things.get(name, ""), ())
            if offered and value and value not in (iri for iri, _ in offered):
                offered = ((value, shorten(value, self._services.prefixes)), *offered)
            if kind == "decimal" and self._lang != "en":
                value = value.replace(".", ",")
            if kind in ("integer", "year") and not value.removeprefix("-").isdecimal():
                value = ""  # a field for numbers holds nothing else; the refusal says what was given
            found.append(Parameter(name, kind, value, tuple(offered)))
        return tuple(found)

    async def terms(self) -> list[Cell]:
        """The terms of the ontology that say they answer this question."""
        base = self._services.project.base
        rows = await self._bindings(
            f"SELECT ?term {self._label_names()} WHERE {{\n"
            f"?term <{KYM}answers> {term_iri(base.id('question', self.question.name))} .\n"
            f"{self._label_patterns('term', RDFS + 'label', SKOS + 'prefLabel', DCTERMS + 'title')} }} "
            f"ORDER BY ?term LIMIT 200"
        )
        cells = {row["term"]["value"]: self._thing(row["term"]["value"], row) for row in rows}
        return sorted(cells.values(), key=lambda cell: cell.text.casefold())

    async def sources(self, shown: Shown) -> list[Cell]:
        """The documents that the things in the answer rest on."""
        things = dict.fromkeys(found.iri for row in shown.rows for found in row if found and found.iri)
        listed = [
            term_iri(iri) for iri in list(things)[:MOST_ROWS] if cell({"type": "uri", "value": iri}, {}).href
        ]
        if not listed or sum(map(len, listed)) > _LOOKED_UP:
            return []
        rows = await self._bindings(
            f"SELECT DISTINCT ?document {self._label_names()} WHERE {{\n"
            f"{{ SELECT DISTINCT ?document WHERE {{ VALUES ?thing {{ {' '.join(listed)} }} "
            f"?thing <{KYM}restsOn>/<{KYM}document> ?document }} LIMIT 50 }}\n"
            f"{self._label_patterns('document', SKOS + 'prefLabel', RDFS + 'label')} }}"
        )
        cells = {row["document"]["value"]: self._thing(row["document"]["value"], row) for row in rows}
        return sorted(cells.values(), key=lambda found: found.text.casefold())

    # -- asking

    async def _bindings(self, text: str) -> list[dict[str, Term]]:
        answer = await self._services.dataset.answer(
            text, format="json", at=self.generation, client=self._client
        )
        rows: list[dict[str, Term]] = json.loads(await whole(answer))["results"]["bindings"]
        return rows

    async def _rows(self, text: str) -> tuple[list[str], list[dict[str, Term]]]:
        answer = await self._services.dataset.answer(
            text, format="json", at=self.generation, client=self._client
        )
        if answer.size > MOST_BYTES:
            raise QueryTooLarge(
                f"the answer has more than {MOST_BYTES:,} bytes; nothing was shown",
                hint="Download it as CSV or JSON, or choose other values.",
            )
        body = await whole(answer)
        document = await asyncio.to_thread(json.loads, body) if len(body) > 200_000 else json.loads(body)
        return document["head"]["vars"], document["results"]["bindings"]

    def _label_names(self) -> str:
        return " ".join(f"?label_{code}" for code in self._languages)

    def _label_patterns(self, variable: str, *predicates: str) -> str:
        path = "|".join(f"<{predicate}>" for predicate in predicates)
        return "\n".join(
            f'OPTIONAL {{ ?{variable} {path} ?label_{code} FILTER(LANG(?label_{code}) = "{code}") }}'
            for code in self._languages
        )

    async def _choices(self, examples: Sequence[str]) -> dict[str, tuple[tuple[str, str], ...]]:
        listed = " ".join(term_iri(iri) for iri in examples)
        rows = await self._bindings(
            f"SELECT DISTINCT ?example ?thing {self._label_names()} WHERE {{\n"
            f"VALUES ?example {{ {listed} }} ?example a ?class . ?thing a ?class .\n"
            f"{self._label_patterns('thing', SKOS + 'prefLabel', RDFS + 'label')} }} "
            f"LIMIT {len(examples) * MOST_CHOICES + 1}"
        )
        if len(rows) > len(examples) * MOST_CHOICES:
            return {}
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for row in rows:
            thing = row["thing"]["value"]
            found[row["example"]["value"]].setdefault(thing, self._thing(thing, row).text)
        return {
            example: tuple(sorted(things.items(), key=lambda pair: pair[1].casefold()))
            for example, things in found.items()
        }

    async def _labels(self, variables: Sequence[str], rows: Iterable[Mapping[str, Term]]) -> _Names:
        """What the cells of all rows are called in the reader's language, and what they lead to."""
        texts: dict[tuple[str, str], None] = {}
        things: dict[str, None] = {}
        for row in rows:
            for name, term in row.items():
                if term["type"] == "uri":
                    things[term["value"]] = None
                elif name in self.question.names and term.get("xml:lang"):
                    texts[term["value"], term["xml:lang"]] = None
        room = _LOOKED_UP
        literals, iris = [], []
        for text, code in texts:
            literal = term_literal(text, lang=code)
            if len(text) <= _LONGEST_LABEL and (room := room - len(literal.encode()) - 1) > 0:
                literals.append(literal)
        for iri in things:
            if cell({"type": "uri", "value": iri}, {}).href and (room := room - len(iri.encode()) - 3) > 0:
                iris.append(term_iri(iri))
        if not literals and not iris:
            return _Names({}, {})
        marks = sorted(term_iri(mark) for mark in frozenset().union(*self.question.names.values()))
        path = f"<{SKOS}prefLabel>|<{RDFS}label>"
        found = await self._bindings(
            f"SELECT DISTINCT ?text ?thing ?mark {self._label_names()} WHERE {{\n"
            f"{{ VALUES ?text {{ {' '.join(literals)} }} ?thing {path} ?text }} "
            f"UNION {{ VALUES ?thing {{ {' '.join(iris)} }} }}\n"
            f"OPTIONAL {{ {{ ?thing a ?mark }} UNION {{ VALUES ?mark {{ {' '.join(marks)} }} "
            "?thing ?mark ?anything } }\n"
            f"{self._label_patterns('thing', SKOS + 'prefLabel', RDFS + 'label')} }} LIMIT 20000"
        )
        bearers: dict[tuple[str, str], dict[str, _Bearer]] = defaultdict(dict)
        own: dict[str, Cell] = {}
        for row in found:
            iri = row["thing"]["value"]
            thing = own.setdefault(iri, self._thing(iri, row))
            if "text" in row:
                key = row["text"]["value"], row["text"]["xml:lang"]
                bearer = bearers[key].setdefault(iri, _Bearer(thing, set()))
                if "mark" in row:
                    bearer.marks.add(row["mark"]["value"])
        return _Names(bearers, own)

    # -- cells

    def _thing(self, iri: str, row: Mapping[str, Term]) -> Cell:
        for code in self._languages:
            if label := row.get(f"label_{code}"):
                return Cell(
                    label["value"], href=self._href(iri), lang="" if code == self._lang else code, iri=iri
                )
        return Cell(shorten(iri, self._services.prefixes), href=self._href(iri), iri=iri)

    def _href(self, iri: str) -> str:
        base = self._services.project.base
        if iri.startswith((base.ids, base.graphs, base.iri + "ontology")):
            return self._services.root + path_of(base, "page", iri, more={"lang": self._lang})
        return cell({"type": "uri", "value": iri}, {}).href or ""

    def _cell(self, name: str, term: Term, names: _Names) -> Cell:
        value = term["value"]
        if term["type"] == "uri":
            return names.own.get(value) or Cell(
                shorten(value, self._services.prefixes), href=self._href(value), iri=value
            )
        datatype, code = term.get("datatype", ""), term.get("xml:lang", "")
        if datatype in _NUMBERS:
            return Cell(value, "number", value)
        if datatype in _DATES:
            return Cell(value, "date", value)
        if datatype == XSD + "boolean":
            return Cell(value, "boolean", value)
        if found := names.find((value, code), self.question.names.get(name, frozenset())):
            return found
        return Cell(value, lang="" if code == self._lang else code)


@dataclass(slots=True)
class _Bearer:
    """Something that has a label, and its classes and properties as far as the question names them."""

    cell: Cell
    marks: set[str]


@dataclass(frozen=True, slots=True)
class _Names:
    """What bears each label of an answer, and how its things are called."""

    bearers: Mapping[tuple[str, str], Mapping[str, _Bearer]]
    own: Mapping[str, Cell]

    def find(self, label: tuple[str, str], marks: frozenset[str]) -> Cell | None:
        """What a label means: the thing that fits best, else what all that fit as well are called."""
        bearers = list(self.bearers.get(label, {}).values())
        best = max((len(bearer.marks & marks) for bearer in bearers), default=0)
        cells = [bearer.cell for bearer in bearers if len(bearer.marks & marks) == best]
        if len(cells) == 1:
            return cells[0]
        texts = {(cell.text, cell.lang) for cell in cells}
        if len(texts) == 1:
            text, lang = texts.pop()
            return Cell(text, lang=lang)
        return None


def _limited(text: str) -> str:
    """The query with a limit behind it, unless it has one, or ends in a table of values.

    >>> _limited("SELECT * { ?s ?p ?o } LIMIT 3")
    'SELECT * { ?s ?p ?o } LIMIT 3'
    """
    depth, opened = 0, False
    for token in tokenize(text):
        depth += (token.text == "{") - (token.text == "}")
        opened = opened or depth > 0
        if opened and depth == 0 and token.text.upper() in ("LIMIT", "VALUES"):
            return text
    return f"{text}\nLIMIT {MOST_ROWS + 1}"


def day_of(text: str, lang: Language) -> str | None:
    """A day without a year in words; None for any other date.

    >>> day_of("--04-25", "sv"), day_of("2016-04-25", "sv")
    ('25 april', None)
    """
    if not text.startswith("--"):
        return None
    try:
        # A leap year, so that every day there is exists in it.
        day = datetime.date.fromisoformat("2000" + text[1:7])
    except ValueError:
        return None
    return str(format_skeleton("MMMMd", day, locale="en_GB" if lang == "en" else f"{lang}_FI"))
