"""On which line of which file a resource is described, as well as a text search can tell.

Parsers do not keep positions, so the Turtle text is searched for the resource's name at the beginning of a
statement. That is right for files in our canonical form and nearly always for files written by hand; where
nothing is found, the file alone is named, or nothing. Only failing results are ever looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from kymgraph.rdf import NamedNode, Term
from kymgraph.report import Location, Report

_PREFIX = re.compile(r"^\s*@?prefix\s+([\w.-]*):\s*<([^>]*)>", re.IGNORECASE | re.MULTILINE)


@dataclass
class Locator:
    """Looks for resources in files: (name for people, path, IRI of the graph that the file is or None)."""

    files: list[tuple[str, Path, str | None]]
    _texts: dict[Path, tuple[str, dict[str, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Iterable[tuple[str, Path, str | None]]) -> Locator:
        return cls(list(files))

    @classmethod
    def of_text(cls, name: str, text: str) -> Locator:
        """For one text that is no file: the body of a request, standard input."""
        here = Path(name)
        return cls([(name, here, None)], {here: (text, dict(_PREFIX.findall(text)))})

    def located(self, report: Report) -> Report:
        """The report with the places of its resources, where they are found and not known yet."""
        return replace(
            report,
            results=tuple(
                result
                if result.source is not None
                else replace(result, source=self.find(result.focus, result.graph))
                for result in report.results
            ),
        )

    def find(self, term: Term, graph: NamedNode | None = None) -> Location | None:
        """Where `term` is described, best in the file of `graph`; None when no file speaks of it."""
        if not isinstance(term, NamedNode):
            return None
        ordered = sorted(self.files, key=lambda file: graph is None or file[2] != graph.value)
        for only_subject in (True, False):
            for name, path, _ in ordered:
                line = self._line(path, term.value, only_subject)
                if line is not None:
                    return Location(name, line)
        return None

    def _line(self, path: Path, iri: str, only_subject: bool) -> int | None:
        if path not in self._texts:
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                text = ""
            self._texts[path] = text, dict(_PREFIX.findall(text))
        text, prefixes = self._texts[path]
        forms = [re.escape(f"<{iri}>")]
        for prefix, namespace in prefixes.items():
            if namespace and iri.startswith(namespace) and iri != namespace:
                # A local name may escape any of its punctuation: kym:a\/b.
                local = "".join(c if c.isalnum() else rf"\\?{re.escape(c)}" for c in iri[len(namespace) :])
                forms.append(rf"(?<![\w:.-]){re.escape(prefix)}:{local}")
        start = r"^[ \t]*" if only_subject else ""
        found = re.search(rf"{start}(?:{'|'.join(forms)})(?=[\s;,.\])}}]|$)", text, re.MULTILINE)
        if found is None:
            return None
        return text.count("\n", 0, found.end()) + 1
