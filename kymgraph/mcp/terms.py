"""Terms and tables as agents see them: SPARQL's own notation, short where it can be, cut where it must be.

Answers come from the workers as TSV, whose cells are terms in the notation of SPARQL (SPARQL 1.1 Query
Results CSV and TSV Formats, section 4). So every cell can be put into the next query as it is, and a table is
cut between two lines, without reading the rest.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from kymgraph.errors import BadParameter, QuerySyntaxError
from kymgraph.queries import term_iri, tokenize

if TYPE_CHECKING:
    from kymgraph.store.workers import Answer

#: Rows that an answer has unless more are asked for, and at most.
ROWS: Final = 100
MOST_ROWS: Final = 1000
#: Bytes of UTF-8 that the cells of one answer may have; about 25,000 tokens of a language model.
BYTES: Final = 100_000

_LOCAL: Final = re.compile(r"[A-Za-z_][\w-]*")
_CURIE: Final = re.compile(r"([A-Za-z][\w.-]*):([\w./~-]*)")
_CELL: Final = re.compile(r'<([^>]*)>|"(?:[^"\\]|\\.)*"\^\^<([^>]*)>')


class Names:
    """The prefixes of a project, for writing IRIs short and reading them back."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self.prefixes = dict(prefixes)
        self._longest_first = sorted(self.prefixes.items(), key=lambda pair: -len(pair[1]))

    def short(self, iri: str) -> str:
        """An IRI as SPARQL takes it: a prefixed name if its end is a plain word, else in full.

        >>> names = Names({"kym": "https://w3id.org/kymgraph/ontology#"})
        >>> names.short("https://w3id.org/kymgraph/ontology#Programme"), names.short("https://a.example/x/")
        ('kym:Programme', '<https://a.example/x/>')
        """
        for prefix, start in self._longest_first:
            if iri.startswith(start):
                local = iri[len(start) :]
                return f"{prefix}:{local}" if _LOCAL.fullmatch(local) else f"<{iri}>"
        return f"<{iri}>"

    def cell(self, cell: str) -> str:
        """A term in N-Triples or TSV notation, with its IRI or datatype short."""
        found = _CELL.fullmatch(cell)
        if found is None:
            return cell
        if found[1] is not None:
            return self.short(found[1])
        return cell[: -len(found[2]) - 2] + self.short(found[2])

    def iri(self, text: str, name: str = "iri") -> str:
        """The IRI that somebody means by `<https://…>`, `https://…`, or a prefixed name. Raises BadParameter.

        >>> Names({"id": "https://w3id.org/kymgraph/id/"}).iri("id:programme/maakuntaohjelma-2022-2025")
        'https://w3id.org/kymgraph/id/programme/maakuntaohjelma-2022-2025'
        """
        text = text.strip()
        if text.startswith("<") and text.endswith(">"):
            text = text[1:-1]
        found = _CURIE.fullmatch(text)
        if found and found[1] in self.prefixes:
            text = self.prefixes[found[1]] + found[2]
        try:
            return term_iri(text)[1:-1]
        except BadParameter as error:
            raise BadParameter(
                f"{name}: {error.message}",
                hint="Give it as other tools return it: in full as https://…, or as kym:Programme.",
            ) from None

    def declared(self, text: str) -> tuple[str, int]:
        """A query with PREFIX lines for the project's prefixes that it uses and does not declare itself.

        They stand before the text on its first line; also gives how many characters that are.

        >>> Names({"kym": "https://w3id.org/kymgraph/ontology#"}).declared("ASK { ?x a kym:Programme }")[0]
        'PREFIX kym: <https://w3id.org/kymgraph/ontology#> ASK { ?x a kym:Programme }'
        """
        tokens = tokenize(text)
        own = {
            token.text.partition(":")[0]
            for before, token in pairwise(tokens)
            if before.text.upper() == "PREFIX" and token.kind == "pname"
        }
        used = {token.text.partition(":")[0] for token in tokens if token.kind == "pname"}
        head = "".join(
            f"PREFIX {prefix}: <{self.prefixes[prefix]}> "
            for prefix in sorted(used - own)
            if prefix in self.prefixes
        )
        return head + text, len(head)


def moved_back(error: QuerySyntaxError, by: int) -> QuerySyntaxError:
    """An error about a text that `Names.declared` has made longer, as one about the text as it was sent."""
    if error.line != 1 or error.column is None or error.column <= by:
        return error
    return QuerySyntaxError(error.detail, line=1, column=error.column - by, hint=error.hint)


@dataclass(slots=True)
class Cut:
    """The first rows of an answer."""

    columns: list[str] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    why: str | None = None  #: what cut it off, if anything did


async def table(answer: Answer, names: Names, *, rows: int, most_bytes: int = BYTES) -> Cut:
    """The head of an answer in TSV, up to so many rows and bytes. The rest is not read."""
    cut, taken, headed = Cut(), 0, False
    try:
        async for line in _lines(answer, most_bytes):
            if line is None:
                cut.why = f"one row alone has more than {most_bytes:,} bytes"
                break
            if not headed:
                headed = True
                cut.columns = [name.removeprefix("?") for name in line.split("\t")] if line else []
                continue
            row = [names.cell(cell) if cell else None for cell in line.split("\t")] if cut.columns else []
            size = sum(len(cell.encode()) for cell in row if cell)
            if len(cut.rows) == rows:
                cut.why = f"there are more rows than the {rows} that were asked for"
                break
            if taken + size > most_bytes:
                whose = "the rows have" if cut.rows else "one row alone has"
                cut.why = f"{whose} more than {most_bytes:,} bytes"
                break
            taken += size
            cut.rows.append(row)
    finally:
        answer.close()
    return cut


async def lines(answer: Answer, *, count: int, most_bytes: int = BYTES) -> tuple[list[str], str | None]:
    """The first lines of an answer in N-Triples, and what cut it off, if anything did."""
    kept: list[str] = []
    taken = 0
    try:
        async for line in _lines(answer, most_bytes):
            if line is None or taken + len(line.encode()) > most_bytes:
                return kept, f"the triples have more than {most_bytes:,} bytes"
            if len(kept) == count:
                return kept, f"there are more triples than the {count} that were asked for"
            taken += len(line.encode())
            kept.append(line)
        return kept, None
    finally:
        answer.close()


async def _lines(answer: Answer, longest: int) -> AsyncIterator[str | None]:
    """The lines of an answer; None, and no more, instead of one that is too long to hold."""
    rest = b""
    async for piece in answer:
        *ended, rest = (rest + piece).split(b"\n")
        for line in ended:
            yield line.decode()
        if len(rest) > 4 * longest:
            yield None
            return
    if rest:
        yield rest.decode()
