"""SPARQL Update texts as far as kymgraph must understand them: which operations, in which pieces.

The request is cut at its braces into operations; the engine parses it as a whole before anything is done with
the pieces (`kymgraph.store.update`), so what this module must never do is cut at another place than the
engine would. What is inside WHERE is never interpreted, only passed on. DATA blocks, which may be megabytes,
are skipped by one regular expression and are counted by no limit but the size. Nothing here imports the
engine or touches a store.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NoReturn
from urllib.parse import urljoin

from kymgraph import queries
from kymgraph.changeset import Guard
from kymgraph.errors import QuerySyntaxError, QueryTooLarge, ServiceNotAllowed
from kymgraph.queries import Limits, Token, position, tokenize

Kind = Literal[
    "insert-data", "delete-data", "modify", "load", "clear", "drop", "create", "add", "move", "copy"
]
#: Texts come from holders of a token, so they may be long; patterns cost the engine as much as in queries.
UPDATE_LIMITS: Final = Limits(text_bytes=10_000_000, depth=100, operators=500)

_FORMS: Final = "INSERT, DELETE, WITH, LOAD, CLEAR, DROP, CREATE, ADD, MOVE or COPY"
_HINT: Final = f"Begin with {_FORMS} after the prefixes."
_QUERIES: Final = frozenset(["SELECT", "ASK", "CONSTRUCT", "DESCRIBE"])
#: Braces in a DATA block, and what may hold a brace without being one.
_FLAT: Final = re.compile(
    r"""(?: [^{}"'<\#\\]++ | \\. | \#[^\r\n]*+
      | <(?:[^<>"{}|^`\\\x00-\x20]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*+> | <
      | \"\"\"(?:"{0,2}(?:[^"\\]|\\.))*+\"\"\" | '''(?:'{0,2}(?:[^'\\]|\\.))*+'''
      | "(?!"")(?:[^"\\\n\r]|\\[^\n\r])*+" | '(?!'')(?:[^'\\\n\r]|\\[^\n\r])*+'
    )*+""",
    re.VERBOSE | re.DOTALL,
)
#: The same for all brackets.
_FLATTER: Final = re.compile(_FLAT.pattern.replace("[^{}\"'", "[^{}()\\[\\]\"'", 1), re.VERBOSE | re.DOTALL)
_BEFORE_DATA: Final = re.compile(
    r"(?:INSERT|DELETE)(?:[ \t\r\n]|#[^\r\n]*+[\r\n])++DATA(?:[ \t\r\n]|#[^\r\n]*+[\r\n])*+\Z", re.IGNORECASE
)
#: Bytes that a request may have outside of its DATA blocks, which are read token by token.
_OUTSIDE: Final = 1_000_000
_OPERATIONS: Final = 10_000
#: Brackets that a block of data may have (lists, blank nodes with properties).
_BRACKETS: Final = 500_000


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the request in braces, with them, and where it begins."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. Graph names are as written (`<…>` or prefixed); `prologue` says what they mean.

    A graph is also called DEFAULT, NAMED or ALL where the grammar has these words.
    """

    kind: Kind
    start: int  #: offset of its first word
    prologue: str  #: all BASE and PREFIX of the request before it
    end: int = 0  #: offset behind it
    silent: bool = False
    delete: Block | None = None  #: template, or data
    insert: Block | None = None
    where: Block | None = None
    with_: str | None = None
    using: tuple[str, ...] = ()
    using_named: tuple[str, ...] = ()
    source: str | None = None  #: of LOAD, ADD, MOVE, COPY
    target: str | None = None  #: of everything about whole graphs


@dataclass(frozen=True, slots=True)
class UpdateInfo:
    """What `inspect` learns about an update without running it."""

    operations: tuple[Operation, ...]
    depth: int  #: of brackets
    operators: int  #: in WHERE
    loads: tuple[str, ...]  #: IRIs of LOAD, resolved, without repetitions

    @property
    def guard(self) -> Guard:
        """What has to hold when it is committed: an update that reads is good for the state it has read."""
        plain = ("insert-data", "delete-data", "load")
        return "none" if all(op.kind in plain for op in self.operations) else "generation"


def inspect(
    text: str, *, limits: Limits = UPDATE_LIMITS, base: str | None = None, allow_service: bool = False
) -> UpdateInfo:
    """Look an update over before it may reach the engine. `base` resolves relative IRIs of LOAD.

    >>> info = inspect("PREFIX : <http://e/> INSERT DATA { :a :b 1 } ; CLEAR SILENT GRAPH :g")
    >>> [op.kind for op in info.operations], info.guard
    (['insert-data', 'clear'], 'generation')

    Raises QuerySyntaxError, QueryTooLarge, ServiceNotAllowed.
    """
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        _fail(text, error.start, "half of a surrogate pair is not a character", "Send the text as UTF-8.")
    if "\0" in text:
        _fail(text, text.index("\0"), "a NUL character cannot stand in an update", "Remove it.")
    if size > limits.text_bytes:
        raise QueryTooLarge(
            f"nothing was changed: the update has {size:,} bytes, at most {limits.text_bytes:,} are taken",
            hint="Send the data as RDF to its graph (Graph Store Protocol), or split the request.",
        )
    operations, deepest = _operations(text)
    if deepest <= limits.depth:
        deepest = max([deepest, *(1 + _depth(b.text, limits.depth) for b in _data(operations))])
    if deepest > limits.depth:
        raise QueryTooLarge(
            f"nothing was changed: brackets {deepest} deep or more (at most {limits.depth})",
            hint="Write it as several smaller updates.",
        )
    operators = 0
    loads: dict[str, None] = {}
    for operation in operations:
        if operation.where is not None:
            operators += _pattern(text, operation, replace(limits, operators=limits.operators - operators))
        if operation.kind == "load" and operation.source is not None:
            loads[resolve(operation.source, operation.prologue, base)] = None
    return UpdateInfo(tuple(operations), deepest, operators, tuple(loads))


def resolve(name: str, prologue: str, base: str | None) -> str:
    """The IRI that `<…>` or a prefixed name stands for after these BASE and PREFIX lines."""
    prefixes: dict[str, str] = {}
    tokens = tokenize(prologue)
    for i, token in enumerate(tokens):
        if token.kind == "word" and token.text.upper() == "BASE":
            base = _resolved(tokens[i + 1].text, base)
        elif token.kind == "word" and token.text.upper() == "PREFIX":
            prefixes[tokens[i + 1].text[:-1]] = _resolved(tokens[i + 2].text, base)
    if name.startswith("<"):
        return _resolved(name, base)
    prefix, _, local = name.partition(":")
    if prefix not in prefixes:
        raise QuerySyntaxError(f"unknown prefix {prefix}:", hint=f"add PREFIX {prefix}: <…>")
    return prefixes[prefix] + re.sub(r"\\(.)", r"\1", local)


def _resolved(token: str, base: str | None) -> str:
    iri = re.sub(
        r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}", lambda found: chr(int(found[0][2:], 16)), token[1:-1]
    )
    return urljoin(base, iri) if base and not re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:", iri) else iri


def _fail(text: str, offset: int, detail: str, hint: str | None = None) -> NoReturn:
    line, column = position(text, offset)
    raise QuerySyntaxError(detail, line=line, column=column, hint=hint)


# --- limits ---------------------------------------------------------------------------------------------


def _data(operations: list[Operation]) -> Iterator[Block]:
    for operation in operations:
        if operation.kind in ("insert-data", "delete-data"):
            yield from (block for block in (operation.delete, operation.insert) if block is not None)


def _depth(text: str, enough: int) -> int:
    """How deep brackets are nested in a block of data; more than `enough` is not counted further."""
    count = text.count("(") + text.count("[") + text.count("{")
    if count <= enough:
        return 0  # cannot be too deep, however they are nested
    if count > _BRACKETS:
        raise QueryTooLarge(
            f"nothing was changed: a block of data has more than {_BRACKETS:,} brackets",
            hint="Send the data as RDF to its graph (Graph Store Protocol), or split the request.",
        )
    at = depth = deepest = 0
    while (at := _flat_end(_FLATTER, text, at)) < len(text) and deepest <= enough:
        depth += 1 if text[at] in "([{" else -1 if text[at] in ")]}" else 0
        deepest = max(deepest, depth)
        at += 1
    return deepest


def _flat_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None  # it matches the empty text
    return found.end()


def _pattern(text: str, operation: Operation, limits: Limits) -> int:
    """Hold one WHERE to the limits of queries, by asking about it as a query; its number of operators."""
    assert operation.where is not None
    head = f"{operation.prologue}\nASK\n"
    try:
        info = queries.inspect(head + operation.where.text, limits=limits, allow_service=True)
    except QuerySyntaxError as error:
        raise _moved(error, head.count("\n"), text, operation.where.start) from None
    except QueryTooLarge as error:
        raise QueryTooLarge(
            error.message.replace("nothing was run", "nothing was changed"), hint=error.hint
        ) from None
    if info.has_service:
        raise ServiceNotAllowed(
            "nothing was changed: the update calls another endpoint with SERVICE, which is not allowed here",
            hint="Ask the other endpoint yourself and put its rows into the update with VALUES.",
        )
    return info.operators


def _moved(error: QuerySyntaxError, before: int, text: str, start: int) -> QuerySyntaxError:
    """An error in a text that was made of `before` lines and a piece of the request: where it is in that."""
    if error.line is None or error.column is None or error.line <= before:
        return QuerySyntaxError(error.detail, hint=error.hint)
    first, column = position(text, start)
    line = error.line - before
    return QuerySyntaxError(
        error.detail,
        line=first + line - 1,
        column=error.column + (column - 1 if line == 1 else 0),
        hint=error.hint,
    )


# --- what the engine parses -----------------------------------------------------------------------------


def pieces(text: str, found: Sequence[Operation]) -> Iterator[tuple[str, Callable[[str], QuerySyntaxError]]]:
    """Texts for the engine to parse, each with what makes an error of its words.

    The request as a whole, unless it has a BASE or PREFIX behind an operation, where Oxigraph 0.5
    knows none: then each operation by itself. Raises QuerySyntaxError for a label shared by two of these.
    """
    if len({op.prologue for op in found}) < 2:
        yield text, lambda message: syntax_error(message, text)
        return
    labels: set[str] = set()
    for op in found:
        own = set()
        for block in (op.delete, op.insert, op.where):
            for token in tokenize(block.text) if block is not None else ():
                if token.kind == "bnode":
                    own.add(token.text)
                    if token.text in labels:
                        assert block is not None
                        _fail(text, block.start + token.start, *_SHARED_LABEL)
        labels |= own
        piece = f"{op.prologue}\n{text[op.start : op.end]}"
        before = op.prologue.count("\n") + 1

        def explained(
            message: str, piece: str = piece, before: int = before, op: Operation = op
        ) -> QuerySyntaxError:
            return _moved(syntax_error(message, piece), before, text, op.start)

        yield piece, explained


# --- cutting --------------------------------------------------------------------------------------------


def operations(text: str) -> list[Operation]:
    """The operations of a request, in their order. Raises QuerySyntaxError."""
    return _operations(text)[0]


def _operations(text: str) -> tuple[list[Operation], int]:
    """The operations, and how deep brackets are nested outside of data."""
    blocks = _data_blocks(text)
    if len(text) - sum(end - start for start, end in blocks.items()) > _OUTSIDE:
        raise QueryTooLarge(
            f"nothing was changed: templates and patterns have more than {_OUTSIDE:,} characters",
            hint="Put triples that are known into INSERT DATA { … } or DELETE DATA { … }.",
        )
    if blocks:
        # The blocks were found without looking closely at what stands before them. If the tokenizer, which
        # does, finds each of them in its place, they were found rightly; else it reads everything.
        try:
            reader = _Reader(text, tokenize(_without(text, blocks)), blocks)
            found = reader.all()
        except QuerySyntaxError:
            pass
        else:
            if reader.seen == len(blocks):
                return found, reader.deepest
    reader = _Reader(text, tokenize(text), {})
    return reader.all(), reader.deepest


def _data_blocks(text: str) -> dict[int, int]:
    """Offsets of the first and last brace of what look like DATA blocks."""
    blocks: dict[int, int] = {}
    at = depth = start = count = 0
    while (at := _flat_end(_FLAT, text, at)) < len(text) and depth < 200:  # deeper is refused anyway
        if text[at] == "{":
            if depth == 0:
                start = at
                count += 1
                if count > 3 * _OPERATIONS:  # an operation has up to three blocks
                    raise QueryTooLarge(
                        f"nothing was changed: the request has more than {_OPERATIONS:,} operations",
                        hint="Put what is alike into one operation, with VALUES or as one block of data.",
                    )
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth < 0:
                break
            if depth == 0 and _BEFORE_DATA.search(text, max(0, start - 100), start):
                blocks[start] = at
        else:
            break  # a quotation mark that is never closed
        at += 1
    return blocks


def _without(text: str, blocks: dict[int, int]) -> str:
    """The text with the blocks blanked out; what stands outside of them keeps its line and column."""
    parts, at = [], 0
    for start, end in blocks.items():
        inner = end - start - 1
        lines = text.count("\n", start, end)
        last = end - 1 - text.rfind("\n", start, end) if lines else 0
        parts += [text[at : start + 1], " " * (inner - lines - last), "\n" * lines, " " * last]
        at = end
    return "".join([*parts, text[at:]])


class _Reader:
    """The tokens of a request, read as operations."""

    def __init__(self, text: str, tokens: list[Token], blocks: dict[int, int]) -> None:
        self.text, self.tokens, self.blocks = text, tokens, blocks
        self.at = self.seen = self.deepest = 0
        self.prologue: list[str] = []
        self.partner: dict[int, int] = {}
        stack: list[int] = []
        for i, token in enumerate(tokens):
            if token.kind == "open":
                stack.append(i)
                self.deepest = max(self.deepest, len(stack))
            elif token.kind == "close":
                self.partner[stack.pop()] = i

    def all(self) -> list[Operation]:
        found = []
        self._prologue()
        while self.at < len(self.tokens):
            operation = self._operation()
            last = self.tokens[self.at - 1]
            found.append(replace(operation, end=last.start + len(last.text)))
            if self.at < len(self.tokens):
                self._expect(";", "Separate operations with ;")
                self._prologue()
        return found

    # -- tokens

    def _token(self) -> Token:
        if self.at < len(self.tokens):
            return self.tokens[self.at]
        return Token("end", "", len(self.text.rstrip()))

    def _word(self) -> str:
        token = self._token()
        return token.text.upper() if token.kind == "word" else ""

    def _take(self, *words: str) -> str:
        """The next word if it is one of these, else nothing."""
        word = self._word()
        if word not in words:
            return ""
        self.at += 1
        return word

    def _expect(self, lexeme: str, hint: str) -> None:
        token = self._token()
        if (self._word() or token.text) != lexeme:
            self._wrong(f"{lexeme} is missing here", hint)
        self.at += 1

    def _wrong(self, what: str, hint: str) -> NoReturn:
        token = self._token()
        shown = token.text if len(token.text) <= 40 else token.text[:37] + "…"
        _fail(self.text, token.start, f"{what}, before {shown!r}" if shown else f"{what}, at the end", hint)

    def _iri(self) -> str:
        token = self._token()
        if token.kind not in ("iri", "pname"):
            self._wrong("an IRI is missing here", "Write <…> or a name with a prefix.")
        self.at += 1
        return token.text

    def _block(self, what: str, *, data: bool = False) -> Block:
        token = self._token()
        if token.text != "{":
            self._wrong(f"{what} in braces is missing here", "Write { … }.")
        close = self.partner[self.at]
        end = self.tokens[close].start
        if token.start in self.blocks:
            if not data or self.blocks[token.start] != end or close != self.at + 1:
                self._wrong("these braces do not match", "Look for a quotation mark that is not closed.")
            self.seen += 1
        self.at = close + 1
        return Block(self.text[token.start : end + 1], token.start)

    # -- grammar

    def _prologue(self) -> None:
        first = self.at
        while word := self._take("BASE", "PREFIX"):
            if word == "PREFIX":
                token = self._token()
                if token.kind != "pname" or not token.text.endswith(":"):
                    self._wrong("this PREFIX is incomplete", "Write it as: PREFIX name: <https://…>")
                self.at += 1
            if self._token().kind != "iri":
                self._wrong(f"this {word} is incomplete", "An IRI in < > belongs here.")
            self.at += 1
        if self.at > first:
            # Token by token, since the text between them may hold a comment to the end of the line.
            self.prologue.append(" ".join(token.text for token in self.tokens[first : self.at]))

    def _operation(self) -> Operation:
        token, word = self._token(), self._word()
        self.at += 1
        op = Operation("modify", token.start, "\n".join(self.prologue))
        match word:
            case "INSERT" | "DELETE" if self._take("DATA"):
                block = self._block("the data", data=True)
                return (
                    replace(op, kind="insert-data", insert=block)
                    if word == "INSERT"
                    else replace(op, kind="delete-data", delete=block)
                )
            case "DELETE" if self._take("WHERE"):
                block = self._block("the pattern")
                return replace(op, delete=block, where=block)
            case "INSERT" | "DELETE" | "WITH":
                return self._modify(op, word)
            case "LOAD":
                op = replace(op, kind="load", silent=bool(self._take("SILENT")), source=self._iri())
                target = "DEFAULT"
                if self._take("INTO"):
                    self._expect("GRAPH", "Write LOAD <…> INTO GRAPH <…>.")
                    target = self._iri()
                return replace(op, target=target)
            case "CLEAR" | "DROP":
                silent = bool(self._take("SILENT"))
                target = self._take("DEFAULT", "NAMED", "ALL")
                if not target:
                    self._expect("GRAPH", f"Write {word} GRAPH <…>, DEFAULT, NAMED or ALL.")
                    target = self._iri()
                return replace(op, kind="clear" if word == "CLEAR" else "drop", silent=silent, target=target)
            case "CREATE":
                silent = bool(self._take("SILENT"))
                self._expect("GRAPH", "Write CREATE GRAPH <…>.")
                return replace(op, kind="create", silent=silent, target=self._iri())
            case "ADD" | "MOVE" | "COPY":
                silent = bool(self._take("SILENT"))
                source = self._graph()
                self._expect("TO", f"Write {word} <…> TO <…>.")
                kinds: dict[str, Kind] = {"ADD": "add", "MOVE": "move", "COPY": "copy"}
                return replace(op, kind=kinds[word], silent=silent, source=source, target=self._graph())
        self.at -= 1
        if word in _QUERIES:
            self._wrong("this is a query, and here is the place for updates", "Send it to be asked.")
        self._wrong("an update cannot go on like this", _HINT)

    def _graph(self) -> str:
        if self._take("DEFAULT"):
            return "DEFAULT"
        self._take("GRAPH")
        return self._iri()

    def _modify(self, op: Operation, word: str) -> Operation:
        if word == "WITH":
            op = replace(op, with_=self._iri())
            word = self._take("DELETE", "INSERT")
            if not word:
                self._wrong("DELETE or INSERT is missing here", "Write WITH <…> DELETE { … } WHERE { … }.")
        if word == "DELETE":
            op = replace(op, delete=self._block("the template"))
            word = self._take("INSERT")
        if word == "INSERT":
            op = replace(op, insert=self._block("the template"))
        using: list[str] = []
        named: list[str] = []
        while self._take("USING"):
            (named if self._take("NAMED") else using).append(self._iri())
        self._expect("WHERE", "Every DELETE { … } or INSERT { … } needs WHERE { … }; it may be empty.")
        return replace(op, using=tuple(using), using_named=tuple(named), where=self._block("the pattern"))


# --- what the engine says -------------------------------------------------------------------------------

_ENGINE: Final = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)
_LONG: Final = 65_536
_SHARED_LABEL: Final = (
    "a blank node label is used in two operations or patterns",
    "Blank nodes do not reach beyond their operation; give the node an IRI.",
)
_SHARED: Final = "cannot be shared by multiple blocks"


def syntax_error(message: str, text: str) -> QuerySyntaxError:
    """The engine's words about an update as an error with a position and, where there is one, a hint."""
    found = _ENGINE.fullmatch(message)
    if len(text) > _LONG:
        # Not looked at more closely: reading megabytes for a hint would hold up everybody else.
        line, column = (int(found[1]), int(found[2])) if found else (None, None)
        detail = "the update cannot be read on from here" if found else message
        return QuerySyntaxError(detail, line=line, column=column)
    if _SHARED in message:
        label = re.search(r"_:\S+", message)
        at = text.rfind(label[0]) if label else -1
        line, column = position(text, at) if at >= 0 else (None, None)
        return QuerySyntaxError(_SHARED_LABEL[0], line=line, column=column, hint=_SHARED_LABEL[1])
    return _misplaced(text) or queries.syntax_error(message, text)


def _misplaced(text: str) -> QuerySyntaxError | None:
    """The usual fault of updates: a term that cannot stand in this kind of block."""
    try:
        found = operations(text)
    except QuerySyntaxError as error:
        return error
    for op in found:
        for block, named in ((op.delete, "DELETE"), (op.insert, "INSERT")):
            if block is None:
                continue
            data = op.kind in ("insert-data", "delete-data")
            for token in tokenize(block.text):
                line, column = position(text, block.start + token.start)
                if named == "DELETE" and (token.kind == "bnode" or token.text == "["):
                    return QuerySyntaxError(
                        f"{token.text!r} is a blank node, which cannot stand in {named}",
                        line=line,
                        column=column,
                        hint="Use a variable and DELETE { … } WHERE { … }, or the node's own IRI.",
                    )
                if data and token.kind == "var":
                    return QuerySyntaxError(
                        f"{token.text!r} is a variable, which cannot stand in {named} DATA",
                        line=line,
                        column=column,
                        hint=f"Write {named} {{ … }} WHERE {{ … }}.",
                    )
    return None
