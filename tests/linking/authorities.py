"""The vocabularies of the gold set: what the authority files hold, and the traps that lie beside it."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from kymgraph.linking import eu_themes
from kymgraph.linking.vocabulary import FileVocabulary, Vocabulary, of_table

HERE = Path(__file__).parent
NAMES = {
    "YSO": "yso",
    "YSO-paikat": "yso-paikat",
    "Wikidata": "wikidata",
    "EuroVoc": "eurovoc",
    "GeoNames": "geonames",
    "EU programme": "eu-programme",
    "ROR": "ror",
    "ISNI": "isni",
    "EU country": "eu-country",
    "EU atu": "eu-atu",
    "EU corporate-body": "eu-corporate-body",
}
#: What the notes of the authority files call things, for the column `type`.
TYPES = {"populated place": "populated place", "ADM1": "region", "country": "country"}


def vocabularies(folder: Path) -> dict[str, Vocabulary]:
    """Each vocabulary of the gold set under its name, from all rows of the authority files and the traps."""
    rows: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for name, row in _authority_rows(folder):
        rows[name].setdefault(row["iri"], row)
    with (HERE / "traps.tsv").open(encoding="utf-8") as file:
        for trap in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            name = trap.pop("vocabulary")
            rows[name][trap["iri"]] = {column: cell or "" for column, cell in trap.items()}
    found: dict[str, Vocabulary] = {name: _table(name, list(table.values())) for name, table in rows.items()}
    return {**found, "eu-themes": eu_themes.vocabulary()}


def authority_rows(folder: Path) -> Iterator[dict[str, str]]:
    """The rows of all three files that have a verified IRI."""
    for file in ("places.tsv", "themes.tsv", "organisations.tsv"):
        with (folder / file).open(encoding="utf-8") as opened:
            for row in csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE):
                if row["uri"] and row["uri_status"] in ("verbatim", "composed"):
                    yield row


def _authority_rows(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for row in authority_rows(folder):
        authority = row["authority"]
        name = NAMES.get(authority) or (
            "nuts" if authority.startswith("NUTS") else "municipality-codes" if "kunta" in authority else ""
        )
        if name and "code LIST" not in row["note"]:
            kind = next((kind for said, kind in TYPES.items() if said in row["note"]), "")
            dates = {"from": row["valid_from"], "until": row["valid_to"]}
            yield name, {"iri": row["uri"], "type": kind, **dates, **_labels(row["authority_label"])}


def _labels(text: str) -> dict[str, str]:
    """The names of a row by language: the release that marks the languages, or what is given without."""
    marked = text.rpartition(" ; ")[2]
    found: dict[str, str] = {}
    for part in re.sub(r"\s*\((2019|2025)\)\s*$", "", marked).split(" | "):
        value, at, lang = part.strip().rpartition("@")
        found[f"label@{lang}" if at else "label"] = value if at else lang
    return found


def _table(name: str, rows: list[dict[str, str]]) -> FileVocabulary:
    columns = sorted({column for row in rows for column in row})
    lines = ["\t".join(columns), *("\t".join(row.get(column, "") for column in columns) for row in rows)]
    return of_table("\n".join(lines).encode(), f"{name}.tsv", iri=f"https://example.org/{name}")
