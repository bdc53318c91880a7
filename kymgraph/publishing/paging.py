"""The SPARQL texts of one page of a route: its rows with labels, their count, and statements about things.

A page is cut inside SPARQL: the route's own SELECT becomes a sub-select with ORDER BY, LIMIT and OFFSET, and
only what is on the page is looked up by label. The order is total: behind the columns asked for come all
others, so no row stands on two pages. Values never enter here; parameters are bound as terms afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kymgraph.publishing.routes import LABELLED, Route
from kymgraph.queries import term_iri

#: Where a label is looked for.
LABELS: Final = "<http://www.w3.org/2004/02/skos/core#prefLabel>|<http://www.w3.org/2000/01/rdf-schema#label>"
#: Names of our own variables begin so, lest they meet those of a query.
OWN: Final = "kymgraph_"
#: More rows than this are not counted.
CEILING: Final = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows are asked for, and what of them."""

    limit: int
    offset: int = 0
    sort: tuple[tuple[str, bool], ...] = ()  #: columns, True for descending; before the file's own order
    columns: tuple[str, ...] = ()  #: those to give; none: all
    languages: tuple[str, ...] = ("fi", "sv", "en")  #: of labels, the preferred one first


def label_variables(column: str, languages: Sequence[str]) -> list[str]:
    """The variables that hold the label of a column: one per language, and one for any other label."""
    return [f"{OWN}{n}_{column}" for n in range(len(languages) + 1)]


def rows(route: Route, page: Page) -> str:
    """The text that gives one page, one row more than its limit to tell whether there is another.

    A thing with two labels in one language gives its row twice; `items.read` takes them for one.
    """
    columns = page.columns or tuple(route.columns)
    labelled = [column for column in columns if route.columns[column] in LABELLED]
    by_label = [column for column, _ in page.sort if route.columns[column] in LABELLED]
    order = _order(route, page)
    window = f"ORDER BY {order} LIMIT {page.limit + 1}" + (f" OFFSET {page.offset}" if page.offset else "")
    body = _inner(route)
    if by_label:
        names = " ".join(f"?{column}" for column in route.columns)
        keys = " ".join(f"(MIN(?{OWN}t_{column}) AS ?{OWN}k_{column})" for column in by_label)
        texts = "\n".join(_key(column, page.languages) for column in by_label)
        body = f"SELECT {names} {keys} WHERE {{\n{{ {body} }}\n{texts}\n}} GROUP BY {names}"
    elif not labelled:
        return f"{route.select.prologue}\n{body}\n{window}"
    # All columns, even if fewer are shown: they tell two rows from one row with two labels.
    given = [f"?{column}" for column in route.columns]
    given += [f"?{name}" for column in labelled for name in label_variables(column, page.languages)]
    looked_up = "\n".join(_labels(column, page.languages) for column in labelled)
    # A sub-select's order does not bind the outer query, so the few rows are sorted once more.
    return (
        f"{route.select.prologue}\nSELECT {' '.join(given)} WHERE {{\n"
        f"{{ {body}\n{window} }}\n{looked_up}\n}} ORDER BY {order}"
    )


def count(route: Route) -> str:
    """The text that counts a route's rows, up to one more than `CEILING`."""
    return (
        f"{route.select.prologue}\nSELECT (COUNT(*) AS ?{OWN}n) WHERE {{\n"
        f"{{ {_inner(route)}\nLIMIT {CEILING + 1} }}\n}}"
    )


def statements(things: Iterable[str]) -> str:
    """The text that gives all statements of some things, and the labels of what they point to."""
    listed = " ".join(term_iri(thing) for thing in things)
    first, second = LABELS.split("|")
    return (
        "CONSTRUCT { ?s ?p ?o . ?o ?lp ?l } WHERE {\n"
        f"VALUES ?s {{ {listed} }}\n?s ?p ?o\n"
        f"OPTIONAL {{ ?o ?lp ?l FILTER(?lp IN ({first}, {second})) }}\n}}"
    )


def _inner(route: Route) -> str:
    select = route.select
    distinct = "" if select.distinct and "GROUP" in select.tail.upper() else "DISTINCT "
    return f"SELECT {distinct}{select.head}\nWHERE {select.pattern}\n{select.tail}"


def _order(route: Route, page: Page) -> str:
    """What to sort by: what was asked, then the file's own order, then every other column."""
    keys: dict[str, str] = {}
    for column, descending in (*page.sort, *route.select.order, *((name, False) for name in route.columns)):
        if column in keys:
            continue
        by_label = route.columns[column] in LABELLED and any(column == name for name, _ in page.sort)
        variables = [f"?{OWN}k_{column}", f"?{column}"] if by_label else [f"?{column}"]
        keys[column] = " ".join(f"DESC({v})" if descending else v for v in variables)
    return " ".join(keys.values())


def _labels(column: str, languages: Sequence[str], of: str = "") -> str:
    *tagged, rest = (f"?{of}{name}" for name in label_variables(column, languages))
    thing = f"?{of}{OWN}x_{column}"
    # An empty cell must not be looked up: its variable would stand for whatever has a label.
    parts = [f"BIND(COALESCE(?{column}, <urn:kymgraph:nothing>) AS {thing})"]
    parts += [
        f'OPTIONAL {{ {thing} {LABELS} {name} FILTER(LANG({name}) = "{lang}") }}'
        for name, lang in zip(tagged, languages, strict=True)
    ]
    unbound = " && ".join(f"!BOUND({name})" for name in tagged)
    return " ".join([*parts, f"OPTIONAL {{ {thing} {LABELS} {rest} FILTER({unbound}) }}"])


def _key(column: str, languages: Sequence[str]) -> str:
    """The label of a column as text to sort by, in the language that will be shown."""
    names = [f"?s_{name}" for name in label_variables(column, languages)]
    best = f"COALESCE({', '.join(names)}, ?{column})"
    return f"{_labels(column, languages, 's_')}\nBIND(LCASE(STR({best})) AS ?{OWN}t_{column})"
