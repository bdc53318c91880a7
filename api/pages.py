"""HTML pages: Jinja2 templates with autoescape on, and results turned into cells that are safe to show.

A literal or an IRI from the graph is only ever text; it becomes a link only if it begins with http:// or
https://. Pages hold no script or style of their own (the CSP would not run them).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.built import Built
from api.negotiate import LANGUAGES, Language
from api.texts import Texts

FOLDER: Final = Path(__file__).parent
#: What a page shows of a result; the rest is a download away.
MAX_ROWS: Final = 500
MAX_TEXT: Final = 200_000

_HEAD_END: Final = re.compile(rb'"bindings"\s*:\s*\[')
_HTTP: Final = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True, slots=True)
class Cell:
    """One term as a page shows it. `href` is None for what must not be a link."""

    text: str
    kind: str
    href: str | None = None
    title: str = ""
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A result cut to what fits a page."""

    variables: tuple[str, ...] = ()
    rows: tuple[tuple[Cell | None, ...], ...] = ()
    boolean: bool | None = None
    text: str | None = None
    complete: bool = True


def solutions(body: bytes, prefixes: Mapping[str, str], *, limit: int = MAX_ROWS) -> Shown:
    """Up to `limit` rows of SPARQL results in JSON; `body` may be cut off anywhere after its head.

    >>> cut = b'{"head":{"vars":["x"]},"results":{"bindings":[{"x":{"type":"literal","value":"<b>"}},{"x'
    >>> shown = solutions(cut, {})
    >>> shown.rows[0][0].text, shown.complete
    ('<b>', False)
    """
    start = _HEAD_END.search(body)
    if start is None:
        document = json.loads(body)
        return Shown(boolean=document["boolean"])
    head = json.loads(
        body[: start.start()].rstrip().removesuffix(b'"results":{').rstrip().removesuffix(b",") + b"}"
    )
    names = tuple(head["head"]["vars"])
    text = body[start.end() :].decode("utf-8", errors="ignore")
    decoder, position = json.JSONDecoder(), 0
    rows: list[tuple[Cell | None, ...]] = []
    complete = False
    while True:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        if text[position : position + 1] == "]":
            complete = True
            break
        if len(rows) == limit:
            break
        try:
            binding, position = decoder.raw_decode(text, position)
        except ValueError:
            break
        rows.append(tuple(cell(binding[name], prefixes) if name in binding else None for name in names))
    return Shown(names, tuple(rows), complete=complete)


def cell(term: Mapping[str, Any], prefixes: Mapping[str, str]) -> Cell:
    """One term of the SPARQL JSON results as a page shows it."""
    value = str(term["value"])
    if term["type"] == "uri":
        href = value if _HTTP.fullmatch(value) else None
        return Cell(shorten(value, prefixes), "iri", href, value)
    if term["type"] == "bnode":
        return Cell("_:" + value, "bnode")
    datatype = str(term.get("datatype", ""))
    return Cell(
        value, "literal", title=shorten(datatype, prefixes) if datatype else "", lang=term.get("xml:lang", "")
    )


def shorten(iri: str, prefixes: Mapping[str, str]) -> str:
    """`iri` as prefix:name where a prefix fits; the longest fitting namespace wins.

    >>> shorten("http://a.example/b/c", {"a": "http://a.example/", "b": "http://a.example/b/"})
    'b:c'
    """
    fitting = [
        (len(space), prefix) for prefix, space in prefixes.items() if iri.startswith(space) and iri != space
    ]
    if not fitting:
        return iri
    length, prefix = max(fitting)
    return f"{prefix}:{iri[length:]}"


class Pages:
    """The templates, with what every page needs at hand."""

    def __init__(self, title: Mapping[str, str], *, root: str = "") -> None:
        self._title, self._root = title, root
        self._built = Built(root)
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self,
        template: str,
        lang: Language,
        *,
        path: str,
        parameters: Sequence[tuple[str, str]],
        **values: Any,
    ) -> bytes:
        """The page `template` in `lang`; its links to other languages keep `path` and `parameters`."""
        kept = [(name, value) for name, value in parameters if name != "lang"]
        languages = [(code, f"{self._root}{path}?{urlencode([*kept, ('lang', code)])}") for code in LANGUAGES]
        page = self._environment.get_template(template)
        site = self._title.get(lang) or next(iter(self._title.values()), "Kymgraph")
        common: dict[str, Any] = {"t": Texts(lang), "lang": lang, "languages": languages, "path": path}
        common |= {"site": site, "built": self._built, "root": self._root}  # root: before the path of links
        return page.render(common | values).encode()
