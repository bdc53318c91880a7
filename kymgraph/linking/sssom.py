"""Decisions as SSSOM/TSV, the Simple Standard for Sharing Ontology Mappings: what others read links from.

A declined pair is a row with `predicate_modifier` "Not": somebody looked, and it is not so. SSSOM wants
CURIEs, so prefixes are made for all namespaces that occur and stand in the head. Source:
https://w3id.org/sssom/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kymgraph.linking.decisions import Decision, Text
from kymgraph.namespaces import SKOS
from kymgraph.project import Project

COLUMNS: Final = (
    "subject_id", "subject_label", "predicate_id", "predicate_modifier", "object_id", "object_label",
    "mapping_justification", "author_id", "mapping_date", "confidence", "object_source",
    "object_source_version", "comment",
)  # fmt: skip
#: Prefixes that people know; others are made of the namespace.
_KNOWN: Final = {
    "skos": SKOS,
    "semapv": "https://w3id.org/semapv/vocab/",
    "yso": "http://www.yso.fi/onto/yso/",
    "wd": "http://www.wikidata.org/entity/",
    "eurovoc": "http://eurovoc.europa.eu/",
    "geonames": "https://sws.geonames.org/",
    "nuts": "http://data.europa.eu/nuts/code/",
    "ror": "https://ror.org/",
    "isni": "http://isni.org/isni/",
    "euauth": "http://publications.europa.eu/resource/authority/",
}


def to_tsv(decisions: Iterable[Decision], labels: Mapping[str, Sequence[Text]], project: Project) -> str:
    """All decisions, sorted; the same text for the same decisions. `labels` are names of ours by IRI."""
    curies = _Curies(project)
    rows = [_row(one, labels, curies) for one in sorted(decisions, key=lambda d: (*d.pair, d.predicate))]
    head = ['#sssom_version: "1.0"', "#curie_map:"]
    head += [f'#  {prefix}: "{iri}"' for prefix, iri in sorted(curies.used.items())]
    head.append(f'#mapping_set_id: "{project.base.graph("links")}"')
    if project.license:
        head.append(f'#license: "{project.license}"')
    if title := project.title.get("en") or next(iter(project.title.values()), ""):
        head.append(f'#mapping_set_title: "{_plain(title)}"')
    used = [name for name in COLUMNS if name in ("subject_id", "object_id") or any(row[name] for row in rows)]
    lines = ["\t".join(used), *("\t".join(row[name] for name in used) for row in rows)]
    return "\n".join([*head, *lines]) + "\n"


def _row(one: Decision, labels: Mapping[str, Sequence[Text]], curies: _Curies) -> dict[str, str]:
    mine = {text.lang: text.value for text in labels.get(one.subject, ())}
    reasons = {text.lang: text.value for text in one.reasons}
    told = (reasons.get("en") or next(iter(reasons.values()), ""), _years(one))
    return {
        "subject_id": curies.of(one.subject),
        "subject_label": _cell(mine.get("fi") or next(iter(mine.values()), "")),
        "predicate_id": curies.of(one.predicate),
        "predicate_modifier": "" if one.accepted else "Not",
        "object_id": curies.of(one.object),
        "object_label": _cell(one.label),
        "mapping_justification": curies.of(one.justification),
        "author_id": curies.of(one.reviewer),
        "mapping_date": one.decided_on,
        "confidence": "" if one.confidence is None else str(one.confidence),
        "object_source": curies.of(one.vocabulary),
        "object_source_version": _cell(one.release),
        "comment": _cell(" ".join(part for part in told if part)),
    }


def _years(one: Decision) -> str:
    if not one.valid_from and not one.valid_until:
        return ""
    return f"In force {one.valid_from or '…'}–{one.valid_until or '…'}."


class _Curies:
    """IRIs in short, and the prefixes that were needed for it."""

    def __init__(self, project: Project) -> None:
        self._known = {"kymid": project.base.ids, **_KNOWN}
        self.used: dict[str, str] = {}

    def of(self, iri: str) -> str:
        """The CURIE of an IRI; empty for one that is nothing but a host."""
        known = [(ns, prefix) for prefix, ns in self._known.items() if iri.startswith(ns) and iri != ns]
        if known:
            namespace, prefix = max(known)
        else:
            found = re.fullmatch(r"(https?://[^/]+/(?:.*[/#])?)([^/#]+[/#]?)", iri)
            if found is None:
                return ""
            namespace, prefix = found[1], self._new(found[1])
        self.used[prefix] = namespace
        return f"{prefix}:{iri.removeprefix(namespace)}"

    def _new(self, namespace: str) -> str:
        """A prefix out of the last words of a namespace, with a number if it is taken."""
        words = [part for part in re.split(r"[^a-z0-9]+", namespace.lower()) if part[:1].isalpha()]
        name = words[-1] if words else "ns"
        taken = {**self._known, **self.used}
        names = (name if not n else f"{name}{n}" for n in range(len(taken) + 1))
        prefix = next(one for one in names if taken.get(one, namespace) == namespace)
        self._known[prefix] = namespace
        return prefix


def _cell(text: str) -> str:
    """A text as it may stand in a table: one line, and nothing that a spreadsheet takes for a formula."""
    plain = _plain(text)
    return "'" + plain if plain[:1] in ("=", "+", "@") else plain


def _plain(text: str) -> str:
    return " ".join(text.split()).replace('"', "”")
