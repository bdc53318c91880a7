"""The example queries of a project, read once at start-up, and the query that the form begins with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api.negotiate import LANGUAGES, Language
from kymgraph.errors import KymgraphError
from kymgraph.namespaces import Base
from kymgraph.project import Project
from kymgraph.queries import NamedQuery, substitute

log: Final = logging.getLogger("kymgraph.api")

#: Prefixes that stand in the form from the beginning.
_SHOWN: Final = ("graph", "id", "kym", "org", "prov", "skos")


@dataclass(frozen=True, slots=True)
class Example:
    """One query to start from. `summaries` holds the languages there are."""

    name: str
    text: str
    answers: str
    summaries: Mapping[str, str]
    source: str = ""  #: the file as it is, with its parameters
    featured: bool = False  #: shown on the front page

    def summary(self, lang: Language) -> str:
        """In the reader's language, else in the first there is; the name where there is none."""
        for code in (lang, *LANGUAGES):
            if code in self.summaries:
                return self.summaries[code]
        return self.name


def load_examples(project: Project) -> list[Example]:
    """Every query file of the project. A file that cannot be read is named in the log and left out."""
    examples = []
    for path in project.query_files():
        try:
            query = NamedQuery.load(path)
        except KymgraphError as error:
            log.warning("example query left out: %s", error)
            continue
        text = _runnable(query, project.base)
        answers, featured = ", ".join(query.answers), query.extra.get("featured") == "true"
        examples.append(Example(query.name, text, answers, query.summary, query.text, featured))
    return examples


def _runnable(query: NamedQuery, base: Base) -> str:
    """The text without its front matter, with the example values in the place of its parameters."""
    lines = [line for line in query.text.splitlines() if not line.lstrip().startswith("#+")]
    text = "\n".join(lines).strip()
    if not query.params or not set(query.params) - query.optional <= set(query.example):
        return text
    return substitute(text, query.bind(query.example, base))


def first_query(prefixes: Mapping[str, str]) -> str:
    """The query that the form begins with: what kinds of things there are."""
    lines = [f"PREFIX {name}: <{prefixes[name]}>" for name in _SHOWN if name in prefixes]
    return "\n".join(
        [
            *lines,
            "",
            "SELECT ?type (COUNT(?thing) AS ?count) WHERE {",
            "  ?thing a ?type",
            "}",
            "GROUP BY ?type",
            "ORDER BY DESC(?count)",
            "LIMIT 50",
        ]
    )
