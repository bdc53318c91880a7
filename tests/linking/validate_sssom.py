"""What SSSOM's own reader and validator say of a file, as JSON; runs in an environment of its own.

tests/linking/.venv/bin/python tests/linking/validate_sssom.py links.sssom.tsv
"""

from __future__ import annotations

import json
import sys

from sssom.constants import SchemaValidationType
from sssom.parsers import parse_sssom_table
from sssom.validators import validate

CHECKS = [
    SchemaValidationType.JsonSchema,
    SchemaValidationType.PrefixMapCompleteness,
    SchemaValidationType.StrictCurieFormat,
]


def main(path: str) -> None:
    read = parse_sssom_table(path)
    reports = validate(read, CHECKS, fail_on_error=False)
    faults = [result.message for report in reports.values() for result in report.results]
    frame = read.df.fillna("")
    # Those that stand for true rows, as IRIs again.
    expand = read.converter.expand_strict
    columns = ("subject_id", "predicate_id", "object_id")
    rows = [[expand(row[name]) for name in columns] for _, row in frame.iterrows()]
    modifiers = [row.get("predicate_modifier", "") for _, row in frame.iterrows()]
    json.dump({"faults": faults, "rows": rows, "modifiers": modifiers}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
