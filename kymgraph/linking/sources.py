"""Which vocabulary `--to` names: a service, the EU's themes, or a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from kymgraph.errors import BadParameter
from kymgraph.linking import eu_themes, finto, wikidata
from kymgraph.linking.asking import Asker
from kymgraph.linking.decisions import MATCHES, Decision
from kymgraph.linking.vocabulary import Vocabulary, load
from kymgraph.namespaces import SKOS
from kymgraph.rdf import NamedNode, parse

#: Vocabularies that have a name.
NAMES: Final = ("yso", "yso-paikat", "wikidata", "eu-themes")


def named(
    to: str,
    asker: Asker,
    decisions: Iterable[Decision],
    *,
    url: str = "",
    finto_url: str = "",
    via: Path | None = None,
    iri: str = "",
    release: str = "",
) -> Vocabulary:
    """The vocabulary that a person names.

    `url` is where its service is, if not where it usually is; `via` is a file of links from YSO places to
    Wikidata. Raises BadParameter, InputError, FetchFailed.
    """
    if to in finto.SCHEMES:
        return finto.Finto(to, asker, url or finto.URL)
    if to == "wikidata":
        stated = _stated(decisions, asker, via, finto_url)
        return wikidata.Wikidata(asker, url or wikidata.URL, stated)
    if to == "eu-themes":
        return eu_themes.vocabulary()
    path = Path(to)
    if not path.exists() and not path.suffix:
        raise BadParameter(
            f"{to!r} is no vocabulary that is known here, and no file; nothing was compared",
            hint=f"name one of {', '.join(NAMES)}, or a SKOS file or table: --to vocabulary.tsv",
        )
    return load(path, iri=iri, release=release)


def _stated(
    decisions: Iterable[Decision], asker: Asker, via: Path | None, finto_url: str
) -> dict[str, Sequence[tuple[str, str]]]:
    """By our IRI: the concepts of YSO places it equals, with the items of Wikidata that these name."""
    exact = [
        (one.subject, one.object)
        for one in decisions
        if one.accepted
        and one.predicate == MATCHES["exact"]
        and one.vocabulary == finto.SCHEMES["yso-paikat"]
    ]
    items: dict[str, list[str]] = defaultdict(list)
    if via is not None:
        for quad in parse(via):
            stated = quad.predicate.value.startswith(SKOS) and quad.predicate.value.endswith("Match")
            if stated and isinstance(quad.subject, NamedNode) and isinstance(quad.object, NamedNode):
                items[quad.subject.value].append(quad.object.value)
    else:
        places = finto.Finto("yso-paikat", asker, finto_url or finto.URL)
        for _, concept in exact:
            items[concept] = places.links_of(concept)
    found: dict[str, Sequence[tuple[str, str]]] = {}
    for subject, concept in exact:
        named = [(concept, item) for item in sorted(items[concept]) if item.startswith(wikidata.IRI)]
        if named:
            found[subject] = named
    return found
