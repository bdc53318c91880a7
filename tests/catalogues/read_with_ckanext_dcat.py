"""What CKAN's harvester of DCAT-AP makes of a catalogue: run by the Python of `make catalogue-tools`.

    tests/catalogues/.venv/bin/python tests/catalogues/read_with_ckanext_dcat.py turtle PAGE… > datasets.json

Gives, for each language that a CKAN site may be set to, the dataset dicts of the profile `euro_dcat_ap_3`;
and the address of the next page that it finds in each PAGE. No module stands in for one of CKAN's own.
"""

import json
import sys
from pathlib import Path

from ckanext.dcat.processors import RDFParser
from ckantoolkit import config

PROFILES = ["euro_dcat_ap_3"]
LANGUAGES = ("fi", "sv", "en")


def parsed(page: bytes, kind: str) -> RDFParser:
    parser = RDFParser(profiles=PROFILES)
    parser.parse(page.decode("utf-8"), _format=kind)
    return parser


def main(kind: str, *names: str) -> None:
    pages = [parsed(Path(name).read_bytes(), kind) for name in names]
    datasets = {}
    for language in LANGUAGES:
        config["ckan.locale_default"] = language  # read anew for each dataset
        datasets[language] = [found for page in pages for found in page.datasets()]
    json.dump({"datasets": datasets, "next": [page.next_page() for page in pages]}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
