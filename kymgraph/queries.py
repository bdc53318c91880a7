"""SPARQL texts as far as kymgraph must understand them: one tokenizer, and what follows from it.

The engine parses and answers queries; this module only decides what may reach it (size, depth, SERVICE,
updates), which graphs a text names with FROM, whether its answer may be cached, and where a parameter stands.
The rule that keeps it safe: whatever this tokenizer and the engine could read in two ways is refused or taken
at its worst. Nothing here imports the engine or touches a store.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date as _date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import urljoin

from .errors import (
    BadParameter,
    InputError,
    QuerySyntaxError,
    QueryTooLarge,
    ServiceNotAllowed,
    UnknownParameter,
    UpdateNotAllowed,
)
from .namespaces import KYM, PREFIXES, XSD, Base

Form = Literal["select", "ask", "construct", "describe"]

_FORMS: Final[dict[str, Form]] = {
    "SELECT": "select",
    "ASK": "ask",
    "CONSTRUCT": "construct",
    "DESCRIBE": "describe",
}
_UPDATES: Final = frozenset(
    ["INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "COPY", "MOVE", "ADD", "WITH"]
)
_VOLATILE: Final = frozenset(["RAND", "NOW", "UUID", "STRUUID", "BNODE", "SERVICE"])
#: Keywords that cost the planner or the evaluator something each time they stand in a text.
_COSTLY: Final = frozenset(
    [
        "UNION",
        "OPTIONAL",
        "MINUS",
        "FILTER",
        "BIND",
        "GRAPH",
        "SERVICE",
        "SELECT",
        "EXISTS",
        "VALUES",
        "LATERAL",
        "IN",
    ]
)
#: A parenthesis after one of these words does not open an expression.
_NOT_CALLED: Final = frozenset(["VALUES", "A", "TRUE", "FALSE", "UNDEF"])


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a text from an unknown caller may be: bytes of UTF-8, nesting of brackets, operators."""

    text_bytes: int = 65_536
    depth: int = 100
    operators: int = 500


DEFAULT_LIMITS: Final = Limits()


class Token(NamedTuple):
    """One token: `kind` is iri, string, var, pname, bnode, word, number, lang, open, close or op."""

    kind: str
    text: str
    start: int


class QueryInfo(NamedTuple):
    """What `inspect` learns about a query without running it."""

    form: Form
    tokens: int
    depth: int
    operators: int
    has_service: bool
    volatile: bool  #: uses RAND, NOW, UUID, STRUUID, BNODE or SERVICE: its answer must not be cached
    uses_graph: bool  #: GRAPH stands in it, so the named graphs matter
    from_: tuple[str, ...]  #: IRIs of FROM, resolved, without repetitions
    from_named: tuple[str, ...]  #: IRIs of FROM NAMED
    canonical: str  #: the tokens with single spaces between them: the text's part of a cache key
    without_dataset: str  #: the text with FROM clauses blanked out; positions stay as they were
    prefixes: Mapping[str, str]  #: those the text declares


_ESCAPE = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_PLX = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_SCAN: Final = re.compile(
    rf"""
    (?:[ \t\r\n]++|\#[^\r\n]*+)*+
    (?: (?P<iri><(?:[^<>"{{}}|^`\\\x00-\x20]|{_ESCAPE})*+>)
      | (?P<var>[?$][\w\u00b7\u0300-\u036f\u203f\u2040]++)
      | (?P<string>\"\"\"(?:"{{0,2}}(?:[^"\\]|\\.))*+\"\"\" | '''(?:'{{0,2}}(?:[^'\\]|\\.))*+'''
                 | "(?!"")(?:[^"\\\n\r]|\\[^\n\r])*+" | '(?!'')(?:[^'\\\n\r]|\\[^\n\r])*+')
      | (?P<bnode>_:\w(?:[\w.\-\u00b7]*[\w\-\u00b7])?)
      | (?P<pname>(?:[^\W\d_][\w.\-]{{0,200}}+)?:
            (?:(?:[\w:]|{_PLX})(?:(?:[\w:.\-\u00b7]|{_PLX})*(?:[\w:\-\u00b7]|{_PLX}))?)?)
      | (?P<word>[^\W\d]\w*+)
      | (?P<number>\d+\.\d*[eE][+-]?\d+|\.?\d+[eE][+-]?\d+|\d*\.\d+|\d+)
      | (?P<lang>@[A-Za-z]+(?:-[A-Za-z0-9]+)*(?:--(?:ltr|rtl))?)
      | (?P<open>[({{\[])
      | (?P<close>[)}}\]])
      | (?P<op>\|\||&&|!=|<=|>=|<<|>>|\^\^|[^ \t\r\n])
    )?
    """,
    re.VERBOSE | re.DOTALL,
)
_OPERAND: Final = frozenset({"var", "number", "string", "lang", "iri", "pname", "bnode", "close"})
_PARTNER: Final = {")": "(", "}": "{", "]": "["}
_NAMES: Final = {"(": "parenthesis", "{": "brace", "[": "bracket"}


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1.

    >>> position("ASK\\n{ ?s", 6)
    (2, 3)
    """
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def _error(text: str, offset: int, detail: str, hint: str | None = None) -> QuerySyntaxError:
    line, column = position(text, offset)
    return QuerySyntaxError(detail, line=line, column=column, hint=hint)


def _check_characters(text: str) -> int:
    """The size in bytes; QuerySyntaxError for characters that no query can hold."""
    if text.isascii():
        size = len(text)
    else:
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            raise _error(
                text, error.start, "half of a surrogate pair is not a character", "Send the text as UTF-8."
            ) from None
    if "\0" in text:
        raise _error(text, text.index("\0"), "a NUL character cannot stand in a query", "Remove it.")
    return size


def tokenize(text: str) -> list[Token]:
    """The tokens of a query or update, without white space and comments.

    `<` is an operator after an operand inside an expression, and else opens an IRI if one fits: only so
    does `FILTER(?a<?b)SERVICE#>` read here as the engine reads it.

    >>> [t.text for t in tokenize("ASK{?a<b>'c'FILTER(?a<?b&&?c>1)}")]
    ['ASK', '{', '?a', '<b>', "'c'", 'FILTER', '(', '?a', '<', '?b', '&&', '?c', '>', '1', ')', '}']

    Raises QuerySyntaxError for an unclosed string and for brackets that do not match.
    """
    tokens: list[Token] = []
    stack: list[tuple[str, int, bool]] = []  # bracket, offset, does it hold an expression
    expression = True  # what the innermost bracket holds; before the first brace: a SELECT list
    head = True  # in a SELECT list or after GROUP BY, HAVING, ORDER BY at this level
    heads: list[bool] = []
    scan, size, at = _SCAN.match, len(text), 0
    kind, word = "", ""  # of the lexeme before
    while at < size:
        found = scan(text, at)
        assert found is not None  # every part of the pattern is optional
        here = found.lastgroup
        if here is None:  # white space or a comment at the end
            break
        lexeme = found[here]
        start, at = found.start(here), found.end()
        if here == "iri" and expression and stack and (kind in _OPERAND or word in ("TRUE", "FALSE")):
            here, lexeme = "op", "<=" if text.startswith("<=", start) else "<"
            at = start + len(lexeme)
        elif here == "op" and lexeme in ('"', "'"):
            raise _error(
                text, start, f"this string is not closed with {lexeme}", f"Add the closing {lexeme}."
            )
        if here == "open":
            if lexeme == "(":
                called = kind == "word" and word not in _NOT_CALLED
                function = (
                    kind in ("iri", "pname") and len(tokens) > 1 and tokens[-2].text.upper() == "FILTER"
                )
                inner = (expression and bool(stack) and word != "<<") or called or function or head
            else:
                inner = False
            stack.append((lexeme, start, expression))
            heads.append(head)
            expression, head = inner, False
        elif here == "close":
            if not stack or stack[-1][0] != _PARTNER[lexeme]:
                if stack:
                    line, column = position(text, stack[-1][1])
                    opened = f"; the last one open is '{stack[-1][0]}' at line {line}, column {column}"
                else:
                    opened = "; nothing is open here"
                raise _error(
                    text, start, f"'{lexeme}' closes no '{_PARTNER[lexeme]}'{opened}", f"Remove '{lexeme}'."
                )
            _, _, expression = stack.pop()
            head = heads.pop()
            if lexeme == "}":
                head = False
        tokens.append(Token(here, lexeme, start))
        kind = here
        if here == "word":
            word = lexeme.upper()
            if word in ("SELECT", "GROUP", "ORDER", "HAVING"):
                head = True
            elif word in ("WHERE", "FROM", "LIMIT", "OFFSET", "VALUES", "CONSTRUCT", "ASK", "DESCRIBE"):
                head = False
        else:
            word = lexeme if here == "op" else ""
    if stack:
        bracket, offset, _ = stack[-1]
        partner = {"(": ")", "{": "}", "[": "]"}[bracket]
        raise _error(text, offset, f"this {_NAMES[bracket]} is never closed", f"Add '{partner}'.")
    return tokens


def inspect(
    text: str, *, limits: Limits = DEFAULT_LIMITS, base: str | None = None, allow_service: bool = False
) -> QueryInfo:
    """Look a query over before it may reach the engine.

    `base` resolves relative IRIs of FROM where the text has no BASE of its own.

    >>> info = inspect("PREFIX : <http://e/> SELECT * FROM :g # all\\n WHERE { ?s ?p ?o }")
    >>> info.form, info.from_, info.volatile
    ('select', ('http://e/g',), False)
    >>> info.canonical
    'PREFIX : <http://e/> SELECT * FROM :g WHERE { ?s ?p ?o }'

    Raises QuerySyntaxError, QueryTooLarge, ServiceNotAllowed, UpdateNotAllowed.
    """
    info = _inspect(text, limits, base)
    if info.has_service and not allow_service:
        raise ServiceNotAllowed(
            "nothing was run: the query calls another endpoint with SERVICE, which is not allowed here",
            hint="Ask the other endpoint yourself and put its rows into the query with VALUES.",
        )
    return info


#: An IRI that is one wherever it stands: no token but an IRI goes on with `//` after a scheme, so its `<` can
#: be no operator to the engine. Within strings and comments it may stand for text, which changes nothing.
_PLAIN_IRI: Final = re.compile(r"<https?://[\w.~/%#:@=-]*>")
#: A number by itself, as of LIMIT and OFFSET, after the last brace.
_PLAIN_NUMBER: Final = re.compile(r"(?<=[ \n])[0-9]+(?![^ \n])")
_HOLE: Final = "<http://\ue000>"
_LONGEST_FORM: Final = 8192
#: What was learnt of queries that differ in IRIs and limits alone: the pieces of the canonical text between
#: them, and the rest. None: seen once. Most of a busy day's queries are a few such forms, filled in anew.
_KNOWN: Final[OrderedDict[tuple[str, Limits, str | None], tuple[list[str], QueryInfo] | None]] = OrderedDict()


@lru_cache(maxsize=64)
def _inspect(text: str, limits: Limits, base: str | None) -> QueryInfo:
    """As `_inspect_all`, which it spares for a text whose form is known. IRIs before the first brace belong
    to the form: what PREFIX, BASE and FROM say must not be mixed up."""
    brace, last = text.find("{"), text.rfind("}")
    filled = _PLAIN_IRI.findall(text, brace, last) if brace >= 0 else []
    if not filled or len(text) > _LONGEST_FORM or "\ue000" in text:
        return _inspect_all(text, limits, base)
    tail = text[last:]
    if numbers := _PLAIN_NUMBER.findall(tail):
        filled += numbers
        tail = _PLAIN_NUMBER.sub(_HOLE, tail)
    form = text[:brace] + _PLAIN_IRI.sub(_HOLE, text[brace:last]) + tail
    key = (form, limits, base)
    known = _KNOWN.get(key)
    if known is not None and _check_characters(text) <= limits.text_bytes:
        pieces, info = known
        canonical = (
            "".join([part for pair in zip(pieces, filled, strict=False) for part in pair]) + pieces[-1]
        )
        return info._replace(canonical=canonical, without_dataset=text)
    info = _inspect_all(text, limits, base)
    if key not in _KNOWN:
        _KNOWN[key] = None
        if len(_KNOWN) > 512:
            _KNOWN.popitem(last=False)
    elif not info.from_ and not info.from_named:
        pieces = _inspect_all(form, limits, base).canonical.split(_HOLE)
        if len(pieces) == len(filled) + 1:  # not so if one stands in a comment
            _KNOWN[key] = pieces, info
    return info


def _inspect_all(text: str, limits: Limits, base: str | None) -> QueryInfo:
    size = _check_characters(text)
    if size > limits.text_bytes:
        raise QueryTooLarge(
            f"nothing was run: the query has {size:,} bytes, at most {limits.text_bytes:,} are taken",
            hint="Split it, or name the things by a pattern instead of listing them.",
        )
    tokens = tokenize(text)
    if not tokens:
        raise QuerySyntaxError(
            "the query is empty", line=1, column=1, hint="Begin with SELECT, ASK, CONSTRUCT or DESCRIBE."
        )
    prefixes, own_base, first = _prologue(text, tokens, base)
    form = _form(text, tokens, first)
    depth = deepest = operators = braces = 0
    service = volatile = graph = False
    from_: list[str] = []
    named: list[str] = []
    cuts: list[tuple[int, int]] = []
    count = len(tokens)
    for i in range(first, count):
        kind, lexeme, start = tokens[i]
        if kind == "word":
            word = lexeme.upper()
            if word in _COSTLY:
                operators += 1
            if word in _VOLATILE:
                volatile = True
            # The engine needs no space around keywords: `trueSERVICE<x>{}` calls x.
            if "SERVICE" in word:
                service = volatile = True
            elif word == "GRAPH":
                graph = True
            elif word == "FROM" and depth == 0 and i + 1 < count:
                is_named = tokens[i + 1].text.upper() == "NAMED" and tokens[i + 1].kind == "word"
                at = i + 2 if is_named else i + 1
                if at < count and tokens[at].kind in ("iri", "pname"):
                    iri = _iri(text, tokens[at], prefixes, own_base)
                    goal = named if is_named else from_
                    if iri not in goal:
                        goal.append(iri)
                    cuts.append((start, tokens[at].start + len(tokens[at].text)))
        elif kind == "open":
            depth += 1
            deepest = max(deepest, depth)
            braces += lexeme == "{"
        elif kind == "close":
            depth -= 1
        elif kind == "op":
            if lexeme != ",":
                operators += 1
        elif kind == "pname":
            prefix = lexeme[: lexeme.index(":")]
            if prefix not in prefixes:
                raise _unknown_prefix(text, start, prefix)
            # `SERVICEex:a{` calls ex:a, with or without a prefix of that whole name.
            called = i + 1 < count and tokens[i + 1].text == "{"
            named_so = tokens[i - 1].text.upper() in ("GRAPH", "FROM", "NAMED")
            if "SERVICE" in prefix.upper() and called and not named_so:
                service = volatile = True
    if deepest > limits.depth or operators > limits.operators:
        raise QueryTooLarge(
            f"nothing was run: brackets {deepest} deep (at most {limits.depth}), "
            f"{operators} operators and patterns (at most {limits.operators})",
            hint="Write it as several smaller queries; long lists of values belong into VALUES.",
        )
    if not braces and form != "describe":
        raise _error(text, len(text.rstrip()), "the pattern in braces is missing", "Add WHERE { … }.")
    return QueryInfo(
        form=form,
        tokens=count,
        depth=deepest,
        operators=operators,
        has_service=service,
        volatile=volatile,
        uses_graph=graph,
        from_=tuple(from_),
        from_named=tuple(named),
        canonical=" ".join([t.text for t in tokens]),
        without_dataset=_blank(text, cuts),
        prefixes=prefixes,
    )


class Scope(NamedTuple):
    """What the prologue of a query declares."""

    prefixes: Mapping[str, str]
    base: str | None
    first: int  #: index of the first token after it

    def iri(self, text: str, token: Token) -> str:
        """The IRI that a token of the text stands for. Raises QuerySyntaxError for an unknown prefix."""
        return _iri(text, token, self.prefixes, self.base)


def prologue(text: str, tokens: list[Token], base: str | None = None) -> Scope:
    """What the tokens of a query declare; `base` is the base IRI before the text's own."""
    return Scope(*_prologue(text, tokens, base))


def _prologue(text: str, tokens: list[Token], base: str | None) -> tuple[dict[str, str], str | None, int]:
    """Prefixes, base, and the index of the first token after them."""
    prefixes: dict[str, str] = {}
    i = 0
    while i < len(tokens) and tokens[i].kind == "word":
        word = tokens[i].text.upper()
        if word == "BASE" and i + 1 < len(tokens) and tokens[i + 1].kind == "iri":
            base = _resolve(_unescape(tokens[i + 1].text[1:-1]), base)
            i += 2
        elif (
            word == "PREFIX"
            and i + 2 < len(tokens)
            and tokens[i + 1].text.endswith(":")
            and tokens[i + 2].kind == "iri"
        ):
            prefixes[tokens[i + 1].text[:-1]] = _resolve(_unescape(tokens[i + 2].text[1:-1]), base)
            i += 3
        elif word in ("BASE", "PREFIX"):
            example = f"PREFIX kym: <{KYM}>" if word == "PREFIX" else "BASE <https://…/>"
            raise _error(text, tokens[i].start, f"this {word} is incomplete", f"Write it as: {example}")
        else:
            break
    return prefixes, base, i


def _form(text: str, tokens: list[Token], first: int) -> Form:
    hint = "Begin with SELECT, ASK, CONSTRUCT or DESCRIBE after the prefixes."
    if first >= len(tokens):
        raise _error(text, len(text.rstrip()), "the query ends after its prefixes", hint)
    token = tokens[first]
    word = token.text.upper()
    if token.kind == "word" and word in _UPDATES:
        raise UpdateNotAllowed(
            f"nothing was changed: {word} is an update, and this is the place for queries",
            hint="Ask with SELECT, ASK, CONSTRUCT or DESCRIBE; this version takes no updates.",
        )
    form = _FORMS.get(word)
    if form is None or token.kind != "word":
        raise _error(text, token.start, f"a query cannot begin with {_shown(token.text)}", hint)
    return form


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")


def _unknown_prefix(text: str, offset: int, prefix: str) -> QuerySyntaxError:
    hint = f"add PREFIX {prefix}: <{PREFIXES.get(prefix, '…')}>"
    return _error(text, offset, f"unknown prefix {prefix}:", hint)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(_ESCAPE, lambda found: chr(int(found[0][2:], 16)), text)


def _resolve(iri: str, base: str | None) -> str:
    return urljoin(base, iri) if base and not re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:", iri) else iri


def _iri(text: str, token: Token, prefixes: Mapping[str, str], base: str | None) -> str:
    if token.kind == "iri":
        return _resolve(_unescape(token.text[1:-1]), base)
    prefix, _, local = token.text.partition(":")
    if prefix not in prefixes:
        raise _unknown_prefix(text, token.start, prefix)
    return prefixes[prefix] + re.sub(r"\\(.)", r"\1", local)


def _blank(text: str, cuts: Iterable[tuple[int, int]]) -> str:
    for start, end in cuts:
        text = text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
    return text


# --- what the engine says about a text it could not parse ------------------------------------------------

_INCOMPLETE: Final = "A triple pattern has a subject, a predicate and an object, and ends with '.'"
_BARE: Final = "A variable begins with ?, a name has a prefix as in kym:name, a text has quotes."
_ENGINE: Final = re.compile(r"error at (\d+):(\d+): expected (?:one of )?(.*)", re.DOTALL)
_EXPECTED: Final = re.compile(r""""(?:[^"\\]|\\.)*"|\[(?:'(?:[^'\\]|\\[^']*|\\')'|[^\]])*\]|[^,\s][^,]*""")
#: Blanks to put after a text before the engine parses it: see `syntax_error`.
PADDING: Final = " " * 32


def syntax_error(message: str, text: str) -> QuerySyntaxError:
    """The engine's words about a text as an error with a position and, where there is one, a hint.

    The engine compares a keyword with as many characters as it has and, if they differ, names the place
    *after* them; near the end of a text it runs out of characters, hence `PADDING`. So the place it could
    not get past is as many characters earlier as the expected keyword is long.

    >>> print(syntax_error("error at 1:29: expected OPTIONAL", "SELECT * { ?s ?p ?o ?x ?y }").message)
    line 1, column 21: '?x' cannot stand here
    """
    found = _ENGINE.fullmatch(message)
    if found is None:
        function = re.search(r"custom function <([^>]*)>", message)
        if function is None:
            return QuerySyntaxError(message)
        at = text.find(function[1])
        line, column = position(text, at) if at >= 0 else (None, None)
        return QuerySyntaxError(
            f"there is no function <{function[1]}>",
            line=line,
            column=column,
            hint="Only the functions of SPARQL 1.1 and the xsd: casts can be called.",
        )
    expected = [item.strip() for item in _EXPECTED.findall(found[3])]
    keywords = [item for item in expected if re.fullmatch(r"\w+", item)]
    exact = [item for item in expected if item[0] in "\"['" and item != "[_]"]
    lines = text.split("\n")
    offset = sum(len(part) + 1 for part in lines[: int(found[1]) - 1]) + int(found[2]) - 1
    not_iri = "IRI parsing failed" in found[3]
    if keywords and not exact and not not_iri:
        offset -= min(map(len, keywords))
    tokens = tokenize(text)
    after = next((t for t in tokens if t.start + len(t.text) > offset), None)
    before = next((t for t in reversed(tokens) if t.start + len(t.text) <= offset), None)
    blamed, detail, hint = after, "cannot stand here", _hint(before, after, exact)
    if "unbound" in found[3]:
        blamed, detail = None, "the SELECT list names a variable that is neither grouped nor aggregated"
        hint = "Add it to GROUP BY, or wrap it: (SAMPLE(?x) AS ?y)."
    elif not_iri:
        blamed, detail = before, "is not a full IRI"
        hint = "Write the IRI with its scheme, use a prefix, or declare BASE."
    elif '":"' in exact and before and before.kind == "word" and before.start + len(before.text) == offset:
        blamed, hint = before, _BARE
    elif after is None:
        detail = "the query cannot end here"
    elif before is not None and before.text in "{}." and after.kind in _OPERAND - {"close"}:
        detail, hint = "begins a pattern that is not complete", _INCOMPLETE
    elif "DISTINCT" in keywords:
        hint = "SELECT takes variables with spaces between them, and expressions as (COUNT(?x) AS ?n)."
    if blamed is not None:
        offset, detail = blamed.start, f"{_shown(blamed.text)} {detail}"
    line, column = position(text, min(offset, len(text.rstrip())))
    return QuerySyntaxError(detail, line=line, column=column, hint=hint)


def _hint(before: Token | None, after: Token | None, exact: list[str]) -> str | None:
    """The usual cause of what stands here, as advice."""
    if after is not None and before is not None:
        if before.text.upper() == "FILTER":
            return "FILTER takes parentheses: FILTER(?x > 1)."
        if after.kind == "word" and after.text.islower() and after.text not in ("a", "true", "false"):
            return _BARE
        if after.kind == "string" and "\\" in after.text:
            return r"In a text a backslash is written \\, and \" \t \n \r stand for what they say."
        if after.text == "}":
            return "A variable that BIND gives a value must be new." if before.text == ")" else _INCOMPLETE
        if before.kind in _OPERAND and after.kind in _OPERAND:
            return "A '.' may be missing between two patterns, or one of them has too many or too few terms."
    plain = [item[1:-1] for item in exact if re.fullmatch(r'"[^\w\\"]{1,3}"', item)]
    return "Expected " + " or ".join(plain) + "." if 0 < len(plain) <= 6 else None


# --- parameters -------------------------------------------------------------------------------------------

ParameterType = Literal["iri", "string", "lang-string", "integer", "decimal", "date", "year", "boolean"]
_TYPES: Final = ("iri", "string", "lang-string", "integer", "decimal", "date", "year", "boolean")
_DEFAULT: Final = Base()
#: `slug:programme` takes what stands after `id/programme/` in the IRI of a thing, or its whole IRI.
_SLUG_TYPE: Final = re.compile(r"slug:[A-Za-z0-9][A-Za-z0-9._~-]*")
_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,200}(?:/[A-Za-z0-9][A-Za-z0-9._~-]{0,200}){0,4}")
_TERM_IRI = rf"""<[A-Za-z][A-Za-z0-9+.\-]*:(?:[^<>"{{}}|^`\\\x00-\x20]|{_ESCAPE})*>"""
_TERM: Final = re.compile(
    rf"""{_TERM_IRI}
      | "(?:[^"\\\n\r]|\\[tbnrf"'\\]|{_ESCAPE})*"
        (?:@[A-Za-z]{{1,8}}(?:-[A-Za-z0-9]{{1,8}})* | \^\^{_TERM_IRI})?""",
    re.VERBOSE,
)


def term_iri(iri: str) -> str:
    """An IRI as an N-Triples term; BadParameter if it is not an absolute IRI.

    >>> term_iri("https://example.org/a")
    '<https://example.org/a>'
    """
    term = f"<{iri}>"
    if not _TERM.fullmatch(term):
        raise BadParameter(
            f"{_shown(iri)} is not an absolute IRI", hint="Write it in full, as in https://example.org/x."
        )
    return term


def term_literal(value: str, *, datatype: str | None = None, lang: str | None = None) -> str:
    r"""A literal as an N-Triples term.

    >>> term_literal('a "b"', lang="fi")
    '"a \\"b\\""@fi'
    """
    escaped = re.sub(
        r'[\\"\n\r\t\x00-\x1f\x7f]',
        lambda found: _LITERAL_ESCAPES.get(found[0], f"\\u{ord(found[0]):04X}"),
        value,
    )
    suffix = f"@{lang}" if lang else f"^^<{datatype}>" if datatype else ""
    return f'"{escaped}"{suffix}'


def is_term(text: str) -> bool:
    """Whether this is one IRI or literal in N-Triples form, and nothing else.

    >>> is_term('"a"@fi'), is_term('"a" "b"')
    (True, False)
    """
    return _TERM.fullmatch(text) is not None


_LITERAL_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _term(name: str, kind: str, value: str, base: Base) -> str:
    """One parameter value as a term of its declared type; BadParameter says what the type takes."""
    takes: dict[str, str] = {
        "integer": "a whole number, as in 12",
        "decimal": "a number with a point, as in 12.5",
        "date": "a date, as in 2021-01-31",
        "year": "a year in four digits, as in 2021",
        "boolean": "true or false",
        "iri": "an absolute IRI, as in https://example.org/x",
        "lang-string": "a text and its language, as in Kouvola@fi",
        "string": "a text of characters that XML can hold",
    }
    if any(0xD800 <= ord(c) <= 0xDFFF or c == "\0" for c in value):
        raise BadParameter(
            f"{name}: the value holds a character that no text can hold", hint="Send it as UTF-8."
        )
    stripped = value.strip()
    if kind.startswith("slug:"):
        of = kind.removeprefix("slug:")
        if _SLUG.fullmatch(stripped):
            return term_iri(base.id(of, stripped))
        if "://" in stripped and _TERM.fullmatch(f"<{stripped}>"):
            return f"<{stripped}>"
        raise BadParameter(
            f"{name}: {_shown(value)} is not of type {kind}",
            hint=f"Give what stands after {base.ids}{of}/ in the IRI of a thing, or the whole IRI.",
        )
    if kind == "iri":
        if _TERM.fullmatch(f"<{stripped}>"):
            return f"<{stripped}>"
    elif kind == "string":
        return term_literal(value)
    elif kind == "lang-string":
        found = re.fullmatch(r"(.*)@([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)", value, re.DOTALL)
        if found:
            return term_literal(found[1], lang=found[2].lower())
    elif kind == "integer":
        if re.fullmatch(r"[+-]?[0-9]{1,18}", stripped):
            return term_literal(str(int(stripped)), datatype=XSD + "integer")
    elif kind == "decimal":
        if re.fullmatch(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})", stripped):
            return term_literal(str(Decimal(stripped)), datatype=XSD + "decimal")
    elif kind == "date":
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", stripped):
            try:
                return term_literal(_date.fromisoformat(stripped).isoformat(), datatype=XSD + "date")
            except ValueError:
                pass
    elif kind == "year":
        if re.fullmatch(r"[0-9]{4}", stripped):
            return term_literal(stripped, datatype=XSD + "gYear")
    elif kind == "boolean" and stripped in ("true", "false"):
        return term_literal(stripped, datatype=XSD + "boolean")
    raise BadParameter(f"{name}: {_shown(value)} is not of type {kind}", hint=f"Give {takes[kind]}.")


def substitute(text: str, bindings: Mapping[str, str]) -> str:
    """The query with each parameter's variable replaced by its term, as tokens, never inside another token.

    `bindings` maps variable names to N-Triples terms. A parameter is a constant: it is replaced in patterns,
    expressions and templates at every depth, and where a variable must stand (SELECT list, GROUP BY) the
    constant is given its name, so that a projected parameter comes back in each row.
    Why not the engine's own substitution: docs/decisions/0008-query-parameters.md.

    >>> print(substitute("SELECT ?x ?n { ?x <p:n> ?n FILTER(?n != '?x') }", {"x": "<e:a>"}))
    SELECT (<e:a> AS ?x) ?n { <e:a> <p:n> ?n FILTER(?n != '?x') }

    Raises BadParameter for a term that is not one term, and for a query that assigns its parameter.
    """
    for name, term in bindings.items():
        if not re.fullmatch(r"\w+", name) or not _TERM.fullmatch(term):
            raise BadParameter(f"{name}: {_shown(term)} is not one IRI or literal in N-Triples form")
    if not bindings:
        return text
    parts = list(_template(text, tuple(sorted(bindings))))
    parts[1::2] = [bindings[name] for name in parts[1::2]]
    return "".join(parts)


@lru_cache(maxsize=256)
def _template(text: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The query cut at its parameters: text, name, text… The same few queries are asked again and again."""
    marked = {name: f"\0{name}\0" for name in names}  # no query holds the character
    for start, end, new in sorted(_edits(text, tokenize(text), marked), reverse=True):
        text = text[:start] + new + text[end:]
    return tuple(text.split("\0"))


@dataclass(slots=True)
class _Select:
    """One SELECT (the query itself or one inside it) while its tokens go by."""

    outer: bool
    level: int
    section: str = "list"  # list, where, group, having, order
    star: int | None = None  # offset after SELECT *
    listed: list[Token] = field(default_factory=list)  # parameters in the SELECT list
    grouped: set[str] = field(default_factory=set)
    others: int = 0  # what else the list holds
    close: int = 0  # offset of the brace that ends WHERE


def _edits(text: str, tokens: list[Token], bindings: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Replacements as (start, end, new text), not overlapping."""
    level = parens = 0
    selects: list[_Select] = []
    done: list[_Select] = []
    prologue_end = _prologue(text, tokens, None)[2]
    where_open: list[_Select | None] = []
    values: bool = False  # in the variable list of VALUES
    for i, (kind, lexeme, start) in enumerate(tokens):
        if i < prologue_end:
            continue
        before = tokens[i - 1] if i else Token("", "", 0)
        word = lexeme.upper() if kind == "word" else ""
        select = selects[-1] if selects and selects[-1].level == level else None
        if word == "SELECT":
            selects.append(_Select(outer=not selects and level == 0, level=level))
        elif word == "VALUES":
            values = True
        elif select is not None and word in ("GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "WHERE", "FROM"):
            select.section = word.lower()
        elif lexeme == "*" and select is not None and select.section == "list" and parens == 0:
            select.star = start
        elif kind == "open":
            if lexeme == "{":
                values = False
                opens = select if select is not None and select.section in ("list", "where", "from") else None
                where_open.append(opens)
                level += 1
                if opens is not None:
                    opens.section = "in"
            elif lexeme == "(":
                parens += 1
                if select is not None and select.section == "list" and parens == 1:
                    select.others += 1
        elif kind == "close":
            if lexeme == "}":
                level -= 1
                if selects and selects[-1].level > level:
                    done.append(selects.pop())
                opened = where_open.pop()
                if opened is not None:
                    opened.close, opened.section = start, "after"
            elif lexeme == ")":
                parens -= 1
        if kind != "var":
            continue
        name = lexeme[1:]
        in_list = select is not None and select.section == "list" and parens == 0
        if name not in bindings:
            if in_list and select is not None:
                select.others += 1
            continue
        end = start + len(lexeme)
        if values or before.text.upper() == "AS":
            line, column = position(text, start)
            raise BadParameter(
                f"{lexeme} is a parameter, but line {line}, column {column} gives it another value",
                hint=f"Rename that variable, or take {name} out of the parameters.",
            )
        if in_list and select is not None:
            select.listed.append(tokens[i])
        elif select is not None and select.section == "group" and parens == 0:
            select.grouped.add(name)
            # A named key in an inner SELECT would be a second ?x where the outer one has a constant.
            yield start, end, f"({bindings[name]} AS {lexeme})" if select.outer else f"({bindings[name]})"
        elif select is not None and select.section == "order" and parens == 0:
            yield start, end, f"({bindings[name]})"
        elif (
            before.text == "("
            and i + 1 < len(tokens)
            and tokens[i + 1].text == ")"
            and tokens[i - 2].text.upper() == "BOUND"
        ):
            yield tokens[i - 2].start, tokens[i + 1].start + 1, "true"
        else:
            yield start, end, f" {bindings[name]} " if _touches(text, start, end) else bindings[name]
    done.extend(selects)
    for select in done:
        yield from _list_edits(select, tokens, bindings)


def _touches(text: str, start: int, end: int) -> bool:
    """Would a term put here run into a neighbouring token?"""
    return not (text[start - 1 : start].isspace() or text[start - 1 : start] in "({[,;") or not (
        text[end : end + 1].isspace() or text[end : end + 1] in ")}],;"
    )


def _list_edits(
    select: _Select, tokens: list[Token], bindings: Mapping[str, str]
) -> Iterator[tuple[int, int, str]]:
    kept = select.others
    for token in select.listed:
        name, end = token.text[1:], token.start + len(token.text)
        if not select.outer:
            # The name would clash with the outer constant. An empty list is not SPARQL, so one stays.
            new = "" if kept else f"(1 AS ?kept_{token.start})"
            kept += 1
            yield token.start, end, new
        elif name not in select.grouped:
            yield token.start, end, f"({bindings[name]} AS {token.text})"
    if select.star is not None and select.outer and select.close:
        used = {t.text[1:] for t in tokens if t.kind == "var"}
        names = [name for name in bindings if name in used]
        yield select.close, select.close, "".join(f" BIND({bindings[n]} AS ?{n}) " for n in names)


# --- queries in files -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query file: what it answers, what it takes, and its text.

    >>> q = NamedQuery.parse("#+ params: {whole: iri}\\nSELECT ?p { ?whole <e:part> ?p }", "parts")
    >>> q.bind({"whole": "https://example.org/w"})
    {'whole': '<https://example.org/w>'}
    """

    name: str
    text: str
    summary: Mapping[str, str] = field(default_factory=dict)  #: by language
    params: Mapping[str, str] = field(default_factory=dict)  #: name to type
    returns: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    example: Mapping[str, str] = field(default_factory=dict)  #: a value for each parameter, to try it out
    extra: Mapping[str, object] = field(default_factory=dict)  #: front matter that is not ours
    optional: frozenset[str] = frozenset()  #: parameters that may be left out: their variables stay variables

    @classmethod
    def load(cls, path: Path) -> NamedQuery:
        """Read a `.rq` file; its name is the file's. Raises InputError with the line that is wrong."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 at byte {error.start}") from error
        return cls.parse(text, path.stem, file=str(path))

    @classmethod
    def parse(cls, text: str, name: str, *, file: str | None = None) -> NamedQuery:
        """Split front matter (`#+ key: value` lines, YAML) from the query."""
        where = file or name
        data = front_matter(text, where)
        written = _strings(where, "params", data.pop("params", {}))
        params = {param: kind.removesuffix("?") for param, kind in written.items()}
        for param, kind in params.items():
            if kind not in _TYPES and not _SLUG_TYPE.fullmatch(kind):
                raise InputError(
                    f"{where}: parameter {param} has type {kind!r}",
                    hint=f"Types are {', '.join(_TYPES)} and slug:KIND, with ? behind if it may be left out.",
                )
        summary = data.pop("summary", {})
        answers = data.pop("answers", "")
        if not isinstance(answers, str | list):
            raise InputError(
                f"{where}: answers is a list of question ids", hint="Write #+ answers: [Q01, Q02]"
            )
        query = cls(
            name=name,
            text=text,
            summary={"en": summary} if isinstance(summary, str) else _strings(where, "summary", summary),
            params=params,
            returns=_strings(where, "returns", data.pop("returns", {})),
            answers=tuple(
                answers.replace(",", " ").split() if isinstance(answers, str) else map(str, answers)
            ),
            example=_strings(where, "example", data.pop("example", {})),
            extra=data,
            optional=frozenset(param for param, kind in written.items() if kind.endswith("?")),
        )
        used = {t.text[1:] for t in tokenize(text) if t.kind == "var"}
        unused = [param for param in params if param not in used]
        if unused:
            raise InputError(
                f"{where}: parameter {unused[0]} does not occur in the query", hint=f"Use ?{unused[0]}."
            )
        return query

    def bind(self, values: Mapping[str, str], base: Base = _DEFAULT) -> dict[str, str]:
        """Values, as people write them, to N-Triples terms of the declared types.

        All are needed but those declared optional. `base` is where slugs belong.
        """
        for name in values:
            if name not in self.params:
                known = ", ".join(self.params) or "none"
                raise UnknownParameter(
                    f"{self.name} has no parameter {_shown(name)}", hint=f"Its parameters: {known}."
                )
        for name, kind in self.params.items():
            if name not in values and name not in self.optional:
                example = self.example.get(name)
                raise BadParameter(
                    f"{self.name} needs the parameter {name} ({kind})",
                    hint=f"On the command line, for example: --param {name}={example}" if example else None,
                )
        return {
            name: _term(name, kind, values[name], base)
            for name, kind in self.params.items()
            if name in values
        }


def front_matter(text: str, where: str = "query") -> dict[str, object]:
    """The `#+ key: value` lines of a query file: text, `[a, b]`, `{a: b, c: d}`, or deeper `#+   a: b` lines.

    A value is text to the end of its line or to ` #`; commas and colons need quotes only inside brackets.

    >>> front_matter("#+ summary: {fi: Osat, en: 'Parts, all'}\\n#+ answers: Q07  # one\\nASK {}")
    {'summary': {'fi': 'Osat', 'en': 'Parts, all'}, 'answers': 'Q07'}

    Raises InputError naming the line.
    """
    data: dict[str, object] = {}
    inner: dict[str, object] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith("#+") or not line[2:].strip():
            continue
        content = re.sub(r"\s+#.*$", "", line[2:].removeprefix(" "))
        key, colon, value = content.partition(":")
        deeper = content[:1].isspace()
        if not colon or not re.fullmatch(r"[\w-]+", key.strip()) or (deeper and inner is None):
            raise InputError(
                f"{where}:{number}: {_shown(content)} is not front matter", hint="Write #+ key: value"
            )
        value = value.strip()
        if deeper and inner is not None:
            inner[key.strip()] = _scalar(value)
        elif value:
            data[key.strip()], inner = _value(value, f"{where}:{number}"), None
        else:
            data[key.strip()] = inner = {}
    return data


_FLOW: Final = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,]*)\s*(?:,|$)""")


def _value(text: str, where: str) -> object:
    if text[0] + text[-1] not in ("{}", "[]"):
        return _scalar(text)
    pairs = text[0] == "{"
    found: dict[str, str] = {}
    listed: list[str] = []
    at, body = 0, text[1:-1].strip()
    while at < len(body):
        key = re.compile(r"\s*([\w-]+)\s*:\s*").match(body, at) if pairs else None
        if pairs and key is None:
            raise InputError(
                f"{where}: {_shown(body[at:])} is not name: value", hint="Write {name: value, …}"
            )
        item = _FLOW.match(body, key.end() if key else at)
        if item is None:
            raise InputError(f"{where}: a comma is missing in {_shown(text)}")
        at = item.end()
        if key:
            found[key[1]] = _scalar(item[1].strip())
        else:
            listed.append(_scalar(item[1].strip()))
    return found if pairs else listed


def _scalar(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        inner = text[1:-1]
        return re.sub(r"\\(.)", r"\1", inner) if text[0] == '"' else inner.replace("''", "'")
    return text


def _strings(where: str, key: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise InputError(
            f"{where}: {key} is a mapping of names to words", hint=f"Write #+ {key}: {{name: word}}"
        )
    return {str(k): v for k, v in value.items()}
