"""What ckanapi gets of a CKAN site: run by the Python of `make catalogue-tools`, with the site's address."""

import json
import sys

from ckanapi import NotFound, RemoteCKAN, ValidationError


def main(url: str) -> None:
    found = {}
    for way, client in (("post", RemoteCKAN(url)), ("get", RemoteCKAN(url, get_only=True))):
        ask = client.action
        names = ask.package_list()
        refused = []
        for kind, action, asked in (
            (NotFound, ask.package_show, {"id": "nothing"}),
            (ValidationError, ask.package_show, {}),
            (ValidationError, ask.package_search, {"rows": "many"}),
        ):
            try:
                action(**asked)
            except kind as error:
                refused.append(error.error_dict if kind is ValidationError else "NotFound")
        found[way] = {
            "names": names,
            "shown": [ask.package_show(id=name)["title_translated"] for name in names],
            "found": [one["name"] for one in ask.package_search(q="Kouvolan seudun KOKO", rows=5)["results"]],
            "organizations": [ask.organization_show(id=name)["title"] for name in ask.organization_list()],
            "groups": [one["package_count"] for one in ask.group_list(all_fields=True)],
            "licences": [one["id"] for one in ask.license_list()],
            "site": ask.status_show()["site_url"],
            "refused": refused,
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
